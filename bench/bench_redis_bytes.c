/*
 * What does a user take of Redis?  Both values of users with a hundred stored items and 48 stored
 * events, as serving writes them, beside gorse's layout of the same hundred items: one hash an
 * item, with its seven fields (gorse storage/cache/redis.go, AddScores), without the search index
 * that gorse needs on top.  Both in one real server by MEMORY USAGE of one user's keys; the growth
 * of used_memory over all users, which has the tables of keys in it, is printed beside it.
 */
#include "bench/bench.h"
#include "bench/child.h"
#include "bench/stored_lists.h"
#include "core/file.h"
#include "serving/cache_redis.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    PEER_USERS = 500, /* fewer than ours: each is a hundred keys */
    ITEMS = 100,
    COMMAND_BYTES = 1024,
    REPLY_BYTES = 1 << 14,
    START_TRIES = 500,
    START_TRY_US = 10000,
};

#define VALUE_BYTES_MAX 1152.0
#define KEYS_BYTES_MAX 2048.0
#define GORSE_LEAST 15.0

static int connect_to(uint16_t port)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(port),
                                        .sin_addr = {htonl(INADDR_LOOPBACK)}};
    for (int i = 0; i < START_TRIES; i++) {
        const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(descriptor, (const struct sockaddr *)&address, sizeof(address)) == 0)
            return descriptor;
        (void)close(descriptor);
        (void)usleep(START_TRY_US);
    }
    mr_bench_check(false, "a server that listens within five seconds");
    return -1;
}

static uint16_t start_redis(const char *root, mr_child *ret_redis)
{
    char program[MR_CHILD_PATH_BYTES];
    char folder[MR_CHILD_PATH_BYTES];
    char log[MR_CHILD_PATH_BYTES];
    char number[8];
    const uint16_t port = mr_child_free_port();
    if (mr_child_find("redis-server", program) != MR_OK)
        return 0;
    (void)snprintf(number, sizeof(number), "%u", port);
    (void)snprintf(folder, sizeof(folder), "%s", root);
    (void)snprintf(log, sizeof(log), "%s/redis.log", root);
    char *const arguments[] = {program,     "--port",      number, "--bind",
                               "127.0.0.1", "--save",      "",     "--appendonly",
                               "no",        "--dir",       folder, "--logfile",
                               log,         "--daemonize", "no",   NULL};
    mr_bench_must(mr_child_start(arguments, MR_CHILD_ANY_CORE, ret_redis), "redis");
    return port;
}

/* ---- An inline command and its one reply [Redis protocol specification] ---- */

static void ask(int descriptor, char reply[REPLY_BYTES], const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A reply of one read: a number, a status, or a bulk string that is whole when its length is. */
static void ask(int descriptor, char reply[REPLY_BYTES], const char *format, ...)
{
    char command[COMMAND_BYTES];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(command, sizeof(command), format, arguments);
    va_end(arguments);
    mr_bench_check(length > 0 && length < COMMAND_BYTES &&
                       send(descriptor, command, (size_t)length, MSG_NOSIGNAL) == length,
                   "a command sent whole");
    size_t have = 0;
    size_t want = 1;
    while (have < want) {
        const ssize_t got = recv(descriptor, reply + have, REPLY_BYTES - 1 - have, 0);
        mr_bench_check(got > 0, "a reply");
        have += (size_t)got;
        reply[have] = '\0';
        const char *end = strstr(reply, "\r\n");
        want = end == NULL ? have + 1 : (size_t)(end + 2 - reply);
        if (end != NULL && reply[0] == '$')
            want += strtoul(reply + 1, NULL, 10) + 2;
    }
    mr_bench_check(reply[0] != '-', reply);
}

static double used_memory(int descriptor)
{
    char reply[REPLY_BYTES];
    ask(descriptor, reply, "INFO memory\r\n");
    const char *field = strstr(reply, "\nused_memory:");
    mr_bench_check(field != NULL, "used_memory");
    return strtod(field + strlen("\nused_memory:"), NULL);
}

/* ---- The two layouts ---- */

static double ours(int descriptor, uint16_t port, const mr_hash_key *key)
{
    char url[64];
    mr_cache *cache;
    mr_error error = {""};
    (void)snprintf(url, sizeof(url), "redis://127.0.0.1:%u", port);
    const mr_cache_redis_options options = {.url = url, .clock = mr_clock_system()};
    mr_bench_must(mr_cache_redis_create(&options, &cache, &error), error.message);
    const double before = used_memory(descriptor);
    mr_bench_must(mr_stored_lists_fill(cache, key), "fill");
    const double after = used_memory(descriptor);
    mr_cache_destroy(cache);
    return (after - before) / MR_STORED_USERS;
}

static double memory_usage(int descriptor, const char *key)
{
    char reply[REPLY_BYTES];
    ask(descriptor, reply, "MEMORY USAGE %s SAMPLES 0\r\n", key);
    return strtod(reply + 1, NULL);
}

static double key_of_ours(int descriptor, const mr_hash_key *key, mr_cache_kind kind)
{
    char name[MR_STORED_NAME_BYTES];
    char text[MR_CACHE_KEY_TEXT_BYTES];
    const mr_hash128 user = mr_hash_user(key, mr_stored_user(1, name));
    (void)mr_cache_user_key(user, kind, text);
    return memory_usage(descriptor, text);
}

static void name_document(uint32_t user, uint32_t item, char key[64])
{
    char name[MR_STORED_NAME_BYTES];
    (void)snprintf(key, 64, "documents:recommend:%s:item-%05u",
                   mr_stored_user(user, name).bytes, item);
}

static double gorses(int descriptor)
{
    char reply[REPLY_BYTES];
    char name[MR_STORED_NAME_BYTES];
    char key[64];
    const double before = used_memory(descriptor);
    for (uint32_t user = 0; user < PEER_USERS; user++) {
        (void)mr_stored_user(user, name);
        for (uint32_t i = 0; i < ITEMS; i++) {
            name_document(user, user * 31 + i * 17, key);
            ask(descriptor, reply,
                "HSET %s collection recommend subset %s id item-%05u score %.17g "
                "is_hidden 0 categories X2hvbWU;X2dpZnRz timestamp 1764000000000000\r\n",
                key, name, user * 31 + i * 17, 1.0 / (1 + i));
        }
    }
    return (used_memory(descriptor) - before) / PEER_USERS;
}

static double keys_of_gorse(int descriptor)
{
    char key[64];
    double bytes = 0.0;
    for (uint32_t i = 0; i < ITEMS; i++) {
        name_document(1, 31 + i * 17, key);
        bytes += memory_usage(descriptor, key);
    }
    return bytes;
}

int main(int count, char **arguments)
{
    (void)count;
    mr_bench_start(arguments);
    const char *directory = getenv("TMPDIR");
    char root[MR_CHILD_PATH_BYTES / 2];
    mr_child redis;
    mr_hash_key key;
    mr_buffer value = {0};
    (void)snprintf(root, sizeof(root), "%s/millrace-bench-XXXXXX",
                   directory != NULL ? directory : "/tmp");
    mr_bench_have(mkdtemp(root));
    mr_hash_key_init(&key, "bench", 5);
    const uint16_t port = start_redis(root, &redis);
    if (port == 0) {
        mr_bench_peer_absent("redis_bytes_of_two_keys", "redis-server");
    } else {
        const int descriptor = connect_to(port);
        mr_bench_must(mr_stored_list_encode(&key, 0, &value), "a stored list");
        const double mine = ours(descriptor, port, &key);
        const double list = key_of_ours(descriptor, &key, MR_CACHE_RESULT);
        const double both = list + key_of_ours(descriptor, &key, MR_CACHE_STATE);
        const double theirs = gorses(descriptor);
        const double keys = keys_of_gorse(descriptor);
        (void)printf("redis_bytes/user value=%zu list=%.0f both=%.0f used_memory=%.0f "
                     "gorse_list=%.0f gorse_used_memory=%.0f gorse_by_both=%.1f\n",
                     value.length, list, both, mine, keys, theirs, keys / both);
        (void)mr_bench_ratio("redis_bytes_of_a_list", (double)value.length,
                             VALUE_BYTES_MAX);
        (void)mr_bench_ratio("redis_bytes_of_two_keys", both, KEYS_BYTES_MAX);
        /* The same hundred items on both sides; of the second key gorse has no counterpart. */
        (void)mr_bench_at_least("redis_gorse_list_by_ours", keys / list, GORSE_LEAST);
        (void)close(descriptor);
        (void)mr_child_stop(&redis);
    }
    mr_buffer_deinit(&value);
    mr_bench_must(mr_directory_remove(root, NULL), "removing the folder");
    return 0;
}
