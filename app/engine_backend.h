/*
 * Engine backend: the answers of models and shards to what serving asks.
 *
 * Fills in serving/backend.h: the current model behind a snapshot, live scoring with scratch of
 * the asking thread, trending from the board, profiles by letter to the ingest thread, events
 * through the log.  On an API-only node a profile is the summary that the owner wrote to the cache,
 * and events go to the log where others may write it.
 *
 * Units      As serving/backend.h.
 * Ownership  Owns the scratch of its threads; borrows the engine.
 * Threads    Each with its own number, as serving/backend.h says.
 * Cost       As the parts that answer.
 */
#ifndef MR_APP_ENGINE_BACKEND_H
#define MR_APP_ENGINE_BACKEND_H

#include "app/engine.h"
#include "serving/backend.h"

typedef struct mr_engine_backend mr_engine_backend;

/* `threads`: loops and workers of the HTTP server together. */
MR_MUST_USE mr_status mr_engine_backend_create(mr_engine *engine, uint32_t threads,
                                               mr_engine_backend **ret_backend,
                                               mr_error *ret_error);
void mr_engine_backend_destroy(mr_engine_backend *backend); /* NULL allowed */

const mr_backend *mr_engine_backend_table(const mr_engine_backend *backend); /* lends */

#endif
