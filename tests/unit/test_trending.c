/*
 * Trending: windows and scores on logs that can be counted by eye, and shares that add up.
 */
#include "features/canonical_dump.h"
#include "features/trending.h"
#include "tests/feature_batch.h"

#include <string.h>

enum { K = 10 };

typedef struct fixture {
    mr_plan *plan;
    mr_shard *shards[2];
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->plan = test_plan_without_late();
    for (uint32_t i = 0; i < 2; i++)
        f->shards[i] = test_shard(f->plan, i);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    mr_shard_destroy(f->shards[0]);
    mr_shard_destroy(f->shards[1]);
    mr_plan_destroy(f->plan);
    free(f);
    return 0;
}

static void view(mr_shard *shard, const char *item, int64_t hours, int times)
{
    for (int i = 0; i < times; i++)
        test_apply(shard,
                   test_event(MR_EVENT_VIEW, "u", item, START_MS + hours * HOUR_MS));
}

static size_t top(const mr_shard *shard, mr_trending_kind kind, int64_t hours,
                  mr_trending_entry entries[K])
{
    size_t count = 0;
    assert_ok(
        mr_trending_top(shard, kind, START_MS + hours * HOUR_MS, K, entries, &count));
    return count;
}

static void test_windows_end_with_the_hour_of_reading(void **state)
{
    mr_shard *shard = ((fixture *)*state)->shards[0];
    mr_trending_entry entries[K];
    view(shard, "a", 0, 3);
    assert_int_equal(top(shard, MR_TRENDING_HOT, 5, entries), 1);
    assert_int_equal(top(shard, MR_TRENDING_HOT, 6, entries), 0);
    assert_int_equal(top(shard, MR_TRENDING_HOT, -1, entries), 0);
    assert_int_equal(top(shard, MR_TRENDING_POPULAR, 167, entries), 1);
    assert_int_equal(top(shard, MR_TRENDING_POPULAR, 168, entries), 0);
    assert_int_equal(top(shard, MR_TRENDING_EVER, 100000, entries), 1);
    assert_int_equal(entries[0].count, 3);
}

static void test_the_best_come_first_and_ties_go_by_id(void **state)
{
    mr_shard *shard = ((fixture *)*state)->shards[0];
    mr_trending_entry entries[K];
    view(shard, "b", 0, 2);
    view(shard, "c", 0, 5);
    view(shard, "a", 0, 2);
    assert_int_equal(top(shard, MR_TRENDING_HOT, 0, entries), 3);
    assert_true(mr_text_is(entries[0].item_id, "c"));
    assert_true(mr_text_is(entries[1].item_id, "a"));
    assert_true(mr_text_is(entries[2].item_id, "b"));
    size_t count;
    assert_ok(mr_trending_top(shard, MR_TRENDING_HOT, START_MS, 1, entries, &count));
    assert_int_equal(count, 1);
    assert_true(mr_text_is(entries[0].item_id, "c"));
}

static void test_rising_compares_with_the_same_hours_a_week_before(void **state)
{
    mr_shard *shard = ((fixture *)*state)->shards[0];
    mr_trending_entry entries[K];
    view(shard, "steady", 0, 8);
    view(shard, "steady", 168, 8);
    view(shard, "rising", 0, 3);
    view(shard, "rising", 168, 9);
    view(shard, "falling", 0, 9);
    view(shard, "falling", 168, 2);
    assert_int_equal(top(shard, MR_TRENDING_RISING, 168, entries), 1);
    assert_true(mr_text_is(entries[0].item_id, "rising"));
    assert_int_equal(entries[0].count, 9);
    assert_close(entries[0].score, (9.0 - 3.0) / sqrt(3.0 + 1.0), 1e-12);
}

static void test_other_events_do_not_count(void **state)
{
    mr_shard *shard = ((fixture *)*state)->shards[0];
    mr_trending_entry entries[K];
    const mr_event_type types[] = {MR_EVENT_REFUND, MR_EVENT_CART_REMOVE,
                                   MR_EVENT_IMPRESSION, MR_EVENT_CUSTOM};
    for (size_t i = 0; i < 4; i++)
        test_apply(shard, test_event(types[i], "u", "a", START_MS));
    assert_int_equal(top(shard, MR_TRENDING_EVER, 0, entries), 0);
}

static void test_merged_shares_equal_one_shard_that_saw_all(void **state)
{
    const fixture *f = *state;
    mr_shard *all = test_shard(f->plan, 0);
    const char *items[] = {"a", "b", "c", "d"};
    for (int i = 0; i < 200; i++) {
        const char *item = items[i * i % 7 % 4];
        view(f->shards[i % 3 % 2], item, i, 1 + i % 4);
        view(all, item, i, 1 + i % 4);
    }
    mr_buffer shares[2] = {{0}, {0}};
    mr_text texts[2];
    for (size_t s = 0; s < 2; s++) {
        assert_ok(
            mr_trending_encode(f->shards[s], 9, START_MS + 199 * HOUR_MS, &shares[s]));
        texts[s] = (mr_text){(const char *)shares[s].bytes, (uint32_t)shares[s].length};
    }
    for (int kind = 0; kind < MR_TRENDING_KINDS; kind++) {
        mr_trending_entry expected[K];
        mr_trending_entry merged[K];
        size_t count;
        const size_t expected_count = top(all, (mr_trending_kind)kind, 199, expected);
        assert_ok(mr_trending_merge(texts, 2, MR_TRENDING_ITEMS, (mr_trending_kind)kind,
                                    K, merged, &count));
        assert_int_equal(count, expected_count);
        for (size_t i = 0; i < count; i++) {
            assert_true(mr_text_equal(merged[i].item_id, expected[i].item_id));
            assert_int_equal(merged[i].count, expected[i].count);
        }
    }
    mr_trending_header header;
    assert_ok(mr_trending_read_header(texts[1], &header));
    assert_int_equal(header.epoch, 9);
    assert_int_equal(header.partition, 1);
    assert_int_equal(header.offset, mr_shard_next_offset(f->shards[1]));
    assert_int_equal(header.residual[MR_TRENDING_EVER], 0);
    mr_buffer_deinit(&shares[0]);
    mr_buffer_deinit(&shares[1]);
    mr_shard_destroy(all);
}

static void view_of(mr_shard *shard, const char *item, const char *category, int hours)
{
    mr_event event = test_event(MR_EVENT_VIEW, "u", item, START_MS + hours * HOUR_MS);
    event.category = mr_text_from(category);
    test_apply(shard, event);
}

/* Lamps: items a of both shards and b, which moves there with its latest word; toys: c. */
static void test_categories_have_the_counts_of_their_items_over_all_shares(void **state)
{
    const fixture *f = *state;
    mr_buffer shares[2] = {{0}, {0}};
    mr_text texts[2];
    mr_trending_entry entries[K];
    size_t count;
    for (int i = 0; i < 3; i++)
        view_of(f->shards[0], "b", i < 2 ? "toys" : "lamps", 170 + i);
    view_of(f->shards[0], "a", "lamps", 172);
    view_of(f->shards[1], "a", "lamps", 4);
    for (int i = 0; i < 2; i++)
        view_of(f->shards[1], "c", "toys", 172);
    view(f->shards[1], "without", 172, 9);
    for (size_t s = 0; s < 2; s++) {
        assert_ok(
            mr_trending_encode(f->shards[s], 9, START_MS + 172 * HOUR_MS, &shares[s]));
        texts[s] = (mr_text){(const char *)shares[s].bytes, (uint32_t)shares[s].length};
    }
    assert_ok(mr_trending_merge(texts, 2, MR_TRENDING_CATEGORIES, MR_TRENDING_HOT, K,
                                entries, &count));
    assert_int_equal(count, 2);
    assert_true(mr_text_is(entries[0].item_id, "lamps"));
    assert_int_equal(entries[0].count, 4);
    assert_true(mr_text_is(entries[1].item_id, "toys"));
    assert_int_equal(entries[1].count, 2);
    assert_ok(mr_trending_merge(texts, 2, MR_TRENDING_CATEGORIES, MR_TRENDING_RISING, K,
                                entries, &count));
    assert_true(mr_text_is(entries[0].item_id, "lamps"));
    assert_close(entries[0].score, (4.0 - 1.0) / sqrt(1.0 + 1.0), 1e-12);
    assert_close(entries[1].score, 2.0, 1e-12);
    assert_ok(mr_trending_merge(texts, 2, MR_TRENDING_CATEGORIES, MR_TRENDING_EVER, 1,
                                entries, &count));
    assert_int_equal(count, 1);
    assert_int_equal(entries[0].count, 5);
    mr_buffer_deinit(&shares[0]);
    mr_buffer_deinit(&shares[1]);
}

static void test_a_damaged_share_is_refused(void **state)
{
    const fixture *f = *state;
    view(f->shards[0], "a", 0, 3);
    mr_buffer share = {0};
    assert_ok(mr_trending_encode(f->shards[0], 9, START_MS, &share));
    mr_trending_entry entries[K];
    size_t count;
    for (size_t at = 0; at < share.length; at++) {
        share.bytes[at] ^= 4;
        const mr_text text = {(const char *)share.bytes, (uint32_t)share.length};
        assert_int_equal(mr_trending_merge(&text, 1, MR_TRENDING_ITEMS, MR_TRENDING_HOT,
                                           K, entries, &count),
                         MR_ERR_CORRUPT);
        share.bytes[at] ^= 4;
    }
    for (uint32_t length = 0; length < share.length; length++) {
        const mr_text text = {(const char *)share.bytes, length};
        assert_int_equal(mr_trending_merge(&text, 1, MR_TRENDING_ITEMS, MR_TRENDING_HOT,
                                           K, entries, &count),
                         MR_ERR_CORRUPT);
    }
    mr_buffer_deinit(&share);
}

static mr_status append(void *context, mr_text lines)
{
    mr_buffer_put_text(context, lines);
    return MR_OK;
}

static void test_the_canonical_dump_is_these_lines(void **state)
{
    const fixture *f = *state;
    mr_event visit = test_event(MR_EVENT_VIEW, "", "a\tb", 86400000);
    visit.anonymous_id = MR_TEXT("x\\y");
    test_apply(f->shards[0], visit);
    test_apply(f->shards[1], test_purchase("u", "a", 86400500, "o", 120));
    mr_buffer text = {0};
    assert_ok(mr_canonical_dump((const mr_shard *const *)f->shards, 2, MR_TIME_NONE,
                                MR_DUMP_ALL, append, &text));
    mr_buffer_put_u8(&text, 0);
    const char *lines[] = {
        "u\tevents\t1\n",
        "u\tpurchases_30d\t1\n",
        "u\tspend_fading\t120\n",
        "u\tpurchase_times\t86400500\n",
        "u\tactive_days\t1\n",
        "u\thours\t0\t1\n",
        "u\thistory\t86400000\ta\tpurchase\t1\t1\n",
        "u\trfm\t0\t1\t120\n",
        "u\t@record\t0\t86400500\n",
        "\\ax\\\\y\thistory\t86400000\ta\\tb\tview\t1\t1\n",
        "\\ax\\\\y\tlast_purchase\n",
        "\\ax\\\\y\trfm\n",
        "\\p\ttrending\ta\t1\t24\t1\n",
        "\\p\ttrending\ta\\tb\t1\t24\t1\n",
        "\\p\tcommerce\t1\t120\t0\t0\t1\t0\t0\t1\n",
        "\\p\tcommerce\ttotal\t120\t0\t0\t1\t0\t0\t1\n",
        "\\p\tcustomers\t1\n",
        "\\s\t0\tnext_offset\t1\n",
        "\\s\t1\ttimes\t86400500\t85800500\n",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (strstr((const char *)text.bytes, lines[i]) == NULL)
            fail_msg("no line %s", lines[i]);
    }
    mr_buffer_clear(&text);
    assert_ok(mr_canonical_dump((const mr_shard *const *)f->shards, 2, MR_TIME_NONE,
                                MR_DUMP_ORDER_FREE, append, &text));
    mr_buffer_put_u8(&text, 0);
    assert_null(strstr((const char *)text.bytes, "\torders"));
    assert_null(strstr((const char *)text.bytes, "\\s"));
    assert_non_null(
        strstr((const char *)text.bytes, "u\thistory\t86400000\ta\tpurchase\t1\n"));
    const mr_shard *twice[] = {f->shards[0], f->shards[0]};
    assert_int_equal(
        mr_canonical_dump(twice, 2, MR_TIME_NONE, MR_DUMP_ALL, append, &text),
        MR_ERR_INVALID);
    mr_buffer_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TRENDING_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TRENDING_TEST(test_windows_end_with_the_hour_of_reading),
        TRENDING_TEST(test_the_best_come_first_and_ties_go_by_id),
        TRENDING_TEST(test_rising_compares_with_the_same_hours_a_week_before),
        TRENDING_TEST(test_other_events_do_not_count),
        TRENDING_TEST(test_merged_shares_equal_one_shard_that_saw_all),
        TRENDING_TEST(test_categories_have_the_counts_of_their_items_over_all_shares),
        TRENDING_TEST(test_a_damaged_share_is_refused),
        TRENDING_TEST(test_the_canonical_dump_is_these_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
