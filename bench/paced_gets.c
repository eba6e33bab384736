#include "bench/paced_gets.h"

#include "bench/bench.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_BYTES = 16384, GIVE_UP_MS = 10000 };

static const double LATE_S = 0.010;

typedef struct connection {
    struct connection *next_idle;
    int descriptor;
    uint64_t number;
    double due_s;
    size_t length; /* of the answer so far */
    char answer[ANSWER_BYTES];
} connection;

typedef struct pacing {
    const mr_paced_gets *load;
    mr_paced_result *result;
    connection *all;
    connection *idle;
    size_t busy;
} pacing;

static int connect_to(uint16_t port)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(port),
                                        .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const int on = 1;
    const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    mr_bench_check(
        descriptor >= 0 &&
            connect(descriptor, (const struct sockaddr *)&address, sizeof(address)) == 0,
        "connection");
    (void)setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return descriptor;
}

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
    c->length = 0;
    c->number = p->load->next(p->load->context, now_s, path);
    const int length = snprintf(request, sizeof(request),
                                "GET %s HTTP/1.1\r\nHost: bench\r\n\r\n", path);
    mr_bench_check(send(c->descriptor, request, (size_t)length, MSG_NOSIGNAL) == length,
                   "a request sent whole");
}

/* Read what there is; whether the answer is whole, then with its body. */
static bool receive(connection *c, mr_text *ret_body)
{
    const ssize_t got =
        recv(c->descriptor, c->answer + c->length, ANSWER_BYTES - 1 - c->length, 0);
    mr_bench_check(got > 0, "an answer");
    c->length += (size_t)got;
    c->answer[c->length] = '\0';
    const char *end = strstr(c->answer, "\r\n\r\n");
    if (end == NULL)
        return false;
    const char *field = strcasestr(c->answer, "\r\ncontent-length: ");
    mr_bench_check(strncmp(c->answer, "HTTP/1.1 200 ", 13) == 0, c->answer);
    mr_bench_check(field != NULL && field < end, "an answer with its length");
    *ret_body = (mr_text){end + 4, (uint32_t)strtoul(field + 18, NULL, 10)};
    return c->length == (size_t)(end + 4 - c->answer) + ret_body->length;
}

static void take_answer(pacing *p, connection *c)
{
    mr_text body;
    if (!receive(c, &body))
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
        c->descriptor = connect_to(p->load->port);
        c->next_idle = p->idle;
        p->idle = c;
        mr_bench_check(epoll_ctl(epoll, EPOLL_CTL_ADD, c->descriptor, &event) == 0,
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
        (void)close(p.all[i].descriptor);
    (void)close(epoll);
    free(p.all);
}
