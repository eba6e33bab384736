/*
 * Training set: rows against the events they were made of.
 */
#include "app/training_set.h"
#include "tests/feature_batch.h"

#include <string.h>

typedef struct fixture {
    mr_plan *plan;
    mr_shard *shards[2];
    mr_training_rows *rows;
    mr_hash_key key;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    mr_hash_key_init(&f->key, "t", 1);
    assert_ok(mr_plan_create_default(&f->plan));
    for (uint32_t p = 0; p < 2; p++)
        f->shards[p] = test_shard(f->plan, p);
    assert_ok(mr_training_rows_create(&f->key, &f->rows));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    mr_training_rows_destroy(f->rows);
    mr_shard_destroy(f->shards[0]);
    mr_shard_destroy(f->shards[1]);
    mr_plan_destroy(f->plan);
    free(f);
    return 0;
}

static mr_event anonymous_view(const char *visitor, const char *item, int64_t time_ms)
{
    mr_event event = test_event(MR_EVENT_VIEW, NULL, item, time_ms);
    event.anonymous_id = mr_text_from(visitor);
    return event;
}

static void apply(mr_shard *shard, const mr_event *events, size_t count)
{
    mr_event_batch batch = {.partition = mr_shard_partition(shard)};
    for (size_t i = 0; i < count; i++)
        test_batch_add(&batch, mr_shard_next_offset(shard) + (int64_t)i, events[i]);
    assert_ok(mr_shard_apply(shard, &batch));
    mr_event_batch_deinit(&batch);
}

static void test_weighs_events_by_what_they_say(void **state)
{
    (void)state;
    assert_close(mr_training_weight(MR_EVENT_PURCHASE, 1), 1.0, 0.0);
    assert_close(mr_training_weight(MR_EVENT_PURCHASE, 200), 1.0, 0.0);
    assert_close(mr_training_weight(MR_EVENT_CART_ADD, 1), 0.5, 0.0);
    assert_close(mr_training_weight(MR_EVENT_WISHLIST, 1), 0.5, 0.0);
    assert_close(mr_training_weight(MR_EVENT_VIEW, 1), 0.2, 1e-6);
    assert_close(mr_training_weight(MR_EVENT_RATE, 50), 1.0, 0.0);
    assert_close(mr_training_weight(MR_EVENT_RATE, 35), 0.5, 1e-6);
    assert_true(mr_training_weight(MR_EVENT_RATE, 20) <= 0.0F);
    assert_true(mr_training_weight(MR_EVENT_RATE, 10) <= 0.0F);
    assert_true(mr_training_weight(MR_EVENT_REFUND, 1) <= 0.0F);
    assert_true(mr_training_weight(250, 1) <= 0.0F);
}

static void test_numbers_items_by_id_over_all_shards(void **state)
{
    fixture *f = *state;
    const mr_event first[] = {
        test_purchase("ann", "pear", START_MS, "o1", 100),
        test_event(MR_EVENT_VIEW, "ann", "apple", START_MS + DAY_MS),
    };
    const mr_event second[] = {
        test_event(MR_EVENT_CART_ADD, "bob", "fig", START_MS + 2 * DAY_MS),
        test_purchase("bob", "pear", START_MS + 3 * DAY_MS, "o2", 100),
    };
    apply(f->shards[0], first, 2);
    apply(f->shards[1], second, 2);
    assert_ok(mr_training_rows_add(f->rows, f->shards[0], NULL));
    assert_ok(mr_training_rows_add(f->rows, f->shards[1], NULL));
    assert_ok(mr_training_rows_finish(f->rows));

    const mr_training_counts counts = mr_training_rows_counts(f->rows);
    assert_int_equal(counts.users, 2);
    assert_int_equal(counts.items, 3);
    assert_int_equal(counts.entries, 4);
    assert_int_equal(counts.from_s, START_MS / 1000);
    assert_int_equal(counts.to_s, (START_MS + 3 * DAY_MS) / 1000);
    const char *const ids[] = {"apple", "fig", "pear"};
    for (size_t i = 0; i < 3; i++)
        assert_true(mr_text_is(mr_training_rows_item_ids(f->rows)[i], ids[i]));

    const mr_interactions view = mr_training_rows_view(f->rows);
    const uint64_t ptr[] = {0, 2, 4};
    const uint32_t items[] = {2, 0, 1, 2};
    const float weights[] = {1.0F, 0.2F, 0.5F, 1.0F};
    const uint8_t bought[] = {1, 0, 0, 1};
    assert_int_equal(view.users, 2);
    assert_memory_equal(view.ptr, ptr, sizeof(ptr));
    assert_memory_equal(view.item, items, sizeof(items));
    assert_memory_equal(view.bought, bought, sizeof(bought));
    for (size_t e = 0; e < 4; e++) {
        assert_close(view.weight[e], weights[e], 1e-6);
        assert_int_equal(view.time_s[e], (START_MS + (int64_t)e * DAY_MS) / 1000);
    }
    mr_error error;
    assert_ok(mr_interactions_check(&view, &error));
}

static void test_takes_strangers_only_with_two_different_items(void **state)
{
    fixture *f = *state;
    const mr_event events[] = {
        anonymous_view("passer-by", "apple", START_MS),
        anonymous_view("passer-by", "apple", START_MS + HOUR_MS),
        anonymous_view("browser", "apple", START_MS + 2 * HOUR_MS),
        anonymous_view("browser", "pear", START_MS + 3 * HOUR_MS),
        test_event(MR_EVENT_VIEW, "ann", "apple", START_MS + 4 * HOUR_MS),
        test_event(MR_EVENT_LOGIN, "bob", NULL, START_MS + 5 * HOUR_MS),
    };
    uint32_t users[8];
    apply(f->shards[0], events, sizeof(events) / sizeof(events[0]));
    assert_int_equal(mr_shard_user_count(f->shards[0]), 4);
    assert_ok(mr_training_rows_add(f->rows, f->shards[0], users));
    assert_ok(mr_training_rows_finish(f->rows));

    const mr_training_counts counts = mr_training_rows_counts(f->rows);
    assert_int_equal(counts.users, 1);
    assert_int_equal(counts.anonymous, 1);
    assert_int_equal(counts.entries, 3);
    /* The browser's row is the first; nobody asks for a list for a stranger of the past. */
    const uint32_t expected[] = {MR_ROW_NONE, MR_ROW_NONE, 1, MR_ROW_NONE};
    assert_memory_equal(users, expected, sizeof(expected));
}

static void test_is_empty_without_histories(void **state)
{
    fixture *f = *state;
    assert_ok(mr_training_rows_add(f->rows, f->shards[0], NULL));
    assert_ok(mr_training_rows_finish(f->rows));
    assert_int_equal(mr_training_rows_counts(f->rows).entries, 0);
    assert_int_equal(mr_training_rows_view(f->rows).users, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weighs_events_by_what_they_say),
        cmocka_unit_test_setup_teardown(test_numbers_items_by_id_over_all_shards, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            test_takes_strangers_only_with_two_different_items, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_is_empty_without_histories, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
