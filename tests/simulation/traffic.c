/*
 * Traffic: the records that the world appends to the events topic.
 */
#include "tests/simulation/world.h"

#include "ingest/control_record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MINUTE_MS = 60000, ITEMS = 30, ORDERS = 50 };

static uint32_t below(world *w, uint32_t bound)
{
    return sim_random_below(&w->random, bound);
}

/* Mostly forward by seconds, sometimes by hours, often late, now and then far ahead. */
static int64_t next_time(world *w)
{
    w->event_ms += below(w, 10) == 0 ? below(w, 300 * MINUTE_MS) : below(w, 20000);
    const uint32_t kind = below(w, 20);
    if (kind < 4)
        return w->event_ms - below(w, 8 * MINUTE_MS);
    if (kind == 4)
        return w->event_ms - below(w, 60 * 24 * MINUTE_MS);
    if (kind == 5)
        return w->event_ms - (int64_t)below(w, 20) * 1440 * MINUTE_MS;
    return w->event_ms;
}

static void print_lines(world *w, mr_buffer *text)
{
    const uint32_t lines = 1 + below(w, 3);
    mr_buffer_printf(text, ",\"order_id\":\"o%" PRIu32 "\",\"items\":[",
                     below(w, ORDERS));
    for (uint32_t i = 0; i < lines; i++)
        mr_buffer_printf(text,
                         "%s{\"item_id\":\"i%" PRIu32 "\",\"quantity\":%" PRIu32
                         ",\"price\":\"%" PRIu32 ".%02" PRIu32 "\"}",
                         i == 0 ? "" : ",", below(w, ITEMS), 1 + below(w, 4),
                         below(w, 200), below(w, 100));
    mr_buffer_printf(text, "]}");
}

static void print_event(world *w, uint32_t user, mr_buffer *text)
{
    static const char *const types[] = {
        "view",     "view",   "view", "click",    "cart_add", "cart_remove", "purchase",
        "purchase", "refund", "rate", "wishlist", "search",   "login",       "review"};
    const char *type = types[below(w, sizeof(types) / sizeof(types[0]))];
    const bool is_anonymous = user % 5 == 4;
    mr_buffer_printf(text, "{\"type\":\"%s\",\"%s\":\"%c%" PRIu32 "\",\"time\":%" PRId64,
                     type, is_anonymous ? "anonymous_id" : "user_id",
                     is_anonymous ? 'a' : 'u', user, next_time(w));
    /* Known people are at times seen with the id they had before. */
    if (!is_anonymous && below(w, 12) == 0)
        mr_buffer_printf(text, ",\"anonymous_id\":\"a%" PRIu32 "\"",
                         below(w, w->users) / 5 * 5 + 4);
    if (below(w, 3) > 0)
        mr_buffer_printf(text, ",\"event_id\":\"e%" PRIu64 "\"", w->event_number++);
    if (strcmp(type, "purchase") == 0 || strcmp(type, "refund") == 0) {
        print_lines(w, text);
        return;
    }
    if (strcmp(type, "search") != 0 && strcmp(type, "login") != 0)
        mr_buffer_printf(text, ",\"item_id\":\"i%" PRIu32 "\"", below(w, ITEMS));
    if (strcmp(type, "rate") == 0 || strcmp(type, "review") == 0)
        mr_buffer_printf(text, ",\"rating\":%" PRIu32, 1 + below(w, 5));
    mr_buffer_printf(text, "}");
}

static mr_text text_of(const mr_buffer *buffer)
{
    return (mr_text){(const char *)buffer->bytes, (uint32_t)buffer->length};
}

static void put(world *w, mr_text key, uint32_t partition, mr_text value,
                const mr_log_header *header)
{
    const mr_log_entry entry = {.partition = partition,
                                .key = key,
                                .value = value,
                                .headers = header,
                                .header_count = header != NULL ? 1 : 0,
                                .time_ms = w->event_ms};
    (void)fake_log_put(w->events, &entry);
    w->totals->records++;
}

static void put_control(world *w, mr_control_kind kind, mr_text user_id)
{
    const mr_control_record record = {
        .kind = kind, .user_id = user_id, .time_ms = w->event_ms};
    mr_buffer value = {0};
    uint8_t bytes[MR_CONTROL_HEADER_BYTES];
    if (mr_control_encode(&record, WORLD_TOPIC, w->control_key.bytes,
                          w->control_key.length, user_id, &value, bytes) != MR_OK)
        abort();
    if (below(w, 10) == 0)
        bytes[MR_CONTROL_HEADER_BYTES - 1] ^= 1; /* a forgery: poison */
    const mr_log_header header = {MR_TEXT(MR_CONTROL_HEADER),
                                  {(const char *)bytes, sizeof(bytes)}};
    put(w, user_id, user_id.length > 0 ? MR_LOG_ANY_PARTITION : below(w, w->partitions),
        text_of(&value), &header);
    mr_buffer_deinit(&value);
}

static void put_poison(world *w, mr_text key)
{
    static const char *const bad[] = {
        "",
        "{",
        "not an event",
        "{\"type\":\"view\",\"item_id\":\"i1\",\"time\":1700000000000}",
        "{\"type\":\"view\",\"user_id\":\"u1\",\"time\":-5}",
        "{\"type\":\"view\",\"user_id\":\"u1\",\"time\":17,\"price\":\"1e400\"}",
        "{\"type\":\"view\",\"user_id\":\"\xff\",\"time\":1700000000000}",
        "[[[[[[[[[[[[1]]]]]]]]]]]]",
    };
    put(w, key, MR_LOG_ANY_PARTITION,
        mr_text_from(bad[below(w, sizeof(bad) / sizeof(bad[0]))]), NULL);
}

/* A producer that sends a record once more: the same bytes at another offset. */
static bool put_again(world *w)
{
    const uint32_t partition = below(w, w->partitions);
    const size_t count = fake_log_count(w->events, partition);
    if (count == 0)
        return false;
    const mr_log_record *old =
        fake_log_record(w->events, partition, below(w, (uint32_t)count));
    put(w, old->key, partition, old->value, old->header_count > 0 ? old->headers : NULL);
    return true;
}

static void put_one(world *w)
{
    const uint32_t user = below(w, 1 + below(w, w->users)); /* some are seen often */
    char name[24];
    (void)snprintf(name, sizeof(name), "%c%" PRIu32, user % 5 == 4 ? 'a' : 'u', user);
    const mr_text key = mr_text_from(name);
    const uint32_t kind = below(w, 1000);
    if (kind < w->poison_rate) {
        put_poison(w, key);
    } else if (kind < w->poison_rate + 20) {
        put_control(w, MR_CONTROL_TICK, (mr_text){0});
    } else if (kind < w->poison_rate + 26) {
        put_control(w, MR_CONTROL_ERASE, key);
    } else if (kind >= w->poison_rate + 66 || !put_again(w)) {
        mr_buffer text = {0};
        print_event(w, user, &text);
        put(w, key, MR_LOG_ANY_PARTITION, text_of(&text), NULL);
        mr_buffer_deinit(&text);
    }
}

void traffic_produce(world *w, uint32_t count)
{
    count = count < w->records_left ? count : w->records_left;
    w->records_left -= count;
    for (uint32_t i = 0; i < count; i++)
        put_one(w);
    w->event_ms += below(w, 5000);
}
