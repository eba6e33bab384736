/*
 * Day table: the rows of several days and partitions with their labels, in one order.
 *
 * What a model is trained on, wherever it came from: day files (app/day_files.h) or the log, once
 * more (app/day_replay.h).  In the order of day, partition and user id, so that two tables of the
 * same days can be held against each other and a written one is the same bytes.
 *
 * Units      Times in ms; days of the plan's zone since 1970-01-01.
 * Ownership  The table owns its rows.
 * Threads    Owner-only.
 * Cost       Memory for all rows: a vector and some 60 bytes each.
 */
#ifndef MR_APP_DAY_TABLE_H
#define MR_APP_DAY_TABLE_H

#include "app/day_files.h"
#include "app/table_rows.h"

typedef struct mr_day_table_row {
    int64_t day;
    int64_t last_purchase_ms; /* MR_TIME_NONE: none */
    int64_t offset;
    size_t id_at; /* in the table's ids */
    size_t vector_at;
    uint32_t partition;
    uint8_t id_length;
    uint8_t label; /* mr_day_label */
} mr_day_table_row;

/* Zero-initialise, but for the width, to start empty. */
typedef struct mr_day_table {
    uint32_t width;
    mr_day_table_row *rows;
    size_t count;
    size_t capacity;
    mr_buffer ids;
    mr_buffer vectors;
} mr_day_table;

void mr_day_table_deinit(mr_day_table *table);

/* Id and vector are copied; the row's places in the table are filled in.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_day_table_add(mr_day_table *table, mr_day_table_row row,
                                       mr_text id, const float *vector);

/*
 * The rows that a partition's file of a day has; none when there is no file.  MR_ERR_INVALID when
 * it was made with another plan.
 */
MR_MUST_USE mr_status mr_day_table_add_file(mr_day_table *table,
                                            const mr_day_files *files,
                                            const mr_plan *plan, uint32_t partition,
                                            int64_t day, mr_error *ret_error);

/* To be called when all rows are there. */
void mr_day_table_order(mr_day_table *table);

mr_text mr_day_table_id(const mr_day_table *table, size_t row);
const float *mr_day_table_vector(const mr_day_table *table, size_t row);

/* All rows as lines: day, user_id, offset, the vector's columns by name, last_purchase, label. */
MR_MUST_USE mr_status mr_day_table_write(const mr_day_table *table, const mr_plan *plan,
                                         mr_table_rows *lines);

typedef struct mr_day_comparison {
    size_t rows;     /* in either table             */
    size_t mismatch; /* of them, not in both alike */
} mr_day_comparison;

/* Hold two ordered tables against each other; the first few rows that differ are named, a line
 * each, in `report`.  Vectors must be the same to the bit. */
mr_day_comparison mr_day_table_compare(const mr_day_table *files, const mr_day_table *log,
                                       const mr_plan *plan, mr_buffer *report);

#endif
