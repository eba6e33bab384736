#include "serving/redis_url.h"

#include "core/text.h"
#include "serving/percent.h"

#include <string.h>

enum { DEFAULT_PORT = 6379, DATABASE_MAX = 65535 };

static bool starts_with(const char *text, const char *prefix, const char **ret_rest)
{
    const size_t length = strlen(prefix);
    if (strncmp(text, prefix, length) != 0)
        return false;
    *ret_rest = text + length;
    return true;
}

/* Copy as it stands. */
static bool copy_text(const char *from, size_t length, char *to, size_t capacity)
{
    if (length >= capacity)
        return false;
    memcpy(to, from, length);
    to[length] = '\0';
    return true;
}

static bool copy_decoded(const char *from, size_t length, char *to, size_t capacity)
{
    size_t written = 0;
    if (mr_percent_decode((mr_text){from, (uint32_t)length}, to, capacity - 1,
                          &written) != MR_OK)
        return false;
    to[written] = '\0';
    return memchr(to, '\0', written) == NULL;
}

static bool parse_number(const char *text, size_t length, int largest, int *ret_number)
{
    int64_t number;
    if (mr_text_to_int64((mr_text){text, (uint32_t)length}, &number) != MR_OK ||
        number < 0 || number > largest)
        return false;
    *ret_number = (int)number;
    return true;
}

/* "user:password@" at the start of `rest`; what follows it goes to *ret_rest. */
static bool parse_login(const char *rest, const char *end, mr_redis_url *url,
                        const char **ret_rest)
{
    *ret_rest = rest;
    const char *at = memrchr(rest, '@', (size_t)(end - rest));
    if (at == NULL)
        return true;
    const char *colon = memchr(rest, ':', (size_t)(at - rest));
    const char *user_end = colon != NULL ? colon : at;
    *ret_rest = at + 1;
    return copy_decoded(rest, (size_t)(user_end - rest), url->user, sizeof(url->user)) &&
           (colon == NULL || copy_decoded(colon + 1, (size_t)(at - colon - 1),
                                          url->password, sizeof(url->password)));
}

static bool parse_host(const char *host, const char *end, mr_redis_url *url)
{
    const char *host_end;
    const char *port;
    if (*host == '[') {
        host++;
        host_end = memchr(host, ']', (size_t)(end - host));
        if (host_end == NULL)
            return false;
        port = host_end + 1;
    } else {
        host_end = memchr(host, ':', (size_t)(end - host));
        port = host_end = host_end != NULL ? host_end : end;
    }
    if (host_end == host ||
        !copy_text(host, (size_t)(host_end - host), url->host, sizeof(url->host)))
        return false;
    url->port = DEFAULT_PORT;
    if (port == end)
        return true;
    return *port == ':' &&
           parse_number(port + 1, (size_t)(end - port - 1), 65535, &url->port) &&
           url->port > 0;
}

static bool parse_unix(const char *rest, mr_redis_url *url)
{
    const char *question = strchr(rest, '?');
    const char *end = question != NULL ? question : rest + strlen(rest);
    if (!parse_login(rest, end, url, &rest) || *rest != '/' ||
        !copy_text(rest, (size_t)(end - rest), url->host, sizeof(url->host)))
        return false;
    const char *number;
    return question == NULL ||
           (starts_with(question, "?db=", &number) &&
            parse_number(number, strlen(number), DATABASE_MAX, &url->database));
}

static bool parse_tcp(const char *rest, mr_redis_url *url)
{
    /* A password may hold '/': the host begins after the last '@' of the whole. */
    const char *host;
    if (!parse_login(rest, rest + strlen(rest), url, &host))
        return false;
    const char *slash = strchr(host, '/');
    const char *end = slash != NULL ? slash : host + strlen(host);
    if (!parse_host(host, end, url))
        return false;
    return slash == NULL || slash[1] == '\0' ||
           parse_number(slash + 1, strlen(slash + 1), DATABASE_MAX, &url->database);
}

mr_status mr_redis_url_parse(const char *url, mr_redis_url *ret_url, mr_error *ret_error)
{
    mr_redis_url parsed = {0};
    const char *rest;
    bool good;
    if (starts_with(url, "unix://", &rest)) {
        parsed.is_unix = true;
        good = parse_unix(rest, &parsed);
    } else if (starts_with(url, "redis://", &rest)) {
        good = parse_tcp(rest, &parsed);
    } else if (starts_with(url, "rediss://", &rest)) {
        parsed.tls = true;
        good = parse_tcp(rest, &parsed);
    } else {
        return mr_error_set(
            ret_error, MR_ERR_INVALID,
            "the Redis URL must begin with redis://, rediss:// or unix://");
    }
    if (!good)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "the Redis URL does not read as "
                            "redis://[user[:password]@]host[:port][/db]");
    *ret_url = parsed;
    return MR_OK;
}
