/*
 * Day replay: the rows of days and their labels, made again from the log.
 *
 * By the definition and by nothing else that day files are made with: who was touched between the
 * cut at a day's midnight and the one at the next, as the profiles stood at the second, and who had
 * bought since by the cut at the end of the window.  So it says whether day files are right, and
 * gives them to whom has none.
 *
 * Units      Days of the plan's zone since 1970-01-01.
 * Ownership  Borrows everything for the call.
 * Threads    One caller.
 * Cost       One replay (app/cut_replay.h), and a look at every row for each day.
 */
#ifndef MR_APP_DAY_REPLAY_H
#define MR_APP_DAY_REPLAY_H

#include "app/cut_replay.h"
#include "app/day_table.h"

typedef struct mr_day_replay {
    const mr_config *config;
    const mr_buffer *control_key;
    const mr_hash_key *key;
    const mr_plan *plan;
    mr_log *log;
    const int64_t *days; /* ascending, each once */
    size_t day_count;
    uint32_t window_days;
} mr_day_replay;

/*
 * Add the rows of one partition.  MR_ERR_* of mr_cut_replay_run(); MR_ERR_INVALID when the log no
 * longer holds its beginning.
 */
MR_MUST_USE mr_status mr_day_replay_run(const mr_day_replay *replay, uint32_t partition,
                                        mr_day_table *table, mr_error *ret_error);

#endif
