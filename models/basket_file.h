/*
 * Basket file: a shop's baskets by user, and what each user's next one held.
 *
 * Two JSON objects of `"user": [[item, …], …]`, the oldest basket first.  Items are numbers from 0
 * and keep them.  A basket [-1] marks an end and holds nothing; it and empty baskets are passed
 * over.  The second file has the basket that came next, and is matched by the users' names.
 * [Li et al. 2023, A Next Basket Recommendation Reality Check]
 *
 * Units      Items by the number the files give them; users in the order of the first file.
 * Ownership  Both results are the caller's.
 * Threads    Owner-only.
 * Cost       Time and memory of the parser: some 10 ns and 20 bytes a byte of the files.
 */
#ifndef MR_MODELS_BASKET_FILE_H
#define MR_MODELS_BASKET_FILE_H

#include "core/status.h"
#include "models/sequences.h"

#include <stdint.h>

enum {
    /* A larger number is a mistake, not a catalogue. */
    MR_BASKET_FILE_ITEM_MAX = 100000000,
};

/* Of sequence s of the history: item[ptr[s]] … item[ptr[s + 1] - 1], ascending, each once. */
typedef struct mr_basket_targets {
    uint64_t *ptr; /* [sequences + 1] */
    uint32_t *item;
} mr_basket_targets;

/*
 * Read both.  A user without a next basket has no targets; one that only the second file knows
 * comes last, with an empty history.  `future_path` may be NULL: then nobody has targets.  The
 * history's items are those of the first file; a target may lie beyond them.
 *
 * MR_ERR_NOT_FOUND, MR_ERR_UNAVAILABLE; MR_ERR_CORRUPT naming the file, and the user, when it is
 * not such an object, names a user twice, or holds no user; MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_basket_file_read(const char *history_path,
                                          const char *future_path,
                                          mr_sequence_list *ret_history,
                                          mr_basket_targets *ret_targets,
                                          mr_error *ret_error);

/* All-zero ones are allowed. */
void mr_basket_targets_deinit(mr_basket_targets *targets);

#endif
