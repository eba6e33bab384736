#include "serving/item_filter.h"

#include <stdlib.h>
#include <string.h>

/* ---- Filling ---- */

/* The arrays are made at their full size at once: they are small. */
static mr_status add(mr_filter_values *values, size_t most, mr_arena *arena, mr_text text)
{
    if (values->count == most)
        return MR_ERR_FULL;
    if (values->texts == NULL)
        values->texts = mr_arena_allocate(arena, most * sizeof(mr_text));
    if (values->texts == NULL)
        return MR_ERR_NO_MEMORY;
    values->texts[values->count++] = text;
    return MR_OK;
}

mr_status mr_item_filter_add_item(mr_item_filter *filter, mr_arena *arena, mr_text id)
{
    return add(&filter->items, MR_FILTER_ITEMS_MAX, arena, id);
}

mr_status mr_item_filter_add_category(mr_item_filter *filter, mr_arena *arena,
                                      mr_text category)
{
    return add(&filter->categories, MR_FILTER_VALUES_MAX, arena, category);
}

mr_status mr_item_filter_add_brand(mr_item_filter *filter, mr_arena *arena, mr_text brand)
{
    return add(&filter->brands, MR_FILTER_VALUES_MAX, arena, brand);
}

static mr_filter_attribute *find_attribute(const mr_item_filter *filter, mr_text name)
{
    for (size_t i = 0; i < filter->attribute_count; i++) {
        if (mr_text_equal(filter->attributes[i].name, name))
            return &filter->attributes[i];
    }
    return NULL;
}

/* Room for one more name. */
static mr_status reserve_attribute(mr_item_filter *filter, mr_arena *arena)
{
    if (filter->attribute_count == MR_FILTER_ATTRIBUTES_MAX)
        return MR_ERR_FULL;
    if (filter->attributes == NULL)
        filter->attributes = mr_arena_allocate(arena, MR_FILTER_ATTRIBUTES_MAX *
                                                          sizeof(*filter->attributes));
    return filter->attributes == NULL ? MR_ERR_NO_MEMORY : MR_OK;
}

mr_status mr_item_filter_add_attribute(mr_item_filter *filter, mr_arena *arena,
                                       mr_text name, mr_text value)
{
    mr_filter_attribute *known = find_attribute(filter, name);
    if (known != NULL)
        return add(&known->values, MR_FILTER_VALUES_MAX, arena, value);
    mr_filter_attribute fresh = {.name = name};
    MR_TRY(reserve_attribute(filter, arena));
    MR_TRY(add(&fresh.values, MR_FILTER_VALUES_MAX, arena, value));
    filter->attributes[filter->attribute_count++] = fresh;
    return MR_OK;
}

static bool asks_catalogue(const mr_item_filter *filter)
{
    return filter->categories.count > 0 || filter->brands.count > 0 ||
           filter->attribute_count > 0 || filter->has_price_min ||
           filter->has_price_max || filter->min_stock > 0;
}

bool mr_item_filter_is_empty(const mr_item_filter *filter)
{
    return filter->items.count == 0 && !asks_catalogue(filter);
}

static mr_status merge_attributes(const mr_item_filter *first,
                                  const mr_item_filter *second, mr_arena *arena,
                                  mr_item_filter *merged)
{
    merged->attributes = NULL;
    merged->attribute_count = 0;
    for (size_t i = 0; i < first->attribute_count; i++) {
        MR_TRY(reserve_attribute(merged, arena));
        merged->attributes[merged->attribute_count++] = first->attributes[i];
    }
    for (size_t i = 0; i < second->attribute_count; i++) {
        if (find_attribute(first, second->attributes[i].name) != NULL)
            continue;
        MR_TRY(reserve_attribute(merged, arena));
        merged->attributes[merged->attribute_count++] = second->attributes[i];
    }
    return MR_OK;
}

mr_status mr_item_filter_merge(const mr_item_filter *first, const mr_item_filter *second,
                               mr_arena *arena, mr_item_filter *ret_filter)
{
    mr_item_filter merged = *first;
    if (merged.items.count == 0)
        merged.items = second->items;
    if (merged.categories.count == 0)
        merged.categories = second->categories;
    if (merged.brands.count == 0)
        merged.brands = second->brands;
    if (!merged.has_price_min) {
        merged.has_price_min = second->has_price_min;
        merged.price_min_minor = second->price_min_minor;
    }
    if (!merged.has_price_max) {
        merged.has_price_max = second->has_price_max;
        merged.price_max_minor = second->price_max_minor;
    }
    if (merged.min_stock == 0)
        merged.min_stock = second->min_stock;
    MR_TRY(merge_attributes(first, second, arena, &merged));
    *ret_filter = merged;
    return MR_OK;
}

/* ---- Binding ---- */

static int compare_words(const void *a, const void *b)
{
    const uint32_t left = *(const uint32_t *)a;
    const uint32_t right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

typedef uint32_t look_up(const mr_catalogue *catalogue, mr_text name, mr_text value);

static uint32_t category_word(const mr_catalogue *catalogue, mr_text name, mr_text value)
{
    (void)name;
    return mr_catalogue_category_word(catalogue, value);
}

static uint32_t brand_word(const mr_catalogue *catalogue, mr_text name, mr_text value)
{
    (void)name;
    return mr_catalogue_brand_word(catalogue, value);
}

/* The words of the values; what no item has is left out. */
static mr_status bind_values(const mr_filter_values *values, look_up *find, mr_text name,
                             const mr_catalogue *catalogue, mr_arena *arena,
                             mr_bound_words *ret_words)
{
    *ret_words = (mr_bound_words){0};
    if (values->count == 0)
        return MR_OK;
    uint32_t *words = mr_arena_allocate(arena, values->count * sizeof(*words));
    if (words == NULL)
        return MR_ERR_NO_MEMORY;
    for (size_t i = 0; i < values->count; i++) {
        const uint32_t word = find(catalogue, name, values->texts[i]);
        if (word != MR_WORD_NONE)
            words[ret_words->count++] = word;
    }
    qsort(words, ret_words->count, sizeof(*words), compare_words);
    ret_words->words = words;
    return MR_OK;
}

static mr_status bind_attributes(const mr_item_filter *filter,
                                 const mr_catalogue *catalogue, mr_arena *arena,
                                 mr_bound_filter *bound)
{
    if (filter->attribute_count == 0)
        return MR_OK;
    bound->attributes =
        mr_arena_allocate(arena, filter->attribute_count * sizeof(*bound->attributes));
    if (bound->attributes == NULL)
        return MR_ERR_NO_MEMORY;
    for (size_t i = 0; i < filter->attribute_count; i++)
        MR_TRY(bind_values(&filter->attributes[i].values, mr_catalogue_attribute_word,
                           filter->attributes[i].name, catalogue, arena,
                           &bound->attributes[i]));
    return MR_OK;
}

mr_status mr_item_filter_bind(const mr_item_filter *filter, const mr_catalogue *catalogue,
                              mr_arena *arena, mr_bound_filter *ret_bound)
{
    mr_bound_filter bound = {
        .filter = filter,
        .is_empty = mr_item_filter_is_empty(filter),
        .asks_catalogue = asks_catalogue(filter),
    };
    const mr_text none = {0};
    MR_TRY(mr_id_set_init(&bound.items, filter->items.texts, filter->items.count, arena));
    MR_TRY(bind_values(&filter->categories, category_word, none, catalogue, arena,
                       &bound.categories));
    MR_TRY(
        bind_values(&filter->brands, brand_word, none, catalogue, arena, &bound.brands));
    MR_TRY(bind_attributes(filter, catalogue, arena, &bound));
    *ret_bound = bound;
    return MR_OK;
}

/* ---- Asking ---- */

/* Whether two ascending lists meet. */
static bool share_a_word(const mr_bound_words *wanted, const uint32_t *words,
                         size_t count)
{
    size_t w = 0;
    for (size_t i = 0; i < count && w < wanted->count;) {
        if (words[i] == wanted->words[w])
            return true;
        if (words[i] < wanted->words[w])
            i++;
        else
            w++;
    }
    return false;
}

/* Categories keep the shop's order, the main one first. */
static bool is_of_category(const mr_bound_words *wanted, const mr_catalogue_item *item)
{
    for (size_t i = 0; i < item->category_count; i++) {
        if (share_a_word(wanted, &item->category_words[i], 1))
            return true;
    }
    return false;
}

static bool is_in_price_range(const mr_item_filter *filter, int64_t price_minor)
{
    if (!filter->has_price_min && !filter->has_price_max)
        return true;
    return price_minor != MR_PRICE_UNKNOWN &&
           (!filter->has_price_min || price_minor >= filter->price_min_minor) &&
           (!filter->has_price_max || price_minor <= filter->price_max_minor);
}

static bool has_attributes(const mr_bound_filter *bound, const mr_catalogue_item *item)
{
    for (size_t i = 0; i < bound->filter->attribute_count; i++) {
        if (!share_a_word(&bound->attributes[i], item->attribute_words,
                          item->attribute_count))
            return false;
    }
    return true;
}

bool mr_bound_filter_matches(const mr_bound_filter *bound, mr_text id,
                             const mr_catalogue_item *item)
{
    const mr_item_filter *filter = bound->filter;
    if (bound->is_empty)
        return true;
    if (filter->items.count > 0 && !mr_id_set_contains(&bound->items, id))
        return false;
    if (!bound->asks_catalogue)
        return true;
    if (item == NULL)
        return false;
    return (filter->categories.count == 0 || is_of_category(&bound->categories, item)) &&
           (filter->brands.count == 0 ||
            share_a_word(&bound->brands, &item->brand_word, 1)) &&
           is_in_price_range(filter, item->price_minor) &&
           (filter->min_stock == 0 ||
            (item->stock != MR_STOCK_UNKNOWN && item->stock >= filter->min_stock)) &&
           has_attributes(bound, item);
}
