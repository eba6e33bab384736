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

static void append_member(char *text, size_t *length, const mr_recipe *recipe,
                          mr_member member)
{
    append(text, length, "%s", mr_member_name(member));
    if (member == MR_MEMBER_ITEM_ITEM)
        append(text, length, " a=%.4g b=%.4g c=%.4g K=%u",
               (double)recipe->item_item.user_exponent,
               (double)recipe->item_item.row_exponent,
               (double)recipe->item_item.column_exponent, recipe->item_item.neighbours);
    if (member == MR_MEMBER_ITEM_ITEM && recipe->history_weighed)
        append(text, length, " history_half_life_s=%.0f", recipe->history_half_life_s);
    if (member == MR_MEMBER_IALS)
        append(text, length, " d=%u alpha0=%.4g lambda=%.4g nu=%.4g epochs=%u",
               recipe->ials.dimension, (double)recipe->ials.alpha0,
               (double)recipe->ials.lambda, (double)recipe->ials.nu, recipe->ials.epochs);
    if (member == MR_MEMBER_POPULAR && recipe->popular_half_life_s > 0.0)
        append(text, length, " half_life_s=%.0f", recipe->popular_half_life_s);
}

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
        append_member(ret_text, &length, recipe, (mr_member)m);
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
    if (status == MR_OK && recipe->blend.weights[MR_MEMBER_ITEM_ITEM] > 0.0F)
        status = mr_item_item_build(users, items, &recipe->item_item, pool,
                                    &trained.item_item);
    if (status == MR_OK && recipe->blend.weights[MR_MEMBER_IALS] > 0.0F) {
        status = mr_ials_create(users, items, &recipe->ials, pool, &trained.ials);
        if (status == MR_OK)
            status = mr_ials_train(trained.ials);
    }
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
    *trained = (mr_trained){0};
}

mr_member_set mr_trained_members(const mr_trained *trained)
{
    return (mr_member_set){
        .item_item = trained->item_item.ptr != NULL ? &trained->item_item : NULL,
        .user_factors = trained->ials != NULL ? mr_ials_users(trained->ials) : NULL,
        .item_factors = trained->ials != NULL ? mr_ials_items(trained->ials) : NULL,
        .popular = trained->popular,
    };
}
