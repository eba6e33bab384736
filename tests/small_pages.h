/*
 * Small pages: for tests that make thousands of small states, one after the other.
 *
 * The tables of a shard ask for pages of 2 MiB.  Where the kernel gives them, clearing them costs more
 * than all that a test does with a few users.
 */
#ifndef MR_TESTS_SMALL_PAGES_H
#define MR_TESTS_SMALL_PAGES_H

#include <sys/prctl.h>

/* The pages of this process from now on.  A kernel that knows no other does not mind. */
static inline void test_take_small_pages(void)
{
    (void)prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
}

#endif
