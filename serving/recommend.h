/*
 * Recommend: the chain from the cache down to the static list, with the rules of a placement.
 *
 * Each step proposes candidates, the rules let through what may be shown, and the next step is
 * asked only while places are empty.  A list of the cache is used when it was made by the model
 * that is held and no newer event of the user is known; otherwise the user's recent items are
 * scored on the spot and the list is written back after the answer.
 *
 * Units      Times in ms.
 * Ownership  An answer's texts live until mr_recommend_release(), with the model view in it.
 * Threads    The thread of the call.
 * Cost       A cached list: one cache batch and about 5 us.
 */
#ifndef MR_SERVING_RECOMMEND_H
#define MR_SERVING_RECOMMEND_H

#include "serving/api_call.h"
#include "serving/rules.h"

typedef struct mr_recommend_request {
    mr_text user_id;
    const mr_user_values *values; /* of the cache; NULL: nobody known, a visit alone */
    const mr_placement *placement;
    uint32_t n; /* 1..100 */
    const mr_text *exclude;
    size_t exclude_count;
    const mr_text *context; /* the items in view or in the cart, newest first */
    size_t context_count;
    const mr_text *include; /* only these may be shown; none: any */
    size_t include_count;
    const mr_rule_set *rules; /* the placement's and the request's, merged; NULL: none */
    const mr_shown_items *shown;   /* on the pages before this one; NULL: none   */
    const mr_catalogue *catalogue; /* NULL: none */
} mr_recommend_request;

typedef struct mr_recommend_answer {
    mr_candidate items[MR_PLACEMENT_N_MAX];
    size_t count;
    bool
        was_proposed; /* some step had items, even if the rules let none of them through */
    const char *served_from;     /* "cache", "live", "fallback"                      */
    const char *fallback;        /* NULL: personal; "session", "popular", "trending",
                                    "static"                                         */
    const char *degraded_reason; /* NULL: all is well; "model", "cache", …           */
    int64_t profile_as_of_ms;    /* 0: nothing is known of the user                  */
    bool has_view;
    mr_model_view view;
} mr_recommend_answer;

/* Never fails; `was_proposed` is false when nothing at all can be served. */
void mr_recommend(mr_api_call *call, const mr_recommend_request *request,
                  mr_recommend_answer *ret_answer);

void mr_recommend_release(mr_api_call *call, mr_recommend_answer *answer);

#endif
