/*
 * Text file: small files for tests of readers, in a directory of the test's own.
 */
#ifndef MR_TESTS_TEXT_FILE_H
#define MR_TESTS_TEXT_FILE_H

#include "tests/support.h"

#include "core/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_PATH_BYTES = 128 };

static char text_directory[] = "/tmp/millrace-text-XXXXXX";

static inline int text_set_up(void **state)
{
    (void)state;
    (void)memcpy(text_directory + sizeof(text_directory) - 7, "XXXXXX", 6);
    return mkdtemp(text_directory) != NULL ? 0 : -1;
}

static inline int text_tear_down(void **state)
{
    (void)state;
    return mr_directory_remove(text_directory, NULL) == MR_OK ? 0 : -1;
}

/* The path of `name` in the test's directory. */
static inline const char *text_path(const char *name, char ret_path[TEXT_PATH_BYTES])
{
    (void)snprintf(ret_path, TEXT_PATH_BYTES, "%s/%s", text_directory, name);
    return ret_path;
}

static inline const char *text_write(const char *name, const char *text,
                                     char ret_path[TEXT_PATH_BYTES])
{
    FILE *file = fopen(text_path(name, ret_path), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
    return ret_path;
}

/* That `message` is the path of `name` and what follows it. */
static inline void assert_names_file(const char *message, const char *name,
                                     const char *rest)
{
    char path[TEXT_PATH_BYTES];
    char wanted[2 * TEXT_PATH_BYTES];
    (void)snprintf(wanted, sizeof(wanted), "%s%s", text_path(name, path), rest);
    assert_string_equal(message, wanted);
}

#endif
