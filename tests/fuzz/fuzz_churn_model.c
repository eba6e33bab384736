/*
 * Fuzz: a churn model's stored form.
 *
 * Whatever the bytes, they are refused or give a model that scores and explains any row with
 * probabilities in [0, 1], and whose own JSON reads back as itself.
 */
#include "core/assert.h"
#include "core/buffer.h"
#include "models/churn_model.h"
#include "models/logistic.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_scores(const mr_churn_model *model)
{
    static const float fills[] = {0.0F, -1e30F, 1e30F, 17.5F};
    static float row[MR_LOGISTIC_COLUMNS_MAX];
    for (size_t i = 0; i < sizeof(fills) / sizeof(fills[0]); i++) {
        for (uint32_t j = 0; j < mr_churn_model_columns(model); j++)
            row[j] = fills[i];
        float probability = -1.0F;
        mr_churn_model_score(model, row, 1, &probability);
        MR_ASSERT(probability >= 0.0F);
        MR_ASSERT(probability <= 1.0F);
        mr_churn_reason reasons[MR_CHURN_REASONS_MAX];
        const uint32_t count =
            mr_churn_model_explain(model, row, NULL, MR_CHURN_REASONS_MAX, reasons);
        MR_ASSERT(count <= MR_CHURN_REASONS_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > UINT32_MAX)
        return 0;
    mr_churn_model *model = NULL;
    if (mr_churn_model_from_json(
            (mr_text){.bytes = (const char *)data, .length = (uint32_t)size}, &model,
            NULL) != MR_OK)
        return 0;
    check_scores(model);
    mr_buffer first = {0};
    mr_buffer second = {0};
    mr_churn_model_to_json(model, &first);
    mr_churn_model *again = NULL;
    const mr_status status = mr_churn_model_from_json(
        (mr_text){.bytes = (const char *)first.bytes, .length = (uint32_t)first.length},
        &again, NULL);
    MR_ASSERT(status == MR_OK);
    mr_churn_model_to_json(again, &second);
    MR_ASSERT(first.length == second.length);
    MR_ASSERT(memcmp(first.bytes, second.bytes, first.length) == 0);
    mr_buffer_deinit(&first);
    mr_buffer_deinit(&second);
    mr_churn_model_destroy(model);
    mr_churn_model_destroy(again);
    return 0;
}
