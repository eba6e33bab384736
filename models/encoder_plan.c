#include "models/encoder_plan.h"

#include "models/encoder.h"

#include <stdlib.h>
#include <string.h>

static uint32_t *indices(size_t count)
{
    return calloc(count > 0 ? count : 1, sizeof(uint32_t));
}

mr_status mr_encoder_plan_init(mr_encoder_plan *ret_plan, uint32_t items, uint32_t batch,
                               uint32_t negatives)
{
    const size_t inputs = (size_t)batch * MR_ENCODER_LENGTH_MAX;
    const size_t appearances = negatives + batch + inputs;
    *ret_plan = (mr_encoder_plan){.items = items,
                                  .batch = batch,
                                  .negatives = negatives,
                                  .examples = calloc(batch, sizeof(*ret_plan->examples)),
                                  .negative = indices(negatives),
                                  .input_first = indices((size_t)batch + 1),
                                  .input_example = indices(inputs),
                                  .row_item = indices(appearances),
                                  .row_first = indices(appearances + 1),
                                  .row_appearance = indices(appearances),
                                  .row_of = indices(appearances),
                                  .slot = indices(items)};
    return ret_plan->examples == NULL || ret_plan->negative == NULL ||
                   ret_plan->input_first == NULL || ret_plan->input_example == NULL ||
                   ret_plan->row_item == NULL || ret_plan->row_first == NULL ||
                   ret_plan->row_appearance == NULL || ret_plan->row_of == NULL ||
                   ret_plan->slot == NULL
               ? MR_ERR_NO_MEMORY
               : MR_OK;
}

void mr_encoder_plan_deinit(mr_encoder_plan *plan)
{
    free(plan->examples);
    free(plan->negative);
    free(plan->input_first);
    free(plan->input_example);
    free(plan->row_item);
    free(plan->row_first);
    free(plan->row_appearance);
    free(plan->row_of);
    free(plan->slot);
    *plan = (mr_encoder_plan){0};
}

/* One more appearance: row_first[row + 1] counts until make() sums it up. */
static void appear(mr_encoder_plan *plan, uint32_t appearance, uint32_t item)
{
    if (plan->slot[item] == 0) {
        plan->row_item[plan->rows] = item;
        plan->slot[item] = ++plan->rows;
        plan->row_first[plan->rows] = 0;
    }
    const uint32_t row = plan->slot[item] - 1;
    plan->row_of[appearance] = row;
    plan->row_first[row + 1]++;
}

void mr_encoder_plan_make(mr_encoder_plan *plan)
{
    uint32_t count = 0;
    for (uint32_t row = 0; row < plan->rows; row++)
        plan->slot[plan->row_item[row]] = 0;
    plan->rows = 0;
    plan->row_first[0] = 0;
    for (uint32_t m = 0; m < plan->negatives; m++)
        appear(plan, count++, plan->negative[m]);
    for (uint32_t b = 0; b < plan->batch; b++)
        appear(plan, count++, plan->examples[b].target);
    for (uint32_t b = 0; b < plan->batch; b++) {
        const uint32_t inputs = count - plan->negatives - plan->batch;
        plan->input_first[b] = inputs;
        for (uint32_t t = 0; t < plan->examples[b].length; t++) {
            plan->input_example[inputs + t] = b;
            appear(plan, count++, plan->examples[b].prefix[t]);
        }
    }
    plan->input_first[plan->batch] = count - plan->negatives - plan->batch;
    for (uint32_t row = 0; row < plan->rows; row++)
        plan->row_first[row + 1] += plan->row_first[row];
    /* From the back, so that each row's list comes out in order and its end becomes its begin. */
    for (uint32_t c = count; c-- > 0;)
        plan->row_appearance[--plan->row_first[plan->row_of[c] + 1]] = c;
    for (uint32_t row = 0; row < plan->rows; row++)
        plan->row_first[row] = plan->row_first[row + 1];
    plan->row_first[plan->rows] = count;
}
