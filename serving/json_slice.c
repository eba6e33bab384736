#include "serving/json_slice.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

mr_text mr_json_slice_trim(mr_text json)
{
    while (json.length > 0 && is_space(json.bytes[0]))
        json = (mr_text){json.bytes + 1, json.length - 1};
    while (json.length > 0 && is_space(json.bytes[json.length - 1]))
        json.length--;
    return json;
}

/* Just behind the string that begins at `at`. */
static size_t skip_string(mr_text json, size_t at)
{
    for (at++; at < json.length && json.bytes[at] != '"'; at++) {
        if (json.bytes[at] == '\\')
            at++;
    }
    return at + 1;
}

/* The first ',', ':' or closing bracket of this level at or behind `at`. */
static size_t find_end(mr_text json, size_t at)
{
    size_t depth = 0;
    while (at < json.length) {
        const char c = json.bytes[at];
        if (c == '"') {
            at = skip_string(json, at);
            continue;
        }
        if (depth == 0 && (c == ',' || c == ':' || c == ']' || c == '}'))
            return at;
        depth += c == '[' || c == '{';
        depth -= c == ']' || c == '}';
        at++;
    }
    return json.length;
}

static mr_text slice(mr_text json, size_t from, size_t to)
{
    return mr_json_slice_trim((mr_text){json.bytes + from, (uint32_t)(to - from)});
}

/* The next thing of a container of which `*cursor` bytes were walked. */
static bool next_part(mr_text json, size_t *cursor, mr_text *ret_part)
{
    const size_t from = *cursor == 0 ? 1 : *cursor;
    if (from >= json.length)
        return false;
    const size_t to = find_end(json, from);
    const mr_text part = slice(json, from, to < json.length ? to : json.length);
    *cursor = to + 1;
    *ret_part = part;
    return part.length > 0;
}

bool mr_json_slice_next(mr_text array, size_t *cursor, mr_text *ret_element)
{
    return next_part(array, cursor, ret_element);
}

bool mr_json_slice_member(mr_text object, const char *name, mr_text *ret_value)
{
    size_t cursor = 0;
    mr_text key;
    mr_text value;
    while (next_part(object, &cursor, &key) && next_part(object, &cursor, &value)) {
        const mr_text bare = {key.bytes + 1, key.length >= 2 ? key.length - 2 : 0};
        if (mr_text_is(bare, name)) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}
