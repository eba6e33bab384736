/*
 * Quintile board: the thresholds of recency, frequency and monetary value as they stand.
 *
 * Each change sweep leaves the values of its partition's customers here; the thresholds are those of
 * the newest samples of all partitions of this process, as if the customers were in one sample.  They
 * change when each partition has left a new one, so that a day's sweeps of all partitions judge by the
 * same; without waiting for one that leaves none while another leaves two, and at once when one comes
 * or goes.  A process that starts has none until each of its partitions has left a sample.  A partition
 * that goes to another process takes its sample along.
 *
 * Units      Times in ms of event time.
 * Ownership  The board owns its samples: 24 bytes a customer.
 * Threads    Any.  Sorting is done by a thread of the board's own; the lock is held to swap pointers
 *            and to copy a reading.
 * Cost       A sample: three sorts on that thread.  A reading: a copy of 150 bytes.
 */
#ifndef MR_APP_QUINTILE_BOARD_H
#define MR_APP_QUINTILE_BOARD_H

#include "features/quintiles.h"

typedef struct mr_quintile_board mr_quintile_board;

typedef struct mr_quintile_reading {
    mr_quintiles quintiles; /* as of the newest sample; without customers: none */
    uint32_t partitions;    /* whose customers they are of                      */
    uint32_t of;            /* partitions of this process                       */
} mr_quintile_reading;

/* For partitions below `partitions`.  MR_ERR_NO_MEMORY; MR_ERR_UNAVAILABLE: no thread. */
MR_MUST_USE mr_status mr_quintile_board_create(uint32_t partitions,
                                               mr_quintile_board **ret_board);
void mr_quintile_board_destroy(mr_quintile_board *board); /* NULL allowed */

/* The partition is of this process from now on, or not any more. */
void mr_quintile_board_expect(mr_quintile_board *board, uint32_t partition);
void mr_quintile_board_withdraw(mr_quintile_board *board, uint32_t partition);

/* The partition's newest sample; `sample` is empty then. */
void mr_quintile_board_put(mr_quintile_board *board, uint32_t partition,
                           mr_rfm_sample *sample, int64_t at_ms);

/* False: there are no thresholds. */
bool mr_quintile_board_read(mr_quintile_board *board, mr_quintile_reading *ret_reading);

/* Whether nothing that was put is still to be looked at. */
bool mr_quintile_board_is_settled(mr_quintile_board *board);

#endif
