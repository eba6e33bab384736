#include "serving/api.h"

#include "serving/api_call.h"
#include "serving/http_parser.h"
#include "serving/openapi.h"
#include "serving/percent.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ARENA_BLOCK_BYTES = 65536,
    DEFAULT_CACHE_TIMEOUT_MS = 20,
    WRITE_BACK_TIMEOUT_MS = 20,
};

#define DEFAULT_RESULT_TTL_MS INT64_C(604800000)

/* ---- One request ---- */

static mr_status decode_id(mr_api_call *call, mr_text raw)
{
    char *bytes = mr_arena_allocate(call->worker->arena, (size_t)raw.length + 1);
    size_t length;
    if (bytes == NULL)
        return MR_ERR_NO_MEMORY;
    if (mr_percent_decode(raw, bytes, raw.length, &length) != MR_OK) {
        mr_field_error_set(&call->error, MR_TEXT("path"), "is not percent-encoded");
        return MR_ERR_INVALID;
    }
    call->id = (mr_text){bytes, (uint32_t)length};
    return MR_OK;
}

static void run(mr_api_call *call, mr_text raw_id)
{
    mr_status status = decode_id(call, raw_id);
    if (status == MR_OK)
        status = mr_query_parse(call->request->query, call->worker->arena, &call->query,
                                &call->error);
    if (status == MR_OK)
        call->route->handle(call);
    else
        mr_api_write_unread(call, status);
}

static void record(const mr_api_call *call)
{
    const size_t index =
        call->route != NULL ? (size_t)(call->route - mr_api_routes) : mr_api_route_count;
    mr_api_route_metrics *metrics = &call->api->metrics.routes[index];
    const int class = call->response->status / 100;
    const int64_t elapsed_us = mr_api_elapsed_us(call);
    if (class > 0 && class < MR_API_STATUS_CLASSES)
        mr_api_count(&metrics->answers[class], 1);
    mr_histogram_record(&metrics->latency_us, elapsed_us > 0 ? (uint64_t)elapsed_us : 0);
}

static void refuse_method(mr_api_call *call, unsigned methods)
{
    char *allow = mr_arena_allocate(call->worker->arena, MR_API_ALLOW_BYTES);
    mr_problem_write(call->response, 405, "the path does not take this method");
    if (allow != NULL)
        mr_api_allow_text(methods, allow);
    call->response->allow = allow;
}

static void dispatch(mr_api_call *call)
{
    mr_text raw_id;
    unsigned methods;
    call->route =
        mr_api_find_route(call->request->path, call->request->method, &raw_id, &methods);
    if (call->route != NULL)
        run(call, raw_id);
    else if (methods != 0)
        refuse_method(call, methods);
    else
        mr_problem_write(call->response, 404, "there is nothing under this path");
}

/* ---- Calls that wait for the cache ---- */

void mr_api_wait_for_user(mr_api_call *call, mr_text user_id, mr_api_handle *finish,
                          void *state)
{
    call->state = state;
    if (user_id.length == 0) {
        finish(call);
        return;
    }
    call->user.user_id = user_id;
    call->user.user = mr_hash_user(&call->api->key, user_id);
    call->finish = finish;
}

/* A value that is there and does not read is counted, and is as good as absent. */
static bool has_value(mr_api *api, mr_text value, mr_status status)
{
    if (value.length > 0 && status != MR_OK)
        mr_api_count(&api->metrics.corrupt_values, 1);
    return status == MR_OK;
}

static void open_result(mr_api *api, mr_user_values *user, mr_text value)
{
    user->has_result =
        has_value(api, value, mr_result_open(user->user, value, &user->result));
}

static void open_state(mr_api *api, mr_user_values *user, mr_text value)
{
    user->has_state =
        has_value(api, value, mr_user_state_open(user->user, value, &user->state));
}

/* What the owner said is as good as what it writes when a user changes: the next request finds it
 * in the cache. */
static void keep_states(mr_api *api, mr_api_worker *worker,
                        const mr_owner_question *questions, size_t count)
{
    mr_cache_entry entries[MR_HTTP_WAITING_MAX];
    char keys[MR_HTTP_WAITING_MAX][MR_CACHE_KEY_TEXT_BYTES];
    size_t known = 0;
    for (size_t i = 0; i < count; i++) {
        if (questions[i].status != MR_OK)
            continue;
        entries[known] = (mr_cache_entry){
            .key = mr_cache_user_key(questions[i].user, MR_CACHE_STATE, keys[known]),
            .value = {(const char *)worker->owned.bytes + questions[i].offset,
                      questions[i].length},
            .ttl_ms = api->options.result_ttl_ms,
        };
        known++;
    }
    if (mr_cache_set_many(worker->cache, entries, known, WRITE_BACK_TIMEOUT_MS) != MR_OK)
        return; /* it is asked again */
}

/* Redis came back empty, or pushed the key out: the owner still knows. */
static void ask_owner(mr_api *api, mr_api_worker *worker, mr_user_values **users,
                      size_t count)
{
    const mr_backend *backend = api->options.backend;
    mr_owner_question questions[MR_HTTP_WAITING_MAX];
    mr_user_values *asked[MR_HTTP_WAITING_MAX];
    size_t unknown = 0;
    for (size_t i = 0; i < count; i++) {
        if (users[i]->has_state)
            continue;
        asked[unknown] = users[i];
        questions[unknown++] =
            (mr_owner_question){.user_id = users[i]->user_id, .user = users[i]->user};
    }
    if (unknown == 0 || backend->user_states == NULL)
        return;
    mr_buffer_clear(&worker->owned);
    const mr_status status =
        backend->user_states(backend->context, (uint32_t)(worker - api->workers),
                             questions, unknown, &worker->owned);
    for (size_t i = 0; i < unknown; i++) {
        asked[i]->is_owner_out = status != MR_OK;
        if (status == MR_OK && questions[i].status == MR_OK)
            open_state(api, asked[i],
                       (mr_text){(const char *)worker->owned.bytes + questions[i].offset,
                                 questions[i].length});
    }
    if (status == MR_OK)
        keep_states(api, worker, questions, unknown);
}

void mr_api_look_up(mr_api *api, mr_api_worker *worker, mr_user_values **users,
                    size_t count)
{
    mr_text keys[2 * MR_HTTP_WAITING_MAX];
    mr_text values[2 * MR_HTTP_WAITING_MAX];
    char texts[2 * MR_HTTP_WAITING_MAX][MR_CACHE_KEY_TEXT_BYTES];
    for (size_t i = 0; i < count; i++) {
        keys[2 * i] = mr_cache_user_key(users[i]->user, MR_CACHE_RESULT, texts[2 * i]);
        keys[2 * i + 1] =
            mr_cache_user_key(users[i]->user, MR_CACHE_STATE, texts[2 * i + 1]);
    }
    mr_buffer_clear(&worker->storage);
    if (mr_cache_get_many(worker->cache, keys, 2 * count, api->options.cache_timeout_ms,
                          &worker->storage, values) != MR_OK)
        memset(values, 0, 2 * count * sizeof(values[0]));
    for (size_t i = 0; i < count; i++) {
        users[i]->is_owner_out = false;
        open_result(api, users[i], values[2 * i]);
        open_state(api, users[i], values[2 * i + 1]);
    }
    ask_owner(api, worker, users, count);
}

static void settle_calls(mr_api *api, mr_api_worker *worker, mr_api_call *const *calls,
                         size_t count)
{
    mr_user_values *users[MR_HTTP_WAITING_MAX];
    if (count == 0)
        return;
    for (size_t i = 0; i < count; i++)
        users[i] = &calls[i]->user;
    mr_api_look_up(api, worker, users, count);
    for (size_t i = 0; i < count; i++) {
        calls[i]->finish(calls[i]);
        record(calls[i]);
    }
}

static void settle(void *context, uint32_t thread)
{
    mr_api *api = context;
    mr_api_worker *worker = &api->workers[thread];
    settle_calls(api, worker, worker->waiting, worker->waiting_count);
    worker->waiting_count = 0;
}

static bool is_loop(const mr_api *api, uint32_t thread)
{
    return thread < api->options.loops;
}

static mr_http_handled handle(void *context, const mr_http_request *request,
                              mr_http_response *response)
{
    mr_api *api = context;
    mr_api_worker *worker = &api->workers[request->thread];
    if (worker->waiting_count == 0)
        mr_arena_reset(worker->arena);
    mr_api_call *call = mr_arena_allocate(worker->arena, sizeof(*call));
    if (call == NULL) {
        mr_problem_write(response, 503, "out of memory");
        return MR_HTTP_ANSWERED;
    }
    call->api = api;
    call->worker = worker;
    call->request = request;
    call->response = response;
    call->id = (mr_text){0};
    call->finish = NULL;
    call->query.count = 0;
    dispatch(call);
    if (call->finish == NULL) {
        record(call);
        return MR_HTTP_ANSWERED;
    }
    if (is_loop(api, request->thread)) {
        worker->waiting[worker->waiting_count++] = call;
        return MR_HTTP_WAITS;
    }
    settle_calls(api, worker, &call, 1);
    return MR_HTTP_ANSWERED;
}

static bool is_slow(void *context, const mr_http_request *request)
{
    (void)context;
    mr_text id;
    unsigned methods;
    const mr_api_route *route =
        mr_api_find_route(request->path, request->method, &id, &methods);
    return route != NULL && route->is_slow;
}

static size_t body_limit(void *context, mr_http_method method, mr_text path)
{
    (void)context;
    mr_text id;
    unsigned methods;
    const mr_api_route *route = mr_api_find_route(path, method, &id, &methods);
    return route != NULL && route->body_bytes_max > 0 ? route->body_bytes_max
                                                      : (size_t)MR_HTTP_BODY_BYTES_MAX;
}

static void refuse(void *context, int status, const char *reason,
                   mr_http_response *response)
{
    mr_api *api = context;
    mr_problem_write(response, status, reason);
    response->retry_after_s = status == 503 ? 1 : 0;
    mr_api_count(&api->metrics.routes[mr_api_route_count]
                      .answers[status / 100 % MR_API_STATUS_CLASSES],
                 1);
}

/* ---- Write-backs ---- */

void mr_api_flush_write_backs(mr_api *api, mr_api_worker *worker)
{
    mr_cache_entry entries[MR_API_WRITE_BACKS_MAX];
    char keys[MR_API_WRITE_BACKS_MAX][MR_CACHE_KEY_TEXT_BYTES];
    const size_t count = worker->write_back_count;
    if (count == 0)
        return;
    for (size_t i = 0; i < count; i++) {
        entries[i] = (mr_cache_entry){
            .key =
                mr_cache_user_key(worker->write_back[i].user, MR_CACHE_RESULT, keys[i]),
            .value = {(const char *)worker->write_backs.bytes +
                          worker->write_back[i].offset,
                      worker->write_back[i].length},
            .ttl_ms = worker->write_back[i].ttl_ms,
        };
    }
    /* A list that is not stored is scored again by the next request. */
    if (mr_cache_set_many(worker->cache, entries, count, WRITE_BACK_TIMEOUT_MS) == MR_OK)
        mr_api_count(&api->metrics.write_backs, count);
    worker->write_back_count = 0;
    mr_buffer_clear(&worker->write_backs);
}

static void turn(void *context, uint32_t thread)
{
    mr_api *api = context;
    mr_api_flush_write_backs(api, &api->workers[thread]);
}

static void stream(void *context, uint32_t thread, mr_buffer *event)
{
    (void)thread;
    mr_api_put_event(context, event);
}

mr_http_handler mr_api_handler(mr_api *api)
{
    return (mr_http_handler){
        .context = api,
        .handle = handle,
        .settle = settle,
        .is_slow = is_slow,
        .body_limit = body_limit,
        .refuse = refuse,
        .turn = turn,
        .stream = stream,
    };
}

void mr_api_watch_server(mr_api *api, const mr_http_server *server)
{
    /* Requests are answered by now; release shows them a server that is whole. */
    atomic_store_explicit(&api->server, server, memory_order_release);
}

/* ---- Life ---- */

static void worker_deinit(mr_api_worker *worker)
{
    mr_arena_destroy(worker->arena);
    mr_signer_destroy(worker->signer);
    mr_buffer_deinit(&worker->storage);
    mr_buffer_deinit(&worker->owned);
    mr_buffer_deinit(&worker->write_backs);
}

static mr_status worker_init(mr_api_worker *worker, const mr_api_options *options)
{
    worker->arena = mr_arena_create(ARENA_BLOCK_BYTES);
    if (worker->arena == NULL)
        return MR_ERR_NO_MEMORY;
    return mr_signer_create(options->secret, options->secret_bytes, &worker->signer);
}

static mr_status check_options(const mr_api_options *options, mr_error *ret_error)
{
    if (options->threads == 0 || options->loops > options->threads ||
        options->placement_count == 0 || options->placement_count > MR_PLACEMENTS_MAX)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "the API needs a thread, and 1 to %d placements",
                            MR_PLACEMENTS_MAX);
    for (size_t i = 0; i < options->placement_count; i++)
        MR_TRY(mr_placement_check(&options->placements[i], ret_error));
    return MR_OK;
}

static void api_free(mr_api *api)
{
    for (uint32_t i = 0; api->workers != NULL && i < api->options.threads; i++)
        worker_deinit(&api->workers[i]);
    free(api->workers);
    free(api->placements);
    mr_buffer_deinit(&api->openapi);
    free(api);
}

static mr_status fill(mr_api *api)
{
    const mr_api_options *options = &api->options;
    const size_t bytes = options->placement_count * sizeof(mr_placement);
    api->placements = malloc(bytes);
    api->workers = calloc(options->threads, sizeof(mr_api_worker));
    if (api->placements == NULL || api->workers == NULL)
        return MR_ERR_NO_MEMORY;
    memcpy(api->placements, options->placements, bytes);
    for (uint32_t i = 0; i < options->threads; i++)
        MR_TRY(worker_init(&api->workers[i], options));
    MR_TRY(mr_openapi_write(&api->openapi));
    (void)snprintf(api->openapi_etag, sizeof(api->openapi_etag), "\"%016" PRIx64 "\"",
                   mr_hash_bytes(api->openapi.bytes, api->openapi.length));
    return MR_OK;
}

mr_status mr_api_create(const mr_api_options *options, mr_api **ret_api,
                        mr_error *ret_error)
{
    MR_TRY(check_options(options, ret_error));
    mr_api *api = calloc(1, sizeof(*api));
    if (api == NULL)
        return MR_ERR_NO_MEMORY;
    api->options = *options;
    api->key = *options->key;
    if (api->options.cache_timeout_ms == 0)
        api->options.cache_timeout_ms = DEFAULT_CACHE_TIMEOUT_MS;
    if (api->options.result_ttl_ms == 0)
        api->options.result_ttl_ms = DEFAULT_RESULT_TTL_MS;
    const mr_status status = fill(api);
    if (status != MR_OK) {
        api_free(api);
        return status;
    }
    for (uint32_t i = 0; i < options->threads; i++)
        api->workers[i].cache = options->caches[i];
    api->worker_count = options->threads;
    *ret_api = api;
    return MR_OK;
}

void mr_api_destroy(mr_api *api)
{
    if (api == NULL)
        return;
    for (uint32_t i = 0; i < api->worker_count; i++)
        mr_cache_destroy(api->workers[i].cache);
    api_free(api);
}
