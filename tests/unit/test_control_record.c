/*
 * Method: encode, then decode what was encoded; then change one thing at a time and see it
 * refused.  The MAC is checked against another implementation's.
 */
#include "tests/support.h"

#include "ingest/control_record.h"

#include <string.h>

static const char key[] = "a control key of thirty-two byte";
enum { KEY_BYTES = sizeof(key) - 1 };

typedef struct encoded {
    mr_buffer value;
    uint8_t header[MR_CONTROL_HEADER_BYTES];
    mr_log_header headers[1];
    mr_log_record record;
} encoded;

static void encode(encoded *ret_control, mr_control_kind kind, const char *user)
{
    const mr_control_record record = {
        .kind = kind, .user_id = mr_text_from(user), .time_ms = 1700000000000};
    ret_control->value = (mr_buffer){0};
    assert_ok(mr_control_encode(&record, "events", key, KEY_BYTES, mr_text_from(user),
                                &ret_control->value, ret_control->header));
    ret_control->headers[0] =
        (mr_log_header){.name = MR_TEXT(MR_CONTROL_HEADER),
                        .value = {.bytes = (const char *)ret_control->header,
                                  .length = MR_CONTROL_HEADER_BYTES}};
    ret_control->record = (mr_log_record){
        .key = mr_text_from(user),
        .value = {.bytes = (const char *)ret_control->value.bytes,
                  .length = (uint32_t)ret_control->value.length},
        .headers = ret_control->headers,
        .header_count = 1,
    };
}

static mr_status decode(const encoded *control, const char *topic,
                        mr_control_record *record)
{
    return mr_control_decode(&control->record, topic, key, KEY_BYTES, record);
}

static void test_every_kind_comes_back_as_it_was(void **state)
{
    (void)state;
    for (mr_control_kind kind = MR_CONTROL_TICK; kind <= MR_CONTROL_LINK; kind++) {
        encoded control;
        mr_control_record record;
        const char *user = kind == MR_CONTROL_TICK ? NULL : "user \"1\"";
        encode(&control, kind, user);
        assert_ok(decode(&control, "events", &record));
        assert_int_equal(record.kind, kind);
        assert_int_equal(record.time_ms, 1700000000000);
        assert_true(mr_text_equal(record.user_id, mr_text_from(user)));
        mr_buffer_deinit(&control.value);
    }
}

static void test_another_topic_key_user_or_byte_is_refused(void **state)
{
    (void)state;
    encoded control;
    mr_control_record record;
    encode(&control, MR_CONTROL_ERASE, "u1");
    assert_int_equal(decode(&control, "catalogue", &record), MR_ERR_CORRUPT);
    assert_int_equal(mr_control_decode(&control.record, "events", "other", 5, &record),
                     MR_ERR_CORRUPT);
    assert_int_equal(mr_control_decode(&control.record, "events", NULL, 0, &record),
                     MR_ERR_CORRUPT);
    control.record.key = MR_TEXT("u2");
    assert_int_equal(decode(&control, "events", &record), MR_ERR_CORRUPT);
    control.record.key = MR_TEXT("u1");
    for (size_t i = 0; i < MR_CONTROL_HEADER_BYTES; i++) {
        control.header[i] ^= 1;
        assert_int_equal(decode(&control, "events", &record), MR_ERR_CORRUPT);
        control.header[i] ^= 1;
    }
    for (size_t i = 0; i < control.value.length; i++) {
        control.value.bytes[i] ^= 1;
        assert_int_equal(decode(&control, "events", &record), MR_ERR_CORRUPT);
        control.value.bytes[i] ^= 1;
    }
    assert_ok(decode(&control, "events", &record));
    control.headers[0].value.length--;
    assert_int_equal(decode(&control, "events", &record), MR_ERR_CORRUPT);
    mr_buffer_deinit(&control.value);
}

static void test_only_a_users_own_partition_may_carry_it(void **state)
{
    (void)state;
    const mr_control_record record = {
        .kind = MR_CONTROL_ERASE, .user_id = MR_TEXT("u1"), .time_ms = 1};
    mr_buffer value = {0};
    uint8_t header[MR_CONTROL_HEADER_BYTES];
    assert_int_equal(mr_control_encode(&record, "events", key, KEY_BYTES, MR_TEXT("u2"),
                                       &value, header),
                     MR_ERR_INVALID);
    const mr_control_record nobody = {.kind = MR_CONTROL_ERASE, .time_ms = 1};
    assert_int_equal(mr_control_encode(&nobody, "events", key, KEY_BYTES, (mr_text){0},
                                       &value, header),
                     MR_ERR_INVALID);
    mr_buffer_deinit(&value);
}

/* Python: hmac.new(key, b"\x01" + sized(b"events") + sized(b"u1") + sized(value), "sha256"),
 * where sized(x) = struct.pack("<I", len(x)) + x. */
static void test_the_mac_is_hmac_sha256_over_the_sized_parts(void **state)
{
    (void)state;
    encoded control;
    encode(&control, MR_CONTROL_ERASE, "u1");
    const char expected_value[] =
        "{\"control\":\"erase\",\"user_id\":\"u1\",\"time\":1700000000000}";
    assert_int_equal(control.value.length, sizeof(expected_value) - 1);
    assert_memory_equal(control.value.bytes, expected_value, sizeof(expected_value) - 1);
    static const uint8_t expected_mac[] = {
        0xd8, 0xb8, 0x51, 0x97, 0xdb, 0x9e, 0x64, 0xc6, 0x5c, 0xff, 0x53,
        0x7a, 0x7c, 0xaf, 0x80, 0xda, 0x32, 0xf6, 0xd7, 0xc3, 0x54, 0x84,
        0xec, 0x28, 0xf3, 0xdc, 0xde, 0x07, 0x74, 0xb0, 0x66, 0x2a};
    assert_int_equal(control.header[0], MR_CONTROL_VERSION);
    assert_memory_equal(&control.header[8], expected_mac, sizeof(expected_mac));
    mr_buffer_deinit(&control.value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_comes_back_as_it_was),
        cmocka_unit_test(test_another_topic_key_user_or_byte_is_refused),
        cmocka_unit_test(test_only_a_users_own_partition_may_carry_it),
        cmocka_unit_test(test_the_mac_is_hmac_sha256_over_the_sized_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
