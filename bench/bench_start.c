/*
 * How long does the program take from its start to its first answer?  Cold: in an empty directory,
 * with the log in files and the cache in memory.  Restarted: with a checkpoint of a million
 * profiles of twenty history entries each, to the first answer that shows one of them.
 *
 * The program is $MILLRACE_BIN, else ../app/millrace beside this one, and is asked over HTTP
 * every half millisecond until it answers 200.  Checkpoint and log are made by the library; the
 * records of the log lie below the checkpoint's offset and are never read.  Everything lies under
 * $TMPDIR or /tmp, in the page cache, and is removed at the end.
 */
#include "bench/bench.h"
#include "bench/child.h"
#include "core/file.h"
#include "features/checkpoint.h"
#include "ingest/log.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    USERS = 1000000,
    LINES = 20, /* of each user's one record */
    ITEMS = 50000,
    ID_BYTES = 16,
    BATCH_RECORDS = 256,
    STARTS = 5,
    PATH_BYTES = 512,
    PATIENCE_S = 30,
};

#define START_MS INT64_C(1772366400000)

static void pause_half_ms(void)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
}

/* ---- The program ---- */

typedef struct place {
    char root[256];
    char program[MR_CHILD_PATH_BYTES];
    uint16_t port;
} place;

static void set_path(const place *p, const char *key, const char *prefix,
                     const char *name)
{
    char value[PATH_BYTES];
    (void)snprintf(value, sizeof(value), "%s%s/%s", prefix, p->root, name);
    (void)setenv(key, value, 1);
}

static void prepare_place(place *p)
{
    const char *directory = getenv("TMPDIR");
    const char *program = getenv("MILLRACE_BIN");
    char listen_at[32];
    (void)snprintf(p->root, sizeof(p->root), "%s/millrace-bench-XXXXXX",
                   directory != NULL ? directory : "/tmp");
    mr_bench_have(mkdtemp(p->root));
    if (program != NULL)
        (void)snprintf(p->program, sizeof(p->program), "%s", program);
    else
        mr_child_sibling("../app/millrace", p->program);
    p->port = mr_child_free_port();
    (void)snprintf(listen_at, sizeof(listen_at), "127.0.0.1:%u", (unsigned)p->port);
    (void)setenv("MILLRACE_HTTP_LISTEN", listen_at, 1);
    set_path(p, "MILLRACE_LOG_PATH", "", "log");
    set_path(p, "MILLRACE_STATE_PATH", "", "checkpoints");
    set_path(p, "MILLRACE_MODELS_PATH", "", "models");
    set_path(p, "MILLRACE_SECURITY_DEPLOYMENT_SECRET", "file:", "secret");
    set_path(p, "MILLRACE_SECURITY_CONTROL_KEY", "file:", "control.key");
}

static bool is_answered(uint16_t port, const char *path)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char text[256] = "";
    const int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection < 0)
        return false;
    bool is_right = false;
    if (connect(connection, (const struct sockaddr *)&address, sizeof(address)) == 0) {
        const int length = snprintf(text, sizeof(text),
                                    "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
        static const char right[] = "HTTP/1.1 200";
        is_right = write(connection, text, (size_t)length) == length &&
                   read(connection, text, sizeof(text)) > (ssize_t)sizeof(right) &&
                   memcmp(text, right, sizeof(right) - 1) == 0;
    }
    (void)close(connection);
    return is_right;
}

/* Seconds from starting the program to its first 200 for `path`. */
static double start_timed(const place *p, const char *path)
{
    char program[MR_CHILD_PATH_BYTES];
    (void)snprintf(program, sizeof(program), "%s", p->program);
    char run[] = "run";
    char *const arguments[] = {program, run, NULL};
    mr_child child;
    const double start = mr_bench_seconds();
    mr_bench_must(mr_child_start(arguments, MR_CHILD_ANY_CORE, &child), "the program");
    while (!is_answered(p->port, path)) {
        mr_bench_check(mr_bench_seconds() - start < PATIENCE_S, "an answer in time");
        pause_half_ms();
    }
    const double taken = mr_bench_seconds() - start;
    mr_bench_check(mr_child_stop(&child) == 0, "the program ends well");
    return taken;
}

static void clear_place(const place *p)
{
    mr_bench_must(mr_directory_remove(p->root, NULL), "clear");
}

/* ---- A million profiles ---- */

static void write_id(char id[ID_BYTES], const char *kind, uint32_t number)
{
    (void)snprintf(id, ID_BYTES, "%s-%07u", kind, number % 10000000);
}

static void add_user(mr_event_batch *batch, char ids[LINES + 1][ID_BYTES], uint32_t user)
{
    const size_t first = batch->event_count;
    write_id(ids[LINES], "user", user);
    for (uint32_t line = 0; line < LINES; line++) {
        write_id(ids[line], "item", (user * 2654435761U + line * 40503U) % ITEMS);
        batch->events[batch->event_count++] =
            (mr_event){.user_id = mr_text_from(ids[LINES]),
                       .item_id = mr_text_from(ids[line]),
                       .time_ms = START_MS + (int64_t)user * 20 + line,
                       .quantity = 1,
                       .line = line,
                       .type = MR_EVENT_VIEW};
    }
    batch->records[batch->record_count++] =
        (mr_record_verdict){.offset = user,
                            .first_event = (uint32_t)first,
                            .event_count = LINES,
                            .disposition = MR_RECORD_EVENTS};
}

static mr_shard *fill_shard(const mr_plan *plan, const mr_hash_key *key)
{
    char(*ids)[LINES + 1][ID_BYTES] = mr_bench_have(malloc(BATCH_RECORDS * sizeof(*ids)));
    const mr_shard_options options = {.plan = plan, .hash_key = key, .topic = "events"};
    mr_shard *shard;
    mr_event_batch batch;
    mr_bench_must(mr_shard_create(&options, &shard), "shard");
    mr_bench_must(mr_event_batch_init(&batch, BATCH_RECORDS, BATCH_RECORDS * LINES),
                  "batch");
    for (uint32_t user = 0; user < USERS; user++) {
        add_user(&batch, ids[batch.record_count], user);
        if (batch.record_count < BATCH_RECORDS && user + 1 < USERS)
            continue;
        mr_bench_must(mr_shard_apply(shard, &batch), "apply");
        mr_shard_changed_clear(shard);
        mr_event_batch_clear(&batch);
    }
    mr_event_batch_deinit(&batch);
    free(ids);
    return shard;
}

static void write_checkpoint(const char *path)
{
    mr_plan *plan;
    mr_hash_key key;
    mr_checkpoint_store *store;
    mr_buffer state = {0};
    uint64_t epoch;
    mr_hash_key_init(&key, "bench", 5); /* of no consequence: files hold ids */
    mr_bench_must(mr_plan_create_default(&plan), "plan");
    mr_shard *shard = fill_shard(plan, &key);
    mr_bench_must(mr_checkpoint_store_open(path, "events", 2, &store, NULL), "store");
    mr_bench_must(mr_checkpoint_take_epoch(store, 0, (uint64_t)time(NULL), &epoch, NULL),
                  "epoch");
    mr_bench_must(mr_checkpoint_encode(shard, epoch, 1, &state), "encode");
    mr_bench_must(mr_checkpoint_write(store, 0, epoch, 1, &state, NULL), "write");
    mr_buffer_deinit(&state);
    mr_checkpoint_store_close(store);
    mr_shard_destroy(shard);
    mr_plan_destroy(plan);
}

/* As many records as the checkpoint has passed. */
static void fill_log(const char *path)
{
    static const char record[] = "{\"type\":\"login\",\"user_id\":\"u\"}";
    mr_log_entry *entries = mr_bench_have(calloc(BATCH_RECORDS, sizeof(*entries)));
    mr_log *log;
    for (size_t i = 0; i < BATCH_RECORDS; i++)
        entries[i] =
            (mr_log_entry){.value = {.bytes = record, .length = sizeof(record) - 1},
                           .time_ms = START_MS};
    const mr_log_file_options options = {
        .path = path, .topic = "events", .partitions = 1, .clock = mr_clock_system()};
    mr_bench_must(mr_log_open_file(&options, &log, NULL, NULL), "log");
    for (size_t left = USERS; left > 0;) {
        const size_t count = left < BATCH_RECORDS ? left : BATCH_RECORDS;
        mr_bench_must(mr_log_append(log, entries, count, NULL, NULL), "append");
        left -= count;
    }
    mr_log_close(log);
    free(entries);
}

/* ---- The two questions ---- */

static int compare_seconds(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* A start is made of waits as much as of work: the median says more than the best. */
static double median_of(double seconds[STARTS])
{
    qsort(seconds, STARTS, sizeof(*seconds), compare_seconds);
    return seconds[STARTS / 2];
}

static double measure_cold(const place *p)
{
    double taken[STARTS];
    for (int i = 0; i < STARTS; i++) {
        taken[i] = start_timed(p, "/healthz");
        (void)printf("start/cold ms=%.1f\n", taken[i] * 1e3);
        clear_place(p);
        mr_bench_must(mr_directory_make(p->root, NULL), "directory");
    }
    return median_of(taken);
}

static double measure_restart(const place *p)
{
    char path[PATH_BYTES];
    double taken[STARTS];
    (void)snprintf(path, sizeof(path), "%s/log", p->root);
    fill_log(path);
    (void)snprintf(path, sizeof(path), "%s/checkpoints", p->root);
    write_checkpoint(path);
    for (int i = 0; i < STARTS; i++) {
        taken[i] = start_timed(p, "/v1/users/user-0500000/profile");
        (void)printf("start/restart users=%d seconds=%.3f\n", USERS, taken[i]);
    }
    return median_of(taken);
}

int main(int count, char **arguments)
{
    (void)count;
    mr_bench_start(arguments);
    place p;
    prepare_place(&p);
    const double cold_s = measure_cold(&p);
    const double restart_s = measure_restart(&p);
    clear_place(&p);
    (void)mr_bench_ratio("cold_start_ms", cold_s * 1e3, 50.0);
    (void)mr_bench_ratio("restart_s", restart_s, 2.0);
    return 0;
}
