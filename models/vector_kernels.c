/* Compiled once a level with -DMR_VECTOR_LEVEL=<name>: see models/meson.build. */
#include "models/vector.h"

#include <math.h>
#include <string.h>

typedef float lanes __attribute__((vector_size(64), may_alias));
typedef int32_t lane_bits __attribute__((vector_size(64)));
typedef float loose __attribute__((vector_size(64), aligned(4), may_alias));

enum {
    AHEAD = 6,            /* rows prefetched ahead on the first, cold pass */
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

/* Halves folded onto each other, so that the order is the same at every level. */
INLINE float total(lanes v)
{
    float part[MR_VECTOR_FLOATS];
    memcpy(part, &v, sizeof(part));
    for (size_t half = MR_VECTOR_FLOATS / 2; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++)
            part[i] += part[i + half];
    return part[0];
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

/* Four rows at a time: four dots hide each other's latency, and x and the sums are read once. */
static void product(const mr_vector_rows *rows, size_t width, const float *x, float *out)
{
    memset(out, 0, width * sizeof(*out));
    size_t i = 0;
    for (; i + 4 <= rows->count; i += 4) {
        const float *r0 = row_at(rows, i);
        const float *r1 = row_at(rows, i + 1);
        const float *r2 = row_at(rows, i + 2);
        const float *r3 = row_at(rows, i + 3);
        lanes d0 = {0};
        lanes d1 = {0};
        lanes d2 = {0};
        lanes d3 = {0};
        for (size_t f = 0; f < width; f += MR_VECTOR_FLOATS) {
            const lanes v = load(x + f);
            d0 += load(r0 + f) * v;
            d1 += load(r1 + f) * v;
            d2 += load(r2 + f) * v;
            d3 += load(r3 + f) * v;
        }
        const float t0 = total(d0) * weight_at(rows, i);
        const float t1 = total(d1) * weight_at(rows, i + 1);
        const float t2 = total(d2) * weight_at(rows, i + 2);
        const float t3 = total(d3) * weight_at(rows, i + 3);
        for (size_t f = 0; f < width; f += MR_VECTOR_FLOATS)
            store(out + f, load(out + f) + load(r0 + f) * t0 + load(r1 + f) * t1 +
                               load(r2 + f) * t2 + load(r3 + f) * t3);
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
    for (size_t i = 0; i < AHEAD; i++)
        prefetch_row(rows, i, width);
    for (size_t i = 0; i < rows->count; i++) {
        prefetch_row(rows, i + AHEAD, width);
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

/* Row j of U is final once the rows above have been taken out of it; each is taken out along
 * whole lanes, starting at the lane that holds the diagonal. */
static bool solve_upper(float *a, size_t stride, size_t n, float *b)
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
        b[j] *= inverse;
        for (size_t k = j + 1; k < n; k++)
            b[k] -= row[k] * b[j];
    }
    for (size_t j = n; j-- > 0;) {
        const float *row = a + j * stride;
        float rest = 0.0F;
        for (size_t k = j + 1; k < n; k++)
            rest += row[k] * b[k];
        b[j] = (b[j] - rest) / row[j];
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
    .blend = blend,
    .solve_upper = solve_upper,
};
