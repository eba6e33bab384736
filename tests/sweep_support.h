/*
 * Sweep support: a shard whose users are swept, with an engine around it that has no threads but the
 * quintile board's.  Time is moved by events alone.
 */
#ifndef MR_TESTS_SWEEP_SUPPORT_H
#define MR_TESTS_SWEEP_SUPPORT_H

#include "app/change_sweep.h"
#include "core/clock.h"
#include "core/json.h"
#include "tests/feature_batch.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { SWEEP_PARTITIONS = 3, SWEEP_SETTLE_S = 30 };

typedef struct sweep_world {
    mr_plan *plan;
    mr_hash_key key;
    mr_engine engine;
    mr_owned_shard owned; /* of partition 0 */
    char alerts[2048];    /* of the latest sweep */
} sweep_world;

static inline sweep_world *sweep_world_create(void)
{
    sweep_world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    mr_hash_key_init(&w->key, "secret", 6);
    w->plan = test_plan_without_late();
    w->engine = (mr_engine){.plan = w->plan, .key = w->key};
    assert_ok(mr_quintile_board_create(SWEEP_PARTITIONS, &w->engine.quintiles));
    mr_quintile_board_expect(w->engine.quintiles, 0);
    w->owned = (mr_owned_shard){.engine = &w->engine, .epoch = 5, .is_at_end = true};
    mr_change_sweep_restart(&w->owned);
    w->owned.shard = test_shard(w->plan, 0);
    return w;
}

static inline void sweep_world_destroy(sweep_world *w)
{
    mr_rfm_sample_deinit(&w->owned.rfm_sample);
    mr_quintile_board_destroy(w->engine.quintiles);
    mr_shard_destroy(w->owned.shard);
    mr_plan_destroy(w->plan);
    free(w);
}

/* Until a reading has all that was put. */
static inline void sweep_settle(mr_quintile_board *board)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    const int64_t end_ns =
        mr_clock_monotonic_ns(mr_clock_system()) + SWEEP_SETTLE_S * INT64_C(1000000000);
    while (!mr_quintile_board_is_settled(board)) {
        assert_true(mr_clock_monotonic_ns(mr_clock_system()) < end_ns);
        (void)nanosleep(&moment, NULL);
    }
}

/* One sweep to its end, if one is due; its sample is then in the board's reading. */
static inline void sweep_through(sweep_world *w)
{
    do
        assert_ok(mr_change_sweep(&w->owned));
    while (w->owned.change_sweep.is_under_way);
    sweep_settle(w->engine.quintiles);
}

/* The outbox, given to `visit` and taken out. */
static inline void sweep_take_alerts(sweep_world *w, mr_outbox_visitor *visit,
                                     void *context)
{
    uint64_t last = 0;
    mr_shard_outbox_pending(w->owned.shard, 0, visit, context);
    assert_ok(mr_shard_outbox_put(w->owned.shard, MR_TEXT("last"), MR_TEXT("{}"), &last));
    mr_shard_outbox_acknowledge(w->owned.shard, last);
}

/* Sweep to the end; what `note` writes of the alerts that it put into the outbox. */
static inline const char *sweep_noting(sweep_world *w, mr_outbox_visitor *note)
{
    sweep_through(w);
    w->alerts[0] = '\0';
    sweep_take_alerts(w, note, w);
    return w->alerts;
}

static inline mr_text sweep_member(mr_json *alert, const char *key)
{
    return mr_json_text(mr_json_get(mr_json_root(alert), key), (mr_text){0});
}

static inline void sweep_view(sweep_world *w, const char *user, int64_t day)
{
    test_apply(w->owned.shard,
               test_event(MR_EVENT_VIEW, user, "tea", START_MS + day * DAY_MS));
}

static inline void sweep_buy(sweep_world *w, const char *user, int64_t day,
                             const char *order, int64_t whole)
{
    test_apply(w->owned.shard,
               test_purchase(user, "tea", START_MS + day * DAY_MS, order, whole * 100));
}

#endif
