#include "models/recommender_fit.h"

#include "models/ranker_training.h"

static const double TIME_SHARE = 0.1;
static const double RANDOM_SHARE = 0.1;

static void report(const mr_recommender_fit_options *options, const char *line)
{
    if (options->report != NULL)
        options->report(options->context, line);
}

static mr_status cut(const mr_recommender_fit_options *options, mr_holdout *ret_holdout)
{
    mr_status status = mr_holdout_by_time(options->rows, TIME_SHARE, ret_holdout);
    if (status == MR_OK)
        report(options, "hold-out: the newest tenth of the events");
    if (status == MR_ERR_INVALID || status == MR_ERR_NOT_FOUND) {
        status =
            mr_holdout_random(options->rows, RANDOM_SHARE, options->seed, ret_holdout);
        report(options, "hold-out: a random tenth of each user's items");
    }
    return status;
}

static uint32_t users_held(const mr_holdout *holdout)
{
    uint32_t count = 0;
    for (uint32_t u = 0; u < holdout->held.rows; u++)
        count += mr_sparse_matrix_row_count(&holdout->held, u) > 0;
    return count;
}

/* Half of the tries for the members, half for what their order adds. */
static mr_status choose(const mr_recommender_fit_options *options, mr_worker_pool *pool,
                        mr_recommender_fit *fit)
{
    const mr_tuner_options tuner = {.budget = (options->budget + 1) / 2,
                                    .seed = options->seed,
                                    .families = {true, true, true, true, true},
                                    .report = options->report,
                                    .context = options->context};
    MR_TRY(cut(options, &fit->holdout));
    if (users_held(&fit->holdout) >= MR_HOLDOUT_USERS_MIN)
        return mr_tuner_run(&fit->holdout, &tuner, pool, &fit->tuned);
    report(options, "too few users to choose on: item-item with exponents of one half");
    fit->tuned.recipe = (mr_recipe){.item_item = {.user_exponent = 0.5F,
                                                  .row_exponent = 0.5F,
                                                  .column_exponent = 0.5F,
                                                  .neighbours = 100},
                                    .blend = mr_blend_single(MR_MEMBER_ITEM_ITEM)};
    return MR_OK;
}

/* Where events have times and enough users came back, their order is asked, too. */
static mr_status add_ranker(const mr_recommender_fit_options *options,
                            mr_worker_pool *pool, mr_recommender_fit *fit)
{
    const mr_ranker_training_set set = {
        .rows = options->rows,
        .holdout = &fit->holdout,
        .recipe = &fit->tuned.recipe,
        .share = TIME_SHARE,
        .budget = options->budget > 1 ? options->budget / 2 : options->budget,
        .seed = options->seed,
        .content = options->content,
        .report = options->report,
        .progress = options->progress,
        .context = options->context};
    if (!fit->holdout.by_time)
        return MR_OK;
    const mr_status status =
        mr_ranker_training_run(&set, pool, &fit->ranked, &fit->ranker);
    fit->has_ranker = status == MR_OK;
    return status == MR_ERR_NOT_FOUND ? MR_OK : status;
}

static mr_status train_members(const mr_recommender_fit_options *options,
                               mr_worker_pool *pool, mr_recommender_fit *fit)
{
    const mr_interactions *rows = options->rows;
    report(options, "training the choice on everything");
    MR_TRY(mr_interactions_matrix(rows, &fit->users));
    MR_TRY(mr_sparse_matrix_transpose(&fit->users, &fit->items));
    return mr_recipe_train(&fit->tuned.recipe, &fit->users, &fit->items, rows->item,
                           rows->time_s, rows->ptr[rows->users], pool, &fit->trained);
}

mr_status mr_recommender_fit_run(const mr_recommender_fit_options *options,
                                 mr_worker_pool *pool, mr_recommender_fit *ret_fit)
{
    *ret_fit = (mr_recommender_fit){0};
    MR_TRY(choose(options, pool, ret_fit));
    MR_TRY(add_ranker(options, pool, ret_fit));
    return train_members(options, pool, ret_fit);
}

void mr_recommender_fit_deinit(mr_recommender_fit *fit)
{
    mr_ranker_members_deinit(&fit->ranker);
    mr_trained_deinit(&fit->trained);
    mr_sparse_matrix_deinit(&fit->users);
    mr_sparse_matrix_deinit(&fit->items);
    mr_holdout_deinit(&fit->holdout);
}
