#include "serving/catalogue_item.h"

#include "core/event.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define STOCK_MAX 1e15

/* The year 9999: as far as RFC 3339 goes. */
#define CREATED_MAX_MS 253402300799999.0

/* One record on its way in. */
typedef struct record {
    mr_json_value *object;
    mr_arena *arena;
    mr_error *error;
    mr_catalogue_item item;
} record;

static bool is_absent(mr_json_value *value)
{
    return !mr_json_is_number(value) && !mr_json_is_text(value) &&
           !mr_json_is_bool(value) && !mr_json_is_array(value) &&
           !mr_json_is_object(value);
}

static mr_status keep_text(mr_arena *arena, mr_text text, mr_text *ret_text)
{
    *ret_text = mr_arena_copy(arena, text);
    return text.length > 0 && ret_text->bytes == NULL ? MR_ERR_NO_MEMORY : MR_OK;
}

/* ---- Texts ---- */

/* The value as text: absent and null are empty. */
static mr_status parse_text_value(record *r, mr_json_value *value, const char *name,
                                  size_t bytes_max, mr_text *ret_text)
{
    const mr_text text = mr_json_text(value, (mr_text){0});
    if (!is_absent(value) && !mr_json_is_text(value))
        return mr_error_set(r->error, MR_ERR_CORRUPT, "%s must be a string", name);
    if (text.length > bytes_max)
        return mr_error_set(r->error, MR_ERR_CORRUPT, "%s is longer than %zu bytes", name,
                            bytes_max);
    return keep_text(r->arena, text, ret_text);
}

static mr_status parse_text(record *r, const char *name, size_t bytes_max,
                            mr_text *ret_text)
{
    return parse_text_value(r, mr_json_get(r->object, name), name, bytes_max, ret_text);
}

static mr_status parse_texts(record *r)
{
    const struct {
        const char *name;
        mr_text *text;
    } texts[] = {
        {"title", &r->item.title},       {"brand", &r->item.brand},
        {"currency", &r->item.currency}, {"image", &r->item.image},
        {"url", &r->item.url},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        MR_TRY(parse_text(r, texts[i].name, MR_CATALOGUE_FIELD_BYTES_MAX, texts[i].text));
    return MR_OK;
}

static mr_status parse_id(record *r, mr_text key)
{
    mr_text id;
    MR_TRY(parse_text(r, "id", MR_EVENT_ID_BYTES_MAX, &id));
    if (key.length > 0 && id.length > 0 && !mr_text_equal(key, id))
        return mr_error_set(r->error, MR_ERR_CORRUPT,
                            "id is not the id the record is stored under");
    if (id.length > 0)
        r->item.id = id;
    return MR_OK;
}

/* A string, or an array of a few; empty ones say nothing. */
static mr_status parse_categories(record *r)
{
    mr_json_value *value = mr_json_get(r->object, "category");
    const size_t count = mr_json_is_array(value) ? mr_json_count(value) : 1;
    if (count > MR_CATALOGUE_CATEGORIES_MAX)
        return mr_error_set(r->error, MR_ERR_CORRUPT, "category has more than %d entries",
                            MR_CATALOGUE_CATEGORIES_MAX);
    mr_text *texts =
        mr_arena_allocate(r->arena, MR_CATALOGUE_CATEGORIES_MAX * sizeof(*texts));
    if (texts == NULL)
        return MR_ERR_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        mr_text text;
        MR_TRY(parse_text_value(r, mr_json_is_array(value) ? mr_json_at(value, i) : value,
                                "category", MR_CATALOGUE_FIELD_BYTES_MAX, &text));
        if (text.length > 0)
            texts[r->item.category_count++] = text;
    }
    r->item.categories = texts;
    if (r->item.category_count > 0)
        r->item.category = texts[0];
    return MR_OK;
}

/* ---- Numbers ---- */

/* A JSON number as the text it was sent as, so that it is read as that decimal. */
static mr_status number_to_text(mr_json_value *value, mr_buffer *text)
{
    static const char point_zero[] = ".0";
    const size_t length = sizeof(point_zero) - 1;
    mr_json_writer writer = mr_json_writer_of(text);
    mr_json_put_value(&writer, value);
    if (text->length > length &&
        memcmp(text->bytes + text->length - length, point_zero, length) == 0)
        text->length -= length;
    return mr_buffer_status(text);
}

static mr_text buffer_text(const mr_buffer *buffer)
{
    return (mr_text){(const char *)buffer->bytes, (uint32_t)buffer->length};
}

mr_status mr_price_from_json(mr_json_value *value, int64_t *ret_minor)
{
    int64_t minor = 0;
    mr_status status = MR_ERR_CORRUPT;
    if (mr_json_is_number(value)) {
        mr_buffer text = {0};
        status = number_to_text(value, &text);
        if (status == MR_OK)
            status = mr_text_to_minor(buffer_text(&text), 1, MR_MINOR_DIGITS, &minor);
        mr_buffer_deinit(&text);
    } else if (mr_json_is_text(value)) {
        status = mr_text_to_minor(mr_json_text(value, (mr_text){0}), 1, MR_MINOR_DIGITS,
                                  &minor);
    }
    if (status == MR_OK && minor < 0)
        status = MR_ERR_CORRUPT;
    if (status == MR_OK)
        *ret_minor = minor;
    return status;
}

static mr_status parse_price(record *r)
{
    mr_json_value *value = mr_json_get(r->object, "price");
    if (is_absent(value))
        return MR_OK;
    const mr_status status = mr_price_from_json(value, &r->item.price_minor);
    return status == MR_ERR_CORRUPT
               ? mr_error_set(r->error, status,
                              "price must be a number or decimal text, not negative")
               : status;
}

static mr_status parse_stock(record *r)
{
    mr_json_value *value = mr_json_get(r->object, "stock");
    if (is_absent(value))
        return MR_OK;
    const double stock = mr_json_double(value, INFINITY);
    if (!(fabs(stock) <= STOCK_MAX))
        return mr_error_set(r->error, MR_ERR_CORRUPT, "stock must be a number");
    r->item.stock = (int64_t)floor(stock);
    return MR_OK;
}

static mr_status parse_hidden(record *r)
{
    mr_json_value *value = mr_json_get(r->object, "hidden");
    r->item.hidden = mr_json_bool(value, false);
    return is_absent(value) || mr_json_is_bool(value)
               ? MR_OK
               : mr_error_set(r->error, MR_ERR_CORRUPT, "hidden must be true or false");
}

static mr_status parse_created(record *r)
{
    mr_json_value *value = mr_json_get(r->object, "created");
    if (is_absent(value))
        return MR_OK;
    const double ms = mr_json_double(value, INFINITY);
    if (mr_json_is_text(value)) {
        if (mr_text_to_time_ms(mr_json_text(value, (mr_text){0}), &r->item.created_ms) ==
            MR_OK)
            return MR_OK;
    } else if (fabs(ms) <= CREATED_MAX_MS) {
        r->item.created_ms = (int64_t)floor(ms);
        return MR_OK;
    }
    return mr_error_set(r->error, MR_ERR_CORRUPT,
                        "created must be a time such as 2026-11-21T08:00:00Z, or "
                        "milliseconds since 1970");
}

/* ---- Attributes ---- */

bool mr_attribute_name_is_valid(mr_text name)
{
    return name.length > 0 && name.length <= MR_ATTRIBUTE_NAME_BYTES_MAX &&
           memchr(name.bytes, '\0', name.length) == NULL;
}

static mr_status attribute_number(mr_json_value *value, mr_arena *arena,
                                  mr_text *ret_text)
{
    mr_buffer text = {0};
    mr_status status = number_to_text(value, &text);
    if (status == MR_OK)
        status = keep_text(arena, buffer_text(&text), ret_text);
    mr_buffer_deinit(&text);
    return status;
}

mr_status mr_attribute_value_from_json(mr_json_value *value, mr_arena *arena,
                                       mr_text *ret_text)
{
    if (mr_json_is_number(value))
        return attribute_number(value, arena, ret_text);
    if (mr_json_is_bool(value)) {
        *ret_text = mr_json_bool(value, false) ? MR_TEXT("true") : MR_TEXT("false");
        return MR_OK;
    }
    const mr_text text = mr_json_text(value, (mr_text){0});
    if (text.length == 0 || text.length > MR_ATTRIBUTE_VALUE_BYTES_MAX)
        return MR_ERR_CORRUPT;
    return keep_text(arena, text, ret_text);
}

/* Null and an empty string say nothing. */
static bool is_blank(mr_json_value *value)
{
    return is_absent(value) ||
           (mr_json_is_text(value) && mr_json_text(value, (mr_text){0}).length == 0);
}

static mr_status parse_values(record *r, mr_text name, mr_json_value *value,
                              mr_attribute *attributes)
{
    const bool is_array = mr_json_is_array(value);
    const size_t count = is_array ? mr_json_count(value) : 1;
    if (!mr_attribute_name_is_valid(name))
        return mr_error_set(
            r->error, MR_ERR_CORRUPT,
            "attributes: a name is 1 to %d bytes without NUL, not \"%.*s\"",
            MR_ATTRIBUTE_NAME_BYTES_MAX, MR_TEXT_ARG(name));
    if (count > MR_ATTRIBUTE_VALUES_MAX)
        return mr_error_set(r->error, MR_ERR_CORRUPT,
                            "attributes.%.*s has more than %d values", MR_TEXT_ARG(name),
                            MR_ATTRIBUTE_VALUES_MAX);
    mr_text kept;
    MR_TRY(keep_text(r->arena, name, &kept));
    for (size_t i = 0; i < count; i++) {
        mr_json_value *element = is_array ? mr_json_at(value, i) : value;
        mr_attribute *attribute = &attributes[r->item.attribute_count];
        if (is_blank(element))
            continue;
        const mr_status status =
            mr_attribute_value_from_json(element, r->arena, &attribute->value);
        if (status == MR_ERR_CORRUPT)
            return mr_error_set(r->error, status,
                                "attributes.%.*s must be a text of at most %d bytes, a "
                                "number, true or false, or an array of those",
                                MR_TEXT_ARG(name), MR_ATTRIBUTE_VALUE_BYTES_MAX);
        MR_TRY(status);
        attribute->name = kept;
        r->item.attribute_count++;
    }
    return MR_OK;
}

static size_t count_values(mr_json_value *object)
{
    size_t values = 0;
    size_t cursor = 0;
    mr_text name;
    mr_json_value *value;
    while (mr_json_next(object, &cursor, &name, &value))
        values += mr_json_is_array(value) ? mr_json_count(value) : 1;
    return values;
}

static mr_status parse_attributes(record *r)
{
    mr_json_value *object = mr_json_get(r->object, "attributes");
    if (is_absent(object))
        return MR_OK;
    if (!mr_json_is_object(object))
        return mr_error_set(r->error, MR_ERR_CORRUPT, "attributes must be an object");
    if (mr_json_count(object) > MR_ATTRIBUTES_MAX)
        return mr_error_set(r->error, MR_ERR_CORRUPT, "attributes has more than %d names",
                            MR_ATTRIBUTES_MAX);
    mr_attribute *attributes =
        mr_arena_allocate(r->arena, count_values(object) * sizeof(*attributes));
    if (attributes == NULL)
        return MR_ERR_NO_MEMORY;
    size_t cursor = 0;
    mr_text name;
    mr_json_value *value;
    while (mr_json_next(object, &cursor, &name, &value))
        MR_TRY(parse_values(r, name, value, attributes));
    r->item.attributes = attributes;
    return MR_OK;
}

/* ---- The record ---- */

static mr_status parse_members(record *r, mr_text key)
{
    if (!mr_json_is_object(r->object))
        return mr_error_set(r->error, MR_ERR_CORRUPT, "the record must be a JSON object");
    MR_TRY(parse_id(r, key));
    MR_TRY(parse_texts(r));
    MR_TRY(parse_categories(r));
    MR_TRY(parse_price(r));
    MR_TRY(parse_stock(r));
    MR_TRY(parse_hidden(r));
    MR_TRY(parse_created(r));
    return parse_attributes(r);
}

static mr_status check_id(const record *r)
{
    const mr_text id = r->item.id;
    if (id.length == 0)
        return mr_error_set(r->error, MR_ERR_CORRUPT, "id is missing");
    if (id.length > MR_EVENT_ID_BYTES_MAX || !mr_text_is_utf8(id))
        return mr_error_set(r->error, MR_ERR_CORRUPT, "id must be UTF-8 of 1 to %d bytes",
                            MR_EVENT_ID_BYTES_MAX);
    return MR_OK;
}

mr_status mr_catalogue_item_parse(mr_text key, mr_text value, mr_arena *arena,
                                  mr_catalogue_item *ret_item, mr_error *ret_error)
{
    record r = {
        .arena = arena,
        .error = ret_error,
        .item = {.price_minor = MR_PRICE_UNKNOWN,
                 .stock = MR_STOCK_UNKNOWN,
                 .created_ms = MR_CREATED_UNKNOWN,
                 .deleted = value.length == 0},
    };
    MR_TRY(keep_text(arena, key, &r.item.id));
    if (!r.item.deleted) {
        mr_json *json = NULL;
        MR_TRY(mr_json_parse(value, &json, ret_error));
        r.object = mr_json_root(json);
        const mr_status status = parse_members(&r, key);
        mr_json_destroy(json);
        MR_TRY(status);
    }
    MR_TRY(check_id(&r));
    *ret_item = r.item;
    return MR_OK;
}

bool mr_catalogue_item_can_show(const mr_catalogue_item *item)
{
    return !item->hidden && (item->stock == MR_STOCK_UNKNOWN || item->stock > 0);
}
