/*
 * Letter box: what goes in is copied, what is appended is read back from a real log.
 */
#include "app/letter_box.h"
#include "core/file.h"
#include "tests/support.h"

#include <stdio.h>
#include <string.h>

enum { MANY = 9000 }; /* more than one append's worth */

typedef struct fixture {
    char directory[64];
    mr_log *log;
    mr_letter_box box;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    (void)snprintf(f->directory, sizeof(f->directory), "/tmp/test_letter_box-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    const mr_log_file_options options = {.path = f->directory,
                                         .topic = "letters",
                                         .partitions = 1,
                                         .clock = mr_clock_system()};
    assert_ok(mr_log_open_file(&options, &f->log, NULL, NULL));
    assert_ok(mr_letter_box_init(&f->box));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    mr_letter_box_deinit(&f->box);
    mr_log_close(f->log);
    assert_ok(mr_directory_remove(f->directory, NULL));
    free(f);
    return 0;
}

static int64_t end_of(const fixture *f)
{
    int64_t end;
    assert_ok(mr_log_resolve(f->log, 0, MR_LOG_LATEST, 0, &end, NULL));
    return end;
}

static void put(fixture *f, const char *key, const char *value)
{
    const mr_log_entry entry = {
        .key = mr_text_from(key), .value = mr_text_from(value), .time_ms = 7};
    assert_ok(mr_letter_box_put(&f->box, &entry));
}

/* Records from the log's start on, each checked to be letter number 0, 1, 2 … */
static size_t read_numbered(fixture *f)
{
    const mr_log_reader_options options = {.mode = MR_LOG_STATIC};
    mr_log_reader *reader = NULL;
    size_t count = 0;
    bool is_done = false;
    assert_ok(mr_log_reader_open(f->log, &options, &reader, NULL));
    while (!is_done) {
        mr_log_batch batch;
        assert_ok(mr_log_reader_poll(reader, 5000, &batch));
        assert_int_not_equal(batch.signal, MR_LOG_IDLE);
        if (batch.signal == MR_LOG_ASSIGNED)
            assert_ok(mr_log_reader_start(reader, 0, 0));
        for (size_t i = 0; batch.signal == MR_LOG_RECORDS && i < batch.count; i++) {
            char value[32];
            (void)snprintf(value, sizeof(value), "letter %zu", count++);
            assert_true(mr_text_is(batch.records[i].value, value));
        }
        is_done = batch.signal == MR_LOG_END;
    }
    mr_log_reader_close(reader);
    return count;
}

static void test_letters_are_copies_with_key_and_headers(void **state)
{
    fixture *f = *state;
    char key[] = "key";
    char value[] = "value";
    char name[] = "mr-reason";
    char word[] = "not_json";
    const mr_log_header headers[] = {{mr_text_from(name), mr_text_from(word)}};
    const mr_log_entry entry = {.partition = 3,
                                .key = mr_text_from(key),
                                .value = mr_text_from(value),
                                .headers = headers,
                                .header_count = 1,
                                .time_ms = 1234};
    assert_ok(mr_letter_box_put(&f->box, &entry));
    memset(key, 'x', 3);
    memset(value, 'x', 5);
    memset(name, 'x', 9);
    memset(word, 'x', 8);
    const mr_log_entry *kept = &f->box.entries[0];
    assert_int_equal(f->box.count, 1);
    assert_int_equal(f->box.bytes, 8);
    assert_true(mr_text_is(kept->key, "key"));
    assert_true(mr_text_is(kept->value, "value"));
    assert_true(mr_text_is(kept->headers[0].name, "mr-reason"));
    assert_true(mr_text_is(kept->headers[0].value, "not_json"));
    assert_int_equal(kept->partition, 3);
    assert_int_equal(kept->time_ms, 1234);
}

static void test_an_empty_box_appends_nothing(void **state)
{
    fixture *f = *state;
    assert_ok(mr_letter_box_append(&f->box, f->log, NULL));
    assert_int_equal(end_of(f), 0);
}

static void test_more_than_one_append_keeps_their_order(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < MANY; i++) {
        char value[32];
        (void)snprintf(value, sizeof(value), "letter %d", i);
        put(f, "k", value);
    }
    assert_ok(mr_letter_box_append(&f->box, f->log, NULL));
    assert_int_equal(end_of(f), MANY);
    assert_int_equal(read_numbered(f), MANY);
}

static void test_a_cleared_box_is_empty_and_of_use_again(void **state)
{
    fixture *f = *state;
    put(f, "a", "one");
    mr_letter_box_clear(&f->box);
    assert_int_equal(f->box.count, 0);
    assert_int_equal(f->box.bytes, 0);
    put(f, "", "letter 0"); /* no key is no failure */
    assert_ok(mr_letter_box_append(&f->box, f->log, NULL));
    assert_int_equal(read_numbered(f), 1);
}

static void test_a_letter_the_log_refuses_is_reported(void **state)
{
    fixture *f = *state;
    const size_t bytes = 2000000; /* beyond what a record may be */
    char *value = malloc(bytes);
    assert_non_null(value);
    memset(value, 'v', bytes);
    const mr_log_entry entry = {.value = {.bytes = value, .length = (uint32_t)bytes}};
    assert_ok(mr_letter_box_put(&f->box, &entry));
    free(value);
    mr_error error = {{0}};
    assert_int_equal(mr_letter_box_append(&f->box, f->log, &error), MR_ERR_INVALID);
    assert_true(error.message[0] != '\0');
    assert_int_equal(end_of(f), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_letters_are_copies_with_key_and_headers,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_empty_box_appends_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_more_than_one_append_keeps_their_order,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_cleared_box_is_empty_and_of_use_again,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_letter_the_log_refuses_is_reported, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
