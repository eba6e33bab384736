/*
 * Ring: a bounded queue from one thread to one other.
 *
 * The two indices stand on cache lines of their own and each side keeps a copy of the other's,
 * so that a push or pop touches shared memory only when its copy runs out.  A full ring is
 * back-pressure: the producer pauses, nothing is dropped.
 *
 * Units      Capacity in elements, rounded up to a power of two.
 * Ownership  The ring owns the slots; elements are copied in and out.
 * Threads    One producer, one consumer.
 * Cost       One copy and one release store; no system call, no lock, no allocation.
 */
#ifndef MR_CORE_RING_H
#define MR_CORE_RING_H

#include "core/status.h"

#include <stddef.h>

typedef struct mr_ring mr_ring;

MR_MUST_USE mr_status mr_ring_create(size_t capacity, size_t element_bytes,
                                     mr_ring **ret_ring);
void mr_ring_destroy(mr_ring *ring); /* NULL allowed; both sides must have stopped */

/* MR_ERR_FULL when there is no free slot. */
MR_MUST_USE mr_status mr_ring_push(mr_ring *ring, const void *element);

/* Up to `count` elements into `ret_elements`; returns how many. */
size_t mr_ring_pop(mr_ring *ring, void *ret_elements, size_t count);

/* A snapshot of how many are waiting; either side may ask. */
size_t mr_ring_count(const mr_ring *ring);

#endif
