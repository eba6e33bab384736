#include "models/basket_file.h"

#include "core/file.h"
#include "core/json.h"

#include <stdio.h>
#include <stdlib.h>

/* A number above this in a file is a mistake, not a catalogue. */
static const int64_t NUMBER_MAX = 1000000000;

static mr_status read_json(const char *path, mr_json **ret_json, mr_error *ret_error)
{
    mr_file_map map = {0};
    MR_TRY(mr_file_map_open(path, &map, ret_error));
    mr_error reason = {{0}};
    mr_status status = MR_ERR_CORRUPT;
    if (map.bytes < UINT32_MAX)
        status =
            mr_json_parse((mr_text){.bytes = map.data, .length = (uint32_t)map.bytes},
                          ret_json, &reason);
    mr_file_map_close(&map);
    if (status == MR_OK && !mr_json_is_object(mr_json_root(*ret_json))) {
        mr_json_destroy(*ret_json);
        status = MR_ERR_CORRUPT;
    }
    if (status != MR_OK)
        return mr_error_set(ret_error, status, "%s: not an object of baskets %.100s",
                            path, reason.message);
    return MR_OK;
}

/* One customer's baskets, [-1] and empty ones left out. */
static mr_status add_baskets(mr_json_value *baskets, mr_sequence_list *list)
{
    uint32_t basket = 0;
    for (size_t b = 0; b < mr_json_count(baskets); b++) {
        mr_json_value *items = mr_json_at(baskets, b);
        const size_t before = list->elements;
        for (size_t i = 0; i < mr_json_count(items); i++) {
            const int64_t item = mr_json_int(mr_json_at(items, i), INT64_MIN);
            if (item == -1)
                continue;
            if (item < 0 || item > NUMBER_MAX)
                return MR_ERR_CORRUPT;
            MR_TRY(mr_sequence_list_add(list, (uint32_t)item, basket, 0));
        }
        basket += list->elements > before;
    }
    return mr_sequence_list_end(list);
}

static bool has_before(const mr_sequence_list *list, uint64_t first, uint64_t at)
{
    for (uint64_t e = first; e < at; e++)
        if (list->item[e] == list->item[at])
            return true;
    return false;
}

/* The open sequence `first` … without what stands there twice. */
static void drop_repeats(mr_sequence_list *list, uint64_t first)
{
    uint64_t kept = first;
    for (uint64_t e = first; e < list->elements; e++) {
        list->item[kept] = list->item[e];
        if (!has_before(list, first, kept))
            kept++;
    }
    list->elements = (size_t)kept;
}

static mr_status read_both(mr_json_value *history, mr_json_value *future,
                           mr_sequence_list *list, mr_sequence_list *targets)
{
    size_t cursor = 0;
    mr_text customer;
    mr_json_value *baskets;
    while (mr_json_next(history, &cursor, &customer, &baskets)) {
        char key[64];
        if (customer.length >= sizeof(key))
            return MR_ERR_CORRUPT;
        (void)snprintf(key, sizeof(key), "%.*s", MR_TEXT_ARG(customer));
        const uint64_t first = targets->elements;
        MR_TRY(add_baskets(baskets, list));
        MR_TRY(add_baskets(mr_json_get(future, key), targets));
        drop_repeats(targets, first);
        targets->ptr[targets->count] = targets->elements;
    }
    return MR_OK;
}

mr_status mr_basket_file_read(const char *history_path, const char *future_path,
                              mr_sequence_list *ret_history,
                              mr_basket_targets *ret_targets, mr_error *ret_error)
{
    mr_json *history = NULL;
    mr_json *future = NULL;
    mr_sequence_list list = {.has_baskets = true};
    mr_sequence_list targets = {0};
    mr_status status = read_json(history_path, &history, ret_error);
    if (status == MR_OK)
        status = read_json(future_path, &future, ret_error);
    if (status == MR_OK) {
        status = read_both(mr_json_root(history), mr_json_root(future), &list, &targets);
        if (status != MR_OK)
            (void)mr_error_set(ret_error, status, "%s: not baskets of item numbers",
                               history_path);
        mr_json_destroy(future);
    }
    if (history != NULL)
        mr_json_destroy(history);
    if (status != MR_OK) {
        mr_sequence_list_deinit(&list);
        mr_sequence_list_deinit(&targets);
        return status;
    }
    *ret_history = list;
    *ret_targets = (mr_basket_targets){.ptr = targets.ptr, .item = targets.item};
    return MR_OK;
}

void mr_basket_targets_deinit(mr_basket_targets *targets)
{
    free(targets->ptr);
    free(targets->item);
    *targets = (mr_basket_targets){0};
}
