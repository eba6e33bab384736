/*
 * Objects count their own destruction and are overwritten by it: one that is read after it
 * shows, and one that is never destroyed is missing in the sum.
 */
#include "core/snapshot.h"
#include "tests/support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum { READERS = 3, WRITERS = 2, SWAPS = 3000 };

typedef struct model {
    uint64_t version;
    uint64_t inverse;
} model;

static _Atomic size_t destroyed;
static mr_snapshot_holder *holder;

static void destroy_model(void *object)
{
    model *old = object;
    old->version = 1;
    old->inverse = 1;
    free(old);
    destroyed++;
}

static mr_status publish(uint64_t version)
{
    model *made = malloc(sizeof(*made));
    if (made == NULL)
        return MR_ERR_NO_MEMORY;
    *made = (model){.version = version, .inverse = ~version};
    return mr_snapshot_swap(holder, made, destroy_model);
}

static uint64_t version_of(const mr_snapshot *snapshot)
{
    return ((const model *)mr_snapshot_object(snapshot))->version;
}

static int set_up(void **state)
{
    (void)state;
    destroyed = 0;
    return mr_snapshot_holder_create(&holder) == MR_OK ? 0 : -1;
}

static void test_there_is_none_before_the_first_swap(void **state)
{
    (void)state;
    assert_null(mr_snapshot_acquire(holder));
    mr_snapshot_release(NULL);
    mr_snapshot_holder_destroy(holder);
    mr_snapshot_holder_destroy(NULL);
    assert_int_equal(destroyed, 0);
}

static void test_the_old_object_lives_until_its_last_reader_lets_go(void **state)
{
    (void)state;
    assert_ok(publish(10));
    mr_snapshot *first = mr_snapshot_acquire(holder);
    mr_snapshot *second = mr_snapshot_acquire(holder);

    assert_ok(publish(11));
    assert_int_equal(version_of(first), 10);
    mr_snapshot_release(first);
    assert_int_equal(destroyed, 0);
    assert_int_equal(version_of(second), 10);
    mr_snapshot_release(second);
    assert_int_equal(destroyed, 1);

    mr_snapshot_holder_destroy(holder);
    assert_int_equal(destroyed, 2);
}

static void test_an_object_nobody_reads_is_destroyed_by_the_swap(void **state)
{
    (void)state;
    assert_ok(publish(1));
    assert_ok(publish(2));
    assert_int_equal(destroyed, 1);
    mr_snapshot_holder_destroy(holder);
}

static void test_an_acquired_snapshot_outlives_its_holder(void **state)
{
    (void)state;
    assert_ok(publish(5));
    mr_snapshot *kept = mr_snapshot_acquire(holder);
    mr_snapshot_holder_destroy(holder);
    assert_int_equal(destroyed, 0);
    assert_int_equal(version_of(kept), 5);
    mr_snapshot_release(kept);
    assert_int_equal(destroyed, 1);
}

static _Atomic bool writing;
static _Atomic size_t wrong;
static _Atomic size_t acquired;

static void *read_on(void *argument)
{
    (void)argument;
    do {
        mr_snapshot *snapshot = mr_snapshot_acquire(holder);
        if (snapshot == NULL) {
            wrong++;
            continue;
        }
        const model *seen = mr_snapshot_object(snapshot);
        wrong += seen->version != ~seen->inverse ? 1 : 0;
        mr_snapshot_release(snapshot);
        acquired++;
    } while (writing);
    return NULL;
}

static void *write_on(void *argument)
{
    (void)argument;
    for (uint64_t i = 0; i < SWAPS; i++)
        wrong += publish(i + 2) != MR_OK ? 1 : 0;
    return NULL;
}

static void test_readers_never_see_a_destroyed_object_and_none_is_leaked(void **state)
{
    (void)state;
    pthread_t readers[READERS];
    pthread_t writers[WRITERS];
    assert_ok(publish(2));
    writing = true;

    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_on, NULL), 0);
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&writers[i], NULL, write_on, NULL), 0);
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_join(writers[i], NULL), 0);
    writing = false;
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_join(readers[i], NULL), 0);

    assert_int_equal(wrong, 0);
    assert_true(acquired >= READERS);
    assert_int_equal(destroyed, WRITERS * SWAPS);
    mr_snapshot_holder_destroy(holder);
    assert_int_equal(destroyed, WRITERS * SWAPS + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_there_is_none_before_the_first_swap, set_up),
        cmocka_unit_test_setup(test_the_old_object_lives_until_its_last_reader_lets_go,
                               set_up),
        cmocka_unit_test_setup(test_an_object_nobody_reads_is_destroyed_by_the_swap,
                               set_up),
        cmocka_unit_test_setup(test_an_acquired_snapshot_outlives_its_holder, set_up),
        cmocka_unit_test_setup(
            test_readers_never_see_a_destroyed_object_and_none_is_leaked, set_up),
    };
    return cmocka_run_group_tests_name("snapshot", tests, NULL, NULL);
}
