#include "features/score.h"

#include "core/assert.h"

#include <string.h>

enum { NUMBERS_MAX = 16 + 3 * MR_EVENT_TYPES, MINOR_OF_A_UNIT = 100 };

const char *mr_life_stage_name(mr_life_stage stage)
{
    static const char *const names[MR_LIFE_STAGES] = {"new",      "growing", "active",
                                                      "returned", "dormant", "lost"};
    MR_ASSERT(stage < MR_LIFE_STAGES);
    return names[stage];
}

int64_t mr_score_points(const mr_score_spec *score, const mr_event *event)
{
    const mr_score_rule *rule = &score->rules[event->type];
    const int64_t units = event->value_minor / MINOR_OF_A_UNIT;
    const int64_t most = INT32_MAX;
    int64_t points;
    if (__builtin_mul_overflow(units, (int64_t)rule->per_value, &points))
        points = (units < 0) == (rule->per_value < 0) ? most : -most;
    points = points > most ? most : points < -most ? -most : points;
    return points + rule->each;
}

/* ---- canonical words: numbers between colons ---- */

static void put(mr_buffer *text, int64_t number, bool *is_first)
{
    mr_buffer_printf(text, *is_first ? "%lld" : ":%lld", (long long)number);
    *is_first = false;
}

void mr_score_write(const mr_score_spec *score, mr_buffer *text)
{
    bool is_first = true;
    mr_buffer_printf(text, " score=");
    put(text, score->spends, &is_first);
    put(text, score->start, &is_first);
    put(text, score->least, &is_first);
    put(text, score->most, &is_first);
    put(text, score->daily_cap, &is_first);
    put(text, score->expires_days, &is_first);
    put(text, score->velocity.on, &is_first);
    put(text, score->velocity.more_than, &is_first);
    put(text, score->velocity.within_s, &is_first);
    put(text, score->velocity.points, &is_first);
    for (int type = 0; type < MR_EVENT_TYPES; type++) {
        const mr_score_rule *rule = &score->rules[type];
        if (rule->each == 0 && rule->per_value == 0)
            continue;
        put(text, type, &is_first);
        put(text, rule->each, &is_first);
        put(text, rule->per_value, &is_first);
    }
}

void mr_tier_write(const mr_tier_spec *tier, mr_buffer *text)
{
    mr_buffer_printf(text, " levels=%s", tier->of);
    for (size_t i = 0; i < tier->count; i++)
        mr_buffer_printf(text, ":%s:%lld", tier->levels[i].name,
                         (long long)tier->levels[i].from);
}

void mr_lifecycle_write(const mr_lifecycle_spec *lifecycle, mr_buffer *text)
{
    mr_buffer_printf(text, " lifecycle=%u:%u:%u:%u:%u", (unsigned)lifecycle->new_days,
                     (unsigned)lifecycle->dormant_days, (unsigned)lifecycle->lost_days,
                     (unsigned)lifecycle->growing_purchases,
                     (unsigned)lifecycle->growing_days);
}

static mr_text take(mr_text *rest)
{
    const char *end = rest->length > 0 ? memchr(rest->bytes, ':', rest->length) : NULL;
    const size_t length = end != NULL ? (size_t)(end - rest->bytes) : rest->length;
    const mr_text piece = {rest->bytes, (uint32_t)length};
    const size_t taken = end != NULL ? length + 1 : length;
    rest->bytes += taken;
    rest->length -= (uint32_t)taken;
    return piece;
}

/* All of the word as numbers; how many, or 0. */
static size_t read_numbers(mr_text word, int64_t *ret_numbers, size_t most)
{
    size_t count = 0;
    while (word.length > 0) {
        if (count == most || mr_text_to_int64(take(&word), &ret_numbers[count]) != MR_OK)
            return 0;
        count++;
    }
    return count;
}

static bool are_within(const int64_t *numbers, size_t count, int64_t least, int64_t most)
{
    for (size_t i = 0; i < count; i++) {
        if (numbers[i] < least || numbers[i] > most)
            return false;
    }
    return true;
}

const mr_score_spec *mr_score_parse(mr_text word, mr_arena *arena)
{
    enum { FIXED = 10 };
    int64_t n[NUMBERS_MAX];
    const size_t count = read_numbers(word, n, NUMBERS_MAX);
    mr_score_spec *score = mr_arena_allocate(arena, sizeof(*score));
    if (score == NULL || count < FIXED || (count - FIXED) % 3 != 0 ||
        !are_within(n, count, -MR_POINTS_MAX, MR_POINTS_MAX) ||
        !are_within(n + 4, 1, 0, UINT16_MAX) ||
        !are_within(n + 5, 1, 0, MR_EXPIRES_DAYS_MAX))
        return NULL;
    memset(score, 0, sizeof(*score));
    score->spends = (uint32_t)n[0];
    score->start = (int32_t)n[1];
    score->least = (int32_t)n[2];
    score->most = (int32_t)n[3];
    score->daily_cap = (uint32_t)n[4];
    score->expires_days = (uint16_t)n[5];
    score->velocity = (mr_velocity_rule){.on = (uint32_t)n[6],
                                         .more_than = (uint32_t)n[7],
                                         .within_s = (uint32_t)n[8],
                                         .points = (int32_t)n[9]};
    for (size_t i = FIXED; i < count; i += 3) {
        if (n[i] <= MR_EVENT_NONE || n[i] >= MR_EVENT_TYPES)
            return NULL;
        score->rules[n[i]] = (mr_score_rule){(int32_t)n[i + 1], (int32_t)n[i + 2]};
    }
    return score;
}

static bool copy_name(mr_text name, char *ret_name, size_t capacity)
{
    if (name.length == 0 || name.length >= capacity)
        return false;
    memcpy(ret_name, name.bytes, name.length);
    ret_name[name.length] = '\0';
    return true;
}

const mr_tier_spec *mr_tier_parse(mr_text word, mr_arena *arena)
{
    mr_tier_spec *tier = mr_arena_allocate(arena, sizeof(*tier));
    if (tier == NULL)
        return NULL;
    memset(tier, 0, sizeof(*tier));
    if (!copy_name(take(&word), tier->of, sizeof(tier->of)))
        return NULL;
    while (word.length > 0) {
        mr_level *level = &tier->levels[tier->count];
        if (tier->count == MR_LEVELS_MAX ||
            !copy_name(take(&word), level->name, sizeof(level->name)) ||
            mr_text_to_int64(take(&word), &level->from) != MR_OK ||
            (tier->count > 0 && level->from <= level[-1].from))
            return NULL;
        tier->count++;
    }
    return tier->count > 0 ? tier : NULL;
}

const mr_lifecycle_spec *mr_lifecycle_parse(mr_text word, mr_arena *arena)
{
    int64_t n[5];
    mr_lifecycle_spec *lifecycle = mr_arena_allocate(arena, sizeof(*lifecycle));
    if (lifecycle == NULL || read_numbers(word, n, 5) != 5 ||
        !are_within(n, 5, 1, UINT16_MAX))
        return NULL;
    *lifecycle = (mr_lifecycle_spec){(uint16_t)n[0], (uint16_t)n[1], (uint16_t)n[2],
                                     (uint16_t)n[3], (uint16_t)n[4]};
    return lifecycle;
}
