#include "models/pattern_search.h"

#include "core/assert.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

typedef struct search {
    const mr_pattern_axis *axes;
    uint32_t axis_count;
    uint32_t looks_left;
    mr_pattern_look look;
    void *context;
    double seen[MR_PATTERN_LOOKS_MAX][MR_PATTERN_AXES_MAX];
    uint32_t seen_count;
    double best[MR_PATTERN_AXES_MAX];
    double best_value;
} search;

static bool was_seen(const search *s, const double *point)
{
    for (uint32_t i = 0; i < s->seen_count; i++) {
        bool same = true;
        for (uint32_t a = 0; a < s->axis_count; a++)
            same = same && fabs(s->seen[i][a] - point[a]) < 1e-9;
        if (same)
            return true;
    }
    return false;
}

/* Look at a point if it is new and there is a look left; true in *ret_better if it is best. */
static mr_status consider(search *s, const double *point, bool *ret_better)
{
    double value = 0.0;
    *ret_better = false;
    if (s->looks_left == 0 || was_seen(s, point))
        return MR_OK;
    MR_TRY(s->look(s->context, point, &value));
    memcpy(s->seen[s->seen_count++], point, s->axis_count * sizeof(*point));
    s->looks_left--;
    if (s->seen_count > 1 && !(value > s->best_value))
        return MR_OK;
    memcpy(s->best, point, s->axis_count * sizeof(*point));
    s->best_value = value;
    *ret_better = true;
    return MR_OK;
}

static mr_status move_axis(search *s, uint32_t axis, double step, bool *ret_better)
{
    double point[MR_PATTERN_AXES_MAX];
    memcpy(point, s->best, sizeof(point));
    point[axis] = fmin(fmax(s->best[axis] + step, s->axes[axis].low), s->axes[axis].high);
    return consider(s, point, ret_better);
}

mr_status mr_pattern_search(const mr_pattern_axis *axes, uint32_t axis_count,
                            uint32_t looks, mr_pattern_look look, void *context,
                            double *ret_point, double *ret_value, uint32_t *ret_looks)
{
    MR_ASSERT(axis_count >= 1 && axis_count <= MR_PATTERN_AXES_MAX);
    MR_ASSERT(looks >= 1 && looks <= MR_PATTERN_LOOKS_MAX);
    search s = {.axes = axes,
                .axis_count = axis_count,
                .looks_left = looks,
                .look = look,
                .context = context};
    double steps[MR_PATTERN_AXES_MAX] = {0}; /* signed: the direction to try first */
    double start[MR_PATTERN_AXES_MAX] = {0};
    bool better = false;
    for (uint32_t a = 0; a < axis_count; a++) {
        steps[a] = axes[a].step;
        start[a] = fmin(fmax(axes[a].start, axes[a].low), axes[a].high);
    }
    MR_TRY(consider(&s, start, &better));
    for (uint32_t halvings = 0; halvings <= MR_PATTERN_HALVINGS && s.looks_left > 0;) {
        bool any = false;
        for (uint32_t a = 0; a < axis_count; a++) {
            MR_TRY(move_axis(&s, a, steps[a], &better));
            if (!better) {
                steps[a] = -steps[a];
                MR_TRY(move_axis(&s, a, steps[a], &better));
            }
            any = any || better;
        }
        if (any)
            continue;
        halvings++;
        for (uint32_t a = 0; a < axis_count; a++)
            steps[a] /= 2.0;
    }
    memcpy(ret_point, s.best, axis_count * sizeof(*ret_point));
    *ret_value = s.best_value;
    *ret_looks = s.seen_count;
    return MR_OK;
}
