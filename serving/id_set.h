/*
 * Id set: is this one of those ids?
 *
 * For the lists of up to a thousand ids that come with a request.  A few are compared one by one;
 * more get a table of the arena, so that a request with long lists stays within microseconds.
 *
 * Units      None.
 * Ownership  Borrows the ids; the table lies in the arena.
 * Threads    A value.
 * Cost       Making: 10 ns an id.  Asking: one probe.  A stranger who finds ids whose hashes
 *            meet gets the cost of a list.
 */
#ifndef MR_SERVING_ID_SET_H
#define MR_SERVING_ID_SET_H

#include "core/arena.h"
#include "core/status.h"
#include "core/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialise for the empty set. */
typedef struct mr_id_set {
    const mr_text *ids;
    size_t count;
    const uint16_t *slots; /* private; NULL: a list */
    uint32_t mask;         /* private */
} mr_id_set;

enum { MR_ID_SET_MAX = 4096 };

/* At most MR_ID_SET_MAX ids, which may repeat.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_id_set_init(mr_id_set *ret_set, const mr_text *ids, size_t count,
                                     mr_arena *arena);

bool mr_id_set_contains(const mr_id_set *set, mr_text id);

#endif
