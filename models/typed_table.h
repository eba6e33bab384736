/*
 * Typed table: tab-separated text whose heading says what each column holds.
 *
 *     item_id:token   movie_title:token_seq   release_year:token   price:float
 *     1               Toy Story               1995                 4.5
 *
 * The "atomic files" in which recommendation data sets are passed around.  A token is one value,
 * a token_seq several with blanks between them, a float a number.  There are no quotes: a tab or
 * line feed never stands in a field.  [Zhao et al. 2021, RecBole]
 *
 * Units      Rows from 0; lines, in messages, from 1, the heading's.
 * Ownership  Owns the text it read; fields are lent.
 * Threads    Immutable once read.
 * Cost       One pass; 4 bytes a field beside the text.
 */
#ifndef MR_MODELS_TYPED_TABLE_H
#define MR_MODELS_TYPED_TABLE_H

#include "core/status.h"
#include "core/text.h"

#include <stdint.h>

enum { MR_TYPED_COLUMNS_MAX = 64 };

#define MR_TYPED_COLUMN_NONE UINT32_MAX

typedef enum mr_typed_kind {
    MR_TYPED_TOKEN = 0,
    MR_TYPED_TOKENS, /* token_seq */
    MR_TYPED_FLOAT,
    MR_TYPED_FLOATS, /* float_seq */
} mr_typed_kind;

typedef struct mr_typed_table mr_typed_table;

/*
 * Read a file of at most 4 GB.  MR_ERR_NOT_FOUND, MR_ERR_UNAVAILABLE, MR_ERR_NO_MEMORY;
 * MR_ERR_CORRUPT, naming file and line, for a heading that is none or a row with another number
 * of fields.
 */
MR_MUST_USE mr_status mr_typed_table_read(const char *path, mr_typed_table **ret_table,
                                          mr_error *ret_error);
void mr_typed_table_destroy(mr_typed_table *table); /* NULL allowed */

uint32_t mr_typed_table_rows(const mr_typed_table *table);
uint32_t mr_typed_table_columns(const mr_typed_table *table);
mr_text mr_typed_table_column_name(const mr_typed_table *table, uint32_t column);
mr_typed_kind mr_typed_table_column_kind(const mr_typed_table *table, uint32_t column);

/* The column of that name, or MR_TYPED_COLUMN_NONE. */
uint32_t mr_typed_table_find(const mr_typed_table *table, const char *name);

/* The same for a column that must be there: MR_ERR_CORRUPT, naming file and column. */
MR_MUST_USE mr_status mr_typed_table_need(const mr_typed_table *table, const char *name,
                                          uint32_t *ret_column, mr_error *ret_error);

mr_text mr_typed_table_field(const mr_typed_table *table, uint32_t row, uint32_t column);

/* A field as a finite number; MR_ERR_CORRUPT naming file, line and column. */
MR_MUST_USE mr_status mr_typed_table_number(const mr_typed_table *table, uint32_t row,
                                            uint32_t column, double *ret_value,
                                            mr_error *ret_error);

/* Write "FILE line N: …", for what a reader of the fields finds wrong; hands MR_ERR_CORRUPT back. */
mr_status mr_typed_table_refuse(const mr_typed_table *table, uint32_t row,
                                const char *reason, mr_error *ret_error);

#endif
