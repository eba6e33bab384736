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
#include "serving/api_schema.h"
#include "serving/problem.h"
#include "serving/recommendation_id.h"
#include "serving/result_codec.h"
#include "serving/user_state_codec.h"

#include <stdbool.h>

enum {
    MR_API_ROUTES_MAX = 48,
    MR_API_STATUS_CLASSES = 6, /* by status / 100 */
    MR_API_CANDIDATES_MAX = 1024,
    MR_API_IDS_MAX = 1000,       /* of exclude           */
    MR_API_CONTEXT_MAX = 50,     /* of items             */
    MR_API_WRITE_BACKS_MAX = 64, /* a turn of the loop  */
    MR_API_ETAG_BYTES = 24,
    MR_API_ALLOW_BYTES = 48, /* all methods */
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
    mr_purchase purchases[MR_STATE_ITEMS_MAX];
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

/* An answer other than an error: what the document says of it. */
typedef struct mr_api_answer {
    int status;               /* 0: no more of them */
    const mr_schema *schema;  /* NULL: not JSON     */
    const char *content_type; /* NULL: JSON; "": no body */
} mr_api_answer;

/* How the body may look beside an object of the schema. */
typedef enum mr_api_body_form {
    MR_API_BODY_OBJECT,
    MR_API_BODY_OR_NONE,   /* may be left out                                        */
    MR_API_BODY_OR_LIST,   /* or the array that is its first member                  */
    MR_API_BODY_OR_SINGLE, /* or that array, or one element of it                    */
} mr_api_body_form;

enum { MR_API_ANSWERS_MAX = 3, MR_API_ERRORS_MAX = 5 };

/* A row of the route table: what dispatches, and what GET /openapi.json is written from. */
typedef struct mr_api_route {
    const char *name;    /* of its metrics and of the operation */
    const char *pattern; /* "/v1/users/{id}/profile"; a "*" at the end takes the rest */
    unsigned methods;    /* 1 << mr_http_method; HEAD comes with GET */
    mr_api_handle *handle;
    bool is_slow;
    size_t body_bytes_max; /* 0: the default */
    const char *summary;
    const char *id_about; /* of the {id} */
    const char *id_example;
    const mr_schema *parameters; /* of the query; NULL: none */
    const mr_schema *body;       /* of POST, PUT and PATCH; NULL: none */
    mr_api_body_form body_form;
    mr_api_answer answers[MR_API_ANSWERS_MAX];
    int errors[MR_API_ERRORS_MAX]; /* beside those that every call may answer */
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
    mr_buffer openapi; /* the document, as it is sent */
    char openapi_etag[MR_API_ETAG_BYTES];
};

extern const mr_api_route mr_api_routes[];
extern const size_t mr_api_route_count;

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
 * Have finish() called with `call->user` filled in, after the handler has returned; at once when
 * `user_id` is empty: there is nobody to look up.  `state` is kept for it.
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

/* The row of that path and method.  NULL: `*ret_methods` says which the path takes, 0 when there
 * is nothing under it.  `*ret_id` is the raw path parameter. */
const mr_api_route *mr_api_find_route(mr_text path, mr_http_method method,
                                      mr_text *ret_id, unsigned *ret_methods);

/* "GET, HEAD, POST" */
void mr_api_allow_text(unsigned methods, char ret_text[MR_API_ALLOW_BYTES]);

/* Read the query into `request` by the route's table; all other parameters are refused.
 * MR_ERR_INVALID with call->error; MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_api_read_query(mr_api_call *call, const mr_schema *schema,
                                        void *request);

/* Parse the body, which must be an object unless `is_list_allowed`.  MR_ERR_INVALID with
 * call->error; MR_ERR_NO_MEMORY.  The caller destroys `*ret_json`. */
MR_MUST_USE mr_status mr_api_parse_body(mr_api_call *call, bool is_list_allowed,
                                        mr_json **ret_json);

/* MR_ERR_INVALID unless 1..128 bytes of UTF-8. */
MR_MUST_USE mr_status mr_api_check_id(mr_api_call *call, const char *field, mr_text id);

/* Answer a request that could not be read: a 400 with call->error, a 404 when it names a placement
 * that is not there (MR_ERR_NOT_FOUND), or a 503. */
void mr_api_write_unread(mr_api_call *call, mr_status status);

/* Refuse the request with call->error, as a 400. */
void mr_api_refuse(mr_api_call *call);

/* The answer to a backend's failure: 503 with Retry-After, or 404. */
void mr_api_write_failure(mr_api_call *call, mr_status status, const char *detail);

/* Begin a 200 answer: an open JSON object. */
mr_json_writer mr_api_begin(mr_api_call *call);

/* The catalogue of now, to be released; its object is NULL when there is none. */
mr_snapshot *mr_api_acquire_catalogue(const mr_api *api,
                                      const mr_catalogue **ret_catalogue);

/* One of the tags of an If-None-Match, or "*"; weak tags match as strong [RFC 9110, 13.1.2]. */
bool mr_api_client_has(const mr_http_request *request, const char *etag);

int64_t mr_api_now_ms(const mr_api_call *call);
int64_t mr_api_elapsed_us(const mr_api_call *call);

/* Write what was scored on the spot to the cache. */
void mr_api_flush_write_backs(mr_api *api, mr_api_worker *worker);

/* One event of the stream: "overview". */
void mr_api_put_event(mr_api *api, mr_buffer *event);

/* The handlers, by file. */
mr_api_handle mr_api_recommendations; /* api_recommendations.c */
mr_api_handle mr_api_session;
mr_api_handle mr_api_batch;                       /* api_batch.c           */
mr_api_handle mr_api_rank;                        /* api_rank.c            */
mr_api_handle mr_api_get_item, mr_api_find_items; /* api_items.c           */
mr_api_handle mr_api_similar, mr_api_bought_together;
mr_api_handle mr_api_trending, mr_api_popular, mr_api_new; /* api_popular.c         */
mr_api_handle mr_api_put_item, mr_api_patch_item;          /* api_item_writes.c     */
mr_api_handle mr_api_delete_item, mr_api_post_items;
mr_api_handle mr_api_placements; /* api_placements.c      */
mr_api_handle mr_api_events;     /* api_events.c          */
mr_api_handle mr_api_profile;    /* api_users.c           */
mr_api_handle mr_api_alerts;     /* api_alerts.c          */
mr_api_handle mr_api_churn_alerts;
mr_api_handle mr_api_healthz, mr_api_readyz;                   /* api_system.c          */
mr_api_handle mr_api_counted, mr_api_trends, mr_api_audiences; /* api_analytics.c */
mr_api_handle mr_api_members;
mr_api_handle mr_api_metrics_text, mr_api_overview, mr_api_stream;
mr_api_handle mr_api_static, mr_api_openapi; /* api_static.c          */

#endif
