/*
 * Event intake: events that came over HTTP, on their way into the log.
 *
 * Each is decoded as the stream would decode it, so that a bad one is refused with its reason
 * while the caller still listens, and written to the log in canonical form under its profile's
 * key.  The answer is given when all are durable.
 *
 * Units      None.
 * Ownership  Owns its decoder and buffers; borrows the engine.
 * Threads    One intake a thread.
 * Cost       A decode and an encode an event, and one group commit a request.
 */
#ifndef MR_APP_EVENT_INTAKE_H
#define MR_APP_EVENT_INTAKE_H

#include "app/engine.h"
#include "serving/backend.h"

typedef struct mr_event_intake mr_event_intake;

MR_MUST_USE mr_status mr_event_intake_create(mr_engine *engine,
                                             mr_event_intake **ret_intake,
                                             mr_error *ret_error);
void mr_event_intake_destroy(mr_event_intake *intake); /* NULL allowed */

/* As append_events of serving/backend.h. */
MR_MUST_USE mr_status mr_event_intake_append(mr_event_intake *intake,
                                             mr_backend_event *events, size_t count);

#endif
