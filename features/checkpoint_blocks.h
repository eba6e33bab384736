/*
 * Checkpoint blocks: an encoded state, block by block.
 *
 * A header, then blocks as they are: u32 kind, u32 length, payload.  Entries carry the number of
 * their row or item, so they may come in any order and none but the changed ones need come.
 *
 * Units      Rows and item indices.
 * Ownership  Buffers are the caller's.
 * Threads    The shard's owner.
 * Cost       An entry of a row: about 0.5 us with its history.
 */
#ifndef MR_FEATURES_CHECKPOINT_BLOCKS_H
#define MR_FEATURES_CHECKPOINT_BLOCKS_H

#include "features/checkpoint_format.h"

/* The header, and what is copied at once: plan, days, outbox. */
void mr_checkpoint_put_start(const mr_shard *shard, const mr_checkpoint_place *place,
                             mr_buffer *buffer);

/* What waits to be sent names items: behind their blocks. */
void mr_checkpoint_put_links(const mr_shard *shard, mr_buffer *buffer);

void mr_checkpoint_put_item(const mr_shard *shard, uint32_t item, mr_buffer *items);

/* A row's profile, history and derived part, each into its own stream. */
void mr_checkpoint_put_row(const mr_shard *shard, uint32_t row,
                           mr_buffer streams[MR_CUT_STREAMS]);

/* An item's hours and its words, each into its own stream; what it has none of has no entry. */
void mr_checkpoint_put_trending(const mr_shard *shard, uint32_t item,
                                mr_buffer streams[MR_CUT_STREAMS]);

/* Once the streams first .. end - 1 together hold `enough` bytes, each that holds any becomes a
 * block, in their order, and is cleared. */
void mr_checkpoint_put_streams(mr_buffer streams[MR_CUT_STREAMS], mr_cut_stream first,
                               mr_cut_stream end, size_t enough, mr_buffer *buffer);

#endif
