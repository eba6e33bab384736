#include "models/dense.h"
#include "models/session_knn_internal.h"
#include "models/top_k.h"

#include <stdlib.h>
#include <string.h>

enum {
    SLOT_BITS_LEAST = 8,
    PLACE_BITS =
        24, /* of a slot's place among the candidates; the stamp has the others */
    STAMP_MAX = 255,
    AHEAD = 16, /* neighbours whose elements are fetched early */
};

#define PLACE_MASK ((UINT32_C(1) << PLACE_BITS) - 1)

_Static_assert((int)MR_SESSION_KNN_NEIGHBOURS_MAX <= (int)MR_TOP_K_MAX,
               "a selector keeps them");

_Static_assert((uint64_t)MR_SESSION_KNN_RECENT_MAX *MR_SESSION_KNN_QUERY_MAX <
                   UINT64_C(1) << PLACE_BITS,
               "every candidate's place fits");

/* Below this a place of the query, or a similarity, says nothing; keeps denormals out. */
static const float WEIGHT_LEAST = 1e-30F;

/* A sequence that shares something with the query. */
typedef struct candidate {
    uint32_t sequence;
    uint32_t last_place;  /* there, of the newest shared item      */
    uint32_t query_place; /* in the query, of that item            */
} candidate;

/* A slot of another query's stamp is an empty one: nothing is wiped behind a query. */
typedef struct slot {
    uint32_t sequence;
    uint32_t stamped; /* the stamp, and below it the candidate's place */
} slot;

struct mr_session_knn_scratch {
    slot *table;    /* by a hash of the sequence */
    uint32_t stamp; /* of this query, 1 … STAMP_MAX */
    uint32_t bits;  /* the most slots that were used since the table was wiped */
    candidate *candidates;
    float *similarities;
    uint32_t count; /* of candidates */
    mr_top_k_selector selector;
    mr_ranked best[MR_SESSION_KNN_NEIGHBOURS_MAX]; /* by index of candidate */
    float terms[MR_SESSION_KNN_QUERY_MAX];         /* by place from the query's end */
};

/* The most candidates that a query can have: its lists, or all sequences. */
static uint64_t candidates_max(const mr_session_knn_arrays *arrays)
{
    uint64_t longest = 0;
    for (uint32_t i = 0; i < arrays->items; i++) {
        const uint64_t length = arrays->item_ptr[i + 1] - arrays->item_ptr[i];
        longest = length > longest ? length : longest;
    }
    const uint64_t most = longest * MR_SESSION_KNN_QUERY_MAX;
    return most < arrays->sequences ? most : arrays->sequences;
}

/* Bits of a table in which at most half of the slots are taken. */
static uint32_t slot_bits(uint64_t candidates)
{
    uint32_t bits = SLOT_BITS_LEAST;
    while ((UINT64_C(1) << bits) < 2 * candidates)
        bits++;
    return bits;
}

mr_status mr_session_knn_scratch_create(const mr_session_knn *model,
                                        mr_session_knn_scratch **ret_scratch)
{
    const size_t room = (size_t)candidates_max(&model->arrays);
    mr_session_knn_scratch *scratch = calloc(1, sizeof(*scratch));
    if (scratch == NULL)
        return MR_ERR_NO_MEMORY;
    scratch->table = calloc((size_t)1 << slot_bits(room), sizeof(*scratch->table));
    scratch->candidates = calloc(room + 1, sizeof(*scratch->candidates));
    scratch->similarities = mr_dense_floats(room + 1);
    scratch->bits = SLOT_BITS_LEAST;
    if (scratch->table == NULL || scratch->candidates == NULL ||
        scratch->similarities == NULL) {
        mr_session_knn_scratch_destroy(scratch);
        return MR_ERR_NO_MEMORY;
    }
    *ret_scratch = scratch;
    return MR_OK;
}

void mr_session_knn_scratch_destroy(mr_session_knn_scratch *scratch)
{
    if (scratch == NULL)
        return;
    free(scratch->table);
    free(scratch->candidates);
    free(scratch->similarities);
    free(scratch);
}

/* ---- the query's places ---- */

static size_t first_place(const mr_query *query)
{
    return query->count > MR_SESSION_KNN_QUERY_MAX
               ? query->count - MR_SESSION_KNN_QUERY_MAX
               : 0;
}

/* What place t says for the sequences with its item: 0 when a newer place has the same item. */
static float place_weight(const mr_session_knn *model, const mr_query *query, size_t t)
{
    const uint32_t item = query->item[t];
    const size_t last = query->count - 1;
    if (item >= model->arrays.items)
        return 0.0F;
    for (size_t u = t + 1; u <= last; u++)
        if (query->item[u] == item)
            return 0.0F;
    const size_t back =
        query->basket != NULL ? query->basket[last] - query->basket[t] : last - t;
    if (back >= MR_SESSION_KNN_QUERY_MAX)
        return 0.0F;
    const float weight = model->query_weights[back] * model->arrays.item_weight[item];
    return weight >= WEIGHT_LEAST ? weight : 0.0F;
}

/* ---- neighbours ---- */

/*
 * Add `weight` to all sequences on the list of place t.  Whether a sequence is met for the first
 * time cannot be foretold, so both cases run the same instructions: the next candidate is written
 * each time, and counted when it is one.
 */
static void add_list(const mr_session_knn *model, mr_session_knn_scratch *scratch,
                     uint32_t bits, const mr_query *query, size_t t, float weight)
{
    const mr_session_knn_arrays *arrays = &model->arrays;
    const uint32_t item = query->item[t];
    const uint32_t mask = (UINT32_C(1) << bits) - 1;
    const uint32_t stamp = scratch->stamp;
    slot *table = scratch->table;
    candidate *candidates = scratch->candidates;
    float *similarities = scratch->similarities;
    uint32_t count = scratch->count;
    for (uint64_t p = arrays->item_ptr[item]; p < arrays->item_ptr[item + 1]; p++) {
        const uint32_t sequence = arrays->posting[p];
        uint32_t at = (sequence * UINT32_C(2654435769)) >> (32 - bits); /* Fibonacci */
        while (table[at].stamped >> PLACE_BITS == stamp && table[at].sequence != sequence)
            at = (at + 1) & mask;
        const bool is_new = table[at].stamped >> PLACE_BITS != stamp;
        const uint32_t c = is_new ? count : table[at].stamped & PLACE_MASK;
        table[at] = (slot){.sequence = sequence, .stamped = stamp << PLACE_BITS | c};
        candidates[count] = (candidate){.sequence = sequence,
                                        .last_place = arrays->last_place[p],
                                        .query_place = (uint32_t)t};
        similarities[count] = 0.0F;
        similarities[c] += weight;
        count += is_new;
    }
    scratch->count = count;
}

/* A stamp that no slot has. */
static void begin_table(mr_session_knn_scratch *scratch, uint32_t bits)
{
    scratch->bits = bits > scratch->bits ? bits : scratch->bits;
    if (scratch->stamp++ < STAMP_MAX)
        return;
    memset(scratch->table, 0, sizeof(*scratch->table) << scratch->bits);
    scratch->bits = bits;
    scratch->stamp = 1;
}

/* All sequences that share something, newest shared item first, with their similarities. */
static void find_candidates(const mr_session_knn *model, mr_session_knn_scratch *scratch,
                            const mr_query *query)
{
    const mr_session_knn_arrays *arrays = &model->arrays;
    float weights[MR_SESSION_KNN_QUERY_MAX];
    const size_t first = first_place(query);
    uint64_t postings = 0;
    scratch->count = 0;
    for (size_t t = first; t < query->count; t++) {
        const uint32_t item = query->item[t];
        weights[t - first] = place_weight(model, query, t);
        if (weights[t - first] > 0.0F)
            postings += arrays->item_ptr[item + 1] - arrays->item_ptr[item];
    }
    const uint32_t bits =
        slot_bits(postings < arrays->sequences ? postings : arrays->sequences);
    begin_table(scratch, bits);
    for (size_t t = query->count; t-- > first;)
        if (weights[t - first] > 0.0F)
            add_list(model, scratch, bits, query, t, weights[t - first]);
    for (uint32_t c = 0; c < scratch->count; c++)
        scratch->similarities[c] *=
            arrays->sequence_weight[scratch->candidates[c].sequence];
}

/* Fill scratch->best with the most similar ones; returns how many. */
static uint32_t find_neighbours(const mr_session_knn *model,
                                mr_session_knn_scratch *scratch, const mr_query *query)
{
    find_candidates(model, scratch, query);
    if (scratch->count > model->options.neighbours) {
        mr_top_k_selector_init(&scratch->selector, model->options.neighbours,
                               MR_TOP_K_AUTO);
        mr_top_k_selector_add(&scratch->selector, scratch->similarities, scratch->count,
                              0);
        return mr_top_k_selector_finish(&scratch->selector, scratch->best);
    }
    for (uint32_t c = 0; c < scratch->count; c++)
        scratch->best[c] = (mr_ranked){.index = c, .score = scratch->similarities[c]};
    return scratch->count;
}

/* ---- votes ---- */

/* A neighbour's elements around the shared one. */
typedef struct window {
    uint64_t first;
    uint64_t shared;
    uint64_t end;
} window;

static window window_of(const mr_session_knn_arrays *arrays, const candidate *neighbour)
{
    const uint64_t begin = arrays->sequence_ptr[neighbour->sequence];
    const uint64_t end = arrays->sequence_ptr[neighbour->sequence + 1];
    const uint64_t shared = begin + neighbour->last_place;
    return (window){
        .first = shared - begin > MR_SESSION_KNN_ELEMENTS_MAX
                     ? shared - MR_SESSION_KNN_ELEMENTS_MAX
                     : begin,
        .shared = shared,
        .end = end - shared > MR_SESSION_KNN_ELEMENTS_MAX
                   ? shared + 1 + MR_SESSION_KNN_ELEMENTS_MAX
                   : end,
    };
}

static uint32_t places_apart(const mr_session_knn_arrays *arrays, uint64_t newer,
                             uint64_t older)
{
    return arrays->basket != NULL ? arrays->basket[newer] - arrays->basket[older]
                                  : (uint32_t)(newer - older);
}

/* `row` is the caller's own copy: through a pointer a store into the list might be one into the
 * count. */
static mr_sparse_row vote(const mr_session_knn *model, const candidate *neighbour,
                          float similarity, mr_sparse_row row)
{
    const mr_session_knn_arrays *arrays = &model->arrays;
    const window w = window_of(arrays, neighbour);
    mr_sparse_row_add(&row, arrays->element[w.shared],
                      similarity * model->options.shared);
    for (uint64_t e = w.shared + 1; e < w.end; e++) {
        const uint32_t apart = places_apart(arrays, e, w.shared);
        if (apart > model->reach)
            break;
        mr_sparse_row_add(&row, arrays->element[e], similarity * model->after[apart]);
    }
    for (uint64_t e = w.shared; e-- > w.first;) {
        const uint32_t apart = places_apart(arrays, w.shared, e);
        if (apart > model->reach)
            break;
        mr_sparse_row_add(&row, arrays->element[e], similarity * model->before[apart]);
    }
    return row;
}

static const candidate *neighbour_at(const mr_session_knn_scratch *scratch, uint32_t n)
{
    return &scratch->candidates[scratch->best[n].index];
}

static void fetch_early(const mr_session_knn_arrays *arrays, const candidate *neighbour)
{
    const uint64_t shared =
        arrays->sequence_ptr[neighbour->sequence] + neighbour->last_place;
    __builtin_prefetch(arrays->element + shared);
    if (arrays->basket != NULL)
        __builtin_prefetch(arrays->basket + shared);
}

/* The part of a neighbour's votes that `item` gets. */
static float votes_for(const mr_session_knn *model, const candidate *neighbour,
                       float similarity, uint32_t item)
{
    const mr_session_knn_arrays *arrays = &model->arrays;
    const window w = window_of(arrays, neighbour);
    float sum = 0.0F;
    for (uint64_t e = w.first; e < w.end; e++) {
        if (arrays->element[e] != item)
            continue;
        if (e == w.shared) {
            sum += similarity * model->options.shared;
            continue;
        }
        const bool is_newer = e > w.shared;
        const uint32_t apart =
            places_apart(arrays, is_newer ? e : w.shared, is_newer ? w.shared : e);
        if (apart <= model->reach)
            sum += similarity * (is_newer ? model->after : model->before)[apart];
    }
    return sum;
}

void mr_session_knn_add(const mr_session_knn *model, mr_session_knn_scratch *scratch,
                        const mr_query *query, mr_sparse_row *row)
{
    const mr_session_knn_arrays *arrays = &model->arrays;
    const uint32_t count = find_neighbours(model, scratch, query);
    for (uint32_t n = 0; n < count && n < 2 * AHEAD; n++)
        __builtin_prefetch(arrays->sequence_ptr + neighbour_at(scratch, n)->sequence);
    for (uint32_t n = 0; n < count; n++) {
        if (n + 2 * AHEAD < count)
            __builtin_prefetch(arrays->sequence_ptr +
                               neighbour_at(scratch, n + 2 * AHEAD)->sequence);
        if (n + AHEAD < count)
            fetch_early(arrays, neighbour_at(scratch, n + AHEAD));
        if (scratch->best[n].score >= WEIGHT_LEAST)
            *row = vote(model, neighbour_at(scratch, n), scratch->best[n].score, *row);
    }
}

void mr_session_knn_score(const mr_session_knn *model, mr_session_knn_scratch *scratch,
                          const mr_query *query, float *ret_scores)
{
    mr_sparse_row row = {.values = ret_scores, .items = model->arrays.items};
    memset(ret_scores, 0, row.items * sizeof(*ret_scores));
    mr_session_knn_add(model, scratch, query, &row);
}

size_t mr_session_knn_because(const mr_session_knn *model,
                              mr_session_knn_scratch *scratch, const mr_query *query,
                              uint32_t item, float *ret_term)
{
    const size_t first = first_place(query);
    memset(scratch->terms, 0, sizeof(scratch->terms));
    const uint32_t count = find_neighbours(model, scratch, query);
    for (uint32_t n = 0; n < count; n++) {
        const candidate *neighbour = &scratch->candidates[scratch->best[n].index];
        if (scratch->best[n].score >= WEIGHT_LEAST)
            scratch->terms[neighbour->query_place - first] +=
                votes_for(model, neighbour, scratch->best[n].score, item);
    }
    size_t best = query->count;
    float best_term = 0.0F;
    for (size_t t = first; t < query->count; t++) {
        const float term = scratch->terms[t - first];
        if (term > 0.0F && term >= best_term) {
            best_term = term;
            best = t;
        }
    }
    *ret_term = best_term;
    return best;
}
