#include "models/ranker_fit.h"

#include "models/ranker_evaluation.h"

#include <stdlib.h>
#include <string.h>

/* In deviations of a feature: enough to settle what many questions do not say. */
static const float RIDGE = 1e-4F;

/* One question's candidates, as a worker found them. */
typedef struct question_group {
    float *x;
    uint8_t *target;
    size_t count;
} question_group;

typedef struct collection {
    const mr_ranker_members *members;
    const mr_ranker_recipe *recipe;
    const mr_questions *questions;
    question_group *groups; /* [questions] */
    bool *failed;           /* [threads] */
} collection;

static size_t mark(const collection *c, size_t question, const uint32_t *items,
                   size_t count, uint8_t *ret_target)
{
    size_t marked = 0;
    for (size_t i = 0; i < count; i++) {
        ret_target[i] = 0;
        for (uint64_t t = c->questions->target_ptr[question];
             t < c->questions->target_ptr[question + 1]; t++)
            if (c->questions->targets[t] == items[i])
                ret_target[i] = 1;
        marked += ret_target[i];
    }
    return marked;
}

static void collect(void *context, uint32_t lane, mr_ranker_workspace *workspace,
                    size_t question, const mr_query *query, const float *encoded)
{
    collection *c = context;
    question_group *group = &c->groups[question];
    const mr_ranker_limits limits = {.k = 1, .encoded = encoded};
    uint8_t target[MR_RANKER_CANDIDATES_MAX];
    const uint32_t *items = NULL;
    size_t count = 0;
    mr_ranker_look(c->members, c->recipe, workspace, query, &limits);
    const float *x = mr_ranker_candidates(workspace, &items, &count);
    if (mark(c, question, items, count, target) == 0)
        return;
    group->x = malloc(count * MR_RANK_FEATURES * sizeof(*group->x));
    group->target = malloc(count);
    if (group->x == NULL || group->target == NULL) {
        c->failed[lane] = true;
        return;
    }
    memcpy(group->x, x, count * MR_RANK_FEATURES * sizeof(*group->x));
    memcpy(group->target, target, count);
    group->count = count;
}

/* One after the other in the order of the questions. */
static mr_status join(const collection *c, mr_ranker_groups *groups)
{
    const size_t questions = c->questions->given.count;
    size_t candidates = 0;
    size_t used = 0;
    for (size_t q = 0; q < questions; q++) {
        candidates += c->groups[q].count;
        used += c->groups[q].count > 0;
    }
    groups->ptr = calloc(used + 1, sizeof(*groups->ptr));
    groups->x = malloc((candidates * MR_RANK_FEATURES + 1) * sizeof(*groups->x));
    groups->target = malloc(candidates + 1);
    if (groups->ptr == NULL || groups->x == NULL || groups->target == NULL)
        return MR_ERR_NO_MEMORY;
    size_t at = 0;
    size_t g = 0;
    for (size_t q = 0; q < questions; q++) {
        const question_group *group = &c->groups[q];
        if (group->count == 0)
            continue;
        memcpy(groups->x + at * MR_RANK_FEATURES, group->x,
               group->count * MR_RANK_FEATURES * sizeof(*groups->x));
        memcpy(groups->target + at, group->target, group->count);
        at += group->count;
        groups->ptr[++g] = at;
    }
    groups->asked = questions;
    groups->data = (mr_listwise_data){.features = MR_RANK_FEATURES,
                                      .groups = used,
                                      .ptr = groups->ptr,
                                      .x = groups->x,
                                      .target = groups->target};
    return MR_OK;
}

mr_status mr_ranker_groups_collect(const mr_ranker_members *members,
                                   const mr_ranker_recipe *recipe,
                                   const mr_questions *questions, mr_worker_pool *pool,
                                   mr_ranker_groups *ret_groups)
{
    const uint32_t threads = mr_worker_pool_threads(pool);
    const size_t count = questions->given.count;
    mr_ranker_groups groups = {0};
    collection c = {.members = members,
                    .recipe = recipe,
                    .questions = questions,
                    .groups = calloc(count + 1, sizeof(*c.groups)),
                    .failed = calloc(threads, sizeof(*c.failed))};
    mr_status status = c.groups != NULL && c.failed != NULL ? MR_OK : MR_ERR_NO_MEMORY;
    if (status == MR_OK)
        status = mr_ranker_ask(members, recipe, questions, pool, collect, &c);
    for (uint32_t t = 0; t < threads && status == MR_OK; t++)
        status = c.failed[t] ? MR_ERR_NO_MEMORY : MR_OK;
    if (status == MR_OK)
        status = join(&c, &groups);
    for (size_t q = 0; c.groups != NULL && q < count; q++) {
        free(c.groups[q].x);
        free(c.groups[q].target);
    }
    free(c.groups);
    free(c.failed);
    if (status != MR_OK) {
        mr_ranker_groups_deinit(&groups);
        return status;
    }
    *ret_groups = groups;
    return MR_OK;
}

void mr_ranker_groups_deinit(mr_ranker_groups *groups)
{
    free(groups->ptr);
    free(groups->x);
    free(groups->target);
    *groups = (mr_ranker_groups){0};
}

mr_status mr_ranker_groups_fit(const mr_ranker_groups *groups, mr_worker_pool *pool,
                               float prior, mr_ranker_choice *choice, double *ret_loss)
{
    const float believed = prior / (float)groups->data.groups;
    const mr_listwise_options options = {.ridge = believed > RIDGE ? believed : RIDGE};
    memset(choice->weights, 0, sizeof(choice->weights));
    MR_TRY(mr_listwise_fit(&groups->data, &options, pool, choice->weights, ret_loss));
    choice->single = MR_SIGNALS;
    return MR_OK;
}
