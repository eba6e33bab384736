/*
 * Training set: histories of shards as the rows a recommender learns from.
 *
 * A row a profile, its history's entries in their order, each weighed by what the event says:
 * a purchase 1, a cart or wishlist ½, a view ⅕, a rating as far as it is above 2 stars.  The same
 * weights make a live history (app/scoring.c), so that a model is asked as it was taught.
 *
 * Anonymous profiles take part when they hold at least two different items: what lies together
 * in a stranger's basket says as much about items as a customer's does.  One item alone says
 * nothing but popularity, of which visitors in passing have too much.
 *
 * Items are numbered in order of their ids and rows stand in order of the shards added, so that
 * the set is a function of the states and of nothing else.
 *
 * Units      Times in seconds since the epoch; weights in (0, 1].
 * Ownership  The rows own copies of all ids; views are lent until destroy.
 * Threads    Owner-only while it grows; any readers once finished.
 * Cost       13 bytes an entry, one look-up an item and shard.
 */
#ifndef MR_APP_TRAINING_SET_H
#define MR_APP_TRAINING_SET_H

#include "core/hash.h"
#include "core/status.h"
#include "features/shard.h"
#include "models/interactions.h"

#include <stddef.h>
#include <stdint.h>

typedef struct mr_training_rows mr_training_rows;

/*
 * How much a history entry says: `type` an mr_event_type, `weight` as in mr_history_entry (the
 * rating in tenths for a rating).  0: leave it out.
 */
float mr_training_weight(uint8_t type, uint8_t weight);

MR_MUST_USE mr_status mr_training_rows_create(const mr_hash_key *key,
                                              mr_training_rows **ret_rows);
void mr_training_rows_destroy(mr_training_rows *rows); /* NULL allowed */

/*
 * Add a row for each profile of the shard that has one to give, before finish.  `ret_users`
 * (NULL, or room for mr_shard_user_count()) gets each profile's row, MR_ROW_NONE for none and
 * for anonymous ones.  MR_ERR_NO_MEMORY: of no more use.
 */
MR_MUST_USE mr_status mr_training_rows_add(mr_training_rows *rows, const mr_shard *shard,
                                           uint32_t *ret_users);

/* An item is to be there even if nobody has touched it; before finish.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_training_rows_name(mr_training_rows *rows, mr_text item_id);

/* Number the items by their ids.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_training_rows_finish(mr_training_rows *rows);

typedef struct mr_training_counts {
    uint32_t users;     /* rows of known users        */
    uint32_t anonymous; /* rows of anonymous profiles */
    uint32_t items;
    uint64_t entries;
    uint32_t from_s; /* oldest entry; 0 without any */
    uint32_t to_s;   /* newest                      */
} mr_training_counts;

mr_training_counts mr_training_rows_counts(const mr_training_rows *rows);

/* After finish: the rows, and an id an item in ascending order. */
mr_interactions mr_training_rows_view(const mr_training_rows *rows);
const mr_text *mr_training_rows_item_ids(const mr_training_rows *rows);

#endif
