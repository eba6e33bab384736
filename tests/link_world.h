/*
 * Link world: partitions with a log each, and what carries links between them.
 *
 * What a live engine does around its shards, in memory: events and links are appended to the log of
 * the partition that their id belongs to, batches are applied from it, a checkpoint is taken, and
 * only what a checkpoint holds is sent.  A crash puts a shard back to its checkpoint and its reading
 * back to that offset; what was sent before it goes again.
 */
#ifndef MR_TESTS_LINK_WORLD_H
#define MR_TESTS_LINK_WORLD_H

#include "features/canonical_dump.h"
#include "features/checkpoint.h"
#include "features/link.h"
#include "tests/feature_batch.h"

#include <string.h>

enum { WORLD_PARTS_MAX = 8 };

typedef struct world_record {
    bool is_link;
    mr_event event;
    mr_link link; /* texts owned */
} world_record;

typedef struct world_part {
    mr_shard *shard;
    world_record *log;
    size_t log_count;
    size_t log_capacity;
    mr_buffer saved; /* the durable checkpoint */
    uint64_t generation;
} world_part;

typedef struct world {
    mr_plan *plan;
    mr_hash_key key;
    uint32_t part_count;
    world_part parts[WORLD_PARTS_MAX];
} world;

static inline world_record *world_append(world *w, mr_text key)
{
    world_part *part = &w->parts[mr_hash_bytes(key.bytes, key.length) % w->part_count];
    if (part->log_count == part->log_capacity) {
        part->log_capacity = part->log_capacity > 0 ? 2 * part->log_capacity : 64;
        part->log = realloc(part->log, part->log_capacity * sizeof(*part->log));
        assert_non_null(part->log);
    }
    world_record *record = &part->log[part->log_count++];
    *record = (world_record){0};
    return record;
}

static inline void world_append_event(world *w, mr_event event)
{
    world_append(w, event.user_id.length > 0 ? event.user_id : event.anonymous_id)
        ->event = event;
}

static inline mr_text world_copy(mr_text text)
{
    char *bytes = malloc(text.length + 1U);
    assert_non_null(bytes);
    if (text.length > 0)
        memcpy(bytes, text.bytes, text.length);
    return (mr_text){.bytes = bytes, .length = text.length};
}

static inline void world_append_link(world *w, const mr_link *link)
{
    const bool is_request = link->profile.length == 0;
    world_record *record =
        world_append(w, is_request ? link->anonymous_id : link->user_id);
    record->is_link = true;
    record->link = *link;
    record->link.anonymous_id = world_copy(link->anonymous_id);
    record->link.user_id = world_copy(link->user_id);
    record->link.profile = world_copy(link->profile);
}

/* Up to `most` records, from where the shard stands. */
static inline void world_read(const world_part *part, mr_shard *shard, size_t most)
{
    mr_event_batch batch = {.partition = mr_shard_partition(shard)};
    const size_t first = (size_t)mr_shard_next_offset(shard);
    for (size_t i = first; i < part->log_count && i < first + most; i++) {
        if (part->log[i].is_link)
            test_batch_add_link(&batch, (int64_t)i, &part->log[i].link);
        else
            test_batch_add(&batch, (int64_t)i, part->log[i].event);
    }
    assert_ok(mr_shard_apply(shard, &batch));
    mr_event_batch_deinit(&batch);
}

static inline void world_save(world *w, uint32_t number)
{
    world_part *part = &w->parts[number];
    mr_buffer encoded = {0};
    mr_buffer_clear(&part->saved);
    assert_ok(mr_checkpoint_encode(part->shard, 1, ++part->generation, &encoded));
    assert_ok(mr_checkpoint_seal(&encoded, &part->saved));
    mr_buffer_deinit(&encoded);
}

static inline void world_crash(world *w, uint32_t number)
{
    world_part *part = &w->parts[number];
    mr_checkpoint_info info;
    mr_shard_destroy(part->shard);
    assert_ok(mr_checkpoint_decode(part->saved.bytes, part->saved.length, w->plan,
                                   &w->key, 0, &part->shard, &info, NULL));
}

typedef struct world_sending {
    world *world;
    size_t most;
    uint64_t last;
} world_sending;

static inline bool world_send_one(void *context, const mr_link *link)
{
    world_sending *s = context;
    if (s->most == 0)
        return false;
    s->most--;
    s->last = link->sequence;
    world_append_link(s->world, link);
    return true;
}

/* Save, then send up to `most` of what waits; acknowledged unless the acknowledgement is lost. */
static inline size_t world_send(world *w, uint32_t number, size_t most, bool is_heard)
{
    mr_shard *shard = w->parts[number].shard;
    world_sending s = {.world = w, .most = most};
    world_save(w, number);
    assert_ok(mr_shard_links_pending(shard, world_send_one, &s));
    if (is_heard)
        mr_shard_links_acknowledge(shard, s.last);
    return most - s.most;
}

/* Until everything is read and nothing waits. */
static inline void world_settle(world *w)
{
    for (bool is_moving = true; is_moving;) {
        is_moving = false;
        for (uint32_t p = 0; p < w->part_count; p++) {
            world_read(&w->parts[p], w->parts[p].shard, SIZE_MAX / 2);
            is_moving |= world_send(w, p, SIZE_MAX, true) > 0;
        }
    }
    for (uint32_t p = 0; p < w->part_count; p++)
        mr_shard_check(w->parts[p].shard);
}

static inline void world_hash(const world *w, mr_dump_kind kind,
                              char ret_hex[MR_SHA256_HEX_BYTES])
{
    const mr_shard *shards[WORLD_PARTS_MAX];
    for (uint32_t p = 0; p < w->part_count; p++)
        shards[p] = w->parts[p].shard;
    assert_ok(mr_canonical_hash(shards, w->part_count, MR_TIME_NONE, kind, ret_hex));
}

static inline void world_begin(world *w, uint32_t parts)
{
    *w = (world){.part_count = parts};
    assert_ok(mr_plan_create_default(&w->plan));
    mr_hash_key_init(&w->key, "secret", 6);
    for (uint32_t p = 0; p < parts; p++) {
        w->parts[p].shard = test_shard(w->plan, p);
        world_save(w, p);
    }
}

static inline void world_end(world *w)
{
    for (uint32_t p = 0; p < w->part_count; p++) {
        world_part *part = &w->parts[p];
        for (size_t i = 0; i < part->log_count; i++) {
            free((void *)(uintptr_t)part->log[i].link.anonymous_id.bytes);
            free((void *)(uintptr_t)part->log[i].link.user_id.bytes);
            free((void *)(uintptr_t)part->log[i].link.profile.bytes);
        }
        free(part->log);
        mr_buffer_deinit(&part->saved);
        mr_shard_destroy(part->shard);
    }
    mr_plan_destroy(w->plan);
}

#endif
