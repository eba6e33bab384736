/*
 * Rules from JSON: what requests and the configuration say about a list, read by one parser.
 *
 * These are the members it knows, as docs/API.md describes them:
 *
 *     category, brand, price, price_min, price_max, in_stock, min_stock, attributes
 *     rules {pin, boost, bury, cap}, diversity, fields
 *
 * A request has them among its own members; a placement has the first line as `filter`.  GET
 * requests say the first line and the last two as parameters, `attr.NAME=VALUE` for attributes.
 *
 * Units      Prices are read in major units.
 * Ownership  Texts and arrays are copied into the arena.
 * Threads    Owner-only.
 * Cost       A copy of the texts.
 */
#ifndef MR_SERVING_RULES_JSON_H
#define MR_SERVING_RULES_JSON_H

#include "core/arena.h"
#include "core/json.h"
#include "core/status.h"
#include "core/text.h"
#include "serving/placement.h"
#include "serving/problem.h"
#include "serving/rule_set.h"

#include <stdint.h>

/*
 * Read one member of a request's body.
 *
 * MR_ERR_NOT_FOUND when it is none of the above; MR_ERR_INVALID with `ret_error`, its field a
 * path such as rules.boost[0].where.price.min; MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_rules_json_read(mr_text name, mr_json_value *value,
                                         mr_arena *arena, mr_rule_set *set,
                                         uint32_t *fields, mr_field_error *ret_error);

/* Read one parameter of a query, decoded; one that comes again adds its values.  As above. */
MR_MUST_USE mr_status mr_rules_query_read(mr_text name, mr_text value, mr_arena *arena,
                                          mr_rule_set *set, uint32_t *fields,
                                          mr_field_error *ret_error);

/*
 * Read a placement's settings {n, purchased, filter, rules, diversity, fields}, all optional, over
 * what `placement` holds; `value` NULL or an object.  As above, but for MR_ERR_NOT_FOUND: a member
 * that is not known is MR_ERR_INVALID.
 */
MR_MUST_USE mr_status mr_placement_json_read(mr_json_value *value, mr_arena *arena,
                                             mr_placement *placement,
                                             mr_field_error *ret_error);

#endif
