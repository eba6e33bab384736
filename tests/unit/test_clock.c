/*
 * The fake clock is held against the times it is given, the system's against the C library.
 */
#include "core/clock.h"
#include "tests/support.h"

#include <time.h>

static void test_a_fake_clock_stands_still_until_it_is_moved(void **state)
{
    (void)state;
    mr_clock_fake fake;
    mr_clock_fake_init(&fake, 1000);

    for (int i = 0; i < 3; i++)
        assert_int_equal(mr_clock_wall_ms(&fake.clock), 1000);
    const int64_t before_ns = mr_clock_monotonic_ns(&fake.clock);
    mr_clock_fake_advance(&fake, 250);
    assert_int_equal(mr_clock_wall_ms(&fake.clock), 1250);
    assert_int_equal(mr_clock_monotonic_ns(&fake.clock) - before_ns, 250000000);
}

static void test_the_system_clock_tells_the_time(void **state)
{
    (void)state;
    const int64_t before_s = (int64_t)time(NULL);
    const int64_t wall_ms = mr_clock_wall_ms(mr_clock_system());
    const int64_t after_s = (int64_t)time(NULL);
    assert_true(wall_ms >= (before_s - 1) * 1000); /* time() may lag by a tick */
    assert_true(wall_ms < (after_s + 2) * 1000);
}

static void test_monotonic_time_passes_at_its_unit_and_never_goes_back(void **state)
{
    (void)state;
    const struct timespec pause = {.tv_nsec = 20000000};
    const int64_t start_ns = mr_clock_monotonic_ns(mr_clock_system());
    int64_t last_ns = start_ns;
    for (int i = 0; i < 10000; i++) {
        const int64_t now_ns = mr_clock_monotonic_ns(mr_clock_system());
        assert_true(now_ns >= last_ns);
        last_ns = now_ns;
    }
    assert_int_equal(nanosleep(&pause, NULL), 0);
    assert_true(mr_clock_monotonic_ns(mr_clock_system()) - start_ns >= pause.tv_nsec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_fake_clock_stands_still_until_it_is_moved),
        cmocka_unit_test(test_the_system_clock_tells_the_time),
        cmocka_unit_test(test_monotonic_time_passes_at_its_unit_and_never_goes_back),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
