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
    CALLS_TO_CRASH_MAX = 60,
    HEAL_STEPS_MAX = 200000,
    LEAVE_STEPS_MAX = 20000,
    STEP_NS_MAX = 20000000,
    NS_A_MS = 1000000,
    CLOCK_JUMP_MS = 3600000 * 5,
    PARTITION_PATH_BYTES = 64,
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

/* A crash that is due comes at its call: any, or the first fsync from then on. */
static void maybe_crash(world *w, const char *call)
{
    if (w->running == NULL || w->calls_to_crash == 0)
        return;
    if (w->calls_to_crash > 1)
        w->calls_to_crash--;
    if (w->calls_to_crash > 1 || (w->is_crash_at_sync && strcmp(call, "fsync") != 0))
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
    w->rate_flip = draw_rate(w, 20);
    w->rate_retain = draw_rate(w, 20);
    w->rate_yield = below(w, 4) == 0 ? 0 : below(w, 1000);
    w->rate_produce = 10 + below(w, 100);
    w->poison_rate = draw_rate(w, 150);
    w->is_loose = below(w, 2) == 0;
    w->users = 2 + below(w, WORLD_USERS_MAX - 1);
    w->records_left = 100 + below(w, 1400);
}

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

/* -- what the world does --------------------------------------------------------------------------- */

static void reap(world *w, uint32_t number)
{
    process *p = w->processes[number];
    w->processes[number] = NULL;
    process_end(p);
}

static void kill_process(world *w, uint32_t number)
{
    process *p = w->processes[number];
    if (p == NULL)
        return;
    w->totals->world[WORLD_DURING_OPEN] += p->is_opening;
    w->totals->world[WORLD_DURING_WRITE] += process_is_writing(p);
    p->is_dead = true;
    reap(w, number);
}

/* How a crash decides is drawn anew each time: all is lost, most is there, or anything. */
typedef struct crash_mood {
    sim_random *random;
    uint32_t lost; /* per mille */
    uint32_t torn;
} crash_mood;

static uint32_t choose(void *context, fake_disk_question question, uint32_t bound)
{
    crash_mood *mood = context;
    if (question == FAKE_DISK_ASK_BYTES && sim_random_chance(mood->random, mood->torn))
        return 2 + sim_random_below(mood->random, bound - 2);
    return sim_random_chance(mood->random, mood->lost) ? 0 : 1;
}

static void lose_power(world *w)
{
    for (uint32_t i = 0; i < w->process_count; i++)
        kill_process(w, i);
    static const uint32_t losses[] = {0, 100, 500, 900, 1000};
    crash_mood mood = {&w->random, losses[below(w, 5)], below(w, 2) * below(w, 1000)};
    world_note(w, "power loss with %zu undecided", fake_disk_undecided(w->disk));
    fake_disk_crash(w->disk, w->is_loose, choose, &mood);
}

static void move_partition(world *w)
{
    const uint32_t partition = below(w, w->partitions);
    const uint32_t number = below(w, w->process_count);
    const uint32_t old = w->owner[partition];
    if (number == old)
        return;
    world_note(w, "partition %" PRIu32 " goes from process %" PRIu32 " to %" PRIu32,
               partition, old, number);
    w->totals->world[WORLD_MOVE]++;
    w->owner[partition] = number;
    if (w->processes[number] != NULL)
        w->processes[number]->wanted[partition] = true;
    /* The old one is told now, or finds out when it is refused, or much later. */
    if (w->processes[old] != NULL && below(w, 3) == 0)
        w->processes[old]->wanted[partition] = false;
}

/* The group's word reaches its members in the end. */
static void tell_assignment(world *w)
{
    process *p = w->processes[below(w, w->process_count)];
    const uint32_t partition = below(w, w->partitions);
    if (p != NULL)
        p->wanted[partition] = w->owner[partition] == p->number;
}

static void jump_clock(world *w)
{
    w->totals->world[WORLD_CLOCK]++;
    w->calls.wall_ms += (int64_t)below(w, 2 * CLOCK_JUMP_MS) - CLOCK_JUMP_MS;
    world_note(w, "the clock jumps to %" PRId64, w->calls.wall_ms);
}

static void fill_disk(world *w)
{
    w->totals->world[WORLD_FULL_DISK]++;
    w->disk_full_until = w->step + 10 + below(w, 200);
    fake_disk_set_full(w->disk, true);
    world_note(w, "the disk is full");
}

static bool ends_in(const char *name, const char *end)
{
    const size_t length = strlen(name);
    return length >= strlen(end) && strcmp(name + length - strlen(end), end) == 0;
}

static void partition_path(uint32_t partition, char ret_path[PARTITION_PATH_BYTES])
{
    (void)snprintf(ret_path, PARTITION_PATH_BYTES,
                   WORLD_STATE "/" WORLD_TOPIC "/p%05" PRIu32, partition);
}

uint64_t world_newest_epoch(world *w, uint32_t partition)
{
    char directory[PARTITION_PATH_BYTES];
    partition_path(partition, directory);
    uint64_t newest = 0;
    const char *name;
    for (size_t i = 0; (name = fake_disk_entry(w->disk, directory, i)) != NULL; i++) {
        const uint64_t epoch = name[0] == 'e' ? strtoull(name + 1, NULL, 10) : 0;
        newest = epoch > newest ? epoch : newest;
    }
    return newest;
}

/* One bit of one generation at a time, and only where another one stands beside it. */
static void flip_bit(world *w)
{
    if (w->flipped != 0)
        return;
    char directory[PARTITION_PATH_BYTES];
    partition_path(below(w, w->partitions), directory);
    size_t manifests = 0;
    size_t count = 0;
    const char *name;
    while ((name = fake_disk_entry(w->disk, directory, count)) != NULL) {
        manifests += ends_in(name, ".manifest");
        count++;
    }
    if (manifests < 2)
        return;
    name = fake_disk_entry(w->disk, directory, below(w, (uint32_t)count));
    fake_disk_about about;
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    if (ends_in(name, ".tmp") || fake_disk_stat(w->disk, path, &about) != 0 ||
        about.bytes == 0)
        return;
    world_note(w, "a bit of %s turns", path);
    fake_disk_flip(w->disk, about.inode, below(w, (uint32_t)about.bytes * 8));
    w->flipped = about.inode;
}

static void retain(world *w)
{
    fake_log_retain(w->events, below(w, w->partitions));
}

static bool happens(world *w, world_fault fault)
{
    return sim_random_chance(&w->random, w->rate[fault]);
}

static void crash_now(world *w, uint32_t number, bool is_of_all)
{
    if (is_of_all) {
        w->totals->world[WORLD_POWER_LOSS]++;
        lose_power(w);
    } else if (w->processes[number] != NULL) {
        w->totals->world[WORLD_KILL]++;
        world_note(w, "process %" PRIu32 " is killed", number);
        kill_process(w, number);
    }
}

/* Now, between two rounds; or at one of the next calls of the disk, where it hurts. */
static void crash_soon(world *w, uint32_t number, bool is_of_all)
{
    if (below(w, 2) == 0) {
        crash_now(w, number, is_of_all);
    } else if (w->calls_to_crash == 0) {
        w->calls_to_crash = 1 + below(w, CALLS_TO_CRASH_MAX);
        w->is_crash_of_all = is_of_all;
        w->is_crash_at_sync = below(w, 2) == 0;
    }
}

static void bad_luck(world *w)
{
    const uint32_t number = below(w, w->process_count);
    process *p = w->processes[number];
    if (p != NULL && happens(w, WORLD_KILL)) {
        crash_soon(w, number, false);
    } else if (p != NULL && happens(w, WORLD_LEAVE)) {
        w->totals->world[WORLD_LEAVE]++;
        p->is_leaving = true;
    }
    if (happens(w, WORLD_POWER_LOSS))
        crash_soon(w, number, true);
    if (happens(w, WORLD_MOVE))
        move_partition(w);
    if (happens(w, WORLD_CLOCK))
        jump_clock(w);
    if (happens(w, WORLD_FULL_DISK))
        fill_disk(w);
    if (sim_random_chance(&w->random, w->rate_flip))
        flip_bit(w);
    if (sim_random_chance(&w->random, w->rate_retain))
        retain(w);
    if (below(w, 50) == 0)
        tell_assignment(w);
}

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
        crash_now(w, number, w->is_crash_of_all);
    } else if (fiber_is_finished(p->ingest)) {
        reap(w, number);
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

/* One owner for all partitions, nothing fails any more: it must come to the end of the log. */
static void heal(world *w)
{
    stop_faults(w);
    for (uint32_t i = 0; i < w->process_count; i++)
        kill_process(w, i);
    traffic_produce(w, w->records_left);
    memset(w->owner, 0, sizeof(w->owner));
    w->processes[0] = process_create(w, 0);
    world_note(w, "healed");
    int64_t steps = 0;
    while (!w->has_failed && !is_settled(w->processes[0])) {
        process_step(w->processes[0], below(w, 2) == 0);
        advance(w);
        if (fiber_is_finished(w->processes[0]->ingest)) {
            world_fail(w, "a healthy process ended: %s", w->processes[0]->error.message);
        } else if (++steps == HEAL_STEPS_MAX) {
            world_fail(w, "not at the end of the log after %d healthy steps",
                       HEAL_STEPS_MAX);
        }
    }
    kill_process(w, 0);
    lose_power(w);
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
        bad_luck(w);
        run_somebody(w);
        advance(w);
    }
    if (!w->has_failed)
        heal(w);
    for (uint32_t i = 0; i < w->process_count; i++)
        kill_process(w, i);
    if (!w->has_failed)
        verdict_check(w);
    const bool held = !w->has_failed;
    memcpy(ret_failure, w->failure, sizeof(w->failure));
    fake_calls_install(NULL);
    current = NULL;
    free_world(w);
    return held;
}
