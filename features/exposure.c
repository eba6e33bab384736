#include "features/exposure.h"

#include "core/assert.h"
#include "core/hash.h"

#include <stdlib.h>
#include <string.h>

/* Places in the bytes of a recommendation id: docs/FORMATS.md. */
enum {
    VERSION_AT = 0,
    COUNT_AT = 1,
    PLACEMENT_AT = 2,
    VARIANT_AT = 17,
    SOURCES_AT = 18,
    ID_VERSION = 1,
    PREFIX_BYTES = 2,
};

void mr_exposures_deinit(mr_exposures *exposures)
{
    free(exposures->rows);
    *exposures = (mr_exposures){0};
}

mr_status mr_exposures_reserve(mr_exposures *exposures, size_t more)
{
    const size_t needed = exposures->count + more;
    if (needed <= exposures->capacity)
        return MR_OK;
    const size_t doubled = 2 * exposures->capacity;
    const size_t capacity = needed > doubled ? needed : doubled;
    mr_exposure *grown = realloc(exposures->rows, capacity * sizeof(*grown));
    if (grown == NULL)
        return MR_ERR_NO_MEMORY;
    exposures->rows = grown;
    exposures->capacity = capacity;
    return MR_OK;
}

/* ---- the id ---- */

/* Six bits; 64 for what is no letter of base64url. */
static uint32_t sextet(char letter)
{
    if (letter >= 'A' && letter <= 'Z')
        return (uint32_t)(letter - 'A');
    if (letter >= 'a' && letter <= 'z')
        return (uint32_t)(letter - 'a') + 26;
    if (letter >= '0' && letter <= '9')
        return (uint32_t)(letter - '0') + 52;
    if (letter == '-' || letter == '_')
        return letter == '-' ? 62 : 63;
    return 64;
}

/* A byte of what the id spells; -1: it is not that long, or is no base64url there. */
static int byte_of(mr_text id, size_t index)
{
    const size_t first = PREFIX_BYTES + index * 8 / 6;
    if (first + 1 >= id.length)
        return -1;
    const uint32_t high = sextet(id.bytes[first]);
    const uint32_t low = sextet(id.bytes[first + 1]);
    const unsigned skipped = (unsigned)(index * 8 % 6);
    if (high == 64 || low == 64)
        return -1;
    return (int)((high << 6 | low) >> (4 - skipped) & 255);
}

static bool is_spelt(mr_text id)
{
    for (size_t i = 0; i < SOURCES_AT; i++) {
        if (byte_of(id, i) < 0)
            return false;
    }
    return true;
}

static bool is_id(mr_text id)
{
    return id.length > PREFIX_BYTES && id.bytes[0] == 'r' && id.bytes[1] == '_' &&
           byte_of(id, VERSION_AT) == ID_VERSION && is_spelt(id);
}

/* The source of a position from 1 on, four bits each, the first in the low half. */
static uint8_t source_at(mr_text id, int32_t position)
{
    if (position < 1 || position > byte_of(id, COUNT_AT))
        return MR_EXPOSURE_SOURCE_UNKNOWN;
    const size_t place = (size_t)position - 1;
    const int pair = byte_of(id, SOURCES_AT + place / 2);
    return pair < 0 ? MR_EXPOSURE_SOURCE_UNKNOWN
                    : (uint8_t)(pair >> (place % 2 * 4) & 15);
}

static uint32_t placement_of(mr_text id)
{
    uint32_t placement = 0;
    for (size_t i = 0; i < sizeof(placement); i++)
        placement |= (uint32_t)byte_of(id, PLACEMENT_AT + i) << (8 * i);
    return placement;
}

static bool is_counted(mr_event_type type)
{
    return type == MR_EVENT_IMPRESSION || type == MR_EVENT_CLICK ||
           type == MR_EVENT_VIEW || type == MR_EVENT_CART_ADD ||
           type == MR_EVENT_PURCHASE || type == MR_EVENT_REFUND;
}

bool mr_exposure_key_of(const mr_event *event, int64_t day, mr_exposure_key *ret_key)
{
    const bool has_id = is_id(event->recommendation_id);
    if (!is_counted((mr_event_type)event->type) ||
        (!has_id && event->placement.length == 0))
        return false;
    *ret_key = (mr_exposure_key){
        .day = day > 0 ? (uint32_t)day : 0,
        .placement = has_id
                         ? placement_of(event->recommendation_id)
                         : mr_crc32c(0, event->placement.bytes, event->placement.length),
        .source = has_id ? source_at(event->recommendation_id, event->position)
                         : MR_EXPOSURE_SOURCE_UNKNOWN,
        .variant = has_id ? (uint8_t)byte_of(event->recommendation_id, VARIANT_AT) : 0,
    };
    return true;
}

/* ---- the rows ---- */

static int compare_keys(const mr_exposure_key *a, const mr_exposure_key *b)
{
    if (a->day != b->day)
        return a->day < b->day ? -1 : 1;
    if (a->placement != b->placement)
        return a->placement < b->placement ? -1 : 1;
    if (a->source != b->source)
        return a->source < b->source ? -1 : 1;
    return (a->variant > b->variant) - (a->variant < b->variant);
}

/* The key's row, made if there is none. */
static mr_exposure *row_of(mr_exposures *exposures, const mr_exposure_key *key)
{
    size_t low = 0;
    size_t high = exposures->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (compare_keys(&exposures->rows[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    mr_exposure *place = &exposures->rows[low];
    if (low < exposures->count && compare_keys(&place->key, key) == 0)
        return place;
    MR_ASSERT(exposures->count < exposures->capacity);
    memmove(place + 1, place, (exposures->count - low) * sizeof(*place));
    *place = (mr_exposure){.key = *key};
    exposures->count++;
    return place;
}

void mr_exposures_add(mr_exposures *exposures, const mr_exposure *row)
{
    mr_exposure *into = row_of(exposures, &row->key);
    into->is_changed = true;
    into->impressions += row->impressions;
    into->clicks += row->clicks;
    into->views += row->views;
    into->carts += row->carts;
    into->purchases += row->purchases;
    into->revenue_minor =
        (int64_t)((uint64_t)into->revenue_minor + (uint64_t)row->revenue_minor);
}

void mr_exposures_forget_changes(mr_exposures *exposures)
{
    for (size_t i = 0; i < exposures->count; i++)
        exposures->rows[i].is_changed = false;
}

void mr_exposures_set(mr_exposures *exposures, const mr_exposure *row)
{
    *row_of(exposures, &row->key) = *row;
}

void mr_exposures_apply(mr_exposures *exposures, const mr_event *event, int64_t day)
{
    mr_exposure one = {0};
    if (!mr_exposure_key_of(event, day, &one.key))
        return;
    switch ((mr_event_type)event->type) {
    case MR_EVENT_IMPRESSION: one.impressions = 1; break;
    case MR_EVENT_CART_ADD: one.carts = 1; break;
    case MR_EVENT_PURCHASE:
        one.purchases = 1;
        one.revenue_minor = event->value_minor;
        break;
    case MR_EVENT_REFUND:
        one.revenue_minor = (int64_t)(0 - (uint64_t)event->value_minor);
        break;
    case MR_EVENT_VIEW: one.views = 1; break;
    default: one.clicks = 1; break;
    }
    mr_exposures_add(exposures, &one);
}
