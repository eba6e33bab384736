/*
 * Checkpoint cut: what is read back is the state of the moment it began, whatever was applied
 * between the slices.
 *
 * Each cut is compared with an encode taken whole at its beginning: the canonical dump, and by
 * hand what is not in it (row numbers, churn marks, outboxes, noted ids).  Random steps come from a fixed seed.
 */
#include "core/file.h"
#include "features/canonical_dump.h"
#include "features/checkpoint.h"
#include "features/checkpoint_cut.h"
#include "features/shard_private.h"
#include "tests/feature_batch.h"

#include <stdio.h>
#include <string.h>

enum { PARTITION = 3, EPOCH = 9, USERS = 300, ITEMS = 60 };

typedef struct fixture {
    mr_plan *plan;
    mr_hash_key key;
    mr_shard *shard;
    mr_checkpoint_store *store;
    char root[64];
    mr_buffer cut;
    mr_buffer whole;
    uint64_t random;
    uint64_t generation;
    int64_t now_ms;
    uint64_t asked;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    assert_ok(mr_plan_create_default(&f->plan));
    mr_hash_key_init(&f->key, "secret", 6);
    f->shard = test_shard(f->plan, PARTITION);
    f->random = 88172645463325252ULL;
    f->now_ms = START_MS;
    (void)snprintf(f->root, sizeof(f->root), "/tmp/millrace-cut-XXXXXX");
    assert_non_null(mkdtemp(f->root));
    assert_ok(mr_checkpoint_store_open(f->root, "events", 2, &f->store, NULL));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    mr_buffer_deinit(&f->cut);
    mr_buffer_deinit(&f->whole);
    mr_checkpoint_store_close(f->store);
    mr_shard_destroy(f->shard);
    mr_plan_destroy(f->plan);
    assert_ok(mr_directory_remove(f->root, NULL));
    free(f);
    return 0;
}

static uint64_t below(fixture *f, uint64_t bound)
{
    f->random ^= f->random << 13; /* xorshift64, Marsaglia 2003 */
    f->random ^= f->random >> 7;
    f->random ^= f->random << 17;
    return f->random % bound;
}

/* An event of any kind, by a user among the first `users`. */
static void apply_one(fixture *f, uint64_t users)
{
    static const uint8_t types[] = {MR_EVENT_VIEW, MR_EVENT_CART_ADD, MR_EVENT_PURCHASE,
                                    MR_EVENT_RATE, MR_EVENT_REFUND,   MR_EVENT_SEARCH};
    char user[24];
    char item[24];
    char order[24];
    char visitor[24];
    (void)snprintf(user, sizeof(user), "user%d", (int)below(f, users));
    (void)snprintf(item, sizeof(item), "item%d",
                   (int)below(f, 1 + f->generation * 7) % ITEMS);
    (void)snprintf(order, sizeof(order), "o%d", (int)below(f, 5));
    f->now_ms += (int64_t)below(f, 2 * (uint64_t)MINUTE_MS);
    const int64_t at_ms =
        f->now_ms - (below(f, 4) == 0 ? (int64_t)below(f, 8 * (uint64_t)DAY_MS) : 0);
    char id[24];
    (void)snprintf(id, sizeof(id), "id%d", (int)below(f, 100000) + (int)f->generation);
    mr_event event =
        test_event((mr_event_type)types[below(f, sizeof(types))], user, item, at_ms);
    event.value_minor = (int64_t)below(f, 10000);
    event.rating_centi = 400;
    event.order_id = mr_text_from(order);
    if (below(f, 5) != 0)
        event.event_id = mr_text_from(id);
    (void)snprintf(visitor, sizeof(visitor), "user%d", (int)below(f, users));
    event.anonymous_id = below(f, 4) == 0 ? mr_text_from(visitor) : (mr_text){0};
    if (event.anonymous_id.length > 0 && below(f, 3) > 0)
        event.user_id = (mr_text){0};
    test_apply(f->shard, event);
}

/* A visitor's profile is asked for: its row is emptied, and what it held waits to be sent. */
static void ask_for_one(fixture *f, uint64_t users)
{
    char visitor[24];
    (void)snprintf(visitor, sizeof(visitor), "user%d", (int)below(f, users));
    const mr_link request = {.anonymous_id = mr_text_from(visitor),
                             .user_id = MR_TEXT("somebody"),
                             .time_ms = f->now_ms,
                             .sequence = ++f->asked,
                             .source = 7};
    mr_event_batch batch = {.partition = PARTITION};
    test_batch_add_other(&batch, mr_shard_next_offset(f->shard), MR_RECORD_LINK, 0);
    batch.records[0].link = &request;
    assert_ok(mr_shard_apply(f->shard, &batch));
    mr_event_batch_deinit(&batch);
}

/* Anything that changes a shard. */
static void change_something(fixture *f, uint64_t users)
{
    const uint32_t rows = mr_shard_user_count(f->shard);
    uint64_t sequence;
    switch (below(f, 16)) {
    case 0:
        if (rows > 0)
            mr_shard_set_churn(f->shard, (uint32_t)below(f, rows),
                               (mr_churn_mark){.permille = (uint16_t)below(f, 1000),
                                               .tier = (uint8_t)below(f, 4),
                                               .since_ms = START_MS});
        break;
    case 1:
        assert_ok(
            mr_shard_outbox_put(f->shard, MR_TEXT("id"), MR_TEXT("alert"), &sequence));
        if (sequence > 4)
            mr_shard_outbox_acknowledge(f->shard, sequence - 4);
        break;
    case 2: ask_for_one(f, users); break;
    case 3: mr_shard_links_acknowledge(f->shard, below(f, f->asked + 1)); break;
    default: apply_one(f, users);
    }
    if (below(f, 10) == 0)
        mr_shard_changed_clear(f->shard);
}

static void change_much(fixture *f, size_t times, uint64_t users)
{
    for (size_t i = 0; i < times; i++)
        change_something(f, users);
}

static void hash_of(const mr_shard *shard, char ret_hex[MR_SHA256_HEX_BYTES])
{
    assert_ok(mr_canonical_hash(&shard, 1, MR_TIME_NONE, MR_DUMP_ALL, ret_hex));
}

static bool put_alert(void *context, uint64_t sequence, mr_text id, mr_text record)
{
    mr_buffer_put_u64(context, sequence);
    mr_buffer_put_text(context, id);
    mr_buffer_put_text(context, record);
    return true;
}

/* What the dump leaves out. */
static void put_rest(const mr_shard *shard, mr_buffer *text)
{
    for (uint32_t row = 0; row < mr_shard_user_count(shard); row++) {
        const mr_churn_mark mark = mr_shard_churn(shard, row);
        mr_buffer_put_text(text, mr_shard_user_id(shard, row));
        mr_buffer_put_u8(text, mr_shard_is_anonymous(shard, row));
        mr_buffer_put_u16(text, mark.permille);
        mr_buffer_put_u8(text, mark.tier);
        mr_buffer_put_i64(text, mark.since_ms);
    }
    for (uint32_t item = 0; item < mr_shard_item_count(shard); item++)
        mr_buffer_put_text(text, mr_shard_item_id(shard, item));
    for (uint32_t row = 0; row < mr_shard_user_count(shard); row++)
        mr_links_encode_noted(shard, row, text);
    mr_links_encode(shard, text);
    for (size_t i = shard->links.first; i < shard->links.end; i++)
        mr_links_encode_entry(shard, &shard->links.entries[i], text);
    mr_shard_outbox_pending(shard, 0, put_alert, text);
}

static void assert_same(const mr_shard *a, const mr_shard *b)
{
    char hashes[2][MR_SHA256_HEX_BYTES];
    mr_buffer rest[2] = {{0}, {0}};
    hash_of(a, hashes[0]);
    hash_of(b, hashes[1]);
    assert_string_equal(hashes[0], hashes[1]);
    put_rest(a, &rest[0]);
    put_rest(b, &rest[1]);
    assert_int_equal(rest[0].length, rest[1].length);
    assert_true(rest[0].length == 0 ||
                memcmp(rest[0].bytes, rest[1].bytes, rest[0].length) == 0);
    mr_buffer_deinit(&rest[0]);
    mr_buffer_deinit(&rest[1]);
}

static mr_shard *decode_whole(const fixture *f)
{
    mr_buffer sealed = {0};
    mr_shard *shard = NULL;
    mr_checkpoint_info info;
    assert_ok(mr_checkpoint_seal(&f->whole, &sealed));
    const mr_checkpoint_file file = {sealed.bytes, sealed.length};
    assert_ok(
        mr_checkpoint_decode_chain(&file, 1, f->plan, &f->key, 0, &shard, &info, NULL));
    mr_buffer_deinit(&sealed);
    return shard;
}

static mr_shard *restore(const fixture *f, mr_checkpoint_info *ret_info)
{
    mr_shard *shard = NULL;
    mr_error error = {{0}};
    if (mr_checkpoint_restore(f->store, PARTITION, f->plan, &f->key, 0, &shard, ret_info,
                              &error) != MR_OK)
        fail_msg("restore: %s", error.message);
    return shard;
}

static void begin(fixture *f)
{
    f->generation++;
    assert_ok(mr_checkpoint_encode(f->shard, EPOCH, f->generation, &f->whole));
    mr_checkpoint_cut_begin(f->shard, EPOCH, f->generation, &f->cut);
}

static void copy_all(fixture *f)
{
    while (!mr_checkpoint_cut_step(f->shard, 1000))
        continue;
    assert_ok(mr_buffer_status(&f->cut));
}

static void write_cut(fixture *f)
{
    mr_error error = {{0}};
    if (mr_checkpoint_write(f->store, PARTITION, EPOCH, f->generation, &f->cut, &error) !=
        MR_OK)
        fail_msg("write: %s", error.message);
    mr_checkpoint_cut_settle(f->shard, true);
}

/* The newest generation in the store against the encode of the moment its cut began. */
static void check_newest(const fixture *f, bool is_delta)
{
    mr_checkpoint_info info;
    mr_shard *expected = decode_whole(f);
    mr_shard *restored = restore(f, &info);
    mr_shard_check(restored);
    assert_int_equal(info.generation, f->generation);
    assert_int_equal(info.skipped, 0);
    assert_int_equal(info.is_delta, is_delta);
    assert_same(expected, restored);
    mr_shard_destroy(expected);
    mr_shard_destroy(restored);
}

static void checkpoint(fixture *f)
{
    begin(f);
    copy_all(f);
    write_cut(f);
}

static void test_a_cut_is_the_state_at_its_beginning(void **state)
{
    fixture *f = *state;
    change_much(f, 500, USERS);
    begin(f);
    assert_true(mr_checkpoint_cut_is_base(f->shard));
    change_much(f, 2000, 2 * USERS); /* every row, and new ones, before the first slice */
    copy_all(f);
    write_cut(f);
    check_newest(f, false);

    change_much(f, 40, 20);
    begin(f);
    assert_false(mr_checkpoint_cut_is_base(f->shard));
    change_much(f, 2000, 2 * USERS);
    copy_all(f);
    write_cut(f);
    check_newest(f, true);
    mr_shard_check(f->shard);
}

static void test_random_changes_between_slices_never_show(void **state)
{
    fixture *f = *state;
    size_t deltas = 0;
    size_t bases = 0;
    for (int round = 0; round < 120; round++) {
        const uint64_t users = 1 + below(f, USERS);
        change_much(f, below(f, 200), users);
        begin(f);
        const bool is_base = mr_checkpoint_cut_is_base(f->shard);
        const size_t slice = 1 + (size_t)below(f, 40);
        while (!mr_checkpoint_cut_step(f->shard, slice))
            change_much(f, below(f, 6), users);
        assert_ok(mr_buffer_status(&f->cut));
        change_much(f, below(f, 50), USERS); /* while it is being written */
        if (below(f, 8) == 0) {
            mr_checkpoint_cut_settle(f->shard, false); /* the disk was full */
            continue;
        }
        write_cut(f);
        check_newest(f, !is_base);
        deltas += !is_base;
        bases += is_base;
    }
    assert_true(deltas > 20);
    assert_true(bases > 5);
    mr_shard_check(f->shard);
}

static void test_a_delta_holds_what_changed_and_no_more(void **state)
{
    fixture *f = *state;
    change_much(f, 4000, USERS);
    checkpoint(f);
    const size_t base_bytes = f->cut.length;
    checkpoint(f);
    const size_t empty_bytes = f->cut.length;
    check_newest(f, true);
    test_apply(f->shard, test_event(MR_EVENT_VIEW, "user1", "item1", START_MS));
    checkpoint(f);
    check_newest(f, true);
    assert_true(f->cut.length > empty_bytes);
    assert_true(f->cut.length - empty_bytes < base_bytes / 50);
}

static void test_after_so_many_deltas_comes_a_base(void **state)
{
    fixture *f = *state;
    change_much(f, 15000, 1000);
    mr_shard_links_acknowledge(f->shard, UINT64_MAX);
    for (int chain = 0; chain < 2; chain++) {
        checkpoint(f);
        check_newest(f, false);
        for (int segment = 0; segment < MR_CHECKPOINT_SEGMENTS_MAX; segment++) {
            apply_one(f, 5);
            checkpoint(f);
            check_newest(f, true);
        }
    }
    mr_checkpoint_info info;
    mr_shard_destroy(restore(f, &info));
    assert_int_equal(info.segments, MR_CHECKPOINT_SEGMENTS_MAX);
    assert_int_equal(info.base_generation, info.generation - MR_CHECKPOINT_SEGMENTS_MAX);
}

static void test_deltas_half_as_large_as_their_base_are_followed_by_a_base(void **state)
{
    fixture *f = *state;
    change_much(f, 4000, USERS);
    checkpoint(f);
    change_much(f, 2000, USERS); /* nearly every row */
    checkpoint(f);
    check_newest(f, true);
    checkpoint(f);
    check_newest(f, false);
}

static void test_after_a_failed_write_comes_a_base(void **state)
{
    fixture *f = *state;
    change_much(f, 2000, USERS);
    checkpoint(f);
    change_much(f, 10, 5);
    begin(f);
    copy_all(f);
    mr_checkpoint_cut_settle(f->shard, false);
    change_much(f, 10, 5);
    begin(f);
    assert_true(mr_checkpoint_cut_is_base(f->shard));
    copy_all(f);
    write_cut(f);
    check_newest(f, false);
    change_much(f, 10, 5);
    checkpoint(f);
    check_newest(f, true);
}

static void test_a_restored_shard_and_a_new_epoch_begin_with_a_base(void **state)
{
    fixture *f = *state;
    change_much(f, 500, USERS);
    checkpoint(f);
    mr_checkpoint_info info;
    mr_shard *again = restore(f, &info);
    mr_shard_destroy(f->shard);
    f->shard = again;
    begin(f);
    assert_true(mr_checkpoint_cut_is_base(f->shard));
    copy_all(f);
    write_cut(f);
    mr_checkpoint_cut_begin(f->shard, EPOCH + 1, 1, &f->cut);
    assert_true(mr_checkpoint_cut_is_base(f->shard));
    copy_all(f);
}

static void test_more_changes_than_half_of_many_rows_make_a_base(void **state)
{
    fixture *f = *state;
    char user[24];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 20000; i++) {
            (void)snprintf(user, sizeof(user), "u%d", i);
            test_apply(f->shard, test_event(MR_EVENT_VIEW, user, "item", START_MS));
        }
        checkpoint(f);
        check_newest(f, false);
    }
    for (int i = 0; i < 3000; i++) {
        (void)snprintf(user, sizeof(user), "u%d", 7 * i % 20000);
        test_apply(f->shard, test_event(MR_EVENT_VIEW, user, "item", START_MS));
    }
    checkpoint(f);
    check_newest(f, true);
}

static void test_an_empty_shard_is_cut_in_one_step(void **state)
{
    fixture *f = *state;
    begin(f);
    assert_true(mr_checkpoint_cut_is_under_way(f->shard));
    assert_true(mr_checkpoint_cut_step(f->shard, 1));
    assert_false(mr_checkpoint_cut_is_under_way(f->shard));
    write_cut(f);
    check_newest(f, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CUT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        CUT_TEST(test_a_cut_is_the_state_at_its_beginning),
        CUT_TEST(test_random_changes_between_slices_never_show),
        CUT_TEST(test_a_delta_holds_what_changed_and_no_more),
        CUT_TEST(test_after_so_many_deltas_comes_a_base),
        CUT_TEST(test_deltas_half_as_large_as_their_base_are_followed_by_a_base),
        CUT_TEST(test_after_a_failed_write_comes_a_base),
        CUT_TEST(test_a_restored_shard_and_a_new_epoch_begin_with_a_base),
        CUT_TEST(test_more_changes_than_half_of_many_rows_make_a_base),
        CUT_TEST(test_an_empty_shard_is_cut_in_one_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
