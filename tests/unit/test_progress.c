/*
 * Progress: standard error is a pipe here, as in a build log, so lines must be plain, and rare.
 * The clock is the machine's: the seconds between two lines are set back by hand.
 */
#include "app/progress.h"
#include "tests/support.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { OUTPUT_BYTES = 4096 };

static int saved;
static int ends[2];

static void begin_capture(void)
{
    assert_int_equal(pipe(ends), 0);
    (void)fflush(stderr);
    saved = dup(STDERR_FILENO);
    assert_true(saved >= 0);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    (void)close(ends[1]);
}

static const char *end_capture(void)
{
    static char output[OUTPUT_BYTES];
    (void)fflush(stderr);
    (void)dup2(saved, STDERR_FILENO); /* the pipe's last writer is gone */
    (void)close(saved);
    size_t length = 0;
    for (ssize_t got;
         length + 1 < sizeof(output) &&
         (got = read(ends[0], output + length, sizeof(output) - 1 - length)) > 0;)
        length += (size_t)got;
    output[length] = '\0';
    (void)close(ends[0]);
    return output;
}

static void test_a_pipe_gets_no_line_before_its_time(void **state)
{
    (void)state;
    mr_progress progress;
    begin_capture();
    mr_progress_begin(&progress, "reading", "records", 100);
    for (uint64_t done = 0; done < 100; done++)
        mr_progress_update(&progress, done);
    assert_string_equal(end_capture(), "");
}

static void test_a_line_says_label_share_and_rate(void **state)
{
    (void)state;
    mr_progress progress;
    begin_capture();
    mr_progress_begin(&progress, "reading", "records", 100);
    progress.start_ns -= INT64_C(10000000000);
    progress.drawn_ns -= INT64_C(10000000000);
    mr_progress_update(&progress, 50);
    mr_progress_update(&progress, 51); /* the next one is not due */
    const char *output = end_capture();
    assert_non_null(strstr(output, "reading"));
    assert_non_null(strstr(output, "[############............]"));
    assert_non_null(strstr(output, " 50 %"));
    assert_non_null(strstr(output, "50 records  5 records/s"));
    assert_non_null(strstr(output, "10 s left"));
    assert_int_equal(output[strlen(output) - 1], '\n');
    assert_ptr_equal(strchr(output, '\n'), output + strlen(output) - 1); /* one line */
    assert_null(strchr(output, '\r'));
    assert_null(strchr(output, '\x1b'));
}

static void test_the_end_is_always_drawn_and_timed(void **state)
{
    (void)state;
    mr_progress progress;
    begin_capture();
    mr_progress_begin(&progress, "reading", "records", 0);
    progress.start_ns -= INT64_C(2000000000);
    const double seconds = mr_progress_end(&progress, 7);
    const char *output = end_capture();
    assert_non_null(strstr(output, "7 records"));
    assert_null(strchr(output, '%')); /* of a total nobody knows */
    assert_true(seconds >= 2.0 && seconds < 60.0);
}

static void test_more_than_the_total_is_full_and_not_beyond(void **state)
{
    (void)state;
    mr_progress progress;
    begin_capture();
    mr_progress_begin(&progress, "reading", "records", 10);
    (void)mr_progress_end(&progress, 25);
    const char *output = end_capture();
    assert_non_null(strstr(output, "[########################]"));
    assert_non_null(strstr(output, "100 %"));
    assert_non_null(strstr(output, " 0 s left"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_pipe_gets_no_line_before_its_time),
        cmocka_unit_test(test_a_line_says_label_share_and_rate),
        cmocka_unit_test(test_the_end_is_always_drawn_and_timed),
        cmocka_unit_test(test_more_than_the_total_is_full_and_not_beyond),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
