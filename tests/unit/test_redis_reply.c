/*
 * Replies over a socket pair: what they become, and how little a hostile peer can make us hold.
 */
#include "serving/redis_connection.h"

#include "tests/support.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { UNREAD_MAX = 1 << 20, SLACK_BYTES = 1 << 20, ITEMS_MAX = 100 };

typedef struct line {
    mr_redis_connection *connection;
    int peer;
    mr_redis_reply reply;
    mr_buffer text;
} line;

static void open_line(line *l)
{
    int pair[2];
    *l = (line){0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_ok(mr_redis_connection_adopt(pair[0], &l->connection));
    l->peer = pair[1];
}

static void close_line(line *l)
{
    mr_redis_connection_destroy(l->connection);
    (void)close(l->peer);
    mr_redis_reply_deinit(&l->reply);
    mr_buffer_deinit(&l->text);
}

static mr_status hear(line *l, int timeout_ms)
{
    const mr_redis_budget budget = mr_redis_budget_of(mr_clock_system(), timeout_ms);
    mr_redis_reply_begin(&l->reply, &l->text, ITEMS_MAX, 1000);
    return mr_redis_connection_read(l->connection, &budget, UNREAD_MAX, &l->reply);
}

static mr_status hear_all(line *l, const char *bytes)
{
    assert_int_equal(write(l->peer, bytes, strlen(bytes)), strlen(bytes));
    return hear(l, 1000);
}

static void test_a_reply_is_flat_in_the_order_of_the_wire(void **state)
{
    (void)state;
    line l;
    open_line(&l);
    assert_ok(hear_all(&l, "*4\r\n$3\r\none\r\n*2\r\n:7\r\n$-1\r\n*0\r\n+last\r\n"));
    static const mr_redis_type types[] = {
        MR_REDIS_ARRAY, MR_REDIS_STRING, MR_REDIS_ARRAY, MR_REDIS_INTEGER,
        MR_REDIS_NIL,   MR_REDIS_ARRAY,  MR_REDIS_STATUS};
    assert_int_equal(l.reply.count, 7);
    for (size_t i = 0; i < 7; i++)
        assert_true(mr_redis_reply_is(&l.reply, i, types[i]));
    assert_true(mr_text_is(mr_redis_reply_text(&l.reply, 1), "one"));
    assert_true(mr_text_is(mr_redis_reply_text(&l.reply, 6), "last"));
    assert_int_equal(l.reply.items[3].number, 7);
    assert_int_equal(mr_redis_reply_text(&l.reply, 3).length, 0);
    assert_int_equal(mr_redis_reply_text(&l.reply, 99).length, 0);
    assert_int_equal(mr_redis_reply_next(&l.reply, 1), 2);
    assert_int_equal(mr_redis_reply_next(&l.reply, 2), 5);
    assert_int_equal(mr_redis_reply_next(&l.reply, 0), 7);
    close_line(&l);
}

static void test_texts_are_appended_and_too_long_ones_left_out(void **state)
{
    (void)state;
    line l;
    char long_one[1200];
    open_line(&l);
    mr_buffer_put(&l.text, "before", 6);
    (void)snprintf(long_one, sizeof(long_one), "*2\r\n$1001\r\n%01001d\r\n$2\r\nok\r\n",
                   1);
    assert_ok(hear_all(&l, long_one));
    assert_int_equal(mr_redis_reply_text(&l.reply, 1).length, 0);
    assert_true(mr_text_is(mr_redis_reply_text(&l.reply, 2), "ok"));
    assert_int_equal(l.text.length, 8);
    close_line(&l);
}

static void test_what_exceeds_a_bound_is_refused(void **state)
{
    (void)state;
    static char many[4096];
    size_t length = (size_t)snprintf(many, sizeof(many), "*%d\r\n", ITEMS_MAX);
    for (int i = 0; i < ITEMS_MAX; i++)
        length += (size_t)snprintf(many + length, sizeof(many) - length, ":%d\r\n", i);
    static const char *const bad[] = {
        many,         "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
        "*16385\r\n", "%1\r\n:1\r\n:1\r\n",
        ",1.0\r\n",   "#t\r\n",
        "x"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        line l;
        open_line(&l);
        if (hear_all(&l, bad[i]) != MR_ERR_CORRUPT)
            fail_msg("taken: %.20s", bad[i]);
        close_line(&l);
    }
}

static void test_what_does_not_come_is_late_and_what_has_come_is_taken(void **state)
{
    (void)state;
    line l;
    open_line(&l);
    assert_true(mr_redis_connection_is_quiet(l.connection));
    assert_int_equal(hear(&l, 5), MR_ERR_UNAVAILABLE);
    close_line(&l);
    open_line(&l);
    assert_int_equal(write(l.peer, ":1\r\n", 4), 4);
    assert_false(mr_redis_connection_is_quiet(l.connection));
    assert_ok(hear(&l, 0));
    assert_true(mr_redis_connection_is_quiet(l.connection));
    (void)shutdown(l.peer, SHUT_WR);
    assert_false(mr_redis_connection_is_quiet(l.connection));
    assert_int_equal(hear(&l, 1000), MR_ERR_UNAVAILABLE);
    close_line(&l);
}

/* Sends until it is hung up on. */
static void *send_for_ever(void *argument)
{
    const int fd = *(const int *)argument;
    static const char announced[] = "*1\r\n$2147483647\r\n";
    static char bytes[1 << 16];
    ssize_t sent = send(fd, announced, sizeof(announced) - 1, MSG_NOSIGNAL);
    while (sent > 0)
        sent = send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL);
    return NULL;
}

static void test_an_endless_text_costs_a_bounded_memory(void **state)
{
    (void)state;
    line l;
    pthread_t thread;
    open_line(&l);
    assert_int_equal(pthread_create(&thread, NULL, send_for_ever, &l.peer), 0);
    assert_int_equal(hear(&l, 10000), MR_ERR_CORRUPT);
    const size_t bytes = mr_redis_connection_bytes(l.connection);
    print_message("%zu bytes held of a text without end\n", bytes);
    assert_true(bytes <= UNREAD_MAX + SLACK_BYTES + (1 << 12));
    mr_redis_connection_destroy(l.connection);
    (void)pthread_join(thread, NULL);
    l.connection = NULL;
    close_line(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_reply_is_flat_in_the_order_of_the_wire),
        cmocka_unit_test(test_texts_are_appended_and_too_long_ones_left_out),
        cmocka_unit_test(test_what_exceeds_a_bound_is_refused),
        cmocka_unit_test(test_what_does_not_come_is_late_and_what_has_come_is_taken),
        cmocka_unit_test(test_an_endless_text_costs_a_bounded_memory),
    };
    return cmocka_run_group_tests_name("redis_reply", tests, NULL, NULL);
}
