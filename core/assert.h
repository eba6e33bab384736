/*
 * Assertions: what our own code guarantees, checked in release builds too.
 *
 * What the outside world did wrong is an mr_status.  A failed assertion is a bug of ours,
 * and stopping there is better than a wrong profile that is checkpointed.
 *
 * Units      None.
 * Ownership  None.
 * Threads    Any.
 * Cost       One predictable branch.  MR_DEBUG_ASSERT costs nothing with NDEBUG.
 */
#ifndef MR_CORE_ASSERT_H
#define MR_CORE_ASSERT_H

/* Print "file:line: expression" and abort. */
_Noreturn void mr_assert_fail(const char *expression, const char *file, int line);

#define MR_ASSERT(expression)                                                            \
    (__builtin_expect(!(expression), 0)                                                  \
         ? mr_assert_fail(#expression, __FILE__, __LINE__)                               \
         : (void)0)

#ifdef NDEBUG
#define MR_DEBUG_ASSERT(expression) ((void)sizeof(!(expression)))
#else
#define MR_DEBUG_ASSERT(expression) MR_ASSERT(expression)
#endif

#endif
