#include "models/typed_table.h"

#include "core/assert.h"
#include "core/buffer.h"
#include "core/file.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 96, HEADING_LINE = 1, ROOM_AT_FIRST = 4096 };

typedef struct column {
    mr_text name;
    mr_typed_kind kind;
} column;

struct mr_typed_table {
    mr_buffer text;
    char name[NAME_BYTES]; /* of the file, for messages */
    column columns[MR_TYPED_COLUMNS_MAX];
    uint32_t column_count;
    uint32_t rows;
    uint32_t *starts; /* [rows * columns]: where each field begins */
    size_t room;
};

static mr_text line_at(const mr_typed_table *table, uint32_t position)
{
    const char *begin = (const char *)table->text.bytes + position;
    const size_t rest = table->text.length - position;
    const char *end = memchr(begin, '\n', rest);
    return (mr_text){.bytes = begin,
                     .length = (uint32_t)(end != NULL ? (size_t)(end - begin) : rest)};
}

static mr_text without_return(mr_text line)
{
    if (line.length > 0 && line.bytes[line.length - 1] == '\r')
        line.length--;
    return line;
}

static uint32_t field_length(mr_text line)
{
    const char *tab = line.length > 0 ? memchr(line.bytes, '\t', line.length) : NULL;
    return tab != NULL ? (uint32_t)(tab - line.bytes) : line.length;
}

/* ---- heading ---- */

static mr_status parse_column(mr_text text, column *ret_column)
{
    static const char *const kinds[] = {"token", "token_seq", "float", "float_seq"};
    uint32_t name = 0;
    while (name < text.length && text.bytes[name] != ':')
        name++;
    if (name == 0 || name == text.length)
        return MR_ERR_CORRUPT;
    const mr_text kind = {.bytes = text.bytes + name + 1,
                          .length = text.length - name - 1};
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
        if (mr_text_is(kind, kinds[k])) {
            *ret_column = (column){.name = {.bytes = text.bytes, .length = name},
                                   .kind = (mr_typed_kind)k};
            return MR_OK;
        }
    return MR_ERR_CORRUPT;
}

static mr_status parse_heading(mr_typed_table *table, mr_text line, mr_error *ret_error)
{
    for (;;) {
        const mr_text field = {.bytes = line.bytes, .length = field_length(line)};
        if (table->column_count == MR_TYPED_COLUMNS_MAX)
            return mr_error_set(ret_error, MR_ERR_CORRUPT, "%s line %d: over %d columns",
                                table->name, HEADING_LINE, MR_TYPED_COLUMNS_MAX);
        if (parse_column(field, &table->columns[table->column_count]) != MR_OK)
            return mr_error_set(
                ret_error, MR_ERR_CORRUPT,
                "%s line %d: a column is headed `%.*s`, not `name:token`, "
                "`name:token_seq`, `name:float` or `name:float_seq`",
                table->name, HEADING_LINE, (int)(field.length < 40 ? field.length : 40),
                field.bytes != NULL ? field.bytes : "");
        table->column_count++;
        if (field.length == line.length)
            return MR_OK;
        line.bytes += field.length + 1;
        line.length -= field.length + 1;
    }
}

/* ---- rows ---- */

static mr_status reserve_row(mr_typed_table *table)
{
    const size_t wanted = ((size_t)table->rows + 1) * table->column_count;
    if (wanted <= table->room)
        return MR_OK;
    const size_t room = 2 * wanted > ROOM_AT_FIRST ? 2 * wanted : ROOM_AT_FIRST;
    uint32_t *starts = realloc(table->starts, room * sizeof(*starts));
    if (starts == NULL)
        return MR_ERR_NO_MEMORY;
    table->starts = starts;
    table->room = room;
    return MR_OK;
}

static mr_status parse_row(mr_typed_table *table, mr_text line, mr_error *ret_error)
{
    MR_TRY(reserve_row(table));
    uint32_t *starts = table->starts + (size_t)table->rows * table->column_count;
    uint32_t count = 0;
    const char *begin = (const char *)table->text.bytes;
    for (;;) {
        if (count < table->column_count)
            starts[count] = (uint32_t)(line.bytes - begin);
        count++;
        const uint32_t length = field_length(line);
        if (length == line.length)
            break;
        line.bytes += length + 1;
        line.length -= length + 1;
    }
    if (count != table->column_count)
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "%s line %u: fields: %u, of the heading: %u", table->name,
                            table->rows + HEADING_LINE + 1, count, table->column_count);
    table->rows++;
    return MR_OK;
}

static mr_status parse(mr_typed_table *table, mr_error *ret_error)
{
    if (table->text.length == 0)
        return mr_error_set(ret_error, MR_ERR_CORRUPT, "%s line %d: there is no heading",
                            table->name, HEADING_LINE);
    mr_text line = line_at(table, 0);
    MR_TRY(parse_heading(table, without_return(line), ret_error));
    size_t position = (size_t)line.length + 1;
    while (position < table->text.length) {
        line = line_at(table, (uint32_t)position);
        MR_TRY(parse_row(table, without_return(line), ret_error));
        position += (size_t)line.length + 1;
    }
    return MR_OK;
}

mr_status mr_typed_table_read(const char *path, mr_typed_table **ret_table,
                              mr_error *ret_error)
{
    mr_typed_table *table = calloc(1, sizeof(*table));
    if (table == NULL)
        return MR_ERR_NO_MEMORY;
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    strncpy(table->name, name, NAME_BYTES - 1);
    mr_status status = mr_file_read(path, &table->text, ret_error);
    if (status == MR_OK && table->text.length >= UINT32_MAX)
        status = mr_error_set(ret_error, MR_ERR_CORRUPT, "%s: larger than 4 GB", path);
    if (status == MR_OK)
        status = parse(table, ret_error);
    if (status != MR_OK) {
        mr_typed_table_destroy(table);
        return status;
    }
    *ret_table = table;
    return MR_OK;
}

void mr_typed_table_destroy(mr_typed_table *table)
{
    if (table == NULL)
        return;
    mr_buffer_deinit(&table->text);
    free(table->starts);
    free(table);
}

/* ---- asking ---- */

uint32_t mr_typed_table_rows(const mr_typed_table *table)
{
    return table->rows;
}

uint32_t mr_typed_table_columns(const mr_typed_table *table)
{
    return table->column_count;
}

mr_text mr_typed_table_column_name(const mr_typed_table *table, uint32_t column_index)
{
    MR_ASSERT(column_index < table->column_count);
    return table->columns[column_index].name;
}

mr_typed_kind mr_typed_table_column_kind(const mr_typed_table *table,
                                         uint32_t column_index)
{
    MR_ASSERT(column_index < table->column_count);
    return table->columns[column_index].kind;
}

uint32_t mr_typed_table_find(const mr_typed_table *table, const char *name)
{
    for (uint32_t c = 0; c < table->column_count; c++)
        if (mr_text_is(table->columns[c].name, name))
            return c;
    return MR_TYPED_COLUMN_NONE;
}

mr_status mr_typed_table_need(const mr_typed_table *table, const char *name,
                              uint32_t *ret_column, mr_error *ret_error)
{
    const uint32_t found = mr_typed_table_find(table, name);
    if (found == MR_TYPED_COLUMN_NONE)
        return mr_error_set(ret_error, MR_ERR_CORRUPT, "%s line %d: no column `%s`",
                            table->name, HEADING_LINE, name);
    *ret_column = found;
    return MR_OK;
}

mr_text mr_typed_table_field(const mr_typed_table *table, uint32_t row,
                             uint32_t column_index)
{
    MR_ASSERT(row < table->rows);
    MR_ASSERT(column_index < table->column_count);
    const uint32_t start =
        table->starts[(size_t)row * table->column_count + column_index];
    const mr_text rest = without_return(line_at(table, start));
    return (mr_text){.bytes = rest.bytes, .length = field_length(rest)};
}

mr_status mr_typed_table_number(const mr_typed_table *table, uint32_t row,
                                uint32_t column_index, double *ret_value,
                                mr_error *ret_error)
{
    const mr_text field = mr_typed_table_field(table, row, column_index);
    if (mr_text_to_double(field, ret_value) == MR_OK)
        return MR_OK;
    const mr_text name = table->columns[column_index].name;
    return mr_error_set(ret_error, MR_ERR_CORRUPT, "%s line %u: %.*s is not a number",
                        table->name, row + HEADING_LINE + 1, MR_TEXT_ARG(name));
}

mr_status mr_typed_table_refuse(const mr_typed_table *table, uint32_t row,
                                const char *reason, mr_error *ret_error)
{
    return mr_error_set(ret_error, MR_ERR_CORRUPT, "%s line %u: %s", table->name,
                        row + HEADING_LINE + 1, reason);
}
