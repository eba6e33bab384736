/*
 * A shard under another plan.
 *
 * Features go by name and definition, day series by what they add up.  A new feature that reads a
 * series which was kept before finds the days that are there; its `since` says from when on it has
 * seen everything.
 */
#include "features/checkpoint_decode.h"

#include <string.h>

typedef struct migration {
    const mr_shard *from;
    mr_shard *to;
    mr_profile_carry carry;
} migration;

/* What a plan says about itself before its features. */
static mr_text first_line(const mr_plan *plan)
{
    const mr_text text = mr_plan_canonical(plan);
    const char *end = memchr(text.bytes, '\n', text.length);
    return (mr_text){.bytes = text.bytes, .length = (uint32_t)(end - text.bytes)};
}

static bool same_memory_of_ids(const mr_dedup_spec *a, const mr_dedup_spec *b)
{
    bool same = a->on_long == b->on_long && a->entries_max == b->entries_max;
    for (int span = 0; span < MR_DEDUP_CLASSES; span++)
        same &= a->horizon_ms[span] == b->horizon_ms[span] &&
                a->bucket_ms[span] == b->bucket_ms[span];
    return same;
}

static mr_status find_sources(migration *m, const mr_plan *before, const mr_plan *plan,
                              mr_error *ret_error)
{
    if (!mr_text_equal(first_line(before), first_line(plan)))
        return mr_error_set(
            ret_error, MR_ERR_INVALID,
            "was made with '%.*s', this plan says '%.*s': rebuild by replay",
            MR_TEXT_ARG(first_line(before)), MR_TEXT_ARG(first_line(plan)));
    if (!mr_zone_equal(&before->settings.zone, &plan->settings.zone))
        return mr_error_set(
            ret_error, MR_ERR_INVALID,
            "its days are those of %s, this plan's of %s, or of another "
            "edition of the tables: rebuild by replay",
            before->settings.zone.name[0] != '\0' ? before->settings.zone.name : "UTC",
            plan->settings.zone.name[0] != '\0' ? plan->settings.zone.name : "UTC");
    if (!mr_currency_equal(&before->settings.currency, &plan->settings.currency))
        return mr_error_set(
            ret_error, MR_ERR_INVALID,
            "its amounts are in %s, this plan's in %s, or the rates are "
            "others: rebuild by replay",
            before->settings.currency.code[0] != '\0' ? before->settings.currency.code
                                                      : "no currency of its own",
            plan->settings.currency.code[0] != '\0' ? plan->settings.currency.code
                                                    : "none of its own");
    if (mr_dedup_count(m->from->dedup) > 0 &&
        !same_memory_of_ids(&before->settings.dedup, &plan->settings.dedup))
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "plan %016llx remembers event ids in another way: rebuild by "
                            "replay",
                            (unsigned long long)mr_plan_hash(before));
    for (size_t i = 0; i < plan->operation_count; i++) {
        const char *name = plan->operations[i].spec.name;
        m->carry.sources[i] = mr_plan_operation_named(before, name);
        if (m->carry.sources[i] != NULL &&
            !mr_text_equal(mr_plan_definition(before, name),
                           mr_plan_definition(plan, name)))
            return mr_error_set(ret_error, MR_ERR_INVALID,
                                "feature %s means something else in plan %016llx: give "
                                "the new one another name, or rebuild by replay",
                                name, (unsigned long long)mr_plan_hash(before));
    }
    return MR_OK;
}

/* The same events and the same field; else one of the two that counts alone. */
static const mr_series *series_like(const mr_plan *before, const mr_series *series)
{
    const mr_series *best = NULL;
    for (size_t i = 0; i < before->series_count; i++) {
        const mr_series *candidate = &before->series[i];
        if (candidate->on != series->on || candidate->is_hourly != series->is_hourly)
            continue;
        if (candidate->of == series->of && candidate->extreme == series->extreme)
            return candidate;
        if (candidate->of == MR_OF_NOTHING || series->of == MR_OF_NOTHING)
            best = candidate;
    }
    return best;
}

static mr_status copy_noted(const migration *m, uint32_t row)
{
    mr_buffer_clear(m->carry.scratch);
    mr_links_encode_noted(m->from, row, m->carry.scratch);
    MR_TRY(mr_buffer_status(m->carry.scratch));
    mr_reader reader = mr_reader_of(m->carry.scratch->bytes, m->carry.scratch->length);
    return m->carry.scratch->length > 0 ? mr_links_decode_noted(m->to, &reader) : MR_OK;
}

static mr_status copy_row(const migration *m, uint32_t row)
{
    mr_shard *to = m->to;
    const mr_text id = mr_shard_user_id(m->from, row);
    const mr_hash128 hash = mr_hash_user(&to->key, id);
    MR_TRY(mr_block_pool_reserve(&to->pool, to->plan->growth_bytes));
    mr_profile_store_place(&to->store, row, id, mr_shard_is_anonymous(m->from, row));
    if (!mr_profile_store_index(&to->store, row, hash))
        return MR_ERR_CORRUPT;
    mr_row_derived derived = mr_row_derived_of(mr_shard_row(m->from, row));
    derived.told = 0; /* of the levels of the other plan */
    derived.told_segments = 0;
    mr_row_set_derived(mr_shard_row(to, row), derived);
    MR_TRY(copy_noted(m, row));
    return mr_profile_carry_over(&m->carry, mr_shard_row(m->from, row),
                                 mr_shard_row(to, row));
}

static mr_status copy_rows(migration *m)
{
    mr_buffer scratch = {0};
    m->carry.from = m->from->plan;
    m->carry.to = m->to->plan;
    m->carry.from_pool = &m->from->pool;
    m->carry.to_pool = &m->to->pool;
    m->carry.names = &m->to->names;
    m->carry.scratch = &scratch;
    mr_status status = mr_profile_store_extend(&m->to->store, m->from->store.row_count);
    for (uint32_t row = 0; row < m->from->store.row_count && status == MR_OK; row++)
        status = copy_row(m, row);
    mr_buffer_deinit(&scratch);
    return status;
}

/* As it lies there: the layout of hours is nobody's plan. */
static void copy_hours(const migration *m, const mr_list *from, mr_list *to)
{
    if (from->count == 0)
        return;
    mr_list_start(&m->to->pool, to, from->count, sizeof(mr_hour_count));
    to->count = from->count;
    memcpy(mr_list_elements(&m->to->pool, to), mr_list_elements(&m->from->pool, from),
           from->count * sizeof(mr_hour_count));
}

static mr_status copy_words(const migration *m)
{
    for (uint32_t i = 0; i < mr_id_table_count(m->from->names.words); i++) {
        uint32_t number;
        MR_TRY(mr_id_table_put(m->to->names.words,
                               mr_id_table_id(m->from->names.words, i), &number));
    }
    return MR_OK;
}

static mr_status copy_items(const migration *m)
{
    const uint32_t count = mr_id_table_count(m->from->names.items);
    MR_TRY(mr_trending_reserve(&m->to->trending, count));
    MR_TRY(mr_item_words_reserve(&m->to->item_words, count));
    MR_TRY(mr_item_quality_reserve(&m->to->item_quality, count));
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index;
        MR_TRY(mr_id_table_put(m->to->names.items,
                               mr_id_table_id(m->from->names.items, i), &index));
        const mr_trending_item *source = mr_trending_item_at(&m->from->trending, i);
        mr_trending_item *target = mr_trending_item_at(&m->to->trending, i);
        target->ever = source->ever;
        m->to->item_quality.items[i] = m->from->item_quality.items[i];
        for (int field = 0; field < MR_ITEM_WORD_FIELDS; field++)
            mr_item_words_put(&m->to->item_words, i, field,
                              m->from->item_words.items[i][field]);
        MR_TRY(mr_block_pool_reserve(&m->to->pool, MR_BLOCK_BYTES_MAX));
        copy_hours(m, &source->hours, &target->hours);
    }
    return MR_OK;
}

static mr_status copy_tally(const mr_tally *from, mr_tally *to)
{
    MR_TRY(mr_tally_reserve(to, from->count));
    for (size_t i = 0; i < from->count; i++)
        mr_tally_add(to, &from->rows[i]);
    return MR_OK;
}

static mr_status copy_days(const migration *m)
{
    const mr_commerce *from = &m->from->commerce;
    MR_TRY(mr_commerce_reserve(&m->to->commerce, from->day_count));
    for (size_t i = 0; i < from->day_count; i++)
        mr_commerce_merge_day(&m->to->commerce, &from->days[i]);
    m->to->commerce.totals.customers = from->totals.customers;
    MR_TRY(copy_tally(&m->from->exposures, &m->to->exposures));
    return copy_tally(&m->from->sales, &m->to->sales);
}

static mr_status copy_outbox(const migration *m)
{
    const mr_outbox *from = &m->from->outbox;
    for (size_t i = from->first; i < from->end; i++) {
        const mr_outbox_entry *entry = &from->entries[i];
        const mr_text id = {entry->bytes, entry->id_length};
        const mr_text record = {entry->bytes + entry->id_length, entry->record_length};
        MR_TRY(mr_outbox_put(&m->to->outbox, entry->sequence, id, record));
    }
    m->to->outbox.last_sequence = from->last_sequence;
    return MR_OK;
}

/* Through the bytes of a checkpoint, a piece at a time. */
static mr_status copy_ids(const migration *m)
{
    const int64_t watermark_ms = mr_shard_watermark_ms(m->from);
    mr_buffer piece = {0};
    mr_status status = MR_OK;
    size_t table = 0;
    do {
        mr_buffer_clear(&piece);
        table = mr_dedup_encode(m->from->dedup, watermark_ms, table,
                                MR_CHECKPOINT_BLOCK_BYTES, &piece);
        mr_reader reader = mr_reader_of(piece.bytes, piece.length);
        status = mr_buffer_status(&piece);
        if (status == MR_OK)
            status = mr_dedup_decode(m->to->dedup, watermark_ms, &reader);
    } while (status == MR_OK && table != 0);
    mr_buffer_deinit(&piece);
    return status == MR_OK ? mr_dedup_decode_end(m->to->dedup) : status;
}

/* By the names of features, as between two nodes. */
static mr_status copy_link_profile(const migration *m, mr_link_profile from,
                                   mr_link_profile *ret_profile)
{
    mr_buffer json = {0};
    mr_link_profile_write(m->from->plan, &m->from->pool, &m->from->names, from, &json);
    mr_status status = mr_buffer_status(&json);
    if (status == MR_OK) {
        const mr_text text = {(const char *)json.bytes, (uint32_t)json.length};
        status = mr_link_profile_read(m->to->plan, &m->to->pool, &m->to->names, text,
                                      ret_profile);
    }
    mr_buffer_deinit(&json);
    return status;
}

static mr_status copy_link(const migration *m, const mr_link_entry *entry)
{
    mr_shard *to = m->to;
    mr_link_profile profile = {0};
    MR_TRY(mr_links_reserve(&to->links, 1));
    if (entry->profile.block != 0)
        MR_TRY(copy_link_profile(m, entry->profile, &profile));
    MR_TRY(mr_block_pool_reserve(&to->pool, mr_links_ids_bytes_max()));
    const uint64_t last_sequence = to->links.last_sequence;
    to->links.last_sequence = entry->sequence - 1; /* it takes its own number again */
    mr_links_put(to, mr_links_id(&m->from->pool, entry->anonymous),
                 mr_links_id(&m->from->pool, entry->user), entry->time_ms, profile);
    to->links.last_sequence = last_sequence;
    return MR_OK;
}

static mr_status copy_links(const migration *m)
{
    const mr_links *from = &m->from->links;
    mr_buffer numbers = {0};
    mr_links_encode(m->from, &numbers);
    mr_status status = mr_buffer_status(&numbers);
    if (status == MR_OK) {
        mr_reader reader = mr_reader_of(numbers.bytes, numbers.length);
        status = mr_links_decode(m->to, &reader);
    }
    mr_buffer_deinit(&numbers);
    for (size_t i = from->first; i < from->end && status == MR_OK; i++)
        status = copy_link(m, &from->entries[i]);
    return status;
}

/* The former plan goes on the list; features it did not have begin here, others began when they
 * did. */
static void note_past(const migration *m)
{
    const mr_shard *from = m->from;
    mr_plan_past *past = &m->to->past;
    const size_t skipped = from->past.plan_count == MR_FORMER_PLANS_MAX ? 1 : 0;
    past->plan_count = from->past.plan_count - skipped;
    memcpy(past->plans, from->past.plans + skipped,
           past->plan_count * sizeof(past->plans[0]));
    past->plans[past->plan_count++] = (mr_former_plan){.hash = mr_plan_hash(from->plan),
                                                       .next_offset = from->next_offset};
    for (size_t i = 0; i < m->to->plan->operation_count; i++) {
        mr_feature_since since = {.feature = (uint32_t)i,
                                  .offset = from->next_offset,
                                  .time_ms = from->newest_ms};
        const mr_operation *source = m->carry.sources[i];
        if (source == NULL ||
            mr_shard_feature_since(from, (size_t)(source - from->plan->operations),
                                   &since.offset, &since.time_ms))
            past->since[past->since_count++] = since;
    }
}

static mr_status copy_all(migration *m)
{
    const mr_shard *from = m->from;
    mr_shard *to = m->to;
    MR_TRY(copy_words(m));
    MR_TRY(copy_items(m));
    MR_TRY(copy_rows(m));
    MR_TRY(copy_days(m));
    MR_TRY(copy_outbox(m));
    MR_TRY(copy_ids(m));
    MR_TRY(copy_links(m));
    to->live_count = from->live_count;
    to->counters = from->counters;
    to->next_offset = from->next_offset;
    to->newest_ms = from->newest_ms;
    to->clock_ms = from->clock_ms;
    to->day = from->day;
    mr_shard_set_dialect(to, from->dialect, mr_shard_dialect_profile(from));
    note_past(m);
    return mr_shard_end_restore(to);
}

mr_status mr_shard_migrate(const mr_shard *from, const mr_plan *plan,
                           mr_shard **ret_shard, mr_error *ret_error)
{
    migration m = {.from = from};
    MR_TRY(find_sources(&m, from->plan, plan, ret_error));
    for (size_t i = 0; i < plan->series_count; i++)
        m.carry.series[i] = series_like(from->plan, &plan->series[i]);
    const mr_shard_options options = {.plan = plan,
                                      .hash_key = &from->key,
                                      .topic = from->topic,
                                      .partition = from->partition,
                                      .memory_limit_bytes = from->memory_limit_bytes};
    MR_TRY(mr_shard_create(&options, &m.to));
    const mr_status status = copy_all(&m);
    if (status != MR_OK) {
        mr_shard_destroy(m.to);
        return status;
    }
    *ret_shard = m.to;
    return MR_OK;
}
