#include "features/dedup_private.h"

#include "core/assert.h"

#include <stdlib.h>
#include <string.h>

mr_status mr_dedup_create(const mr_dedup_spec *spec, mr_dedup **ret_dedup)
{
    mr_dedup *dedup = calloc(1, sizeof(*dedup));
    if (dedup == NULL)
        return MR_ERR_NO_MEMORY;
    dedup->spec = spec;
    dedup->watermark_ms = MR_TIME_NONE;
    for (int span = 0; span < MR_DEDUP_CLASSES; span++)
        dedup->lists[span].evicted_end_ms = MR_TIME_NONE;
    if (mr_dedup_tables_init(dedup) != MR_OK) {
        mr_dedup_destroy(dedup);
        return MR_ERR_NO_MEMORY;
    }
    *ret_dedup = dedup;
    return MR_OK;
}

void mr_dedup_destroy(mr_dedup *dedup)
{
    if (dedup == NULL)
        return;
    mr_dedup_tables_deinit(dedup);
    mr_dedup_cut_deinit(dedup);
    for (int span = 0; span < MR_DEDUP_CLASSES; span++)
        free(dedup->lists[span].buckets);
    free(dedup);
}

mr_status mr_dedup_reserve(mr_dedup *dedup, size_t ids)
{
    MR_TRY(mr_dedup_tables_reserve(dedup, ids));
    for (int span = 0; span < MR_DEDUP_CLASSES; span++)
        MR_TRY(mr_dedup_list_reserve(&dedup->lists[span], ids));
    return mr_dedup_fresh_reserve(dedup, ids);
}

/* -- buckets -------------------------------------------------------------------------------- */

mr_status mr_dedup_list_reserve(mr_dedup_list *list, size_t buckets)
{
    if (list->count + buckets <= list->capacity)
        return MR_OK;
    const size_t capacity = 2 * (list->count + buckets);
    mr_dedup_bucket *grown = realloc(list->buckets, capacity * sizeof(*grown));
    if (grown == NULL)
        return MR_ERR_NO_MEMORY;
    list->buckets = grown;
    list->capacity = capacity;
    return MR_OK;
}

/* Events come nearly in order: the newest bucket first, else by halves. */
size_t mr_dedup_list_place(const mr_dedup_list *list, int64_t number)
{
    size_t low = 0;
    size_t high = list->count;
    if (high > 0 && list->buckets[high - 1].number <= number)
        low = list->buckets[high - 1].number == number ? high - 1 : high;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (list->buckets[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int64_t mr_dedup_bucket_end_ms(const mr_dedup *dedup, mr_dedup_class span, int64_t number)
{
    const int64_t width_ms = dedup->spec->bucket_ms[span];
    return number >= INT64_MAX / width_ms ? INT64_MAX : (number + 1) * width_ms;
}

int64_t mr_dedup_floor_ms(const mr_dedup *dedup, mr_dedup_class span,
                          int64_t watermark_ms)
{
    return watermark_ms == MR_TIME_NONE ? MR_TIME_NONE
                                        : watermark_ms - dedup->spec->horizon_ms[span];
}

static int64_t bucket_number(const mr_dedup *dedup, mr_dedup_class span, int64_t time_ms)
{
    const int64_t width_ms = dedup->spec->bucket_ms[span];
    return time_ms / width_ms - (time_ms % width_ms < 0);
}

/* The next number that no entry says, dead ones included. */
static uint16_t take_slot(mr_dedup *dedup)
{
    uint16_t slot = dedup->last_slot;
    for (size_t looked = 0; looked < MR_DEDUP_SLOTS; looked++) {
        slot = (uint16_t)((slot + 1) % MR_DEDUP_SLOTS);
        if (slot != 0 && !dedup->is_live[slot] && dedup->entries_of[slot] == 0)
            break;
    }
    MR_ASSERT(!dedup->is_live[slot]);
    MR_ASSERT(dedup->entries_of[slot] == 0);
    dedup->last_slot = slot;
    return slot;
}

mr_dedup_bucket *mr_dedup_list_insert(mr_dedup *dedup, mr_dedup_list *list, size_t place,
                                      int64_t number, uint64_t born)
{
    MR_ASSERT(list->count < list->capacity);
    mr_dedup_tables_clean(dedup);
    mr_dedup_bucket *bucket = &list->buckets[place];
    memmove(bucket + 1, bucket, (list->count - place) * sizeof(*bucket));
    list->count++;
    *bucket = (mr_dedup_bucket){.number = number, .born = born, .slot = take_slot(dedup)};
    dedup->is_live[bucket->slot] = true;
    return bucket;
}

void mr_dedup_list_remove(mr_dedup *dedup, mr_dedup_list *list, size_t first,
                          size_t count)
{
    for (size_t i = first; i < first + count; i++) {
        dedup->is_live[list->buckets[i].slot] = false;
        dedup->count -= list->buckets[i].count;
    }
    mr_dedup_bucket *rest = &list->buckets[first];
    memmove(rest, rest + count, (list->count - first - count) * sizeof(*rest));
    list->count -= count;
}

/* How many buckets of the list end at or before the floor. */
static size_t count_gone(const mr_dedup *dedup, mr_dedup_class span, int64_t watermark_ms)
{
    const mr_dedup_list *list = &dedup->lists[span];
    const int64_t floor_ms = mr_dedup_floor_ms(dedup, span, watermark_ms);
    size_t gone = 0;
    while (gone < list->count &&
           mr_dedup_bucket_end_ms(dedup, span, list->buckets[gone].number) <= floor_ms)
        gone++;
    return gone;
}

void mr_dedup_advance(mr_dedup *dedup, int64_t watermark_ms)
{
    if (watermark_ms == dedup->watermark_ms)
        return;
    MR_ASSERT(watermark_ms > dedup->watermark_ms);
    dedup->watermark_ms = watermark_ms;
    for (int span = 0; span < MR_DEDUP_CLASSES; span++) {
        const size_t gone = count_gone(dedup, (mr_dedup_class)span, watermark_ms);
        if (gone > 0)
            mr_dedup_list_remove(dedup, &dedup->lists[span], 0, gone);
    }
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

bool mr_dedup_is_late(const mr_dedup *dedup, mr_dedup_class span, int64_t time_ms)
{
    return time_ms < dedup->watermark_ms &&
           time_ms < larger(mr_dedup_floor_ms(dedup, span, dedup->watermark_ms),
                            dedup->lists[span].evicted_end_ms);
}

/* -- put ------------------------------------------------------------------------------------ */

/* The class whose oldest bucket ends first, short of two that end together. */
static mr_dedup_class oldest_class(const mr_dedup *dedup)
{
    int64_t ends_ms[MR_DEDUP_CLASSES];
    for (int span = 0; span < MR_DEDUP_CLASSES; span++) {
        const mr_dedup_list *list = &dedup->lists[span];
        if (list->count == 0)
            return span == MR_DEDUP_LONG ? MR_DEDUP_SHORT : MR_DEDUP_LONG;
        ends_ms[span] =
            mr_dedup_bucket_end_ms(dedup, (mr_dedup_class)span, list->buckets[0].number);
    }
    return ends_ms[MR_DEDUP_LONG] < ends_ms[MR_DEDUP_SHORT] ? MR_DEDUP_LONG
                                                            : MR_DEDUP_SHORT;
}

static void evict_oldest(mr_dedup *dedup)
{
    const mr_dedup_class span = oldest_class(dedup);
    mr_dedup_list *list = &dedup->lists[span];
    MR_ASSERT(list->count > 0);
    const int64_t end_ms = mr_dedup_bucket_end_ms(dedup, span, list->buckets[0].number);
    list->evicted_end_ms = larger(list->evicted_end_ms, end_ms);
    if (end_ms > dedup->watermark_ms)
        dedup->forgotten += list->buckets[0].count;
    mr_dedup_list_remove(dedup, list, 0, 1);
}

bool mr_dedup_has(const mr_dedup *dedup, uint64_t fingerprint)
{
    return dedup->is_live[mr_dedup_tables_find(dedup, mr_dedup_entry_of(fingerprint))];
}

bool mr_dedup_put(mr_dedup *dedup, uint64_t fingerprint, mr_dedup_class span,
                  int64_t time_ms)
{
    if (mr_dedup_has(dedup, fingerprint))
        return false;
    const int64_t number = bucket_number(dedup, span, time_ms);
    if (mr_dedup_bucket_end_ms(dedup, span, number) <=
        mr_dedup_floor_ms(dedup, span, dedup->watermark_ms))
        return true;
    while (dedup->count >= dedup->spec->entries_max)
        evict_oldest(dedup);
    mr_dedup_list *list = &dedup->lists[span];
    const size_t place = mr_dedup_list_place(list, number);
    mr_dedup_bucket *bucket = &list->buckets[place];
    if (place == list->count || bucket->number != number)
        bucket = mr_dedup_list_insert(dedup, list, place, number, ++dedup->births);
    const uint64_t entry = mr_dedup_entry_of(fingerprint);
    mr_dedup_tables_put(dedup, entry, bucket->slot);
    bucket->count++;
    dedup->count++;
    mr_dedup_fresh_put(dedup, entry, bucket);
    return true;
}

/* -- what there is -------------------------------------------------------------------------- */

size_t mr_dedup_buckets(const mr_dedup *dedup, mr_dedup_class span, int64_t watermark_ms,
                        const mr_dedup_bucket **ret_buckets)
{
    const size_t gone = count_gone(dedup, span, watermark_ms);
    *ret_buckets = dedup->lists[span].buckets + gone;
    return dedup->lists[span].count - gone;
}

int64_t mr_dedup_evicted_end_ms(const mr_dedup *dedup, mr_dedup_class span)
{
    return dedup->lists[span].evicted_end_ms;
}

size_t mr_dedup_count(const mr_dedup *dedup)
{
    return dedup->count;
}

uint64_t mr_dedup_forgotten(const mr_dedup *dedup)
{
    return dedup->forgotten;
}

size_t mr_dedup_bytes(const mr_dedup *dedup)
{
    size_t bytes =
        sizeof(*dedup) + mr_dedup_tables_bytes(dedup) + dedup->cut.head.capacity +
        dedup->cut.early.capacity +
        dedup->fresh.chunk_count * MR_DEDUP_FRESH_CHUNK * sizeof(mr_dedup_fresh_entry);
    for (int span = 0; span < MR_DEDUP_CLASSES; span++)
        bytes += dedup->lists[span].capacity * sizeof(mr_dedup_bucket);
    return bytes;
}

void mr_dedup_check(const mr_dedup *dedup)
{
    size_t count = 0;
    size_t live = 0;
    for (int span = 0; span < MR_DEDUP_CLASSES; span++) {
        const mr_dedup_list *list = &dedup->lists[span];
        for (size_t i = 0; i < list->count; i++) {
            const mr_dedup_bucket *bucket = &list->buckets[i];
            MR_ASSERT(i == 0 || list->buckets[i - 1].number < bucket->number);
            MR_ASSERT(bucket->count > 0);
            MR_ASSERT(bucket->count == dedup->entries_of[bucket->slot]);
            MR_ASSERT(dedup->is_live[bucket->slot]);
            MR_ASSERT(bucket->born <= dedup->births);
            count += bucket->count;
            live++;
        }
    }
    for (size_t slot = 0; slot < MR_DEDUP_SLOTS; slot++)
        live -= dedup->is_live[slot];
    MR_ASSERT(live == 0);
    MR_ASSERT(count == dedup->count);
    MR_ASSERT(count <= dedup->spec->entries_max);
    mr_dedup_tables_check(dedup);
}
