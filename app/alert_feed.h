/*
 * Alert feed: the alerts topic in memory, for cursors to walk.
 *
 * Everything that tells growth teams about a change tails the alerts topic.  This is the tail
 * behind GET /v1/alerts and /v1/churn/alerts: the newest alerts of each kind with their offsets,
 * duplicates dropped by the shard's sequence, read by cursor.
 *
 * Units      A cursor is "o" and an offset of the alerts topic.
 * Ownership  The feed owns copies of the records it keeps.
 * Threads    Any: one lock, never taken on the event path.
 * Cost       A query walks at most `limit` alerts of the tier asked for.
 */
#ifndef MR_APP_ALERT_FEED_H
#define MR_APP_ALERT_FEED_H

#include "core/json.h"
#include "core/status.h"
#include "ingest/log.h"

#include <stddef.h>
#include <stdint.h>

enum { MR_ALERT_FEED_MAX = 100000, /* of a kind */ MR_ALERT_FEED_CURSOR_BYTES = 64 };

/* What an alert is about, as its record says; without a word it is of churn. */
typedef enum mr_alert_kind {
    MR_ALERT_CHURN = 0,
    MR_ALERT_LIFECYCLE,
    MR_ALERT_LEVEL,
    MR_ALERT_SEGMENT,
    MR_ALERT_KINDS, /* as a query: all of them */
} mr_alert_kind;

const char *mr_alert_kind_name(mr_alert_kind kind); /* "churn" */

/* Header of an alert's record: "PARTITION:SEQUENCE" of the shard that decided it. */
#define MR_ALERT_SEQUENCE_HEADER "mr-sequence"

typedef struct mr_alert_feed mr_alert_feed;

MR_MUST_USE mr_status mr_alert_feed_create(mr_alert_feed **ret_feed);
void mr_alert_feed_destroy(mr_alert_feed *feed); /* NULL allowed */

/* Take in a record of the alerts topic.  One that is no alert, or was seen before, is passed
 * over.  MR_ERR_NO_MEMORY: it was not taken. */
MR_MUST_USE mr_status mr_alert_feed_add(mr_alert_feed *feed, const mr_log_record *record);

/*
 * Write the alerts of a kind after cursor `since` (empty: from the oldest kept), of `tier` (empty:
 * all), at most `limit`, in the order of their offsets, as elements of an array that has been begun, and the cursor after the last one.
 *
 * MR_ERR_INVALID for a cursor that is none.
 */
MR_MUST_USE mr_status mr_alert_feed_query(mr_alert_feed *feed, mr_alert_kind kind,
                                          mr_text tier, mr_text since, size_t limit,
                                          mr_json_writer *writer,
                                          char ret_cursor[MR_ALERT_FEED_CURSOR_BYTES]);

size_t mr_alert_feed_count(mr_alert_feed *feed);

#endif
