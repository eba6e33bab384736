/*
 * Expression: a number, or a yes or no, computed of other numbers.
 *
 *     spend / orders                    rfm.recency <= 30 and orders >= 5
 *     now - last_purchase               not (churn > 0.5) or min(views_7d, 10) > 3
 *
 * or, and, not; = != < <= > >=, which do not chain; + - * /; unary minus; parentheses; min(a, b),
 * max(a, b), coalesce(a, b), has(a); numbers, and names with dots.  Yes is 1, no is 0, and any
 * number but 0 is yes.
 *
 * What never happened is missing: arithmetic with it is missing, a comparison with it is no, and so
 * is it itself; coalesce() gives the second where the first is missing, has() asks for it.  Division
 * by zero is missing.
 *
 * Units      Those of the names.
 * Ownership  An expression owns its program; names are resolved when it is parsed.
 * Threads    Immutable after parsing: any.
 * Cost       Some ns an operation; nothing is allocated when it is evaluated.
 */
#ifndef MR_FEATURES_EXPRESSION_H
#define MR_FEATURES_EXPRESSION_H

#include "core/buffer.h"
#include "core/status.h"
#include "core/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MR_EXPRESSION_STEPS_MAX = 128,
    MR_EXPRESSION_NAMES_MAX = 32,
    MR_EXPRESSION_BYTES_MAX = 1024,
    MR_EXPRESSION_DEPTH_MAX = 32, /* of parentheses and operators waiting */
};

typedef struct mr_expression mr_expression;

/* The number of what `name` names; false when it names nothing. */
typedef bool mr_expression_resolver(void *context, mr_text name, uint32_t *ret_number);

/* MR_ERR_INVALID with what is wrong at which character, from 1; MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_expression_parse(mr_text text, mr_expression_resolver *resolver,
                                          void *context, mr_expression **ret_expression,
                                          mr_error *ret_error);
void mr_expression_destroy(mr_expression *expression); /* NULL allowed */

/* The numbers it was given for its names, each once, in order of their first use; lent. */
size_t mr_expression_names(const mr_expression *expression, const uint32_t **ret_numbers);

/* `values[i]` is that of the i-th of those; NaN: missing.  NaN for a missing result. */
double mr_expression_value(const mr_expression *expression, const double *values);

/* As it was written, in one way: without blanks, with all parentheses.  It parses to the same. */
mr_text mr_expression_text(const mr_expression *expression); /* lent */

#endif
