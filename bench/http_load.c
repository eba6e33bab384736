#include "bench/http_load.h"

#include "bench/bench.h"
#include "bench/http_client.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define WAIT_S 10.0

typedef struct connection {
    mr_http_client client;
    double due_s;
} connection;

/* A load under way. */
typedef struct run {
    const mr_http_load *load;
    mr_http_load_result *result;
    connection *all;
    connection *idle[MR_HTTP_LOAD_CONNECTIONS_MAX];
    size_t idle_count;
    int epoll;
    double start_s;
    size_t sent;
    size_t received;
} run;

static void open_connections(run *r)
{
    const size_t count = r->load->connections;
    r->all = mr_bench_have(calloc(count, sizeof(*r->all)));
    r->epoll = epoll_create1(EPOLL_CLOEXEC);
    mr_bench_check(r->epoll >= 0 && count <= MR_HTTP_LOAD_CONNECTIONS_MAX, "connections");
    for (size_t i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &r->all[i]};
        mr_http_client_open(&r->all[i].client, r->load->port);
        mr_bench_check(
            epoll_ctl(r->epoll, EPOLL_CTL_ADD, r->all[i].client.descriptor, &event) == 0,
            "epoll");
        r->idle[r->idle_count++] = &r->all[i];
    }
}

static double next_due(const run *r)
{
    return r->load->per_second > 0.0 ? r->start_s + (double)r->sent / r->load->per_second
                                     : mr_bench_seconds();
}

/* Send what is due while a connection is free. */
static void send_due(run *r)
{
    while (r->sent < r->load->total && r->idle_count > 0) {
        const double due_s = next_due(r);
        if (due_s > mr_bench_seconds())
            return;
        connection *c = r->idle[--r->idle_count];
        c->due_s = due_s;
        mr_http_client_send(&c->client,
                            r->load->requests[r->sent++ % r->load->request_count]);
    }
}

/* Wait for answers, or for the next request to be due. */
static int wait_for_answers(const run *r, struct epoll_event *events)
{
    double wait_s = WAIT_S;
    if (r->sent < r->load->total && r->idle_count > 0)
        wait_s = next_due(r) - mr_bench_seconds();
    if (wait_s < 0.0)
        wait_s = 0.0;
    const struct timespec wait = {(time_t)wait_s, (long)((wait_s - floor(wait_s)) * 1e9)};
    const int ready =
        epoll_pwait2(r->epoll, events, MR_HTTP_LOAD_CONNECTIONS_MAX, &wait, NULL);
    mr_bench_check(ready > 0 || (ready == 0 && wait_s < WAIT_S),
                   "an answer within ten seconds");
    return ready;
}

static void take_answer(run *r, connection *c)
{
    mr_text body;
    if (!mr_http_client_receive(&c->client, &body))
        return;
    r->received++;
    r->result->body_bytes += body.length;
    mr_histogram_record(&r->result->latency_us,
                        (uint64_t)((mr_bench_seconds() - c->due_s) * 1e6));
    r->idle[r->idle_count++] = c;
}

void mr_http_load_run(const mr_http_load *load, mr_http_load_result *ret_result)
{
    struct epoll_event events[MR_HTTP_LOAD_CONNECTIONS_MAX];
    run r = {.load = load, .result = ret_result};
    memset(ret_result, 0, sizeof(*ret_result));
    open_connections(&r);
    r.start_s = mr_bench_seconds();
    const double cpu = mr_bench_cpu_seconds();
    while (r.received < load->total) {
        send_due(&r);
        const int ready = wait_for_answers(&r, events);
        for (int i = 0; i < ready; i++)
            take_answer(&r, events[i].data.ptr);
    }
    ret_result->seconds = mr_bench_seconds() - r.start_s;
    ret_result->client_cpu_s = mr_bench_cpu_seconds() - cpu;
    for (size_t i = 0; i < load->connections; i++)
        (void)close(r.all[i].client.descriptor);
    (void)close(r.epoll);
    free(r.all);
}

void mr_http_load_once(uint16_t port, mr_text request, char *body, size_t bytes)
{
    mr_http_client *client = mr_bench_have(calloc(1, sizeof(*client)));
    mr_text answer;
    mr_http_client_open(client, port);
    mr_http_client_send(client, request);
    while (!mr_http_client_receive(client, &answer))
        continue;
    mr_bench_check(answer.length < bytes, "room for the answer");
    memcpy(body, answer.bytes, answer.length);
    body[answer.length] = '\0';
    (void)close(client->descriptor);
    free(client);
}
