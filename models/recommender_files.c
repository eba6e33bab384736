#include "models/recommender_files.h"

#include <math.h>

static void put_number(mr_json_writer *json, const char *key, double value)
{
    mr_json_key(json, key);
    mr_json_put_double(json, value);
}

static void put_bought(mr_json_writer *json, const mr_bought_together_options *options)
{
    mr_json_begin_object(json);
    mr_json_key(json, "version");
    mr_json_put_uint(json, MR_BOUGHT_TOGETHER_VERSION);
    put_number(json, "size_exponent", (double)options->size_exponent);
    put_number(json, "shrinkage", (double)options->shrinkage);
    mr_json_key(json, "support");
    mr_json_put_uint(json, options->support);
    mr_json_key(json, "partners");
    mr_json_put_uint(json, options->partners);
    mr_json_end_object(json);
}

void mr_recommender_recipe_write(const mr_recipe *recipe,
                                 const mr_recommender_parts *parts, mr_buffer *buffer)
{
    char text[MR_RECIPE_TEXT_BYTES];
    mr_json_writer json = mr_json_writer_of(buffer);
    mr_json_begin_object(&json);
    mr_json_key(&json, "name");
    mr_json_put_string(&json, mr_recipe_model_name(recipe));
    mr_json_key(&json, "text");
    mr_recipe_text(recipe, text);
    mr_json_put_string(&json, text);
    mr_json_key(&json, "scale");
    mr_json_put_string(&json, mr_blend_scale_name(recipe->blend.scale));
    mr_json_key(&json, "weights");
    mr_json_begin_object(&json);
    for (uint32_t m = 0; m < MR_MEMBERS; m++)
        put_number(&json, mr_member_name((mr_member)m), (double)recipe->blend.weights[m]);
    mr_json_end_object(&json);
    put_number(&json, "user_exponent", (double)recipe->item_item.user_exponent);
    put_number(&json, "row_exponent", (double)recipe->item_item.row_exponent);
    put_number(&json, "column_exponent", (double)recipe->item_item.column_exponent);
    mr_json_key(&json, "neighbours");
    mr_json_put_uint(&json, recipe->item_item.neighbours);
    mr_json_key(&json, "dimension");
    mr_json_put_uint(&json, recipe->ials.dimension);
    mr_json_key(&json, "epochs");
    mr_json_put_uint(&json, recipe->ials.epochs);
    put_number(&json, "alpha0", (double)recipe->ials.alpha0);
    put_number(&json, "lambda", (double)recipe->ials.lambda);
    put_number(&json, "nu", (double)recipe->ials.nu);
    put_number(&json, "popular_half_life_s", recipe->popular_half_life_s);
    put_number(&json, "ease_lambda", (double)recipe->ease.lambda);
    put_number(&json, "ease_user_exponent", (double)recipe->ease.user_exponent);
    mr_json_key(&json, "gfcf_dimension");
    mr_json_put_uint(&json, recipe->graph_filter.dimension);
    mr_json_key(&json, "history_weighed");
    mr_json_put_bool(&json, recipe->history_weighed);
    put_number(&json, "history_half_life_s", recipe->history_half_life_s);
    mr_json_key(&json, "repeats_allowed");
    mr_json_put_bool(&json, recipe->repeats_allowed);
    if (parts->ranker.length > 0) {
        mr_json_key(&json, "ranker");
        mr_json_put_raw(&json, parts->ranker);
    }
    if (parts->bought != NULL) {
        mr_json_key(&json, "bought_together");
        put_bought(&json, parts->bought);
    }
    mr_json_end_object(&json);
}

static float get_float(mr_json_value *model, const char *key)
{
    return (float)mr_json_double(mr_json_get(model, key), (double)NAN);
}

static bool is_sound(const mr_recipe *recipe)
{
    float sum = 0.0F;
    for (uint32_t m = 0; m < MR_MEMBERS; m++) {
        if (!(recipe->blend.weights[m] >= 0.0F))
            return false;
        sum += recipe->blend.weights[m];
    }
    if (!(sum > 0.0F) || !isfinite(sum))
        return false;
    return !(recipe->blend.weights[MR_MEMBER_IALS] > 0.0F) ||
           (recipe->ials.alpha0 > 0.0F && recipe->ials.lambda > 0.0F &&
            isfinite(recipe->ials.alpha0) && isfinite(recipe->ials.lambda) &&
            isfinite(recipe->ials.nu));
}

mr_status mr_recommender_recipe_read(mr_json_value *model, mr_recipe *ret_recipe,
                                     mr_error *ret_error)
{
    mr_recipe recipe = {0};
    const mr_text scale = mr_json_text(mr_json_get(model, "scale"), MR_TEXT(""));
    mr_json_value *weights = mr_json_get(model, "weights");
    recipe.blend.scale = mr_text_is(scale, mr_blend_scale_name(MR_BLEND_DEVIATION))
                             ? MR_BLEND_DEVIATION
                             : MR_BLEND_MAXIMUM;
    for (uint32_t m = 0; m < MR_MEMBERS; m++) {
        /* Versions written before there were five members know three. */
        const double absent = m < MR_MEMBER_EASE ? (double)NAN : 0.0;
        mr_json_value *weight = mr_json_get(weights, mr_member_name((mr_member)m));
        recipe.blend.weights[m] = (float)mr_json_double(weight, absent);
    }
    recipe.item_item = (mr_item_item_options){
        .user_exponent = get_float(model, "user_exponent"),
        .row_exponent = get_float(model, "row_exponent"),
        .column_exponent = get_float(model, "column_exponent"),
        .neighbours = (uint32_t)mr_json_int(mr_json_get(model, "neighbours"), 0)};
    recipe.ials = (mr_ials_options){
        .dimension = (uint32_t)mr_json_int(mr_json_get(model, "dimension"), 0),
        .epochs = (uint32_t)mr_json_int(mr_json_get(model, "epochs"), 0),
        .alpha0 = get_float(model, "alpha0"),
        .lambda = get_float(model, "lambda"),
        .nu = get_float(model, "nu")};
    recipe.popular_half_life_s =
        mr_json_double(mr_json_get(model, "popular_half_life_s"), 0.0);
    recipe.ease = (mr_ease_options){
        .lambda = (float)mr_json_double(mr_json_get(model, "ease_lambda"), 0.0),
        .user_exponent =
            (float)mr_json_double(mr_json_get(model, "ease_user_exponent"), 0.0)};
    recipe.graph_filter.dimension =
        (uint32_t)mr_json_int(mr_json_get(model, "gfcf_dimension"), 0);
    recipe.history_weighed = mr_json_bool(mr_json_get(model, "history_weighed"), false);
    recipe.history_half_life_s =
        mr_json_double(mr_json_get(model, "history_half_life_s"), 0.0);
    recipe.repeats_allowed = mr_json_bool(mr_json_get(model, "repeats_allowed"), false);
    if (!is_sound(&recipe))
        return mr_error_set(
            ret_error, MR_ERR_CORRUPT,
            "manifest: \"model\" lacks a weight or a parameter of a member");
    *ret_recipe = recipe;
    return MR_OK;
}

mr_status mr_recommender_bought_read(mr_json_value *model, bool *ret_has,
                                     mr_error *ret_error)
{
    mr_json_value *bought = mr_json_get(model, "bought_together");
    *ret_has = false;
    if (bought == NULL)
        return MR_OK;
    const int64_t version = mr_json_int(mr_json_get(bought, "version"), 0);
    if (version != MR_BOUGHT_TOGETHER_VERSION)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "manifest: \"bought_together\" is of version %lld, this "
                            "program reads version %d",
                            (long long)version, MR_BOUGHT_TOGETHER_VERSION);
    *ret_has = true;
    return MR_OK;
}
