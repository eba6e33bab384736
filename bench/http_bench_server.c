/*
 * The server that bench_http measures: HTTP and API of serving/ over a filled cache, in a process
 * of its own, so that its CPU time is told apart from its client's.
 *
 *     http_bench_server [REDIS_URL]         the memory cache without a URL
 *
 * Prints the port once every list is stored, and ends when its standard input is closed.
 */
#include "bench/bench.h"
#include "bench/stored_lists.h"
#include "serving/api.h"
#include "serving/cache_memory.h"
#include "serving/cache_redis.h"

#include <stdio.h>
#include <unistd.h>

enum { THREADS = 1, WORKERS = 1, CACHE_TIMEOUT_MS = 1000 };

static mr_cache *open_cache(const char *url, mr_memory_store *store)
{
    mr_cache *cache;
    mr_error error = {""};
    if (url == NULL) {
        mr_bench_must(mr_cache_memory_create(store, &cache), "cache");
        return cache;
    }
    const mr_cache_redis_options options = {.url = url, .clock = mr_clock_system()};
    mr_bench_must(mr_cache_redis_create(&options, &cache, &error), error.message);
    return cache;
}

static void wait_for_end(void)
{
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
}

int main(int count, char **arguments)
{
    const char *url = count > 1 ? arguments[1] : NULL;
    mr_memory_store *store;
    mr_cache *caches[THREADS + WORKERS];
    mr_hash_key key;
    mr_api *api;
    mr_http_server *server;
    mr_error error = {""};
    mr_hash_key_init(&key, "bench", 5);
    mr_bench_must(mr_memory_store_create((size_t)256 << 20, mr_clock_system(), &store),
                  "store");
    for (int i = 0; i < THREADS + WORKERS; i++)
        caches[i] = open_cache(url, store);
    mr_bench_must(mr_stored_lists_fill(caches[0], &key), "fill");

    const mr_api_options options = {.backend = mr_stored_lists_backend(),
                                    .clock = mr_clock_system(),
                                    .threads = THREADS + WORKERS,
                                    .loops = THREADS,
                                    .caches = caches,
                                    .cache_timeout_ms = CACHE_TIMEOUT_MS,
                                    .placements = mr_stored_lists_placement(),
                                    .placement_count = 1,
                                    .key = &key};
    mr_bench_must(mr_api_create(&options, &api, &error), error.message);
    const mr_http_server_options http = {.host = "127.0.0.1",
                                         .threads = THREADS,
                                         .workers = WORKERS,
                                         .handler = mr_api_handler(api),
                                         .clock = mr_clock_system()};
    mr_bench_must(mr_http_server_create(&http, &server, &error), error.message);
    (void)printf("%u\n", mr_http_server_port(server));
    (void)fflush(stdout);
    wait_for_end();
    mr_http_server_destroy(server);
    mr_api_destroy(api);
    mr_memory_store_destroy(store);
    return 0;
}
