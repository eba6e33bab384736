/*
 * How long after an event is durable does an answer reflect it?  The engine itself runs in this
 * process: a file log, Redis beside it, one HTTP loop, one scorer, a model of 20,000 items with all
 * its signals.  A thread appends events of 200,000 users, each as likely as the next.  A client on
 * the same machine asks for 2,000 lists a second for the 5,000 of them who visit now, half of them
 * for users whose newest event was named by the producer, until `profile_as_of` of the answer is
 * that event's time or later.  The time counts from the moment the append had returned to the
 * moment that answer was read.
 *
 * The load climbs until the engine, Redis, the producer and the client together take more than
 * 80 % of the cores; the highest load below that is the one whose p99 is held against 100 ms.
 * Each user has two events before the timing begins.
 */
#include "app/engine.h"
#include "app/log_line.h"
#include "bench/bench.h"
#include "bench/child.h"
#include "bench/http_load.h"
#include "bench/paced_gets.h"
#include "bench/shop_model.h"
#include "bench/zipf.h"
#include "core/file.h"
#include "core/ring.h"
#include "models/model_directory.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    USERS = 200000,
    VISITORS = 5000, /* the first ones */
    ITEMS = 20000,
    EVENTS_BEFORE = 2, /* of each user */
    RECORD_BYTES = 360,
    APPEND_MAX = 4096,
    GETS_A_SECOND = 2000,
    CONNECTIONS = 16,
    SAMPLES_MAX = 64, /* asked for at one time */
    READY_S = 20,
    READY_TRY_US = 20000,
};
#define TURN_NS 5000000L

static const double SETTLE_S = 1.0;
static const double LOAD_S = 4.0;
static const double SHARE_MAX = 0.8; /* of the cores */
static const double ASK_AGAIN_S = 0.004;
static const double SAMPLE_EVERY_S = 0.008;
static const double PATIENCE_S = 5.0;
static const double loads[] = {5e3,  10e3, 15e3, 20e3, 30e3,
                               40e3, 50e3, 60e3, 80e3, 100e3};

/* An event whose way is followed. */
typedef struct sample {
    uint32_t user;
    int64_t time_ms;
    double appended_s;
    double ask_s; /* not before */
    bool is_followed;
    bool is_asked; /* an answer is under way */
} sample;

typedef struct problem {
    char root[MR_CHILD_PATH_BYTES / 2];
    mr_config config;
    uint16_t port;
    mr_child redis;
    mr_shop_model model;
    pthread_t engine;
    pthread_t producer;
    mr_log *_Atomic events;
    _Atomic bool producer_stops;
    _Atomic double load;
    _Atomic uint64_t appended;
    mr_ring *named; /* producer to client */
    uint64_t made;
    uint64_t random;
    /* The client's. */
    sample samples[SAMPLES_MAX];
    uint64_t client_random;
    uint64_t asked;
    size_t live; /* answers */
    size_t degraded;
    size_t lost; /* events that no answer reflected within five seconds */
    mr_histogram freshness_us;
    uint32_t newest_user; /* of the history, and when */
    int64_t newest_ms;
} problem;

/* ---- The producer ---- */

static size_t write_event(problem *p, uint32_t user, int64_t time_ms,
                          char record[RECORD_BYTES])
{
    static const char *const types[] = {"view", "view", "view", "view", "cart_add"};
    const uint64_t dice = mr_zipf_random(&p->random);
    const int length = snprintf(
        record, RECORD_BYTES,
        "{\"type\":\"%s\",\"event_id\":\"e-%012" PRIu64
        "\",\"user_id\":\"customer-%07u\","
        "\"session_id\":\"s-%08u\",\"time\":%" PRId64 ",\"item_id\":\"item-%u\","
        "\"category\":\"home/kitchen/"
        "%02u\",\"brand\":\"brand-%03u\",\"price\":\"%u.%02u\","
        "\"currency\":\"EUR\",\"device\":\"mobile\",\"page\":\"https://shop.example/de/"
        "home/"
        "kitchen/article?ref=list&utm_source=newsletter&utm_medium=mail\"}",
        types[dice % 5], p->made++, user, user, time_ms, (uint32_t)(dice >> 20) % ITEMS,
        (uint32_t)(dice >> 8) % 40, (uint32_t)(dice >> 8) % 300,
        5 + (uint32_t)(dice >> 32) % 95, (uint32_t)(dice >> 40) % 100);
    mr_bench_check(length > 0 && length < RECORD_BYTES, "record length");
    return (size_t)length;
}

typedef struct batch {
    char records[APPEND_MAX][RECORD_BYTES];
    mr_log_entry entries[APPEND_MAX];
    char keys[APPEND_MAX][24];
} batch;

static void put_event(problem *p, batch *b, size_t at, uint32_t user, int64_t time_ms)
{
    const size_t length = write_event(p, user, time_ms, b->records[at]);
    const int key = snprintf(b->keys[at], sizeof(b->keys[at]), "customer-%07u", user);
    b->entries[at] = (mr_log_entry){.key = {b->keys[at], (uint32_t)key},
                                    .value = {b->records[at], (uint32_t)length},
                                    .time_ms = time_ms};
}

/* Every user's first events, in the hour before. */
static void append_history(problem *p, mr_log *log)
{
    batch *b = mr_bench_have(malloc(sizeof(*b)));
    const int64_t from_ms = mr_clock_wall_ms(mr_clock_system()) - 3600000;
    const uint32_t total = USERS * EVENTS_BEFORE;
    for (uint32_t done = 0; done < total;) {
        size_t count = 0;
        for (; count < APPEND_MAX && done < total; done++) {
            p->newest_user = (uint32_t)((uint64_t)done * 48271 % USERS);
            p->newest_ms = from_ms + (int64_t)done * 3600000 / total;
            put_event(p, b, count++, p->newest_user, p->newest_ms);
        }
        mr_bench_must(mr_log_append(log, b->entries, count, NULL, NULL), "append");
    }
    free(b);
}

static void *produce(void *context)
{
    problem *p = context;
    batch *b = mr_bench_have(malloc(sizeof(*b)));
    double begun = mr_bench_seconds();
    double load = 0.0;
    double named_s = 0.0;
    uint64_t made = 0;
    while (!atomic_load(&p->producer_stops)) {
        if (load != atomic_load(&p->load)) { /* from here on at the new pace */
            load = atomic_load(&p->load);
            begun = mr_bench_seconds();
            made = 0;
        }
        const int64_t now_ms = mr_clock_wall_ms(mr_clock_system());
        const double wanted = (mr_bench_seconds() - begun) * load - (double)made;
        const size_t count = wanted < 0.0          ? 0
                             : wanted > APPEND_MAX ? (size_t)APPEND_MAX
                                                   : (size_t)wanted;
        uint32_t user = 0;
        for (size_t i = 0; i < count; i++) { /* the last one may be named */
            const uint32_t users = i + 1 < count ? (uint32_t)USERS : (uint32_t)VISITORS;
            user = (uint32_t)(mr_zipf_random(&p->random) % users);
            put_event(p, b, i, user, now_ms);
        }
        if (count > 0) {
            mr_bench_must(mr_log_append(p->events, b->entries, count, NULL, NULL),
                          "append");
            made += count;
            atomic_fetch_add(&p->appended, count);
        }
        const sample named = {.user = user,
                              .time_ms = now_ms,
                              .appended_s = mr_bench_seconds(),
                              .is_followed = true};
        if (count > 0 && named.appended_s - named_s >= SAMPLE_EVERY_S &&
            mr_ring_push(p->named, &named) == MR_OK)
            named_s = named.appended_s;
        (void)nanosleep(&(struct timespec){.tv_nsec = TURN_NS}, NULL);
    }
    free(b);
    return NULL;
}

/* ---- The engine ---- */

static void started(void *context, mr_log *events)
{
    problem *p = context;
    atomic_store(&p->events, events);
    mr_bench_check(pthread_create(&p->producer, NULL, produce, p) == 0, "a thread");
}

static void stopping(void *context)
{
    problem *p = context;
    atomic_store(&p->producer_stops, true);
    (void)pthread_join(p->producer, NULL);
}

static void *run_engine(void *context)
{
    problem *p = context;
    const mr_engine_options options = {
        .started = started, .stopping = stopping, .context = p};
    mr_error error = {{0}};
    mr_bench_must(mr_engine_run(&p->config, &options, &error), error.message);
    return NULL;
}

static void configure(problem *p, uint16_t redis_port)
{
    char path[MR_CHILD_PATH_BYTES];
    mr_error error = {{0}};
    (void)snprintf(path, sizeof(path), "%s/millrace.yaml", p->root);
    FILE *file = mr_bench_have(fopen(path, "we"));
    (void)fprintf(file,
                  "log: {path: %s/log}\n"
                  "cache: {kind: redis, url: \"redis://127.0.0.1:%u\", timeout: 200ms}\n"
                  "state: {path: %s/state}\n"
                  "models: {path: %s}\n"
                  "http: {listen: \"127.0.0.1:%u\"}\n"
                  "security: {deployment_secret: \"file:%s/secret\", control_key: "
                  "\"file:%s/control\"}\n",
                  p->root, redis_port, p->root, p->model.directory, p->port, p->root,
                  p->root);
    mr_bench_check(fclose(file) == 0, "the configuration");
    mr_bench_must(mr_config_load(path, &p->config, &error), error.message);
}

static void write_history(problem *p)
{
    mr_topics topics;
    mr_error error = {{0}};
    mr_bench_must(mr_topics_open(&p->config, MR_TOPICS_OWN, &topics, &error),
                  error.message);
    append_history(p, topics.events);
    mr_topics_close(&topics);
}

/* ---- The client ---- */

static void take_named(problem *p)
{
    for (size_t i = 0; i < SAMPLES_MAX; i++)
        if (!p->samples[i].is_followed && mr_ring_pop(p->named, &p->samples[i], 1) == 0)
            return;
}

static void path_of(uint32_t user, char ret_path[MR_PACED_PATH_BYTES])
{
    (void)snprintf(ret_path, MR_PACED_PATH_BYTES,
                   "/v1/users/customer-%07u/recommendations", user);
}

/* In turn somebody whose event is followed, if one is due, and anybody. */
static uint64_t next(void *context, double now_s, char ret_path[MR_PACED_PATH_BYTES])
{
    problem *p = context;
    const bool follows = p->asked++ % 2 == 0;
    take_named(p);
    for (size_t i = 0; follows && i < SAMPLES_MAX; i++) {
        sample *s = &p->samples[i];
        if (!s->is_followed || s->is_asked || s->ask_s > now_s)
            continue;
        if (now_s - s->appended_s > PATIENCE_S) {
            s->is_followed = false;
            p->lost++;
            continue;
        }
        s->is_asked = true;
        path_of(s->user, ret_path);
        return i + 1;
    }
    path_of((uint32_t)(mr_zipf_random(&p->client_random) % VISITORS), ret_path);
    return 0;
}

/* 0: the answer knows nothing of the user. */
static int64_t as_of(const char *body, size_t bytes)
{
    static const char name[] = "\"profile_as_of\":\"";
    const char *found = memmem(body, bytes, name, sizeof(name) - 1);
    int64_t time_ms = 0;
    if (found == NULL)
        return 0;
    found += sizeof(name) - 1;
    const mr_text text = {found, (uint32_t)strcspn(found, "\"")};
    mr_bench_must(mr_text_to_time_ms(text, &time_ms), "a time");
    return time_ms;
}

static void answer(void *context, uint64_t number, double now_s, mr_text body)
{
    problem *p = context;
    p->degraded += memmem(body.bytes, body.length, "\"degraded\":false", 16) == NULL;
    p->live += memmem(body.bytes, body.length, "\"live\"", 6) != NULL;
    if (number == 0)
        return;
    sample *s = &p->samples[number - 1];
    s->is_asked = false;
    s->ask_s = now_s + ASK_AGAIN_S;
    if (as_of(body.bytes, body.length) < s->time_ms)
        return;
    s->is_followed = false;
    mr_histogram_record(&p->freshness_us, (uint64_t)((now_s - s->appended_s) * 1e6));
}

/* Until the newest event of the history shows: the engine has caught up. */
static void await_history(problem *p)
{
    static char body[16384];
    char path[MR_PACED_PATH_BYTES];
    char request[MR_PACED_PATH_BYTES + 64];
    const double start = mr_bench_seconds();
    while (atomic_load(&p->events) == NULL && mr_bench_seconds() - start < READY_S)
        (void)usleep(READY_TRY_US);
    path_of(p->newest_user, path);
    const int length = snprintf(request, sizeof(request),
                                "GET %s HTTP/1.1\r\nHost: bench\r\n\r\n", path);
    do {
        mr_bench_check(mr_bench_seconds() - start < READY_S, "an engine that is ready");
        (void)usleep(READY_TRY_US);
        mr_http_load_once(p->port, (mr_text){request, (uint32_t)length}, body,
                          sizeof(body));
    } while (as_of(body, strlen(body)) < p->newest_ms);
}

/* ---- A load ---- */

typedef struct usage {
    double wall_s;
    double all_s; /* of CPU: engine, Redis, producer, client */
    double redis_s;
    double producer_s;
    double client_s;
    uint64_t appended;
} usage;

static usage usage_now(const problem *p)
{
    struct rusage own;
    clockid_t clock;
    struct timespec producer = {0};
    (void)getrusage(RUSAGE_SELF, &own);
    if (pthread_getcpuclockid(p->producer, &clock) == 0)
        (void)clock_gettime(clock, &producer);
    const double redis_s = mr_child_cpu_seconds(p->redis.pid);
    return (usage){
        .wall_s = mr_bench_seconds(),
        .all_s = redis_s + (double)(own.ru_utime.tv_sec + own.ru_stime.tv_sec) +
                 (double)(own.ru_utime.tv_usec + own.ru_stime.tv_usec) / 1e6,
        .redis_s = redis_s,
        .producer_s = (double)producer.tv_sec + (double)producer.tv_nsec / 1e9,
        .client_s = mr_bench_cpu_seconds(),
        .appended = atomic_load(&p->appended),
    };
}

static void run_gets(problem *p, double seconds, mr_paced_result *ret_result)
{
    const mr_paced_gets gets = {.port = p->port,
                                .per_second = GETS_A_SECOND,
                                .seconds = seconds,
                                .connections = CONNECTIONS,
                                .next = next,
                                .answer = answer,
                                .context = p};
    mr_paced_gets_run(&gets, ret_result);
}

typedef struct figure {
    double load;  /* events a second that were appended */
    double share; /* of the cores                       */
    double p99_ms;
    bool is_kept_up_with; /* every event that was followed showed */
} figure;

static figure run_load(problem *p, double load)
{
    static mr_paced_result result;
    atomic_store(&p->load, load);
    run_gets(p, SETTLE_S, &result);
    memset(&p->freshness_us, 0, sizeof(p->freshness_us));
    p->live = 0;
    p->degraded = 0;
    p->lost = 0;
    const usage before = usage_now(p);
    run_gets(p, LOAD_S, &result);
    const usage after = usage_now(p);
    const double wall_s = after.wall_s - before.wall_s;
    const double cores = (double)sysconf(_SC_NPROCESSORS_ONLN);
    const figure f = {
        .load = (double)(after.appended - before.appended) / wall_s,
        .share = (after.all_s - before.all_s) / wall_s / cores,
        .p99_ms = (double)mr_histogram_quantile(&p->freshness_us, 0.99) / 1e3,
        .is_kept_up_with = p->lost == 0,
    };
    (void)printf("freshness/events_per_s=%.0f p50_ms=%.1f p99_ms=%.1f samples=%llu "
                 "core_share=%.2f redis=%.2f producer=%.2f client=%.2f gets_per_s=%.0f "
                 "live_share=%.2f get_p50_ms=%.2f get_p99_ms=%.1f late=%zu degraded=%zu "
                 "lost=%zu\n",
                 f.load, (double)mr_histogram_quantile(&p->freshness_us, 0.5) / 1e3,
                 f.p99_ms, (unsigned long long)p->freshness_us.count, f.share,
                 (after.redis_s - before.redis_s) / wall_s,
                 (after.producer_s - before.producer_s) / wall_s,
                 (after.client_s - before.client_s) / wall_s,
                 (double)result.sent / wall_s, (double)p->live / (double)result.sent,
                 (double)mr_histogram_quantile(&result.latency_us, 0.5) / 1e3,
                 (double)mr_histogram_quantile(&result.latency_us, 0.99) / 1e3,
                 result.late, p->degraded, p->lost);
    (void)fflush(stdout);
    return f;
}

/* ---- Set up ---- */

static void start_redis(problem *p, const char *program, uint16_t port)
{
    char words[3][MR_CHILD_PATH_BYTES];
    (void)snprintf(words[0], sizeof(words[0]), "%s", program);
    (void)snprintf(words[1], sizeof(words[1]), "%u", port);
    (void)snprintf(words[2], sizeof(words[2]), "%s", p->root);
    char log[MR_CHILD_PATH_BYTES];
    (void)snprintf(log, sizeof(log), "%s/redis.log", p->root);
    char *const arguments[] = {
        words[0],       "--port", words[1], "--bind", "127.0.0.1", "--save", "",
        "--appendonly", "no",     "--dir",  words[2], "--logfile", log,      NULL};
    mr_bench_must(mr_child_start(arguments, MR_CHILD_ANY_CORE, &p->redis), "redis");
}

static void open_problem(problem *p, const char *redis_program)
{
    const char *directory = getenv("TMPDIR");
    const uint16_t redis_port = mr_child_free_port();
    (void)snprintf(p->root, sizeof(p->root), "%s/millrace-bench-XXXXXX",
                   directory != NULL ? directory : "/tmp");
    mr_bench_have(mkdtemp(p->root));
    p->random = 88172645463325252ULL;
    p->client_random = 1181783497276652981ULL;
    mr_bench_must(mr_ring_create(SAMPLES_MAX, sizeof(sample), &p->named), "ring");
    mr_shop_model_open(ITEMS, true, &p->model);
    mr_error error = {{0}};
    mr_bench_must(mr_models_activate(p->model.directory,
                                     mr_recommender_version(p->model.recommender),
                                     &error),
                  error.message);
    start_redis(p, redis_program, redis_port);
    p->port = mr_child_free_port();
    configure(p, redis_port);
    write_history(p);
    sigset_t
        signals; /* for the engine's thread alone; Redis, started before, must hear it */
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    mr_bench_check(pthread_create(&p->engine, NULL, run_engine, p) == 0, "a thread");
    await_history(p);
}

static void close_problem(problem *p)
{
    (void)pthread_kill(p->engine, SIGTERM);
    (void)pthread_join(p->engine, NULL);
    (void)mr_child_stop(&p->redis);
    mr_shop_model_close(&p->model);
    mr_config_deinit(&p->config);
    mr_ring_destroy(p->named);
    mr_bench_must(mr_directory_remove(p->root, NULL), "removing the folder");
}

int main(int count, char **arguments)
{
    (void)count;
    static problem p;
    char redis_program[MR_CHILD_PATH_BYTES];
    figure best = {0};
    mr_bench_start(arguments);
    if (mr_child_find("redis-server", redis_program) != MR_OK) {
        mr_bench_peer_absent("freshness_p99_ms", "redis-server");
        return 0;
    }
    mr_log_quiet();
    open_problem(&p, redis_program);
    for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
        const figure f = run_load(&p, loads[i]);
        if (i ==
            0) /* without any load that will do, the lowest is the one that is missed */
            best = f;
        if (f.share > SHARE_MAX || !f.is_kept_up_with)
            break;
        best = f;
    }
    close_problem(&p);
    (void)printf("# the highest load that leaves a fifth of the cores: %.0f events/s\n",
                 best.load);
    (void)mr_bench_ratio("freshness_p99_ms", best.p99_ms, 100.0);
    return 0;
}
