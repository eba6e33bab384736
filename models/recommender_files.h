/*
 * Recommender files: the names and the recipe a recommender's directory holds.
 *
 * Shared by what writes them (models/recommender_train.h) and what maps them
 * (models/recommender.h), so that each name and key stands in one place.
 *
 * Units      See models/recipe.h.
 * Ownership  Values.
 * Threads    Any.
 * Cost       A manifest.
 */
#ifndef MR_MODELS_RECOMMENDER_FILES_H
#define MR_MODELS_RECOMMENDER_FILES_H

#include "core/buffer.h"
#include "core/json.h"
#include "core/status.h"
#include "core/text.h"
#include "models/bought_together.h"
#include "models/recipe.h"

#define MR_FILE_ITEM_IDS "item_ids.npy"
#define MR_FILE_ITEM_OFFSETS "item_offsets.npy"
#define MR_FILE_NEIGHBOUR_PTR "item_item_ptr.npy"
#define MR_FILE_NEIGHBOUR_INDEX "item_item_index.npy"
#define MR_FILE_NEIGHBOUR_VALUES "item_item_values.npy"
#define MR_FILE_FACTORS "item_factors.npy"
#define MR_FILE_EIGENVALUES "item_eigenvalues.npy"
#define MR_FILE_POPULARITY "item_popularity.npy"

/* What the manifest's "model" object says beside the recipe. */
typedef struct mr_recommender_parts {
    mr_text ranker; /* a JSON object, or empty: none            */
    const mr_bought_together_options *bought; /* NULL: no table */
} mr_recommender_parts;

/* That object, appended to `buffer`. */
void mr_recommender_recipe_write(const mr_recipe *recipe,
                                 const mr_recommender_parts *parts, mr_buffer *buffer);

/* MR_ERR_CORRUPT when a number is missing or out of range. */
MR_MUST_USE mr_status mr_recommender_recipe_read(mr_json_value *model,
                                                 mr_recipe *ret_recipe,
                                                 mr_error *ret_error);

/*
 * Whether the version has a table of what is bought together: older ones have none.
 *
 * MR_ERR_INVALID for a newer version of it.
 */
MR_MUST_USE mr_status mr_recommender_bought_read(mr_json_value *model, bool *ret_has,
                                                 mr_error *ret_error);

#endif
