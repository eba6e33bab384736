/*
 * Checkpoint manifest: which files a generation is, each with its length and CRC.
 *
 * A small text file.  One that is not exactly what its numbers would be written as is damaged.
 *
 * Units      Sizes in bytes.
 * Ownership  A plain value; the topic's name is borrowed.
 * Threads    Any.
 * Cost       A small file.
 */
#ifndef MR_FEATURES_CHECKPOINT_MANIFEST_H
#define MR_FEATURES_CHECKPOINT_MANIFEST_H

#include "features/checkpoint_cut.h"
#include "features/checkpoint_files.h"

typedef struct mr_manifest_file {
    uint64_t generation; /* in its name; the epoch is the manifest's */
    uint64_t bytes;
    uint32_t crc;
} mr_manifest_file;

typedef struct mr_manifest {
    const char *topic;
    uint32_t version; /* 1: of a base alone */
    uint32_t partition;
    uint64_t epoch;
    uint64_t generation;
    uint64_t plan_hash;
    int64_t next_offset;
    int64_t watermark_ms;
    uint32_t users;
    uint32_t file_count;
    mr_manifest_file files[1 + MR_CHECKPOINT_SEGMENTS_MAX]; /* a base, then deltas */
} mr_manifest;

mr_checkpoint_name mr_manifest_file_name(const mr_manifest *manifest, size_t index);
uint64_t mr_manifest_bytes(const mr_manifest *manifest); /* of all files */

void mr_manifest_put(const mr_manifest *manifest, mr_buffer *buffer);

/* MR_ERR_NOT_FOUND, MR_ERR_CORRUPT with the reason, MR_ERR_INVALID for a newer version's,
 * MR_ERR_UNAVAILABLE.  `topic` is lent to it. */
MR_MUST_USE mr_status mr_manifest_read(const mr_checkpoint_directory *directory,
                                       const char *topic, uint32_t partition,
                                       uint64_t epoch, uint64_t generation,
                                       mr_manifest *ret_manifest, mr_error *ret_error);

/* As above, and its files are there and have the stated lengths. */
MR_MUST_USE mr_status mr_manifest_read_whole(const mr_checkpoint_directory *directory,
                                             const char *topic, uint32_t partition,
                                             uint64_t epoch, uint64_t generation,
                                             mr_manifest *ret_manifest,
                                             mr_error *ret_error);

#endif
