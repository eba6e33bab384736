#include "serving/catalogue_builder.h"

#include "core/assert.h"

#include <stdlib.h>
#include <string.h>

enum {
    ROWS_START = 256,
    WORDS_MAX =
        MR_CATALOGUE_CATEGORIES_MAX + 2 * MR_ATTRIBUTES_MAX * MR_ATTRIBUTE_VALUES_MAX,
    UNUSED_MIN = 4096, /* fewer ids or words are not worth the work */
};

/* ---- A row ---- */

const uint32_t *mr_catalogue_row_categories(const mr_catalogue_row *row)
{
    return row->words;
}

const uint32_t *mr_catalogue_row_attributes(const mr_catalogue_row *row)
{
    return row->words + row->category_count;
}

const uint32_t *mr_catalogue_row_ascending(const mr_catalogue_row *row)
{
    return mr_catalogue_row_attributes(row) + row->attribute_count;
}

static size_t word_count(const mr_catalogue_row *row)
{
    return row->category_count + 2U * row->attribute_count;
}

const char *mr_catalogue_row_texts(const mr_catalogue_row *row)
{
    return (const char *)(row->words + word_count(row));
}

static size_t text_bytes(const mr_catalogue_row *row)
{
    size_t bytes = 0;
    for (size_t i = 0; i < MR_ROW_TEXTS; i++)
        bytes += row->text_bytes[i];
    return bytes;
}

static bool has_word(const uint32_t *words, size_t count, uint32_t word)
{
    for (size_t i = 0; i < count; i++) {
        if (words[i] == word)
            return true;
    }
    return false;
}

static int compare_words(const void *a, const void *b)
{
    const uint32_t left = *(const uint32_t *)a;
    const uint32_t right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

static mr_status take_categories(mr_catalogue_words *words, const mr_catalogue_item *item,
                                 mr_catalogue_row *row, uint32_t *ret_words)
{
    const mr_text *texts = item->category_count > 0 ? item->categories : &item->category;
    const size_t count =
        item->category_count > 0 ? item->category_count : item->category.length > 0;
    MR_ASSERT(count <= MR_CATALOGUE_CATEGORIES_MAX);
    for (size_t i = 0; i < count; i++) {
        uint32_t word;
        MR_TRY(mr_catalogue_words_put(words, MR_WORD_OF_CATEGORY, texts[i], &word));
        if (!has_word(ret_words, row->category_count, word))
            ret_words[row->category_count++] = word;
    }
    return MR_OK;
}

/* In their order, then ascending. */
static mr_status take_attributes(mr_catalogue_words *words, const mr_catalogue_item *item,
                                 mr_catalogue_row *row, uint32_t *ret_words)
{
    MR_ASSERT(item->attribute_count <= MR_ATTRIBUTES_MAX * MR_ATTRIBUTE_VALUES_MAX);
    for (size_t i = 0; i < item->attribute_count; i++) {
        uint32_t word;
        MR_TRY(mr_catalogue_words_put_pair(words, &item->attributes[i], &word));
        if (!has_word(ret_words, row->attribute_count, word))
            ret_words[row->attribute_count++] = word;
    }
    uint32_t *ascending = ret_words + row->attribute_count;
    memcpy(ascending, ret_words, row->attribute_count * sizeof(uint32_t));
    qsort(ascending, row->attribute_count, sizeof(uint32_t), compare_words);
    return MR_OK;
}

/* NULL when out of memory.  The words have not been counted as used yet. */
static mr_catalogue_row *row_create(mr_catalogue_builder *builder,
                                    const mr_catalogue_item *item)
{
    uint32_t words[WORDS_MAX];
    const mr_text texts[MR_ROW_TEXTS] = {item->id, item->title, item->currency,
                                         item->image, item->url};
    mr_catalogue_row head = {
        .hash = mr_hash_item(&builder->key, item->id),
        .arrival = builder->arrivals,
        .price_minor = item->price_minor,
        .stock = item->stock,
        .created_ms = item->created_ms,
        .brand_word = MR_WORD_NONE,
        .hidden = item->hidden,
    };
    if ((item->brand.length > 0 &&
         mr_catalogue_words_put(&builder->words, MR_WORD_OF_BRAND, item->brand,
                                &head.brand_word) != MR_OK) ||
        take_categories(&builder->words, item, &head, words) != MR_OK ||
        take_attributes(&builder->words, item, &head, words + head.category_count) !=
            MR_OK)
        return NULL;
    for (size_t i = 0; i < MR_ROW_TEXTS; i++)
        head.text_bytes[i] = texts[i].length;
    const size_t word_bytes = word_count(&head) * sizeof(uint32_t);
    mr_catalogue_row *row = malloc(sizeof(head) + word_bytes + text_bytes(&head));
    if (row == NULL)
        return NULL;
    *row = head;
    memcpy(row->words, words, word_bytes);
    char *end = (char *)row->words + word_bytes;
    for (size_t i = 0; i < MR_ROW_TEXTS; i++) {
        if (texts[i].length > 0)
            memcpy(end, texts[i].bytes, texts[i].length);
        end += texts[i].length;
    }
    return row;
}

/* Count the row in, or out again. */
static void add_row(mr_catalogue_builder *builder, const mr_catalogue_row *row)
{
    builder->live++;
    builder->text_bytes += text_bytes(row);
    builder->categories += row->category_count;
    builder->attributes += row->attribute_count;
    mr_catalogue_words_use(&builder->words, row->brand_word);
    for (size_t i = 0; i < (size_t)row->category_count + row->attribute_count; i++)
        mr_catalogue_words_use(&builder->words, row->words[i]);
}

static void remove_row(mr_catalogue_builder *builder, const mr_catalogue_row *row)
{
    builder->live--;
    builder->text_bytes -= text_bytes(row);
    builder->categories -= row->category_count;
    builder->attributes -= row->attribute_count;
    mr_catalogue_words_release(&builder->words, row->brand_word);
    for (size_t i = 0; i < (size_t)row->category_count + row->attribute_count; i++)
        mr_catalogue_words_release(&builder->words, row->words[i]);
}

/* ---- The builder ---- */

mr_status mr_catalogue_builder_create(const mr_hash_key *key,
                                      mr_catalogue_builder **ret_builder)
{
    mr_catalogue_builder *builder = calloc(1, sizeof(*builder));
    if (builder == NULL)
        return MR_ERR_NO_MEMORY;
    builder->key = *key;
    builder->rows = calloc(ROWS_START, sizeof(*builder->rows));
    builder->capacity = ROWS_START;
    if (builder->rows == NULL || mr_id_table_create(key, &builder->ids) != MR_OK ||
        mr_catalogue_words_init(&builder->words, key) != MR_OK) {
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
        free(builder->rows[i]);
    free(builder->rows);
    free(builder->by_id);
    mr_id_table_destroy(builder->ids);
    mr_catalogue_words_deinit(&builder->words);
    free(builder);
}

/* Room for one row more than there are ids. */
static mr_status reserve_row(mr_catalogue_builder *builder)
{
    if (mr_id_table_count(builder->ids) < builder->capacity)
        return MR_OK;
    mr_catalogue_row **rows =
        reallocarray(builder->rows, 2 * builder->capacity, sizeof(*rows));
    if (rows == NULL)
        return MR_ERR_NO_MEMORY;
    memset(rows + builder->capacity, 0, builder->capacity * sizeof(*rows));
    builder->rows = rows;
    builder->capacity *= 2;
    return MR_OK;
}

static void delete_row(mr_catalogue_builder *builder, mr_text id)
{
    const uint32_t index = mr_id_table_find(builder->ids, id);
    if (index == MR_ID_NONE || builder->rows[index] == NULL)
        return;
    remove_row(builder, builder->rows[index]);
    free(builder->rows[index]);
    builder->rows[index] = NULL;
}

mr_status mr_catalogue_builder_put(mr_catalogue_builder *builder,
                                   const mr_catalogue_item *item)
{
    if (item->deleted) {
        delete_row(builder, item->id);
        return MR_OK;
    }
    mr_catalogue_row *fresh = row_create(builder, item);
    uint32_t index;
    if (fresh == NULL || reserve_row(builder) != MR_OK ||
        mr_id_table_put_hashed(builder->ids, fresh->hash, item->id, &index) != MR_OK) {
        free(fresh);
        return MR_ERR_NO_MEMORY;
    }
    mr_catalogue_row *old = builder->rows[index];
    if (old != NULL)
        fresh->arrival = old->arrival;
    else
        builder->arrivals++;
    add_row(builder, fresh);
    if (old != NULL)
        remove_row(builder, old);
    free(old);
    builder->rows[index] = fresh;
    return MR_OK;
}

/* ---- Dropping what is not used ---- */

static bool has_much_unused(const mr_catalogue_builder *builder)
{
    const size_t words = mr_catalogue_words_count(&builder->words);
    return mr_id_table_count(builder->ids) > 2 * builder->live + UNUSED_MIN ||
           words > 2 * (size_t)builder->words.used + UNUSED_MIN;
}

typedef struct kept {
    mr_id_table *ids;
    mr_catalogue_row **rows; /* [live + 1] */
    uint32_t *index_map;     /* of old indices */
    mr_catalogue_words words;
    uint32_t *word_map;
} kept;

static mr_status keep_rows(const mr_catalogue_builder *builder, kept *k)
{
    const uint32_t count = mr_id_table_count(builder->ids);
    k->rows = calloc(builder->live + 1, sizeof(*k->rows));
    k->index_map = calloc((size_t)count + 1, sizeof(uint32_t));
    k->word_map =
        calloc((size_t)mr_catalogue_words_count(&builder->words) + 1, sizeof(uint32_t));
    if (k->rows == NULL || k->index_map == NULL || k->word_map == NULL)
        return MR_ERR_NO_MEMORY;
    MR_TRY(mr_id_table_create(&builder->key, &k->ids));
    for (uint32_t i = 0; i < count; i++) {
        if (builder->rows[i] == NULL)
            continue;
        MR_TRY(mr_id_table_put_hashed(k->ids, mr_id_table_hash(builder->ids, i),
                                      mr_id_table_id(builder->ids, i), &k->index_map[i]));
        k->rows[k->index_map[i]] = builder->rows[i];
    }
    return mr_catalogue_words_copy(&builder->words, &builder->key, &k->words,
                                   k->word_map);
}

static void kept_deinit(kept *k)
{
    mr_id_table_destroy(k->ids);
    free(k->rows);
    free(k->index_map);
    mr_catalogue_words_deinit(&k->words);
    free(k->word_map);
}

static void rename_words(mr_catalogue_row *row, const uint32_t *map)
{
    if (row->brand_word != MR_WORD_NONE)
        row->brand_word = map[row->brand_word];
    for (size_t i = 0; i < word_count(row); i++)
        row->words[i] = map[row->words[i]];
}

/* Change places with what is kept; nothing can fail any more. */
static void swap_kept(mr_catalogue_builder *builder, kept *k)
{
    const kept old = {
        .ids = builder->ids, .rows = builder->rows, .words = builder->words};
    uint32_t sorted = 0;
    for (uint32_t i = 0; i < builder->sorted; i++) {
        const uint32_t index = builder->by_id[i];
        if (builder->rows[index] != NULL)
            builder->by_id[sorted++] = k->index_map[index];
    }
    for (size_t i = 0; i < builder->live; i++)
        rename_words(k->rows[i], k->word_map);
    builder->sorted = sorted;
    builder->capacity = builder->live + 1;
    builder->ids = k->ids;
    builder->rows = k->rows;
    builder->words = k->words;
    k->ids = old.ids;
    k->rows = old.rows;
    k->words = old.words;
}

static mr_status drop_unused(mr_catalogue_builder *builder)
{
    kept k = {0};
    const mr_status status = keep_rows(builder, &k);
    if (status == MR_OK)
        swap_kept(builder, &k);
    kept_deinit(&k);
    return status;
}

/* ---- The order of ids ---- */

typedef struct sort_entry {
    mr_text id;
    uint32_t index;
} sort_entry;

static int compare_entries(const void *a, const void *b)
{
    return mr_text_compare(((const sort_entry *)a)->id, ((const sort_entry *)b)->id);
}

static mr_status reserve_order(mr_catalogue_builder *builder, uint32_t count)
{
    if (count <= builder->by_id_capacity)
        return MR_OK;
    uint32_t *by_id = reallocarray(builder->by_id, builder->capacity, sizeof(uint32_t));
    if (by_id == NULL)
        return MR_ERR_NO_MEMORY;
    builder->by_id = by_id;
    builder->by_id_capacity = builder->capacity;
    return MR_OK;
}

/* From behind, where there is room. */
static void merge(mr_catalogue_builder *builder, const sort_entry *fresh, uint32_t count)
{
    uint32_t old = builder->sorted;
    uint32_t end = builder->sorted + count;
    while (count > 0) {
        const bool take_old =
            old > 0 &&
            mr_text_compare(mr_id_table_id(builder->ids, builder->by_id[old - 1]),
                            fresh[count - 1].id) > 0;
        builder->by_id[--end] = take_old ? builder->by_id[--old] : fresh[--count].index;
    }
}

static mr_status sort_new_ids(mr_catalogue_builder *builder)
{
    const uint32_t all = mr_id_table_count(builder->ids);
    const uint32_t count = all - builder->sorted;
    if (count == 0)
        return MR_OK;
    sort_entry *fresh = calloc(count, sizeof(*fresh));
    if (fresh == NULL || reserve_order(builder, all) != MR_OK) {
        free(fresh);
        return MR_ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++)
        fresh[i] = (sort_entry){.id = mr_id_table_id(builder->ids, builder->sorted + i),
                                .index = builder->sorted + i};
    qsort(fresh, count, sizeof(*fresh), compare_entries);
    merge(builder, fresh, count);
    builder->sorted = all;
    free(fresh);
    return MR_OK;
}

mr_status mr_catalogue_builder_settle(mr_catalogue_builder *builder)
{
    if (has_much_unused(builder))
        MR_TRY(drop_unused(builder));
    return sort_new_ids(builder);
}
