/*
 * Feature list: a plan for those who read it, as a table or as JSON.
 *
 * A row a feature: name, type, unit, order class, bytes in a user's row, meaning; then the columns
 * that models read.
 *
 * Units      Bytes are of one user: fixed ones, and those of each entry a list can have.
 * Ownership  The caller's buffer.
 * Threads    Any.
 * Cost       Not for a hot path.
 */
#ifndef MR_APP_FEATURE_LIST_H
#define MR_APP_FEATURE_LIST_H

#include "core/buffer.h"
#include "features/plan.h"

typedef enum mr_feature_list_form {
    MR_FEATURE_LIST_TEXT = 0,
    MR_FEATURE_LIST_JSON,
    MR_FEATURE_LIST_MARKDOWN,
} mr_feature_list_form;

void mr_feature_list_write(const mr_plan *plan, mr_feature_list_form form,
                           mr_buffer *text);

#endif
