#include "core/ring.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CACHE_LINE_BYTES = 64 };

/* Positions count for ever and wrap with size_t; slot = position & mask. */
struct mr_ring {
    /* Written at creation only, so both sides may keep the line. */
    _Alignas(CACHE_LINE_BYTES) unsigned char *slots;
    size_t element_bytes;
    size_t mask;

    /* The producer's line. */
    _Alignas(CACHE_LINE_BYTES) _Atomic size_t tail; /* elements pushed, ever */
    size_t head_seen;                               /* an old `head`, never ahead of it */

    /* The consumer's line. */
    _Alignas(CACHE_LINE_BYTES) _Atomic size_t head; /* elements popped, ever */
    size_t tail_seen;                               /* an old `tail`, never ahead of it */
};

mr_status mr_ring_create(size_t capacity, size_t element_bytes, mr_ring **ret_ring)
{
    if (capacity == 0 || capacity > SIZE_MAX / 4 || element_bytes == 0)
        return MR_ERR_INVALID;
    size_t slots = 1;
    while (slots < capacity)
        slots *= 2;

    mr_ring *ring = aligned_alloc(CACHE_LINE_BYTES, sizeof(*ring));
    if (ring == NULL)
        return MR_ERR_NO_MEMORY;
    memset(ring, 0, sizeof(*ring));
    ring->slots = reallocarray(NULL, slots, element_bytes);
    if (ring->slots == NULL)
        goto fail;
    ring->element_bytes = element_bytes;
    ring->mask = slots - 1;
    atomic_init(&ring->head, 0);
    atomic_init(&ring->tail, 0);
    *ret_ring = ring;
    return MR_OK;

fail:
    mr_ring_destroy(ring);
    return MR_ERR_NO_MEMORY;
}

void mr_ring_destroy(mr_ring *ring)
{
    if (ring == NULL)
        return;
    free(ring->slots);
    free(ring);
}

mr_status mr_ring_push(mr_ring *ring, const void *element)
{
    /* Relaxed: only this thread writes `tail`. */
    const size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    if (tail - ring->head_seen > ring->mask) {
        /* Acquire: the consumer has read a slot before it counts it free, so what we
         * write into the slot now cannot reach that read. */
        ring->head_seen = atomic_load_explicit(&ring->head, memory_order_acquire);
        if (tail - ring->head_seen > ring->mask)
            return MR_ERR_FULL;
    }
    memcpy(ring->slots + (tail & ring->mask) * ring->element_bytes, element,
           ring->element_bytes);
    /* Release: who sees the new `tail` sees the element too. */
    atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
    return MR_OK;
}

size_t mr_ring_pop(mr_ring *ring, void *ret_elements, size_t count)
{
    /* Relaxed: only this thread writes `head`. */
    const size_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    if (ring->tail_seen - head < count) {
        /* Acquire: pairs with the release of push, so the elements counted are there. */
        ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
    }
    const size_t waiting = ring->tail_seen - head;
    const size_t taken = waiting < count ? waiting : count;
    if (taken == 0)
        return 0;

    const size_t slot = head & ring->mask;
    const size_t to_end = ring->mask + 1 - slot;
    const size_t first = taken < to_end ? taken : to_end;
    memcpy(ret_elements, ring->slots + slot * ring->element_bytes,
           first * ring->element_bytes);
    if (first < taken)
        memcpy((unsigned char *)ret_elements + first * ring->element_bytes, ring->slots,
               (taken - first) * ring->element_bytes);
    /* Release: our reads of the slots are done before the producer may see them free. */
    atomic_store_explicit(&ring->head, head + taken, memory_order_release);
    return taken;
}

size_t mr_ring_count(const mr_ring *ring)
{
    /* Relaxed: a number alone is promised, and no element is read on the strength of it.
     * Each side knows its own index exactly, so the difference is within 0 .. capacity.
     */
    const size_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    return atomic_load_explicit(&ring->tail, memory_order_relaxed) - head;
}
