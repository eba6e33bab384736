/*
 * Log line: what reaches standard error, line by line, also from several threads at once and with
 * more text than a line holds.
 */
#include "app/log_line.h"
#include "core/text.h"
#include "tests/support.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { OUTPUT_BYTES = 1 << 20, THREADS = 4, LINES = 200, LINE_BYTES_MAX = 1024 };

static char output[OUTPUT_BYTES];
static int saved;
static FILE *file;

static void begin_capture(void)
{
    file = tmpfile();
    assert_non_null(file);
    saved = dup(STDERR_FILENO);
    assert_true(saved >= 0);
    assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
}

static const char *end_capture(void)
{
    (void)dup2(saved, STDERR_FILENO);
    (void)close(saved);
    rewind(file);
    output[fread(output, 1, sizeof(output) - 1, file)] = '\0';
    (void)fclose(file);
    return output;
}

static void test_a_line_is_time_level_and_fields(void **state)
{
    (void)state;
    begin_capture();
    mr_log_info("event=%s partition=%d", "checkpoint", 3);
    mr_log_warn("event=log_down");
    const char *text = end_capture();
    int64_t time_ms;
    assert_memory_equal(text, "time=", 5);
    assert_ok(mr_text_to_time_ms((mr_text){.bytes = text + 5, .length = 24}, &time_ms));
    assert_string_equal(strstr(text, " level=info ") + 12,
                        strstr(text, "event=checkpoint partition=3\n"));
    assert_non_null(strstr(text, " level=warn event=log_down\n"));
    assert_int_equal(text[strlen(text) - 1], '\n');
}

static void test_a_long_line_is_cut_and_still_ends(void **state)
{
    (void)state;
    char words[3 * LINE_BYTES_MAX];
    memset(words, 'w', sizeof(words));
    words[sizeof(words) - 1] = '\0';
    begin_capture();
    mr_log_info("event=%s", words);
    mr_log_info("event=next");
    const char *text = end_capture();
    const char *end = strchr(text, '\n');
    assert_non_null(end);
    assert_true(end - text < LINE_BYTES_MAX);
    assert_memory_equal(end + 1, "time=", 5);
}

static void *write_lines(void *context)
{
    for (int i = 0; i < LINES; i++)
        mr_log_info("event=test thread=%d line=%d end", *(int *)context, i);
    return NULL;
}

static void test_lines_of_several_threads_do_not_mix(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    int numbers[THREADS];
    int next[THREADS] = {0};
    begin_capture();
    for (int t = 0; t < THREADS; t++) {
        numbers[t] = t;
        assert_int_equal(pthread_create(&threads[t], NULL, write_lines, &numbers[t]), 0);
    }
    for (int t = 0; t < THREADS; t++)
        (void)pthread_join(threads[t], NULL);
    const char *line = end_capture();
    for (const char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        int thread = -1;
        int number = -1;
        char word[8] = "";
        assert_int_equal(sscanf(line,
                                "time=%*s level=info event=test thread=%d line=%d %7s",
                                &thread, &number, word),
                         3);
        assert_true(thread >= 0 && thread < THREADS);
        assert_int_equal(number, next[thread]++);
        assert_string_equal(word, "end");
        assert_true(end >= line + 3 && memcmp(end - 3, "end", 3) == 0);
    }
    for (int t = 0; t < THREADS; t++)
        assert_int_equal(next[t], LINES);
}

/* The last one: a program that was made quiet stays so. */
static void test_quiet_leaves_the_warnings(void **state)
{
    (void)state;
    begin_capture();
    mr_log_quiet();
    mr_log_info("event=not_shown");
    mr_log_warn("event=shown");
    const char *text = end_capture();
    assert_null(strstr(text, "not_shown"));
    assert_non_null(strstr(text, "event=shown\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_is_time_level_and_fields),
        cmocka_unit_test(test_a_long_line_is_cut_and_still_ends),
        cmocka_unit_test(test_lines_of_several_threads_do_not_mix),
        cmocka_unit_test(test_quiet_leaves_the_warnings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
