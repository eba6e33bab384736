/*
 * Question: what does an event cost once it is decoded, what does prefetching a window of them
 * save, how long do a checkpoint and a restore of a million profiles take, and what does the cut
 * of a checkpoint cost the events that go on meanwhile?
 *
 *     bench_profile_update [USERS [EVENTS]]      default: 1,000,000 and 4,000,000
 *
 * Every user first views 20 items; then events of all kinds follow, users by Zipf's law with
 * exponent 1, items by the same over 50,000.  The same stream is applied with windows of 32
 * events and of 1, which is no prefetch, taking turns, so that both meet the same state; making
 * the events is not timed.  The checkpoint is written under $TMPDIR or /tmp.
 */
#include "bench/bench.h"
#include "bench/zipf.h"
#include "core/file.h"
#include "features/canonical_dump.h"
#include "features/checkpoint.h"
#include "features/checkpoint_cut.h"
#include "features/shard_memory.h"
#include "features/shard_private.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ITEMS = 50000, ID_BYTES = 16, BATCH = 1000, HISTORY = 20, TURNS = 5 };

/* As app/ingest_thread.c cuts. */
enum { CUT_ENTRIES = 128, CUTS = 3, ALONE_BATCHES = 1000, BETWEEN_BATCHES = 3000 };
#define SLICE_S 0.0005
#define INTERVAL_S 10.0

#define START_MS 1772366400000LL

typedef struct bench {
    uint32_t users;
    size_t events;
    char (*user_ids)[ID_BYTES];
    char (*item_ids)[ID_BYTES];
    mr_zipf user_ranks;
    mr_zipf item_ranks;
    uint64_t random;
    int64_t time_ms;
    int64_t offset;
    mr_event_batch batch;
    char (*batch_ids)[2]
                     [ID_BYTES]; /* as decoded: in the cache, one event after the other */
    mr_shard *shard;
    const mr_plan *plan;
    mr_hash_key key;
} bench;

static void add_event(bench *b, uint32_t user, uint32_t item, uint8_t type)
{
    const size_t i = b->batch.event_count++;
    memcpy(b->batch_ids[i][0], b->user_ids[user], ID_BYTES);
    memcpy(b->batch_ids[i][1], b->item_ids[item], ID_BYTES);
    b->batch.events[i] = (mr_event){
        .user_id = {.bytes = b->batch_ids[i][0], .length = ID_BYTES - 1},
        .item_id = {.bytes = b->batch_ids[i][1], .length = ID_BYTES - 1},
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
    const double start = mr_bench_cpu_seconds();
    mr_bench_must(mr_shard_apply(b->shard, &b->batch), "apply");
    const double taken = mr_bench_cpu_seconds() - start;
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
            add_event(b, user, mr_zipf_draw(&b->item_ranks, &b->random), MR_EVENT_VIEW);
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
    double best[2] = {(double)INFINITY, (double)INFINITY};
    for (int turn = 0; turn < TURNS; turn++) {
        double taken[2] = {0.0, 0.0};
        for (size_t done = 0; done < b->events; done += BATCH) {
            for (size_t i = 0; i < BATCH; i++)
                add_event(b, mr_zipf_draw(&b->user_ranks, &b->random),
                          mr_zipf_draw(&b->item_ranks, &b->random),
                          types[mr_zipf_random(&b->random) % sizeof(types)]);
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

static size_t hour_bytes(const mr_shard *shard)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < mr_id_table_count(shard->names.items); i++) {
        const mr_list *hours = &mr_trending_item_at(&shard->trending, i)->hours;
        bytes += hours->block != 0 ? mr_block_class_bytes(hours->size_class) : 0;
    }
    return bytes;
}

/* Rows, index and blocks of profiles but for histories, blocks with their share of what the pool
 * holds and does not use.  Returns it for a user. */
static double print_memory(const bench *b)
{
    const double users = (double)b->users;
    const mr_shard *shard = b->shard;
    const double used = (double)shard->pool.used_bytes;
    const double slack = (double)mr_block_pool_bytes(&shard->pool) / used;
    const double history = (double)mr_shard_history_bytes(shard);
    const double items = (double)hour_bytes(shard) * slack +
                         (double)(mr_id_table_bytes(shard->names.items) +
                                  mr_trending_bytes(&shard->trending));
    const double fields = users * (sizeof(mr_list) + MR_QUOTAS_MAX); /* in the bodies */
    const double rows = (double)mr_profile_store_bytes(&shard->store) - fields;
    const double blocks = (used - history - (double)hour_bytes(shard)) * slack;
    printf("profile_update/memory bytes_per_user=%.0f rows_and_index=%.0f blocks=%.0f "
           "history=%.0f items=%.0f pool_used_percent=%.0f\n",
           (double)mr_shard_bytes(shard) / users, rows / users, blocks / users,
           (history * slack + fields) / users, items / users, 100.0 / slack);
    return (rows + blocks) / users;
}

typedef struct stopwatch {
    double wall;
    double cpu;
} stopwatch;

static stopwatch start_watch(void)
{
    return (stopwatch){.wall = mr_bench_seconds(), .cpu = mr_bench_cpu_seconds()};
}

static double stop_watch(const stopwatch *watch, const char *name)
{
    const double wall = mr_bench_seconds() - watch->wall;
    printf("checkpoint/%s seconds=%.3f cpu_seconds=%.3f\n", name, wall,
           mr_bench_cpu_seconds() - watch->cpu);
    return wall;
}

/* The same bytes, neither compressed nor checked, on the disk. */
static double write_plainly(const char *root, const mr_buffer *bytes)
{
    char path[300];
    (void)snprintf(path, sizeof(path), "%s/plain", root);
    const stopwatch writing = start_watch();
    const int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    mr_bench_check(file >= 0, "a file");
    for (size_t done = 0; done < bytes->length;) {
        const ssize_t part = write(file, bytes->bytes + done, bytes->length - done);
        mr_bench_check(part > 0, "written");
        done += (size_t)part;
    }
    mr_bench_check(fsync(file) == 0, "on the disk");
    (void)close(file);
    return stop_watch(&writing, "plain_write");
}

static void checkpoint(const bench *b)
{
    char root[256];
    const char *directory = getenv("TMPDIR");
    (void)snprintf(root, sizeof(root), "%s/millrace-bench-XXXXXX",
                   directory != NULL ? directory : "/tmp");
    mr_bench_have(mkdtemp(root));
    mr_checkpoint_store *store;
    mr_bench_must(mr_checkpoint_store_open(root, "bench", 2, &store, NULL), "open");

    mr_buffer encoded = {0};
    for (uint64_t generation = 1; generation <= 2; generation++) {
        const stopwatch encoding = start_watch();
        mr_bench_must(mr_checkpoint_encode(b->shard, 1, generation, &encoded), "encode");
        (void)stop_watch(&encoding, generation == 1 ? "encode_first" : "encode_again");
    }
    printf("checkpoint/encoded mib=%.0f\n", (double)encoded.length / 1048576.0);
    const stopwatch writing = start_watch();
    mr_bench_must(mr_checkpoint_write(store, 0, 1, 2, &encoded, NULL), "write");
    const double write_s = stop_watch(&writing, "write");
    const double plain_s = write_plainly(root, &encoded);
    printf("checkpoint/write_by_plain_write ratio=%.2f\n", write_s / plain_s);
    mr_buffer_deinit(&encoded);

    mr_shard *restored;
    mr_checkpoint_info info;
    const stopwatch restoring = start_watch();
    mr_bench_must(
        mr_checkpoint_restore(store, 0, b->plan, &b->key, 0, &restored, &info, NULL),
        "restore");
    const double restore_s = stop_watch(&restoring, "restore");
    printf("checkpoint/file mib=%.0f users=%u\n", (double)info.bytes / 1048576.0,
           info.users);

    char hashes[2][MR_SHA256_HEX_BYTES];
    const mr_shard *pair[2] = {b->shard, restored};
    for (size_t i = 0; i < 2; i++)
        mr_bench_must(
            mr_canonical_hash(&pair[i], 1, MR_TIME_NONE, MR_DUMP_ALL, hashes[i]), "hash");
    mr_bench_check(strcmp(hashes[0], hashes[1]) == 0, "the restored state is the same");
    (void)mr_bench_ratio("checkpoint_restore_s", restore_s, 2.0);
    mr_shard_destroy(restored);
    mr_checkpoint_store_close(store);
    mr_bench_must(mr_directory_remove(root, NULL), "remove");
}

/* -- events that go on while the state is copied ---------------------------------------------- */

typedef struct pauses {
    double *seconds; /* on the wall: what others do on this core is in them */
    double *cpu_seconds;
    size_t count;
    size_t capacity;
} pauses;

static void note_pause(pauses *p, double seconds, double cpu_seconds)
{
    if (p->count == p->capacity) {
        p->capacity = p->capacity == 0 ? 1024 : 2 * p->capacity;
        p->seconds = mr_bench_have(realloc(p->seconds, p->capacity * sizeof(double)));
        p->cpu_seconds =
            mr_bench_have(realloc(p->cpu_seconds, p->capacity * sizeof(double)));
    }
    p->cpu_seconds[p->count] = cpu_seconds;
    p->seconds[p->count++] = seconds;
}

static int compare_seconds(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double apply_batch(bench *b)
{
    static const uint8_t types[] = {MR_EVENT_VIEW, MR_EVENT_VIEW, MR_EVENT_CART_ADD,
                                    MR_EVENT_PURCHASE};
    for (size_t i = 0; i < BATCH; i++)
        add_event(b, mr_zipf_draw(&b->user_ranks, &b->random),
                  mr_zipf_draw(&b->item_ranks, &b->random),
                  types[mr_zipf_random(&b->random) % sizeof(types)]);
    return apply_timed(b);
}

/* Slices as the engine takes them, between batches, until all is copied.  Returns what the cut
 * took and what the batches took longer than they do alone, in seconds of this thread. */
static double cut_among_events(bench *b, uint64_t generation, double batch_s,
                               mr_buffer *state, pauses *p)
{
    double taken = 0.0;
    size_t batches = 0;
    bool is_whole = false;
    const double begun = mr_bench_seconds();
    const double begun_cpu = mr_bench_cpu_seconds();
    mr_checkpoint_cut_begin(b->shard, 1, generation, state);
    taken += mr_bench_cpu_seconds() - begun_cpu;
    note_pause(p, mr_bench_seconds() - begun, taken);
    while (!is_whole) {
        taken += apply_batch(b) - batch_s;
        batches++;
        const double start = mr_bench_seconds();
        const double start_cpu = mr_bench_cpu_seconds();
        do {
            is_whole = mr_checkpoint_cut_step(b->shard, CUT_ENTRIES);
        } while (!is_whole && mr_bench_seconds() - start < SLICE_S);
        const double slice_cpu_s = mr_bench_cpu_seconds() - start_cpu;
        taken += slice_cpu_s;
        note_pause(p, mr_bench_seconds() - start, slice_cpu_s);
    }
    mr_bench_must(mr_buffer_status(state), "cut");
    mr_checkpoint_cut_settle(b->shard, true);
    printf("checkpoint/cut_%s seconds=%.3f mib=%.0f batches=%zu\n",
           mr_checkpoint_cut_is_base(b->shard) ? "base" : "delta", taken,
           (double)state->length / 1048576.0, batches);
    return taken;
}

/* A base, then what an interval of events at full speed leaves to a delta. */
static void cut(bench *b)
{
    mr_buffer state = {0};
    pauses p = {0};
    double alone = 0.0;
    double worst = 0.0;
    for (size_t i = 0; i < ALONE_BATCHES; i++)
        alone += apply_batch(b);
    const double batch_s = alone / ALONE_BATCHES;
    for (uint64_t generation = 1; generation <= CUTS; generation++) {
        worst = fmax(worst, cut_among_events(b, generation, batch_s, &state, &p));
        for (size_t i = 0; i < BETWEEN_BATCHES; i++)
            (void)apply_batch(b);
    }
    qsort(p.seconds, p.count, sizeof(*p.seconds), compare_seconds);
    qsort(p.cpu_seconds, p.count, sizeof(*p.cpu_seconds), compare_seconds);
    printf("checkpoint/pause slices=%zu median_ms=%.2f p99_ms=%.2f longest_ms=%.2f "
           "p99_cpu_ms=%.2f\n",
           p.count, p.seconds[p.count / 2] * 1e3, p.seconds[p.count * 99 / 100] * 1e3,
           p.seconds[p.count - 1] * 1e3, p.cpu_seconds[p.count * 99 / 100] * 1e3);
    (void)mr_bench_ratio("checkpoint_pause_p99_ms", p.seconds[p.count * 99 / 100] * 1e3,
                         5.0);
    (void)mr_bench_ratio("checkpoint_loss_percent", worst / INTERVAL_S * 100.0, 10.0);
    free(p.seconds);
    free(p.cpu_seconds);
    mr_buffer_deinit(&state);
}

int main(int argc, char **argv)
{
    mr_bench_start(argv);
    bench b = {.users = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000000,
               .events = argc > 2 ? strtoul(argv[2], NULL, 10) : 4000000,
               .random = 88172645463325252ULL,
               .time_ms = START_MS};
    b.user_ids = mr_bench_have(malloc((size_t)b.users * ID_BYTES));
    b.batch_ids = mr_bench_have(malloc(BATCH * sizeof(*b.batch_ids)));
    b.item_ids = mr_bench_have(malloc((size_t)ITEMS * ID_BYTES));
    for (uint32_t i = 0; i < b.users; i++)
        (void)snprintf(b.user_ids[i], ID_BYTES, "customer%07u", i % 10000000);
    for (uint32_t i = 0; i < ITEMS; i++)
        (void)snprintf(b.item_ids[i], ID_BYTES, "article-%07u", i);
    mr_zipf_init(&b.user_ranks, b.users);
    mr_zipf_init(&b.item_ranks, ITEMS);
    mr_plan *plan;
    mr_bench_must(mr_plan_create_default(&plan), "plan");
    b.plan = plan;
    mr_hash_key_init(&b.key, "bench", 5);
    const mr_shard_options options = {.plan = plan, .hash_key = &b.key, .topic = "bench"};
    mr_bench_must(mr_shard_create(&options, &b.shard), "shard");
    mr_bench_must(mr_event_batch_init(&b.batch, BATCH, BATCH), "batch");

    fill(&b);
    (void)print_memory(&b);
    checkpoint(&b);
    cut(&b);
    update(&b);
    (void)mr_bench_ratio("profile_bytes_without_history", print_memory(&b), 400.0);

    mr_event_batch_deinit(&b.batch);
    mr_shard_destroy(b.shard);
    mr_plan_destroy(plan);
    free(b.user_ids);
    free(b.batch_ids);
    free(b.item_ids);
    mr_zipf_deinit(&b.user_ranks);
    mr_zipf_deinit(&b.item_ranks);
    return 0;
}
