#include "core/buffer.h"
#include "core/hash.h"
#include "models/content.h"
#include "models/content_internal.h"
#include "models/dense.h"
#include "models/npy.h"
#include "models/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROOM_AT_FIRST = 4096,
    FIELD_SHIFT = MR_CONTENT_BUCKET_BITS_MAX,
    ITEM_SHIFT = 32,
};

_Static_assert(MR_CONTENT_FIELDS <= 1 << (ITEM_SHIFT - FIELD_SHIFT),
               "a key holds a field");

/* Item, field and the widest bucket, from high to low: sorted as they are needed. */
typedef uint64_t term_key;

struct mr_content_builder {
    uint32_t items;
    term_key *terms;
    size_t count;
    size_t room;
    float *price_log2; /* NULL: none told */
    float *embeddings; /* [items][dimension] of length 1 or 0; NULL: none told */
    uint32_t dimension;
    mr_buffer buffer;
};

/* ---- telling ---- */

mr_status mr_content_builder_create(uint32_t items, mr_content_builder **ret_builder)
{
    if (items == 0)
        return MR_ERR_INVALID;
    mr_content_builder *builder = calloc(1, sizeof(*builder));
    if (builder == NULL)
        return MR_ERR_NO_MEMORY;
    builder->items = items;
    *ret_builder = builder;
    return MR_OK;
}

void mr_content_builder_destroy(mr_content_builder *builder)
{
    if (builder == NULL)
        return;
    free(builder->terms);
    free(builder->price_log2);
    free(builder->embeddings);
    mr_buffer_deinit(&builder->buffer);
    free(builder);
}

/* Where the terms of one text go. */
typedef struct telling {
    mr_content_builder *builder;
    uint32_t item;
    mr_content_field field;
} telling;

static mr_status add_term(void *context, mr_text term)
{
    const telling *to = context;
    mr_content_builder *builder = to->builder;
    if (builder->count == builder->room) {
        const size_t room = builder->room > 0 ? 2 * builder->room : (size_t)ROOM_AT_FIRST;
        term_key *terms = realloc(builder->terms, room * sizeof(*terms));
        if (terms == NULL)
            return MR_ERR_NO_MEMORY;
        builder->terms = terms;
        builder->room = room;
    }
    /* One word in two fields is two terms. */
    const uint64_t hash =
        mr_random_bits(mr_hash_bytes(term.bytes, term.length), (uint64_t)to->field);
    builder->terms[builder->count++] = (term_key)to->item << ITEM_SHIFT |
                                       (term_key)to->field << FIELD_SHIFT |
                                       hash >> (64 - MR_CONTENT_BUCKET_BITS_MAX);
    return MR_OK;
}

mr_status mr_content_builder_add(mr_content_builder *builder, uint32_t item,
                                 mr_content_field field, mr_text text)
{
    if (item >= builder->items || (unsigned)field >= MR_CONTENT_FIELDS)
        return MR_ERR_INVALID;
    telling to = {.builder = builder, .item = item, .field = field};
    return mr_content_terms(field, text, &builder->buffer, add_term, &to);
}

mr_status mr_content_builder_price(mr_content_builder *builder, uint32_t item,
                                   double price)
{
    if (item >= builder->items || !isfinite(price) || price < 0.0)
        return MR_ERR_INVALID;
    if (builder->price_log2 == NULL) {
        builder->price_log2 = mr_dense_floats(builder->items);
        if (builder->price_log2 == NULL)
            return MR_ERR_NO_MEMORY;
        for (uint32_t i = 0; i < builder->items; i++)
            builder->price_log2[i] = MR_CONTENT_PRICE_UNKNOWN;
    }
    builder->price_log2[item] =
        price > 0.0 ? (float)log2(price) : MR_CONTENT_PRICE_UNKNOWN;
    return MR_OK;
}

static mr_status normalise(const float *row, uint32_t dimension, float *ret_row)
{
    double square = 0.0;
    for (uint32_t d = 0; d < dimension; d++) {
        if (!isfinite(row[d]))
            return MR_ERR_INVALID;
        square += (double)row[d] * (double)row[d];
    }
    const double factor = square > 0.0 ? 1.0 / sqrt(square) : 0.0;
    for (uint32_t d = 0; d < dimension; d++)
        ret_row[d] = (float)((double)row[d] * factor);
    return MR_OK;
}

mr_status mr_content_builder_embeddings(mr_content_builder *builder, const float *rows,
                                        size_t stride, uint32_t dimension)
{
    if (dimension == 0 || dimension > MR_CONTENT_DIMENSION_MAX || stride < dimension)
        return MR_ERR_INVALID;
    float *table = mr_dense_floats((size_t)builder->items * dimension);
    if (table == NULL)
        return MR_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < builder->items; i++) {
        const mr_status status =
            normalise(rows + i * stride, dimension, table + (size_t)i * dimension);
        if (status != MR_OK) {
            free(table);
            return status;
        }
    }
    free(builder->embeddings);
    builder->embeddings = table;
    builder->dimension = dimension;
    return MR_OK;
}

mr_status mr_content_builder_embeddings_read(mr_content_builder *builder,
                                             const char *path, mr_error *ret_error)
{
    mr_npy npy;
    MR_TRY(mr_npy_open(path, MR_NPY_F4, 2, &npy, ret_error));
    mr_status status = MR_ERR_INVALID;
    if (npy.shape[0] != builder->items)
        (void)mr_error_set(ret_error, status, "%s: %llu rows for %u items", path,
                           (unsigned long long)npy.shape[0], builder->items);
    else if (npy.shape[1] == 0 || npy.shape[1] > MR_CONTENT_DIMENSION_MAX)
        (void)mr_error_set(ret_error, status, "%s: rows of 1 … %d numbers are wanted",
                           path, MR_CONTENT_DIMENSION_MAX);
    else {
        status = mr_content_builder_embeddings(builder, npy.data, npy.shape[1],
                                               (uint32_t)npy.shape[1]);
        if (status == MR_ERR_INVALID)
            (void)mr_error_set(ret_error, status, "%s: a number is not finite", path);
    }
    mr_npy_close(&npy);
    return status;
}

/* ---- building ---- */

/* Terms narrowed to buckets, sorted; equal ones lie together. */
typedef struct build {
    const mr_content_builder *builder;
    const mr_content_options *options;
    term_key *keys;
    size_t count;
    uint32_t *document_counts; /* of a bucket: items that have it */
    uint32_t *last_item;       /* while counting                  */
    mr_triple *triples;
    size_t triple_count;
} build;

static int ascending(const void *a, const void *b)
{
    const term_key left = *(const term_key *)a;
    const term_key right = *(const term_key *)b;
    return left < right ? -1 : left > right ? 1 : 0;
}

static uint32_t item_of(term_key key)
{
    return (uint32_t)(key >> ITEM_SHIFT);
}

static uint32_t field_of(term_key key)
{
    return (uint32_t)(key >> FIELD_SHIFT) & ((1U << (ITEM_SHIFT - FIELD_SHIFT)) - 1U);
}

static uint32_t bucket_of(term_key key)
{
    return (uint32_t)key & ((1U << FIELD_SHIFT) - 1U);
}

static void narrow(build *b)
{
    const uint32_t shift = MR_CONTENT_BUCKET_BITS_MAX - b->options->bucket_bits;
    for (size_t t = 0; t < b->builder->count; t++) {
        const term_key key = b->builder->terms[t];
        if (b->options->field_weights[field_of(key)] > 0.0F)
            b->keys[b->count++] =
                (key >> FIELD_SHIFT << FIELD_SHIFT) | (term_key)(bucket_of(key) >> shift);
    }
    qsort(b->keys, b->count, sizeof(*b->keys), ascending);
}

/* Two fields of an item may meet in a bucket: the item counts once. */
static void count_documents(build *b)
{
    for (size_t t = 0; t < b->count; t++) {
        const uint32_t bucket = bucket_of(b->keys[t]);
        const uint32_t mark = item_of(b->keys[t]) + 1;
        if (b->last_item[bucket] != mark)
            b->document_counts[bucket]++;
        b->last_item[bucket] = mark;
    }
}

/* Multiply the values of triples [from, …) so that their length is `length`. */
static void scale(build *b, size_t from, double length)
{
    double square = 0.0;
    for (size_t t = from; t < b->triple_count; t++)
        square += (double)b->triples[t].value * (double)b->triples[t].value;
    if (!(square > 0.0))
        return;
    const double factor = length / sqrt(square);
    for (size_t t = from; t < b->triple_count; t++)
        b->triples[t].value = (float)((double)b->triples[t].value * factor);
}

/* One field of one item, from key `begin` on; returns where it ends. */
static size_t weigh_field(build *b, size_t begin)
{
    const term_key field = b->keys[begin] >> FIELD_SHIFT;
    const size_t first = b->triple_count;
    size_t at = begin;
    while (at < b->count && b->keys[at] >> FIELD_SHIFT == field) {
        const term_key key = b->keys[at];
        size_t times = 0;
        for (; at < b->count && b->keys[at] == key; at++)
            times++;
        const uint32_t documents = b->document_counts[bucket_of(key)];
        if (documents < b->options->document_min)
            continue;
        const double idf = log1p((double)b->builder->items / documents);
        b->triples[b->triple_count++] =
            (mr_triple){.row = item_of(key),
                        .column = bucket_of(key),
                        .value = (float)((1.0 + log((double)times)) * idf)};
    }
    scale(b, first, (double)b->options->field_weights[field_of(b->keys[begin])]);
    return at;
}

/* After fields that met in a bucket have been added up there. */
static void normalise_rows(mr_sparse_matrix *matrix)
{
    for (uint32_t r = 0; r < matrix->rows; r++) {
        double square = 0.0;
        for (uint64_t e = matrix->ptr[r]; e < matrix->ptr[r + 1]; e++)
            square += (double)matrix->values[e] * (double)matrix->values[e];
        const double factor = square > 0.0 ? 1.0 / sqrt(square) : 0.0;
        for (uint64_t e = matrix->ptr[r]; e < matrix->ptr[r + 1]; e++)
            matrix->values[e] = (float)((double)matrix->values[e] * factor);
    }
}

static mr_status weigh_all(build *b, mr_sparse_matrix *ret_terms)
{
    const size_t buckets = (size_t)1 << b->options->bucket_bits;
    b->keys = malloc((b->builder->count + 1) * sizeof(*b->keys));
    b->triples = malloc((b->builder->count + 1) * sizeof(*b->triples));
    b->document_counts = calloc(buckets, sizeof(*b->document_counts));
    b->last_item = calloc(buckets, sizeof(*b->last_item));
    if (b->keys == NULL || b->triples == NULL || b->document_counts == NULL ||
        b->last_item == NULL)
        return MR_ERR_NO_MEMORY;
    narrow(b);
    count_documents(b);
    for (size_t at = 0; at < b->count;)
        at = weigh_field(b, at);
    MR_TRY(mr_sparse_matrix_from_triples(b->triples, b->triple_count, b->builder->items,
                                         (uint32_t)buckets, true, ret_terms));
    normalise_rows(ret_terms);
    return MR_OK;
}

static mr_status copy_floats(const float *from, size_t count, float **ret_copy)
{
    *ret_copy = mr_dense_floats(count);
    if (*ret_copy == NULL)
        return MR_ERR_NO_MEMORY;
    memcpy(*ret_copy, from, count * sizeof(*from));
    return MR_OK;
}

static mr_status make_arrays(const mr_content_builder *builder,
                             const mr_content_options *options, mr_content_arrays *arrays)
{
    if (builder->count > 0) {
        build b = {.builder = builder, .options = options};
        const mr_status status = weigh_all(&b, &arrays->terms);
        free(b.keys);
        free(b.triples);
        free(b.document_counts);
        free(b.last_item);
        MR_TRY(status);
    }
    if (builder->embeddings != NULL) {
        MR_TRY(copy_floats(builder->embeddings,
                           (size_t)builder->items * builder->dimension,
                           &arrays->embeddings));
        arrays->dimension = builder->dimension;
        arrays->embedding_stride = builder->dimension;
    }
    if (builder->price_log2 != NULL)
        MR_TRY(copy_floats(builder->price_log2, builder->items, &arrays->price_log2));
    return MR_OK;
}

mr_status mr_content_build(const mr_content_builder *builder,
                           const mr_content_options *options, mr_content **ret_content,
                           mr_error *ret_error)
{
    mr_content_arrays arrays = {.items = builder->items, .options = *options};
    MR_TRY(mr_content_options_check(options, ret_error));
    if (builder->count == 0 && builder->embeddings == NULL && builder->price_log2 == NULL)
        return mr_error_set(ret_error, MR_ERR_NOT_FOUND,
                            "content: nothing is said of any item");
    mr_status status = make_arrays(builder, options, &arrays);
    if (status == MR_OK)
        status = mr_content_take(&arrays, ret_content);
    if (status != MR_OK) {
        mr_sparse_matrix_deinit(&arrays.terms);
        free(arrays.embeddings);
        free(arrays.price_log2);
    }
    return status;
}
