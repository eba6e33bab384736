/*
 * Mishaps: what the world does to its processes, its disk and its clock.
 */
#include "tests/simulation/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CALLS_TO_CRASH_MAX = 60,
    CLOCK_JUMP_MS = 3600000 * 5,
    PARTITION_PATH_BYTES = 64,
    FLIP_DRAWS = 4, /* until a file that holds something is met */
};

static uint32_t below(world *w, uint32_t bound)
{
    return sim_random_below(&w->random, bound);
}

void mishap_reap(world *w, uint32_t number)
{
    process *p = w->processes[number];
    w->processes[number] = NULL;
    process_end(p);
}

void mishap_kill(world *w, uint32_t number)
{
    process *p = w->processes[number];
    if (p == NULL)
        return;
    w->totals->world[WORLD_DURING_OPEN] += p->is_opening;
    w->totals->world[WORLD_DURING_WRITE] += process_is_writing(p);
    p->is_dead = true;
    mishap_reap(w, number);
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

void mishap_lose_power(world *w)
{
    for (uint32_t i = 0; i < w->process_count; i++)
        mishap_kill(w, i);
    static const uint32_t losses[] = {0, 100, 500, 900, 1000};
    crash_mood mood = {&w->random, losses[below(w, 5)],
                       below(w, 3) == 0 ? 0 : below(w, 1000)};
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

/*
 * One bit of one generation at a time, and only where another one stands beside it and would after a
 * power loss: with two copies lost at once the engine can only refuse to begin.
 */
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
        manifests += ends_in(name, ".manifest") &&
                     fake_disk_entry_is_durable(w->disk, directory, count);
        count++;
    }
    if (manifests < 2)
        return;
    fake_disk_about about = {0};
    char path[256];
    for (int draw = 0; draw < FLIP_DRAWS && about.bytes == 0; draw++) {
        name = fake_disk_entry(w->disk, directory, below(w, (uint32_t)count));
        (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
        if (ends_in(name, ".tmp") || fake_disk_stat(w->disk, path, &about) != 0)
            about.bytes = 0;
    }
    if (about.bytes == 0)
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

void mishap_crash(world *w, uint32_t number, bool is_of_all)
{
    if (is_of_all) {
        w->totals->world[WORLD_POWER_LOSS]++;
        mishap_lose_power(w);
    } else if (w->processes[number] != NULL) {
        w->totals->world[WORLD_KILL]++;
        world_note(w, "process %" PRIu32 " is killed", number);
        mishap_kill(w, number);
    }
}

/* Now, between two rounds; or at one of the next calls of the disk, where it hurts. */
static void crash_soon(world *w, uint32_t number, bool is_of_all)
{
    if (below(w, 2) == 0) {
        mishap_crash(w, number, is_of_all);
    } else if (w->calls_to_crash == 0) {
        w->calls_to_crash = 1 + below(w, CALLS_TO_CRASH_MAX);
        w->is_crash_of_all = is_of_all;
        w->is_crash_at_sync = below(w, is_of_all ? 4 : 2) > 0;
    }
}

void mishap_maybe(world *w)
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
