#include "ingest/decode_segment.h"

#include <stddef.h>
#include <stdio.h>
#include <yyjson.h>

typedef struct segment_draft {
    mr_draft draft;
    mr_text event;
    mr_text previous_id;
    mr_text original_time;
    mr_text sent_time;
    mr_text received_time;
    mr_text plain_order_id; /* v1 */
    mr_text revenue;
    mr_text total;
    yyjson_val *properties;
    yyjson_val *products;
    yyjson_val *context;
    yyjson_val *context_campaign;
    yyjson_val *context_device;
    yyjson_val *context_location;
} segment_draft;

#define TEXT_AT(key, member)                                                             \
    {                                                                                    \
        .name = (key), .offset = offsetof(segment_draft, member)                         \
    }
#define NODE_AT(key, member)                                                             \
    {                                                                                    \
        .name = (key), .offset = offsetof(segment_draft, member), .is_node = true        \
    }
#define PRODUCT_AT(key, member)                                                          \
    {                                                                                    \
        .name = (key), .offset = offsetof(mr_draft_line, member)                         \
    }

static const mr_json_field message_fields[] = {
    TEXT_AT("type", draft.type),
    TEXT_AT("event", event),
    TEXT_AT("name", draft.name),
    TEXT_AT("userId", draft.user_id),
    TEXT_AT("anonymousId", draft.anonymous_id),
    TEXT_AT("previousId", previous_id),
    TEXT_AT("messageId", draft.event_id),
    TEXT_AT("timestamp", draft.time),
    TEXT_AT("originalTimestamp", original_time),
    TEXT_AT("sentAt", sent_time),
    TEXT_AT("receivedAt", received_time),
    TEXT_AT("channel", draft.channel),
    NODE_AT("properties", properties),
    NODE_AT("context", context),
};

static const mr_json_field property_fields[] = {
    TEXT_AT("product_id", draft.line.item_id),
    TEXT_AT("sku", draft.line.sku),
    TEXT_AT("id", draft.line.plain_id),
    TEXT_AT("category", draft.line.category),
    TEXT_AT("brand", draft.line.brand),
    TEXT_AT("quantity", draft.line.quantity),
    TEXT_AT("price", draft.line.price),
    TEXT_AT("value", draft.line.value),
    TEXT_AT("position", draft.line.position),
    TEXT_AT("revenue", revenue),
    TEXT_AT("total", total),
    TEXT_AT("currency", draft.currency),
    TEXT_AT("order_id", draft.order_id),
    TEXT_AT("orderId", plain_order_id),
    TEXT_AT("query", draft.query),
    TEXT_AT("rating", draft.rating),
    TEXT_AT("review_body", draft.body),
    TEXT_AT("session_id", draft.session_id),
    TEXT_AT("recommendation_id", draft.recommendation_id),
    TEXT_AT("placement", draft.placement),
    NODE_AT("products", products),
};

static const mr_json_field context_fields[] = {
    NODE_AT("campaign", context_campaign),
    NODE_AT("device", context_device),
    NODE_AT("location", context_location),
};

static const mr_json_field product_fields[] = {
    PRODUCT_AT("product_id", item_id), PRODUCT_AT("sku", sku),
    PRODUCT_AT("id", plain_id),        PRODUCT_AT("category", category),
    PRODUCT_AT("brand", brand),        PRODUCT_AT("quantity", quantity),
    PRODUCT_AT("price", price),        PRODUCT_AT("value", value),
    PRODUCT_AT("position", position),
};

/* Segment's event names, v2 and then v1 [Segment, Spec: V2 Ecommerce Events]. */
static const struct event_name {
    const char *name;
    mr_event_type type;
} event_names[] = {
    {"Product Viewed", MR_EVENT_VIEW},
    {"Product Clicked", MR_EVENT_CLICK},
    {"Product List Viewed", MR_EVENT_LIST_VIEW},
    {"Product List Filtered", MR_EVENT_LIST_VIEW},
    {"Products Searched", MR_EVENT_SEARCH},
    {"Product Added", MR_EVENT_CART_ADD},
    {"Wishlist Product Added to Cart", MR_EVENT_CART_ADD},
    {"Product Removed", MR_EVENT_CART_REMOVE},
    {"Product Added to Wishlist", MR_EVENT_WISHLIST},
    {"Checkout Started", MR_EVENT_CHECKOUT},
    {"Order Completed", MR_EVENT_PURCHASE},
    {"Order Refunded", MR_EVENT_REFUND},
    {"Order Cancelled", MR_EVENT_REFUND},
    {"Product Reviewed", MR_EVENT_REVIEW},
    {"Product Shared", MR_EVENT_SHARE},
    {"Viewed Product", MR_EVENT_VIEW},
    {"Clicked Product", MR_EVENT_CLICK},
    {"Viewed Product Category", MR_EVENT_LIST_VIEW},
    {"Searched Products", MR_EVENT_SEARCH},
    {"Added Product", MR_EVENT_CART_ADD},
    {"Removed Product", MR_EVENT_CART_REMOVE},
    {"Added Product to Wishlist", MR_EVENT_WISHLIST},
    {"Started Checkout", MR_EVENT_CHECKOUT},
    {"Completed Order", MR_EVENT_PURCHASE},
    {"Refunded Order", MR_EVENT_REFUND},
    {"Cancelled Order", MR_EVENT_REFUND},
    {"Reviewed Product", MR_EVENT_REVIEW},
    {"Shared Product", MR_EVENT_SHARE},
};

#define TABLE_INIT(table, fields)                                                        \
    mr_json_table_init((table), (fields), sizeof(fields) / sizeof((fields)[0]))

void mr_segment_tables_init(mr_segment_tables *ret_tables)
{
    TABLE_INIT(&ret_tables->message, message_fields);
    TABLE_INIT(&ret_tables->properties, property_fields);
    TABLE_INIT(&ret_tables->context, context_fields);
    TABLE_INIT(&ret_tables->product, product_fields);
}

static mr_event_type track_type(mr_text event)
{
    for (size_t i = 0; i < sizeof(event_names) / sizeof(event_names[0]); i++) {
        if (mr_text_is(event, event_names[i].name))
            return event_names[i].type;
    }
    return MR_EVENT_CUSTOM;
}

/* The canonical type of a call; its name and second id go into the draft. */
static mr_event_type call_type(segment_draft *segment)
{
    mr_draft *draft = &segment->draft;
    if (mr_text_is(draft->type, "track")) {
        if (segment->event.length == 0)
            return MR_EVENT_NONE;
        const mr_event_type type = track_type(segment->event);
        draft->name = type == MR_EVENT_CUSTOM ? segment->event : (mr_text){0};
        return type;
    }
    if (mr_text_is(draft->type, "page") || mr_text_is(draft->type, "screen") ||
        mr_text_is(draft->type, "group")) {
        draft->name = draft->type;
        return MR_EVENT_CUSTOM;
    }
    draft->name = (mr_text){0};
    if (mr_text_is(draft->type, "identify"))
        return MR_EVENT_IDENTIFY;
    if (mr_text_is(draft->type, "alias")) {
        if (segment->previous_id.length > 0)
            draft->anonymous_id = segment->previous_id;
        return MR_EVENT_IDENTIFY;
    }
    return MR_EVENT_NONE;
}

static mr_text first_of(mr_text a, mr_text b)
{
    return a.length > 0 ? a : b;
}

/* The sender's clock is taken out: what counts is how long before sending it happened. */
static mr_poison correct_time(segment_draft *segment, mr_decode_output *output)
{
    mr_draft *draft = &segment->draft;
    if (draft->time.length > 0 || segment->original_time.length == 0)
        return MR_POISON_NONE;
    int64_t original_ms;
    int64_t sent_ms;
    int64_t received_ms = output->log_time_ms;
    mr_poison poison = mr_draft_time(segment->original_time, &original_ms);
    if (poison == MR_POISON_NONE && segment->received_time.length > 0)
        poison = mr_draft_time(segment->received_time, &received_ms);
    if (poison != MR_POISON_NONE)
        return poison;
    if (segment->sent_time.length == 0 || received_ms <= 0) {
        draft->time = segment->original_time;
        return MR_POISON_NONE;
    }
    poison = mr_draft_time(segment->sent_time, &sent_ms);
    if (poison != MR_POISON_NONE)
        return poison;
    char digits[24];
    const int length = snprintf(digits, sizeof(digits), "%lld",
                                (long long)(received_ms - (sent_ms - original_ms)));
    draft->time = mr_arena_copy(output->arena,
                                (mr_text){.bytes = digits, .length = (uint32_t)length});
    if (draft->time.length == 0)
        output->status = MR_ERR_NO_MEMORY;
    return MR_POISON_NONE;
}

static mr_poison take_one(yyjson_val *object, const char *key, mr_text *ret_text)
{
    yyjson_val *value = yyjson_obj_get(object, key);
    if (value == NULL || yyjson_is_null(value))
        return MR_POISON_NONE;
    if (!yyjson_is_str(value) && !yyjson_is_raw(value))
        return MR_POISON_BAD_ID;
    *ret_text = (mr_text){.bytes = unsafe_yyjson_get_str(value),
                          .length = (uint32_t)unsafe_yyjson_get_len(value)};
    return MR_POISON_NONE;
}

static mr_poison take_context(const mr_segment_tables *tables, segment_draft *segment)
{
    mr_poison poison = mr_json_table_take(&tables->context, segment->context, segment);
    if (poison == MR_POISON_NONE)
        poison = take_one(segment->context_campaign, "name", &segment->draft.campaign);
    if (poison == MR_POISON_NONE)
        poison = take_one(segment->context_device, "type", &segment->draft.device);
    if (poison == MR_POISON_NONE)
        poison = take_one(segment->context_location, "country", &segment->draft.geo);
    return poison;
}

mr_poison mr_segment_decode(const mr_segment_tables *tables, yyjson_val *root,
                            mr_decode_output *output)
{
    segment_draft segment = {.event = {0}};
    mr_draft *draft = &segment.draft;
    mr_poison poison = mr_json_table_take(&tables->message, root, &segment);
    if (poison != MR_POISON_NONE)
        return poison;
    const mr_event_type type = call_type(&segment);
    if (type == MR_EVENT_NONE)
        return MR_POISON_NO_TYPE;
    /* The properties of a custom event are the sender's own: their kinds are not ours to judge. */
    if (type != MR_EVENT_CUSTOM && type != MR_EVENT_IDENTIFY)
        poison = mr_json_table_take(&tables->properties, segment.properties, &segment);
    if (poison == MR_POISON_NONE)
        poison = take_context(tables, &segment);
    if (poison == MR_POISON_NONE)
        poison = correct_time(&segment, output);
    if (poison != MR_POISON_NONE)
        return poison;
    draft->line.value =
        first_of(segment.revenue, first_of(segment.total, draft->line.value));
    draft->order_id = first_of(draft->order_id, segment.plain_order_id);
    return mr_json_emit_lines(draft, type, &tables->product, segment.products, output);
}

bool mr_segment_matches(yyjson_val *root)
{
    static const char *const calls[] = {"track", "identify", "alias",
                                        "page",  "screen",   "group"};
    static const char *const ids[] = {"userId", "anonymousId", "messageId", "previousId"};
    yyjson_val *type = yyjson_obj_get(root, "type");
    bool is_call = false;
    bool has_id = false;
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        is_call |= yyjson_equals_str(type, calls[i]);
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
        has_id |= yyjson_obj_get(root, ids[i]) != NULL;
    return is_call && has_id;
}
