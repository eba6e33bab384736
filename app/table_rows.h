/*
 * Table rows: JSON objects as the lines of a table, comma-separated or one object a line.
 *
 * Columns are the members of the first object, in its order.  A text that holds a comma, a quote or
 * a line end is quoted, quotes in it doubled (RFC 4180); null and what is not there are empty.  A
 * text that a spreadsheet would take for a formula gets an apostrophe in front.
 *
 * Units      None.
 * Ownership  Borrows the stream; owns the names of columns.
 * Threads    Owner-only.
 * Cost       A parse and a write.
 */
#ifndef MR_APP_TABLE_ROWS_H
#define MR_APP_TABLE_ROWS_H

#include "core/json.h"

#include <stdio.h>

typedef enum mr_table_form { MR_TABLE_CSV = 0, MR_TABLE_NDJSON } mr_table_form;

typedef struct mr_table_rows {
    FILE *out;
    mr_table_form form;
    mr_buffer columns; /* names, each with a NUL */
    mr_buffer line;
    size_t column_count;
} mr_table_rows;

mr_table_rows mr_table_rows_to(FILE *out, mr_table_form form);
void mr_table_rows_deinit(mr_table_rows *rows);

/* Each element of the array a line; CSV begins with the names.  MR_ERR_UNAVAILABLE: the stream took
 * no more; MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_table_rows_put(mr_table_rows *rows, mr_json_value *array);

#endif
