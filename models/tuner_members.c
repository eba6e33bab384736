#include "models/pattern_search.h"
#include "models/tuner_internal.h"

#include <math.h>

enum {
    DIMENSION_STEP = 64,
    TRIAL_DIMENSION_MAX = 256, /* of the many tries that look for the other parameters */
    DIMENSION_MAX = 512,
    TRIAL_EPOCHS = 8,
    FINAL_EPOCHS = 12,
    EASE_ITEMS = 8192, /* beyond it a try costs more than all others together */
    FILTER_ITERATIONS = 5,
    FILTER_STEP = 16, /* dimensions are multiples of a vector */
};

/* An item-item row may be long while the whole model stays below this. */
static const double ITEM_ITEM_BYTES_MAX = 1.0e9;

static const double DAY_S = 86400.0;

/* A pattern search whose start is what the blend has now and whose value is known. */
typedef struct refining {
    mr_tuning *t;
    mr_pattern_look look;
    bool has_started;
} refining;

static mr_status look_again(void *context, const double *point, double *ret_value)
{
    refining *r = context;
    if (r->has_started)
        return r->look(r->t, point, ret_value);
    r->has_started = true;
    *ret_value = r->t->blended_value;
    return MR_OK;
}

static mr_status refine(mr_tuning *t, const mr_pattern_axis *axes, uint32_t axis_count,
                        uint32_t looks, mr_pattern_look look)
{
    refining r = {.t = t, .look = look};
    double point[MR_PATTERN_AXES_MAX];
    double value = 0.0;
    uint32_t used = 0;
    return mr_pattern_search(axes, axis_count, looks + 1, look_again, &r, point, &value,
                             &used);
}

/* ---- popularity ---- */

static mr_status tune_popular(mr_tuning *t, uint32_t looks)
{
    (void)looks;
    static const double half_lives_s[] = {0.0, 30 * DAY_S, 7 * DAY_S};
    const size_t count = t->holdout->vote_times_s != NULL ? 3 : 1;
    for (size_t h = 0; h < count; h++) {
        double value = 0.0;
        const mr_recipe recipe = {.popular_half_life_s = half_lives_s[h],
                                  .blend = mr_blend_single(MR_MEMBER_POPULAR)};
        MR_TRY(mr_tuning_try(t, MR_MEMBER_POPULAR, &recipe, &value));
    }
    return MR_OK;
}

/* ---- item-item ---- */

static mr_status look_item_item(void *context, const double *point, double *ret_value)
{
    mr_tuning *t = context;
    const double longest = ITEM_ITEM_BYTES_MAX / (8.0 * t->items.rows);
    const mr_recipe recipe = {.item_item = {.user_exponent = (float)point[0],
                                            .row_exponent = (float)point[1],
                                            .column_exponent = (float)point[2],
                                            .neighbours = longest >= 1000.0 ? 1000
                                                          : longest >= 100.0
                                                              ? (uint32_t)longest
                                                              : 100},
                              .blend = mr_blend_single(MR_MEMBER_ITEM_ITEM)};
    return mr_tuning_try(t, MR_MEMBER_ITEM_ITEM, &recipe, ret_value);
}

/* From where most catalogues are good: long histories count less, popular answers are damped
 * less than popular questions.  1 is full normalisation, so there is little beyond it. */
static mr_status tune_item_item(mr_tuning *t, uint32_t looks)
{
    static const mr_pattern_axis axes[] = {
        {.start = 0.75, .step = -0.25, .low = 0.0, .high = 1.5},
        {.start = 0.5, .step = 0.25, .low = 0.0, .high = 1.5},
        {.start = 0.25, .step = 0.25, .low = 0.0, .high = 1.5},
    };
    double point[3];
    double value = 0.0;
    uint32_t used = 0;
    return mr_pattern_search(axes, 3, looks, look_item_item, t, point, &value, &used);
}

static mr_status refine_item_item(mr_tuning *t, uint32_t looks)
{
    const mr_item_item_options *now = &t->blended.item_item;
    const mr_pattern_axis axes[] = {
        {(double)now->user_exponent, 0.2, 0.0, 1.5},
        {(double)now->row_exponent, 0.2, 0.0, 1.5},
        {(double)now->column_exponent, -0.1, 0.0, 1.5},
    };
    return refine(t, axes, 3, looks, look_item_item);
}

/* ---- iALS ---- */

static mr_recipe ials_recipe(const mr_tuning *t, const double *point, uint32_t dimension,
                             uint32_t epochs)
{
    return (mr_recipe){.ials = {.dimension = dimension,
                                .epochs = epochs,
                                .alpha0 = (float)exp2(point[0]),
                                .lambda = (float)exp2(point[1]),
                                .nu = 1.0F,
                                .seed = t->options->seed},
                       .blend = mr_blend_single(MR_MEMBER_IALS)};
}

/* About the root of the items: what is good at far too few dimensions is not at enough. */
static uint32_t trial_dimension(const mr_tuning *t)
{
    const double steps = round(sqrt(t->items.rows) / DIMENSION_STEP);
    return (uint32_t)fmin(fmax(steps, 1.0), TRIAL_DIMENSION_MAX / DIMENSION_STEP) *
           DIMENSION_STEP;
}

static mr_status look_ials(void *context, const double *point, double *ret_value)
{
    mr_tuning *t = context;
    const mr_recipe recipe = ials_recipe(t, point, trial_dimension(t), TRIAL_EPOCHS);
    return mr_tuning_try(t, MR_MEMBER_IALS, &recipe, ret_value);
}

/*
 * The unseen should weigh about as much as a long history: alpha0 I is near 1000 in every
 * published setting, lambda near 0.005 [Rendle et al. 2022].  Larger dimensions are tried last,
 * for the values found at the first.
 */
static mr_status tune_ials(mr_tuning *t, uint32_t looks)
{
    const mr_pattern_axis axes[] = {
        {.start = log2(fmin(fmax(1000.0 / t->items.rows, 0.005), 0.5)),
         .step = 2.0,
         .low = -12.0,
         .high = 2.0},
        {.start = log2(0.005), .step = 1.5, .low = -12.0, .high = 0.0},
    };
    uint32_t dimension = trial_dimension(t);
    const uint32_t larger = dimension >= DIMENSION_MAX                    ? 0
                            : looks >= 6 && 2 * dimension < DIMENSION_MAX ? 2
                            : looks >= 3                                  ? 1
                                                                          : 0;
    double point[2];
    double value = 0.0;
    uint32_t used = 0;
    MR_TRY(
        mr_pattern_search(axes, 2, looks - larger, look_ials, t, point, &value, &used));
    for (uint32_t l = 0; l < larger; l++) {
        dimension = 2 * dimension < DIMENSION_MAX ? 2 * dimension : DIMENSION_MAX;
        const mr_recipe recipe = ials_recipe(t, point, dimension, FINAL_EPOCHS);
        MR_TRY(mr_tuning_try(t, MR_MEMBER_IALS, &recipe, &value));
    }
    return MR_OK;
}

static mr_status look_ials_again(void *context, const double *point, double *ret_value)
{
    mr_tuning *t = context;
    const mr_recipe recipe =
        ials_recipe(t, point, t->blended.ials.dimension, t->blended.ials.epochs);
    return mr_tuning_try(t, MR_MEMBER_IALS, &recipe, ret_value);
}

static mr_status refine_ials(mr_tuning *t, uint32_t looks)
{
    const mr_pattern_axis axes[] = {
        {log2((double)t->blended.ials.alpha0), 1.0, -12.0, 2.0},
        {log2((double)t->blended.ials.lambda), -1.0, -12.0, 0.0},
    };
    return refine(t, axes, 2, looks, look_ials_again);
}

/* ---- EASE ---- */

static bool ease_is_affordable(const mr_tuning *t)
{
    return t->items.rows <= EASE_ITEMS;
}

static mr_status look_ease(void *context, const double *point, double *ret_value)
{
    mr_tuning *t = context;
    const mr_recipe recipe = {
        .ease = {.lambda = (float)exp2(point[0]), .user_exponent = (float)point[1]},
        .blend = mr_blend_single(MR_MEMBER_EASE)};
    return mr_tuning_try(t, MR_MEMBER_EASE, &recipe, ret_value);
}

/* Published lambdas are between 100 and 1200 where an item has hundreds of users [Steck 2019];
 * with few users it must be less, or everything is shrunk away. */
static mr_status tune_ease(mr_tuning *t, uint32_t looks)
{
    const double users_an_item =
        (double)mr_sparse_matrix_count(&t->items) / (double)t->items.rows;
    const mr_pattern_axis axes[] = {
        {.start = log2(fmin(fmax(2.0 * users_an_item, 4.0), 500.0)),
         .step = 1.0,
         .low = -2.0,
         .high = 14.0},
        {.start = 0.5, .step = 0.25, .low = 0.0, .high = 1.0},
    };
    double point[2];
    double value = 0.0;
    uint32_t used = 0;
    return mr_pattern_search(axes, 2, looks, look_ease, t, point, &value, &used);
}

static mr_status refine_ease(mr_tuning *t, uint32_t looks)
{
    const mr_pattern_axis axes[] = {
        {log2((double)t->blended.ease.lambda), -1.0, -2.0, 14.0},
        {(double)t->blended.ease.user_exponent, 0.25, 0.0, 1.0},
    };
    return refine(t, axes, 2, looks, look_ease);
}

/* ---- the graph filter ---- */

static mr_status look_graph_filter(void *context, const double *point, double *ret_value)
{
    mr_tuning *t = context;
    const double steps = fmax(round(exp2(point[0]) / FILTER_STEP), 1.0);
    const mr_recipe recipe = {.graph_filter = {.dimension = (uint32_t)steps * FILTER_STEP,
                                               .iterations = FILTER_ITERATIONS,
                                               .seed = t->options->seed},
                              .blend = mr_blend_single(MR_MEMBER_GRAPH_FILTER)};
    return mr_tuning_try(t, MR_MEMBER_GRAPH_FILTER, &recipe, ret_value);
}

/* A larger catalogue has more tastes in it: about as many as the root of its items. */
static mr_status tune_graph_filter(mr_tuning *t, uint32_t looks)
{
    const mr_pattern_axis axis = {.start = log2(fmin(sqrt(t->items.rows), 256.0)),
                                  .step = 1.0,
                                  .low = 4.0,
                                  .high = 9.0};
    double point;
    double value = 0.0;
    uint32_t used = 0;
    return mr_pattern_search(&axis, 1, looks, look_graph_filter, t, &point, &value,
                             &used);
}

static mr_status refine_graph_filter(mr_tuning *t, uint32_t looks)
{
    const mr_pattern_axis axis = {log2((double)t->blended.graph_filter.dimension), 0.5,
                                  4.0, 9.0};
    return refine(t, &axis, 1, looks, look_graph_filter);
}

/* ---- the table ---- */

static const mr_tuner_family FAMILIES[MR_MEMBERS] = {
    [MR_MEMBER_ITEM_ITEM] = {9, NULL, tune_item_item, refine_item_item},
    [MR_MEMBER_IALS] = {7, NULL, tune_ials, refine_ials},
    [MR_MEMBER_POPULAR] = {0, NULL, tune_popular, NULL},
    [MR_MEMBER_EASE] = {4, ease_is_affordable, tune_ease, refine_ease},
    [MR_MEMBER_GRAPH_FILTER] = {3, NULL, tune_graph_filter, refine_graph_filter},
};

const mr_tuner_family *mr_tuner_family_of(mr_member member)
{
    return &FAMILIES[member];
}
