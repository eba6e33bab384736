#include "app/alert_feed.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIER_BYTES = 16, PARTITIONS_MAX = 4096 };

typedef struct alert {
    int64_t offset;
    char tier[TIER_BYTES];
    char *json;
    uint32_t bytes;
} alert;

struct mr_alert_feed {
    pthread_mutex_t lock;
    alert *ring; /* MR_ALERT_FEED_MAX places; the oldest is at first % MAX */
    uint64_t first;
    uint64_t end;
    uint64_t newest_sequence[PARTITIONS_MAX];
};

mr_status mr_alert_feed_create(mr_alert_feed **ret_feed)
{
    mr_alert_feed *feed = calloc(1, sizeof(*feed));
    if (feed == NULL)
        return MR_ERR_NO_MEMORY;
    feed->ring = calloc(MR_ALERT_FEED_MAX, sizeof(*feed->ring));
    if (feed->ring == NULL) {
        free(feed);
        return MR_ERR_NO_MEMORY;
    }
    (void)pthread_mutex_init(&feed->lock, NULL);
    *ret_feed = feed;
    return MR_OK;
}

void mr_alert_feed_destroy(mr_alert_feed *feed)
{
    if (feed == NULL)
        return;
    for (size_t i = 0; i < MR_ALERT_FEED_MAX; i++)
        free(feed->ring[i].json);
    free(feed->ring);
    (void)pthread_mutex_destroy(&feed->lock);
    free(feed);
}

/* "PARTITION:SEQUENCE"; false when the record carries none. */
static bool sequence_of(const mr_log_record *record, uint32_t *ret_partition,
                        uint64_t *ret_sequence)
{
    for (uint32_t i = 0; i < record->header_count; i++) {
        const mr_text value = record->headers[i].value;
        char text[48];
        if (!mr_text_is(record->headers[i].name, MR_ALERT_SEQUENCE_HEADER) ||
            value.length >= sizeof(text))
            continue;
        memcpy(text, value.bytes, value.length);
        text[value.length] = '\0';
        return sscanf(text, "%" SCNu32 ":%" SCNu64, ret_partition, ret_sequence) == 2 &&
               *ret_partition < PARTITIONS_MAX;
    }
    return false;
}

static bool tier_of(mr_text json, char ret_tier[TIER_BYTES])
{
    mr_json *document = NULL;
    if (mr_json_parse(json, &document, NULL) != MR_OK)
        return false;
    const mr_text tier =
        mr_json_text(mr_json_get(mr_json_root(document), "tier"), (mr_text){0});
    const bool fits = tier.length > 0 && tier.length < TIER_BYTES;
    if (fits) {
        memcpy(ret_tier, tier.bytes, tier.length);
        ret_tier[tier.length] = '\0';
    }
    mr_json_destroy(document);
    return fits;
}

mr_status mr_alert_feed_add(mr_alert_feed *feed, const mr_log_record *record)
{
    uint32_t partition;
    uint64_t sequence;
    alert next = {.offset = record->offset, .bytes = record->value.length};
    if (!sequence_of(record, &partition, &sequence) || !tier_of(record->value, next.tier))
        return MR_OK;
    next.json = malloc(record->value.length);
    if (next.json == NULL)
        return MR_ERR_NO_MEMORY;
    memcpy(next.json, record->value.bytes, record->value.length);

    (void)pthread_mutex_lock(&feed->lock);
    if (sequence <= feed->newest_sequence[partition]) {
        free(next.json);
    } else {
        feed->newest_sequence[partition] = sequence;
        alert *place = &feed->ring[feed->end % MR_ALERT_FEED_MAX];
        free(place->json);
        *place = next;
        feed->end++;
        if (feed->end - feed->first > MR_ALERT_FEED_MAX)
            feed->first = feed->end - MR_ALERT_FEED_MAX;
    }
    (void)pthread_mutex_unlock(&feed->lock);
    return MR_OK;
}

static mr_status cursor_offset(mr_text cursor, int64_t *ret_offset)
{
    *ret_offset = -1;
    if (cursor.length == 0)
        return MR_OK;
    const mr_text digits = {cursor.bytes + 1, cursor.length - 1};
    if (cursor.bytes[0] != 'o' || mr_text_to_int64(digits, ret_offset) != MR_OK ||
        *ret_offset < 0)
        return MR_ERR_INVALID;
    return MR_OK;
}

/* The first place whose offset is above `offset`: offsets rise along the ring. */
static uint64_t place_after(const mr_alert_feed *feed, int64_t offset)
{
    uint64_t low = feed->first;
    uint64_t high = feed->end;
    while (low < high) {
        const uint64_t middle = low + (high - low) / 2;
        if (feed->ring[middle % MR_ALERT_FEED_MAX].offset <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

mr_status mr_alert_feed_query(mr_alert_feed *feed, mr_text tier, mr_text since,
                              size_t limit, mr_json_writer *writer,
                              char ret_cursor[MR_ALERT_FEED_CURSOR_BYTES])
{
    int64_t offset;
    MR_TRY(cursor_offset(since, &offset));

    (void)pthread_mutex_lock(&feed->lock);
    size_t written = 0;
    for (uint64_t at = place_after(feed, offset); at < feed->end && written < limit;
         at++) {
        const alert *each = &feed->ring[at % MR_ALERT_FEED_MAX];
        offset = each->offset;
        if (tier.length > 0 && !mr_text_is(tier, each->tier))
            continue;
        mr_json_put_raw(writer, (mr_text){each->json, each->bytes});
        written++;
    }
    (void)pthread_mutex_unlock(&feed->lock);
    (void)snprintf(ret_cursor, MR_ALERT_FEED_CURSOR_BYTES, "o%" PRId64,
                   offset >= 0 ? offset : 0);
    if (offset < 0) /* nothing yet: the next query starts from the oldest as well */
        ret_cursor[0] = '\0';
    return MR_OK;
}

size_t mr_alert_feed_count(mr_alert_feed *feed)
{
    (void)pthread_mutex_lock(&feed->lock);
    const size_t count = (size_t)(feed->end - feed->first);
    (void)pthread_mutex_unlock(&feed->lock);
    return count;
}
