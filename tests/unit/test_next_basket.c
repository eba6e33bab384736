/*
 * The model is compared with its definition, written out over dense arrays in double; then asked
 * what a shop may ask: items it does not know, baskets that hold an item twice, no baskets at all,
 * and arrays that a disk has damaged.
 */
#include "models/next_basket.h"
#include "models/random.h"
#include "tests/support.h"

#include <string.h>

enum { USERS = 80, ITEMS = 23, BASKETS_MAX = 9, SPAN = 3 };

static mr_sequence_list list;
static double reference_c[ITEMS][ITEMS];
static double reference_rate[ITEMS];
static double reference_popularity[ITEMS];
static float row[ITEMS];

static mr_next_basket_options options_of_test(void)
{
    mr_next_basket_options options = mr_next_basket_defaults();
    options.span = SPAN;
    options.smoothing = 2.0F;
    options.popularity_fading = 0.5F;
    return options;
}

/* Users of 0 to BASKETS_MAX baskets of 1 to 6 elements, some of them twice. */
static mr_sequences draw(uint64_t seed)
{
    mr_sequence_list_deinit(&list);
    list.has_baskets = true;
    list.items = ITEMS;
    uint64_t drawn = 0;
    for (uint32_t u = 0; u < USERS; u++) {
        const uint32_t baskets =
            (uint32_t)(mr_random_bits(seed, drawn++) % (BASKETS_MAX + 1));
        for (uint32_t b = 0; b < baskets; b++) {
            const uint64_t size = 1 + mr_random_bits(seed, drawn++) % 6;
            for (uint64_t i = 0; i < size; i++) {
                const double where = mr_random_uniform(seed, drawn++);
                const uint32_t item = (uint32_t)(where * where * ITEMS);
                assert_ok(mr_sequence_list_add(&list, item, b, 0));
            }
        }
        assert_ok(mr_sequence_list_end(&list));
    }
    return mr_sequence_list_view(&list);
}

/* has[t][j]: basket t of the sequence holds item j; returns the number of baskets. */
static size_t dense_baskets(const uint32_t *item, const uint32_t *basket, size_t count,
                            bool has[][ITEMS])
{
    size_t baskets = 0;
    for (size_t e = 0; e < count; e++) {
        if (e == 0 || basket == NULL || basket[e] != basket[e - 1])
            memset(has[baskets++], 0, ITEMS * sizeof(bool));
        has[baskets - 1][item[e]] = true;
    }
    return baskets;
}

static double size_power(const bool *has, double exponent)
{
    double size = 0.0;
    for (size_t j = 0; j < ITEMS; j++)
        size += has[j] ? 1.0 : 0.0;
    return pow(size, -exponent);
}

/* S_t[i] of the definition. */
static double strength(bool has[][ITEMS], size_t t, size_t i,
                       const mr_next_basket_options *o)
{
    double sum = 0.0;
    for (size_t k = 0; k < o->span && k <= t; k++)
        if (has[t - k][i])
            sum += pow((double)o->fading, (double)k) *
                   size_power(has[t - k], (double)o->source_exponent);
    return sum;
}

static bool in_span(bool has[][ITEMS], size_t t, size_t j, size_t span)
{
    for (size_t k = 0; k < span && k <= t; k++)
        if (has[t - k][j])
            return true;
    return false;
}

static void compute_reference(const mr_sequences *s, const mr_next_basket_options *o)
{
    static bool has[256][ITEMS];
    double sum_s[ITEMS] = {0};
    double sum_q[ITEMS] = {0};
    double times[ITEMS] = {0};
    double again[ITEMS] = {0};
    double all_times = 0.0;
    double all_again = 0.0;
    memset(reference_c, 0, sizeof(reference_c));
    memset(reference_popularity, 0, sizeof(reference_popularity));
    for (uint32_t u = 0; u < s->count; u++) {
        const mr_query q = mr_sequences_query(s, u, SIZE_MAX);
        const size_t n = dense_baskets(q.item, q.basket, q.count, has);
        for (size_t t = 0; t < n; t++)
            for (size_t j = 0; j < ITEMS; j++)
                reference_popularity[j] +=
                    has[t][j] ? pow((double)o->popularity_fading, (double)(n - 1 - t))
                              : 0.0;
        for (size_t t = 0; t + 1 < n; t++) {
            const double target = size_power(has[t + 1], (double)o->target_exponent);
            for (size_t i = 0; i < ITEMS; i++) {
                sum_s[i] += strength(has, t, i, o);
                sum_q[i] += has[t + 1][i] ? target : 0.0;
                times[i] += in_span(has, t, i, o->span);
                again[i] += in_span(has, t, i, o->span) && has[t + 1][i];
                for (size_t j = 0; j < ITEMS; j++)
                    if (has[t + 1][j] && i != j)
                        reference_c[i][j] += strength(has, t, i, o) * target;
            }
        }
    }
    for (size_t i = 0; i < ITEMS; i++) {
        all_times += times[i];
        all_again += again[i];
        for (size_t j = 0; j < ITEMS; j++)
            reference_c[i][j] *=
                pow(sum_s[i] + (double)o->smoothing, -(double)o->row_exponent) *
                pow(sum_q[j] + (double)o->smoothing, -(double)o->column_exponent);
    }
    const double shrinkage = (double)o->repeat_shrinkage;
    for (size_t i = 0; i < ITEMS; i++)
        reference_rate[i] =
            (again[i] + shrinkage * all_again / all_times) / (times[i] + shrinkage);
}

static mr_next_basket *build(const mr_sequences *sequences,
                             const mr_next_basket_options *options, uint32_t threads)
{
    mr_worker_pool *pool;
    mr_next_basket *model;
    assert_ok(mr_worker_pool_create(threads, &pool));
    assert_ok(mr_next_basket_build(sequences, options, pool, &model));
    mr_worker_pool_destroy(pool);
    return model;
}

static void assert_equals_reference(const mr_next_basket *model, const mr_sequences *s)
{
    const mr_next_basket_options *o = mr_next_basket_options_of(model);
    const mr_next_basket_arrays arrays = mr_next_basket_view(model);
    compute_reference(s, o);
    for (size_t j = 0; j < ITEMS; j++) {
        assert_close(arrays.repeat_rate[j], reference_rate[j], 1e-6);
        assert_close(arrays.popularity[j], reference_popularity[j], 1e-6);
    }
    static bool has[256][ITEMS];
    for (uint32_t u = 0; u < s->count; u++) {
        const mr_query q = mr_sequences_query(s, u, SIZE_MAX);
        const size_t n = dense_baskets(q.item, q.basket, q.count, has);
        mr_next_basket_score(model, &q, row);
        for (size_t j = 0; j < ITEMS; j++) {
            double expected = 0.0;
            for (size_t i = 0; n > 0 && i < ITEMS; i++)
                expected += strength(has, n - 1, i, o) * reference_c[i][j];
            assert_close(row[j], expected, 1e-5);
        }
    }
}

static void test_scores_rates_and_popularity_are_those_of_the_definition(void **state)
{
    (void)state;
    const mr_sequences sequences = draw(1);
    const mr_next_basket_options options = options_of_test();
    mr_next_basket *model = build(&sequences, &options, 1);
    assert_equals_reference(model, &sequences);
    mr_next_basket_destroy(model);
}

static void test_without_baskets_each_element_is_one(void **state)
{
    (void)state;
    mr_sequences sequences = draw(2);
    sequences.basket = NULL;
    const mr_next_basket_options options = options_of_test();
    mr_next_basket *model = build(&sequences, &options, 1);
    assert_equals_reference(model, &sequences);
    mr_next_basket_destroy(model);
}

static void test_a_slice_is_a_model_of_its_own_users(void **state)
{
    (void)state;
    const mr_sequences sequences = draw(3);
    const mr_sequences slice = mr_sequences_slice(&sequences, 20, 40);
    const mr_next_basket_options options = options_of_test();
    mr_next_basket *model = build(&slice, &options, 1);
    assert_equals_reference(model, &slice);
    mr_next_basket_destroy(model);
}

static void test_a_row_keeps_its_largest(void **state)
{
    (void)state;
    const mr_sequences sequences = draw(4);
    mr_next_basket_options options = options_of_test();
    options.neighbours = 4;
    mr_next_basket *model = build(&sequences, &options, 1);
    compute_reference(&sequences, &options);
    const mr_sparse_matrix rows = mr_next_basket_view(model).rows;
    for (uint32_t i = 0; i < ITEMS; i++) {
        assert_true(mr_sparse_matrix_row_count(&rows, i) <= 4);
        for (uint64_t e = rows.ptr[i]; e < rows.ptr[i + 1]; e++) {
            size_t larger = 0;
            for (size_t j = 0; j < ITEMS; j++)
                larger += reference_c[i][j] > (double)rows.values[e] * (1.0 + 1e-5);
            assert_true(larger < 4);
            assert_close(rows.values[e], reference_c[i][rows.index[e]], 1e-5);
        }
    }
    mr_next_basket_destroy(model);
}

static void test_any_number_of_threads_gives_the_same_bits(void **state)
{
    (void)state;
    mr_sequences sequences = draw(5);
    sequences.items = 1000; /* several pieces of work */
    const mr_next_basket_options options = mr_next_basket_defaults();
    mr_next_basket *one = build(&sequences, &options, 1);
    const mr_next_basket_arrays a = mr_next_basket_view(one);
    for (uint32_t threads = 2; threads <= 4; threads++) {
        mr_next_basket *many = build(&sequences, &options, threads);
        const mr_next_basket_arrays b = mr_next_basket_view(many);
        const size_t count = (size_t)mr_sparse_matrix_count(&a.rows);
        assert_memory_equal(a.rows.ptr, b.rows.ptr, 1001 * sizeof(*a.rows.ptr));
        assert_memory_equal(a.rows.index, b.rows.index, count * sizeof(*a.rows.index));
        assert_memory_equal(a.rows.values, b.rows.values, count * sizeof(*a.rows.values));
        assert_memory_equal(a.repeat_rate, b.repeat_rate, 1000 * sizeof(float));
        assert_memory_equal(a.popularity, b.popularity, 1000 * sizeof(float));
        mr_next_basket_destroy(many);
    }
    mr_next_basket_destroy(one);
}

static void test_the_reason_is_the_item_with_the_largest_term(void **state)
{
    (void)state;
    const mr_sequences sequences = draw(7);
    const mr_next_basket_options options = options_of_test();
    mr_next_basket *model = build(&sequences, &options, 1);
    compute_reference(&sequences, &options);
    const uint32_t items[] = {2, 4, 400, 9, 2, 11};
    const uint32_t baskets[] = {0, 0, 1, 1, 2, 3};
    const mr_query query = {.item = items, .basket = baskets, .count = 6};
    /* S_last of the definition, the stranger counted into its basket. */
    double own[ITEMS] = {0};
    own[2] =
        (double)options.fading; /* in basket 2 of 0 … 3; basket 0 is beyond the span */
    own[9] = pow((double)options.fading, 2.0) * pow(2.0, -0.5);
    own[11] = 1.0;
    for (uint32_t j = 0; j < ITEMS; j++) {
        double best = 0.0;
        uint32_t reason = UINT32_MAX;
        for (uint32_t i = 0; i < ITEMS; i++)
            if (own[i] * reference_c[i][j] > best) {
                best = own[i] * reference_c[i][j];
                reason = i;
            }
        float term = -1.0F;
        const size_t place = mr_next_basket_because(model, &query, j, &term);
        if (reason == UINT32_MAX) {
            assert_int_equal(place, query.count);
            assert_true(term == 0.0F);
            continue;
        }
        assert_close(term, best, 1e-5);
        assert_int_equal(items[place], reason);
        assert_true(reason != 2 || place == 4);
    }
    mr_next_basket_destroy(model);
}

static void test_a_query_of_strangers_or_of_a_robot_is_answered(void **state)
{
    (void)state;
    const mr_sequences sequences = draw(8);
    const mr_next_basket_options options = options_of_test();
    mr_next_basket *model = build(&sequences, &options, 1);
    const uint32_t strangers[] = {1000, UINT32_MAX - 1};
    mr_query query = {.item = strangers, .count = 2};
    mr_next_basket_score(model, &query, row);
    for (size_t j = 0; j < ITEMS; j++)
        assert_true(row[j] == 0.0F);
    static uint32_t many[5000];
    static uint32_t one_basket[5000];
    for (uint32_t i = 0; i < 5000; i++)
        many[i] = i % ITEMS;
    query = (mr_query){.item = many, .basket = one_basket, .count = 5000};
    mr_next_basket_score(model, &query, row);
    for (size_t j = 0; j < ITEMS; j++)
        assert_true(isfinite(row[j]));
    mr_next_basket_destroy(model);
}

static void test_a_basket_of_a_warehouse_leads_nowhere(void **state)
{
    (void)state;
    mr_sequence_list_deinit(&list);
    list.has_baskets = true;
    for (uint32_t i = 0; i <= MR_NEXT_BASKET_SIZE_MAX; i++)
        assert_ok(mr_sequence_list_add(&list, i, 0, 0));
    assert_ok(mr_sequence_list_add(&list, 3, 1, 0));
    assert_ok(mr_sequence_list_add(&list, 5, 2, 0));
    assert_ok(mr_sequence_list_end(&list));
    const mr_sequences sequences = mr_sequence_list_view(&list);
    const mr_next_basket_options options = mr_next_basket_defaults();
    mr_next_basket *model = build(&sequences, &options, 1);
    const mr_sparse_matrix rows = mr_next_basket_view(model).rows;
    assert_int_equal(mr_sparse_matrix_count(&rows), 1);
    assert_int_equal(mr_sparse_matrix_row_count(&rows, 3), 1);
    assert_int_equal(rows.index[0], 5);
    mr_next_basket_destroy(model);
}

static void test_users_without_a_second_basket_make_a_model_all_the_same(void **state)
{
    (void)state;
    mr_sequence_list_deinit(&list);
    list.items = 2;
    mr_sequences sequences = mr_sequence_list_view(&list);
    mr_next_basket_options options = mr_next_basket_defaults();
    options.smoothing = 0.0F;
    options.repeat_shrinkage = 0.0F;
    mr_next_basket *model = build(&sequences, &options, 2);
    mr_next_basket_destroy(model);
    assert_ok(mr_sequence_list_add(&list, 1, 0, 0));
    assert_ok(mr_sequence_list_end(&list));
    sequences = mr_sequence_list_view(&list);
    model = build(&sequences, &options, 2);
    const mr_next_basket_arrays arrays = mr_next_basket_view(model);
    assert_int_equal(mr_sparse_matrix_count(&arrays.rows), 0);
    assert_true(arrays.repeat_rate[1] == 0.0F);
    assert_true(arrays.popularity[1] == 1.0F);
    mr_next_basket *copy;
    assert_ok(mr_next_basket_open(&arrays, &options, &copy));
    mr_next_basket_destroy(copy);
    mr_next_basket_destroy(model);
}

static void test_refuses_options_out_of_range(void **state)
{
    (void)state;
    mr_sequences sequences = draw(9);
    mr_next_basket_options bad[12];
    for (size_t i = 0; i < 12; i++)
        bad[i] = mr_next_basket_defaults();
    bad[0].span = 0;
    bad[1].span = MR_NEXT_BASKET_SPAN_MAX + 1;
    bad[2].fading = 1.5F;
    bad[3].source_exponent = -0.1F;
    bad[4].target_exponent = NAN;
    bad[5].row_exponent = 2.0F;
    bad[6].column_exponent = INFINITY;
    bad[7].smoothing = -1.0F;
    bad[8].neighbours = 0;
    bad[9].neighbours = MR_NEXT_BASKET_NEIGHBOURS_MAX + 1;
    bad[10].repeat_shrinkage = NAN;
    bad[11].popularity_fading = -0.5F;
    mr_worker_pool *pool;
    assert_ok(mr_worker_pool_create(1, &pool));
    mr_next_basket *model;
    for (size_t i = 0; i < 12; i++)
        assert_int_equal(mr_next_basket_build(&sequences, &bad[i], pool, &model),
                         MR_ERR_INVALID);
    const mr_next_basket_options good = mr_next_basket_defaults();
    sequences.items = 0;
    sequences.count = 0;
    assert_int_equal(mr_next_basket_build(&sequences, &good, pool, &model),
                     MR_ERR_INVALID);
    mr_worker_pool_destroy(pool);
}

static void test_stored_arrays_score_the_same_bits(void **state)
{
    (void)state;
    const mr_sequences sequences = draw(10);
    const mr_next_basket_options options = options_of_test();
    mr_next_basket *model = build(&sequences, &options, 1);
    const mr_next_basket_arrays arrays = mr_next_basket_view(model);
    mr_next_basket *stored;
    assert_ok(mr_next_basket_open(&arrays, &options, &stored));
    float other[ITEMS];
    const mr_query query = mr_sequences_query(&sequences, 5, SIZE_MAX);
    mr_next_basket_score(model, &query, row);
    mr_next_basket_score(stored, &query, other);
    assert_memory_equal(row, other, sizeof(row));
    mr_next_basket_destroy(stored);
    mr_next_basket_destroy(model);
}

static void expect_corrupt(const mr_next_basket_arrays *arrays)
{
    const mr_next_basket_options options = mr_next_basket_defaults();
    mr_next_basket *model;
    assert_int_equal(mr_next_basket_open(arrays, &options, &model), MR_ERR_CORRUPT);
}

static void test_refuses_damaged_arrays(void **state)
{
    (void)state;
    const mr_sequences sequences = draw(11);
    const mr_next_basket_options options = options_of_test();
    mr_next_basket *model = build(&sequences, &options, 1);
    mr_next_basket_arrays arrays = mr_next_basket_view(model);
    const float bad_values[] = {NAN, INFINITY, -1.0F, 0.0F, 1e30F};
    for (size_t i = 0; i < 5; i++) {
        const float good = arrays.rows.values[3];
        arrays.rows.values[3] = bad_values[i];
        expect_corrupt(&arrays);
        arrays.rows.values[3] = good;
    }
    const uint32_t good_index = arrays.rows.index[2];
    arrays.rows.index[2] = ITEMS;
    expect_corrupt(&arrays);
    arrays.rows.index[2] = arrays.rows.index[1];
    expect_corrupt(&arrays);
    arrays.rows.index[2] = good_index;
    arrays.rows.columns++;
    expect_corrupt(&arrays);
    arrays.rows.columns--;
    float damaged[ITEMS] = {0};
    const float bad_rates[] = {NAN, 1.5F, -0.1F};
    const float *good_rates = arrays.repeat_rate;
    arrays.repeat_rate = damaged;
    for (size_t i = 0; i < 3; i++) {
        damaged[4] = bad_rates[i];
        expect_corrupt(&arrays);
    }
    arrays.repeat_rate = good_rates;
    arrays.popularity = damaged;
    damaged[4] = INFINITY;
    expect_corrupt(&arrays);
    mr_next_basket_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores_rates_and_popularity_are_those_of_the_definition),
        cmocka_unit_test(test_without_baskets_each_element_is_one),
        cmocka_unit_test(test_a_slice_is_a_model_of_its_own_users),
        cmocka_unit_test(test_a_row_keeps_its_largest),
        cmocka_unit_test(test_any_number_of_threads_gives_the_same_bits),
        cmocka_unit_test(test_the_reason_is_the_item_with_the_largest_term),
        cmocka_unit_test(test_a_query_of_strangers_or_of_a_robot_is_answered),
        cmocka_unit_test(test_a_basket_of_a_warehouse_leads_nowhere),
        cmocka_unit_test(test_users_without_a_second_basket_make_a_model_all_the_same),
        cmocka_unit_test(test_refuses_options_out_of_range),
        cmocka_unit_test(test_stored_arrays_score_the_same_bits),
        cmocka_unit_test(test_refuses_damaged_arrays),
    };
    const int failed = cmocka_run_group_tests_name("next_basket", tests, NULL, NULL);
    mr_sequence_list_deinit(&list);
    return failed;
}
