#include "models/ranker_fit.h"
#include "models/ranker_tuner_internal.h"

/* A choice and what it was worth on the questions that decide. */
typedef struct rated {
    mr_ranker_choice choice;
    mr_ranking_metrics metrics;
    double value; /* below 0: there is none */
} rated;

static const rated NONE = {.value = -1.0};

/* See mr_ranker_groups_fit(): newcomers are few, and their questions much alike. */
static const float NEWCOMERS_PRIOR = 20.0F;

/* A single is the best of all on the questions that it is judged by, weights are judged when they
 * have seen half of those that they will be served with: it has to be so much better. */
static const double CLEARLY = 1.05;

/* What is weighed against each other, on which questions. */
typedef struct contest {
    mr_ranker_tuning *t;
    const mr_ranker_members *members;
    const mr_ranker_recipe *blend; /* the best of every family, no weights yet */
    mr_questions all;
    mr_questions first; /* half of them, and the other half */
    mr_questions second;
    float prior; /* of weights */
} contest;

/* ---- who takes part ---- */

/* The best of every family together. */
static mr_ranker_recipe joined(const mr_ranker_tuning *t)
{
    mr_ranker_recipe recipe = mr_ranker_tuning_single(t, MR_SIGNAL_POPULAR);
    recipe.choice.single = MR_SIGNALS;
    for (uint32_t s = 0; s < MR_SIGNALS; s++)
        recipe.uses[s] = t->result->tried[s];
    if (recipe.uses[MR_SIGNAL_ENCODER])
        recipe.encoder = t->best[MR_SIGNAL_ENCODER].encoder;
    if (recipe.uses[MR_SIGNAL_SEQUENCE])
        recipe.sequence = t->best[MR_SIGNAL_SEQUENCE].sequence;
    if (recipe.uses[MR_SIGNAL_SESSION_KNN])
        recipe.session_knn = t->best[MR_SIGNAL_SESSION_KNN].session_knn;
    if (recipe.uses[MR_SIGNAL_REPEAT])
        recipe.repeat = t->best[MR_SIGNAL_REPEAT].repeat;
    if (recipe.uses[MR_SIGNAL_POPULAR])
        recipe.popular_fade = t->best[MR_SIGNAL_POPULAR].popular_fade;
    return recipe;
}

static uint32_t in_use(const mr_ranker_recipe *recipe)
{
    uint32_t count = 0;
    for (uint32_t s = 0; s < MR_SIGNALS; s++)
        count += recipe->uses[s];
    return count;
}

static mr_questions from(const mr_questions *questions, uint32_t first, uint32_t count)
{
    return (mr_questions){.given = mr_sequences_slice(&questions->given, first, count),
                          .target_ptr = questions->target_ptr + first,
                          .targets = questions->targets};
}

static contest contest_of(mr_ranker_tuning *t, const mr_ranker_members *members,
                          const mr_ranker_recipe *blend, const mr_questions *all,
                          uint32_t middle)
{
    return (contest){.t = t,
                     .members = members,
                     .blend = blend,
                     .all = *all,
                     .first = from(all, 0, middle),
                     .second = from(all, middle, all->given.count - middle)};
}

/* ---- what they are worth ---- */

static mr_status judge(const contest *c, const mr_ranker_choice *choice,
                       const mr_questions *questions, rated *ret_rated)
{
    mr_ranker_recipe recipe = *c->blend;
    recipe.choice = ret_rated->choice = *choice;
    return mr_ranker_tuning_judge(c->t, c->members, &recipe, questions,
                                  &ret_rated->metrics, &ret_rated->value);
}

/* The family that is best, trained as it would be in the blend. */
static mr_status best_single(const contest *c, const mr_questions *questions,
                             rated *ret_best)
{
    *ret_best = NONE;
    for (uint32_t s = 0; s < MR_SIGNALS; s++) {
        mr_ranker_recipe single = *c->blend;
        rated r = NONE;
        if (!single.uses[s])
            continue;
        single.choice.single = (mr_signal)s;
        MR_TRY(mr_ranker_tuning_judge_single(c->t, c->members, &single, questions,
                                             &r.metrics, &r.value));
        r.choice = single.choice;
        if (r.value > ret_best->value)
            *ret_best = r;
    }
    return MR_OK;
}

/* Weights; the choice stays as it is where no candidate was an answer, so that nothing fits. */
static mr_status fit(const contest *c, const mr_questions *questions,
                     mr_ranker_choice *choice, bool *ret_fits)
{
    mr_ranker_groups groups = {0};
    mr_ranker_choice fitted = c->blend->choice;
    mr_status status =
        mr_ranker_groups_collect(c->members, c->blend, questions, c->t->pool, &groups);
    *ret_fits = status == MR_OK && groups.data.groups > 0;
    if (*ret_fits)
        status = mr_ranker_groups_fit(&groups, c->t->pool, c->prior, &fitted, NULL);
    mr_ranker_groups_deinit(&groups);
    if (status == MR_OK && *ret_fits)
        *choice = fitted;
    return status;
}

static mr_status fit_and_judge(const contest *c, const mr_questions *fitted,
                               const mr_questions *judged, rated *ret_blend)
{
    bool fits = false;
    mr_ranker_choice choice = c->blend->choice;
    *ret_blend = NONE;
    MR_TRY(fit(c, fitted, &choice, &fits));
    return fits ? judge(c, &choice, judged, ret_blend) : MR_OK;
}

/* A blend that won gets the weights of all questions. */
static mr_status refit(const contest *c, mr_ranker_choice *choice)
{
    bool fits = false;
    return choice->single == MR_SIGNALS ? fit(c, &c->all, choice, &fits) : MR_OK;
}

/* ---- for all ---- */

/* The winner, its weights still those of one half. */
static mr_status choose_for_all(const contest *c, mr_ranker_choice *ret_choice)
{
    mr_ranker_tuning *t = c->t;
    mr_ranker_recipe recipe = *c->blend;
    rated single;
    rated blended;
    MR_TRY(best_single(c, &c->second, &single));
    MR_TRY(fit_and_judge(c, &c->first, &c->second, &blended));
    t->result->tries++;
    if (blended.value >= 0.0)
        recipe.choice = blended.choice;
    mr_ranker_tuning_report_try(t, &recipe, &blended.metrics);
    const bool is_blend = blended.value > single.value ||
                          (blended.value >= 0.0 && t->options->insist_on_blend);
    mr_ranker_tuning_report(
        t,
        "on the other half: %s alone hit %.4f ndcg %.4f mrr %.4f, blend hit %.4f "
        "ndcg %.4f mrr %.4f: %s",
        mr_ranker_choice_name(&single.choice), single.metrics.hit, single.metrics.ndcg,
        single.metrics.mrr, blended.metrics.hit, blended.metrics.ndcg,
        blended.metrics.mrr, is_blend ? "the blend" : "the single");
    t->result->holdout = is_blend ? blended.metrics : single.metrics;
    *ret_choice = is_blend ? blended.choice : single.choice;
    return MR_OK;
}

/* ---- for newcomers ---- */

/* Half of the questions and, since each of a newcomer's holds more than the one before, what is left
 * of the one whose questions stand in the middle. */
static uint32_t middle_of_newcomers(const mr_questions *questions)
{
    const mr_sequences *given = &questions->given;
    uint32_t middle = given->count / 2;
    while (middle > 0 && middle < given->count &&
           mr_sequences_length(given, middle) > mr_sequences_length(given, middle - 1))
        middle++;
    return middle;
}

/* They are few, so each half is judged by the weights of the other. */
static mr_status judge_both_ways(const contest *c, rated *ret_blend)
{
    rated on_first;
    rated on_second;
    const double first = c->first.given.count;
    const double second = c->second.given.count;
    *ret_blend = NONE;
    MR_TRY(fit_and_judge(c, &c->first, &c->second, &on_second));
    MR_TRY(fit_and_judge(c, &c->second, &c->first, &on_first));
    if (on_first.value < 0.0 || on_second.value < 0.0)
        return MR_OK;
    ret_blend->choice = on_second.choice;
    ret_blend->value =
        (first * on_first.value + second * on_second.value) / (first + second);
    return MR_OK;
}

/* What all others get, unless weights of their own or one family are better for them. */
static mr_status choose_for_newcomers(const contest *c, const mr_ranker_choice *others,
                                      mr_ranker_recipe *recipe)
{
    rated as_others;
    rated single;
    rated blended;
    MR_TRY(judge(c, others, &c->all, &as_others));
    MR_TRY(best_single(c, &c->all, &single));
    MR_TRY(judge_both_ways(c, &blended));
    const char *outcome = "they are served as all others";
    const rated *best = &as_others;
    if (blended.value > best->value) {
        best = &blended;
        outcome = "they get weights of their own";
    }
    if (single.value > CLEARLY * best->value) {
        best = &single;
        outcome = "they get the single";
    }
    mr_ranker_tuning_report(
        c->t,
        "newcomers, %u questions of up to %u elements: weighed as all "
        "others %.4f, %s alone %.4f, by weights of their own %.4f: %s",
        c->all.given.count, MR_RANKER_NEWCOMER_ELEMENTS, as_others.value,
        mr_ranker_choice_name(&single.choice), single.value, blended.value, outcome);
    if (best == &as_others)
        return MR_OK;
    recipe->newcomers = best->choice;
    recipe->newcomers_max = MR_RANKER_NEWCOMER_ELEMENTS;
    return refit(c, &recipe->newcomers);
}

/* ---- all of it ---- */

static mr_status choose_both(mr_ranker_tuning *t, const mr_ranker_members *members,
                             const mr_ranker_recipe *blend, mr_ranker_recipe *ret_recipe)
{
    const mr_questions newcomers = mr_ranker_cut_newcomers(&t->cut);
    const contest for_all =
        contest_of(t, members, blend, &t->questions, t->questions.given.count / 2);
    mr_ranker_recipe recipe = *blend;
    MR_TRY(choose_for_all(&for_all, &recipe.choice));
    t->result->newcomer_questions = newcomers.given.count;
    if (newcomers.given.count >= MR_RANKER_CUT_QUESTIONS_MIN) {
        contest for_newcomers =
            contest_of(t, members, blend, &newcomers, middle_of_newcomers(&newcomers));
        for_newcomers.prior = NEWCOMERS_PRIOR;
        const mr_ranker_choice of_one_half = recipe.choice;
        MR_TRY(choose_for_newcomers(&for_newcomers, &of_one_half, &recipe));
    } else {
        mr_ranker_tuning_report(
            t, "newcomers: %u questions are too few, they are served as all others",
            newcomers.given.count);
    }
    MR_TRY(refit(&for_all, &recipe.choice));
    *ret_recipe = recipe;
    return MR_OK;
}

/* One family is tried: what it is worth on all questions. */
static mr_status take_only(mr_ranker_tuning *t, const mr_ranker_members *members,
                           const mr_ranker_recipe *blend, mr_ranker_recipe *ret_recipe)
{
    const contest c = contest_of(t, members, blend, &t->questions, 0);
    rated single;
    MR_TRY(best_single(&c, &c.all, &single));
    *ret_recipe = *blend;
    ret_recipe->choice = single.choice;
    t->result->holdout = single.metrics;
    t->result->tries++;
    mr_ranker_tuning_report_try(t, ret_recipe, &single.metrics);
    return MR_OK;
}

mr_status mr_ranker_tuning_choose(mr_ranker_tuning *t)
{
    const mr_ranker_recipe blend = joined(t);
    mr_ranker_recipe *recipe = &t->result->recipe;
    mr_ranker_members members = {0};
    MR_TRY(mr_ranker_tuning_train(t, &blend, &t->train, &members));
    const mr_status status = in_use(&blend) > 1 || t->options->insist_on_blend
                                 ? choose_both(t, &members, &blend, recipe)
                                 : take_only(t, &members, &blend, recipe);
    mr_ranker_members_deinit(&members);
    for (uint32_t s = 0; s < MR_SIGNALS && status == MR_OK; s++)
        recipe->uses[s] = mr_ranker_recipe_asks(recipe, (mr_signal)s);
    return status;
}
