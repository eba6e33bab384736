#include "core/file.h"
#include "ingest/log_file_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEGMENT_BYTES_DEFAULT = 128 << 20 };

static const mr_log_disk system_disk = {.write = pwrite, .sync = fdatasync};

void mr_log_file_set_disk(mr_log *log, const mr_log_disk *disk)
{
    ((mr_log_file *)log)->disk = disk;
}

/* Append: every record joins the group its partition gathers; whoever finds no leader there
 * becomes it and takes the whole group to the disk, its own records among it. */

typedef struct append_place {
    uint32_t partition;
    size_t entry;
} append_place;

/* The entries of one append that go to one partition. */
typedef struct append_run {
    uint32_t partition;
    size_t first; /* of the places */
    size_t count;
    mr_log_waiter waiter;
} append_run;

static int compare_places(const void *left, const void *right)
{
    const append_place *a = left;
    const append_place *b = right;
    if (a->partition != b->partition)
        return a->partition < b->partition ? -1 : 1;
    return (a->entry > b->entry) - (a->entry < b->entry);
}

static mr_status join_group(mr_log_file *log, append_run *run, const append_place *places,
                            const mr_log_entry *entries)
{
    mr_log_partition *partition = &log->partition[run->partition];
    const int64_t now_ms = mr_clock_wall_ms(log->clock);
    mr_status status = MR_OK;
    (void)pthread_mutex_lock(&partition->lock);
    run->waiter = (mr_log_waiter){.next = partition->waiters,
                                  .first_index = partition->pending.record_count};
    for (size_t i = 0; status == MR_OK && i < run->count; i++) {
        const mr_log_entry *entry = &entries[places[run->first + i].entry];
        status = mr_log_group_add(&partition->pending, entry,
                                  entry->time_ms != 0 ? entry->time_ms : now_ms);
    }
    /* What was added before memory ran out goes along; the caller was told "some or all". */
    partition->waiters = &run->waiter;
    (void)pthread_mutex_unlock(&partition->lock);
    return status;
}

static void finish_waiters(mr_log_waiter *waiter, mr_status status, int64_t base_offset)
{
    while (waiter != NULL) {
        mr_log_waiter *next = waiter->next; /* `waiter` may be gone once it is done */
        waiter->status = status;
        waiter->base_offset = base_offset;
        waiter->is_done = true;
        waiter = next;
    }
}

/* Take the pending group to the disk.  Called and left with the partition's lock held. */
static void lead_group(mr_log_file *log, uint32_t number)
{
    mr_log_partition *partition = &log->partition[number];
    const mr_log_group group = partition->pending;
    partition->pending = partition->writing;
    partition->writing = group;
    mr_log_waiter *waiters = partition->waiters;
    partition->waiters = NULL;
    partition->has_leader = true;
    (void)pthread_mutex_unlock(&partition->lock);

    int64_t base_offset = 0;
    mr_error error = {.message = ""};
    const mr_status status =
        mr_log_partition_commit(log, number, &partition->writing, &base_offset, &error);
    mr_log_group_clear(&partition->writing);

    (void)pthread_mutex_lock(&partition->lock);
    if (status != MR_OK)
        partition->error = error;
    partition->has_leader = false;
    finish_waiters(waiters, status, base_offset);
    (void)pthread_cond_broadcast(&partition->done);
}

static mr_status await_group(mr_log_file *log, append_run *run, mr_error *ret_error)
{
    mr_log_partition *partition = &log->partition[run->partition];
    (void)pthread_mutex_lock(&partition->lock);
    while (!run->waiter.is_done) {
        if (partition->has_leader)
            (void)pthread_cond_wait(&partition->done, &partition->lock);
        else
            lead_group(log, run->partition);
    }
    if (run->waiter.status != MR_OK)
        (void)mr_error_set(ret_error, run->waiter.status, "%s", partition->error.message);
    (void)pthread_mutex_unlock(&partition->lock);
    return run->waiter.status;
}

static void wake_readers(mr_log_file *log)
{
    (void)pthread_mutex_lock(&log->wake_lock);
    log->wake_count++;
    (void)pthread_cond_broadcast(&log->wake);
    (void)pthread_mutex_unlock(&log->wake_lock);
}

static size_t split_runs(const append_place *places, size_t count, append_run *ret_runs)
{
    size_t runs = 0;
    for (size_t i = 0; i < count; i++) {
        if (runs == 0 || ret_runs[runs - 1].partition != places[i].partition)
            ret_runs[runs++] = (append_run){.partition = places[i].partition, .first = i};
        ret_runs[runs - 1].count++;
    }
    return runs;
}

static mr_status append_runs(mr_log_file *log, const mr_log_entry *entries,
                             const append_place *places, append_run *runs,
                             size_t run_count, mr_log_position *ret_positions,
                             mr_error *ret_error)
{
    mr_status status = MR_OK;
    size_t joined = 0;
    while (status == MR_OK && joined < run_count)
        status = join_group(log, &runs[joined++], places, entries);
    /* A group that was joined is waited for whatever happened: it holds our waiter. */
    for (size_t i = 0; i < joined; i++) {
        const mr_status run_status = await_group(log, &runs[i], ret_error);
        if (status == MR_OK)
            status = run_status;
        const int64_t first =
            runs[i].waiter.base_offset + (int64_t)runs[i].waiter.first_index;
        for (size_t k = 0; ret_positions != NULL && k < runs[i].count; k++)
            ret_positions[places[runs[i].first + k].entry] = (mr_log_position){
                .partition = runs[i].partition, .offset = first + (int64_t)k};
    }
    return status;
}

static mr_status file_append(mr_log *base, const mr_log_entry *entries, size_t count,
                             mr_log_position *ret_positions, mr_error *ret_error)
{
    mr_log_file *log = (mr_log_file *)base;
    if (log->read_only)
        return mr_error_set(ret_error, MR_ERR_INVALID, "%s: opened for reading only",
                            log->directory);
    append_place one_place;
    append_run one_run;
    append_place *places = count == 1 ? &one_place : calloc(count, sizeof(*places));
    append_run *runs = count == 1 ? &one_run : calloc(count, sizeof(*runs));
    mr_status status = MR_ERR_NO_MEMORY;
    if (places != NULL && runs != NULL) {
        bool is_sorted = true;
        for (size_t i = 0; i < count; i++) {
            places[i] = (append_place){
                .partition = mr_log_entry_partition(base, &entries[i]), .entry = i};
            is_sorted &= i == 0 || places[i - 1].partition <= places[i].partition;
        }
        if (!is_sorted)
            qsort(places, count, sizeof(*places), compare_places);
        status = append_runs(log, entries, places, runs, split_runs(places, count, runs),
                             ret_positions, ret_error);
        wake_readers(log);
    }
    if (count != 1) {
        free(places);
        free(runs);
    }
    return status;
}

static mr_status file_resolve(mr_log *base, uint32_t number, mr_log_start start,
                              int64_t time_ms, int64_t *ret_offset, mr_error *ret_error)
{
    mr_log_file *log = (mr_log_file *)base;
    mr_log_partition *partition = &log->partition[number];
    switch (start) {
    case MR_LOG_EARLIEST: {
        int64_t *bases = NULL;
        size_t count = 0;
        MR_TRY(mr_log_segment_list(log->directory, number, &bases, &count, ret_error));
        *ret_offset = count > 0 ? bases[0] : mr_log_partition_end(partition);
        free(bases);
        atomic_store(&partition->first_offset, *ret_offset);
        return MR_OK;
    }
    case MR_LOG_LATEST: *ret_offset = mr_log_partition_end(partition); return MR_OK;
    case MR_LOG_AT_TIME:
        return mr_log_partition_find_time(log, number, time_ms, ret_offset, ret_error);
    }
    return mr_error_set(ret_error, MR_ERR_INVALID,
                        "log start: not earliest, latest or a time");
}

static void file_range(mr_log *base, uint32_t number, int64_t *ret_first,
                       int64_t *ret_end)
{
    mr_log_partition *partition = &((mr_log_file *)base)->partition[number];
    *ret_first = atomic_load(&partition->first_offset);
    *ret_end = mr_log_partition_end(partition);
}

static void partition_deinit(mr_log_partition *partition)
{
    if (partition->descriptor >= 0)
        (void)close(partition->descriptor);
    mr_log_group_deinit(&partition->pending);
    mr_log_group_deinit(&partition->writing);
    mr_buffer_deinit(&partition->encoded);
    mr_batch_codecs_destroy(partition->codecs);
    (void)pthread_cond_destroy(&partition->done);
    (void)pthread_mutex_destroy(&partition->lock);
}

static void file_close(mr_log *base)
{
    mr_log_file *log = (mr_log_file *)base;
    for (uint32_t i = 0; log->partition != NULL && i < base->partitions; i++)
        partition_deinit(&log->partition[i]);
    free(log->partition);
    (void)pthread_cond_destroy(&log->wake);
    (void)pthread_mutex_destroy(&log->wake_lock);
    if (log->lock_descriptor >= 0)
        (void)close(log->lock_descriptor);
    free(base->topic);
    free(log);
}

static mr_status file_committed(mr_log *base, const char *group, uint32_t partition,
                                int64_t *ret_offset, mr_error *ret_error)
{
    return mr_log_group_noted(((mr_log_file *)base)->directory, partition, group,
                              ret_offset, ret_error);
}

static const mr_log_methods file_methods = {
    .close = file_close,
    .append = file_append,
    .resolve = file_resolve,
    .range = file_range,
    .committed = file_committed,
    .reader_open = mr_log_file_reader_open,
    .appends_whole = true,
};

/* The topic's directory, its lock and its topic file, made when they are not there. */
static mr_status open_directory(mr_log_file *log, const mr_log_file_options *options,
                                mr_log_topic_file *ret_topic, mr_error *ret_error)
{
    if (!log->read_only) {
        MR_TRY(mr_directory_make_durable(log->directory, ret_error));
        MR_TRY(mr_log_topic_lock(log->directory, &log->lock_descriptor, ret_error));
    }
    mr_status status = mr_log_topic_read(log->directory, ret_topic, ret_error);
    if (status == MR_ERR_NOT_FOUND && log->read_only)
        return mr_error_set(ret_error, status, "%s: there is no log here",
                            log->directory);
    if (status == MR_ERR_NOT_FOUND) {
        MR_TRY(mr_log_topic_make(log->directory, options->partitions, ret_error));
        status = mr_log_topic_read(log->directory, ret_topic, ret_error);
    }
    /* Whoever made the topic file may have died before its name was durable, and no
     * partition's directory may be there without it. */
    if (status == MR_OK && !log->read_only)
        status = mr_directory_sync(log->directory, ret_error);
    return status;
}

static mr_status open_partition(mr_log_file *log, uint32_t number, bool compress,
                                int64_t *cut_bytes, mr_error *ret_error)
{
    mr_log_partition *partition = &log->partition[number];
    char path[MR_LOG_PATH_BYTES];
    mr_log_partition_path(log->directory, number, path);
    if (!log->read_only)
        MR_TRY(mr_directory_make(path, ret_error));
    if (compress && (partition->codecs = mr_batch_codecs_create()) == NULL)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "%s: out of memory", path);
    MR_TRY(mr_log_partition_recover(log, number, cut_bytes, ret_error));
    /* The newest segment may be one whose beginner died before its name was durable. */
    return log->read_only ? MR_OK : mr_directory_sync(path, ret_error);
}

static mr_status open_partitions(mr_log_file *log, const mr_log_file_options *options,
                                 int64_t *cut_bytes, mr_error *ret_error)
{
    for (uint32_t i = 0; i < log->base.partitions; i++) {
        (void)pthread_mutex_init(&log->partition[i].lock, NULL);
        (void)pthread_cond_init(&log->partition[i].done, NULL);
        log->partition[i].descriptor = -1;
    }
    for (uint32_t i = 0; i < log->base.partitions; i++)
        MR_TRY(open_partition(log, i, options->compress && !options->read_only, cut_bytes,
                              ret_error));
    return log->read_only ? MR_OK : mr_directory_sync(log->directory, ret_error);
}

static void init_wake(mr_log_file *log)
{
    pthread_condattr_t attributes;
    (void)pthread_mutex_init(&log->wake_lock, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&log->wake, &attributes);
    (void)pthread_condattr_destroy(&attributes);
}

static mr_status check_options(const mr_log_file_options *options, mr_error *ret_error)
{
    if (options->path == NULL || options->topic == NULL || options->topic[0] == '\0')
        return mr_error_set(ret_error, MR_ERR_INVALID, "log: path and topic are needed");
    /* The topic is a directory's name; the rest of the path is made of numbers. */
    if (strchr(options->topic, '/') != NULL || options->topic[0] == '.')
        return mr_error_set(ret_error, MR_ERR_INVALID, "log: %s is no name for a topic",
                            options->topic);
    if (strlen(options->path) + strlen(options->topic) + 64 > MR_LOG_PATH_BYTES)
        return mr_error_set(ret_error, MR_ERR_INVALID, "log: the path is too long");
    return MR_OK;
}

mr_status mr_log_open_file(const mr_log_file_options *options, mr_log **ret_log,
                           int64_t *ret_cut_bytes, mr_error *ret_error)
{
    MR_TRY(check_options(options, ret_error));
    mr_log_file *log = calloc(1, sizeof(*log));
    if (log == NULL)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "log: out of memory");
    log->base.methods = &file_methods;
    log->lock_descriptor = -1;
    log->disk = &system_disk;
    log->read_only = options->read_only;
    log->clock = options->clock != NULL ? options->clock : mr_clock_system();
    log->segment_bytes = options->segment_bytes > 0 ? (int64_t)options->segment_bytes
                                                    : SEGMENT_BYTES_DEFAULT;
    (void)snprintf(log->directory, sizeof(log->directory), "%s/%s", options->path,
                   options->topic);
    init_wake(log);

    mr_log_topic_file topic = {0};
    int64_t cut_bytes = 0;
    mr_status status = open_directory(log, options, &topic, ret_error);
    if (status != MR_OK)
        goto fail;
    log->base.topic_id = topic.topic_id;
    log->base.topic = strdup(options->topic);
    log->partition = calloc(topic.partitions, sizeof(*log->partition));
    if (log->base.topic == NULL || log->partition == NULL) {
        status = mr_error_set(ret_error, MR_ERR_NO_MEMORY, "log: out of memory");
        goto fail;
    }
    log->base.partitions = topic.partitions;
    status = open_partitions(log, options, &cut_bytes, ret_error);
    if (status != MR_OK)
        goto fail;
    if (ret_cut_bytes != NULL)
        *ret_cut_bytes = cut_bytes;
    *ret_log = &log->base;
    return MR_OK;

fail:
    file_close(&log->base);
    return status;
}
