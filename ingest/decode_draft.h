/*
 * Decode draft: what a dialect found in a record, as text, before it is believed.
 *
 * A dialect only finds: it puts the texts of the fields it knows into a draft.  Checking is done
 * here once for all dialects: lengths of ids, numbers, money and times.  A field that is absent
 * is the empty text.
 *
 * Units      As core/event.h.  Amounts in a message are decimals in the currency's major unit.
 * Ownership  Texts borrow from the record or from the decoder's arena, and so do the events.
 * Threads    Owner-only.
 * Cost       A few nanoseconds a field; no allocation.
 */
#ifndef MR_INGEST_DECODE_DRAFT_H
#define MR_INGEST_DECODE_DRAFT_H

#include "core/arena.h"
#include "core/event.h"
#include "ingest/log.h"

enum {
    MR_DRAFT_QUANTITY_MAX =
        1000000000, /* a larger one is a mistake, and sums must not wrap */
};
#define MR_DRAFT_MINOR_MAX INT64_C(1000000000000000)

/* time_ms of an event that carries no time: the record's log time is put in. */
#define MR_DRAFT_NO_TIME INT64_MIN

typedef struct mr_draft_line {
    mr_text item_id;
    mr_text sku;      /* the item's id when item_id is absent */
    mr_text plain_id; /* and when both are                    */
    mr_text category;
    mr_text brand;
    mr_text quantity; /* absent: 1                */
    mr_text price;
    mr_text value; /* absent: quantity x price */
    mr_text position;
} mr_draft_line;

typedef struct mr_draft {
    mr_text type; /* the dialect's word */
    mr_text name;
    mr_text user_id;
    mr_text anonymous_id;
    mr_text session_id;
    mr_text event_id;
    mr_text order_id;
    mr_text currency;
    mr_text query;
    mr_text body;
    mr_text device;
    mr_text channel;
    mr_text campaign;
    mr_text geo;
    mr_text recommendation_id;
    mr_text placement;
    mr_text time; /* ms since the epoch, or RFC 3339 */
    mr_text rating;
    mr_draft_line line;
} mr_draft;

/* Where a dialect puts its events, and what it may use meanwhile. */
typedef struct mr_decode_output {
    mr_arena *arena; /* lives as long as the batch */
    mr_event_batch *batch;
    int64_t log_time_ms;
    mr_status status; /* MR_ERR_NO_MEMORY stops the whole decode */
} mr_decode_output;

/* A number of ms since the epoch, or RFC 3339. */
MR_MUST_USE mr_poison mr_draft_time(mr_text text, int64_t *ret_ms);

/* The event's fields that all lines share. */
MR_MUST_USE mr_poison mr_draft_event(const mr_draft *draft, mr_event_type type,
                                     mr_event *ret_event);

/* The fields of one line, into an event that has the shared ones. */
MR_MUST_USE mr_poison mr_draft_line_put(const mr_draft_line *line, mr_event *event);

/* One record with one line: both of the above, and append it. */
MR_MUST_USE mr_poison mr_draft_emit(const mr_draft *draft, mr_event_type type,
                                    mr_decode_output *output);

/* Append to the output's batch; sets `status` when memory runs out. */
void mr_decode_append(mr_decode_output *output, const mr_event *event);

#endif
