/*
 * Item filter: which items are meant, by what the catalogue says of them.
 *
 * One shape serves a request's filter, a placement's, and the `where` of a boost or bury: every
 * member that is given must match, by any of its values.  A filter holds texts, so that it can be
 * written in the configuration; for a request it is bound to that request's catalogue, after
 * which a check compares integers.
 *
 * Units      Prices in minor units of the item's own currency.
 * Ownership  A filter borrows its texts and keeps its arrays in the arena that it was filled
 *            from; a bound one keeps to both, and to the catalogue.
 * Threads    Filling: owner-only.  A filled or bound filter never changes.
 * Cost       Binding: a probe a value.  A check: tens of ns; an empty filter costs nothing.
 */
#ifndef MR_SERVING_ITEM_FILTER_H
#define MR_SERVING_ITEM_FILTER_H

#include "core/arena.h"
#include "core/status.h"
#include "core/text.h"
#include "serving/catalogue.h"
#include "serving/id_set.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MR_FILTER_ITEMS_MAX = 100,
    MR_FILTER_VALUES_MAX = 16,     /* categories, brands, values of one attribute */
    MR_FILTER_ATTRIBUTES_MAX = 16, /* names                                       */
};

/* Values of one kind, any of which will do. */
typedef struct mr_filter_values {
    mr_text *texts; /* [count] */
    size_t count;
} mr_filter_values;

typedef struct mr_filter_attribute {
    mr_text name;
    mr_filter_values values;
} mr_filter_attribute;

/* Zero-initialise for the filter that every item passes. */
typedef struct mr_item_filter {
    mr_filter_values items; /* ids */
    mr_filter_values categories;
    mr_filter_values brands;
    mr_filter_attribute *attributes; /* [attribute_count]: each of them must match */
    size_t attribute_count;
    int64_t price_min_minor;
    int64_t price_max_minor;
    int64_t min_stock; /* 0: not asked for */
    bool has_price_min;
    bool has_price_max;
} mr_item_filter;

/* One value more.  The texts are borrowed.  MR_ERR_FULL past the bounds above;
 * MR_ERR_NO_MEMORY.  The filter is then unchanged. */
MR_MUST_USE mr_status mr_item_filter_add_item(mr_item_filter *filter, mr_arena *arena,
                                              mr_text id);
MR_MUST_USE mr_status mr_item_filter_add_category(mr_item_filter *filter, mr_arena *arena,
                                                  mr_text category);
MR_MUST_USE mr_status mr_item_filter_add_brand(mr_item_filter *filter, mr_arena *arena,
                                               mr_text brand);
MR_MUST_USE mr_status mr_item_filter_add_attribute(mr_item_filter *filter,
                                                   mr_arena *arena, mr_text name,
                                                   mr_text value);

bool mr_item_filter_is_empty(const mr_item_filter *filter);

/* What both say together: a member that `first` has is its, else `second`'s; attributes by name,
 * the two ends of the price each on its own.  Attributes beyond the bound: MR_ERR_FULL. */
MR_MUST_USE mr_status mr_item_filter_merge(const mr_item_filter *first,
                                           const mr_item_filter *second, mr_arena *arena,
                                           mr_item_filter *ret_filter);

/* A filter that looks at one catalogue; its members are private. */
typedef struct mr_bound_words {
    const uint32_t *words; /* ascending */
    size_t count;
} mr_bound_words;

typedef struct mr_bound_filter {
    const mr_item_filter *filter;
    mr_id_set items;
    mr_bound_words categories;
    mr_bound_words brands;
    mr_bound_words *attributes; /* [filter->attribute_count] */
    bool is_empty;
    bool asks_catalogue; /* more than ids is asked for */
} mr_bound_filter;

/* Borrows the filter and the catalogue (NULL: an empty one).  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_item_filter_bind(const mr_item_filter *filter,
                                          const mr_catalogue *catalogue, mr_arena *arena,
                                          mr_bound_filter *ret_bound);

/*
 * Whether the item passes.  `item` is what the bound catalogue has under `id`, or NULL: of such
 * an item nothing is known, and it passes only what asks for ids alone.  An unknown price is in
 * no range, and an unknown stock is never enough.
 */
bool mr_bound_filter_matches(const mr_bound_filter *filter, mr_text id,
                             const mr_catalogue_item *item);

#endif
