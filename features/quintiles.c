#include "features/quintiles.h"

#include "core/assert.h"
#include "core/hash.h"

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

void mr_quintiles_of(mr_rfm_sample *sample, int64_t at_ms, mr_quintiles *ret_quintiles)
{
    memset(ret_quintiles, 0, sizeof(*ret_quintiles));
    ret_quintiles->customers = sample->count;
    ret_quintiles->at_ms = at_ms;
    for (size_t v = 0; v < MR_RFM_VALUES && sample->count > 0; v++) {
        qsort(sample->values[v], sample->count, sizeof(*sample->values[v]), compare);
        for (size_t k = 1; k <= MR_QUINTILE_THRESHOLDS; k++) {
            const size_t rank = (k * sample->count + MR_QUINTILES - 1) / MR_QUINTILES;
            ret_quintiles->thresholds[v][k - 1] = sample->values[v][rank - 1];
        }
    }
    ret_quintiles->version =
        mr_hash_bytes(ret_quintiles, offsetof(mr_quintiles, version));
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

const char *mr_rfm_segment(int recency, int frequency)
{
    /* By recency, then frequency, from 1: one name for each of the 25. */
    static const uint8_t map[MR_QUINTILES][MR_QUINTILES] = {
        {9, 9, 7, 7, 8}, {9, 9, 7, 7, 8}, {6, 6, 5, 1, 1},
        {4, 2, 2, 1, 1}, {3, 2, 2, 0, 0},
    };
    MR_ASSERT(recency >= 1 && recency <= MR_QUINTILES);
    MR_ASSERT(frequency >= 1 && frequency <= MR_QUINTILES);
    return segments[map[recency - 1][frequency - 1]];
}
