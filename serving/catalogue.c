#include "serving/catalogue.h"

#include "core/assert.h"
#include "core/prefetch.h"
#include "serving/catalogue_builder.h"

#include <stdlib.h>
#include <string.h>

enum { SLOT_BITS_MIN = 4, ROWS_AHEAD = 8, PREFETCHED_LINES = 5, CACHE_LINE_BYTES = 64 };

_Static_assert(offsetof(mr_catalogue_item, title) <= CACHE_LINE_BYTES,
               "rules look at one line");
_Static_assert(sizeof(mr_catalogue_item) % CACHE_LINE_BYTES == 0, "each begins a line");

/* Half of the hash beside the place: a probe looks at an item only when they agree. */
typedef struct slot {
    uint32_t tag;
    uint32_t place; /* MR_ID_NONE: free */
} slot;

struct mr_catalogue {
    mr_hash_key key;
    slot *slots; /* 2^slot_bits, at most half of them taken */
    unsigned slot_bits;
    mr_catalogue_item *items; /* in the order of their ids */
    size_t count;
    mr_catalogue_words words;
    char *bytes;              /* the texts that are no words, ids among them */
    mr_text *categories;      /* of all items, one after the other */
    mr_attribute *attributes; /* likewise */
    uint32_t *item_words;     /* likewise: of categories and, ascending, of attributes */
    uint32_t *newest;         /* places of all items, newest first */
    /* Of each category's items, newest first: from starts[word] to starts[word + 1]. */
    uint32_t *category_places;
    uint32_t *category_starts;
};

/* ---- Ids ---- */

static mr_status create_slots(mr_catalogue *catalogue, size_t items)
{
    catalogue->slot_bits = SLOT_BITS_MIN;
    while (((size_t)1 << catalogue->slot_bits) < 2 * items)
        catalogue->slot_bits++;
    const size_t count = (size_t)1 << catalogue->slot_bits;
    catalogue->slots = reallocarray(NULL, count, sizeof(*catalogue->slots));
    if (catalogue->slots == NULL)
        return MR_ERR_NO_MEMORY;
    memset(catalogue->slots, 0xFF, count * sizeof(*catalogue->slots)); /* all are free */
    return MR_OK;
}

/* Top bits, as core/id_table.h. */
static size_t home_of(const mr_catalogue *catalogue, uint64_t hash)
{
    return (size_t)(hash >> (64 - catalogue->slot_bits));
}

/* The slot of the id, or the free one where it would go. */
static slot *probe(const mr_catalogue *catalogue, uint64_t hash, mr_text id)
{
    const size_t mask = ((size_t)1 << catalogue->slot_bits) - 1;
    for (size_t at = home_of(catalogue, hash);; at = (at + 1) & mask) {
        slot *here = &catalogue->slots[at];
        if (here->place == MR_ID_NONE ||
            (here->tag == (uint32_t)hash &&
             mr_text_equal(catalogue->items[here->place].id, id)))
            return here;
    }
}

/* ---- Making one ---- */

/* Zeroed, and each on cache lines of its own. */
static mr_catalogue_item *create_items(size_t count)
{
    mr_catalogue_item *items = NULL;
    if (count > SIZE_MAX / sizeof(*items))
        return NULL;
    items = aligned_alloc(CACHE_LINE_BYTES, count * sizeof(*items));
    if (items != NULL)
        memset(items, 0, count * sizeof(*items));
    return items;
}

static mr_status allocate(mr_catalogue *catalogue, const mr_catalogue_builder *builder)
{
    const size_t words = builder->categories + builder->attributes;
    catalogue->items = create_items(builder->live + 1);
    catalogue->bytes = malloc(builder->text_bytes + 1);
    catalogue->categories = calloc(builder->categories + 1, sizeof(mr_text));
    catalogue->attributes = calloc(builder->attributes + 1, sizeof(mr_attribute));
    catalogue->item_words = calloc(words + 1, sizeof(uint32_t));
    catalogue->newest = calloc(builder->live + 1, sizeof(uint32_t));
    catalogue->category_places = calloc(builder->categories + 1, sizeof(uint32_t));
    catalogue->category_starts =
        calloc((size_t)builder->words.used + 1, sizeof(uint32_t));
    if (catalogue->items == NULL || catalogue->bytes == NULL ||
        catalogue->categories == NULL || catalogue->attributes == NULL ||
        catalogue->item_words == NULL || catalogue->newest == NULL ||
        catalogue->category_places == NULL || catalogue->category_starts == NULL)
        return MR_ERR_NO_MEMORY;
    catalogue->key = builder->key;
    return create_slots(catalogue, builder->live);
}

/* Where the next item's texts and words go. */
typedef struct filling {
    const mr_catalogue_words *words;
    const uint32_t *word_map; /* from the builder's words */
    char *bytes;
    mr_text *categories;
    mr_attribute *attributes;
    uint32_t *item_words;
} filling;

static void fill_texts(filling *f, const mr_catalogue_row *row, mr_catalogue_item *item)
{
    mr_text *texts[MR_ROW_TEXTS] = {&item->id, &item->title, &item->currency,
                                    &item->image, &item->url};
    const char *from = mr_catalogue_row_texts(row);
    for (size_t i = 0; i < MR_ROW_TEXTS; i++) {
        memcpy(f->bytes, from, row->text_bytes[i]);
        *texts[i] = (mr_text){f->bytes, row->text_bytes[i]};
        f->bytes += row->text_bytes[i];
        from += row->text_bytes[i];
    }
}

static void fill_categories(filling *f, const mr_catalogue_row *row,
                            mr_catalogue_item *item)
{
    const uint32_t *words = mr_catalogue_row_categories(row);
    item->categories = f->categories;
    item->category_words = f->item_words;
    item->category_count = row->category_count;
    for (size_t i = 0; i < row->category_count; i++) {
        const uint32_t word = f->word_map[words[i]];
        *f->item_words++ = word;
        *f->categories++ = mr_catalogue_words_text(f->words, word);
    }
    if (item->category_count > 0)
        item->category = item->categories[0];
}

static void fill_attributes(filling *f, const mr_catalogue_row *row,
                            mr_catalogue_item *item)
{
    const uint32_t *words = mr_catalogue_row_attributes(row);
    const uint32_t *ascending = mr_catalogue_row_ascending(row);
    item->attributes = f->attributes;
    item->attribute_words = f->item_words;
    item->attribute_count = row->attribute_count;
    for (size_t i = 0; i < row->attribute_count; i++) {
        *f->attributes++ = mr_catalogue_words_pair(f->words, f->word_map[words[i]]);
        *f->item_words++ = f->word_map[ascending[i]]; /* larger words stay larger */
    }
}

static void fill_item(filling *f, const mr_catalogue_row *row, mr_catalogue_item *item)
{
    item->price_minor = row->price_minor;
    item->stock = row->stock;
    item->created_ms = row->created_ms;
    item->arrival = row->arrival;
    item->hidden = row->hidden;
    item->brand_word = MR_WORD_NONE;
    if (row->brand_word != MR_WORD_NONE) {
        item->brand_word = f->word_map[row->brand_word];
        item->brand = mr_catalogue_words_text(f->words, item->brand_word);
    }
    fill_texts(f, row, item);
    fill_categories(f, row, item);
    fill_attributes(f, row, item);
}

/* ---- Newest first ---- */

typedef struct age {
    int64_t created_ms; /* unknown is the smallest number there is */
    uint64_t arrival;
    uint32_t place;
} age;

static int compare_ages(const void *a, const void *b)
{
    const age *left = a;
    const age *right = b;
    if (left->created_ms != right->created_ms)
        return left->created_ms > right->created_ms ? -1 : 1;
    return left->arrival > right->arrival ? -1 : left->arrival < right->arrival;
}

static void order_by_age(mr_catalogue *catalogue, age *ages)
{
    qsort(ages, catalogue->count, sizeof(*ages), compare_ages);
    for (size_t i = 0; i < catalogue->count; i++)
        catalogue->newest[i] = ages[i].place;
}

/* Counting sort: the order of `newest` within each category. */
static void order_categories(mr_catalogue *catalogue)
{
    uint32_t *starts = catalogue->category_starts;
    const uint32_t words = mr_catalogue_words_count(&catalogue->words);
    for (size_t i = 0; i < catalogue->count; i++) {
        const mr_catalogue_item *item = &catalogue->items[i];
        for (size_t c = 0; c < item->category_count; c++)
            starts[item->category_words[c]]++;
    }
    uint32_t sum = 0;
    for (uint32_t w = 0; w < words; w++) { /* where each one ends */
        sum += starts[w];
        starts[w] = sum;
    }
    starts[words] = sum;
    for (size_t i = catalogue->count; i-- > 0;) {
        const mr_catalogue_item *item = &catalogue->items[catalogue->newest[i]];
        for (size_t c = 0; c < item->category_count; c++)
            catalogue->category_places[--starts[item->category_words[c]]] =
                catalogue->newest[i];
    }
}

/* ---- Together ---- */

/* Rows lie about in the order they came: the pointer first, then the row, a few lines long. */
static void prefetch_ahead(const mr_catalogue_builder *builder, uint32_t i)
{
    if (i + 2 * ROWS_AHEAD < builder->sorted)
        mr_prefetch(&builder->rows[builder->by_id[i + 2 * ROWS_AHEAD]]);
    if (i + ROWS_AHEAD >= builder->sorted)
        return;
    const char *row = (const char *)builder->rows[builder->by_id[i + ROWS_AHEAD]];
    for (size_t line = 0; row != NULL && line < PREFETCHED_LINES; line++)
        mr_prefetch(row + line * CACHE_LINE_BYTES);
}

/* The rows that are there, in the order of their ids. */
static void fill_items(mr_catalogue *catalogue, const mr_catalogue_builder *builder,
                       const uint32_t *word_map, age *ages)
{
    filling f = {
        .words = &catalogue->words,
        .word_map = word_map,
        .bytes = catalogue->bytes,
        .categories = catalogue->categories,
        .attributes = catalogue->attributes,
        .item_words = catalogue->item_words,
    };
    uint32_t place = 0;
    for (uint32_t i = 0; i < builder->sorted; i++) {
        const mr_catalogue_row *row = builder->rows[builder->by_id[i]];
        prefetch_ahead(builder, i);
        if (row == NULL)
            continue;
        mr_catalogue_item *item = &catalogue->items[place];
        fill_item(&f, row, item);
        *probe(catalogue, row->hash, item->id) = (slot){(uint32_t)row->hash, place};
        ages[place] = (age){row->created_ms, row->arrival, place};
        place++;
    }
    catalogue->count = place;
    MR_ASSERT(place == builder->live);
}

static mr_status fill(mr_catalogue *catalogue, mr_catalogue_builder *builder)
{
    MR_TRY(mr_catalogue_builder_settle(builder));
    MR_TRY(allocate(catalogue, builder));
    const size_t words = mr_catalogue_words_count(&builder->words);
    uint32_t *word_map = calloc(words + 1, sizeof(uint32_t));
    age *ages = calloc(builder->live + 1, sizeof(*ages));
    mr_status status = word_map != NULL && ages != NULL ? MR_OK : MR_ERR_NO_MEMORY;
    if (status == MR_OK)
        status = mr_catalogue_words_copy(&builder->words, &builder->key,
                                         &catalogue->words, word_map);
    if (status == MR_OK) {
        fill_items(catalogue, builder, word_map, ages);
        order_by_age(catalogue, ages);
        order_categories(catalogue);
    }
    free(word_map);
    free(ages);
    return status;
}

mr_status mr_catalogue_build(mr_catalogue_builder *builder, mr_catalogue **ret_catalogue)
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
    free(catalogue->slots);
    mr_catalogue_words_deinit(&catalogue->words);
    free(catalogue->items);
    free(catalogue->bytes);
    free(catalogue->categories);
    free(catalogue->attributes);
    free(catalogue->item_words);
    free(catalogue->newest);
    free(catalogue->category_places);
    free(catalogue->category_starts);
    free(catalogue);
}

/* ---- Asking it ---- */

size_t mr_catalogue_count(const mr_catalogue *catalogue)
{
    return catalogue == NULL ? 0 : catalogue->count;
}

const mr_catalogue_item *mr_catalogue_find(const mr_catalogue *catalogue, mr_text id)
{
    if (catalogue == NULL)
        return NULL;
    const uint32_t place = probe(catalogue, mr_hash_item(&catalogue->key, id), id)->place;
    return place == MR_ID_NONE ? NULL : &catalogue->items[place];
}

/* Three passes, each over all ids: the slot, the item it names, that item's id. */
void mr_catalogue_find_many(const mr_catalogue *catalogue, const mr_text *const *ids,
                            size_t count, const mr_catalogue_item **ret_items)
{
    uint64_t hashes[MR_CATALOGUE_FIND_MAX];
    MR_ASSERT(count <= MR_CATALOGUE_FIND_MAX);
    for (size_t i = 0; i < count; i++) {
        ret_items[i] = NULL;
        if (catalogue == NULL)
            continue;
        hashes[i] = mr_hash_item(&catalogue->key, *ids[i]);
        mr_prefetch(&catalogue->slots[home_of(catalogue, hashes[i])]);
    }
    if (catalogue == NULL)
        return;
    for (size_t i = 0; i < count; i++) {
        const uint32_t place = catalogue->slots[home_of(catalogue, hashes[i])].place;
        if (place == MR_ID_NONE)
            continue;
        ret_items[i] = &catalogue->items[place];
        mr_prefetch(ret_items[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if (ret_items[i] != NULL)
            mr_prefetch(ret_items[i]->id.bytes);
    }
    for (size_t i = 0; i < count; i++) {
        const uint32_t place = probe(catalogue, hashes[i], *ids[i])->place;
        ret_items[i] = place == MR_ID_NONE ? NULL : &catalogue->items[place];
    }
}

const mr_catalogue_item *mr_catalogue_at(const mr_catalogue *catalogue, uint32_t place)
{
    MR_ASSERT(place < mr_catalogue_count(catalogue));
    return &catalogue->items[place];
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

size_t mr_catalogue_newest(const mr_catalogue *catalogue, mr_text category,
                           const uint32_t **ret_places)
{
    *ret_places = NULL;
    if (catalogue == NULL)
        return 0;
    if (category.length == 0) {
        *ret_places = catalogue->newest;
        return catalogue->count;
    }
    const uint32_t word = mr_catalogue_category_word(catalogue, category);
    if (word == MR_WORD_NONE)
        return 0;
    *ret_places = catalogue->category_places + catalogue->category_starts[word];
    return catalogue->category_starts[word + 1] - catalogue->category_starts[word];
}

static uint32_t find_word(const mr_catalogue *catalogue, mr_word_kind kind, mr_text text)
{
    return catalogue == NULL ? MR_WORD_NONE
                             : mr_catalogue_words_find(&catalogue->words, kind, text);
}

uint32_t mr_catalogue_category_word(const mr_catalogue *catalogue, mr_text category)
{
    return find_word(catalogue, MR_WORD_OF_CATEGORY, category);
}

uint32_t mr_catalogue_brand_word(const mr_catalogue *catalogue, mr_text brand)
{
    return find_word(catalogue, MR_WORD_OF_BRAND, brand);
}

uint32_t mr_catalogue_attribute_word(const mr_catalogue *catalogue, mr_text name,
                                     mr_text value)
{
    return catalogue == NULL ? MR_WORD_NONE
                             : mr_catalogue_words_find_pair(&catalogue->words,
                                                            &(mr_attribute){name, value});
}

uint32_t mr_catalogue_name_word(const mr_catalogue *catalogue, mr_text name)
{
    return find_word(catalogue, MR_WORD_OF_NAME, name);
}

uint32_t mr_catalogue_name_of(const mr_catalogue *catalogue, uint32_t attribute_word)
{
    return catalogue->words.name_of[attribute_word];
}
