/*
 * Rounds: how many of its seeds a random test goes through.
 *
 * The release build goes through all.  Built with AddressSanitizer, which is there to see memory misused,
 * a test takes several times as long, and one seed of three is enough.  With MILLRACE_ALL_ROUNDS in the
 * environment, as tests/long/sanitizers has it, all are taken there too.
 */
#ifndef MR_TESTS_ROUNDS_H
#define MR_TESTS_ROUNDS_H

#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define TEST_ADDRESSES_ARE_WATCHED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TEST_ADDRESSES_ARE_WATCHED 1
#endif
#endif

/* From one seed to the next: 1, or 3, which has no divisor in common with the 2, 4 and 8 by which tests
 * draw their shapes from a seed. */
static inline int test_step(void)
{
#if defined(TEST_ADDRESSES_ARE_WATCHED)
    return getenv("MILLRACE_ALL_ROUNDS") != NULL ? 1 : 3;
#else
    return 1;
#endif
}

#endif
