#include "models/sequences.h"

#include "core/assert.h"

#include <math.h>
#include <stdlib.h>

enum { ROOM_AT_FIRST = 1024 };

mr_status mr_sequences_check(const mr_sequences *sequences, mr_error *ret_error)
{
    for (uint32_t s = 0; s < sequences->count; s++) {
        const uint64_t begin = sequences->ptr[s];
        const uint64_t end = sequences->ptr[s + 1];
        if (end < begin)
            return mr_error_set(ret_error, MR_ERR_INVALID,
                                "sequence %u ends before it begins", s);
        for (uint64_t e = begin; e < end; e++) {
            if (sequences->item[e] >= sequences->items)
                return mr_error_set(ret_error, MR_ERR_INVALID,
                                    "sequence %u: item %u of a catalogue of %u", s,
                                    sequences->item[e], sequences->items);
            if (sequences->weight != NULL &&
                !(sequences->weight[e] > 0.0F && sequences->weight[e] < INFINITY))
                return mr_error_set(ret_error, MR_ERR_INVALID,
                                    "sequence %u: a weight that is not above 0", s);
            if (e == begin)
                continue;
            if (sequences->basket != NULL &&
                sequences->basket[e] < sequences->basket[e - 1])
                return mr_error_set(ret_error, MR_ERR_INVALID,
                                    "sequence %u: a basket stands before an older one",
                                    s);
            if (sequences->time_s != NULL &&
                sequences->time_s[e] < sequences->time_s[e - 1])
                return mr_error_set(ret_error, MR_ERR_INVALID,
                                    "sequence %u: times run backwards", s);
        }
    }
    return MR_OK;
}

mr_query mr_sequences_query(const mr_sequences *sequences, uint32_t sequence,
                            size_t count)
{
    MR_ASSERT(sequence < sequences->count);
    const uint64_t begin = sequences->ptr[sequence];
    const size_t length = mr_sequences_length(sequences, sequence);
    return (mr_query){
        .item = sequences->item + begin,
        .basket = sequences->basket != NULL ? sequences->basket + begin : NULL,
        .time_s = sequences->time_s != NULL ? sequences->time_s + begin : NULL,
        .weight = sequences->weight != NULL ? sequences->weight + begin : NULL,
        .count = count < length ? count : length};
}

mr_sequences mr_sequences_slice(const mr_sequences *sequences, uint32_t first,
                                uint32_t count)
{
    MR_ASSERT(first <= sequences->count && count <= sequences->count - first);
    mr_sequences slice = *sequences;
    slice.ptr = sequences->ptr + first;
    slice.count = count;
    return slice;
}

/* ---- lists ---- */

static mr_status grow(uint32_t **array, size_t room)
{
    uint32_t *larger = realloc(*array, room * sizeof(*larger));
    if (larger == NULL)
        return MR_ERR_NO_MEMORY;
    *array = larger;
    return MR_OK;
}

static mr_status reserve_element(mr_sequence_list *list)
{
    if (list->elements < list->room_elements)
        return MR_OK;
    const size_t room =
        list->room_elements > 0 ? 2 * list->room_elements : (size_t)ROOM_AT_FIRST;
    MR_TRY(grow(&list->item, room));
    if (list->has_baskets)
        MR_TRY(grow(&list->basket, room));
    if (list->has_times)
        MR_TRY(grow(&list->time_s, room));
    if (list->has_weights) {
        float *larger = realloc(list->weight, room * sizeof(*larger));
        if (larger == NULL)
            return MR_ERR_NO_MEMORY;
        list->weight = larger;
    }
    list->room_elements = room;
    return MR_OK;
}

mr_status mr_sequence_list_add(mr_sequence_list *list, uint32_t item, uint32_t basket,
                               uint32_t time_s)
{
    MR_ASSERT(item < UINT32_MAX);
    MR_TRY(reserve_element(list));
    list->item[list->elements] = item;
    if (list->has_baskets)
        list->basket[list->elements] = basket;
    if (list->has_times)
        list->time_s[list->elements] = time_s;
    if (list->has_weights)
        list->weight[list->elements] = 1.0F;
    list->elements++;
    if (item >= list->items)
        list->items = item + 1;
    return MR_OK;
}

void mr_sequence_list_weigh(mr_sequence_list *list, float weight)
{
    MR_ASSERT(list->has_weights && list->elements > 0);
    list->weight[list->elements - 1] = weight;
}

mr_status mr_sequence_list_end(mr_sequence_list *list)
{
    if (list->count + (size_t)2 > list->room_sequences) {
        const size_t room =
            list->room_sequences > 0 ? 2 * list->room_sequences : (size_t)ROOM_AT_FIRST;
        uint64_t *larger = realloc(list->ptr, room * sizeof(*larger));
        if (larger == NULL)
            return MR_ERR_NO_MEMORY;
        list->ptr = larger;
        list->room_sequences = room;
        list->ptr[0] = 0;
    }
    list->ptr[++list->count] = list->elements;
    return MR_OK;
}

mr_sequences mr_sequence_list_view(const mr_sequence_list *list)
{
    return (mr_sequences){.count = list->count,
                          .items = list->items,
                          .ptr = list->ptr,
                          .item = list->item,
                          .basket = list->has_baskets ? list->basket : NULL,
                          .time_s = list->has_times ? list->time_s : NULL,
                          .weight = list->has_weights ? list->weight : NULL};
}

void mr_sequence_list_deinit(mr_sequence_list *list)
{
    free(list->ptr);
    free(list->item);
    free(list->basket);
    free(list->time_s);
    free(list->weight);
    *list = (mr_sequence_list){0};
}
