/*
 * Ratings scorers: the models that the protocol of ratings can ask, as a table.
 *
 * A scorer is trained on what lies before a cut and then answers any query, that of a user it
 * has never seen included, with a score an item.  What is to be chosen about it stands in its
 * axes; the protocol searches them on a hold-out (models/pattern_search.h).  A further model is a
 * further row of the table.
 *
 * Units      Axes as each scorer's description says.
 * Ownership  A trained model is the caller's, to be released by its scorer.
 * Threads    Training: one caller and the pool.  Scoring: any number, each with a scratch.
 * Cost       The models'.
 */
#ifndef MR_MODELS_RATINGS_SCORERS_H
#define MR_MODELS_RATINGS_SCORERS_H

#include "core/status.h"
#include "models/content.h"
#include "models/pattern_search.h"
#include "models/ratings_cut.h"
#include "models/worker_pool.h"

#include <stddef.h>
#include <stdint.h>

enum { MR_RATINGS_PARAMETERS_BYTES = 160 };

/* What may be learnt from: of the cut's events those before it, and what is said of items. */
typedef struct mr_ratings_known {
    const mr_ratings_cut *cut;
    const mr_content_builder *content;
    mr_worker_pool *pool;
    uint64_t seed;
    uint32_t budget; /* of a model that chooses for itself; 0: its default */
} mr_ratings_known;

/* What one user is known to have rated, oldest first. */
typedef struct mr_ratings_asked {
    const uint32_t *item;
    const float *value;
    const uint32_t *time_s;
    size_t count;
} mr_ratings_asked;

typedef struct mr_ratings_scorer {
    const char *name;
    mr_pattern_axis axes[MR_PATTERN_AXES_MAX];
    uint32_t axis_count; /* 0: nothing to choose */

    mr_status (*train)(const mr_ratings_known *known, const double *point,
                       void **ret_model);
    void (*release)(void *model); /* NULL allowed */

    /* Scratch for queries of up to `given_max` events; NULL members: none is needed. */
    mr_status (*make_scratch)(const void *model, size_t given_max, void **ret_scratch);
    void (*release_scratch)(void *scratch);

    /* Scores of all items, finite; 0 or less is "nothing to say". */
    void (*score)(const void *model, void *scratch, const mr_ratings_asked *asked,
                  float *ret_row);

    /* The point in words, NUL-terminated in MR_RATINGS_PARAMETERS_BYTES. */
    void (*describe)(const double *point, char *ret_text);
} mr_ratings_scorer;

/* "auto" (models/ratings_recommender.h), "content", "popular", "item_item" and "item_knn" (cosine,
 * nothing chosen); NULL for another. */
const mr_ratings_scorer *mr_ratings_scorer_find(const char *name);

#endif
