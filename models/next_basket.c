#include "models/next_basket.h"

#include "models/dense.h"
#include "models/row_sums.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { ITEMS_A_CHUNK = 256 };

/* Above what building can give, and far below where a sum of them overflows. */
static const float WEIGHT_MAX = 1e20F;

struct mr_next_basket {
    mr_next_basket_options options;
    mr_sparse_matrix rows;
    float *repeat_rate; /* written while building alone */
    float *popularity;
    bool owns_arrays;
};

typedef struct build {
    const mr_next_basket_options *options;
    mr_next_basket *model;
    mr_sparse_matrix baskets; /* baskets x items, all users' one after the other */
    mr_sparse_matrix by_item; /* its transpose: baskets ascend                    */
    uint32_t *sequence_end;   /* [baskets]: the first basket of the next user     */
    float *row_factors;       /* [items] */
    float *column_factors;    /* [items] */
    uint64_t *times;          /* [items]: how often it could have come again      */
    uint64_t *again;          /* [items]: and did                                 */
    double source[MR_NEXT_BASKET_SIZE_MAX + 1]; /* by size of a basket             */
    double target[MR_NEXT_BASKET_SIZE_MAX + 1];
    double fading[MR_NEXT_BASKET_SPAN_MAX];         /* by baskets in between           */
    double fading_sum[MR_NEXT_BASKET_SPAN_MAX + 1]; /* of the first so many        */
} build;

mr_next_basket_options mr_next_basket_defaults(void)
{
    return (mr_next_basket_options){.span = 5,
                                    .fading = 0.6F,
                                    .source_exponent = 0.5F,
                                    .target_exponent = 0.3F,
                                    .row_exponent = 0.5F,
                                    .column_exponent = 0.3F,
                                    .smoothing = 5.0F,
                                    .neighbours = 512,
                                    .repeat_shrinkage = 5.0F,
                                    .popularity_fading = 0.6F};
}

static bool within(float value, float high)
{
    return value >= 0.0F && value <= high; /* false for NaN */
}

static bool are_sound(const mr_next_basket_options *o)
{
    return o->span >= 1 && o->span <= MR_NEXT_BASKET_SPAN_MAX &&
           within(o->fading, 1.0F) && within(o->source_exponent, 1.0F) &&
           within(o->target_exponent, 1.0F) && within(o->row_exponent, 1.0F) &&
           within(o->column_exponent, 1.0F) && within(o->smoothing, 1e6F) &&
           o->neighbours >= 1 && o->neighbours <= MR_NEXT_BASKET_NEIGHBOURS_MAX &&
           within(o->repeat_shrinkage, 1e6F) && within(o->popularity_fading, 1.0F);
}

mr_status mr_next_basket_options_check(const mr_next_basket_options *options)
{
    return are_sound(options) ? MR_OK : MR_ERR_INVALID;
}

/* sum^-exponent, and 0 for what never occurs. */
static float inverse_power(double sum, float exponent)
{
    return sum > 0.0 ? (float)pow(sum, -(double)exponent) : 0.0F;
}

/* ---- baskets of all users ---- */

/* True when element e is the first of a basket. */
static bool opens_basket(const mr_sequences *sequences, uint32_t s, uint64_t e)
{
    return e == sequences->ptr[s] || sequences->basket == NULL ||
           sequences->basket[e] != sequences->basket[e - 1];
}

static uint64_t count_baskets(const mr_sequences *sequences)
{
    uint64_t count = 0;
    for (uint32_t s = 0; s < sequences->count; s++)
        for (uint64_t e = sequences->ptr[s]; e < sequences->ptr[s + 1]; e++)
            count += opens_basket(sequences, s, e);
    return count;
}

/* The baskets as rows, each a set, and where each user's end. */
static mr_status gather_baskets(const mr_sequences *sequences, uint32_t count, build *b)
{
    const uint64_t base = sequences->count > 0 ? sequences->ptr[0] : 0;
    uint64_t *ptr = malloc(((size_t)count + 1) * sizeof(*ptr));
    b->sequence_end = malloc(((size_t)count + 1) * sizeof(*b->sequence_end));
    if (ptr == NULL || b->sequence_end == NULL) {
        free(ptr);
        return MR_ERR_NO_MEMORY;
    }
    uint32_t basket = 0;
    for (uint32_t s = 0; s < sequences->count; s++) {
        uint32_t first = basket;
        for (uint64_t e = sequences->ptr[s]; e < sequences->ptr[s + 1]; e++)
            if (opens_basket(sequences, s, e))
                ptr[basket++] = e - base;
        for (; first < basket; first++)
            b->sequence_end[first] = basket;
    }
    ptr[count] = sequences->count > 0 ? sequences->ptr[sequences->count] - base : 0;
    const mr_status status = mr_sparse_matrix_from_rows(
        ptr, sequences->item + base, NULL, count, sequences->items, &b->baskets);
    free(ptr);
    MR_TRY(status);
    return mr_sparse_matrix_transpose(&b->baskets, &b->by_item);
}

static double by_size(const build *b, const double *factors, uint32_t basket)
{
    const uint32_t size = mr_sparse_matrix_row_count(&b->baskets, basket);
    return size <= MR_NEXT_BASKET_SIZE_MAX ? factors[size] : 0.0;
}

/* ---- items one by one ---- */

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* The sums of S, Q and popularity of an item, and how often it was bought again. */
static void measure_item(const build *b, uint32_t item)
{
    const mr_next_basket_options *o = b->options;
    double sum_source = 0.0;
    double sum_target = 0.0;
    double popularity = 0.0;
    const uint64_t end = b->by_item.ptr[item + 1];
    for (uint64_t e = b->by_item.ptr[item]; e < end; e++) {
        const uint32_t basket = b->by_item.index[e];
        const uint32_t sequence_end = b->sequence_end[basket];
        const uint32_t after = sequence_end - 1 - basket;
        const bool first = basket == 0 || b->sequence_end[basket - 1] != sequence_end;
        const bool comes_again = e + 1 < end && b->by_item.index[e + 1] < sequence_end;
        const uint32_t gap = comes_again ? b->by_item.index[e + 1] - basket : after;
        sum_source +=
            by_size(b, b->source, basket) * b->fading_sum[least(after, o->span)];
        sum_target += first ? 0.0 : by_size(b, b->target, basket);
        popularity += pow((double)o->popularity_fading, (double)after);
        /* Each basket that follows is a chance until the next time takes over. */
        b->times[item] += least(gap, o->span);
        b->again[item] += comes_again && gap <= o->span;
    }
    const double smoothing = (double)o->smoothing;
    b->row_factors[item] = inverse_power(sum_source + smoothing, o->row_exponent);
    b->column_factors[item] = inverse_power(sum_target + smoothing, o->column_exponent);
    b->model->popularity[item] = (float)popularity;
}

static void measure_items(void *context, uint32_t worker, size_t begin, size_t end)
{
    (void)worker;
    for (size_t item = begin; item < end; item++)
        measure_item(context, (uint32_t)item);
}

static void rate_repeats(const build *b, uint32_t items)
{
    double times = 0.0;
    double again = 0.0;
    for (uint32_t i = 0; i < items; i++) {
        times += (double)b->times[i];
        again += (double)b->again[i];
    }
    const double mean = times > 0.0 ? again / times : 0.0;
    const double shrinkage = (double)b->options->repeat_shrinkage;
    for (uint32_t i = 0; i < items; i++) {
        const double evidence = (double)b->times[i] + shrinkage;
        b->model->repeat_rate[i] =
            (float)(evidence > 0.0 ? ((double)b->again[i] + shrinkage * mean) / evidence
                                   : mean);
    }
}

/* All pairs that lead from one item: its baskets, those that follow each, their items. */
static void add_row(void *context, uint32_t item, mr_row_sums *sums)
{
    const build *b = context;
    const mr_sparse_matrix *baskets = &b->baskets;
    const double factor = (double)b->row_factors[item];
    for (uint64_t e = b->by_item.ptr[item]; e < b->by_item.ptr[item + 1]; e++) {
        const uint32_t from = b->by_item.index[e];
        const double source = factor * by_size(b, b->source, from);
        for (uint32_t k = 0; k < b->options->span; k++) {
            const uint32_t to = from + 1 + k;
            if (to >= b->sequence_end[from])
                break;
            const float term = (float)(source * b->fading[k] * by_size(b, b->target, to));
            if (term <= 0.0F)
                continue;
            for (uint64_t f = baskets->ptr[to]; f < baskets->ptr[to + 1]; f++)
                if (baskets->index[f] != item)
                    mr_row_sums_add(sums, baskets->index[f], term);
        }
    }
}

/* ---- building ---- */

static void weigh_sizes(build *b)
{
    const mr_next_basket_options *o = b->options;
    for (uint32_t size = 1; size <= MR_NEXT_BASKET_SIZE_MAX; size++) {
        b->source[size] = pow((double)size, -(double)o->source_exponent);
        b->target[size] = pow((double)size, -(double)o->target_exponent);
    }
    for (uint32_t k = 0; k < o->span; k++) {
        b->fading[k] = pow((double)o->fading, (double)k);
        b->fading_sum[k + 1] = b->fading_sum[k] + b->fading[k];
    }
}

static mr_status prepare(const mr_sequences *sequences, uint32_t baskets, build *b)
{
    const size_t items = sequences->items;
    b->model->repeat_rate = mr_dense_floats(items);
    b->model->popularity = mr_dense_floats(items);
    b->row_factors = mr_dense_floats(items);
    b->column_factors = mr_dense_floats(items);
    b->times = calloc(items, sizeof(*b->times));
    b->again = calloc(items, sizeof(*b->again));
    if (b->model->repeat_rate == NULL || b->model->popularity == NULL ||
        b->row_factors == NULL || b->column_factors == NULL || b->times == NULL ||
        b->again == NULL)
        return MR_ERR_NO_MEMORY;
    weigh_sizes(b);
    return gather_baskets(sequences, baskets, b);
}

static mr_status count(build *b, uint32_t items, mr_worker_pool *pool)
{
    mr_worker_pool_run(pool, items, ITEMS_A_CHUNK, measure_items, b);
    rate_repeats(b, items);
    const mr_row_sums_job job = {.rows = items,
                                 .columns = items,
                                 .best = b->options->neighbours,
                                 .column_factors = b->column_factors,
                                 .body = add_row,
                                 .context = b};
    return mr_row_sums_run(&job, pool, &b->model->rows);
}

static void release(build *b)
{
    mr_sparse_matrix_deinit(&b->baskets);
    mr_sparse_matrix_deinit(&b->by_item);
    free(b->sequence_end);
    free(b->row_factors);
    free(b->column_factors);
    free(b->times);
    free(b->again);
}

mr_status mr_next_basket_build(const mr_sequences *sequences,
                               const mr_next_basket_options *options,
                               mr_worker_pool *pool, mr_next_basket **ret_model)
{
    if (!are_sound(options) || sequences->items == 0)
        return MR_ERR_INVALID;
    const uint64_t baskets = count_baskets(sequences);
    if (baskets > UINT32_MAX - 1)
        return MR_ERR_INVALID;
    mr_next_basket *model = calloc(1, sizeof(*model));
    build *b = calloc(1, sizeof(*b));
    mr_status status = MR_ERR_NO_MEMORY;
    if (model == NULL || b == NULL)
        goto done;
    model->options = *options;
    model->owns_arrays = true;
    b->options = options;
    b->model = model;
    status = prepare(sequences, (uint32_t)baskets, b);
    if (status == MR_OK)
        status = count(b, sequences->items, pool);
    release(b);
done:
    free(b);
    if (status != MR_OK)
        mr_next_basket_destroy(model);
    else
        *ret_model = model;
    return status;
}

/* ---- a model ---- */

static mr_status check_arrays(const mr_next_basket_arrays *arrays)
{
    const mr_sparse_matrix *rows = &arrays->rows;
    if (rows->rows == 0 || rows->rows != rows->columns || rows->values == NULL)
        return MR_ERR_CORRUPT;
    MR_TRY(mr_sparse_matrix_check(rows));
    for (uint64_t e = 0; e < rows->ptr[rows->rows]; e++)
        if (!(rows->values[e] > 0.0F) || rows->values[e] > WEIGHT_MAX)
            return MR_ERR_CORRUPT;
    for (uint32_t i = 0; i < rows->rows; i++)
        if (!within(arrays->repeat_rate[i], 1.0F) || !isfinite(arrays->popularity[i]) ||
            arrays->popularity[i] < 0.0F)
            return MR_ERR_CORRUPT;
    return MR_OK;
}

mr_status mr_next_basket_open(const mr_next_basket_arrays *arrays,
                              const mr_next_basket_options *options,
                              mr_next_basket **ret_model)
{
    if (!are_sound(options))
        return MR_ERR_INVALID;
    MR_TRY(check_arrays(arrays));
    mr_next_basket *model = calloc(1, sizeof(*model));
    if (model == NULL)
        return MR_ERR_NO_MEMORY;
    model->options = *options;
    model->rows = arrays->rows;
    model->repeat_rate = (float *)(uintptr_t)arrays->repeat_rate; /* only read through */
    model->popularity = (float *)(uintptr_t)arrays->popularity;
    *ret_model = model;
    return MR_OK;
}

void mr_next_basket_destroy(mr_next_basket *model)
{
    if (model == NULL)
        return;
    if (model->owns_arrays) {
        mr_sparse_matrix_deinit(&model->rows);
        free(model->repeat_rate);
        free(model->popularity);
    }
    free(model);
}

mr_next_basket_arrays mr_next_basket_view(const mr_next_basket *model)
{
    return (mr_next_basket_arrays){.rows = model->rows,
                                   .repeat_rate = model->repeat_rate,
                                   .popularity = model->popularity};
}

const mr_next_basket_options *mr_next_basket_options_of(const mr_next_basket *model)
{
    return &model->options;
}

/* ---- asking ---- */

/* An item of the query, and S_last of it. */
typedef struct own_item {
    uint32_t item;
    uint32_t since; /* baskets since then: 0 is in the newest one */
    float strength;
} own_item;

static uint64_t own_order(const own_item *own)
{
    return (uint64_t)own->item << 32 | own->since;
}

/* By item, the newest basket first; distances after [Ciura 2001]. */
static void sort_own(own_item *own, size_t count)
{
    size_t distance = 1;
    while (distance < count)
        distance = distance * 9 / 4 + 1;
    for (; distance > 0; distance = distance * 4 / 9)
        for (size_t i = distance; i < count; i++) {
            const own_item moved = own[i];
            size_t at = i;
            for (; at >= distance && own_order(&own[at - distance]) > own_order(&moved);
                 at -= distance)
                own[at] = own[at - distance];
            own[at] = moved;
        }
}

/* Sorted entries of one item become one. */
static size_t merge_own(own_item *own, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && own[kept - 1].item == own[i].item) {
            own[kept - 1].strength += own[i].strength;
        } else {
            own[kept++] = own[i];
        }
    }
    return kept;
}

/* The place behind the last element of the basket that begins at `begin`. */
static size_t basket_end(const mr_query *query, size_t begin)
{
    size_t end = begin + 1;
    while (query->basket != NULL && end < query->count &&
           query->basket[end] == query->basket[begin])
        end++;
    return end;
}

/* One basket as a set of entries, those outside the model left out; returns how many. */
static size_t own_basket(const mr_next_basket *model, const uint32_t *items, size_t count,
                         uint32_t since, own_item *ret_own)
{
    const mr_next_basket_options *o = &model->options;
    for (size_t i = 0; i < count; i++)
        ret_own[i] = (own_item){.item = items[i], .since = since};
    sort_own(ret_own, count);
    size_t size = merge_own(ret_own, count);
    double strength = 0.0;
    if (since < o->span && size <= MR_NEXT_BASKET_SIZE_MAX)
        strength = pow((double)o->fading, (double)since) *
                   pow((double)size, -(double)o->source_exponent);
    while (size > 0 && ret_own[size - 1].item >= model->rows.rows)
        size--;
    for (size_t i = 0; i < size; i++)
        ret_own[i].strength = (float)strength;
    return size;
}

/* The distinct items of the query, ascending, those outside the model left out: how many.
 * `ret_own` has room for `query->count`. */
static size_t own_items(const mr_next_basket *model, const mr_query *query,
                        own_item *ret_own)
{
    uint32_t baskets = 0;
    for (size_t at = 0; at < query->count; at = basket_end(query, at))
        baskets++;
    size_t held = 0;
    uint32_t since = baskets;
    for (size_t at = 0; at < query->count;) {
        const size_t end = basket_end(query, at);
        held += own_basket(model, query->item + at, end - at, --since, ret_own + held);
        at = end;
    }
    sort_own(ret_own, held);
    return merge_own(ret_own, held);
}

/* The newest baskets of a query, as many as count. */
static mr_query recent(const mr_next_basket *model, const mr_query *query)
{
    const size_t end = query->count;
    uint32_t baskets = 0;
    size_t first = end;
    while (first > 0 && end - first < MR_NEXT_BASKET_QUERY_MAX) {
        if (first == end || query->basket == NULL ||
            query->basket[first - 1] != query->basket[first])
            baskets++;
        if (baskets > model->options.span)
            break;
        first--;
    }
    return (mr_query){.item = query->item + first,
                      .basket = query->basket != NULL ? query->basket + first : NULL,
                      .count = end - first};
}

void mr_next_basket_add(const mr_next_basket *model, const mr_query *query,
                        mr_sparse_row *row)
{
    const mr_sparse_matrix *rows = &model->rows;
    const mr_query newest = recent(model, query);
    own_item own[MR_NEXT_BASKET_QUERY_MAX];
    const size_t held = own_items(model, &newest, own);
    for (size_t i = 0; i < held; i++) {
        const uint64_t first = rows->ptr[own[i].item];
        mr_sparse_row_add_scaled(row, rows->index + first, rows->values + first,
                                 (size_t)(rows->ptr[own[i].item + 1] - first),
                                 own[i].strength);
    }
}

void mr_next_basket_score(const mr_next_basket *model, const mr_query *query,
                          float *ret_scores)
{
    mr_sparse_row row = {.values = ret_scores, .items = model->rows.columns};
    memset(ret_scores, 0, row.items * sizeof(*ret_scores));
    mr_next_basket_add(model, query, &row);
}

/* C' of a pair, 0 when it was not kept. */
static float weight_of(const mr_sparse_matrix *rows, uint32_t row, uint32_t column)
{
    uint64_t low = rows->ptr[row];
    uint64_t high = rows->ptr[row + 1];
    const uint64_t end = high;
    while (low < high) {
        const uint64_t middle = low + (high - low) / 2;
        if (rows->index[middle] < column)
            low = middle + 1;
        else
            high = middle;
    }
    return low < end && rows->index[low] == column ? rows->values[low] : 0.0F;
}

size_t mr_next_basket_because(const mr_next_basket *model, const mr_query *query,
                              uint32_t item, float *ret_term)
{
    const mr_query newest = recent(model, query);
    own_item own[MR_NEXT_BASKET_QUERY_MAX];
    const size_t held = own_items(model, &newest, own);
    float best_term = 0.0F;
    uint32_t best = 0;
    for (size_t i = 0; i < held; i++) {
        const float term = own[i].strength * weight_of(&model->rows, own[i].item, item);
        if (term > best_term) {
            best_term = term;
            best = own[i].item;
        }
    }
    *ret_term = best_term;
    if (best_term <= 0.0F)
        return query->count;
    size_t place = query->count - 1;
    while (query->item[place] != best)
        place--;
    return place;
}
