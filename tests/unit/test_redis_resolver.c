/*
 * Names: the usual ones are found, and one that takes long costs no more than there is time.
 */
#include "serving/redis_resolver.h"

#include "tests/support.h"

#include <string.h>

static void assert_found(mr_redis_resolver *resolver, const char *host,
                         const char *expected)
{
    char address[MR_REDIS_HOST_BYTES];
    const mr_redis_budget budget = mr_redis_budget_of(mr_clock_system(), 10000);
    assert_ok(mr_redis_resolver_find(resolver, host, &budget, address));
    assert_string_equal(address, expected);
}

static void test_an_address_is_itself_and_localhost_the_loopback(void **state)
{
    (void)state;
    mr_redis_resolver *resolver;
    assert_ok(mr_redis_resolver_create(&resolver));
    assert_found(resolver, "10.1.2.3", "10.1.2.3");
    assert_found(resolver, "::1", "::1");
    assert_found(resolver, "localhost", "127.0.0.1");
    mr_redis_resolver_destroy(resolver);
}

/* Without time nothing is waited for; what was begun is found later, or replaced. */
static void test_a_look_up_goes_on_after_its_asker_has_left(void **state)
{
    (void)state;
    mr_redis_resolver *resolver;
    char address[MR_REDIS_HOST_BYTES];
    assert_ok(mr_redis_resolver_create(&resolver));
    for (int i = 0; i < 20; i++) {
        const mr_redis_budget none = mr_redis_budget_of(mr_clock_system(), 0);
        const int64_t start_ns = mr_clock_monotonic_ns(mr_clock_system());
        const char *host = i % 2 == 0 ? "localhost" : "no-such-host.invalid";
        const mr_status status = mr_redis_resolver_find(resolver, host, &none, address);
        assert_true(status == MR_ERR_UNAVAILABLE || (status == MR_OK && i % 2 == 0));
        assert_true(mr_clock_monotonic_ns(mr_clock_system()) - start_ns < 500000000);
    }
    mr_redis_resolver_destroy(resolver);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_address_is_itself_and_localhost_the_loopback),
        cmocka_unit_test(test_a_look_up_goes_on_after_its_asker_has_left),
    };
    return cmocka_run_group_tests_name("redis_resolver", tests, NULL, NULL);
}
