/*
 * Associations: items that are bought in the same basket more often than by chance.
 *
 * A basket is what one user bought in one visit, as far as their history keeps it (60 purchases by
 * default).  Of a pair
 *
 *   support     baskets with both over all baskets
 *   confidence  of a to b: baskets with both over those with a
 *   lift        baskets with both x all baskets / (with a x with b); 1: by chance
 *
 * Pairs are counted exactly up to MR_ASSOCIATION_PAIRS_MAX different ones.  Beyond, by lossy counting
 * (Manku and Motwani 2002): the rarest quarter is let go, and no count is short by more than a number
 * that the answer says, the most baskets that a pair let go can have been in.
 *
 * Units      Baskets.
 * Ownership  Texts are borrowed.
 * Threads    As app/census.h.
 * Cost       A walk over all histories; 16 bytes a pair.
 */
#ifndef MR_APP_ASSOCIATIONS_H
#define MR_APP_ASSOCIATIONS_H

#include "app/census.h"

enum { MR_ASSOCIATION_PAIRS_MAX = 4000000 };

typedef struct mr_associations_query {
    mr_text item; /* only pairs with it; empty: all */
    size_t limit;
    uint32_t least;   /* baskets with both */
    size_t pairs_max; /* 0: MR_ASSOCIATION_PAIRS_MAX */
} mr_associations_query;

/* One JSON object, pairs by lift. */
MR_MUST_USE mr_status mr_associations_write(mr_census *census,
                                            const mr_associations_query *query,
                                            mr_json_writer *writer);

#endif
