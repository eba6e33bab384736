/*
 * Scoring: a small shop of two shelves.  Whoever touched one shelf must be led along it, what the
 * scorer makes of a state must be what the recommender makes of the same history, and a model that
 * is swapped in must be used at once.
 */
#include "app/scoring.h"
#include "tests/feature_batch.h"
#include "tests/model_version.h"

#include <math.h>
#include <string.h>

enum { SHOPPERS = 12, K = 4 };

typedef struct fixture {
    char directory[64];
    mr_plan *plan;
    mr_hash_key key;
    mr_shard *shard;
    mr_model_slot *slot;
    mr_scoring scoring;
} fixture;

/* Even shoppers buy tea-0 … tea-5, odd ones yarn-0 … yarn-5, in one order, leaving one out. */
static void fill(mr_shard *shard)
{
    for (int shopper = 0; shopper < SHOPPERS; shopper++) {
        char user[16];
        (void)snprintf(user, sizeof(user), "shopper-%d", shopper);
        for (int item = 0; item < 6; item++) {
            char name[16];
            (void)snprintf(name, sizeof(name), "%s-%d", shopper % 2 == 0 ? "tea" : "yarn",
                           item);
            if (item != shopper / 2)
                test_apply(shard, test_purchase(user, name, START_MS + item, user, 100));
        }
    }
}

static mr_model_slot *train(fixture *f)
{
    char version[MR_MODEL_VERSION_BYTES];
    test_model_train(f->directory, f->plan, &f->key, f->shard, 1, version);
    return test_model_slot(f->directory, version, f->plan, &f->key);
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    (void)snprintf(f->directory, sizeof(f->directory), "/tmp/test_scoring-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    mr_hash_key_init(&f->key, "secret", 6);
    assert_ok(mr_plan_create_default(&f->plan));
    f->shard = test_shard(f->plan, 0);
    fill(f->shard);
    f->slot = train(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    mr_scoring_deinit(&f->scoring);
    mr_model_slot_destroy(f->slot);
    mr_shard_destroy(f->shard);
    mr_plan_destroy(f->plan);
    assert_ok(mr_directory_remove(f->directory, NULL));
    free(f);
    return 0;
}

static mr_text item_id(const fixture *f, uint32_t item)
{
    return mr_recommender_item_id(mr_model_slot_recommender(f->slot), item);
}

static mr_user_state state_with(const mr_recent_item *items, uint8_t count)
{
    mr_user_state user = {.user_id = MR_TEXT("ann"), .item_count = count};
    memcpy(user.items, items, count * sizeof(*items));
    return user;
}

static void test_a_state_is_led_along_its_shelf(void **state)
{
    fixture *f = *state;
    const mr_recent_item viewed[] = {
        {MR_TEXT("tea-1"), 1772366400, MR_EVENT_VIEW, 1},
        {MR_TEXT("not-in-the-model"), 1772366400, MR_EVENT_PURCHASE, 1},
        {MR_TEXT("yarn-1"), 1772366400, MR_EVENT_RATE, 10}, /* disliked: says nothing */
    };
    const mr_user_state user = state_with(viewed, 3);
    mr_scored_item items[K];
    size_t count;
    assert_ok(mr_scoring_score(&f->scoring, f->slot, &user, NULL, 0, START_MS, K, items,
                               &count));
    assert_int_equal(count, K);
    for (size_t i = 0; i < count; i++) {
        assert_memory_equal(item_id(f, items[i].item).bytes, "tea-", 4);
        assert_true(mr_text_is(item_id(f, items[i].because), "tea-1"));
    }
}

static void test_it_weighs_a_history_as_training_does(void **state)
{
    fixture *f = *state;
    const mr_recommender *model = mr_model_slot_recommender(f->slot);
    const mr_recent_item recent[] = {{MR_TEXT("tea-1"), 1772366400, MR_EVENT_CART_ADD, 3},
                                     {MR_TEXT("yarn-2"), 1772366000, MR_EVENT_RATE, 45}};
    const mr_model_history_item history[] = {
        {mr_recommender_find_item(model, MR_TEXT("tea-1")),
         mr_training_weight(MR_EVENT_CART_ADD, 3), 1772366400},
        {mr_recommender_find_item(model, MR_TEXT("yarn-2")),
         mr_training_weight(MR_EVENT_RATE, 45), 1772366000}};
    const mr_user_state user = state_with(recent, 2);
    const mr_recommend_options options = {.k = K};
    mr_recommender_scratch *scratch = NULL;
    mr_scored_item actual[K];
    mr_scored_item expected[K];
    size_t count;
    assert_ok(mr_recommender_scratch_create(model, &scratch));
    assert_ok(
        mr_recommender_score(model, scratch, history, 2, &options, expected, &count));
    assert_int_equal(count, K);
    assert_ok(mr_scoring_score(&f->scoring, f->slot, &user, NULL, 0, START_MS, K, actual,
                               &count));
    for (size_t i = 0; i < K; i++) {
        assert_int_equal(actual[i].item, expected[i].item);
        assert_close(actual[i].score, expected[i].score, 0.0);
    }
    mr_recommender_scratch_destroy(scratch);
}

static void test_context_leads_where_there_is_no_state(void **state)
{
    fixture *f = *state;
    const uint32_t context[] = {
        mr_recommender_find_item(mr_model_slot_recommender(f->slot), MR_TEXT("yarn-3"))};
    mr_scored_item items[K];
    size_t count;
    assert_ok(mr_scoring_score(&f->scoring, f->slot, NULL, context, 1, START_MS, K, items,
                               &count));
    assert_memory_equal(item_id(f, items[0].item).bytes, "yarn-", 5);
    assert_ok(mr_scoring_score(&f->scoring, f->slot, NULL, NULL, 0, START_MS, K, items,
                               &count));
    assert_int_equal(count, K);
    assert_int_equal(items[0].source, MR_SOURCE_POPULAR);
}

static void test_given_items_are_ranked_by_the_same_history(void **state)
{
    fixture *f = *state;
    const mr_recommender *model = mr_model_slot_recommender(f->slot);
    const mr_recent_item recent[] = {{MR_TEXT("tea-1"), 1772366400, MR_EVENT_VIEW, 1}};
    const mr_user_state user = state_with(recent, 1);
    const uint32_t given[] = {mr_recommender_find_item(model, MR_TEXT("yarn-4")),
                              MR_ITEM_NONE,
                              mr_recommender_find_item(model, MR_TEXT("tea-4"))};
    mr_scored_item ranked[3];
    assert_ok(mr_scoring_rank(&f->scoring, f->slot, &user, NULL, 0, START_MS, given, 3,
                              ranked));
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(ranked[i].item, given[i]);
    assert_true(isnan(ranked[1].score));
    assert_true(ranked[2].score > ranked[0].score);
    /* In view is another shelf: the same items, the other way round. */
    const uint32_t context[] = {mr_recommender_find_item(model, MR_TEXT("yarn-3"))};
    assert_ok(mr_scoring_rank(&f->scoring, f->slot, NULL, context, 1, START_MS, given, 3,
                              ranked));
    assert_true(ranked[2].score < ranked[0].score);
}

static void test_similar_items_stand_on_the_same_shelf(void **state)
{
    fixture *f = *state;
    mr_scored_item items[K];
    size_t count;
    const uint32_t item =
        mr_recommender_find_item(mr_model_slot_recommender(f->slot), MR_TEXT("tea-0"));
    assert_ok(mr_scoring_similar(&f->scoring, f->slot, item, K, items, &count));
    assert_int_equal(count, K);
    for (size_t i = 0; i < count; i++)
        assert_memory_equal(item_id(f, items[i].item).bytes, "tea-", 4);
}

static void test_what_is_bought_together_stands_on_the_same_shelf(void **state)
{
    fixture *f = *state;
    mr_scored_item items[K];
    size_t count = 0;
    const uint32_t item =
        mr_recommender_find_item(mr_model_slot_recommender(f->slot), MR_TEXT("tea-0"));
    assert_ok(mr_scoring_bought_together(&f->scoring, f->slot, item, K, items, &count));
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++)
        assert_memory_equal(item_id(f, items[i].item).bytes, "tea-", 4);
    assert_int_equal(
        mr_scoring_bought_together(&f->scoring, f->slot, MR_ITEM_NONE, K, items, &count),
        MR_ERR_NOT_FOUND);
}

static void test_a_model_swapped_in_is_used_at_once(void **state)
{
    fixture *f = *state;
    const mr_recent_item viewed[] = {{MR_TEXT("tea-1"), 1772366400, MR_EVENT_VIEW, 1}};
    const mr_user_state user = state_with(viewed, 1);
    mr_scored_item items[64];
    size_t before;
    size_t after;
    assert_ok(mr_scoring_score(&f->scoring, f->slot, &user, NULL, 0, START_MS, 64, items,
                               &before));
    for (int n = 0; n < 3; n++) { /* a larger dictionary: an old scratch would be short */
        char name[16];
        for (int item = 0; item < 10; item++) {
            (void)snprintf(name, sizeof(name), "new-%d-%d", n, item);
            test_apply(f->shard,
                       test_purchase("shopper-0", name, START_MS + DAY_MS, "", 1));
        }
        mr_model_slot_destroy(f->slot);
        f->slot = train(f);
        assert_ok(mr_scoring_score(&f->scoring, f->slot, &user, NULL, 0, START_MS, 64,
                                   items, &after));
        assert_int_equal(after, before + 10 * (size_t)(n + 1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_state_is_led_along_its_shelf, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_it_weighs_a_history_as_training_does, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_context_leads_where_there_is_no_state,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_given_items_are_ranked_by_the_same_history,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_similar_items_stand_on_the_same_shelf,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_what_is_bought_together_stands_on_the_same_shelf, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_model_swapped_in_is_used_at_once, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
