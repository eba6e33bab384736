#include "models/pattern_search.h"
#include "models/ranker_evaluation.h"
#include "models/ranker_tuner_internal.h"

#include <stdarg.h>
#include <stdio.h>

enum { LINE_BYTES = MR_RANKER_TEXT_BYTES + 192 };

/* From so large a share of the answers on, a list without own items is not asked about. */
static const double REPEATS_MOSTLY = 0.5;

double mr_ranking_objective(mr_ranking_form form, const mr_ranking_metrics *metrics)
{
    switch (form) {
    case MR_RANKING_NEXT_ITEM: return (metrics->hit + metrics->mrr) / 2.0;
    case MR_RANKING_LAST_ITEM: return (metrics->hit + metrics->ndcg) / 2.0;
    case MR_RANKING_NEXT_BASKET:
    case MR_RANKING_AFTER_CUT: break;
    }
    return (metrics->recall + metrics->ndcg) / 2.0;
}

/* ---- telling ---- */

void mr_ranker_tuning_report(const mr_ranker_tuning *t, const char *format, ...)
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

void mr_ranker_tuning_report_try(const mr_ranker_tuning *t,
                                 const mr_ranker_recipe *recipe,
                                 const mr_ranking_metrics *m)
{
    char text[MR_RANKER_TEXT_BYTES];
    mr_ranker_recipe_text(recipe, text);
    mr_ranker_tuning_report(
        t, "try %u: %s: hold-out hit@%u %.4f recall %.4f ndcg %.4f mrr %.4f",
        t->result->tries, text, m->k, m->hit, m->recall, m->ndcg, m->mrr);
}

/* ---- a single ---- */

mr_ranker_recipe mr_ranker_tuning_single(const mr_ranker_tuning *t, mr_signal signal)
{
    mr_ranker_recipe recipe = {
        .encoder = mr_encoder_options_default(),
        .sequence = mr_covisitation_defaults(),
        .session_knn = mr_session_knn_defaults(),
        .repeat = mr_next_basket_defaults(),
        .popular_fade = 1.0F,
        .choice = {.single = signal, .repeats_allowed = t->cut.repeat_share > 0.0}};
    recipe.uses[signal] = true;
    return recipe;
}

mr_status mr_ranker_tuning_train(const mr_ranker_tuning *t,
                                 const mr_ranker_recipe *recipe,
                                 const mr_sequences *sequences,
                                 mr_ranker_members *ret_members)
{
    const mr_ranker_training training = {.sequences = sequences,
                                         .pool = t->pool,
                                         .progress = t->options->progress,
                                         .context = t->options->context};
    MR_TRY(mr_ranker_members_train(recipe, &training, ret_members));
    ret_members->content = t->options->content;
    ret_members->rows = t->options->rows;
    return MR_OK;
}

mr_status mr_ranker_tuning_judge(const mr_ranker_tuning *t,
                                 const mr_ranker_members *members,
                                 const mr_ranker_recipe *recipe,
                                 const mr_questions *questions,
                                 mr_ranking_metrics *ret_metrics, double *ret_value)
{
    MR_TRY(mr_ranker_evaluate(members, recipe, questions, &t->options->k, 1, t->pool,
                              ret_metrics));
    *ret_value = mr_ranking_objective(t->options->form, ret_metrics);
    return MR_OK;
}

mr_status mr_ranker_tuning_judge_single(
    const mr_ranker_tuning *t, const mr_ranker_members *members, mr_ranker_recipe *recipe,
    const mr_questions *questions, mr_ranking_metrics *ret_metrics, double *ret_value)
{
    mr_ranker_recipe barred = *recipe;
    mr_ranking_metrics metrics = {0};
    double value = 0.0;
    MR_TRY(mr_ranker_tuning_judge(t, members, recipe, questions, ret_metrics, ret_value));
    if (!recipe->choice.repeats_allowed || t->cut.repeat_share >= REPEATS_MOSTLY)
        return MR_OK;
    barred.choice.repeats_allowed = false;
    MR_TRY(mr_ranker_tuning_judge(t, members, &barred, questions, &metrics, &value));
    if (value > *ret_value) {
        *recipe = barred;
        *ret_metrics = metrics;
        *ret_value = value;
    }
    return MR_OK;
}

mr_status mr_ranker_tuning_try(mr_ranker_tuning *t, const mr_ranker_recipe *recipe,
                               const mr_sequences *sequences, double *ret_value)
{
    const mr_signal signal = recipe->choice.single;
    mr_ranker_recipe tried = *recipe;
    mr_ranker_members members = {0};
    mr_ranking_metrics metrics = {0};
    MR_TRY(mr_ranker_tuning_train(t, recipe, sequences, &members));
    const mr_status status = mr_ranker_tuning_judge_single(
        t, &members, &tried, &t->questions, &metrics, ret_value);
    mr_ranker_members_deinit(&members);
    MR_TRY(status);
    t->result->tries++;
    mr_ranker_tuning_report_try(t, &tried, &metrics);
    if (!t->result->tried[signal] || *ret_value > t->value[signal]) {
        t->best[signal] = tried;
        t->value[signal] = *ret_value;
        t->result->singles[signal] = metrics;
        t->result->tried[signal] = true;
    }
    return MR_OK;
}

/* ---- families ---- */

/* Content needs a model of the caller's, rows a source of them. */
static bool may_use(const mr_ranker_tuner_options *options, mr_signal signal)
{
    return options->families[signal] &&
           (signal != MR_SIGNAL_CONTENT || options->content != NULL) &&
           (signal != MR_SIGNAL_ROWS || options->rows.score != NULL);
}

static mr_status tune_popular(mr_ranker_tuning *t, uint32_t looks)
{
    static const float fades[] = {1.0F, 0.6F};
    for (uint32_t f = 0; f < 2 && f < looks; f++) {
        double value = 0.0;
        mr_ranker_recipe recipe = mr_ranker_tuning_single(t, MR_SIGNAL_POPULAR);
        recipe.popular_fade = fades[f];
        MR_TRY(mr_ranker_tuning_try(t, &recipe, &t->train, &value));
    }
    return MR_OK;
}

/* Old sequences tell less, where their order is that of time. */
static float age_scale(const mr_ranker_tuning *t)
{
    const bool is_ordered = t->options->form == MR_RANKING_NEXT_ITEM ||
                            t->options->form == MR_RANKING_AFTER_CUT;
    return is_ordered ? (float)t->train.count : 0.0F;
}

static mr_status look_sequence(void *context, const double *point, double *ret_value)
{
    mr_ranker_tuning *t = context;
    mr_ranker_recipe recipe = mr_ranker_tuning_single(t, MR_SIGNAL_SEQUENCE);
    recipe.sequence.age_scale = age_scale(t);
    mr_covisitation_at(point, &recipe.sequence);
    return mr_ranker_tuning_try(t, &recipe, &t->train, ret_value);
}

static mr_status tune_sequence(mr_ranker_tuning *t, uint32_t looks)
{
    mr_pattern_axis axes[MR_COVISITATION_AXES];
    double point[MR_COVISITATION_AXES];
    double value = 0.0;
    uint32_t used = 0;
    mr_covisitation_axes(axes);
    return mr_pattern_search(axes, MR_COVISITATION_AXES, looks, look_sequence, t, point,
                             &value, &used);
}

static mr_status look_session_knn(void *context, const double *point, double *ret_value)
{
    mr_ranker_tuning *t = context;
    mr_ranker_recipe recipe = mr_ranker_tuning_single(t, MR_SIGNAL_SESSION_KNN);
    recipe.session_knn.age_scale = age_scale(t);
    mr_session_knn_at(point, &recipe.session_knn);
    return mr_ranker_tuning_try(t, &recipe, &t->train, ret_value);
}

static mr_status tune_session_knn(mr_ranker_tuning *t, uint32_t looks)
{
    mr_pattern_axis axes[MR_SESSION_KNN_AXES];
    double point[MR_SESSION_KNN_AXES];
    double value = 0.0;
    uint32_t used = 0;
    mr_session_knn_axes(axes);
    return mr_pattern_search(axes, MR_SESSION_KNN_AXES, looks, look_session_knn, t, point,
                             &value, &used);
}

static mr_status tune_repeat(mr_ranker_tuning *t, uint32_t looks)
{
    static const float fadings[] = {0.6F, 0.85F, 0.3F};
    for (uint32_t f = 0; f < 3 && f < looks; f++) {
        double value = 0.0;
        mr_ranker_recipe recipe = mr_ranker_tuning_single(t, MR_SIGNAL_REPEAT);
        recipe.repeat.fading = fadings[f];
        MR_TRY(mr_ranker_tuning_try(t, &recipe, &t->train, &value));
    }
    return MR_OK;
}

static mr_status tune_content(mr_ranker_tuning *t, uint32_t looks)
{
    double value = 0.0;
    mr_ranker_recipe recipe = mr_ranker_tuning_single(t, MR_SIGNAL_CONTENT);
    (void)looks;
    return mr_ranker_tuning_try(t, &recipe, &t->train, &value);
}

/* Without a look: the family as it comes. */
static void take_default(mr_ranker_tuning *t, mr_signal signal)
{
    t->best[signal] = mr_ranker_tuning_single(t, signal);
    t->result->tried[signal] = true;
}

static mr_status tune_rows(mr_ranker_tuning *t, uint32_t looks)
{
    double value = 0.0;
    mr_ranker_recipe recipe = mr_ranker_tuning_single(t, MR_SIGNAL_ROWS);
    (void)looks;
    return mr_ranker_tuning_try(t, &recipe, &t->train, &value);
}

/* ---- all of it ---- */

/* With too little to choose on: the first family that may be used, as it comes. */
static void settle(const mr_ranker_tuner_options *options, mr_ranker_tuner_result *result)
{
    static const mr_signal order[] = {
        MR_SIGNAL_POPULAR, MR_SIGNAL_SEQUENCE, MR_SIGNAL_SESSION_KNN, MR_SIGNAL_REPEAT,
        MR_SIGNAL_ROWS,    MR_SIGNAL_ENCODER,  MR_SIGNAL_CONTENT};
    mr_ranker_tuning t = {
        .options = options, .result = result, .cut = {.repeat_share = 1.0}};
    for (size_t s = sizeof(order) / sizeof(order[0]); s-- > 0;)
        if (may_use(options, order[s]))
            result->recipe = mr_ranker_tuning_single(&t, order[s]);
    mr_ranker_tuning_report(&t, "too few questions to choose on: %s as it comes",
                            mr_ranker_choice_name(&result->recipe.choice));
}

/*
 * Looks of a family out of `budget`: what a family's parameters are worth.  The parts add up to one
 * less than the default, so that rounded down they leave one try for the blend of any budget.
 */
static uint32_t looks_of(uint32_t budget, uint32_t parts)
{
    const uint64_t looks = (uint64_t)budget * parts / MR_RANKER_BUDGET_DEFAULT;
    return looks < MR_PATTERN_LOOKS_MAX ? (uint32_t)looks : MR_PATTERN_LOOKS_MAX;
}

static mr_status tune(mr_ranker_tuning *t)
{
    static const struct {
        mr_signal signal;
        uint32_t parts; /* of MR_RANKER_BUDGET_DEFAULT */
        mr_status (*tune)(mr_ranker_tuning *t, uint32_t looks);
    } families[] = {
        {MR_SIGNAL_POPULAR, 2, tune_popular},
        {MR_SIGNAL_REPEAT, 2, tune_repeat},
        {MR_SIGNAL_SEQUENCE, 8, tune_sequence},
        {MR_SIGNAL_SESSION_KNN, 6, tune_session_knn},
        {MR_SIGNAL_CONTENT, 1, tune_content},
        {MR_SIGNAL_ROWS, 1, tune_rows},
        {MR_SIGNAL_ENCODER, 3, mr_ranker_tuning_encoder},
    };
    const uint32_t budget =
        t->options->budget > 0 ? t->options->budget : MR_RANKER_BUDGET_DEFAULT;
    bool any = false;
    for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++) {
        const mr_signal signal = families[f].signal;
        const uint32_t looks = looks_of(budget, families[f].parts);
        if (!may_use(t->options, signal))
            continue;
        if (looks > 0 || signal == MR_SIGNAL_ENCODER)
            MR_TRY(families[f].tune(t, looks));
        else
            take_default(t, signal);
        any |= t->result->tried[signal];
    }
    if (any)
        return mr_ranker_tuning_choose(t);
    settle(t->options, t->result);
    return MR_OK;
}

mr_status mr_ranker_tune(const mr_sequences *sequences,
                         const mr_ranker_tuner_options *options, mr_worker_pool *pool,
                         mr_ranker_tuner_result *ret_result)
{
    mr_ranker_tuner_result result = {0};
    mr_ranker_tuning t = {.options = options, .pool = pool, .result = &result};
    bool any = false;
    for (uint32_t s = 0; s < MR_SIGNALS; s++)
        any |= may_use(options, (mr_signal)s);
    if (!any || options->k < 1 || options->k >= MR_RANKER_K_MAX)
        return MR_ERR_INVALID;
    const mr_status cut = mr_ranker_cut_make(sequences, options->form, options->share,
                                             options->seed, &t.cut);
    if (cut == MR_ERR_NOT_FOUND) {
        settle(options, &result);
        *ret_result = result;
        return MR_OK;
    }
    MR_TRY(cut);
    t.train = mr_sequence_list_view(&t.cut.train);
    t.questions = mr_ranker_cut_questions(&t.cut);
    result.repeat_share = t.cut.repeat_share;
    result.questions = t.questions.given.count;
    mr_ranker_tuning_report(
        &t, "hold-out: %u questions, %.1f%% of the answers stand in the query",
        result.questions, 100.0 * result.repeat_share);
    const mr_status status = tune(&t);
    mr_ranker_cut_deinit(&t.cut);
    if (status == MR_OK)
        *ret_result = result;
    return status;
}
