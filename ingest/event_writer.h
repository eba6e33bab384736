/*
 * Event writer: canonical events as native JSON.
 *
 * `produce` turns files of any dialect into native records with it, and the events endpoint
 * writes what it accepted.  What it writes decodes to the same events again.
 *
 * Units      As core/event.h; amounts are written as exact decimals.
 * Ownership  Appends to the caller's buffer.
 * Threads    Any: pure functions.
 * Cost       An append a field.
 */
#ifndef MR_INGEST_EVENT_WRITER_H
#define MR_INGEST_EVENT_WRITER_H

#include "core/buffer.h"
#include "core/event.h"

/*
 * Append the events of one record, at least one, as one JSON object: one event with its line at
 * the top, several with `items`.  The fields that lines share are taken from the first.
 *
 * Check mr_buffer_status() afterwards.
 */
void mr_event_write(mr_buffer *buffer, const mr_event *events, size_t count);

/* The profile key of an event: user_id where there is one, else anonymous_id. */
mr_text mr_event_profile_id(const mr_event *event);

#endif
