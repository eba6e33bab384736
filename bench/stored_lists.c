#include "bench/stored_lists.h"

#include "core/event.h"
#include "serving/result_codec.h"
#include "serving/user_state_codec.h"

#include <pthread.h>
#include <stdio.h>

enum { EVENTS = 48, PURCHASE_EVERY = 10, TTL_MS = 3600000, SET_TIMEOUT_MS = 5000 };

/* ---- A model of numbered items ---- */

enum { ITEM_NAME_LENGTH = 10 }; /* "item-00042" */

static char item_names[MR_STORED_ITEMS][16];
static pthread_once_t items_named = PTHREAD_ONCE_INIT;

static void name_items(void)
{
    for (size_t i = 0; i < MR_STORED_ITEMS; i++)
        (void)snprintf(item_names[i], sizeof(item_names[i]), "item-%05zu", i);
}

static mr_status acquire(void *context, mr_model_view *ret_view)
{
    (void)context;
    *ret_view = (mr_model_view){.version = MR_TEXT("v1"),
                                .hash = mr_model_hash(MR_TEXT("v1")),
                                .dictionary = MR_STORED_ITEMS};
    return MR_OK;
}

static void release(void *context, mr_model_view *view)
{
    (void)context;
    (void)view;
}

static mr_text item_id(void *context, const mr_model_view *view, uint32_t item)
{
    (void)context;
    (void)view;
    return (mr_text){item_names[item], ITEM_NAME_LENGTH};
}

static uint32_t item_index(void *context, const mr_model_view *view, mr_text id)
{
    (void)context;
    (void)view;
    (void)id;
    return MR_ITEM_NONE;
}

/* As fast as a hash table that hits its cache line would be. */
static uint32_t item_by_hash(void *context, const mr_model_view *view, uint64_t hash)
{
    (void)context;
    (void)view;
    return (uint32_t)(hash % MR_STORED_ITEMS);
}

const mr_backend *mr_stored_lists_backend(void)
{
    static const mr_backend backend = {.acquire = acquire,
                                       .release = release,
                                       .item_id = item_id,
                                       .item_index = item_index,
                                       .item_by_hash = item_by_hash};
    (void)pthread_once(&items_named, name_items);
    return &backend;
}

const mr_placement *mr_stored_lists_placement(void)
{
    static const mr_placement home = {
        .name = "home", .n = 10, .purchased = MR_PURCHASED_HIDE};
    return &home;
}

/* ---- Users ---- */

mr_text mr_stored_user(uint32_t user, char name[MR_STORED_NAME_BYTES])
{
    return (mr_text){name,
                     (uint32_t)snprintf(name, MR_STORED_NAME_BYTES, "user-%04u", user)};
}

static mr_hash128 hash_of(const mr_hash_key *key, uint32_t user)
{
    char name[MR_STORED_NAME_BYTES];
    return mr_hash_user(key, mr_stored_user(user, name));
}

mr_status mr_stored_list_encode(const mr_hash_key *key, uint32_t user, mr_buffer *value)
{
    mr_result result = {.offset = 1,
                        .model = mr_model_hash(MR_TEXT("v1")),
                        .dictionary = MR_STORED_ITEMS,
                        .expires_ms = INT64_MAX,
                        .count = MR_RESULT_ITEMS_MAX};
    for (uint32_t i = 0; i < MR_RESULT_ITEMS_MAX; i++)
        result.items[i] = (mr_scored_item){.item = (user * 31 + i * 17) % MR_STORED_ITEMS,
                                           .score = 1.0F / (float)(1 + i),
                                           .because = i % 10,
                                           .source = MR_SOURCE_BLEND};
    return mr_result_encode(hash_of(key, user), &result, value);
}

static mr_status encode_state(const mr_hash_key *key, uint32_t user, mr_buffer *value)
{
    mr_user_state state = {.offset = 1, .item_count = EVENTS};
    for (uint32_t i = 0; i < EVENTS; i++)
        state.items[i] = (mr_recent_item){
            .item_id = mr_text_from(item_names[(user + i) % MR_STORED_ITEMS]),
            .time_s = 1,
            .type = i % PURCHASE_EVERY == 0 ? MR_EVENT_PURCHASE : MR_EVENT_VIEW,
            .weight = 1};
    return mr_user_state_encode(key, hash_of(key, user), &state, value);
}

static mr_status store_user(mr_cache *cache, const mr_hash_key *key, uint32_t user,
                            mr_buffer *list, mr_buffer *state)
{
    char keys[2][MR_CACHE_KEY_TEXT_BYTES];
    const mr_hash128 hash = hash_of(key, user);
    mr_buffer_clear(list);
    mr_buffer_clear(state);
    MR_TRY(mr_stored_list_encode(key, user, list));
    MR_TRY(encode_state(key, user, state));
    const mr_cache_entry entries[] = {
        {.key = mr_cache_user_key(hash, MR_CACHE_RESULT, keys[0]),
         .value = {(const char *)list->bytes, (uint32_t)list->length},
         .ttl_ms = TTL_MS},
        {.key = mr_cache_user_key(hash, MR_CACHE_STATE, keys[1]),
         .value = {(const char *)state->bytes, (uint32_t)state->length},
         .ttl_ms = TTL_MS}};
    return mr_cache_set_many(cache, entries, 2, SET_TIMEOUT_MS);
}

mr_status mr_stored_lists_fill(mr_cache *cache, const mr_hash_key *key)
{
    mr_buffer list = {0};
    mr_buffer state = {0};
    mr_status status = MR_OK;
    (void)pthread_once(&items_named, name_items);
    for (uint32_t user = 0; status == MR_OK && user < MR_STORED_USERS; user++)
        status = store_user(cache, key, user, &list, &state);
    mr_buffer_deinit(&list);
    mr_buffer_deinit(&state);
    return status;
}
