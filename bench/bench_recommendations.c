/*
 * What does the handler of a stored list cost by itself, without a socket?  Users at random from
 * the memory cache, ten items of a hundred stored ones; bench_http has the whole of it.
 */
#include "bench/bench.h"
#include "bench/stored_lists.h"
#include "serving/api.h"
#include "serving/cache_memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { REQUESTS = 50000, REPEATS = 5, STRIDE = 7919 /* prime: every user in turn */ };

typedef struct problem {
    mr_http_handler handler;
    mr_buffer body;
} problem;

/* CPU seconds of them all. */
static double ask_all(problem *p)
{
    const double start = mr_bench_cpu_seconds();
    for (uint32_t i = 0; i < REQUESTS; i++) {
        char name[MR_STORED_NAME_BYTES];
        char path[64];
        const mr_text user = mr_stored_user(i * STRIDE % MR_STORED_USERS, name);
        const int length = snprintf(path, sizeof(path), "/v1/users/%.*s/recommendations",
                                    MR_TEXT_ARG(user));
        const mr_http_request request = {.method = MR_HTTP_GET,
                                         .path = {path, (uint32_t)length}};
        mr_http_response response = {.status = 200, .body = &p->body};
        mr_buffer_clear(&p->body);
        if (p->handler.handle(p->handler.context, &request, &response) == MR_HTTP_WAITS)
            p->handler.settle(p->handler.context, 0);
        mr_bench_check(response.status == 200 &&
                           memmem(p->body.bytes, p->body.length,
                                  "\"served_from\":\"cache\"", 21) != NULL,
                       "an answer from the cache");
    }
    return mr_bench_cpu_seconds() - start;
}

int main(int count, char **arguments)
{
    (void)count;
    mr_bench_start(arguments);
    mr_memory_store *store;
    mr_cache *cache;
    mr_hash_key key;
    mr_api *api;
    mr_hash_key_init(&key, "bench", 5);
    mr_bench_must(mr_memory_store_create((size_t)256 << 20, mr_clock_system(), &store),
                  "store");
    mr_bench_must(mr_cache_memory_create(store, &cache), "cache");
    mr_bench_must(mr_stored_lists_fill(cache, &key), "fill");
    const mr_api_options options = {.backend = mr_stored_lists_backend(),
                                    .clock = mr_clock_system(),
                                    .threads = 1,
                                    .loops = 1,
                                    .caches = &cache,
                                    .placements = mr_stored_lists_placement(),
                                    .placement_count = 1,
                                    .key = &key};
    mr_bench_must(mr_api_create(&options, &api, NULL), "api");
    problem p = {.handler = mr_api_handler(api)};
    double best_s = ask_all(&p);
    for (int i = 1; i < REPEATS; i++)
        best_s = fmin(best_s, ask_all(&p));
    (void)printf("recommendations/handler cpu_us_per_request=%.2f\n",
                 best_s * 1e6 / REQUESTS);
    mr_buffer_deinit(&p.body);
    mr_api_destroy(api);
    mr_memory_store_destroy(store);
    return 0;
}
