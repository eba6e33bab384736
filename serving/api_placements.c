#include "serving/api_call.h"
#include "serving/api_show.h"

#include <inttypes.h>
#include <stdio.h>

enum { PURCHASED_BYTES = 40 };

/* As the configuration says it: in the largest unit that gives a whole number. */
static void put_purchased(mr_json_writer *writer, const mr_placement *placement)
{
    static const struct {
        char letter;
        int64_t ms;
    } units[] = {{'d', 86400000}, {'h', 3600000}, {'m', 60000}, {'s', 1000}};
    char text[PURCHASED_BYTES];
    size_t unit = 0;
    if (placement->purchased != MR_PURCHASED_HIDE_FOR) {
        mr_api_show_string(writer, "purchased",
                           placement->purchased == MR_PURCHASED_HIDE ? "always"
                                                                     : "never");
        return;
    }
    while (units[unit].letter != 's' && placement->hide_for_ms % units[unit].ms != 0)
        unit++;
    (void)snprintf(text, sizeof(text), "hide_for %" PRId64 "%c",
                   placement->hide_for_ms / units[unit].ms, units[unit].letter);
    mr_api_show_string(writer, "purchased", text);
}

/* The rules, as they were written in the configuration. */
static mr_status put_settings(mr_json_writer *writer, const mr_placement *placement)
{
    mr_json *json;
    size_t cursor = 0;
    mr_text name;
    mr_json_value *value;
    if (placement->settings.length == 0)
        return MR_OK;
    MR_TRY(mr_json_parse(placement->settings, &json, NULL));
    while (mr_json_next(mr_json_root(json), &cursor, &name, &value)) {
        if (mr_text_is(name, "n") || mr_text_is(name, "purchased"))
            continue;
        mr_json_key_text(writer, name);
        mr_json_put_value(writer, value);
    }
    mr_json_destroy(json);
    return MR_OK;
}

static mr_status put_placements(mr_json_writer *writer, const mr_api *api)
{
    mr_json_key(writer, "placements");
    mr_json_begin_array(writer);
    for (size_t i = 0; i < api->options.placement_count; i++) {
        const mr_placement *placement = &api->placements[i];
        mr_json_begin_object(writer);
        mr_api_show_string(writer, "name", placement->name);
        mr_api_show_number(writer, "n", placement->n);
        put_purchased(writer, placement);
        MR_TRY(put_settings(writer, placement));
        mr_json_end_object(writer);
    }
    mr_json_end_array(writer);
    mr_json_end_object(writer);
    return MR_OK;
}

void mr_api_placements(mr_api_call *call)
{
    mr_status status = mr_api_read_query(call, NULL, NULL);
    if (status == MR_OK) {
        mr_json_writer writer = mr_api_begin(call);
        status = put_placements(&writer, call->api);
    }
    if (status != MR_OK)
        mr_api_write_unread(call, status);
}
