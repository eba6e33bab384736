/*
 * Census: the newest checkpoints of all partitions, opened to be counted.
 *
 * What is said of all users, of one audience or of each day is read from checkpoints and not from
 * the running shards: off the event path, by any process that sees the files, all partitions as of
 * their newest durable cut.  An answer says how many partitions it is of, and as of when.
 *
 * Units      Times in ms.
 * Ownership  A census owns the restored shards.
 * Threads    One at a time; any thread.
 * Cost       A restore of every partition: two seconds and 1 GB for 1 M users.
 */
#ifndef MR_APP_CENSUS_H
#define MR_APP_CENSUS_H

#include "app/config.h"
#include "core/json.h"
#include "features/checkpoint.h"
#include "features/quintiles.h"

typedef struct mr_census_source {
    const mr_config *config; /* where the state is, and the names of placements */
    const mr_plan *plan;
    const mr_hash_key *key;
    uint32_t partitions; /* of the topic; 0: as many as have a checkpoint */
} mr_census_source;

typedef struct mr_census {
    const mr_plan *plan;
    const mr_config *config;
    mr_shard **shards;
    size_t count;  /* partitions that are counted */
    uint32_t of;   /* partitions there are        */
    int64_t at_ms; /* as of: the latest clock of any of them */
    mr_quintiles quintiles;
    bool has_quintiles;
    uint64_t bots; /* users passed over by the walk under way */
} mr_census;

/* MR_ERR_NOT_FOUND: there is no checkpoint yet. */
MR_MUST_USE mr_status mr_census_open(const mr_census_source *source,
                                     mr_census **ret_census, mr_error *ret_error);
void mr_census_close(mr_census *census); /* NULL allowed */

/* One call a user, anonymous ones among them; those that the plan's bot rule names are counted in
 * `bots` and passed over. */
typedef mr_status mr_census_visitor(void *context, const mr_shard *shard, uint32_t row);
MR_MUST_USE mr_status mr_census_walk(mr_census *census, mr_census_visitor *visitor,
                                     void *context);

/* Take the quintiles of all known customers, once. */
MR_MUST_USE mr_status mr_census_need_quintiles(mr_census *census);

/* The scores of a customer; false of anybody else. */
bool mr_census_scores(const mr_census *census, const mr_shard *shard, uint32_t row,
                      int ret_scores[MR_RFM_VALUES]);

/* The members that every answer has: as_of, time_zone, partitions. */
void mr_census_put_scope(const mr_census *census, mr_json_writer *writer);

#endif
