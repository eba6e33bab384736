/*
 * Recommender tables: EASE's weights, the graph filter's two tables and what is bought together, in a
 * model directory.
 *
 * What training writes here is mapped by serving as it stands: rows without padding, checked once
 * for shape and for numbers that are none.
 *
 * Units      Elements are float32, a row an item of the dictionary.
 * Ownership  An mr_npy owns its mapping; the views borrow it.
 * Threads    Any.
 * Cost       One pass over the arrays.
 */
#ifndef MR_MODELS_RECOMMENDER_TABLES_H
#define MR_MODELS_RECOMMENDER_TABLES_H

#include "core/status.h"
#include "models/bought_together.h"
#include "models/dense.h"
#include "models/graph_filter.h"
#include "models/model_directory.h"

#include <stdint.h>

#define MR_FILE_EASE "ease_weights.npy"
#define MR_FILE_GRAPH_FILTER_IN "gfcf_in.npy"
#define MR_FILE_GRAPH_FILTER_OUT "gfcf_out.npy"
#define MR_FILE_BOUGHT_PTR "bought_together_ptr.npy"
#define MR_FILE_BOUGHT_INDEX "bought_together_index.npy"
#define MR_FILE_BOUGHT_VALUES "bought_together_values.npy"

/* Write what is there: nothing for empty ones.  Errors as mr_model_writer_add(). */
MR_MUST_USE mr_status mr_recommender_tables_write(mr_model_writer *writer,
                                                  const mr_dense *ease,
                                                  const mr_graph_filter *filter,
                                                  mr_error *ret_error);

/* MR_ERR_CORRUPT for another number of items or a number that is not finite, and errors as
 * mr_model_directory_map(). */
MR_MUST_USE mr_status mr_recommender_map_ease(const mr_model_directory *directory,
                                              uint32_t items, mr_npy *ret_npy,
                                              mr_dense *ret_view, mr_error *ret_error);
MR_MUST_USE mr_status mr_recommender_map_graph_filter(const mr_model_directory *directory,
                                                      uint32_t items, mr_npy *ret_in,
                                                      mr_npy *ret_out,
                                                      mr_graph_filter *ret_view,
                                                      mr_error *ret_error);

/* The three arrays of what is bought together. */
typedef struct mr_bought_together_files {
    mr_npy ptr;
    mr_npy index;
    mr_npy values;
} mr_bought_together_files;

MR_MUST_USE mr_status mr_recommender_bought_write(mr_model_writer *writer,
                                                  const mr_sparse_matrix *table,
                                                  mr_error *ret_error);

/* MR_ERR_CORRUPT for another number of items, or rows that are unsorted, outside, too long, not
 * finite or at most 0; and errors as mr_model_directory_map(). */
MR_MUST_USE mr_status mr_recommender_map_bought(const mr_model_directory *directory,
                                                uint32_t items,
                                                mr_bought_together_files *ret_files,
                                                mr_sparse_matrix *ret_view,
                                                mr_error *ret_error);
void mr_recommender_unmap_bought(mr_bought_together_files *files); /* all-zero allowed */

#endif
