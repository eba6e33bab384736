/*
 * Audience: a part of the users that has a name.
 *
 *   lifecycle.dormant      a stage of life
 *   member_level.gold      a level of a tier
 *   rfm.champions          a named segment of recency and frequency quintiles
 *   segment.win_back       a rule of the plan
 *
 * Members are known users; a page of them goes on with the cursor of the page before, in the order of
 * partitions and of first appearance.
 *
 * Units      Users.
 * Ownership  Names are the plan's.
 * Threads    As app/census.h.
 * Cost       A walk over all users.
 */
#ifndef MR_APP_AUDIENCE_H
#define MR_APP_AUDIENCE_H

#include "app/census.h"
#include "features/plan_layout.h"

enum {
    MR_AUDIENCE_NAME_BYTES = 128,
    MR_AUDIENCES_MAX = 192,
    MR_AUDIENCE_CURSOR_BYTES = 32
};

typedef struct mr_audience {
    char name[MR_AUDIENCE_NAME_BYTES];
    const char *meaning;
    const mr_operation *of; /* lifecycle or tier: the feature; else NULL */
    int64_t level;          /* of it                                     */
    const char *rfm;        /* the segment's name, or NULL               */
    const mr_expression *where;
} mr_audience;

/* All there are under a plan. */
size_t mr_audiences(const mr_plan *plan, mr_audience ret_audiences[MR_AUDIENCES_MAX]);

/* False: there is none of that name. */
bool mr_audience_find(const mr_plan *plan, mr_text name, mr_audience *ret_audience);

/* Whether a user belongs to it; the census has its quintiles. */
bool mr_audience_holds(const mr_census *census, const mr_audience *audience,
                       const mr_shard *shard, uint32_t row);

/* An array of {name, meaning, users}, and what else is counted over all. */
MR_MUST_USE mr_status mr_audience_write_all(mr_census *census, mr_json_writer *writer);

typedef struct mr_audience_page {
    mr_text since; /* empty: from the first */
    size_t limit;
} mr_audience_page;

/* The members after a cursor as {user_id, …} in an array that has been begun, and the cursor after
 * them, empty at the end.  MR_ERR_INVALID: no cursor of ours. */
MR_MUST_USE mr_status mr_audience_write_members(mr_census *census,
                                                const mr_audience *audience,
                                                const mr_audience_page *page,
                                                mr_json_writer *writer,
                                                char ret_next[MR_AUDIENCE_CURSOR_BYTES]);

#endif
