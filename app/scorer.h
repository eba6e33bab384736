/*
 * Scorer: a thread that makes results ready before anybody asks.
 *
 * Ingest threads push the packed state of users who changed; the scorer scores each with the
 * current model and writes the packed result to the cache, many in one pipeline.  A result that
 * is not ready, or older than the state, is scored when it is read: falling behind here costs
 * readers time, never freshness.
 *
 * There are two turns.  First come users who were read lately: somebody is about to ask.  The
 * others are for whoever reads the cache directly; their lists are made when no first one waits,
 * and take `models.unread` percent of the scorer's time at most, so that a busy stream does not
 * spend a core on lists that nobody reads.
 *
 * Units      None.
 * Ownership  The scorer owns its rings, scratch and cache handle; it borrows the engine.
 * Threads    has_room, push, is_idle: the one ingest thread.  The rest is the scorer's own.
 * Cost       One pass over the catalogue a user.
 */
#ifndef MR_APP_SCORER_H
#define MR_APP_SCORER_H

#include "app/engine.h"
#include "serving/user_state_codec.h"

typedef struct mr_scorer mr_scorer;

typedef enum mr_scorer_turn {
    MR_SCORER_FIRST,
    MR_SCORER_SPARE,
    MR_SCORER_TURNS,
} mr_scorer_turn;

enum { MR_SCORER_RING_ELEMENTS = 8192, MR_SCORER_SPARE_ELEMENTS = 64 };

/* What travels: a user's hash and packed state. */
typedef struct mr_score_task {
    mr_hash128 user;
    uint32_t bytes;
    uint8_t state[MR_STATE_BYTES_MAX];
} mr_score_task;

MR_MUST_USE mr_status mr_scorer_create(mr_engine *engine, mr_scorer **ret_scorer,
                                       mr_error *ret_error);
void mr_scorer_destroy(mr_scorer *scorer); /* stops the thread; NULL allowed */

bool mr_scorer_has_room(const mr_scorer *scorer, mr_scorer_turn turn);

/* MR_ERR_FULL: try again after the next batch. */
MR_MUST_USE mr_status mr_scorer_push(mr_scorer *scorer, mr_scorer_turn turn,
                                     const mr_score_task *task);

/* Whether all that was pushed has been taken up. */
bool mr_scorer_is_idle(const mr_scorer *scorer);

#endif
