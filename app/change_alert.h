/*
 * Change alert: what is said of a user whose stage, level or segment has changed.
 *
 *     {"alert_id":"segment-…","kind":"segment","user_id":"12732","segment":"vip",
 *      "direction":"entered","spend":1200.50,"time":"2011-12-09T12:50:00.000Z"}
 *
 * The id is of the user, the day and the change: a process that finds it again after a crash says
 * it under the same one.
 *
 * Units      Times UTC; money in major units.
 * Ownership  Texts are borrowed for the call.
 * Threads    The ingest thread.
 * Cost       An allocation and a copy an alert.
 */
#ifndef MR_APP_CHANGE_ALERT_H
#define MR_APP_CHANGE_ALERT_H

#include "app/owned_shard.h"

typedef enum mr_change_of {
    MR_CHANGE_STAGE = 0,
    MR_CHANGE_LEVEL,
    MR_CHANGE_SEGMENT, /* of a rule's segment: `feature` is its name */
    MR_CHANGE_RFM,
} mr_change_of;

typedef struct mr_change {
    mr_change_of of;
    uint32_t row;
    const char *feature; /* of a level and a rule's segment   */
    const char *now;     /* of a rule's segment: "entered"    */
    const char *before;  /* NULL: none                        */
    bool is_up;          /* of a level                        */
    int64_t score;       /* the same                          */
    bool uses_scores;    /* of a segment: by the thresholds that the sweep has */
} mr_change;

/* Put it into the outbox.  MR_ERR_FULL, MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_change_raise(const mr_owned_shard *owned,
                                      const mr_change *change);

#endif
