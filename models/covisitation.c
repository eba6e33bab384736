#include "models/covisitation.h"

#include "core/assert.h"
#include "models/dense.h"
#include "models/row_sums.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Above what building can give, and far below where a sum of them overflows. */
static const float WEIGHT_MAX = 1e20F;

struct mr_covisitation {
    mr_covisitation_options options;
    mr_sparse_matrix rows;
    bool owns_rows;
};

typedef struct build {
    const mr_sequences *sequences;
    const mr_covisitation_options *options;
    float *factors; /* [sequences]: age and length                                 */
    float
        *column_factors; /* [items]: (d_j + 1)^-c                                       */
    uint64_t *ptr;       /* [items + 1]: where an item's elements stand in `elements`   */
    uint32_t *elements;  /* by item, ascending; counted from the first of all sequences */
    uint32_t
        *sequence_of; /* [elements]                                                  */
    float
        after[MR_COVISITATION_SPAN_MAX + 1]; /* weight of a pair by its distance        */
    float before[MR_COVISITATION_SPAN_MAX + 1];
} build;

mr_covisitation_options mr_covisitation_defaults(void)
{
    return (mr_covisitation_options){.span = 19,
                                     .distance_exponent = 0.75F,
                                     .backward = 0.6F,
                                     .together = 1.0F,
                                     .own = 1.0F,
                                     .self = true,
                                     .age_scale = 0.0F,
                                     .length_exponent = 0.25F,
                                     .row_exponent = 0.5F,
                                     .column_exponent = 0.2F,
                                     .neighbours = MR_COVISITATION_NEIGHBOURS_MAX,
                                     .query_scale = 2.0F,
                                     .query_span = 64};
}

void mr_covisitation_axes(mr_pattern_axis ret_axes[MR_COVISITATION_AXES])
{
    const mr_covisitation_options start = mr_covisitation_defaults();
    ret_axes[0] = (mr_pattern_axis){
        .start = (double)start.length_exponent, .step = 0.25, .low = 0.0, .high = 2.0};
    ret_axes[1] = (mr_pattern_axis){
        .start = log2((double)start.query_scale), .step = 1.0, .low = -1.0, .high = 6.0};
    ret_axes[2] = (mr_pattern_axis){
        .start = (double)start.backward, .step = -0.3, .low = 0.0, .high = 1.5};
    ret_axes[3] = (mr_pattern_axis){
        .start = (double)start.column_exponent, .step = 0.15, .low = 0.0, .high = 0.8};
}

void mr_covisitation_at(const double *point, mr_covisitation_options *options)
{
    options->length_exponent = (float)point[0];
    options->query_scale = (float)exp2(point[1]);
    options->backward = (float)point[2];
    options->column_exponent = (float)point[3];
}

static bool within(float value, float high)
{
    return value >= 0.0F && value <= high; /* false for NaN */
}

static bool are_sound(const mr_covisitation_options *o)
{
    return o->span >= 1 && o->span <= MR_COVISITATION_SPAN_MAX &&
           within(o->distance_exponent, 8.0F) && within(o->backward, 8.0F) &&
           within(o->together, 8.0F) && within(o->own, 8.0F) &&
           within(o->age_scale, 1e12F) && within(o->length_exponent, 2.0F) &&
           within(o->row_exponent, 2.0F) && within(o->column_exponent, 2.0F) &&
           o->neighbours >= 1 && o->neighbours <= MR_COVISITATION_NEIGHBOURS_MAX &&
           within(o->query_scale, 1e12F);
}

mr_status mr_covisitation_options_check(const mr_covisitation_options *options)
{
    return are_sound(options) ? MR_OK : MR_ERR_INVALID;
}

/* ---- building ---- */

static uint32_t place_of(const mr_sequences *sequences, uint64_t element)
{
    return sequences->basket != NULL ? sequences->basket[element] : (uint32_t)element;
}

/* What the sequence of one element says about it, both ways from there. */
static void add_element(const build *b, uint32_t at, mr_row_sums *sums)
{
    const mr_sequences *sequences = b->sequences;
    const uint32_t s = b->sequence_of[at];
    const float factor = b->factors[s];
    const uint64_t element = sequences->ptr[0] + at;
    const uint64_t begin = sequences->ptr[s];
    const uint64_t end = sequences->ptr[s + 1];
    const uint32_t item = sequences->item[element];
    const uint32_t place = place_of(sequences, element);
    const uint32_t span = b->options->span;
    const bool self = b->options->self;
    if (factor <= 0.0F)
        return;
    if (b->options->own > 0.0F)
        mr_row_sums_add(sums, item, factor * b->options->own);
    for (uint64_t e = element + 1; e < end && e - element <= MR_COVISITATION_ELEMENTS_MAX;
         e++) {
        const uint32_t distance = place_of(sequences, e) - place;
        if (distance > span)
            break;
        if (self || sequences->item[e] != item)
            mr_row_sums_add(sums, sequences->item[e], factor * b->after[distance]);
    }
    for (uint64_t e = element;
         e-- > begin && element - e <= MR_COVISITATION_ELEMENTS_MAX;) {
        const uint32_t distance = place - place_of(sequences, e);
        if (distance > span)
            break;
        if (self || sequences->item[e] != item)
            mr_row_sums_add(sums, sequences->item[e], factor * b->before[distance]);
    }
}

static void add_row(void *context, uint32_t item, mr_row_sums *sums)
{
    const build *b = context;
    for (uint64_t i = b->ptr[item]; i < b->ptr[item + 1]; i++)
        add_element(b, b->elements[i], sums);
}

static void weigh_distances(build *b)
{
    const mr_covisitation_options *o = b->options;
    b->after[0] = o->together;
    b->before[0] = o->together;
    for (uint32_t d = 1; d <= o->span; d++) {
        const double weight = pow((double)d, -(double)o->distance_exponent);
        b->after[d] = (float)weight;
        b->before[d] = (float)(weight * (double)o->backward);
    }
}

static void weigh_sequences(build *b)
{
    const mr_covisitation_options *o = b->options;
    const uint32_t count = b->sequences->count;
    for (uint32_t s = 0; s < count; s++) {
        const double length = (double)mr_sequences_length(b->sequences, s);
        const double age = (double)(count - 1 - s);
        double factor = length > 0.0 ? pow(length, -(double)o->length_exponent) : 0.0;
        if (o->age_scale > 0.0F)
            factor *= exp(-age / (double)o->age_scale);
        b->factors[s] = (float)factor;
    }
}

/* Fill ptr, elements and sequence_of, and count into `frequency` the sequences of each item. */
static void invert(build *b, uint32_t *frequency, uint32_t *newest)
{
    const mr_sequences *sequences = b->sequences;
    const uint32_t items = sequences->items;
    const uint64_t base = sequences->ptr[0];
    for (uint32_t s = 0; s < sequences->count; s++)
        for (uint64_t e = sequences->ptr[s]; e < sequences->ptr[s + 1]; e++) {
            const uint32_t item = sequences->item[e];
            b->sequence_of[e - base] = s;
            b->ptr[item + 1]++;
            frequency[item] += newest[item] != s + 1;
            newest[item] = s + 1;
        }
    for (uint32_t i = 0; i < items; i++)
        b->ptr[i + 1] += b->ptr[i];
    for (uint64_t e = base; e < sequences->ptr[sequences->count]; e++)
        b->elements[b->ptr[sequences->item[e]]++] = (uint32_t)(e - base);
    for (uint32_t i = items; i > 0; i--)
        b->ptr[i] = b->ptr[i - 1];
    b->ptr[0] = 0;
}

static mr_status prepare(build *b)
{
    const size_t items = b->sequences->items;
    const size_t count = b->sequences->count;
    const size_t elements = (size_t)(b->sequences->ptr[count] - b->sequences->ptr[0]);
    uint32_t *frequency = calloc(items, sizeof(*frequency));
    uint32_t *newest = calloc(items, sizeof(*newest));
    b->factors = mr_dense_floats(count + 1);
    b->column_factors = mr_dense_floats(items);
    b->ptr = calloc(items + 1, sizeof(*b->ptr));
    b->elements = calloc(elements + 1, sizeof(*b->elements));
    b->sequence_of = calloc(elements + 1, sizeof(*b->sequence_of));
    const bool whole = frequency != NULL && newest != NULL && b->factors != NULL &&
                       b->column_factors != NULL && b->ptr != NULL &&
                       b->elements != NULL && b->sequence_of != NULL;
    if (whole) {
        invert(b, frequency, newest);
        weigh_distances(b);
        weigh_sequences(b);
        for (size_t i = 0; i < items; i++)
            b->column_factors[i] = (float)pow((double)frequency[i] + 1.0,
                                              -(double)b->options->column_exponent);
    }
    free(frequency);
    free(newest);
    return whole ? MR_OK : MR_ERR_NO_MEMORY;
}

static mr_status build_rows(const mr_sequences *sequences,
                            const mr_covisitation_options *options, mr_worker_pool *pool,
                            mr_sparse_matrix *ret_rows)
{
    build b = {.sequences = sequences, .options = options};
    mr_status status = prepare(&b);
    if (status == MR_OK)
        status =
            mr_row_sums_run(&(mr_row_sums_job){.rows = sequences->items,
                                               .columns = sequences->items,
                                               .best = options->neighbours,
                                               .total_exponent = options->row_exponent,
                                               .column_factors = b.column_factors,
                                               .body = add_row,
                                               .context = &b},
                            pool, ret_rows);
    free(b.factors);
    free(b.column_factors);
    free(b.ptr);
    free(b.elements);
    free(b.sequence_of);
    return status;
}

mr_status mr_covisitation_build(const mr_sequences *sequences,
                                const mr_covisitation_options *options,
                                mr_worker_pool *pool, mr_covisitation **ret_model)
{
    if (!are_sound(options) || sequences->items == 0 || sequences->count == 0 ||
        sequences->ptr[sequences->count] - sequences->ptr[0] > UINT32_MAX)
        return MR_ERR_INVALID;
    mr_covisitation *model = calloc(1, sizeof(*model));
    if (model == NULL)
        return MR_ERR_NO_MEMORY;
    model->options = *options;
    model->owns_rows = true;
    const mr_status status = build_rows(sequences, options, pool, &model->rows);
    if (status != MR_OK) {
        free(model);
        return status;
    }
    *ret_model = model;
    return MR_OK;
}

mr_status mr_covisitation_open(const mr_sparse_matrix *rows,
                               const mr_covisitation_options *options,
                               mr_covisitation **ret_model)
{
    if (!are_sound(options))
        return MR_ERR_INVALID;
    if (rows->rows == 0 || rows->rows != rows->columns || rows->values == NULL)
        return MR_ERR_CORRUPT;
    MR_TRY(mr_sparse_matrix_check(rows));
    for (uint64_t e = 0; e < rows->ptr[rows->rows]; e++)
        if (!(rows->values[e] > 0.0F) || rows->values[e] > WEIGHT_MAX)
            return MR_ERR_CORRUPT;
    mr_covisitation *model = calloc(1, sizeof(*model));
    if (model == NULL)
        return MR_ERR_NO_MEMORY;
    model->options = *options;
    model->rows = *rows;
    *ret_model = model;
    return MR_OK;
}

void mr_covisitation_destroy(mr_covisitation *model)
{
    if (model == NULL)
        return;
    if (model->owns_rows)
        mr_sparse_matrix_deinit(&model->rows);
    free(model);
}

const mr_sparse_matrix *mr_covisitation_rows(const mr_covisitation *model)
{
    return &model->rows;
}

const mr_covisitation_options *mr_covisitation_options_of(const mr_covisitation *model)
{
    return &model->options;
}

/* ---- asking ---- */

/* The first place of a query that counts. */
static size_t first_place(const mr_covisitation *model, const mr_query *query)
{
    const size_t span = model->options.query_span;
    return span > 0 && query->count > span ? query->count - span : 0;
}

static float weight_of(const mr_covisitation *model, const mr_query *query, size_t t)
{
    if (model->options.query_scale <= 0.0F)
        return 1.0F;
    const size_t last = query->count - 1;
    const double back = query->basket != NULL
                            ? (double)(query->basket[last] - query->basket[t])
                            : (double)(last - t);
    return (float)exp(-back / (double)model->options.query_scale);
}

void mr_covisitation_add(const mr_covisitation *model, const mr_query *query,
                         mr_sparse_row *row)
{
    const mr_sparse_matrix *rows = &model->rows;
    for (size_t t = first_place(model, query); t < query->count; t++) {
        const uint32_t item = query->item[t];
        if (item >= rows->rows)
            continue;
        const uint64_t first = rows->ptr[item];
        mr_sparse_row_add_scaled(row, rows->index + first, rows->values + first,
                                 (size_t)(rows->ptr[item + 1] - first),
                                 weight_of(model, query, t));
    }
}

void mr_covisitation_score(const mr_covisitation *model, const mr_query *query,
                           float *ret_scores)
{
    mr_sparse_row row = {.values = ret_scores, .items = model->rows.columns};
    memset(ret_scores, 0, row.items * sizeof(*ret_scores));
    mr_covisitation_add(model, query, &row);
}

void mr_covisitation_reasons(const mr_covisitation *model, const mr_query *query,
                             const uint32_t *items, size_t count, uint32_t *marks,
                             size_t *ret_places)
{
    const mr_sparse_matrix *rows = &model->rows;
    float best[MR_COVISITATION_REASONS_MAX];
    MR_ASSERT(count <= MR_COVISITATION_REASONS_MAX);
    for (size_t i = 0; i < count; i++) {
        marks[items[i]] = (uint32_t)i + 1;
        ret_places[i] = query->count;
        best[i] = 0.0F;
    }
    for (size_t t = first_place(model, query); t < query->count; t++) {
        if (query->item[t] >= rows->rows)
            continue;
        const float weight = weight_of(model, query, t);
        const uint64_t end = rows->ptr[query->item[t] + 1];
        for (uint64_t e = rows->ptr[query->item[t]]; e < end; e++) {
            const uint32_t mark = marks[rows->index[e]];
            if (mark == 0)
                continue;
            const float term = rows->values[e] * weight;
            if (term > 0.0F && term >= best[mark - 1]) {
                best[mark - 1] = term;
                ret_places[mark - 1] = t;
            }
        }
    }
    for (size_t i = 0; i < count; i++)
        marks[items[i]] = 0;
}
