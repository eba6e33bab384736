/*
 * Round trips through a dictionary of items, the size the memory budget counts on, and every
 * truncation and bit flip refused.
 */
#include "serving/user_state_codec.h"

#include "core/event.h"
#include "tests/support.h"

#include <stdio.h>
#include <string.h>

enum { ITEMS = 120 };

static const mr_hash128 alice = {7, 8};
static const mr_hash128 bob = {7, 9};
static mr_hash_key key;
static char ids[ITEMS][16];

static int set_up(void **state)
{
    (void)state;
    mr_hash_key_init(&key, "secret", 6);
    for (int i = 0; i < ITEMS; i++)
        (void)snprintf(ids[i], sizeof(ids[i]), "item-%d", i);
    return 0;
}

/* The first `*context` items are known. */
static mr_text resolve(void *context, uint64_t hash)
{
    const int known = *(const int *)context;
    for (int i = 0; i < known; i++) {
        if (mr_hash_item(&key, mr_text_from(ids[i])) == hash)
            return mr_text_from(ids[i]);
    }
    return (mr_text){0};
}

static mr_user_state sample(uint8_t items)
{
    mr_user_state state = {.user_id = MR_TEXT("alice"),
                           .epoch = 1764000000,
                           .offset = 42,
                           .as_of_ms = 1764000000999,
                           .first_ms = 1700000000000,
                           .spend_minor = -12345,
                           .events = 1000,
                           .purchases = 12,
                           .churn_permille = UINT16_MAX,
                           .churn_tier = 2,
                           .item_count = items};
    for (uint8_t i = 0; i < items; i++)
        state.items[i] = (mr_recent_item){.item_id = mr_text_from(ids[i]),
                                          .time_s = 1764000000U - i,
                                          .type = MR_EVENT_PURCHASE,
                                          .weight = i};
    return state;
}

static mr_text encoded(const mr_user_state *state, mr_buffer *value)
{
    mr_buffer_clear(value);
    assert_ok(mr_user_state_encode(&key, alice, state, value));
    return (mr_text){(const char *)value->bytes, (uint32_t)value->length};
}

static void test_what_is_written_is_read(void **state)
{
    (void)state;
    mr_buffer value = {0};
    int known = ITEMS;
    const mr_user_state in = sample(20);
    mr_user_state out;
    assert_ok(mr_user_state_decode(alice, encoded(&in, &value), resolve, &known, &out));
    assert_int_equal(out.epoch, in.epoch);
    assert_int_equal(out.offset, in.offset);
    assert_int_equal(out.as_of_ms, in.as_of_ms);
    assert_int_equal(out.first_ms, in.first_ms);
    assert_int_equal(out.spend_minor, in.spend_minor);
    assert_int_equal(out.events, in.events);
    assert_int_equal(out.purchases, in.purchases);
    assert_int_equal(out.churn_permille, in.churn_permille);
    assert_int_equal(out.churn_tier, in.churn_tier);
    assert_int_equal(out.item_count, 20);
    for (int i = 0; i < 20; i++) {
        assert_true(mr_text_equal(out.items[i].item_id, in.items[i].item_id));
        assert_int_equal(out.items[i].time_s, in.items[i].time_s);
        assert_int_equal(out.items[i].type, in.items[i].type);
        assert_int_equal(out.items[i].weight, in.items[i].weight);
    }
    mr_buffer_deinit(&value);
}

static void test_keeps_the_48_newest_items_in_at_most_900_bytes(void **state)
{
    (void)state;
    mr_buffer value = {0};
    int known = ITEMS;
    const mr_user_state in = sample(MR_USER_STATE_ITEMS_MAX);
    mr_user_state out;
    const mr_text text = encoded(&in, &value);
    assert_true(text.length <= 900);
    assert_int_equal(text.length, MR_STATE_BYTES_MAX);
    assert_ok(mr_user_state_decode(alice, text, resolve, &known, &out));
    assert_int_equal(out.item_count, 48);
    assert_true(mr_text_is(out.items[0].item_id, "item-0"));
    assert_true(mr_text_is(out.items[47].item_id, "item-47"));
    mr_buffer_deinit(&value);
}

static void test_an_item_nobody_knows_is_left_out(void **state)
{
    (void)state;
    mr_buffer value = {0};
    int known = 5;
    const mr_user_state in = sample(10);
    mr_user_state out;
    assert_ok(mr_user_state_decode(alice, encoded(&in, &value), resolve, &known, &out));
    assert_int_equal(out.item_count, 5);
    mr_buffer_deinit(&value);
}

static void test_another_users_value_is_corrupt(void **state)
{
    (void)state;
    mr_buffer value = {0};
    int known = ITEMS;
    const mr_user_state in = sample(10);
    mr_user_state out;
    assert_int_equal(
        mr_user_state_decode(bob, encoded(&in, &value), resolve, &known, &out),
        MR_ERR_CORRUPT);
    mr_buffer_deinit(&value);
}

static void test_every_truncation_and_bit_flip_is_corrupt(void **state)
{
    (void)state;
    mr_buffer value = {0};
    int known = ITEMS;
    const mr_user_state in = sample(10);
    mr_user_state out;
    const mr_text text = encoded(&in, &value);
    for (uint32_t length = 0; length < text.length; length++) {
        char *copy = malloc(length + 1);
        memcpy(copy, text.bytes, length);
        assert_int_equal(
            mr_user_state_decode(alice, (mr_text){copy, length}, resolve, &known, &out),
            MR_ERR_CORRUPT);
        free(copy);
    }
    for (size_t bit = 0; bit < 8 * (size_t)text.length; bit++) {
        value.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_int_equal(mr_user_state_decode(alice, text, resolve, &known, &out),
                         MR_ERR_CORRUPT);
        value.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    mr_buffer_deinit(&value);
}

static void test_a_dump_does_not_show_what_was_looked_at(void **state)
{
    (void)state;
    mr_buffer value = {0};
    const mr_user_state in = sample(10);
    const mr_text text = encoded(&in, &value);
    assert_null(memmem(text.bytes, text.length, "item-", 5));
    assert_null(memmem(text.bytes, text.length, "alice", 5));
    mr_buffer_deinit(&value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read),
        cmocka_unit_test(test_keeps_the_48_newest_items_in_at_most_900_bytes),
        cmocka_unit_test(test_an_item_nobody_knows_is_left_out),
        cmocka_unit_test(test_another_users_value_is_corrupt),
        cmocka_unit_test(test_every_truncation_and_bit_flip_is_corrupt),
        cmocka_unit_test(test_a_dump_does_not_show_what_was_looked_at),
    };
    return cmocka_run_group_tests_name("user_state_codec", tests, set_up, NULL);
}
