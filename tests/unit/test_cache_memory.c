/*
 * The memory cache does what every cache does (tests/cache_behaviour.h), and beyond that keeps its
 * byte cap, forgets by time under a fake clock, stands several threads, and stands in for a
 * primary that is down.
 */
#include "serving/cache_memory.h"

#include "serving/cache_driver.h"
#include "tests/cache_behaviour.h"

#include <pthread.h>

enum { CAP_BYTES = 8 << 20 };

static mr_clock_fake clock_fake;
static mr_memory_store *store;

static int set_up(void **state)
{
    (void)state;
    mr_clock_fake_init(&clock_fake, 1764000000000);
    if (mr_memory_store_create(CAP_BYTES, &clock_fake.clock, &store) != MR_OK)
        return -1;
    return mr_cache_memory_create(store, &behaviour_cache) == MR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mr_cache_destroy(behaviour_cache);
    mr_memory_store_destroy(store);
    mr_buffer_deinit(&behaviour_storage);
    return 0;
}

static void test_a_value_is_gone_when_its_time_is_up(void **state)
{
    (void)state;
    behaviour_set("mr:{u:ttl}:r", 1, 1, "x", 1000);
    mr_clock_fake_advance(&clock_fake, 999);
    assert_body("mr:{u:ttl}:r", "x");
    mr_clock_fake_advance(&clock_fake, 1);
    assert_int_equal(behaviour_get("mr:{u:ttl}:r").length, 0);
}

static void test_an_expired_fence_no_longer_refuses(void **state)
{
    (void)state;
    behaviour_set("mr:{u:old}:s", 9, 9, "x", 1000);
    mr_clock_fake_advance(&clock_fake, 1001);
    behaviour_set("mr:{u:old}:s", 1, 1, "y", 1000);
    assert_body("mr:{u:old}:s", "y");
}

static void test_a_value_may_grow_and_shrink(void **state)
{
    (void)state;
    char body[5000];
    for (size_t length = 0; length < sizeof(body) - 1; length += 371) {
        memset(body, 'x', length);
        body[length] = '\0';
        behaviour_set("mr:{u:grow}:r", 1, (int64_t)length, body, 1000);
        assert_body("mr:{u:grow}:r", body);
    }
    behaviour_set("mr:{u:grow}:r", 1, 99999, "", 1000);
    assert_body("mr:{u:grow}:r", "");
}

static void test_stays_under_its_cap_and_keeps_what_was_used_last(void **state)
{
    (void)state;
    char key[48];
    char body[1001];
    memset(body, 'b', sizeof(body) - 1);
    body[1000] = '\0';
    for (int i = 0; i < 20000; i++) {
        (void)snprintf(key, sizeof(key), "mr:{u:cap%d}:r", i);
        behaviour_set(key, 1, 1, body, BEHAVIOUR_TTL_MS);
        assert_true(mr_memory_store_bytes(store) <= CAP_BYTES);
        /* Read now and then, so that it is never the one used longest ago. */
        if (i % 10 == 0)
            assert_body("mr:{u:cap0}:r", body);
    }
    assert_true(atomic_load(&mr_cache_counters_of(behaviour_cache)->evictions) > 10000);
    assert_int_equal(behaviour_get("mr:{u:cap1}:r").length, 0);
    assert_body("mr:{u:cap19999}:r", body);
    assert_true(mr_memory_store_bytes(store) > CAP_BYTES / 2);
}

enum { THREADS = 4, ROUNDS = 5000 };

/* Everyone writes the same keys with rising offsets: no reader may see one fall. */
static void *hammer(void *argument)
{
    mr_cache *cache;
    mr_buffer storage = {0};
    mr_buffer buffer = {0};
    if (mr_cache_memory_create(store, &cache) != MR_OK)
        return argument;
    uint64_t newest[8] = {0};
    void *failure = NULL;
    for (int i = 0; i < ROUNDS; i++) {
        char key[32];
        (void)snprintf(key, sizeof(key), "mr:{u:hot%d}:s", i % 8);
        const mr_cache_entry entry = {mr_text_from(key),
                                      behaviour_value(&buffer, 1, i, "body"), 1000};
        mr_text value;
        mr_buffer_clear(&storage);
        if (mr_cache_set_many(cache, &entry, 1, 1) != MR_OK ||
            mr_cache_get_many(cache, &entry.key, 1, 1, &storage, &value) != MR_OK ||
            value.length != 20)
            failure = argument;
        else {
            uint64_t offset = 0;
            for (int b = 8; b < 16; b++)
                offset = offset << 8 | (uint8_t)value.bytes[b];
            if (offset < newest[i % 8])
                failure = argument;
            newest[i % 8] = offset;
        }
    }
    mr_buffer_deinit(&storage);
    mr_buffer_deinit(&buffer);
    mr_cache_destroy(cache);
    return failure;
}

static void test_threads_share_the_store_and_never_see_an_older_value(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, store), 0);
    for (int i = 0; i < THREADS; i++) {
        void *failure;
        assert_int_equal(pthread_join(threads[i], &failure), 0);
        assert_null(failure);
    }
}

static void test_a_users_keys_are_spelled_as_documented(void **state)
{
    (void)state;
    char key[MR_CACHE_KEY_TEXT_BYTES];
    const mr_hash128 user = {0x00112233aabbccdd, 0x8899eeff01020304};
    assert_true(mr_text_is(mr_cache_user_key(user, MR_CACHE_RESULT, key),
                           "mr:{u:00112233aabbccdd8899eeff01020304}:r"));
    assert_true(mr_text_is(mr_cache_user_key(user, MR_CACHE_STATE, key),
                           "mr:{u:00112233aabbccdd8899eeff01020304}:s"));
    assert_true(mr_text_is(mr_cache_trending_key(17, key), "mr:{p:17}:trending"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CACHE_BEHAVIOUR_TESTS,
        cmocka_unit_test(test_a_value_is_gone_when_its_time_is_up),
        cmocka_unit_test(test_an_expired_fence_no_longer_refuses),
        cmocka_unit_test(test_a_value_may_grow_and_shrink),
        cmocka_unit_test(test_stays_under_its_cap_and_keeps_what_was_used_last),
        cmocka_unit_test(test_threads_share_the_store_and_never_see_an_older_value),
        cmocka_unit_test(test_a_users_keys_are_spelled_as_documented),
    };
    return cmocka_run_group_tests_name("cache_memory", tests, set_up, tear_down);
}
