#include "bench/bench.h"

#include "models/blas.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char STARTED[] = "MILLRACE_BENCH_STARTED";

/* The value of the first "model name" line of /proc/cpuinfo. */
static void print_processor(void)
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || colon == NULL)
            continue;
        (void)printf("# processor %s", colon + 2);
        break;
    }
    if (file != NULL)
        (void)fclose(file);
}

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
    (void)unsetenv(STARTED); /* not for the programs this one starts */
    const char *name = mr_blas_start();
    if (name == NULL) {
        (void)fprintf(stderr, "OpenBLAS (%s) multiplies wrongly here\n",
                      mr_blas_core_name());
        exit(1);
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    (void)printf("# blas core %s\n", name);
    print_processor();
}

static double seconds_of(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

double mr_bench_seconds(void)
{
    return seconds_of(CLOCK_MONOTONIC);
}

double mr_bench_cpu_seconds(void)
{
    return seconds_of(CLOCK_THREAD_CPUTIME_ID);
}

void mr_bench_must(mr_status status, const char *what)
{
    if (status == MR_OK)
        return;
    (void)fprintf(stderr, "%s: %s\n", what, mr_status_name(status));
    exit(1);
}

void mr_bench_check(bool is_right, const char *what)
{
    if (is_right)
        return;
    (void)fprintf(stderr, "wrong: %s\n", what);
    exit(1);
}

void *mr_bench_have(void *memory)
{
    mr_bench_must(memory == NULL ? MR_ERR_NO_MEMORY : MR_OK, "bench");
    return memory;
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

static bool print_ratio(const char *name, double value, double bound, bool is_met)
{
    (void)printf("RATIO name=%s value=%.4g bound=%.4g verdict=%s\n", name, value, bound,
                 is_met ? "met" : "missed");
    return is_met;
}

bool mr_bench_ratio(const char *name, double value, double bound)
{
    return print_ratio(name, value, bound, value <= bound);
}

bool mr_bench_at_least(const char *name, double value, double bound)
{
    return print_ratio(name, value, bound, value >= bound);
}

void mr_bench_peer_absent(const char *name, const char *peer)
{
    (void)printf("# %s is not installed\nRATIO name=%s peer absent\n", peer, name);
}
