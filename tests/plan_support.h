/*
 * Plan support: what the property tests of plans share.
 */
#ifndef MR_TESTS_PLAN_SUPPORT_H
#define MR_TESTS_PLAN_SUPPORT_H

#include "core/json.h"
#include "features/plan_read.h"
#include "tests/link_support.h"

static inline uint64_t test_draw(uint64_t *state, uint64_t bound)
{
    *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (*state >> 33) % bound;
}

static inline mr_plan *test_plan_of(mr_text text, const mr_time_zone *zone)
{
    mr_json *json = NULL;
    mr_plan *plan = NULL;
    mr_plan_fault fault;
    assert_ok(mr_json_parse(text, &json, NULL));
    if (mr_plan_read(mr_json_root(json), zone, &plan, &fault) != MR_OK)
        fail_msg("%s: %s", fault.path, fault.message);
    mr_json_destroy(json);
    return plan;
}

static inline mr_shard *test_shard_that_applies_late(const mr_plan *plan)
{
    mr_hash_key key;
    mr_shard *shard = NULL;
    mr_hash_key_init(&key, "secret", 6);
    const mr_shard_options options = {.plan = plan,
                                      .hash_key = &key,
                                      .topic = "events",
                                      .partition = 3,
                                      .applies_late = true};
    assert_ok(mr_shard_create(&options, &shard));
    return shard;
}

/* Some of the events, the first among them, are a visitor's, who then turns out to be the user. */
static inline void test_apply_partly_as_visitor(mr_shard *shard, const mr_event *events,
                                                size_t count, uint64_t random)
{
    for (size_t i = 0; i < count; i++) {
        mr_event event = events[i];
        const bool is_visit = i == 0 || test_draw(&random, 2) == 0;
        event.user_id = is_visit ? (mr_text){0} : MR_TEXT("u");
        event.anonymous_id = is_visit ? MR_TEXT("x") : (mr_text){0};
        test_apply(shard, event);
    }
    const mr_link answer = answer_of(shard, "x", "u");
    test_apply_link(shard, &answer);
    mr_shard_check(shard);
    drop_link(&answer);
}

#endif
