#include "features/plan_reading.h"

#include "features/aggregate.h"

#include <stdio.h>
#include <string.h>

typedef struct amounts {
    mr_score_spec *score;
    int32_t sign; /* of what is lost */
    bool spends;
} amounts;

const char *mr_plan_meaning_of_score(const char *name)
{
    const mr_feature_spec *known = mr_plan_default_named(name);
    return known != NULL ? known->meaning : "A score of what the user did.";
}

static bool event_type_of(mr_text name, mr_event_type *ret_type)
{
    *ret_type = mr_event_type_from(name);
    return *ret_type != MR_EVENT_NONE;
}

/* 20, or "1 per value". */
static mr_status read_amount(mr_plan_reading *r, const char *member, mr_text name,
                             mr_json_value *value, const amounts *to)
{
    static const char per_value[] = " per value";
    const mr_text text = mr_json_text(value, (mr_text){0});
    const uint32_t suffix = sizeof(per_value) - 1;
    const bool is_per_value =
        text.length > suffix &&
        memcmp(text.bytes + text.length - suffix, per_value, suffix) == 0;
    int64_t number = mr_json_int(value, 0);
    mr_event_type type;
    if (is_per_value &&
        mr_text_to_int64((mr_text){text.bytes, text.length - suffix}, &number) != MR_OK)
        number = 0;
    if (!event_type_of(name, &type) || number < 1 || number > MR_POINTS_MAX)
        return mr_plan_complain(r, member,
                                "'%.*s' must be an event type with a number from 1 to "
                                "%d, or with \"1 per value\"",
                                MR_TEXT_ARG(name), MR_POINTS_MAX);
    mr_score_rule *rule = &to->score->rules[type];
    if (rule->each != 0 || rule->per_value != 0)
        return mr_plan_complain(r, member, "%.*s is there twice", MR_TEXT_ARG(name));
    *(is_per_value ? &rule->per_value : &rule->each) = to->sign * (int32_t)number;
    to->score->spends |= to->spends ? MR_ON(type) : 0;
    return MR_OK;
}

/* {over: 10, within: 1h, on: purchase, points: 40}, or the number of points alone. */
static mr_status read_velocity(mr_plan_reading *r, mr_json_value *value,
                               mr_score_spec *score)
{
    enum { DEFAULT_EVENTS = 20, DEFAULT_SECONDS = 3600 };
    int64_t points = mr_json_int(value, 0);
    if (points < 1 || points > MR_POINTS_MAX)
        return mr_plan_complain(r, "lose",
                                "velocity_rule must be a number of points: more than %d "
                                "purchases within an hour lose it",
                                DEFAULT_EVENTS);
    score->velocity = (mr_velocity_rule){.on = MR_ON(MR_EVENT_PURCHASE),
                                         .more_than = DEFAULT_EVENTS,
                                         .within_s = DEFAULT_SECONDS,
                                         .points = -(int32_t)points};
    return MR_OK;
}

static mr_status read_amounts(mr_plan_reading *r, const char *member,
                              mr_json_value *value, const amounts *to)
{
    size_t cursor = 0;
    mr_text name;
    mr_json_value *amount;
    if (!mr_json_is_object(value))
        return mr_plan_complain(r, member, "must be such as {purchase: 1 per value}");
    while (mr_json_next(value, &cursor, &name, &amount)) {
        if (to->sign < 0 && mr_text_is(name, "velocity_rule"))
            MR_TRY(read_velocity(r, amount, to->score));
        else
            MR_TRY(read_amount(r, member, name, amount, to));
    }
    return MR_OK;
}

static mr_status read_range(mr_plan_reading *r, mr_json_value *value,
                            mr_score_spec *score)
{
    int64_t least;
    int64_t most;
    if (!mr_json_is_array(value) || mr_json_count(value) != 2 ||
        !mr_json_int_within(mr_json_at(value, 0), -MR_POINTS_MAX, MR_POINTS_MAX,
                            &least) ||
        !mr_json_int_within(mr_json_at(value, 1), least + 1, MR_POINTS_MAX, &most))
        return mr_plan_complain(r, "range", "must be such as [300, 850]");
    score->least = (int32_t)least;
    score->most = (int32_t)most;
    return MR_OK;
}

static mr_status read_points(mr_plan_reading *r, const char *member, mr_json_value *value,
                             int64_t *ret_points)
{
    return mr_json_int_within(value, 1, MR_POINTS_MAX, ret_points)
               ? MR_OK
               : mr_plan_complain(r, member, "must be a number from 1 to %d",
                                  MR_POINTS_MAX);
}

static mr_status read_score_member(mr_plan_reading *r, mr_text name, mr_json_value *value,
                                   mr_feature_spec *spec, mr_score_spec *score)
{
    int64_t points = 0;
    if (mr_text_is(name, "name"))
        return mr_plan_read_name(r, value, &spec->name);
    if (mr_text_is(name, "meaning"))
        return mr_plan_keep_text(r, "meaning", value, MR_PLAN_TEXT_BYTES_MAX,
                                 &spec->meaning);
    if (mr_text_is(name, "earn"))
        return read_amounts(r, "earn", value, &(amounts){score, 1, false});
    if (mr_text_is(name, "lose"))
        return read_amounts(r, "lose", value, &(amounts){score, -1, false});
    if (mr_text_is(name, "spend"))
        return read_amounts(r, "spend", value, &(amounts){score, 1, true});
    if (mr_text_is(name, "range"))
        return read_range(r, value, score);
    if (mr_text_is(name, "half_life"))
        return mr_plan_read_days(r, "half_life", value, &spec->half_life_days);
    if (mr_text_is(name, "expires")) {
        MR_TRY(mr_plan_read_days(r, "expires", value, &score->expires_days));
        return score->expires_days <= MR_EXPIRES_DAYS_MAX
                   ? MR_OK
                   : mr_plan_complain(r, "expires", "at most %dd", MR_EXPIRES_DAYS_MAX);
    }
    if (mr_text_is(name, "daily_cap")) {
        MR_TRY(read_points(r, "daily_cap", value, &points));
        score->daily_cap = (uint32_t)points;
        return points <= UINT16_MAX
                   ? MR_OK
                   : mr_plan_complain(r, "daily_cap", "at most %d", UINT16_MAX);
    }
    if (mr_text_is(name, "start")) {
        MR_TRY(read_points(r, "start", value, &points));
        score->start = (int32_t)points;
        return MR_OK;
    }
    return mr_plan_complain(r, "",
                            "unknown member '%.*s'; there are name, earn, lose, spend, "
                            "start, range, daily_cap, expires, half_life and meaning",
                            MR_TEXT_ARG(name));
}

/* Which of the three it is, and that it has no part of another. */
static mr_status choose_kind(mr_plan_reading *r, mr_feature_spec *spec)
{
    const mr_score_spec *score = spec->score;
    const bool has_ledger =
        score->spends != 0 || score->daily_cap > 0 || score->expires_days > 0;
    const bool has_range = score->most > score->least || score->start != 0;
    bool loses = score->velocity.on != 0;
    for (int type = 0; type < MR_EVENT_TYPES; type++) {
        const mr_score_rule *rule = &score->rules[type];
        loses |= rule->each < 0 || rule->per_value < 0;
        spec->on |= rule->each != 0 || rule->per_value != 0 ? MR_ON(type) : 0;
    }
    spec->on |= score->velocity.on;
    if (spec->name == NULL || spec->on == 0)
        return mr_plan_complain(r, "", "needs a name and what it earns");
    if (has_ledger + (spec->half_life_days > 0) + (has_range || loses) > 1)
        return mr_plan_complain(
            r, "",
            "is one of three: points with spend, daily_cap and expires; a value with "
            "half_life; a rating with start, range and lose");
    spec->aggregate = has_ledger                 ? MR_AGGREGATE_POINTS
                      : spec->half_life_days > 0 ? MR_AGGREGATE_GROWTH
                                                 : MR_AGGREGATE_RATING;
    if (has_ledger)
        spec->length = score->expires_days > 0 ? (uint16_t)(score->expires_days + 1) : 1;
    spec->unit = "points";
    if (spec->meaning == NULL)
        spec->meaning = mr_plan_meaning_of_score(spec->name);
    return MR_OK;
}

static mr_status read_score(mr_plan_reading *r, mr_json_value *value)
{
    mr_feature_spec spec = {0};
    size_t cursor = 0;
    mr_text name;
    mr_json_value *member;
    mr_score_spec *score = mr_arena_allocate(r->texts, sizeof(*score));
    if (score == NULL)
        return MR_ERR_NO_MEMORY;
    memset(score, 0, sizeof(*score));
    spec.score = score;
    if (!mr_json_is_object(value))
        return mr_plan_complain(
            r, "", "must be such as {name: points, earn: {purchase: 1 per value}}");
    while (mr_json_next(value, &cursor, &name, &member))
        MR_TRY(read_score_member(r, name, member, &spec, score));
    MR_TRY(choose_kind(r, &spec));
    return mr_plan_add(r, &spec);
}

/* ---- tiers ---- */

static bool is_level_name(mr_text name)
{
    for (uint32_t i = 0; i < name.length; i++) {
        const char c = name.bytes[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9' && i > 0) || (c == '_' && i > 0)))
            return false;
    }
    return name.length > 0 && name.length < MR_LEVEL_NAME_BYTES;
}

static mr_status read_levels(mr_plan_reading *r, mr_json_value *value, mr_tier_spec *tier)
{
    size_t cursor = 0;
    mr_text name;
    mr_json_value *from;
    while (mr_json_next(value, &cursor, &name, &from)) {
        mr_level *level = &tier->levels[tier->count];
        if (tier->count == MR_LEVELS_MAX || !is_level_name(name) ||
            !mr_json_int_within(from, -MR_POINTS_MAX, MR_POINTS_MAX, &level->from) ||
            (tier->count > 0 && level->from <= level[-1].from))
            return mr_plan_complain(r, "levels",
                                    "must be 2 to %d names, each with the points it "
                                    "begins at, rising: {bronze: 0, silver: 500}",
                                    MR_LEVELS_MAX);
        memcpy(level->name, name.bytes, name.length);
        tier->count++;
    }
    return tier->count >= 2
               ? MR_OK
               : mr_plan_complain(r, "levels",
                                  "must be such as {bronze: 0, silver: 500}");
}

static mr_status read_tier_member(mr_plan_reading *r, mr_text name, mr_json_value *value,
                                  mr_feature_spec *spec, mr_tier_spec *tier)
{
    const char *of;
    if (mr_text_is(name, "name"))
        return mr_plan_read_name(r, value, &spec->name);
    if (mr_text_is(name, "levels"))
        return read_levels(r, value, tier);
    if (mr_text_is(name, "meaning"))
        return mr_plan_keep_text(r, "meaning", value, MR_PLAN_TEXT_BYTES_MAX,
                                 &spec->meaning);
    if (!mr_text_is(name, "of"))
        return mr_plan_complain(r, "",
                                "unknown member '%.*s'; there are name, of, levels and "
                                "meaning",
                                MR_TEXT_ARG(name));
    MR_TRY(mr_plan_keep_text(r, "of", value, sizeof(tier->of) - 1, &of));
    memcpy(tier->of, of, strlen(of) + 1);
    return MR_OK;
}

static mr_status read_tier(mr_plan_reading *r, mr_json_value *value)
{
    mr_feature_spec spec = {
        .aggregate = MR_AGGREGATE_TIER, .on = MR_ON_ANY, .unit = "level"};
    size_t cursor = 0;
    mr_text name;
    mr_json_value *member;
    mr_tier_spec *tier = mr_arena_allocate(r->texts, sizeof(*tier));
    if (tier == NULL)
        return MR_ERR_NO_MEMORY;
    memset(tier, 0, sizeof(*tier));
    spec.tier = tier;
    while (mr_json_next(value, &cursor, &name, &member))
        MR_TRY(read_tier_member(r, name, member, &spec, tier));
    if (spec.name == NULL || tier->of[0] == '\0' || tier->count == 0)
        return mr_plan_complain(r, "", "needs name, of and levels");
    if (spec.meaning == NULL)
        spec.meaning = mr_plan_meaning_of_score(spec.name);
    return mr_plan_add(r, &spec);
}

/* ---- lifecycle ---- */

/* "2 purchases in 60d" */
static mr_status read_growing(mr_plan_reading *r, mr_json_value *value,
                              mr_lifecycle_spec *lifecycle)
{
    const mr_text text = mr_json_text(value, (mr_text){0});
    char copy[48] = "";
    unsigned purchases = 0;
    unsigned days = 0;
    char end = '\0';
    if (text.length < sizeof(copy))
        memcpy(copy, text.bytes, text.length);
    if (sscanf(copy, "%5u purchases in %5u%c", &purchases, &days, &end) != 3 ||
        end != 'd' || purchases < 1 || purchases > 32 || days < 1 ||
        days > MR_DAY_SERIES_DAYS_MAX)
        return mr_plan_complain(r, "growing", "must be such as 2 purchases in 60d");
    lifecycle->growing_purchases = (uint16_t)purchases;
    lifecycle->growing_days = (uint16_t)days;
    return MR_OK;
}

static mr_status read_lifecycle(mr_plan_reading *r, mr_json_value *value)
{
    size_t cursor = 0;
    mr_text name;
    mr_json_value *member;
    mr_feature_spec spec = *mr_plan_default_named("lifecycle");
    mr_lifecycle_spec *lifecycle = mr_arena_allocate(r->texts, sizeof(*lifecycle));
    if (lifecycle == NULL)
        return MR_ERR_NO_MEMORY;
    *lifecycle = *spec.lifecycle;
    spec.lifecycle = lifecycle;
    while (mr_json_next(value, &cursor, &name, &member)) {
        if (mr_text_is(name, "new"))
            MR_TRY(mr_plan_read_days(r, "new", member, &lifecycle->new_days));
        else if (mr_text_is(name, "dormant_after"))
            MR_TRY(
                mr_plan_read_days(r, "dormant_after", member, &lifecycle->dormant_days));
        else if (mr_text_is(name, "lost_after"))
            MR_TRY(mr_plan_read_days(r, "lost_after", member, &lifecycle->lost_days));
        else if (mr_text_is(name, "growing"))
            MR_TRY(read_growing(r, member, lifecycle));
        else
            return mr_plan_complain(
                r, "",
                "unknown member '%.*s'; there are new, dormant_after, "
                "lost_after and growing",
                MR_TEXT_ARG(name));
    }
    if (lifecycle->lost_days <= lifecycle->dormant_days)
        return mr_plan_complain(r, "lost_after", "must be later than dormant_after");
    return mr_plan_add(r, &spec);
}

/* ---- all of them ---- */

static mr_status read_list(mr_plan_reading *r, const char *section, mr_json_value *list,
                           mr_status (*read)(mr_plan_reading *r, mr_json_value *value))
{
    r->section = section;
    for (size_t i = 0; i < mr_json_count(list); i++) {
        r->index = i;
        MR_TRY(read(r, mr_json_at(list, i)));
    }
    return MR_OK;
}

/* Those of the default plan; a tier only where its score is. */
static mr_status add_defaults(mr_plan_reading *r, bool scores)
{
    for (size_t i = 0; i < mr_default_feature_count; i++) {
        const mr_feature_spec *spec = &mr_default_features[i];
        const bool is_wanted = scores ? mr_aggregate_is_score(spec->aggregate)
                                      : spec->aggregate == MR_AGGREGATE_TIER &&
                                            mr_plan_is_read(r, spec->tier->of);
        if (is_wanted && !mr_plan_is_read(r, spec->name))
            MR_TRY(mr_plan_add(r, spec));
    }
    return MR_OK;
}

mr_status mr_plan_read_scores(mr_plan_reading *r, mr_json_value *root)
{
    mr_json_value *scores = mr_json_get(root, "scores");
    mr_json_value *tiers = mr_json_get(root, "tiers");
    mr_json_value *lifecycle = mr_json_get(root, "lifecycle");
    MR_TRY(scores != NULL ? read_list(r, "scores", scores, read_score)
                          : add_defaults(r, true));
    MR_TRY(tiers != NULL ? read_list(r, "tiers", tiers, read_tier)
                         : add_defaults(r, false));
    r->section = "lifecycle";
    r->index = 0;
    return lifecycle != NULL ? read_lifecycle(r, lifecycle)
                             : mr_plan_add(r, mr_plan_default_named("lifecycle"));
}

/* ---- segments ---- */

static mr_status read_segment(mr_plan_reading *r, mr_json_value *value, mr_plan *plan)
{
    size_t cursor = 0;
    mr_text name;
    mr_json_value *member;
    const char *segment = NULL;
    const char *meaning = "";
    mr_text where = {0};
    mr_error error = {{0}};
    while (mr_json_next(value, &cursor, &name, &member)) {
        if (mr_text_is(name, "name"))
            MR_TRY(mr_plan_read_name(r, member, &segment));
        else if (mr_text_is(name, "meaning"))
            MR_TRY(mr_plan_keep_text(r, "meaning", member, MR_PLAN_TEXT_BYTES_MAX,
                                     &meaning));
        else if (mr_text_is(name, "where"))
            where = mr_json_text(member, (mr_text){0});
        else
            return mr_plan_complain(r, "",
                                    "unknown member '%.*s'; there are name, where and "
                                    "meaning",
                                    MR_TEXT_ARG(name));
    }
    if (segment == NULL || where.length == 0)
        return mr_plan_complain(r, "", "needs name and where");
    const mr_status status = mr_plan_add_segment(plan, segment, meaning, where, &error);
    return status == MR_ERR_INVALID ? mr_plan_complain(r, "where", "%s", error.message)
                                    : status;
}

mr_status mr_plan_read_segments(mr_plan_reading *r, mr_json_value *root, mr_plan *plan)
{
    mr_json_value *segments = mr_json_get(root, "segments");
    mr_json_value *bots = mr_json_get(root, "bots");
    mr_error error = {{0}};
    r->section = "segments";
    for (size_t i = 0; i < mr_json_count(segments); i++) {
        r->index = i;
        MR_TRY(read_segment(r, mr_json_at(segments, i), plan));
    }
    if (segments == NULL)
        MR_TRY(mr_plan_add_default_segments(plan));
    if (bots == NULL)
        return mr_plan_set_default_bot_rule(plan);
    const mr_status status =
        mr_plan_set_bot_rule(plan, mr_json_text(bots, (mr_text){0}), &error);
    if (status != MR_ERR_INVALID)
        return status;
    (void)snprintf(r->fault->path, sizeof(r->fault->path), "bots");
    (void)snprintf(r->fault->message, sizeof(r->fault->message), "%s", error.message);
    return status;
}
