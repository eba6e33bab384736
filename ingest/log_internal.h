/*
 * Log, inside: what the two implementations of the log share.
 *
 * log.h's calls go through one table of methods; an implementation embeds mr_log (or
 * mr_log_reader) as its first member and casts back.  What is the same for both, the choice of a
 * partition by key and the check of entries, is done in log.c before the method is called.
 *
 * Units      As ingest/log.h.
 * Ownership  The implementation owns the object; `topic` is owned by it too.
 * Threads    As ingest/log.h.
 * Cost       One indirect call a batch.
 */
#ifndef MR_INGEST_LOG_INTERNAL_H
#define MR_INGEST_LOG_INTERNAL_H

#include "ingest/log.h"

#include <stdatomic.h>

/* A record's key, value and headers together; Kafka's own default limit of a message. */
enum { MR_LOG_RECORD_BYTES_MAX = 1000000 };

typedef struct mr_log_methods {
    void (*close)(mr_log *log);
    mr_status (*append)(mr_log *log, const mr_log_entry *entries, size_t count,
                        mr_log_position *ret_positions, mr_error *ret_error);
    mr_status (*resolve)(mr_log *log, uint32_t partition, mr_log_start start,
                         int64_t time_ms, int64_t *ret_offset, mr_error *ret_error);
    void (*range)(mr_log *log, uint32_t partition, int64_t *ret_first, int64_t *ret_end);
    mr_status (*committed)(mr_log *log, const char *group, uint32_t partition,
                           int64_t *ret_offset, mr_error *ret_error);
    mr_status (*reader_open)(mr_log *log, const mr_log_reader_options *options,
                             mr_log_reader **ret_reader, mr_error *ret_error);
    bool
        appends_whole; /* what one append says failed is not there, in no partition's part */
} mr_log_methods;

typedef struct mr_log_reader_methods {
    void (*close)(mr_log_reader *reader);
    mr_status (*poll)(mr_log_reader *reader, int timeout_ms, mr_log_batch *ret_batch);
    void (*wake)(mr_log_reader *reader);
    mr_status (*start)(mr_log_reader *reader, uint32_t partition, int64_t offset);
    mr_status (*pause)(mr_log_reader *reader, uint32_t partition, bool paused);
    void (*commit)(mr_log_reader *reader, uint32_t partition, int64_t offset);
} mr_log_reader_methods;

struct mr_log {
    const mr_log_methods *methods;
    char *topic;
    uint32_t partitions;
    uint64_t topic_id;            /* 0: not known */
    _Atomic uint32_t round_robin; /* of entries without a key */
};

struct mr_log_reader {
    const mr_log_reader_methods *methods;
    mr_log *log;
};

/* The partition an entry goes to: its own, its key's, or the next one in turn. */
uint32_t mr_log_entry_partition(mr_log *log, const mr_log_entry *entry);

/* Every partition when the options name none; MR_ERR_INVALID for one the topic has not. */
MR_MUST_USE mr_status mr_log_reader_partitions(const mr_log *log,
                                               const mr_log_reader_options *options,
                                               uint32_t **ret_partitions,
                                               size_t *ret_count, mr_error *ret_error);

/* The options' batch size, or the default, never above MR_LOG_BATCH_RECORDS_MAX. */
size_t mr_log_reader_batch_records(const mr_log_reader_options *options);

#endif
