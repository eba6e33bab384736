/*
 * History sequences: rows of events, put in order.
 *
 * Set-type models take a user's events as they come; what looks at order needs them by time, cut
 * into baskets, the users in order of their last event.  Events that follow each other within
 * MR_BASKET_GAP_S belong to one basket: an order has one time, a visit has pauses.
 *
 * Units      Seconds since the epoch.
 * Ownership  The list is the caller's to deinit.
 * Threads    Pure.
 * Cost       A sort of each row and one of the rows' ends.
 */
#ifndef MR_MODELS_HISTORY_SEQUENCES_H
#define MR_MODELS_HISTORY_SEQUENCES_H

#include "core/status.h"
#include "models/interactions.h"
#include "models/sequences.h"

#include <stddef.h>
#include <stdint.h>

enum { MR_BASKET_GAP_S = 30 * 60 };

/*
 * A sequence a row that has events; rows that end at the same second stay in their order, events of
 * one second in theirs.  MR_ERR_INVALID without times, MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_history_sequences(const mr_interactions *interactions,
                                           mr_sequence_list *ret_list);

/* Number the baskets of events in order of time. */
void mr_history_baskets(const uint32_t *time_s, size_t count, uint32_t *ret_basket);

#endif
