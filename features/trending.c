#include "features/shard_private.h"

#include "core/assert.h"
#include "features/trending_rank.h"

#include <stdlib.h>
#include <string.h>

enum { CATEGORY_FIELD = 0 }; /* of an item's words */

uint32_t mr_time_hour(int64_t time_ms)
{
    const int64_t hour = time_ms / MR_HOUR_MS;
    return hour < UINT32_MAX ? (uint32_t)hour : UINT32_MAX;
}

const char *mr_trending_kind_name(mr_trending_kind kind)
{
    static const char *const names[MR_TRENDING_KINDS] = {"hot", "popular", "rising",
                                                         "ever"};
    MR_ASSERT(kind < MR_TRENDING_KINDS);
    return names[kind];
}

void mr_trending_deinit(mr_trending *trending)
{
    for (size_t i = 0; i < trending->segment_count; i++)
        free(trending->segments[i]);
    free(trending->segments);
    *trending = (mr_trending){0};
}

mr_status mr_trending_reserve(mr_trending *trending, size_t items)
{
    while (trending->segment_count * MR_TRENDING_SEGMENT_ITEMS < items) {
        if (trending->segment_count == trending->segment_capacity) {
            const size_t capacity =
                trending->segment_capacity == 0 ? 16 : 2 * trending->segment_capacity;
            mr_trending_item **segments =
                realloc(trending->segments, capacity * sizeof(mr_trending_item *));
            if (segments == NULL)
                return MR_ERR_NO_MEMORY;
            trending->segments = segments;
            trending->segment_capacity = capacity;
        }
        mr_trending_item *segment =
            calloc(MR_TRENDING_SEGMENT_ITEMS, sizeof(mr_trending_item));
        if (segment == NULL)
            return MR_ERR_NO_MEMORY;
        trending->segments[trending->segment_count++] = segment;
    }
    return MR_OK;
}

size_t mr_trending_bytes(const mr_trending *trending)
{
    return trending->segment_count * MR_TRENDING_SEGMENT_ITEMS *
               sizeof(mr_trending_item) +
           trending->segment_capacity * sizeof(mr_trending_item *);
}

/* As a day series: what is kept is a function of the set of hours. */
void mr_trending_add(mr_trending *trending, mr_block_pool *pool, uint32_t item,
                     int64_t time_ms)
{
    mr_trending_item *entry = mr_trending_item_at(trending, item);
    mr_list *list = &entry->hours;
    mr_hour_count *hours = mr_list_elements(pool, list);
    const int64_t hour = mr_time_hour(time_ms);
    const int64_t newest = list->count > 0 ? (int64_t)hours[list->count - 1].hour : hour;
    entry->ever++;
    if (hour + MR_TRENDING_HOURS <= newest)
        return;

    size_t index = list->count;
    while (index > 0 && hours[index - 1].hour >= hour)
        index--;
    if (index < list->count && hours[index].hour == hour) {
        hours[index].count++;
        return;
    }
    if (hour > newest) {
        size_t old = 0;
        while (old < list->count && (int64_t)hours[old].hour + MR_TRENDING_HOURS <= hour)
            old++;
        mr_list_remove(pool, list, 0, old, sizeof(*hours));
        index = list->count;
    }
    mr_hour_count *place = mr_list_insert(pool, list, index, sizeof(*hours));
    *place = (mr_hour_count){.hour = (uint32_t)hour, .count = 1};
}

mr_trending_counts mr_trending_counts_of(const mr_block_pool *pool,
                                         const mr_trending_item *item, int64_t at_hour)
{
    mr_trending_counts counts = {.ever = item->ever};
    const mr_hour_count *hours = mr_list_elements(pool, &item->hours);
    for (size_t i = 0; i < item->hours.count; i++) {
        const int64_t age = at_hour - (int64_t)hours[i].hour;
        if (age < 0)
            continue;
        counts.hot += age < MR_TRENDING_HOT_HOURS ? hours[i].count : 0;
        counts.popular += age < MR_TRENDING_WEEK_HOURS ? hours[i].count : 0;
        const bool is_before = age >= MR_TRENDING_WEEK_HOURS &&
                               age < MR_TRENDING_WEEK_HOURS + MR_TRENDING_HOT_HOURS;
        counts.before += is_before ? hours[i].count : 0;
    }
    return counts;
}

/* The kind's best items of one shard, best first. */
static mr_status rank_shard(const mr_shard *shard, mr_trending_kind kind, int64_t at_hour,
                            mr_trending_rank *rank)
{
    const uint32_t count = mr_id_table_count(shard->names.items);
    for (uint32_t item = 0; item < count; item++) {
        const mr_trending_item *entry = mr_trending_item_at(&shard->trending, item);
        if (entry->ever == 0)
            continue;
        const mr_trending_counts counts =
            mr_trending_counts_of(&shard->pool, entry, at_hour);
        mr_trending_rank_offer(rank, kind, mr_id_table_id(shard->names.items, item),
                               &counts, item);
    }
    mr_trending_rank_sort(rank);
    return MR_OK;
}

mr_status mr_trending_top(const mr_shard *shard, mr_trending_kind kind, int64_t at_ms,
                          size_t k, mr_trending_entry *ret_entries, size_t *ret_count)
{
    mr_trending_rank rank;
    MR_TRY(mr_trending_rank_init(&rank, k));
    const mr_status status = rank_shard(shard, kind, mr_time_hour(at_ms), &rank);
    if (status == MR_OK)
        mr_trending_rank_copy(&rank, ret_entries, ret_count);
    mr_trending_rank_deinit(&rank);
    return status;
}

/* Mark the items that any kind ranks among its first. */
static mr_status choose_published(const mr_shard *shard, int64_t at_hour, bool *is_chosen)
{
    mr_trending_rank rank;
    MR_TRY(mr_trending_rank_init(&rank, MR_TRENDING_PUBLISHED));
    mr_status status = MR_OK;
    for (int kind = 0; kind < MR_TRENDING_KINDS && status == MR_OK; kind++) {
        rank.count = 0;
        status = rank_shard(shard, (mr_trending_kind)kind, at_hour, &rank);
        for (size_t i = 0; i < rank.count; i++)
            is_chosen[rank.entries[i].item] = true;
    }
    mr_trending_rank_deinit(&rank);
    return status;
}

/* The counts of each word as a category, those of its items. */
static void sum_categories(const mr_shard *shard, int64_t at_hour,
                           mr_trending_counts *ret_words)
{
    const uint32_t items = mr_id_table_count(shard->names.items);
    for (uint32_t item = 0; item < items; item++) {
        const mr_trending_item *entry = mr_trending_item_at(&shard->trending, item);
        const uint32_t word = mr_item_words_get(&shard->item_words, item, CATEGORY_FIELD);
        if (entry->ever == 0 || word == MR_ID_NONE)
            continue;
        const mr_trending_counts counts =
            mr_trending_counts_of(&shard->pool, entry, at_hour);
        mr_trending_counts_add(&ret_words[word], &counts);
    }
}

/* Mark the words that any kind ranks among its first categories; returns how many. */
static mr_status choose_categories(const mr_shard *shard, const mr_trending_counts *words,
                                   bool *is_chosen, uint32_t *ret_count)
{
    const uint32_t count = mr_id_table_count(shard->names.words);
    mr_trending_rank rank;
    MR_TRY(mr_trending_rank_init(&rank, MR_TRENDING_CATEGORIES_PUBLISHED));
    *ret_count = 0;
    for (int kind = 0; kind < MR_TRENDING_KINDS; kind++) {
        rank.count = 0;
        for (uint32_t word = 0; word < count; word++)
            mr_trending_rank_offer(&rank, (mr_trending_kind)kind,
                                   mr_id_table_id(shard->names.words, word), &words[word],
                                   word);
        for (size_t i = 0; i < rank.count; i++) {
            bool *chosen = &is_chosen[rank.entries[i].item];
            *ret_count += !*chosen;
            *chosen = true;
        }
    }
    mr_trending_rank_deinit(&rank);
    return MR_OK;
}

static mr_status put_categories(const mr_shard *shard, int64_t at_hour, mr_buffer *buffer)
{
    const uint32_t count = mr_id_table_count(shard->names.words);
    uint32_t published = 0;
    mr_trending_counts *words = calloc((size_t)count + 1, sizeof(*words));
    bool *is_chosen = calloc((size_t)count + 1, sizeof(*is_chosen));
    mr_status status = words != NULL && is_chosen != NULL ? MR_OK : MR_ERR_NO_MEMORY;
    if (status == MR_OK) {
        sum_categories(shard, at_hour, words);
        status = choose_categories(shard, words, is_chosen, &published);
    }
    if (status == MR_OK)
        mr_buffer_put_u32(buffer, published);
    for (uint32_t word = 0; status == MR_OK && word < count; word++) {
        if (is_chosen[word])
            mr_trending_put_entry(mr_id_table_id(shard->names.words, word), &words[word],
                                  buffer);
    }
    free(is_chosen);
    free(words);
    return status;
}

mr_status mr_trending_encode(const mr_shard *shard, uint64_t epoch, int64_t at_ms,
                             mr_buffer *buffer)
{
    const uint32_t count = mr_id_table_count(shard->names.items);
    const int64_t at_hour = mr_time_hour(at_ms);
    bool *is_chosen = calloc((size_t)count + 1, sizeof(*is_chosen));
    if (is_chosen == NULL)
        return MR_ERR_NO_MEMORY;
    const mr_status status = choose_published(shard, at_hour, is_chosen);
    if (status != MR_OK) {
        free(is_chosen);
        return status;
    }

    mr_trending_header header = {.epoch = epoch,
                                 .offset = shard->next_offset,
                                 .watermark_ms = mr_shard_watermark_ms(shard),
                                 .at_ms = at_ms,
                                 .partition = shard->partition};
    uint32_t published = 0;
    for (uint32_t item = 0; item < count; item++) {
        const mr_trending_counts counts = mr_trending_counts_of(
            &shard->pool, mr_trending_item_at(&shard->trending, item), at_hour);
        published += is_chosen[item];
        if (is_chosen[item])
            continue;
        header.residual[MR_TRENDING_HOT] += counts.hot;
        header.residual[MR_TRENDING_POPULAR] += counts.popular;
        header.residual[MR_TRENDING_RISING] += counts.hot;
        header.residual[MR_TRENDING_EVER] += counts.ever;
    }
    const size_t start = buffer->length;
    mr_trending_put_header(&header, published, buffer);
    for (uint32_t item = 0; item < count; item++) {
        if (!is_chosen[item])
            continue;
        const mr_trending_counts counts = mr_trending_counts_of(
            &shard->pool, mr_trending_item_at(&shard->trending, item), at_hour);
        mr_trending_put_entry(mr_id_table_id(shard->names.items, item), &counts, buffer);
    }
    free(is_chosen);
    MR_TRY(put_categories(shard, at_hour, buffer));
    mr_trending_put_end(buffer, start);
    return mr_buffer_status(buffer);
}
