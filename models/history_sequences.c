#include "models/history_sequences.h"

#include <stdbool.h>
#include <stdlib.h>

/* A row or an element, with what decides its place. */
typedef struct placed {
    uint32_t time_s;
    uint32_t place;
} placed;

static int by_time(const void *a, const void *b)
{
    const placed *left = a;
    const placed *right = b;
    if (left->time_s != right->time_s)
        return left->time_s < right->time_s ? -1 : 1;
    return left->place < right->place ? -1 : left->place > right->place ? 1 : 0;
}

static bool begins_basket(uint32_t before_s, uint32_t time_s)
{
    return time_s - before_s > MR_BASKET_GAP_S;
}

void mr_history_baskets(const uint32_t *time_s, size_t count, uint32_t *ret_basket)
{
    uint32_t basket = 0;
    for (size_t i = 0; i < count; i++) {
        basket += i > 0 && begins_basket(time_s[i - 1], time_s[i]);
        ret_basket[i] = basket;
    }
}

/* Rows with events, in order of the newest of each. */
static placed *order_rows(const mr_interactions *interactions, uint32_t *ret_count)
{
    uint32_t count = 0;
    placed *rows = malloc(((size_t)interactions->users + 1) * sizeof(*rows));
    for (uint32_t u = 0; rows != NULL && u < interactions->users; u++) {
        uint32_t newest_s = 0;
        for (uint64_t e = interactions->ptr[u]; e < interactions->ptr[u + 1]; e++)
            if (interactions->time_s[e] > newest_s)
                newest_s = interactions->time_s[e];
        if (interactions->ptr[u + 1] > interactions->ptr[u])
            rows[count++] = (placed){.time_s = newest_s, .place = u};
    }
    if (rows != NULL)
        qsort(rows, count, sizeof(*rows), by_time);
    *ret_count = count;
    return rows;
}

static uint64_t longest_row(const mr_interactions *interactions)
{
    uint64_t longest = 0;
    for (uint32_t u = 0; u < interactions->users; u++) {
        const uint64_t length = interactions->ptr[u + 1] - interactions->ptr[u];
        longest = length > longest ? length : longest;
    }
    return longest;
}

static mr_status add_row(const mr_interactions *interactions, uint32_t row,
                         placed *events, mr_sequence_list *list)
{
    const uint64_t begin = interactions->ptr[row];
    const size_t count = (size_t)(interactions->ptr[row + 1] - begin);
    uint32_t basket = 0;
    for (size_t i = 0; i < count; i++)
        events[i] =
            (placed){.time_s = interactions->time_s[begin + i], .place = (uint32_t)i};
    qsort(events, count, sizeof(*events), by_time);
    for (size_t i = 0; i < count; i++) {
        basket += i > 0 && begins_basket(events[i - 1].time_s, events[i].time_s);
        const uint64_t event = begin + events[i].place;
        MR_TRY(mr_sequence_list_add(list, interactions->item[event], basket,
                                    events[i].time_s));
        if (interactions->weight != NULL)
            mr_sequence_list_weigh(list, interactions->weight[event]);
    }
    return mr_sequence_list_end(list);
}

mr_status mr_history_sequences(const mr_interactions *interactions,
                               mr_sequence_list *ret_list)
{
    if (interactions->time_s == NULL)
        return MR_ERR_INVALID;
    mr_sequence_list list = {.has_baskets = true,
                             .has_times = true,
                             .has_weights = interactions->weight != NULL};
    uint32_t count = 0;
    placed *rows = order_rows(interactions, &count);
    placed *events = malloc(((size_t)longest_row(interactions) + 1) * sizeof(*events));
    mr_status status = rows != NULL && events != NULL ? MR_OK : MR_ERR_NO_MEMORY;
    for (uint32_t r = 0; r < count && status == MR_OK; r++)
        status = add_row(interactions, rows[r].place, events, &list);
    free(rows);
    free(events);
    if (status != MR_OK) {
        mr_sequence_list_deinit(&list);
        return status;
    }
    list.items = interactions->items;
    *ret_list = list;
    return MR_OK;
}
