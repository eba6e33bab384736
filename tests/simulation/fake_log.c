#include "tests/simulation/fake_log.h"

#include "core/arena.h"
#include "ingest/log_internal.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 1 << 16, REDELIVERED_MAX = 20, TOPIC_ID = 7 };

typedef struct fake_partition {
    mr_log_record *records;
    size_t count;
    size_t capacity;
    int64_t first; /* offset of the oldest that readers see */
    int64_t end;
    int64_t committed; /* what the group was told; -1: nothing */
} fake_partition;

struct fake_log {
    mr_log base;
    fake_partition *partitions;
    mr_arena *arena;
    sim_random random;
    uint32_t rate[FAKE_LOG_RATED];
    uint64_t fired[FAKE_LOG_FAULTS];
    bool (*before)(void *context, const char *call);
    void *context;
};

const char *fake_log_fault_name(fake_log_fault fault)
{
    static const char *const names[FAKE_LOG_FAULTS] = {
        "append_fails", "append_hidden", "append_part", "poll_fails",
        "redelivery",   "hole",          "retention",
    };
    return names[fault];
}

static bool fires(fake_log *log, fake_log_fault fault)
{
    const bool yes = sim_random_chance(&log->random, log->rate[fault]);
    log->fired[fault] += yes;
    return yes;
}

static bool enter(fake_log *log, const char *call)
{
    return log->before == NULL || log->before(log->context, call);
}

static void *allocate(fake_log *log, size_t bytes)
{
    void *memory = mr_arena_allocate(log->arena, bytes);
    if (memory == NULL)
        abort();
    return memory;
}

static mr_text keep(fake_log *log, mr_text text)
{
    if (text.length == 0)
        return (mr_text){0};
    char *bytes = allocate(log, text.length);
    memcpy(bytes, text.bytes, text.length);
    return (mr_text){bytes, text.length};
}

int64_t fake_log_put(fake_log *log, const mr_log_entry *entry)
{
    fake_partition *partition =
        &log->partitions[mr_log_entry_partition(&log->base, entry)];
    while (fires(log, FAKE_LOG_HOLE))
        partition->end++;
    if (partition->count == partition->capacity) {
        partition->capacity = partition->capacity == 0 ? 64 : 2 * partition->capacity;
        partition->records = realloc(partition->records,
                                     partition->capacity * sizeof(*partition->records));
        if (partition->records == NULL)
            abort();
    }
    mr_log_header *headers = allocate(log, (entry->header_count + 1) * sizeof(*headers));
    for (uint32_t i = 0; i < entry->header_count; i++)
        headers[i] = (mr_log_header){keep(log, entry->headers[i].name),
                                     keep(log, entry->headers[i].value)};
    partition->records[partition->count++] =
        (mr_log_record){.key = keep(log, entry->key),
                        .value = keep(log, entry->value),
                        .headers = headers,
                        .header_count = entry->header_count,
                        .offset = partition->end,
                        .time_ms = entry->time_ms};
    return partition->end++;
}

static void fake_close(mr_log *base)
{
    (void)base; /* the simulation's own */
}

static mr_status fake_append(mr_log *base, const mr_log_entry *entries, size_t count,
                             mr_log_position *ret_positions, mr_error *ret_error)
{
    fake_log *log = (fake_log *)(void *)base;
    if (!enter(log, "append") || fires(log, FAKE_LOG_FAIL))
        return mr_error_set(ret_error, MR_ERR_UNAVAILABLE, "the broker is away");
    size_t there = count;
    mr_status status = MR_OK;
    if (fires(log, FAKE_LOG_HIDDEN)) {
        status = MR_ERR_UNAVAILABLE;
    } else if (count > 1 && fires(log, FAKE_LOG_PART)) {
        status = MR_ERR_UNAVAILABLE;
        there = sim_random_below(&log->random, (uint32_t)count);
    }
    for (size_t i = 0; i < there; i++) {
        const uint32_t partition = mr_log_entry_partition(base, &entries[i]);
        const int64_t offset = fake_log_put(log, &entries[i]);
        if (status == MR_OK && ret_positions != NULL)
            ret_positions[i] = (mr_log_position){partition, offset};
    }
    if (status != MR_OK)
        return mr_error_set(ret_error, status, "the acknowledgement was lost");
    return MR_OK;
}

static mr_status fake_resolve(mr_log *base, uint32_t partition, mr_log_start start,
                              int64_t time_ms, int64_t *ret_offset, mr_error *ret_error)
{
    fake_log *log = (fake_log *)(void *)base;
    (void)time_ms;
    if (!enter(log, "resolve") || fires(log, FAKE_LOG_POLL))
        return mr_error_set(ret_error, MR_ERR_UNAVAILABLE, "the broker is away");
    *ret_offset = start == MR_LOG_EARLIEST ? log->partitions[partition].first
                                           : log->partitions[partition].end;
    return MR_OK;
}

static void fake_range(mr_log *base, uint32_t partition, int64_t *ret_first,
                       int64_t *ret_end)
{
    const fake_log *log = (const fake_log *)(const void *)base;
    *ret_first = log->partitions[partition].first;
    *ret_end = log->partitions[partition].end;
}

static mr_status fake_committed(mr_log *base, const char *group, uint32_t partition,
                                int64_t *ret_offset, mr_error *ret_error)
{
    fake_log *log = (fake_log *)(void *)base;
    (void)group; /* there is one */
    if (!enter(log, "committed") || fires(log, FAKE_LOG_POLL))
        return mr_error_set(ret_error, MR_ERR_UNAVAILABLE, "the broker is away");
    if (log->partitions[partition].committed < 0)
        return mr_error_set(ret_error, MR_ERR_NOT_FOUND, "nobody has read it");
    *ret_offset = log->partitions[partition].committed;
    return MR_OK;
}

static const mr_log_methods methods = {
    .close = fake_close,
    .append = fake_append,
    .resolve = fake_resolve,
    .range = fake_range,
    .committed = fake_committed,
};

fake_log *fake_log_create(const char *topic, uint32_t partitions, uint64_t seed)
{
    fake_log *log = calloc(1, sizeof(*log));
    if (log == NULL)
        abort();
    log->base.methods = &methods;
    log->base.topic = strdup(topic);
    log->base.partitions = partitions;
    log->base.topic_id = TOPIC_ID;
    log->partitions = calloc(partitions, sizeof(*log->partitions));
    log->arena = mr_arena_create(BLOCK_BYTES);
    if (log->base.topic == NULL || log->partitions == NULL || log->arena == NULL)
        abort();
    for (uint32_t p = 0; p < partitions; p++)
        log->partitions[p].committed = -1;
    log->random.state = seed;
    return log;
}

void fake_log_destroy(fake_log *log)
{
    if (log == NULL)
        return;
    for (uint32_t p = 0; p < log->base.partitions; p++)
        free(log->partitions[p].records);
    free(log->partitions);
    free(log->base.topic);
    mr_arena_destroy(log->arena);
    free(log);
}

mr_log *fake_log_handle(fake_log *log)
{
    return &log->base;
}

void fake_log_set_before(fake_log *log, bool (*before)(void *context, const char *call),
                         void *context)
{
    log->before = before;
    log->context = context;
}

void fake_log_set_rate(fake_log *log, fake_log_fault fault, uint32_t permille)
{
    log->rate[fault] = permille;
}

uint64_t fake_log_fired(const fake_log *log, fake_log_fault fault)
{
    return log->fired[fault];
}

/* Index of the first record at or after `offset`. */
static size_t index_of(const fake_partition *partition, int64_t offset)
{
    size_t low = 0;
    size_t high = partition->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (partition->records[middle].offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

mr_status fake_log_poll(fake_log *log, uint32_t partition, int64_t from, size_t capacity,
                        mr_log_record *ret_records, size_t *ret_count, int64_t *ret_next)
{
    const fake_partition *read = &log->partitions[partition];
    *ret_count = 0;
    if (!enter(log, "poll") || fires(log, FAKE_LOG_POLL))
        return MR_ERR_UNAVAILABLE;
    if (from < read->first) {
        *ret_next = read->first;
        return MR_ERR_GAP;
    }
    size_t at = index_of(read, from);
    if (at > 0 && at < read->count && fires(log, FAKE_LOG_REDELIVER)) {
        const size_t back = 1 + sim_random_below(&log->random, REDELIVERED_MAX);
        const size_t least = index_of(read, read->first);
        at = at > least + back ? at - back : least;
    }
    while (*ret_count < capacity && at < read->count)
        ret_records[(*ret_count)++] = read->records[at++];
    *ret_next = at < read->count ? read->records[at - 1].offset + 1 : read->end;
    return MR_OK;
}

void fake_log_commit(fake_log *log, uint32_t partition, int64_t offset)
{
    log->partitions[partition].committed = offset;
}

void fake_log_retain(fake_log *log, uint32_t partition)
{
    fake_partition *kept = &log->partitions[partition];
    if (kept->committed <= kept->first)
        return;
    kept->first = kept->committed;
    log->fired[FAKE_LOG_RETAIN]++;
}

int64_t fake_log_first(const fake_log *log, uint32_t partition)
{
    return log->partitions[partition].first;
}

int64_t fake_log_end(const fake_log *log, uint32_t partition)
{
    return log->partitions[partition].end;
}

size_t fake_log_count(const fake_log *log, uint32_t partition)
{
    return log->partitions[partition].count;
}

const mr_log_record *fake_log_record(const fake_log *log, uint32_t partition,
                                     size_t index)
{
    return &log->partitions[partition].records[index];
}
