#include "serving/api_call.h"

#include <inttypes.h>

void mr_api_healthz(mr_api_call *call)
{
    mr_json_writer writer = mr_api_begin(call);
    mr_json_key(&writer, "status");
    mr_json_put_string(&writer, "ok");
    mr_json_key(&writer, "version");
    mr_json_put_string(&writer, MR_VERSION);
    mr_json_end_object(&writer);
}

void mr_api_readyz(mr_api_call *call)
{
    const mr_backend *backend = call->api->options.backend;
    mr_readiness checks[MR_READINESS_CHECKS_MAX];
    const size_t count =
        backend->readiness != NULL ? backend->readiness(backend->context, checks) : 0;
    bool ready = true;
    for (size_t i = 0; i < count; i++)
        ready = ready && checks[i].ready;

    mr_json_writer writer = mr_api_begin(call);
    mr_json_key(&writer, "ready");
    mr_json_put_bool(&writer, ready);
    mr_json_key(&writer, "checks");
    mr_json_begin_array(&writer);
    for (size_t i = 0; i < count; i++) {
        mr_json_begin_object(&writer);
        mr_json_key(&writer, "name");
        mr_json_put_string(&writer, checks[i].name);
        mr_json_key(&writer, "ready");
        mr_json_put_bool(&writer, checks[i].ready);
        mr_json_key(&writer, "detail");
        mr_json_put_string(&writer, checks[i].detail);
        mr_json_end_object(&writer);
    }
    mr_json_end_array(&writer);
    mr_json_end_object(&writer);
    call->response->status = ready ? 200 : 503;
}

static uint64_t load(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* Of all threads' handles together. */
static uint64_t sum_caches(const mr_api *api,
                           const _Atomic uint64_t *(*field)(const mr_cache_counters *))
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < api->worker_count; i++)
        sum += load(field(mr_cache_counters_of(api->workers[i].cache)));
    return sum;
}

#define CACHE_FIELD(name)                                                                \
    static const _Atomic uint64_t *cache_##name(const mr_cache_counters *counters)       \
    {                                                                                    \
        return &counters->name;                                                          \
    }
CACHE_FIELD(hits)
CACHE_FIELD(misses)
CACHE_FIELD(sets)
CACHE_FIELD(fenced)
CACHE_FIELD(timeouts)
CACHE_FIELD(errors)
CACHE_FIELD(rejected)
CACHE_FIELD(connects)
CACHE_FIELD(evictions)

static bool any_cache_down(const mr_api *api)
{
    for (uint32_t i = 0; i < api->worker_count; i++) {
        if (mr_cache_down_since_ms(api->workers[i].cache) != 0)
            return true;
    }
    return false;
}

/* ---- GET /metrics ---- */

static void put_counter(mr_buffer *text, const char *name, uint64_t value)
{
    mr_buffer_printf(text, "# TYPE millrace_%s counter\nmillrace_%s %" PRIu64 "\n", name,
                     name, value);
}

static void put_gauge(mr_buffer *text, const char *name, uint64_t value)
{
    mr_buffer_printf(text, "# TYPE millrace_%s gauge\nmillrace_%s %" PRIu64 "\n", name,
                     name, value);
}

/* What is wrong with the cache, of the first thread that finds it so. */
static void put_cache_error(mr_buffer *text, const mr_api *api)
{
    const char *error = "";
    for (uint32_t i = 0; i < api->worker_count && error[0] == '\0'; i++)
        error = mr_cache_last_error(api->workers[i].cache);
    mr_buffer_printf(text,
                     "# TYPE millrace_cache_last_error gauge\n"
                     "millrace_cache_last_error{error=\"%s\"} %d\n",
                     error[0] != '\0' ? error : "none", error[0] != '\0');
}

static const char *route_name(size_t route)
{
    return route < mr_api_route_count ? mr_api_routes[route].name : "none";
}

static void put_route_counts(mr_buffer *text, const mr_api *api)
{
    mr_buffer_printf(text, "# TYPE millrace_http_requests_total counter\n");
    for (size_t route = 0; route <= mr_api_route_count; route++) {
        for (size_t class = 1; class < MR_API_STATUS_CLASSES; class ++) {
            const uint64_t count = load(&api->metrics.routes[route].answers[class]);
            if (count > 0)
                mr_buffer_printf(
                    text,
                    "millrace_http_requests_total{route=\"%s\",class=\"%zuxx\"}"
                    " %" PRIu64 "\n",
                    route_name(route), class, count);
        }
    }
}

static void put_latency(mr_buffer *text, const char *route,
                        const mr_histogram *latency_us)
{
    static const double quantiles[] = {0.5, 0.9, 0.99, 0.999};
    for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++)
        mr_buffer_printf(
            text, "millrace_http_latency_seconds{route=\"%s\",quantile=\"%g\"} %.6f\n",
            route, quantiles[i],
            (double)mr_histogram_quantile(latency_us, quantiles[i]) / 1e6);
    mr_buffer_printf(text,
                     "millrace_http_latency_seconds_sum{route=\"%s\"} %.6f\n"
                     "millrace_http_latency_seconds_count{route=\"%s\"} %" PRIu64 "\n",
                     route, (double)load(&latency_us->sum) / 1e6, route,
                     load(&latency_us->count));
}

static void put_latencies(mr_buffer *text, const mr_api *api)
{
    mr_buffer_printf(text, "# TYPE millrace_http_latency_seconds summary\n");
    for (size_t route = 0; route <= mr_api_route_count; route++) {
        const mr_histogram *latency_us = &api->metrics.routes[route].latency_us;
        if (load(&latency_us->count) > 0)
            put_latency(text, route_name(route), latency_us);
    }
}

static void put_caches(mr_buffer *text, const mr_api *api)
{
    put_counter(text, "cache_hits_total", sum_caches(api, cache_hits));
    put_counter(text, "cache_misses_total", sum_caches(api, cache_misses));
    put_counter(text, "cache_sets_total", sum_caches(api, cache_sets));
    put_counter(text, "cache_fenced_total", sum_caches(api, cache_fenced));
    put_counter(text, "cache_timeouts_total", sum_caches(api, cache_timeouts));
    put_counter(text, "cache_errors_total", sum_caches(api, cache_errors));
    put_counter(text, "cache_rejected_total", sum_caches(api, cache_rejected));
    put_counter(text, "cache_connects_total", sum_caches(api, cache_connects));
    put_counter(text, "cache_evictions_total", sum_caches(api, cache_evictions));
    put_counter(text, "cache_corrupt_values_total", load(&api->metrics.corrupt_values));
    put_counter(text, "cache_write_backs_total", load(&api->metrics.write_backs));
    put_gauge(text, "cache_down", any_cache_down(api));
    put_cache_error(text, api);
}

static void put_answers(mr_buffer *text, const mr_api_metrics *metrics)
{
    mr_buffer_printf(text,
                     "# TYPE millrace_recommendations_total counter\n"
                     "millrace_recommendations_total{from=\"cache\"} %" PRIu64 "\n"
                     "millrace_recommendations_total{from=\"live\"} %" PRIu64 "\n"
                     "millrace_recommendations_total{from=\"fallback\"} %" PRIu64 "\n",
                     load(&metrics->served_cache), load(&metrics->served_live),
                     load(&metrics->served_fallback));
    put_counter(text, "recommendations_degraded_total", load(&metrics->degraded));
    put_counter(text, "events_accepted_total", load(&metrics->events_accepted));
    put_counter(text, "events_rejected_total", load(&metrics->events_rejected));
}

static void put_server(mr_buffer *text, const mr_http_server *server)
{
    const mr_http_server_counters *counters = mr_http_server_counters_of(server);
    put_gauge(text, "http_connections", load(&counters->open));
    put_gauge(text, "http_streams", load(&counters->streams));
    put_counter(text, "http_connections_accepted_total", load(&counters->accepted));
    put_counter(text, "http_connections_turned_away_total", load(&counters->turned_away));
    put_counter(text, "http_connections_timed_out_total", load(&counters->timed_out));
    put_counter(text, "http_requests_refused_total", load(&counters->refused));
}

void mr_api_metrics_text(mr_api_call *call)
{
    const mr_api *api = call->api;
    const mr_backend *backend = api->options.backend;
    mr_buffer *text = call->response->body;
    call->response->content_type = "text/plain; version=0.0.4; charset=utf-8";
    put_route_counts(text, api);
    put_latencies(text, api);
    put_answers(text, &api->metrics);
    put_caches(text, api);
    const mr_http_server *server =
        atomic_load_explicit(&api->server, memory_order_acquire);
    if (server != NULL)
        put_server(text, server);
    if (backend->metrics != NULL)
        backend->metrics(backend->context, text);
}

/* ---- GET /v1/analytics/overview ---- */

static void put_number(mr_json_writer *writer, const char *key, uint64_t value)
{
    mr_json_key(writer, key);
    mr_json_put_uint(writer, value);
}

/* null while there is nothing to divide by. */
static void put_share(mr_json_writer *writer, const char *key, uint64_t part,
                      uint64_t whole)
{
    mr_json_key(writer, key);
    if (whole > 0)
        mr_json_put_fixed(writer, (double)part / (double)whole, 4);
    else
        mr_json_put_null(writer);
}

static void put_model_version(mr_json_writer *writer, const mr_backend *backend)
{
    mr_model_view view;
    mr_json_key(writer, "model_version");
    if (backend->acquire == NULL || backend->acquire(backend->context, &view) != MR_OK) {
        mr_json_put_null(writer);
        return;
    }
    mr_json_put_text(writer, view.version);
    backend->release(backend->context, &view);
}

static void put_serving(mr_json_writer *writer, const mr_api *api)
{
    const uint64_t cache = load(&api->metrics.served_cache);
    const uint64_t live = load(&api->metrics.served_live);
    const uint64_t fallback = load(&api->metrics.served_fallback);
    const uint64_t answers = cache + live + fallback;
    put_number(writer, "served_from_cache", cache);
    put_number(writer, "served_live", live);
    put_number(writer, "served_fallback", fallback);
    put_share(writer, "cache_hit_share", cache, answers);
    put_share(writer, "degraded_share", load(&api->metrics.degraded), answers);
    mr_json_key(writer, "cache_down");
    mr_json_put_bool(writer, any_cache_down(api));
}

static void put_overview(mr_api *api, mr_json_writer *writer)
{
    const mr_backend *backend = api->options.backend;
    const mr_catalogue *catalogue;
    mr_snapshot *snapshot = mr_api_acquire_catalogue(api, &catalogue);
    mr_json_begin_object(writer);
    put_serving(writer, api);
    put_number(writer, "catalogue_items", mr_catalogue_count(catalogue));
    put_model_version(writer, backend);
    if (backend->statistics != NULL)
        backend->statistics(backend->context, writer);
    mr_json_end_object(writer);
    mr_snapshot_release(snapshot);
}

void mr_api_overview(mr_api_call *call)
{
    const mr_status status = mr_api_read_query(call, NULL, NULL);
    if (status != MR_OK) {
        mr_api_write_unread(call, status);
        return;
    }
    mr_json_writer writer = mr_json_writer_of(call->response->body);
    put_overview(call->api, &writer);
}

/* ---- GET /v1/stream ---- */

void mr_api_put_event(mr_api *api, mr_buffer *event)
{
    mr_json_writer writer = mr_json_writer_of(event);
    mr_buffer_put_text(event, MR_TEXT("event: overview\ndata: "));
    put_overview(api, &writer); /* one line: our JSON has no line feeds */
    mr_buffer_put_text(event, MR_TEXT("\n\n"));
}

void mr_api_stream(mr_api_call *call)
{
    const mr_status status = mr_api_read_query(call, NULL, NULL);
    if (status != MR_OK) {
        mr_api_write_unread(call, status);
        return;
    }
    call->response->content_type = "text/event-stream";
    call->response->is_stream = true;
    mr_api_put_event(call->api, call->response->body);
}
