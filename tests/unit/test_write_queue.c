/*
 * Method: against the definition: a queue in which each key stands once, where it was put first, with what was said of
 * it last; a small model of it follows random operations.
 */
#include "tests/support.h"

#include "serving/write_queue.h"

#include <stdio.h>
#include <string.h>

enum { CAPACITY = 16, KEYS = 24, STEPS = 20000 };

static mr_text name(int number, char bytes[16])
{
    return (mr_text){bytes, (uint32_t)snprintf(bytes, 16, "mr:{u:%d}:r", number)};
}

static void test_a_key_that_comes_again_keeps_its_place_and_says_what_was_said_last(
    void **state)
{
    (void)state;
    mr_write_queue queue;
    mr_queued_key taken;
    char one[16];
    char two[16];
    assert_ok(mr_write_queue_init(&queue, CAPACITY));
    assert_true(mr_write_queue_put(&queue, name(1, one), false, 10, false));
    assert_true(mr_write_queue_put(&queue, name(2, two), false, 20, false));
    assert_true(mr_write_queue_put(&queue, name(1, one), true, 30, false));
    assert_true(mr_write_queue_take(&queue, &taken));
    assert_memory_equal(taken.key, one, taken.length);
    assert_true(taken.is_deleted);
    assert_int_equal(taken.ttl_ms, 30);
    assert_true(mr_write_queue_take(&queue, &taken));
    assert_memory_equal(taken.key, two, taken.length);
    assert_false(mr_write_queue_take(&queue, &taken));
    mr_write_queue_deinit(&queue);
}

static void test_a_write_that_comes_back_does_not_undo_a_newer_one(void **state)
{
    (void)state;
    mr_write_queue queue;
    mr_queued_key taken;
    char one[16];
    assert_ok(mr_write_queue_init(&queue, CAPACITY));
    assert_true(mr_write_queue_put(&queue, name(1, one), true, 0, false));
    assert_true(mr_write_queue_put(&queue, name(1, one), false, 40, true));
    assert_true(mr_write_queue_take(&queue, &taken));
    assert_true(taken.is_deleted);
    mr_write_queue_deinit(&queue);
}

/* The model: keys in order, each with its time to live. */
typedef struct model {
    int keys[CAPACITY];
    int64_t ttl_ms[CAPACITY];
    int count;
} model;

static bool model_put(model *m, int key, int64_t ttl_ms, bool again)
{
    for (int i = 0; i < m->count; i++) {
        if (m->keys[i] == key) {
            m->ttl_ms[i] = again ? m->ttl_ms[i] : ttl_ms;
            return true;
        }
    }
    if (m->count == CAPACITY)
        return false;
    m->keys[m->count] = key;
    m->ttl_ms[m->count++] = ttl_ms;
    return true;
}

static void take_and_compare(mr_write_queue *queue, model *m)
{
    mr_queued_key taken;
    char bytes[16];
    const bool has_one = mr_write_queue_take(queue, &taken);
    assert_int_equal(has_one, m->count > 0);
    if (!has_one)
        return;
    const mr_text expected = name(m->keys[0], bytes);
    assert_int_equal(taken.length, expected.length);
    assert_memory_equal(taken.key, expected.bytes, expected.length);
    assert_int_equal(taken.ttl_ms, m->ttl_ms[0]);
    m->count--;
    memmove(m->keys, m->keys + 1, (size_t)m->count * sizeof(m->keys[0]));
    memmove(m->ttl_ms, m->ttl_ms + 1, (size_t)m->count * sizeof(m->ttl_ms[0]));
}

static void test_equals_a_list_through_random_puts_and_takes(void **state)
{
    (void)state;
    mr_write_queue queue;
    model m = {.count = 0};
    uint32_t random = 12345;
    assert_ok(mr_write_queue_init(&queue, CAPACITY));
    for (int64_t step = 1; step <= STEPS; step++) {
        random = random * 1664525U + 1013904223U; /* [Numerical Recipes, ch. 7] */
        const int key = (int)(random >> 16) % KEYS;
        const bool again = (random >> 12) % 4 == 0;
        char bytes[16];
        if ((random >> 28) < 7)
            take_and_compare(&queue, &m);
        else
            assert_int_equal(
                mr_write_queue_put(&queue, name(key, bytes), false, step, again),
                model_put(&m, key, step, again));
        assert_int_equal(queue.count, m.count);
    }
    while (m.count > 0)
        take_and_compare(&queue, &m);
    mr_write_queue_deinit(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_a_key_that_comes_again_keeps_its_place_and_says_what_was_said_last),
        cmocka_unit_test(test_a_write_that_comes_back_does_not_undo_a_newer_one),
        cmocka_unit_test(test_equals_a_list_through_random_puts_and_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
