/*
 * Ranker recipe, JSON: a recipe as the object "ranker" of a model directory's manifest.
 *
 *     {"name": "blend", "text": …, "single": null or a signal, "repeats_allowed": …,
 *      "popular_fade": …, "uses": {signal: true or false, …}, "weights": {feature: number, …},
 *      "newcomers": {"elements_max": …, "single": …, "repeats_allowed": …, "weights": {…}},
 *      "sequence": {option: value, …}, …}
 *
 * A family's options stand there when the recipe uses it, each by its name in the family's header,
 * and are the defaults otherwise.  A number that is missing is an error, not a default: a directory
 * was written by one program and may be read by a later one.  "name" and "text" are for people.
 * "newcomers" stands there when they have a choice of their own; older versions never have it.
 *
 * Units      See the families' own headers.  A seed above 2^63 - 1 is written as the negative number
 *            of the same bits.
 * Ownership  Values.
 * Threads    Any.
 * Cost       Some 2 kB.
 */
#ifndef MR_MODELS_RANKER_RECIPE_JSON_H
#define MR_MODELS_RANKER_RECIPE_JSON_H

#include "core/buffer.h"
#include "core/json.h"
#include "core/status.h"
#include "models/ranker_recipe.h"

/* Append the object to `buffer`. */
void mr_ranker_recipe_write(const mr_ranker_recipe *recipe, mr_buffer *buffer);

/*
 * MR_ERR_CORRUPT, naming it, when a value is missing, of another kind or out of range: a weight that
 * is not finite, an option that its family refuses, a single that is not in use, no signal at all.
 */
MR_MUST_USE mr_status mr_ranker_recipe_read(mr_json_value *object,
                                            mr_ranker_recipe *ret_recipe,
                                            mr_error *ret_error);

#endif
