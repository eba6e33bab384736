/*
 * A profile in a checkpoint: varints in the plan's order.
 *
 * Reading trusts nothing: every count is held against its limit and every list against the
 * order it is kept in, so that damaged bytes with a good checksum still give an error.
 */
#include "features/aggregate.h"

#include "core/assert.h"

#include <string.h>

enum {
    ENTRY_ENCODED_BYTES_MAX = 15, /* varints of 32, 32 and 16 bits, two bytes */
    ENTRY_READ_BYTES_MAX = 20,    /* of damaged ones, before that shows       */
};

static inline uint8_t get_u8(mr_reader *reader)
{
    return reader->position < reader->length ? reader->bytes[reader->position++]
                                             : mr_reader_u8(reader);
}

/* LEB128 of 32 bits at most, from bytes that are there; *ret_value is larger when it is not. */
static inline const uint8_t *read_varint(const uint8_t *at, uint64_t *ret_value)
{
    uint64_t value = *at & 0x7F;
    for (unsigned shift = 7; (*at++ & 0x80) != 0; shift += 7) {
        if (shift > 28) {
            value = UINT64_MAX;
            break;
        }
        value |= (uint64_t)(*at & 0x7F) << shift;
    }
    *ret_value = value;
    return at;
}

/* LEB128 into room that is there; returns the place behind it. */
static inline uint8_t *write_varint(uint8_t *at, uint64_t value)
{
    while (value >= 0x80) {
        *at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *at++ = (uint8_t)value;
    return at;
}

static void encode_head(const mr_row_head *head, mr_buffer *buffer)
{
    mr_put_varint(buffer, (uint64_t)head->first_ms);
    mr_put_varint(buffer, (uint64_t)(head->newest_ms - head->first_ms));
    mr_put_signed(buffer, head->newest_ms - head->applied_ms);
    mr_put_varint(buffer, (uint64_t)head->offset);
    mr_put_varint(buffer, head->events);
    mr_put_varint(buffer, head->sessions);
}

static mr_status decode_head(mr_row_head *head, mr_reader *reader)
{
    const uint64_t first_ms = mr_get_varint(reader);
    const uint64_t span_ms = mr_get_varint(reader);
    const int64_t behind_ms = mr_get_signed(reader);
    const uint64_t offset = mr_get_varint(reader);
    const uint64_t events = mr_get_varint(reader);
    const uint64_t sessions = mr_get_varint(reader);
    if (reader->failed || first_ms > INT64_MAX || span_ms > INT64_MAX - first_ms ||
        offset > INT64_MAX || events > UINT32_MAX || sessions > UINT16_MAX ||
        (events == 0) != (sessions == 0))
        return MR_ERR_CORRUPT;
    const int64_t newest_ms = (int64_t)(first_ms + span_ms);
    /* The newest record may be a link, of any time from the epoch on. */
    if (behind_ms > newest_ms || behind_ms < newest_ms - INT64_MAX ||
        (events == 0 && newest_ms != 0))
        return MR_ERR_CORRUPT;
    head->first_ms = (int64_t)first_ms;
    head->newest_ms = newest_ms;
    head->applied_ms = newest_ms - behind_ms;
    head->offset = (int64_t)offset;
    head->events = (uint32_t)events;
    head->sessions = (uint16_t)sessions;
    return MR_OK;
}

/* The days among the `keep_days` up to the newest. */
static void encode_series(const mr_series *series, uint16_t keep_days,
                          const mr_block_pool *pool, mr_row row, mr_buffer *buffer)
{
    mr_day_sum days[MR_DAY_SERIES_DAYS_MAX];
    const mr_list *list = mr_row_list(row, series->list_offset);
    const size_t count = mr_day_series_unpack(pool, series, list, days);
    size_t first = 0;
    while (first < count && (uint64_t)days[first].day + keep_days <= days[count - 1].day)
        first++;
    uint32_t before = 0;
    mr_put_varint(buffer, count - first);
    for (size_t i = first; i < count; i++) {
        mr_put_varint(buffer, days[i].day - before);
        mr_put_varint(buffer, days[i].count);
        mr_put_signed(buffer, days[i].sum);
        before = days[i].day;
    }
}

static mr_status decode_series(const mr_series *series, mr_block_pool *pool, mr_row row,
                               mr_reader *reader)
{
    mr_day_sum days[MR_DAY_SERIES_DAYS_MAX];
    const uint64_t count = mr_get_varint(reader);
    if (count > series->keep_days)
        return MR_ERR_CORRUPT;
    uint64_t day = 0;
    uint64_t first_day = 0;
    for (size_t i = 0; i < (size_t)count; i++) {
        const uint64_t step = mr_get_varint(reader);
        const uint64_t day_count = mr_get_varint(reader);
        const int64_t sum = mr_get_signed(reader);
        if (reader->failed || step > mr_series_day_max(series) - day ||
            (i > 0 && step == 0) || day_count == 0 || day_count > UINT32_MAX)
            return MR_ERR_CORRUPT;
        day += step;
        first_day = i == 0 ? day : first_day;
        if (day - first_day >= series->keep_days)
            return MR_ERR_CORRUPT;
        days[i] =
            (mr_day_sum){.day = (uint32_t)day, .count = (uint32_t)day_count, .sum = sum};
    }
    mr_day_series_pack(pool, series, mr_row_list(row, series->list_offset), days,
                       (size_t)count);
    return MR_OK;
}

void mr_profile_encode(const mr_plan *plan, const mr_block_pool *pool, mr_row row,
                       mr_buffer *buffer)
{
    encode_head(row.head, buffer);
    for (size_t i = 0; i < plan->operation_count; i++) {
        if (plan->operations[i].stores)
            mr_operation_kind(&plan->operations[i])
                ->encode(&plan->operations[i], pool, row, buffer);
    }
    for (size_t i = 0; i < plan->series_count; i++)
        encode_series(&plan->series[i], plan->series[i].keep_days, pool, row, buffer);
}

static bool names_known_words(const mr_plan *plan, const mr_block_pool *pool,
                              const mr_names *names, mr_row row)
{
    for (size_t i = 0; i < plan->operation_count; i++) {
        if (plan->operations[i].spec.aggregate == MR_AGGREGATE_FADING_TOP &&
            !mr_fading_top_is_sound(&plan->operations[i], pool, row,
                                    mr_id_table_count(names->words)))
            return false;
    }
    return true;
}

mr_status mr_profile_decode(const mr_plan *plan, mr_block_pool *pool,
                            const mr_names *names, mr_row row, mr_reader *reader)
{
    MR_TRY(decode_head(row.head, reader));
    mr_profile_need_extra(plan, pool, row);
    for (size_t i = 0; i < plan->operation_count; i++) {
        if (plan->operations[i].stores)
            MR_TRY(mr_operation_kind(&plan->operations[i])
                       ->decode(&plan->operations[i], pool, row, reader));
    }
    for (size_t i = 0; i < plan->series_count; i++)
        MR_TRY(decode_series(&plan->series[i], pool, row, reader));
    if (!names_known_words(plan, pool, names, row))
        return MR_ERR_CORRUPT;
    mr_profile_drop_empty_extra(plan, pool, row);
    return mr_reader_status(reader);
}

void mr_history_encode(const mr_plan *plan, const mr_block_pool *pool, mr_row row,
                       mr_buffer *buffer)
{
    const mr_list *list = mr_row_list(row, plan->history->list_offset);
    const mr_history_entry *entries = mr_list_elements(pool, list);
    uint8_t *const start =
        mr_buffer_extend(buffer, (list->count + 1U) * ENTRY_ENCODED_BYTES_MAX);
    if (start == NULL)
        return;
    uint32_t before = 0;
    uint8_t *at = write_varint(start, list->count);
    for (size_t i = 0; i < list->count; i++) {
        at = write_varint(at, entries[i].time_s - before);
        at = write_varint(at, entries[i].item);
        at = write_varint(at, entries[i].session);
        *at++ = entries[i].type;
        *at++ = entries[i].weight;
        before = entries[i].time_s;
    }
    buffer->length = (size_t)(at - buffer->bytes);
}

/* The quota slot of a type that has one, or MR_QUOTAS_MAX. */
static inline size_t quota_of(const mr_operation *history, uint8_t type)
{
    size_t quota = 0;
    while (quota < MR_QUOTAS_MAX &&
           (type == MR_EVENT_NONE || history->spec.quotas[quota].type != type))
        quota++;
    return quota;
}

typedef struct read_entry {
    uint64_t step_s;
    uint64_t item;
    uint64_t session;
    uint8_t type;
    uint8_t weight;
} read_entry;

/* Where an entry of any length fits, byte by byte without asking; near the end with. */
static inline read_entry get_entry(mr_reader *reader)
{
    read_entry entry;
    if (reader->length - reader->position < ENTRY_READ_BYTES_MAX) {
        entry.step_s = mr_get_varint(reader);
        entry.item = mr_get_varint(reader);
        entry.session = mr_get_varint(reader);
        entry.type = get_u8(reader);
        entry.weight = get_u8(reader);
        return entry;
    }
    const uint8_t *at = reader->bytes + reader->position;
    at = read_varint(at, &entry.step_s);
    at = read_varint(at, &entry.item);
    at = read_varint(at, &entry.session);
    entry.type = *at++;
    entry.weight = *at++;
    reader->position = (size_t)(at - reader->bytes);
    return entry;
}

static inline mr_status decode_entry(const mr_operation *history, uint32_t items,
                                     uint8_t *counts, uint64_t *time_s, mr_reader *reader,
                                     mr_history_entry *ret_entry)
{
    const read_entry entry = get_entry(reader);
    const size_t quota = quota_of(history, entry.type);
    if (reader->failed || entry.step_s > UINT32_MAX - *time_s || entry.item >= items ||
        entry.session > UINT16_MAX || quota == MR_QUOTAS_MAX ||
        counts[quota] == history->spec.quotas[quota].keep)
        return MR_ERR_CORRUPT;
    counts[quota]++;
    *time_s += entry.step_s;
    *ret_entry = (mr_history_entry){.item = (uint32_t)entry.item,
                                    .time_s = (uint32_t)*time_s,
                                    .session = (uint16_t)entry.session,
                                    .type = entry.type,
                                    .weight = entry.weight};
    return MR_OK;
}

mr_status mr_history_decode(const mr_plan *plan, mr_block_pool *pool,
                            const mr_id_table *items, mr_row row, mr_reader *reader)
{
    const uint32_t item_count = mr_id_table_count(items);
    const uint64_t count = mr_get_varint(reader);
    if (count > MR_SHARD_HISTORY_MAX)
        return MR_ERR_CORRUPT;
    if (count > 0 && plan->history->list_offset >= MR_PLAN_EXTRA)
        mr_profile_need_extra(plan, pool, row);
    mr_list *list = mr_row_list(row, plan->history->list_offset);
    uint8_t *counts = mr_row_at(row, plan->history->number_offset);
    uint64_t time_s = 0;
    mr_list_start(pool, list, (size_t)count, sizeof(mr_history_entry));
    mr_history_entry *entries = mr_list_elements(pool, list);
    for (size_t i = 0; i < (size_t)count; i++) {
        MR_TRY(decode_entry(plan->history, item_count, counts, &time_s, reader,
                            &entries[i]));
        list->count = (uint16_t)(i + 1);
        if (i > 0 && entries[i - 1].time_s == entries[i].time_s &&
            mr_history_compare(items, &entries[i - 1], &entries[i]) > 0)
            return MR_ERR_CORRUPT;
    }
    return MR_OK;
}

static mr_status carry_history(const mr_profile_carry *carry, mr_row from, mr_row to)
{
    mr_buffer_clear(carry->scratch);
    mr_history_encode(carry->from, carry->from_pool, from, carry->scratch);
    MR_TRY(mr_buffer_status(carry->scratch));
    mr_reader reader = mr_reader_of(carry->scratch->bytes, carry->scratch->length);
    return mr_history_decode(carry->to, carry->to_pool, carry->names->items, to, &reader);
}

/* What both plans have, as bytes in the target's order: then it is read as if from a file. */
static mr_status carry_operation(const mr_profile_carry *carry,
                                 const mr_operation *source, const mr_operation *target,
                                 mr_row from, mr_row to)
{
    mr_buffer_clear(carry->scratch);
    mr_operation_kind(source)->encode(source, carry->from_pool, from, carry->scratch);
    MR_TRY(mr_buffer_status(carry->scratch));
    mr_reader reader = mr_reader_of(carry->scratch->bytes, carry->scratch->length);
    MR_TRY(mr_operation_kind(target)->decode(target, carry->to_pool, to, &reader));
    return mr_reader_status(&reader);
}

static mr_status carry_series(const mr_profile_carry *carry, const mr_series *source,
                              const mr_series *target, mr_row from, mr_row to)
{
    mr_buffer_clear(carry->scratch);
    encode_series(source, target->keep_days, carry->from_pool, from, carry->scratch);
    MR_TRY(mr_buffer_status(carry->scratch));
    mr_reader reader = mr_reader_of(carry->scratch->bytes, carry->scratch->length);
    MR_TRY(decode_series(target, carry->to_pool, to, &reader));
    return mr_reader_status(&reader);
}

mr_status mr_profile_carry_over(const mr_profile_carry *carry, mr_row from, mr_row to)
{
    mr_buffer_clear(carry->scratch);
    encode_head(from.head, carry->scratch);
    MR_TRY(mr_buffer_status(carry->scratch));
    mr_reader reader = mr_reader_of(carry->scratch->bytes, carry->scratch->length);
    MR_TRY(decode_head(to.head, &reader));
    mr_profile_need_extra(carry->to, carry->to_pool, to);
    for (size_t i = 0; i < carry->to->operation_count; i++) {
        const mr_operation *target = &carry->to->operations[i];
        if (carry->sources[i] != NULL && target->stores)
            MR_TRY(carry_operation(carry, carry->sources[i], target, from, to));
    }
    for (size_t i = 0; i < carry->to->series_count; i++) {
        if (carry->series[i] != NULL)
            MR_TRY(
                carry_series(carry, carry->series[i], &carry->to->series[i], from, to));
    }
    mr_profile_drop_empty_extra(carry->to, carry->to_pool, to);
    return carry_history(carry, from, to);
}
