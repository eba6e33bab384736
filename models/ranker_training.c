#include "models/ranker_training.h"

#include "models/history_sequences.h"
#include "models/set_source.h"

/* Below this share of neighbours in time that differ in time, events come in heaps without an
 * order of their own, and an encoder would learn the order of a file. */
static const double ORDERED_SHARE_MIN = 0.5;

enum { K = 20 };

/* Of the neighbours within sequences: those that did not happen in the same second. */
static double ordered_share(const mr_sequences *sequences)
{
    uint64_t pairs = 0;
    uint64_t ordered = 0;
    for (uint32_t s = 0; s < sequences->count; s++)
        for (uint64_t e = sequences->ptr[s] + 1; e < sequences->ptr[s + 1]; e++) {
            pairs++;
            ordered += sequences->time_s[e] != sequences->time_s[e - 1];
        }
    return pairs > 0 ? (double)ordered / (double)pairs : 0.0;
}

static mr_status tune(const mr_ranker_training_set *set, const mr_sequences *sequences,
                      mr_row_source rows, mr_worker_pool *pool,
                      mr_ranker_tuner_result *ret_tuned)
{
    const mr_ranker_tuner_options options = {
        .form = MR_RANKING_AFTER_CUT,
        .share = set->share,
        .k = K,
        .families = {[MR_SIGNAL_ENCODER] = ordered_share(sequences) >= ORDERED_SHARE_MIN,
                     [MR_SIGNAL_SEQUENCE] = true,
                     [MR_SIGNAL_SESSION_KNN] = true,
                     [MR_SIGNAL_REPEAT] = true,
                     [MR_SIGNAL_CONTENT] = set->content != NULL,
                     [MR_SIGNAL_ROWS] = true,
                     [MR_SIGNAL_POPULAR] = true},
        .budget = set->budget,
        .seed = set->seed,
        .content = set->content,
        .rows = rows,
        .report = set->report,
        .progress = set->progress,
        .context = set->context};
    MR_TRY(mr_ranker_tune(sequences, &options, pool, ret_tuned));
    return ret_tuned->questions > 0 ? MR_OK : MR_ERR_NOT_FOUND;
}

/* The set-type members on what was not held out, for the time of the choice. */
static mr_status tune_beside_sets(const mr_ranker_training_set *set,
                                  const mr_sequences *sequences, mr_worker_pool *pool,
                                  mr_ranker_tuner_result *ret_tuned)
{
    const mr_holdout *holdout = set->holdout;
    mr_sparse_matrix items = {0};
    mr_trained trained = {0};
    mr_set_source *source = NULL;
    MR_TRY(mr_sparse_matrix_transpose(&holdout->train, &items));
    mr_status status =
        mr_recipe_train(set->recipe, &holdout->train, &items, holdout->votes,
                        holdout->vote_times_s, holdout->vote_count, pool, &trained);
    if (status == MR_OK)
        status = mr_set_source_create(set->recipe, &trained, holdout->train.columns, pool,
                                      &source);
    if (status == MR_OK)
        status = tune(set, sequences, mr_set_source_rows(source), pool, ret_tuned);
    mr_set_source_destroy(source);
    mr_trained_deinit(&trained);
    mr_sparse_matrix_deinit(&items);
    return status;
}

mr_status mr_ranker_training_run(const mr_ranker_training_set *set, mr_worker_pool *pool,
                                 mr_ranker_tuner_result *ret_tuned,
                                 mr_ranker_members *ret_members)
{
    mr_sequence_list list = {0};
    MR_TRY(mr_history_sequences(set->rows, &list));
    const mr_sequences sequences = mr_sequence_list_view(&list);
    const mr_ranker_training training = {.sequences = &sequences,
                                         .pool = pool,
                                         .progress = set->progress,
                                         .context = set->context};
    mr_status status = tune_beside_sets(set, &sequences, pool, ret_tuned);
    if (status == MR_OK)
        status = mr_ranker_members_train(&ret_tuned->recipe, &training, ret_members);
    if (status == MR_OK)
        ret_members->content = set->content;
    mr_sequence_list_deinit(&list);
    return status;
}
