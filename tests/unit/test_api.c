/*
 * The API over a backend made of a hundred items i0 … i99, a memory cache and a clock that stands
 * still.  Every step of the fallback chain is reached by taking the one above it away; what a
 * client may do wrong is answered by a problem that names the field.
 */
#include "serving/api.h"

#include "core/event.h"
#include "core/json.h"
#include "serving/cache_driver.h"
#include "serving/cache_memory.h"
#include "serving/result_codec.h"
#include "serving/user_state_codec.h"
#include "tests/support.h"

#include <stdio.h>
#include <string.h>

enum { ITEMS = 100, LOOP = 0 };

static const int64_t start_ms = 1764000000000;

/* ---- A backend ---- */

/* What the backend does, to be changed by a test. */
static struct {
    bool has_model;
    bool has_popular;
    bool has_trending;
    bool has_static;
    bool has_owner;
    bool scores_nothing;
    const char *degraded;
    mr_status append;
    int acquired; /* and not released */
    int scored;   /* calls            */
    size_t scored_history;
    size_t scored_context;
    size_t appended;
    char last_record[512];
    char last_user[64];
    bool ready;
} world;

static char ids[ITEMS][8];
static mr_hash_key key;

static mr_status acquire(void *context, mr_model_view *ret_view)
{
    (void)context;
    if (!world.has_model)
        return MR_ERR_NOT_FOUND;
    *ret_view = (mr_model_view){.version = MR_TEXT("v1"),
                                .hash = mr_model_hash(MR_TEXT("v1")),
                                .dictionary = ITEMS};
    world.acquired++;
    return MR_OK;
}

static void release(void *context, mr_model_view *view)
{
    (void)context;
    (void)view;
    world.acquired--;
}

static mr_text item_id(void *context, const mr_model_view *view, uint32_t item)
{
    (void)context;
    (void)view;
    return mr_text_from(ids[item]);
}

static uint32_t item_index(void *context, const mr_model_view *view, mr_text id)
{
    (void)context;
    (void)view;
    for (uint32_t i = 0; i < ITEMS; i++) {
        if (mr_text_is(id, ids[i]))
            return i;
    }
    return MR_ITEM_NONE;
}

static uint32_t item_by_hash(void *context, const mr_model_view *view, uint64_t hash)
{
    (void)context;
    (void)view;
    for (uint32_t i = 0; i < ITEMS; i++) {
        if (mr_hash_item(&key, mr_text_from(ids[i])) == hash)
            return i;
    }
    return MR_ITEM_NONE;
}

/* i50, i51 …, because of the newest item, if it scores at all. */
static mr_status score(void *context, uint32_t thread, const mr_model_view *view,
                       const mr_score_request *request, mr_scored_item *ret_items,
                       size_t *ret_count)
{
    (void)thread;
    world.scored++;
    world.scored_history = request->state != NULL ? request->state->item_count : 0;
    world.scored_context = request->context_count;
    *ret_count = 0;
    if (world.scores_nothing)
        return MR_OK;
    for (uint32_t i = 0; i < 40; i++)
        ret_items[(*ret_count)++] = (mr_scored_item){
            .item = 50 + i,
            .score = 1.0F - (float)i / 100.0F,
            .because = world.scored_history > 0
                           ? item_index(context, view, request->state->items[0].item_id)
                           : MR_ITEM_NONE,
            .source = MR_SOURCE_ITEM_ITEM};
    return MR_OK;
}

static mr_status similar(void *context, uint32_t thread, const mr_model_view *view,
                         uint32_t item, size_t k, mr_scored_item *ret_items,
                         size_t *ret_count)
{
    (void)context;
    (void)thread;
    (void)view;
    (void)k;
    /* A backend's mistakes: the item itself, an index outside, a score that is none. */
    ret_items[0] = (mr_scored_item){item, 1.0F, MR_ITEM_NONE, MR_SOURCE_ITEM_ITEM};
    ret_items[1] = (mr_scored_item){ITEMS, 1.0F, MR_ITEM_NONE, MR_SOURCE_ITEM_ITEM};
    ret_items[2] = (mr_scored_item){3, NAN, MR_ITEM_NONE, MR_SOURCE_ITEM_ITEM};
    ret_items[3] = (mr_scored_item){4, 0.5F, MR_ITEM_NONE, MR_SOURCE_ITEM_ITEM};
    ret_items[4] = (mr_scored_item){5, 0.4F, MR_ITEM_NONE, MR_SOURCE_ITEM_ITEM};
    *ret_count = 5;
    return MR_OK;
}

static void list(mr_arena *arena, int first, uint8_t source, mr_candidate *ret_items,
                 size_t *ret_count)
{
    for (int i = 0; i < 10; i++)
        ret_items[i] =
            (mr_candidate){.item_id = mr_arena_copy(arena, mr_text_from(ids[first + i])),
                           .score = (float)(10 - i),
                           .source = source};
    *ret_count = 10;
}

static mr_status trending(void *context, uint32_t thread, mr_trending_kind kind,
                          mr_text category, size_t k, mr_arena *arena,
                          mr_candidate *ret_items, size_t *ret_count)
{
    (void)context;
    (void)thread;
    (void)k;
    *ret_count = 0;
    if (mr_text_is(category, "empty"))
        return MR_OK;
    if (kind == MR_TRENDING_POPULAR && world.has_popular)
        list(arena, 0, MR_SOURCE_POPULAR, ret_items, ret_count);
    if (kind != MR_TRENDING_POPULAR && world.has_trending)
        list(arena, 10, MR_SOURCE_TRENDING, ret_items, ret_count);
    return MR_OK;
}

static mr_status static_list(void *context, size_t k, mr_arena *arena,
                             mr_candidate *ret_items, size_t *ret_count)
{
    (void)context;
    (void)k;
    *ret_count = 0;
    if (world.has_static)
        list(arena, 20, MR_SOURCE_POPULAR, ret_items, ret_count);
    return MR_OK;
}

static mr_user_state known_user(uint64_t epoch, int64_t offset)
{
    mr_user_state state = {
        .epoch = epoch, .offset = offset, .as_of_ms = start_ms - 1000, .item_count = 2};
    state.items[0] = (mr_recent_item){MR_TEXT("i1"), 1763999999, MR_EVENT_VIEW, 1};
    state.items[1] = (mr_recent_item){MR_TEXT("i51"), 1763999000, MR_EVENT_PURCHASE, 1};
    return state;
}

static mr_status user_state(void *context, uint32_t thread, mr_text user_id,
                            mr_arena *arena, mr_user_state *ret_state)
{
    (void)context;
    (void)thread;
    (void)user_id;
    (void)arena;
    if (!world.has_owner)
        return MR_ERR_UNAVAILABLE;
    *ret_state = known_user(1, 1);
    return MR_OK;
}

static const char *degraded(void *context)
{
    (void)context;
    return world.degraded;
}

static mr_status append_events(void *context, uint32_t thread, mr_backend_event *events,
                               size_t count)
{
    (void)context;
    (void)thread;
    if (world.append != MR_OK)
        return world.append;
    for (size_t i = 0; i < count; i++) {
        const mr_text record = events[i].record;
        events[i].accepted = memmem(record.bytes, record.length, "poison", 6) == NULL;
        events[i].reason = "bad_time";
        world.appended += events[i].accepted;
        (void)snprintf(world.last_record, sizeof(world.last_record), "%.*s",
                       MR_TEXT_ARG(record));
        (void)snprintf(world.last_user, sizeof(world.last_user), "%.*s",
                       MR_TEXT_ARG(events[i].user));
    }
    return MR_OK;
}

static mr_status profile(void *context, uint32_t thread, mr_text user_id,
                         mr_json_writer *writer)
{
    (void)context;
    (void)thread;
    if (!mr_text_is(user_id, "známý uživatel"))
        return MR_ERR_NOT_FOUND;
    mr_json_begin_object(writer);
    mr_json_key(writer, "user_id");
    mr_json_put_text(writer, user_id);
    mr_json_end_object(writer);
    return MR_OK;
}

static mr_status alerts(void *context, uint32_t thread, const mr_alert_query *query,
                        mr_json_writer *writer, char ret_cursor[MR_ALERT_CURSOR_BYTES])
{
    (void)context;
    (void)thread;
    if (query->since.length > 0 && !mr_text_is(query->since, "c1"))
        return MR_ERR_INVALID;
    mr_json_put_text(writer, query->tier);
    mr_json_put_uint(writer, query->limit);
    (void)snprintf(ret_cursor, MR_ALERT_CURSOR_BYTES, "c2");
    return MR_OK;
}

static size_t readiness(void *context, mr_readiness *ret_checks)
{
    (void)context;
    ret_checks[0] =
        (mr_readiness){.name = "log", .ready = world.ready, .detail = "behind"};
    return 1;
}

static const mr_backend backend = {
    .acquire = acquire,
    .release = release,
    .item_id = item_id,
    .item_index = item_index,
    .item_by_hash = item_by_hash,
    .score = score,
    .similar = similar,
    .trending = trending,
    .static_list = static_list,
    .user_state = user_state,
    .degraded = degraded,
    .append_events = append_events,
    .profile = profile,
    .alerts = alerts,
    .readiness = readiness,
};

/* ---- The API under test ---- */

static mr_clock_fake clock_fake;
static mr_memory_store *store;
static mr_cache *cache;
static mr_snapshot_holder *catalogue_holder;
static mr_api *api;
static mr_http_handler handler;
static mr_buffer body;
static mr_http_response response;
static mr_json *answer;

static void publish_catalogue(void)
{
    mr_catalogue_builder *builder;
    mr_catalogue *catalogue;
    const mr_catalogue_item items[] = {
        {.id = MR_TEXT("i1"),
         .title = MR_TEXT("Cakestand"),
         .price_minor = 1275,
         .currency = MR_TEXT("GBP"),
         .stock = MR_STOCK_UNKNOWN},
        {.id = MR_TEXT("i0"),
         .title = MR_TEXT("Hidden"),
         .price_minor = MR_PRICE_UNKNOWN,
         .stock = MR_STOCK_UNKNOWN,
         .hidden = true},
        {.id = MR_TEXT("i50"),
         .title = MR_TEXT("Lantern"),
         .price_minor = 100,
         .stock = 4},
    };
    assert_ok(mr_catalogue_builder_create(&key, &builder));
    for (size_t i = 0; i < 3; i++)
        assert_ok(mr_catalogue_builder_put(builder, &items[i]));
    assert_ok(mr_catalogue_build(builder, &catalogue));
    mr_catalogue_builder_destroy(builder);
    assert_ok(mr_snapshot_swap(catalogue_holder, catalogue, mr_catalogue_destroy));
}

static int set_up(void **state)
{
    (void)state;
    static const uint8_t page[] = "<html>";
    static const mr_web_asset assets[] = {
        {"/", "text/html; charset=utf-8", page, 6, "\"e1\""},
        {"/assets/app.js", "text/javascript", page, 6, "\"e2\""}};
    static const mr_placement placements[] = {
        {.name = "home", .n = 5, .purchased = MR_PURCHASED_HIDE},
        {.name = "cart", .n = 3, .purchased = MR_PURCHASED_SHOW}};
    for (int i = 0; i < ITEMS; i++)
        (void)snprintf(ids[i], sizeof(ids[i]), "i%d", i);
    memset(&world, 0, sizeof(world));
    world.has_model = world.has_popular = world.has_trending = world.has_static = true;
    world.ready = true;
    mr_hash_key_init(&key, "secret", 6);
    mr_clock_fake_init(&clock_fake, start_ms);
    assert_ok(mr_memory_store_create(8 << 20, &clock_fake.clock, &store));
    assert_ok(mr_cache_memory_create(store, &cache));
    assert_ok(mr_snapshot_holder_create(&catalogue_holder));
    publish_catalogue();
    const mr_api_options options = {
        .backend = &backend,
        .clock = &clock_fake.clock,
        .threads = 1,
        .caches = &cache,
        .placements = placements,
        .placement_count = 2,
        .catalogue = catalogue_holder,
        .key = &key,
        .secret = "secret",
        .secret_bytes = 6,
        .assets = assets,
        .asset_count = 2,
    };
    mr_error error;
    assert_ok(mr_api_create(&options, &api, &error));
    handler = mr_api_handler(api);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(world.acquired, 0);
    mr_json_destroy(answer);
    answer = NULL;
    mr_api_destroy(api);
    mr_snapshot_holder_destroy(catalogue_holder);
    mr_memory_store_destroy(store);
    mr_buffer_deinit(&body);
    return 0;
}

static void send_request(mr_http_method method, const char *target, const char *content,
                         const char *none_match)
{
    mr_http_request request = {.method = method,
                               .body = mr_text_from(content),
                               .thread = LOOP,
                               .received_ns = mr_clock_monotonic_ns(&clock_fake.clock)};
    const char *question = strchr(target, '?');
    request.path = question == NULL ? mr_text_from(target)
                                    : (mr_text){target, (uint32_t)(question - target)};
    request.query = question == NULL ? (mr_text){0} : mr_text_from(question + 1);
    if (none_match != NULL)
        request.headers[request.header_count++] =
            (mr_http_header){MR_TEXT("If-None-Match"), mr_text_from(none_match)};
    mr_buffer_clear(&body);
    response = (mr_http_response){
        .status = 200, .content_type = "application/json", .body = &body};
    handler.handle(handler.context, &request, &response);
    mr_json_destroy(answer);
    answer = NULL;
    mr_error error = {""};
    if (strstr(response.content_type, "json") != NULL &&
        mr_json_parse((mr_text){(const char *)body.bytes, (uint32_t)body.length}, &answer,
                      &error) != MR_OK)
        fail_msg("not JSON: %s: %.*s", error.message, (int)body.length, body.bytes);
}

static void get(const char *target)
{
    send_request(MR_HTTP_GET, target, "", NULL);
}

static void post(const char *target, const char *content)
{
    send_request(MR_HTTP_POST, target, content, NULL);
}

static mr_json_value *member(const char *name)
{
    return mr_json_get(mr_json_root(answer), name);
}

static void assert_member(const char *name, const char *value)
{
    const mr_text text = mr_json_text(member(name), (mr_text){0});
    if (!mr_text_is(text, value))
        fail_msg("%s is \"%.*s\", not \"%s\": %.*s", name, MR_TEXT_ARG(text), value,
                 (int)body.length, body.bytes);
}

static void assert_status(int status)
{
    if (response.status != status)
        fail_msg("%d, not %d: %.*s", response.status, status, (int)body.length,
                 body.bytes);
}

/* The ids of the answer, "i1 i2 i3". */
static void assert_items(const char *expected)
{
    char text[512] = "";
    size_t length = 0;
    for (size_t i = 0; i < mr_json_count(member("items")); i++) {
        const mr_text id =
            mr_json_text(mr_json_get(mr_json_at(member("items"), i), "id"), MR_TEXT("?"));
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%.*s",
                                   i > 0 ? " " : "", MR_TEXT_ARG(id));
    }
    assert_string_equal(text, expected);
}

static void assert_problem(int status, const char *field)
{
    assert_status(status);
    assert_string_equal(response.content_type, "application/problem+json");
    assert_int_equal(mr_json_int(member("status"), 0), status);
    assert_true(mr_json_text(member("title"), (mr_text){0}).length > 0);
    assert_true(mr_json_text(member("detail"), (mr_text){0}).length > 0);
    if (field == NULL)
        return;
    const mr_text named =
        mr_json_text(mr_json_get(mr_json_at(member("errors"), 0), "field"), (mr_text){0});
    if (!mr_text_is(named, field))
        fail_msg("names \"%.*s\", not \"%s\"", MR_TEXT_ARG(named), field);
}

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
    get("/v1/statistics");
    assert_status(200);
    assert_int_equal(mr_json_int(member("catalogue_items"), 0), 3);
    assert_int_equal(mr_json_int(member("served_fallback"), 0), 1);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_cached_list_is_served_as_it_is),
        CASE(test_a_newer_event_is_scored_on_the_spot_once),
        CASE(test_a_list_of_another_model_owner_or_time_is_not_served),
        CASE(test_another_users_value_is_never_served),
        CASE(test_the_owner_is_asked_when_the_cache_has_nothing),
        CASE(test_each_step_of_the_chain_answers_when_those_above_are_gone),
        CASE(test_without_a_model_the_answer_is_200_and_degraded),
        CASE(test_a_dead_cache_is_degraded_and_still_personal_when_the_owner_is_here),
        CASE(test_rules_hold_for_a_cached_list_too),
        CASE(test_a_placement_decides_size_and_purchases),
        CASE(test_explain_says_why_in_words),
        CASE(test_post_and_get_ask_the_same),
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
    return cmocka_run_group_tests_name("api", tests, NULL, NULL);
}
