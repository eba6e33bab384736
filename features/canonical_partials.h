/*
 * Canonical dump, inside: how a line is written, and the lines of the partials.
 *
 * Units      As features/canonical_dump.h.
 * Ownership  The writer's.
 * Threads    Owner-only.
 * Cost       As features/canonical_dump.h.
 */
#ifndef MR_FEATURES_CANONICAL_PARTIALS_H
#define MR_FEATURES_CANONICAL_PARTIALS_H

#include "core/buffer.h"
#include "features/canonical_dump.h"
#include "features/shard_private.h"

typedef struct mr_dump {
    const mr_shard *const *shards;
    size_t shard_count;
    int64_t at_ms;
    mr_dump_kind kind;
    mr_dump_writer *writer;
    void *context;
    mr_buffer lines;
} mr_dump;

/* A tab and the text, with \\ \t \n \r for backslash, tab, newline, carriage return. */
void mr_dump_text(mr_dump *dump, mr_text text);
void mr_dump_escaped(mr_dump *dump, mr_text text);  /* without the tab */
void mr_dump_number(mr_dump *dump, int64_t number); /* a tab and the number */
void mr_dump_time(mr_dump *dump, int64_t time_ms);  /* the same; "-" for MR_TIME_NONE */

/* End the line; hand the lines on when there are many. */
MR_MUST_USE mr_status mr_dump_end_line(mr_dump *dump);

MR_MUST_USE mr_status mr_dump_trending(mr_dump *dump);
MR_MUST_USE mr_status mr_dump_commerce(mr_dump *dump);
MR_MUST_USE mr_status mr_dump_exposures(mr_dump *dump);
MR_MUST_USE mr_status mr_dump_sales(mr_dump *dump);
MR_MUST_USE mr_status mr_dump_counters(mr_dump *dump);

#endif
