/*
 * Log file, inside: what the writing side and the reading side of log_file share.
 *
 * Units      As ingest/log.h.
 * Ownership  The log owns its partitions.
 * Threads    What is atomic here is written by the leader of a group commit and read by the
 *            readers of this process; the rest is under the partition's lock or its leader's.
 * Cost       None.
 */
#ifndef MR_INGEST_LOG_FILE_INTERNAL_H
#define MR_INGEST_LOG_FILE_INTERNAL_H

#include "ingest/log_directory.h"
#include "ingest/log_group.h"
#include "ingest/log_internal.h"

#include <pthread.h>
#include <sys/types.h>

/* How bytes reach the disk; a test puts a failing one in its place. */
typedef struct mr_log_disk {
    ssize_t (*write)(int descriptor, const void *bytes, size_t count, off_t position);
    int (*sync)(int descriptor);
} mr_log_disk;

/* One append's share of a group; lies on the stack of the thread that waits for it. */
typedef struct mr_log_waiter {
    struct mr_log_waiter *next;
    uint64_t first_index; /* of its records in the group     */
    int64_t base_offset;  /* of the group, once it is durable */
    mr_status status;
    bool is_done;
} mr_log_waiter;

typedef struct mr_log_partition {
    /* Under the lock. */
    pthread_mutex_t lock;
    pthread_cond_t done;
    mr_log_group pending; /* gathered for the next group */
    mr_log_waiter *waiters;
    bool has_leader;
    mr_error error; /* why the last failed group failed */

    /* The leader's. */
    mr_log_group writing;
    mr_buffer encoded;
    mr_batch_codecs *codecs; /* NULL: no compression */
    int descriptor;          /* of the newest segment; -1: the next group begins one */
    int64_t segment_base;
    int64_t durable_bytes; /* of that segment                                       */
    bool is_abandoned;     /* a write or fsync of that segment failed               */

    _Atomic int64_t first_offset; /* as last listed                       */
    _Atomic int64_t end_offset;   /* every record below is durable        */
} mr_log_partition;

typedef struct mr_log_file {
    mr_log base;
    char directory[MR_LOG_PATH_BYTES]; /* of the topic */
    int64_t segment_bytes;
    bool read_only;
    const mr_clock *clock;
    const mr_log_disk *disk;
    int lock_descriptor;
    mr_log_partition *partition;

    /* Readers of this process sleep here until something was appended. */
    pthread_mutex_t wake_lock;
    pthread_cond_t wake;
    uint64_t wake_count;
} mr_log_file;

/* Replace the disk; for tests, before the first append. */
void mr_log_file_set_disk(mr_log *log, const mr_log_disk *disk);

/* Release: a reader that sees the new end sees the bytes below it. */
static inline void mr_log_partition_publish(mr_log_partition *partition,
                                            int64_t end_offset)
{
    atomic_store_explicit(&partition->end_offset, end_offset, memory_order_release);
}

/* Acquire: pairs with mr_log_partition_publish(). */
static inline int64_t mr_log_partition_end(mr_log_partition *partition)
{
    return atomic_load_explicit(&partition->end_offset, memory_order_acquire);
}

/* Make the group durable and publish it; called by the partition's leader alone. */
MR_MUST_USE mr_status mr_log_partition_commit(mr_log_file *log, uint32_t number,
                                              const mr_log_group *group,
                                              int64_t *ret_base_offset,
                                              mr_error *ret_error);

/* Find the end of a partition, cutting a torn tail when the log may be written. */
MR_MUST_USE mr_status mr_log_partition_recover(mr_log_file *log, uint32_t number,
                                               int64_t *ret_cut_bytes,
                                               mr_error *ret_error);

/* The first record whose time is `time_ms` or later; the end when there is none. */
MR_MUST_USE mr_status mr_log_partition_find_time(mr_log_file *log, uint32_t number,
                                                 int64_t time_ms, int64_t *ret_offset,
                                                 mr_error *ret_error);

MR_MUST_USE mr_status mr_log_file_reader_open(mr_log *log,
                                              const mr_log_reader_options *options,
                                              mr_log_reader **ret_reader,
                                              mr_error *ret_error);

#endif
