#include "app/churn_training.h"

#include "core/assert.h"

#include <stdlib.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)

#define SAMPLE_NONE UINT32_MAX

enum { COLUMNS_MAX = 256 };

/* Of one row of the shard in hand. */
typedef struct customer {
    int64_t last_purchase_ms; /* MR_TIME_NONE: not a customer yet */
    uint32_t subject;         /* SAMPLE_NONE: never taken          */
    uint32_t samples[MR_CHURN_ORIGINS_MAX];
} customer;

struct mr_churn_samples {
    const mr_plan *plan;
    int64_t origins_ms[MR_CHURN_ORIGINS_MAX];
    size_t origin_count;
    uint32_t window_days;
    uint32_t columns;
    customer *customers;
    size_t customer_count;
    size_t customer_capacity;
    uint32_t subject_count;
    float *values;
    uint8_t *labels;
    uint16_t *origins;
    uint32_t *subjects;
    size_t count;
    size_t capacity;
};

size_t mr_churn_origins(int64_t oldest_ms, int64_t newest_ms, uint32_t window_days,
                        int64_t ret_origins_ms[MR_CHURN_ORIGINS_MAX])
{
    const int64_t window_ms = (int64_t)window_days * DAY_MS;
    const int64_t step_ms = (int64_t)(window_days > 1 ? window_days / 2 : 1) * DAY_MS;
    const int64_t newest_origin_ms = mr_time_day(newest_ms + 1 - window_ms) * DAY_MS;
    size_t count = 0;
    while (count < MR_CHURN_ORIGINS_MAX &&
           newest_origin_ms - (int64_t)count * step_ms - window_ms >= oldest_ms)
        count++;
    if (count < MR_CHURN_ORIGINS_MIN)
        return 0;
    for (size_t i = 0; i < count; i++)
        ret_origins_ms[i] = newest_origin_ms - (int64_t)(count - 1 - i) * step_ms;
    return count;
}

mr_status mr_churn_samples_create(const mr_plan *plan, const int64_t *origins_ms,
                                  size_t origin_count, uint32_t window_days,
                                  mr_churn_samples **ret_samples)
{
    MR_ASSERT(origin_count <= MR_CHURN_ORIGINS_MAX);
    MR_ASSERT(mr_plan_vector_width(plan) <= COLUMNS_MAX);
    mr_churn_samples *samples = calloc(1, sizeof(*samples));
    if (samples == NULL)
        return MR_ERR_NO_MEMORY;
    samples->plan = plan;
    samples->origin_count = origin_count;
    samples->window_days = window_days;
    samples->columns = (uint32_t)mr_plan_vector_width(plan);
    memcpy(samples->origins_ms, origins_ms, origin_count * sizeof(*origins_ms));
    *ret_samples = samples;
    return MR_OK;
}

void mr_churn_samples_destroy(mr_churn_samples *samples)
{
    if (samples == NULL)
        return;
    free(samples->customers);
    free(samples->values);
    free(samples->labels);
    free(samples->origins);
    free(samples->subjects);
    free(samples);
}

void mr_churn_samples_next_partition(mr_churn_samples *samples)
{
    samples->customer_count = 0;
}

static mr_status reserve_customers(mr_churn_samples *samples, size_t count)
{
    if (count > samples->customer_capacity) {
        customer *grown = realloc(samples->customers, 2 * count * sizeof(*grown));
        if (grown == NULL)
            return MR_ERR_NO_MEMORY;
        samples->customers = grown;
        samples->customer_capacity = 2 * count;
    }
    for (; samples->customer_count < count; samples->customer_count++) {
        customer *c = &samples->customers[samples->customer_count];
        *c = (customer){.last_purchase_ms = MR_TIME_NONE, .subject = SAMPLE_NONE};
        for (size_t o = 0; o < MR_CHURN_ORIGINS_MAX; o++)
            c->samples[o] = SAMPLE_NONE;
    }
    return MR_OK;
}

static mr_status reserve_samples(mr_churn_samples *samples)
{
    if (samples->count < samples->capacity)
        return MR_OK;
    const size_t capacity = samples->capacity > 0 ? 2 * samples->capacity : 1024;
    float *values =
        realloc(samples->values, capacity * samples->columns * sizeof(*values));
    samples->values = values != NULL ? values : samples->values;
    uint8_t *labels = realloc(samples->labels, capacity * sizeof(*labels));
    samples->labels = labels != NULL ? labels : samples->labels;
    uint16_t *origins = realloc(samples->origins, capacity * sizeof(*origins));
    samples->origins = origins != NULL ? origins : samples->origins;
    uint32_t *subjects = realloc(samples->subjects, capacity * sizeof(*subjects));
    samples->subjects = subjects != NULL ? subjects : samples->subjects;
    if (values == NULL || labels == NULL || origins == NULL || subjects == NULL)
        return MR_ERR_NO_MEMORY;
    samples->capacity = capacity;
    return MR_OK;
}

mr_status mr_churn_samples_take(mr_churn_samples *samples, size_t origin,
                                const mr_shard *shard)
{
    MR_ASSERT(origin < samples->origin_count);
    const int64_t origin_ms = samples->origins_ms[origin];
    const int64_t oldest_ms = origin_ms - 2 * (int64_t)samples->window_days * DAY_MS;
    for (uint32_t row = 0; row < samples->customer_count; row++) {
        customer *c = &samples->customers[row];
        if (c->last_purchase_ms == MR_TIME_NONE || c->last_purchase_ms < oldest_ms)
            continue;
        MR_TRY(reserve_samples(samples));
        if (c->subject == SAMPLE_NONE)
            c->subject = samples->subject_count++;
        const size_t at = samples->count++;
        /* The last moment before midnight: a window of days then ends with a whole day. */
        mr_shard_vector(shard, row, origin_ms - 1,
                        samples->values + at * samples->columns);
        samples->labels[at] = 1;
        samples->origins[at] = (uint16_t)origin;
        samples->subjects[at] = c->subject;
        c->samples[origin] = (uint32_t)at;
    }
    return MR_OK;
}

static void note_purchase(mr_churn_samples *samples, customer *c, int64_t time_ms)
{
    const int64_t window_ms = (int64_t)samples->window_days * DAY_MS;
    if (time_ms > c->last_purchase_ms)
        c->last_purchase_ms = time_ms;
    for (size_t o = 0; o < samples->origin_count; o++) {
        const int64_t since_ms = time_ms - samples->origins_ms[o];
        if (c->samples[o] != SAMPLE_NONE && since_ms >= 0 && since_ms < window_ms)
            samples->labels[c->samples[o]] = 0;
    }
}

mr_status mr_churn_samples_applied(mr_churn_samples *samples, const mr_shard *shard,
                                   const mr_event_batch *batch)
{
    MR_TRY(reserve_customers(samples, mr_shard_user_count(shard)));
    for (size_t i = 0; i < batch->event_count; i++) {
        const mr_event *event = &batch->events[i];
        if (event->type != MR_EVENT_PURCHASE || event->user_id.length == 0)
            continue;
        const uint32_t row = mr_shard_find(shard, event->user_id);
        if (row != MR_ROW_NONE)
            note_purchase(samples, &samples->customers[row], event->time_ms);
    }
    return MR_OK;
}

size_t mr_churn_samples_count(const mr_churn_samples *samples)
{
    return samples->count;
}

mr_churn_rows mr_churn_samples_rows(const mr_churn_samples *samples)
{
    return (mr_churn_rows){.values = samples->values,
                           .labels = samples->labels,
                           .origins = samples->origins,
                           .subjects = samples->subjects,
                           .count = samples->count,
                           .columns = samples->columns};
}

mr_status mr_churn_samples_train(const mr_churn_samples *samples, uint64_t seed,
                                 mr_churn_model **ret_model, mr_error *ret_error)
{
    const char *names[COLUMNS_MAX];
    const mr_churn_rows rows = mr_churn_samples_rows(samples);
    for (uint32_t j = 0; j < samples->columns; j++)
        names[j] = mr_plan_vector_column(samples->plan, j)->name;
    const mr_churn_options options = {
        .names = names, .label_window_days = samples->window_days, .seed = seed};
    return mr_churn_model_train(&rows, &options, ret_model, ret_error);
}
