#include "features/currency.h"

#include <string.h>

__extension__ typedef __int128 wide;

enum { MILLION = 1000000, CODE_LETTERS = 3 };

bool mr_currency_is_code(mr_text code)
{
    if (code.length != CODE_LETTERS)
        return false;
    for (uint32_t i = 0; i < code.length; i++) {
        if (code.bytes[i] < 'A' || code.bytes[i] > 'Z')
            return false;
    }
    return true;
}

static int64_t times(int64_t minor, int64_t millionths)
{
    const wide product = (wide)minor * millionths;
    const wide magnitude = product < 0 ? -product : product;
    wide quotient = magnitude / MILLION;
    const wide rest = magnitude % MILLION;
    if (2 * rest > MILLION || (2 * rest == MILLION && (quotient & 1) != 0))
        quotient++;
    if (quotient > INT64_MAX)
        quotient = INT64_MAX;
    return product < 0 ? -(int64_t)quotient : (int64_t)quotient;
}

static const mr_currency_rate *find(const mr_currency *currency, mr_text code)
{
    for (uint32_t i = 0; i < currency->rate_count; i++) {
        if (mr_text_is(code, currency->rates[i].code))
            return &currency->rates[i];
    }
    return NULL;
}

bool mr_currency_convert(const mr_currency *currency, mr_event *event)
{
    if (currency->code[0] == '\0' || event->currency.length == 0 ||
        mr_text_is(event->currency, currency->code))
        return true;
    const mr_currency_rate *rate = find(currency, event->currency);
    event->price_minor = rate != NULL ? times(event->price_minor, rate->millionths) : 0;
    event->value_minor = rate != NULL ? times(event->value_minor, rate->millionths) : 0;
    return rate != NULL;
}

bool mr_currency_equal(const mr_currency *a, const mr_currency *b)
{
    bool equal = strcmp(a->code, b->code) == 0 && a->rate_count == b->rate_count;
    for (uint32_t i = 0; equal && i < a->rate_count; i++)
        equal = strcmp(a->rates[i].code, b->rates[i].code) == 0 &&
                a->rates[i].millionths == b->rates[i].millionths;
    return equal;
}
