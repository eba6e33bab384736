/*
 * Plan words: how a plan's file names aggregates and fields, and what is said of a feature that
 * says nothing of itself.
 *
 * Units      None.
 * Ownership  Static texts, or the caller's buffer.
 * Threads    Any.
 * Cost       A look into a table.
 */
#ifndef MR_FEATURES_PLAN_WORDS_H
#define MR_FEATURES_PLAN_WORDS_H

#include "features/plan_layout.h"

#include <stdbool.h>
#include <stddef.h>

const char *mr_aggregate_name(mr_aggregate aggregate); /* "fading_sum" */
const char *mr_of_name(mr_of of);                      /* "order_id"; "" for nothing */

/* Whether the aggregate is of such a field, and which it is of: "of: value, net_value or quantity". */
bool mr_aggregate_takes(mr_aggregate aggregate, mr_of of);
const char *mr_aggregate_fields(mr_aggregate aggregate);

/* "minor units", "pieces", "orders", … */
const char *mr_plan_unit_of(const mr_feature_spec *spec);

/* "Sum of value over purchase events of the last 30 days." */
void mr_plan_meaning_of(const mr_feature_spec *spec, char *ret_meaning, size_t capacity);

#endif
