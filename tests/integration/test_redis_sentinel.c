/*
 * The Redis cache behind sentinels: the primary is killed, and writes go on at the new one.
 *
 *     test_redis_sentinel [--failovers N]
 */
#include "tests/redis_server.h"

enum {
    SERVERS = 2,
    SENTINELS = 3,
    FAILOVERS = 1,
    DOWN_AFTER_MS = 500,
    RESUME_MS_MAX = DOWN_AFTER_MS + 5000,
    OWN_MS_MAX = 3000, /* the breaker's longest wait, and a loaded machine's second */
    PATIENCE_MS = 40000,
};

static redis_server servers[SERVERS];
static redis_server sentinels[SENTINELS];
static int primary;
static int failovers = FAILOVERS;

static void start_replica_of(int replica, int of)
{
    char port[8];
    (void)snprintf(port, sizeof(port), "%u", servers[of].port);
    redis_start(&servers[replica],
                (const char *const[]){"--replicaof", "127.0.0.1", port,
                                      "--repl-diskless-sync-delay", "0", NULL});
}

static void start_sentinel(redis_server *sentinel)
{
    char path[300];
    sentinel->port = free_port();
    redis_make_directory(sentinel);
    (void)snprintf(path, sizeof(path), "%s/sentinel.conf", sentinel->directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fprintf(file,
                  "bind 127.0.0.1\nport %u\ndir %s\nrequirepass s/cret\n"
                  "sentinel sentinel-pass s/cret\n"
                  "sentinel monitor shop 127.0.0.1 %u 2\n"
                  "sentinel down-after-milliseconds shop %d\n"
                  "sentinel failover-timeout shop 2000\n",
                  sentinel->port, sentinel->directory, servers[primary].port,
                  DOWN_AFTER_MS);
    (void)fclose(file);
    sentinel->pid = fork();
    assert_true(sentinel->pid >= 0);
    if (sentinel->pid == 0) {
        const int null = open("/dev/null", O_WRONLY);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)dup2(null, STDOUT_FILENO);
        (void)execl(getenv("MR_REDIS_SERVER"), "redis-server", path, "--sentinel",
                    (char *)NULL);
        _exit(127);
    }
    redis_wait(sentinel);
}

/* A reply of a sentinel to a command. */
static const char *sentinel_say(const redis_server *sentinel, const char *command)
{
    char text[128];
    (void)snprintf(text, sizeof(text), "AUTH s/cret\r\n%s", command);
    return redis_say(sentinel->port, text);
}

/* Every sentinel sees the others, and a replica that is alive. */
static void wait_until_ready(void)
{
    const int64_t start_ms = now_ms();
    for (int i = 0; i < SENTINELS; i++) {
        for (;;) {
            const char *said = sentinel_say(&sentinels[i], "SENTINEL MASTER shop");
            bool ready = strstr(said, "num-other-sentinels\r\n$1\r\n2") != NULL &&
                         strstr(said, "num-slaves\r\n$1\r\n1") != NULL;
            said = sentinel_say(&sentinels[i], "SENTINEL REPLICAS shop");
            ready = ready && strstr(said, "master-link-status\r\n$2\r\nok") != NULL &&
                    strstr(said, "flags\r\n$5\r\nslave\r\n") != NULL;
            if (ready)
                break;
            if (now_ms() - start_ms > PATIENCE_MS)
                fail_msg("the sentinels are not ready: %s", said);
            sleep_ms(50);
        }
    }
}

static mr_cache *open_sentinels(const char *query)
{
    char url[256];
    (void)snprintf(
        url, sizeof(url),
        "redis+sentinel://millrace:pw@127.0.0.1:%u,127.0.0.1:%u,127.0.0.1:%u,127.0.0.1:%u"
        "/shop/0%s",
        free_port(), sentinels[0].port, sentinels[1].port, sentinels[2].port, query);
    return open_url(url);
}

static int set_up(void **state)
{
    (void)state;
    if (getenv("MR_REDIS_SERVER") == NULL)
        return -1;
    for (int i = 0; i < SERVERS; i++)
        servers[i].port = free_port();
    redis_start(&servers[0], NULL);
    start_replica_of(1, 0);
    for (int i = 0; i < SENTINELS; i++)
        start_sentinel(&sentinels[i]);
    wait_until_ready();
    for (int i = 0; i < SERVERS; i++)
        redis_make_user(servers[i].port, "pw");
    behaviour_cache = open_sentinels("?sentinel_password=s%2Fcret");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mr_cache_destroy(behaviour_cache);
    mr_buffer_deinit(&behaviour_storage);
    for (int i = 0; i < SENTINELS; i++)
        redis_kill(&sentinels[i]);
    for (int i = 0; i < SERVERS; i++)
        redis_kill(&servers[i]);
    return 0;
}

static void test_a_sentinel_wants_its_own_password(void **state)
{
    (void)state;
    mr_cache *without = open_sentinels("");
    mr_cache *wrong = open_sentinels("?sentinel_password=no");
    assert_int_equal(try_set(without, "mr:{u:x}:r", 1000), MR_ERR_UNAVAILABLE);
    assert_int_equal(try_set(wrong, "mr:{u:x}:r", 1000), MR_ERR_UNAVAILABLE);
    mr_cache_destroy(without);
    mr_cache_destroy(wrong);
}

/* Whether any sentinel names this server. */
static bool is_named(const redis_server *server)
{
    char port[16];
    (void)snprintf(port, sizeof(port), "\r\n%u\r\n", server->port);
    for (int i = 0; i < SENTINELS; i++) {
        if (strstr(sentinel_say(&sentinels[i], "SENTINEL GET-MASTER-ADDR-BY-NAME shop"),
                   port) != NULL)
            return true;
    }
    return false;
}

typedef struct outage {
    int64_t whole_ms; /* from the kill until a write was taken again            */
    int64_t own_ms;   /* of it, since the first sentinel named the new primary */
} outage;

static outage write_until_taken(int64_t offset)
{
    const int64_t start_ms = now_ms();
    int64_t named_ms = 0;
    while (try_set_at(behaviour_cache, "mr:{u:fail}:r", offset, 100) != MR_OK) {
        if (named_ms == 0 && is_named(&servers[1 - primary]))
            named_ms = now_ms();
        assert_true(now_ms() - start_ms < PATIENCE_MS);
        sleep_ms(5);
    }
    const int64_t end_ms = now_ms();
    return (outage){end_ms - start_ms, named_ms == 0 ? 0 : end_ms - named_ms};
}

/* The old primary comes back as a replica, and the sentinels forget that there was a failover:
 * they would wait before the next. */
static void swap_roles(void)
{
    const int before = primary;
    primary = 1 - primary;
    assert_non_null(strstr(redis_say(servers[primary].port, "ROLE"), "master"));
    start_replica_of(before, primary);
    redis_make_user(servers[before].port, "pw");
    const int64_t start_ms = now_ms();
    while (strstr(redis_say(servers[primary].port, "INFO replication"), "state=online") ==
           NULL) {
        assert_true(now_ms() - start_ms < PATIENCE_MS);
        sleep_ms(10);
    }
    for (int i = 0; i < SENTINELS; i++)
        (void)sentinel_say(&sentinels[i], "SENTINEL RESET shop");
}

/*
 * How long the sentinels take is theirs: an election that splits is held again seconds later.
 * So the promise for the whole is held against the fastest failover, and that for our own part
 * against each.
 */
static void test_writes_go_on_after_a_failover(void **state)
{
    (void)state;
    outage fastest = {INT64_MAX, 0};
    int64_t slowest_own_ms = 0;
    assert_ok(try_set_at(behaviour_cache, "mr:{u:fail}:r", 1, 1000));
    for (int i = 0; i < failovers; i++) {
        wait_until_ready();
        redis_kill(&servers[primary]);
        const outage o = write_until_taken(2 + i);
        fastest = o.whole_ms < fastest.whole_ms ? o : fastest;
        slowest_own_ms = o.own_ms > slowest_own_ms ? o.own_ms : slowest_own_ms;
        assert_body("mr:{u:fail}:r", "mr:{u:fail}:r");
        assert_int_equal(mr_cache_down_since_ms(behaviour_cache), 0);
        swap_roles();
    }
    print_message(
        "%d failovers: writes taken again after %lld ms at best, and at most %lld ms "
        "after a sentinel named the new primary\n",
        failovers, (long long)fastest.whole_ms, (long long)slowest_own_ms);
    assert_true(fastest.whole_ms <= RESUME_MS_MAX);
    assert_true(slowest_own_ms <= OWN_MS_MAX);
}

/* No sentinel is needed while the connection lives, and one of three is enough for a new one. */
static void test_dead_sentinels_are_passed_over(void **state)
{
    (void)state;
    redis_kill(&sentinels[0]);
    redis_kill(&sentinels[1]);
    mr_cache *late = open_sentinels("?sentinel_password=s%2Fcret");
    assert_ok(try_set_at(late, "mr:{u:sen}:r", 1, 1000));
    redis_kill(&sentinels[2]);
    assert_ok(try_set_at(late, "mr:{u:sen}:r", 2, 1000));
    mr_cache_destroy(late);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--failovers") == 0)
        failovers = atoi(argv[2]);
    choose_tests(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_set_is_read),
        cmocka_unit_test(test_a_batch_keeps_its_order_over_users_and_gaps),
        cmocka_unit_test(test_a_sentinel_wants_its_own_password),
        cmocka_unit_test(test_writes_go_on_after_a_failover),
        cmocka_unit_test(test_dead_sentinels_are_passed_over),
    };
    return cmocka_run_group_tests_name("redis_sentinel", tests, set_up, tear_down);
}
