#include "serving/api_call.h"
#include "serving/recommend.h"

#include <stdio.h>

/* What the caller asked for, its texts in the arena or in `json`. */
typedef struct asked {
    mr_recommend_request request;
    mr_text placement;
    int64_t n; /* 0: the placement's */
    bool explain;
    mr_json *json;    /* of a POST */
    mr_text *exclude; /* of the arena, when there are any */
    mr_text *context;
} asked;

static mr_status invalid(mr_api_call *call, mr_text field, const char *message)
{
    mr_field_error_set(&call->error, field, "%s", message);
    return MR_ERR_INVALID;
}

static mr_status read_query(mr_api_call *call, asked *a)
{
    (void)mr_api_take(call, "placement", &a->placement);
    MR_TRY(mr_api_take_number(call, "n", 1, MR_PLACEMENT_N_MAX, &a->n));
    MR_TRY(mr_api_take_flag(call, "explain", &a->explain));
    MR_TRY(mr_api_take_ids(call, "exclude", MR_API_IDS_MAX, &a->exclude,
                           &a->request.exclude_count));
    return mr_api_take_ids(call, "items", MR_API_CONTEXT_MAX, &a->context,
                           &a->request.context_count);
}

static mr_status read_ids(mr_api_call *call, const char *field, mr_json_value *value,
                          size_t most, mr_text **ids, size_t *count)
{
    if (!mr_json_is_array(value))
        return invalid(call, mr_text_from(field), "must be an array of ids");
    if (mr_json_count(value) > most) {
        mr_field_error_set(&call->error, mr_text_from(field), "has more than %zu ids",
                           most);
        return MR_ERR_INVALID;
    }
    *ids = mr_arena_allocate(call->worker->arena, mr_json_count(value) * sizeof(**ids));
    if (*ids == NULL)
        return MR_ERR_NO_MEMORY;
    *count = 0;
    for (size_t i = 0; i < mr_json_count(value); i++) {
        const mr_text id = mr_json_text(mr_json_at(value, i), (mr_text){0});
        char element[32];
        (void)snprintf(element, sizeof(element), "%s[%zu]", field, i);
        MR_TRY(mr_api_check_id(call, element, id));
        (*ids)[(*count)++] = id;
    }
    return MR_OK;
}

static mr_status read_member(mr_api_call *call, asked *a, mr_text name,
                             mr_json_value *value)
{
    if (mr_text_is(name, "n")) {
        a->n = mr_json_int(value, 0);
        return a->n >= 1 && a->n <= MR_PLACEMENT_N_MAX
                   ? MR_OK
                   : invalid(call, name, "must be 1 to 100");
    }
    if (mr_text_is(name, "explain")) {
        a->explain = mr_json_bool(value, false);
        return mr_json_is_bool(value) ? MR_OK
                                      : invalid(call, name, "must be true or false");
    }
    if (mr_text_is(name, "placement")) {
        a->placement = mr_json_text(value, (mr_text){0});
        return a->placement.length > 0
                   ? MR_OK
                   : invalid(call, name, "must be the name of a placement");
    }
    if (mr_text_is(name, "exclude"))
        return read_ids(call, "exclude", value, MR_API_IDS_MAX, &a->exclude,
                        &a->request.exclude_count);
    if (mr_text_is(name, "items"))
        return read_ids(call, "items", value, MR_API_CONTEXT_MAX, &a->context,
                        &a->request.context_count);
    return invalid(call, name, "is not a member of this request");
}

static mr_status read_body(mr_api_call *call, asked *a)
{
    mr_error error;
    if (call->request->body.length == 0)
        return MR_OK;
    if (mr_json_parse(call->request->body, &a->json, &error) != MR_OK)
        return invalid(call, MR_TEXT("body"), error.message);
    if (!mr_json_is_object(mr_json_root(a->json)))
        return invalid(call, MR_TEXT("body"), "must be a JSON object");
    size_t cursor = 0;
    mr_text name;
    mr_json_value *value;
    while (mr_json_next(mr_json_root(a->json), &cursor, &name, &value))
        MR_TRY(read_member(call, a, name, value));
    return MR_OK;
}

static mr_status read_request(mr_api_call *call, asked *a)
{
    MR_TRY(mr_api_check_id(call, "user_id", call->id));
    if (call->request->method == MR_HTTP_POST)
        MR_TRY(read_body(call, a));
    else
        MR_TRY(read_query(call, a));
    return mr_api_check_all_taken(call);
}

/* ---- The answer ---- */

static void put_reason_text(mr_json_writer *writer, const mr_candidate *item,
                            const mr_catalogue *catalogue)
{
    static const char *const phrases[MR_SOURCE_KINDS] = {
        [MR_SOURCE_ITEM_ITEM] = "bought with ", [MR_SOURCE_IALS] = "because of ",
        [MR_SOURCE_BLEND] = "because of ",      [MR_SOURCE_SESSION] = "goes with ",
        [MR_SOURCE_CONTENT] = "similar to ",    [MR_SOURCE_REPEAT] = "bought before: ",
    };
    static const char *const alone[MR_SOURCE_KINDS] = {
        [MR_SOURCE_POPULAR] = "popular",
        [MR_SOURCE_TRENDING] = "trending",
        [MR_SOURCE_REPEAT] = "bought before",
        [MR_SOURCE_PINNED] = "chosen by the shop",
    };
    const char *phrase = phrases[item->source];
    if (item->because.length == 0 || phrase == NULL) {
        mr_json_put_string(writer,
                           alone[item->source] != NULL ? alone[item->source] : "for you");
        return;
    }
    const mr_catalogue_item *because = mr_catalogue_find(catalogue, item->because);
    const mr_text title =
        because != NULL && because->title.length > 0 ? because->title : item->because;
    char text[256];
    const int length = snprintf(text, sizeof(text), "%s%.*s", phrase, MR_TEXT_ARG(title));
    /* A title cut inside a character would not be UTF-8: the writer mends it. */
    mr_json_put_text(writer,
                     (mr_text){text, length < (int)sizeof(text) ? (uint32_t)length
                                                                : sizeof(text) - 1});
}

static void put_reason(mr_json_writer *writer, const mr_candidate *item,
                       const mr_catalogue *catalogue)
{
    mr_json_key(writer, "reason");
    mr_json_begin_object(writer);
    mr_json_key(writer, "because");
    mr_json_begin_array(writer);
    if (item->because.length > 0)
        mr_json_put_text(writer, item->because);
    mr_json_end_array(writer);
    mr_json_key(writer, "text");
    put_reason_text(writer, item, catalogue);
    mr_json_end_object(writer);
}

static void put_items(mr_json_writer *writer, const mr_recommend_answer *answer,
                      const asked *a)
{
    const mr_catalogue *catalogue = a->request.catalogue;
    mr_json_key(writer, "items");
    mr_json_begin_array(writer);
    for (size_t i = 0; i < answer->count; i++) {
        const mr_candidate *item = &answer->items[i];
        mr_json_begin_object(writer);
        mr_api_put_item(writer, item->item_id,
                        mr_catalogue_find(catalogue, item->item_id));
        mr_json_key(writer, "score");
        mr_json_put_fixed(writer, (double)item->score, 6);
        mr_json_key(writer, "source");
        mr_json_put_string(writer, mr_source_name(item->source));
        if (a->explain)
            put_reason(writer, item, catalogue);
        mr_json_end_object(writer);
    }
    mr_json_end_array(writer);
}

static void put_recommendation_id(mr_api_call *call, mr_json_writer *writer,
                                  const mr_recommend_answer *answer,
                                  const mr_placement *placement)
{
    mr_recommendation_id id = {
        .placement = mr_recommendation_placement_hash(mr_text_from(placement->name)),
        .model = answer->has_view ? answer->view.hash : 0,
        .time_ms = mr_api_now_ms(call),
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

static void put_string(mr_json_writer *writer, const char *key, const char *value)
{
    if (value == NULL)
        return;
    mr_json_key(writer, key);
    mr_json_put_string(writer, value);
}

static void put_facts(mr_api_call *call, mr_json_writer *writer,
                      const mr_recommend_answer *answer, const mr_placement *placement)
{
    put_string(writer, "placement", placement->name);
    if (answer->has_view) {
        mr_json_key(writer, "model_version");
        mr_json_put_text(writer, answer->view.version);
    }
    if (answer->profile_as_of_ms > 0) {
        char time[MR_TIME_TEXT_BYTES];
        mr_time_to_text(answer->profile_as_of_ms, time);
        put_string(writer, "profile_as_of", time);
    }
    put_string(writer, "served_from", answer->served_from);
    put_string(writer, "fallback", answer->fallback);
    mr_json_key(writer, "degraded");
    mr_json_put_bool(writer, answer->degraded_reason != NULL);
    put_string(writer, "degraded_reason", answer->degraded_reason);
    mr_json_key(writer, "took_us");
    mr_json_put_int(writer, mr_api_elapsed_us(call));
}

static void count_answer(mr_api_metrics *metrics, const mr_recommend_answer *answer)
{
    _Atomic uint64_t *served = answer->served_from[0] == 'c' ? &metrics->served_cache
                               : answer->served_from[0] == 'l'
                                   ? &metrics->served_live
                                   : &metrics->served_fallback;
    mr_api_count(served, 1);
    mr_api_count(&metrics->degraded, answer->degraded_reason != NULL);
}

/* The second half: the user's values have come. */
static void finish(mr_api_call *call)
{
    asked *a = call->state;
    mr_recommend_answer answer;
    mr_snapshot *catalogue = mr_api_acquire_catalogue(call, &a->request.catalogue);
    mr_recommend(call, &a->request, &answer);
    count_answer(&call->api->metrics, &answer);
    if (!answer.was_proposed) {
        mr_api_write_failure(call, MR_ERR_UNAVAILABLE,
                             "there is no model, no cache and no list to serve from yet");
    } else {
        mr_json_writer writer = mr_api_begin(call);
        put_recommendation_id(call, &writer, &answer, a->request.placement);
        put_items(&writer, &answer, a);
        put_facts(call, &writer, &answer, a->request.placement);
        mr_json_end_object(&writer);
    }
    mr_recommend_release(call, &answer);
    mr_snapshot_release(catalogue);
    mr_json_destroy(a->json);
}

/* The first half: what is asked, and for whom. */
static mr_status read_call(mr_api_call *call, asked *a)
{
    MR_TRY(read_request(call, a));
    const mr_placement *placement = mr_placement_find(
        call->api->placements, call->api->options.placement_count, a->placement);
    if (placement == NULL)
        return MR_ERR_NOT_FOUND;
    a->request.user_id = call->id;
    a->request.placement = placement;
    a->request.n = a->n > 0 ? (uint32_t)a->n : placement->n;
    a->request.exclude = a->exclude;
    a->request.context = a->context;
    a->request.values = &call->user;
    return MR_OK;
}

void mr_api_recommendations(mr_api_call *call)
{
    asked *a = mr_arena_allocate(call->worker->arena, sizeof(*a));
    if (a == NULL) {
        mr_api_write_failure(call, MR_ERR_NO_MEMORY, "out of memory");
        return;
    }
    a->request = (mr_recommend_request){0};
    a->placement = (mr_text){0};
    a->n = 0;
    a->explain = false;
    a->json = NULL;
    a->exclude = a->context = NULL;
    const mr_status status = read_call(call, a);
    if (status == MR_OK) {
        mr_api_wait_for_user(call, call->id, finish, a);
        return;
    }
    if (status == MR_ERR_NOT_FOUND)
        mr_problem_write(call->response, 404, "there is no placement of that name");
    else if (status == MR_ERR_INVALID)
        mr_api_refuse(call);
    else
        mr_api_write_failure(call, status, "out of memory");
    mr_json_destroy(a->json);
}
