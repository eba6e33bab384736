#include "ingest/decode_json.h"

#include "core/assert.h"
#include "core/hash.h"

#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

enum {
    FEW_KEYS_MAX = 32, /* above it duplicates are looked for by hashing */
    PRINT_BITS = 9,    /* of a small one, to tell most keys apart                     */
    /* Twice the keys that fit into the largest record, `"":0,` each, to a power of two. */
    SLOTS = 16384,
};

_Static_assert(SLOTS >= 2 * (MR_EVENT_RECORD_BYTES_MAX / 5),
               "the table is at most half full");

/* yyjson's values for the largest message, from a block that is reused. */
struct mr_json_parser {
    void *pool;
    size_t pool_bytes;
    uint32_t generation; /* a slot of an older one is free */
    struct key_slot {
        uint32_t generation;
        uint32_t length;
        const char *bytes;
    } slots[SLOTS];
};

static const yyjson_read_flag read_flags = YYJSON_READ_INSITU | YYJSON_READ_NUMBER_AS_RAW;

mr_json_parser *mr_json_parser_create(void)
{
    mr_json_parser *parser = calloc(1, sizeof(*parser));
    if (parser == NULL)
        return NULL;
    parser->pool_bytes =
        yyjson_read_max_memory_usage(MR_EVENT_RECORD_BYTES_MAX, read_flags);
    parser->pool = malloc(parser->pool_bytes);
    if (parser->pool == NULL) {
        mr_json_parser_destroy(parser);
        return NULL;
    }
    return parser;
}

void mr_json_parser_destroy(mr_json_parser *parser)
{
    if (parser == NULL)
        return;
    free(parser->pool);
    free(parser);
}

static mr_text text_of(yyjson_val *value)
{
    return (mr_text){.bytes = unsafe_yyjson_get_str(value),
                     .length = (uint32_t)unsafe_yyjson_get_len(value)};
}

static bool is_among(const mr_text *keys, size_t count, mr_text key)
{
    for (size_t k = 0; k < count; k++) {
        if (mr_text_equal(keys[k], key))
            return true;
    }
    return false;
}

/* For a small object: a bit for each key's length and outer bytes, and only where it is set already
 * a look at those before. */
static bool has_twin_in_few(yyjson_val *object, size_t count)
{
    uint64_t seen[1 << (PRINT_BITS - 6)] = {0};
    mr_text keys[FEW_KEYS_MAX];
    yyjson_obj_iter iterator = yyjson_obj_iter_with(object);
    for (size_t i = 0; i < count; i++) {
        const mr_text key = text_of(yyjson_obj_iter_next(&iterator));
        const uint32_t first = key.length > 0 ? (uint8_t)key.bytes[0] : 0;
        const uint32_t last = key.length > 0 ? (uint8_t)key.bytes[key.length - 1] : 0;
        const uint32_t print = key.length << 16 ^ first << 8 ^ last;
        const uint32_t place = print * UINT32_C(2654435769) >> (32 - PRINT_BITS);
        const uint64_t bit = UINT64_C(1) << (place % 64);
        if ((seen[place / 64] & bit) != 0 && is_among(keys, i, key))
            return true;
        seen[place / 64] |= bit;
        keys[i] = key;
    }
    return false;
}

static bool has_twin_hashed(mr_json_parser *parser, yyjson_val *object)
{
    if (++parser->generation == 0) { /* wrapped: no old slot may look new */
        memset(parser->slots, 0, sizeof(parser->slots));
        parser->generation = 1;
    }
    yyjson_obj_iter iterator = yyjson_obj_iter_with(object);
    for (yyjson_val *value; (value = yyjson_obj_iter_next(&iterator)) != NULL;) {
        const mr_text key = text_of(value);
        size_t at = mr_hash_bytes(key.bytes, key.length) % SLOTS;
        while (parser->slots[at].generation == parser->generation) {
            const mr_text other = {.bytes = parser->slots[at].bytes,
                                   .length = parser->slots[at].length};
            if (mr_text_equal(other, key))
                return true;
            at = (at + 1) % SLOTS;
        }
        parser->slots[at] = (struct key_slot){
            .generation = parser->generation, .length = key.length, .bytes = key.bytes};
    }
    return false;
}

/* Depth and duplicate keys; recursion is bounded by the depth it checks. */
static mr_poison check(mr_json_parser *parser, yyjson_val *value, int depth)
{
    if (!yyjson_is_ctn(value))
        return MR_POISON_NONE;
    if (depth > MR_EVENT_DEPTH_MAX)
        return MR_POISON_TOO_DEEP;
    const size_t count = unsafe_yyjson_get_len(value);
    if (count == 0)
        return MR_POISON_NONE;
    const bool is_object = yyjson_is_obj(value);
    if (is_object && (count <= FEW_KEYS_MAX ? has_twin_in_few(value, count)
                                            : has_twin_hashed(parser, value)))
        return MR_POISON_DUPLICATE_KEY;

    /* Children follow their container; an object's are keys and values in turn. */
    yyjson_val *child = unsafe_yyjson_get_first(value);
    for (size_t i = 0; i < count; i++) {
        yyjson_val *inner = is_object ? child + 1 : child;
        const mr_poison poison = check(parser, inner, depth + 1);
        if (poison != MR_POISON_NONE)
            return poison;
        child = unsafe_yyjson_get_next(inner);
    }
    return MR_POISON_NONE;
}

mr_poison mr_json_parser_parse(mr_json_parser *parser, mr_text message,
                               mr_decode_output *output, yyjson_val **ret_root)
{
    MR_ASSERT(message.length <= MR_EVENT_RECORD_BYTES_MAX);
    char *copy = mr_arena_allocate(output->arena, message.length + YYJSON_PADDING_SIZE);
    yyjson_alc allocator;
    if (copy == NULL ||
        !yyjson_alc_pool_init(&allocator, parser->pool, parser->pool_bytes)) {
        output->status = MR_ERR_NO_MEMORY;
        return MR_POISON_NONE;
    }
    memcpy(copy, message.bytes, message.length);
    memset(copy + message.length, 0, YYJSON_PADDING_SIZE);
    yyjson_read_err error;
    yyjson_doc *document =
        yyjson_read_opts(copy, message.length, read_flags, &allocator, &error);
    if (document == NULL)
        return mr_text_is_utf8(message) ? MR_POISON_NOT_JSON : MR_POISON_NOT_UTF8;
    yyjson_val *root = yyjson_doc_get_root(document);
    if (!yyjson_is_obj(root))
        return MR_POISON_NOT_JSON;
    const mr_poison poison = check(parser, root, 1);
    if (poison == MR_POISON_NONE)
        *ret_root = root;
    return poison;
}

void mr_json_table_init(mr_json_table *ret_table, const mr_json_field *fields,
                        size_t count)
{
    MR_ASSERT(count <= MR_JSON_FIELDS_MAX);
    size_t placed = 0;
    for (size_t length = 0; length <= MR_JSON_NAME_BYTES_MAX; length++) {
        ret_table->first[length] = (uint8_t)placed;
        for (size_t i = 0; i < count; i++) {
            if (strlen(fields[i].name) == length)
                ret_table->fields[placed++] = fields[i];
        }
    }
    ret_table->first[MR_JSON_NAME_BYTES_MAX + 1] = (uint8_t)placed;
    MR_ASSERT(placed == count);
}

/* The outer bytes tell most names of a length apart, which spares a call. */
static const mr_json_field *find(const mr_json_table *table, mr_text key)
{
    if (key.length == 0 || key.length > MR_JSON_NAME_BYTES_MAX)
        return NULL;
    const size_t end = table->first[key.length + 1];
    for (size_t i = table->first[key.length]; i < end; i++) {
        const char *name = table->fields[i].name;
        if (name[0] == key.bytes[0] &&
            name[key.length - 1] == key.bytes[key.length - 1] &&
            memcmp(name, key.bytes, key.length) == 0)
            return &table->fields[i];
    }
    return NULL;
}

mr_poison mr_json_table_take(const mr_json_table *table, yyjson_val *object, void *target)
{
    if (!yyjson_is_obj(object))
        return MR_POISON_NONE;
    yyjson_obj_iter iterator = yyjson_obj_iter_with(object);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iterator)) != NULL;) {
        const mr_json_field *field = find(table, text_of(key));
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        if (field == NULL || yyjson_is_null(value))
            continue;
        void *place = (char *)target + field->offset;
        if (field->is_node)
            *(yyjson_val **)place = value;
        else if (yyjson_is_str(value) || yyjson_is_raw(value))
            *(mr_text *)place = text_of(value);
        else
            return MR_POISON_BAD_ID;
    }
    return MR_POISON_NONE;
}

/* Is any line priced?  If not, the order's value has to go somewhere. */
static bool has_price(const mr_draft_line *line)
{
    return line->price.length > 0 || line->value.length > 0;
}

static mr_poison emit_line(const mr_draft *draft, const mr_json_table *table,
                           yyjson_val *object, mr_event *event, bool *any_price)
{
    if (!yyjson_is_obj(object))
        return MR_POISON_NOT_JSON;
    mr_draft_line line = {.category = draft->line.category, .brand = draft->line.brand};
    mr_poison poison = mr_json_table_take(table, object, &line);
    if (poison == MR_POISON_NONE)
        poison = mr_draft_line_put(&line, event);
    *any_price |= has_price(&line);
    return poison;
}

/* The order's own value, on the first of its lines. */
static mr_poison put_order_value(const mr_draft *draft, mr_event *first)
{
    const mr_draft_line whole = {.value = draft->line.value};
    mr_event priced = *first;
    const mr_poison poison = mr_draft_line_put(&whole, &priced);
    if (poison == MR_POISON_NONE)
        first->value_minor = priced.value_minor;
    return poison;
}

mr_poison mr_json_emit_lines(const mr_draft *draft, mr_event_type type,
                             const mr_json_table *table, yyjson_val *lines,
                             mr_decode_output *output)
{
    if (lines == NULL || (yyjson_is_arr(lines) && yyjson_arr_size(lines) == 0))
        return mr_draft_emit(draft, type, output);
    if (!yyjson_is_arr(lines))
        return MR_POISON_NOT_JSON;
    if (yyjson_arr_size(lines) > MR_EVENT_LINES_MAX)
        return MR_POISON_TOO_MANY_LINES;

    mr_event event;
    mr_poison poison = mr_draft_event(draft, type, &event);
    if (poison != MR_POISON_NONE)
        return poison;
    const size_t first = output->batch->event_count;
    bool any_price = false;
    yyjson_arr_iter iterator = yyjson_arr_iter_with(lines);
    for (yyjson_val *line; (line = yyjson_arr_iter_next(&iterator)) != NULL;) {
        poison = emit_line(draft, table, line, &event, &any_price);
        if (poison != MR_POISON_NONE)
            return poison;
        mr_decode_append(output, &event);
        if (output->status != MR_OK)
            return MR_POISON_NONE;
        event.line++;
    }
    if (!any_price && draft->line.value.length > 0)
        poison = put_order_value(draft, &output->batch->events[first]);
    return poison;
}
