#include "ingest/event_writer.h"

#include "core/assert.h"
#include "core/json.h"

mr_text mr_event_profile_id(const mr_event *event)
{
    return event->user_id.length > 0 ? event->user_id : event->anonymous_id;
}

static void put_text(mr_json_writer *writer, const char *key, mr_text value)
{
    if (value.length == 0)
        return;
    mr_json_key(writer, key);
    mr_json_put_text(writer, value);
}

static void put_money(mr_json_writer *writer, const char *key, int64_t minor)
{
    mr_json_key(writer, key);
    mr_json_put_money(writer, minor, MR_MINOR_DIGITS);
}

static void put_line(mr_json_writer *writer, const mr_event *event)
{
    put_text(writer, "item_id", event->item_id);
    put_text(writer, "category", event->category);
    put_text(writer, "brand", event->brand);
    if (event->quantity != 1) {
        mr_json_key(writer, "quantity");
        mr_json_put_int(writer, event->quantity);
    }
    if (event->price_minor != 0)
        put_money(writer, "price", event->price_minor);
    /* Always beside a price: a rounded price times the quantity may not be the value. */
    if (event->price_minor != 0 || event->value_minor != 0)
        put_money(writer, "value", event->value_minor);
    if (event->position >= 0) {
        mr_json_key(writer, "position");
        mr_json_put_int(writer, event->position);
    }
}

static void put_shared(mr_json_writer *writer, const mr_event *event)
{
    mr_json_key(writer, "type");
    mr_json_put_string(writer, mr_event_type_name((mr_event_type)event->type));
    mr_json_key(writer, "time");
    mr_json_put_int(writer, event->time_ms);
    put_text(writer, "user_id", event->user_id);
    put_text(writer, "anonymous_id", event->anonymous_id);
    put_text(writer, "session_id", event->session_id);
    put_text(writer, "event_id", event->event_id);
    put_text(writer, "order_id", event->order_id);
    put_text(writer, "currency", event->currency);
    put_text(writer, "name", event->name);
    put_text(writer, "query", event->query);
    put_text(writer, "text", event->body);
    put_text(writer, "device", event->device);
    put_text(writer, "channel", event->channel);
    put_text(writer, "campaign", event->campaign);
    put_text(writer, "geo", event->geo);
    put_text(writer, "recommendation_id", event->recommendation_id);
    put_text(writer, "placement", event->placement);
    if (event->rating_centi != 0) {
        mr_json_key(writer, "rating");
        mr_json_put_money(writer, event->rating_centi, 2);
    }
}

void mr_event_write(mr_buffer *buffer, const mr_event *events, size_t count)
{
    MR_ASSERT(count >= 1);
    mr_json_writer writer = mr_json_writer_of(buffer);
    mr_json_begin_object(&writer);
    put_shared(&writer, &events[0]);
    if (count == 1) {
        put_line(&writer, &events[0]);
    } else {
        mr_json_key(&writer, "items");
        mr_json_begin_array(&writer);
        for (size_t i = 0; i < count; i++) {
            mr_json_begin_object(&writer);
            put_line(&writer, &events[i]);
            mr_json_end_object(&writer);
        }
        mr_json_end_array(&writer);
    }
    mr_json_end_object(&writer);
}
