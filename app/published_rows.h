/*
 * Published rows: what the literature reached on the public data sets.
 *
 * A data set is told by its counts alone, and all of them have to agree: a row beside another
 * split of the same data would compare what cannot be compared.
 *
 * Units      Metrics as fractions; 0 where a paper gives none.
 * Ownership  Static.
 * Threads    Any.
 * Cost       A dozen comparisons.
 */
#ifndef MR_APP_PUBLISHED_ROWS_H
#define MR_APP_PUBLISHED_ROWS_H

#include "app/evaluate_report.h"

#include <stddef.h>

enum {
    MR_PUBLISHED_COUNTS_MAX = 4,
    MR_PUBLISHED_METRICS_MAX = 6,
    MR_PUBLISHED_ROWS_MAX = 8,
};

typedef struct mr_published_row {
    const char *model; /* NULL: no more */
    double values[MR_PUBLISHED_METRICS_MAX];
} mr_published_row;

typedef struct mr_published_set {
    const char *protocol;
    const char *name;
    const char *source; /* "published rows", or whose runs else */
    mr_report_value counts[MR_PUBLISHED_COUNTS_MAX];
    const char *metrics[MR_PUBLISHED_METRICS_MAX];
    mr_published_row rows[MR_PUBLISHED_ROWS_MAX];
} mr_published_set;

/* The set whose counts all stand in `data`, or NULL. */
const mr_published_set *mr_published_find(const char *protocol,
                                          const mr_report_value *data, size_t count);

#endif
