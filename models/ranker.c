#include "models/ranker.h"

#include "core/assert.h"
#include "models/dense.h"
#include "models/ranker_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- workspace ---- */

static mr_status reserve_rows(const mr_ranker_members *members,
                              mr_ranker_workspace *workspace)
{
    const bool sparse[MR_SIGNALS] = {
        [MR_SIGNAL_SEQUENCE] = members->sequence != NULL,
        [MR_SIGNAL_SESSION_KNN] = members->session_knn != NULL,
        [MR_SIGNAL_REPEAT] = members->repeat != NULL,
    };
    const bool whole[MR_SIGNALS] = {
        [MR_SIGNAL_ENCODER] = members->encoder != NULL,
        [MR_SIGNAL_CONTENT] = members->content != NULL,
        [MR_SIGNAL_ROWS] = members->rows.score != NULL,
    };
    for (uint32_t s = 0; s < MR_SIGNALS; s++) {
        if (sparse[s])
            MR_TRY(mr_sparse_row_init(&workspace->sparse[s], members->items));
        if (!whole[s])
            continue;
        workspace->row[s] = mr_dense_floats(members->items);
        if (workspace->row[s] == NULL)
            return MR_ERR_NO_MEMORY;
    }
    return MR_OK;
}

static mr_status reserve(const mr_ranker_members *members, mr_ranker_workspace *workspace)
{
    workspace->items = members->items;
    for (uint32_t f = 0; f < MR_RANK_FEATURES; f++) {
        workspace->floors[f] = mr_rank_feature_floor((mr_rank_feature)f);
        workspace->signals[f] = (uint8_t)mr_rank_feature_signal((mr_rank_feature)f);
    }
    MR_TRY(mr_own_table_init(&workspace->own, members->items));
    MR_TRY(reserve_rows(members, workspace));
    workspace->vector = mr_dense_floats(MR_ENCODER_DIMENSION_MAX);
    workspace->open = mr_dense_floats((size_t)members->items + 1);
    workspace->stamp = calloc((size_t)members->items + 1, sizeof(*workspace->stamp));
    workspace->place = calloc((size_t)members->items + 1, sizeof(*workspace->place));
    workspace->candidates =
        malloc(MR_RANKER_CANDIDATES_MAX * sizeof(*workspace->candidates));
    workspace->features = malloc((size_t)MR_RANKER_CANDIDATES_MAX * MR_RANK_FEATURES *
                                 sizeof(*workspace->features));
    workspace->scores = malloc(MR_RANKER_CANDIDATES_MAX * sizeof(*workspace->scores));
    if (workspace->vector == NULL || workspace->open == NULL ||
        workspace->stamp == NULL || workspace->place == NULL ||
        workspace->candidates == NULL || workspace->features == NULL ||
        workspace->scores == NULL)
        return MR_ERR_NO_MEMORY;
    if (members->encoder_codes != NULL)
        MR_TRY(mr_int8_scratch_create(members->encoder_codes, NULL,
                                      &workspace->encoder_scratch));
    if (members->content != NULL)
        MR_TRY(mr_content_scratch_create(members->content, &workspace->content));
    return members->session_knn != NULL
               ? mr_session_knn_scratch_create(members->session_knn,
                                               &workspace->session_knn)
               : MR_OK;
}

mr_status mr_ranker_workspace_create(const mr_ranker_members *members, uint32_t lane,
                                     mr_ranker_workspace **ret_workspace)
{
    mr_ranker_workspace *workspace = calloc(1, sizeof(*workspace));
    if (workspace == NULL)
        return MR_ERR_NO_MEMORY;
    workspace->lane = lane;
    const mr_status status = reserve(members, workspace);
    if (status != MR_OK) {
        mr_ranker_workspace_destroy(workspace);
        return status;
    }
    *ret_workspace = workspace;
    return MR_OK;
}

void mr_ranker_workspace_destroy(mr_ranker_workspace *workspace)
{
    if (workspace == NULL)
        return;
    for (uint32_t s = 0; s < MR_SIGNALS; s++) {
        free(workspace->row[s]);
        mr_sparse_row_deinit(&workspace->sparse[s]);
    }
    mr_int8_scratch_destroy(workspace->encoder_scratch);
    mr_session_knn_scratch_destroy(workspace->session_knn);
    mr_content_scratch_destroy(workspace->content);
    mr_own_table_deinit(&workspace->own);
    free(workspace->vector);
    free(workspace->open);
    free(workspace->stamp);
    free(workspace->place);
    free(workspace->candidates);
    free(workspace->features);
    free(workspace->scores);
    free(workspace);
}

/* ---- a query ---- */

static mr_item_facts facts_of(const mr_ranker_members *members)
{
    return (mr_item_facts){.popular = members->popular,
                           .recent = members->recent,
                           .repeat_rate =
                               members->repeat != NULL
                                   ? mr_next_basket_view(members->repeat).repeat_rate
                                   : NULL};
}

/* A single's scores are not weighed. */
static void describe(const mr_ranker_members *members, const mr_ranker_choice *choice,
                     mr_ranker_workspace *workspace)
{
    const mr_item_facts facts = facts_of(members);
    if (choice->single == MR_SIGNALS)
        mr_ranker_describe(workspace->rows, &facts, &workspace->own,
                           workspace->candidates, workspace->candidate_count,
                           workspace->features);
}

void mr_ranker_look(const mr_ranker_members *members, const mr_ranker_recipe *recipe,
                    mr_ranker_workspace *workspace, const mr_query *query,
                    const mr_ranker_limits *limits)
{
    const mr_ranker_choice *choice = mr_ranker_choice_of(recipe, query->count);
    workspace->asked = query->count;
    mr_own_table_fill(&workspace->own, query);
    mr_ranker_gather(members, recipe, workspace, query, limits);
    describe(members, choice, workspace);
}

const float *mr_ranker_candidates(const mr_ranker_workspace *workspace,
                                  const uint32_t **ret_items, size_t *ret_count)
{
    *ret_items = workspace->candidates;
    *ret_count = workspace->candidate_count;
    return workspace->features;
}

/* ---- ranking ---- */

/* Against an item of which no signal says anything, whose score is thus 0. */
static void score_candidates(const mr_ranker_choice *choice,
                             mr_ranker_workspace *workspace)
{
    float floor = 0.0F;
    for (uint32_t f = 0; f < MR_RANK_FEATURES; f++)
        floor += choice->weights[f] * workspace->floors[f];
    for (size_t c = 0; c < workspace->candidate_count; c++) {
        const float *features = workspace->features + c * MR_RANK_FEATURES;
        float sum = -floor;
        for (uint32_t f = 0; f < MR_RANK_FEATURES; f++)
            sum += choice->weights[f] * features[f];
        workspace->scores[c] = sum;
    }
}

static void score(const mr_ranker_choice *choice, mr_ranker_workspace *workspace)
{
    if (choice->single == MR_SIGNALS) {
        score_candidates(choice, workspace);
        return;
    }
    for (size_t c = 0; c < workspace->candidate_count; c++)
        workspace->scores[c] = workspace->rows[choice->single][workspace->candidates[c]];
}

/* Equal scores stand in order of their items, whatever order the candidates came in. */
static int by_score(const void *a, const void *b)
{
    const mr_ranked *left = a;
    const mr_ranked *right = b;
    if (left->score != right->score)
        return left->score > right->score ? -1 : 1;
    return left->index < right->index ? -1 : left->index > right->index ? 1 : 0;
}

/* Of those that tie for the last places the first by item get them. */
static void settle_last(const mr_ranker_workspace *workspace, mr_ranked *best,
                        uint32_t count)
{
    const float worst = best[count - 1].score;
    uint32_t first = count;
    while (first > 0 && best[first - 1].score == worst)
        first--;
    uint32_t held = first;
    for (size_t c = 0; c < workspace->candidate_count; c++) {
        const uint32_t item = workspace->candidates[c];
        if (workspace->scores[c] != worst ||
            (held == count && item > best[count - 1].index))
            continue;
        uint32_t at = held < count ? held++ : count - 1;
        for (; at > first && best[at - 1].index > item; at--)
            best[at] = best[at - 1];
        best[at] = (mr_ranked){.index = item, .score = worst};
    }
}

static uint32_t order(mr_ranker_workspace *workspace, uint32_t k, mr_ranked *ret_best)
{
    mr_top_k_selector_init(&workspace->selector, k, MR_TOP_K_AUTO);
    mr_top_k_selector_add(&workspace->selector, workspace->scores,
                          workspace->candidate_count, 0);
    const uint32_t found = mr_top_k_selector_finish(&workspace->selector, ret_best);
    for (uint32_t i = 0; i < found; i++)
        ret_best[i].index = workspace->candidates[ret_best[i].index];
    if (found > 0 && found < workspace->candidate_count)
        settle_last(workspace, ret_best, found);
    qsort(ret_best, found, sizeof(*ret_best), by_score);
    return found;
}

uint32_t mr_ranker_rank(const mr_ranker_members *members, const mr_ranker_recipe *recipe,
                        mr_ranker_workspace *workspace, const mr_query *query,
                        const mr_ranker_limits *limits, mr_ranked *ret_best)
{
    MR_ASSERT(limits->k >= 1 && limits->k <= MR_RANKER_K_MAX);
    mr_ranker_look(members, recipe, workspace, query, limits);
    score(mr_ranker_choice_of(recipe, query->count), workspace);
    return order(workspace, limits->k, ret_best);
}

void mr_ranker_score(const mr_ranker_members *members, const mr_ranker_recipe *recipe,
                     mr_ranker_workspace *workspace, const mr_query *query,
                     const uint32_t *items, size_t count, float *ret_scores)
{
    const mr_ranker_choice *choice = mr_ranker_choice_of(recipe, query->count);
    MR_ASSERT(count <= MR_RANKER_K_MAX);
    workspace->asked = query->count;
    mr_own_table_fill(&workspace->own, query);
    mr_ranker_gather_given(members, recipe, workspace, query, items, count);
    describe(members, choice, workspace);
    score(choice, workspace);
    for (size_t i = 0; i < count; i++)
        ret_scores[i] = workspace->scores[workspace->place[items[i]]];
}

void mr_ranker_parts(const mr_ranker_recipe *recipe, const mr_ranker_workspace *workspace,
                     uint32_t item, float *ret_parts)
{
    const mr_ranker_choice *choice = mr_ranker_choice_of(recipe, workspace->asked);
    memset(ret_parts, 0, (MR_SIGNALS + 1) * sizeof(*ret_parts));
    if (item >= workspace->items || workspace->stamp[item] != workspace->query ||
        workspace->candidate_count == 0)
        return;
    const size_t c = workspace->place[item];
    if (choice->single != MR_SIGNALS) {
        ret_parts[choice->single] = workspace->scores[c];
        return;
    }
    const float *features = workspace->features + c * MR_RANK_FEATURES;
    for (uint32_t f = 0; f < MR_RANK_FEATURES; f++)
        ret_parts[workspace->signals[f]] +=
            choice->weights[f] * (features[f] - workspace->floors[f]);
}
