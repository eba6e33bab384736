#include "models/int8_kernels.h"

#include <stdbool.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* ---- as it is defined ---- */

static void multiply_scalar(const mr_int8_block *block, const mr_int8_users *users,
                            float *tile, size_t tile_stride)
{
    for (size_t g = 0; g < block->groups; g++)
        for (size_t u = 0; u < users->count; u++) {
            const uint8_t *codes = block->codes + g * MR_INT8_GROUP * block->width;
            const int8_t *user = users->codes + u * block->width;
            int32_t sums[MR_INT8_GROUP];
            for (size_t i = 0; i < MR_INT8_GROUP; i++)
                sums[i] = users->starts[u];
            for (size_t f = 0; f < block->width; f += 4, codes += MR_INT8_GROUP * 4)
                for (size_t i = 0; i < MR_INT8_GROUP; i++)
                    for (size_t c = 0; c < 4; c++)
                        sums[i] += codes[i * 4 + c] * user[f + c];
            for (size_t i = 0; i < MR_INT8_GROUP; i++)
                tile[u * tile_stride + g * MR_INT8_GROUP + i] =
                    block->scales[g * MR_INT8_GROUP + i] * (float)sums[i];
        }
}

static const mr_int8_kernel SCALAR = {
    .name = "scalar", .user_code_max = MR_INT8_CODE_MAX, .multiply = multiply_scalar};

#if defined(__x86_64__)

/* Four codes as the one word that is broadcast. */
static inline int32_t word_at(const int8_t *codes)
{
    int32_t word;
    memcpy(&word, codes, sizeof(word));
    return word;
}

/* ---- AVX2: maddubs adds pairs in 16 bits, so user codes stay within 64 ---- */

enum { AVX2_USERS = 4, AVX2_CODE_MAX = 64 };

__attribute__((target("avx2"), always_inline)) static inline void multiply_avx2_panel(
    const mr_int8_block *block, const int8_t *users, const int32_t *starts, size_t count,
    float *tile, size_t tile_stride)
{
    const __m256i ones = _mm256_set1_epi16(1);
    for (size_t g = 0; g < block->groups; g++) {
        const uint8_t *codes = block->codes + g * MR_INT8_GROUP * block->width;
        const float *scales = block->scales + g * MR_INT8_GROUP;
        __m256i low[AVX2_USERS];
        __m256i high[AVX2_USERS];
#pragma GCC unroll 4
        for (size_t u = 0; u < count; u++)
            low[u] = high[u] = _mm256_set1_epi32(starts[u]);
        for (size_t f = 0; f < block->width; f += 4, codes += MR_INT8_GROUP * 4) {
            const __m256i first = _mm256_loadu_si256((const __m256i *)codes);
            const __m256i second = _mm256_loadu_si256((const __m256i *)(codes + 32));
#pragma GCC unroll 4
            for (size_t u = 0; u < count; u++) {
                const __m256i user =
                    _mm256_set1_epi32(word_at(users + u * block->width + f));
                const __m256i a = _mm256_maddubs_epi16(first, user);
                const __m256i b = _mm256_maddubs_epi16(second, user);
                low[u] = _mm256_add_epi32(low[u], _mm256_madd_epi16(a, ones));
                high[u] = _mm256_add_epi32(high[u], _mm256_madd_epi16(b, ones));
            }
        }
#pragma GCC unroll 4
        for (size_t u = 0; u < count; u++) {
            float *row = tile + u * tile_stride + g * MR_INT8_GROUP;
            _mm256_storeu_ps(
                row, _mm256_mul_ps(_mm256_loadu_ps(scales), _mm256_cvtepi32_ps(low[u])));
            _mm256_storeu_ps(row + 8, _mm256_mul_ps(_mm256_loadu_ps(scales + 8),
                                                    _mm256_cvtepi32_ps(high[u])));
        }
    }
}

__attribute__((target("avx2"))) static void multiply_avx2(const mr_int8_block *block,
                                                          const mr_int8_users *users,
                                                          float *tile, size_t tile_stride)
{
    size_t u = 0;
    for (; u + AVX2_USERS <= users->count; u += AVX2_USERS)
        multiply_avx2_panel(block, users->codes + u * block->width, users->starts + u,
                            AVX2_USERS, tile + u * tile_stride, tile_stride);
    for (; u < users->count; u++)
        multiply_avx2_panel(block, users->codes + u * block->width, users->starts + u, 1,
                            tile + u * tile_stride, tile_stride);
}

static const mr_int8_kernel AVX2 = {
    .name = "avx2", .user_code_max = AVX2_CODE_MAX, .multiply = multiply_avx2};

/* ---- AVX-512 VNNI ---- */

#define VNNI "avx512f,avx512bw,avx512vl,avx512vnni"

/* Users by groups, at most 16 sums in registers: enough of them to hide an instruction's latency. */
__attribute__((target(VNNI), always_inline)) static inline void multiply_vnni_panel(
    const mr_int8_block *block, size_t group, size_t groups, const int8_t *users,
    const int32_t *starts, size_t count, float *tile, size_t tile_stride)
{
    const size_t width = block->width;
    const uint8_t *codes = block->codes + group * MR_INT8_GROUP * width;
    __m512i sums[16];
#pragma GCC unroll 8
    for (size_t u = 0; u < count; u++)
#pragma GCC unroll 8
        for (size_t g = 0; g < groups; g++)
            sums[u * groups + g] = _mm512_set1_epi32(starts[u]);
    for (size_t f = 0; f < width; f += 4) {
        __m512i items[8];
#pragma GCC unroll 8
        for (size_t g = 0; g < groups; g++)
            items[g] = _mm512_loadu_si512(codes + (g * width + f) * MR_INT8_GROUP);
            /* Eight short runs side by side are no stream that the processor would foresee.  For one
         * user there is nothing to do but wait for memory, so the next groups are asked for. */
#pragma GCC unroll 8
        for (size_t g = 0; g < groups && count == 1; g++)
            __builtin_prefetch(codes + ((groups + g) * width + f) * MR_INT8_GROUP, 0, 2);
#pragma GCC unroll 8
        for (size_t u = 0; u < count; u++) {
            const __m512i user = _mm512_set1_epi32(word_at(users + u * width + f));
#pragma GCC unroll 8
            for (size_t g = 0; g < groups; g++)
                sums[u * groups + g] =
                    _mm512_dpbusd_epi32(sums[u * groups + g], items[g], user);
        }
    }
#pragma GCC unroll 8
    for (size_t g = 0; g < groups; g++) {
        const size_t first = (group + g) * MR_INT8_GROUP;
        const __m512 scales = _mm512_loadu_ps(block->scales + first);
#pragma GCC unroll 8
        for (size_t u = 0; u < count; u++)
            _mm512_storeu_ps(
                tile + u * tile_stride + first,
                _mm512_mul_ps(scales, _mm512_cvtepi32_ps(sums[u * groups + g])));
    }
}

__attribute__((target(VNNI))) static void multiply_vnni(const mr_int8_block *block,
                                                        const mr_int8_users *users,
                                                        float *tile, size_t tile_stride)
{
    const size_t width = block->width;
    size_t u = 0;
    for (; u + 8 <= users->count; u += 8) {
        const int8_t *rows = users->codes + u * width;
        float *out = tile + u * tile_stride;
        size_t g = 0;
        for (; g + 2 <= block->groups; g += 2)
            multiply_vnni_panel(block, g, 2, rows, users->starts + u, 8, out,
                                tile_stride);
        for (; g < block->groups; g++)
            multiply_vnni_panel(block, g, 1, rows, users->starts + u, 8, out,
                                tile_stride);
    }
    for (; u < users->count; u++) {
        const int8_t *row = users->codes + u * width;
        float *out = tile + u * tile_stride;
        size_t g = 0;
        for (; g + 8 <= block->groups; g += 8)
            multiply_vnni_panel(block, g, 8, row, users->starts + u, 1, out, tile_stride);
        for (; g < block->groups; g++)
            multiply_vnni_panel(block, g, 1, row, users->starts + u, 1, out, tile_stride);
    }
}

static const mr_int8_kernel AVX512_VNNI = {
    .name = "avx512_vnni", .user_code_max = MR_INT8_CODE_MAX, .multiply = multiply_vnni};

static const mr_int8_kernel *const LEVELS[] = {&SCALAR, &AVX2, &AVX512_VNNI};

static size_t levels_here(void)
{
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2"))
        return 1;
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                   __builtin_cpu_supports("avx512vl") &&
                   __builtin_cpu_supports("avx512vnni")
               ? 3
               : 2;
}
#else
static const mr_int8_kernel *const LEVELS[] = {&SCALAR};

static size_t levels_here(void)
{
    return 1;
}
#endif

const mr_int8_kernel *mr_int8_kernel_best(void)
{
    return LEVELS[levels_here() - 1];
}

const mr_int8_kernel *const *mr_int8_kernels_all(size_t *ret_count)
{
    *ret_count = levels_here();
    return LEVELS;
}
