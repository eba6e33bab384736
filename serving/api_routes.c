#include "serving/api_answers.h"
#include "serving/api_call.h"
#include "serving/api_recommendations.h"
#include "serving/api_requests.h"

#include <stdio.h>
#include <string.h>

enum {
    EVENTS_BODY_BYTES_MAX = 4 << 20,
    ITEMS_BODY_BYTES_MAX = 4 << 20,
    ITEM_BODY_BYTES_MAX = 1 << 14,
    RECOMMEND_BODY_BYTES_MAX = 1 << 18,
};

#define GET (1U << MR_HTTP_GET)
#define POST (1U << MR_HTTP_POST)
#define PUT (1U << MR_HTTP_PUT)
#define PATCH (1U << MR_HTTP_PATCH)
#define DELETE (1U << MR_HTTP_DELETE)

#define USER_ID .id_about = "the user, of 1 to 128 bytes", .id_example = "17850"
#define ITEM_ID .id_about = "the item, of 1 to 128 bytes", .id_example = "85123A"

const mr_api_route mr_api_routes[] = {
    {.name = "recommendations",
     .pattern = "/v1/users/{id}/recommendations",
     .methods = GET | POST,
     .handle = mr_api_recommendations,
     .body_bytes_max = RECOMMEND_BODY_BYTES_MAX,
     .summary = "What to show this user",
     USER_ID,
     .parameters = &mr_api_asked_schema,
     .body = &mr_api_asked_schema,
     .body_form = MR_API_BODY_OR_NONE,
     .answers = {{200, &mr_answer_recommendations, NULL}},
     .errors = {404}},
    {.name = "sessions",
     .pattern = "/v1/sessions/recommendations",
     .methods = POST,
     .handle = mr_api_session,
     .body_bytes_max = RECOMMEND_BODY_BYTES_MAX,
     .summary = "What to show next in a visit, by its items alone",
     .body = &mr_api_asked_session_schema,
     .answers = {{200, &mr_answer_recommendations, NULL}},
     .errors = {404}},
    {.name = "batch",
     .pattern = "/v1/batch",
     .methods = POST,
     .handle = mr_api_batch,
     .is_slow = true,
     .summary = "Many requests for recommendations at once",
     .body = &mr_api_batch_schema,
     .answers = {{200, &mr_answer_batch, NULL}}},
    {.name = "rank",
     .pattern = "/v1/rank",
     .methods = POST,
     .handle = mr_api_rank,
     .body_bytes_max = RECOMMEND_BODY_BYTES_MAX,
     .summary = "Given items, the best for a user first",
     .body = &mr_api_rank_schema,
     .answers = {{200, &mr_answer_rank, NULL}},
     .errors = {404}},
    {.name = "similar",
     .pattern = "/v1/items/{id}/similar",
     .methods = GET,
     .handle = mr_api_similar,
     .summary = "Items that the same people look at or buy",
     ITEM_ID,
     .parameters = &mr_api_neighbours_schema,
     .answers = {{200, &mr_answer_neighbours, NULL}},
     .errors = {404}},
    {.name = "bought_together",
     .pattern = "/v1/items/{id}/bought-together",
     .methods = GET,
     .handle = mr_api_bought_together,
     .summary = "Items that are bought in the same order",
     ITEM_ID,
     .parameters = &mr_api_neighbours_schema,
     .answers = {{200, &mr_answer_neighbours, NULL}},
     .errors = {404}},
    {.name = "trending",
     .pattern = "/v1/trending",
     .methods = GET,
     .handle = mr_api_trending,
     .summary = "What is hot, popular or rising",
     .parameters = &mr_api_trending_schema,
     .answers = {{200, &mr_answer_list, NULL}}},
    {.name = "popular",
     .pattern = "/v1/popular",
     .methods = GET,
     .handle = mr_api_popular,
     .summary = "What is popular",
     .parameters = &mr_api_popular_schema,
     .answers = {{200, &mr_answer_list, NULL}}},
    {.name = "new",
     .pattern = "/v1/new",
     .methods = GET,
     .handle = mr_api_new,
     .summary = "What is new in the catalogue",
     .parameters = &mr_api_new_schema,
     .answers = {{200, &mr_answer_new, NULL}}},
    {.name = "item",
     .pattern = "/v1/items/{id}",
     .methods = GET,
     .handle = mr_api_get_item,
     .summary = "An item of the catalogue",
     ITEM_ID,
     .answers = {{200, &mr_answer_item, NULL}},
     .errors = {404}},
    {.name = "put_item",
     .pattern = "/v1/items/{id}",
     .methods = PUT,
     .handle = mr_api_put_item,
     .is_slow = true,
     .body_bytes_max = ITEM_BODY_BYTES_MAX,
     .summary = "Set an item of the catalogue, whole",
     ITEM_ID,
     .body = &mr_api_item_schema,
     .answers = {{202, &mr_answer_written, NULL}},
     .errors = {429}},
    {.name = "patch_item",
     .pattern = "/v1/items/{id}",
     .methods = PATCH,
     .handle = mr_api_patch_item,
     .is_slow = true,
     .body_bytes_max = ITEM_BODY_BYTES_MAX,
     .summary = "Change the given members of an item; null takes one out",
     ITEM_ID,
     .body = &mr_api_item_patch_schema,
     .answers = {{202, &mr_answer_written, NULL}},
     .errors = {404, 429}},
    {.name = "delete_item",
     .pattern = "/v1/items/{id}",
     .methods = DELETE,
     .handle = mr_api_delete_item,
     .is_slow = true,
     .summary = "Take an item out of the catalogue",
     ITEM_ID,
     .answers = {{202, &mr_answer_written, NULL}},
     .errors = {429}},
    {.name = "items",
     .pattern = "/v1/items",
     .methods = GET,
     .handle = mr_api_find_items,
     .is_slow = true,
     .summary = "Items by a part of their id or title",
     .parameters = &mr_api_search_schema,
     .answers = {{200, &mr_answer_found, NULL}}},
    {.name = "post_items",
     .pattern = "/v1/items",
     .methods = POST,
     .handle = mr_api_post_items,
     .is_slow = true,
     .body_bytes_max = ITEMS_BODY_BYTES_MAX,
     .summary = "Set many items of the catalogue",
     .body = &mr_api_items_schema,
     .body_form = MR_API_BODY_OR_LIST,
     .answers = {{202, &mr_answer_items_written, NULL}},
     .errors = {429}},
    {.name = "placements",
     .pattern = "/v1/placements",
     .methods = GET,
     .handle = mr_api_placements,
     .summary = "The configured placements and their rules",
     .answers = {{200, &mr_answer_placements, NULL}}},
    {.name = "events",
     .pattern = "/v1/events",
     .methods = POST,
     .handle = mr_api_events,
     .is_slow = true,
     .body_bytes_max = EVENTS_BODY_BYTES_MAX,
     .summary = "What users did: native events and Segment messages",
     .body = &mr_api_events_schema,
     .body_form = MR_API_BODY_OR_SINGLE,
     .answers = {{202, &mr_answer_events, NULL}},
     .errors = {429}},
    {.name = "profile",
     .pattern = "/v1/users/{id}/profile",
     .methods = GET,
     .handle = mr_api_profile,
     .is_slow = true,
     .summary = "What is known of a user",
     USER_ID,
     .answers = {{200, &mr_answer_profile, NULL}},
     .errors = {404}},
    {.name = "alerts",
     .pattern = "/v1/churn/alerts",
     .methods = GET,
     .handle = mr_api_alerts,
     .is_slow = true,
     .summary = "Customers who changed their tier, oldest first",
     .parameters = &mr_api_alerts_schema,
     .answers = {{200, &mr_answer_alerts, NULL}}},
    {.name = "overview",
     .pattern = "/v1/analytics/overview",
     .methods = GET,
     .handle = mr_api_overview,
     .is_slow = true,
     .summary = "The numbers of the dashboard's first page",
     .answers = {{200, &mr_answer_overview, NULL}}},
    {.name = "activity",
     .pattern = "/v1/analytics/activity",
     .methods = GET,
     .handle = mr_api_activity,
     .is_slow = true,
     .summary = "Active users by the day, week or month, new ones and stickiness",
     .parameters = &mr_api_activity_schema,
     .answers = {{200, &mr_answer_counted, NULL}}},
    {.name = "lifecycle",
     .pattern = "/v1/analytics/lifecycle",
     .methods = GET,
     .handle = mr_api_lifecycle,
     .is_slow = true,
     .summary = "New, returning, resurrected and dormant users, and the stages of life",
     .parameters = &mr_api_activity_schema,
     .answers = {{200, &mr_answer_counted, NULL}}},
    {.name = "retention",
     .pattern = "/v1/analytics/retention",
     .methods = GET,
     .handle = mr_api_retention,
     .is_slow = true,
     .summary = "Who comes back after beginning, by cohorts",
     .parameters = &mr_api_retention_schema,
     .answers = {{200, &mr_answer_counted, NULL}}},
    {.name = "funnels",
     .pattern = "/v1/analytics/funnels",
     .methods = GET,
     .handle = mr_api_funnels,
     .is_slow = true,
     .summary = "How many users come how far along a chain of steps",
     .parameters = &mr_api_funnels_schema,
     .answers = {{200, &mr_answer_counted, NULL}}},
    {.name = "revenue",
     .pattern = "/v1/analytics/revenue",
     .methods = GET,
     .handle = mr_api_revenue,
     .is_slow = true,
     .summary = "Revenue net of refunds, orders and order value",
     .parameters = &mr_api_revenue_schema,
     .answers = {{200, &mr_answer_counted, NULL}}},
    {.name = "trends",
     .pattern = "/v1/analytics/trends",
     .methods = GET,
     .handle = mr_api_trends,
     .is_slow = true,
     .summary = "Rising, hot and popular items",
     .parameters = &mr_api_trends_schema,
     .answers = {{200, &mr_answer_trends, NULL}}},
    {.name = "associations",
     .pattern = "/v1/analytics/associations",
     .methods = GET,
     .handle = mr_api_associations,
     .is_slow = true,
     .summary = "Items bought in the same basket, by lift",
     .parameters = &mr_api_associations_schema,
     .answers = {{200, &mr_answer_counted, NULL}}},
    {.name = "audiences",
     .pattern = "/v1/audiences",
     .methods = GET,
     .handle = mr_api_audiences,
     .is_slow = true,
     .summary = "Stages, levels, RFM segments and rules, with how many users each has",
     .answers = {{200, &mr_answer_audiences, NULL}}},
    {.name = "members",
     .pattern = "/v1/audiences/{id}/members",
     .methods = GET,
     .handle = mr_api_members,
     .is_slow = true,
     .summary = "The members of an audience, page by page",
     .id_about = "the audience, by a name of /v1/audiences",
     .id_example = "lifecycle.dormant",
     .parameters = &mr_api_members_schema,
     .answers = {{200, &mr_answer_members, NULL}},
     .errors = {404}},
    {.name = "stream",
     .pattern = "/v1/stream",
     .methods = GET,
     .handle = mr_api_stream,
     .summary = "The same once a second, as server-sent events, until the client leaves",
     .answers = {{200, NULL, "text/event-stream"}}},
    {.name = "healthz",
     .pattern = "/healthz",
     .methods = GET,
     .handle = mr_api_healthz,
     .summary = "Whether the process answers",
     .answers = {{200, &mr_answer_health, NULL}}},
    {.name = "readyz",
     .pattern = "/readyz",
     .methods = GET,
     .handle = mr_api_readyz,
     .summary = "Whether every part is ready, and which is not",
     .answers = {{200, &mr_answer_readiness, NULL}, {503, &mr_answer_readiness, NULL}}},
    {.name = "metrics",
     .pattern = "/metrics",
     .methods = GET,
     .handle = mr_api_metrics_text,
     .is_slow = true,
     .summary = "All counters, for Prometheus",
     .answers = {{200, NULL, "text/plain"}}},
    {.name = "openapi",
     .pattern = "/openapi.json",
     .methods = GET,
     .handle = mr_api_openapi,
     .summary = "This document",
     .answers = {{200, &mr_answer_document, NULL}, {304, NULL, ""}}},
    {.name = "page",
     .pattern = "/",
     .methods = GET,
     .handle = mr_api_static,
     .summary = "The dashboard",
     .answers = {{200, NULL, "text/html"}, {304, NULL, ""}},
     .errors = {404}},
    {.name = "assets",
     .pattern = "/assets/*",
     .methods = GET,
     .handle = mr_api_static,
     .summary = "What the dashboard is made of",
     .id_about = "the file",
     .id_example = "app.js",
     .answers = {{200, NULL, "*/*"}, {304, NULL, ""}},
     .errors = {404}},
};
const size_t mr_api_route_count = sizeof(mr_api_routes) / sizeof(mr_api_routes[0]);
_Static_assert(sizeof(mr_api_routes) / sizeof(mr_api_routes[0]) <= MR_API_ROUTES_MAX,
               "metrics have room for every route");

/* The raw path parameter, if the path is of the pattern. */
static bool path_matches(const char *pattern, mr_text path, mr_text *ret_id)
{
    static const char id[] = "{id}";
    uint32_t at = 0;
    *ret_id = (mr_text){0};
    while (*pattern != '\0') {
        if (*pattern == '*') {
            *ret_id = (mr_text){path.bytes + at, path.length - at};
            return true;
        }
        if (*pattern == '{' && strncmp(pattern, id, sizeof(id) - 1) == 0) {
            const uint32_t start = at;
            while (at < path.length && path.bytes[at] != '/')
                at++;
            *ret_id = (mr_text){path.bytes + start, at - start};
            pattern += sizeof(id) - 1;
        } else if (at < path.length && path.bytes[at] == *pattern) {
            at++;
            pattern++;
        } else {
            return false;
        }
    }
    return at == path.length;
}

const mr_api_route *mr_api_find_route(mr_text path, mr_http_method method,
                                      mr_text *ret_id, unsigned *ret_methods)
{
    const mr_http_method as = method == MR_HTTP_HEAD ? MR_HTTP_GET : method;
    *ret_methods = 0;
    for (size_t i = 0; i < mr_api_route_count; i++) {
        if (!path_matches(mr_api_routes[i].pattern, path, ret_id))
            continue;
        *ret_methods |= mr_api_routes[i].methods;
        if ((mr_api_routes[i].methods & (1U << as)) != 0)
            return &mr_api_routes[i];
    }
    return NULL;
}

void mr_api_allow_text(unsigned methods, char ret_text[MR_API_ALLOW_BYTES])
{
    size_t length = 0;
    if ((methods & GET) != 0)
        methods |= 1U << MR_HTTP_HEAD;
    ret_text[0] = '\0';
    for (int method = 0; method < MR_HTTP_METHODS; method++) {
        if ((methods & (1U << method)) != 0)
            length += (size_t)snprintf(ret_text + length, MR_API_ALLOW_BYTES - length,
                                       "%s%s", length > 0 ? ", " : "",
                                       mr_http_method_name((mr_http_method)method));
    }
}
