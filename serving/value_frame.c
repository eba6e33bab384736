#include "serving/value_frame.h"

#include <string.h>

enum { MAGIC = 'M', VERSION = 1, CHECK_AT = 20, CHECK_BYTES = 4 };

static uint32_t check_of(const uint8_t *value, size_t bytes, mr_hash128 user)
{
    static const uint8_t no_check[CHECK_BYTES];
    uint8_t hash[16];
    for (int i = 0; i < 8; i++) {
        hash[i] = (uint8_t)(user.high >> (56 - 8 * i));
        hash[8 + i] = (uint8_t)(user.low >> (56 - 8 * i));
    }
    uint32_t crc = mr_crc32c(0, hash, sizeof(hash));
    crc = mr_crc32c(crc, value, CHECK_AT);
    crc = mr_crc32c(crc, no_check, CHECK_BYTES);
    return mr_crc32c(crc, value + MR_VALUE_FRAME_BYTES, bytes - MR_VALUE_FRAME_BYTES);
}

void mr_value_frame_begin(mr_buffer *value, mr_cache_kind kind, uint64_t epoch,
                          int64_t offset)
{
    mr_cache_put_fence(value, epoch, offset);
    mr_buffer_put_u8(value, MAGIC);
    mr_buffer_put_u8(value, (uint8_t)kind);
    mr_buffer_put_u8(value, VERSION);
    mr_buffer_put_u8(value, 0);
    mr_buffer_put_u32(value, 0);
}

mr_status mr_value_frame_end(mr_buffer *value, size_t start, mr_hash128 user)
{
    if (mr_buffer_status(value) != MR_OK) {
        value->length = start;
        return MR_ERR_NO_MEMORY;
    }
    uint8_t *bytes = value->bytes + start;
    const uint32_t check = check_of(bytes, value->length - start, user);
    for (int i = 0; i < CHECK_BYTES; i++)
        bytes[CHECK_AT + i] = (uint8_t)(check >> (8 * i));
    return MR_OK;
}

static uint64_t big_endian(const uint8_t *bytes)
{
    uint64_t number = 0;
    for (int i = 0; i < 8; i++)
        number = number << 8 | bytes[i];
    return number;
}

mr_status mr_value_frame_open(mr_text value, mr_cache_kind kind, mr_hash128 user,
                              uint64_t *ret_epoch, int64_t *ret_offset,
                              mr_reader *ret_reader)
{
    if (value.length < MR_VALUE_FRAME_BYTES)
        return MR_ERR_CORRUPT;
    const uint8_t *bytes = (const uint8_t *)value.bytes;
    mr_reader reader = mr_reader_of(bytes, value.length);
    (void)mr_reader_bytes(&reader, MR_CACHE_FENCE_BYTES);
    const uint8_t expected[4] = {MAGIC, (uint8_t)kind, VERSION, 0};
    if (memcmp(mr_reader_bytes(&reader, 4), expected, 4) != 0)
        return MR_ERR_CORRUPT;
    const uint64_t offset = big_endian(bytes + 8);
    if (mr_reader_u32(&reader) != check_of(bytes, value.length, user) ||
        offset > INT64_MAX)
        return MR_ERR_CORRUPT;
    *ret_epoch = big_endian(bytes);
    *ret_offset = (int64_t)offset;
    *ret_reader = reader;
    return MR_OK;
}
