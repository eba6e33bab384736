#include "serving/redis_slot.h"

#include <string.h>

/* Four bits at a time: the table is 32 bytes, and stays in the cache between batches. */
static const uint16_t crc16_nibbles[16] = {
    0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6, 0x70e7,
    0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef,
};

mr_text mr_redis_hash_tag(mr_text key)
{
    const char *open = memchr(key.bytes, '{', key.length);
    if (open == NULL)
        return key;
    const char *tag = open + 1;
    const char *close = memchr(tag, '}', (size_t)(key.bytes + key.length - tag));
    return close == NULL || close == tag ? key : (mr_text){tag, (uint32_t)(close - tag)};
}

uint16_t mr_redis_crc16(mr_text text)
{
    uint32_t crc = 0;
    for (uint32_t i = 0; i < text.length; i++) {
        const uint32_t byte = (uint8_t)text.bytes[i];
        crc = (crc << 4) ^ crc16_nibbles[((crc >> 12) ^ (byte >> 4)) & 15];
        crc = (crc << 4) ^ crc16_nibbles[((crc >> 12) ^ byte) & 15];
    }
    return (uint16_t)crc;
}

uint16_t mr_redis_slot(mr_text key)
{
    return mr_redis_crc16(mr_redis_hash_tag(key)) % MR_REDIS_SLOTS;
}
