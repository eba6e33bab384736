/*
 * Method: C' by its definition, a dense matrix in double filled from all pairs of places of random
 * sequences, for several sets of options, with baskets and without; scores as sums over the query.
 */
#include "tests/support.h"

#include "models/covisitation.h"
#include "models/random.h"

#include <string.h>

enum { SEQUENCES = 120, ITEMS = 40, LENGTH_MAX = 14, QUERY = 9 };

static mr_sequence_list plain_list;
static mr_sequence_list basket_list;

/* Squares of uniforms make some items popular; some sequences are empty; items repeat. */
static mr_sequence_list make_list(bool has_baskets)
{
    mr_sequence_list list = {.has_baskets = has_baskets};
    for (uint32_t s = 0; s < SEQUENCES; s++) {
        uint32_t basket = 0;
        for (uint32_t e = 0; e < mr_random_bits(1, s) % LENGTH_MAX; e++) {
            const double u = mr_random_uniform(2 + s, e);
            basket += mr_random_bits(500 + s, e) % 3 == 0;
            assert_ok(mr_sequence_list_add(&list, (uint32_t)(u * u * ITEMS), basket, 0));
        }
        assert_ok(mr_sequence_list_end(&list));
    }
    list.items = ITEMS;
    return list;
}

static const mr_covisitation_options CASES[] = {
    {.span = 3,
     .distance_exponent = 0.5F,
     .backward = 0.7F,
     .together = 0.9F,
     .age_scale = 40.0F,
     .row_exponent = 0.5F,
     .column_exponent = 0.2F,
     .neighbours = 1000,
     .query_scale = 3.0F},
    {.span = 1024,
     .distance_exponent = 1.0F,
     .backward = 0.5F,
     .together = 0.25F,
     .own = 0.75F,
     .self = true,
     .length_exponent = 0.5F,
     .row_exponent = 1.0F,
     .neighbours = 1000,
     .query_scale = 1.5F,
     .query_span = 4},
    {.span = 1, .self = true, .neighbours = 1000}, /* a chain of transitions */
    {.span = 5, .backward = 1.0F, .column_exponent = 2.0F, .neighbours = 1000},
};

enum { CASE_COUNT = sizeof(CASES) / sizeof(*CASES) };

static uint32_t place_of(const mr_sequences *s, uint64_t element)
{
    return s->basket != NULL ? s->basket[element] : (uint32_t)element;
}

static double pair_weight(const mr_sequences *s, const mr_covisitation_options *o,
                          uint64_t from, uint64_t to)
{
    const double apart = (double)place_of(s, to) - (double)place_of(s, from);
    if (from == to)
        return (double)o->own;
    if (fabs(apart) > o->span || (!o->self && s->item[from] == s->item[to]))
        return 0.0;
    if (fabs(apart) < 0.5)
        return (double)o->together;
    return pow(fabs(apart), -(double)o->distance_exponent) *
           (apart > 0.0 ? 1.0 : (double)o->backward);
}

/* The whole of C' by definition. */
static void reference(const mr_sequences *s, const mr_covisitation_options *o,
                      double weights[ITEMS][ITEMS])
{
    double frequency[ITEMS] = {0};
    memset(weights, 0, ITEMS * sizeof(*weights));
    for (uint32_t n = 0; n < s->count; n++) {
        bool has[ITEMS] = {false};
        const double length = (double)(s->ptr[n + 1] - s->ptr[n]);
        const double age =
            o->age_scale > 0.0F ? (s->count - 1 - n) / (double)o->age_scale : 0.0;
        for (uint64_t i = s->ptr[n]; i < s->ptr[n + 1]; i++) {
            has[s->item[i]] = true;
            for (uint64_t j = s->ptr[n]; j < s->ptr[n + 1]; j++)
                weights[s->item[i]][s->item[j]] +=
                    pair_weight(s, o, i, j) * exp(-age) *
                    pow(length, -(double)o->length_exponent);
        }
        for (uint32_t i = 0; i < ITEMS; i++)
            frequency[i] += has[i];
    }
    for (uint32_t i = 0; i < ITEMS; i++) {
        double total = 0.0;
        for (uint32_t j = 0; j < ITEMS; j++)
            total += weights[i][j];
        for (uint32_t j = 0; j < ITEMS && total > 0.0; j++)
            weights[i][j] *= pow(total, -(double)o->row_exponent) *
                             pow(frequency[j] + 1.0, -(double)o->column_exponent);
    }
}

static mr_covisitation *build(const mr_sequences *sequences,
                              const mr_covisitation_options *options, uint32_t threads)
{
    mr_worker_pool *pool = NULL;
    mr_covisitation *model = NULL;
    assert_ok(mr_worker_pool_create(threads, &pool));
    assert_ok(mr_covisitation_build(sequences, options, pool, &model));
    mr_worker_pool_destroy(pool);
    return model;
}

static void compare_rows(const mr_sequences *sequences,
                         const mr_covisitation_options *options)
{
    static double expected[ITEMS][ITEMS];
    mr_covisitation *model = build(sequences, options, 2);
    const mr_sparse_matrix *rows = mr_covisitation_rows(model);
    reference(sequences, options, expected);
    for (uint32_t i = 0; i < ITEMS; i++) {
        uint64_t e = rows->ptr[i];
        for (uint32_t j = 0; j < ITEMS; j++)
            if (expected[i][j] > 0.0) {
                assert_int_equal(rows->index[e], j);
                assert_close(rows->values[e], expected[i][j], 1e-5);
                e++;
            }
        assert_int_equal(e, rows->ptr[i + 1]);
    }
    mr_covisitation_destroy(model);
}

static void test_weights_equal_the_definition(void **state)
{
    (void)state;
    const mr_sequences sequences = mr_sequence_list_view(&plain_list);
    for (size_t c = 0; c < CASE_COUNT; c++)
        compare_rows(&sequences, &CASES[c]);
}

static void test_places_are_baskets_where_there_are_baskets(void **state)
{
    (void)state;
    const mr_sequences sequences = mr_sequence_list_view(&basket_list);
    for (size_t c = 0; c < CASE_COUNT; c++)
        compare_rows(&sequences, &CASES[c]);
}

/* Pointers of a slice do not begin at 0, and its oldest sequence has another age. */
static void test_a_slice_is_a_set_of_its_own(void **state)
{
    (void)state;
    const mr_sequences all = mr_sequence_list_view(&basket_list);
    const mr_sequences slice = mr_sequences_slice(&all, 30, 50);
    for (size_t c = 0; c < CASE_COUNT; c++)
        compare_rows(&slice, &CASES[c]);
}

static void test_a_row_keeps_its_largest_weights(void **state)
{
    (void)state;
    const mr_sequences sequences = mr_sequence_list_view(&plain_list);
    mr_covisitation_options options = CASES[0];
    mr_covisitation *whole = build(&sequences, &options, 1);
    options.neighbours = 4;
    mr_covisitation *cut = build(&sequences, &options, 1);
    const mr_sparse_matrix *all = mr_covisitation_rows(whole);
    for (uint32_t i = 0; i < ITEMS; i++)
        for (uint64_t e = all->ptr[i]; e < all->ptr[i + 1]; e++) {
            uint32_t better = 0;
            for (uint64_t f = all->ptr[i]; f < all->ptr[i + 1]; f++)
                better += all->values[f] > all->values[e] ||
                          (all->values[f] >= all->values[e] && f < e);
            assert_int_equal(
                mr_sparse_matrix_has(mr_covisitation_rows(cut), i, all->index[e]),
                better < 4);
        }
    mr_covisitation_destroy(whole);
    mr_covisitation_destroy(cut);
}

static void test_threads_do_not_show(void **state)
{
    (void)state;
    const mr_sequences sequences = mr_sequence_list_view(&plain_list);
    mr_covisitation *one = build(&sequences, &CASES[0], 1);
    for (uint32_t threads = 2; threads <= 3; threads++) {
        mr_covisitation *many = build(&sequences, &CASES[0], threads);
        const mr_sparse_matrix *a = mr_covisitation_rows(one);
        const mr_sparse_matrix *b = mr_covisitation_rows(many);
        const uint64_t count = mr_sparse_matrix_count(a);
        assert_int_equal(count, mr_sparse_matrix_count(b));
        assert_memory_equal(a->index, b->index, count * sizeof(*a->index));
        assert_memory_equal(a->values, b->values, count * sizeof(*a->values));
        mr_covisitation_destroy(many);
    }
    mr_covisitation_destroy(one);
}

static float weight_at(const mr_sparse_matrix *rows, uint32_t i, uint32_t j)
{
    for (uint64_t e = rows->ptr[i]; e < rows->ptr[i + 1]; e++)
        if (rows->index[e] == j)
            return rows->values[e];
    return 0.0F;
}

static double term(const mr_covisitation *model, const mr_query *query, size_t t,
                   uint32_t item)
{
    const mr_covisitation_options *o = mr_covisitation_options_of(model);
    const size_t last = query->count - 1;
    const double back = query->basket != NULL
                            ? (double)(query->basket[last] - query->basket[t])
                            : (double)(last - t);
    if (query->item[t] >= ITEMS || (o->query_span > 0 && last - t >= o->query_span))
        return 0.0;
    return (double)weight_at(mr_covisitation_rows(model), query->item[t], item) *
           (o->query_scale > 0.0F ? exp(-back / (double)o->query_scale) : 1.0);
}

static void compare_scores(const mr_covisitation *model, const mr_query *query)
{
    float scores[ITEMS];
    uint32_t marks[ITEMS] = {0};
    uint32_t backwards[ITEMS];
    size_t places[ITEMS];
    for (uint32_t j = 0; j < ITEMS; j++)
        backwards[j] = ITEMS - 1 - j;
    mr_covisitation_reasons(model, query, backwards, ITEMS, marks, places);
    for (uint32_t j = 0; j < ITEMS; j++)
        assert_int_equal(marks[j], 0);
    mr_covisitation_score(model, query, scores);
    for (uint32_t j = 0; j < ITEMS; j++) {
        double sum = 0.0;
        double largest = 0.0;
        size_t newest = query->count;
        for (size_t t = 0; t < query->count; t++) {
            const double own = term(model, query, t, j);
            sum += own;
            if (own > 0.0 && own >= largest * (1.0 - 1e-6)) {
                largest = own;
                newest = t;
            }
        }
        assert_int_equal(places[ITEMS - 1 - j], newest);
        assert_close(scores[j], sum, 1e-5);
    }
}

static void test_a_score_is_a_sum_and_its_reason_the_largest_term(void **state)
{
    (void)state;
    static const uint32_t items[QUERY] = {3, 0, 17, 3, ITEMS, 1, UINT32_MAX, 8, 2};
    static const uint32_t baskets[QUERY] = {0, 0, 1, 2, 2, 2, 4, 4, 5};
    const mr_sequences sequences = mr_sequence_list_view(&plain_list);
    for (size_t c = 0; c < CASE_COUNT; c++) {
        mr_covisitation *model = build(&sequences, &CASES[c], 1);
        for (size_t count = 0; count <= QUERY; count++) {
            compare_scores(model, &(mr_query){.item = items, .count = count});
            compare_scores(model,
                           &(mr_query){.item = items, .basket = baskets, .count = count});
        }
        mr_covisitation_destroy(model);
    }
}

static void test_axes_start_at_the_defaults_and_stay_in_range(void **state)
{
    (void)state;
    const mr_sequences sequences = mr_sequence_list_view(&plain_list);
    const mr_covisitation_options defaults = mr_covisitation_defaults();
    mr_covisitation_options options = defaults;
    mr_pattern_axis axes[MR_COVISITATION_AXES];
    double start[MR_COVISITATION_AXES];
    double low[MR_COVISITATION_AXES];
    double high[MR_COVISITATION_AXES];
    mr_covisitation_axes(axes);
    for (size_t a = 0; a < MR_COVISITATION_AXES; a++) {
        start[a] = axes[a].start;
        low[a] = axes[a].low;
        high[a] = axes[a].high;
    }
    mr_covisitation_at(start, &options);
    assert_close(options.length_exponent, defaults.length_exponent, 1e-6);
    assert_close(options.query_scale, defaults.query_scale, 1e-6);
    assert_close(options.backward, defaults.backward, 1e-6);
    assert_close(options.column_exponent, defaults.column_exponent, 1e-6);
    mr_covisitation_destroy(build(&sequences, &options, 1));
    mr_covisitation_at(low, &options);
    mr_covisitation_destroy(build(&sequences, &options, 1));
    mr_covisitation_at(high, &options);
    mr_covisitation_destroy(build(&sequences, &options, 1));
}

static void test_options_out_of_range_are_refused(void **state)
{
    (void)state;
    const mr_sequences sequences = mr_sequence_list_view(&plain_list);
    const mr_covisitation_options good = mr_covisitation_defaults();
    mr_covisitation_options bad[12];
    for (size_t b = 0; b < 12; b++)
        bad[b] = good;
    bad[0].span = 0;
    bad[1].span = MR_COVISITATION_SPAN_MAX + 1;
    bad[2].distance_exponent = -0.1F;
    bad[3].backward = NAN;
    bad[4].together = INFINITY;
    bad[5].age_scale = -1.0F;
    bad[6].length_exponent = 2.1F;
    bad[7].row_exponent = NAN;
    bad[8].column_exponent = -1.0F;
    bad[9].neighbours = MR_COVISITATION_NEIGHBOURS_MAX + 1;
    bad[10].query_scale = -1.0F;
    bad[11].own = NAN;
    mr_worker_pool *pool = NULL;
    mr_covisitation *model = NULL;
    assert_ok(mr_worker_pool_create(1, &pool));
    for (size_t b = 0; b < 12; b++)
        assert_int_equal(mr_covisitation_build(&sequences, &bad[b], pool, &model),
                         MR_ERR_INVALID);
    static const uint64_t empty[2] = {0, 0};
    const mr_sequences no_items = {.count = 1, .ptr = empty};
    const mr_sequences no_sequences = {.items = ITEMS};
    assert_int_equal(mr_covisitation_build(&no_items, &good, pool, &model),
                     MR_ERR_INVALID);
    assert_int_equal(mr_covisitation_build(&no_sequences, &good, pool, &model),
                     MR_ERR_INVALID);
    assert_null(model);
    mr_worker_pool_destroy(pool);
}

static void test_stored_rows_answer_as_those_that_were_built(void **state)
{
    (void)state;
    static const uint32_t items[] = {3, 0, 17};
    const mr_query query = {.item = items, .count = 3};
    const mr_sequences sequences = mr_sequence_list_view(&plain_list);
    mr_covisitation *built = build(&sequences, &CASES[0], 1);
    mr_covisitation *opened = NULL;
    float a[ITEMS];
    float b[ITEMS];
    assert_ok(mr_covisitation_open(mr_covisitation_rows(built), &CASES[0], &opened));
    mr_covisitation_score(built, &query, a);
    mr_covisitation_score(opened, &query, b);
    assert_memory_equal(a, b, sizeof(a));
    mr_covisitation_destroy(opened);
    mr_covisitation_destroy(built);
    mr_covisitation_destroy(NULL);
}

static void test_damaged_rows_are_refused(void **state)
{
    (void)state;
    uint64_t ptr[] = {0, 2, 2, 3};
    uint32_t index[] = {0, 2, 1};
    float values[] = {1.0F, 0.5F, 2.0F};
    const mr_sparse_matrix good = {
        .rows = 3, .columns = 3, .ptr = ptr, .index = index, .values = values};
    const mr_covisitation_options options = mr_covisitation_defaults();
    mr_covisitation *model = NULL;
    assert_ok(mr_covisitation_open(&good, &options, &model));
    mr_covisitation_destroy(model);
    static const float bad_values[] = {0.0F, -1.0F, NAN, INFINITY, 1e30F};
    for (size_t b = 0; b < 5; b++) {
        values[1] = bad_values[b];
        assert_int_equal(mr_covisitation_open(&good, &options, &model), MR_ERR_CORRUPT);
    }
    values[1] = 0.5F;
    index[1] = 3;
    assert_int_equal(mr_covisitation_open(&good, &options, &model), MR_ERR_CORRUPT);
    index[1] = 0;
    assert_int_equal(mr_covisitation_open(&good, &options, &model), MR_ERR_CORRUPT);
    index[1] = 2;
    ptr[2] = 1;
    assert_int_equal(mr_covisitation_open(&good, &options, &model), MR_ERR_CORRUPT);
    ptr[2] = 2;
    mr_sparse_matrix oblong = good;
    oblong.columns = 4;
    assert_int_equal(mr_covisitation_open(&oblong, &options, &model), MR_ERR_CORRUPT);
    oblong = good;
    oblong.values = NULL;
    assert_int_equal(mr_covisitation_open(&oblong, &options, &model), MR_ERR_CORRUPT);
    mr_covisitation_options bad = options;
    bad.span = 0;
    assert_int_equal(mr_covisitation_open(&good, &bad, &model), MR_ERR_INVALID);
}

int main(void)
{
    plain_list = make_list(false);
    basket_list = make_list(true);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_equal_the_definition),
        cmocka_unit_test(test_places_are_baskets_where_there_are_baskets),
        cmocka_unit_test(test_a_slice_is_a_set_of_its_own),
        cmocka_unit_test(test_a_row_keeps_its_largest_weights),
        cmocka_unit_test(test_threads_do_not_show),
        cmocka_unit_test(test_a_score_is_a_sum_and_its_reason_the_largest_term),
        cmocka_unit_test(test_axes_start_at_the_defaults_and_stay_in_range),
        cmocka_unit_test(test_options_out_of_range_are_refused),
        cmocka_unit_test(test_stored_rows_answer_as_those_that_were_built),
        cmocka_unit_test(test_damaged_rows_are_refused),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    mr_sequence_list_deinit(&plain_list);
    mr_sequence_list_deinit(&basket_list);
    return failed;
}
