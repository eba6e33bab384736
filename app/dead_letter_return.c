#include "app/dead_letter_return.h"

#include "ingest/dead_letter.h"

enum { POLL_TIMEOUT_MS = 1000, SILENT_POLLS_MAX = 30, BATCH_RECORDS = 256 };

static mr_status send_back(const mr_log_batch *read, mr_log *events,
                           mr_dead_letter_counts *counts, mr_error *ret_error)
{
    mr_dead_letter letters[BATCH_RECORDS];
    mr_log_entry entries[BATCH_RECORDS];
    for (size_t done = 0; done < read->count;) {
        size_t count = 0;
        for (; done < read->count && count < BATCH_RECORDS; done++) {
            if (mr_dead_letter_restore(&letters[count], &read->records[done],
                                       &entries[count]) == MR_OK)
                count++;
            else
                counts->foreign++;
        }
        if (count > 0)
            MR_TRY(mr_log_append(events, entries, count, NULL, ret_error));
        counts->returned += count;
    }
    return MR_OK;
}

static mr_status begin(mr_log *log, mr_log_reader *reader, uint32_t partition,
                       mr_error *ret_error)
{
    int64_t offset;
    MR_TRY(mr_log_resolve(log, partition, MR_LOG_EARLIEST, 0, &offset, ret_error));
    return mr_log_reader_start(reader, partition, offset);
}

static mr_status read_all(mr_log *log, mr_log_reader *reader, mr_log *events,
                          mr_dead_letter_counts *counts, mr_error *ret_error)
{
    uint32_t open = mr_log_partitions(log);
    for (int silent = 0; open > 0;) {
        mr_log_batch read = {0};
        const mr_status status = mr_log_reader_poll(reader, POLL_TIMEOUT_MS, &read);
        if (status == MR_ERR_UNAVAILABLE ||
            (status == MR_OK && read.signal == MR_LOG_IDLE)) {
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
        if (read.signal == MR_LOG_ASSIGNED) {
            MR_TRY(begin(log, reader, read.partition, ret_error));
        } else if (read.signal == MR_LOG_RECORDS) {
            MR_TRY(send_back(&read, events, counts, ret_error));
        } else if (read.signal == MR_LOG_END) {
            open--;
            MR_TRY(mr_log_reader_pause(reader, read.partition));
        }
    }
    return MR_OK;
}

mr_status mr_dead_letter_return(mr_log *dead_letters, mr_log *events,
                                mr_dead_letter_counts *ret_counts, mr_error *ret_error)
{
    const mr_log_reader_options options = {.mode = MR_LOG_STATIC,
                                           .batch_records = BATCH_RECORDS};
    mr_dead_letter_counts counts = {0};
    mr_log_reader *reader = NULL;
    MR_TRY(mr_log_reader_open(dead_letters, &options, &reader, ret_error));
    const mr_status status = read_all(dead_letters, reader, events, &counts, ret_error);
    mr_log_reader_close(reader);
    if (status == MR_OK)
        *ret_counts = counts;
    return status;
}
