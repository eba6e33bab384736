#include "models/popular.h"

#include <math.h>
#include <string.h>

void mr_popular_score(const uint32_t *items, const uint32_t *times_s, size_t count,
                      double half_life_s, size_t item_count, float *ret_scores)
{
    const double rate = times_s != NULL && half_life_s > 0.0 ? 1.0 / half_life_s : 0.0;
    uint32_t newest_s = 0;
    memset(ret_scores, 0, item_count * sizeof(*ret_scores));
    for (size_t v = 0; rate > 0.0 && v < count; v++)
        newest_s = times_s[v] > newest_s ? times_s[v] : newest_s;
    for (size_t v = 0; v < count; v++) {
        if (items[v] >= item_count)
            continue;
        const double age_s = rate > 0.0 ? (double)(newest_s - times_s[v]) : 0.0;
        ret_scores[items[v]] += (float)exp2(-age_s * rate);
    }
}
