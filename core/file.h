/*
 * File: whole files, written so that a crash leaves the old one or the new one.
 *
 * mr_file_replace() writes a temporary name, fsyncs it, renames it, and fsyncs the directory.
 * A failed fsync abandons the temporary file: the pages may be gone, and a second fsync that
 * succeeds would prove nothing.
 *
 * Units      Sizes in bytes.
 * Ownership  mr_file_read() and mr_file_map() hand memory to the caller.
 * Threads    Any; two writers of one path race as renames do.
 * Cost       Two fsyncs a replace.
 */
#ifndef MR_CORE_FILE_H
#define MR_CORE_FILE_H

#include "core/buffer.h"
#include "core/status.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Append the whole file to `buffer`.  MR_ERR_NOT_FOUND when absent, else MR_ERR_UNAVAILABLE. */
MR_MUST_USE mr_status mr_file_read(const char *path, mr_buffer *buffer,
                                   mr_error *ret_error);

MR_MUST_USE mr_status mr_file_replace(const char *path, const void *data, size_t bytes,
                                      mr_error *ret_error);

/* As above, for a file that is made once: one that is there stays, whole, and that is MR_OK. */
MR_MUST_USE mr_status mr_file_create(const char *path, mode_t mode, const void *data,
                                     size_t bytes, mr_error *ret_error);

/* All bytes or an error; retries short writes and EINTR. */
MR_MUST_USE mr_status mr_file_write_all(int descriptor, const void *data, size_t bytes);

/* fsync the directory itself, so that names in it survive a crash. */
MR_MUST_USE mr_status mr_directory_sync(const char *path, mr_error *ret_error);

/* mkdir -p with mode 0755. */
MR_MUST_USE mr_status mr_directory_make(const char *path, mr_error *ret_error);

/*
 * As above, and the names that lead to it survive a power loss, whoever made them: a process may
 * have been killed between making a directory and syncing its parent.  For start-up: an fsync for
 * every part of the path.  A parent that may not be read is left out, it was there before us.
 */
MR_MUST_USE mr_status mr_directory_make_durable(const char *path, mr_error *ret_error);

/* Remove a directory and all below it; MR_OK when it is not there. */
MR_MUST_USE mr_status mr_directory_remove(const char *path, mr_error *ret_error);

typedef struct mr_file_map {
    const void *data; /* NULL when the file is empty */
    size_t bytes;
} mr_file_map;

/* Map read-only.  MR_ERR_NOT_FOUND when absent, else MR_ERR_UNAVAILABLE. */
MR_MUST_USE mr_status mr_file_map_open(const char *path, mr_file_map *ret_map,
                                       mr_error *ret_error);
void mr_file_map_close(mr_file_map *map); /* an all-zero map is allowed */

#endif
