#include "models/encoder_batch.h"

#include "core/assert.h"
#include "models/blas.h"
#include "models/encoder_kernels.h"
#include "models/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    EXAMPLES_A_CHUNK = 64,   /* rows of the first two products: fewer pack N too often */
    NEGATIVES_A_TILE = 1024, /* of the first two products at a time */
    NEGATIVES_A_CHUNK = 128, /* rows of the third                                      */
    ROWS_A_CHUNK = 64,
    ROWS_AHEAD = 6, /* prefetched */
    EXAMPLES_AHEAD = 2,
    MOMENTS_AHEAD = 3,
    NOISE_BYTES = 8, /* of one random number */
    PARTS = 3,       /* of a row: the value and two moments */
    LENGTH_MAX = MR_ENCODER_LENGTH_MAX,
};

/* Becomes exactly 0 once the exponential is taken. */
static const float NEVER = -1e30F;

/* What one worker needs for a chunk of examples. */
typedef struct worker_rows {
    mr_dense inputs;  /* x after dropout: LENGTH_MAX rows an example */
    mr_dense targets; /* n_y                                         */
    mr_dense slopes;  /* ds                                          */
} worker_rows;

/* What one chunk of examples adds to v and b. */
typedef struct chunk_sums {
    mr_dense attention; /* 1 x d           */
    mr_dense places;    /* LENGTH_MAX rows */
} chunk_sums;

struct mr_encoder_batch {
    mr_encoder_options options;
    mr_encoder_state *state;
    mr_worker_pool *pool;
    const mr_encoder_kernels *kernels;
    mr_encoder_plan plan;
    uint64_t noise_seed;
    uint32_t threshold; /* noise bytes below it drop */
    float scale;        /* of what is kept           */
    float correction;   /* log(I / M)                */

    mr_dense negatives;       /* n: M x d                              */
    mr_dense negative_slopes; /* dn: M x d                             */
    mr_dense units;           /* s: B x d                              */
    mr_dense scaled;          /* s / (t tau B): B x d                  */
    mr_dense session_slopes;  /* dh: B x d                             */
    mr_dense exponentials;    /* e: B x M and a line                   */
    float *lengths;           /* |h|: B                                */
    float *shares;            /* 1 / (t tau B): B                      */
    float *missed;            /* sum_j e_bj / (t tau B): B             */
    double *losses;           /* B                                     */
    float *weights;           /* a, an input                           */
    float *weight_slopes;     /* l, an input                           */
    uint8_t *noise;           /* d bytes an input                      */
    worker_rows *workers;     /* [threads]                             */
    chunk_sums *chunks;       /* [chunks of examples]                  */
    chunk_sums sums;          /* all chunks together                   */
    bool met[LENGTH_MAX];     /* lengths that stood in the batch       */
};

/* ---- the state ---- */

mr_status mr_encoder_state_init(mr_encoder_state *ret_state, uint32_t items,
                                uint32_t dimension)
{
    *ret_state = (mr_encoder_state){0};
    MR_TRY(mr_dense_init(&ret_state->items, items, PARTS * (size_t)dimension));
    MR_TRY(mr_dense_init(&ret_state->attention, 1, PARTS * (size_t)dimension));
    return mr_dense_init(&ret_state->places, LENGTH_MAX,
                         PARTS * mr_dense_stride(LENGTH_MAX));
}

void mr_encoder_state_deinit(mr_encoder_state *state)
{
    mr_dense_deinit(&state->items);
    mr_dense_deinit(&state->attention);
    mr_dense_deinit(&state->places);
}

/* ---- making one ---- */

static mr_status sums_init(chunk_sums *ret_sums, uint32_t d)
{
    MR_TRY(mr_dense_init(&ret_sums->attention, 1, d));
    return mr_dense_init(&ret_sums->places, LENGTH_MAX, LENGTH_MAX);
}

static void sums_deinit(chunk_sums *sums)
{
    mr_dense_deinit(&sums->attention);
    mr_dense_deinit(&sums->places);
}

static size_t example_chunks(const mr_encoder_batch *batch)
{
    return (batch->plan.batch + EXAMPLES_A_CHUNK - 1) / EXAMPLES_A_CHUNK;
}

static mr_status make_rows(mr_encoder_batch *batch)
{
    const uint32_t d = batch->options.dimension;
    const size_t b = batch->options.batch;
    const size_t m = batch->options.negatives;
    MR_TRY(mr_dense_init(&batch->negatives, m, d));
    MR_TRY(mr_dense_init(&batch->negative_slopes, m, d));
    /* Rows a power of two apart would fall into the same few places of a cache. */
    MR_TRY(mr_dense_init(&batch->exponentials, b, m + MR_ENCODER_LANES));
    MR_TRY(mr_dense_init(&batch->units, b, d));
    MR_TRY(mr_dense_init(&batch->scaled, b, d));
    MR_TRY(mr_dense_init(&batch->session_slopes, b, d));
    MR_TRY(sums_init(&batch->sums, d));
    batch->lengths = mr_dense_floats(b);
    batch->shares = mr_dense_floats(b);
    batch->missed = mr_dense_floats(b);
    batch->losses = calloc(b, sizeof(*batch->losses));
    batch->weights = mr_dense_floats(b * LENGTH_MAX);
    batch->weight_slopes = mr_dense_floats(b * LENGTH_MAX);
    batch->noise = calloc(b * LENGTH_MAX, d);
    return batch->lengths == NULL || batch->shares == NULL || batch->missed == NULL ||
                   batch->losses == NULL || batch->weights == NULL ||
                   batch->weight_slopes == NULL || batch->noise == NULL
               ? MR_ERR_NO_MEMORY
               : MR_OK;
}

static mr_status make_scratch(mr_encoder_batch *batch)
{
    const uint32_t d = batch->options.dimension;
    const uint32_t threads = mr_worker_pool_threads(batch->pool);
    batch->workers = calloc(threads, sizeof(*batch->workers));
    batch->chunks = calloc(example_chunks(batch), sizeof(*batch->chunks));
    if (batch->workers == NULL || batch->chunks == NULL)
        return MR_ERR_NO_MEMORY;
    for (uint32_t w = 0; w < threads; w++) {
        worker_rows *own = &batch->workers[w];
        MR_TRY(mr_dense_init(&own->inputs, (size_t)EXAMPLES_A_CHUNK * LENGTH_MAX, d));
        MR_TRY(mr_dense_init(&own->targets, EXAMPLES_A_CHUNK, d));
        MR_TRY(mr_dense_init(&own->slopes, EXAMPLES_A_CHUNK, d));
    }
    for (size_t c = 0; c < example_chunks(batch); c++)
        MR_TRY(sums_init(&batch->chunks[c], d));
    return MR_OK;
}

mr_status mr_encoder_batch_create(const mr_encoder_options *options,
                                  mr_encoder_state *state, mr_worker_pool *pool,
                                  mr_encoder_batch **ret_batch)
{
    const uint32_t items = (uint32_t)state->items.rows;
    mr_encoder_batch *batch = calloc(1, sizeof(*batch));
    if (batch == NULL)
        return MR_ERR_NO_MEMORY;
    batch->options = *options;
    batch->state = state;
    batch->pool = pool;
    batch->kernels = mr_encoder_kernels_best();
    batch->threshold = (uint32_t)lrintf(options->dropout * (float)MR_ENCODER_NOISE_STEPS);
    batch->scale = (float)MR_ENCODER_NOISE_STEPS /
                   (float)(MR_ENCODER_NOISE_STEPS - batch->threshold);
    batch->correction = (float)log((double)items / (double)options->negatives);
    mr_status status =
        mr_encoder_plan_init(&batch->plan, items, options->batch, options->negatives);
    if (status == MR_OK)
        status = make_rows(batch);
    if (status == MR_OK)
        status = make_scratch(batch);
    if (status != MR_OK)
        goto fail;
    *ret_batch = batch;
    return MR_OK;
fail:
    mr_encoder_batch_destroy(batch);
    return status;
}

static void destroy_scratch(mr_encoder_batch *batch)
{
    for (uint32_t w = 0;
         batch->workers != NULL && w < mr_worker_pool_threads(batch->pool); w++) {
        mr_dense_deinit(&batch->workers[w].inputs);
        mr_dense_deinit(&batch->workers[w].targets);
        mr_dense_deinit(&batch->workers[w].slopes);
    }
    for (size_t c = 0; batch->chunks != NULL && c < example_chunks(batch); c++)
        sums_deinit(&batch->chunks[c]);
    free(batch->workers);
    free(batch->chunks);
}

void mr_encoder_batch_destroy(mr_encoder_batch *batch)
{
    if (batch == NULL)
        return;
    destroy_scratch(batch);
    mr_encoder_plan_deinit(&batch->plan);
    mr_dense_deinit(&batch->negatives);
    mr_dense_deinit(&batch->negative_slopes);
    mr_dense_deinit(&batch->units);
    mr_dense_deinit(&batch->scaled);
    mr_dense_deinit(&batch->session_slopes);
    sums_deinit(&batch->sums);
    mr_dense_deinit(&batch->exponentials);
    free(batch->lengths);
    free(batch->shares);
    free(batch->missed);
    free(batch->losses);
    free(batch->weights);
    free(batch->weight_slopes);
    free(batch->noise);
    free(batch);
}

mr_encoder_example *mr_encoder_batch_examples(mr_encoder_batch *batch)
{
    return batch->plan.examples;
}

const mr_encoder_plan *mr_encoder_batch_plan(const mr_encoder_batch *batch)
{
    return &batch->plan;
}

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

static void prefetch_moments(const mr_encoder_batch *batch, size_t row)
{
    if (row < batch->plan.rows)
        prefetch_row(batch, batch->plan.row_item[row], PARTS);
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
static void encode(mr_encoder_batch *batch, size_t example, const worker_rows *own,
                   size_t place)
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
static void descend(mr_encoder_batch *batch, size_t example, const worker_rows *own,
                    size_t place, const chunk_sums *sums)
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

static void run_examples(void *context, uint32_t worker, size_t begin, size_t end)
{
    mr_encoder_batch *batch = context;
    const worker_rows *own = &batch->workers[worker];
    const chunk_sums *sums = &batch->chunks[begin / EXAMPLES_A_CHUNK];
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

static void take_negatives(void *context, uint32_t worker, size_t begin, size_t end)
{
    (void)worker;
    mr_encoder_batch *batch = context;
    for (size_t m = begin; m < end; m++) {
        prefetch_negative(batch, m + ROWS_AHEAD);
        (void)batch->kernels->normalise(item_row(batch, batch->plan.negative[m]),
                                        batch->options.dimension,
                                        mr_dense_row(&batch->negatives, m));
    }
}

static void run_negatives(void *context, uint32_t worker, size_t begin, size_t end)
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

/* dE of a touched row: as an output first, turned off its own direction, then as inputs. */
static void sum_row(const mr_encoder_batch *batch, uint32_t row, float *ret_gradient)
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

typedef struct rows_job {
    mr_encoder_batch *batch;
    float rate;
} rows_job;

static void step_row(const rows_job *job, float *row, size_t width, const float *gradient)
{
    const mr_encoder_adam step = {
        .value = row, .first = row + width, .second = row + 2 * width, .rate = job->rate};
    job->batch->kernels->adam(&step, gradient, width);
}

static void run_rows(void *context, uint32_t worker, size_t begin, size_t end)
{
    (void)worker;
    const rows_job *job = context;
    float gradient[MR_ENCODER_DIMENSION_MAX];
    for (size_t row = begin; row < end; row++) {
        prefetch_moments(job->batch, row + MOMENTS_AHEAD);
        sum_row(job->batch, (uint32_t)row, gradient);
        step_row(job,
                 mr_dense_row(&job->batch->state->items, job->batch->plan.row_item[row]),
                 job->batch->options.dimension, gradient);
    }
}

/* ---- all of it ---- */

static void add_chunk(mr_encoder_batch *batch, const chunk_sums *chunk)
{
    const mr_dense *places = &batch->sums.places;
    batch->kernels->add(chunk->attention.values, 1.0F, batch->options.dimension,
                        batch->sums.attention.values);
    batch->kernels->add(chunk->places.values, 1.0F, places->rows * places->stride,
                        places->values);
}

double mr_encoder_batch_backward(mr_encoder_batch *batch, uint64_t negatives_seed,
                                 uint64_t noise_seed)
{
    mr_encoder_plan *plan = &batch->plan;
    mr_dense *places = &batch->sums.places;
    double loss = 0.0;
    batch->noise_seed = noise_seed;
    for (uint32_t m = 0; m < plan->negatives; m++)
        plan->negative[m] =
            (uint32_t)(mr_random_uniform(negatives_seed, m) * (double)plan->items);
    mr_encoder_plan_make(plan);
    mr_worker_pool_run(batch->pool, plan->negatives, NEGATIVES_A_CHUNK, take_negatives,
                       batch);
    mr_worker_pool_run(batch->pool, plan->batch, EXAMPLES_A_CHUNK, run_examples, batch);
    mr_worker_pool_run(batch->pool, plan->negatives, NEGATIVES_A_CHUNK, run_negatives,
                       batch);
    memset(places->values, 0, places->rows * places->stride * sizeof(float));
    memset(batch->sums.attention.values, 0, batch->options.dimension * sizeof(float));
    for (size_t c = 0; c < example_chunks(batch); c++)
        add_chunk(batch, &batch->chunks[c]);
    memset(batch->met, 0, sizeof(batch->met));
    for (uint32_t b = 0; b < plan->batch; b++) {
        batch->met[plan->examples[b].length - 1] = true;
        loss += batch->losses[b];
    }
    return loss / (double)plan->batch;
}

void mr_encoder_batch_apply(mr_encoder_batch *batch, float rate)
{
    rows_job job = {.batch = batch, .rate = rate};
    mr_worker_pool_run(batch->pool, batch->plan.rows, ROWS_A_CHUNK, run_rows, &job);
    /* Behind the rows, whose gradients hold the attention as it was. */
    step_row(&job, batch->state->attention.values, batch->options.dimension,
             batch->sums.attention.values);
    for (size_t l = 0; l < LENGTH_MAX; l++)
        if (batch->met[l])
            step_row(&job, mr_dense_row(&batch->state->places, l),
                     batch->sums.places.stride, mr_dense_row(&batch->sums.places, l));
}

/* ---- what was found ---- */

void mr_encoder_batch_item_gradient(const mr_encoder_batch *batch, uint32_t item,
                                    float *ret_gradient)
{
    const uint32_t slot = batch->plan.slot[item];
    if (slot > 0)
        sum_row(batch, slot - 1, ret_gradient);
    else
        memset(ret_gradient, 0, batch->options.dimension * sizeof(*ret_gradient));
}

const float *mr_encoder_batch_attention_gradient(const mr_encoder_batch *batch)
{
    return batch->sums.attention.values;
}

const float *mr_encoder_batch_places_gradient(const mr_encoder_batch *batch,
                                              uint32_t length)
{
    MR_ASSERT(length >= 1 && length <= LENGTH_MAX);
    return mr_dense_row(&batch->sums.places, length - 1);
}
