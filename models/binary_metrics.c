#include "models/binary_metrics.h"

#include "models/logistic.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

typedef struct scored {
    float probability;
    uint8_t label;
} scored;

static int by_falling_probability(const void *left, const void *right)
{
    const float a = ((const scored *)left)->probability;
    const float b = ((const scored *)right)->probability;
    return (a < b) - (a > b);
}

/* Rows of one probability, [first, end) of the sorted rows. */
static size_t tie_end(const scored *rows, size_t count, size_t first,
                      size_t *ret_positives)
{
    size_t end = first;
    *ret_positives = 0;
    while (end < count && rows[end].probability == rows[first].probability)
        *ret_positives += rows[end++].label;
    return end;
}

/* [Mann and Whitney 1947]: negatives below each positive, half of those that tie with it. */
static double auc_of(const scored *rows, size_t count, size_t positives)
{
    const size_t negatives = count - positives;
    double pairs = 0.0;
    double negatives_above = 0.0;
    for (size_t first = 0; first < count;) {
        size_t tied_positives;
        const size_t end = tie_end(rows, count, first, &tied_positives);
        const double tied_negatives = (double)(end - first - tied_positives);
        pairs += (double)tied_positives *
                 ((double)negatives - negatives_above - 0.5 * tied_negatives);
        negatives_above += tied_negatives;
        first = end;
    }
    return pairs / ((double)positives * (double)negatives);
}

static double lift_of(const scored *rows, size_t count, size_t positives)
{
    const size_t size = (count + 9) / 10;
    double found = 0.0;
    for (size_t first = 0; first < size;) {
        size_t tied_positives;
        const size_t end = tie_end(rows, count, first, &tied_positives);
        const size_t taken = end < size ? end - first : size - first;
        found += (double)tied_positives * (double)taken / (double)(end - first);
        first = end;
    }
    return found / (double)size / ((double)positives / (double)count);
}

static double calibration_error(const scored *rows, size_t count)
{
    double promised[MR_CALIBRATION_BINS] = {0};
    double came[MR_CALIBRATION_BINS] = {0};
    for (size_t i = 0; i < count; i++) {
        const double probability = (double)rows[i].probability;
        size_t bin = (size_t)(probability * MR_CALIBRATION_BINS);
        bin = bin < MR_CALIBRATION_BINS ? bin : MR_CALIBRATION_BINS - 1;
        promised[bin] += probability;
        came[bin] += rows[i].label;
    }
    double error = 0.0;
    for (size_t bin = 0; bin < MR_CALIBRATION_BINS; bin++)
        error += fabs(promised[bin] - came[bin]);
    return error / (double)count;
}

static double log_loss_of(const scored *rows, size_t count)
{
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        const double probability =
            fmin(fmax((double)rows[i].probability, 1e-15), 1.0 - 1e-15);
        sum -= rows[i].label != 0 ? log(probability) : log1p(-probability);
    }
    return sum / (double)count;
}

static double brier_of(const scored *rows, size_t count)
{
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        const double error = (double)rows[i].probability - rows[i].label;
        sum += error * error;
    }
    return sum / (double)count;
}

mr_status mr_binary_metrics_measure(const float *probabilities, const uint8_t *labels,
                                    size_t count, mr_binary_metrics *ret_metrics)
{
    size_t positives = 0;
    for (size_t i = 0; i < count; i++)
        positives += labels[i] != 0;
    if (positives == 0 || positives == count)
        return MR_ERR_INVALID;
    scored *rows = malloc(count * sizeof(*rows));
    if (rows == NULL)
        return MR_ERR_NO_MEMORY;
    for (size_t i = 0; i < count; i++)
        rows[i] = (scored){.probability = probabilities[i], .label = labels[i] != 0};
    qsort(rows, count, sizeof(*rows), by_falling_probability);
    *ret_metrics = (mr_binary_metrics){
        .auc = auc_of(rows, count, positives),
        .log_loss = log_loss_of(rows, count),
        .brier = brier_of(rows, count),
        .ece = calibration_error(rows, count),
        .lift_at_10 = lift_of(rows, count, positives),
    };
    free(rows);
    return MR_OK;
}

double mr_logit_log_loss(const float *logits, const uint8_t *labels, size_t count)
{
    double sum = 0.0;
    for (size_t i = 0; i < count; i++)
        sum += mr_softplus(labels[i] != 0 ? -(double)logits[i] : (double)logits[i]);
    return count > 0 ? sum / (double)count : 0.0;
}
