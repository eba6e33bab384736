/*
 * HTTP parser: bytes in, whole requests out, everything bounded.
 *
 * A thin door to llhttp in its strict mode, and the rules that it leaves to us: one Host,
 * no body that is framed twice, no unknown transfer coding, limits on the head, the
 * target and the body.  What cannot be parsed ends the connection: after a framing error
 * nobody knows where the next request begins, and guessing is how requests are smuggled.
 *
 * Units      Sizes in bytes.
 * Ownership  The parser owns copies of the request's bytes; mr_http_parser_request()
 * lends them until the next feed. Threads    Owner-only. Cost       About 0.5 us for a
 * GET; no allocation once its buffers have grown.
 */
#ifndef MR_SERVING_HTTP_PARSER_H
#define MR_SERVING_HTTP_PARSER_H

#include "core/status.h"
#include "serving/http_message.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    MR_HTTP_HEAD_BYTES_MAX = 16384,   /* request line and headers: 431 */
    MR_HTTP_TARGET_BYTES_MAX = 8192,  /* of the request line: 414      */
    MR_HTTP_BODY_BYTES_MAX = 1 << 20, /* when nobody says otherwise    */
};

typedef struct mr_http_parser mr_http_parser;

/* The largest body of this request; called once its head is known.  NULL: the default. */
typedef size_t mr_http_body_limit(void *context, mr_http_method method, mr_text path);

MR_MUST_USE mr_status mr_http_parser_create(mr_http_body_limit *body_limit, void *context,
                                            mr_http_parser **ret_parser);
void mr_http_parser_destroy(mr_http_parser *parser); /* NULL allowed */

/* Forget everything: for a new connection. */
void mr_http_parser_reset(mr_http_parser *parser);

typedef enum mr_http_parse {
    MR_HTTP_PARSE_MORE,     /* all bytes were used, the request is not whole yet     */
    MR_HTTP_PARSE_CONTINUE, /* as MORE, and the client waits for a "100 Continue" */
    MR_HTTP_PARSE_REQUEST,  /* mr_http_parser_request() has one; feed the rest afterwards
                             */
    MR_HTTP_PARSE_REFUSED,  /* answer mr_http_parser_status() and close  */
} mr_http_parse;

/* Use bytes up to the end of one request; `*ret_used` of them were. */
mr_http_parse mr_http_parser_feed(mr_http_parser *parser, const char *bytes,
                                  size_t length, size_t *ret_used);

mr_http_request *mr_http_parser_request(mr_http_parser *parser);
bool mr_http_parser_keep_alive(const mr_http_parser *parser);

/* Part of a request has come, and not all of it. */
bool mr_http_parser_is_inside(const mr_http_parser *parser);

/* 400, 413, 414, 417, 431, 501 or 505, and why. */
int mr_http_parser_status(const mr_http_parser *parser);
const char *mr_http_parser_reason(const mr_http_parser *parser);

#endif
