#include "bench/event_stream.h"

#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { APPEND_RECORDS = 2048, EVENT_STEP_MS = 20 };

#define START_MS INT64_C(1772366400000)

void mr_event_stream_init(mr_event_stream *ret_stream)
{
    *ret_stream = (mr_event_stream){
        .counts = mr_bench_have(calloc(MR_STREAM_USERS, sizeof(uint32_t))),
        .random = 88172645463325252ULL};
    mr_zipf_init(&ret_stream->users, MR_STREAM_USERS);
    mr_zipf_init(&ret_stream->items, MR_STREAM_ITEMS);
}

void mr_event_stream_deinit(mr_event_stream *stream)
{
    mr_zipf_deinit(&stream->users);
    mr_zipf_deinit(&stream->items);
    free(stream->counts);
    *stream = (mr_event_stream){0};
}

uint32_t mr_event_stream_user(uint32_t user, char ret_id[MR_STREAM_ID_BYTES])
{
    return (uint32_t)snprintf(ret_id, MR_STREAM_ID_BYTES, "customer-%07u",
                              user % 10000000);
}

static int64_t time_of(uint64_t number)
{
    return START_MS + (int64_t)number * EVENT_STEP_MS;
}

static void write_record(mr_event_stream *s, char record[MR_STREAM_RECORD_BYTES + 1])
{
    static const char *const types[] = {"view",   "view",    "view",  "view",
                                        "view",   "view",    "click", "cart_add",
                                        "search", "purchase"};
    static const char *const devices[] = {"mobile", "desktop"};
    const uint64_t number = s->made++;
    const uint32_t user = number < MR_STREAM_USERS
                              ? (uint32_t)(number * 2654435761U % MR_STREAM_USERS)
                              : mr_zipf_draw(&s->users, &s->random);
    const uint32_t item = mr_zipf_draw(&s->items, &s->random);
    const uint64_t dice = mr_zipf_random(&s->random);
    const char *type = types[dice % 10];
    char id[MR_STREAM_ID_BYTES];
    char order[48] = "";
    (void)mr_event_stream_user(user, id);
    if (strcmp(type, "purchase") == 0)
        (void)snprintf(order, sizeof(order), "\"order_id\":\"o%07u\",",
                       (uint32_t)(number % 10000000));
    int length = snprintf(
        record, MR_STREAM_RECORD_BYTES + 1,
        "{\"type\":\"%s\",\"event_id\":\"e-%012u\",\"user_id\":\"%s\","
        "\"session_id\":\"s-%08u\",\"time\":%lld,\"item_id\":\"article-%07u\","
        "\"category\":\"home/kitchen/%02u\",\"brand\":\"brand-%03u\",\"quantity\":%u,"
        "\"price\":\"%u.%02u\",\"currency\":\"EUR\",%s\"device\":\"%s\",\"page\":\"",
        type, (uint32_t)number, id, (uint32_t)(user * 7U % 100000000U),
        (long long)time_of(number), item, item % 40, item % 300,
        1 + (uint32_t)(dice >> 40) % 3, 5 + item % 95, item % 100, order,
        devices[dice >> 32 & 1]);
    mr_bench_check(length > 0 && length <= MR_STREAM_RECORD_BYTES - 2, "record length");
    static const char page[] =
        "https://shop.example/de/home/kitchen/article?ref=list&"
        "utm_source=newsletter&utm_medium=mail&utm_campaign=spring";
    for (size_t i = 0; length < MR_STREAM_RECORD_BYTES - 2; length++)
        record[length] = page[i++ % (sizeof(page) - 1)];
    memcpy(record + MR_STREAM_RECORD_BYTES - 2, "\"}", 3);
    s->counts[user]++;
}

void mr_event_stream_append(mr_event_stream *stream, mr_log *log, size_t count)
{
    char(*records)[MR_STREAM_RECORD_BYTES + 1] =
        mr_bench_have(malloc(APPEND_RECORDS * sizeof(*records)));
    mr_log_entry *entries = mr_bench_have(calloc(APPEND_RECORDS, sizeof(*entries)));
    for (size_t done = 0; done < count; done += APPEND_RECORDS) {
        for (size_t i = 0; i < APPEND_RECORDS; i++) {
            const int64_t time_ms = time_of(stream->made);
            write_record(stream, records[i]);
            entries[i] = (mr_log_entry){
                .value = {.bytes = records[i], .length = MR_STREAM_RECORD_BYTES},
                .time_ms = time_ms};
        }
        mr_bench_must(mr_log_append(log, entries, APPEND_RECORDS, NULL, NULL), "append");
    }
    free(records);
    free(entries);
}
