/*
 * API call: what the handler groups share while they answer one request.
 *
 * The route table hands every handler an mr_api_call; its worker is the scratch of the thread
 * the request runs on.  A handler that needs a user's cached values reads its request, says for
 * whom (mr_api_wait_for_user) and returns; when the turn of the loop has brought in all it
 * brings, one question to the cache answers every call that waits, and each is finished.
 *
 * Units      Times in ms.
 * Ownership  The call, and texts from the query and the path, live in the worker's arena until
 *            the answers of the turn are made.  The rest of the scratch is a handler's until it
 *            returns.
 * Threads    A call belongs to the thread of its request.
 * Cost       No allocation in steady state.
 */
#ifndef MR_SERVING_API_CALL_H
#define MR_SERVING_API_CALL_H

#include "core/arena.h"
#include "core/histogram.h"
#include "core/json.h"
#include "serving/api.h"
#include "serving/problem.h"
#include "serving/recommendation_id.h"
#include "serving/result_codec.h"
#include "serving/user_state_codec.h"

#include <stdbool.h>

enum {
    MR_API_QUERY_MAX = 64,
    MR_API_ROUTES_MAX = 32,
    MR_API_STATUS_CLASSES = 6, /* by status / 100 */
    MR_API_CANDIDATES_MAX = 256,
    MR_API_IDS_MAX = 1000,       /* of exclude           */
    MR_API_CONTEXT_MAX = 50,     /* of items             */
    MR_API_WRITE_BACKS_MAX = 64, /* a turn of the loop  */
};

/* A list scored on the spot: where it stands in the worker's `write_backs`. */
typedef struct mr_write_back {
    mr_hash128 user;
    size_t offset;
    uint32_t length;
    int64_t ttl_ms;
} mr_write_back;

/* The scratch of one thread. */
typedef struct mr_api_worker {
    mr_cache *cache;
    mr_arena *arena;
    mr_signer *signer;
    mr_buffer storage; /* values read from the cache */
    mr_buffer owned;   /* states from their owner    */
    struct mr_api_call *waiting[MR_HTTP_WAITING_MAX];
    uint32_t waiting_count;
    mr_result result;
    mr_user_state state;
    mr_scored_item scored[MR_API_CANDIDATES_MAX];
    mr_candidate candidates[MR_API_CANDIDATES_MAX];
    uint32_t context_items[MR_API_CONTEXT_MAX];
    /* Lists scored on the spot, to be written to the cache when the answers are sent. */
    mr_buffer write_backs;
    mr_write_back write_back[MR_API_WRITE_BACKS_MAX];
    size_t write_back_count;
} mr_api_worker;

/* What is stored of a user, lent by the worker. */
typedef struct mr_user_values {
    mr_text user_id;
    mr_hash128 user;
    bool has_result;
    bool has_state;    /* of the cache, else of the owner                      */
    bool is_owner_out; /* the cache had no state, and the owner did not answer */
    mr_result_view result;
    mr_user_state_view state;
} mr_user_values;

typedef struct mr_api_call mr_api_call;
typedef void mr_api_handle(mr_api_call *call);

typedef struct mr_api_route {
    const char *name;    /* of its metrics */
    const char *pattern; /* "/v1/users/{id}/profile"; a "*" at the end takes the rest */
    unsigned methods;    /* 1 << mr_http_method; HEAD comes with GET */
    mr_api_handle *handle;
    bool is_slow;
    size_t body_bytes_max; /* 0: the default */
} mr_api_route;

typedef struct mr_api_route_metrics {
    _Atomic uint64_t answers[MR_API_STATUS_CLASSES];
    mr_histogram latency_us;
} mr_api_route_metrics;

typedef struct mr_api_metrics {
    mr_api_route_metrics routes[MR_API_ROUTES_MAX + 1]; /* the last: no route */
    _Atomic uint64_t served_cache;
    _Atomic uint64_t served_live;
    _Atomic uint64_t served_fallback;
    _Atomic uint64_t degraded;
    _Atomic uint64_t
        corrupt_values; /* of the cache: foreign, damaged, of another format */
    _Atomic uint64_t write_backs;
    _Atomic uint64_t events_accepted;
    _Atomic uint64_t events_rejected;
} mr_api_metrics;

struct mr_api {
    mr_api_options options;
    mr_hash_key key;
    mr_placement *placements;
    mr_api_worker *workers;
    uint32_t worker_count; /* made so far; all of options.threads when running */
    _Atomic(const mr_http_server *) server; /* NULL until it is watched */
    mr_api_metrics metrics;
};

extern const mr_api_route mr_api_routes[];
extern const size_t mr_api_route_count;

typedef struct mr_query_parameter {
    mr_text name;
    mr_text value;
    bool used;
} mr_query_parameter;

typedef struct mr_query {
    mr_query_parameter parameters[MR_API_QUERY_MAX];
    size_t count;
} mr_query;

struct mr_api_call {
    mr_api *api;
    mr_api_worker *worker;
    const mr_api_route *route; /* NULL: none */
    const mr_http_request *request;
    mr_http_response *response;
    mr_text id;            /* of the path, decoded; or the rest behind a '*' */
    mr_api_handle *finish; /* NULL: the handler has answered */
    void *state;           /* the handler's, for finish()    */
    mr_user_values user;
    mr_query query;
    mr_field_error error; /* what is wrong with the request, for mr_api_refuse() */
};

/*
 * Have finish() called with `call->user.values` filled in, after the handler has returned.
 * `state` is kept for it.
 */
void mr_api_wait_for_user(mr_api_call *call, mr_text user_id, mr_api_handle *finish,
                          void *state);

/* One question to the cache for the values of `count` users, at most MR_HTTP_WAITING_MAX, and one
 * to their owner for those of whom the cache has no state. */
void mr_api_look_up(mr_api *api, mr_api_worker *worker, mr_user_values **users,
                    size_t count);

/* Relaxed: statistics order nothing. */
static inline void mr_api_count(_Atomic uint64_t *counter, uint64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

/* Decode the query into the call.  MR_ERR_INVALID with call->error. */
MR_MUST_USE mr_status mr_api_parse_query(mr_api_call *call);

/* The first parameter of that name, marked as used; false when there is none. */
bool mr_api_take(mr_api_call *call, const char *name, mr_text *ret_value);

/* As above, leaving `*value` as it is when absent.  MR_ERR_INVALID with call->error. */
MR_MUST_USE mr_status mr_api_take_number(mr_api_call *call, const char *name,
                                         int64_t least, int64_t most, int64_t *value);
MR_MUST_USE mr_status mr_api_take_flag(mr_api_call *call, const char *name, bool *value);

/*
 * Ids, repeated or comma-separated, into the arena; `*ids` is left as it is when there are none.
 * MR_ERR_INVALID with call->error; MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_api_take_ids(mr_api_call *call, const char *name, size_t most,
                                      mr_text **ids, size_t *count);

/* MR_ERR_INVALID, naming it, when a parameter was not taken by anybody. */
MR_MUST_USE mr_status mr_api_check_all_taken(mr_api_call *call);

/* MR_ERR_INVALID unless 1..128 bytes of UTF-8. */
MR_MUST_USE mr_status mr_api_check_id(mr_api_call *call, const char *field, mr_text id);

/* Refuse the request with call->error, as a 400. */
void mr_api_refuse(mr_api_call *call);

/* The answer to a backend's failure: 503 with Retry-After, or 404. */
void mr_api_write_failure(mr_api_call *call, mr_status status, const char *detail);

/* Begin a 200 answer: an open JSON object. */
mr_json_writer mr_api_begin(mr_api_call *call);

/* The catalogue of now, to be released; its object is NULL when there is none. */
mr_snapshot *mr_api_acquire_catalogue(mr_api_call *call,
                                      const mr_catalogue **ret_catalogue);

/* id, title, price … as members of the object that was begun. */
void mr_api_put_item(mr_json_writer *writer, mr_text id, const mr_catalogue_item *item);

int64_t mr_api_now_ms(const mr_api_call *call);
int64_t mr_api_elapsed_us(const mr_api_call *call);

/* Write what was scored on the spot to the cache. */
void mr_api_flush_write_backs(mr_api *api, mr_api_worker *worker);

/* The handlers, by file. */
mr_api_handle mr_api_recommendations;          /* api_recommendations.c */
mr_api_handle mr_api_similar, mr_api_trending; /* api_items.c           */
mr_api_handle mr_api_find_items;
mr_api_handle mr_api_events;                 /* api_events.c          */
mr_api_handle mr_api_profile;                /* api_users.c           */
mr_api_handle mr_api_alerts;                 /* api_alerts.c          */
mr_api_handle mr_api_healthz, mr_api_readyz; /* api_system.c          */
mr_api_handle mr_api_metrics_text, mr_api_overview;
mr_api_handle mr_api_static; /* api_static.c          */

#endif
