/*
 * Simulation of the file log: appends on a disk that fails, fills up and forgets.
 *
 *     simulation_log --runs N [--first SEED] | --seed N | --seeds FILE
 *
 * A group commit runs in the thread of an append, so one thread is enough.  A writer appends
 * batches; at a call of the disk that the seed chooses the machine loses power (or the process
 * is killed), the log is opened again, and everything is read from the beginning: what was
 * acknowledged stands at its offset, what was not is there whole or not at all.
 */
#include "ingest/log.h"
#include "tests/rounds.h"
#include "tests/simulation/fake_calls.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RUNS_A_CASE = 50,
    PARTITIONS = 2,
    LIVES = 6,
    APPENDS_MAX = 40,
    BATCH_MAX = 6,
    FILLER_MAX = 3000,
    SEGMENT_BYTES = 20000,
    CALLS_MAX = 150,
    OPENS_MAX = 50,
    VALUE_BYTES = 24 + FILLER_MAX,
};

typedef struct acknowledged {
    int64_t offset;
    uint64_t id;
} acknowledged;

typedef struct log_world {
    uint64_t seed;
    sim_random random;
    uint64_t engine_random;
    fake_disk *disk;
    fake_calls calls;
    uint32_t rate[FAKE_DISK_RATED];
    mr_log *log;
    acknowledged *kept[PARTITIONS];
    size_t kept_count[PARTITIONS];
    size_t kept_capacity[PARTITIONS];
    uint64_t tried; /* ids below were given to an append */
    uint32_t calls_left;
    bool is_dead;
    bool has_failed;
} log_world;

static struct {
    uint64_t appends;
    uint64_t failed_appends;
    uint64_t records_kept;
    uint64_t records_unacknowledged;
    uint64_t power_losses;
    uint64_t kills;
    uint64_t cuts;
    uint64_t fired[FAKE_DISK_FAULTS];
} totals;

static void fail(log_world *w, const char *what, uint32_t partition, int64_t offset)
{
    if (!w->has_failed)
        printf("seed %" PRIu64 " failed: partition %" PRIu32 " offset %" PRId64 ": %s\n",
               w->seed, partition, offset, what);
    w->has_failed = true;
}

static uint32_t below(log_world *w, uint32_t bound)
{
    return sim_random_below(&w->random, bound);
}

/* A record's bytes follow from its id, so that any of them can be told whole. */
static uint32_t make_value(uint64_t id, char ret_value[VALUE_BYTES])
{
    sim_random random = {id};
    const uint32_t filler = sim_random_below(&random, 8) == 0
                                ? sim_random_below(&random, FILLER_MAX)
                                : sim_random_below(&random, 200);
    const int head = snprintf(ret_value, 24, "%020" PRIu64 " ", id);
    for (uint32_t i = 0; i < filler; i++)
        ret_value[head + (int)i] = (char)('a' + sim_random_below(&random, 26));
    return (uint32_t)head + filler;
}

/* -- the disk's side -------------------------------------------------------------------------- */

static void before_call(void *context, const char *call, const char *path)
{
    log_world *w = context;
    (void)call;
    (void)path;
    if (w->calls_left > 0 && --w->calls_left == 0)
        w->is_dead = true;
}

static bool is_dead(void *context)
{
    return ((const log_world *)context)->is_dead;
}

static void set_rates(log_world *w, bool are_on)
{
    for (int i = 0; i < FAKE_DISK_RATED; i++)
        fake_disk_set_rate(w->disk, (fake_disk_fault)i, are_on ? w->rate[i] : 0);
}

static uint32_t choose(void *context, fake_disk_question question, uint32_t bound)
{
    (void)question;
    log_world *w = context;
    return below(w, 3) == 0 ? below(w, bound) : below(w, 2);
}

/* -- the log's ----------------------------------------------------------------------------------- */

static mr_status open_log(log_world *w)
{
    const mr_log_file_options options = {.path = FAKE_ROOT "/log",
                                         .topic = "events",
                                         .partitions = PARTITIONS,
                                         .segment_bytes = SEGMENT_BYTES,
                                         .compress = (w->seed & 1) != 0};
    int64_t cut_bytes = 0;
    mr_error error = {{0}};
    const mr_status status = mr_log_open_file(&options, &w->log, &cut_bytes, &error);
    totals.cuts += status == MR_OK && cut_bytes > 0;
    if (status == MR_ERR_CORRUPT)
        fail(w, error.message, 0, -1);
    return status;
}

static void keep(log_world *w, uint32_t partition, int64_t offset, uint64_t id)
{
    if (w->kept_count[partition] == w->kept_capacity[partition]) {
        w->kept_capacity[partition] = 2 * w->kept_capacity[partition] + 64;
        w->kept[partition] = realloc(w->kept[partition], w->kept_capacity[partition] *
                                                             sizeof(*w->kept[partition]));
        if (w->kept[partition] == NULL)
            abort();
    }
    w->kept[partition][w->kept_count[partition]++] = (acknowledged){offset, id};
}

static void append(log_world *w)
{
    static char values[BATCH_MAX][VALUE_BYTES];
    mr_log_entry entries[BATCH_MAX];
    mr_log_position positions[BATCH_MAX];
    const uint64_t first = w->tried;
    const uint32_t count = 1 + below(w, BATCH_MAX);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t length = make_value(w->tried++, values[i]);
        entries[i] = (mr_log_entry){.partition = below(w, PARTITIONS),
                                    .value = {values[i], length},
                                    .time_ms = 1};
    }
    mr_error error = {{0}};
    totals.appends++;
    if (mr_log_append(w->log, entries, count, positions, &error) != MR_OK) {
        totals.failed_appends++;
        return;
    }
    if (w->is_dead && w->calls_left == 0)
        fail(w, "a dead process was told that its append is durable", 0, -1);
    for (uint32_t i = 0; i < count; i++)
        keep(w, positions[i].partition, positions[i].offset, first + i);
}

/* -- reading it all ---------------------------------------------------------------------------- */

static void check_record(log_world *w, uint32_t partition, const mr_log_record *record,
                         int64_t expected, size_t *next_kept)
{
    char value[VALUE_BYTES];
    const uint64_t id = strtoull(record->value.bytes, NULL, 10);
    if (record->offset != expected)
        fail(w, "an offset is missing", partition, expected);
    if (id >= w->tried || record->value.length != make_value(id, value) ||
        memcmp(record->value.bytes, value, record->value.length) != 0)
        fail(w, "a record nobody appended", partition, record->offset);
    const bool is_kept = *next_kept < w->kept_count[partition] &&
                         w->kept[partition][*next_kept].offset == record->offset;
    if (is_kept && w->kept[partition][*next_kept].id != id)
        fail(w, "not the record that was acknowledged", partition, record->offset);
    *next_kept += is_kept;
    totals.records_kept += is_kept;
    totals.records_unacknowledged += !is_kept;
}

static void check_log(log_world *w)
{
    mr_log_reader *reader = NULL;
    mr_error error = {{0}};
    int64_t next[PARTITIONS] = {0};
    size_t next_kept[PARTITIONS] = {0};
    uint32_t at_end = 0;
    if (mr_log_reader_open(w->log, &(mr_log_reader_options){.mode = MR_LOG_STATIC},
                           &reader, &error) != MR_OK) {
        fail(w, error.message, 0, -1);
        return;
    }
    while (at_end < PARTITIONS && !w->has_failed) {
        mr_log_batch batch;
        if (mr_log_reader_poll(reader, 0, &batch) != MR_OK) {
            fail(w, "it cannot be read", batch.partition, next[batch.partition]);
        } else if (batch.signal == MR_LOG_ASSIGNED) {
            if (mr_log_reader_start(reader, batch.partition, 0) != MR_OK)
                fail(w, "reading does not start", batch.partition, 0);
        } else if (batch.signal == MR_LOG_RECORDS) {
            for (size_t i = 0; i < batch.count; i++)
                check_record(w, batch.partition, &batch.records[i],
                             next[batch.partition]++, &next_kept[batch.partition]);
        } else if (batch.signal == MR_LOG_END) {
            at_end++;
        }
    }
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        if (next_kept[p] < w->kept_count[p])
            fail(w, "an acknowledged record is gone", p, w->kept[p][next_kept[p]].offset);
    }
    mr_log_reader_close(reader);
}

/* -- a run ----------------------------------------------------------------------------------------- */

/* One process: opens, appends, and dies at a call of the disk or ends by itself. */
static void live(log_world *w)
{
    w->is_dead = false;
    w->calls_left = below(w, 4) == 0 ? 0 : 1 + below(w, CALLS_MAX);
    set_rates(w, true);
    mr_status status = MR_ERR_UNAVAILABLE;
    for (int i = 0; i < OPENS_MAX && status != MR_OK && !w->is_dead; i++)
        status = open_log(w);
    const uint32_t appends = below(w, APPENDS_MAX);
    for (uint32_t i = 0; i < appends && status == MR_OK && !w->is_dead; i++)
        append(w);
    if (status == MR_OK)
        mr_log_close(w->log);
    const bool is_power_loss = below(w, 3) > 0;
    totals.power_losses += is_power_loss;
    totals.kills += !is_power_loss && w->is_dead;
    if (is_power_loss)
        fake_disk_crash(w->disk, below(w, 2) == 0, choose, w);
}

/* A healthy process finds all of it. */
static void verify(log_world *w)
{
    w->is_dead = false;
    w->calls_left = 0;
    set_rates(w, false);
    if (open_log(w) != MR_OK) {
        fail(w, "it cannot be opened", 0, -1);
        return;
    }
    check_log(w);
    mr_log_close(w->log);
    /* What was read is relied upon: it must survive the next power loss too. */
    fake_disk_crash(w->disk, false, choose, w);
}

static bool run_seed(uint64_t seed)
{
    log_world w = {.seed = seed, .random = sim_random_of(seed)};
    w.engine_random = sim_random_next(&w.random);
    w.disk = fake_disk_create(sim_random_next(&w.random));
    (void)fake_disk_mkdir(w.disk, FAKE_ROOT);
    const int root = fake_disk_open(w.disk, "/", 0);
    (void)fake_disk_sync(w.disk, root);
    (void)fake_disk_close(w.disk, root);
    for (int i = 0; i < FAKE_DISK_RATED; i++)
        w.rate[i] = below(&w, 2) == 0 ? 0 : below(&w, 1 + below(&w, 100));
    w.calls = (fake_calls){.disk = w.disk,
                           .random_state = &w.engine_random,
                           .before = before_call,
                           .is_dead = is_dead,
                           .context = &w};
    fake_calls_install(&w.calls);
    for (int i = 0; i < LIVES && !w.has_failed; i++) {
        live(&w);
        if (!w.has_failed && below(&w, 2) == 0)
            verify(&w);
    }
    if (!w.has_failed)
        verify(&w);
    fake_calls_install(NULL);
    for (int i = 0; i < FAKE_DISK_FAULTS; i++)
        totals.fired[i] += fake_disk_fired(w.disk, (fake_disk_fault)i);
    for (uint32_t p = 0; p < PARTITIONS; p++)
        free(w.kept[p]);
    fake_disk_destroy(w.disk);
    return !w.has_failed;
}

static uint64_t run_case(const char *name, uint64_t first, uint64_t count)
{
    uint64_t failed = 0;
    printf("[ RUN      ] %s\n", name);
    for (uint64_t i = 0; i < count; i += (uint64_t)test_step())
        failed += !run_seed(first + i);
    printf("%s %s\n", failed == 0 ? "[       OK ]" : "[  FAILED  ]", name);
    return failed;
}

static uint64_t run_range(uint64_t first, uint64_t runs)
{
    uint64_t failed = 0;
    for (uint64_t done = 0; done < runs; done += RUNS_A_CASE) {
        const uint64_t count = runs - done < RUNS_A_CASE ? runs - done : RUNS_A_CASE;
        char name[64];
        (void)snprintf(name, sizeof(name), "log_seeds_%" PRIu64 "_to_%" PRIu64,
                       first + done, first + done + count - 1);
        failed += run_case(name, first + done, count);
    }
    return failed;
}

/* Lines `SEED  what it found`; others are comments. */
static uint64_t run_file(const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        printf("%s: %s\n", path, strerror(errno));
        return 1;
    }
    uint64_t failed = 0;
    char line[256];
    while (fgets(line, sizeof(line), file) != NULL) {
        char *end;
        const uint64_t seed = strtoull(line, &end, 10);
        char name[64];
        (void)snprintf(name, sizeof(name), "log_seed_%" PRIu64, seed);
        if (end != line)
            failed += run_case(name, seed, 1);
    }
    (void)fclose(file);
    return failed;
}

static void show_totals(void)
{
    printf("appends %" PRIu64 " (%" PRIu64 " failed), power losses %" PRIu64
           ", kills %" PRIu64 ", tails cut %" PRIu64 "\nrecords read: %" PRIu64
           " acknowledged, %" PRIu64 " not\nfaults:",
           totals.appends, totals.failed_appends, totals.power_losses, totals.kills,
           totals.cuts, totals.records_kept, totals.records_unacknowledged);
    for (int i = 0; i < FAKE_DISK_FLIP; i++)
        printf(" %s %" PRIu64, fake_disk_fault_name((fake_disk_fault)i), totals.fired[i]);
    printf("\n");
}

int main(int count, char **words)
{
    uint64_t runs = 0;
    uint64_t first = 1;
    uint64_t failed = 0;
    bool has_run = false;
    for (int i = 1; i + 1 < count; i += 2) {
        const uint64_t number = strtoull(words[i + 1], NULL, 10);
        if (strcmp(words[i], "--runs") == 0) {
            runs = number;
        } else if (strcmp(words[i], "--first") == 0) {
            first = number;
        } else if (strcmp(words[i], "--seed") == 0) {
            first = number;
            runs = 1;
        } else if (strcmp(words[i], "--seeds") == 0) {
            failed += run_file(words[i + 1]);
            has_run = true;
        }
    }
    failed += run_range(first, runs);
    if (!has_run && runs == 0) {
        fprintf(stderr, "usage: simulation_log --runs N [--first SEED] | --seed N | "
                        "--seeds FILE\n");
        return 2;
    }
    show_totals();
    return failed > 0;
}
