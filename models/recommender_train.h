/*
 * Recommender training: from histories to a model directory.
 *
 * Cuts a hold-out (the newest tenth of time when there are times, else a random share of each
 * user's items), lets the tuner choose on it, trains the choice on everything, and writes a
 * version that mr_recommender_open() reads.  Users' factors are not stored.  Item ids of the
 * version served now keep their indices; new ids are appended.
 *
 * Units      Times in seconds in the rows, ms in the data range.
 * Ownership  Borrows the set for the call.
 * Threads    One caller; work is spread over a pool of `threads`.  The arrays are the same bytes
 *            for any number of threads, and so is the version's name.
 * Cost       The tuner's tries, then one training.
 */
#ifndef MR_MODELS_RECOMMENDER_TRAIN_H
#define MR_MODELS_RECOMMENDER_TRAIN_H

#include "core/status.h"
#include "core/text.h"
#include "models/content.h"
#include "models/interactions.h"
#include "models/model_directory.h"
#include "models/ranker_tuner.h"
#include "models/tuner.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct mr_training_set {
    mr_interactions
        interactions;        /* items index item_ids; weights and times may be NULL */
    const mr_text *item_ids; /* [interactions.items], distinct                      */
    const char *plan_hash;   /* of the feature plan the histories come from, or NULL */
    int64_t data_from_ms;
    int64_t data_to_ms; /* of the newest event: names the version */
    uint64_t seed;
    uint32_t threads; /* 0: one a processor */
    uint32_t budget;  /* tries in all; 0: both tuners' defaults */
    /* Tell the builder what is known of the item with this id; NULL: nothing is known of any. */
    mr_status (*describe)(void *context, mr_text id, uint32_t item,
                          mr_content_builder *builder);
    void (*report)(void *context,
                   const char *line); /* progress for people; NULL allowed */
    /* How far one long training is; NULL allowed. */
    void (*progress)(void *context, const char *what, uint64_t done, uint64_t of);
    /* Files of other models that share the version: mr_model_writer_path(), then _note(). */
    mr_status (*add_files)(void *context, mr_model_writer *writer,
                           mr_error *ret_error); /* NULL allowed */
    mr_text
        further_metrics; /* a JSON object, "further" in the manifest's; may be empty */
    void *context;
} mr_training_set;

typedef struct mr_training_result {
    char version[MR_MODEL_VERSION_BYTES];
    char parent[MR_MODEL_VERSION_BYTES]; /* "" when it is the first */
    mr_tuner_result tuned;
    bool has_ranker; /* the events have an order that says something */
    mr_ranker_tuner_result ranked;
    uint32_t items; /* of the dictionary, old ones included */
} mr_training_result;

/*
 * Write a version below `models_path`.  Nothing is activated: that is mr_models_activate()'s,
 * after whatever gate the caller has.
 *
 * MR_ERR_INVALID for rows or ids that are wrong, MR_ERR_CORRUPT when the version served now
 * cannot be read, MR_ERR_UNAVAILABLE, MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_recommender_train(const mr_training_set *set,
                                           const char *models_path,
                                           mr_training_result *ret_result,
                                           mr_error *ret_error);

#endif
