#include "models/encoder_kernels.h"

#include "models/vector.h"

extern const mr_encoder_kernels mr_encoder_kernels_baseline;

#if defined(__x86_64__)
extern const mr_encoder_kernels mr_encoder_kernels_avx2;
extern const mr_encoder_kernels mr_encoder_kernels_avx512;

static const mr_encoder_kernels *const LEVELS[] = {
    &mr_encoder_kernels_baseline, &mr_encoder_kernels_avx2, &mr_encoder_kernels_avx512};
#else
static const mr_encoder_kernels *const LEVELS[] = {&mr_encoder_kernels_baseline};
#endif

const mr_encoder_kernels *const *mr_encoder_kernels_all(size_t *ret_count)
{
    (void)mr_vector_kernels_all(ret_count); /* the same levels, compiled alike */
    return LEVELS;
}

const mr_encoder_kernels *mr_encoder_kernels_best(void)
{
    size_t count = 0;
    const mr_encoder_kernels *const *all = mr_encoder_kernels_all(&count);
    return all[count - 1];
}
