/*
 * Question: what does each feature of the default plan cost an event?
 *
 *     bench_feature_cost [USERS [EVENTS]]      default: 20,000 and 400,000
 *
 * The same events, with categories, brands, devices, channels and prices, are applied to fresh
 * shards under a plan of nothing but what every plan has and under one that has the feature
 * besides, all plans in turn; of five turns the shortest counts.  The difference is the feature's:
 * features that share a series are counted once each, so their sum is more than the whole.  The
 * last line is the default plan.  What is computed when a profile is read costs an event nothing
 * and is left out.
 */
#include "app/plan_file.h"
#include "bench/bench.h"
#include "bench/zipf.h"
#include "features/plan_read.h"
#include "features/shard.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    ITEMS = 20000,
    ID_BYTES = 16,
    BATCH = 1000,
    TURNS = 5,
    PLANS_MAX = 64,
    LINE_BYTES = 512,
};

#define START_MS INT64_C(1772366400000)

typedef struct candidate {
    char name[64];
    mr_plan *plan;
    double seconds;
} candidate;

typedef struct bench {
    uint32_t users;
    size_t batches;
    mr_event_batch *all;
    char (*ids)[2][ID_BYTES]; /* of user and item, an event after the other */
    uint64_t random;
    mr_hash_key key;
    candidate plans[PLANS_MAX]; /* the first has no feature of its own */
    size_t plan_count;
} bench;

/* ---- events ---- */

static mr_text one_of(bench *b, const char *const *words, uint32_t count)
{
    return mr_text_from(words[mr_zipf_random(&b->random) % count]);
}

static void make_event(bench *b, size_t n, uint32_t user, uint32_t item,
                       mr_event *ret_event)
{
    static const char *const categories[] = {"lamps", "toys",  "tea",
                                             "yarn",  "books", "tools"};
    static const char *const brands[] = {"Brandt", "Olsen", "Marie", "Tanaka"};
    static const char *const devices[] = {"phone", "desktop", "tablet"};
    static const char *const channels[] = {"search", "mail", "direct"};
    static const uint8_t types[] = {
        MR_EVENT_VIEW,  MR_EVENT_VIEW,     MR_EVENT_VIEW,  MR_EVENT_VIEW,
        MR_EVENT_VIEW,  MR_EVENT_CART_ADD, MR_EVENT_CLICK, MR_EVENT_PURCHASE,
        MR_EVENT_LOGIN, MR_EVENT_REVIEW,
    };
    (void)snprintf(b->ids[n][0], ID_BYTES, "customer%06u", user % 1000000);
    (void)snprintf(b->ids[n][1], ID_BYTES, "article-%06u", item % 1000000);
    *ret_event = (mr_event){
        .user_id = mr_text_from(b->ids[n][0]),
        .item_id = mr_text_from(b->ids[n][1]),
        .category = mr_text_from(categories[item % 6]),
        .brand = mr_text_from(brands[item % 4]),
        .device = one_of(b, devices, 3),
        .channel = one_of(b, channels, 3),
        .time_ms = START_MS + (int64_t)n * 2000,
        .quantity = 1,
        .price_minor = 100 + item % 5000,
        .value_minor = 100 + item % 5000,
        .position = -1,
        .type = types[mr_zipf_random(&b->random) % sizeof(types)],
    };
}

static void make_events(bench *b)
{
    mr_zipf users;
    mr_zipf items;
    mr_zipf_init(&users, b->users);
    mr_zipf_init(&items, ITEMS);
    b->all = mr_bench_have(calloc(b->batches, sizeof(*b->all)));
    b->ids = mr_bench_have(malloc(b->batches * BATCH * sizeof(*b->ids)));
    for (size_t n = 0; n < b->batches * BATCH; n++) {
        mr_event_batch *batch = &b->all[n / BATCH];
        if (n % BATCH == 0)
            mr_bench_must(mr_event_batch_init(batch, BATCH, BATCH), "batch");
        make_event(b, n, mr_zipf_draw(&users, &b->random),
                   mr_zipf_draw(&items, &b->random), &batch->events[n % BATCH]);
        batch->records[n % BATCH] =
            (mr_record_verdict){.offset = (int64_t)n,
                                .first_event = (uint32_t)(n % BATCH),
                                .event_count = 1,
                                .disposition = MR_RECORD_EVENTS};
        batch->event_count = batch->record_count = n % BATCH + 1;
    }
    mr_zipf_deinit(&users);
    mr_zipf_deinit(&items);
}

static double apply_all(bench *b, const mr_plan *plan)
{
    const mr_shard_options options = {
        .plan = plan, .hash_key = &b->key, .topic = "bench"};
    mr_shard *shard;
    mr_bench_must(mr_shard_create(&options, &shard), "shard");
    const double start = mr_bench_cpu_seconds();
    for (size_t i = 0; i < b->batches; i++) {
        mr_bench_must(mr_shard_apply(shard, &b->all[i]), "apply");
        mr_shard_changed_clear(shard);
    }
    const double taken = mr_bench_cpu_seconds() - start;
    mr_shard_destroy(shard);
    return taken;
}

/* ---- plans ---- */

/* A plan of one line of the default one, in its section; of NULL: of none. */
static void add_plan(bench *b, const char *name, const char *section, const char *line)
{
    char path[] = "/tmp/millrace-bench-plan-XXXXXX";
    char text[2 * LINE_BYTES];
    mr_error error = {{0}};
    const int file = mkstemp(path);
    mr_bench_check(file >= 0 && b->plan_count < PLANS_MAX, "a file for a plan");
    const bool is_score = strcmp(section, "scores") == 0;
    const int length = snprintf(
        text, sizeof(text), "features:\n%s%sscores: %s%s%stiers: []\nsegments: []\n",
        "  - {name: last_purchase, on: purchase, aggregate: last_time}\n",
        is_score || line == NULL ? "" : line, is_score ? "\n" : "[]",
        is_score ? line : "", is_score ? "" : "\n");
    mr_bench_check(write(file, text, (size_t)length) == length, "writing a plan");
    (void)close(file);
    candidate *c = &b->plans[b->plan_count++];
    (void)snprintf(c->name, sizeof(c->name), "%s", name);
    c->seconds = (double)INFINITY;
    const mr_status status = mr_plan_file_load(path, &c->plan, &error);
    if (status != MR_OK)
        (void)fprintf(stderr, "%s\n", error.message);
    (void)unlink(path);
    mr_bench_must(status, name);
}

/* One plan for each line of the default plan's features and scores. */
static void add_plans(bench *b, const mr_plan *whole)
{
    mr_buffer yaml = {0};
    char section[32] = "";
    mr_plan_write(whole, &yaml);
    mr_buffer_put_u8(&yaml, 0);
    for (char *line = (char *)yaml.bytes; *line != '\0';) {
        char *end = strchr(line, '\n');
        char name[64] = "";
        char copy[LINE_BYTES];
        mr_bench_check(end != NULL && (size_t)(end - line) + 2 < sizeof(copy), "a line");
        (void)snprintf(copy, sizeof(copy), "%.*s\n", (int)(end - line), line);
        if (line[0] != ' ')
            (void)sscanf(line, "%31[a-z]", section);
        else if ((strcmp(section, "features") == 0 || strcmp(section, "scores") == 0) &&
                 sscanf(line, " - {name: %63[a-z0-9_]", name) == 1 &&
                 strcmp(name, "last_purchase") != 0)
            add_plan(b, name, section, copy);
        line = end + 1;
    }
    mr_buffer_deinit(&yaml);
}

int main(int argc, char **argv)
{
    mr_bench_start(argv);
    bench *b = mr_bench_have(calloc(1, sizeof(*b)));
    mr_plan *whole;
    const size_t events = argc > 2 ? strtoul(argv[2], NULL, 10) : 400000;
    b->users = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 20000;
    b->batches = events / BATCH;
    b->random = 88172645463325252ULL;
    mr_hash_key_init(&b->key, "bench", 5);
    mr_bench_must(mr_plan_create_default(&whole), "plan");
    make_events(b);
    add_plan(b, "of every plan", "features", NULL);
    add_plans(b, whole);
    b->plans[b->plan_count++] =
        (candidate){.name = "default plan", .plan = whole, .seconds = (double)INFINITY};
    for (int turn = 0; turn < TURNS; turn++) {
        for (size_t i = 0; i < b->plan_count; i++)
            b->plans[i].seconds =
                fmin(b->plans[i].seconds, apply_all(b, b->plans[i].plan));
    }
    const double all = (double)(b->batches * BATCH);
    printf("feature_cost/of_every_plan ns_per_event=%.1f\n",
           b->plans[0].seconds * 1e9 / all);
    for (size_t i = 1; i + 1 < b->plan_count; i++)
        printf("feature_cost/%s ns_per_event=%.1f\n", b->plans[i].name,
               (b->plans[i].seconds - b->plans[0].seconds) * 1e9 / all);
    printf("feature_cost/default_plan ns_per_event=%.1f\n",
           b->plans[b->plan_count - 1].seconds * 1e9 / all);
    for (size_t i = 0; i < b->plan_count; i++)
        mr_plan_destroy(b->plans[i].plan);
    for (size_t i = 0; i < b->batches; i++)
        mr_event_batch_deinit(&b->all[i]);
    free(b->all);
    free(b->ids);
    free(b);
    return 0;
}
