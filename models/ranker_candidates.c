#include "models/ranker_internal.h"

#include "core/assert.h"
#include "models/vector.h"

#include <string.h>

enum { AHEAD = 8 /* candidates whose vectors are fetched early */ };

/* ---- rows ---- */

static bool is_asked(const mr_ranker_recipe *recipe, const mr_ranker_choice *choice,
                     mr_signal signal)
{
    return recipe->uses[signal] &&
           (choice->single == MR_SIGNALS || choice->single == signal);
}

/* The row is written whole, or later and only for the candidates. */
static const float *ask_encoder(const mr_ranker_members *members,
                                mr_ranker_workspace *workspace, const mr_query *query,
                                const float *encoded)
{
    float *row = workspace->row[MR_SIGNAL_ENCODER];
    if (encoded != NULL)
        return encoded;
    if (members->encoder_codes != NULL)
        workspace->partial[MR_SIGNAL_ENCODER] =
            mr_encoder_encode(members->encoder, query, workspace->vector);
    if (!workspace->partial[MR_SIGNAL_ENCODER])
        mr_encoder_score(members->encoder, query, row);
    return row;
}

static const float *ask_rows(const mr_row_source *source, mr_ranker_workspace *workspace,
                             const mr_query *query)
{
    float *row = workspace->row[MR_SIGNAL_ROWS];
    workspace->partial[MR_SIGNAL_ROWS] = source->ask != NULL;
    if (source->ask != NULL)
        source->ask(source->context, workspace->lane, query);
    else
        source->score(source->context, workspace->lane, query, row);
    return row;
}

static const float *ask_sparse(const mr_ranker_members *members,
                               mr_ranker_workspace *workspace, mr_signal signal,
                               const mr_query *query)
{
    mr_sparse_row *row = &workspace->sparse[signal];
    mr_sparse_row_clear(row);
    if (signal == MR_SIGNAL_SEQUENCE)
        mr_covisitation_add(members->sequence, query, row);
    else if (signal == MR_SIGNAL_SESSION_KNN)
        mr_session_knn_add(members->session_knn, workspace->session_knn, query, row);
    else
        mr_next_basket_add(members->repeat, query, row);
    return row->values;
}

static const float *ask(const mr_ranker_members *members, mr_ranker_workspace *workspace,
                        mr_signal signal, const mr_query *query, const float *encoded)
{
    float *row = workspace->row[signal];
    if (workspace->sparse[signal].values != NULL)
        return ask_sparse(members, workspace, signal, query);
    if (signal == MR_SIGNAL_POPULAR)
        return members->popular;
    if (row == NULL)
        return NULL;
    if (signal == MR_SIGNAL_ENCODER)
        return ask_encoder(members, workspace, query, encoded);
    if (signal == MR_SIGNAL_ROWS)
        return ask_rows(&members->rows, workspace, query);
    mr_content_score(members->content, workspace->content, query, row);
    return row;
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
    workspace->place[item] = (uint32_t)workspace->candidate_count;
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

/* The best k of a signal; false when only a pass over the whole row tells. */
static bool best_of(const mr_ranker_members *members, mr_ranker_workspace *workspace,
                    mr_signal signal, uint32_t k, uint32_t *ret_found)
{
    if (workspace->sparse[signal].values != NULL) {
        *ret_found = mr_sparse_row_best(&workspace->sparse[signal], k,
                                        &workspace->selector, workspace->best);
        return true;
    }
    if (!workspace->partial[signal])
        return false;
    *ret_found =
        signal == MR_SIGNAL_ROWS
            ? members->rows.best(members->rows.context, workspace->lane, k,
                                 workspace->best)
            : mr_int8_table_top_k(members->encoder_codes, workspace->encoder_scratch,
                                  workspace->vector, k, NULL, 0, workspace->best);
    return true;
}

static void fill_whole(const mr_ranker_members *members, mr_ranker_workspace *workspace,
                       mr_signal signal, const mr_query *query)
{
    float *row = workspace->row[signal];
    if (signal == MR_SIGNAL_ROWS)
        members->rows.score(members->rows.context, workspace->lane, query, row);
    else
        mr_encoder_score(members->encoder, query, row);
    workspace->partial[signal] = false;
}

static uint32_t best_of_row(mr_ranker_workspace *workspace, const float *row, uint32_t k)
{
    mr_top_k_selector_init(&workspace->selector, k, MR_TOP_K_AUTO);
    mr_top_k_selector_add(&workspace->selector, row, workspace->items, 0);
    return mr_top_k_selector_finish(&workspace->selector, workspace->best);
}

/*
 * The best of one signal.  Some more are asked for, since own and excluded items are dropped
 * afterwards: masking them in the row would take their scores from the features.  Where there are
 * too many of them a copy is masked.
 */
static void take_best(const mr_ranker_members *members, const mr_ranker_choice *choice,
                      mr_ranker_workspace *workspace, const mr_query *query,
                      const mr_ranker_limits *limits, mr_signal signal, uint32_t wanted)
{
    const size_t spare = (choice->repeats_allowed ? 0 : workspace->own.count) +
                         limits->exclude_count + wanted;
    const uint32_t k = spare < MR_TOP_K_MAX ? (uint32_t)spare : MR_TOP_K_MAX;
    const float *row = workspace->rows[signal];
    uint32_t found = 0;
    if (spare > MR_TOP_K_MAX) {
        if (workspace->partial[signal])
            fill_whole(members, workspace, signal, query);
        row = open_row(choice, workspace, limits, row);
        found = best_of_row(workspace, row, k);
    } else if (!best_of(members, workspace, signal, k, &found)) {
        found = best_of_row(workspace, row, k);
    }
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
                         mr_ranker_workspace *workspace, const mr_query *query,
                         const mr_ranker_limits *limits, uint32_t wanted)
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
        take_best(members, choice, workspace, query, limits, MR_SIGNAL_POPULAR, wanted);
}

/* Cosines of the candidates where the codes chose: as rows hold them, negative ones as 0. */
static void fill_encoder(const mr_ranker_members *members, mr_ranker_workspace *workspace)
{
    const mr_dense *table = mr_encoder_items(members->encoder);
    const mr_vector_kernels *kernels = mr_vector_kernels_best();
    const size_t count = workspace->candidate_count;
    for (size_t c = 0; c < count; c++) {
        if (c + AHEAD < count)
            for (size_t f = 0; f < table->stride; f += MR_VECTOR_FLOATS)
                __builtin_prefetch(mr_dense_row(table, workspace->candidates[c + AHEAD]) +
                                   f);
        const uint32_t item = workspace->candidates[c];
        const float cosine =
            kernels->dot(workspace->vector, mr_dense_row(table, item), table->stride);
        workspace->row[MR_SIGNAL_ENCODER][item] = cosine > 0.0F ? cosine : 0.0F;
    }
}

static void take_own(const mr_ranker_choice *choice, mr_ranker_workspace *workspace,
                     const mr_ranker_limits *limits)
{
    for (size_t i = 0; i < workspace->own.count; i++)
        if (is_open(choice, workspace, limits, workspace->own.items[i].item))
            take(workspace, workspace->own.items[i].item);
}

static void fill_rows(const mr_ranker_members *members, mr_ranker_workspace *workspace)
{
    members->rows.at(members->rows.context, workspace->lane, workspace->candidates,
                     workspace->candidate_count, workspace->row[MR_SIGNAL_ROWS]);
}

/* What is only known item by item, of the candidates. */
static void fill(const mr_ranker_members *members, mr_ranker_workspace *workspace)
{
    if (workspace->partial[MR_SIGNAL_ENCODER])
        fill_encoder(members, workspace);
    if (workspace->partial[MR_SIGNAL_ROWS])
        fill_rows(members, workspace);
}

static void forget_candidates(mr_ranker_workspace *workspace)
{
    workspace->candidate_count = 0;
    if (++workspace->query == 0) {
        memset(workspace->stamp, 0, workspace->items * sizeof(*workspace->stamp));
        workspace->query = 1;
    }
}

void mr_ranker_gather(const mr_ranker_members *members, const mr_ranker_recipe *recipe,
                      mr_ranker_workspace *workspace, const mr_query *query,
                      const mr_ranker_limits *limits)
{
    const mr_ranker_choice *choice = mr_ranker_choice_of(recipe, query->count);
    const bool is_single = choice->single != MR_SIGNALS;
    const uint32_t wanted = is_single ? limits->k + 1 : MR_RANKER_CANDIDATES_A_SIGNAL;
    memset(workspace->partial, 0, sizeof(workspace->partial));
    forget_candidates(workspace);
    for (uint32_t s = 0; s < MR_SIGNALS; s++) {
        const mr_signal signal = (mr_signal)s;
        workspace->rows[s] = is_asked(recipe, choice, signal)
                                 ? ask(members, workspace, signal, query, limits->encoded)
                                 : NULL;
        if (workspace->rows[s] == NULL)
            continue;
        if (signal == MR_SIGNAL_POPULAR)
            take_popular(members, choice, workspace, query, limits, wanted);
        else
            take_best(members, choice, workspace, query, limits, signal, wanted);
    }
    if (!is_single && choice->repeats_allowed)
        take_own(choice, workspace, limits);
    fill(members, workspace);
}

void mr_ranker_gather_given(const mr_ranker_members *members,
                            const mr_ranker_recipe *recipe,
                            mr_ranker_workspace *workspace, const mr_query *query,
                            const uint32_t *items, size_t count)
{
    const mr_ranker_choice *choice = mr_ranker_choice_of(recipe, query->count);
    memset(workspace->partial, 0, sizeof(workspace->partial));
    forget_candidates(workspace);
    for (uint32_t s = 0; s < MR_SIGNALS; s++)
        workspace->rows[s] = is_asked(recipe, choice, (mr_signal)s)
                                 ? ask(members, workspace, (mr_signal)s, query, NULL)
                                 : NULL;
    for (size_t i = 0; i < count; i++)
        take(workspace, items[i]);
    fill(members, workspace);
}
