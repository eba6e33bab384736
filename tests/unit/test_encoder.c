/*
 * Method: a query's vector, scores and reasons against the definition in ten slow lines of double;
 * strange queries; arrays damaged in every way that can be told; kernels of every level against
 * libm and plain loops.
 */
#include "tests/support.h"

#include "models/encoder.h"
#include "models/encoder_kernels.h"
#include "models/random.h"

#include <string.h>

enum { ITEMS = 50, D = 48, LENGTH = MR_ENCODER_LENGTH_MAX };

typedef struct tables {
    float units[ITEMS][D];
    float lengths[ITEMS];
    float places[LENGTH][LENGTH];
    float attention[D];
} tables;

static tables random_tables(void)
{
    tables t;
    for (size_t i = 0; i < ITEMS; i++) {
        double square = 0.0;
        for (size_t f = 0; f < D; f++) {
            t.units[i][f] = (float)mr_random_normal(1, i * D + f);
            square += (double)t.units[i][f] * (double)t.units[i][f];
        }
        for (size_t f = 0; f < D; f++)
            t.units[i][f] = (float)((double)t.units[i][f] / sqrt(square));
        t.lengths[i] = 0.2F + (float)mr_random_uniform(2, i);
    }
    for (size_t l = 0; l < LENGTH; l++)
        for (size_t p = 0; p < LENGTH; p++)
            t.places[l][p] =
                -0.4F * (float)p + 0.3F * (float)mr_random_normal(3, l * LENGTH + p);
    for (size_t f = 0; f < D; f++)
        t.attention[f] = (float)mr_random_normal(4, f);
    return t;
}

static mr_encoder_arrays arrays_of(const tables *t)
{
    return (mr_encoder_arrays){.items = ITEMS,
                               .dimension = D,
                               .units = &t->units[0][0],
                               .lengths = t->lengths,
                               .places = &t->places[0][0],
                               .attention = t->attention};
}

static mr_encoder *open_tables(const tables *t)
{
    mr_encoder *encoder = NULL;
    const mr_encoder_arrays arrays = arrays_of(t);
    assert_ok(mr_encoder_open(&arrays, &encoder, NULL));
    return encoder;
}

/* ---- the definition ---- */

typedef struct answer {
    double weights[LENGTH]; /* a */
    double vector[D];       /* h */
    double length;          /* |h| */
} answer;

/* Of `n` known items. */
static answer by_definition(const tables *t, const uint32_t *items, size_t n)
{
    answer h = {0};
    double sum = 0.0;
    for (size_t k = 0; k < n; k++) {
        double logit = (double)t->places[n - 1][n - 1 - k];
        for (size_t f = 0; f < D; f++)
            logit += (double)t->attention[f] * (double)t->units[items[k]][f] *
                     (double)t->lengths[items[k]];
        h.weights[k] = exp(logit);
        sum += h.weights[k];
    }
    for (size_t k = 0; k < n; k++) {
        h.weights[k] /= sum;
        for (size_t f = 0; f < D; f++)
            h.vector[f] += h.weights[k] * (double)t->units[items[k]][f] *
                           (double)t->lengths[items[k]];
    }
    for (size_t f = 0; f < D; f++)
        h.length += h.vector[f] * h.vector[f];
    h.length = sqrt(h.length);
    return h;
}

static double cosine_by_definition(const tables *t, const answer *h, uint32_t item)
{
    double product = 0.0;
    for (size_t f = 0; f < D; f++)
        product += h->vector[f] * (double)t->units[item][f];
    return product / h->length;
}

static void assert_near(float actual, double expected)
{
    if (!isfinite(actual) || fabs((double)actual - expected) > 2e-6)
        fail_msg("%.9g, not %.9g", (double)actual, expected);
}

static void check_query(const mr_encoder *encoder, const tables *t, const mr_query *query,
                        const uint32_t *known, size_t n)
{
    float vector[D];
    float row[ITEMS];
    const answer h = by_definition(t, known, n);
    assert_true(mr_encoder_encode(encoder, query, vector));
    for (size_t f = 0; f < D; f++)
        assert_near(vector[f], h.vector[f] / h.length);
    mr_encoder_score(encoder, query, row);
    for (uint32_t i = 0; i < ITEMS; i++)
        assert_near(row[i], fmax(0.0, cosine_by_definition(t, &h, i)));
}

static void test_vectors_and_scores_are_those_of_the_definition(void **state)
{
    (void)state;
    uint32_t items[30];
    const tables t = random_tables();
    mr_encoder *encoder = open_tables(&t);
    for (size_t k = 0; k < 30; k++)
        items[k] = (uint32_t)(mr_random_uniform(5, k) * ITEMS);
    for (size_t n = 1; n <= LENGTH; n++)
        check_query(encoder, &t, &(mr_query){.item = items, .count = n}, items, n);
    for (size_t n = LENGTH + 1; n <= 30; n++) /* only the newest are looked at */
        check_query(encoder, &t, &(mr_query){.item = items, .count = n},
                    items + n - LENGTH, LENGTH);
    mr_encoder_destroy(encoder);
}

static void test_items_outside_are_passed_over(void **state)
{
    (void)state;
    static const uint32_t mixed[] = {7, ITEMS, 9, UINT32_MAX, 3, 1000};
    static const uint32_t known[] = {7, 9, 3};
    uint32_t many[70];
    const tables t = random_tables();
    mr_encoder *encoder = open_tables(&t);
    check_query(encoder, &t, &(mr_query){.item = mixed, .count = 6}, known, 3);
    for (size_t k = 0; k < 70; k++)
        many[k] = k < 3 ? known[k] : ITEMS + 1; /* far back, but the newest known */
    check_query(encoder, &t, &(mr_query){.item = many, .count = 70}, known, 3);
    mr_encoder_destroy(encoder);
}

static void test_an_item_that_is_not_known_is_passed_over_and_scores_nothing(void **state)
{
    (void)state;
    static const uint32_t mixed[] = {7, 9, 5, 3, 5};
    static const uint32_t known[] = {7, 9, 3};
    const mr_query query = {.item = mixed, .count = 5};
    float row[ITEMS];
    float term = 1.0F;
    tables t = random_tables();
    memset(t.units[5], 0, sizeof(t.units[5]));
    t.lengths[5] = 0.0F;
    mr_encoder *encoder = open_tables(&t);
    const answer h = by_definition(&t, known, 3);
    mr_encoder_score(encoder, &query, row);
    for (uint32_t i = 0; i < ITEMS; i++)
        assert_near(row[i], fmax(0.0, cosine_by_definition(&t, &h, i)));
    assert_true(row[5] == 0.0F);
    assert_int_equal(mr_encoder_because(encoder, &query, 5, &term), query.count);
    mr_encoder_destroy(encoder);
}

static void test_a_query_without_known_items_scores_nothing(void **state)
{
    (void)state;
    static const uint32_t strange[] = {ITEMS, ITEMS + 1};
    const mr_query queries[] = {{.item = NULL, .count = 0},
                                {.item = strange, .count = 2}};
    const tables t = random_tables();
    mr_encoder *encoder = open_tables(&t);
    for (size_t q = 0; q < 2; q++) {
        float vector[D];
        float row[ITEMS];
        float term = 1.0F;
        assert_false(mr_encoder_encode(encoder, &queries[q], vector));
        mr_encoder_score(encoder, &queries[q], row);
        for (size_t f = 0; f < D; f++)
            assert_true(vector[f] == 0.0F);
        for (size_t i = 0; i < ITEMS; i++)
            assert_true(row[i] == 0.0F);
        assert_int_equal(mr_encoder_because(encoder, &queries[q], 1, &term),
                         queries[q].count);
        assert_true(term == 0.0F);
    }
    mr_encoder_destroy(encoder);
}

static void test_the_reason_is_the_place_with_the_largest_share(void **state)
{
    (void)state;
    static const uint32_t query_items[] = {4, ITEMS + 3, 17, 17, 30, 8};
    static const uint32_t known[] = {4, 17, 17, 30, 8};
    static const size_t places[] = {0, 2, 3, 4, 5};
    const mr_query query = {.item = query_items, .count = 6};
    const tables t = random_tables();
    mr_encoder *encoder = open_tables(&t);
    const answer h = by_definition(&t, known, 5);
    for (uint32_t item = 0; item < ITEMS; item++) {
        double best = -INFINITY;
        double sum = 0.0;
        size_t best_place = 0;
        float term = 0.0F;
        for (size_t k = 0; k < 5; k++) {
            double share = 0.0;
            for (size_t f = 0; f < D; f++)
                share += (double)t.units[known[k]][f] * (double)t.units[item][f];
            share *= h.weights[k] * (double)t.lengths[known[k]] / h.length;
            sum += share;
            if (share >= best) {
                best = share;
                best_place = places[k];
            }
        }
        assert_int_equal(mr_encoder_because(encoder, &query, item, &term), best_place);
        assert_near(term, best);
        assert_near((float)sum, cosine_by_definition(&t, &h, item));
    }
    float term = 1.0F;
    assert_int_equal(mr_encoder_because(encoder, &query, ITEMS, &term), 6);
    mr_encoder_destroy(encoder);
}

static void test_opposed_items_of_a_session_cancel_without_a_number_that_is_none(
    void **state)
{
    (void)state;
    static const uint32_t both[] = {0, 1};
    float row[ITEMS];
    tables t = random_tables();
    for (size_t f = 0; f < D; f++)
        t.units[1][f] = -t.units[0][f];
    t.lengths[1] = t.lengths[0] = 1.0F;
    memset(t.attention, 0, sizeof(t.attention));
    memset(t.places, 0, sizeof(t.places));
    mr_encoder *encoder = open_tables(&t);
    mr_encoder_score(encoder, &(mr_query){.item = both, .count = 2}, row);
    for (size_t i = 0; i < ITEMS; i++)
        assert_true(isfinite(row[i]));
    mr_encoder_destroy(encoder);
}

/* ---- what is refused ---- */

static void assert_damage(const tables *t, mr_status expected)
{
    mr_encoder *encoder = NULL;
    mr_error error = {{0}};
    const mr_encoder_arrays arrays = arrays_of(t);
    assert_int_equal(mr_encoder_open(&arrays, &encoder, &error), expected);
    assert_null(encoder);
    assert_non_null(strstr(error.message, "encoder: "));
}

static void test_damaged_arrays_are_refused(void **state)
{
    (void)state;
    static const float wrongs[] = {NAN, INFINITY, -INFINITY, 3e7F};
    for (size_t w = 0; w < 4; w++) {
        tables t = random_tables();
        t.units[ITEMS - 1][D - 1] = wrongs[w];
        assert_damage(&t, MR_ERR_CORRUPT);
        t = random_tables();
        t.lengths[3] = wrongs[w];
        assert_damage(&t, MR_ERR_CORRUPT);
        t = random_tables();
        t.places[LENGTH - 1][LENGTH - 1] = wrongs[w];
        assert_damage(&t, MR_ERR_CORRUPT);
        t = random_tables();
        t.attention[0] = wrongs[w];
        assert_damage(&t, MR_ERR_CORRUPT);
    }
    tables t = random_tables();
    t.units[5][0] += 0.5F;
    assert_damage(&t, MR_ERR_CORRUPT);
    t = random_tables();
    t.lengths[0] = -1.0F;
    assert_damage(&t, MR_ERR_CORRUPT);
    t = random_tables();
    memset(t.units[5], 0, sizeof(t.units[5])); /* but has a length */
    assert_damage(&t, MR_ERR_CORRUPT);
    t = random_tables();
    t.lengths[5] = 0.0F; /* but has a direction */
    assert_damage(&t, MR_ERR_CORRUPT);
}

static void test_shapes_that_no_encoder_has_are_refused(void **state)
{
    (void)state;
    static const uint32_t dimensions[] = {0, 8, 40, 528, UINT32_MAX};
    const tables t = random_tables();
    mr_encoder *encoder = NULL;
    for (size_t k = 0; k < 5; k++) {
        mr_encoder_arrays arrays = arrays_of(&t);
        arrays.dimension = dimensions[k];
        assert_int_equal(mr_encoder_open(&arrays, &encoder, NULL), MR_ERR_INVALID);
    }
    mr_encoder_arrays arrays = arrays_of(&t);
    arrays.attention = NULL;
    assert_int_equal(mr_encoder_open(&arrays, &encoder, NULL), MR_ERR_INVALID);
    mr_encoder_destroy(NULL);
}

/* ---- kernels ---- */

enum { WIDTH = 80 };

static float draw(uint64_t seed, uint64_t position)
{
    return (float)mr_random_normal(seed, position);
}

static void check_exponential(const mr_encoder_kernels *kernels, size_t count,
                              float offset)
{
    float row[200];
    float before[200];
    double sum = 0.0;
    for (size_t i = 0; i < count; i++)
        before[i] = row[i] = -30.0F * (float)mr_random_uniform(count, i);
    const float got = kernels->exponential(row, count, offset);
    for (size_t i = 0; i < count; i++) {
        /* The argument is rounded to float32 first: a relative error of half its last bit. */
        const double expected = exp((double)(before[i] + offset));
        assert_close(row[i], expected, 3e-7);
        sum += expected;
    }
    if (count > 0)
        assert_close(got, sum, 1e-5);
}

static void test_exponentials_are_those_of_libm(void **state)
{
    (void)state;
    size_t levels = 0;
    const mr_encoder_kernels *const *all = mr_encoder_kernels_all(&levels);
    for (size_t l = 0; l < levels; l++) {
        for (size_t count = 0; count < 200; count += 7) {
            check_exponential(all[l], count, 0.0F);
            check_exponential(all[l], count, 25.5F);
        }
        float edge[20] = {0.0F,      87.9F, -86.9F, -87.1F, -1e30F,
                          -INFINITY, 1e-9F, -1.0F,  0.693F, 44.25F};
        float wanted[20];
        memcpy(wanted, edge, sizeof(edge));
        (void)all[l]->exponential(edge, 20, 0.0F);
        for (size_t i = 0; i < 20; i++)
            if (wanted[i] < -87.0F)
                assert_true(edge[i] == 0.0F);
            else
                assert_close(edge[i], exp((double)wanted[i]), 3e-7);
    }
}

static void check_rows(const mr_encoder_kernels *kernels, size_t width)
{
    float x[WIDTH];
    float y[WIDTH];
    float out[WIDTH];
    float kept[WIDTH];
    uint8_t noise[WIDTH];
    double dot = 0.0;
    double square = 0.0;
    for (size_t f = 0; f < width; f++) {
        x[f] = draw(1, f);
        y[f] = draw(2, f);
        kept[f] = out[f] = draw(3, f);
        noise[f] = (uint8_t)mr_random_bits(4, f);
        dot += (double)x[f] * (double)y[f];
        square += (double)x[f] * (double)x[f];
    }
    assert_near(kernels->dot(x, y, width) / (float)width, dot / (double)width);
    kernels->add(x, -1.5F, width, out);
    kernels->add_kept(x, 2.0F, y, 0.5F, noise, 77, width, kept);
    for (size_t f = 0; f < width; f++) {
        const double before = (double)draw(3, f);
        assert_near(out[f], before - 1.5 * (double)x[f]);
        assert_near(kept[f],
                    before +
                        (noise[f] < 77 ? 0.0 : 2.0 * (double)x[f] + 0.5 * (double)y[f]));
    }
    kernels->drop(x, noise, 200, 3.0F, width, out);
    for (size_t f = 0; f < width; f++)
        assert_near(out[f], noise[f] < 200 ? 0.0 : 3.0 * (double)x[f]);
    assert_close(kernels->normalise(x, width, x), sqrt(square), 1e-6);
    for (size_t f = 0; f < width; f++)
        assert_near(x[f], (double)draw(1, f) / sqrt(square));
    memset(x, 0, sizeof(x));
    assert_true(kernels->normalise(x, width, out) == 0.0F);
    for (size_t f = 0; f < width; f++)
        assert_true(out[f] == 0.0F);
}

static void test_rows_are_added_dropped_and_normalised_as_plain_loops_do(void **state)
{
    (void)state;
    size_t levels = 0;
    const mr_encoder_kernels *const *all = mr_encoder_kernels_all(&levels);
    for (size_t l = 0; l < levels; l++)
        for (size_t width = 16; width <= WIDTH; width += 16)
            check_rows(all[l], width);
}

static void test_adam_is_the_papers_without_its_correction(void **state)
{
    (void)state;
    size_t levels = 0;
    const mr_encoder_kernels *const *all = mr_encoder_kernels_all(&levels);
    for (size_t l = 0; l < levels; l++) {
        float value[WIDTH] = {0};
        float first[WIDTH] = {0};
        float second[WIDTH] = {0};
        double expected[WIDTH][3] = {{0}};
        const mr_encoder_adam step = {
            .value = value, .first = first, .second = second, .rate = 0.01F};
        for (uint64_t n = 0; n < 20; n++) {
            float gradient[WIDTH];
            for (size_t f = 0; f < WIDTH; f++) {
                const double g = (double)(gradient[f] = f == 0 ? 0.0F : draw(f, n));
                double *e = expected[f];
                e[1] = 0.9 * e[1] + 0.1 * g;
                e[2] = 0.999 * e[2] + 0.001 * g * g;
                e[0] -= 0.01 * e[1] / (sqrt(e[2]) + 1e-8);
            }
            all[l]->adam(&step, gradient, WIDTH);
        }
        for (size_t f = 0; f < WIDTH; f++) {
            assert_near(value[f], expected[f][0]);
            assert_near(first[f], expected[f][1]);
            assert_near(second[f], expected[f][2]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors_and_scores_are_those_of_the_definition),
        cmocka_unit_test(test_items_outside_are_passed_over),
        cmocka_unit_test(
            test_an_item_that_is_not_known_is_passed_over_and_scores_nothing),
        cmocka_unit_test(test_a_query_without_known_items_scores_nothing),
        cmocka_unit_test(test_the_reason_is_the_place_with_the_largest_share),
        cmocka_unit_test(
            test_opposed_items_of_a_session_cancel_without_a_number_that_is_none),
        cmocka_unit_test(test_damaged_arrays_are_refused),
        cmocka_unit_test(test_shapes_that_no_encoder_has_are_refused),
        cmocka_unit_test(test_exponentials_are_those_of_libm),
        cmocka_unit_test(test_rows_are_added_dropped_and_normalised_as_plain_loops_do),
        cmocka_unit_test(test_adam_is_the_papers_without_its_correction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
