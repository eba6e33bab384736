#include "serving/result_codec.h"

#include "serving/cache.h"
#include "serving/half.h"
#include "serving/value_frame.h"

#include <math.h>

enum {
    HEADER_BYTES = 56, /* the frame included */
    ROW_BYTES = 8,
    BECAUSE_BYTES = 4,
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

static uint32_t little_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

/* False when the row breaks a bound. */
static bool decode_row(const mr_result_view *view, uint32_t index,
                       mr_scored_item *ret_item)
{
    const uint8_t *row = view->rows + (size_t)index * ROW_BYTES;
    const uint8_t *because = view->rows + (size_t)view->count * ROW_BYTES;
    const uint8_t reason = row[7];
    ret_item->item = little_u32(row);
    ret_item->score = mr_half_to_float((uint16_t)(row[4] | row[5] << 8));
    ret_item->source = row[6];
    ret_item->because = reason < view->because_count
                            ? little_u32(because + (size_t)reason * BECAUSE_BYTES)
                            : MR_ITEM_NONE;
    return ret_item->item < view->dictionary && isfinite(ret_item->score) &&
           ret_item->source < MR_SOURCE_KINDS &&
           (reason < view->because_count ? ret_item->because < view->dictionary
                                         : reason == BECAUSE_NONE);
}

mr_status mr_result_rows(const mr_result_view *view, uint32_t first, uint32_t count,
                         mr_scored_item *ret_items)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!decode_row(view, first + i, &ret_items[i]))
            return MR_ERR_CORRUPT;
    }
    return MR_OK;
}

mr_status mr_result_open(mr_hash128 user, mr_text value, mr_result_view *ret_view)
{
    mr_reader reader;
    MR_TRY(mr_value_frame_open(value, MR_CACHE_RESULT, user, &ret_view->epoch,
                               &ret_view->offset, &reader));
    ret_view->model = mr_reader_u32(&reader);
    ret_view->dictionary = mr_reader_u32(&reader);
    ret_view->profile_as_of_ms = mr_reader_i64(&reader);
    ret_view->expires_ms = mr_reader_i64(&reader);
    ret_view->count = mr_reader_u8(&reader);
    ret_view->because_count = mr_reader_u8(&reader);
    const uint16_t flags = mr_reader_u16(&reader);
    const uint32_t reserved = mr_reader_u32(&reader);
    MR_TRY(mr_reader_status(&reader));
    if (ret_view->count > MR_RESULT_ITEMS_MAX ||
        ret_view->because_count > MR_RESULT_BECAUSE_MAX || flags != 0 || reserved != 0)
        return MR_ERR_CORRUPT;
    if (value.length != HEADER_BYTES + ret_view->count * ROW_BYTES +
                            (uint32_t)ret_view->because_count * BECAUSE_BYTES)
        return MR_ERR_CORRUPT;
    ret_view->rows = (const uint8_t *)value.bytes + HEADER_BYTES;
    return MR_OK;
}

/* A reason that no row gives must be an item all the same. */
static bool has_good_reasons(const mr_result_view *view)
{
    const uint8_t *because = view->rows + (size_t)view->count * ROW_BYTES;
    for (uint8_t i = 0; i < view->because_count; i++) {
        if (little_u32(because + (size_t)i * BECAUSE_BYTES) >= view->dictionary)
            return false;
    }
    return true;
}

mr_status mr_result_decode(mr_hash128 user, mr_text value, mr_result *ret_result)
{
    mr_result_view view;
    MR_TRY(mr_result_open(user, value, &view));
    ret_result->epoch = view.epoch;
    ret_result->offset = view.offset;
    ret_result->model = view.model;
    ret_result->dictionary = view.dictionary;
    ret_result->profile_as_of_ms = view.profile_as_of_ms;
    ret_result->expires_ms = view.expires_ms;
    ret_result->count = view.count;
    MR_TRY(mr_result_rows(&view, 0, view.count, ret_result->items));
    return has_good_reasons(&view) ? MR_OK : MR_ERR_CORRUPT;
}
