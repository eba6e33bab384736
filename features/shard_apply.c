/*
 * A batch applied: first everything that can fail, then everything that changes state.
 *
 * Before the first change all memory the batch could need is in reserve, so that "whole or not
 * at all" needs no undo.  The items of the batch get their numbers in that first part, those of
 * profiles that move in among them; an item number without a count or a history entry shows
 * nowhere.
 */
#include "features/shard_private.h"

#include "core/assert.h"
#include "core/prefetch.h"
#include "features/words.h"

#include <stdlib.h>

static bool is_user(const mr_event *event)
{
    return event->user_id.length > 0;
}

static const mr_text *profile_id(const mr_event *event)
{
    return is_user(event) ? &event->user_id : &event->anonymous_id;
}

/* Records below the next offset are history; returns how many, MR_ERR_INVALID if offsets do
 * not rise. */
static mr_status count_redelivered(const mr_shard *shard, const mr_event_batch *batch,
                                   size_t *ret_count)
{
    size_t count = 0;
    int64_t before = -1;
    for (size_t i = 0; i < batch->record_count; i++) {
        const mr_record_verdict *record = &batch->records[i];
        if (record->offset <= before)
            return MR_ERR_INVALID;
        before = record->offset;
        count += record->offset < shard->next_offset;
        if (record->disposition == MR_RECORD_EVENTS &&
            (record->event_count > MR_EVENT_LINES_MAX ||
             record->first_event > batch->event_count ||
             record->event_count > batch->event_count - record->first_event))
            return MR_ERR_INVALID;
    }
    *ret_count = count;
    return MR_OK;
}

static mr_status reserve_scratch(mr_shard *shard, size_t events, size_t linked_rows)
{
    const size_t changed = shard->store.row_count + events + linked_rows;
    if (changed > shard->changed_capacity) {
        const size_t capacity = 2 * changed;
        uint32_t *grown = realloc(shard->changed, capacity * sizeof(*grown));
        if (grown == NULL)
            return MR_ERR_NO_MEMORY;
        shard->changed = grown;
        shard->changed_capacity = capacity;
    }
    if (events <= shard->batch_capacity)
        return MR_OK;
    mr_hash128 *hashes = realloc(shard->hashes, events * sizeof(*hashes));
    if (hashes == NULL)
        return MR_ERR_NO_MEMORY;
    shard->hashes = hashes;
    uint64_t *fingerprints = realloc(shard->fingerprints, events * sizeof(*fingerprints));
    if (fingerprints == NULL)
        return MR_ERR_NO_MEMORY;
    shard->fingerprints = fingerprints;
    uint32_t *items = realloc(shard->batch_items, events * sizeof(*items));
    if (items == NULL)
        return MR_ERR_NO_MEMORY;
    shard->batch_items = items;
    uint32_t *rows = realloc(shard->batch_rows, events * sizeof(*rows));
    if (rows == NULL)
        return MR_ERR_NO_MEMORY;
    shard->batch_rows = rows;
    uint32_t(*words)[MR_WORD_FIELDS] =
        realloc(shard->batch_words, events * sizeof(*words));
    if (words == NULL)
        return MR_ERR_NO_MEMORY;
    shard->batch_words = words;
    shard->batch_capacity = events;
    return MR_OK;
}

static bool names_item(const mr_shard *shard, const mr_event *event)
{
    const uint32_t on =
        shard->plan->history->spec.on | MR_TRENDING_ON | MR_ON(MR_EVENT_IMPRESSION);
    return event->item_id.length > 0 && (on & MR_ON(event->type)) != 0;
}

static void prefetch_items(const mr_shard *shard, const mr_event *events, size_t count,
                           uint64_t *hashes)
{
    uint32_t known[MR_SHARD_WINDOW_EVENTS];
    for (size_t i = 0; i < count; i++) {
        if (!names_item(shard, &events[i]))
            continue;
        hashes[i] = mr_hash_item(&shard->key, events[i].item_id);
        mr_id_table_prefetch(shard->names.items, hashes[i]);
    }
    for (size_t i = 0; i < count; i++)
        known[i] = names_item(shard, &events[i])
                       ? mr_id_table_prefetch_entry(shard->names.items, hashes[i])
                       : MR_ID_NONE;
    for (size_t i = 0; i < count; i++)
        mr_id_table_prefetch_id(shard->names.items, known[i]);
}

/* Number the items and the words, a window at a time: hash and prefetch, then put. */
static mr_status number_names(mr_shard *shard, const mr_event_batch *batch)
{
    const size_t window = shard->window_events;
    uint64_t hashes[MR_SHARD_WINDOW_EVENTS];
    for (size_t start = 0; start < batch->event_count; start += window) {
        const size_t left = batch->event_count - start;
        const size_t count = left < window ? left : window;
        prefetch_items(shard, batch->events + start, count, hashes);
        for (size_t i = 0; i < count; i++) {
            const mr_event *event = &batch->events[start + i];
            uint32_t *item = &shard->batch_items[start + i];
            *item = MR_ID_NONE;
            if (names_item(shard, event))
                MR_TRY(mr_id_table_put_hashed(shard->names.items, hashes[i],
                                              event->item_id, item));
            MR_TRY(mr_words_number(shard->names.words, &shard->word_memo, shard->plan,
                                   event, shard->batch_words[start + i]));
        }
    }
    return MR_OK;
}

/* What a batch may add to the shard at most is far more than it does; the limit is held with
 * what new users cost, and can be passed by one batch. */
static mr_status check_limit(const mr_shard *shard, size_t events)
{
    const size_t user_bytes =
        sizeof(mr_row_head) + shard->plan->body_bytes + MR_EVENT_ID_BYTES_MAX;
    return shard->memory_limit_bytes != 0 &&
                   mr_shard_bytes(shard) + events * user_bytes > shard->memory_limit_bytes
               ? MR_ERR_FULL
               : MR_OK;
}

static mr_status prepare(mr_shard *shard, const mr_event_batch *batch, size_t first)
{
    const size_t events = batch->event_count;
    const size_t growth = shard->plan->growth_bytes +
                          mr_list_growth_max(MR_TRENDING_HOURS, sizeof(mr_hour_count));
    mr_links_need links;
    MR_TRY(check_limit(shard, events));
    MR_TRY(mr_links_prepare(shard, batch, first, &links));
    MR_TRY(reserve_scratch(shard, events, links.rows));
    MR_TRY(mr_profile_store_reserve(&shard->store, events + links.rows));
    MR_TRY(mr_block_pool_reserve(&shard->pool, events * growth + links.block_bytes));
    MR_TRY(mr_commerce_reserve(&shard->commerce, events));
    MR_TRY(mr_dedup_reserve(shard->dedup, events));
    MR_TRY(mr_trending_reserve(&shard->trending,
                               mr_id_table_count(shard->names.items) + events));
    MR_TRY(mr_item_words_reserve(&shard->item_words,
                                 mr_id_table_count(shard->names.items) + events));
    MR_TRY(mr_item_quality_reserve(&shard->item_quality,
                                   mr_id_table_count(shard->names.items) + events));
    MR_TRY(mr_tally_reserve(&shard->exposures, events));
    MR_TRY(mr_tally_reserve(&shard->sales, MR_SALES_BYS * events));
    return number_names(shard, batch);
}

static void prefetch_trending(const mr_shard *shard, uint32_t item)
{
    if (item == MR_ID_NONE)
        return;
    const mr_list *hours = &mr_trending_item_at(&shard->trending, item)->hours;
    if (hours->count == 0)
        return;
    const mr_hour_count *first = mr_list_elements(&shard->pool, hours);
    mr_prefetch_write(first);
    mr_prefetch_write(first + hours->count - 1);
}

/* What is found by hashing: the user's slot, the line's id, the item. */
static void prefetch_hashed(mr_shard *shard, const mr_event *event, size_t index)
{
    shard->hashes[index] = mr_hash_user(&shard->key, *profile_id(event));
    mr_profile_store_prefetch_slot(&shard->store, shard->hashes[index]);
    if (event->event_id.length > 0) {
        shard->fingerprints[index] =
            mr_hash_line(&shard->key, event->event_id, event->line);
        mr_dedup_prefetch(shard->dedup, shard->fingerprints[index]);
    }
    const uint32_t item = shard->batch_items[index];
    if (item == MR_ID_NONE)
        return;
    mr_prefetch_write(mr_trending_item_at(&shard->trending, item));
    if (shard->plan->item_word_fields != 0)
        mr_item_words_prefetch(&shard->item_words, item);
    if (mr_item_quality_counts(event))
        mr_prefetch_write(&shard->item_quality.items[item]);
}

static bool shows_two_ids(const mr_event *event)
{
    return is_user(event) && event->anonymous_id.length > 0;
}

/* The stages of profile_store.h over the window that starts at `start`. */
static size_t prefetch_window(mr_shard *shard, const mr_event_batch *batch, size_t start)
{
    const mr_profile_store *store = &shard->store;
    const mr_event *events = batch->events + start;
    uint32_t *rows = shard->batch_rows + start;
    const size_t left = batch->event_count - start;
    const size_t count = left < shard->window_events ? left : shard->window_events;
    for (size_t i = 0; i < count; i++)
        prefetch_hashed(shard, &events[i], start + i);
    for (size_t i = 0; i < count; i++)
        rows[i] = mr_profile_store_prefetch_head(store, shard->hashes[start + i]);
    for (size_t i = 0; i < count; i++) {
        mr_profile_store_prefetch_row(store, rows[i], events[i].type);
        if (shows_two_ids(&events[i]))
            mr_profile_store_prefetch_side(store, rows[i]);
        prefetch_trending(shard, shard->batch_items[start + i]);
    }
    for (size_t i = 0; i < count; i++) {
        mr_profile_store_prefetch_lists(store, rows[i], events[i].type);
        if (shows_two_ids(&events[i]))
            mr_profile_store_prefetch_noted(store, rows[i]);
    }
    return start + count;
}

static void note_item_words(mr_shard *shard, const mr_event *event, uint32_t item,
                            const uint32_t *words)
{
    for (int field = 0; field < MR_ITEM_WORD_FIELDS; field++) {
        if ((shard->plan->item_word_fields >> field & 1) == 0 ||
            words[field] == MR_ID_NONE)
            continue;
        const mr_item_word word = {mr_time_seconds(event->time_ms), words[field] + 1};
        if (!mr_item_words_is_news(&shard->item_words, shard->names.words, item, field,
                                   word))
            continue;
        mr_shard_touch_item(shard, item);
        mr_item_words_put(&shard->item_words, item, field, word);
    }
}

/* What was sold, and what came of showing it. */
static void count_trade(mr_shard *shard, const mr_event *event, size_t index,
                        mr_profile_effect effect)
{
    const uint32_t *words = shard->batch_words[index];
    const mr_sale sale = {
        .local_ms = effect.local_ms,
        .category = words[MR_OF_CATEGORY - MR_OF_CATEGORY],
        .channel = words[MR_OF_CHANNEL - MR_OF_CATEGORY],
        /* Refunds do not number items, and ask for one that is there. */
        .item = event->type == MR_EVENT_REFUND
                    ? mr_id_table_find(shard->names.items, event->item_id)
                    : shard->batch_items[index],
        .is_new_order = effect.is_new_order,
    };
    const int64_t day = mr_time_day(sale.local_ms);
    mr_commerce_apply(&shard->commerce, event, day, effect, !is_user(event));
    mr_exposures_apply(&shard->exposures, event, day);
    mr_sales_apply(&shard->sales, &shard->item_words, event, &sale);
}

static void apply_event(mr_shard *shard, const mr_event *event, size_t index,
                        int64_t offset)
{
    const bool is_anonymous = !is_user(event);
    const uint32_t item = shard->batch_items[index];
    const uint32_t row = mr_profile_store_put_likely(
        &shard->store, shard->batch_rows[index], shard->hashes[index], *profile_id(event),
        is_anonymous);
    const mr_row parts = mr_profile_store_row(&shard->store, row);
    mr_shard_touch(shard, row);
    shard->live_count += mr_row_is_empty(parts);
    const mr_profile_effect effect =
        mr_profile_apply(shard->plan, &shard->pool, &shard->names, &parts, event, item,
                         shard->batch_words[index], offset);
    mr_links_note(shard, row, event);
    count_trade(shard, event, index, effect);
    if (item == MR_ID_NONE)
        return;
    note_item_words(shard, event, item, shard->batch_words[index]);
    if (mr_item_quality_counts(event)) {
        mr_shard_touch_item(shard, item);
        mr_item_quality_apply(&shard->item_quality, item, event);
    }
    if ((MR_TRENDING_ON & MR_ON(event->type)) == 0)
        return;
    mr_shard_touch_item(shard, item);
    mr_trending_add(&shard->trending, &shard->pool, item, event->time_ms);
}

static void move_clock(mr_shard *shard, int64_t time_ms)
{
    if (time_ms > shard->clock_ms)
        shard->clock_ms = time_ms;
}

/* What becomes of a line; an id that is new is remembered. */
static mr_outcome judge(mr_shard *shard, const mr_event *event, size_t index)
{
    const mr_dedup_class span =
        mr_dedup_class_of(&shard->plan->settings.dedup, event->type);
    if (!shard->applies_late && mr_dedup_is_late(shard->dedup, span, event->time_ms))
        return MR_OUTCOME_LATE;
    /* Without an id the position is the id, and the offset has been looked at. */
    if (event->event_id.length > 0 &&
        !mr_dedup_put(shard->dedup, shard->fingerprints[index], span, event->time_ms))
        return MR_OUTCOME_DUPLICATE;
    return MR_OUTCOME_APPLIED;
}

static mr_outcome outcome_of(const uint32_t lines[MR_OUTCOME_LATE + 1])
{
    if (lines[MR_OUTCOME_APPLIED] > 0)
        return MR_OUTCOME_APPLIED;
    return lines[MR_OUTCOME_LATE] > 0 ? MR_OUTCOME_LATE : MR_OUTCOME_DUPLICATE;
}

static void count_record(mr_shard_counters *counters, mr_outcome outcome,
                         const uint32_t lines[MR_OUTCOME_LATE + 1])
{
    counters->applied += outcome == MR_OUTCOME_APPLIED;
    counters->duplicate += outcome == MR_OUTCOME_DUPLICATE;
    counters->late += outcome == MR_OUTCOME_LATE;
    counters->lines_applied += lines[MR_OUTCOME_APPLIED];
    counters->lines_duplicate += lines[MR_OUTCOME_DUPLICATE];
    counters->lines_late += lines[MR_OUTCOME_LATE];
}

/* All lines are judged by the watermark as it stood before the record. */
static void apply_events(mr_shard *shard, const mr_event_batch *batch,
                         mr_record_verdict *record, size_t *prefetched)
{
    const int64_t watermark_ms = mr_shard_watermark_ms(shard);
    uint32_t lines[MR_OUTCOME_LATE + 1] = {0};
    bool is_behind = false;
    mr_dedup_advance(shard->dedup, watermark_ms);
    for (size_t i = record->first_event; i < record->first_event + record->event_count;
         i++) {
        mr_event *event = &batch->events[i];
        if (i >= *prefetched)
            *prefetched = prefetch_window(shard, batch, i);
        const mr_outcome line = judge(shard, event, i);
        event->outcome = (uint8_t)line;
        lines[line]++;
        if (line != MR_OUTCOME_APPLIED)
            continue;
        is_behind |= event->time_ms < watermark_ms;
        shard->unknown_currency +=
            !mr_currency_convert(&shard->plan->settings.currency, event);
        apply_event(shard, event, i, record->offset);
        if (event->time_ms > shard->newest_ms)
            shard->newest_ms = event->time_ms;
    }
    move_clock(shard, shard->newest_ms);
    const mr_outcome outcome = outcome_of(lines);
    record->outcome = (uint8_t)outcome;
    count_record(&shard->counters, outcome, lines);
    shard->counters.late_applied += is_behind;
    shard->counters.lines += record->event_count;
}

static void apply_record(mr_shard *shard, const mr_event_batch *batch,
                         mr_record_verdict *record, size_t *prefetched)
{
    shard->counters.gap += (uint64_t)(record->offset - shard->next_offset);
    shard->next_offset = record->offset + 1;
    switch ((mr_disposition)record->disposition) {
    case MR_RECORD_POISON: shard->counters.poison++; return;
    case MR_RECORD_TICK:
        move_clock(shard, record->tick_ms);
        shard->counters.control++;
        return;
    case MR_RECORD_LINK:
        mr_links_apply(shard, record->link, record->offset);
        shard->counters.control++;
        return;
    case MR_RECORD_CONTROL: shard->counters.control++; return;
    case MR_RECORD_EVENTS: break;
    }
    if (record->event_count == 0)
        shard->counters.control++; /* nothing in it: it only moves the offset */
    else
        apply_events(shard, batch, record, prefetched);
}

mr_status mr_shard_apply(mr_shard *shard, mr_event_batch *batch)
{
    if (batch->partition != shard->partition)
        return MR_ERR_INVALID;
    size_t redelivered;
    MR_TRY(count_redelivered(shard, batch, &redelivered));
    mr_status status = MR_OK;
    if (redelivered < batch->record_count)
        status = prepare(shard, batch, redelivered);

    size_t prefetched = 0;
    for (size_t i = 0; i < batch->record_count; i++)
        batch->records[i].outcome = MR_OUTCOME_NONE;
    for (size_t i = redelivered; status == MR_OK && i < batch->record_count; i++)
        apply_record(shard, batch, &batch->records[i], &prefetched);
    mr_links_end_batch(shard);
    if (status == MR_OK)
        shard->redelivered += redelivered;
    return status;
}
