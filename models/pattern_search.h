/*
 * Pattern search: the best of a few numbers, when each look is dear.
 *
 * One axis after the other is moved a step up or down, going on in the direction that helped;
 * after a round without improvement the steps halve.  A point is never looked at twice, and the
 * number of looks is the caller's.  [Hooke and Jeeves 1961]
 *
 * Units      Steps are in the units of the axis; give logarithms for a logarithmic one.
 * Ownership  Plain values.
 * Threads    Owner-only.
 * Cost       One look at a time.
 */
#ifndef MR_MODELS_PATTERN_SEARCH_H
#define MR_MODELS_PATTERN_SEARCH_H

#include "core/status.h"

#include <stdint.h>

enum {
    MR_PATTERN_AXES_MAX = 4,
    MR_PATTERN_LOOKS_MAX = 256,
    MR_PATTERN_HALVINGS = 2,
};

typedef struct mr_pattern_axis {
    double start;
    double step; /* not 0; its sign is the direction to try first */
    double low;
    double high;
} mr_pattern_axis;

/* Larger is better. */
typedef mr_status (*mr_pattern_look)(void *context, const double *point,
                                     double *ret_value);

/*
 * Write the best point found in at most `looks` looks (1 … MR_PATTERN_LOOKS_MAX), its value and
 * how many were used.  What `look` returns other than MR_OK is passed on.
 */
MR_MUST_USE mr_status mr_pattern_search(const mr_pattern_axis *axes, uint32_t axis_count,
                                        uint32_t looks, mr_pattern_look look,
                                        void *context, double *ret_point,
                                        double *ret_value, uint32_t *ret_looks);

#endif
