/*
 * How many events a second does one core carry from the log into profiles?  Records of 350 bytes
 * of native JSON, of a million users by Zipf's law with exponent 1, are read by the file log's
 * reader, decoded, and applied with the default plan; beside it the same records are read and
 * only parsed, which no decoder of JSON can beat.
 *
 * The log's first 2^20 records name every user once, so that each profile exists when the timing
 * begins.  Both passes take turns over the same records, a round at a time.  Times are the CPU
 * seconds of this thread, with the wall's beside them.  The log lies under $TMPDIR or /tmp, is in
 * the page cache when it is read, and is removed at the end.
 */
#include "bench/bench.h"
#include "bench/zipf.h"
#include "core/file.h"
#include "features/shard.h"
#include "ingest/decoder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yyjson.h>

enum {
    USERS = 1000000,
    ITEMS = 50000,
    ROUND_EVENTS = 1 << 20,
    ROUNDS = 3,
    APPEND_RECORDS = 2048,
    RECORD_BYTES = 350,
    CHECKED_STRIDE = 101, /* of users whose events are counted at the end */
    EVENT_STEP_MS = 20,
};

#define START_MS INT64_C(1772366400000)

/* ---- The events ---- */

typedef struct source {
    mr_zipf users;
    mr_zipf items;
    uint32_t *counts; /* events of each user */
    uint64_t random;
    uint64_t made;
} source;

static int write_user(char *text, size_t bytes, uint32_t user)
{
    return snprintf(text, bytes, "customer-%07u", user % 10000000);
}

/* One record of exactly RECORD_BYTES; the page's address, which no profile keeps, fills it up. */
static void write_record(source *s, char record[RECORD_BYTES + 1])
{
    static const char *const types[] = {"view",   "view",    "view",  "view",
                                        "view",   "view",    "click", "cart_add",
                                        "search", "purchase"};
    static const char *const devices[] = {"mobile", "desktop", "tablet"};
    const uint64_t number = s->made++;
    const uint32_t user = number < USERS ? (uint32_t)(number * 2654435761U % USERS)
                                         : mr_zipf_draw(&s->users, &s->random);
    const uint32_t item = mr_zipf_draw(&s->items, &s->random);
    const uint64_t dice = mr_zipf_random(&s->random);
    char id[32];
    char order[48] = "";
    const char *type = types[dice % 10];
    (void)write_user(id, sizeof(id), user);
    if (strcmp(type, "purchase") == 0)
        (void)snprintf(order, sizeof(order), "\"order_id\":\"o%07u\",",
                       (uint32_t)(number % 10000000));
    int length = snprintf(
        record, RECORD_BYTES + 1,
        "{\"type\":\"%s\",\"event_id\":\"e-%012u\",\"user_id\":\"%s\","
        "\"session_id\":\"s-%08u\",\"time\":%lld,\"item_id\":\"article-%07u\","
        "\"category\":\"home/kitchen/%02u\",\"brand\":\"brand-%03u\",\"quantity\":%u,"
        "\"price\":\"%u.%02u\",\"currency\":\"EUR\",%s\"device\":\"%s\",\"page\":\"",
        type, (uint32_t)number, id, (uint32_t)(user * 7U % 100000000U),
        (long long)(START_MS + (int64_t)number * EVENT_STEP_MS), item, item % 40,
        item % 300, 1 + (uint32_t)(dice >> 40) % 3, 5 + item % 95, item % 100, order,
        devices[dice >> 32 & 1]);
    mr_bench_check(length > 0 && length <= RECORD_BYTES - 2, "record length");
    static const char page[] =
        "https://shop.example/de/home/kitchen/article?ref=list&"
        "utm_source=newsletter&utm_medium=mail&utm_campaign=spring";
    for (size_t i = 0; length < RECORD_BYTES - 2; length++)
        record[length] = page[i++ % (sizeof(page) - 1)];
    memcpy(record + RECORD_BYTES - 2, "\"}", 3);
    s->counts[user]++;
}

static void append_events(mr_log *log, source *s, size_t count)
{
    char(*records)[RECORD_BYTES + 1] =
        mr_bench_have(malloc(APPEND_RECORDS * sizeof(*records)));
    mr_log_entry *entries = mr_bench_have(calloc(APPEND_RECORDS, sizeof(*entries)));
    for (size_t done = 0; done < count; done += APPEND_RECORDS) {
        for (size_t i = 0; i < APPEND_RECORDS; i++) {
            const int64_t time_ms = START_MS + (int64_t)s->made * EVENT_STEP_MS;
            write_record(s, records[i]);
            entries[i] =
                (mr_log_entry){.value = {.bytes = records[i], .length = RECORD_BYTES},
                               .time_ms = time_ms};
        }
        mr_bench_must(mr_log_append(log, entries, APPEND_RECORDS, NULL, NULL), "append");
    }
    free(records);
    free(entries);
}

/* ---- The two passes ---- */

typedef struct pass_times {
    double read_s;
    double decode_s; /* of the other pass: parsing */
    double apply_s;
    double wall_s;
    size_t records;
} pass_times;

static double pass_seconds(const pass_times *times)
{
    return times->read_s + times->decode_s + times->apply_s;
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

typedef struct pipeline {
    mr_log_reader *reader;
    mr_decoder *decoder;
    mr_event_batch batch;
    mr_shard *shard;
} pipeline;

static pass_times carry(pipeline *p, size_t records)
{
    pass_times times = {.wall_s = -mr_bench_seconds()};
    while (times.records < records) {
        mr_log_batch polled;
        times.read_s += poll_timed(p->reader, &polled);
        const double start = mr_bench_cpu_seconds();
        mr_bench_must(
            mr_decoder_decode(p->decoder, 0, polled.records, polled.count, &p->batch),
            "decode");
        const double decoded = mr_bench_cpu_seconds();
        mr_bench_must(mr_shard_apply(p->shard, &p->batch), "apply");
        mr_shard_changed_clear(p->shard);
        times.apply_s += mr_bench_cpu_seconds() - decoded;
        times.decode_s += decoded - start;
        times.records += polled.count;
    }
    times.wall_s += mr_bench_seconds();
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

/* ---- What must be true of the profiles ---- */

static void check_counts(const mr_shard *shard, const source *s, uint32_t user)
{
    char text[32];
    const int length = write_user(text, sizeof(text), user);
    const uint32_t row =
        mr_shard_find(shard, (mr_text){.bytes = text, .length = (uint32_t)length});
    mr_bench_check(row != MR_ROW_NONE, "every user has a profile");
    mr_user_state state;
    mr_shard_user_state(shard, row, 1, &state);
    mr_bench_check(state.events == s->counts[user], "events of a user");
}

/* Every record applied, and the count of each user's events as they were made. */
static void check(const mr_shard *shard, const source *s)
{
    mr_shard_counters counters;
    mr_shard_counters_get(shard, &counters);
    mr_shard_check_counters(shard);
    mr_bench_check(counters.applied == s->made, "records applied");
    mr_bench_check(counters.poison == 0 && counters.gap == 0, "no poison, no gap");
    mr_bench_check(counters.lines_applied == s->made, "events applied");
    mr_bench_check(mr_shard_user_count(shard) == USERS, "users");
    for (uint32_t user = 0; user < USERS; user += CHECKED_STRIDE)
        check_counts(shard, s, user);
}

/* ---- The report ---- */

static void print_stage(const char *stage, double seconds, size_t records)
{
    (void)printf("events/%s ns_per_event=%.0f\n", stage, seconds * 1e9 / (double)records);
}

static void print_pass(const char *name, const pass_times *times)
{
    (void)printf("events/%s events_per_cpu_s=%.0f events_per_wall_s=%.0f\n", name,
                 (double)times->records / pass_seconds(times),
                 (double)times->records / times->wall_s);
}

static void keep_best(pass_times *best, const pass_times *times)
{
    if (best->records == 0 || pass_seconds(times) / (double)times->records <
                                  pass_seconds(best) / (double)best->records)
        *best = *times;
}

static void measure(pipeline *p, parser *reference, mr_log *log, source *s)
{
    pass_times ours = {0};
    pass_times parsed = {0};
    append_events(log, s, ROUND_EVENTS);
    pass_times times = carry(p, ROUND_EVENTS);
    print_pass("first_event_of_a_user", &times);
    check(p->shard, s);
    (void)parse_only(reference, ROUND_EVENTS);
    for (int round = 0; round < ROUNDS; round++) {
        append_events(log, s, ROUND_EVENTS);
        times = parse_only(reference, ROUND_EVENTS);
        print_pass("parse_only", &times);
        keep_best(&parsed, &times);
        times = carry(p, ROUND_EVENTS);
        print_pass("carried", &times);
        keep_best(&ours, &times);
    }
    check(p->shard, s);
    print_stage("read", ours.read_s, ours.records);
    print_stage("decode", ours.decode_s, ours.records);
    print_stage("apply", ours.apply_s, ours.records);
    print_stage("parse_only", parsed.decode_s, parsed.records);
    (void)printf("events/memory bytes_per_user=%.0f\n",
                 (double)mr_shard_bytes(p->shard) / USERS);
    const double rate = (double)ours.records / pass_seconds(&ours);
    (void)mr_bench_at_least("events_per_core_s", rate, 300000.0);
    (void)mr_bench_ratio("events_by_parse_only",
                         (double)parsed.records / pass_seconds(&parsed) / rate, 5.0);
}

int main(int count, char **arguments)
{
    (void)count;
    mr_bench_start(arguments);
    source s = {.counts = mr_bench_have(calloc(USERS, sizeof(uint32_t))),
                .random = 88172645463325252ULL};
    mr_zipf_init(&s.users, USERS);
    mr_zipf_init(&s.items, ITEMS);
    char root[256];
    const char *directory = getenv("TMPDIR");
    (void)snprintf(root, sizeof(root), "%s/millrace-bench-XXXXXX",
                   directory != NULL ? directory : "/tmp");
    mr_bench_have(mkdtemp(root));
    mr_log *log;
    mr_bench_must(mr_log_open_file(&(mr_log_file_options){.path = root,
                                                          .topic = "events",
                                                          .partitions = 1,
                                                          .clock = mr_clock_system()},
                                   &log, NULL, NULL),
                  "log");
    mr_plan *plan;
    mr_hash_key key;
    pipeline p = {.reader = open_reader(log)};
    mr_hash_key_init(&key, "bench", 5);
    mr_bench_must(mr_plan_create_default(&plan), "plan");
    mr_bench_must(
        mr_shard_create(
            &(mr_shard_options){.plan = plan, .hash_key = &key, .topic = "events"},
            &p.shard),
        "shard");
    mr_bench_must(mr_decoder_create(&(mr_decoder_options){.dialect = MR_DIALECT_NATIVE,
                                                          .topic = "events"},
                                    &p.decoder, NULL),
                  "decoder");
    mr_bench_must(mr_event_batch_init(&p.batch, 1024, 1024), "batch");
    parser reference = {.reader = open_reader(log),
                        .pool_bytes =
                            yyjson_read_max_memory_usage(RECORD_BYTES, parse_flags)};
    reference.pool = mr_bench_have(malloc(reference.pool_bytes));

    measure(&p, &reference, log, &s);

    free(reference.pool);
    mr_log_reader_close(reference.reader);
    mr_log_reader_close(p.reader);
    mr_event_batch_deinit(&p.batch);
    mr_decoder_destroy(p.decoder);
    mr_shard_destroy(p.shard);
    mr_plan_destroy(plan);
    mr_log_close(log);
    mr_bench_must(mr_directory_remove(root, NULL), "removing the log");
    mr_zipf_deinit(&s.users);
    mr_zipf_deinit(&s.items);
    free(s.counts);
    return 0;
}
