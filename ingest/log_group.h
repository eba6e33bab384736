/*
 * Log group: the records that one fsync will make durable.
 *
 * Appenders add their records while the group before is on its way to the disk.  Offsets are not
 * known yet (that group may fail), so records are kept by their place in the group and get their
 * offsets when the group is written.
 *
 * Units      Sizes in bytes.
 * Ownership  The group copies what is added.
 * Threads    Under the lock of its partition until it is written, then its writer's alone.
 * Cost       A copy a record; memory is kept over clears.
 */
#ifndef MR_INGEST_LOG_GROUP_H
#define MR_INGEST_LOG_GROUP_H

#include "ingest/log_segment.h"

/* Zero-initialise to start empty. */
typedef struct mr_log_group {
    mr_buffer records; /* private; encoded, batch after batch */
    struct mr_log_group_batch {
        size_t start;
        uint32_t record_count;
        int64_t max_time_ms;
    } * batches; /* private */
    size_t batch_count;
    size_t batch_capacity;
    uint64_t record_count;
} mr_log_group;

void mr_log_group_deinit(mr_log_group *group);
void mr_log_group_clear(mr_log_group *group); /* keeps the memory */

/* MR_ERR_NO_MEMORY: the group is as it was. */
MR_MUST_USE mr_status mr_log_group_add(mr_log_group *group, const mr_log_entry *entry,
                                       int64_t time_ms);

/* Append the group's batches to `out`, the first record at `base_offset`.  `synced` as in
 * mr_batch_header; `codecs` NULL: no compression. */
MR_MUST_USE mr_status mr_log_group_encode(const mr_log_group *group, int64_t base_offset,
                                          uint64_t synced, mr_batch_codecs *codecs,
                                          mr_buffer *out);

#endif
