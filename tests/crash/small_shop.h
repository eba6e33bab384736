/*
 * Small shop: a shard whose every event follows from its offset, and its checkpoints in a
 * directory of their own.
 *
 * Record n is the same whenever it is applied, so that a state is known by its next offset
 * alone: whatever a restore hands out must be the state of a fresh shard fed up to there.
 */
#ifndef MR_TESTS_SMALL_SHOP_H
#define MR_TESTS_SMALL_SHOP_H

#include "core/file.h"
#include "features/canonical_dump.h"
#include "features/checkpoint.h"
#include "features/checkpoint_cut.h"
#include "tests/feature_batch.h"

#include <stdio.h>
#include <string.h>

enum {
    SHOP_PARTITION = 3,
    SHOP_EPOCH = 7,
    SHOP_RECORDS_MAX = 65536,
    SHOP_TEXT_BYTES = 12
};

typedef struct small_shop {
    mr_plan *plan;
    mr_hash_key key;
    mr_checkpoint_store *store;
    mr_shard *shard;
    mr_event_batch batch;
    mr_buffer encoded;
    uint64_t generation;
    uint32_t users; /* who come by in turn */
    char root[64];
    char texts[4][SHOP_RECORDS_MAX][SHOP_TEXT_BYTES]; /* users, items, events, orders */
} small_shop;

static inline mr_text shop_text(small_shop *shop, int kind, const char *prefix,
                                uint32_t number)
{
    char *text = shop->texts[kind][number];
    (void)snprintf(text, SHOP_TEXT_BYTES, "%s%u", prefix, number);
    return mr_text_from(text);
}

/* Record number `offset`: views, carts, ratings, purchases of two lines, anonymous visits. */
static inline void shop_add_record(small_shop *shop, uint32_t offset)
{
    static const mr_event_type types[] = {
        MR_EVENT_VIEW, MR_EVENT_VIEW,     MR_EVENT_CART_ADD, MR_EVENT_PURCHASE,
        MR_EVENT_RATE, MR_EVENT_WISHLIST, MR_EVENT_REFUND};
    const uint32_t mixed = offset * UINT32_C(2654435761);
    const uint32_t who = (mixed >> 8) % shop->users;
    mr_event event = {
        .item_id = shop_text(shop, 1, "i", (mixed >> 16) % (4 + shop->users / 2)),
        .event_id = shop_text(shop, 2, "e", offset),
        .order_id = shop_text(shop, 3, "o", offset),
        .time_ms = START_MS + (int64_t)offset * 37 * MINUTE_MS,
        .quantity = 1 + offset % 3,
        .price_minor = 100 + mixed % 1000,
        .value_minor = 300 + mixed % 3000,
        .rating_centi = 400,
        .position = -1,
        .type = (uint8_t)types[offset % 7],
    };
    const mr_text id = shop_text(shop, 0, "u", who);
    if (mixed % 5 == 0)
        event.anonymous_id = id;
    else
        event.user_id = id;
    test_batch_add(&shop->batch, offset, event);
    if (event.type == MR_EVENT_PURCHASE) {
        event.item_id = shop_text(shop, 1, "i", (mixed >> 20) % 4);
        test_batch_add_line(&shop->batch, event);
    }
}

/* The next `count` records of the shard as a batch. */
static inline mr_event_batch *shop_next_batch(small_shop *shop, mr_shard *shard,
                                              uint32_t count)
{
    shop->batch.partition = mr_shard_partition(shard);
    shop->batch.record_count = shop->batch.event_count = 0;
    const uint32_t first = (uint32_t)mr_shard_next_offset(shard);
    for (uint32_t i = 0; i < count; i++)
        shop_add_record(shop, first + i);
    return &shop->batch;
}

static inline void shop_apply_until(small_shop *shop, mr_shard *shard, int64_t offset)
{
    enum { RECORDS = 8 };
    while (mr_shard_next_offset(shard) < offset) {
        const int64_t left = offset - mr_shard_next_offset(shard);
        const uint32_t count = left < RECORDS ? (uint32_t)left : RECORDS;
        assert_ok(mr_shard_apply(shard, shop_next_batch(shop, shard, count)));
    }
}

static inline mr_shard *shop_shard(const small_shop *shop, uint32_t partition)
{
    const mr_shard_options options = {.plan = shop->plan,
                                      .hash_key = &shop->key,
                                      .topic = "events",
                                      .partition = partition};
    mr_shard *shard = NULL;
    assert_ok(mr_shard_create(&options, &shard));
    return shard;
}

static inline void shop_hash(const mr_shard *shard, char ret_hex[MR_SHA256_HEX_BYTES])
{
    assert_ok(mr_canonical_hash(&shard, 1, MR_TIME_NONE, MR_DUMP_ALL, ret_hex));
}

/* Of a fresh shard fed up to there. */
static inline void shop_hash_at(small_shop *shop, int64_t offset,
                                char ret_hex[MR_SHA256_HEX_BYTES])
{
    mr_shard *shard = shop_shard(shop, SHOP_PARTITION);
    shop_apply_until(shop, shard, offset);
    shop_hash(shard, ret_hex);
    mr_shard_destroy(shard);
}

/* Cut the shard's state in slices and write it as the next generation: the first is a base, those
 * after it are deltas while little changes. */
static inline mr_status shop_try_checkpoint(small_shop *shop)
{
    enum { ENTRIES = 16 };
    const uint64_t generation = ++shop->generation;
    mr_checkpoint_cut_begin(shop->shard, SHOP_EPOCH, generation, &shop->encoded);
    while (!mr_checkpoint_cut_step(shop->shard, ENTRIES))
        ;
    mr_status status = mr_buffer_status(&shop->encoded);
    if (status == MR_OK)
        status = mr_checkpoint_write(shop->store, mr_shard_partition(shop->shard),
                                     SHOP_EPOCH, generation, &shop->encoded, NULL);
    mr_checkpoint_cut_settle(shop->shard, status == MR_OK);
    return status;
}

static inline void shop_checkpoint(small_shop *shop)
{
    assert_ok(shop_try_checkpoint(shop));
}

/* The next one will be a base. */
static inline void shop_end_chain(small_shop *shop)
{
    mr_checkpoint_cut_begin(shop->shard, SHOP_EPOCH, shop->generation + 1,
                            &shop->encoded);
    while (!mr_checkpoint_cut_step(shop->shard, UINT32_MAX))
        ;
    mr_checkpoint_cut_settle(shop->shard, false);
}

static inline small_shop *shop_open(uint32_t users)
{
    small_shop *shop = calloc(1, sizeof(*shop));
    assert_non_null(shop);
    shop->users = users;
    assert_ok(mr_plan_create_default(&shop->plan));
    mr_hash_key_init(&shop->key, "a small shop", 12);
    (void)snprintf(shop->root, sizeof(shop->root), "/tmp/millrace-shop-XXXXXX");
    assert_non_null(mkdtemp(shop->root));
    assert_ok(mr_checkpoint_store_open(shop->root, "events", 3, &shop->store, NULL));
    shop->shard = shop_shard(shop, SHOP_PARTITION);
    return shop;
}

static inline void shop_close(small_shop *shop)
{
    mr_shard_destroy(shop->shard);
    mr_checkpoint_store_close(shop->store);
    mr_event_batch_deinit(&shop->batch);
    mr_buffer_deinit(&shop->encoded);
    mr_plan_destroy(shop->plan);
    assert_ok(mr_directory_remove(shop->root, NULL));
    free(shop);
}

#endif
