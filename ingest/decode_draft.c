#include "ingest/decode_draft.h"

#include <limits.h>
#include <math.h>
#include <string.h>

enum { RATING_CENTI_MIN = 100, RATING_CENTI_MAX = 500 };

static bool has_exponent(mr_text text)
{
    return text.length > 0 && (memchr(text.bytes, 'e', text.length) != NULL ||
                               memchr(text.bytes, 'E', text.length) != NULL);
}

/* Money in minor units, `quantity` times.  A decimal is exact; JSON's "1e3" is not a decimal
 * and goes through a double, rounded half to even as the decimal is. */
static mr_poison to_minor(mr_text text, int64_t quantity, int64_t *ret_minor)
{
    int64_t minor;
    if (has_exponent(text)) {
        double number;
        if (mr_text_to_double(text, &number) != MR_OK)
            return MR_POISON_BAD_NUMBER;
        const double scaled =
            nearbyint(number * (double)quantity * pow(10, MR_MINOR_DIGITS));
        if (!(fabs(scaled) <= (double)MR_DRAFT_MINOR_MAX))
            return MR_POISON_BAD_NUMBER;
        minor = (int64_t)scaled;
    } else if (mr_text_to_minor(text, quantity, MR_MINOR_DIGITS, &minor) != MR_OK) {
        return MR_POISON_BAD_NUMBER;
    }
    if (minor > MR_DRAFT_MINOR_MAX || minor < -MR_DRAFT_MINOR_MAX)
        return MR_POISON_BAD_NUMBER;
    *ret_minor = minor;
    return MR_POISON_NONE;
}

/* A whole number, also when it is written as "2.0". */
static mr_poison to_whole(mr_text text, int64_t max, int64_t *ret_whole)
{
    const char *point = text.length > 0 ? memchr(text.bytes, '.', text.length) : NULL;
    if (point != NULL) {
        const uint32_t whole = (uint32_t)(point - text.bytes);
        for (uint32_t i = whole + 1; i < text.length; i++) {
            if (text.bytes[i] != '0')
                return MR_POISON_BAD_NUMBER;
        }
        text.length = whole;
    }
    int64_t value;
    if (mr_text_to_int64(text, &value) != MR_OK || value > max || value < -max)
        return MR_POISON_BAD_NUMBER;
    *ret_whole = value;
    return MR_POISON_NONE;
}

mr_poison mr_draft_time(mr_text text, int64_t *ret_ms)
{
    int64_t ms;
    if (mr_text_to_int64(text, &ms) != MR_OK && mr_text_to_time_ms(text, &ms) != MR_OK)
        return MR_POISON_BAD_TIME;
    if (ms < 0)
        return MR_POISON_BAD_TIME;
    *ret_ms = ms;
    return MR_POISON_NONE;
}

/* A custom event named so is a correction: its quantity and amounts carry a sign. */
static bool is_adjustment(const mr_event *event)
{
    return event->type == MR_EVENT_CUSTOM && mr_text_is(event->name, "adjustment");
}

static bool are_ids_bounded(const mr_event *event)
{
    const mr_text ids[] = {
        event->user_id,
        event->anonymous_id,
        event->session_id,
        event->event_id,
        event->order_id,
        event->currency,
        event->name,
        event->device,
        event->channel,
        event->campaign,
        event->recommendation_id,
        event->placement,
        event->geo,
    };
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        if (ids[i].length > MR_EVENT_ID_BYTES_MAX)
            return false;
    }
    return true;
}

mr_poison mr_draft_event(const mr_draft *draft, mr_event_type type, mr_event *ret_event)
{
    mr_event event = {
        .user_id = draft->user_id,
        .anonymous_id = draft->anonymous_id,
        .session_id = draft->session_id,
        .event_id = draft->event_id,
        .order_id = draft->order_id,
        .currency = draft->currency,
        .name = draft->name,
        .query = draft->query,
        .body = draft->body,
        .device = draft->device,
        .channel = draft->channel,
        .campaign = draft->campaign,
        .geo = draft->geo,
        .recommendation_id = draft->recommendation_id,
        .placement = draft->placement,
        .time_ms = MR_DRAFT_NO_TIME,
        .position = -1,
        .type = (uint8_t)type,
    };
    if (event.user_id.length == 0 && event.anonymous_id.length == 0)
        return MR_POISON_NO_USER;
    if (!are_ids_bounded(&event))
        return MR_POISON_BAD_ID;
    if (draft->time.length > 0) {
        const mr_poison poison = mr_draft_time(draft->time, &event.time_ms);
        if (poison != MR_POISON_NONE)
            return poison;
    }
    if (draft->rating.length > 0) {
        int64_t centi;
        if (mr_text_to_minor(draft->rating, 1, 2, &centi) != MR_OK ||
            centi < RATING_CENTI_MIN || centi > RATING_CENTI_MAX)
            return MR_POISON_BAD_NUMBER;
        event.rating_centi = (int16_t)centi;
    }
    *ret_event = event;
    return MR_POISON_NONE;
}

static mr_poison put_amounts(const mr_draft_line *line, mr_event *event)
{
    mr_poison poison = MR_POISON_NONE;
    event->quantity = 1;
    event->price_minor = 0;
    event->value_minor = 0;
    if (line->quantity.length > 0)
        poison = to_whole(line->quantity, MR_DRAFT_QUANTITY_MAX, &event->quantity);
    if (poison == MR_POISON_NONE && line->price.length > 0)
        poison = to_minor(line->price, 1, &event->price_minor);
    if (poison == MR_POISON_NONE && line->value.length > 0)
        poison = to_minor(line->value, 1, &event->value_minor);
    else if (poison == MR_POISON_NONE && line->price.length > 0)
        poison = to_minor(line->price, event->quantity, &event->value_minor);
    if (poison != MR_POISON_NONE || is_adjustment(event))
        return poison;
    return event->quantity < 0 || event->price_minor < 0 || event->value_minor < 0
               ? MR_POISON_BAD_NUMBER
               : MR_POISON_NONE;
}

mr_poison mr_draft_line_put(const mr_draft_line *line, mr_event *event)
{
    mr_text item_id = line->item_id;
    if (item_id.length == 0)
        item_id = line->sku.length > 0 ? line->sku : line->plain_id;
    if (item_id.length > MR_EVENT_ID_BYTES_MAX ||
        line->category.length > MR_EVENT_ID_BYTES_MAX ||
        line->brand.length > MR_EVENT_ID_BYTES_MAX)
        return MR_POISON_BAD_ID;
    event->item_id = item_id;
    event->category = line->category;
    event->brand = line->brand;
    event->position = -1;
    if (line->position.length > 0) {
        int64_t position;
        if (to_whole(line->position, INT32_MAX, &position) != MR_POISON_NONE ||
            position < 0)
            return MR_POISON_BAD_NUMBER;
        event->position = (int32_t)position;
    }
    return put_amounts(line, event);
}

void mr_decode_append(mr_decode_output *output, const mr_event *event)
{
    mr_event_batch *batch = output->batch;
    if (batch->event_count == batch->event_capacity) {
        output->status = mr_event_batch_reserve(
            batch, batch->record_capacity,
            batch->event_capacity < 64 ? 64 : batch->event_capacity * 2);
        if (output->status != MR_OK)
            return;
    }
    batch->events[batch->event_count++] = *event;
}

mr_poison mr_draft_emit(const mr_draft *draft, mr_event_type type,
                        mr_decode_output *output)
{
    mr_event event;
    mr_poison poison = mr_draft_event(draft, type, &event);
    if (poison == MR_POISON_NONE)
        poison = mr_draft_line_put(&draft->line, &event);
    if (poison == MR_POISON_NONE)
        mr_decode_append(output, &event);
    return poison;
}
