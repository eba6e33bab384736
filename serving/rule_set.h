/*
 * Rule set: what a shop wants of a list, beyond relevance.
 *
 * The same struct is what a placement says in the configuration and what a request says for
 * itself; mr_rule_set_merge() makes one of the two, and rules.h carries it out.
 *
 * Units      Positions count from 1.
 * Ownership  Borrows its texts; its arrays lie in the arena it was read into.
 * Threads    Never changes once read.
 * Cost       Merging: a copy of the arrays.
 */
#ifndef MR_SERVING_RULE_SET_H
#define MR_SERVING_RULE_SET_H

#include "core/arena.h"
#include "core/status.h"
#include "core/text.h"
#include "serving/item_filter.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MR_RULES_MAX = 16, /* of a kind, in one placement or request */
    MR_RULE_POSITION_MAX = 100,
    MR_RULE_BOOST_MAX = 100,
};

/* Show this item at this place. */
typedef struct mr_pin {
    mr_text item;
    uint32_t position; /* 1 .. MR_RULE_POSITION_MAX */
} mr_pin;

/* A boost (by > 1) or a bury (by < 1; 0: never shown). */
typedef struct mr_boost {
    mr_item_filter where; /* not empty */
    float by;
} mr_boost;

typedef enum mr_cap_kind {
    MR_CAP_CATEGORY, /* the main one */
    MR_CAP_BRAND,
    MR_CAP_ATTRIBUTE,
} mr_cap_kind;

/* At most so many items of one value. */
typedef struct mr_cap {
    mr_cap_kind by;
    mr_text attribute; /* name, of MR_CAP_ATTRIBUTE: each of an item's values counts */
    uint32_t most;     /* 1 .. MR_RULE_POSITION_MAX */
} mr_cap;

/* Zero-initialise for no wishes at all. */
typedef struct mr_rule_set {
    mr_item_filter filter;
    const mr_pin *pins;
    const mr_boost *boosts; /* boosts and buries, in the order given */
    const mr_cap *caps;
    size_t pin_count;
    size_t boost_count;
    size_t cap_count;
    float diversity;    /* 0 .. 1; 0: none */
    bool has_diversity; /* false: nothing was said */
} mr_rule_set;

bool mr_rule_set_is_empty(const mr_rule_set *set);

/*
 * A request's wishes over those of its placement (either may be NULL): filter members and
 * diversity of the request win over the placement's; pins, boosts, buries and caps of both
 * hold, the placement's first.  Borrows both.  MR_ERR_FULL when the attributes of the two filters
 * are too many together; MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_rule_set_merge(const mr_rule_set *placement,
                                        const mr_rule_set *request, mr_arena *arena,
                                        mr_rule_set *ret_set);

#endif
