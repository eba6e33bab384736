#include "models/evaluation.h"

#include <stdlib.h>
#include <string.h>

typedef struct evaluation_worker {
    mr_member_rows *rows;
    float *blended;  /* [items] */
    uint32_t *shown; /* [blends][items] */
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
    mr_ranking_sums *sums = job->sums + begin / MR_MEMBER_ROWS_USERS * job->blend_count;
    uint32_t users[MR_MEMBER_ROWS_USERS];
    size_t count = 0;
    for (size_t place = begin; place < end; place++)
        if (mr_sparse_matrix_row_count(task->relevant, user_at(task, place)) > 0)
            users[count++] = user_at(task, place);
    if (count == 0)
        return;
    mr_member_rows_take(own->rows, users, count);
    for (size_t place = 0; place < count; place++) {
        const float *rows[MR_MEMBERS];
        mr_member_rows_of(own->rows, place, rows);
        rank_user(job, own, users[place], rows, sums);
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
        MR_TRY(mr_member_rows_create(job->task->members, job->uses, job->task->histories,
                                     &own->rows));
        own->blended = mr_dense_floats(items);
        own->shown = calloc(job->blend_count * items, sizeof(*own->shown));
        if (own->blended == NULL || own->shown == NULL)
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
    const uint32_t users = task->histories->rows;
    return task->k >= 1 && task->k <= MR_TOP_K_MAX && task->relevant->rows == users &&
           (task->excluded == NULL || task->excluded->rows == users) &&
           mr_member_set_fits(task->members, job->uses, task->histories);
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
    const size_t chunks = (users + MR_MEMBER_ROWS_USERS - 1) / MR_MEMBER_ROWS_USERS;
    job.sums = calloc(chunks * blend_count + 1, sizeof(*job.sums));
    mr_status status = job.sums == NULL ? MR_ERR_NO_MEMORY : make_workers(&job, threads);
    if (status == MR_OK) {
        mr_worker_pool_run(pool, users, MR_MEMBER_ROWS_USERS, evaluate_chunk, &job);
        status = merge(&job, threads, chunks, ret_metrics);
    }
    for (uint32_t w = 0; job.workers != NULL && w < threads; w++) {
        mr_member_rows_destroy(job.workers[w].rows);
        free(job.workers[w].blended);
        free(job.workers[w].shown);
    }
    free(job.workers);
    free(job.sums);
    return status;
}
