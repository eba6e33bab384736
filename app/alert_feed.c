#include "app/alert_feed.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIER_BYTES = 16, PARTITIONS_MAX = 4096 };

typedef struct alert {
    int64_t offset;
    char tier[TIER_BYTES]; /* of churn */
    char *json;
    uint32_t bytes;
} alert;

typedef struct ring {
    alert *places; /* MR_ALERT_FEED_MAX; the oldest is at first % MAX */
    uint64_t first;
    uint64_t end;
} ring;

struct mr_alert_feed {
    pthread_mutex_t lock;
    ring rings[MR_ALERT_KINDS];
    uint64_t newest_sequence[PARTITIONS_MAX];
};

mr_status mr_alert_feed_create(mr_alert_feed **ret_feed)
{
    mr_alert_feed *feed = calloc(1, sizeof(*feed));
    if (feed == NULL)
        return MR_ERR_NO_MEMORY;
    (void)pthread_mutex_init(&feed->lock, NULL);
    for (int kind = 0; kind < MR_ALERT_KINDS; kind++) {
        ring *r = &feed->rings[kind];
        r->places = calloc(MR_ALERT_FEED_MAX, sizeof(*r->places));
        if (r->places == NULL) {
            mr_alert_feed_destroy(feed);
            return MR_ERR_NO_MEMORY;
        }
    }
    *ret_feed = feed;
    return MR_OK;
}

void mr_alert_feed_destroy(mr_alert_feed *feed)
{
    if (feed == NULL)
        return;
    for (int kind = 0; kind < MR_ALERT_KINDS; kind++) {
        alert *places = feed->rings[kind].places;
        for (size_t i = 0; places != NULL && i < MR_ALERT_FEED_MAX; i++)
            free(places[i].json);
        free(places);
    }
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

const char *mr_alert_kind_name(mr_alert_kind kind)
{
    static const char *const names[MR_ALERT_KINDS] = {"churn", "lifecycle", "level",
                                                      "segment"};
    return names[kind];
}

/* False for one of a kind that a newer program knows, and of churn for one without a tier. */
static bool read_kind(mr_text json, mr_alert_kind *ret_kind, char ret_tier[TIER_BYTES])
{
    mr_json *document = NULL;
    if (mr_json_parse(json, &document, NULL) != MR_OK)
        return false;
    mr_json_value *root = mr_json_root(document);
    const mr_text kind = mr_json_text(mr_json_get(root, "kind"), MR_TEXT("churn"));
    const mr_text tier = mr_json_text(mr_json_get(root, "tier"), (mr_text){0});
    *ret_kind = MR_ALERT_CHURN;
    while (*ret_kind < MR_ALERT_KINDS && !mr_text_is(kind, mr_alert_kind_name(*ret_kind)))
        ++*ret_kind;
    const bool fits = *ret_kind == MR_ALERT_CHURN
                          ? tier.length > 0 && tier.length < TIER_BYTES
                          : *ret_kind < MR_ALERT_KINDS && tier.length == 0;
    if (fits && tier.length > 0)
        memcpy(ret_tier, tier.bytes, tier.length);
    mr_json_destroy(document);
    return fits;
}

static void push(ring *r, const alert *next)
{
    alert *place = &r->places[r->end % MR_ALERT_FEED_MAX];
    free(place->json);
    *place = *next;
    r->end++;
    if (r->end - r->first > MR_ALERT_FEED_MAX)
        r->first = r->end - MR_ALERT_FEED_MAX;
}

mr_status mr_alert_feed_add(mr_alert_feed *feed, const mr_log_record *record)
{
    uint32_t partition;
    uint64_t sequence;
    alert next = {.offset = record->offset, .bytes = record->value.length};
    mr_alert_kind kind;
    if (!sequence_of(record, &partition, &sequence) ||
        !read_kind(record->value, &kind, next.tier))
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
        push(&feed->rings[kind], &next);
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
static uint64_t place_after(const ring *r, int64_t offset)
{
    uint64_t low = r->first;
    uint64_t high = r->end;
    while (low < high) {
        const uint64_t middle = low + (high - low) / 2;
        if (r->places[middle % MR_ALERT_FEED_MAX].offset <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The ring whose next alert has the smallest offset; NULL: all have been walked. */
static const alert *take_next(const mr_alert_feed *feed, mr_alert_kind kind,
                              uint64_t places[MR_ALERT_KINDS])
{
    const alert *next = NULL;
    int from = 0;
    for (int k = 0; k < MR_ALERT_KINDS; k++) {
        const ring *r = &feed->rings[k];
        const alert *each = &r->places[places[k] % MR_ALERT_FEED_MAX];
        if ((kind != MR_ALERT_KINDS && (int)kind != k) || places[k] >= r->end ||
            (next != NULL && each->offset > next->offset))
            continue;
        next = each;
        from = k;
    }
    places[from] += next != NULL;
    return next;
}

mr_status mr_alert_feed_query(mr_alert_feed *feed, mr_alert_kind kind, mr_text tier,
                              mr_text since, size_t limit, mr_json_writer *writer,
                              char ret_cursor[MR_ALERT_FEED_CURSOR_BYTES])
{
    int64_t offset;
    MR_TRY(cursor_offset(since, &offset));

    (void)pthread_mutex_lock(&feed->lock);
    size_t written = 0;
    uint64_t places[MR_ALERT_KINDS];
    for (int k = 0; k < MR_ALERT_KINDS; k++)
        places[k] = place_after(&feed->rings[k], offset);
    for (const alert *each; written < limit;) {
        each = take_next(feed, kind, places);
        if (each == NULL)
            break;
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
    size_t count = 0;
    for (int kind = 0; kind < MR_ALERT_KINDS; kind++)
        count += (size_t)(feed->rings[kind].end - feed->rings[kind].first);
    (void)pthread_mutex_unlock(&feed->lock);
    return count;
}
