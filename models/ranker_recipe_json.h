/*
 * Ranker recipe, as JSON: the manifest's "ranker".
 *
 * Units      See models/ranker_recipe.h.
 * Ownership  Values.
 * Threads    Any.
 * Cost       A manifest.
 */
#ifndef MR_MODELS_RANKER_RECIPE_JSON_H
#define MR_MODELS_RANKER_RECIPE_JSON_H

#include "core/buffer.h"
#include "core/json.h"
#include "core/status.h"
#include "models/ranker_recipe.h"

/* One object, appended to `buffer`. */
void mr_ranker_recipe_write(const mr_ranker_recipe *recipe, mr_buffer *buffer);

/* MR_ERR_CORRUPT when a number is missing or not finite, or a name is unknown.  The ranges of
 * families' options are theirs to check. */
MR_MUST_USE mr_status mr_ranker_recipe_read(mr_json_value *object,
                                            mr_ranker_recipe *ret_recipe,
                                            mr_error *ret_error);

#endif
