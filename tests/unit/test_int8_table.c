/*
 * Method: the definition is a scan of all items by the same float32 dot; every list must equal it
 * entry by entry, on tables that are kind (Gaussian) and unkind to bytes (columns of very unlike
 * spread, equal items, zeros, one huge factor).  Each level's kernel is compared with the sum it
 * stands for.
 */
#include "tests/support.h"

#include "models/int8_table.h"
#include "models/random.h"
#include "models/vector.h"

#include <string.h>

enum { ITEMS = 2600, USERS = 140, K = 20 };

typedef enum table_kind { GAUSSIAN, SKEWED, EQUAL, SPARSE, KINDS } table_kind;

static float value_of(table_kind kind, uint64_t seed, size_t row, size_t column)
{
    const float normal = (float)mr_random_normal(seed, row * 64 + column);
    switch (kind) {
    case SKEWED:
        return normal * expf(-0.2F * (float)column) * (row % 50 == 0 ? 30.0F : 1.0F);
    case EQUAL: /* items repeat, so scores tie */
        return (float)mr_random_normal(seed, row % 7 * 64 + column);
    case SPARSE:
        return row % 3 == 0 ? 0.0F : column % 9 == row % 9 ? normal * 100.0F : 0.0F;
    default: return normal;
    }
}

static mr_dense make_table(table_kind kind, size_t rows, size_t columns, uint64_t seed)
{
    mr_dense table;
    assert_ok(mr_dense_init(&table, rows, columns));
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            mr_dense_row(&table, r)[c] = value_of(kind, seed, r, c);
    return table;
}

static uint32_t by_definition(const mr_dense *items, const float *user, uint32_t k,
                              const uint32_t *excluded, size_t excluded_count,
                              mr_ranked *ret_best)
{
    static mr_top_k_selector selector;
    float *scores = mr_dense_floats(items->rows);
    for (size_t i = 0; i < items->rows; i++)
        scores[i] =
            mr_vector_kernels_best()->dot(user, mr_dense_row(items, i), items->stride);
    const uint32_t count = mr_top_k_row(scores, items->rows, k, excluded, excluded_count,
                                        &selector, ret_best);
    free(scores);
    return count;
}

static void assert_same_list(const mr_ranked *a, uint32_t a_count, const mr_ranked *b,
                             uint32_t b_count)
{
    assert_int_equal(a_count, b_count);
    for (uint32_t i = 0; i < a_count; i++) {
        assert_int_equal(a[i].index, b[i].index);
        assert_close(a[i].score, b[i].score, 0.0);
    }
}

static void check_lists(const mr_int8_kernel *kernel, table_kind kind, size_t columns,
                        uint32_t k)
{
    static const uint32_t excluded[] = {0, 1, 7, 1024, 1025, 2599};
    mr_dense items = make_table(kind, ITEMS, columns, 1);
    mr_dense users = make_table(kind == EQUAL ? GAUSSIAN : kind, 8, columns, 2);
    mr_int8_table *table = NULL;
    mr_int8_scratch *scratch = NULL;
    mr_ranked expected[MR_TOP_K_MAX];
    mr_ranked actual[MR_TOP_K_MAX];
    assert_ok(mr_int8_table_build(&items, &table));
    assert_ok(mr_int8_scratch_create(table, kernel, &scratch));
    for (size_t u = 0; u < users.rows; u++)
        for (size_t left_out = 0; left_out <= 6; left_out += 6) {
            const float *user = mr_dense_row(&users, u);
            const uint32_t expected_count =
                by_definition(&items, user, k, excluded, left_out, expected);
            const uint32_t count =
                mr_int8_table_top_k(table, scratch, user, k, excluded, left_out, actual);
            assert_same_list(actual, count, expected, expected_count);
        }
    mr_int8_scratch_destroy(scratch);
    mr_int8_table_destroy(table);
    mr_dense_deinit(&items);
    mr_dense_deinit(&users);
}

static void test_lists_equal_a_scan_of_all_items_at_every_level(void **state)
{
    (void)state;
    size_t levels = 0;
    const mr_int8_kernel *const *all = mr_int8_kernels_all(&levels);
    for (size_t l = 0; l < levels; l++)
        for (table_kind kind = GAUSSIAN; kind < KINDS; kind++) {
            check_lists(all[l], kind, 64, K);
            check_lists(all[l], kind, 23, 1);
        }
    check_lists(NULL, SKEWED, 64, MR_TOP_K_MAX);
}

static void test_a_kernel_gives_the_sum_it_stands_for(void **state)
{
    (void)state;
    enum { WIDTH = 48, GROUPS = 19, COUNT = 13, ROW = GROUPS * MR_INT8_GROUP };
    static uint8_t codes[ROW * WIDTH];
    static int8_t users[COUNT * WIDTH];
    static float scales[ROW];
    static float tile[COUNT * ROW];
    int32_t starts[COUNT];
    size_t levels = 0;
    const mr_int8_kernel *const *all = mr_int8_kernels_all(&levels);
    for (size_t l = 0; l < levels; l++) {
        const int most = all[l]->user_code_max;
        for (size_t c = 0; c < sizeof(codes); c++)
            codes[c] = (uint8_t)(c % 5 == 0 ? 255 : 1 + mr_random_bits(1, c) % 255);
        for (size_t c = 0; c < sizeof(users); c++)
            users[c] =
                (int8_t)(c % 3 == 0
                             ? most
                             : (int)(mr_random_bits(2, c) % (2U * (unsigned)most + 1)) -
                                   most);
        for (size_t i = 0; i < ROW; i++)
            scales[i] = 0.5F + (float)i;
        for (size_t u = 0; u < COUNT; u++)
            starts[u] = (int32_t)u * 1000 - 4000;
        all[l]->multiply(
            &(mr_int8_block){
                .codes = codes, .scales = scales, .width = WIDTH, .groups = GROUPS},
            &(mr_int8_users){.codes = users, .starts = starts, .count = COUNT}, tile,
            ROW);
        for (size_t u = 0; u < COUNT; u++)
            for (size_t i = 0; i < ROW; i++) {
                int32_t sum = starts[u];
                for (size_t f = 0; f < WIDTH; f++)
                    sum += codes[i / 16 * 16 * WIDTH + f / 4 * 64 + i % 16 * 4 + f % 4] *
                           users[u * WIDTH + f];
                assert_close(tile[u * ROW + i], scales[i] * (float)sum, 0.0);
            }
    }
}

static void test_a_bound_is_above_the_score_and_near(void **state)
{
    (void)state;
    for (table_kind kind = GAUSSIAN; kind < KINDS; kind++) {
        mr_dense items = make_table(kind, ITEMS, 64, 3);
        mr_dense users = make_table(GAUSSIAN, 1, 64, 4);
        mr_int8_table *table = NULL;
        mr_int8_scratch *scratch = NULL;
        float *upper = mr_dense_floats(ITEMS + MR_INT8_GROUP);
        assert_ok(mr_int8_table_build(&items, &table));
        assert_ok(mr_int8_scratch_create(table, NULL, &scratch));
        assert_true(mr_int8_table_upper(table, scratch, mr_dense_row(&users, 0), upper));
        for (size_t i = 0; i < ITEMS; i++) {
            const float *y = mr_dense_row(&items, i);
            const float score =
                mr_vector_kernels_best()->dot(mr_dense_row(&users, 0), y, items.stride);
            const float size = sqrtf(mr_vector_kernels_best()->dot(y, y, items.stride));
            assert_true(upper[i] >= score);
            if (kind == GAUSSIAN)
                assert_true(upper[i] - score < 0.3F * size);
        }
        mr_int8_scratch_destroy(scratch);
        mr_int8_table_destroy(table);
        free(upper);
        mr_dense_deinit(&items);
        mr_dense_deinit(&users);
    }
}

static void test_users_that_have_no_codes_are_answered_as_well(void **state)
{
    (void)state;
    mr_dense items = make_table(GAUSSIAN, 100, 16, 1);
    mr_int8_table *table = NULL;
    mr_int8_scratch *scratch = NULL;
    mr_ranked best[K];
    float *user = mr_dense_floats(16);
    assert_ok(mr_int8_table_build(&items, &table));
    assert_ok(mr_int8_scratch_create(table, NULL, &scratch));
    assert_int_equal(mr_int8_table_top_k(table, scratch, user, K, NULL, 0, best), K);
    for (uint32_t i = 0; i < K; i++) /* all scores are 0 */
        assert_int_equal(best[i].index, i);
    user[3] = NAN;
    assert_int_equal(mr_int8_table_top_k(table, scratch, user, K, NULL, 0, best), 0);
    assert_int_equal(mr_int8_scratch_work(scratch).scanned, 2);
    mr_int8_scratch_destroy(scratch);
    mr_int8_table_destroy(table);
    free(user);
    mr_dense_deinit(&items);
}

static void test_a_batch_gives_each_user_the_list_of_one(void **state)
{
    (void)state;
    mr_dense items = make_table(SKEWED, ITEMS, 32, 1);
    mr_dense users = make_table(SKEWED, USERS, 32, 2);
    memset(mr_dense_row(&users, 5), 0, 32 * sizeof(float));
    mr_triple seen[USERS * 3];
    for (uint32_t s = 0; s < USERS * 3; s++)
        seen[s] = (mr_triple){.row = s / 3, .column = s * 37 % ITEMS};
    mr_sparse_matrix excluded;
    mr_worker_pool *pool = NULL;
    mr_int8_table *table = NULL;
    mr_int8_work work;
    mr_ranked *best = calloc((size_t)USERS * K, sizeof(*best));
    uint32_t counts[USERS];
    assert_ok(
        mr_sparse_matrix_from_triples(seen, USERS * 3, USERS, ITEMS, false, &excluded));
    assert_ok(mr_int8_table_build(&items, &table));
    for (uint32_t threads = 1; threads <= 3; threads += 2) {
        assert_ok(mr_worker_pool_create(threads, &pool));
        assert_ok(mr_int8_table_top_k_batch(table, &users, K, &excluded, pool, best,
                                            counts, &work));
        assert_int_equal(work.users, USERS);
        for (uint32_t u = 0; u < USERS; u++) {
            mr_ranked expected[K];
            const uint32_t count = by_definition(
                &items, mr_dense_row(&users, u), K, mr_sparse_matrix_row(&excluded, u),
                mr_sparse_matrix_row_count(&excluded, u), expected);
            assert_same_list(best + (size_t)u * K, counts[u], expected, count);
        }
        mr_worker_pool_destroy(pool);
    }
    mr_int8_table_destroy(table);
    mr_sparse_matrix_deinit(&excluded);
    mr_dense_deinit(&items);
    mr_dense_deinit(&users);
    free(best);
}

static void test_stored_arrays_open_and_wrong_ones_do_not(void **state)
{
    (void)state;
    mr_dense items = make_table(GAUSSIAN, 100, 24, 1);
    mr_dense others = make_table(GAUSSIAN, 100, 24, 9);
    mr_int8_table *table = NULL;
    mr_int8_table *opened = NULL;
    assert_ok(mr_int8_table_build(&items, &table));
    const mr_int8_arrays arrays = mr_int8_table_arrays(table);
    assert_ok(mr_int8_table_open(&items, &arrays, &opened));
    assert_ptr_equal(mr_int8_table_items(opened), &items);
    mr_int8_table_destroy(opened);
    assert_int_equal(mr_int8_table_open(&others, &arrays, &opened), MR_ERR_INVALID);
    mr_int8_arrays wrong = arrays;
    wrong.code_count--;
    assert_int_equal(mr_int8_table_open(&items, &wrong, &opened), MR_ERR_INVALID);
    wrong = arrays;
    wrong.column_count--;
    assert_int_equal(mr_int8_table_open(&items, &wrong, &opened), MR_ERR_INVALID);
    mr_int8_table_destroy(table);
    mr_dense_row(&items, 7)[3] = INFINITY;
    assert_int_equal(mr_int8_table_build(&items, &table), MR_ERR_INVALID);
    mr_dense_deinit(&items);
    mr_dense_deinit(&others);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists_equal_a_scan_of_all_items_at_every_level),
        cmocka_unit_test(test_a_kernel_gives_the_sum_it_stands_for),
        cmocka_unit_test(test_a_bound_is_above_the_score_and_near),
        cmocka_unit_test(test_users_that_have_no_codes_are_answered_as_well),
        cmocka_unit_test(test_a_batch_gives_each_user_the_list_of_one),
        cmocka_unit_test(test_stored_arrays_open_and_wrong_ones_do_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
