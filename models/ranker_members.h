/*
 * Ranker members: the families a ranker asks, trained.
 *
 * Units      See the families' own headers.
 * Ownership  Owns what was trained or opened, until deinit.  The content model and the source of
 *            the set-type members' rows are the caller's and outlive it.
 * Threads    Immutable once trained.
 * Cost       Training: the families'.  Memory: theirs, and 8 bytes an item.
 */
#ifndef MR_MODELS_RANKER_MEMBERS_H
#define MR_MODELS_RANKER_MEMBERS_H

#include "core/status.h"
#include "models/content.h"
#include "models/int8_table.h"
#include "models/ranker_recipe.h"
#include "models/top_k.h"
#include "models/worker_pool.h"

#include <stddef.h>
#include <stdint.h>

/* Scores of the set-type members' blend; `lane` is below the pool's threads. */
typedef struct mr_row_source {
    void (*score)(void *context, uint32_t lane, const mr_query *query, float *ret_row);
    void *context;

    /* All three or, where only whole rows are to be had, none: take up a query; its best k, best
     * first and equal ones by item; the scores of some items into their places of a row. */
    void (*ask)(void *context, uint32_t lane, const mr_query *query);
    uint32_t (*best)(void *context, uint32_t lane, uint32_t k, mr_ranked *ret_best);
    void (*at)(void *context, uint32_t lane, const uint32_t *items, size_t count,
               float *ret_row);
} mr_row_source;

enum { MR_RANKER_POPULAR_KEPT = 1024 };

/* All-zero knows nothing. */
typedef struct mr_ranker_members {
    uint32_t items;
    mr_encoder *encoder;
    mr_int8_table *encoder_codes; /* of its items; NULL: whole rows are scored */
    mr_covisitation *sequence;
    mr_session_knn *session_knn;
    mr_next_basket *repeat;
    const mr_content *content; /* lent */
    mr_row_source rows;        /* lent; score NULL: none */
    float *popular;            /* [items] faded votes                    */
    float *recent;             /* [items] votes of the newest sequences  */
    uint32_t *most_popular;    /* [most_popular_count], best first       */
    uint32_t most_popular_count;
} mr_ranker_members;

typedef struct mr_ranker_training {
    const mr_sequences *sequences;
    mr_worker_pool *pool;
    void (*progress)(void *context, const char *what, uint64_t done,
                     uint64_t of); /* NULL allowed */
    void *context;
} mr_ranker_training;

/*
 * Train the families the recipe uses; content and rows are for the caller to set.
 * MR_ERR_INVALID, MR_ERR_NO_MEMORY as the families say.
 */
MR_MUST_USE mr_status mr_ranker_members_train(const mr_ranker_recipe *recipe,
                                              const mr_ranker_training *training,
                                              mr_ranker_members *ret_members);
void mr_ranker_members_deinit(mr_ranker_members *members);

/* Order the most popular, once `popular` is there.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_ranker_members_order(mr_ranker_members *members);

/*
 * Code the encoder's items as bytes, if there is an encoder: for members that are asked for long.
 * Rows that do not lie on 64-byte boundaries, as those of training and of files do, are not coded.
 * MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_ranker_members_code(mr_ranker_members *members);

/*
 * Votes of sequences: an element k baskets before its sequence's end counts fade^k (1: all alike).
 * `ret_votes` [items] is written whole.
 */
void mr_ranker_votes(const mr_sequences *sequences, float fade, float *ret_votes);

#endif
