#include "models/ranking_protocol.h"

#include "core/assert.h"
#include "models/ranker_evaluation.h"
#include "models/ranker_tuner.h"
#include "models/ranking_by_sets.h"

#include <stdio.h>
#include <string.h>

/* Of the newest sequences or events, where a form holds out a share. */
static const double HOLDOUT_SHARE = 0.1;

static const char *model_of(const mr_ranking_options *options)
{
    return options->model != NULL ? options->model : "auto";
}

/*
 * "auto" and "blend" may use every family; a family's name that family alone.  Within a basket there
 * is no next item, which is what an encoder learns from: it has to be asked for by name.
 */
static mr_status families_of(const char *model, mr_ranking_form form,
                             bool ret_families[MR_SIGNALS])
{
    static const mr_signal ordered[] = {MR_SIGNAL_ENCODER, MR_SIGNAL_SEQUENCE,
                                        MR_SIGNAL_SESSION_KNN, MR_SIGNAL_REPEAT,
                                        MR_SIGNAL_POPULAR};
    const bool all = strcmp(model, "auto") == 0 || strcmp(model, "blend") == 0;
    bool any = false;
    memset(ret_families, 0, MR_SIGNALS * sizeof(*ret_families));
    for (size_t s = 0; s < sizeof(ordered) / sizeof(ordered[0]); s++) {
        ret_families[ordered[s]] = all || strcmp(model, mr_signal_name(ordered[s])) == 0;
        any |= ret_families[ordered[s]];
    }
    if (all && form == MR_RANKING_NEXT_BASKET)
        ret_families[MR_SIGNAL_ENCODER] = false;
    return any ? MR_OK : MR_ERR_INVALID;
}

mr_status mr_ranking_options_check(const mr_ranking_options *options,
                                   const char *protocol, mr_error *ret_error)
{
    bool families[MR_SIGNALS];
    mr_member member;
    if (!mr_ranking_set_member(model_of(options), &member) &&
        families_of(model_of(options), MR_RANKING_NEXT_ITEM, families) != MR_OK)
        return mr_error_set(ret_error, MR_ERR_INVALID, "%s has no model '%s'", protocol,
                            model_of(options));
    return MR_OK;
}

void mr_ranking_result_add_data(mr_ranking_result *result, const char *name, double value)
{
    MR_ASSERT(result->data_count < MR_RANKING_VALUES_MAX);
    result->data[result->data_count++] = (mr_named_value){name, value};
}

void mr_ranking_result_add_metric(mr_ranking_result *result, const char *name,
                                  double value)
{
    MR_ASSERT(result->metric_count < MR_RANKING_VALUES_MAX);
    result->metrics[result->metric_count++] = (mr_named_value){name, value};
}

static uint64_t target_count(const mr_ranking_task *task)
{
    const uint32_t count = task->questions->given.count;
    return count > 0 ? task->questions->target_ptr[count] : 0;
}

uint64_t mr_ranking_unseen_targets(const mr_ranking_task *task)
{
    const uint64_t count = target_count(task);
    uint64_t unseen = 0;
    for (uint64_t t = 0; t < count; t++)
        unseen += task->questions->targets[t] >= task->train->items;
    return unseen;
}

static mr_status choose(const mr_ranking_task *task, const mr_ranking_options *options,
                        mr_worker_pool *pool, mr_ranker_tuner_result *ret_tuned)
{
    mr_ranker_tuner_options tuning = {.form = task->form,
                                      .share = HOLDOUT_SHARE,
                                      .k = task->ks[task->k_count - 1],
                                      .insist_on_blend =
                                          strcmp(model_of(options), "blend") == 0,
                                      .budget = options->budget,
                                      .seed = options->seed,
                                      .report = options->report,
                                      .context = options->context};
    MR_TRY(families_of(model_of(options), task->form, tuning.families));
    return mr_ranker_tune(task->train, &tuning, pool, ret_tuned);
}

static mr_status run_in(mr_worker_pool *pool, const mr_ranking_task *task,
                        const mr_ranking_options *options, mr_ranking_result *result,
                        mr_ranking_metrics *ret_metrics)
{
    mr_ranker_tuner_result tuned;
    mr_ranker_members members = {0};
    const mr_ranker_training training = {.sequences = task->train, .pool = pool};
    const int64_t start_ns = mr_clock_monotonic_ns(options->clock);
    MR_TRY(choose(task, options, pool, &tuned));
    MR_TRY(mr_ranker_members_train(&tuned.recipe, &training, &members));
    const int64_t trained_ns = mr_clock_monotonic_ns(options->clock);
    const mr_status status =
        mr_ranker_evaluate(&members, &tuned.recipe, task->questions, task->ks,
                           task->k_count, pool, ret_metrics);
    mr_ranker_members_deinit(&members);
    result->train_seconds = (double)(trained_ns - start_ns) * 1e-9;
    result->score_seconds =
        (double)(mr_clock_monotonic_ns(options->clock) - trained_ns) * 1e-9;
    result->tries = tuned.tries;
    (void)snprintf(result->model, sizeof(result->model), "%s",
                   mr_ranker_choice_name(&tuned.recipe.choice));
    mr_ranker_recipe_text(&tuned.recipe, result->parameters);
    return status;
}

mr_status mr_ranking_protocol_run(const mr_ranking_task *task,
                                  const mr_ranking_options *options,
                                  mr_ranking_result *ret_result,
                                  mr_ranking_metrics *ret_metrics, mr_error *ret_error)
{
    mr_ranking_result result = {.protocol = task->protocol, .seed = options->seed};
    mr_worker_pool *pool = NULL;
    const mr_sequences *train = task->train;
    if (train->count == 0 || train->ptr[train->count] == train->ptr[0])
        return mr_error_set(ret_error, MR_ERR_INVALID, "%s: nothing to learn from",
                            task->protocol);
    if (target_count(task) == 0)
        return mr_error_set(ret_error, MR_ERR_INVALID, "%s: nothing to ask",
                            task->protocol);
    MR_TRY(mr_ranking_options_check(options, task->protocol, ret_error));
    mr_status status = mr_worker_pool_create(options->threads, &pool);
    mr_member member;
    if (status == MR_OK)
        status =
            mr_ranking_set_member(model_of(options), &member)
                ? mr_ranking_by_sets(task, options, member, pool, &result, ret_metrics)
                : run_in(pool, task, options, &result, ret_metrics);
    mr_worker_pool_destroy(pool);
    if (status != MR_OK)
        return mr_error_set(ret_error, status, "%s: %s", task->protocol,
                            mr_status_name(status));
    *ret_result = result;
    return MR_OK;
}
