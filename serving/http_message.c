#include "serving/http_message.h"

#include <string.h>
#include <strings.h>

mr_text mr_http_request_header(const mr_http_request *request, const char *name)
{
    const size_t length = strlen(name);
    for (uint32_t i = 0; i < request->header_count; i++) {
        const mr_http_header *header = &request->headers[i];
        if (header->name.length == length &&
            strncasecmp(header->name.bytes, name, length) == 0)
            return header->value;
    }
    return (mr_text){0};
}

const char *mr_http_method_name(mr_http_method method)
{
    static const char *const names[MR_HTTP_METHODS] = {"GET",   "HEAD",   "POST",   "PUT",
                                                       "PATCH", "DELETE", "OPTIONS"};
    return names[method];
}

const char *mr_http_status_text(int status)
{
    switch (status) {
    case 200: return "OK";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return "Unknown";
    }
}

/* Inline: most of these are written out, and their length is then known. */
static inline void put_string(mr_buffer *bytes, const char *string)
{
    mr_buffer_put(bytes, string, strlen(string));
}

static void put_header(mr_buffer *bytes, const char *name, const char *value)
{
    if (value == NULL)
        return;
    put_string(bytes, name);
    put_string(bytes, ": ");
    put_string(bytes, value);
    put_string(bytes, "\r\n");
}

void mr_http_response_write(const mr_http_response *response, const char *date,
                            bool head_only, bool keep_alive, mr_buffer *ret_bytes)
{
    const mr_text body = response->lent_body.length > 0
                             ? response->lent_body
                             : (mr_text){(const char *)response->body->bytes,
                                         (uint32_t)response->body->length};
    const bool has_body = response->status != 204 && response->status != 304;

    put_string(ret_bytes, "HTTP/1.1 ");
    mr_buffer_put_decimal(ret_bytes, response->status);
    put_string(ret_bytes, " ");
    put_string(ret_bytes, mr_http_status_text(response->status));
    put_string(ret_bytes, "\r\n");
    put_header(ret_bytes, "Date", date);
    if (has_body) {
        put_header(ret_bytes, "Content-Type", response->content_type);
    }
    if (has_body && !response->is_stream) {
        put_string(ret_bytes, "Content-Length: ");
        mr_buffer_put_decimal(ret_bytes, body.length);
        put_string(ret_bytes, "\r\n");
    }
    put_header(ret_bytes, "Cache-Control",
               response->cache_control != NULL ? response->cache_control : "no-store");
    put_string(ret_bytes, "X-Content-Type-Options: nosniff\r\n");
    put_header(ret_bytes, "ETag", response->etag);
    put_header(ret_bytes, "Allow", response->allow);
    if (response->retry_after_s > 0) {
        put_string(ret_bytes, "Retry-After: ");
        mr_buffer_put_decimal(ret_bytes, response->retry_after_s);
        put_string(ret_bytes, "\r\n");
    }
    put_string(ret_bytes, keep_alive ? "\r\n" : "Connection: close\r\n\r\n");
    if (has_body && !head_only)
        mr_buffer_put_text(ret_bytes, body);
}
