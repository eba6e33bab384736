#include "models/blend_search.h"

#include "models/dense.h"
#include "models/vector.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    CANDIDATES_MAX = MR_MEMBERS * MR_BLEND_SEARCH_DEPTH,
    BLENDS_AT_ONCE = 16,
    ROUNDS_MAX = 24,
    PLATEAU_STEPS = 4, /* to each side of a weight, half an octave each */
};

/* A blend that is worse by less than this part of the best's value counts as equally good. */
static const double PLATEAU = 1e-3;

/* Octaves: weights closer than this give the same lists but for a few places. */
static const double FINEST = 0.25;

/* Of one user. */
typedef struct candidates {
    uint32_t *items; /* ascending */
    float
        *scores; /* [members in use + 1][count]: mean 0 and deviation 1 over all items */
    float
        by_maximum[MR_MEMBERS + 1]; /* turns such a score into one by the row's maximum */
    uint32_t count;
} candidates;

struct mr_blend_search {
    const mr_evaluation_task *task;
    mr_worker_pool *pool;
    uint32_t members[MR_MEMBERS]; /* in use */
    uint32_t
        columns[MR_MEMBERS]; /* of scores: the member's own, or the last for a trial */
    uint32_t member_count;
    uint32_t *users;
    uint32_t user_count;
    candidates *all; /* [users] */
};

/* ---- collecting ---- */

typedef struct collect_worker {
    mr_member_rows *rows;
    float *scratch; /* [items] */
    mr_top_k_selector selector;
    mr_ranked best[MR_BLEND_SEARCH_DEPTH];
    bool failed;
} collect_worker;

typedef struct collect_job {
    mr_blend_search *search;
    mr_member
        trial; /* MR_MEMBERS: collect candidates; else score them by this one alone */
    collect_worker *workers;
} collect_job;

static int by_index(const void *a, const void *b)
{
    const uint32_t left = *(const uint32_t *)a;
    const uint32_t right = *(const uint32_t *)b;
    return left < right ? -1 : left > right;
}

/* The distinct items of the members' tops, ascending. */
static uint32_t find_items(const mr_blend_search *s, collect_worker *own, uint32_t user,
                           const float *const rows[MR_MEMBERS], uint32_t *ret_items)
{
    const mr_sparse_matrix *excluded = s->task->excluded;
    const size_t items = s->task->histories->columns;
    uint32_t found = 0;
    for (uint32_t m = 0; m < s->member_count; m++) {
        memcpy(own->scratch, rows[s->members[m]], items * sizeof(*own->scratch));
        const uint32_t count = mr_top_k_row(
            own->scratch, items, MR_BLEND_SEARCH_DEPTH,
            excluded != NULL ? mr_sparse_matrix_row(excluded, user) : NULL,
            excluded != NULL ? mr_sparse_matrix_row_count(excluded, user) : 0,
            &own->selector, own->best);
        for (uint32_t i = 0; i < count; i++)
            ret_items[found++] = own->best[i].index;
    }
    qsort(ret_items, found, sizeof(*ret_items), by_index);
    uint32_t distinct = 0;
    for (uint32_t i = 0; i < found; i++)
        if (i == 0 || ret_items[i] != ret_items[i - 1])
            ret_items[distinct++] = ret_items[i];
    return distinct;
}

/* Write one column of a user's scores, from a member's row over all items. */
static void fill_column(candidates *c, uint32_t column, const float *row, size_t items)
{
    const mr_blend_term deviation = mr_blend_measure(MR_BLEND_DEVIATION, row, items);
    const mr_blend_term maximum = mr_blend_measure(MR_BLEND_MAXIMUM, row, items);
    float *scores = c->scores + (size_t)column * c->count;
    c->by_maximum[column] =
        deviation.factor > 0.0F ? maximum.factor / deviation.factor : 0.0F;
    for (uint32_t i = 0; i < c->count; i++)
        scores[i] = (row[c->items[i]] - deviation.offset) * deviation.factor;
}

static bool collect_user(const mr_blend_search *s, collect_worker *own, uint32_t user,
                         const float *const rows[MR_MEMBERS], candidates *ret_candidates)
{
    uint32_t items[CANDIDATES_MAX];
    candidates c = {.count = find_items(s, own, user, rows, items)};
    c.items = malloc(((size_t)c.count + 1) * sizeof(*c.items));
    c.scores = malloc(((size_t)c.count * (s->member_count + 1) + 1) * sizeof(*c.scores));
    if (c.items == NULL || c.scores == NULL) {
        free(c.items);
        free(c.scores);
        return false;
    }
    memcpy(c.items, items, c.count * sizeof(*c.items));
    for (uint32_t m = 0; m < s->member_count; m++)
        fill_column(&c, m, rows[s->members[m]], s->task->histories->columns);
    *ret_candidates = c;
    return true;
}

static void collect_chunk(void *context, uint32_t worker, size_t begin, size_t end)
{
    const collect_job *job = context;
    const mr_blend_search *s = job->search;
    collect_worker *own = &job->workers[worker];
    mr_member_rows_take(own->rows, s->users + begin, end - begin);
    for (size_t place = begin; place < end; place++) {
        const float *rows[MR_MEMBERS];
        mr_member_rows_of(own->rows, place - begin, rows);
        if (job->trial != MR_MEMBERS)
            fill_column(&s->all[place], s->member_count, rows[job->trial],
                        s->task->histories->columns);
        else if (!collect_user(s, own, s->users[place], rows, &s->all[place]))
            own->failed = true;
    }
}

static mr_status collect(mr_blend_search *s, const mr_member_set *members,
                         const bool uses[MR_MEMBERS], mr_member trial)
{
    const uint32_t threads = mr_worker_pool_threads(s->pool);
    const size_t items = s->task->histories->columns;
    collect_job job = {
        .search = s, .trial = trial, .workers = calloc(threads, sizeof(*job.workers))};
    mr_status status = job.workers == NULL ? MR_ERR_NO_MEMORY : MR_OK;
    for (uint32_t w = 0; w < threads && status == MR_OK; w++) {
        status = mr_member_rows_create(members, uses, s->task->histories,
                                       &job.workers[w].rows);
        job.workers[w].scratch = mr_dense_floats(items);
        if (job.workers[w].scratch == NULL)
            status = MR_ERR_NO_MEMORY;
    }
    if (status == MR_OK)
        mr_worker_pool_run(s->pool, s->user_count, MR_MEMBER_ROWS_USERS, collect_chunk,
                           &job);
    for (uint32_t w = 0; w < threads && job.workers != NULL; w++) {
        if (job.workers[w].failed)
            status = MR_ERR_NO_MEMORY;
        mr_member_rows_destroy(job.workers[w].rows);
        free(job.workers[w].scratch);
    }
    free(job.workers);
    return status;
}

static mr_status list_users(mr_blend_search *s)
{
    const mr_evaluation_task *task = s->task;
    const uint32_t count = task->users != NULL ? task->user_count : task->histories->rows;
    s->users = malloc(((size_t)count + 1) * sizeof(*s->users));
    s->all = calloc((size_t)count + 1, sizeof(*s->all));
    if (s->users == NULL || s->all == NULL)
        return MR_ERR_NO_MEMORY;
    for (uint32_t place = 0; place < count; place++) {
        const uint32_t user = task->users != NULL ? task->users[place] : place;
        if (mr_sparse_matrix_row_count(task->relevant, user) > 0)
            s->users[s->user_count++] = user;
    }
    return MR_OK;
}

mr_status mr_blend_search_create(const mr_evaluation_task *task,
                                 const bool uses[MR_MEMBERS], mr_worker_pool *pool,
                                 mr_blend_search **ret_search)
{
    mr_blend_search *search = calloc(1, sizeof(*search));
    if (search == NULL)
        return MR_ERR_NO_MEMORY;
    search->task = task;
    search->pool = pool;
    for (uint32_t m = 0; m < MR_MEMBERS; m++)
        if (uses[m]) {
            search->columns[search->member_count] = search->member_count;
            search->members[search->member_count++] = m;
        }
    mr_status status = MR_OK;
    if (search->member_count == 0 || task->k < 1 || task->k > MR_BLEND_SEARCH_DEPTH ||
        task->relevant->rows != task->histories->rows ||
        !mr_member_set_fits(task->members, uses, task->histories))
        status = MR_ERR_INVALID;
    if (status == MR_OK)
        status = list_users(search);
    if (status == MR_OK)
        status = collect(search, task->members, uses, MR_MEMBERS);
    if (status != MR_OK) {
        mr_blend_search_destroy(search);
        return status;
    }
    *ret_search = search;
    return MR_OK;
}

void mr_blend_search_destroy(mr_blend_search *search)
{
    if (search == NULL)
        return;
    for (uint32_t u = 0; u < search->user_count; u++) {
        free(search->all[u].items);
        free(search->all[u].scores);
    }
    free(search->users);
    free(search->all);
    free(search);
}

/* ---- judging ---- */

typedef struct judge_job {
    const mr_blend_search *search;
    const mr_blend *blends;
    size_t count;
    mr_ranking_sums *sums; /* [chunks][count] */
} judge_job;

/* The best k of a few hundred scores, best first, the first of equals first: most scores lose to
 * the k-th at once, so insertion is quicker than models/top_k.h, which is made for catalogues. */
static uint32_t list_best(const float *scores, const candidates *c, uint32_t k,
                          mr_ranked *ret_list)
{
    uint32_t held = 0;
    for (uint32_t i = 0; i < c->count; i++) {
        if (held == k && !(scores[i] > ret_list[k - 1].score))
            continue;
        uint32_t at = held < k ? held++ : k - 1;
        for (; at > 0 && scores[i] > ret_list[at - 1].score; at--)
            ret_list[at] = ret_list[at - 1];
        ret_list[at] = (mr_ranked){.index = c->items[i], .score = scores[i]};
    }
    return held;
}

static void judge_user(const judge_job *job, uint32_t place, mr_ranking_sums *sums)
{
    const mr_blend_search *s = job->search;
    const mr_vector_kernels *kernels = mr_vector_kernels_best();
    const candidates *c = &s->all[place];
    const uint32_t user = s->users[place];
    const uint32_t k = s->task->k;
    float scores[CANDIDATES_MAX];
    mr_ranked list[MR_BLEND_SEARCH_DEPTH];
    for (size_t b = 0; b < job->count; b++) {
        const mr_blend *blend = &job->blends[b];
        bool keep = false;
        for (uint32_t m = 0; m < s->member_count; m++) {
            float weight = blend->weights[s->members[m]];
            if (!(weight > 0.0F))
                continue;
            const uint32_t column = s->columns[m];
            if (blend->scale == MR_BLEND_MAXIMUM)
                weight *= c->by_maximum[column];
            kernels->blend(c->scores + (size_t)column * c->count, c->count, 0.0F, weight,
                           keep, scores);
            keep = true;
        }
        const uint32_t found = list_best(scores, c, k, list);
        mr_ranking_sums_add(&sums[b], list, found, k,
                            mr_sparse_matrix_row(s->task->relevant, user),
                            mr_sparse_matrix_row_count(s->task->relevant, user));
    }
}

static void judge_chunk(void *context, uint32_t worker, size_t begin, size_t end)
{
    (void)worker;
    const judge_job *job = context;
    mr_ranking_sums *sums = job->sums + begin / MR_MEMBER_ROWS_USERS * job->count;
    for (size_t place = begin; place < end; place++)
        judge_user(job, (uint32_t)place, sums);
}

mr_status mr_blend_search_judge(const mr_blend_search *search, const mr_blend *blends,
                                size_t count, double *ret_values)
{
    const size_t chunks =
        (search->user_count + MR_MEMBER_ROWS_USERS - 1) / MR_MEMBER_ROWS_USERS;
    judge_job job = {.search = search,
                     .blends = blends,
                     .count = count,
                     .sums = calloc(chunks * count + 1, sizeof(*job.sums))};
    if (job.sums == NULL)
        return MR_ERR_NO_MEMORY;
    mr_worker_pool_run(search->pool, search->user_count, MR_MEMBER_ROWS_USERS,
                       judge_chunk, &job);
    for (size_t b = 0; b < count; b++) {
        mr_ranking_sums total = {0};
        for (size_t c = 0; c < chunks; c++)
            mr_ranking_sums_merge(&total, &job.sums[c * count + b]);
        ret_values[b] = total.users > 0
                            ? (total.recall + total.ndcg) / (2.0 * (double)total.users)
                            : 0.0;
    }
    free(job.sums);
    return MR_OK;
}

/* ---- searching ---- */

/* What one weight may become; 0 stays 0 under a factor and comes back as `returning`. */
static size_t list_moves(const mr_blend *from, uint32_t member, double octaves, bool all,
                         mr_blend *ret_blends)
{
    static const float returning = 0.25F;
    const float weight = from->weights[member];
    float others = 0.0F;
    size_t count = 0;
    for (uint32_t m = 0; m < MR_MEMBERS; m++)
        others += m != member ? from->weights[m] : 0.0F;
    for (size_t b = 0; b < 3; b++)
        ret_blends[b] = *from;
    if (!(weight > 0.0F)) {
        ret_blends[count++].weights[member] = returning;
        return count;
    }
    ret_blends[count++].weights[member] = weight * (float)exp2(octaves);
    ret_blends[count++].weights[member] = weight * (float)exp2(-octaves);
    if (!all && others > 0.0F)
        ret_blends[count++].weights[member] = 0.0F;
    return count;
}

/* One weight after the other, in steps that halve, down to `finest`, when a round has not helped. */
static mr_status climb(const mr_blend_search *s, bool all, double finest, mr_blend *blend,
                       double *value)
{
    double octaves = 1.0;
    for (uint32_t round = 0; round < ROUNDS_MAX && octaves >= finest; round++) {
        bool helped = false;
        for (uint32_t m = 0; m < s->member_count; m++) {
            mr_blend moves[3];
            double values[3];
            const mr_blend from = *blend;
            const size_t count = list_moves(&from, s->members[m], octaves, all, moves);
            const double least = *value * (1.0 + MR_BLEND_SEARCH_MARGIN);
            MR_TRY(mr_blend_search_judge(s, moves, count, values));
            for (size_t b = 0; b < count; b++)
                if (values[b] > fmax(*value, least)) {
                    *value = values[b];
                    *blend = moves[b];
                    helped = true;
                }
        }
        if (!helped)
            octaves /= 2.0;
    }
    return MR_OK;
}

/* Put a weight in the middle, by logarithms, of the stretch around it that is as good. */
static mr_status centre(const mr_blend_search *s, uint32_t member, double value,
                        mr_blend *blend)
{
    enum { POINTS = 2 * PLATEAU_STEPS + 1 };
    mr_blend moves[POINTS];
    double values[POINTS];
    if (!(blend->weights[member] > 0.0F))
        return MR_OK;
    for (int p = 0; p < POINTS; p++) {
        moves[p] = *blend;
        moves[p].weights[member] *= (float)exp2((p - PLATEAU_STEPS) / 2.0);
    }
    MR_TRY(mr_blend_search_judge(s, moves, POINTS, values));
    int low = PLATEAU_STEPS;
    int high = PLATEAU_STEPS;
    const double least = value * (1.0 - PLATEAU);
    while (low > 0 && values[low - 1] >= least)
        low--;
    while (high < POINTS - 1 && values[high + 1] >= least)
        high++;
    blend->weights[member] *= (float)exp2((low + high - 2 * PLATEAU_STEPS) / 4.0);
    return MR_OK;
}

static void bring_to_one(mr_blend *blend)
{
    float largest = 0.0F;
    for (uint32_t m = 0; m < MR_MEMBERS; m++)
        largest = fmaxf(largest, blend->weights[m]);
    for (uint32_t m = 0; m < MR_MEMBERS; m++)
        blend->weights[m] /= largest;
}

mr_status mr_blend_search_refine(const mr_blend_search *search, bool all, mr_blend *blend,
                                 double *value)
{
    double moved_value = 0.0;
    MR_TRY(climb(search, all, FINEST, blend, value));
    mr_blend moved = *blend;
    for (uint32_t m = 0; m < search->member_count; m++)
        MR_TRY(centre(search, search->members[m], *value, &moved));
    MR_TRY(mr_blend_search_judge(search, &moved, 1, &moved_value));
    if (moved_value >= *value * (1.0 - PLATEAU)) {
        *blend = moved;
        *value = moved_value;
    }
    bring_to_one(blend);
    return MR_OK;
}

/* Both scales from equal weights in whole octaves; the better goes on. */
mr_status mr_blend_search_run(const mr_blend_search *search, bool all,
                              mr_blend *ret_blend, double *ret_value)
{
    mr_blend best = {0};
    double best_value = -1.0;
    for (int scale = 0; scale < MR_BLEND_SCALES; scale++) {
        mr_blend blend = {.scale = (mr_blend_scale)scale};
        double value = 0.0;
        for (uint32_t m = 0; m < search->member_count; m++)
            blend.weights[search->members[m]] = 1.0F;
        MR_TRY(mr_blend_search_judge(search, &blend, 1, &value));
        MR_TRY(climb(search, all, 1.0, &blend, &value));
        if (value > best_value) {
            best_value = value;
            best = blend;
        }
    }
    MR_TRY(mr_blend_search_refine(search, all, &best, &best_value));
    *ret_blend = best;
    *ret_value = best_value;
    return MR_OK;
}

/* ---- another candidate for a member ---- */

static uint32_t place_of(const mr_blend_search *s, mr_member member)
{
    uint32_t place = 0;
    while (place < s->member_count && s->members[place] != (uint32_t)member)
        place++;
    return place;
}

mr_status mr_blend_search_try(mr_blend_search *search, mr_member member,
                              const mr_member_set *candidate)
{
    const uint32_t place = place_of(search, member);
    bool uses[MR_MEMBERS] = {false};
    if (place == search->member_count)
        return MR_ERR_INVALID;
    uses[member] = true;
    if (!mr_member_set_fits(candidate, uses, search->task->histories))
        return MR_ERR_INVALID;
    MR_TRY(collect(search, candidate, uses, member));
    search->columns[place] = search->member_count;
    return MR_OK;
}

void mr_blend_search_settle(mr_blend_search *search, bool keep)
{
    for (uint32_t m = 0; m < search->member_count; m++) {
        if (search->columns[m] == m)
            continue;
        search->columns[m] = m;
        for (uint32_t u = 0; u < search->user_count && keep; u++) {
            candidates *c = &search->all[u];
            memcpy(c->scores + (size_t)m * c->count,
                   c->scores + (size_t)search->member_count * c->count,
                   c->count * sizeof(*c->scores));
            c->by_maximum[m] = c->by_maximum[search->member_count];
        }
    }
}
