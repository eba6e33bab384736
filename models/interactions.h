/*
 * Interactions: who did something with what, when, and how much it says.
 *
 * The raw material of every recommender here: rows of events, one row a user, in any order and
 * with repeats.  A matrix of them (models/sparse_matrix.h) forgets repeats and times; the cut of
 * a hold-out (models/holdout.h) needs both.
 *
 * Units      Times in seconds since the epoch; weights > 0, 1 for a plain event.
 * Ownership  An mr_interactions is a view; an mr_interaction_file owns what it read.
 * Threads    Immutable.
 * Cost       Reading: one pass over the file, about 200 MB/s.
 */
#ifndef MR_MODELS_INTERACTIONS_H
#define MR_MODELS_INTERACTIONS_H

#include "core/status.h"
#include "models/sparse_matrix.h"

#include <stddef.h>
#include <stdint.h>

typedef struct mr_interactions {
    uint32_t users;
    uint32_t items;
    const uint64_t *ptr;    /* [users + 1]            */
    const uint32_t *item;   /* [ptr[users]]           */
    const float *weight;    /* the same, or NULL: 1   */
    const uint32_t *time_s; /* the same, or NULL      */
    const uint8_t *bought;  /* the same: 1 for a purchase, 0; or NULL: nobody knows */
} mr_interactions;

/* MR_ERR_INVALID unless pointers ascend, items are inside and weights are positive and finite. */
MR_MUST_USE mr_status mr_interactions_check(const mr_interactions *interactions,
                                            mr_error *ret_error);

/* Users x items, repeats merged, no values. */
MR_MUST_USE mr_status mr_interactions_matrix(const mr_interactions *interactions,
                                             mr_sparse_matrix *ret_matrix);

/*
 * A text file of lines `user item item …`, all decimal numbers from 0; a user may stand on
 * several lines or have no items.  All-zero is an empty one.
 */
typedef struct mr_interaction_file {
    uint32_t users; /* largest user + 1 */
    uint32_t items; /* largest item + 1 */
    mr_triple *pairs;
    size_t count;
} mr_interaction_file;

/* MR_ERR_NOT_FOUND, MR_ERR_UNAVAILABLE, MR_ERR_CORRUPT (with the line), MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_interaction_file_read(const char *path,
                                               mr_interaction_file *ret_file,
                                               mr_error *ret_error);
void mr_interaction_file_deinit(mr_interaction_file *file);

#endif
