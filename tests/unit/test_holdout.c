/*
 * Method: each (user, item) pair of the input must be on exactly one side (random) or on the side
 * its time says (by time); shares, repeats and faded weights by counting.
 */
#include "tests/support.h"

#include "models/holdout.h"
#include "models/random.h"

#include <string.h>

enum { USERS = 400, ITEMS = 300, EACH = 12 };

typedef struct data {
    uint64_t ptr[USERS + 1];
    uint32_t item[USERS * EACH];
    float weight[USERS * EACH];
    uint32_t time_s[USERS * EACH];
} data;

static mr_interactions make(data *d, bool with_times)
{
    for (uint32_t u = 0; u < USERS; u++) {
        d->ptr[u] = (uint64_t)u * EACH;
        for (uint32_t i = 0; i < EACH; i++) {
            const uint32_t e = u * EACH + i;
            d->item[e] = (uint32_t)(mr_random_bits(u % 7, e) % ITEMS);
            d->weight[e] = 1.0F + (float)(i % 3);
            d->time_s[e] = (uint32_t)(mr_random_bits(9, e) % 100000);
        }
    }
    d->ptr[USERS] = USERS * EACH;
    return (mr_interactions){.users = USERS,
                             .items = ITEMS,
                             .ptr = d->ptr,
                             .item = d->item,
                             .weight = with_times ? d->weight : NULL,
                             .time_s = with_times ? d->time_s : NULL};
}

static void test_a_random_cut_puts_each_pair_on_one_side(void **state)
{
    (void)state;
    static data d;
    const mr_interactions interactions = make(&d, false);
    mr_sparse_matrix all;
    mr_holdout holdout;
    assert_ok(mr_interactions_matrix(&interactions, &all));
    assert_ok(mr_holdout_random(&interactions, 0.2, 1, &holdout));
    for (uint32_t u = 0; u < USERS; u++) {
        const uint32_t count = mr_sparse_matrix_row_count(&all, u);
        assert_true(mr_sparse_matrix_row_count(&holdout.train, u) > 0);
        if (count > 1 && count * 0.2 >= 0.5)
            assert_true(mr_sparse_matrix_row_count(&holdout.held, u) > 0);
        for (uint32_t i = 0; i < ITEMS; i++)
            assert_int_equal(mr_sparse_matrix_has(&holdout.train, u, i) +
                                 mr_sparse_matrix_has(&holdout.held, u, i),
                             mr_sparse_matrix_has(&all, u, i));
    }
    const double share = (double)mr_sparse_matrix_count(&holdout.held) /
                         (double)mr_sparse_matrix_count(&all);
    assert_true(fabs(share - 0.2) < 0.03);
    assert_true(fabs(holdout.repeat_share) <= 0.0);
    mr_holdout_deinit(&holdout);
    mr_sparse_matrix_deinit(&all);
}

static void test_a_seed_gives_one_cut_and_another_seed_another(void **state)
{
    (void)state;
    static data d;
    const mr_interactions interactions = make(&d, false);
    mr_holdout a;
    mr_holdout b;
    mr_holdout c;
    assert_ok(mr_holdout_random(&interactions, 0.2, 1, &a));
    assert_ok(mr_holdout_random(&interactions, 0.2, 1, &b));
    assert_ok(mr_holdout_random(&interactions, 0.2, 2, &c));
    assert_memory_equal(a.held.ptr, b.held.ptr, sizeof(uint64_t) * (USERS + 1));
    assert_memory_not_equal(a.held.ptr, c.held.ptr, sizeof(uint64_t) * (USERS + 1));
    mr_holdout_deinit(&a);
    mr_holdout_deinit(&b);
    mr_holdout_deinit(&c);
}

static void test_a_cut_by_time_holds_out_what_is_newer(void **state)
{
    (void)state;
    static data d;
    const mr_interactions interactions = make(&d, true);
    mr_holdout holdout;
    uint64_t held_events = 0;
    assert_ok(mr_holdout_by_time(&interactions, 0.1, &holdout));
    assert_true(holdout.by_time);
    for (uint32_t u = 0; u < USERS; u++)
        for (uint32_t e = u * EACH; e < (u + 1) * EACH; e++) {
            const bool held = d.time_s[e] >= holdout.cut_s;
            held_events += held;
            assert_true(mr_sparse_matrix_has(held ? &holdout.held : &holdout.train, u,
                                             d.item[e]));
        }
    assert_true(fabs((double)held_events / (USERS * EACH) - 0.1) < 0.01);
    mr_holdout_deinit(&holdout);
}

static void test_faded_histories_sum_what_their_events_weigh(void **state)
{
    (void)state;
    static data d;
    const mr_interactions interactions = make(&d, true);
    mr_holdout holdout;
    mr_sparse_matrix faded;
    assert_ok(mr_holdout_by_time(&interactions, 0.1, &holdout));
    assert_ok(mr_holdout_faded(&holdout, 5000.0, &faded));
    for (uint32_t u = 0; u < USERS; u++)
        for (uint64_t at = faded.ptr[u]; at < faded.ptr[u + 1]; at++) {
            double expected = 0.0;
            for (uint32_t e = u * EACH; e < (u + 1) * EACH; e++)
                if (d.item[e] == faded.index[at] && d.time_s[e] < holdout.cut_s)
                    expected += (double)d.weight[e] *
                                exp2(-((double)holdout.cut_s - d.time_s[e]) / 5000.0);
            assert_close(faded.values[at], expected, 1e-5);
        }
    mr_sparse_matrix_deinit(&faded);
    mr_holdout_deinit(&holdout);
}

static void test_repeats_are_counted_and_strangers_dropped(void **state)
{
    (void)state;
    enum { MANY = 60 };
    uint64_t ptr[MANY + 2];
    uint32_t item[2 * MANY + 1];
    uint32_t time_s[2 * MANY + 1];
    for (uint32_t u = 0; u < MANY; u++) { /* each buys 0, then 0 again or 1 */
        ptr[u] = (uint64_t)u * 2;
        item[u * 2] = 0;
        time_s[u * 2] = 10;
        item[u * 2 + 1] = u % 2;
        time_s[u * 2 + 1] = 20;
    }
    ptr[MANY] = 2 * MANY;
    ptr[MANY + 1] = 2 * MANY + 1; /* one user who comes only in the hold-out */
    item[2 * MANY] = 1;
    time_s[2 * MANY] = 30;
    const mr_interactions interactions = {
        .users = MANY + 1, .items = 2, .ptr = ptr, .item = item, .time_s = time_s};
    mr_holdout holdout;
    assert_ok(mr_holdout_by_time(&interactions, 0.4, &holdout));
    assert_int_equal(holdout.cut_s, 20);
    assert_close(holdout.repeat_share, 0.5, 1e-12);
    assert_int_equal(mr_sparse_matrix_row_count(&holdout.held, MANY), 0);
    mr_holdout_deinit(&holdout);
}

static void test_too_few_users_with_past_and_future_are_no_hold_out(void **state)
{
    (void)state;
    static const uint64_t ptr[] = {0, 2};
    static const uint32_t item[] = {0, 1};
    static const uint32_t time_s[] = {1, 2};
    mr_interactions interactions = {
        .users = 1, .items = 2, .ptr = ptr, .item = item, .time_s = time_s};
    mr_holdout holdout;
    assert_int_equal(mr_holdout_by_time(&interactions, 0.1, &holdout), MR_ERR_NOT_FOUND);
    interactions.time_s = NULL;
    assert_int_equal(mr_holdout_by_time(&interactions, 0.1, &holdout), MR_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_random_cut_puts_each_pair_on_one_side),
        cmocka_unit_test(test_a_seed_gives_one_cut_and_another_seed_another),
        cmocka_unit_test(test_a_cut_by_time_holds_out_what_is_newer),
        cmocka_unit_test(test_faded_histories_sum_what_their_events_weigh),
        cmocka_unit_test(test_repeats_are_counted_and_strangers_dropped),
        cmocka_unit_test(test_too_few_users_with_past_and_future_are_no_hold_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
