/*
 * Log: ordered, durable, partitioned records; the way in and the way out.
 *
 * One interface, two implementations: log_file (segments on this disk: the embedded default, the
 * test twin, the replay format) and log_kafka (a topic on a broker).  Both give the same
 * offsets and the same end-of-partition signal, so everything above them is tested without a
 * broker and runs with one.
 *
 * A reader is one member of the engine: it is told which partitions it owns, answers each with
 * the absolute offset its own checkpoint says, and then polls batches, one partition a batch.
 * Offsets live in checkpoints; what the broker remembers is advisory.
 *
 * Units      Offsets count records of a partition from 0.  Times in ms since the epoch.
 * Ownership  A batch's records are lent until the next poll of the same reader.
 * Threads    mr_log_append(): any thread.  A reader: the one thread that polls it.
 * Cost       A poll returns up to `batch_records` at once; it allocates nothing in steady
 *            state.  An append blocks until its records are durable.
 */
#ifndef MR_INGEST_LOG_H
#define MR_INGEST_LOG_H

#include "core/clock.h"
#include "core/status.h"
#include "core/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MR_LOG_ANY_PARTITION                                                             \
    UINT32_MAX /* append: by murmur2 of the key, as Java does; no key: round robin */

enum { MR_LOG_HEADERS_MAX = 16, MR_LOG_BATCH_RECORDS_MAX = 4096 };

typedef struct mr_log_header {
    mr_text name;
    mr_text value;
} mr_log_header;

typedef struct mr_log_record {
    mr_text key;
    mr_text value;
    const mr_log_header *headers;
    uint32_t header_count;
    int64_t offset;
    int64_t time_ms; /* the log's own time stamp */
} mr_log_record;

/* What a poll says, always about one partition (or none: MR_LOG_IDLE). */
typedef enum mr_log_signal {
    MR_LOG_IDLE, /* nothing within the time-out                                          */
    MR_LOG_RECORDS, /* `records`                                                            */
    MR_LOG_END, /* the reader has returned every record below `next_offset`             */
    MR_LOG_ASSIGNED, /* owned from now on: answer with mr_log_reader_start()                 */
    MR_LOG_REVOKED, /* no longer owned: nothing more will be read of it                     */
} mr_log_signal;

typedef struct mr_log_batch {
    mr_log_signal signal;
    uint32_t partition;
    const mr_log_record *records;
    size_t count;
    int64_t
        next_offset; /* after the last record returned; a gap shows as a jump in offsets */
} mr_log_batch;

/* A record to be appended.  Everything is borrowed for the call. */
typedef struct mr_log_entry {
    uint32_t partition; /* or MR_LOG_ANY_PARTITION */
    mr_text key;
    mr_text value;
    const mr_log_header *headers;
    uint32_t header_count;
    int64_t time_ms; /* 0: the log's clock */
} mr_log_entry;

typedef struct mr_log_position {
    uint32_t partition;
    int64_t offset;
} mr_log_position;

typedef struct mr_log mr_log;               /* one topic */
typedef struct mr_log_reader mr_log_reader; /* one member reading it */

/* How a reader gets its partitions. */
typedef enum mr_log_mode {
    MR_LOG_STATIC, /* the partitions named in the options (none named: all)       */
    MR_LOG_GROUP,  /* those a Kafka consumer group gives it; log_file: as STATIC  */
} mr_log_mode;

typedef struct mr_log_reader_options {
    mr_log_mode mode;
    const uint32_t *partitions; /* STATIC */
    size_t partition_count;
    const char *group;       /* under whose name it commits; GROUP: the group.id */
    const char *instance_id; /* GROUP: group.instance.id      */
    size_t batch_records;    /* 0: MR_LOG_BATCH_RECORDS_MAX/4 */
} mr_log_reader_options;

/* One key of librdkafka's configuration, passed through. */
typedef struct mr_log_setting {
    const char *name;
    const char *value;
} mr_log_setting;

typedef struct mr_log_file_options {
    const char *path;  /* the log's directory; the topic is a directory in it          */
    const char *topic; /* "events"                                                     */
    uint32_t
        partitions; /* when the topic is made; an existing one keeps its own number */
    size_t
        segment_bytes; /* roll at this size; 0: 128 MiB                                */
    bool compress;     /* zstd a batch                                                 */
    bool read_only;    /* no lock, no repair, no append: replay and inspection         */
    const mr_clock
        *clock; /* stamps entries that carry no time                            */
} mr_log_file_options;

/*
 * Open or make a topic on disk.
 *
 * A torn tail is cut here (not when read_only) and `ret_cut_bytes` (NULL allowed) says how much.
 * MR_ERR_UNAVAILABLE when another process writes it (the message says what to do);
 * MR_ERR_CORRUPT for damage that is not a tail; MR_ERR_NOT_FOUND when read_only and absent.
 */
MR_MUST_USE mr_status mr_log_open_file(const mr_log_file_options *options,
                                       mr_log **ret_log, int64_t *ret_cut_bytes,
                                       mr_error *ret_error);

typedef struct mr_log_kafka_options {
    const char *topic;
    const mr_log_setting *settings; /* bootstrap.servers and any other key */
    size_t setting_count;
    uint32_t create_partitions; /* > 0: make the topic when it is absent */
    int timeout_ms;             /* to reach the broker at open           */
} mr_log_kafka_options;

/* MR_ERR_UNAVAILABLE when no broker answers in time, MR_ERR_NOT_FOUND when there is no topic,
 * MR_ERR_INVALID for a setting librdkafka refuses: each message names it. */
MR_MUST_USE mr_status mr_log_open_kafka(const mr_log_kafka_options *options,
                                        mr_log **ret_log, mr_error *ret_error);

void mr_log_close(mr_log *log); /* NULL allowed; readers are closed before */

uint32_t mr_log_partitions(const mr_log *log);
const char *mr_log_topic(const mr_log *log); /* lends */

/* The partition that MR_LOG_ANY_PARTITION sends `key` to: of this log, and of any log of
 * so many partitions. */
uint32_t mr_log_partition_of(const mr_log *log, mr_text key);
uint32_t mr_log_partition_among(uint32_t partitions, mr_text key);

/* Tells a topic from another one of the same name, made after the first was removed.  0: the
 * log does not say (a broker older than Kafka 2.8). */
uint64_t mr_log_topic_id(const mr_log *log);

/*
 * Append and wait until all are durable (fsync by group commit; acks=all).  `ret_positions`
 * (NULL allowed) gets one position an entry.
 *
 * MR_ERR_UNAVAILABLE: some or all may not be there; append again, readers see duplicates at
 * worst.  MR_ERR_INVALID: too large or too many headers; nothing was appended.
 */
MR_MUST_USE mr_status mr_log_append(mr_log *log, const mr_log_entry *entries,
                                    size_t count, mr_log_position *ret_positions,
                                    mr_error *ret_error);

/*
 * The same for records whose order matters: after a failure, too, none is in its partition without
 * those before it.  On a broker no two records of a partition are under way together, so it takes
 * as many round trips as the partition with most of them has records.
 */
MR_MUST_USE mr_status mr_log_append_in_order(mr_log *log, const mr_log_entry *entries,
                                             size_t count, mr_error *ret_error);

/* Where to begin without a checkpoint. */
typedef enum mr_log_start { MR_LOG_EARLIEST, MR_LOG_LATEST, MR_LOG_AT_TIME } mr_log_start;

/* The absolute offset that `start` means now.  Start-up only: it may ask the broker. */
MR_MUST_USE mr_status mr_log_resolve(mr_log *log, uint32_t partition, mr_log_start start,
                                     int64_t time_ms, int64_t *ret_offset,
                                     mr_error *ret_error);

/* First offset held and next offset to be written, as last heard; for lag, never blocking.
 * -1 while unknown. */
void mr_log_range(mr_log *log, uint32_t partition, int64_t *ret_first, int64_t *ret_end);

/*
 * What `group` told of its position with mr_log_reader_commit(): the answer to "has it ever read
 * this partition?".  log_kafka: the newest; log_file: the first.  Start-up only: it may ask the
 * broker.  One caller at a time.
 *
 * MR_ERR_NOT_FOUND: it never has; MR_ERR_UNAVAILABLE: nobody can tell now.
 */
MR_MUST_USE mr_status mr_log_committed(mr_log *log, const char *group, uint32_t partition,
                                       int64_t *ret_offset, mr_error *ret_error);

MR_MUST_USE mr_status mr_log_reader_open(mr_log *log,
                                         const mr_log_reader_options *options,
                                         mr_log_reader **ret_reader, mr_error *ret_error);
void mr_log_reader_close(mr_log_reader *reader); /* NULL allowed; leaves the group */

/*
 * The next signal, waiting up to `timeout_ms` (0: do not wait).
 *
 * MR_ERR_UNAVAILABLE: the broker is away; poll again.  MR_ERR_GAP: the log no longer holds the
 * offset asked for: `ret_batch` names the partition, `next_offset` the first one held.
 * MR_ERR_CORRUPT: a stored batch does not verify.
 */
MR_MUST_USE mr_status mr_log_reader_poll(mr_log_reader *reader, int timeout_ms,
                                         mr_log_batch *ret_batch);

/* Any thread: the poll that waits, or else the next that would, returns MR_LOG_IDLE at once. */
void mr_log_reader_wake(mr_log_reader *reader);

/* Answer to MR_LOG_ASSIGNED: read `partition` from `offset` on. */
MR_MUST_USE mr_status mr_log_reader_start(mr_log_reader *reader, uint32_t partition,
                                          int64_t offset);

/* Back-pressure: no records of this partition until resumed. */
MR_MUST_USE mr_status mr_log_reader_pause(mr_log_reader *reader, uint32_t partition);
MR_MUST_USE mr_status mr_log_reader_resume(mr_log_reader *reader, uint32_t partition);

/* Tell the group (advisory: for lag tools, and for mr_log_committed()) where the oldest kept
 * checkpoint stands.  log_kafka never waits; log_file writes the first one down durably and lets
 * the others be. */
void mr_log_reader_commit(mr_log_reader *reader, uint32_t partition, int64_t offset);

#endif
