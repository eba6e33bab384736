#include "serving/result_codec.h"

#include "serving/cache.h"
#include "serving/half.h"
#include "serving/value_frame.h"

#include <math.h>

enum {
    HEADER_BYTES = 56, /* the frame included */
    ROW_BYTES = 8,
    BECAUSE_NONE = 255,
};

uint32_t mr_model_hash(mr_text version)
{
    return mr_crc32c(0, version.bytes, version.length);
}

static bool can_encode(const mr_result *result)
{
    if (result->count > MR_RESULT_ITEMS_MAX || result->offset < 0)
        return false;
    for (uint32_t i = 0; i < result->count; i++) {
        const mr_scored_item *item = &result->items[i];
        if (item->item >= result->dictionary || !isfinite(item->score) ||
            fabsf(item->score) > MR_HALF_MAX || item->source >= MR_SOURCE_KINDS)
            return false;
        if (item->because != MR_ITEM_NONE && item->because >= result->dictionary)
            return false;
    }
    return true;
}

/* The place of `item` in the list of reasons, added if there is room. */
static uint8_t because_index(uint32_t *because, uint8_t *count, uint32_t item)
{
    if (item == MR_ITEM_NONE)
        return BECAUSE_NONE;
    for (uint8_t i = 0; i < *count; i++) {
        if (because[i] == item)
            return i;
    }
    if (*count == MR_RESULT_BECAUSE_MAX)
        return BECAUSE_NONE;
    because[*count] = item;
    return (*count)++;
}

mr_status mr_result_encode(mr_hash128 user, const mr_result *result, mr_buffer *value)
{
    if (!can_encode(result))
        return MR_ERR_INVALID;

    uint32_t because[MR_RESULT_BECAUSE_MAX];
    uint8_t reasons[MR_RESULT_ITEMS_MAX];
    uint8_t because_count = 0;
    for (uint32_t i = 0; i < result->count; i++)
        reasons[i] = because_index(because, &because_count, result->items[i].because);

    const size_t start = value->length;
    mr_value_frame_begin(value, MR_CACHE_RESULT, result->epoch, result->offset);
    mr_buffer_put_u32(value, result->model);
    mr_buffer_put_u32(value, result->dictionary);
    mr_buffer_put_i64(value, result->profile_as_of_ms);
    mr_buffer_put_i64(value, result->expires_ms);
    mr_buffer_put_u8(value, (uint8_t)result->count);
    mr_buffer_put_u8(value, because_count);
    mr_buffer_put_u16(value, 0); /* flags    */
    mr_buffer_put_u32(value, 0); /* reserved */
    for (uint32_t i = 0; i < result->count; i++) {
        mr_buffer_put_u32(value, result->items[i].item);
        mr_buffer_put_u16(value, mr_half_from_float(result->items[i].score));
        mr_buffer_put_u8(value, result->items[i].source);
        mr_buffer_put_u8(value, reasons[i]);
    }
    for (uint8_t i = 0; i < because_count; i++)
        mr_buffer_put_u32(value, because[i]);
    return mr_value_frame_end(value, start, user);
}

/* One row, with the list of reasons already read.  False when it breaks a bound. */
static bool decode_row(mr_reader *reader, const uint32_t *because, uint8_t because_count,
                       uint32_t dictionary, mr_scored_item *ret_item)
{
    ret_item->item = mr_reader_u32(reader);
    ret_item->score = mr_half_to_float(mr_reader_u16(reader));
    ret_item->source = mr_reader_u8(reader);
    const uint8_t reason = mr_reader_u8(reader);
    ret_item->because = reason < because_count ? because[reason] : MR_ITEM_NONE;
    return ret_item->item < dictionary && isfinite(ret_item->score) &&
           ret_item->source < MR_SOURCE_KINDS &&
           (reason < because_count || reason == BECAUSE_NONE);
}

static mr_status decode_rows(mr_text value, uint8_t because_count, mr_result *result)
{
    const uint8_t *rows = (const uint8_t *)value.bytes + HEADER_BYTES;
    const size_t rows_bytes = (size_t)result->count * ROW_BYTES;
    mr_reader list = mr_reader_of(rows + rows_bytes, (size_t)because_count * 4);
    uint32_t because[MR_RESULT_BECAUSE_MAX];
    for (uint8_t i = 0; i < because_count; i++) {
        because[i] = mr_reader_u32(&list);
        if (because[i] >= result->dictionary)
            return MR_ERR_CORRUPT;
    }
    mr_reader reader = mr_reader_of(rows, rows_bytes);
    for (uint32_t i = 0; i < result->count; i++) {
        if (!decode_row(&reader, because, because_count, result->dictionary,
                        &result->items[i]))
            return MR_ERR_CORRUPT;
    }
    return MR_OK;
}

mr_status mr_result_decode(mr_hash128 user, mr_text value, mr_result *ret_result)
{
    mr_reader reader;
    MR_TRY(mr_value_frame_open(value, MR_CACHE_RESULT, user, &ret_result->epoch,
                               &ret_result->offset, &reader));
    ret_result->model = mr_reader_u32(&reader);
    ret_result->dictionary = mr_reader_u32(&reader);
    ret_result->profile_as_of_ms = mr_reader_i64(&reader);
    ret_result->expires_ms = mr_reader_i64(&reader);
    ret_result->count = mr_reader_u8(&reader);
    const uint8_t because_count = mr_reader_u8(&reader);
    const uint16_t flags = mr_reader_u16(&reader);
    const uint32_t reserved = mr_reader_u32(&reader);
    MR_TRY(mr_reader_status(&reader));
    if (ret_result->count > MR_RESULT_ITEMS_MAX ||
        because_count > MR_RESULT_BECAUSE_MAX || flags != 0 || reserved != 0)
        return MR_ERR_CORRUPT;
    if (value.length !=
        HEADER_BYTES + ret_result->count * ROW_BYTES + (uint32_t)because_count * 4)
        return MR_ERR_CORRUPT;
    return decode_rows(value, because_count, ret_result);
}
