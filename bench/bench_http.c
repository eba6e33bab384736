/*
 * What does an HTTP answer cost?  `GET /v1/users/{id}/recommendations` of a stored list, from the
 * memory cache beside nginx answering `return 200` with the same bytes: CPU seconds of the server
 * a request, so that neither the client nor its neighbours are in the figure.  Then the same
 * through Redis, beside redis-benchmark's unpipelined GET of values of that size: requests a
 * second.  And how long each takes at half of the rate it was saturated with.
 *
 * Each server has one worker and a core of its own; the client is on the other.  Both sides take
 * turns, ours first and last, and the best of each counts.
 */
#include "bench/bench.h"
#include "bench/child.h"
#include "bench/http_load.h"
#include "bench/stored_lists.h"
#include "core/file.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CONNECTIONS = 32,
    REQUESTS = 250000, /* CPU time is told in ticks of 10 ms */
    REDIS_REQUESTS = 100000,
    ROUNDS = 3, /* of both; ours once more at the end */
    HALF_SECONDS = 1,
    HALF_ROUNDS = 7, /* the machine itself stands still now and then, for nginx too */
    STRIDE = 7919,
    REQUEST_BYTES = 96,
    BODY_BYTES = 8192,
    START_TRIES = 500,
    START_TRY_US = 10000,
};

typedef struct problem {
    char root[MR_CHILD_PATH_BYTES / 2];
    char (*request_bytes)[REQUEST_BYTES];
    mr_text *requests;
    int server_core;
    int client_core;
} problem;

static void write_requests(problem *p)
{
    p->request_bytes = mr_bench_have(calloc(MR_STORED_USERS, REQUEST_BYTES));
    p->requests = mr_bench_have(calloc(MR_STORED_USERS, sizeof(*p->requests)));
    for (uint32_t i = 0; i < MR_STORED_USERS; i++) {
        char name[MR_STORED_NAME_BYTES];
        const mr_text user = mr_stored_user(i * STRIDE % MR_STORED_USERS, name);
        const int length =
            snprintf(p->request_bytes[i], REQUEST_BYTES,
                     "GET /v1/users/%.*s/recommendations HTTP/1.1\r\nHost: bench\r\n\r\n",
                     MR_TEXT_ARG(user));
        p->requests[i] = (mr_text){p->request_bytes[i], (uint32_t)length};
    }
}

static void wait_for_port(uint16_t port)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(port),
                                        .sin_addr = {htonl(INADDR_LOOPBACK)}};
    bool is_open = false;
    for (int i = 0; i < START_TRIES && !is_open; i++) {
        const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        is_open =
            connect(descriptor, (const struct sockaddr *)&address, sizeof(address)) == 0;
        (void)close(descriptor);
        if (!is_open)
            (void)usleep(START_TRY_US);
    }
    mr_bench_check(is_open, "a server that listens within five seconds");
}

/* ---- Ours ---- */

static mr_child start_server(const problem *p, char *url, uint16_t *ret_port)
{
    char path[MR_CHILD_PATH_BYTES];
    char line[64];
    mr_child server;
    mr_child_sibling("http_bench_server", path);
    char *const arguments[] = {path, url, NULL};
    mr_bench_must(mr_child_start(arguments, p->server_core, &server), "server");
    mr_bench_check(mr_child_line(&server, line, sizeof(line)), "the server's port");
    *ret_port = (uint16_t)strtoul(line, NULL, 10);
    return server;
}

/* Our server ends with its input, and well. */
static void end_server(mr_child *server)
{
    mr_bench_check(mr_child_wait(server) == 0, "the server ends well");
}

static void read_answer(const problem *p, uint16_t port, char body[BODY_BYTES])
{
    mr_http_load_once(port, p->requests[0], body, BODY_BYTES);
    mr_bench_check(strstr(body, "\"served_from\":\"cache\"") != NULL,
                   "an answer from the cache");
    mr_bench_check(strstr(body, "\"degraded\":false") != NULL, "a whole answer");
}

/* ---- A run ---- */

typedef struct figure {
    double cpu_us; /* of the server, a request */
    double per_second;
    double p99_us;
} figure;

/* At `per_second`, or as fast as they are answered. */
static figure run(const problem *p, const char *name, pid_t pid, uint16_t port,
                  size_t total, double per_second)
{
    static mr_http_load_result result;
    const mr_http_load load = {.port = port,
                               .requests = p->requests,
                               .request_count = MR_STORED_USERS,
                               .connections = CONNECTIONS,
                               .total = total,
                               .per_second = per_second};
    const double before = mr_child_cpu_seconds(pid);
    mr_http_load_run(&load, &result);
    const double cpu = mr_child_cpu_seconds(pid) - before;
    const figure f = {.cpu_us = cpu * 1e6 / (double)total,
                      .per_second = (double)total / result.seconds,
                      .p99_us = (double)mr_histogram_quantile(&result.latency_us, 0.99)};
    (void)printf("http/%s server_cpu_us=%.2f requests_per_s=%.0f p50_us=%llu p99_us=%llu "
                 "body_bytes=%.0f client_cpu_us=%.2f\n",
                 name, f.cpu_us, f.per_second,
                 (unsigned long long)mr_histogram_quantile(&result.latency_us, 0.5),
                 (unsigned long long)mr_histogram_quantile(&result.latency_us, 0.99),
                 (double)result.body_bytes / (double)total,
                 result.client_cpu_s * 1e6 / (double)total);
    return f;
}

/* The least of some runs at half of what the server was saturated with. */
static double p99_at_half(const problem *p, const char *name, const mr_child *server,
                          uint16_t port, double saturated)
{
    double least = INFINITY;
    for (int round = 0; round < HALF_ROUNDS; round++)
        least = fmin(least, run(p, name, server->pid, port,
                                (size_t)(saturated / 2.0 * HALF_SECONDS), saturated / 2.0)
                                .p99_us);
    return least;
}

static void keep_best(figure *best, figure f)
{
    if (best->per_second <= 0.0 || f.cpu_us < best->cpu_us)
        best->cpu_us = f.cpu_us;
    if (f.per_second > best->per_second)
        best->per_second = f.per_second;
}

/* ---- nginx ---- */

/* A body within one of its quoted words: none of its special characters, below its limit. */
static void write_configuration(const problem *p, uint16_t port, const char *body,
                                char path[MR_CHILD_PATH_BYTES])
{
    mr_bench_check(strpbrk(body, "'\\$") == NULL && strlen(body) < 4000,
                   "a body that nginx's configuration can hold");
    (void)snprintf(path, MR_CHILD_PATH_BYTES, "%s/nginx.conf", p->root);
    FILE *file = mr_bench_have(fopen(path, "we"));
    (void)fprintf(file,
                  "worker_processes 1; daemon off; master_process off;\n"
                  "pid %s/nginx.pid; error_log %s/nginx.log;\n"
                  "events { worker_connections 1024; }\n"
                  "http {\n"
                  "    access_log off; keepalive_requests 1000000000;\n",
                  p->root, p->root);
    static const char *const folders[] = {"client_body", "proxy", "fastcgi", "uwsgi",
                                          "scgi"};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        (void)fprintf(file, "    %s_temp_path %s/%s;\n", folders[i], p->root, folders[i]);
    (void)fprintf(file,
                  "    server {\n"
                  "        listen 127.0.0.1:%u;\n"
                  "        default_type application/json;\n"
                  "        location / { return 200 '%s'; }\n"
                  "    }\n"
                  "}\n",
                  port, body);
    mr_bench_check(fclose(file) == 0, "nginx's configuration");
}

static mr_child start_nginx(const problem *p, char *program, uint16_t port,
                            const char *body)
{
    char configuration[MR_CHILD_PATH_BYTES];
    char log[MR_CHILD_PATH_BYTES];
    char answer[BODY_BYTES];
    mr_child nginx;
    write_configuration(p, port, body, configuration);
    (void)snprintf(log, sizeof(log), "%s/nginx.log", p->root);
    char prefix[MR_CHILD_PATH_BYTES];
    (void)snprintf(prefix, sizeof(prefix), "%s", p->root);
    char *const arguments[] = {program,       "-p", prefix, "-c",
                               configuration, "-e", log,    NULL};
    mr_bench_must(mr_child_start(arguments, p->server_core, &nginx), "nginx");
    wait_for_port(port);
    mr_http_load_once(port, p->requests[0], answer, sizeof(answer));
    mr_bench_check(strcmp(answer, body) == 0, "nginx answers the same bytes");
    return nginx;
}

static void beside_nginx(problem *p)
{
    char program[MR_CHILD_PATH_BYTES];
    char body[BODY_BYTES];
    uint16_t port;
    figure ours = {0};
    figure peers = {0};
    const bool has_nginx = mr_child_find("nginx", program) == MR_OK;
    mr_child server = start_server(p, NULL, &port);
    mr_child nginx = {0};
    read_answer(p, port, body);
    const uint16_t peer_port = mr_child_free_port();
    if (has_nginx)
        nginx = start_nginx(p, program, peer_port, body);
    for (int round = 0; round < ROUNDS; round++) {
        keep_best(&ours, run(p, "memory", server.pid, port, REQUESTS, 0.0));
        if (has_nginx)
            keep_best(&peers, run(p, "nginx", nginx.pid, peer_port, REQUESTS, 0.0));
    }
    keep_best(&ours, run(p, "memory", server.pid, port, REQUESTS, 0.0));
    const double p99_us = p99_at_half(p, "memory/half", &server, port, ours.per_second);
    if (has_nginx)
        (void)p99_at_half(p, "nginx/half", &nginx, peer_port, peers.per_second);
    end_server(&server);
    if (has_nginx)
        (void)mr_child_stop(&nginx);
    (void)mr_bench_ratio("http_memory_p99_us_at_half", p99_us, 1000.0);
    if (has_nginx)
        (void)mr_bench_ratio("http_cpu_by_nginx", ours.cpu_us / peers.cpu_us, 1.5);
    else
        mr_bench_peer_absent("http_cpu_by_nginx", "nginx");
}

/* ---- Redis ---- */

static mr_child start_redis(const problem *p, char *program, uint16_t port)
{
    char number[8];
    char folder[MR_CHILD_PATH_BYTES];
    char log[MR_CHILD_PATH_BYTES];
    mr_child redis;
    (void)snprintf(number, sizeof(number), "%u", port);
    (void)snprintf(folder, sizeof(folder), "%s", p->root);
    (void)snprintf(log, sizeof(log), "%s/redis.log", p->root);
    char *const arguments[] = {program,     "--port",      number, "--bind",
                               "127.0.0.1", "--save",      "",     "--appendonly",
                               "no",        "--dir",       folder, "--logfile",
                               log,         "--daemonize", "no",   NULL};
    mr_bench_must(mr_child_start(arguments, p->client_core, &redis), "redis");
    wait_for_port(port);
    return redis;
}

/* Requests a second of one of its tests, over as many connections as we use. */
static double redis_benchmark(const problem *p, char *program, uint16_t port,
                              const char *test, size_t value_bytes)
{
    char texts[5][16];
    char word[8];
    char line[512];
    double per_second = 0.0;
    mr_child benchmark;
    (void)snprintf(word, sizeof(word), "%s", test);
    (void)snprintf(texts[0], sizeof(texts[0]), "%u", port);
    (void)snprintf(texts[1], sizeof(texts[1]), "%d", CONNECTIONS);
    (void)snprintf(texts[2], sizeof(texts[2]), "%d", 2 * REDIS_REQUESTS);
    (void)snprintf(texts[3], sizeof(texts[3]), "%zu", value_bytes);
    (void)snprintf(texts[4], sizeof(texts[4]), "%d", MR_STORED_USERS);
    char *const arguments[] = {
        program,  "-h", "127.0.0.1", "-p", texts[0], "-t", word, "-c",    texts[1], "-n",
        texts[2], "-d", texts[3],    "-r", texts[4], "-P", "1",  "--csv", NULL};
    mr_bench_must(mr_child_start(arguments, p->server_core, &benchmark), program);
    while (mr_child_line(&benchmark, line, sizeof(line))) {
        const char *comma = strstr(line, "\",\""); /* "GET","123456.00",… */
        if (comma != NULL && strtod(comma + 3, NULL) > 0.0)
            per_second = strtod(comma + 3, NULL);
    }
    mr_bench_check(mr_child_wait(&benchmark) == 0 && per_second > 0.0,
                   "redis-benchmark's figure");
    (void)printf("http/redis-benchmark/%s requests_per_s=%.0f value_bytes=%zu\n", test,
                 per_second, value_bytes);
    return per_second;
}

static void beside_redis(problem *p)
{
    char redis_path[MR_CHILD_PATH_BYTES];
    char benchmark_path[MR_CHILD_PATH_BYTES];
    char url[64];
    char body[BODY_BYTES];
    uint16_t port;
    figure ours = {0};
    double best_get = 0.0;
    mr_hash_key key;
    mr_buffer value = {0};
    if (mr_child_find("redis-server", redis_path) != MR_OK ||
        mr_child_find("redis-benchmark", benchmark_path) != MR_OK) {
        mr_bench_peer_absent("http_redis_by_redis_benchmark",
                             "redis-server or redis-benchmark");
        return;
    }
    mr_hash_key_init(&key, "bench", 5);
    mr_bench_must(mr_stored_list_encode(&key, 0, &value), "a stored list");
    const uint16_t redis_port = mr_child_free_port();
    mr_child redis = start_redis(p, redis_path, redis_port);
    (void)snprintf(url, sizeof(url), "redis://127.0.0.1:%u", redis_port);
    mr_child server = start_server(p, url, &port);
    read_answer(p, port, body);
    (void)redis_benchmark(p, benchmark_path, redis_port, "set", value.length);
    for (int round = 0; round < ROUNDS; round++) {
        keep_best(&ours, run(p, "redis", server.pid, port, REDIS_REQUESTS, 0.0));
        const double get =
            redis_benchmark(p, benchmark_path, redis_port, "get", value.length);
        best_get = get > best_get ? get : best_get;
    }
    keep_best(&ours, run(p, "redis", server.pid, port, REDIS_REQUESTS, 0.0));
    const double p99_us = p99_at_half(p, "redis/half", &server, port, ours.per_second);
    end_server(&server);
    (void)mr_child_stop(&redis);
    (void)mr_bench_ratio("http_redis_p99_us_at_half", p99_us, 2000.0);
    mr_buffer_deinit(&value);
    (void)mr_bench_at_least("http_redis_by_redis_benchmark", ours.per_second / best_get,
                            0.5);
}

int main(int count, char **arguments)
{
    (void)count;
    mr_bench_start(arguments);
    const char *directory = getenv("TMPDIR");
    problem p = {.server_core = MR_CHILD_ANY_CORE, .client_core = MR_CHILD_ANY_CORE};
    if (sysconf(_SC_NPROCESSORS_ONLN) > 1) {
        p.server_core = 0;
        p.client_core = 1;
    }
    mr_child_pin(0, p.client_core);
    (void)snprintf(p.root, sizeof(p.root), "%s/millrace-bench-XXXXXX",
                   directory != NULL ? directory : "/tmp");
    mr_bench_have(mkdtemp(p.root));
    write_requests(&p);
    beside_nginx(&p);
    beside_redis(&p);
    free(p.requests);
    free(p.request_bytes);
    mr_bench_must(mr_directory_remove(p.root, NULL), "removing the folder");
    return 0;
}
