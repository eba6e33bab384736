/*
 * CSV reader: one row of fields after the other out of a text [RFC 4180].
 *
 * Quoted fields may hold separators, line breaks and doubled quotes.  The separator is the one of
 * comma, semicolon and tab that occurs most in the first line that is not empty.  A byte-order
 * mark is passed over, and so are empty lines.
 *
 * Units      Lines are counted from 1.
 * Ownership  Borrows the text.  A row's fields are lent until the next row is read.
 * Threads    Owner-only.
 * Cost       One pass; only fields with doubled quotes are copied.
 */
#ifndef MR_MODELS_CSV_READER_H
#define MR_MODELS_CSV_READER_H

#include "core/arena.h"
#include "core/status.h"
#include "core/text.h"

#include <stdint.h>

enum { MR_CSV_FIELDS_MAX = 1024 };

typedef struct mr_csv_row {
    mr_text fields[MR_CSV_FIELDS_MAX];
    uint32_t count;
    uint32_t line; /* where the row begins */
} mr_csv_row;

typedef struct mr_csv_reader {
    mr_text text;      /* private */
    uint32_t position; /* private */
    uint32_t line;     /* private */
    char separator;
    mr_arena *copies; /* private */
} mr_csv_reader;

MR_MUST_USE mr_status mr_csv_reader_init(mr_text text, mr_csv_reader *ret_reader);
void mr_csv_reader_deinit(mr_csv_reader *reader);

/*
 * Read a row.  MR_ERR_NOT_FOUND at the end; MR_ERR_CORRUPT naming the line when a quote stays
 * open or is followed by something else than a separator; MR_ERR_FULL beyond MR_CSV_FIELDS_MAX;
 * MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_csv_reader_next(mr_csv_reader *reader, mr_csv_row *ret_row,
                                         mr_error *ret_error);

/* Without blanks at either end. */
mr_text mr_csv_trim(mr_text field);

#endif
