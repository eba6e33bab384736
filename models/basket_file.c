#include "models/basket_file.h"

#include "core/file.h"
#include "core/id_table.h"
#include "core/json.h"

#include <stdlib.h>

/* Marks an end; no item. */
enum { END_MARK = -1 };

typedef struct reading {
    mr_id_table *users;
    mr_json *history;
    mr_json *future;
    mr_json_value **next; /* [users]: the baskets to come, NULL where there are none */
    mr_sequence_list list;
    mr_sequence_list targets;
} reading;

/* Where an error is, for the message. */
typedef struct place {
    const char *path;
    mr_text user;
    mr_error *ret_error;
} place;

static mr_status refuse(const place *at, const char *reason)
{
    const mr_text user = {.bytes = at->user.bytes,
                          .length = at->user.length < 64 ? at->user.length : 64};
    return mr_error_set(at->ret_error, MR_ERR_CORRUPT, "%.100s: user \"%.*s\": %s",
                        at->path, MR_TEXT_ARG(user), reason);
}

static mr_status read_json(const char *path, mr_json **ret_json, mr_error *ret_error)
{
    mr_file_map map = {0};
    MR_TRY(mr_file_map_open(path, &map, ret_error));
    if (map.bytes > UINT32_MAX) {
        mr_file_map_close(&map);
        return mr_error_set(ret_error, MR_ERR_CORRUPT, "%s: beyond 4 GiB", path);
    }
    const mr_text text = {.bytes = map.data, .length = (uint32_t)map.bytes};
    mr_error reason = {{0}};
    mr_json *json = NULL;
    const mr_status status = mr_json_parse(text, &json, &reason);
    mr_file_map_close(&map);
    if (status != MR_OK)
        return mr_error_set(ret_error, status, "%.100s: %.140s", path, reason.message);
    if (!mr_json_is_object(mr_json_root(json)) ||
        mr_json_count(mr_json_root(json)) == 0) {
        mr_json_destroy(json);
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "%s: not an object of users with their baskets", path);
    }
    *ret_json = json;
    return MR_OK;
}

/* ---- baskets ---- */

static bool is_end(mr_json_value *basket)
{
    return mr_json_count(basket) == 1 &&
           mr_json_int(mr_json_at(basket, 0), 0) == END_MARK;
}

static mr_status add_basket(const place *at, mr_json_value *basket, uint32_t number,
                            mr_sequence_list *list)
{
    const size_t count = mr_json_count(basket);
    for (size_t i = 0; i < count; i++) {
        const int64_t item = mr_json_int(mr_json_at(basket, i), INT64_MIN);
        if (item < 0 || item > MR_BASKET_FILE_ITEM_MAX)
            return refuse(at, "an item that is not a number from 0 to 100000000");
        MR_TRY(mr_sequence_list_add(list, (uint32_t)item, number, 0));
    }
    return MR_OK;
}

/* Up to `most` of a user's baskets that hold something. */
static mr_status add_baskets(const place *at, mr_json_value *baskets, size_t most,
                             mr_sequence_list *list)
{
    if (!mr_json_is_array(baskets))
        return refuse(at, "not an array of baskets");
    uint32_t number = 0;
    const size_t count = mr_json_count(baskets);
    for (size_t b = 0; b < count; b++) {
        mr_json_value *basket = mr_json_at(baskets, b);
        if (!mr_json_is_array(basket))
            return refuse(at, "a basket that is not an array");
        if (mr_json_count(basket) == 0 || is_end(basket) || number == most)
            continue;
        MR_TRY(add_basket(at, basket, number++, list));
    }
    return MR_OK;
}

/* ---- users ---- */

static mr_status read_history(reading *r, const char *path, mr_error *ret_error)
{
    mr_json_value *root = mr_json_root(r->history);
    mr_json_value *baskets;
    size_t cursor = 0;
    place at = {.path = path, .ret_error = ret_error};
    while (mr_json_next(root, &cursor, &at.user, &baskets)) {
        uint32_t user;
        MR_TRY(mr_id_table_put(r->users, at.user, &user));
        if (user < r->list.count)
            return refuse(&at, "stands there twice");
        MR_TRY(add_baskets(&at, baskets, SIZE_MAX, &r->list));
        MR_TRY(mr_sequence_list_end(&r->list));
    }
    return MR_OK;
}

/* Find the baskets to come by user; strangers get an empty history. */
static mr_status match_future(reading *r, const char *path, mr_error *ret_error)
{
    mr_json_value *root = mr_json_root(r->future);
    mr_json_value *baskets;
    size_t cursor = 0;
    place at = {.path = path, .ret_error = ret_error};
    r->next = calloc(r->list.count + mr_json_count(root), sizeof(*r->next));
    if (r->next == NULL)
        return MR_ERR_NO_MEMORY;
    while (mr_json_next(root, &cursor, &at.user, &baskets)) {
        uint32_t user;
        MR_TRY(mr_id_table_put(r->users, at.user, &user));
        if (r->next[user] != NULL)
            return refuse(&at, "stands there twice");
        r->next[user] = baskets;
        if (user == r->list.count)
            MR_TRY(mr_sequence_list_end(&r->list));
    }
    return MR_OK;
}

static int compare_items(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The open sequence, from element `first` on, as a set. */
static void make_set(mr_sequence_list *list, size_t first)
{
    if (list->elements == first)
        return;
    qsort(list->item + first, list->elements - first, sizeof(*list->item), compare_items);
    size_t kept = first + 1;
    for (size_t e = first + 1; e < list->elements; e++)
        if (list->item[e] != list->item[kept - 1])
            list->item[kept++] = list->item[e];
    list->elements = kept;
}

static mr_status read_targets(reading *r, const char *path, mr_error *ret_error)
{
    place at = {.path = path, .ret_error = ret_error};
    for (uint32_t user = 0; user < r->list.count; user++) {
        const size_t first = r->targets.elements;
        at.user = mr_id_table_id(r->users, user);
        if (r->next != NULL && r->next[user] != NULL)
            MR_TRY(add_baskets(&at, r->next[user], 1, &r->targets));
        make_set(&r->targets, first);
        MR_TRY(mr_sequence_list_end(&r->targets));
    }
    return MR_OK;
}

static mr_status read_both(reading *r, const char *history_path, const char *future_path,
                           mr_error *ret_error)
{
    mr_hash_key key;
    mr_hash_key_init(&key, "", 0);
    MR_TRY(mr_id_table_create(&key, &r->users));
    MR_TRY(read_json(history_path, &r->history, ret_error));
    MR_TRY(read_history(r, history_path, ret_error));
    if (future_path != NULL) {
        MR_TRY(read_json(future_path, &r->future, ret_error));
        MR_TRY(match_future(r, future_path, ret_error));
    }
    return read_targets(r, future_path, ret_error);
}

mr_status mr_basket_file_read(const char *history_path, const char *future_path,
                              mr_sequence_list *ret_history,
                              mr_basket_targets *ret_targets, mr_error *ret_error)
{
    reading r = {.list = {.has_baskets = true}};
    const mr_status status = read_both(&r, history_path, future_path, ret_error);
    mr_id_table_destroy(r.users);
    mr_json_destroy(r.history);
    mr_json_destroy(r.future);
    free(r.next);
    if (status != MR_OK) {
        mr_sequence_list_deinit(&r.list);
        mr_sequence_list_deinit(&r.targets);
        return status;
    }
    *ret_history = r.list;
    *ret_targets = (mr_basket_targets){.ptr = r.targets.ptr, .item = r.targets.item};
    return MR_OK;
}

void mr_basket_targets_deinit(mr_basket_targets *targets)
{
    free(targets->ptr);
    free(targets->item);
    *targets = (mr_basket_targets){0};
}
