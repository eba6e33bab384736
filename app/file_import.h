/*
 * File import: a file of any dialect as records of the events topic.
 *
 * Opening reads the whole file, decodes each line to learn its time and user, and sorts by
 * (time, line), because the engine would take much of a file in disorder for late events.  Sending
 * appends in that order, keyed by profile id.  CSV lines become native JSON; a line that brings
 * no event id is named by content and line number, so that two equal lines remain two purchases.
 *
 * Units      Times in ms since the epoch; lines from 1.
 * Ownership  The import owns the file's content until destroyed; the log is borrowed.
 * Threads    One caller.
 * Cost       Memory of the content and 32 bytes a line; two decodings a line.
 */
#ifndef MR_APP_FILE_IMPORT_H
#define MR_APP_FILE_IMPORT_H

#include "app/file_catalogue.h"
#include "core/event.h"
#include "ingest/decode_csv.h"
#include "ingest/decoder.h"
#include "ingest/log.h"

#include <stdbool.h>
#include <stdint.h>

enum { MR_IMPORT_LINES_NAMED = 3 };

typedef struct mr_file_import mr_file_import;

typedef struct mr_file_import_options {
    const char *path; /* or "-" */
    const char
        *format; /* as in ingest/decoder.h; auto also knows the header of a CSV profile */
    bool is_raw; /* append lines as they are, those that do not decode, too */
    bool keep_order; /* do not sort */
    bool stamp;      /* the event's time becomes the record's time in the log */
    int64_t now_ms;  /* time of a JSON event without one; 0: it does not decode */
    mr_log *log;     /* the events topic */
    /* How far it is; NULL allowed. */
    void (*reading)(void *context, uint64_t bytes, uint64_t total_bytes);
    void (*sending)(void *context, uint64_t records, uint64_t total_records);
    void *context;
} mr_file_import_options;

/* Lines that do not decode, for one reason. */
typedef struct mr_import_refusals {
    uint64_t count;
    uint64_t first_lines[MR_IMPORT_LINES_NAMED];
} mr_import_refusals;

/*
 * Read, decode and sort.
 *
 * The file's errors as in app/event_file.h; MR_ERR_INVALID for a format that is none, a header
 * the profile does not know, or a first line nothing knows; MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_file_import_open(const mr_file_import_options *options,
                                          mr_file_import **ret_import,
                                          mr_error *ret_error);
void mr_file_import_destroy(mr_file_import *import); /* NULL allowed */

uint64_t mr_file_import_records(const mr_file_import *import); /* to be sent */
const mr_import_refusals *mr_file_import_refusals(const mr_file_import *import,
                                                  mr_poison reason); /* lends */

/* Of the records in the order they will be sent, those that the engine will not apply: behind
 * the watermark of their partition by more than ids are remembered. */
uint64_t mr_file_import_late(const mr_file_import *import);

/* What the records will be in the log; AUTO when no line decodes. */
mr_dialect mr_file_import_dialect(const mr_file_import *import);
const mr_csv_profile *mr_file_import_profile(
    const mr_file_import *import); /* NULL: JSON */

/* Append all of it, and put what CSV lines say of their items into `catalogue` (NULL allowed).
 * MR_ERR_* of mr_log_append(). */
MR_MUST_USE mr_status mr_file_import_send(mr_file_import *import,
                                          mr_file_catalogue *catalogue,
                                          mr_error *ret_error);

#endif
