#include "core/hash.h"

#include "core/assert.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

enum { SHA256_BYTES = 32 };

_Static_assert((int)MR_HASH_KEY_BYTES >= (int)XXH3_SECRET_SIZE_MIN,
               "XXH3 takes the whole key");
_Static_assert(MR_HASH_KEY_BYTES % SHA256_BYTES == 0, "the key is whole SHA-256 blocks");

struct mr_sha256 {
    EVP_MD_CTX *context;
};

/*
 * Counter mode: block i is SHA-256(i || secret).  XXH3 has a generator of its own, but
 * the key must not give the secret away, and that one does not promise it.
 */
void mr_hash_key_init(mr_hash_key *ret_key, const void *secret, size_t secret_bytes)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    MR_ASSERT(context != NULL); /* at start only, and there is no working without a key */
    for (uint8_t block = 0; block < MR_HASH_KEY_BYTES / SHA256_BYTES; block++) {
        MR_ASSERT(EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1);
        MR_ASSERT(EVP_DigestUpdate(context, &block, 1) == 1);
        MR_ASSERT(EVP_DigestUpdate(context, secret, secret_bytes) == 1);
        MR_ASSERT(EVP_DigestFinal_ex(context, ret_key->bytes + block * SHA256_BYTES,
                                     NULL) == 1);
    }
    EVP_MD_CTX_free(context);
}

mr_hash128 mr_hash_user(const mr_hash_key *key, mr_text id)
{
    const XXH128_hash_t hash =
        XXH3_128bits_withSecret(id.bytes, id.length, key->bytes, sizeof(key->bytes));
    return (mr_hash128){.high = hash.high64, .low = hash.low64};
}

uint64_t mr_hash_item(const mr_hash_key *key, mr_text id)
{
    return XXH3_64bits_withSecret(id.bytes, id.length, key->bytes, sizeof(key->bytes));
}

/* The line is added in steps of the golden ratio and spread by the finaliser of SplitMix64
 * [Steele, Lea and Flood 2014], a bijection: lines of one event never meet. */
uint64_t mr_hash_line(const mr_hash_key *key, mr_text event_id, uint32_t line)
{
    uint64_t hash = XXH3_64bits_withSecret(event_id.bytes, event_id.length, key->bytes,
                                           sizeof(key->bytes));
    hash += line * 0x9E3779B97F4A7C15ULL;
    hash = (hash ^ hash >> 30) * 0xBF58476D1CE4E5B9ULL;
    hash = (hash ^ hash >> 27) * 0x94D049BB133111EBULL;
    return hash ^ hash >> 31;
}

uint64_t mr_hash_bytes(const void *data, size_t bytes)
{
    return XXH3_64bits(data, bytes);
}

/*
 * CRC32C by table, eight bytes a step [Kounavis and Berry 2005, "slicing-by-8"]:
 * slices[k][b] is the remainder of byte b followed by k zero bytes.
 */
enum { SLICES = 8 };
static const uint32_t castagnoli_reflected = 0x82F63B78;
static uint32_t slices[SLICES][256];

static void make_slices(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t remainder = byte;
        for (int bit = 0; bit < 8; bit++)
            remainder = (remainder >> 1) ^ (castagnoli_reflected & (0 - (remainder & 1)));
        slices[0][byte] = remainder;
    }
    for (int k = 1; k < SLICES; k++) {
        for (int byte = 0; byte < 256; byte++) {
            const uint32_t shorter = slices[k - 1][byte];
            slices[k][byte] = (shorter >> 8) ^ slices[0][shorter & 0xFF];
        }
    }
}

static uint64_t load_little_endian(const uint8_t *from)
{
    uint64_t value;
    memcpy(&value, from, sizeof(value));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

uint32_t mr_crc32c_portable(uint32_t seed, const void *data, size_t bytes)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    MR_ASSERT(pthread_once(&once, make_slices) == 0);

    const uint8_t *from = data;
    uint32_t crc = ~seed;
    for (; bytes >= SLICES; bytes -= SLICES, from += SLICES) {
        const uint64_t word = load_little_endian(from) ^ crc;
        crc = 0;
        for (unsigned k = 0; k < SLICES; k++)
            crc ^= slices[SLICES - 1 - k][(word >> (8 * k)) & 0xFF];
    }
    for (; bytes > 0; bytes--, from++)
        crc = (crc >> 8) ^ slices[0][(crc ^ *from) & 0xFF];
    return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t seed,
                                                               const uint8_t *from,
                                                               size_t bytes)
{
    uint64_t crc = (uint32_t)~seed;
    for (; bytes >= sizeof(uint64_t); bytes -= sizeof(uint64_t), from += sizeof(uint64_t))
        crc = _mm_crc32_u64(crc, load_little_endian(from));
    for (; bytes > 0; bytes--, from++)
        crc = _mm_crc32_u8((uint32_t)crc, *from);
    return ~(uint32_t)crc;
}
#endif

uint32_t mr_crc32c(uint32_t seed, const void *data, size_t bytes)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2"))
        return crc32c_sse42(seed, data, bytes);
#endif
    return mr_crc32c_portable(seed, data, bytes);
}

mr_sha256 *mr_sha256_create(void)
{
    mr_sha256 *sha = calloc(1, sizeof(*sha));
    if (sha == NULL)
        return NULL;
    sha->context = EVP_MD_CTX_new();
    if (sha->context == NULL ||
        EVP_DigestInit_ex(sha->context, EVP_sha256(), NULL) != 1) {
        mr_sha256_destroy(sha);
        return NULL;
    }
    return sha;
}

void mr_sha256_add(mr_sha256 *sha, const void *data, size_t bytes)
{
    MR_ASSERT(EVP_DigestUpdate(sha->context, data, bytes) == 1);
}

void mr_sha256_hex(mr_sha256 *sha, char ret_hex[MR_SHA256_HEX_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t sum[SHA256_BYTES];
    MR_ASSERT(EVP_DigestFinal_ex(sha->context, sum, NULL) == 1);
    for (int i = 0; i < SHA256_BYTES; i++) {
        ret_hex[2 * i] = digits[sum[i] >> 4];
        ret_hex[2 * i + 1] = digits[sum[i] & 15];
    }
    ret_hex[MR_SHA256_HEX_BYTES - 1] = '\0';
}

void mr_sha256_destroy(mr_sha256 *sha)
{
    if (sha == NULL)
        return;
    EVP_MD_CTX_free(sha->context);
    free(sha);
}
