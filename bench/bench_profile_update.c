/*
 * Question: what does an event cost once it is decoded, what does prefetching a window of them
 * save, and how long do a checkpoint and a restore of a million profiles take?
 *
 *     bench_profile_update [USERS [EVENTS]]      default: 1,000,000 and 4,000,000
 *
 * Every user first views 20 items; then events of all kinds follow, users by Zipf's law with
 * exponent 1, items by the same over 50,000.  The same stream is applied with windows of 32
 * events and of 1, which is no prefetch, taking turns, so that both meet the same state; making
 * the events is not timed.  The checkpoint is written under $TMPDIR or /tmp.
 */
#include "core/clock.h"
#include "core/file.h"
#include "features/canonical_dump.h"
#include "features/checkpoint.h"
#include "features/shard_private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ITEMS = 50000, ID_BYTES = 16, BATCH = 1000, HISTORY = 20, TURNS = 5 };

#define START_MS 1772366400000LL

typedef struct bench {
    uint32_t users;
    size_t events;
    char (*user_ids)[ID_BYTES];
    char (*item_ids)[ID_BYTES];
    double *user_shares; /* cumulative */
    double *item_shares;
    uint64_t random;
    int64_t time_ms;
    int64_t offset;
    mr_event_batch batch;
    mr_shard *shard;
    const mr_plan *plan;
    mr_hash_key key;
} bench;

static void must(mr_status status, const char *what)
{
    if (status == MR_OK)
        return;
    (void)fprintf(stderr, "%s: %s\n", what, mr_status_name(status));
    exit(EXIT_FAILURE);
}

static void *must_have(void *memory)
{
    if (memory == NULL)
        must(MR_ERR_NO_MEMORY, "bench");
    return memory;
}

/* Of this thread alone: on a shared machine others' work is not the answer. */
static double cpu_seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double seconds(void)
{
    return (double)mr_clock_monotonic_ns(mr_clock_system()) * 1e-9;
}

static uint64_t next_random(bench *b)
{
    b->random ^= b->random << 13; /* xorshift64, Marsaglia 2003 */
    b->random ^= b->random >> 7;
    b->random ^= b->random << 17;
    return b->random;
}

static double *zipf_shares(uint32_t count)
{
    double *shares = must_have(malloc(count * sizeof(*shares)));
    double sum = 0.0;
    for (uint32_t i = 0; i < count; i++) {
        sum += 1.0 / (double)(i + 1);
        shares[i] = sum;
    }
    return shares;
}

/* A rank by Zipf's law, then spread so that neighbours in rank are not neighbours in memory. */
static uint32_t draw(bench *b, const double *shares, uint32_t count)
{
    const double point = (double)(next_random(b) >> 11) * 0x1p-53 * shares[count - 1];
    uint32_t low = 0;
    uint32_t high = count - 1;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (shares[middle] < point)
            low = middle + 1;
        else
            high = middle;
    }
    return (uint32_t)((uint64_t)low * 2654435761U % count);
}

static void add_event(bench *b, uint32_t user, uint32_t item, uint8_t type)
{
    const size_t i = b->batch.event_count++;
    b->batch.events[i] = (mr_event){
        .user_id = {.bytes = b->user_ids[user], .length = ID_BYTES - 1},
        .item_id = {.bytes = b->item_ids[item], .length = ID_BYTES - 1},
        .time_ms = b->time_ms,
        .quantity = 1,
        .value_minor = 1999,
        .type = type,
    };
    b->batch.records[b->batch.record_count++] =
        (mr_record_verdict){.offset = b->offset++,
                            .first_event = (uint32_t)i,
                            .event_count = 1,
                            .disposition = MR_RECORD_EVENTS};
    b->time_ms += 20;
}

static double apply_timed(bench *b)
{
    const double start = cpu_seconds();
    must(mr_shard_apply(b->shard, &b->batch), "apply");
    const double taken = cpu_seconds() - start;
    mr_shard_changed_clear(b->shard);
    mr_event_batch_clear(&b->batch);
    return taken;
}

static void report(const char *name, const bench *b, double taken, size_t count)
{
    printf("profile_update/%s/users=%u ns_per_event=%.0f events_per_s=%.2fe6\n", name,
           b->users, taken * 1e9 / (double)count, (double)count / taken * 1e-6);
}

/* Each user once a round, in an order that is not the rows'. */
static void fill(bench *b)
{
    double first = 0.0;
    double rest = 0.0;
    for (uint32_t round = 0; round < HISTORY; round++) {
        for (uint32_t i = 0; i < b->users; i++) {
            const uint32_t user =
                (uint32_t)(((uint64_t)i * 2654435761U + round) % b->users);
            add_event(b, user, draw(b, b->item_shares, ITEMS), MR_EVENT_VIEW);
            if (b->batch.event_count == BATCH || i + 1 == b->users)
                *(round == 0 ? &first : &rest) += apply_timed(b);
        }
    }
    report("first_event", b, first, b->users);
    report("uniform_view", b, rest, (size_t)b->users * (HISTORY - 1));
}

static void update(bench *b)
{
    static const uint8_t types[] = {
        MR_EVENT_VIEW,     MR_EVENT_VIEW,  MR_EVENT_VIEW,     MR_EVENT_VIEW,
        MR_EVENT_VIEW,     MR_EVENT_CLICK, MR_EVENT_CART_ADD, MR_EVENT_SEARCH,
        MR_EVENT_PURCHASE, MR_EVENT_LOGIN,
    };
    const size_t windows[] = {MR_SHARD_WINDOW_EVENTS, 1};
    double best[2] = {INFINITY, INFINITY};
    for (int turn = 0; turn < TURNS; turn++) {
        double taken[2] = {0.0, 0.0};
        for (size_t done = 0; done < b->events; done += BATCH) {
            for (size_t i = 0; i < BATCH; i++)
                add_event(b, draw(b, b->user_shares, b->users),
                          draw(b, b->item_shares, ITEMS),
                          types[next_random(b) % sizeof(types)]);
            const size_t which = done / BATCH % 2;
            b->shard->window_events = windows[which];
            taken[which] += apply_timed(b);
        }
        for (size_t w = 0; w < 2; w++)
            best[w] = fmin(best[w], taken[w]);
    }
    b->shard->window_events = MR_SHARD_WINDOW_EVENTS;
    report("zipf_mixed/window=32", b, best[0], b->events / 2);
    report("zipf_mixed/window=1", b, best[1], b->events / 2);
    printf("profile_update/prefetch_gain ratio=%.2f\n", best[1] / best[0]);
}

static void print_memory(const bench *b)
{
    const double users = (double)b->users;
    const size_t all = mr_shard_bytes(b->shard);
    const size_t history = mr_shard_history_bytes(b->shard);
    printf("profile_update/memory bytes_per_user=%.0f without_history=%.0f\n",
           (double)all / users, (double)(all - history) / users);
}

typedef struct stopwatch {
    double wall;
    double cpu;
} stopwatch;

static stopwatch start_watch(void)
{
    return (stopwatch){.wall = seconds(), .cpu = cpu_seconds()};
}

static void stop_watch(const stopwatch *watch, const char *name)
{
    printf("checkpoint/%s seconds=%.3f cpu_seconds=%.3f\n", name, seconds() - watch->wall,
           cpu_seconds() - watch->cpu);
}

static void checkpoint(const bench *b)
{
    char root[256];
    const char *directory = getenv("TMPDIR");
    (void)snprintf(root, sizeof(root), "%s/millrace-bench-XXXXXX",
                   directory != NULL ? directory : "/tmp");
    must_have(mkdtemp(root));
    mr_checkpoint_store *store;
    must(mr_checkpoint_store_open(root, "bench", 2, &store, NULL), "open");

    mr_buffer encoded = {0};
    for (uint64_t generation = 1; generation <= 2; generation++) {
        const stopwatch encoding = start_watch();
        must(mr_checkpoint_encode(b->shard, 1, generation, &encoded), "encode");
        stop_watch(&encoding, generation == 1 ? "encode_first" : "encode_again");
    }
    printf("checkpoint/encoded mib=%.0f\n", (double)encoded.length / 1048576.0);
    const stopwatch writing = start_watch();
    must(mr_checkpoint_write(store, 0, 1, 2, &encoded, NULL), "write");
    stop_watch(&writing, "write");
    mr_buffer_deinit(&encoded);

    mr_shard *restored;
    mr_checkpoint_info info;
    const stopwatch restoring = start_watch();
    must(mr_checkpoint_restore(store, 0, b->plan, &b->key, 0, &restored, &info, NULL),
         "restore");
    stop_watch(&restoring, "restore");
    printf("checkpoint/file mib=%.0f users=%u\n", (double)info.bytes / 1048576.0,
           info.users);

    char hashes[2][MR_SHA256_HEX_BYTES];
    const mr_shard *pair[2] = {b->shard, restored};
    for (size_t i = 0; i < 2; i++)
        must(mr_canonical_hash(&pair[i], 1, MR_TIME_NONE, MR_DUMP_ALL, hashes[i]),
             "hash");
    printf("checkpoint/equal=%s\n", strcmp(hashes[0], hashes[1]) == 0 ? "yes" : "NO");
    mr_shard_destroy(restored);
    mr_checkpoint_store_close(store);
    must(mr_directory_remove(root, NULL), "remove");
}

int main(int argc, char **argv)
{
    bench b = {.users = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000000,
               .events = argc > 2 ? strtoul(argv[2], NULL, 10) : 4000000,
               .random = 88172645463325252ULL,
               .time_ms = START_MS};
    b.user_ids = must_have(malloc((size_t)b.users * ID_BYTES));
    b.item_ids = must_have(malloc((size_t)ITEMS * ID_BYTES));
    for (uint32_t i = 0; i < b.users; i++)
        (void)snprintf(b.user_ids[i], ID_BYTES, "customer%07u", i % 10000000);
    for (uint32_t i = 0; i < ITEMS; i++)
        (void)snprintf(b.item_ids[i], ID_BYTES, "article-%07u", i);
    b.user_shares = zipf_shares(b.users);
    b.item_shares = zipf_shares(ITEMS);
    mr_plan *plan;
    must(mr_plan_create_default(&plan), "plan");
    b.plan = plan;
    mr_hash_key_init(&b.key, "bench", 5);
    const mr_shard_options options = {.plan = plan, .hash_key = &b.key, .topic = "bench"};
    must(mr_shard_create(&options, &b.shard), "shard");
    must(mr_event_batch_init(&b.batch, BATCH, BATCH), "batch");

    fill(&b);
    print_memory(&b);
    checkpoint(&b);
    update(&b);
    print_memory(&b);

    mr_event_batch_deinit(&b.batch);
    mr_shard_destroy(b.shard);
    mr_plan_destroy(plan);
    free(b.user_ids);
    free(b.item_ids);
    free(b.user_shares);
    free(b.item_shares);
    return 0;
}
