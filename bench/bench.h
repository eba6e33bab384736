/*
 * Bench: the frame of every benchmark.
 *
 * A figure is a ratio of two times measured in one run, because machines differ and vCPUs drift:
 *
 *     RATIO name=ials_epoch_gowalla_d128 value=0.21 bound=0.50 verdict=pass
 *
 * Both sides are repeated in turn and the best of each is taken: interference only adds time.
 * A result is checked before it is timed, by the benchmark itself.
 *
 * Units      Seconds; a ratio is ours over the reference, so smaller is better.
 * Ownership  None.
 * Threads    The main thread.
 * Cost       That of what is measured.
 */
#ifndef MR_BENCH_BENCH_H
#define MR_BENCH_BENCH_H

#include "models/worker_pool.h"

/*
 * Start: drop an inherited OPENBLAS_CORETYPE and L2 size, execute the program once more if they
 * were set or the library chose poor kernels, check the library, print the core's name.
 * MILLRACE_BENCH_CORE=<name> asks for another core.  Exits with 1 when the library is wrong.
 */
void mr_bench_start(char **arguments);

double mr_bench_seconds(void); /* monotonic */

typedef void (*mr_bench_body)(void *context);

/* The shortest of `repeats` calls, in seconds. */
double mr_bench_best(int repeats, mr_bench_body body, void *context);

/* Run two bodies in turn, `repeats` times each; the shortest of each. */
void mr_bench_pair(int repeats, mr_bench_body ours, mr_bench_body reference,
                   void *context, double *ret_ours_s, double *ret_reference_s);

/* Print the line; verdict is "pass" when value <= bound.  Returns whether it passed. */
int mr_bench_ratio(const char *name, double value, double bound);

#endif
