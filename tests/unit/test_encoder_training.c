/*
 * Method: loss and gradients of one batch against the definition, in double and by finite
 * differences, with everything on (dropout, repeats, negatives in the prefix, twice the same
 * negative); the same bits for any number of threads; a planted order is learnt.
 */
#include "tests/support.h"

#include "models/encoder.h"
#include "models/encoder_batch.h"
#include "models/encoder_training.h"
#include "models/random.h"

#include <string.h>

enum { ITEMS = 23, D = 16, BATCH = 9, NEGATIVES = 12, LENGTH = MR_ENCODER_LENGTH_MAX };

static const uint64_t NEGATIVES_SEED = 11;
static const uint64_t NOISE_SEED = 12;

/* ---- the definition, in double ---- */

typedef struct parameters {
    double items[ITEMS][D];
    double attention[D];
    double places[LENGTH][LENGTH];
} parameters;

typedef struct problem {
    mr_encoder_options options;
    const mr_encoder_plan *plan;
} problem;

static double noise_factor(const problem *p, size_t example, size_t t, size_t f)
{
    const uint64_t bits =
        mr_random_bits(NOISE_SEED, (example * LENGTH + t) * D / 8 + f / 8);
    const uint32_t below = (uint32_t)lrintf(p->options.dropout * 256.0F);
    return (bits >> (8 * (f % 8)) & 0xff) < below ? 0.0 : 256.0 / (256.0 - below);
}

static double cosine(const double *a, const double *b)
{
    double product = 0.0;
    double aa = 0.0;
    double bb = 0.0;
    for (size_t f = 0; f < D; f++) {
        product += a[f] * b[f];
        aa += a[f] * a[f];
        bb += b[f] * b[f];
    }
    return product / sqrt(aa * bb);
}

static void session_vector(const problem *p, const parameters *w, size_t example,
                           double *ret_h)
{
    const mr_encoder_example *e = &p->plan->examples[example];
    double x[LENGTH][D];
    double a[LENGTH];
    double sum = 0.0;
    for (size_t t = 0; t < e->length; t++) {
        a[t] = w->places[e->length - 1][e->length - 1 - t];
        for (size_t f = 0; f < D; f++) {
            x[t][f] = w->items[e->prefix[t]][f] * noise_factor(p, example, t, f);
            a[t] += w->attention[f] * x[t][f];
        }
        a[t] = exp(a[t]);
        sum += a[t];
    }
    memset(ret_h, 0, D * sizeof(*ret_h));
    for (size_t t = 0; t < e->length; t++)
        for (size_t f = 0; f < D; f++)
            ret_h[f] += a[t] / sum * x[t][f];
}

static bool is_negative_of(const problem *p, uint32_t item, const mr_encoder_example *e)
{
    if (item == e->target)
        return false;
    for (size_t t = 0; p->options.negatives_skip_prefix && t < e->length; t++)
        if (e->prefix[t] == item)
            return false;
    return true;
}

static double loss_of(const problem *p, const parameters *w)
{
    double loss = 0.0;
    for (size_t b = 0; b < BATCH; b++) {
        const mr_encoder_example *e = &p->plan->examples[b];
        double h[D];
        session_vector(p, w, b, h);
        const double hit =
            cosine(h, w->items[e->target]) / (double)p->options.temperature;
        double sum = 1.0;
        for (size_t m = 0; m < NEGATIVES; m++) {
            const uint32_t item = p->plan->negative[m];
            if (is_negative_of(p, item, e))
                sum += exp(cosine(h, w->items[item]) / (double)p->options.temperature -
                           hit + log((double)ITEMS / NEGATIVES));
        }
        loss += log(sum);
    }
    return loss / BATCH;
}

/* Central difference along one number of `w`. */
static double slope_of(const problem *p, parameters *w, double *number)
{
    const double at = *number;
    const double step = 1e-5;
    *number = at + step;
    const double above = loss_of(p, w);
    *number = at - step;
    const double below = loss_of(p, w);
    *number = at;
    return (above - below) / (2.0 * step);
}

/* ---- gradients ---- */

static void assert_slope(double actual, double expected)
{
    if (!isfinite(actual) || fabs(actual - expected) > 2e-5 * (1.0 + fabs(expected)))
        fail_msg("the gradient is %.9g, not %.9g", actual, expected);
}

static void fill_state(mr_encoder_state *state, parameters *w)
{
    for (size_t i = 0; i < ITEMS; i++)
        for (size_t f = 0; f < D; f++) {
            float *value = &mr_dense_row(&state->items, i)[f];
            *value = 0.3F * (float)mr_random_normal(1, i * D + f);
            w->items[i][f] = (double)*value;
        }
    for (size_t f = 0; f < D; f++) {
        state->attention.values[f] = (float)mr_random_normal(2, f);
        w->attention[f] = (double)state->attention.values[f];
    }
    for (size_t l = 0; l < LENGTH; l++)
        for (size_t q = 0; q < LENGTH; q++) {
            float *value = &mr_dense_row(&state->places, l)[q];
            *value = -0.3F * (float)q + 0.2F * (float)mr_random_normal(3, l * LENGTH + q);
            w->places[l][q] = (double)*value;
        }
}

/* Lengths 1 … 20, items that come twice. */
static void fill_examples(mr_encoder_example *examples, uint32_t *store)
{
    static const uint32_t lengths[BATCH] = {1, 2, 3, 20, 1, 5, 5, 2, 7};
    for (size_t b = 0; b < BATCH; b++) {
        uint32_t *prefix = store + b * LENGTH;
        for (size_t t = 0; t < LENGTH; t++)
            prefix[t] = (uint32_t)(mr_random_uniform(4, b * LENGTH + t) * ITEMS);
        examples[b] =
            (mr_encoder_example){.prefix = prefix,
                                 .length = lengths[b],
                                 .target = (uint32_t)(mr_random_uniform(5, b) * ITEMS)};
    }
    examples[1].target = examples[1].prefix[0]; /* back to where it came from */
}

static void check_gradients(const mr_encoder_batch *batch, const problem *p,
                            parameters *w)
{
    float gradient[MR_ENCODER_DIMENSION_MAX];
    for (uint32_t i = 0; i < ITEMS; i++) {
        mr_encoder_batch_item_gradient(batch, i, gradient);
        for (size_t f = 0; f < D; f++)
            assert_slope((double)gradient[f], slope_of(p, w, &w->items[i][f]));
    }
    for (size_t f = 0; f < D; f++)
        assert_slope((double)mr_encoder_batch_attention_gradient(batch)[f],
                     slope_of(p, w, &w->attention[f]));
    for (uint32_t l = 0; l < LENGTH; l++)
        for (size_t q = 0; q <= l; q++)
            assert_slope((double)mr_encoder_batch_places_gradient(batch, l + 1)[q],
                         slope_of(p, w, &w->places[l][q]));
}

static void check_batch(float temperature, float dropout, bool skip_prefix)
{
    static parameters w;
    uint32_t store[BATCH * LENGTH];
    mr_encoder_state state;
    mr_worker_pool *pool = NULL;
    mr_encoder_batch *batch = NULL;
    mr_encoder_options options = mr_encoder_options_default();
    options.dimension = D;
    options.batch = BATCH;
    options.negatives = NEGATIVES;
    options.temperature = temperature;
    options.dropout = dropout;
    options.negatives_skip_prefix = skip_prefix;
    assert_ok(mr_worker_pool_create(2, &pool));
    assert_ok(mr_encoder_state_init(&state, ITEMS, D));
    assert_ok(mr_encoder_batch_create(&options, &state, pool, &batch));
    fill_state(&state, &w);
    fill_examples(mr_encoder_batch_examples(batch), store);
    const double loss = mr_encoder_batch_backward(batch, NEGATIVES_SEED, NOISE_SEED);
    const problem p = {.options = options, .plan = mr_encoder_batch_plan(batch)};
    assert_close(loss, loss_of(&p, &w), 1e-5);
    check_gradients(batch, &p, &w);
    mr_encoder_batch_destroy(batch);
    mr_encoder_state_deinit(&state);
    mr_worker_pool_destroy(pool);
}

static void test_loss_and_gradients_are_those_of_the_definition(void **state)
{
    (void)state;
    check_batch(1.0F, 0.0F, false);
    check_batch(0.5F, 0.3F, false);
    check_batch(0.2F, 0.4F, true);
}

static void test_a_step_moves_touched_rows_alone(void **state)
{
    (void)state;
    static parameters w;
    uint32_t store[BATCH * LENGTH];
    float before[ITEMS][D];
    float slopes[ITEMS][D];
    mr_encoder_state weights;
    mr_worker_pool *pool = NULL;
    mr_encoder_batch *batch = NULL;
    mr_encoder_options options = mr_encoder_options_default();
    options.dimension = D;
    options.batch = 2;
    options.negatives = 3;
    assert_ok(mr_worker_pool_create(1, &pool));
    assert_ok(mr_encoder_state_init(&weights, ITEMS, D));
    assert_ok(mr_encoder_batch_create(&options, &weights, pool, &batch));
    fill_state(&weights, &w);
    mr_encoder_example examples[BATCH];
    fill_examples(examples, store);
    memcpy(mr_encoder_batch_examples(batch), examples, 2 * sizeof(*examples));
    (void)mr_encoder_batch_backward(batch, NEGATIVES_SEED, NOISE_SEED);
    for (uint32_t i = 0; i < ITEMS; i++) {
        memcpy(before[i], mr_dense_row(&weights.items, i), sizeof(before[i]));
        mr_encoder_batch_item_gradient(batch, i, slopes[i]);
    }
    mr_encoder_batch_apply(batch, 0.01F);
    size_t moved = 0;
    for (size_t i = 0; i < ITEMS; i++)
        for (size_t f = 0; f < D; f++) {
            /* First step: 0.1 g / sqrt(0.001 g g), whatever the gradient's size. */
            const double step =
                (double)mr_dense_row(&weights.items, i)[f] - (double)before[i][f];
            const double g = (double)slopes[i][f];
            const double expected = -0.01 * 0.1 * g / (sqrt(0.001 * g * g) + 1e-8);
            assert_true(fabs(step - expected) < 1e-6);
            moved += fabs(step) > 0.0;
        }
    assert_true(moved > 0 && moved <= (size_t)(3 + 2 + 3) * D);
    mr_encoder_batch_destroy(batch);
    mr_encoder_state_deinit(&weights);
    mr_worker_pool_destroy(pool);
}

/* ---- training ---- */

enum { RING = 40, WALKS = 500, WALK = 5 };

static uint64_t walk_ptr[WALKS + 1];
static uint32_t walk_item[WALKS * WALK];

/* Item i is followed by i + 1, around a ring; starts are drawn. */
static mr_sequences walks(uint32_t items)
{
    for (uint32_t s = 0; s < WALKS; s++) {
        const uint32_t start = (uint32_t)(mr_random_uniform(7, s) * RING);
        walk_ptr[s + 1] = (uint64_t)(s + 1) * WALK;
        for (uint32_t t = 0; t < WALK; t++)
            walk_item[s * WALK + t] = (start + t) % RING;
    }
    return (mr_sequences){
        .count = WALKS, .items = items, .ptr = walk_ptr, .item = walk_item};
}

static mr_encoder_options small_options(void)
{
    mr_encoder_options options = mr_encoder_options_default();
    options.dimension = 32;
    options.epochs = 8;
    options.batch = 100;
    options.negatives = 64;
    options.learning_rate = 0.01F;
    return options;
}

static mr_encoder *train(const mr_sequences *sequences, const mr_encoder_options *options,
                         uint32_t threads)
{
    mr_worker_pool *pool = NULL;
    mr_encoder *encoder = NULL;
    assert_ok(mr_worker_pool_create(threads, &pool));
    assert_ok(mr_encoder_train(sequences, options, pool, &encoder));
    mr_worker_pool_destroy(pool);
    return encoder;
}

static void assert_same_bits(const mr_encoder *a, const mr_encoder *b)
{
    const mr_encoder_arrays *x = mr_encoder_view(a);
    const mr_encoder_arrays *y = mr_encoder_view(b);
    assert_int_equal(x->items, y->items);
    assert_memory_equal(x->units, y->units,
                        (size_t)x->items * x->dimension * sizeof(float));
    assert_memory_equal(x->lengths, y->lengths, x->items * sizeof(float));
    assert_memory_equal(x->places, y->places, MR_ENCODER_PLACES * sizeof(float));
    assert_memory_equal(x->attention, y->attention, x->dimension * sizeof(float));
}

static void test_the_encoder_is_the_same_bits_for_any_number_of_threads(void **state)
{
    (void)state;
    const mr_sequences sequences = walks(RING);
    mr_encoder_options options = small_options();
    options.epochs = 2;
    options.batch = 250; /* several chunks of examples, the last one short */
    options.negatives = 300;
    mr_encoder *one = train(&sequences, &options, 1);
    for (size_t k = 0; k < 3; k++) {
        static const uint32_t threads[] = {2, 3, 5};
        mr_encoder *more = train(&sequences, &options, threads[k]);
        assert_same_bits(one, more);
        mr_encoder_destroy(more);
    }
    options.seed = 2;
    mr_encoder *other = train(&sequences, &options, 2);
    assert_memory_not_equal(mr_encoder_view(one)->units, mr_encoder_view(other)->units,
                            RING * 32 * sizeof(float));
    mr_encoder_destroy(one);
    mr_encoder_destroy(other);
}

/* The best of what was not just seen: a mean of two vectors always lies nearest to them. */
static uint32_t best_after(const mr_encoder *encoder, uint32_t item)
{
    float row[RING + 8];
    uint32_t best = item;
    const uint32_t seen[2] = {(item + RING - 1) % RING, item};
    mr_encoder_score(encoder, &(mr_query){.item = seen, .count = 2}, row);
    for (uint32_t j = 0; j < mr_encoder_view(encoder)->items; j++)
        if (j != seen[0] && j != seen[1] && (best == item || row[j] > row[best]))
            best = j;
    return best;
}

static size_t right_answers(const mr_encoder *encoder)
{
    size_t right = 0;
    for (uint32_t i = 0; i < RING; i++)
        right += best_after(encoder, i) == (i + 1) % RING;
    return right;
}

static void test_what_follows_what_is_learnt(void **state)
{
    (void)state;
    const mr_sequences sequences = walks(RING);
    const mr_encoder_options options = small_options();
    mr_encoder *encoder = train(&sequences, &options, 2);
    assert_true(right_answers(encoder) >= RING - 2);
    mr_encoder_destroy(encoder);
}

typedef struct reports {
    uint64_t calls;
    uint64_t all;
    uint32_t epoch;
    double first_loss;
    double last_loss;
} reports;

static void keep_report(void *context, uint32_t epoch, uint64_t done, uint64_t all,
                        double loss)
{
    reports *seen = context;
    assert_int_equal(done, ++seen->calls);
    seen->all = all;
    seen->epoch = epoch;
    if (done == 1)
        seen->first_loss = loss;
    seen->last_loss = loss;
}

static void test_progress_is_told_after_each_batch(void **state)
{
    (void)state;
    const mr_sequences sequences = walks(RING);
    mr_encoder_options options = small_options();
    reports seen = {0};
    options.report = keep_report;
    options.report_context = &seen;
    mr_encoder *encoder = train(&sequences, &options, 1);
    assert_int_equal(seen.calls, 8 * WALKS * (WALK - 1) / 100);
    assert_int_equal(seen.all, seen.calls);
    assert_int_equal(seen.epoch, 8);
    assert_true(seen.last_loss < 0.7 * seen.first_loss);
    mr_encoder_destroy(encoder);
}

static void test_a_refresh_learns_new_items_and_keeps_the_old(void **state)
{
    (void)state;
    static const uint32_t more = RING + 4;
    const mr_sequences sequences = walks(RING);
    mr_encoder_options options = small_options();
    mr_worker_pool *pool = NULL;
    mr_encoder *fresh = NULL;
    mr_encoder *encoder = train(&sequences, &options, 2);
    uint64_t ptr[101];
    uint32_t item[300];
    for (uint32_t s = 0; s <= 100; s++)
        ptr[s] = (uint64_t)s * 3;
    for (uint32_t s = 0; s < 100; s++) /* 4, 5, then a new one */
        for (uint32_t t = 0; t < 3; t++)
            item[s * 3 + t] = t < 2 ? 4 + t : RING + 1;
    const mr_sequences news = {.count = 100, .items = more, .ptr = ptr, .item = item};
    options.epochs = 4;
    options.batch = 20;
    options.learning_rate = 0.005F;
    assert_ok(mr_worker_pool_create(2, &pool));
    assert_ok(mr_encoder_refresh(encoder, &news, &options, pool, &fresh));
    assert_int_equal(mr_encoder_view(fresh)->items, more);
    assert_int_equal(best_after(fresh, 5), RING + 1);
    assert_true(mr_encoder_view(fresh)->lengths[RING + 1] > 0.0F);
    assert_true(mr_encoder_view(fresh)->lengths[RING + 2] == 0.0F); /* seen nowhere */
    assert_true(right_answers(fresh) >= RING - 4);
    mr_encoder *never = NULL;
    assert_int_equal(mr_encoder_refresh(fresh, &sequences, &options, pool, &never),
                     MR_ERR_INVALID); /* a catalogue does not shrink */
    options.dimension = 16;
    assert_int_equal(mr_encoder_refresh(encoder, &news, &options, pool, &never),
                     MR_ERR_INVALID);
    mr_worker_pool_destroy(pool);
    mr_encoder_destroy(encoder);
    mr_encoder_destroy(fresh);
}

/* ---- what is refused ---- */

static void assert_refused(const mr_encoder_options *options)
{
    mr_error error = {{0}};
    assert_int_equal(mr_encoder_options_check(options, &error), MR_ERR_INVALID);
    assert_non_null(strstr(error.message, "encoder: "));
}

static void test_options_out_of_range_are_refused_by_name(void **state)
{
    (void)state;
    const mr_encoder_options good = mr_encoder_options_default();
    assert_ok(mr_encoder_options_check(&good, NULL));
#define REFUSED(field, wrong)                                                            \
    do {                                                                                 \
        mr_encoder_options bad = good;                                                   \
        bad.field = wrong;                                                               \
        assert_refused(&bad);                                                            \
    } while (0)
    REFUSED(dimension, 0);
    REFUSED(dimension, 100);
    REFUSED(dimension, 1024);
    REFUSED(epochs, 0);
    REFUSED(batch, 0);
    REFUSED(batch, MR_ENCODER_BATCH_MAX + 1);
    REFUSED(negatives, 0);
    REFUSED(length_max, 0);
    REFUSED(length_max, 21);
    REFUSED(temperature, 0.0F);
    REFUSED(temperature, NAN);
    REFUSED(dropout, -0.1F);
    REFUSED(dropout, 1.0F);
    REFUSED(learning_rate, 0.0F);
    REFUSED(learning_rate, INFINITY);
#undef REFUSED
}

static void test_sequences_that_teach_nothing_are_refused(void **state)
{
    (void)state;
    static const uint64_t ptr[] = {0, 1, 1, 2};
    static const uint32_t single[] = {0, 1};
    static const uint64_t pair_ptr[] = {0, 2};
    static const uint32_t outside[] = {0, 9};
    const mr_sequences nothing = {.count = 3, .items = 2, .ptr = ptr, .item = single};
    const mr_sequences wrong = {.count = 1, .items = 2, .ptr = pair_ptr, .item = outside};
    const mr_encoder_options options = small_options();
    mr_worker_pool *pool = NULL;
    mr_encoder *encoder = NULL;
    assert_ok(mr_worker_pool_create(1, &pool));
    assert_int_equal(mr_encoder_train(&nothing, &options, pool, &encoder),
                     MR_ERR_INVALID);
    assert_int_equal(mr_encoder_train(&wrong, &options, pool, &encoder), MR_ERR_INVALID);
    mr_worker_pool_destroy(pool);
}

static void test_items_that_were_only_negatives_stay_unknown(void **state)
{
    (void)state;
    const mr_sequences sequences = walks(RING + 3);
    const mr_encoder_options options = small_options();
    mr_encoder *encoder = train(&sequences, &options, 2);
    const mr_encoder_arrays *arrays = mr_encoder_view(encoder);
    for (uint32_t i = 0; i < RING + 3; i++)
        assert_true((arrays->lengths[i] > 0.0F) == (i < RING));
    mr_encoder_destroy(encoder);
}

static void test_a_single_pair_is_enough(void **state)
{
    (void)state;
    static const uint64_t ptr[] = {0, 2};
    static const uint32_t item[] = {0, 0};
    const mr_sequences tiny = {.count = 1, .items = 1, .ptr = ptr, .item = item};
    const mr_encoder_options options = mr_encoder_options_default();
    mr_encoder *encoder = train(&tiny, &options, 2);
    float score = 0.0F;
    mr_encoder_score(encoder, &(mr_query){.item = item, .count = 1}, &score);
    assert_close(score, 1.0, 1e-5);
    mr_encoder_destroy(encoder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loss_and_gradients_are_those_of_the_definition),
        cmocka_unit_test(test_a_step_moves_touched_rows_alone),
        cmocka_unit_test(test_the_encoder_is_the_same_bits_for_any_number_of_threads),
        cmocka_unit_test(test_what_follows_what_is_learnt),
        cmocka_unit_test(test_progress_is_told_after_each_batch),
        cmocka_unit_test(test_a_refresh_learns_new_items_and_keeps_the_old),
        cmocka_unit_test(test_options_out_of_range_are_refused_by_name),
        cmocka_unit_test(test_sequences_that_teach_nothing_are_refused),
        cmocka_unit_test(test_items_that_were_only_negatives_stay_unknown),
        cmocka_unit_test(test_a_single_pair_is_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
