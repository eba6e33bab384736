/*
 * Checkpoint reader: the blocks of a file, checked and unpacked, one after the other.
 *
 * Opening looks at the block headers alone: that they follow one another to the end of the file,
 * and what they hold together.  In a large file a second thread sums and unpacks ahead of the one
 * that decodes.
 *
 * Units      Sizes in bytes.
 * Ownership  The reader borrows the file's bytes.  A block is lent until the next one is asked for.
 * Threads    One caller; the thread behind it is the reader's own.
 * Cost       CRC32C and zstd of the file; four unpacked blocks of memory.
 */
#ifndef MR_FEATURES_CHECKPOINT_READER_H
#define MR_FEATURES_CHECKPOINT_READER_H

#include "features/checkpoint_format.h"

typedef struct mr_checkpoint_reader mr_checkpoint_reader;

/* `header` is that of the same bytes.  MR_ERR_CORRUPT when they are not a row of blocks with an
 * end block behind them; MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_checkpoint_reader_open(const void *data, size_t bytes,
                                                const mr_checkpoint_header *header,
                                                mr_checkpoint_reader **ret_reader);
void mr_checkpoint_reader_close(mr_checkpoint_reader *reader); /* NULL allowed */

/* Unpacked, of all blocks but the last; what the block headers say. */
uint64_t mr_checkpoint_reader_raw_bytes(const mr_checkpoint_reader *reader);

/* The index of the block that was given last: for a message. */
uint32_t mr_checkpoint_reader_position(const mr_checkpoint_reader *reader);

/*
 * The next block; MR_BLOCK_END once, when all before it was whole and is what it counts.
 * MR_ERR_CORRUPT for a sum or a frame that does not fit; MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_checkpoint_reader_next(mr_checkpoint_reader *reader,
                                                uint32_t *ret_kind,
                                                mr_reader *ret_payload);

#endif
