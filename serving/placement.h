/*
 * Placement: a named spot on the shop's pages, with the settings that hold there.
 *
 * What a request does not say, its placement does: how many items, what to do with those the user
 * has bought, and the rules of rule_set.h.
 *
 * Units      Times in ms.
 * Ownership  A value; its rules and texts lie in the arena they were read into.
 * Threads    Never changes once made.
 * Cost       None.
 */
#ifndef MR_SERVING_PLACEMENT_H
#define MR_SERVING_PLACEMENT_H

#include "core/status.h"
#include "core/text.h"
#include "serving/rule_set.h"

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
    mr_rule_set rules;
    uint32_t fields;  /* of item_fields.h; 0: not said */
    mr_text settings; /* all of the above but the name as one JSON object; may be empty */
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

#endif
