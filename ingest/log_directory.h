/*
 * Log directory: the names on disk of one topic.
 *
 *     <path>/<topic>/topic.json                     format, topic id, partitions
 *     <path>/<topic>/lock                           held by the one process that writes
 *     <path>/<topic>/<partition>/<base offset>.log  segments; the offset has 20 digits
 *     <path>/<topic>/<partition>/reader-<crc>.json  a group that has read it
 *
 * A segment ends where the next one's name begins: whatever a file holds from that offset on was
 * abandoned after a failed write and is not part of the log.
 *
 * Units      Offsets count records.
 * Ownership  Listings go to memory the caller frees with free().
 * Threads    Any: the file system is the only state.
 * Cost       A listing reads the directory; it is for opening, seeking and rolling.
 */
#ifndef MR_INGEST_LOG_DIRECTORY_H
#define MR_INGEST_LOG_DIRECTORY_H

#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MR_LOG_PATH_BYTES = 1024, MR_LOG_PARTITIONS_MAX = 4096 };

typedef struct mr_log_topic_file {
    uint64_t topic_id;
    uint32_t partitions;
} mr_log_topic_file;

/* Write `topic.json` and the partitions' directories; `directory` exists. */
MR_MUST_USE mr_status mr_log_topic_make(const char *directory, uint32_t partitions,
                                        mr_error *ret_error);

/* MR_ERR_NOT_FOUND when there is none; MR_ERR_CORRUPT when it does not parse, or when there are
 * segments and no topic file; MR_ERR_INVALID when a newer program made it. */
MR_MUST_USE mr_status mr_log_topic_read(const char *directory,
                                        mr_log_topic_file *ret_topic,
                                        mr_error *ret_error);

/* Hold the writer's lock until the descriptor is closed.  MR_ERR_UNAVAILABLE: held. */
MR_MUST_USE mr_status mr_log_topic_lock(const char *directory, int *ret_descriptor,
                                        mr_error *ret_error);

/* Write down durably, once, that `group` reads the partition; one that stands there stays. */
MR_MUST_USE mr_status mr_log_group_note(const char *directory, uint32_t partition,
                                        const char *group, int64_t offset,
                                        mr_error *ret_error);

/* The offset of that note.  MR_ERR_NOT_FOUND when there is none. */
MR_MUST_USE mr_status mr_log_group_noted(const char *directory, uint32_t partition,
                                         const char *group, int64_t *ret_offset,
                                         mr_error *ret_error);

void mr_log_partition_path(const char *directory, uint32_t partition,
                           char ret_path[MR_LOG_PATH_BYTES]);
void mr_log_segment_path(const char *directory, uint32_t partition, int64_t base_offset,
                         char ret_path[MR_LOG_PATH_BYTES]);

/* The base offsets of a partition's segments, ascending; NULL and 0 when there are none. */
MR_MUST_USE mr_status mr_log_segment_list(const char *directory, uint32_t partition,
                                          int64_t **ret_bases, size_t *ret_count,
                                          mr_error *ret_error);

#endif
