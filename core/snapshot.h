/*
 * Snapshot: an immutable object that is replaced while others read it.
 *
 * A holder has one current object.  Readers acquire it, use it for a whole request, and release
 * it; the writer swaps in a new one, and the old one is destroyed when its last reader lets go.
 * Models and catalogues are published this way: a request never sees two versions.
 *
 * Units      None.
 * Ownership  mr_snapshot_swap() takes the object; the destroy function given at swap frees it.
 * Threads    Any reader, any writer.  Acquire takes a short spin lock of the holder (tens of
 *            ns); it is for requests and scorers, never for the event path.
 * Cost       Two atomic operations an acquire, one a release.
 */
#ifndef MR_CORE_SNAPSHOT_H
#define MR_CORE_SNAPSHOT_H

#include "core/status.h"

typedef struct mr_snapshot_holder mr_snapshot_holder;
typedef struct mr_snapshot mr_snapshot;

MR_MUST_USE mr_status mr_snapshot_holder_create(mr_snapshot_holder **ret_holder);

/* NULL allowed.  Lets go of the current object; acquired ones live on until released. */
void mr_snapshot_holder_destroy(mr_snapshot_holder *holder);

/*
 * Make `object` the current one.  Takes it: `destroy(object)` runs when nobody holds it any
 * more.  MR_ERR_NO_MEMORY: nothing is changed and the caller still owns `object`.
 */
MR_MUST_USE mr_status mr_snapshot_swap(mr_snapshot_holder *holder, void *object,
                                       void (*destroy)(void *object));

/* The current snapshot, or NULL while there is none.  Release it, on any thread. */
mr_snapshot *mr_snapshot_acquire(mr_snapshot_holder *holder);
const void *mr_snapshot_object(const mr_snapshot *snapshot); /* lends until release */
void mr_snapshot_release(mr_snapshot *snapshot);             /* NULL allowed */

#endif
