/*
 * Score: what a plan's scores, levels and stages are made of.
 *
 * A score adds points for events.  Points a user can spend lie in a ledger: earned at most so many
 * a day, spent oldest first, gone when they expire.  A growth value halves with time.  A rating
 * begins somewhere and is read within a range; besides events a rule on their velocity can take
 * from it.  A tier names the ranges of a score; the stage of life is told from the times of
 * events and purchases.
 *
 * Units      Points; amounts in whole units of the reporting currency, towards zero; days.
 * Ownership  Texts and specifications are the plan's.
 * Threads    Immutable once compiled.
 * Cost       Plain values.
 */
#ifndef MR_FEATURES_SCORE_H
#define MR_FEATURES_SCORE_H

#include "core/arena.h"
#include "core/buffer.h"
#include "core/event.h"

#include <stdbool.h>

enum {
    MR_LEVELS_MAX = 8,
    MR_LEVEL_NAME_BYTES = 24,
    MR_POINTS_MAX = 1000000000, /* of one rule, a cap, a start or a bound */
    MR_EXPIRES_DAYS_MAX = 730,
};

typedef struct mr_score_rule {
    int32_t each;      /* points an event              */
    int32_t per_value; /* points a unit of its value   */
} mr_score_rule;

typedef struct mr_velocity_rule {
    uint32_t on;        /* MR_ON(type) | …; 0: no rule  */
    uint32_t more_than; /* events ...                   */
    uint32_t within_s;  /* from the first of them on    */
    int32_t points;     /* once for each such run       */
} mr_velocity_rule;

typedef struct mr_score_spec {
    mr_score_rule rules[MR_EVENT_TYPES];
    uint32_t spends; /* MR_ON of the types whose points are taken out */
    int32_t start;
    int32_t least; /* equal to `most`: no range */
    int32_t most;
    uint32_t daily_cap;    /* 0: none */
    uint16_t expires_days; /* 0: never */
    mr_velocity_rule velocity;
} mr_score_spec;

typedef struct mr_level {
    char name[MR_LEVEL_NAME_BYTES];
    int64_t from;
} mr_level;

typedef struct mr_tier_spec {
    char of[64];                    /* the score's name */
    mr_level levels[MR_LEVELS_MAX]; /* ascending */
    size_t count;
} mr_tier_spec;

typedef enum mr_life_stage {
    MR_LIFE_NEW = 0,
    MR_LIFE_GROWING,
    MR_LIFE_ACTIVE,
    MR_LIFE_RETURNED,
    MR_LIFE_DORMANT,
    MR_LIFE_LOST,
    MR_LIFE_STAGES,
} mr_life_stage;

const char *mr_life_stage_name(mr_life_stage stage); /* "dormant" */

typedef struct mr_lifecycle_spec {
    uint16_t new_days;     /* since the first event, or since a return     */
    uint16_t dormant_days; /* without any event                            */
    uint16_t lost_days;
    uint16_t growing_purchases; /* different times of purchase within ...  */
    uint16_t growing_days;
} mr_lifecycle_spec;

/* What an event is worth under the rules, before any cap. */
int64_t mr_score_points(const mr_score_spec *score, const mr_event *event);

/* A word of a plan's canonical text each, and back; what is read lies in the arena.  NULL: it is
 * not one, or there is no memory. */
void mr_score_write(const mr_score_spec *score, mr_buffer *text);
void mr_tier_write(const mr_tier_spec *tier, mr_buffer *text);
void mr_lifecycle_write(const mr_lifecycle_spec *lifecycle, mr_buffer *text);
const mr_score_spec *mr_score_parse(mr_text word, mr_arena *arena);
const mr_tier_spec *mr_tier_parse(mr_text word, mr_arena *arena);
const mr_lifecycle_spec *mr_lifecycle_parse(mr_text word, mr_arena *arena);

#endif
