/*
 * World: everything outside of the engine's code in one run of the simulation.
 *
 * One disk, the topics of a deployment, a clock, up to three processes that own partitions, and
 * the seed from which all of it follows.  world.c takes the steps, mishap.c is what goes wrong
 * between them, process.c is a process,
 * traffic.c writes the events, verdict.c says at the end whether the promises held.
 *
 * Units      Times in ms and ns.
 * Ownership  world_run() makes and frees all of it.
 * Threads    One.
 * Cost       Tens of milliseconds a run.
 */
#ifndef MR_TESTS_SIMULATION_WORLD_H
#define MR_TESTS_SIMULATION_WORLD_H

#include "app/owned_shard.h"
#include "tests/simulation/fake_calls.h"
#include "tests/simulation/fake_log.h"

enum {
    WORLD_PROCESSES_MAX = 3,
    WORLD_PARTITIONS_MAX = 4,
    WORLD_BATCH_RECORDS = 48,
    WORLD_NOTE_BYTES = 160,
    WORLD_USERS_MAX = 600,
};

#define WORLD_TOPIC "events"
#define WORLD_STATE FAKE_ROOT "/state"

/* What the world itself does to the processes. */
typedef enum world_fault {
    WORLD_KILL,         /* kill -9 of a process: the disk keeps what it was told       */
    WORLD_POWER_LOSS,   /* all processes end and the disk forgets                      */
    WORLD_DURING_OPEN,  /* of both: while a shard was being opened                     */
    WORLD_DURING_WRITE, /* of both: while a checkpoint was being written              */
    WORLD_LEAVE,        /* an orderly end                                              */
    WORLD_MOVE,         /* a partition is given to another process                     */
    WORLD_ZOMBIE,       /* a process that wrote for a partition another one has        */
    WORLD_REFUSED,      /* ... and was told so                                         */
    WORLD_CLOCK,        /* the wall clock jumps                                        */
    WORLD_FULL_DISK,    /* no room for a while                                         */
    WORLD_SKIPPED,      /* a restore passed over a damaged generation                  */
    WORLD_FAULTS
} world_fault;

const char *world_fault_name(world_fault fault);

typedef struct world_totals {
    uint64_t disk[FAKE_DISK_FAULTS];
    uint64_t log[FAKE_LOG_FAULTS];
    uint64_t world[WORLD_FAULTS];
    uint64_t records;
    uint64_t checkpoints; /* written and durable */
    uint64_t restores;
    uint64_t steps;
    int64_t virtual_ms;
} world_totals;

typedef struct world world;
typedef struct process process;

struct process {
    world *world;
    uint32_t number;
    bool is_dead;    /* killed: its calls do nothing any more               */
    bool is_leaving; /* asked to end                                        */
    bool is_opening; /* between the first and the last call of an open      */
    fiber *ingest;
    fiber *checkpoints; /* the engine's checkpoint thread, once it was made */
    mr_engine engine;
    bool wanted[WORLD_PARTITIONS_MAX]; /* what it was assigned, as far as it knows */
    mr_owned_shard *shards[WORLD_PARTITIONS_MAX];
    mr_event_batch batch;
    mr_error error; /* why it ended by itself */
};

struct world {
    uint64_t seed;
    bool is_verbose;
    sim_random random;
    uint64_t engine_random; /* of getrandom() */
    fake_calls calls;
    fake_disk *disk;
    fake_log *events;
    fake_log *dead_letters;
    fake_log *late;
    fake_log *alerts;
    mr_config config;
    mr_plan *plan;
    mr_hash_key key;
    mr_buffer control_key;
    uint32_t partitions;
    uint32_t process_count;
    process *processes[WORLD_PROCESSES_MAX]; /* NULL: not running */
    process *running;                        /* whose fiber runs; NULL: the world */
    process *looking;                        /* ... while the world looks at the disk */
    uint32_t owner[WORLD_PARTITIONS_MAX];   /* which process the partition was given to */
    mr_buffer epochs[WORLD_PARTITIONS_MAX]; /* under which it was ever opened           */
    uint64_t
        durable_epoch[WORLD_PARTITIONS_MAX]; /* what a restore must reach            */
    int64_t durable[WORLD_PARTITIONS_MAX];   /* ... and its next offset              */
    int64_t
        committed[WORLD_PARTITIONS_MAX]; /* what the group was told                  */
    int64_t disk_full_until;             /* step                                     */
    uint32_t flipped;                    /* inode with a damaged bit, 0: none        */
    bool is_loose;
    bool is_healed;
    /* How often things happen in this run, per mille of the steps. */
    uint32_t rate[WORLD_FAULTS];
    uint32_t rate_flip;
    uint32_t rate_retain;
    uint32_t rate_produce;
    uint32_t rate_yield; /* of the calls that give way to another fiber */
    uint32_t users;
    uint32_t poison_rate;
    int64_t event_ms; /* where the events' time has got to */
    uint64_t event_number;
    uint32_t records_left;
    int64_t step;
    uint32_t calls_to_crash; /* 0: none is due; the disk's calls until one            */
    bool is_crash_at_sync;
    bool is_crash_due;
    bool is_crash_of_all; /* power loss; else a kill                               */
    world_totals *totals;
    bool has_failed;
    char failure[512];
};

/* Say what happened, when it is wanted. */
void world_note(world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A promise was broken: the first one counts. */
void world_fail(world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The largest epoch in the names of a partition's files, as the disk is now. */
uint64_t world_newest_epoch(world *world, uint32_t partition);

/* Between true and false the world itself calls the engine's code: nothing fails or yields. */
void world_look(world *world, bool is_looking);

/* One run; true when all held, else `ret_failure` says what did not. */
bool world_run(uint64_t seed, bool is_verbose, world_totals *totals,
               char ret_failure[512]);

/* -- mishap.c -- */

void mishap_maybe(world *world); /* by the run's rates, once a step */
void mishap_kill(world *world, uint32_t number);
void mishap_reap(world *world, uint32_t number); /* a process that ended or is dead */
void mishap_lose_power(world *world);

/* The crash that was due at a call: of the process, or of all. */
void mishap_crash(world *world, uint32_t number, bool is_of_all);

/* -- process.c -- */

process *process_create(world *world, uint32_t number);
void process_end(process *process); /* dead or leaving: runs it to its end and frees it */
void process_step(process *process, bool of_checkpoints);
bool process_is_writing(const process *process);

/* -- traffic.c -- */

void traffic_produce(world *world, uint32_t count);

/* -- verdict.c -- */

/* With everything stopped and the disk as it is: does what is restored hold all promises? */
void verdict_check(world *world);

/* The rule by which the simulated model raises an alert for a user: of the id alone. */
bool verdict_is_alerted(mr_text user_id);

#endif
