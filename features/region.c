#include "features/region.h"

#include <stdint.h>
#include <sys/mman.h>

/* The system backs only whole huge pages with one: without the rest of its last one, a region of
 * a little less than 2 MiB would lie on 512 small ones. */
static size_t length_of(size_t bytes)
{
    const size_t page_bytes =
        bytes < MR_REGION_ALIGNMENT / 2 ? 4096 : MR_REGION_ALIGNMENT;
    return (bytes + page_bytes - 1) / page_bytes * page_bytes;
}

void *mr_region_map(size_t bytes)
{
    const size_t length = length_of(bytes);
    const size_t room = length + MR_REGION_ALIGNMENT;
    void *mapped = mmap(NULL, room, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED)
        return NULL;

    /* Map more than needed and give back the ends: mmap() alone promises 4 KiB only. */
    uint8_t *start = mapped;
    const size_t past = (uintptr_t)start % MR_REGION_ALIGNMENT;
    const size_t head = past == 0 ? 0 : MR_REGION_ALIGNMENT - past;
    if (head > 0)
        (void)munmap(start, head);
    if (room > head + length)
        (void)munmap(start + head + length, room - head - length);
    (void)madvise(start + head, length, MADV_HUGEPAGE); /* a wish, not a need */
    return start + head;
}

void mr_region_unmap(void *region, size_t bytes)
{
    if (region != NULL)
        (void)munmap(region, length_of(bytes));
}
