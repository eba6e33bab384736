#include "serving/api_recommendations.h"

#include "serving/api_show.h"
#include "serving/api_wishes.h"

#include <string.h>

enum { SESSION_ID_BYTES_MAX = 128, NAME_BYTES_MAX = MR_PLACEMENT_NAME_BYTES_MAX };
enum { NEXT_BYTES_MAX = MR_SHOWN_ITEMS_TEXT_BYTES - 1 };

#define BOTH (MR_IN_QUERY | MR_IN_BODY)

/* What every form of the request may say; `more_items` are further flags of `items`. */
#define ASKED_FIELDS(more_items, least_items)                                            \
    {.name = "placement",                                                                \
     .kind = MR_FIELD_TEXT,                                                              \
     .flags = BOTH,                                                                      \
     .offset = offsetof(mr_api_asked, placement_name),                                   \
     .least = 1,                                                                         \
     .most = NAME_BYTES_MAX,                                                             \
     .about = "a configured placement, whose rules hold; absent: the first one",         \
     .example = "\"home\""},                                                             \
        {.name = "n",                                                                    \
         .kind = MR_FIELD_INTEGER,                                                       \
         .flags = BOTH,                                                                  \
         .offset = offsetof(mr_api_asked, n),                                            \
         .least = 1,                                                                     \
         .most = MR_PLACEMENT_N_MAX,                                                     \
         .about = "items wanted; absent: the placement's",                               \
         .example = "5"},                                                                \
        {.name = "session_id",                                                           \
         .kind = MR_FIELD_TEXT,                                                          \
         .flags = BOTH,                                                                  \
         .offset = offsetof(mr_api_asked, session_id),                                   \
         .least = 1,                                                                     \
         .most = SESSION_ID_BYTES_MAX,                                                   \
         .about = "the visit; given back in the answer"},                                \
        {.name = "items",                                                                \
         .kind = MR_FIELD_IDS,                                                           \
         .flags = BOTH | (more_items),                                                   \
         .offset = offsetof(mr_api_asked, items),                                        \
         .least = (least_items),                                                         \
         .most = MR_API_CONTEXT_MAX,                                                     \
         .about = "the items in view or in the cart, newest first: they are scored "     \
                  "with what is known of the user, and not shown",                       \
         .example = "[\"85123A\"]"},                                                     \
        {.name = "exclude",                                                              \
         .kind = MR_FIELD_IDS,                                                           \
         .flags = BOTH,                                                                  \
         .offset = offsetof(mr_api_asked, exclude),                                      \
         .most = MR_API_IDS_MAX,                                                         \
         .about = "items not to show"},                                                  \
        {.name = "include",                                                              \
         .kind = MR_FIELD_IDS,                                                           \
         .flags = BOTH,                                                                  \
         .offset = offsetof(mr_api_asked, include),                                      \
         .most = MR_API_IDS_MAX,                                                         \
         .about = "only these may be shown"},                                            \
        MR_API_FILTER_FIELDS(mr_api_asked), MR_API_ORDER_FIELDS(mr_api_asked),           \
        {.name = "explain",                                                              \
         .kind = MR_FIELD_FLAG,                                                          \
         .flags = BOTH,                                                                  \
         .offset = offsetof(mr_api_asked, explain),                                      \
         .about = "true: each item says why it is there"},                               \
    {                                                                                    \
        .name = "next", .kind = MR_FIELD_TEXT, .flags = BOTH,                            \
        .offset = offsetof(mr_api_asked, next), .least = 1, .most = NEXT_BYTES_MAX,      \
        .about = "of the answer before: the next page, without what was shown; all "     \
                 "else but n as in the first request"                                    \
    }

#define USER_FIELD(what)                                                                 \
    {                                                                                    \
        .name = "user_id", .kind = MR_FIELD_ID, .flags = MR_IN_BODY,                     \
        .offset = offsetof(mr_api_asked, user_id), .about = (what)                       \
    }

static const mr_field asked_fields[] = {ASKED_FIELDS(0, 0)};
static const mr_field session_fields[] = {
    ASKED_FIELDS(MR_REQUIRED, 1),
    USER_FIELD("whose purchases and history count as well; absent: nobody's")};
static const mr_field element_fields[] = {
    ASKED_FIELDS(0, 0), USER_FIELD("the user; absent: a visit, which must have items")};

const mr_schema mr_api_asked_schema = {MR_SCHEMA("recommendation_request", asked_fields)};
const mr_schema mr_api_asked_session_schema = {
    MR_SCHEMA("session_request", session_fields)};
const mr_schema mr_api_asked_element_schema = {
    MR_SCHEMA("batch_element", element_fields)};

/* ---- Reading ---- */

static mr_status invalid(mr_api_call *call, const char *path, const char *name,
                         const char *message)
{
    char field[MR_SCHEMA_PATH_BYTES];
    mr_schema_path(path, mr_text_from(name), field);
    mr_field_error_set(&call->error, mr_text_from(field), "%s", message);
    return MR_ERR_INVALID;
}

void mr_api_asked_init(mr_api_asked *asked)
{
    memset(asked, 0, sizeof(*asked));
}

mr_status mr_api_asked_read(mr_api_call *call, const mr_schema *schema,
                            mr_json_value *object, const char *path, mr_api_asked *asked)
{
    mr_schema_reader reader = {.arena = call->worker->arena, .error = &call->error};
    return mr_schema_read_object(schema, object, path, &reader, asked);
}

/* The pages before this one, as the token has them. */
static mr_status read_next(mr_api_call *call, const char *path, mr_api_asked *asked)
{
    asked->shown = mr_arena_allocate(call->worker->arena, sizeof(*asked->shown));
    if (asked->shown == NULL)
        return MR_ERR_NO_MEMORY;
    if (asked->next.length == 0) {
        asked->shown->page = asked->shown->count = 0;
        return MR_OK;
    }
    const mr_status status =
        mr_shown_items_read(call->worker->signer, asked->next, asked->shown);
    return status == MR_ERR_CORRUPT
               ? invalid(call, path, "next", "must be the next of an answer of this shop")
               : status;
}

static mr_status merge_rules(mr_api_call *call, const char *path,
                             const mr_placement *placement, mr_api_asked *asked)
{
    const mr_status status = mr_rule_set_merge(&placement->rules, &asked->wishes.set,
                                               call->worker->arena, &asked->set);
    asked->fields = asked->wishes.fields != 0 ? asked->wishes.fields
                    : placement->fields != 0  ? placement->fields
                                              : MR_FIELDS_DEFAULT;
    return status == MR_ERR_FULL ? invalid(call, path, "attributes",
                                           "are too many with the placement's own")
                                 : status;
}

mr_status mr_api_asked_settle(mr_api_call *call, const char *path, mr_api_asked *asked)
{
    const mr_api *api = call->api;
    if (asked->user_id.length == 0 && asked->items.count == 0)
        return invalid(call, path, "items", "is missing, and there is no user_id either");
    const mr_placement *placement = mr_placement_find(
        api->placements, api->options.placement_count, asked->placement_name);
    if (placement == NULL) {
        (void)invalid(call, path, "placement", "is not the name of a placement");
        return MR_ERR_NOT_FOUND;
    }
    MR_TRY(merge_rules(call, path, placement, asked));
    MR_TRY(read_next(call, path, asked));
    asked->request = (mr_recommend_request){
        .user_id = asked->user_id,
        .placement = placement,
        .n = asked->n > 0 ? (uint32_t)asked->n : placement->n,
        .exclude = asked->exclude.texts,
        .exclude_count = asked->exclude.count,
        .context = asked->items.texts,
        .context_count = asked->items.count,
        .include = asked->include.texts,
        .include_count = asked->include.count,
        .rules = mr_rule_set_is_empty(&asked->set) ? NULL : &asked->set,
        .shown = asked->shown->count > 0 ? asked->shown : NULL,
    };
    return MR_OK;
}

/* ---- The answer ---- */

static void put_items(mr_json_writer *writer, const mr_recommend_answer *answer,
                      const mr_api_asked *asked)
{
    const mr_catalogue *catalogue = asked->request.catalogue;
    mr_json_key(writer, "items");
    mr_json_begin_array(writer);
    for (size_t i = 0; i < answer->count; i++) {
        const mr_candidate *item = &answer->items[i];
        mr_json_begin_object(writer);
        mr_api_show_item(writer, item->item_id, item->item, asked->fields);
        mr_api_show_score(writer, item->score, item->source);
        if (item->source == MR_SOURCE_PINNED)
            mr_api_show_flag(writer, "pinned", true);
        if (asked->explain)
            mr_api_show_reason(writer, item, catalogue);
        mr_json_end_object(writer);
    }
    mr_json_end_array(writer);
}

static void put_recommendation_id(mr_api_call *call, mr_json_writer *writer,
                                  const mr_recommend_answer *answer,
                                  const mr_placement *placement, uint32_t page)
{
    mr_recommendation_id id = {
        .placement = mr_recommendation_placement_hash(mr_text_from(placement->name)),
        .model = answer->has_view ? answer->view.hash : 0,
        .time_ms = mr_api_now_ms(call),
        .page = (uint8_t)page,
        .count = (uint8_t)answer->count,
    };
    for (size_t i = 0; i < answer->count; i++)
        id.sources[i] = answer->items[i].source;
    char text[MR_RECOMMENDATION_ID_TEXT_BYTES];
    mr_json_key(writer, "recommendation_id");
    if (mr_recommendation_id_write(call->worker->signer, &id, text) == MR_OK)
        mr_json_put_string(writer, text);
    else
        mr_json_put_null(writer);
}

static void put_facts(mr_api_call *call, mr_json_writer *writer,
                      const mr_recommend_answer *answer, const mr_api_asked *asked)
{
    mr_api_show_string(writer, "placement", asked->request.placement->name);
    mr_api_show_text(writer, "session_id", asked->session_id);
    if (answer->has_view) {
        mr_json_key(writer, "model_version");
        mr_json_put_text(writer, answer->view.version);
    }
    if (answer->profile_as_of_ms > 0) {
        char time[MR_TIME_TEXT_BYTES];
        mr_time_to_text(answer->profile_as_of_ms, time);
        mr_api_show_string(writer, "profile_as_of", time);
    }
    mr_api_show_string(writer, "served_from", answer->served_from);
    mr_api_show_string(writer, "fallback", answer->fallback);
    mr_api_show_flag(writer, "degraded", answer->degraded_reason != NULL);
    mr_api_show_string(writer, "degraded_reason", answer->degraded_reason);
    mr_api_show_number(writer, "took_us", mr_api_elapsed_us(call));
}

void mr_api_count_recommendations(mr_api *api, const mr_recommend_answer *answer)
{
    mr_api_metrics *metrics = &api->metrics;
    _Atomic uint64_t *served = answer->served_from[0] == 'c' ? &metrics->served_cache
                               : answer->served_from[0] == 'l'
                                   ? &metrics->served_live
                                   : &metrics->served_fallback;
    mr_api_count(served, 1);
    mr_api_count(&metrics->degraded, answer->degraded_reason != NULL);
}

/* The next page's token, when this one is full and what was shown fits into one. */
static void put_next(mr_api_call *call, mr_json_writer *writer, mr_api_asked *asked,
                     const mr_recommend_answer *answer)
{
    mr_text ids[MR_PLACEMENT_N_MAX];
    char text[MR_SHOWN_ITEMS_TEXT_BYTES];
    if (asked->shown->page > 0)
        mr_api_show_number(writer, "page", asked->shown->page);
    if (answer->count < asked->request.n)
        return;
    for (size_t i = 0; i < answer->count; i++)
        ids[i] = answer->items[i].item_id;
    if (mr_shown_items_add_page(asked->shown, &call->api->key, ids, answer->count) ==
            MR_OK &&
        mr_shown_items_write(call->worker->signer, asked->shown, text) == MR_OK)
        mr_api_show_string(writer, "next", text);
}

void mr_api_asked_write(mr_api_call *call, mr_json_writer *writer, mr_api_asked *asked,
                        const mr_recommend_answer *answer)
{
    put_recommendation_id(call, writer, answer, asked->request.placement,
                          asked->shown->page);
    put_items(writer, answer, asked);
    put_next(call, writer, asked, answer);
    put_facts(call, writer, answer, asked);
}

/* ---- A call of its own ---- */

/* A request and the document it borrows from, from the reading to the answer. */
typedef struct pending {
    mr_api_asked asked;
    mr_recommend_answer answer;
    mr_json *json;
} pending;

/* The second half: the user's values have come. */
static void finish(mr_api_call *call)
{
    pending *p = call->state;
    mr_snapshot *catalogue =
        mr_api_acquire_catalogue(call->api, &p->asked.request.catalogue);
    mr_recommend(call, &p->asked.request, &p->answer);
    mr_api_count_recommendations(call->api, &p->answer);
    if (!p->answer.was_proposed) {
        mr_api_write_failure(call, MR_ERR_UNAVAILABLE,
                             "there is no model, no cache and no list to serve from yet");
    } else {
        mr_json_writer writer = mr_api_begin(call);
        mr_api_asked_write(call, &writer, &p->asked, &p->answer);
        mr_json_end_object(&writer);
    }
    mr_recommend_release(call, &p->answer);
    mr_snapshot_release(catalogue);
    mr_json_destroy(p->json);
}

static mr_status read_request(mr_api_call *call, const mr_schema *schema, pending *p)
{
    const bool is_post = call->request->method == MR_HTTP_POST;
    MR_TRY(mr_api_read_query(call, is_post ? NULL : schema, &p->asked));
    if (is_post && call->request->body.length > 0) {
        MR_TRY(mr_api_parse_body(call, false, &p->json));
        MR_TRY(mr_api_asked_read(call, schema, mr_json_root(p->json), "", &p->asked));
    }
    return mr_api_asked_settle(call, "", &p->asked);
}

/* The first half: what is asked, and for whom. */
static void ask(mr_api_call *call, const mr_schema *schema)
{
    pending *p = mr_arena_allocate(call->worker->arena, sizeof(*p));
    if (p == NULL) {
        mr_api_write_unread(call, MR_ERR_NO_MEMORY);
        return;
    }
    mr_api_asked_init(&p->asked);
    p->asked.user_id = call->id;
    p->json = NULL;
    const mr_status status = read_request(call, schema, p);
    if (status == MR_OK) {
        p->asked.request.values = p->asked.user_id.length > 0 ? &call->user : NULL;
        mr_api_wait_for_user(call, p->asked.user_id, finish, p);
    } else {
        mr_api_write_unread(call, status);
        mr_json_destroy(p->json);
    }
}

void mr_api_recommendations(mr_api_call *call)
{
    if (mr_api_check_id(call, "user_id", call->id) != MR_OK)
        mr_api_refuse(call);
    else
        ask(call, &mr_api_asked_schema);
}

void mr_api_session(mr_api_call *call)
{
    ask(call, &mr_api_asked_session_schema);
}
