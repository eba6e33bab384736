#include "features/exposure.h"

#include "core/hash.h"

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
static uint32_t source_at(mr_text id, int32_t position)
{
    if (position < 1 || position > byte_of(id, COUNT_AT))
        return MR_EXPOSURE_SOURCE_UNKNOWN;
    const size_t place = (size_t)position - 1;
    const int pair = byte_of(id, SOURCES_AT + place / 2);
    return pair < 0 ? MR_EXPOSURE_SOURCE_UNKNOWN
                    : (uint32_t)(pair >> (place % 2 * 4)) & 15U;
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

/* Where an event counts; false: nowhere. */
static bool key_of(const mr_event *event, int64_t day, uint32_t ret_key[MR_TALLY_KEYS])
{
    const mr_text id = event->recommendation_id;
    const bool has_id = is_id(id);
    if (!is_counted((mr_event_type)event->type) ||
        (!has_id && event->placement.length == 0))
        return false;
    ret_key[MR_EXPOSURE_DAY] = day > 0 ? (uint32_t)day : 0;
    ret_key[MR_EXPOSURE_PLACEMENT] =
        has_id ? placement_of(id)
               : mr_crc32c(0, event->placement.bytes, event->placement.length);
    ret_key[MR_EXPOSURE_SOURCE] =
        has_id ? source_at(id, event->position) : MR_EXPOSURE_SOURCE_UNKNOWN;
    ret_key[MR_EXPOSURE_VARIANT] = has_id ? (uint32_t)byte_of(id, VARIANT_AT) : 0;
    return true;
}

void mr_exposures_apply(mr_tally *exposures, const mr_event *event, int64_t day)
{
    mr_tally_row one = {0};
    if (!key_of(event, day, one.key))
        return;
    switch ((mr_event_type)event->type) {
    case MR_EVENT_IMPRESSION: one.values[MR_EXPOSURE_IMPRESSIONS] = 1; break;
    case MR_EVENT_VIEW: one.values[MR_EXPOSURE_VIEWS] = 1; break;
    case MR_EVENT_CART_ADD: one.values[MR_EXPOSURE_CARTS] = 1; break;
    case MR_EVENT_PURCHASE:
        one.values[MR_EXPOSURE_PURCHASES] = 1;
        one.values[MR_EXPOSURE_REVENUE] = event->value_minor;
        break;
    case MR_EVENT_REFUND:
        one.values[MR_EXPOSURE_REVENUE] = (int64_t)(0 - (uint64_t)event->value_minor);
        break;
    default: one.values[MR_EXPOSURE_CLICKS] = 1; break;
    }
    mr_tally_add(exposures, &one);
}
