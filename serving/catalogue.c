#include "serving/catalogue.h"

#include "core/event.h"
#include "core/id_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ITEM_TEXTS = 7, ROWS_START = 256 };

#define STOCK_MAX 1e15

/* ---- A record ---- */

/* The member as text: absent and null are empty. */
static mr_status parse_text(mr_json_value *object, const char *name, size_t bytes_max,
                            mr_text *ret_text, mr_error *ret_error)
{
    mr_json_value *value = mr_json_get(object, name);
    *ret_text = mr_json_text(value, (mr_text){0});
    if (value != NULL && !mr_json_is_text(value) &&
        (mr_json_is_number(value) || mr_json_is_bool(value) || mr_json_is_array(value) ||
         mr_json_is_object(value)))
        return mr_error_set(ret_error, MR_ERR_CORRUPT, "%s must be a string", name);
    if (ret_text->length > bytes_max)
        return mr_error_set(ret_error, MR_ERR_CORRUPT, "%s is longer than %zu bytes",
                            name, bytes_max);
    return MR_OK;
}

/* A JSON number, written out so that it is read as the decimal it was sent as. */
static mr_status number_to_minor(double number, int64_t *ret_minor)
{
    mr_buffer text = {0};
    mr_json_writer writer = mr_json_writer_of(&text);
    mr_json_put_double(&writer, number);
    mr_status status = mr_buffer_status(&text);
    if (status == MR_OK)
        status =
            mr_text_to_minor((mr_text){(const char *)text.bytes, (uint32_t)text.length},
                             1, MR_MINOR_DIGITS, ret_minor);
    mr_buffer_deinit(&text);
    return status;
}

static mr_status parse_price(mr_json_value *object, int64_t *ret_minor,
                             mr_error *ret_error)
{
    mr_json_value *value = mr_json_get(object, "price");
    int64_t minor = MR_PRICE_UNKNOWN;
    mr_status status = MR_OK;
    if (mr_json_is_number(value))
        status = number_to_minor(mr_json_double(value, 0.0), &minor);
    else if (mr_json_is_text(value))
        status = mr_text_to_minor(mr_json_text(value, (mr_text){0}), 1, MR_MINOR_DIGITS,
                                  &minor);
    else if (mr_json_is_bool(value) || mr_json_is_object(value) ||
             mr_json_is_array(value))
        status = MR_ERR_CORRUPT;
    if (status == MR_ERR_NO_MEMORY)
        return status;
    if (status != MR_OK || (minor < 0 && minor != MR_PRICE_UNKNOWN))
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "price must be a number or decimal text, not negative");
    *ret_minor = minor;
    return MR_OK;
}

static mr_status parse_stock(mr_json_value *object, int64_t *ret_stock,
                             mr_error *ret_error)
{
    mr_json_value *value = mr_json_get(object, "stock");
    *ret_stock = MR_STOCK_UNKNOWN;
    if (mr_json_is_number(value)) {
        const double stock = mr_json_double(value, 0.0);
        if (fabs(stock) <= STOCK_MAX) {
            *ret_stock = (int64_t)floor(stock);
            return MR_OK;
        }
    } else if (!mr_json_is_text(value) && !mr_json_is_bool(value) &&
               !mr_json_is_object(value) && !mr_json_is_array(value)) {
        return MR_OK;
    }
    return mr_error_set(ret_error, MR_ERR_CORRUPT, "stock must be a number");
}

static mr_status parse_hidden(mr_json_value *object, bool *ret_hidden,
                              mr_error *ret_error)
{
    mr_json_value *value = mr_json_get(object, "hidden");
    *ret_hidden = mr_json_bool(value, false);
    if (mr_json_is_number(value) || mr_json_is_text(value) || mr_json_is_object(value) ||
        mr_json_is_array(value))
        return mr_error_set(ret_error, MR_ERR_CORRUPT, "hidden must be true or false");
    return MR_OK;
}

static mr_status parse_members(mr_json_value *object, mr_text key,
                               mr_catalogue_item *item, mr_error *ret_error)
{
    const struct {
        const char *name;
        mr_text *text;
    } texts[] = {
        {"title", &item->title}, {"category", &item->category},
        {"brand", &item->brand}, {"currency", &item->currency},
        {"image", &item->image}, {"url", &item->url},
    };
    if (!mr_json_is_object(object))
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "the record must be a JSON object");
    MR_TRY(parse_text(object, "id", MR_EVENT_ID_BYTES_MAX, &item->id, ret_error));
    if (key.length > 0 && item->id.length > 0 && !mr_text_equal(key, item->id))
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "id is not the id the record is stored under");
    if (item->id.length == 0)
        item->id = key;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        MR_TRY(parse_text(object, texts[i].name, MR_CATALOGUE_FIELD_BYTES_MAX,
                          texts[i].text, ret_error));
    MR_TRY(parse_price(object, &item->price_minor, ret_error));
    MR_TRY(parse_stock(object, &item->stock, ret_error));
    return parse_hidden(object, &item->hidden, ret_error);
}

static mr_status check_id(mr_text id, mr_error *ret_error)
{
    if (id.length == 0)
        return mr_error_set(ret_error, MR_ERR_CORRUPT, "id is missing");
    if (id.length > MR_EVENT_ID_BYTES_MAX || !mr_text_is_utf8(id))
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "id must be UTF-8 of 1 to %d bytes", MR_EVENT_ID_BYTES_MAX);
    return MR_OK;
}

mr_status mr_catalogue_item_parse(mr_text key, mr_text value, mr_catalogue_item *ret_item,
                                  mr_json **ret_json, mr_error *ret_error)
{
    mr_catalogue_item item = {
        .id = key, .price_minor = MR_PRICE_UNKNOWN, .stock = MR_STOCK_UNKNOWN};
    mr_json *json = NULL;
    mr_status status = MR_OK;
    if (value.length == 0) {
        item.deleted = true;
    } else {
        MR_TRY(mr_json_parse(value, &json, ret_error));
        status = parse_members(mr_json_root(json), key, &item, ret_error);
    }
    if (status == MR_OK)
        status = check_id(item.id, ret_error);
    if (status != MR_OK) {
        mr_json_destroy(json);
        return status;
    }
    *ret_item = item;
    *ret_json = json;
    return MR_OK;
}

/* ---- Copies ---- */

static void texts_of(mr_catalogue_item *item, mr_text *ret_texts[ITEM_TEXTS])
{
    mr_text *texts[ITEM_TEXTS] = {&item->id,    &item->title,    &item->category,
                                  &item->brand, &item->currency, &item->image,
                                  &item->url};
    memcpy(ret_texts, texts, sizeof(texts));
}

static size_t text_bytes(const mr_catalogue_item *item)
{
    return (size_t)item->id.length + item->title.length + item->category.length +
           item->brand.length + item->currency.length + item->image.length +
           item->url.length;
}

/* Move the texts to `bytes`; returns the end of what was written. */
static char *copy_texts(mr_catalogue_item *item, char *bytes)
{
    mr_text *texts[ITEM_TEXTS];
    texts_of(item, texts);
    for (size_t i = 0; i < ITEM_TEXTS; i++) {
        if (texts[i]->length > 0)
            memcpy(bytes, texts[i]->bytes, texts[i]->length);
        texts[i]->bytes = bytes;
        bytes += texts[i]->length;
    }
    return bytes;
}

/* ---- The builder ---- */

typedef struct row {
    mr_catalogue_item item;
    char *bytes; /* its texts; NULL: deleted */
} row;

struct mr_catalogue_builder {
    mr_hash_key key;
    mr_id_table *ids;
    row *rows; /* by index in `ids` */
    size_t capacity;
};

mr_status mr_catalogue_builder_create(const mr_hash_key *key,
                                      mr_catalogue_builder **ret_builder)
{
    mr_catalogue_builder *builder = calloc(1, sizeof(*builder));
    if (builder == NULL)
        return MR_ERR_NO_MEMORY;
    builder->key = *key;
    builder->rows = calloc(ROWS_START, sizeof(row));
    builder->capacity = ROWS_START;
    if (builder->rows == NULL || mr_id_table_create(key, &builder->ids) != MR_OK) {
        mr_catalogue_builder_destroy(builder);
        return MR_ERR_NO_MEMORY;
    }
    *ret_builder = builder;
    return MR_OK;
}

void mr_catalogue_builder_destroy(mr_catalogue_builder *builder)
{
    if (builder == NULL)
        return;
    for (size_t i = 0; builder->rows != NULL && i < builder->capacity; i++)
        free(builder->rows[i].bytes);
    free(builder->rows);
    mr_id_table_destroy(builder->ids);
    free(builder);
}

/* Room for one row more than there are ids. */
static mr_status reserve_row(mr_catalogue_builder *builder)
{
    if (mr_id_table_count(builder->ids) < builder->capacity)
        return MR_OK;
    row *rows = realloc(builder->rows, 2 * builder->capacity * sizeof(row));
    if (rows == NULL)
        return MR_ERR_NO_MEMORY;
    memset(rows + builder->capacity, 0, builder->capacity * sizeof(row));
    builder->rows = rows;
    builder->capacity *= 2;
    return MR_OK;
}

mr_status mr_catalogue_builder_put(mr_catalogue_builder *builder,
                                   const mr_catalogue_item *item)
{
    row fresh = {.item = *item};
    if (!item->deleted) {
        fresh.bytes = malloc(text_bytes(item) + 1);
        if (fresh.bytes == NULL)
            return MR_ERR_NO_MEMORY;
        (void)copy_texts(&fresh.item, fresh.bytes);
    }
    uint32_t index;
    if (reserve_row(builder) != MR_OK ||
        mr_id_table_put(builder->ids, item->id, &index) != MR_OK) {
        free(fresh.bytes);
        return MR_ERR_NO_MEMORY;
    }
    free(builder->rows[index].bytes);
    builder->rows[index] = fresh;
    return MR_OK;
}

/* ---- The snapshot ---- */

struct mr_catalogue {
    mr_id_table *ids;         /* in the order of the rows */
    mr_catalogue_item *items; /* in the order of their ids */
    size_t count;
    char *bytes; /* all texts */
};

static int compare_ids(const void *a, const void *b)
{
    return mr_text_compare(((const mr_catalogue_item *)a)->id,
                           ((const mr_catalogue_item *)b)->id);
}

static size_t copy_live_rows(const mr_catalogue_builder *builder,
                             mr_catalogue_item *items, size_t *ret_bytes)
{
    size_t count = 0;
    size_t bytes = 0;
    const uint32_t ids = mr_id_table_count(builder->ids);
    for (uint32_t i = 0; i < ids; i++) {
        if (builder->rows[i].bytes == NULL)
            continue;
        items[count++] = builder->rows[i].item;
        bytes += text_bytes(&builder->rows[i].item);
    }
    *ret_bytes = bytes;
    return count;
}

static mr_status fill(mr_catalogue *catalogue, const mr_catalogue_builder *builder)
{
    size_t bytes;
    catalogue->items =
        calloc((size_t)mr_id_table_count(builder->ids) + 1, sizeof(mr_catalogue_item));
    if (catalogue->items == NULL)
        return MR_ERR_NO_MEMORY;
    catalogue->count = copy_live_rows(builder, catalogue->items, &bytes);
    qsort(catalogue->items, catalogue->count, sizeof(mr_catalogue_item), compare_ids);
    catalogue->bytes = malloc(bytes + 1);
    if (catalogue->bytes == NULL)
        return MR_ERR_NO_MEMORY;
    MR_TRY(mr_id_table_create(&builder->key, &catalogue->ids));
    char *end = catalogue->bytes;
    for (size_t i = 0; i < catalogue->count; i++) {
        uint32_t index;
        end = copy_texts(&catalogue->items[i], end);
        MR_TRY(mr_id_table_put(catalogue->ids, catalogue->items[i].id, &index));
    }
    return MR_OK;
}

mr_status mr_catalogue_build(const mr_catalogue_builder *builder,
                             mr_catalogue **ret_catalogue)
{
    mr_catalogue *catalogue = calloc(1, sizeof(*catalogue));
    if (catalogue == NULL)
        return MR_ERR_NO_MEMORY;
    const mr_status status = fill(catalogue, builder);
    if (status != MR_OK) {
        mr_catalogue_destroy(catalogue);
        return status;
    }
    *ret_catalogue = catalogue;
    return MR_OK;
}

void mr_catalogue_destroy(void *object)
{
    mr_catalogue *catalogue = object;
    if (catalogue == NULL)
        return;
    mr_id_table_destroy(catalogue->ids);
    free(catalogue->items);
    free(catalogue->bytes);
    free(catalogue);
}

size_t mr_catalogue_count(const mr_catalogue *catalogue)
{
    return catalogue == NULL ? 0 : catalogue->count;
}

const mr_catalogue_item *mr_catalogue_find(const mr_catalogue *catalogue, mr_text id)
{
    if (catalogue == NULL)
        return NULL;
    const uint32_t index = mr_id_table_find(catalogue->ids, id);
    return index == MR_ID_NONE ? NULL : &catalogue->items[index];
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool contains(mr_text text, mr_text needle)
{
    for (uint32_t at = 0; at + needle.length <= text.length; at++) {
        uint32_t i = 0;
        while (i < needle.length && lower(text.bytes[at + i]) == lower(needle.bytes[i]))
            i++;
        if (i == needle.length)
            return true;
    }
    return false;
}

size_t mr_catalogue_search(const mr_catalogue *catalogue, mr_text needle,
                           const mr_catalogue_item **ret_items, size_t capacity)
{
    size_t count = 0;
    for (size_t i = 0; i < mr_catalogue_count(catalogue) && count < capacity; i++) {
        const mr_catalogue_item *item = &catalogue->items[i];
        if (contains(item->id, needle) || contains(item->title, needle))
            ret_items[count++] = item;
    }
    return count;
}

bool mr_catalogue_item_can_show(const mr_catalogue_item *item)
{
    return !item->hidden && (item->stock == MR_STOCK_UNKNOWN || item->stock > 0);
}
