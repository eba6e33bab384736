/* Compiled once a level with -DMR_VECTOR_LEVEL=<name>: see models/meson.build. */
#include "models/vector.h"

#include <math.h>
#include <string.h>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

typedef float lanes __attribute__((vector_size(64), may_alias));
typedef int32_t lane_bits __attribute__((vector_size(64)));
typedef float loose __attribute__((vector_size(64), aligned(4), may_alias));

enum {
    AHEAD = 8,            /* rows prefetched ahead on the first, cold pass */
    MOMENT_FLOATS = 1024, /* summed in float before they go into a double  */
};

#define INLINE static inline __attribute__((always_inline))

INLINE const float *row_at(const mr_vector_rows *rows, size_t i)
{
    return rows->base + (size_t)rows->index[i] * rows->stride;
}

INLINE float weight_at(const mr_vector_rows *rows, size_t i)
{
    return rows->weights != NULL ? rows->weights[i] : 1.0F;
}

INLINE lanes load(const float *at)
{
    return *(const lanes *)at;
}

INLINE void store(float *at, lanes value)
{
    *(lanes *)at = value;
}

typedef int32_t lane_picks __attribute__((vector_size(64)));

static const lane_picks SWAP2 = {2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13};
static const lane_picks SWAP1 = {1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14};

/* Halves folded onto each other, so that the order is the same at every level. */
INLINE float total(lanes v)
{
    static const lane_picks swap8 = {8, 9, 10, 11, 12, 13, 14, 15,
                                     0, 1, 2,  3,  4,  5,  6,  7};
    static const lane_picks swap4 = {4,  5,  6,  7,  0, 1, 2,  3,
                                     12, 13, 14, 15, 8, 9, 10, 11};
    v += __builtin_shuffle(v, swap8);
    v += __builtin_shuffle(v, swap4);
    v += __builtin_shuffle(v, SWAP2);
    v += __builtin_shuffle(v, SWAP1);
    return v[0];
}

/* Totals of four at once, each in the order of total(): the folds share their instructions. */
INLINE void totals(const lanes v[4], float ret_totals[4])
{
    static const lane_picks low8 = {0,  1,  2,  3,  4,  5,  6,  7,
                                    16, 17, 18, 19, 20, 21, 22, 23};
    static const lane_picks high8 = {8,  9,  10, 11, 12, 13, 14, 15,
                                     24, 25, 26, 27, 28, 29, 30, 31};
    static const lane_picks low4 = {0,  1,  2,  3,  8,  9,  10, 11,
                                    16, 17, 18, 19, 24, 25, 26, 27};
    static const lane_picks high4 = {4,  5,  6,  7,  12, 13, 14, 15,
                                     20, 21, 22, 23, 28, 29, 30, 31};
    const lanes a =
        __builtin_shuffle(v[0], v[1], low8) + __builtin_shuffle(v[0], v[1], high8);
    const lanes b =
        __builtin_shuffle(v[2], v[3], low8) + __builtin_shuffle(v[2], v[3], high8);
    lanes c = __builtin_shuffle(a, b, low4) + __builtin_shuffle(a, b, high4);
    c += __builtin_shuffle(c, SWAP2);
    c += __builtin_shuffle(c, SWAP1);
    for (size_t i = 0; i < 4; i++)
        ret_totals[i] = c[i * 4];
}

INLINE void prefetch_row(const mr_vector_rows *rows, size_t i, size_t width)
{
    if (i >= rows->count)
        return;
    const float *row = row_at(rows, i);
    for (size_t f = 0; f < width; f += MR_VECTOR_FLOATS)
        __builtin_prefetch(row + f);
}

static void gather(const mr_vector_rows *rows, size_t width, const float *scale,
                   float *out)
{
    for (size_t i = 0; i < AHEAD; i++)
        prefetch_row(rows, i, width);
    for (size_t i = 0; i < rows->count; i++) {
        prefetch_row(rows, i + AHEAD, width);
        const float *row = row_at(rows, i);
        const float root = rows->weights != NULL ? sqrtf(rows->weights[i]) : 1.0F;
        for (size_t f = 0; f < width; f += MR_VECTOR_FLOATS)
            store(out + i * width + f, load(row + f) * load(scale + f) * root);
    }
}

static void combine(const float *rows, size_t width, const float *coefficients,
                    size_t count, float *out)
{
    for (size_t f = 0; f < width; f += MR_VECTOR_FLOATS) {
        lanes even = {0};
        lanes odd = {0};
        size_t i = 0;
        for (; i + 2 <= count; i += 2) {
            even += load(rows + i * width + f) * coefficients[i];
            odd += load(rows + (i + 1) * width + f) * coefficients[i + 1];
        }
        if (i < count)
            even += load(rows + i * width + f) * coefficients[i];
        store(out + f, even + odd);
    }
}

INLINE float dot_of(const float *a, const float *b, size_t width)
{
    lanes even = {0};
    lanes odd = {0};
    size_t f = 0;
    for (; f + 2 * MR_VECTOR_FLOATS <= width; f += 2 * MR_VECTOR_FLOATS) {
        even += load(a + f) * load(b + f);
        odd += load(a + f + MR_VECTOR_FLOATS) * load(b + f + MR_VECTOR_FLOATS);
    }
    if (f < width)
        even += load(a + f) * load(b + f);
    return total(even + odd);
}

static float dot(const float *a, const float *b, size_t width)
{
    return dot_of(a, b, width);
}

/* Comparisons give lanes of ones, which only the instruction set can gather into bits. */
static uint64_t above_zero(const float *row)
{
    uint64_t bits = 0;
#if defined(__AVX512F__)
    for (uint32_t i = 0; i < 64; i += 16)
        bits |= (uint64_t)_mm512_cmp_ps_mask(_mm512_load_ps(row + i), _mm512_setzero_ps(),
                                             _CMP_GT_OQ)
                << i;
#elif defined(__AVX2__)
    for (uint32_t i = 0; i < 64; i += 8)
        bits |= (uint64_t)(uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(
                    _mm256_load_ps(row + i), _mm256_setzero_ps(), _CMP_GT_OQ))
                << i;
#else
    for (uint32_t i = 0; i < 64; i++)
        bits |= (uint64_t)(row[i] > 0.0F) << i;
#endif
    return bits;
}

static float maximum(const float *row, size_t count)
{
    float best = -INFINITY;
    size_t i = 0;
    if (count >= MR_VECTOR_FLOATS) {
        lanes most = *(const loose *)row;
        for (i = MR_VECTOR_FLOATS; i + MR_VECTOR_FLOATS <= count; i += MR_VECTOR_FLOATS) {
            const lanes v = *(const loose *)(row + i);
            const lane_bits larger = (lane_bits)(v > most);
            most = (lanes)(((lane_bits)v & larger) | ((lane_bits)most & ~larger));
        }
        for (size_t l = 0; l < MR_VECTOR_FLOATS; l++)
            best = most[l] > best ? most[l] : best;
    }
    for (; i < count; i++)
        best = row[i] > best ? row[i] : best;
    return best;
}

static void moments(const float *row, size_t count, double *ret_sum, double *ret_squares)
{
    double sum = 0.0;
    double squares = 0.0;
    size_t i = 0;
    while (i + MR_VECTOR_FLOATS <= count) {
        lanes part = {0};
        lanes part_squares = {0};
        const size_t left = count - i;
        const size_t end = i + (left < MOMENT_FLOATS ? left : MOMENT_FLOATS);
        for (; i + MR_VECTOR_FLOATS <= end; i += MR_VECTOR_FLOATS) {
            const lanes v = *(const loose *)(row + i);
            part += v;
            part_squares += v * v;
        }
        sum += (double)total(part);
        squares += (double)total(part_squares);
    }
    for (; i < count; i++) {
        sum += (double)row[i];
        squares += (double)row[i] * (double)row[i];
    }
    *ret_sum = sum;
    *ret_squares = squares;
}

static void blend(const float *row, size_t count, float offset, float factor, bool keep,
                  float *out)
{
    size_t i = 0;
    for (; keep && i + MR_VECTOR_FLOATS <= count; i += MR_VECTOR_FLOATS)
        *(loose *)(out + i) += (*(const loose *)(row + i) - offset) * factor;
    for (; i + MR_VECTOR_FLOATS <= count; i += MR_VECTOR_FLOATS)
        *(loose *)(out + i) = (*(const loose *)(row + i) - offset) * factor;
    for (; i < count; i++)
        out[i] = (keep ? out[i] : 0.0F) + (row[i] - offset) * factor;
}

/* Weighted dots of x with four rows from row i on; prefetches the four after next when `cold`. */
INLINE void dots_of_four(const mr_vector_rows *rows, size_t i, size_t width,
                         const float *x, bool cold, const float *r[4], float ret_dots[4])
{
    lanes sums[4] = {{0}, {0}, {0}, {0}};
    for (size_t k = 0; k < 4; k++) {
        r[k] = row_at(rows, i + k);
        if (cold)
            prefetch_row(rows, i + AHEAD + k, width);
    }
    for (size_t f = 0; f < width; f += MR_VECTOR_FLOATS) {
        const lanes v = load(x + f);
        for (size_t k = 0; k < 4; k++)
            sums[k] += load(r[k] + f) * v;
    }
    totals(sums, ret_dots);
    for (size_t k = 0; k < 4 && rows->weights != NULL; k++)
        ret_dots[k] *= rows->weights[i + k];
}

/* Four rows at a time: four dots hide each other's latency, and x and the sums are read once. */
static void product(const mr_vector_rows *rows, size_t width, const float *x, float *out)
{
    memset(out, 0, width * sizeof(*out));
    size_t i = 0;
    for (; i + 4 <= rows->count; i += 4) {
        const float *r[4];
        float t[4];
        dots_of_four(rows, i, width, x, false, r, t);
        for (size_t f = 0; f < width; f += MR_VECTOR_FLOATS)
            store(out + f,
                  (load(out + f) + load(r[0] + f) * t[0] + load(r[1] + f) * t[1]) +
                      (load(r[2] + f) * t[2] + load(r[3] + f) * t[3]));
    }
    for (; i < rows->count; i++) {
        const float *row = row_at(rows, i);
        const float t = dot_of(row, x, width) * weight_at(rows, i);
        for (size_t f = 0; f < width; f += MR_VECTOR_FLOATS)
            store(out + f, load(out + f) + load(row + f) * t);
    }
}

static void open_pass(const mr_vector_rows *rows, size_t width, const float *x,
                      float *sum, float *square, float *out)
{
    memset(sum, 0, width * sizeof(*sum));
    memset(square, 0, width * sizeof(*square));
    memset(out, 0, width * sizeof(*out));
    size_t i = 0;
    for (; i < AHEAD; i++)
        prefetch_row(rows, i, width);
    for (i = 0; i + 4 <= rows->count; i += 4) {
        const float *r[4];
        float t[4];
        dots_of_four(rows, i, width, x, true, r, t);
        const float w[4] = {weight_at(rows, i), weight_at(rows, i + 1),
                            weight_at(rows, i + 2), weight_at(rows, i + 3)};
        for (size_t f = 0; f < width; f += MR_VECTOR_FLOATS) {
            lanes own_sum = load(sum + f);
            lanes own_square = load(square + f);
            lanes own_out = load(out + f);
            for (size_t k = 0; k < 4; k++) {
                const lanes z = load(r[k] + f);
                const lanes weighed = z * w[k];
                own_sum += weighed;
                own_square += z * weighed;
                own_out += z * t[k];
            }
            store(sum + f, own_sum);
            store(square + f, own_square);
            store(out + f, own_out);
        }
    }
    for (; i < rows->count; i++) {
        const float *row = row_at(rows, i);
        const float weight = weight_at(rows, i);
        const float t = dot_of(row, x, width) * weight;
        for (size_t f = 0; f < width; f += MR_VECTOR_FLOATS) {
            const lanes z = load(row + f);
            store(sum + f, load(sum + f) + z * weight);
            store(square + f, load(square + f) + z * z * weight);
            store(out + f, load(out + f) + z * t);
        }
    }
}

#if defined(__AVX512F__)
enum { TILE_ROWS = 4 }; /* 16 sums of a tile fit in registers */
#else
enum { TILE_ROWS = 1 };
#endif
enum { TILE_COLUMNS = 4 };

/* Products of TILE_ROWS rows with four others; rows from `count` on are the last one again. */
INLINE void multiply_tile(const float *rows, size_t width, size_t count, size_t first_row,
                          size_t first_column, float *out, size_t stride)
{
    const float *r[TILE_ROWS];
    const float *c[TILE_COLUMNS];
    lanes sums[TILE_ROWS][TILE_COLUMNS];
#pragma GCC unroll 4
    for (size_t i = 0; i < TILE_ROWS; i++)
        r[i] = rows + (first_row + i < count ? first_row + i : count - 1) * width;
#pragma GCC unroll 4
    for (size_t j = 0; j < TILE_COLUMNS; j++)
        c[j] = rows + (first_column + j < count ? first_column + j : count - 1) * width;
#pragma GCC unroll 4
    for (size_t i = 0; i < TILE_ROWS; i++)
#pragma GCC unroll 4
        for (size_t j = 0; j < TILE_COLUMNS; j++)
            sums[i][j] = (lanes){0};
    for (size_t f = 0; f < width; f += MR_VECTOR_FLOATS) {
        lanes other[TILE_COLUMNS];
#pragma GCC unroll 4
        for (size_t j = 0; j < TILE_COLUMNS; j++)
            other[j] = load(c[j] + f);
#pragma GCC unroll 4
        for (size_t i = 0; i < TILE_ROWS; i++) {
            const lanes own = load(r[i] + f);
#pragma GCC unroll 4
            for (size_t j = 0; j < TILE_COLUMNS; j++)
                sums[i][j] += own * other[j];
        }
    }
#pragma GCC unroll 4
    for (size_t i = 0; i < TILE_ROWS; i++) {
        float row[TILE_COLUMNS];
        totals(sums[i], row);
        if (first_row + i < count)
            memcpy(out + (first_row + i) * stride + first_column, row, sizeof(row));
    }
}

static void gram(const float *rows, size_t width, size_t count, float *out, size_t stride)
{
    for (size_t i = 0; i < count; i += TILE_ROWS)
        for (size_t j = i / TILE_COLUMNS * TILE_COLUMNS; j < count; j += TILE_COLUMNS)
            multiply_tile(rows, width, count, i, j, out, stride);
}

/*
 * Row j of U is final once the rows above have been taken out of it; each is taken out along
 * whole lanes, starting at the lane that holds the diagonal.  What that does left of a diagonal
 * is never read.  b goes along as one more column; `ret_right` is U'^-1 b.
 */
static bool factor_upper(float *a, size_t stride, size_t n, float *b, float *ret_inverses,
                         float *ret_right)
{
    for (size_t j = 0; j < n; j++) {
        float *row = a + j * stride;
        if (!(row[j] > 0.0F) || !isfinite(row[j]))
            return false;
        const float inverse = 1.0F / sqrtf(row[j]);
        const size_t first = j / MR_VECTOR_FLOATS * MR_VECTOR_FLOATS;
        for (size_t k = first; k < n; k += MR_VECTOR_FLOATS)
            store(row + k, load(row + k) * inverse);
        for (size_t i = j + 1; i < n; i++) {
            float *below = a + i * stride;
            const float factor = row[i];
            for (size_t k = i / MR_VECTOR_FLOATS * MR_VECTOR_FLOATS; k < n;
                 k += MR_VECTOR_FLOATS)
                store(below + k, load(below + k) - load(row + k) * factor);
        }
        ret_inverses[j] = inverse;
        ret_right[j] = b[j] * inverse;
        for (size_t k = first; k < n; k += MR_VECTOR_FLOATS)
            store(b + k, load(b + k) - load(row + k) * ret_right[j]);
    }
    return true;
}

/* b is zero behind n and, while row j is at work, up to j: so whole lanes may be summed. */
static bool solve_upper(float *a, size_t stride, size_t n, float *b)
{
    float inverses[MR_VECTOR_SOLVE_MAX];
    float right[MR_VECTOR_SOLVE_MAX];
    if (!factor_upper(a, stride, n, b, inverses, right))
        return false;
    memset(b, 0, (n + MR_VECTOR_FLOATS - 1) / MR_VECTOR_FLOATS * sizeof(lanes));
    for (size_t j = n; j-- > 0;) {
        lanes rest = {0};
        for (size_t k = j / MR_VECTOR_FLOATS * MR_VECTOR_FLOATS; k < n;
             k += MR_VECTOR_FLOATS)
            rest += load(a + j * stride + k) * load(b + k);
        b[j] = (right[j] - total(rest)) * inverses[j];
    }
    return true;
}

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define TEXT_(a) #a
#define TEXT(a) TEXT_(a)

extern const mr_vector_kernels JOIN(mr_vector_kernels_, MR_VECTOR_LEVEL);
const mr_vector_kernels JOIN(mr_vector_kernels_, MR_VECTOR_LEVEL) = {
    .name = TEXT(MR_VECTOR_LEVEL),
    .gather = gather,
    .combine = combine,
    .open = open_pass,
    .product = product,
    .dot = dot,
    .maximum = maximum,
    .moments = moments,
    .above_zero = above_zero,
    .blend = blend,
    .gram = gram,
    .solve_upper = solve_upper,
};
