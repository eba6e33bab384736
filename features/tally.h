/*
 * Tally: sums by key, few enough to be kept in order: what was shown where, what was sold by what.
 *
 * Units      Those of its user.
 * Ownership  Embedded in the shard.
 * Threads    Owner-only.
 * Cost       A search, most often near the end: keys begin with the day.  72 bytes a row.
 */
#ifndef MR_FEATURES_TALLY_H
#define MR_FEATURES_TALLY_H

#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MR_TALLY_KEYS = 4, MR_TALLY_VALUES = 6 };

typedef struct mr_tally_row {
    uint32_t key[MR_TALLY_KEYS];
    int64_t values[MR_TALLY_VALUES];
    bool is_changed; /* since the file that last had it */
} mr_tally_row;

typedef struct mr_tally {
    mr_tally_row *rows; /* by key, ascending */
    size_t count;
    size_t capacity;
} mr_tally;

void mr_tally_deinit(mr_tally *tally);

/* Room for so many more.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_tally_reserve(mr_tally *tally, size_t more);

/* Add a row's values, wrapping, or take the place of what is there; there is room. */
void mr_tally_add(mr_tally *tally, const mr_tally_row *row);
void mr_tally_set(mr_tally *tally, const mr_tally_row *row);

/* All rows are in a file now. */
void mr_tally_forget_changes(mr_tally *tally);

#endif
