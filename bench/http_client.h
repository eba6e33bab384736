/*
 * HTTP client of the benchmarks: one kept-alive connection, one request at a time, an answer read
 * by its Content-Length alone, so that the client is never the slow side.
 *
 * Ownership  An answer's body is lent until the next request on the connection.
 * Threads    One at a time.
 * Errors     Exits with 1 when an answer is no 200 with a length, or a connection breaks.
 */
#ifndef MR_BENCH_HTTP_CLIENT_H
#define MR_BENCH_HTTP_CLIENT_H

#include "core/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MR_HTTP_CLIENT_ANSWER_BYTES = 16384 };

typedef struct mr_http_client {
    int descriptor; /* to be waited for by who has several, and closed by who opened it */
    size_t length;  /* of the answer so far */
    char answer[MR_HTTP_CLIENT_ANSWER_BYTES];
} mr_http_client;

void mr_http_client_open(mr_http_client *client, uint16_t port);
void mr_http_client_send(mr_http_client *client, mr_text request);

/* Read what there is; whether the answer is whole, then with its body. */
bool mr_http_client_receive(mr_http_client *client, mr_text *ret_body);

#endif
