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

#include <ctype.h>

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

static void test_writes_without_enough_replicas_are_refused_and_reads_go_on(void **state)
{
    (void)state;
    assert_ok(try_set(behaviour_cache, "mr:{u:alone}:r", 1000));
    redis_expect(server.port, "+OK", "CONFIG SET min-replicas-to-write 1");
    assert_int_equal(try_set(behaviour_cache, "mr:{u:alone2}:r", 1000),
                     MR_ERR_UNAVAILABLE);
    assert_string_equal(mr_cache_last_error(behaviour_cache), "NOREPLICAS");
    assert_int_equal(mr_cache_down_since_ms(behaviour_cache), 0);
    assert_body("mr:{u:alone}:r", "mr:{u:alone}:r");
    redis_expect(server.port, "+OK", "CONFIG SET min-replicas-to-write 0");
    assert_ok(try_set(behaviour_cache, "mr:{u:alone2}:r", 1000));
    assert_string_equal(mr_cache_last_error(behaviour_cache), "");
}

/* ---- What we may do ---- */

/* "+cluster|slots" */
static void spell_right(mr_redis_command command, char *ret_text, size_t bytes)
{
    const mr_redis_command_name *name = &mr_redis_command_names[command];
    (void)snprintf(ret_text, bytes, name->subcommand != NULL ? "+%s|%s" : "+%s",
                   name->word, name->subcommand);
    for (char *at = ret_text; *at != '\0'; at++)
        *at = (char)tolower(*at);
}

/* Everybody may AUTH, and sentinels are asked as somebody else. */
static bool is_granted_elsewhere(int command)
{
    return command == MR_REDIS_AUTH || command == MR_REDIS_SENTINEL_MASTER;
}

static void test_the_documented_rights_are_those_of_the_commands_sent(void **state)
{
    (void)state;
    char line[512];
    size_t rights = 0;
    read_documented_user("x", line, sizeof(line) - 1);
    (void)strcat(line, " ");
    for (int i = 0; i < MR_REDIS_COMMANDS; i++) {
        char right[64];
        char word[68];
        spell_right((mr_redis_command)i, right, sizeof(right));
        (void)snprintf(word, sizeof(word), " %s ", right);
        const bool is_there = strstr(line, word) != NULL;
        if (is_there == is_granted_elsewhere(i))
            fail_msg("%s in: %s", right, line);
        rights += is_there;
    }
    for (const char *at = line; (at = strchr(at, '+')) != NULL; at++)
        rights--;
    assert_int_equal(rights, 0);
}

static void test_a_user_with_the_documented_rights_does_everything(void **state)
{
    (void)state;
    char line[512];
    char url[128];
    read_documented_user("p@ss", line, sizeof(line));
    assert_string_equal(redis_say(server.port, line), "+OK\r\n");
    (void)snprintf(url, sizeof(url), "redis://millrace:p%%40ss@127.0.0.1:%u/3",
                   server.port);
    mr_cache *const before = behaviour_cache;
    behaviour_cache = open_url(url);
    test_a_batch_keeps_its_order_over_users_and_gaps(state);
    test_an_older_owner_is_refused(state);
    test_a_deleted_key_is_absent_and_can_be_set_again(state);
    redis_expect(server.port, "+OK", "SCRIPT FLUSH");
    test_what_was_set_is_read(state);
    mr_text value;
    assert_int_equal(try_get(behaviour_cache, "other", 1000, &value), MR_ERR_UNAVAILABLE);
    assert_string_equal(mr_cache_last_error(behaviour_cache), "NOPERM");
    mr_cache_destroy(behaviour_cache);
    behaviour_cache = before;
}

static void test_a_user_without_a_right_is_told_so_and_a_wrong_password_too(void **state)
{
    (void)state;
    static const char *const rights[] = {"+mget", "+evalsha", "+eval", "+set", "+unlink"};
    for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++) {
        char key[32];
        const mr_text gone = {key,
                              (uint32_t)snprintf(key, sizeof(key), "mr:{u:%zu}:r", i)};
        mr_text value;
        redis_expect(server.port, "+OK", "SCRIPT FLUSH");
        redis_expect(server.port, "+OK",
                     "ACL SETUSER less reset on >pw ~mr:* +mget +unlink +evalsha +eval "
                     "+getrange +set -%s",
                     rights[i] + 1);
        mr_cache *less = open_cache("less:pw@", server.port);
        const bool all_well = try_set(less, key, 1000) == MR_OK &&
                              try_get(less, key, 1000, &value) == MR_OK &&
                              mr_cache_delete_many(less, &gone, 1, 1000) == MR_OK;
        if (all_well)
            fail_msg("all went well without %s", rights[i]);
        if (strcmp(rights[i], "+set") != 0) /* inside a script it is the script's error */
            assert_string_equal(mr_cache_last_error(less), "NOPERM");
        mr_cache_destroy(less);
    }
    mr_text value;
    mr_cache *wrong = open_cache("less:no@", server.port);
    assert_int_equal(try_get(wrong, "mr:{u:acl}:r", 1000, &value), MR_ERR_UNAVAILABLE);
    assert_string_equal(mr_cache_last_error(wrong), "WRONGPASS");
    mr_cache_destroy(wrong);
}

/* Since when there is each, by Redis's own reference. */
static const char *const introduced[MR_REDIS_COMMANDS] = {
    [MR_REDIS_ASKING] = "3.0.0",          [MR_REDIS_AUTH] = "1.0.0",
    [MR_REDIS_CLUSTER_SLOTS] = "3.0.0",   [MR_REDIS_EVAL] = "2.6.0",
    [MR_REDIS_EVALSHA] = "2.6.0",         [MR_REDIS_MGET] = "1.0.0",
    [MR_REDIS_ROLE] = "2.8.12",           [MR_REDIS_SELECT] = "1.0.0",
    [MR_REDIS_SENTINEL_MASTER] = "2.8.4", [MR_REDIS_UNLINK] = "4.0.0",
    [MR_REDIS_GETRANGE] = "2.4.0",        [MR_REDIS_SET] = "1.0.0",
};

static void test_every_command_sent_exists_in_redis_6_0(void **state)
{
    (void)state;
    const bool has_docs = strstr(redis_say(server.port, "COMMAND DOCS get"), "since");
    for (int i = 0; i < MR_REDIS_COMMANDS; i++) {
        char name[64];
        assert_non_null(introduced[i]);
        assert_true(introduced[i][0] < '6');
        if (i == MR_REDIS_SENTINEL_MASTER) /* a command of sentinels alone */
            continue;
        spell_right((mr_redis_command)i, name, sizeof(name));
        char expected[64];
        (void)snprintf(expected, sizeof(expected), "$5\r\nsince\r\n$%zu\r\n%s\r\n",
                       strlen(introduced[i]), introduced[i]);
        if (has_docs)
            redis_expect(server.port, expected, "COMMAND DOCS %s", name + 1);
        else
            redis_expect(server.port, "*1\r\n*", "COMMAND INFO %s",
                         mr_redis_command_names[i].word);
    }
}

/* ---- Over TLS ---- */

static mr_cache *open_sealed(const char *login, const char *host, uint16_t port,
                             const char *ca_file, const char *certificate,
                             const char *key)
{
    char url[128];
    mr_error error = {""};
    mr_cache *cache;
    (void)snprintf(url, sizeof(url), "rediss://%s%s:%u", login, host, port);
    const mr_cache_redis_options options = {.url = url,
                                            .ca_file = ca_file,
                                            .certificate_file = certificate,
                                            .key_file = key,
                                            .connect_timeout_ms = 1000,
                                            .clock = mr_clock_system()};
    if (mr_cache_redis_create(&options, &cache, &error) != MR_OK)
        fail_msg("%s", error.message);
    return cache;
}

/* A server whose certificate is for 127.0.0.1 and no other name, that wants to see ours, and
 * that knows the documented user alone. */
static void start_sealed(redis_server *sealed, const char *certificate, const char *key)
{
    char line[512];
    char port[8];
    char *rest = NULL;
    const char *arguments[32] = {"--port",
                                 "0",
                                 "--tls-port",
                                 port,
                                 "--tls-cert-file",
                                 certificate,
                                 "--tls-key-file",
                                 key,
                                 "--tls-ca-cert-file",
                                 certificate,
                                 "--user"};
    size_t count = 11;
    sealed->port = free_port();
    (void)snprintf(port, sizeof(port), "%u", sealed->port);
    read_documented_user("pw", line, sizeof(line));
    (void)strtok_r(line, " ", &rest); /* ACL */
    (void)strtok_r(NULL, " ", &rest); /* SETUSER */
    for (char *word; (word = strtok_r(NULL, " ", &rest)) != NULL && count < 31;)
        arguments[count++] = word;
    redis_start(sealed, arguments);
}

static void assert_unavailable(mr_cache *cache)
{
    mr_text value;
    assert_int_equal(try_get(cache, "mr:{u:x}:r", 1000, &value), MR_ERR_UNAVAILABLE);
    mr_cache_destroy(cache);
}

static void test_over_tls_both_must_be_who_they_say(void **state)
{
    (void)state;
    char certificate[256];
    char key[256];
    char other[256];
    char other_key[256];
    redis_server sealed = {0};
    const char *directory = getenv("MR_REDIS_DIRECTORY");
    (void)snprintf(certificate, sizeof(certificate), "%s/c.pem", directory);
    (void)snprintf(key, sizeof(key), "%s/k.pem", directory);
    (void)snprintf(other, sizeof(other), "%s/o.pem", directory);
    (void)snprintf(other_key, sizeof(other_key), "%s/ok.pem", directory);
    make_certificate("IP:127.0.0.1", other, other_key);
    make_certificate("IP:127.0.0.1", certificate, key);
    start_sealed(&sealed, certificate, key);

    mr_cache *const before = behaviour_cache;
    behaviour_cache = open_sealed("millrace:pw@", "127.0.0.1", sealed.port, certificate,
                                  certificate, key);
    test_a_batch_keeps_its_order_over_users_and_gaps(state);
    test_an_older_owner_is_refused(state);
    test_binary_values_come_back_whole(state);
    mr_cache_destroy(behaviour_cache);
    behaviour_cache = before;

    /* Another name of the same machine; a certificate we have no reason to trust; we without
     * one, with one that they do not trust, and with a wrong password. */
    assert_unavailable(open_sealed("millrace:pw@", "localhost", sealed.port, certificate,
                                   certificate, key));
    assert_unavailable(
        open_sealed("millrace:pw@", "127.0.0.1", sealed.port, other, certificate, key));
    assert_unavailable(
        open_sealed("millrace:pw@", "127.0.0.1", sealed.port, certificate, NULL, NULL));
    assert_unavailable(open_sealed("millrace:pw@", "127.0.0.1", sealed.port, certificate,
                                   other, other_key));
    assert_unavailable(open_sealed("millrace:no@", "127.0.0.1", sealed.port, certificate,
                                   certificate, key));
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
        cmocka_unit_test(test_writes_without_enough_replicas_are_refused_and_reads_go_on),
        cmocka_unit_test(test_the_documented_rights_are_those_of_the_commands_sent),
        cmocka_unit_test(test_a_user_with_the_documented_rights_does_everything),
        cmocka_unit_test(test_a_user_without_a_right_is_told_so_and_a_wrong_password_too),
        cmocka_unit_test(test_every_command_sent_exists_in_redis_6_0),
        cmocka_unit_test(test_over_tls_both_must_be_who_they_say),
    };
    return cmocka_run_group_tests_name("redis_cache", tests, set_up, tear_down);
}
