#include "models/holdout.h"

#include "models/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Two lists of rows being filled side by side. */
typedef struct parts {
    uint64_t *train_ptr;
    uint64_t *held_ptr;
    uint32_t *train;
    uint32_t *held;
} parts;

static mr_status parts_init(parts *ret_parts, uint32_t rows, uint64_t count)
{
    const parts p = {.train_ptr = calloc((size_t)rows + 1, sizeof(*p.train_ptr)),
                     .held_ptr = calloc((size_t)rows + 1, sizeof(*p.held_ptr)),
                     .train = malloc((count + 1) * sizeof(*p.train)),
                     .held = malloc((count + 1) * sizeof(*p.held))};
    *ret_parts = p;
    return p.train_ptr == NULL || p.held_ptr == NULL || p.train == NULL || p.held == NULL
               ? MR_ERR_NO_MEMORY
               : MR_OK;
}

static void parts_deinit(parts *p)
{
    free(p->train_ptr);
    free(p->held_ptr);
    free(p->train);
    free(p->held);
}

/* Drop held rows of users without training, and count repeats among the others. */
static void settle(mr_holdout *holdout)
{
    uint64_t repeats = 0;
    uint64_t kept = 0;
    uint64_t begin = 0;
    for (uint32_t u = 0; u < holdout->held.rows; u++) {
        const uint64_t end = holdout->held.ptr[u + 1];
        const bool known = mr_sparse_matrix_row_count(&holdout->train, u) > 0;
        for (uint64_t e = begin; known && e < end; e++) {
            repeats += mr_sparse_matrix_has(&holdout->train, u, holdout->held.index[e]);
            holdout->held.index[kept++] = holdout->held.index[e];
        }
        begin = end;
        holdout->held.ptr[u + 1] = kept;
    }
    holdout->repeat_share = kept > 0 ? (double)repeats / (double)kept : 0.0;
}

static mr_status build(const parts *p, uint32_t rows, uint32_t columns,
                       mr_holdout *ret_holdout)
{
    mr_holdout holdout = {0};
    mr_status status = mr_sparse_matrix_from_rows(p->train_ptr, p->train, NULL, rows,
                                                  columns, &holdout.train);
    if (status == MR_OK)
        status = mr_sparse_matrix_from_rows(p->held_ptr, p->held, NULL, rows, columns,
                                            &holdout.held);
    if (status != MR_OK) {
        mr_holdout_deinit(&holdout);
        return status;
    }
    settle(&holdout);
    *ret_holdout = holdout;
    return MR_OK;
}

static mr_status votes_of_matrix(mr_holdout *holdout)
{
    holdout->vote_count = mr_sparse_matrix_count(&holdout->train);
    holdout->votes = malloc((holdout->vote_count + 1) * sizeof(*holdout->votes));
    if (holdout->votes == NULL)
        return MR_ERR_NO_MEMORY;
    memcpy(holdout->votes, holdout->train.index,
           holdout->vote_count * sizeof(*holdout->votes));
    return MR_OK;
}

/* The place of the smallest draw of a user whose share rounds to an item or more: with it held,
 * nobody who could be asked is left out by chance, and light users count as they do in a test. */
static uint64_t place_held_anyway(const mr_sparse_matrix *all, uint32_t user,
                                  double share, uint64_t seed)
{
    const uint64_t end = all->ptr[user + 1];
    uint64_t best = end;
    double smallest = 1.0;
    if ((double)mr_sparse_matrix_row_count(all, user) * share < 0.5)
        return end;
    for (uint64_t e = all->ptr[user]; e < end; e++) {
        const double draw = mr_random_uniform(seed, (uint64_t)user << 32 | all->index[e]);
        if (draw < smallest) {
            smallest = draw;
            best = e;
        }
    }
    return best;
}

mr_status mr_holdout_random(const mr_interactions *interactions, double share,
                            uint64_t seed, mr_holdout *ret_holdout)
{
    mr_sparse_matrix all = {0};
    mr_holdout holdout = {0};
    parts p = {0};
    MR_TRY(mr_interactions_matrix(interactions, &all));
    mr_status status = parts_init(&p, all.rows, mr_sparse_matrix_count(&all));
    uint64_t trained = 0;
    uint64_t held = 0;
    for (uint32_t u = 0; u < all.rows && status == MR_OK; u++) {
        const uint64_t first = trained;
        const uint64_t anyway = place_held_anyway(&all, u, share, seed);
        for (uint64_t e = all.ptr[u]; e < all.ptr[u + 1]; e++) {
            const uint64_t position = (uint64_t)u << 32 | all.index[e];
            const bool is_last = e + 1 == all.ptr[u + 1] && trained == first;
            if ((e == anyway || mr_random_uniform(seed, position) < share) && !is_last)
                p.held[held++] = all.index[e];
            else
                p.train[trained++] = all.index[e];
        }
        p.train_ptr[u + 1] = trained;
        p.held_ptr[u + 1] = held;
    }
    if (status == MR_OK)
        status = build(&p, all.rows, all.columns, &holdout);
    if (status == MR_OK)
        status = votes_of_matrix(&holdout);
    parts_deinit(&p);
    mr_sparse_matrix_deinit(&all);
    if (status != MR_OK) {
        mr_holdout_deinit(&holdout);
        return status;
    }
    *ret_holdout = holdout;
    return MR_OK;
}

static int ascending(const void *a, const void *b)
{
    const uint32_t left = *(const uint32_t *)a;
    const uint32_t right = *(const uint32_t *)b;
    return left < right ? -1 : left > right ? 1 : 0;
}

mr_status mr_holdout_cut_time(const uint32_t *time_s, size_t count, double share,
                              uint32_t *ret_cut_s)
{
    if (count == 0)
        return MR_ERR_NOT_FOUND;
    uint32_t *sorted = malloc(count * sizeof(*sorted));
    if (sorted == NULL)
        return MR_ERR_NO_MEMORY;
    memcpy(sorted, time_s, count * sizeof(*sorted));
    qsort(sorted, count, sizeof(*sorted), ascending);
    const double place = (1.0 - share) * (double)count;
    *ret_cut_s = sorted[place < (double)(count - 1) ? (size_t)place : count - 1];
    free(sorted);
    return MR_OK;
}

static mr_status reserve_votes(const mr_interactions *interactions, mr_holdout *votes)
{
    const uint64_t count = interactions->ptr[interactions->users] + 1;
    votes->vote_ptr = calloc((size_t)interactions->users + 1, sizeof(*votes->vote_ptr));
    votes->votes = malloc(count * sizeof(*votes->votes));
    votes->vote_times_s = malloc(count * sizeof(*votes->vote_times_s));
    if (interactions->weight != NULL)
        votes->vote_weights = malloc(count * sizeof(*votes->vote_weights));
    return votes->vote_ptr == NULL || votes->votes == NULL ||
                   votes->vote_times_s == NULL ||
                   (interactions->weight != NULL && votes->vote_weights == NULL)
               ? MR_ERR_NO_MEMORY
               : MR_OK;
}

static mr_status split_at(const mr_interactions *interactions, uint32_t cut_s, parts *p,
                          mr_holdout *votes)
{
    uint64_t trained = 0;
    uint64_t held = 0;
    MR_TRY(reserve_votes(interactions, votes));
    for (uint32_t u = 0; u < interactions->users; u++) {
        for (uint64_t e = interactions->ptr[u]; e < interactions->ptr[u + 1]; e++) {
            if (interactions->time_s[e] >= cut_s) {
                p->held[held++] = interactions->item[e];
                continue;
            }
            votes->votes[trained] = interactions->item[e];
            votes->vote_times_s[trained] = interactions->time_s[e];
            if (votes->vote_weights != NULL)
                votes->vote_weights[trained] = interactions->weight[e];
            p->train[trained++] = interactions->item[e];
        }
        p->train_ptr[u + 1] = trained;
        p->held_ptr[u + 1] = held;
        votes->vote_ptr[u + 1] = trained;
    }
    votes->vote_count = trained;
    votes->cut_s = cut_s;
    return MR_OK;
}

static uint32_t users_held(const mr_holdout *holdout)
{
    uint32_t count = 0;
    for (uint32_t u = 0; u < holdout->held.rows; u++)
        count += mr_sparse_matrix_row_count(&holdout->held, u) > 0;
    return count;
}

mr_status mr_holdout_by_time(const mr_interactions *interactions, double share,
                             mr_holdout *ret_holdout)
{
    if (interactions->time_s == NULL)
        return MR_ERR_INVALID;
    uint32_t cut_s = 0;
    parts p = {0};
    mr_holdout votes = {0};
    mr_holdout holdout = {0};
    MR_TRY(mr_holdout_cut_time(interactions->time_s,
                               interactions->ptr[interactions->users], share, &cut_s));
    mr_status status =
        parts_init(&p, interactions->users, interactions->ptr[interactions->users]);
    if (status == MR_OK)
        status = split_at(interactions, cut_s, &p, &votes);
    if (status == MR_OK)
        status = build(&p, interactions->users, interactions->items, &holdout);
    if (status == MR_OK && users_held(&holdout) < MR_HOLDOUT_USERS_MIN)
        status = MR_ERR_NOT_FOUND;
    parts_deinit(&p);
    if (status != MR_OK) {
        mr_holdout_deinit(&votes);
        mr_holdout_deinit(&holdout);
        return status;
    }
    holdout.by_time = true;
    holdout.cut_s = votes.cut_s;
    holdout.vote_ptr = votes.vote_ptr;
    holdout.vote_weights = votes.vote_weights;
    holdout.votes = votes.votes;
    holdout.vote_times_s = votes.vote_times_s;
    holdout.vote_count = votes.vote_count;
    *ret_holdout = holdout;
    return MR_OK;
}

mr_status mr_holdout_given(const mr_sparse_matrix *train, const mr_sparse_matrix *held,
                           mr_holdout *ret_holdout)
{
    mr_holdout holdout = {0};
    if (train->rows != held->rows || train->columns != held->columns)
        return MR_ERR_INVALID;
    const parts p = {.train_ptr = train->ptr,
                     .held_ptr = held->ptr,
                     .train = train->index,
                     .held = held->index};
    MR_TRY(build(&p, train->rows, train->columns, &holdout));
    const mr_status status = votes_of_matrix(&holdout);
    if (status != MR_OK) {
        mr_holdout_deinit(&holdout);
        return status;
    }
    *ret_holdout = holdout;
    return MR_OK;
}

mr_status mr_holdout_faded(const mr_holdout *holdout, double half_life_s,
                           mr_sparse_matrix *ret_histories)
{
    if (!holdout->by_time)
        return MR_ERR_INVALID;
    float *values = malloc((holdout->vote_count + 1) * sizeof(*values));
    if (values == NULL)
        return MR_ERR_NO_MEMORY;
    for (size_t v = 0; v < holdout->vote_count; v++) {
        const double age_s = (double)holdout->cut_s - (double)holdout->vote_times_s[v];
        const double weight =
            holdout->vote_weights != NULL ? (double)holdout->vote_weights[v] : 1.0;
        values[v] =
            (float)(half_life_s > 0.0 ? weight * exp2(-age_s / half_life_s) : weight);
    }
    const mr_status status = mr_sparse_matrix_from_rows(
        holdout->vote_ptr, holdout->votes, values, holdout->train.rows,
        holdout->train.columns, ret_histories);
    free(values);
    return status;
}

void mr_holdout_deinit(mr_holdout *holdout)
{
    mr_sparse_matrix_deinit(&holdout->train);
    mr_sparse_matrix_deinit(&holdout->held);
    free(holdout->vote_ptr);
    free(holdout->vote_weights);
    free(holdout->votes);
    free(holdout->vote_times_s);
    *holdout = (mr_holdout){0};
}
