#include "models/rating_file.h"

#include "core/id_table.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { YEAR_DIGITS = 4, PATH_BYTES = 16, TAG_BYTES = 2048 };

struct mr_rating_file {
    mr_typed_table *ratings_table; /* while reading */
    mr_typed_table *item_table;
    mr_typed_table *user_table; /* or NULL */
    mr_id_table *items;
    mr_id_table *users;
    mr_rating *ratings;
    size_t count;
};

/* ---- reading ---- */

static mr_status put_id(const mr_typed_table *table, uint32_t row, uint32_t column,
                        mr_id_table *ids, uint32_t *ret_index, mr_error *ret_error)
{
    const mr_text id = mr_typed_table_field(table, row, column);
    if (id.length == 0)
        return mr_typed_table_refuse(table, row, "an id is empty", ret_error);
    return mr_id_table_put(ids, id, ret_index);
}

/* Row r of the table becomes index r. */
static mr_status number_rows(const mr_typed_table *table, const char *id_column,
                             mr_id_table *ids, mr_error *ret_error)
{
    uint32_t column = 0;
    MR_TRY(mr_typed_table_need(table, id_column, &column, ret_error));
    for (uint32_t r = 0; r < mr_typed_table_rows(table); r++) {
        uint32_t index = 0;
        MR_TRY(put_id(table, r, column, ids, &index, ret_error));
        if (index != r)
            return mr_typed_table_refuse(table, r, "this id stands on a line before",
                                         ret_error);
    }
    return MR_OK;
}

static int by_time(const void *a, const void *b)
{
    const mr_rating *left = a;
    const mr_rating *right = b;
    return left->time_s < right->time_s ? -1 : left->time_s > right->time_s ? 1 : 0;
}

/* Stable, which qsort is not. */
static mr_status sort_by_time(mr_rating *ratings, size_t count)
{
    mr_rating *spare = malloc((count + 1) * sizeof(*spare));
    if (spare == NULL)
        return MR_ERR_NO_MEMORY;
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t begin = 0; begin < count; begin += 2 * width) {
            const size_t middle = begin + width < count ? begin + width : count;
            const size_t end = middle + width < count ? middle + width : count;
            size_t left = begin;
            size_t right = middle;
            for (size_t at = begin; at < end; at++) {
                const bool take_left =
                    left < middle &&
                    (right == end || by_time(&ratings[left], &ratings[right]) <= 0);
                spare[at] = take_left ? ratings[left++] : ratings[right++];
            }
        }
        memcpy(ratings, spare, count * sizeof(*ratings));
    }
    free(spare);
    return MR_OK;
}

typedef struct rating_columns {
    uint32_t user;
    uint32_t item;
    uint32_t value;
    uint32_t time;
} rating_columns;

static mr_status read_rating(mr_rating_file *file, const rating_columns *columns,
                             uint32_t row, mr_error *ret_error)
{
    const mr_typed_table *table = file->ratings_table;
    mr_rating *rating = &file->ratings[row];
    double value = 0.0;
    double time_s = 0.0;
    MR_TRY(put_id(table, row, columns->user, file->users, &rating->user, ret_error));
    MR_TRY(put_id(table, row, columns->item, file->items, &rating->item, ret_error));
    MR_TRY(mr_typed_table_number(table, row, columns->value, &value, ret_error));
    MR_TRY(mr_typed_table_number(table, row, columns->time, &time_s, ret_error));
    if (!(fabs(value) <= 1e30))
        return mr_typed_table_refuse(table, row, "the rating is out of range", ret_error);
    if (!(time_s >= 0.0 && time_s < (double)UINT32_MAX))
        return mr_typed_table_refuse(
            table, row, "the timestamp is not in seconds since 1970", ret_error);
    rating->value = (float)value;
    rating->time_s = (uint32_t)time_s;
    return MR_OK;
}

static mr_status read_ratings(mr_rating_file *file, mr_error *ret_error)
{
    const mr_typed_table *table = file->ratings_table;
    rating_columns columns = {0};
    MR_TRY(mr_typed_table_need(table, "user_id", &columns.user, ret_error));
    MR_TRY(mr_typed_table_need(table, "item_id", &columns.item, ret_error));
    MR_TRY(mr_typed_table_need(table, "rating", &columns.value, ret_error));
    MR_TRY(mr_typed_table_need(table, "timestamp", &columns.time, ret_error));
    file->count = mr_typed_table_rows(table);
    if (file->count == 0)
        return mr_typed_table_refuse(table, 0, "nothing is rated", ret_error);
    file->ratings = calloc(file->count, sizeof(*file->ratings));
    if (file->ratings == NULL)
        return MR_ERR_NO_MEMORY;
    for (uint32_t r = 0; r < file->count; r++)
        MR_TRY(read_rating(file, &columns, r, ret_error));
    return sort_by_time(file->ratings, file->count);
}

static mr_status read_all(mr_rating_file *file, const mr_rating_paths *paths,
                          mr_error *ret_error)
{
    /* Ids of files, gone with the process: no secret is needed against flooding. */
    mr_hash_key key;
    mr_hash_key_init(&key, NULL, 0);
    MR_TRY(mr_id_table_create(&key, &file->items));
    MR_TRY(mr_id_table_create(&key, &file->users));
    MR_TRY(mr_typed_table_read(paths->items, &file->item_table, ret_error));
    MR_TRY(number_rows(file->item_table, "item_id", file->items, ret_error));
    if (paths->users != NULL) {
        MR_TRY(mr_typed_table_read(paths->users, &file->user_table, ret_error));
        MR_TRY(number_rows(file->user_table, "user_id", file->users, ret_error));
    }
    MR_TRY(mr_typed_table_read(paths->ratings, &file->ratings_table, ret_error));
    MR_TRY(read_ratings(file, ret_error));
    mr_typed_table_destroy(file->ratings_table);
    file->ratings_table = NULL;
    return MR_OK;
}

mr_status mr_rating_file_read(const mr_rating_paths *paths, mr_rating_file **ret_file,
                              mr_error *ret_error)
{
    mr_rating_file *file = calloc(1, sizeof(*file));
    if (file == NULL)
        return MR_ERR_NO_MEMORY;
    const mr_status status = read_all(file, paths, ret_error);
    if (status != MR_OK) {
        mr_rating_file_destroy(file);
        return status;
    }
    *ret_file = file;
    return MR_OK;
}

void mr_rating_file_destroy(mr_rating_file *file)
{
    if (file == NULL)
        return;
    mr_typed_table_destroy(file->ratings_table);
    mr_typed_table_destroy(file->item_table);
    mr_typed_table_destroy(file->user_table);
    mr_id_table_destroy(file->items);
    mr_id_table_destroy(file->users);
    free(file->ratings);
    free(file);
}

/* ---- asking ---- */

uint32_t mr_rating_file_users(const mr_rating_file *file)
{
    return mr_id_table_count(file->users);
}

uint32_t mr_rating_file_items(const mr_rating_file *file)
{
    return mr_id_table_count(file->items);
}

mr_text mr_rating_file_user_id(const mr_rating_file *file, uint32_t user)
{
    return mr_id_table_id(file->users, user);
}

mr_text mr_rating_file_item_id(const mr_rating_file *file, uint32_t item)
{
    return mr_id_table_id(file->items, item);
}

const mr_rating *mr_rating_file_ratings(const mr_rating_file *file, size_t *ret_count)
{
    *ret_count = file->count;
    return file->ratings;
}

const mr_typed_table *mr_rating_file_item_table(const mr_rating_file *file)
{
    return file->item_table;
}

const mr_typed_table *mr_rating_file_user_table(const mr_rating_file *file)
{
    return file->user_table;
}

/* ---- what columns say ---- */

/* What becomes of a column's fields. */
typedef enum role { TAGS, TITLE, TEXT, BRAND, CATEGORY, YEAR, PRICE, NOTHING } role;

static bool contains(mr_text name, const char *part)
{
    const size_t length = strlen(part);
    for (size_t i = 0; i + length <= name.length; i++)
        if (strncasecmp(name.bytes + i, part, length) == 0)
            return true;
    return false;
}

static role role_of(const mr_typed_table *table, uint32_t column)
{
    const mr_text name = mr_typed_table_column_name(table, column);
    const mr_typed_kind kind = mr_typed_table_column_kind(table, column);
    if (mr_text_is(name, "item_id"))
        return NOTHING;
    if (contains(name, "price"))
        return PRICE;
    if (kind == MR_TYPED_FLOAT || kind == MR_TYPED_FLOATS)
        return NOTHING;
    if (contains(name, "title") || contains(name, "name"))
        return TITLE;
    if (contains(name, "description") || contains(name, "text"))
        return TEXT;
    if (contains(name, "brand"))
        return BRAND;
    if (contains(name, "year"))
        return YEAR;
    return contains(name, "categor") && kind == MR_TYPED_TOKEN ? CATEGORY : TAGS;
}

static bool is_year(mr_text field)
{
    bool digits = field.length == YEAR_DIGITS;
    for (uint32_t i = 0; digits && i < YEAR_DIGITS; i++)
        digits = field.bytes[i] >= '0' && field.bytes[i] <= '9';
    return digits;
}

static mr_status tell_year(mr_content_builder *builder, uint32_t item, mr_text field)
{
    char path[PATH_BYTES];
    if (!is_year(field))
        return MR_OK;
    const int length =
        snprintf(path, sizeof(path), "%.3s0s>%.4s", field.bytes, field.bytes);
    return mr_content_builder_add(builder, item, MR_CONTENT_CATEGORY,
                                  (mr_text){.bytes = path, .length = (uint32_t)length});
}

/* "class=Drama"; a tag that is too long for that is cut. */
static mr_status tell_tag(mr_content_builder *builder, uint32_t item, mr_text name,
                          mr_text value)
{
    char tag[TAG_BYTES];
    if (value.length == 0)
        return MR_OK;
    const int length =
        snprintf(tag, sizeof(tag), "%.*s=%.*s", MR_TEXT_ARG(name), MR_TEXT_ARG(value));
    const uint32_t kept = length < TAG_BYTES ? (uint32_t)length : TAG_BYTES - 1;
    return mr_content_builder_add(builder, item, MR_CONTENT_TAG,
                                  (mr_text){.bytes = tag, .length = kept});
}

static mr_status tell_tags(mr_content_builder *builder, uint32_t item, mr_text name,
                           mr_text field)
{
    uint32_t begin = 0;
    for (uint32_t i = 0; i <= field.length; i++) {
        if (i < field.length && field.bytes[i] != ' ')
            continue;
        MR_TRY(tell_tag(builder, item, name,
                        (mr_text){.bytes = field.bytes + begin, .length = i - begin}));
        begin = i + 1;
    }
    return MR_OK;
}

/* A price that is none is left out: what a column of another kind says is nobody's mistake. */
static mr_status tell_price(mr_content_builder *builder, uint32_t item, mr_text field)
{
    double price = 0.0;
    if (mr_text_to_double(field, &price) != MR_OK || price < 0.0)
        return MR_OK;
    return mr_content_builder_price(builder, item, price);
}

static mr_status tell_field(const mr_typed_table *table, uint32_t item, uint32_t column,
                            mr_content_builder *builder)
{
    const mr_text name = mr_typed_table_column_name(table, column);
    const mr_text field = mr_typed_table_field(table, item, column);
    switch (role_of(table, column)) {
    case TITLE: return mr_content_builder_add(builder, item, MR_CONTENT_TITLE, field);
    case TEXT: return mr_content_builder_add(builder, item, MR_CONTENT_TEXT, field);
    case BRAND: return mr_content_builder_add(builder, item, MR_CONTENT_BRAND, field);
    case CATEGORY:
        return mr_content_builder_add(builder, item, MR_CONTENT_CATEGORY, field);
    case YEAR: return tell_year(builder, item, field);
    case PRICE: return tell_price(builder, item, field);
    case TAGS:
        return mr_typed_table_column_kind(table, column) == MR_TYPED_TOKENS
                   ? tell_tags(builder, item, name, field)
                   : tell_tag(builder, item, name, field);
    case NOTHING: break;
    }
    return MR_OK;
}

mr_status mr_rating_file_tell(const mr_rating_file *file, mr_content_builder *builder)
{
    const mr_typed_table *table = file->item_table;
    for (uint32_t i = 0; i < mr_typed_table_rows(table); i++)
        for (uint32_t c = 0; c < mr_typed_table_columns(table); c++)
            MR_TRY(tell_field(table, i, c, builder));
    return MR_OK;
}
