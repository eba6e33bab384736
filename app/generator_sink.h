/*
 * Generator sink: where generated records go, a file of lines and the events topic.
 *
 * A line of the file is one JSON object (docs/FORMATS.md, "Generated stream"); line n of the file is
 * record n of the stream.  The topic gets the same records in the same order, each with its key
 * and time; they are appended in batches, each acknowledged before the next is made.
 *
 * Units      Lines from 1; events a second.
 * Ownership  The sink borrows the log and owns its file.
 * Threads    Owner-only.
 * Cost       About 1 us a line; an append waits for the disk or the broker once a batch.
 */
#ifndef MR_APP_GENERATOR_SINK_H
#define MR_APP_GENERATOR_SINK_H

#include "app/generator.h"

typedef struct mr_generator_sink_options {
    const char *path;    /* "-": standard output; NULL: no file */
    mr_log *log;         /* NULL: no topic                      */
    uint64_t first_line; /* lines before it are left out        */
    double pace;         /* records a second; 0: as fast as it goes */
} mr_generator_sink_options;

typedef struct mr_generator_sink mr_generator_sink;

/* MR_ERR_UNAVAILABLE when the file cannot be made, MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_generator_sink_open(const mr_generator_sink_options *options,
                                             mr_generator_sink **ret_sink,
                                             mr_error *ret_error);
void mr_generator_sink_close(mr_generator_sink *sink); /* NULL allowed; flushes nothing */

/* Take the next record.  MR_ERR_UNAVAILABLE with a message that says where to go on. */
MR_MUST_USE mr_status mr_generator_sink_put(mr_generator_sink *sink,
                                            const mr_generated *record,
                                            mr_error *ret_error);

/* Write what is still held back; after the last record. */
MR_MUST_USE mr_status mr_generator_sink_flush(mr_generator_sink *sink,
                                              mr_error *ret_error);

uint64_t mr_generator_sink_lines(const mr_generator_sink *sink); /* taken so far */

/* Append the record's line, with its line feed. */
void mr_generator_line_write(mr_buffer *buffer, const mr_generated *record);

#endif
