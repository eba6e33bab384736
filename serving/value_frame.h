/*
 * Value frame: the first 24 bytes that every cached value of ours has.
 *
 *     0  u64 big-endian  epoch      16  u8  'M'      18  u8   version, 1
 *     8  u64 big-endian  offset     17  u8  kind     19  u8   reserved, 0
 *                                   20  u32 check: CRC32C of the user's hash, then the whole
 *                                           value with the check itself as 0
 *
 * The hash in the sum is what makes a value that was stored for another user unreadable.
 *
 * Units      Sizes in bytes.
 * Ownership  Appends to the caller's buffer; a reader borrows the value.
 * Threads    Any: pure functions.
 * Cost       One CRC32C of the value, about 0.1 us.
 */
#ifndef MR_SERVING_VALUE_FRAME_H
#define MR_SERVING_VALUE_FRAME_H

#include "core/buffer.h"
#include "core/hash.h"
#include "core/status.h"
#include "serving/cache.h"

enum { MR_VALUE_FRAME_BYTES = 24 };

void mr_value_frame_begin(mr_buffer *value, mr_cache_kind kind, uint64_t epoch,
                          int64_t offset);

/* Put the check in.  `start` is where begin() began.  On failure the buffer is cut back to it. */
MR_MUST_USE mr_status mr_value_frame_end(mr_buffer *value, size_t start, mr_hash128 user);

/* MR_ERR_CORRUPT unless frame and check are right; else a reader after the frame. */
MR_MUST_USE mr_status mr_value_frame_open(mr_text value, mr_cache_kind kind,
                                          mr_hash128 user, uint64_t *ret_epoch,
                                          int64_t *ret_offset, mr_reader *ret_reader);

#endif
