/*
 * Target: mr_control_decode().
 *
 * Even first byte: header and value as they are, which only the right MAC lets in.  Odd: the value
 * signed with the right key by the format's own words, so that the reader behind the MAC is
 * reached.  The second byte says how long the record's key is.
 *
 * Whatever comes in, the result is an error or a record that can be written and read again, of
 * the user that the key names.
 */
#include "core/assert.h"
#include "ingest/control_record.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

enum { KEY_BYTES = 32, MAC_AT = 8, KEY_ID_AT = 4, KEY_ID_BYTES = 4, ARENA_BYTES = 4096 };

static const char key[KEY_BYTES + 1] = "a control key of thirty-two byte";
static const char topic[] = "events";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_sized(mr_buffer *buffer, mr_text text)
{
    mr_buffer_put_u32(buffer, text.length);
    mr_buffer_put_text(buffer, text);
}

static void sign(mr_text record_key, mr_text value,
                 uint8_t header[MR_CONTROL_HEADER_BYTES])
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned int bytes = 0;
    mr_buffer covered = {0};
    mr_buffer_put_u8(&covered, MR_CONTROL_VERSION);
    put_sized(&covered, mr_text_from(topic));
    put_sized(&covered, record_key);
    put_sized(&covered, value);
    MR_ASSERT(mr_buffer_status(&covered) == MR_OK);
    memset(header, 0, MR_CONTROL_HEADER_BYTES);
    header[0] = MR_CONTROL_VERSION;
    MR_ASSERT(EVP_Digest(key, KEY_BYTES, digest, &bytes, EVP_sha256(), NULL) == 1);
    memcpy(header + KEY_ID_AT, digest, KEY_ID_BYTES);
    MR_ASSERT(HMAC(EVP_sha256(), key, KEY_BYTES, covered.bytes, covered.length, digest,
                   &bytes) != NULL);
    memcpy(header + MAC_AT, digest, bytes);
    mr_buffer_deinit(&covered);
}

/* Only the members that are checked here: a kind may have others. */
static void check(const mr_control_record *control, mr_text record_key)
{
    MR_ASSERT(control->kind >= MR_CONTROL_TICK && control->kind <= MR_CONTROL_LINK);
    MR_ASSERT(control->time_ms >= 0);
    if (control->kind == MR_CONTROL_TICK)
        MR_ASSERT(control->user_id.length == 0);
    if (control->kind == MR_CONTROL_ERASE || control->kind == MR_CONTROL_OPT_OUT ||
        control->kind == MR_CONTROL_OPT_IN)
        MR_ASSERT(mr_text_equal(control->user_id, record_key));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t header[MR_CONTROL_HEADER_BYTES];
    if (size < 2 || size - 2 < data[1])
        return 0;
    const bool is_signed = data[0] % 2 == 1;
    const mr_text record_key = {(const char *)data + 2, data[1]};
    const uint8_t *rest = data + 2 + data[1];
    size_t left = size - 2 - data[1];
    if (!is_signed) {
        if (left < sizeof(header))
            return 0;
        memcpy(header, rest, sizeof(header));
        rest += sizeof(header);
        left -= sizeof(header);
    }
    const mr_text value = {(const char *)rest, (uint32_t)left};
    if (is_signed)
        sign(record_key, value, header);
    const mr_log_header headers[] = {
        {MR_TEXT(MR_CONTROL_HEADER), {(const char *)header, sizeof(header)}}};
    const mr_log_record record = {
        .key = record_key, .value = value, .headers = headers, .header_count = 1};
    mr_control_record control = {.time_ms = -1};
    mr_arena *arena = mr_arena_create(ARENA_BYTES);
    MR_ASSERT(arena != NULL);
    const mr_status status =
        mr_control_decode(&record, topic, key, KEY_BYTES, arena, &control);
    MR_ASSERT(status == MR_OK || status == MR_ERR_CORRUPT);
    if (status == MR_OK)
        check(&control, record_key);
    mr_arena_destroy(arena);
    return 0;
}
