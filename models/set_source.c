#include "models/set_source.h"

#include <stdlib.h>
#include <string.h>

struct mr_set_source {
    mr_set_model model;
    mr_dense factors; /* in their eigenbasis */
    mr_fold_in *fold_in;
    mr_set_scratch **scratch; /* [threads] */
    uint32_t threads;
};

static mr_status fold(mr_set_source *source, const mr_recipe *recipe,
                      const mr_trained *trained, mr_worker_pool *pool)
{
    const mr_dense *items = mr_ials_items(trained->ials);
    MR_TRY(mr_dense_init(&source->factors, items->rows, items->columns));
    memcpy(source->factors.values, items->values,
           items->rows * items->stride * sizeof(*items->values));
    MR_TRY(mr_fold_in_create(&source->factors, &recipe->ials, pool, &source->fold_in));
    source->model.fold_in = source->fold_in;
    return MR_OK;
}

static mr_status open_source(mr_set_source *source, const mr_recipe *recipe,
                             const mr_trained *trained, uint32_t items,
                             mr_worker_pool *pool)
{
    source->model = (mr_set_model){.recipe = recipe,
                                   .items = items,
                                   .item_item = &trained->item_item,
                                   .ease = &trained->ease,
                                   .graph_filter = &trained->graph_filter,
                                   .popular = trained->popular};
    if (trained->ials != NULL)
        MR_TRY(fold(source, recipe, trained, pool));
    source->threads = mr_worker_pool_threads(pool);
    source->scratch = calloc(source->threads, sizeof(*source->scratch));
    if (source->scratch == NULL)
        return MR_ERR_NO_MEMORY;
    for (uint32_t t = 0; t < source->threads; t++)
        MR_TRY(mr_set_scratch_create(&source->model, &source->scratch[t]));
    return MR_OK;
}

mr_status mr_set_source_create(const mr_recipe *recipe, const mr_trained *trained,
                               uint32_t items, mr_worker_pool *pool,
                               mr_set_source **ret_source)
{
    mr_set_source *source = calloc(1, sizeof(*source));
    if (source == NULL)
        return MR_ERR_NO_MEMORY;
    const mr_status status = open_source(source, recipe, trained, items, pool);
    if (status != MR_OK) {
        mr_set_source_destroy(source);
        return status;
    }
    *ret_source = source;
    return MR_OK;
}

void mr_set_source_destroy(mr_set_source *source)
{
    if (source == NULL)
        return;
    for (uint32_t t = 0; source->scratch != NULL && t < source->threads; t++)
        mr_set_scratch_destroy(source->scratch[t]);
    free(source->scratch);
    mr_fold_in_destroy(source->fold_in);
    mr_dense_deinit(&source->factors);
    free(source);
}

static void score(void *context, uint32_t lane, const mr_query *query, float *ret_row)
{
    const mr_set_source *source = context;
    mr_set_score(&source->model, source->scratch[lane], query, ret_row);
}

const mr_set_model *mr_set_source_model(const mr_set_source *source)
{
    return &source->model;
}

mr_row_source mr_set_source_rows(mr_set_source *source)
{
    return (mr_row_source){.score = score, .context = source};
}
