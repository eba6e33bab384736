/*
 * The reading side of log_file.
 *
 * Each partition has a cursor: an open segment and a position in it.  A poll goes round the
 * cursors and fills one batch from one of them, from whole stored batches that lie in one chunk,
 * so that all lent bytes stay until the next poll.  In the process that writes, a reader stops at
 * the durable end, which it knows without a system call; in another process it takes what
 * verifies, and so may see a batch a moment before its fsync has ended.
 */
#include "core/assert.h"
#include "ingest/log_file_internal.h"
#include "ingest/log_walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    FOLLOW_SLEEP_MS = 5, /* between looks at a log that another process writes */
    HEADERS_SPARE = 16 * MR_LOG_HEADERS_MAX,
    SCRATCH_BYTES = 2 * MR_BATCH_RAW_BYTES_MAX,
};

typedef struct log_cursor {
    uint32_t partition;
    bool is_announced; /* MR_LOG_ASSIGNED was returned  */
    bool is_started;
    bool is_paused;
    bool is_noted;  /* that its group reads the partition */
    bool is_at_end; /* MR_LOG_END was returned for next_offset */
    int64_t next_offset;
    int64_t damage_bytes; /* file size at which no damage was found; -1: not looked */
    mr_log_walk walk;
} log_cursor;

typedef struct file_reader {
    mr_log_reader base;
    log_cursor *cursors;
    size_t count;
    size_t turn; /* the cursor that is looked at first */
    size_t batch_records;
    mr_log_record *records;
    mr_log_header *headers;
    mr_log_chunk chunk;
    int64_t chunk_end; /* durable end when the chunk was loaded, or before */
    uint8_t *scratch;  /* decompressed batches of this poll */
    mr_batch_codecs *codecs;
    char *group; /* NULL: it does not commit */
    _Atomic bool is_woken;
} file_reader;

static mr_log_file *file_of(const file_reader *reader)
{
    return (mr_log_file *)reader->base.log;
}

static mr_log_partition *partition_of(const file_reader *reader, const log_cursor *cursor)
{
    return &file_of(reader)->partition[cursor->partition];
}

/* Stand at next_offset in the segment that holds it.  MR_ERR_NOT_FOUND: the log ends there. */
static mr_status locate_in(file_reader *reader, log_cursor *cursor, const int64_t *bases,
                           size_t count)
{
    mr_log_file *log = file_of(reader);
    size_t i = count;
    while (i > 0 && bases[i - 1] > cursor->next_offset)
        i--;
    const int64_t first =
        count > 0 ? bases[0] : mr_log_partition_end(&log->partition[cursor->partition]);
    atomic_store(&log->partition[cursor->partition].first_offset, first);
    if (i == 0)
        return cursor->next_offset == first ? MR_ERR_NOT_FOUND : MR_ERR_GAP;

    mr_log_walk_close(&cursor->walk);
    cursor->damage_bytes = -1;
    reader->chunk.walk = NULL;
    const mr_status status = mr_log_walk_open(
        log->directory, cursor->partition, log->base.topic_id, bases[i - 1],
        i < count ? bases[i] : INT64_MAX, &cursor->walk, NULL);
    if (status != MR_OK)
        /* Just begun by another process, its header not yet there. */
        return status == MR_ERR_CORRUPT && log->read_only && i == count ? MR_ERR_NOT_FOUND
                                                                        : status;
    const mr_status sought =
        mr_log_walk_seek(&cursor->walk, &reader->chunk, cursor->next_offset);
    if (sought == MR_ERR_NOT_FOUND && cursor->walk.next_offset < cursor->next_offset)
        return i < count ? MR_ERR_CORRUPT : MR_ERR_GAP;
    return sought == MR_ERR_NOT_FOUND ? MR_OK
                                      : sought; /* the end of it: read on from there */
}

static mr_status locate(file_reader *reader, log_cursor *cursor)
{
    mr_log_file *log = file_of(reader);
    int64_t *bases = NULL;
    size_t count = 0;
    MR_TRY(mr_log_segment_list(log->directory, cursor->partition, &bases, &count, NULL));
    const mr_status status = locate_in(reader, cursor, bases, count);
    free(bases);
    /* Seeking loaded a chunk, and chunk_end may still be another partition's. */
    reader->chunk.walk = NULL;
    if (status != MR_OK)
        mr_log_walk_close(&cursor->walk);
    return status;
}

/* Is there a segment that begins where the cursor stands? */
static bool has_next_segment(const file_reader *reader, const log_cursor *cursor)
{
    char path[MR_LOG_PATH_BYTES];
    mr_log_segment_path(file_of(reader)->directory, cursor->partition,
                        cursor->next_offset, path);
    return cursor->walk.base_offset != cursor->next_offset && access(path, F_OK) == 0;
}

/* What it means that no sound batch stands at the cursor. */
static mr_status judge_end(file_reader *reader, log_cursor *cursor)
{
    reader->chunk.walk = NULL; /* the file may have grown: load again next time */
    if (cursor->next_offset >= cursor->walk.limit_offset ||
        has_next_segment(reader, cursor))
        return locate(reader, cursor);
    if (cursor->walk.limit_offset != INT64_MAX || !file_of(reader)->read_only)
        return MR_ERR_CORRUPT; /* there is more, and it should stand here */
    int64_t bytes = 0;
    MR_TRY(mr_log_walk_file_bytes(&cursor->walk, &bytes));
    if (bytes == cursor->walk.position || bytes == cursor->damage_bytes)
        return MR_ERR_NOT_FOUND;
    bool is_damage = false;
    MR_TRY(mr_log_walk_is_damage(&cursor->walk, &reader->chunk, &is_damage));
    cursor->damage_bytes = bytes;
    return is_damage ? MR_ERR_CORRUPT : MR_ERR_NOT_FOUND;
}

/* How far one poll has filled its arrays. */
typedef struct batch_filling {
    size_t records;
    size_t headers;
    size_t scratch_bytes;
} batch_filling;

/* Decode the records of one batch from next_offset on, as far as there is room. */
static mr_status fill_from(file_reader *reader, log_cursor *cursor,
                           const mr_batch_header *header, const void *body,
                           batch_filling *filling)
{
    mr_reader stored;
    MR_TRY(mr_batch_open(header, body, reader->codecs,
                         &reader->scratch[filling->scratch_bytes], &stored));
    if (header->codec != MR_CODEC_NONE)
        filling->scratch_bytes += header->raw_bytes;
    const size_t headers_max = reader->batch_records + HEADERS_SPARE - MR_LOG_HEADERS_MAX;
    for (uint32_t i = 0; i < header->record_count; i++) {
        if (filling->records == reader->batch_records || filling->headers > headers_max)
            return MR_OK;
        mr_log_record *record = &reader->records[filling->records];
        MR_TRY(mr_record_decode(&stored, header, i, &reader->headers[filling->headers],
                                record));
        if (record->offset < cursor->next_offset)
            continue; /* returned by an earlier poll */
        filling->headers += record->header_count;
        filling->records++;
        cursor->next_offset = record->offset + 1;
    }
    return stored.position == stored.length ? MR_OK : MR_ERR_CORRUPT;
}

/* Fill from as many stored batches as lie in one chunk.  MR_ERR_NOT_FOUND: none. */
static mr_status fill(file_reader *reader, log_cursor *cursor, batch_filling *filling)
{
    const mr_log_file *log = file_of(reader);
    while (filling->records < reader->batch_records) {
        mr_batch_header header;
        const void *body = NULL;
        if (!log->read_only && cursor->next_offset >= reader->chunk_end)
            return MR_ERR_NOT_FOUND;
        MR_TRY(mr_log_walk_peek(&cursor->walk, &reader->chunk, MR_WALK_BODIES,
                                filling->records == 0, &header, &body));
        if (filling->scratch_bytes + header.raw_bytes > SCRATCH_BYTES)
            return MR_OK;
        MR_TRY(fill_from(reader, cursor, &header, body, filling));
        if (cursor->next_offset < header.base_offset + header.record_count) {
            /* Full; of this batch perhaps none, when those before had many headers. */
            MR_ASSERT(filling->records > 0);
            return MR_OK;
        }
        mr_log_walk_pass(&cursor->walk, &header);
    }
    return MR_OK;
}

/* Records of one partition; MR_ERR_NOT_FOUND when there is none yet. */
static mr_status read_cursor(file_reader *reader, log_cursor *cursor,
                             mr_log_batch *ret_batch)
{
    const mr_log_file *log = file_of(reader);
    mr_log_partition *partition = partition_of(reader, cursor);
    const int64_t end = mr_log_partition_end(partition);
    if (!log->read_only && cursor->next_offset == end)
        return MR_ERR_NOT_FOUND;
    if (!log->read_only && cursor->next_offset > end)
        return MR_ERR_GAP;
    if (cursor->walk.descriptor < 0)
        MR_TRY(locate(reader, cursor));

    /* What the chunk holds from the end of then on may have failed since and been replaced. */
    if (reader->chunk.walk != &cursor->walk || cursor->next_offset >= reader->chunk_end) {
        reader->chunk.walk = NULL;
        reader->chunk_end = end;
    }
    batch_filling filling = {0};
    mr_status status = fill(reader, cursor, &filling);
    if (filling.records == 0 && status == MR_ERR_NOT_FOUND) {
        MR_TRY(judge_end(reader, cursor));
        status = fill(reader, cursor, &filling);
    }
    if (filling.records == 0)
        return status == MR_OK ? MR_ERR_NOT_FOUND : status;
    if (log->read_only && cursor->next_offset > end)
        mr_log_partition_publish(partition, cursor->next_offset);
    *ret_batch = (mr_log_batch){
        .signal = MR_LOG_RECORDS,
        .partition = cursor->partition,
        .records = reader->records,
        .count = filling.records,
        .next_offset = cursor->next_offset,
    };
    return MR_OK;
}

/* What one cursor has to say; false: nothing. */
static bool look_at(file_reader *reader, log_cursor *cursor, mr_log_batch *ret_batch,
                    mr_status *ret_status)
{
    ret_batch->partition = cursor->partition;
    ret_batch->next_offset = cursor->next_offset;
    *ret_status = MR_OK;
    if (!cursor->is_announced) {
        cursor->is_announced = true;
        ret_batch->signal = MR_LOG_ASSIGNED;
        return true;
    }
    if (!cursor->is_started || cursor->is_paused)
        return false;
    const mr_status status = read_cursor(reader, cursor, ret_batch);
    if (status == MR_OK) {
        cursor->is_at_end = false;
        return true;
    }
    if (status == MR_ERR_NOT_FOUND) {
        ret_batch->signal = MR_LOG_END;
        const bool was_at_end = cursor->is_at_end;
        cursor->is_at_end = true;
        return !was_at_end;
    }
    if (status == MR_ERR_GAP) {
        cursor->is_started = false; /* until it is told where to go on */
        ret_batch->next_offset = atomic_load(&partition_of(reader, cursor)->first_offset);
    }
    *ret_status = status;
    return true;
}

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Sleep until something was appended since `seen`, or until `deadline_ms`. */
static void await_append(mr_log_file *log, uint64_t seen, int64_t deadline_ms)
{
    struct timespec until = {.tv_sec = (time_t)(deadline_ms / 1000),
                             .tv_nsec = (long)(deadline_ms % 1000) * 1000000};
    if (log->read_only) {
        const int64_t look_ms = now_ms() + FOLLOW_SLEEP_MS;
        if (look_ms < deadline_ms)
            until = (struct timespec){.tv_sec = (time_t)(look_ms / 1000),
                                      .tv_nsec = (long)(look_ms % 1000) * 1000000};
        (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        return;
    }
    (void)pthread_mutex_lock(&log->wake_lock);
    while (log->wake_count == seen &&
           pthread_cond_timedwait(&log->wake, &log->wake_lock, &until) != ETIMEDOUT)
        ;
    (void)pthread_mutex_unlock(&log->wake_lock);
}

static uint64_t wake_count(mr_log_file *log)
{
    (void)pthread_mutex_lock(&log->wake_lock);
    const uint64_t count = log->wake_count;
    (void)pthread_mutex_unlock(&log->wake_lock);
    return count;
}

static mr_status file_reader_poll(mr_log_reader *base, int timeout_ms,
                                  mr_log_batch *ret_batch)
{
    file_reader *reader = (file_reader *)base;
    mr_log_file *log = file_of(reader);
    const int64_t deadline_ms = timeout_ms > 0 ? now_ms() + timeout_ms : 0;
    for (;;) {
        const uint64_t seen = wake_count(log);
        for (size_t i = 0; i < reader->count; i++) {
            const size_t index = (reader->turn + i) % reader->count;
            mr_status status;
            if (look_at(reader, &reader->cursors[index], ret_batch, &status)) {
                reader->turn = (index + 1) % reader->count;
                return status;
            }
        }
        *ret_batch = (mr_log_batch){.signal = MR_LOG_IDLE};
        if (timeout_ms <= 0 || atomic_exchange(&reader->is_woken, false) ||
            now_ms() >= deadline_ms)
            return MR_OK;
        await_append(log, seen, deadline_ms);
    }
}

/* As an append would, of which the flag says that there was none: other readers look again. */
static void file_reader_wake(mr_log_reader *base)
{
    file_reader *reader = (file_reader *)base;
    mr_log_file *log = file_of(reader);
    atomic_store(&reader->is_woken, true);
    (void)pthread_mutex_lock(&log->wake_lock);
    log->wake_count++;
    (void)pthread_mutex_unlock(&log->wake_lock);
    (void)pthread_cond_broadcast(&log->wake);
}

static log_cursor *find_cursor(file_reader *reader, uint32_t partition)
{
    for (size_t i = 0; i < reader->count; i++) {
        if (reader->cursors[i].partition == partition)
            return &reader->cursors[i];
    }
    return NULL;
}

static mr_status file_reader_start(mr_log_reader *base, uint32_t partition,
                                   int64_t offset)
{
    file_reader *reader = (file_reader *)base;
    log_cursor *cursor = find_cursor(reader, partition);
    if (cursor == NULL || !cursor->is_announced)
        return MR_ERR_INVALID;
    mr_log_walk_close(&cursor->walk);
    cursor->next_offset = offset;
    cursor->is_started = true;
    cursor->is_at_end = false;
    cursor->damage_bytes = -1;
    return MR_OK;
}

static mr_status file_reader_pause(mr_log_reader *base, uint32_t partition, bool paused)
{
    log_cursor *cursor = find_cursor((file_reader *)base, partition);
    if (cursor == NULL)
        return MR_ERR_INVALID;
    cursor->is_paused = paused;
    return MR_OK;
}

static void file_reader_commit(mr_log_reader *base, uint32_t partition, int64_t offset)
{
    file_reader *reader = (file_reader *)base;
    const mr_log_file *log = file_of(reader);
    log_cursor *cursor = find_cursor(reader, partition);
    if (cursor == NULL || cursor->is_noted || log->read_only || reader->group == NULL)
        return;
    /* Advisory: what fails is tried with the next commit. */
    cursor->is_noted = mr_log_group_note(log->directory, partition, reader->group, offset,
                                         NULL) == MR_OK;
}

static void file_reader_close(mr_log_reader *base)
{
    file_reader *reader = (file_reader *)base;
    for (size_t i = 0; i < reader->count; i++)
        mr_log_walk_close(&reader->cursors[i].walk);
    free(reader->cursors);
    free(reader->records);
    free(reader->headers);
    free(reader->scratch);
    free(reader->group);
    mr_log_chunk_deinit(&reader->chunk);
    mr_batch_codecs_destroy(reader->codecs);
    free(reader);
}

static const mr_log_reader_methods file_reader_methods = {
    .close = file_reader_close,
    .poll = file_reader_poll,
    .wake = file_reader_wake,
    .start = file_reader_start,
    .pause = file_reader_pause,
    .commit = file_reader_commit,
};

mr_status mr_log_file_reader_open(mr_log *log, const mr_log_reader_options *options,
                                  mr_log_reader **ret_reader, mr_error *ret_error)
{
    uint32_t *partitions = NULL;
    size_t count = 0;
    MR_TRY(mr_log_reader_partitions(log, options, &partitions, &count, ret_error));
    file_reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL)
        goto fail;
    reader->base = (mr_log_reader){.methods = &file_reader_methods, .log = log};
    reader->batch_records = mr_log_reader_batch_records(options);
    reader->cursors = calloc(count, sizeof(*reader->cursors));
    reader->records = calloc(reader->batch_records, sizeof(*reader->records));
    reader->headers =
        calloc(reader->batch_records + HEADERS_SPARE, sizeof(*reader->headers));
    reader->scratch = malloc(SCRATCH_BYTES);
    reader->codecs = mr_batch_codecs_create();
    reader->group = options->group != NULL ? strdup(options->group) : NULL;
    if ((options->group != NULL && reader->group == NULL) || reader->cursors == NULL ||
        reader->records == NULL || reader->headers == NULL || reader->scratch == NULL ||
        reader->codecs == NULL || mr_log_chunk_init(&reader->chunk) != MR_OK)
        goto fail;
    for (size_t i = 0; i < count; i++)
        reader->cursors[i] =
            (log_cursor){.partition = partitions[i], .walk = {.descriptor = -1}};
    reader->count = count;
    free(partitions);
    *ret_reader = &reader->base;
    return MR_OK;

fail:
    free(partitions);
    if (reader != NULL)
        file_reader_close(&reader->base);
    return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "log reader: out of memory");
}
