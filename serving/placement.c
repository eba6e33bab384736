#include "serving/placement.h"

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
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "must be \"hide_for 30d\" (or s, m, h), \"always\" or "
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
