/*
 * Frozen shard: the small state that each checkpoint format is frozen with.
 *
 * A few dozen users who did a bit of everything, alerts waiting and one acknowledged, churn
 * marks, poison, ticks, a locked dialect.  What is made here only matters while a format is
 * being frozen; afterwards the files and the dump beside them are what counts.
 */
#ifndef MR_TESTS_FROZEN_SHARD_H
#define MR_TESTS_FROZEN_SHARD_H

#include "features/link.h"
#include "tests/feature_batch.h"

#include <stdio.h>

enum { FROZEN_PARTITION = 3, FROZEN_USERS = 36, FROZEN_EPOCH = 1772366400 };

static inline void frozen_key(mr_hash_key *ret_key)
{
    mr_hash_key_init(ret_key, "frozen", 6);
}

static inline void frozen_put_events(mr_shard *shard, int first_user, int users)
{
    for (int i = first_user; i < first_user + users; i++) {
        char user[24];
        char item[24];
        char order[24];
        (void)snprintf(user, sizeof(user), i % 7 == 0 ? "u\t%d" : "user%d", i);
        (void)snprintf(item, sizeof(item), "item-%d", i % 11);
        (void)snprintf(order, sizeof(order), "o%d", i % 3);
        const int64_t at_ms = START_MS + i * 5 * HOUR_MS;
        char id[24];
        (void)snprintf(id, sizeof(id), "view-%d", i);
        mr_event view = test_event(MR_EVENT_VIEW, user, item, at_ms);
        view.event_id = mr_text_from(id);
        view.category = i % 4 == 0 ? MR_TEXT("toys") : MR_TEXT("lamps and shades");
        view.brand = i % 3 == 0 ? MR_TEXT("Brandt") : MR_TEXT("");
        view.device = i % 2 == 0 ? MR_TEXT("phone") : MR_TEXT("desktop");
        view.channel = MR_TEXT("search");
        view.price_minor = 300 * (i % 8);
        view.placement = MR_TEXT("home");
        test_apply(shard, view);
        view.type = MR_EVENT_IMPRESSION;
        view.event_id = (mr_text){0};
        test_apply(shard, view);
        view.type = MR_EVENT_VIEW;
        view.event_id = mr_text_from(id);
        if (i % 5 == 0)
            test_apply(shard, view); /* sent twice */
        test_apply(shard, test_event(MR_EVENT_CART_ADD, user, item, at_ms + MINUTE_MS));
        for (int line = 0; line <= i % 3; line++)
            test_apply(shard, test_purchase(user, "item-b", at_ms + (2 + line) * HOUR_MS,
                                            order, 1250 + i));
        mr_event refund = test_event(MR_EVENT_REFUND, user, item, at_ms + 4 * HOUR_MS);
        refund.value_minor = 250;
        refund.event_id = mr_text_from(user);
        test_apply(shard, refund);
        mr_event rating = test_event(MR_EVENT_RATE, user, item, at_ms - MINUTE_MS);
        rating.rating_centi = (int16_t)(100 + 50 * (i % 9));
        test_apply(shard, rating);
        const int64_t visit_ms = i % 6 == 0 ? at_ms - DAY_MS : at_ms + 5 * HOUR_MS - 1;
        mr_event visit = test_event(MR_EVENT_VIEW, "", "item-c", visit_ms); /* or late */
        visit.anonymous_id = mr_text_from(i % 2 == 0 ? user : "somebody");
        test_apply(shard, visit);
    }
}

/* A user shown with a visitor's id: the visitor is asked for, and another one is asked of us. */
static inline void frozen_put_links(mr_shard *shard)
{
    static const mr_link request = {.anonymous_id = {.bytes = "somebody", .length = 8},
                                    .user_id = {.bytes = "user2", .length = 5},
                                    .time_ms = START_MS + 8 * DAY_MS,
                                    .sequence = 3,
                                    .source = 1};
    mr_event view = test_event(MR_EVENT_VIEW, "user1", "item-1", START_MS + 8 * DAY_MS);
    view.anonymous_id = MR_TEXT("visitor");
    test_apply(shard, view);
    mr_event_batch batch = {.partition = mr_shard_partition(shard)};
    test_batch_add_other(&batch, mr_shard_next_offset(shard), MR_RECORD_LINK, 0);
    batch.records[0].link = &request;
    assert_ok(mr_shard_apply(shard, &batch));
    mr_event_batch_deinit(&batch);
    assert_int_equal(mr_shard_links_waiting(shard), 2);
}

static inline uint64_t frozen_told_segments(uint32_t row)
{
    return row % 4 == 1 ? ((uint64_t)row << 44) + row : 0;
}

static inline mr_quintiles frozen_quintiles(void)
{
    mr_quintiles quintiles = {
        .customers = FROZEN_USERS, .at_ms = START_MS + 7 * DAY_MS, .version = 77};
    for (int v = 0; v < MR_RFM_VALUES; v++)
        for (int k = 0; k < MR_QUINTILE_THRESHOLDS; k++)
            quintiles.thresholds[v][k] = 100 * v + 10 * k - 5;
    return quintiles;
}

static inline void frozen_put_others(mr_shard *shard)
{
    mr_event_batch batch = {.partition = mr_shard_partition(shard)};
    const int64_t next = mr_shard_next_offset(shard);
    test_batch_add_other(&batch, next + 2, MR_RECORD_POISON, 0); /* behind a gap */
    test_batch_add_other(&batch, next + 3, MR_RECORD_TICK, START_MS + 9 * DAY_MS);
    assert_ok(mr_shard_apply(shard, &batch));
    mr_event_batch_deinit(&batch);
    uint64_t sequence;
    assert_ok(mr_shard_outbox_put(shard, MR_TEXT("a1"), MR_TEXT("{\"n\":1}"), &sequence));
    assert_ok(mr_shard_outbox_put(shard, MR_TEXT("a2"), MR_TEXT("{\"n\":2}"), &sequence));
    mr_shard_outbox_acknowledge(shard, 1);
    for (uint32_t row = 0; row < mr_shard_user_count(shard); row += 5)
        mr_shard_set_churn(shard, row,
                           (mr_churn_mark){.permille = (uint16_t)(10 * row + 7),
                                           .tier = (uint8_t)(row % 4),
                                           .since_ms = START_MS + row * 1000});
    for (uint32_t row = 0; row < mr_shard_user_count(shard); row += 3)
        mr_shard_set_told(shard, row, row * 50 + 1);
    for (uint32_t row = 0; row < mr_shard_user_count(shard); row++)
        mr_shard_set_told_segments(shard, row, frozen_told_segments(row));
    const mr_quintiles quintiles = frozen_quintiles();
    mr_shard_set_told_by(shard, &quintiles);
    mr_shard_set_dialect(shard, 3, MR_TEXT("online-retail"));
    mr_shard_set_day_mark(
        shard, (mr_day_mark){.cut_offset = 120, .end_ms = START_MS + 20 * DAY_MS});
}

/* As it is before the first event. */
static inline mr_shard *frozen_shard(const mr_plan *plan)
{
    mr_hash_key key;
    frozen_key(&key);
    const mr_shard_options options = {
        .plan = plan, .hash_key = &key, .topic = "events", .partition = FROZEN_PARTITION};
    mr_shard *shard = NULL;
    assert_ok(mr_shard_create(&options, &shard));
    assert_ok(mr_shard_start_at(shard, 100));
    return shard;
}

#endif
