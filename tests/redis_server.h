/*
 * Redis server: real ones for tests, on ports nobody else has, gone when the test is.
 *
 * MR_REDIS_SERVER names the program (redis-server or valkey-server) and MR_REDIS_DIRECTORY a
 * directory for what it writes; run_redis.sh sets both.
 */
#ifndef MR_TESTS_REDIS_SERVER_H
#define MR_TESTS_REDIS_SERVER_H

#include "serving/cache_redis.h"
#include "tests/cache_behaviour.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    REDIS_START_TRIES = 500,
    REDIS_TEXT_BYTES = 1 << 16,
    REDIS_ARGUMENTS_MAX = 48,
    REDIS_BUS_PORT_STEP = 10000,
    REDIS_TTL_MS = 86400000, /* longer than any test */
};

typedef struct redis_server {
    pid_t pid;
    uint16_t port;
    char directory[256];
} redis_server;

static inline int64_t now_ms(void)
{
    return mr_clock_monotonic_ns(mr_clock_system()) / 1000000;
}

static inline void sleep_ms(int ms)
{
    (void)usleep((useconds_t)ms * 1000);
}

/* ---- Sockets ---- */

/* Port 0 takes any; -1 when it is taken. */
static inline int listen_at(uint16_t port, uint16_t *ret_port)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int yes = 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t bytes = sizeof(address);
    assert_true(fd >= 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(fd, 64) != 0) {
        (void)close(fd);
        return -1;
    }
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &bytes), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static inline int listen_somewhere(uint16_t *ret_port)
{
    const int fd = listen_at(0, ret_port);
    assert_true(fd >= 0);
    return fd;
}

/* Below those that the system gives to outgoing connections, one of which might have it before its
 * server comes. */
static inline uint16_t free_port(void)
{
    for (int i = 0; i < 1000; i++) {
        uint16_t drawn = 0;
        uint16_t port = 0;
        assert_int_equal(getrandom(&drawn, sizeof(drawn), 0), sizeof(drawn));
        const int fd = listen_at((uint16_t)(10240 + drawn % 9760), &port);
        if (fd >= 0) {
            (void)close(fd);
            return port;
        }
    }
    fail_msg("%s", "found no free port");
    return 0;
}

/* One whose port of the cluster's bus is free as well. */
static inline uint16_t free_cluster_port(void)
{
    for (int i = 0; i < 1000; i++) {
        uint16_t bus = 0;
        const uint16_t port = free_port();
        const int fd = port + REDIS_BUS_PORT_STEP <= 65535
                           ? listen_at((uint16_t)(port + REDIS_BUS_PORT_STEP), &bus)
                           : -1;
        if (fd >= 0) {
            (void)close(fd);
            return port;
        }
    }
    fail_msg("%s", "found no pair of free ports");
    return 0;
}

static inline int connect_to(uint16_t port)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(port),
                                        .sin_addr = {htonl(INADDR_LOOPBACK)}};
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

/* ---- Servers ---- */

static inline void redis_wait(const redis_server *server)
{
    for (int i = 0; i < REDIS_START_TRIES; i++) {
        const int fd = connect_to(server->port);
        if (fd >= 0) {
            (void)close(fd);
            return;
        }
        sleep_ms(10);
    }
    fail_msg("%s", "the server did not start");
}

/* A directory of its own for server->port. */
static inline void redis_make_directory(redis_server *server)
{
    (void)snprintf(server->directory, sizeof(server->directory), "%s/%u",
                   getenv("MR_REDIS_DIRECTORY"), server->port);
    if (mkdir(server->directory, 0700) != 0)
        assert_int_equal(errno, EEXIST);
}

/* On server->port, with these arguments (the last NULL) behind the usual ones. */
static inline void redis_start(redis_server *server, const char *const *more)
{
    char port[8];
    const char *arguments[REDIS_ARGUMENTS_MAX] = {
        "redis-server", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"};
    size_t count = 7;
    redis_make_directory(server);
    (void)snprintf(port, sizeof(port), "%u", server->port);
    arguments[count++] = "--dir";
    arguments[count++] = server->directory;
    if (more == NULL || strcmp(more[0], "--port") != 0) {
        arguments[count++] = "--port";
        arguments[count++] = port;
    }
    for (; more != NULL && *more != NULL; more++)
        arguments[count++] = *more;
    server->pid = fork();
    assert_true(server->pid >= 0);
    if (server->pid == 0) {
        const int null = open("/dev/null", O_WRONLY);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)dup2(null, STDOUT_FILENO);
        (void)execv(getenv("MR_REDIS_SERVER"), (char *const *)arguments);
        _exit(127);
    }
    redis_wait(server);
}

static inline void redis_kill(redis_server *server)
{
    if (server->pid <= 0)
        return;
    (void)kill(server->pid, SIGKILL);
    (void)waitpid(server->pid, NULL, 0);
    server->pid = 0;
}

/* One inline command; its reply as it came, or "" for none.  Overwritten by the next. */
static inline const char *redis_say(uint16_t port, const char *text)
{
    static char reply[REDIS_TEXT_BYTES];
    size_t length = 0;
    const struct timeval patience = {.tv_sec = 10};
    const int fd = connect_to(port);
    reply[0] = '\0';
    if (fd < 0)
        return reply;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    (void)send(fd, text, strlen(text), MSG_NOSIGNAL);
    (void)send(fd, "\r\n", 2, MSG_NOSIGNAL);
    (void)shutdown(fd, SHUT_WR);
    for (;;) {
        const ssize_t got = recv(fd, reply + length, sizeof(reply) - 1 - length, 0);
        if (got <= 0)
            break;
        length += (size_t)got;
    }
    (void)close(fd);
    reply[length] = '\0';
    return reply;
}

__attribute__((format(printf, 3, 4))) static inline void redis_expect(
    uint16_t port, const char *expected, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    const char *reply = redis_say(port, text);
    if (strstr(reply, expected) == NULL)
        fail_msg("%s: %s, not %s", text, reply, expected);
}

/* The user of docs/OPERATIONS.md, with this password. */
static inline void read_documented_user(const char *password, char *ret_line,
                                        size_t bytes)
{
    char path[1024];
    char line[512];
    static const char begin[] = "    ACL SETUSER millrace on >PASSWORD ";
    const char *source = getenv("MILLRACE_SOURCE");
    (void)snprintf(path, sizeof(path), "%s/docs/OPERATIONS.md",
                   source != NULL ? source : ".");
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    ret_line[0] = '\0';
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, begin, sizeof(begin) - 1) != 0)
            continue;
        line[strcspn(line, "\n")] = '\0';
        (void)snprintf(ret_line, bytes, "ACL SETUSER millrace on >%s %s", password,
                       line + sizeof(begin) - 1);
    }
    (void)fclose(file);
    assert_true(ret_line[0] != '\0');
}

/* Make that user at a server. */
static inline void redis_make_user(uint16_t port, const char *password)
{
    char line[512];
    read_documented_user(password, line, sizeof(line));
    redis_expect(port, "+OK", "%s", line);
}

/* ---- Caches ---- */

static inline mr_cache *open_url(const char *url)
{
    mr_error error = {""};
    mr_cache *cache;
    const mr_cache_redis_options options = {
        .url = url, .connect_timeout_ms = 1000, .clock = mr_clock_system()};
    if (mr_cache_redis_create(&options, &cache, &error) != MR_OK)
        fail_msg("%s", error.message);
    return cache;
}

/* `login` is "user:password@" or "". */
static inline mr_cache *open_cache(const char *login, uint16_t port)
{
    char url[128];
    (void)snprintf(url, sizeof(url), "redis://%s127.0.0.1:%u/0", login, port);
    return open_url(url);
}

static inline mr_status try_get(mr_cache *cache, const char *key, int timeout_ms,
                                mr_text *ret_value)
{
    const mr_text text = mr_text_from(key);
    mr_buffer_clear(&behaviour_storage);
    return mr_cache_get_many(cache, &text, 1, timeout_ms, &behaviour_storage, ret_value);
}

/* Its own name as the value, with that offset in its fence. */
static inline mr_status try_set_at(mr_cache *cache, const char *key, int64_t offset,
                                   int timeout_ms)
{
    mr_buffer buffer = {0};
    const mr_cache_entry entry = {mr_text_from(key),
                                  behaviour_value(&buffer, 1, offset, key), REDIS_TTL_MS};
    const mr_status status = mr_cache_set_many(cache, &entry, 1, timeout_ms);
    mr_buffer_deinit(&buffer);
    return status;
}

static inline mr_status try_set(mr_cache *cache, const char *key, int timeout_ms)
{
    return try_set_at(cache, key, 1, timeout_ms);
}

/* Ask until it answers; how long that took. */
static inline int64_t wait_until_up(mr_cache *cache)
{
    const int64_t start_ms = now_ms();
    mr_text value;
    while (try_get(cache, "mr:{u:up}:r", 50, &value) != MR_OK) {
        assert_true(now_ms() - start_ms < 10000);
        sleep_ms(5);
    }
    assert_int_equal(mr_cache_down_since_ms(cache), 0);
    return now_ms() - start_ms;
}

/* The real clock, which a test can push forward: a breaker's wait is then over at once. */
typedef struct skewed_clock {
    mr_clock clock;
    _Atomic int64_t skew_ms;
} skewed_clock;

static inline int64_t skewed_wall_ms(const mr_clock *clock)
{
    return mr_clock_wall_ms(mr_clock_system()) + ((const skewed_clock *)clock)->skew_ms;
}

static inline int64_t skewed_monotonic_ns(const mr_clock *clock)
{
    return mr_clock_monotonic_ns(mr_clock_system()) +
           ((const skewed_clock *)clock)->skew_ms * INT64_C(1000000);
}

static inline skewed_clock skewed_clock_of_now(void)
{
    return (skewed_clock){.clock = {skewed_wall_ms, skewed_monotonic_ns}};
}

/* Words of the command line choose tests: those whose name holds the first. */
static inline void choose_tests(int argc, char **argv)
{
    static char filter[64];
    if (argc < 2 || argv[1][0] == '-')
        return;
    (void)snprintf(filter, sizeof(filter), "*%s*", argv[1]);
    cmocka_set_test_filter(filter);
}

#endif
