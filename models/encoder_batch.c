#include "models/encoder_batch_internal.h"

#include "core/assert.h"
#include "models/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROWS_AHEAD = 3, /* asked for before they are needed */
    LENGTH_MAX = MR_ENCODER_LENGTH_MAX,
};

/* ---- the state ---- */

mr_status mr_encoder_state_init(mr_encoder_state *ret_state, uint32_t items,
                                uint32_t dimension)
{
    *ret_state = (mr_encoder_state){0};
    MR_TRY(mr_dense_init(&ret_state->items, items, MR_ENCODER_PARTS * (size_t)dimension));
    MR_TRY(mr_dense_init(&ret_state->attention, 1, MR_ENCODER_PARTS * (size_t)dimension));
    return mr_dense_init(&ret_state->places, LENGTH_MAX,
                         MR_ENCODER_PARTS * mr_dense_stride(LENGTH_MAX));
}

void mr_encoder_state_deinit(mr_encoder_state *state)
{
    mr_dense_deinit(&state->items);
    mr_dense_deinit(&state->attention);
    mr_dense_deinit(&state->places);
}

/* ---- making one ---- */

static mr_status sums_init(mr_encoder_chunk_sums *ret_sums, uint32_t d)
{
    MR_TRY(mr_dense_init(&ret_sums->attention, 1, d));
    return mr_dense_init(&ret_sums->places, LENGTH_MAX, LENGTH_MAX);
}

static void sums_deinit(mr_encoder_chunk_sums *sums)
{
    mr_dense_deinit(&sums->attention);
    mr_dense_deinit(&sums->places);
}

static size_t example_chunks(const mr_encoder_batch *batch)
{
    return (batch->plan.batch + MR_ENCODER_EXAMPLES_A_CHUNK - 1) /
           MR_ENCODER_EXAMPLES_A_CHUNK;
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
        mr_encoder_worker_rows *own = &batch->workers[w];
        MR_TRY(mr_dense_init(&own->inputs,
                             (size_t)MR_ENCODER_EXAMPLES_A_CHUNK * LENGTH_MAX, d));
        MR_TRY(mr_dense_init(&own->targets, MR_ENCODER_EXAMPLES_A_CHUNK, d));
        MR_TRY(mr_dense_init(&own->slopes, MR_ENCODER_EXAMPLES_A_CHUNK, d));
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

/* ---- a step ---- */

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
        mr_encoder_prefetch_row(job->batch, row + ROWS_AHEAD);
        mr_encoder_sum_row(job->batch, (uint32_t)row, gradient);
        step_row(job,
                 mr_dense_row(&job->batch->state->items, job->batch->plan.row_item[row]),
                 job->batch->options.dimension, gradient);
    }
}

/* ---- all of it ---- */

static void add_chunk(mr_encoder_batch *batch, const mr_encoder_chunk_sums *chunk)
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
    mr_worker_pool_run(batch->pool, plan->negatives, MR_ENCODER_NEGATIVES_A_CHUNK,
                       mr_encoder_run_negatives, batch);
    mr_worker_pool_run(batch->pool, plan->batch, MR_ENCODER_EXAMPLES_A_CHUNK,
                       mr_encoder_run_examples, batch);
    mr_worker_pool_run(batch->pool, plan->negatives, MR_ENCODER_NEGATIVES_A_CHUNK,
                       mr_encoder_run_slopes, batch);
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
    mr_worker_pool_run(batch->pool, batch->plan.rows, MR_ENCODER_ROWS_A_CHUNK, run_rows,
                       &job);
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
        mr_encoder_sum_row(batch, slot - 1, ret_gradient);
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
