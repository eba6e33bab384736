#include "features/checkpoint_reader.h"

#include <pthread.h>
#include <stdlib.h>
#include <zstd.h>

enum {
    SLOTS = 4,
    ALONE_BYTES_MAX = 4 << 20, /* below, a thread costs more than it brings */
};

typedef struct block {
    const uint8_t *header;
    const void *payload;
    uint32_t kind;
    uint32_t raw_bytes;
    uint32_t packed_bytes;
    uint32_t crc;
} block;

typedef struct slot {
    mr_buffer raw;
    mr_status status;
} slot;

struct mr_checkpoint_reader {
    uint32_t header_crc;
    block *blocks;
    size_t block_count; /* the end block among them */
    uint64_t raw_bytes;
    size_t next; /* to be given */
    ZSTD_DCtx *decompressor;
    slot slots[SLOTS];

    /* Unpacking ahead: blocks below `unpacked` are in their slots. */
    bool has_thread;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t moved;
    size_t unpacked;
    size_t given_back;
    bool is_closing;
};

static mr_status look_at(mr_reader *file, size_t index, block *ret_block)
{
    block found = {.header = file->bytes + file->position};
    found.kind = mr_reader_u32(file);
    const uint32_t stated_index = mr_reader_u32(file);
    found.raw_bytes = mr_reader_u32(file);
    found.packed_bytes = mr_reader_u32(file);
    found.crc = mr_reader_u32(file);
    const uint32_t reserved = mr_reader_u32(file);
    found.payload = mr_reader_bytes(file, found.packed_bytes);
    *ret_block = found;
    return !file->failed && reserved == 0 && stated_index == index &&
                   found.raw_bytes <= MR_CHECKPOINT_BLOCK_BYTES_MAX
               ? MR_OK
               : MR_ERR_CORRUPT;
}

static mr_status find_blocks(mr_checkpoint_reader *reader, mr_reader *file)
{
    size_t capacity = 0;
    for (;;) {
        if (reader->block_count == capacity) {
            capacity = capacity == 0 ? 64 : 2 * capacity;
            block *blocks = realloc(reader->blocks, capacity * sizeof(*blocks));
            if (blocks == NULL)
                return MR_ERR_NO_MEMORY;
            reader->blocks = blocks;
        }
        block *found = &reader->blocks[reader->block_count];
        MR_TRY(look_at(file, reader->block_count, found));
        reader->block_count++;
        if (found->kind == MR_BLOCK_END)
            return file->position == file->length ? MR_OK : MR_ERR_CORRUPT;
        reader->raw_bytes += found->raw_bytes;
    }
}

static mr_status unpack(const mr_checkpoint_reader *reader, const block *from,
                        mr_buffer *raw)
{
    if (from->crc != mr_checkpoint_block_crc(reader->header_crc, from->header,
                                             from->payload, from->packed_bytes))
        return MR_ERR_CORRUPT;
    mr_buffer_clear(raw);
    if (mr_buffer_extend(raw, (size_t)from->raw_bytes + 1) == NULL)
        return MR_ERR_NO_MEMORY;
    const size_t bytes =
        ZSTD_decompressDCtx(reader->decompressor, raw->bytes, from->raw_bytes,
                            from->payload, from->packed_bytes);
    if (ZSTD_isError(bytes) || bytes != from->raw_bytes)
        return MR_ERR_CORRUPT;
    raw->length = from->raw_bytes;
    return MR_OK;
}

static void *unpack_ahead(void *context)
{
    mr_checkpoint_reader *reader = context;
    (void)pthread_mutex_lock(&reader->lock);
    while (!reader->is_closing && reader->unpacked < reader->block_count) {
        const size_t index = reader->unpacked;
        if (index == reader->given_back + SLOTS) {
            (void)pthread_cond_wait(&reader->moved, &reader->lock);
            continue;
        }
        slot *to = &reader->slots[index % SLOTS];
        (void)pthread_mutex_unlock(&reader->lock);
        to->status = unpack(reader, &reader->blocks[index], &to->raw);
        (void)pthread_mutex_lock(&reader->lock);
        reader->unpacked++;
        (void)pthread_cond_signal(&reader->moved);
        if (to->status != MR_OK)
            break;
    }
    (void)pthread_mutex_unlock(&reader->lock);
    return NULL;
}

mr_status mr_checkpoint_reader_open(const void *data, size_t bytes,
                                    const mr_checkpoint_header *header,
                                    mr_checkpoint_reader **ret_reader)
{
    mr_checkpoint_reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL)
        return MR_ERR_NO_MEMORY;
    reader->header_crc = header->crc;
    (void)pthread_mutex_init(&reader->lock, NULL);
    (void)pthread_cond_init(&reader->moved, NULL);
    mr_reader file = mr_reader_of(data, bytes);
    file.position = MR_CHECKPOINT_HEADER_BYTES;
    mr_status status = find_blocks(reader, &file);
    reader->decompressor = status == MR_OK ? ZSTD_createDCtx() : NULL;
    if (status == MR_OK && reader->decompressor == NULL)
        status = MR_ERR_NO_MEMORY;
    if (status != MR_OK) {
        mr_checkpoint_reader_close(reader);
        return status;
    }
    /* Without a thread it is slower and nothing else. */
    reader->has_thread = reader->raw_bytes > ALONE_BYTES_MAX &&
                         pthread_create(&reader->thread, NULL, unpack_ahead, reader) == 0;
    *ret_reader = reader;
    return MR_OK;
}

void mr_checkpoint_reader_close(mr_checkpoint_reader *reader)
{
    if (reader == NULL)
        return;
    if (reader->has_thread) {
        (void)pthread_mutex_lock(&reader->lock);
        reader->is_closing = true;
        (void)pthread_cond_signal(&reader->moved);
        (void)pthread_mutex_unlock(&reader->lock);
        (void)pthread_join(reader->thread, NULL);
    }
    (void)pthread_mutex_destroy(&reader->lock);
    (void)pthread_cond_destroy(&reader->moved);
    (void)ZSTD_freeDCtx(reader->decompressor);
    for (size_t i = 0; i < SLOTS; i++)
        mr_buffer_deinit(&reader->slots[i].raw);
    free(reader->blocks);
    free(reader);
}

uint64_t mr_checkpoint_reader_raw_bytes(const mr_checkpoint_reader *reader)
{
    return reader->raw_bytes;
}

uint32_t mr_checkpoint_reader_position(const mr_checkpoint_reader *reader)
{
    return reader->next == 0 ? 0 : (uint32_t)(reader->next - 1);
}

/* The block before is given back; the next one is there when its slot has been filled. */
static slot *wait_for(mr_checkpoint_reader *reader, size_t index)
{
    slot *found = &reader->slots[index % SLOTS];
    if (!reader->has_thread) {
        found->status = unpack(reader, &reader->blocks[index], &found->raw);
        return found;
    }
    (void)pthread_mutex_lock(&reader->lock);
    reader->given_back = index;
    (void)pthread_cond_signal(&reader->moved);
    while (reader->unpacked <= index)
        (void)pthread_cond_wait(&reader->moved, &reader->lock);
    (void)pthread_mutex_unlock(&reader->lock);
    return found;
}

mr_status mr_checkpoint_reader_next(mr_checkpoint_reader *reader, uint32_t *ret_kind,
                                    mr_reader *ret_payload)
{
    if (reader->next == reader->block_count)
        return MR_ERR_CORRUPT; /* nothing stands behind the end */
    const size_t index = reader->next++;
    const slot *found = wait_for(reader, index);
    MR_TRY(found->status);
    mr_reader payload = mr_reader_of(found->raw.bytes, found->raw.length);
    *ret_kind = reader->blocks[index].kind;
    if (*ret_kind == MR_BLOCK_END) {
        const uint64_t blocks = mr_reader_u64(&payload);
        const uint64_t raw_bytes = mr_reader_u64(&payload);
        if (payload.failed || blocks != index || raw_bytes != reader->raw_bytes)
            return MR_ERR_CORRUPT;
    }
    *ret_payload = payload;
    return MR_OK;
}
