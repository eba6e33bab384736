#include "features/quintiles.h"

#include "core/assert.h"
#include "core/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_MIN = 1024 };

static const char *const segments[MR_RFM_SEGMENTS] = {
    "champions",   "loyal",          "potential_loyalists", "new_customers",
    "promising",   "need_attention", "about_to_sleep",      "at_risk",
    "cannot_lose", "hibernating"};

void mr_rfm_sample_deinit(mr_rfm_sample *sample)
{
    for (size_t v = 0; v < MR_RFM_VALUES; v++)
        free(sample->values[v]);
    *sample = (mr_rfm_sample){.count = 0};
}

mr_status mr_rfm_sample_add(mr_rfm_sample *sample, const int64_t values[MR_RFM_VALUES])
{
    if (sample->count == sample->capacity) {
        const size_t capacity = sample->capacity == 0 ? ROOM_MIN : 2 * sample->capacity;
        for (size_t v = 0; v < MR_RFM_VALUES; v++) {
            int64_t *grown = realloc(sample->values[v], capacity * sizeof(*grown));
            if (grown == NULL)
                return MR_ERR_NO_MEMORY;
            sample->values[v] = grown;
        }
        sample->capacity = capacity;
    }
    for (size_t v = 0; v < MR_RFM_VALUES; v++)
        sample->values[v][sample->count] = values[v];
    sample->count++;
    return MR_OK;
}

static int compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

void mr_rfm_sample_sort(mr_rfm_sample *sample)
{
    for (size_t v = 0; v < MR_RFM_VALUES && sample->count > 0; v++)
        qsort(sample->values[v], sample->count, sizeof(*sample->values[v]), compare);
}

/* How many of the ascending values are at most `value`. */
static size_t count_to(const int64_t *values, size_t count, int64_t value)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (values[middle] <= value)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint64_t count_all_to(const mr_rfm_sample *const *samples, size_t count, size_t v,
                             int64_t value)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += count_to(samples[i]->values[v], samples[i]->count, value);
    return sum;
}

/* The value at a rank, from 1, of all of them together: the least that has so many up to it. */
static int64_t value_at(const mr_rfm_sample *const *samples, size_t count, size_t v,
                        uint64_t rank)
{
    int64_t low = INT64_MIN;
    int64_t high = INT64_MAX;
    while (low < high) {
        const uint64_t span = (uint64_t)high - (uint64_t)low;
        const int64_t middle = (int64_t)((uint64_t)low + span / 2);
        if (count_all_to(samples, count, v, middle) >= rank)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

void mr_quintiles_of_sorted(const mr_rfm_sample *const *samples, size_t count,
                            int64_t at_ms, mr_quintiles *ret_quintiles)
{
    memset(ret_quintiles, 0, sizeof(*ret_quintiles));
    ret_quintiles->at_ms = at_ms;
    for (size_t i = 0; i < count; i++)
        ret_quintiles->customers += samples[i]->count;
    const uint64_t customers = ret_quintiles->customers;
    for (size_t v = 0; v < MR_RFM_VALUES && customers > 0; v++) {
        for (size_t k = 1; k <= MR_QUINTILE_THRESHOLDS; k++) {
            const uint64_t rank = (k * customers + MR_QUINTILES - 1) / MR_QUINTILES;
            ret_quintiles->thresholds[v][k - 1] = value_at(samples, count, v, rank);
        }
    }
    ret_quintiles->version =
        mr_hash_bytes(ret_quintiles, offsetof(mr_quintiles, version));
}

void mr_quintiles_of(mr_rfm_sample *sample, int64_t at_ms, mr_quintiles *ret_quintiles)
{
    const mr_rfm_sample *const alone = sample;
    mr_rfm_sample_sort(sample);
    mr_quintiles_of_sorted(&alone, 1, at_ms, ret_quintiles);
}

void mr_quintiles_version_text(const mr_quintiles *quintiles,
                               char ret_text[MR_QUINTILES_VERSION_BYTES])
{
    (void)snprintf(ret_text, MR_QUINTILES_VERSION_BYTES, "q-%016" PRIx64,
                   quintiles->version);
}

bool mr_quintiles_score(const mr_quintiles *quintiles,
                        const int64_t values[MR_RFM_VALUES],
                        int ret_scores[MR_RFM_VALUES])
{
    if (quintiles->customers == 0)
        return false;
    for (size_t v = 0; v < MR_RFM_VALUES; v++) {
        int above = 0;
        for (size_t k = 0; k < MR_QUINTILE_THRESHOLDS; k++)
            above += values[v] > quintiles->thresholds[v][k];
        ret_scores[v] = v == MR_RFM_RECENCY ? MR_QUINTILES - above : 1 + above;
    }
    return true;
}

const char *mr_rfm_segment_name(size_t index)
{
    MR_ASSERT(index < MR_RFM_SEGMENTS);
    return segments[index];
}

size_t mr_rfm_segment_index(int recency, int frequency)
{
    /* By recency, then frequency, from 1: one name for each of the 25. */
    static const uint8_t map[MR_QUINTILES][MR_QUINTILES] = {
        {9, 9, 7, 7, 8}, {9, 9, 7, 7, 8}, {6, 6, 5, 1, 1},
        {4, 2, 2, 1, 1}, {3, 2, 2, 0, 0},
    };
    MR_ASSERT(recency >= 1 && recency <= MR_QUINTILES);
    MR_ASSERT(frequency >= 1 && frequency <= MR_QUINTILES);
    return map[recency - 1][frequency - 1];
}

const char *mr_rfm_segment(int recency, int frequency)
{
    return segments[mr_rfm_segment_index(recency, frequency)];
}
