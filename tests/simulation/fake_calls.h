/*
 * Fake calls: the engine's system calls, led to a fake disk, a virtual clock and fibers.
 *
 * The linker is told to send every call of open(), fsync(), rename() and the rest to the
 * functions of fake_calls.c (--wrap), so that the engine's own code runs as it is built for
 * production.  Paths below FAKE_ROOT and descriptors made from them go to the fake disk, all
 * others to the system.  docs/decisions/0013 says why no interface was put in between.
 *
 * Units      Times in ms and ns.
 * Ownership  The caller owns what is installed, until another is.
 * Threads    One.
 * Cost       A comparison a call, and the hook.
 */
#ifndef MR_TESTS_SIMULATION_FAKE_CALLS_H
#define MR_TESTS_SIMULATION_FAKE_CALLS_H

#include "tests/simulation/fake_disk.h"
#include "tests/simulation/fiber.h"

#define FAKE_ROOT "/simulation"

typedef struct fake_calls {
    fake_disk *disk;
    uint64_t *random_state; /* of getrandom(); NULL: the system's */
    int64_t wall_ms;        /* 0: the system's clocks */
    int64_t monotonic_ns;
    /* Before each call that reaches the disk: may yield, crash or end the run. */
    void (*before)(void *context, const char *call, const char *path);
    /* Whether the process that calls is dead: its calls fail with EIO and do nothing. */
    bool (*is_dead)(void *context);
    /* A thread was created; NULL: it is a real one. */
    void (*on_thread)(void *context, fiber *thread);
    void *context;
} fake_calls;

/* NULL: everything goes to the system. */
void fake_calls_install(fake_calls *calls);

#endif
