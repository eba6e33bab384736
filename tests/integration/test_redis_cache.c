/*
 * The Redis cache against a real server that is paused, killed, restarted, filled up and made a
 * replica, and against a scripted one that says whatever a server could say.  Nothing may crash
 * or hang, a read gives the user's own value or none, and the cache comes back by itself.
 */
#include "serving/cache_redis.h"

#include "serving/result_codec.h"
#include "serving/user_state_codec.h"
#include "tests/cache_behaviour.h"
#include "tests/certificate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { START_TRIES = 500, TEXT_BYTES = 4096 };

static pid_t server_pid;
static uint16_t server_port;

static int64_t now_ms(void)
{
    return mr_clock_monotonic_ns(mr_clock_system()) / 1000000;
}

static void sleep_ms(int ms)
{
    (void)usleep((useconds_t)ms * 1000);
}

/* ---- A real server ---- */

static int listen_somewhere(uint16_t *ret_port)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t bytes = sizeof(address);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &bytes), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static int connect_to(uint16_t port)
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

static void wait_for_server(uint16_t port)
{
    for (int i = 0; i < START_TRIES; i++) {
        const int fd = connect_to(port);
        if (fd >= 0) {
            (void)close(fd);
            return;
        }
        sleep_ms(10);
    }
    fail_msg("%s", "the server did not start");
}

static void start_server(void)
{
    char port[8];
    (void)snprintf(port, sizeof(port), "%u", server_port);
    server_pid = fork();
    assert_true(server_pid >= 0);
    if (server_pid == 0) {
        const int null = open("/dev/null", O_WRONLY);
        (void)dup2(null, STDOUT_FILENO);
        (void)execl(getenv("MR_REDIS_SERVER"), "redis-server", "--port", port, "--bind",
                    "127.0.0.1", "--save", "", "--appendonly", "no", "--dir",
                    getenv("MR_REDIS_DIRECTORY"), (char *)NULL);
        _exit(127);
    }
    wait_for_server(server_port);
}

static void kill_server(void)
{
    (void)kill(server_pid, SIGKILL);
    (void)waitpid(server_pid, NULL, 0);
    server_pid = 0;
}

/* One inline command; its reply's first bytes. */
static const char *command(const char *text)
{
    static char reply[TEXT_BYTES];
    const int fd = connect_to(server_port);
    assert_true(fd >= 0);
    assert_true(write(fd, text, strlen(text)) > 0);
    assert_true(write(fd, "\r\n", 2) == 2);
    const ssize_t got = read(fd, reply, sizeof(reply) - 1);
    (void)close(fd);
    reply[got > 0 ? got : 0] = '\0';
    return reply;
}

static mr_cache *open_cache(const char *login, uint16_t port)
{
    char url[128];
    mr_error error = {""};
    mr_cache *cache;
    (void)snprintf(url, sizeof(url), "redis://%s127.0.0.1:%u/0", login, port);
    const mr_cache_redis_options options = {.url = url, .clock = mr_clock_system()};
    if (mr_cache_redis_create(&options, &cache, &error) != MR_OK)
        fail_msg("%s", error.message);
    return cache;
}

static int set_up(void **state)
{
    (void)state;
    if (getenv("MR_REDIS_SERVER") == NULL)
        return -1;
    (void)close(listen_somewhere(&server_port));
    start_server();
    behaviour_cache = open_cache("", server_port);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mr_cache_destroy(behaviour_cache);
    mr_buffer_deinit(&behaviour_storage);
    if (server_pid > 0)
        kill_server();
    return 0;
}

static mr_status try_get(mr_cache *cache, const char *key, int timeout_ms,
                         mr_text *ret_value)
{
    const mr_text text = mr_text_from(key);
    mr_buffer_clear(&behaviour_storage);
    return mr_cache_get_many(cache, &text, 1, timeout_ms, &behaviour_storage, ret_value);
}

static mr_status try_set(mr_cache *cache, const char *key, int timeout_ms)
{
    mr_buffer buffer = {0};
    const mr_cache_entry entry = {mr_text_from(key), behaviour_value(&buffer, 1, 1, key),
                                  BEHAVIOUR_TTL_MS};
    const mr_status status = mr_cache_set_many(cache, &entry, 1, timeout_ms);
    mr_buffer_deinit(&buffer);
    return status;
}

/* Ask until it answers; how long that took. */
static int64_t wait_until_up(mr_cache *cache)
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

/* ---- What a real server does ---- */

static void test_a_value_is_gone_when_its_time_is_up(void **state)
{
    (void)state;
    behaviour_set("mr:{u:ttl}:r", 1, 1, "x", 60);
    assert_body("mr:{u:ttl}:r", "x");
    sleep_ms(100);
    assert_int_equal(behaviour_get("mr:{u:ttl}:r").length, 0);
}

static void test_both_keys_of_a_full_user_take_at_most_2_kib(void **state)
{
    (void)state;
    static mr_result result;
    static mr_user_state user;
    mr_hash_key key;
    const mr_hash128 hash = {1, 2};
    mr_buffer values[2] = {{0}};
    char keys[2][MR_CACHE_KEY_TEXT_BYTES];
    mr_cache_entry entries[2];
    mr_hash_key_init(&key, "", 0);
    result.dictionary = 1000;
    result.count = 100;
    for (uint32_t i = 0; i < 100; i++)
        result.items[i] = (mr_scored_item){i, 1.0F, 100 + i, MR_SOURCE_BLEND};
    user.item_count = 100;
    for (int i = 0; i < 100; i++)
        user.items[i].item_id = MR_TEXT("item");
    assert_ok(mr_result_encode(hash, &result, &values[0]));
    assert_ok(mr_user_state_encode(&key, hash, &user, &values[1]));
    long total = 0;
    for (int i = 0; i < 2; i++) {
        entries[i] = (mr_cache_entry){
            mr_cache_user_key(hash, i == 0 ? MR_CACHE_RESULT : MR_CACHE_STATE, keys[i]),
            {(const char *)values[i].bytes, (uint32_t)values[i].length},
            604800000};
    }
    assert_ok(mr_cache_set_many(behaviour_cache, entries, 2, BEHAVIOUR_TIMEOUT_MS));
    for (int i = 0; i < 2; i++) {
        char text[128];
        (void)snprintf(text, sizeof(text), "MEMORY USAGE %s", keys[i]);
        const char *reply = command(text);
        assert_int_equal(reply[0], ':');
        total += strtol(reply + 1, NULL, 10);
        mr_buffer_deinit(&values[i]);
    }
    print_message("MEMORY USAGE of both keys: %ld bytes\n", total);
    assert_true(total <= 2048);
}

static void test_a_lost_script_is_sent_again(void **state)
{
    (void)state;
    behaviour_set("mr:{u:script}:r", 1, 1, "before", BEHAVIOUR_TTL_MS);
    assert_string_equal(command("SCRIPT FLUSH"), "+OK\r\n");
    behaviour_set("mr:{u:script}:r", 1, 2, "after", BEHAVIOUR_TTL_MS);
    assert_body("mr:{u:script}:r", "after");
}

static void test_a_foreign_value_under_our_key_is_absent_and_replaced(void **state)
{
    (void)state;
    assert_string_equal(command("LPUSH mr:{u:list}:r x"), ":1\r\n");
    assert_int_equal(behaviour_get("mr:{u:list}:r").length, 0);
    behaviour_set("mr:{u:list}:r", 1, 1, "ours", BEHAVIOUR_TTL_MS);
    assert_body("mr:{u:list}:r", "ours");
}

static void test_an_idle_connection_that_was_closed_costs_no_answer(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        behaviour_set("mr:{u:idle}:r", 1, 1, "x", BEHAVIOUR_TTL_MS);
        (void)command("CLIENT KILL TYPE normal");
        sleep_ms(20);
        assert_body("mr:{u:idle}:r", "x");
    }
}

static void test_a_killed_server_costs_no_time_and_is_found_again(void **state)
{
    (void)state;
    mr_text value;
    for (int round = 0; round < 5; round++) {
        (void)wait_until_up(behaviour_cache);
        kill_server();
        assert_int_equal(try_get(behaviour_cache, "mr:{u:k}:r", 50, &value),
                         MR_ERR_UNAVAILABLE);
        assert_true(mr_cache_down_since_ms(behaviour_cache) > 0);
        const int64_t start_ms = now_ms();
        for (int i = 0; i < 1000; i++)
            assert_int_equal(try_get(behaviour_cache, "mr:{u:k}:r", 50, &value),
                             MR_ERR_UNAVAILABLE);
        assert_true(now_ms() - start_ms < 500);
        sleep_ms(300);
        start_server();
        assert_true(wait_until_up(behaviour_cache) <= 2200);
        assert_ok(try_set(behaviour_cache, "mr:{u:k}:r", 1000));
    }
}

static void test_a_paused_server_costs_one_time_out(void **state)
{
    (void)state;
    mr_text value;
    (void)wait_until_up(behaviour_cache);
    assert_int_equal(kill(server_pid, SIGSTOP), 0);
    int64_t start_ms = now_ms();
    assert_int_equal(try_get(behaviour_cache, "mr:{u:p}:r", 40, &value),
                     MR_ERR_UNAVAILABLE);
    const int64_t first_ms = now_ms() - start_ms;
    assert_true(first_ms >= 40 && first_ms < 100);
    start_ms = now_ms();
    for (int i = 0; i < 1000; i++)
        assert_int_equal(try_get(behaviour_cache, "mr:{u:p}:r", 40, &value),
                         MR_ERR_UNAVAILABLE);
    assert_true(now_ms() - start_ms < 300);
    assert_int_equal(kill(server_pid, SIGCONT), 0);
    assert_true(wait_until_up(behaviour_cache) <= 2200);
}

static void test_a_full_server_refuses_writes_and_still_reads(void **state)
{
    (void)state;
    assert_ok(try_set(behaviour_cache, "mr:{u:full}:r", 1000));
    assert_string_equal(command("CONFIG SET maxmemory 100kb"), "+OK\r\n");
    assert_int_equal(try_set(behaviour_cache, "mr:{u:full2}:r", 1000),
                     MR_ERR_UNAVAILABLE);
    assert_string_equal(mr_cache_redis_last_error(behaviour_cache), "OOM");
    assert_int_equal(mr_cache_down_since_ms(behaviour_cache), 0);
    assert_body("mr:{u:full}:r", "mr:{u:full}:r");
    assert_string_equal(command("CONFIG SET maxmemory 0"), "+OK\r\n");
    assert_ok(try_set(behaviour_cache, "mr:{u:full2}:r", 1000));
}

static void test_a_replica_takes_no_writes_until_it_is_promoted(void **state)
{
    (void)state;
    uint16_t nowhere;
    char text[64];
    (void)close(listen_somewhere(&nowhere));
    (void)snprintf(text, sizeof(text), "REPLICAOF 127.0.0.1 %u", nowhere);
    assert_string_equal(command(text), "+OK\r\n");
    assert_int_equal(try_set(behaviour_cache, "mr:{u:ro}:r", 1000), MR_ERR_UNAVAILABLE);
    assert_string_equal(mr_cache_redis_last_error(behaviour_cache), "READONLY");
    assert_true(mr_cache_down_since_ms(behaviour_cache) > 0);
    assert_string_equal(command("REPLICAOF NO ONE"), "+OK\r\n");
    (void)wait_until_up(behaviour_cache);
    assert_ok(try_set(behaviour_cache, "mr:{u:ro}:r", 1000));
}

static void test_logs_in_with_the_password_of_the_url(void **state)
{
    (void)state;
    assert_string_equal(
        command(
            "ACL SETUSER app on >p@ss ~mr:* +mget +evalsha +eval +getrange +set +unlink"
            " +select +auth"),
        "+OK\r\n");
    mr_text value;
    mr_cache *right = open_cache("app:p%40ss@", server_port);
    mr_cache *wrong = open_cache("app:no@", server_port);
    assert_ok(try_set(right, "mr:{u:acl}:r", 1000));
    assert_ok(try_get(right, "mr:{u:acl}:r", 1000, &value));
    assert_true(value.length > 0);
    assert_int_equal(try_get(right, "other", 1000, &value), MR_ERR_UNAVAILABLE);
    assert_string_equal(mr_cache_redis_last_error(right), "NOPERM");
    assert_int_equal(try_get(wrong, "mr:{u:acl}:r", 1000, &value), MR_ERR_UNAVAILABLE);
    assert_string_equal(mr_cache_redis_last_error(wrong), "WRONGPASS");
    mr_cache_destroy(right);
    mr_cache_destroy(wrong);
}

/* ---- Over TLS ---- */

/* A server whose certificate is for 127.0.0.1 and no other name. */
static pid_t start_tls_server(uint16_t port, const char *certificate, const char *key)
{
    char text[8];
    (void)snprintf(text, sizeof(text), "%u", port);
    const pid_t pid = fork();
    if (pid == 0) {
        const int null = open("/dev/null", O_WRONLY);
        (void)dup2(null, STDOUT_FILENO);
        (void)execl(getenv("MR_REDIS_SERVER"), "redis-server", "--port", "0",
                    "--tls-port", text, "--tls-cert-file", certificate, "--tls-key-file",
                    key, "--tls-ca-cert-file", certificate, "--tls-auth-clients", "no",
                    "--bind", "127.0.0.1", "--save", "", "--dir",
                    getenv("MR_REDIS_DIRECTORY"), (char *)NULL);
        _exit(127);
    }
    wait_for_server(port);
    return pid;
}

static mr_cache *open_sealed(const char *host, uint16_t port, const char *ca_file)
{
    char url[64];
    mr_error error = {""};
    mr_cache *cache;
    (void)snprintf(url, sizeof(url), "rediss://%s:%u", host, port);
    const mr_cache_redis_options options = {.url = url,
                                            .ca_file = ca_file,
                                            .connect_timeout_ms = 1000,
                                            .clock = mr_clock_system()};
    if (mr_cache_redis_create(&options, &cache, &error) != MR_OK)
        fail_msg("%s", error.message);
    return cache;
}

static void test_over_tls_the_server_must_be_who_it_says(void **state)
{
    char certificate[256];
    char key[256];
    char other[256];
    uint16_t port;
    mr_text value;
    const char *directory = getenv("MR_REDIS_DIRECTORY");
    (void)snprintf(certificate, sizeof(certificate), "%s/c.pem", directory);
    (void)snprintf(key, sizeof(key), "%s/k.pem", directory);
    (void)snprintf(other, sizeof(other), "%s/o.pem", directory);
    make_certificate("IP:127.0.0.1", other, key);
    make_certificate("IP:127.0.0.1", certificate, key);
    (void)close(listen_somewhere(&port));
    const pid_t pid = start_tls_server(port, certificate, key);

    mr_cache *const before = behaviour_cache;
    behaviour_cache = open_sealed("127.0.0.1", port, certificate);
    test_a_batch_keeps_its_order_over_users_and_gaps(state);
    test_an_older_owner_is_refused(state);
    test_binary_values_come_back_whole(state);
    mr_cache_destroy(behaviour_cache);
    behaviour_cache = before;

    /* Another name of the same machine, and a certificate we have no reason to trust. */
    mr_cache *named = open_sealed("localhost", port, certificate);
    mr_cache *foreign = open_sealed("127.0.0.1", port, other);
    assert_int_equal(try_get(named, "mr:{u:x}:r", 1000, &value), MR_ERR_UNAVAILABLE);
    assert_int_equal(try_get(foreign, "mr:{u:x}:r", 1000, &value), MR_ERR_UNAVAILABLE);
    mr_cache_destroy(named);
    mr_cache_destroy(foreign);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

/* ---- Late replies ---- */

enum { USERS = 64, REQUESTS = 5000, PROXY_TIMEOUT_MS = 4, LATE_MS = 7 };

/* Passes bytes both ways; one reply in fifty comes after its time-out. */
typedef struct proxy {
    int listener;
    uint16_t port;
    _Atomic bool stop;
} proxy;

static void pass(int from, int to, bool late)
{
    char bytes[65536];
    const ssize_t got = recv(from, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (late)
        sleep_ms(LATE_MS);
    if (got > 0)
        (void)send(to, bytes, (size_t)got, MSG_NOSIGNAL);
}

static void serve_client(proxy *p, int client, unsigned *seed)
{
    const int server = connect_to(server_port);
    struct pollfd both[2] = {{.fd = client, .events = POLLIN},
                             {.fd = server, .events = POLLIN}};
    while (!atomic_load(&p->stop) && server >= 0) {
        if (poll(both, 2, 50) <= 0)
            continue;
        char probe;
        if ((both[0].revents & POLLIN) != 0) {
            if (recv(client, &probe, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
                break;
            pass(client, server, false);
        }
        if ((both[1].revents & POLLIN) != 0)
            pass(server, client, rand_r(seed) % 50 == 0);
        if (((both[0].revents | both[1].revents) & (POLLERR | POLLHUP)) != 0)
            break;
    }
    (void)close(client);
    if (server >= 0)
        (void)close(server);
}

static void *run_proxy(void *argument)
{
    proxy *p = argument;
    unsigned seed = 42;
    while (!atomic_load(&p->stop)) {
        struct pollfd wait = {.fd = p->listener, .events = POLLIN};
        if (poll(&wait, 1, 50) == 1)
            serve_client(p, accept(p->listener, NULL, NULL), &seed);
    }
    return NULL;
}

static void test_a_late_reply_is_never_read_as_somebody_elses(void **state)
{
    (void)state;
    proxy p = {0};
    pthread_t thread;
    mr_text value;
    static char keys[USERS][32];
    p.listener = listen_somewhere(&p.port);
    for (int i = 0; i < USERS; i++) {
        (void)snprintf(keys[i], sizeof(keys[i]), "mr:{u:late%d}:r", i);
        assert_ok(try_set(behaviour_cache, keys[i], 1000));
    }
    assert_int_equal(pthread_create(&thread, NULL, run_proxy, &p), 0);
    mr_cache *cache = open_cache("", p.port);
    const mr_cache_counters *counters = mr_cache_counters_of(cache);
    int answered = 0;
    for (int i = 0; i < REQUESTS;) {
        const char *key = keys[i % USERS];
        const uint64_t rejected = atomic_load(&counters->rejected);
        const mr_status status = try_get(cache, key, PROXY_TIMEOUT_MS, &value);
        if (atomic_load(&counters->rejected) != rejected) {
            sleep_ms(1);
            continue;
        }
        i++;
        if (status != MR_OK)
            continue;
        answered++;
        assert_int_equal(value.length, MR_CACHE_FENCE_BYTES + strlen(key));
        assert_memory_equal(value.bytes + MR_CACHE_FENCE_BYTES, key, strlen(key));
    }
    print_message("%d requests, %d answered, %d timed out, 0 wrong\n", REQUESTS, answered,
                  (int)atomic_load(&counters->timeouts));
    assert_true(answered > REQUESTS * 9 / 10);
    assert_true(atomic_load(&counters->timeouts) > 20);
    atomic_store(&p.stop, true);
    (void)pthread_join(thread, NULL);
    mr_cache_destroy(cache);
    (void)close(p.listener);
}

/* ---- A scripted server ---- */

typedef struct script {
    int listener;
    const char *reply;
} script;

/* Answers the first bytes of one client with the script's reply, and hangs up. */
static void *run_script(void *argument)
{
    const script *s = argument;
    char bytes[4096];
    const int client = accept(s->listener, NULL, NULL);
    if (client < 0)
        return NULL;
    if (recv(client, bytes, sizeof(bytes), 0) > 0)
        (void)send(client, s->reply, strlen(s->reply), MSG_NOSIGNAL);
    sleep_ms(30);
    (void)close(client);
    return NULL;
}

/* What a get, or a set, makes of the reply. */
static mr_status ask_script(const char *reply, bool set, char *ret_error)
{
    script s = {.reply = reply};
    uint16_t port;
    pthread_t thread;
    mr_text value = {0};
    s.listener = listen_somewhere(&port);
    assert_int_equal(pthread_create(&thread, NULL, run_script, &s), 0);
    mr_cache *cache = open_cache("", port);
    const mr_status status = set ? try_set(cache, "mr:{u:x}:r", 200)
                                 : try_get(cache, "mr:{u:x}:r", 200, &value);
    assert_true(status == MR_OK || value.length == 0);
    (void)snprintf(ret_error, 32, "%s", mr_cache_redis_last_error(cache));
    (void)pthread_join(thread, NULL);
    mr_cache_destroy(cache);
    (void)close(s.listener);
    return status;
}

static void test_every_error_reply_is_unavailable_and_named(void **state)
{
    (void)state;
    static const char *const words[] = {
        "LOADING", "READONLY", "OOM",      "MISCONF",    "NOREPLICAS",
        "NOAUTH",  "NOPERM",   "BUSY",     "MASTERDOWN", "CLUSTERDOWN",
        "MOVED",   "ASK",      "TRYAGAIN", "ERR",        "WRONGPASS"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        char reply[64];
        char error[32];
        (void)snprintf(reply, sizeof(reply), "-%s 866 127.0.0.1:1\r\n", words[i]);
        assert_int_equal(ask_script(reply, false, error), MR_ERR_UNAVAILABLE);
        assert_string_equal(error, words[i]);
        assert_int_equal(ask_script(reply, true, error), MR_ERR_UNAVAILABLE);
    }
}

static void test_hostile_replies_are_unavailable(void **state)
{
    (void)state;
    static char deep[20000];
    for (size_t i = 0; i + 4 < sizeof(deep); i += 4)
        memcpy(deep + i, "*1\r\n", 4);
    const char *const replies[] = {
        "",
        "garbage\r\n",
        "+OK\r\n",
        ":1\r\n",
        "$-1\r\n",
        "$5\r\nhello\r\n",
        "*0\r\n",
        "*-1\r\n",
        "*2\r\n$-1\r\n$-1\r\n",
        "*1\r\n",
        "*1\r\n$5\r\nhel",
        "*1\r\n$-7\r\n",
        "*1\r\n$99999999999999999999\r\n",
        "*1\r\n$2147483647\r\nx",
        "*99999999999\r\n",
        "*1\r\n:5\r\n",
        "*1\r\n*1\r\n$1\r\nx\r\n",
        deep,
    };
    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        char error[32];
        if (ask_script(replies[i], false, error) != MR_ERR_UNAVAILABLE)
            fail_msg("taken: %.40s", replies[i]);
    }
    char error[32];
    assert_ok(ask_script("*1\r\n$-1\r\n", false, error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CACHE_BEHAVIOUR_TESTS,
        cmocka_unit_test(test_a_value_is_gone_when_its_time_is_up),
        cmocka_unit_test(test_both_keys_of_a_full_user_take_at_most_2_kib),
        cmocka_unit_test(test_a_lost_script_is_sent_again),
        cmocka_unit_test(test_a_foreign_value_under_our_key_is_absent_and_replaced),
        cmocka_unit_test(test_an_idle_connection_that_was_closed_costs_no_answer),
        cmocka_unit_test(test_a_killed_server_costs_no_time_and_is_found_again),
        cmocka_unit_test(test_a_paused_server_costs_one_time_out),
        cmocka_unit_test(test_a_full_server_refuses_writes_and_still_reads),
        cmocka_unit_test(test_a_replica_takes_no_writes_until_it_is_promoted),
        cmocka_unit_test(test_logs_in_with_the_password_of_the_url),
        cmocka_unit_test(test_over_tls_the_server_must_be_who_it_says),
        cmocka_unit_test(test_a_late_reply_is_never_read_as_somebody_elses),
        cmocka_unit_test(test_every_error_reply_is_unavailable_and_named),
        cmocka_unit_test(test_hostile_replies_are_unavailable),
    };
    return cmocka_run_group_tests_name("redis_cache", tests, set_up, tear_down);
}
