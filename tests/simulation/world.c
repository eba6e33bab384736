#include "tests/simulation/world.h"

#include "core/assert.h"
#include "features/link.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    STEPS_MIN = 1000,
    STEPS_MORE = 5000,
    HEAL_STEPS_MAX = 200000,
    LEAVE_STEPS_MAX = 20000,
    STEP_NS_MAX = 20000000,
    NS_A_MS = 1000000,
};

#define START_MS INT64_C(1700000000000)

/* What the wrapped functions of the log lines know of. */
static world *current;

const char *world_fault_name(world_fault fault)
{
    static const char *const names[WORLD_FAULTS] = {
        "kill",
        "power_loss",
        "died_opening",
        "died_writing",
        "leave",
        "move",
        "zombie",
        "zombie_refused",
        "clock_jump",
        "full_disk",
        "skipped_generation",
    };
    return names[fault];
}

static void print_note(const world *w, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));
static void print_note(const world *w, const char *format, va_list arguments)
{
    printf("%6" PRId64 "  ", w->step);
    (void)vprintf(format, arguments);
    printf("\n");
}

void world_note(world *w, const char *format, ...)
{
    if (!w->is_verbose)
        return;
    va_list arguments;
    va_start(arguments, format);
    print_note(w, format, arguments);
    va_end(arguments);
}

void world_fail(world *w, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (!w->has_failed)
        (void)vsnprintf(w->failure, sizeof(w->failure), format, arguments);
    w->has_failed = true;
    va_end(arguments);
    world_note(w, "FAILED: %s", w->failure);
}

/* What the engine says of itself goes with our own notes. */
static void take_line(const char *format, va_list arguments)
    __attribute__((format(printf, 1, 0)));
static void take_line(const char *format, va_list arguments)
{
    if (current == NULL)
        return;
    if (strncmp(format, "event=checkpoint_skipped", 24) == 0)
        current->totals->world[WORLD_SKIPPED]++;
    if (current->is_verbose)
        print_note(current, format, arguments);
}

void __wrap_mr_log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void __wrap_mr_log_info(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    take_line(format, arguments);
    va_end(arguments);
}

void __wrap_mr_log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void __wrap_mr_log_warn(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    take_line(format, arguments);
    va_end(arguments);
}

/* -- what the calls of the engine meet --------------------------------------------------------- */

static bool is_dead(void *context)
{
    const world *w = context;
    return w->running != NULL && w->running->is_dead;
}

static void maybe_yield(world *w)
{
    if (w->running != NULL && !w->running->is_dead &&
        sim_random_chance(&w->random, w->rate_yield))
        fiber_yield();
}

/* A crash that is due comes at a call: the next, or the next fsync that has bytes to write. */
static void maybe_crash(world *w, const char *call)
{
    if (w->running == NULL || w->calls_to_crash == 0)
        return;
    if (w->calls_to_crash > 1)
        w->calls_to_crash--;
    if (w->calls_to_crash > 1 ||
        (w->is_crash_at_sync &&
         (strcmp(call, "fsync") != 0 || fake_disk_undecided_pages(w->disk) == 0)))
        return;
    w->calls_to_crash = 0;
    w->is_crash_due = true;
    fiber_yield();
}

static void before_call(void *context, const char *call, const char *path)
{
    world *w = context;
    if (w->running != NULL && w->is_verbose)
        world_note(w, "%s process %" PRIu32 ": %s %s",
                   w->running->is_dead ? "dead" : "    ", w->running->number, call,
                   path != NULL ? path : "");
    maybe_crash(w, call);
    maybe_yield(w);
}

static bool before_append(void *context, const char *call)
{
    world *w = context;
    (void)call;
    maybe_yield(w);
    return !is_dead(w);
}

static void on_thread(void *context, fiber *thread)
{
    world *w = context;
    MR_ASSERT(w->running != NULL);
    w->running->checkpoints = thread;
}

void world_look(world *w, bool is_looking)
{
    w->looking = is_looking ? w->running : w->looking;
    w->running = is_looking ? NULL : w->looking;
    fake_disk_set_quiet(w->disk, is_looking);
}

/* -- the making of a world ----------------------------------------------------------------------- */

static uint32_t below(world *w, uint32_t bound)
{
    return sim_random_below(&w->random, bound);
}

/* Half of the kinds of fault are absent from a run; the others are rare or frequent. */
static uint32_t draw_rate(world *w, uint32_t most)
{
    return below(w, 2) == 0 ? 0 : 1 + below(w, below(w, most) + 1);
}

static void draw_rates(world *w)
{
    static const uint32_t disk_most[FAKE_DISK_RATED] = {30,  40, 400, 8,  300,
                                                        200, 80, 20,  15, 8};
    static const uint32_t log_most[FAKE_LOG_RATED] = {200, 200, 300, 200, 300, 60};
    static const uint32_t world_most[WORLD_FAULTS] = {
        [WORLD_KILL] = 12, [WORLD_POWER_LOSS] = 12, [WORLD_LEAVE] = 5,
        [WORLD_MOVE] = 25, [WORLD_CLOCK] = 5,       [WORLD_FULL_DISK] = 3};
    for (int i = 0; i < FAKE_DISK_RATED; i++)
        fake_disk_set_rate(w->disk, (fake_disk_fault)i, draw_rate(w, disk_most[i]));
    fake_log *logs[] = {w->events, w->dead_letters, w->late, w->alerts};
    for (size_t k = 0; k < sizeof(logs) / sizeof(logs[0]); k++) {
        for (int i = 0; i < FAKE_LOG_RATED; i++)
            fake_log_set_rate(logs[k], (fake_log_fault)i, draw_rate(w, log_most[i]));
    }
    for (int i = 0; i < WORLD_FAULTS; i++)
        w->rate[i] = world_most[i] > 0 ? draw_rate(w, world_most[i]) : 0;
    w->rate_flip = draw_rate(w, 30);
    w->rate_retain = draw_rate(w, 20);
    w->rate_yield = below(w, 4) == 0 ? 0 : below(w, 1000);
    w->rate_produce = 10 + below(w, 100);
    w->poison_rate = draw_rate(w, 150);
    w->is_loose = below(w, 2) == 0;
    w->users = 2 + below(w, below(w, 6) == 0 ? WORLD_USERS_MAX - 1 : WORLD_USERS_MAX / 5);
    w->records_left = 100 + below(w, 1400);
}

#define WORLD_DAY_MS INT64_C(86400000)

static void make_config(world *w)
{
    static char topic[] = WORLD_TOPIC;
    static char dead[] = "dead-letters";
    static char late[] = "late";
    static char alerts[] = "alerts";
    static char format[] = "native";
    static char earliest[] = "earliest";
    static char group[] = "group";
    static char state[] = WORLD_STATE;
    w->config.log.topic = topic;
    w->config.log.dead_letter_topic = dead;
    w->config.log.late_topic = late;
    w->config.log.alerts_topic = alerts;
    w->config.log.format = format;
    w->config.log.start = earliest;
    w->config.log.group = group;
    w->config.state.path = state;
    w->config.models.training_retention_ms = 3650 * WORLD_DAY_MS;
    w->config.models.training_window_ms = 2 * WORLD_DAY_MS;
    w->config.log.mode = 1;
    w->config.log.partitions = w->partitions;
    mr_buffer_put_text(&w->control_key, MR_TEXT("the key of control records"));
    mr_hash_key_init(&w->key, "secret", 6);
    if (mr_plan_create_default(&w->plan) != MR_OK)
        abort();
}

/* Where the operator's file system is mounted: it was there before. */
static void make_root(world *w)
{
    (void)fake_disk_mkdir(w->disk, FAKE_ROOT);
    const int root = fake_disk_open(w->disk, "/", 0);
    (void)fake_disk_sync(w->disk, root);
    (void)fake_disk_close(w->disk, root);
}

static world *make_world(uint64_t seed, bool is_verbose, world_totals *totals)
{
    world *w = calloc(1, sizeof(*w));
    if (w == NULL)
        abort();
    w->seed = seed;
    w->is_verbose = is_verbose;
    w->totals = totals;
    w->random = sim_random_of(seed);
    w->engine_random = sim_random_next(&w->random);
    w->disk = fake_disk_create(sim_random_next(&w->random));
    w->partitions = 1 + below(w, WORLD_PARTITIONS_MAX);
    w->process_count = 1 + below(w, WORLD_PROCESSES_MAX);
    w->events = fake_log_create(WORLD_TOPIC, w->partitions, sim_random_next(&w->random));
    w->dead_letters = fake_log_create("dead-letters", 1, sim_random_next(&w->random));
    w->late = fake_log_create("late", 1, sim_random_next(&w->random));
    w->alerts = fake_log_create("alerts", 1, sim_random_next(&w->random));
    fake_log *logs[] = {w->events, w->dead_letters, w->late, w->alerts};
    for (size_t i = 0; i < sizeof(logs) / sizeof(logs[0]); i++)
        fake_log_set_before(logs[i], before_append, w);
    make_root(w);
    make_config(w);
    draw_rates(w);
    w->event_ms = START_MS;
    for (uint32_t p = 0; p < w->partitions; p++)
        w->owner[p] = below(w, w->process_count);
    w->calls = (fake_calls){.disk = w->disk,
                            .random_state = &w->engine_random,
                            .wall_ms = START_MS,
                            .monotonic_ns = NS_A_MS,
                            .before = before_call,
                            .is_dead = is_dead,
                            .on_thread = on_thread,
                            .context = w};
    return w;
}

static void free_world(world *w)
{
    for (int i = 0; i < FAKE_DISK_FAULTS; i++)
        w->totals->disk[i] += fake_disk_fired(w->disk, (fake_disk_fault)i);
    const fake_log *logs[] = {w->events, w->dead_letters, w->late, w->alerts};
    for (size_t k = 0; k < sizeof(logs) / sizeof(logs[0]); k++) {
        for (int i = 0; i < FAKE_LOG_FAULTS; i++)
            w->totals->log[i] += fake_log_fired(logs[k], (fake_log_fault)i);
    }
    w->totals->steps += (uint64_t)w->step;
    fake_log_destroy(w->events);
    fake_log_destroy(w->dead_letters);
    fake_log_destroy(w->late);
    fake_log_destroy(w->alerts);
    fake_disk_destroy(w->disk);
    for (uint32_t p = 0; p < w->partitions; p++)
        mr_buffer_deinit(&w->epochs[p]);
    mr_buffer_deinit(&w->control_key);
    mr_plan_destroy(w->plan);
    free(w);
}

/* -- steps -------------------------------------------------------------------------------- */

static void advance(world *w)
{
    const int64_t ns = below(w, STEP_NS_MAX);
    w->calls.monotonic_ns += ns;
    w->calls.wall_ms += ns / NS_A_MS;
    w->totals->virtual_ms += ns / NS_A_MS;
    if (w->disk_full_until > 0 && w->step >= w->disk_full_until) {
        w->disk_full_until = 0;
        fake_disk_set_full(w->disk, false);
    }
    if (w->flipped != 0 && !fake_disk_is_linked(w->disk, w->flipped))
        w->flipped = 0;
    w->step++;
}

/* One fiber goes on; a process that has ended is begun again. */
static void run_somebody(world *w)
{
    const uint32_t number = below(w, w->process_count);
    if (w->processes[number] == NULL)
        w->processes[number] = process_create(w, number);
    process *p = w->processes[number];
    process_step(p, below(w, 2) == 0);
    if (w->is_crash_due) {
        w->is_crash_due = false;
        mishap_crash(w, number, w->is_crash_of_all);
    } else if (fiber_is_finished(p->ingest)) {
        mishap_reap(w, number);
    }
}

/* -- the end --------------------------------------------------------------------------------------- */

static bool is_settled(const process *p)
{
    const world *w = p->world;
    for (uint32_t i = 0; i < w->partitions; i++) {
        const mr_owned_shard *owned = p->shards[i];
        if (owned == NULL || owned->job_is_under_way ||
            mr_shard_outbox_count(owned->shard) > 0 ||
            mr_shard_links_waiting(owned->shard) > 0 ||
            owned->checkpointed_offset != mr_shard_next_offset(owned->shard))
            return false;
        const size_t count = fake_log_count(w->events, i);
        if (count > 0 && mr_shard_next_offset(owned->shard) <=
                             fake_log_record(w->events, i, count - 1)->offset)
            return false;
        for (uint32_t row = 0; row < mr_shard_user_count(owned->shard); row++) {
            if (mr_shard_churn(owned->shard, row).tier == 0 &&
                !mr_shard_is_anonymous(owned->shard, row) &&
                verdict_is_alerted(mr_shard_user_id(owned->shard, row)))
                return false;
        }
    }
    return true;
}

static void stop_faults(world *w)
{
    w->is_healed = true;
    for (int i = 0; i < FAKE_DISK_RATED; i++)
        fake_disk_set_rate(w->disk, (fake_disk_fault)i, 0);
    fake_disk_set_full(w->disk, false);
    fake_log *logs[] = {w->events, w->dead_letters, w->late, w->alerts};
    for (size_t k = 0; k < sizeof(logs) / sizeof(logs[0]); k++) {
        for (int i = 0; i < FAKE_LOG_RATED; i++)
            fake_log_set_rate(logs[k], (fake_log_fault)i, 0);
    }
    memset(w->rate, 0, sizeof(w->rate));
    w->calls_to_crash = 0;
    w->is_crash_due = false;
}

/* One that goes on may still end of a fault that it met before: once. */
static void go_to_the_end(world *w, uint32_t number, bool may_end)
{
    int64_t steps = 0;
    while (!w->has_failed && !is_settled(w->processes[number])) {
        process_step(w->processes[number], below(w, 2) == 0);
        advance(w);
        if (++steps == HEAL_STEPS_MAX)
            world_fail(w, "not at the end of the log after %d healthy steps",
                       HEAL_STEPS_MAX);
        if (!fiber_is_finished(w->processes[number]->ingest))
            continue;
        if (!may_end)
            world_fail(w, "a healthy process ended: %s",
                       w->processes[number]->error.message);
        may_end = false;
        mishap_reap(w, number);
        w->processes[number] = process_create(w, number);
    }
}

/* One owner for all partitions, nothing fails any more: it must come to the end of the log.
 * In half of the runs it goes on as it is, with whatever the faults have left in its memory. */
static void heal(world *w)
{
    stop_faults(w);
    const uint32_t number = below(w, w->process_count);
    /* One that does not know of a damaged bit has no reason to write another generation. */
    const bool goes_on = w->processes[number] != NULL && below(w, 2) == 0 &&
                         !w->processes[number]->is_leaving && w->flipped == 0;
    for (uint32_t i = 0; i < w->process_count; i++) {
        if (i != number || !goes_on)
            mishap_kill(w, i);
    }
    traffic_produce(w, w->records_left);
    for (uint32_t i = 0; i < w->partitions; i++)
        w->owner[i] = number;
    if (goes_on)
        memset(w->processes[number]->wanted, true, sizeof(w->processes[number]->wanted));
    else
        w->processes[number] = process_create(w, number);
    world_note(w, "healed, process %" PRIu32 " %s", number,
               goes_on ? "goes on" : "begins");
    go_to_the_end(w, number, goes_on);
    mishap_kill(w, number);
    mishap_lose_power(w);
}

bool world_run(uint64_t seed, bool is_verbose, world_totals *totals,
               char ret_failure[512])
{
    world *w = make_world(seed, is_verbose, totals);
    current = w;
    fake_calls_install(&w->calls);
    const int64_t steps = STEPS_MIN + below(w, STEPS_MORE);
    while (w->step < steps && !w->has_failed) {
        if (sim_random_chance(&w->random, w->rate_produce))
            traffic_produce(w, 1 + below(w, 25));
        mishap_maybe(w);
        run_somebody(w);
        advance(w);
    }
    if (!w->has_failed)
        heal(w);
    for (uint32_t i = 0; i < w->process_count; i++)
        mishap_kill(w, i);
    if (!w->has_failed)
        verdict_check(w);
    const bool held = !w->has_failed;
    memcpy(ret_failure, w->failure, sizeof(w->failure));
    fake_calls_install(NULL);
    current = NULL;
    free_world(w);
    return held;
}
