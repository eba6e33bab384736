#include "app/topic_walk.h"

enum { POLL_TIMEOUT_MS = 1000, SILENT_POLLS_MAX = 30 };

static mr_status begin(mr_log *log, mr_log_reader *reader, uint32_t partition,
                       mr_error *ret_error)
{
    int64_t offset;
    MR_TRY(mr_log_resolve(log, partition, MR_LOG_EARLIEST, 0, &offset, ret_error));
    return mr_log_reader_start(reader, partition, offset);
}

static mr_status walk(mr_log *log, mr_log_reader *reader, mr_topic_visitor *visitor,
                      void *context, mr_error *ret_error)
{
    uint32_t open = mr_log_partitions(log);
    for (int silent = 0; open > 0;) {
        mr_log_batch batch = {0};
        const mr_status status = mr_log_reader_poll(reader, POLL_TIMEOUT_MS, &batch);
        if (status == MR_ERR_UNAVAILABLE ||
            (status == MR_OK && batch.signal == MR_LOG_IDLE)) {
            if (++silent == SILENT_POLLS_MAX)
                return mr_error_set(ret_error, MR_ERR_UNAVAILABLE,
                                    "topic %s has been silent for %d s",
                                    mr_log_topic(log), SILENT_POLLS_MAX);
            continue;
        }
        if (status != MR_OK)
            return mr_error_set(ret_error, status, "topic %s cannot be read: %s",
                                mr_log_topic(log), mr_status_name(status));
        silent = 0;
        if (batch.signal == MR_LOG_ASSIGNED) {
            MR_TRY(begin(log, reader, batch.partition, ret_error));
        } else if (batch.signal == MR_LOG_RECORDS) {
            MR_TRY(visitor(context, &batch, ret_error));
        } else if (batch.signal == MR_LOG_END) {
            open--;
            MR_TRY(mr_log_reader_pause(reader, batch.partition));
        }
    }
    return MR_OK;
}

mr_status mr_topic_walk(mr_log *log, mr_topic_visitor *visitor, void *context,
                        mr_error *ret_error)
{
    const mr_log_reader_options options = {.mode = MR_LOG_STATIC,
                                           .batch_records = MR_TOPIC_WALK_RECORDS};
    mr_log_reader *reader = NULL;
    MR_TRY(mr_log_reader_open(log, &options, &reader, ret_error));
    const mr_status status = walk(log, reader, visitor, context, ret_error);
    mr_log_reader_close(reader);
    return status;
}
