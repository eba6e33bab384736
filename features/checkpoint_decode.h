/*
 * Checkpoint decode: one file of a generation into a shard, over what the files before it left.
 *
 * Units      Rows and item indices.
 * Ownership  The file is borrowed for the call.
 * Threads    One a shard.
 * Cost       About 0.7 us a row with its history.
 */
#ifndef MR_FEATURES_CHECKPOINT_DECODE_H
#define MR_FEATURES_CHECKPOINT_DECODE_H

#include "features/checkpoint_format.h"

/*
 * `events` is the sum over all profiles before and after; `ret_position` the block that was being
 * read.  MR_ERR_CORRUPT, MR_ERR_NO_MEMORY: the shard is then good for nothing but destroying.
 */
MR_MUST_USE mr_status mr_checkpoint_decode_file(mr_shard *shard,
                                                const mr_checkpoint_header *header,
                                                const mr_checkpoint_file *file,
                                                uint64_t *events, uint32_t *ret_position);

/*
 * The shard of another plan as one of `plan`: a feature of the same name and definition keeps its
 * values, a new one starts empty, one that is gone is dropped.  Rows and items keep their numbers.
 *
 * MR_ERR_INVALID when a name is defined in another way, and names it; MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_shard_migrate(const mr_shard *from, const mr_plan *plan,
                                       mr_shard **ret_shard, mr_error *ret_error);

#endif
