#include "serving/api_recommendations.h"
#include "serving/api_requests.h"
#include "serving/api_show.h"

#include <stdio.h>

enum { BATCH_MAX = 100 };
_Static_assert((int)BATCH_MAX <= (int)MR_HTTP_WAITING_MAX, "one look-up is enough");

typedef struct batch_request {
    mr_json_value *requests;
} batch_request;

static const mr_field batch_fields[] = {
    {.name = "requests",
     .kind = MR_FIELD_VALUES,
     .flags = MR_IN_BODY | MR_REQUIRED | MR_LENIENT,
     .offset = offsetof(batch_request, requests),
     .least = 1,
     .most = BATCH_MAX,
     .schema = &mr_api_asked_element_schema,
     .about = "each is read and answered by itself",
     .example = "[{\"user_id\":\"17850\",\"n\":3},{\"items\":[\"85123A\"]}]"},
};
const mr_schema mr_api_batch_schema = {MR_SCHEMA("batch_request", batch_fields)};

/* A request of the batch. */
typedef struct element {
    mr_api_asked asked;
    mr_user_values values;
    int status; /* 200: to be answered */
    mr_field_error error;
} element;

typedef struct batch {
    mr_api_call *call;
    mr_json *json;
    element *elements;
    size_t count;
    const mr_catalogue *catalogue;
} batch;

/* What is wrong with an element is its own matter; only lack of memory ends the batch. */
static mr_status read_element(batch *b, mr_json_value *value, size_t index, element *e)
{
    char path[MR_SCHEMA_PATH_BYTES];
    (void)snprintf(path, sizeof(path), "requests[%zu]", index);
    mr_api_call *call = b->call;
    mr_api_asked_init(&e->asked);
    mr_status status = MR_ERR_INVALID;
    if (mr_json_is_object(value))
        status =
            mr_api_asked_read(call, &mr_api_asked_element_schema, value, path, &e->asked);
    else
        mr_field_error_set(&call->error, mr_text_from(path), "must be a JSON object");
    if (status == MR_OK)
        status = mr_api_asked_settle(call, path, &e->asked);
    e->status = status == MR_OK ? 200 : status == MR_ERR_NOT_FOUND ? 404 : 400;
    if (e->status != 200)
        e->error = call->error;
    return status == MR_ERR_INVALID || status == MR_ERR_NOT_FOUND ? MR_OK : status;
}

static mr_status read_batch(batch *b)
{
    batch_request request = {0};
    mr_schema_reader reader = {.arena = b->call->worker->arena, .error = &b->call->error};
    MR_TRY(mr_api_read_query(b->call, NULL, NULL));
    MR_TRY(mr_api_parse_body(b->call, false, &b->json));
    MR_TRY(mr_schema_read_object(&mr_api_batch_schema, mr_json_root(b->json), "", &reader,
                                 &request));
    b->count = mr_json_count(request.requests);
    b->elements = mr_arena_allocate(reader.arena, b->count * sizeof(element));
    if (b->elements == NULL)
        return MR_ERR_NO_MEMORY;
    for (size_t i = 0; i < b->count; i++)
        MR_TRY(read_element(b, mr_json_at(request.requests, i), i, &b->elements[i]));
    return MR_OK;
}

/* The values of all users, in one question. */
static void look_up(batch *b)
{
    mr_user_values *users[BATCH_MAX];
    size_t count = 0;
    for (size_t i = 0; i < b->count; i++) {
        element *e = &b->elements[i];
        if (e->status != 200 || e->asked.user_id.length == 0)
            continue;
        e->values.user_id = e->asked.user_id;
        e->values.user = mr_hash_user(&b->call->api->key, e->asked.user_id);
        e->asked.request.values = &e->values;
        users[count++] = &e->values;
    }
    if (count > 0)
        mr_api_look_up(b->call->api, b->call->worker, users, count);
}

static void put_error(mr_json_writer *writer, int status, const mr_field_error *error)
{
    mr_api_show_number(writer, "status", status);
    mr_json_key(writer, "errors");
    mr_json_begin_array(writer);
    mr_json_begin_object(writer);
    mr_api_show_string(writer, "field", error->field);
    mr_api_show_string(writer, "message", error->message);
    mr_json_end_object(writer);
    mr_json_end_array(writer);
}

static void answer_element(batch *b, mr_json_writer *writer, size_t index, element *e,
                           mr_recommend_answer *answer)
{
    mr_json_begin_object(writer);
    if (e->status == 200) {
        e->asked.request.catalogue = b->catalogue;
        mr_recommend(b->call, &e->asked.request, answer);
        mr_api_count_recommendations(b->call->api, answer);
        if (answer->was_proposed) {
            mr_api_show_number(writer, "status", 200);
            mr_api_asked_write(b->call, writer, &e->asked, answer);
        } else {
            char path[MR_SCHEMA_PATH_BYTES];
            (void)snprintf(path, sizeof(path), "requests[%zu]", index);
            mr_field_error_set(&e->error, mr_text_from(path),
                               "has no model, no cache and no list to serve from yet");
            put_error(writer, 503, &e->error);
        }
        mr_recommend_release(b->call, answer);
    } else {
        put_error(writer, e->status, &e->error);
    }
    mr_json_end_object(writer);
}

static void answer_batch(batch *b, mr_recommend_answer *answer)
{
    mr_snapshot *snapshot = mr_api_acquire_catalogue(b->call->api, &b->catalogue);
    mr_json_writer writer = mr_api_begin(b->call);
    mr_json_key(&writer, "answers");
    mr_json_begin_array(&writer);
    for (size_t i = 0; i < b->count; i++)
        answer_element(b, &writer, i, &b->elements[i], answer);
    mr_json_end_array(&writer);
    mr_api_show_number(&writer, "took_us", mr_api_elapsed_us(b->call));
    mr_json_end_object(&writer);
    mr_snapshot_release(snapshot);
}

void mr_api_batch(mr_api_call *call)
{
    batch b = {.call = call};
    mr_recommend_answer *answer = NULL;
    mr_status status = read_batch(&b);
    if (status == MR_OK) {
        answer = mr_arena_allocate(call->worker->arena, sizeof(*answer));
        status = answer != NULL ? MR_OK : MR_ERR_NO_MEMORY;
    }
    if (status == MR_OK) {
        look_up(&b);
        answer_batch(&b, answer);
    } else {
        mr_api_write_unread(call, status);
    }
    mr_json_destroy(b.json);
}
