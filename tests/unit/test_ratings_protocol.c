/*
 * Method: metrics of a scorer made for the test (few different scores, so that ties are many)
 * against their definition; the whole protocol on a small planted world, where new items can be
 * told by their genre alone.
 */
#include "tests/support.h"

#include "core/file.h"
#include "models/blas.h"
#include "models/random.h"
#include "models/ratings_protocol.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { USERS = 90, ITEMS = 60, GENRES = 3, EVENTS = 14, LINE_BYTES = 64 };

/* ---- a scorer of the test's own ---- */

static float planted_score(uint32_t first, uint32_t item)
{
    return (float)(mr_random_bits(first, item) % 6) - 1.0F;
}

static void score_planted(const void *model, void *scratch, const mr_ratings_asked *asked,
                          float *row)
{
    (void)scratch;
    for (uint32_t i = 0; i < *(const uint32_t *)model; i++)
        row[i] = planted_score(asked->item[0], i);
}

static void make_ratings(mr_rating *ratings, size_t count)
{
    for (uint64_t r = 0; r < count; r++)
        ratings[r] = (mr_rating){
            .user = (uint32_t)(mr_random_bits(1, r) % (20 + r * (USERS - 20) / count)),
            .item = (uint32_t)(mr_random_bits(2, r) % (40 + r * (ITEMS - 40) / count)),
            .time_s = (uint32_t)r,
            .value = (float)(2 + mr_random_bits(3, r) % 4)};
}

static void add_by_definition(const mr_ratings_cut *cut, const mr_ratings_question *q,
                              bool only_cold, double sums[2])
{
    const uint32_t *given = cut->item + cut->ptr[q->user];
    double found = 0.0;
    double gain = 0.0;
    double ideal = 0.0;
    for (uint32_t t = 0; t < q->target_count; t++) {
        const uint32_t target = cut->targets[q->target_begin + t];
        const float score = planted_score(given[0], target);
        int rank = 0;
        for (uint32_t i = 0; i < ITEMS; i++) {
            bool is_candidate = !(only_cold && cut->is_known_item[i]);
            for (uint32_t g = 0; g < q->given; g++)
                is_candidate = is_candidate && given[g] != i;
            rank += is_candidate && planted_score(given[0], i) >= score;
        }
        if (t < 20)
            ideal += 1.0 / log2(t + 2.0);
        if (score > 0.0F && rank <= 20) {
            found += 1.0;
            gain += 1.0 / log2(rank + 1.0);
        }
    }
    sums[0] += found / q->target_count;
    sums[1] += gain / ideal;
}

static void test_metrics_equal_their_definition_for_any_number_of_threads(void **state)
{
    (void)state;
    enum { COUNT = 3000 };
    static mr_rating ratings[COUNT];
    static const mr_ratings_scorer scorer = {.name = "planted", .score = score_planted};
    const uint32_t model = ITEMS;
    mr_ratings_cut cut;
    double expected[MR_RATINGS_METRICS] = {0};
    double counts[MR_RATINGS_METRICS] = {0};
    make_ratings(ratings, COUNT);
    assert_ok(mr_ratings_cut_make(ratings, COUNT, USERS, ITEMS, 0.4, &cut));
    for (size_t q = 0; q < cut.question_count; q++) {
        const mr_ratings_question *question = &cut.questions[q];
        const size_t at = 2 * (size_t)question->kind;
        add_by_definition(&cut, question, false, expected + at);
        counts[at] += 1.0;
        if (question->kind == MR_RATINGS_COLD_ITEM) {
            add_by_definition(&cut, question, true, expected + 10);
            counts[10] += 1.0;
        }
    }
    for (uint32_t threads = 1; threads <= 3; threads += 2) {
        mr_worker_pool *pool = NULL;
        double metrics[MR_RATINGS_METRICS];
        assert_ok(mr_worker_pool_create(threads, &pool));
        assert_ok(mr_ratings_measure(&scorer, &model, &cut, pool, metrics));
        for (size_t m = 0; m < MR_RATINGS_METRICS; m++) {
            assert_true(counts[m / 2 * 2] > 0.0 && metrics[m] > 0.0);
            assert_close(metrics[m], expected[m] / counts[m / 2 * 2], 1e-12);
        }
        mr_worker_pool_destroy(pool);
    }
    mr_ratings_cut_deinit(&cut);
}

/* ---- a planted world in files ---- */

static char directory[64];
static char data_path[96];
static char items_path[96];

/* User u likes genre u % 3.  The last users and the last items of each genre come late. */
static void write_world(void)
{
    char *text = malloc((size_t)USERS * EVENTS * LINE_BYTES);
    size_t length = (size_t)sprintf(
        text, "user_id:token\titem_id:token\trating:float\ttimestamp:float\n");
    for (uint32_t u = 0; u < USERS; u++)
        for (uint32_t e = 0; e < EVENTS; e++) {
            const uint32_t time_s = u * 40 + e * 40; /* up to 4080 */
            const uint32_t open = 10 + time_s / 408;
            const uint32_t pick = (uint32_t)(mr_random_bits(u, e) % open);
            length +=
                (size_t)sprintf(text + length, "u%u\ti%u\t%d\t%u\n", u,
                                pick * GENRES + u % GENRES, 4 + (int)(e % 2), time_s);
        }
    assert_ok(mr_file_replace(data_path, text, length, NULL));
    length = (size_t)sprintf(text, "item_id:token\tgenre:token_seq\tyear:token\n");
    for (uint32_t i = 0; i < ITEMS; i++)
        length += (size_t)sprintf(text + length, "i%u\tg%u\t%u\n", i, i % GENRES,
                                  1980 + i / 10);
    assert_ok(mr_file_replace(items_path, text, length, NULL));
    free(text);
}

static int make_world(void **state)
{
    (void)state;
    (void)snprintf(directory, sizeof(directory), "/tmp/test_ratings_%d", (int)getpid());
    (void)snprintf(data_path, sizeof(data_path), "%s/world.inter", directory);
    (void)snprintf(items_path, sizeof(items_path), "%s/world.item", directory);
    if (mr_directory_make(directory, NULL) != MR_OK)
        return 1;
    write_world();
    return 0;
}

static int remove_world(void **state)
{
    (void)state;
    return mr_directory_remove(directory, NULL) == MR_OK ? 0 : 1;
}

static mr_ratings_options options_for(const char *model, uint32_t threads)
{
    return (mr_ratings_options){.data_path = data_path,
                                .items_path = items_path,
                                .model = model,
                                .budget = 6,
                                .threads = threads,
                                .clock = mr_clock_system()};
}

static void test_content_finds_new_items_where_others_cannot(void **state)
{
    (void)state;
    mr_ratings_result result;
    mr_error error;
    const mr_ratings_options options = options_for("content", 2);
    const mr_status status = mr_ratings_run(&options, &result, &error);
    if (status != MR_OK)
        fail_msg("%s", error.message);
    assert_int_equal(result.row_count, 3);
    assert_string_equal(result.rows[0].model, "content");
    assert_string_equal(result.rows[1].model, "popular");
    assert_string_equal(result.rows[2].model, "item_knn");
    assert_int_equal(result.rows[0].tries, 6);
    assert_int_equal(result.rows[2].tries, 1);
    assert_true(result.cold_users > 0 && result.cold_items > 0);
    assert_int_equal(result.train_count + result.test_count, USERS * EVENTS);
    const uint32_t cold = 10;
    assert_string_equal(mr_ratings_metric_name(cold), "cold_item_only_recall@20");
    assert_true(result.rows[0].metrics[cold] > 0.9);
    for (uint32_t yardstick = 1; yardstick <= 2; yardstick++)
        assert_true(result.rows[yardstick].metrics[cold] <= 0.0);
    /* one event tells the genre, of which 20 items are in the catalogue */
    assert_true(result.rows[0].metrics[2] > 0.9);
}

static void test_a_result_does_not_depend_on_threads(void **state)
{
    (void)state;
    static const char *const models[] = {"content", "popular", "item_item", "item_knn"};
    for (size_t m = 0; m < 4; m++) {
        mr_ratings_result one;
        mr_ratings_result three;
        const mr_ratings_options with_one = options_for(models[m], 1);
        const mr_ratings_options with_three = options_for(models[m], 3);
        assert_ok(mr_ratings_run(&with_one, &one, NULL));
        assert_ok(mr_ratings_run(&with_three, &three, NULL));
        assert_int_equal(one.row_count, three.row_count);
        for (uint32_t r = 0; r < one.row_count; r++) {
            assert_string_equal(one.rows[r].parameters, three.rows[r].parameters);
            assert_memory_equal(one.rows[r].metrics, three.rows[r].metrics,
                                sizeof(one.rows[r].metrics));
        }
    }
}

static void assert_run_fails(const mr_ratings_options *options, mr_status status,
                             const char *message)
{
    mr_ratings_result result;
    mr_error error;
    assert_int_equal(mr_ratings_run(options, &result, &error), status);
    if (strstr(error.message, message) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.message, message);
}

static void test_what_cannot_be_run_is_named(void **state)
{
    (void)state;
    mr_ratings_options options = options_for("oracle", 1);
    assert_run_fails(&options, MR_ERR_INVALID, "no model `oracle`");
    options = options_for("popular", 1);
    options.test_share = 1.0;
    assert_run_fails(&options, MR_ERR_INVALID, "share");
    options.test_share = 0.9999;
    assert_run_fails(&options, MR_ERR_INVALID, "nothing to learn from");
    options.test_share = 0.0;
    options.data_path = "/nowhere/at.all";
    assert_run_fails(&options, MR_ERR_NOT_FOUND, "/nowhere/at.all");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metrics_equal_their_definition_for_any_number_of_threads),
        cmocka_unit_test(test_content_finds_new_items_where_others_cannot),
        cmocka_unit_test(test_a_result_does_not_depend_on_threads),
        cmocka_unit_test(test_what_cannot_be_run_is_named),
    };
    if (mr_blas_start() == NULL)
        return 1;
    return cmocka_run_group_tests(tests, make_world, remove_world);
}
