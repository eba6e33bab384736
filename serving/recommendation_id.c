#include "serving/recommendation_id.h"

#include "core/assert.h"
#include "core/hash.h"

enum {
    VERSION = 1, /* no other signed text begins with it */
    HEAD_BYTES = 18,
    ID_BYTES_MAX = HEAD_BYTES + MR_RECOMMENDATION_ID_ITEMS_MAX / 2,
};
_Static_assert(MR_SIGNED_TEXT_BYTES(ID_BYTES_MAX) <= MR_RECOMMENDATION_ID_TEXT_BYTES,
               "fits");

static const char prefix[] = "r_";

uint32_t mr_recommendation_placement_hash(mr_text placement)
{
    return mr_crc32c(0, placement.bytes, placement.length);
}

static uint8_t *put_number(uint8_t *end, uint64_t number, int bytes)
{
    for (int i = 0; i < bytes; i++)
        *end++ = (uint8_t)(number >> (8 * i));
    return end;
}

static uint64_t get_number(const uint8_t *bytes, int count)
{
    uint64_t number = 0;
    for (int i = 0; i < count; i++)
        number |= (uint64_t)bytes[i] << (8 * i);
    return number;
}

static size_t pack(const mr_recommendation_id *id, uint8_t bytes[ID_BYTES_MAX])
{
    uint8_t *end = bytes;
    *end++ = VERSION;
    *end++ = id->count;
    end = put_number(end, id->placement, 4);
    end = put_number(end, id->model, 4);
    end = put_number(end, (uint64_t)id->time_ms, 6);
    *end++ = id->page;
    *end++ = id->variant;
    for (int i = 0; i < id->count; i += 2) {
        const uint8_t second = i + 1 < id->count ? id->sources[i + 1] : 0;
        *end++ = (uint8_t)(id->sources[i] | second << 4);
    }
    return (size_t)(end - bytes);
}

mr_status mr_recommendation_id_write(mr_signer *signer, const mr_recommendation_id *id,
                                     char ret_text[MR_RECOMMENDATION_ID_TEXT_BYTES])
{
    MR_ASSERT(id->count <= MR_RECOMMENDATION_ID_ITEMS_MAX);
    uint8_t bytes[ID_BYTES_MAX];
    return mr_signer_write(signer, prefix, bytes, pack(id, bytes), ret_text);
}

static void unpack(const uint8_t *bytes, mr_recommendation_id *ret_id)
{
    *ret_id = (mr_recommendation_id){
        .count = bytes[1],
        .placement = (uint32_t)get_number(bytes + 2, 4),
        .model = (uint32_t)get_number(bytes + 6, 4),
        .time_ms = (int64_t)get_number(bytes + 10, 6),
        .page = bytes[16],
        .variant = bytes[17],
    };
    for (int i = 0; i < ret_id->count; i++)
        ret_id->sources[i] = (bytes[HEAD_BYTES + i / 2] >> (i % 2 * 4)) & 15;
}

mr_status mr_recommendation_id_read(mr_signer *signer, mr_text text,
                                    mr_recommendation_id *ret_id)
{
    uint8_t bytes[MR_SIGNED_BYTES_MAX];
    size_t length;
    MR_TRY(mr_signer_read(signer, prefix, text, bytes, &length));
    if (length < HEAD_BYTES || bytes[0] != VERSION ||
        bytes[1] > MR_RECOMMENDATION_ID_ITEMS_MAX ||
        length != HEAD_BYTES + ((size_t)bytes[1] + 1) / 2)
        return MR_ERR_CORRUPT;
    unpack(bytes, ret_id);
    return MR_OK;
}
