/*
 * Question: how near does the update of a profile come to what memory allows?
 *
 *     bench_update_bound [USERS]      default: 10,000,000
 *
 * Three bounds are measured beside it, all over as much memory as the profiles take.  A chain of
 * dependent loads gives the latency of a miss.  Random lines that do not depend on each other,
 * asked for a window at a time, give the cost of a miss that is hidden as well as it can be.  And
 * a reference kernel does the least that an update can be: an index of open addressing with slots
 * of 8 bytes, rows of 64 bytes, looked up by hashes that are there already, in the same stages
 * and windows as the profile store.
 *
 * Against it: mr_shard_apply() with a plan of the five features that every plan must have, and
 * events that change the row's head only; then the default plan.  Users are drawn evenly, which
 * leaves the caches nothing, and by Zipf's law with exponent 1.
 */
#include "bench/bench.h"
#include "bench/zipf.h"
#include "features/plan_layout.h"
#include "features/region.h"
#include "features/shard_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ID_BYTES = 16,
    BATCH = 1000,
    WINDOW = MR_SHARD_WINDOW_EVENTS,
    ITEMS = 50000,
    UPDATES = 4000000,
    CHAIN_LOADS = 4000000,
    REPEATS = 3,
};

#define START_MS 1772366400000LL

/* ---- Memory ---- */

/* A random cycle over lines [Sattolo 1986]; returns seconds a load. */
static double measure_latency(size_t bytes)
{
    const size_t lines = bytes / 64;
    uint64_t(*chain)[8] = mr_bench_have(mr_region_map(bytes));
    for (size_t i = 0; i < lines; i++)
        chain[i][0] = i;
    uint64_t random = 88172645463325252ULL;
    for (size_t i = lines - 1; i > 0; i--) {
        const size_t other = mr_zipf_random(&random) % i;
        const uint64_t next = chain[i][0];
        chain[i][0] = chain[other][0];
        chain[other][0] = next;
    }
    uint64_t at = 0;
    const double start = mr_bench_cpu_seconds();
    for (int i = 0; i < CHAIN_LOADS; i++)
        at = chain[at][0];
    const double taken = mr_bench_cpu_seconds() - start;
    mr_bench_check(at < lines, "the chain stays in its memory");
    mr_region_unmap(chain, bytes);
    return taken / CHAIN_LOADS;
}

/* Independent lines, read and written a window at a time; returns seconds a line. */
static double measure_lines(size_t bytes)
{
    const size_t lines = bytes / 64;
    uint64_t(*memory)[8] = mr_bench_have(mr_region_map(bytes));
    memset(memory, 0, bytes);
    uint64_t random = 88172645463325252ULL;
    double best = 0.0;
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        const double start = mr_bench_cpu_seconds();
        for (int done = 0; done < UPDATES; done += WINDOW) {
            size_t window[WINDOW];
            for (size_t i = 0; i < WINDOW; i++) {
                window[i] = mr_zipf_random(&random) % lines;
                __builtin_prefetch(memory[window[i]], 1);
            }
            for (size_t i = 0; i < WINDOW; i++)
                memory[window[i]][0]++;
        }
        const double taken = mr_bench_cpu_seconds() - start;
        best = repeat == 0 || taken < best ? taken : best;
    }
    mr_region_unmap(memory, bytes);
    return best / UPDATES;
}

/* ---- The reference kernel ---- */

typedef struct reference_row {
    uint64_t key;
    int64_t first_ms;
    int64_t newest_ms;
    int64_t offset;
    uint64_t events;
    uint64_t spare[3];
} reference_row;

_Static_assert(sizeof(reference_row) == 64, "one line");

typedef struct reference {
    mr_store_slot *slots;
    uint32_t mask;
    reference_row *rows;
    uint32_t users;
    uint64_t *keys; /* of each user */
} reference;

static uint64_t mix(uint64_t x) /* [Stafford 2011, variant 13] */
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
    return x ^ x >> 31;
}

static reference reference_create(uint32_t users)
{
    uint32_t slots = 1;
    while (slots < users / 3 * 4)
        slots *= 2;
    reference r = {.mask = slots - 1, .users = users};
    r.slots = mr_bench_have(mr_region_map(slots * sizeof(*r.slots)));
    r.rows = mr_bench_have(mr_region_map(users * sizeof(*r.rows)));
    for (uint32_t row = 0; row < users; row++) {
        const uint64_t key = mix(row + 1ULL);
        r.rows[row] = (reference_row){.key = key};
        uint32_t at = (uint32_t)key & r.mask;
        while (r.slots[at].row_plus_one != 0)
            at = (at + 1) & r.mask;
        r.slots[at] =
            (mr_store_slot){.tag = (uint32_t)(key >> 32), .row_plus_one = row + 1};
    }
    return r;
}

static void reference_destroy(reference *r)
{
    mr_region_unmap(r->slots, (r->mask + 1ULL) * sizeof(*r->slots));
    mr_region_unmap(r->rows, r->users * sizeof(*r->rows));
}

static uint32_t reference_find(const reference *r, uint64_t key)
{
    uint32_t at = (uint32_t)key & r->mask;
    while (r->slots[at].tag != (uint32_t)(key >> 32))
        at = (at + 1) & r->mask;
    return r->slots[at].row_plus_one - 1;
}

static void reference_apply(reference *r, const uint64_t *keys, int64_t time_ms)
{
    for (size_t start = 0; start < BATCH; start += WINDOW) {
        const size_t left = BATCH - start;
        const size_t count = left < WINDOW ? left : WINDOW;
        uint32_t rows[WINDOW];
        for (size_t i = 0; i < count; i++)
            __builtin_prefetch(&r->slots[(uint32_t)keys[start + i] & r->mask]);
        for (size_t i = 0; i < count; i++) {
            rows[i] = reference_find(r, keys[start + i]);
            __builtin_prefetch(&r->rows[rows[i]], 1);
        }
        for (size_t i = 0; i < count; i++) {
            reference_row *row = &r->rows[rows[i]];
            row->events += row->key == keys[start + i];
            row->newest_ms = time_ms > row->newest_ms ? time_ms : row->newest_ms;
            row->first_ms = row->first_ms == 0 ? time_ms : row->first_ms;
            row->offset = time_ms;
        }
    }
}

/* ---- Users ---- */

typedef struct users {
    uint32_t count;
    mr_zipf ranks;
    uint64_t random;
    bool is_zipf;
} users;

static uint32_t draw(users *u)
{
    return u->is_zipf ? mr_zipf_draw(&u->ranks, &u->random)
                      : (uint32_t)(mr_zipf_random(&u->random) % u->count);
}

static double measure_reference(users *u)
{
    reference r = reference_create(u->count);
    double best = 0.0;
    uint64_t applied = 0;
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        double taken = 0.0;
        for (int done = 0; done < UPDATES; done += BATCH) {
            uint64_t keys[BATCH];
            for (size_t i = 0; i < BATCH; i++)
                keys[i] = mix(draw(u) + 1ULL);
            const double start = mr_bench_cpu_seconds();
            reference_apply(&r, keys, START_MS + done);
            taken += mr_bench_cpu_seconds() - start;
        }
        best = repeat == 0 || taken < best ? taken : best;
    }
    for (uint32_t row = 0; row < r.users; row++)
        applied += r.rows[row].events;
    mr_bench_check(applied == (uint64_t)UPDATES * REPEATS, "the kernel found every row");
    reference_destroy(&r);
    return best / UPDATES;
}

/* ---- The shard ---- */

typedef struct subject {
    mr_shard *shard;
    mr_event_batch batch;
    char ids[BATCH][2][ID_BYTES]; /* as decoded: one event after the other */
    uint64_t random;
    mr_zipf items;
    int64_t offset;
    int64_t time_ms;
} subject;

/* Text of fixed length without printf(), which would be most of the time. */
static void write_id(char id[ID_BYTES], char kind, uint32_t number)
{
    memset(id, kind, 5);
    for (int digit = ID_BYTES - 2; digit >= 5; digit--, number /= 10)
        id[digit] = (char)('0' + number % 10);
}

static void add_event(subject *s, uint32_t user, uint8_t type)
{
    const size_t i = s->batch.event_count++;
    write_id(s->ids[i][0], 'u', user);
    write_id(s->ids[i][1], 'i', mr_zipf_draw(&s->items, &s->random));
    s->batch.events[i] = (mr_event){
        .user_id = {.bytes = s->ids[i][0], .length = ID_BYTES - 1},
        .item_id = {.bytes = s->ids[i][1], .length = ID_BYTES - 1},
        .time_ms = s->time_ms,
        .quantity = 1,
        .value_minor = 1999,
        .type = type,
    };
    s->batch.records[s->batch.record_count++] =
        (mr_record_verdict){.offset = s->offset++,
                            .first_event = (uint32_t)i,
                            .event_count = 1,
                            .disposition = MR_RECORD_EVENTS};
    s->time_ms += 20;
}

static double apply_timed(subject *s)
{
    const double start = mr_bench_cpu_seconds();
    mr_bench_must(mr_shard_apply(s->shard, &s->batch), "apply");
    mr_shard_changed_clear(s->shard);
    const double taken = mr_bench_cpu_seconds() - start;
    mr_event_batch_clear(&s->batch);
    return taken;
}

static double measure_updates(subject *s, users *u, const uint8_t *types, size_t count)
{
    double best = 0.0;
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        double taken = 0.0;
        for (int done = 0; done < UPDATES; done += BATCH) {
            for (size_t i = 0; i < BATCH; i++)
                add_event(s, draw(u), types[mr_zipf_random(&s->random) % count]);
            taken += apply_timed(s);
        }
        best = repeat == 0 || taken < best ? taken : best;
    }
    return best / UPDATES;
}

/* A shard that knows every user, by one event of each that changes the head only. */
static void open_subject(subject *s, const mr_plan *plan, const mr_hash_key *key,
                         uint32_t count)
{
    const mr_shard_options options = {.plan = plan, .hash_key = key, .topic = "bench"};
    *s = (subject){.random = 1442695040888963407ULL, .time_ms = START_MS};
    mr_zipf_init(&s->items, ITEMS);
    mr_bench_must(mr_shard_create(&options, &s->shard), "shard");
    mr_bench_must(mr_event_batch_init(&s->batch, BATCH, BATCH), "batch");
    for (uint32_t i = 0; i < count; i++) {
        add_event(s, (uint32_t)(i * 2654435761ULL % count), MR_EVENT_LOGIN);
        if (s->batch.event_count == BATCH || i + 1 == count)
            (void)apply_timed(s);
    }
    mr_bench_check(mr_shard_user_count(s->shard) == count, "every user has a row");
}

static void close_subject(subject *s, double *ret_bytes_per_user)
{
    *ret_bytes_per_user =
        (double)mr_shard_bytes(s->shard) / (double)mr_shard_user_count(s->shard);
    mr_event_batch_deinit(&s->batch);
    mr_shard_destroy(s->shard);
    mr_zipf_deinit(&s->items);
}

/* What a plan cannot be without. */
static mr_plan *least_plan(void)
{
    static const mr_feature_spec specs[] = {
        {.name = "purchases",
         .on = MR_ON(MR_EVENT_PURCHASE),
         .aggregate = MR_AGGREGATE_COUNT},
        {.name = "orders",
         .on = MR_ON(MR_EVENT_PURCHASE),
         .aggregate = MR_AGGREGATE_DISTINCT,
         .of = MR_OF_ORDER_ID,
         .length = 16},
        {.name = "spend",
         .on = MR_ON(MR_EVENT_PURCHASE),
         .aggregate = MR_AGGREGATE_SUM,
         .of = MR_OF_NET_VALUE},
        {.name = "last_purchase",
         .on = MR_ON(MR_EVENT_PURCHASE),
         .aggregate = MR_AGGREGATE_LAST_TIME},
        {.name = "history",
         .on = MR_ON(MR_EVENT_PURCHASE),
         .aggregate = MR_AGGREGATE_RECENT_ITEMS,
         .quotas = {{MR_EVENT_PURCHASE, 10}}},
    };
    mr_plan *plan;
    mr_bench_must(mr_plan_compile(NULL, specs, sizeof(specs) / sizeof(specs[0]), NULL, 0,
                                  &plan, NULL),
                  "plan");
    return plan;
}

static void print_update(const char *name, double seconds)
{
    (void)printf("update_bound/%s ns=%.1f updates_per_s=%.1fe6\n", name, seconds * 1e9,
                 1e-6 / seconds);
}

static void measure_shard(users *u, const mr_plan *plan, bool is_whole, double bounds[2])
{
    static const uint8_t login[] = {MR_EVENT_LOGIN};
    static const uint8_t view[] = {MR_EVENT_VIEW};
    static const uint8_t mixed[] = {
        MR_EVENT_VIEW,     MR_EVENT_VIEW,  MR_EVENT_VIEW,     MR_EVENT_VIEW,
        MR_EVENT_VIEW,     MR_EVENT_CLICK, MR_EVENT_CART_ADD, MR_EVENT_SEARCH,
        MR_EVENT_PURCHASE, MR_EVENT_LOGIN,
    };
    static const char *const names[2] = {"even", "zipf"};
    subject *s = mr_bench_have(malloc(sizeof(*s)));
    mr_hash_key key;
    mr_hash_key_init(&key, "bench", 5);
    open_subject(s, plan, &key, u->count);
    for (int zipf = 0; zipf < 2; zipf++) {
        char name[64];
        u->is_zipf = zipf == 1;
        (void)snprintf(name, sizeof(name), "%s_plan/head_only/%s",
                       is_whole ? "default" : "least", names[zipf]);
        const double seconds = measure_updates(s, u, login, 1);
        print_update(name, seconds);
        if (!is_whole) {
            (void)snprintf(name, sizeof(name), "least_update_of_bound_%s", names[zipf]);
            (void)mr_bench_at_least(name, bounds[zipf] / seconds, 0.7);
            continue;
        }
        (void)snprintf(name, sizeof(name), "default_plan/view/%s", names[zipf]);
        print_update(name, measure_updates(s, u, view, 1));
        (void)snprintf(name, sizeof(name), "default_plan/mixed/%s", names[zipf]);
        print_update(name, measure_updates(s, u, mixed, sizeof(mixed)));
    }
    double bytes_per_user;
    close_subject(s, &bytes_per_user);
    (void)printf("update_bound/%s_plan/memory bytes_per_user=%.0f\n",
                 is_whole ? "default" : "least", bytes_per_user);
    free(s);
}

int main(int argc, char **argv)
{
    mr_bench_start(argv);
    users u = {.count = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 10000000,
               .random = 88172645463325252ULL};
    mr_bench_check(u.count >= BATCH, "at least a batch of users");
    mr_zipf_init(&u.ranks, u.count);
    const size_t bytes = (size_t)u.count * sizeof(reference_row);
    const double latency = measure_latency(bytes);
    const double line = measure_lines(bytes);
    print_update("dependent_load", latency);
    print_update("independent_line", line);
    (void)printf("update_bound/lines_in_flight count=%.1f\n", latency / line);
    double bounds[2];
    for (int zipf = 0; zipf < 2; zipf++) {
        u.is_zipf = zipf == 1;
        bounds[zipf] = measure_reference(&u);
        print_update(zipf == 0 ? "reference/even" : "reference/zipf", bounds[zipf]);
    }
    mr_plan *plan = least_plan();
    measure_shard(&u, plan, false, bounds);
    mr_plan_destroy(plan);
    mr_bench_must(mr_plan_create_default(&plan), "plan");
    measure_shard(&u, plan, true, bounds);
    mr_plan_destroy(plan);
    mr_zipf_deinit(&u.ranks);
    return 0;
}
