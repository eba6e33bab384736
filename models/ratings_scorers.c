#include "models/ratings_scorers.h"

#include "models/dense.h"
#include "models/item_item.h"
#include "models/popular.h"
#include "models/ratings_recommender.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double DAY_S = 86400.0;

/* Enough for every neighbour of a catalogue of films; the rest is noise. */
enum { NEIGHBOURS = MR_ITEM_ITEM_NEIGHBOURS_MAX };

/* ---- content ---- */

enum { CONTENT_SCALE = 0, CONTENT_TITLE, CONTENT_CATEGORY, CONTENT_LIKED };

typedef struct content_model {
    mr_content *content;
    float liked; /* lower ratings are not asked with, unless there are no others */
} content_model;

typedef struct content_scratch {
    mr_content_scratch *content;
    uint32_t *items; /* [given_max] */
} content_scratch;

static void release_content(void *model)
{
    content_model *own = model;
    if (own == NULL)
        return;
    mr_content_destroy(own->content);
    free(own);
}

static mr_status train_content(const mr_ratings_known *known, const double *point,
                               void **ret_model)
{
    content_model *own = calloc(1, sizeof(*own));
    if (own == NULL)
        return MR_ERR_NO_MEMORY;
    mr_content_options options = mr_content_options_default();
    options.query_scale = (float)exp2(point[CONTENT_SCALE]);
    options.field_weights[MR_CONTENT_TITLE] = (float)point[CONTENT_TITLE];
    options.field_weights[MR_CONTENT_CATEGORY] = (float)point[CONTENT_CATEGORY];
    own->liked = (float)point[CONTENT_LIKED];
    const mr_status status =
        mr_content_build(known->content, &options, &own->content, NULL);
    if (status != MR_OK) {
        release_content(own);
        return status;
    }
    *ret_model = own;
    return MR_OK;
}

static void release_content_scratch(void *scratch)
{
    content_scratch *own = scratch;
    if (own == NULL)
        return;
    mr_content_scratch_destroy(own->content);
    free(own->items);
    free(own);
}

static mr_status make_content_scratch(const void *model, size_t given_max,
                                      void **ret_scratch)
{
    const content_model *own = model;
    content_scratch *scratch = calloc(1, sizeof(*scratch));
    if (scratch == NULL)
        return MR_ERR_NO_MEMORY;
    scratch->items = malloc((given_max + 1) * sizeof(*scratch->items));
    if (scratch->items == NULL ||
        mr_content_scratch_create(own->content, &scratch->content) != MR_OK) {
        release_content_scratch(scratch);
        return MR_ERR_NO_MEMORY;
    }
    *ret_scratch = scratch;
    return MR_OK;
}

static void score_content(const void *model, void *scratch, const mr_ratings_asked *asked,
                          float *ret_row)
{
    const content_model *own = model;
    content_scratch *mine = scratch;
    mr_query query = {.item = mine->items};
    for (size_t t = 0; t < asked->count; t++)
        if (asked->value[t] >= own->liked)
            mine->items[query.count++] = asked->item[t];
    if (query.count == 0)
        query = (mr_query){.item = asked->item, .count = asked->count};
    mr_content_score(own->content, mine->content, &query, ret_row);
}

static void describe_content(const double *point, char *ret_text)
{
    (void)snprintf(ret_text, MR_RATINGS_PARAMETERS_BYTES,
                   "query_scale=%.4g title=%.4g category=%.4g liked=%.4g",
                   exp2(point[CONTENT_SCALE]), point[CONTENT_TITLE],
                   point[CONTENT_CATEGORY], point[CONTENT_LIKED]);
}

/* ---- popular ---- */

typedef struct popular_model {
    size_t items;
    float *scores;
} popular_model;

static void release_popular(void *model)
{
    popular_model *own = model;
    if (own == NULL)
        return;
    free(own->scores);
    free(own);
}

/* The events before the cut, user by user, as votes. */
static mr_status gather_votes(const mr_ratings_cut *cut, uint32_t *items,
                              uint32_t *times_s)
{
    size_t count = 0;
    for (uint32_t u = 0; u < cut->users; u++)
        for (uint64_t e = cut->ptr[u]; e < cut->ptr[u] + cut->known[u]; e++) {
            items[count] = cut->item[e];
            times_s[count++] = cut->time_s[e];
        }
    return count == cut->known_count ? MR_OK : MR_ERR_INVALID;
}

static mr_status train_popular(const mr_ratings_known *known, const double *point,
                               void **ret_model)
{
    const mr_ratings_cut *cut = known->cut;
    popular_model *own = calloc(1, sizeof(*own));
    uint32_t *items = malloc(cut->known_count * sizeof(*items));
    uint32_t *times_s = malloc(cut->known_count * sizeof(*times_s));
    if (own != NULL) {
        own->items = cut->items;
        own->scores = mr_dense_floats(cut->items);
    }
    mr_status status = MR_ERR_NO_MEMORY;
    if (own != NULL && own->scores != NULL && items != NULL && times_s != NULL)
        status = gather_votes(cut, items, times_s);
    if (status == MR_OK) {
        mr_popular_score(items, times_s, cut->known_count, exp2(point[0]) * DAY_S,
                         own->items, own->scores);
        *ret_model = own;
    } else {
        release_popular(own);
    }
    free(items);
    free(times_s);
    return status;
}

static void score_popular(const void *model, void *scratch, const mr_ratings_asked *asked,
                          float *ret_row)
{
    const popular_model *own = model;
    (void)scratch;
    (void)asked;
    memcpy(ret_row, own->scores, own->items * sizeof(*ret_row));
}

static void describe_popular(const double *point, char *ret_text)
{
    (void)snprintf(ret_text, MR_RATINGS_PARAMETERS_BYTES, "half_life_days=%.4g",
                   exp2(point[0]));
}

/* ---- item-item ---- */

enum { ITEM_USER = 0, ITEM_ROW, ITEM_COLUMN };

static void release_item_item(void *model)
{
    if (model == NULL)
        return;
    mr_sparse_matrix_deinit(model);
    free(model);
}

/* Users by items, of what lies before the cut. */
static mr_status histories_of(const mr_ratings_cut *cut, mr_sparse_matrix *ret_users)
{
    mr_triple *triples = malloc(cut->known_count * sizeof(*triples));
    if (triples == NULL)
        return MR_ERR_NO_MEMORY;
    size_t count = 0;
    for (uint32_t u = 0; u < cut->users; u++)
        for (uint64_t e = cut->ptr[u]; e < cut->ptr[u] + cut->known[u]; e++)
            triples[count++] = (mr_triple){.row = u, .column = cut->item[e]};
    const mr_status status = mr_sparse_matrix_from_triples(triples, count, cut->users,
                                                           cut->items, false, ret_users);
    free(triples);
    return status;
}

static mr_status build_item_item(const mr_ratings_known *known,
                                 const mr_item_item_options *options,
                                 mr_sparse_matrix *ret_model)
{
    mr_sparse_matrix users = {0};
    mr_sparse_matrix items = {0};
    MR_TRY(histories_of(known->cut, &users));
    mr_status status = mr_sparse_matrix_transpose(&users, &items);
    if (status == MR_OK)
        status = mr_item_item_build(&users, &items, options, known->pool, ret_model);
    mr_sparse_matrix_deinit(&users);
    mr_sparse_matrix_deinit(&items);
    return status;
}

static mr_status train_with(const mr_ratings_known *known,
                            const mr_item_item_options *options, void **ret_model)
{
    mr_sparse_matrix *own = calloc(1, sizeof(*own));
    if (own == NULL)
        return MR_ERR_NO_MEMORY;
    const mr_status status = build_item_item(known, options, own);
    if (status != MR_OK) {
        free(own);
        return status;
    }
    *ret_model = own;
    return MR_OK;
}

static mr_status train_item_item(const mr_ratings_known *known, const double *point,
                                 void **ret_model)
{
    const mr_item_item_options options = {.user_exponent = (float)point[ITEM_USER],
                                          .row_exponent = (float)point[ITEM_ROW],
                                          .column_exponent = (float)point[ITEM_COLUMN],
                                          .neighbours = NEIGHBOURS};
    return train_with(known, &options, ret_model);
}

static mr_status train_item_knn(const mr_ratings_known *known, const double *point,
                                void **ret_model)
{
    const mr_item_item_options cosine = {
        .row_exponent = 0.5F, .column_exponent = 0.5F, .neighbours = NEIGHBOURS};
    (void)point;
    return train_with(known, &cosine, ret_model);
}

static void score_item_item(const void *model, void *scratch,
                            const mr_ratings_asked *asked, float *ret_row)
{
    (void)scratch;
    mr_item_item_score(model, asked->item, NULL, asked->count, ret_row);
}

static void describe_item_item(const double *point, char *ret_text)
{
    (void)snprintf(ret_text, MR_RATINGS_PARAMETERS_BYTES,
                   "user_exponent=%.4g row_exponent=%.4g column_exponent=%.4g",
                   point[ITEM_USER], point[ITEM_ROW], point[ITEM_COLUMN]);
}

static void describe_item_knn(const double *point, char *ret_text)
{
    (void)point;
    (void)snprintf(ret_text, MR_RATINGS_PARAMETERS_BYTES, "cosine");
}

/* ---- the table ---- */

static const mr_ratings_scorer SCORERS[] = {
    {.name = "content",
     .axes = {[CONTENT_SCALE] = {.start = 4.0, .step = 1.0, .low = 0.0, .high = 10.0},
              [CONTENT_TITLE] = {.start = 0.5, .step = -0.25, .low = 0.0, .high = 2.0},
              [CONTENT_CATEGORY] = {.start = 0.5, .step = 0.25, .low = 0.0, .high = 2.0},
              [CONTENT_LIKED] = {.start = 3.0, .step = 1.0, .low = 0.0, .high = 5.0}},
     .axis_count = 4,
     .train = train_content,
     .release = release_content,
     .make_scratch = make_content_scratch,
     .release_scratch = release_content_scratch,
     .score = score_content,
     .describe = describe_content},
    {.name = "popular",
     .axes = {{.start = 10.0, .step = -2.0, .low = 0.0, .high = 14.0}},
     .axis_count = 1,
     .train = train_popular,
     .release = release_popular,
     .score = score_popular,
     .describe = describe_popular},
    {.name = "item_item",
     .axes = {[ITEM_USER] = {.start = 0.5, .step = 0.25, .low = 0.0, .high = 1.5},
              [ITEM_ROW] = {.start = 0.5, .step = 0.25, .low = 0.0, .high = 1.5},
              [ITEM_COLUMN] = {.start = 0.5, .step = -0.25, .low = 0.0, .high = 1.0}},
     .axis_count = 3,
     .train = train_item_item,
     .release = release_item_item,
     .score = score_item_item,
     .describe = describe_item_item},
    {.name = "item_knn",
     .train = train_item_knn,
     .release = release_item_item,
     .score = score_item_item,
     .describe = describe_item_knn},
};

const mr_ratings_scorer *mr_ratings_scorer_find(const char *name)
{
    if (strcmp(mr_ratings_recommender.name, name) == 0)
        return &mr_ratings_recommender;
    for (size_t s = 0; s < sizeof(SCORERS) / sizeof(SCORERS[0]); s++)
        if (strcmp(SCORERS[s].name, name) == 0)
            return &SCORERS[s];
    return NULL;
}
