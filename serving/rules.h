/*
 * Rules: what may be shown, and in which order, to one user in one request.
 *
 * Rules run at request time over scored candidates, whoever proposed them and however old the
 * cached list is, so an item that was hidden, sold out or bought a second ago is not shown.
 *
 * A list goes through in up to three steps.  mr_rules_apply() lets through in their order what may
 * be shown; that is all there is to do for most requests, and works a few candidates at a time.
 * Only where mr_rules_reorders() says so, mr_rules_reorder() first brings the whole list into the
 * order of boosts, buries and diversity.  At the end mr_rules_pin() puts pinned items at their
 * places, for which apply has left room:
 *
 *     for each list that is asked for candidates:
 *         if (mr_rules_reorders(&rules))
 *             count = mr_rules_reorder(&rules, candidates, count, items, item_count, n);
 *         item_count = mr_rules_apply(&rules, candidates, count, items, item_count, n);
 *         stop when item_count == mr_rules_places(&rules, n)
 *     item_count = mr_rules_pin(&rules, items, item_count, n);
 *
 * The scores of a list are made relevances in (0, 1]: 1 for its best, MR_RELEVANCE_LEAST for its
 * worst, between them in proportion; then every boost and bury whose `where` matches multiplies.
 * Scores in the answer stay those of the model.  Caps hold over the whole answer, pins included.
 *
 * Units      Times in ms since the Unix epoch.
 * Ownership  Borrows everything; what bind makes lies in the arena.
 * Threads    The thread of the request.
 * Cost       About 0.2 us a candidate in a catalogue of 100,000 items, a few ns more for each
 *            excluded or recent item; a rule adds tens of ns.  Diversity: n x candidates
 *            similarities, 20 to 30 ns each where items have four attributes.
 */
#ifndef MR_SERVING_RULES_H
#define MR_SERVING_RULES_H

#include "core/arena.h"
#include "core/hash.h"
#include "core/status.h"
#include "core/text.h"
#include "serving/candidate.h"
#include "serving/catalogue.h"
#include "serving/placement.h"
#include "serving/rule_set.h"
#include "serving/shown_items.h"
#include "serving/user_state_codec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MR_RULES_POOL_MAX = 1024 }; /* candidates that are reordered */

#define MR_RELEVANCE_LEAST 0.01

typedef struct mr_bound_rules mr_bound_rules;

/* What holds for one request. */
typedef struct mr_rules {
    const mr_placement *placement; /* its rule on purchases; NULL only without any */
    const mr_catalogue *catalogue; /* NULL: nothing known      */
    const mr_purchase
        *purchases; /* found by hash: whatever model or list names an item */
    size_t purchase_count;
    const mr_hash_key *key; /* of `purchases` and `shown` */
    const mr_text *exclude; /* ids not to be shown      */
    size_t exclude_count;
    const mr_text *context; /* the items the request is about: not shown either */
    size_t context_count;
    int64_t now_ms;

    /* What follows is in force after mr_rules_bind(). */
    const mr_text *include; /* only these may be shown; none: any */
    size_t include_count;
    const mr_rule_set *set;      /* placement's and request's, merged; NULL: none */
    const mr_shown_items *shown; /* on the pages before this one; NULL: none      */
    const mr_bound_rules *bound; /* private; NULL: nothing of the above is set */
} mr_rules;

/*
 * Get ready for an answer of `n` items by include, set and shown; all else has been filled in.  With none of them, and short lists of ids, it does nothing and may be left
 * out.  MR_ERR_NO_MEMORY.
 *
 * Pins are settled here: those within the first n places that may be shown and keep to the caps,
 * in the order of the set; where there is a catalogue, an item must be in it to be pinned.
 */
MR_MUST_USE mr_status mr_rules_bind(mr_rules *rules, size_t n, mr_arena *arena);

/* Why an item may not be shown. */
typedef enum mr_refusal {
    MR_REFUSAL_NONE, /* it may */
    MR_REFUSAL_HIDDEN,
    MR_REFUSAL_OUT_OF_STOCK,
    MR_REFUSAL_EXCLUDED, /* by the request, or as one of its context */
    MR_REFUSAL_PURCHASED,
    MR_REFUSAL_NOT_INCLUDED,
    MR_REFUSAL_FILTERED,
    MR_REFUSAL_BURIED, /* by 0 */
    MR_REFUSAL_SHOWN,  /* on a page before */
} mr_refusal;

/* Caps aside, which depend on what else stands in the answer.  `*ret_item`: what the catalogue
 * has of it, or NULL. */
mr_refusal mr_rules_refusal(const mr_rules *rules, mr_text id,
                            const mr_catalogue_item **ret_item);

/* "out_of_stock"; "none" for MR_REFUSAL_NONE. */
const char *mr_refusal_name(mr_refusal refusal);

/* Places of an answer of `n` items that are not taken by pins. */
size_t mr_rules_places(const mr_rules *rules, size_t n);

/*
 * Append to `items` the candidates that may be shown, in their order, no item twice (those in
 * `items` and pinned ones included) and no value over its cap, until mr_rules_places(n) stand
 * there.  Returns the new count.
 */
size_t mr_rules_apply(const mr_rules *rules, const mr_candidate *candidates, size_t count,
                      mr_candidate *items, size_t item_count, size_t n);

/* Whether there is a boost, a bury or diversity. */
bool mr_rules_reorders(const mr_rules *rules);

/*
 * Bring one list into the order of boosts, buries and diversity, in place, and drop what may not
 * be shown, comes again or stands in `items`, the answer so far.  With diversity the first n are picked by
 * maximal marginal relevance (diversity.h), also against `items` and the pins; all else keeps the
 * order by relevance.  Candidates past MR_RULES_POOL_MAX stay behind in their order.  Ties go
 * by the order given.  Returns how many are left.
 */
size_t mr_rules_reorder(const mr_rules *rules, mr_candidate *candidates, size_t count,
                        const mr_candidate *items, size_t item_count, size_t n);

/*
 * Put the pinned items at their places: their source is MR_SOURCE_PINNED, their score 0.  A place
 * past the end of a short answer is its end; of two pins for one place the later takes the next.
 * `items` has room for n, and at most mr_rules_places(n) stand there; returns the new count.
 */
size_t mr_rules_pin(const mr_rules *rules, mr_candidate *items, size_t item_count,
                    size_t n);

#endif
