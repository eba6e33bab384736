/*
 * Target: mr_checkpoint_decode().
 *
 * The first byte says what the rest is.  Even: the bytes of a base file as they are, which the
 * sums refuse.  Odd: changes (position, byte) to an encoded state, which is then summed and
 * sealed as a program with a bug would, so that the decoder behind the sums is reached.
 *
 * Whatever comes in, the result is an error or a shard that passes mr_shard_check() and can be
 * encoded again.
 */
#include "core/assert.h"
#include "features/canonical_dump.h"
#include "features/checkpoint.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_BYTES = 768, CHANGE_BYTES = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static mr_plan *plan;
static mr_hash_key key;

static void set_up_once(void)
{
    if (plan != NULL)
        return;
    MR_ASSERT(mr_plan_create_default(&plan) == MR_OK);
    mr_hash_key_init(&key, "fuzz", 4);
}

/* A few users with every kind of feature. */
static void encode_some(mr_buffer *encoded)
{
    static const uint8_t types[] = {MR_EVENT_VIEW, MR_EVENT_PURCHASE, MR_EVENT_REFUND,
                                    MR_EVENT_RATE, MR_EVENT_CART_ADD, MR_EVENT_SEARCH};
    static const char *const names[] = {"a", "bb", "ccc", "dddd"};
    const mr_shard_options options = {.plan = plan, .hash_key = &key, .topic = "t"};
    mr_shard *shard = NULL;
    MR_ASSERT(mr_shard_create(&options, &shard) == MR_OK);
    mr_event_batch batch = {0};
    MR_ASSERT(mr_event_batch_reserve(&batch, 40, 40) == MR_OK);
    for (uint32_t i = 0; i < 40; i++) {
        batch.events[i] = (mr_event){.user_id = mr_text_from(names[i % 4]),
                                     .item_id = mr_text_from(names[i % 3]),
                                     .order_id = mr_text_from(names[i % 2]),
                                     .time_ms = (int64_t)i * 40000000,
                                     .quantity = i,
                                     .value_minor = 100 * i,
                                     .rating_centi = 300,
                                     .type = types[i % 6]};
        batch.records[i] =
            (mr_record_verdict){.offset = i, .first_event = i, .event_count = 1};
    }
    batch.event_count = batch.record_count = 40;
    MR_ASSERT(mr_shard_apply(shard, &batch) == MR_OK);
    uint64_t sequence;
    MR_ASSERT(mr_shard_outbox_put(shard, MR_TEXT("id"), MR_TEXT("record"), &sequence) ==
              MR_OK);
    mr_shard_set_churn(shard, 1, (mr_churn_mark){.permille = 5, .tier = 1});
    MR_ASSERT(mr_checkpoint_encode(shard, 1, 1, encoded) == MR_OK);
    mr_event_batch_deinit(&batch);
    mr_shard_destroy(shard);
}

static void decode(const void *bytes, size_t length)
{
    mr_shard *shard = NULL;
    mr_checkpoint_info info;
    mr_error error;
    const mr_checkpoint_file file = {bytes, length};
    if (mr_checkpoint_decode(&file, 1, plan, &key, 0, &shard, &info, &error) != MR_OK)
        return;
    mr_shard_check(shard);
    mr_buffer again = {0};
    char hash[MR_SHA256_HEX_BYTES];
    MR_ASSERT(mr_checkpoint_encode(shard, 1, 2, &again) == MR_OK);
    MR_ASSERT(mr_canonical_hash((const mr_shard *const *)&shard, 1, 0, MR_DUMP_ALL,
                                hash) == MR_OK);
    mr_buffer_deinit(&again);
    mr_shard_destroy(shard);
}

/* The header's sum made right again, so that the change gets past it. */
static void sum_header(mr_buffer *encoded)
{
    const uint32_t crc = mr_crc32c(0, encoded->bytes, HEADER_BYTES - 4);
    for (size_t i = 0; i < 4; i++)
        encoded->bytes[HEADER_BYTES - 4 + i] = (uint8_t)(crc >> (8 * i));
}

static void decode_changed(const uint8_t *changes, size_t size)
{
    mr_buffer encoded = {0};
    mr_buffer sealed = {0};
    encode_some(&encoded);
    for (size_t i = 0; i + CHANGE_BYTES <= size; i += CHANGE_BYTES) {
        const size_t at = changes[i] | (size_t)changes[i + 1] << 8;
        encoded.bytes[at % encoded.length] = changes[i + 2];
    }
    sum_header(&encoded);
    if (mr_checkpoint_seal(&encoded, &sealed) == MR_OK)
        decode(sealed.bytes, sealed.length);
    mr_buffer_deinit(&encoded);
    mr_buffer_deinit(&sealed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    set_up_once();
    if (size == 0)
        return 0;
    if (data[0] % 2 == 0)
        decode(data + 1, size - 1);
    else
        decode_changed(data + 1, size - 1);
    return 0;
}
