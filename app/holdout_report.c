#include "app/holdout_report.h"

#include "core/id_table.h"
#include "serving/user_state_codec.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct purchase {
    uint32_t user; /* a row of the training rows */
    uint32_t item; /* of `bought`                */
} purchase;

struct mr_holdout_report {
    int64_t cut_ms;
    mr_training_rows *rows;
    mr_id_table *bought;
    uint32_t *users; /* of the shard in hand: profile to row */
    size_t user_count;
    bool is_cut;
    purchase *purchases; /* after finish: ascending and distinct */
    size_t purchase_count;
    size_t purchase_capacity;
    size_t customers;
};

mr_status mr_holdout_report_create(const mr_hash_key *key, int64_t cut_ms,
                                   mr_holdout_report **ret_report)
{
    mr_holdout_report *report = calloc(1, sizeof(*report));
    if (report == NULL)
        return MR_ERR_NO_MEMORY;
    report->cut_ms = cut_ms;
    if (mr_training_rows_create(key, &report->rows) != MR_OK ||
        mr_id_table_create(key, &report->bought) != MR_OK) {
        mr_holdout_report_destroy(report);
        return MR_ERR_NO_MEMORY;
    }
    *ret_report = report;
    return MR_OK;
}

void mr_holdout_report_destroy(mr_holdout_report *report)
{
    if (report == NULL)
        return;
    mr_training_rows_destroy(report->rows);
    mr_id_table_destroy(report->bought);
    free(report->users);
    free(report->purchases);
    free(report);
}

/* ---- collecting ---- */

void mr_holdout_report_next_partition(mr_holdout_report *report)
{
    report->is_cut = false;
    report->user_count = 0;
}

mr_status mr_holdout_report_cut(mr_holdout_report *report, const mr_shard *shard)
{
    const size_t count = mr_shard_user_count(shard);
    uint32_t *users = realloc(report->users, (count + 1) * sizeof(*users));
    if (users == NULL)
        return MR_ERR_NO_MEMORY;
    report->users = users;
    report->user_count = count;
    report->is_cut = true;
    return mr_training_rows_add(report->rows, shard, users);
}

static mr_status note_purchase(mr_holdout_report *report, uint32_t user, mr_text item_id)
{
    if (report->purchase_count == report->purchase_capacity) {
        const size_t capacity =
            report->purchase_capacity > 0 ? 2 * report->purchase_capacity : 1024;
        purchase *grown = realloc(report->purchases, capacity * sizeof(*grown));
        if (grown == NULL)
            return MR_ERR_NO_MEMORY;
        report->purchases = grown;
        report->purchase_capacity = capacity;
    }
    uint32_t item = 0;
    MR_TRY(mr_id_table_put(report->bought, item_id, &item));
    report->purchases[report->purchase_count++] = (purchase){user, item};
    return MR_OK;
}

mr_status mr_holdout_report_applied(mr_holdout_report *report, const mr_shard *shard,
                                    const mr_event_batch *batch)
{
    for (size_t i = 0; report->is_cut && i < batch->event_count; i++) {
        const mr_event *event = &batch->events[i];
        if (event->type != MR_EVENT_PURCHASE || event->time_ms < report->cut_ms ||
            event->user_id.length == 0 || event->item_id.length == 0)
            continue;
        const uint32_t row = mr_shard_find(shard, event->user_id);
        if (row < report->user_count && report->users[row] != MR_ROW_NONE)
            MR_TRY(note_purchase(report, report->users[row], event->item_id));
    }
    return MR_OK;
}

static int compare_purchases(const void *a, const void *b)
{
    const purchase *x = a;
    const purchase *y = b;
    if (x->user != y->user)
        return x->user < y->user ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

mr_status mr_holdout_report_finish(mr_holdout_report *report,
                                   const mr_training_rows **ret_rows)
{
    size_t kept = 0;
    if (report->purchase_count > 0)
        qsort(report->purchases, report->purchase_count, sizeof(purchase),
              compare_purchases);
    for (size_t i = 0; i < report->purchase_count; i++) {
        const purchase *p = &report->purchases[i];
        if (kept > 0 && compare_purchases(&report->purchases[kept - 1], p) == 0)
            continue;
        report->customers += kept == 0 || report->purchases[kept - 1].user != p->user;
        report->purchases[kept++] = *p;
    }
    report->purchase_count = kept;
    MR_TRY(mr_training_rows_finish(report->rows));
    *ret_rows = report->rows;
    return MR_OK;
}

size_t mr_holdout_report_users(const mr_holdout_report *report)
{
    return report->customers;
}

/* ---- measuring ---- */

enum {
    PERSONAL = 0,
    POPULAR = 1,
    OWN = 2,
    SYSTEMS = 3,
    ALL = 0,
    FRESH = 1,
    QUESTIONS = 2
};

typedef struct measuring {
    const mr_holdout_report *report;
    const mr_recommender *recommender;
    mr_recommender_scratch *scratch;
    mr_interactions rows;
    uint32_t items;         /* of the model                                        */
    uint32_t *row_items;    /* the rows' items as the model numbers them           */
    uint32_t *bought_items; /* the same of what was bought; unknown ones behind it */
    uint32_t *shown[QUESTIONS][SYSTEMS];
    mr_ranking_sums sums[QUESTIONS][SYSTEMS];
    uint64_t purchases;
    uint64_t repeats;
    /* of the customer in hand */
    mr_model_history_item history[MR_STATE_ITEMS_MAX]; /* newest first */
    size_t history_count;
    uint32_t *had; /* ascending, all of the history */
    size_t had_count;
    uint32_t *truth; /* ascending */
    size_t truth_count;
} measuring;

static int compare_numbers(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static bool contains(const uint32_t *sorted, size_t count, uint32_t value)
{
    return count > 0 &&
           bsearch(&value, sorted, count, sizeof(value), compare_numbers) != NULL;
}

/* Ascending, each once; returns how many are left. */
static size_t sort_distinct(uint32_t *numbers, size_t count)
{
    size_t kept = 0;
    qsort(numbers, count, sizeof(*numbers), compare_numbers);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || numbers[kept - 1] != numbers[i])
            numbers[kept++] = numbers[i];
    return kept;
}

static mr_status open_measuring(measuring *m)
{
    const mr_holdout_report *report = m->report;
    const mr_text *ids = mr_training_rows_item_ids(report->rows);
    const uint32_t bought = mr_id_table_count(report->bought);
    m->rows = mr_training_rows_view(report->rows);
    m->items = mr_recommender_item_count(m->recommender);
    m->row_items = malloc(((size_t)m->rows.items + 1) * sizeof(uint32_t));
    m->bought_items = malloc(((size_t)bought + 1) * sizeof(uint32_t));
    m->had = malloc(MR_SHARD_HISTORY_MAX * sizeof(uint32_t));
    m->truth = malloc(((size_t)bought + 1) * sizeof(uint32_t));
    bool failed = m->row_items == NULL || m->bought_items == NULL || m->had == NULL ||
                  m->truth == NULL;
    for (int q = 0; q < QUESTIONS; q++)
        for (int s = 0; s < SYSTEMS; s++) {
            m->shown[q][s] = calloc((size_t)m->items + 1, sizeof(uint32_t));
            failed = failed || m->shown[q][s] == NULL;
        }
    if (failed)
        return MR_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < m->rows.items; i++)
        m->row_items[i] = mr_recommender_find_item(m->recommender, ids[i]);
    for (uint32_t i = 0; i < bought; i++) {
        const uint32_t item =
            mr_recommender_find_item(m->recommender, mr_id_table_id(report->bought, i));
        m->bought_items[i] = item != MR_ITEM_NONE ? item : m->items + i;
    }
    return mr_recommender_scratch_create(m->recommender, &m->scratch);
}

static void close_measuring(measuring *m)
{
    for (int q = 0; q < QUESTIONS; q++)
        for (int s = 0; s < SYSTEMS; s++)
            free(m->shown[q][s]);
    mr_recommender_scratch_destroy(m->scratch);
    free(m->row_items);
    free(m->bought_items);
    free(m->had);
    free(m->truth);
}

/* Rows stand oldest first; a live request has the newest ones. */
static void take_customer(measuring *m, uint32_t user, const purchase *purchases,
                          size_t purchase_count)
{
    const uint64_t first = m->rows.ptr[user];
    const size_t count = (size_t)(m->rows.ptr[user + 1] - first);
    m->history_count = count < MR_STATE_ITEMS_MAX ? count : MR_STATE_ITEMS_MAX;
    for (size_t h = 0; h < m->history_count; h++) {
        const uint64_t e = first + count - 1 - h;
        m->history[h] = (mr_model_history_item){m->row_items[m->rows.item[e]],
                                                m->rows.weight[e], m->rows.time_s[e]};
    }
    for (size_t i = 0; i < count; i++)
        m->had[i] = m->row_items[m->rows.item[first + i]];
    m->had_count = sort_distinct(m->had, count);
    for (size_t i = 0; i < purchase_count; i++)
        m->truth[i] = m->bought_items[purchases[i].item];
    m->truth_count = sort_distinct(m->truth, purchase_count);
}

static void judge(measuring *m, int question, int system, const mr_scored_item *items,
                  size_t count)
{
    mr_ranked list[MR_HOLDOUT_REPORT_K];
    for (size_t i = 0; i < count; i++) {
        list[i] = (mr_ranked){.index = items[i].item, .score = items[i].score};
        m->shown[question][system][items[i].item]++;
    }
    mr_ranking_sums_add(&m->sums[question][system], list, (uint32_t)count,
                        MR_HOLDOUT_REPORT_K, m->truth, (uint32_t)m->truth_count);
}

/* Both lists for the customer in hand; `popular_exclude` follows the model's rule. */
static mr_status ask(measuring *m, int question, const uint32_t *exclude,
                     size_t exclude_count, const uint32_t *popular_exclude,
                     size_t popular_exclude_count)
{
    mr_scored_item items[MR_HOLDOUT_REPORT_K];
    size_t count = 0;
    const mr_recommend_options options = {
        .k = MR_HOLDOUT_REPORT_K, .exclude = exclude, .exclude_count = exclude_count};
    MR_TRY(mr_recommender_score(m->recommender, m->scratch, m->history, m->history_count,
                                &options, items, &count));
    judge(m, question, PERSONAL, items, count);
    MR_TRY(mr_recommender_popular(m->recommender, MR_HOLDOUT_REPORT_K, popular_exclude,
                                  popular_exclude_count, items, &count));
    judge(m, question, POPULAR, items, count);
    return MR_OK;
}

typedef struct own_item {
    mr_scored_item item; /* score: the sum of its weights */
    size_t place;        /* of its newest entry           */
} own_item;

static int compare_own(const void *a, const void *b)
{
    const own_item *x = a;
    const own_item *y = b;
    if (x->item.score != y->item.score)
        return x->item.score > y->item.score ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

/* What reminding alone would reach: the same history, no model. */
static void ask_own(measuring *m)
{
    own_item own[MR_STATE_ITEMS_MAX];
    mr_scored_item items[MR_HOLDOUT_REPORT_K];
    size_t count = 0;
    for (size_t h = 0; h < m->history_count; h++) {
        size_t i = 0;
        while (i < count && own[i].item.item != m->history[h].item)
            i++;
        if (i == count)
            own[count++] = (own_item){.item = {.item = m->history[h].item}, .place = h};
        own[i].item.score += m->history[h].weight;
    }
    qsort(own, count, sizeof(*own), compare_own);
    count = count < MR_HOLDOUT_REPORT_K ? count : MR_HOLDOUT_REPORT_K;
    for (size_t i = 0; i < count; i++)
        items[i] = own[i].item;
    judge(m, ALL, OWN, items, count);
}

static mr_status ask_customer(measuring *m)
{
    uint32_t
        newest[MR_STATE_ITEMS_MAX]; /* what the model leaves out when repeats are not */
    for (size_t h = 0; h < m->history_count; h++)
        newest[h] = m->history[h].item;
    const size_t newest_count = sort_distinct(newest, m->history_count);
    const bool repeats = mr_recommender_recipe(m->recommender)->repeats_allowed;
    MR_TRY(ask(m, ALL, NULL, 0, newest, repeats ? 0 : newest_count));
    ask_own(m);

    size_t fresh = 0;
    for (size_t i = 0; i < m->truth_count; i++)
        if (!contains(m->had, m->had_count, m->truth[i]))
            m->truth[fresh++] = m->truth[i];
    m->purchases += m->truth_count;
    m->repeats += m->truth_count - fresh;
    m->truth_count = fresh;
    return fresh > 0 ? ask(m, FRESH, m->had, m->had_count, m->had, m->had_count) : MR_OK;
}

static mr_status ask_all(measuring *m)
{
    const mr_holdout_report *report = m->report;
    const size_t every = report->customers / MR_HOLDOUT_REPORT_USERS_MAX + 1;
    size_t customer = 0;
    for (size_t first = 0, last; first < report->purchase_count; first = last) {
        const uint32_t user = report->purchases[first].user;
        for (last = first; last < report->purchase_count; last++)
            if (report->purchases[last].user != user)
                break;
        if (customer++ % every != 0)
            continue;
        take_customer(m, user, report->purchases + first, last - first);
        MR_TRY(ask_customer(m));
    }
    return MR_OK;
}

static mr_status lists_of(const measuring *m, int question, mr_holdout_lists *ret_lists)
{
    MR_TRY(mr_ranking_metrics_of(&m->sums[question][PERSONAL], MR_HOLDOUT_REPORT_K,
                                 m->shown[question][PERSONAL], m->items,
                                 &ret_lists->personal));
    MR_TRY(mr_ranking_metrics_of(&m->sums[question][POPULAR], MR_HOLDOUT_REPORT_K,
                                 m->shown[question][POPULAR], m->items,
                                 &ret_lists->popular));
    return mr_ranking_metrics_of(&m->sums[question][OWN], MR_HOLDOUT_REPORT_K,
                                 m->shown[question][OWN], m->items, &ret_lists->own);
}

mr_status mr_holdout_report_measure(const mr_holdout_report *report,
                                    const mr_recommender *recommender,
                                    mr_holdout_figures *ret_figures)
{
    measuring m = {.report = report, .recommender = recommender};
    mr_holdout_figures figures = {
        .cut_ms = report->cut_ms,
        .repeats_allowed = mr_recommender_recipe(recommender)->repeats_allowed};
    mr_status status = open_measuring(&m);
    if (status == MR_OK)
        status = ask_all(&m);
    if (status == MR_OK)
        status = lists_of(&m, ALL, &figures.all);
    if (status == MR_OK)
        status = lists_of(&m, FRESH, &figures.fresh);
    figures.customers = m.sums[ALL][PERSONAL].users;
    figures.purchases = m.purchases;
    figures.repeat_share =
        m.purchases > 0 ? (double)m.repeats / (double)m.purchases : 0.0;
    close_measuring(&m);
    if (status == MR_OK)
        *ret_figures = figures;
    return status;
}

/* ---- for programs and for people ---- */

static void write_metrics(mr_json_writer *writer, const char *key,
                          const mr_ranking_metrics *metrics)
{
    mr_json_key(writer, key);
    mr_json_begin_object(writer);
    mr_json_key(writer, "users");
    mr_json_put_uint(writer, metrics->users);
    mr_json_key(writer, "recall@20");
    mr_json_put_fixed(writer, metrics->recall, 6);
    mr_json_key(writer, "ndcg@20");
    mr_json_put_fixed(writer, metrics->ndcg, 6);
    mr_json_key(writer, "hit@20");
    mr_json_put_fixed(writer, metrics->hit, 6);
    mr_json_key(writer, "coverage");
    mr_json_put_fixed(writer, metrics->coverage, 6);
    mr_json_end_object(writer);
}

static void write_lists(mr_json_writer *writer, const char *key,
                        const mr_holdout_lists *lists)
{
    mr_json_key(writer, key);
    mr_json_begin_object(writer);
    write_metrics(writer, "personal", &lists->personal);
    write_metrics(writer, "popular", &lists->popular);
    if (lists->own.users > 0)
        write_metrics(writer, "own_past", &lists->own);
    mr_json_end_object(writer);
}

void mr_holdout_figures_write(const mr_holdout_figures *figures, mr_json_writer *writer)
{
    char cut[MR_TIME_TEXT_BYTES];
    mr_time_to_text(figures->cut_ms, cut);
    mr_json_begin_object(writer);
    mr_json_key(writer, "cut");
    mr_json_put_string(writer, cut);
    mr_json_key(writer, "customers");
    mr_json_put_uint(writer, figures->customers);
    mr_json_key(writer, "purchases");
    mr_json_put_uint(writer, figures->purchases);
    mr_json_key(writer, "repeat_share");
    mr_json_put_fixed(writer, figures->repeat_share, 6);
    mr_json_key(writer, "repeats_allowed");
    mr_json_put_bool(writer, figures->repeats_allowed);
    write_lists(writer, "all_purchases", &figures->all);
    write_lists(writer, "new_items", &figures->fresh);
    mr_json_end_object(writer);
}

static void print_line(FILE *out, const char *question, const char *system,
                       const mr_ranking_metrics *metrics)
{
    (void)fprintf(out, "  %-14s %-10s %9" PRIu64 "  %9.4f  %7.4f  %6.4f  %8.3f\n",
                  question, system, metrics->users, metrics->recall, metrics->ndcg,
                  metrics->hit, metrics->coverage);
}

void mr_holdout_figures_print(const mr_holdout_figures *figures, FILE *out)
{
    char cut[MR_TIME_TEXT_BYTES];
    mr_time_to_text(figures->cut_ms, cut);
    (void)fprintf(out,
                  "held out: purchases from %s on, by %" PRIu64
                  " customers known before; %.0f %% of %" PRIu64
                  " items bought had been in their history; repeats are %s\n",
                  cut, figures->customers, figures->repeat_share * 100.0,
                  figures->purchases, figures->repeats_allowed ? "allowed" : "left out");
    (void)fprintf(out, "  %-14s %-10s %9s  %9s  %7s  %6s  %8s\n", "purchases", "list",
                  "customers", "recall@20", "ndcg@20", "hit@20", "coverage");
    print_line(out, "all", "personal", &figures->all.personal);
    print_line(out, "all", "popular", &figures->all.popular);
    print_line(out, "all", "own past", &figures->all.own);
    print_line(out, "new items only", "personal", &figures->fresh.personal);
    print_line(out, "new items only", "popular", &figures->fresh.popular);
}
