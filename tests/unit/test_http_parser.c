/*
 * Requests are fed whole, byte by byte and several at once, and must come out the same.  Then
 * the ways to make two servers disagree about where a request ends: each must be refused with
 * its status, however the bytes are cut.
 */
#include "serving/http_parser.h"

#include "tests/support.h"

#include <stdio.h>
#include <string.h>

static mr_http_parser *parser;

static size_t small_bodies(void *context, mr_http_method method, mr_text path)
{
    (void)context;
    return method == MR_HTTP_POST && mr_text_is(path, "/small") ? 10 : 1000;
}

static int set_up(void **state)
{
    (void)state;
    return mr_http_parser_create(small_bodies, NULL, &parser) == MR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mr_http_parser_destroy(parser);
    return 0;
}

/* Feed in pieces of `piece` bytes up to the first result that is not MORE. */
static mr_http_parse feed(const char *bytes, size_t length, size_t piece, size_t *ret_at)
{
    size_t at = 0;
    while (at < length) {
        const size_t now = length - at < piece ? length - at : piece;
        /* A copy of its own, so that a read past the piece is seen by the sanitizer. */
        char *copy = malloc(now);
        size_t used;
        memcpy(copy, bytes + at, now);
        const mr_http_parse result = mr_http_parser_feed(parser, copy, now, &used);
        free(copy);
        assert_true(used <= now);
        at += used;
        if (result != MR_HTTP_PARSE_MORE) {
            *ret_at = at;
            return result;
        }
        assert_int_equal(used, now);
    }
    *ret_at = at;
    return MR_HTTP_PARSE_MORE;
}

static void assert_refused_with(const char *bytes, int status)
{
    static const size_t pieces[] = {1, 3, 100000};
    for (size_t i = 0; i < 3; i++) {
        size_t at;
        mr_http_parser_reset(parser);
        const mr_http_parse result = feed(bytes, strlen(bytes), pieces[i], &at);
        if (result != MR_HTTP_PARSE_REFUSED || mr_http_parser_status(parser) != status)
            fail_msg("result %d, status %d, not %d: %s", result,
                     mr_http_parser_status(parser), status, bytes);
        assert_true(mr_http_parser_reason(parser)[0] != '\0');
    }
}

static void test_a_request_comes_out_the_same_however_it_is_cut(void **state)
{
    (void)state;
    static const char bytes[] = "POST /v1/x%20y?a=1&b=2 HTTP/1.1\r\nHost: h\r\n"
                                "X-One: first\r\nx-one: second\r\nEmpty:\r\n"
                                "Content-Length: 5\r\n\r\nhello";
    for (size_t piece = 1; piece <= sizeof(bytes); piece++) {
        size_t at;
        mr_http_parser_reset(parser);
        assert_int_equal(feed(bytes, sizeof(bytes) - 1, piece, &at),
                         MR_HTTP_PARSE_REQUEST);
        assert_int_equal(at, sizeof(bytes) - 1);
        const mr_http_request *request = mr_http_parser_request(parser);
        assert_int_equal(request->method, MR_HTTP_POST);
        assert_true(mr_text_is(request->path, "/v1/x%20y"));
        assert_true(mr_text_is(request->query, "a=1&b=2"));
        assert_true(mr_text_is(request->body, "hello"));
        assert_int_equal(request->header_count, 5);
        assert_true(mr_text_is(mr_http_request_header(request, "X-ONE"), "first"));
        assert_int_equal(mr_http_request_header(request, "empty").length, 0);
        assert_true(mr_http_parser_keep_alive(parser));
    }
}

static void test_pipelined_requests_come_out_one_by_one(void **state)
{
    (void)state;
    static const char bytes[] =
        "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n"
        "POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab"
        "POST /3 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
        "chunked\r\n\r\n3;x=y\r\nabc\r\n1\r\nd\r\n0\r\nT: t\r\n\r\n"
        "GET /4 HTTP/1.0\r\n\r\n";
    static const char *const paths[] = {"/1", "/2", "/3", "/4"};
    static const char *const bodies[] = {"", "ab", "abcd", ""};
    for (size_t piece = 1; piece <= sizeof(bytes); piece++) {
        size_t start = 0;
        mr_http_parser_reset(parser);
        for (int i = 0; i < 4; i++) {
            size_t at;
            assert_int_equal(feed(bytes + start, sizeof(bytes) - 1 - start, piece, &at),
                             MR_HTTP_PARSE_REQUEST);
            start += at;
            const mr_http_request *request = mr_http_parser_request(parser);
            assert_true(mr_text_is(request->path, paths[i]));
            assert_true(mr_text_is(request->body, bodies[i]));
            assert_int_equal(mr_http_parser_keep_alive(parser), i < 3);
        }
        assert_int_equal(start, sizeof(bytes) - 1);
    }
}

static void test_a_body_framed_in_two_ways_is_refused(void **state)
{
    (void)state;
#define POST_WITH(headers)                                                               \
    "POST / HTTP/1.1\r\nHost: h\r\n" headers "\r\n\r\n0\r\n\r\nGET /x"
    static const char *const vectors[] = {
        POST_WITH("Content-Length: 5\r\nTransfer-Encoding: chunked"),
        POST_WITH("Transfer-Encoding: chunked\r\nContent-Length: 5"),
        POST_WITH("Content-Length: 5\r\nContent-Length: 6"),
        POST_WITH("Content-Length: 5\r\nContent-Length: 5"),
        POST_WITH("Content-Length: 5, 5"),
        POST_WITH("Content-Length: +5"),
        POST_WITH("Content-Length: -5"),
        POST_WITH("Content-Length: 0x5"),
        POST_WITH("Content-Length: 5 5"),
        POST_WITH("Content-Length:"),
        POST_WITH("Content-Length: 99999999999999999999999"),
        POST_WITH("Content-Length : 5"),
        POST_WITH(" Content-Length: 5"),
        POST_WITH("X: y\r\n Content-Length: 5"),
        POST_WITH("X: y\n\nGET /x HTTP/1.1"),
        POST_WITH("Content\x00-Length: 5"),
        POST_WITH("X: a\rContent-Length: 5"),
        POST_WITH("Transfer-Encoding : chunked"),
        POST_WITH("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"),
        POST_WITH("Transfer-Encoding: xchunked"),
        POST_WITH("Transfer-Encoding: chunked, identity"),
        POST_WITH("Transfer-Encoding: \x0b"
                  "chunked"),
    };
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        size_t at;
        mr_http_parser_reset(parser);
        const mr_http_parse result = feed(vectors[i], strlen(vectors[i]), 100000, &at);
        /* The one vector with a NUL in it ends early, inside its head. */
        if (result == MR_HTTP_PARSE_REQUEST || result == MR_HTTP_PARSE_CONTINUE)
            fail_msg("taken: %s", vectors[i]);
        if (result == MR_HTTP_PARSE_REFUSED)
            assert_true(mr_http_parser_status(parser) == 400 ||
                        mr_http_parser_status(parser) == 501 ||
                        mr_http_parser_status(parser) == 413);
    }
    assert_refused_with(vectors[0], 400);
    assert_refused_with(vectors[1], 400);
    assert_refused_with(vectors[2], 400);
    assert_refused_with(
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501);
    assert_refused_with(
        "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
}

static void test_bad_chunks_are_refused(void **state)
{
    (void)state;
#define CHUNKED "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert_refused_with(CHUNKED "g\r\n", 400);
    assert_refused_with(CHUNKED "-1\r\n", 400);
    assert_refused_with(CHUNKED "0x1\r\na\r\n0\r\n\r\n", 400);
    assert_refused_with(CHUNKED "1\r\nab\r\n0\r\n\r\n", 400);
    assert_refused_with(CHUNKED "1\na\n0\n\n", 400);
    assert_refused_with(CHUNKED "ffffffffffffffffff\r\n", 400);
}

static void test_only_http_1_and_known_methods(void **state)
{
    (void)state;
    assert_refused_with("GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505);
    assert_refused_with("GET / HTTP/1.2\r\nHost: h\r\n\r\n", 505);
    assert_refused_with("BREW / HTTP/1.1\r\nHost: h\r\n\r\n", 501);
    assert_refused_with("TRACE / HTTP/1.1\r\nHost: h\r\n\r\n", 501);
    assert_refused_with("CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", 501);
    assert_refused_with("\x16\x03\x01\x02\x00\x01", 501);
}

static void test_a_request_has_one_host_and_a_path(void **state)
{
    (void)state;
    assert_refused_with("GET / HTTP/1.1\r\n\r\n", 400);
    assert_refused_with("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400);
    assert_refused_with("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    size_t at;
    static const char absolute[] = "GET http://h:80/p?q HTTP/1.1\r\nHost: h\r\n\r\n";
    mr_http_parser_reset(parser);
    assert_int_equal(feed(absolute, sizeof(absolute) - 1, 7, &at), MR_HTTP_PARSE_REQUEST);
    assert_true(mr_text_is(mr_http_parser_request(parser)->path, "/p"));
    assert_true(mr_text_is(mr_http_parser_request(parser)->query, "q"));
}

static void test_heads_are_bounded(void **state)
{
    (void)state;
    static char bytes[40000];
    (void)snprintf(bytes, sizeof(bytes), "GET /%09000d HTTP/1.1\r\nHost: h\r\n\r\n", 1);
    assert_refused_with(bytes, 414);
    (void)snprintf(bytes, sizeof(bytes),
                   "GET / HTTP/1.1\r\nHost: h\r\nX: %017000d\r\n\r\n", 1);
    assert_refused_with(bytes, 431);
    size_t length =
        (size_t)snprintf(bytes, sizeof(bytes), "GET / HTTP/1.1\r\nHost: h\r\n");
    for (int i = 0; i < 64; i++)
        length +=
            (size_t)snprintf(bytes + length, sizeof(bytes) - length, "H%d: v\r\n", i);
    (void)snprintf(bytes + length, sizeof(bytes) - length, "\r\n");
    assert_refused_with(bytes, 431);
    /* White space that is kept nowhere still counts. */
    memset(bytes, '\r', sizeof(bytes) - 1);
    for (size_t i = 1; i < sizeof(bytes) - 1; i += 2)
        bytes[i] = '\n';
    assert_refused_with(bytes, 431);
}

static void test_bodies_are_bounded_by_their_route(void **state)
{
    (void)state;
    assert_refused_with("POST /small HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n",
                        413);
    assert_refused_with(
        "POST /small HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        "b\r\nabcdefghijk\r\n",
        413);
    size_t at;
    static const char fits[] =
        "POST /small HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n0123456789";
    mr_http_parser_reset(parser);
    assert_int_equal(feed(fits, sizeof(fits) - 1, 5, &at), MR_HTTP_PARSE_REQUEST);
}

static void test_an_expectation_is_reported_once_and_others_refused(void **state)
{
    (void)state;
    static const char head[] =
        "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    size_t at;
    mr_http_parser_reset(parser);
    assert_int_equal(feed(head, sizeof(head) - 1, 1000, &at), MR_HTTP_PARSE_CONTINUE);
    assert_int_equal(feed("a", 1, 1, &at), MR_HTTP_PARSE_MORE);
    assert_int_equal(feed("b", 1, 1, &at), MR_HTTP_PARSE_REQUEST);
    assert_refused_with("POST / HTTP/1.1\r\nHost: h\r\nExpect: magic\r\n\r\n", 417);
}

static void test_an_upgrade_offer_is_answered_as_a_plain_request(void **state)
{
    (void)state;
    static const char bytes[] =
        "GET /a HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\n"
        "Upgrade: websocket\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n";
    size_t at;
    size_t next;
    mr_http_parser_reset(parser);
    assert_int_equal(feed(bytes, sizeof(bytes) - 1, 1000, &at), MR_HTTP_PARSE_REQUEST);
    assert_true(mr_text_is(mr_http_parser_request(parser)->path, "/a"));
    assert_int_equal(feed(bytes + at, sizeof(bytes) - 1 - at, 1000, &next),
                     MR_HTTP_PARSE_REQUEST);
    assert_true(mr_text_is(mr_http_parser_request(parser)->path, "/b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_comes_out_the_same_however_it_is_cut),
        cmocka_unit_test(test_pipelined_requests_come_out_one_by_one),
        cmocka_unit_test(test_a_body_framed_in_two_ways_is_refused),
        cmocka_unit_test(test_bad_chunks_are_refused),
        cmocka_unit_test(test_only_http_1_and_known_methods),
        cmocka_unit_test(test_a_request_has_one_host_and_a_path),
        cmocka_unit_test(test_heads_are_bounded),
        cmocka_unit_test(test_bodies_are_bounded_by_their_route),
        cmocka_unit_test(test_an_expectation_is_reported_once_and_others_refused),
        cmocka_unit_test(test_an_upgrade_offer_is_answered_as_a_plain_request),
    };
    return cmocka_run_group_tests_name("http_parser", tests, set_up, tear_down);
}
