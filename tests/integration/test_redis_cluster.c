/*
 * The Redis cache on a cluster of three: a slot that moves under load, a node that dies.
 *
 *     test_redis_cluster [--moves N]
 *
 * A load reads what it wrote all the while.  No answer may be wrong, none may be missing, and
 * the dead node's keys alone may go unanswered.
 */
#include "serving/redis_slot.h"
#include "tests/redis_server.h"

enum { NODES = 3, USERS = 120, MOVES = 6, LOAD_TIMEOUT_MS = 1000, PATIENCE_MS = 30000 };

static redis_server nodes[NODES];
static char ids[NODES][41];
static int moves = MOVES;
static mr_hash128 users[USERS];

/* ---- The cluster ---- */

static void start_node(int i)
{
    static const char *const arguments[] = {"--cluster-enabled",
                                            "yes",
                                            "--cluster-config-file",
                                            "nodes.conf",
                                            "--cluster-node-timeout",
                                            "2000",
                                            "--cluster-require-full-coverage",
                                            "no",
                                            NULL};
    redis_start(&nodes[i], arguments);
}

/* Before anything moves. */
static int owner_of(int slot)
{
    return slot * NODES / MR_REDIS_SLOTS;
}

static void give_slots(int i)
{
    mr_buffer text = {0};
    mr_buffer_printf(&text, "CLUSTER ADDSLOTS");
    for (int slot = 0; slot < MR_REDIS_SLOTS; slot++) {
        if (owner_of(slot) == i)
            mr_buffer_printf(&text, " %d", slot);
    }
    mr_buffer_put_u8(&text, 0);
    assert_string_equal(redis_say(nodes[i].port, (const char *)text.bytes), "+OK\r\n");
    mr_buffer_deinit(&text);
}

static void wait_for_cluster(void)
{
    const int64_t start_ms = now_ms();
    for (int i = 0; i < NODES; i++) {
        for (;;) {
            const char *info = redis_say(nodes[i].port, "CLUSTER INFO");
            if (strstr(info, "cluster_state:ok") != NULL &&
                strstr(info, "cluster_slots_ok:16384") != NULL)
                break;
            if (now_ms() - start_ms > PATIENCE_MS)
                fail_msg("no cluster: %s", info);
            sleep_ms(20);
        }
    }
}

static mr_cache *open_cluster(const char *login)
{
    char url[256];
    (void)snprintf(url, sizeof(url), "redis+cluster://%s127.0.0.1:%u,127.0.0.1:%u", login,
                   free_port(), nodes[1].port);
    return open_url(url);
}

static int set_up(void **state)
{
    (void)state;
    if (getenv("MR_REDIS_SERVER") == NULL)
        return -1;
    for (int i = 0; i < NODES; i++) {
        nodes[i].port = free_cluster_port();
        start_node(i);
        redis_expect(nodes[i].port, "+OK", "CLUSTER SET-CONFIG-EPOCH %d", i + 1);
        give_slots(i);
        (void)snprintf(ids[i], sizeof(ids[i]), "%.40s",
                       redis_say(nodes[i].port, "CLUSTER MYID") + sizeof("$40\r\n") - 1);
    }
    for (int i = 1; i < NODES; i++)
        redis_expect(nodes[0].port, "+OK", "CLUSTER MEET 127.0.0.1 %u", nodes[i].port);
    wait_for_cluster();
    for (uint64_t i = 0; i < USERS; i++)
        users[i] = (mr_hash128){i * UINT64_C(0x9e3779b97f4a7c15), i};
    for (int i = 0; i < NODES; i++)
        redis_make_user(nodes[i].port, "pw");
    behaviour_cache = open_cluster("millrace:pw@");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mr_cache_destroy(behaviour_cache);
    mr_buffer_deinit(&behaviour_storage);
    for (int i = 0; i < NODES; i++)
        redis_kill(&nodes[i]);
    return 0;
}

/* ---- One user's two values ---- */

typedef struct pair {
    char names[2][MR_CACHE_KEY_TEXT_BYTES];
    mr_text keys[2];
} pair;

static void make_pair(mr_hash128 user, pair *ret_pair)
{
    ret_pair->keys[0] = mr_cache_user_key(user, MR_CACHE_RESULT, ret_pair->names[0]);
    ret_pair->keys[1] = mr_cache_user_key(user, MR_CACHE_STATE, ret_pair->names[1]);
}

static mr_status set_pair(mr_cache *cache, const pair *p, int64_t offset)
{
    mr_buffer buffers[2] = {{0}};
    mr_cache_entry entries[2];
    for (int i = 0; i < 2; i++)
        entries[i] = (mr_cache_entry){
            p->keys[i], behaviour_value(&buffers[i], 1, offset, p->names[i]),
            REDIS_TTL_MS};
    const mr_status status = mr_cache_set_many(cache, entries, 2, LOAD_TIMEOUT_MS);
    mr_buffer_deinit(&buffers[0]);
    mr_buffer_deinit(&buffers[1]);
    return status;
}

/* Its own, and of this offset. */
static bool is_right(const pair *p, int which, mr_text value, int64_t offset)
{
    mr_buffer buffer = {0};
    const mr_text right = behaviour_value(&buffer, 1, offset, p->names[which]);
    const bool same = mr_text_equal(value, right);
    mr_buffer_deinit(&buffer);
    return same;
}

static void assert_pair(mr_cache *cache, const pair *p, int64_t offset)
{
    mr_text values[2];
    mr_buffer_clear(&behaviour_storage);
    assert_ok(mr_cache_get_many(cache, p->keys, 2, LOAD_TIMEOUT_MS, &behaviour_storage,
                                values));
    assert_true(is_right(p, 0, values[0], offset));
    assert_true(is_right(p, 1, values[1], offset));
}

/* ---- A slot that moves ---- */

typedef struct move {
    int slot;
    int from;
    int to;
} move;

static void begin_move(const move *m)
{
    redis_expect(nodes[m->to].port, "+OK", "CLUSTER SETSLOT %d IMPORTING %s", m->slot,
                 ids[m->from]);
    redis_expect(nodes[m->from].port, "+OK", "CLUSTER SETSLOT %d MIGRATING %s", m->slot,
                 ids[m->to]);
}

static void move_key(const move *m, const char *key)
{
    redis_expect(nodes[m->from].port, "+", "MIGRATE 127.0.0.1 %u %s 0 5000",
                 nodes[m->to].port, key);
}

static void end_move(const move *m)
{
    redis_expect(nodes[m->to].port, "+OK", "CLUSTER SETSLOT %d NODE %s", m->slot,
                 ids[m->to]);
    redis_expect(nodes[m->from].port, "+OK", "CLUSTER SETSLOT %d NODE %s", m->slot,
                 ids[m->to]);
}

/* Each state that a slot can be in while it moves, one after the other. */
static void test_a_slot_is_followed_key_by_key(void **state)
{
    (void)state;
    pair p;
    make_pair((mr_hash128){77, 77}, &p);
    const int slot = mr_redis_slot(p.keys[0]);
    const move m = {slot, owner_of(slot), (owner_of(slot) + 1) % NODES};
    mr_cache *cache = behaviour_cache;
    const uint64_t connects = atomic_load(&mr_cache_counters_of(cache)->connects);
    assert_ok(set_pair(cache, &p, 1));
    begin_move(&m);
    assert_pair(cache, &p, 1); /* both still there */
    move_key(&m, p.names[0]);
    assert_pair(cache, &p, 1); /* apart: TRYAGAIN, then each where it is */
    assert_ok(set_pair(cache, &p, 2));
    assert_pair(cache, &p, 2);
    move_key(&m, p.names[1]);
    assert_pair(cache, &p, 2); /* both gone: ASK */
    assert_ok(mr_cache_delete_many(cache, p.keys, 2, LOAD_TIMEOUT_MS));
    mr_text values[2];
    assert_ok(
        mr_cache_get_many(cache, p.keys, 2, LOAD_TIMEOUT_MS, &behaviour_storage,
                          values)); /* nowhere: asked for where they would be made */
    assert_true(mr_cache_is_answered(values[0]) && values[0].length == 0);
    assert_ok(set_pair(cache, &p, 3));
    assert_pair(cache, &p, 3);
    end_move(&m);
    assert_pair(cache, &p, 3); /* MOVED */
    assert_pair(cache, &p, 3);
    assert_int_equal(mr_cache_down_since_ms(cache), 0);
    assert_true(atomic_load(&mr_cache_counters_of(cache)->connects) <= connects + NODES);
    const move back = {slot, m.to, m.from};
    begin_move(&back);
    move_key(&back, p.names[0]);
    move_key(&back, p.names[1]);
    end_move(&back);
    assert_pair(cache, &p, 3);
}

/* Reads what it wrote, in batches over all slots. */
typedef struct load {
    mr_cache *cache;
    _Atomic bool stop;
    int batches;
    int unavailable;
    int wrong;
    int64_t slowest_ms;
} load;

enum { BATCH_USERS = 20 };

static void load_batch(load *l, int first, int64_t offset, mr_buffer *storage)
{
    static pair pairs[BATCH_USERS];
    mr_buffer buffers[2 * BATCH_USERS] = {{0}};
    mr_cache_entry entries[2 * BATCH_USERS];
    mr_text asked[2 * BATCH_USERS];
    mr_text values[2 * BATCH_USERS];
    for (int i = 0; i < BATCH_USERS; i++) {
        make_pair(users[first + i], &pairs[i]);
        for (int j = 0; j < 2; j++) {
            const int at = 2 * i + j;
            asked[at] = pairs[i].keys[j];
            entries[at] = (mr_cache_entry){
                asked[at], behaviour_value(&buffers[at], 1, offset, pairs[i].names[j]),
                REDIS_TTL_MS};
        }
    }
    mr_buffer_clear(storage);
    const int64_t start_ms = now_ms();
    bool good =
        mr_cache_set_many(l->cache, entries, 2 * BATCH_USERS, LOAD_TIMEOUT_MS) == MR_OK;
    good = mr_cache_get_many(l->cache, asked, 2 * BATCH_USERS, LOAD_TIMEOUT_MS, storage,
                             values) == MR_OK &&
           good;
    if (now_ms() - start_ms > l->slowest_ms)
        l->slowest_ms = now_ms() - start_ms;
    l->batches++;
    l->unavailable += !good;
    for (int i = 0; i < 2 * BATCH_USERS; i++) {
        if (good && !is_right(&pairs[i / 2], i % 2, values[i], offset))
            l->wrong++;
        mr_buffer_deinit(&buffers[i]);
    }
}

static void *run_load(void *argument)
{
    load *l = argument;
    mr_buffer storage = {0};
    for (int64_t offset = 1; !atomic_load(&l->stop); offset++) {
        for (int first = 0; first < USERS; first += BATCH_USERS)
            load_batch(l, first, offset, &storage);
    }
    mr_buffer_deinit(&storage);
    return NULL;
}

static void test_a_slot_moved_under_load_costs_no_answer(void **state)
{
    (void)state;
    load l = {.cache = open_cluster("")};
    pthread_t thread;
    pair p;
    make_pair(users[5], &p);
    const int slot = mr_redis_slot(p.keys[0]);
    int at = owner_of(slot);
    assert_int_equal(pthread_create(&thread, NULL, run_load, &l), 0);
    sleep_ms(50);
    for (int i = 0; i < moves; i++) {
        const move m = {slot, at, (at + 1) % NODES};
        begin_move(&m);
        sleep_ms(10);
        move_key(&m, p.names[0]);
        sleep_ms(10);
        move_key(&m, p.names[1]);
        sleep_ms(10);
        end_move(&m);
        sleep_ms(20);
        at = m.to;
    }
    atomic_store(&l.stop, true);
    (void)pthread_join(thread, NULL);
    print_message(
        "%d moves, %d batches of %d keys set and read, %d unavailable, %d wrong, "
        "slowest %lld ms\n",
        moves, l.batches, 2 * BATCH_USERS, l.unavailable, l.wrong,
        (long long)l.slowest_ms);
    assert_true(l.batches > moves);
    assert_int_equal(l.wrong, 0);
    assert_int_equal(l.unavailable, 0);
    mr_cache_destroy(l.cache);
}

/* ---- A node that dies ---- */

static void test_a_dead_node_fails_its_own_keys_alone(void **state)
{
    (void)state;
    mr_cache *cache = open_cluster("");
    mr_text asked[USERS];
    mr_text values[USERS];
    static pair pairs[USERS];
    int dead_keys = 0;
    for (int i = 0; i < USERS; i++) {
        make_pair(users[i], &pairs[i]);
        asked[i] = pairs[i].keys[0];
        assert_ok(set_pair(cache, &pairs[i], 1000000));
    }
    redis_kill(&nodes[2]);
    mr_buffer_clear(&behaviour_storage);
    assert_int_equal(
        mr_cache_get_many(cache, asked, USERS, 500, &behaviour_storage, values),
        MR_ERR_UNAVAILABLE);
    assert_true(mr_cache_down_since_ms(cache) > 0);
    for (int i = 0; i < USERS; i++) {
        dead_keys += !mr_cache_is_answered(values[i]);
        if (mr_cache_is_answered(values[i]))
            assert_true(is_right(&pairs[i], 0, values[i], 1000000));
    }
    print_message("%d of %d keys without an answer\n", dead_keys, USERS);
    assert_true(dead_keys > USERS / 6 && dead_keys < USERS * 2 / 3);
    const int64_t start_ms = now_ms();
    for (int i = 0; i < 200; i++) {
        mr_buffer_clear(&behaviour_storage);
        assert_int_equal(
            mr_cache_get_many(cache, asked, USERS, 500, &behaviour_storage, values),
            MR_ERR_UNAVAILABLE);
    }
    assert_true(now_ms() - start_ms < 1000);
    start_node(2);
    const int64_t back_ms = now_ms();
    do {
        assert_true(now_ms() - back_ms < PATIENCE_MS);
        sleep_ms(5);
        mr_buffer_clear(&behaviour_storage);
    } while (mr_cache_get_many(cache, asked, USERS, 500, &behaviour_storage, values) !=
             MR_OK);
    assert_int_equal(mr_cache_down_since_ms(cache), 0);
    mr_cache_destroy(cache);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--moves") == 0)
        moves = atoi(argv[2]);
    choose_tests(argc, argv);
    const struct CMUnitTest tests[] = {
        CACHE_BEHAVIOUR_TESTS,
        cmocka_unit_test(test_a_slot_is_followed_key_by_key),
        cmocka_unit_test(test_a_slot_moved_under_load_costs_no_answer),
        cmocka_unit_test(test_a_dead_node_fails_its_own_keys_alone),
    };
    return cmocka_run_group_tests_name("redis_cluster", tests, set_up, tear_down);
}
