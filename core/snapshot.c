#include "core/snapshot.h"

#include "core/assert.h"

#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

enum { SPINS_BEFORE_YIELD = 64 };

struct mr_snapshot {
    _Atomic size_t holds; /* the holder's own is one of them while it is current */
    void *object;
    void (*destroy)(void *object);
};

/* The lock covers the step from reading `current` to adding a hold: without it the last
 * hold could go away in between. */
struct mr_snapshot_holder {
    atomic_flag locked;
    mr_snapshot *current; /* under the lock */
};

static void lock(mr_snapshot_holder *holder)
{
    /* Acquire: what the last owner of the lock did to `current` is seen.  An owner does
     * two instructions' work, so only a preempted one keeps us longer: then give it the
     * core. */
    for (unsigned spins = 1;
         atomic_flag_test_and_set_explicit(&holder->locked, memory_order_acquire);
         spins++) {
        if (spins % SPINS_BEFORE_YIELD == 0)
            (void)sched_yield();
    }
}

static void unlock(mr_snapshot_holder *holder)
{
    /* Release: the next owner sees what we did to `current`, and the object behind it. */
    atomic_flag_clear_explicit(&holder->locked, memory_order_release);
}

mr_status mr_snapshot_holder_create(mr_snapshot_holder **ret_holder)
{
    mr_snapshot_holder *holder = calloc(1, sizeof(*holder));
    if (holder == NULL)
        return MR_ERR_NO_MEMORY;
    atomic_flag_clear(&holder->locked);
    *ret_holder = holder;
    return MR_OK;
}

void mr_snapshot_holder_destroy(mr_snapshot_holder *holder)
{
    if (holder == NULL)
        return;
    mr_snapshot_release(holder->current);
    free(holder);
}

mr_status mr_snapshot_swap(mr_snapshot_holder *holder, void *object,
                           void (*destroy)(void *object))
{
    MR_ASSERT(destroy != NULL);
    mr_snapshot *snapshot = malloc(sizeof(*snapshot));
    if (snapshot == NULL)
        return MR_ERR_NO_MEMORY;
    atomic_init(&snapshot->holds, 1);
    snapshot->object = object;
    snapshot->destroy = destroy;

    lock(holder);
    mr_snapshot *replaced = holder->current;
    holder->current = snapshot;
    unlock(holder);

    /* Outside the lock: destroying a model takes long. */
    mr_snapshot_release(replaced);
    return MR_OK;
}

mr_snapshot *mr_snapshot_acquire(mr_snapshot_holder *holder)
{
    lock(holder);
    mr_snapshot *snapshot = holder->current;
    if (snapshot != NULL) {
        /* Relaxed: the lock orders us behind the swap that published the object, and the
         * holder's own hold keeps the count above zero meanwhile. */
        atomic_fetch_add_explicit(&snapshot->holds, 1, memory_order_relaxed);
    }
    unlock(holder);
    return snapshot;
}

const void *mr_snapshot_object(const mr_snapshot *snapshot)
{
    return snapshot->object;
}

void mr_snapshot_release(mr_snapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    /* Release: our reads of the object come before its destruction by another thread.
     * Acquire: if we are the last, every other thread's reads come before our destroying
     * it. */
    if (atomic_fetch_sub_explicit(&snapshot->holds, 1, memory_order_acq_rel) == 1) {
        snapshot->destroy(snapshot->object);
        free(snapshot);
    }
}
