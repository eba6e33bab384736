#include "serving/rules.h"

#include "core/assert.h"
#include "core/event.h"
#include "serving/diversity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SHORT_LIST_MAX = 16 }; /* ids that are compared one by one without a bind */

typedef struct bound_boost {
    mr_bound_filter where;
    float by;
} bound_boost;

typedef struct bound_cap {
    mr_cap_kind by;
    uint32_t name_word; /* of MR_CAP_ATTRIBUTE */
    uint32_t most;
} bound_cap;

struct mr_bound_rules {
    mr_id_set exclude;
    mr_id_set context;
    mr_id_set include;
    mr_bound_filter filter;
    bound_boost *boosts;
    size_t boost_count;
    bound_cap *caps;
    size_t cap_count;
    mr_candidate *pins;  /* in the order of their positions */
    uint32_t *positions; /* of the pins: each larger than the one before */
    size_t pin_count;
    float diversity;
};

/* ---- What may be shown ---- */

static bool is_listed(const mr_text *ids, size_t count, mr_text id)
{
    for (size_t i = 0; i < count; i++) {
        if (mr_text_equal(ids[i], id))
            return true;
    }
    return false;
}

static bool is_taken(const mr_candidate *items, size_t count, mr_text id)
{
    for (size_t i = 0; i < count; i++) {
        if (mr_text_equal(items[i].item_id, id))
            return true;
    }
    return false;
}

/* The same, faster: items of the catalogue are told apart by where they lie. */
static bool is_repeated(const mr_candidate *items, size_t count, mr_text id,
                        const mr_catalogue_item *item)
{
    if (item == NULL)
        return is_taken(items, count, id);
    for (size_t i = 0; i < count; i++) {
        if (items[i].item == item ||
            (items[i].item == NULL && mr_text_equal(items[i].item_id, id)))
            return true;
    }
    return false;
}

static bool is_excluded(const mr_rules *rules, mr_text id)
{
    if (rules->bound != NULL)
        return mr_id_set_contains(&rules->bound->exclude, id) ||
               mr_id_set_contains(&rules->bound->context, id);
    return is_listed(rules->exclude, rules->exclude_count, id) ||
           is_listed(rules->context, rules->context_count, id);
}

static bool hides_purchase(const mr_rules *rules, mr_text id)
{
    if (rules->purchase_count == 0 || rules->placement->purchased == MR_PURCHASED_SHOW)
        return false;
    const uint64_t hash = mr_hash_item(rules->key, id);
    for (size_t i = 0; i < rules->purchase_count; i++) {
        const mr_purchase *purchase = &rules->purchases[i];
        if (purchase->hash == hash && (rules->placement->purchased == MR_PURCHASED_HIDE ||
                                       (int64_t)purchase->time_s * 1000 >
                                           rules->now_ms - rules->placement->hide_for_ms))
            return true;
    }
    return false;
}

/* What all that match multiply the relevance by. */
static double boost_of(const mr_bound_rules *bound, mr_text id,
                       const mr_catalogue_item *item)
{
    double by = 1.0;
    for (size_t i = 0; i < bound->boost_count; i++) {
        if (mr_bound_filter_matches(&bound->boosts[i].where, id, item))
            by *= (double)bound->boosts[i].by;
    }
    return by;
}

static bool is_buried(const mr_bound_rules *bound, mr_text id,
                      const mr_catalogue_item *item)
{
    for (size_t i = 0; i < bound->boost_count; i++) {
        if (bound->boosts[i].by == 0.0F &&
            mr_bound_filter_matches(&bound->boosts[i].where, id, item))
            return true;
    }
    return false;
}

static mr_refusal bound_refusal(const mr_rules *rules, mr_text id,
                                const mr_catalogue_item *item)
{
    const mr_bound_rules *bound = rules->bound;
    if (rules->include_count > 0 && !mr_id_set_contains(&bound->include, id))
        return MR_REFUSAL_NOT_INCLUDED;
    if (!mr_bound_filter_matches(&bound->filter, id, item))
        return MR_REFUSAL_FILTERED;
    if (is_buried(bound, id, item))
        return MR_REFUSAL_BURIED;
    return rules->shown != NULL && mr_shown_items_contains(rules->shown, rules->key, id)
               ? MR_REFUSAL_SHOWN
               : MR_REFUSAL_NONE;
}

/* `item` is what the catalogue has of it. */
static mr_refusal refusal_of(const mr_rules *rules, mr_text id,
                             const mr_catalogue_item *item)
{
    if (item != NULL && !mr_catalogue_item_can_show(item))
        return item->hidden ? MR_REFUSAL_HIDDEN : MR_REFUSAL_OUT_OF_STOCK;
    if (is_excluded(rules, id))
        return MR_REFUSAL_EXCLUDED;
    if (hides_purchase(rules, id))
        return MR_REFUSAL_PURCHASED;
    return rules->bound != NULL ? bound_refusal(rules, id, item) : MR_REFUSAL_NONE;
}

mr_refusal mr_rules_refusal(const mr_rules *rules, mr_text id,
                            const mr_catalogue_item **ret_item)
{
    *ret_item = mr_catalogue_find(rules->catalogue, id);
    return refusal_of(rules, id, *ret_item);
}

/* What the catalogue has of the first candidates, as many as are looked up at once. */
static void find_items(const mr_rules *rules, const mr_candidate *candidates,
                       size_t count,
                       const mr_catalogue_item *ret_items[MR_CATALOGUE_FIND_MAX])
{
    const mr_text *ids[MR_CATALOGUE_FIND_MAX];
    const size_t some =
        count < MR_CATALOGUE_FIND_MAX ? count : (size_t)MR_CATALOGUE_FIND_MAX;
    for (size_t i = 0; i < some; i++)
        ids[i] = &candidates[i].item_id;
    mr_catalogue_find_many(rules->catalogue, ids, some, ret_items);
}

const char *mr_refusal_name(mr_refusal refusal)
{
    static const char *const names[] = {
        [MR_REFUSAL_NONE] = "none",
        [MR_REFUSAL_HIDDEN] = "hidden",
        [MR_REFUSAL_OUT_OF_STOCK] = "out_of_stock",
        [MR_REFUSAL_EXCLUDED] = "excluded",
        [MR_REFUSAL_PURCHASED] = "purchased",
        [MR_REFUSAL_NOT_INCLUDED] = "not_included",
        [MR_REFUSAL_FILTERED] = "filtered",
        [MR_REFUSAL_BURIED] = "buried",
        [MR_REFUSAL_SHOWN] = "shown",
    };
    return names[refusal];
}

/* ---- Caps ---- */

/* The words of an item that a cap counts by. */
static const uint32_t *capped_words(const bound_cap *cap, const mr_catalogue_item *item,
                                    size_t *ret_count)
{
    *ret_count = 0;
    if (item == NULL)
        return NULL;
    switch (cap->by) {
    case MR_CAP_CATEGORY:
        *ret_count = item->category_count > 0;
        return item->category_words;
    case MR_CAP_BRAND:
        *ret_count = item->brand_word != MR_WORD_NONE;
        return &item->brand_word;
    default: *ret_count = item->attribute_count; return item->attribute_words;
    }
}

static size_t count_with_word(const bound_cap *cap, uint32_t word,
                              const mr_candidate *items, size_t count)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        size_t words;
        const uint32_t *has = capped_words(cap, items[i].item, &words);
        for (size_t w = 0; w < words; w++)
            found += has[w] == word; /* an item has a word once */
    }
    return found;
}

/* What stands in the answer, or will: a list so far, a list that comes behind it, the pins. */
typedef struct standing {
    const mr_candidate *items;
    size_t count;
    const mr_candidate *more;
    size_t more_count;
} standing;

static bool is_over_cap(const mr_rules *rules, const standing *s,
                        const mr_catalogue_item *item)
{
    const mr_bound_rules *bound = rules->bound;
    for (size_t i = 0; i < bound->cap_count; i++) {
        const bound_cap *cap = &bound->caps[i];
        size_t count;
        const uint32_t *words = capped_words(cap, item, &count);
        for (size_t w = 0; w < count; w++) {
            if (cap->by == MR_CAP_ATTRIBUTE &&
                mr_catalogue_name_of(rules->catalogue, words[w]) != cap->name_word)
                continue;
            if (count_with_word(cap, words[w], s->items, s->count) +
                    count_with_word(cap, words[w], s->more, s->more_count) +
                    count_with_word(cap, words[w], bound->pins, bound->pin_count) >=
                cap->most)
                return true;
        }
    }
    return false;
}

/* ---- Binding ---- */

static mr_status bind_boosts(const mr_rules *rules, mr_arena *arena,
                             mr_bound_rules *bound)
{
    const mr_rule_set *set = rules->set;
    if (set->boost_count == 0)
        return MR_OK;
    bound->boosts = mr_arena_allocate(arena, set->boost_count * sizeof(*bound->boosts));
    if (bound->boosts == NULL)
        return MR_ERR_NO_MEMORY;
    for (size_t i = 0; i < set->boost_count; i++) {
        bound->boosts[i].by = set->boosts[i].by;
        MR_TRY(mr_item_filter_bind(&set->boosts[i].where, rules->catalogue, arena,
                                   &bound->boosts[i].where));
    }
    bound->boost_count = set->boost_count;
    return MR_OK;
}

static mr_status bind_caps(const mr_rules *rules, mr_arena *arena, mr_bound_rules *bound)
{
    const mr_rule_set *set = rules->set;
    if (set->cap_count == 0)
        return MR_OK;
    bound->caps = mr_arena_allocate(arena, set->cap_count * sizeof(*bound->caps));
    if (bound->caps == NULL)
        return MR_ERR_NO_MEMORY;
    for (size_t i = 0; i < set->cap_count; i++)
        bound->caps[i] = (bound_cap){
            .by = set->caps[i].by,
            .most = set->caps[i].most,
            .name_word =
                set->caps[i].by == MR_CAP_ATTRIBUTE
                    ? mr_catalogue_name_word(rules->catalogue, set->caps[i].attribute)
                    : MR_WORD_NONE,
        };
    bound->cap_count = set->cap_count;
    return MR_OK;
}

static bool can_pin(const mr_rules *rules, const mr_pin *pin, size_t n,
                    const mr_catalogue_item **ret_item)
{
    const mr_bound_rules *bound = rules->bound;
    return pin->position <= n && bound->pin_count < n &&
           !is_taken(bound->pins, bound->pin_count, pin->item) &&
           mr_rules_refusal(rules, pin->item, ret_item) == MR_REFUSAL_NONE &&
           (*ret_item != NULL || mr_catalogue_count(rules->catalogue) == 0) &&
           !is_over_cap(rules, &(standing){0}, *ret_item);
}

/* Behind those of its position and of the ones before. */
static void insert_pin(mr_bound_rules *bound, const mr_pin *pin,
                       const mr_catalogue_item *item)
{
    size_t at = bound->pin_count++;
    for (; at > 0 && bound->positions[at - 1] > pin->position; at--) {
        bound->positions[at] = bound->positions[at - 1];
        bound->pins[at] = bound->pins[at - 1];
    }
    bound->positions[at] = pin->position;
    bound->pins[at] =
        (mr_candidate){.item_id = pin->item, .item = item, .source = MR_SOURCE_PINNED};
}

/* Last of all: whether an item can be pinned is asked of the rules. */
static mr_status bind_pins(mr_rules *rules, size_t n, mr_arena *arena,
                           mr_bound_rules *bound)
{
    const mr_rule_set *set = rules->set;
    if (set->pin_count == 0)
        return MR_OK;
    bound->pins = mr_arena_allocate(arena, set->pin_count * sizeof(*bound->pins));
    bound->positions =
        mr_arena_allocate(arena, set->pin_count * sizeof(*bound->positions));
    if (bound->pins == NULL || bound->positions == NULL)
        return MR_ERR_NO_MEMORY;
    for (size_t i = 0; i < set->pin_count; i++) {
        const mr_catalogue_item *item;
        if (can_pin(rules, &set->pins[i], n, &item))
            insert_pin(bound, &set->pins[i], item);
    }
    for (size_t i = 1; i < bound->pin_count; i++) {
        if (bound->positions[i] <= bound->positions[i - 1])
            bound->positions[i] = bound->positions[i - 1] + 1;
    }
    return MR_OK;
}

static bool needs_bind(const mr_rules *rules)
{
    return rules->include_count > 0 || rules->shown != NULL ||
           rules->exclude_count + rules->context_count > SHORT_LIST_MAX ||
           (rules->set != NULL && !mr_rule_set_is_empty(rules->set));
}

mr_status mr_rules_bind(mr_rules *rules, size_t n, mr_arena *arena)
{
    static const mr_rule_set nothing = {0};
    rules->bound = NULL;
    if (!needs_bind(rules))
        return MR_OK;
    if (rules->set == NULL)
        rules->set = &nothing;
    mr_bound_rules *bound = mr_arena_allocate(arena, sizeof(*bound));
    if (bound == NULL)
        return MR_ERR_NO_MEMORY;
    *bound = (mr_bound_rules){.diversity = rules->set->diversity};
    MR_TRY(mr_id_set_init(&bound->exclude, rules->exclude, rules->exclude_count, arena));
    MR_TRY(mr_id_set_init(&bound->context, rules->context, rules->context_count, arena));
    MR_TRY(mr_id_set_init(&bound->include, rules->include, rules->include_count, arena));
    MR_TRY(mr_item_filter_bind(&rules->set->filter, rules->catalogue, arena,
                               &bound->filter));
    MR_TRY(bind_boosts(rules, arena, bound));
    MR_TRY(bind_caps(rules, arena, bound));
    rules->bound = bound;
    return bind_pins(rules, n, arena, bound);
}

/* ---- In the order given ---- */

size_t mr_rules_places(const mr_rules *rules, size_t n)
{
    const size_t pins = rules->bound != NULL ? rules->bound->pin_count : 0;
    return pins < n ? n - pins : 0;
}

static bool is_pinned(const mr_rules *rules, mr_text id, const mr_catalogue_item *item)
{
    return rules->bound != NULL &&
           is_repeated(rules->bound->pins, rules->bound->pin_count, id, item);
}

/* Whether the candidate may stand behind `items`. */
static bool may_follow(const mr_rules *rules, mr_text id, const mr_catalogue_item *item,
                       const mr_candidate *items, size_t item_count)
{
    return id.length > 0 && refusal_of(rules, id, item) == MR_REFUSAL_NONE &&
           !is_repeated(items, item_count, id, item) && !is_pinned(rules, id, item);
}

size_t mr_rules_apply(const mr_rules *rules, const mr_candidate *candidates, size_t count,
                      mr_candidate *items, size_t item_count, size_t n)
{
    const mr_catalogue_item *found[MR_CATALOGUE_FIND_MAX];
    const size_t places = mr_rules_places(rules, n);
    for (size_t i = 0; i < count && item_count < places; i++) {
        if (i % MR_CATALOGUE_FIND_MAX == 0)
            find_items(rules, candidates + i, count - i, found);
        const mr_catalogue_item *item = found[i % MR_CATALOGUE_FIND_MAX];
        if (!may_follow(rules, candidates[i].item_id, item, items, item_count) ||
            (rules->bound != NULL &&
             is_over_cap(rules, &(standing){.items = items, .count = item_count}, item)))
            continue;
        items[item_count] = candidates[i];
        items[item_count++].item = item;
    }
    return item_count;
}

/* ---- In another order ---- */

bool mr_rules_reorders(const mr_rules *rules)
{
    return rules->bound != NULL &&
           (rules->bound->boost_count > 0 || rules->bound->diversity > 0.0F);
}

/* Keep what may be shown and does not stand in the answer yet, each once. */
static size_t drop_refused(const mr_rules *rules, mr_candidate *candidates, size_t count,
                           const mr_candidate *items, size_t item_count)
{
    const mr_catalogue_item *found[MR_CATALOGUE_FIND_MAX];
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (i % MR_CATALOGUE_FIND_MAX == 0)
            find_items(rules, candidates + i, count - i, found);
        mr_candidate one = candidates[i];
        one.item = found[i % MR_CATALOGUE_FIND_MAX];
        if (!may_follow(rules, one.item_id, one.item, items, item_count) ||
            is_repeated(candidates, kept, one.item_id, one.item))
            continue;
        candidates[kept++] = one;
    }
    return kept;
}

/* Scores to (0, 1]; in a list of equal ones all are 1, and what is no number is the least. */
static void fill_relevance(const mr_bound_rules *bound, const mr_candidate *candidates,
                           mr_diverse_item *pool, size_t count)
{
    double least = INFINITY;
    double most = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        const double score = (double)candidates[i].score;
        least = isfinite(score) ? fmin(least, score) : least;
        most = isfinite(score) ? fmax(most, score) : most;
    }
    for (size_t i = 0; i < count; i++) {
        const double score = (double)candidates[i].score;
        const double part = !isfinite(score) ? 0.0
                            : most > least   ? (score - least) / (most - least)
                                             : 1.0;
        const double boost = boost_of(bound, candidates[i].item_id, candidates[i].item);
        pool[i] = (mr_diverse_item){
            .item = candidates[i].item,
            .relevance =
                (float)(boost * (MR_RELEVANCE_LEAST + (1.0 - MR_RELEVANCE_LEAST) * part)),
            .place = (uint32_t)i,
        };
    }
}

static int compare_relevance(const void *a, const void *b)
{
    const mr_diverse_item *left = a;
    const mr_diverse_item *right = b;
    if (left->relevance != right->relevance)
        return left->relevance > right->relevance ? -1 : 1;
    return (left->place > right->place) - (left->place < right->place);
}

/* A list on its way into another order. */
typedef struct reordering {
    const mr_rules *rules;
    const mr_candidate *items; /* the answer so far */
    size_t item_count;
    mr_diverse_item pool[MR_RULES_POOL_MAX];
    mr_candidate before[MR_RULES_POOL_MAX]; /* as the list was */
} reordering;

/* Pick `n` by diversity to the front of `candidates`; what would be over a cap is left for the
 * end.  Returns how many there were. */
static size_t pick_diverse(reordering *r, size_t count, size_t n,
                           mr_candidate *candidates)
{
    const mr_bound_rules *bound = r->rules->bound;
    size_t picked = 0;
    for (size_t i = 0; i < r->item_count; i++)
        mr_diversity_add(r->pool, count, r->items[i].item);
    for (size_t i = 0; i < bound->pin_count; i++)
        mr_diversity_add(r->pool, count, bound->pins[i].item);
    while (picked < n) {
        const size_t best = mr_diversity_best(r->pool, count, bound->diversity);
        if (best == SIZE_MAX)
            break;
        mr_diverse_item *pick = &r->pool[best];
        const standing s = {r->items, r->item_count, candidates, picked};
        pick->is_gone = true;
        if (is_over_cap(r->rules, &s, pick->item))
            continue;
        candidates[picked++] = r->before[pick->place];
        pick->place = UINT32_MAX;
        mr_diversity_add(r->pool, count, pick->item);
    }
    return picked;
}

size_t mr_rules_reorder(const mr_rules *rules, mr_candidate *candidates, size_t count,
                        const mr_candidate *items, size_t item_count, size_t n)
{
    reordering r;
    const size_t places = mr_rules_places(rules, n);
    const size_t kept = drop_refused(rules, candidates, count, items, item_count);
    const size_t pool = kept < MR_RULES_POOL_MAX ? kept : (size_t)MR_RULES_POOL_MAX;
    if (!mr_rules_reorders(rules))
        return kept;
    r.rules = rules;
    r.items = items;
    r.item_count = item_count;
    memcpy(r.before, candidates, pool * sizeof(*candidates));
    fill_relevance(rules->bound, candidates, r.pool, pool);
    qsort(r.pool, pool, sizeof(r.pool[0]), compare_relevance);
    size_t end = 0;
    if (rules->bound->diversity > 0.0F && item_count < places)
        end = pick_diverse(&r, pool, places - item_count, candidates);
    for (size_t i = 0; i < pool; i++) {
        if (r.pool[i].place != UINT32_MAX)
            candidates[end++] = r.before[r.pool[i].place];
    }
    return kept;
}

/* ---- Pins ---- */

size_t mr_rules_pin(const mr_rules *rules, mr_candidate *items, size_t item_count,
                    size_t n)
{
    const mr_bound_rules *bound = rules->bound;
    if (bound == NULL || bound->pin_count == 0)
        return item_count;
    size_t pins = bound->pin_count;
    const size_t all = item_count + pins;
    MR_ASSERT(all <= n);
    /* From behind: the items move up by the pins before them. */
    for (size_t at = all; pins > 0; at--) {
        if (item_count == 0 || bound->positions[pins - 1] >= at)
            items[at - 1] = bound->pins[--pins];
        else
            items[at - 1] = items[--item_count];
    }
    return all;
}
