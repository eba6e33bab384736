/* Method: two shards fed the same events, then one of them a few more; what is counted and shown
 * is compared with what was fed. */
#include "tests/feature_batch.h"

#include "app/checkpoint_diff.h"

#include <stdio.h>
#include <string.h>

enum { USERS = 30 };

static mr_plan *plan;

static mr_shard *fed(void)
{
    static char names[USERS][16];
    mr_shard *shard = test_shard(plan, 0);
    for (int i = 0; i < USERS; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "user-%d", i);
        test_apply(shard, test_event(MR_EVENT_VIEW, names[i], "tea", START_MS + i));
    }
    return shard;
}

static bool shows(const mr_buffer *text, const char *line)
{
    return memmem(text->bytes, text->length, line, strlen(line)) != NULL;
}

static void test_the_same_events_make_no_difference(void **state)
{
    (void)state;
    mr_checkpoint_difference d;
    mr_shard *a = fed();
    mr_shard *b = fed();
    assert_ok(mr_checkpoint_diff(a, b, 100, &d));
    assert_int_equal(d.lines, 0);
    assert_int_equal(d.users_changed + d.users_only_a + d.users_only_b, 0);
    assert_int_equal(d.shown.length + d.counter_lines.length, 0);
    mr_checkpoint_difference_deinit(&d);
    mr_shard_destroy(a);
    mr_shard_destroy(b);
}

static void test_users_are_counted_once_whichever_side_they_are_on(void **state)
{
    (void)state;
    mr_checkpoint_difference d;
    mr_shard *a = fed();
    mr_shard *b = fed();
    test_apply(b, test_event(MR_EVENT_VIEW, "user-3", "tea", START_MS + 10));
    test_apply(b, test_event(MR_EVENT_VIEW, "user-4", "milk", START_MS + 10));
    test_apply(b, test_event(MR_EVENT_VIEW, "user-", "tea", START_MS + 10));
    test_apply(b, test_event(MR_EVENT_VIEW, "user-3\x01", "tea", START_MS + 10));
    test_apply(b, test_event(MR_EVENT_VIEW, "zoe\tand\\friends", "tea", START_MS + 10));
    for (int swapped = 0; swapped < 2; swapped++) {
        assert_ok(mr_checkpoint_diff(swapped ? b : a, swapped ? a : b, 1000, &d));
        assert_int_equal(d.users_changed, 2);
        assert_int_equal(swapped ? d.users_only_a : d.users_only_b, 3);
        assert_int_equal(swapped ? d.users_only_b : d.users_only_a, 0);
        assert_true(shows(&d.shown, swapped ? "-zoe\\tand\\\\friends\tfirst_seen\t"
                                            : "+zoe\\tand\\\\friends\tfirst_seen\t"));
        assert_true(shows(&d.counter_lines, "\\s\t0\tapplied\t30\n"));
        assert_true(shows(&d.counter_lines, "\\s\t0\tapplied\t35\n"));
        assert_false(shows(&d.shown, "\\s\t"));
        mr_checkpoint_difference_deinit(&d);
    }
    mr_shard_destroy(a);
    mr_shard_destroy(b);
}

static void test_a_state_against_nothing_is_all_there_is(void **state)
{
    (void)state;
    mr_checkpoint_difference d;
    mr_shard *b = fed();
    assert_ok(mr_checkpoint_diff(NULL, b, 5, &d));
    assert_int_equal(d.users_only_b, USERS);
    assert_int_equal(d.users_only_a + d.users_changed, 0);
    assert_true(d.lines > USERS);
    int shown = 0;
    for (size_t i = 0; i < d.shown.length; i++)
        shown += d.shown.bytes[i] == '\n';
    assert_int_equal(shown, 5);
    mr_checkpoint_difference_deinit(&d);
    assert_ok(mr_checkpoint_diff(NULL, NULL, 5, &d));
    assert_int_equal(d.lines, 0);
    mr_checkpoint_difference_deinit(&d);
    mr_shard_destroy(b);
}

static void test_time_alone_is_no_difference_of_those_it_passes_by(void **state)
{
    (void)state;
    mr_checkpoint_difference d;
    mr_shard *a = fed();
    mr_shard *b = fed();
    /* Ten days on, everybody's views of 7 days are gone: in both, read as of the same time. */
    test_apply(b, test_event(MR_EVENT_VIEW, "late", "tea", START_MS + 10 * DAY_MS));
    assert_ok(mr_checkpoint_diff(a, b, 1000, &d));
    assert_int_equal(d.users_changed, 0);
    assert_int_equal(d.users_only_b, 1);
    mr_checkpoint_difference_deinit(&d);
    mr_shard_destroy(a);
    mr_shard_destroy(b);
}

int main(void)
{
    assert_ok(mr_plan_create_default(&plan));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_events_make_no_difference),
        cmocka_unit_test(test_users_are_counted_once_whichever_side_they_are_on),
        cmocka_unit_test(test_a_state_against_nothing_is_all_there_is),
        cmocka_unit_test(test_time_alone_is_no_difference_of_those_it_passes_by),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    mr_plan_destroy(plan);
    return failed;
}
