#include "core/event.h"

#include <stdlib.h>

static const char *const type_names[MR_EVENT_TYPES] = {
    [MR_EVENT_VIEW] = "view",
    [MR_EVENT_CLICK] = "click",
    [MR_EVENT_SEARCH] = "search",
    [MR_EVENT_LIST_VIEW] = "list_view",
    [MR_EVENT_CART_ADD] = "cart_add",
    [MR_EVENT_CART_REMOVE] = "cart_remove",
    [MR_EVENT_WISHLIST] = "wishlist",
    [MR_EVENT_CHECKOUT] = "checkout",
    [MR_EVENT_PURCHASE] = "purchase",
    [MR_EVENT_REFUND] = "refund",
    [MR_EVENT_RATE] = "rate",
    [MR_EVENT_REVIEW] = "review",
    [MR_EVENT_SHARE] = "share",
    [MR_EVENT_LOGIN] = "login",
    [MR_EVENT_IMPRESSION] = "impression",
    [MR_EVENT_REDEEM] = "redeem",
    [MR_EVENT_IDENTIFY] = "identify",
    [MR_EVENT_CUSTOM] = "custom",
};

static const char *const poison_names[MR_POISON_KINDS] = {
    [MR_POISON_NONE] = "none",
    [MR_POISON_EMPTY] = "empty",
    [MR_POISON_TOO_LARGE] = "too_large",
    [MR_POISON_NOT_JSON] = "not_json",
    [MR_POISON_NOT_UTF8] = "not_utf8",
    [MR_POISON_TOO_DEEP] = "too_deep",
    [MR_POISON_DUPLICATE_KEY] = "duplicate_key",
    [MR_POISON_NO_USER] = "no_user",
    [MR_POISON_BAD_ID] = "bad_id",
    [MR_POISON_NO_TYPE] = "no_type",
    [MR_POISON_BAD_TIME] = "bad_time",
    [MR_POISON_BAD_NUMBER] = "bad_number",
    [MR_POISON_TOO_MANY_LINES] = "too_many_lines",
    [MR_POISON_PRIVILEGED] = "privileged",
    [MR_POISON_BAD_CONTROL] = "bad_control",
    [MR_POISON_WRONG_DIALECT] = "wrong_dialect",
};

static const char *const disposition_names[] = {
    [MR_RECORD_EVENTS] = "events", [MR_RECORD_TICK] = "tick",
    [MR_RECORD_LINK] = "link",     [MR_RECORD_CONTROL] = "control",
    [MR_RECORD_POISON] = "poison",
};

enum { DISPOSITIONS = sizeof(disposition_names) / sizeof(disposition_names[0]) };

const char *mr_event_type_name(mr_event_type type)
{
    return (unsigned)type < MR_EVENT_TYPES ? type_names[type] : NULL;
}

mr_event_type mr_event_type_from(mr_text name)
{
    for (unsigned type = MR_EVENT_NONE + 1; type < MR_EVENT_TYPES; type++) {
        if (mr_text_is(name, type_names[type]))
            return (mr_event_type)type;
    }
    return MR_EVENT_NONE;
}

const char *mr_disposition_name(mr_disposition disposition)
{
    return (unsigned)disposition < DISPOSITIONS ? disposition_names[disposition] : NULL;
}

const char *mr_poison_name(mr_poison poison)
{
    return (unsigned)poison < MR_POISON_KINDS ? poison_names[poison] : NULL;
}

mr_status mr_event_batch_init(mr_event_batch *ret_batch, size_t records, size_t events)
{
    mr_event_batch batch = {0};
    const mr_status status = mr_event_batch_reserve(&batch, records, events);
    if (status != MR_OK) {
        mr_event_batch_deinit(&batch);
        return status;
    }
    *ret_batch = batch;
    return MR_OK;
}

/* Grow by doubling at least, so that a reserve of one more each time stays cheap. */
static mr_status grow(void **array, size_t *capacity, size_t needed, size_t element_bytes)
{
    if (needed <= *capacity)
        return MR_OK;
    const size_t doubled = *capacity <= SIZE_MAX / 2 ? *capacity * 2 : SIZE_MAX;
    const size_t grown = needed > doubled ? needed : doubled;
    void *moved = reallocarray(*array, grown, element_bytes);
    if (moved == NULL)
        return MR_ERR_NO_MEMORY;
    *array = moved;
    *capacity = grown;
    return MR_OK;
}

mr_status mr_event_batch_reserve(mr_event_batch *batch, size_t records, size_t events)
{
    void *record_array = batch->records;
    mr_status status =
        grow(&record_array, &batch->record_capacity, records, sizeof(*batch->records));
    batch->records = record_array;
    MR_TRY(status);

    void *event_array = batch->events;
    status = grow(&event_array, &batch->event_capacity, events, sizeof(*batch->events));
    batch->events = event_array;
    return status;
}

void mr_event_batch_clear(mr_event_batch *batch)
{
    batch->event_count = 0;
    batch->record_count = 0;
}

void mr_event_batch_deinit(mr_event_batch *batch)
{
    free(batch->events);
    free(batch->records);
    *batch = (mr_event_batch){0};
}
