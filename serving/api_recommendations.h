/*
 * API recommendations: a request for a list, as it was asked, and the answer to it.
 *
 * GET and POST, a session and an element of a batch ask the same thing in different wrappings:
 * each is read into an mr_api_asked, settled against the placements, handed
 * to mr_recommend(), and written by the same call.
 *
 * Units      As serving/recommend.h.
 * Ownership  A request borrows from its JSON document, the query and the arena.
 * Threads    The thread of the call.
 * Cost       Reading: about 2 us; writing: 100 ns an item.
 */
#ifndef MR_SERVING_API_RECOMMENDATIONS_H
#define MR_SERVING_API_RECOMMENDATIONS_H

#include "serving/api_call.h"
#include "serving/recommend.h"
#include "serving/shown_items.h"

typedef struct mr_api_asked {
    mr_text user_id; /* empty: a visit by nobody known */
    mr_text session_id;
    mr_text placement_name;
    int64_t n; /* 0: the placement's */
    mr_text_list items;
    mr_text_list exclude;
    mr_text_list include;
    mr_rule_wishes wishes;
    bool explain;
    mr_text next;
    /* Made of it by mr_api_asked_settle(). */
    mr_recommend_request request;
    mr_rule_set set;       /* the placement's and the request's */
    uint32_t fields;       /* to show                           */
    mr_shown_items *shown; /* on the pages before this one      */
} mr_api_asked;

extern const mr_schema mr_api_asked_schema;         /* of a user     */
extern const mr_schema mr_api_asked_session_schema; /* of a visit    */
extern const mr_schema mr_api_asked_element_schema; /* of a batch    */

/* Nothing asked for yet. */
void mr_api_asked_init(mr_api_asked *asked);

/* Read a JSON object; `path` as in mr_schema_read_object(). */
MR_MUST_USE mr_status mr_api_asked_read(mr_api_call *call, const mr_schema *schema,
                                        mr_json_value *object, const char *path,
                                        mr_api_asked *asked);

/*
 * Make the request of it, all but its catalogue and the cached values.  MR_ERR_NOT_FOUND for a
 * placement that is none, MR_ERR_INVALID, both with call->error set; MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_api_asked_settle(mr_api_call *call, const char *path,
                                          mr_api_asked *asked);

/* The members of the answer, into the object that was begun. */
void mr_api_asked_write(mr_api_call *call, mr_json_writer *writer, mr_api_asked *asked,
                        const mr_recommend_answer *answer);

/* For the metrics. */
void mr_api_count_recommendations(mr_api *api, const mr_recommend_answer *answer);

#endif
