#include "bench/zipf.h"

#include "bench/bench.h"

#include <stdlib.h>

void mr_zipf_init(mr_zipf *ret_zipf, uint32_t count)
{
    double sum = 0.0;
    *ret_zipf = (mr_zipf){.shares = mr_bench_have(malloc(count * sizeof(double))),
                          .count = count};
    for (uint32_t i = 0; i < count; i++) {
        sum += 1.0 / (double)(i + 1);
        ret_zipf->shares[i] = sum;
    }
}

void mr_zipf_deinit(mr_zipf *zipf)
{
    free(zipf->shares);
    *zipf = (mr_zipf){0};
}

uint64_t mr_zipf_random(uint64_t *random)
{
    *random ^= *random << 13; /* xorshift64 [Marsaglia 2003] */
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random;
}

uint32_t mr_zipf_draw(const mr_zipf *zipf, uint64_t *random)
{
    const double point =
        (double)(mr_zipf_random(random) >> 11) * 0x1p-53 * zipf->shares[zipf->count - 1];
    uint32_t low = 0;
    uint32_t high = zipf->count - 1;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (zipf->shares[middle] < point)
            low = middle + 1;
        else
            high = middle;
    }
    return (uint32_t)((uint64_t)low * 2654435761U % zipf->count);
}
