#include "models/set_ranking.h"

#include "core/assert.h"
#include "models/item_item.h"
#include "models/set_internal.h"
#include "models/vector.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    SPARE = 44, /* bounds kept beyond 2 k, as for byte codes alone */
    MORE = 4,   /* times as many when they were too few */
    AHEAD = 8,  /* items whose factors are fetched early */
};

/* Rounding of the few float32 operations on a bound, of the largest value they can meet. */
static const double SLACK = 4e-6;

static bool uses(const mr_set_model *model, mr_member member)
{
    return model->recipe->blend.weights[member] > 0.0F;
}

mr_status mr_set_ranking_create(const mr_set_model *model, mr_set_ranking **ret_ranking)
{
    const mr_int8_table *codes = mr_set_index_codes(model->index);
    mr_set_ranking *ranking = calloc(1, sizeof(*ranking));
    if (ranking == NULL)
        return MR_ERR_NO_MEMORY;
    ranking->upper = mr_dense_floats((size_t)model->items + MR_INT8_GROUP);
    ranking->bounds = mr_dense_floats(model->items);
    mr_status status = ranking->upper != NULL && ranking->bounds != NULL
                           ? mr_sparse_row_init(&ranking->item_item, model->items)
                           : MR_ERR_NO_MEMORY;
    if (status == MR_OK && codes != NULL)
        status = mr_int8_scratch_create(codes, NULL, &ranking->codes);
    if (status != MR_OK) {
        mr_set_ranking_destroy(ranking);
        return status;
    }
    *ret_ranking = ranking;
    return MR_OK;
}

void mr_set_ranking_destroy(mr_set_ranking *ranking)
{
    if (ranking == NULL)
        return;
    mr_int8_scratch_destroy(ranking->codes);
    mr_sparse_row_deinit(&ranking->item_item);
    free(ranking->upper);
    free(ranking->bounds);
    free(ranking);
}

/* ---- what rows are scaled by ---- */

static mr_blend_term measure_ials(const mr_set_model *model, mr_set_scratch *scratch)
{
    double sum = 0.0;
    double squares = 0.0;
    mr_ranked best;
    if (model->recipe->blend.scale == MR_BLEND_DEVIATION) {
        mr_set_index_moments(model->index, scratch->user, &sum, &squares);
        return mr_blend_term_of_moments(sum, squares, model->items);
    }
    return mr_int8_table_top_k(mr_set_index_codes(model->index), scratch->ranking->codes,
                               scratch->user, 1, NULL, 0, &best) > 0
               ? mr_blend_term_of_largest(best.score)
               : (mr_blend_term){0};
}

static mr_blend_term measure_item_item(const mr_set_model *model, mr_set_scratch *scratch)
{
    mr_set_ranking *ranking = scratch->ranking;
    double sum = 0.0;
    double squares = 0.0;
    mr_sparse_row_moments(&ranking->item_item, &sum, &squares,
                          &ranking->item_item_largest);
    return model->recipe->blend.scale == MR_BLEND_DEVIATION
               ? mr_blend_term_of_moments(sum, squares, model->items)
               : mr_blend_term_of_largest((float)ranking->item_item_largest);
}

/* A member alone is not scaled. */
static bool is_alone(const mr_blend *blend)
{
    uint32_t in_use = 0;
    for (uint32_t m = 0; m < MR_MEMBERS; m++)
        in_use += blend->weights[m] > 0.0F;
    return in_use == 1;
}

static void measure(const mr_set_model *model, mr_set_scratch *scratch)
{
    const mr_blend_scale scale = model->recipe->blend.scale;
    scratch->terms = (mr_blend_terms){0};
    if (is_alone(&model->recipe->blend))
        return;
    for (uint32_t m = 0; m < MR_MEMBERS; m++) {
        if (!uses(model, (mr_member)m))
            continue;
        scratch->terms.terms[scale][m] =
            m == MR_MEMBER_IALS        ? measure_ials(model, scratch)
            : m == MR_MEMBER_ITEM_ITEM ? measure_item_item(model, scratch)
                                       : mr_set_index_popular(model->index);
        scratch->terms.known[scale][m] = true;
    }
}

void mr_set_ask(const mr_set_model *model, mr_set_scratch *scratch, const mr_query *query)
{
    mr_sparse_row *item_item = &scratch->ranking->item_item;
    mr_set_take(model, scratch, query);
    mr_sparse_row_clear(item_item);
    memset(scratch->rows, 0, sizeof(scratch->rows));
    if (scratch->count == 0)
        return;
    if (uses(model, MR_MEMBER_ITEM_ITEM))
        mr_item_item_add(model->item_item, scratch->history, scratch->weights,
                         scratch->count, item_item);
    if (uses(model, MR_MEMBER_IALS))
        mr_fold_in_user(model->fold_in, scratch->solver, scratch->distinct, NULL,
                        scratch->distinct_count, scratch->user);
    scratch->rows[MR_MEMBER_ITEM_ITEM] = item_item->values;
    scratch->rows[MR_MEMBER_POPULAR] = model->popular;
    measure(model, scratch);
}

/* ---- exact scores ---- */

static void score_ials(const mr_set_model *model, const mr_set_scratch *scratch,
                       const uint32_t *items, size_t count, float *ret_scores)
{
    const mr_dense *factors = mr_fold_in_items(model->fold_in);
    const mr_vector_kernels *kernels = mr_vector_kernels_best();
    for (size_t i = 0; i < count; i++) {
        if (i + AHEAD < count)
            for (size_t f = 0; f < factors->stride; f += MR_VECTOR_FLOATS)
                __builtin_prefetch(mr_dense_row(factors, items[i + AHEAD]) + f);
        ret_scores[i] =
            kernels->dot(scratch->user, mr_dense_row(factors, items[i]), factors->stride);
    }
}

/* Of at most MR_TOP_K_MAX items, into scratch->ranking->scores. */
static void score_chosen(const mr_set_model *model, mr_set_scratch *scratch,
                         const uint32_t *items, size_t count)
{
    mr_set_ranking *ranking = scratch->ranking;
    const float *rows[MR_MEMBERS];
    for (uint32_t m = 0; m < MR_MEMBERS; m++) {
        float *part = ranking->parts[m];
        rows[m] = part;
        if (!uses(model, (mr_member)m))
            continue;
        if (m == MR_MEMBER_IALS)
            score_ials(model, scratch, items, count, part);
        else
            for (size_t i = 0; i < count; i++)
                part[i] = scratch->rows[m][items[i]];
    }
    mr_blend_rows(&model->recipe->blend, rows, count, &scratch->terms, ranking->scores);
}

void mr_set_at(const mr_set_model *model, mr_set_scratch *scratch, const uint32_t *items,
               size_t count, float *ret_row)
{
    for (size_t first = 0; first < count; first += MR_TOP_K_MAX) {
        const size_t left = count - first;
        const size_t part = left < MR_TOP_K_MAX ? left : MR_TOP_K_MAX;
        if (scratch->count > 0)
            score_chosen(model, scratch, items + first, part);
        for (size_t i = 0; i < part; i++)
            ret_row[items[first + i]] =
                scratch->count > 0 ? scratch->ranking->scores[i] : 0.0F;
    }
}

/* ---- bounds ---- */

/* A member's part of the blend is (score - offset) x factor. */
static mr_blend_term part_term(const mr_set_model *model, const mr_set_scratch *scratch,
                               mr_member member)
{
    const mr_blend *blend = &model->recipe->blend;
    if (!scratch->terms.known[blend->scale][member])
        return (mr_blend_term){.factor = 1.0F};
    mr_blend_term term = scratch->terms.terms[blend->scale][member];
    term.factor *= blend->weights[member];
    return term;
}

/* How far rounding may take a bound from the sum it stands for. */
static double slack_of(const mr_set_model *model, const mr_set_scratch *scratch)
{
    const double largest[MR_MEMBERS] = {
        [MR_MEMBER_ITEM_ITEM] = scratch->ranking->item_item_largest,
        [MR_MEMBER_IALS] = uses(model, MR_MEMBER_IALS)
                               ? mr_set_index_largest(model->index, scratch->user)
                               : 0.0,
        [MR_MEMBER_POPULAR] = fabs((double)mr_set_index_popular_largest(model->index)),
    };
    double sum = 0.0;
    for (uint32_t m = 0; m < MR_MEMBERS; m++) {
        if (!uses(model, (mr_member)m))
            continue;
        const mr_blend_term term = part_term(model, scratch, (mr_member)m);
        sum += (largest[m] + fabs((double)term.offset)) * (double)term.factor;
    }
    return sum * SLACK;
}

/* Bounds of all items into ranking->bounds; false for a user whose scores have none. */
static bool bound(const mr_set_model *model, mr_set_scratch *scratch)
{
    mr_set_ranking *ranking = scratch->ranking;
    const mr_vector_kernels *kernels = mr_vector_kernels_best();
    const size_t n = model->items;
    const mr_blend_term by_items = part_term(model, scratch, MR_MEMBER_ITEM_ITEM);
    bool keep = false;
    if (uses(model, MR_MEMBER_IALS)) {
        const mr_blend_term term = part_term(model, scratch, MR_MEMBER_IALS);
        if (!mr_int8_table_upper(mr_set_index_codes(model->index), ranking->codes,
                                 scratch->user, ranking->upper))
            return false;
        kernels->blend(ranking->upper, n, term.offset, term.factor, keep,
                       ranking->bounds);
        keep = true;
    }
    if (uses(model, MR_MEMBER_POPULAR)) {
        const mr_blend_term term = part_term(model, scratch, MR_MEMBER_POPULAR);
        kernels->blend(model->popular, n, term.offset, term.factor, keep,
                       ranking->bounds);
        keep = true;
    }
    if (!keep)
        memset(ranking->bounds, 0, n * sizeof(*ranking->bounds));
    const mr_sparse_row *row = &ranking->item_item;
    for (uint32_t i = 0; i < row->count; i++)
        ranking->bounds[row->touched[i]] +=
            row->values[row->touched[i]] * by_items.factor;
    return true;
}

/* The offset of item-item is the same for all items: it is in no bound. */
static double common_part(const mr_set_model *model, const mr_set_scratch *scratch)
{
    if (!uses(model, MR_MEMBER_ITEM_ITEM))
        return 0.0;
    const mr_blend_term term = part_term(model, scratch, MR_MEMBER_ITEM_ITEM);
    return -(double)term.offset * (double)term.factor;
}

/* ---- ranking ---- */

/* Every item scored. */
static uint32_t best_of_all(const mr_set_model *model, mr_set_scratch *scratch,
                            uint32_t k, mr_ranked *ret_best)
{
    mr_set_ranking *ranking = scratch->ranking;
    mr_top_k_selector_init(&ranking->selector, k, MR_TOP_K_AUTO);
    for (uint32_t first = 0; first < model->items; first += MR_TOP_K_MAX) {
        const uint32_t left = model->items - first;
        const uint32_t count = left < MR_TOP_K_MAX ? left : (uint32_t)MR_TOP_K_MAX;
        for (uint32_t i = 0; i < count; i++)
            ranking->chosen[i] = first + i;
        score_chosen(model, scratch, ranking->chosen, count);
        mr_top_k_selector_add(&ranking->selector, ranking->scores, count, first);
    }
    return mr_top_k_selector_finish(&ranking->selector, ret_best);
}

/* The best k of the `wanted` with the best bounds; false when one left out may belong. */
static bool best_of_bounds(const mr_set_model *model, mr_set_scratch *scratch, uint32_t k,
                           uint32_t wanted, mr_ranked *ret_best, uint32_t *ret_count)
{
    mr_set_ranking *ranking = scratch->ranking;
    mr_top_k_selector_init(&ranking->selector, wanted, MR_TOP_K_AUTO);
    mr_top_k_selector_add(&ranking->selector, ranking->bounds, model->items, 0);
    const uint32_t found =
        mr_top_k_selector_finish(&ranking->selector, ranking->candidates);
    for (uint32_t c = 0; c < found; c++)
        ranking->chosen[c] = ranking->candidates[c].index;
    score_chosen(model, scratch, ranking->chosen, found);
    mr_top_k_selector_init(&ranking->selector, k, MR_TOP_K_AUTO);
    for (uint32_t c = 0; c < found; c++)
        mr_top_k_selector_offer(&ranking->selector, ranking->chosen[c],
                                ranking->scores[c]);
    *ret_count = mr_top_k_selector_finish(&ranking->selector, ret_best);
    if (found < wanted)
        return true;
    const double left_out = (double)ranking->candidates[found - 1].score +
                            common_part(model, scratch) + slack_of(model, scratch);
    return *ret_count == k && (double)ret_best[k - 1].score > left_out;
}

uint32_t mr_set_best(const mr_set_model *model, mr_set_scratch *scratch, uint32_t k,
                     mr_ranked *ret_best)
{
    uint32_t count = 0;
    MR_ASSERT(k >= 1 && k <= MR_TOP_K_MAX);
    if (scratch->count == 0)
        return 0;
    if (!bound(model, scratch))
        return best_of_all(model, scratch, k, ret_best);
    for (uint32_t wanted = 2 * k + SPARE;; wanted *= MORE) {
        const bool is_last = wanted >= MR_TOP_K_MAX;
        if (best_of_bounds(model, scratch, k, is_last ? (uint32_t)MR_TOP_K_MAX : wanted,
                           ret_best, &count))
            return count;
        if (is_last)
            return best_of_all(model, scratch, k, ret_best);
    }
}
