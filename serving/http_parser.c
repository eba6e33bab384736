#include "serving/http_parser.h"

#include "core/assert.h"
#include "core/buffer.h"

#include <llhttp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    BODY_KEPT_BYTES =
        1 << 18,              /* a larger body's memory is given back after its request */
    TRAILER_BYTES_MAX = 4096, /* trailers and chunk extensions: read past, not kept     */
};

typedef struct span {
    size_t offset; /* in `head` */
    size_t length;
} span;

struct mr_http_parser {
    llhttp_t llhttp;
    llhttp_settings_t settings;
    mr_http_body_limit *body_limit;
    void *context;
    mr_buffer head; /* target, then names and values */
    mr_buffer body;
    span target;
    span names[MR_HTTP_HEADERS_MAX];
    span values[MR_HTTP_HEADERS_MAX];
    uint32_t header_count;
    size_t raw_head_bytes; /* of this request, as they came in */
    size_t dropped_bytes;
    size_t body_bytes_max;
    bool inside;
    bool has_head;
    bool has_message;
    bool wants_continue;
    bool keep_alive;
    int refusal; /* 0: none */
    const char *reason;
    mr_http_request request;
};

static mr_http_parser *parser_of(llhttp_t *llhttp)
{
    return llhttp->data;
}

/* The value a callback returns to stop llhttp. */
static int refuse(mr_http_parser *parser, int status, const char *reason)
{
    if (parser->refusal == 0) {
        parser->refusal = status;
        parser->reason = reason;
    }
    return -1;
}

static int append_head(mr_http_parser *parser, span *piece, const char *at, size_t length)
{
    if (parser->head.length + length > MR_HTTP_HEAD_BYTES_MAX)
        return refuse(parser, 431, "the request line and headers exceed 16 KiB");
    mr_buffer_put(&parser->head, at, length);
    piece->length += length;
    return 0;
}

static int drop_bytes(mr_http_parser *parser, size_t length)
{
    parser->dropped_bytes += length;
    return parser->dropped_bytes > TRAILER_BYTES_MAX
               ? refuse(parser, 431, "trailers and chunk extensions exceed 4 KiB")
               : 0;
}

static int on_message_begin(llhttp_t *llhttp)
{
    mr_http_parser *parser = parser_of(llhttp);
    mr_buffer_clear(&parser->head);
    if (parser->body.capacity > BODY_KEPT_BYTES)
        mr_buffer_deinit(&parser->body);
    mr_buffer_clear(&parser->body);
    parser->target = (span){0};
    parser->header_count = 0;
    parser->dropped_bytes = 0;
    parser->has_head = false;
    parser->has_message = false;
    parser->inside = true;
    return 0;
}

static int on_url(llhttp_t *llhttp, const char *at, size_t length)
{
    mr_http_parser *parser = parser_of(llhttp);
    if (parser->target.length + length > MR_HTTP_TARGET_BYTES_MAX)
        return refuse(parser, 414, "the request target exceeds 8 KiB");
    return append_head(parser, &parser->target, at, length);
}

/* A name comes in pieces; the first piece of a new one follows a completed value. */
static int on_header_field(llhttp_t *llhttp, const char *at, size_t length)
{
    mr_http_parser *parser = parser_of(llhttp);
    if (parser->has_head)
        return drop_bytes(parser, length);
    if (parser->header_count == MR_HTTP_HEADERS_MAX)
        return refuse(parser, 431, "more than 64 headers");
    span *name = &parser->names[parser->header_count];
    if (name->length == 0)
        name->offset = parser->head.length;
    return append_head(parser, name, at, length);
}

static int on_header_value(llhttp_t *llhttp, const char *at, size_t length)
{
    mr_http_parser *parser = parser_of(llhttp);
    if (parser->has_head)
        return drop_bytes(parser, length);
    span *value = &parser->values[parser->header_count];
    if (value->length == 0)
        value->offset = parser->head.length;
    return append_head(parser, value, at, length);
}

static int on_header_value_complete(llhttp_t *llhttp)
{
    mr_http_parser *parser = parser_of(llhttp);
    if (parser->has_head)
        return 0;
    parser->header_count++;
    if (parser->header_count < MR_HTTP_HEADERS_MAX) {
        parser->names[parser->header_count] = (span){0};
        parser->values[parser->header_count] = (span){0};
    }
    return 0;
}

static mr_text span_text(const mr_http_parser *parser, span piece)
{
    return piece.length == 0 ? (mr_text){0}
                             : (mr_text){(const char *)parser->head.bytes + piece.offset,
                                         (uint32_t)piece.length};
}

static bool parse_method(const llhttp_t *llhttp, mr_http_method *ret_method)
{
    switch (llhttp->method) {
    case HTTP_GET: *ret_method = MR_HTTP_GET; return true;
    case HTTP_HEAD: *ret_method = MR_HTTP_HEAD; return true;
    case HTTP_POST: *ret_method = MR_HTTP_POST; return true;
    case HTTP_PUT: *ret_method = MR_HTTP_PUT; return true;
    case HTTP_PATCH: *ret_method = MR_HTTP_PATCH; return true;
    case HTTP_DELETE: *ret_method = MR_HTTP_DELETE; return true;
    case HTTP_OPTIONS: *ret_method = MR_HTTP_OPTIONS; return true;
    default: return false;
    }
}

static bool starts_with(mr_text text, const char *prefix)
{
    const size_t length = strlen(prefix);
    return text.length >= length && strncasecmp(text.bytes, prefix, length) == 0;
}

static mr_text skip(mr_text text, size_t bytes)
{
    return (mr_text){text.bytes + bytes, text.length - (uint32_t)bytes};
}

/* Origin form, or absolute form with its scheme and authority taken off [RFC 9112, 3.2]. */
static bool parse_target(mr_text target, mr_text *ret_path, mr_text *ret_query)
{
    if (starts_with(target, "http://") || starts_with(target, "https://")) {
        target = skip(target, starts_with(target, "https://") ? 8 : 7);
        const char *slash = memchr(target.bytes, '/', target.length);
        if (slash == NULL)
            return false;
        target = skip(target, (size_t)(slash - target.bytes));
    }
    if (target.length == 0 || target.bytes[0] != '/' ||
        memchr(target.bytes, '#', target.length) != NULL)
        return false;
    const char *question = memchr(target.bytes, '?', target.length);
    const size_t path_length =
        question != NULL ? (size_t)(question - target.bytes) : target.length;
    *ret_path = (mr_text){target.bytes, (uint32_t)path_length};
    *ret_query = question != NULL ? skip(target, path_length + 1) : (mr_text){0};
    return true;
}

static bool is_text(mr_text text, const char *word)
{
    return text.length == strlen(word) && starts_with(text, word);
}

static uint32_t count_headers(const mr_http_request *request, const char *name)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < request->header_count; i++)
        count += is_text(request->headers[i].name, name);
    return count;
}

/* What llhttp allows and we do not: it decides how the body is framed, or for whom it is. */
static int check_framing(mr_http_parser *parser)
{
    const mr_http_request *request = &parser->request;
    const bool is_1_1 = parser->llhttp.http_minor == 1;
    const uint32_t codings = count_headers(request, "transfer-encoding");
    if (parser->llhttp.http_major != 1 || parser->llhttp.http_minor > 1)
        return refuse(parser, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    if (count_headers(request, "host") > 1 ||
        (is_1_1 && count_headers(request, "host") != 1))
        return refuse(parser, 400, "a request must have one Host header");
    if (codings > 0 && (!is_1_1 || count_headers(request, "content-length") > 0))
        return refuse(parser, 400, "the body is framed in two ways");
    if (codings > 1 ||
        (codings == 1 &&
         !is_text(mr_http_request_header(request, "transfer-encoding"), "chunked")))
        return refuse(parser, 501, "the only transfer coding is chunked");
    if (mr_http_request_header(request, "content-encoding").length > 0)
        return refuse(parser, 415, "bodies are read without a content coding");
    return 0;
}

static int check_body(mr_http_parser *parser)
{
    const mr_http_request *request = &parser->request;
    parser->body_bytes_max =
        parser->body_limit != NULL
            ? parser->body_limit(parser->context, request->method, request->path)
            : (size_t)MR_HTTP_BODY_BYTES_MAX;
    if ((parser->llhttp.flags & F_CONTENT_LENGTH) != 0 &&
        parser->llhttp.content_length > parser->body_bytes_max)
        return refuse(parser, 413, "the body is larger than this call takes");
    const mr_text expect = mr_http_request_header(request, "expect");
    if (expect.length > 0 && !is_text(expect, "100-continue"))
        return refuse(parser, 417, "the only expectation is 100-continue");
    parser->wants_continue = expect.length > 0 && parser->llhttp.http_minor == 1;
    return 0;
}

static void fill_headers(mr_http_parser *parser)
{
    mr_http_request *request = &parser->request;
    request->header_count = parser->header_count;
    for (uint32_t i = 0; i < parser->header_count; i++) {
        request->headers[i].name = span_text(parser, parser->names[i]);
        request->headers[i].value = span_text(parser, parser->values[i]);
    }
}

static int on_headers_complete(llhttp_t *llhttp)
{
    mr_http_parser *parser = parser_of(llhttp);
    mr_http_request *request = &parser->request;
    if (mr_buffer_status(&parser->head) != MR_OK)
        return refuse(parser, 503, "out of memory");
    if (!parse_method(llhttp, &request->method))
        return refuse(parser, 501, "the method is not known here");
    if (!parse_target(span_text(parser, parser->target), &request->path, &request->query))
        return refuse(parser, 400, "the request target must be a path");
    fill_headers(parser);
    if (check_framing(parser) != 0 || check_body(parser) != 0)
        return -1;
    parser->has_head = true;
    llhttp->upgrade = 0; /* an offer we do not take: the request is answered as it is */
    return 0;
}

static int on_body(llhttp_t *llhttp, const char *at, size_t length)
{
    mr_http_parser *parser = parser_of(llhttp);
    parser->wants_continue = false; /* it has not waited */
    if (parser->body.length + length > parser->body_bytes_max)
        return refuse(parser, 413, "the body is larger than this call takes");
    mr_buffer_put(&parser->body, at, length);
    return mr_buffer_status(&parser->body) == MR_OK
               ? 0
               : refuse(parser, 503, "out of memory");
}

static int on_chunk_extension(llhttp_t *llhttp, const char *at, size_t length)
{
    (void)at;
    return drop_bytes(parser_of(llhttp), length);
}

static int on_message_complete(llhttp_t *llhttp)
{
    mr_http_parser *parser = parser_of(llhttp);
    parser->request.body =
        (mr_text){(const char *)parser->body.bytes, (uint32_t)parser->body.length};
    parser->keep_alive = llhttp_should_keep_alive(llhttp) != 0;
    parser->has_message = true;
    parser->inside = false;
    parser->wants_continue = false;
    return HPE_PAUSED;
}

mr_status mr_http_parser_create(mr_http_body_limit *body_limit, void *context,
                                mr_http_parser **ret_parser)
{
    mr_http_parser *parser = calloc(1, sizeof(*parser));
    if (parser == NULL)
        return MR_ERR_NO_MEMORY;
    llhttp_settings_init(&parser->settings);
    parser->settings.on_message_begin = on_message_begin;
    parser->settings.on_url = on_url;
    parser->settings.on_header_field = on_header_field;
    parser->settings.on_header_value = on_header_value;
    parser->settings.on_header_value_complete = on_header_value_complete;
    parser->settings.on_headers_complete = on_headers_complete;
    parser->settings.on_body = on_body;
    parser->settings.on_chunk_extension_name = on_chunk_extension;
    parser->settings.on_chunk_extension_value = on_chunk_extension;
    parser->settings.on_message_complete = on_message_complete;
    parser->body_limit = body_limit;
    parser->context = context;
    mr_http_parser_reset(parser);
    *ret_parser = parser;
    return MR_OK;
}

void mr_http_parser_destroy(mr_http_parser *parser)
{
    if (parser == NULL)
        return;
    mr_buffer_deinit(&parser->head);
    mr_buffer_deinit(&parser->body);
    free(parser);
}

void mr_http_parser_reset(mr_http_parser *parser)
{
    llhttp_init(&parser->llhttp, HTTP_REQUEST, &parser->settings);
    parser->llhttp.data = parser;
    parser->names[0] = (span){0};
    parser->values[0] = (span){0};
    parser->raw_head_bytes = 0;
    parser->refusal = 0;
    (void)on_message_begin(&parser->llhttp);
    parser->inside = false;
    parser->wants_continue = false;
    parser->keep_alive = false;
}

/* What llhttp found wrong, as an answer. */
static mr_http_parse refuse_by_llhttp(mr_http_parser *parser, llhttp_errno_t error)
{
    const char *reason = llhttp_get_error_reason(&parser->llhttp);
    int status = 400;
    if (error == HPE_INVALID_VERSION || error == HPE_PAUSED_H2_UPGRADE)
        status = 505;
    if (error == HPE_INVALID_METHOD)
        status = 501;
    (void)refuse(parser, status,
                 reason != NULL && reason[0] != '\0' ? reason : "not an HTTP request");
    return MR_HTTP_PARSE_REFUSED;
}

/* After bytes that did not end the request. */
static mr_http_parse more(mr_http_parser *parser, size_t length)
{
    if (!parser->has_head) {
        parser->raw_head_bytes += length;
        if (parser->raw_head_bytes > MR_HTTP_HEAD_BYTES_MAX) {
            (void)refuse(parser, 431, "the request line and headers exceed 16 KiB");
            return MR_HTTP_PARSE_REFUSED;
        }
        return MR_HTTP_PARSE_MORE;
    }
    if (!parser->wants_continue)
        return MR_HTTP_PARSE_MORE;
    parser->wants_continue = false;
    return MR_HTTP_PARSE_CONTINUE;
}

mr_http_parse mr_http_parser_feed(mr_http_parser *parser, const char *bytes,
                                  size_t length, size_t *ret_used)
{
    *ret_used = length;
    if (parser->refusal != 0)
        return MR_HTTP_PARSE_REFUSED;
    if (parser->has_message) {
        llhttp_resume(&parser->llhttp);
        parser->has_message = false;
        parser->has_head = false;
        parser->raw_head_bytes = 0;
        parser->names[0] = (span){0};
        parser->values[0] = (span){0};
    }
    const llhttp_errno_t error = llhttp_execute(&parser->llhttp, bytes, length);
    if (error == HPE_OK)
        return more(parser, length);
    if (error != HPE_PAUSED || !parser->has_message)
        return refuse_by_llhttp(parser, error);
    const char *end = llhttp_get_error_pos(&parser->llhttp);
    MR_ASSERT(end != NULL);
    MR_ASSERT(end >= bytes);
    MR_ASSERT(end <= bytes + length);
    *ret_used = (size_t)(end - bytes);
    return MR_HTTP_PARSE_REQUEST;
}

mr_http_request *mr_http_parser_request(mr_http_parser *parser)
{
    MR_ASSERT(parser->has_message);
    return &parser->request;
}

bool mr_http_parser_keep_alive(const mr_http_parser *parser)
{
    return parser->keep_alive;
}

bool mr_http_parser_is_inside(const mr_http_parser *parser)
{
    return parser->inside || parser->raw_head_bytes > 0;
}

int mr_http_parser_status(const mr_http_parser *parser)
{
    return parser->refusal;
}

const char *mr_http_parser_reason(const mr_http_parser *parser)
{
    return parser->reason;
}
