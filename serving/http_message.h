/*
 * HTTP message: a request as a handler reads it, and the answer it fills in.
 *
 * Handlers see no socket and no parser, so that they are tested with requests made by
 * hand.
 *
 * Units      Sizes in bytes.
 * Ownership  A request borrows from its connection until the answer is sent.  A
 * response's body buffer belongs to the connection and is reused; lent texts must outlive
 * the answer. Threads    One request, one thread at a time. Cost       Plain values.
 */
#ifndef MR_SERVING_HTTP_MESSAGE_H
#define MR_SERVING_HTTP_MESSAGE_H

#include "core/buffer.h"
#include "core/text.h"

#include <stdbool.h>
#include <stdint.h>

enum { MR_HTTP_HEADERS_MAX = 64 };

typedef enum mr_http_method {
    MR_HTTP_GET,
    MR_HTTP_HEAD,
    MR_HTTP_POST,
    MR_HTTP_PUT,
    MR_HTTP_PATCH,
    MR_HTTP_DELETE,
    MR_HTTP_OPTIONS,
    MR_HTTP_METHODS,
} mr_http_method;

typedef struct mr_http_header {
    mr_text name; /* as sent: compare with mr_http_request_header() */
    mr_text value;
} mr_http_header;

typedef struct mr_http_request {
    mr_http_method method;
    mr_text path;  /* as sent, percent-encoded, begins with '/' */
    mr_text query; /* what follows the '?'                      */
    mr_text body;
    mr_http_header headers[MR_HTTP_HEADERS_MAX];
    uint32_t header_count;
    uint32_t thread;     /* number of the thread that handles it */
    int64_t received_ns; /* monotonic: when the last byte came   */
} mr_http_request;

typedef struct mr_http_response {
    int status;
    const char *content_type;  /* static                                    */
    const char *cache_control; /* static or NULL: no-store                  */
    const char *etag;          /* lent or NULL                              */
    const char *allow;         /* lent or NULL: of a 405                    */
    uint32_t retry_after_s;    /* 0: none                                   */
    bool close;                /* do not keep the connection                */
    mr_buffer *body;           /* the handler appends                       */
    mr_text lent_body;         /* sent instead of `body` when not empty     */
    bool is_stream;            /* `body` begins a stream: no length, and events follow */
} mr_http_response;

/* The value of the first header of that name (any case), or empty. */
mr_text mr_http_request_header(const mr_http_request *request, const char *name);

const char *mr_http_method_name(mr_http_method method);

/* "Not Found"; "Unknown" for a number we never send. */
const char *mr_http_status_text(int status);

/*
 * Append status line, headers and, unless `head_only`, the body.  The date is "Sun, 06
 * Nov 1994 08:49:37 GMT".
 */
void mr_http_response_write(const mr_http_response *response, const char *date,
                            bool head_only, bool keep_alive, mr_buffer *ret_bytes);

#endif
