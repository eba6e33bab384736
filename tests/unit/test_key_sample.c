/* Method: batches of records whose keys are the users' or something else, in every share and
 * order; the verdict is compared with a count of the first 100. */
#include "tests/feature_batch.h"

#include "app/key_sample.h"

#include <stdio.h>
#include <string.h>

enum { RECORDS = 200 };

typedef struct made {
    mr_event_batch batch;
    mr_log_record records[RECORDS];
} made;

/* `count` records, of which those below `strange` have the item's id for a key. */
static void make(made *m, int first, int count, int strange)
{
    m->batch.record_count = m->batch.event_count = 0;
    for (int i = 0; i < count; i++) {
        test_batch_add(&m->batch, first + i,
                       test_event(MR_EVENT_VIEW, "ann", "tea", START_MS));
        m->records[i] = (mr_log_record){.offset = first + i,
                                        .key = mr_text_from(i < strange ? "tea" : "ann")};
    }
}

static mr_status take(mr_key_sample *sample, const made *m, mr_error *error)
{
    return mr_key_sample_take(sample, &m->batch, m->records, "events", error);
}

static void test_more_than_half_strange_keys_are_refused_with_the_way_out(void **state)
{
    (void)state;
    made m = {.batch = {0}};
    mr_error error = {{0}};
    for (int strange = 0; strange <= 100; strange++) {
        mr_key_sample sample = {0};
        make(&m, 0, 100, strange);
        assert_int_equal(take(&sample, &m, &error),
                         strange > 50 ? MR_ERR_INVALID : MR_OK);
    }
    assert_non_null(strstr(error.message, "100 of 100"));
    assert_non_null(strstr(error.message, "log.topic"));
    mr_event_batch_deinit(&m.batch);
}

static void test_too_few_records_decide_nothing(void **state)
{
    (void)state;
    made m = {.batch = {0}};
    mr_key_sample sample = {0};
    for (int i = 0; i < MR_KEY_SAMPLE_LEAST - 1; i++) {
        make(&m, i, 1, 1);
        assert_ok(take(&sample, &m, NULL));
    }
    make(&m, MR_KEY_SAMPLE_LEAST, 1, 1);
    assert_int_equal(take(&sample, &m, NULL), MR_ERR_INVALID);
    assert_int_equal(take(&sample, &m, NULL), MR_ERR_INVALID); /* and stays so */
    mr_event_batch_deinit(&m.batch);
}

static void test_only_the_first_hundred_are_looked_at(void **state)
{
    (void)state;
    made m = {.batch = {0}};
    mr_key_sample sample = {0};
    make(&m, 0, 100, 0);
    assert_ok(take(&sample, &m, NULL));
    make(&m, 100, 200, 200);
    assert_ok(take(&sample, &m, NULL));
    assert_int_equal(sample.seen, MR_KEY_SAMPLE_RECORDS);
    mr_event_batch_deinit(&m.batch);
}

static void test_what_is_no_event_has_no_say(void **state)
{
    (void)state;
    made m = {.batch = {0}};
    mr_key_sample sample = {0};
    make(&m, 0, 100, 100);
    for (size_t i = 0; i < 100; i++) {
        m.batch.records[i].disposition = i % 2 == 0 ? MR_RECORD_POISON : MR_RECORD_TICK;
        m.batch.records[i].event_count = 0;
    }
    assert_ok(take(&sample, &m, NULL));
    assert_int_equal(sample.seen, 0);
    mr_event_batch_deinit(&m.batch);
}

static void test_a_visitors_key_is_the_anonymous_id_and_a_users_is_not(void **state)
{
    (void)state;
    for (int known = 0; known < 2; known++) {
        made m = {.batch = {0}};
        mr_key_sample sample = {0};
        make(&m, 0, 50, 0);
        for (size_t i = 0; i < 50; i++) {
            m.batch.events[i].user_id = known ? MR_TEXT("ann") : (mr_text){0};
            m.batch.events[i].anonymous_id = MR_TEXT("cookie");
            m.records[i].key = MR_TEXT("cookie");
        }
        assert_int_equal(take(&sample, &m, NULL), known ? MR_ERR_INVALID : MR_OK);
        mr_event_batch_deinit(&m.batch);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_more_than_half_strange_keys_are_refused_with_the_way_out),
        cmocka_unit_test(test_too_few_records_decide_nothing),
        cmocka_unit_test(test_only_the_first_hundred_are_looked_at),
        cmocka_unit_test(test_what_is_no_event_has_no_say),
        cmocka_unit_test(test_a_visitors_key_is_the_anonymous_id_and_a_users_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
