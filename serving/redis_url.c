#include "serving/redis_url.h"

#include "core/text.h"
#include "serving/percent.h"

#include <string.h>

enum { DEFAULT_PORT = 6379, SENTINEL_PORT = 26379, DATABASE_MAX = 65535 };

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
static bool parse_login(const char *rest, const char *end, mr_redis_login *login,
                        const char **ret_rest)
{
    *ret_rest = rest;
    const char *at = memrchr(rest, '@', (size_t)(end - rest));
    if (at == NULL)
        return true;
    const char *colon = memchr(rest, ':', (size_t)(at - rest));
    const char *user_end = colon != NULL ? colon : at;
    *ret_rest = at + 1;
    return copy_decoded(rest, (size_t)(user_end - rest), login->user,
                        sizeof(login->user)) &&
           (colon == NULL || copy_decoded(colon + 1, (size_t)(at - colon - 1),
                                          login->password, sizeof(login->password)));
}

static bool parse_host(const char *host, const char *end, int default_port,
                       mr_redis_address *address)
{
    const char *host_end;
    const char *port;
    if (host < end && *host == '[') {
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
        !copy_text(host, (size_t)(host_end - host), address->host, sizeof(address->host)))
        return false;
    address->port = default_port;
    if (port == end)
        return true;
    return *port == ':' &&
           parse_number(port + 1, (size_t)(end - port - 1), 65535, &address->port) &&
           address->port > 0;
}

/* "host:port,host:port"; a single server is one host. */
static bool parse_hosts(const char *hosts, const char *end, mr_redis_url *url)
{
    const int port = url->kind == MR_REDIS_SENTINEL ? SENTINEL_PORT : DEFAULT_PORT;
    const size_t most = url->kind == MR_REDIS_SINGLE ? 1 : MR_REDIS_HOSTS_MAX;
    for (;;) {
        const char *comma = memchr(hosts, ',', (size_t)(end - hosts));
        const char *host_end = comma != NULL ? comma : end;
        if (url->host_count == most ||
            !parse_host(hosts, host_end, port, &url->hosts[url->host_count]))
            return false;
        url->host_count++;
        if (comma == NULL)
            return true;
        hosts = comma + 1;
    }
}

static bool parse_unix(const char *rest, mr_redis_url *url)
{
    mr_redis_address *address = &url->hosts[0];
    const char *question = strchr(rest, '?');
    const char *end = question != NULL ? question : rest + strlen(rest);
    url->host_count = 1;
    address->is_unix = true;
    if (!parse_login(rest, end, &url->login, &rest) || *rest != '/' ||
        !copy_text(rest, (size_t)(end - rest), address->host, sizeof(address->host)))
        return false;
    const char *number;
    return question == NULL ||
           (starts_with(question, "?db=", &number) &&
            parse_number(number, strlen(number), DATABASE_MAX, &url->database));
}

/* "sentinel_user=…&sentinel_password=…" */
static bool parse_sentinel_login(const char *query, mr_redis_login *login)
{
    for (;;) {
        const char *end = strchrnul(query, '&');
        const char *value;
        bool good = false;
        if (starts_with(query, "sentinel_user=", &value))
            good = copy_decoded(value, (size_t)(end - value), login->user,
                                sizeof(login->user));
        else if (starts_with(query, "sentinel_password=", &value))
            good = copy_decoded(value, (size_t)(end - value), login->password,
                                sizeof(login->password));
        if (!good || *end == '\0')
            return good;
        query = end + 1;
    }
}

/* What follows the hosts: "/db", or "/master/db?…". */
static bool parse_path(const char *path, const char *end, mr_redis_url *url)
{
    if (url->kind == MR_REDIS_SENTINEL) {
        const char *slash = memchr(path, '/', (size_t)(end - path));
        const char *name_end = slash != NULL ? slash : end;
        if (name_end == path || !copy_decoded(path, (size_t)(name_end - path),
                                              url->master, sizeof(url->master)))
            return false;
        path = slash != NULL ? slash + 1 : end;
    }
    if (path == end)
        return true;
    return parse_number(path, (size_t)(end - path), DATABASE_MAX, &url->database) &&
           (url->kind != MR_REDIS_CLUSTER || url->database == 0);
}

static bool parse_tcp(const char *rest, mr_redis_url *url)
{
    /* A password may hold '/': the hosts begin after the last '@' of the whole. */
    const char *hosts;
    if (!parse_login(rest, rest + strlen(rest), &url->login, &hosts))
        return false;
    const char *end = hosts + strlen(hosts);
    if (url->kind == MR_REDIS_SENTINEL) {
        const char *question = strchr(hosts, '?');
        if (question != NULL && !parse_sentinel_login(question + 1, &url->sentinel_login))
            return false;
        end = question != NULL ? question : end;
    }
    const char *slash = memchr(hosts, '/', (size_t)(end - hosts));
    if (!parse_hosts(hosts, slash != NULL ? slash : end, url))
        return false;
    if (slash == NULL)
        return url->kind != MR_REDIS_SENTINEL;
    return parse_path(slash + 1, end, url);
}

static const struct {
    const char *scheme;
    mr_redis_kind kind;
    bool tls;
    bool is_unix;
    const char *form;
} schemes[] = {
    {"redis://", MR_REDIS_SINGLE, false, false,
     "redis://[user[:password]@]host[:port][/db]"},
    {"rediss://", MR_REDIS_SINGLE, true, false,
     "rediss://[user[:password]@]host[:port][/db]"},
    {"unix://", MR_REDIS_SINGLE, false, true,
     "unix://[user[:password]@]/path[?db=number]"},
    {"redis+cluster://", MR_REDIS_CLUSTER, false, false,
     "redis+cluster://[user[:password]@]host[:port][,host[:port]...] (at most 16 hosts, "
     "database 0)"},
    {"rediss+cluster://", MR_REDIS_CLUSTER, true, false,
     "rediss+cluster://[user[:password]@]host[:port][,host[:port]...] (at most 16 hosts, "
     "database 0)"},
    {"redis+sentinel://", MR_REDIS_SENTINEL, false, false,
     "redis+sentinel://[user[:password]@]host[:port][,host[:port]...]/master[/db]"
     "[?sentinel_user=...&sentinel_password=...]"},
    {"rediss+sentinel://", MR_REDIS_SENTINEL, true, false,
     "rediss+sentinel://[user[:password]@]host[:port][,host[:port]...]/master[/db]"
     "[?sentinel_user=...&sentinel_password=...]"},
};

mr_status mr_redis_url_parse(const char *url, mr_redis_url *ret_url, mr_error *ret_error)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        mr_redis_url parsed = {.kind = schemes[i].kind, .tls = schemes[i].tls};
        const char *rest;
        if (!starts_with(url, schemes[i].scheme, &rest))
            continue;
        if (schemes[i].is_unix ? parse_unix(rest, &parsed) : parse_tcp(rest, &parsed)) {
            *ret_url = parsed;
            return MR_OK;
        }
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "the Redis URL does not read as %s", schemes[i].form);
    }
    return mr_error_set(ret_error, MR_ERR_INVALID,
                        "the Redis URL must begin with redis://, rediss://, unix://, "
                        "redis+cluster://, rediss+cluster://, redis+sentinel:// or "
                        "rediss+sentinel://");
}
