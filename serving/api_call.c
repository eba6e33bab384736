#include "serving/api_call.h"

#include "core/event.h"
#include "serving/percent.h"

#include <string.h>

/* Decode one side of "name=value", where '+' is a space [WHATWG URL, urlencoded parsing]. */
static mr_status decode(mr_api_call *call, mr_text text, mr_text *ret_text)
{
    char *bytes = mr_arena_allocate(call->worker->arena, (size_t)text.length + 1);
    if (bytes == NULL)
        return MR_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < text.length; i++)
        bytes[i] = text.bytes[i] == '+' ? ' ' : text.bytes[i];
    size_t length;
    MR_TRY(mr_percent_decode((mr_text){bytes, text.length}, bytes, text.length, &length));
    *ret_text = (mr_text){bytes, (uint32_t)length};
    return mr_text_is_utf8(*ret_text) ? MR_OK : MR_ERR_CORRUPT;
}

static mr_status refuse_query(mr_api_call *call, mr_text field, const char *message)
{
    mr_field_error_set(&call->error, field, "%s", message);
    return MR_ERR_INVALID;
}

static mr_status parse_parameter(mr_api_call *call, mr_text piece)
{
    const char *equals = memchr(piece.bytes, '=', piece.length);
    const uint32_t name_length =
        equals != NULL ? (uint32_t)(equals - piece.bytes) : piece.length;
    const uint32_t value_start = equals != NULL ? name_length + 1 : name_length;
    if (call->query.count == MR_API_QUERY_MAX)
        return refuse_query(call, MR_TEXT("query"), "has more than 64 parameters");
    mr_query_parameter *parameter = &call->query.parameters[call->query.count];
    *parameter = (mr_query_parameter){0};
    const mr_text value = {piece.bytes + value_start, piece.length - value_start};
    if (decode(call, (mr_text){piece.bytes, name_length}, &parameter->name) != MR_OK ||
        decode(call, value, &parameter->value) != MR_OK)
        return refuse_query(call, MR_TEXT("query"), "is not percent-encoded UTF-8");
    call->query.count++;
    return MR_OK;
}

mr_status mr_api_parse_query(mr_api_call *call)
{
    mr_text rest = call->request->query;
    call->query.count = 0;
    while (rest.length > 0) {
        const char *end = memchr(rest.bytes, '&', rest.length);
        const uint32_t length = end != NULL ? (uint32_t)(end - rest.bytes) : rest.length;
        if (length > 0)
            MR_TRY(parse_parameter(call, (mr_text){rest.bytes, length}));
        const uint32_t used = end != NULL ? length + 1 : length;
        rest = (mr_text){rest.bytes + used, rest.length - used};
    }
    return MR_OK;
}

bool mr_api_take(mr_api_call *call, const char *name, mr_text *ret_value)
{
    for (size_t i = 0; i < call->query.count; i++) {
        mr_query_parameter *parameter = &call->query.parameters[i];
        if (!parameter->used && mr_text_is(parameter->name, name)) {
            parameter->used = true;
            *ret_value = parameter->value;
            return true;
        }
    }
    return false;
}

mr_status mr_api_take_number(mr_api_call *call, const char *name, int64_t least,
                             int64_t most, int64_t *value)
{
    mr_text text;
    if (!mr_api_take(call, name, &text))
        return MR_OK;
    int64_t number;
    if (mr_text_to_int64(text, &number) != MR_OK || number < least || number > most) {
        mr_field_error_set(&call->error, mr_text_from(name), "must be %lld to %lld",
                           (long long)least, (long long)most);
        return MR_ERR_INVALID;
    }
    *value = number;
    return MR_OK;
}

mr_status mr_api_take_flag(mr_api_call *call, const char *name, bool *value)
{
    mr_text text;
    if (!mr_api_take(call, name, &text))
        return MR_OK;
    const bool yes = mr_text_is(text, "true") || mr_text_is(text, "1");
    if (!yes && !mr_text_is(text, "false") && !mr_text_is(text, "0"))
        return refuse_query(call, mr_text_from(name), "must be true or false");
    *value = yes;
    return MR_OK;
}

static mr_status take_list(mr_api_call *call, const char *name, mr_text list, size_t most,
                           mr_text *ids, size_t *count)
{
    while (list.length > 0) {
        const char *comma = memchr(list.bytes, ',', list.length);
        const uint32_t length =
            comma != NULL ? (uint32_t)(comma - list.bytes) : list.length;
        const mr_text id = {list.bytes, length};
        MR_TRY(mr_api_check_id(call, name, id));
        if (*count == most) {
            mr_field_error_set(&call->error, mr_text_from(name), "has more than %zu ids",
                               most);
            return MR_ERR_INVALID;
        }
        ids[(*count)++] = id;
        const uint32_t used = comma != NULL ? length + 1 : length;
        list = (mr_text){list.bytes + used, list.length - used};
    }
    return MR_OK;
}

mr_status mr_api_take_ids(mr_api_call *call, const char *name, size_t most, mr_text **ids,
                          size_t *count)
{
    mr_text list;
    mr_text *room = NULL;
    while (mr_api_take(call, name, &list)) {
        if (room == NULL)
            *ids = room = mr_arena_allocate(call->worker->arena, most * sizeof(*room));
        if (room == NULL)
            return MR_ERR_NO_MEMORY;
        MR_TRY(take_list(call, name, list, most, room, count));
    }
    return MR_OK;
}

mr_status mr_api_check_all_taken(mr_api_call *call)
{
    for (size_t i = 0; i < call->query.count; i++) {
        if (!call->query.parameters[i].used)
            return refuse_query(call, call->query.parameters[i].name,
                                "is not a parameter of this call, or is given twice");
    }
    return MR_OK;
}

mr_status mr_api_check_id(mr_api_call *call, const char *field, mr_text id)
{
    if (id.length > 0 && id.length <= MR_EVENT_ID_BYTES_MAX && mr_text_is_utf8(id))
        return MR_OK;
    mr_field_error_set(&call->error, mr_text_from(field),
                       "must be UTF-8 of 1 to %d bytes", MR_EVENT_ID_BYTES_MAX);
    return MR_ERR_INVALID;
}

void mr_api_refuse(mr_api_call *call)
{
    mr_problem_write_fields(call->response, &call->error, 1);
}

void mr_api_write_failure(mr_api_call *call, mr_status status, const char *detail)
{
    if (status == MR_ERR_NOT_FOUND) {
        mr_problem_write(call->response, 404, detail);
        return;
    }
    mr_problem_write(call->response, 503, detail);
    call->response->retry_after_s = 1;
}

mr_json_writer mr_api_begin(mr_api_call *call)
{
    mr_json_writer writer = mr_json_writer_of(call->response->body);
    mr_json_begin_object(&writer);
    return writer;
}

mr_snapshot *mr_api_acquire_catalogue(mr_api_call *call,
                                      const mr_catalogue **ret_catalogue)
{
    mr_snapshot_holder *holder = call->api->options.catalogue;
    mr_snapshot *snapshot = holder != NULL ? mr_snapshot_acquire(holder) : NULL;
    *ret_catalogue = snapshot != NULL ? mr_snapshot_object(snapshot) : NULL;
    return snapshot;
}

static void put_text(mr_json_writer *writer, const char *name, mr_text text)
{
    if (text.length == 0)
        return;
    mr_json_key(writer, name);
    mr_json_put_text(writer, text);
}

void mr_api_put_item(mr_json_writer *writer, mr_text id, const mr_catalogue_item *item)
{
    put_text(writer, "id", id);
    if (item == NULL)
        return;
    put_text(writer, "title", item->title);
    put_text(writer, "category", item->category);
    put_text(writer, "brand", item->brand);
    if (item->price_minor != MR_PRICE_UNKNOWN) {
        mr_json_key(writer, "price");
        mr_json_put_money(writer, item->price_minor, MR_MINOR_DIGITS);
    }
    put_text(writer, "currency", item->currency);
    put_text(writer, "image", item->image);
    put_text(writer, "url", item->url);
}

int64_t mr_api_now_ms(const mr_api_call *call)
{
    return mr_clock_wall_ms(call->api->options.clock);
}

int64_t mr_api_elapsed_us(const mr_api_call *call)
{
    return (mr_clock_monotonic_ns(call->api->options.clock) -
            call->request->received_ns) /
           1000;
}
