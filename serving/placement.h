/*
 * Placement: a named spot on the shop's pages, and the rules that hold there.
 *
 * Rules run at request time over scored candidates, whoever proposed them and however old
 * the cached list is, so an item that was hidden, sold out or bought a second ago is not
 * shown.
 *
 * Units      Times in ms since the Unix epoch.
 * Ownership  Candidates borrow their texts; a placement set owns copies.
 * Threads    Any: pure functions; a placement set never changes once made.
 * Cost       O(candidates x (excluded + recent items)), a few microseconds.
 */
#ifndef MR_SERVING_PLACEMENT_H
#define MR_SERVING_PLACEMENT_H

#include "core/scored_item.h"
#include "core/status.h"
#include "core/text.h"
#include "core/user_state.h"
#include "serving/catalogue.h"

#include <stddef.h>
#include <stdint.h>

enum {
    MR_PLACEMENTS_MAX = 64,
    MR_PLACEMENT_NAME_BYTES_MAX = 32,
    MR_PLACEMENT_N_MAX = 100,
};

/* What to do with an item the user has bought. */
typedef enum mr_purchased_rule {
    MR_PURCHASED_SHOW,     /* "never": never hidden            */
    MR_PURCHASED_HIDE,     /* "always": hidden while remembered */
    MR_PURCHASED_HIDE_FOR, /* "hide_for 30d"                   */
} mr_purchased_rule;

typedef struct mr_placement {
    char name[MR_PLACEMENT_NAME_BYTES_MAX + 1];
    uint32_t n; /* items when the request does not say */
    mr_purchased_rule purchased;
    int64_t hide_for_ms;
} mr_placement;

/* "hide_for 30d" (s, m, h, d), "always" or "never".  MR_ERR_INVALID with the reason. */
MR_MUST_USE mr_status mr_placement_parse_purchased(mr_text text, mr_placement *placement,
                                                   mr_error *ret_error);

/* MR_ERR_INVALID when the name is not [a-z0-9_-]{1,32} or n is not 1..100. */
MR_MUST_USE mr_status mr_placement_check(const mr_placement *placement,
                                         mr_error *ret_error);

/* The one of that name, or NULL.  An empty name is the first one. */
const mr_placement *mr_placement_find(const mr_placement *placements, size_t count,
                                      mr_text name);

/* An item on its way to an answer. */
typedef struct mr_candidate {
    mr_text item_id;
    mr_text because; /* the history item that carried most of the score; may be empty */
    float score;
    uint8_t source; /* mr_source */
} mr_candidate;

typedef struct mr_rules {
    const mr_placement *placement;
    const mr_catalogue *catalogue; /* NULL: nothing known      */
    const mr_user_state *state;    /* NULL: a new visitor      */
    const mr_text *exclude;        /* ids not to be shown      */
    size_t exclude_count;
    const mr_text *context; /* the items the request is about: not shown either */
    size_t context_count;
    int64_t now_ms;
} mr_rules;

/*
 * Append to `items` the candidates that may be shown, in their order, no item twice
 * (those in `items` already included), until `n` stand there.  Returns the new count.
 */
size_t mr_rules_apply(const mr_rules *rules, const mr_candidate *candidates, size_t count,
                      mr_candidate *items, size_t item_count, size_t n);

#endif
