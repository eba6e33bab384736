/* Compiled once a level with -DMR_VECTOR_LEVEL=<name>: see models/meson.build. */
#include "models/encoder_kernels.h"

#include <math.h>
#include <string.h>

typedef float lanes __attribute__((vector_size(64), aligned(4), may_alias));
typedef int32_t lane_bits __attribute__((vector_size(64)));
typedef uint8_t bytes __attribute__((vector_size(16), aligned(1), may_alias));

#define INLINE static inline __attribute__((always_inline))

static const float ADAM_FIRST = 0.9F;
static const float ADAM_FIRST_NEW = 0.1F;
static const float ADAM_SECOND = 0.999F;
static const float ADAM_SECOND_NEW = 0.001F; /* 1 less the float above is 5e-5 off */
static const float ADAM_EPSILON = 1e-8F;

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
    float part[MR_ENCODER_LANES];
    memcpy(part, &v, sizeof(part));
    for (size_t half = MR_ENCODER_LANES / 2; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++)
            part[i] += part[i + half];
    return part[0];
}

static float dot(const float *a, const float *b, size_t width)
{
    lanes even = {0};
    lanes odd = {0};
    size_t f = 0;
    for (; f + 2 * MR_ENCODER_LANES <= width; f += 2 * MR_ENCODER_LANES) {
        even += load(a + f) * load(b + f);
        odd += load(a + f + MR_ENCODER_LANES) * load(b + f + MR_ENCODER_LANES);
    }
    if (f < width)
        even += load(a + f) * load(b + f);
    return total(even + odd);
}

static void add(const float *row, float factor, size_t width, float *out)
{
    for (size_t f = 0; f < width; f += MR_ENCODER_LANES)
        store(out + f, load(out + f) + load(row + f) * factor);
}

static float normalise(const float *row, size_t width, float *out)
{
    const float length = sqrtf(dot(row, row, width));
    const float factor = length > 0.0F ? 1.0F / length : 0.0F;
    for (size_t f = 0; f < width; f += MR_ENCODER_LANES)
        store(out + f, load(row + f) * factor);
    return length;
}

/*
 * exp(x) = 2^n exp(r) with n the integer nearest x / log 2; the polynomial is the one of the
 * Cephes library's expf.  Adding and taking away 1.5 x 2^23 rounds to an integer.
 */
INLINE lanes exponential_of(lanes x)
{
    const lanes zero = {0};
    const lane_bits vanishes = (lane_bits)(x < zero - 87.0F);
    x = (lanes)((lane_bits)x & ~vanishes);
    const lanes n = (x * 1.44269504F + 12582912.0F) - 12582912.0F;
    const lanes r = (x - n * 0.693359375F) - n * -2.12194440e-4F;
    lanes p = r * 1.9875691500e-4F + 1.3981999507e-3F;
    p = p * r + 8.3334519073e-3F;
    p = p * r + 4.1665795894e-2F;
    p = p * r + 1.6666665459e-1F;
    p = p * r + 5.0000001201e-1F;
    p = p * r * r + r + 1.0F;
    const lane_bits power = (__builtin_convertvector(n, lane_bits) + 127) << 23;
    return (lanes)((lane_bits)(p * (lanes)power) & ~vanishes);
}

static float exponential(float *row, size_t count, float offset)
{
    lanes sum = {0};
    size_t i = 0;
    for (; i + MR_ENCODER_LANES <= count; i += MR_ENCODER_LANES) {
        const lanes e = exponential_of(load(row + i) + offset);
        store(row + i, e);
        sum += e;
    }
    if (i < count) {
        lanes rest = {0};
        rest -= INFINITY;
        memcpy(&rest, row + i, (count - i) * sizeof(*row));
        rest = exponential_of(rest + offset);
        memcpy(row + i, &rest, (count - i) * sizeof(*row));
        sum += rest;
    }
    return total(sum);
}

INLINE lane_bits kept(const uint8_t *noise, uint32_t threshold)
{
    const lane_bits value = __builtin_convertvector(*(const bytes *)noise, lane_bits);
    return (lane_bits)(value >= (int32_t)threshold);
}

static void drop(const float *row, const uint8_t *noise, uint32_t threshold, float scale,
                 size_t width, float *out)
{
    for (size_t f = 0; f < width; f += MR_ENCODER_LANES)
        store(out + f,
              (lanes)((lane_bits)(load(row + f) * scale) & kept(noise + f, threshold)));
}

static void add_kept(const float *x, float fx, const float *y, float fy,
                     const uint8_t *noise, uint32_t threshold, size_t width, float *out)
{
    for (size_t f = 0; f < width; f += MR_ENCODER_LANES) {
        const lanes sum = load(x + f) * fx + load(y + f) * fy;
        store(out + f,
              load(out + f) + (lanes)((lane_bits)sum & kept(noise + f, threshold)));
    }
}

static void adam(const mr_encoder_adam *step, const float *gradient, size_t width)
{
    float *restrict value = step->value;
    float *restrict first = step->first;
    float *restrict second = step->second;
    const float rate = step->rate;
    for (size_t f = 0; f < width; f++) {
        const float g = gradient[f];
        first[f] = ADAM_FIRST * first[f] + ADAM_FIRST_NEW * g;
        second[f] = ADAM_SECOND * second[f] + ADAM_SECOND_NEW * g * g;
        value[f] -= rate * first[f] / (sqrtf(second[f]) + ADAM_EPSILON);
    }
}

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define TEXT_(a) #a
#define TEXT(a) TEXT_(a)

extern const mr_encoder_kernels JOIN(mr_encoder_kernels_, MR_VECTOR_LEVEL);
const mr_encoder_kernels JOIN(mr_encoder_kernels_, MR_VECTOR_LEVEL) = {
    .name = TEXT(MR_VECTOR_LEVEL),
    .dot = dot,
    .add = add,
    .normalise = normalise,
    .exponential = exponential,
    .drop = drop,
    .add_kept = add_kept,
    .adam = adam,
};
