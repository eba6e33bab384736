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
#include "models/recipe.h"

#define MR_FILE_ITEM_IDS "item_ids.npy"
#define MR_FILE_ITEM_OFFSETS "item_offsets.npy"
#define MR_FILE_NEIGHBOUR_PTR "item_item_ptr.npy"
#define MR_FILE_NEIGHBOUR_INDEX "item_item_index.npy"
#define MR_FILE_NEIGHBOUR_VALUES "item_item_values.npy"
#define MR_FILE_FACTORS "item_factors.npy"
#define MR_FILE_EIGENVALUES "item_eigenvalues.npy"
#define MR_FILE_POPULARITY "item_popularity.npy"

/* The recipe as the manifest's "model" object, appended to `buffer`; `ranker` is its member of that
 * name, a JSON object, or empty: none. */
void mr_recommender_recipe_write(const mr_recipe *recipe, mr_text ranker,
                                 mr_buffer *buffer);

/* MR_ERR_CORRUPT when a number is missing or out of range. */
MR_MUST_USE mr_status mr_recommender_recipe_read(mr_json_value *model,
                                                 mr_recipe *ret_recipe,
                                                 mr_error *ret_error);

#endif
