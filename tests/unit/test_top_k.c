/*
 * Method: a full sort by (score descending, index ascending) is the reference, for every kernel
 * this CPU runs, with ties, NaN and infinities, lengths around the step and buffer sizes, and
 * rows that come in pieces; the batch against one full product.
 */
#include "tests/support.h"

#include "models/random.h"
#include "models/top_k.h"

#include <string.h>

enum { LENGTH_MAX = 6000 };

static int reference_order(const void *a, const void *b)
{
    const mr_ranked *left = a;
    const mr_ranked *right = b;
    if (left->score < right->score || left->score > right->score)
        return left->score < right->score ? 1 : -1;
    return left->index < right->index ? -1 : left->index > right->index;
}

static uint32_t reference(const float *scores, size_t count, uint32_t k,
                          mr_ranked *ret_best)
{
    mr_ranked *all = calloc(count + 1, sizeof(*all));
    uint32_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (scores[i] > -INFINITY)
            all[kept++] = (mr_ranked){.index = (uint32_t)i, .score = scores[i]};
    qsort(all, kept, sizeof(*all), reference_order);
    kept = kept < k ? kept : k;
    memcpy(ret_best, all, kept * sizeof(*all));
    free(all);
    return kept;
}

static void assert_same(const mr_ranked *actual, uint32_t actual_count,
                        const mr_ranked *expected, uint32_t expected_count)
{
    assert_int_equal(actual_count, expected_count);
    for (uint32_t i = 0; i < actual_count; i++) {
        assert_int_equal(actual[i].index, expected[i].index);
        assert_false(actual[i].score < expected[i].score ||
                     actual[i].score > expected[i].score);
    }
}

typedef enum shape { RANDOM, FEW_VALUES, RISING, FALLING, ODD_VALUES, SHAPES } shape;

static float value_at(shape kind, size_t i)
{
    const uint64_t bits = mr_random_bits(7, i);
    switch (kind) {
    case RANDOM: return (float)mr_random_normal(7, i);
    case FEW_VALUES: return (float)(bits % 5) - 2.0F;
    case RISING: return (float)i;
    case FALLING: return -(float)i;
    default:
        return bits % 11 == 0   ? NAN
               : bits % 11 == 1 ? -INFINITY
               : bits % 11 == 2 ? INFINITY
               : bits % 11 == 3 ? -0.0F
               : bits % 11 == 4 ? 0.0F
                                : (float)mr_random_normal(7, i);
    }
}

static void test_every_kernel_equals_a_full_sort(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 15, 16, 17, 255, 257, 2049, LENGTH_MAX};
    static const uint32_t ks[] = {1, 2, 20, 100, MR_TOP_K_MAX};
    static float scores[LENGTH_MAX];
    static mr_top_k_selector selector;
    static mr_ranked actual[MR_TOP_K_MAX];
    static mr_ranked expected[MR_TOP_K_MAX];
    for (int kind = 0; kind < SHAPES; kind++) {
        for (size_t i = 0; i < LENGTH_MAX; i++)
            scores[i] = value_at((shape)kind, i);
        for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++)
            for (size_t q = 0; q < sizeof(ks) / sizeof(ks[0]); q++)
                for (int kernel = MR_TOP_K_AUTO; kernel <= MR_TOP_K_AVX512; kernel++) {
                    if (!mr_top_k_kernel_runs((mr_top_k_kernel)kernel))
                        continue;
                    mr_top_k_selector_init(&selector, ks[q], (mr_top_k_kernel)kernel);
                    mr_top_k_selector_add(&selector, scores, lengths[l], 0);
                    const uint32_t count = mr_top_k_selector_finish(&selector, actual);
                    assert_same(actual, count, expected,
                                reference(scores, lengths[l], ks[q], expected));
                }
    }
}

static void test_pieces_give_what_the_whole_row_gives(void **state)
{
    (void)state;
    static float scores[LENGTH_MAX];
    static mr_top_k_selector selector;
    mr_ranked actual[20];
    mr_ranked expected[20];
    for (size_t i = 0; i < LENGTH_MAX; i++)
        scores[i] = value_at(FEW_VALUES, i);
    mr_top_k_selector_init(&selector, 20, MR_TOP_K_AUTO);
    for (size_t i = 0; i < LENGTH_MAX; i += 37)
        mr_top_k_selector_add(&selector, scores + i,
                              i + 37 <= LENGTH_MAX ? 37 : LENGTH_MAX - i, (uint32_t)i);
    const uint32_t count = mr_top_k_selector_finish(&selector, actual);
    assert_same(actual, count, expected, reference(scores, LENGTH_MAX, 20, expected));
}

static void test_the_limit_is_the_worst_of_the_best(void **state)
{
    (void)state;
    static float scores[LENGTH_MAX];
    static mr_top_k_selector selector;
    mr_ranked worst;
    mr_ranked expected[20];
    for (size_t i = 0; i < LENGTH_MAX; i++)
        scores[i] = value_at(FEW_VALUES, i);
    mr_top_k_selector_init(&selector, 20, MR_TOP_K_AUTO);
    mr_top_k_selector_add(&selector, scores, 19, 0);
    assert_false(mr_top_k_selector_limit(&selector, &worst));
    mr_top_k_selector_add(&selector, scores + 19, LENGTH_MAX - 19, 19);
    assert_true(mr_top_k_selector_limit(&selector, &worst));
    (void)reference(scores, LENGTH_MAX, 20, expected);
    assert_same(&worst, 1, &expected[19], 1);
}

static void test_excluded_items_never_appear(void **state)
{
    (void)state;
    static mr_top_k_selector selector;
    float scores[] = {5, 4, 3, 2, 1};
    static const uint32_t excluded[] = {0, 2, 9};
    mr_ranked best[3];
    assert_int_equal(mr_top_k_row(scores, 5, 3, excluded, 3, &selector, best), 3);
    assert_int_equal(best[0].index, 1);
    assert_int_equal(best[1].index, 3);
    assert_int_equal(best[2].index, 4);
}

/* Factors are small integers, so the product is exact whatever the order of its sums. */
static void test_a_batch_equals_a_full_product_for_any_threads_and_kernel(void **state)
{
    (void)state;
    enum { USERS = 300, ITEMS = 2500, D = 8, K = 20 };
    static mr_ranked best[USERS * K];
    static float row[ITEMS];
    uint32_t counts[USERS];
    mr_ranked expected[K];
    mr_dense users;
    mr_dense items;
    mr_sparse_matrix excluded;
    mr_triple *triples = calloc(USERS * 40, sizeof(*triples));
    assert_ok(mr_dense_init(&users, USERS, D));
    assert_ok(mr_dense_init(&items, ITEMS, D));
    for (size_t u = 0; u < USERS; u++)
        for (size_t f = 0; f < D; f++)
            mr_dense_row(&users, u)[f] = (float)(mr_random_bits(1, u * D + f) % 7) - 3.0F;
    for (size_t i = 0; i < ITEMS; i++)
        for (size_t f = 0; f < D; f++)
            mr_dense_row(&items, i)[f] = (float)(mr_random_bits(2, i * D + f) % 7) - 3.0F;
    for (size_t t = 0; t < USERS * 40; t++)
        triples[t] = (mr_triple){.row = (uint32_t)(t / 40),
                                 .column = (uint32_t)(mr_random_bits(3, t) % ITEMS)};
    assert_ok(mr_sparse_matrix_from_triples(triples, USERS * 40, USERS, ITEMS, false,
                                            &excluded));
    for (uint32_t threads = 1; threads <= 3; threads++)
        for (int kernel = MR_TOP_K_AUTO; kernel <= MR_TOP_K_AVX512; kernel++) {
            mr_worker_pool *pool = NULL;
            if (!mr_top_k_kernel_runs((mr_top_k_kernel)kernel))
                continue;
            assert_ok(mr_worker_pool_create(threads, &pool));
            assert_ok(mr_top_k_batch(&users, &items, K, &excluded,
                                     (mr_top_k_kernel)kernel, pool, best, counts));
            mr_worker_pool_destroy(pool);
            for (uint32_t u = 0; u < USERS; u += 13) {
                for (uint32_t i = 0; i < ITEMS; i++) {
                    row[i] = 0.0F;
                    for (size_t f = 0; f < D; f++)
                        row[i] += mr_dense_row(&users, u)[f] * mr_dense_row(&items, i)[f];
                    if (mr_sparse_matrix_has(&excluded, u, i))
                        row[i] = -INFINITY;
                }
                assert_same(best + u * K, counts[u], expected,
                            reference(row, ITEMS, K, expected));
            }
        }
    mr_sparse_matrix_deinit(&excluded);
    mr_dense_deinit(&users);
    mr_dense_deinit(&items);
    free(triples);
}

/* Backwards, so that every index is smaller than those held. */
static void test_scores_may_come_one_by_one_in_any_order(void **state)
{
    static mr_top_k_selector selector;
    static float scores[LENGTH_MAX];
    static uint32_t backwards[LENGTH_MAX];
    mr_ranked best[MR_TOP_K_MAX];
    mr_ranked listed[MR_TOP_K_MAX];
    mr_ranked expected[MR_TOP_K_MAX];
    static const uint32_t ks[] = {1, 3, 100, MR_TOP_K_MAX};
    (void)state;
    for (size_t i = 0; i < LENGTH_MAX; i++)
        backwards[i] = (uint32_t)(LENGTH_MAX - 1 - i);
    for (int kind = 0; kind < SHAPES; kind++) {
        for (size_t i = 0; i < LENGTH_MAX; i++)
            scores[i] = value_at((shape)kind, i);
        for (size_t n = 0; n < sizeof(ks) / sizeof(*ks); n++) {
            const uint32_t wanted = reference(scores, LENGTH_MAX, ks[n], expected);
            mr_top_k_selector_init(&selector, ks[n], MR_TOP_K_AUTO);
            for (size_t i = LENGTH_MAX; i-- > 0;)
                mr_top_k_selector_offer(&selector, (uint32_t)i, scores[i]);
            assert_same(best, mr_top_k_selector_finish(&selector, best), expected,
                        wanted);
            mr_top_k_selector_init(&selector, ks[n], MR_TOP_K_AUTO);
            mr_top_k_selector_add_listed(&selector, scores, backwards, LENGTH_MAX);
            assert_same(listed, mr_top_k_selector_finish(&selector, listed), expected,
                        wanted);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kernel_equals_a_full_sort),
        cmocka_unit_test(test_pieces_give_what_the_whole_row_gives),
        cmocka_unit_test(test_scores_may_come_one_by_one_in_any_order),
        cmocka_unit_test(test_the_limit_is_the_worst_of_the_best),
        cmocka_unit_test(test_excluded_items_never_appear),
        cmocka_unit_test(test_a_batch_equals_a_full_product_for_any_threads_and_kernel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
