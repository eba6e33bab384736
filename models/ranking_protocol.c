#include "models/ranking_protocol.h"

#include "core/assert.h"

#include <stdio.h>

static const char *model_of(const mr_ranking_options *options)
{
    return options->model != NULL ? options->model : "auto";
}

mr_status mr_ranking_options_check(const mr_ranking_options *options,
                                   const char *protocol, mr_error *ret_error)
{
    if (mr_ranker_check_model(model_of(options)) != MR_OK)
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

static double seconds_since(const mr_clock *clock, int64_t start_ns)
{
    return (double)(mr_clock_monotonic_ns(clock) - start_ns) * 1e-9;
}

static mr_status judge(const mr_ranking_task *task, const mr_ranking_options *options,
                       const mr_ranker *ranker, mr_worker_pool *pool,
                       mr_ranking_result *result, mr_ranking_metrics *ret_metrics)
{
    const int64_t start_ns = mr_clock_monotonic_ns(options->clock);
    MR_TRY(mr_ranker_evaluate(ranker, task->questions, task->ks, task->k_count, pool,
                              ret_metrics));
    result->score_seconds = seconds_since(options->clock, start_ns);
    return MR_OK;
}

static mr_status run_in(mr_worker_pool *pool, const mr_ranking_task *task,
                        const mr_ranking_options *options, mr_ranking_result *result,
                        mr_ranking_metrics *ret_metrics)
{
    const mr_ranker_options ranking = {.model = model_of(options),
                                       .budget = options->budget,
                                       .seed = options->seed,
                                       .pool = pool,
                                       .report = options->report,
                                       .context = options->context};
    mr_ranker_recipe recipe;
    mr_ranker_choice choice;
    mr_ranker *ranker = NULL;
    const int64_t start_ns = mr_clock_monotonic_ns(options->clock);
    MR_TRY(mr_ranker_tune(task->train, task->form, &ranking, &recipe, &choice));
    MR_TRY(mr_ranker_train(&recipe, task->train, &ranking, &ranker));
    result->train_seconds = seconds_since(options->clock, start_ns);
    result->tries = choice.tries;
    (void)snprintf(result->model, sizeof(result->model), "%s",
                   mr_ranker_recipe_name(&recipe));
    mr_ranker_recipe_text(&recipe, result->parameters);
    const mr_status status = judge(task, options, ranker, pool, result, ret_metrics);
    mr_ranker_destroy(ranker);
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
    if (status == MR_OK)
        status = run_in(pool, task, options, &result, ret_metrics);
    mr_worker_pool_destroy(pool);
    if (status != MR_OK)
        return mr_error_set(ret_error, status, "%s: %s", task->protocol,
                            mr_status_name(status));
    *ret_result = result;
    return MR_OK;
}
