#include "app/topics.h"

#include "app/log_line.h"

#include <inttypes.h>
#include <string.h>

enum { KAFKA_OPEN_TIMEOUT_MS = 10000 };

static mr_status open_kafka(const mr_config *config, mr_topics_use use, const char *topic,
                            uint32_t partitions, mr_log **ret_log, mr_error *ret_error)
{
    mr_log_setting settings[MR_CONFIG_KAFKA_SETTINGS_MAX];
    for (size_t i = 0; i < config->log.kafka_count; i++)
        settings[i] =
            (mr_log_setting){config->log.kafka[i].name, config->log.kafka[i].value};
    const mr_log_kafka_options options = {
        .topic = topic,
        .settings = settings,
        .setting_count = config->log.kafka_count,
        .create_partitions = use == MR_TOPICS_OWN ? partitions : 0,
        .timeout_ms = KAFKA_OPEN_TIMEOUT_MS,
    };
    return mr_log_open_kafka(&options, ret_log, ret_error);
}

mr_status mr_topic_open(const mr_config *config, mr_topics_use use, const char *topic,
                        uint32_t partitions, mr_log **ret_log, mr_error *ret_error)
{
    if (config->log.kind == MR_KIND_REMOTE)
        return open_kafka(config, use, topic, partitions, ret_log, ret_error);

    const mr_log_file_options options = {
        .path = config->log.path,
        .topic = topic,
        .partitions = partitions,
        .segment_bytes = (size_t)config->log.segment_bytes,
        .compress = true,
        .read_only = use != MR_TOPICS_OWN,
        .clock = mr_clock_system(),
    };
    int64_t cut_bytes = 0;
    MR_TRY(mr_log_open_file(&options, ret_log, &cut_bytes, ret_error));
    if (cut_bytes > 0)
        mr_log_warn("event=log_tail_cut topic=%s bytes=%" PRId64, topic, cut_bytes);
    return MR_OK;
}

mr_status mr_topics_open(const mr_config *config, mr_topics_use use,
                         mr_topics *ret_topics, mr_error *ret_error)
{
    mr_topics topics = {0};
    mr_status status =
        mr_topic_open(config, use, config->log.topic, (uint32_t)config->log.partitions,
                      &topics.events, ret_error);
    if (status == MR_OK)
        status = mr_topic_open(config, use, config->log.catalogue_topic, 1,
                               &topics.catalogue, ret_error);
    if (status == MR_ERR_NOT_FOUND && use == MR_TOPICS_READ && topics.events != NULL)
        status = MR_OK;
    if (status == MR_OK && use != MR_TOPICS_READ)
        status = mr_topic_open(config, use, config->log.alerts_topic, 1, &topics.alerts,
                               ret_error);
    if (status == MR_OK && use == MR_TOPICS_OWN)
        status = mr_topic_open(config, use, config->log.dead_letter_topic, 1,
                               &topics.dead_letters, ret_error);
    if (status == MR_OK && use == MR_TOPICS_OWN)
        status = mr_topic_open(config, use, config->log.late_topic, 1, &topics.late,
                               ret_error);
    if (status == MR_OK && topics.alerts != NULL && mr_log_partitions(topics.alerts) != 1)
        status =
            mr_error_set(ret_error, MR_ERR_INVALID,
                         "topic %s has %u partitions; alerts need exactly one, so that "
                         "its offset can be a reader's cursor",
                         config->log.alerts_topic, mr_log_partitions(topics.alerts));
    if (status != MR_OK) {
        mr_topics_close(&topics);
        return status;
    }
    *ret_topics = topics;
    return MR_OK;
}

void mr_topics_close(mr_topics *topics)
{
    mr_log_close(topics->events);
    mr_log_close(topics->catalogue);
    mr_log_close(topics->alerts);
    mr_log_close(topics->dead_letters);
    mr_log_close(topics->late);
    *topics = (mr_topics){0};
}

mr_status mr_topics_start(const mr_config *config, mr_log *log, uint32_t partition,
                          int64_t *ret_offset, mr_error *ret_error)
{
    if (strcmp(config->log.start, "earliest") == 0)
        return mr_log_resolve(log, partition, MR_LOG_EARLIEST, 0, ret_offset, ret_error);
    if (strcmp(config->log.start, "latest") == 0)
        return mr_log_resolve(log, partition, MR_LOG_LATEST, 0, ret_offset, ret_error);
    int64_t time_ms = 0;
    if (mr_text_to_time_ms(mr_text_from(config->log.start), &time_ms) != MR_OK)
        return mr_error_set(
            ret_error, MR_ERR_INVALID,
            "log.start: '%s' is neither earliest, latest nor a time such as "
            "2026-11-21T08:00:00Z",
            config->log.start);
    return mr_log_resolve(log, partition, MR_LOG_AT_TIME, time_ms, ret_offset, ret_error);
}

mr_status mr_topics_decoder(const mr_config *config, const mr_buffer *control_key,
                            mr_decoder **ret_decoder, mr_error *ret_error)
{
    mr_decoder_options options = {
        .topic = config->log.topic,
        .control_key = control_key->length > 0 ? control_key->bytes : NULL,
        .control_key_bytes = control_key->length,
    };
    MR_TRY(mr_dialect_parse(config->log.format, &options.dialect, &options.csv_profile,
                            ret_error));
    return mr_decoder_create(&options, ret_decoder, ret_error);
}
