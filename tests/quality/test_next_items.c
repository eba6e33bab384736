/*
 * What comes next, on public sets in order, chosen with six tries.  The long tier holds the whole sets
 * to their gates; here are parts that a few seconds suffice for:
 *
 *     YooChoose   the training part of the newest 1/64 as its authors cut it once more for
 *                 validation (train_tr, train_valid): the test file is not read
 *     Diginetica  the newest 42,000 training sessions, asked about the newest 2,000 of them
 *     Beauty      every second user, the last item asked for
 *     Ta-Feng     all of it
 *
 * The gates stand some percent below what was reached, far above the best published single models of
 * their kind on the whole sets where parts are comparable, and above popularity by far.
 */
#include "models/basket_protocol.h"
#include "models/blas.h"
#include "models/sequence_protocol.h"
#include "models/session_protocol.h"
#include "tests/data.h"
#include "tests/support.h"
#include "tests/text_file.h"

#include <stdio.h>
#include <string.h>

enum { BUDGET = 6, PATH_BYTES = 4096, LINE_BYTES = 65536, TRAIN = 40000, ASKED = 2000 };

static mr_ranking_options options_of(const char *model)
{
    return (mr_ranking_options){
        .model = model, .budget = BUDGET, .seed = 1, .clock = mr_clock_system()};
}

static double metric(const mr_ranking_result *result, const char *name)
{
    for (size_t m = 0; m < result->metric_count; m++)
        if (strcmp(result->metrics[m].name, name) == 0)
            return result->metrics[m].value;
    fail_msg("no metric is named %s", name);
    return 0.0;
}

static void assert_reaches(const mr_ranking_result *result, const char *first,
                           double first_gate, const char *second, double second_gate)
{
    print_message("%s %s: %s %.4f %s %.4f, train %.1f s, score %.1f s\n",
                  result->protocol, result->model, first, metric(result, first), second,
                  metric(result, second), result->train_seconds, result->score_seconds);
    assert_true(metric(result, first) >= first_gate);
    assert_true(metric(result, second) >= second_gate);
}

/* The path of a data file; without it the case is skipped, or fails where CI=true. */
static void need(const char *file, char ret_path[PATH_BYTES])
{
    if (test_data_path(file, ret_path, PATH_BYTES))
        return;
    if (test_data_missing(file) != TEST_SKIPPED)
        fail_msg("needs %s", file);
    skip();
}

/* ---- sessions ---- */

static mr_ranking_result run_sessions(const char *train, const char *test,
                                      mr_session_format format, const char *model)
{
    const mr_session_options options = {.train_path = train,
                                        .test_path = test,
                                        .format = format,
                                        .ranking = options_of(model)};
    mr_ranking_result result;
    mr_error error;
    if (mr_session_protocol_run(&options, &result, &error) != MR_OK)
        fail_msg("%s", error.message);
    return result;
}

static void test_next_clicks_of_yoochoose(void **state)
{
    (void)state;
    char train[PATH_BYTES];
    char test[PATH_BYTES];
    need("yoochoose-100k/train_tr.txt", train);
    need("yoochoose-100k/train_valid.txt", test);
    const mr_ranking_result result = run_sessions(train, test, MR_SESSION_LOG, "auto");
    assert_reaches(&result, "hr@20", 0.66, "mrr@20", 0.355);
}

/* Questions of one session in the form of the set: what was seen, a tab, what came. */
static void ask_about(FILE *out, char *line)
{
    for (char *at = strrchr(line, ' '); at != NULL; at = strrchr(line, ' ')) {
        *at = '\0';
        (void)fprintf(out, "%s\t%s\n", line, at + 1);
    }
}

static size_t count_lines(const char *path, char *line)
{
    FILE *file = fopen(path, "r");
    size_t count = 0;
    assert_non_null(file);
    while (fgets(line, LINE_BYTES, file) != NULL)
        count++;
    (void)fclose(file);
    return count;
}

static void cut_newest(const char *from, const char *train, const char *test)
{
    static char line[LINE_BYTES];
    const size_t lines = count_lines(from, line);
    FILE *in = fopen(from, "r");
    FILE *learnt = fopen(train, "w");
    FILE *asked = fopen(test, "w");
    assert_true(lines > TRAIN + ASKED && in != NULL && learnt != NULL && asked != NULL);
    for (size_t l = 0; fgets(line, sizeof(line), in) != NULL; l++) {
        line[strcspn(line, "\n")] = '\0';
        if (l >= lines - ASKED)
            ask_about(asked, line);
        else if (l >= lines - ASKED - TRAIN)
            (void)fprintf(learnt, "%s\n", line);
    }
    (void)fclose(in);
    assert_int_equal(fclose(learnt) | fclose(asked), 0);
}

static void test_next_views_of_diginetica(void **state)
{
    (void)state;
    char from[PATH_BYTES];
    char train[TEXT_PATH_BYTES];
    char test[TEXT_PATH_BYTES];
    need("diginetica/train_sessions.txt", from);
    text_path("train.txt", train);
    text_path("test.txt", test);
    cut_newest(from, train, test);
    const mr_ranking_result result = run_sessions(train, test, MR_SESSION_PREFIX, "auto");
    assert_reaches(&result, "hr@20", 0.49, "mrr@20", 0.185);
}

/* ---- sequences ---- */

static void test_last_items_of_beauty(void **state)
{
    (void)state;
    static char line[LINE_BYTES];
    char from[PATH_BYTES];
    char path[TEXT_PATH_BYTES];
    need("sequences/Beauty.txt", from);
    text_path("beauty.txt", path);
    FILE *in = fopen(from, "r");
    FILE *out = fopen(path, "w");
    assert_true(in != NULL && out != NULL);
    for (size_t l = 0; fgets(line, sizeof(line), in) != NULL; l++)
        if (l % 2 == 0)
            (void)fputs(line, out);
    (void)fclose(in);
    assert_int_equal(fclose(out), 0);
    const mr_sequence_options options = {.data_path = path,
                                         .ranking = options_of("auto")};
    mr_ranking_result result;
    mr_error error;
    if (mr_sequence_protocol_run(&options, &result, &error) != MR_OK)
        fail_msg("%s", error.message);
    assert_reaches(&result, "hr@20", 0.120, "ndcg@20", 0.060);
}

/* ---- baskets ---- */

static mr_ranking_result run_baskets(const char *history, const char *future,
                                     const char *model)
{
    const mr_basket_options options = {
        .history_path = history, .future_path = future, .ranking = options_of(model)};
    mr_ranking_result result;
    mr_error error;
    if (mr_basket_protocol_run(&options, &result, &error) != MR_OK)
        fail_msg("%s", error.message);
    return result;
}

static void test_next_baskets_of_tafeng(void **state)
{
    (void)state;
    char history[PATH_BYTES];
    char future[PATH_BYTES];
    need("tafeng/tafeng_history.json", history);
    need("tafeng/tafeng_future.json", future);
    const mr_ranking_result popular = run_baskets(history, future, "popular");
    assert_close(metric(&popular, "recall@10"), 0.0803, 0.001); /* the published G-Top */
    const mr_ranking_result result = run_baskets(history, future, "auto");
    assert_reaches(&result, "recall@10", 0.150, "ndcg@10", 0.130);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next_clicks_of_yoochoose),
        cmocka_unit_test(test_next_views_of_diginetica),
        cmocka_unit_test(test_last_items_of_beauty),
        cmocka_unit_test(test_next_baskets_of_tafeng),
    };
    if (mr_blas_start() == NULL)
        return 1;
    return cmocka_run_group_tests_name("next_items", tests, text_set_up, text_tear_down);
}
