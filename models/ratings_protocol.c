#include "models/ratings_protocol.h"

#include "models/dense.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUESTIONS_A_CHUNK = 8, LINE_BYTES = 256 };

static const double TEST_SHARE_DEFAULT = 0.2;

static const char *const YARDSTICKS[] = {"popular", "item_knn"};

const char *mr_ratings_metric_name(uint32_t index)
{
    static const char *const names[MR_RATINGS_METRICS] = {
        "recall@20",
        "ndcg@20",
        "cold_user_1_recall@20",
        "cold_user_1_ndcg@20",
        "cold_user_3_recall@20",
        "cold_user_3_ndcg@20",
        "cold_user_5_recall@20",
        "cold_user_5_ndcg@20",
        "cold_item_recall@20",
        "cold_item_ndcg@20",
        "cold_item_only_recall@20",
        "cold_item_only_ndcg@20",
    };
    return index < MR_RATINGS_METRICS ? names[index] : "";
}

/* ---- measuring ---- */

typedef struct finding {
    double recall;
    double ndcg;
} finding;

/* Of one question. */
typedef struct answer {
    finding among_all;
    finding among_cold;
} answer;

typedef struct measure_worker {
    float *row;
    void *scratch;
} measure_worker;

typedef struct measuring {
    const mr_ratings_scorer *scorer;
    const void *model;
    const mr_ratings_cut *cut;
    measure_worker *workers;
    answer *answers;
} measuring;

/* The number of candidates that score as high; those that were given score -infinity. */
static uint32_t rank_of(const measuring *m, const float *row, uint32_t target,
                        bool only_cold)
{
    const mr_ratings_cut *cut = m->cut;
    const float score = row[target];
    uint32_t rank = 0;
    if (!(score > 0.0F))
        return UINT32_MAX;
    for (uint32_t i = 0; i < cut->items; i++)
        rank += row[i] >= score && !(only_cold && cut->is_known_item[i]);
    return rank;
}

/* 1 / log2(rank + 1) [Järvelin and Kekäläinen 2002] */
static double discount(uint32_t rank)
{
    return 1.0 / log2((double)rank + 1.0);
}

static finding find(const measuring *m, const mr_ratings_question *question,
                    const float *row, bool only_cold)
{
    const uint32_t *targets = m->cut->targets + question->target_begin;
    uint32_t hits = 0;
    double gain = 0.0;
    double ideal = 0.0;
    for (uint32_t t = 0; t < question->target_count; t++) {
        const uint32_t rank = rank_of(m, row, targets[t], only_cold);
        hits += rank <= MR_RATINGS_K;
        gain += rank <= MR_RATINGS_K ? discount(rank) : 0.0;
        ideal += t < MR_RATINGS_K ? discount(t + 1) : 0.0;
    }
    return (finding){.recall = (double)hits / question->target_count,
                     .ndcg = gain / ideal};
}

static void ask(void *context, uint32_t worker, size_t begin, size_t end)
{
    measuring *m = context;
    const mr_ratings_cut *cut = m->cut;
    measure_worker *own = &m->workers[worker];
    for (size_t q = begin; q < end; q++) {
        const mr_ratings_question *question = &cut->questions[q];
        const uint64_t first = cut->ptr[question->user];
        const mr_ratings_asked asked = {.item = cut->item + first,
                                        .value = cut->value + first,
                                        .time_s = cut->time_s + first,
                                        .count = question->given};
        m->scorer->score(m->model, own->scratch, &asked, own->row);
        for (size_t t = 0; t < asked.count; t++)
            own->row[asked.item[t]] = -INFINITY;
        m->answers[q].among_all = find(m, question, own->row, false);
        if (question->kind == MR_RATINGS_COLD_ITEM)
            m->answers[q].among_cold = find(m, question, own->row, true);
    }
}

static size_t longest_given(const mr_ratings_cut *cut)
{
    size_t longest = 0;
    for (size_t q = 0; q < cut->question_count; q++)
        if (cut->questions[q].given > longest)
            longest = cut->questions[q].given;
    return longest;
}

static mr_status make_workers(measuring *m, uint32_t threads)
{
    const size_t longest = longest_given(m->cut);
    m->workers = calloc(threads, sizeof(*m->workers));
    m->answers = calloc(m->cut->question_count, sizeof(*m->answers));
    if (m->workers == NULL || m->answers == NULL)
        return MR_ERR_NO_MEMORY;
    for (uint32_t w = 0; w < threads; w++) {
        m->workers[w].row = mr_dense_floats(m->cut->items);
        if (m->workers[w].row == NULL)
            return MR_ERR_NO_MEMORY;
        if (m->scorer->make_scratch != NULL)
            MR_TRY(m->scorer->make_scratch(m->model, longest, &m->workers[w].scratch));
    }
    return MR_OK;
}

static void add(double *metrics, const finding *found)
{
    metrics[0] += found->recall;
    metrics[1] += found->ndcg;
}

static void count_questions(const mr_ratings_cut *cut, uint32_t counts[MR_RATINGS_KINDS])
{
    memset(counts, 0, MR_RATINGS_KINDS * sizeof(*counts));
    for (size_t q = 0; q < cut->question_count; q++)
        counts[cut->questions[q].kind]++;
}

/* Means, summed in the order of questions. */
static void conclude(const measuring *m, double metrics[MR_RATINGS_METRICS])
{
    enum { AMONG_COLD = 2 * MR_RATINGS_KINDS };
    uint32_t counts[MR_RATINGS_KINDS];
    memset(metrics, 0, MR_RATINGS_METRICS * sizeof(*metrics));
    for (size_t q = 0; q < m->cut->question_count; q++) {
        const mr_ratings_kind kind = m->cut->questions[q].kind;
        add(&metrics[2 * kind], &m->answers[q].among_all);
        if (kind == MR_RATINGS_COLD_ITEM)
            add(&metrics[AMONG_COLD], &m->answers[q].among_cold);
    }
    count_questions(m->cut, counts);
    for (uint32_t i = 0; i < MR_RATINGS_METRICS; i++) {
        const uint32_t kind = i < AMONG_COLD ? i / 2 : (uint32_t)MR_RATINGS_COLD_ITEM;
        metrics[i] = counts[kind] > 0 ? metrics[i] / counts[kind] : 0.0;
    }
}

mr_status mr_ratings_measure(const mr_ratings_scorer *scorer, const void *model,
                             const mr_ratings_cut *cut, mr_worker_pool *pool,
                             double ret_metrics[MR_RATINGS_METRICS])
{
    const uint32_t threads = mr_worker_pool_threads(pool);
    measuring m = {.scorer = scorer, .model = model, .cut = cut};
    const mr_status status = make_workers(&m, threads);
    if (status == MR_OK) {
        mr_worker_pool_run(pool, cut->question_count, QUESTIONS_A_CHUNK, ask, &m);
        conclude(&m, ret_metrics);
    }
    for (uint32_t w = 0; m.workers != NULL && w < threads; w++) {
        free(m.workers[w].row);
        if (m.workers[w].scratch != NULL)
            scorer->release_scratch(m.workers[w].scratch);
    }
    free(m.workers);
    free(m.answers);
    return status;
}

/* ---- choosing ---- */

typedef struct run {
    const mr_ratings_options *options;
    mr_rating_file *file;
    mr_content_builder *content;
    mr_ratings_cut cut;     /* the test's     */
    mr_ratings_cut holdout; /* made before it */
    mr_worker_pool *pool;
    const mr_ratings_scorer *scorer; /* while one is chosen */
    uint32_t tries;
} run;

static mr_status train_and_measure(const run *r, const mr_ratings_cut *cut,
                                   const double *point, void **ret_model,
                                   double metrics[MR_RATINGS_METRICS])
{
    const mr_ratings_known known = {.cut = cut,
                                    .content = r->content,
                                    .pool = r->pool,
                                    .seed = r->options->seed,
                                    .budget = r->options->budget};
    void *model = NULL;
    MR_TRY(r->scorer->train(&known, point, &model));
    const mr_status status =
        metrics != NULL ? mr_ratings_measure(r->scorer, model, cut, r->pool, metrics)
                        : MR_OK;
    if (status == MR_OK && ret_model != NULL)
        *ret_model = model;
    else
        r->scorer->release(model);
    return status;
}

/* The mean over what was asked: a kind without questions says nothing. */
static double objective(const mr_ratings_cut *cut,
                        const double metrics[MR_RATINGS_METRICS])
{
    uint32_t counts[MR_RATINGS_KINDS];
    double sum = 0.0;
    uint32_t count = 0;
    count_questions(cut, counts);
    for (uint32_t i = 0; i < MR_RATINGS_METRICS; i++) {
        const uint32_t kind = i / 2 < MR_RATINGS_KINDS ? i / 2 : MR_RATINGS_COLD_ITEM;
        if (counts[kind] == 0)
            continue;
        sum += metrics[i];
        count++;
    }
    return count > 0 ? sum / count : 0.0;
}

static void report(run *r, const double *point, double value)
{
    char parameters[MR_RATINGS_PARAMETERS_BYTES];
    char line[LINE_BYTES];
    r->tries++;
    if (r->options->report == NULL)
        return;
    r->scorer->describe(point, parameters);
    (void)snprintf(line, sizeof(line), "try %u: %s %s: %.4f", r->tries, r->scorer->name,
                   parameters, value);
    r->options->report(r->options->context, line);
}

static mr_status look(void *context, const double *point, double *ret_value)
{
    run *r = context;
    double metrics[MR_RATINGS_METRICS];
    MR_TRY(train_and_measure(r, &r->holdout, point, NULL, metrics));
    *ret_value = objective(&r->holdout, metrics);
    report(r, point, *ret_value);
    return MR_OK;
}

static mr_status choose(run *r, double *point, double *ret_value)
{
    uint32_t looks = 0;
    const uint32_t budget =
        r->options->budget > 0 ? r->options->budget : (uint32_t)MR_RATINGS_BUDGET_DEFAULT;
    if (r->scorer->axis_count == 0)
        return look(r, point, ret_value);
    return mr_pattern_search(
        r->scorer->axes, r->scorer->axis_count,
        budget < MR_PATTERN_LOOKS_MAX ? budget : (uint32_t)MR_PATTERN_LOOKS_MAX, look, r,
        point, ret_value, &looks);
}

/* ---- running ---- */

static double seconds_since(const mr_clock *clock, int64_t start_ns)
{
    return (double)(mr_clock_monotonic_ns(clock) - start_ns) * 1e-9;
}

static mr_status make_row(run *r, const char *name, mr_ratings_row *row)
{
    const mr_clock *clock = r->options->clock;
    double point[MR_PATTERN_AXES_MAX] = {0};
    void *model = NULL;
    r->scorer = mr_ratings_scorer_find(name);
    r->tries = 0;
    const int64_t train_start_ns = mr_clock_monotonic_ns(clock);
    MR_TRY(choose(r, point, &row->holdout));
    MR_TRY(train_and_measure(r, &r->cut, point, &model, NULL));
    row->train_seconds = seconds_since(clock, train_start_ns);
    const int64_t score_start_ns = mr_clock_monotonic_ns(clock);
    const mr_status status =
        mr_ratings_measure(r->scorer, model, &r->cut, r->pool, row->metrics);
    row->score_seconds = seconds_since(clock, score_start_ns);
    r->scorer->release(model);
    row->model = r->scorer->name;
    row->tries = r->tries;
    r->scorer->describe(point, row->parameters);
    return status;
}

static mr_status cut_twice(run *r, mr_error *ret_error)
{
    size_t count = 0;
    const mr_rating *ratings = mr_rating_file_ratings(r->file, &count);
    const uint32_t users = mr_rating_file_users(r->file);
    const uint32_t items = mr_rating_file_items(r->file);
    const double share =
        r->options->test_share > 0.0 ? r->options->test_share : TEST_SHARE_DEFAULT;
    mr_status status = mr_ratings_cut_make(ratings, count, users, items, share, &r->cut);
    if (status == MR_OK)
        status = mr_ratings_cut_make(ratings, r->cut.known_count, users, items, share,
                                     &r->holdout);
    if (status == MR_ERR_NOT_FOUND)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "a cut by time leaves nothing to learn from or nobody who "
                            "likes something later");
    return status;
}

static mr_status read(run *r, mr_error *ret_error)
{
    const mr_rating_paths paths = {.ratings = r->options->data_path,
                                   .items = r->options->items_path,
                                   .users = r->options->users_path};
    MR_TRY(mr_rating_file_read(&paths, &r->file, ret_error));
    MR_TRY(mr_content_builder_create(mr_rating_file_items(r->file), &r->content));
    MR_TRY(mr_rating_file_tell(r->file, r->content));
    return cut_twice(r, ret_error);
}

static mr_status make_rows(run *r, mr_ratings_result *result)
{
    MR_TRY(make_row(r, r->options->model, &result->rows[result->row_count++]));
    for (size_t y = 0; y < sizeof(YARDSTICKS) / sizeof(YARDSTICKS[0]); y++)
        if (strcmp(YARDSTICKS[y], r->options->model) != 0)
            MR_TRY(make_row(r, YARDSTICKS[y], &result->rows[result->row_count++]));
    return MR_OK;
}

static mr_status run_all(run *r, mr_ratings_result *result, mr_error *ret_error)
{
    if (mr_ratings_scorer_find(r->options->model) == NULL)
        return mr_error_set(ret_error, MR_ERR_INVALID, "ratings: no model `%s`",
                            r->options->model);
    if (!(r->options->test_share >= 0.0 && r->options->test_share < 1.0))
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "ratings: the share to test on is not between 0 and 1");
    MR_TRY(read(r, ret_error));
    MR_TRY(mr_worker_pool_create(r->options->threads, &r->pool));
    MR_TRY(make_rows(r, result));
    result->protocol = "ratings";
    result->users = r->cut.users;
    result->items = r->cut.items;
    result->train_count = r->cut.known_count;
    result->test_count = r->cut.count - r->cut.known_count;
    result->cut_s = r->cut.cut_s;
    result->cold_users = r->cut.cold_users;
    result->cold_items = r->cut.cold_items;
    count_questions(&r->cut, result->questions);
    result->seed = r->options->seed;
    return MR_OK;
}

mr_status mr_ratings_run(const mr_ratings_options *options, mr_ratings_result *ret_result,
                         mr_error *ret_error)
{
    run r = {.options = options};
    mr_ratings_result result = {0};
    if (ret_error != NULL)
        ret_error->message[0] = '\0';
    const mr_status status = run_all(&r, &result, ret_error);
    if (status != MR_OK && ret_error != NULL && ret_error->message[0] == '\0')
        (void)mr_error_set(ret_error, status, "ratings: %s", mr_status_name(status));
    mr_ratings_cut_deinit(&r.cut);
    mr_ratings_cut_deinit(&r.holdout);
    mr_content_builder_destroy(r.content);
    mr_rating_file_destroy(r.file);
    mr_worker_pool_destroy(r.pool);
    if (status == MR_OK)
        *ret_result = result;
    return status;
}
