/*
 * Churn training: what customers looked like on several days, and who then bought no more.
 *
 * Origins are midnights half a window apart, the newest such that the window after it ends
 * with the data.  At each one the vector of every customer who has bought within the last two
 * windows is taken, as of that midnight; it is a loss unless a purchase follows within the
 * window.  Who has been silent for longer has left already, and would only flatter the figures.
 *
 * Feed it a cut replay (app/cut_replay.h) whose cuts hold these origins, a partition at a time.
 *
 * Units      Times in ms of event time.
 * Ownership  The samples own their rows; they borrow the plan.
 * Threads    Owner-only.
 * Cost       A vector a customer and origin.
 */
#ifndef MR_APP_CHURN_TRAINING_H
#define MR_APP_CHURN_TRAINING_H

#include "core/event.h"
#include "core/status.h"
#include "features/shard.h"
#include "models/churn_model.h"

#include <stddef.h>
#include <stdint.h>

enum { MR_CHURN_ORIGINS_MIN = 3, MR_CHURN_ORIGINS_MAX = 8 };

/*
 * The origins for data from `oldest_ms` to `newest_ms`, ascending, at most
 * MR_CHURN_ORIGINS_MAX, each with a whole window before it and one after it.  Returns how many:
 * 0 when there would be fewer than MR_CHURN_ORIGINS_MIN.
 */
size_t mr_churn_origins(int64_t oldest_ms, int64_t newest_ms, uint32_t window_days,
                        int64_t ret_origins_ms[MR_CHURN_ORIGINS_MAX]);

typedef struct mr_churn_samples mr_churn_samples;

/* Copies the origins. */
MR_MUST_USE mr_status mr_churn_samples_create(const mr_plan *plan,
                                              const int64_t *origins_ms,
                                              size_t origin_count, uint32_t window_days,
                                              mr_churn_samples **ret_samples);
void mr_churn_samples_destroy(mr_churn_samples *samples); /* NULL allowed */

/* Rows are another shard's from now on. */
void mr_churn_samples_next_partition(mr_churn_samples *samples);

/* Take the customers of the shard, which has seen nothing at or after the origin. */
MR_MUST_USE mr_status mr_churn_samples_take(mr_churn_samples *samples, size_t origin,
                                            const mr_shard *shard);

/* What has just been applied: purchases decide labels and who is a customer later on. */
MR_MUST_USE mr_status mr_churn_samples_applied(mr_churn_samples *samples,
                                               const mr_shard *shard,
                                               const mr_event_batch *batch);

size_t mr_churn_samples_count(const mr_churn_samples *samples);

/* The rows, lent; `labels` are final once every partition has been replayed to its end. */
mr_churn_rows mr_churn_samples_rows(const mr_churn_samples *samples);

/* Train on what was taken.  MR_ERR_* of mr_churn_model_train(). */
MR_MUST_USE mr_status mr_churn_samples_train(const mr_churn_samples *samples,
                                             uint64_t seed, mr_churn_model **ret_model,
                                             mr_error *ret_error);

#endif
