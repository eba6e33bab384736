/*
 * Recommendations over the API: every step of the fallback chain is reached by taking the one above
 * it away, and what the rules hide stays hidden wherever a list comes from.
 */
#include "tests/api_world.h"

#include <pthread.h>

static void cache_value(const char *user, mr_cache_kind kind, const mr_buffer *value)
{
    char text[MR_CACHE_KEY_TEXT_BYTES];
    const mr_cache_entry entry = {
        mr_cache_user_key(mr_hash_user(&key, mr_text_from(user)), kind, text),
        {(const char *)value->bytes, (uint32_t)value->length},
        1000000};
    assert_ok(mr_cache_set_many(cache, &entry, 1, 100));
}

static void cache_state(const char *user, uint64_t epoch, int64_t offset)
{
    const mr_user_state state = known_user(epoch, offset);
    mr_buffer value = {0};
    assert_ok(mr_user_state_encode(&key, mr_hash_user(&key, mr_text_from(user)), &state,
                                   &value));
    cache_value(user, MR_CACHE_STATE, &value);
    mr_buffer_deinit(&value);
}

/* i60 … i69 of `model`, known up to (epoch, offset). */
static void cache_result(const char *user, uint64_t epoch, int64_t offset,
                         const char *model)
{
    mr_result result = {.epoch = epoch,
                        .offset = offset,
                        .model = mr_model_hash(mr_text_from(model)),
                        .dictionary = ITEMS,
                        .profile_as_of_ms = start_ms - 5000,
                        .expires_ms = start_ms + 60000,
                        .count = 10};
    mr_buffer value = {0};
    for (uint32_t i = 0; i < 10; i++)
        result.items[i] = (mr_scored_item){60 + i, 1.0F, 1, MR_SOURCE_BLEND};
    assert_ok(mr_result_encode(mr_hash_user(&key, mr_text_from(user)), &result, &value));
    cache_value(user, MR_CACHE_RESULT, &value);
    mr_buffer_deinit(&value);
}

/* ---- Recommendations ---- */

static void test_a_cached_list_is_served_as_it_is(void **state)
{
    (void)state;
    cache_state("u", 1, 10);
    cache_result("u", 1, 10, "v1");
    get("/v1/users/u/recommendations");
    assert_status(200);
    assert_items("i60 i61 i62 i63 i64");
    assert_member("served_from", "cache");
    assert_member("placement", "home");
    assert_member("model_version", "v1");
    assert_member("profile_as_of", "2025-11-24T15:59:55.000Z");
    assert_false(mr_json_bool(member("degraded"), true));
    assert_null(member("fallback"));
    assert_null(member("degraded_reason"));
    assert_true(mr_json_is_number(member("took_us")));
    assert_int_equal(
        memcmp(mr_json_text(member("recommendation_id"), MR_TEXT("??")).bytes, "r_", 2),
        0);
    assert_int_equal(world.scored, 0);
}

static void test_a_newer_event_is_scored_on_the_spot_once(void **state)
{
    (void)state;
    cache_result("u", 1, 10, "v1");
    cache_state("u", 1, 11);
    get("/v1/users/u/recommendations");
    assert_items("i50 i52 i53 i54 i55"); /* i51 was bought */
    assert_member("served_from", "live");
    assert_int_equal(world.scored, 1);
    assert_int_equal(world.scored_history, 2);
    handler.turn(handler.context, LOOP);
    get("/v1/users/u/recommendations");
    assert_items("i50 i52 i53 i54 i55");
    assert_member("served_from", "cache");
    assert_int_equal(world.scored, 1);
}

static void test_a_list_that_rules_use_up_goes_on_with_what_is_scored(void **state)
{
    (void)state;
    cache_state("u", 1, 10);
    cache_result("u", 1, 10, "v1");
    get("/v1/users/u/recommendations?n=20&exclude=i60");
    assert_member("served_from", "cache"); /* popular ones fill it up */
    get("/v1/users/u/recommendations?n=5&in_stock=true");
    assert_items("i50 i52"); /* those whose stock is known */
    assert_member("served_from", "live");
    assert_int_equal(world.scored, 1);
}

static void test_only_included_items_are_scored(void **state)
{
    (void)state;
    cache_state("u", 1, 10);
    cache_result("u", 1, 10, "v1");
    get("/v1/users/u/recommendations?include=i3,i51,unknown,i0,i70&n=5");
    assert_items("i70 i3"); /* i51 was bought, i0 is hidden */
    assert_member("served_from", "live");
    assert_int_equal(world.scored, 0);
    world.ranks_nothing = true;
    get("/v1/users/u/recommendations?include=i3,i51&n=5");
    assert_items("i3"); /* of the popular ones */
    assert_member("fallback", "popular");
}

static void test_what_was_bought_is_hidden_without_a_model_too(void **state)
{
    (void)state;
    cache_state("u", 1, 10);
    mr_user_state bought = known_user(1, 11);
    mr_buffer value = {0};
    bought.items[0] = (mr_recent_item){MR_TEXT("i2"), 1763999999, MR_EVENT_PURCHASE, 1};
    assert_ok(
        mr_user_state_encode(&key, mr_hash_user(&key, MR_TEXT("u")), &bought, &value));
    cache_value("u", MR_CACHE_STATE, &value);
    mr_buffer_deinit(&value);
    world.has_model = false;
    get("/v1/users/u/recommendations");
    assert_items("i1 i3 i4 i5 i6");
    assert_member("degraded_reason", "model");
}

static void test_a_list_of_another_model_owner_or_time_is_not_served(void **state)
{
    (void)state;
    cache_state("u", 1, 10);
    cache_result("u", 1, 10, "v0");
    get("/v1/users/u/recommendations");
    assert_member("served_from", "live");
    cache_state("w", 2, 1);
    cache_result("w", 1, 999, "v1");
    get("/v1/users/w/recommendations");
    assert_member("served_from", "live");
    cache_state("x", 1, 10);
    cache_result("x", 1, 10, "v1");
    mr_clock_fake_advance(&clock_fake, 60000);
    get("/v1/users/x/recommendations");
    assert_member("served_from", "live");
}

static void test_another_users_value_is_never_served(void **state)
{
    (void)state;
    mr_result result = {.model = mr_model_hash(MR_TEXT("v1")),
                        .dictionary = ITEMS,
                        .expires_ms = INT64_MAX,
                        .count = 1};
    mr_buffer value = {0};
    result.items[0] = (mr_scored_item){99, 1.0F, MR_ITEM_NONE, MR_SOURCE_BLEND};
    assert_ok(mr_result_encode(mr_hash_user(&key, MR_TEXT("bob")), &result, &value));
    cache_value("alice", MR_CACHE_RESULT, &value);
    mr_buffer_deinit(&value);
    get("/v1/users/alice/recommendations");
    assert_member("served_from", "fallback");
    get("/metrics");
    assert_non_null(
        memmem(body.bytes, body.length, "millrace_cache_corrupt_values_total 1\n", 38));
}

static void test_the_owner_is_asked_when_the_cache_has_nothing(void **state)
{
    (void)state;
    world.has_owner = true;
    get("/v1/users/u/recommendations");
    assert_member("served_from", "live");
    assert_null(member("fallback"));
    assert_items("i50 i52 i53 i54 i55");
}

static void test_what_the_owner_said_is_not_asked_again(void **state)
{
    (void)state;
    world.has_owner = true;
    get("/v1/users/u/recommendations");
    get("/v1/users/u/recommendations?items=i3");
    assert_member("served_from", "live");
    assert_int_equal(world.owner_asked, 1);
}

static void test_what_was_bought_is_hidden_from_a_list_although_no_model_knows_it(
    void **state)
{
    (void)state;
    mr_user_state bought = known_user(1, 1);
    mr_buffer value = {0};
    bought.items[1].item_id = MR_TEXT("i2"); /* popular */
    assert_ok(
        mr_user_state_encode(&key, mr_hash_user(&key, MR_TEXT("u")), &bought, &value));
    cache_value("u", MR_CACHE_STATE, &value);
    mr_buffer_deinit(&value);
    world.has_model = false;
    get("/v1/users/u/recommendations");
    assert_member("fallback", "popular");
    assert_items("i1 i3 i4 i5 i6"); /* i0 is hidden */
}

static void test_a_damaged_state_is_asked_of_the_owner_too(void **state)
{
    (void)state;
    mr_buffer value = {0};
    const mr_user_state bobs = known_user(1, 1);
    assert_ok(
        mr_user_state_encode(&key, mr_hash_user(&key, MR_TEXT("bob")), &bobs, &value));
    cache_value("u", MR_CACHE_STATE, &value);
    mr_buffer_deinit(&value);
    world.has_owner = true;
    get("/v1/users/u/recommendations");
    assert_member("served_from", "live");
    assert_int_equal(world.owner_asked, 1);
}

static void test_an_owner_who_does_not_answer_is_named(void **state)
{
    (void)state;
    world.is_owner_out = true;
    get("/v1/users/u/recommendations");
    assert_member("fallback", "popular");
    assert_member("degraded_reason", "owner");
}

/* A loop's turn: every call waits, one scoring serves all who ask for the same user. */
static void test_calls_of_a_turn_are_scored_once_a_user(void **state)
{
    (void)state;
    enum { CALLS = 5 };
    static const char *const users[CALLS] = {"u", "v", "u", "u", "v"};
    mr_http_request requests[CALLS] = {0};
    mr_http_response responses[CALLS] = {0};
    mr_buffer bodies[CALLS] = {{0}};
    world.has_owner = true;
    for (int i = 0; i < CALLS; i++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "/v1/users/%s/recommendations", users[i]);
        requests[i] = (mr_http_request){
            .method = MR_HTTP_GET, .path = mr_text_from(path), .thread = LOOP};
        responses[i] = (mr_http_response){.status = 200, .body = &bodies[i]};
        assert_int_equal(handler.handle(handler.context, &requests[i], &responses[i]),
                         MR_HTTP_WAITS);
    }
    assert_int_equal(world.owner_asked, 0);
    handler.settle(handler.context, LOOP);
    for (int i = 0; i < CALLS; i++) {
        assert_int_equal(responses[i].status, 200);
        assert_non_null(
            memmem(bodies[i].bytes, bodies[i].length, "\"served_from\":\"live\"", 20));
        mr_buffer_deinit(&bodies[i]);
    }
    assert_int_equal(world.owner_asked, CALLS);
    assert_int_equal(world.scored, 2);
    handler.turn(handler.context, LOOP);
    get("/v1/users/u/recommendations");
    assert_member("served_from", "cache");
}

static void test_each_step_of_the_chain_answers_when_those_above_are_gone(void **state)
{
    (void)state;
    get("/v1/users/new/recommendations?items=i7,i8");
    assert_member("fallback", "session");
    assert_member("served_from", "live");
    assert_int_equal(world.scored_context, 2);

    get("/v1/users/new/recommendations");
    assert_status(200);
    assert_member("fallback", "popular");
    assert_member("served_from", "fallback");
    assert_items("i1 i2 i3 i4 i5"); /* i0 is hidden */
    assert_false(mr_json_bool(member("degraded"), true));

    world.has_popular = false;
    get("/v1/users/new/recommendations");
    assert_member("fallback", "trending");
    assert_items("i10 i11 i12 i13 i14");

    world.has_trending = false;
    get("/v1/users/new/recommendations");
    assert_member("fallback", "static");
    assert_items("i20 i21 i22 i23 i24");

    world.has_static = false;
    get("/v1/users/new/recommendations");
    assert_problem(503, NULL);
    assert_int_equal(response.retry_after_s, 1);
}

static void test_without_a_model_the_answer_is_200_and_degraded(void **state)
{
    (void)state;
    world.has_model = false;
    cache_state("u", 1, 1);
    cache_result("u", 1, 1, "v1");
    get("/v1/users/u/recommendations");
    assert_status(200);
    assert_true(mr_json_bool(member("degraded"), false));
    assert_member("degraded_reason", "model");
    assert_member("fallback", "popular");
    assert_null(member("model_version"));
}

static void test_a_dead_cache_is_degraded_and_still_personal_when_the_owner_is_here(
    void **state)
{
    (void)state;
    atomic_store(&cache->down_since_ms, 1);
    world.has_owner = true;
    get("/v1/users/u/recommendations");
    assert_status(200);
    assert_member("degraded_reason", "cache");
    assert_member("served_from", "live");
    atomic_store(&cache->down_since_ms, 0);
    world.degraded = "log";
    get("/v1/users/u/recommendations");
    assert_member("degraded_reason", "log");
}

static void test_rules_hold_for_a_cached_list_too(void **state)
{
    (void)state;
    cache_state("u", 1, 10);
    cache_result("u", 1, 10, "v1");
    get("/v1/users/u/recommendations?n=100&exclude=i60,i62&exclude=i64");
    /* Ten cached, three excluded, then popular ones but for the hidden i0, then the rest. */
    assert_items(
        "i61 i63 i65 i66 i67 i68 i69 i1 i2 i3 i4 i5 i6 i7 i8 i9 i10 i11 i12 i13 i14 "
        "i15 i16 i17 i18 i19 i20 i21 i22 i23 i24 i25 i26 i27 i28 i29");
    assert_null(member("fallback"));
}

static void test_a_purchase_newer_than_the_list_is_hidden_from_it(void **state)
{
    (void)state;
    mr_user_state bought = known_user(1, 10);
    mr_buffer value = {0};
    bought.items[0] = (mr_recent_item){MR_TEXT("i61"), 1763999999, MR_EVENT_PURCHASE, 1};
    assert_ok(
        mr_user_state_encode(&key, mr_hash_user(&key, MR_TEXT("u")), &bought, &value));
    cache_value("u", MR_CACHE_STATE, &value);
    mr_buffer_deinit(&value);
    cache_result("u", 1, 10, "v1");
    get("/v1/users/u/recommendations");
    assert_items("i60 i62 i63 i64 i65");
    assert_member("served_from", "cache");
}

static void test_a_placement_decides_size_and_purchases(void **state)
{
    (void)state;
    cache_state("u", 1, 11);
    get("/v1/users/u/recommendations?placement=cart");
    assert_items("i50 i51 i52");
    assert_member("placement", "cart");
    get("/v1/users/u/recommendations?placement=nowhere");
    assert_problem(404, NULL);
}

static void test_explain_says_why_in_words(void **state)
{
    (void)state;
    cache_state("u", 1, 11);
    get("/v1/users/u/recommendations?explain=true&n=1");
    mr_json_value *item = mr_json_at(member("items"), 0);
    mr_json_value *reason = mr_json_get(item, "reason");
    assert_true(mr_text_is(mr_json_text(mr_json_get(reason, "text"), (mr_text){0}),
                           "bought with Cakestand"));
    assert_true(mr_text_is(
        mr_json_text(mr_json_at(mr_json_get(reason, "because"), 0), (mr_text){0}), "i1"));
    assert_true(
        mr_text_is(mr_json_text(mr_json_get(item, "title"), (mr_text){0}), "Lantern"));
    assert_close(mr_json_double(mr_json_get(item, "price"), 0), 1.0, 0);
    get("/v1/users/u/recommendations?n=1");
    assert_null(mr_json_get(mr_json_at(member("items"), 0), "reason"));
}

static void test_post_and_get_ask_the_same(void **state)
{
    (void)state;
    cache_state("u", 1, 11);
    post("/v1/users/u/recommendations",
         "{\"n\":3,\"placement\":\"cart\",\"exclude\":[\"i50\"],\"items\":[\"i7\"],"
         "\"explain\":true}");
    assert_status(200);
    assert_items("i51 i52 i53");
    assert_int_equal(world.scored_context, 1);
    get("/v1/users/u/"
        "recommendations?n=3&placement=cart&exclude=i50&items=i7&explain=true");
    assert_items("i51 i52 i53");
    post("/v1/users/u/recommendations", "");
    assert_status(200);
}

/* ---- Without parts, and with many threads ---- */

static void test_a_process_without_any_part_says_so(void **state)
{
    (void)state;
    static const mr_backend nothing = {.context = NULL};
    static const char event[] = "{\"user_id\":\"u\",\"type\":\"view\"}";
    const mr_placement home = {.name = "home", .n = 5};
    mr_api *const before = api;
    mr_cache *only;
    mr_error error;
    assert_ok(mr_cache_memory_create(store, &only));
    const mr_api_options options = {.backend = &nothing,
                                    .clock = &clock_fake.clock,
                                    .threads = 1,
                                    .caches = &only,
                                    .placements = &home,
                                    .placement_count = 1,
                                    .key = &key};
    assert_ok(mr_api_create(&options, &api, &error));
    handler = mr_api_handler(api);
    cache_state("u", 1, 1);
    cache_result("u", 1, 1, "v1");
    static const char *const targets[] = {"/v1/users/u/recommendations",
                                          "/v1/users/u/profile", "/v1/items/i1/similar",
                                          "/v1/trending", "/v1/churn/alerts"};
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        get(targets[i]);
        assert_problem(503, NULL);
    }
    post("/v1/events", event);
    assert_problem(503, NULL);
    get("/healthz");
    assert_status(200);
    get("/");
    assert_problem(404, NULL);
    get("/metrics");
    assert_status(200);
    get("/v1/analytics/overview");
    assert_status(200);
    mr_api_destroy(api);
    api = before;
}

/* One thread of the server: a cached list, over and over; NULL when all were right. */
static void *ask_often(void *argument)
{
    const uint32_t thread = *(const uint32_t *)argument;
    mr_buffer own = {0};
    void *failure = NULL;
    for (int i = 0; i < SHARED_REQUESTS; i++) {
        const mr_http_request request = {.method = MR_HTTP_GET,
                                         .path = MR_TEXT("/v1/users/u/recommendations"),
                                         .thread = thread};
        mr_http_response own_response = {.status = 200, .body = &own};
        mr_buffer_clear(&own);
        if (handler.handle(handler.context, &request, &own_response) == MR_HTTP_WAITS)
            handler.settle(handler.context, thread);
        handler.turn(handler.context, thread);
        if (own_response.status != 200 ||
            memmem(own.bytes, own.length, "\"served_from\":\"cache\"", 21) == NULL)
            failure = argument;
    }
    mr_buffer_deinit(&own);
    return failure;
}

static void test_threads_answer_side_by_side_while_the_catalogue_changes(void **state)
{
    (void)state;
    static uint32_t numbers[THREADS] = {0, 1, 2};
    pthread_t threads[THREADS];
    cache_state("u", 1, 10);
    cache_result("u", 1, 10, "v1");
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_often, &numbers[i]), 0);
    for (int i = 0; i < 50; i++)
        publish_catalogue();
    for (int i = 0; i < THREADS; i++) {
        void *failure;
        assert_int_equal(pthread_join(threads[i], &failure), 0);
        assert_null(failure);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_cached_list_is_served_as_it_is),
        CASE(test_a_newer_event_is_scored_on_the_spot_once),
        CASE(test_a_list_that_rules_use_up_goes_on_with_what_is_scored),
        CASE(test_only_included_items_are_scored),
        CASE(test_what_was_bought_is_hidden_without_a_model_too),
        CASE(test_a_list_of_another_model_owner_or_time_is_not_served),
        CASE(test_another_users_value_is_never_served),
        CASE(test_the_owner_is_asked_when_the_cache_has_nothing),
        CASE(test_what_the_owner_said_is_not_asked_again),
        CASE(test_what_was_bought_is_hidden_from_a_list_although_no_model_knows_it),
        CASE(test_a_damaged_state_is_asked_of_the_owner_too),
        CASE(test_an_owner_who_does_not_answer_is_named),
        CASE(test_calls_of_a_turn_are_scored_once_a_user),
        CASE(test_each_step_of_the_chain_answers_when_those_above_are_gone),
        CASE(test_without_a_model_the_answer_is_200_and_degraded),
        CASE(test_a_dead_cache_is_degraded_and_still_personal_when_the_owner_is_here),
        CASE(test_rules_hold_for_a_cached_list_too),
        CASE(test_a_purchase_newer_than_the_list_is_hidden_from_it),
        CASE(test_a_placement_decides_size_and_purchases),
        CASE(test_explain_says_why_in_words),
        CASE(test_post_and_get_ask_the_same),
        CASE(test_a_process_without_any_part_says_so),
        CASE(test_threads_answer_side_by_side_while_the_catalogue_changes),
    };
    return cmocka_run_group_tests_name("api", tests, NULL, NULL);
}
