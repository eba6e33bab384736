/*
 * Diversity: items that are good and not all alike.
 *
 * Maximal marginal relevance [Carbonell and Goldstein 1998]: of the candidates left, the next is
 * the one with the largest
 *
 *     (1 - d) relevance - d similarity to the most similar one that stands there already
 *
 * The largest similarity of each candidate is kept while picks are made, so that a pick costs one
 * similarity a candidate.  Items are as similar as the catalogue says they are.
 *
 * Units      Relevance and similarity in 0 .. 1.
 * Ownership  Borrows items of one catalogue.
 * Threads    Any: pure functions.
 * Cost       O(picks x candidates) similarities; one is a merge of two short lists of words.
 */
#ifndef MR_SERVING_DIVERSITY_H
#define MR_SERVING_DIVERSITY_H

#include "serving/catalogue_item.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * 1/2 for the same main category, 1/4 for the same brand, and 1/4 times the share of pairs of
 * attribute and value that both have in those that either has.  What is not known is not the
 * same; 0 when either item is NULL.
 */
float mr_item_similarity(const mr_catalogue_item *a, const mr_catalogue_item *b);

typedef struct mr_diverse_item {
    const mr_catalogue_item *item; /* NULL: like nothing else */
    float relevance;
    float nearest;  /* largest similarity to what stands there; 0 to begin with */
    uint32_t place; /* the caller's */
    bool is_gone;   /* picked, or ruled out by the caller */
} mr_diverse_item;

/* `standing` stands there: what is like it becomes less welcome. */
void mr_diversity_add(mr_diverse_item *pool, size_t count,
                      const mr_catalogue_item *standing);

/* The index of the best one that is not gone, ties to the first; SIZE_MAX when all are. */
size_t mr_diversity_best(const mr_diverse_item *pool, size_t count, float diversity);

#endif
