/*
 * Quintiles: recency, frequency and monetary value as scores of 1 to 5.
 *
 * Values are ordered; the k-th threshold is the value at rank ceil(k n / 5), and a score is one
 * more than the number of thresholds a value is above.  So equal values have equal scores, and with
 * no ties each score has a fifth.  Of recency, in days, the fewest are best: its score is turned
 * round.  What they are taken over, and when, is the thresholds' version.
 *
 * Units      Days, orders, minor units.
 * Ownership  A sample owns its values.
 * Threads    Owner-only.
 * Cost       24 bytes a customer; thresholds: three sorts, of sorted samples a few hundred searches.
 */
#ifndef MR_FEATURES_QUINTILES_H
#define MR_FEATURES_QUINTILES_H

#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum mr_rfm {
    MR_RFM_RECENCY = 0,
    MR_RFM_FREQUENCY,
    MR_RFM_MONETARY,
    MR_RFM_VALUES,
} mr_rfm;

enum { MR_QUINTILES = 5, MR_QUINTILE_THRESHOLDS = MR_QUINTILES - 1 };

typedef struct mr_quintiles {
    int64_t thresholds[MR_RFM_VALUES][MR_QUINTILE_THRESHOLDS];
    uint64_t customers; /* 0: there are no thresholds */
    int64_t at_ms;
    uint64_t version; /* a hash of all of it */
} mr_quintiles;

typedef struct mr_rfm_sample {
    int64_t *values[MR_RFM_VALUES];
    size_t count;
    size_t capacity;
} mr_rfm_sample;

void mr_rfm_sample_deinit(mr_rfm_sample *sample); /* all zero allowed */
MR_MUST_USE mr_status mr_rfm_sample_add(mr_rfm_sample *sample,
                                        const int64_t values[MR_RFM_VALUES]);

/* Sorts the sample's values. */
void mr_quintiles_of(mr_rfm_sample *sample, int64_t at_ms, mr_quintiles *ret_quintiles);

/* The same in two steps: samples that were sorted one by one, taken together as if they were one. */
void mr_rfm_sample_sort(mr_rfm_sample *sample);
void mr_quintiles_of_sorted(const mr_rfm_sample *const *samples, size_t count,
                            int64_t at_ms, mr_quintiles *ret_quintiles);

/* The version as it is shown: "q-0123456789abcdef". */
enum { MR_QUINTILES_VERSION_BYTES = 24 };
void mr_quintiles_version_text(const mr_quintiles *quintiles,
                               char ret_text[MR_QUINTILES_VERSION_BYTES]);

/* 1 .. 5 each; false without thresholds. */
bool mr_quintiles_score(const mr_quintiles *quintiles,
                        const int64_t values[MR_RFM_VALUES],
                        int ret_scores[MR_RFM_VALUES]);

enum { MR_RFM_SEGMENTS = 10 };

/* What a recency and a frequency score are usually called: "champions", "at_risk", …; and which of
 * the ten that is. */
const char *mr_rfm_segment(int recency, int frequency);
size_t mr_rfm_segment_index(int recency, int frequency);
const char *mr_rfm_segment_name(size_t index);

#endif
