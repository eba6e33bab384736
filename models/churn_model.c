#include "models/churn_model_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SCORED_ROWS = 256 };

void mr_churn_model_destroy(mr_churn_model *model)
{
    if (model == NULL)
        return;
    for (uint32_t j = 0; model->names != NULL && j < model->logistic.columns; j++)
        free(model->names[j]);
    free(model->names);
    mr_logistic_deinit(&model->logistic);
    mr_calibration_deinit(&model->calibration);
    free(model);
}

uint32_t mr_churn_model_columns(const mr_churn_model *model)
{
    return model->logistic.columns;
}

const char *mr_churn_model_feature(const mr_churn_model *model, uint32_t column)
{
    return column < model->logistic.columns ? model->names[column] : NULL;
}

uint32_t mr_churn_model_label_window_days(const mr_churn_model *model)
{
    return model->label_window_days;
}

mr_churn_summary mr_churn_model_summary(const mr_churn_model *model)
{
    return model->summary;
}

double mr_churn_model_tier_begins(const mr_churn_model *model, uint32_t tier)
{
    return tier >= 1 && tier <= MR_CHURN_TIERS ? model->tier_begins[tier - 1] : 0.0;
}

uint8_t mr_churn_model_tier(const mr_churn_model *model, float probability)
{
    uint8_t tier = 0;
    while (tier < MR_CHURN_TIERS && (double)probability >= model->tier_begins[tier])
        tier++;
    return tier;
}

void mr_churn_model_score(const mr_churn_model *model, const float *rows, size_t count,
                          float *ret_probabilities)
{
    float logits[SCORED_ROWS];
    for (size_t first = 0; first < count; first += SCORED_ROWS) {
        const size_t some = count - first < SCORED_ROWS ? count - first : SCORED_ROWS;
        mr_logistic_logits(&model->logistic, rows + first * model->logistic.columns, some,
                           logits);
        for (size_t i = 0; i < some; i++)
            ret_probabilities[first + i] = (float)mr_sigmoid(
                mr_calibration_logit(&model->calibration, (double)logits[i]));
    }
}

static const char *find_phrase(const mr_churn_phrase *table, size_t count,
                               const char *feature)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(table[i].feature, feature) != 0)
            continue;
        for (size_t first = 0; first < i; first++)
            if (strcmp(table[first].phrase, table[i].phrase) == 0)
                return table[first].phrase;
        return table[i].phrase;
    }
    return NULL;
}

void mr_churn_model_phrases(const mr_churn_model *model, const mr_churn_phrase *table,
                            size_t count, const char **ret_phrases)
{
    for (uint32_t j = 0; j < model->logistic.columns; j++)
        ret_phrases[j] = find_phrase(table, count, model->names[j]);
}

/* Keep the largest contributions in falling order; earlier columns first among equals. */
static uint32_t insert_reason(mr_churn_reason *reasons, uint32_t count, uint32_t max,
                              mr_churn_reason reason)
{
    uint32_t at = count;
    while (at > 0 && reasons[at - 1].contribution < reason.contribution)
        at--;
    if (at == max)
        return count;
    const uint32_t kept = count < max ? count : max - 1;
    memmove(&reasons[at + 1], &reasons[at], (kept - at) * sizeof(*reasons));
    reasons[at] = reason;
    return kept + 1;
}

/* The reason that column j begins: the sum over the columns of its phrase. */
static mr_churn_reason gather_reason(const mr_churn_model *model, const float *row,
                                     const char *const *phrases, double *terms,
                                     uint32_t j)
{
    double sum = terms[j];
    uint32_t strongest = j;
    const char *phrase = phrases != NULL ? phrases[j] : NULL;
    for (uint32_t i = j + 1; phrase != NULL && i < model->logistic.columns; i++) {
        if (phrases[i] != phrase)
            continue;
        sum += terms[i];
        strongest = terms[i] > terms[strongest] ? i : strongest;
    }
    return (mr_churn_reason){.feature = strongest,
                             .contribution = (float)sum,
                             .value = row[strongest],
                             .phrase = phrase != NULL ? phrase : model->names[j]};
}

static int said_before(const char *const *phrases, uint32_t j)
{
    for (uint32_t i = 0; phrases != NULL && phrases[j] != NULL && i < j; i++)
        if (phrases[i] == phrases[j])
            return 1;
    return 0;
}

uint32_t mr_churn_model_explain(const mr_churn_model *model, const float *row,
                                const char *const *phrases, uint32_t reasons_max,
                                mr_churn_reason *ret_reasons)
{
    double terms[MR_LOGISTIC_COLUMNS_MAX];
    const uint32_t max =
        reasons_max < MR_CHURN_REASONS_MAX ? reasons_max : MR_CHURN_REASONS_MAX;
    if (max == 0)
        return 0;
    mr_logistic_terms(&model->logistic, row, terms);
    uint32_t count = 0;
    for (uint32_t j = 0; j < model->logistic.columns; j++) {
        if (said_before(phrases, j))
            continue;
        const mr_churn_reason reason = gather_reason(model, row, phrases, terms, j);
        if (reason.contribution > 0.0F)
            count = insert_reason(ret_reasons, count, max, reason);
    }
    return count;
}
