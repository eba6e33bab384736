/*
 * Training catalogue: what the catalogue topic says of items, for the content model.
 *
 * Items that nobody has touched stand in it, too: with their descriptions in the model they can be
 * recommended from their first day on.
 *
 * Units      Prices in minor units of whatever currency the shop has.
 * Ownership  Owns copies of the records; ids are lent until destroy.
 * Threads    One caller.
 * Cost       One reading of the topic.
 */
#ifndef MR_APP_TRAINING_CATALOGUE_H
#define MR_APP_TRAINING_CATALOGUE_H

#include "app/config.h"
#include "core/hash.h"
#include "core/status.h"
#include "models/content.h"

#include <stddef.h>

typedef struct mr_training_catalogue mr_training_catalogue;

/* Records that cannot be read are passed over.  A topic that is not there is an empty catalogue.
 * MR_ERR_* of the log, MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_training_catalogue_read(const mr_config *config,
                                                 const mr_hash_key *key,
                                                 mr_training_catalogue **ret_catalogue,
                                                 mr_error *ret_error);
void mr_training_catalogue_destroy(mr_training_catalogue *catalogue); /* NULL allowed */

size_t mr_training_catalogue_count(const mr_training_catalogue *catalogue);

/* The id of the `place`-th item, in order of ids. */
mr_text mr_training_catalogue_id(const mr_training_catalogue *catalogue, size_t place);

/* Tell the builder what is known of `item`, whose id is given; an item that may not be shown is
 * described like any other.  Errors of the builder. */
MR_MUST_USE mr_status
mr_training_catalogue_describe(const mr_training_catalogue *catalogue, mr_text id,
                               uint32_t item, mr_content_builder *builder);

#endif
