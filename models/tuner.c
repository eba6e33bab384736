#include "models/tuner.h"

#include "models/popular.h"
#include "models/random.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/pattern_search.h"

enum {
    TRIAL_DIMENSION = 64,
    TRIAL_EPOCHS = 8,
    FINAL_EPOCHS = 12,
    BLENDS_MAX = 32,
    LINE_BYTES = MR_RECIPE_TEXT_BYTES + 128,
};

/* An item-item row may be long while the whole model stays below this. */
static const double ITEM_ITEM_BYTES_MAX = 1.0e9;

static const double DAY_S = 86400.0;

typedef struct tuning {
    const mr_holdout *holdout;
    const mr_tuner_options *options;
    mr_worker_pool *pool;
    mr_sparse_matrix faded; /* histories as the recipe weighs them; empty: all ones */
    mr_sparse_matrix items; /* transpose of the hold-out's training part */
    uint32_t *users;        /* who is asked */
    uint32_t user_count;
    mr_tuner_result *result;
    mr_recipe best[MR_MEMBERS];  /* each family's best so far, as a single */
    mr_trained kept[MR_MEMBERS]; /* trained, for the blend */
} tuning;

static double objective(const mr_ranking_metrics *metrics)
{
    return (metrics->recall + metrics->ndcg) / 2.0;
}

static void report(const tuning *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void report(const tuning *t, const char *format, ...)
{
    char line[LINE_BYTES];
    if (t->options->report == NULL)
        return;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    t->options->report(t->options->context, line);
}

static void report_try(const tuning *t, const mr_recipe *recipe,
                       const mr_ranking_metrics *metrics)
{
    char text[MR_RECIPE_TEXT_BYTES];
    mr_recipe_text(recipe, text);
    report(t, "try %u: %s: hold-out recall@%u %.4f ndcg@%u %.4f", t->result->tries, text,
           metrics->k, metrics->recall, metrics->k, metrics->ndcg);
}

/* ---- who is asked ---- */

static int by_key(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a;
    const uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : left > right ? 1 : 0;
}

/* The users with the smallest hashes among those who have something held out. */
static mr_status pick_users(tuning *t)
{
    const mr_sparse_matrix *held = &t->holdout->held;
    uint64_t *keys = malloc(((size_t)held->rows + 1) * sizeof(*keys));
    uint32_t count = 0;
    t->users = malloc((MR_TUNER_USERS_MAX + 1) * sizeof(*t->users));
    if (keys == NULL || t->users == NULL) {
        free(keys);
        return MR_ERR_NO_MEMORY;
    }
    for (uint32_t u = 0; u < held->rows; u++)
        if (mr_sparse_matrix_row_count(held, u) > 0)
            keys[count++] =
                (mr_random_bits(t->options->seed, u) & ~(uint64_t)UINT32_MAX) | u;
    qsort(keys, count, sizeof(*keys), by_key);
    t->user_count = count < MR_TUNER_USERS_MAX ? count : MR_TUNER_USERS_MAX;
    for (uint32_t i = 0; i < t->user_count; i++)
        t->users[i] = (uint32_t)keys[i];
    free(keys);
    return t->user_count > 0 ? MR_OK : MR_ERR_INVALID;
}

/* ---- one try ---- */

static mr_status score_blends(const tuning *t, const mr_member_set *members,
                              bool repeats_allowed, const mr_blend *blends, size_t count,
                              mr_ranking_metrics *ret_metrics)
{
    const mr_evaluation_task task = {
        .members = members,
        .histories = t->faded.rows > 0 ? &t->faded : &t->holdout->train,
        .excluded = repeats_allowed ? NULL : &t->holdout->train,
        .relevant = &t->holdout->held,
        .users = t->users,
        .user_count = t->user_count,
        .k = MR_TUNER_K,
    };
    return mr_evaluate_blends(&task, blends, count, t->pool, ret_metrics);
}

/* Train and score a single; keep it, trained, if it is its family's best. */
static mr_status try_single(tuning *t, mr_member member, const mr_recipe *recipe,
                            double *ret_value)
{
    mr_trained trained = {0};
    mr_ranking_metrics metrics;
    MR_TRY(mr_recipe_train(recipe, &t->holdout->train, &t->items, t->holdout->votes,
                           t->holdout->vote_times_s, t->holdout->vote_count, t->pool,
                           &trained));
    const mr_member_set members = mr_trained_members(&trained);
    const mr_status status =
        score_blends(t, &members, recipe->repeats_allowed, &recipe->blend, 1, &metrics);
    if (status != MR_OK) {
        mr_trained_deinit(&trained);
        return status;
    }
    t->result->tries++;
    report_try(t, recipe, &metrics);
    *ret_value = objective(&metrics);
    if (!t->result->tried[member] ||
        *ret_value > objective(&t->result->members[member])) {
        mr_trained_deinit(&t->kept[member]);
        t->kept[member] = trained;
        t->best[member] = *recipe;
        t->result->members[member] = metrics;
        t->result->tried[member] = true;
        return MR_OK;
    }
    mr_trained_deinit(&trained);
    return MR_OK;
}

/* ---- popularity ---- */

static mr_status tune_popular(tuning *t)
{
    static const double half_lives_s[] = {0.0, 30 * DAY_S, 7 * DAY_S};
    const size_t count = t->holdout->vote_times_s != NULL ? 3 : 1;
    for (size_t h = 0; h < count; h++) {
        double value = 0.0;
        const mr_recipe recipe = {.popular_half_life_s = half_lives_s[h],
                                  .blend = mr_blend_single(MR_MEMBER_POPULAR)};
        MR_TRY(try_single(t, MR_MEMBER_POPULAR, &recipe, &value));
    }
    return MR_OK;
}

/* ---- item-item ---- */

static mr_status look_item_item(void *context, const double *point, double *ret_value)
{
    tuning *t = context;
    const double longest = ITEM_ITEM_BYTES_MAX / (8.0 * t->items.rows);
    const mr_recipe recipe = {.item_item = {.user_exponent = (float)point[0],
                                            .row_exponent = (float)point[1],
                                            .column_exponent = (float)point[2],
                                            .neighbours = longest >= 1000.0 ? 1000
                                                          : longest >= 100.0
                                                              ? (uint32_t)longest
                                                              : 100},
                              .blend = mr_blend_single(MR_MEMBER_ITEM_ITEM)};
    return try_single(t, MR_MEMBER_ITEM_ITEM, &recipe, ret_value);
}

/* From where most catalogues are good: long histories count less, popular answers are damped
 * less than popular questions.  1 is full normalisation, so there is little beyond it. */
static mr_status tune_item_item(tuning *t, uint32_t looks)
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

/* ---- iALS ---- */

static mr_recipe ials_recipe(const tuning *t, const double *point, uint32_t dimension,
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

static mr_status look_ials(void *context, const double *point, double *ret_value)
{
    tuning *t = context;
    const mr_recipe recipe = ials_recipe(t, point, TRIAL_DIMENSION, TRIAL_EPOCHS);
    return try_single(t, MR_MEMBER_IALS, &recipe, ret_value);
}

/*
 * The unseen should weigh about as much as a long history: alpha0 I is near 1000 in every
 * published setting, lambda near 0.005 [Rendle et al. 2022].  Dimensions are tried last, for the
 * values found at a small one.
 */
static mr_status tune_ials(tuning *t, uint32_t looks)
{
    const mr_pattern_axis axes[] = {
        {.start = log2(fmin(fmax(1000.0 / t->items.rows, 0.005), 0.5)),
         .step = 2.0,
         .low = -12.0,
         .high = 2.0},
        {.start = log2(0.005), .step = 1.5, .low = -12.0, .high = 0.0},
    };
    static const uint32_t dimensions[] = {128, 256};
    const uint32_t larger = looks >= 6 ? 2 : looks >= 2 ? 1 : 0;
    double point[2] = {axes[0].start, axes[1].start};
    double value = 0.0;
    uint32_t used = 0;
    MR_TRY(
        mr_pattern_search(axes, 2, looks - larger, look_ials, t, point, &value, &used));
    for (uint32_t l = 0; l < larger; l++) {
        const mr_recipe recipe = ials_recipe(t, point, dimensions[l], FINAL_EPOCHS);
        MR_TRY(try_single(t, MR_MEMBER_IALS, &recipe, &value));
    }
    return MR_OK;
}

/* ---- the blend ---- */

static mr_member best_single(const tuning *t)
{
    uint32_t best = MR_MEMBERS;
    for (uint32_t m = 0; m < MR_MEMBERS; m++)
        if (t->result->tried[m] &&
            (best == MR_MEMBERS ||
             objective(&t->result->members[m]) > objective(&t->result->members[best])))
            best = m;
    return (mr_member)best;
}

static mr_member_set kept_members(const tuning *t)
{
    mr_member_set set = {0};
    if (t->result->tried[MR_MEMBER_ITEM_ITEM])
        set.item_item = &t->kept[MR_MEMBER_ITEM_ITEM].item_item;
    if (t->result->tried[MR_MEMBER_IALS]) {
        set.user_factors = mr_ials_users(t->kept[MR_MEMBER_IALS].ials);
        set.item_factors = mr_ials_items(t->kept[MR_MEMBER_IALS].ials);
    }
    if (t->result->tried[MR_MEMBER_POPULAR])
        set.popular = t->kept[MR_MEMBER_POPULAR].popular;
    return set;
}

/* Item-item has weight 1 and iALS a power of sqrt 2 around it. */
static size_t list_pairs(const tuning *t, mr_blend *ret_blends)
{
    size_t count = 0;
    if (!t->result->tried[MR_MEMBER_ITEM_ITEM] || !t->result->tried[MR_MEMBER_IALS])
        return 0;
    for (int scale = 0; scale < MR_BLEND_SCALES; scale++)
        for (int half_octaves = -5; half_octaves <= 4; half_octaves++)
            ret_blends[count++] = (mr_blend){
                .scale = (mr_blend_scale)scale,
                .weights = {[MR_MEMBER_ITEM_ITEM] = 1.0F,
                            [MR_MEMBER_IALS] = (float)exp2(half_octaves / 2.0)}};
    return count;
}

/* A little popularity beside what is best so far. */
static size_t list_with_popular(const tuning *t, mr_blend *ret_blends)
{
    static const float little[] = {0.05F, 0.1F, 0.2F};
    const mr_blend *best = &t->result->recipe.blend;
    size_t count = 0;
    if (!t->result->tried[MR_MEMBER_POPULAR] || best->weights[MR_MEMBER_POPULAR] > 0.0F)
        return 0;
    for (size_t p = 0; p < sizeof(little) / sizeof(little[0]); p++) {
        ret_blends[count] = *best;
        ret_blends[count++].weights[MR_MEMBER_POPULAR] = little[p];
    }
    return count;
}

/* Score blends and take the best of them if it beats what the result holds. */
static mr_status choose_among(tuning *t, const mr_blend *blends, size_t count,
                              bool insist)
{
    mr_ranking_metrics metrics[BLENDS_MAX];
    const mr_member_set members = kept_members(t);
    if (count == 0)
        return MR_OK;
    MR_TRY(score_blends(t, &members, false, blends, count, metrics));
    size_t best = 0;
    for (size_t b = 1; b < count; b++)
        if (objective(&metrics[b]) > objective(&metrics[best]))
            best = b;
    if (!insist && objective(&metrics[best]) <= objective(&t->result->holdout))
        return MR_OK;
    t->result->recipe.blend = blends[best];
    t->result->holdout = metrics[best];
    report_try(t, &t->result->recipe, &metrics[best]);
    return MR_OK;
}

static mr_status choose_blend(tuning *t)
{
    mr_blend blends[BLENDS_MAX];
    mr_recipe *recipe = &t->result->recipe;
    const mr_member single = best_single(t);
    *recipe = t->best[single];
    recipe->item_item = t->best[MR_MEMBER_ITEM_ITEM].item_item;
    recipe->ials = t->best[MR_MEMBER_IALS].ials;
    recipe->popular_half_life_s = t->best[MR_MEMBER_POPULAR].popular_half_life_s;
    t->result->holdout = t->result->members[single];
    const size_t pairs = list_pairs(t, blends);
    t->result->tries += pairs > 0;
    MR_TRY(choose_among(t, blends, pairs, t->options->insist_on_blend));
    return choose_among(t, blends, list_with_popular(t, blends), false);
}

/* Does it help to weigh history items by their events, and to forget old ones?  Only item-item
 * weighs; each half-life is asked with the chosen blend. */
static mr_status choose_history(tuning *t)
{
    static const double half_lives_s[] = {0.0, 90 * DAY_S, 30 * DAY_S, 7 * DAY_S, DAY_S};
    const mr_member_set members = kept_members(t);
    mr_recipe *recipe = &t->result->recipe;
    if (!t->holdout->by_time || !(recipe->blend.weights[MR_MEMBER_ITEM_ITEM] > 0.0F))
        return MR_OK;
    for (size_t h = 0; h < sizeof(half_lives_s) / sizeof(half_lives_s[0]); h++) {
        mr_ranking_metrics metrics;
        mr_sparse_matrix_deinit(&t->faded);
        MR_TRY(mr_holdout_faded(t->holdout, half_lives_s[h], &t->faded));
        MR_TRY(score_blends(t, &members, false, &recipe->blend, 1, &metrics));
        if (objective(&metrics) <= objective(&t->result->holdout))
            continue;
        recipe->history_weighed = true;
        recipe->history_half_life_s = half_lives_s[h];
        t->result->holdout = metrics;
        report_try(t, recipe, &metrics);
    }
    mr_sparse_matrix_deinit(&t->faded);
    if (recipe->history_weighed)
        MR_TRY(mr_holdout_faded(t->holdout, recipe->history_half_life_s, &t->faded));
    return MR_OK;
}

/* May the user's own items come back?  What the hold-out says, where it has repeats at all. */
static mr_status choose_repeats(tuning *t)
{
    mr_ranking_metrics metrics;
    const mr_member_set members = kept_members(t);
    if (!(t->holdout->repeat_share > 0.0))
        return MR_OK;
    MR_TRY(score_blends(t, &members, true, &t->result->recipe.blend, 1, &metrics));
    const bool allowed = objective(&metrics) > objective(&t->result->holdout);
    report(t, "repeats: %.1f%% of the hold-out, recall@%u %.4f allowed, %.4f not: %s",
           100.0 * t->holdout->repeat_share, MR_TUNER_K, metrics.recall,
           t->result->holdout.recall, allowed ? "allowed" : "left out");
    t->result->recipe.repeats_allowed = allowed;
    if (allowed)
        t->result->holdout = metrics;
    return MR_OK;
}

/* ---- all of it ---- */

/* Popularity is one try, the blend another; item-item gets a little more than half of the rest,
 * having three axes to two. */
static mr_status tune(tuning *t)
{
    const bool *families = t->options->families;
    const bool pair = families[MR_MEMBER_ITEM_ITEM] && families[MR_MEMBER_IALS];
    uint32_t left = t->options->budget > 0 ? t->options->budget : MR_TUNER_BUDGET_DEFAULT;
    if (left > MR_PATTERN_LOOKS_MAX)
        left = MR_PATTERN_LOOKS_MAX;
    MR_TRY(mr_sparse_matrix_transpose(&t->holdout->train, &t->items));
    MR_TRY(pick_users(t));
    if (families[MR_MEMBER_POPULAR]) {
        MR_TRY(tune_popular(t));
        left = left > t->result->tries + 1 ? left - t->result->tries : 1;
    }
    if (pair)
        left = left > 3 ? left - 1 : 2;
    const uint32_t item_item = pair ? (left * 11 + 10) / 20 : left;
    if (families[MR_MEMBER_ITEM_ITEM])
        MR_TRY(tune_item_item(t, item_item));
    if (families[MR_MEMBER_IALS])
        MR_TRY(tune_ials(t, pair ? left - item_item : left));
    MR_TRY(choose_blend(t));
    MR_TRY(choose_history(t));
    return choose_repeats(t);
}

mr_status mr_tuner_run(const mr_holdout *holdout, const mr_tuner_options *options,
                       mr_worker_pool *pool, mr_tuner_result *ret_result)
{
    mr_tuner_result result = {0};
    tuning t = {.holdout = holdout, .options = options, .pool = pool, .result = &result};
    bool any = false;
    for (uint32_t m = 0; m < MR_MEMBERS; m++)
        any = any || options->families[m];
    if (!any)
        return MR_ERR_INVALID;
    const mr_status status = tune(&t);
    for (uint32_t m = 0; m < MR_MEMBERS; m++)
        mr_trained_deinit(&t.kept[m]);
    mr_sparse_matrix_deinit(&t.faded);
    mr_sparse_matrix_deinit(&t.items);
    free(t.users);
    if (status != MR_OK)
        return status;
    *ret_result = result;
    return MR_OK;
}
