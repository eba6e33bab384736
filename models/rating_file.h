/*
 * Rating file: who rated what when, and what is said of the items and users.
 *
 * Three typed tables (models/typed_table.h).  The ratings need `user_id`, `item_id`, `rating` and
 * `timestamp`, the items `item_id`, the users (who may be left out) `user_id`; any further column
 * is an attribute.  An item's or user's index is its row in its table; those that only ratings
 * name come behind, in the order of the ratings' lines.
 *
 * Units      Times in seconds since the epoch.
 * Ownership  Owns everything and lends it.
 * Threads    Immutable once read.
 * Cost       One pass over the files and one sort of the ratings.
 */
#ifndef MR_MODELS_RATING_FILE_H
#define MR_MODELS_RATING_FILE_H

#include "core/status.h"
#include "core/text.h"
#include "models/content.h"
#include "models/typed_table.h"

#include <stddef.h>
#include <stdint.h>

typedef struct mr_rating_paths {
    const char *ratings;
    const char *items;
    const char *users; /* or NULL */
} mr_rating_paths;

typedef struct mr_rating {
    uint32_t user;
    uint32_t item;
    uint32_t time_s;
    float value;
} mr_rating;

typedef struct mr_rating_file mr_rating_file;

/*
 * MR_ERR_NOT_FOUND, MR_ERR_UNAVAILABLE, MR_ERR_NO_MEMORY; MR_ERR_CORRUPT, naming file and line,
 * for what is no such table, a number or time that is none, an empty id, an item or user that is
 * described twice, or when nothing is rated.
 */
MR_MUST_USE mr_status mr_rating_file_read(const mr_rating_paths *paths,
                                          mr_rating_file **ret_file, mr_error *ret_error);
void mr_rating_file_destroy(mr_rating_file *file); /* NULL allowed */

uint32_t mr_rating_file_users(const mr_rating_file *file);
uint32_t mr_rating_file_items(const mr_rating_file *file);
mr_text mr_rating_file_user_id(const mr_rating_file *file, uint32_t user);
mr_text mr_rating_file_item_id(const mr_rating_file *file, uint32_t item);

/* Ordered by time; those of one second as they stand in the file. */
const mr_rating *mr_rating_file_ratings(const mr_rating_file *file, size_t *ret_count);

/* Row i describes item i; items beyond the rows are not described. */
const mr_typed_table *mr_rating_file_item_table(const mr_rating_file *file);
const mr_typed_table *mr_rating_file_user_table(const mr_rating_file *file); /* or NULL */

/*
 * Tell a builder of mr_rating_file_items() what the columns say, each by what its name contains:
 * "title" or "name" free text, "description" or "text" longer text, "brand", "categor" a path when
 * it is a single token, "price" a number; a "year" of four digits is a path of decade and year.
 * Other tokens are tags, under the column's name so that equal words of two columns stay apart;
 * other numbers say nothing.  MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_rating_file_tell(const mr_rating_file *file,
                                          mr_content_builder *builder);

#endif
