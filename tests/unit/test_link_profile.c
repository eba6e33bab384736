/*
 * What a link moves: each aggregate merged, and profiles that do not read.
 *
 * What a merge must give is taken from a shard that saw the same events in one profile, or, for what
 * follows the log's order, from the rule written out again here.
 */
#include "features/plan_layout.h"
#include "ingest/log_internal.h"
#include "tests/link_support.h"

/* ---- each aggregate ---- */

/* The events under a visitor's id and a user's, moved, against all of them as the user's. */
static void assert_merged(const mr_plan *plan, const mr_event *visits, size_t visit_count,
                          const mr_event *events, size_t event_count)
{
    mr_shard *shards[2] = {test_shard(plan, 3), test_shard(plan, 3)};
    for (size_t s = 0; s < 2; s++) {
        mr_event_batch batch = {.partition = 3};
        for (size_t i = 0; i < visit_count + event_count; i++) {
            mr_event event = i < visit_count ? visits[i] : events[i - visit_count];
            event.user_id = i < visit_count && s == 0 ? (mr_text){0} : MR_TEXT("u");
            event.anonymous_id = i < visit_count && s == 0 ? MR_TEXT("x") : (mr_text){0};
            test_batch_add(&batch, (int64_t)i, event);
        }
        assert_ok(mr_shard_apply(shards[s], &batch));
        mr_event_batch_deinit(&batch);
    }
    const mr_link answer = answer_of(shards[0], "x", "u");
    test_apply_link(shards[0], &answer);
    assert_int_equal(counters_of(shards[0]).merged, 1);
    mr_shard_check(shards[0]);
    char *moved = dump_of(shards[0], MR_DUMP_ORDER_FREE);
    char *direct = dump_of(shards[1], MR_DUMP_ORDER_FREE);
    assert_string_equal(moved, direct);
    free(moved);
    free(direct);
    drop_link(&answer);
    mr_shard_destroy(shards[0]);
    mr_shard_destroy(shards[1]);
}

typedef mr_event maker(size_t index);

static void assert_merged_of(const mr_plan *plan, maker *visit, size_t visit_count,
                             maker *event, size_t event_count)
{
    mr_event *events = calloc(visit_count + event_count, sizeof(*events));
    assert_non_null(events);
    for (size_t i = 0; i < visit_count; i++)
        events[i] = visit(i);
    for (size_t i = 0; i < event_count; i++)
        events[visit_count + i] = event(i);
    assert_merged(plan, events, visit_count, events + visit_count, event_count);
    assert_merged(plan, events + visit_count, event_count, events, visit_count);
    free(events);
}

static mr_event every_minute(size_t i)
{
    return test_event(MR_EVENT_VIEW, NULL, "a", START_MS + (int64_t)i * MINUTE_MS);
}

static mr_event same_hour(size_t i)
{
    return test_event(MR_EVENT_SEARCH, NULL, NULL, START_MS + (int64_t)i);
}

static void test_an_hour_of_the_day_ends_at_65535(void **state)
{
    link_fixture *f = *state;
    assert_merged_of(f->plan, same_hour, 40000, same_hour, 40000);
}

/* 200 days, some of them the same, amounts of both signs and near the ends of 64 bits. */
static mr_event even_days(size_t i)
{
    mr_event event = test_purchase(NULL, "a", START_MS + (int64_t)i * 2 * DAY_MS, "o",
                                   i % 3 == 0 ? INT64_MAX - 5 : 700);
    event.type = i % 5 == 0 ? MR_EVENT_REFUND : MR_EVENT_PURCHASE;
    return event;
}

static mr_event third_days(size_t i)
{
    return test_purchase(NULL, "b", START_MS + (int64_t)i * 3 * DAY_MS, "o", 100);
}

static void test_days_of_both_are_kept_up_to_the_newest_of_either(void **state)
{
    link_fixture *f = *state;
    assert_merged_of(f->plan, even_days, 100, third_days, 150);
    assert_merged_of(f->plan, even_days, 3, third_days, 250);
}

static void test_the_latest_different_times_of_both_are_kept(void **state)
{
    link_fixture *f = *state;
    assert_merged_of(f->plan, third_days, 40, third_days, 20);
    assert_merged_of(f->plan, third_days, 1, even_days, 20);
}

/* More than the quota of views, ties in time, few items. */
static mr_event many_views(size_t i)
{
    static const char *const items[] = {"a", "b", "c"};
    static const uint8_t types[] = {MR_EVENT_VIEW, MR_EVENT_VIEW, MR_EVENT_CART_ADD,
                                    MR_EVENT_RATE};
    mr_event event = test_event((mr_event_type)types[i % 4], NULL, items[i % 3],
                                START_MS + (int64_t)(i / 2) * HOUR_MS);
    event.rating_centi = 400;
    event.quantity = (int64_t)(i % 7);
    return event;
}

static void test_a_history_keeps_the_latest_of_each_type_of_both(void **state)
{
    link_fixture *f = *state;
    assert_merged_of(f->plan, many_views, 300, many_views, 170);
    assert_merged_of(f->plan, many_views, 5, every_minute, 130);
}

static void test_an_empty_user_takes_the_profile_as_it_is(void **state)
{
    link_fixture *f = *state;
    assert_merged_of(f->plan, many_views, 300, many_views, 0 + 1);
    assert_merged(f->plan, (const mr_event[]){third_days(0)}, 1, NULL, 0);
}

static mr_event distant_visit(size_t i)
{
    return test_event(MR_EVENT_SEARCH, NULL, NULL, START_MS + (int64_t)i * HOUR_MS);
}

static void test_sessions_add_and_end_at_65535(void **state)
{
    link_fixture *f = *state;
    static const size_t visits[] = {3, 40000};
    static const char *const lines[] = {"u\tsessions\t5\n", "u\tsessions\t65535\n"};
    for (size_t round = 0; round < 2; round++) {
        mr_shard *shard = test_shard(f->plan, 3);
        mr_event_batch batch = {.partition = 3};
        for (size_t i = 0; i < visits[round]; i++) {
            mr_event event = distant_visit(i);
            event.anonymous_id = MR_TEXT("x");
            test_batch_add(&batch, (int64_t)batch.record_count, event);
        }
        for (size_t i = 0; i < (round == 0 ? 2 : visits[round]); i++) {
            mr_event event = distant_visit(i);
            event.user_id = MR_TEXT("u");
            test_batch_add(&batch, (int64_t)batch.record_count, event);
        }
        assert_ok(mr_shard_apply(shard, &batch));
        const mr_link answer = answer_of(shard, "x", "u");
        test_apply_link(shard, &answer);
        assert_line(shard, lines[round]);
        drop_link(&answer);
        mr_event_batch_deinit(&batch);
        mr_shard_destroy(shard);
    }
}

static void test_orders_of_both_count_once_while_they_are_listed(void **state)
{
    link_fixture *f = *state;
    static char names[30][8];
    mr_link answers[2];
    for (int i = 0; i < 30; i++)
        (void)snprintf(names[i], sizeof(names[i]), "o%d", i);
    for (int i = 0; i < 20; i++) { /* lists 4 .. 19 */
        mr_event event = test_purchase(NULL, "a", START_MS + i, names[i], 1);
        event.anonymous_id = MR_TEXT("x");
        test_apply(f->shard, event);
    }
    for (int i = 14; i < 30; i++) /* lists 14 .. 29 */
        test_apply(f->shard, test_purchase("u", "a", START_MS + i, names[i], 1));
    answers[0] = answer_of(f->shard, "x", "u");
    test_apply_link(f->shard, &answers[0]);
    /* 4 .. 13 are new and push 14 .. 23 out before 14 .. 19 come: the rule goes one by one. */
    assert_line(f->shard, "u\torders\t36\n");

    for (int i = 14; i < 18;
         i++) { /* among the last 16: 24 .. 29, 4 .. 13, then 14 .. 19 */
        mr_event event = test_purchase(NULL, "a", START_MS + i, names[i], 1);
        event.anonymous_id = MR_TEXT("y");
        test_apply(f->shard, event);
    }
    answers[1] = answer_of(f->shard, "y", "u");
    test_apply_link(f->shard, &answers[1]);
    assert_line(f->shard, "u\torders\t36\n");
    drop_link(&answers[0]);
    drop_link(&answers[1]);
}

/* ---- profiles that do not read ---- */

/* `text` with the first `from` in it replaced. */
static mr_text replaced(mr_text text, const char *from, const char *to, char *room,
                        size_t room_bytes)
{
    char *copy = calloc(1, text.length + 1U);
    assert_non_null(copy);
    memcpy(copy, text.bytes, text.length);
    char *place = strstr(copy, from);
    if (place == NULL)
        fail_msg("no %s in %s", from, copy);
    *place = '\0';
    const int length =
        snprintf(room, room_bytes, "%s%s%s", copy, to, place + strlen(from));
    assert_in_range(length, 1, room_bytes - 1);
    free(copy);
    return (mr_text){.bytes = room, .length = (uint32_t)length};
}

static mr_link small_answer(mr_shard *shard)
{
    mr_event event = test_purchase(NULL, "item", 1000 * DAY_MS, "o", 77);
    event.anonymous_id = MR_TEXT("x");
    test_apply(shard, event);
    view(shard, NULL, "x", 1001 * DAY_MS);
    return answer_of(shard, "x", "u");
}

/* What is in a good profile, and what makes it a bad one. */
static const char *const bad[][2] = {
    {"{", "{{"},
    {"\"events\":2", "\"events\":0"},
    {"\"events\":2", "\"events\":4294967296"},
    {"\"events\":2", "\"events\":\"2\""},
    {"\"events\":2", "\"events\":2.0"},
    {"\"events\":2,", ""},
    {"\"sessions\":2", "\"sessions\":65536"},
    {"\"sessions\":2", "\"sessions\":0"},
    {"\"first_seen\":86400000000", "\"first_seen\":-1"},
    {"\"first_seen\":86400000000", "\"first_seen\":86486400001"},
    {"\"purchases\":1", "\"purchases\":3"},
    {"\"purchases\":1", "\"purchases\":-1"},
    {"\"purchases\":1", "\"purchases\":[1]"},
    {"\"spend\":77", "\"spend\":9223372036854775808"},
    {"\"spend\":77", "\"spend\":null"},
    {"\"first_purchase\":", "\"first_purchase\":-"},
    {"\"orders\":{\"count\":1", "\"orders\":{\"count\":0"},
    {"\"orders\":{\"count\":1", "\"orders\":{\"count\":3"},
    {"\"orders\":{\"count\":1,\"ids\":[", "\"orders\":{\"count\":1,\"ids\":[\"o\","},
    {"\"orders\":{\"count\":1,\"ids\"", "\"orders\":{\"count\":1,\"id\""},
    {"\"purchase_times\":[86400000000]", "\"purchase_times\":86400000000"},
    {"\"purchase_times\":[86400000000]", "\"purchase_times\":[5,5]"},
    {"\"purchase_times\":[86400000000]", "\"purchase_times\":[6,5]"},
    {"\"active_days\":[1000,1001]", "\"active_days\":[1001,1000]"},
    {"\"active_days\":[1000,1001]", "\"active_days\":[1000,1128]"},
    {"\"active_days\":[1000,1001]", "\"active_days\":[-1]"},
    {"\"hours\":[2,", "\"hours\":["},
    {"\"hours\":[2,", "\"hours\":[2,0,"},
    {"\"hours\":[2,", "\"hours\":[65536,"},
    {"[86400000,\"item\",9,1,1]", "[86400000,\"item\",9,1]"},
    {"[86400000,\"item\",9,1,1]", "[86400000,\"\",9,1,1]"},
    {"[86400000,\"item\",9,1,1]", "[86400000,7,9,1,1]"},
    {"[86400000,\"item\",9,1,1]", "[86400000,\"item\",0,1,1]"},
    {"[86400000,\"item\",9,1,1]", "[86400000,\"item\",19,1,1]"},
    {"[86400000,\"item\",9,1,1]", "[86400000,\"item\",9,256,1]"},
    {"[86400000,\"item\",9,1,1]", "[86400000,\"item\",9,1,65536]"},
    {"[86400000,\"item\",9,1,1]", "[4294967296,\"new\",9,1,1]"},
    {"[86400000,\"item\",9,1,1]", "[86400000,\"new\",9,1,1],{}"},
    {"\"views_7d\":[[1001,1,0]]", "\"views_7d\":[[1001,1,0],[1001,1,0]]"},
    {"\"views_7d\":[[1001,1,0]]", "\"views_7d\":[[1001,1,0],[1008,1,0]]"},
    {"\"views_7d\":[[1001,1,0]]", "\"views_7d\":[[1001,3,0]]"},
    {"\"views_7d\":[[1001,1,0]]", "\"views_7d\":[[1001,0,0]]"},
    {"\"views_7d\":[[1001,1,0]]", "\"views_7d\":[[1001,1]]"},
    {"\"views_7d\":[[1001,1,0]]", "\"views_7d\":1"},
};

static void test_an_answer_that_does_not_read_changes_nothing(void **state)
{
    link_fixture *f = *state;
    mr_link answer = small_answer(f->shard);
    const mr_text good = answer.profile;
    char *before = dump_of(f->shard, MR_DUMP_ORDER_FREE);
    const uint32_t items = mr_shard_item_count(f->shard);
    char room[4096];
    const size_t count = sizeof(bad) / sizeof(bad[0]);
    for (size_t i = 0; i < count; i++) {
        answer.profile = replaced(good, bad[i][0], bad[i][1], room, sizeof(room));
        test_apply_link(f->shard, &answer);
        if (counters_of(f->shard).refused != i + 1)
            fail_msg("taken: %s", bad[i][1]);
        mr_shard_check(f->shard);
    }
    char *after = dump_of(f->shard, MR_DUMP_ORDER_FREE);
    assert_string_equal(before, after);
    assert_int_equal(mr_shard_item_count(f->shard), items);
    assert_no_line(f->shard, "\tmark\t3\t");
    free(before);
    free(after);
    answer.profile = good;
    test_apply_link(f->shard, &answer);
    assert_line(f->shard, "u\tevents\t2\n");
    assert_line(f->shard, "\n\\s\t3\tmark\t3\t");
    drop_link(&answer);
}

static void test_unknown_features_are_passed_over_and_missing_ones_add_nothing(
    void **state)
{
    link_fixture *f = *state;
    mr_link answer = small_answer(f->shard);
    const mr_text good = answer.profile;
    char room[4096];
    answer.profile =
        replaced(good, "\"spend\":77", "\"outlay\":[{\"a\":1.5}]", room, sizeof(room));
    test_apply_link(f->shard, &answer);
    assert_line(f->shard, "u\tpurchases\t1\n");
    assert_line(f->shard, "u\tspend\t0\n");
    answer.profile =
        MR_TEXT("{\"sessions\":1,\"events\":5,\"first_seen\":1,\"last_seen\":2}");
    answer.sequence = 1000;
    test_apply_link(f->shard, &answer);
    assert_line(f->shard, "u\tevents\t7\n");
    assert_line(f->shard, "u\tfirst_seen\t1\n");
    answer.profile = good;
    drop_link(&answer);
}

/* Views only, ten of them; the feature that is first to read the days of purchases is not there. */
static void test_another_plan_takes_what_it_keeps(void **state)
{
    link_fixture *f = *state;
    static const mr_feature_spec specs[] = {
        {.name = "purchases",
         .on = MR_ON(MR_EVENT_PURCHASE),
         .aggregate = MR_AGGREGATE_COUNT},
        {.name = "orders",
         .on = MR_ON(MR_EVENT_PURCHASE),
         .aggregate = MR_AGGREGATE_DISTINCT,
         .of = MR_OF_ORDER_ID,
         .length = 16},
        {.name = "spend",
         .on = MR_ON(MR_EVENT_PURCHASE) | MR_ON(MR_EVENT_REFUND),
         .aggregate = MR_AGGREGATE_SUM,
         .of = MR_OF_NET_VALUE},
        {.name = "last_purchase",
         .on = MR_ON(MR_EVENT_PURCHASE),
         .aggregate = MR_AGGREGATE_LAST_TIME},
        {.name = "views_7d",
         .on = MR_ON(MR_EVENT_VIEW),
         .aggregate = MR_AGGREGATE_COUNT,
         .window_days = 7},
        {.name = "history",
         .on = MR_ON(MR_EVENT_VIEW),
         .aggregate = MR_AGGREGATE_RECENT_ITEMS,
         .quotas = {{MR_EVENT_VIEW, 10}}},
    };
    mr_plan *plan = NULL;
    assert_ok(mr_plan_compile(NULL, specs, sizeof(specs) / sizeof(specs[0]), NULL, 0,
                              &plan, NULL));
    for (size_t i = 0; i < 30; i++) {
        mr_event event = i == 0 ? third_days(0) : every_minute(i);
        event.anonymous_id = MR_TEXT("x");
        test_apply(f->shard, event);
    }
    const mr_link answer = answer_of(f->shard, "x", "u");
    mr_shard *other = test_shard(plan, 3);
    test_apply_link(other, &answer);
    view(other, "v", NULL,
         START_MS); /* links move no time, and values are read as of one */
    mr_shard_check(other);
    assert_line(other, "u\tspend\t100\n");
    assert_line(other, "u\tviews_7d\t29\n");
    mr_history_entry entries[MR_SHARD_HISTORY_MAX];
    assert_int_equal(mr_shard_history(other, 0, entries, MR_SHARD_HISTORY_MAX), 10);
    assert_int_equal(entries[9].time_s, (START_MS + 29 * MINUTE_MS) / 1000);
    mr_shard_destroy(other);
    mr_plan_destroy(plan);
    drop_link(&answer);
}

static void test_more_events_than_can_be_counted_are_refused(void **state)
{
    link_fixture *f = *state;
    mr_link answer = request_of("x", "u", 9, 1);
    answer.profile = MR_TEXT(
        "{\"sessions\":1,\"events\":4294967295,\"first_seen\":1,\"last_seen\":2}");
    test_apply_link(f->shard, &answer);
    assert_line(f->shard, "u\tevents\t4294967295\n");
    answer.sequence = 2;
    test_apply_link(f->shard, &answer);
    assert_line(f->shard, "u\tevents\t4294967295\n");
    assert_line(f->shard, "\n\\s\t3\tmark\t9\t1\n");
    assert_int_equal(counters_of(f->shard).refused, 1);
}

static void test_the_largest_profile_fits_into_a_record(void **state)
{
    link_fixture *f = *state;
    static char items[300][MR_EVENT_ID_BYTES_MAX + 1];
    static const uint8_t types[] = {MR_EVENT_VIEW, MR_EVENT_CART_ADD, MR_EVENT_WISHLIST,
                                    MR_EVENT_PURCHASE, MR_EVENT_RATE};
    const int64_t last_ms = (int64_t)UINT32_MAX * 1000;
    for (int i = 0; i < 300; i++) { /* every byte of an id is written as six */
        memset(items[i], 1 + i % 7, MR_EVENT_ID_BYTES_MAX);
        items[i][i % MR_EVENT_ID_BYTES_MAX] = (char)(1 + i % 8);
        for (size_t t = 0; t < sizeof(types); t++) {
            mr_event event = test_purchase(NULL, items[i], last_ms - (299 - i) * DAY_MS,
                                           items[i], INT64_MIN / 3);
            event.anonymous_id = MR_TEXT("x");
            event.type = types[t];
            event.quantity = 300;
            event.rating_centi = 500;
            test_apply(f->shard, event);
        }
    }
    const mr_link answer = answer_of(f->shard, "x", "u");
    assert_in_range(answer.profile.length, 200000, MR_LOG_RECORD_BYTES_MAX - 4096);
    test_apply_link(f->shard, &answer);
    assert_int_equal(counters_of(f->shard).merged, 1);
    drop_link(&answer);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_an_hour_of_the_day_ends_at_65535),
        TEST(test_days_of_both_are_kept_up_to_the_newest_of_either),
        TEST(test_the_latest_different_times_of_both_are_kept),
        TEST(test_a_history_keeps_the_latest_of_each_type_of_both),
        TEST(test_an_empty_user_takes_the_profile_as_it_is),
        TEST(test_sessions_add_and_end_at_65535),
        TEST(test_orders_of_both_count_once_while_they_are_listed),
        TEST(test_an_answer_that_does_not_read_changes_nothing),
        TEST(test_unknown_features_are_passed_over_and_missing_ones_add_nothing),
        TEST(test_another_plan_takes_what_it_keeps),
        TEST(test_more_events_than_can_be_counted_are_refused),
        TEST(test_the_largest_profile_fits_into_a_record),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
