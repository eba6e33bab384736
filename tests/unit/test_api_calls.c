/*
 * Each call, beside recommendations and events: a good request, its edges, and what is wrong with
 * the others named by its path; the catalogue, the model and the log are those of api_world.h.
 */
#include "tests/api_world.h"

typedef struct bad_body {
    const char *body;
    const char *field;
} bad_body;

static void assert_refused(const char *target, const bad_body *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        post(target, cases[i].body);
        assert_problem(400, cases[i].field);
    }
}

#define REFUSED(target, cases)                                                           \
    assert_refused(target, cases, sizeof(cases) / sizeof((cases)[0]))

/* {"name":["i0","i0", … count times]} */
static const char *ids_body(const char *name, int count, const char *more)
{
    static char text[65536];
    size_t length = (size_t)snprintf(text, sizeof(text), "{\"%s\":[", name);
    for (int i = 0; i < count; i++)
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%s\"x%d\"",
                                   i > 0 ? "," : "", i);
    (void)snprintf(text + length, sizeof(text) - length, "]%s}", more);
    return text;
}

static mr_json_value *item(size_t index)
{
    return mr_json_at(member("items"), index);
}

static void assert_text(mr_json_value *value, const char *expected)
{
    const mr_text text = mr_json_text(value, MR_TEXT("(none)"));
    if (!mr_text_is(text, expected))
        fail_msg("\"%.*s\", not \"%s\": %.*s", MR_TEXT_ARG(text), expected,
                 (int)body.length, body.bytes);
}

/* ---- Recommendations ---- */

static const char recommendations[] = "/v1/users/u/recommendations";

static void test_a_request_may_say_all_that_the_table_has(void **state)
{
    (void)state;
    world.has_owner = true;
    post(recommendations,
         "{\"placement\":\"cart\",\"n\":1,\"session_id\":\"s1\",\"items\":[\"i9\"],"
         "\"exclude\":[\"i50\"],\"include\":[\"i52\",\"i53\"],\"category\":[\"lamps\"],"
         "\"brand\":\"Acme\",\"price_min\":1,\"price\":{\"max\":\"20.00\"},"
         "\"in_stock\":true,\"min_stock\":7,\"attributes\":{\"color\":[\"blue\",\"red\"],"
         "\"size\":\"M\"},\"rules\":{\"pin\":[],\"boost\":[]},\"diversity\":0.5,"
         "\"explain\":true,\"fields\":[\"title\",\"stock\",\"attributes\"]}");
    assert_status(200);
    assert_items("i52");
    assert_member("session_id", "s1");
    assert_text(mr_json_get(item(0), "title"), "Red lamp");
    assert_int_equal(mr_json_int(mr_json_get(item(0), "stock"), 0), 7);
    assert_text(mr_json_at(mr_json_get(mr_json_get(item(0), "attributes"), "color"), 1),
                "dark red");
    assert_text(mr_json_get(mr_json_get(item(0), "attributes"), "size"), "M");
    assert_null(mr_json_get(item(0), "price"));
}

static void test_the_query_says_the_same(void **state)
{
    (void)state;
    world.has_owner = true;
    get("/v1/users/u/"
        "recommendations?placement=cart&n=1&session_id=s1&items=i9&exclude=i50"
        "&include=i52,i53&category=lamps,other&brand=Acme&price_min=1&price_max=20.00"
        "&in_stock=true&min_stock=7&attr.color=blue&attr.color=red&attr.size=M"
        "&diversity=0.5&explain=true&fields=title,stock,attributes");
    assert_status(200);
    assert_items("i52");
    get("/v1/users/u/recommendations?attr.color=blue");
    assert_status(200);
    assert_items("");
    get("/v1/users/u/recommendations?n=1&fields=none");
    assert_int_equal(mr_json_count(item(0)), 3); /* id, score, source */
}

static void test_what_is_wrong_with_a_body_is_named_by_its_path(void **state)
{
    (void)state;
    static const bad_body cases[] = {
        {"{\"n\":1.5}", "n"},
        {"{\"n\":101}", "n"},
        {"{\"n\":null}", "n"},
        {"{\"n\":5,\"n\":6}", "n"},
        {"{\"session_id\":\"\"}", "session_id"},
        {"{\"category\":[\"\"]}", "category[0]"},
        {"{\"price_min\":-1}", "price_min"},
        {"{\"price\":{\"least\":1}}", "price.least"},
        {"{\"price_min\":3,\"price_max\":2}", "price_max"},
        {"{\"in_stock\":1}", "in_stock"},
        {"{\"min_stock\":0}", "min_stock"},
        {"{\"attributes\":[]}", "attributes"},
        {"{\"attributes\":{\"color\":{}}}", "attributes.color"},
        {"{\"rules\":{\"boost\":[{\"where\":{\"brand\":\"A\"},\"by\":0.5}]}}",
         "rules.boost[0].by"},
        {"{\"rules\":{\"pin\":[{\"item\":\"i1\",\"position\":0}]}}",
         "rules.pin[0].position"},
        {"{\"diversity\":1.01}", "diversity"},
        {"{\"diversity\":\"0.5\"}", "diversity"},
        {"{\"fields\":[\"colour\"]}", "fields[0]"},
        {"{\"next\":\"n_AAAA\"}", "next"},
        {"{\"next\":\"\"}", "next"},
        {"{\"user_id\":\"v\"}", "user_id"},
        {"\"text\"", "body"},
        {"{\"n\":1}x", "body"},
        {"{\"session_id\":\"\xff\"}", "body"},
    };
    REFUSED(recommendations, cases);
    post(recommendations, ids_body("exclude", 1000, ""));
    assert_status(200);
    post(recommendations, ids_body("exclude", 1001, ""));
    assert_problem(400, "exclude");
    post(recommendations, ids_body("items", 50, ""));
    assert_status(200);
    post(recommendations, ids_body("items", 51, ""));
    assert_problem(400, "items");
    post(recommendations, ids_body("include", 1001, ""));
    assert_problem(400, "include");
    post("/v1/users/u/recommendations?n=5", "{}");
    assert_problem(400, "n");
    post(recommendations, "{\"placement\":\"nowhere\"}");
    assert_problem(404, NULL);
}

static void test_an_id_may_hold_any_character(void **state)
{
    (void)state;
    post(recommendations, "{\"exclude\":[\"a\\u0000b\",\"a,b\",\"\\\"\"]}");
    assert_status(200);
    get("/v1/users/a%00b%2Fc%25/recommendations?n=1");
    assert_status(200);
    get("/v1/users/u/recommendations?exclude=i1%2Ci2&n=1"); /* a comma is a comma */
    assert_status(200);
}

static void test_pages_show_nothing_twice(void **state)
{
    (void)state;
    world.has_owner = true;
    char next[2048];
    char seen[2048] = "";
    get("/v1/users/u/recommendations?n=5&fields=none");
    for (int page = 0; page < 8; page++) {
        assert_status(200);
        assert_int_equal(mr_json_int(member("page"), 0), page);
        for (size_t i = 0; i < mr_json_count(member("items")); i++) {
            char id[32];
            (void)snprintf(
                id, sizeof(id), "<%.*s>",
                MR_TEXT_ARG(mr_json_text(mr_json_get(item(i), "id"), (mr_text){0})));
            assert_null(strstr(seen, id));
            (void)strncat(seen, id, sizeof(seen) - strlen(seen) - 1);
        }
        const mr_text token = mr_json_text(member("next"), (mr_text){0});
        if (token.length == 0)
            break;
        (void)snprintf(next, sizeof(next),
                       "/v1/users/u/recommendations?n=5&fields=none&next=%.*s",
                       MR_TEXT_ARG(token));
        get(next);
    }
    assert_non_null(strstr(seen, "<i88>")); /* deep into what is scored */
}

static void test_a_page_that_is_not_full_is_the_last(void **state)
{
    (void)state;
    get("/v1/users/u/recommendations?include=i1,i2&n=5");
    assert_items("i1 i2");
    assert_null(member("next"));
}

/* ---- Sessions ---- */

static void test_a_session_is_scored_by_its_items_alone(void **state)
{
    (void)state;
    world.has_owner = true; /* who is not asked */
    post("/v1/sessions/recommendations", "{\"items\":[\"i9\",\"i8\"],\"n\":2}");
    assert_status(200);
    assert_items("i50 i51"); /* i51 was bought by the user that nobody is */
    assert_int_equal(world.scored_context, 2);
    assert_int_equal(world.scored_history, 0);
    assert_member("served_from", "live");
    assert_null(member("fallback"));
    assert_null(member("profile_as_of"));
    post("/v1/sessions/recommendations",
         "{\"items\":[\"i9\"],\"user_id\":\"u\",\"n\":2}");
    assert_items("i50 i52");
    post("/v1/sessions/recommendations", "{\"items\":[\"unheard-of\"],\"n\":2}");
    assert_status(200);
    assert_member("fallback", "popular");
}

static void test_a_session_needs_items(void **state)
{
    (void)state;
    static const bad_body cases[] = {
        {"", "items"},
        {"{}", "items"},
        {"{\"items\":[]}", "items"},
        {"{\"items\":[7]}", "items[0]"},
        {"{\"items\":[\"i1\"],\"user_id\":\"\"}", "user_id"},
        {"{\"items\":[\"i1\"],\"user\":\"u\"}", "user"},
    };
    REFUSED("/v1/sessions/recommendations", cases);
    post("/v1/sessions/recommendations", ids_body("items", 51, ""));
    assert_problem(400, "items");
    get("/v1/sessions/recommendations");
    assert_problem(405, NULL);
}

/* ---- Batch ---- */

static void test_each_request_of_a_batch_is_answered_by_itself(void **state)
{
    (void)state;
    world.has_owner = true;
    post("/v1/batch",
         "{\"requests\":[{\"user_id\":\"u\",\"n\":1},{\"items\":[\"i9\"],\"n\":2},{},7,"
         "{\"user_id\":\"u\",\"n\":0},{\"user_id\":\"u\",\"placement\":\"nowhere\"},"
         "{\"user_id\":\"u\",\"rules\":{\"bury\":[{\"where\":{},\"by\":0}]}}]}");
    assert_status(200);
    static const struct {
        int status;
        const char *field;
    } expected[] = {
        {200, NULL},
        {200, NULL},
        {400, "requests[2].items"},
        {400, "requests[3]"},
        {400, "requests[4].n"},
        {404, "requests[5].placement"},
        {400, "requests[6].rules.bury[0].where"},
    };
    mr_json_value *answers = member("answers");
    assert_int_equal(mr_json_count(answers), sizeof(expected) / sizeof(expected[0]));
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        mr_json_value *one = mr_json_at(answers, i);
        assert_int_equal(mr_json_int(mr_json_get(one, "status"), 0), expected[i].status);
        if (expected[i].field != NULL)
            assert_text(mr_json_get(mr_json_at(mr_json_get(one, "errors"), 0), "field"),
                        expected[i].field);
    }
    mr_json_value *first = mr_json_at(mr_json_get(mr_json_at(answers, 0), "items"), 0);
    assert_text(mr_json_get(first, "id"), "i50");
    assert_int_equal(mr_json_count(mr_json_get(mr_json_at(answers, 1), "items")), 2);
}

static void test_the_envelope_of_a_batch_must_be_right(void **state)
{
    (void)state;
    static const bad_body cases[] = {
        {"", "body"},
        {"[]", "body"},
        {"{}", "requests"},
        {"{\"requests\":{}}", "requests"},
        {"{\"requests\":[]}", "requests"},
        {"{\"requests\":[{\"user_id\":\"u\"}],\"n\":1}", "n"},
    };
    REFUSED("/v1/batch", cases);
    post("/v1/batch", ids_body("requests", 100, ""));
    assert_status(200);
    post("/v1/batch", ids_body("requests", 101, ""));
    assert_problem(400, "requests");
}

static void test_a_batch_without_anything_to_serve_says_so_for_each(void **state)
{
    (void)state;
    world.has_model = world.has_popular = world.has_trending = world.has_static = false;
    post("/v1/batch", "{\"requests\":[{\"user_id\":\"u\"}]}");
    assert_status(200);
    assert_int_equal(
        mr_json_int(mr_json_get(mr_json_at(member("answers"), 0), "status"), 0), 503);
}

/* ---- Rank ---- */

static void test_given_items_are_put_in_order(void **state)
{
    (void)state;
    world.has_owner = true;
    post("/v1/rank", "{\"user_id\":\"u\",\"items\":[\"i3\",\"x1\",\"i9\",\"i8\",\"i52\","
                     "\"i3\",\"x2\",\"i0\",\"i90\",\"i51\"],\"explain\":true,\"context\":"
                     "[\"i7\",\"x\"]}");
    assert_status(200);
    assert_items("i52 i9 i8 i3 x1 x2"); /* i9 and i8 are equal, and stay as they stood */
    assert_int_equal(world.scored_history, 2);
    assert_int_equal(world.scored_context, 1);
    assert_int_equal(mr_json_int(mr_json_get(item(0), "position_before"), 0), 5);
    assert_text(mr_json_get(item(0), "source"), "blend");
    assert_text(mr_json_get(item(0), "title"), "Red lamp");
    assert_text(mr_json_get(mr_json_get(item(0), "reason"), "text"),
                "because of Cakestand");
    assert_text(mr_json_get(item(4), "source"), "none");
    assert_false(mr_json_is_number(mr_json_get(item(4), "score")));
    assert_null(mr_json_get(item(4), "reason"));
    static const char *const left_out[][2] = {
        {"i0", "hidden"}, {"i90", "out_of_stock"}, {"i51", "purchased"}};
    assert_int_equal(mr_json_count(member("left_out")), 3);
    for (size_t i = 0; i < 3; i++) {
        mr_json_value *one = mr_json_at(member("left_out"), i);
        assert_text(mr_json_get(one, "id"), left_out[i][0]);
        assert_text(mr_json_get(one, "why"), left_out[i][1]);
    }
    assert_member("served_from", "live");
    assert_null(member("fallback"));
    assert_non_null(member("profile_as_of"));
}

static void test_rank_without_anything_known_keeps_the_order(void **state)
{
    (void)state;
    static const char request[] = "{\"items\":[\"i3\",\"i9\",\"i8\"]}";
    post("/v1/rank", request);
    assert_items("i3 i9 i8");
    assert_member("fallback", "given_order");
    assert_member("served_from", "fallback");
    assert_false(mr_json_bool(member("degraded"), true));
    post("/v1/rank", "{\"items\":[\"i3\",\"i9\"],\"context\":[\"i1\"]}");
    assert_items("i9 i3");
    assert_null(member("fallback"));
    post("/v1/rank",
         "{\"items\":[\"i3\",\"i9\"],\"context\":[\"i1\"],\"user_id\":\"new\"}");
    assert_member("fallback", "session");
    world.ranks_nothing = true;
    post("/v1/rank", "{\"items\":[\"i3\",\"i9\"],\"context\":[\"i1\"]}");
    assert_items("i3 i9");
    world.has_model = false;
    post("/v1/rank", request);
    assert_items("i3 i9 i8");
    assert_member("degraded_reason", "model");
}

static void test_rank_follows_the_rules(void **state)
{
    (void)state;
    world.has_owner = true;
    post("/v1/rank",
         "{\"user_id\":\"u\",\"items\":[\"i3\",\"i52\",\"i53\",\"i50\"],"
         "\"exclude\":[\"i3\"],\"rules\":{\"pin\":[{\"item\":\"i50\",\"position\":"
         "1},{\"item\":\"i1\",\"position\":2}],\"cap\":[{\"by\":\"category\","
         "\"most\":1}]}}");
    assert_status(200);
    assert_items("i50 i53"); /* i1 was not given */
    assert_true(mr_json_bool(mr_json_get(item(0), "pinned"), false));
    assert_int_equal(mr_json_int(mr_json_get(item(0), "position_before"), 0), 4);
    assert_text(mr_json_get(mr_json_at(member("left_out"), 0), "why"), "excluded");
    assert_text(mr_json_get(mr_json_at(member("left_out"), 1), "why"), "capped");
    post("/v1/rank",
         "{\"user_id\":\"u\",\"items\":[\"i3\",\"i52\",\"i53\"],\"n\":1,"
         "\"rules\":{\"bury\":[{\"where\":{\"brand\":\"Bright\"},\"by\":0}]}}");
    assert_items("i52");
    assert_int_equal(mr_json_count(member("left_out")), 1);
    assert_text(mr_json_get(mr_json_at(member("left_out"), 0), "why"), "buried");
}

static void test_what_is_wrong_with_rank_is_named(void **state)
{
    (void)state;
    static const bad_body cases[] = {
        {"", "body"},
        {"{}", "items"},
        {"{\"items\":[]}", "items"},
        {"{\"items\":\"i1\"}", "items"},
        {"{\"items\":[\"i1\",null]}", "items[1]"},
        {"{\"items\":[\"i1\"],\"n\":501}", "n"},
        {"{\"items\":[\"i1\"],\"user_id\":5}", "user_id"},
        {"{\"items\":[\"i1\"],\"diversity\":0.1}", "diversity"},
        {"{\"items\":[\"i1\"],\"rules\":{\"sort\":[]}}", "rules.sort"},
    };
    REFUSED("/v1/rank", cases);
    post("/v1/rank", ids_body("items", 500, ""));
    assert_status(200);
    assert_int_equal(mr_json_count(member("items")), 500);
    post("/v1/rank", ids_body("items", 501, ""));
    assert_problem(400, "items");
    post("/v1/rank", ids_body("items", 1, ",\"placement\":\"nowhere\""));
    assert_problem(404, NULL);
}

/* ---- Items ---- */

static void test_an_item_shows_all_of_it(void **state)
{
    (void)state;
    get("/v1/items/i52");
    assert_status(200);
    assert_member("id", "i52");
    assert_member("category", "lamps");
    assert_text(mr_json_at(member("categories"), 1), "gifts");
    assert_member("created", "2025-11-24T16:00:00.000Z");
    assert_close(mr_json_double(member("price"), 0), 20.0, 0);
    assert_int_equal(mr_json_int(member("stock"), 0), 7);
    assert_false(mr_json_bool(member("hidden"), true));
    get("/v1/items/i0");
    assert_true(mr_json_bool(member("hidden"), false));
    get("/v1/items/i5");
    assert_problem(404, NULL);
    get("/v1/items/i52?n=1");
    assert_problem(400, "n");
    get("/v1/items/");
    assert_problem(400, "item_id");
}

static void test_neighbours_are_filtered(void **state)
{
    (void)state;
    get("/v1/items/i1/bought-together");
    assert_status(200);
    assert_items("i2 i3");
    assert_text(mr_json_get(member("item"), "title"), "Cakestand");
    get("/v1/items/i1/bought-together?exclude=i2");
    assert_items("i3");
    get("/v1/items/i1/similar?category=lamps");
    assert_items("");
    get("/v1/items/i99/bought-together");
    assert_problem(404, NULL);
    get("/v1/items/nobody/bought-together");
    assert_problem(404, NULL);
    static const char *const bad[][2] = {
        {"n=0", "n"},
        {"fields=x", "fields"},
        {"price_min=x", "price_min"},
        {"diversity=0.5", "diversity"},
        {"in_stock=maybe", "in_stock"},
        {"attr.=x", "attr."},
        {"min_stock=-1", "min_stock"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char target[128];
        (void)snprintf(target, sizeof(target), "/v1/items/i1/bought-together?%s",
                       bad[i][0]);
        get(target);
        assert_problem(400, bad[i][1]);
    }
    world.has_model = false;
    get("/v1/items/i1/bought-together");
    assert_problem(503, NULL);
}

static void test_popular_and_trending_name_their_windows(void **state)
{
    (void)state;
    get("/v1/popular?n=2");
    assert_items("i1 i2");
    assert_member("window", "7d");
    get("/v1/popular?window=ever");
    assert_status(200);
    get("/v1/popular?window=31d");
    assert_problem(400, "window");
    get("/v1/trending?kind=popular&window=ever");
    assert_member("window", "ever");
    get("/v1/trending?kind=rising&window=7d");
    assert_problem(400, "window");
    get("/v1/trending?segment=x");
    assert_problem(400, "segment");
    get("/v1/popular?kind=hot");
    assert_problem(400, "kind");
}

static void test_trends_are_of_items_and_of_categories(void **state)
{
    (void)state;
    get("/v1/analytics/trends?limit=2");
    assert_status(200);
    assert_member("as_of", "2025-11-24T16:00:00.000Z");
    mr_json_value *scope = mr_json_get(mr_json_root(answer), "partitions");
    assert_int_equal(mr_json_int(mr_json_get(scope, "counted"), 0), 3);
    assert_int_equal(mr_json_int(mr_json_get(scope, "of"), 0), 4);
    mr_json_value *categories = mr_json_get(mr_json_root(answer), "categories");
    mr_json_value *hot = mr_json_get(categories, "hot");
    assert_int_equal(mr_json_count(hot), 1);
    assert_true(mr_text_is(
        mr_json_text(mr_json_get(mr_json_at(hot, 0), "id"), (mr_text){0}), "lamps"));
    assert_int_equal(mr_json_count(mr_json_get(categories, "rising")), 0);
    world.has_trending = false;
    get("/v1/analytics/trends");
    assert_status(200);
    assert_null(mr_json_get(mr_json_root(answer), "as_of"));
}

static void test_new_items_are_the_newest_first(void **state)
{
    (void)state;
    get("/v1/new?category=lamps");
    assert_status(200);
    assert_items("i52 i53"); /* i90, newer than both, is sold out */
    get("/v1/new?n=1&in_stock=true");
    assert_items("i52");
    get("/v1/new?exclude=i52,i53");
    assert_int_equal(mr_json_count(member("items")), 2); /* i1 and i50 do not say */
    get("/v1/new?window=7d");
    assert_problem(400, "window");
}

/* ---- Catalogue writes ---- */

static void put(const char *target, const char *content)
{
    send_request(MR_HTTP_PUT, target, content, NULL);
}

static void patch(const char *target, const char *content)
{
    send_request(MR_HTTP_PATCH, target, content, NULL);
}

static void test_an_item_is_put_as_one_record(void **state)
{
    (void)state;
    put("/v1/items/caf%C3%A9", "{\"title\":\"Tea\",\"category\":[\"a\",\"b\"],\"price\":"
                               "\"2.50\",\"stock\":null,\"attributes\":{\"size\":42}}");
    assert_status(202);
    assert_member("id", "café");
    assert_string_equal(world.last_item, "café");
    assert_string_equal(world.last_item_record,
                        "{\"id\":\"café\",\"title\":\"Tea\",\"category\":[\"a\",\"b\"],"
                        "\"price\":\"2.50\",\"attributes\":{\"size\":42}}");
    put("/v1/items/a", "{}");
    assert_status(202);
    put("/v1/items/a", "{\"id\":\"a\"}");
    assert_status(202);
}

static void test_a_patch_changes_what_it_names(void **state)
{
    (void)state;
    patch("/v1/items/i52",
          "{\"price\":25,\"brand\":null,\"attributes\":{\"size\":\"L\"}}");
    assert_status(202);
    assert_string_equal(
        world.last_item_record,
        "{\"id\":\"i52\",\"title\":\"Red lamp\",\"category\":[\"lamps\",\"gifts\"],"
        "\"currency\":\"GBP\",\"image\":\"http://i/52\",\"url\":\"http://u/"
        "52\",\"stock\":7,"
        "\"created\":\"2025-11-24T16:00:00.000Z\",\"price\":25,\"attributes\":{\"size\":"
        "\"L\"}}");
    patch("/v1/items/i52", "{\"hidden\":true}");
    assert_non_null(
        strstr(world.last_item_record,
               "\"attributes\":{\"color\":[\"red\",\"dark red\"],\"size\":\"M\"},"
               "\"hidden\":true}"));
    patch("/v1/items/i0", "{\"stock\":3}");
    assert_non_null(strstr(world.last_item_record, "\"hidden\":true"));
    patch("/v1/items/unheard-of", "{\"stock\":3}");
    assert_problem(404, NULL);
    assert_int_equal(world.items_appended, 3);
}

static void test_a_deletion_is_an_empty_record(void **state)
{
    (void)state;
    (void)snprintf(world.last_item_record, sizeof(world.last_item_record), "full");
    send_request(MR_HTTP_DELETE, "/v1/items/i1", "", NULL);
    assert_status(202);
    assert_string_equal(world.last_item, "i1");
    assert_string_equal(world.last_item_record, "");
}

static void test_what_is_wrong_with_an_item_is_named(void **state)
{
    (void)state;
    static const bad_body cases[] = {
        {"", "body"},
        {"[]", "body"},
        {"{\"id\":\"b\"}", "id"},
        {"{\"id\":7}", "id"},
        {"{\"titel\":\"x\"}", "titel"},
        {"{\"title\":5}", "title"},
        {"{\"price\":-1}", "price"},
        {"{\"price\":\"cheap\"}", "price"},
        {"{\"stock\":\"many\"}", "stock"},
        {"{\"hidden\":\"no\"}", "hidden"},
        {"{\"created\":\"yesterday\"}", "created"},
        {"{\"category\":[1]}", "category"},
        {"{\"attributes\":[]}", "attributes"},
        {"{\"attributes\":{\"color\":{}}}", "attributes.color"},
        {"{\"title\":\"a\",\"title\":\"b\"}", "title"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        put("/v1/items/a", cases[i].body);
        assert_problem(400, cases[i].field);
        patch("/v1/items/i52", cases[i].body);
        assert_problem(400, cases[i].field);
    }
    put("/v1/items/a?force=true", "{}");
    assert_problem(400, "force");
    put("/v1/items/%ff", "{}");
    assert_problem(400, "item_id");
    assert_int_equal(world.items_appended, 0);
}

static void test_many_items_are_judged_one_by_one(void **state)
{
    (void)state;
    post("/v1/items", "[{\"id\":\"a\",\"price\":1},{\"title\":\"no id\"},7,{\"id\":\"b\","
                      "\"price\":-1},{\"id\":\"\"},{\"id\":\"c\"}]");
    assert_status(202);
    assert_int_equal(mr_json_int(member("accepted"), 0), 2);
    assert_int_equal(mr_json_int(member("rejected"), 0), 4);
    static const char *const fields[] = {
        NULL, "items[1].id", "items[2]", "items[3].price", "items[4].id", NULL};
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(mr_json_int(mr_json_get(item(i), "status"), 0),
                         fields[i] == NULL ? 202 : 400);
        if (fields[i] != NULL)
            assert_text(mr_json_get(item(i), "field"), fields[i]);
    }
    assert_int_equal(world.items_appended, 2);
    assert_string_equal(world.last_item, "c");
    post("/v1/items", "{\"items\":[{\"id\":\"d\"}]}");
    assert_status(202);
    static const bad_body cases[] = {
        {"", "body"},    {"7", "body"},
        {"[]", "items"}, {"{\"items\":7}", "items"},
        {"{}", "items"}, {"[{\"price\":1}]", "items[0].id"},
    };
    REFUSED("/v1/items", cases);
    post("/v1/items", ids_body("items", 1001, ""));
    assert_problem(400, "items");
}

static void test_an_item_over_its_size_is_refused(void **state)
{
    (void)state;
    static char text[40000];
    size_t length =
        (size_t)snprintf(text, sizeof(text), "[{\"id\":\"big\",\"attributes\":{");
    for (int i = 0; i < 32; i++)
        length += (size_t)snprintf(text + length, sizeof(text) - length,
                                   "%s\"n%d\":[\"%0256d\",\"%0256d\"]", i > 0 ? "," : "",
                                   i, 1, 2);
    (void)snprintf(text + length, sizeof(text) - length,
                   "}},{\"id\":\"small\",\"title\":\"%02048d\"}]", 1);
    post("/v1/items", text);
    assert_status(202);
    assert_int_equal(mr_json_int(member("accepted"), 0), 1);
    assert_text(mr_json_get(item(0), "field"), "items[0]");
    assert_text(mr_json_get(item(0), "message"), "is over 16 KiB");
    assert_int_equal(
        handler.body_limit(handler.context, MR_HTTP_PUT, MR_TEXT("/v1/items/a")), 16384);
    assert_int_equal(
        handler.body_limit(handler.context, MR_HTTP_POST, MR_TEXT("/v1/items")), 4 << 20);
    assert_int_equal(
        handler.body_limit(handler.context, MR_HTTP_POST, MR_TEXT("/v1/rank")), 1 << 18);
}

static void test_a_log_that_cannot_take_items_says_when_to_try_again(void **state)
{
    (void)state;
    world.append_items = MR_ERR_FULL;
    put("/v1/items/a", "{}");
    assert_problem(429, NULL);
    assert_int_equal(response.retry_after_s, 1);
    world.append_items = MR_ERR_UNAVAILABLE;
    post("/v1/items", "[{\"id\":\"a\"}]");
    assert_problem(503, NULL);
    send_request(MR_HTTP_DELETE, "/v1/items/i1", "", NULL);
    assert_problem(503, NULL);
}

/* ---- Events of other dialects ---- */

static void test_a_segment_message_keeps_its_names(void **state)
{
    (void)state;
    post("/v1/events",
         "[{\"type\":\"track\",\"event\":\"Product Viewed\",\"userId\":\"u\","
         "\"messageId\":\"m1\"},{\"type\":\"identify\",\"user_id\":\"v\"},"
         "{\"type\":\"track\",\"userId\":\"\"},{\"type\":\"page\","
         "\"messageId\":\"\",\"userId\":\"u\"},"
         "{\"type\":\"track\",\"anonymousId\":\"a\",\"event\":\"Seen\"}]");
    assert_status(202);
    mr_json_value *events = member("events");
    assert_text(mr_json_get(mr_json_at(events, 0), "event_id"), "m1");
    assert_int_equal(mr_json_int(mr_json_get(mr_json_at(events, 1), "status"), 0), 202);
    assert_text(mr_json_get(mr_json_at(events, 2), "field"), "events[2].userId");
    assert_text(mr_json_get(mr_json_at(events, 3), "field"), "events[3].messageId");
    assert_string_equal(world.last_user, "a");
    assert_memory_equal(world.last_record, "{\"messageId\":\"e_", 16);
}

/* ---- Placements and methods ---- */

static void test_placements_are_listed(void **state)
{
    (void)state;
    get("/v1/placements");
    assert_status(200);
    mr_json_value *placements = member("placements");
    assert_int_equal(mr_json_count(placements), 2);
    assert_text(mr_json_get(mr_json_at(placements, 0), "name"), "home");
    assert_text(mr_json_get(mr_json_at(placements, 0), "purchased"), "always");
    assert_int_equal(mr_json_int(mr_json_get(mr_json_at(placements, 1), "n"), 0), 3);
    get("/v1/placements?x=1");
    assert_problem(400, "x");
}

static void test_allow_names_the_methods_of_the_path(void **state)
{
    (void)state;
    send_request(MR_HTTP_POST, "/v1/items/a", "", NULL);
    assert_problem(405, NULL);
    assert_string_equal(response.allow, "GET, HEAD, PUT, PATCH, DELETE");
    send_request(MR_HTTP_DELETE, "/v1/items", "", NULL);
    assert_problem(405, NULL);
    assert_string_equal(response.allow, "GET, HEAD, POST");
    send_request(MR_HTTP_HEAD, "/v1/items/i1", "", NULL);
    assert_status(200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_request_may_say_all_that_the_table_has),
        CASE(test_the_query_says_the_same),
        CASE(test_what_is_wrong_with_a_body_is_named_by_its_path),
        CASE(test_an_id_may_hold_any_character),
        CASE(test_pages_show_nothing_twice),
        CASE(test_a_page_that_is_not_full_is_the_last),
        CASE(test_a_session_is_scored_by_its_items_alone),
        CASE(test_a_session_needs_items),
        CASE(test_each_request_of_a_batch_is_answered_by_itself),
        CASE(test_the_envelope_of_a_batch_must_be_right),
        CASE(test_a_batch_without_anything_to_serve_says_so_for_each),
        CASE(test_given_items_are_put_in_order),
        CASE(test_rank_without_anything_known_keeps_the_order),
        CASE(test_rank_follows_the_rules),
        CASE(test_what_is_wrong_with_rank_is_named),
        CASE(test_an_item_shows_all_of_it),
        CASE(test_neighbours_are_filtered),
        CASE(test_popular_and_trending_name_their_windows),
        CASE(test_trends_are_of_items_and_of_categories),
        CASE(test_new_items_are_the_newest_first),
        CASE(test_an_item_is_put_as_one_record),
        CASE(test_a_patch_changes_what_it_names),
        CASE(test_a_deletion_is_an_empty_record),
        CASE(test_what_is_wrong_with_an_item_is_named),
        CASE(test_many_items_are_judged_one_by_one),
        CASE(test_an_item_over_its_size_is_refused),
        CASE(test_a_log_that_cannot_take_items_says_when_to_try_again),
        CASE(test_a_segment_message_keeps_its_names),
        CASE(test_placements_are_listed),
        CASE(test_allow_names_the_methods_of_the_path),
    };
    return cmocka_run_group_tests_name("api_calls", tests, NULL, NULL);
}
