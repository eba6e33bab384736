/*
 * Late replies: never another user's answer.
 *
 *     test_redis_late [--requests N]
 *
 * A proxy before a real Redis holds some replies back, for about as long as the cache waits: so
 * they come just in time, just too late, or while somebody else's question is open.  Each value
 * holds its own key, and the raw values are compared, without the check of the user's hash that
 * stands behind this in production.
 */
#include "tests/redis_server.h"

enum {
    USERS = 64,
    REQUESTS = 50000,
    TIMEOUT_MS = 2,
    HELD_OF = 40,                        /* one reply of so many is held back, */
    HELD_US_MAX = 2 * TIMEOUT_MS * 1000, /* for up to so long */
};

static int requests = REQUESTS;
static redis_server server;

typedef struct proxy {
    int listener;
    uint16_t port;
    _Atomic bool stop;
} proxy;

static void pass(int from, int to, unsigned held_us)
{
    char bytes[65536];
    const ssize_t got = recv(from, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (held_us > 0)
        (void)usleep(held_us);
    if (got > 0)
        (void)send(to, bytes, (size_t)got, MSG_NOSIGNAL);
}

static unsigned draw_hold(unsigned *seed)
{
    return rand_r(seed) % HELD_OF == 0 ? 1 + (unsigned)rand_r(seed) % HELD_US_MAX : 0;
}

static void serve_client(proxy *p, int client, unsigned *seed)
{
    const int upstream = connect_to(server.port);
    struct pollfd both[2] = {{.fd = client, .events = POLLIN},
                             {.fd = upstream, .events = POLLIN}};
    while (!atomic_load(&p->stop) && upstream >= 0) {
        if (poll(both, 2, 50) <= 0)
            continue;
        char probe;
        if ((both[0].revents & POLLIN) != 0) {
            if (recv(client, &probe, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
                break;
            pass(client, upstream, 0);
        }
        if ((both[1].revents & POLLIN) != 0)
            pass(upstream, client, draw_hold(seed));
        if (((both[0].revents | both[1].revents) & (POLLERR | POLLHUP)) != 0)
            break;
    }
    (void)close(client);
    if (upstream >= 0)
        (void)close(upstream);
}

static void *run_proxy(void *argument)
{
    proxy *p = argument;
    unsigned seed = 42;
    while (!atomic_load(&p->stop)) {
        struct pollfd wait = {.fd = p->listener, .events = POLLIN};
        if (poll(&wait, 1, 50) == 1)
            serve_client(p, accept4(p->listener, NULL, NULL, SOCK_CLOEXEC), &seed);
    }
    return NULL;
}

static char keys[USERS][2][MR_CACHE_KEY_TEXT_BYTES];

static void fill(void)
{
    mr_cache *cache = open_cache("", server.port);
    for (uint64_t i = 0; i < USERS; i++) {
        (void)mr_cache_user_key((mr_hash128){i, ~i}, MR_CACHE_RESULT, keys[i][0]);
        (void)mr_cache_user_key((mr_hash128){i, ~i}, MR_CACHE_STATE, keys[i][1]);
        assert_ok(try_set(cache, keys[i][0], 1000));
        assert_ok(try_set(cache, keys[i][1], 1000));
    }
    mr_cache_destroy(cache);
}

/* Whether it was answered; an answer is the user's own. */
static bool ask(mr_cache *cache, int user)
{
    const mr_text asked[2] = {mr_text_from(keys[user][0]), mr_text_from(keys[user][1])};
    mr_text values[2];
    mr_buffer_clear(&behaviour_storage);
    const mr_status status =
        mr_cache_get_many(cache, asked, 2, TIMEOUT_MS, &behaviour_storage, values);
    for (int i = 0; i < 2; i++) {
        if (status != MR_OK) {
            assert_int_equal(values[i].length, 0);
            continue;
        }
        assert_int_equal(values[i].length, MR_CACHE_FENCE_BYTES + asked[i].length);
        assert_memory_equal(values[i].bytes + MR_CACHE_FENCE_BYTES, asked[i].bytes,
                            asked[i].length);
    }
    return status == MR_OK;
}

static void test_a_late_reply_is_never_read_as_somebody_elses(void **state)
{
    (void)state;
    proxy p = {0};
    pthread_t thread;
    char url[64];
    mr_error error = {""};
    mr_cache *cache;
    skewed_clock clock = skewed_clock_of_now();
    fill();
    p.listener = listen_somewhere(&p.port);
    assert_int_equal(pthread_create(&thread, NULL, run_proxy, &p), 0);
    (void)snprintf(url, sizeof(url), "redis://127.0.0.1:%u", p.port);
    const mr_cache_redis_options options = {.url = url, .clock = &clock.clock};
    assert_ok(mr_cache_redis_create(&options, &cache, &error));

    int answered = 0;
    for (int i = 0; i < requests; i++) {
        if (ask(cache, i % USERS))
            answered++;
        else
            clock.skew_ms += 3000; /* past the breaker's longest wait */
    }
    const mr_cache_counters *counters = mr_cache_counters_of(cache);
    const int late = (int)atomic_load(&counters->timeouts);
    print_message(
        "%d requests, %d answered, %d timed out, 0 wrong (at most %.0e a request "
        "at 95%%)\n",
        requests, answered, late, 3.0 / requests);
    assert_int_equal(atomic_load(&counters->rejected), 0);
    assert_true(answered > requests / 2);
    assert_true(late > requests / 1000);
    atomic_store(&p.stop, true);
    (void)pthread_join(thread, NULL);
    mr_cache_destroy(cache);
    (void)close(p.listener);
}

static int set_up(void **state)
{
    (void)state;
    if (getenv("MR_REDIS_SERVER") == NULL)
        return -1;
    server.port = free_port();
    redis_start(&server, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mr_buffer_deinit(&behaviour_storage);
    redis_kill(&server);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--requests") == 0)
        requests = atoi(argv[2]);
    choose_tests(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_late_reply_is_never_read_as_somebody_elses),
    };
    return cmocka_run_group_tests_name("redis_late", tests, set_up, tear_down);
}
