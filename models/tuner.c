#include "models/tuner.h"

#include "models/pattern_search.h"
#include "models/random.h"
#include "models/tuner_internal.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LINE_BYTES = MR_RECIPE_TEXT_BYTES + 128,
    REFINE_FROM = 12, /* tries: with fewer, members are worth more as they are */
};

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

static mr_status train(const mr_tuning *t, const mr_recipe *recipe,
                       mr_trained *ret_trained)
{
    return mr_recipe_train(recipe, &t->holdout->train, &t->items, t->holdout->votes,
                           t->holdout->vote_times_s, t->holdout->vote_count, t->pool,
                           ret_trained);
}

static mr_status try_single(mr_tuning *t, mr_member member, const mr_recipe *recipe,
                            mr_trained *trained, double *ret_value)
{
    mr_ranking_metrics metrics;
    const mr_member_set members = mr_trained_members(trained);
    MR_TRY(score(t, &members, recipe->repeats_allowed, &recipe->blend, &metrics));
    t->result->tries++;
    report_try(t, recipe, &metrics);
    *ret_value = objective(&metrics);
    if (t->result->tried[member] && *ret_value <= objective(&t->result->members[member]))
        return MR_OK;
    mr_trained_deinit(&t->kept[member]);
    t->kept[member] = *trained;
    *trained = (mr_trained){0};
    t->best[member] = *recipe;
    t->result->members[member] = metrics;
    t->result->tried[member] = true;
    return MR_OK;
}

/* The parameters of one member, out of another recipe. */
static void take_member(mr_recipe *recipe, mr_member member, const mr_recipe *from)
{
    if (member == MR_MEMBER_ITEM_ITEM)
        recipe->item_item = from->item_item;
    if (member == MR_MEMBER_IALS)
        recipe->ials = from->ials;
    if (member == MR_MEMBER_POPULAR)
        recipe->popular_half_life_s = from->popular_half_life_s;
    if (member == MR_MEMBER_EASE)
        recipe->ease = from->ease;
    if (member == MR_MEMBER_GRAPH_FILTER)
        recipe->graph_filter = from->graph_filter;
}

/* In the blend, with its weight as it is and half an octave to both sides. */
static mr_status try_blended(mr_tuning *t, mr_member member, const mr_recipe *recipe,
                             mr_trained *trained, double *ret_value)
{
    enum { WEIGHTS = 3 };
    mr_blend blends[WEIGHTS];
    double values[WEIGHTS];
    size_t best = 0;
    char text[MR_RECIPE_TEXT_BYTES];
    const mr_member_set members = mr_trained_members(trained);
    for (int w = 0; w < WEIGHTS; w++) {
        blends[w] = t->blended.blend;
        blends[w].weights[member] *= (float)exp2((w - 1) / 2.0);
    }
    MR_TRY(mr_blend_search_try(t->search, member, &members));
    MR_TRY(mr_blend_search_judge(t->search, blends, WEIGHTS, values));
    for (size_t w = 1; w < WEIGHTS; w++)
        if (values[w] > values[best])
            best = w;
    const bool keep = values[best] > t->blended_value * (1.0 + MR_BLEND_SEARCH_MARGIN);
    mr_blend_search_settle(t->search, keep);
    t->result->tries++;
    mr_recipe_text(recipe, text);
    report(t, "try %u: %s in the blend: %.4f (%.4f without)", t->result->tries, text,
           values[best], t->blended_value);
    *ret_value = values[best];
    if (!keep)
        return MR_OK;
    t->blended_value = values[best];
    t->blended.blend = blends[best];
    take_member(&t->blended, member, recipe);
    mr_trained_deinit(&t->replaced[member]);
    t->replaced[member] = *trained;
    *trained = (mr_trained){0};
    return MR_OK;
}

mr_status mr_tuning_try(mr_tuning *t, mr_member member, const mr_recipe *recipe,
                        double *ret_value)
{
    mr_trained trained = {0};
    MR_TRY(train(t, recipe, &trained));
    const mr_status status = t->search != NULL
                                 ? try_blended(t, member, recipe, &trained, ret_value)
                                 : try_single(t, member, recipe, &trained, ret_value);
    mr_trained_deinit(&trained);
    return status;
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

/* Every member once: as the best single of its family or, in a blend, what replaced it there. */
static mr_member_set kept_members(const mr_tuning *t)
{
    mr_member_set all = {.popular = t->kept[MR_MEMBER_POPULAR].popular};
    for (uint32_t m = 0; m < MR_MEMBERS; m++) {
        const mr_trained *trained =
            t->replaced[m].popular != NULL ? &t->replaced[m] : &t->kept[m];
        const mr_member_set one = mr_trained_members(trained);
        all.item_item = one.item_item != NULL ? one.item_item : all.item_item;
        all.user_factors = one.user_factors != NULL ? one.user_factors : all.user_factors;
        all.item_factors = one.item_factors != NULL ? one.item_factors : all.item_factors;
        all.ease = one.ease != NULL ? one.ease : all.ease;
        all.graph_filter = one.graph_filter != NULL ? one.graph_filter : all.graph_filter;
    }
    return all;
}

static void forget_replaced(mr_tuning *t)
{
    for (uint32_t m = 0; m < MR_MEMBERS; m++)
        mr_trained_deinit(&t->replaced[m]);
}

/* The best single, with the parameters of all others beside it. */
static void take_best_single(mr_tuning *t)
{
    const mr_member single = best_single(t);
    t->result->recipe = t->best[single];
    for (uint32_t m = 0; m < MR_MEMBERS; m++)
        take_member(&t->result->recipe, (mr_member)m, &t->best[m]);
    t->result->holdout = t->result->members[single];
}

/* The members' parameters once more, with the blend's value for the objective: what is best alone
 * is not what adds most.  The heaviest families have their turn as often as the others. */
static mr_status refine_members(mr_tuning *t, uint32_t looks)
{
    uint32_t families = 0;
    for (uint32_t m = 0; m < MR_MEMBERS; m++)
        families += t->blended.blend.weights[m] > 0.0F &&
                    mr_tuner_family_of((mr_member)m)->refine != NULL;
    for (uint32_t m = 0; m < MR_MEMBERS && families > 0; m++) {
        const mr_tuner_family *family = mr_tuner_family_of((mr_member)m);
        if (!(t->blended.blend.weights[m] > 0.0F) || family->refine == NULL)
            continue;
        const uint32_t mine = (looks + families - 1) / families;
        looks -= mine;
        families--;
        if (mine > 0)
            MR_TRY(family->refine(t, mine));
    }
    return MR_OK;
}

static mr_status search_blend(mr_tuning *t, uint32_t looks)
{
    const bool all = t->options->insist_on_blend;
    mr_blend *blend = &t->blended.blend;
    t->blended = t->result->recipe;
    MR_TRY(mr_blend_search_run(t->search, all, blend, &t->blended_value));
    t->result->tries++;
    report(t, "try %u: weights: %.4f", t->result->tries, t->blended_value);
    if (looks == 0)
        return MR_OK;
    MR_TRY(refine_members(t, looks));
    return mr_blend_search_refine(t->search, all, blend, &t->blended_value);
}

/* The search works on candidates; what it found is asked once more over all items, and taken if
 * it is better there than the best single. */
static mr_status choose_blend(mr_tuning *t, uint32_t looks)
{
    mr_ranking_metrics metrics;
    uint32_t tried = 0;
    take_best_single(t);
    for (uint32_t m = 0; m < MR_MEMBERS; m++)
        tried += t->result->tried[m];
    if (tried < 2)
        return MR_OK;
    const mr_member_set singles = kept_members(t);
    const mr_evaluation_task task = task_of(t, &singles, false);
    MR_TRY(mr_blend_search_create(&task, t->result->tried, t->pool, &t->search));
    const mr_status status = search_blend(t, looks);
    mr_blend_search_destroy(t->search);
    t->search = NULL;
    MR_TRY(status);
    const mr_member_set members = kept_members(t);
    MR_TRY(score(t, &members, false, &t->blended.blend, &metrics));
    if (!t->options->insist_on_blend &&
        objective(&metrics) <= objective(&t->result->holdout)) {
        forget_replaced(t);
        return MR_OK;
    }
    t->result->recipe = t->blended;
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

/* Popularity takes what it needs, the blend's weights one try and its members' parameters a quarter;
 * the families share the rest, one each at least. */
static mr_status tune(mr_tuning *t)
{
    bool picked[MR_MEMBERS];
    uint32_t shares = 0;
    uint32_t left = t->options->budget > 0 ? t->options->budget : MR_TUNER_BUDGET_DEFAULT;
    if (left > MR_PATTERN_LOOKS_MAX)
        left = MR_PATTERN_LOOKS_MAX;
    MR_TRY(mr_sparse_matrix_transpose(&t->holdout->train, &t->items));
    MR_TRY(pick_users(t));
    const bool several = pick_families(t, picked) > 1;
    const uint32_t in_blend = several && left >= REFINE_FROM ? left / 4 : 0;
    if (several)
        left = left - in_blend > 1 ? left - in_blend - 1 : 1;
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
    MR_TRY(choose_blend(t, in_blend));
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
    forget_replaced(&t);
    mr_blend_search_destroy(t.search);
    mr_sparse_matrix_deinit(&t.faded);
    mr_sparse_matrix_deinit(&t.items);
    free(t.users);
    if (status != MR_OK)
        return status;
    *ret_result = result;
    return MR_OK;
}
