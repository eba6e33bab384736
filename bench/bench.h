/*
 * Bench: the frame of every benchmark.
 *
 * A figure is a ratio of two times measured in one run, because machines differ and vCPUs drift.
 * scripts/bench reads these lines:
 *
 *     RATIO name=ials_epoch_by_cholesky_d128 value=0.21 bound=0.25 verdict=met
 *     RATIO name=http_cpu_by_nginx peer absent
 *
 * Both sides are repeated in turn and the best of each is taken: interference only adds time.
 * A result is checked before it is timed, by the benchmark itself; a wrong one ends the program
 * with 1.  A goal that is missed is an answer and not a failure: the program still ends with 0.
 *
 * Units      Seconds; what a ratio means is said where it is printed.
 * Ownership  None.
 * Threads    The main thread.
 * Cost       That of what is measured.
 */
#ifndef MR_BENCH_BENCH_H
#define MR_BENCH_BENCH_H

#include "core/status.h"

#include <stdbool.h>

/*
 * Start: drop an inherited OPENBLAS_CORETYPE and L2 size, execute the program once more if they
 * were set or the library chose poor kernels, check the library, print the core's name and the
 * processor's.  MILLRACE_BENCH_CORE=<name> asks for another core.  Exits with 1 when the library
 * is wrong.
 */
void mr_bench_start(char **arguments);

double mr_bench_seconds(void);     /* monotonic */
double mr_bench_cpu_seconds(void); /* of this thread: what others do is not in it */

/* Exits with 1, naming `what`, unless all is well. */
void mr_bench_must(mr_status status, const char *what);
void mr_bench_check(bool is_right, const char *what);
void *mr_bench_have(void *memory); /* the same for what was allocated; returns it */

typedef void (*mr_bench_body)(void *context);

/* The shortest of `repeats` calls, in seconds. */
double mr_bench_best(int repeats, mr_bench_body body, void *context);

/* Run two bodies in turn, `repeats` times each; the shortest of each. */
void mr_bench_pair(int repeats, mr_bench_body ours, mr_bench_body reference,
                   void *context, double *ret_ours_s, double *ret_reference_s);

/* Print the line; met when value <= bound.  Returns whether it was. */
bool mr_bench_ratio(const char *name, double value, double bound);

/* Print the line; met when value >= bound. */
bool mr_bench_at_least(const char *name, double value, double bound);

/* Print that the goal has nothing to be compared with here. */
void mr_bench_peer_absent(const char *name, const char *peer);

#endif
