/*
 * Property: what the writer writes decodes to the same events, for random events of every type,
 * of one line and of many, with texts of every kind of byte that UTF-8 allows.
 */
#include "tests/decode_support.h"

#include "ingest/event_writer.h"

#include <stddef.h>
#include <string.h>

enum { ROUNDS = 5000, LINES_MAX = 5, POOL_BYTES = 16384 };

static uint64_t random_state = 88172645463325252ULL;
static char pool[POOL_BYTES];
static size_t pool_used;

static uint32_t next_random(uint32_t below)
{
    random_state ^= random_state << 13; /* [Marsaglia 2003, xorshift64] */
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 33) % below;
}

/* Absent, or characters of one to four bytes, quotes and control characters among them. */
static mr_text random_text(bool may_be_absent)
{
    static const char *const characters[] = {
        "a",    "Z", "7", "\"",       "\\",           "\n",
        "\x01", "/", " ", "\xc3\xa9", "\xe4\xb8\xad", "\xf0\x9f\x98\x80"};
    mr_text text = {.bytes = &pool[pool_used]};
    const uint32_t count = may_be_absent && next_random(3) == 0 ? 0 : 1 + next_random(20);
    for (uint32_t i = 0; i < count; i++) {
        const char *character = characters[next_random(12)];
        const uint32_t bytes = (uint32_t)strlen(character);
        memcpy(&pool[pool_used], character, bytes);
        pool_used += bytes;
        text.length += bytes;
    }
    return text;
}

static void random_line(mr_event *event, bool has_sign)
{
    event->item_id = random_text(true);
    event->category = random_text(true);
    event->brand = random_text(true);
    event->quantity = next_random(5);
    event->price_minor = next_random(2) ? next_random(100000) : 0;
    event->value_minor = next_random(2) ? next_random(1000000000) : 0;
    event->position = (int32_t)next_random(10) - 1;
    if (has_sign && next_random(2)) {
        event->quantity = -event->quantity;
        event->value_minor = -event->value_minor;
        event->price_minor = -event->price_minor;
    }
}

static void random_event(mr_event *event)
{
    *event = (mr_event){
        .user_id = random_text(true),
        .anonymous_id = random_text(false),
        .session_id = random_text(true),
        .event_id = random_text(true),
        .order_id = random_text(true),
        .currency = random_text(true),
        .name = random_text(true),
        .query = random_text(true),
        .body = random_text(true),
        .device = random_text(true),
        .channel = random_text(true),
        .campaign = random_text(true),
        .geo = random_text(true),
        .recommendation_id = random_text(true),
        .placement = random_text(true),
        .time_ms = 1 + next_random(2000000000),
        .rating_centi = (int16_t)(next_random(2) ? 100 + next_random(401) : 0),
        .type = (uint8_t)(1 + next_random(MR_EVENT_TYPES - 1)),
    };
    if (event->type == MR_EVENT_CUSTOM && next_random(2))
        event->name = MR_TEXT("adjustment");
}

static void assert_same(const mr_event *decoded, const mr_event *written)
{
    static const size_t texts[] = {
        offsetof(mr_event, user_id),
        offsetof(mr_event, anonymous_id),
        offsetof(mr_event, session_id),
        offsetof(mr_event, event_id),
        offsetof(mr_event, item_id),
        offsetof(mr_event, category),
        offsetof(mr_event, brand),
        offsetof(mr_event, order_id),
        offsetof(mr_event, currency),
        offsetof(mr_event, name),
        offsetof(mr_event, query),
        offsetof(mr_event, body),
        offsetof(mr_event, device),
        offsetof(mr_event, channel),
        offsetof(mr_event, campaign),
        offsetof(mr_event, geo),
        offsetof(mr_event, recommendation_id),
        offsetof(mr_event, placement),
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_true(mr_text_equal(
            *(const mr_text *)(const void *)((const char *)decoded + texts[i]),
            *(const mr_text *)(const void *)((const char *)written + texts[i])));
    assert_int_equal(decoded->time_ms, written->time_ms);
    assert_int_equal(decoded->quantity, written->quantity);
    assert_int_equal(decoded->price_minor, written->price_minor);
    assert_int_equal(decoded->value_minor, written->value_minor);
    assert_int_equal(decoded->position, written->position);
    assert_int_equal(decoded->line, written->line);
    assert_int_equal(decoded->rating_centi, written->rating_centi);
    assert_int_equal(decoded->type, written->type);
}

static void test_what_is_written_decodes_to_the_same_events(void **state)
{
    (void)state;
    decode_fixture fixture;
    decode_begin(&fixture, "native");
    mr_buffer buffer = {0};
    for (int round = 0; round < ROUNDS; round++) {
        mr_event events[LINES_MAX];
        const uint32_t count = 1 + next_random(LINES_MAX);
        pool_used = 0;
        random_event(&events[0]);
        const bool has_sign =
            events[0].type == MR_EVENT_CUSTOM && mr_text_is(events[0].name, "adjustment");
        for (uint32_t i = 0; i < count; i++) {
            if (i > 0)
                events[i] = events[0];
            events[i].line = i;
            random_line(&events[i], has_sign);
        }
        mr_buffer_clear(&buffer);
        mr_event_write(&buffer, events, count);
        assert_ok(mr_buffer_status(&buffer));
        const mr_record_verdict *verdict =
            decode_text(&fixture, (mr_text){.bytes = (const char *)buffer.bytes,
                                            .length = (uint32_t)buffer.length});
        if (verdict->event_count != count)
            fail_msg("%s: %.*s", mr_poison_name((mr_poison)verdict->poison),
                     (int)buffer.length, (const char *)buffer.bytes);
        for (uint32_t i = 0; i < count; i++)
            assert_same(&fixture.batch.events[i], &events[i]);
    }
    mr_buffer_deinit(&buffer);
    decode_end(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_decodes_to_the_same_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
