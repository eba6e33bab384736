/*
 * Control record: an instruction that travels in the event log, with proof of who wrote it.
 *
 * Erasure, consent, identity links and clock ticks lie in the same partition as the user's
 * events, so that their order is total.  The header `mr-control` holds version, key id and an
 * HMAC-SHA256 over topic, key and value: an ordinary producer cannot write one.
 *
 * Units      Times in ms since the epoch.
 * Ownership  Encoded bytes go into the caller's buffer; decoded texts borrow from the record or
 *            lie in the caller's arena.
 * Threads    Any: pure functions.
 * Cost       One HMAC, about 1 us and 1 ns a byte; an answer to a link is parsed besides.
 */
#ifndef MR_INGEST_CONTROL_RECORD_H
#define MR_INGEST_CONTROL_RECORD_H

#include "core/arena.h"
#include "core/buffer.h"
#include "core/event.h"
#include "ingest/log.h"

/* The name of the header that marks a control record. */
#define MR_CONTROL_HEADER "mr-control"

enum { MR_CONTROL_VERSION = 1, MR_CONTROL_HEADER_BYTES = 40 };

/* Written to logs as numbers: append only. */
typedef enum mr_control_kind {
    MR_CONTROL_TICK = 1, /* the wall clock of the partition's owner */
    MR_CONTROL_ERASE = 2,
    MR_CONTROL_OPT_OUT = 3,
    MR_CONTROL_OPT_IN = 4,
    MR_CONTROL_LINK = 5,
} mr_control_kind;

typedef struct mr_control_record {
    mr_control_kind kind;
    mr_text user_id; /* empty for a tick and for a link */
    int64_t time_ms; /* of a link: in it                */
    mr_link link;    /* of a link                       */
} mr_control_record;

/*
 * Append the value (JSON) to `ret_value` and write the header's bytes.
 *
 * MR_ERR_INVALID for a record that decoding would refuse: a field missing, out of range or too
 * long, or a key that is not the record's own: a request's is its anonymous id, a tick has none,
 * every other's is its user id.
 */
MR_MUST_USE mr_status mr_control_encode(const mr_control_record *record,
                                        const char *topic, const void *key,
                                        size_t key_bytes, mr_text record_key,
                                        mr_buffer *ret_value,
                                        uint8_t ret_header[MR_CONTROL_HEADER_BYTES]);

/* MR_ERR_CORRUPT when the MAC or the value is wrong; MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_control_decode(const mr_log_record *record, const char *topic,
                                        const void *key, size_t key_bytes,
                                        mr_arena *arena, mr_control_record *ret_record);

#endif
