/*
 * Link support: a shard fed with records by hand, and looks at what it sends and dumps.
 */
#ifndef MR_TESTS_LINK_SUPPORT_H
#define MR_TESTS_LINK_SUPPORT_H

#include "tests/link_world.h"

#include <stdio.h>

typedef struct link_fixture {
    mr_plan *plan;
    mr_shard *shard;
} link_fixture;

static inline int setup(void **state)
{
    link_fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->plan = test_plan_without_late();
    f->shard = test_shard(f->plan, 3);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    link_fixture *f = *state;
    mr_shard_check(f->shard);
    mr_shard_destroy(f->shard);
    mr_plan_destroy(f->plan);
    free(f);
    return 0;
}

static inline mr_event event_of(const char *user, const char *visitor, const char *item,
                                int64_t time_ms)
{
    mr_event event = test_event(MR_EVENT_VIEW, user, item, time_ms);
    event.anonymous_id = mr_text_from(visitor);
    return event;
}

static inline void view(mr_shard *shard, const char *user, const char *visitor,
                        int64_t time_ms)
{
    test_apply(shard, event_of(user, visitor, "item", time_ms));
}

static inline mr_link request_of(const char *visitor, const char *user, uint32_t source,
                                 uint64_t sequence)
{
    return (mr_link){.anonymous_id = mr_text_from(visitor),
                     .user_id = mr_text_from(user),
                     .time_ms = START_MS + 5,
                     .sequence = sequence,
                     .source = source};
}

static inline void ask(mr_shard *shard, const char *visitor, const char *user,
                       uint64_t sequence)
{
    const mr_link link = request_of(visitor, user, 9, sequence);
    test_apply_link(shard, &link);
}

static inline mr_link_counters counters_of(const mr_shard *shard)
{
    mr_link_counters counters;
    mr_shard_link_counters_get(shard, &counters);
    return counters;
}

/* ---- what waits, kept for a look ---- */

enum { KEPT_MAX = 64 };

typedef struct kept_links {
    mr_link links[KEPT_MAX];
    size_t count;
} kept_links;

static inline bool keep_link(void *context, const mr_link *link)
{
    kept_links *kept = context;
    mr_link *copy = &kept->links[kept->count++];
    *copy = *link;
    copy->anonymous_id = world_copy(link->anonymous_id);
    copy->user_id = world_copy(link->user_id);
    copy->profile = world_copy(link->profile);
    return kept->count < KEPT_MAX;
}

static inline void pending(const mr_shard *shard, kept_links *ret_kept)
{
    *ret_kept = (kept_links){0};
    assert_ok(mr_shard_links_pending(shard, keep_link, ret_kept));
}

static inline void drop_kept(kept_links *kept)
{
    for (size_t i = 0; i < kept->count; i++) {
        free((void *)(uintptr_t)kept->links[i].anonymous_id.bytes);
        free((void *)(uintptr_t)kept->links[i].user_id.bytes);
        free((void *)(uintptr_t)kept->links[i].profile.bytes);
    }
}

/* The visitor's profile as the shard sends it on; everything before it is let go. */
static inline mr_link answer_of(mr_shard *shard, const char *visitor, const char *user)
{
    static uint64_t sequence;
    mr_shard_links_acknowledge(shard, UINT64_MAX);
    ask(shard, visitor, user, ++sequence);
    kept_links kept;
    pending(shard, &kept);
    assert_int_equal(kept.count, 1);
    assert_true(kept.links[0].profile.length > 0);
    return kept.links[0];
}

static inline void drop_link(const mr_link *link)
{
    kept_links kept = {.links = {*link}, .count = 1};
    drop_kept(&kept);
}

/* ---- whole dumps ---- */

static inline mr_status keep_text(void *context, mr_text lines)
{
    mr_buffer_put_text(context, lines);
    return MR_OK;
}

static inline char *dump_of(const mr_shard *shard, mr_dump_kind kind)
{
    mr_buffer text = {0};
    assert_ok(mr_canonical_dump(&shard, 1, MR_TIME_NONE, kind, keep_text, &text));
    mr_buffer_put_u8(&text, 0);
    assert_ok(mr_buffer_status(&text));
    return (char *)text.bytes;
}

static inline void assert_line(const mr_shard *shard, const char *line)
{
    char *text = dump_of(shard, MR_DUMP_ALL);
    if (strstr(text, line) == NULL)
        fail_msg("no line '%s'", line);
    free(text);
}

static inline void assert_no_line(const mr_shard *shard, const char *line)
{
    char *text = dump_of(shard, MR_DUMP_ALL);
    if (strstr(text, line) != NULL)
        fail_msg("a line '%s'", line);
    free(text);
}

#endif
