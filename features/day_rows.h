/*
 * Day rows: the users of a day, as a day cut (features/day_cut.h) took them: id, the vector that models
 * read, the latest purchase and the newest record.
 *
 * Units      Times in ms; days of the plan's zone since 1970-01-01.
 * Ownership  Rows own their memory.
 * Threads    One at a time, any.
 * Cost       Some 150 bytes a user.
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
    mr_buffer places; /* u32, the shard's row of each; empty: they are in that order */
} mr_day_rows;

void mr_day_rows_deinit(mr_day_rows *rows);

/* Put them in the order of the shard's rows, that of their taking being chance.
 * MR_ERR_NO_MEMORY: they stand as they did. */
MR_MUST_USE mr_status mr_day_rows_order(mr_day_rows *rows);

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
