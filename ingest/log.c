#include "ingest/log_internal.h"

#include <stdlib.h>
#include <string.h>

/* The hash by which Java's producer chooses a partition, so that every producer of a shop
 * sends one user to one partition [Appleby, MurmurHash2; seed as in Kafka's Utils.murmur2]. */
static uint32_t murmur2(const uint8_t *bytes, size_t length)
{
    const uint32_t m = 0x5bd1e995U;
    const uint32_t seed = 0x9747b28cU;
    uint32_t h = seed ^ (uint32_t)length;
    for (; length >= 4; bytes += 4, length -= 4) {
        uint32_t k = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 |
                     (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
        k *= m;
        k ^= k >> 24;
        h = (h * m) ^ (k * m);
    }
    if (length == 3)
        h ^= (uint32_t)bytes[2] << 16;
    if (length >= 2)
        h ^= (uint32_t)bytes[1] << 8;
    if (length >= 1)
        h = (h ^ bytes[0]) * m;
    h = (h ^ h >> 13) * m;
    return h ^ h >> 15;
}

uint32_t mr_log_partition_among(uint32_t partitions, mr_text key)
{
    const uint32_t hash = murmur2((const uint8_t *)key.bytes, key.length);
    return (hash & 0x7fffffffU) % partitions;
}

uint32_t mr_log_partition_of(const mr_log *log, mr_text key)
{
    return mr_log_partition_among(log->partitions, key);
}

uint32_t mr_log_entry_partition(mr_log *log, const mr_log_entry *entry)
{
    if (entry->partition != MR_LOG_ANY_PARTITION)
        return entry->partition;
    if (entry->key.length > 0)
        return mr_log_partition_of(log, entry->key);
    /* Relaxed: the counter only spreads records, nothing is published through it. */
    return atomic_fetch_add_explicit(&log->round_robin, 1, memory_order_relaxed) %
           log->partitions;
}

mr_status mr_log_reader_partitions(const mr_log *log,
                                   const mr_log_reader_options *options,
                                   uint32_t **ret_partitions, size_t *ret_count,
                                   mr_error *ret_error)
{
    const bool all = options->partition_count == 0;
    const size_t count = all ? log->partitions : options->partition_count;
    for (size_t i = 0; !all && i < count; i++) {
        if (options->partitions[i] >= log->partitions)
            return mr_error_set(ret_error, MR_ERR_INVALID,
                                "topic %s has %u partitions: there is no partition %u",
                                log->topic, log->partitions, options->partitions[i]);
    }
    uint32_t *partitions = calloc(count, sizeof(*partitions));
    if (partitions == NULL)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "log reader: out of memory");
    for (size_t i = 0; i < count; i++)
        partitions[i] = all ? (uint32_t)i : options->partitions[i];
    *ret_partitions = partitions;
    *ret_count = count;
    return MR_OK;
}

size_t mr_log_reader_batch_records(const mr_log_reader_options *options)
{
    if (options->batch_records == 0)
        return MR_LOG_BATCH_RECORDS_MAX / 4;
    return options->batch_records < MR_LOG_BATCH_RECORDS_MAX ? options->batch_records
                                                             : MR_LOG_BATCH_RECORDS_MAX;
}

static mr_status check_entry(const mr_log *log, const mr_log_entry *entry, size_t index,
                             mr_error *ret_error)
{
    if (entry->partition != MR_LOG_ANY_PARTITION && entry->partition >= log->partitions)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "entry %zu: topic %s has %u partitions, not a number %u",
                            index, log->topic, log->partitions, entry->partition);
    if (entry->header_count > MR_LOG_HEADERS_MAX)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "entry %zu: %u headers, at most %d are allowed", index,
                            entry->header_count, MR_LOG_HEADERS_MAX);
    uint64_t bytes = (uint64_t)entry->key.length + entry->value.length;
    for (uint32_t i = 0; i < entry->header_count; i++)
        bytes +=
            (uint64_t)entry->headers[i].name.length + entry->headers[i].value.length + 10;
    if (bytes > MR_LOG_RECORD_BYTES_MAX)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "entry %zu: %llu bytes, at most %d are allowed", index,
                            (unsigned long long)bytes, MR_LOG_RECORD_BYTES_MAX);
    return MR_OK;
}

void mr_log_close(mr_log *log)
{
    if (log != NULL)
        log->methods->close(log);
}

uint32_t mr_log_partitions(const mr_log *log)
{
    return log->partitions;
}

const char *mr_log_topic(const mr_log *log)
{
    return log->topic;
}

uint64_t mr_log_topic_id(const mr_log *log)
{
    return log->topic_id;
}

mr_status mr_log_append(mr_log *log, const mr_log_entry *entries, size_t count,
                        mr_log_position *ret_positions, mr_error *ret_error)
{
    for (size_t i = 0; i < count; i++)
        MR_TRY(check_entry(log, &entries[i], i, ret_error));
    if (count == 0)
        return MR_OK;
    return log->methods->append(log, entries, count, ret_positions, ret_error);
}

enum { ROUND_PARTITIONS = 4096 };

/* How many of the entries go to different partitions, before the first that does not.  Numbers that
 * fall together count as one partition: that only costs a round trip. */
static size_t round_of(mr_log *log, const mr_log_entry *entries, size_t count)
{
    bool is_taken[ROUND_PARTITIONS] = {false};
    size_t length = 0;
    for (; length < count; length++) {
        bool *taken =
            &is_taken[mr_log_entry_partition(log, &entries[length]) % ROUND_PARTITIONS];
        if (*taken)
            break;
        *taken = true;
    }
    return length;
}

mr_status mr_log_append_in_order(mr_log *log, const mr_log_entry *entries, size_t count,
                                 mr_error *ret_error)
{
    for (size_t done = 0; done < count;) {
        const size_t left = count - done;
        const size_t length =
            log->methods->appends_whole ? left : round_of(log, &entries[done], left);
        MR_TRY(mr_log_append(log, &entries[done], length, NULL, ret_error));
        done += length;
    }
    return MR_OK;
}

mr_status mr_log_resolve(mr_log *log, uint32_t partition, mr_log_start start,
                         int64_t time_ms, int64_t *ret_offset, mr_error *ret_error)
{
    if (partition >= log->partitions)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "topic %s has %u partitions: there is no partition %u",
                            log->topic, log->partitions, partition);
    return log->methods->resolve(log, partition, start, time_ms, ret_offset, ret_error);
}

void mr_log_range(mr_log *log, uint32_t partition, int64_t *ret_first, int64_t *ret_end)
{
    *ret_first = -1;
    *ret_end = -1;
    if (partition < log->partitions)
        log->methods->range(log, partition, ret_first, ret_end);
}

mr_status mr_log_committed(mr_log *log, const char *group, uint32_t partition,
                           int64_t *ret_offset, mr_error *ret_error)
{
    if (partition >= log->partitions)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "topic %s has %u partitions: there is no partition %u",
                            log->topic, log->partitions, partition);
    return log->methods->committed(log, group, partition, ret_offset, ret_error);
}

mr_status mr_log_reader_open(mr_log *log, const mr_log_reader_options *options,
                             mr_log_reader **ret_reader, mr_error *ret_error)
{
    return log->methods->reader_open(log, options, ret_reader, ret_error);
}

void mr_log_reader_close(mr_log_reader *reader)
{
    if (reader != NULL)
        reader->methods->close(reader);
}

mr_status mr_log_reader_poll(mr_log_reader *reader, int timeout_ms,
                             mr_log_batch *ret_batch)
{
    *ret_batch = (mr_log_batch){.signal = MR_LOG_IDLE};
    return reader->methods->poll(reader, timeout_ms, ret_batch);
}

void mr_log_reader_wake(mr_log_reader *reader)
{
    reader->methods->wake(reader);
}

mr_status mr_log_reader_start(mr_log_reader *reader, uint32_t partition, int64_t offset)
{
    if (partition >= reader->log->partitions || offset < 0)
        return MR_ERR_INVALID;
    return reader->methods->start(reader, partition, offset);
}

mr_status mr_log_reader_pause(mr_log_reader *reader, uint32_t partition)
{
    if (partition >= reader->log->partitions)
        return MR_ERR_INVALID;
    return reader->methods->pause(reader, partition, true);
}

mr_status mr_log_reader_resume(mr_log_reader *reader, uint32_t partition)
{
    if (partition >= reader->log->partitions)
        return MR_ERR_INVALID;
    return reader->methods->pause(reader, partition, false);
}

void mr_log_reader_commit(mr_log_reader *reader, uint32_t partition, int64_t offset)
{
    if (partition < reader->log->partitions && offset >= 0)
        reader->methods->commit(reader, partition, offset);
}
