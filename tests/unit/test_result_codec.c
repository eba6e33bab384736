/*
 * The codec is checked by round trips, by the sizes the memory budget counts on, and by handing it
 * every truncation and every single-bit flip of a value: none may be taken for a result.  Half
 * precision is checked against the definition, value by value, for all 65,536 of them.
 */
#include "serving/result_codec.h"

#include "serving/half.h"
#include "tests/support.h"

#include <string.h>

static const mr_hash128 alice = {0x0123456789abcdef, 0xfedcba9876543210};
static const mr_hash128 bob = {0x0123456789abcdef, 0xfedcba9876543211};

static mr_result sample(uint32_t count)
{
    mr_result result = {.epoch = 1764000000,
                        .offset = 123456789,
                        .model = mr_model_hash(MR_TEXT("20261121T0300Z-7f3a")),
                        .dictionary = 4000,
                        .profile_as_of_ms = 1764000000123,
                        .expires_ms = 1764600000123,
                        .count = count};
    for (uint32_t i = 0; i < count; i++)
        result.items[i] = (mr_scored_item){.item = 3999 - 7 * i,
                                           .score = 1.0F / (float)(1 + i),
                                           .because = i % 3 == 0 ? MR_ITEM_NONE : i % 20,
                                           .source = (uint8_t)(i % MR_SOURCE_KINDS)};
    return result;
}

static mr_text encoded(const mr_result *result, mr_buffer *value)
{
    mr_buffer_clear(value);
    assert_ok(mr_result_encode(alice, result, value));
    return (mr_text){(const char *)value->bytes, (uint32_t)value->length};
}

static void assert_same(const mr_result *a, const mr_result *b)
{
    assert_int_equal(a->epoch, b->epoch);
    assert_int_equal(a->offset, b->offset);
    assert_int_equal(a->model, b->model);
    assert_int_equal(a->dictionary, b->dictionary);
    assert_int_equal(a->profile_as_of_ms, b->profile_as_of_ms);
    assert_int_equal(a->expires_ms, b->expires_ms);
    assert_int_equal(a->count, b->count);
    for (uint32_t i = 0; i < a->count; i++) {
        assert_int_equal(a->items[i].item, b->items[i].item);
        assert_int_equal(a->items[i].because, b->items[i].because);
        assert_int_equal(a->items[i].source, b->items[i].source);
        /* Half precision keeps 11 bits. */
        assert_close(a->items[i].score, b->items[i].score, 1.0 / 2048);
    }
}

static void test_what_is_written_is_read(void **state)
{
    (void)state;
    mr_buffer value = {0};
    const uint32_t counts[] = {0, 1, 2, 50, 100};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        const mr_result result = sample(counts[i]);
        mr_result read;
        assert_ok(mr_result_decode(alice, encoded(&result, &value), &read));
        assert_same(&read, &result);
    }
    mr_buffer_deinit(&value);
}

static void test_a_hundred_items_take_at_most_1152_bytes(void **state)
{
    (void)state;
    mr_buffer value = {0};
    mr_result result = sample(100);
    for (uint32_t i = 0; i < 100; i++)
        result.items[i].because = i;
    assert_true(encoded(&result, &value).length <= 1152);
    assert_int_equal(value.length, MR_RESULT_BYTES_MAX);
    mr_buffer_deinit(&value);
}

static void test_a_reason_beyond_the_32nd_is_dropped(void **state)
{
    (void)state;
    mr_buffer value = {0};
    mr_result result = sample(40);
    mr_result read;
    for (uint32_t i = 0; i < 40; i++)
        result.items[i].because = 100 + i;
    assert_ok(mr_result_decode(alice, encoded(&result, &value), &read));
    for (uint32_t i = 0; i < 40; i++)
        assert_int_equal(read.items[i].because, i < 32 ? 100 + i : MR_ITEM_NONE);
    mr_buffer_deinit(&value);
}

static void test_begins_with_epoch_and_offset_big_endian(void **state)
{
    (void)state;
    mr_buffer value = {0};
    mr_result result = sample(1);
    result.epoch = 0x0102030405060708;
    result.offset = 0x1112131415161718;
    const uint8_t fence[16] = {1,    2,    3,    4,    5,    6,    7,    8,
                               0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18};
    assert_memory_equal(encoded(&result, &value).bytes, fence, 16);
    mr_buffer_deinit(&value);
}

static void test_another_users_value_is_corrupt(void **state)
{
    (void)state;
    mr_buffer value = {0};
    const mr_result result = sample(10);
    mr_result read;
    assert_int_equal(mr_result_decode(bob, encoded(&result, &value), &read),
                     MR_ERR_CORRUPT);
    mr_buffer_deinit(&value);
}

static void test_every_truncation_and_extension_is_corrupt(void **state)
{
    (void)state;
    mr_buffer value = {0};
    const mr_result result = sample(20);
    mr_result read;
    mr_text text = encoded(&result, &value);
    for (uint32_t length = 0; length < text.length; length++) {
        /* Its own allocation, so that a read past the end is seen by the sanitizer. */
        char *copy = malloc(length + 1);
        memcpy(copy, text.bytes, length);
        assert_int_equal(mr_result_decode(alice, (mr_text){copy, length}, &read),
                         MR_ERR_CORRUPT);
        free(copy);
    }
    mr_buffer_put_u8(&value, 0);
    assert_int_equal(
        mr_result_decode(alice, (mr_text){(const char *)value.bytes, text.length + 1},
                         &read),
        MR_ERR_CORRUPT);
    mr_buffer_deinit(&value);
}

static void test_every_bit_flip_is_corrupt(void **state)
{
    (void)state;
    mr_buffer value = {0};
    const mr_result result = sample(20);
    mr_result read;
    const mr_text text = encoded(&result, &value);
    for (size_t bit = 0; bit < 8 * (size_t)text.length; bit++) {
        value.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_int_equal(mr_result_decode(alice, text, &read), MR_ERR_CORRUPT);
        value.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    assert_ok(mr_result_decode(alice, text, &read));
    mr_buffer_deinit(&value);
}

static void test_refuses_what_could_not_be_read_back(void **state)
{
    (void)state;
    mr_buffer value = {0};
    mr_result bad[6];
    for (size_t i = 0; i < 6; i++)
        bad[i] = sample(3);
    bad[0].count = 101;
    bad[1].offset = -1;
    bad[2].items[1].item = 4000;
    bad[3].items[1].score = NAN;
    bad[4].items[1].because = 4000;
    bad[5].items[1].source = MR_SOURCE_KINDS;
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(mr_result_encode(alice, &bad[i], &value), MR_ERR_INVALID);
    assert_int_equal(value.length, 0);
    mr_buffer_deinit(&value);
}

/* The definition: IEEE 754-2019, 3.4. */
static double half_by_definition(uint16_t half)
{
    const int exponent = (half >> 10) & 31;
    const double fraction = (half & 1023) / 1024.0;
    const double magnitude =
        exponent == 0 ? ldexp(fraction, -14) : ldexp(1.0 + fraction, exponent - 15);
    return (half & 0x8000) != 0 ? -magnitude : magnitude;
}

static void test_every_half_is_exact_and_survives_the_round_trip(void **state)
{
    (void)state;
    for (uint32_t half = 0; half < 65536; half++) {
        if ((half >> 10 & 31) == 31)
            continue;
        const float value = mr_half_to_float((uint16_t)half);
        assert_true((double)value == half_by_definition((uint16_t)half));
        assert_int_equal(mr_half_from_float(value), half);
    }
}

static void test_rounds_to_the_nearest_half_and_ties_to_even(void **state)
{
    (void)state;
    for (uint16_t half = 0; half < 0x7bff; half++) {
        const double low = half_by_definition(half);
        const double high = half_by_definition((uint16_t)(half + 1));
        const float middle = (float)((low + high) / 2);
        assert_int_equal(mr_half_from_float(nextafterf(middle, 0.0F)), half);
        assert_int_equal(mr_half_from_float(middle), half % 2 == 0 ? half : half + 1);
        assert_int_equal(mr_half_from_float(nextafterf(middle, INFINITY)), half + 1);
    }
    assert_int_equal(mr_half_from_float(65520.0F), 0x7c00);
    assert_int_equal(mr_half_from_float(INFINITY), 0x7c00);
    assert_true(isnan(mr_half_to_float(mr_half_from_float(NAN))));
    assert_int_equal(mr_half_from_float(-0.0F), 0x8000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read),
        cmocka_unit_test(test_a_hundred_items_take_at_most_1152_bytes),
        cmocka_unit_test(test_a_reason_beyond_the_32nd_is_dropped),
        cmocka_unit_test(test_begins_with_epoch_and_offset_big_endian),
        cmocka_unit_test(test_another_users_value_is_corrupt),
        cmocka_unit_test(test_every_truncation_and_extension_is_corrupt),
        cmocka_unit_test(test_every_bit_flip_is_corrupt),
        cmocka_unit_test(test_refuses_what_could_not_be_read_back),
        cmocka_unit_test(test_every_half_is_exact_and_survives_the_round_trip),
        cmocka_unit_test(test_rounds_to_the_nearest_half_and_ties_to_even),
    };
    return cmocka_run_group_tests_name("result_codec", tests, NULL, NULL);
}
