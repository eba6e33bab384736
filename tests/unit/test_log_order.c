/*
 * Appends whose order matters: a log that fails at will says in which calls they came.
 */
#include "ingest/log_internal.h"
#include "tests/support.h"

#include <string.h>

enum { CALLS_MAX = 16, PARTITIONS = 3 };

typedef struct failing_log {
    mr_log base;
    size_t calls[CALLS_MAX]; /* entries of each */
    size_t call_count;
    size_t fails_at; /* this call */
} failing_log;

static mr_status append(mr_log *log, const mr_log_entry *entries, size_t count,
                        mr_log_position *ret_positions, mr_error *ret_error)
{
    (void)entries;
    (void)ret_positions;
    (void)ret_error;
    failing_log *failing = (failing_log *)log;
    assert_true(failing->call_count < CALLS_MAX);
    failing->calls[failing->call_count++] = count;
    return failing->call_count == failing->fails_at ? MR_ERR_UNAVAILABLE : MR_OK;
}

static const mr_log_methods broker = {.append = append};
static const mr_log_methods disk = {.append = append, .appends_whole = true};

static void fill(mr_log_entry *entries, const uint32_t *partitions, size_t count)
{
    for (size_t i = 0; i < count; i++)
        entries[i] = (mr_log_entry){.partition = partitions[i], .value = MR_TEXT("v")};
}

static void test_a_broker_gets_one_record_of_a_partition_at_a_time(void **state)
{
    (void)state;
    static const uint32_t partitions[] = {0, 1, 1, 2, 0, 0, 0, 2};
    static const size_t calls[] = {2, 3, 1, 2};
    mr_log_entry entries[8];
    failing_log log = {.base = {.methods = &broker, .partitions = PARTITIONS}};
    fill(entries, partitions, 8);
    assert_ok(mr_log_append_in_order(&log.base, entries, 8, NULL));
    assert_int_equal(log.call_count, 4);
    assert_memory_equal(log.calls, calls, sizeof(calls));
}

static void test_nothing_follows_what_failed(void **state)
{
    (void)state;
    static const uint32_t partitions[] = {0, 0, 0, 0};
    mr_log_entry entries[4];
    failing_log log = {.base = {.methods = &broker, .partitions = PARTITIONS},
                       .fails_at = 2};
    fill(entries, partitions, 4);
    assert_int_equal(mr_log_append_in_order(&log.base, entries, 4, NULL),
                     MR_ERR_UNAVAILABLE);
    assert_int_equal(log.call_count, 2);
}

static void test_a_log_that_appends_whole_gets_all_at_once(void **state)
{
    (void)state;
    static const uint32_t partitions[] = {0, 0, 1, 0};
    mr_log_entry entries[4];
    failing_log log = {.base = {.methods = &disk, .partitions = PARTITIONS}};
    fill(entries, partitions, 4);
    assert_ok(mr_log_append_in_order(&log.base, entries, 4, NULL));
    assert_int_equal(log.call_count, 1);
    assert_ok(mr_log_append_in_order(&log.base, entries, 0, NULL));
    assert_int_equal(log.call_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_broker_gets_one_record_of_a_partition_at_a_time),
        cmocka_unit_test(test_nothing_follows_what_failed),
        cmocka_unit_test(test_a_log_that_appends_whole_gets_all_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
