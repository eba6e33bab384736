/*
 * Checkpoint: a shard's whole state and its next offset, in files that a crash cannot
 * tear.
 *
 * Under the store's path lies a directory a topic, in it one a partition.  A generation
 * is a base file, the deltas on it, and a small manifest that names them with their lengths
 * and CRCs; names carry (epoch, generation).  An owner takes an epoch larger than all before by exclusive
 * create, so that the files of a process that was thought dead are never selected and
 * delete nothing.
 *
 * The state is copied on the shard's thread, in slices (features/checkpoint_cut.h) or whole;
 * compressing, checking and writing are done by mr_checkpoint_write() on any thread.
 *
 * Units      Epochs are unix seconds or one more than the one before; sizes in bytes.
 * Ownership  Buffers are the caller's; a restored shard is the caller's.
 * Threads    A store is immutable after open: any.  One writer a partition.
 * Cost       Encode: a copy of the state.  Write: zstd level 1, four fsyncs.
 */
#ifndef MR_FEATURES_CHECKPOINT_H
#define MR_FEATURES_CHECKPOINT_H

#include "core/buffer.h"
#include "core/status.h"
#include "features/shard.h"

typedef struct mr_checkpoint_store mr_checkpoint_store;

enum {
    MR_CHECKPOINT_VERSION = 4,
    MR_CHECKPOINT_BASES_MIN = 2,
    MR_CHECKPOINT_GENERATIONS_MAX = 4096, /* looked at in one directory      */
    MR_CHECKPOINT_NAME_BYTES_MAX = 64     /* of a saved checkpoint           */
};

/* Make the directories if need be.  `bases` own generations are kept, 2 at least.
 * MR_ERR_INVALID for a bad topic; MR_ERR_UNAVAILABLE from the file system. */
MR_MUST_USE mr_status mr_checkpoint_store_open(const char *path, const char *topic,
                                               uint32_t bases,
                                               mr_checkpoint_store **ret_store,
                                               mr_error *ret_error);
void mr_checkpoint_store_close(mr_checkpoint_store *store); /* NULL allowed */

/*
 * Become the partition's owner: max(newest epoch + 1, now_s), by exclusive create.
 *
 * MR_ERR_UNAVAILABLE from the file system.
 */
MR_MUST_USE mr_status mr_checkpoint_take_epoch(const mr_checkpoint_store *store,
                                               uint32_t partition, uint64_t now_s,
                                               uint64_t *ret_epoch, mr_error *ret_error);

/* Copy the shard's state into `buffer` (cleared first), to be written as (epoch,
 * generation). On the shard's thread.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_checkpoint_encode(const mr_shard *shard, uint64_t epoch,
                                           uint64_t generation, mr_buffer *buffer);

/*
 * Compress and write an encoded state durably, then prune: own generations that the newest
 * `bases` bases and what stands on them do not need, and those of lower epochs once two
 * valid bases of this epoch stand.
 *
 * MR_ERR_STALE when a higher epoch exists: nothing is published, stop writing.
 * MR_ERR_INVALID when the buffer is of another partition, epoch or generation.
 * MR_ERR_UNAVAILABLE (disk full, failed fsync): the generation does not exist; try a new
 * one.
 */
MR_MUST_USE mr_status mr_checkpoint_write(const mr_checkpoint_store *store,
                                          uint32_t partition, uint64_t epoch,
                                          uint64_t generation, const mr_buffer *buffer,
                                          mr_error *ret_error);

typedef struct mr_checkpoint_info {
    uint64_t epoch;
    uint64_t generation;
    uint32_t partition;
    int64_t next_offset;
    int64_t watermark_ms; /* MR_TIME_NONE when there is none */
    uint64_t plan_hash;
    uint64_t bytes; /* of all its files                               */
    uint64_t base_generation;
    uint32_t segments; /* deltas on that base, its own the last        */
    bool is_delta;
    uint32_t users;
    uint32_t skipped; /* newer generations that could not be used       */
    char message[MR_ERROR_MESSAGE_BYTES]; /* which one was skipped and why; else empty */
} mr_checkpoint_info;

/*
 * The newest valid generation as a shard.  A damaged one is skipped, counted and named in
 * the info's message.
 *
 * MR_ERR_NOT_FOUND when there is no generation; MR_ERR_CORRUPT when there are and none is
 * valid; MR_ERR_INVALID when the newest valid one is of a newer format, or has a feature that
 * means something else in `plan`, which is otherwise migrated to it; MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_checkpoint_restore(
    const mr_checkpoint_store *store, uint32_t partition, const mr_plan *plan,
    const mr_hash_key *hash_key, size_t memory_limit_bytes, mr_shard **ret_shard,
    mr_checkpoint_info *ret_info, mr_error *ret_error);

/* One generation as a shard, whichever others there are.  As above, and MR_ERR_NOT_FOUND when
 * it is not there. */
MR_MUST_USE mr_status mr_checkpoint_restore_at(
    const mr_checkpoint_store *store, uint32_t partition, uint64_t epoch,
    uint64_t generation, const mr_plan *plan, const mr_hash_key *hash_key,
    size_t memory_limit_bytes, mr_shard **ret_shard, mr_checkpoint_info *ret_info,
    mr_error *ret_error);

typedef struct mr_checkpoint_file {
    const void *data;
    size_t bytes;
} mr_checkpoint_file;

/* The state in the bytes of a base file.  As mr_checkpoint_restore(), but for
 * MR_ERR_NOT_FOUND. */
MR_MUST_USE mr_status mr_checkpoint_decode(
    const void *data, size_t bytes, const mr_plan *plan, const mr_hash_key *hash_key,
    size_t memory_limit_bytes, mr_shard **ret_shard, mr_checkpoint_info *ret_info,
    mr_error *ret_error);

/* The same of a base and the deltas on it, in order: one file at least. */
MR_MUST_USE mr_status mr_checkpoint_decode_chain(
    const mr_checkpoint_file *files, size_t count, const mr_plan *plan,
    const mr_hash_key *hash_key, size_t memory_limit_bytes, mr_shard **ret_shard,
    mr_checkpoint_info *ret_info, mr_error *ret_error);

/* The bytes of a file for an encoded state, appended: what mr_checkpoint_write()
 * writes. */
MR_MUST_USE mr_status mr_checkpoint_seal(const mr_buffer *encoded, mr_buffer *sealed);

/* Generations of a partition by their manifests, newest first, into at most `capacity`
 * places; `skipped` is 1 and `message` says why where a manifest is unreadable or its
 * base is missing or has another length. */
MR_MUST_USE mr_status mr_checkpoint_list(const mr_checkpoint_store *store,
                                         uint32_t partition,
                                         mr_checkpoint_info *ret_infos, size_t capacity,
                                         size_t *ret_count, mr_error *ret_error);

/* Read one generation whole: lengths, every CRC, and the state itself.
 * MR_ERR_NOT_FOUND, MR_ERR_CORRUPT with the reason, MR_ERR_INVALID for another plan. */
MR_MUST_USE mr_status mr_checkpoint_verify(const mr_checkpoint_store *store,
                                           uint32_t partition, uint64_t epoch,
                                           uint64_t generation, const mr_plan *plan,
                                           mr_error *ret_error);

/* The partitions that have a directory, ascending. */
MR_MUST_USE mr_status mr_checkpoint_partitions(const mr_checkpoint_store *store,
                                               uint32_t *ret_partitions, size_t capacity,
                                               size_t *ret_count, mr_error *ret_error);

/* The smallest next offset of the generations that are kept: what the group may commit as its
 * advisory position.  MR_ERR_NOT_FOUND when there is none, MR_ERR_UNAVAILABLE when one of them
 * cannot be read now. */
MR_MUST_USE mr_status mr_checkpoint_oldest_offset(const mr_checkpoint_store *store,
                                                  uint32_t partition, int64_t *ret_offset,
                                                  mr_error *ret_error);

/*
 * Keep the newest generation of every partition under a name: hard links in a store of
 * its own, at `PATH/TOPIC/saved/NAME`, which mr_checkpoint_store_open() opens like any other
 * and pruning never touches.  Writes the path into `ret_path` unless it is NULL.
 *
 * MR_ERR_INVALID for a name that is not [A-Za-z0-9._-]{1,64} or starts with '.', or is
 * taken; MR_ERR_NOT_FOUND when there is nothing to keep; MR_ERR_UNAVAILABLE.
 */
MR_MUST_USE mr_status mr_checkpoint_pin(const mr_checkpoint_store *store,
                                        const char *name, char *ret_path,
                                        size_t path_bytes, mr_error *ret_error);
MR_MUST_USE mr_status mr_checkpoint_unpin(const mr_checkpoint_store *store,
                                          const char *name, mr_error *ret_error);

#endif
