/*
 * Table: a CSV file as rows of numbers and a yes-or-no target.
 *
 * Columns are told apart by what is in them, and every decision is written into the notes:
 *
 *   numeric      all known values parse as numbers; a second column holds log(1 + x) when no
 *                value is negative and more than MR_TABLE_LOG_VALUES differ
 *   categorical  one column for each of the most frequent values, the rest pooled
 *   dropped      constant; id-like (text that differs in more than half of the rows; whole
 *                numbers that differ in all of them)
 *
 * Values that are not known (empty, "NA", "null", "?" ...) are NaN in numeric columns, beside a
 * 0/1 column that says so, and a value of their own in categorical ones.  Nothing is estimated
 * from the whole table (no mean, no scale): a fold cannot learn from another.
 *
 * Units      None.
 * Ownership  The table owns everything and lends it.
 * Threads    Immutable once read: any readers.
 * Cost       A few passes over the text; memory of rows x columns floats.
 */
#ifndef MR_MODELS_TABLE_H
#define MR_MODELS_TABLE_H

#include "core/status.h"
#include "core/text.h"

#include <stddef.h>
#include <stdint.h>

enum {
    MR_TABLE_LEVELS_MAX = 32, /* one-hot columns a categorical one             */
    MR_TABLE_LOG_VALUES = 10,
};

typedef struct mr_table mr_table;

/*
 * Read CSV (RFC 4180: quotes, doubled quotes, line breaks inside quotes; a byte-order mark is
 * passed over) with a header.  `target` names the target's column, `positive` the value of a yes.
 *
 * MR_ERR_INVALID when the target or the value does not occur, or is the only one;
 * MR_ERR_CORRUPT naming the line when a quote stays open or a row has another number of fields;
 * MR_ERR_FULL beyond MR_CSV_FIELDS_MAX; MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_table_parse(mr_text text, mr_text target, mr_text positive,
                                     mr_table **ret_table, mr_error *ret_error);
void mr_table_destroy(mr_table *table); /* NULL allowed */

MR_MUST_USE mr_status mr_table_read(const char *path, mr_text target, mr_text positive,
                                    mr_table **ret_table, mr_error *ret_error);

size_t mr_table_rows(const mr_table *table);
uint32_t mr_table_columns(const mr_table *table);
const float *mr_table_values(const mr_table *table);   /* row-major */
const uint8_t *mr_table_labels(const mr_table *table); /* 0 or 1    */
const char *mr_table_column_name(const mr_table *table, uint32_t column);

/* One line a decision ("customerID: left out, ..."), NUL-terminated. */
const char *mr_table_notes(const mr_table *table);

#endif
