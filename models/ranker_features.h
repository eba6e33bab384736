/*
 * Ranker features: what is said of a candidate when it is weighed against others.
 *
 * Each signal (a member's row of scores over all items) speaks on a scale of its own, so a
 * candidate is described by its share of what the signal gave to all candidates of this query:
 * its logarithm, which tells small shares apart, and the root of its part of the largest, which
 * tells large ones apart.  Beside the signals stand facts that no model has to learn: how popular
 * the candidate is, and, for an item the user had before, how often, how lately, and how readily
 * this item is taken again.  A linear score of these numbers is what mr_listwise_fit() chooses.
 *
 * Units      Features are plain numbers within about -12 … 12.
 * Ownership  Everything is lent for the call.
 * Threads    Pure functions; an mr_own_table belongs to one thread.
 * Cost       Two logarithms a signal and candidate.
 */
#ifndef MR_MODELS_RANKER_FEATURES_H
#define MR_MODELS_RANKER_FEATURES_H

#include "core/status.h"
#include "models/sequences.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who gives a row of scores.  Written to manifests by name. */
typedef enum mr_signal {
    MR_SIGNAL_ENCODER = 0,
    MR_SIGNAL_SEQUENCE,
    MR_SIGNAL_SESSION_KNN,
    MR_SIGNAL_REPEAT,
    MR_SIGNAL_CONTENT,
    MR_SIGNAL_ROWS, /* the blend of set-type members: item-item, iALS, … */
    MR_SIGNAL_POPULAR,
    MR_SIGNALS,
} mr_signal;

const char *mr_signal_name(mr_signal signal); /* "encoder", "sequence", … */

/* Written to manifests by name. */
typedef enum mr_rank_feature {
    MR_RANK_FEATURE_ENCODER =
        0, /* 10 x the cosine, 0 below                              */
    MR_RANK_FEATURE_SEQUENCE_SHARE,
    MR_RANK_FEATURE_SEQUENCE_PART,
    MR_RANK_FEATURE_SESSION_KNN_SHARE,
    MR_RANK_FEATURE_SESSION_KNN_PART,
    MR_RANK_FEATURE_REPEAT_SHARE,
    MR_RANK_FEATURE_REPEAT_PART,
    MR_RANK_FEATURE_CONTENT_SHARE,
    MR_RANK_FEATURE_CONTENT_PART,
    MR_RANK_FEATURE_ROWS_SHARE,
    MR_RANK_FEATURE_ROWS_PART,
    MR_RANK_FEATURE_POPULAR,  /* log of the faded votes + 1/2                          */
    MR_RANK_FEATURE_RECENT,   /* log of 1 + votes in the newest part of the data       */
    MR_RANK_FEATURE_OWN,      /* 1 for an item of the query; the rest is 0 for others  */
    MR_RANK_FEATURE_OWN_LAST, /* 1 for one of the last basket                          */
    MR_RANK_FEATURE_OWN_NEARNESS, /* 1 / baskets back, 1 for the last                      */
    MR_RANK_FEATURE_OWN_COUNT, /* log of how often it stands there                      */
    MR_RANK_FEATURE_OWN_SHARE, /* log(that / baskets of the query), from -6 up          */
    MR_RANK_FEATURE_OWN_RATE,  /* log of the item's repeat rate                         */
    MR_RANK_FEATURE_OWN_LENGTH, /* log of the query's baskets                            */
    MR_RANK_FEATURES,
} mr_rank_feature;

const char *mr_rank_feature_name(
    mr_rank_feature feature); /* "encoder", "sequence_share", … */

/* What the feature is for a candidate of which its signal says nothing. */
float mr_rank_feature_floor(mr_rank_feature feature);

/* Whose feature it is; MR_SIGNALS for those of the user's own items. */
mr_signal mr_rank_feature_signal(mr_rank_feature feature);

/* An item of the query, once. */
typedef struct mr_own_item {
    uint32_t item;
    uint32_t count;
    uint32_t back; /* baskets from the end: 1 for the last */
} mr_own_item;

enum { MR_OWN_ITEMS_MAX = 2048 }; /* newest elements of a query that are looked at */

/* A query's distinct items; `place` finds them.  Initialise with room for all items. */
typedef struct mr_own_table {
    mr_own_item items[MR_OWN_ITEMS_MAX];
    size_t count;
    uint32_t baskets; /* of the part looked at */
    uint32_t *place;  /* [catalogue]: place in items + 1, 0 for none */
    uint32_t catalogue;
} mr_own_table;

MR_MUST_USE mr_status mr_own_table_init(mr_own_table *ret_table, uint32_t catalogue);
void mr_own_table_deinit(mr_own_table *table);

/* Take another query in place of the one before. */
void mr_own_table_fill(mr_own_table *table, const mr_query *query);

/* NULL when the query does not hold the item. */
const mr_own_item *mr_own_table_find(const mr_own_table *table, uint32_t item);

/* What a model knows of items by themselves; each [items], or NULL where it knows nothing. */
typedef struct mr_item_facts {
    const float *popular;     /* faded votes                 */
    const float *recent;      /* votes in the newest part    */
    const float *repeat_rate; /* in (0, 1]                   */
} mr_item_facts;

/*
 * Describe candidates: `ret_features` gets `count` rows of MR_RANK_FEATURES.  `rows[s]` is the signal's
 * row over all items, or NULL where it is not in use (its features are then 0).
 */
void mr_ranker_describe(const float *const rows[MR_SIGNALS], const mr_item_facts *facts,
                        const mr_own_table *own, const uint32_t *candidates, size_t count,
                        float *ret_features);

#endif
