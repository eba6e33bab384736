/*
 * A server on a free port of the loopback, with a handler that says what it was asked, driven by
 * raw sockets: in one piece and byte by byte, many at once, too much, too slow, half closed, over
 * TLS, and while it stops.
 */
#include "serving/http_server.h"

#include "tests/certificate.h"
#include "tests/support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WAIT_MS = 5000, ANSWER_BYTES = 5 << 20 };

static mr_http_server *server;
static _Atomic int turns;
static char *answer;

/* Requests that wait, by thread; each is told how many it was settled with. */
enum { LOOPS = 2 };
static struct {
    mr_http_response *responses[MR_HTTP_WAITING_MAX];
    const mr_http_request *requests[MR_HTTP_WAITING_MAX];
    uint32_t count;
} waiting[LOOPS];
static _Atomic int events;
static _Atomic uint32_t settled_most;

static mr_http_handled keep_waiting(const mr_http_request *request,
                                    mr_http_response *response)
{
    const uint32_t at = waiting[request->thread].count++;
    waiting[request->thread].responses[at] = response;
    waiting[request->thread].requests[at] = request;
    return MR_HTTP_WAITS;
}

static void settle(void *context, uint32_t thread)
{
    (void)context;
    const uint32_t count = waiting[thread].count;
    if (count > atomic_load(&settled_most))
        atomic_store(&settled_most, count);
    for (uint32_t i = 0; i < count; i++) {
        waiting[thread].responses[i]->content_type = "text/plain";
        mr_buffer_printf(waiting[thread].responses[i]->body, "%.*s",
                         MR_TEXT_ARG(waiting[thread].requests[i]->query));
    }
    waiting[thread].count = 0;
}

/* "GET /path body", on the thread it ran on. */
static mr_http_handled handle(void *context, const mr_http_request *request,
                              mr_http_response *response)
{
    (void)context;
    if (mr_text_is(request->path, "/wait"))
        return keep_waiting(request, response);
    if (mr_text_is(request->path, "/stream")) {
        response->content_type = "text/event-stream";
        response->is_stream = true;
        mr_buffer_printf(response->body, ": hello\n\n");
        return MR_HTTP_ANSWERED;
    }
    if (mr_text_is(request->path, "/slow"))
        (void)usleep(100000);
    if (mr_text_is(request->path, "/large"))
        for (int i = 0; i < 400000; i++)
            mr_buffer_printf(response->body, "%09d\n", i);
    else
        mr_buffer_printf(response->body, "%s %.*s %.*s",
                         mr_http_method_name(request->method), MR_TEXT_ARG(request->path),
                         MR_TEXT_ARG(request->body));
    response->content_type = "text/plain";
    return MR_HTTP_ANSWERED;
}

static void stream(void *context, uint32_t thread, mr_buffer *event)
{
    (void)context;
    (void)thread;
    mr_buffer_printf(event, "data: %d\n\n", atomic_fetch_add(&events, 1));
}

static bool is_slow(void *context, const mr_http_request *request)
{
    (void)context;
    return request->path.length >= 5 && memcmp(request->path.bytes, "/slow", 5) == 0;
}

static void refuse(void *context, int status, const char *reason,
                   mr_http_response *response)
{
    (void)context;
    response->content_type = "application/problem+json";
    mr_buffer_printf(response->body, "{\"status\":%d,\"detail\":\"%s\"}", status, reason);
}

static void turn(void *context, uint32_t thread)
{
    (void)context;
    (void)thread;
    atomic_fetch_add(&turns, 1);
}

static mr_http_server_options options_of(void)
{
    return (mr_http_server_options){
        .host = "127.0.0.1",
        .threads = 2,
        .workers = 2,
        .connections_max = 40,
        .idle_timeout_ms = 700,
        .request_timeout_ms = 700,
        .write_timeout_ms = 700,
        .handler = {.handle = handle,
                    .settle = settle,
                    .is_slow = is_slow,
                    .refuse = refuse,
                    .turn = turn,
                    .stream = stream},
        .clock = mr_clock_system(),
    };
}

static int set_up(void **state)
{
    (void)state;
    const mr_http_server_options options = options_of();
    mr_error error;
    answer = malloc(ANSWER_BYTES);
    return mr_http_server_create(&options, &server, &error) == MR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mr_http_server_destroy(server);
    free(answer);
    return 0;
}

static int connect_to(const mr_http_server *to)
{
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(mr_http_server_port(to)),
                                        .sin_addr = {htonl(INADDR_LOOPBACK)}};
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void send_all(int fd, const char *bytes, size_t length)
{
    for (size_t at = 0; at < length;) {
        const ssize_t sent = send(fd, bytes + at, length - at, MSG_NOSIGNAL);
        if (sent <= 0)
            return; /* a server that refuses may hang up before we are done */
        at += (size_t)sent;
    }
}

/* Read until `count` times `mark` has come, or the end; the answer is NUL-terminated. */
static size_t read_until(int fd, const char *mark, int count)
{
    size_t length = 0;
    answer[0] = '\0';
    for (;;) {
        int seen = 0;
        for (const char *at = answer; (at = strstr(at, mark)) != NULL; at++)
            seen++;
        if (seen >= count)
            return length;
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&wait, 1, WAIT_MS), 1);
        const ssize_t got = recv(fd, answer + length, ANSWER_BYTES - length - 1, 0);
        if (got <= 0)
            return length;
        length += (size_t)got;
        answer[length] = '\0';
    }
}

static size_t read_to_end(int fd)
{
    return read_until(fd, "\x01never", 1);
}

/* Send, read to the end of the connection, and close. */
static void exchange(const char *bytes)
{
    const int fd = connect_to(server);
    send_all(fd, bytes, strlen(bytes));
    (void)read_to_end(fd);
    (void)close(fd);
}

static void assert_answers(const char *part)
{
    if (strstr(answer, part) == NULL)
        fail_msg("\"%s\" is not in: %.2000s", part, answer);
}

static void test_answers_and_keeps_the_connection(void **state)
{
    (void)state;
    const int fd = connect_to(server);
    for (int i = 0; i < 3; i++) {
        send_all(fd, "GET /a HTTP/1.1\r\nHost: h\r\n\r\n", 28);
        (void)read_until(fd, "GET /a ", 1);
        assert_answers("HTTP/1.1 200 OK\r\n");
        assert_answers("Content-Length: 7\r\n");
        assert_answers("Date: ");
        assert_null(strstr(answer, "Connection: close"));
    }
    (void)close(fd);
    assert_true(atomic_load(&turns) > 0);
}

static void test_close_is_honoured(void **state)
{
    (void)state;
    exchange("GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_answers("Connection: close\r\n");
    exchange("GET /a HTTP/1.0\r\n\r\n");
    assert_answers("GET /a ");
}

static void test_head_has_the_length_and_no_body(void **state)
{
    (void)state;
    exchange("HEAD /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_answers("Content-Length: 8\r\n");
    assert_null(strstr(answer, "HEAD /a"));
}

static void test_pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    static char bytes[100000];
    size_t length = 0;
    for (int i = 0; i < 500; i++)
        length += (size_t)snprintf(bytes + length, sizeof(bytes) - length,
                                   "GET /%s%d HTTP/1.1\r\nHost: h\r\n%s\r\n",
                                   i % 50 == 7 ? "slow" : "", i,
                                   i == 499 ? "Connection: close\r\n" : "");
    exchange(bytes);
    const char *at = answer;
    for (int i = 0; i < 500; i++) {
        char expected[32];
        (void)snprintf(expected, sizeof(expected), "GET /%s%d ",
                       i % 50 == 7 ? "slow" : "", i);
        at = strstr(at, "GET /");
        assert_non_null(at);
        assert_memory_equal(at, expected, strlen(expected));
        at++;
    }
}

static void test_a_request_in_single_bytes_is_answered(void **state)
{
    (void)state;
    static const char bytes[] =
        "POST /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
        "Connection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    const int fd = connect_to(server);
    for (size_t i = 0; i < sizeof(bytes) - 1; i++) {
        send_all(fd, bytes + i, 1);
        if (i % 10 == 0)
            (void)usleep(1000);
    }
    (void)read_to_end(fd);
    assert_answers("POST /b abc");
    (void)close(fd);
}

static void test_what_is_refused_is_answered_and_closed(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        const char *status;
    } cases[] = {
        {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: "
         "chunked\r\n\r\n"
         "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n",
         "HTTP/1.1 400 "},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2000000\r\n\r\n",
         "HTTP/1.1 413 "},
        {"BREW / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 501 "},
        {"GET / HTTP/3.0\r\nHost: h\r\n\r\n", "HTTP/1.1 505 "},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        exchange(cases[i].bytes);
        assert_memory_equal(answer, cases[i].status, strlen(cases[i].status));
        assert_answers("Connection: close\r\n");
        assert_answers("application/problem+json");
        assert_null(strstr(answer, "smuggled"));
    }
}

static void test_a_refusal_is_read_although_more_was_sent(void **state)
{
    (void)state;
    const int fd = connect_to(server);
    static const char head[] =
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5000000\r\n\r\n";
    static char body[200000];
    send_all(fd, head, sizeof(head) - 1);
    send_all(fd, body, sizeof(body));
    (void)read_to_end(fd);
    assert_answers("413 Content Too Large");
    (void)close(fd);
}

static void test_continue_is_said_before_the_body(void **state)
{
    (void)state;
    const int fd = connect_to(server);
    static const char head[] = "POST /e HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
                               "Content-Length: 2\r\nConnection: close\r\n\r\n";
    send_all(fd, head, sizeof(head) - 1);
    (void)read_until(fd, "100 Continue\r\n\r\n", 1);
    send_all(fd, "ab", 2);
    (void)read_to_end(fd);
    assert_answers("POST /e ab");
    (void)close(fd);
}

static void test_a_slow_request_does_not_hold_up_others(void **state)
{
    (void)state;
    const int slow = connect_to(server);
    send_all(slow, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n", 31);
    for (int i = 0; i < 4; i++)
        exchange("GET /quick HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_answers("GET /quick");
    (void)read_until(slow, "GET /slow ", 1);
    (void)close(slow);
}

static void test_requests_of_a_turn_are_settled_together(void **state)
{
    (void)state;
    enum { CLIENTS = 20, TRIES = 50 };
    int fds[CLIENTS];
    atomic_store(&settled_most, 0);
    for (int i = 0; i < CLIENTS; i++)
        fds[i] = connect_to(server);
    for (int try = 0; try < TRIES && atomic_load(&settled_most) < 2; try++) {
        char request[64];
        for (int i = 0; i < CLIENTS; i++) {
            const int length =
                snprintf(request, sizeof(request),
                         "GET /wait?client=%d. HTTP/1.1\r\nHost: h\r\n\r\n", i);
            send_all(fds[i], request, (size_t)length);
        }
        for (int i = 0; i < CLIENTS; i++) {
            (void)snprintf(request, sizeof(request), "client=%d.", i);
            (void)read_until(fds[i], request, 1);
            assert_answers(request);
        }
    }
    for (int i = 0; i < CLIENTS; i++)
        (void)close(fds[i]);
    assert_true(atomic_load(&settled_most) >= 2);
}

static void test_pipelined_requests_that_wait_keep_their_order(void **state)
{
    (void)state;
    static char bytes[100000];
    size_t length = 0;
    for (int i = 0; i < 600; i++)
        length += (size_t)snprintf(bytes + length, sizeof(bytes) - length,
                                   "GET /%s?%d. HTTP/1.1\r\nHost: h\r\n%s\r\n",
                                   i % 3 == 2 ? "plain" : "wait", i,
                                   i == 599 ? "Connection: close\r\n" : "");
    exchange(bytes);
    const char *at = answer;
    for (int i = 0; i < 600; i++) {
        char expected[32];
        if (i % 3 == 2)
            (void)snprintf(expected, sizeof(expected), "GET /plain ");
        else
            (void)snprintf(expected, sizeof(expected), "\r\n\r\n%d.", i);
        at = strstr(at, expected);
        if (at == NULL)
            fail_msg("answer %d is missing or out of order", i);
        at++;
    }
}

static void test_a_client_that_leaves_while_it_waits_harms_nobody(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        const int fd = connect_to(server);
        const struct linger reset = {.l_onoff = 1};
        static const char two[] = "GET /wait?a HTTP/1.1\r\nHost: h\r\n\r\nGET /wa";
        send_all(fd, two, sizeof(two) - 1);
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        (void)close(fd);
    }
    exchange("GET /wait?still HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_answers("still");
}

static void test_a_stream_goes_on_until_the_client_leaves(void **state)
{
    (void)state;
    const int fd = connect_to(server);
    const char request[] = "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n";
    send_all(fd, request, sizeof(request) - 1);
    (void)read_until(fd, "data: ", 2); /* longer than an idle connection is kept */
    assert_answers("Content-Type: text/event-stream\r\n");
    assert_answers("\r\n\r\n: hello\n\ndata: ");
    assert_null(strstr(answer, "Content-Length"));
    const mr_http_server_counters *counters = mr_http_server_counters_of(server);
    assert_int_equal(atomic_load(&counters->streams), 1);
    (void)close(fd);
    for (int i = 0; i < WAIT_MS && atomic_load(&counters->streams) > 0; i++)
        (void)usleep(1000);
    assert_int_equal(atomic_load(&counters->streams), 0);
    exchange("HEAD /stream HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_null(strstr(answer, "hello"));
}

static void test_a_client_that_leaves_during_a_slow_request_harms_nobody(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        const int fd = connect_to(server);
        send_all(fd, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n", 31);
        const struct linger reset = {.l_onoff = 1};
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        (void)usleep(5000);
        (void)close(fd);
    }
    exchange("GET /after HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_answers("GET /after");
}

static void test_a_half_closed_client_still_gets_its_answer(void **state)
{
    (void)state;
    const int fd = connect_to(server);
    send_all(fd, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n", 31);
    (void)usleep(20000);
    (void)shutdown(fd, SHUT_WR);
    (void)read_to_end(fd);
    assert_answers("GET /slow");
    (void)close(fd);
}

static void test_a_request_that_never_ends_is_answered_408(void **state)
{
    (void)state;
    const int fd = connect_to(server);
    static const char bytes[] = "GET /never HTTP/1.1\r\nHost: h\r\nX: y";
    send_all(fd, bytes, sizeof(bytes) - 1);
    /* A byte now and then must not keep it alive. */
    for (int i = 0; i < 10; i++) {
        (void)usleep(100000);
        send_all(fd, "z", 1);
    }
    (void)read_to_end(fd);
    assert_answers("HTTP/1.1 408 ");
    (void)close(fd);
}

static void test_a_silent_connection_is_closed(void **state)
{
    (void)state;
    const int fd = connect_to(server);
    assert_int_equal(read_to_end(fd), 0);
    (void)close(fd);
}

static void test_a_large_answer_reaches_a_slow_reader_whole(void **state)
{
    (void)state;
    const int fd = connect_to(server);
    const int small =
        200000; /* some segments of the loopback: less would stall by timers */
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    static const char bytes[] =
        "GET /large HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    send_all(fd, bytes, sizeof(bytes) - 1);
    (void)usleep(50000);
    const size_t length = read_to_end(fd);
    assert_true(length > 4000000);
    assert_memory_equal(answer + length - 10, "000399999\n", 10);
    (void)close(fd);
}

static void test_one_connection_too_many_is_turned_away(void **state)
{
    (void)state;
    int fds[60];
    int turned_away = 0;
    for (int i = 0; i < 60; i++)
        fds[i] = connect_to(server);
    for (int i = 0; i < 60; i++) {
        struct pollfd wait = {.fd = fds[i], .events = POLLIN};
        if (poll(&wait, 1, i == 0 ? 200 : 0) == 1) {
            (void)read_to_end(fds[i]);
            turned_away += strstr(answer, "503 Service Unavailable") != NULL;
        }
    }
    for (int i = 0; i < 60; i++)
        (void)close(fds[i]);
    assert_true(turned_away >= 15);
    (void)usleep(200000);
    exchange("GET /after HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_answers("GET /after");
}

static void test_a_second_server_on_the_port_is_refused(void **state)
{
    (void)state;
    mr_http_server_options options = options_of();
    mr_http_server *second;
    mr_error error;
    options.port = mr_http_server_port(server);
    assert_int_equal(mr_http_server_create(&options, &second, &error),
                     MR_ERR_UNAVAILABLE);
    options.threads = 1;
    assert_int_equal(mr_http_server_create(&options, &second, &error),
                     MR_ERR_UNAVAILABLE);
    options.port = 0;
    options.host = "localhost.invalid";
    assert_int_equal(mr_http_server_create(&options, &second, &error), MR_ERR_INVALID);
    options.host = "127.0.0.1";
    options.certificate_file = "/nonexistent/cert.pem";
    options.key_file = "/nonexistent/key.pem";
    assert_int_equal(mr_http_server_create(&options, &second, &error), MR_ERR_INVALID);
    assert_non_null(strstr(error.message, "/nonexistent/cert.pem"));
}

static void test_stopping_answers_what_was_asked_and_takes_no_more(void **state)
{
    (void)state;
    const mr_http_server_options options = options_of();
    mr_http_server *stopping;
    mr_error error;
    assert_ok(mr_http_server_create(&options, &stopping, &error));
    const int slow = connect_to(stopping);
    const int idle = connect_to(stopping);
    send_all(slow, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n", 31);
    (void)usleep(30000);
    mr_http_server_stop(stopping, 2000);
    (void)read_to_end(slow);
    assert_answers("GET /slow");
    assert_answers("Connection: close");
    assert_int_equal(read_to_end(idle), 0);
    (void)close(slow);
    (void)close(idle);
    mr_http_server_destroy(stopping);
}

/* ---- TLS ---- */

static void test_answers_over_tls_and_hangs_up_on_clear_text(void **state)
{
    (void)state;
    char directory[] = "/tmp/mr_tls_XXXXXX";
    char certificate_file[64];
    char key_file[64];
    assert_non_null(mkdtemp(directory));
    (void)snprintf(certificate_file, sizeof(certificate_file), "%s/c.pem", directory);
    (void)snprintf(key_file, sizeof(key_file), "%s/k.pem", directory);
    make_certificate("DNS:localhost", certificate_file, key_file);
    mr_http_server_options options = options_of();
    options.certificate_file = certificate_file;
    options.key_file = key_file;
    mr_http_server *sealed;
    mr_error error;
    assert_ok(mr_http_server_create(&options, &sealed, &error));

    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    const int fd = connect_to(sealed);
    SSL *ssl = SSL_new(context);
    (void)SSL_set_fd(ssl, fd);
    assert_int_equal(SSL_connect(ssl), 1);
    static const char *const requests[] = {
        "GET /one HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /large HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"};
    for (int i = 0; i < 2; i++) {
        assert_true(SSL_write(ssl, requests[i], (int)strlen(requests[i])) > 0);
        size_t length = 0;
        int got;
        do {
            got = SSL_read(ssl, answer + length, (int)(ANSWER_BYTES - length - 1));
            length += got > 0 ? (size_t)got : 0;
            answer[length] = '\0';
        } while (got > 0 && !(i == 0 && strstr(answer, "GET /one ") != NULL));
        assert_answers(i == 0 ? "GET /one " : "000399999\n");
    }
    /* It said good-bye: an attacker cannot cut the answer short unseen. */
    assert_true((SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN) != 0);
    SSL_free(ssl);
    SSL_CTX_free(context);
    (void)close(fd);

    const int clear = connect_to(sealed);
    send_all(clear, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", 27);
    (void)read_to_end(clear);
    assert_null(strstr(answer, "HTTP/1.1"));
    (void)close(clear);
    mr_http_server_destroy(sealed);
    (void)unlink(certificate_file);
    (void)unlink(key_file);
    (void)rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_and_keeps_the_connection),
        cmocka_unit_test(test_close_is_honoured),
        cmocka_unit_test(test_head_has_the_length_and_no_body),
        cmocka_unit_test(test_pipelined_requests_are_answered_in_order),
        cmocka_unit_test(test_a_request_in_single_bytes_is_answered),
        cmocka_unit_test(test_what_is_refused_is_answered_and_closed),
        cmocka_unit_test(test_a_refusal_is_read_although_more_was_sent),
        cmocka_unit_test(test_continue_is_said_before_the_body),
        cmocka_unit_test(test_a_slow_request_does_not_hold_up_others),
        cmocka_unit_test(test_requests_of_a_turn_are_settled_together),
        cmocka_unit_test(test_pipelined_requests_that_wait_keep_their_order),
        cmocka_unit_test(test_a_client_that_leaves_while_it_waits_harms_nobody),
        cmocka_unit_test(test_a_stream_goes_on_until_the_client_leaves),
        cmocka_unit_test(test_a_client_that_leaves_during_a_slow_request_harms_nobody),
        cmocka_unit_test(test_a_half_closed_client_still_gets_its_answer),
        cmocka_unit_test(test_a_request_that_never_ends_is_answered_408),
        cmocka_unit_test(test_a_silent_connection_is_closed),
        cmocka_unit_test(test_a_large_answer_reaches_a_slow_reader_whole),
        cmocka_unit_test(test_one_connection_too_many_is_turned_away),
        cmocka_unit_test(test_a_second_server_on_the_port_is_refused),
        cmocka_unit_test(test_stopping_answers_what_was_asked_and_takes_no_more),
        cmocka_unit_test(test_answers_over_tls_and_hangs_up_on_clear_text),
    };
    return cmocka_run_group_tests_name("http_server", tests, set_up, tear_down);
}
