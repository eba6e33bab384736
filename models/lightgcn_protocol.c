#include "models/lightgcn_protocol.h"

#include "models/evaluation.h"
#include "models/holdout.h"
#include "models/interactions.h"
#include "models/tuner.h"
#include "models/worker_pool.h"

#include <stdlib.h>
#include <string.h>

enum { K = 20 };

/* Parameters fit the amount of data they are found on: all users are asked, so a tenth is enough
 * to tell candidates apart, and what is trained on in the end is little more. */
static const double HOLDOUT_SHARE = 0.1;

/* Of one run. */
typedef struct lightgcn {
    const mr_lightgcn_options *options;
    mr_interaction_file files[3]; /* train, valid, test */
    mr_sparse_matrix parts[3];    /* the same           */
    mr_sparse_matrix users;       /* train and valid    */
    mr_sparse_matrix items;       /* its transpose      */
    mr_worker_pool *pool;
    mr_holdout holdout;
    mr_tuner_result tuned;
    mr_trained trained;
} lightgcn;

/* A name and the families it allows. */
typedef struct model_kind {
    const char *name;
    bool families[MR_MEMBERS];
} model_kind;

static const model_kind KINDS[MR_LIGHTGCN_MODELS] = {
    [MR_LIGHTGCN_AUTO] = {"auto", {true, true, true, true, true}},
    [MR_LIGHTGCN_ITEM_ITEM] = {"item_item", {[MR_MEMBER_ITEM_ITEM] = true}},
    [MR_LIGHTGCN_IALS] = {"ials", {[MR_MEMBER_IALS] = true}},
    [MR_LIGHTGCN_POPULAR] = {"popular", {[MR_MEMBER_POPULAR] = true}},
    [MR_LIGHTGCN_BLEND] = {"blend",
                           {[MR_MEMBER_ITEM_ITEM] = true, [MR_MEMBER_IALS] = true}},
    [MR_LIGHTGCN_EASE] = {"ease", {[MR_MEMBER_EASE] = true}},
    [MR_LIGHTGCN_GRAPH_FILTER] = {"gfcf", {[MR_MEMBER_GRAPH_FILTER] = true}},
};

mr_status mr_lightgcn_model_from(const char *name, mr_lightgcn_model *ret_model)
{
    for (uint32_t m = 0; m < MR_LIGHTGCN_MODELS; m++)
        if (strcmp(name, KINDS[m].name) == 0) {
            *ret_model = (mr_lightgcn_model)m;
            return MR_OK;
        }
    return MR_ERR_INVALID;
}

/* ---- reading ---- */

static mr_status join_parts(lightgcn *run, uint32_t users, uint32_t items)
{
    const size_t count = run->files[0].count + run->files[1].count;
    mr_triple *all = malloc((count + 1) * sizeof(*all));
    if (all == NULL)
        return MR_ERR_NO_MEMORY;
    size_t at = 0;
    for (size_t f = 0; f < 2; f++) {
        if (run->files[f].count > 0)
            memcpy(all + at, run->files[f].pairs, run->files[f].count * sizeof(*all));
        at += run->files[f].count;
    }
    mr_status status =
        mr_sparse_matrix_from_triples(all, count, users, items, false, &run->users);
    free(all);
    if (status == MR_OK)
        status = mr_sparse_matrix_transpose(&run->users, &run->items);
    return status;
}

static mr_status read_files(lightgcn *run, mr_error *ret_error)
{
    const char *const paths[3] = {run->options->train_path, run->options->valid_path,
                                  run->options->test_path};
    uint32_t users = 0;
    uint32_t items = 0;
    for (size_t f = 0; f < 3; f++) {
        if (paths[f] == NULL)
            continue;
        MR_TRY(mr_interaction_file_read(paths[f], &run->files[f], ret_error));
        if (run->files[f].count == 0)
            return mr_error_set(ret_error, MR_ERR_INVALID, "%s: no user has an item",
                                paths[f]);
        users = run->files[f].users > users ? run->files[f].users : users;
        items = run->files[f].items > items ? run->files[f].items : items;
    }
    for (size_t f = 0; f < 3; f++)
        MR_TRY(mr_sparse_matrix_from_triples(run->files[f].pairs, run->files[f].count,
                                             users, items, false, &run->parts[f]));
    return join_parts(run, users, items);
}

static mr_interactions interactions_of(const mr_sparse_matrix *matrix)
{
    return (mr_interactions){.users = matrix->rows,
                             .items = matrix->columns,
                             .ptr = matrix->ptr,
                             .item = matrix->index};
}

/* ---- choosing, training, testing ---- */

static mr_status choose(lightgcn *run)
{
    const mr_lightgcn_options *options = run->options;
    const mr_interactions train = interactions_of(&run->parts[0]);
    if (options->valid_path != NULL)
        MR_TRY(mr_holdout_given(&run->parts[0], &run->parts[1], &run->holdout));
    else
        MR_TRY(mr_holdout_random(&train, HOLDOUT_SHARE, options->seed, &run->holdout));
    mr_tuner_options tuner = {
        .budget = options->budget,
        .seed = options->seed,
        .insist_on_blend = options->model == MR_LIGHTGCN_BLEND,
        .report = options->report,
        .context = options->context,
    };
    memcpy(tuner.families, KINDS[options->model].families, sizeof(tuner.families));
    return mr_tuner_run(&run->holdout, &tuner, run->pool, &run->tuned);
}

static mr_status test(lightgcn *run, mr_ranking_metrics *ret_metrics)
{
    const mr_member_set members = mr_trained_members(&run->trained);
    const mr_evaluation_task task = {
        .members = &members,
        .histories = &run->users,
        .excluded = &run->users, /* the protocol masks, whatever the hold-out says */
        .relevant = &run->parts[2],
        .k = K,
    };
    return mr_evaluate_blends(&task, &run->tuned.recipe.blend, 1, run->pool, ret_metrics);
}

static double seconds_since(const mr_clock *clock, int64_t start_ns)
{
    return (double)(mr_clock_monotonic_ns(clock) - start_ns) * 1e-9;
}

static mr_status run_all(lightgcn *run, mr_lightgcn_result *result, mr_error *ret_error)
{
    const mr_clock *clock = run->options->clock;
    MR_TRY(read_files(run, ret_error));
    MR_TRY(mr_worker_pool_create(run->options->threads, &run->pool));
    const int64_t train_start_ns = mr_clock_monotonic_ns(clock);
    MR_TRY(choose(run));
    MR_TRY(mr_recipe_train(&run->tuned.recipe, &run->users, &run->items, run->users.index,
                           NULL, mr_sparse_matrix_count(&run->users), run->pool,
                           &run->trained));
    result->train_seconds = seconds_since(clock, train_start_ns);
    const int64_t score_start_ns = mr_clock_monotonic_ns(clock);
    MR_TRY(test(run, &result->metrics));
    result->score_seconds = seconds_since(clock, score_start_ns);
    result->protocol = "lightgcn";
    result->users = run->users.rows;
    result->items = run->users.columns;
    result->train_count = mr_sparse_matrix_count(&run->parts[0]);
    result->valid_count = mr_sparse_matrix_count(&run->parts[1]);
    result->test_count = mr_sparse_matrix_count(&run->parts[2]);
    result->model = mr_recipe_model_name(&run->tuned.recipe);
    mr_recipe_text(&run->tuned.recipe, result->parameters);
    result->holdout = run->tuned.holdout;
    result->seed = run->options->seed;
    result->tries = run->tuned.tries;
    return MR_OK;
}

mr_status mr_lightgcn_run(const mr_lightgcn_options *options,
                          mr_lightgcn_result *ret_result, mr_error *ret_error)
{
    lightgcn run = {.options = options};
    mr_lightgcn_result result = {0};
    if (ret_error != NULL)
        ret_error->message[0] = '\0';
    const mr_status status = run_all(&run, &result, ret_error);
    if (status != MR_OK && ret_error != NULL && ret_error->message[0] == '\0')
        (void)mr_error_set(ret_error, status, "lightgcn: %s", mr_status_name(status));
    for (size_t f = 0; f < 3; f++) {
        mr_interaction_file_deinit(&run.files[f]);
        mr_sparse_matrix_deinit(&run.parts[f]);
    }
    mr_trained_deinit(&run.trained);
    mr_holdout_deinit(&run.holdout);
    mr_sparse_matrix_deinit(&run.users);
    mr_sparse_matrix_deinit(&run.items);
    mr_worker_pool_destroy(run.pool);
    if (status == MR_OK)
        *ret_result = result;
    return status;
}
