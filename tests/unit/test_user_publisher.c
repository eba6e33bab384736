/*
 * User publisher: a shard on one side, a memory cache on the other.  What a reader decodes must be
 * the shard's own picture of the user, and rows must reach the scorers once each, those of users
 * who were read lately before the others.
 */
#include "app/user_publisher.h"
#include "features/trending.h"
#include "serving/cache_memory.h"
#include "tests/feature_batch.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { STORE_BYTES = 16 << 20, CROWD = 600, WAIT_MS = 1000, PATIENCE = 5000 };

typedef struct fixture {
    mr_config config;
    mr_engine engine;
    mr_owned_shard owned;
    mr_cache *reader;
    mr_buffer found;
    mr_user_publisher *publisher;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->config.cache.kind = MR_KIND_LOCAL;
    f->config.cache.ttl_ms = DAY_MS;
    f->config.models.unread = 100;
    f->engine = (mr_engine){.config = &f->config, .clock = mr_clock_system()};
    mr_hash_key_init(&f->engine.key, "secret", 6);
    assert_ok(mr_plan_create_default(&f->engine.plan));
    assert_ok(mr_memory_store_create(STORE_BYTES, mr_clock_system(), &f->engine.memory));
    assert_ok(mr_statistics_create(1, &f->engine.statistics));
    assert_ok(mr_snapshot_holder_create(&f->engine.models));
    assert_ok(mr_recent_readers_create(mr_clock_system(), &f->engine.readers));
    assert_ok(mr_cache_memory_create(f->engine.memory, &f->reader));
    f->owned = (mr_owned_shard){
        .engine = &f->engine, .shard = test_shard(f->engine.plan, 0), .epoch = 7};
    assert_ok(mr_user_publisher_create(&f->engine, &f->publisher, NULL));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    mr_user_publisher_destroy(f->publisher);
    mr_row_queue_deinit(&f->owned.read_rows);
    mr_row_queue_deinit(&f->owned.unread_rows);
    mr_recent_readers_destroy(f->engine.readers);
    mr_shard_destroy(f->owned.shard);
    mr_cache_destroy(f->reader);
    mr_buffer_deinit(&f->found);
    mr_snapshot_holder_destroy(f->engine.models);
    mr_statistics_destroy(f->engine.statistics);
    mr_memory_store_destroy(f->engine.memory);
    mr_plan_destroy(f->engine.plan);
    free(f);
    return 0;
}

static void view(fixture *f, const char *user, const char *item, int64_t time_ms)
{
    test_apply(f->owned.shard, test_event(MR_EVENT_VIEW, user, item, time_ms));
}

static mr_text resolve(void *context, uint64_t hash)
{
    const fixture *f = context;
    for (uint32_t i = 0; i < mr_shard_item_count(f->owned.shard); i++) {
        const mr_text id = mr_shard_item_id(f->owned.shard, i);
        if (mr_hash_item(&f->engine.key, id) == hash)
            return id;
    }
    return (mr_text){0};
}

/* The user's small key as a reader sees it; false when there is none. */
static bool read_state(fixture *f, const char *user, mr_user_state *ret_state)
{
    char key[MR_CACHE_KEY_TEXT_BYTES];
    const mr_hash128 hash = mr_hash_user(&f->engine.key, mr_text_from(user));
    const mr_text name = mr_cache_user_key(hash, MR_CACHE_STATE, key);
    mr_text value;
    mr_buffer_clear(&f->found);
    assert_ok(mr_cache_get_many(f->reader, &name, 1, WAIT_MS, &f->found, &value));
    if (value.length == 0)
        return false;
    assert_ok(mr_user_state_decode(hash, value, resolve, f, ret_state));
    return true;
}

static void test_a_changed_user_can_be_read_as_the_shard_sees_him(void **state)
{
    fixture *f = *state;
    mr_user_state stored;
    mr_user_state own;
    view(f, "ann", "tea", START_MS);
    view(f, "ann", "yarn", START_MS + 1000);
    assert_ok(mr_user_publisher_flush(f->publisher, &f->owned));
    assert_true(read_state(f, "ann", &stored));
    mr_shard_user_state(f->owned.shard, 0, 7, &own);
    assert_int_equal(stored.epoch, 7);
    assert_int_equal(stored.offset, own.offset);
    assert_int_equal(stored.as_of_ms, own.as_of_ms);
    assert_int_equal(stored.events, 2);
    assert_int_equal(stored.item_count, 2);
    assert_true(mr_text_is(stored.items[0].item_id, "yarn")); /* newest first */
    assert_true(mr_text_is(stored.items[1].item_id, "tea"));
}

static void is_read(fixture *f, const char *user)
{
    mr_recent_readers_mark(f->engine.readers,
                           mr_hash_user(&f->engine.key, mr_text_from(user)));
}

static void test_each_changed_user_waits_for_a_list_once(void **state)
{
    fixture *f = *state;
    view(f, "ann", "tea", START_MS);
    view(f, "bob", "tea", START_MS);
    assert_ok(mr_user_publisher_flush(f->publisher, &f->owned));
    assert_int_equal(f->owned.unread_rows.count, 2);
    view(f, "bob", "yarn", START_MS + 1);
    view(f, "bob", "yarn", START_MS + 2);
    assert_ok(mr_user_publisher_flush(f->publisher, &f->owned));
    assert_int_equal(f->owned.unread_rows.count, 2);
    assert_int_equal(f->owned.read_rows.count, 0);
}

static void test_who_was_read_lately_waits_apart_from_the_others(void **state)
{
    fixture *f = *state;
    is_read(f, "bob");
    view(f, "ann", "tea", START_MS);
    view(f, "bob", "tea", START_MS);
    assert_ok(mr_user_publisher_flush(f->publisher, &f->owned));
    assert_int_equal(f->owned.read_rows.count, 1);
    assert_int_equal(mr_row_queue_first(&f->owned.read_rows),
                     mr_shard_find(f->owned.shard, MR_TEXT("bob")));
    assert_int_equal(f->owned.unread_rows.count, 1);
    assert_int_equal(mr_row_queue_first(&f->owned.unread_rows),
                     mr_shard_find(f->owned.shard, MR_TEXT("ann")));
}

static void test_with_no_time_for_the_unread_only_readers_wait(void **state)
{
    fixture *f = *state;
    f->config.models.unread = 0;
    is_read(f, "bob");
    view(f, "ann", "tea", START_MS);
    view(f, "bob", "tea", START_MS);
    assert_ok(mr_user_publisher_flush(f->publisher, &f->owned));
    assert_int_equal(f->owned.read_rows.count, 1);
    assert_int_equal(f->owned.unread_rows.count, 0);
    f->engine.until_end = true; /* whoever asks for it all gets it all */
    view(f, "ann", "yarn", START_MS + 1);
    assert_ok(mr_user_publisher_flush(f->publisher, &f->owned));
    assert_int_equal(f->owned.unread_rows.count, 1);
}

static void test_more_than_a_batch_of_users_all_arrive(void **state)
{
    fixture *f = *state;
    mr_user_state stored;
    char user[16];
    for (int i = 0; i < CROWD; i++) {
        (void)snprintf(user, sizeof(user), "user-%d", i);
        view(f, user, "tea", START_MS + i);
    }
    assert_ok(mr_user_publisher_flush(f->publisher, &f->owned));
    for (int i = 0; i < CROWD; i++) {
        (void)snprintf(user, sizeof(user), "user-%d", i);
        assert_true(read_state(f, user, &stored));
        assert_int_equal(stored.offset, i);
    }
}

static void test_a_visitor_never_overwrites_a_user_of_the_same_name(void **state)
{
    fixture *f = *state;
    mr_user_state stored;
    mr_event visit = test_event(MR_EVENT_VIEW, "", "yarn", START_MS);
    visit.anonymous_id = MR_TEXT("twin");
    test_apply(f->owned.shard, visit);
    assert_ok(mr_user_publisher_flush(f->publisher, &f->owned));
    assert_true(read_state(f, "twin", &stored)); /* nobody else has the name */
    assert_true(mr_text_is(stored.items[0].item_id, "yarn"));
    view(f, "twin", "tea", START_MS + 1);
    visit.time_ms += 2;
    test_apply(f->owned.shard, visit);
    assert_ok(mr_user_publisher_flush(f->publisher, &f->owned));
    assert_true(read_state(f, "twin", &stored));
    assert_true(mr_text_is(stored.items[0].item_id, "tea"));
}

static void test_an_older_owner_writes_nothing(void **state)
{
    fixture *f = *state;
    mr_user_state stored;
    view(f, "ann", "tea", START_MS);
    assert_ok(mr_user_publisher_flush(f->publisher, &f->owned));
    f->owned.epoch = 6;
    view(f, "ann", "yarn", START_MS + 1);
    assert_ok(mr_user_publisher_flush(f->publisher, &f->owned));
    assert_true(read_state(f, "ann", &stored));
    assert_int_equal(stored.epoch, 7);
    assert_int_equal(stored.events, 1);
}

static void test_rows_wait_while_the_scorers_are_full_and_go_out_once(void **state)
{
    fixture *f = *state;
    mr_scorer *scorer = NULL;
    for (int i = 0; i < CROWD; i++) {
        char user[16];
        (void)snprintf(user, sizeof(user), "user-%d", i);
        view(f, user, "tea", START_MS + i);
        if (i % 2 == 0)
            is_read(f, user);
    }
    assert_ok(mr_user_publisher_flush(f->publisher, &f->owned));
    assert_int_equal(f->owned.read_rows.count, CROWD / 2);
    assert_int_equal(f->owned.unread_rows.count, CROWD / 2);
    assert_ok(mr_scorer_create(&f->engine, &scorer, NULL));
    f->engine.scorers = &scorer;
    f->engine.scorer_count = 1;
    const struct timespec millisecond = {.tv_nsec = 1000000};
    for (int i = 0;
         i < PATIENCE && atomic_load(&f->engine.statistics->score_deferred) < CROWD;
         i++) {
        mr_user_publisher_feed_scorers(f->publisher, &f->owned);
        (void)nanosleep(&millisecond, NULL);
    }
    assert_int_equal(f->owned.read_rows.count, 0);
    assert_int_equal(f->owned.unread_rows.count, 0);
    assert_true(mr_scorer_is_idle(scorer));
    mr_scorer_destroy(scorer);
    /* Without a model each is left to its reader, and counted. */
    assert_int_equal(atomic_load(&f->engine.statistics->score_deferred), CROWD);
    assert_int_equal(atomic_load(&f->engine.statistics->cache_failures), 0);
}

static void test_who_is_anothers_twin_is_passed_over_by_the_scorers(void **state)
{
    fixture *f = *state;
    mr_scorer *scorer = NULL;
    mr_event visit = test_event(MR_EVENT_VIEW, "", "yarn", START_MS);
    visit.anonymous_id = MR_TEXT("twin");
    test_apply(f->owned.shard, visit);
    assert_ok(mr_user_publisher_flush(f->publisher, &f->owned));
    assert_int_equal(f->owned.unread_rows.count, 1);
    view(f, "twin", "tea", START_MS + 1); /* the name has become somebody's */
    assert_ok(mr_scorer_create(&f->engine, &scorer, NULL));
    f->engine.scorers = &scorer;
    f->engine.scorer_count = 1;
    mr_user_publisher_feed_scorers(f->publisher, &f->owned);
    assert_int_equal(f->owned.unread_rows.count, 0);
    mr_scorer_destroy(scorer);
    assert_int_equal(atomic_load(&f->engine.statistics->score_deferred), 0);
}

static void test_the_trending_share_lies_under_the_partitions_key(void **state)
{
    fixture *f = *state;
    char key[MR_CACHE_KEY_TEXT_BYTES];
    const mr_text name = mr_cache_trending_key(0, key);
    mr_text value;
    mr_trending_header header;
    assert_ok(mr_user_publisher_trending(f->publisher, &f->owned));
    assert_ok(mr_cache_get_many(f->reader, &name, 1, WAIT_MS, &f->found, &value));
    assert_int_equal(value.length, 0); /* no event yet, no time to read it at */
    view(f, "ann", "tea", START_MS);
    assert_ok(mr_user_publisher_trending(f->publisher, &f->owned));
    mr_buffer_clear(&f->found);
    assert_ok(mr_cache_get_many(f->reader, &name, 1, WAIT_MS, &f->found, &value));
    assert_true(value.length > MR_CACHE_FENCE_BYTES);
    assert_ok(mr_trending_read_header((mr_text){value.bytes + MR_CACHE_FENCE_BYTES,
                                                value.length - MR_CACHE_FENCE_BYTES},
                                      &header));
    assert_int_equal(header.epoch, 7);
    assert_int_equal(header.offset, 1);
    assert_int_equal(header.at_ms, START_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_a_changed_user_can_be_read_as_the_shard_sees_him, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_each_changed_user_waits_for_a_list_once,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_who_was_read_lately_waits_apart_from_the_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_with_no_time_for_the_unread_only_readers_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_who_is_anothers_twin_is_passed_over_by_the_scorers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_more_than_a_batch_of_users_all_arrive,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_a_visitor_never_overwrites_a_user_of_the_same_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_older_owner_writes_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            test_rows_wait_while_the_scorers_are_full_and_go_out_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_the_trending_share_lies_under_the_partitions_key, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
