#include "models/member_rows.h"

#include "models/blas.h"
#include "models/ease.h"
#include "models/item_item.h"

#include <stdlib.h>
#include <string.h>

struct mr_member_rows {
    const mr_member_set *set;
    const mr_sparse_matrix *histories;
    bool uses[MR_MEMBERS];
    uint32_t users[MR_MEMBER_ROWS_USERS];
    size_t count;
    float *rows[MR_MEMBERS];    /* [items], of products [MR_MEMBER_ROWS_USERS][items] */
    float *vectors[MR_MEMBERS]; /* of products: [MR_MEMBER_ROWS_USERS][stride]        */
    float *scratch;             /* [items], for a linear term */
};

/* A user's history as the members take it. */
typedef struct history {
    uint32_t user;
    const uint32_t *items;
    const float *weights;
    size_t count;
} history;

static history history_of(const mr_member_rows *rows, size_t place)
{
    const mr_sparse_matrix *all = rows->histories;
    const uint32_t user = rows->users[place];
    return (history){.user = user,
                     .items = mr_sparse_matrix_row(all, user),
                     .weights = all->values != NULL ? all->values + all->ptr[user] : NULL,
                     .count = mr_sparse_matrix_row_count(all, user)};
}

/* ---- what each member needs ---- */

static bool item_item_fits(const mr_member_set *set, uint32_t users, uint32_t items)
{
    (void)users;
    return set->item_item != NULL && set->item_item->columns == items;
}

static void item_item_score(const mr_member_set *set, const history *h, float *row)
{
    mr_item_item_score(set->item_item, h->items, h->weights, h->count, row);
}

static bool ials_fits(const mr_member_set *set, uint32_t users, uint32_t items)
{
    return set->item_factors != NULL && set->user_factors != NULL &&
           set->item_factors->rows == items && set->user_factors->rows == users;
}

static const mr_dense *ials_table(const mr_member_set *set)
{
    return set->item_factors;
}

static void ials_gather(const mr_member_set *set, const history *h, float *vector)
{
    memcpy(vector, mr_dense_row(set->user_factors, h->user),
           set->user_factors->stride * sizeof(*vector));
}

static bool popular_fits(const mr_member_set *set, uint32_t users, uint32_t items)
{
    (void)users;
    (void)items;
    return set->popular != NULL;
}

static bool ease_fits(const mr_member_set *set, uint32_t users, uint32_t items)
{
    (void)users;
    return set->ease != NULL && set->ease->rows == items && set->ease->columns == items;
}

static void ease_score(const mr_member_set *set, const history *h, float *row)
{
    mr_ease_score(set->ease, h->items, NULL, h->count, row);
}

static bool graph_filter_fits(const mr_member_set *set, uint32_t users, uint32_t items)
{
    (void)users;
    return set->graph_filter != NULL && set->graph_filter->in.rows == items &&
           set->graph_filter->out.rows == items;
}

static const mr_dense *graph_filter_table(const mr_member_set *set)
{
    return &set->graph_filter->out;
}

static void graph_filter_gather(const mr_member_set *set, const history *h, float *vector)
{
    mr_graph_filter_project(set->graph_filter, h->items, NULL, h->count, vector);
}

static void graph_filter_finish(const mr_member_set *set, const history *h,
                                float *scratch, float *row)
{
    mr_graph_filter_add_linear(set->graph_filter, h->items, NULL, h->count, scratch, row);
}

/* Either a row a user (score), or a vector a user (gather) and one product with a table. */
typedef struct member_kind {
    bool (*fits)(const mr_member_set *set, uint32_t users, uint32_t items);
    void (*score)(const mr_member_set *set, const history *h, float *row);
    const mr_dense *(*table)(const mr_member_set *set);
    void (*gather)(const mr_member_set *set, const history *h, float *vector);
    void (*finish)(const mr_member_set *set, const history *h, float *scratch,
                   float *row);
} member_kind;

static const member_kind KINDS[MR_MEMBERS] = {
    [MR_MEMBER_ITEM_ITEM] = {.fits = item_item_fits, .score = item_item_score},
    [MR_MEMBER_IALS] = {.fits = ials_fits, .table = ials_table, .gather = ials_gather},
    [MR_MEMBER_POPULAR] = {.fits = popular_fits}, /* one row for all */
    [MR_MEMBER_EASE] = {.fits = ease_fits, .score = ease_score},
    [MR_MEMBER_GRAPH_FILTER] = {.fits = graph_filter_fits,
                                .table = graph_filter_table,
                                .gather = graph_filter_gather,
                                .finish = graph_filter_finish},
};

bool mr_member_set_fits(const mr_member_set *set, const bool uses[MR_MEMBERS],
                        const mr_sparse_matrix *histories)
{
    for (uint32_t m = 0; m < MR_MEMBERS; m++)
        if (uses[m] && !KINDS[m].fits(set, histories->rows, histories->columns))
            return false;
    return true;
}

/* ---- rows ---- */

mr_status mr_member_rows_create(const mr_member_set *set, const bool uses[MR_MEMBERS],
                                const mr_sparse_matrix *histories,
                                mr_member_rows **ret_rows)
{
    const size_t items = histories->columns;
    mr_member_rows *rows = calloc(1, sizeof(*rows));
    bool failed = rows == NULL;
    for (uint32_t m = 0; m < MR_MEMBERS && !failed; m++) {
        rows->uses[m] = uses[m];
        if (!uses[m] || (KINDS[m].score == NULL && KINDS[m].table == NULL))
            continue;
        const size_t at_once = KINDS[m].table != NULL ? MR_MEMBER_ROWS_USERS : 1;
        rows->rows[m] = mr_dense_floats(at_once * items);
        failed = rows->rows[m] == NULL;
        if (failed || KINDS[m].table == NULL)
            continue;
        rows->vectors[m] =
            mr_dense_floats(MR_MEMBER_ROWS_USERS * KINDS[m].table(set)->stride);
        failed = rows->vectors[m] == NULL;
    }
    if (!failed) {
        rows->set = set;
        rows->histories = histories;
        rows->scratch = mr_dense_floats(items);
        failed = rows->scratch == NULL;
    }
    if (failed) {
        mr_member_rows_destroy(rows);
        return MR_ERR_NO_MEMORY;
    }
    *ret_rows = rows;
    return MR_OK;
}

void mr_member_rows_destroy(mr_member_rows *rows)
{
    if (rows == NULL)
        return;
    for (uint32_t m = 0; m < MR_MEMBERS; m++) {
        free(rows->rows[m]);
        free(rows->vectors[m]);
    }
    free(rows->scratch);
    free(rows);
}

static void multiply(mr_member_rows *rows, uint32_t member)
{
    const member_kind *kind = &KINDS[member];
    const mr_dense *table = kind->table(rows->set);
    const size_t items = table->rows;
    float *vectors = rows->vectors[member];
    for (size_t place = 0; place < rows->count; place++) {
        const history h = history_of(rows, place);
        kind->gather(rows->set, &h, vectors + place * table->stride);
    }
    mr_blas_sgemm(MR_BLAS_PLAIN, MR_BLAS_TRANSPOSED, rows->count, items, table->columns,
                  1.0F, vectors, table->stride, table->values, table->stride, 0.0F,
                  rows->rows[member], items);
    for (size_t place = 0; place < rows->count && kind->finish != NULL; place++) {
        const history h = history_of(rows, place);
        kind->finish(rows->set, &h, rows->scratch, rows->rows[member] + place * items);
    }
}

void mr_member_rows_take(mr_member_rows *rows, const uint32_t *users, size_t count)
{
    memcpy(rows->users, users, count * sizeof(*users));
    rows->count = count;
    for (uint32_t m = 0; m < MR_MEMBERS && count > 0; m++)
        if (rows->uses[m] && KINDS[m].table != NULL)
            multiply(rows, m);
}

void mr_member_rows_of(mr_member_rows *rows, size_t place,
                       const float *ret_rows[MR_MEMBERS])
{
    const history h = history_of(rows, place);
    for (uint32_t m = 0; m < MR_MEMBERS; m++) {
        ret_rows[m] = rows->rows[m];
        if (!rows->uses[m])
            continue;
        if (KINDS[m].score != NULL)
            KINDS[m].score(rows->set, &h, rows->rows[m]);
        else if (KINDS[m].table != NULL)
            ret_rows[m] += place * rows->histories->columns;
        else
            ret_rows[m] = rows->set->popular;
    }
}
