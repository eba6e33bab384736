#include "bench/counters.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_counter(uint64_t event)
{
    struct perf_event_attr attributes = {.type = PERF_TYPE_HARDWARE,
                                         .size = sizeof(attributes),
                                         .config = event,
                                         .exclude_kernel = 1,
                                         .exclude_hv = 1};
    return (int)syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0);
}

mr_counters mr_counters_open(void)
{
    return (mr_counters){.instructions = open_counter(PERF_COUNT_HW_INSTRUCTIONS),
                         .cache_misses = open_counter(PERF_COUNT_HW_CACHE_MISSES)};
}

void mr_counters_close(mr_counters *counters)
{
    if (counters->instructions >= 0)
        (void)close(counters->instructions);
    if (counters->cache_misses >= 0)
        (void)close(counters->cache_misses);
    *counters = (mr_counters){-1, -1};
}

static bool read_counter(int descriptor, uint64_t *ret_count)
{
    return descriptor >= 0 &&
           read(descriptor, ret_count, sizeof(*ret_count)) == (ssize_t)sizeof(*ret_count);
}

mr_counts mr_counters_read(const mr_counters *counters)
{
    mr_counts counts = {0};
    counts.is_counted = read_counter(counters->instructions, &counts.instructions) &&
                        read_counter(counters->cache_misses, &counts.cache_misses);
    return counts;
}
