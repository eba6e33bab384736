/*
 * A cache that is written behind does what every cache does (tests/cache_behaviour.h), and beyond that keeps what was
 * set while its server was away, gives the newer of two values, and says when writes are not taken.  The server is a
 * second store in memory behind a gate that can be shut.
 */
#include "serving/cache_behind.h"

#include "serving/cache_driver.h"
#include "tests/cache_behaviour.h"

#include <time.h>

enum { CAP_BYTES = 128 << 20, WAIT_MS = 5000 };

static mr_memory_store *near_store;
static mr_memory_store *far_store;
static mr_write_behind *writer;
static mr_cache *far; /* past the gate */
static _Atomic bool is_away;
static _Atomic bool is_full;
static _Atomic bool
    is_half_away; /* as a cluster with a dead node: the first key of a batch is answered */

/* ---- The gate ---- */

typedef struct gate {
    mr_cache cache;
    mr_cache *inner;
} gate;

static mr_status gate_get(mr_cache *cache, const mr_text *keys, size_t n,
                          int64_t timeout_ms, mr_buffer *storage, mr_text *ret_values)
{
    if (is_away)
        return MR_ERR_UNAVAILABLE;
    if (!is_half_away)
        return mr_cache_get_many(((gate *)cache)->inner, keys, n, timeout_ms, storage,
                                 ret_values);
    MR_TRY(mr_cache_get_many(((gate *)cache)->inner, keys, 1, timeout_ms, storage,
                             ret_values));
    return MR_ERR_UNAVAILABLE;
}

static mr_status gate_set(mr_cache *cache, const mr_cache_entry *entries, size_t n,
                          int64_t timeout_ms)
{
    if (is_away || is_full)
        return MR_ERR_UNAVAILABLE;
    return mr_cache_set_many(((gate *)cache)->inner, entries, n, timeout_ms);
}

static mr_status gate_delete(mr_cache *cache, const mr_text *keys, size_t n,
                             int64_t timeout_ms)
{
    if (is_away)
        return MR_ERR_UNAVAILABLE;
    return mr_cache_delete_many(((gate *)cache)->inner, keys, n, timeout_ms);
}

static int64_t gate_down_since(const mr_cache *cache)
{
    (void)cache;
    return is_away ? 1 : 0;
}

static void gate_destroy(mr_cache *cache)
{
    mr_cache_destroy(((gate *)cache)->inner);
    free(cache);
}

static const mr_cache_driver gate_driver = {.get_many = gate_get,
                                            .set_many = gate_set,
                                            .delete_many = gate_delete,
                                            .down_since_ms = gate_down_since,
                                            .destroy = gate_destroy};

static mr_cache *open_gate(void)
{
    gate *fresh = calloc(1, sizeof(*fresh));
    assert_non_null(fresh);
    fresh->cache.driver = &gate_driver;
    assert_ok(mr_cache_memory_create(far_store, &fresh->inner));
    return &fresh->cache;
}

/* ---- The world ---- */

static mr_cache *open_cache(bool keeps_read)
{
    mr_cache *memory;
    mr_cache *cache;
    assert_ok(mr_cache_memory_create(near_store, &memory));
    assert_ok(
        mr_cache_behind_create(writer, memory, open_gate(), 60000, keeps_read, &cache));
    return cache;
}

static int set_up(void **state)
{
    (void)state;
    is_away = false;
    is_full = false;
    is_half_away = false;
    assert_ok(mr_memory_store_create(CAP_BYTES, mr_clock_system(), &near_store));
    assert_ok(mr_memory_store_create(CAP_BYTES, mr_clock_system(), &far_store));
    assert_ok(mr_write_behind_create(near_store, open_gate(), &writer));
    assert_ok(mr_cache_memory_create(far_store, &far));
    behaviour_cache = open_cache(false);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mr_cache_destroy(behaviour_cache);
    mr_write_behind_destroy(writer);
    mr_cache_destroy(far);
    mr_memory_store_destroy(near_store);
    mr_memory_store_destroy(far_store);
    mr_buffer_deinit(&behaviour_storage);
    return 0;
}

/* Do something to the server, and not through the cache under test. */
static void at_the_server(const char *key, uint64_t epoch, const char *body)
{
    mr_cache *const before = behaviour_cache;
    behaviour_cache = far;
    behaviour_set(key, epoch, 1, body, 60000);
    behaviour_cache = before;
}

static bool server_has(const char *key, const char *body)
{
    mr_cache *const before = behaviour_cache;
    behaviour_cache = far;
    const mr_text value = behaviour_get(key);
    behaviour_cache = before;
    const mr_text rest = value.length < MR_CACHE_FENCE_BYTES
                             ? (mr_text){0}
                             : (mr_text){value.bytes + MR_CACHE_FENCE_BYTES,
                                         value.length - MR_CACHE_FENCE_BYTES};
    return mr_text_is(rest, body);
}

static void await_server(const char *key, const char *body)
{
    for (int ms = 0; ms < WAIT_MS && !server_has(key, body); ms++)
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    assert_true(server_has(key, body));
}

static void await_down(bool is_down)
{
    for (int ms = 0;
         ms < WAIT_MS && (mr_cache_down_since_ms(behaviour_cache) != 0) != is_down; ms++)
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    assert_int_equal(mr_cache_down_since_ms(behaviour_cache) != 0, is_down);
}

/* ---- The tests ---- */

static void test_what_is_set_is_read_at_once_and_reaches_the_server(void **state)
{
    (void)state;
    behaviour_set("mr:{u:a}:r", 1, 1, "one", 60000);
    assert_body("mr:{u:a}:r", "one");
    await_server("mr:{u:a}:r", "one");
}

static void test_what_is_set_while_the_server_is_away_is_read_and_written_when_it_is_back(
    void **state)
{
    (void)state;
    behaviour_set("mr:{u:b}:s", 1, 1, "old", 60000);
    await_server("mr:{u:b}:s", "old");
    is_away = true;
    behaviour_set("mr:{u:b}:s", 2, 1, "new", 60000);
    assert_body("mr:{u:b}:s", "new");
    await_down(true);
    is_away = false;
    assert_body("mr:{u:b}:s", "new"); /* whatever the server still has */
    await_server("mr:{u:b}:s", "new");
    await_down(false);
}

static void test_a_server_that_takes_nothing_is_down_although_it_answers(void **state)
{
    (void)state;
    at_the_server("mr:{u:other}:r", 1, "there");
    is_full = true;
    behaviour_set("mr:{u:c}:r", 1, 1, "kept", 60000);
    await_down(true);
    assert_body("mr:{u:c}:r", "kept");
    assert_body("mr:{u:other}:r", "there");
    is_full = false;
    await_server("mr:{u:c}:r", "kept");
    await_down(false);
}

static void test_the_newer_of_the_two_is_given(void **state)
{
    (void)state;
    behaviour_set("mr:{u:d}:r", 5, 1, "mine", 60000);
    await_server("mr:{u:d}:r", "mine");
    at_the_server("mr:{u:d}:r", 6, "of a new owner");
    assert_body("mr:{u:d}:r", "of a new owner");
}

static void test_a_server_that_comes_back_empty_or_older_is_written_what_is_read(
    void **state)
{
    (void)state;
    behaviour_set("mr:{u:e}:r", 5, 1, "mine", 60000);
    await_server("mr:{u:e}:r", "mine");
    const mr_text key = mr_text_from("mr:{u:e}:r");
    assert_ok(mr_cache_delete_many(far, &key, 1, 0));
    assert_body("mr:{u:e}:r", "mine");
    await_server("mr:{u:e}:r", "mine");
    assert_ok(mr_cache_delete_many(far, &key, 1, 0));
    at_the_server("mr:{u:e}:r", 4, "from before");
    assert_body("mr:{u:e}:r", "mine");
    await_server("mr:{u:e}:r", "mine");
}

static void test_what_a_part_of_the_server_does_not_answer_comes_from_the_store(
    void **state)
{
    (void)state;
    mr_buffer storage = {0};
    mr_text values[3];
    const mr_text keys[] = {MR_TEXT("first"), MR_TEXT("second"), MR_TEXT("third")};
    behaviour_set("first", 1, 1, "old", 60000);
    behaviour_set("second", 1, 1, "kept", 60000);
    await_server("first", "old");
    at_the_server("first", 2, "new");
    is_half_away = true;
    assert_ok(mr_cache_get_many(behaviour_cache, keys, 3, 100, &storage, values));
    assert_memory_equal(values[0].bytes + MR_CACHE_FENCE_BYTES, "new", 3);
    assert_memory_equal(values[1].bytes + MR_CACHE_FENCE_BYTES, "kept", 4);
    assert_int_equal(values[2].length, 0);
    mr_buffer_deinit(&storage);
}

static void test_a_reader_takes_what_was_written_anew_with_the_same_fence(void **state)
{
    (void)state;
    mr_cache_destroy(behaviour_cache);
    behaviour_cache = open_cache(true);
    at_the_server("k", 1, "first");
    assert_body("k", "first");
    at_the_server("k", 1, "second");
    assert_body("k", "second");
    is_away = true;
    assert_body("k", "second");
}

/* Somebody else wrote it, and somebody else has taken it out. */
static void test_what_was_only_read_here_is_not_brought_back(void **state)
{
    (void)state;
    mr_cache_destroy(behaviour_cache);
    behaviour_cache = open_cache(true);
    at_the_server("k", 1, "theirs");
    assert_body("k", "theirs");
    const mr_text key = MR_TEXT("k");
    assert_ok(mr_cache_delete_many(far, &key, 1, 100));
    assert_int_equal(behaviour_get("k").length, 0);
    is_away = true;
    assert_body("k", "theirs"); /* nobody can say that it is gone */
    is_away = false;
    assert_int_equal(behaviour_get("k").length, 0);
    assert_int_equal(mr_write_behind_waiting(writer), 0);
}

static void test_a_delete_is_not_undone_by_a_write_that_waits(void **state)
{
    (void)state;
    const mr_text key = mr_text_from("mr:{u:f}:s");
    is_full = true;
    behaviour_set("mr:{u:f}:s", 1, 1, "gone soon", 60000);
    await_down(true);
    assert_ok(mr_cache_delete_many(behaviour_cache, &key, 1, 0));
    is_full = false;
    behaviour_set("mr:{u:g}:s", 1, 1, "later", 60000);
    await_server("mr:{u:g}:s", "later"); /* the queue has been worked off */
    assert_int_equal(behaviour_get("mr:{u:f}:s").length, 0);
    assert_false(server_has("mr:{u:f}:s", "gone soon"));
}

static void
test_what_others_wrote_is_kept_for_when_the_server_is_away_where_that_is_asked(
    void **state)
{
    (void)state;
    at_the_server("mr:{u:h}:r", 1, "theirs");
    assert_body("mr:{u:h}:r", "theirs");
    is_away = true;
    assert_int_equal(behaviour_get("mr:{u:h}:r").length, 0);
    is_away = false;
    mr_cache *const before = behaviour_cache;
    behaviour_cache = open_cache(true);
    assert_body("mr:{u:h}:r", "theirs");
    is_away = true;
    assert_body("mr:{u:h}:r", "theirs");
    mr_cache_destroy(behaviour_cache);
    behaviour_cache = before;
}

static void test_what_waits_is_written_before_it_ends(void **state)
{
    (void)state;
    char key[32];
    for (int i = 0; i < 2000; i++) {
        (void)snprintf(key, sizeof(key), "mr:{u:%d}:s", i);
        behaviour_set(key, 1, 1, "last", 60000);
    }
    mr_cache_destroy(behaviour_cache);
    mr_write_behind_destroy(writer);
    for (int i = 0; i < 2000; i++) {
        (void)snprintf(key, sizeof(key), "mr:{u:%d}:s", i);
        assert_true(server_has(key, "last"));
    }
    writer = NULL;
    behaviour_cache = NULL;
}

static void test_keys_that_the_full_queue_does_not_take_are_counted(void **state)
{
    (void)state;
    char key[32];
    is_full = true;
    for (int i = 0; i < MR_WRITE_BEHIND_KEYS_MAX + 1000; i++) {
        (void)snprintf(key, sizeof(key), "mr:{u:%d}:s", i);
        behaviour_set(key, 1, 1, "x", 60000);
    }
    assert_true(mr_write_behind_forgotten(writer) >= 1000 - 256); /* a batch may be out */
    assert_true(mr_write_behind_waiting(writer) <= MR_WRITE_BEHIND_KEYS_MAX);
}

int main(void)
{
    const struct CMUnitTest behaviour[] = {CACHE_BEHAVIOUR_TESTS};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_what_is_set_is_read_at_once_and_reaches_the_server, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_what_is_set_while_the_server_is_away_is_read_and_written_when_it_is_back,
            set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_a_server_that_takes_nothing_is_down_although_it_answers, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(test_the_newer_of_the_two_is_given, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            test_a_server_that_comes_back_empty_or_older_is_written_what_is_read, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(
            test_what_a_part_of_the_server_does_not_answer_comes_from_the_store, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(
            test_a_reader_takes_what_was_written_anew_with_the_same_fence, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(test_what_was_only_read_here_is_not_brought_back,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_delete_is_not_undone_by_a_write_that_waits,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_what_others_wrote_is_kept_for_when_the_server_is_away_where_that_is_asked,
            set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_waits_is_written_before_it_ends, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            test_keys_that_the_full_queue_does_not_take_are_counted, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("as every cache", behaviour, set_up, tear_down) +
           cmocka_run_group_tests_name("behind", tests, NULL, NULL);
}
