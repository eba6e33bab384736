/*
 * Transactions: who bought when and for how much, read from a file.
 *
 * Two dialects.  `cdnow`: fixed columns, customer, date (YYYYMMDD), units, value; an optional
 * heading.  `csv`: a header names the columns; customer, date, quantity and value are found under
 * the names shops use ("CustomerID", "InvoiceDate", "UnitPrice" ...), and a unit price is
 * multiplied by the quantity.  Lines of one customer and one day become one purchase day.
 *
 * A **cut** is the end of a day: purchases on that day and before are known, the label looks at
 * the days after it (models/purchase_features.h).
 *
 * Units      Days since 1970-01-01, UTC.  Values in the file's own currency.
 * Ownership  The store owns its purchases and ids and lends both.
 * Threads    Immutable once read: any readers.
 * Cost       One sort of the lines.
 */
#ifndef MR_MODELS_TRANSACTIONS_H
#define MR_MODELS_TRANSACTIONS_H

#include "core/status.h"
#include "core/text.h"

#include <stddef.h>
#include <stdint.h>

typedef struct mr_transactions mr_transactions;

typedef enum mr_transactions_format {
    MR_TRANSACTIONS_CDNOW,
    MR_TRANSACTIONS_CSV,
} mr_transactions_format;

typedef struct mr_purchase {
    int32_t day;
    uint32_t lines; /* of the file: orders, or lines of orders */
    double units;
    double value;
} mr_purchase;

/* "cdnow" or "csv"; MR_ERR_INVALID otherwise. */
MR_MUST_USE mr_status mr_transactions_format_parse(mr_text text,
                                                   mr_transactions_format *ret_format);

/*
 * Read a file's text.  Lines without a customer, and lines of no units or less (cancellations),
 * are no purchase: they are counted and left out.
 *
 * MR_ERR_CORRUPT naming the line when a date or number does not parse, a column is missing or
 * nothing is left; MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_transactions_parse(mr_text text, mr_transactions_format format,
                                            mr_transactions **ret_transactions,
                                            mr_error *ret_error);
void mr_transactions_destroy(mr_transactions *transactions); /* NULL allowed */

/* The same from a file; MR_ERR_NOT_FOUND or MR_ERR_UNAVAILABLE too. */
MR_MUST_USE mr_status mr_transactions_read(const char *path,
                                           mr_transactions_format format,
                                           mr_transactions **ret_transactions,
                                           mr_error *ret_error);

/* Customers are numbered in the order of their ids' bytes. */
uint32_t mr_transactions_customers(const mr_transactions *transactions);
mr_text mr_transactions_id(const mr_transactions *transactions, uint32_t customer);
size_t mr_transactions_lines(const mr_transactions *transactions);
size_t mr_transactions_left_out(const mr_transactions *transactions);
int32_t mr_transactions_first_day(const mr_transactions *transactions);
int32_t mr_transactions_last_day(const mr_transactions *transactions);

/* A customer's purchase days in order of time; at least one. */
const mr_purchase *mr_transactions_of(const mr_transactions *transactions,
                                      uint32_t customer, size_t *ret_count);

#endif
