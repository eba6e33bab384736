/*
 * Model slot: everything of one model version that serving needs, loaded and checked.
 *
 * A version is a recommender and, when the data was long enough for one, a churn model.  The
 * recommender must open; a churn model that does not read, or that was trained on other features
 * than the plan computes, is left out and the slot says why: recommendations do not fall with it.
 *
 * Units      Items are indices of the recommender's dictionary.
 * Ownership  The slot owns the models; what it hands out is lent.  It borrows the plan, whose
 *            phrases it keeps.
 * Threads    Immutable: share it behind an mr_snapshot.
 * Cost       Opening: one pass over the version's files and one hash an item.
 */
#ifndef MR_APP_MODEL_SLOT_H
#define MR_APP_MODEL_SLOT_H

#include "core/hash.h"
#include "core/status.h"
#include "features/plan.h"
#include "models/churn_model.h"
#include "models/model_directory.h"
#include "models/recommender.h"

/* The churn model in a version's directory, listed in its manifest. */
#define MR_MODEL_CHURN_FILE "churn.json"

typedef struct mr_model_slot mr_model_slot;

/*
 * Load a version below `models_path`; `key` hashes item ids as cached states do.
 *
 * MR_ERR_* of mr_recommender_open(), MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_model_slot_open(const char *models_path, const char *version,
                                         const mr_hash_key *key, const mr_plan *plan,
                                         mr_model_slot **ret_slot, mr_error *ret_error);

/* Fits mr_snapshot_swap(); NULL allowed. */
void mr_model_slot_destroy(void *slot);

const mr_recommender *mr_model_slot_recommender(const mr_model_slot *slot);

/* NULL when the version has none or it was refused. */
const mr_churn_model *mr_model_slot_churn(const mr_model_slot *slot);

/* Why there is no churn model although the version holds one; empty otherwise. */
const char *mr_model_slot_churn_refused(const mr_model_slot *slot);

/* A phrase a column of the churn model, for mr_churn_model_explain(); NULL without one. */
const char *const *mr_model_slot_churn_phrases(const mr_model_slot *slot);

/* The item whose mr_hash_item() this is; MR_ITEM_NONE when none or more than one has it. */
uint32_t mr_model_slot_item_by_hash(const mr_model_slot *slot, uint64_t hash);

#endif
