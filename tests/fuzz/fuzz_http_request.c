/*
 * Bytes of a connection, cut where the first byte says.
 *
 * Invariants: the parser uses no more than it is given; the requests that come out do not depend
 * on the cut; what is refused stays refused; a request's texts lie in readable memory.
 */
#include "core/hash.h"
#include "serving/http_parser.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t sum_text(uint32_t sum, mr_text text)
{
    sum = mr_crc32c(sum, &text.length, sizeof(text.length));
    return text.length > 0 ? mr_crc32c(sum, text.bytes, text.length) : sum;
}

static uint32_t sum_request(uint32_t sum, const mr_http_request *request)
{
    sum = mr_crc32c(sum, &request->method, sizeof(request->method));
    sum = sum_text(sum, request->path);
    sum = sum_text(sum, request->query);
    sum = sum_text(sum, request->body);
    for (uint32_t i = 0; i < request->header_count; i++) {
        sum = sum_text(sum, request->headers[i].name);
        sum = sum_text(sum, request->headers[i].value);
    }
    return sum;
}

/* A sum over all requests that the bytes hold. */
static uint32_t sum_all(const uint8_t *data, size_t size, size_t piece)
{
    mr_http_parser *parser;
    if (mr_http_parser_create(NULL, NULL, &parser) != MR_OK)
        abort();
    uint32_t sum = 0;
    mr_http_parse result = MR_HTTP_PARSE_MORE;
    for (size_t at = 0; at < size && result != MR_HTTP_PARSE_REFUSED;) {
        const size_t now = size - at < piece ? size - at : piece;
        char *copy = malloc(now);
        size_t used = 0;
        if (copy == NULL)
            abort();
        memcpy(copy, data + at, now);
        result = mr_http_parser_feed(parser, copy, now, &used);
        free(copy);
        if (used > now)
            abort();
        at += used;
        if (result == MR_HTTP_PARSE_REQUEST)
            sum = sum_request(sum, mr_http_parser_request(parser));
    }
    if (result == MR_HTTP_PARSE_REFUSED) {
        size_t used;
        if (mr_http_parser_status(parser) < 400 ||
            mr_http_parser_feed(parser, "GET", 3, &used) != MR_HTTP_PARSE_REFUSED)
            abort();
    }
    mr_http_parser_destroy(parser);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const size_t piece = 1 + data[0];
    if (sum_all(data + 1, size - 1, size) != sum_all(data + 1, size - 1, piece))
        abort();
    return 0;
}
