#include "features/item_quality.h"

#include "core/assert.h"
#include "features/item_array.h"

void mr_item_quality_deinit(mr_item_quality *quality)
{
    free(quality->items);
    *quality = (mr_item_quality){0};
}

size_t mr_item_quality_bytes(const mr_item_quality *quality)
{
    return quality->capacity * sizeof(*quality->items);
}

mr_status mr_item_quality_reserve(mr_item_quality *quality, size_t count)
{
    if (count <= quality->capacity)
        return MR_OK;
    void *grown = mr_item_array_grow(quality->items, &quality->capacity,
                                     sizeof(*quality->items), count);
    if (grown == NULL)
        return MR_ERR_NO_MEMORY;
    quality->items = grown;
    return MR_OK;
}

bool mr_item_quality_counts(const mr_event *event)
{
    switch ((mr_event_type)event->type) {
    case MR_EVENT_IMPRESSION:
    case MR_EVENT_CLICK:
    case MR_EVENT_SHARE:
    case MR_EVENT_REVIEW: return true;
    case MR_EVENT_RATE: return event->rating_centi > 0;
    default: return false;
    }
}

static void add(uint32_t *count, uint32_t more)
{
    *count = *count > UINT32_MAX - more ? UINT32_MAX : *count + more;
}

void mr_quality_add(mr_quality *quality, const mr_quality *other)
{
    add(&quality->impressions, other->impressions);
    add(&quality->clicks, other->clicks);
    add(&quality->shares, other->shares);
    add(&quality->reviews, other->reviews);
    add(&quality->ratings, other->ratings);
    quality->rating_centi += other->rating_centi;
}

void mr_item_quality_apply(mr_item_quality *quality, uint32_t item, const mr_event *event)
{
    MR_ASSERT(item < quality->capacity);
    mr_quality one = {
        .impressions = event->type == MR_EVENT_IMPRESSION,
        .clicks = event->type == MR_EVENT_CLICK,
        .shares = event->type == MR_EVENT_SHARE,
        .reviews = event->type == MR_EVENT_REVIEW,
    };
    /* A review may bring its rating along. */
    if (event->rating_centi > 0 &&
        (event->type == MR_EVENT_RATE || event->type == MR_EVENT_REVIEW)) {
        one.ratings = 1;
        one.rating_centi = (uint64_t)event->rating_centi;
    }
    mr_quality_add(&quality->items[item], &one);
}

bool mr_quality_is_none(const mr_quality *quality)
{
    return quality->impressions == 0 && quality->clicks == 0 && quality->shares == 0 &&
           quality->reviews == 0 && quality->ratings == 0;
}
