/*
 * Churn sweep: every customer's risk, once a day of event time, and the alerts it raises.
 *
 * When a shard's time enters a new day, or a new churn model is served, the sweep reads the
 * vector of each known customer, scores it, and puts an alert into the shard's outbox when the
 * tier has changed.  It works in slices between batches.  A tier is left only when the risk has
 * fallen clearly below where it begins, so that nobody flaps.
 *
 * Risk and tier are derived state: they depend on the model and are never hashed.
 *
 * Units      Probabilities in thousandths; times in ms.
 * Ownership  The outbox takes copies.
 * Threads    The ingest thread.
 * Cost       About 1 us a customer.
 */
#ifndef MR_APP_CHURN_SWEEP_H
#define MR_APP_CHURN_SWEEP_H

#include "app/model_slot.h"
#include "app/owned_shard.h"

enum {
    MR_CHURN_HYSTERESIS_PERMILLE = 50, /* below a tier's beginning before it is left */
};

/*
 * Begin a sweep if one is due, and work on a slice of one that is under way.
 *
 * MR_ERR_FULL when the outbox is full: the sweep goes on after the next checkpoint.
 */
MR_MUST_USE mr_status mr_churn_sweep(mr_owned_shard *owned, const mr_model_slot *slot);

#endif
