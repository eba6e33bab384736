#include "models/csv_reader.h"

#include <stdbool.h>
#include <stddef.h>

enum { COPIES_BLOCK_BYTES = 16384 };

static char find_separator(mr_text text)
{
    static const char candidates[] = {',', ';', '\t'};
    uint32_t seen[sizeof(candidates)] = {0};
    uint32_t first = 0;
    while (first < text.length &&
           (text.bytes[first] == '\n' || text.bytes[first] == '\r'))
        first++;
    for (uint32_t i = first; i < text.length && text.bytes[i] != '\n'; i++)
        for (size_t c = 0; c < sizeof(candidates); c++)
            seen[c] += text.bytes[i] == candidates[c];
    size_t best = 0;
    for (size_t c = 1; c < sizeof(candidates); c++)
        if (seen[c] > seen[best])
            best = c;
    return candidates[best];
}

mr_status mr_csv_reader_init(mr_text text, mr_csv_reader *ret_reader)
{
    mr_arena *copies = mr_arena_create(COPIES_BLOCK_BYTES);
    if (copies == NULL)
        return MR_ERR_NO_MEMORY;
    const bool marked = text.length >= 3 && text.bytes[0] == '\xEF' &&
                        text.bytes[1] == '\xBB' && text.bytes[2] == '\xBF';
    *ret_reader = (mr_csv_reader){.text = text,
                                  .position = marked ? 3 : 0,
                                  .line = 1,
                                  .separator = find_separator(text),
                                  .copies = copies};
    return MR_OK;
}

void mr_csv_reader_deinit(mr_csv_reader *reader)
{
    mr_arena_destroy(reader->copies);
    *reader = (mr_csv_reader){0};
}

/* The byte `ahead` of the position; a line feed beyond the end. */
static char peek(const mr_csv_reader *reader, uint32_t ahead)
{
    const uint32_t at = reader->position + ahead;
    return at < reader->text.length ? reader->text.bytes[at] : '\n';
}

static bool at_line_end(const mr_csv_reader *reader)
{
    return peek(reader, 0) == '\n' ||
           (peek(reader, 0) == '\r' && peek(reader, 1) == '\n');
}

static void pass_line_end(mr_csv_reader *reader)
{
    reader->position += peek(reader, 0) == '\r' ? 2 : 1;
    if (reader->position > reader->text.length)
        reader->position = reader->text.length;
    reader->line++;
}

/* Doubled quotes become one. */
static mr_status unescape(mr_csv_reader *reader, mr_text raw, mr_text *ret_field)
{
    char *bytes = mr_arena_allocate(reader->copies, raw.length);
    if (bytes == NULL)
        return MR_ERR_NO_MEMORY;
    uint32_t length = 0;
    for (uint32_t i = 0; i < raw.length; i++) {
        bytes[length++] = raw.bytes[i];
        if (raw.bytes[i] == '"')
            i++;
    }
    *ret_field = (mr_text){.bytes = bytes, .length = length};
    return MR_OK;
}

static mr_status read_quoted(mr_csv_reader *reader, mr_text *ret_field,
                             mr_error *ret_error)
{
    const uint32_t opened_line = reader->line;
    const uint32_t first = ++reader->position;
    bool doubled = false;
    for (;; reader->position++) {
        if (reader->position >= reader->text.length)
            return mr_error_set(ret_error, MR_ERR_CORRUPT, "line %u: a quote stays open",
                                opened_line);
        const char byte = reader->text.bytes[reader->position];
        reader->line += byte == '\n';
        if (byte != '"')
            continue;
        if (peek(reader, 1) != '"')
            break;
        doubled = true;
        reader->position++;
    }
    const mr_text raw = {.bytes = reader->text.bytes + first,
                         .length = reader->position - first};
    reader->position++;
    if (!at_line_end(reader) && peek(reader, 0) != reader->separator)
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "line %u: text after a closing quote", reader->line);
    if (doubled)
        return unescape(reader, raw, ret_field);
    *ret_field = raw;
    return MR_OK;
}

static mr_text read_plain(mr_csv_reader *reader)
{
    const uint32_t first = reader->position;
    while (!at_line_end(reader) && peek(reader, 0) != reader->separator)
        reader->position++;
    return (mr_text){.bytes = reader->text.bytes + first,
                     .length = reader->position - first};
}

mr_status mr_csv_reader_next(mr_csv_reader *reader, mr_csv_row *ret_row,
                             mr_error *ret_error)
{
    mr_arena_reset(reader->copies);
    while (reader->position < reader->text.length && at_line_end(reader))
        pass_line_end(reader);
    if (reader->position >= reader->text.length)
        return MR_ERR_NOT_FOUND;
    ret_row->count = 0;
    ret_row->line = reader->line;
    for (;;) {
        if (ret_row->count == MR_CSV_FIELDS_MAX)
            return mr_error_set(ret_error, MR_ERR_FULL, "line %u: more than %d fields",
                                ret_row->line, MR_CSV_FIELDS_MAX);
        mr_text *field = &ret_row->fields[ret_row->count++];
        if (peek(reader, 0) == '"')
            MR_TRY(read_quoted(reader, field, ret_error));
        else
            *field = read_plain(reader);
        if (at_line_end(reader))
            break;
        reader->position++;
    }
    pass_line_end(reader);
    return MR_OK;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

mr_text mr_csv_trim(mr_text field)
{
    while (field.length > 0 && is_blank(field.bytes[field.length - 1]))
        field.length--;
    while (field.length > 0 && is_blank(field.bytes[0])) {
        field.bytes++;
        field.length--;
    }
    return field;
}
