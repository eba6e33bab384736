/*
 * The consuming side of log_kafka.
 *
 * librdkafka fetches; what is read, and from where, is decided here.  An assignment is held
 * until every partition of it was given its absolute offset, and only then handed on, so that a
 * checkpoint and not the group says where a shard goes on.  A revocation is first told to the
 * caller, partition by partition, and given back when the caller polls again.
 *
 * One fetch brings messages of many partitions; they are sorted into one group a partition, in
 * order, and a poll returns a group.
 */
#include "core/assert.h"
#include "ingest/log_kafka_internal.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

#define NO_OFFSET INT64_C(-1)

typedef enum ownership {
    NOT_OWNED,
    ANNOUNCED, /* MR_LOG_ASSIGNED was queued or returned; its offset is awaited */
    STARTED,
    STOPPED, /* its offset was not held by the log: awaits another one */
} ownership;

typedef struct kafka_partition {
    ownership state;
    bool is_paused;
    int64_t next_offset;
    int64_t
        rewound_from;   /* records from here on are of before the going back; NO_OFFSET */
    size_t group_first; /* in `ordered`, of the present fetch */
    size_t group_count;
    int64_t end_offset; /* end of partition seen behind the group; NO_OFFSET */
    int64_t told_end;   /* the end that was returned last; NO_OFFSET         */
} kafka_partition;

typedef struct kafka_reader {
    mr_log_reader base;
    mr_kafka_notes notes;
    rd_kafka_t *consumer;
    rd_kafka_queue_t *queue;
    bool is_group;
    bool is_closing;
    bool is_revoking; /* to be given back once all signals are returned */
    size_t awaited;   /* announced partitions without an offset         */
    kafka_partition *partition;

    mr_log_batch *signals; /* of a rebalance, in order */
    size_t signal_first;
    size_t signal_count;

    size_t batch_records;
    rd_kafka_message_t **messages; /* the present fetch */
    size_t message_count;
    rd_kafka_message_t **ordered; /* its records, a partition after the other */
    size_t next_group;            /* partition number to be looked at next    */
    mr_log_record *records;
    mr_log_header *headers;
    size_t header_capacity;
    mr_status failure; /* of this fetch; returned after its records */
    mr_log_batch failure_batch;
} kafka_reader;

static mr_log_kafka *log_of(const kafka_reader *reader)
{
    return (mr_log_kafka *)reader->base.log;
}

static void push_signal(kafka_reader *reader, mr_log_signal signal, uint32_t partition)
{
    /* At most a revocation and an assignment of everything wait at once. */
    MR_ASSERT(reader->signal_count < 2 * (size_t)reader->base.log->partitions);
    reader->signals[reader->signal_count++] = (mr_log_batch){
        .signal = signal,
        .partition = partition,
        .next_offset = reader->partition[partition].next_offset,
    };
}

static void announce(kafka_reader *reader, uint32_t partition)
{
    reader->partition[partition] = (kafka_partition){
        .state = ANNOUNCED, .end_offset = NO_OFFSET, .told_end = NO_OFFSET};
    reader->awaited++;
    push_signal(reader, MR_LOG_ASSIGNED, partition);
}

/* Forget what was fetched and not yet returned. */
static void drop_fetch(kafka_reader *reader)
{
    for (size_t i = 0; i < reader->message_count; i++)
        rd_kafka_message_destroy(reader->messages[i]);
    reader->message_count = 0;
    reader->next_group = reader->base.log->partitions;
    reader->failure = MR_OK;
}

/* Have librdkafka fetch every started partition from where it stands. */
static mr_status assign_started(kafka_reader *reader)
{
    const uint32_t partitions = reader->base.log->partitions;
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)partitions);
    rd_kafka_topic_partition_list_t *paused = rd_kafka_topic_partition_list_new(1);
    for (uint32_t i = 0; i < partitions; i++) {
        kafka_partition *partition = &reader->partition[i];
        if (partition->state != STARTED)
            continue;
        rd_kafka_topic_partition_list_add(list, reader->base.log->topic, (int32_t)i)
            ->offset = partition->next_offset;
        if (partition->is_paused)
            (void)rd_kafka_topic_partition_list_add(paused, reader->base.log->topic,
                                                    (int32_t)i);
    }
    rd_kafka_resp_err_t error = rd_kafka_assign(reader->consumer, list);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR && paused->cnt > 0)
        error = rd_kafka_pause_partitions(reader->consumer, paused);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_topic_partition_list_destroy(paused);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
        return MR_OK;
    mr_kafka_notes_put(&reader->notes, rd_kafka_err2str(error));
    return MR_ERR_UNAVAILABLE;
}

static void take_assignment(kafka_reader *reader,
                            const rd_kafka_topic_partition_list_t *list)
{
    const uint32_t partitions = reader->base.log->partitions;
    for (int i = 0; i < list->cnt; i++) {
        /* A partition added since the log was opened is not ours to read: a changed number of
         * partitions stops the engine elsewhere, by name. */
        if (list->elems[i].partition >= 0 &&
            (uint32_t)list->elems[i].partition < partitions)
            announce(reader, (uint32_t)list->elems[i].partition);
    }
    if (reader->awaited == 0)
        (void)rd_kafka_assign(reader->consumer, list);
}

/* Everything is taken away (the eager protocol); an assignment nobody heard of yet is not
 * mentioned at all. */
static void take_revocation(kafka_reader *reader)
{
    const size_t unheard = reader->signal_first;
    for (size_t i = unheard; i < reader->signal_count; i++) {
        if (reader->signals[i].signal == MR_LOG_ASSIGNED)
            reader->partition[reader->signals[i].partition].state = NOT_OWNED;
    }
    reader->signal_first = 0;
    reader->signal_count = 0;
    drop_fetch(reader);
    for (uint32_t i = 0; i < reader->base.log->partitions; i++) {
        if (reader->partition[i].state == NOT_OWNED)
            continue;
        reader->partition[i].state = NOT_OWNED;
        push_signal(reader, MR_LOG_REVOKED, i);
    }
    reader->awaited = 0;
    reader->is_revoking = true;
}

static kafka_reader *reader_of_notes(mr_kafka_notes *notes)
{
    return (kafka_reader *)(void *)((char *)notes - offsetof(kafka_reader, notes));
}

/* Runs inside our own poll, on its thread. */
static void on_rebalance(rd_kafka_t *consumer, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *list, void *opaque)
{
    kafka_reader *reader = reader_of_notes(opaque);
    if (reader->is_closing)
        (void)rd_kafka_assign(consumer, NULL);
    else if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
        take_assignment(reader, list);
    else
        take_revocation(reader);
}

/* The next signal of a rebalance, if any; the caller has dealt with the one before. */
static bool next_signal(kafka_reader *reader, mr_log_batch *ret_batch)
{
    if (reader->signal_first < reader->signal_count) {
        *ret_batch = reader->signals[reader->signal_first++];
        return true;
    }
    reader->signal_first = 0;
    reader->signal_count = 0;
    if (reader->is_revoking) {
        reader->is_revoking = false;
        (void)rd_kafka_assign(reader->consumer, NULL);
    }
    return false;
}

static void fail_fetch(kafka_reader *reader, mr_status status, uint32_t partition,
                       int64_t next_offset)
{
    if (reader->failure != MR_OK)
        return;
    reader->failure = status;
    reader->failure_batch =
        (mr_log_batch){.partition = partition, .next_offset = next_offset};
}

/* The offset asked for is not held; the first one held is asked of the broker, once. */
static void stop_at_gap(kafka_reader *reader, uint32_t partition)
{
    int64_t first = NO_OFFSET;
    int64_t end = NO_OFFSET;
    reader->partition[partition].state = STOPPED;
    (void)rd_kafka_query_watermark_offsets(reader->consumer, reader->base.log->topic,
                                           (int32_t)partition, &first, &end,
                                           MR_KAFKA_QUERY_TIMEOUT_MS);
    fail_fetch(reader, MR_ERR_GAP, partition, first);
}

static void take_error(kafka_reader *reader, const rd_kafka_message_t *message)
{
    const bool is_ours = message->rkt != NULL && message->partition >= 0 &&
                         (uint32_t)message->partition < reader->base.log->partitions;
    const uint32_t number = is_ours ? (uint32_t)message->partition : 0;
    switch (message->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        if (is_ours && reader->partition[number].state == STARTED)
            reader->partition[number].end_offset = message->offset;
        return;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        if (is_ours && reader->partition[number].state == STARTED)
            stop_at_gap(reader, number);
        return;
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
        fail_fetch(reader, MR_ERR_CORRUPT, number,
                   is_ours ? reader->partition[number].next_offset : 0);
        break;
    default: fail_fetch(reader, MR_ERR_UNAVAILABLE, number, 0); break;
    }
    mr_kafka_notes_put(&reader->notes, rd_kafka_message_errstr(message));
}

/* Does this record belong to what is being read now? */
static bool is_wanted(const kafka_partition *partition, int64_t offset)
{
    return partition->state == STARTED && offset >= partition->next_offset;
}

/* Keep the wanted records of the fetch, in order; take note of everything else. */
static void sift_fetch(kafka_reader *reader)
{
    const uint32_t partitions = reader->base.log->partitions;
    for (uint32_t i = 0; i < partitions; i++) {
        reader->partition[i].group_count = 0;
        reader->partition[i].end_offset = NO_OFFSET;
    }
    size_t kept = 0;
    for (size_t i = 0; i < reader->message_count; i++) {
        rd_kafka_message_t *message = reader->messages[i];
        const bool is_record = message->err == RD_KAFKA_RESP_ERR_NO_ERROR &&
                               message->partition >= 0 &&
                               (uint32_t)message->partition < partitions;
        if (is_record &&
            is_wanted(&reader->partition[message->partition], message->offset)) {
            kafka_partition *partition = &reader->partition[message->partition];
            partition->group_count++;
            partition->end_offset =
                NO_OFFSET; /* an end before it was not the last word */
            reader->messages[kept++] = message;
            continue;
        }
        if (!is_record)
            take_error(reader, message);
        rd_kafka_message_destroy(message);
    }
    reader->message_count = kept;
}

/* Bring the messages into one run a partition, in order within each. */
static void group_fetch(kafka_reader *reader)
{
    size_t first = 0;
    for (uint32_t i = 0; i < reader->base.log->partitions; i++) {
        reader->partition[i].group_first = first;
        first += reader->partition[i].group_count;
        reader->partition[i].group_count = 0;
    }
    for (size_t i = 0; i < reader->message_count; i++) {
        kafka_partition *partition = &reader->partition[reader->messages[i]->partition];
        reader->ordered[partition->group_first + partition->group_count++] =
            reader->messages[i];
    }
    rd_kafka_message_t **messages = reader->messages;
    reader->messages = reader->ordered;
    reader->ordered = messages;
    reader->next_group = 0;
}

static mr_status fetch(kafka_reader *reader, int timeout_ms)
{
    drop_fetch(reader);
    const ssize_t count = rd_kafka_consume_batch_queue(
        reader->queue, timeout_ms, reader->messages, reader->batch_records);
    if (count < 0) {
        mr_kafka_notes_put(&reader->notes, rd_kafka_err2str(rd_kafka_last_error()));
        return MR_ERR_UNAVAILABLE;
    }
    reader->message_count = (size_t)count;
    sift_fetch(reader);
    group_fetch(reader);
    return MR_OK;
}

static size_t header_count(const rd_kafka_message_t *message,
                           rd_kafka_headers_t **ret_headers)
{
    if (rd_kafka_message_headers(message, ret_headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    const size_t count = rd_kafka_header_cnt(*ret_headers);
    return count < MR_LOG_HEADERS_MAX ? count : MR_LOG_HEADERS_MAX;
}

static mr_status reserve_headers(kafka_reader *reader, const kafka_partition *partition)
{
    size_t needed = 0;
    for (size_t i = 0; i < partition->group_count; i++) {
        rd_kafka_headers_t *headers;
        needed += header_count(reader->messages[partition->group_first + i], &headers);
    }
    if (needed <= reader->header_capacity)
        return MR_OK;
    mr_log_header *grown = realloc(reader->headers, needed * sizeof(*grown));
    if (grown == NULL)
        return MR_ERR_NO_MEMORY;
    reader->headers = grown;
    reader->header_capacity = needed;
    return MR_OK;
}

/* One message as a record that borrows from it; returns how many headers it has. */
static size_t to_record(const rd_kafka_message_t *message, mr_log_header *ret_headers,
                        mr_log_record *ret_record)
{
    rd_kafka_timestamp_type_t kind;
    const int64_t time_ms = rd_kafka_message_timestamp(message, &kind);
    rd_kafka_headers_t *headers = NULL;
    const size_t count = header_count(message, &headers);
    for (size_t i = 0; i < count; i++) {
        const char *name = "";
        const void *value = NULL;
        size_t bytes = 0;
        (void)rd_kafka_header_get_all(headers, i, &name, &value, &bytes);
        ret_headers[i] = (mr_log_header){
            .name = mr_text_from(name),
            .value = {.bytes = value, .length = (uint32_t)bytes},
        };
    }
    *ret_record = (mr_log_record){
        .key = {.bytes = message->key, .length = (uint32_t)message->key_len},
        .value = {.bytes = message->payload, .length = (uint32_t)message->len},
        .headers = ret_headers,
        .header_count = (uint32_t)count,
        .offset = message->offset,
        .time_ms = kind == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? 0 : time_ms,
    };
    return count;
}

/* What librdkafka heard with its last fetch; no request is made. */
static void note_range(kafka_reader *reader, uint32_t number)
{
    int64_t first = NO_OFFSET;
    int64_t end = NO_OFFSET;
    mr_kafka_range *range = &log_of(reader)->ranges[number];
    if (rd_kafka_get_watermark_offsets(reader->consumer, reader->base.log->topic,
                                       (int32_t)number, &first,
                                       &end) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    if (first >= 0)
        atomic_store(&range->first, first);
    if (end >= 0)
        atomic_store(&range->end, end);
}

static mr_status return_group(kafka_reader *reader, uint32_t number,
                              mr_log_batch *ret_batch)
{
    kafka_partition *partition = &reader->partition[number];
    MR_TRY(reserve_headers(reader, partition));
    size_t headers = 0;
    for (size_t i = 0; i < partition->group_count; i++)
        headers += to_record(reader->messages[partition->group_first + i],
                             &reader->headers[headers], &reader->records[i]);
    partition->next_offset = reader->records[partition->group_count - 1].offset + 1;
    *ret_batch = (mr_log_batch){
        .signal = MR_LOG_RECORDS,
        .partition = number,
        .records = reader->records,
        .count = partition->group_count,
        .next_offset = partition->next_offset,
    };
    partition->group_count = 0;
    note_range(reader, number);
    return MR_OK;
}

static mr_status return_end(kafka_reader *reader, uint32_t number,
                            mr_log_batch *ret_batch)
{
    kafka_partition *partition = &reader->partition[number];
    /* Control records of transactions lie between the last record and the end. */
    partition->next_offset = partition->end_offset;
    partition->told_end = partition->end_offset;
    partition->end_offset = NO_OFFSET;
    note_range(reader, number);
    *ret_batch = (mr_log_batch){
        .signal = MR_LOG_END, .partition = number, .next_offset = partition->next_offset};
    return MR_OK;
}

/* The next group or end of the present fetch; MR_ERR_NOT_FOUND when all were returned. */
static mr_status next_of_fetch(kafka_reader *reader, mr_log_batch *ret_batch)
{
    for (; reader->next_group < reader->base.log->partitions; reader->next_group++) {
        const uint32_t number = (uint32_t)reader->next_group;
        kafka_partition *partition = &reader->partition[number];
        if (partition->state != STARTED || partition->is_paused)
            continue; /* what came for it is fetched again on resume */
        if (partition->group_count > 0)
            return return_group(reader, number, ret_batch);
        if (partition->end_offset != NO_OFFSET &&
            partition->end_offset != partition->told_end)
            return return_end(reader, number, ret_batch);
    }
    if (reader->failure != MR_OK) {
        const mr_status failure = reader->failure;
        reader->failure = MR_OK;
        *ret_batch = reader->failure_batch;
        return failure;
    }
    return MR_ERR_NOT_FOUND;
}

static mr_status kafka_reader_poll(mr_log_reader *base, int timeout_ms,
                                   mr_log_batch *ret_batch)
{
    kafka_reader *reader = (kafka_reader *)base;
    if (next_signal(reader, ret_batch))
        return MR_OK;
    mr_status status = next_of_fetch(reader, ret_batch);
    if (status != MR_ERR_NOT_FOUND)
        return status;
    MR_TRY(fetch(reader, timeout_ms > 0 ? timeout_ms : 0));
    if (reader->signal_first < reader->signal_count && next_signal(reader, ret_batch))
        return MR_OK;
    status = next_of_fetch(reader, ret_batch);
    if (status != MR_ERR_NOT_FOUND) {
        mr_kafka_notes_say_away(&reader->notes, false);
        return status;
    }
    return mr_kafka_notes_are_away(&reader->notes) ? MR_ERR_UNAVAILABLE : MR_OK;
}

static void kafka_reader_wake(mr_log_reader *base)
{
    rd_kafka_queue_yield(((kafka_reader *)base)->queue);
}

static mr_status kafka_reader_start(mr_log_reader *base, uint32_t number, int64_t offset)
{
    kafka_reader *reader = (kafka_reader *)base;
    kafka_partition *partition = &reader->partition[number];
    if (partition->state == NOT_OWNED)
        return MR_ERR_INVALID;
    const bool was_awaited = partition->state == ANNOUNCED;
    partition->next_offset = offset;
    partition->told_end = NO_OFFSET;
    partition->state = STARTED;
    if (was_awaited && --reader->awaited > 0)
        return MR_OK; /* assigned with the last of them */
    drop_fetch(reader);
    return assign_started(reader);
}

static mr_status go_back(kafka_reader *reader, uint32_t number)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, reader->base.log->topic, (int32_t)number)
        ->offset = reader->partition[number].next_offset;
    rd_kafka_error_t *error =
        rd_kafka_seek_partitions(reader->consumer, list, MR_KAFKA_QUERY_TIMEOUT_MS);
    const bool is_done =
        error == NULL && list->elems[0].err == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (!is_done)
        mr_kafka_notes_put(&reader->notes, error != NULL
                                               ? rd_kafka_error_string(error)
                                               : rd_kafka_err2str(list->elems[0].err));
    if (error != NULL)
        rd_kafka_error_destroy(error);
    rd_kafka_topic_partition_list_destroy(list);
    return is_done ? MR_OK : MR_ERR_UNAVAILABLE;
}

static mr_status kafka_reader_pause(mr_log_reader *base, uint32_t number, bool paused)
{
    kafka_reader *reader = (kafka_reader *)base;
    kafka_partition *partition = &reader->partition[number];
    if (partition->state == NOT_OWNED)
        return MR_ERR_INVALID;
    if (partition->state != STARTED || reader->awaited > 0) {
        partition->is_paused = paused; /* told to librdkafka with the assignment */
        return MR_OK;
    }
    if (partition->is_paused == paused)
        return MR_OK;
    /* Records fetched and not returned were dropped: go back to them.  Before resuming, because
     * librdkafka resumes at a position of its own. */
    if (!paused)
        MR_TRY(go_back(reader, number));
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    (void)rd_kafka_topic_partition_list_add(list, base->log->topic, (int32_t)number);
    const rd_kafka_resp_err_t error =
        paused ? rd_kafka_pause_partitions(reader->consumer, list)
               : rd_kafka_resume_partitions(reader->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        return MR_ERR_UNAVAILABLE;
    partition->is_paused = paused;
    return MR_OK;
}

static void kafka_reader_commit(mr_log_reader *base, uint32_t number, int64_t offset)
{
    kafka_reader *reader = (kafka_reader *)base;
    const bool is_steady = !reader->is_revoking && reader->awaited == 0 &&
                           reader->signal_first == reader->signal_count;
    if (!is_steady || reader->partition[number].state != STARTED)
        return;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, base->log->topic, (int32_t)number)->offset =
        offset;
    const rd_kafka_resp_err_t error = rd_kafka_commit(reader->consumer, list, 1);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        mr_kafka_notes_put(&reader->notes, rd_kafka_err2str(error)); /* advisory */
    rd_kafka_topic_partition_list_destroy(list);
}

static void kafka_reader_close(mr_log_reader *base)
{
    kafka_reader *reader = (kafka_reader *)base;
    if (reader->messages != NULL)
        drop_fetch(reader);
    if (reader->queue != NULL)
        rd_kafka_queue_destroy(reader->queue);
    if (reader->consumer != NULL) {
        reader->is_closing = true;
        (void)rd_kafka_consumer_close(reader->consumer);
        rd_kafka_destroy(reader->consumer);
    }
    free(reader->partition);
    free(reader->signals);
    free(reader->messages);
    free(reader->ordered);
    free(reader->records);
    free(reader->headers);
    mr_kafka_notes_deinit(&reader->notes);
    free(reader);
}

static const mr_log_reader_methods kafka_reader_methods = {
    .close = kafka_reader_close,
    .poll = kafka_reader_poll,
    .wake = kafka_reader_wake,
    .start = kafka_reader_start,
    .pause = kafka_reader_pause,
    .commit = kafka_reader_commit,
};

static mr_status set_identity(rd_kafka_conf_t *conf, const char *name, const char *value,
                              mr_error *ret_error)
{
    char reason[160] = "";
    if (value == NULL ||
        rd_kafka_conf_set(conf, name, value, reason, sizeof(reason)) == RD_KAFKA_CONF_OK)
        return MR_OK;
    return mr_error_set(ret_error, MR_ERR_INVALID, "log.kafka.%s: %s", name, reason);
}

static mr_status start_consumer(kafka_reader *reader,
                                const mr_log_reader_options *options, mr_error *ret_error)
{
    const mr_log_kafka *log = log_of(reader);
    rd_kafka_conf_t *conf = NULL;
    MR_TRY(mr_kafka_conf_make(log->settings, log->setting_count, MR_KAFKA_CONSUMES,
                              &reader->notes, &conf, ret_error));
    /* A consumer of fixed partitions needs a group's name too, and never joins it. */
    const char *group = options->group != NULL ? options->group : "millrace";
    mr_status status = set_identity(conf, "group.id", group, ret_error);
    if (status == MR_OK && reader->is_group)
        status = set_identity(conf, "group.instance.id", options->instance_id, ret_error);
    if (status != MR_OK) {
        rd_kafka_conf_destroy(conf);
        return status;
    }
    if (reader->is_group)
        rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    char reason[160] = "";
    reader->consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, reason, sizeof(reason));
    if (reader->consumer == NULL) {
        rd_kafka_conf_destroy(conf);
        return mr_error_set(ret_error, MR_ERR_INVALID, "log.kafka: %s", reason);
    }
    (void)rd_kafka_poll_set_consumer(reader->consumer);
    reader->queue = rd_kafka_queue_get_consumer(reader->consumer);
    return MR_OK;
}

static mr_status subscribe(kafka_reader *reader, mr_error *ret_error)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    (void)rd_kafka_topic_partition_list_add(list, reader->base.log->topic,
                                            RD_KAFKA_PARTITION_UA);
    const rd_kafka_resp_err_t error = rd_kafka_subscribe(reader->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
        return MR_OK;
    return mr_error_set(ret_error, MR_ERR_UNAVAILABLE, "topic %s: subscribe: %s",
                        reader->base.log->topic, rd_kafka_err2str(error));
}

static mr_status announce_static(kafka_reader *reader,
                                 const mr_log_reader_options *options,
                                 mr_error *ret_error)
{
    uint32_t *partitions = NULL;
    size_t count = 0;
    MR_TRY(mr_log_reader_partitions(reader->base.log, options, &partitions, &count,
                                    ret_error));
    for (size_t i = 0; i < count; i++)
        announce(reader, partitions[i]);
    free(partitions);
    return MR_OK;
}

mr_status mr_log_kafka_reader_open(mr_log *log, const mr_log_reader_options *options,
                                   mr_log_reader **ret_reader, mr_error *ret_error)
{
    if (options->mode == MR_LOG_GROUP &&
        (options->group == NULL || options->group[0] == '\0'))
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "log.mode group needs a group's name");
    kafka_reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "log reader: out of memory");
    mr_kafka_notes_init(&reader->notes);
    reader->base = (mr_log_reader){.methods = &kafka_reader_methods, .log = log};
    reader->is_group = options->mode == MR_LOG_GROUP;
    reader->batch_records = mr_log_reader_batch_records(options);
    reader->next_group = log->partitions;
    reader->partition = calloc(log->partitions, sizeof(*reader->partition));
    reader->signals = calloc(2 * (size_t)log->partitions, sizeof(*reader->signals));
    reader->messages = calloc(reader->batch_records, sizeof(rd_kafka_message_t *));
    reader->ordered = calloc(reader->batch_records, sizeof(rd_kafka_message_t *));
    reader->records = calloc(reader->batch_records, sizeof(*reader->records));
    mr_status status = MR_OK;
    if (reader->partition == NULL || reader->signals == NULL ||
        reader->messages == NULL || reader->ordered == NULL || reader->records == NULL)
        status = mr_error_set(ret_error, MR_ERR_NO_MEMORY, "log reader: out of memory");
    if (status == MR_OK)
        status = start_consumer(reader, options, ret_error);
    if (status == MR_OK)
        status = reader->is_group ? subscribe(reader, ret_error)
                                  : announce_static(reader, options, ret_error);
    if (status != MR_OK) {
        kafka_reader_close(&reader->base);
        return status;
    }
    *ret_reader = &reader->base;
    return MR_OK;
}
