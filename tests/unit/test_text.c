/*
 * Times are held against a calendar that is walked day by day, money against long addition in
 * decimal digits, UTF-8 against the definition by code points.
 */
#include "core/text.h"
#include "tests/support.h"

#include <stdio.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)

static uint64_t seed = 42;

static uint64_t next_random(void)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return seed >> 24;
}

static void test_texts_are_ordered_by_bytes_then_length(void **state)
{
    (void)state;
    const mr_text ordered[] = {
        {0},           MR_TEXT("\0"), MR_TEXT("a"),       MR_TEXT("a\0"),
        MR_TEXT("ab"), MR_TEXT("b"),  MR_TEXT("\xC3\xA9")};
    const int count = sizeof(ordered) / sizeof(ordered[0]);
    for (int a = 0; a < count; a++) {
        for (int b = 0; b < count; b++) {
            const int order = mr_text_compare(ordered[a], ordered[b]);
            assert_int_equal((order > 0) - (order < 0), (a > b) - (a < b));
            assert_int_equal(mr_text_equal(ordered[a], ordered[b]), a == b);
        }
    }
    assert_true(mr_text_is(MR_TEXT("ab"), "ab"));
    assert_false(mr_text_is(MR_TEXT("ab"), "abc"));
    assert_true(mr_text_equal(mr_text_from(NULL), mr_text_from("")));
}

/* The one encoding of a code point, or 0 when it has none. */
static uint32_t encode(uint32_t point, unsigned char *ret_bytes)
{
    if (point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF))
        return 0;
    const uint32_t length = point < 0x80      ? 1
                            : point < 0x800   ? 2
                            : point < 0x10000 ? 3
                                              : 4;
    static const unsigned char marks[] = {0, 0x00, 0xC0, 0xE0, 0xF0};
    for (uint32_t i = length - 1; i > 0; i--, point >>= 6)
        ret_bytes[i] = (unsigned char)(0x80 | (point & 0x3F));
    ret_bytes[0] = (unsigned char)(marks[length] | point);
    return length;
}

static mr_text text_of(const unsigned char *bytes, uint32_t length)
{
    return (mr_text){.bytes = (const char *)bytes, .length = length};
}

static void test_every_code_point_is_utf8_and_its_beginning_is_not(void **state)
{
    (void)state;
    for (uint32_t point = 0; point <= 0x10FFFF; point++) {
        unsigned char bytes[4];
        const uint32_t length = encode(point, bytes);
        if (length == 0)
            continue;
        if (mr_text_utf8_sequence(text_of(bytes, length)) != length ||
            !mr_text_is_utf8(text_of(bytes, length)))
            fail_msg("U+%04X is refused", point);
        if (length > 1 && mr_text_is_utf8(text_of(bytes, length - 1)))
            fail_msg("U+%04X is taken without its last byte", point);
    }
}

/* All sequences of three bytes: those taken as one must be exactly the encodings. */
static void test_no_other_bytes_are_a_sequence(void **state)
{
    (void)state;
    size_t taken[5] = {0};
    for (uint32_t i = 0; i < 1U << 24; i++) {
        const unsigned char bytes[4] = {(unsigned char)(i >> 16), (unsigned char)(i >> 8),
                                        (unsigned char)i, 0x80};
        taken[mr_text_utf8_sequence(text_of(bytes, 4))]++;
    }
    assert_int_equal(taken[1], 0x80 << 16);
    assert_int_equal(taken[2], (0x800 - 0x80) << 8);
    assert_int_equal(taken[3], 0x10000 - 0x800 - 0x800);
    assert_int_equal(taken[4], (0x110000 - 0x10000) / 64);
}

static void test_utf8_is_checked_at_every_place_of_a_long_text(void **state)
{
    (void)state;
    char text[64];
    memset(text, 'x', sizeof(text));
    const mr_text whole = {.bytes = text, .length = sizeof(text)};
    assert_true(mr_text_is_utf8(whole));
    for (size_t at = 0; at < sizeof(text); at++) {
        text[at] = (char)0xFF;
        assert_false(mr_text_is_utf8(whole));
        text[at] = 'x';
    }
    assert_true(mr_text_is_utf8((mr_text){0}));
}

static void assert_int64(const char *text, int64_t expected)
{
    int64_t value = 99;
    assert_ok(mr_text_to_int64(mr_text_from(text), &value));
    assert_true(value == expected);
}

static void test_integers_are_read_to_both_ends(void **state)
{
    (void)state;
    assert_int64("0", 0);
    assert_int64("-0", 0);
    assert_int64("007", 7);
    assert_int64("9223372036854775807", INT64_MAX);
    assert_int64("-9223372036854775808", INT64_MIN);

    const char *const refused[] = {"",
                                   "-",
                                   "+1",
                                   " 1",
                                   "1 ",
                                   "1.0",
                                   "0x1",
                                   "1e3",
                                   "--1",
                                   "9223372036854775808",
                                   "-9223372036854775809",
                                   "18446744073709551617"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        int64_t value = 99;
        assert_int_equal(mr_text_to_int64(mr_text_from(refused[i]), &value),
                         MR_ERR_CORRUPT);
        assert_int_equal(value, 99);
    }
}

static void test_doubles_are_decimal_and_finite(void **state)
{
    (void)state;
    const char *const read[] = {"0",   "-1.5e3", "1E+2",
                                "0.1", "1e-400", "123456789.123456789"};
    for (size_t i = 0; i < sizeof(read) / sizeof(read[0]); i++) {
        double value = 99.0;
        assert_ok(mr_text_to_double(mr_text_from(read[i]), &value));
        assert_true(value == strtod(read[i], NULL));
    }

    const char *const refused[] = {"",    "-",  ".",   "1.",  ".5", "nan",
                                   "inf", "1e", "1e+", "0x1", " 1", "1e999",
                                   "1,5", "+1", "1 ",  "1f"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        double value = 99.0;
        assert_int_equal(mr_text_to_double(mr_text_from(refused[i]), &value),
                         MR_ERR_CORRUPT);
        assert_true(value == 99.0);
    }
}

static void assert_minor(const char *text, int64_t quantity, int digits, int64_t expected)
{
    int64_t minor = 99;
    assert_ok(mr_text_to_minor(mr_text_from(text), quantity, digits, &minor));
    if (minor != expected)
        fail_msg("%s x %lld is %lld", text, (long long)quantity, (long long)minor);
}

static void test_money_is_rounded_half_even_after_multiplying(void **state)
{
    (void)state;
    assert_minor("12.5", 1, 2, 1250);
    assert_minor("0.005", 1, 2, 0);
    assert_minor("0.015", 1, 2, 2);
    assert_minor("0.005", 3, 2, 2); /* 0.015: rounding first would give 0 */
    assert_minor("-0.001", 5, 2, 0);
    assert_minor("-0.001", 15, 2, -2);
    assert_minor("0.015", -1, 2, -2);
    assert_minor("-1.005", -1, 2, 100);
    assert_minor("2.5", 1, 0, 2);
    assert_minor("3.5", 1, 0, 4);
    assert_minor("0.000000001", INT64_MAX, 9, INT64_MAX);
    assert_minor("1.1", 0, 2, 0);
}

static void test_money_is_exact_up_to_the_ends_of_int64(void **state)
{
    (void)state;
    assert_minor("92233720368547758.07", 1, 2, INT64_MAX);
    assert_minor("-92233720368547758.08", 1, 2, INT64_MIN);
    assert_minor("92233720368547758.074", 1, 2, INT64_MAX);
    assert_minor("0.01", INT64_MIN, 2, INT64_MIN);

    const struct {
        const char *text;
        int64_t quantity;
    } refused[] = {{"92233720368547758.08", 1},
                   {"92233720368547758.075", 1},
                   {"0.02", INT64_MAX},
                   {"18446744073709551615", INT64_MAX},
                   {"18446744073709551616", 0},
                   {"99999999999999999999999999", 1},
                   {"", 1},
                   {"1e3", 1},
                   {"1.", 1},
                   {".5", 1},
                   {"1,5", 1},
                   {"$1", 1},
                   {"nan", 1},
                   {"1.0 ", 1}};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        int64_t minor = 99;
        assert_int_equal(mr_text_to_minor(mr_text_from(refused[i].text),
                                          refused[i].quantity, 2, &minor),
                         MR_ERR_CORRUPT);
        assert_int_equal(minor, 99);
    }
}

static void test_digits_beyond_the_ninth_are_rounded_into_it(void **state)
{
    (void)state;
    assert_minor("0.29999999999999998", 1000000, 2, 30000000);
    assert_minor("0.30000000000000004", 1000000, 2, 30000000);
    assert_minor("0.9999999995", 1, 9, 1000000000);
    assert_minor("0.99999999949", 1, 9, 999999999);
}

/* Add the price up `quantity` times, digit by digit, then round by looking at the digits. */
static int64_t minor_by_long_addition(const int *digits, int count, int decimals,
                                      int quantity)
{
    int sum[24] = {0}; /* the lowest first */
    for (int piece = 0; piece < quantity; piece++) {
        for (int i = 0; i < 23; i++) {
            sum[i] += i < count ? digits[i] : 0;
            sum[i + 1] += sum[i] / 10;
            sum[i] %= 10;
        }
    }
    const int cut = decimals - 2;
    int64_t minor = 0;
    for (int i = 23; i >= cut; i--)
        minor = minor * 10 + sum[i];
    int below = 0;
    for (int i = 0; i < cut - 1; i++)
        below |= sum[i];
    const int first = sum[cut - 1];
    return minor + (first > 5 || (first == 5 && (below != 0 || minor % 2 != 0)) ? 1 : 0);
}

static void test_money_equals_long_addition(void **state)
{
    (void)state;
    for (int round = 0; round < 20000; round++) {
        const int decimals = 3 + (int)(next_random() % 7);
        const int count = decimals + 1 + (int)(next_random() % 5);
        const int quantity = (int)(next_random() % 40);
        int digits[16];
        char text[32];
        char *at = text;
        for (int i = count - 1; i >= 0; i--) {
            /* Mostly fives and zeros, where ties are. */
            digits[i] = next_random() % 3 == 0 ? (int)(next_random() % 10)
                                               : (int)(next_random() % 2) * 5;
            *at++ = (char)('0' + digits[i]);
            if (i == decimals)
                *at++ = '.';
        }
        *at = '\0';
        assert_minor(text, quantity, 2,
                     minor_by_long_addition(digits, count, decimals, quantity));
    }
}

static int days_in(int year, int month)
{
    if (month == 2)
        return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/* 0000-01-01 is 719528 days before the epoch; from there the calendar is walked. */
static void test_every_day_of_ten_thousand_years_reads_and_prints(void **state)
{
    (void)state;
    int64_t day_number = -719528;
    for (int year = 0; year <= 9999; year++) {
        for (int month = 1; month <= 12; month++) {
            for (int day = 1; day <= days_in(year, month); day++, day_number++) {
                char date[64];
                char printed[MR_TIME_TEXT_BYTES];
                int64_t time_ms = 0;
                (void)snprintf(date, sizeof(date), "%04d-%02d-%02d", year, month, day);
                mr_time_to_text(day_number * DAY_MS + 1, printed);
                if (mr_text_to_time_ms(mr_text_from(date), &time_ms) != MR_OK ||
                    time_ms != day_number * DAY_MS || strncmp(printed, date, 10) != 0 ||
                    strcmp(printed + 10, "T00:00:00.001Z") != 0)
                    fail_msg("%s reads %lld and prints %s", date, (long long)time_ms,
                             printed);
            }
        }
    }
}

static void assert_time(const char *text, int64_t expected_ms)
{
    int64_t time_ms = 99;
    if (mr_text_to_time_ms(mr_text_from(text), &time_ms) != MR_OK ||
        time_ms != expected_ms)
        fail_msg("%s is %lld", text, (long long)time_ms);
}

static void test_every_form_of_a_time_is_read(void **state)
{
    (void)state;
    const int64_t ms = INT64_C(1291191960000); /* 2010-12-01 08:26:00 UTC */
    assert_time("2010-12-01T08:26:00Z", ms);
    assert_time("2010-12-01 08:26:00", ms);
    assert_time("2010-12-01t08:26z", ms);
    assert_time("2010-12-01T08:26:00.1Z", ms + 100);
    assert_time("2010-12-01T08:26:00.123987654Z", ms + 123);
    assert_time("2010-12-01T16:26:00+08:00", ms);
    assert_time("2010-12-01T16:26:00.007+0800", ms + 7);
    assert_time("2010-11-30T22:56:00-09:30", ms);
    assert_time("2016-12-31T23:59:60Z", INT64_C(1483228800000));
    assert_time("2016-12-31T23:59:60.9Z", INT64_C(1483228800000));
    assert_time("1969-12-31T23:59:59.999Z", -1);
}

static void test_what_is_not_a_time_is_refused(void **state)
{
    (void)state;
    const char *const refused[] = {"",
                                   "2010",
                                   "2010-12",
                                   "2010-13-01",
                                   "2010-00-01",
                                   "2010-12-32",
                                   "2011-02-29",
                                   "1900-02-29",
                                   "2010-12-01T",
                                   "2010-12-01T08",
                                   "2010-12-1",
                                   "20101201",
                                   "+010-12-01",
                                   "2010-12-01T24:00:00Z",
                                   "2010-12-01Z",
                                   "12/1/2010",
                                   "1291191960",
                                   "2010-12-01T08:60:00Z",
                                   "2010-12-01T08:26:61Z",
                                   "2010-12-01T08:26:00.Z",
                                   "2010-12-01T08:26:00+8",
                                   "2010-12-01T08:26:00+24:00",
                                   "2010-12-01T08:26:00ZZ",
                                   "2010-12-01X08:26:00",
                                   "2010-12-01 08:26:00 UTC"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        int64_t time_ms = 99;
        if (mr_text_to_time_ms(mr_text_from(refused[i]), &time_ms) != MR_ERR_CORRUPT)
            fail_msg("%s is taken", refused[i]);
        assert_int_equal(time_ms, 99);
    }
}

static void test_printed_times_read_back(void **state)
{
    (void)state;
    for (int round = 0; round < 100000; round++) {
        char text[MR_TIME_TEXT_BYTES];
        const int64_t time_ms =
            (int64_t)(next_random() % (UINT64_C(4000) * 365 * DAY_MS)) -
            1900 * 365 * DAY_MS;
        mr_time_to_text(time_ms, text);
        assert_time(text, time_ms);
    }
}

/* The ends of int64, worked out with a calendar of unlimited range. */
static void test_times_at_the_ends_of_int64_print_and_have_a_day(void **state)
{
    (void)state;
    char text[MR_TIME_TEXT_BYTES];
    mr_time_to_text(INT64_MAX, text);
    assert_string_equal(text, "292278994-08-17T07:12:55.807Z");
    mr_time_to_text(INT64_MIN, text);
    assert_string_equal(text, "-292275055-05-16T16:47:04.192Z");
    assert_true(mr_time_day(INT64_MAX) == INT64_C(106751991167));
    assert_true(mr_time_day(INT64_MIN) == INT64_C(-106751991168));
}

static void test_days_are_rounded_towards_the_past(void **state)
{
    (void)state;
    assert_int_equal(mr_time_day(0), 0);
    assert_int_equal(mr_time_day(DAY_MS - 1), 0);
    assert_int_equal(mr_time_day(DAY_MS), 1);
    assert_int_equal(mr_time_day(-1), -1);
    assert_int_equal(mr_time_day(-DAY_MS), -1);
    assert_int_equal(mr_time_day(-DAY_MS - 1), -2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_are_ordered_by_bytes_then_length),
        cmocka_unit_test(test_every_code_point_is_utf8_and_its_beginning_is_not),
        cmocka_unit_test(test_no_other_bytes_are_a_sequence),
        cmocka_unit_test(test_utf8_is_checked_at_every_place_of_a_long_text),
        cmocka_unit_test(test_integers_are_read_to_both_ends),
        cmocka_unit_test(test_doubles_are_decimal_and_finite),
        cmocka_unit_test(test_money_is_rounded_half_even_after_multiplying),
        cmocka_unit_test(test_money_is_exact_up_to_the_ends_of_int64),
        cmocka_unit_test(test_digits_beyond_the_ninth_are_rounded_into_it),
        cmocka_unit_test(test_money_equals_long_addition),
        cmocka_unit_test(test_every_day_of_ten_thousand_years_reads_and_prints),
        cmocka_unit_test(test_every_form_of_a_time_is_read),
        cmocka_unit_test(test_what_is_not_a_time_is_refused),
        cmocka_unit_test(test_printed_times_read_back),
        cmocka_unit_test(test_times_at_the_ends_of_int64_print_and_have_a_day),
        cmocka_unit_test(test_days_are_rounded_towards_the_past),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
