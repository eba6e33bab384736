#include "bench/http_load.h"

#include "bench/bench.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_BYTES = 16384 };

typedef struct connection {
    int descriptor;
    size_t length; /* of the answer so far */
    double sent_s;
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

static void send_request(connection *c, mr_text request)
{
    c->length = 0;
    c->sent_s = mr_bench_seconds();
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

static void serve_turn(const mr_http_load *load, connection *c, size_t *sent,
                       size_t *received, mr_http_load_result *result)
{
    const size_t body = receive(c);
    if (body == SIZE_MAX)
        return;
    ++*received;
    result->body_bytes += body;
    mr_histogram_record(&result->latency_us,
                        (uint64_t)((mr_bench_seconds() - c->sent_s) * 1e6));
    if (*sent < load->total)
        send_request(c, load->requests[(*sent)++ % load->request_count]);
}

void mr_http_load_run(const mr_http_load *load, mr_http_load_result *ret_result)
{
    struct epoll_event events[MR_HTTP_LOAD_CONNECTIONS_MAX];
    connection *all = mr_bench_have(calloc(load->connections, sizeof(*all)));
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    memset(ret_result, 0, sizeof(*ret_result));
    mr_bench_check(epoll >= 0 && load->connections <= MR_HTTP_LOAD_CONNECTIONS_MAX,
                   "connections");
    for (size_t i = 0; i < load->connections; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
        all[i].descriptor = connect_to(load->port);
        mr_bench_check(epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].descriptor, &event) == 0,
                       "epoll");
    }
    const double start = mr_bench_seconds();
    const double cpu = mr_bench_cpu_seconds();
    size_t sent = 0;
    size_t received = 0;
    for (; sent < load->connections && sent < load->total; sent++)
        send_request(&all[sent], load->requests[sent % load->request_count]);
    while (received < load->total) {
        const int ready = epoll_wait(epoll, events, MR_HTTP_LOAD_CONNECTIONS_MAX, 10000);
        mr_bench_check(ready > 0, "an answer within ten seconds");
        for (int i = 0; i < ready; i++)
            serve_turn(load, events[i].data.ptr, &sent, &received, ret_result);
    }
    ret_result->seconds = mr_bench_seconds() - start;
    ret_result->client_cpu_s = mr_bench_cpu_seconds() - cpu;
    for (size_t i = 0; i < load->connections; i++)
        (void)close(all[i].descriptor);
    (void)close(epoll);
    free(all);
}

void mr_http_load_once(uint16_t port, mr_text request, char *body, size_t bytes)
{
    connection *c = mr_bench_have(calloc(1, sizeof(*c)));
    c->descriptor = connect_to(port);
    send_request(c, request);
    size_t length;
    while ((length = receive(c)) == SIZE_MAX)
        continue;
    mr_bench_check(length < bytes, "room for the answer");
    memcpy(body, c->answer + c->length - length, length);
    body[length] = '\0';
    (void)close(c->descriptor);
    free(c);
}
