/*
 * What a client may ask and send: what is wrong is answered by a problem that names the field,
 * events are taken byte for byte and judged one by one.
 */
#include "tests/api_world.h"

static void test_what_is_wrong_with_a_request_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        const char *field;
    } cases[] = {
        {"/v1/users/u/recommendations?n=0", "n"},
        {"/v1/users/u/recommendations?n=101", "n"},
        {"/v1/users/u/recommendations?n=ten", "n"},
        {"/v1/users/u/recommendations?n=5&n=6", "n"},
        {"/v1/users/u/recommendations?explain=yes", "explain"},
        {"/v1/users/u/recommendations?colour=red", "colour"},
        {"/v1/users/u/recommendations?exclude=a,,b", "exclude"},
        {"/v1/users/u/recommendations?x=%zz", "query"},
        {"/v1/users/u/recommendations?x=%ff", "query"},
        {"/v1/users//recommendations", "user_id"},
        {"/v1/users/%ff/recommendations", "user_id"},
        {"/v1/users/%4/recommendations", "path"},
        {"/v1/items/i1/similar?n=1000", "n"},
        {"/v1/trending?kind=cold", "kind"},
        {"/v1/trending?category=", "category"},
        {"/v1/churn/alerts?tier=sad", "tier"},
        {"/v1/churn/alerts?since=zz", "since"},
        {"/v1/churn/alerts?limit=0", "limit"},
        {"/v1/items", "q"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        get(cases[i].target);
        assert_problem(400, cases[i].field);
    }
    static const char *const bodies[][2] = {
        {"{", "body"},
        {"[]", "body"},
        {"{\"n\":0}", "n"},
        {"{\"n\":\"5\"}", "n"},
        {"{\"explain\":1}", "explain"},
        {"{\"exclude\":\"a\"}", "exclude"},
        {"{\"exclude\":[\"a\",1]}", "exclude[1]"},
        {"{\"items\":[\"\"]}", "items[0]"},
        {"{\"placement\":7}", "placement"},
        {"{\"unheard_of\":1}", "unheard_of"},
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        post("/v1/users/u/recommendations", bodies[i][0]);
        assert_problem(400, bodies[i][1]);
    }
    char target[400];
    (void)snprintf(target, sizeof(target), "/v1/users/%0129d/recommendations", 1);
    get(target);
    assert_problem(400, "user_id");
}

/* ---- Items ---- */

static void test_similar_items_drop_what_a_backend_got_wrong(void **state)
{
    (void)state;
    get("/v1/items/i1/similar");
    assert_status(200);
    assert_items("i4 i5");
    get("/v1/items/i1/similar?n=1");
    assert_items("i4");
    get("/v1/items/nobody/similar");
    assert_problem(404, NULL);
    world.has_model = false;
    get("/v1/items/i1/similar");
    assert_problem(503, NULL);
}

static void test_trending_by_kind_and_category(void **state)
{
    (void)state;
    get("/v1/trending?n=2");
    assert_items("i10 i11");
    assert_member("kind", "hot");
    get("/v1/trending?kind=popular&n=2");
    assert_items("i1 i2");
    get("/v1/trending?kind=rising&category=empty");
    assert_status(200);
    assert_items("");
    assert_member("category", "empty");
}

static void test_items_are_found_by_title(void **state)
{
    (void)state;
    get("/v1/items?q=lan");
    assert_status(200);
    assert_items("i50");
}

/* ---- Events ---- */

static void test_an_event_is_appended_with_an_id_of_ours(void **state)
{
    (void)state;
    post("/v1/events", " {\"user_id\":\"u\",\"type\":\"view\",\"item_id\":\"i1\"} ");
    assert_status(202);
    assert_int_equal(mr_json_int(member("accepted"), 0), 1);
    const mr_text id = mr_json_text(
        mr_json_get(mr_json_at(member("events"), 0), "event_id"), (mr_text){0});
    assert_int_equal(id.length, 34);
    char expected[512];
    (void)snprintf(
        expected, sizeof(expected),
        "{\"event_id\":\"%.*s\",\"user_id\":\"u\",\"type\":\"view\",\"item_id\":"
        "\"i1\"}",
        MR_TEXT_ARG(id));
    assert_string_equal(world.last_record, expected);
    assert_string_equal(world.last_user, "u");
}

static void test_events_go_in_byte_for_byte_and_are_judged_one_by_one(void **state)
{
    (void)state;
    post("/v1/events", "[{\"event_id\":\"e1\",\"user_id\":17,\"type\":\"view\"},"
                       "{\"type\":\"view\"},"
                       "{\"event_id\":\"e3\",\"anonymous_id\":\"a\",\"type\":\"poison\"},"
                       "{\"event_id\":\"e4\",\"user_id\":\"w\",\"type\":\"view\", \"x\": "
                       "[1.50, \"],{\\\"\"]}]");
    assert_status(202);
    assert_int_equal(mr_json_int(member("accepted"), 0), 2);
    assert_int_equal(mr_json_int(member("rejected"), 0), 2);
    static const int statuses[] = {202, 400, 400, 202};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(
            mr_json_int(mr_json_get(mr_json_at(member("events"), i), "status"), 0),
            statuses[i]);
    assert_true(mr_text_is(
        mr_json_text(mr_json_get(mr_json_at(member("events"), 1), "field"), (mr_text){0}),
        "events[1].user_id"));
    assert_true(
        mr_text_is(mr_json_text(mr_json_get(mr_json_at(member("events"), 2), "event_id"),
                                (mr_text){0}),
                   "e3"));
    assert_string_equal(world.last_record,
                        "{\"event_id\":\"e4\",\"user_id\":\"w\",\"type\":"
                        "\"view\", \"x\": [1.50, \"],{\\\"\"]}");
    post("/v1/events",
         "{\"events\": [ {\"event_id\":\"e5\",\"user_id\":\"z\",\"type\":\"x\"} "
         "] }");
    assert_status(202);
    assert_string_equal(world.last_user, "z");
}

static void test_bad_events_are_named(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", "body"},
        {"5", "body"},
        {"[]", "events"},
        {"{\"events\":{}}", "events"},
        {"{\"events\":[],\"more\":1}", "events"},
        {"{\"type\":\"view\"}", "user_id"},
        {"{\"user_id\":\"u\"}", "type"},
        {"{\"user_id\":\"\",\"type\":\"view\"}", "user_id"},
        {"{\"user_id\":\"u\",\"type\":\"view\",\"event_id\":\"\"}", "event_id"},
        {"{\"user_id\":\"u\",\"type\":\"view\",\"event_id\":null}", "event_id"},
        {"[{\"user_id\":\"u\"}]", "events[0].type"},
        {"[7]", "events[0]"},
        {"{\"user_id\":\"u\",\"type\":\"poison\"}", "event"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        post("/v1/events", cases[i][0]);
        assert_problem(400, cases[i][1]);
    }
    assert_int_equal(world.appended, 0);
    mr_buffer many = {0};
    mr_buffer_put(&many, "[", 1);
    for (int i = 0; i < 1001; i++)
        mr_buffer_printf(&many, "%s{\"user_id\":\"u\",\"type\":\"view\"}",
                         i > 0 ? "," : "");
    mr_buffer_put(&many, "]", 2);
    post("/v1/events", (const char *)many.bytes);
    assert_problem(400, "events");
    mr_buffer_deinit(&many);
}

static void test_a_log_that_cannot_take_events_says_when_to_try_again(void **state)
{
    (void)state;
    static const char event[] = "{\"user_id\":\"u\",\"type\":\"view\"}";
    world.append = MR_ERR_FULL;
    post("/v1/events", event);
    assert_problem(429, NULL);
    assert_int_equal(response.retry_after_s, 1);
    world.append = MR_ERR_UNAVAILABLE;
    post("/v1/events", event);
    assert_problem(503, NULL);
    assert_int_equal(response.retry_after_s, 1);
}

/* ---- The rest ---- */

static void test_profiles_and_alerts(void **state)
{
    (void)state;
    get("/v1/users/zn%C3%A1m%C3%BD%20u%C5%BEivatel/profile");
    assert_status(200);
    assert_member("user_id", "známý uživatel");
    get("/v1/users/u/profile");
    assert_problem(404, NULL);
    get("/v1/churn/alerts?tier=critical&since=c1&limit=7");
    assert_status(200);
    assert_member("next", "c2");
    assert_int_equal(mr_json_int(mr_json_at(member("alerts"), 1), 0), 7);
}

static void test_health_is_not_readiness(void **state)
{
    (void)state;
    get("/healthz");
    assert_status(200);
    get("/readyz");
    assert_status(200);
    world.ready = false;
    get("/readyz");
    assert_status(503);
    assert_false(mr_json_bool(member("ready"), true));
    get("/healthz");
    assert_status(200);
}

static void test_paths_and_methods(void **state)
{
    (void)state;
    get("/v1/nothing");
    assert_problem(404, NULL);
    get("/v1/users/u/recommendations/more");
    assert_problem(404, NULL);
    send_request(MR_HTTP_DELETE, "/v1/events", "", NULL);
    assert_problem(405, NULL);
    assert_string_equal(response.allow, "POST");
    get("/v1/events");
    assert_problem(405, NULL);
    send_request(MR_HTTP_HEAD, "/healthz", "", NULL);
    assert_status(200);
    post("/v1/trending", "");
    assert_problem(405, NULL);
    assert_string_equal(response.allow, "GET, HEAD");
}

static void test_the_page_has_an_etag(void **state)
{
    (void)state;
    get("/");
    assert_status(200);
    assert_string_equal(response.content_type, "text/html; charset=utf-8");
    assert_true(mr_text_is(response.lent_body, "<html>"));
    send_request(MR_HTTP_GET, "/assets/app.js", "", "\"x\", W/\"e2\"");
    assert_status(304);
    get("/assets/../secret");
    assert_problem(404, NULL);
}

static void test_metrics_count_by_route_and_class(void **state)
{
    (void)state;
    get("/v1/users/u/recommendations");
    get("/v1/users/u/recommendations?n=0");
    get("/v1/nothing");
    get("/metrics");
    mr_buffer_put_u8(&body, 0);
    const char *text = (const char *)body.bytes;
    assert_non_null(strstr(
        text,
        "millrace_http_requests_total{route=\"recommendations\",class=\"2xx\"} 1\n"));
    assert_non_null(strstr(
        text,
        "millrace_http_requests_total{route=\"recommendations\",class=\"4xx\"} 1\n"));
    assert_non_null(
        strstr(text, "millrace_http_requests_total{route=\"none\",class=\"4xx\"} 1\n"));
    assert_non_null(
        strstr(text, "millrace_recommendations_total{from=\"fallback\"} 1\n"));
    assert_non_null(strstr(text, "millrace_http_latency_seconds_count{route="
                                 "\"recommendations\"} 2\n"));
    get("/v1/analytics/overview");
    assert_status(200);
    assert_int_equal(mr_json_int(member("catalogue_items"), 0), 6);
    assert_int_equal(mr_json_int(member("served_fallback"), 0), 1);
    assert_close(mr_json_double(member("cache_hit_share"), 1), 0, 0);
    assert_member("model_version", "v1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_what_is_wrong_with_a_request_is_named),
        CASE(test_similar_items_drop_what_a_backend_got_wrong),
        CASE(test_trending_by_kind_and_category),
        CASE(test_items_are_found_by_title),
        CASE(test_an_event_is_appended_with_an_id_of_ours),
        CASE(test_events_go_in_byte_for_byte_and_are_judged_one_by_one),
        CASE(test_bad_events_are_named),
        CASE(test_a_log_that_cannot_take_events_says_when_to_try_again),
        CASE(test_profiles_and_alerts),
        CASE(test_health_is_not_readiness),
        CASE(test_paths_and_methods),
        CASE(test_the_page_has_an_etag),
        CASE(test_metrics_count_by_route_and_class),
    };
    return cmocka_run_group_tests_name("api_requests", tests, NULL, NULL);
}
