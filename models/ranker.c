#include "models/ranker.h"

#include "core/assert.h"
#include "models/dense.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct mr_ranker_workspace {
    uint32_t items;
    float *row[MR_SIGNALS]; /* NULL where the members have nothing */
    const float *rows[MR_SIGNALS];
    mr_session_knn_scratch *session_knn;
    mr_content_scratch *content;
    uint32_t lane;
    size_t asked; /* elements of the last query */
    mr_own_table own;
    float *open;     /* [items]: a row without the items that must not be listed */
    uint32_t *stamp; /* [items]: the query that took the item up */
    uint32_t query;
    uint32_t *candidates; /* [MR_RANKER_CANDIDATES_MAX] */
    size_t candidate_count;
    float *features;                /* [MR_RANKER_CANDIDATES_MAX][MR_RANK_FEATURES] */
    float *scores;                  /* [MR_RANKER_CANDIDATES_MAX] */
    float floors[MR_RANK_FEATURES]; /* of a candidate that nothing speaks for */
    mr_top_k_selector selector;
    mr_ranked best[MR_TOP_K_MAX];
};

/* ---- workspace ---- */

static mr_status reserve_rows(const mr_ranker_members *members,
                              mr_ranker_workspace *workspace)
{
    const bool needs[MR_SIGNALS] = {
        [MR_SIGNAL_ENCODER] = members->encoder != NULL,
        [MR_SIGNAL_SEQUENCE] = members->sequence != NULL,
        [MR_SIGNAL_SESSION_KNN] = members->session_knn != NULL,
        [MR_SIGNAL_REPEAT] = members->repeat != NULL,
        [MR_SIGNAL_CONTENT] = members->content != NULL,
        [MR_SIGNAL_ROWS] = members->rows.score != NULL,
    };
    for (uint32_t s = 0; s < MR_SIGNALS; s++) {
        if (!needs[s])
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
    for (uint32_t f = 0; f < MR_RANK_FEATURES; f++)
        workspace->floors[f] = mr_rank_feature_floor((mr_rank_feature)f);
    MR_TRY(mr_own_table_init(&workspace->own, members->items));
    MR_TRY(reserve_rows(members, workspace));
    workspace->open = mr_dense_floats((size_t)members->items + 1);
    workspace->stamp = calloc((size_t)members->items + 1, sizeof(*workspace->stamp));
    workspace->candidates =
        malloc(MR_RANKER_CANDIDATES_MAX * sizeof(*workspace->candidates));
    workspace->features = malloc((size_t)MR_RANKER_CANDIDATES_MAX * MR_RANK_FEATURES *
                                 sizeof(*workspace->features));
    workspace->scores = malloc(MR_RANKER_CANDIDATES_MAX * sizeof(*workspace->scores));
    if (workspace->open == NULL || workspace->stamp == NULL ||
        workspace->candidates == NULL || workspace->features == NULL ||
        workspace->scores == NULL)
        return MR_ERR_NO_MEMORY;
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
    for (uint32_t s = 0; s < MR_SIGNALS; s++)
        free(workspace->row[s]);
    mr_session_knn_scratch_destroy(workspace->session_knn);
    mr_content_scratch_destroy(workspace->content);
    mr_own_table_deinit(&workspace->own);
    free(workspace->open);
    free(workspace->stamp);
    free(workspace->candidates);
    free(workspace->features);
    free(workspace->scores);
    free(workspace);
}

/* ---- rows ---- */

static bool is_asked(const mr_ranker_recipe *recipe, const mr_query *query,
                     mr_signal signal)
{
    const mr_signal single = mr_ranker_choice_of(recipe, query->count)->single;
    return recipe->uses[signal] && (single == MR_SIGNALS || single == signal);
}

static void fill_rows(const mr_ranker_members *members, const mr_ranker_recipe *recipe,
                      mr_ranker_workspace *workspace, const mr_query *query,
                      const float *encoded)
{
    float **row = workspace->row;
    for (uint32_t s = 0; s < MR_SIGNALS; s++)
        workspace->rows[s] =
            row[s] != NULL && is_asked(recipe, query, (mr_signal)s) ? row[s] : NULL;
    if (workspace->rows[MR_SIGNAL_ENCODER] != NULL) {
        if (encoded != NULL)
            workspace->rows[MR_SIGNAL_ENCODER] = encoded;
        else
            mr_encoder_score(members->encoder, query, row[MR_SIGNAL_ENCODER]);
    }
    if (workspace->rows[MR_SIGNAL_SEQUENCE] != NULL)
        mr_covisitation_score(members->sequence, query, row[MR_SIGNAL_SEQUENCE]);
    if (workspace->rows[MR_SIGNAL_SESSION_KNN] != NULL)
        mr_session_knn_score(members->session_knn, workspace->session_knn, query,
                             row[MR_SIGNAL_SESSION_KNN]);
    if (workspace->rows[MR_SIGNAL_REPEAT] != NULL)
        mr_next_basket_score(members->repeat, query, row[MR_SIGNAL_REPEAT]);
    if (workspace->rows[MR_SIGNAL_CONTENT] != NULL)
        mr_content_score(members->content, workspace->content, query,
                         row[MR_SIGNAL_CONTENT]);
    if (workspace->rows[MR_SIGNAL_ROWS] != NULL)
        members->rows.score(members->rows.context, workspace->lane, query,
                            row[MR_SIGNAL_ROWS]);
    if (is_asked(recipe, query, MR_SIGNAL_POPULAR))
        workspace->rows[MR_SIGNAL_POPULAR] = members->popular;
}

/* ---- candidates ---- */

static bool is_open(const mr_ranker_choice *choice, const mr_ranker_workspace *workspace,
                    const mr_ranker_limits *limits, uint32_t item)
{
    if (!choice->repeats_allowed && mr_own_table_find(&workspace->own, item) != NULL)
        return false;
    return limits->exclude_count == 0 ||
           !mr_sorted_has(limits->exclude, limits->exclude_count, item);
}

static void take(mr_ranker_workspace *workspace, uint32_t item)
{
    if (workspace->stamp[item] == workspace->query)
        return;
    MR_ASSERT(workspace->candidate_count < MR_RANKER_CANDIDATES_MAX);
    workspace->stamp[item] = workspace->query;
    workspace->candidates[workspace->candidate_count++] = item;
}

/* A copy of the row without own and excluded items. */
static const float *open_row(const mr_ranker_choice *choice,
                             mr_ranker_workspace *workspace,
                             const mr_ranker_limits *limits, const float *row)
{
    memcpy(workspace->open, row, workspace->items * sizeof(*row));
    for (size_t i = 0; !choice->repeats_allowed && i < workspace->own.count; i++)
        workspace->open[workspace->own.items[i].item] = 0.0F;
    for (size_t i = 0; i < limits->exclude_count; i++)
        if (limits->exclude[i] < workspace->items)
            workspace->open[limits->exclude[i]] = 0.0F;
    return workspace->open;
}

/*
 * The best of one row.  Some more are asked for, since own and excluded items are dropped
 * afterwards: masking them in the row would take their scores from the features.  Where there are
 * too many of them a copy is masked.
 */
static void take_best(const mr_ranker_choice *choice, mr_ranker_workspace *workspace,
                      const mr_ranker_limits *limits, const float *row, uint32_t wanted)
{
    const size_t spare = (choice->repeats_allowed ? 0 : workspace->own.count) +
                         limits->exclude_count + wanted;
    const uint32_t k = spare < MR_TOP_K_MAX ? (uint32_t)spare : MR_TOP_K_MAX;
    if (spare > MR_TOP_K_MAX)
        row = open_row(choice, workspace, limits, row);
    mr_top_k_selector_init(&workspace->selector, k, MR_TOP_K_AUTO);
    mr_top_k_selector_add(&workspace->selector, row, workspace->items, 0);
    const uint32_t found =
        mr_top_k_selector_finish(&workspace->selector, workspace->best);
    for (uint32_t i = 0, taken = 0; i < found && taken < wanted; i++) {
        const mr_ranked *ranked = &workspace->best[i];
        if (!(ranked->score > 0.0F))
            break;
        if (!is_open(choice, workspace, limits, ranked->index))
            continue;
        take(workspace, ranked->index);
        taken++;
    }
}

/* Who has had or may not see most of the popular ones gets others. */
static void take_popular(const mr_ranker_members *members, const mr_ranker_choice *choice,
                         mr_ranker_workspace *workspace, const mr_ranker_limits *limits,
                         uint32_t wanted)
{
    uint32_t taken = 0;
    for (uint32_t i = 0; i < members->most_popular_count && taken < wanted; i++) {
        const uint32_t item = members->most_popular[i];
        if (!is_open(choice, workspace, limits, item))
            continue;
        take(workspace, item);
        taken++;
    }
    if (taken < wanted && members->most_popular_count < workspace->items)
        take_best(choice, workspace, limits, members->popular, wanted);
}

static void gather(const mr_ranker_members *members, const mr_ranker_choice *choice,
                   mr_ranker_workspace *workspace, const mr_ranker_limits *limits)
{
    const bool is_single = choice->single != MR_SIGNALS;
    const uint32_t wanted = is_single ? limits->k + 1 : MR_RANKER_CANDIDATES_A_SIGNAL;
    workspace->candidate_count = 0;
    if (++workspace->query == 0) {
        memset(workspace->stamp, 0, workspace->items * sizeof(*workspace->stamp));
        workspace->query = 1;
    }
    for (uint32_t s = 0; s < MR_SIGNALS; s++) {
        if (workspace->rows[s] == NULL)
            continue;
        if (s == MR_SIGNAL_POPULAR)
            take_popular(members, choice, workspace, limits, wanted);
        else
            take_best(choice, workspace, limits, workspace->rows[s], wanted);
    }
    if (is_single || !choice->repeats_allowed)
        return;
    for (size_t i = 0; i < workspace->own.count; i++)
        if (is_open(choice, workspace, limits, workspace->own.items[i].item))
            take(workspace, workspace->own.items[i].item);
}

void mr_ranker_look(const mr_ranker_members *members, const mr_ranker_recipe *recipe,
                    mr_ranker_workspace *workspace, const mr_query *query,
                    const mr_ranker_limits *limits)
{
    const mr_ranker_choice *choice = mr_ranker_choice_of(recipe, query->count);
    const mr_item_facts facts = {
        .popular = members->popular,
        .recent = members->recent,
        .repeat_rate = members->repeat != NULL
                           ? mr_next_basket_view(members->repeat).repeat_rate
                           : NULL};
    workspace->asked = query->count;
    mr_own_table_fill(&workspace->own, query);
    fill_rows(members, recipe, workspace, query, limits->encoded);
    gather(members, choice, workspace, limits);
    if (choice->single == MR_SIGNALS)
        mr_ranker_describe(workspace->rows, &facts, &workspace->own,
                           workspace->candidates, workspace->candidate_count,
                           workspace->features);
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

void mr_ranker_parts(const mr_ranker_recipe *recipe, const mr_ranker_workspace *workspace,
                     uint32_t item, float *ret_parts)
{
    const mr_ranker_choice *choice = mr_ranker_choice_of(recipe, workspace->asked);
    memset(ret_parts, 0, (MR_SIGNALS + 1) * sizeof(*ret_parts));
    for (size_t c = 0; c < workspace->candidate_count; c++) {
        if (workspace->candidates[c] != item)
            continue;
        if (choice->single != MR_SIGNALS) {
            ret_parts[choice->single] = workspace->scores[c];
            return;
        }
        const float *features = workspace->features + c * MR_RANK_FEATURES;
        for (uint32_t f = 0; f < MR_RANK_FEATURES; f++)
            if (choice->weights[f] != 0.0F)
                ret_parts[mr_rank_feature_signal((mr_rank_feature)f)] +=
                    choice->weights[f] * (features[f] - workspace->floors[f]);
        return;
    }
}
