#include "bench/paced_gets.h"

#include "bench/bench.h"
#include "bench/http_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { GIVE_UP_MS = 10000 };

static const double LATE_S = 0.010;

typedef struct connection {
    struct connection *next_idle;
    mr_http_client client;
    uint64_t number;
    double due_s;
} connection;

typedef struct pacing {
    const mr_paced_gets *load;
    mr_paced_result *result;
    connection *all;
    connection *idle;
    size_t busy;
} pacing;

static void send_next(pacing *p, double due_s, double now_s)
{
    char path[MR_PACED_PATH_BYTES];
    char request[MR_PACED_PATH_BYTES + 64];
    connection *c = p->idle;
    p->idle = c->next_idle;
    p->busy++;
    p->result->sent++;
    p->result->late += now_s - due_s > LATE_S;
    c->due_s = due_s;
    c->number = p->load->next(p->load->context, now_s, path);
    const int length = snprintf(request, sizeof(request),
                                "GET %s HTTP/1.1\r\nHost: bench\r\n\r\n", path);
    mr_http_client_send(&c->client, (mr_text){request, (uint32_t)length});
}

static void take_answer(pacing *p, connection *c)
{
    mr_text body;
    if (!mr_http_client_receive(&c->client, &body))
        return;
    const double now_s = mr_bench_seconds();
    mr_histogram_record(&p->result->latency_us, (uint64_t)((now_s - c->due_s) * 1e6));
    p->load->answer(p->load->context, c->number, now_s, body);
    c->next_idle = p->idle;
    p->idle = c;
    p->busy--;
}

static void await_answers(pacing *p, int epoll, int timeout_ms)
{
    struct epoll_event events[MR_PACED_CONNECTIONS_MAX];
    const int ready = epoll_wait(epoll, events, MR_PACED_CONNECTIONS_MAX, timeout_ms);
    mr_bench_check(ready > 0 || timeout_ms < GIVE_UP_MS, "an answer within ten seconds");
    for (int i = 0; i < ready; i++)
        take_answer(p, events[i].data.ptr);
}

static int open_all(pacing *p)
{
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    mr_bench_check(epoll >= 0 && p->load->connections <= MR_PACED_CONNECTIONS_MAX,
                   "connections");
    p->all = mr_bench_have(calloc(p->load->connections, sizeof(*p->all)));
    for (size_t i = 0; i < p->load->connections; i++) {
        connection *c = &p->all[i];
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        mr_http_client_open(&c->client, p->load->port);
        c->next_idle = p->idle;
        p->idle = c;
        mr_bench_check(epoll_ctl(epoll, EPOLL_CTL_ADD, c->client.descriptor, &event) == 0,
                       "epoll");
    }
    return epoll;
}

void mr_paced_gets_run(const mr_paced_gets *load, mr_paced_result *ret_result)
{
    pacing p = {.load = load, .result = ret_result};
    memset(ret_result, 0, sizeof(*ret_result));
    const int epoll = open_all(&p);
    const double start = mr_bench_seconds();
    for (;;) {
        const double now = mr_bench_seconds();
        const double due = start + (double)ret_result->sent / load->per_second;
        if (due >= start + load->seconds)
            break;
        if (now >= due && p.idle != NULL)
            send_next(&p, due, now);
        else
            await_answers(&p, epoll, p.idle != NULL ? 1 : GIVE_UP_MS);
    }
    while (p.busy > 0)
        await_answers(&p, epoll, GIVE_UP_MS);
    for (size_t i = 0; i < load->connections; i++)
        (void)close(p.all[i].client.descriptor);
    (void)close(epoll);
    free(p.all);
}
