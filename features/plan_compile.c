/*
 * From specifications to a record layout, lists of operations by event type, and the hash.
 */
#include "features/plan_layout.h"

#include "core/assert.h"
#include "core/hash.h"
#include "features/aggregate.h"
#include "features/block_pool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

uint64_t mr_plan_fade(uint16_t half_life_days, int64_t age_days)
{
    MR_ASSERT(age_days >= 0);
    const int64_t halvings = age_days / half_life_days;
    if (halvings >= MR_PLAN_FADE_HALF_LIVES)
        return 0;
    const double rest = (double)(age_days % half_life_days) / (double)half_life_days;
    const double share = exp2(-rest) * (double)(1 << MR_PLAN_FADE_BITS);
    return (uint64_t)llround(share) >> halvings;
}

/* Of sums, extremes and means. */
static mr_value_type type_of_amount(mr_of of)
{
    switch (of) {
    case MR_OF_QUANTITY: return MR_VALUE_COUNT;
    case MR_OF_RATING: return MR_VALUE_HUNDREDTHS;
    default: return MR_VALUE_MONEY;
    }
}

/* Its columns are its kind's; of one number "value", in the unit of its field. */
static mr_feature describe(const mr_feature_spec *spec)
{
    const mr_aggregate_kind *kind = &mr_aggregate_kinds[spec->aggregate];
    mr_feature feature = {.name = spec->name,
                          .meaning = spec->meaning,
                          .unit = spec->unit,
                          .order = kind->order,
                          .is_list = kind->is_list,
                          .column_count = kind->column_count};
    memcpy(feature.columns, kind->columns, sizeof(feature.columns));
    if (feature.column_count == 0) {
        feature.column_count = 1;
        feature.columns[0] = (mr_feature_column){
            .name = "value",
            .type = mr_aggregate_is_amount(spec->aggregate) ? type_of_amount(spec->of)
                                                            : kind->type};
    }
    return feature;
}

/* "gold", "dormant": a level's or a stage's place in its order; of two tiers with the same name the
 * first. */
static bool name_a_level(const mr_plan *plan, mr_text name, uint32_t *ret_number)
{
    for (uint32_t stage = 0; stage < MR_LIFE_STAGES; stage++) {
        *ret_number = MR_PLAN_CONSTANT + stage;
        if (mr_text_is(name, mr_life_stage_name((mr_life_stage)stage)))
            return true;
    }
    for (size_t i = 0; i < plan->operation_count; i++) {
        const mr_tier_spec *tier = plan->operations[i].spec.tier;
        for (uint32_t level = 0; tier != NULL && level < tier->count; level++) {
            *ret_number = MR_PLAN_CONSTANT + level;
            if (mr_text_is(name, tier->levels[level].name))
                return true;
        }
    }
    return false;
}

typedef struct naming {
    const mr_plan *plan;
    mr_order order; /* of what was named so far */
} naming;

/* "now", "spend", "rfm.recency": of the features before it, what is one number. */
bool mr_plan_resolve(const mr_plan *plan, mr_text name, uint32_t *ret_number,
                     mr_order *order)
{
    const char *dot = memchr(name.bytes, '.', name.length);
    const uint32_t length = dot != NULL ? (uint32_t)(dot - name.bytes) : name.length;
    if (mr_text_is(name, "now")) {
        *ret_number = MR_PLAN_NOW;
        return true;
    }
    for (size_t i = 0; i < plan->operation_count; i++) {
        const mr_feature *feature = &plan->operations[i].feature;
        if (feature->is_list ||
            !mr_text_is((mr_text){name.bytes, length}, feature->name) ||
            (dot == NULL) != (feature->column_count == 1))
            continue;
        for (size_t c = 0; c < feature->column_count; c++) {
            if (dot != NULL && !mr_text_is((mr_text){dot + 1, name.length - length - 1},
                                           feature->columns[c].name))
                continue;
            *ret_number = (uint32_t)(i * MR_FEATURE_COLUMNS_MAX + c);
            if (order != NULL && feature->order == MR_ORDER_LOG)
                *order = MR_ORDER_LOG;
            return true;
        }
    }
    return name_a_level(plan, name, ret_number);
}

static bool resolve(void *context, mr_text name, uint32_t *ret_number)
{
    naming *n = context;
    return mr_plan_resolve(n->plan, name, ret_number, &n->order);
}

static mr_status read_expression(mr_plan *plan, mr_operation *operation,
                                 mr_error *ret_error)
{
    const mr_feature_spec *spec = &operation->spec;
    naming n = {.plan = plan, .order = MR_ORDER_FREE};
    mr_error why = {{0}};
    if (spec->expression == NULL)
        return MR_OK;
    const mr_status status = mr_expression_parse(mr_text_from(spec->expression), resolve,
                                                 &n, &operation->expression, &why);
    if (status == MR_ERR_INVALID)
        return mr_error_set(ret_error, status,
                            "feature %s: expression: %.100s (names are now and features "
                            "before it that are no lists; of rfm rfm.recency)",
                            spec->name, why.message);
    operation->feature.order = n.order;
    return status;
}

static uint8_t extreme_of(mr_aggregate aggregate)
{
    const bool is_extreme =
        aggregate == MR_AGGREGATE_MIN || aggregate == MR_AGGREGATE_MAX;
    return is_extreme ? (uint8_t)aggregate : 0;
}

/* Days of ratings lack the events without one, which a count wants. */
static bool can_share(const mr_series *series, const mr_feature_spec *spec)
{
    const uint8_t extreme = extreme_of(spec->aggregate);
    if (series->on != spec->on || series->is_hourly != (spec->window_hours > 0))
        return false;
    if (series->of == spec->of)
        return series->extreme == extreme;
    const bool counts_only = series->of == MR_OF_NOTHING || spec->of == MR_OF_NOTHING;
    return counts_only && series->of != MR_OF_RATING && spec->of != MR_OF_RATING;
}

/* A count can read any series of its event types; a sum needs its own field. */
static mr_status place_in_series(mr_plan *plan, mr_operation *operation)
{
    const mr_feature_spec *spec = &operation->spec;
    const uint16_t days = mr_feature_days(spec);
    for (size_t i = 0; i < plan->series_count; i++) {
        mr_series *series = &plan->series[i];
        if (!can_share(series, spec))
            continue;
        if (spec->of != MR_OF_NOTHING) {
            series->of = spec->of;
            series->extreme = extreme_of(spec->aggregate);
        }
        if (series->keep_days < days)
            series->keep_days = days;
        operation->series = (uint8_t)i;
        return MR_OK;
    }
    if (plan->series_count == MR_PLAN_SERIES_MAX)
        return MR_ERR_INVALID;
    operation->series = (uint8_t)plan->series_count;
    plan->series[plan->series_count++] =
        (mr_series){.on = spec->on,
                    .of = spec->of,
                    .extreme = extreme_of(spec->aggregate),
                    .is_hourly = spec->window_hours > 0,
                    .keep_days = days};
    return MR_OK;
}

/* Each type that is kept has a quota, and nothing else has. */
static bool quotas_fit(const mr_feature_spec *spec)
{
    uint32_t types = 0;
    for (size_t i = 0; i < MR_QUOTAS_MAX && spec->quotas[i].type != MR_EVENT_NONE; i++)
        types |= spec->quotas[i].keep > 0 ? MR_ON(spec->quotas[i].type) : 0;
    return types == spec->on && mr_feature_quota_sum(spec) <= MR_SHARD_HISTORY_MAX;
}

/* What every profile has, under a name that is the same in every plan. */
static bool takes_a_name_of_the_head(const mr_feature_spec *spec)
{
    static const char *const names[] = {[MR_AGGREGATE_EVENTS] = "events",
                                        [MR_AGGREGATE_FIRST_SEEN] = "first_seen",
                                        [MR_AGGREGATE_LAST_SEEN] = "last_seen",
                                        [MR_AGGREGATE_SESSIONS] = "sessions"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(spec->name, names[i]) == 0 && (size_t)spec->aggregate != i)
            return true;
    }
    return false;
}

static bool has_sessions(const mr_plan *plan)
{
    for (size_t i = 0; i < plan->operation_count; i++) {
        if (plan->operations[i].spec.aggregate == MR_AGGREGATE_SESSION)
            return true;
    }
    return false;
}

static mr_status check_spec(const mr_plan *plan, const mr_feature_spec *spec,
                            mr_error *ret_error)
{
    if (takes_a_name_of_the_head(spec))
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "feature %s: every profile has another one of that name",
                            spec->name);
    if (mr_plan_operation_named(plan, spec->name) != NULL)
        return mr_error_set(ret_error, MR_ERR_INVALID, "feature %s: declared twice",
                            spec->name);
    if (spec->window_days > MR_DAY_SERIES_DAYS_MAX ||
        spec->window_hours > MR_DAY_SERIES_DAYS_MAX)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "feature %s: window above %d days or hours", spec->name,
                            MR_DAY_SERIES_DAYS_MAX);
    if (spec->length > MR_SHARD_HISTORY_MAX)
        return mr_error_set(ret_error, MR_ERR_INVALID, "feature %s: length above %d",
                            spec->name, MR_SHARD_HISTORY_MAX);
    if (spec->aggregate == MR_AGGREGATE_RECENT_ITEMS && !quotas_fit(spec))
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "feature %s: each type needs a quota, of %d together at most",
                            spec->name, MR_SHARD_HISTORY_MAX);
    if ((spec->aggregate == MR_AGGREGATE_FADING_TOP ||
         spec->aggregate == MR_AGGREGATE_HISTORY_TOP) &&
        (spec->length == 0 || spec->length > MR_TOP_WORDS_MAX))
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "feature %s: 1 to %d words are kept", spec->name,
                            MR_TOP_WORDS_MAX);
    if (spec->aggregate == MR_AGGREGATE_FADING_TOP && plan->top_count == MR_TOPS_MAX)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "feature %s: at most %d features of words", spec->name,
                            MR_TOPS_MAX);
    if (spec->aggregate == MR_AGGREGATE_SESSION &&
        (spec->on != MR_ON_ANY || has_sessions(plan)))
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "feature %s: there is one session, and it is on any",
                            spec->name);
    if (spec->aggregate == MR_AGGREGATE_SKETCH &&
        (spec->sketch < MR_SKETCH_MIN || spec->sketch > MR_SKETCH_MAX))
        return mr_error_set(ret_error, MR_ERR_INVALID, "feature %s: a sketch of %d to %d",
                            spec->name, MR_SKETCH_MIN, MR_SKETCH_MAX);
    const uint16_t longest = mr_aggregate_fades(spec->aggregate)
                                 ? MR_PLAN_HALF_LIFE_MAX
                                 : MR_PLAN_HALF_LIFE_LONGEST;
    if (mr_aggregate_has_half_life(spec->aggregate) &&
        (spec->half_life_days == 0 || spec->half_life_days > longest))
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "feature %s: a half-life is 1 to %u days", spec->name,
                            (unsigned)longest);
    return MR_OK;
}

/* Where the next `bytes` of a feature of these events lie: what views change in the body.  What is
 * a multiple of 8 may hold 64-bit numbers. */
static uint32_t take_room(mr_plan *plan, uint32_t on, uint32_t bytes)
{
    const bool is_body = (on & MR_ON(MR_EVENT_VIEW)) != 0;
    uint32_t *end = is_body ? &plan->body_bytes : &plan->extra_bytes;
    if (bytes % 8 == 0)
        *end = (*end + 7) & ~7U;
    const uint32_t offset = (is_body ? 0 : MR_PLAN_EXTRA) + *end;
    *end += bytes;
    return offset;
}

/* What it sets for the whole plan, and the most that one event can make it grow. */
static void lay_out(mr_plan *plan, mr_operation *operation)
{
    if (operation->spec.aggregate == MR_AGGREGATE_SESSION)
        plan->session_gap_ms = operation->spec.length * INT64_C(60000);
    if (operation->spec.aggregate == MR_AGGREGATE_HISTORY_TOP)
        plan->item_word_fields |= (uint8_t)(1U << (operation->spec.of - MR_OF_CATEGORY));
    if (operation->spec.aggregate == MR_AGGREGATE_FADING_TOP) {
        operation->stores = true; /* in the list of all such features */
        operation->top = (uint8_t)plan->top_count++;
        plan->top_words += operation->spec.length;
        return;
    }
    const mr_feature_bytes bytes = mr_operation_bytes(operation);
    operation->stores = bytes.fixed > 0;
    if (bytes.entries > 0)
        plan->growth_bytes += mr_list_growth_max(bytes.entries, bytes.entry);
    if (mr_operation_kind(operation)->spill_bytes > 0)
        plan->growth_bytes +=
            mr_list_growth_max(mr_operation_kind(operation)->spill_bytes, 1);
}

/* The fields of operations whose size is a multiple of 8, or those of all others. */
static void place_fields(mr_plan *plan, bool of_whole_words)
{
    for (size_t i = 0; i < plan->operation_count; i++) {
        mr_operation *operation = &plan->operations[i];
        const mr_feature_bytes bytes = mr_operation_bytes(operation);
        if (operation->spec.aggregate == MR_AGGREGATE_FADING_TOP ||
            (bytes.fixed % 8 == 0) != of_whole_words)
            continue;
        operation->list_offset = take_room(plan, operation->spec.on, bytes.fixed);
        operation->number_offset =
            operation->list_offset + (bytes.entries > 0 ? (uint32_t)sizeof(mr_list) : 0);
    }
}

static void lay_out_series(mr_plan *plan)
{
    for (size_t i = 0; i < plan->series_count; i++) {
        mr_series *series = &plan->series[i];
        series->list_offset = take_room(plan, series->on, (uint32_t)sizeof(mr_list));
        series->slot_bytes =
            (uint16_t)mr_day_series_slot_bytes(series->of != MR_OF_NOTHING);
        plan->growth_bytes += mr_list_growth_max(mr_day_series_bytes_max(series), 1);
    }
}

/* One list for the words of all features: most users have few of each. */
static void lay_out_words(mr_plan *plan)
{
    if (plan->top_count == 0)
        return;
    plan->words_offset = take_room(plan, MR_ON(MR_EVENT_VIEW), (uint32_t)sizeof(mr_list));
    plan->growth_bytes += mr_list_growth_max(plan->top_words, sizeof(uint64_t));
    for (size_t i = 0; i < plan->operation_count; i++) {
        if (plan->operations[i].spec.aggregate == MR_AGGREGATE_FADING_TOP)
            plan->operations[i].list_offset = plan->operations[i].number_offset =
                plan->words_offset;
    }
}

static void add_tail(mr_run *run, uint32_t list_offset, uint32_t element_bytes)
{
    const bool is_body = list_offset < MR_PLAN_EXTRA;
    mr_list_tail *tails = is_body ? run->body_tails : run->extra_tails;
    uint8_t *count = is_body ? &run->body_tail_count : &run->extra_tail_count;
    if (*count < MR_PLAN_TAILS_MAX) /* one more is only not prefetched */
        tails[(*count)++] =
            (mr_list_tail){.list_offset = list_offset, .element_bytes = element_bytes};
}

static void add_step(mr_run *run, const mr_operation *operation, uint8_t index)
{
    run->steps[run->step_count++] =
        (mr_step){.number_offset = operation->number_offset,
                  .list_offset = operation->list_offset,
                  .length = operation->spec.length,
                  .aggregate = (uint8_t)operation->spec.aggregate,
                  .of = (uint8_t)operation->spec.of,
                  .operation = index};
    run->needs_extra |= operation->list_offset >= MR_PLAN_EXTRA;
    if (operation->spec.of >= MR_OF_CATEGORY &&
        operation->spec.aggregate == MR_AGGREGATE_FADING_TOP)
        run->word_fields |= (uint8_t)(1U << (operation->spec.of - MR_OF_CATEGORY));
    const uint32_t element_bytes = mr_operation_kind(operation)->element_bytes;
    if (element_bytes > 0)
        add_tail(run, operation->list_offset, element_bytes);
    if (operation->spec.aggregate == MR_AGGREGATE_FADING_TOP && !run->has_words_tail)
        add_tail(run, operation->list_offset, sizeof(uint64_t));
    run->has_words_tail |= operation->spec.aggregate == MR_AGGREGATE_FADING_TOP;
}

static void list_by_type(mr_plan *plan)
{
    for (uint8_t type = MR_EVENT_NONE + 1; type < MR_EVENT_TYPES; type++) {
        mr_run *run = &plan->runs[type];
        run->word_fields = plan->item_word_fields;
        if (type == MR_EVENT_PURCHASE || type == MR_EVENT_REFUND) /* features/sales.h */
            run->word_fields |= 1U << (MR_OF_CATEGORY - MR_OF_CATEGORY) |
                                1U << (MR_OF_CHANNEL - MR_OF_CATEGORY);
        for (size_t i = 0; i < plan->operation_count; i++) {
            const mr_operation *operation = &plan->operations[i];
            if (operation->stores && (operation->spec.on & MR_ON(type)) != 0)
                add_step(run, operation, (uint8_t)i);
        }
        for (size_t i = 0; i < plan->series_count; i++) {
            const mr_series *series = &plan->series[i];
            if ((series->on & MR_ON(type)) == 0)
                continue;
            run->series[run->series_count++] = (uint8_t)i;
            run->needs_extra |= series->list_offset >= MR_PLAN_EXTRA;
            add_tail(run, series->list_offset, series->slot_bytes);
        }
    }
}

static void write_zone(const mr_time_zone *zone, mr_buffer *text)
{
    if (zone->name[0] == '\0')
        return;
    mr_buffer_printf(text, "zone %s offset=%d", zone->name, (int)zone->first_offset_s);
    for (uint32_t i = 0; i < zone->count; i++)
        mr_buffer_printf(text, "%s%lld:%d", i == 0 ? " changes=" : ",",
                         (long long)zone->changes[i].from_s,
                         (int)zone->changes[i].offset_s);
    mr_buffer_put_u8(text, '\n');
}

static void write_currency(const mr_currency *currency, mr_buffer *text)
{
    if (currency->code[0] == '\0')
        return;
    mr_buffer_printf(text, "currency %s", currency->code);
    for (uint32_t i = 0; i < currency->rate_count; i++)
        mr_buffer_printf(text, "%s%s:%lld", i == 0 ? " rates=" : ",",
                         currency->rates[i].code,
                         (long long)currency->rates[i].millionths);
    mr_buffer_put_u8(text, '\n');
}

/* Everything that changes a stored or read value, numbers of faded shares included: a machine
 * whose exp2() rounds another way has another plan, and says so, instead of another state. */
static void write_canonical(mr_plan *plan)
{
    mr_buffer *text = &plan->canonical;
    mr_buffer_printf(text, "plan 1 session_ms=%d lateness_ms=%d\n",
                     (int)plan->session_gap_ms, MR_SHARD_LATENESS_MS);
    write_zone(&plan->settings.zone, text);
    write_currency(&plan->settings.currency, text);
    for (size_t i = 0; i < plan->operation_count; i++) {
        const mr_feature_spec *spec = &plan->operations[i].spec;
        mr_buffer_printf(text, "%s on=%u aggregate=%d of=%d window=%u length=%u",
                         spec->name, spec->on, (int)spec->aggregate, (int)spec->of,
                         (unsigned)spec->window_days, (unsigned)spec->length);
        if (spec->window_hours > 0)
            mr_buffer_printf(text, " hours=%u", (unsigned)spec->window_hours);
        if (spec->sketch > 0)
            mr_buffer_printf(text, " sketch=%u", (unsigned)spec->sketch);
        if (spec->score != NULL)
            mr_score_write(spec->score, text);
        if (spec->tier != NULL)
            mr_tier_write(spec->tier, text);
        if (spec->lifecycle != NULL)
            mr_lifecycle_write(spec->lifecycle, text);
        for (size_t q = 0; q < MR_QUOTAS_MAX && spec->quotas[q].type != 0; q++)
            mr_buffer_printf(text, " quota=%s:%u",
                             mr_event_type_name((mr_event_type)spec->quotas[q].type),
                             (unsigned)spec->quotas[q].keep);
        if (plan->operations[i].expression != NULL)
            mr_buffer_printf(
                text, " expression=%.*s",
                MR_TEXT_ARG(mr_expression_text(plan->operations[i].expression)));
        for (int64_t age = 0; age < spec->half_life_days; age++)
            mr_buffer_printf(text, "%s%llu", age == 0 ? " fade=" : ",",
                             (unsigned long long)mr_plan_fade(spec->half_life_days, age));
        mr_buffer_put_u8(text, '\n');
    }
    for (int span = 0; span < MR_DEDUP_CLASSES; span++)
        mr_buffer_printf(text, "dedup %s horizon_ms=%lld bucket_ms=%lld\n",
                         mr_dedup_class_name((mr_dedup_class)span),
                         (long long)plan->settings.dedup.horizon_ms[span],
                         (long long)plan->settings.dedup.bucket_ms[span]);
    mr_buffer_printf(text, "dedup on_long=%u entries=%u\n", plan->settings.dedup.on_long,
                     plan->settings.dedup.entries_max);
    plan->hash = mr_hash_bytes(text->bytes, text->length);
}

/* A tier names a score before it. */
static mr_status find_score(const mr_plan *plan, mr_operation *operation,
                            mr_error *ret_error)
{
    const mr_feature_spec *spec = &operation->spec;
    if (spec->tier == NULL)
        return MR_OK;
    operation->source = mr_plan_operation_named(plan, spec->tier->of);
    if (operation->source == NULL || operation->source->feature.is_list ||
        operation->source->feature.column_count != 1)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "feature %s: there is no score or number %s", spec->name,
                            spec->tier->of);
    operation->feature.order = operation->source->feature.order;
    return MR_OK;
}

static mr_status add_feature(mr_plan *plan, const mr_feature_spec *spec,
                             mr_error *ret_error)
{
    MR_TRY(check_spec(plan, spec, ret_error));
    mr_operation *operation = &plan->operations[plan->operation_count];
    *operation = (mr_operation){.spec = *spec, .feature = describe(spec)};
    MR_TRY(read_expression(plan, operation, ret_error));
    MR_TRY(find_score(plan, operation, ret_error));
    if (mr_feature_days(spec) > 0 && place_in_series(plan, operation) != MR_OK)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "feature %s: more than %d different windowed inputs",
                            spec->name, MR_PLAN_SERIES_MAX);
    lay_out(plan, operation);
    plan->operation_count++;
    return MR_OK;
}

int mr_vector_days(const mr_vector_spec *spec)
{
    switch (spec->kind) {
    case MR_VECTOR_WINDOW_COUNT:
    case MR_VECTOR_WINDOW_MEAN:
    case MR_VECTOR_WINDOW_EXTREME:
    case MR_VECTOR_WINDOW_SUM: return spec->days;
    case MR_VECTOR_SPEND_TREND: return 3 * spec->days;
    default: return 0;
    }
}

static mr_status add_column(mr_plan *plan, const mr_vector_spec *spec,
                            mr_error *ret_error)
{
    mr_vector_operation *column = &plan->columns[plan->column_count++];
    *column = (mr_vector_operation){.spec = *spec};
    if (spec->first != NULL)
        column->first = mr_plan_operation_named(plan, spec->first);
    if (spec->second != NULL)
        column->second = mr_plan_operation_named(plan, spec->second);
    if ((spec->first != NULL && column->first == NULL) ||
        (spec->second != NULL && column->second == NULL))
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "vector column %s reads a feature that is not in the plan",
                            spec->column.name);
    const int days = mr_vector_days(spec);
    if (days > 0 && (mr_feature_days(&column->first->spec) == 0 ||
                     plan->series[column->first->series].keep_days < days))
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "vector column %s looks back %d days, more than are kept",
                            spec->column.name, days);
    return MR_OK;
}

mr_status mr_plan_add_columns(mr_plan *plan, const mr_vector_spec *columns, size_t count,
                              mr_error *ret_error)
{
    for (size_t i = 0; i < count; i++)
        MR_TRY(add_column(plan, &columns[i], ret_error));
    return MR_OK;
}

/* What the engine itself reads, and where it finds it. */
static const struct {
    const char *name;
    mr_aggregate aggregate;
    size_t offset; /* of the pointer, in mr_plan */
} needed[] = {
    {"purchases", MR_AGGREGATE_COUNT, offsetof(mr_plan, purchases)},
    {"orders", MR_AGGREGATE_DISTINCT, offsetof(mr_plan, orders)},
    {"spend", MR_AGGREGATE_SUM, offsetof(mr_plan, spend)},
    {"history", MR_AGGREGATE_RECENT_ITEMS, offsetof(mr_plan, history)},
    {"last_purchase", MR_AGGREGATE_LAST_TIME, offsetof(mr_plan, last_purchase)},
};

enum { NEEDED = sizeof(needed) / sizeof(needed[0]) };

bool mr_plan_needs(const char *name)
{
    for (size_t i = 0; i < NEEDED; i++) {
        if (strcmp(needed[i].name, name) == 0)
            return true;
    }
    return false;
}

static const mr_operation *kept_as(const mr_plan *plan, const char *name,
                                   mr_aggregate aggregate)
{
    const mr_operation *operation = mr_plan_operation_named(plan, name);
    return operation != NULL && operation->spec.aggregate == aggregate ? operation : NULL;
}

static mr_status find_needed(mr_plan *plan, mr_error *ret_error)
{
    for (size_t i = 0; i < NEEDED; i++) {
        const mr_operation *operation = mr_plan_operation_named(plan, needed[i].name);
        if (operation == NULL || operation->spec.aggregate != needed[i].aggregate ||
            operation->spec.window_days != 0)
            return mr_error_set(ret_error, MR_ERR_INVALID,
                                "the plan needs a feature %s over all time",
                                needed[i].name);
        memcpy((char *)plan + needed[i].offset, &operation, sizeof(operation));
    }
    plan->active_days = kept_as(plan, "active_days", MR_AGGREGATE_DAY_BITMAP);
    plan->purchase_times = kept_as(plan, "purchase_times", MR_AGGREGATE_LAST_TIMES);
    return MR_OK;
}

const char *mr_dedup_class_name(mr_dedup_class span)
{
    return span == MR_DEDUP_LONG ? "long" : "short";
}

static mr_status check_dedup(const mr_dedup_spec *dedup, mr_error *ret_error)
{
    for (int span = 0; span < MR_DEDUP_CLASSES; span++) {
        const int64_t horizon_ms = dedup->horizon_ms[span];
        const int64_t bucket_ms = dedup->bucket_ms[span];
        if (bucket_ms <= 0 || horizon_ms < bucket_ms ||
            horizon_ms > MR_DEDUP_HORIZON_MS_MAX ||
            (horizon_ms + MR_SHARD_LATENESS_MS) / bucket_ms > MR_DEDUP_CLASS_BUCKETS_MAX)
            return mr_error_set(ret_error, MR_ERR_INVALID,
                                "dedup %s: a horizon is a bucket at least, and %d with "
                                "the lateness at most",
                                mr_dedup_class_name((mr_dedup_class)span),
                                MR_DEDUP_CLASS_BUCKETS_MAX);
    }
    if (dedup->entries_max == 0 || dedup->entries_max > MR_DEDUP_ENTRIES_MAX)
        return mr_error_set(ret_error, MR_ERR_INVALID, "dedup: 1 to %d entries a shard",
                            MR_DEDUP_ENTRIES_MAX);
    return MR_OK;
}

static mr_status compile_into(mr_plan *plan, const mr_feature_spec *specs,
                              size_t spec_count, const mr_vector_spec *columns,
                              size_t column_count, mr_error *ret_error)
{
    MR_TRY(check_dedup(&plan->settings.dedup, ret_error));
    plan->growth_bytes = mr_list_growth_max(MR_EVENT_ID_BYTES_MAX, 1);
    plan->session_gap_ms = MR_SESSION_GAP_MS;
    for (size_t i = 0; i < spec_count; i++)
        MR_TRY(add_feature(plan, &specs[i], ret_error));
    place_fields(plan, true); /* first, so that none of them needs a gap before it */
    lay_out_series(plan);
    lay_out_words(plan);
    place_fields(plan, false);
    plan->body_bytes = (plan->body_bytes + 7) & ~7U;
    plan->extra_bytes = (plan->extra_bytes + 7) & ~7U;
    if (plan->extra_bytes > 0)
        plan->growth_bytes += mr_list_growth_max(plan->extra_bytes, 1);
    list_by_type(plan);
    MR_TRY(find_needed(plan, ret_error));
    MR_TRY(mr_plan_add_columns(plan, columns, column_count, ret_error));
    write_canonical(plan);
    return mr_buffer_status(&plan->canonical);
}

mr_status mr_plan_compile(const mr_plan_settings *settings, const mr_feature_spec *specs,
                          size_t spec_count, const mr_vector_spec *columns,
                          size_t column_count, mr_plan **ret_plan, mr_error *ret_error)
{
    if (spec_count > MR_PLAN_FEATURES_MAX || column_count > MR_PLAN_COLUMNS_MAX)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "a plan has at most %d features and %d vector columns",
                            MR_PLAN_FEATURES_MAX, MR_PLAN_COLUMNS_MAX);
    mr_plan *plan = calloc(1, sizeof(*plan));
    if (plan == NULL)
        return MR_ERR_NO_MEMORY;
    if (settings != NULL)
        plan->settings = *settings;
    else
        plan->settings.dedup = mr_default_dedup;
    const mr_status status =
        compile_into(plan, specs, spec_count, columns, column_count, ret_error);
    if (status != MR_OK) {
        mr_plan_destroy(plan);
        return status;
    }
    *ret_plan = plan;
    return MR_OK;
}
