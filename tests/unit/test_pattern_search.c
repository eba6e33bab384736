/*
 * Method: a bowl whose top is known must be reached, within bounds and looks, and no point may be
 * looked at twice.
 */
#include "tests/support.h"

#include "core/status.h"
#include "models/pattern_search.h"

typedef struct bowl {
    double top[2];
    double points[256][2];
    uint32_t looks;
} bowl;

static mr_status look(void *context, const double *point, double *ret_value)
{
    bowl *b = context;
    double value = 0.0;
    for (uint32_t i = 0; i < b->looks; i++)
        assert_false(fabs(b->points[i][0] - point[0]) < 1e-12 &&
                     fabs(b->points[i][1] - point[1]) < 1e-12);
    for (int a = 0; a < 2; a++) {
        value -= (point[a] - b->top[a]) * (point[a] - b->top[a]);
        b->points[b->looks][a] = point[a];
    }
    b->looks++;
    *ret_value = value;
    return MR_OK;
}

static const mr_pattern_axis AXES[] = {
    {.start = 0.0, .step = 1.0, .low = -10.0, .high = 10.0},
    {.start = 0.0, .step = -1.0, .low = -10.0, .high = 10.0},
};

static void test_the_top_of_a_bowl_is_reached_to_the_last_step(void **state)
{
    (void)state;
    bowl b = {.top = {3.3, 2.6}};
    double point[2];
    double value = 0.0;
    uint32_t looks = 0;
    assert_ok(mr_pattern_search(AXES, 2, 200, look, &b, point, &value, &looks));
    assert_true(fabs(point[0] - 3.3) <= 0.25 && fabs(point[1] - 2.6) <= 0.25);
    assert_int_equal(looks, b.looks);
    assert_true(looks < 60);
}

static void test_looks_are_never_more_than_allowed(void **state)
{
    (void)state;
    for (uint32_t allowed = 1; allowed < 20; allowed++) {
        bowl b = {.top = {3.3, 2.6}};
        double point[2];
        double value = 0.0;
        double best = -(double)INFINITY;
        uint32_t looks = 0;
        assert_ok(mr_pattern_search(AXES, 2, allowed, look, &b, point, &value, &looks));
        assert_int_equal(b.looks, allowed);
        for (uint32_t i = 0; i < b.looks; i++)
            best =
                fmax(best, -pow(b.points[i][0] - 3.3, 2) - pow(b.points[i][1] - 2.6, 2));
        assert_close(value, best, 1e-12);
    }
}

static void test_bounds_hold(void **state)
{
    (void)state;
    bowl b = {.top = {100.0, -100.0}};
    double point[2];
    double value = 0.0;
    uint32_t looks = 0;
    assert_ok(mr_pattern_search(AXES, 2, 200, look, &b, point, &value, &looks));
    assert_close(point[0], 10.0, 1e-12);
    assert_close(point[1], -10.0, 1e-12);
}

static mr_status fail_at_three(void *context, const double *point, double *ret_value)
{
    (void)point;
    *ret_value = 0.0;
    return ++*(int *)context == 3 ? MR_ERR_NO_MEMORY : MR_OK;
}

static void test_a_look_that_fails_ends_the_search(void **state)
{
    (void)state;
    int count = 0;
    double point[2];
    double value = 0.0;
    uint32_t looks = 0;
    assert_int_equal(
        mr_pattern_search(AXES, 2, 9, fail_at_three, &count, point, &value, &looks),
        MR_ERR_NO_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_top_of_a_bowl_is_reached_to_the_last_step),
        cmocka_unit_test(test_looks_are_never_more_than_allowed),
        cmocka_unit_test(test_bounds_hold),
        cmocka_unit_test(test_a_look_that_fails_ends_the_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
