/*
 * Statistics: what is taken from real shards must come out of the sums, the metrics and the JSON
 * as the same figures.
 */
#include "app/statistics.h"
#include "tests/feature_batch.h"

#include <string.h>

enum { PARTITIONS = 3 };

typedef struct fixture {
    mr_plan *plan;
    mr_shard *shards[PARTITIONS];
    mr_statistics *statistics;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    assert_ok(mr_plan_create_default(&f->plan));
    for (uint32_t p = 0; p < PARTITIONS; p++)
        f->shards[p] = test_shard(f->plan, p);
    assert_ok(mr_statistics_create(PARTITIONS, &f->statistics));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    mr_statistics_destroy(f->statistics);
    for (uint32_t p = 0; p < PARTITIONS; p++)
        mr_shard_destroy(f->shards[p]);
    mr_plan_destroy(f->plan);
    free(f);
    return 0;
}

/* Partition 0: two customers, 7.00 of revenue; partition 1: a visitor, a day later. */
static void fill(fixture *f)
{
    test_apply(f->shards[0], test_purchase("ann", "tea", START_MS, "o1", 500));
    test_apply(f->shards[0], test_purchase("bob", "yarn", START_MS + 1, "o2", 300));
    mr_event refund = test_purchase("bob", "yarn", START_MS + 2, "o2", 100);
    refund.type = MR_EVENT_REFUND;
    test_apply(f->shards[0], refund);
    test_apply(f->shards[1], test_event(MR_EVENT_VIEW, "eve", "tea", START_MS + DAY_MS));
    for (uint32_t p = 0; p < 2; p++) {
        atomic_store(&f->statistics->partitions[p].is_owned, true);
        mr_statistics_take(f->statistics, f->shards[p]);
    }
}

static bool has_line(const mr_buffer *text, const char *line)
{
    const size_t length = strlen(line);
    const char *bytes = (const char *)text->bytes;
    for (size_t i = 0; i + length < text->length; i++) {
        if ((i == 0 || bytes[i - 1] == '\n') && memcmp(bytes + i, line, length) == 0 &&
            bytes[i + length] == '\n')
            return true;
    }
    return false;
}

static void test_sums_are_those_of_the_owned_shards(void **state)
{
    fixture *f = *state;
    fill(f);
    mr_statistics_totals totals = mr_statistics_sum(f->statistics);
    assert_int_equal(totals.owned, 2);
    assert_int_equal(totals.users, 3);
    assert_int_equal(totals.customers, 2);
    assert_int_equal(totals.items, 2); /* tea lies in both: not three */
    assert_int_equal(totals.applied, 4);
    assert_int_equal(totals.lines_applied, 4);
    assert_int_equal(totals.revenue_minor, 700);
    atomic_store(&f->statistics->partitions[0].is_owned, false);
    totals = mr_statistics_sum(f->statistics);
    assert_int_equal(totals.owned, 1);
    assert_int_equal(totals.users, 1);
    assert_int_equal(totals.revenue_minor, 0);
}

static void test_lag_counts_only_what_is_known_to_be_unread(void **state)
{
    fixture *f = *state;
    fill(f);
    assert_int_equal(mr_statistics_sum(f->statistics).lag_events, 0); /* ends unknown */
    atomic_store(&f->statistics->partitions[0].end_offset, 10);
    atomic_store(&f->statistics->partitions[1].end_offset, 1);
    assert_int_equal(mr_statistics_sum(f->statistics).lag_events, 7);
    atomic_store(&f->statistics->partitions[1].end_offset, 0); /* heard long ago */
    assert_int_equal(mr_statistics_sum(f->statistics).lag_events, 7);
}

static void test_the_data_clock_tells_the_newest_event_of_all(void **state)
{
    fixture *f = *state;
    const mr_clock *clock = &f->statistics->data_clock;
    const int64_t before = mr_clock_wall_ms(mr_clock_system());
    assert_true(mr_clock_wall_ms(clock) >= before); /* without data: the wall's time */
    fill(f);
    assert_int_equal(mr_clock_wall_ms(clock), START_MS + DAY_MS);
    mr_statistics_take(f->statistics, f->shards[0]); /* older: time never goes back */
    assert_int_equal(mr_clock_wall_ms(clock), START_MS + DAY_MS);
}

static void test_metrics_name_every_owned_partition(void **state)
{
    fixture *f = *state;
    mr_buffer text = {0};
    fill(f);
    mr_statistics_metrics(f->statistics, &text);
    assert_ok(mr_buffer_status(&text));
    assert_true(has_line(&text, "millrace_partition_applied{partition=\"0\"} 3"));
    assert_true(has_line(&text, "millrace_partition_applied{partition=\"1\"} 1"));
    assert_true(has_line(&text, "millrace_partition_next_offset{partition=\"0\"} 3"));
    assert_true(has_line(&text, "# TYPE millrace_partition_applied counter"));
    assert_true(has_line(&text, "millrace_lag_events 0"));
    assert_false(has_line(&text, "millrace_partition_applied{partition=\"2\"} 0"));
    mr_buffer_deinit(&text);
}

static void test_json_holds_the_same_figures(void **state)
{
    fixture *f = *state;
    mr_buffer text = {0};
    mr_json *document = NULL;
    mr_json_writer writer = mr_json_writer_of(&text);
    fill(f);
    mr_json_begin_object(&writer);
    mr_statistics_json(f->statistics, &writer);
    mr_json_end_object(&writer);
    assert_ok(mr_json_parse((mr_text){(const char *)text.bytes, (uint32_t)text.length},
                            &document, NULL));
    mr_json_value *root = mr_json_root(document);
    assert_int_equal(mr_json_int(mr_json_get(root, "users"), -1), 3);
    assert_int_equal(mr_json_int(mr_json_get(root, "events_applied"), -1), 4);
    assert_close(mr_json_double(mr_json_get(root, "revenue"), -1.0), 7.0, 0.0);
    assert_true(mr_text_is(mr_json_text(mr_json_get(root, "newest_event"), (mr_text){0}),
                           "2026-03-02T12:00:00.000Z"));
    mr_json_destroy(document);
    mr_buffer_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sums_are_those_of_the_owned_shards, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_lag_counts_only_what_is_known_to_be_unread,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_data_clock_tells_the_newest_event_of_all,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_metrics_name_every_owned_partition, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_json_holds_the_same_figures, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
