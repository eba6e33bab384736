/*
 * Event: one fact about one user, in canonical form, and the batch it travels in.
 *
 * ingest/ turns log records into batches of these and features/ applies them: this header is
 * the contract between the two.  A batch keeps the records as well as the events, because what
 * must be accounted for is the record: every offset ends up applied, duplicate, late, poison,
 * opted out, erased, control or gap, exactly one of them.  An order with several lines is one
 * record with several events.
 *
 * Units      Times in ms since the Unix epoch, UTC.  Money in minor units (10^-2).
 * Ownership  Texts borrow from the log's batch or from the decoder's arena: valid until the
 *            next batch.
 * Threads    A batch belongs to the ingest thread that decodes and applies it.
 * Cost       Plain arrays, allocated once and reused.
 */
#ifndef MR_CORE_EVENT_H
#define MR_CORE_EVENT_H

#include "core/status.h"
#include "core/text.h"

#include <stddef.h>
#include <stdint.h>

/* Written to checkpoints and logs as numbers: append only. */
typedef enum mr_event_type {
    MR_EVENT_NONE = 0,
    MR_EVENT_VIEW = 1,
    MR_EVENT_CLICK = 2,
    MR_EVENT_SEARCH = 3,
    MR_EVENT_LIST_VIEW = 4,
    MR_EVENT_CART_ADD = 5,
    MR_EVENT_CART_REMOVE = 6,
    MR_EVENT_WISHLIST = 7,
    MR_EVENT_CHECKOUT = 8,
    MR_EVENT_PURCHASE = 9,
    MR_EVENT_REFUND = 10,
    MR_EVENT_RATE = 11,
    MR_EVENT_REVIEW = 12,
    MR_EVENT_SHARE = 13,
    MR_EVENT_LOGIN = 14,
    MR_EVENT_IMPRESSION = 15,
    MR_EVENT_REDEEM = 16,
    MR_EVENT_IDENTIFY = 17,
    MR_EVENT_CUSTOM = 18,
    MR_EVENT_TYPES = 19,
} mr_event_type;

enum {
    MR_EVENT_ID_BYTES_MAX = 128, /* of event, user, anonymous, session, order, item id */
    MR_EVENT_RECORD_BYTES_MAX = 32768, /* a larger record is poison */
    MR_EVENT_DEPTH_MAX = 8,
    MR_EVENT_LINES_MAX = 1000, /* lines of one order; more is poison */
    MR_MINOR_DIGITS = 2,       /* of the reporting currency          */
    MR_CLAMP_AHEAD_MS = 300000 /* a time later than log time + 5 min is clamped to it */
};

/* What applying a line or a record came to; mr_shard_apply() sets it.  Of a line it says something
 * only when it does of its record. */
typedef enum mr_outcome {
    MR_OUTCOME_NONE = 0,  /* not looked at: below the next offset, or without events    */
    MR_OUTCOME_APPLIED,   /* of a record: at least one line                             */
    MR_OUTCOME_DUPLICATE, /* applied before; of a record: every line                    */
    MR_OUTCOME_LATE,      /* too old to tell; of a record: no line applied, one too old */
} mr_outcome;

typedef struct mr_event {
    mr_text user_id;      /* empty when only anonymous_id is known */
    mr_text anonymous_id; /* one of the two is not empty            */
    mr_text session_id;
    mr_text event_id; /* empty: the record's position is its id   */
    mr_text item_id;
    mr_text category;
    mr_text brand;
    mr_text order_id;
    mr_text currency;
    mr_text name;  /* of a custom event, "adjustment"      */
    mr_text query; /* of a search                          */
    mr_text body;  /* of a review                          */
    mr_text device;
    mr_text channel;
    mr_text campaign;
    mr_text geo;
    mr_text recommendation_id;
    mr_text placement;
    int64_t time_ms;      /* clamped to the record's log time + 5 min */
    int64_t quantity;     /* >= 0; of an adjustment may be negative   */
    int64_t price_minor;  /* of one piece                             */
    int64_t value_minor;  /* of the whole line: quantity x price, rounded half-even after
                            multiplying; negative only for an adjustment */
    int32_t position;     /* in the list shown; -1 when unknown       */
    uint32_t line;        /* within the record, from 0                */
    int16_t rating_centi; /* 100..500; 0 when absent                 */
    uint8_t type;         /* mr_event_type                           */
    uint8_t outcome;      /* mr_outcome                              */
} mr_event;

/* What the decoder made of a record.  Written to metrics by name: mr_disposition_name(). */
typedef enum mr_disposition {
    MR_RECORD_EVENTS = 0, /* first_event .. first_event + event_count */
    MR_RECORD_TICK,       /* a control record that moves time: time_ms */
    MR_RECORD_LINK,       /* a control record that moves a profile: `link`     */
    MR_RECORD_CONTROL, /* another control record: counted, its effect comes with its feature */
    MR_RECORD_POISON, /* not an event: goes to the dead letters with `poison` */
} mr_disposition;

/* Why a record is poison; the name is the reason code of its dead letter.  Append only. */
typedef enum mr_poison {
    MR_POISON_NONE = 0,
    MR_POISON_EMPTY,         /* no value                                         */
    MR_POISON_TOO_LARGE,     /* more than MR_EVENT_RECORD_BYTES_MAX bytes        */
    MR_POISON_NOT_JSON,      /* or not the locked dialect's syntax               */
    MR_POISON_NOT_UTF8,      /* strict UTF-8                                     */
    MR_POISON_TOO_DEEP,      /* more than MR_EVENT_DEPTH_MAX levels              */
    MR_POISON_DUPLICATE_KEY, /* the same key twice in one object                 */
    MR_POISON_NO_USER,       /* neither user_id nor anonymous_id                 */
    MR_POISON_BAD_ID,        /* an id longer than MR_EVENT_ID_BYTES_MAX          */
    MR_POISON_NO_TYPE,       /* no type, or one the dialect does not know        */
    MR_POISON_BAD_TIME,      /* absent and no log time, unreadable, or before 1970 */
    MR_POISON_BAD_NUMBER,    /* not a number, not finite, out of range           */
    MR_POISON_TOO_MANY_LINES,
    MR_POISON_PRIVILEGED,    /* a control type in an ordinary event */
    MR_POISON_BAD_CONTROL,   /* unreadable control record, or its MAC does not verify */
    MR_POISON_WRONG_DIALECT, /* not the dialect this partition is locked to */
    MR_POISON_KINDS,
} mr_poison;

/*
 * A control record by which an anonymous profile moves to the user it turned out to be.
 *
 * A request lies in the anonymous id's partition and asks for the state; the answer, in the
 * user's partition, brings it.  `sequence` rises within what one source partition sends.
 */
typedef struct mr_link {
    mr_text anonymous_id;
    mr_text user_id;
    mr_text profile;   /* of an answer: the state, a JSON object; empty: a request  */
    int64_t time_ms;   /* of the event that showed both ids                         */
    uint64_t sequence; /* from 1                                                   */
    uint32_t source;   /* the partition that sent it                               */
} mr_link;

/* Partitions that can send a link are numbered below this. */
enum { MR_LINK_SOURCES_MAX = 4096 };

typedef struct mr_record_verdict {
    int64_t offset;
    int64_t log_time_ms; /* the record's own time stamp in the log                     */
    int64_t tick_ms;     /* MR_RECORD_TICK: wall time appended by the partition's owner */
    const mr_link *link; /* MR_RECORD_LINK: lent like the texts                        */
    uint32_t first_event;
    uint32_t event_count;
    uint8_t disposition; /* mr_disposition */
    uint8_t poison;      /* mr_poison      */
    uint8_t outcome;     /* mr_outcome     */
} mr_record_verdict;

typedef struct mr_event_batch {
    uint32_t partition;
    mr_event *events;
    size_t event_count;
    size_t event_capacity;
    mr_record_verdict *records; /* in offset order */
    size_t record_count;
    size_t record_capacity;
} mr_event_batch;

/* Room for `records` records and `events` events; mr_event_batch_reserve() grows either. */
MR_MUST_USE mr_status mr_event_batch_init(mr_event_batch *ret_batch, size_t records,
                                          size_t events);
MR_MUST_USE mr_status mr_event_batch_reserve(mr_event_batch *batch, size_t records,
                                             size_t events);
void mr_event_batch_clear(mr_event_batch *batch);
void mr_event_batch_deinit(mr_event_batch *batch); /* an all-zero batch is allowed */

/* "cart_add"; NULL for a number that is no type. */
const char *mr_event_type_name(mr_event_type type);

/* MR_EVENT_NONE when the name is none of the canonical ones. */
mr_event_type mr_event_type_from(mr_text name);

/* "poison", "not_json"; NULL for a number that is none. */
const char *mr_disposition_name(mr_disposition disposition);
const char *mr_poison_name(mr_poison poison);

#endif
