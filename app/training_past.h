/*
 * Training past: what one replay of the log teaches that histories alone cannot.
 *
 * How customers looked on the churn model's origins and what they did then, and what was known
 * at the hold-out's cut and bought after it.  One pass over the log serves both.  Where the log
 * does not reach back far enough a part is left out and a note says why.
 *
 * Units      Times in ms of event time.
 * Ownership  The past owns report and samples until deinit.
 * Threads    One caller.
 * Cost       One replay (app/cut_replay.h).
 */
#ifndef MR_APP_TRAINING_PAST_H
#define MR_APP_TRAINING_PAST_H

#include "app/churn_training.h"
#include "app/cut_replay.h"
#include "app/holdout_report.h"

enum { MR_TRAINING_NOTES_MAX = 4 };

/* What could not be had, and why; for people. */
typedef struct mr_training_notes {
    mr_error lines[MR_TRAINING_NOTES_MAX];
    size_t count;
} mr_training_notes;

void mr_training_note(mr_training_notes *notes, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

typedef struct mr_training_past_options {
    const mr_config *config;
    const mr_buffer *control_key;
    const mr_hash_key *key;
    const mr_plan *plan;
    const uint32_t *partitions;
    const int64_t *offsets; /* a partition's log is replayed up to here */
    size_t partition_count;
    int64_t from_ms; /* the first event's time, and the newest's */
    int64_t to_ms;
    int64_t holdout_ms;
    uint32_t churn_window_days;
} mr_training_past_options;

/* All-zero is an empty one. */
typedef struct mr_training_past {
    mr_holdout_report *report; /* NULL: none to be had; else not finished yet */
    mr_churn_samples *samples; /* NULL: none to be had                        */
    int64_t origins_ms[MR_CHURN_ORIGINS_MAX];
    size_t origin_count;
} mr_training_past;

/* MR_ERR_* of mr_cut_replay_run() and of opening the log.  A log that is not there is a note. */
MR_MUST_USE mr_status mr_training_past_replay(const mr_training_past_options *options,
                                              mr_training_past *ret_past,
                                              mr_training_notes *notes,
                                              mr_error *ret_error);
void mr_training_past_deinit(mr_training_past *past);

#endif
