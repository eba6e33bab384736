#include "models/bought_together.h"

#include "core/assert.h"
#include "models/dense.h"
#include "models/history_sequences.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { ITEMS_A_CHUNK = 64 };

static const float SIZE_EXPONENT_MAX = 2.0F;

mr_bought_together_options mr_bought_together_defaults(void)
{
    return (mr_bought_together_options){
        .size_exponent = 0.5F, .shrinkage = 10.0F, .support = 2, .partners = 30};
}

static bool are_sound(const mr_bought_together_options *options)
{
    return options->size_exponent >= 0.0F &&
           options->size_exponent <= SIZE_EXPONENT_MAX && options->shrinkage >= 0.0F &&
           isfinite(options->shrinkage) && options->support >= 1 &&
           options->partners >= 1 && options->partners <= MR_BOUGHT_TOGETHER_PARTNERS_MAX;
}

/* ---- orders ---- */

/* The rows' purchases alone. */
typedef struct purchases {
    uint64_t *ptr;
    uint32_t *item;
    uint32_t *time_s;
} purchases;

static void deinit_purchases(purchases *p)
{
    free(p->ptr);
    free(p->item);
    free(p->time_s);
}

static mr_status take_purchases(const mr_interactions *rows, purchases *p)
{
    const uint64_t entries = rows->ptr[rows->users];
    uint64_t count = 0;
    p->ptr = calloc((size_t)rows->users + 1, sizeof(*p->ptr));
    p->item = malloc(((size_t)entries + 1) * sizeof(*p->item));
    p->time_s = malloc(((size_t)entries + 1) * sizeof(*p->time_s));
    if (p->ptr == NULL || p->item == NULL || p->time_s == NULL)
        return MR_ERR_NO_MEMORY;
    for (uint32_t row = 0; row < rows->users; row++) {
        for (uint64_t e = rows->ptr[row]; e < rows->ptr[row + 1]; e++) {
            p->item[count] = rows->item[e];
            p->time_s[count] = rows->time_s[e];
            count += rows->bought[e] != 0;
        }
        p->ptr[row + 1] = count;
    }
    return MR_OK;
}

/* A row a basket, over all sequences. */
static mr_status cut_orders(const mr_sequence_list *list, mr_sparse_matrix *ret_orders)
{
    uint32_t count = 0;
    if (list->elements >= UINT32_MAX)
        return MR_ERR_INVALID;
    uint64_t *ptr = malloc((list->elements + 1) * sizeof(*ptr));
    if (ptr == NULL)
        return MR_ERR_NO_MEMORY;
    ptr[0] = 0;
    for (uint32_t s = 0; s < list->count; s++)
        for (uint64_t e = list->ptr[s]; e < list->ptr[s + 1]; e++)
            if (e + 1 == list->ptr[s + 1] || list->basket[e] != list->basket[e + 1])
                ptr[++count] = e + 1;
    const mr_status status =
        mr_sparse_matrix_from_rows(ptr, list->item, NULL, count, list->items, ret_orders);
    free(ptr);
    return status;
}

static mr_status find_orders(const mr_interactions *rows, purchases *p,
                             mr_sparse_matrix *ret_orders)
{
    mr_sequence_list list = {0};
    MR_TRY(take_purchases(rows, p));
    const mr_interactions bought = {.users = rows->users,
                                    .items = rows->items,
                                    .ptr = p->ptr,
                                    .item = p->item,
                                    .time_s = p->time_s};
    MR_TRY(mr_history_sequences(&bought, &list));
    const mr_status status = cut_orders(&list, ret_orders);
    mr_sequence_list_deinit(&list);
    return status;
}

mr_status mr_bought_together_orders(const mr_interactions *rows,
                                    mr_sparse_matrix *ret_orders)
{
    purchases p = {0};
    if (rows->time_s == NULL || rows->bought == NULL)
        return MR_ERR_INVALID;
    const mr_status status = find_orders(rows, &p, ret_orders);
    deinit_purchases(&p);
    return status;
}

/* ---- the table ---- */

/* One item's sums in the making, zero between items. */
typedef struct worker {
    uint32_t *together; /* [items] n_ij        */
    float *sums;        /* [items] c_ij        */
    uint32_t *touched;  /* [items] those met   */
    mr_top_k_selector selector;
    mr_ranked best[MR_BOUGHT_TOGETHER_PARTNERS_MAX];
} worker;

typedef struct build {
    const mr_bought_together_options *options;
    const mr_sparse_matrix *orders;
    mr_sparse_matrix by_item; /* items x orders */
    float *order_weights;     /* 0 for those passed over */
    float *item_sums;         /* c_i */
    worker *workers;
    mr_ranked *partners;      /* [items][options->partners], ascending */
    uint32_t *partner_counts; /* [items] */
} build;

static void weigh_orders(build *b)
{
    const mr_sparse_matrix *orders = b->orders;
    for (uint32_t o = 0; o < orders->rows; o++) {
        const uint32_t size = mr_sparse_matrix_row_count(orders, o);
        if (size < 2 || size > MR_BOUGHT_TOGETHER_ORDER_MAX)
            continue;
        b->order_weights[o] = powf((float)(size - 1), -b->options->size_exponent);
        for (uint64_t e = orders->ptr[o]; e < orders->ptr[o + 1]; e++)
            b->item_sums[orders->index[e]] += b->order_weights[o];
    }
}

/* Count what stands beside the item; returns how many were met. */
static uint32_t meet(const build *b, worker *own, uint32_t item)
{
    const mr_sparse_matrix *orders = b->orders;
    uint32_t met = 0;
    for (uint64_t p = b->by_item.ptr[item]; p < b->by_item.ptr[item + 1]; p++) {
        const uint32_t o = b->by_item.index[p];
        if (!(b->order_weights[o] > 0.0F))
            continue;
        for (uint64_t e = orders->ptr[o]; e < orders->ptr[o + 1]; e++) {
            const uint32_t other = orders->index[e];
            own->touched[met] = other;
            met += own->together[other]++ == 0;
            own->sums[other] += b->order_weights[o];
        }
    }
    return met;
}

static float score_of(const build *b, const worker *own, uint32_t item, uint32_t other)
{
    const float together = (float)own->together[other];
    const double lengths = (double)b->item_sums[item] * (double)b->item_sums[other];
    return (float)((double)own->sums[other] / sqrt(lengths)) *
           (together / (together + b->options->shrinkage));
}

static int by_item(const void *a, const void *b)
{
    const uint32_t left = ((const mr_ranked *)a)->index;
    const uint32_t right = ((const mr_ranked *)b)->index;
    return left < right ? -1 : left > right;
}

static void make_row(const build *b, worker *own, uint32_t item)
{
    const uint32_t met = meet(b, own, item);
    mr_top_k_selector_init(&own->selector, b->options->partners, MR_TOP_K_AUTO);
    for (uint32_t m = 0; m < met; m++) {
        const uint32_t other = own->touched[m];
        if (other != item && own->together[other] >= b->options->support)
            mr_top_k_selector_offer(&own->selector, other, score_of(b, own, item, other));
        own->together[other] = 0;
        own->sums[other] = 0.0F;
    }
    const uint32_t found = mr_top_k_selector_finish(&own->selector, own->best);
    qsort(own->best, found, sizeof(*own->best), by_item);
    memcpy(b->partners + (size_t)item * b->options->partners, own->best,
           found * sizeof(*own->best));
    b->partner_counts[item] = found;
}

static void make_rows(void *context, uint32_t worker_index, size_t begin, size_t end)
{
    const build *b = context;
    for (size_t item = begin; item < end; item++)
        make_row(b, &b->workers[worker_index], (uint32_t)item);
}

static mr_status prepare(build *b, uint32_t threads)
{
    const size_t items = b->orders->columns;
    MR_TRY(mr_sparse_matrix_transpose(b->orders, &b->by_item));
    b->order_weights = calloc((size_t)b->orders->rows + 1, sizeof(*b->order_weights));
    b->item_sums = calloc(items + 1, sizeof(*b->item_sums));
    b->workers = calloc(threads, sizeof(*b->workers));
    b->partners = malloc((items * b->options->partners + 1) * sizeof(*b->partners));
    b->partner_counts = calloc(items + 1, sizeof(*b->partner_counts));
    if (b->order_weights == NULL || b->item_sums == NULL || b->workers == NULL ||
        b->partners == NULL || b->partner_counts == NULL)
        return MR_ERR_NO_MEMORY;
    for (uint32_t w = 0; w < threads; w++) {
        worker *own = &b->workers[w];
        own->together = calloc(items + 1, sizeof(*own->together));
        own->sums = calloc(items + 1, sizeof(*own->sums));
        own->touched = malloc((items + 1) * sizeof(*own->touched));
        if (own->together == NULL || own->sums == NULL || own->touched == NULL)
            return MR_ERR_NO_MEMORY;
    }
    return MR_OK;
}

static void release(build *b, uint32_t threads)
{
    for (uint32_t w = 0; b->workers != NULL && w < threads; w++) {
        free(b->workers[w].together);
        free(b->workers[w].sums);
        free(b->workers[w].touched);
    }
    free(b->workers);
    free(b->order_weights);
    free(b->item_sums);
    free(b->partners);
    free(b->partner_counts);
    mr_sparse_matrix_deinit(&b->by_item);
}

static mr_status join(const build *b, mr_sparse_matrix *ret_table)
{
    const uint32_t items = b->orders->columns;
    size_t count = 0;
    for (uint32_t i = 0; i < items; i++)
        count += b->partner_counts[i];
    mr_sparse_matrix table = {.rows = items, .columns = items};
    table.ptr = calloc((size_t)items + 1, sizeof(*table.ptr));
    table.index = malloc((count + 1) * sizeof(*table.index));
    table.values = malloc((count + 1) * sizeof(*table.values));
    if (table.ptr == NULL || table.index == NULL || table.values == NULL) {
        mr_sparse_matrix_deinit(&table);
        return MR_ERR_NO_MEMORY;
    }
    uint64_t at = 0;
    for (uint32_t i = 0; i < items; i++) {
        const mr_ranked *partners = b->partners + (size_t)i * b->options->partners;
        for (uint32_t p = 0; p < b->partner_counts[i]; p++, at++) {
            table.index[at] = partners[p].index;
            table.values[at] = partners[p].score;
        }
        table.ptr[i + 1] = at;
    }
    *ret_table = table;
    return MR_OK;
}

mr_status mr_bought_together_build(const mr_sparse_matrix *orders,
                                   const mr_bought_together_options *options,
                                   mr_worker_pool *pool, mr_sparse_matrix *ret_table)
{
    const uint32_t threads = mr_worker_pool_threads(pool);
    build b = {.options = options, .orders = orders};
    if (!are_sound(options))
        return MR_ERR_INVALID;
    mr_status status = prepare(&b, threads);
    if (status == MR_OK) {
        weigh_orders(&b);
        mr_worker_pool_run(pool, orders->columns, ITEMS_A_CHUNK, make_rows, &b);
        status = join(&b, ret_table);
    }
    release(&b, threads);
    return status;
}

/* ---- reading ---- */

static int by_score(const void *a, const void *b)
{
    const mr_ranked *left = a;
    const mr_ranked *right = b;
    if (left->score != right->score)
        return left->score > right->score ? -1 : 1;
    return left->index < right->index ? -1 : left->index > right->index;
}

uint32_t mr_bought_together_best(const mr_sparse_matrix *table, uint32_t item, uint32_t k,
                                 mr_ranked *ret_best)
{
    const uint32_t count = mr_sparse_matrix_row_count(table, item);
    const uint64_t first = table->ptr[item];
    MR_ASSERT(count <= MR_BOUGHT_TOGETHER_PARTNERS_MAX);
    for (uint32_t p = 0; p < count; p++)
        ret_best[p] = (mr_ranked){.index = table->index[first + p],
                                  .score = table->values[first + p]};
    qsort(ret_best, count, sizeof(*ret_best), by_score);
    return count < k ? count : k;
}
