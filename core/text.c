#include "core/text.h"

#include "core/assert.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int mr_text_compare(mr_text a, mr_text b)
{
    const uint32_t common = a.length < b.length ? a.length : b.length;
    const int order = common == 0 ? 0 : memcmp(a.bytes, b.bytes, common);
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

/* Table 3-7 of the Unicode Standard: the second byte's range depends on the first. */
uint32_t mr_text_utf8_sequence(mr_text text)
{
    if (text.length == 0)
        return 0;
    const unsigned char *bytes = (const unsigned char *)text.bytes;
    const unsigned first = bytes[0];
    if (first < 0x80)
        return 1;
    if (first < 0xC2 || first > 0xF4)
        return 0;
    const uint32_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (text.length < length)
        return 0;

    unsigned low = 0x80;
    unsigned high = 0xBF;
    switch (first) {
    case 0xE0: low = 0xA0; break;  /* shorter forms exist below */
    case 0xED: high = 0x9F; break; /* surrogates above */
    case 0xF0: low = 0x90; break;
    case 0xF4: high = 0x8F; break; /* beyond U+10FFFF above */
    default: break;
    }
    if (bytes[1] < low || bytes[1] > high)
        return 0;
    for (uint32_t i = 2; i < length; i++) {
        if ((bytes[i] & 0xC0) != 0x80)
            return 0;
    }
    return length;
}

bool mr_text_is_utf8(mr_text text)
{
    while (text.length > 0) {
        uint64_t eight;
        uint32_t step = sizeof(eight);
        if (text.length >= sizeof(eight)) {
            memcpy(&eight, text.bytes, sizeof(eight));
            if ((eight & UINT64_C(0x8080808080808080)) != 0)
                step = mr_text_utf8_sequence(text);
        } else {
            step = mr_text_utf8_sequence(text);
        }
        if (step == 0)
            return false;
        text.bytes += step;
        text.length -= step;
    }
    return true;
}

__extension__ typedef unsigned __int128 uint128;

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* Take one byte off the front if it is `byte`. */
static bool take(mr_text *text, char byte)
{
    if (text->length == 0 || text->bytes[0] != byte)
        return false;
    text->bytes++;
    text->length--;
    return true;
}

/* Take the digits off the front. */
static mr_text take_digits(mr_text *text)
{
    mr_text digits = {.bytes = text->bytes};
    while (text->length > 0 && is_digit(text->bytes[0])) {
        text->bytes++;
        text->length--;
        digits.length++;
    }
    return digits;
}

/* value = value * 10 + digit, false when that leaves uint64. */
static bool append_digit(uint64_t *value, char digit)
{
    return !__builtin_mul_overflow(*value, UINT64_C(10), value) &&
           !__builtin_add_overflow(*value, (uint64_t)(digit - '0'), value);
}

static bool digits_to_uint64(mr_text digits, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (uint32_t i = 0; i < digits.length; i++) {
        if (!append_digit(&value, digits.bytes[i]))
            return false;
    }
    *ret_value = value;
    return true;
}

/* A magnitude and a sign to int64, whose negative side is one longer. */
static mr_status to_int64(bool negative, uint128 magnitude, int64_t *ret_value)
{
    if (magnitude > (uint128)INT64_MAX + (negative ? 1 : 0))
        return MR_ERR_CORRUPT;
    const uint64_t bits = (uint64_t)magnitude;
    *ret_value = (int64_t)(negative ? 0 - bits : bits);
    return MR_OK;
}

mr_status mr_text_to_int64(mr_text text, int64_t *ret_value)
{
    const bool negative = take(&text, '-');
    const mr_text digits = take_digits(&text);
    uint64_t magnitude;
    if (digits.length == 0 || text.length > 0 || !digits_to_uint64(digits, &magnitude))
        return MR_ERR_CORRUPT;
    return to_int64(negative, magnitude, ret_value);
}

/* [-]digits[.digits], the sign and the point taken off; false when a part is missing. */
static bool take_decimal(mr_text *text, bool *ret_negative, mr_text *ret_whole,
                         mr_text *ret_fraction)
{
    *ret_negative = take(text, '-');
    *ret_whole = take_digits(text);
    *ret_fraction = (mr_text){0};
    if (ret_whole->length == 0)
        return false;
    if (!take(text, '.'))
        return true;
    *ret_fraction = take_digits(text);
    return ret_fraction->length > 0;
}

mr_status mr_text_to_double(mr_text text, double *ret_value)
{
    enum {
        NUMBER_BYTES_MAX = 400
    }; /* the longest finite one written out has 309 digits */
    char copy[NUMBER_BYTES_MAX + 1];
    if (text.length == 0 || text.length > NUMBER_BYTES_MAX)
        return MR_ERR_CORRUPT;
    memcpy(copy, text.bytes, text.length);
    copy[text.length] = '\0';

    /* strtod() takes more than a decimal number: spaces, hexadecimal, "inf", "nan". */
    bool negative;
    mr_text whole;
    mr_text fraction;
    if (!take_decimal(&text, &negative, &whole, &fraction))
        return MR_ERR_CORRUPT;
    if (take(&text, 'e') || take(&text, 'E')) {
        if (!take(&text, '-'))
            (void)take(&text, '+');
        if (take_digits(&text).length == 0)
            return MR_ERR_CORRUPT;
    }
    if (text.length > 0)
        return MR_ERR_CORRUPT;

    const double value = strtod(copy, NULL);
    if (!isfinite(value))
        return MR_ERR_CORRUPT;
    *ret_value = value;
    return MR_OK;
}

enum { EXACT_DIGITS = 9 };

static uint64_t power_of_ten(int exponent)
{
    uint64_t power = 1;
    for (int i = 0; i < exponent; i++)
        power *= 10;
    return power;
}

/* numerator / denominator to the nearest whole, a tie to the even one. */
static uint128 divide_half_even(uint128 numerator, uint64_t denominator)
{
    const uint128 quotient = numerator / denominator;
    const uint128 rest = numerator % denominator;
    const bool up =
        2 * rest > denominator || (2 * rest == denominator && quotient % 2 == 1);
    return quotient + (up ? 1 : 0);
}

/* The decimal in units of 10^-9; false when it is larger than any int64 result could
 * need. */
static bool to_billionths(mr_text whole, mr_text fraction, uint128 *ret_value)
{
    uint64_t units;
    if (!digits_to_uint64(whole, &units))
        return false;
    uint64_t billionths = 0;
    for (uint32_t i = 0; i < EXACT_DIGITS; i++)
        billionths = billionths * 10 +
                     (i < fraction.length ? (uint64_t)(fraction.bytes[i] - '0') : 0);
    if (fraction.length > EXACT_DIGITS && fraction.bytes[EXACT_DIGITS] >= '5')
        billionths++;
    *ret_value = (uint128)units * power_of_ten(EXACT_DIGITS) + billionths;
    return true;
}

mr_status mr_text_to_minor(mr_text text, int64_t quantity, int minor_digits,
                           int64_t *ret_minor)
{
    MR_ASSERT(minor_digits >= 0 && minor_digits <= EXACT_DIGITS);
    bool negative;
    mr_text whole;
    mr_text fraction;
    uint128 price;
    if (!take_decimal(&text, &negative, &whole, &fraction) || text.length > 0)
        return MR_ERR_CORRUPT;
    if (!to_billionths(whole, fraction, &price))
        return MR_ERR_CORRUPT;

    /* A product that leaves 128 bits is far above int64 in any unit. */
    const uint64_t pieces = quantity < 0 ? 0 - (uint64_t)quantity : (uint64_t)quantity;
    uint128 value;
    if (__builtin_mul_overflow(price, (uint128)pieces, &value))
        return MR_ERR_CORRUPT;
    value = divide_half_even(value, power_of_ten(EXACT_DIGITS - minor_digits));
    return to_int64(negative != (quantity < 0), value, ret_minor);
}

/*
 * Civil dates by arithmetic on the proleptic Gregorian calendar, without the C library's
 * time zones.  A year is counted from March, so that the leap day is its last day; eras
 * of 400 years (146097 days) repeat exactly.  [Hinnant 2014, "chrono-compatible low-level
 * date algorithms"]
 */
enum { DAYS_PER_ERA = 146097, DAYS_TO_EPOCH = 719468 /* 0000-03-01 to 1970-01-01 */ };
#define MS_PER_S INT64_C(1000)
#define MS_PER_MINUTE INT64_C(60000)
#define MS_PER_HOUR INT64_C(3600000)
#define MS_PER_DAY INT64_C(86400000)

/* Rounded towards the past; `divisor` > 0. */
static int64_t floor_divide(int64_t value, int64_t divisor)
{
    return value / divisor - (value % divisor < 0 ? 1 : 0);
}

static int64_t days_from_civil(int64_t year, int64_t month, int64_t day)
{
    const int64_t march_year = month <= 2 ? year - 1 : year;
    const int64_t march_month = month <= 2 ? month + 9 : month - 3;
    const int64_t era = floor_divide(march_year, 400);
    const int64_t year_of_era = march_year - era * 400;
    const int64_t day_of_year = (153 * march_month + 2) / 5 + day - 1;
    const int64_t day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - DAYS_TO_EPOCH;
}

static void civil_from_days(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day)
{
    const int64_t shifted = days + DAYS_TO_EPOCH;
    const int64_t era = floor_divide(shifted, DAYS_PER_ERA);
    const int64_t day_of_era = shifted - era * DAYS_PER_ERA;
    const int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int64_t march_month = (5 * day_of_year + 2) / 153;
    *ret_day = (int)(day_of_year - (153 * march_month + 2) / 5 + 1);
    *ret_month = (int)(march_month < 10 ? march_month + 3 : march_month - 9);
    *ret_year = year_of_era + era * 400 + (*ret_month <= 2 ? 1 : 0);
}

int64_t mr_month_of_day(int64_t day)
{
    int64_t year;
    int month;
    int day_of_month;
    civil_from_days(day, &year, &month, &day_of_month);
    return (year - 1970) * 12 + month - 1;
}

int64_t mr_day_of_month(int64_t month)
{
    return days_from_civil(1970 + floor_divide(month, 12),
                           month - 12 * floor_divide(month, 12) + 1, 1);
}

static int64_t days_of_month(int64_t year, int64_t month)
{
    static const int64_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

/* Exactly `width` digits whose number lies in low..high. */
static bool take_number(mr_text *text, uint32_t width, int64_t low, int64_t high,
                        int64_t *ret_number)
{
    if (text->length < width)
        return false;
    int64_t number = 0;
    for (uint32_t i = 0; i < width; i++) {
        if (!is_digit(text->bytes[i]))
            return false;
        number = number * 10 + (text->bytes[i] - '0');
    }
    text->bytes += width;
    text->length -= width;
    *ret_number = number;
    return number >= low && number <= high;
}

static bool take_date(mr_text *text, int64_t *ret_days)
{
    int64_t year;
    int64_t month;
    int64_t day;
    if (!take_number(text, 4, 0, 9999, &year) || !take(text, '-') ||
        !take_number(text, 2, 1, 12, &month) || !take(text, '-') ||
        !take_number(text, 2, 1, days_of_month(year, month), &day))
        return false;
    *ret_days = days_from_civil(year, month, day);
    return true;
}

/* HH:MM[:SS[.fraction]]; a leap second is the first moment of the next minute, and digits
 * beyond the millisecond are cut off. */
static bool take_time_of_day(mr_text *text, int64_t *ret_ms)
{
    int64_t hour;
    int64_t minute;
    int64_t second = 0;
    int64_t ms = 0;
    if (!take_number(text, 2, 0, 23, &hour) || !take(text, ':') ||
        !take_number(text, 2, 0, 59, &minute))
        return false;
    if (take(text, ':')) {
        if (!take_number(text, 2, 0, 60, &second))
            return false;
        if (take(text, '.')) {
            const mr_text fraction = take_digits(text);
            if (fraction.length == 0)
                return false;
            for (uint32_t i = 0; i < 3; i++)
                ms = ms * 10 + (i < fraction.length ? fraction.bytes[i] - '0' : 0);
        }
    }
    if (second == 60)
        ms = 0;
    *ret_ms = hour * MS_PER_HOUR + minute * MS_PER_MINUTE + second * MS_PER_S + ms;
    return true;
}

/* Nothing, "Z", or "+HH:MM" with or without its colon. */
static bool take_zone(mr_text *text, int64_t *ret_offset_ms)
{
    *ret_offset_ms = 0;
    if (text->length == 0 || take(text, 'Z') || take(text, 'z'))
        return true;
    const bool west = take(text, '-');
    if (!west && !take(text, '+'))
        return false;
    int64_t hours;
    int64_t minutes;
    if (!take_number(text, 2, 0, 23, &hours))
        return false;
    (void)take(text, ':');
    if (!take_number(text, 2, 0, 59, &minutes))
        return false;
    const int64_t offset_ms = hours * MS_PER_HOUR + minutes * MS_PER_MINUTE;
    *ret_offset_ms = west ? -offset_ms : offset_ms;
    return true;
}

mr_status mr_text_to_time_ms(mr_text text, int64_t *ret_ms)
{
    int64_t days;
    int64_t in_day_ms = 0;
    int64_t offset_ms = 0;
    if (!take_date(&text, &days))
        return MR_ERR_CORRUPT;
    if (text.length > 0) {
        if (!take(&text, 'T') && !take(&text, 't') && !take(&text, ' '))
            return MR_ERR_CORRUPT;
        if (!take_time_of_day(&text, &in_day_ms) || !take_zone(&text, &offset_ms) ||
            text.length > 0)
            return MR_ERR_CORRUPT;
    }
    *ret_ms = days * MS_PER_DAY + in_day_ms - offset_ms;
    return MR_OK;
}

/* `number` in `width` digits and the byte behind them; returns the place after. */
static char *put_number(char *at, int number, int width, char behind)
{
    for (int i = width - 1; i >= 0; i--) {
        at[i] = (char)('0' + number % 10);
        number /= 10;
    }
    at[width] = behind;
    return at + width + 1;
}

void mr_time_to_text(int64_t time_ms, char *ret_text)
{
    const int64_t days = mr_time_day(time_ms);
    /* Not time_ms - days * MS_PER_DAY: the first day of int64 begins before its range. */
    const int rest_ms = (int)(time_ms % MS_PER_DAY);
    const int in_day_ms = rest_ms < 0 ? rest_ms + (int)MS_PER_DAY : rest_ms;
    int64_t year;
    int month;
    int day;
    civil_from_days(days, &year, &month, &day);

    char *at =
        ret_text + snprintf(ret_text, MR_TIME_TEXT_BYTES, "%04lld-", (long long)year);
    at = put_number(at, month, 2, '-');
    at = put_number(at, day, 2, 'T');
    at = put_number(at, in_day_ms / (int)MS_PER_HOUR, 2, ':');
    at = put_number(at, in_day_ms / (int)MS_PER_MINUTE % 60, 2, ':');
    at = put_number(at, in_day_ms / (int)MS_PER_S % 60, 2, '.');
    at = put_number(at, in_day_ms % (int)MS_PER_S, 3, 'Z');
    *at = '\0';
}

int64_t mr_time_day(int64_t time_ms)
{
    return floor_divide(time_ms, MS_PER_DAY);
}
