#include "models/churn_protocol.h"

#include "models/churn_model.h"
#include "models/purchase_features.h"
#include "models/random.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A month between origins: features have moved on, the base rate is still today's. */
enum { ORIGIN_STEP_DAYS = 30 };

static const double GAP_SHARE = 0.95;

mr_status mr_churn_family_parse(mr_text text, mr_churn_family *ret_family)
{
    if (mr_text_is(text, "auto"))
        *ret_family = MR_CHURN_AUTO;
    else if (mr_text_is(text, "logistic"))
        *ret_family = MR_CHURN_LOGISTIC;
    else
        return MR_ERR_INVALID;
    return MR_OK;
}

/* Rows and what belongs to them, grown together. */
typedef struct dataset {
    float *values;
    uint8_t *labels;
    uint16_t *origins;
    uint32_t *subjects;
    size_t count;
    uint32_t columns;
} dataset;

static mr_status dataset_init(dataset *d, size_t capacity, uint32_t columns)
{
    *d = (dataset){.values = malloc(capacity * columns * sizeof(float)),
                   .labels = malloc(capacity),
                   .origins = calloc(capacity, sizeof(uint16_t)),
                   .subjects = malloc(capacity * sizeof(uint32_t)),
                   .columns = columns};
    return d->values != NULL && d->labels != NULL && d->origins != NULL &&
                   d->subjects != NULL
               ? MR_OK
               : MR_ERR_NO_MEMORY;
}

static void dataset_deinit(dataset *d)
{
    free(d->values);
    free(d->labels);
    free(d->origins);
    free(d->subjects);
}

static double label_rate(const uint8_t *labels, size_t count)
{
    double positives = 0.0;
    for (size_t i = 0; i < count; i++)
        positives += labels[i];
    return count > 0 ? positives / (double)count : 0.0;
}

static double seconds_since(const mr_clock *clock, int64_t start_ns)
{
    return (double)(mr_clock_monotonic_ns(clock) - start_ns) * 1e-9;
}

static void say(mr_churn_evaluation *evaluation, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Add to the model's text, cut when it is full. */
static void say(mr_churn_evaluation *evaluation, const char *format, ...)
{
    const size_t length = strlen(evaluation->model);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(evaluation->model + length, sizeof(evaluation->model) - length,
                    format, arguments);
    va_end(arguments);
}

/* Train on one data set, score another, and add the times and the choices to the result. */
static mr_status train_and_score(const dataset *train, const char *const *names,
                                 const dataset *test, const mr_clock *clock,
                                 float *ret_probabilities,
                                 mr_churn_evaluation *evaluation, mr_error *ret_error)
{
    const mr_churn_rows rows = {.values = train->values,
                                .labels = train->labels,
                                .origins = train->origins,
                                .subjects = train->subjects,
                                .count = train->count,
                                .columns = train->columns};
    const mr_churn_options options = {.names = names,
                                      .label_window_days = evaluation->window_days,
                                      .seed = evaluation->seed};
    mr_churn_model *model = NULL;
    const int64_t train_ns = mr_clock_monotonic_ns(clock);
    MR_TRY(mr_churn_model_train(&rows, &options, &model, ret_error));
    evaluation->train_seconds += seconds_since(clock, train_ns);
    const int64_t score_ns = mr_clock_monotonic_ns(clock);
    mr_churn_model_score(model, test->values, test->count, ret_probabilities);
    evaluation->score_seconds += seconds_since(clock, score_ns);
    const mr_churn_summary summary = mr_churn_model_summary(model);
    evaluation->origins = summary.origins;
    if (evaluation->model[0] == '\0')
        say(evaluation, "logistic");
    say(evaluation, " l2=%g calibration=%s", summary.l2,
        mr_calibration_kind_name(summary.calibration));
    mr_churn_model_destroy(model);
    return MR_OK;
}

/* ---- table ---- */

typedef struct dealt_row {
    uint64_t key;
    uint32_t row;
    uint8_t label;
} dealt_row;

static int by_label_and_key(const void *left, const void *right)
{
    const dealt_row *a = left;
    const dealt_row *b = right;
    if (a->label != b->label)
        return (int)a->label - (int)b->label;
    if (a->key != b->key)
        return (a->key > b->key) - (a->key < b->key);
    return (a->row > b->row) - (a->row < b->row);
}

/* A fold for each row: the rows of each label, shuffled, are dealt in turn. */
static mr_status deal_folds(const uint8_t *labels, size_t count, uint32_t folds,
                            uint64_t seed, uint8_t *ret_folds)
{
    dealt_row *rows = malloc(count * sizeof(*rows));
    if (rows == NULL)
        return MR_ERR_NO_MEMORY;
    for (size_t i = 0; i < count; i++)
        rows[i] = (dealt_row){mr_random_bits(seed, i), (uint32_t)i, labels[i]};
    qsort(rows, count, sizeof(*rows), by_label_and_key);
    for (size_t i = 0; i < count; i++)
        ret_folds[rows[i].row] = (uint8_t)(i % folds);
    free(rows);
    return MR_OK;
}

/* The rows of one fold, or those of all the others. */
static void take_rows(const mr_table *table, const uint8_t *folds, uint32_t fold,
                      bool inside, dataset *to)
{
    const uint32_t columns = to->columns;
    to->count = 0;
    for (size_t i = 0; i < mr_table_rows(table); i++) {
        if ((folds[i] == fold) != inside)
            continue;
        memcpy(to->values + to->count * columns, mr_table_values(table) + i * columns,
               columns * sizeof(float));
        to->subjects[to->count] = (uint32_t)i;
        to->labels[to->count++] = mr_table_labels(table)[i];
    }
}

typedef struct fold_run {
    const mr_table *table;
    const mr_churn_table_options *options;
    const char **names;
    uint8_t *folds;
    dataset train;
    dataset test;
    float *probabilities; /* fold after fold */
    uint8_t *labels;      /* in the same order */
} fold_run;

static void fold_run_deinit(fold_run *run)
{
    free(run->names);
    free(run->folds);
    free(run->probabilities);
    free(run->labels);
    dataset_deinit(&run->train);
    dataset_deinit(&run->test);
}

static mr_status fold_run_init(fold_run *run)
{
    const size_t rows = mr_table_rows(run->table);
    const uint32_t columns = mr_table_columns(run->table);
    run->names = malloc(columns * sizeof(*run->names));
    run->folds = malloc(rows);
    run->probabilities = malloc(rows * sizeof(float));
    run->labels = malloc(rows);
    if (run->names == NULL || run->folds == NULL || run->probabilities == NULL ||
        run->labels == NULL)
        return MR_ERR_NO_MEMORY;
    for (uint32_t c = 0; c < columns; c++)
        run->names[c] = mr_table_column_name(run->table, c);
    MR_TRY(dataset_init(&run->train, rows, columns));
    MR_TRY(dataset_init(&run->test, rows, columns));
    return deal_folds(mr_table_labels(run->table), rows, run->options->folds,
                      run->options->seed, run->folds);
}

static mr_status run_folds(fold_run *run, mr_churn_evaluation *evaluation,
                           mr_error *ret_error)
{
    const uint32_t folds = run->options->folds;
    mr_binary_metrics sum = {0};
    double auc_squares = 0.0;
    size_t scored = 0;
    for (uint32_t fold = 0; fold < folds; fold++) {
        mr_binary_metrics m;
        take_rows(run->table, run->folds, fold, false, &run->train);
        take_rows(run->table, run->folds, fold, true, &run->test);
        MR_TRY(train_and_score(&run->train, run->names, &run->test, run->options->clock,
                               run->probabilities + scored, evaluation, ret_error));
        MR_TRY(mr_binary_metrics_measure(run->probabilities + scored, run->test.labels,
                                         run->test.count, &m));
        memcpy(run->labels + scored, run->test.labels, run->test.count);
        scored += run->test.count;
        sum.auc += m.auc / folds;
        sum.log_loss += m.log_loss / folds;
        sum.brier += m.brier / folds;
        sum.lift_at_10 += m.lift_at_10 / folds;
        auc_squares += m.auc * m.auc / folds;
    }
    mr_binary_metrics all;
    MR_TRY(mr_binary_metrics_measure(run->probabilities, run->labels, scored, &all));
    sum.ece = all.ece;
    evaluation->metrics = sum;
    evaluation->auc_deviation = sqrt(fmax(auc_squares - sum.auc * sum.auc, 0.0));
    evaluation->train_rows = run->train.count;
    evaluation->test_rows = scored;
    return MR_OK;
}

static mr_status check_folds(const mr_table *table, uint32_t folds, mr_error *ret_error)
{
    if (folds < 2 || folds > MR_CHURN_TABLE_FOLDS_MAX)
        return mr_error_set(ret_error, MR_ERR_INVALID, "folds: %u is not within 2 to %d",
                            folds, MR_CHURN_TABLE_FOLDS_MAX);
    const size_t rows = mr_table_rows(table);
    const double rate = label_rate(mr_table_labels(table), rows);
    if (fmin(rate, 1.0 - rate) * (double)rows < 2.0 * folds)
        return mr_error_set(
            ret_error, MR_ERR_INVALID,
            "folds: the rarer label has fewer than two rows for each of %u", folds);
    return MR_OK;
}

mr_status mr_churn_evaluate_table(const mr_table *table,
                                  const mr_churn_table_options *options,
                                  mr_churn_evaluation *ret_evaluation,
                                  mr_error *ret_error)
{
    MR_TRY(check_folds(table, options->folds, ret_error));
    const double rate = label_rate(mr_table_labels(table), mr_table_rows(table));
    mr_churn_evaluation evaluation = {.protocol = "churn/table",
                                      .features = mr_table_columns(table),
                                      .folds = options->folds,
                                      .train_churn_rate = rate,
                                      .test_churn_rate = rate,
                                      .seed = options->seed};
    fold_run run = {.table = table, .options = options};
    mr_status status = fold_run_init(&run);
    if (status == MR_OK)
        status = run_folds(&run, &evaluation, ret_error);
    fold_run_deinit(&run);
    MR_TRY(status);
    *ret_evaluation = evaluation;
    return MR_OK;
}

/* ---- transactions ---- */

/* Add the customers known at a cut as rows of one origin. */
static mr_status add_cut(dataset *d, const mr_transactions *transactions, int32_t cut_day,
                         uint32_t window_days, uint16_t origin)
{
    for (uint32_t c = 0; c < mr_transactions_customers(transactions); c++) {
        const mr_status status = mr_purchase_features_at(
            transactions, c, cut_day, d->values + d->count * d->columns);
        if (status == MR_ERR_NOT_FOUND)
            continue;
        MR_TRY(status);
        d->labels[d->count] = mr_purchase_churned(transactions, c, cut_day, window_days);
        d->subjects[d->count] = c;
        d->origins[d->count++] = origin;
    }
    return MR_OK;
}

/*
 * Oldest first, the training cut last.  Without earlier cuts the features that count all of a
 * customer's past and those that count the last half year can be the same numbers, and how the
 * model shares a weight between them is then decided by nothing.
 */
static mr_status add_origins(dataset *d, const mr_transactions *transactions,
                             int32_t train_day, uint32_t window_days)
{
    uint16_t origin = 0;
    for (int32_t back = MR_CHURN_ORIGINS_MAX - 1; back >= 0; back--) {
        const int32_t cut_day = train_day - back * ORIGIN_STEP_DAYS;
        if (back > 0 &&
            cut_day - ORIGIN_STEP_DAYS < mr_transactions_first_day(transactions))
            continue;
        MR_TRY(add_cut(d, transactions, cut_day, window_days, origin++));
    }
    return MR_OK;
}

static mr_status check_cuts(const mr_transactions *transactions,
                            const mr_churn_transactions_options *options,
                            uint32_t window_days, mr_error *ret_error)
{
    if (window_days == 0)
        return mr_error_set(
            ret_error, MR_ERR_INVALID,
            "window: nobody had bought twice by the training cut, state it");
    if ((int64_t)options->train_day + window_days > options->test_day)
        return mr_error_set(
            ret_error, MR_ERR_INVALID,
            "the training labels (%u days) reach past the test cut: test later",
            window_days);
    const int64_t missing =
        (int64_t)options->test_day + window_days - mr_transactions_last_day(transactions);
    if (missing > 0)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "the file ends %lld days before the test labels are known",
                            (long long)missing);
    return MR_OK;
}

typedef struct time_run {
    dataset train;
    dataset test;
    float *probabilities;
} time_run;

static mr_status run_in_time(time_run *run, const mr_transactions *transactions,
                             const mr_churn_transactions_options *options,
                             mr_churn_evaluation *evaluation, mr_error *ret_error)
{
    const size_t customers = mr_transactions_customers(transactions);
    const char *names[MR_PURCHASE_FEATURES];
    for (uint32_t f = 0; f < MR_PURCHASE_FEATURES; f++)
        names[f] = mr_purchase_feature_name(f);
    MR_TRY(dataset_init(&run->train, customers * MR_CHURN_ORIGINS_MAX,
                        MR_PURCHASE_FEATURES));
    MR_TRY(dataset_init(&run->test, customers, MR_PURCHASE_FEATURES));
    run->probabilities = malloc(customers * sizeof(float));
    if (run->probabilities == NULL)
        return MR_ERR_NO_MEMORY;
    MR_TRY(add_origins(&run->train, transactions, options->train_day,
                       evaluation->window_days));
    MR_TRY(
        add_cut(&run->test, transactions, options->test_day, evaluation->window_days, 0));
    evaluation->train_rows = run->train.count;
    evaluation->test_rows = run->test.count;
    evaluation->train_churn_rate = label_rate(run->train.labels, run->train.count);
    evaluation->test_churn_rate = label_rate(run->test.labels, run->test.count);
    MR_TRY(train_and_score(&run->train, names, &run->test, options->clock,
                           run->probabilities, evaluation, ret_error));
    const mr_status status = mr_binary_metrics_measure(
        run->probabilities, run->test.labels, run->test.count, &evaluation->metrics);
    if (status == MR_ERR_INVALID)
        return mr_error_set(ret_error, status, "all customers of the test cut end alike");
    return status;
}

mr_status mr_churn_evaluate_transactions(const mr_transactions *transactions,
                                         const mr_churn_transactions_options *options,
                                         mr_churn_evaluation *ret_evaluation,
                                         mr_error *ret_error)
{
    uint32_t window_days = options->window_days;
    if (window_days == 0) {
        const mr_status status = mr_purchase_gap_days(transactions, options->train_day,
                                                      GAP_SHARE, &window_days);
        if (status != MR_OK && status != MR_ERR_NOT_FOUND)
            return status;
    }
    MR_TRY(check_cuts(transactions, options, window_days, ret_error));
    mr_churn_evaluation evaluation = {.protocol = "churn/transactions",
                                      .features = MR_PURCHASE_FEATURES,
                                      .window_days = window_days,
                                      .seed = options->seed};
    time_run run = {0};
    const mr_status status =
        run_in_time(&run, transactions, options, &evaluation, ret_error);
    free(run.probabilities);
    dataset_deinit(&run.train);
    dataset_deinit(&run.test);
    MR_TRY(status);
    *ret_evaluation = evaluation;
    return MR_OK;
}
