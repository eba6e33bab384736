/*
 * Event file: a file of records, line by line.
 *
 * Plain or compressed with zstd (told apart by the first bytes, not the name), a path or "-"
 * for standard input.  On the way the content is summed with SHA-256, so that records without an
 * id of their own can be named by content and line: the same data, compressed or not, gives the
 * same names.
 *
 * Units      Positions and sizes in bytes of the file as it is stored; lines from 1.
 * Ownership  A line is lent until the next one is read.
 * Threads    Owner-only.
 * Cost       One pass, two buffers; a line is copied only when it crosses a buffer's end.
 */
#ifndef MR_APP_EVENT_FILE_H
#define MR_APP_EVENT_FILE_H

#include "core/hash.h"
#include "core/status.h"
#include "core/text.h"

enum { MR_EVENT_FILE_LINE_BYTES_MAX = 16 << 20 };

typedef struct mr_event_file mr_event_file;

/* MR_ERR_NOT_FOUND, MR_ERR_UNAVAILABLE; MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_event_file_open(const char *path, mr_event_file **ret_file,
                                         mr_error *ret_error);
void mr_event_file_close(mr_event_file *file); /* NULL allowed */

/*
 * The next line without its line end (LF or CRLF); a last line may lack one.
 *
 * MR_ERR_NOT_FOUND at the end; MR_ERR_CORRUPT for broken zstd or a line longer than
 * MR_EVENT_FILE_LINE_BYTES_MAX; MR_ERR_UNAVAILABLE when the file cannot be read;
 * MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_event_file_next(mr_event_file *file, mr_text *ret_line,
                                         mr_error *ret_error);

uint64_t mr_event_file_line(const mr_event_file *file); /* of the line last returned */
uint64_t mr_event_file_position(
    const mr_event_file *file);                          /* read so far               */
uint64_t mr_event_file_bytes(const mr_event_file *file); /* 0: a pipe                 */

/* SHA-256 of the uncompressed content, lower-case hex; once, after the last line. */
void mr_event_file_hash(mr_event_file *file, char ret_hex[MR_SHA256_HEX_BYTES]);

#endif
