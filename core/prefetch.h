/*
 * Prefetch: ask for a cache line that will be read or written soon.
 *
 * A compiler may take a function that does nothing but prefetch for one without any effect and
 * drop the calls, as gcc 12 does.  The empty statement behind the request is an effect.
 *
 * Units      One line of 64 bytes.
 * Ownership  None: an address that is not mapped is no error.
 * Threads    Any.
 * Cost       One instruction, and one of the few misses a core can wait for at a time.
 */
#ifndef MR_CORE_PREFETCH_H
#define MR_CORE_PREFETCH_H

static inline void mr_prefetch(const void *address)
{
    __builtin_prefetch(address);
    __asm__ volatile("");
}

/* The same for a line that will be written. */
static inline void mr_prefetch_write(const void *address)
{
    __builtin_prefetch(address, 1);
    __asm__ volatile("");
}

#endif
