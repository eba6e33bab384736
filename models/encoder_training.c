#include "models/encoder_training.h"

#include "models/encoder_batch.h"
#include "models/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What a seed is used for; each gets numbers of its own. */
typedef enum purpose {
    FOR_ROWS = 1,
    FOR_ORDER = 2,
    FOR_NEGATIVES = 3,
    FOR_NOISE = 4
} purpose;

enum {
    LENGTH_BITS =
        8, /* an example is kept as element << LENGTH_BITS | length of its prefix */
    EPOCH_SHIFT = 40,
    PURPOSE_SHIFT = 56,
};

static const float TEMPERATURE_MIN = 0.03F;
static const float TEMPERATURE_MAX = 10.0F;
static const float DROPOUT_MAX = 0.95F;
static const float RATE_MAX = 0.1F;
static const float PLACE_SLOPE = -0.4F; /* of b at the start, a place */

/* ---- options ---- */

mr_encoder_options mr_encoder_options_default(void)
{
    return (mr_encoder_options){.dimension = 128,
                                .epochs = 6,
                                .batch = 512,
                                .negatives = 2048,
                                .length_max = MR_ENCODER_LENGTH_MAX,
                                .temperature = 0.07F,
                                .dropout = 0.2F,
                                .learning_rate = 0.002F,
                                .seed = 1};
}

static mr_status check_count(const char *name, uint32_t value, uint32_t most,
                             mr_error *ret_error)
{
    if (value >= 1 && value <= most)
        return MR_OK;
    return mr_error_set(ret_error, MR_ERR_INVALID, "encoder: %s %u is not in 1 … %u",
                        name, value, most);
}

static mr_status check_range(const char *name, float value, float least, float most,
                             mr_error *ret_error)
{
    if (value >= least && value <= most)
        return MR_OK;
    return mr_error_set(ret_error, MR_ERR_INVALID, "encoder: %s %g is not in %g … %g",
                        name, (double)value, (double)least, (double)most);
}

mr_status mr_encoder_options_check(const mr_encoder_options *options, mr_error *ret_error)
{
    MR_TRY(check_count("dimension", options->dimension, MR_ENCODER_DIMENSION_MAX,
                       ret_error));
    if (options->dimension % MR_ENCODER_DIMENSION_STEP != 0)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "encoder: dimension %u is not a multiple of %d",
                            options->dimension, MR_ENCODER_DIMENSION_STEP);
    MR_TRY(check_count("epochs", options->epochs, MR_ENCODER_EPOCHS_MAX, ret_error));
    MR_TRY(check_count("batch", options->batch, MR_ENCODER_BATCH_MAX, ret_error));
    MR_TRY(check_count("negatives", options->negatives, MR_ENCODER_NEGATIVES_MAX,
                       ret_error));
    MR_TRY(
        check_count("length_max", options->length_max, MR_ENCODER_LENGTH_MAX, ret_error));
    MR_TRY(check_range("temperature", options->temperature, TEMPERATURE_MIN,
                       TEMPERATURE_MAX, ret_error));
    MR_TRY(check_range("dropout", options->dropout, 0.0F, DROPOUT_MAX, ret_error));
    if (!(options->learning_rate > 0.0F))
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "encoder: learning_rate %g is not above 0",
                            (double)options->learning_rate);
    return check_range("learning_rate", options->learning_rate, 0.0F, RATE_MAX,
                       ret_error);
}

/* ---- examples ---- */

typedef struct training {
    const mr_sequences *sequences;
    mr_encoder_options options;
    uint64_t *examples; /* [count]: see LENGTH_BITS */
    uint64_t count;
    bool *
        known; /* [items]: was in an example, now or before; others only were negatives */
} training;

static mr_status list_examples(training *t)
{
    const mr_sequences *sequences = t->sequences;
    for (uint32_t s = 0; s < sequences->count; s++) {
        const size_t length = mr_sequences_length(sequences, s);
        t->count += length > 0 ? length - 1 : 0;
    }
    if (t->count == 0)
        return MR_ERR_INVALID;
    t->examples = malloc(t->count * sizeof(*t->examples));
    if (t->examples == NULL)
        return MR_ERR_NO_MEMORY;
    uint64_t n = 0;
    for (uint32_t s = 0; s < sequences->count; s++)
        for (uint64_t e = sequences->ptr[s] + 1; e < sequences->ptr[s + 1]; e++) {
            t->known[sequences->item[e - 1]] = true;
            t->known[sequences->item[e]] = true;
            const uint64_t before = e - sequences->ptr[s];
            const uint64_t kept =
                before < t->options.length_max ? before : t->options.length_max;
            t->examples[n++] = e << LENGTH_BITS | kept;
        }
    return MR_OK;
}

static uint64_t numbers_of(const training *t, purpose what, uint32_t epoch,
                           uint64_t batch)
{
    return mr_random_bits(t->options.seed, ((uint64_t)what << PURPOSE_SHIFT) +
                                               ((uint64_t)epoch << EPOCH_SHIFT) + batch);
}

/* [Fisher and Yates 1938; Durstenfeld 1964] */
static void shuffle(training *t, uint32_t epoch)
{
    const uint64_t seed = numbers_of(t, FOR_ORDER, epoch, 0);
    for (uint64_t i = t->count; i-- > 1;) {
        const uint64_t other = mr_random_bits(seed, i) % (i + 1);
        const uint64_t example = t->examples[i];
        t->examples[i] = t->examples[other];
        t->examples[other] = example;
    }
}

static void load(const training *t, uint64_t first, mr_encoder_example *ret_examples)
{
    for (uint32_t b = 0; b < t->options.batch; b++) {
        const uint64_t example = t->examples[first + b];
        const uint32_t length = (uint32_t)(example & ((1U << LENGTH_BITS) - 1));
        const uint32_t *target = t->sequences->item + (example >> LENGTH_BITS);
        ret_examples[b] = (mr_encoder_example){
            .prefix = target - length, .length = length, .target = *target};
    }
}

/* ---- epochs ---- */

static void run_epochs(training *t, mr_encoder_batch *batch)
{
    const mr_encoder_options *options = &t->options;
    const uint64_t batches = t->count / options->batch;
    for (uint32_t epoch = 1; epoch <= options->epochs; epoch++) {
        const float rate = options->learning_rate * (float)(options->epochs - epoch + 1) /
                           (float)options->epochs;
        shuffle(t, epoch);
        for (uint64_t n = 0; n < batches; n++) {
            load(t, n * options->batch, mr_encoder_batch_examples(batch));
            const double loss =
                mr_encoder_batch_backward(batch, numbers_of(t, FOR_NEGATIVES, epoch, n),
                                          numbers_of(t, FOR_NOISE, epoch, n));
            mr_encoder_batch_apply(batch, rate);
            if (options->report != NULL)
                options->report(options->report_context, epoch,
                                (epoch - 1) * batches + n + 1, batches * options->epochs,
                                loss);
        }
    }
}

static mr_status train(training *t, mr_encoder_state *state, mr_worker_pool *pool)
{
    mr_encoder_batch *batch = NULL;
    MR_TRY(list_examples(t));
    if (t->options.batch > t->count)
        t->options.batch = (uint32_t)t->count;
    MR_TRY(mr_encoder_batch_create(&t->options, state, pool, &batch));
    run_epochs(t, batch);
    mr_encoder_batch_destroy(batch);
    return MR_OK;
}

/* ---- from and to an encoder ---- */

static void fill_random(mr_encoder_state *state, const training *t)
{
    const uint64_t seed = numbers_of(t, FOR_ROWS, 0, 0);
    const size_t d = t->options.dimension;
    const double width = 1.0 / sqrt((double)d);
    for (size_t row = 0; row < state->items.rows; row++)
        for (size_t f = 0; f < d; f++)
            mr_dense_row(&state->items, row)[f] =
                (float)((2.0 * mr_random_uniform(seed, row * d + f) - 1.0) * width);
}

static void fill_places(mr_encoder_state *state)
{
    for (size_t l = 0; l < MR_ENCODER_LENGTH_MAX; l++)
        for (size_t p = 0; p < MR_ENCODER_LENGTH_MAX; p++)
            mr_dense_row(&state->places, l)[p] = PLACE_SLOPE * (float)p;
}

/* Items that were not known keep the random rows of new ones. */
static void fill_from(mr_encoder_state *state, const mr_encoder_arrays *arrays,
                      training *t)
{
    const size_t d = arrays->dimension;
    for (size_t row = 0; row < arrays->items; row++) {
        t->known[row] = arrays->lengths[row] > 0.0F;
        for (size_t f = 0; t->known[row] && f < d; f++)
            mr_dense_row(&state->items, row)[f] =
                arrays->units[row * d + f] * arrays->lengths[row];
    }
    memcpy(state->attention.values, arrays->attention, d * sizeof(float));
    for (size_t l = 0; l < MR_ENCODER_LENGTH_MAX; l++)
        memcpy(mr_dense_row(&state->places, l),
               arrays->places + l * MR_ENCODER_LENGTH_MAX,
               MR_ENCODER_LENGTH_MAX * sizeof(float));
}

static void normalise_items(const mr_dense *table, const training *t, float *ret_units,
                            float *ret_lengths)
{
    const size_t d = t->options.dimension;
    for (size_t row = 0; row < table->rows; row++) {
        const float *from = mr_dense_row(table, row);
        double square = 0.0;
        for (size_t f = 0; t->known[row] && f < d; f++)
            square += (double)from[f] * (double)from[f];
        const double length = sqrt(square);
        for (size_t f = 0; f < d; f++)
            ret_units[row * d + f] =
                length > 0.0 ? (float)((double)from[f] / length) : 0.0F;
        ret_lengths[row] = (float)length;
    }
}

static mr_status make_encoder(const mr_encoder_state *state, const training *t,
                              mr_encoder **ret_encoder)
{
    const uint32_t d = t->options.dimension;
    const uint32_t items = (uint32_t)state->items.rows;
    float *units = mr_dense_floats((size_t)items * d);
    float *lengths = mr_dense_floats(items);
    float *places = mr_dense_floats(MR_ENCODER_PLACES);
    float *attention = mr_dense_floats(d);
    mr_status status = MR_ERR_NO_MEMORY;
    if (units == NULL || lengths == NULL || places == NULL || attention == NULL)
        goto fail;
    normalise_items(&state->items, t, units, lengths);
    memcpy(attention, state->attention.values, d * sizeof(float));
    for (size_t l = 0; l < MR_ENCODER_LENGTH_MAX; l++)
        memcpy(places + l * MR_ENCODER_LENGTH_MAX, mr_dense_row(&state->places, l),
               MR_ENCODER_LENGTH_MAX * sizeof(float));
    status = mr_encoder_take(&(mr_encoder_arrays){.items = items,
                                                  .dimension = d,
                                                  .units = units,
                                                  .lengths = lengths,
                                                  .places = places,
                                                  .attention = attention},
                             ret_encoder, NULL);
    if (status != MR_OK)
        goto fail;
    return MR_OK;
fail:
    free(units);
    free(lengths);
    free(places);
    free(attention);
    /* Numbers that left their bounds: the rate was too high for these data. */
    return status == MR_ERR_CORRUPT ? MR_ERR_INVALID : status;
}

/* From random rows when `start` is NULL. */
static mr_status train_from(const mr_encoder_arrays *start, const mr_sequences *sequences,
                            const mr_encoder_options *options, mr_worker_pool *pool,
                            mr_encoder **ret_encoder)
{
    training t = {.sequences = sequences, .options = *options};
    mr_encoder_state state;
    MR_TRY(mr_encoder_options_check(options, NULL));
    MR_TRY(mr_sequences_check(sequences, NULL));
    if (start != NULL &&
        (start->dimension != options->dimension || start->items > sequences->items))
        return MR_ERR_INVALID;
    mr_status status =
        mr_encoder_state_init(&state, sequences->items, options->dimension);
    t.known = calloc((size_t)sequences->items + 1, sizeof(*t.known));
    if (status == MR_OK && t.known == NULL)
        status = MR_ERR_NO_MEMORY;
    if (status == MR_OK) {
        fill_random(&state, &t);
        fill_places(&state);
        if (start != NULL)
            fill_from(&state, start, &t);
        status = train(&t, &state, pool);
    }
    if (status == MR_OK)
        status = make_encoder(&state, &t, ret_encoder);
    mr_encoder_state_deinit(&state);
    free(t.examples);
    free(t.known);
    return status;
}

mr_status mr_encoder_train(const mr_sequences *sequences,
                           const mr_encoder_options *options, mr_worker_pool *pool,
                           mr_encoder **ret_encoder)
{
    return train_from(NULL, sequences, options, pool, ret_encoder);
}

mr_status mr_encoder_refresh(const mr_encoder *encoder, const mr_sequences *sequences,
                             const mr_encoder_options *options, mr_worker_pool *pool,
                             mr_encoder **ret_encoder)
{
    return train_from(mr_encoder_view(encoder), sequences, options, pool, ret_encoder);
}
