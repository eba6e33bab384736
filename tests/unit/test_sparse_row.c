/*
 * Method: a plain array takes the same terms; lengths around the share of items from which whole
 * passes are made, terms that vanish below the smallest float, and rows without a list.
 */
#include "tests/support.h"

#include "models/dense.h"
#include "models/random.h"
#include "models/sparse_row.h"

#include <stdlib.h>
#include <string.h>

enum { ITEMS = 1000, TERMS_MAX = 3000, BEST = 40 };

static uint32_t items[TERMS_MAX];
static float terms[TERMS_MAX];
static float plain[ITEMS];
static mr_top_k_selector selector;

/* Coarse, so that sums tie; every seventh is too small for a float once it is weighed. */
static void draw(uint64_t seed, uint32_t count, uint32_t range)
{
    for (uint32_t i = 0; i < count; i++) {
        items[i] = (uint32_t)(mr_random_bits(seed, i) % range);
        terms[i] =
            i % 7 == 0 ? 1e-38F : (float)(1 + mr_random_bits(seed + 1, i) % 4) / 4.0F;
    }
}

static void add(mr_sparse_row *row, uint32_t count, float weight)
{
    memset(plain, 0, sizeof(plain));
    for (uint32_t i = 0; i < count; i++)
        plain[items[i]] += weight * terms[i];
    mr_sparse_row_add_scaled(row, items, terms, count / 2, weight);
    for (uint32_t i = count / 2; i < count; i++)
        mr_sparse_row_add(row, items[i], weight * terms[i]);
}

static void check_list(const mr_sparse_row *row)
{
    bool seen[ITEMS] = {false};
    uint32_t expected = 0;
    for (uint32_t i = 0; i < ITEMS; i++)
        expected += plain[i] > 0.0F;
    assert_int_equal(row->count, expected);
    for (uint32_t i = 0; i < row->count; i++) {
        assert_false(seen[row->touched[i]]);
        assert_true(plain[row->touched[i]] > 0.0F);
        seen[row->touched[i]] = true;
    }
}

/* By the definition: a pass a place. */
static void check_best(const mr_sparse_row *row)
{
    mr_ranked best[BEST];
    bool taken[ITEMS] = {false};
    const uint32_t found = mr_sparse_row_best(row, BEST, &selector, best);
    uint32_t expected = 0;
    for (; expected < BEST; expected++) {
        uint32_t top = ITEMS;
        for (uint32_t i = 0; i < ITEMS; i++)
            if (!taken[i] && plain[i] > 0.0F && (top == ITEMS || plain[i] > plain[top]))
                top = i;
        if (top == ITEMS)
            break;
        taken[top] = true;
        assert_true(expected < found);
        assert_int_equal(best[expected].index, top);
        assert_memory_equal(&best[expected].score, &plain[top], sizeof(float));
    }
    assert_int_equal(found, expected);
}

static void check_moments(const mr_sparse_row *row)
{
    double sum = 0.0;
    double squares = 0.0;
    double largest = 0.0;
    double row_sum = 0.0;
    double row_squares = 0.0;
    double row_largest = 0.0;
    for (uint32_t i = 0; i < ITEMS; i++) {
        sum += (double)plain[i];
        squares += (double)plain[i] * (double)plain[i];
        largest = (double)plain[i] > largest ? (double)plain[i] : largest;
    }
    mr_sparse_row_moments(row, &row_sum, &row_squares, &row_largest);
    assert_close(row_sum, sum, 1e-12);
    assert_close(row_squares, squares, 1e-12);
    assert_true(row_largest >= largest && row_largest <= largest);
}

static void test_equals_a_plain_array_after_any_number_of_queries(void **state)
{
    static const uint32_t counts[] = {0, 1, 3, 40, 120, 140, 1000, TERMS_MAX};
    mr_sparse_row row = {0};
    (void)state;
    assert_ok(mr_sparse_row_init(&row, ITEMS));
    for (uint64_t query = 0; query < 64; query++) {
        const uint32_t count = counts[query % 8];
        draw(query, count, query % 3 == 0 ? 50 : ITEMS);
        mr_sparse_row_clear(&row);
        add(&row, count, query % 5 == 0 ? 1e-8F : 0.5F);
        assert_memory_equal(row.values, plain, sizeof(plain));
        check_list(&row);
        check_best(&row);
        check_moments(&row);
    }
    mr_sparse_row_clear(&row);
    memset(plain, 0, sizeof(plain));
    assert_memory_equal(row.values, plain, sizeof(plain));
    mr_sparse_row_deinit(&row);
}

static void test_without_a_list_gives_the_same_sums(void **state)
{
    float values[ITEMS] = {0};
    mr_sparse_row row = {.values = values, .items = ITEMS};
    (void)state;
    draw(9, TERMS_MAX, ITEMS);
    add(&row, TERMS_MAX, 0.75F);
    assert_memory_equal(values, plain, sizeof(plain));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equals_a_plain_array_after_any_number_of_queries),
        cmocka_unit_test(test_without_a_list_gives_the_same_sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
