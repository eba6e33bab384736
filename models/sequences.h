/*
 * Sequences: what was done one after the other.
 *
 * The raw material of every model that looks at order: a session's clicks, a customer's
 * purchases basket by basket, a user's whole history.  Where events have times the sequences stand
 * in order of their last event, so that the newest are the last and an age can be counted in
 * sequences.
 *
 * Units      Items by index; baskets numbered within a sequence; times in seconds since the epoch.
 * Ownership  mr_sequences and mr_query are views; an mr_sequence_list owns what was put into it.
 * Threads    Immutable once made.
 * Cost       8 bytes a sequence, 4 an element, 4 more for its basket and 4 for its time.
 */
#ifndef MR_MODELS_SEQUENCES_H
#define MR_MODELS_SEQUENCES_H

#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mr_sequences {
    uint32_t count;
    uint32_t items;      /* of the catalogue                                 */
    const uint64_t *ptr; /* [count + 1]                                      */
    /* [ptr[count]] each, the oldest of each sequence first: */
    const uint32_t *item;
    const uint32_t *basket; /* from 0, not descending; NULL: one element each */
    const uint32_t *time_s; /* not descending; NULL: unknown                  */
    const float *weight;    /* above 0, how much it says; NULL: all alike     */
} mr_sequences;

/* What is known of one user when a question is asked: the elements of one sequence, or its head. */
typedef struct mr_query {
    const uint32_t *item;
    const uint32_t *basket; /* NULL: one element each */
    const uint32_t *time_s; /* NULL: unknown          */
    const float *weight;    /* NULL: all alike        */
    size_t count;
} mr_query;

/* MR_ERR_INVALID unless pointers ascend, items are inside, baskets and times do not descend. */
MR_MUST_USE mr_status mr_sequences_check(const mr_sequences *sequences,
                                         mr_error *ret_error);

/* The first `count` elements of a sequence; fewer when it is shorter. */
mr_query mr_sequences_query(const mr_sequences *sequences, uint32_t sequence,
                            size_t count);

static inline size_t mr_sequences_length(const mr_sequences *sequences, uint32_t sequence)
{
    return (size_t)(sequences->ptr[sequence + 1] - sequences->ptr[sequence]);
}

/* Sequences from `first` on, `count` of them: a view onto the same arrays. */
mr_sequences mr_sequences_slice(const mr_sequences *sequences, uint32_t first,
                                uint32_t count);

/* A list that grows.  All-zero is an empty one without baskets and times. */
typedef struct mr_sequence_list {
    uint64_t *ptr;
    uint32_t *item;
    uint32_t *basket;
    uint32_t *time_s;
    float *weight;
    uint32_t count;
    uint32_t items; /* largest item + 1, or what the owner sets above it */
    size_t elements;
    size_t room_sequences;
    size_t room_elements;
    bool has_baskets; /* set before the first element, and kept */
    bool has_times;
    bool has_weights;
} mr_sequence_list;

/* Append an element to the sequence that is open; `basket` and `time_s` count only where the list
 * has them.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_sequence_list_add(mr_sequence_list *list, uint32_t item,
                                           uint32_t basket, uint32_t time_s);

/* Say how much the element added last says, in a list with weights; 1 until then. */
void mr_sequence_list_weigh(mr_sequence_list *list, float weight);

/* Close the open sequence, which may be empty, and open the next.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_sequence_list_end(mr_sequence_list *list);

mr_sequences mr_sequence_list_view(
    const mr_sequence_list *list); /* of closed sequences */
void mr_sequence_list_deinit(mr_sequence_list *list);

#endif
