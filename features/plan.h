/*
 * Feature plan: what a profile remembers, declared once and compiled.
 *
 * A plan is a list of features, each an aggregate over some event types.  Compiling it
 * gives a record layout and a list of operations; the shard runs the operations, and
 * everything that reads a profile (vectors, dumps, answers) asks the plan what there is.
 * The plan's hash covers every word that changes a stored value, so two states with equal
 * hashes mean the same.
 *
 * Each feature says whether it is free of the order of events or follows the log's order:
 * the free ones are equal for shuffled and re-partitioned logs.
 *
 * Units      A window counts days of the plan's time zone: 7 d is the day of reading and the six
 *            before it.
 * Ownership  The plan owns all it lends; it must outlive the shards made with it.
 * Threads    Immutable after create: any.
 * Cost       Compiled at start; lookups by index.
 */
#ifndef MR_FEATURES_PLAN_H
#define MR_FEATURES_PLAN_H

#include "core/status.h"
#include "core/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mr_plan mr_plan;

typedef enum mr_order {
    MR_ORDER_FREE = 0, /* a function of the set of events      */
    MR_ORDER_LOG,      /* a function of the log, order included */
} mr_order;

typedef enum mr_value_type {
    MR_VALUE_COUNT = 0,  /* an integer                            */
    MR_VALUE_MONEY,      /* minor units                           */
    MR_VALUE_TIME,       /* ms since the epoch                    */
    MR_VALUE_DAY,        /* days since the epoch                  */
    MR_VALUE_DAYS,       /* a span in whole days                  */
    MR_VALUE_EVENT,      /* an event type; `text` holds its name  */
    MR_VALUE_ITEM,       /* `text` holds the item id              */
    MR_VALUE_HUNDREDTHS, /* of a rating: 450 is 4.5              */
    MR_VALUE_MILLIONTHS, /* of an expression: 1500000 is 1.5      */
    MR_VALUE_WORD,       /* `text` holds a category, a device …   */
} mr_value_type;

enum { MR_FEATURE_COLUMNS_MAX = 6 };

typedef struct mr_feature_column {
    const char *name;
    mr_value_type type;
    mr_order
        order; /* a log-ordered column of a free feature is left out of the free dump */
} mr_feature_column;

/* A feature's value is a list of rows of `column_count` values: one row of one value for
 * a number, any number of rows for a history. */
typedef struct mr_feature {
    const char *name;
    const char *meaning; /* one sentence */
    const char *unit;    /* "events", "minor units", … */
    mr_order order;
    bool is_list;
    size_t column_count;
    mr_feature_column columns[MR_FEATURE_COLUMNS_MAX];
} mr_feature;

/* One float32 of the vector that models read. */
typedef struct mr_vector_column {
    const char *name;
    const char *meaning;
    const char *unit;
    const char
        *phrase;  /* for reasons; "{}" stands for the value: "no purchase for {} days" */
    int decimals; /* to print the value with                                          */
} mr_vector_column;

/* The plan that is enough for a shop. */
MR_MUST_USE mr_status mr_plan_create_default(mr_plan **ret_plan);
void mr_plan_destroy(mr_plan *plan); /* NULL allowed */

uint64_t mr_plan_hash(const mr_plan *plan);

/* The text that is hashed, one line a feature; lent. */
mr_text mr_plan_canonical(const mr_plan *plan);

size_t mr_plan_feature_count(const mr_plan *plan);
const mr_feature *mr_plan_feature(const mr_plan *plan, size_t index);

/* What a feature takes of a user's memory: fixed bytes, and those of each entry its list can have. */
typedef struct mr_feature_bytes {
    uint32_t fixed;
    uint32_t entry;
    uint32_t entries;   /* at most */
    const char *shares; /* the feature whose bytes it reads; NULL: it has its own */
} mr_feature_bytes;

mr_feature_bytes mr_plan_feature_bytes(const mr_plan *plan, size_t index);

size_t mr_plan_vector_width(const mr_plan *plan);
const mr_vector_column *mr_plan_vector_column(const mr_plan *plan, size_t index);

/* A column's index by name, or SIZE_MAX. */
size_t mr_plan_vector_find(const mr_plan *plan, const char *name);

const char *mr_value_type_name(mr_value_type type); /* "money" */
const char *mr_order_name(mr_order order);          /* "free", "log" */

#endif
