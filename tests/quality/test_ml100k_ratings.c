/*
 * Ratings of MovieLens-100k, a public set: 943 users, 1,682 films, 100,000 ratings with times.  No
 * published figure belongs to a cut by time, so content is held to chance: of the new films, which
 * nobody has rated before the cut, those that a user will like must stand far above where a random
 * order would put them, where popularity and item kNN have nothing to say.
 */
#include "models/blas.h"
#include "models/ratings_protocol.h"
#include "tests/data.h"
#include "tests/support.h"

#include <stdio.h>

enum { COLD_ITEM_ONLY_RECALL = 10, COLD_USER_5_RECALL = 6 };

static char paths[3][4096];

static mr_ratings_result run(const char *model, double share)
{
    const mr_ratings_options options = {.data_path = paths[0],
                                        .items_path = paths[1],
                                        .users_path = paths[2],
                                        .model = model,
                                        .test_share = share,
                                        .budget = 12,
                                        .clock = mr_clock_system()};
    mr_ratings_result result;
    mr_error error;
    if (mr_ratings_run(&options, &result, &error) != MR_OK)
        fail_msg("%s", error.message);
    return result;
}

static void test_the_files_have_the_published_counts(void **state)
{
    (void)state;
    const mr_ratings_result result = run("popular", 0.0);
    assert_int_equal(result.users, 943);
    assert_int_equal(result.items, 1682);
    assert_int_equal(result.train_count + result.test_count, 100000);
    assert_int_equal(result.cold_users, 192);
    assert_int_equal(result.cold_items, 66);
}

static void test_content_ranks_new_films_far_above_chance(void **state)
{
    (void)state;
    const mr_ratings_result result = run("content", 0.3);
    const double chance = (double)MR_RATINGS_K / result.cold_items;
    for (uint32_t r = 0; r < result.row_count; r++)
        print_message("%s: new films recall@20 %.4f (chance %.4f), new users recall@20 "
                      "%.4f\n",
                      result.rows[r].model, result.rows[r].metrics[COLD_ITEM_ONLY_RECALL],
                      chance, result.rows[r].metrics[COLD_USER_5_RECALL]);
    assert_true(result.rows[0].metrics[COLD_ITEM_ONLY_RECALL] >= 1.6 * chance);
    assert_true(result.rows[2].metrics[COLD_ITEM_ONLY_RECALL] <= 0.0);
}

static void test_five_ratings_tell_more_than_popularity_does(void **state)
{
    (void)state;
    const mr_ratings_result result = run("item_item", 0.0);
    assert_string_equal(result.rows[1].model, "popular");
    assert_true(result.rows[0].metrics[COLD_USER_5_RECALL] >=
                1.2 * result.rows[1].metrics[COLD_USER_5_RECALL]);
}

int main(void)
{
    static const char *const files[] = {"ml-100k/ml-100k.inter", "ml-100k/ml-100k.item",
                                        "ml-100k/ml-100k.user"};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_files_have_the_published_counts),
        cmocka_unit_test(test_content_ranks_new_films_far_above_chance),
        cmocka_unit_test(test_five_ratings_tell_more_than_popularity_does),
    };
    for (int f = 0; f < 3; f++)
        if (!test_data_path(files[f], paths[f], sizeof(paths[f])))
            return test_data_missing("ml-100k");
    if (mr_blas_start() == NULL)
        return 1;
    return cmocka_run_group_tests_name("ml100k_ratings", tests, NULL, NULL);
}
