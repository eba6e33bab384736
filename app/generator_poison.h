/*
 * Generator poison: records that no engine should take for events.
 *
 * A table of ways to be wrong, at least one for every reason in docs/EVENTS.md that a dialect
 * can have: broken syntax, bytes that are no text, numbers that are none, ids too long, control
 * records that somebody made up.  Each row says which reason it must be given.
 *
 * Units      None.
 * Ownership  Appends to the caller's buffer; a header is written into caller's storage.
 * Threads    Any: pure functions.
 * Cost       An append; two HMACs for a control record.
 */
#ifndef MR_APP_GENERATOR_POISON_H
#define MR_APP_GENERATOR_POISON_H

#include "core/buffer.h"
#include "ingest/control_record.h"
#include "ingest/decoder.h"

typedef struct mr_poison_row mr_poison_row;

typedef struct mr_made_poison {
    mr_poison reason;
    bool has_header; /* MR_CONTROL_HEADER, with `header` */
    uint8_t header[MR_CONTROL_HEADER_BYTES];
} mr_made_poison;

/* The rows of a dialect are those that do not return NULL, from 0 on. */
const mr_poison_row *mr_poison_row_at(mr_dialect dialect, size_t index);

/* May the row come before an event of the partition has been applied?  One of another dialect
 * may not: it would decide what the partition's is. */
bool mr_poison_row_may_be_first(const mr_poison_row *row);

/* Append the row's value, in the name of `user_id`, whose record it will be.  `topic` is what a
 * control record's MAC covers.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_poison_make(const mr_poison_row *row, mr_dialect dialect,
                                     mr_text user_id, const char *topic, uint64_t variety,
                                     mr_buffer *buffer, mr_made_poison *ret_made);

#endif
