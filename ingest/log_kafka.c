/*
 * A topic on a Kafka broker: opening it, producing to it, asking where it begins and ends.
 *
 * An append hands its records to the idempotent producer and sleeps until the broker has
 * acknowledged the last of them; reports are served by a thread of the log, so that appends of
 * several threads do not wait for each other's polls.
 */
#include "ingest/log_kafka_internal.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { POLL_MS = 100, RETRY_MS = 20 };

/* One append; lies on its caller's stack until `left` is 0. */
typedef struct kafka_call {
    size_t left; /* not yet acknowledged; under the log's delivery lock */
    rd_kafka_resp_err_t error;
} kafka_call;

typedef struct kafka_delivery {
    kafka_call *call;
    mr_log_position *position; /* NULL: nobody asks */
} kafka_delivery;

static void sleep_ms(int ms)
{
    const struct timespec time = {.tv_sec = ms / 1000,
                                  .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)nanosleep(&time, NULL);
}

static mr_log_kafka *log_of_notes(mr_kafka_notes *notes)
{
    return (mr_log_kafka *)(void *)((char *)notes - offsetof(mr_log_kafka, notes));
}

static void on_delivery(rd_kafka_t *producer, const rd_kafka_message_t *message,
                        void *opaque)
{
    (void)producer;
    mr_log_kafka *log = log_of_notes(opaque);
    const kafka_delivery *delivery = message->_private;
    (void)pthread_mutex_lock(&log->delivery_lock);
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        delivery->call->error = message->err;
    else if (delivery->position != NULL)
        *delivery->position = (mr_log_position){.partition = (uint32_t)message->partition,
                                                .offset = message->offset};
    if (--delivery->call->left == 0)
        (void)pthread_cond_broadcast(&log->delivered);
    (void)pthread_mutex_unlock(&log->delivery_lock);
}

static void *serve_reports(void *argument)
{
    mr_log_kafka *log = argument;
    while (!atomic_load(&log->is_stopping))
        (void)rd_kafka_poll(log->producer, POLL_MS);
    return NULL;
}

static rd_kafka_headers_t *copy_headers(const mr_log_entry *entry)
{
    if (entry->header_count == 0)
        return NULL;
    rd_kafka_headers_t *headers = rd_kafka_headers_new(entry->header_count);
    for (uint32_t i = 0; i < entry->header_count; i++) {
        const mr_log_header *header = &entry->headers[i];
        (void)rd_kafka_header_add(headers, header->name.bytes,
                                  (ssize_t)header->name.length, header->value.bytes,
                                  (ssize_t)header->value.length);
    }
    return headers;
}

static rd_kafka_resp_err_t produce(mr_log_kafka *log, const mr_log_entry *entry,
                                   kafka_delivery *delivery)
{
    const bool has_key = entry->key.length > 0;
    rd_kafka_headers_t *headers = copy_headers(entry);
    /* The value is borrowed until its report; the key is copied, the headers are taken. */
    const rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = log->topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION,
         .u.i32 = entry->partition == MR_LOG_ANY_PARTITION ? RD_KAFKA_PARTITION_UA
                                                           : (int32_t)entry->partition},
        {.vtype = RD_KAFKA_VTYPE_KEY,
         .u.mem = {has_key ? (void *)(uintptr_t)entry->key.bytes : NULL,
                   entry->key.length}},
        {.vtype = RD_KAFKA_VTYPE_VALUE,
         .u.mem = {(void *)(uintptr_t)entry->value.bytes, entry->value.length}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = entry->time_ms},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = delivery},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    const size_t count = sizeof(parts) / sizeof(parts[0]) - (headers == NULL ? 1 : 0);
    for (;;) {
        rd_kafka_error_t *error = rd_kafka_produceva(log->producer, parts, count);
        if (error == NULL)
            return RD_KAFKA_RESP_ERR_NO_ERROR;
        const rd_kafka_resp_err_t code = rd_kafka_error_code(error);
        rd_kafka_error_destroy(error);
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            if (headers != NULL)
                rd_kafka_headers_destroy(headers);
            return code;
        }
        sleep_ms(RETRY_MS); /* drains as reports are served */
    }
}

static mr_status append_failed(mr_log_kafka *log, rd_kafka_resp_err_t error,
                               bool was_any_sent, mr_error *ret_error)
{
    char note[MR_KAFKA_TEXT_BYTES];
    mr_kafka_notes_get(&log->notes, note);
    const bool is_invalid =
        !was_any_sent && (error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
                          error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION);
    return mr_error_set(ret_error, is_invalid ? MR_ERR_INVALID : MR_ERR_UNAVAILABLE,
                        "topic %s: %s (%s)", log->base.topic, rd_kafka_err2str(error),
                        note);
}

static mr_status kafka_append(mr_log *base, const mr_log_entry *entries, size_t count,
                              mr_log_position *ret_positions, mr_error *ret_error)
{
    mr_log_kafka *log = (mr_log_kafka *)base;
    kafka_delivery *deliveries = calloc(count, sizeof(*deliveries));
    if (deliveries == NULL)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "log append: out of memory");
    kafka_call call = {.left = count};
    size_t sent = 0;
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (; sent < count; sent++) {
        deliveries[sent] = (kafka_delivery){
            .call = &call,
            .position = ret_positions != NULL ? &ret_positions[sent] : NULL};
        error = produce(log, &entries[sent], &deliveries[sent]);
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
            break;
    }
    (void)pthread_mutex_lock(&log->delivery_lock);
    call.left -= count - sent; /* those that were never handed over */
    while (call.left > 0)
        (void)pthread_cond_wait(&log->delivered, &log->delivery_lock);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
        error = call.error;
    (void)pthread_mutex_unlock(&log->delivery_lock);
    free(deliveries);
    return error == RD_KAFKA_RESP_ERR_NO_ERROR
               ? MR_OK
               : append_failed(log, error, sent > 0, ret_error);
}

static mr_status query_range(mr_log_kafka *log, uint32_t partition, int64_t *ret_first,
                             int64_t *ret_end, mr_error *ret_error)
{
    const rd_kafka_resp_err_t error = rd_kafka_query_watermark_offsets(
        log->producer, log->base.topic, (int32_t)partition, ret_first, ret_end,
        log->timeout_ms);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
        return MR_OK;
    return mr_error_set(ret_error, MR_ERR_UNAVAILABLE, "topic %s, partition %u: %s",
                        log->base.topic, partition, rd_kafka_err2str(error));
}

static mr_status query_time(mr_log_kafka *log, uint32_t partition, int64_t time_ms,
                            int64_t *ret_offset, mr_error *ret_error)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, log->base.topic, (int32_t)partition)->offset =
        time_ms;
    rd_kafka_resp_err_t error =
        rd_kafka_offsets_for_times(log->producer, list, log->timeout_ms);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
        error = list->elems[0].err;
    *ret_offset = list->elems[0].offset; /* negative: no record is that young */
    rd_kafka_topic_partition_list_destroy(list);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
        return MR_OK;
    return mr_error_set(ret_error, MR_ERR_UNAVAILABLE, "topic %s, partition %u: %s",
                        log->base.topic, partition, rd_kafka_err2str(error));
}

static mr_status kafka_resolve(mr_log *base, uint32_t partition, mr_log_start start,
                               int64_t time_ms, int64_t *ret_offset, mr_error *ret_error)
{
    mr_log_kafka *log = (mr_log_kafka *)base;
    int64_t first = -1;
    int64_t end = -1;
    int64_t offset = -1;
    if (start == MR_LOG_AT_TIME)
        MR_TRY(query_time(log, partition, time_ms, &offset, ret_error));
    if (offset < 0) {
        MR_TRY(query_range(log, partition, &first, &end, ret_error));
        offset = start == MR_LOG_EARLIEST ? first : end;
    }
    *ret_offset = offset;
    return MR_OK;
}

static void kafka_range(mr_log *base, uint32_t partition, int64_t *ret_first,
                        int64_t *ret_end)
{
    mr_kafka_range *range = &((mr_log_kafka *)base)->ranges[partition];
    *ret_first = atomic_load(&range->first);
    *ret_end = atomic_load(&range->end);
}

static void kafka_close(mr_log *base)
{
    mr_log_kafka *log = (mr_log_kafka *)base;
    atomic_store(&log->is_stopping, true);
    if (log->has_poller)
        (void)pthread_join(log->poller, NULL);
    if (log->asker != NULL)
        rd_kafka_destroy(log->asker);
    if (log->topic != NULL)
        rd_kafka_topic_destroy(log->topic);
    if (log->producer != NULL)
        rd_kafka_destroy(log->producer);
    for (size_t i = 0; log->settings != NULL && i < log->setting_count; i++) {
        char *value = (char *)(uintptr_t)log->settings[i].value;
        if (value != NULL)
            explicit_bzero(value, strlen(value)); /* it may be a password */
        free(value);
        free((char *)(uintptr_t)log->settings[i].name);
    }
    free(log->settings);
    free(log->ranges);
    free(base->topic);
    (void)pthread_cond_destroy(&log->delivered);
    (void)pthread_mutex_destroy(&log->delivery_lock);
    mr_kafka_notes_deinit(&log->notes);
    free(log);
}

static const mr_log_methods kafka_methods = {
    .close = kafka_close,
    .append = kafka_append,
    .resolve = kafka_resolve,
    .range = kafka_range,
    .committed = mr_kafka_committed,
    .reader_open = mr_log_kafka_reader_open,
};

static mr_status copy_settings(mr_log_kafka *log, const mr_log_kafka_options *options)
{
    log->settings = calloc(options->setting_count + 1, sizeof(*log->settings));
    if (log->settings == NULL)
        return MR_ERR_NO_MEMORY;
    for (size_t i = 0; i < options->setting_count; i++) {
        log->settings[i] = (mr_log_setting){.name = strdup(options->settings[i].name),
                                            .value = strdup(options->settings[i].value)};
        log->setting_count = i + 1;
        if (log->settings[i].name == NULL || log->settings[i].value == NULL)
            return MR_ERR_NO_MEMORY;
    }
    return MR_OK;
}

static mr_status start_producer(mr_log_kafka *log, mr_error *ret_error)
{
    rd_kafka_conf_t *conf = NULL;
    char reason[160] = "";
    MR_TRY(mr_kafka_conf_make(log->settings, log->setting_count, MR_KAFKA_PRODUCES,
                              &log->notes, &conf, ret_error));
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    log->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof(reason));
    if (log->producer == NULL) {
        rd_kafka_conf_destroy(conf);
        return mr_error_set(ret_error, MR_ERR_INVALID, "log.kafka: %s", reason);
    }
    log->topic = rd_kafka_topic_new(log->producer, log->base.topic, NULL);
    if (log->topic == NULL)
        return mr_error_set(ret_error, MR_ERR_INVALID, "log.kafka: topic %s: %s",
                            log->base.topic, rd_kafka_err2str(rd_kafka_last_error()));
    if (pthread_create(&log->poller, NULL, serve_reports, log) != 0)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "log.kafka: no thread");
    log->has_poller = true;
    return MR_OK;
}

/* Ask for all topics: to ask for one by name would make it where brokers auto-create. */
static mr_status find_topic(mr_log_kafka *log, uint32_t *ret_partitions,
                            mr_error *ret_error)
{
    const struct rd_kafka_metadata *metadata = NULL;
    const rd_kafka_resp_err_t error =
        rd_kafka_metadata(log->producer, 1, NULL, &metadata, log->timeout_ms);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        char note[MR_KAFKA_TEXT_BYTES];
        mr_kafka_notes_get(&log->notes, note);
        return mr_error_set(ret_error, MR_ERR_UNAVAILABLE,
                            "log.kafka: no broker answered in %d ms: %s", log->timeout_ms,
                            note[0] != '\0' ? note : rd_kafka_err2str(error));
    }
    int partitions = 0;
    for (int i = 0; i < metadata->topic_cnt; i++) {
        if (strcmp(metadata->topics[i].topic, log->base.topic) == 0 &&
            metadata->topics[i].err == RD_KAFKA_RESP_ERR_NO_ERROR)
            partitions = metadata->topics[i].partition_cnt;
    }
    rd_kafka_metadata_destroy(metadata);
    if (partitions == 0)
        return mr_error_set(
            ret_error, MR_ERR_NOT_FOUND,
            "log.kafka: the broker has no topic %s: make it, or name another",
            log->base.topic);
    *ret_partitions = (uint32_t)partitions;
    return MR_OK;
}

/* The broker's answer to a creation: NO_ERROR or TOPIC_ALREADY_EXISTS are both fine. */
static mr_status creation_result(mr_log_kafka *log, rd_kafka_event_t *event,
                                 mr_error *ret_error)
{
    if (event == NULL)
        return mr_error_set(ret_error, MR_ERR_UNAVAILABLE,
                            "log.kafka: making topic %s: no answer in %d ms",
                            log->base.topic, log->timeout_ms);
    const rd_kafka_CreateTopics_result_t *result =
        rd_kafka_event_CreateTopics_result(event);
    rd_kafka_resp_err_t error = rd_kafka_event_error(event);
    const char *reason = rd_kafka_event_error_string(event);
    size_t count = 0;
    const rd_kafka_topic_result_t **topics =
        result != NULL ? rd_kafka_CreateTopics_result_topics(result, &count) : NULL;
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR && count == 1) {
        error = rd_kafka_topic_result_error(topics[0]);
        reason = rd_kafka_topic_result_error_string(topics[0]);
    }
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR ||
        error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        return MR_OK;
    return mr_error_set(ret_error, MR_ERR_UNAVAILABLE, "log.kafka: making topic %s: %s",
                        log->base.topic,
                        reason != NULL ? reason : rd_kafka_err2str(error));
}

static mr_status create_topic(mr_log_kafka *log, uint32_t partitions, mr_error *ret_error)
{
    char reason[160] = "";
    /* -1: the broker's own default replication. */
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(log->base.topic, (int)partitions,
                                                       -1, reason, sizeof(reason));
    if (topic == NULL)
        return mr_error_set(ret_error, MR_ERR_INVALID, "log.kafka: topic %s: %s",
                            log->base.topic, reason);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(log->producer);
    rd_kafka_CreateTopics(log->producer, &topic, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, log->timeout_ms);
    const mr_status status = creation_result(log, event, ret_error);
    if (event != NULL)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(topic);
    MR_TRY(status);

    /* The brokers learn of it one after the other. */
    mr_status found = MR_ERR_NOT_FOUND;
    uint32_t count = 0;
    for (int waited_ms = 0; found == MR_ERR_NOT_FOUND && waited_ms < log->timeout_ms;
         waited_ms += RETRY_MS) {
        found = find_topic(log, &count, ret_error);
        if (found == MR_ERR_NOT_FOUND)
            sleep_ms(RETRY_MS);
    }
    return found;
}

static mr_status open_topic(mr_log_kafka *log, uint32_t create_partitions,
                            mr_error *ret_error)
{
    MR_TRY(start_producer(log, ret_error));
    mr_status status = find_topic(log, &log->base.partitions, ret_error);
    if (status == MR_ERR_NOT_FOUND && create_partitions > 0) {
        MR_TRY(create_topic(log, create_partitions, ret_error));
        status = find_topic(log, &log->base.partitions, ret_error);
    }
    MR_TRY(status);
    log->base.topic_id = mr_kafka_topic_id(log);
    log->ranges = calloc(log->base.partitions, sizeof(*log->ranges));
    if (log->ranges == NULL)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "log.kafka: out of memory");
    for (uint32_t i = 0; i < log->base.partitions; i++) {
        atomic_init(&log->ranges[i].first, -1);
        atomic_init(&log->ranges[i].end, -1);
    }
    return MR_OK;
}

mr_status mr_log_open_kafka(const mr_log_kafka_options *options, mr_log **ret_log,
                            mr_error *ret_error)
{
    if (options->topic == NULL || options->topic[0] == '\0')
        return mr_error_set(ret_error, MR_ERR_INVALID, "log.topic is missing");
    mr_log_kafka *log = calloc(1, sizeof(*log));
    if (log == NULL)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "log.kafka: out of memory");
    log->base.methods = &kafka_methods;
    log->timeout_ms =
        options->timeout_ms > 0 ? options->timeout_ms : MR_KAFKA_QUERY_TIMEOUT_MS;
    mr_kafka_notes_init(&log->notes);
    (void)pthread_mutex_init(&log->delivery_lock, NULL);
    (void)pthread_cond_init(&log->delivered, NULL);
    log->base.topic = strdup(options->topic);

    mr_status status =
        log->base.topic == NULL ? MR_ERR_NO_MEMORY : copy_settings(log, options);
    if (status != MR_OK)
        (void)mr_error_set(ret_error, status, "log.kafka: out of memory");
    else
        status = open_topic(log, options->create_partitions, ret_error);
    if (status != MR_OK) {
        kafka_close(&log->base);
        return status;
    }
    *ret_log = &log->base;
    return MR_OK;
}
