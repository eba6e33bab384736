/*
 * Fiber: a function that can be left in the middle and gone on with later.
 *
 * The engine's threads become fibers of one real thread: they run one at a time, change hands
 * only where the simulation says (at a call to the disk, the log or a condition), and in the
 * order that the seed says.  So a checkpoint stands still between two system calls while its
 * shard goes on, and the same seed does the same thing again.
 *
 * Units      None.
 * Ownership  fiber_create() to fiber_destroy(), after the function has returned.
 * Threads    One: the thread that uses fibers.
 * Cost       A switch is two system calls (the signal mask), under 1 us.
 */
#ifndef MR_TESTS_SIMULATION_FIBER_H
#define MR_TESTS_SIMULATION_FIBER_H

#include <stdbool.h>

typedef struct fiber fiber;

fiber *fiber_create(void (*run)(void *context), void *context);
void fiber_destroy(fiber *fiber); /* NULL allowed; a finished one */

/* Run until it yields or returns; from anywhere, even from another fiber. */
void fiber_resume(fiber *fiber);
bool fiber_is_finished(const fiber *fiber);

/* Back to whoever resumed this one.  Outside of a fiber it does nothing. */
void fiber_yield(void);

#endif
