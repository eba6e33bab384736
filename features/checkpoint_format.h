/*
 * Checkpoint format: the bytes of a base or a delta.
 *
 * A header, then blocks of about 1 MiB of one kind each, then an end block that counts them.
 * Each block's CRC starts from the header's, so a block of another file, or of this one in
 * another place, does not fit.  An encoded state is the same with the blocks as they are: it is
 * sealed (compressed and summed) later, on another thread.
 *
 * Format 1, bases alone, is still read; what each format has is in docs/FORMATS.md.
 *
 * Units      Little-endian; sizes in bytes.
 * Ownership  Buffers are the caller's.
 * Threads    Any: nothing here is shared.
 * Cost       zstd level 1 and one CRC32C pass.
 */
#ifndef MR_FEATURES_CHECKPOINT_FORMAT_H
#define MR_FEATURES_CHECKPOINT_FORMAT_H

#include "features/checkpoint.h"
#include "features/shard_private.h"

#define MR_CHECKPOINT_MAGIC 0x54504b4843524d00ULL /* "\0MRCHKPT" */

enum {
    MR_CHECKPOINT_HEADER_BYTES = 768,
    MR_CHECKPOINT_BLOCK_HEADER_BYTES = 24,
    MR_CHECKPOINT_BLOCK_BYTES = 1 << 20,      /* a block is closed above this      */
    MR_CHECKPOINT_BLOCK_BYTES_MAX = 64 << 20, /* and never larger, by outbox limits */
    MR_CHECKPOINT_KEY_ID_BYTES = 16,
};

/* Written to files as numbers: append only.  In format 1 blocks stand in this order. */
typedef enum mr_block_kind {
    MR_BLOCK_ITEMS = 1,
    MR_BLOCK_PROFILES = 2,
    MR_BLOCK_HISTORY = 3,
    MR_BLOCK_TRENDING = 4,
    MR_BLOCK_COMMERCE = 5,
    MR_BLOCK_OUTBOX = 6,
    MR_BLOCK_DERIVED = 7,
    MR_BLOCK_DEDUP = 8,      /* absent in older files: no ids */
    MR_BLOCK_TOMBSTONES = 9, /* reserved */
    MR_BLOCK_PLAN = 10,
    MR_BLOCK_LINKS = 11, /* a file without one is of a shard that had none */
    MR_BLOCK_NOTED = 12,
    MR_BLOCK_WORDS = 13, /* absent in older files: no words */
    MR_BLOCK_ITEM_WORDS = 14,
    MR_BLOCK_ITEM_QUALITY = 15,
    MR_BLOCK_EXPOSURES = 16,
    MR_BLOCK_SALES = 17,
    MR_BLOCK_TOLD_BY = 18, /* absent in older files: nothing was told of segments */
    MR_BLOCK_END = 255,
} mr_block_kind;

/* Which file of which generation. */
typedef struct mr_checkpoint_place {
    uint64_t epoch;
    uint64_t generation;
    uint64_t base_generation;     /* of a base: its own                      */
    uint64_t previous_generation; /* of a base: its own                      */
    uint32_t segment;             /* 0: a base; else its place among the deltas */
} mr_checkpoint_place;

typedef struct mr_checkpoint_header {
    uint32_t version;
    uint64_t plan_hash;
    mr_checkpoint_place place;
    uint32_t partition;
    uint32_t seal_flags; /* 0: not encrypted */
    int64_t next_offset;
    int64_t newest_ms;
    int64_t clock_ms;
    mr_day_mark day; /* before format 3: none */
    mr_shard_counters counters;
    uint32_t users;
    uint32_t items;
    uint64_t customers;
    uint64_t outbox_sequence;
    uint8_t dialect;
    mr_text dialect_profile; /* lent by the bytes */
    mr_text topic;           /* lent by the bytes */
    uint32_t crc;            /* of all before it  */
} mr_checkpoint_header;

void mr_checkpoint_put_header(const mr_shard *shard, const mr_checkpoint_place *place,
                              mr_buffer *buffer);

/* MR_ERR_CORRUPT with the reason: too short, another magic or version, its sum is wrong. */
MR_MUST_USE mr_status mr_checkpoint_read_header(const void *data, size_t bytes,
                                                mr_checkpoint_header *ret_header,
                                                mr_error *ret_error);

void mr_checkpoint_info_from(const mr_checkpoint_header *header, uint64_t bytes,
                             mr_checkpoint_info *ret_info);

/* The CRC of a block: over its first 16 header bytes and its payload, from the header's. */
uint32_t mr_checkpoint_block_crc(uint32_t header_crc, const uint8_t *block_header,
                                 const void *payload, size_t payload_bytes);

#endif
