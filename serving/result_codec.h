/*
 * Result codec: a user's recommendations as one packed value (the `:r` key).
 *
 * The first 16 bytes are the fence; then a header, n rows of 8 bytes and a list of the
 * history items that rows give as their reason.  The list travels with the rows, not as
 * positions in the `:s` value, because `:s` moves on with every event.  A checksum over
 * the user's hash and the value refuses damage, and a value that was stored for somebody
 * else. docs/FORMATS.md gives the layout byte for byte.
 *
 * Units      Times in ms since the Unix epoch.  Scores are rounded to IEEE half
 * precision. Ownership  encode() appends to the caller's buffer; decode() fills the
 * caller's struct. Threads    Any: pure functions. Cost       About 0.3 us for 100 rows
 * either way; no allocation.
 */
#ifndef MR_SERVING_RESULT_CODEC_H
#define MR_SERVING_RESULT_CODEC_H

#include "core/buffer.h"
#include "core/hash.h"
#include "core/scored_item.h"
#include "core/status.h"

#include <stdint.h>

enum {
    MR_RESULT_ITEMS_MAX = 100,
    MR_RESULT_BECAUSE_MAX = 32, /* distinct reasons kept; a further one is dropped */
    MR_RESULT_BYTES_MAX = 56 + 8 * MR_RESULT_ITEMS_MAX + 4 * MR_RESULT_BECAUSE_MAX,
};
_Static_assert(MR_RESULT_BYTES_MAX <= 1152,
               "the size the memory budget of Redis counts on");

typedef struct mr_result {
    uint64_t epoch;      /* of the owner who wrote it                       */
    int64_t offset;      /* of the newest record the result knows of; >= 0 */
    uint32_t model;      /* mr_model_hash() of the model's version          */
    uint32_t dictionary; /* items that model knew: every index is below     */
    int64_t profile_as_of_ms;
    int64_t expires_ms; /* not to be served after                          */
    uint32_t count;
    mr_scored_item items[MR_RESULT_ITEMS_MAX]; /* best first */
} mr_result;

/* A value that was opened: its header read, its rows still packed.  Lends the value. */
typedef struct mr_result_view {
    uint64_t epoch;
    int64_t offset;
    uint32_t model;
    uint32_t dictionary;
    int64_t profile_as_of_ms;
    int64_t expires_ms;
    uint32_t count;
    uint8_t because_count;
    const uint8_t *rows;
} mr_result_view;

/* The u32 by which cached values name a model version. */
uint32_t mr_model_hash(mr_text version);

/*
 * Append the value.  MR_ERR_INVALID when a bound is broken (count, a negative offset, an
 * index outside the dictionary, a score that is not finite): nothing is appended.
 */
MR_MUST_USE mr_status mr_result_encode(mr_hash128 user, const mr_result *result,
                                       mr_buffer *value);

/*
 * Check a value that was stored for `user` and read its header: what a page needs of a hundred
 * rows is then read by mr_result_rows().
 *
 * MR_ERR_CORRUPT as below, but for what is wrong inside of a row.
 */
MR_MUST_USE mr_status mr_result_open(mr_hash128 user, mr_text value,
                                     mr_result_view *ret_view);

/* `count` rows from `first` on, all of them in the view.  MR_ERR_CORRUPT. */
MR_MUST_USE mr_status mr_result_rows(const mr_result_view *view, uint32_t first,
                                     uint32_t count, mr_scored_item *ret_items);

/*
 * Read a whole value that was stored for `user`.
 *
 * MR_ERR_CORRUPT for anything that encode() would not have written for that user: treat
 * it as absent.  `ret_result` may then be partly written.
 */
MR_MUST_USE mr_status mr_result_decode(mr_hash128 user, mr_text value,
                                       mr_result *ret_result);

#endif
