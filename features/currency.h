/*
 * Currency: amounts of events in the plan's reporting currency.
 *
 * A plan may name one and what a unit of others is worth in it.  Amounts of an event that names
 * another currency are multiplied, rounded half to even; of one without a rate they count as
 * nothing, because any number would be wrong.  An event that names no currency is taken to be in the
 * reporting one, and without a reporting currency every amount is taken as it is.
 *
 * Units      Minor units; rates in millionths.
 * Ownership  A plain value.
 * Threads    Any.
 * Cost       A comparison; another currency: a search among at most 64.
 */
#ifndef MR_FEATURES_CURRENCY_H
#define MR_FEATURES_CURRENCY_H

#include "core/event.h"

#include <stdbool.h>

enum { MR_CURRENCY_RATES_MAX = 64, MR_CURRENCY_CODE_BYTES = 4 };
#define MR_CURRENCY_RATE_MAX INT64_C(1000000000000) /* a million to one */

typedef struct mr_currency_rate {
    char code[MR_CURRENCY_CODE_BYTES]; /* "USD" */
    int64_t millionths;                /* 1 .. MR_CURRENCY_RATE_MAX */
} mr_currency_rate;

typedef struct mr_currency {
    char code[MR_CURRENCY_CODE_BYTES]; /* "": amounts are taken as they are */
    uint32_t rate_count;
    mr_currency_rate rates[MR_CURRENCY_RATES_MAX]; /* by code, ascending */
} mr_currency;

/* Three capital letters. */
bool mr_currency_is_code(mr_text code);

/* Put price and value into the reporting currency.  False: there is no rate, they are 0 now. */
bool mr_currency_convert(const mr_currency *currency, mr_event *event);

bool mr_currency_equal(const mr_currency *a, const mr_currency *b);

#endif
