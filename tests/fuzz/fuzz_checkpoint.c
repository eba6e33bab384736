/*
 * Target: mr_checkpoint_decode_chain().
 *
 * The first byte, modulo four, says what the rest is.  0: the bytes of a base file as they are,
 * which the sums refuse.  1: changes (position, byte) to an encoded state, which is then summed and
 * sealed as a program with a bug would, so that the decoder behind the sums is reached.  2: the
 * same with a delta, on a base that is whole.  3: the bytes of a delta as they are.
 *
 * Whatever comes in, the result is an error or a shard that passes mr_shard_check() and can be
 * encoded again.
 */
#include "core/assert.h"
#include "features/canonical_dump.h"
#include "features/checkpoint.h"
#include "features/checkpoint_cut.h"
#include "features/link.h"

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

/* Events `first` .. `end` - 1 of a few users with every kind of feature. */
static void apply_some(mr_shard *shard, uint32_t first, uint32_t end)
{
    static const uint8_t types[] = {MR_EVENT_VIEW, MR_EVENT_PURCHASE, MR_EVENT_REFUND,
                                    MR_EVENT_RATE, MR_EVENT_CART_ADD, MR_EVENT_SEARCH};
    static const char *const names[] = {"a", "bb", "ccc", "dddd", "eeeee"};
    mr_event_batch batch = {0};
    int64_t offset = mr_shard_next_offset(shard);
    MR_ASSERT(mr_event_batch_reserve(&batch, end - first, end - first) == MR_OK);
    for (uint32_t i = first; i < end; i++) {
        batch.events[batch.event_count] =
            (mr_event){.user_id = mr_text_from(names[i < 40 ? i % 4 : i % 5]),
                       .item_id = mr_text_from(names[i < 40 ? i % 3 : i % 5]),
                       .order_id = mr_text_from(names[i % 2]),
                       .event_id = mr_text_from(names[i % 4]),
                       .line = i,
                       .time_ms = (int64_t)i * 40000000,
                       .quantity = i,
                       .value_minor = 100 * i,
                       .rating_centi = 300,
                       .type = types[i % 6]};
        batch.records[batch.record_count++] =
            (mr_record_verdict){.offset = offset++,
                                .first_event = (uint32_t)batch.event_count++,
                                .event_count = 1};
    }
    MR_ASSERT(mr_shard_apply(shard, &batch) == MR_OK);
    mr_event_batch_deinit(&batch);
}

/* A user with a visitor's id, the visitor's profile asked for and on its way. */
static void add_links(mr_shard *shard)
{
    const int64_t at = mr_shard_next_offset(shard);
    static const mr_link request = {.anonymous_id = {.bytes = "x", .length = 1},
                                    .user_id = {.bytes = "a", .length = 1},
                                    .sequence = 3,
                                    .source = 1};
    mr_event events[2] = {{.time_ms = 39 * INT64_C(40000000),
                           .anonymous_id = MR_TEXT("x"),
                           .item_id = MR_TEXT("a"),
                           .type = MR_EVENT_PURCHASE}};
    events[1] = events[0];
    events[1].user_id = MR_TEXT("a");
    mr_record_verdict records[3] = {
        {.offset = at, .first_event = 0, .event_count = 1},
        {.offset = at + 1, .first_event = 1, .event_count = 1},
        {.offset = at + 2, .disposition = MR_RECORD_LINK, .link = &request}};
    mr_event_batch batch = {
        .events = events, .event_count = 2, .records = records, .record_count = 3};
    MR_ASSERT(mr_shard_apply(shard, &batch) == MR_OK);
    MR_ASSERT(mr_shard_links_waiting(shard) == 2);
}

static void cut(mr_shard *shard, uint64_t generation, mr_buffer *encoded)
{
    mr_checkpoint_cut_begin(shard, 1, generation, encoded);
    MR_ASSERT(mr_checkpoint_cut_step(shard, 1000));
    MR_ASSERT(mr_buffer_status(encoded) == MR_OK);
    mr_checkpoint_cut_settle(shard, true);
}

/* A base and a delta on it. */
static void encode_some(mr_buffer *base, mr_buffer *delta)
{
    const mr_shard_options options = {.plan = plan, .hash_key = &key, .topic = "t"};
    mr_shard *shard = NULL;
    uint64_t sequence;
    MR_ASSERT(mr_shard_create(&options, &shard) == MR_OK);
    apply_some(shard, 0, 40);
    add_links(shard);
    MR_ASSERT(mr_shard_outbox_put(shard, MR_TEXT("id"), MR_TEXT("record"), &sequence) ==
              MR_OK);
    mr_shard_set_churn(shard, 1, (mr_churn_mark){.permille = 5, .tier = 1});
    cut(shard, 1, base);
    apply_some(shard, 40, 43);
    mr_shard_links_acknowledge(shard, 1);
    mr_shard_set_churn(shard, 2, (mr_churn_mark){.permille = 6, .tier = 2});
    cut(shard, 2, delta);
    mr_shard_destroy(shard);
}

static void decode(const mr_checkpoint_file *files, size_t count)
{
    mr_shard *shard = NULL;
    mr_checkpoint_info info;
    mr_error error;
    if (mr_checkpoint_decode_chain(files, count, plan, &key, 0, &shard, &info, &error) !=
        MR_OK)
        return;
    mr_shard_check(shard);
    mr_buffer again = {0};
    char hash[MR_SHA256_HEX_BYTES];
    MR_ASSERT(mr_checkpoint_encode(shard, 1, 3, &again) == MR_OK);
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

static void change(mr_buffer *encoded, const uint8_t *changes, size_t size)
{
    for (size_t i = 0; i + CHANGE_BYTES <= size; i += CHANGE_BYTES) {
        const size_t at = changes[i] | (size_t)changes[i + 1] << 8;
        encoded->bytes[at % encoded->length] = changes[i + 2];
    }
    sum_header(encoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    set_up_once();
    if (size == 0)
        return 0;
    mr_buffer encoded[2] = {{0}, {0}};
    mr_buffer sealed[2] = {{0}, {0}};
    mr_checkpoint_file files[2];
    const unsigned mode = data[0] % 4;
    encode_some(&encoded[0], &encoded[1]);
    if (mode == 1 || mode == 2)
        change(&encoded[mode - 1], data + 1, size - 1);
    for (size_t i = 0; i < 2; i++) {
        /* What cannot be sealed is not a state at all. */
        if (mr_checkpoint_seal(&encoded[i], &sealed[i]) != MR_OK)
            mr_buffer_clear(&sealed[i]);
        files[i] = (mr_checkpoint_file){sealed[i].bytes, sealed[i].length};
    }
    if (mode == 0 || mode == 3)
        files[mode / 3] = (mr_checkpoint_file){data + 1, size - 1};
    decode(files, mode < 2 ? 1 : 2);
    for (size_t i = 0; i < 2; i++) {
        mr_buffer_deinit(&encoded[i]);
        mr_buffer_deinit(&sealed[i]);
    }
    return 0;
}
