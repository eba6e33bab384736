#include "models/encoder_batch_internal.h"

#include "models/blas.h"
#include "models/random.h"

#include <math.h>
#include <string.h>

enum {
    NEGATIVES_A_TILE = 1024, /* of two products at a time: 64 x 1024 stay in the cache */
    NEGATIVES_AHEAD = 6,     /* rows asked for before they are needed                  */
    EXAMPLES_AHEAD = 2,
    NOISE_BYTES = 8, /* of one random number */
    LENGTH_MAX = MR_ENCODER_LENGTH_MAX,
};

/* Becomes exactly 0 once the exponential is taken. */
static const float NEVER = -1e30F;

/* ---- rows on their way ---- */

static const float *item_row(const mr_encoder_batch *batch, uint32_t item)
{
    return mr_dense_row(&batch->state->items, item);
}

/* Rows are drawn from all over a table larger than the caches. */
static void prefetch_row(const mr_encoder_batch *batch, uint32_t item, size_t parts)
{
    const float *values = item_row(batch, item);
    for (size_t f = 0; f < parts * batch->options.dimension;
         f += MR_DENSE_ALIGN_BYTES / sizeof(float))
        __builtin_prefetch(values + f);
}

static void prefetch_negative(const mr_encoder_batch *batch, size_t m)
{
    if (m < batch->plan.negatives)
        prefetch_row(batch, batch->plan.negative[m], 1);
}

static void prefetch_example(const mr_encoder_batch *batch, size_t example)
{
    if (example >= batch->plan.batch)
        return;
    const mr_encoder_example *e = &batch->plan.examples[example];
    for (size_t t = 0; t < e->length; t++)
        prefetch_row(batch, e->prefix[t], 1);
    prefetch_row(batch, e->target, 1);
}

void mr_encoder_prefetch_row(const mr_encoder_batch *batch, size_t row)
{
    if (row < batch->plan.rows)
        prefetch_row(batch, batch->plan.row_item[row], MR_ENCODER_PARTS);
}

/* ---- examples: s, e, ds, dh, l ---- */

static void draw_noise(const mr_encoder_batch *batch, size_t example, size_t t,
                       uint8_t *ret_noise)
{
    const size_t numbers = batch->options.dimension / NOISE_BYTES;
    const uint64_t first = (example * LENGTH_MAX + t) * numbers;
    for (size_t i = 0; i < numbers; i++) {
        const uint64_t bits = mr_random_bits(batch->noise_seed, first + i);
        for (size_t b = 0; b < NOISE_BYTES; b++)
            ret_noise[i * NOISE_BYTES + b] = (uint8_t)(bits >> (8 * b));
    }
}

/* x_t and v.x_t + b */
static void take_inputs(mr_encoder_batch *batch, size_t example, const mr_dense *inputs,
                        size_t place)
{
    const uint32_t d = batch->options.dimension;
    const mr_encoder_example *e = &batch->plan.examples[example];
    const size_t first = batch->plan.input_first[example];
    const float *attention = batch->state->attention.values;
    const float *places = mr_dense_row(&batch->state->places, e->length - 1);
    for (size_t t = 0; t < e->length; t++) {
        float *x = mr_dense_row(inputs, place * LENGTH_MAX + t);
        uint8_t *noise = batch->noise + (first + t) * d;
        if (batch->threshold > 0)
            draw_noise(batch, example, t, noise);
        batch->kernels->drop(item_row(batch, e->prefix[t]), noise, batch->threshold,
                             batch->scale, d, x);
        batch->weights[first + t] =
            batch->kernels->dot(attention, x, d) + places[e->length - 1 - t];
    }
}

static void softmax(float *values, size_t count)
{
    float largest = values[0];
    float sum = 0.0F;
    for (size_t t = 1; t < count; t++)
        largest = fmaxf(largest, values[t]);
    for (size_t t = 0; t < count; t++) {
        values[t] = expf(values[t] - largest);
        sum += values[t];
    }
    for (size_t t = 0; t < count; t++)
        values[t] /= sum;
}

/* s and n_y of one example, the `place`-th of its chunk. */
static void encode(mr_encoder_batch *batch, size_t example,
                   const mr_encoder_worker_rows *own, size_t place)
{
    const uint32_t d = batch->options.dimension;
    const mr_encoder_example *e = &batch->plan.examples[example];
    const size_t first = batch->plan.input_first[example];
    float *s = mr_dense_row(&batch->units, example);
    take_inputs(batch, example, &own->inputs, place);
    softmax(batch->weights + first, e->length);
    memset(s, 0, d * sizeof(*s));
    for (size_t t = 0; t < e->length; t++)
        batch->kernels->add(mr_dense_row(&own->inputs, place * LENGTH_MAX + t),
                            batch->weights[first + t], d, s);
    batch->lengths[example] = batch->kernels->normalise(s, d, s);
    (void)batch->kernels->normalise(item_row(batch, e->target), d,
                                    mr_dense_row(&own->targets, place));
}

/* Negatives of [begin, end) that are the item of `row` are none of this example. */
static void forbid(const mr_encoder_plan *plan, uint32_t row, size_t begin, size_t end,
                   float *cosines)
{
    for (uint32_t c = plan->row_first[row]; c < plan->row_first[row + 1]; c++) {
        const uint32_t appearance = plan->row_appearance[c];
        if (appearance >= plan->negatives)
            return;
        if (appearance >= begin && appearance < end)
            cosines[appearance] = NEVER;
    }
}

/* From cosines over tau to e, for the negatives of [begin, end). */
static void weigh(mr_encoder_batch *batch, size_t example, size_t begin, size_t end)
{
    const mr_encoder_plan *plan = &batch->plan;
    float *row = mr_dense_row(&batch->exponentials, example);
    forbid(plan, plan->row_of[plan->negatives + example], begin, end, row);
    if (batch->options.negatives_skip_prefix)
        for (uint32_t i = plan->input_first[example]; i < plan->input_first[example + 1];
             i++)
            forbid(plan, plan->row_of[plan->negatives + plan->batch + i], begin, end,
                   row);
    batch->missed[example] += batch->kernels->exponential(
        row + begin, end - begin, batch->correction - 1.0F / batch->options.temperature);
}

/* Once all negatives are weighed: the loss, and s in front of the third product. */
static void settle(mr_encoder_batch *batch, size_t example, const float *target)
{
    const mr_encoder_options *options = &batch->options;
    const float *s = mr_dense_row(&batch->units, example);
    float *scaled = mr_dense_row(&batch->scaled, example);
    const float inverse = 1.0F / options->temperature;
    const float hit =
        expf((batch->kernels->dot(s, target, options->dimension) - 1.0F) * inverse);
    const float all = hit + batch->missed[example];
    const float share = inverse / (all * (float)options->batch);
    batch->losses[example] = log((double)all / (double)hit);
    batch->shares[example] = share;
    batch->missed[example] *= share;
    memset(scaled, 0, options->dimension * sizeof(*scaled));
    batch->kernels->add(s, share, options->dimension, scaled);
}

/* From sum_j e_bj n_j to dh and l. */
static void descend(mr_encoder_batch *batch, size_t example,
                    const mr_encoder_worker_rows *own, size_t place,
                    const mr_encoder_chunk_sums *sums)
{
    const uint32_t d = batch->options.dimension;
    const mr_encoder_example *e = &batch->plan.examples[example];
    const size_t first = batch->plan.input_first[example];
    const float *s = mr_dense_row(&batch->units, example);
    float *dh = mr_dense_row(&batch->session_slopes, example);
    const float length = batch->lengths[example];
    const float inverse = length > 0.0F ? 1.0F / length : 0.0F;
    const float *a = batch->weights + first;
    float *l = batch->weight_slopes + first;
    float *places = mr_dense_row(&sums->places, e->length - 1);
    float mean = 0.0F;
    memset(dh, 0, d * sizeof(*dh));
    batch->kernels->add(mr_dense_row(&own->slopes, place),
                        batch->shares[example] * inverse, d, dh);
    batch->kernels->add(mr_dense_row(&own->targets, place),
                        -batch->missed[example] * inverse, d, dh);
    batch->kernels->add(s, -batch->kernels->dot(s, dh, d), d, dh);
    for (size_t t = 0; t < e->length; t++) {
        l[t] = batch->kernels->dot(dh, mr_dense_row(&own->inputs, place * LENGTH_MAX + t),
                                   d);
        mean += a[t] * l[t];
    }
    for (size_t t = 0; t < e->length; t++) {
        l[t] = a[t] * (l[t] - mean);
        places[e->length - 1 - t] += l[t];
        batch->kernels->add(mr_dense_row(&own->inputs, place * LENGTH_MAX + t), l[t], d,
                            sums->attention.values);
    }
}

/* The first two products and what is between them, a tile of negatives that stays in the cache. */
static void multiply_tile(mr_encoder_batch *batch, size_t begin, size_t end,
                          size_t first_negative, float *slopes)
{
    const size_t d = batch->options.dimension;
    const size_t left = batch->options.negatives - first_negative;
    const size_t count = left < NEGATIVES_A_TILE ? left : NEGATIVES_A_TILE;
    const float *negatives = mr_dense_row(&batch->negatives, first_negative);
    float *tile = mr_dense_row(&batch->exponentials, begin) + first_negative;
    const size_t stride = batch->exponentials.stride;
    mr_blas_sgemm(MR_BLAS_PLAIN, MR_BLAS_TRANSPOSED, end - begin, count, d,
                  1.0F / batch->options.temperature, mr_dense_row(&batch->units, begin),
                  d, negatives, d, 0.0F, tile, stride);
    for (size_t e = begin; e < end; e++)
        weigh(batch, e, first_negative, first_negative + count);
    mr_blas_sgemm(MR_BLAS_PLAIN, MR_BLAS_PLAIN, end - begin, d, count, 1.0F, tile, stride,
                  negatives, d, first_negative > 0 ? 1.0F : 0.0F, slopes, d);
}

void mr_encoder_run_examples(void *context, uint32_t worker, size_t begin, size_t end)
{
    mr_encoder_batch *batch = context;
    const mr_encoder_worker_rows *own = &batch->workers[worker];
    const mr_encoder_chunk_sums *sums =
        &batch->chunks[begin / MR_ENCODER_EXAMPLES_A_CHUNK];
    for (size_t e = begin; e < end; e++) {
        prefetch_example(batch, e + EXAMPLES_AHEAD);
        encode(batch, e, own, e - begin);
        batch->missed[e] = 0.0F;
    }
    for (size_t m = 0; m < batch->options.negatives; m += NEGATIVES_A_TILE)
        multiply_tile(batch, begin, end, m, own->slopes.values);
    memset(sums->attention.values, 0, batch->options.dimension * sizeof(float));
    memset(sums->places.values, 0,
           sums->places.rows * sums->places.stride * sizeof(float));
    for (size_t e = begin; e < end; e++) {
        settle(batch, e, mr_dense_row(&own->targets, e - begin));
        descend(batch, e, own, e - begin, sums);
    }
}

/* ---- negatives: n before, dn after ---- */

void mr_encoder_run_negatives(void *context, uint32_t worker, size_t begin, size_t end)
{
    (void)worker;
    mr_encoder_batch *batch = context;
    for (size_t m = begin; m < end; m++) {
        prefetch_negative(batch, m + NEGATIVES_AHEAD);
        (void)batch->kernels->normalise(item_row(batch, batch->plan.negative[m]),
                                        batch->options.dimension,
                                        mr_dense_row(&batch->negatives, m));
    }
}

void mr_encoder_run_slopes(void *context, uint32_t worker, size_t begin, size_t end)
{
    (void)worker;
    const mr_encoder_batch *batch = context;
    const size_t d = batch->options.dimension;
    mr_blas_sgemm(MR_BLAS_TRANSPOSED, MR_BLAS_PLAIN, end - begin, d, batch->plan.batch,
                  1.0F, batch->exponentials.values + begin, batch->exponentials.stride,
                  batch->scaled.values, d, 0.0F,
                  mr_dense_row(&batch->negative_slopes, begin), d);
}

/* ---- rows ---- */

/* As an output first, turned off its own direction, then as inputs. */
void mr_encoder_sum_row(const mr_encoder_batch *batch, uint32_t row, float *ret_gradient)
{
    const mr_encoder_kernels *kernels = batch->kernels;
    const mr_encoder_plan *plan = &batch->plan;
    const uint32_t d = batch->options.dimension;
    const uint32_t first_input = plan->negatives + plan->batch;
    const float *attention = batch->state->attention.values;
    float unit[MR_ENCODER_DIMENSION_MAX];
    uint32_t c = plan->row_first[row];
    memset(ret_gradient, 0, d * sizeof(*ret_gradient));
    for (; c < plan->row_first[row + 1] && plan->row_appearance[c] < first_input; c++) {
        const uint32_t appearance = plan->row_appearance[c];
        if (appearance < plan->negatives) {
            kernels->add(mr_dense_row(&batch->negative_slopes, appearance), 1.0F, d,
                         ret_gradient);
        } else {
            const uint32_t example = appearance - plan->negatives;
            kernels->add(mr_dense_row(&batch->units, example), -batch->missed[example], d,
                         ret_gradient);
        }
    }
    if (c > plan->row_first[row]) {
        const float length =
            kernels->normalise(item_row(batch, plan->row_item[row]), d, unit);
        const float inverse = length > 0.0F ? 1.0F / length : 0.0F;
        kernels->add(unit, -kernels->dot(unit, ret_gradient, d), d, ret_gradient);
        kernels->add(ret_gradient, inverse - 1.0F, d, ret_gradient);
    }
    for (; c < plan->row_first[row + 1]; c++) {
        const uint32_t input = plan->row_appearance[c] - first_input;
        kernels->add_kept(
            mr_dense_row(&batch->session_slopes, plan->input_example[input]),
            batch->weights[input] * batch->scale, attention,
            batch->weight_slopes[input] * batch->scale, batch->noise + (size_t)input * d,
            batch->threshold, d, ret_gradient);
    }
}
