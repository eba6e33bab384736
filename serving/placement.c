#include "serving/placement.h"

#include "core/event.h"

#include <string.h>

static const struct {
    char letter;
    int64_t ms;
} units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}};

enum { HIDE_FOR_DAYS_MAX = 36500 };

/* "30d" */
static bool parse_duration(mr_text text, int64_t *ret_ms)
{
    if (text.length < 2)
        return false;
    const mr_text number = {text.bytes, text.length - 1};
    int64_t count;
    if (mr_text_to_int64(number, &count) != MR_OK || count <= 0)
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        const int64_t largest = HIDE_FOR_DAYS_MAX * INT64_C(86400000) / units[i].ms;
        if (text.bytes[text.length - 1] == units[i].letter && count <= largest) {
            *ret_ms = count * units[i].ms;
            return true;
        }
    }
    return false;
}

mr_status mr_placement_parse_purchased(mr_text text, mr_placement *placement,
                                       mr_error *ret_error)
{
    static const char hide_for[] = "hide_for ";
    const uint32_t prefix = sizeof(hide_for) - 1;
    int64_t hide_for_ms = 0;
    if (mr_text_is(text, "always")) {
        placement->purchased = MR_PURCHASED_HIDE;
    } else if (mr_text_is(text, "never")) {
        placement->purchased = MR_PURCHASED_SHOW;
    } else if (text.length > prefix && memcmp(text.bytes, hide_for, prefix) == 0 &&
               parse_duration((mr_text){text.bytes + prefix, text.length - prefix},
                              &hide_for_ms)) {
        placement->purchased = MR_PURCHASED_HIDE_FOR;
    } else {
        return mr_error_set(
            ret_error, MR_ERR_INVALID,
            "purchased must be \"hide_for 30d\" (or s, m, h), \"always\" or "
            "\"never\", not \"%.*s\"",
            MR_TEXT_ARG(text));
    }
    placement->hide_for_ms = hide_for_ms;
    return MR_OK;
}

mr_status mr_placement_check(const mr_placement *placement, mr_error *ret_error)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
    const size_t length = strnlen(placement->name, sizeof(placement->name));
    if (length == 0 || length > MR_PLACEMENT_NAME_BYTES_MAX ||
        strspn(placement->name, letters) != length)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "a placement's name is 1 to %d of a-z, 0-9, _ and -",
                            MR_PLACEMENT_NAME_BYTES_MAX);
    if (placement->n < 1 || placement->n > MR_PLACEMENT_N_MAX)
        return mr_error_set(ret_error, MR_ERR_INVALID, "placement %s: n must be 1 to %d",
                            placement->name, MR_PLACEMENT_N_MAX);
    return MR_OK;
}

const mr_placement *mr_placement_find(const mr_placement *placements, size_t count,
                                      mr_text name)
{
    if (name.length == 0)
        return count > 0 ? &placements[0] : NULL;
    for (size_t i = 0; i < count; i++) {
        if (mr_text_is(name, placements[i].name))
            return &placements[i];
    }
    return NULL;
}

static bool is_listed(const mr_text *ids, size_t count, mr_text id)
{
    for (size_t i = 0; i < count; i++) {
        if (mr_text_equal(ids[i], id))
            return true;
    }
    return false;
}

static bool is_taken(const mr_candidate *items, size_t count, mr_text id)
{
    for (size_t i = 0; i < count; i++) {
        if (mr_text_equal(items[i].item_id, id))
            return true;
    }
    return false;
}

static bool hides_purchase(const mr_rules *rules, mr_text id)
{
    if (rules->state == NULL || rules->placement->purchased == MR_PURCHASED_SHOW)
        return false;
    for (uint8_t i = 0; i < rules->state->item_count; i++) {
        const mr_recent_item *recent = &rules->state->items[i];
        if (recent->type != MR_EVENT_PURCHASE || !mr_text_equal(recent->item_id, id))
            continue;
        if (rules->placement->purchased == MR_PURCHASED_HIDE ||
            (int64_t)recent->time_s * 1000 >
                rules->now_ms - rules->placement->hide_for_ms)
            return true;
    }
    return false;
}

static bool can_show(const mr_rules *rules, mr_text id)
{
    const mr_catalogue_item *item = mr_catalogue_find(rules->catalogue, id);
    return (item == NULL || mr_catalogue_item_can_show(item)) &&
           !is_listed(rules->exclude, rules->exclude_count, id) &&
           !is_listed(rules->context, rules->context_count, id) &&
           !hides_purchase(rules, id);
}

size_t mr_rules_apply(const mr_rules *rules, const mr_candidate *candidates, size_t count,
                      mr_candidate *items, size_t item_count, size_t n)
{
    for (size_t i = 0; i < count && item_count < n; i++) {
        const mr_text id = candidates[i].item_id;
        if (id.length > 0 && !is_taken(items, item_count, id) && can_show(rules, id))
            items[item_count++] = candidates[i];
    }
    return item_count;
}
