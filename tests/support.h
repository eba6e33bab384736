/*
 * Support: what every test includes.
 *
 * cmocka with the headers it wants first, and assert_close() for floating point: cmocka 1.1.5's
 * assert_float_equal() takes NaN and infinity for equal to anything.
 */
#ifndef MR_TESTS_SUPPORT_H
#define MR_TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

/* Both finite, and apart by no more than `relative` times the larger magnitude. */
#define assert_close(actual, expected, relative)                                         \
    do {                                                                                 \
        const double close_actual_ = (double)(actual);                                   \
        const double close_expected_ = (double)(expected);                               \
        if (!isfinite(close_actual_) || !isfinite(close_expected_) ||                    \
            fabs(close_actual_ - close_expected_) >                                      \
                (relative)*fmax(fabs(close_actual_), fabs(close_expected_)))             \
            fail_msg("%s is %.17g, not %.17g", #actual, close_actual_, close_expected_); \
    } while (0)

/* Call as a test does: MR_OK or the test fails naming the call. */
#define assert_ok(call)                                                                  \
    do {                                                                                 \
        const mr_status ok_status_ = (call);                                             \
        if (ok_status_ != MR_OK)                                                         \
            fail_msg("%s: %s", #call, mr_status_name(ok_status_));                       \
    } while (0)

#endif
