/*
 * Each test works in a fresh directory of its own and counts the names in it, so that a
 * temporary file left behind would show.
 */
#include "core/file.h"
#include "tests/support.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

static char directory[64];

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(directory, sizeof(directory), "/tmp/millrace-file-XXXXXX");
    return mkdtemp(directory) != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return mr_directory_remove(directory, NULL) == MR_OK ? 0 : -1;
}

static const char *in_directory(const char *name)
{
    static char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    return path;
}

static size_t count_names(void)
{
    DIR *opened = opendir(directory);
    assert_non_null(opened);
    size_t names = 0;
    for (const struct dirent *each; (each = readdir(opened)) != NULL;)
        names += each->d_name[0] != '.' ? 1 : 0;
    (void)closedir(opened);
    return names;
}

static void assert_holds(const char *name, const char *expected)
{
    mr_buffer buffer = {0};
    assert_ok(mr_file_read(in_directory(name), &buffer, NULL));
    assert_int_equal(buffer.length, strlen(expected));
    assert_memory_equal(buffer.bytes, expected, buffer.length);
    mr_buffer_deinit(&buffer);
}

static void test_a_replaced_file_holds_the_new_bytes_alone(void **state)
{
    (void)state;
    assert_ok(mr_file_replace(in_directory("a"), "a longer one", 12, NULL));
    assert_holds("a", "a longer one");
    assert_ok(mr_file_replace(in_directory("a"), "short", 5, NULL));
    assert_holds("a", "short");
    assert_int_equal(count_names(), 1);
}

static void test_a_reader_of_the_old_file_keeps_the_old_bytes(void **state)
{
    (void)state;
    mr_file_map map;
    assert_ok(mr_file_replace(in_directory("a"), "old", 3, NULL));
    assert_ok(mr_file_map_open(in_directory("a"), &map, NULL));

    assert_ok(mr_file_replace(in_directory("a"), "new", 3, NULL));

    assert_int_equal(map.bytes, 3);
    assert_memory_equal(map.data, "old", 3);
    assert_holds("a", "new");
    mr_file_map_close(&map);
    assert_null(map.data);
}

static void test_a_failed_replace_leaves_the_old_state_and_no_temporary(void **state)
{
    (void)state;
    mr_error error = {{0}};
    assert_ok(mr_directory_make(in_directory("taken/by"), NULL));

    assert_int_equal(mr_file_replace(in_directory("taken"), "x", 1, &error),
                     MR_ERR_UNAVAILABLE);
    assert_non_null(strstr(error.message, "taken"));
    assert_int_equal(count_names(), 1);
    assert_int_equal(mr_file_replace(in_directory("no/such/place"), "x", 1, &error),
                     MR_ERR_UNAVAILABLE);
    assert_non_null(strstr(error.message, "no/such/place"));
}

static void test_a_file_made_once_stays_as_it_was_made_first(void **state)
{
    (void)state;
    struct stat about;
    mr_error error = {{0}};
    assert_ok(mr_file_create(in_directory("a"), 0600, "first", 5, NULL));
    assert_ok(mr_file_create(in_directory("a"), 0600, "second", 6, NULL));
    assert_holds("a", "first");
    assert_int_equal(stat(in_directory("a"), &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    assert_int_equal(count_names(), 1);
    assert_int_equal(mr_file_create(in_directory("no/such/place"), 0600, "x", 1, &error),
                     MR_ERR_UNAVAILABLE);
    assert_non_null(strstr(error.message, "no/such/place"));
}

static void test_reading_appends_and_a_failure_changes_nothing(void **state)
{
    (void)state;
    mr_buffer buffer = {0};
    mr_buffer_put_text(&buffer, MR_TEXT("before "));
    assert_ok(mr_file_replace(in_directory("a"), "after", 5, NULL));

    assert_ok(mr_file_read(in_directory("a"), &buffer, NULL));
    assert_int_equal(mr_file_read(in_directory("b"), &buffer, NULL), MR_ERR_NOT_FOUND);
    assert_int_equal(mr_file_read(directory, &buffer, NULL), MR_ERR_UNAVAILABLE);

    assert_int_equal(buffer.length, 12);
    assert_memory_equal(buffer.bytes, "before after", 12);
    mr_buffer_deinit(&buffer);
}

/* Files in /proc say they are empty. */
static void test_a_file_is_read_to_its_end_whatever_size_it_states(void **state)
{
    (void)state;
    mr_buffer buffer = {0};
    assert_ok(mr_file_read("/proc/self/status", &buffer, NULL));
    assert_true(buffer.length > 100);
    assert_memory_equal(buffer.bytes, "Name:", 5);
    mr_buffer_deinit(&buffer);
}

static void test_mapping_tells_empty_absent_and_unmappable_apart(void **state)
{
    (void)state;
    mr_file_map map = {0};
    mr_file_map_close(&map);
    assert_ok(mr_file_replace(in_directory("empty"), NULL, 0, NULL));

    assert_ok(mr_file_map_open(in_directory("empty"), &map, NULL));
    assert_null(map.data);
    assert_int_equal(map.bytes, 0);
    assert_int_equal(mr_file_map_open(in_directory("no"), &map, NULL), MR_ERR_NOT_FOUND);
    assert_int_equal(mr_file_map_open(directory, &map, NULL), MR_ERR_UNAVAILABLE);
}

static void test_directories_are_made_with_their_parents_and_again(void **state)
{
    (void)state;
    struct stat about;
    assert_ok(mr_directory_make(in_directory("x/y//z/"), NULL));
    assert_ok(mr_directory_make(in_directory("x/y/z"), NULL));
    assert_int_equal(stat(in_directory("x/y/z"), &about), 0);
    assert_true(S_ISDIR(about.st_mode));
    assert_ok(mr_directory_sync(in_directory("x"), NULL));

    assert_ok(mr_file_replace(in_directory("file"), "", 0, NULL));
    assert_int_equal(mr_directory_make(in_directory("file"), NULL), MR_ERR_UNAVAILABLE);
    assert_int_equal(mr_directory_make(in_directory("file/below"), NULL),
                     MR_ERR_UNAVAILABLE);
    assert_int_equal(mr_directory_make("", NULL), MR_ERR_INVALID);
}

static void test_removing_takes_the_tree_but_not_what_links_point_at(void **state)
{
    (void)state;
    char target[PATH_MAX];
    assert_ok(mr_file_replace(in_directory("kept"), "kept", 4, NULL));
    (void)snprintf(target, sizeof(target), "%s", in_directory("kept"));
    assert_ok(mr_directory_make(in_directory("tree/below/deep"), NULL));
    assert_ok(mr_file_replace(in_directory("tree/below/file"), "x", 1, NULL));
    assert_int_equal(symlink(target, in_directory("tree/link")), 0);
    assert_int_equal(symlink(directory, in_directory("tree/up")), 0);

    assert_ok(mr_directory_remove(in_directory("tree"), NULL));
    assert_ok(mr_directory_remove(in_directory("tree"), NULL));

    assert_int_equal(count_names(), 1);
    assert_holds("kept", "kept");
}

enum { PIPED_BYTES = 4 << 20 };

static void *drain(void *argument)
{
    const int descriptor = *(const int *)argument;
    static unsigned char chunk[1 << 14];
    size_t wrong = 0;
    size_t total = 0;
    for (;;) {
        const ssize_t got = read(descriptor, chunk, sizeof(chunk));
        if (got <= 0)
            break;
        for (ssize_t i = 0; i < got; i++, total++)
            wrong += chunk[i] != (unsigned char)(total * 31 >> 8) ? 1 : 0;
        (void)usleep(100);
    }
    return (void *)(wrong + (total == PIPED_BYTES ? 0 : 1));
}

static void interrupt(int number)
{
    (void)number;
}

/* A timer interrupts the blocked writes, which then return short or with EINTR. */
static void test_all_bytes_are_written_though_writes_are_interrupted(void **state)
{
    (void)state;
    int ends[2];
    pthread_t drainer;
    sigset_t alarm_only;
    assert_int_equal(pipe(ends), 0);
    (void)sigemptyset(&alarm_only);
    (void)sigaddset(&alarm_only, SIGALRM);
    (void)pthread_sigmask(SIG_BLOCK, &alarm_only, NULL); /* the drainer inherits this */
    assert_int_equal(pthread_create(&drainer, NULL, drain, &ends[0]), 0);
    (void)pthread_sigmask(SIG_UNBLOCK, &alarm_only, NULL);
    const struct sigaction action = {.sa_handler = interrupt};
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    const struct itimerval every_ms = {{0, 1000}, {0, 1000}};
    const struct itimerval off = {{0, 0}, {0, 0}};
    unsigned char *data = malloc(PIPED_BYTES);
    assert_non_null(data);
    for (size_t i = 0; i < PIPED_BYTES; i++)
        data[i] = (unsigned char)(i * 31 >> 8);

    assert_int_equal(setitimer(ITIMER_REAL, &every_ms, NULL), 0);
    const mr_status status = mr_file_write_all(ends[1], data, PIPED_BYTES);
    assert_int_equal(setitimer(ITIMER_REAL, &off, NULL), 0);
    (void)close(ends[1]);

    void *wrong = NULL;
    assert_int_equal(pthread_join(drainer, &wrong), 0);
    assert_ok(status);
    assert_null(wrong);
    (void)close(ends[0]);
    free(data);
}

static void test_a_full_disk_is_an_error(void **state)
{
    (void)state;
    const int descriptor = open("/dev/full", O_WRONLY);
    if (descriptor < 0)
        skip();
    assert_int_equal(mr_file_write_all(descriptor, "x", 1), MR_ERR_UNAVAILABLE);
    (void)close(descriptor);
}

#define IN_A_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_DIRECTORY(test_a_replaced_file_holds_the_new_bytes_alone),
        IN_A_DIRECTORY(test_a_reader_of_the_old_file_keeps_the_old_bytes),
        IN_A_DIRECTORY(test_a_failed_replace_leaves_the_old_state_and_no_temporary),
        IN_A_DIRECTORY(test_a_file_made_once_stays_as_it_was_made_first),
        IN_A_DIRECTORY(test_reading_appends_and_a_failure_changes_nothing),
        IN_A_DIRECTORY(test_a_file_is_read_to_its_end_whatever_size_it_states),
        IN_A_DIRECTORY(test_mapping_tells_empty_absent_and_unmappable_apart),
        IN_A_DIRECTORY(test_directories_are_made_with_their_parents_and_again),
        IN_A_DIRECTORY(test_removing_takes_the_tree_but_not_what_links_point_at),
        cmocka_unit_test(test_all_bytes_are_written_though_writes_are_interrupted),
        cmocka_unit_test(test_a_full_disk_is_an_error),
    };
    return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
