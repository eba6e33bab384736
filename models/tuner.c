#include "models/tuner.h"

#include "models/blend_search.h"
#include "models/pattern_search.h"
#include "models/random.h"
#include "models/tuner_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES = MR_RECIPE_TEXT_BYTES + 128 };

static const double DAY_S = 86400.0;

static double objective(const mr_ranking_metrics *metrics)
{
    return (metrics->recall + metrics->ndcg) / 2.0;
}

static void report(const mr_tuning *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void report(const mr_tuning *t, const char *format, ...)
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

static void report_try(const mr_tuning *t, const mr_recipe *recipe,
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
static mr_status pick_users(mr_tuning *t)
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

static mr_evaluation_task task_of(const mr_tuning *t, const mr_member_set *members,
                                  bool repeats_allowed)
{
    return (mr_evaluation_task){
        .members = members,
        .histories = t->faded.rows > 0 ? &t->faded : &t->holdout->train,
        .excluded = repeats_allowed ? NULL : &t->holdout->train,
        .relevant = &t->holdout->held,
        .users = t->users,
        .user_count = t->user_count,
        .k = MR_TUNER_K,
    };
}

static mr_status score(const mr_tuning *t, const mr_member_set *members,
                       bool repeats_allowed, const mr_blend *blend,
                       mr_ranking_metrics *ret_metrics)
{
    const mr_evaluation_task task = task_of(t, members, repeats_allowed);
    return mr_evaluate_blends(&task, blend, 1, t->pool, ret_metrics);
}

mr_status mr_tuning_try(mr_tuning *t, mr_member member, const mr_recipe *recipe,
                        double *ret_value)
{
    mr_trained trained = {0};
    mr_ranking_metrics metrics;
    MR_TRY(mr_recipe_train(recipe, &t->holdout->train, &t->items, t->holdout->votes,
                           t->holdout->vote_times_s, t->holdout->vote_count, t->pool,
                           &trained));
    const mr_member_set members = mr_trained_members(&trained);
    const mr_status status =
        score(t, &members, recipe->repeats_allowed, &recipe->blend, &metrics);
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

/* ---- the blend ---- */

static mr_member best_single(const mr_tuning *t)
{
    uint32_t best = MR_MEMBERS;
    for (uint32_t m = 0; m < MR_MEMBERS; m++)
        if (t->result->tried[m] &&
            (best == MR_MEMBERS ||
             objective(&t->result->members[m]) > objective(&t->result->members[best])))
            best = m;
    return (mr_member)best;
}

static mr_member_set kept_members(const mr_tuning *t)
{
    mr_member_set all = {0};
    for (uint32_t m = 0; m < MR_MEMBERS; m++) {
        const mr_member_set one = mr_trained_members(&t->kept[m]);
        all.item_item = one.item_item != NULL ? one.item_item : all.item_item;
        all.user_factors = one.user_factors != NULL ? one.user_factors : all.user_factors;
        all.item_factors = one.item_factors != NULL ? one.item_factors : all.item_factors;
        all.ease = one.ease != NULL ? one.ease : all.ease;
        all.graph_filter = one.graph_filter != NULL ? one.graph_filter : all.graph_filter;
    }
    all.popular = t->kept[MR_MEMBER_POPULAR].popular;
    return all;
}

/* The best single, with the parameters of all others beside it. */
static void take_best_single(mr_tuning *t)
{
    mr_recipe *recipe = &t->result->recipe;
    const mr_member single = best_single(t);
    *recipe = t->best[single];
    recipe->item_item = t->best[MR_MEMBER_ITEM_ITEM].item_item;
    recipe->ials = t->best[MR_MEMBER_IALS].ials;
    recipe->popular_half_life_s = t->best[MR_MEMBER_POPULAR].popular_half_life_s;
    recipe->ease = t->best[MR_MEMBER_EASE].ease;
    recipe->graph_filter = t->best[MR_MEMBER_GRAPH_FILTER].graph_filter;
    t->result->holdout = t->result->members[single];
}

/* The search works on candidates; what it found is asked once more over all items, and taken if
 * it is better there than the best single. */
static mr_status choose_blend(mr_tuning *t)
{
    mr_blend_search *search = NULL;
    mr_blend blend;
    mr_ranking_metrics metrics;
    double value = 0.0;
    uint32_t tried = 0;
    take_best_single(t);
    for (uint32_t m = 0; m < MR_MEMBERS; m++)
        tried += t->result->tried[m];
    if (tried < 2)
        return MR_OK;
    const mr_member_set members = kept_members(t);
    const mr_evaluation_task task = task_of(t, &members, false);
    MR_TRY(mr_blend_search_create(&task, t->result->tried, t->pool, &search));
    const mr_status status =
        mr_blend_search_run(search, t->options->insist_on_blend, &blend, &value);
    mr_blend_search_destroy(search);
    MR_TRY(status);
    t->result->tries++;
    MR_TRY(score(t, &members, false, &blend, &metrics));
    if (!t->options->insist_on_blend &&
        objective(&metrics) <= objective(&t->result->holdout))
        return MR_OK;
    t->result->recipe.blend = blend;
    t->result->holdout = metrics;
    report_try(t, &t->result->recipe, &metrics);
    return MR_OK;
}

/* Does it help to weigh history items by their events, and to forget old ones?  Only item-item
 * weighs; each half-life is asked with the chosen blend. */
static mr_status choose_history(mr_tuning *t)
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
        MR_TRY(score(t, &members, false, &recipe->blend, &metrics));
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
static mr_status choose_repeats(mr_tuning *t)
{
    mr_ranking_metrics metrics;
    const mr_member_set members = kept_members(t);
    if (!(t->holdout->repeat_share > 0.0))
        return MR_OK;
    MR_TRY(score(t, &members, true, &t->result->recipe.blend, &metrics));
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

/* Which families are searched: those that are asked for, one too dear only when it is alone. */
static uint32_t pick_families(const mr_tuning *t, bool ret_picked[MR_MEMBERS])
{
    uint32_t asked = 0;
    uint32_t picked = 0;
    for (uint32_t m = 0; m < MR_MEMBERS; m++)
        asked += t->options->families[m];
    for (uint32_t m = 0; m < MR_MEMBERS; m++) {
        const mr_tuner_family *family = mr_tuner_family_of((mr_member)m);
        ret_picked[m] =
            t->options->families[m] &&
            (asked == 1 || family->is_affordable == NULL || family->is_affordable(t));
        picked += ret_picked[m];
    }
    return picked;
}

/* Popularity takes what it needs, the blend one try; the families share the rest, one each at
 * least. */
static mr_status tune(mr_tuning *t)
{
    bool picked[MR_MEMBERS];
    uint32_t shares = 0;
    uint32_t left = t->options->budget > 0 ? t->options->budget : MR_TUNER_BUDGET_DEFAULT;
    if (left > MR_PATTERN_LOOKS_MAX)
        left = MR_PATTERN_LOOKS_MAX;
    MR_TRY(mr_sparse_matrix_transpose(&t->holdout->train, &t->items));
    MR_TRY(pick_users(t));
    if (pick_families(t, picked) > 1)
        left = left > 1 ? left - 1 : 1;
    if (picked[MR_MEMBER_POPULAR]) {
        MR_TRY(mr_tuner_family_of(MR_MEMBER_POPULAR)->tune(t, left));
        left = left > t->result->tries ? left - t->result->tries : 1;
        picked[MR_MEMBER_POPULAR] = false;
    }
    for (uint32_t m = 0; m < MR_MEMBERS; m++)
        shares += picked[m] ? mr_tuner_family_of((mr_member)m)->share : 0;
    for (uint32_t m = 0; m < MR_MEMBERS; m++) {
        const mr_tuner_family *family = mr_tuner_family_of((mr_member)m);
        if (!picked[m])
            continue;
        const uint32_t looks = (left * family->share + shares / 2) / shares;
        left = left > looks ? left - looks : 0;
        shares -= family->share;
        MR_TRY(family->tune(t, looks > 0 ? looks : 1));
    }
    MR_TRY(choose_blend(t));
    MR_TRY(choose_history(t));
    return choose_repeats(t);
}

mr_status mr_tuner_run(const mr_holdout *holdout, const mr_tuner_options *options,
                       mr_worker_pool *pool, mr_tuner_result *ret_result)
{
    mr_tuner_result result = {0};
    mr_tuning t = {
        .holdout = holdout, .options = options, .pool = pool, .result = &result};
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
