#include "serving/api_call.h"
#include "serving/api_requests.h"
#include "serving/api_show.h"
#include "serving/api_wishes.h"

#include "core/event.h"

#include <stdio.h>
#include <string.h>

/*
 * Writes to the catalogue.  A body is taken apart by the table, written as one record by us and
 * read back by the reader of the catalogue topic, which is the judge of every value: what it
 * would not take is refused here, under the name of the field.
 */

enum { ITEMS_MAX = 1000, ITEM_BYTES_MAX = 16384, ERRORS_MAX = 20 };

/* The members of an item as they came; NULL: not given. */
typedef struct item_body {
    mr_json_value *id;
    mr_json_value *title;
    mr_json_value *category;
    mr_json_value *brand;
    mr_json_value *price;
    mr_json_value *currency;
    mr_json_value *image;
    mr_json_value *url;
    mr_json_value *stock;
    mr_json_value *hidden;
    mr_json_value *created;
    mr_json_value *attributes;
} item_body;

#define ITEM_TEXT(member, what)                                                          \
    {                                                                                    \
        .name = #member, .kind = MR_FIELD_TEXT,                                          \
        .flags = MR_IN_BODY | MR_AS_IT_IS | MR_NULLABLE | MR_MAY_BE_BLANK,               \
        .offset = offsetof(item_body, member), .most = MR_CATALOGUE_FIELD_BYTES_MAX,     \
        .about = (what)                                                                  \
    }

#define ITEM_MEMBER(member, of_kind, what, ...)                                          \
    {                                                                                    \
        .name = #member, .kind = (of_kind),                                              \
        .flags = MR_IN_BODY | MR_AS_IT_IS | MR_NULLABLE | MR_MAY_BE_BLANK,               \
        .offset = offsetof(item_body, member), .about = (what), __VA_ARGS__              \
    }

#define ITEM_FIELDS                                                                      \
    ITEM_TEXT(title, "what it is called"),                                               \
        ITEM_MEMBER(category, MR_FIELD_TEXTS, "the main one first",                      \
                    .most = MR_CATALOGUE_CATEGORIES_MAX),                                \
        ITEM_TEXT(brand, NULL),                                                          \
        ITEM_MEMBER(price, MR_FIELD_DECIMAL, "in major units", .example = "12.75"),      \
        ITEM_TEXT(currency, "GBP"), ITEM_TEXT(image, NULL), ITEM_TEXT(url, NULL),        \
        ITEM_MEMBER(stock, MR_FIELD_NUMBER, "pieces; 0 or less: not shown",              \
                    .least = -MR_API_STOCK_MAX, .most = MR_API_STOCK_MAX),               \
        ITEM_MEMBER(hidden, MR_FIELD_FLAG, "true: never shown", .least = 0),             \
        ITEM_MEMBER(created, MR_FIELD_MOMENT, "when the shop began to sell it",          \
                    .least = 0),                                                         \
        ITEM_MEMBER(attributes, MR_FIELD_ATTRIBUTES, "by name",                          \
                    .most = MR_ATTRIBUTES_MAX,                                           \
                    .example = "{\"color\":[\"red\",\"blue\"],\"size\":\"M\"}")

#define ITEM_ID(more, what)                                                              \
    {                                                                                    \
        .name = "id", .kind = MR_FIELD_ID, .flags = MR_IN_BODY | MR_AS_IT_IS | (more),   \
        .offset = offsetof(item_body, id), .about = (what)                               \
    }

static const mr_field item_fields[] = {ITEM_ID(0, "that of the path, or left out"),
                                       ITEM_FIELDS};
static const mr_field element_fields[] = {ITEM_ID(MR_REQUIRED, NULL), ITEM_FIELDS};
const mr_schema mr_api_item_schema = {MR_SCHEMA("item_record", item_fields)};
const mr_schema mr_api_item_patch_schema = {MR_SCHEMA("item_change", item_fields),
                                            .about = "null takes a member out"};
static const mr_schema element_schema = {MR_SCHEMA("item_with_id", element_fields)};

typedef struct items_body {
    mr_json_value *items;
} items_body;

static const mr_field items_fields[] = {
    {.name = "items",
     .kind = MR_FIELD_VALUES,
     .flags = MR_IN_BODY | MR_REQUIRED | MR_LENIENT,
     .offset = offsetof(items_body, items),
     .least = 1,
     .most = ITEMS_MAX,
     .schema = &element_schema},
};
const mr_schema mr_api_items_schema = {MR_SCHEMA("item_records", items_fields)};

/* ---- A record ---- */

static bool is_null(mr_json_value *value)
{
    return value != NULL && !mr_json_is_object(value) && !mr_json_is_array(value) &&
           !mr_json_is_text(value) && !mr_json_is_number(value) &&
           !mr_json_is_bool(value);
}

static void put_member(mr_json_writer *writer, const char *name, mr_json_value *value)
{
    if (value == NULL || is_null(value))
        return;
    mr_json_key(writer, name);
    mr_json_put_value(writer, value);
}

static void put_body(mr_json_writer *writer, const item_body *body)
{
    for (size_t i = 0; i < mr_api_item_schema.field_count; i++) {
        const mr_field *field = &item_fields[i];
        mr_json_value *const *value =
            (mr_json_value *const *)(const void *)((const char *)body + field->offset);
        if (field->kind != MR_FIELD_ID)
            put_member(writer, field->name, *value);
    }
}

static void put_categories(mr_json_writer *writer, const mr_catalogue_item *item)
{
    if (item->category_count < 2) {
        mr_api_show_text(writer, "category", item->category);
        return;
    }
    mr_json_key(writer, "category");
    mr_json_begin_array(writer);
    for (uint8_t i = 0; i < item->category_count; i++)
        mr_json_put_text(writer, item->categories[i]);
    mr_json_end_array(writer);
}

static void put_kept_numbers(mr_json_writer *writer, const mr_catalogue_item *item,
                             const item_body *body)
{
    char time[MR_TIME_TEXT_BYTES];
    if (body->price == NULL && item->price_minor != MR_PRICE_UNKNOWN) {
        mr_json_key(writer, "price");
        mr_json_put_money(writer, item->price_minor, MR_MINOR_DIGITS);
    }
    if (body->stock == NULL && item->stock != MR_STOCK_UNKNOWN)
        mr_api_show_number(writer, "stock", item->stock);
    if (body->hidden == NULL && item->hidden)
        mr_api_show_flag(writer, "hidden", true);
    if (body->created == NULL && item->created_ms != MR_CREATED_UNKNOWN) {
        mr_time_to_text(item->created_ms, time);
        mr_api_show_string(writer, "created", time);
    }
}

/* What the catalogue has and the body does not speak of. */
static void put_kept(mr_json_writer *writer, const mr_catalogue_item *item,
                     const item_body *body)
{
    if (body->title == NULL)
        mr_api_show_text(writer, "title", item->title);
    if (body->category == NULL)
        put_categories(writer, item);
    if (body->brand == NULL)
        mr_api_show_text(writer, "brand", item->brand);
    if (body->currency == NULL)
        mr_api_show_text(writer, "currency", item->currency);
    if (body->image == NULL)
        mr_api_show_text(writer, "image", item->image);
    if (body->url == NULL)
        mr_api_show_text(writer, "url", item->url);
    put_kept_numbers(writer, item, body);
    if (body->attributes == NULL)
        mr_api_show_attributes(writer, item);
}

/* "price must be a number …": the first word is the field. */
static void name_field(const char *path, const char *message, mr_field_error *error)
{
    char field[MR_SCHEMA_PATH_BYTES];
    const size_t length = strcspn(message, " :");
    const char *rest = message + length + strspn(message + length, " :");
    mr_schema_path(path, (mr_text){message, (uint32_t)length}, field);
    mr_field_error_set(error, mr_text_from(field), "%s", rest);
}

static mr_status refuse(mr_api_call *call, const char *path, const char *name,
                        const char *message)
{
    char field[MR_SCHEMA_PATH_BYTES];
    mr_schema_path(path, mr_text_from(name), field);
    mr_field_error_set(&call->error, mr_text_from(field), "%s", message);
    return MR_ERR_INVALID;
}

/* As the reader of the topic will see it.  MR_ERR_INVALID with call->error. */
static mr_status judge(mr_api_call *call, const char *path, const mr_backend_item *item)
{
    mr_catalogue_item parsed;
    mr_error error;
    if (item->record.length > ITEM_BYTES_MAX)
        return refuse(call, path, path[0] != '\0' ? "" : "body", "is over 16 KiB");
    const mr_status status = mr_catalogue_item_parse(
        item->id, item->record, call->worker->arena, &parsed, &error);
    if (status != MR_ERR_CORRUPT)
        return status;
    name_field(path, error.message, &call->error);
    return MR_ERR_INVALID;
}

/* The record of the body, over what `kept` (may be NULL) has, in the arena. */
static mr_status make_record(mr_api_call *call, const char *path, const item_body *body,
                             const mr_catalogue_item *kept, mr_backend_item *item)
{
    mr_buffer text = {0};
    mr_json_writer writer = mr_json_writer_of(&text);
    mr_json_begin_object(&writer);
    mr_api_show_text(&writer, "id", item->id);
    if (kept != NULL)
        put_kept(&writer, kept, body);
    put_body(&writer, body);
    mr_json_end_object(&writer);
    mr_status status = mr_buffer_status(&text);
    if (status == MR_OK)
        item->record =
            mr_arena_copy(call->worker->arena,
                          (mr_text){(const char *)text.bytes, (uint32_t)text.length});
    mr_buffer_deinit(&text);
    if (status == MR_OK && item->record.bytes == NULL)
        status = MR_ERR_NO_MEMORY;
    return status == MR_OK ? judge(call, path, item) : status;
}

/* ---- One item ---- */

static mr_status read_item(mr_api_call *call, mr_json *json, item_body *body)
{
    mr_schema_reader reader = {.arena = call->worker->arena, .error = &call->error};
    MR_TRY(
        mr_schema_read_object(call->route->body, mr_json_root(json), "", &reader, body));
    if (body->id == NULL || mr_text_equal(mr_json_text(body->id, (mr_text){0}), call->id))
        return MR_OK;
    return refuse(call, "", "id", "is not the id of the path");
}

static void write_failed(mr_api_call *call, mr_status status)
{
    const mr_backend *backend = call->api->options.backend;
    const bool is_missing = backend->append_items == NULL;
    const bool is_full = status == MR_ERR_FULL;
    mr_problem_write(call->response, is_full ? 429 : 503,
                     is_missing && backend->no_appends != NULL ? backend->no_appends
                     : is_missing ? "this node takes no items"
                     : is_full    ? "the log takes no more at the moment; send it again"
                                  : "the log cannot be written; send it again");
    call->response->retry_after_s = 1;
}

static mr_status append(mr_api_call *call, const mr_backend_item *items, size_t count)
{
    const mr_backend *backend = call->api->options.backend;
    if (backend->append_items == NULL)
        return MR_ERR_UNAVAILABLE;
    return count > 0 ? backend->append_items(backend->context, call->request->thread,
                                             items, count)
                     : MR_OK;
}

static void append_one(mr_api_call *call, const mr_backend_item *item)
{
    const mr_status status = append(call, item, 1);
    if (status != MR_OK) {
        write_failed(call, status);
        return;
    }
    call->response->status = 202;
    mr_json_writer writer = mr_api_begin(call);
    mr_api_show_text(&writer, "id", item->id);
    mr_api_show_number(&writer, "status", 202);
    mr_json_end_object(&writer);
}

static mr_status read_call(mr_api_call *call, mr_json **json, item_body *body)
{
    MR_TRY(mr_api_check_id(call, "item_id", call->id));
    MR_TRY(mr_api_read_query(call, NULL, NULL));
    MR_TRY(mr_api_parse_body(call, false, json));
    return read_item(call, *json, body);
}

/* Read the call and make the record. */
static mr_status read_put(mr_api_call *call, mr_json **json, mr_backend_item *item)
{
    item_body body = {0};
    MR_TRY(read_call(call, json, &body));
    return make_record(call, "", &body, NULL, item);
}

static mr_status read_patch(mr_api_call *call, const mr_catalogue *catalogue,
                            mr_json **json, mr_backend_item *item)
{
    item_body body = {0};
    MR_TRY(read_call(call, json, &body));
    const mr_catalogue_item *kept = mr_catalogue_find(catalogue, call->id);
    return kept != NULL ? make_record(call, "", &body, kept, item) : MR_ERR_NOT_FOUND;
}

static void end_write(mr_api_call *call, mr_status status, mr_json *json,
                      const mr_backend_item *item)
{
    if (status == MR_OK)
        append_one(call, item);
    else if (status == MR_ERR_NOT_FOUND)
        mr_problem_write(call->response, 404, "the catalogue does not have this item");
    else
        mr_api_write_unread(call, status);
    mr_json_destroy(json);
}

void mr_api_put_item(mr_api_call *call)
{
    mr_json *json = NULL;
    mr_backend_item item = {.id = call->id};
    const mr_status status = read_put(call, &json, &item);
    end_write(call, status, json, &item);
}

void mr_api_patch_item(mr_api_call *call)
{
    mr_json *json = NULL;
    mr_backend_item item = {.id = call->id};
    const mr_catalogue *catalogue;
    mr_snapshot *snapshot = mr_api_acquire_catalogue(call->api, &catalogue);
    const mr_status status = read_patch(call, catalogue, &json, &item);
    mr_snapshot_release(snapshot);
    end_write(call, status, json, &item);
}

void mr_api_delete_item(mr_api_call *call)
{
    const mr_backend_item item = {.id = call->id};
    mr_status status = mr_api_check_id(call, "item_id", call->id);
    if (status == MR_OK)
        status = mr_api_read_query(call, NULL, NULL);
    end_write(call, status, NULL, &item);
}

/* ---- Many items ---- */

/* One element of the request. */
typedef struct element {
    mr_text id;
    bool is_good;
    mr_field_error error;
} element;

typedef struct batch {
    mr_api_call *call;
    mr_json *json;
    mr_json_value *list;
    element *elements;
    size_t count;
    mr_backend_item *items; /* of the good ones, in their order */
    size_t item_count;
} batch;

/* What is wrong with an element is its own matter; only lack of memory ends the batch. */
static mr_status read_element(batch *b, mr_json_value *value, size_t index)
{
    char path[MR_SCHEMA_PATH_BYTES];
    (void)snprintf(path, sizeof(path), "items[%zu]", index);
    mr_api_call *call = b->call;
    element *e = &b->elements[index];
    item_body body = {0};
    mr_schema_reader reader = {.arena = call->worker->arena, .error = &call->error};
    mr_backend_item *item = &b->items[b->item_count];
    mr_status status = MR_ERR_INVALID;
    memset(e, 0, sizeof(*e));
    if (mr_json_is_object(value))
        status = mr_schema_read_object(&element_schema, value, path, &reader, &body);
    else
        mr_field_error_set(&call->error, mr_text_from(path), "must be a JSON object");
    if (status == MR_OK) {
        char field[MR_SCHEMA_PATH_BYTES];
        mr_schema_path(path, MR_TEXT("id"), field);
        e->id = item->id = mr_json_text(body.id, (mr_text){0});
        status = mr_schema_check_id(field, item->id, &call->error);
    }
    if (status == MR_OK)
        status = make_record(call, path, &body, NULL, item);
    e->is_good = status == MR_OK;
    b->item_count += e->is_good;
    if (!e->is_good)
        e->error = call->error;
    return status == MR_ERR_INVALID ? MR_OK : status;
}

static mr_status read_list(batch *b)
{
    mr_api_call *call = b->call;
    items_body body = {0};
    mr_schema_reader reader = {.arena = call->worker->arena, .error = &call->error};
    MR_TRY(mr_api_read_query(call, NULL, NULL));
    MR_TRY(mr_api_parse_body(call, true, &b->json));
    body.items = mr_json_root(b->json);
    if (mr_json_is_object(body.items))
        MR_TRY(
            mr_schema_read_object(&mr_api_items_schema, body.items, "", &reader, &body));
    b->list = body.items;
    b->count = mr_json_count(b->list);
    if (b->count < 1 || b->count > ITEMS_MAX)
        return refuse(call, "", "items", "must be an array of 1 to 1000 elements");
    b->elements = mr_arena_allocate(reader.arena, b->count * sizeof(element));
    b->items = mr_arena_allocate(reader.arena, (b->count + 1) * sizeof(mr_backend_item));
    if (b->elements == NULL || b->items == NULL)
        return MR_ERR_NO_MEMORY;
    for (size_t i = 0; i < b->count; i++)
        MR_TRY(read_element(b, mr_json_at(b->list, i), i));
    return MR_OK;
}

static void put_element(mr_json_writer *writer, const element *e)
{
    mr_json_begin_object(writer);
    mr_api_show_text(writer, "id", e->id);
    mr_api_show_number(writer, "status", e->is_good ? 202 : 400);
    if (!e->is_good) {
        mr_api_show_string(writer, "field", e->error.field);
        mr_api_show_string(writer, "message", e->error.message);
    }
    mr_json_end_object(writer);
}

static void write_verdicts(const batch *b)
{
    b->call->response->status = 202;
    mr_json_writer writer = mr_api_begin(b->call);
    mr_api_show_number(&writer, "accepted", (int64_t)b->item_count);
    mr_api_show_number(&writer, "rejected", (int64_t)(b->count - b->item_count));
    mr_json_key(&writer, "items");
    mr_json_begin_array(&writer);
    for (size_t i = 0; i < b->count; i++)
        put_element(&writer, &b->elements[i]);
    mr_json_end_array(&writer);
    mr_json_end_object(&writer);
}

/* Not one of them was good: a 400 that names the first ones' fields. */
static void write_refused(const batch *b)
{
    mr_field_error errors[ERRORS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < b->count && count < ERRORS_MAX; i++)
        errors[count++] = b->elements[i].error;
    mr_problem_write_fields(b->call->response, errors, count);
}

void mr_api_post_items(mr_api_call *call)
{
    batch b = {.call = call};
    mr_status status = read_list(&b);
    if (status != MR_OK) {
        mr_api_write_unread(call, status);
    } else if (b.item_count == 0) {
        write_refused(&b);
    } else {
        status = append(call, b.items, b.item_count);
        if (status == MR_OK)
            write_verdicts(&b);
        else
            write_failed(call, status);
    }
    mr_json_destroy(b.json);
}
