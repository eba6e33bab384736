/*
 * One thread alone for the edges, then two for what the memory orders promise: the consumer
 * must see every element whole, once, in order.
 */
#include "core/ring.h"
#include "tests/support.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>

enum { CAPACITY = 8, STREAM = 300000, CHUNK_MAX = 13 };

/* Wider than a word, so that a torn copy would show. */
typedef struct element {
    uint64_t number;
    uint64_t product;
    uint64_t inverse;
} element;

static element element_of(uint64_t number)
{
    return (element){number, number * UINT64_C(0x9E3779B97F4A7C15), ~number};
}

static bool is_element(const element *seen, uint64_t number)
{
    const element expected = element_of(number);
    return seen->number == expected.number && seen->product == expected.product &&
           seen->inverse == expected.inverse;
}

static mr_ring *ring;

static int set_up(void **state)
{
    (void)state;
    return mr_ring_create(CAPACITY, sizeof(element), &ring) == MR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mr_ring_destroy(ring);
    return 0;
}

static void test_is_full_at_its_capacity_and_loses_nothing(void **state)
{
    (void)state;
    element popped[CAPACITY + 1];
    for (uint64_t i = 0; i < CAPACITY; i++) {
        const element next = element_of(i);
        assert_ok(mr_ring_push(ring, &next));
    }
    const element extra = element_of(99);
    assert_int_equal(mr_ring_push(ring, &extra), MR_ERR_FULL);
    assert_int_equal(mr_ring_count(ring), CAPACITY);

    assert_int_equal(mr_ring_pop(ring, popped, CAPACITY + 1), CAPACITY);
    for (uint64_t i = 0; i < CAPACITY; i++)
        assert_true(is_element(&popped[i], i));
    assert_int_equal(mr_ring_pop(ring, popped, 1), 0);
    assert_int_equal(mr_ring_count(ring), 0);
}

/* Every fill level starting from every slot, so that each pop that wraps is met. */
static void test_keeps_the_order_around_the_end(void **state)
{
    (void)state;
    uint64_t pushed = 0;
    uint64_t taken = 0;
    for (size_t round = 0; round < CAPACITY * CAPACITY * 4; round++) {
        element popped[CAPACITY];
        for (size_t i = 0; i < round % (CAPACITY + 1); i++) {
            const element next = element_of(pushed++);
            assert_ok(mr_ring_push(ring, &next));
        }
        const size_t got = mr_ring_pop(ring, popped, CAPACITY);
        assert_int_equal(got, round % (CAPACITY + 1));
        for (size_t i = 0; i < got; i++)
            assert_true(is_element(&popped[i], taken++));
    }
}

static void test_capacity_is_rounded_up_to_a_power_of_two(void **state)
{
    (void)state;
    mr_ring *odd = NULL;
    assert_ok(mr_ring_create(5, 1, &odd));
    for (int i = 0; i < 8; i++)
        assert_ok(mr_ring_push(odd, "x"));
    assert_int_equal(mr_ring_push(odd, "x"), MR_ERR_FULL);
    mr_ring_destroy(odd);
    mr_ring_destroy(NULL);
}

static void test_impossible_sizes_are_refused(void **state)
{
    (void)state;
    mr_ring *none = NULL;
    assert_int_equal(mr_ring_create(0, 8, &none), MR_ERR_INVALID);
    assert_int_equal(mr_ring_create(8, 0, &none), MR_ERR_INVALID);
    assert_int_equal(mr_ring_create(SIZE_MAX, 8, &none), MR_ERR_INVALID);
    assert_int_equal(mr_ring_create(SIZE_MAX / 4, SIZE_MAX / 4, &none), MR_ERR_NO_MEMORY);
    assert_null(none);
}

static void *produce(void *argument)
{
    (void)argument;
    for (uint64_t i = 0; i < STREAM; i++) {
        const element next = element_of(i);
        while (mr_ring_push(ring, &next) != MR_OK)
            (void)sched_yield();
    }
    return NULL;
}

static void test_two_threads_pass_every_element_whole_once_and_in_order(void **state)
{
    (void)state;
    pthread_t producer;
    element popped[CHUNK_MAX];
    uint64_t taken = 0;
    uint64_t wrong = 0;
    assert_int_equal(pthread_create(&producer, NULL, produce, NULL), 0);

    while (taken < STREAM) {
        wrong += mr_ring_count(ring) > CAPACITY ? 1 : 0;
        const size_t got = mr_ring_pop(ring, popped, 1 + taken % CHUNK_MAX);
        for (size_t i = 0; i < got; i++)
            wrong += is_element(&popped[i], taken++) ? 0 : 1;
        if (got == 0)
            (void)sched_yield();
    }

    assert_int_equal(pthread_join(producer, NULL), 0);
    assert_int_equal(wrong, 0);
    assert_int_equal(mr_ring_count(ring), 0);
}

#define WITH_A_RING(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_A_RING(test_is_full_at_its_capacity_and_loses_nothing),
        WITH_A_RING(test_keeps_the_order_around_the_end),
        cmocka_unit_test(test_capacity_is_rounded_up_to_a_power_of_two),
        cmocka_unit_test(test_impossible_sizes_are_refused),
        WITH_A_RING(test_two_threads_pass_every_element_whole_once_and_in_order),
    };
    return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
