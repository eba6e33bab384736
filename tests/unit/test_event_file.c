/* Method: files are written byte by byte, plain and compressed, and read back line by line; the
 * hash is compared with the one of the bytes that were written. */
#include "tests/app_support.h"

#include "app/event_file.h"

#include <zstd.h>

static mr_event_file *open_file(const char *path)
{
    mr_event_file *file = NULL;
    mr_error error = {{0}};
    if (mr_event_file_open(path, &file, &error) != MR_OK)
        fail_msg("%s", error.message);
    return file;
}

static void expect_lines(mr_event_file *file, const char *const *lines, size_t count)
{
    mr_text line;
    for (size_t i = 0; i < count; i++) {
        assert_ok(mr_event_file_next(file, &line, NULL));
        assert_true(mr_text_is(line, lines[i]));
        assert_int_equal(mr_event_file_line(file), i + 1);
    }
    assert_int_equal(mr_event_file_next(file, &line, NULL), MR_ERR_NOT_FOUND);
    assert_int_equal(mr_event_file_next(file, &line, NULL), MR_ERR_NOT_FOUND);
}

static void expect_hash(mr_event_file *file, const void *data, size_t bytes)
{
    char found[MR_SHA256_HEX_BYTES];
    char expected[MR_SHA256_HEX_BYTES];
    mr_sha256 *sha = mr_sha256_create();
    mr_sha256_add(sha, data, bytes);
    mr_sha256_hex(sha, expected);
    mr_sha256_destroy(sha);
    mr_event_file_hash(file, found);
    assert_string_equal(found, expected);
}

/* As zstd writes it, in a frame a part. */
static size_t compress(const void *data, size_t bytes, size_t parts, uint8_t **ret_frames)
{
    const size_t bound = parts * ZSTD_compressBound(bytes);
    uint8_t *frames = malloc(bound);
    size_t length = 0;
    assert_non_null(frames);
    for (size_t i = 0; i < parts; i++) {
        const size_t from = bytes * i / parts;
        const size_t to = bytes * (i + 1) / parts;
        const size_t n = ZSTD_compress(frames + length, bound - length,
                                       (const uint8_t *)data + from, to - from, 3);
        assert_false(ZSTD_isError(n));
        length += n;
    }
    *ret_frames = frames;
    return length;
}

static void test_line_ends_of_either_kind_are_cut_and_empty_lines_kept(void **state)
{
    (void)state;
    static const char content[] = "a\r\n\nbc\n\r\nlast";
    static const char *const lines[] = {"a", "", "bc", "", "last"};
    char path[APP_PATH_BYTES];
    mr_event_file *file = open_file(app_write_text("f.csv", content, path));
    expect_lines(file, lines, 5);
    expect_hash(file, content, sizeof(content) - 1);
    assert_int_equal(mr_event_file_position(file), sizeof(content) - 1);
    assert_int_equal(mr_event_file_bytes(file), sizeof(content) - 1);
    mr_event_file_close(file);
}

static void test_a_file_of_nothing_has_no_lines(void **state)
{
    (void)state;
    char path[APP_PATH_BYTES];
    mr_event_file *file = open_file(app_write_text("empty", "", path));
    expect_lines(file, NULL, 0);
    expect_hash(file, "", 0);
    mr_event_file_close(file);
}

static void test_lines_longer_than_a_buffer_come_whole(void **state)
{
    (void)state;
    enum { LONG_BYTES = 3 * 1024 * 1024 + 17 };
    char *content = malloc(LONG_BYTES + 8);
    assert_non_null(content);
    memset(content, 'x', LONG_BYTES);
    memcpy(content + LONG_BYTES, "\nend\r\n\n", 8);
    char path[APP_PATH_BYTES];
    mr_event_file *file = open_file(app_write("long", content, LONG_BYTES + 7, path));
    mr_text line;
    assert_ok(mr_event_file_next(file, &line, NULL));
    assert_int_equal(line.length, LONG_BYTES);
    assert_memory_equal(line.bytes, content, LONG_BYTES);
    assert_ok(mr_event_file_next(file, &line, NULL));
    assert_true(mr_text_is(line, "end"));
    mr_event_file_close(file);
    free(content);
}

static void test_a_line_without_an_end_in_sight_is_refused_with_its_number(void **state)
{
    (void)state;
    const size_t bytes = (size_t)MR_EVENT_FILE_LINE_BYTES_MAX + 2;
    char *content = malloc(bytes);
    assert_non_null(content);
    memset(content, 'x', bytes);
    content[0] = '\n';
    char path[APP_PATH_BYTES];
    mr_event_file *file = open_file(app_write("endless", content, bytes, path));
    mr_text line;
    mr_error error = {{0}};
    assert_ok(mr_event_file_next(file, &line, NULL));
    assert_int_equal(mr_event_file_next(file, &line, &error), MR_ERR_CORRUPT);
    assert_non_null(strstr(error.message, "endless:2:"));
    mr_event_file_close(file);
    free(content);
}

/* Big enough to cross both buffers many times. */
static char *many_lines(size_t count, size_t *ret_bytes)
{
    char *content = malloc(count * 24);
    size_t length = 0;
    assert_non_null(content);
    for (size_t i = 0; i < count; i++)
        length += (size_t)sprintf(content + length, "%zu,%zu\n", i, i * 7919 % 104729);
    *ret_bytes = length;
    return content;
}

static void test_compressed_content_is_told_by_its_bytes_and_reads_the_same(void **state)
{
    (void)state;
    enum { LINES = 300000 };
    size_t bytes;
    char *content = many_lines(LINES, &bytes);
    for (size_t parts = 1; parts <= 3; parts++) {
        uint8_t *frames;
        const size_t length = compress(content, bytes, parts, &frames);
        char path[APP_PATH_BYTES];
        mr_event_file *file = open_file(app_write("no_suffix", frames, length, path));
        mr_text line;
        const char *expected = content;
        for (size_t i = 0; i < LINES; i++) {
            const size_t n = strcspn(expected, "\n");
            assert_ok(mr_event_file_next(file, &line, NULL));
            assert_int_equal(line.length, n);
            assert_memory_equal(line.bytes, expected, n);
            expected += n + 1;
        }
        assert_int_equal(mr_event_file_next(file, &line, NULL), MR_ERR_NOT_FOUND);
        expect_hash(file, content, bytes);
        assert_int_equal(mr_event_file_position(file), length);
        mr_event_file_close(file);
        free(frames);
    }
    free(content);
}

static void test_a_frame_cut_short_is_corrupt_and_never_a_short_file(void **state)
{
    (void)state;
    size_t bytes;
    char *content = many_lines(1000, &bytes);
    uint8_t *frames;
    const size_t length = compress(content, bytes, 1, &frames);
    for (size_t cut = 1; cut < 40; cut++) {
        char path[APP_PATH_BYTES];
        mr_event_file *file = open_file(app_write("cut.zst", frames, length - cut, path));
        mr_text line;
        mr_status status;
        do
            status = mr_event_file_next(file, &line, NULL);
        while (status == MR_OK);
        assert_int_equal(status, MR_ERR_CORRUPT);
        mr_event_file_close(file);
    }
    free(frames);
    free(content);
}

static void test_a_file_that_is_not_there_is_named(void **state)
{
    (void)state;
    char path[APP_PATH_BYTES];
    mr_event_file *file = NULL;
    mr_error error = {{0}};
    assert_int_equal(mr_event_file_open(app_path("absent", path), &file, &error),
                     MR_ERR_NOT_FOUND);
    assert_non_null(strstr(error.message, "absent"));
    assert_null(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_ends_of_either_kind_are_cut_and_empty_lines_kept),
        cmocka_unit_test(test_a_file_of_nothing_has_no_lines),
        cmocka_unit_test(test_lines_longer_than_a_buffer_come_whole),
        cmocka_unit_test(test_a_line_without_an_end_in_sight_is_refused_with_its_number),
        cmocka_unit_test(test_compressed_content_is_told_by_its_bytes_and_reads_the_same),
        cmocka_unit_test(test_a_frame_cut_short_is_corrupt_and_never_a_short_file),
        cmocka_unit_test(test_a_file_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, app_set_up, app_tear_down);
}
