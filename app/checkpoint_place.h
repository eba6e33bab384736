/*
 * Checkpoint place: what an operator means by a word.
 *
 *     newest          each partition's newest undamaged generation
 *     1764045000-12   that generation, EPOCH-GENERATION, of the partitions that have it
 *     before-sale     the saved checkpoint of that name
 *
 * Units      None.
 * Ownership  A place owns its store; shards are the caller's.
 * Threads    Any; it only reads.
 * Cost       Opening: a look at the directory.  Restoring: see features/checkpoint.h.
 */
#ifndef MR_APP_CHECKPOINT_PLACE_H
#define MR_APP_CHECKPOINT_PLACE_H

#include "app/config.h"
#include "app/keys.h"
#include "features/checkpoint.h"

enum {
    MR_PLACE_PARTITIONS_MAX = 4096,
    MR_PLACE_SAVED_MAX = 1024,
    MR_PLACE_TEXT_BYTES = 48 /* "EPOCH-GENERATION" */
};

typedef struct mr_checkpoint_place {
    mr_checkpoint_store *store;
    bool is_generation; /* epoch and generation say which one; else the newest */
    uint64_t epoch;
    uint64_t generation;
} mr_checkpoint_place;

/* The store of state.path; nothing is made.  MR_ERR_NOT_FOUND when there are no checkpoints. */
MR_MUST_USE mr_status mr_checkpoint_place_store(const mr_config *config,
                                                mr_checkpoint_store **ret_store,
                                                mr_error *ret_error);

/* MR_ERR_NOT_FOUND when there is nothing of that name. */
MR_MUST_USE mr_status mr_checkpoint_place_open(const mr_config *config, const char *word,
                                               mr_checkpoint_place *ret_place,
                                               mr_error *ret_error);
void mr_checkpoint_place_close(
    mr_checkpoint_place *place); /* an all-zero one is allowed */

/* The partitions there, ascending; MR_ERR_NOT_FOUND when there are none. */
MR_MUST_USE mr_status mr_checkpoint_place_partitions(
    const mr_checkpoint_place *place, uint32_t ret_partitions[MR_PLACE_PARTITIONS_MAX],
    size_t *ret_count, mr_error *ret_error);

/* The state of one partition.  Errors of mr_checkpoint_restore(). */
MR_MUST_USE mr_status mr_checkpoint_place_restore(const mr_checkpoint_place *place,
                                                  uint32_t partition, const mr_plan *plan,
                                                  const mr_hash_key *hash_key,
                                                  mr_shard **ret_shard,
                                                  mr_checkpoint_info *ret_info,
                                                  mr_error *ret_error);

/* "1764045000-12"; MR_ERR_INVALID for anything else. */
MR_MUST_USE mr_status mr_checkpoint_place_parse(const char *word, uint64_t *ret_epoch,
                                                uint64_t *ret_generation);
void mr_checkpoint_place_text(uint64_t epoch, uint64_t generation,
                              char ret_text[MR_PLACE_TEXT_BYTES]);

typedef struct mr_saved_names {
    char name[MR_PLACE_SAVED_MAX][MR_CHECKPOINT_NAME_BYTES_MAX + 1];
    size_t count;
} mr_saved_names;

/* The names of saved checkpoints, by their bytes; none is no error. */
MR_MUST_USE mr_status mr_saved_names_read(const mr_config *config,
                                          mr_saved_names *ret_names, mr_error *ret_error);

/* A saved checkpoint's store; MR_ERR_NOT_FOUND. */
MR_MUST_USE mr_status mr_saved_store_open(const mr_config *config, const char *name,
                                          mr_checkpoint_store **ret_store,
                                          mr_error *ret_error);

#endif
