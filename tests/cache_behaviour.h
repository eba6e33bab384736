/*
 * Cache behaviour: what every implementation of serving/cache.h must do, as tests that take the
 * cache from `behaviour_cache`.  The memory cache runs them as unit tests, Redis as an
 * integration test.
 */
#ifndef MR_TESTS_CACHE_BEHAVIOUR_H
#define MR_TESTS_CACHE_BEHAVIOUR_H

#include "serving/cache.h"
#include "tests/support.h"

#include <stdio.h>
#include <string.h>

enum { BEHAVIOUR_TIMEOUT_MS = 2000, BEHAVIOUR_TTL_MS = 60000 };

static mr_cache *behaviour_cache;
static mr_buffer behaviour_storage;

/* A value with that fence, in `buffer`. */
static mr_text behaviour_value(mr_buffer *buffer, uint64_t epoch, int64_t offset,
                               const char *body)
{
    mr_buffer_clear(buffer);
    mr_cache_put_fence(buffer, epoch, offset);
    mr_buffer_put(buffer, body, strlen(body));
    return (mr_text){(const char *)buffer->bytes, (uint32_t)buffer->length};
}

static void behaviour_set(const char *key, uint64_t epoch, int64_t offset,
                          const char *body, int64_t ttl_ms)
{
    mr_buffer buffer = {0};
    const mr_cache_entry entry = {.key = mr_text_from(key),
                                  .value = behaviour_value(&buffer, epoch, offset, body),
                                  .ttl_ms = ttl_ms};
    assert_ok(mr_cache_set_many(behaviour_cache, &entry, 1, BEHAVIOUR_TIMEOUT_MS));
    mr_buffer_deinit(&buffer);
}

static mr_text behaviour_get(const char *key)
{
    const mr_text text = mr_text_from(key);
    mr_text value;
    mr_buffer_clear(&behaviour_storage);
    assert_ok(mr_cache_get_many(behaviour_cache, &text, 1, BEHAVIOUR_TIMEOUT_MS,
                                &behaviour_storage, &value));
    return value;
}

static void assert_body(const char *key, const char *body)
{
    const mr_text value = behaviour_get(key);
    assert_true(value.length >= MR_CACHE_FENCE_BYTES);
    assert_int_equal(value.length - MR_CACHE_FENCE_BYTES, strlen(body));
    assert_memory_equal(value.bytes + MR_CACHE_FENCE_BYTES, body, strlen(body));
}

static inline void test_an_absent_key_reads_as_empty(void **state)
{
    (void)state;
    assert_int_equal(behaviour_get("mr:{u:absent}:r").length, 0);
}

static inline void test_what_was_set_is_read(void **state)
{
    (void)state;
    behaviour_set("mr:{u:set}:r", 1, 1, "value", BEHAVIOUR_TTL_MS);
    assert_body("mr:{u:set}:r", "value");
}

static inline void test_a_batch_keeps_its_order_over_users_and_gaps(void **state)
{
    (void)state;
    mr_buffer buffers[300] = {{0}};
    mr_cache_entry entries[300];
    static char keys[300][32];
    mr_text asked[300];
    mr_text values[300];
    size_t set = 0;
    for (int i = 0; i < 300; i++) {
        (void)snprintf(keys[i], sizeof(keys[i]), "mr:{u:batch%d}:%c", i / 2, "rs"[i % 2]);
        asked[i] = mr_text_from(keys[i]);
        if (i % 3 != 0)
            entries[set++] = (mr_cache_entry){
                asked[i], behaviour_value(&buffers[i], 1, i, keys[i]), BEHAVIOUR_TTL_MS};
    }
    assert_ok(mr_cache_set_many(behaviour_cache, entries, set, BEHAVIOUR_TIMEOUT_MS));
    mr_buffer_clear(&behaviour_storage);
    assert_ok(mr_cache_get_many(behaviour_cache, asked, 300, BEHAVIOUR_TIMEOUT_MS,
                                &behaviour_storage, values));
    for (int i = 0; i < 300; i++) {
        assert_int_equal(values[i].length, i % 3 == 0 ? 0 : 16 + strlen(keys[i]));
        if (i % 3 != 0)
            assert_memory_equal(values[i].bytes + 16, keys[i], strlen(keys[i]));
        mr_buffer_deinit(&buffers[i]);
    }
}

static inline void test_an_older_owner_is_refused(void **state)
{
    (void)state;
    const uint64_t fenced = atomic_load(&mr_cache_counters_of(behaviour_cache)->fenced);
    behaviour_set("mr:{u:fence}:s", 5, 100, "new", BEHAVIOUR_TTL_MS);
    behaviour_set("mr:{u:fence}:s", 4, 900, "older epoch", BEHAVIOUR_TTL_MS);
    behaviour_set("mr:{u:fence}:s", 5, 99, "older offset", BEHAVIOUR_TTL_MS);
    assert_body("mr:{u:fence}:s", "new");
    assert_int_equal(atomic_load(&mr_cache_counters_of(behaviour_cache)->fenced),
                     fenced + 2);
    behaviour_set("mr:{u:fence}:s", 5, 100, "same", BEHAVIOUR_TTL_MS);
    assert_body("mr:{u:fence}:s", "same");
    behaviour_set("mr:{u:fence}:s", 6, 0, "next epoch", BEHAVIOUR_TTL_MS);
    assert_body("mr:{u:fence}:s", "next epoch");
}

/* Bytes of 128 and more, and zeros: a comparison as signed bytes or as C strings fails here. */
static inline void test_fences_compare_as_unsigned_bytes(void **state)
{
    (void)state;
    behaviour_set("mr:{u:bytes}:s", 1, 0x7f, "127", BEHAVIOUR_TTL_MS);
    behaviour_set("mr:{u:bytes}:s", 1, 0x80, "128", BEHAVIOUR_TTL_MS);
    assert_body("mr:{u:bytes}:s", "128");
    behaviour_set("mr:{u:bytes}:s", 1, 0x41, "A", BEHAVIOUR_TTL_MS);
    assert_body("mr:{u:bytes}:s", "128");
    behaviour_set("mr:{u:bytes}:s", 1, 0x100, "256", BEHAVIOUR_TTL_MS);
    assert_body("mr:{u:bytes}:s", "256");
    behaviour_set("mr:{u:bytes}:s", 1, 0xff, "255", BEHAVIOUR_TTL_MS);
    assert_body("mr:{u:bytes}:s", "256");
}

static inline void test_binary_values_come_back_whole(void **state)
{
    (void)state;
    mr_buffer buffer = {0};
    mr_cache_put_fence(&buffer, 1, 1);
    for (int i = 0; i < 2048; i++)
        mr_buffer_put_u8(&buffer, (uint8_t)(i * 7));
    const mr_cache_entry entry = {MR_TEXT("mr:{u:binary}:r"),
                                  {(const char *)buffer.bytes, (uint32_t)buffer.length},
                                  BEHAVIOUR_TTL_MS};
    assert_ok(mr_cache_set_many(behaviour_cache, &entry, 1, BEHAVIOUR_TIMEOUT_MS));
    const mr_text value = behaviour_get("mr:{u:binary}:r");
    assert_int_equal(value.length, buffer.length);
    assert_memory_equal(value.bytes, buffer.bytes, buffer.length);
    mr_buffer_deinit(&buffer);
}

static inline void test_a_deleted_key_is_absent_and_can_be_set_again(void **state)
{
    (void)state;
    const mr_text keys[] = {MR_TEXT("mr:{u:gone}:r"), MR_TEXT("mr:{u:gone}:s"),
                            MR_TEXT("mr:{u:never}:s")};
    behaviour_set("mr:{u:gone}:r", 9, 9, "r", BEHAVIOUR_TTL_MS);
    behaviour_set("mr:{u:gone}:s", 9, 9, "s", BEHAVIOUR_TTL_MS);
    assert_ok(mr_cache_delete_many(behaviour_cache, keys, 3, BEHAVIOUR_TIMEOUT_MS));
    assert_int_equal(behaviour_get("mr:{u:gone}:r").length, 0);
    assert_int_equal(behaviour_get("mr:{u:gone}:s").length, 0);
    behaviour_set("mr:{u:gone}:r", 1, 1, "again", BEHAVIOUR_TTL_MS);
    assert_body("mr:{u:gone}:r", "again");
}

static inline void test_what_breaks_a_bound_is_refused(void **state)
{
    (void)state;
    mr_buffer buffer = {0};
    const mr_text good = behaviour_value(&buffer, 1, 1, "x");
    const mr_text long_key = {
        "mr:{u:01234567890123456789012345678901234567890123456789}:rrrrrrr", 65};
    const mr_cache_entry bad[] = {{MR_TEXT("k"), MR_TEXT("too short"), 1},
                                  {MR_TEXT("k"), good, 0},
                                  {(mr_text){0}, good, 1},
                                  {long_key, good, 1}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(mr_cache_set_many(behaviour_cache, &bad[i], 1, 100),
                         MR_ERR_INVALID);
    mr_buffer_deinit(&buffer);
}

#define CACHE_BEHAVIOUR_TESTS                                                            \
    cmocka_unit_test(test_an_absent_key_reads_as_empty),                                 \
        cmocka_unit_test(test_what_was_set_is_read),                                     \
        cmocka_unit_test(test_a_batch_keeps_its_order_over_users_and_gaps),              \
        cmocka_unit_test(test_an_older_owner_is_refused),                                \
        cmocka_unit_test(test_fences_compare_as_unsigned_bytes),                         \
        cmocka_unit_test(test_binary_values_come_back_whole),                            \
        cmocka_unit_test(test_a_deleted_key_is_absent_and_can_be_set_again),             \
        cmocka_unit_test(test_what_breaks_a_bound_is_refused)

#endif
