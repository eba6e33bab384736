/*
 * Checkpoint rollback: an older or a saved state becomes the newest one.
 *
 * It is written again as a new generation under a newer epoch, and nothing newer is removed
 * before: a crash on the way leaves the old newest or the new one, and what was newest can be
 * gone back to as long as it is kept.  The deployment must stand still, which the state lock
 * makes sure of.  Every state is read whole before the first one is written.
 *
 * Units      Offsets count records of a partition.
 * Ownership  Plain values.
 * Threads    One caller.
 * Cost       Two restores and a checkpoint a partition.
 */
#ifndef MR_APP_CHECKPOINT_ROLLBACK_H
#define MR_APP_CHECKPOINT_ROLLBACK_H

#include "app/checkpoint_place.h"

/* What is done with one partition. */
typedef struct mr_rollback_step {
    uint32_t partition;
    mr_checkpoint_info from; /* what becomes the newest         */
    bool has_newest;
    mr_checkpoint_info newest; /* what it takes the place of, by its manifest */
    uint64_t epoch;            /* as which it was written; 0 on a dry run      */
    uint64_t generation;
    int64_t log_first; /* offsets the log holds now: -1 when it cannot be asked */
    int64_t log_end;
} mr_rollback_step;

typedef struct mr_rollback_options {
    const mr_config *config;
    const char *word;  /* see app/checkpoint_place.h */
    int64_t partition; /* -1: all that are there     */
    bool is_dry_run;
    void (*progress)(void *context, uint64_t done, uint64_t total); /* NULL allowed */
    void *context;
} mr_rollback_options;

/*
 * Plan the steps, and unless it is a dry run take them; `ret_steps` has room for
 * MR_PLACE_PARTITIONS_MAX.
 *
 * MR_ERR_UNAVAILABLE when a process owns the state, or from the disk; MR_ERR_NOT_FOUND when
 * there is no such checkpoint; MR_ERR_CORRUPT and MR_ERR_INVALID (another plan) as restoring
 * says, nothing written.
 */
MR_MUST_USE mr_status mr_checkpoint_rollback(const mr_rollback_options *options,
                                             mr_rollback_step *ret_steps,
                                             size_t *ret_count, mr_error *ret_error);

#endif
