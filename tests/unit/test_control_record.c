/*
 * Method: encode, then decode what was encoded; then change one thing at a time and see it
 * refused.  The MAC is checked against another implementation's.
 */
#include "tests/support.h"

#include "ingest/control_record.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
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

static mr_arena *arena;

static mr_status decode(const encoded *control, const char *topic,
                        mr_control_record *record)
{
    return mr_control_decode(&control->record, topic, key, KEY_BYTES, arena, record);
}

/* A value of any shape with the right MAC: what another program with the key might write. */
static void sign(encoded *ret_control, mr_text record_key, const char *value)
{
    const mr_control_record tick = {.kind = MR_CONTROL_TICK};
    mr_buffer unused = {0};
    assert_ok(mr_control_encode(&tick, "events", key, KEY_BYTES, (mr_text){0}, &unused,
                                ret_control->header));
    mr_buffer_deinit(&unused);
    mr_buffer covered = {0};
    const mr_text parts[] = {MR_TEXT("events"), record_key, mr_text_from(value)};
    mr_buffer_put_u8(&covered, MR_CONTROL_VERSION);
    for (size_t i = 0; i < 3; i++) {
        mr_buffer_put_u32(&covered, parts[i].length);
        mr_buffer_put_text(&covered, parts[i]);
    }
    unsigned int bytes = 0;
    assert_non_null(HMAC(EVP_sha256(), key, KEY_BYTES, covered.bytes, covered.length,
                         &ret_control->header[8], &bytes));
    mr_buffer_deinit(&covered);
    ret_control->headers[0] =
        (mr_log_header){.name = MR_TEXT(MR_CONTROL_HEADER),
                        .value = {.bytes = (const char *)ret_control->header,
                                  .length = MR_CONTROL_HEADER_BYTES}};
    ret_control->record = (mr_log_record){.key = record_key,
                                          .value = mr_text_from(value),
                                          .headers = ret_control->headers,
                                          .header_count = 1};
}

static void test_every_kind_comes_back_as_it_was(void **state)
{
    (void)state;
    for (mr_control_kind kind = MR_CONTROL_TICK; kind < MR_CONTROL_LINK; kind++) {
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
    assert_int_equal(
        mr_control_decode(&control.record, "events", "other", 5, arena, &record),
        MR_ERR_CORRUPT);
    assert_int_equal(
        mr_control_decode(&control.record, "events", NULL, 0, arena, &record),
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

static mr_control_record link_record(const char *profile)
{
    return (mr_control_record){.kind = MR_CONTROL_LINK,
                               .link = {.anonymous_id = MR_TEXT("visitor \"\x01\xC3\xA9"),
                                        .user_id = MR_TEXT("u1"),
                                        .profile = mr_text_from(profile),
                                        .time_ms = 1700000000000,
                                        .sequence = 7,
                                        .source = 3}};
}

static void test_a_request_and_its_answer_come_back_as_they_were(void **state)
{
    (void)state;
    static const char *const profiles[] = {NULL,
                                           "{\"events\":2,\"history\":[[1,\"i\"]]}"};
    for (size_t i = 0; i < 2; i++) {
        const mr_control_record sent = link_record(profiles[i]);
        const mr_text owner = i == 0 ? sent.link.anonymous_id : sent.link.user_id;
        encoded control;
        mr_buffer value = {0};
        mr_control_record record;
        assert_ok(mr_control_encode(&sent, "events", key, KEY_BYTES, owner, &value,
                                    control.header));
        mr_buffer_put_u8(&value, 0);
        sign(&control, owner, (const char *)value.bytes);
        assert_ok(decode(&control, "events", &record));
        mr_buffer_deinit(&value); /* nothing is borrowed from the document */
        assert_int_equal(record.kind, MR_CONTROL_LINK);
        assert_true(mr_text_equal(record.link.anonymous_id, sent.link.anonymous_id));
        assert_true(mr_text_equal(record.link.user_id, sent.link.user_id));
        assert_true(mr_text_equal(record.link.profile, sent.link.profile));
        assert_int_equal(record.link.time_ms, sent.link.time_ms);
        assert_int_equal(record.link.sequence, 7);
        assert_int_equal(record.link.source, 3);
    }
}

/* The fields of a link, with one of them replaced. */
static const char *link_value(const char *name, const char *replacement)
{
    static char text[512];
    static const char *const fields[][2] = {
        {"anonymous_id", "\"x\""}, {"user_id", "\"u\""}, {"source", "0"},
        {"sequence", "1"},         {"time", "5"},        {"profile", "{}"}};
    size_t at = (size_t)snprintf(text, sizeof(text), "{\"control\":\"link\"");
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        const char *value = strcmp(fields[i][0], name) == 0 ? replacement : fields[i][1];
        if (value != NULL)
            at += (size_t)snprintf(text + at, sizeof(text) - at, ",\"%s\":%s",
                                   fields[i][0], value);
    }
    (void)snprintf(text + at, sizeof(text) - at, "}");
    return text;
}

static void test_a_link_with_a_field_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {{"anonymous_id", NULL},
                                         {"anonymous_id", "\"\""},
                                         {"anonymous_id", "7"},
                                         {"user_id", NULL},
                                         {"user_id", "\"v\""},
                                         {"user_id", "[\"u\"]"},
                                         {"source", NULL},
                                         {"source", "-1"},
                                         {"source", "4096"},
                                         {"source", "1.5"},
                                         {"source", "\"1\""},
                                         {"sequence", NULL},
                                         {"sequence", "0"},
                                         {"sequence", "-1"},
                                         {"sequence", "9223372036854775808"},
                                         {"time", NULL},
                                         {"time", "-1"},
                                         {"time", "1e3"},
                                         {"profile", "null"},
                                         {"profile", "[]"},
                                         {"profile", "\"{}\""}};
    encoded control;
    mr_control_record record;
    sign(&control, MR_TEXT("u"), link_value("", NULL));
    assert_ok(decode(&control, "events", &record));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        sign(&control, MR_TEXT("u"), link_value(bad[i][0], bad[i][1]));
        assert_int_equal(decode(&control, "events", &record), MR_ERR_CORRUPT);
    }
}

static void test_a_request_lies_with_the_visitor_and_an_answer_with_the_user(void **state)
{
    (void)state;
    encoded control;
    mr_control_record record;
    sign(&control, MR_TEXT("x"), link_value("profile", NULL));
    assert_ok(decode(&control, "events", &record));
    sign(&control, MR_TEXT("u"), link_value("profile", NULL));
    assert_int_equal(decode(&control, "events", &record), MR_ERR_CORRUPT);
    sign(&control, MR_TEXT("x"), link_value("", NULL));
    assert_int_equal(decode(&control, "events", &record), MR_ERR_CORRUPT);
    const mr_control_record request = link_record(NULL);
    mr_buffer value = {0};
    assert_int_equal(mr_control_encode(&request, "events", key, KEY_BYTES,
                                       request.link.user_id, &value, control.header),
                     MR_ERR_INVALID);
    assert_int_equal(value.length, 0);
    mr_buffer_deinit(&value);
}

static void test_only_an_answer_may_be_longer_than_four_kibibytes(void **state)
{
    (void)state;
    char *spaces = malloc(8000);
    assert_non_null(spaces);
    encoded control;
    mr_control_record record;
    (void)snprintf(spaces, 8000, "%s%*s", link_value("", NULL), 5000, "");
    sign(&control, MR_TEXT("u"), spaces);
    assert_ok(decode(&control, "events", &record));
    (void)snprintf(spaces, 8000, "%s%*s", link_value("profile", NULL), 5000, "");
    sign(&control, MR_TEXT("x"), spaces);
    assert_int_equal(decode(&control, "events", &record), MR_ERR_CORRUPT);
    (void)snprintf(spaces, 8000,
                   "{\"control\":\"erase\",\"user_id\":\"u\",\"time\":1}%*s", 5000, "");
    sign(&control, MR_TEXT("u"), spaces);
    assert_int_equal(decode(&control, "events", &record), MR_ERR_CORRUPT);
    free(spaces);
}

static int make_arena(void **state)
{
    (void)state;
    arena = mr_arena_create(4096);
    return arena != NULL ? 0 : -1;
}

static int drop_arena(void **state)
{
    (void)state;
    mr_arena_destroy(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_comes_back_as_it_was),
        cmocka_unit_test(test_another_topic_key_user_or_byte_is_refused),
        cmocka_unit_test(test_only_a_users_own_partition_may_carry_it),
        cmocka_unit_test(test_the_mac_is_hmac_sha256_over_the_sized_parts),
        cmocka_unit_test(test_a_request_and_its_answer_come_back_as_they_were),
        cmocka_unit_test(test_a_link_with_a_field_that_does_not_fit_is_refused),
        cmocka_unit_test(
            test_a_request_lies_with_the_visitor_and_an_answer_with_the_user),
        cmocka_unit_test(test_only_an_answer_may_be_longer_than_four_kibibytes),
    };
    return cmocka_run_group_tests(tests, make_arena, drop_arena);
}
