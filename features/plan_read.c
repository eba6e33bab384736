#include "features/plan_reading.h"

#include "features/plan_columns.h"
#include "features/plan_words.h"
#include "features/profile.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BYTES = 4096 };

/* ---- what is wrong ---- */

mr_status mr_plan_complain(mr_plan_reading *r, const char *member, const char *format,
                           ...)
{
    va_list arguments;
    char index[24] = "";
    const bool is_list = strcmp(r->section, "lifecycle") != 0;
    if (is_list)
        (void)snprintf(index, sizeof(index), "[%zu]", r->index);
    (void)snprintf(r->fault->path, sizeof(r->fault->path), "%s%s%s%.48s", r->section,
                   index, member[0] != '\0' ? "." : "", member);
    va_start(arguments, format);
    (void)vsnprintf(r->fault->message, sizeof(r->fault->message), format, arguments);
    va_end(arguments);
    return MR_ERR_INVALID;
}

/* ---- words ---- */

mr_status mr_plan_keep_text(mr_plan_reading *r, const char *member, mr_json_value *value,
                            uint32_t most, const char **ret_text)
{
    const mr_text text = mr_json_text(value, (mr_text){0});
    if (text.length == 0 || text.length > most)
        return mr_plan_complain(r, member, "must be a text of 1 to %u bytes",
                                (unsigned)most);
    char *copy = mr_arena_allocate(r->texts, text.length + 1U);
    if (copy == NULL)
        return MR_ERR_NO_MEMORY;
    memcpy(copy, text.bytes, text.length);
    copy[text.length] = '\0';
    *ret_text = copy;
    return MR_OK;
}

static bool is_name(const char *name)
{
    const size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return name[0] >= 'a' && name[0] <= 'z' && name[length] == '\0' &&
           length <= MR_PLAN_NAME_BYTES_MAX;
}

mr_status mr_plan_read_name(mr_plan_reading *r, mr_json_value *value,
                            const char **ret_name)
{
    MR_TRY(mr_plan_keep_text(r, "name", value, MR_PLAN_TEXT_BYTES_MAX, ret_name));
    return is_name(*ret_name)
               ? MR_OK
               : mr_plan_complain(r, "name",
                                  "a name is a-z, then a-z, 0-9 and _, at most %d in all",
                                  MR_PLAN_NAME_BYTES_MAX);
}

static mr_status add_type(mr_plan_reading *r, mr_json_value *value, uint32_t *on)
{
    const mr_text name = mr_json_text(value, (mr_text){0});
    const mr_event_type type = mr_event_type_from(name);
    if (mr_text_is(name, "any"))
        *on |= MR_ON_ANY;
    else if (type == MR_EVENT_NONE)
        return mr_plan_complain(
            r, "on",
            "'%.*s' is no event type; there are any, view, click, search, "
            "list_view, cart_add, cart_remove, wishlist, checkout, purchase, "
            "refund, rate, review, share, login, impression, redeem, identify "
            "and custom",
            MR_TEXT_ARG(name));
    else
        *on |= MR_ON(type);
    return MR_OK;
}

static mr_status read_on(mr_plan_reading *r, mr_json_value *value, mr_feature_spec *spec)
{
    if (!mr_json_is_array(value))
        return add_type(r, value, &spec->on);
    for (size_t i = 0; i < mr_json_count(value); i++)
        MR_TRY(add_type(r, mr_json_at(value, i), &spec->on));
    return spec->on != 0 ? MR_OK : mr_plan_complain(r, "on", "names no event type");
}

static mr_status read_aggregate(mr_plan_reading *r, mr_json_value *value,
                                mr_feature_spec *spec)
{
    const mr_text word = mr_json_text(value, (mr_text){0});
    for (mr_aggregate a = MR_AGGREGATE_COUNT; a < MR_AGGREGATE_SKETCH; a++) {
        if (a != MR_AGGREGATE_RFM && a != MR_AGGREGATE_EXPRESSION &&
            mr_text_is(word, mr_aggregate_name(a))) {
            spec->aggregate = a;
            return MR_OK;
        }
    }
    return mr_plan_complain(
        r, "aggregate",
        "'%.*s' is none; there are count, sum, min, max, mean, fading_sum, "
        "fading_mean, fading_top, history_top, distinct, first_time, last_time, "
        "last_times, "
        "day_bitmap, week_bitmap, month_bitmap, histogram, session and recent_items",
        MR_TEXT_ARG(word));
}

static mr_status read_of(mr_plan_reading *r, mr_json_value *value, mr_feature_spec *spec)
{
    const mr_text word = mr_json_text(value, (mr_text){0});
    for (mr_of of = MR_OF_NOTHING + 1; of < MR_OFS; of++) {
        if (mr_text_is(word, mr_of_name(of))) {
            spec->of = of;
            return MR_OK;
        }
    }
    return mr_plan_complain(
        r, "of",
        "'%.*s' is none; there are value, net_value, quantity, price, rating, "
        "order_id, item_id, category, brand, price_band, device, channel, campaign, geo "
        "and hour_of_day",
        MR_TEXT_ARG(word));
}

/* "7d", "2w" */
mr_status mr_plan_read_days(mr_plan_reading *r, const char *member, mr_json_value *value,
                            uint16_t *ret_days)
{
    const mr_text text = mr_json_text(value, (mr_text){0});
    int64_t days = 0;
    const char unit = text.length > 1 ? text.bytes[text.length - 1] : '\0';
    if ((unit != 'd' && unit != 'w') ||
        mr_text_to_int64((mr_text){text.bytes, text.length - 1}, &days) != MR_OK ||
        days < 1 || days > MR_DAY_SERIES_DAYS_MAX)
        return mr_plan_complain(
            r, member, "must be whole days such as 7d or 4w, at most %dd; got '%.*s'",
            MR_DAY_SERIES_DAYS_MAX, MR_TEXT_ARG(text));
    days *= unit == 'w' ? 7 : 1;
    *ret_days = days <= UINT16_MAX ? (uint16_t)days : UINT16_MAX;
    return MR_OK;
}

/* "24h", or days */
static mr_status read_window(mr_plan_reading *r, mr_json_value *value,
                             mr_feature_spec *spec)
{
    const mr_text text = mr_json_text(value, (mr_text){0});
    int64_t hours = 0;
    if (text.length < 2 || text.bytes[text.length - 1] != 'h')
        return mr_plan_read_days(r, "window", value, &spec->window_days);
    if (mr_text_to_int64((mr_text){text.bytes, text.length - 1}, &hours) != MR_OK ||
        hours < 1 || hours > MR_DAY_SERIES_DAYS_MAX)
        return mr_plan_complain(r, "window",
                                "must be whole hours such as 24h, at most %dh",
                                MR_DAY_SERIES_DAYS_MAX);
    spec->window_hours = (uint16_t)hours;
    return MR_OK;
}

/* "30m" */
static mr_status read_gap(mr_plan_reading *r, mr_json_value *value, mr_feature_spec *spec)
{
    const mr_text text = mr_json_text(value, (mr_text){0});
    int64_t minutes = 0;
    if (text.length < 2 || text.bytes[text.length - 1] != 'm' ||
        mr_text_to_int64((mr_text){text.bytes, text.length - 1}, &minutes) != MR_OK ||
        minutes < 1 || minutes > MR_SHARD_HISTORY_MAX)
        return mr_plan_complain(r, "gap",
                                "must be whole minutes such as 30m, at most %dm",
                                MR_SHARD_HISTORY_MAX);
    spec->length = (uint16_t)minutes;
    return MR_OK;
}

static mr_status read_sketch(mr_plan_reading *r, mr_json_value *value,
                             mr_feature_spec *spec)
{
    int64_t bits;
    if (!mr_json_int_within(value, MR_SKETCH_MIN, MR_SKETCH_MAX, &bits))
        return mr_plan_complain(r, "sketch",
                                "must be a number from %d to %d: 2^sketch bytes",
                                MR_SKETCH_MIN, MR_SKETCH_MAX);
    spec->sketch = (uint8_t)bits;
    return MR_OK;
}

static mr_status read_count(mr_plan_reading *r, const char *member, mr_json_value *value,
                            uint16_t *ret_count)
{
    const int64_t count = mr_json_int(value, 0);
    if (count < 1 || count > MR_SHARD_HISTORY_MAX)
        return mr_plan_complain(r, member, "must be a number from 1 to %d",
                                MR_SHARD_HISTORY_MAX);
    *ret_count = (uint16_t)count;
    return MR_OK;
}

static mr_status read_quota(mr_plan_reading *r, mr_json_value *value,
                            mr_feature_spec *spec)
{
    size_t cursor = 0;
    size_t count = 0;
    mr_text name;
    mr_json_value *keep;
    while (mr_json_next(value, &cursor, &name, &keep)) {
        const mr_event_type type = mr_event_type_from(name);
        const int64_t number = mr_json_int(keep, 0);
        if (type == MR_EVENT_NONE || number < 1 || number > UINT8_MAX)
            return mr_plan_complain(
                r, "quota", "'%.*s' must be an event type with a number from 1 to %d",
                MR_TEXT_ARG(name), UINT8_MAX);
        if (count == MR_QUOTAS_MAX)
            return mr_plan_complain(r, "quota", "at most %d types", MR_QUOTAS_MAX);
        spec->quotas[count++] =
            (mr_quota){.type = (uint8_t)type, .keep = (uint8_t)number};
    }
    return count > 0 ? MR_OK
                     : mr_plan_complain(r, "quota",
                                        "must be such as {view: 120, purchase: 60}");
}

/* ---- a feature ---- */

static mr_status read_member(mr_plan_reading *r, mr_text name, mr_json_value *value,
                             mr_feature_spec *spec)
{
    uint16_t days = 0;
    if (mr_text_is(name, "name"))
        return mr_plan_read_name(r, value, &spec->name);
    if (mr_text_is(name, "on"))
        return read_on(r, value, spec);
    if (mr_text_is(name, "aggregate"))
        return read_aggregate(r, value, spec);
    if (mr_text_is(name, "of"))
        return read_of(r, value, spec);
    if (mr_text_is(name, "window"))
        return read_window(r, value, spec);
    if (mr_text_is(name, "gap"))
        return read_gap(r, value, spec);
    if (mr_text_is(name, "sketch"))
        return read_sketch(r, value, spec);
    if (mr_text_is(name, "half_life"))
        return mr_plan_read_days(r, "half_life", value, &spec->half_life_days);
    if (mr_text_is(name, "length") || mr_text_is(name, "k"))
        return read_count(r, "length", value, &spec->length);
    if (mr_text_is(name, "exact_to"))
        return read_count(r, "exact_to", value, &spec->length);
    if (mr_text_is(name, "days")) {
        MR_TRY(read_count(r, "days", value, &days));
        return days == MR_PLAN_BITMAP_DAYS
                   ? MR_OK
                   : mr_plan_complain(r, "days", "a day_bitmap keeps %d days",
                                      MR_PLAN_BITMAP_DAYS);
    }
    if (mr_text_is(name, "quota"))
        return read_quota(r, value, spec);
    if (mr_text_is(name, "expression"))
        return mr_plan_keep_text(r, "expression", value, MR_EXPRESSION_BYTES_MAX,
                                 &spec->expression);
    if (mr_text_is(name, "meaning"))
        return mr_plan_keep_text(r, "meaning", value, MR_PLAN_TEXT_BYTES_MAX,
                                 &spec->meaning);
    if (mr_text_is(name, "unit"))
        return mr_plan_keep_text(r, "unit", value, MR_PLAN_TEXT_BYTES_MAX, &spec->unit);
    return mr_plan_complain(
        r, "",
        "unknown member '%.*s'; there are name, on, aggregate, of, window, half_life, "
        "length, k, exact_to, sketch, gap, days, quota, expression, meaning and unit",
        MR_TEXT_ARG(name));
}

/* How a plan says what is kept of an aggregate. */
const char *mr_plan_length_word(mr_aggregate aggregate)
{
    switch (aggregate) {
    case MR_AGGREGATE_DISTINCT:
    case MR_AGGREGATE_SKETCH: return "exact_to";
    case MR_AGGREGATE_DAY_BITMAP: return "days";
    case MR_AGGREGATE_FADING_TOP:
    case MR_AGGREGATE_HISTORY_TOP: return "k";
    default: return "length";
    }
}

/* What the aggregate needs, and what it has no use for. */
static mr_status check_members(mr_plan_reading *r, mr_feature_spec *spec)
{
    const mr_aggregate aggregate = spec->aggregate;
    if (!mr_aggregate_takes(aggregate, spec->of))
        return mr_plan_complain(r, "of", "%s needs %s", mr_aggregate_name(aggregate),
                                mr_aggregate_fields(aggregate));
    if (spec->window_days + spec->window_hours > 0 && !mr_aggregate_has_window(aggregate))
        return mr_plan_complain(
            r, "window", "count, sum, min, max and mean have one; %s is %s",
            mr_aggregate_name(aggregate),
            mr_aggregate_has_half_life(aggregate) ? "faded by half_life" : "of all time");
    if ((spec->half_life_days > 0) != mr_aggregate_has_half_life(aggregate))
        return mr_plan_complain(
            r, "half_life", "%s",
            mr_aggregate_has_half_life(aggregate)
                ? "is needed, such as 30d"
                : "fading_sum, fading_mean, fading_top and history_top alone have one");
    if (aggregate == MR_AGGREGATE_DAY_BITMAP)
        spec->length = MR_PLAN_BITMAP_DAYS;
    if (aggregate == MR_AGGREGATE_SESSION && spec->length == 0)
        spec->length = MR_SESSION_MINUTES;
    const bool is_list =
        aggregate == MR_AGGREGATE_DISTINCT || aggregate == MR_AGGREGATE_LAST_TIMES ||
        aggregate == MR_AGGREGATE_FADING_TOP || aggregate == MR_AGGREGATE_HISTORY_TOP ||
        aggregate == MR_AGGREGATE_SKETCH;
    if (is_list && spec->length == 0)
        return mr_plan_complain(r, mr_plan_length_word(aggregate),
                                "is needed: how many are kept");
    if (!is_list && aggregate != MR_AGGREGATE_DAY_BITMAP &&
        aggregate != MR_AGGREGATE_SESSION && spec->length > 0)
        return mr_plan_complain(
            r, "length",
            "distinct, last_times, fading_top and history_top alone have one");
    if (aggregate != MR_AGGREGATE_SKETCH && spec->sketch > 0)
        return mr_plan_complain(r, "sketch", "distinct alone has one");
    if (aggregate == MR_AGGREGATE_RECENT_ITEMS && strcmp(spec->name, "history") != 0)
        return mr_plan_complain(r, "name",
                                "there is one recent_items, and its name is history");
    return MR_OK;
}

const mr_feature_spec *mr_plan_default_named(const char *name)
{
    for (size_t i = 0; i < mr_default_feature_count; i++) {
        if (strcmp(mr_default_features[i].name, name) == 0)
            return &mr_default_features[i];
    }
    return NULL;
}

/* The engine counts orders and revenue by these: what they mean is not the file's to say. */
static mr_status check_needed(mr_plan_reading *r, const mr_feature_spec *spec)
{
    const mr_feature_spec *known = mr_plan_default_named(spec->name);
    if (!mr_plan_needs(spec->name))
        return MR_OK;
    if (spec->aggregate != known->aggregate || spec->window_days != 0 ||
        (spec->aggregate != MR_AGGREGATE_RECENT_ITEMS &&
         (spec->on != known->on || spec->of != known->of)))
        return mr_plan_complain(
            r, "name",
            "the engine reads %s as the default plan has it: leave it out, or "
            "give yours another name",
            spec->name);
    return MR_OK;
}

/* What is said of a feature that says nothing: of one of the default plan its words, of any other
 * what it is made of. */
const char *mr_plan_words_of(const mr_feature_spec *spec,
                             char ret_meaning[MR_PLAN_TEXT_BYTES_MAX + 1])
{
    const mr_feature_spec *known = mr_plan_default_named(spec->name);
    if (known == NULL) {
        mr_plan_meaning_of(spec, ret_meaning, MR_PLAN_TEXT_BYTES_MAX + 1);
        return mr_plan_unit_of(spec);
    }
    (void)snprintf(ret_meaning, MR_PLAN_TEXT_BYTES_MAX + 1, "%s", known->meaning);
    return known->unit;
}

static mr_status explain(mr_plan_reading *r, mr_feature_spec *spec)
{
    char meaning[MR_PLAN_TEXT_BYTES_MAX + 1];
    const char *unit = mr_plan_words_of(spec, meaning);
    if (spec->unit == NULL)
        spec->unit = unit;
    if (spec->meaning != NULL)
        return MR_OK;
    const mr_text copy =
        mr_arena_copy(r->texts, (mr_text){meaning, (uint32_t)strlen(meaning) + 1});
    spec->meaning = copy.bytes;
    return copy.bytes != NULL ? MR_OK : MR_ERR_NO_MEMORY;
}

bool mr_plan_is_read(const mr_plan_reading *r, const char *name)
{
    for (size_t i = 0; i < r->count; i++) {
        if (strcmp(r->specs[i].name, name) == 0)
            return true;
    }
    return false;
}

mr_status mr_plan_add(mr_plan_reading *r, const mr_feature_spec *spec)
{
    if (mr_plan_is_read(r, spec->name))
        return mr_plan_complain(r, "name", "%s is there twice", spec->name);
    if (r->count == MR_PLAN_FEATURES_MAX)
        return mr_plan_complain(
            r, "",
            "is one too many: a plan has at most %d features, those of "
            "every profile and those the engine needs among them",
            MR_PLAN_FEATURES_MAX);
    r->sections[r->count] = r->section;
    r->places[r->count] = r->index;
    r->specs[r->count++] = *spec;
    return MR_OK;
}

static mr_status check_name(mr_plan_reading *r, const mr_feature_spec *spec)
{
    const mr_feature_spec *known = mr_plan_default_named(spec->name);
    if (known != NULL &&
        (known->aggregate <= MR_AGGREGATE_SESSIONS ||
         known->aggregate == MR_AGGREGATE_RFM || known->aggregate > MR_AGGREGATE_SKETCH))
        return mr_plan_complain(r, "name",
                                known->aggregate > MR_AGGREGATE_SKETCH
                                    ? "%s has a section of its own: scores, tiers, "
                                      "lifecycle"
                                    : "every profile has %s: leave it out",
                                spec->name);
    return MR_OK;
}

static mr_status read_feature(mr_plan_reading *r, mr_json_value *value)
{
    mr_feature_spec spec = {.aggregate = MR_AGGREGATES};
    size_t cursor = 0;
    mr_text name;
    mr_json_value *member;
    if (!mr_json_is_object(value))
        return mr_plan_complain(
            r, "",
            "must be such as {name: views_7d, on: view, aggregate: count, "
            "window: 7d}");
    while (mr_json_next(value, &cursor, &name, &member))
        MR_TRY(read_member(r, name, member, &spec));
    if (spec.expression != NULL && spec.aggregate == MR_AGGREGATES)
        spec.aggregate = MR_AGGREGATE_EXPRESSION;
    if (spec.aggregate == MR_AGGREGATE_DISTINCT && spec.sketch > 0)
        spec.aggregate = MR_AGGREGATE_SKETCH;
    if (spec.name == NULL || spec.aggregate == MR_AGGREGATES ||
        (spec.on == 0) != (spec.expression != NULL))
        return mr_plan_complain(
            r, "", "needs name, on and aggregate, or name and expression alone");
    MR_TRY(check_name(r, &spec));
    MR_TRY(check_members(r, &spec));
    MR_TRY(check_needed(r, &spec));
    MR_TRY(explain(r, &spec));
    return mr_plan_add(r, &spec);
}

/* ---- the plan ---- */

static mr_status read_features(mr_plan_reading *r, mr_json_value *features)
{
    r->section = "features";
    for (size_t i = 0; i < mr_default_feature_count; i++) {
        if (mr_default_features[i].aggregate <= MR_AGGREGATE_SESSIONS)
            MR_TRY(mr_plan_add(r, &mr_default_features[i]));
    }
    for (size_t i = 0; i < mr_json_count(features); i++) {
        r->index = i;
        MR_TRY(read_feature(r, mr_json_at(features, i)));
    }
    for (size_t i = 0; i < mr_default_feature_count; i++) {
        const mr_feature_spec *spec = &mr_default_features[i];
        if (spec->aggregate == MR_AGGREGATE_RFM ||
            (mr_plan_needs(spec->name) && !mr_plan_is_read(r, spec->name)))
            MR_TRY(mr_plan_add(r, spec));
    }
    return MR_OK;
}

/* "feature NAME: …" at that feature's place. */
static void place(mr_plan_reading *r, const char *message)
{
    char start[MR_PLAN_NAME_BYTES_MAX + 16];
    (void)snprintf(r->fault->path, sizeof(r->fault->path), "features");
    (void)snprintf(r->fault->message, sizeof(r->fault->message), "%s", message);
    for (size_t i = 0; i < r->count; i++) {
        const int length =
            snprintf(start, sizeof(start), "feature %s: ", r->specs[i].name);
        if (length <= 0 || strncmp(message, start, (size_t)length) != 0)
            continue;
        (void)snprintf(r->fault->path, sizeof(r->fault->path), "%s[%zu]", r->sections[i],
                       r->places[i]);
        (void)snprintf(r->fault->message, sizeof(r->fault->message), "%s",
                       message + length);
    }
}

static mr_status compile(mr_plan_reading *r, mr_plan **ret_plan)
{
    mr_vector_spec columns[MR_PLAN_COLUMNS_MAX];
    mr_error error = {{0}};
    mr_plan *plan = NULL;
    size_t count = 0;
    mr_status status =
        mr_plan_compile(&r->settings, r->specs, r->count, NULL, 0, &plan, &error);
    if (status == MR_OK)
        status = mr_plan_columns_of(plan, r->texts, columns, &count);
    if (status == MR_OK)
        status = mr_plan_add_columns(plan, columns, count, &error);
    if (status == MR_ERR_INVALID)
        place(r, error.message);
    if (status == MR_OK)
        *ret_plan = plan;
    else
        mr_plan_destroy(plan);
    return status;
}

static mr_status complain_of(mr_plan_fault *fault, mr_text path, const char *message)
{
    (void)snprintf(fault->path, sizeof(fault->path), "%.*s", MR_TEXT_ARG(path));
    (void)snprintf(fault->message, sizeof(fault->message), "%s", message);
    return MR_ERR_INVALID;
}

static mr_status find_features(mr_json_value *root, mr_plan_fault *fault,
                               mr_json_value **ret_features)
{
    size_t cursor = 0;
    mr_text name;
    mr_json_value *value;
    *ret_features = NULL;
    if (root != NULL && !mr_json_is_object(root))
        return complain_of(fault, (mr_text){0},
                           "must be a mapping with a list of features");
    while (root != NULL && mr_json_next(root, &cursor, &name, &value)) {
        if (mr_text_is(name, "time_zone") || mr_text_is(name, "currency") ||
            mr_text_is(name, "rates"))
            continue; /* the caller's to look up, and read_currency()'s */
        if (mr_text_is(name, "lifecycle")) {
            if (!mr_json_is_object(value))
                return complain_of(fault, name, "must be such as {dormant_after: 30d}");
            continue;
        }
        if (mr_text_is(name, "bots")) {
            if (!mr_json_is_text(value))
                return complain_of(fault, name, "must be a rule: views_7d >= 2000");
            continue;
        }
        const bool is_features = mr_text_is(name, "features");
        if (!is_features && !mr_text_is(name, "scores") && !mr_text_is(name, "tiers") &&
            !mr_text_is(name, "segments"))
            return complain_of(fault, name,
                               "unknown member; a plan has time_zone, currency, rates, "
                               "features, scores, tiers, lifecycle, segments and bots");
        if (!mr_json_is_array(value))
            return complain_of(fault, name, "must be a list");
        if (is_features)
            *ret_features = value;
    }
    return MR_OK;
}

static int compare_rates(const void *a, const void *b)
{
    return strcmp(((const mr_currency_rate *)a)->code,
                  ((const mr_currency_rate *)b)->code);
}

static mr_status read_rate(mr_text code, mr_json_value *value, mr_currency *currency,
                           mr_plan_fault *fault)
{
    const double rate = mr_json_double(value, 0.0);
    const int64_t millionths = rate > 0.0 && rate < 1e6 ? llround(rate * 1e6) : 0;
    char path[32];
    (void)snprintf(path, sizeof(path), "rates.%.8s", code.bytes);
    if (!mr_currency_is_code(code) || millionths < 1)
        return complain_of(fault, mr_text_from(path),
                           "must be three capital letters, and what one is worth in "
                           "`currency`, such as USD: 0.92");
    if (currency->rate_count == MR_CURRENCY_RATES_MAX)
        return complain_of(fault, MR_TEXT("rates"), "there are more than 64");
    mr_currency_rate *place = &currency->rates[currency->rate_count++];
    memcpy(place->code, code.bytes, code.length);
    place->code[code.length] = '\0';
    place->millionths = millionths;
    return MR_OK;
}

static mr_status read_currency(mr_json_value *root, mr_currency *ret_currency,
                               mr_plan_fault *fault)
{
    mr_json_value *code = mr_json_get(root, "currency");
    mr_json_value *rates = mr_json_get(root, "rates");
    const mr_text text = mr_json_text(code, (mr_text){0});
    size_t cursor = 0;
    mr_text name;
    mr_json_value *rate;
    if (code == NULL && rates == NULL)
        return MR_OK;
    if (!mr_currency_is_code(text))
        return complain_of(fault, MR_TEXT("currency"),
                           "must be three capital letters, such as EUR");
    memcpy(ret_currency->code, text.bytes, text.length);
    while (mr_json_next(rates, &cursor, &name, &rate))
        MR_TRY(read_rate(name, rate, ret_currency, fault));
    qsort(ret_currency->rates, ret_currency->rate_count, sizeof(ret_currency->rates[0]),
          compare_rates);
    return MR_OK;
}

/* Features, and what is computed of them behind. */
static mr_status read_all(mr_plan_reading *r, mr_json_value *root,
                          mr_json_value *features)
{
    r->section = "features";
    if (features != NULL)
        MR_TRY(read_features(r, features));
    for (size_t i = 0; features == NULL && i < mr_default_feature_count; i++) {
        if (mr_default_features[i].aggregate < MR_AGGREGATE_POINTS)
            MR_TRY(mr_plan_add(r, &mr_default_features[i]));
    }
    return mr_plan_read_scores(r, root);
}

/* On what was compiled: a plan that has rules it cannot read is none. */
static mr_status read_rules(mr_plan_reading *r, mr_json_value *root, mr_plan **plan)
{
    const mr_status status = mr_plan_read_segments(r, root, *plan);
    if (status != MR_OK) {
        mr_plan_destroy(*plan);
        *plan = NULL;
    }
    return status;
}

mr_status mr_plan_read(mr_json_value *root, const mr_time_zone *zone, mr_plan **ret_plan,
                       mr_plan_fault *ret_fault)
{
    mr_json_value *features;
    *ret_fault = (mr_plan_fault){{0}, {0}};
    MR_TRY(find_features(root, ret_fault, &features));
    mr_plan_reading *r = calloc(1, sizeof(*r));
    mr_status status = MR_ERR_NO_MEMORY;
    if (r == NULL)
        return status;
    r->fault = ret_fault;
    r->texts = mr_arena_create(ARENA_BYTES);
    if (r->texts != NULL) {
        if (zone != NULL)
            r->settings.zone = *zone;
        r->settings.dedup = mr_default_dedup;
        status = read_currency(root, &r->settings.currency, ret_fault);
        if (status == MR_OK)
            status = read_all(r, root, features);
        if (status == MR_OK)
            status = compile(r, ret_plan);
        if (status == MR_OK)
            status = read_rules(r, root, ret_plan);
    }
    if (status == MR_OK)
        (*ret_plan)->texts = r->texts;
    else
        mr_arena_destroy(r->texts);
    free(r);
    return status;
}
