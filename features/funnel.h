/*
 * Funnel: how far a user came along a chain of steps within a window.
 *
 *   anchor latest   each first step begins anew; a later step counts when it lies within the window
 *                   of the first step that led to the one before it.  The furthest level reached is
 *                   the answer: ClickHouse's windowFunnel.
 *   anchor first    the first step of all begins, and no other until its window is over: the classic
 *                   reading of Mixpanel.
 *
 *   strict order    an event that is no step, or one too far ahead, ends it all once it has begun
 *   strict increase a step must come later than the one before, not at the same time
 *   strict once     a step but the first that comes a second time ends it all
 *
 * (The first and third are ClickHouse's strict_order and strict_deduplication.)
 *
 * Units      Times and the window in any one unit.
 * Ownership  A plain value.
 * Threads    Owner-only.
 * Cost       An event: as many comparisons as there are steps.
 */
#ifndef MR_FEATURES_FUNNEL_H
#define MR_FEATURES_FUNNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MR_FUNNEL_STEPS_MAX = 8 };

typedef struct mr_funnel_options {
    size_t steps; /* 1 .. MR_FUNNEL_STEPS_MAX */
    int64_t window;
    bool anchors_first;
    bool strict_order;
    bool strict_increase;
    bool strict_once;
} mr_funnel_options;

typedef struct mr_funnel_event {
    int64_t time;
    uint32_t steps; /* bit s: it is step s */
} mr_funnel_event;

/* The level reached, 0 .. steps; events ascending by time.  `ret_entered` is the time of the first
 * step that led to it, unless it is NULL or the level is 0. */
size_t mr_funnel_level(const mr_funnel_options *options, const mr_funnel_event *events,
                       size_t count, int64_t *ret_entered);

#endif
