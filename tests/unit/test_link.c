/*
 * Links: each rule by itself, on one shard fed with records by hand.
 *
 * tests/unit/test_link_profile.c looks at what is moved, tests/property/test_link_model.c puts
 * partitions, delays, second copies and crashes together.
 */
#include "features/commerce.h"
#include "tests/link_support.h"

/* ---- asking ---- */

static void test_a_new_pair_is_asked_for_once(void **state)
{
    link_fixture *f = *state;
    view(f->shard, "u", NULL, START_MS);
    view(f->shard, NULL, "x", START_MS + 1);
    assert_int_equal(mr_shard_links_waiting(f->shard), 0);
    view(f->shard, "u", "x", START_MS + 2);
    view(f->shard, "u", "x", START_MS + 3);
    view(f->shard, "v", "x", START_MS + 4);
    view(f->shard, "u", "u", START_MS + 5);
    kept_links kept;
    pending(f->shard, &kept);
    static const char *const expected[][2] = {{"u", "x"}, {"v", "x"}, {"u", "u"}};
    static const int64_t after[] = {2, 4, 5};
    assert_int_equal(kept.count, 3);
    for (size_t i = 0; i < kept.count; i++) {
        assert_true(mr_text_is(kept.links[i].user_id, expected[i][0]));
        assert_true(mr_text_is(kept.links[i].anonymous_id, expected[i][1]));
        assert_int_equal(kept.links[i].profile.length, 0);
        assert_int_equal(kept.links[i].sequence, i + 1);
        assert_int_equal(kept.links[i].source, 3);
        assert_int_equal(kept.links[i].time_ms, START_MS + after[i]);
    }
    assert_line(f->shard, "\n\\s\t3\tlinks\t3\n");
    drop_kept(&kept);
}

static void test_an_id_is_asked_for_again_when_eight_others_came_since(void **state)
{
    link_fixture *f = *state;
    static const char *const ids[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8"};
    for (int i = 0; i < 8; i++)
        view(f->shard, "u", ids[i], START_MS);
    view(f->shard, "u", ids[0], START_MS); /* known; this does not make it newer */
    assert_int_equal(mr_shard_link_sequence(f->shard), 8);
    view(f->shard, "u", ids[8], START_MS);
    view(f->shard, "u", ids[1], START_MS);
    assert_int_equal(mr_shard_link_sequence(f->shard), 9);
    view(f->shard, "u", ids[0], START_MS);
    assert_int_equal(mr_shard_link_sequence(f->shard), 10);
}

static void test_what_is_acknowledged_is_not_sent_again(void **state)
{
    link_fixture *f = *state;
    view(f->shard, "u", "a", START_MS);
    view(f->shard, "u", "b", START_MS);
    mr_shard_links_acknowledge(f->shard, 1);
    kept_links kept;
    pending(f->shard, &kept);
    assert_int_equal(kept.count, 1);
    assert_int_equal(kept.links[0].sequence, 2);
    drop_kept(&kept);
    mr_shard_links_acknowledge(f->shard, 2);
    assert_int_equal(mr_shard_links_waiting(f->shard), 0);
    assert_int_equal(mr_shard_link_sequence(f->shard), 2);
}

static void test_a_replay_numbers_links_and_keeps_none(void **state)
{
    link_fixture *f = *state;
    mr_hash_key key;
    mr_hash_key_init(&key, "other", 5);
    const mr_shard_options options = {.plan = f->plan,
                                      .hash_key = &key,
                                      .topic = "events",
                                      .partition = 3,
                                      .is_replay = true};
    mr_shard *replay = NULL;
    assert_ok(mr_shard_create(&options, &replay));
    mr_shard *shards[] = {f->shard, replay};
    for (size_t i = 0; i < 2; i++) {
        view(shards[i], NULL, "x", START_MS);
        view(shards[i], "u", "x", START_MS + 1);
        ask(shards[i], "x", "u", 1);
    }
    assert_int_equal(mr_shard_links_waiting(replay), 0);
    assert_int_equal(mr_shard_link_sequence(replay), 2);
    char *live = dump_of(f->shard, MR_DUMP_ALL);
    char *again = dump_of(replay, MR_DUMP_ALL);
    assert_string_equal(live, again);
    free(live);
    free(again);
    mr_shard_check(replay);
    mr_shard_destroy(replay);
}

/* ---- a request ---- */

static void test_a_request_sends_the_profile_on_and_leaves_an_empty_row(void **state)
{
    link_fixture *f = *state;
    view(f->shard, NULL, "x", START_MS);
    view(f->shard, NULL, "x", START_MS + HOUR_MS);
    mr_shard_set_churn(f->shard, 0, (mr_churn_mark){.permille = 7, .tier = 1});
    mr_shard_changed_clear(f->shard);
    ask(f->shard, "x", "u", 1);

    const uint32_t *changed;
    assert_int_equal(mr_shard_changed(f->shard, &changed), 1);
    assert_int_equal(mr_shard_find_anonymous(f->shard, MR_TEXT("x")), MR_ROW_NONE);
    assert_true(mr_shard_is_empty(f->shard, 0));
    assert_int_equal(mr_shard_churn(f->shard, 0).permille, UINT16_MAX);
    assert_int_equal(mr_shard_history(f->shard, 0, NULL, 0), 0);
    assert_int_equal(mr_shard_user_count(f->shard), 1);
    assert_int_equal(mr_shard_live_count(f->shard), 0);
    assert_no_line(f->shard, "\\ax\t");
    assert_line(f->shard, "\n\\s\t3\tlines_moved_out\t2\n");
    assert_line(f->shard, "\n\\s\t3\tmark\t9\t1\n");
    kept_links kept;
    pending(f->shard, &kept);
    assert_int_equal(kept.count, 1);
    assert_int_equal(kept.links[0].time_ms, START_MS + 5);
    assert_true(mr_text_is(kept.links[0].user_id, "u"));
    drop_kept(&kept);

    view(f->shard, NULL, "x", START_MS + DAY_MS); /* and it begins again */
    assert_int_equal(mr_shard_find_anonymous(f->shard, MR_TEXT("x")), 0);
    assert_int_equal(mr_shard_live_count(f->shard), 1);
    assert_line(f->shard, "\\ax\tevents\t1\n");
    assert_line(f->shard, "\\ax\tsessions\t1\n");
}

static void test_a_request_for_nobody_has_no_answer_but_is_marked(void **state)
{
    link_fixture *f = *state;
    view(f->shard, "x", NULL, START_MS); /* a user of that name is somebody else */
    ask(f->shard, "x", "u", 4);
    view(f->shard, NULL, "x", START_MS);
    ask(f->shard, "x", "u", 5);
    ask(f->shard, "x", "u", 6);
    assert_int_equal(mr_shard_link_sequence(f->shard), 1);
    assert_line(f->shard, "\n\\s\t3\tmark\t9\t6\n");
}

static void test_what_is_not_above_its_sources_mark_is_dropped(void **state)
{
    link_fixture *f = *state;
    static const struct {
        uint32_t source;
        uint64_t sequence;
        bool is_dropped;
    } sent[] = {{9, 4, false}, {9, 4, true},   {9, 3, true},
                {2, 1, false}, {9, 5, false},  {2, 1, true},
                {2, 7, false}, {11, 1, false}, {9, 1, true}};
    uint64_t dropped = 0;
    for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++) {
        view(f->shard, NULL, "x", START_MS);
        const mr_link link = request_of("x", "u", sent[i].source, sent[i].sequence);
        test_apply_link(f->shard, &link);
        dropped += sent[i].is_dropped;
        assert_int_equal(counters_of(f->shard).dropped, dropped);
    }
    assert_line(f->shard,
                "\n\\s\t3\tmark\t2\t7\n\\s\t3\tmark\t9\t5\n\\s\t3\tmark\t11\t1\n");
}

/* ---- an answer ---- */

static void test_an_answer_makes_the_user_when_there_is_none(void **state)
{
    link_fixture *f = *state;
    view(f->shard, NULL, "x", START_MS);
    view(f->shard, NULL, "x", START_MS + HOUR_MS);
    const mr_link answer = answer_of(f->shard, "x", "u");
    mr_shard_changed_clear(f->shard);
    const int64_t offset = mr_shard_next_offset(f->shard);
    test_apply_link(f->shard, &answer);
    const uint32_t row = mr_shard_find(f->shard, MR_TEXT("u"));
    const uint32_t *changed;
    assert_int_not_equal(row, MR_ROW_NONE);
    assert_int_equal(mr_shard_changed(f->shard, &changed), 1);
    assert_int_equal(changed[0], row);
    assert_int_equal(mr_shard_live_count(f->shard), 1);
    char line[64];
    (void)snprintf(line, sizeof(line), "u\t@record\t%lld\t%lld\n", (long long)offset,
                   (long long)answer.time_ms);
    assert_line(f->shard, line);
    assert_line(f->shard, "u\tevents\t2\n");
    assert_line(f->shard, "\n\\s\t3\tlines_moved_in\t2\n");

    test_apply_link(f->shard, &answer); /* a second copy */
    assert_line(f->shard, "u\tevents\t2\n");
    assert_int_equal(counters_of(f->shard).dropped, 1);
    drop_link(&answer);
}

static void test_links_do_not_move_time(void **state)
{
    link_fixture *f = *state;
    view(f->shard, NULL, "x", START_MS);
    mr_link answer = answer_of(f->shard, "x", "u");
    answer.time_ms = START_MS + 100 * DAY_MS;
    test_apply_link(f->shard, &answer);
    assert_int_equal(mr_shard_newest_ms(f->shard), START_MS);
    assert_int_equal(mr_shard_watermark_ms(f->shard), START_MS - MR_SHARD_LATENESS_MS);
    drop_link(&answer);
}

static uint64_t customers_of(const mr_shard *shard)
{
    mr_commerce_totals totals;
    mr_commerce_totals_get(shard, &totals);
    return totals.customers;
}

static void visit_and_buy(mr_shard *shard, const char *visitor)
{
    mr_event event = test_purchase(NULL, "item", START_MS, "o", 100);
    event.anonymous_id = mr_text_from(visitor);
    test_apply(shard, event);
}

static void test_a_user_becomes_a_customer_by_the_first_purchase_moved_in(void **state)
{
    link_fixture *f = *state;
    mr_link answers[3];
    view(f->shard, NULL, "looker", START_MS);
    visit_and_buy(f->shard, "buyer1");
    visit_and_buy(f->shard, "buyer2");
    assert_int_equal(customers_of(f->shard), 0);
    answers[0] = answer_of(f->shard, "looker", "u");
    answers[1] = answer_of(f->shard, "buyer1", "u");
    answers[2] = answer_of(f->shard, "buyer2", "u");
    static const uint64_t customers[] = {0, 1, 1};
    for (size_t i = 0; i < 3; i++) {
        test_apply_link(f->shard, &answers[i]);
        assert_int_equal(customers_of(f->shard), customers[i]);
        drop_link(&answers[i]);
    }
    visit_and_buy(f->shard, "buyer3");
    test_apply(f->shard, test_purchase("v", "item", START_MS, "o", 100));
    const mr_link answer = answer_of(f->shard, "buyer3", "v");
    test_apply_link(f->shard, &answer);
    assert_int_equal(customers_of(f->shard), 2);
    drop_link(&answer);
}

static void test_one_batch_may_hold_events_requests_and_answers_of_one_person(
    void **state)
{
    link_fixture *f = *state;
    view(f->shard, NULL, "x", START_MS);
    const mr_link answer = answer_of(f->shard, "x", "u");
    mr_shard *one_by_one = test_shard(f->plan, 3);
    view(one_by_one, NULL, "x", START_MS);
    const mr_link copy = answer_of(one_by_one, "x", "u");
    mr_link next = request_of("x", "u", 9, 1000);
    mr_link second = answer;
    second.sequence = 1000; /* of this partition */

    mr_event_batch batch = {.partition = 3};
    int64_t offset = mr_shard_next_offset(f->shard);
    test_batch_add(&batch, offset++, event_of(NULL, "x", "a", START_MS + 1));
    test_batch_add_link(&batch, offset++, &answer);
    test_batch_add(&batch, offset++, event_of("u", "x", "b", START_MS + 2));
    test_batch_add_link(&batch, offset++, &next);
    test_batch_add(&batch, offset++, event_of(NULL, "x", "c", START_MS + 3));
    test_batch_add_link(&batch, offset++, &answer);
    test_batch_add_link(&batch, offset++, &second);
    assert_ok(mr_shard_apply(f->shard, &batch));
    for (size_t i = 0; i < batch.record_count; i++) {
        mr_event_batch each = {.partition = 3,
                               .records = &batch.records[i],
                               .record_count = 1,
                               .events = &batch.events[batch.records[i].first_event],
                               .event_count = batch.records[i].event_count};
        batch.records[i].first_event = 0;
        assert_ok(mr_shard_apply(one_by_one, &each));
    }
    mr_event_batch_deinit(&batch);
    char *whole = dump_of(f->shard, MR_DUMP_ALL);
    char *parts = dump_of(one_by_one, MR_DUMP_ALL);
    assert_string_equal(whole, parts);
    assert_non_null(strstr(whole, "u\tevents\t3\n")); /* x + u + x again */
    free(whole);
    free(parts);
    mr_shard_check(one_by_one);
    mr_shard_destroy(one_by_one);
    drop_link(&answer);
    drop_link(&copy);
}

/* ---- limits and checkpoints ---- */

static void test_a_full_outbox_pauses_and_changes_nothing(void **state)
{
    link_fixture *f = *state;
    static const char *const ids[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8"};
    mr_event_batch batch = {.partition = 3};
    mr_status status = MR_OK;
    size_t done = 0;
    for (; status == MR_OK && done <= MR_LINKS_WAITING_MAX; done += batch.record_count) {
        mr_event_batch_clear(&batch);
        for (size_t i = 0; i < 4096; i++)
            test_batch_add(&batch, (int64_t)(done + i),
                           event_of("u", ids[(done + i) % 9], NULL, START_MS));
        status = mr_shard_apply(f->shard, &batch);
    }
    assert_int_equal(status, MR_ERR_FULL);
    assert_int_equal(mr_shard_links_waiting(f->shard), MR_LINKS_WAITING_MAX);
    assert_int_equal(mr_shard_next_offset(f->shard), MR_LINKS_WAITING_MAX);
    mr_shard_links_acknowledge(f->shard, 5000);
    assert_ok(mr_shard_apply(f->shard, &batch));
    mr_event_batch_deinit(&batch);
}

static mr_shard *encoded_and_decoded(const link_fixture *f)
{
    mr_buffer encoded = {0};
    mr_buffer sealed = {0};
    mr_hash_key key;
    mr_shard *shard = NULL;
    mr_checkpoint_info info;
    mr_hash_key_init(&key, "another", 7);
    assert_ok(mr_checkpoint_encode(f->shard, 1, 1, &encoded));
    assert_ok(mr_checkpoint_seal(&encoded, &sealed));
    assert_ok(mr_checkpoint_decode(sealed.bytes, sealed.length, f->plan, &key, 0, &shard,
                                   &info, NULL));
    mr_buffer_deinit(&encoded);
    mr_buffer_deinit(&sealed);
    return shard;
}

static void test_a_checkpoint_holds_what_waits_what_is_noted_and_the_marks(void **state)
{
    link_fixture *f = *state;
    for (int i = 0; i < 3; i++) {
        visit_and_buy(f->shard, "x");
        view(f->shard, NULL, "x", START_MS + i * DAY_MS);
        view(f->shard, "u", "x", START_MS + i * DAY_MS);
        ask(f->shard, "x", "u", 1 + (uint64_t)i);
    }
    mr_shard *restored = encoded_and_decoded(f);
    mr_shard_check(restored);
    assert_int_equal(mr_shard_live_count(restored), mr_shard_live_count(f->shard));
    kept_links before;
    kept_links after;
    pending(f->shard, &before);
    pending(restored, &after);
    assert_int_equal(before.count, 4);
    assert_int_equal(after.count, before.count);
    for (size_t i = 0; i < before.count; i++) {
        assert_true(mr_text_equal(before.links[i].profile, after.links[i].profile));
        assert_true(mr_text_equal(before.links[i].user_id, after.links[i].user_id));
        assert_int_equal(before.links[i].sequence, after.links[i].sequence);
        assert_int_equal(before.links[i].time_ms, after.links[i].time_ms);
    }
    drop_kept(&before);
    drop_kept(&after);
    mr_shard *shards[] = {f->shard, restored};
    for (size_t i = 0; i < 2; i++) {
        view(shards[i], "u", "x", START_MS + HOUR_MS); /* noted before */
        view(shards[i], "u", "y", START_MS + HOUR_MS);
        ask(shards[i], "x", "u", 3); /* seen before */
    }
    char *live = dump_of(f->shard, MR_DUMP_ALL);
    char *again = dump_of(restored, MR_DUMP_ALL);
    assert_string_equal(live, again);
    assert_non_null(strstr(live, "\n\\s\t3\tlinks\t5\n"));
    free(live);
    free(again);
    mr_shard_destroy(restored);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_new_pair_is_asked_for_once),
        TEST(test_an_id_is_asked_for_again_when_eight_others_came_since),
        TEST(test_what_is_acknowledged_is_not_sent_again),
        TEST(test_a_replay_numbers_links_and_keeps_none),
        TEST(test_a_request_sends_the_profile_on_and_leaves_an_empty_row),
        TEST(test_a_request_for_nobody_has_no_answer_but_is_marked),
        TEST(test_what_is_not_above_its_sources_mark_is_dropped),
        TEST(test_an_answer_makes_the_user_when_there_is_none),
        TEST(test_links_do_not_move_time),
        TEST(test_a_user_becomes_a_customer_by_the_first_purchase_moved_in),
        TEST(test_one_batch_may_hold_events_requests_and_answers_of_one_person),
        TEST(test_a_full_outbox_pauses_and_changes_nothing),
        TEST(test_a_checkpoint_holds_what_waits_what_is_noted_and_the_marks),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
