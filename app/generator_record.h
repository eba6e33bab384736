/*
 * Generator record: an invented event as a producer would write it.
 *
 * Two dialects, and within each the freedom that real senders take: times as numbers, as text in
 * some zone, or left out; numbers as text; the value of an order on the order or on its lines;
 * keys that we do not know.  A filler brings a record to the size of real ones.
 *
 * Units      As generator_shop.h.
 * Ownership  Appends to the caller's buffer.
 * Threads    Any: pure functions.
 * Cost       About a microsecond for 350 bytes.
 */
#ifndef MR_APP_GENERATOR_RECORD_H
#define MR_APP_GENERATOR_RECORD_H

#include "app/generator_shop.h"
#include "core/buffer.h"
#include "ingest/decoder.h"

enum { MR_RECORD_EVENT_ID_BYTES = 18 };

/* What the text says of time. */
#define MR_RECORD_UNTIMED INT64_MIN

typedef struct mr_record_style {
    mr_dialect dialect;   /* native or segment                      */
    uint32_t about_bytes; /* filled up to; 0: as long as they are   */
    uint64_t seed;        /* of event ids                           */
} mr_record_style;

/* Is the time left out, so that the log's counts?  Then time_ms is now_ms. */
bool mr_record_is_untimed(const mr_shop_event *event);

/* "e" and 16 hex digits; the same number never gives two. */
mr_text mr_record_event_id(const mr_record_style *style, uint64_t number,
                           char ret_id[MR_RECORD_EVENT_ID_BYTES]);

/* Append the value of a record.  `user_id` and `anonymous_id` are the bytes, one may be empty. */
void mr_record_write(const mr_record_style *style, const mr_shop_event *event,
                     mr_text user_id, mr_text anonymous_id, mr_buffer *buffer);

#endif
