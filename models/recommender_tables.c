#include "models/recommender_tables.h"

static mr_status write_table(mr_model_writer *writer, const char *name,
                             const mr_dense *table, mr_error *ret_error)
{
    const uint64_t shape[2] = {table->rows, table->columns};
    return mr_model_writer_add(writer, name, MR_NPY_F4, 2, shape, table->values,
                               table->stride * sizeof(*table->values), ret_error);
}

mr_status mr_recommender_tables_write(mr_model_writer *writer, const mr_dense *ease,
                                      const mr_graph_filter *filter, mr_error *ret_error)
{
    if (ease->rows > 0)
        MR_TRY(write_table(writer, MR_FILE_EASE, ease, ret_error));
    if (filter->in.rows == 0)
        return MR_OK;
    MR_TRY(write_table(writer, MR_FILE_GRAPH_FILTER_IN, &filter->in, ret_error));
    return write_table(writer, MR_FILE_GRAPH_FILTER_OUT, &filter->out, ret_error);
}

/* A table of `items` rows and 1 … `columns_max` columns. */
static mr_status map_table(const mr_model_directory *directory, const char *name,
                           uint32_t items, uint64_t columns_max, mr_npy *ret_npy,
                           mr_dense *ret_view, mr_error *ret_error)
{
    MR_TRY(mr_model_directory_map(directory, name, MR_NPY_F4, 2, ret_npy, ret_error));
    const uint64_t columns = ret_npy->shape[1];
    if (ret_npy->shape[0] != items || columns < 1 || columns > columns_max ||
        !mr_dense_all_finite(ret_npy->data, (size_t)items * columns))
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "model %s: %s: for another dictionary, or not finite",
                            mr_model_directory_version(directory), name);
    /* Views are read through only; the struct has no const twin. */
    *ret_view = (mr_dense){.values = (float *)(uintptr_t)ret_npy->data,
                           .rows = items,
                           .columns = columns,
                           .stride = columns};
    return MR_OK;
}

mr_status mr_recommender_map_ease(const mr_model_directory *directory, uint32_t items,
                                  mr_npy *ret_npy, mr_dense *ret_view,
                                  mr_error *ret_error)
{
    mr_dense view = {0};
    MR_TRY(map_table(directory, MR_FILE_EASE, items, items, ret_npy, &view, ret_error));
    if (view.columns != items)
        return mr_error_set(ret_error, MR_ERR_CORRUPT, "model %s: %s: not square",
                            mr_model_directory_version(directory), MR_FILE_EASE);
    *ret_view = view;
    return MR_OK;
}

mr_status mr_recommender_map_graph_filter(const mr_model_directory *directory,
                                          uint32_t items, mr_npy *ret_in, mr_npy *ret_out,
                                          mr_graph_filter *ret_view, mr_error *ret_error)
{
    mr_graph_filter view = {0};
    MR_TRY(map_table(directory, MR_FILE_GRAPH_FILTER_IN, items,
                     MR_GRAPH_FILTER_DIMENSION_MAX, ret_in, &view.in, ret_error));
    MR_TRY(map_table(directory, MR_FILE_GRAPH_FILTER_OUT, items,
                     MR_GRAPH_FILTER_DIMENSION_MAX, ret_out, &view.out, ret_error));
    if (view.in.columns != view.out.columns)
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "model %s: graph filter tables of different widths",
                            mr_model_directory_version(directory));
    *ret_view = view;
    return MR_OK;
}
