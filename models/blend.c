#include "models/blend.h"

#include "core/assert.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

const char *mr_member_name(mr_member member)
{
    static const char *const names[MR_MEMBERS] = {"item_item", "ials", "popular"};
    MR_ASSERT(member < MR_MEMBERS);
    return names[member];
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

/* Eight running sums, so that the compiler may keep them in lanes without reordering any. */
enum { LANES = 8 };

static float largest(const float *row, size_t count)
{
    float best[LANES];
    for (size_t l = 0; l < LANES; l++)
        best[l] = -INFINITY;
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (size_t l = 0; l < LANES; l++)
            best[l] = row[i + l] > best[l] ? row[i + l] : best[l];
    for (; i < count; i++)
        best[0] = row[i] > best[0] ? row[i] : best[0];
    for (size_t l = 1; l < LANES; l++)
        best[0] = best[l] > best[0] ? best[l] : best[0];
    return best[0];
}

mr_blend_term mr_blend_measure(mr_blend_scale scale, const float *row, size_t count)
{
    if (scale == MR_BLEND_MAXIMUM) {
        const float best = largest(row, count);
        return (mr_blend_term){.factor = best > 0.0F ? 1.0F / best : 0.0F};
    }
    double sum[LANES] = {0};
    double squares[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (size_t l = 0; l < LANES; l++) {
            const double value = (double)row[i + l];
            sum[l] += value;
            squares[l] += value * value;
        }
    for (; i < count; i++) {
        sum[0] += (double)row[i];
        squares[0] += (double)row[i] * (double)row[i];
    }
    for (size_t l = 1; l < LANES; l++) {
        sum[0] += sum[l];
        squares[0] += squares[l];
    }
    const double n = count > 0 ? (double)count : 1.0;
    const double mean = sum[0] / n;
    const double variance = squares[0] / n - mean * mean;
    return (mr_blend_term){.offset = (float)mean,
                           .factor =
                               variance > 0.0 ? (float)(1.0 / sqrt(variance)) : 0.0F};
}

void mr_blend_rows(const mr_blend *blend, const float *const rows[MR_MEMBERS],
                   size_t count, float *ret_row)
{
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
    bool first = true;
    for (uint32_t m = 0; m < MR_MEMBERS; m++) {
        if (!(blend->weights[m] > 0.0F))
            continue;
        const mr_blend_term term = mr_blend_measure(blend->scale, rows[m], count);
        const float factor = term.factor * blend->weights[m];
        const float *row = rows[m];
        if (first)
            for (size_t i = 0; i < count; i++)
                ret_row[i] = (row[i] - term.offset) * factor;
        else
            for (size_t i = 0; i < count; i++)
                ret_row[i] += (row[i] - term.offset) * factor;
        first = false;
    }
}
