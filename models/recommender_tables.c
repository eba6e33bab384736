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

/* ---- what is bought together ---- */

static mr_status add_array(mr_model_writer *writer, const char *name, mr_npy_type type,
                           uint64_t count, const void *data, mr_error *ret_error)
{
    return mr_model_writer_add(writer, name, type, 1, &count, data, 0, ret_error);
}

mr_status mr_recommender_bought_write(mr_model_writer *writer,
                                      const mr_sparse_matrix *table, mr_error *ret_error)
{
    const uint64_t count = mr_sparse_matrix_count(table);
    MR_TRY(add_array(writer, MR_FILE_BOUGHT_PTR, MR_NPY_U8, (uint64_t)table->rows + 1,
                     table->ptr, ret_error));
    MR_TRY(add_array(writer, MR_FILE_BOUGHT_INDEX, MR_NPY_U4, count, table->index,
                     ret_error));
    return add_array(writer, MR_FILE_BOUGHT_VALUES, MR_NPY_F4, count, table->values,
                     ret_error);
}

static bool is_bought_table(const mr_sparse_matrix *table)
{
    if (mr_sparse_matrix_check(table) != MR_OK)
        return false;
    for (uint32_t row = 0; row < table->rows; row++)
        if (mr_sparse_matrix_row_count(table, row) > MR_BOUGHT_TOGETHER_PARTNERS_MAX)
            return false;
    for (uint64_t e = 0; e < mr_sparse_matrix_count(table); e++)
        if (!(table->values[e] > 0.0F))
            return false;
    return true;
}

mr_status mr_recommender_map_bought(const mr_model_directory *directory, uint32_t items,
                                    mr_bought_together_files *ret_files,
                                    mr_sparse_matrix *ret_view, mr_error *ret_error)
{
    MR_TRY(mr_model_directory_map(directory, MR_FILE_BOUGHT_PTR, MR_NPY_U8, 1,
                                  &ret_files->ptr, ret_error));
    MR_TRY(mr_model_directory_map(directory, MR_FILE_BOUGHT_INDEX, MR_NPY_U4, 1,
                                  &ret_files->index, ret_error));
    MR_TRY(mr_model_directory_map(directory, MR_FILE_BOUGHT_VALUES, MR_NPY_F4, 1,
                                  &ret_files->values, ret_error));
    /* Views are read through only; the struct has no const twin. */
    const mr_sparse_matrix view = {.rows = items,
                                   .columns = items,
                                   .ptr = (uint64_t *)(uintptr_t)ret_files->ptr.data,
                                   .index = (uint32_t *)(uintptr_t)ret_files->index.data,
                                   .values = (float *)(uintptr_t)ret_files->values.data};
    if (ret_files->ptr.shape[0] != (uint64_t)items + 1 ||
        view.ptr[items] != ret_files->index.shape[0] ||
        view.ptr[items] != ret_files->values.shape[0] || !is_bought_table(&view))
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "model %s: %s: for another dictionary, unsorted, outside or "
                            "not above 0",
                            mr_model_directory_version(directory), MR_FILE_BOUGHT_INDEX);
    *ret_view = view;
    return MR_OK;
}

void mr_recommender_unmap_bought(mr_bought_together_files *files)
{
    mr_npy_close(&files->ptr);
    mr_npy_close(&files->index);
    mr_npy_close(&files->values);
}
