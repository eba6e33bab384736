#include "serving/user_state_codec.h"

#include "core/event.h"
#include "serving/cache.h"
#include "serving/value_frame.h"

enum {
    HEADER_BYTES = 80,
    ITEM_BYTES = 14,
    TYPE_AT = 12,
    RESERVED_BYTES = 20,
    CHURN_TIERS = 4
};

static void put_header(const mr_user_state *state, uint8_t item_count, mr_buffer *value)
{
    static const uint8_t reserved[RESERVED_BYTES];
    mr_buffer_put_i64(value, state->as_of_ms);
    mr_buffer_put_i64(value, state->first_ms);
    mr_buffer_put_i64(value, state->spend_minor);
    mr_buffer_put_u32(value, state->events);
    mr_buffer_put_u32(value, state->purchases);
    mr_buffer_put_u16(value, state->churn_permille);
    mr_buffer_put_u8(value, state->churn_tier);
    mr_buffer_put_u8(value, item_count);
    mr_buffer_put(value, reserved, RESERVED_BYTES);
}

mr_status mr_user_state_encode(const mr_hash_key *key, mr_hash128 user,
                               const mr_user_state *state, mr_buffer *value)
{
    if (state->offset < 0 || state->item_count > MR_USER_STATE_ITEMS_MAX ||
        state->churn_tier >= CHURN_TIERS)
        return MR_ERR_INVALID;

    const uint8_t item_count =
        state->item_count < MR_STATE_ITEMS_MAX ? state->item_count : MR_STATE_ITEMS_MAX;
    const size_t start = value->length;
    mr_value_frame_begin(value, MR_CACHE_STATE, state->epoch, state->offset);
    put_header(state, item_count, value);
    for (uint8_t i = 0; i < item_count; i++) {
        const mr_recent_item *item = &state->items[i];
        mr_buffer_put_u64(value, mr_hash_item(key, item->item_id));
        mr_buffer_put_u32(value, item->time_s);
        mr_buffer_put_u8(value, item->type);
        mr_buffer_put_u8(value, item->weight);
    }
    return mr_value_frame_end(value, start, user);
}

static mr_status get_header(mr_reader *reader, mr_user_state_view *ret_view)
{
    ret_view->as_of_ms = mr_reader_i64(reader);
    ret_view->first_ms = mr_reader_i64(reader);
    ret_view->spend_minor = mr_reader_i64(reader);
    ret_view->events = mr_reader_u32(reader);
    ret_view->purchases = mr_reader_u32(reader);
    ret_view->churn_permille = mr_reader_u16(reader);
    ret_view->churn_tier = mr_reader_u8(reader);
    ret_view->item_count = mr_reader_u8(reader);
    uint8_t reserved = 0;
    for (int i = 0; i < RESERVED_BYTES; i++)
        reserved |= mr_reader_u8(reader);
    MR_TRY(mr_reader_status(reader));
    return reserved == 0 && ret_view->churn_tier < CHURN_TIERS &&
                   ret_view->item_count <= MR_STATE_ITEMS_MAX
               ? MR_OK
               : MR_ERR_CORRUPT;
}

mr_status mr_user_state_open(mr_hash128 user, mr_text value, mr_user_state_view *ret_view)
{
    mr_reader reader;
    MR_TRY(mr_value_frame_open(value, MR_CACHE_STATE, user, &ret_view->epoch,
                               &ret_view->offset, &reader));
    MR_TRY(get_header(&reader, ret_view));
    if (value.length != HEADER_BYTES + (uint32_t)ret_view->item_count * ITEM_BYTES)
        return MR_ERR_CORRUPT;
    ret_view->rows = (const uint8_t *)value.bytes + HEADER_BYTES;
    return MR_OK;
}

mr_packed_item mr_user_state_item(const mr_user_state_view *view, uint8_t index)
{
    mr_reader reader = mr_reader_of(view->rows + (size_t)index * ITEM_BYTES, ITEM_BYTES);
    mr_packed_item item;
    item.hash = mr_reader_u64(&reader);
    item.time_s = mr_reader_u32(&reader);
    item.type = mr_reader_u8(&reader);
    item.weight = mr_reader_u8(&reader);
    return item;
}

size_t mr_user_state_purchases(const mr_user_state_view *view,
                               mr_purchase ret_purchases[MR_STATE_ITEMS_MAX])
{
    size_t count = 0;
    for (uint8_t i = 0; i < view->item_count; i++) {
        if (view->rows[(size_t)i * ITEM_BYTES + TYPE_AT] != MR_EVENT_PURCHASE)
            continue;
        const mr_packed_item item = mr_user_state_item(view, i);
        ret_purchases[count++] = (mr_purchase){item.hash, item.time_s};
    }
    return count;
}

void mr_user_state_resolve(const mr_user_state_view *view, mr_item_resolve *resolve,
                           void *context, mr_user_state *ret_state)
{
    ret_state->user_id = (mr_text){0};
    ret_state->epoch = view->epoch;
    ret_state->offset = view->offset;
    ret_state->as_of_ms = view->as_of_ms;
    ret_state->first_ms = view->first_ms;
    ret_state->spend_minor = view->spend_minor;
    ret_state->events = view->events;
    ret_state->purchases = view->purchases;
    ret_state->churn_permille = view->churn_permille;
    ret_state->churn_tier = view->churn_tier;
    ret_state->item_count = 0;
    for (uint8_t i = 0; i < view->item_count; i++) {
        const mr_packed_item packed = mr_user_state_item(view, i);
        const mr_text id = resolve(context, packed.hash);
        if (id.length > 0)
            ret_state->items[ret_state->item_count++] =
                (mr_recent_item){id, packed.time_s, packed.type, packed.weight};
    }
}

mr_status mr_user_state_decode(mr_hash128 user, mr_text value, mr_item_resolve *resolve,
                               void *context, mr_user_state *ret_state)
{
    mr_user_state_view view;
    MR_TRY(mr_user_state_open(user, value, &view));
    mr_user_state_resolve(&view, resolve, context, ret_state);
    return MR_OK;
}
