#include "models/blend.h"

#include "core/assert.h"
#include "models/vector.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static const char *const member_names[MR_MEMBERS] = {
    [MR_MEMBER_ITEM_ITEM] = "item_item", [MR_MEMBER_IALS] = "ials",
    [MR_MEMBER_POPULAR] = "popular",     [MR_MEMBER_EASE] = "ease",
    [MR_MEMBER_GRAPH_FILTER] = "gfcf",
};

const char *mr_member_name(mr_member member)
{
    MR_ASSERT(member < MR_MEMBERS);
    return member_names[member];
}

bool mr_member_from(const char *name, mr_member *ret_member)
{
    for (uint32_t m = 0; m < MR_MEMBERS; m++)
        if (strcmp(name, member_names[m]) == 0) {
            *ret_member = (mr_member)m;
            return true;
        }
    return false;
}

const char *mr_blend_scale_name(mr_blend_scale scale)
{
    return scale == MR_BLEND_MAXIMUM ? "maximum" : "deviation";
}

mr_blend mr_blend_single(mr_member member)
{
    mr_blend blend = {.scale = MR_BLEND_MAXIMUM};
    blend.weights[member] = 1.0F;
    return blend;
}

mr_blend_term mr_blend_term_of_moments(double sum, double squares, size_t count)
{
    const double n = count > 0 ? (double)count : 1.0;
    const double mean = sum / n;
    const double variance = squares / n - mean * mean;
    return (mr_blend_term){.offset = (float)mean,
                           .factor =
                               variance > 0.0 ? (float)(1.0 / sqrt(variance)) : 0.0F};
}

mr_blend_term mr_blend_term_of_largest(float largest)
{
    return (mr_blend_term){.factor = largest > 0.0F ? 1.0F / largest : 0.0F};
}

mr_blend_term mr_blend_measure(mr_blend_scale scale, const float *row, size_t count)
{
    const mr_vector_kernels *kernels = mr_vector_kernels_best();
    double sum = 0.0;
    double squares = 0.0;
    if (scale == MR_BLEND_MAXIMUM)
        return mr_blend_term_of_largest(kernels->maximum(row, count));
    kernels->moments(row, count, &sum, &squares);
    return mr_blend_term_of_moments(sum, squares, count);
}

static mr_blend_term term_of(mr_blend_terms *terms, mr_blend_scale scale, uint32_t member,
                             const float *row, size_t count)
{
    if (!terms->known[scale][member]) {
        terms->terms[scale][member] = mr_blend_measure(scale, row, count);
        terms->known[scale][member] = true;
    }
    return terms->terms[scale][member];
}

void mr_blend_rows(const mr_blend *blend, const float *const rows[MR_MEMBERS],
                   size_t count, mr_blend_terms *terms, float *ret_row)
{
    const mr_vector_kernels *kernels = mr_vector_kernels_best();
    uint32_t in_use = 0;
    uint32_t last = 0;
    for (uint32_t m = 0; m < MR_MEMBERS; m++)
        if (blend->weights[m] > 0.0F) {
            in_use++;
            last = m;
        }
    if (in_use == 1) {
        memcpy(ret_row, rows[last], count * sizeof(*ret_row));
        return;
    }
    bool keep = false;
    for (uint32_t m = 0; m < MR_MEMBERS; m++) {
        if (!(blend->weights[m] > 0.0F))
            continue;
        const mr_blend_term term = term_of(terms, blend->scale, m, rows[m], count);
        kernels->blend(rows[m], count, term.offset, term.factor * blend->weights[m], keep,
                       ret_row);
        keep = true;
    }
}
