/*
 * How many events a second does one core carry from the log into profiles, with everything that
 * goes with it?  Records of 350 bytes of native JSON with event ids (bench/event_stream.h) are
 * read by the file log's reader, decoded, looked up among the ids seen, and applied with the
 * default plan, for ten seconds on the wall in which one whole checkpoint is cut between the
 * batches, compressed and written by a second thread.  Both threads' CPU time counts.
 *
 * Beside it, in turns over the same records: reading and parsing only, which no decoder of JSON
 * can beat.  Then rounds without checkpoints: as they are, without event ids, and without items,
 * whose differences say what the parts of applying cost.  A copy of memory of the same size is
 * timed too.  With $MILLRACE_PEERS, Kafka Streams with exactly once on records of the same shape.
 *
 * The log's first 2^20 records name every user once.  It lies under $TMPDIR or /tmp, is in the
 * page cache when it is read, and is removed at the end.
 */
#include "bench/bench.h"
#include "bench/counters.h"
#include "bench/event_stream.h"
#include "bench/streams_peer.h"
#include "core/file.h"
#include "features/checkpoint.h"
#include "features/checkpoint_cut.h"
#include "ingest/decoder.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

enum {
    ROUND_EVENTS = 1 << 20,
    ROUNDS_MAX = 24,
    PART_ROUNDS = 2,
    RECORD_BYTES = MR_STREAM_RECORD_BYTES,
    CHECKED_STRIDE = 101, /* of users whose events are counted at the end */
    CUT_ENTRIES = 128,    /* as app/owned_shard.c cuts */
    COPY_BYTES = 256 << 20,
};

#define INTERVAL_S 10.0
#define SLICE_S 0.0005

typedef struct pass_times {
    double read_s;
    double decode_s; /* of the other pass: parsing */
    double hash_s;   /* of ids, timed apart and not in the sum */
    double apply_s;
    double cut_s;
    double write_s; /* of the second thread */
    double wall_s;
    size_t records;
} pass_times;

static double pass_seconds(const pass_times *times)
{
    return times->read_s + times->decode_s + times->apply_s + times->cut_s +
           times->write_s;
}

static void add_times(pass_times *sum, const pass_times *times)
{
    sum->read_s += times->read_s;
    sum->decode_s += times->decode_s;
    sum->hash_s += times->hash_s;
    sum->apply_s += times->apply_s;
    sum->cut_s += times->cut_s;
    sum->write_s += times->write_s;
    sum->wall_s += times->wall_s;
    sum->records += times->records;
}

static mr_log_reader *open_reader(mr_log *log)
{
    mr_log_reader *reader;
    mr_log_batch batch;
    mr_bench_must(mr_log_reader_open(log, &(mr_log_reader_options){0}, &reader, NULL),
                  "reader");
    mr_bench_must(mr_log_reader_poll(reader, 0, &batch), "assignment");
    mr_bench_check(batch.signal == MR_LOG_ASSIGNED, "the first signal assigns");
    mr_bench_must(mr_log_reader_start(reader, batch.partition, 0), "start");
    return reader;
}

static double poll_timed(mr_log_reader *reader, mr_log_batch *ret_batch)
{
    const double start = mr_bench_cpu_seconds();
    mr_bench_must(mr_log_reader_poll(reader, 0, ret_batch), "poll");
    mr_bench_check(ret_batch->signal == MR_LOG_RECORDS, "records are there");
    return mr_bench_cpu_seconds() - start;
}

/* ---- Checkpoints ---- */

typedef struct checkpoints {
    mr_checkpoint_store *store;
    mr_buffer state;
    uint64_t generation;
    double write_s;
    size_t bytes;
    pthread_t thread;
    bool is_writing;
} checkpoints;

static void *write_state(void *context)
{
    checkpoints *c = context;
    const double start = mr_bench_cpu_seconds();
    mr_bench_must(mr_checkpoint_write(c->store, 0, 1, c->generation, &c->state, NULL),
                  "checkpoint");
    c->write_s = mr_bench_cpu_seconds() - start;
    return NULL;
}

static void begin_cut(checkpoints *c, mr_shard *shard)
{
    mr_checkpoint_cut_begin(shard, 1, ++c->generation, &c->state);
}

/* A slice between two batches; the last one hands the state to the other thread. */
static double cut_slice(checkpoints *c, mr_shard *shard)
{
    if (!mr_checkpoint_cut_is_under_way(shard))
        return 0.0;
    const double start = mr_bench_cpu_seconds();
    const double wall = mr_bench_seconds();
    bool is_whole;
    do {
        is_whole = mr_checkpoint_cut_step(shard, CUT_ENTRIES);
    } while (!is_whole && mr_bench_seconds() - wall < SLICE_S);
    if (is_whole) {
        mr_bench_must(mr_buffer_status(&c->state), "cut");
        c->bytes = c->state.length;
        c->is_writing = pthread_create(&c->thread, NULL, write_state, c) == 0;
        mr_bench_check(c->is_writing, "a thread to write with");
    }
    return mr_bench_cpu_seconds() - start;
}

static double end_checkpoint(checkpoints *c, mr_shard *shard)
{
    mr_bench_check(c->is_writing, "the checkpoint was copied within the interval");
    (void)pthread_join(c->thread, NULL);
    c->is_writing = false;
    mr_checkpoint_cut_settle(shard, true);
    return c->write_s;
}

/* ---- The passes ---- */

typedef enum strip {
    STRIP_NOTHING = 0,
    STRIP_EVENT_IDS,
    STRIP_ITEMS, /* and event ids */
} strip;

typedef struct pipeline {
    mr_log_reader *reader;
    mr_decoder *decoder;
    mr_event_batch batch;
    mr_shard *shard;
    mr_hash_key key;
    uint64_t hashed;
    checkpoints checkpoints;
} pipeline;

static void strip_batch(mr_event_batch *batch, strip what)
{
    for (size_t i = 0; i < batch->event_count && what != STRIP_NOTHING; i++) {
        batch->events[i].event_id = (mr_text){0};
        if (what == STRIP_ITEMS)
            batch->events[i].item_id = (mr_text){0};
    }
}

/* Once more what applying does first: user, item and line. */
static double hash_timed(pipeline *p)
{
    const double start = mr_bench_cpu_seconds();
    for (size_t i = 0; i < p->batch.event_count; i++) {
        const mr_event *event = &p->batch.events[i];
        p->hashed += mr_hash_user(&p->key, event->user_id).high;
        p->hashed += mr_hash_item(&p->key, event->item_id);
        p->hashed += mr_hash_line(&p->key, event->event_id, event->line);
    }
    return mr_bench_cpu_seconds() - start;
}

static pass_times carry(pipeline *p, size_t records, strip what)
{
    pass_times times = {.wall_s = -mr_bench_seconds()};
    while (times.records < records) {
        mr_log_batch polled;
        times.read_s += poll_timed(p->reader, &polled);
        const double start = mr_bench_cpu_seconds();
        mr_bench_must(
            mr_decoder_decode(p->decoder, 0, polled.records, polled.count, &p->batch),
            "decode");
        times.decode_s += mr_bench_cpu_seconds() - start;
        strip_batch(&p->batch, what);
        const double decoded = mr_bench_cpu_seconds();
        mr_bench_must(mr_shard_apply(p->shard, &p->batch), "apply");
        mr_shard_changed_clear(p->shard);
        times.apply_s += mr_bench_cpu_seconds() - decoded;
        times.cut_s += cut_slice(&p->checkpoints, p->shard);
        times.records += polled.count;
    }
    times.wall_s += mr_bench_seconds();
    times.hash_s = hash_timed(p) / (double)p->batch.event_count * (double)records;
    return times;
}

typedef struct parser {
    mr_log_reader *reader;
    void *pool;
    size_t pool_bytes;
    char text[RECORD_BYTES + YYJSON_PADDING_SIZE];
} parser;

static const yyjson_read_flag parse_flags =
    YYJSON_READ_INSITU | YYJSON_READ_NUMBER_AS_RAW;

/* What a decoder cannot do without: a copy to parse in place, and the parse. */
static bool parse(parser *p, mr_text value)
{
    yyjson_alc allocator;
    memcpy(p->text, value.bytes, value.length);
    memset(p->text + value.length, 0, YYJSON_PADDING_SIZE);
    (void)yyjson_alc_pool_init(&allocator, p->pool, p->pool_bytes);
    const yyjson_doc *document =
        yyjson_read_opts(p->text, value.length, parse_flags, &allocator, NULL);
    return document != NULL;
}

static pass_times parse_only(parser *p, size_t records)
{
    pass_times times = {.wall_s = -mr_bench_seconds()};
    size_t parsed = 0;
    while (times.records < records) {
        mr_log_batch polled;
        times.read_s += poll_timed(p->reader, &polled);
        const double start = mr_bench_cpu_seconds();
        for (size_t i = 0; i < polled.count; i++)
            parsed += parse(p, polled.records[i].value);
        times.decode_s += mr_bench_cpu_seconds() - start;
        times.records += polled.count;
    }
    times.wall_s += mr_bench_seconds();
    mr_bench_check(parsed == times.records, "every record is JSON");
    return times;
}

/* Seconds a byte. */
static double copy_memory(void)
{
    char *from = mr_bench_have(malloc(COPY_BYTES));
    char *to = mr_bench_have(malloc(COPY_BYTES));
    memset(from, 1, COPY_BYTES);
    memset(to, 2, COPY_BYTES);
    double best = 0.0;
    for (int i = 0; i < 5; i++) {
        const double start = mr_bench_cpu_seconds();
        memcpy(to, from, COPY_BYTES);
        const double taken = mr_bench_cpu_seconds() - start;
        mr_bench_check(to[COPY_BYTES - 1] == 1, "copied");
        best = i == 0 || taken < best ? taken : best;
    }
    free(from);
    free(to);
    return best / COPY_BYTES;
}

/* ---- What must be true of the profiles ---- */

static void check_counts(const mr_shard *shard, const mr_event_stream *s, uint32_t user)
{
    char text[MR_STREAM_ID_BYTES];
    const uint32_t length = mr_event_stream_user(user, text);
    const uint32_t row = mr_shard_find(shard, (mr_text){.bytes = text, .length = length});
    mr_bench_check(row != MR_ROW_NONE, "every user has a profile");
    mr_user_state state;
    mr_shard_user_state(shard, row, 1, &state);
    mr_bench_check(state.events == s->counts[user], "events of a user");
}

/* Every record applied, and the count of each user's events as they were made. */
static void check(const mr_shard *shard, const mr_event_stream *s)
{
    mr_shard_counters counters;
    mr_shard_counters_get(shard, &counters);
    mr_shard_check_counters(shard);
    mr_bench_check(counters.applied == s->made, "records applied");
    mr_bench_check(counters.poison == 0 && counters.gap == 0, "no poison, no gap");
    mr_bench_check(counters.lines_applied == s->made, "events applied");
    mr_bench_check(mr_shard_user_count(shard) == MR_STREAM_USERS, "users");
    for (uint32_t user = 0; user < MR_STREAM_USERS; user += CHECKED_STRIDE)
        check_counts(shard, s, user);
}

/* ---- The report ---- */

static double per_event(double seconds, const pass_times *times)
{
    return seconds * 1e9 / (double)times->records;
}

static void print_stage(const char *stage, double ns)
{
    (void)printf("events/%s ns_per_event=%.0f\n", stage, ns);
}

static void print_pass(const char *name, const pass_times *times)
{
    (void)printf("events/%s events_per_cpu_s=%.0f events_per_wall_s=%.0f\n", name,
                 (double)times->records / pass_seconds(times),
                 (double)times->records / times->wall_s);
}

static void print_counts(const mr_counts *before, const mr_counts *after, size_t records)
{
    if (!before->is_counted || !after->is_counted) {
        (void)printf("# instructions and cache misses: not counted on this machine\n");
        return;
    }
    (void)printf("events/counted instructions_per_event=%.0f misses_per_event=%.2f\n",
                 (double)(after->instructions - before->instructions) / (double)records,
                 (double)(after->cache_misses - before->cache_misses) / (double)records);
}

/* Ten seconds of carrying with one checkpoint, the other pass between its rounds. */
static void carry_an_interval(pipeline *p, parser *reference, mr_log *log,
                              mr_event_stream *s, pass_times *ours, pass_times *parsed)
{
    const mr_counters counters = mr_counters_open();
    mr_counts before = {0};
    mr_counts after = {0};
    begin_cut(&p->checkpoints, p->shard);
    for (int round = 0; round < ROUNDS_MAX && ours->wall_s < INTERVAL_S; round++) {
        mr_event_stream_append(s, log, ROUND_EVENTS);
        const pass_times other = parse_only(reference, ROUND_EVENTS);
        add_times(parsed, &other);
        before = mr_counters_read(&counters);
        const pass_times times = carry(p, ROUND_EVENTS, STRIP_NOTHING);
        after = mr_counters_read(&counters);
        add_times(ours, &times);
    }
    ours->write_s = end_checkpoint(&p->checkpoints, p->shard);
    /* The checkpoint's share of an interval, also when the rounds took less than one. */
    const double share = ours->wall_s / INTERVAL_S;
    ours->cut_s *= share < 1.0 ? share : 1.0;
    ours->write_s *= share < 1.0 ? share : 1.0;
    mr_counters open = counters;
    mr_counters_close(&open);
    print_counts(&before, &after, ROUND_EVENTS);
}

/* Rounds that leave something out, and what each is cheaper by. */
static void measure_parts(pipeline *p, parser *reference, mr_log *log, mr_event_stream *s)
{
    double apply_ns[STRIP_ITEMS + 1];
    double hash_ns = 0.0;
    for (int what = STRIP_NOTHING; what <= STRIP_ITEMS; what++) {
        pass_times sum = {0};
        for (int round = 0; round < PART_ROUNDS; round++) {
            mr_event_stream_append(s, log, ROUND_EVENTS);
            (void)parse_only(reference, ROUND_EVENTS);
            const pass_times times = carry(p, ROUND_EVENTS, (strip)what);
            add_times(&sum, &times);
        }
        apply_ns[what] = per_event(sum.apply_s, &sum);
        if (what == STRIP_NOTHING)
            hash_ns = per_event(sum.hash_s, &sum);
    }
    print_stage("apply_alone", apply_ns[STRIP_NOTHING]);
    print_stage("apply_hashing", hash_ns);
    print_stage("apply_event_ids", apply_ns[STRIP_NOTHING] - apply_ns[STRIP_EVENT_IDS]);
    print_stage("apply_items_history_trending",
                apply_ns[STRIP_EVENT_IDS] - apply_ns[STRIP_ITEMS]);
    print_stage("apply_lookup_and_other_features", apply_ns[STRIP_ITEMS]);
}

static void compare_with_streams(double rate)
{
    const double peer = mr_streams_peer_events_per_cpu_s();
    if (peer <= 0.0) {
        mr_bench_peer_absent("events_by_kafka_streams",
                             "Kafka Streams (kstreams/run.sh)");
        return;
    }
    (void)mr_bench_at_least("events_by_kafka_streams", rate / peer, 10.0);
}

static void measure(pipeline *p, parser *reference, mr_log *log, mr_event_stream *s)
{
    pass_times ours = {0};
    pass_times parsed = {0};
    mr_event_stream_append(s, log, ROUND_EVENTS);
    const pass_times first = carry(p, ROUND_EVENTS, STRIP_NOTHING);
    print_pass("first_event_of_a_user", &first);
    check(p->shard, s);
    (void)parse_only(reference, ROUND_EVENTS);
    carry_an_interval(p, reference, log, s, &ours, &parsed);
    check(p->shard, s);
    print_pass("carried", &ours);
    print_stage("read", per_event(ours.read_s, &ours));
    print_stage("decode", per_event(ours.decode_s, &ours));
    print_stage("apply", per_event(ours.apply_s, &ours));
    print_stage("checkpoint_copy", per_event(ours.cut_s, &ours));
    print_stage("checkpoint_compress_and_write", per_event(ours.write_s, &ours));
    print_stage("parse_only", per_event(parsed.decode_s, &parsed));
    print_stage("copy_of_the_record", copy_memory() * RECORD_BYTES * 1e9);
    (void)printf("events/checkpoint mib=%.0f\n",
                 (double)p->checkpoints.bytes / 1048576.0);
    measure_parts(p, reference, log, s);
    check(p->shard, s);
    (void)printf("events/memory bytes_per_user=%.0f\n",
                 (double)mr_shard_bytes(p->shard) / MR_STREAM_USERS);
    const double rate = (double)ours.records / pass_seconds(&ours);
    (void)mr_bench_at_least("events_per_core_s", rate, 500000.0);
    (void)mr_bench_ratio("events_by_parse_only",
                         (double)parsed.records / pass_seconds(&parsed) / rate, 5.0);
    compare_with_streams(rate);
}

static void open_pipeline(pipeline *p, const mr_plan *plan, mr_log *log, const char *root)
{
    const mr_shard_options options = {
        .plan = plan, .hash_key = &p->key, .topic = "events"};
    mr_hash_key_init(&p->key, "bench", 5);
    p->reader = open_reader(log);
    mr_bench_must(mr_shard_create(&options, &p->shard), "shard");
    mr_bench_must(mr_decoder_create(&(mr_decoder_options){.dialect = MR_DIALECT_NATIVE,
                                                          .topic = "events"},
                                    &p->decoder, NULL),
                  "decoder");
    mr_bench_must(mr_event_batch_init(&p->batch, 1024, 1024), "batch");
    mr_bench_must(
        mr_checkpoint_store_open(root, "events", 2, &p->checkpoints.store, NULL),
        "checkpoint store");
}

static void close_pipeline(pipeline *p)
{
    mr_checkpoint_store_close(p->checkpoints.store);
    mr_buffer_deinit(&p->checkpoints.state);
    mr_event_batch_deinit(&p->batch);
    mr_decoder_destroy(p->decoder);
    mr_shard_destroy(p->shard);
    mr_log_reader_close(p->reader);
}

static void make_directory(char root[256], const char *what)
{
    const char *directory = getenv("TMPDIR");
    (void)snprintf(root, 256, "%s/millrace-bench-%s-XXXXXX",
                   directory != NULL ? directory : "/tmp", what);
    mr_bench_have(mkdtemp(root));
}

int main(int count, char **arguments)
{
    (void)count;
    mr_bench_start(arguments);
    mr_event_stream s;
    mr_event_stream_init(&s);
    char log_root[256];
    char state_root[256];
    make_directory(log_root, "log");
    make_directory(state_root, "state");
    mr_log *log;
    mr_bench_must(mr_log_open_file(&(mr_log_file_options){.path = log_root,
                                                          .topic = "events",
                                                          .partitions = 1,
                                                          .clock = mr_clock_system()},
                                   &log, NULL, NULL),
                  "log");
    mr_plan *plan;
    mr_bench_must(mr_plan_create_default(&plan), "plan");
    pipeline p = {0};
    open_pipeline(&p, plan, log, state_root);
    parser reference = {.reader = open_reader(log),
                        .pool_bytes =
                            yyjson_read_max_memory_usage(RECORD_BYTES, parse_flags)};
    reference.pool = mr_bench_have(malloc(reference.pool_bytes));

    measure(&p, &reference, log, &s);

    free(reference.pool);
    mr_log_reader_close(reference.reader);
    close_pipeline(&p);
    mr_plan_destroy(plan);
    mr_log_close(log);
    mr_bench_must(mr_directory_remove(log_root, NULL), "removing the log");
    mr_bench_must(mr_directory_remove(state_root, NULL), "removing the checkpoints");
    mr_event_stream_deinit(&s);
    return 0;
}
