/*
 * Method: what is written must open with the same bytes; the header must be what numpy's format
 * says; and every way a file can differ from what was asked for must be refused.
 */
#include "tests/support.h"

#include "core/file.h"
#include "models/npy.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char path[64];

static int make_path(void **state)
{
    (void)state;
    (void)snprintf(path, sizeof(path), "/tmp/test_npy_%d.npy", (int)getpid());
    return 0;
}

static int remove_path(void **state)
{
    (void)state;
    (void)unlink(path);
    return 0;
}

static void write_bytes(const char *bytes, size_t count)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
}

static void test_arrays_come_back_as_they_were(void **state)
{
    (void)state;
    static const float matrix[] = {1, 2, 99, 3, 4, 99}; /* rows of two, three apart */
    static const int64_t row[] = {-5, 0, INT64_MAX};
    mr_npy npy;
    assert_ok(mr_npy_write(path, MR_NPY_F4, 2, (uint64_t[]){2, 2}, matrix, 12, NULL));
    assert_ok(mr_npy_open(path, MR_NPY_F4, 2, &npy, NULL));
    assert_int_equal(npy.shape[0], 2);
    assert_int_equal(npy.shape[1], 2);
    assert_int_equal((uintptr_t)npy.data % MR_NPY_ALIGN_BYTES, 0);
    assert_memory_equal(npy.data, ((float[]){1, 2, 3, 4}), 16);
    mr_npy_close(&npy);
    assert_ok(mr_npy_write(path, MR_NPY_I8, 1, (uint64_t[]){3}, row, 0, NULL));
    assert_ok(mr_npy_open(path, MR_NPY_I8, 1, &npy, NULL));
    assert_memory_equal(npy.data, row, sizeof(row));
    mr_npy_close(&npy);
}

static void test_the_header_is_numpys(void **state)
{
    (void)state;
    mr_buffer buffer = {0};
    assert_ok(mr_npy_write(path, MR_NPY_U8, 2, (uint64_t[]){0, 7}, NULL, 0, NULL));
    assert_ok(mr_file_read(path, &buffer, NULL));
    assert_int_equal(buffer.length % 64, 0);
    assert_memory_equal(buffer.bytes, "\x93NUMPY\x01\x00\x76\x00", 10);
    assert_memory_equal(buffer.bytes + 10,
                        "{'descr': '<u8', 'fortran_order': False, 'shape': (0, 7), }",
                        59);
    assert_int_equal(buffer.bytes[buffer.length - 1], '\n');
    mr_buffer_deinit(&buffer);
}

static void test_a_file_by_numpy_with_a_version_2_header_is_read(void **state)
{
    (void)state;
    char bytes[132];
    mr_npy npy;
    memset(bytes, ' ', sizeof(bytes));
    memcpy(bytes, "\x93NUMPY\x02\x00\x74\x00\x00\x00", 12);
    memcpy(bytes + 12, "{'descr': '<u4', 'fortran_order': False, 'shape': (1,), }", 57);
    bytes[127] = '\n';
    memcpy(bytes + 128, "\x2a\x00\x00\x00", 4);
    write_bytes(bytes, sizeof(bytes));
    assert_ok(mr_npy_open(path, MR_NPY_U4, 1, &npy, NULL));
    assert_int_equal(*(const uint32_t *)npy.data, 42);
    mr_npy_close(&npy);
}

static void test_what_does_not_match_is_refused_with_the_reason(void **state)
{
    (void)state;
    static const float row[] = {1, 2, 3};
    mr_npy npy;
    mr_error error;
    mr_buffer buffer = {0};
    assert_ok(mr_npy_write(path, MR_NPY_F4, 1, (uint64_t[]){3}, row, 0, NULL));
    assert_int_equal(mr_npy_open(path, MR_NPY_U4, 1, &npy, &error), MR_ERR_CORRUPT);
    assert_non_null(strstr(error.message, "type"));
    assert_int_equal(mr_npy_open(path, MR_NPY_F4, 2, &npy, &error), MR_ERR_CORRUPT);
    assert_non_null(strstr(error.message, "dimensions"));
    assert_ok(mr_file_read(path, &buffer, NULL));
    for (size_t cut = 0; cut < buffer.length; cut++) { /* every truncation */
        write_bytes((const char *)buffer.bytes, cut);
        assert_int_not_equal(mr_npy_open(path, MR_NPY_F4, 1, &npy, NULL), MR_OK);
    }
    mr_buffer_put_u8(&buffer, 0);
    write_bytes((const char *)buffer.bytes, buffer.length);
    assert_int_equal(mr_npy_open(path, MR_NPY_F4, 1, &npy, NULL), MR_ERR_CORRUPT);
    mr_buffer_deinit(&buffer);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mr_npy_open(path, MR_NPY_F4, 1, &npy, NULL), MR_ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arrays_come_back_as_they_were),
        cmocka_unit_test(test_the_header_is_numpys),
        cmocka_unit_test(test_a_file_by_numpy_with_a_version_2_header_is_read),
        cmocka_unit_test(test_what_does_not_match_is_refused_with_the_reason),
    };
    return cmocka_run_group_tests(tests, make_path, remove_path);
}
