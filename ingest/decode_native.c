#include "ingest/decode_native.h"

#include <stddef.h>
#include <yyjson.h>

typedef struct native_draft {
    mr_draft draft;
    yyjson_val *items;
} native_draft;

#define EVENT_FIELD(member)                                                              \
    {                                                                                    \
        .name = #member, .offset = offsetof(mr_draft, member)                            \
    }
#define TOP_LINE_FIELD(member)                                                           \
    {                                                                                    \
        .name = #member, .offset = offsetof(mr_draft, line.member)                       \
    }
#define LINE_FIELD(member)                                                               \
    {                                                                                    \
        .name = #member, .offset = offsetof(mr_draft_line, member)                       \
    }

static const mr_json_field event_fields[] = {
    EVENT_FIELD(type),
    EVENT_FIELD(name),
    EVENT_FIELD(user_id),
    EVENT_FIELD(anonymous_id),
    EVENT_FIELD(session_id),
    EVENT_FIELD(event_id),
    EVENT_FIELD(order_id),
    EVENT_FIELD(currency),
    EVENT_FIELD(query),
    {.name = "text", .offset = offsetof(mr_draft, body)},
    EVENT_FIELD(device),
    EVENT_FIELD(channel),
    EVENT_FIELD(campaign),
    EVENT_FIELD(geo),
    EVENT_FIELD(recommendation_id),
    EVENT_FIELD(placement),
    EVENT_FIELD(time),
    EVENT_FIELD(rating),
    TOP_LINE_FIELD(item_id),
    TOP_LINE_FIELD(category),
    TOP_LINE_FIELD(brand),
    TOP_LINE_FIELD(quantity),
    TOP_LINE_FIELD(price),
    TOP_LINE_FIELD(value),
    TOP_LINE_FIELD(position),
    {.name = "items", .offset = offsetof(native_draft, items), .is_node = true},
    {.name = "lines", .offset = offsetof(native_draft, items), .is_node = true},
};

static const mr_json_field line_fields[] = {
    LINE_FIELD(item_id), LINE_FIELD(category), LINE_FIELD(brand),    LINE_FIELD(quantity),
    LINE_FIELD(price),   LINE_FIELD(value),    LINE_FIELD(position),
};

void mr_native_tables_init(mr_native_tables *ret_tables)
{
    mr_json_table_init(&ret_tables->event, event_fields,
                       sizeof(event_fields) / sizeof(event_fields[0]));
    mr_json_table_init(&ret_tables->line, line_fields,
                       sizeof(line_fields) / sizeof(line_fields[0]));
}

/* These change whose data is kept; they come as control records or through the API. */
static bool is_privileged(mr_text type)
{
    return mr_text_is(type, "erase") || mr_text_is(type, "opt_out") ||
           mr_text_is(type, "opt_in") || mr_text_is(type, "link") ||
           mr_text_is(type, "tick");
}

mr_poison mr_native_decode(const mr_native_tables *tables, yyjson_val *root,
                           mr_decode_output *output)
{
    native_draft native = {.items = NULL};
    const mr_poison poison = mr_json_table_take(&tables->event, root, &native);
    if (poison != MR_POISON_NONE)
        return poison;
    const mr_text word = native.draft.type;
    const mr_event_type type = mr_event_type_from(word);
    if (type == MR_EVENT_NONE)
        return is_privileged(word) ? MR_POISON_PRIVILEGED : MR_POISON_NO_TYPE;
    return mr_json_emit_lines(&native.draft, type, &tables->line, native.items, output);
}

bool mr_native_matches(yyjson_val *root)
{
    yyjson_val *type = yyjson_obj_get(root, "type");
    if (!yyjson_is_str(type))
        return false;
    const mr_text word = {.bytes = yyjson_get_str(type),
                          .length = (uint32_t)yyjson_get_len(type)};
    return mr_event_type_from(word) != MR_EVENT_NONE &&
           (yyjson_obj_get(root, "user_id") != NULL ||
            yyjson_obj_get(root, "anonymous_id") != NULL);
}
