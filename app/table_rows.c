#include "app/table_rows.h"

#include <string.h>

mr_table_rows mr_table_rows_to(FILE *out, mr_table_form form)
{
    return (mr_table_rows){.out = out, .form = form};
}

void mr_table_rows_deinit(mr_table_rows *rows)
{
    mr_buffer_deinit(&rows->columns);
    mr_buffer_deinit(&rows->line);
}

static void put_quoted(mr_buffer *line, mr_text text)
{
    const bool is_formula = text.length > 0 && strchr("=+-@\t\r", text.bytes[0]) != NULL;
    bool is_plain = !is_formula;
    for (uint32_t i = 0; i < text.length && is_plain; i++)
        is_plain = strchr(",\"\r\n", text.bytes[i]) == NULL;
    if (is_plain) {
        mr_buffer_put_text(line, text);
        return;
    }
    mr_buffer_put_text(line, is_formula ? MR_TEXT("\"'") : MR_TEXT("\""));
    for (uint32_t i = 0; i < text.length; i++) {
        if (text.bytes[i] == '"')
            mr_buffer_put_u8(line, '"');
        mr_buffer_put_u8(line, (uint8_t)text.bytes[i]);
    }
    mr_buffer_put_u8(line, '"');
}

static void put_cell(mr_buffer *line, mr_json_value *value)
{
    if (mr_json_is_text(value)) {
        put_quoted(line, mr_json_text(value, (mr_text){0}));
        return;
    }
    const size_t start = line->length;
    mr_json_writer writer = mr_json_writer_of(line);
    mr_json_put_value(&writer, value);
    const mr_text written = {(const char *)line->bytes + start,
                             (uint32_t)(line->length - start)};
    if (mr_text_is(written, "null"))
        line->length = start;
    else if (!mr_json_is_number(value) && !mr_json_is_bool(value)) {
        mr_buffer copy = {0}; /* a list: its JSON, quoted */
        mr_buffer_put_text(&copy, written);
        line->length = start;
        put_quoted(line, (mr_text){(const char *)copy.bytes, (uint32_t)copy.length});
        mr_buffer_deinit(&copy);
    }
}

static mr_status write_line(mr_table_rows *rows)
{
    mr_buffer_put_u8(&rows->line, '\n');
    MR_TRY(mr_buffer_status(&rows->line));
    const size_t written = fwrite(rows->line.bytes, 1, rows->line.length, rows->out);
    const bool is_whole = written == rows->line.length;
    mr_buffer_clear(&rows->line);
    return is_whole ? MR_OK : MR_ERR_UNAVAILABLE;
}

static mr_status name_columns(mr_table_rows *rows, mr_json_value *object)
{
    size_t cursor = 0;
    mr_text name;
    mr_json_value *value;
    while (mr_json_next(object, &cursor, &name, &value)) {
        if (rows->column_count++ > 0)
            mr_buffer_put_u8(&rows->line, ',');
        put_quoted(&rows->line, name);
        mr_buffer_put_text(&rows->columns, name);
        mr_buffer_put_u8(&rows->columns, 0);
    }
    MR_TRY(mr_buffer_status(&rows->columns));
    return write_line(rows);
}

static mr_status put_csv(mr_table_rows *rows, mr_json_value *object)
{
    if (rows->column_count == 0)
        MR_TRY(name_columns(rows, object));
    const char *name = (const char *)rows->columns.bytes;
    for (size_t i = 0; i < rows->column_count; i++) {
        if (i > 0)
            mr_buffer_put_u8(&rows->line, ',');
        put_cell(&rows->line, mr_json_get(object, name));
        name += strlen(name) + 1;
    }
    return write_line(rows);
}

mr_status mr_table_rows_put(mr_table_rows *rows, mr_json_value *array)
{
    for (size_t i = 0; i < mr_json_count(array); i++) {
        mr_json_value *object = mr_json_at(array, i);
        if (rows->form == MR_TABLE_CSV) {
            MR_TRY(put_csv(rows, object));
            continue;
        }
        mr_json_writer writer = mr_json_writer_of(&rows->line);
        mr_json_put_value(&writer, object);
        MR_TRY(write_line(rows));
    }
    return MR_OK;
}
