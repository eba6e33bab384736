#include "models/ranker_tuner.h"

#include "models/pattern_search.h"
#include "models/ranker_evaluation.h"
#include "models/ranker_fit.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES = MR_RANKER_TEXT_BYTES + 192 };

/* Multiply-adds, twice: what an encoder's products may cost in all, at the default budget. */
static const double ENCODER_FLOPS_MAX = 6e12;
static const double ENCODER_TRIAL_FLOPS_MAX = 1e12;

typedef struct tuning {
    const mr_ranker_tuner_options *options;
    mr_worker_pool *pool;
    mr_ranker_cut cut;
    mr_sequences train;
    mr_questions questions;
    mr_ranker_tuner_result *result;
    mr_ranker_recipe best[MR_SIGNALS]; /* of each family, as a single   */
    double value[MR_SIGNALS];
} tuning;

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

static void report_try(const tuning *t, const mr_ranker_recipe *recipe,
                       const mr_ranking_metrics *m)
{
    char text[MR_RANKER_TEXT_BYTES];
    mr_ranker_recipe_text(recipe, text);
    report(t, "try %u: %s: hold-out hit@%u %.4f recall %.4f ndcg %.4f mrr %.4f",
           t->result->tries, text, m->k, m->hit, m->recall, m->ndcg, m->mrr);
}

/* ---- a single ---- */

static mr_ranker_recipe single_recipe(const tuning *t, mr_signal signal)
{
    mr_ranker_recipe recipe = {.encoder = mr_encoder_options_default(),
                               .sequence = mr_covisitation_defaults(),
                               .session_knn = mr_session_knn_defaults(),
                               .repeat = mr_next_basket_defaults(),
                               .popular_fade = 1.0F,
                               .repeats_allowed = t->cut.repeat_share > 0.0,
                               .single = signal};
    recipe.uses[signal] = true;
    return recipe;
}

static mr_status train(const tuning *t, const mr_ranker_recipe *recipe,
                       const mr_sequences *sequences, mr_ranker_members *ret_members)
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

static mr_status evaluate(const tuning *t, const mr_ranker_members *members,
                          const mr_ranker_recipe *recipe, const mr_questions *questions,
                          mr_ranking_metrics *ret_metrics)
{
    return mr_ranker_evaluate(members, recipe, questions, &t->options->k, 1, t->pool,
                              ret_metrics);
}

/* Train and judge one candidate, and keep it if it is its family's best. */
static mr_status try_single(tuning *t, const mr_ranker_recipe *recipe,
                            const mr_sequences *sequences, double *ret_value)
{
    const mr_signal signal = recipe->single;
    mr_ranker_members members = {0};
    mr_ranking_metrics metrics = {0};
    MR_TRY(train(t, recipe, sequences, &members));
    const mr_status status = evaluate(t, &members, recipe, &t->questions, &metrics);
    mr_ranker_members_deinit(&members);
    MR_TRY(status);
    t->result->tries++;
    report_try(t, recipe, &metrics);
    *ret_value = mr_ranking_objective(t->options->form, &metrics);
    if (!t->result->tried[signal] || *ret_value > t->value[signal]) {
        t->best[signal] = *recipe;
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

static mr_status tune_popular(tuning *t, uint32_t looks)
{
    static const float fades[] = {1.0F, 0.6F};
    for (uint32_t f = 0; f < 2 && f < looks; f++) {
        double value = 0.0;
        mr_ranker_recipe recipe = single_recipe(t, MR_SIGNAL_POPULAR);
        recipe.popular_fade = fades[f];
        MR_TRY(try_single(t, &recipe, &t->train, &value));
    }
    return MR_OK;
}

/* Old sequences tell less, where their order is that of time. */
static float age_scale(const tuning *t)
{
    const bool is_ordered = t->options->form == MR_RANKING_NEXT_ITEM ||
                            t->options->form == MR_RANKING_AFTER_CUT;
    return is_ordered ? (float)t->train.count : 0.0F;
}

static mr_status look_sequence(void *context, const double *point, double *ret_value)
{
    tuning *t = context;
    mr_ranker_recipe recipe = single_recipe(t, MR_SIGNAL_SEQUENCE);
    recipe.sequence.age_scale = age_scale(t);
    mr_covisitation_at(point, &recipe.sequence);
    return try_single(t, &recipe, &t->train, ret_value);
}

static mr_status tune_sequence(tuning *t, uint32_t looks)
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
    tuning *t = context;
    mr_ranker_recipe recipe = single_recipe(t, MR_SIGNAL_SESSION_KNN);
    recipe.session_knn.age_scale = age_scale(t);
    mr_session_knn_at(point, &recipe.session_knn);
    return try_single(t, &recipe, &t->train, ret_value);
}

static mr_status tune_session_knn(tuning *t, uint32_t looks)
{
    mr_pattern_axis axes[MR_SESSION_KNN_AXES];
    double point[MR_SESSION_KNN_AXES];
    double value = 0.0;
    uint32_t used = 0;
    mr_session_knn_axes(axes);
    return mr_pattern_search(axes, MR_SESSION_KNN_AXES, looks, look_session_knn, t, point,
                             &value, &used);
}

static mr_status tune_repeat(tuning *t, uint32_t looks)
{
    static const float fadings[] = {0.6F, 0.85F, 0.3F};
    for (uint32_t f = 0; f < 3 && f < looks; f++) {
        double value = 0.0;
        mr_ranker_recipe recipe = single_recipe(t, MR_SIGNAL_REPEAT);
        recipe.repeat.fading = fadings[f];
        MR_TRY(try_single(t, &recipe, &t->train, &value));
    }
    return MR_OK;
}

static mr_status tune_content(tuning *t, uint32_t looks)
{
    double value = 0.0;
    mr_ranker_recipe recipe = single_recipe(t, MR_SIGNAL_CONTENT);
    (void)looks;
    return try_single(t, &recipe, &t->train, &value);
}

/* Without a look: the family as it comes. */
static void take_default(tuning *t, mr_signal signal)
{
    t->best[signal] = single_recipe(t, signal);
    t->result->tried[signal] = true;
}

static mr_status tune_rows(tuning *t, uint32_t looks)
{
    double value = 0.0;
    mr_ranker_recipe recipe = single_recipe(t, MR_SIGNAL_ROWS);
    (void)looks;
    return try_single(t, &recipe, &t->train, &value);
}

/* ---- the encoder ---- */

static uint64_t count_examples(const mr_sequences *sequences)
{
    uint64_t count = 0;
    for (uint32_t s = 0; s < sequences->count; s++) {
        const size_t length = mr_sequences_length(sequences, s);
        count += length > 1 ? length - 1 : 0;
    }
    return count;
}

/* Of the three products of an epoch. */
static double epoch_flops(const mr_sequences *sequences,
                          const mr_encoder_options *options)
{
    return 6.0 * (double)count_examples(sequences) * (double)options->negatives *
           (double)options->dimension;
}

/* The newest sequences, as many as one trial epoch may cost. */
static mr_sequences trial_part(const mr_sequences *sequences,
                               const mr_encoder_options *options)
{
    const double share = ENCODER_TRIAL_FLOPS_MAX / epoch_flops(sequences, options);
    if (share >= 1.0)
        return *sequences;
    const uint32_t count = (uint32_t)(share * (double)sequences->count);
    const mr_sequences part =
        mr_sequences_slice(sequences, sequences->count - count, count);
    return count_examples(&part) > 0 ? part : *sequences;
}

static uint32_t epochs_within(double flops_max, double flops, uint32_t most)
{
    const double epochs = floor(flops_max / flops);
    return epochs < 1.0 ? 1 : epochs > (double)most ? most : (uint32_t)epochs;
}

/* More negatives than items say everything twice. */
static uint32_t negatives_of(const tuning *t, uint32_t wanted)
{
    return t->train.items < wanted ? t->train.items : wanted;
}

/* As large and as long as the bound allows: more of either has not been seen to harm. */
static void size_encoder(const tuning *t, mr_encoder_options *options)
{
    static const uint32_t dimensions[] = {256, 128, 64};
    static const uint32_t epochs_wanted[] = {8, 6, 4};
    const bool is_economy = t->options->budget > 0 && t->options->budget < 12;
    const double bound = is_economy ? ENCODER_FLOPS_MAX / 6.0 : ENCODER_FLOPS_MAX;
    for (size_t d = 0; d < 3; d++) {
        options->dimension = dimensions[d];
        options->batch = dimensions[d] == 128 ? 512 : 256;
        options->negatives = negatives_of(t, dimensions[d] == 64 ? 1024 : 2048);
        const double flops = epoch_flops(&t->train, options);
        options->epochs = epochs_within(bound, flops, epochs_wanted[d]);
        if (options->epochs == epochs_wanted[d])
            return;
    }
}

static mr_status tune_encoder(tuning *t, uint32_t looks)
{
    static const struct {
        float temperature;
        float dropout;
    } settings[] = {{0.07F, 0.2F}, {0.1F, 0.4F}, {0.085F, 0.3F}};
    mr_ranker_recipe recipe = single_recipe(t, MR_SIGNAL_ENCODER);
    if (count_examples(&t->train) == 0)
        return MR_OK; /* the cut left no sequence of two: nothing to train on */
    recipe.encoder.seed = t->options->seed;
    recipe.encoder.negatives_skip_prefix = !recipe.repeats_allowed;
    for (uint32_t i = 0; i < 3 && i < looks && looks > 1; i++) {
        double value = 0.0;
        recipe.encoder.dimension = 128;
        recipe.encoder.batch = 256;
        recipe.encoder.negatives = negatives_of(t, 2048);
        const mr_sequences part = trial_part(&t->train, &recipe.encoder);
        recipe.encoder.epochs = epochs_within(ENCODER_TRIAL_FLOPS_MAX,
                                              epoch_flops(&part, &recipe.encoder), 5);
        recipe.encoder.temperature = settings[i].temperature;
        recipe.encoder.dropout = settings[i].dropout;
        MR_TRY(try_single(t, &recipe, &part, &value));
    }
    if (t->result->tried[MR_SIGNAL_ENCODER]) {
        recipe.encoder.temperature = t->best[MR_SIGNAL_ENCODER].encoder.temperature;
        recipe.encoder.dropout = t->best[MR_SIGNAL_ENCODER].encoder.dropout;
    }
    size_encoder(t, &recipe.encoder);
    t->best[MR_SIGNAL_ENCODER] = recipe;
    t->result->tried[MR_SIGNAL_ENCODER] = true;
    return MR_OK;
}

/* ---- the blend ---- */

/* The best of every family together. */
static mr_ranker_recipe joined(const tuning *t)
{
    mr_ranker_recipe recipe = single_recipe(t, MR_SIGNAL_POPULAR);
    recipe.single = MR_SIGNALS;
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

static mr_questions half(const mr_questions *questions, bool second)
{
    const uint32_t middle = questions->given.count / 2;
    const uint32_t first = second ? middle : 0;
    const uint32_t count = second ? questions->given.count - middle : middle;
    return (mr_questions){.given = mr_sequences_slice(&questions->given, first, count),
                          .target_ptr = questions->target_ptr + first,
                          .targets = questions->targets};
}

/* The family that is best on questions, trained as it would be in the blend. */
static mr_status best_single(tuning *t, const mr_ranker_members *members,
                             const mr_ranker_recipe *blend, const mr_questions *questions,
                             mr_signal *ret_signal, mr_ranking_metrics *ret_metrics)
{
    double best = -1.0;
    for (uint32_t s = 0; s < MR_SIGNALS; s++) {
        mr_ranking_metrics metrics = {0};
        mr_ranker_recipe single = *blend;
        if (!blend->uses[s])
            continue;
        single.single = (mr_signal)s;
        MR_TRY(evaluate(t, members, &single, questions, &metrics));
        const double value = mr_ranking_objective(t->options->form, &metrics);
        if (value <= best)
            continue;
        best = value;
        *ret_signal = (mr_signal)s;
        *ret_metrics = metrics;
    }
    return MR_OK;
}

static uint32_t in_use(const mr_ranker_recipe *recipe)
{
    uint32_t count = 0;
    for (uint32_t s = 0; s < MR_SIGNALS; s++)
        count += recipe->uses[s];
    return count;
}

/* Weights fitted on some questions and judged on others; false where no candidate of the former
 * was an answer, so that nothing can be fitted. */
static mr_status fit_and_judge(tuning *t, const mr_ranker_members *members,
                               const mr_questions *fitted, const mr_questions *judged,
                               mr_ranker_recipe *recipe, bool *ret_fits,
                               mr_ranking_metrics *ret_metrics)
{
    mr_ranker_groups groups = {0};
    mr_status status =
        mr_ranker_groups_collect(members, recipe, fitted, t->pool, &groups);
    *ret_fits = status == MR_OK && groups.data.groups > 0;
    if (*ret_fits)
        status = mr_ranker_groups_fit(&groups, t->pool, recipe, NULL);
    mr_ranker_groups_deinit(&groups);
    if (status == MR_OK && *ret_fits)
        status = evaluate(t, members, recipe, judged, ret_metrics);
    return status;
}

static void fall_back(mr_ranker_recipe *recipe, mr_signal single)
{
    recipe->single = single;
    memset(recipe->weights, 0, sizeof(recipe->weights));
    for (uint32_t s = 0; s < MR_SIGNALS; s++)
        recipe->uses[s] = s == single;
}

/* Weights fitted on the first half against the best single, both on the second. */
static mr_status choose_between(tuning *t, const mr_ranker_members *members,
                                mr_ranker_recipe *recipe)
{
    const mr_questions fitted = half(&t->questions, false);
    const mr_questions judged = half(&t->questions, true);
    mr_ranking_metrics alone = {0};
    mr_ranking_metrics blended = {0};
    mr_signal single = MR_SIGNAL_POPULAR;
    bool fits = false;
    MR_TRY(best_single(t, members, recipe, &judged, &single, &alone));
    MR_TRY(fit_and_judge(t, members, &fitted, &judged, recipe, &fits, &blended));
    t->result->tries++;
    report_try(t, recipe, &blended);
    const bool wins = mr_ranking_objective(t->options->form, &blended) >
                      mr_ranking_objective(t->options->form, &alone);
    const bool is_blend = wins || (fits && t->options->insist_on_blend);
    report(t,
           "on the other half: %s alone hit %.4f ndcg %.4f mrr %.4f, blend hit %.4f "
           "ndcg %.4f mrr %.4f: %s",
           mr_signal_name(single), alone.hit, alone.ndcg, alone.mrr, blended.hit,
           blended.ndcg, blended.mrr, is_blend ? "the blend" : "the single");
    t->result->holdout = is_blend ? blended : alone;
    if (!is_blend)
        fall_back(recipe, single);
    return MR_OK;
}

static mr_status choose_blend(tuning *t)
{
    mr_ranker_recipe recipe = joined(t);
    mr_ranker_members members = {0};
    mr_ranker_groups groups = {0};
    MR_TRY(train(t, &recipe, &t->train, &members));
    mr_status status = MR_OK;
    if (in_use(&recipe) > 1 || t->options->insist_on_blend) {
        status = choose_between(t, &members, &recipe);
        if (status == MR_OK && recipe.single == MR_SIGNALS)
            status = mr_ranker_groups_collect(&members, &recipe, &t->questions, t->pool,
                                              &groups);
        if (status == MR_OK && recipe.single == MR_SIGNALS)
            status = mr_ranker_groups_fit(&groups, t->pool, &recipe, NULL);
    } else {
        status = best_single(t, &members, &recipe, &t->questions, &recipe.single,
                             &t->result->holdout);
        t->result->tries++;
        report_try(t, &recipe, &t->result->holdout);
    }
    mr_ranker_groups_deinit(&groups);
    mr_ranker_members_deinit(&members);
    t->result->recipe = recipe;
    return status;
}

/* ---- all of it ---- */

/* With too little to choose on: the first family that may be used, as it comes. */
static void settle(const mr_ranker_tuner_options *options, mr_ranker_tuner_result *result)
{
    static const mr_signal order[] = {
        MR_SIGNAL_POPULAR, MR_SIGNAL_SEQUENCE, MR_SIGNAL_SESSION_KNN, MR_SIGNAL_REPEAT,
        MR_SIGNAL_ROWS,    MR_SIGNAL_ENCODER,  MR_SIGNAL_CONTENT};
    tuning t = {.options = options, .result = result, .cut = {.repeat_share = 1.0}};
    for (size_t s = sizeof(order) / sizeof(order[0]); s-- > 0;)
        if (may_use(options, order[s]))
            result->recipe = single_recipe(&t, order[s]);
    report(&t, "too few questions to choose on: %s as it comes",
           mr_ranker_recipe_name(&result->recipe));
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

static mr_status tune(tuning *t)
{
    static const struct {
        mr_signal signal;
        uint32_t parts; /* of MR_RANKER_BUDGET_DEFAULT */
        mr_status (*tune)(tuning *t, uint32_t looks);
    } families[] = {
        {MR_SIGNAL_POPULAR, 2, tune_popular},
        {MR_SIGNAL_REPEAT, 2, tune_repeat},
        {MR_SIGNAL_SEQUENCE, 8, tune_sequence},
        {MR_SIGNAL_SESSION_KNN, 6, tune_session_knn},
        {MR_SIGNAL_CONTENT, 1, tune_content},
        {MR_SIGNAL_ROWS, 1, tune_rows},
        {MR_SIGNAL_ENCODER, 3, tune_encoder},
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
        return choose_blend(t);
    settle(t->options, t->result);
    return MR_OK;
}

mr_status mr_ranker_tune(const mr_sequences *sequences,
                         const mr_ranker_tuner_options *options, mr_worker_pool *pool,
                         mr_ranker_tuner_result *ret_result)
{
    mr_ranker_tuner_result result = {0};
    tuning t = {.options = options, .pool = pool, .result = &result};
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
    report(&t, "hold-out: %u questions, %.1f%% of the answers stand in the query",
           result.questions, 100.0 * result.repeat_share);
    const mr_status status = tune(&t);
    mr_ranker_cut_deinit(&t.cut);
    if (status == MR_OK)
        *ret_result = result;
    return status;
}
