/*
 * One partition of log_file on disk: finding its end, making a group durable, finding a time.
 *
 * After a failed write or fsync the kernel may have dropped the pages and marked them clean, so
 * that a second fsync proves nothing [Rebello et al., ATC 2020].  The segment is therefore
 * abandoned: it is cut back to what was durable and the next group begins a new file.
 */
#include "core/file.h"
#include "ingest/log_file_internal.h"
#include "ingest/log_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COPY_BYTES = 16384 };

/* Close and remove, or cut back, the newest segment after a failure. */
static mr_status give_up_segment(mr_log_file *log, uint32_t number, mr_error *ret_error)
{
    mr_log_partition *partition = &log->partition[number];
    char path[MR_LOG_PATH_BYTES];
    mr_log_segment_path(log->directory, number, partition->segment_base, path);
    const bool is_empty = partition->segment_base == mr_log_partition_end(partition);
    if ((is_empty ? unlink(path) : truncate(path, (off_t)partition->durable_bytes)) !=
            0 &&
        errno != ENOENT)
        return mr_error_set(ret_error, MR_ERR_UNAVAILABLE,
                            "%s: cutting it back after a failed write: %s", path,
                            strerror(errno));
    if (partition->descriptor >= 0)
        (void)close(partition->descriptor);
    partition->descriptor = -1;
    partition->is_abandoned = false;
    return MR_OK;
}

static mr_status write_all(const mr_log_disk *disk, int descriptor, const uint8_t *bytes,
                           size_t length, int64_t position)
{
    for (size_t written = 0; written < length;) {
        const ssize_t count = disk->write(descriptor, &bytes[written], length - written,
                                          (off_t)(position + (int64_t)written));
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return MR_ERR_UNAVAILABLE;
        written += (size_t)count;
    }
    return MR_OK;
}

/* Begin a segment at the end of the log.  Its header and its name are durable before any batch
 * is, so that a broken header under a sound batch is always damage. */
static mr_status begin_segment(mr_log_file *log, uint32_t number, mr_error *ret_error)
{
    mr_log_partition *partition = &log->partition[number];
    const int64_t base = mr_log_partition_end(partition);
    char path[MR_LOG_PATH_BYTES];
    mr_log_segment_path(log->directory, number, base, path);
    /* A file of that name can only be what a failed beginning left behind. */
    if (unlink(path) != 0 && errno != ENOENT)
        return mr_error_set(ret_error, MR_ERR_UNAVAILABLE, "%s: %s", path,
                            strerror(errno));
    const int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (descriptor < 0)
        return mr_error_set(ret_error, MR_ERR_UNAVAILABLE, "%s: %s", path,
                            strerror(errno));

    const mr_segment_header header = {
        .topic_id = log->base.topic_id,
        .partition = number,
        .base_offset = base,
        .created_ms = mr_clock_wall_ms(log->clock),
    };
    uint8_t bytes[MR_SEGMENT_HEADER_BYTES];
    mr_segment_header_encode(&header, bytes);
    char directory[MR_LOG_PATH_BYTES];
    mr_log_partition_path(log->directory, number, directory);
    mr_status status = write_all(log->disk, descriptor, bytes, sizeof(bytes), 0);
    if (status == MR_OK && log->disk->sync(descriptor) != 0)
        status = MR_ERR_UNAVAILABLE;
    if (status != MR_OK)
        (void)mr_error_set(ret_error, status, "%s: %s", path, strerror(errno));
    else
        status = mr_directory_sync(directory, ret_error);
    if (status != MR_OK) {
        (void)close(descriptor);
        (void)unlink(path);
        return status;
    }
    partition->descriptor = descriptor;
    partition->segment_base = base;
    partition->durable_bytes = MR_SEGMENT_HEADER_BYTES;
    return MR_OK;
}

/* Have an open segment that may take the next group. */
static mr_status ready_segment(mr_log_file *log, uint32_t number, mr_error *ret_error)
{
    mr_log_partition *partition = &log->partition[number];
    if (partition->is_abandoned)
        MR_TRY(give_up_segment(log, number, ret_error));
    if (partition->descriptor >= 0 && partition->durable_bytes >= log->segment_bytes) {
        (void)close(partition->descriptor); /* all of it is durable already */
        partition->descriptor = -1;
    }
    return partition->descriptor >= 0 ? MR_OK : begin_segment(log, number, ret_error);
}

mr_status mr_log_partition_commit(mr_log_file *log, uint32_t number,
                                  const mr_log_group *group, int64_t *ret_base_offset,
                                  mr_error *ret_error)
{
    mr_log_partition *partition = &log->partition[number];
    MR_TRY(ready_segment(log, number, ret_error));
    const int64_t base = mr_log_partition_end(partition);
    mr_buffer *encoded = &partition->encoded;
    mr_buffer_clear(encoded);
    if (mr_log_group_encode(group, base, (uint64_t)partition->durable_bytes,
                            partition->codecs, encoded) != MR_OK)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "log append: out of memory");

    mr_status status = write_all(log->disk, partition->descriptor, encoded->bytes,
                                 encoded->length, partition->durable_bytes);
    if (status == MR_OK && log->disk->sync(partition->descriptor) != 0)
        status = MR_ERR_UNAVAILABLE;
    if (status != MR_OK) {
        partition->is_abandoned = true;
        return mr_error_set(
            ret_error, status, "%s: partition %" PRIu32 ", segment %" PRId64 ": %s",
            log->directory, number, partition->segment_base, strerror(errno));
    }
    partition->durable_bytes += (int64_t)encoded->length;
    mr_log_partition_publish(partition, base + (int64_t)group->record_count);
    *ret_base_offset = base;
    return MR_OK;
}

/* Walk to the end of the newest segment; its last batches may be torn.  `ret_doubted_at` is
 * where the last group begins: nothing in the file proves that it was ever durable. */
static mr_status walk_to_end(mr_log_walk *walk, const char *path, int64_t *ret_doubted_at,
                             int64_t *ret_torn_bytes, mr_error *ret_error)
{
    mr_log_chunk chunk;
    MR_TRY(mr_log_chunk_init(&chunk));
    mr_status status;
    mr_batch_header header;
    const void *body;
    *ret_doubted_at = 0;
    while ((status = mr_log_walk_peek(walk, &chunk, MR_WALK_BODIES, true, &header,
                                      &body)) == MR_OK) {
        mr_log_walk_pass(walk, &header);
        *ret_doubted_at = (int64_t)header.synced;
    }

    int64_t bytes = walk->position;
    bool is_damage = false;
    if (status == MR_ERR_NOT_FOUND)
        status = mr_log_walk_file_bytes(walk, &bytes);
    if (status == MR_OK && bytes > walk->position)
        status = mr_log_walk_is_damage(walk, &chunk, &is_damage);
    mr_log_chunk_deinit(&chunk);
    if (status != MR_OK)
        return mr_error_set(ret_error, status, "%s: %s", path, strerror(errno));
    if (is_damage)
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "%s: damage at byte %" PRId64
                            ": a batch there was durable and "
                            "does not verify; restore the file from a backup",
                            path, walk->position);
    *ret_torn_bytes = bytes - walk->position;
    return MR_OK;
}

/* A segment whose header is broken: torn while it was begun, or damaged. */
static mr_status recover_headless(const char *path, int64_t *ret_torn_bytes,
                                  mr_error *ret_error)
{
    mr_log_walk walk = {.descriptor = open(path, O_RDONLY | O_CLOEXEC),
                        .limit_offset = INT64_MAX};
    mr_log_chunk chunk = {0};
    bool is_damage = false;
    mr_status status =
        walk.descriptor < 0 ? MR_ERR_UNAVAILABLE : mr_log_chunk_init(&chunk);
    if (status == MR_OK)
        status = mr_log_walk_file_bytes(&walk, ret_torn_bytes);
    if (status == MR_OK)
        status = mr_log_walk_is_damage(&walk, &chunk, &is_damage);
    mr_log_chunk_deinit(&chunk);
    mr_log_walk_close(&walk);
    if (status != MR_OK)
        return mr_error_set(ret_error, status, "%s: %s", path, strerror(errno));
    if (is_damage)
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "%s: damage at byte 0: the segment's header does not verify; "
                            "restore the file from a backup",
                            path);
    return MR_OK;
}

/*
 * Write the bytes from `from` to `to` once more.  They may be in memory alone, and marked clean,
 * when an fsync failed in a process that died before it could cut them off: then only what is
 * written again is written at all.
 */
static mr_status write_again(const mr_log_disk *disk, int descriptor, int64_t from,
                             int64_t to)
{
    uint8_t bytes[COPY_BYTES];
    while (from < to) {
        const size_t wanted =
            to - from < COPY_BYTES ? (size_t)(to - from) : (size_t)COPY_BYTES;
        const ssize_t count = pread(descriptor, bytes, wanted, (off_t)from);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return MR_ERR_UNAVAILABLE;
        MR_TRY(write_all(disk, descriptor, bytes, (size_t)count, from));
        from += count;
    }
    return MR_OK;
}

/* Cut the newest segment to `bytes` and have what is left durable; keep it open to append. */
static mr_status adopt_segment(mr_log_file *log, uint32_t number, const char *path,
                               int64_t base, int64_t doubted_at, int64_t bytes,
                               mr_error *ret_error)
{
    mr_log_partition *partition = &log->partition[number];
    const int descriptor = open(path, O_RDWR | O_CLOEXEC);
    if (descriptor < 0)
        return mr_error_set(ret_error, MR_ERR_UNAVAILABLE, "%s: %s", path,
                            strerror(errno));
    if (ftruncate(descriptor, (off_t)bytes) != 0 ||
        write_again(log->disk, descriptor, doubted_at, bytes) != MR_OK ||
        fsync(descriptor) != 0) {
        const int reason = errno;
        (void)close(descriptor);
        return mr_error_set(ret_error, MR_ERR_UNAVAILABLE, "%s: %s", path,
                            strerror(reason));
    }
    partition->descriptor = descriptor;
    partition->segment_base = base;
    partition->durable_bytes = bytes;
    return MR_OK;
}

/* `ret_is_gone`: its beginning was torn, it held nothing, and the one before is the newest. */
static mr_status recover_segment(mr_log_file *log, uint32_t number, int64_t base,
                                 int64_t *ret_cut_bytes, bool *ret_is_gone,
                                 mr_error *ret_error)
{
    mr_log_partition *partition = &log->partition[number];
    char path[MR_LOG_PATH_BYTES];
    mr_log_segment_path(log->directory, number, base, path);
    mr_log_walk walk = {.descriptor = -1};
    int64_t doubted_at = 0;
    int64_t torn_bytes = 0;
    mr_error reason = {.message = ""};
    mr_status status = mr_log_walk_open(log->directory, number, log->base.topic_id, base,
                                        INT64_MAX, &walk, &reason);
    if (status == MR_ERR_CORRUPT) {
        MR_TRY(recover_headless(path, &torn_bytes, ret_error));
        if (torn_bytes >= MR_SEGMENT_HEADER_BYTES + MR_BATCH_HEADER_BYTES)
            return mr_error_set(ret_error, status, "%s", reason.message);
        mr_log_partition_publish(partition, base);
        *ret_cut_bytes += torn_bytes;
        if (!log->read_only && unlink(path) != 0)
            return mr_error_set(ret_error, MR_ERR_UNAVAILABLE, "%s: %s", path,
                                strerror(errno));
        *ret_is_gone = true;
        return MR_OK;
    }
    if (status != MR_OK)
        return mr_error_set(ret_error, status, "%s", reason.message);
    status = walk_to_end(&walk, path, &doubted_at, &torn_bytes, ret_error);
    mr_log_walk_close(&walk);
    MR_TRY(status);
    if (!log->read_only)
        MR_TRY(
            adopt_segment(log, number, path, base, doubted_at, walk.position, ret_error));
    mr_log_partition_publish(partition, walk.next_offset);
    *ret_cut_bytes += torn_bytes;
    return MR_OK;
}

mr_status mr_log_partition_recover(mr_log_file *log, uint32_t number,
                                   int64_t *ret_cut_bytes, mr_error *ret_error)
{
    mr_log_partition *partition = &log->partition[number];
    int64_t *bases = NULL;
    size_t count = 0;
    MR_TRY(mr_log_segment_list(log->directory, number, &bases, &count, ret_error));
    mr_status status = MR_OK;
    if (count > 0)
        atomic_store(&partition->first_offset, bases[0]);
    /* The segment before a torn beginning may hold a group that failed and was to be cut. */
    bool is_gone = true;
    for (size_t i = count; status == MR_OK && is_gone && i > 0; i--) {
        is_gone = false;
        status = recover_segment(log, number, bases[i - 1], ret_cut_bytes, &is_gone,
                                 ret_error);
    }
    free(bases);
    return status;
}

/* The first record of the walk's segment at `time_ms` or later; MR_ERR_NOT_FOUND: none. */
static mr_status find_in_segment(mr_log_walk *walk, mr_log_chunk *chunk,
                                 mr_batch_codecs *codecs, void *scratch, int64_t time_ms,
                                 int64_t *ret_offset)
{
    mr_batch_header header;
    for (;;) {
        MR_TRY(mr_log_walk_peek(walk, chunk, MR_WALK_HEADERS, true, &header, NULL));
        if (header.max_time_ms >= time_ms)
            break;
        mr_log_walk_pass(walk, &header);
    }
    const void *body;
    mr_reader records;
    MR_TRY(mr_log_walk_peek(walk, chunk, MR_WALK_BODIES, true, &header, &body));
    MR_TRY(mr_batch_open(&header, body, codecs, scratch, &records));
    for (uint32_t i = 0; i < header.record_count; i++) {
        mr_log_header headers[MR_LOG_HEADERS_MAX];
        mr_log_record record;
        MR_TRY(mr_record_decode(&records, &header, i, headers, &record));
        if (record.time_ms >= time_ms) {
            *ret_offset = record.offset;
            return MR_OK;
        }
    }
    return MR_ERR_CORRUPT; /* the header promised one */
}

static mr_status find_in_segments(mr_log_file *log, uint32_t number, const int64_t *bases,
                                  size_t count, int64_t time_ms, int64_t *ret_offset,
                                  mr_error *ret_error)
{
    mr_log_chunk chunk = {0};
    mr_batch_codecs *codecs = mr_batch_codecs_create();
    void *scratch = malloc(MR_BATCH_RAW_BYTES_MAX);
    mr_status status =
        codecs == NULL || scratch == NULL ? MR_ERR_NO_MEMORY : mr_log_chunk_init(&chunk);
    if (status == MR_OK)
        status = MR_ERR_NOT_FOUND;
    for (size_t i = 0; status == MR_ERR_NOT_FOUND && i < count; i++) {
        const int64_t limit = i + 1 < count ? bases[i + 1] : INT64_MAX;
        mr_log_walk walk;
        status = mr_log_walk_open(log->directory, number, log->base.topic_id, bases[i],
                                  limit, &walk, ret_error);
        if (status != MR_OK)
            break;
        chunk.walk = NULL; /* `walk` is another segment's now, at the same address */
        status = find_in_segment(&walk, &chunk, codecs, scratch, time_ms, ret_offset);
        if (status == MR_ERR_NOT_FOUND && limit != INT64_MAX && walk.next_offset < limit)
            status = mr_error_set(ret_error, MR_ERR_CORRUPT,
                                  "%s: partition %" PRIu32 ", segment %" PRId64
                                  ": damage at byte %" PRId64,
                                  log->directory, number, bases[i], walk.position);
        mr_log_walk_close(&walk);
    }
    free(scratch);
    mr_batch_codecs_destroy(codecs);
    mr_log_chunk_deinit(&chunk);
    return status;
}

mr_status mr_log_partition_find_time(mr_log_file *log, uint32_t number, int64_t time_ms,
                                     int64_t *ret_offset, mr_error *ret_error)
{
    int64_t *bases = NULL;
    size_t count = 0;
    const int64_t end = mr_log_partition_end(&log->partition[number]);
    MR_TRY(mr_log_segment_list(log->directory, number, &bases, &count, ret_error));
    int64_t offset = end;
    mr_status status =
        find_in_segments(log, number, bases, count, time_ms, &offset, ret_error);
    free(bases);
    if (status == MR_ERR_NOT_FOUND)
        status = MR_OK;
    if (status == MR_OK)
        *ret_offset = offset < end ? offset : end; /* what is not durable is not there */
    return status;
}
