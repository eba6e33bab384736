/*
 * Engine: what the parts of `millrace run` and `millrace serve` share.
 *
 * One struct that is built by engine.c, in the order of the data's way: secrets, topics,
 * checkpoints, caches, models, then the threads (ingest, checkpoint, scorers, feeds, HTTP).
 * Each part takes what it needs from here and owns nothing of it.
 *
 * An API-only node (`millrace serve`) has no ingest, no checkpoints and no scorers, and takes no
 * lock: it reads the catalogue, the alerts, the models and what the owners write to Redis.
 *
 * Units      As the parts say.
 * Ownership  engine.c makes and frees everything; others borrow.
 * Threads    Written before the threads start; afterwards only what is atomic or a holder
 *            changes.
 * Cost       None.
 */
#ifndef MR_APP_ENGINE_H
#define MR_APP_ENGINE_H

#include "app/alert_feed.h"
#include "app/checkpointer.h"
#include "app/config.h"
#include "app/quintile_board.h"
#include "app/recent_readers.h"
#include "app/statistics.h"
#include "app/topics.h"
#include "core/hash.h"
#include "core/ring.h"
#include "core/snapshot.h"
#include "features/checkpoint.h"
#include "features/plan.h"
#include "serving/cache.h"
#include "serving/cache_behind.h"
#include "serving/cache_memory.h"

typedef struct mr_engine {
    const mr_config *config;
    const char *
        begin_anew; /* partitions that may begin although they have run: "", "all", "0,3" */
    bool until_end;
    bool
        is_owner; /* false: an API-only node; all from `store` to `ingest` is then NULL */
    int lock;     /* of the state, held as long as the process lives; -1: not yet */
    mr_buffer secret;
    mr_buffer control_key;
    mr_hash_key key;
    mr_plan *plan;
    mr_topics topics;
    mr_checkpoint_store *store;
    mr_checkpointer *checkpointer;
    mr_memory_store *memory;       /* before every cache handle's server  */
    mr_write_behind *cache_writer; /* to the server; NULL without one     */
    mr_snapshot_holder *models;    /* of mr_model_slot                    */
    mr_snapshot_holder *catalogue; /* of mr_catalogue                    */
    mr_snapshot_holder *trending;  /* of mr_trending_board                */
    mr_alert_feed *alerts;
    mr_quintile_board *quintiles; /* NULL of an API-only node */
    mr_recent_readers *readers;
    mr_statistics *statistics;
    const mr_clock *clock; /* wall time, or the data's with log.clock: data */
    struct mr_ingest_thread *ingest;
    struct mr_scorer **scorers;
    size_t scorer_count;
    struct mr_feeds *feeds;
} mr_engine;

/* A cache handle for one thread: Redis with the memory store behind it, or that alone. */
MR_MUST_USE mr_status mr_engine_cache_create(const mr_engine *engine,
                                             mr_cache **ret_cache, mr_error *ret_error);

/* Stop the whole engine with this message: a fault that must not be worked around. */
void mr_engine_fail(mr_engine *engine, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

typedef struct mr_engine_options {
    bool is_api_only;       /* serve what others ingest                           */
    bool until_end;         /* stop when every partition has been read to its end */
    const char *begin_anew; /* see app/beginning.h; NULL: none                    */
    /* For a program with the engine inside, which may then append to the events: called by the
     * thread that runs it, once it serves and before it stops.  NULL: not. */
    void (*started)(void *context, mr_log *events);
    void (*stopping)(void *context);
    void *context;
} mr_engine_options;

/* Run until SIGTERM or SIGINT, or with `until_end` until every partition has been read to its
 * end and checkpointed.  MR_ERR_* with the reason when it could not start or had to stop. */
MR_MUST_USE mr_status mr_engine_run(const mr_config *config,
                                    const mr_engine_options *options,
                                    mr_error *ret_error);

#endif
