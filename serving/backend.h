/*
 * Backend: what the HTTP handlers ask of the other stages.
 *
 * serving/ knows neither models nor shards; app/ fills in this table.  A request acquires
 * one view of the model and keeps it to the end, so that scoring, ids and the version it
 * names are of one model.  Every call may be missing (NULL) when the process has no such
 * part: the handlers then go one step down the fallback chain, or answer 503 where there
 * is none.
 *
 * Units      Times in ms since the Unix epoch.
 * Ownership  Texts given are borrowed for the call.  Ids from a view are lent until release();
 *            what is put into an arena lives as long as the arena's batch.
 * Threads    Every call comes with the number of the thread that makes it, 0 .. threads +
 *            workers - 1, so that scratch can be kept per thread without a lock; the calls
 *            marked "worker" may block and run beside the HTTP loops, the others must return
 *            within a millisecond or two.
 * Cost       One indirect call.
 */
#ifndef MR_SERVING_BACKEND_H
#define MR_SERVING_BACKEND_H

#include "core/arena.h"
#include "core/buffer.h"
#include "core/hash.h"
#include "core/json.h"
#include "core/scored_item.h"
#include "core/status.h"
#include "core/text.h"
#include "core/trending_kind.h"
#include "core/user_state.h"
#include "serving/candidate.h"

#include <stddef.h>
#include <stdint.h>

/* One version of the model, held for a request. */
typedef struct mr_model_view {
    mr_text version;     /* lent until release                       */
    uint32_t hash;       /* mr_model_hash(version): see result_codec */
    uint32_t dictionary; /* items it knows                           */
    void *model;         /* the backend's own                        */
} mr_model_view;

typedef struct mr_score_request {
    const mr_user_state *state;    /* NULL: nothing is known of the user    */
    const uint32_t *context_items; /* the items in view or in the cart, newest first */
    size_t context_count;
    size_t k;
} mr_score_request;

/* One event of a POST /v1/events. */
typedef struct mr_backend_event {
    mr_text user;   /* user_id, or anonymous_id when there is none: the log's key     */
    mr_text record; /* the event as it was sent, with an event_id put in if it had none */
    bool accepted;  /* result: durable in the log                                     */
    const char *reason; /* result when not: a static code, "bad_time" */
} mr_backend_event;

/* One user of whom the cache has no state. */
typedef struct mr_owner_question {
    mr_text user_id;
    mr_hash128 user;
    mr_status
        status; /* result: MR_OK; MR_ERR_NOT_FOUND for a new visitor, or another owner's */
    size_t
        offset; /* result: where the state stands in the storage, packed as the cache has
                         it (user_state_codec) */
    uint32_t length;
} mr_owner_question;

/* One record of the catalogue. */
typedef struct mr_backend_item {
    mr_text id;
    mr_text record; /* empty: the item is taken out */
} mr_backend_item;

typedef struct mr_alert_query {
    mr_text kind;  /* "churn", "lifecycle", "level", "segment"; empty: all */
    mr_text tier;  /* of churn; empty: all                                */
    mr_text since; /* cursor as handed out before; empty: from the oldest */
    size_t limit;
} mr_alert_query;

enum { MR_ALERT_CURSOR_BYTES = 64 };

/* A question about all users, in the words of the API; empty texts and zeros: the usual. */
typedef struct mr_analytics_request {
    const char *name; /* "activity", "retention", … */
    mr_text period;
    mr_text of;
    mr_text by; /* empty: not parted */
    mr_text measure;
    mr_text clock;
    mr_text cohort;
    mr_text anchor;
    mr_text audience;
    mr_text brackets; /* "1-7,8-30"       */
    mr_text start;    /* an event type    */
    mr_text back;
    mr_text steps;  /* "view,purchase"  */
    mr_text window; /* "7d"             */
    mr_text item;
    int64_t periods;
    int64_t columns;
    int64_t limit;
    int64_t least;
    bool is_strict;
} mr_analytics_request;

/* The shares that trending is the sum of. */
typedef struct mr_trending_scope {
    int64_t as_of_ms; /* of the newest, if any is counted */
    uint32_t counted;
    uint32_t of; /* partitions there are */
} mr_trending_scope;

typedef struct mr_members_request {
    mr_text audience;
    mr_text since;
    size_t limit;
} mr_members_request;

typedef struct mr_readiness {
    const char *name; /* static, "log"                 */
    bool ready;
    char detail[128]; /* "partition 3 is 1204 behind"  */
} mr_readiness;

enum { MR_READINESS_CHECKS_MAX = 16 };

typedef struct mr_backend {
    void *context;

    /* MR_ERR_NOT_FOUND while there is no model.  Pair with release(); a backend that has this has
     * the next four as well. */
    mr_status (*acquire)(void *context, mr_model_view *ret_view);
    void (*release)(void *context, mr_model_view *view);
    mr_text (*item_id)(void *context, const mr_model_view *view,
                       uint32_t item); /* in range */
    uint32_t (*item_index)(void *context, const mr_model_view *view, mr_text id);
    /* By mr_hash_item(); MR_ITEM_NONE when unknown or when two items share the hash. */
    uint32_t (*item_by_hash)(void *context, const mr_model_view *view, uint64_t hash);

    /* Best first, at most `k`; none is MR_OK with a count of 0. */
    mr_status (*score)(void *context, uint32_t thread, const mr_model_view *view,
                       const mr_score_request *request, mr_scored_item *ret_items,
                       size_t *ret_count);
    mr_status (*similar)(void *context, uint32_t thread, const mr_model_view *view,
                         uint32_t item, size_t k, mr_scored_item *ret_items,
                         size_t *ret_count);

    /*
     * The scores of given items for a user, `ret_items` [count] in the order given; `k` of the
     * request is not looked at.  MR_ITEM_NONE is allowed: its score is NaN.
     */
    mr_status (*rank)(void *context, uint32_t thread, const mr_model_view *view,
                      const mr_score_request *request, const uint32_t *items,
                      size_t count, mr_scored_item *ret_items);

    /* Items bought in the same order, best first.  MR_ERR_NOT_FOUND: the model has no such table. */
    mr_status (*bought_together)(void *context, uint32_t thread,
                                 const mr_model_view *view, uint32_t item, size_t k,
                                 mr_scored_item *ret_items, size_t *ret_count);

    /* Needs no model: ids are copied into `arena`.  Empty category: all. */
    mr_status (*trending)(void *context, uint32_t thread, mr_trending_kind kind,
                          mr_text category, size_t k, mr_arena *arena,
                          mr_candidate *ret_items, size_t *ret_count);

    /* Categories in the place of items: their names are the ids. */
    mr_status (*trending_categories)(void *context, uint32_t thread,
                                     mr_trending_kind kind, size_t k, mr_arena *arena,
                                     mr_candidate *ret_categories, size_t *ret_count);

    /* What both are counted over. */
    mr_status (*trending_scope)(void *context, uint32_t thread,
                                mr_trending_scope *ret_scope);

    /* The list of last resort, of the last model seen.  As trending(). */
    mr_status (*static_list)(void *context, size_t k, mr_arena *arena,
                             mr_candidate *ret_items, size_t *ret_count);

    /*
     * The states of users from their owner, when it is in this process: asked once a turn, for
     * those of whom the cache has none.  MR_OK with a status a question; MR_ERR_UNAVAILABLE
     * when the owner does not answer in 10 ms.
     */
    mr_status (*user_states)(void *context, uint32_t thread, mr_owner_question *questions,
                             size_t count, mr_buffer *storage);

    /* Somebody reads this user's recommendations: new events of theirs are scored ahead. */
    void (*was_read)(void *context, mr_hash128 user);

    /* NULL when all is well; else a static word for what is not, "log". */
    const char *(*degraded)(void *context);

    /*
     * Worker.  Normalise each event, append the good ones, and return when they are
     * durable. MR_OK with a verdict an event; MR_ERR_FULL to be tried again soon;
     * MR_ERR_UNAVAILABLE: none is known to be durable.
     */
    mr_status (*append_events)(void *context, uint32_t thread, mr_backend_event *events,
                               size_t count);

    /* Worker.  Catalogue records to the catalogue topic, durable on MR_OK; MR_ERR_UNAVAILABLE:
     * some may be there. */
    mr_status (*append_items)(void *context, uint32_t thread,
                              const mr_backend_item *items, size_t count);

    /* Where neither of the two is there: why, and where to send them; static.  NULL: no reason. */
    const char *no_appends;

    /* Worker.  One JSON value.  MR_ERR_NOT_FOUND; MR_ERR_UNAVAILABLE. */
    mr_status (*profile)(void *context, uint32_t thread, mr_text user_id,
                         mr_json_writer *writer);

    /*
     * Worker.  The alerts after the cursor, as the elements of a JSON array the caller
     * has begun, and the cursor after them (NUL-terminated).  MR_ERR_INVALID for a cursor
     * that is none of ours.
     */
    mr_status (*alerts)(void *context, uint32_t thread, const mr_alert_query *query,
                        mr_json_writer *writer, char ret_cursor[MR_ALERT_CURSOR_BYTES]);

    /*
     * Worker.  One JSON object, as of the newest checkpoints.  MR_ERR_INVALID: "field: what is
     * wrong"; MR_ERR_NOT_FOUND: there is no checkpoint yet, with a message.
     */
    mr_status (*analytics)(void *context, uint32_t thread,
                           const mr_analytics_request *request, mr_json_writer *writer,
                           mr_error *ret_error);
    mr_status (*audiences)(void *context, uint32_t thread, mr_json_writer *writer,
                           mr_error *ret_error);

    /* Worker.  Elements of a JSON array the caller has begun, and the cursor after them, empty at
     * the end.  As above, and MR_ERR_NOT_FOUND without a message: no such audience. */
    mr_status (*audience_members)(void *context, uint32_t thread,
                                  const mr_members_request *request,
                                  mr_json_writer *writer,
                                  char ret_next[MR_ALERT_CURSOR_BYTES],
                                  mr_error *ret_error);

    /* Worker.  Prometheus text of the stages behind; appended to that of serving. */
    void (*metrics)(void *context, mr_buffer *text);

    /* Worker.  The members of a JSON object the caller has begun: events_per_second, lag
     * … */
    void (*statistics)(void *context, mr_json_writer *writer);

    /* How many of `ret_checks` were written. */
    size_t (*readiness)(void *context, mr_readiness ret_checks[MR_READINESS_CHECKS_MAX]);
} mr_backend;

#endif
