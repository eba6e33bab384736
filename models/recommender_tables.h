/*
 * Recommender tables: EASE's weights and the graph filter's two tables in a model directory.
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
#include "models/dense.h"
#include "models/graph_filter.h"
#include "models/model_directory.h"

#include <stdint.h>

#define MR_FILE_EASE "ease_weights.npy"
#define MR_FILE_GRAPH_FILTER_IN "gfcf_in.npy"
#define MR_FILE_GRAPH_FILTER_OUT "gfcf_out.npy"

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

#endif
