/*
 * Simulation: the engine's shards, checkpoints and files under a seeded world of faults.
 *
 *     simulation --runs N [--first SEED]   N seeds; a case every 50 of them
 *     simulation --seeds FILE              the seeds that once failed, a case each
 *     simulation --seed N [--verbose]      one, step by step
 *
 * A run draws its own rates of every fault, lets processes read, checkpoint, die and come back
 * for some hundred steps, then heals and compares (verdict.c).  With --expect-faults every kind
 * of fault must have happened at least 100 times over all runs.  Under AddressSanitizer one seed
 * of three is run (rounds.h), and 20 times are enough.
 */
#include "tests/rounds.h"
#include "tests/simulation/world.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RUNS_A_CASE = 50,
    FAULT_TIMES_MIN = 100,
    FAULT_TIMES_MIN_OF_SOME = 20,
    FAILURE_BYTES = 512,
    SEEDS_MAX = 4096
};

typedef struct wanted {
    uint64_t first;
    uint64_t runs;
    const char *seeds;
    bool is_verbose;
    bool expect_faults;
} wanted;

static void begin_case(const char *name)
{
    printf("[ RUN      ] %s\n", name);
}

/* One that failed is not said to be OK. */
static void end_case(const char *name, uint64_t failed)
{
    printf("%s %s\n", failed == 0 ? "[       OK ]" : "[  FAILED  ]", name);
    (void)fflush(stdout);
}

static bool run_seed(uint64_t seed, bool is_verbose, world_totals *totals)
{
    char failure[FAILURE_BYTES];
    if (world_run(seed, is_verbose, totals, failure))
        return true;
    printf("seed %" PRIu64 " failed: %s\n  see it with: simulation --seed %" PRIu64
           " --verbose\n",
           seed, failure, seed);
    return false;
}

static uint64_t run_range(const wanted *w, world_totals *totals)
{
    uint64_t failed = 0;
    for (uint64_t done = 0; done < w->runs; done += RUNS_A_CASE) {
        const uint64_t first = w->first + done;
        const uint64_t count =
            w->runs - done < RUNS_A_CASE ? w->runs - done : RUNS_A_CASE;
        char name[64];
        (void)snprintf(name, sizeof(name), "seeds_%" PRIu64 "_to_%" PRIu64, first,
                       first + count - 1);
        uint64_t failed_here = 0;
        begin_case(name);
        for (uint64_t i = 0; i < count; i += (uint64_t)test_step())
            failed_here += !run_seed(first + i, w->is_verbose, totals);
        end_case(name, failed_here);
        failed += failed_here;
    }
    return failed;
}

/* Lines `SEED  what it found`; others are comments. */
static uint64_t run_file(const wanted *w, world_totals *totals)
{
    FILE *file = fopen(w->seeds, "re");
    if (file == NULL) {
        printf("%s: %s\n", w->seeds, strerror(errno));
        return 1;
    }
    uint64_t failed = 0;
    char line[256];
    while (fgets(line, sizeof(line), file) != NULL) {
        char *end;
        const uint64_t seed = strtoull(line, &end, 10);
        if (end == line)
            continue;
        char name[64];
        (void)snprintf(name, sizeof(name), "seed_%" PRIu64, seed);
        begin_case(name);
        const bool held = run_seed(seed, w->is_verbose, totals);
        end_case(name, !held);
        failed += !held;
    }
    (void)fclose(file);
    return failed;
}

/* -- what happened ------------------------------------------------------------------------------- */

static uint64_t show_fault(const char *name, uint64_t times)
{
    const bool is_rare =
        times < (test_step() == 1 ? FAULT_TIMES_MIN : FAULT_TIMES_MIN_OF_SOME);
    printf("  %-20s %" PRIu64 "%s\n", name, times, is_rare ? "  (rare)" : "");
    return is_rare;
}

/* Returns how many kinds of fault were rare. */
static uint64_t show_totals(const world_totals *totals)
{
    printf("records %" PRIu64 ", checkpoints %" PRIu64 ", restores %" PRIu64
           ", steps %" PRIu64 ", virtual hours %.1f\nfaults:\n",
           totals->records, totals->checkpoints, totals->restores, totals->steps,
           (double)totals->virtual_ms / 3600e3);
    uint64_t rare = 0;
    for (int i = 0; i < FAKE_DISK_FAULTS; i++)
        rare += show_fault(fake_disk_fault_name((fake_disk_fault)i), totals->disk[i]);
    for (int i = 0; i < FAKE_LOG_FAULTS; i++)
        rare += show_fault(fake_log_fault_name((fake_log_fault)i), totals->log[i]);
    for (int i = 0; i < WORLD_FAULTS; i++)
        rare += show_fault(world_fault_name((world_fault)i), totals->world[i]);
    return rare;
}

static bool parse(int count, char **words, wanted *ret_wanted)
{
    *ret_wanted = (wanted){.first = 1};
    for (int i = 1; i < count; i++) {
        const char *value = i + 1 < count ? words[i + 1] : NULL;
        if (strcmp(words[i], "--verbose") == 0) {
            ret_wanted->is_verbose = true;
            continue;
        }
        if (strcmp(words[i], "--expect-faults") == 0) {
            ret_wanted->expect_faults = true;
            continue;
        }
        if (value == NULL)
            return false;
        if (strcmp(words[i], "--runs") == 0)
            ret_wanted->runs = strtoull(value, NULL, 10);
        else if (strcmp(words[i], "--first") == 0)
            ret_wanted->first = strtoull(value, NULL, 10);
        else if (strcmp(words[i], "--seeds") == 0)
            ret_wanted->seeds = value;
        else if (strcmp(words[i], "--seed") == 0)
            *ret_wanted = (wanted){.first = strtoull(value, NULL, 10),
                                   .runs = 1,
                                   .is_verbose = ret_wanted->is_verbose};
        else
            return false;
        i++;
    }
    return ret_wanted->runs > 0 || ret_wanted->seeds != NULL;
}

int main(int count, char **words)
{
    wanted w;
    if (!parse(count, words, &w)) {
        fprintf(stderr, "usage: simulation --runs N [--first SEED] [--expect-faults] | "
                        "--seeds FILE | --seed N [--verbose]\n");
        return 2;
    }
    world_totals totals = {.steps = 0};
    uint64_t failed = 0;
    if (w.seeds != NULL)
        failed += run_file(&w, &totals);
    if (w.runs > 0)
        failed += run_range(&w, &totals);
    if (!w.expect_faults) {
        (void)show_totals(&totals);
        return failed > 0;
    }
    begin_case("each_fault_happened");
    const uint64_t rare = show_totals(&totals);
    end_case("each_fault_happened", rare);
    return failed + rare > 0;
}
