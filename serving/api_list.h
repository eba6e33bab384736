/*
 * API list: a call that lists items for nobody in particular.
 *
 * Neighbours of an item, what is popular and what is new differ in where the candidates come
 * from; how many are wanted, which are let through and how they look is asked and answered here.
 *
 * Units      None.
 * Ownership  Borrows from the request and the arena.
 * Threads    The thread of the call.
 * Cost       A few microseconds.
 */
#ifndef MR_SERVING_API_LIST_H
#define MR_SERVING_API_LIST_H

#include "serving/api_call.h"
#include "serving/api_show.h"
#include "serving/api_wishes.h"

enum { MR_API_LIST_DEFAULT = 10 };

typedef struct mr_api_list {
    int64_t n;
    mr_text_list exclude;
    mr_rule_wishes wishes;
    uint32_t kind;   /* of trending */
    uint32_t window; /* of trending and popular; MR_API_WINDOW_ABSENT */
} mr_api_list;

#define MR_API_WINDOW_ABSENT UINT32_MAX

/* The rows of every list, for a struct mr_api_list. */
#define MR_API_LIST_FIELDS                                                               \
    {.name = "n",                                                                        \
     .kind = MR_FIELD_INTEGER,                                                           \
     .flags = MR_IN_QUERY,                                                               \
     .offset = offsetof(mr_api_list, n),                                                 \
     .least = 1,                                                                         \
     .most = MR_PLACEMENT_N_MAX,                                                         \
     .about = "items wanted; absent: 10",                                                \
     .example = "5"},                                                                    \
        {.name = "exclude",                                                              \
         .kind = MR_FIELD_IDS,                                                           \
         .flags = MR_IN_QUERY,                                                           \
         .offset = offsetof(mr_api_list, exclude),                                       \
         .most = MR_API_IDS_MAX,                                                         \
         .about = "items not to show"},                                                  \
        MR_API_FILTER_FIELDS(mr_api_list)

/* Read the query by the route's table; false when the request has been answered. */
bool mr_api_list_read(mr_api_call *call, mr_api_list *list);

/* Of `count` candidates those that may be shown, at most `n`: the worker's first ones, how many
 * is returned.  `item` (may be empty) is what the list is about: not shown itself. */
MR_MUST_USE mr_status mr_api_list_choose(mr_api_call *call, const mr_api_list *list,
                                         const mr_catalogue *catalogue, mr_text item,
                                         size_t count, size_t *ret_count);

/* The worker's first candidates as the member `items`. */
void mr_api_list_put(mr_api_call *call, mr_json_writer *writer, const mr_api_list *list,
                     size_t count);

/* `took_us`, and the end of the answer. */
void mr_api_list_end(mr_api_call *call, mr_json_writer *writer);

#endif
