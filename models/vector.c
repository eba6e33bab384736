#include "models/vector.h"

extern const mr_vector_kernels mr_vector_kernels_baseline;

#if defined(__x86_64__)
extern const mr_vector_kernels mr_vector_kernels_avx2;
extern const mr_vector_kernels mr_vector_kernels_avx512;

static const mr_vector_kernels *const LEVELS[] = {
    &mr_vector_kernels_baseline, &mr_vector_kernels_avx2, &mr_vector_kernels_avx512};

static size_t levels_here(void)
{
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        return 1;
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                   __builtin_cpu_supports("avx512vl") &&
                   __builtin_cpu_supports("avx512bw")
               ? 3
               : 2;
}
#else
static const mr_vector_kernels *const LEVELS[] = {&mr_vector_kernels_baseline};

static size_t levels_here(void)
{
    return 1;
}
#endif

const mr_vector_kernels *mr_vector_kernels_best(void)
{
    return LEVELS[levels_here() - 1];
}

const mr_vector_kernels *const *mr_vector_kernels_all(size_t *ret_count)
{
    *ret_count = levels_here();
    return LEVELS;
}
