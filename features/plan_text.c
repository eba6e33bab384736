/*
 * A plan out of its canonical text, and the text in pieces.
 *
 * A checkpoint is read with the plan it was written with.  The text holds all that a layout needs;
 * a machine that would round the fading shares another way reads them as they stand there.
 */
#include "features/plan_layout.h"

#include "core/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXTS_BYTES = 4096 };

static mr_text take(mr_text *rest, char end)
{
    const char *found = rest->length > 0 ? memchr(rest->bytes, end, rest->length) : NULL;
    const size_t length = found != NULL ? (size_t)(found - rest->bytes) : rest->length;
    const mr_text piece = {.bytes = rest->bytes, .length = (uint32_t)length};
    const size_t taken = found != NULL ? length + 1 : length;
    rest->bytes += taken;
    rest->length -= (uint32_t)taken;
    return piece;
}

static bool begins(mr_text text, const char *prefix)
{
    const size_t length = strlen(prefix);
    return text.length >= length && memcmp(text.bytes, prefix, length) == 0;
}

/* A feature's line is "name on=…"; the others are about the plan as a whole. */
static bool is_feature(mr_text definition)
{
    return begins(definition, "on=");
}

mr_text mr_plan_definition(const mr_plan *plan, const char *name)
{
    mr_text rest = mr_plan_canonical(plan);
    while (rest.length > 0) {
        mr_text line = take(&rest, '\n');
        const mr_text first = take(&line, ' ');
        if (is_feature(line) && mr_text_is(first, name))
            return line;
    }
    return (mr_text){0};
}

/* Digits after "key="; false when there is anything else. */
static bool read_number(mr_text word, const char *key, uint32_t max, uint32_t *ret_number)
{
    const size_t skip = strlen(key);
    uint64_t number = 0;
    if (!begins(word, key) || word.length == skip || word.length > skip + 10)
        return false;
    for (size_t i = skip; i < word.length; i++) {
        if (word.bytes[i] < '0' || word.bytes[i] > '9')
            return false;
        number = 10 * number + (uint64_t)(word.bytes[i] - '0');
    }
    *ret_number = (uint32_t)number;
    return number <= max;
}

static bool read_quota(mr_text word, mr_feature_spec *spec)
{
    size_t place = 0;
    while (place < MR_QUOTAS_MAX && spec->quotas[place].type != MR_EVENT_NONE)
        place++;
    if (place == MR_QUOTAS_MAX)
        return false;
    (void)take(&word, '=');
    const mr_text name = take(&word, ':');
    uint32_t keep;
    for (uint8_t type = MR_EVENT_NONE + 1; type < MR_EVENT_TYPES; type++) {
        if (mr_text_is(name, mr_event_type_name((mr_event_type)type)))
            spec->quotas[place].type = type;
    }
    if (spec->quotas[place].type == MR_EVENT_NONE ||
        !read_number(word, "", UINT8_MAX, &keep))
        return false;
    spec->quotas[place].keep = (uint8_t)keep;
    return true;
}

/* A half-life of so many days as there are shares. */
static bool read_fade(mr_text word, mr_feature_spec *spec)
{
    uint16_t days = 0;
    (void)take(&word, '=');
    while (word.length > 0 && days <= MR_PLAN_HALF_LIFE_LONGEST) {
        (void)take(&word, ',');
        days++;
    }
    spec->half_life_days = days;
    return days > 0 && days <= MR_PLAN_HALF_LIFE_LONGEST;
}

/* Its text goes to `names` like a name. */
static void keep_expression(mr_text word, char **names, mr_feature_spec *spec)
{
    (void)take(&word, '=');
    memcpy(*names, word.bytes, word.length);
    (*names)[word.length] = '\0';
    spec->expression = *names;
    *names += word.length + 1;
}

/* What not every feature has. */
static bool read_word(mr_text word, mr_arena *texts, mr_feature_spec *spec)
{
    uint32_t number = 0;
    if (begins(word, "score=")) {
        (void)take(&word, '=');
        return (spec->score = mr_score_parse(word, texts)) != NULL;
    }
    if (begins(word, "levels=")) {
        (void)take(&word, '=');
        return (spec->tier = mr_tier_parse(word, texts)) != NULL;
    }
    if (begins(word, "lifecycle=")) {
        (void)take(&word, '=');
        return (spec->lifecycle = mr_lifecycle_parse(word, texts)) != NULL;
    }
    if (begins(word, "quota="))
        return read_quota(word, spec);
    if (begins(word, "fade="))
        return read_fade(word, spec);
    if (begins(word, "hours=")) {
        const bool is_read = read_number(word, "hours=", UINT16_MAX, &number);
        spec->window_hours = (uint16_t)number;
        return is_read;
    }
    const bool is_read = read_number(word, "sketch=", MR_SKETCH_MAX, &number);
    spec->sketch = (uint8_t)number;
    return is_read;
}

static bool read_spec(mr_text definition, char **names, mr_arena *texts,
                      mr_feature_spec *spec)
{
    uint32_t numbers[5];
    static const struct {
        const char *key;
        uint32_t max;
    } fields[5] = {{"on=", MR_ON_ANY},
                   {"aggregate=", MR_AGGREGATES - 1},
                   {"of=", MR_OFS - 1},
                   {"window=", UINT16_MAX},
                   {"length=", UINT16_MAX}};
    for (size_t i = 0; i < 5; i++) {
        if (!read_number(take(&definition, ' '), fields[i].key, fields[i].max,
                         &numbers[i]))
            return false;
    }
    spec->on = numbers[0];
    spec->aggregate = (mr_aggregate)numbers[1];
    spec->of = (mr_of)numbers[2];
    spec->window_days = (uint16_t)numbers[3];
    spec->length = (uint16_t)numbers[4];
    while (definition.length > 0) {
        const mr_text word = take(&definition, ' ');
        if (begins(word, "expression=")) {
            keep_expression(word, names, spec);
            continue;
        }
        if (!read_word(word, texts, spec))
            return false;
    }
    return true;
}

static bool has_its_parts(const mr_feature_spec *spec)
{
    const mr_aggregate aggregate = spec->aggregate;
    return (spec->expression != NULL) == (aggregate == MR_AGGREGATE_EXPRESSION) &&
           (spec->score != NULL) == mr_aggregate_is_score(aggregate) &&
           (spec->tier != NULL) == (aggregate == MR_AGGREGATE_TIER) &&
           (spec->lifecycle != NULL) == (aggregate == MR_AGGREGATE_LIFECYCLE);
}

/* Names go to `names`, one after the other, which has room for the whole text. */
static mr_status read_features(mr_text rest, char *names, mr_arena *texts,
                               mr_feature_spec *specs, size_t *ret_count)
{
    size_t count = 0;
    if (!begins(rest, "plan 1 "))
        return MR_ERR_CORRUPT;
    while (rest.length > 0) {
        mr_text line = take(&rest, '\n');
        const mr_text name = take(&line, ' ');
        if (!is_feature(line))
            continue;
        if (count == MR_PLAN_FEATURES_MAX || name.length == 0)
            return MR_ERR_CORRUPT;
        memcpy(names, name.bytes, name.length);
        names[name.length] = '\0';
        specs[count] = (mr_feature_spec){.name = names, .meaning = "", .unit = ""};
        const bool is_name = strlen(names) == name.length;
        names += name.length + 1;
        if (!is_name || !read_spec(line, &names, texts, &specs[count]) ||
            !has_its_parts(&specs[count]))
            return MR_ERR_CORRUPT;
        count++;
    }
    *ret_count = count;
    return MR_OK;
}

static bool read_long_number(mr_text word, const char *key, int64_t *ret_number)
{
    const size_t skip = strlen(key);
    int64_t number = 0;
    if (!begins(word, key) || word.length == skip || word.length > skip + 15)
        return false;
    for (size_t i = skip; i < word.length; i++) {
        if (word.bytes[i] < '0' || word.bytes[i] > '9')
            return false;
        number = 10 * number + (word.bytes[i] - '0');
    }
    *ret_number = number;
    return true;
}

/* A line behind "dedup": of a class, or of both. */
static bool read_dedup_line(mr_text line, mr_dedup_spec *dedup)
{
    const mr_text first = take(&line, ' ');
    for (int span = 0; span < MR_DEDUP_CLASSES; span++) {
        if (mr_text_is(first, mr_dedup_class_name((mr_dedup_class)span)))
            return read_long_number(take(&line, ' '),
                                    "horizon_ms=", &dedup->horizon_ms[span]) &&
                   read_long_number(line, "bucket_ms=", &dedup->bucket_ms[span]);
    }
    return read_number(first, "on_long=", MR_ON_ANY, &dedup->on_long) &&
           read_number(line, "entries=", MR_DEDUP_ENTRIES_MAX, &dedup->entries_max);
}

/* A text of format 1 says nothing of ids: there were none. */
static mr_status read_dedup(mr_text rest, mr_dedup_spec *ret_dedup)
{
    *ret_dedup = mr_default_dedup;
    while (rest.length > 0) {
        mr_text line = take(&rest, '\n');
        const mr_text name = take(&line, ' ');
        if (mr_text_is(name, "dedup") && !is_feature(line) &&
            !read_dedup_line(line, ret_dedup))
            return MR_ERR_CORRUPT;
    }
    return MR_OK;
}

/* "-18000:…": digits with or without a sign, up to `end` or the end. */
static bool take_signed(mr_text *rest, char end, int64_t *ret_number)
{
    const mr_text word = take(rest, end);
    return mr_text_to_int64(word, ret_number) == MR_OK;
}

static bool read_changes(mr_text changes, mr_time_zone *zone)
{
    while (changes.length > 0) {
        int64_t offset_s;
        mr_zone_change *change = &zone->changes[zone->count];
        if (zone->count == MR_ZONE_CHANGES_MAX ||
            !take_signed(&changes, ':', &change->from_s) ||
            !take_signed(&changes, ',', &offset_s) || offset_s < -MR_ZONE_OFFSET_MAX ||
            offset_s > MR_ZONE_OFFSET_MAX)
            return false;
        change->offset_s = (int32_t)offset_s;
        zone->count++;
    }
    return true;
}

/* A line behind "zone". */
static bool read_zone_line(mr_text line, mr_time_zone *zone)
{
    const mr_text name = take(&line, ' ');
    mr_text offset = take(&line, ' ');
    int64_t offset_s;
    if (name.length == 0 || name.length >= sizeof(zone->name) ||
        !begins(offset, "offset="))
        return false;
    memcpy(zone->name, name.bytes, name.length);
    (void)take(&offset, '=');
    if (!take_signed(&offset, ' ', &offset_s) || offset_s < -MR_ZONE_OFFSET_MAX ||
        offset_s > MR_ZONE_OFFSET_MAX)
        return false;
    zone->first_offset_s = (int32_t)offset_s;
    if (line.length == 0)
        return true;
    const bool has_changes = begins(line, "changes=");
    (void)take(&line, '=');
    return has_changes && read_changes(line, zone) && mr_zone_is_sound(zone);
}

/* A text without one is of UTC. */
static mr_status read_zone(mr_text rest, mr_time_zone *ret_zone)
{
    *ret_zone = (mr_time_zone){.count = 0};
    while (rest.length > 0) {
        mr_text line = take(&rest, '\n');
        const mr_text name = take(&line, ' ');
        if (mr_text_is(name, "zone") && !is_feature(line) &&
            !read_zone_line(line, ret_zone))
            return MR_ERR_CORRUPT;
    }
    return MR_OK;
}

static bool take_code(mr_text *rest, char end, char ret_code[MR_CURRENCY_CODE_BYTES])
{
    const mr_text code = take(rest, end);
    if (!mr_currency_is_code(code))
        return false;
    memcpy(ret_code, code.bytes, code.length);
    ret_code[code.length] = '\0';
    return true;
}

/* A line behind "currency". */
static bool read_currency_line(mr_text line, mr_currency *currency)
{
    if (!take_code(&line, ' ', currency->code))
        return false;
    if (line.length > 0 && !begins(line, "rates="))
        return false;
    (void)take(&line, '=');
    while (line.length > 0) {
        mr_currency_rate *rate = &currency->rates[currency->rate_count];
        if (currency->rate_count == MR_CURRENCY_RATES_MAX ||
            !take_code(&line, ':', rate->code) ||
            !take_signed(&line, ',', &rate->millionths) || rate->millionths < 1 ||
            rate->millionths > MR_CURRENCY_RATE_MAX)
            return false;
        currency->rate_count++;
    }
    return true;
}

/* A text without one takes amounts as they are. */
static mr_status read_currency(mr_text rest, mr_currency *ret_currency)
{
    *ret_currency = (mr_currency){.rate_count = 0};
    while (rest.length > 0) {
        mr_text line = take(&rest, '\n');
        const mr_text name = take(&line, ' ');
        if (mr_text_is(name, "currency") && !is_feature(line) &&
            !read_currency_line(line, ret_currency))
            return MR_ERR_CORRUPT;
    }
    return MR_OK;
}

mr_status mr_plan_parse(mr_text canonical, mr_plan **ret_plan)
{
    char *names = malloc((size_t)canonical.length + 1);
    mr_feature_spec *specs = calloc(MR_PLAN_FEATURES_MAX, sizeof(*specs));
    mr_arena *texts = mr_arena_create(TEXTS_BYTES);
    mr_plan *plan = NULL;
    size_t count = 0;
    mr_status status =
        names != NULL && specs != NULL && texts != NULL ? MR_OK : MR_ERR_NO_MEMORY;
    if (status == MR_OK)
        status = read_features(canonical, names, texts, specs, &count);
    mr_plan_settings settings;
    if (status == MR_OK)
        status = read_dedup(canonical, &settings.dedup);
    if (status == MR_OK)
        status = read_zone(canonical, &settings.zone);
    if (status == MR_OK)
        status = read_currency(canonical, &settings.currency);
    if (status == MR_OK)
        status = mr_plan_compile(&settings, specs, count, NULL, 0, &plan, NULL);
    free(specs);
    if (status != MR_OK) {
        free(names);
        mr_arena_destroy(texts);
        return status == MR_ERR_NO_MEMORY ? status : MR_ERR_CORRUPT;
    }
    plan->names = names;
    plan->texts = texts;
    mr_buffer_clear(&plan->canonical);
    mr_buffer_put_text(&plan->canonical, canonical);
    plan->hash = mr_hash_bytes(canonical.bytes, canonical.length);
    if (plan->canonical.failed) {
        mr_plan_destroy(plan);
        return MR_ERR_NO_MEMORY;
    }
    *ret_plan = plan;
    return MR_OK;
}

mr_text mr_plan_text_of_format_1(void)
{
    static const char text[] =
        "plan 1 session_ms=1800000 lateness_ms=600000\n"
        "events on=524286 aggregate=0 of=0 window=0 length=0\n"
        "first_seen on=524286 aggregate=1 of=0 window=0 length=0\n"
        "last_seen on=524286 aggregate=2 of=0 window=0 length=0\n"
        "sessions on=524286 aggregate=3 of=0 window=0 length=0\n"
        "views_7d on=2 aggregate=4 of=0 window=7 length=0\n"
        "carts_7d on=32 aggregate=4 of=0 window=7 length=0\n"
        "purchases on=512 aggregate=4 of=0 window=0 length=0\n"
        "purchases_30d on=512 aggregate=4 of=0 window=30 length=0\n"
        "purchases_90d on=512 aggregate=4 of=0 window=90 length=0\n"
        "purchases_180d on=512 aggregate=4 of=0 window=180 length=0\n"
        "refunds on=1024 aggregate=4 of=0 window=0 length=0\n"
        "spend on=1536 aggregate=5 of=2 window=0 length=0\n"
        "spend_30d on=512 aggregate=5 of=1 window=30 length=0\n"
        "spend_90d on=512 aggregate=5 of=1 window=90 length=0\n"
        "spend_fading on=512 aggregate=6 of=1 window=0 length=0 fade=1073741824,1049217"
        "527,1025253365,1001836546,978954568,956595215,934746550,913396909,892534895,87"
        "2149370,852229450,832764503,813744135,795158194,776996755,759250125,741908828,"
        "724963607,708405415,692225413,676414963,660965624,645869148,631117477,61670273"
        "3,602617224,588853427,575403996,562261751,549419675\n"
        "orders on=512 aggregate=7 of=3 window=0 length=16\n"
        "first_purchase on=512 aggregate=8 of=0 window=0 length=0\n"
        "last_purchase on=512 aggregate=9 of=0 window=0 length=0\n"
        "purchase_times on=512 aggregate=10 of=0 window=0 length=32\n"
        "active_days on=524286 aggregate=11 of=0 window=0 length=128\n"
        "hours on=524286 aggregate=12 of=4 window=0 length=0\n"
        "history on=2722 aggregate=13 of=0 window=0 length=0 quota=view:120 quota=cart_"
        "add:20 quota=wishlist:20 quota=purchase:60 quota=rate:60\n"
        "rfm on=512 aggregate=14 of=0 window=0 length=0\n";
    return (mr_text){.bytes = text, .length = sizeof(text) - 1};
}
