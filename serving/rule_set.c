#include "serving/rule_set.h"

#include <string.h>

bool mr_rule_set_is_empty(const mr_rule_set *set)
{
    return set->pin_count == 0 && set->boost_count == 0 && set->cap_count == 0 &&
           !(set->diversity > 0.0F) && mr_item_filter_is_empty(&set->filter);
}

/* Both arrays, one behind the other. */
static mr_status join(const void *first, size_t first_count, const void *second,
                      size_t second_count, size_t bytes, mr_arena *arena,
                      const void **ret_array)
{
    *ret_array = first_count > 0 ? first : second;
    if (first_count == 0 || second_count == 0)
        return MR_OK;
    char *both = mr_arena_allocate(arena, (first_count + second_count) * bytes);
    if (both == NULL)
        return MR_ERR_NO_MEMORY;
    memcpy(both, first, first_count * bytes);
    memcpy(both + first_count * bytes, second, second_count * bytes);
    *ret_array = both;
    return MR_OK;
}

mr_status mr_rule_set_merge(const mr_rule_set *placement, const mr_rule_set *request,
                            mr_arena *arena, mr_rule_set *ret_set)
{
    static const mr_rule_set nothing = {0};
    const mr_rule_set *first = placement != NULL ? placement : &nothing;
    const mr_rule_set *second = request != NULL ? request : &nothing;
    const mr_rule_set *diverse = second->has_diversity ? second : first;
    mr_rule_set merged = {
        .pin_count = first->pin_count + second->pin_count,
        .boost_count = first->boost_count + second->boost_count,
        .cap_count = first->cap_count + second->cap_count,
        .diversity = diverse->diversity,
        .has_diversity = diverse->has_diversity,
    };
    const void *pins;
    const void *boosts;
    const void *caps;
    MR_TRY(mr_item_filter_merge(&second->filter, &first->filter, arena, &merged.filter));
    MR_TRY(join(first->pins, first->pin_count, second->pins, second->pin_count,
                sizeof(mr_pin), arena, &pins));
    MR_TRY(join(first->boosts, first->boost_count, second->boosts, second->boost_count,
                sizeof(mr_boost), arena, &boosts));
    MR_TRY(join(first->caps, first->cap_count, second->caps, second->cap_count,
                sizeof(mr_cap), arena, &caps));
    merged.pins = pins;
    merged.boosts = boosts;
    merged.caps = caps;
    *ret_set = merged;
    return MR_OK;
}
