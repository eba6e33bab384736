/*
 * Method: the public Gowalla split (29,858 users, 40,981 items), parameters and blend chosen on a
 * hold-out cut from the training file with ten tries, ranked once on the test file.  The gate
 * is recall@20 .187 and NDCG@20 .155, above LightGCN's published .1820/.1547 in recall; the
 * singles are held to the published ItemCF row (.1570/.1214) and to popularity being far below.
 */
#include "tests/support.h"

#include "models/blas.h"
#include "models/lightgcn_protocol.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SKIPPED = 77 };

static char train_path[1024];
static char test_path[1024];

static bool find_data(void)
{
    const char *data = getenv("MILLRACE_DATA");
    const char *source = getenv("MILLRACE_SOURCE");
    char folder[512];
    if (data != NULL)
        (void)snprintf(folder, sizeof(folder), "%s/gowalla", data);
    else
        (void)snprintf(folder, sizeof(folder), "%s/../shared/data/gowalla",
                       source != NULL ? source : ".");
    (void)snprintf(train_path, sizeof(train_path), "%s/train.txt", folder);
    (void)snprintf(test_path, sizeof(test_path), "%s/test.txt", folder);
    return access(train_path, R_OK) == 0 && access(test_path, R_OK) == 0;
}

static mr_lightgcn_result run(mr_lightgcn_model model, uint32_t budget)
{
    mr_lightgcn_result result;
    mr_error error;
    const mr_lightgcn_options options = {.train_path = train_path,
                                         .test_path = test_path,
                                         .model = model,
                                         .budget = budget,
                                         .seed = 1,
                                         .clock = mr_clock_system()};
    if (mr_lightgcn_run(&options, &result, &error) != MR_OK)
        fail_msg("%s", error.message);
    (void)printf("%s %s: recall@20 %.4f ndcg@20 %.4f, train %.1f s, score %.1f s\n",
                 result.model, result.parameters, result.metrics.recall,
                 result.metrics.ndcg, result.train_seconds, result.score_seconds);
    return result;
}

static void test_the_choice_of_ten_passes_the_gate(void **state)
{
    (void)state;
    const mr_lightgcn_result result = run(MR_LIGHTGCN_AUTO, 10);
    assert_int_equal(result.users, 29858);
    assert_int_equal(result.items, 40981);
    assert_int_equal(result.train_count, 810128);
    assert_int_equal(result.test_count, 217242);
    assert_true(result.metrics.recall >= 0.187);
    assert_true(result.metrics.ndcg >= 0.155);
}

static void test_item_item_alone_is_above_published_item_cf(void **state)
{
    (void)state;
    const mr_lightgcn_result result = run(MR_LIGHTGCN_ITEM_ITEM, 3);
    assert_true(result.metrics.recall >= 0.1570);
    assert_true(result.metrics.ndcg >= 0.1214);
}

static void test_popularity_is_far_below(void **state)
{
    (void)state;
    const mr_lightgcn_result result = run(MR_LIGHTGCN_POPULAR, 1);
    assert_string_equal(result.model, "popular");
    assert_true(result.metrics.recall < 0.06);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_choice_of_ten_passes_the_gate),
        cmocka_unit_test(test_item_item_alone_is_above_published_item_cf),
        cmocka_unit_test(test_popularity_is_far_below),
    };
    if (!find_data()) {
        const char *ci = getenv("CI");
        (void)fprintf(stderr, "%s: needs gowalla\n",
                      ci != NULL && strcmp(ci, "true") == 0 ? "failed" : "skipped");
        return ci != NULL && strcmp(ci, "true") == 0 ? 1 : SKIPPED;
    }
    if (mr_blas_start() == NULL)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
