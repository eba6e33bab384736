#include "models/ratings_recommender.h"

#include "models/history_sequences.h"
#include "models/ranker.h"
#include "models/recommender_fit.h"
#include "models/set_scorer.h"
#include "models/set_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const float WORTHLESS = 2.0F; /* stars */
static const float RANGE = 3.0F;

enum { LIST = MR_RANKER_K_MAX };

typedef struct fitted {
    uint64_t *ptr;
    uint32_t *item;
    uint32_t *time_s;
    float *weight;
    mr_interactions rows;
    mr_content *content; /* NULL: nothing is known of items */
    mr_recommender_fit fit;
    mr_set_source *source;
} fitted;

typedef struct fitted_scratch {
    uint32_t *item;
    uint32_t *time_s;
    uint32_t *basket;
    float *weight;
    mr_set_scratch *set;
    mr_content_scratch *content;
    mr_ranker_members members; /* the fit's, with this scratch's rows */
    mr_ranker_workspace *ranker;
    const mr_set_model *model;
    mr_ranked best[LIST];
} fitted_scratch;

/* ---- training ---- */

static void release(void *model)
{
    fitted *own = model;
    if (own == NULL)
        return;
    mr_set_source_destroy(own->source);
    mr_recommender_fit_deinit(&own->fit);
    mr_content_destroy(own->content);
    free(own->ptr);
    free(own->item);
    free(own->time_s);
    free(own->weight);
    free(own);
}

static mr_status take_rows(const mr_ratings_cut *cut, fitted *own)
{
    uint64_t count = 0;
    own->ptr = calloc((size_t)cut->users + 1, sizeof(*own->ptr));
    own->item = malloc((cut->known_count + 1) * sizeof(*own->item));
    own->time_s = malloc((cut->known_count + 1) * sizeof(*own->time_s));
    own->weight = malloc((cut->known_count + 1) * sizeof(*own->weight));
    if (own->ptr == NULL || own->item == NULL || own->time_s == NULL ||
        own->weight == NULL)
        return MR_ERR_NO_MEMORY;
    for (uint32_t u = 0; u < cut->users; u++) {
        for (uint64_t e = cut->ptr[u]; e < cut->ptr[u] + cut->known[u]; e++) {
            if (!(cut->value[e] > WORTHLESS))
                continue;
            own->item[count] = cut->item[e];
            own->time_s[count] = cut->time_s[e];
            own->weight[count++] = (cut->value[e] - WORTHLESS) / RANGE;
        }
        own->ptr[u + 1] = count;
    }
    own->rows = (mr_interactions){.users = cut->users,
                                  .items = cut->items,
                                  .ptr = own->ptr,
                                  .item = own->item,
                                  .weight = own->weight,
                                  .time_s = own->time_s};
    return mr_interactions_check(&own->rows, NULL);
}

static mr_status fit(const mr_ratings_known *known, fitted *own)
{
    const mr_content_options content = mr_content_options_default();
    MR_TRY(take_rows(known->cut, own));
    const mr_status described =
        mr_content_build(known->content, &content, &own->content, NULL);
    if (described != MR_OK && described != MR_ERR_NOT_FOUND)
        return described;
    const mr_recommender_fit_options options = {.rows = &own->rows,
                                                .content = own->content,
                                                .seed = known->seed,
                                                .budget = known->budget};
    MR_TRY(mr_recommender_fit_run(&options, known->pool, &own->fit));
    return mr_set_source_create(&own->fit.tuned.recipe, &own->fit.trained,
                                own->rows.items, known->pool, &own->source);
}

static mr_status train(const mr_ratings_known *known, const double *point,
                       void **ret_model)
{
    (void)point;
    fitted *own = calloc(1, sizeof(*own));
    if (own == NULL)
        return MR_ERR_NO_MEMORY;
    const mr_status status = fit(known, own);
    if (status != MR_OK) {
        release(own);
        return status;
    }
    *ret_model = own;
    return MR_OK;
}

/* ---- asking ---- */

static void score_rows(void *context, uint32_t lane, const mr_query *query,
                       float *ret_row)
{
    fitted_scratch *scratch = context;
    (void)lane;
    mr_set_score(scratch->model, scratch->set, query, ret_row);
}

static void release_scratch(void *scratch)
{
    fitted_scratch *own = scratch;
    if (own == NULL)
        return;
    mr_ranker_workspace_destroy(own->ranker);
    mr_content_scratch_destroy(own->content);
    mr_set_scratch_destroy(own->set);
    free(own->item);
    free(own->time_s);
    free(own->basket);
    free(own->weight);
    free(own);
}

static mr_status open_scratch(const fitted *model, size_t given_max,
                              fitted_scratch *scratch)
{
    scratch->item = malloc((given_max + 1) * sizeof(*scratch->item));
    scratch->time_s = malloc((given_max + 1) * sizeof(*scratch->time_s));
    scratch->basket = malloc((given_max + 1) * sizeof(*scratch->basket));
    scratch->weight = malloc((given_max + 1) * sizeof(*scratch->weight));
    if (scratch->item == NULL || scratch->time_s == NULL || scratch->basket == NULL ||
        scratch->weight == NULL)
        return MR_ERR_NO_MEMORY;
    scratch->model = mr_set_source_model(model->source);
    MR_TRY(mr_set_scratch_create(scratch->model, &scratch->set));
    if (model->content != NULL)
        MR_TRY(mr_content_scratch_create(model->content, &scratch->content));
    if (!model->fit.has_ranker)
        return MR_OK;
    scratch->members = model->fit.ranker;
    scratch->members.rows = (mr_row_source){.score = score_rows, .context = scratch};
    return mr_ranker_workspace_create(&scratch->members, 0, &scratch->ranker);
}

static mr_status make_scratch(const void *model, size_t given_max, void **ret_scratch)
{
    fitted_scratch *scratch = calloc(1, sizeof(*scratch));
    if (scratch == NULL)
        return MR_ERR_NO_MEMORY;
    if (open_scratch(model, given_max, scratch) != MR_OK) {
        release_scratch(scratch);
        return MR_ERR_NO_MEMORY;
    }
    *ret_scratch = scratch;
    return MR_OK;
}

/* What was liked, in baskets as serving has them; when nothing was, all of it. */
static mr_query liked(fitted_scratch *scratch, const mr_ratings_asked *asked)
{
    mr_query query = {.item = scratch->item,
                      .basket = scratch->basket,
                      .time_s = scratch->time_s,
                      .weight = scratch->weight};
    for (size_t i = 0; i < asked->count; i++) {
        if (!(asked->value[i] > WORTHLESS))
            continue;
        scratch->item[query.count] = asked->item[i];
        scratch->time_s[query.count] = asked->time_s[i];
        scratch->weight[query.count++] = (asked->value[i] - WORTHLESS) / RANGE;
    }
    if (query.count == 0) {
        query.item = asked->item;
        query.time_s = asked->time_s;
        query.weight = NULL;
        query.count = asked->count;
    }
    mr_history_baskets(query.time_s, query.count, scratch->basket);
    return query;
}

static void score(const void *model, void *scratch, const mr_ratings_asked *asked,
                  float *ret_row)
{
    const fitted *own = model;
    fitted_scratch *lane = scratch;
    const mr_query query = liked(lane, asked);
    if (lane->content != NULL)
        mr_content_score(own->content, lane->content, &query, ret_row);
    else
        memset(ret_row, 0, own->rows.items * sizeof(*ret_row));
    if (!own->fit.has_ranker) {
        mr_set_score(lane->model, lane->set, &query, ret_row);
        return;
    }
    /* Content stays below 2: the ranker's places stand above it. */
    const mr_ranker_limits limits = {.k = LIST};
    const uint32_t found = mr_ranker_rank(&lane->members, &own->fit.ranked.recipe,
                                          lane->ranker, &query, &limits, lane->best);
    for (uint32_t i = 0; i < found; i++)
        ret_row[lane->best[i].index] = 2.0F + (float)(found - i);
}

static void describe(const double *point, char *ret_text)
{
    (void)point;
    (void)snprintf(ret_text, MR_RATINGS_PARAMETERS_BYTES,
                   "all families, chosen and weighed as train does");
}

const mr_ratings_scorer mr_ratings_recommender = {.name = "auto",
                                                  .train = train,
                                                  .release = release,
                                                  .make_scratch = make_scratch,
                                                  .release_scratch = release_scratch,
                                                  .score = score,
                                                  .describe = describe};
