/*
 * What does a stored list cost to serve?  By the handler alone, and with everything the server does
 * around it: the CPU time of its threads over loopback, from keep-alive connections that send one
 * request at a time.
 *
 *     bench_recommendations [REDIS_URL]
 *
 * 10,000 users with 100 items each and 48 events, one in ten a purchase, n = 10, a model of 50,000 items, the memory cache or the
 * Redis at the URL.
 */
#include "core/event.h"
#include "serving/api.h"
#include "serving/cache_memory.h"
#include "serving/cache_redis.h"
#include "serving/result_codec.h"
#include "serving/user_state_codec.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    USERS = 10000,
    ITEMS = 50000,
    ROUNDS = 5,
    HANDLER_REQUESTS = 50000,
    SOCKET_REQUESTS = 50000,
    CONNECTIONS = 32,
    THREADS = 1,
    WORKERS = 1,
};

static mr_hash_key key;
static char (*ids)[16];

static void must(mr_status status, const char *what)
{
    if (status == MR_OK)
        return;
    (void)fprintf(stderr, "%s: %s\n", what, mr_status_name(status));
    exit(1);
}

/* ---- A model of numbered items ---- */

static mr_status acquire(void *context, mr_model_view *ret_view)
{
    (void)context;
    *ret_view = (mr_model_view){.version = MR_TEXT("v1"),
                                .hash = mr_model_hash(MR_TEXT("v1")),
                                .dictionary = ITEMS};
    return MR_OK;
}

static void release(void *context, mr_model_view *view)
{
    (void)context;
    (void)view;
}

static mr_text item_id(void *context, const mr_model_view *view, uint32_t item)
{
    (void)context;
    (void)view;
    return mr_text_from(ids[item]);
}

static uint32_t item_index(void *context, const mr_model_view *view, mr_text id)
{
    (void)context;
    (void)view;
    (void)id;
    return MR_ITEM_NONE;
}

/* As fast as a hash table that hits its cache line would be. */
static uint32_t item_by_hash(void *context, const mr_model_view *view, uint64_t hash)
{
    (void)context;
    (void)view;
    return (uint32_t)(hash % ITEMS);
}

static const mr_backend backend = {.acquire = acquire,
                                   .release = release,
                                   .item_id = item_id,
                                   .item_index = item_index,
                                   .item_by_hash = item_by_hash};

/* ---- Users ---- */

static mr_text user_name(uint32_t user, char name[16])
{
    return (mr_text){name, (uint32_t)snprintf(name, 16, "user-%u", user)};
}

static void store_user(mr_cache *cache, uint32_t user)
{
    static mr_result result = {
        .offset = 1, .dictionary = ITEMS, .expires_ms = INT64_MAX, .count = 100};
    static mr_user_state state = {.offset = 1, .item_count = 48};
    char name[16];
    char keys[2][MR_CACHE_KEY_TEXT_BYTES];
    mr_buffer values[2] = {{0}};
    const mr_hash128 hash = mr_hash_user(&key, user_name(user, name));
    result.model = mr_model_hash(MR_TEXT("v1"));
    for (uint32_t i = 0; i < 100; i++)
        result.items[i] = (mr_scored_item){.item = (user * 31 + i * 17) % ITEMS,
                                           .score = 1.0F / (float)(1 + i),
                                           .because = i % 10,
                                           .source = MR_SOURCE_BLEND};
    for (uint32_t i = 0; i < 48; i++)
        state.items[i] =
            (mr_recent_item){mr_text_from(ids[(user + i) % ITEMS]), 1,
                             i % 10 == 0 ? MR_EVENT_PURCHASE : MR_EVENT_VIEW, 1};
    must(mr_result_encode(hash, &result, &values[0]), "encode");
    must(mr_user_state_encode(&key, hash, &state, &values[1]), "encode");
    mr_cache_entry entries[2];
    for (int i = 0; i < 2; i++)
        entries[i] = (mr_cache_entry){
            mr_cache_user_key(hash, i == 0 ? MR_CACHE_RESULT : MR_CACHE_STATE, keys[i]),
            {(const char *)values[i].bytes, (uint32_t)values[i].length},
            3600000};
    must(mr_cache_set_many(cache, entries, 2, 1000), "set");
    mr_buffer_deinit(&values[0]);
    mr_buffer_deinit(&values[1]);
}

/* ---- Measuring ---- */

static double cpu_seconds(int who)
{
    struct rusage usage;
    (void)getrusage(who, &usage);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
           1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static double measure_handler(const mr_http_handler *handler)
{
    mr_buffer body = {0};
    const double start = cpu_seconds(RUSAGE_SELF);
    for (uint32_t i = 0; i < HANDLER_REQUESTS; i++) {
        char path[64];
        const int length = snprintf(
            path, sizeof(path), "/v1/users/user-%u/recommendations", i * 7919 % USERS);
        const mr_http_request request = {.method = MR_HTTP_GET,
                                         .path = {path, (uint32_t)length},
                                         .query = MR_TEXT("n=10")};
        mr_http_response response = {.status = 200, .body = &body};
        mr_buffer_clear(&body);
        handler->handle(handler->context, &request, &response);
        if (response.status != 200 ||
            memmem(body.bytes, body.length, "\"served_from\":\"cache\"", 21) == NULL)
            exit(1);
    }
    mr_buffer_deinit(&body);
    return (cpu_seconds(RUSAGE_SELF) - start) / HANDLER_REQUESTS;
}

static void read_answer(int fd)
{
    char bytes[8192];
    size_t length = 0;
    for (;;) {
        const ssize_t got = recv(fd, bytes + length, sizeof(bytes) - length - 1, 0);
        if (got <= 0)
            exit(1);
        length += (size_t)got;
        bytes[length] = '\0';
        const char *end = strstr(bytes, "\r\n\r\n");
        const char *field = strstr(bytes, "Content-Length: ");
        if (end != NULL && field != NULL &&
            length >= (size_t)(end + 4 - bytes) + (size_t)strtol(field + 16, NULL, 10))
            return;
    }
}

static double measure_server(uint16_t port)
{
    int connections[CONNECTIONS];
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(port),
                                        .sin_addr = {htonl(INADDR_LOOPBACK)}};
    for (int i = 0; i < CONNECTIONS; i++) {
        const int on = 1;
        connections[i] = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(connections[i], (const struct sockaddr *)&address, sizeof(address)) !=
            0)
            exit(1);
        (void)setsockopt(connections[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    const double all = cpu_seconds(RUSAGE_SELF);
    const double ours = cpu_seconds(RUSAGE_THREAD);
    for (uint32_t i = 0; i < SOCKET_REQUESTS; i += CONNECTIONS) {
        for (uint32_t c = 0; c < CONNECTIONS; c++) {
            char request[128];
            const int length = snprintf(
                request, sizeof(request),
                "GET /v1/users/user-%u/recommendations?n=10 HTTP/1.1\r\nHost: h\r\n\r\n",
                (i + c) * 7919 % USERS);
            if (send(connections[c], request, (size_t)length, 0) != length)
                exit(1);
        }
        for (uint32_t c = 0; c < CONNECTIONS; c++)
            read_answer(connections[c]);
    }
    const double server =
        cpu_seconds(RUSAGE_SELF) - all - (cpu_seconds(RUSAGE_THREAD) - ours);
    for (int i = 0; i < CONNECTIONS; i++)
        (void)close(connections[i]);
    return server / SOCKET_REQUESTS;
}

static mr_cache *open_cache(const char *url, mr_memory_store *store)
{
    mr_cache *cache;
    mr_error error = {""};
    if (url == NULL) {
        must(mr_cache_memory_create(store, &cache), "cache");
        return cache;
    }
    const mr_cache_redis_options options = {.url = url, .clock = mr_clock_system()};
    must(mr_cache_redis_create(&options, &cache, &error), error.message);
    return cache;
}

int main(int argc, char **argv)
{
    const char *url = argc > 1 ? argv[1] : NULL;
    const char *name = url != NULL ? "redis" : "memory";
    mr_memory_store *store;
    mr_cache *caches[THREADS + WORKERS];
    mr_api *api;
    mr_http_server *server;
    mr_error error = {""};
    mr_hash_key_init(&key, "bench", 5);
    ids = calloc(ITEMS, sizeof(*ids));
    for (int i = 0; ids != NULL && i < ITEMS; i++)
        (void)snprintf(ids[i], sizeof(*ids), "item-%05d", i);
    must(mr_memory_store_create(256U << 20, mr_clock_system(), &store), "store");
    for (int i = 0; i < THREADS + WORKERS; i++)
        caches[i] = open_cache(url, store);
    for (uint32_t user = 0; user < USERS; user++)
        store_user(caches[0], user);

    const mr_placement home = {.name = "home", .n = 10, .purchased = MR_PURCHASED_HIDE};
    const mr_api_options options = {.backend = &backend,
                                    .clock = mr_clock_system(),
                                    .threads = THREADS + WORKERS,
                                    .caches = caches,
                                    .cache_timeout_ms = 1000,
                                    .placements = &home,
                                    .placement_count = 1,
                                    .key = &key};
    must(mr_api_create(&options, &api, &error), error.message);
    const mr_http_server_options http = {.host = "127.0.0.1",
                                         .threads = THREADS,
                                         .workers = WORKERS,
                                         .handler = mr_api_handler(api),
                                         .clock = mr_clock_system()};
    double handler = 1e9;
    double whole = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        const double seconds = measure_handler(&http.handler);
        handler = seconds < handler ? seconds : handler;
    }
    must(mr_http_server_create(&http, &server, &error), error.message);
    for (int round = 0; round < ROUNDS; round++) {
        const double seconds = measure_server(mr_http_server_port(server));
        whole = seconds < whole ? seconds : whole;
    }
    printf("recommendations/%s/handler us_cpu_per_request=%.2f\n", name, handler * 1e6);
    printf("recommendations/%s/server us_cpu_per_request=%.2f\n", name, whole * 1e6);
    mr_http_server_destroy(server);
    mr_api_destroy(api);
    mr_memory_store_destroy(store);
    free(ids);
    return 0;
}
