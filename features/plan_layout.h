/*
 * Plan layout: what a compiled plan is, for the files that run it.
 *
 * A row has a head of one cache line that every plan has, and two parts whose layout is the
 * plan's: the body with the fields of features that views change, and the extra part with all
 * others.  Features that look at a window of days share series: one series for each set of event
 * types and field, kept for the longest window that reads it.
 *
 * Units      Offsets and sizes in bytes from the start of the body; MR_PLAN_EXTRA and above from
 *            the start of the extra part.
 * Ownership  The plan's.
 * Threads    Immutable after compile.
 * Cost       An event runs only the operations of its type.
 */
#ifndef MR_FEATURES_PLAN_LAYOUT_H
#define MR_FEATURES_PLAN_LAYOUT_H

#include "core/arena.h"
#include "core/buffer.h"
#include "core/event.h"
#include "features/currency.h"
#include "features/expression.h"
#include "features/plan.h"
#include "features/score.h"
#include "features/segments.h"
#include "features/time_zone.h"

enum {
    MR_PLAN_FEATURES_MAX = 64,
    MR_PLAN_SERIES_MAX = 16,
    MR_PLAN_COLUMNS_MAX = 64,
    MR_PLAN_FADE_HALF_LIVES = 10, /* older amounts count nothing */
    MR_PLAN_HALF_LIFE_MAX = 90,   /* of what a day series fades; else */
    MR_PLAN_HALF_LIFE_LONGEST = 730,
    MR_PLAN_FADE_BITS = 30,
    MR_PLAN_HOURS = 24,
    MR_PLAN_BITMAP_DAYS = 128,
    MR_PLAN_BITMAP_PERIODS = 48, /* weeks or months */
    MR_TOP_WORDS_MAX = 64,
    MR_TOP_FRACTION_BITS = 8,
    MR_TOP_WEIGHT_BITS = 24,
    MR_TOPS_MAX = 16, /* features of words, which share a list */
    MR_WORDS_MAX = 1 << 20,
    MR_SKETCH_MIN = 4, /* bits of a hash that choose a register */
    MR_SKETCH_MAX = 12,
    MR_SKETCH_BYTES_MAX = 1 << MR_SKETCH_MAX,
    MR_SESSION_MINUTES = 30,
    MR_PLAN_EXTRA = 1 << 16, /* offsets from here on are in the extra part */
    MR_PLAN_EXTRA_BYTES_MAX = 4096,
};

#define MR_ON(type) (1U << (type))
#define MR_ON_ANY ((1U << MR_EVENT_TYPES) - 2U)

typedef enum mr_aggregate {
    MR_AGGREGATE_EVENTS = 0, /* in the head: every event                */
    MR_AGGREGATE_FIRST_SEEN, /* in the head                             */
    MR_AGGREGATE_LAST_SEEN,  /* in the head                             */
    MR_AGGREGATE_SESSIONS,   /* in the head                             */
    MR_AGGREGATE_COUNT,
    MR_AGGREGATE_SUM,
    MR_AGGREGATE_FADING_SUM,
    MR_AGGREGATE_DISTINCT,
    MR_AGGREGATE_FIRST_TIME,
    MR_AGGREGATE_LAST_TIME,
    MR_AGGREGATE_LAST_TIMES,
    MR_AGGREGATE_DAY_BITMAP,
    MR_AGGREGATE_HISTOGRAM,
    MR_AGGREGATE_RECENT_ITEMS,
    MR_AGGREGATE_RFM, /* computed on reading */
    MR_AGGREGATE_MIN,
    MR_AGGREGATE_MAX,
    MR_AGGREGATE_MEAN,
    MR_AGGREGATE_FADING_MEAN,
    MR_AGGREGATE_EXPRESSION, /* computed on reading, of features before it */
    MR_AGGREGATE_FADING_TOP,
    MR_AGGREGATE_SESSION,
    MR_AGGREGATE_WEEK_BITMAP,
    MR_AGGREGATE_MONTH_BITMAP,
    MR_AGGREGATE_HISTORY_TOP, /* computed on reading, of the history */
    MR_AGGREGATE_SKETCH,      /* distinct, where the plan asks for an estimate */
    MR_AGGREGATE_POINTS,      /* scores, in a section of their own of a plan's file */
    MR_AGGREGATE_GROWTH,
    MR_AGGREGATE_RATING,
    MR_AGGREGATE_TIER, /* computed on reading, as the next */
    MR_AGGREGATE_LIFECYCLE,
    MR_AGGREGATES,
} mr_aggregate;

static inline bool mr_aggregate_is_score(mr_aggregate aggregate)
{
    return aggregate >= MR_AGGREGATE_POINTS && aggregate <= MR_AGGREGATE_RATING;
}

/* By a day series. */
static inline bool mr_aggregate_fades(mr_aggregate aggregate)
{
    return aggregate == MR_AGGREGATE_FADING_SUM || aggregate == MR_AGGREGATE_FADING_MEAN;
}

static inline bool mr_aggregate_has_half_life(mr_aggregate aggregate)
{
    return mr_aggregate_fades(aggregate) || aggregate == MR_AGGREGATE_FADING_TOP ||
           aggregate == MR_AGGREGATE_HISTORY_TOP || aggregate == MR_AGGREGATE_GROWTH;
}

/* A count and a number: two fields. */
static inline bool mr_aggregate_keeps_pair(mr_aggregate aggregate)
{
    return aggregate == MR_AGGREGATE_MIN || aggregate == MR_AGGREGATE_MAX ||
           aggregate == MR_AGGREGATE_MEAN;
}

static inline bool mr_aggregate_has_window(mr_aggregate aggregate)
{
    return aggregate == MR_AGGREGATE_COUNT || aggregate == MR_AGGREGATE_SUM ||
           mr_aggregate_keeps_pair(aggregate);
}

/* A sum, an extreme or a mean: in the unit of its field. */
static inline bool mr_aggregate_is_amount(mr_aggregate aggregate)
{
    return aggregate == MR_AGGREGATE_SUM || mr_aggregate_fades(aggregate) ||
           mr_aggregate_keeps_pair(aggregate);
}

typedef enum mr_of {
    MR_OF_NOTHING = 0,
    MR_OF_VALUE,
    MR_OF_NET_VALUE, /* of a refund, less the value */
    MR_OF_ORDER_ID,
    MR_OF_HOUR_OF_DAY,
    MR_OF_QUANTITY,
    MR_OF_PRICE,
    MR_OF_RATING, /* in hundredths; an event without one is passed over */
    MR_OF_ITEM_ID,
    MR_OF_CATEGORY, /* from here on: words */
    MR_OF_BRAND,
    MR_OF_PRICE_BAND,
    MR_OF_DEVICE,
    MR_OF_CHANNEL,
    MR_OF_CAMPAIGN,
    MR_OF_GEO,
    MR_OFS,
} mr_of;

enum { MR_WORD_FIELDS = MR_OFS - MR_OF_CATEGORY };

typedef struct mr_quota {
    uint8_t type; /* MR_EVENT_NONE ends the list */
    uint8_t keep;
} mr_quota;

enum { MR_QUOTAS_MAX = 8 };

/* How long the ids of applied events are remembered: in two classes of event types, short for
 * all that are not in long. */
typedef enum mr_dedup_class {
    MR_DEDUP_LONG = 0,
    MR_DEDUP_SHORT = 1,
    MR_DEDUP_CLASSES = 2,
} mr_dedup_class;

enum {
    MR_DEDUP_CLASS_BUCKETS_MAX = 2048, /* of one horizon and the lateness */
    MR_DEDUP_ENTRIES_MAX = 1 << 28,
};

#define MR_DEDUP_HORIZON_MS_MAX INT64_C(10000000000000) /* three centuries */

typedef struct mr_dedup_spec {
    uint32_t on_long; /* MR_ON(type) | … */
    int64_t horizon_ms[MR_DEDUP_CLASSES];
    int64_t bucket_ms[MR_DEDUP_CLASSES];
    uint32_t entries_max; /* of a shard, both classes */
} mr_dedup_spec;

/* As written in a plan. */
typedef struct mr_feature_spec {
    const char *name;
    const char *meaning;
    const char *unit;
    uint32_t on; /* MR_ON(type) | … */
    mr_aggregate aggregate;
    mr_of of;
    uint16_t window_days;  /* 0: all time, or hours */
    uint16_t window_hours; /* 0: all time, or days  */
    uint16_t half_life_days;
    uint16_t length; /* of a session the gap, in minutes */
    uint8_t sketch;  /* bits; of a sketch alone          */
    mr_quota quotas[MR_QUOTAS_MAX];
    const char *expression; /* NULL: it is no expression; so the next three */
    const mr_score_spec *score;
    const mr_tier_spec *tier;
    const mr_lifecycle_spec *lifecycle;
} mr_feature_spec;

#define MR_PLAN_NOW UINT32_MAX /* the time of the reading, as an expression's name */
#define MR_PLAN_RFM_SCORE (UINT32_C(1) << 29) /* and the two behind: rfm.r, .f, .m */
#define MR_PLAN_CONSTANT (UINT32_C(1) << 30)  /* from here on: the name's own number */

typedef struct mr_operation {
    mr_feature_spec spec;
    mr_feature feature;
    uint32_t number_offset;            /* of its number or numbers */
    uint32_t list_offset;              /* of its mr_list           */
    uint8_t series;                    /* of a windowed operation  */
    uint8_t top;                       /* of a fading_top: its number among them */
    bool stores;                       /* runs on events           */
    const struct mr_operation *source; /* of a tier: its score */
    mr_expression *expression; /* its names: operation x MR_FEATURE_COLUMNS_MAX + column,
                                  or MR_PLAN_NOW */
} mr_operation;

static inline uint32_t mr_feature_quota_sum(const mr_feature_spec *spec)
{
    uint32_t sum = 0;
    for (size_t q = 0; q < MR_QUOTAS_MAX; q++)
        sum += spec->quotas[q].keep;
    return sum;
}

/* Days, or hours, of a series that a windowed feature reads; 0 when it has a number of its own. */
static inline uint16_t mr_feature_days(const mr_feature_spec *spec)
{
    if (mr_aggregate_fades(spec->aggregate))
        return (uint16_t)(spec->half_life_days * MR_PLAN_FADE_HALF_LIVES);
    if (!mr_aggregate_has_window(spec->aggregate))
        return 0;
    return spec->window_hours > 0 ? spec->window_hours : spec->window_days;
}

static inline bool mr_operation_reads_series(const mr_operation *operation)
{
    return mr_feature_days(&operation->spec) > 0;
}

typedef struct mr_series {
    uint32_t on;
    mr_of of;
    uint8_t extreme; /* MR_AGGREGATE_MIN or _MAX of each day; 0: sums */
    bool is_hourly;  /* its "days" are hours of UTC */
    uint16_t keep_days;
    uint16_t slot_bytes; /* see day_series.c */
    uint32_t list_offset;
} mr_series;

/* What an event runs of an operation, all in one place: operations themselves are large. */
typedef struct mr_step {
    uint32_t number_offset;
    uint32_t list_offset;
    uint16_t length;
    uint8_t aggregate; /* mr_aggregate */
    uint8_t of;        /* mr_of */
    uint8_t operation; /* its index */
} mr_step;

enum { MR_PLAN_TAILS_MAX = 8 };

/* The list that an event most likely appends to, for prefetching. */
typedef struct mr_list_tail {
    uint32_t list_offset;
    uint32_t element_bytes;
} mr_list_tail;

/* What the events of one type run. */
typedef struct mr_run {
    mr_step steps[MR_PLAN_FEATURES_MAX];
    uint8_t step_count;
    uint8_t series_count;
    uint8_t body_tail_count;
    uint8_t extra_tail_count;
    uint8_t series[MR_PLAN_SERIES_MAX];
    mr_list_tail body_tails[MR_PLAN_TAILS_MAX];
    mr_list_tail extra_tails[MR_PLAN_TAILS_MAX];
    bool needs_extra;
    bool has_words_tail; /* among the body's: one for all words */
    uint8_t word_fields; /* bit f: a step reads the word of MR_OF_CATEGORY + f */
} mr_run;

/* What a vector column computes, from which operations; see plan_vector.c. */
typedef enum mr_vector_kind {
    MR_VECTOR_RECENCY = 0,  /* days since the time, else since the first event */
    MR_VECTOR_SINCE_FIRST,  /* days since the first event                      */
    MR_VECTOR_SINCE_LAST,   /* days since the last event                       */
    MR_VECTOR_NUMBER,       /* a count or sum                                  */
    MR_VECTOR_WINDOW_COUNT, /* of a series, over `days`                       */
    MR_VECTOR_WINDOW_SUM,
    MR_VECTOR_FADING,
    MR_VECTOR_RATIO, /* first number over second, 0 when there is none  */
    MR_VECTOR_GAP_MEAN,
    MR_VECTOR_GAP_DEVIATION,
    MR_VECTOR_GAP_OVERDUE, /* days since the last over the mean gap           */
    MR_VECTOR_ACTIVE_DAYS,
    MR_VECTOR_ACTIVE_TREND, /* active days of the last `days` less those before */
    MR_VECTOR_SPEND_TREND,  /* spend of `days` over its share of three times that */
    MR_VECTOR_SESSIONS,
    MR_VECTOR_HISTORY_ITEMS, /* entries kept */
    MR_VECTOR_PAIR,          /* min, max or mean; 0 when there is none */
    MR_VECTOR_WINDOW_MEAN,   /* the same, of a series over `days`      */
    MR_VECTOR_WINDOW_EXTREME,
    MR_VECTOR_READ, /* the feature's number as a reader sees it */
    MR_VECTOR_FADING_MEAN,
    MR_VECTOR_EXPRESSION, /* 0 where it is missing */
} mr_vector_kind;

typedef struct mr_vector_spec {
    mr_vector_column column;
    mr_vector_kind kind;
    uint16_t days;
    float scale;       /* the value is divided by this: 100 makes minor units major */
    const char *first; /* the features it reads */
    const char *second;
} mr_vector_spec;

typedef struct mr_vector_operation {
    mr_vector_spec spec;
    const mr_operation *first; /* NULL when unused */
    const mr_operation *second;
} mr_vector_operation;

/* What a plan says of all its features. */
typedef struct mr_plan_settings {
    mr_time_zone zone;
    mr_currency currency;
    mr_dedup_spec dedup;
} mr_plan_settings;

struct mr_plan {
    mr_operation operations[MR_PLAN_FEATURES_MAX];
    size_t operation_count;
    mr_series series[MR_PLAN_SERIES_MAX];
    size_t series_count;
    mr_vector_operation columns[MR_PLAN_COLUMNS_MAX];
    size_t column_count;

    mr_run runs[MR_EVENT_TYPES]; /* by event type */

    uint32_t body_bytes;      /* of a row, a multiple of 8                     */
    uint32_t extra_bytes;     /* the same                                      */
    uint8_t item_word_fields; /* that some history_top reads, as word_fields   */
    uint32_t words_offset;    /* of the mr_list of all fading_tops             */
    uint32_t top_count;
    uint32_t top_words;            /* that they keep together                       */
    size_t growth_bytes;           /* the most one event can allocate for a profile */
    const mr_operation *purchases; /* the features the shard itself needs   */
    const mr_operation *orders;
    const mr_operation *spend;
    const mr_operation *history;
    const mr_operation *last_purchase;
    const mr_operation *active_days;    /* or NULL */
    const mr_operation *purchase_times; /* or NULL */

    mr_plan_settings settings;
    int64_t session_gap_ms; /* of the feature of sessions, or MR_SESSION_GAP_MS */
    mr_buffer canonical;
    uint64_t hash;
    mr_segment segments[MR_SEGMENTS_MAX]; /* derived: not in the canonical text */
    size_t segment_count;
    mr_expression *bot_rule; /* NULL: nobody is a bot */
    char *names;             /* of a plan that was parsed from its text; else NULL */
    mr_arena *texts;         /* of one that was read from a file; else NULL        */
};

/*
 * Compile specifications.  MR_ERR_INVALID names what is wrong: a name twice, no such feature
 * for a column, a limit passed, one of purchases, orders, spend, last_purchase, history absent.
 * Settings NULL: UTC, amounts as they are, the default memory of ids.
 */
MR_MUST_USE mr_status mr_plan_compile(const mr_plan_settings *settings,
                                      const mr_feature_spec *specs, size_t spec_count,
                                      const mr_vector_spec *columns, size_t column_count,
                                      mr_plan **ret_plan, mr_error *ret_error);

/* Columns behind those it has; MR_ERR_INVALID as above.  At most MR_PLAN_COLUMNS_MAX in all. */
MR_MUST_USE mr_status mr_plan_add_columns(mr_plan *plan, const mr_vector_spec *columns,
                                          size_t count, mr_error *ret_error);

/* Days of its series that a column looks back over; 0 when it reads none. */
int mr_vector_days(const mr_vector_spec *spec);

/* Whether the engine itself reads the feature of that name: every plan has it. */
bool mr_plan_needs(const char *name);

/* The default plan with another memory of ids. */
MR_MUST_USE mr_status mr_plan_create_with(const mr_dedup_spec *dedup, mr_plan **ret_plan);

extern const mr_dedup_spec mr_default_dedup;

const char *mr_dedup_class_name(mr_dedup_class span); /* "long", "short" */

static inline mr_dedup_class mr_dedup_class_of(const mr_dedup_spec *spec, uint8_t type)
{
    return (spec->on_long & MR_ON(type)) != 0 ? MR_DEDUP_LONG : MR_DEDUP_SHORT;
}

/*
 * The plan that a canonical text was written from, without vector columns: enough to read a state
 * that was made with it.  It keeps the text and so the hash, whatever this program would write.
 *
 * MR_ERR_CORRUPT when the text is not a plan's; MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_plan_parse(mr_text canonical, mr_plan **ret_plan);

/* What the canonical text says of a feature after its name; empty when there is none such. */
mr_text mr_plan_definition(const mr_plan *plan, const char *name);

/* The text of the one plan that checkpoints of format 1, which hold none, were made with. */
mr_text mr_plan_text_of_format_1(void);

/* What a feature that reads no series keeps in a row; none of what every profile has. */
mr_feature_bytes mr_operation_bytes(const mr_operation *operation);

/* A feature's first number of a user as of a time, in its own unit; `otherwise` where there is none. */
int64_t mr_shard_feature_number(const mr_shard *shard, uint32_t row,
                                const mr_operation *operation, int64_t at_ms,
                                int64_t otherwise);

/* What a name in an expression stands for: "now", a feature of one number, a column of one of
 * several, a level or a stage.  False: nothing.  `order` is raised to that of what is named, unless
 * it is NULL. */
bool mr_plan_resolve(const mr_plan *plan, mr_text name, uint32_t *ret_number,
                     mr_order *order);

const mr_operation *mr_plan_operation_named(const mr_plan *plan, const char *name);

/*
 * The share left of an amount `age_days` old: 2^(-age/half_life), fixed point with
 * MR_PLAN_FADE_BITS fraction bits, rounded to nearest before whole half-lives are shifted off.
 */
uint64_t mr_plan_fade(uint16_t half_life_days, int64_t age_days);

extern const mr_feature_spec mr_default_features[];
extern const size_t mr_default_feature_count;
extern const mr_vector_spec mr_default_columns[];
extern const size_t mr_default_column_count;

#endif
