/*
 * Day box: days that are over and wait for a checkpoint.
 *
 * The shard's owner closes a day between two records and goes on: the day's rows are taken in
 * slices (features/day_cut.h), travel with the next checkpoint job, which waits for them, and are
 * files before the checkpoint that has passed them.  What a job that failed was to write stays in
 * its box and goes again.
 *
 * Units      Sizes in bytes.
 * Ownership  The box owns the rows it was given.
 * Threads    One at a time: the shard's owner, then the checkpoint thread.
 * Cost       features/day_cut.h.
 */
#ifndef MR_APP_DAY_BOX_H
#define MR_APP_DAY_BOX_H

#include "app/day_files.h"
#include "features/day_cut.h"

enum {
    MR_DAY_BOX_BYTES_DUE = 32 << 20,  /* a checkpoint is due before its time       */
    MR_DAY_BOX_BYTES_MAX = 128 << 20, /* no further day is closed: the shard waits */
};

/* Zero-initialise to start empty; it must not move while a day is being cut. */
typedef struct mr_day_box {
    bool is_cutting;
    bool lacks_rows; /* memory ran out in the middle of a day */
    mr_day_cut cut;
    mr_day_rows *days; /* cut whole */
    size_t count;
    size_t capacity;
    size_t bytes;
} mr_day_box;

void mr_day_box_deinit(mr_day_box *box);
void mr_day_box_clear(mr_day_box *box);

/*
 * The shard stands before a record whose newest event, at `crossed_ms`, ends the day under way: go
 * on to the next day, and if it `keeps` days begin to cut this one, after whatever is left of the
 * one before.
 *
 * MR_ERR_FULL at MR_DAY_BOX_BYTES_MAX, MR_ERR_NO_MEMORY: the day has not changed.
 */
MR_MUST_USE mr_status mr_day_box_close(mr_day_box *box, mr_shard *shard,
                                       int64_t crossed_ms, bool keeps);

/* Look at so many rows more of the day that is being cut, if one is.  MR_ERR_NO_MEMORY: rows are
 * missing, and the shard must not go on. */
MR_MUST_USE mr_status mr_day_box_step(mr_day_box *box, mr_shard *shard, uint32_t rows);

/* All that are left, at once. */
MR_MUST_USE mr_status mr_day_box_finish(mr_day_box *box, mr_shard *shard);

/* To the end of another box, no day being cut.  MR_ERR_NO_MEMORY: nothing has moved. */
MR_MUST_USE mr_status mr_day_box_move(mr_day_box *from, mr_day_box *to);

/* Write all days, in their order. */
MR_MUST_USE mr_status mr_day_box_write(mr_day_box *box, const mr_day_files *files,
                                       mr_error *ret_error);

#endif
