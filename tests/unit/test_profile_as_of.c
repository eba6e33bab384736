/*
 * `profile_as_of`: the event time of the newest event that an answer reflects.  A user's list, state
 * and owner are given different ages, and whatever step of the chain answers must state the age of
 * what it used, with a list that shows it: an item bought by then is hidden, one bought later is not.
 */
#include "tests/api_world.h"

#define OLD_MS (start_ms - 9000)
#define NEW_MS (start_ms - 2000)
#define OLD_TEXT "2025-11-24T15:59:51.000Z"
#define NEW_TEXT "2025-11-24T15:59:58.000Z"

enum { OLD_OFFSET = 10, NEW_OFFSET = 20 };

static void cache_value(mr_cache_kind kind, const mr_buffer *value)
{
    char text[MR_CACHE_KEY_TEXT_BYTES];
    const mr_cache_entry entry = {
        mr_cache_user_key(mr_hash_user(&key, MR_TEXT("u")), kind, text),
        {(const char *)value->bytes, (uint32_t)value->length},
        1000000};
    assert_ok(mr_cache_set_many(cache, &entry, 1, 100));
}

/* The user as of an age: i1 was viewed, and the newest event is that `bought` was bought. */
static void cache_state(int64_t offset, int64_t as_of_ms, const char *bought)
{
    mr_user_state state = known_user(1, offset);
    mr_buffer value = {0};
    state.as_of_ms = as_of_ms;
    state.items[1].item_id = mr_text_from(bought);
    assert_ok(
        mr_user_state_encode(&key, mr_hash_user(&key, MR_TEXT("u")), &state, &value));
    cache_value(MR_CACHE_STATE, &value);
    mr_buffer_deinit(&value);
}

/* The list i60 … i69 as of an age. */
static void cache_result(int64_t offset, int64_t as_of_ms)
{
    mr_result result = {.epoch = 1,
                        .offset = offset,
                        .model = mr_model_hash(MR_TEXT("v1")),
                        .dictionary = ITEMS,
                        .profile_as_of_ms = as_of_ms,
                        .expires_ms = start_ms + 60000,
                        .count = 10};
    mr_buffer value = {0};
    for (uint32_t i = 0; i < 10; i++)
        result.items[i] = (mr_scored_item){60 + i, 1.0F, 1, MR_SOURCE_BLEND};
    assert_ok(mr_result_encode(mr_hash_user(&key, MR_TEXT("u")), &result, &value));
    cache_value(MR_CACHE_RESULT, &value);
    mr_buffer_deinit(&value);
}

static void test_a_stored_list_is_as_old_as_what_it_was_made_of(void **state)
{
    (void)state;
    cache_result(NEW_OFFSET, NEW_MS);
    cache_state(NEW_OFFSET, NEW_MS, "i62");
    get("/v1/users/u/recommendations");
    assert_member("served_from", "cache");
    assert_member("profile_as_of", NEW_TEXT);
    assert_items("i60 i61 i63 i64 i65");
}

static void test_a_newer_state_makes_a_new_list_of_its_own_age(void **state)
{
    (void)state;
    cache_result(OLD_OFFSET, OLD_MS);
    cache_state(NEW_OFFSET, NEW_MS, "i51");
    get("/v1/users/u/recommendations");
    assert_member("served_from", "live");
    assert_member("profile_as_of", NEW_TEXT);
    assert_items("i50 i52 i53 i54 i55");
    handler.turn(handler.context, LOOP);
    get("/v1/users/u/recommendations"); /* stored meanwhile, with its age */
    assert_member("served_from", "cache");
    assert_member("profile_as_of", NEW_TEXT);
    assert_items("i50 i52 i53 i54 i55");
}

static void test_a_list_newer_than_the_state_is_only_as_new_as_the_rules_know(
    void **state)
{
    (void)state;
    cache_result(NEW_OFFSET, NEW_MS);
    cache_state(OLD_OFFSET, OLD_MS, "i62");
    get("/v1/users/u/recommendations");
    assert_member("served_from", "cache");
    assert_member("profile_as_of", OLD_TEXT);
}

static void test_items_in_view_leave_the_age_to_the_state(void **state)
{
    (void)state;
    cache_result(NEW_OFFSET, NEW_MS);
    cache_state(NEW_OFFSET, NEW_MS, "i52");
    get("/v1/users/u/recommendations?items=i7");
    assert_member("served_from", "live");
    assert_member("profile_as_of", NEW_TEXT);
    assert_items("i50 i51 i53 i54 i55");
}

static void test_a_fallback_for_a_known_user_is_as_old_as_the_rules(void **state)
{
    (void)state;
    world.scores_nothing = true;
    cache_state(NEW_OFFSET, NEW_MS, "i3");
    get("/v1/users/u/recommendations");
    assert_member("fallback", "popular");
    assert_member("profile_as_of", NEW_TEXT);
    assert_items("i1 i2 i4 i5 i6"); /* i0 is hidden, i3 was bought */
}

static void test_the_form_of_the_request_changes_nothing(void **state)
{
    (void)state;
    cache_result(OLD_OFFSET, OLD_MS);
    cache_state(OLD_OFFSET, OLD_MS, "i62");
    post("/v1/users/u/recommendations", "{\"n\":3}");
    assert_member("profile_as_of", OLD_TEXT);
    assert_items("i60 i61 i63");
    get("/v1/users/u/recommendations?n=0");
    assert_problem(400, "n");
    assert_null(member("profile_as_of"));
}

static void test_what_the_owner_knows_has_the_age_it_says(void **state)
{
    (void)state;
    world.has_owner = true; /* as of a second ago */
    get("/v1/users/u/recommendations");
    assert_member("served_from", "live");
    assert_member("profile_as_of", "2025-11-24T15:59:59.000Z");
}

static void test_who_is_not_known_has_no_age(void **state)
{
    (void)state;
    get("/v1/users/u/recommendations");
    assert_member("fallback", "popular");
    assert_null(member("profile_as_of"));
    get("/v1/users/u/recommendations?items=i1");
    assert_member("fallback", "session");
    assert_null(member("profile_as_of"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_stored_list_is_as_old_as_what_it_was_made_of),
        CASE(test_a_newer_state_makes_a_new_list_of_its_own_age),
        CASE(test_a_list_newer_than_the_state_is_only_as_new_as_the_rules_know),
        CASE(test_items_in_view_leave_the_age_to_the_state),
        CASE(test_a_fallback_for_a_known_user_is_as_old_as_the_rules),
        CASE(test_the_form_of_the_request_changes_nothing),
        CASE(test_what_the_owner_knows_has_the_age_it_says),
        CASE(test_who_is_not_known_has_no_age),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
