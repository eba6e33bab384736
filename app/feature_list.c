#include "app/feature_list.h"

#include "core/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    BYTES_TEXT = 96,
    NAME_WIDTH = 20,
    TYPE_WIDTH = 11,
    UNIT_WIDTH = 12,
    ORDER_WIDTH = 6
};

static const char *type_of(const mr_feature *feature)
{
    if (feature->is_list || feature->column_count > 1)
        return feature->is_list ? "list" : "group";
    return mr_value_type_name(feature->columns[0].type);
}

/* "8", "8 + 16 x 300", "with spend_90d" */
static void bytes_of(const mr_plan *plan, size_t index, char ret_text[BYTES_TEXT])
{
    const mr_feature_bytes bytes = mr_plan_feature_bytes(plan, index);
    if (bytes.shares != NULL)
        (void)snprintf(ret_text, BYTES_TEXT, "with %.48s", bytes.shares);
    else if (bytes.entries > 0)
        (void)snprintf(ret_text, BYTES_TEXT, "%" PRIu32 " + %" PRIu32 " x %" PRIu32,
                       bytes.fixed, bytes.entry, bytes.entries);
    else
        (void)snprintf(ret_text, BYTES_TEXT, "%" PRIu32, bytes.fixed);
}

/* ---- text ---- */

static void put_text(const mr_plan *plan, mr_buffer *text)
{
    char bytes[BYTES_TEXT];
    mr_buffer_printf(text, "%-*s %-*s %-*s %-*s %-18s %s\n", NAME_WIDTH, "feature",
                     TYPE_WIDTH, "type", UNIT_WIDTH, "unit", ORDER_WIDTH, "order",
                     "bytes", "meaning");
    for (size_t i = 0; i < mr_plan_feature_count(plan); i++) {
        const mr_feature *feature = mr_plan_feature(plan, i);
        bytes_of(plan, i, bytes);
        mr_buffer_printf(text, "%-*s %-*s %-*s %-*s %-18s %s\n", NAME_WIDTH,
                         feature->name, TYPE_WIDTH, type_of(feature), UNIT_WIDTH,
                         feature->unit, ORDER_WIDTH, mr_order_name(feature->order), bytes,
                         feature->meaning);
    }
    mr_buffer_printf(text, "\n%-*s %-*s %s\n", NAME_WIDTH, "column", UNIT_WIDTH, "unit",
                     "meaning");
    for (size_t i = 0; i < mr_plan_vector_width(plan); i++) {
        const mr_vector_column *column = mr_plan_vector_column(plan, i);
        mr_buffer_printf(text, "%-*s %-*s %s\n", NAME_WIDTH, column->name, UNIT_WIDTH,
                         column->unit, column->meaning);
    }
    mr_buffer_printf(text, "\nplan %016" PRIx64 "\n", mr_plan_hash(plan));
}

/* ---- JSON ---- */

static void put_json_feature(const mr_plan *plan, size_t index, mr_json_writer *writer)
{
    const mr_feature *feature = mr_plan_feature(plan, index);
    const mr_feature_bytes bytes = mr_plan_feature_bytes(plan, index);
    mr_json_begin_object(writer);
    mr_json_member_string(writer, "name", feature->name);
    mr_json_member_string(writer, "type", type_of(feature));
    mr_json_member_string(writer, "unit", feature->unit);
    mr_json_member_string(writer, "order", mr_order_name(feature->order));
    mr_json_member_string(writer, "meaning", feature->meaning);
    mr_json_key(writer, "bytes");
    mr_json_put_uint(writer, bytes.fixed);
    mr_json_key(writer, "entry_bytes");
    mr_json_put_uint(writer, bytes.entry);
    mr_json_key(writer, "entries_max");
    mr_json_put_uint(writer, bytes.entries);
    mr_json_member_string(writer, "shares", bytes.shares);
    if (feature->column_count > 1) {
        mr_json_key(writer, "columns");
        mr_json_begin_array(writer);
        for (size_t c = 0; c < feature->column_count; c++) {
            mr_json_begin_object(writer);
            mr_json_member_string(writer, "name", feature->columns[c].name);
            mr_json_member_string(writer, "type",
                                  mr_value_type_name(feature->columns[c].type));
            mr_json_end_object(writer);
        }
        mr_json_end_array(writer);
    }
    mr_json_end_object(writer);
}

static void put_json(const mr_plan *plan, mr_buffer *text)
{
    char hash[20];
    mr_json_writer writer = mr_json_writer_of(text);
    (void)snprintf(hash, sizeof(hash), "%016" PRIx64, mr_plan_hash(plan));
    mr_json_begin_object(&writer);
    mr_json_member_string(&writer, "plan", hash);
    mr_json_key(&writer, "features");
    mr_json_begin_array(&writer);
    for (size_t i = 0; i < mr_plan_feature_count(plan); i++)
        put_json_feature(plan, i, &writer);
    mr_json_end_array(&writer);
    mr_json_key(&writer, "columns");
    mr_json_begin_array(&writer);
    for (size_t i = 0; i < mr_plan_vector_width(plan); i++) {
        const mr_vector_column *column = mr_plan_vector_column(plan, i);
        mr_json_begin_object(&writer);
        mr_json_member_string(&writer, "name", column->name);
        mr_json_member_string(&writer, "unit", column->unit);
        mr_json_member_string(&writer, "meaning", column->meaning);
        mr_json_end_object(&writer);
    }
    mr_json_end_array(&writer);
    mr_json_end_object(&writer);
    mr_buffer_put_u8(text, '\n');
}

/* ---- Markdown ---- */

static void put_markdown(const mr_plan *plan, mr_buffer *text)
{
    char bytes[BYTES_TEXT];
    mr_buffer_printf(
        text, "| feature | type | unit | order | bytes | meaning |\n|---|---|---|---|---|"
              "---|\n");
    for (size_t i = 0; i < mr_plan_feature_count(plan); i++) {
        const mr_feature *feature = mr_plan_feature(plan, i);
        bytes_of(plan, i, bytes);
        mr_buffer_printf(text, "| `%s` | %s | %s | %s | %s | %s |\n", feature->name,
                         type_of(feature), feature->unit, mr_order_name(feature->order),
                         bytes, feature->meaning);
    }
    mr_buffer_printf(text, "\n| column | unit | meaning |\n|---|---|---|\n");
    for (size_t i = 0; i < mr_plan_vector_width(plan); i++) {
        const mr_vector_column *column = mr_plan_vector_column(plan, i);
        mr_buffer_printf(text, "| `%s` | %s | %s |\n", column->name, column->unit,
                         column->meaning);
    }
}

void mr_feature_list_write(const mr_plan *plan, mr_feature_list_form form,
                           mr_buffer *text)
{
    switch (form) {
    case MR_FEATURE_LIST_TEXT: put_text(plan, text); break;
    case MR_FEATURE_LIST_JSON: put_json(plan, text); break;
    case MR_FEATURE_LIST_MARKDOWN: put_markdown(plan, text); break;
    }
}
