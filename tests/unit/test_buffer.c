/*
 * Layouts are checked byte by byte where the byte order is the promise, then by writing and
 * reading back, and by cutting a layout off at every length.
 */
#include "core/buffer.h"
#include "tests/support.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void assert_bytes(const mr_buffer *buffer, const char *expected, size_t bytes)
{
    assert_ok(mr_buffer_status(buffer));
    assert_int_equal(buffer->length, bytes);
    assert_memory_equal(buffer->bytes, expected, bytes);
}

static void test_numbers_are_little_endian(void **state)
{
    (void)state;
    mr_buffer buffer = {0};

    mr_buffer_put_u8(&buffer, 0x01);
    mr_buffer_put_u16(&buffer, 0x0302);
    mr_buffer_put_u32(&buffer, 0x07060504);
    mr_buffer_put_u64(&buffer, UINT64_C(0x0F0E0D0C0B0A0908));
    mr_buffer_put_i64(&buffer, -2);

    assert_bytes(&buffer,
                 "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0A\x0B\x0C\x0D\x0E\x0F"
                 "\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
                 23);
    mr_buffer_deinit(&buffer);
}

/* The examples of the DWARF standard's LEB128 section, and both ends. */
static void test_varints_are_leb128(void **state)
{
    (void)state;
    const struct {
        uint64_t value;
        const char *encoded;
        size_t bytes;
    } cases[] = {
        {0, "\x00", 1},
        {2, "\x02", 1},
        {127, "\x7F", 1},
        {128, "\x80\x01", 2},
        {129, "\x81\x01", 2},
        {12857, "\xB9\x64", 2},
        {UINT64_MAX, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 10},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        mr_buffer buffer = {0};
        mr_buffer_put_varint(&buffer, cases[i].value);
        assert_bytes(&buffer, cases[i].encoded, cases[i].bytes);
        mr_reader reader = mr_reader_of(buffer.bytes, buffer.length);
        assert_int_equal(mr_reader_varint(&reader), cases[i].value);
        assert_ok(mr_reader_status(&reader));
        mr_buffer_deinit(&buffer);
    }
}

static void test_a_varint_beyond_64_bits_is_corrupt(void **state)
{
    (void)state;
    const char *const encoded[] = {
        "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02",
        "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
    };

    for (size_t i = 0; i < 2; i++) {
        mr_reader reader = mr_reader_of(encoded[i], strlen(encoded[i]));
        assert_int_equal(mr_reader_varint(&reader), 0);
        assert_int_equal(mr_reader_status(&reader), MR_ERR_CORRUPT);
    }
}

static void put_layout(mr_buffer *buffer)
{
    mr_buffer_put_u8(buffer, 200);
    mr_buffer_put_u16(buffer, 60000);
    mr_buffer_put_u32(buffer, 4000000000U);
    mr_buffer_put_u64(buffer, UINT64_MAX - 1);
    mr_buffer_put_i64(buffer, INT64_MIN);
    mr_buffer_put_varint(buffer, 1 << 20);
    mr_buffer_put_text(buffer, MR_TEXT("abc"));
}

static void test_a_layout_reads_back_as_it_was_put(void **state)
{
    (void)state;
    mr_buffer buffer = {0};
    put_layout(&buffer);
    mr_reader reader = mr_reader_of(buffer.bytes, buffer.length);

    assert_int_equal(mr_reader_u8(&reader), 200);
    assert_int_equal(mr_reader_u16(&reader), 60000);
    assert_int_equal(mr_reader_u32(&reader), 4000000000U);
    assert_true(mr_reader_u64(&reader) == UINT64_MAX - 1);
    assert_true(mr_reader_i64(&reader) == INT64_MIN);
    assert_int_equal(mr_reader_varint(&reader), 1 << 20);
    assert_true(mr_text_is(mr_reader_text(&reader, 3), "abc"));
    assert_ok(mr_reader_status(&reader));
    assert_int_equal(reader.position, buffer.length);
    mr_buffer_deinit(&buffer);
}

static void test_a_layout_cut_anywhere_is_corrupt_and_reads_zero_after(void **state)
{
    (void)state;
    mr_buffer buffer = {0};
    put_layout(&buffer);

    for (size_t length = 0; length < buffer.length; length++) {
        mr_reader reader = mr_reader_of(buffer.bytes, length);
        (void)mr_reader_u8(&reader);
        (void)mr_reader_u16(&reader);
        (void)mr_reader_u32(&reader);
        (void)mr_reader_u64(&reader);
        (void)mr_reader_i64(&reader);
        (void)mr_reader_varint(&reader);
        (void)mr_reader_text(&reader, 3);
        assert_int_equal(mr_reader_status(&reader), MR_ERR_CORRUPT);
        assert_int_equal(mr_reader_u8(&reader), 0);
        assert_null(mr_reader_bytes(&reader, 0));
        assert_null(mr_reader_text(&reader, 0).bytes);
    }
    mr_buffer_deinit(&buffer);
}

static void test_an_empty_reader_gives_nothing_and_is_not_failed(void **state)
{
    (void)state;
    mr_reader reader = mr_reader_of(NULL, 0);

    assert_non_null(mr_reader_bytes(&reader, 0));
    assert_int_equal(mr_reader_text(&reader, 0).length, 0);
    assert_ok(mr_reader_status(&reader));
    assert_int_equal(mr_reader_u8(&reader), 0);
    assert_int_equal(mr_reader_status(&reader), MR_ERR_CORRUPT);
}

static void test_decimals_are_what_printf_prints(void **state)
{
    (void)state;
    const int64_t values[] = {0, 1, -1, 9, 10, -10, 1234567890, INT64_MAX, INT64_MIN};
    char expected[32];

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        mr_buffer buffer = {0};
        const int length = snprintf(expected, sizeof(expected), "%" PRId64, values[i]);
        mr_buffer_put_decimal(&buffer, values[i]);
        assert_bytes(&buffer, expected, (size_t)length);
        mr_buffer_deinit(&buffer);
    }
}

/* Every length around the capacities a growing buffer passes through. */
static void test_printf_appends_texts_of_any_length_whole(void **state)
{
    (void)state;
    char expected[700];
    memset(expected, 'x', sizeof(expected));

    for (int length = 0; length < (int)sizeof(expected); length++) {
        mr_buffer buffer = {0};
        mr_buffer_put_u8(&buffer, 'x');
        mr_buffer_printf(&buffer, "%.*s", length, expected);
        assert_bytes(&buffer, expected, (size_t)length + 1);
        mr_buffer_deinit(&buffer);
    }
}

static void test_many_appends_keep_all_bytes_in_order(void **state)
{
    (void)state;
    mr_buffer buffer = {0};

    for (uint32_t i = 0; i < 100000; i++)
        mr_buffer_put_u32(&buffer, i);

    mr_reader reader = mr_reader_of(buffer.bytes, buffer.length);
    for (uint32_t i = 0; i < 100000; i++)
        assert_int_equal(mr_reader_u32(&reader), i);
    assert_ok(mr_reader_status(&reader));
    mr_buffer_deinit(&buffer);
}

static void test_no_memory_fails_the_buffer_until_it_is_cleared(void **state)
{
    (void)state;
    mr_buffer buffer = {0};
    mr_buffer_put_u8(&buffer, 'a');

    assert_null(mr_buffer_extend(&buffer, SIZE_MAX));
    mr_buffer_put_u8(&buffer, 'b');
    mr_buffer_printf(&buffer, "c");
    assert_int_equal(mr_buffer_status(&buffer), MR_ERR_NO_MEMORY);
    assert_int_equal(buffer.length, 1);

    const size_t capacity = buffer.capacity;
    mr_buffer_clear(&buffer);
    assert_int_equal(buffer.capacity, capacity);
    mr_buffer_put_u8(&buffer, 'd');
    assert_bytes(&buffer, "d", 1);
    mr_buffer_deinit(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_are_little_endian),
        cmocka_unit_test(test_varints_are_leb128),
        cmocka_unit_test(test_a_varint_beyond_64_bits_is_corrupt),
        cmocka_unit_test(test_a_layout_reads_back_as_it_was_put),
        cmocka_unit_test(test_a_layout_cut_anywhere_is_corrupt_and_reads_zero_after),
        cmocka_unit_test(test_an_empty_reader_gives_nothing_and_is_not_failed),
        cmocka_unit_test(test_decimals_are_what_printf_prints),
        cmocka_unit_test(test_printf_appends_texts_of_any_length_whole),
        cmocka_unit_test(test_many_appends_keep_all_bytes_in_order),
        cmocka_unit_test(test_no_memory_fails_the_buffer_until_it_is_cleared),
    };
    return cmocka_run_group_tests_name("buffer", tests, NULL, NULL);
}
