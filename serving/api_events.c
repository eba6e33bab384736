#include "serving/api_call.h"

#include "core/event.h"
#include "serving/api_requests.h"
#include "serving/json_slice.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum {
    EVENTS_MAX = 1000,
    ERRORS_MAX = 20, /* named in a 400 */
    ID_RANDOM_BYTES = 16,
    ID_TEXT_BYTES = 2 + 2 * ID_RANDOM_BYTES + 1,
    ID_MEMBER_BYTES = 64, /* such an id with its name */
};

/* What a dialect calls the members that an answer is about. */
typedef struct dialect {
    const char *event_id;
    const char *user_id;
    const char *anonymous_id;
    const char *no_user;
} dialect;

static const dialect native = {"event_id", "user_id", "anonymous_id",
                               "or anonymous_id must be a string of 1 to 128 bytes"};
static const dialect segment = {"messageId", "userId", "anonymousId",
                                "or anonymousId must be a string of 1 to 128 bytes"};

/* One element of the request. */
typedef struct element {
    const dialect *dialect;
    mr_text event_id;
    bool is_readable;  /* fit to be handed to the backend */
    const char *field; /* when not: what is wrong      */
    const char *message;
} element;

typedef struct batch {
    mr_api_call *call;
    mr_json *json;
    mr_text list; /* the array's text; a single event's when `is_single` */
    bool is_single;
    size_t count;
    element *elements;
    mr_backend_event *events; /* of the readable elements, in their order; one to spare */
    size_t event_count;
} batch;

static mr_status refuse_body(batch *b, mr_text field, const char *message)
{
    mr_field_error_set(&b->call->error, field, "%s", message);
    return MR_ERR_INVALID;
}

/* ---- What the document says ---- */

/* The types of native events, and the calls of Segment. */
static const char *const type_words[] = {
    "view",     "click",    "search",     "list_view", "cart_add", "cart_remove",
    "wishlist", "checkout", "purchase",   "refund",    "rate",     "review",
    "share",    "login",    "impression", "redeem",    "identify", "custom",
    "track",    "alias",    "page",       "screen",    "group",    NULL};

/* Null and an empty text are as good as absent. */
#define ABSENT_TOO (MR_NULLABLE | MR_MAY_BE_BLANK)

static const mr_field event_fields[] = {
    {.name = "type",
     .kind = MR_FIELD_WORD,
     .flags = MR_REQUIRED,
     .words = type_words,
     .about = "of a native event, or the call of a Segment message"},
    {.name = "user_id",
     .kind = MR_FIELD_TAG,
     .flags = ABSENT_TOO,
     .about = "whose event",
     .example = "17850"},
    {.name = "anonymous_id",
     .kind = MR_FIELD_TAG,
     .flags = ABSENT_TOO,
     .about = "where there is no user_id"},
    {.name = "event_id",
     .kind = MR_FIELD_TAG,
     .about = "by which it counts once, however often it is sent"},
    {.name = "time",
     .kind = MR_FIELD_ANY,
     .about = "ms since the epoch, or RFC 3339; absent: now",
     .example = "\"2026-11-21T08:26:00Z\""},
    {.name = "item_id",
     .kind = MR_FIELD_TAG,
     .flags = ABSENT_TOO,
     .about = "what it is about, if anything",
     .example = "\"85123A\""},
    {.name = "userId", .kind = MR_FIELD_ANY, .about = "of a Segment message"},
    {.name = "anonymousId", .kind = MR_FIELD_ANY, .about = "of a Segment message"},
    {.name = "messageId", .kind = MR_FIELD_ANY, .about = "of a Segment message"},
};
static const mr_schema event_schema = {MR_SCHEMA("event", event_fields), .is_open = true,
                                       .about = "as docs/EVENTS.md has it"};

static const mr_field events_fields[] = {
    {.name = "events",
     .kind = MR_FIELD_VALUES,
     .flags = MR_IN_BODY | MR_REQUIRED | MR_LENIENT,
     .least = 1,
     .most = EVENTS_MAX,
     .schema = &event_schema},
};
const mr_schema mr_api_events_schema = {MR_SCHEMA("events", events_fields)};

/* ---- Finding the events ---- */

static mr_status find_list(batch *b, mr_json_value **ret_list)
{
    mr_json_value *root = mr_json_root(b->json);
    const mr_text text = mr_json_slice_trim(b->call->request->body);
    *ret_list = root;
    b->list = text;
    if (mr_json_is_array(root))
        return MR_OK;
    if (!mr_json_is_object(root))
        return refuse_body(b, MR_TEXT("body"),
                           "must be an event, an array of events or {\"events\": [...]}");
    mr_json_value *list = mr_json_get(root, "events");
    if (list == NULL) {
        b->is_single = true;
        return MR_OK;
    }
    *ret_list = list;
    if (!mr_json_is_array(list) || mr_json_count(root) != 1 ||
        !mr_json_slice_member(text, "events", &b->list))
        return refuse_body(b, MR_TEXT("events"),
                           "must be an array, and the only member of the body");
    return MR_OK;
}

static mr_status read_list(batch *b, mr_json_value **ret_list)
{
    mr_error error;
    if (mr_json_parse(b->call->request->body, &b->json, &error) != MR_OK)
        return refuse_body(b, MR_TEXT("body"), error.message);
    MR_TRY(find_list(b, ret_list));
    b->count = b->is_single ? 1 : mr_json_count(*ret_list);
    if (b->count < 1 || b->count > EVENTS_MAX)
        return refuse_body(b, MR_TEXT("events"), "must be 1 to 1000 events");
    mr_arena *arena = b->call->worker->arena;
    b->elements = mr_arena_allocate(arena, b->count * sizeof(element));
    b->events = mr_arena_allocate(arena, (b->count + 1) * sizeof(mr_backend_event));
    return b->elements != NULL && b->events != NULL ? MR_OK : MR_ERR_NO_MEMORY;
}

/* ---- One event ---- */

/* A string, or a number as it was written: some shops number their users. */
static mr_status id_of(batch *b, mr_json_value *value, mr_text *ret_id)
{
    mr_buffer text = {0};
    *ret_id = mr_json_text(value, (mr_text){0});
    if (!mr_json_is_number(value))
        return MR_OK;
    mr_json_writer writer = mr_json_writer_of(&text);
    mr_json_put_value(&writer, value);
    mr_status status = mr_buffer_status(&text);
    if (status == MR_OK)
        *ret_id =
            mr_arena_copy(b->call->worker->arena,
                          (mr_text){(const char *)text.bytes, (uint32_t)text.length});
    if (status == MR_OK && ret_id->bytes == NULL)
        status = MR_ERR_NO_MEMORY;
    mr_buffer_deinit(&text);
    return status;
}

static bool is_id(mr_text id)
{
    return id.length > 0 && id.length <= MR_EVENT_ID_BYTES_MAX;
}

static mr_status refuse_element(element *e, const char *field, const char *message)
{
    e->field = field;
    e->message = message;
    return MR_OK;
}

static bool has_member(mr_json_value *object, const char *const *names)
{
    for (size_t i = 0; names[i] != NULL; i++) {
        if (mr_json_get(object, names[i]) != NULL)
            return true;
    }
    return false;
}

/* A Segment message, by the law of the stream [docs/EVENTS.md]. */
static const dialect *dialect_of(mr_json_value *value)
{
    static const char *const calls[] = {"track",  "identify", "alias", "page",
                                        "screen", "group",    NULL};
    static const char *const ids[] = {"userId", "anonymousId", "messageId", "previousId",
                                      NULL};
    const mr_text type = mr_json_text(mr_json_get(value, "type"), (mr_text){0});
    for (size_t i = 0; calls[i] != NULL; i++) {
        if (mr_text_is(type, calls[i]) && has_member(value, ids))
            return &segment;
    }
    return &native;
}

static mr_status find_user(batch *b, const dialect *names, mr_json_value *value,
                           mr_text *ret_user)
{
    MR_TRY(id_of(b, mr_json_get(value, names->user_id), ret_user));
    return ret_user->length > 0
               ? MR_OK
               : id_of(b, mr_json_get(value, names->anonymous_id), ret_user);
}

/* What the answer must be able to name; everything else is the normaliser's to judge. */
static mr_status check_event(batch *b, mr_json_value *value, element *e,
                             mr_text *ret_user)
{
    if (!mr_json_is_object(value))
        return refuse_element(e, "", "must be a JSON object");
    const dialect *names = dialect_of(value);
    mr_json_value *event_id = mr_json_get(value, names->event_id);
    e->dialect = names;
    MR_TRY(id_of(b, event_id, &e->event_id));
    if (event_id != NULL && !is_id(e->event_id))
        return refuse_element(e, names->event_id, "must be a string of 1 to 128 bytes");
    MR_TRY(find_user(b, names, value, ret_user));
    if (!is_id(*ret_user))
        return refuse_element(e, names->user_id, names->no_user);
    if (mr_json_text(mr_json_get(value, "type"), (mr_text){0}).length == 0)
        return refuse_element(e, "type", "must be a string");
    e->is_readable = true;
    return MR_OK;
}

static mr_status make_event_id(batch *b, mr_text *ret_id)
{
    uint8_t random[ID_RANDOM_BYTES];
    char text[ID_TEXT_BYTES] = "e_";
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return MR_ERR_UNAVAILABLE;
    for (size_t i = 0; i < sizeof(random); i++)
        (void)snprintf(text + 2 + 2 * i, 3, "%02x", random[i]);
    *ret_id = mr_arena_copy(b->call->worker->arena, mr_text_from(text));
    return ret_id->bytes != NULL ? MR_OK : MR_ERR_NO_MEMORY;
}

/* The event's text with the id as its first member, under the name of its dialect. */
static mr_status put_id_in(batch *b, mr_text record, const element *e,
                           mr_text *ret_record)
{
    char before[ID_MEMBER_BYTES];
    const int before_length = snprintf(before, sizeof(before), "{\"%s\":\"%.*s\",",
                                       e->dialect->event_id, MR_TEXT_ARG(e->event_id));
    const size_t length = (size_t)before_length + record.length - 1;
    char *bytes = mr_arena_allocate(b->call->worker->arena, length);
    if (bytes == NULL)
        return MR_ERR_NO_MEMORY;
    memcpy(bytes, before, (size_t)before_length);
    memcpy(bytes + before_length, record.bytes + 1, record.length - 1);
    *ret_record = (mr_text){bytes, (uint32_t)length};
    return MR_OK;
}

static mr_status read_event(batch *b, mr_json_value *value, mr_text text, element *e)
{
    *e = (element){0};
    mr_backend_event *event = &b->events[b->event_count];
    *event = (mr_backend_event){.record = text};
    MR_TRY(check_event(b, value, e, &event->user));
    if (!e->is_readable)
        return MR_OK;
    if (e->event_id.length == 0) {
        MR_TRY(make_event_id(b, &e->event_id));
        MR_TRY(put_id_in(b, text, e, &event->record));
    }
    b->event_count++;
    return MR_OK;
}

static mr_status read_events(batch *b, mr_json_value *list)
{
    size_t cursor = 0;
    for (size_t i = 0; i < b->count; i++) {
        mr_text text = b->list;
        if (!b->is_single && !mr_json_slice_next(b->list, &cursor, &text))
            return MR_ERR_CORRUPT;
        mr_json_value *value = b->is_single ? list : mr_json_at(list, i);
        MR_TRY(read_event(b, value, text, &b->elements[i]));
    }
    return MR_OK;
}

/* ---- The answer ---- */

static size_t count_accepted(const batch *b)
{
    size_t accepted = 0;
    for (size_t i = 0; i < b->event_count; i++)
        accepted += b->events[i].accepted;
    return accepted;
}

/* Why an element was refused: by us, or by the normaliser. */
static void error_of(const batch *b, size_t index, const mr_backend_event *event,
                     mr_field_error *ret_error)
{
    const element *e = &b->elements[index];
    const char *name = e->is_readable ? "" : e->field;
    char field[64];
    if (b->is_single)
        (void)snprintf(field, sizeof(field), "%s", name[0] != '\0' ? name : "event");
    else
        (void)snprintf(field, sizeof(field), "events[%zu]%s%s", index,
                       name[0] != '\0' ? "." : "", name);
    if (e->is_readable)
        mr_field_error_set(ret_error, mr_text_from(field), "is refused: %s",
                           event->reason);
    else
        mr_field_error_set(ret_error, mr_text_from(field), "%s", e->message);
}

static void put_element(mr_json_writer *writer, const batch *b, size_t index,
                        const mr_backend_event *event)
{
    const element *e = &b->elements[index];
    const bool accepted = e->is_readable && event->accepted;
    mr_json_begin_object(writer);
    mr_json_key(writer, "status");
    mr_json_put_int(writer, accepted ? 202 : 400);
    if (e->event_id.length > 0) {
        mr_json_key(writer, "event_id");
        mr_json_put_text(writer, e->event_id);
    }
    if (!accepted) {
        mr_field_error error;
        error_of(b, index, event, &error);
        mr_json_key(writer, "field");
        mr_json_put_string(writer, error.field);
        mr_json_key(writer, "message");
        mr_json_put_string(writer, error.message);
    }
    mr_json_end_object(writer);
}

static void write_accepted(batch *b, size_t accepted)
{
    b->call->response->status = 202;
    mr_json_writer writer = mr_api_begin(b->call);
    mr_json_key(&writer, "accepted");
    mr_json_put_uint(&writer, accepted);
    mr_json_key(&writer, "rejected");
    mr_json_put_uint(&writer, b->count - accepted);
    mr_json_key(&writer, "events");
    mr_json_begin_array(&writer);
    for (size_t i = 0, event = 0; i < b->count; i++) {
        put_element(&writer, b, i, &b->events[event]);
        event += b->elements[i].is_readable;
    }
    mr_json_end_array(&writer);
    mr_json_end_object(&writer);
}

/* Not one of them was good: a 400 that names the first ones' fields. */
static void write_refused(batch *b)
{
    mr_field_error errors[ERRORS_MAX];
    size_t count = 0;
    for (size_t i = 0, event = 0; i < b->count && count < ERRORS_MAX; i++) {
        error_of(b, i, &b->events[event], &errors[count++]);
        event += b->elements[i].is_readable;
    }
    mr_problem_write_fields(b->call->response, errors, count);
}

static void write_not_appended(batch *b, mr_status status)
{
    const bool full = status == MR_ERR_FULL;
    mr_problem_write(b->call->response, full ? 429 : 503,
                     full ? "the log takes no more at the moment; send the batch again"
                          : "the log cannot be written; send the batch again, with the "
                            "same event ids");
    b->call->response->retry_after_s = 1;
}

static void append(batch *b)
{
    const mr_backend *backend = b->call->api->options.backend;
    mr_status status = MR_OK;
    if (backend->append_events == NULL) {
        mr_problem_write(b->call->response, 503,
                         backend->no_appends != NULL ? backend->no_appends
                                                     : "this node takes no events");
        return;
    }
    if (b->event_count > 0)
        status = backend->append_events(backend->context, b->call->request->thread,
                                        b->events, b->event_count);
    if (status != MR_OK) {
        write_not_appended(b, status);
        return;
    }
    const size_t accepted = count_accepted(b);
    mr_api_count(&b->call->api->metrics.events_accepted, accepted);
    mr_api_count(&b->call->api->metrics.events_rejected, b->count - accepted);
    if (accepted > 0)
        write_accepted(b, accepted);
    else
        write_refused(b);
}

void mr_api_events(mr_api_call *call)
{
    batch b = {.call = call};
    mr_json_value *list = NULL;
    mr_status status = mr_api_read_query(call, NULL, NULL);
    if (status == MR_OK)
        status = read_list(&b, &list);
    if (status == MR_OK)
        status = read_events(&b, list);
    if (status == MR_OK)
        append(&b);
    else if (status == MR_ERR_INVALID)
        mr_api_refuse(call);
    else
        mr_api_write_failure(call, MR_ERR_UNAVAILABLE, mr_status_name(status));
    mr_json_destroy(b.json);
}
