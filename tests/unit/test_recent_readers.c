/*
 * Recent readers: a table that may be wrong, within what its header states.  A clock that stands
 * still until it is moved says when a mark has to be there and when it must be gone.
 */
#include "app/recent_readers.h"
#include "tests/support.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    MINUTE_MS = 60000,
    CROWD = 400000,
    FORGOTTEN_MAX = CROWD / 1000,
    THREADS = 4,
    MARKS = 20000,
};

typedef struct fixture {
    mr_clock_fake clock;
    mr_hash_key key;
    mr_recent_readers *readers;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    mr_clock_fake_init(&f->clock, 1764000000000);
    mr_hash_key_init(&f->key, "secret", 6);
    assert_ok(mr_recent_readers_create(&f->clock.clock, &f->readers));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    mr_recent_readers_destroy(f->readers);
    free(f);
    return 0;
}

static mr_hash128 user(const fixture *f, int number)
{
    char text[16];
    const int length = snprintf(text, sizeof(text), "user-%d", number);
    return mr_hash_user(&f->key, (mr_text){text, (uint32_t)length});
}

static void test_who_was_never_read_is_no_reader(void **state)
{
    const fixture *f = *state;
    for (int i = 0; i < MARKS; i++)
        assert_false(mr_recent_readers_take(f->readers, user(f, i)));
    mr_hash128 zero = {0};
    assert_false(mr_recent_readers_take(f->readers, zero));
}

static void test_a_reading_can_be_taken_once(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < 3; i++) {
        mr_recent_readers_mark(f->readers, user(f, 1));
        mr_recent_readers_mark(f->readers, user(f, 1)); /* nobody asked between the two */
        assert_true(mr_recent_readers_take(f->readers, user(f, 1)));
        assert_false(mr_recent_readers_take(f->readers, user(f, 1)));
        assert_false(mr_recent_readers_take(f->readers, user(f, 2)));
    }
}

static void test_it_can_be_taken_for_half_an_hour_and_not_after_32_minutes(void **state)
{
    fixture *f = *state;
    mr_clock_fake_advance(&f->clock, 17 * MINUTE_MS + 59999);
    for (int minute = 0; minute <= MR_RECENT_READERS_MINUTES + 1; minute++) {
        const bool is_known = minute <= MR_RECENT_READERS_MINUTES;
        mr_recent_readers_mark(f->readers, user(f, minute));
        mr_clock_fake_advance(&f->clock, (int64_t)minute * MINUTE_MS);
        assert_int_equal(mr_recent_readers_take(f->readers, user(f, minute)), is_known);
    }
}

static void test_reading_again_begins_the_half_hour_anew(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < 5; i++) {
        mr_recent_readers_mark(f->readers, user(f, 1));
        mr_clock_fake_advance(&f->clock, 29 * MINUTE_MS);
        assert_true(mr_recent_readers_take(f->readers, user(f, 1)));
    }
}

static void test_of_400000_readers_less_than_one_in_a_thousand_is_forgotten(void **state)
{
    const fixture *f = *state;
    int forgotten = 0;
    for (int i = 0; i < CROWD; i++)
        mr_recent_readers_mark(f->readers, user(f, i));
    for (int i = 0; i < CROWD; i++)
        forgotten += !mr_recent_readers_take(f->readers, user(f, i));
    if (forgotten > FORGOTTEN_MAX)
        fail_msg("%d of %d are forgotten", forgotten, CROWD);
    for (int i = CROWD; i < 2 * CROWD; i++)
        assert_false(mr_recent_readers_take(f->readers, user(f, i)));
}

static void test_in_a_full_table_those_read_longest_ago_make_room(void **state)
{
    fixture *f = *state;
    int known = 0;
    for (int i = 0; i < 2 * MR_RECENT_READERS_PLACES; i++)
        mr_recent_readers_mark(f->readers, user(f, i));
    mr_clock_fake_advance(&f->clock, MINUTE_MS);
    for (int i = 0; i < MARKS; i++)
        mr_recent_readers_mark(f->readers, user(f, -1 - i));
    for (int i = 0; i < MARKS; i++)
        known += mr_recent_readers_take(f->readers, user(f, -1 - i));
    assert_int_equal(known, MARKS);
}

typedef struct marker {
    fixture *f;
    int first;
} marker;

static void *mark_many(void *context)
{
    const marker *m = context;
    for (int i = 0; i < MARKS; i++)
        mr_recent_readers_mark(m->f->readers, user(m->f, m->first + i));
    return NULL;
}

static void test_threads_mark_at_once_and_hardly_a_mark_is_lost(void **state)
{
    fixture *f = *state;
    pthread_t threads[THREADS];
    marker markers[THREADS];
    int lost = 0;
    for (int t = 0; t < THREADS; t++) {
        markers[t] = (marker){f, t * MARKS};
        assert_int_equal(pthread_create(&threads[t], NULL, mark_many, &markers[t]), 0);
    }
    for (int t = 0; t < THREADS; t++)
        assert_int_equal(pthread_join(threads[t], NULL), 0);
    for (int i = 0; i < THREADS * MARKS; i++)
        lost += !mr_recent_readers_take(f->readers, user(f, i));
    assert_in_range(lost, 0, THREADS * MARKS / 1000);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_who_was_never_read_is_no_reader),
        CASE(test_a_reading_can_be_taken_once),
        CASE(test_it_can_be_taken_for_half_an_hour_and_not_after_32_minutes),
        CASE(test_reading_again_begins_the_half_hour_anew),
        CASE(test_of_400000_readers_less_than_one_in_a_thousand_is_forgotten),
        CASE(test_in_a_full_table_those_read_longest_ago_make_room),
        CASE(test_threads_mark_at_once_and_hardly_a_mark_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
