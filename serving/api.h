/*
 * API: the routes of docs/API.md, over a backend and a cache.
 *
 * One file a group of handlers (api_recommendations.c, api_items.c, …); this is what they
 * share: the route table, per-thread scratch, metrics, and the handler that http_server
 * calls.
 *
 * A user's recommendations come from the first of: the cached list, when no newer event
 * is known; live scoring of the cached or owner's state; the items the request is about;
 * what is popular; what is trending; the static list of the last model.  Only when all of
 * them are empty the answer is a 503.
 *
 * Units      Times in ms.
 * Ownership  The API copies the options; it takes the caches.  The backend, the clock,
 * the catalogue holder and the assets are borrowed and must outlive it. Threads    create
 * and destroy: one thread.  handle: as many as the options say, each with its own number
 * in the request. Cost       A cached list: one cache round trip and about 10 us; see
 * docs/BENCHMARKS.md.
 */
#ifndef MR_SERVING_API_H
#define MR_SERVING_API_H

#include "core/clock.h"
#include "core/hash.h"
#include "core/snapshot.h"
#include "core/status.h"
#include "serving/backend.h"
#include "serving/cache.h"
#include "serving/http_server.h"
#include "serving/placement.h"
#include "serving/web_assets.h"

#include <stddef.h>
#include <stdint.h>

typedef struct mr_api mr_api;

typedef struct mr_api_options {
    const mr_backend *backend;
    const mr_clock *clock;
    uint32_t threads; /* loops of the server plus its workers */
    uint32_t loops;   /* of them loops, the first ones: there calls wait for each other */
    mr_cache *
        *caches; /* one a thread; the array is the caller's, the handles are taken   */
    int64_t cache_timeout_ms; /* budget of a look-up; 0: 20 ms */
    int64_t result_ttl_ms; /* of a list written back after live scoring; 0: 7 days      */
    const mr_placement *placements; /* the first is the default; copied */
    size_t placement_count;
    mr_snapshot_holder *catalogue; /* of mr_catalogue; NULL: none */
    const mr_hash_key *key; /* users and items are hashed under it; copied          */
    const void *secret;     /* of the deployment: recommendation ids carry its MAC  */
    size_t secret_bytes;
    const mr_web_asset *assets;
    size_t asset_count;
} mr_api_options;

/* MR_ERR_INVALID for options that do not fit together, saying which.  On failure the
 * caches are still the caller's. */
MR_MUST_USE mr_status mr_api_create(const mr_api_options *options, mr_api **ret_api,
                                    mr_error *ret_error);
void mr_api_destroy(mr_api *api); /* NULL allowed; no request in flight */

/* What to give to mr_http_server_create(). */
mr_http_handler mr_api_handler(mr_api *api);

/* So that /metrics shows the server's connections too; may be left out, or done while the server
 * answers. */
void mr_api_watch_server(mr_api *api, const mr_http_server *server);

#endif
