/*
 * Content: what an item is, for when nobody has touched it yet.
 *
 * Items are alike when their descriptions are.  A description is a sparse row of hashed terms
 * (models/content_terms.h), or a row of embeddings computed elsewhere, or both:
 *
 *     x_ib = sum over fields f of  W_f y_fib / |y_fi|,     scaled to |x_i| = 1
 *     y_fib = (1 + log n_fib) log(1 + N / N_b)             n terms of field f in bucket b
 *
 * N_b counts the items that have bucket b [Manning et al. 2008, §6.2; the idf's 1 + keeps a
 * term that all have from vanishing].  Each field's part has length 1 before it is weighed, so
 * that a long text does not drown a brand.  A user is the faded sum of what the query names:
 *
 *     p = sum_t exp(-(n-1-t) / query_scale) x_(i_t)
 *     score_j = sparse_weight cos(p, x_j) + dense_weight max(0, cos(p', e_j))
 *               + price_weight max(0, 1 - |l - l_j| / price_octaves)
 *
 * p' is the same sum of embeddings, l the same mean of log2 prices.  Who has touched an item does
 * not enter, so a new one scores like any other; a new catalogue is a new build, some milliseconds
 * for thousands of items, without training.
 *
 * Units      Scores in 0 … the sum of the three weights.  Prices in any one currency.
 * Ownership  A builder owns what it was told, a content its arrays; mr_content_open() borrows.
 * Threads    A builder: one.  A content: any number, each with a scratch of its own.
 * Cost       Building: one sort of the terms.  Scoring: one addition an item and term that it
 *            shares with the query (inverted lists), one sgemv for embeddings.
 */
#ifndef MR_MODELS_CONTENT_H
#define MR_MODELS_CONTENT_H

#include "core/status.h"
#include "core/text.h"
#include "models/content_terms.h"
#include "models/sequences.h"
#include "models/sparse_matrix.h"

#include <stddef.h>
#include <stdint.h>

enum {
    MR_CONTENT_BUCKET_BITS_MIN = 4,
    MR_CONTENT_BUCKET_BITS_MAX = 24,
    MR_CONTENT_DIMENSION_MAX = 4096,
};

/* In place of log2 of a price: further from any price than prices may be to say anything. */
#define MR_CONTENT_PRICE_UNKNOWN (-4000.0F)
#define MR_CONTENT_PRICE_OCTAVES_MAX 100.0F

/*
 * A field of weight 0 is left out, and so is a bucket that fewer than `document_min` items have: it
 * likens nothing.  A query of scale 0 does not fade.
 */
typedef struct mr_content_options {
    float field_weights[MR_CONTENT_FIELDS];
    uint32_t bucket_bits; /* log2 of the number of buckets */
    uint32_t document_min;
    float sparse_weight;
    float dense_weight;
    float price_weight;
    float price_octaves; /* > 0: beyond so many doublings a price says nothing */
    float query_scale;   /* in elements of the query */
} mr_content_options;

/* 2^18 buckets in two items at least; categories and tags before brand, title and text; price a
 * tenth of a cosine over two octaves; query_scale 10. */
mr_content_options mr_content_options_default(void);

typedef struct mr_content mr_content;
typedef struct mr_content_builder mr_content_builder;
typedef struct mr_content_scratch mr_content_scratch;

/* ---- telling ---- */

/* Of a catalogue of `items`.  MR_ERR_INVALID for none, MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_content_builder_create(uint32_t items,
                                                mr_content_builder **ret_builder);
void mr_content_builder_destroy(mr_content_builder *builder); /* NULL allowed */

/* An item may be told of in any order and number of calls; an empty text says nothing.
 * MR_ERR_INVALID for an item or field outside, MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_content_builder_add(mr_content_builder *builder, uint32_t item,
                                             mr_content_field field, mr_text text);

/* The last one counts; 0 is unknown.  MR_ERR_INVALID for an item outside or a price that is
 * negative or not finite. */
MR_MUST_USE mr_status mr_content_builder_price(mr_content_builder *builder, uint32_t item,
                                               double price);

/* A row an item, `stride` floats apart; copied.  A row of zeros says nothing.  MR_ERR_INVALID
 * for a dimension outside 1 … MR_CONTENT_DIMENSION_MAX or a value that is not finite. */
MR_MUST_USE mr_status mr_content_builder_embeddings(mr_content_builder *builder,
                                                    const float *rows, size_t stride,
                                                    uint32_t dimension);

/* The same from a float32 .npy file of one row an item.  Errors of mr_npy_open() too. */
MR_MUST_USE mr_status mr_content_builder_embeddings_read(mr_content_builder *builder,
                                                         const char *path,
                                                         mr_error *ret_error);

/*
 * Build from all that was told; the builder stays and may build again with other options.
 *
 * MR_ERR_INVALID for options out of range, MR_ERR_NOT_FOUND when nothing was said of any item,
 * MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_content_build(const mr_content_builder *builder,
                                       const mr_content_options *options,
                                       mr_content **ret_content, mr_error *ret_error);
void mr_content_destroy(mr_content *content); /* NULL allowed */

/* ---- arrays ---- */

/*
 * All that a content is made of, as plain arrays to be stored.  What was not told is absent: terms
 * without rows, NULL for the others.
 */
typedef struct mr_content_arrays {
    uint32_t items;
    mr_sparse_matrix terms; /* items x buckets; rows of length 1 or empty */
    float *embeddings;      /* [items][stride]; rows of length 1 or 0 */
    size_t embedding_stride;
    uint32_t dimension;
    float *price_log2; /* [items], or MR_CONTENT_PRICE_UNKNOWN */
    mr_content_options options;
} mr_content_arrays;

mr_content_arrays mr_content_arrays_of(const mr_content *content); /* lends */

/*
 * A content onto arrays that are somebody else's, and stay; only the inverted lists are made.
 * That the arrays are as long as `items`, the strides and terms.ptr[items] say is the caller's to
 * know; all that stands in them is checked.
 *
 * MR_ERR_CORRUPT, saying which, for arrays that a build does not make; MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_content_open(const mr_content_arrays *arrays,
                                      mr_content **ret_content, mr_error *ret_error);

/* ---- asking ---- */

MR_MUST_USE mr_status mr_content_scratch_create(const mr_content *content,
                                                mr_content_scratch **ret_scratch);
void mr_content_scratch_destroy(mr_content_scratch *scratch); /* NULL allowed */

/* Scores of all items (`ret_row`, written whole, finite, ≥ 0).  Items of the query outside the
 * catalogue are passed over; those inside score like any other. */
void mr_content_score(const mr_content *content, mr_content_scratch *scratch,
                      const mr_query *query, float *ret_row);

/* sparse_weight cos(x_a, x_b) + dense_weight max(0, cos(e_a, e_b)). */
float mr_content_similarity(const mr_content *content, uint32_t a, uint32_t b);

/* The place in the query whose faded similarity to `item` is largest (the first of equals) and
 * that term; `query->count` and 0 when none is similar at all. */
size_t mr_content_because(const mr_content *content, const mr_query *query, uint32_t item,
                          float *ret_term);

#endif
