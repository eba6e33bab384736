#include "models/ranking_by_sets.h"

#include "models/holdout.h"
#include "models/ranker_evaluation.h"
#include "models/set_source.h"
#include "models/tuner.h"

#include <stdio.h>
#include <string.h>

static const double HOLDOUT_SHARE = 0.1;

/* Of one run. */
typedef struct by_sets {
    const mr_ranking_task *task;
    const mr_ranking_options *options;
    mr_worker_pool *pool;
    mr_holdout holdout;
    mr_tuner_result tuned;
    mr_sparse_matrix users;
    mr_sparse_matrix items;
    mr_trained trained;
    mr_set_source *source;
} by_sets;

bool mr_ranking_set_member(const char *model, mr_member *ret_member)
{
    for (uint32_t m = 0; m < MR_MEMBERS; m++)
        if (m != MR_MEMBER_POPULAR && strcmp(model, mr_member_name((mr_member)m)) == 0) {
            *ret_member = (mr_member)m;
            return true;
        }
    return false;
}

static mr_status choose(by_sets *run, const mr_interactions *rows, mr_member member)
{
    mr_tuner_options options = {.budget = run->options->budget,
                                .seed = run->options->seed,
                                .report = run->options->report,
                                .context = run->options->context};
    options.families[member] = true;
    MR_TRY(mr_holdout_random(rows, HOLDOUT_SHARE, options.seed, &run->holdout));
    return mr_tuner_run(&run->holdout, &options, run->pool, &run->tuned);
}

static mr_status train(by_sets *run, mr_member member)
{
    const mr_sequences *train = run->task->train;
    const mr_interactions rows = {.users = train->count,
                                  .items = train->items,
                                  .ptr = train->ptr,
                                  .item = train->item};
    MR_TRY(choose(run, &rows, member));
    MR_TRY(mr_interactions_matrix(&rows, &run->users));
    MR_TRY(mr_sparse_matrix_transpose(&run->users, &run->items));
    MR_TRY(mr_recipe_train(&run->tuned.recipe, &run->users, &run->items, run->users.index,
                           NULL, mr_sparse_matrix_count(&run->users), run->pool,
                           &run->trained));
    return mr_set_source_create(&run->tuned.recipe, &run->trained, train->items,
                                run->pool, &run->source);
}

/* With too few questions to tell, own items stay. */
static mr_status allow_repeats(const by_sets *run, bool *ret_allowed)
{
    mr_ranker_cut cut = {0};
    const mr_status status = mr_ranker_cut_make(run->task->train, run->task->form,
                                                HOLDOUT_SHARE, run->options->seed, &cut);
    *ret_allowed = status != MR_OK || cut.repeat_share > 0.0;
    mr_ranker_cut_deinit(&cut);
    return status == MR_ERR_NOT_FOUND ? MR_OK : status;
}

static mr_status judge(const by_sets *run, mr_ranking_metrics *ret_metrics)
{
    const mr_ranker_members members = {.items = run->task->train->items,
                                       .rows = mr_set_source_rows(run->source)};
    mr_ranker_recipe recipe = {.choice = {.single = MR_SIGNAL_ROWS}};
    recipe.uses[MR_SIGNAL_ROWS] = true;
    MR_TRY(allow_repeats(run, &recipe.choice.repeats_allowed));
    return mr_ranker_evaluate(&members, &recipe, run->task->questions, run->task->ks,
                              run->task->k_count, run->pool, ret_metrics);
}

mr_status mr_ranking_by_sets(const mr_ranking_task *task,
                             const mr_ranking_options *options, mr_member member,
                             mr_worker_pool *pool, mr_ranking_result *result,
                             mr_ranking_metrics *ret_metrics)
{
    by_sets run = {.task = task, .options = options, .pool = pool};
    const int64_t start_ns = mr_clock_monotonic_ns(options->clock);
    mr_status status = train(&run, member);
    const int64_t trained_ns = mr_clock_monotonic_ns(options->clock);
    if (status == MR_OK)
        status = judge(&run, ret_metrics);
    result->train_seconds = (double)(trained_ns - start_ns) * 1e-9;
    result->score_seconds =
        (double)(mr_clock_monotonic_ns(options->clock) - trained_ns) * 1e-9;
    result->tries = run.tuned.tries;
    (void)snprintf(result->model, sizeof(result->model), "%s", mr_member_name(member));
    char parameters[MR_RECIPE_TEXT_BYTES];
    mr_recipe_text(&run.tuned.recipe, parameters);
    (void)snprintf(result->parameters, sizeof(result->parameters), "%s", parameters);
    mr_set_source_destroy(run.source);
    mr_trained_deinit(&run.trained);
    mr_sparse_matrix_deinit(&run.users);
    mr_sparse_matrix_deinit(&run.items);
    mr_holdout_deinit(&run.holdout);
    return status;
}
