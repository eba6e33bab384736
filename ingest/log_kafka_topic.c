/*
 * What only the broker knows of a topic: its id, and what a group has committed.
 */
#include "ingest/log_kafka_internal.h"

#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { ASK_AGAIN_MS = 100 };

static uint64_t id_of(const rd_kafka_event_t *event)
{
    const rd_kafka_DescribeTopics_result_t *result =
        event != NULL ? rd_kafka_event_DescribeTopics_result((rd_kafka_event_t *)event)
                      : NULL;
    size_t count = 0;
    const rd_kafka_TopicDescription_t **topics =
        result != NULL ? rd_kafka_DescribeTopics_result_topics(result, &count) : NULL;
    /* No error is a NULL, whose code is that of success. */
    if (count != 1 || rd_kafka_error_code(rd_kafka_TopicDescription_error(topics[0])) !=
                          RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    const rd_kafka_Uuid_t *id = rd_kafka_TopicDescription_topic_id(topics[0]);
    return id != NULL ? (uint64_t)rd_kafka_Uuid_most_significant_bits(id) ^
                            (uint64_t)rd_kafka_Uuid_least_significant_bits(id)
                      : 0;
}

uint64_t mr_kafka_topic_id(const mr_log_kafka *log)
{
    const char *name = log->base.topic;
    rd_kafka_TopicCollection_t *topics =
        rd_kafka_TopicCollection_of_topic_names(&name, 1);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(log->producer);
    rd_kafka_DescribeTopics(log->producer, topics, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, log->timeout_ms);
    const uint64_t id = id_of(event);
    if (event != NULL)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_TopicCollection_destroy(topics);
    return id;
}

/* A consumer that names the group and joins nothing; kept, since a member may ask for each of its
 * partitions. */
static mr_status open_asker(mr_log_kafka *log, const char *group, mr_error *ret_error)
{
    rd_kafka_conf_t *conf = NULL;
    char reason[160] = "";
    MR_TRY(mr_kafka_conf_make(log->settings, log->setting_count, MR_KAFKA_CONSUMES,
                              &log->notes, &conf, ret_error));
    if (rd_kafka_conf_set(conf, "group.id", group, reason, sizeof(reason)) ==
        RD_KAFKA_CONF_OK)
        log->asker = rd_kafka_new(RD_KAFKA_CONSUMER, conf, reason, sizeof(reason));
    if (log->asker == NULL) {
        rd_kafka_conf_destroy(conf);
        return mr_error_set(ret_error, MR_ERR_INVALID, "log.group %s: %s", group, reason);
    }
    (void)snprintf(log->asker_group, sizeof(log->asker_group), "%s", group);
    return MR_OK;
}

/* The group's coordinator moves, or has only just been chosen: it is asked for again. */
static bool is_passing(rd_kafka_resp_err_t error)
{
    return error == RD_KAFKA_RESP_ERR_NOT_COORDINATOR ||
           error == RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE ||
           error == RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS ||
           error == RD_KAFKA_RESP_ERR__WAIT_COORD;
}

static rd_kafka_resp_err_t ask(mr_log_kafka *log, uint32_t partition, int64_t *ret_offset)
{
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int waited_ms = 0; waited_ms <= log->timeout_ms; waited_ms += ASK_AGAIN_MS) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        (void)rd_kafka_topic_partition_list_add(list, log->base.topic,
                                                (int32_t)partition);
        error = rd_kafka_committed(log->asker, list, log->timeout_ms);
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
            error = list->elems[0].err;
        *ret_offset = list->elems[0].offset;
        rd_kafka_topic_partition_list_destroy(list);
        if (!is_passing(error))
            return error;
        (void)nanosleep(&(struct timespec){.tv_nsec = ASK_AGAIN_MS * 1000000L}, NULL);
    }
    return error;
}

mr_status mr_kafka_committed(mr_log *base, const char *group, uint32_t partition,
                             int64_t *ret_offset, mr_error *ret_error)
{
    mr_log_kafka *log = (mr_log_kafka *)base;
    if (log->asker != NULL && strcmp(log->asker_group, group) != 0) {
        rd_kafka_destroy(log->asker);
        log->asker = NULL;
    }
    if (log->asker == NULL)
        MR_TRY(open_asker(log, group, ret_error));
    int64_t offset = -1;
    const rd_kafka_resp_err_t error = ask(log, partition, &offset);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        return mr_error_set(ret_error, MR_ERR_UNAVAILABLE,
                            "topic %s, partition %" PRIu32 ", group %s: %s", base->topic,
                            partition, group, rd_kafka_err2str(error));
    if (offset < 0)
        return mr_error_set(ret_error, MR_ERR_NOT_FOUND,
                            "group %s has committed nothing of partition %" PRIu32, group,
                            partition);
    *ret_offset = offset;
    return MR_OK;
}
