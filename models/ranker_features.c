#include "models/ranker_features.h"

#include "core/assert.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What a candidate without any share counts as: ln(.001) is nearly -7. */
static const float SHARE_FLOOR = 0.001F;
static const float VOTE_FLOOR = 0.5F;
static const float COSINE_FACTOR = 10.0F;
static const float OWN_SHARE_FLOOR = -6.0F;
static const float RATE_FLOOR = 1e-4F;

const char *mr_signal_name(mr_signal signal)
{
    static const char *const names[MR_SIGNALS] = {
        "encoder", "sequence", "session_knn", "repeat", "content", "rows", "popular"};
    MR_ASSERT(signal < MR_SIGNALS);
    return names[signal];
}

const char *mr_rank_feature_name(mr_rank_feature feature)
{
    static const char *const names[MR_RANK_FEATURES] = {
        "encoder",          "sequence_share",
        "sequence_part",    "session_knn_share",
        "session_knn_part", "repeat_share",
        "repeat_part",      "content_share",
        "content_part",     "rows_share",
        "rows_part",        "popular",
        "recent",           "own",
        "own_last",         "own_nearness",
        "own_count",        "own_share",
        "own_rate",         "own_length",
    };
    MR_ASSERT(feature < MR_RANK_FEATURES);
    return names[feature];
}

/* The pair of features that a signal by shares has. */
static mr_rank_feature share_feature(mr_signal signal)
{
    static const mr_rank_feature shares[MR_SIGNALS] = {
        [MR_SIGNAL_ENCODER] = MR_RANK_FEATURES,
        [MR_SIGNAL_SEQUENCE] = MR_RANK_FEATURE_SEQUENCE_SHARE,
        [MR_SIGNAL_SESSION_KNN] = MR_RANK_FEATURE_SESSION_KNN_SHARE,
        [MR_SIGNAL_REPEAT] = MR_RANK_FEATURE_REPEAT_SHARE,
        [MR_SIGNAL_CONTENT] = MR_RANK_FEATURE_CONTENT_SHARE,
        [MR_SIGNAL_ROWS] = MR_RANK_FEATURE_ROWS_SHARE,
        [MR_SIGNAL_POPULAR] = MR_RANK_FEATURES,
    };
    return shares[signal];
}

mr_signal mr_rank_feature_signal(mr_rank_feature feature)
{
    if (feature == MR_RANK_FEATURE_ENCODER)
        return MR_SIGNAL_ENCODER;
    if (feature == MR_RANK_FEATURE_POPULAR || feature == MR_RANK_FEATURE_RECENT)
        return MR_SIGNAL_POPULAR;
    for (uint32_t s = 0; s < MR_SIGNALS; s++) {
        const mr_rank_feature share = share_feature((mr_signal)s);
        if (share != MR_RANK_FEATURES && (feature == share || feature == share + 1))
            return (mr_signal)s;
    }
    return MR_SIGNALS;
}

float mr_rank_feature_floor(mr_rank_feature feature)
{
    if (feature == MR_RANK_FEATURE_POPULAR)
        return logf(VOTE_FLOOR);
    for (uint32_t s = 0; s < MR_SIGNALS; s++)
        if (share_feature((mr_signal)s) == feature)
            return logf(SHARE_FLOOR);
    return 0.0F;
}

/* ---- the user's own items ---- */

mr_status mr_own_table_init(mr_own_table *ret_table, uint32_t catalogue)
{
    ret_table->count = 0;
    ret_table->baskets = 0;
    ret_table->catalogue = catalogue;
    ret_table->place = calloc((size_t)catalogue + 1, sizeof(*ret_table->place));
    return ret_table->place != NULL ? MR_OK : MR_ERR_NO_MEMORY;
}

void mr_own_table_deinit(mr_own_table *table)
{
    free(table->place);
    table->place = NULL;
}

/* Newest first, so that the first meeting with an item is its latest. */
void mr_own_table_fill(mr_own_table *table, const mr_query *query)
{
    const size_t looked_at =
        query->count < MR_OWN_ITEMS_MAX ? query->count : (size_t)MR_OWN_ITEMS_MAX;
    for (size_t i = 0; i < table->count; i++)
        table->place[table->items[i].item] = 0;
    table->count = 0;
    table->baskets = 0;
    for (size_t back = 1; back <= looked_at; back++) {
        const size_t at = query->count - back;
        const uint32_t item = query->item[at];
        if (query->basket == NULL || back == 1 ||
            query->basket[at] != query->basket[at + 1])
            table->baskets++;
        if (item >= table->catalogue)
            continue;
        if (table->place[item] == 0) {
            table->items[table->count++] =
                (mr_own_item){.item = item, .back = table->baskets};
            table->place[item] = (uint32_t)table->count;
        }
        table->items[table->place[item] - 1].count++;
    }
}

const mr_own_item *mr_own_table_find(const mr_own_table *table, uint32_t item)
{
    const uint32_t place = item < table->catalogue ? table->place[item] : 0;
    return place > 0 ? &table->items[place - 1] : NULL;
}

/* ---- description ---- */

/* What shares are shares of: a signal's scores of all candidates, and the largest of them. */
typedef struct signal_total {
    double sum;
    float largest;
} signal_total;

static signal_total total_of(const float *row, const uint32_t *candidates, size_t count)
{
    signal_total total = {0};
    for (size_t c = 0; c < count; c++) {
        const float score = row[candidates[c]];
        if (!(score > 0.0F))
            continue;
        total.sum += (double)score;
        total.largest = score > total.largest ? score : total.largest;
    }
    return total;
}

/* Divided, not multiplied by an inverse, which is infinite for the smallest of sums. */
static void describe_shares(const float *row, const uint32_t *candidates, size_t count,
                            float *ret_first)
{
    const signal_total total = total_of(row, candidates, count);
    for (size_t c = 0; c < count; c++) {
        const float score = row[candidates[c]];
        const bool has_score = score > 0.0F;
        const float share = has_score ? (float)((double)score / total.sum) : 0.0F;
        ret_first[c * MR_RANK_FEATURES] = logf(share + SHARE_FLOOR);
        ret_first[c * MR_RANK_FEATURES + 1] =
            has_score ? sqrtf(score / total.largest) : 0.0F;
    }
}

static void describe_own(const mr_own_item *item, uint32_t baskets, float repeat_rate,
                         float *ret_features)
{
    const float n = (float)baskets;
    const float count = (float)item->count;
    const float share = logf(count / n);
    ret_features[MR_RANK_FEATURE_OWN] = 1.0F;
    ret_features[MR_RANK_FEATURE_OWN_LAST] = item->back == 1 ? 1.0F : 0.0F;
    ret_features[MR_RANK_FEATURE_OWN_NEARNESS] = 1.0F / (float)item->back;
    ret_features[MR_RANK_FEATURE_OWN_COUNT] = logf(count);
    ret_features[MR_RANK_FEATURE_OWN_SHARE] =
        share > OWN_SHARE_FLOOR ? share : OWN_SHARE_FLOOR;
    ret_features[MR_RANK_FEATURE_OWN_RATE] =
        logf(repeat_rate > RATE_FLOOR ? repeat_rate : RATE_FLOOR);
    ret_features[MR_RANK_FEATURE_OWN_LENGTH] = logf(n);
}

void mr_ranker_describe(const float *const rows[MR_SIGNALS], const mr_item_facts *facts,
                        const mr_own_table *own, const uint32_t *candidates, size_t count,
                        float *ret_features)
{
    memset(ret_features, 0, count * MR_RANK_FEATURES * sizeof(*ret_features));
    for (uint32_t s = 0; s < MR_SIGNALS; s++) {
        const mr_rank_feature share = share_feature((mr_signal)s);
        if (rows[s] != NULL && share != MR_RANK_FEATURES)
            describe_shares(rows[s], candidates, count, ret_features + share);
    }
    for (size_t c = 0; c < count; c++) {
        float *features = ret_features + c * MR_RANK_FEATURES;
        const uint32_t item = candidates[c];
        const mr_own_item *mine = mr_own_table_find(own, item);
        if (rows[MR_SIGNAL_ENCODER] != NULL && rows[MR_SIGNAL_ENCODER][item] > 0.0F)
            features[MR_RANK_FEATURE_ENCODER] =
                COSINE_FACTOR * rows[MR_SIGNAL_ENCODER][item];
        if (facts->popular != NULL)
            features[MR_RANK_FEATURE_POPULAR] = logf(facts->popular[item] + VOTE_FLOOR);
        if (facts->recent != NULL)
            features[MR_RANK_FEATURE_RECENT] = logf(1.0F + facts->recent[item]);
        if (mine != NULL)
            describe_own(mine, own->baskets,
                         facts->repeat_rate != NULL ? facts->repeat_rate[item] : 1.0F,
                         features);
    }
}
