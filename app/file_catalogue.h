/*
 * File catalogue: what a file says of its items, gathered and appended to the catalogue topic.
 *
 * A file of purchases names an item thousands of times; the catalogue wants one record, the last
 * one said.  Records that the topic already holds word for word are not appended again, so that
 * sending a file twice leaves the topic as it was.
 *
 * Units      Prices in minor units.
 * Ownership  Owns copies of what is put.
 * Threads    One caller.
 * Cost       A probe and, when an item is new or has changed, a small copy a put.
 */
#ifndef MR_APP_FILE_CATALOGUE_H
#define MR_APP_FILE_CATALOGUE_H

#include "ingest/decode_csv.h"
#include "ingest/log.h"

typedef struct mr_file_catalogue mr_file_catalogue;

/* MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_file_catalogue_create(mr_file_catalogue **ret_catalogue);
void mr_file_catalogue_destroy(mr_file_catalogue *catalogue); /* NULL allowed */

/* The item as the file says now: an empty title or category and a price of 0 leave what was
 * said before.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_file_catalogue_put(mr_file_catalogue *catalogue,
                                            const mr_csv_item *item);

size_t mr_file_catalogue_count(const mr_file_catalogue *catalogue);

/*
 * Append a record an item that is new to `topic` or differs from the newest one there.
 *
 * MR_ERR_* of the log.
 */
MR_MUST_USE mr_status mr_file_catalogue_append(mr_file_catalogue *catalogue,
                                               mr_log *topic, size_t *ret_appended,
                                               mr_error *ret_error);

#endif
