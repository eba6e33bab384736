#include "models/ranker_files.h"

#include "models/dense.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Places in mr_ranker_store.files. */
typedef enum ranker_file {
    FILE_POPULAR = 0,
    FILE_RECENT,
    FILE_ENCODER_UNITS,
    FILE_ENCODER_LENGTHS,
    FILE_ENCODER_PLACES,
    FILE_ENCODER_ATTENTION,
    FILE_SEQUENCE_PTR,
    FILE_SEQUENCE_INDEX,
    FILE_SEQUENCE_VALUES,
    FILE_REPEAT_PTR,
    FILE_REPEAT_INDEX,
    FILE_REPEAT_VALUES,
    FILE_REPEAT_RATE,
    FILE_REPEAT_POPULARITY,
    FILE_KNN_ITEM_PTR,
    FILE_KNN_POSTING,
    FILE_KNN_LAST_PLACE,
    FILE_KNN_ITEM_WEIGHT,
    FILE_KNN_SEQUENCE_PTR,
    FILE_KNN_ELEMENT,
    FILE_KNN_SEQUENCE_WEIGHT,
    FILE_CONTENT_PTR,
    FILE_CONTENT_INDEX,
    FILE_CONTENT_VALUES,
    FILE_CONTENT_PRICE,
    FILES,
} ranker_file;

/* Baskets of the session index have no file of their own: element and basket are its two columns. */
static const struct {
    const char *name;
    mr_npy_type type;
    uint32_t dimensions;
} FILE_KINDS[FILES] = {
    [FILE_POPULAR] = {"ranker_popular.npy", MR_NPY_F4, 1},
    [FILE_RECENT] = {"ranker_recent.npy", MR_NPY_F4, 1},
    [FILE_ENCODER_UNITS] = {"encoder_units.npy", MR_NPY_F4, 2},
    [FILE_ENCODER_LENGTHS] = {"encoder_lengths.npy", MR_NPY_F4, 1},
    [FILE_ENCODER_PLACES] = {"encoder_places.npy", MR_NPY_F4, 2},
    [FILE_ENCODER_ATTENTION] = {"encoder_attention.npy", MR_NPY_F4, 1},
    [FILE_SEQUENCE_PTR] = {"sequence_ptr.npy", MR_NPY_U8, 1},
    [FILE_SEQUENCE_INDEX] = {"sequence_index.npy", MR_NPY_U4, 1},
    [FILE_SEQUENCE_VALUES] = {"sequence_values.npy", MR_NPY_F4, 1},
    [FILE_REPEAT_PTR] = {"repeat_ptr.npy", MR_NPY_U8, 1},
    [FILE_REPEAT_INDEX] = {"repeat_index.npy", MR_NPY_U4, 1},
    [FILE_REPEAT_VALUES] = {"repeat_values.npy", MR_NPY_F4, 1},
    [FILE_REPEAT_RATE] = {"repeat_rate.npy", MR_NPY_F4, 1},
    [FILE_REPEAT_POPULARITY] = {"repeat_popularity.npy", MR_NPY_F4, 1},
    [FILE_KNN_ITEM_PTR] = {"session_item_ptr.npy", MR_NPY_U8, 1},
    [FILE_KNN_POSTING] = {"session_posting.npy", MR_NPY_U4, 1},
    [FILE_KNN_LAST_PLACE] = {"session_last_place.npy", MR_NPY_U4, 1},
    [FILE_KNN_ITEM_WEIGHT] = {"session_item_weight.npy", MR_NPY_F4, 1},
    [FILE_KNN_SEQUENCE_PTR] = {"session_ptr.npy", MR_NPY_U8, 1},
    [FILE_KNN_ELEMENT] = {"session_element.npy", MR_NPY_U4, 2},
    [FILE_KNN_SEQUENCE_WEIGHT] = {"session_weight.npy", MR_NPY_F4, 1},
    [FILE_CONTENT_PTR] = {"content_ptr.npy", MR_NPY_U8, 1},
    [FILE_CONTENT_INDEX] = {"content_index.npy", MR_NPY_U4, 1},
    [FILE_CONTENT_VALUES] = {"content_values.npy", MR_NPY_F4, 1},
    [FILE_CONTENT_PRICE] = {"content_price.npy", MR_NPY_F4, 1},
};
_Static_assert(FILES == (int)MR_RANKER_FILES, "a mapping a file");

/* ---- writing ---- */

typedef struct writing {
    mr_model_writer *writer;
    mr_error *error;
} writing;

static mr_status put(const writing *w, ranker_file file, uint64_t rows, uint64_t columns,
                     const void *data)
{
    const uint64_t shape[2] = {rows, columns};
    return mr_model_writer_add(w->writer, FILE_KINDS[file].name, FILE_KINDS[file].type,
                               FILE_KINDS[file].dimensions, shape, data, 0, w->error);
}

static mr_status put_encoder(const writing *w, const mr_encoder *encoder)
{
    const mr_encoder_arrays *a = mr_encoder_view(encoder);
    MR_TRY(put(w, FILE_ENCODER_UNITS, a->items, a->dimension, a->units));
    MR_TRY(put(w, FILE_ENCODER_LENGTHS, a->items, 1, a->lengths));
    MR_TRY(put(w, FILE_ENCODER_PLACES, MR_ENCODER_LENGTH_MAX, MR_ENCODER_LENGTH_MAX,
               a->places));
    return put(w, FILE_ENCODER_ATTENTION, a->dimension, 1, a->attention);
}

/* Three files from `first`: ptr, index, values. */
static mr_status put_rows(const writing *w, ranker_file first,
                          const mr_sparse_matrix *rows)
{
    const uint64_t count = mr_sparse_matrix_count(rows);
    MR_TRY(put(w, first, (uint64_t)rows->rows + 1, 1, rows->ptr));
    MR_TRY(put(w, first + 1, count, 1, rows->index));
    return put(w, first + 2, count, 1, rows->values);
}

static mr_status put_repeat(const writing *w, const mr_next_basket *repeat)
{
    const mr_next_basket_arrays a = mr_next_basket_view(repeat);
    MR_TRY(put_rows(w, FILE_REPEAT_PTR, &a.rows));
    MR_TRY(put(w, FILE_REPEAT_RATE, a.rows.rows, 1, a.repeat_rate));
    return put(w, FILE_REPEAT_POPULARITY, a.rows.rows, 1, a.popularity);
}

/* A price an item even where none is known of any: one file more, one case less. */
static mr_status put_content(const writing *w, const mr_content *content)
{
    const mr_content_arrays a = mr_content_arrays_of(content);
    MR_TRY(put_rows(w, FILE_CONTENT_PTR, &a.terms));
    if (a.price_log2 != NULL)
        return put(w, FILE_CONTENT_PRICE, a.items, 1, a.price_log2);
    float *unknown = malloc(((size_t)a.items + 1) * sizeof(*unknown));
    if (unknown == NULL)
        return MR_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < a.items; i++)
        unknown[i] = MR_CONTENT_PRICE_UNKNOWN;
    const mr_status status = put(w, FILE_CONTENT_PRICE, a.items, 1, unknown);
    free(unknown);
    return status;
}

/* Element and basket side by side. */
static mr_status put_elements(const writing *w, const mr_session_knn_arrays *a)
{
    const uint64_t count = a->sequence_ptr[a->sequences];
    if (a->basket == NULL)
        return put(w, FILE_KNN_ELEMENT, 1, count, a->element);
    uint32_t *both = malloc((2 * count + 1) * sizeof(*both));
    if (both == NULL)
        return MR_ERR_NO_MEMORY;
    memcpy(both, a->element, count * sizeof(*both));
    memcpy(both + count, a->basket, count * sizeof(*both));
    const mr_status status = put(w, FILE_KNN_ELEMENT, 2, count, both);
    free(both);
    return status;
}

static mr_status put_session_knn(const writing *w, const mr_session_knn *knn)
{
    const mr_session_knn_arrays *a = mr_session_knn_arrays_of(knn);
    const uint64_t postings = a->item_ptr[a->items];
    MR_TRY(put(w, FILE_KNN_ITEM_PTR, (uint64_t)a->items + 1, 1, a->item_ptr));
    MR_TRY(put(w, FILE_KNN_POSTING, postings, 1, a->posting));
    MR_TRY(put(w, FILE_KNN_LAST_PLACE, postings, 1, a->last_place));
    MR_TRY(put(w, FILE_KNN_ITEM_WEIGHT, a->items, 1, a->item_weight));
    MR_TRY(put(w, FILE_KNN_SEQUENCE_PTR, (uint64_t)a->sequences + 1, 1, a->sequence_ptr));
    MR_TRY(put_elements(w, a));
    return put(w, FILE_KNN_SEQUENCE_WEIGHT, a->sequences, 1, a->sequence_weight);
}

mr_status mr_ranker_files_write(mr_model_writer *writer, const mr_ranker_recipe *recipe,
                                const mr_ranker_members *members, mr_error *ret_error)
{
    const writing w = {.writer = writer, .error = ret_error};
    MR_TRY(put(&w, FILE_POPULAR, members->items, 1, members->popular));
    MR_TRY(put(&w, FILE_RECENT, members->items, 1, members->recent));
    if (recipe->uses[MR_SIGNAL_ENCODER])
        MR_TRY(put_encoder(&w, members->encoder));
    if (recipe->uses[MR_SIGNAL_SEQUENCE])
        MR_TRY(put_rows(&w, FILE_SEQUENCE_PTR, mr_covisitation_rows(members->sequence)));
    if (recipe->uses[MR_SIGNAL_REPEAT])
        MR_TRY(put_repeat(&w, members->repeat));
    if (recipe->uses[MR_SIGNAL_SESSION_KNN])
        MR_TRY(put_session_knn(&w, members->session_knn));
    return recipe->uses[MR_SIGNAL_CONTENT] ? put_content(&w, members->content) : MR_OK;
}

/* ---- opening ---- */

typedef struct opening {
    const mr_model_directory *directory;
    uint32_t items;
    mr_ranker_store store;
    mr_error *error;
} opening;

static mr_status refuse(const opening *o, ranker_file file, const char *problem)
{
    return mr_error_set(o->error, MR_ERR_CORRUPT, "model %s: %s: %s",
                        mr_model_directory_version(o->directory), FILE_KINDS[file].name,
                        problem);
}

static mr_status map(opening *o, ranker_file file, uint64_t rows)
{
    MR_TRY(mr_model_directory_map(o->directory, FILE_KINDS[file].name,
                                  FILE_KINDS[file].type, FILE_KINDS[file].dimensions,
                                  &o->store.files[file], o->error));
    if (o->store.files[file].shape[0] != rows)
        return refuse(o, file, "of another length");
    return MR_OK;
}

static const void *data(const opening *o, ranker_file file)
{
    return o->store.files[file].data;
}

static mr_status check_votes(const opening *o, ranker_file file)
{
    const float *votes = data(o, file);
    for (uint32_t i = 0; i < o->items; i++)
        if (!(votes[i] >= 0.0F) || !isfinite(votes[i]))
            return refuse(o, file, "votes that are negative or not finite");
    return MR_OK;
}

/* Small enough to be copied; the members then own them as if trained. */
static mr_status open_votes(opening *o)
{
    mr_ranker_members *members = &o->store.members;
    MR_TRY(map(o, FILE_POPULAR, o->items));
    MR_TRY(map(o, FILE_RECENT, o->items));
    MR_TRY(check_votes(o, FILE_POPULAR));
    MR_TRY(check_votes(o, FILE_RECENT));
    members->popular = mr_dense_floats((size_t)o->items + 1);
    members->recent = mr_dense_floats((size_t)o->items + 1);
    if (members->popular == NULL || members->recent == NULL)
        return MR_ERR_NO_MEMORY;
    memcpy(members->popular, data(o, FILE_POPULAR), o->items * sizeof(float));
    memcpy(members->recent, data(o, FILE_RECENT), o->items * sizeof(float));
    return mr_ranker_members_order(members);
}

static mr_status open_encoder(opening *o)
{
    MR_TRY(map(o, FILE_ENCODER_UNITS, o->items));
    const uint64_t dimension = o->store.files[FILE_ENCODER_UNITS].shape[1];
    MR_TRY(map(o, FILE_ENCODER_LENGTHS, o->items));
    MR_TRY(map(o, FILE_ENCODER_PLACES, MR_ENCODER_LENGTH_MAX));
    MR_TRY(map(o, FILE_ENCODER_ATTENTION, dimension));
    if (o->store.files[FILE_ENCODER_PLACES].shape[1] != MR_ENCODER_LENGTH_MAX)
        return refuse(o, FILE_ENCODER_PLACES, "of another width");
    if (dimension > MR_ENCODER_DIMENSION_MAX)
        return refuse(o, FILE_ENCODER_UNITS, "too wide");
    const mr_encoder_arrays arrays = {.items = o->items,
                                      .dimension = (uint32_t)dimension,
                                      .units = data(o, FILE_ENCODER_UNITS),
                                      .lengths = data(o, FILE_ENCODER_LENGTHS),
                                      .places = data(o, FILE_ENCODER_PLACES),
                                      .attention = data(o, FILE_ENCODER_ATTENTION)};
    return mr_encoder_open(&arrays, &o->store.members.encoder, o->error);
}

/* Views are read through only; the struct has no const twin. */
static void *unconst(const void *pointer)
{
    return (void *)(uintptr_t)pointer;
}

static mr_status open_rows(opening *o, ranker_file first, uint32_t columns,
                           mr_sparse_matrix *ret_rows)
{
    MR_TRY(map(o, first, (uint64_t)o->items + 1));
    const uint64_t *ptr = data(o, first);
    MR_TRY(map(o, first + 1, ptr[o->items]));
    MR_TRY(map(o, first + 2, ptr[o->items]));
    for (uint32_t i = 0; i < o->items; i++)
        if (ptr[i] > ptr[i + 1])
            return refuse(o, first, "not ascending");
    *ret_rows = (mr_sparse_matrix){.rows = o->items,
                                   .columns = columns,
                                   .ptr = unconst(ptr),
                                   .index = unconst(data(o, first + 1)),
                                   .values = unconst(data(o, first + 2))};
    return ptr[0] == 0 ? MR_OK : refuse(o, first, "does not begin at 0");
}

static mr_status open_sequence(opening *o, const mr_covisitation_options *options)
{
    mr_sparse_matrix rows;
    MR_TRY(open_rows(o, FILE_SEQUENCE_PTR, o->items, &rows));
    const mr_status status =
        mr_covisitation_open(&rows, options, &o->store.members.sequence);
    return status == MR_ERR_CORRUPT
               ? refuse(o, FILE_SEQUENCE_INDEX, "rows that training does not write")
               : status;
}

static mr_status open_repeat(opening *o, const mr_next_basket_options *options)
{
    mr_next_basket_arrays arrays;
    MR_TRY(open_rows(o, FILE_REPEAT_PTR, o->items, &arrays.rows));
    MR_TRY(map(o, FILE_REPEAT_RATE, o->items));
    MR_TRY(map(o, FILE_REPEAT_POPULARITY, o->items));
    arrays.repeat_rate = data(o, FILE_REPEAT_RATE);
    arrays.popularity = data(o, FILE_REPEAT_POPULARITY);
    const mr_status status =
        mr_next_basket_open(&arrays, options, &o->store.members.repeat);
    return status == MR_ERR_CORRUPT
               ? refuse(o, FILE_REPEAT_INDEX, "rows that training does not write")
               : status;
}

static mr_status map_session_knn(opening *o, mr_session_knn_arrays *ret_arrays)
{
    MR_TRY(map(o, FILE_KNN_ITEM_PTR, (uint64_t)o->items + 1));
    const uint64_t *item_ptr = data(o, FILE_KNN_ITEM_PTR);
    MR_TRY(map(o, FILE_KNN_POSTING, item_ptr[o->items]));
    MR_TRY(map(o, FILE_KNN_LAST_PLACE, item_ptr[o->items]));
    MR_TRY(map(o, FILE_KNN_ITEM_WEIGHT, o->items));
    MR_TRY(mr_model_directory_map(o->directory, FILE_KINDS[FILE_KNN_SEQUENCE_WEIGHT].name,
                                  MR_NPY_F4, 1, &o->store.files[FILE_KNN_SEQUENCE_WEIGHT],
                                  o->error));
    const uint64_t sequences = o->store.files[FILE_KNN_SEQUENCE_WEIGHT].shape[0];
    if (sequences >= UINT32_MAX)
        return refuse(o, FILE_KNN_SEQUENCE_WEIGHT, "too long");
    MR_TRY(map(o, FILE_KNN_SEQUENCE_PTR, sequences + 1));
    MR_TRY(mr_model_directory_map(o->directory, FILE_KINDS[FILE_KNN_ELEMENT].name,
                                  MR_NPY_U4, 2, &o->store.files[FILE_KNN_ELEMENT],
                                  o->error));
    const uint64_t *sequence_ptr = data(o, FILE_KNN_SEQUENCE_PTR);
    const mr_npy *elements = &o->store.files[FILE_KNN_ELEMENT];
    if (elements->shape[0] < 1 || elements->shape[0] > 2 ||
        elements->shape[1] != sequence_ptr[sequences])
        return refuse(o, FILE_KNN_ELEMENT, "of another length");
    const uint32_t *element = elements->data;
    *ret_arrays = (mr_session_knn_arrays){
        .items = o->items,
        .sequences = (uint32_t)sequences,
        .item_ptr = item_ptr,
        .posting = data(o, FILE_KNN_POSTING),
        .last_place = data(o, FILE_KNN_LAST_PLACE),
        .item_weight = data(o, FILE_KNN_ITEM_WEIGHT),
        .sequence_ptr = sequence_ptr,
        .element = element,
        .basket = elements->shape[0] == 2 ? element + elements->shape[1] : NULL,
        .sequence_weight = data(o, FILE_KNN_SEQUENCE_WEIGHT)};
    return MR_OK;
}

static mr_status open_session_knn(opening *o, const mr_session_knn_options *options)
{
    mr_session_knn_arrays arrays;
    MR_TRY(map_session_knn(o, &arrays));
    const mr_status status =
        mr_session_knn_open(&arrays, options, &o->store.members.session_knn);
    return status == MR_ERR_CORRUPT
               ? refuse(o, FILE_KNN_POSTING, "an index that training does not write")
               : status;
}

static mr_status open_content(opening *o)
{
    mr_content_arrays arrays = {.items = o->items,
                                .options = mr_content_options_default()};
    MR_TRY(
        open_rows(o, FILE_CONTENT_PTR, 1U << arrays.options.bucket_bits, &arrays.terms));
    MR_TRY(map(o, FILE_CONTENT_PRICE, o->items));
    arrays.price_log2 = unconst(data(o, FILE_CONTENT_PRICE));
    MR_TRY(mr_content_open(&arrays, &o->store.content, o->error));
    o->store.members.content = o->store.content;
    return MR_OK;
}

static mr_status open_members(opening *o, const mr_ranker_recipe *recipe)
{
    o->store.members.items = o->items;
    MR_TRY(open_votes(o));
    if (recipe->uses[MR_SIGNAL_ENCODER])
        MR_TRY(open_encoder(o));
    if (recipe->uses[MR_SIGNAL_SEQUENCE])
        MR_TRY(open_sequence(o, &recipe->sequence));
    if (recipe->uses[MR_SIGNAL_REPEAT])
        MR_TRY(open_repeat(o, &recipe->repeat));
    if (recipe->uses[MR_SIGNAL_SESSION_KNN])
        MR_TRY(open_session_knn(o, &recipe->session_knn));
    if (recipe->uses[MR_SIGNAL_CONTENT])
        MR_TRY(open_content(o));
    return mr_ranker_members_code(&o->store.members);
}

mr_status mr_ranker_store_open(const mr_model_directory *directory,
                               const mr_ranker_recipe *recipe, uint32_t items,
                               mr_ranker_store *ret_store, mr_error *ret_error)
{
    opening o = {.directory = directory, .items = items, .error = ret_error};
    const mr_status status = open_members(&o, recipe);
    if (status != MR_OK) {
        mr_ranker_store_close(&o.store);
        return status;
    }
    *ret_store = o.store;
    return MR_OK;
}

void mr_ranker_store_close(mr_ranker_store *store)
{
    mr_ranker_members_deinit(&store->members);
    mr_content_destroy(store->content);
    store->content = NULL;
    for (size_t f = 0; f < FILES; f++)
        mr_npy_close(&store->files[f]);
}
