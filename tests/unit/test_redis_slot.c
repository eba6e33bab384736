/*
 * Slots: the published check value of the CRC, slots that Redis itself gives, and tags.
 */
#include "serving/redis_slot.h"

#include "tests/support.h"

/* Bit by bit, as the polynomial is defined. */
static uint16_t crc16_by_bits(mr_text text)
{
    uint32_t crc = 0;
    for (uint32_t i = 0; i < text.length; i++) {
        crc ^= (uint32_t)(uint8_t)text.bytes[i] << 8;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1;
        crc &= 0xffff;
    }
    return (uint16_t)crc;
}

static void test_the_crc_has_its_published_check_value(void **state)
{
    (void)state;
    assert_int_equal(mr_redis_crc16(MR_TEXT("123456789")), 0x31c3);
    assert_int_equal(mr_redis_crc16((mr_text){0}), 0);
}

static void test_the_crc_is_that_of_the_polynomial(void **state)
{
    (void)state;
    char bytes[256];
    for (uint32_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char)(i * 37 + 11);
        const mr_text text = {bytes, i + 1};
        assert_int_equal(mr_redis_crc16(text), crc16_by_bits(text));
    }
}

/* By CLUSTER KEYSLOT of Redis 7.0.15. */
static void test_a_key_has_the_slot_that_redis_gives_it(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        uint16_t slot;
    } cases[] = {
        {"foo", 12182},
        {"bar", 5061},
        {"somekey", 11058},
        {"foo{hash_tag}", 2515},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(mr_redis_slot(mr_text_from(cases[i].key)), cases[i].slot);
}

static void test_a_tag_is_what_stands_in_the_first_braces(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        const char *tag;
    } cases[] = {
        {"plain", "plain"},
        {"mr:{u:1}:r", "u:1"},
        {"foo{}{bar}", "foo{}{bar}"},
        {"foo{{bar}}zap", "{bar"},
        {"foo{bar}{zap}", "bar"},
        {"open{", "open{"},
        {"a}b{c}", "c"},
        {"{x}", "x"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_true(
            mr_text_is(mr_redis_hash_tag(mr_text_from(cases[i].key)), cases[i].tag));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_crc_has_its_published_check_value),
        cmocka_unit_test(test_the_crc_is_that_of_the_polynomial),
        cmocka_unit_test(test_a_key_has_the_slot_that_redis_gives_it),
        cmocka_unit_test(test_a_tag_is_what_stands_in_the_first_braces),
    };
    return cmocka_run_group_tests_name("redis_slot", tests, NULL, NULL);
}
