#include "app/engine.h"

#include "app/beginning.h"
#include "app/engine_backend.h"
#include "app/feeds.h"
#include "app/ingest_thread.h"
#include "app/log_line.h"
#include "app/plan_file.h"
#include "app/progress.h"
#include "app/scorer.h"
#include "app/state_lock.h"
#include "features/trending.h"
#include "models/blas.h"
#include "serving/api.h"
#include "serving/cache_redis.h"
#include "serving/web_assets.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    HTTP_WORKERS = 4,
    STOP_GRACE_MS = 2000,
    LOOK_MS = 100, /* how often the main thread looks for a signal or a fault */
    HOST_BYTES_MAX = 256,
};

/* What engine.c alone needs of a running engine. */
typedef struct running {
    mr_engine engine;
    mr_engine_backend *backend;
    mr_api *api;
    mr_http_server *server;
    pthread_mutex_t lock;
    bool failed;
    char message[MR_ERROR_MESSAGE_BYTES];
} running;

void mr_engine_fail(mr_engine *engine, const char *format, ...)
{
    running *self = (running *)(void *)engine; /* the engine is its first member */
    char message[MR_ERROR_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    (void)pthread_mutex_lock(&self->lock);
    if (!self->failed) { /* the first fault is the cause, later ones its consequences */
        self->failed = true;
        memcpy(self->message, message, sizeof(message));
    }
    (void)pthread_mutex_unlock(&self->lock);
}

static const char *path_or_null(const char *path)
{
    return path[0] != '\0' ? path : NULL;
}

static mr_status create_redis(const mr_config *config, mr_cache **ret_cache,
                              mr_error *ret_error)
{
    mr_buffer url = {0};
    const char *given = config->cache.url;
    mr_status status = MR_OK;
    if (strncmp(given, "file:", 5) == 0 || strncmp(given, "env:", 4) == 0)
        status = mr_config_secret(given, false, &url, ret_error);
    else
        mr_buffer_put(&url, given, strlen(given));
    mr_buffer_put_u8(&url, 0);
    if (status == MR_OK)
        status = mr_buffer_status(&url);
    if (status == MR_OK) {
        const mr_cache_redis_options options = {
            .url = (const char *)url.bytes,
            .ca_file = path_or_null(config->cache.tls_ca),
            .certificate_file = path_or_null(config->cache.tls_certificate),
            .key_file = path_or_null(config->cache.tls_key),
            .clock = mr_clock_system()};
        status = mr_cache_redis_create(&options, ret_cache, ret_error);
    }
    mr_buffer_deinit(&url);
    return status;
}

mr_status mr_engine_cache_create(const mr_engine *engine, mr_cache **ret_cache,
                                 mr_error *ret_error)
{
    mr_cache *memory = NULL;
    mr_cache *redis = NULL;
    MR_TRY(mr_cache_memory_create(engine->memory, &memory));
    if (engine->config->cache.kind == MR_KIND_LOCAL) {
        *ret_cache = memory;
        return MR_OK;
    }
    mr_status status = create_redis(engine->config, &redis, ret_error);
    if (status == MR_OK)
        status = mr_cache_behind_create(engine->cache_writer, memory, redis,
                                        engine->config->cache.ttl_ms, !engine->is_owner,
                                        ret_cache);
    if (status != MR_OK) {
        mr_cache_destroy(redis);
        mr_cache_destroy(memory);
    }
    return status;
}

static mr_status create_cache_writer(mr_engine *engine, mr_error *ret_error)
{
    mr_cache *redis = NULL;
    if (engine->config->cache.kind == MR_KIND_LOCAL)
        return MR_OK;
    MR_TRY(create_redis(engine->config, &redis, ret_error));
    const mr_status status =
        mr_write_behind_create(engine->memory, redis, &engine->cache_writer);
    if (status == MR_OK)
        return MR_OK;
    mr_cache_destroy(redis);
    return mr_error_set(ret_error, status,
                        "cannot start the thread that writes to Redis");
}

/* ---- start, in the order of the data's way ---- */

/* With Kafka other processes must know the same key: it is given, never made up. */
static mr_status read_control_key(mr_engine *engine, mr_error *ret_error)
{
    const mr_config *config = engine->config;
    mr_error why = {{0}};
    const mr_status status =
        mr_config_secret(config->security.control_key, config->log.kind == MR_KIND_LOCAL,
                         &engine->control_key, &why);
    if (status == MR_OK)
        return MR_OK;
    return mr_error_set(ret_error, MR_ERR_INVALID,
                        "security.control_key: %s; with Kafka it is not made up: give "
                        "every node the same file or variable, 32 random bytes or more",
                        why.message);
}

/* A node that makes up a secret of its own could read nothing of what the owners wrote. */
static mr_status read_secret(mr_engine *engine, mr_error *ret_error)
{
    const char *reference = engine->config->security.deployment_secret;
    mr_error why = {{0}};
    const mr_status status =
        mr_config_secret(reference, engine->is_owner, &engine->secret, &why);
    if (status != MR_OK && engine->is_owner)
        return mr_error_set(ret_error, status, "%s", why.message);
    if (status != MR_OK)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "security.deployment_secret: %s; an API-only node needs the "
                            "one that `millrace run` has",
                            why.message);
    mr_hash_key_init(&engine->key, engine->secret.bytes, engine->secret.length);
    return MR_OK;
}

static mr_status check_partitions(const mr_engine *engine, mr_error *ret_error)
{
    uint32_t partitions[MR_TRENDING_PARTITIONS_MAX];
    size_t count = 0;
    MR_TRY(mr_checkpoint_partitions(engine->store, partitions, MR_TRENDING_PARTITIONS_MAX,
                                    &count, ret_error));
    const uint32_t now = mr_log_partitions(engine->topics.events);
    if (count > 0 && partitions[count - 1] >= now)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "topic %s has %" PRIu32
                            " partitions, but there is a checkpoint of "
                            "partition %" PRIu32 " in %s: a topic's partitions cannot be "
                            "changed under its state",
                            engine->config->log.topic, now, partitions[count - 1],
                            engine->config->state.path);
    return MR_OK;
}

/* What both kinds of node need. */
static mr_status create_shared(mr_engine *engine, mr_error *ret_error)
{
    const mr_config *config = engine->config;
    if (mr_statistics_create(mr_log_partitions(engine->topics.events),
                             &engine->statistics) != MR_OK ||
        mr_memory_store_create((size_t)config->cache.memory_bytes, mr_clock_system(),
                               &engine->memory) != MR_OK ||
        mr_snapshot_holder_create(&engine->models) != MR_OK ||
        mr_snapshot_holder_create(&engine->catalogue) != MR_OK ||
        mr_snapshot_holder_create(&engine->trending) != MR_OK ||
        mr_alert_feed_create(&engine->alerts) != MR_OK)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "out of memory");
    MR_TRY(create_cache_writer(engine, ret_error));
    engine->clock =
        config->log.clock_wall == 1 ? mr_clock_system() : &engine->statistics->data_clock;
    return MR_OK;
}

static mr_status open_state(mr_engine *engine, mr_error *ret_error)
{
    const mr_config *config = engine->config;
    MR_TRY(read_control_key(engine, ret_error));
    MR_TRY(mr_topics_open(config, MR_TOPICS_OWN, &engine->topics, ret_error));
    MR_TRY(mr_checkpoint_store_open(config->state.path, config->log.topic,
                                    (uint32_t)config->state.bases, &engine->store,
                                    ret_error));
    MR_TRY(
        mr_state_lock_take(config, mr_state_lock_kind(config), &engine->lock, ret_error));
    MR_TRY(check_partitions(engine, ret_error));
    MR_TRY(mr_beginning_check_partitions(config, engine->topics.events, ret_error));
    MR_TRY(create_shared(engine, ret_error));
    if (mr_recent_readers_create(mr_clock_system(), &engine->readers) != MR_OK ||
        mr_quintile_board_create(mr_log_partitions(engine->topics.events),
                                 &engine->quintiles) != MR_OK ||
        mr_checkpointer_create(engine->store, engine->topics.dead_letters,
                               engine->topics.late, engine->topics.events,
                               engine->topics.alerts, &engine->checkpointer) != MR_OK)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "out of memory");
    return MR_OK;
}

/* What an API-only node reads; it makes, locks and repairs nothing. */
static mr_status open_readings(mr_engine *engine, mr_error *ret_error)
{
    mr_error why = {{0}};
    if (engine->config->cache.kind == MR_KIND_LOCAL)
        return mr_error_set(
            ret_error, MR_ERR_INVALID,
            "cache.kind: with `memory` the lists of the users lie inside `millrace run`, "
            "where no other process can read them; give both the same `redis`");
    const mr_status status =
        mr_topics_open(engine->config, MR_TOPICS_SERVE, &engine->topics, &why);
    if (status == MR_ERR_NOT_FOUND)
        return mr_error_set(ret_error, status,
                            "%s: `millrace run` makes it; start that first, with the "
                            "same log",
                            why.message);
    if (status != MR_OK)
        return mr_error_set(ret_error, status, "%s", why.message);
    return create_shared(engine, ret_error);
}

static mr_status open_engine(mr_engine *engine, mr_error *ret_error)
{
    if (mr_blas_start() == NULL)
        return mr_error_set(
            ret_error, MR_ERR_UNAVAILABLE,
            "the BLAS library multiplies wrongly; set OPENBLAS_CORETYPE or "
            "install another build");
    MR_TRY(read_secret(engine, ret_error));
    MR_TRY(mr_plan_file_load(engine->config->state.plan, &engine->plan, ret_error));
    return engine->is_owner ? open_state(engine, ret_error)
                            : open_readings(engine, ret_error);
}

static mr_status start_threads(mr_engine *engine, mr_error *ret_error)
{
    const size_t scorers = (size_t)engine->config->models.scorers;
    MR_TRY(mr_feeds_create(engine, &engine->feeds, ret_error));
    if (!engine->is_owner)
        return MR_OK;
    engine->scorers = calloc(scorers, sizeof(mr_scorer *));
    if (engine->scorers == NULL)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "out of memory");
    for (; engine->scorer_count < scorers; engine->scorer_count++)
        MR_TRY(
            mr_scorer_create(engine, &engine->scorers[engine->scorer_count], ret_error));
    return mr_ingest_thread_create(engine, &engine->ingest, ret_error);
}

/* "127.0.0.1:8080", "[::1]:8080". */
static mr_status split_address(const char *listen, char ret_host[HOST_BYTES_MAX],
                               uint16_t *ret_port, mr_error *ret_error)
{
    const char *colon = strrchr(listen, ':');
    const char *start = listen;
    int64_t port = -1;
    if (colon != NULL && mr_text_to_int64(mr_text_from(colon + 1), &port) == MR_OK &&
        port >= 0 && port <= UINT16_MAX) {
        size_t length = (size_t)(colon - listen);
        if (length >= 2 && listen[0] == '[' && listen[length - 1] == ']') {
            start++;
            length -= 2;
        }
        if (length > 0 && length < HOST_BYTES_MAX) {
            memcpy(ret_host, start, length);
            ret_host[length] = '\0';
            *ret_port = (uint16_t)port;
            return MR_OK;
        }
    }
    return mr_error_set(ret_error, MR_ERR_INVALID,
                        "http.listen: '%s' is not HOST:PORT, such as 127.0.0.1:8080",
                        listen);
}

static bool is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0 ||
           strcmp(host, "localhost") == 0;
}

static mr_status create_caches(const mr_engine *engine, mr_cache **caches, uint32_t count,
                               mr_error *ret_error)
{
    for (uint32_t i = 0; i < count; i++)
        MR_TRY(mr_engine_cache_create(engine, &caches[i], ret_error));
    return MR_OK;
}

static mr_status create_api(running *self, uint32_t threads, mr_error *ret_error)
{
    mr_engine *engine = &self->engine;
    mr_api_options options = {
        .backend = mr_engine_backend_table(self->backend),
        .clock = engine->clock,
        .threads = threads,
        .loops = (uint32_t)engine->config->http.threads,
        .cache_timeout_ms = engine->config->cache.timeout_ms,
        .result_ttl_ms = engine->config->cache.ttl_ms,
        .placements = engine->config->placements,
        .placement_count = engine->config->placement_count,
        .catalogue = engine->catalogue,
        .key = &engine->key,
        .secret = engine->secret.bytes,
        .secret_bytes = engine->secret.length,
        .assets = mr_web_assets,
        .asset_count = mr_web_asset_count,
    };
    mr_cache **caches = calloc(threads, sizeof(mr_cache *));
    if (caches == NULL)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "out of memory");
    options.caches = caches;
    mr_status status = create_caches(engine, caches, threads, ret_error);
    if (status == MR_OK)
        status = mr_api_create(&options, &self->api, ret_error);
    if (status != MR_OK)
        for (uint32_t i = 0; i < threads; i++)
            mr_cache_destroy(caches[i]);
    free(caches);
    return status;
}

static mr_status start_serving(running *self, mr_error *ret_error)
{
    const mr_config *config = self->engine.config;
    char host[HOST_BYTES_MAX];
    mr_http_server_options options = {
        .host = host,
        .threads = (uint32_t)config->http.threads,
        .workers = HTTP_WORKERS,
        .certificate_file =
            config->http.tls_certificate[0] != '\0' ? config->http.tls_certificate : NULL,
        .key_file = config->http.tls_key[0] != '\0' ? config->http.tls_key : NULL,
        .clock = mr_clock_system(),
    };
    MR_TRY(split_address(config->http.listen, host, &options.port, ret_error));
    if (!is_loopback(host) && options.certificate_file == NULL &&
        config->http.insecure == 0)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "http.listen: %s is not a loopback address: set "
                            "http.tls_certificate and http.tls_key, or http.insecure: on",
                            host);
    const uint32_t threads = options.threads + options.workers;
    MR_TRY(mr_engine_backend_create(&self->engine, threads, &self->backend, ret_error));
    MR_TRY(create_api(self, threads, ret_error));
    options.handler = mr_api_handler(self->api);
    MR_TRY(mr_http_server_create(&options, &self->server, ret_error));
    mr_api_watch_server(self->api, self->server);
    mr_log_info("event=serving url=%s://%s:%u keys=none",
                options.certificate_file != NULL ? "https" : "http", host,
                mr_http_server_port(self->server));
    return MR_OK;
}

/* ---- run and stop ---- */

static void stop(running *self)
{
    mr_engine *engine = &self->engine;
    if (self->server != NULL)
        mr_http_server_stop(self->server, STOP_GRACE_MS);
    mr_http_server_destroy(self->server);
    mr_api_destroy(self->api);
    mr_engine_backend_destroy(self->backend);
    mr_ingest_thread_destroy(
        engine->ingest); /* its last checkpoints are written in here */
    mr_checkpointer_destroy(engine->checkpointer);
    for (size_t i = 0; i < engine->scorer_count; i++)
        mr_scorer_destroy(engine->scorers[i]);
    free(engine->scorers);
    mr_feeds_destroy(engine->feeds);
    mr_alert_feed_destroy(engine->alerts);
    mr_quintile_board_destroy(engine->quintiles);
    mr_recent_readers_destroy(engine->readers);
    mr_snapshot_holder_destroy(engine->models);
    mr_snapshot_holder_destroy(engine->catalogue);
    mr_snapshot_holder_destroy(engine->trending);
    mr_write_behind_destroy(engine->cache_writer);
    mr_memory_store_destroy(engine->memory);
    mr_statistics_destroy(engine->statistics);
    mr_checkpoint_store_close(engine->store);
    if (engine->lock >= 0)
        (void)close(engine->lock);
    mr_topics_close(&engine->topics);
    mr_plan_destroy(engine->plan);
    if (engine->secret.bytes != NULL)
        explicit_bzero(engine->secret.bytes, engine->secret.length);
    if (engine->control_key.bytes != NULL)
        explicit_bzero(engine->control_key.bytes, engine->control_key.length);
    mr_buffer_deinit(&engine->secret);
    mr_buffer_deinit(&engine->control_key);
}

static bool has_failed(running *self)
{
    (void)pthread_mutex_lock(&self->lock);
    const bool failed = self->failed;
    (void)pthread_mutex_unlock(&self->lock);
    return failed;
}

/* Wait for a signal or a fault. */
static void wait_for_a_signal(running *self, const sigset_t *signals)
{
    const struct timespec look = {.tv_nsec = LOOK_MS * 1000000L};
    while (!has_failed(self)) {
        const int number = sigtimedwait(signals, NULL, &look);
        if (number > 0) {
            mr_log_info("event=stopping signal=%d", number);
            return;
        }
    }
}

/* Wait for the end of the log, a signal or a fault, drawing how far it is. */
static void wait_for_the_end_of_the_log(running *self, const sigset_t *signals)
{
    const mr_statistics *statistics = self->engine.statistics;
    const struct timespec look = {.tv_nsec = LOOK_MS * 1000000L};
    mr_progress progress;
    mr_progress_begin(&progress, "reading the log", "records", 0);
    uint64_t first = 0;
    uint64_t done = 0;
    while (!has_failed(self) && !mr_ingest_thread_is_done(self->engine.ingest) &&
           sigtimedwait(signals, NULL, &look) < 0) {
        const mr_statistics_totals totals = mr_statistics_sum(statistics);
        if (totals.paused > 0) /* nobody is there to raise the limit while it waits */
            mr_engine_fail(&self->engine,
                           "a partition's state reaches state.memory_limit: raise it and "
                           "run again, nothing is lost");
        if (progress.total == 0) {
            first = totals.applied;
            progress.total = (uint64_t)totals.lag_events;
        }
        done = totals.applied - first;
        mr_progress_update(&progress, done);
    }
    (void)mr_progress_end(&progress, done);
}

/* What a batch run leaves on standard output: one JSON object. */
static void print_statistics(const mr_statistics *statistics)
{
    mr_buffer text = {0};
    mr_json_writer writer = mr_json_writer_of(&text);
    mr_json_begin_object(&writer);
    mr_statistics_json(statistics, &writer);
    mr_json_end_object(&writer);
    (void)printf("%.*s\n", (int)text.length, (const char *)text.bytes);
    mr_buffer_deinit(&text);
}

mr_status mr_engine_run(const mr_config *config, const mr_engine_options *given,
                        mr_error *ret_error)
{
    const bool until_end = given->until_end;
    running *self = calloc(1, sizeof(*self));
    if (self == NULL)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "out of memory");
    self->engine.config = config;
    self->engine.begin_anew = given->begin_anew != NULL ? given->begin_anew : "";
    self->engine.until_end = until_end;
    self->engine.is_owner = !given->is_api_only;
    self->engine.lock = -1;
    (void)pthread_mutex_init(&self->lock, NULL);

    /* Blocked before the first thread starts, so that only the main thread takes them. */
    sigset_t signals;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);

    if (until_end)
        mr_log_quiet(); /* a person or a script reads the bar and the summary */
    mr_status status = open_engine(&self->engine, ret_error);
    if (status == MR_OK) {
        mr_log_info("event=start version=%s role=%s blas_core=%s partitions=%" PRIu32,
                    MR_VERSION, given->is_api_only ? "api" : "owner", mr_blas_core_name(),
                    mr_log_partitions(self->engine.topics.events));
        status = start_threads(&self->engine, ret_error);
    }
    if (status == MR_OK && !until_end)
        status = start_serving(self, ret_error);
    if (status == MR_OK && until_end) {
        wait_for_the_end_of_the_log(self, &signals);
        if (!has_failed(self))
            print_statistics(self->engine.statistics);
    } else if (status == MR_OK) {
        if (given->started != NULL)
            given->started(given->context, self->engine.topics.events);
        wait_for_a_signal(self, &signals);
        if (given->stopping != NULL)
            given->stopping(given->context);
    }
    stop(self);
    if (status == MR_OK && self->failed)
        status = mr_error_set(ret_error, MR_ERR_UNAVAILABLE, "%s", self->message);
    if (status == MR_OK)
        mr_log_info("event=stopped");
    (void)pthread_mutex_destroy(&self->lock);
    free(self);
    return status;
}
