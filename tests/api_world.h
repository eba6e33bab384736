/*
 * API world: the API over a backend made of a hundred items i0 … i99 that can lose its parts, a
 * memory cache and a clock that stands still; with the requests and assertions of the API tests.
 */
#ifndef MR_TESTS_API_WORLD_H
#define MR_TESTS_API_WORLD_H
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

enum { ITEMS = 100, LOOP = 0, THREADS = 3, SHARED_REQUESTS = 2000 };

static const int64_t start_ms = 1764000000000;

/* ---- A backend ---- */

/* What the backend does, to be changed by a test. */
static struct {
    bool has_model;
    bool has_popular;
    bool has_trending;
    bool has_static;
    bool has_owner;
    bool is_owner_out;
    size_t owner_asked; /* users */
    bool scores_nothing;
    const char *degraded;
    mr_status append;
    _Atomic int acquired; /* and not released */
    int scored;           /* calls            */
    size_t scored_history;
    size_t scored_context;
    size_t appended;
    char last_record[512];
    char last_user[64];
    mr_status append_items;
    size_t items_appended;
    char last_item[64];
    char last_item_record[4096]; /* empty: a deletion */
    bool ranks_nothing;
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

/* i2 and i3, and the item itself by mistake. */
static mr_status bought_together(void *context, uint32_t thread,
                                 const mr_model_view *view, uint32_t item, size_t k,
                                 mr_scored_item *ret_items, size_t *ret_count)
{
    (void)context;
    (void)thread;
    (void)view;
    (void)k;
    if (item == 99)
        return MR_ERR_NOT_FOUND;
    ret_items[0] = (mr_scored_item){item, 3.0F, MR_ITEM_NONE, MR_SOURCE_ITEM_ITEM};
    ret_items[1] = (mr_scored_item){2, 2.0F, MR_ITEM_NONE, MR_SOURCE_ITEM_ITEM};
    ret_items[2] = (mr_scored_item){3, 1.0F, MR_ITEM_NONE, MR_SOURCE_ITEM_ITEM};
    *ret_count = 3;
    return MR_OK;
}

/* The higher the number of an item the better, i9 and i8 the same; because of i1. */
static mr_status rank(void *context, uint32_t thread, const mr_model_view *view,
                      const mr_score_request *request, const uint32_t *items,
                      size_t count, mr_scored_item *ret_items)
{
    (void)context;
    (void)thread;
    (void)view;
    world.scored_history = request->state != NULL ? request->state->item_count : 0;
    world.scored_context = request->context_count;
    if (world.ranks_nothing)
        return MR_ERR_UNAVAILABLE;
    for (size_t i = 0; i < count; i++)
        ret_items[i] = (mr_scored_item){.item = items[i],
                                        .score = items[i] == MR_ITEM_NONE ? NAN
                                                 : items[i] == 9          ? 8.0F
                                                                 : (float)items[i],
                                        .because = 1,
                                        .source = MR_SOURCE_BLEND};
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

static mr_status trending_categories(void *context, uint32_t thread,
                                     mr_trending_kind kind, size_t k, mr_arena *arena,
                                     mr_candidate *ret_categories, size_t *ret_count)
{
    (void)context;
    (void)thread;
    (void)k;
    *ret_count = kind == MR_TRENDING_HOT;
    if (*ret_count > 0)
        ret_categories[0] = (mr_candidate){
            .item_id = mr_arena_copy(arena, MR_TEXT("lamps")), .score = 7.0F};
    return MR_OK;
}

static mr_status trending_scope(void *context, uint32_t thread,
                                mr_trending_scope *ret_scope)
{
    (void)context;
    (void)thread;
    *ret_scope = (mr_trending_scope){
        .as_of_ms = start_ms, .counted = world.has_trending ? 3 : 0, .of = 4};
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

static mr_status user_states(void *context, uint32_t thread, mr_owner_question *questions,
                             size_t count, mr_buffer *storage)
{
    (void)context;
    (void)thread;
    const mr_user_state state = known_user(1, 1);
    world.owner_asked += count;
    if (world.is_owner_out)
        return MR_ERR_UNAVAILABLE;
    for (size_t i = 0; i < count; i++) {
        questions[i].status = MR_ERR_NOT_FOUND;
        if (!world.has_owner)
            continue;
        questions[i].offset = storage->length;
        questions[i].status =
            mr_user_state_encode(&key, questions[i].user, &state, storage);
        questions[i].length = (uint32_t)(storage->length - questions[i].offset);
    }
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

static mr_status append_items(void *context, uint32_t thread,
                              const mr_backend_item *items, size_t count)
{
    (void)context;
    (void)thread;
    if (world.append_items != MR_OK)
        return world.append_items;
    world.items_appended += count;
    (void)snprintf(world.last_item, sizeof(world.last_item), "%.*s",
                   MR_TEXT_ARG(items[count - 1].id));
    (void)snprintf(world.last_item_record, sizeof(world.last_item_record), "%.*s",
                   MR_TEXT_ARG(items[count - 1].record));
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
    .rank = rank,
    .bought_together = bought_together,
    .trending = trending,
    .trending_categories = trending_categories,
    .trending_scope = trending_scope,
    .static_list = static_list,
    .user_states = user_states,
    .degraded = degraded,
    .append_events = append_events,
    .append_items = append_items,
    .profile = profile,
    .alerts = alerts,
    .readiness = readiness,
};

/* ---- The API under test ---- */

static mr_clock_fake clock_fake;
static mr_memory_store *store;
static mr_cache *cache; /* of the first thread */
static mr_cache *caches[THREADS];
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
    const mr_text lamps[] = {MR_TEXT("lamps"), MR_TEXT("gifts")};
    const mr_attribute red[] = {{MR_TEXT("color"), MR_TEXT("red")},
                                {MR_TEXT("color"), MR_TEXT("dark red")},
                                {MR_TEXT("size"), MR_TEXT("M")}};
    const mr_catalogue_item items[] = {
        {.id = MR_TEXT("i1"),
         .title = MR_TEXT("Cakestand"),
         .price_minor = 1275,
         .currency = MR_TEXT("GBP"),
         .created_ms = MR_CREATED_UNKNOWN,
         .stock = MR_STOCK_UNKNOWN},
        {.id = MR_TEXT("i0"),
         .title = MR_TEXT("Hidden"),
         .price_minor = MR_PRICE_UNKNOWN,
         .stock = MR_STOCK_UNKNOWN,
         .created_ms = MR_CREATED_UNKNOWN,
         .hidden = true},
        {.id = MR_TEXT("i50"),
         .title = MR_TEXT("Lantern"),
         .price_minor = 100,
         .created_ms = MR_CREATED_UNKNOWN,
         .stock = 4},
        {.id = MR_TEXT("i52"),
         .title = MR_TEXT("Red lamp"),
         .category = MR_TEXT("lamps"),
         .categories = lamps,
         .category_count = 2,
         .brand = MR_TEXT("Acme"),
         .currency = MR_TEXT("GBP"),
         .image = MR_TEXT("http://i/52"),
         .url = MR_TEXT("http://u/52"),
         .price_minor = 2000,
         .stock = 7,
         .created_ms = start_ms,
         .attributes = red,
         .attribute_count = 3},
        {.id = MR_TEXT("i53"),
         .category = MR_TEXT("lamps"),
         .categories = lamps,
         .category_count = 1,
         .brand = MR_TEXT("Bright"),
         .price_minor = 1000,
         .stock = MR_STOCK_UNKNOWN,
         .created_ms = start_ms - 1000,
         .attributes = red + 2,
         .attribute_count = 1},
        {.id = MR_TEXT("i90"),
         .title = MR_TEXT("Sold out"),
         .category = MR_TEXT("lamps"),
         .price_minor = 500,
         .stock = 0,
         .created_ms = start_ms + 1000},
    };
    assert_ok(mr_catalogue_builder_create(&key, &builder));
    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++)
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
    for (int i = 0; i < THREADS; i++)
        assert_ok(mr_cache_memory_create(store, &caches[i]));
    cache = caches[0];
    assert_ok(mr_snapshot_holder_create(&catalogue_holder));
    publish_catalogue();
    const mr_api_options options = {
        .backend = &backend,
        .clock = &clock_fake.clock,
        .threads = THREADS,
        .loops = 1,
        .caches = caches,
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
    if (handler.handle(handler.context, &request, &response) == MR_HTTP_WAITS)
        handler.settle(handler.context, LOOP);
    mr_json_destroy(answer);
    answer = NULL;
    mr_error error = {""};
    const mr_text sent = response.lent_body.length > 0
                             ? response.lent_body
                             : (mr_text){(const char *)body.bytes, (uint32_t)body.length};
    if (strstr(response.content_type, "json") != NULL && response.status != 304 &&
        mr_json_parse(sent, &answer, &error) != MR_OK)
        fail_msg("not JSON: %s: %.*s", error.message, MR_TEXT_ARG(sent));
}

static void get(const char *target)
{
    send_request(MR_HTTP_GET, target, "", NULL);
}

static inline void post(const char *target, const char *content)
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
static inline void assert_items(const char *expected)
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

static inline void assert_problem(int status, const char *field)
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

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
