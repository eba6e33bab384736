#include "serving/redis_script.h"

#include <openssl/evp.h>

/*
 * Byte by byte, because Lua's own `<` on strings is strcoll(), whose order depends on the
 * server's locale.  pcall, so that a foreign value of another type is replaced.
 */
static const char fenced_set[] =
    "local old = redis.pcall('GETRANGE', KEYS[1], 0, 15)\n"
    "if type(old) == 'string' and #old == 16 then\n"
    "  for i = 1, 16 do\n"
    "    local a, b = string.byte(ARGV[1], i), string.byte(old, i)\n"
    "    if a < b then return 0 end\n"
    "    if a > b then break end\n"
    "  end\n"
    "end\n"
    "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])\n"
    "return 1\n";

mr_text mr_redis_script(void)
{
    return MR_TEXT(fenced_set);
}

mr_status mr_redis_script_sha(char ret_sha[MR_REDIS_SHA_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t sha[MR_REDIS_SHA_BYTES / 2];
    if (EVP_Digest(fenced_set, sizeof(fenced_set) - 1, sha, NULL, EVP_sha1(), NULL) != 1)
        return MR_ERR_NO_MEMORY;
    for (size_t i = 0; i < sizeof(sha); i++) {
        ret_sha[2 * i] = digits[sha[i] >> 4];
        ret_sha[2 * i + 1] = digits[sha[i] & 15];
    }
    ret_sha[MR_REDIS_SHA_BYTES - 1] = '\0';
    return MR_OK;
}
