#include "models/evaluation.h"

#include "models/blas.h"
#include "models/item_item.h"

#include <stdlib.h>
#include <string.h>

enum { USERS_A_CHUNK = 64 };

typedef struct evaluation_worker {
    float *item_item; /* [items] */
    float *factors;   /* [USERS_A_CHUNK][width]: of users gathered for one product */
    float *ials;      /* [USERS_A_CHUNK][items] */
    float *blended;   /* [items] */
    uint32_t *shown;  /* [blends][items] */
    mr_top_k_selector selector;
    mr_ranked list[MR_TOP_K_MAX];
} evaluation_worker;

typedef struct evaluation_job {
    const mr_evaluation_task *task;
    const mr_blend *blends;
    size_t blend_count;
    bool uses[MR_MEMBERS];
    evaluation_worker *workers;
    mr_ranking_sums *sums; /* [chunks][blends] */
} evaluation_job;

static uint32_t user_at(const mr_evaluation_task *task, size_t place)
{
    return task->users != NULL ? task->users[place] : (uint32_t)place;
}

static void score_ials(const evaluation_job *job, evaluation_worker *own, size_t begin,
                       size_t end)
{
    const mr_member_set *members = job->task->members;
    const size_t width = members->user_factors->stride;
    for (size_t place = begin; place < end; place++)
        memcpy(own->factors + (place - begin) * width,
               mr_dense_row(members->user_factors, user_at(job->task, place)),
               width * sizeof(float));
    mr_blas_sgemm(MR_BLAS_PLAIN, MR_BLAS_TRANSPOSED, end - begin,
                  members->item_factors->rows, members->item_factors->columns, 1.0F,
                  own->factors, width, members->item_factors->values,
                  members->item_factors->stride, 0.0F, own->ials,
                  members->item_factors->rows);
}

static void rank_user(const evaluation_job *job, evaluation_worker *own, uint32_t user,
                      const float *const rows[MR_MEMBERS], mr_ranking_sums *sums)
{
    const mr_evaluation_task *task = job->task;
    const size_t items = task->histories->columns;
    const uint32_t *excluded = NULL;
    size_t excluded_count = 0;
    if (task->excluded != NULL) {
        excluded = mr_sparse_matrix_row(task->excluded, user);
        excluded_count = mr_sparse_matrix_row_count(task->excluded, user);
    }
    mr_blend_terms terms = {0};
    for (size_t b = 0; b < job->blend_count; b++) {
        mr_blend_rows(&job->blends[b], rows, items, &terms, own->blended);
        const uint32_t count = mr_top_k_row(own->blended, items, task->k, excluded,
                                            excluded_count, &own->selector, own->list);
        mr_ranking_sums_add(&sums[b], own->list, count, task->k,
                            mr_sparse_matrix_row(task->relevant, user),
                            mr_sparse_matrix_row_count(task->relevant, user));
        for (uint32_t i = 0; i < count; i++)
            own->shown[b * items + own->list[i].index]++;
    }
}

static void evaluate_chunk(void *context, uint32_t worker, size_t begin, size_t end)
{
    const evaluation_job *job = context;
    const mr_evaluation_task *task = job->task;
    evaluation_worker *own = &job->workers[worker];
    const size_t items = task->histories->columns;
    mr_ranking_sums *sums = job->sums + begin / USERS_A_CHUNK * job->blend_count;
    if (job->uses[MR_MEMBER_IALS])
        score_ials(job, own, begin, end);
    for (size_t place = begin; place < end; place++) {
        const uint32_t user = user_at(task, place);
        if (mr_sparse_matrix_row_count(task->relevant, user) == 0)
            continue;
        const uint64_t first = task->histories->ptr[user];
        if (job->uses[MR_MEMBER_ITEM_ITEM])
            mr_item_item_score(
                task->members->item_item, task->histories->index + first,
                task->histories->values != NULL ? task->histories->values + first : NULL,
                mr_sparse_matrix_row_count(task->histories, user), own->item_item);
        const float *const rows[MR_MEMBERS] = {
            [MR_MEMBER_ITEM_ITEM] = own->item_item,
            [MR_MEMBER_IALS] =
                own->ials != NULL ? own->ials + (place - begin) * items : NULL,
            [MR_MEMBER_POPULAR] = task->members->popular,
        };
        rank_user(job, own, user, rows, sums);
    }
}

static mr_status make_workers(evaluation_job *job, uint32_t threads)
{
    const size_t items = job->task->histories->columns;
    job->workers = calloc(threads, sizeof(*job->workers));
    if (job->workers == NULL)
        return MR_ERR_NO_MEMORY;
    for (uint32_t w = 0; w < threads; w++) {
        evaluation_worker *own = &job->workers[w];
        own->item_item = mr_dense_floats(items);
        own->blended = mr_dense_floats(items);
        own->shown = calloc(job->blend_count * items, sizeof(*own->shown));
        if (own->item_item == NULL || own->blended == NULL || own->shown == NULL)
            return MR_ERR_NO_MEMORY;
        if (!job->uses[MR_MEMBER_IALS])
            continue;
        own->factors =
            mr_dense_floats(USERS_A_CHUNK * job->task->members->user_factors->stride);
        own->ials = mr_dense_floats(USERS_A_CHUNK * items);
        if (own->factors == NULL || own->ials == NULL)
            return MR_ERR_NO_MEMORY;
    }
    return MR_OK;
}

static mr_status merge(const evaluation_job *job, uint32_t threads, size_t chunks,
                       mr_ranking_metrics *ret_metrics)
{
    const size_t items = job->task->histories->columns;
    for (size_t b = 0; b < job->blend_count; b++) {
        mr_ranking_sums total = {0};
        for (size_t c = 0; c < chunks; c++)
            mr_ranking_sums_merge(&total, &job->sums[c * job->blend_count + b]);
        uint32_t *shown = job->workers[0].shown + b * items;
        for (uint32_t w = 1; w < threads; w++)
            for (size_t i = 0; i < items; i++)
                shown[i] += job->workers[w].shown[b * items + i];
        MR_TRY(mr_ranking_metrics_of(&total, job->task->k, shown, (uint32_t)items,
                                     &ret_metrics[b]));
    }
    return MR_OK;
}

static bool is_consistent(const evaluation_job *job)
{
    const mr_evaluation_task *task = job->task;
    const mr_member_set *members = task->members;
    const uint32_t users = task->histories->rows;
    const uint32_t items = task->histories->columns;
    return task->k >= 1 && task->k <= MR_TOP_K_MAX && task->relevant->rows == users &&
           (task->excluded == NULL || task->excluded->rows == users) &&
           (!job->uses[MR_MEMBER_ITEM_ITEM] ||
            (members->item_item != NULL && members->item_item->columns == items)) &&
           (!job->uses[MR_MEMBER_IALS] ||
            (members->item_factors != NULL && members->user_factors != NULL &&
             members->item_factors->rows == items &&
             members->user_factors->rows == users)) &&
           (!job->uses[MR_MEMBER_POPULAR] || members->popular != NULL);
}

mr_status mr_evaluate_blends(const mr_evaluation_task *task, const mr_blend *blends,
                             size_t blend_count, mr_worker_pool *pool,
                             mr_ranking_metrics *ret_metrics)
{
    evaluation_job job = {.task = task, .blends = blends, .blend_count = blend_count};
    for (size_t b = 0; b < blend_count; b++)
        for (uint32_t m = 0; m < MR_MEMBERS; m++)
            job.uses[m] |= blends[b].weights[m] > 0.0F;
    if (!is_consistent(&job))
        return MR_ERR_INVALID;
    const uint32_t threads = mr_worker_pool_threads(pool);
    const size_t users = task->users != NULL ? task->user_count : task->histories->rows;
    const size_t chunks = (users + USERS_A_CHUNK - 1) / USERS_A_CHUNK;
    job.sums = calloc(chunks * blend_count + 1, sizeof(*job.sums));
    mr_status status = job.sums == NULL ? MR_ERR_NO_MEMORY : make_workers(&job, threads);
    if (status == MR_OK) {
        mr_worker_pool_run(pool, users, USERS_A_CHUNK, evaluate_chunk, &job);
        status = merge(&job, threads, chunks, ret_metrics);
    }
    for (uint32_t w = 0; job.workers != NULL && w < threads; w++) {
        free(job.workers[w].item_item);
        free(job.workers[w].factors);
        free(job.workers[w].ials);
        free(job.workers[w].blended);
        free(job.workers[w].shown);
    }
    free(job.workers);
    free(job.sums);
    return status;
}
