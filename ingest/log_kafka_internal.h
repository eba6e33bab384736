/*
 * Log Kafka, inside: what the producing side and the consuming side of log_kafka share.
 *
 * Units      As ingest/log.h.
 * Ownership  The log owns its producer and a copy of the settings; a reader has its consumer.
 * Threads    Notes are written from librdkafka's threads under their lock; ranges are atomic.
 * Cost       None.
 */
#ifndef MR_INGEST_LOG_KAFKA_INTERNAL_H
#define MR_INGEST_LOG_KAFKA_INTERNAL_H

#include "ingest/log_internal.h"

#include <pthread.h>

/* librdkafka's, which only log_kafka*.c see. */
typedef struct rd_kafka_s rd_kafka_t;
typedef struct rd_kafka_topic_s rd_kafka_topic_t;
typedef struct rd_kafka_conf_s rd_kafka_conf_t;

enum {
    MR_KAFKA_TEXT_BYTES = 192,
    MR_KAFKA_GROUP_BYTES = 256,
    MR_KAFKA_CONNECTED_MAX = 256,
    MR_KAFKA_QUERY_TIMEOUT_MS = 5000,
};

/* What a client said of itself last; librdkafka's opaque. */
typedef struct mr_kafka_notes {
    pthread_mutex_t lock;
    char text[MR_KAFKA_TEXT_BYTES]; /* under the lock */
    _Atomic uint64_t log_lines;
    /* Under the lock, too: all brokers were down and none has answered since; those connected. */
    bool is_away;
    uint64_t connected[MR_KAFKA_CONNECTED_MAX];
    size_t connected_count;
} mr_kafka_notes;

typedef struct mr_kafka_range {
    _Atomic int64_t first;
    _Atomic int64_t end;
} mr_kafka_range;

typedef struct mr_log_kafka {
    mr_log base;
    mr_log_setting *settings; /* a copy: consumers are made later */
    size_t setting_count;
    int timeout_ms;
    mr_kafka_range *ranges; /* as the readers last heard */
    mr_kafka_notes notes;
    rd_kafka_t *producer;
    rd_kafka_topic_t *topic;
    rd_kafka_t *asker; /* for what a group has committed; NULL: nobody asked yet */
    char asker_group[MR_KAFKA_GROUP_BYTES];
    pthread_t poller; /* serves delivery reports */
    bool has_poller;
    _Atomic bool is_stopping;
    pthread_mutex_t delivery_lock;
    pthread_cond_t delivered;
} mr_log_kafka;

void mr_kafka_notes_init(mr_kafka_notes *notes);
void mr_kafka_notes_deinit(mr_kafka_notes *notes);
void mr_kafka_notes_say_away(mr_kafka_notes *notes, bool is_away);
bool mr_kafka_notes_are_away(mr_kafka_notes *notes);
void mr_kafka_notes_put(mr_kafka_notes *notes, const char *text);
void mr_kafka_notes_get(mr_kafka_notes *notes, char ret_text[MR_KAFKA_TEXT_BYTES]);

typedef enum mr_kafka_role { MR_KAFKA_PRODUCES, MR_KAFKA_CONSUMES } mr_kafka_role;

/*
 * A configuration with our defaults, the user's settings and then what must not differ, `notes`
 * as opaque.  MR_ERR_INVALID names a setting that is unknown, refused or fixed.
 */
MR_MUST_USE mr_status mr_kafka_conf_make(const mr_log_setting *settings, size_t count,
                                         mr_kafka_role role, mr_kafka_notes *notes,
                                         rd_kafka_conf_t **ret_conf, mr_error *ret_error);

/* 0 when the broker gives topics no ids, or does not answer in time. */
uint64_t mr_kafka_topic_id(const mr_log_kafka *log);

/* See mr_log_committed(). */
MR_MUST_USE mr_status mr_kafka_committed(mr_log *base, const char *group,
                                         uint32_t partition, int64_t *ret_offset,
                                         mr_error *ret_error);

MR_MUST_USE mr_status mr_log_kafka_reader_open(mr_log *log,
                                               const mr_log_reader_options *options,
                                               mr_log_reader **ret_reader,
                                               mr_error *ret_error);

#endif
