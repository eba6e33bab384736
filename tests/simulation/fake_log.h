/*
 * Fake log: a topic in memory behind the engine's own log interface.
 *
 * It stands for a broker: what was acknowledged stays whatever happens to the processes or the
 * disk.  What goes wrong is on the way: an append that fails, that fails and is there all the
 * same, or is there in part; a poll that finds nobody; records delivered again; offsets that
 * hold nothing, as transaction markers do; and retention, which hides the beginning from
 * readers (but not from the final check).
 *
 * Units      Offsets; rates per mille of the calls or records that a fault concerns.
 * Ownership  The log owns its records until it is destroyed; polls lend them.
 * Threads    Owner-only.
 * Cost       A copy a record.
 */
#ifndef MR_TESTS_SIMULATION_FAKE_LOG_H
#define MR_TESTS_SIMULATION_FAKE_LOG_H

#include "ingest/log.h"
#include "tests/simulation/random.h"

typedef enum fake_log_fault {
    FAKE_LOG_FAIL,      /* an append fails and nothing is there */
    FAKE_LOG_HIDDEN,    /* an append fails and all of it is there */
    FAKE_LOG_PART,      /* an append fails and its beginning is there */
    FAKE_LOG_POLL,      /* a poll finds nobody */
    FAKE_LOG_REDELIVER, /* a poll begins before the offset asked for */
    FAKE_LOG_HOLE,      /* an offset that holds nothing */
    FAKE_LOG_RATED,
    FAKE_LOG_RETAIN = FAKE_LOG_RATED, /* the beginning was deleted */
    FAKE_LOG_FAULTS
} fake_log_fault;

const char *fake_log_fault_name(fake_log_fault fault);

typedef struct fake_log fake_log;

fake_log *fake_log_create(const char *topic, uint32_t partitions, uint64_t seed);
void fake_log_destroy(fake_log *log); /* NULL allowed */

/* What the engine is given; mr_log_close() of it does nothing. */
mr_log *fake_log_handle(fake_log *log);

/* Called before each append and poll of a process: may yield.  False: the process is dead. */
void fake_log_set_before(fake_log *log, bool (*before)(void *context, const char *call),
                         void *context);

void fake_log_set_rate(fake_log *log, fake_log_fault fault, uint32_t permille);
uint64_t fake_log_fired(const fake_log *log, fake_log_fault fault);

/* Append for the world: always succeeds.  Returns the offset. */
int64_t fake_log_put(fake_log *log, const mr_log_entry *entry);

/*
 * Up to `capacity` records from `from` on, in order.  `*ret_next` is the offset after them; at
 * the end of the partition none is returned and `*ret_next` is the end.
 *
 * MR_ERR_UNAVAILABLE; MR_ERR_GAP when `from` was deleted, with the first offset in `*ret_next`.
 */
MR_MUST_USE mr_status fake_log_poll(fake_log *log, uint32_t partition, int64_t from,
                                    size_t capacity, mr_log_record *ret_records,
                                    size_t *ret_count, int64_t *ret_next);

/* The group says where its oldest checkpoint stands; what is below may be deleted. */
void fake_log_commit(fake_log *log, uint32_t partition, int64_t offset);
void fake_log_retain(fake_log *log, uint32_t partition);
int64_t fake_log_first(const fake_log *log, uint32_t partition);
int64_t fake_log_end(const fake_log *log, uint32_t partition);

/* All records ever, deleted ones too. */
size_t fake_log_count(const fake_log *log, uint32_t partition);
const mr_log_record *fake_log_record(const fake_log *log, uint32_t partition,
                                     size_t index);

#endif
