/*
 * Cut state: what a shard remembers for its checkpoints.
 *
 * Each row and each trending item carries one byte of mark.  0: unchanged since the cut that is
 * under way or was taken last.  Else it is one of two values that take turns: the present one,
 * changed since the last cut began, and the one before, which says, while a cut is under way, that
 * the row belongs to it and has not been copied.  A cut visits all that carries the older value and
 * clears it, so when the next cut begins and the values change places nothing has to be cleared.
 *
 * Units      Rows and item indices.
 * Ownership  Embedded in the shard.
 * Threads    Owner-only.
 * Cost       4 bytes for each row changed since the last cut, up to half of all rows.
 */
#ifndef MR_FEATURES_CUT_STATE_H
#define MR_FEATURES_CUT_STATE_H

#include "core/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Indices, each once. */
typedef struct mr_change_list {
    uint32_t *indices;
    size_t count;
    size_t capacity;
    bool is_cut_off; /* too many, or nobody asked: only a base holds them all */
} mr_change_list;

/* Kinds of entries that are copied in slices, in the order their blocks follow one another. */
typedef enum mr_cut_stream {
    MR_CUT_ITEMS = 0,
    MR_CUT_PROFILES,
    MR_CUT_HISTORY,
    MR_CUT_DERIVED,
    MR_CUT_NOTED,
    MR_CUT_TRENDING,
    MR_CUT_ITEM_WORDS,
    MR_CUT_ITEM_QUALITY,
    MR_CUT_DEDUP,
    MR_CUT_STREAMS,
} mr_cut_stream;

typedef enum mr_cut_phase {
    MR_CUT_PHASE_NONE = 0, /* no cut is under way */
    MR_CUT_PHASE_ITEMS,
    MR_CUT_PHASE_ROWS,
    MR_CUT_PHASE_TRENDING,
    MR_CUT_PHASE_DEDUP,
    MR_CUT_PHASE_DONE, /* all is copied; waits for what became of it */
} mr_cut_phase;

typedef struct mr_cut {
    uint8_t mark; /* 1 or 2: of what changed since the last cut began */
    mr_change_list rows;
    mr_change_list trending;

    /* The files written so far. */
    uint64_t epoch;
    uint64_t base_generation;
    uint64_t generation;
    uint32_t segments;
    uint32_t items; /* that they hold */
    size_t base_bytes;
    size_t segment_bytes;

    /* The cut under way. */
    mr_cut_phase phase;
    bool is_base;
    uint64_t cut_generation;
    mr_buffer *out; /* borrowed */
    mr_buffer streams[MR_CUT_STREAMS];
    mr_buffer held;          /* blocks that must follow those of the items */
    mr_change_list cut_rows; /* of a delta */
    mr_change_list cut_trending;
    uint32_t row_end;
    uint32_t item_end;
    size_t fresh_end;   /* ids put before it; of a delta */
    size_t start_bytes; /* of header, plan, words and days, which every file has */
    size_t cut_bytes;   /* behind them */
    size_t cursor;      /* in the phase's rows, items, list or fresh ids */
} mr_cut;

void mr_cut_init(mr_cut *ret_cut);
void mr_cut_deinit(mr_cut *cut);
size_t mr_cut_bytes(const mr_cut *cut);

#endif
