/*
 * Generator: a seeded stream of records, each with what must become of it.
 *
 * The clean stream is a shop's (generator_shop.h), records that are applied; some of it comes in
 * disorder or from the future.  Between its records stand additions that must change no feature:
 * records a second time, records that come too late, poison.  They are drawn from numbers of
 * their own, so that the same seed with and without them has the same clean stream: state
 * with all of them equals state without.
 *
 * What must become of a record is known and not guessed: the generator deals records to
 * partitions as the log does and keeps the watermark of each, which only applied records move.
 * This holds while nothing else is in the topic that moves time (log.clock: data), while
 * partitions are as many as here, and while no shard forgets ids because of its cap.
 *
 * Units      Times in ms since the epoch; shares of the clean stream, from 0 to 1.
 * Ownership  A record's texts are lent until the next one is made.
 * Threads    Owner-only.
 * Cost       About 2 us a record of 350 bytes; a few MB for what can come again.
 */
#ifndef MR_APP_GENERATOR_H
#define MR_APP_GENERATOR_H

#include "app/generator_record.h"
#include "ingest/log.h"

typedef enum mr_fate {
    MR_FATE_APPLIED = 0,
    MR_FATE_DUPLICATE,
    MR_FATE_LATE,
    MR_FATE_POISON,
    MR_FATES,
} mr_fate;

typedef struct mr_generator_options {
    mr_shop_options shop;
    uint64_t events; /* of the clean stream */
    uint32_t partitions;
    mr_dialect dialect;   /* native or segment          */
    uint32_t about_bytes; /* of a value; 0: unfilled    */
    const char *topic;    /* borrowed while it is made  */
    double disorder;      /* applied, behind the watermark      */
    double future;        /* applied, from the future: clamped  */
    double duplicates;
    double late;
    double poison;
} mr_generator_options;

typedef struct mr_generated {
    mr_text key;
    mr_text value;
    mr_log_header header; /* of a control record */
    uint32_t header_count;
    uint32_t partition;
    int64_t time_ms; /* of the record */
    mr_fate fate;
    mr_poison reason; /* of poison                                                   */
    uint32_t lines;   /* events in it; 0: poison                                     */
    uint32_t person;  /* as in mr_shop_event: whose it is; of poison nobody's        */
    uint32_t visitor;
    mr_text event_id; /* empty: poison                                               */
    int64_t event_ms; /* its time as the engine takes it                             */
    bool is_clamped;  /* the time written is more than 5 minutes ahead of the record */
    bool is_behind;   /* applied, behind the watermark                               */
} mr_generated;

typedef struct mr_generator mr_generator;

/* MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_generator_create(const mr_generator_options *options,
                                          mr_generator **ret_generator);
void mr_generator_destroy(mr_generator *generator); /* NULL allowed */

/* MR_ERR_NOT_FOUND after the last one; MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_generator_next(mr_generator *generator,
                                        mr_generated *ret_record);

const mr_shop *mr_generator_shop(const mr_generator *generator);

/* "applied", "duplicate", "late", "poison". */
const char *mr_fate_name(mr_fate fate);

#endif
