/* Method: a record becomes a letter, the letter a record, and the record is the first again. */
#include "tests/support.h"

#include "ingest/dead_letter.h"

static mr_log_record record_of(const mr_log_entry *entry, int64_t offset)
{
    return (mr_log_record){.key = entry->key,
                           .value = entry->value,
                           .headers = entry->headers,
                           .header_count = entry->header_count,
                           .offset = offset,
                           .time_ms = entry->time_ms};
}

static mr_log_header own[2];
static mr_log_record original;

static int set_up(void **state)
{
    (void)state;
    own[0] = (mr_log_header){MR_TEXT("trace"), MR_TEXT("t1")};
    own[1] = (mr_log_header){MR_TEXT("mr-control"), MR_TEXT("c")};
    original = (mr_log_record){.key = MR_TEXT("u1"),
                               .value = MR_TEXT("\xff not json"),
                               .headers = own,
                               .header_count = 2,
                               .offset = 77,
                               .time_ms = 1700000000123};
    return 0;
}

static void test_a_letter_says_why_and_whence(void **state)
{
    (void)state;
    mr_dead_letter letter;
    mr_log_entry entry;
    mr_dead_letter_entry(&letter, &original, "events", 3,
                         mr_poison_name(MR_POISON_NOT_UTF8), &entry);
    assert_true(mr_text_equal(entry.value, original.value));
    assert_true(mr_text_equal(entry.key, original.key));
    const mr_log_record record = record_of(&entry, 5);
    mr_dead_letter_source source;
    assert_ok(mr_dead_letter_read(&record, &source));
    assert_true(mr_text_is(source.reason, mr_poison_name(MR_POISON_NOT_UTF8)));
    assert_true(mr_text_is(source.topic, "events"));
    assert_int_equal(source.partition, 3);
    assert_int_equal(source.offset, 77);
    assert_int_equal(source.time_ms, 1700000000123);
}

static void test_the_original_record_comes_back(void **state)
{
    (void)state;
    mr_dead_letter letter;
    mr_dead_letter again;
    mr_log_entry entry;
    mr_log_entry restored;
    mr_dead_letter_entry(&letter, &original, "events", 3,
                         mr_poison_name(MR_POISON_NOT_UTF8), &entry);
    const mr_log_record record = record_of(&entry, 5);
    assert_ok(mr_dead_letter_restore(&again, &record, &restored));
    assert_true(mr_text_equal(restored.value, original.value));
    assert_int_equal(restored.header_count, 2);
    assert_true(mr_text_is(restored.headers[0].name, "trace"));
    assert_true(mr_text_is(restored.headers[1].name, "mr-control"));
    assert_int_equal(restored.time_ms, original.time_ms);
}

static void test_a_letter_of_a_letter_has_the_newer_reason_once(void **state)
{
    (void)state;
    mr_dead_letter letter;
    mr_dead_letter again;
    mr_log_entry entry;
    mr_dead_letter_entry(&letter, &original, "events", 3,
                         mr_poison_name(MR_POISON_NOT_UTF8), &entry);
    const mr_log_record record = record_of(&entry, 5);
    mr_dead_letter_entry(&again, &record, "dead", 0, mr_poison_name(MR_POISON_EMPTY),
                         &entry);
    assert_int_equal(entry.header_count, MR_DEAD_LETTER_HEADERS + 2);
    const mr_log_record second = record_of(&entry, 6);
    mr_dead_letter_source source;
    assert_ok(mr_dead_letter_read(&second, &source));
    assert_true(mr_text_is(source.topic, "dead"));
    assert_int_equal(source.offset, 5);
}

static void test_headers_that_do_not_fit_are_left_out(void **state)
{
    (void)state;
    mr_log_header many[MR_LOG_HEADERS_MAX];
    for (int i = 0; i < MR_LOG_HEADERS_MAX; i++)
        many[i] = (mr_log_header){MR_TEXT("h"), MR_TEXT("v")};
    mr_log_record record = original;
    record.headers = many;
    record.header_count = MR_LOG_HEADERS_MAX;
    mr_dead_letter letter;
    mr_log_entry entry;
    mr_dead_letter_entry(&letter, &record, "events", 3, mr_poison_name(MR_POISON_EMPTY),
                         &entry);
    assert_int_equal(entry.header_count, MR_LOG_HEADERS_MAX);
}

static void test_another_record_is_no_letter(void **state)
{
    (void)state;
    mr_dead_letter_source source;
    assert_int_equal(mr_dead_letter_read(&original, &source), MR_ERR_CORRUPT);
    mr_dead_letter letter;
    mr_log_entry entry;
    mr_dead_letter_entry(&letter, &original, "events", 3, mr_poison_name(MR_POISON_EMPTY),
                         &entry);
    letter.headers[3].value = MR_TEXT("seven");
    const mr_log_record record = record_of(&entry, 5);
    assert_int_equal(mr_dead_letter_read(&record, &source), MR_ERR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_letter_says_why_and_whence),
        cmocka_unit_test(test_the_original_record_comes_back),
        cmocka_unit_test(test_a_letter_of_a_letter_has_the_newer_reason_once),
        cmocka_unit_test(test_headers_that_do_not_fit_are_left_out),
        cmocka_unit_test(test_another_record_is_no_letter),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
