#include "app/recent_readers.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

enum {
    BUCKET_PLACES = 8, /* a cache line */
    BUCKETS = MR_RECENT_READERS_PLACES / BUCKET_PLACES,
    CHOICES = 2,
    LINE_BYTES = 64,
    MINUTE_BITS = 24,
};
#define MINUTE_NS INT64_C(60000000000)
#define MINUTE_MASK ((UINT64_C(1) << MINUTE_BITS) - 1)
#define TAKEN (UINT64_C(1) << MINUTE_BITS)
#define TAG_MASK (~(MINUTE_MASK | TAKEN))

/* Each place says all it has to say in one word, so nothing is ordered against anything else.
 * 0: nobody; else 39 bits of the user's hash, whether the mark was taken, and the minute. */
typedef struct bucket {
    _Atomic uint64_t places[BUCKET_PLACES];
} bucket;
_Static_assert(sizeof(bucket) == LINE_BYTES, "a bucket is one cache line");

struct mr_recent_readers {
    bucket *buckets;
    const mr_clock *clock;
    int64_t start_ns;
};

mr_status mr_recent_readers_create(const mr_clock *clock, mr_recent_readers **ret_readers)
{
    mr_recent_readers *readers = calloc(1, sizeof(*readers));
    if (readers == NULL)
        return MR_ERR_NO_MEMORY;
    readers->buckets = aligned_alloc(LINE_BYTES, BUCKETS * sizeof(bucket));
    if (readers->buckets == NULL) {
        free(readers);
        return MR_ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < BUCKETS; i++)
        for (size_t p = 0; p < BUCKET_PLACES; p++)
            atomic_init(&readers->buckets[i].places[p], 0);
    readers->clock = clock;
    readers->start_ns = mr_clock_monotonic_ns(clock);
    *ret_readers = readers;
    return MR_OK;
}

void mr_recent_readers_destroy(mr_recent_readers *readers)
{
    if (readers == NULL)
        return;
    free(readers->buckets);
    free(readers);
}

/* From 1 on, so that no place of a reader is 0. */
static uint64_t minute_of(const mr_recent_readers *readers)
{
    const int64_t since_ns = mr_clock_monotonic_ns(readers->clock) - readers->start_ns;
    return ((uint64_t)(since_ns / MINUTE_NS) + 1) & MINUTE_MASK;
}

/* The hash is keyed and its halves are independent: the low one names the buckets, the high one
 * the user within them. */
static bucket *bucket_of(const mr_recent_readers *readers, mr_hash128 user, int number)
{
    const uint64_t bits = number == 0 ? user.low : user.low >> 32;
    return &readers->buckets[bits % BUCKETS];
}

static uint64_t tag_of(mr_hash128 user)
{
    return user.high & TAG_MASK;
}

static uint64_t load(const _Atomic uint64_t *place)
{
    return atomic_load_explicit(place, memory_order_relaxed);
}

static bool is_of(uint64_t place, mr_hash128 user)
{
    return place != 0 && (place & TAG_MASK) == tag_of(user);
}

static bool is_recent(uint64_t place, uint64_t now)
{
    return place != 0 && (place & MINUTE_MASK) + MR_RECENT_READERS_MINUTES >= now;
}

/* What a mark may do in one bucket. */
typedef struct choice {
    _Atomic uint64_t *own;    /* the user's place; NULL: none */
    _Atomic uint64_t *oldest; /* the one to give up           */
    uint64_t oldest_minute;   /* 0: nobody's                  */
    int free;                 /* places of nobody who was read lately */
} choice;

static choice look(bucket *b, mr_hash128 user, uint64_t now)
{
    choice c = {.oldest_minute = UINT64_MAX};
    for (size_t p = 0; p < BUCKET_PLACES; p++) {
        const uint64_t found = load(&b->places[p]);
        c.own = is_of(found, user) ? &b->places[p] : c.own;
        c.free += !is_recent(found, now);
        if ((found & MINUTE_MASK) < c.oldest_minute) {
            c.oldest_minute = found & MINUTE_MASK;
            c.oldest = &b->places[p];
        }
    }
    return c;
}

/* The emptier of two buckets; of full ones that which holds the older mark. */
static bool is_better(const choice *a, const choice *b)
{
    return a->free != b->free ? a->free > b->free : a->oldest_minute < b->oldest_minute;
}

void mr_recent_readers_mark(mr_recent_readers *readers, mr_hash128 user)
{
    const uint64_t now = minute_of(readers);
    const uint64_t mark = tag_of(user) | now;
    const choice first = look(bucket_of(readers, user, 0), user, now);
    const choice second = look(bucket_of(readers, user, 1), user, now);
    _Atomic uint64_t *place = is_better(&second, &first) ? second.oldest : first.oldest;
    if (first.own != NULL)
        place = first.own;
    else if (second.own != NULL)
        place = second.own;
    if (load(place) != mark)
        atomic_store_explicit(place, mark, memory_order_relaxed);
}

bool mr_recent_readers_take(mr_recent_readers *readers, mr_hash128 user)
{
    const uint64_t now = minute_of(readers);
    for (int n = 0; n < CHOICES; n++) {
        bucket *b = bucket_of(readers, user, n);
        for (size_t p = 0; p < BUCKET_PLACES; p++) {
            uint64_t found = load(&b->places[p]);
            if (!is_of(found, user))
                continue;
            /* A reading of this instant, which makes the exchange fail, is taken next time. */
            return (found & TAKEN) == 0 && is_recent(found, now) &&
                   atomic_compare_exchange_strong_explicit(
                       &b->places[p], &found, found | TAKEN, memory_order_relaxed,
                       memory_order_relaxed);
        }
    }
    return false;
}
