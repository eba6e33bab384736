/*
 * The Redis cache against a server that says whatever a server could say: each error reply has
 * the action its row promises, and no reply, however hostile, is taken for an answer.
 *
 * The server is a thread that answers what it receives by a script; it plays a sentinel and a
 * cluster's node as well.  The clock is pushed forward to see how long the cache waits.
 */
#include "serving/redis_complaint.h"
#include "serving/redis_slot.h"
#include "tests/redis_server.h"

enum { TIMEOUT_MS = 1000 };

static const char key[] = "mr:{u:x}:r";

typedef struct script {
    int listener;
    uint16_t port;
    pthread_t thread;
    const char *_Atomic reply; /* to data commands            */
    const char *_Atomic role;  /* to ROLE                     */
    char slots[128];           /* to CLUSTER SLOTS            */
    char master[64];           /* to SENTINEL GET-MASTER-ADDR */
    _Atomic int connections;
    _Atomic int slots_asked;
    _Atomic int masters_asked;
    _Atomic bool stop;
} script;

static void answer(script *s, int client, const char *bytes, size_t length)
{
    const char *reply = atomic_load(&s->reply);
    if (memmem(bytes, length, "SENTINEL", 8) != NULL) {
        atomic_fetch_add(&s->masters_asked, 1);
        reply = s->master;
    } else if (memmem(bytes, length, "SLOTS", 5) != NULL) {
        atomic_fetch_add(&s->slots_asked, 1);
        reply = s->slots;
    } else if (memmem(bytes, length, "ROLE", 4) != NULL) {
        reply = atomic_load(&s->role);
    }
    if (memmem(bytes, length, "ASKING", 6) != NULL)
        (void)send(client, "+OK\r\n", 5, MSG_NOSIGNAL);
    (void)send(client, reply, strlen(reply), MSG_NOSIGNAL);
}

/* One client at a time: the newest. */
static void *run_script(void *argument)
{
    script *s = argument;
    int client = -1;
    char bytes[1 << 16];
    while (!atomic_load(&s->stop)) {
        struct pollfd both[2] = {{.fd = s->listener, .events = POLLIN},
                                 {.fd = client, .events = POLLIN}};
        if (poll(both, 2, 10) <= 0)
            continue;
        if ((both[1].revents & (POLLIN | POLLHUP)) != 0) {
            const ssize_t got = recv(client, bytes, sizeof(bytes), 0);
            if (got > 0)
                answer(s, client, bytes, (size_t)got);
            else
                both[0].revents |= POLLHUP;
        }
        if (both[0].revents != 0) {
            (void)close(client);
            client = -1;
        }
        if ((both[0].revents & POLLIN) != 0) {
            client = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
            atomic_fetch_add(&s->connections, 1);
        }
    }
    (void)close(client);
    return NULL;
}

static void start_script(script *s, const char *reply)
{
    *s = (script){0};
    atomic_store(&s->reply, reply);
    atomic_store(&s->role, "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n");
    s->listener = listen_somewhere(&s->port);
    (void)snprintf(
        s->slots, sizeof(s->slots),
        "*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n$9\r\n127.0.0.1\r\n:%u\r\n$1\r\nx\r\n",
        s->port);
    (void)snprintf(s->master, sizeof(s->master),
                   "*2\r\n$9\r\n127.0.0.1\r\n$5\r\n%05u\r\n", s->port);
    assert_int_equal(pthread_create(&s->thread, NULL, run_script, s), 0);
}

static void stop_script(script *s)
{
    atomic_store(&s->stop, true);
    (void)pthread_join(s->thread, NULL);
    (void)close(s->listener);
}

/* ---- A cache that talks to it ---- */

typedef struct talk {
    script server;
    skewed_clock clock;
    mr_cache *cache;
    bool sets; /* else it gets */
} talk;

static void start_talk(talk *t, const char *form, const char *reply, bool sets)
{
    char url[128];
    mr_error error = {""};
    t->sets = sets;
    t->clock = skewed_clock_of_now();
    start_script(&t->server, reply);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(url, sizeof(url), form, t->server.port);
#pragma GCC diagnostic pop
    const mr_cache_redis_options options = {.url = url, .clock = &t->clock.clock};
    if (mr_cache_redis_create(&options, &t->cache, &error) != MR_OK)
        fail_msg("%s", error.message);
}

static void end_talk(talk *t)
{
    mr_cache_destroy(t->cache);
    stop_script(&t->server);
}

static mr_status ask(const talk *t)
{
    mr_text value = {0};
    if (t->sets)
        return try_set(t->cache, key, TIMEOUT_MS);
    const mr_status status = try_get(t->cache, key, TIMEOUT_MS, &value);
    assert_true(status == MR_OK || value.length == 0);
    return status;
}

static void make_well(talk *t)
{
    atomic_store(&t->server.reply, t->sets ? ":1\r\n" : "*1\r\n$-1\r\n");
}

static void assert_rejected(const talk *t)
{
    const _Atomic uint64_t *rejected = &mr_cache_counters_of(t->cache)->rejected;
    const uint64_t before = atomic_load(rejected);
    assert_int_equal(ask(t), MR_ERR_UNAVAILABLE);
    assert_int_equal(atomic_load(rejected), before + 1);
}

static void assert_refused(const talk *t, const char *word)
{
    assert_int_equal(ask(t), MR_ERR_UNAVAILABLE);
    assert_string_equal(mr_cache_last_error(t->cache), word);
    assert_true(atomic_load(&mr_cache_counters_of(t->cache)->errors) > 0);
}

static void assert_well(const talk *t, int connections)
{
    assert_ok(ask(t));
    assert_int_equal(atomic_load(&t->server.connections), connections);
    assert_int_equal(mr_cache_down_since_ms(t->cache), 0);
    assert_string_equal(mr_cache_last_error(t->cache), "");
}

#define SINGLE "redis://127.0.0.1:%u"
#define CLUSTER "redis+cluster://127.0.0.1:%u"
#define SENTINEL "redis+sentinel://127.0.0.1:%u/shop"

/* This write was refused, the next passes on the same connection. */
static void check_skip(const char *word, const char *reply, bool sets)
{
    talk t;
    start_talk(&t, SINGLE, reply, sets);
    assert_refused(&t, word);
    assert_int_equal(mr_cache_down_since_ms(t.cache), 0);
    make_well(&t);
    assert_well(&t, 1);
    end_talk(&t);
}

/* The connection is dropped, and tried anew 50 ms later. */
static void check_reconnect(const char *word, const char *reply, bool sets)
{
    talk t;
    start_talk(&t, SINGLE, reply, sets);
    assert_refused(&t, word);
    assert_true(mr_cache_down_since_ms(t.cache) > 0);
    make_well(&t);
    assert_rejected(&t);
    assert_string_equal(mr_cache_last_error(t.cache), word);
    t.clock.skew_ms += 50;
    assert_well(&t, 2);
    end_talk(&t);
}

/* The same, and the sentinels are asked again. */
static void check_resolve(const char *word, const char *reply, bool sets)
{
    talk t;
    start_talk(&t, SENTINEL, reply, sets);
    assert_refused(&t, word);
    assert_true(mr_cache_down_since_ms(t.cache) > 0);
    assert_int_equal(atomic_load(&t.server.masters_asked), 1);
    make_well(&t);
    assert_rejected(&t);
    t.clock.skew_ms += 50;
    assert_ok(ask(&t));
    assert_int_equal(atomic_load(&t.server.masters_asked), 2);
    assert_int_equal(mr_cache_down_since_ms(t.cache), 0);
    end_talk(&t);
}

/* What a person must mend is tried every two seconds and no sooner. */
static void check_stop(const char *word, const char *reply, bool sets)
{
    talk t;
    start_talk(&t, SINGLE, reply, sets);
    assert_refused(&t, word);
    assert_true(mr_cache_down_since_ms(t.cache) > 0);
    make_well(&t);
    t.clock.skew_ms += 1400;
    assert_rejected(&t);
    assert_string_equal(mr_cache_last_error(t.cache), word);
    t.clock.skew_ms += 600;
    assert_well(&t, 2);
    end_talk(&t);
}

/* The connection stays, the map is asked for again. */
static void check_remap(const char *word, const char *reply, bool sets)
{
    talk t;
    start_talk(&t, CLUSTER, reply, sets);
    assert_refused(&t, word);
    assert_true(mr_cache_down_since_ms(t.cache) > 0);
    assert_int_equal(atomic_load(&t.server.slots_asked), 1);
    make_well(&t);
    t.clock.skew_ms += 50;
    assert_well(&t, 1);
    assert_int_equal(atomic_load(&t.server.slots_asked), 2);
    end_talk(&t);
}

/* Another node answers, within the same call. */
static void check_follow(const char *word, const char *unused, bool sets)
{
    (void)unused;
    talk t;
    script other;
    char reply[64];
    start_script(&other, sets ? ":1\r\n" : "*1\r\n$-1\r\n");
    (void)snprintf(reply, sizeof(reply), "-%s %u 127.0.0.1:%u\r\n", word,
                   mr_redis_slot(mr_text_from(key)), other.port);
    start_talk(&t, CLUSTER, reply, sets);
    assert_well(&t, 1);
    assert_int_equal(atomic_load(&other.connections), 1);
    /* A slot that has moved is entered in the map; one that is moving stays where it was. */
    atomic_store(&t.server.reply, "-ERR not asked again\r\n");
    assert_int_equal(ask(&t), strcmp(word, "MOVED") == 0 ? MR_OK : MR_ERR_UNAVAILABLE);
    end_talk(&t);
    stop_script(&other);
}

typedef struct row {
    const char *word;
    const char *reply;
    mr_redis_action action;
    void (*check)(const char *word, const char *reply, bool sets);
} row;

static const row rows[] = {
    {"OOM", "-OOM command not allowed when used memory > 'maxmemory'.\r\n", MR_REDIS_SKIP,
     check_skip},
    {"MISCONF", "-MISCONF Redis is configured to save RDB snapshots\r\n", MR_REDIS_SKIP,
     check_skip},
    {"NOREPLICAS", "-NOREPLICAS Not enough good replicas to write.\r\n", MR_REDIS_SKIP,
     check_skip},
    {"LOADING", "-LOADING Redis is loading the dataset in memory\r\n", MR_REDIS_RECONNECT,
     check_reconnect},
    {"BUSY", "-BUSY Redis is busy running a script.\r\n", MR_REDIS_RECONNECT,
     check_reconnect},
    {"MAXCLIENTS", "-ERR max number of clients reached\r\n", MR_REDIS_RECONNECT,
     check_reconnect},
    {"READONLY", "-READONLY You can't write against a read only replica.\r\n",
     MR_REDIS_RESOLVE, check_resolve},
    {"MASTERDOWN", "-MASTERDOWN Link with MASTER is down\r\n", MR_REDIS_RESOLVE,
     check_resolve},
    {"NOAUTH", "-NOAUTH Authentication required.\r\n", MR_REDIS_STOP, check_stop},
    {"WRONGPASS", "-WRONGPASS invalid username-password pair\r\n", MR_REDIS_STOP,
     check_stop},
    {"NOPERM", "-NOPERM this user has no permissions\r\n", MR_REDIS_STOP, check_stop},
    {"CLUSTERDOWN", "-CLUSTERDOWN The cluster is down\r\n", MR_REDIS_REMAP, check_remap},
    {"MOVED", NULL, MR_REDIS_FOLLOW, check_follow},
    /* Beyond the thirteen. */
    {"ASK", NULL, MR_REDIS_FOLLOW_ONCE, check_follow},
    {"ERR", "-ERR something else\r\n", MR_REDIS_RECONNECT, check_reconnect},
    {"unknown", "-WHATEVER comes next\r\n", MR_REDIS_RECONNECT, check_reconnect},
};

static void test_each_error_reply_has_its_action(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const mr_redis_complaint *complaint = mr_redis_complaint_named(rows[i].word);
        if (complaint != NULL)
            assert_int_equal(complaint->action, rows[i].action);
        rows[i].check(rows[i].word, rows[i].reply, false);
        rows[i].check(rows[i].word, rows[i].reply, true);
    }
    print_message("%zu error replies, each on a read and on a write\n",
                  sizeof(rows) / sizeof(rows[0]));
}

static void test_a_cluster_given_as_a_single_server_is_said_and_left_alone(void **state)
{
    (void)state;
    check_stop("MOVED", "-MOVED 866 127.0.0.1:1\r\n", false);
}

static void test_a_master_that_says_it_is_none_is_not_taken(void **state)
{
    (void)state;
    talk t;
    start_talk(&t, SENTINEL, ":1\r\n", true);
    atomic_store(&t.server.role, "*3\r\n$5\r\nslave\r\n$1\r\nx\r\n:1\r\n");
    assert_refused(&t, "READONLY");
    atomic_store(&t.server.role, "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n");
    t.clock.skew_ms += 50;
    assert_ok(ask(&t));
    end_talk(&t);
}

static void test_a_sentinel_that_does_not_know_the_name_is_no_answer(void **state)
{
    (void)state;
    talk t;
    start_talk(&t, SENTINEL, ":1\r\n", true);
    (void)snprintf(t.server.master, sizeof(t.server.master), "*-1\r\n");
    assert_int_equal(ask(&t), MR_ERR_UNAVAILABLE);
    assert_string_equal(mr_cache_last_error(t.cache), "connection");
    end_talk(&t);
}

/* MOVED back and forth must end, and within the time given. */
static void test_redirections_that_turn_in_circles_end(void **state)
{
    (void)state;
    talk t;
    char reply[64];
    start_talk(&t, CLUSTER, "", false);
    (void)snprintf(reply, sizeof(reply), "-MOVED 1 127.0.0.1:%u\r\n", t.server.port);
    atomic_store(&t.server.reply, reply);
    const int64_t start_ms = now_ms();
    assert_int_equal(ask(&t), MR_ERR_UNAVAILABLE);
    assert_true(now_ms() - start_ms < TIMEOUT_MS);
    end_talk(&t);
}

/* ---- Replies that are none ---- */

static void assert_not_taken(const char *form, const char *reply, bool sets,
                             bool in_slots)
{
    talk t;
    start_talk(&t, form, in_slots ? "" : reply, sets);
    if (in_slots)
        (void)snprintf(t.server.slots, sizeof(t.server.slots), "%s", reply);
    mr_text value = {0};
    const mr_status status =
        sets ? try_set(t.cache, key, 50) : try_get(t.cache, key, 50, &value);
    if (status != MR_ERR_UNAVAILABLE || value.length != 0)
        fail_msg("taken: %.40s", reply);
    assert_true(mr_cache_down_since_ms(t.cache) > 0);
    end_talk(&t);
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
        "*1\r\n+OK\r\n",
        "*1\r\n-ERR inside\r\n",
        "*1\r\n*1\r\n$1\r\nx\r\n",
        "%1\r\n$1\r\nx\r\n$1\r\ny\r\n",
        "~1\r\n$1\r\nx\r\n",
        ",1.5\r\n",
        "#t\r\n",
        "(12345678901234567890\r\n",
        ">1\r\n$1\r\nx\r\n",
        deep,
    };
    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        assert_not_taken(SINGLE, replies[i], false, false);
        assert_not_taken(SINGLE, replies[i], true, false);
    }
    assert_not_taken(SINGLE, ":1\r\n", false, false);
}

static void test_hostile_maps_are_unavailable(void **state)
{
    (void)state;
    static const char *const maps[] = {
        "*0\r\n",
        "+OK\r\n",
        "*1\r\n:1\r\n",
        "*1\r\n*0\r\n",
        "*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n$1\r\nx\r\n:1\r\n",
        "*1\r\n*3\r\n:-1\r\n:5\r\n*2\r\n$1\r\nx\r\n:1\r\n",
        "*1\r\n*3\r\n:9\r\n:5\r\n*2\r\n$1\r\nx\r\n:1\r\n",
        "*1\r\n*3\r\n:0\r\n:5\r\n*2\r\n$1\r\nx\r\n:70000\r\n",
        "*1\r\n*3\r\n:0\r\n:5\r\n*2\r\n$1\r\nx\r\n$1\r\ny\r\n",
        "*1\r\n*3\r\n:0\r\n:5\r\n*0\r\n",
        "*1\r\n*2\r\n:0\r\n:5\r\n",
    };
    for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
        assert_not_taken(CLUSTER, maps[i], false, true);
}

static void test_hostile_redirections_are_unavailable(void **state)
{
    (void)state;
    static const char *const errors[] = {
        "-MOVED\r\n",          "-MOVED 1\r\n",        "-MOVED x 127.0.0.1:1\r\n",
        "-MOVED 1 host\r\n",   "-MOVED 1 host:0\r\n", "-MOVED 99999 127.0.0.1:1\r\n",
        "-MOVED 1 host:x\r\n", "-ASK 1 :\r\n",        "-TRYAGAIN always\r\n",
    };
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        assert_not_taken(CLUSTER, errors[i], false, false);
}

static void test_an_absent_value_is_an_answer(void **state)
{
    (void)state;
    talk t;
    mr_text value;
    start_talk(&t, SINGLE, "*1\r\n$-1\r\n", false);
    assert_ok(try_get(t.cache, key, TIMEOUT_MS, &value));
    assert_true(mr_cache_is_answered(value));
    end_talk(&t);
}

int main(int argc, char **argv)
{
    choose_tests(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_error_reply_has_its_action),
        cmocka_unit_test(test_a_cluster_given_as_a_single_server_is_said_and_left_alone),
        cmocka_unit_test(test_a_master_that_says_it_is_none_is_not_taken),
        cmocka_unit_test(test_a_sentinel_that_does_not_know_the_name_is_no_answer),
        cmocka_unit_test(test_redirections_that_turn_in_circles_end),
        cmocka_unit_test(test_hostile_replies_are_unavailable),
        cmocka_unit_test(test_hostile_maps_are_unavailable),
        cmocka_unit_test(test_hostile_redirections_are_unavailable),
        cmocka_unit_test(test_an_absent_value_is_an_answer),
    };
    const int failed = cmocka_run_group_tests_name("redis_errors", tests, NULL, NULL);
    mr_buffer_deinit(&behaviour_storage);
    return failed;
}
