/*
 * Evaluate report: what every protocol prints, in the contract's words.
 *
 * One JSON object for a machine, or a table for a person.  The table ends with the published rows
 * of the same data (app/published_rows.h) when its counts tell that it is the same.
 *
 * Units      Metrics as fractions, durations in seconds.
 * Ownership  All texts are borrowed.
 * Threads    The main thread.
 * Cost       Printing.
 */
#ifndef MR_APP_EVALUATE_REPORT_H
#define MR_APP_EVALUATE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MR_EVALUATE_VALUES_MAX = 32 };

typedef struct mr_report_value {
    const char *name;
    double value;
} mr_report_value;

/* Fill in the plain members and add the rest. */
typedef struct mr_evaluate_report {
    const char *protocol;
    const char *model;
    const char *parameters;
    double train_seconds;
    double score_seconds;
    uint64_t seed;
    mr_report_value data[MR_EVALUATE_VALUES_MAX];
    size_t data_count;
    mr_report_value metrics[MR_EVALUATE_VALUES_MAX];
    size_t metric_count;
} mr_evaluate_report;

/* At most MR_EVALUATE_VALUES_MAX of each. */
void mr_evaluate_report_add_data(mr_evaluate_report *report, const char *name,
                                 double value);
void mr_evaluate_report_add_metric(mr_evaluate_report *report, const char *name,
                                   double value);

/* To standard output. */
void mr_evaluate_report_print(const mr_evaluate_report *report, bool json);

#endif
