/*
 * Day rows: the users of a day, as their profiles stood when it was over.
 *
 * A day of the plan's zone is closed by the *day cut*: just before the first record, in the log's
 * order, with an event at or after the midnight that ends it.  At the cut the rows of all known
 * users are taken to whose profile a record was applied since the cut before: id, the vector that
 * models read, the latest purchase and the newest record.  What came of the records does not
 * matter to where the cut lies, and nothing that follows it is in the rows: they are a pure
 * function of the log, however it was cut into batches and wherever a process began again.
 *
 * The day is the one that the newest event seen before the cut fell on; a day without events has
 * no rows.  A purchase touches its user's row, so whether a customer came back within a window is
 * known from the rows of the days in it (app/day_files.h).
 *
 * Erasing a user is not built yet; when it is, the user's rows must leave these files, too.
 *
 * Units      Times in ms; days of the plan's zone since 1970-01-01.
 * Ownership  Rows own their memory.
 * Threads    Collected by the shard's owner; afterwards one at a time, any.
 * Cost       A look at every row's head, and a vector for each that is taken: 0.09 to 0.13 s and
 *            15 MB for 100,000 users of a day among a million.  Once a day, at once: no event comes
 *            between.
 */
#ifndef MR_FEATURES_DAY_ROWS_H
#define MR_FEATURES_DAY_ROWS_H

#include "core/buffer.h"
#include "features/shard.h"

typedef struct mr_day_numbers {
    int64_t last_purchase_ms; /* MR_TIME_NONE: none */
    int64_t offset;           /* of the newest record applied to the profile */
} mr_day_numbers;

/* Zero-initialise to start empty. */
typedef struct mr_day_rows {
    uint64_t plan_hash;
    uint32_t partition;
    uint32_t width; /* columns of a vector */
    uint32_t count; /* rows                */
    int64_t day;
    int64_t at_ms;        /* the profiles are read as of: the last moment of the day */
    int64_t since_offset; /* the next offset at the cut before                       */
    int64_t next_offset;  /* at this cut                                             */
    int64_t crossed_ms;   /* the newest event of the record that made the cut        */
    mr_buffer ids;        /* u8 length and bytes, a row after the other */
    mr_buffer numbers;    /* mr_day_numbers                             */
    mr_buffer vectors;    /* float, row-major; empty where only the rest was read */
} mr_day_rows;

void mr_day_rows_deinit(mr_day_rows *rows);

/*
 * The rows of the day that the shard's mark says is under way, closed by a record whose newest
 * event is at `crossed_ms`.  MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_day_rows_collect(const mr_shard *shard, int64_t crossed_ms,
                                          mr_day_rows *ret_rows);

/* The midnight that ends the day under way; MR_TIME_NONE before the first event. */
int64_t mr_day_end_ms(const mr_shard *shard);

/* Go on to the day of `crossed_ms`; what comes from here on is touched since this cut, unless there
 * was no event before it. */
void mr_day_next(mr_shard *shard, int64_t crossed_ms);

static inline const mr_day_numbers *mr_day_rows_numbers(const mr_day_rows *rows)
{
    return (const void *)rows->numbers.bytes;
}

static inline const float *mr_day_rows_vector(const mr_day_rows *rows, uint32_t row)
{
    return (const float *)(const void *)rows->vectors.bytes + (size_t)row * rows->width;
}

/* The ids, lent by the rows: an array of `count`, to be freed by the caller; NULL when out of
 * memory. */
mr_text *mr_day_rows_ids(const mr_day_rows *rows);

size_t mr_day_rows_bytes(const mr_day_rows *rows);

#endif
