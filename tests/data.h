/*
 * Data: where a quality test finds a public data set, and what it does when there is none.
 *
 * The sets are not part of the repository.  They lie in MILLRACE_DATA, else in ../shared/data
 * beside the source.  A test without its set is skipped by name; with CI=true it fails, because a
 * gate that nobody checks is none.
 */
#ifndef MR_TESTS_DATA_H
#define MR_TESTS_DATA_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEST_SKIPPED = 77 }; /* meson's word for it */

/* The path of a file below the data directory; false when it cannot be read. */
static inline bool test_data_path(const char *file, char *ret_path, size_t path_bytes)
{
    const char *data = getenv("MILLRACE_DATA");
    const char *source = getenv("MILLRACE_SOURCE");
    int length;
    if (data != NULL && data[0] != '\0')
        length = snprintf(ret_path, path_bytes, "%s/%s", data, file);
    else
        length = snprintf(ret_path, path_bytes, "%s/../shared/data/%s",
                          source != NULL ? source : ".", file);
    return length > 0 && (size_t)length < path_bytes && access(ret_path, R_OK) == 0;
}

/* What main() returns without the set called `name`. */
static inline int test_data_missing(const char *name)
{
    const char *ci = getenv("CI");
    (void)printf("skipped: needs %s (MILLRACE_DATA)\n", name);
    return ci != NULL && strcmp(ci, "true") == 0 ? EXIT_FAILURE : TEST_SKIPPED;
}

#endif
