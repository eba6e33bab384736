#include "models/recipe.h"

#include "models/dense.h"
#include "models/popular.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void append(char *text, size_t *length, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void append(char *text, size_t *length, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int wanted =
        vsnprintf(text + *length, MR_RECIPE_TEXT_BYTES - *length, format, arguments);
    va_end(arguments);
    *length += wanted > 0 ? (size_t)wanted : 0;
    if (*length > MR_RECIPE_TEXT_BYTES - 1)
        *length = MR_RECIPE_TEXT_BYTES - 1;
}

/* ---- what each member says of itself, and how it is trained ---- */

/* What every member may be trained from. */
typedef struct kitchen {
    const mr_recipe *recipe;
    const mr_sparse_matrix *users;
    const mr_sparse_matrix *items;
    mr_worker_pool *pool;
} kitchen;

static void item_item_text(const mr_recipe *recipe, char *text, size_t *length)
{
    append(text, length, " a=%.4g b=%.4g c=%.4g K=%u",
           (double)recipe->item_item.user_exponent,
           (double)recipe->item_item.row_exponent,
           (double)recipe->item_item.column_exponent, recipe->item_item.neighbours);
    if (recipe->history_weighed)
        append(text, length, " history_half_life_s=%.0f", recipe->history_half_life_s);
}

static mr_status item_item_train(const kitchen *k, mr_trained *trained)
{
    return mr_item_item_build(k->users, k->items, &k->recipe->item_item, k->pool,
                              &trained->item_item);
}

static void ials_text(const mr_recipe *recipe, char *text, size_t *length)
{
    append(text, length, " d=%u alpha0=%.4g lambda=%.4g nu=%.4g epochs=%u",
           recipe->ials.dimension, (double)recipe->ials.alpha0,
           (double)recipe->ials.lambda, (double)recipe->ials.nu, recipe->ials.epochs);
}

static mr_status ials_train(const kitchen *k, mr_trained *trained)
{
    MR_TRY(mr_ials_create(k->users, k->items, &k->recipe->ials, k->pool, &trained->ials));
    return mr_ials_train(trained->ials);
}

static void popular_text(const mr_recipe *recipe, char *text, size_t *length)
{
    if (recipe->popular_half_life_s > 0.0)
        append(text, length, " half_life_s=%.0f", recipe->popular_half_life_s);
}

static void ease_text(const mr_recipe *recipe, char *text, size_t *length)
{
    append(text, length, " lambda=%.4g e=%.4g", (double)recipe->ease.lambda,
           (double)recipe->ease.user_exponent);
}

static mr_status ease_train(const kitchen *k, mr_trained *trained)
{
    return mr_ease_train(k->users, k->items, &k->recipe->ease, k->pool, &trained->ease);
}

static void graph_filter_text(const mr_recipe *recipe, char *text, size_t *length)
{
    append(text, length, " k=%u", recipe->graph_filter.dimension);
    if (recipe->graph_filter.linear_weight > 0.0F)
        append(text, length, " linear=%.4g", (double)recipe->graph_filter.linear_weight);
}

static mr_status graph_filter_train(const kitchen *k, mr_trained *trained)
{
    return mr_graph_filter_train(k->users, k->items, &k->recipe->graph_filter, k->pool,
                                 &trained->graph_filter);
}

typedef struct member_kind {
    void (*text)(const mr_recipe *recipe, char *text, size_t *length);
    mr_status (*train)(const kitchen *k, mr_trained *trained); /* NULL: always there */
} member_kind;

static const member_kind KINDS[MR_MEMBERS] = {
    [MR_MEMBER_ITEM_ITEM] = {item_item_text, item_item_train},
    [MR_MEMBER_IALS] = {ials_text, ials_train},
    [MR_MEMBER_POPULAR] = {popular_text, NULL},
    [MR_MEMBER_EASE] = {ease_text, ease_train},
    [MR_MEMBER_GRAPH_FILTER] = {graph_filter_text, graph_filter_train},
};

/* ---- the recipe ---- */

const char *mr_recipe_model_name(const mr_recipe *recipe)
{
    const char *name = NULL;
    for (uint32_t m = 0; m < MR_MEMBERS; m++)
        if (recipe->blend.weights[m] > 0.0F)
            name = name == NULL ? mr_member_name((mr_member)m) : "blend";
    return name != NULL ? name : "none";
}

void mr_recipe_text(const mr_recipe *recipe, char ret_text[MR_RECIPE_TEXT_BYTES])
{
    size_t length = 0;
    const bool blended = strcmp(mr_recipe_model_name(recipe), "blend") == 0;
    ret_text[0] = '\0';
    if (blended)
        append(ret_text, &length, "by %s:", mr_blend_scale_name(recipe->blend.scale));
    for (uint32_t m = 0; m < MR_MEMBERS; m++) {
        if (!(recipe->blend.weights[m] > 0.0F))
            continue;
        if (blended)
            append(ret_text, &length, " %.4g (", (double)recipe->blend.weights[m]);
        append(ret_text, &length, "%s", mr_member_name((mr_member)m));
        KINDS[m].text(recipe, ret_text, &length);
        if (blended)
            append(ret_text, &length, ")");
    }
}

mr_status mr_recipe_train(const mr_recipe *recipe, const mr_sparse_matrix *users,
                          const mr_sparse_matrix *items, const uint32_t *votes,
                          const uint32_t *vote_times_s, size_t vote_count,
                          mr_worker_pool *pool, mr_trained *ret_trained)
{
    mr_trained trained = {.popular = mr_dense_floats(items->rows)};
    mr_status status = trained.popular == NULL ? MR_ERR_NO_MEMORY : MR_OK;
    if (status == MR_OK)
        mr_popular_score(votes, vote_times_s, vote_count, recipe->popular_half_life_s,
                         items->rows, trained.popular);
    const kitchen k = {recipe, users, items, pool};
    for (uint32_t m = 0; m < MR_MEMBERS && status == MR_OK; m++)
        if (recipe->blend.weights[m] > 0.0F && KINDS[m].train != NULL)
            status = KINDS[m].train(&k, &trained);
    if (status != MR_OK) {
        mr_trained_deinit(&trained);
        return status;
    }
    *ret_trained = trained;
    return MR_OK;
}

void mr_trained_deinit(mr_trained *trained)
{
    mr_sparse_matrix_deinit(&trained->item_item);
    mr_ials_destroy(trained->ials);
    free(trained->popular);
    mr_dense_deinit(&trained->ease);
    mr_graph_filter_deinit(&trained->graph_filter);
    *trained = (mr_trained){0};
}

mr_member_set mr_trained_members(const mr_trained *trained)
{
    return (mr_member_set){
        .item_item = trained->item_item.ptr != NULL ? &trained->item_item : NULL,
        .user_factors = trained->ials != NULL ? mr_ials_users(trained->ials) : NULL,
        .item_factors = trained->ials != NULL ? mr_ials_items(trained->ials) : NULL,
        .popular = trained->popular,
        .ease = trained->ease.rows > 0 ? &trained->ease : NULL,
        .graph_filter = trained->graph_filter.in.rows > 0 ? &trained->graph_filter : NULL,
    };
}
