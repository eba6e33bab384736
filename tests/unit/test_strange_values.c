/* Method: two tables of what strangers send for a number and for a text.  Each entry is refused with
 * its reason or read as the value beside it; what is read is applied to a shard, and nothing there
 * may be other than finite. */
#include "tests/decode_support.h"

#include "features/canonical_dump.h"
#include "features/shard.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REFUSED = -1, ABSENT = -2, MESSAGE_BYTES = 512, WIDTH_MAX = 256 };

/* What becomes of `json` as a whole number, as an amount in hundredths, as a rating in hundredths
 * and as a time.  Not JSON at all is refused as that; else as a bad number or time. */
typedef struct number {
    const char *json;
    bool is_json;
    int64_t whole;
    int64_t amount;
    int64_t rating;
    int64_t time;
} number;

static const number numbers[] = {
    {"NaN", false, REFUSED, REFUSED, REFUSED, REFUSED},
    {"Infinity", false, REFUSED, REFUSED, REFUSED, REFUSED},
    {"-Infinity", false, REFUSED, REFUSED, REFUSED, REFUSED},
    {"0x10", false, REFUSED, REFUSED, REFUSED, REFUSED},
    {"01", false, REFUSED, REFUSED, REFUSED, REFUSED},
    {"1.", false, REFUSED, REFUSED, REFUSED, REFUSED},
    {"+1", false, REFUSED, REFUSED, REFUSED, REFUSED},
    {"1e308", true, REFUSED, REFUSED, REFUSED, REFUSED},
    {"-1e308", true, REFUSED, REFUSED, REFUSED, REFUSED},
    {"1e999", true, REFUSED, REFUSED, REFUSED, REFUSED},
    {"1e-400", true, REFUSED, 0, REFUSED, REFUSED},
    {"-1", true, REFUSED, REFUSED, REFUSED, REFUSED},
    {"-0", true, 0, 0, REFUSED, 0},
    {"0", true, 0, 0, REFUSED, 0},
    {"2.5", true, REFUSED, 250, 250, REFUSED},
    {"1.005", true, REFUSED, 100, 100, REFUSED},
    {"5", true, 5, 500, 500, 5},
    {"\"5\"", true, 5, 500, 500, 5},
    {"5.01", true, REFUSED, 501, REFUSED, REFUSED},
    {"1e5", true, REFUSED, 10000000, REFUSED, REFUSED},
    {"\"1e5\"", true, REFUSED, 10000000, REFUSED, REFUSED},
    {"2147483648", true, REFUSED, 214748364800, REFUSED, 2147483648},
    {"9223372036854775807", true, REFUSED, REFUSED, REFUSED, DECODE_LOG_MS + 300000},
    {"9223372036854775808", true, REFUSED, REFUSED, REFUSED, REFUSED},
    {"18446744073709551616", true, REFUSED, REFUSED, REFUSED, REFUSED},
    {"\"0x10\"", true, REFUSED, REFUSED, REFUSED, REFUSED},
    {"\"NaN\"", true, REFUSED, REFUSED, REFUSED, REFUSED},
    {"\"nan\"", true, REFUSED, REFUSED, REFUSED, REFUSED},
    {"\"inf\"", true, REFUSED, REFUSED, REFUSED, REFUSED},
    {"\"+1\"", true, REFUSED, REFUSED, REFUSED, REFUSED},
    {"\" 1\"", true, REFUSED, REFUSED, REFUSED, REFUSED},
    {"\"1,5\"", true, REFUSED, REFUSED, REFUSED, REFUSED},
    {"\"\\u0661\"", true, REFUSED, REFUSED, REFUSED, REFUSED}, /* an Arabic 1 */
    {"\"\"", true, ABSENT, ABSENT, ABSENT, ABSENT},
    {"null", true, ABSENT, ABSENT, ABSENT, ABSENT},
};
enum { NUMBERS = sizeof(numbers) / sizeof(numbers[0]) };

static void write_message(char message[MESSAGE_BYTES], const char *type, const char *key,
                          const char *json)
{
    const bool is_time = strcmp(key, "time") == 0;
    (void)snprintf(message, MESSAGE_BYTES,
                   "{\"type\":\"%s\",\"user_id\":\"u\",\"item_id\":\"i\",\"%s\":%s%s}",
                   type, key, json, is_time ? "" : ",\"time\":1700000000000");
}

static void check_number(decode_fixture *fixture, const char *type, const char *key,
                         const number *n, int64_t expected, int64_t absent,
                         int64_t (*get)(const mr_event *event))
{
    char message[MESSAGE_BYTES];
    write_message(message, type, key, n->json);
    if (expected == REFUSED) {
        const mr_poison wanted = !n->is_json                ? MR_POISON_NOT_JSON
                                 : strcmp(key, "time") == 0 ? MR_POISON_BAD_TIME
                                                            : MR_POISON_BAD_NUMBER;
        const mr_poison poison = decode_poison(fixture, message);
        if (poison != wanted)
            fail_msg("%s: %s", message, mr_poison_name(poison));
        return;
    }
    const int64_t value = get(decode_one(fixture, message));
    if (value != (expected == ABSENT ? absent : expected))
        fail_msg("%s gives %" PRId64, message, value);
}

static int64_t quantity_of(const mr_event *event)
{
    return event->quantity;
}

static int64_t position_of(const mr_event *event)
{
    return event->position;
}

static int64_t price_of(const mr_event *event)
{
    return event->price_minor;
}

static int64_t value_of(const mr_event *event)
{
    return event->value_minor;
}

static int64_t rating_of(const mr_event *event)
{
    return event->rating_centi;
}

static int64_t time_of(const mr_event *event)
{
    return event->time_ms;
}

static void test_each_number_is_refused_or_read_as_the_table_says(void **state)
{
    (void)state;
    decode_fixture fixture;
    decode_begin(&fixture, "native");
    for (size_t i = 0; i < NUMBERS; i++) {
        const number *n = &numbers[i];
        check_number(&fixture, "purchase", "quantity", n, n->whole, 1, quantity_of);
        check_number(&fixture, "view", "position", n, n->whole, -1, position_of);
        check_number(&fixture, "purchase", "price", n, n->amount, 0, price_of);
        check_number(&fixture, "purchase", "value", n, n->amount, 0, value_of);
        check_number(&fixture, "rate", "rating", n, n->rating, 0, rating_of);
        check_number(&fixture, "view", "time", n, n->time, DECODE_LOG_MS, time_of);
    }
    decode_end(&fixture);
}

/* ---- state ---- */

static mr_shard *make_shard(mr_plan *plan)
{
    mr_hash_key key;
    mr_shard *shard = NULL;
    mr_hash_key_init(&key, "secret", 6);
    const mr_shard_options options = {
        .plan = plan, .hash_key = &key, .topic = "events", .partition = 2};
    assert_ok(mr_shard_create(&options, &shard));
    return shard;
}

static void apply_message(decode_fixture *fixture, mr_shard *shard, const char *message)
{
    const mr_log_record record = {.value = mr_text_from(message),
                                  .offset = mr_shard_next_offset(shard),
                                  .time_ms = DECODE_LOG_MS};
    assert_ok(mr_decoder_decode(fixture->decoder, 2, &record, 1, &fixture->batch));
    assert_ok(mr_shard_apply(shard, &fixture->batch));
}

static void expect_finite(const mr_shard *shard, int64_t at_ms)
{
    float vector[WIDTH_MAX];
    const size_t width = mr_plan_vector_width(mr_shard_plan(shard));
    assert_in_range(width, 1, WIDTH_MAX);
    for (uint32_t row = 0; row < mr_shard_user_count(shard); row++) {
        mr_shard_vector(shard, row, at_ms, vector);
        for (size_t i = 0; i < width; i++)
            if (!isfinite(vector[i]))
                fail_msg("column %s is %g",
                         mr_plan_vector_column(mr_shard_plan(shard), i)->name,
                         (double)vector[i]);
    }
}

static void test_no_number_makes_a_state_that_is_not_finite(void **state)
{
    (void)state;
    static const char *const types[] = {"view", "purchase", "refund", "rate", "cart_add"};
    static const char *const keys[] = {"quantity", "price", "value", "rating", "time"};
    static const char *const largest[] = {
        "{\"type\":\"purchase\",\"user_id\":\"u\",\"item_id\":\"i\",\"quantity\":"
        "1000000000,"
        "\"price\":92233720.36}",
        "{\"type\":\"refund\",\"user_id\":\"u\",\"item_id\":\"i\",\"value\":"
        "92233720368547758}",
        "{\"type\":\"purchase\",\"user_id\":\"u\",\"item_id\":\"i\",\"value\":"
        "92233720368547758.07}",
    };
    mr_plan *plan = NULL;
    decode_fixture fixture;
    assert_ok(mr_plan_create_default(&plan));
    decode_begin(&fixture, "native");
    mr_shard *shard = make_shard(plan);
    for (int round = 0; round < 3; round++)
        for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++)
            for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
                for (size_t i = 0; i < NUMBERS; i++) {
                    char message[MESSAGE_BYTES];
                    write_message(message, types[t], keys[k], numbers[i].json);
                    apply_message(&fixture, shard, message);
                }
    for (int round = 0; round < 100; round++)
        apply_message(&fixture, shard, largest[round % 3]);
    mr_shard_check(shard);
    assert_int_equal(mr_shard_user_count(shard), 1);
    static const int64_t times[] = {0, 1, DECODE_LOG_MS, DECODE_LOG_MS + 300000,
                                    DECODE_LOG_MS + INT64_C(400) * 86400000};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        expect_finite(shard, times[i]);
    mr_shard_destroy(shard);
    decode_end(&fixture);
    mr_plan_destroy(plan);
}

/* ---- texts ---- */

/* An id as it stands between the quotes, and the bytes it is kept as; NULL: refused for `why`. */
typedef struct strange_id {
    const char *json;
    mr_text kept;
    mr_poison why;
} strange_id;

#define KEPT(bytes)                                                                      \
    {                                                                                    \
        bytes, sizeof(bytes) - 1                                                         \
    }

static const strange_id ids[] = {
    {"a\\u0000b", KEPT("a\0b"), MR_POISON_NONE},
    {"a\\nb\\tc", KEPT("a\nb\tc"), MR_POISON_NONE},
    {" ", KEPT(" "), MR_POISON_NONE},
    {"\\ud83d\\ude00", KEPT("\xf0\x9f\x98\x80"), MR_POISON_NONE},
    {"\xf0\x9f\x98\x80", KEPT("\xf0\x9f\x98\x80"), MR_POISON_NONE},
    {"\xef\xbb\xbfx", KEPT("\xef\xbb\xbfx"), MR_POISON_NONE}, /* a BOM   */
    {"\xe2\x80\xae"
     "abc",
     KEPT("\xe2\x80\xae"
          "abc"),
     MR_POISON_NONE},                                 /* RTL */
    {"e\xcc\x81", KEPT("e\xcc\x81"), MR_POISON_NONE}, /* not made one with é   */
    {"\xc3\xa9", KEPT("\xc3\xa9"), MR_POISON_NONE},
    {"\\ud800", {0}, MR_POISON_NOT_JSON},        /* half a pair               */
    {"\\ude00\\ud83d", {0}, MR_POISON_NOT_JSON}, /* the wrong way round       */
    {"\xff", {0}, MR_POISON_NOT_UTF8},
    {"\xc0\xaf", {0}, MR_POISON_NOT_UTF8},         /* overlong                  */
    {"\xed\xa0\x80", {0}, MR_POISON_NOT_UTF8},     /* a surrogate               */
    {"\xf4\x90\x80\x80", {0}, MR_POISON_NOT_UTF8}, /* above U+10FFFF            */
    {"\xf0\x9f\x98", {0}, MR_POISON_NOT_UTF8},     /* cut off                   */
};
enum { IDS = sizeof(ids) / sizeof(ids[0]) };

static void test_an_id_is_refused_or_kept_to_the_byte(void **state)
{
    (void)state;
    decode_fixture fixture;
    mr_plan *plan = NULL;
    size_t kept = 0;
    assert_ok(mr_plan_create_default(&plan));
    decode_begin(&fixture, "native");
    mr_shard *shard = make_shard(plan);
    for (size_t i = 0; i < IDS; i++) {
        char message[MESSAGE_BYTES];
        (void)snprintf(message, sizeof(message),
                       "{\"type\":\"view\",\"user_id\":\"%s\",\"item_id\":\"%s\","
                       "\"time\":1700000000000}",
                       ids[i].json, ids[i].json);
        if (ids[i].why != MR_POISON_NONE) {
            assert_int_equal(decode_poison(&fixture, message), ids[i].why);
            continue;
        }
        const mr_event *event = decode_one(&fixture, message);
        assert_true(mr_text_equal(event->user_id, ids[i].kept));
        assert_true(mr_text_equal(event->item_id, ids[i].kept));
        apply_message(&fixture, shard, message);
        kept++;
    }
    /* Ids are bytes: two ways to write an é are two users; a pair and its escape are one. */
    assert_int_equal(mr_shard_user_count(shard), kept - 1);
    for (size_t i = 0; i < IDS; i++)
        if (ids[i].why == MR_POISON_NONE)
            assert_int_not_equal(mr_shard_find(shard, ids[i].kept), MR_ROW_NONE);
    mr_shard_check(shard);
    mr_shard_destroy(shard);
    decode_end(&fixture);
    mr_plan_destroy(plan);
}

static mr_status count_lines(void *context, mr_text lines)
{
    size_t *count = context;
    for (uint32_t i = 0; i < lines.length; i++)
        *count += lines.bytes[i] == '\n';
    return MR_OK;
}

/* A line of the dump stays a line, whatever the id: as many as of a user with a plain one. */
static void test_no_id_breaks_a_line_of_the_dump(void **state)
{
    (void)state;
    mr_plan *plan = NULL;
    decode_fixture fixture;
    size_t plain = 0;
    assert_ok(mr_plan_create_default(&plan));
    decode_begin(&fixture, "native");
    for (size_t i = 0; i < IDS + 1; i++) {
        char message[MESSAGE_BYTES];
        size_t lines = 0;
        if (i > 0 && ids[i - 1].why != MR_POISON_NONE)
            continue;
        mr_shard *shard = make_shard(plan);
        (void)snprintf(message, sizeof(message),
                       "{\"type\":\"view\",\"user_id\":\"%s\",\"item_id\":\"i\","
                       "\"time\":1700000000000}",
                       i == 0 ? "plain" : ids[i - 1].json);
        apply_message(&fixture, shard, message);
        assert_ok(mr_canonical_dump((const mr_shard *const *)&shard, 1, MR_TIME_NONE,
                                    MR_DUMP_ALL, count_lines, &lines));
        if (i == 0)
            plain = lines;
        assert_int_equal(lines, plain);
        mr_shard_destroy(shard);
    }
    decode_end(&fixture);
    mr_plan_destroy(plan);
}

static void test_an_id_of_ten_thousand_bytes_is_refused(void **state)
{
    (void)state;
    enum { LONG = 10000 };
    decode_fixture fixture;
    char *message = malloc(LONG + MESSAGE_BYTES);
    char *id = malloc(LONG + 1);
    assert_non_null(message);
    assert_non_null(id);
    memset(id, 'x', LONG);
    id[LONG] = '\0';
    decode_begin(&fixture, "native");
    (void)snprintf(message, LONG + MESSAGE_BYTES,
                   "{\"type\":\"view\",\"user_id\":\"%s\",\"time\":1700000000000}", id);
    assert_int_equal(decode_poison(&fixture, message), MR_POISON_BAD_ID);
    decode_end(&fixture);
    free(message);
    free(id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_number_is_refused_or_read_as_the_table_says),
        cmocka_unit_test(test_no_number_makes_a_state_that_is_not_finite),
        cmocka_unit_test(test_an_id_is_refused_or_kept_to_the_byte),
        cmocka_unit_test(test_no_id_breaks_a_line_of_the_dump),
        cmocka_unit_test(test_an_id_of_ten_thousand_bytes_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
