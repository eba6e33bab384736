#include "bench/http_load.h"

#include "bench/bench.h"

#include <arpa/inet.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_BYTES = 16384 };
#define WAIT_S 10.0

typedef struct connection {
    int descriptor;
    size_t length; /* of the answer so far */
    double due_s;
    char answer[ANSWER_BYTES];
} connection;

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

static void send_request(connection *c, mr_text request, double due_s)
{
    c->length = 0;
    c->due_s = due_s;
    mr_bench_check(send(c->descriptor, request.bytes, request.length, MSG_NOSIGNAL) ==
                       (ssize_t)request.length,
                   "a request sent whole");
}

/* Read what there is; the body's length once the answer is whole, else SIZE_MAX. */
static size_t receive(connection *c)
{
    const ssize_t got =
        recv(c->descriptor, c->answer + c->length, ANSWER_BYTES - 1 - c->length, 0);
    mr_bench_check(got > 0, "an answer");
    c->length += (size_t)got;
    c->answer[c->length] = '\0';
    const char *end = strstr(c->answer, "\r\n\r\n");
    if (end == NULL)
        return SIZE_MAX;
    const char *field = strcasestr(c->answer, "\r\ncontent-length: ");
    mr_bench_check(strncmp(c->answer, "HTTP/1.1 200 ", 13) == 0, c->answer);
    mr_bench_check(field != NULL && field < end, "an answer with its length");
    const size_t body = strtoul(field + 18, NULL, 10);
    return c->length == (size_t)(end + 4 - c->answer) + body ? body : SIZE_MAX;
}

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
        r->all[i].descriptor = connect_to(r->load->port);
        mr_bench_check(epoll_ctl(r->epoll, EPOLL_CTL_ADD, r->all[i].descriptor, &event) ==
                           0,
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
        send_request(r->idle[--r->idle_count],
                     r->load->requests[r->sent++ % r->load->request_count], due_s);
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
    const size_t body = receive(c);
    if (body == SIZE_MAX)
        return;
    r->received++;
    r->result->body_bytes += body;
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
        (void)close(r.all[i].descriptor);
    (void)close(r.epoll);
    free(r.all);
}

void mr_http_load_once(uint16_t port, mr_text request, char *body, size_t bytes)
{
    connection *c = mr_bench_have(calloc(1, sizeof(*c)));
    c->descriptor = connect_to(port);
    send_request(c, request, mr_bench_seconds());
    size_t length;
    while ((length = receive(c)) == SIZE_MAX)
        continue;
    mr_bench_check(length < bytes, "room for the answer");
    memcpy(body, c->answer + c->length - length, length);
    body[length] = '\0';
    (void)close(c->descriptor);
    free(c);
}
