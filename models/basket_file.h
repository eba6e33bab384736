/*
 * Basket file: a shop's baskets by customer, and each one's next.
 *
 * Two JSON objects of `"customer": [[item, …], …]`, the oldest basket first; [-1] marks an end
 * and holds nothing.
 *
 * Units      Items by the number the files give them.
 * Ownership  Lists are the caller's; mr_basket_targets_deinit() for the targets.
 * Threads    Owner-only.
 * Cost       The parser's memory, about twenty times the file's.
 */
#ifndef MR_MODELS_BASKET_FILE_H
#define MR_MODELS_BASKET_FILE_H

#include "core/status.h"
#include "models/sequences.h"

/* Of sequence s of the history: item[ptr[s]] … [ptr[s + 1]], each once. */
typedef struct mr_basket_targets {
    uint64_t *ptr;
    uint32_t *item;
} mr_basket_targets;

/*
 * Read both; customers in the order of the history, those without a future without targets.
 *
 * MR_ERR_NOT_FOUND, MR_ERR_UNAVAILABLE, MR_ERR_CORRUPT naming the file, MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_basket_file_read(const char *history_path,
                                          const char *future_path,
                                          mr_sequence_list *ret_history,
                                          mr_basket_targets *ret_targets,
                                          mr_error *ret_error);
void mr_basket_targets_deinit(mr_basket_targets *targets);

#endif
