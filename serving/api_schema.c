#include "serving/api_schema.h"

#include "core/event.h"
#include "serving/percent.h"
#include "serving/rules_json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A value that was given: JSON, or the text of a parameter. */
typedef struct given {
    mr_json_value *json; /* NULL: `text` */
    mr_text text;
} given;

/* One field on its way into the request. */
typedef struct place {
    const mr_field *field;
    const char *path; /* with the field's name */
    mr_schema_reader *reader;
    void *target;
} place;

void mr_schema_path(const char *path, mr_text name, char ret_path[MR_SCHEMA_PATH_BYTES])
{
    (void)snprintf(ret_path, MR_SCHEMA_PATH_BYTES, "%s%s%.*s", path,
                   path[0] != '\0' && name.length > 0 ? "." : "", MR_TEXT_ARG(name));
}

static mr_status refuse(const place *p, const char *message)
{
    mr_field_error_set(p->reader->error, mr_text_from(p->path), "%s", message);
    return MR_ERR_INVALID;
}

mr_status mr_schema_check_id(const char *field, mr_text id, mr_field_error *error)
{
    if (id.length > 0 && id.length <= MR_EVENT_ID_BYTES_MAX && mr_text_is_utf8(id))
        return MR_OK;
    mr_field_error_set(error, mr_text_from(field), "must be UTF-8 of 1 to %d bytes",
                       MR_EVENT_ID_BYTES_MAX);
    return MR_ERR_INVALID;
}

/* ---- Texts ---- */

static bool to_text(const given *g, mr_text *ret_text)
{
    *ret_text = g->json != NULL ? mr_json_text(g->json, (mr_text){0}) : g->text;
    return g->json == NULL || mr_json_is_text(g->json);
}

static mr_status read_text(const place *p, const given *g)
{
    mr_text text;
    if (to_text(g, &text) && (int64_t)text.length >= p->field->least &&
        (int64_t)text.length <= p->field->most) {
        *(mr_text *)p->target = text;
        return MR_OK;
    }
    mr_field_error_set(p->reader->error, mr_text_from(p->path),
                       "must be a string of %lld to %lld bytes",
                       (long long)p->field->least, (long long)p->field->most);
    return MR_ERR_INVALID;
}

static mr_status read_id(const place *p, const given *g)
{
    mr_text text;
    if (!to_text(g, &text))
        return refuse(p, "must be a string of 1 to 128 bytes");
    MR_TRY(mr_schema_check_id(p->path, text, p->reader->error));
    *(mr_text *)p->target = text;
    return MR_OK;
}

static mr_status refuse_words(const place *p)
{
    char message[sizeof(p->reader->error->message)];
    size_t length = (size_t)snprintf(message, sizeof(message), "must be ");
    for (size_t i = 0; p->field->words[i] != NULL && length < sizeof(message); i++)
        length += (size_t)snprintf(message + length, sizeof(message) - length, "%s%s",
                                   i == 0                           ? ""
                                   : p->field->words[i + 1] == NULL ? " or "
                                                                    : ", ",
                                   p->field->words[i]);
    return refuse(p, message);
}

/* The word's index; -1 for none of them. */
static int find_word(const mr_field *field, mr_text text)
{
    for (int i = 0; field->words[i] != NULL; i++) {
        if (mr_text_is(text, field->words[i]))
            return i;
    }
    return -1;
}

static mr_status read_word(const place *p, const given *g)
{
    mr_text text;
    const int word = to_text(g, &text) ? find_word(p->field, text) : -1;
    if (word < 0)
        return refuse_words(p);
    *(uint32_t *)p->target = (uint32_t)word;
    return MR_OK;
}

/* ---- Numbers ---- */

static bool to_integer(const given *g, int64_t *ret_value)
{
    if (g->json == NULL)
        return mr_text_to_int64(g->text, ret_value) == MR_OK;
    const double number = mr_json_double(g->json, NAN);
    if (!(fabs(number) < 0x1p63) || number != floor(number))
        return false;
    *ret_value = mr_json_int(g->json, (int64_t)number);
    return true;
}

static mr_status read_integer(const place *p, const given *g)
{
    int64_t number;
    if (to_integer(g, &number) && number >= p->field->least && number <= p->field->most) {
        *(int64_t *)p->target = number;
        return MR_OK;
    }
    mr_field_error_set(p->reader->error, mr_text_from(p->path), "must be %lld to %lld",
                       (long long)p->field->least, (long long)p->field->most);
    return MR_ERR_INVALID;
}

static mr_status read_flag(const place *p, const given *g)
{
    bool value = g->json != NULL && mr_json_bool(g->json, false);
    bool is_flag = g->json != NULL && mr_json_is_bool(g->json);
    if (g->json == NULL) {
        value = mr_text_is(g->text, "true") || mr_text_is(g->text, "1");
        is_flag = value || mr_text_is(g->text, "false") || mr_text_is(g->text, "0");
    }
    if (!is_flag)
        return refuse(p, "must be true or false");
    *(bool *)p->target = value;
    return MR_OK;
}

/* ---- Lists ---- */

static mr_status check_count(const place *p, size_t count)
{
    if ((int64_t)count > p->field->most) {
        mr_field_error_set(p->reader->error, mr_text_from(p->path),
                           "has more than %lld ids", (long long)p->field->most);
        return MR_ERR_INVALID;
    }
    return (int64_t)count >= p->field->least ? MR_OK : refuse(p, "is empty");
}

static mr_status read_ids(const place *p, mr_json_value *value)
{
    if (!mr_json_is_array(value))
        return refuse(p, "must be an array of ids");
    const size_t count = mr_json_count(value);
    MR_TRY(check_count(p, count));
    mr_text *texts = mr_arena_allocate(p->reader->arena, (count + 1) * sizeof(mr_text));
    if (texts == NULL)
        return MR_ERR_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        char path[MR_SCHEMA_PATH_BYTES];
        (void)snprintf(path, sizeof(path), "%s[%zu]", p->path, i);
        texts[i] = mr_json_text(mr_json_at(value, i), (mr_text){0});
        MR_TRY(mr_schema_check_id(path, texts[i], p->reader->error));
    }
    *(mr_text_list *)p->target = (mr_text_list){texts, count};
    return MR_OK;
}

static size_t count_pieces(mr_text text)
{
    size_t count = text.length > 0;
    for (uint32_t i = 0; i < text.length; i++)
        count += text.bytes[i] == ',';
    return count;
}

/* The next of the comma-separated pieces. */
static mr_text take_piece(mr_text *rest)
{
    const char *comma = memchr(rest->bytes, ',', rest->length);
    const uint32_t length =
        comma != NULL ? (uint32_t)(comma - rest->bytes) : rest->length;
    const uint32_t used = comma != NULL ? length + 1 : length;
    const mr_text piece = {rest->bytes, length};
    *rest = (mr_text){rest->bytes + used, rest->length - used};
    return piece;
}

static size_t count_ids(const mr_query *query, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < query->count; i++) {
        if (mr_text_is(query->parameters[i].name, name))
            count += count_pieces(query->parameters[i].value);
    }
    return count;
}

/* The pieces of all parameters of that name. */
static mr_status take_ids(const place *p, mr_query *query)
{
    size_t at = 0;
    const size_t count = count_ids(query, p->field->name);
    MR_TRY(check_count(p, count));
    mr_text *texts = mr_arena_allocate(p->reader->arena, (count + 1) * sizeof(mr_text));
    if (texts == NULL)
        return MR_ERR_NO_MEMORY;
    for (size_t i = 0; i < query->count; i++) {
        mr_query_parameter *parameter = &query->parameters[i];
        if (!mr_text_is(parameter->name, p->field->name))
            continue;
        parameter->used = true;
        mr_text rest = parameter->value;
        for (size_t pieces = count_pieces(rest); pieces > 0; pieces--) {
            texts[at] = take_piece(&rest);
            MR_TRY(mr_schema_check_id(p->path, texts[at], p->reader->error));
            at++;
        }
    }
    *(mr_text_list *)p->target = (mr_text_list){texts, count};
    return MR_OK;
}

/* ---- What rules_json.h reads ---- */

/* The other parser's path, behind ours. */
static void prepend(const char *path, mr_field_error *error)
{
    char full[MR_SCHEMA_PATH_BYTES];
    mr_schema_path(path, mr_text_from(error->field), full);
    memcpy(error->field, full, sizeof(full));
}

static mr_status read_wish(const place *p, const char *path, mr_json_value *value)
{
    mr_rule_wishes *wishes = p->target;
    const mr_status status =
        mr_rules_json_read(mr_text_from(p->field->name), value, p->reader->arena,
                           &wishes->set, &wishes->fields, p->reader->error);
    if (status == MR_ERR_INVALID)
        prepend(path, p->reader->error);
    return status;
}

static bool is_attribute(mr_text name)
{
    return name.length > 5 && memcmp(name.bytes, "attr.", 5) == 0;
}

static mr_status take_wishes(const place *p, mr_query *query)
{
    mr_rule_wishes *wishes = p->target;
    for (size_t i = 0; i < query->count; i++) {
        mr_query_parameter *parameter = &query->parameters[i];
        const bool is_this = p->field->kind == MR_FIELD_ATTRIBUTES
                                 ? is_attribute(parameter->name)
                                 : mr_text_is(parameter->name, p->field->name);
        if (!is_this)
            continue;
        parameter->used = true;
        MR_TRY(mr_rules_query_read(parameter->name, parameter->value, p->reader->arena,
                                   &wishes->set, &wishes->fields, p->reader->error));
    }
    return MR_OK;
}

/* ---- One field ---- */

static mr_status read_values(const place *p, mr_json_value *value)
{
    const int64_t count = (int64_t)mr_json_count(value);
    if (!mr_json_is_array(value) || count < p->field->least || count > p->field->most) {
        mr_field_error_set(p->reader->error, mr_text_from(p->path),
                           "must be an array of %lld to %lld elements",
                           (long long)p->field->least, (long long)p->field->most);
        return MR_ERR_INVALID;
    }
    *(mr_json_value **)p->target = value;
    return MR_OK;
}

static mr_status read_one(const place *p, const given *g)
{
    switch (p->field->kind) {
    case MR_FIELD_TEXT: return read_text(p, g);
    case MR_FIELD_ID: return read_id(p, g);
    case MR_FIELD_INTEGER: return read_integer(p, g);
    case MR_FIELD_FLAG: return read_flag(p, g);
    case MR_FIELD_WORD: return read_word(p, g);
    case MR_FIELD_IDS: return read_ids(p, g->json);
    case MR_FIELD_VALUES: return read_values(p, g->json);
    default: return refuse(p, "cannot be given"); /* kinds that others read */
    }
}

static mr_status check_required(const mr_schema *schema, unsigned where, const char *path,
                                mr_schema_reader *reader)
{
    for (size_t i = 0; i < schema->field_count; i++) {
        const mr_field *field = &schema->fields[i];
        if ((field->flags & where) == 0 || (field->flags & MR_REQUIRED) == 0 ||
            (reader->given & (UINT64_C(1) << i)) != 0)
            continue;
        char name[MR_SCHEMA_PATH_BYTES];
        mr_schema_path(path, mr_text_from(field->name), name);
        mr_field_error_set(reader->error, mr_text_from(name), "is missing");
        return MR_ERR_INVALID;
    }
    return MR_OK;
}

/* ---- The body ---- */

static size_t find_field(const mr_schema *schema, mr_text name, unsigned where)
{
    for (size_t i = 0; i < schema->field_count; i++) {
        if ((schema->fields[i].flags & where) != 0 &&
            mr_text_is(name, schema->fields[i].name))
            return i;
    }
    return SIZE_MAX;
}

static mr_status read_member(const mr_schema *schema, const char *path, mr_text name,
                             mr_json_value *value, mr_schema_reader *reader,
                             void *request)
{
    const size_t index = find_field(schema, name, MR_IN_BODY);
    char full[MR_SCHEMA_PATH_BYTES];
    mr_schema_path(path, name, full);
    place p = {.path = full, .reader = reader};
    if (index == SIZE_MAX)
        return refuse(&p, "is not a member of this request");
    const uint64_t bit = UINT64_C(1) << index;
    if ((reader->given & bit) != 0)
        return refuse(&p, "is given twice");
    reader->given |= bit;
    p.field = &schema->fields[index];
    p.target = (char *)request + p.field->offset;
    if ((p.field->flags & MR_BY_RULES) != 0)
        return read_wish(&p, path, value);
    if ((p.field->flags & MR_AS_IT_IS) != 0) {
        *(mr_json_value **)p.target = value;
        return MR_OK;
    }
    return read_one(&p, &(given){.json = value});
}

mr_status mr_schema_read_object(const mr_schema *schema, mr_json_value *object,
                                const char *path, mr_schema_reader *reader, void *request)
{
    size_t cursor = 0;
    mr_text name;
    mr_json_value *value;
    while (mr_json_next(object, &cursor, &name, &value))
        MR_TRY(read_member(schema, path, name, value, reader, request));
    return check_required(schema, MR_IN_BODY, path, reader);
}

/* ---- The query ---- */

static mr_status decode(mr_text text, mr_arena *arena, mr_text *ret_text)
{
    char *bytes = mr_arena_allocate(arena, (size_t)text.length + 1);
    if (bytes == NULL)
        return MR_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < text.length; i++)
        bytes[i] = text.bytes[i] == '+' ? ' ' : text.bytes[i];
    size_t length;
    MR_TRY(mr_percent_decode((mr_text){bytes, text.length}, bytes, text.length, &length));
    *ret_text = (mr_text){bytes, (uint32_t)length};
    return mr_text_is_utf8(*ret_text) ? MR_OK : MR_ERR_CORRUPT;
}

static mr_status refuse_query(mr_field_error *error, mr_text field, const char *message)
{
    mr_field_error_set(error, field, "%s", message);
    return MR_ERR_INVALID;
}

static mr_status parse_parameter(mr_text piece, mr_arena *arena, mr_query *query,
                                 mr_field_error *error)
{
    const char *equals = memchr(piece.bytes, '=', piece.length);
    const uint32_t name_length =
        equals != NULL ? (uint32_t)(equals - piece.bytes) : piece.length;
    const uint32_t value_start = equals != NULL ? name_length + 1 : name_length;
    if (query->count == MR_API_QUERY_MAX)
        return refuse_query(error, MR_TEXT("query"), "has more than 64 parameters");
    mr_query_parameter *parameter = &query->parameters[query->count];
    *parameter = (mr_query_parameter){0};
    const mr_text value = {piece.bytes + value_start, piece.length - value_start};
    mr_status status =
        decode((mr_text){piece.bytes, name_length}, arena, &parameter->name);
    if (status == MR_OK)
        status = decode(value, arena, &parameter->value);
    if (status == MR_ERR_CORRUPT)
        return refuse_query(error, MR_TEXT("query"), "is not percent-encoded UTF-8");
    query->count += status == MR_OK;
    return status;
}

mr_status mr_query_parse(mr_text text, mr_arena *arena, mr_query *ret_query,
                         mr_field_error *error)
{
    mr_text rest = text;
    ret_query->count = 0;
    while (rest.length > 0) {
        const char *end = memchr(rest.bytes, '&', rest.length);
        const uint32_t length = end != NULL ? (uint32_t)(end - rest.bytes) : rest.length;
        if (length > 0)
            MR_TRY(
                parse_parameter((mr_text){rest.bytes, length}, arena, ret_query, error));
        const uint32_t used = end != NULL ? length + 1 : length;
        rest = (mr_text){rest.bytes + used, rest.length - used};
    }
    return MR_OK;
}

/* The first parameter of that name, now used; NULL when there is none. */
static mr_query_parameter *take_parameter(mr_query *query, const char *name)
{
    for (size_t i = 0; i < query->count; i++) {
        mr_query_parameter *parameter = &query->parameters[i];
        if (!parameter->used && mr_text_is(parameter->name, name)) {
            parameter->used = true;
            return parameter;
        }
    }
    return NULL;
}

static mr_status read_parameter(const place *p, mr_query *query, uint64_t bit)
{
    if ((p->field->flags & MR_BY_RULES) != 0)
        return take_wishes(p, query);
    if (p->field->kind == MR_FIELD_IDS)
        return count_ids(query, p->field->name) > 0 ? take_ids(p, query) : MR_OK;
    mr_query_parameter *parameter = take_parameter(query, p->field->name);
    if (parameter == NULL)
        return MR_OK;
    p->reader->given |= bit;
    return read_one(p, &(given){.text = parameter->value});
}

mr_status mr_schema_read_query(const mr_schema *schema, mr_query *query,
                               mr_schema_reader *reader, void *request)
{
    for (size_t i = 0; query->count > 0 && schema != NULL && i < schema->field_count;
         i++) {
        const mr_field *field = &schema->fields[i];
        const place p = {.field = field,
                         .path = field->name,
                         .reader = reader,
                         .target = (char *)request + field->offset};
        if ((field->flags & MR_IN_QUERY) != 0)
            MR_TRY(read_parameter(&p, query, UINT64_C(1) << i));
    }
    for (size_t i = 0; i < query->count; i++) {
        if (!query->parameters[i].used)
            return refuse_query(reader->error, query->parameters[i].name,
                                "is not a parameter of this call, or is given twice");
    }
    return schema != NULL ? check_required(schema, MR_IN_QUERY, "", reader) : MR_OK;
}
