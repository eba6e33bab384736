#include "serving/api_answers.h"

#include "core/scored_item.h"

#define ALWAYS MR_REQUIRED

/* ---- Errors ---- */

static const mr_field error_fields[] = {
    {.name = "field",
     .kind = MR_FIELD_TEXT,
     .flags = ALWAYS,
     .about = "rules.boost[0].by"},
    {.name = "message", .kind = MR_FIELD_TEXT, .flags = ALWAYS},
};
static const mr_schema error_schema = {MR_SCHEMA("field_error", error_fields)};

static const mr_field problem_fields[] = {
    {.name = "type", .kind = MR_FIELD_TEXT, .flags = ALWAYS},
    {.name = "title", .kind = MR_FIELD_TEXT, .flags = ALWAYS},
    {.name = "status",
     .kind = MR_FIELD_INTEGER,
     .flags = ALWAYS,
     .least = 400,
     .most = 599},
    {.name = "detail", .kind = MR_FIELD_TEXT, .flags = ALWAYS},
    {.name = "errors",
     .kind = MR_FIELD_OBJECTS,
     .schema = &error_schema,
     .about = "which field is wrong, and how"},
};
const mr_schema mr_answer_problem = {MR_SCHEMA("problem", problem_fields),
                                     .about = "problem details (RFC 9457)"};

/* ---- Items ---- */

static const char *const source_words[] = {"none",    "item_item", "ials",    "blend",
                                           "popular", "trending",  "session", "content",
                                           "repeat",  "pinned",    NULL};

#define SHOWN_FIELDS                                                                     \
    {.name = "id", .kind = MR_FIELD_ID, .flags = ALWAYS},                                \
        {.name = "title", .kind = MR_FIELD_TEXT},                                        \
        {.name = "category", .kind = MR_FIELD_TEXT, .about = "the main one"},            \
        {.name = "brand", .kind = MR_FIELD_TEXT},                                        \
        {.name = "price", .kind = MR_FIELD_NUMBER, .about = "in major units"},           \
        {.name = "currency", .kind = MR_FIELD_TEXT},                                     \
        {.name = "image", .kind = MR_FIELD_TEXT},                                        \
        {.name = "url", .kind = MR_FIELD_TEXT},                                          \
        {.name = "stock", .kind = MR_FIELD_INTEGER, .about = "pieces"},                  \
    {                                                                                    \
        .name = "attributes", .kind = MR_FIELD_ATTRIBUTES                                \
    }

#define SCORED_FIELDS                                                                    \
    {.name = "score",                                                                    \
     .kind = MR_FIELD_NUMBER,                                                            \
     .flags = ALWAYS,                                                                    \
     .about = "comparable within one answer and source only"},                           \
    {                                                                                    \
        .name = "source", .kind = MR_FIELD_WORD, .flags = ALWAYS, .words = source_words  \
    }

static const mr_field item_fields[] = {
    SHOWN_FIELDS,
    {.name = "categories",
     .kind = MR_FIELD_TEXTS,
     .about = "all of them, the main one first"},
    {.name = "created", .kind = MR_FIELD_TIME},
    {.name = "hidden",
     .kind = MR_FIELD_FLAG,
     .flags = ALWAYS,
     .about = "never shown, whatever its stock"},
};
const mr_schema mr_answer_item = {MR_SCHEMA("item", item_fields)};

static const mr_field shown_fields[] = {SHOWN_FIELDS};
static const mr_schema shown_schema = {MR_SCHEMA("shown_item", shown_fields)};

static const mr_field listed_fields[] = {SHOWN_FIELDS, SCORED_FIELDS};
static const mr_schema listed_schema = {MR_SCHEMA("listed_item", listed_fields)};

static const mr_field reason_fields[] = {
    {.name = "because",
     .kind = MR_FIELD_IDS,
     .flags = ALWAYS,
     .about = "the item of the history that carried most of the score"},
    {.name = "text", .kind = MR_FIELD_TEXT, .flags = ALWAYS},
};
static const mr_schema reason_schema = {MR_SCHEMA("reason", reason_fields)};

static const mr_field recommended_fields[] = {
    SHOWN_FIELDS,
    SCORED_FIELDS,
    {.name = "pinned", .kind = MR_FIELD_FLAG},
    {.name = "reason",
     .kind = MR_FIELD_OBJECT,
     .schema = &reason_schema,
     .about = "with explain"},
};
static const mr_schema recommended_schema = {
    MR_SCHEMA("recommended_item", recommended_fields)};

/* ---- Lists ---- */

static const char *const served_words[] = {"cache", "live", "fallback", NULL};
static const char *const fallback_words[] = {"session", "popular", "trending", "static",
                                             NULL};

#define FACTS                                                                            \
    {.name = "model_version", .kind = MR_FIELD_TEXT},                                    \
        {.name = "profile_as_of", .kind = MR_FIELD_TIME},                                \
        {.name = "served_from",                                                          \
         .kind = MR_FIELD_WORD,                                                          \
         .flags = ALWAYS,                                                                \
         .words = served_words},                                                         \
        {.name = "degraded", .kind = MR_FIELD_FLAG, .flags = ALWAYS},                    \
        {.name = "degraded_reason",                                                      \
         .kind = MR_FIELD_TEXT,                                                          \
         .about = "what should work and does not: model, cache, log, owner"},            \
    {                                                                                    \
        .name = "took_us", .kind = MR_FIELD_INTEGER, .flags = ALWAYS                     \
    }

#define RECOMMENDATIONS(required)                                                        \
    {.name = "recommendation_id",                                                        \
     .kind = MR_FIELD_TEXT,                                                              \
     .flags = (required) | MR_NULLABLE,                                                  \
     .about = "goes into the events that follow from what was shown"},                   \
        {.name = "items",                                                                \
         .kind = MR_FIELD_OBJECTS,                                                       \
         .flags = (required),                                                            \
         .schema = &recommended_schema},                                                 \
        {.name = "placement", .kind = MR_FIELD_TEXT, .flags = (required)},               \
        {.name = "session_id", .kind = MR_FIELD_TEXT},                                   \
        {.name = "page", .kind = MR_FIELD_INTEGER, .about = "from the second one on"},   \
        {.name = "next",                                                                 \
         .kind = MR_FIELD_TEXT,                                                          \
         .about = "asks for the next page, when there may be one"},                      \
    {                                                                                    \
        .name = "fallback", .kind = MR_FIELD_WORD, .words = fallback_words,              \
        .about = "the answer is not personal; what it is instead"                        \
    }

static const mr_field recommendations_fields[] = {RECOMMENDATIONS(ALWAYS), FACTS};
const mr_schema mr_answer_recommendations = {
    MR_SCHEMA("recommendations", recommendations_fields)};

static const mr_field neighbours_fields[] = {
    {.name = "item", .kind = MR_FIELD_OBJECT, .flags = ALWAYS, .schema = &shown_schema},
    {.name = "items",
     .kind = MR_FIELD_OBJECTS,
     .flags = ALWAYS,
     .schema = &listed_schema},
    {.name = "model_version", .kind = MR_FIELD_TEXT, .flags = ALWAYS},
    {.name = "took_us", .kind = MR_FIELD_INTEGER, .flags = ALWAYS},
};
const mr_schema mr_answer_neighbours = {MR_SCHEMA("neighbours", neighbours_fields)};

static const mr_field list_fields[] = {
    {.name = "kind", .kind = MR_FIELD_TEXT, .flags = ALWAYS},
    {.name = "window", .kind = MR_FIELD_TEXT},
    {.name = "category", .kind = MR_FIELD_TEXT},
    {.name = "items",
     .kind = MR_FIELD_OBJECTS,
     .flags = ALWAYS,
     .schema = &listed_schema},
    {.name = "took_us", .kind = MR_FIELD_INTEGER, .flags = ALWAYS},
};
const mr_schema mr_answer_list = {MR_SCHEMA("list", list_fields)};

static const mr_field new_fields[] = {
    {.name = "items", .kind = MR_FIELD_OBJECTS, .flags = ALWAYS, .schema = &shown_schema},
    {.name = "took_us", .kind = MR_FIELD_INTEGER, .flags = ALWAYS},
};
const mr_schema mr_answer_new = {MR_SCHEMA("new_items", new_fields)};

static const mr_field found_item_fields[] = {
    SHOWN_FIELDS,
    {.name = "hidden",
     .kind = MR_FIELD_FLAG,
     .flags = ALWAYS,
     .about = "or sold out: not shown in any list"},
};
static const mr_schema found_item_schema = {MR_SCHEMA("found_item", found_item_fields)};
static const mr_field found_fields[] = {
    {.name = "items",
     .kind = MR_FIELD_OBJECTS,
     .flags = ALWAYS,
     .schema = &found_item_schema},
    {.name = "took_us", .kind = MR_FIELD_INTEGER, .flags = ALWAYS},
};
const mr_schema mr_answer_found = {MR_SCHEMA("found_items", found_fields)};

/* ---- Rank and batch ---- */

static const char *const rank_fallback_words[] = {"session", "given_order", NULL};
static const char *const why_words[] = {
    "hidden",   "out_of_stock", "excluded", "purchased",
    "filtered", "buried",       "capped",   NULL};

static const mr_field ranked_fields[] = {
    SHOWN_FIELDS,
    {.name = "score",
     .kind = MR_FIELD_NUMBER,
     .flags = ALWAYS | MR_NULLABLE,
     .about = "null for an item that the model does not know"},
    {.name = "source", .kind = MR_FIELD_WORD, .flags = ALWAYS, .words = source_words},
    {.name = "position_before",
     .kind = MR_FIELD_INTEGER,
     .flags = ALWAYS,
     .about = "in the request, from 1"},
    {.name = "pinned", .kind = MR_FIELD_FLAG},
    {.name = "reason", .kind = MR_FIELD_OBJECT, .schema = &reason_schema},
};
static const mr_schema ranked_schema = {MR_SCHEMA("ranked_item", ranked_fields)};

static const mr_field left_out_fields[] = {
    {.name = "id", .kind = MR_FIELD_ID, .flags = ALWAYS},
    {.name = "why", .kind = MR_FIELD_WORD, .flags = ALWAYS, .words = why_words},
};
static const mr_schema left_out_schema = {MR_SCHEMA("left_out_item", left_out_fields)};

static const mr_field rank_fields[] = {
    {.name = "items",
     .kind = MR_FIELD_OBJECTS,
     .flags = ALWAYS,
     .schema = &ranked_schema},
    {.name = "left_out",
     .kind = MR_FIELD_OBJECTS,
     .flags = ALWAYS,
     .schema = &left_out_schema},
    {.name = "fallback", .kind = MR_FIELD_WORD, .words = rank_fallback_words},
    FACTS,
};
const mr_schema mr_answer_rank = {MR_SCHEMA("ranking", rank_fields)};

static const mr_field batch_answer_fields[] = {
    {.name = "status",
     .kind = MR_FIELD_INTEGER,
     .flags = ALWAYS,
     .least = 200,
     .most = 599},
    {.name = "errors", .kind = MR_FIELD_OBJECTS, .schema = &error_schema},
    RECOMMENDATIONS(0),
    {.name = "model_version", .kind = MR_FIELD_TEXT},
    {.name = "profile_as_of", .kind = MR_FIELD_TIME},
    {.name = "served_from", .kind = MR_FIELD_WORD, .words = served_words},
    {.name = "degraded", .kind = MR_FIELD_FLAG},
    {.name = "degraded_reason", .kind = MR_FIELD_TEXT},
    {.name = "took_us", .kind = MR_FIELD_INTEGER},
};
static const mr_schema batch_answer_schema = {
    MR_SCHEMA("batch_answer", batch_answer_fields),
    .about = "status 200 with the members of recommendations, or another with errors"};
static const mr_field batch_fields[] = {
    {.name = "answers",
     .kind = MR_FIELD_OBJECTS,
     .flags = ALWAYS,
     .schema = &batch_answer_schema,
     .about = "in the order of the requests"},
    {.name = "took_us", .kind = MR_FIELD_INTEGER, .flags = ALWAYS},
};
const mr_schema mr_answer_batch = {MR_SCHEMA("batch_answers", batch_fields)};

/* ---- Writes ---- */

static const mr_field written_fields[] = {
    {.name = "id", .kind = MR_FIELD_TEXT, .flags = ALWAYS},
    {.name = "status",
     .kind = MR_FIELD_INTEGER,
     .flags = ALWAYS,
     .least = 202,
     .most = 202},
};
const mr_schema mr_answer_written = {MR_SCHEMA("written_item", written_fields)};

static const mr_field verdict_fields[] = {
    {.name = "id", .kind = MR_FIELD_TEXT},
    {.name = "status",
     .kind = MR_FIELD_INTEGER,
     .flags = ALWAYS,
     .least = 202,
     .most = 413},
    {.name = "field", .kind = MR_FIELD_TEXT},
    {.name = "message", .kind = MR_FIELD_TEXT},
};
static const mr_schema verdict_schema = {MR_SCHEMA("item_verdict", verdict_fields)};
static const mr_field items_written_fields[] = {
    {.name = "accepted", .kind = MR_FIELD_INTEGER, .flags = ALWAYS},
    {.name = "rejected", .kind = MR_FIELD_INTEGER, .flags = ALWAYS},
    {.name = "items",
     .kind = MR_FIELD_OBJECTS,
     .flags = ALWAYS,
     .schema = &verdict_schema},
};
const mr_schema mr_answer_items_written = {
    MR_SCHEMA("written_items", items_written_fields)};

static const mr_field event_verdict_fields[] = {
    {.name = "status",
     .kind = MR_FIELD_INTEGER,
     .flags = ALWAYS,
     .least = 202,
     .most = 400},
    {.name = "event_id",
     .kind = MR_FIELD_TEXT,
     .about = "or messageId; ours when it had none"},
    {.name = "field", .kind = MR_FIELD_TEXT},
    {.name = "message", .kind = MR_FIELD_TEXT},
};
static const mr_schema event_verdict_schema = {
    MR_SCHEMA("event_verdict", event_verdict_fields)};
static const mr_field events_fields[] = {
    {.name = "accepted", .kind = MR_FIELD_INTEGER, .flags = ALWAYS},
    {.name = "rejected", .kind = MR_FIELD_INTEGER, .flags = ALWAYS},
    {.name = "events",
     .kind = MR_FIELD_OBJECTS,
     .flags = ALWAYS,
     .schema = &event_verdict_schema},
};
const mr_schema mr_answer_events = {MR_SCHEMA("event_verdicts", events_fields)};

/* ---- The rest ---- */

static const mr_field placement_fields[] = {
    {.name = "name", .kind = MR_FIELD_TEXT, .flags = ALWAYS},
    {.name = "n", .kind = MR_FIELD_INTEGER, .flags = ALWAYS},
    {.name = "purchased",
     .kind = MR_FIELD_TEXT,
     .flags = ALWAYS,
     .about = "always, never or hide_for 30d"},
    {.name = "diversity", .kind = MR_FIELD_NUMBER},
    {.name = "filter", .kind = MR_FIELD_ANY, .about = "as configured"},
    {.name = "rules", .kind = MR_FIELD_ANY, .about = "as configured"},
    {.name = "fields", .kind = MR_FIELD_ANY, .about = "as configured"},
};
static const mr_schema placement_schema = {MR_SCHEMA("placement", placement_fields),
                                           .is_open = true};
static const mr_field placements_fields[] = {
    {.name = "placements",
     .kind = MR_FIELD_OBJECTS,
     .flags = ALWAYS,
     .schema = &placement_schema,
     .about = "the first is the default"},
};
const mr_schema mr_answer_placements = {MR_SCHEMA("placements", placements_fields)};

static const mr_field rfm_fields[] = {
    {.name = "r", .kind = MR_FIELD_INTEGER, .flags = ALWAYS, .least = 1, .most = 5},
    {.name = "f", .kind = MR_FIELD_INTEGER, .flags = ALWAYS, .least = 1, .most = 5},
    {.name = "m", .kind = MR_FIELD_INTEGER, .flags = ALWAYS, .least = 1, .most = 5},
};
static const mr_schema rfm_schema = {MR_SCHEMA("rfm_scores", rfm_fields)};

static const mr_field profile_fields[] = {
    {.name = "user_id", .kind = MR_FIELD_TEXT},
    {.name = "anonymous_id", .kind = MR_FIELD_TEXT, .about = "where there is no user_id"},
    {.name = "anonymous", .kind = MR_FIELD_FLAG, .flags = ALWAYS},
    {.name = "as_of", .kind = MR_FIELD_TIME, .flags = ALWAYS},
    {.name = "rfm_scores",
     .kind = MR_FIELD_OBJECT,
     .flags = MR_NULLABLE,
     .schema = &rfm_schema,
     .about = "the fifths of all customers by recency, orders and net spend; 5 the best"},
    {.name = "rfm_segment", .kind = MR_FIELD_TEXT, .flags = MR_NULLABLE},
    {.name = "segments",
     .kind = MR_FIELD_TEXTS,
     .flags = MR_NULLABLE,
     .about = "those of the plan's that the user is in"},
    {.name = "thresholds_as_of",
     .kind = MR_FIELD_TIME,
     .flags = MR_NULLABLE,
     .about = "when the fifths were taken; null: not yet"},
};
const mr_schema mr_answer_profile = {
    MR_SCHEMA("profile", profile_fields), .is_open = true,
    .about = "the features of the plan, and what models say of the user"};

static const mr_field alert_fields[] = {
    {.name = "user_id", .kind = MR_FIELD_TEXT},
};
static const mr_schema alert_schema = {MR_SCHEMA("alert", alert_fields), .is_open = true};
static const mr_field alerts_fields[] = {
    {.name = "alerts",
     .kind = MR_FIELD_OBJECTS,
     .flags = ALWAYS,
     .schema = &alert_schema},
    {.name = "next",
     .kind = MR_FIELD_TEXT,
     .flags = ALWAYS,
     .about = "`since` of the next request"},
};
const mr_schema mr_answer_alerts = {MR_SCHEMA("alerts", alerts_fields)};

static const mr_field scope_fields[] = {
    {.name = "counted", .kind = MR_FIELD_INTEGER, .flags = ALWAYS},
    {.name = "of", .kind = MR_FIELD_INTEGER, .flags = ALWAYS},
};
static const mr_schema scope_schema = {MR_SCHEMA("counted_partitions", scope_fields)};

#define SCOPE_FIELDS                                                                     \
    {.name = "as_of", .kind = MR_FIELD_TIME, .flags = ALWAYS},                           \
        {.name = "time_zone", .kind = MR_FIELD_TEXT, .flags = ALWAYS},                   \
    {                                                                                    \
        .name = "partitions", .kind = MR_FIELD_OBJECT, .flags = ALWAYS,                  \
        .schema = &scope_schema                                                          \
    }

static const mr_field counted_fields[] = {SCOPE_FIELDS};
const mr_schema mr_answer_counted = {
    MR_SCHEMA("counted", counted_fields), .is_open = true,
    .about = "the modes of the numbers, and the numbers"};

static const mr_field trend_fields[] = {
    {.name = "id", .kind = MR_FIELD_ID, .flags = ALWAYS},
    {.name = "score", .kind = MR_FIELD_NUMBER, .flags = ALWAYS},
};
static const mr_schema trend_schema = {MR_SCHEMA("trend", trend_fields)};
#define TREND_LIST_FIELD(list)                                                           \
    {                                                                                    \
        .name = list, .kind = MR_FIELD_OBJECTS, .flags = ALWAYS, .schema = &trend_schema \
    }
static const mr_field category_trends_fields[] = {
    TREND_LIST_FIELD("rising"), TREND_LIST_FIELD("hot"), TREND_LIST_FIELD("popular")};
static const mr_schema category_trends_schema = {
    MR_SCHEMA("category_trends", category_trends_fields),
    .about = "the id of each is the category"};
static const mr_field trends_fields[] = {
    {.name = "as_of", .kind = MR_FIELD_TIME, .about = "absent: nothing was counted yet"},
    {.name = "partitions",
     .kind = MR_FIELD_OBJECT,
     .flags = ALWAYS,
     .schema = &scope_schema},
    {.name = "rising_is", .kind = MR_FIELD_TEXT, .flags = ALWAYS},
    TREND_LIST_FIELD("rising"),
    TREND_LIST_FIELD("hot"),
    TREND_LIST_FIELD("popular"),
    {.name = "categories",
     .kind = MR_FIELD_OBJECT,
     .flags = ALWAYS,
     .schema = &category_trends_schema},
};
const mr_schema mr_answer_trends = {MR_SCHEMA("trends", trends_fields)};

static const mr_field audience_fields[] = {
    {.name = "name", .kind = MR_FIELD_TEXT, .flags = ALWAYS},
    {.name = "users", .kind = MR_FIELD_INTEGER, .flags = ALWAYS},
    {.name = "meaning", .kind = MR_FIELD_TEXT, .flags = ALWAYS},
};
static const mr_schema audience_schema = {MR_SCHEMA("audience", audience_fields)};
static const mr_field audiences_fields[] = {
    SCOPE_FIELDS,
    {.name = "audiences",
     .kind = MR_FIELD_OBJECTS,
     .flags = ALWAYS,
     .schema = &audience_schema},
};
const mr_schema mr_answer_audiences = {
    MR_SCHEMA("audiences", audiences_fields), .is_open = true,
    .about = "with the thresholds of the quintiles and their version"};

static const mr_field member_fields[] = {
    {.name = "user_id", .kind = MR_FIELD_TEXT, .flags = ALWAYS},
};
static const mr_schema member_schema = {MR_SCHEMA("member", member_fields),
                                        .is_open = true};
static const mr_field members_fields[] = {
    {.name = "audience", .kind = MR_FIELD_TEXT, .flags = ALWAYS},
    {.name = "members",
     .kind = MR_FIELD_OBJECTS,
     .flags = ALWAYS,
     .schema = &member_schema},
    {.name = "next",
     .kind = MR_FIELD_TEXT,
     .flags = ALWAYS | MR_NULLABLE,
     .about = "`since` of the next request; null: that was all"},
};
const mr_schema mr_answer_members = {MR_SCHEMA("members", members_fields)};

static const mr_field overview_fields[] = {
    {.name = "served_from_cache", .kind = MR_FIELD_INTEGER, .flags = ALWAYS},
    {.name = "served_live", .kind = MR_FIELD_INTEGER, .flags = ALWAYS},
    {.name = "served_fallback", .kind = MR_FIELD_INTEGER, .flags = ALWAYS},
    {.name = "cache_hit_share", .kind = MR_FIELD_NUMBER, .flags = ALWAYS | MR_NULLABLE},
    {.name = "degraded_share", .kind = MR_FIELD_NUMBER, .flags = ALWAYS | MR_NULLABLE},
    {.name = "cache_down", .kind = MR_FIELD_FLAG, .flags = ALWAYS},
    {.name = "catalogue_items", .kind = MR_FIELD_INTEGER, .flags = ALWAYS},
    {.name = "model_version", .kind = MR_FIELD_TEXT, .flags = ALWAYS | MR_NULLABLE},
};
const mr_schema mr_answer_overview = {MR_SCHEMA("overview", overview_fields),
                                      .is_open = true};

static const mr_field health_fields[] = {
    {.name = "status", .kind = MR_FIELD_TEXT, .flags = ALWAYS},
    {.name = "version", .kind = MR_FIELD_TEXT, .flags = ALWAYS},
};
const mr_schema mr_answer_health = {MR_SCHEMA("health", health_fields)};

static const mr_field check_fields[] = {
    {.name = "name", .kind = MR_FIELD_TEXT, .flags = ALWAYS},
    {.name = "ready", .kind = MR_FIELD_FLAG, .flags = ALWAYS},
    {.name = "detail", .kind = MR_FIELD_TEXT, .flags = ALWAYS},
};
static const mr_schema check_schema = {MR_SCHEMA("readiness_check", check_fields)};
static const mr_field readiness_fields[] = {
    {.name = "ready", .kind = MR_FIELD_FLAG, .flags = ALWAYS},
    {.name = "checks",
     .kind = MR_FIELD_OBJECTS,
     .flags = ALWAYS,
     .schema = &check_schema},
};
const mr_schema mr_answer_readiness = {MR_SCHEMA("readiness", readiness_fields)};

static const mr_field document_fields[] = {
    {.name = "openapi", .kind = MR_FIELD_TEXT, .flags = ALWAYS},
};
const mr_schema mr_answer_document = {MR_SCHEMA("openapi", document_fields),
                                      .is_open = true};
