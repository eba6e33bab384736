/*
 * Overwrite: a file damaged in place, thousands of times.
 *
 * Emptied and written anew, each version would be sent to the disk as the file is closed: ext4 takes
 * that for the replacement of a file that must survive a power cut.  Nothing here has to.
 */
#ifndef MR_TESTS_OVERWRITE_H
#define MR_TESTS_OVERWRITE_H

#include "tests/support.h"

#include "core/file.h"

#include <fcntl.h>
#include <unistd.h>

/* The file, made when there is none, holds these bytes and no more. */
static inline void test_overwrite(const char *path, const void *bytes, size_t length)
{
    const int out = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(out >= 0);
    assert_ok(mr_file_write_all(out, bytes, length));
    assert_int_equal(ftruncate(out, (off_t)length), 0);
    assert_int_equal(close(out), 0);
}

#endif
