/*
 * Region: memory straight from the system, on huge pages where there are any.
 *
 * A region starts on a 2 MiB boundary, ends on one if it is of 1 MiB or more, and is zero.  Its
 * pages cost nothing until touched, so a store may hold one in reserve.
 *
 * Units      Sizes in bytes.
 * Ownership  The caller unmaps what it mapped, with the same size.
 * Threads    Any.
 * Cost       Two system calls.
 */
#ifndef MR_FEATURES_REGION_H
#define MR_FEATURES_REGION_H

#include <stddef.h>

enum { MR_REGION_ALIGNMENT = 2 << 20 };

void *mr_region_map(size_t bytes);                /* NULL when out of memory */
void mr_region_unmap(void *region, size_t bytes); /* NULL allowed */

#endif
