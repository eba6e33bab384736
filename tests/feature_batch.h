/*
 * Feature batch: events for the tests of a shard, written in one line each.
 *
 * A batch is filled event by event, each one a record of its own unless a line is added to the
 * one before.  Texts are lent: string literals, or what the test keeps.
 */
#ifndef MR_TESTS_FEATURE_BATCH_H
#define MR_TESTS_FEATURE_BATCH_H

#include "core/event.h"
#include "core/hash.h"
#include "features/plan_layout.h"
#include "features/shard.h"
#include "tests/support.h"

#define DAY_MS 86400000LL
#define HOUR_MS 3600000LL
#define MINUTE_MS 60000LL

/* Noon of 2026-03-01. */
#define START_MS (1772366400000LL)

static inline mr_event test_event(mr_event_type type, const char *user, const char *item,
                                  int64_t time_ms)
{
    return (mr_event){.user_id = mr_text_from(user),
                      .item_id = mr_text_from(item),
                      .time_ms = time_ms,
                      .quantity = 1,
                      .position = -1,
                      .type = (uint8_t)type};
}

static inline mr_event test_purchase(const char *user, const char *item, int64_t time_ms,
                                     const char *order, int64_t value_minor)
{
    mr_event event = test_event(MR_EVENT_PURCHASE, user, item, time_ms);
    event.order_id = mr_text_from(order);
    event.value_minor = value_minor;
    event.price_minor = value_minor;
    return event;
}

/* A record of one event at `offset`. */
static inline void test_batch_add(mr_event_batch *batch, int64_t offset, mr_event event)
{
    assert_ok(
        mr_event_batch_reserve(batch, batch->record_count + 1, batch->event_count + 1));
    batch->records[batch->record_count++] =
        (mr_record_verdict){.offset = offset,
                            .log_time_ms = event.time_ms,
                            .first_event = (uint32_t)batch->event_count,
                            .event_count = 1,
                            .disposition = MR_RECORD_EVENTS};
    batch->events[batch->event_count++] = event;
}

/* Another event in the last record. */
static inline void test_batch_add_line(mr_event_batch *batch, mr_event event)
{
    mr_record_verdict *record = &batch->records[batch->record_count - 1];
    assert_ok(mr_event_batch_reserve(batch, batch->record_count, batch->event_count + 1));
    record = &batch->records[batch->record_count - 1];
    event.line = record->event_count++;
    batch->events[batch->event_count++] = event;
}

static inline void test_batch_add_other(mr_event_batch *batch, int64_t offset,
                                        mr_disposition disposition, int64_t tick_ms)
{
    assert_ok(mr_event_batch_reserve(batch, batch->record_count + 1, batch->event_count));
    batch->records[batch->record_count++] =
        (mr_record_verdict){.offset = offset,
                            .tick_ms = tick_ms,
                            .first_event = (uint32_t)batch->event_count,
                            .disposition = (uint8_t)disposition};
}

/* A link, lent; a request when it has no profile. */
static inline void test_batch_add_link(mr_event_batch *batch, int64_t offset,
                                       const mr_link *link)
{
    test_batch_add_other(batch, offset, MR_RECORD_LINK, 0);
    batch->records[batch->record_count - 1].link = link;
}

/* The default features, and ids remembered for a century: no event is late. */
static inline mr_plan *test_plan_without_late(void)
{
    const mr_dedup_spec century = {
        .on_long = mr_default_dedup.on_long,
        .horizon_ms = {36525 * DAY_MS, 36525 * DAY_MS},
        .bucket_ms = {365 * DAY_MS, 365 * DAY_MS},
        .entries_max = mr_default_dedup.entries_max,
    };
    mr_plan *plan;
    assert_ok(mr_plan_create_with(&century, &plan));
    return plan;
}

static inline mr_shard *test_shard(const mr_plan *plan, uint32_t partition)
{
    mr_hash_key key;
    mr_hash_key_init(&key, "secret", 6);
    const mr_shard_options options = {
        .plan = plan, .hash_key = &key, .topic = "events", .partition = partition};
    mr_shard *shard = NULL;
    assert_ok(mr_shard_create(&options, &shard));
    return shard;
}

/* One link as a batch of its own at the shard's next offset. */
static inline void test_apply_link(mr_shard *shard, const mr_link *link)
{
    mr_event_batch batch = {.partition = mr_shard_partition(shard)};
    test_batch_add_link(&batch, mr_shard_next_offset(shard), link);
    assert_ok(mr_shard_apply(shard, &batch));
    mr_event_batch_deinit(&batch);
}

/* One event as a batch of its own at the shard's next offset. */
static inline void test_apply(mr_shard *shard, mr_event event)
{
    mr_event_batch batch = {.partition = mr_shard_partition(shard)};
    test_batch_add(&batch, mr_shard_next_offset(shard), event);
    assert_ok(mr_shard_apply(shard, &batch));
    mr_event_batch_deinit(&batch);
}

#endif
