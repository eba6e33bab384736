/*
 * Blend: one score out of several models', row by row.
 *
 * Members score on scales of their own, and a user's scale differs from another's.  Each member's
 * row is brought to a common one, by its largest score or to mean 0 and deviation 1, over all
 * items before anything is masked, and the rows are summed with weights.  Which scale and which
 * weights is chosen on a hold-out (models/tuner.h); a weight of 0 leaves a member out.
 *
 * Units      Blended scores are comparable within one row only.
 * Ownership  Borrows rows for the call.
 * Threads    Pure functions.
 * Cost       Two passes a member in use, one when it is alone.
 */
#ifndef MR_MODELS_BLEND_H
#define MR_MODELS_BLEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Written to manifests by name; append only. */
typedef enum mr_member {
    MR_MEMBER_ITEM_ITEM = 0,
    MR_MEMBER_IALS = 1,
    MR_MEMBER_POPULAR = 2,
    MR_MEMBER_EASE = 3,
    MR_MEMBER_GRAPH_FILTER = 4,
    MR_MEMBERS = 5,
} mr_member;

typedef enum mr_blend_scale {
    MR_BLEND_MAXIMUM = 0,   /* divided by the row's largest score */
    MR_BLEND_DEVIATION = 1, /* mean 0, deviation 1                */
    MR_BLEND_SCALES = 2,
} mr_blend_scale;

typedef struct mr_blend {
    mr_blend_scale scale;
    float weights[MR_MEMBERS]; /* >= 0, at least one > 0 */
} mr_blend;

const char *mr_member_name(mr_member member);                 /* "item_item" */
bool mr_member_from(const char *name, mr_member *ret_member); /* false for another name */
const char *mr_blend_scale_name(mr_blend_scale scale);        /* "maximum"   */

/* One member alone. */
mr_blend mr_blend_single(mr_member member);

/*
 * What brings a row to its scale: (score - offset) * factor.  A constant row has factor 0 and
 * says nothing.
 */
typedef struct mr_blend_term {
    float offset;
    float factor;
} mr_blend_term;

mr_blend_term mr_blend_measure(mr_blend_scale scale, const float *row, size_t count);

/* The same from what a row of `count` scores adds up to, or from its largest score. */
mr_blend_term mr_blend_term_of_moments(double sum, double squares, size_t count);
mr_blend_term mr_blend_term_of_largest(float largest);

/* The terms of a user's rows, measured as far as some blend needs them. */
typedef struct mr_blend_terms {
    mr_blend_term terms[MR_BLEND_SCALES][MR_MEMBERS];
    bool known[MR_BLEND_SCALES][MR_MEMBERS];
} mr_blend_terms;

/*
 * The weighted sum; `rows` of members with weight 0 are not read and may be NULL.  The row of a
 * single member is copied as it is.  `terms` starts zeroed for a new user and is filled on the
 * way, so that further blends of the same rows measure nothing twice.
 */
void mr_blend_rows(const mr_blend *blend, const float *const rows[MR_MEMBERS],
                   size_t count, mr_blend_terms *terms, float *ret_row);

#endif
