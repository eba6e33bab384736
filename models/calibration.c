#include "models/calibration.h"

#include "models/logistic.h"
#include "models/random.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    PLATT_ITERATIONS_MAX = 100,
    PLATT_HALVINGS_MAX = 30,
    HALVES_SEED = 1,
};

/* Of a stored knot; beyond any score, and far from where differences overflow. */
static const double LOGIT_MAX = 1e12;

typedef struct scored {
    float score;
    uint8_t label;
} scored;

const char *mr_calibration_kind_name(mr_calibration_kind kind)
{
    switch (kind) {
    case MR_CALIBRATION_NONE: return "none";
    case MR_CALIBRATION_PLATT: return "platt";
    case MR_CALIBRATION_ISOTONIC: return "isotonic";
    }
    return "none";
}

static size_t count_positives(const uint8_t *labels, size_t count)
{
    size_t positives = 0;
    for (size_t i = 0; i < count; i++)
        positives += labels[i] != 0;
    return positives;
}

/* The targets of Lin, Lin and Weng: labels drawn in by what one more row of each could be. */
typedef struct platt_targets {
    double positive;
    double negative;
} platt_targets;

static double platt_loss(const float *scores, const uint8_t *labels, size_t count,
                         platt_targets targets, double slope, double offset)
{
    double loss = 0.0;
    for (size_t i = 0; i < count; i++) {
        const double target = labels[i] != 0 ? targets.positive : targets.negative;
        const double logit = slope * (double)scores[i] + offset;
        loss += target * mr_softplus(-logit) + (1.0 - target) * mr_softplus(logit);
    }
    return loss;
}

typedef struct platt_step {
    double slope;
    double offset;
    double promise; /* gradient times step: what a linear loss would lose */
} platt_step;

static platt_step platt_newton(const float *scores, const uint8_t *labels, size_t count,
                               platt_targets targets, double slope, double offset)
{
    double ga = 0.0, gb = 0.0, haa = 1e-12, hab = 0.0, hbb = 1e-12;
    for (size_t i = 0; i < count; i++) {
        const double score = (double)scores[i];
        const double target = labels[i] != 0 ? targets.positive : targets.negative;
        const double probability = mr_sigmoid(slope * score + offset);
        const double weight = probability * (1.0 - probability);
        ga += (probability - target) * score;
        gb += probability - target;
        haa += weight * score * score;
        hab += weight * score;
        hbb += weight;
    }
    const double determinant = haa * hbb - hab * hab;
    if (!(determinant >
          1e-12 * haa * hbb)) /* every score is the same: move the offset alone */
        return (platt_step){.offset = gb / hbb, .promise = gb * gb / hbb};
    const double slope_step = (hbb * ga - hab * gb) / determinant;
    const double offset_step = (haa * gb - hab * ga) / determinant;
    return (platt_step){.slope = slope_step,
                        .offset = offset_step,
                        .promise = ga * slope_step + gb * offset_step};
}

static void fit_platt(const float *scores, const uint8_t *labels, size_t count,
                      mr_calibration *ret_calibration)
{
    const double positives = (double)count_positives(labels, count);
    const double negatives = (double)count - positives;
    const platt_targets targets = {.positive = (positives + 1.0) / (positives + 2.0),
                                   .negative = 1.0 / (negatives + 2.0)};
    double slope = 1.0;
    double offset = 0.0;
    double loss = platt_loss(scores, labels, count, targets, slope, offset);
    for (int i = 0; i < PLATT_ITERATIONS_MAX; i++) {
        const platt_step step =
            platt_newton(scores, labels, count, targets, slope, offset);
        if (step.promise <= 1e-12 * loss)
            break;
        double length = 1.0;
        double trial = loss;
        for (int halving = 0; halving < PLATT_HALVINGS_MAX; halving++) {
            trial =
                platt_loss(scores, labels, count, targets, slope - length * step.slope,
                           offset - length * step.offset);
            if (trial <= loss - 1e-4 * length * step.promise)
                break;
            length *= 0.5;
        }
        if (trial >= loss)
            break;
        slope -= length * step.slope;
        offset -= length * step.offset;
        loss = trial;
    }
    /* A score that ranks backwards is no reason to turn the ranking round: say the base rate. */
    if (slope < 0.0) {
        slope = 0.0;
        offset = log(positives / negatives);
    }
    *ret_calibration =
        (mr_calibration){.kind = MR_CALIBRATION_PLATT, .slope = slope, .offset = offset};
}

size_t mr_isotonic_pool(double *values, const double *weights, size_t count,
                        size_t *starts)
{
    /* Step s covers [starts[s], starts[s + 1]); its mean and weight lie in the arrays' front,
     * which the input has left behind: s never exceeds i. */
    size_t steps = 0;
    double *mean = values;
    double *mass = malloc((count + 1) * sizeof(double));
    if (mass == NULL)
        return 0;
    for (size_t i = 0; i < count; i++) {
        double value = values[i];
        double weight = weights[i];
        size_t start = i;
        while (steps > 0 && mean[steps - 1] >= value) {
            steps--;
            value = (value * weight + mean[steps] * mass[steps]) / (weight + mass[steps]);
            weight += mass[steps];
            start = starts[steps];
        }
        mean[steps] = value;
        mass[steps] = weight;
        starts[steps++] = start;
    }
    free(mass);
    for (size_t s = steps, end = count; s-- > 0; end = starts[s])
        for (size_t i = end; i-- > starts[s];)
            values[i] = mean[s];
    return steps;
}

static int by_rising_score(const void *left, const void *right)
{
    const scored *a = left;
    const scored *b = right;
    if (a->score != b->score)
        return (a->score > b->score) - (a->score < b->score);
    return (int)a->label - (int)b->label;
}

typedef struct score_groups {
    double score[MR_ISOTONIC_GROUPS_MAX];
    double rate[MR_ISOTONIC_GROUPS_MAX];
    double weight[MR_ISOTONIC_GROUPS_MAX];
    size_t count;
} score_groups;

/*
 * Groups of neighbouring rows, equal scores kept together.  Half a row of either label is added
 * to each [Jeffreys], so that no group promises 0 or 1.
 */
static void make_groups(const scored *rows, size_t count, score_groups *ret_groups)
{
    const size_t by_limit = (count + MR_ISOTONIC_GROUPS_MAX - 1) / MR_ISOTONIC_GROUPS_MAX;
    const size_t size =
        by_limit > MR_ISOTONIC_GROUP_ROWS ? by_limit : MR_ISOTONIC_GROUP_ROWS;
    ret_groups->count = 0;
    for (size_t first = 0; first < count;) {
        size_t end = first + size < count ? first + size : count;
        while (end < count && rows[end].score == rows[end - 1].score)
            end++;
        if (count - end < size / 2)
            end = count;
        double sum = 0.0;
        double positives = 0.0;
        for (size_t i = first; i < end; i++) {
            sum += (double)rows[i].score;
            positives += rows[i].label;
        }
        const double members = (double)(end - first);
        ret_groups->score[ret_groups->count] = sum / members;
        ret_groups->rate[ret_groups->count] = (positives + 0.5) / (members + 1.0);
        ret_groups->weight[ret_groups->count] = members + 1.0;
        ret_groups->count++;
        first = end;
    }
}

/* A knot in the middle of each step. */
static mr_status knots_of(score_groups *groups, mr_calibration *ret_calibration)
{
    size_t starts[MR_ISOTONIC_GROUPS_MAX];
    double score[MR_ISOTONIC_GROUPS_MAX];
    double logit[MR_ISOTONIC_GROUPS_MAX];
    const size_t steps =
        mr_isotonic_pool(groups->rate, groups->weight, groups->count, starts);
    if (steps == 0)
        return MR_ERR_NO_MEMORY;
    for (size_t s = 0; s < steps; s++) {
        const size_t end = s + 1 < steps ? starts[s + 1] : groups->count;
        double sum = 0.0;
        double weight = 0.0;
        for (size_t i = starts[s]; i < end; i++) {
            sum += groups->score[i] * groups->weight[i];
            weight += groups->weight[i];
        }
        const double rate = groups->rate[starts[s]];
        score[s] = sum / weight;
        logit[s] = log(rate / (1.0 - rate));
    }
    return mr_calibration_init_isotonic((uint32_t)steps, score, logit, ret_calibration);
}

static mr_status fit_isotonic(const float *scores, const uint8_t *labels, size_t count,
                              mr_calibration *ret_calibration)
{
    scored *rows = malloc(count * sizeof(*rows));
    if (rows == NULL)
        return MR_ERR_NO_MEMORY;
    for (size_t i = 0; i < count; i++)
        rows[i] = (scored){.score = scores[i], .label = labels[i] != 0};
    qsort(rows, count, sizeof(*rows), by_rising_score);
    score_groups groups;
    make_groups(rows, count, &groups);
    free(rows);
    return knots_of(&groups, ret_calibration);
}

mr_status mr_calibration_fit(mr_calibration_kind kind, const float *scores,
                             const uint8_t *labels, size_t count,
                             mr_calibration *ret_calibration)
{
    const size_t positives = count_positives(labels, count);
    if (positives == 0 || positives == count)
        return MR_ERR_INVALID;
    switch (kind) {
    case MR_CALIBRATION_NONE: *ret_calibration = (mr_calibration){0}; return MR_OK;
    case MR_CALIBRATION_PLATT:
        fit_platt(scores, labels, count, ret_calibration);
        return MR_OK;
    case MR_CALIBRATION_ISOTONIC:
        return fit_isotonic(scores, labels, count, ret_calibration);
    }
    return MR_ERR_INVALID;
}

/* Halves that do not follow the order of the rows, which may carry meaning. */
static bool in_second_half(size_t row)
{
    return (mr_random_bits(HALVES_SEED, row) & 1) != 0;
}

static double loss_under(const mr_calibration *calibration, const float *scores,
                         const uint8_t *labels, size_t count)
{
    double loss = 0.0;
    for (size_t i = 0; i < count; i++) {
        const double logit = mr_calibration_logit(calibration, (double)scores[i]);
        loss += mr_softplus(labels[i] != 0 ? -logit : logit);
    }
    return loss;
}

/* Rows laid out as first half, second half. */
typedef struct halves {
    float *scores;
    uint8_t *labels;
    size_t first;
    size_t count;
} halves;

static mr_status make_halves(const float *scores, const uint8_t *labels, size_t count,
                             halves *ret_halves)
{
    *ret_halves = (halves){
        .scores = malloc(count * sizeof(float)), .labels = malloc(count), .count = count};
    if (ret_halves->scores == NULL || ret_halves->labels == NULL)
        return MR_ERR_NO_MEMORY;
    size_t to = 0;
    for (int half = 0; half < 2; half++) {
        for (size_t i = 0; i < count; i++) {
            if (in_second_half(i) != (half == 1))
                continue;
            ret_halves->scores[to] = scores[i];
            ret_halves->labels[to++] = labels[i];
        }
        if (half == 0)
            ret_halves->first = to;
    }
    return MR_OK;
}

/* Fit on each half, judge on the other.  MR_ERR_INVALID when a half has one label only. */
static mr_status cross_loss(mr_calibration_kind kind, const halves *rows,
                            double *ret_loss)
{
    const float *second_scores = rows->scores + rows->first;
    const uint8_t *second_labels = rows->labels + rows->first;
    const size_t second = rows->count - rows->first;
    mr_calibration calibration;
    MR_TRY(
        mr_calibration_fit(kind, rows->scores, rows->labels, rows->first, &calibration));
    double loss = loss_under(&calibration, second_scores, second_labels, second);
    mr_calibration_deinit(&calibration);
    MR_TRY(mr_calibration_fit(kind, second_scores, second_labels, second, &calibration));
    loss += loss_under(&calibration, rows->scores, rows->labels, rows->first);
    mr_calibration_deinit(&calibration);
    *ret_loss = loss;
    return MR_OK;
}

static mr_status best_kind(const halves *rows, bool enough_for_isotonic,
                           mr_calibration_kind *ret_kind)
{
    const mr_calibration_kind last =
        enough_for_isotonic ? MR_CALIBRATION_ISOTONIC : MR_CALIBRATION_PLATT;
    double best = (double)INFINITY;
    *ret_kind = MR_CALIBRATION_NONE;
    for (int kind = MR_CALIBRATION_NONE; kind <= (int)last; kind++) {
        double loss = 0.0;
        const mr_status status = cross_loss((mr_calibration_kind)kind, rows, &loss);
        if (status == MR_ERR_INVALID)
            return MR_OK; /* too few rows to judge by: leave the score alone */
        MR_TRY(status);
        if (loss < best) {
            best = loss;
            *ret_kind = (mr_calibration_kind)kind;
        }
    }
    return MR_OK;
}

mr_status mr_calibration_choose(const float *scores, const uint8_t *labels, size_t count,
                                mr_calibration *ret_calibration)
{
    const size_t positives = count_positives(labels, count);
    if (positives == 0 || positives == count)
        return MR_ERR_INVALID;
    const bool enough = positives >= MR_ISOTONIC_CLASS_ROWS &&
                        count - positives >= MR_ISOTONIC_CLASS_ROWS;
    halves rows;
    mr_calibration_kind kind = MR_CALIBRATION_NONE;
    mr_status status = make_halves(scores, labels, count, &rows);
    if (status == MR_OK)
        status = best_kind(&rows, enough, &kind);
    free(rows.scores);
    free(rows.labels);
    MR_TRY(status);
    return mr_calibration_fit(kind, scores, labels, count, ret_calibration);
}

mr_status mr_calibration_init_isotonic(uint32_t knots, const double *score,
                                       const double *logit,
                                       mr_calibration *ret_calibration)
{
    if (knots == 0 || knots > MR_ISOTONIC_GROUPS_MAX)
        return MR_ERR_INVALID;
    for (uint32_t k = 0; k < knots; k++) {
        if (!(fabs(score[k]) <= LOGIT_MAX) || !(fabs(logit[k]) <= LOGIT_MAX))
            return MR_ERR_INVALID;
        if (k > 0 && (score[k] <= score[k - 1] || logit[k] < logit[k - 1]))
            return MR_ERR_INVALID;
    }
    mr_calibration calibration = {.kind = MR_CALIBRATION_ISOTONIC,
                                  .knots = knots,
                                  .score = malloc(knots * sizeof(double)),
                                  .logit = malloc(knots * sizeof(double))};
    if (calibration.score == NULL || calibration.logit == NULL) {
        mr_calibration_deinit(&calibration);
        return MR_ERR_NO_MEMORY;
    }
    memcpy(calibration.score, score, knots * sizeof(double));
    memcpy(calibration.logit, logit, knots * sizeof(double));
    *ret_calibration = calibration;
    return MR_OK;
}

void mr_calibration_deinit(mr_calibration *calibration)
{
    free(calibration->score);
    free(calibration->logit);
    *calibration = (mr_calibration){0};
}

static double isotonic_logit(const mr_calibration *calibration, double score)
{
    const uint32_t last = calibration->knots - 1;
    if (score <= calibration->score[0])
        return calibration->logit[0] + (score - calibration->score[0]);
    if (score >= calibration->score[last])
        return calibration->logit[last] + (score - calibration->score[last]);
    uint32_t low = 0;
    uint32_t high = last;
    while (high - low > 1) { /* score[low] <= score < score[high] */
        const uint32_t middle = low + (high - low) / 2;
        if (calibration->score[middle] <= score)
            low = middle;
        else
            high = middle;
    }
    const double share = (score - calibration->score[low]) /
                         (calibration->score[high] - calibration->score[low]);
    return calibration->logit[low] +
           share * (calibration->logit[high] - calibration->logit[low]);
}

double mr_calibration_logit(const mr_calibration *calibration, double score)
{
    switch (calibration->kind) {
    case MR_CALIBRATION_NONE: return score;
    case MR_CALIBRATION_PLATT: return calibration->slope * score + calibration->offset;
    case MR_CALIBRATION_ISOTONIC: return isotonic_logit(calibration, score);
    }
    return score;
}
