#include "serving/redis_resolver.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mr_redis_resolver {
    struct gaicb request;
    struct addrinfo hints;
    char host[MR_REDIS_HOST_BYTES]; /* of the look-up */
    bool is_pending;
};

mr_status mr_redis_resolver_create(mr_redis_resolver **ret_resolver)
{
    mr_redis_resolver *resolver = calloc(1, sizeof(*resolver));
    if (resolver == NULL)
        return MR_ERR_NO_MEMORY;
    resolver->hints =
        (struct addrinfo){.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    *ret_resolver = resolver;
    return MR_OK;
}

/* It has come to an end: its answer is not wanted any more. */
static void finish(mr_redis_resolver *resolver)
{
    if (resolver->request.ar_result != NULL)
        freeaddrinfo(resolver->request.ar_result);
    resolver->request.ar_result = NULL;
    resolver->is_pending = false;
}

void mr_redis_resolver_destroy(mr_redis_resolver *resolver)
{
    if (resolver == NULL)
        return;
    const struct gaicb *list[] = {&resolver->request};
    if (resolver->is_pending) {
        /* One that was cancelled says for ever that it is in progress. */
        const bool is_cancelled = gai_cancel(&resolver->request) == EAI_CANCELED;
        while (!is_cancelled && gai_error(&resolver->request) == EAI_INPROGRESS)
            (void)gai_suspend(list, 1, NULL);
        finish(resolver);
    }
    free(resolver);
}

static mr_status begin(mr_redis_resolver *resolver, const char *host)
{
    struct gaicb *list[] = {&resolver->request};
    (void)snprintf(resolver->host, sizeof(resolver->host), "%s", host);
    resolver->request =
        (struct gaicb){.ar_name = resolver->host, .ar_request = &resolver->hints};
    const int failure = getaddrinfo_a(GAI_NOWAIT, list, 1, NULL);
    if (failure != 0)
        return failure == EAI_MEMORY ? MR_ERR_NO_MEMORY : MR_ERR_UNAVAILABLE;
    resolver->is_pending = true;
    return MR_OK;
}

/* Wait for it as long as there is time.  Whether it has come to an end. */
static bool wait_for_end(mr_redis_resolver *resolver, const mr_redis_budget *budget)
{
    const struct gaicb *list[] = {&resolver->request};
    for (;;) {
        if (gai_error(&resolver->request) != EAI_INPROGRESS)
            return true;
        const int64_t left_ms = mr_redis_budget_left_ms(budget);
        if (left_ms == 0)
            return false;
        const struct timespec patience = {.tv_sec = left_ms / 1000,
                                          .tv_nsec = (left_ms % 1000) * 1000000};
        (void)gai_suspend(list, 1, &patience);
    }
}

/* The first address, of the old kind if there is one: as hiredis would take it. */
static mr_status spell(const struct addrinfo *found, char *ret_address)
{
    const struct addrinfo *best = NULL;
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next) {
        if (best == NULL || (best->ai_family != AF_INET && at->ai_family == AF_INET))
            best = at;
    }
    if (best == NULL || getnameinfo(best->ai_addr, best->ai_addrlen, ret_address,
                                    MR_REDIS_HOST_BYTES, NULL, 0, NI_NUMERICHOST) != 0)
        return MR_ERR_UNAVAILABLE;
    return MR_OK;
}

static bool is_address(const char *host)
{
    uint8_t bytes[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

mr_status mr_redis_resolver_find(mr_redis_resolver *resolver, const char *host,
                                 const mr_redis_budget *budget,
                                 char ret_address[MR_REDIS_HOST_BYTES])
{
    if (is_address(host)) {
        (void)snprintf(ret_address, MR_REDIS_HOST_BYTES, "%s", host);
        return MR_OK;
    }
    if (resolver->is_pending && strcmp(resolver->host, host) != 0) {
        if (!wait_for_end(resolver, budget))
            return MR_ERR_UNAVAILABLE;
        finish(resolver);
    }
    if (!resolver->is_pending)
        MR_TRY(begin(resolver, host));
    if (!wait_for_end(resolver, budget))
        return MR_ERR_UNAVAILABLE;
    mr_status status = MR_ERR_UNAVAILABLE;
    if (gai_error(&resolver->request) == 0)
        status = spell(resolver->request.ar_result, ret_address);
    finish(resolver);
    return status;
}
