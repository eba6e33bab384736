/*
 * The Redis cache against a real server that is paused, killed, restarted, filled up, made a
 * replica and closed to us.  Nothing may crash or hang, a read gives the user's own value or
 * none, and the cache comes back by itself.
 */
#include "serving/redis_command.h"
#include "serving/result_codec.h"
#include "serving/user_state_codec.h"
#include "tests/certificate.h"
#include "tests/redis_server.h"

static redis_server server;

static int set_up(void **state)
{
    (void)state;
    if (getenv("MR_REDIS_SERVER") == NULL)
        return -1;
    server.port = free_port();
    redis_start(&server, NULL);
    behaviour_cache = open_cache("", server.port);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mr_cache_destroy(behaviour_cache);
    mr_buffer_deinit(&behaviour_storage);
    redis_kill(&server);
    return 0;
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
        const char *reply = redis_say(server.port, text);
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
    assert_string_equal(redis_say(server.port, "SCRIPT FLUSH"), "+OK\r\n");
    behaviour_set("mr:{u:script}:r", 1, 2, "after", BEHAVIOUR_TTL_MS);
    assert_body("mr:{u:script}:r", "after");
}

static void test_a_foreign_value_under_our_key_is_absent_and_replaced(void **state)
{
    (void)state;
    assert_string_equal(redis_say(server.port, "LPUSH mr:{u:list}:r x"), ":1\r\n");
    assert_int_equal(behaviour_get("mr:{u:list}:r").length, 0);
    behaviour_set("mr:{u:list}:r", 1, 1, "ours", BEHAVIOUR_TTL_MS);
    assert_body("mr:{u:list}:r", "ours");
}

static void test_an_idle_connection_that_was_closed_costs_no_answer(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        behaviour_set("mr:{u:idle}:r", 1, 1, "x", BEHAVIOUR_TTL_MS);
        (void)redis_say(server.port, "CLIENT KILL TYPE normal");
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
        redis_kill(&server);
        assert_int_equal(try_get(behaviour_cache, "mr:{u:k}:r", 50, &value),
                         MR_ERR_UNAVAILABLE);
        assert_true(mr_cache_down_since_ms(behaviour_cache) > 0);
        const int64_t start_ms = now_ms();
        for (int i = 0; i < 1000; i++)
            assert_int_equal(try_get(behaviour_cache, "mr:{u:k}:r", 50, &value),
                             MR_ERR_UNAVAILABLE);
        assert_true(now_ms() - start_ms < 500);
        sleep_ms(300);
        redis_start(&server, NULL);
        assert_true(wait_until_up(behaviour_cache) <= 2200);
        assert_ok(try_set(behaviour_cache, "mr:{u:k}:r", 1000));
    }
}

static void test_a_paused_server_costs_one_time_out(void **state)
{
    (void)state;
    mr_text value;
    (void)wait_until_up(behaviour_cache);
    assert_int_equal(kill(server.pid, SIGSTOP), 0);
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
    assert_int_equal(kill(server.pid, SIGCONT), 0);
    assert_true(wait_until_up(behaviour_cache) <= 2200);
}

static void test_a_full_server_refuses_writes_and_still_reads(void **state)
{
    (void)state;
    assert_ok(try_set(behaviour_cache, "mr:{u:full}:r", 1000));
    assert_string_equal(redis_say(server.port, "CONFIG SET maxmemory 100kb"), "+OK\r\n");
    assert_int_equal(try_set(behaviour_cache, "mr:{u:full2}:r", 1000),
                     MR_ERR_UNAVAILABLE);
    assert_string_equal(mr_cache_last_error(behaviour_cache), "OOM");
    assert_int_equal(mr_cache_down_since_ms(behaviour_cache), 0);
    assert_body("mr:{u:full}:r", "mr:{u:full}:r");
    assert_string_equal(redis_say(server.port, "CONFIG SET maxmemory 0"), "+OK\r\n");
    assert_ok(try_set(behaviour_cache, "mr:{u:full2}:r", 1000));
}

static void test_a_replica_takes_no_writes_until_it_is_promoted(void **state)
{
    (void)state;
    uint16_t nowhere;
    char text[64];
    nowhere = free_port();
    (void)snprintf(text, sizeof(text), "REPLICAOF 127.0.0.1 %u", nowhere);
    assert_string_equal(redis_say(server.port, text), "+OK\r\n");
    assert_int_equal(try_set(behaviour_cache, "mr:{u:ro}:r", 1000), MR_ERR_UNAVAILABLE);
    assert_string_equal(mr_cache_last_error(behaviour_cache), "READONLY");
    assert_true(mr_cache_down_since_ms(behaviour_cache) > 0);
    assert_string_equal(redis_say(server.port, "REPLICAOF NO ONE"), "+OK\r\n");
    (void)wait_until_up(behaviour_cache);
    assert_ok(try_set(behaviour_cache, "mr:{u:ro}:r", 1000));
}

static void test_logs_in_with_the_password_of_the_url(void **state)
{
    (void)state;
    assert_string_equal(
        redis_say(
            server.port,
            "ACL SETUSER app on >p@ss ~mr:* +mget +evalsha +eval +getrange +set +unlink"
            " +select +auth"),
        "+OK\r\n");
    mr_text value;
    mr_cache *right = open_cache("app:p%40ss@", server.port);
    mr_cache *wrong = open_cache("app:no@", server.port);
    assert_ok(try_set(right, "mr:{u:acl}:r", 1000));
    assert_ok(try_get(right, "mr:{u:acl}:r", 1000, &value));
    assert_true(value.length > 0);
    assert_int_equal(try_get(right, "other", 1000, &value), MR_ERR_UNAVAILABLE);
    assert_string_equal(mr_cache_last_error(right), "NOPERM");
    assert_int_equal(try_get(wrong, "mr:{u:acl}:r", 1000, &value), MR_ERR_UNAVAILABLE);
    assert_string_equal(mr_cache_last_error(wrong), "WRONGPASS");
    mr_cache_destroy(right);
    mr_cache_destroy(wrong);
}

/* ---- Over TLS ---- */

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
    port = free_port();
    redis_server sealed = {.port = port};
    char port_text[8];
    (void)snprintf(port_text, sizeof(port_text), "%u", port);
    redis_start(&sealed, (const char *const[]){
                             "--port", "0", "--tls-port", port_text, "--tls-cert-file",
                             certificate, "--tls-key-file", key, "--tls-ca-cert-file",
                             certificate, "--tls-auth-clients", "no", NULL});

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
    redis_kill(&sealed);
}

int main(int argc, char **argv)
{
    choose_tests(argc, argv);
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
    };
    return cmocka_run_group_tests_name("redis_cache", tests, set_up, tear_down);
}
