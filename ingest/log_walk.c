#include "ingest/log_walk.h"

#include "core/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOAD_BYTES = 256 * 1024 };

mr_status mr_log_chunk_init(mr_log_chunk *ret_chunk)
{
    uint8_t *bytes = malloc(MR_LOG_CHUNK_BYTES);
    if (bytes == NULL)
        return MR_ERR_NO_MEMORY;
    *ret_chunk = (mr_log_chunk){.bytes = bytes};
    return MR_OK;
}

void mr_log_chunk_deinit(mr_log_chunk *chunk)
{
    free(chunk->bytes);
    *chunk = (mr_log_chunk){0};
}

/* Up to `bytes` from `position`; fewer only at the end of the file. */
static mr_status read_at(int descriptor, int64_t position, uint8_t *ret_bytes,
                         size_t bytes, size_t *ret_length)
{
    size_t length = 0;
    while (length < bytes) {
        const ssize_t got = pread(descriptor, &ret_bytes[length], bytes - length,
                                  (off_t)(position + (int64_t)length));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return MR_ERR_UNAVAILABLE;
        if (got == 0)
            break;
        length += (size_t)got;
    }
    *ret_length = length;
    return MR_OK;
}

static mr_status check_header(mr_log_walk *walk, const char *path, uint32_t partition,
                              uint64_t topic_id, mr_error *ret_error)
{
    uint8_t bytes[MR_SEGMENT_HEADER_BYTES];
    size_t length = 0;
    if (read_at(walk->descriptor, 0, bytes, sizeof(bytes), &length) != MR_OK)
        return mr_error_set(ret_error, MR_ERR_UNAVAILABLE, "%s: %s", path,
                            strerror(errno));
    mr_segment_header header;
    const mr_status status = mr_segment_header_decode(bytes, length, &header);
    if (status == MR_ERR_INVALID)
        return mr_error_set(ret_error, status,
                            "%s: a segment of version %" PRIu32
                            ", this program reads up to %d: run the newer one",
                            path, mr_segment_version(bytes), (int)MR_SEGMENT_VERSION);
    if (status != MR_OK)
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "%s: damage at byte 0: no sound segment header", path);
    if (header.topic_id != topic_id || header.partition != partition ||
        header.base_offset != walk->base_offset)
        return mr_error_set(
            ret_error, MR_ERR_CORRUPT,
            "%s: byte 0: the segment of another topic, partition or offset", path);
    return MR_OK;
}

mr_status mr_log_walk_open(const char *directory, uint32_t partition, uint64_t topic_id,
                           int64_t base_offset, int64_t limit_offset,
                           mr_log_walk *ret_walk, mr_error *ret_error)
{
    char path[MR_LOG_PATH_BYTES];
    mr_log_segment_path(directory, partition, base_offset, path);
    mr_log_walk walk = {
        .descriptor = open(path, O_RDONLY | O_CLOEXEC),
        .base_offset = base_offset,
        .limit_offset = limit_offset,
        .position = MR_SEGMENT_HEADER_BYTES,
        .next_offset = base_offset,
    };
    if (walk.descriptor < 0)
        return mr_error_set(ret_error,
                            errno == ENOENT ? MR_ERR_NOT_FOUND : MR_ERR_UNAVAILABLE,
                            "%s: %s", path, strerror(errno));
    const mr_status status = check_header(&walk, path, partition, topic_id, ret_error);
    if (status != MR_OK) {
        mr_log_walk_close(&walk);
        return status;
    }
    *ret_walk = walk;
    return MR_OK;
}

void mr_log_walk_close(mr_log_walk *walk)
{
    if (walk->descriptor >= 0)
        (void)close(walk->descriptor);
    walk->descriptor = -1;
}

/* What the chunk holds from the walk's position on. */
static size_t held_bytes(const mr_log_walk *walk, const mr_log_chunk *chunk)
{
    const int64_t skip = walk->position - chunk->position;
    if (chunk->walk != walk || skip < 0 || (size_t)skip > chunk->length)
        return 0;
    return chunk->length - (size_t)skip;
}

static const uint8_t *held(const mr_log_walk *walk, const mr_log_chunk *chunk)
{
    return &chunk->bytes[walk->position - chunk->position];
}

/* Have `bytes` from the position in the chunk; MR_ERR_NOT_FOUND when the file ends before. */
static mr_status need(mr_log_walk *walk, mr_log_chunk *chunk, size_t bytes, bool may_load)
{
    MR_ASSERT(bytes <= MR_LOG_CHUNK_BYTES);
    if (held_bytes(walk, chunk) >= bytes)
        return MR_OK;
    if (!may_load)
        return MR_ERR_NOT_FOUND;
    chunk->walk = NULL;
    MR_TRY(read_at(walk->descriptor, walk->position, chunk->bytes,
                   bytes > LOAD_BYTES ? bytes : LOAD_BYTES, &chunk->length));
    chunk->position = walk->position;
    chunk->walk = walk;
    return chunk->length >= bytes ? MR_OK : MR_ERR_NOT_FOUND;
}

mr_status mr_log_walk_peek(mr_log_walk *walk, mr_log_chunk *chunk, mr_log_depth depth,
                           bool may_load, mr_batch_header *ret_header,
                           const void **ret_body)
{
    if (walk->next_offset >= walk->limit_offset)
        return MR_ERR_NOT_FOUND;
    MR_TRY(need(walk, chunk, MR_BATCH_HEADER_BYTES, may_load));
    mr_batch_header header;
    if (mr_batch_header_decode(held(walk, chunk), MR_BATCH_HEADER_BYTES, &header) !=
            MR_OK ||
        header.base_offset != walk->next_offset ||
        (int64_t)header.synced > walk->position ||
        header.record_count > walk->limit_offset - header.base_offset)
        return MR_ERR_NOT_FOUND;
    if (depth == MR_WALK_BODIES) {
        const size_t whole = MR_BATCH_HEADER_BYTES + (size_t)header.stored_bytes;
        MR_TRY(need(walk, chunk, whole, may_load));
        const void *body = held(walk, chunk) + MR_BATCH_HEADER_BYTES;
        if (mr_batch_verify(&header, body) != MR_OK)
            return MR_ERR_NOT_FOUND;
        *ret_body = body;
    }
    *ret_header = header;
    return MR_OK;
}

void mr_log_walk_pass(mr_log_walk *walk, const mr_batch_header *header)
{
    walk->position += MR_BATCH_HEADER_BYTES + (int64_t)header->stored_bytes;
    walk->next_offset = header->base_offset + header->record_count;
}

mr_status mr_log_walk_seek(mr_log_walk *walk, mr_log_chunk *chunk, int64_t offset)
{
    for (;;) {
        mr_batch_header header;
        MR_TRY(mr_log_walk_peek(walk, chunk, MR_WALK_HEADERS, true, &header, NULL));
        if (header.base_offset + header.record_count > offset)
            return MR_OK;
        mr_log_walk_pass(walk, &header);
    }
}

mr_status mr_log_walk_is_damage(mr_log_walk *walk, mr_log_chunk *chunk, bool *ret_damage)
{
    mr_log_walk ahead = *walk; /* borrows the descriptor */
    mr_status status;
    bool damage = false;
    do {
        ahead.position++;
        mr_batch_header header;
        status = need(&ahead, chunk, MR_BATCH_HEADER_BYTES, true);
        damage = status == MR_OK &&
                 mr_batch_header_decode(held(&ahead, chunk), MR_BATCH_HEADER_BYTES,
                                        &header) == MR_OK &&
                 (int64_t)header.synced > walk->position;
    } while (status == MR_OK && !damage);
    chunk->walk = NULL; /* `ahead` goes out of scope */
    if (status == MR_ERR_UNAVAILABLE)
        return status;
    *ret_damage = damage;
    return MR_OK;
}

mr_status mr_log_walk_file_bytes(const mr_log_walk *walk, int64_t *ret_bytes)
{
    struct stat status;
    if (fstat(walk->descriptor, &status) != 0)
        return MR_ERR_UNAVAILABLE;
    *ret_bytes = status.st_size;
    return MR_OK;
}
