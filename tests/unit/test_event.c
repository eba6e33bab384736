/*
 * Names are checked as a two-way mapping, and a batch by growing it under its contents.
 */
#include "core/event.h"
#include "core/scored_item.h"
#include "tests/support.h"

static void test_every_type_has_a_name_that_leads_back_to_it(void **state)
{
    (void)state;
    for (int type = MR_EVENT_NONE + 1; type < MR_EVENT_TYPES; type++) {
        const char *name = mr_event_type_name((mr_event_type)type);
        assert_non_null(name);
        assert_int_equal(mr_event_type_from(mr_text_from(name)), type);
    }
}

static void test_numbers_without_a_type_have_no_name(void **state)
{
    (void)state;
    assert_null(mr_event_type_name(MR_EVENT_NONE));
    assert_null(mr_event_type_name(MR_EVENT_TYPES));
    assert_null(mr_event_type_name((mr_event_type)-1));
}

static void test_a_name_that_is_not_canonical_is_no_type(void **state)
{
    (void)state;
    const char *const names[] = {"", "View", "vie", "views", "none", "add_to_cart"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_int_equal(mr_event_type_from(mr_text_from(names[i])), MR_EVENT_NONE);
}

static void test_poison_and_disposition_names_are_all_there_and_differ(void **state)
{
    (void)state;
    for (int a = 0; a < MR_POISON_KINDS; a++) {
        assert_non_null(mr_poison_name((mr_poison)a));
        for (int b = 0; b < a; b++)
            assert_string_not_equal(mr_poison_name((mr_poison)a),
                                    mr_poison_name((mr_poison)b));
    }
    assert_null(mr_poison_name(MR_POISON_KINDS));
    assert_string_equal(mr_poison_name(MR_POISON_NOT_JSON), "not_json");
    assert_string_equal(mr_disposition_name(MR_RECORD_EVENTS), "events");
    assert_string_equal(mr_disposition_name(MR_RECORD_POISON), "poison");
    assert_null(mr_disposition_name((mr_disposition)(MR_RECORD_POISON + 1)));
}

static void test_every_source_has_a_name(void **state)
{
    (void)state;
    for (int source = MR_SOURCE_NONE + 1; source < MR_SOURCE_KINDS; source++)
        assert_non_null(mr_source_name((mr_source)source));
    assert_string_equal(mr_source_name(MR_SOURCE_ITEM_ITEM), "item_item");
    assert_null(mr_source_name(MR_SOURCE_NONE));
    assert_null(mr_source_name(MR_SOURCE_KINDS));
}

static void test_a_batch_keeps_its_contents_when_it_grows(void **state)
{
    (void)state;
    mr_event_batch batch;
    assert_ok(mr_event_batch_init(&batch, 1, 2));

    for (size_t i = 0; i < 1000; i++) {
        assert_ok(mr_event_batch_reserve(&batch, i + 1, 2 * (i + 1)));
        batch.records[batch.record_count++] = (mr_record_verdict){.offset = (int64_t)i};
        batch.events[batch.event_count++] = (mr_event){.line = (uint32_t)i};
    }

    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(batch.records[i].offset, i);
        assert_int_equal(batch.events[i].line, i);
    }
    assert_true(batch.record_capacity >= 1000);
    assert_true(batch.event_capacity >= 2000);
    mr_event_batch_deinit(&batch);
}

static void test_clearing_keeps_the_room(void **state)
{
    (void)state;
    mr_event_batch batch;
    assert_ok(mr_event_batch_init(&batch, 10, 20));
    batch.record_count = 10;
    batch.event_count = 20;

    mr_event_batch_clear(&batch);

    assert_int_equal(batch.record_count, 0);
    assert_int_equal(batch.event_count, 0);
    assert_int_equal(batch.record_capacity, 10);
    assert_int_equal(batch.event_capacity, 20);
    mr_event_batch_deinit(&batch);
}

static void test_an_impossible_size_leaves_the_batch_as_it_was(void **state)
{
    (void)state;
    mr_event_batch batch = {.partition = 7};
    mr_event_batch before = batch;

    assert_int_equal(mr_event_batch_init(&batch, 4, SIZE_MAX), MR_ERR_NO_MEMORY);
    assert_memory_equal(&batch, &before, sizeof(batch));

    assert_ok(mr_event_batch_init(&batch, 4, 4));
    before = batch;
    assert_int_equal(mr_event_batch_reserve(&batch, SIZE_MAX, 4), MR_ERR_NO_MEMORY);
    assert_memory_equal(&batch, &before, sizeof(batch));
    mr_event_batch_deinit(&batch);
    mr_event_batch_deinit(&batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_type_has_a_name_that_leads_back_to_it),
        cmocka_unit_test(test_numbers_without_a_type_have_no_name),
        cmocka_unit_test(test_a_name_that_is_not_canonical_is_no_type),
        cmocka_unit_test(test_poison_and_disposition_names_are_all_there_and_differ),
        cmocka_unit_test(test_every_source_has_a_name),
        cmocka_unit_test(test_a_batch_keeps_its_contents_when_it_grows),
        cmocka_unit_test(test_clearing_keeps_the_room),
        cmocka_unit_test(test_an_impossible_size_leaves_the_batch_as_it_was),
    };
    return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
