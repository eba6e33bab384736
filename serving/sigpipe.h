/*
 * Sigpipe: a peer that hangs up is an error code, not the end of the process.
 *
 * Units      None.
 * Ownership  None.
 * Threads    Any.
 * Cost       Two system calls.
 */
#ifndef MR_SERVING_SIGPIPE_H
#define MR_SERVING_SIGPIPE_H

/* Ignore SIGPIPE, unless the program has a handler of its own for it. */
void mr_sigpipe_ignore(void);

#endif
