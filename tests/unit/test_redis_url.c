/*
 * URLs as people write them, and percent-encoding at its edges.
 */
#include "serving/redis_url.h"

#include "serving/percent.h"
#include "tests/support.h"

#include <string.h>

static const struct {
    const char *text;
    mr_redis_url url;
} cases[] = {
    {"redis://localhost",
     {.host_count = 1, .hosts = {{.host = "localhost", .port = 6379}}}},
    {"redis://localhost:6380/",
     {.host_count = 1, .hosts = {{.host = "localhost", .port = 6380}}}},
    {"redis://10.0.0.1:1/15",
     {.host_count = 1, .hosts = {{.host = "10.0.0.1", .port = 1}}, .database = 15}},
    {"redis://[::1]:7000/2",
     {.host_count = 1, .hosts = {{.host = "::1", .port = 7000}}, .database = 2}},
    {"redis://[::1]", {.host_count = 1, .hosts = {{.host = "::1", .port = 6379}}}},
    {"rediss://app:s%40c%2Fr@r.example:6390/1",
     {.tls = true,
      .host_count = 1,
      .hosts = {{.host = "r.example", .port = 6390}},
      .database = 1,
      .login = {.user = "app", .password = "s@c/r"}}},
    {"redis://:pw@h",
     {.host_count = 1,
      .hosts = {{.host = "h", .port = 6379}},
      .login = {.password = "pw"}}},
    {"redis://:p/w@x@h",
     {.host_count = 1,
      .hosts = {{.host = "h", .port = 6379}},
      .login = {.password = "p/w@x"}}},
    {"unix:///run/redis.sock?db=3",
     {.host_count = 1,
      .hosts = {{.is_unix = true, .host = "/run/redis.sock"}},
      .database = 3}},
    {"unix://u:p@/run/r.sock",
     {.host_count = 1,
      .hosts = {{.is_unix = true, .host = "/run/r.sock"}},
      .login = {.user = "u", .password = "p"}}},
    {"redis+cluster://a,[::2]:7001,c:7002",
     {.kind = MR_REDIS_CLUSTER,
      .host_count = 3,
      .hosts = {{.host = "a", .port = 6379},
                {.host = "::2", .port = 7001},
                {.host = "c", .port = 7002}}}},
    {"rediss+cluster://u:p@a:1/",
     {.kind = MR_REDIS_CLUSTER,
      .tls = true,
      .host_count = 1,
      .hosts = {{.host = "a", .port = 1}},
      .login = {.user = "u", .password = "p"}}},
    {"redis+sentinel://s1/shop",
     {.kind = MR_REDIS_SENTINEL,
      .host_count = 1,
      .hosts = {{.host = "s1", .port = 26379}},
      .master = "shop"}},
    {"rediss+sentinel://app:pw@s1:1,s2/shop/"
     "4?sentinel_user=a&sentinel_password=b%26c",
     {.kind = MR_REDIS_SENTINEL,
      .tls = true,
      .host_count = 2,
      .hosts = {{.host = "s1", .port = 1}, {.host = "s2", .port = 26379}},
      .database = 4,
      .login = {.user = "app", .password = "pw"},
      .sentinel_login = {.user = "a", .password = "b&c"},
      .master = "shop"}},
};

static void test_reads_every_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        mr_redis_url url;
        mr_error error;
        if (mr_redis_url_parse(cases[i].text, &url, &error) != MR_OK)
            fail_msg("%s: %s", cases[i].text, error.message);
        assert_memory_equal(&url, &cases[i].url, sizeof(url));
    }
}

static void test_refuses_what_it_cannot_read_without_repeating_it(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "localhost",
        "http://h",
        "redis://",
        "redis://:1",
        "redis://h:",
        "redis://h:0",
        "redis://h:70000",
        "redis://h:1x",
        "redis://h/x",
        "redis://h/-1",
        "redis://[::1",
        "redis://:se%zzcret@h",
        "unix://relative",
        "unix:///p?dbx=1",
        "redis://h/999999",
        "redis://a,b",
        "redis+cluster://",
        "redis+cluster://a,",
        "redis+cluster://,a",
        "redis+cluster://a/1",
        "redis+cluster://1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17",
        "redis+sentinel://s1",
        "redis+sentinel://s1/",
        "redis+sentinel://s1/shop/x",
        "redis+sentinel://s1/shop?password=cret",
        "redis+sentinel://s1/shop?sentinel_password=%cret",
        "redis+unix://a",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        mr_redis_url url;
        mr_error error = {""};
        if (mr_redis_url_parse(bad[i], &url, &error) != MR_ERR_INVALID)
            fail_msg("%s was taken", bad[i]);
        assert_null(strstr(error.message, "cret"));
    }
}

static void test_percent_takes_two_hex_digits_and_nothing_else(void **state)
{
    (void)state;
    char out[8];
    size_t length;
    assert_ok(mr_percent_decode(MR_TEXT("a%20%C3%a9+"), out, sizeof(out), &length));
    assert_int_equal(length, 5);
    assert_memory_equal(out, "a \xc3\xa9+", 5);
    assert_ok(mr_percent_decode(MR_TEXT("%00"), out, sizeof(out), &length));
    assert_int_equal(length, 1);
    static const char *const bad[] = {"%", "%4", "%g0", "%0g", "a%", "%%%"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(
            mr_percent_decode(mr_text_from(bad[i]), out, sizeof(out), &length),
            MR_ERR_CORRUPT);
    assert_int_equal(mr_percent_decode(MR_TEXT("123456789"), out, sizeof(out), &length),
                     MR_ERR_FULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_every_form),
        cmocka_unit_test(test_refuses_what_it_cannot_read_without_repeating_it),
        cmocka_unit_test(test_percent_takes_two_hex_digits_and_nothing_else),
    };
    return cmocka_run_group_tests_name("redis_url", tests, NULL, NULL);
}
