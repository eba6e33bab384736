#include "bench/http_client.h"

#include "bench/bench.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void mr_http_client_open(mr_http_client *client, uint16_t port)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(port),
                                        .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const int on = 1;
    client->length = 0;
    client->descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    mr_bench_check(client->descriptor >= 0 &&
                       connect(client->descriptor, (const struct sockaddr *)&address,
                               sizeof(address)) == 0,
                   "connection");
    (void)setsockopt(client->descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void mr_http_client_send(mr_http_client *client, mr_text request)
{
    client->length = 0;
    mr_bench_check(send(client->descriptor, request.bytes, request.length,
                        MSG_NOSIGNAL) == (ssize_t)request.length,
                   "a request sent whole");
}

bool mr_http_client_receive(mr_http_client *client, mr_text *ret_body)
{
    const ssize_t got = recv(client->descriptor, client->answer + client->length,
                             MR_HTTP_CLIENT_ANSWER_BYTES - 1 - client->length, 0);
    mr_bench_check(got > 0, "an answer");
    client->length += (size_t)got;
    client->answer[client->length] = '\0';
    const char *end = strstr(client->answer, "\r\n\r\n");
    if (end == NULL)
        return false;
    const char *field = strcasestr(client->answer, "\r\ncontent-length: ");
    mr_bench_check(strncmp(client->answer, "HTTP/1.1 200 ", 13) == 0, client->answer);
    mr_bench_check(field != NULL && field < end, "an answer with its length");
    *ret_body = (mr_text){end + 4, (uint32_t)strtoul(field + 18, NULL, 10)};
    return client->length == (size_t)(end + 4 - client->answer) + ret_body->length;
}
