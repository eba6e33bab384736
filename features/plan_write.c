/*
 * A plan as the file that would read back as it.
 */
#include "features/plan_reading.h"

#include "features/plan_words.h"

#include <stdio.h>
#include <string.h>

static void put_types(uint32_t on, mr_buffer *yaml)
{
    if (on == MR_ON_ANY) {
        mr_buffer_printf(yaml, "any");
        return;
    }
    const bool is_list = (on & (on - 1)) != 0;
    const char *before = is_list ? "[" : "";
    for (uint8_t type = MR_EVENT_NONE + 1; type < MR_EVENT_TYPES; type++) {
        if ((on & MR_ON(type)) == 0)
            continue;
        mr_buffer_printf(yaml, "%s%s", before, mr_event_type_name((mr_event_type)type));
        before = ", ";
    }
    if (is_list)
        mr_buffer_printf(yaml, "]");
}

static void put_quotas(const mr_feature_spec *spec, mr_buffer *yaml)
{
    for (size_t q = 0; q < MR_QUOTAS_MAX && spec->quotas[q].type != MR_EVENT_NONE; q++)
        mr_buffer_printf(yaml, "%s%s: %u", q == 0 ? ", quota: {" : ", ",
                         mr_event_type_name((mr_event_type)spec->quotas[q].type),
                         (unsigned)spec->quotas[q].keep);
    mr_buffer_printf(yaml, "}");
}

static void put_text(const char *member, const char *text, mr_buffer *yaml)
{
    mr_json_writer writer = mr_json_writer_of(yaml);
    mr_buffer_printf(yaml, ", %s: ", member);
    mr_json_put_string(&writer, text); /* JSON's texts are YAML's */
}

/* What it says of itself, where that is not what would be said anyway. */
static void put_words(const mr_feature_spec *spec, mr_buffer *yaml)
{
    char meaning[MR_PLAN_TEXT_BYTES_MAX + 1];
    const char *unit = mr_plan_words_of(spec, meaning);
    if (spec->meaning[0] != '\0' && strcmp(meaning, spec->meaning) != 0)
        put_text("meaning", spec->meaning, yaml);
    if (spec->unit[0] != '\0' && strcmp(unit, spec->unit) != 0)
        put_text("unit", spec->unit, yaml);
}

static void put_feature(const mr_feature_spec *spec, mr_buffer *yaml)
{
    if (spec->expression != NULL) {
        mr_buffer_printf(yaml, "  - {name: %s", spec->name);
        put_text("expression", spec->expression, yaml);
        put_words(spec, yaml);
        mr_buffer_printf(yaml, "}\n");
        return;
    }
    mr_buffer_printf(yaml, "  - {name: %s, on: ", spec->name);
    put_types(spec->on, yaml);
    mr_buffer_printf(yaml, ", aggregate: %s", mr_aggregate_name(spec->aggregate));
    if (spec->of != MR_OF_NOTHING)
        mr_buffer_printf(yaml, ", of: %s", mr_of_name(spec->of));
    if (spec->window_days > 0)
        mr_buffer_printf(yaml, ", window: %ud", (unsigned)spec->window_days);
    if (spec->window_hours > 0)
        mr_buffer_printf(yaml, ", window: %uh", (unsigned)spec->window_hours);
    if (spec->half_life_days > 0)
        mr_buffer_printf(yaml, ", half_life: %ud", (unsigned)spec->half_life_days);
    if (spec->aggregate == MR_AGGREGATE_SESSION)
        mr_buffer_printf(yaml, ", gap: %um", (unsigned)spec->length);
    else if (spec->length > 0)
        mr_buffer_printf(yaml, ", %s: %u", mr_plan_length_word(spec->aggregate),
                         (unsigned)spec->length);
    if (spec->sketch > 0)
        mr_buffer_printf(yaml, ", sketch: %u", (unsigned)spec->sketch);
    if (spec->aggregate == MR_AGGREGATE_RECENT_ITEMS)
        put_quotas(spec, yaml);
    put_words(spec, yaml);
    mr_buffer_printf(yaml, "}\n");
}

static void put_currency(const mr_currency *currency, mr_buffer *yaml)
{
    if (currency->code[0] == '\0')
        return;
    mr_buffer_printf(yaml, "currency: %s\n", currency->code);
    for (uint32_t i = 0; i < currency->rate_count; i++)
        mr_buffer_printf(yaml, "%s%s: %lld.%06lld", i == 0 ? "rates: {" : ", ",
                         currency->rates[i].code,
                         (long long)(currency->rates[i].millionths / 1000000),
                         (long long)(currency->rates[i].millionths % 1000000));
    if (currency->rate_count > 0)
        mr_buffer_printf(yaml, "}\n");
}

/* Of one kind: {purchase: 1 per value, review: 20}. */
static void put_amounts(const mr_score_spec *score, const char *member, int sign,
                        bool spends, mr_buffer *yaml)
{
    bool is_first = true;
    for (uint8_t type = 0; type < MR_EVENT_TYPES; type++) {
        const mr_score_rule *rule = &score->rules[type];
        const int32_t number = rule->each != 0 ? rule->each : rule->per_value;
        if (number == 0 || (number < 0) != (sign < 0) ||
            ((score->spends & MR_ON(type)) != 0) != spends)
            continue;
        mr_buffer_printf(yaml, is_first ? ", %s: {" : ", ", member);
        mr_buffer_printf(yaml, "%s: %d%s", mr_event_type_name((mr_event_type)type),
                         sign * number, rule->per_value != 0 ? " per value" : "");
        is_first = false;
    }
    if (sign < 0 && score->velocity.on != 0) {
        mr_buffer_printf(yaml, is_first ? ", %s: {" : ", ", member);
        mr_buffer_printf(yaml, "velocity_rule: %d", -score->velocity.points);
        is_first = false;
    }
    if (!is_first)
        mr_buffer_printf(yaml, "}");
}

static void put_meaning(const mr_feature_spec *spec, mr_buffer *yaml)
{
    if (spec->meaning[0] != '\0' &&
        strcmp(spec->meaning, mr_plan_meaning_of_score(spec->name)) != 0)
        put_text("meaning", spec->meaning, yaml);
}

static void put_score(const mr_feature_spec *spec, mr_buffer *yaml)
{
    const mr_score_spec *score = spec->score;
    mr_buffer_printf(yaml, "  - {name: %s", spec->name);
    if (score->start != 0)
        mr_buffer_printf(yaml, ", start: %d", score->start);
    put_amounts(score, "earn", 1, false, yaml);
    put_amounts(score, "lose", -1, false, yaml);
    put_amounts(score, "spend", 1, true, yaml);
    if (score->most > score->least)
        mr_buffer_printf(yaml, ", range: [%d, %d]", score->least, score->most);
    if (score->daily_cap > 0)
        mr_buffer_printf(yaml, ", daily_cap: %u", (unsigned)score->daily_cap);
    if (score->expires_days > 0)
        mr_buffer_printf(yaml, ", expires: %ud", (unsigned)score->expires_days);
    if (spec->half_life_days > 0)
        mr_buffer_printf(yaml, ", half_life: %ud", (unsigned)spec->half_life_days);
    put_meaning(spec, yaml);
    mr_buffer_printf(yaml, "}\n");
}

static void put_tier(const mr_feature_spec *spec, mr_buffer *yaml)
{
    mr_buffer_printf(yaml, "  - {name: %s, of: %s, levels: {", spec->name,
                     spec->tier->of);
    for (size_t i = 0; i < spec->tier->count; i++)
        mr_buffer_printf(yaml, "%s%s: %lld", i > 0 ? ", " : "",
                         spec->tier->levels[i].name,
                         (long long)spec->tier->levels[i].from);
    mr_buffer_printf(yaml, "}");
    put_meaning(spec, yaml);
    mr_buffer_printf(yaml, "}\n");
}

static void put_rule(const mr_expression *rule, mr_buffer *yaml)
{
    const mr_text text = mr_expression_text(rule);
    mr_json_writer writer = mr_json_writer_of(yaml);
    char readable[MR_EXPRESSION_BYTES_MAX + 1];
    (void)snprintf(readable, sizeof(readable), "%.*s", MR_TEXT_ARG(text));
    for (char *at = readable; *at != '\0'; at++)
        *at = *at == '~' ? ' ' : *at;
    mr_json_put_string(&writer, readable);
}

static void put_segments(const mr_plan *plan, mr_buffer *yaml)
{
    mr_buffer_printf(yaml, plan->segment_count > 0 ? "segments:\n" : "segments: []\n");
    for (size_t i = 0; i < plan->segment_count; i++) {
        const mr_segment *segment = &plan->segments[i];
        mr_buffer_printf(yaml, "  - {name: %s, where: ", segment->name);
        put_rule(segment->where, yaml);
        if (segment->meaning[0] != '\0')
            put_text("meaning", segment->meaning, yaml);
        mr_buffer_printf(yaml, "}\n");
    }
    if (plan->bot_rule != NULL) {
        mr_buffer_printf(yaml, "bots: ");
        put_rule(plan->bot_rule, yaml);
        mr_buffer_printf(yaml, "\n");
    }
}

static void put_scores(const mr_plan *plan, mr_buffer *yaml)
{
    mr_buffer_printf(yaml, "scores:\n");
    for (size_t i = 0; i < plan->operation_count; i++) {
        if (plan->operations[i].spec.score != NULL)
            put_score(&plan->operations[i].spec, yaml);
    }
    mr_buffer_printf(yaml, "tiers:\n");
    for (size_t i = 0; i < plan->operation_count; i++) {
        if (plan->operations[i].spec.tier != NULL)
            put_tier(&plan->operations[i].spec, yaml);
    }
    put_segments(plan, yaml);
    for (size_t i = 0; i < plan->operation_count; i++) {
        const mr_lifecycle_spec *l = plan->operations[i].spec.lifecycle;
        if (l != NULL)
            mr_buffer_printf(yaml,
                             "lifecycle: {new: %ud, dormant_after: %ud, lost_after: %ud, "
                             "growing: %u purchases in %ud}\n",
                             (unsigned)l->new_days, (unsigned)l->dormant_days,
                             (unsigned)l->lost_days, (unsigned)l->growing_purchases,
                             (unsigned)l->growing_days);
    }
}

void mr_plan_write(const mr_plan *plan, mr_buffer *yaml)
{
    if (plan->settings.zone.name[0] != '\0')
        mr_buffer_printf(yaml, "time_zone: %s\n", plan->settings.zone.name);
    put_currency(&plan->settings.currency, yaml);
    mr_buffer_printf(yaml, "features:\n");
    for (size_t i = 0; i < plan->operation_count; i++) {
        const mr_feature_spec *spec = &plan->operations[i].spec;
        if (spec->aggregate > MR_AGGREGATE_SESSIONS &&
            spec->aggregate < MR_AGGREGATE_POINTS && spec->aggregate != MR_AGGREGATE_RFM)
            put_feature(spec, yaml);
    }
    put_scores(plan, yaml);
}
