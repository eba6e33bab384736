#include "bench/bench.h"

#include "models/blas.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char STARTED[] = "MILLRACE_BENCH_STARTED";

void mr_bench_start(char **arguments)
{
    char core[MR_BLAS_CORE_BYTES];
    if (getenv(STARTED) == NULL) {
        const char *asked = getenv("MILLRACE_BENCH_CORE");
        (void)unsetenv("OPENBLAS_CORETYPE");
        (void)unsetenv("OPENBLAS_L2_SIZE");
        (void)setenv(STARTED, "clean", 1);
        if (asked != NULL)
            (void)setenv("OPENBLAS_CORETYPE", asked, 1);
        (void)execv("/proc/self/exe", arguments);
    } else if (strcmp(getenv(STARTED), "clean") == 0 && mr_blas_needs_reexec(core)) {
        (void)setenv(STARTED, "core", 1);
        (void)setenv("OPENBLAS_CORETYPE", core, 1);
        (void)execv("/proc/self/exe", arguments);
    }
    const char *name = mr_blas_start();
    if (name == NULL) {
        (void)fprintf(stderr, "OpenBLAS (%s) multiplies wrongly here\n",
                      mr_blas_core_name());
        exit(1);
    }
    (void)printf("# blas core %s\n", name);
}

double mr_bench_seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

double mr_bench_best(int repeats, mr_bench_body body, void *context)
{
    double best = 0.0;
    for (int r = 0; r < repeats; r++) {
        const double start = mr_bench_seconds();
        body(context);
        const double took = mr_bench_seconds() - start;
        if (r == 0 || took < best)
            best = took;
    }
    return best;
}

void mr_bench_pair(int repeats, mr_bench_body ours, mr_bench_body reference,
                   void *context, double *ret_ours_s, double *ret_reference_s)
{
    for (int r = 0; r < repeats; r++) {
        const double a = mr_bench_best(1, ours, context);
        const double b = mr_bench_best(1, reference, context);
        if (r == 0 || a < *ret_ours_s)
            *ret_ours_s = a;
        if (r == 0 || b < *ret_reference_s)
            *ret_reference_s = b;
    }
}

int mr_bench_ratio(const char *name, double value, double bound)
{
    const int passed = value <= bound;
    (void)printf("RATIO name=%s value=%.4f bound=%.4f verdict=%s\n", name, value, bound,
                 passed ? "pass" : "fail");
    (void)fflush(stdout);
    return passed;
}
