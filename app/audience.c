#include "app/audience.h"

#include "app/profile_json.h"
#include "features/segments.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static mr_audience *next(mr_audience *audiences, size_t *count)
{
    mr_audience *place = &audiences[*count];
    if (*count < MR_AUDIENCES_MAX)
        (*count)++;
    memset(place, 0, sizeof(*place));
    place->meaning = "";
    return place;
}

static void name(mr_audience *audience, const char *group, const char *part)
{
    (void)snprintf(audience->name, sizeof(audience->name), "%.60s.%.60s", group, part);
}

static void add_levels(const mr_operation *operation, mr_audience *audiences,
                       size_t *count)
{
    const mr_tier_spec *tier = operation->spec.tier;
    const bool is_life = operation->spec.lifecycle != NULL;
    const size_t levels = is_life ? MR_LIFE_STAGES : tier->count;
    for (size_t level = 0; level < levels; level++) {
        mr_audience *audience = next(audiences, count);
        name(audience, operation->spec.name,
             is_life ? mr_life_stage_name((mr_life_stage)level)
                     : tier->levels[level].name);
        audience->meaning = operation->spec.meaning;
        audience->of = operation;
        audience->level = (int64_t)level;
    }
}

size_t mr_audiences(const mr_plan *plan, mr_audience ret_audiences[MR_AUDIENCES_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < plan->operation_count; i++) {
        const mr_operation *operation = &plan->operations[i];
        if (operation->spec.lifecycle != NULL || operation->spec.tier != NULL)
            add_levels(operation, ret_audiences, &count);
    }
    for (size_t i = 0; i < MR_RFM_SEGMENTS; i++) {
        mr_audience *audience = next(ret_audiences, &count);
        name(audience, "rfm", mr_rfm_segment_name(i));
        audience->rfm = mr_rfm_segment_name(i);
        audience->meaning = "By the quintiles of recency and frequency.";
    }
    for (size_t i = 0; i < mr_plan_segment_count(plan); i++) {
        const mr_segment *segment = mr_plan_segment(plan, i);
        mr_audience *audience = next(ret_audiences, &count);
        name(audience, "segment", segment->name);
        audience->meaning = segment->meaning;
        audience->where = segment->where;
    }
    return count;
}

bool mr_audience_find(const mr_plan *plan, mr_text name_, mr_audience *ret_audience)
{
    mr_audience *all = calloc(MR_AUDIENCES_MAX, sizeof(*all));
    const size_t count = all != NULL ? mr_audiences(plan, all) : 0;
    bool is_found = false;
    for (size_t i = 0; i < count && !is_found; i++) {
        is_found = mr_text_is(name_, all[i].name);
        if (is_found)
            *ret_audience = all[i];
    }
    free(all);
    return is_found;
}

/* The place of a level or stage, read as of the census; -1: none. */
static int64_t level_of(const mr_census *census, const mr_operation *operation,
                        const mr_shard *shard, uint32_t row)
{
    return mr_shard_feature_number(shard, row, operation, census->at_ms, -1);
}

bool mr_audience_holds(const mr_census *census, const mr_audience *audience,
                       const mr_shard *shard, uint32_t row)
{
    int scores[MR_RFM_VALUES];
    if (mr_shard_is_anonymous(shard, row))
        return false;
    if (audience->of != NULL)
        return level_of(census, audience->of, shard, row) == audience->level;
    const bool has_scores = mr_census_scores(census, shard, row, scores);
    if (audience->rfm != NULL)
        return has_scores &&
               strcmp(audience->rfm, mr_rfm_segment(scores[MR_RFM_RECENCY],
                                                    scores[MR_RFM_FREQUENCY])) == 0;
    return mr_segment_holds(shard, row, census->at_ms, audience->where,
                            has_scores ? scores : NULL);
}

/* ---- counts ---- */

typedef struct counting {
    const mr_census *census;
    mr_audience *audiences;
    uint64_t *users;
    size_t count;
    uint64_t known;
    uint64_t anonymous;
} counting;

static mr_status count_user(void *context, const mr_shard *shard, uint32_t row)
{
    counting *c = context;
    const bool is_anonymous = mr_shard_is_anonymous(shard, row);
    c->known += !is_anonymous;
    c->anonymous += is_anonymous;
    for (size_t i = 0; i < c->count; i++)
        c->users[i] += mr_audience_holds(c->census, &c->audiences[i], shard, row);
    return MR_OK;
}

static void put_thresholds(const mr_quintiles *quintiles, mr_json_writer *writer)
{
    static const char *const names[MR_RFM_VALUES] = {"recency_days", "orders",
                                                     "spend_minor"};
    char version[MR_QUINTILES_VERSION_BYTES];
    mr_quintiles_version_text(quintiles, version);
    mr_json_key(writer, "quintiles");
    mr_json_begin_object(writer);
    mr_json_member_string(writer, "version", version);
    mr_json_member_uint(writer, "customers", quintiles->customers);
    for (size_t v = 0; v < MR_RFM_VALUES; v++) {
        mr_json_key(writer, names[v]);
        mr_json_begin_array(writer);
        for (size_t k = 0; k < MR_QUINTILE_THRESHOLDS; k++)
            mr_json_put_int(writer, quintiles->thresholds[v][k]);
        mr_json_end_array(writer);
    }
    mr_json_end_object(writer);
}

static void put_counts(const counting *c, mr_json_writer *writer)
{
    mr_json_begin_object(writer);
    mr_census_put_scope(c->census, writer);
    mr_json_member_uint(writer, "known_users", c->known);
    mr_json_member_uint(writer, "anonymous_users", c->anonymous);
    mr_json_member_uint(writer, "bots", c->census->bots);
    put_thresholds(&c->census->quintiles, writer);
    mr_json_key(writer, "audiences");
    mr_json_begin_array(writer);
    for (size_t i = 0; i < c->count; i++) {
        mr_json_begin_object(writer);
        mr_json_member_string(writer, "name", c->audiences[i].name);
        mr_json_member_uint(writer, "users", c->users[i]);
        mr_json_member_string(writer, "meaning", c->audiences[i].meaning);
        mr_json_end_object(writer);
    }
    mr_json_end_array(writer);
    mr_json_end_object(writer);
}

mr_status mr_audience_write_all(mr_census *census, mr_json_writer *writer)
{
    counting c = {.census = census};
    MR_TRY(mr_census_need_quintiles(census));
    c.audiences = calloc(MR_AUDIENCES_MAX, sizeof(*c.audiences));
    c.users = calloc(MR_AUDIENCES_MAX, sizeof(*c.users));
    mr_status status = c.audiences != NULL && c.users != NULL ? MR_OK : MR_ERR_NO_MEMORY;
    if (status == MR_OK) {
        c.count = mr_audiences(census->plan, c.audiences);
        status = mr_census_walk(census, count_user, &c);
    }
    if (status == MR_OK)
        put_counts(&c, writer);
    free(c.audiences);
    free(c.users);
    return status;
}

/* ---- members ---- */

static void put_member(mr_json_writer *writer, const mr_census *census,
                       const mr_shard *shard, uint32_t row)
{
    int64_t values[MR_RFM_VALUES];
    int scores[MR_RFM_VALUES];
    char text[MR_TIME_TEXT_BYTES];
    mr_user_state state;
    mr_shard_user_state(shard, row, 0, &state);
    mr_json_begin_object(writer);
    mr_json_member_text(writer, "user_id", mr_shard_user_id(shard, row));
    mr_json_key(writer, "last_seen");
    mr_time_to_text(state.as_of_ms, text);
    mr_json_put_string(writer, text);
    if (mr_rfm_values_of(shard, row, census->at_ms, values)) {
        mr_json_member_int(writer, "recency_days", values[MR_RFM_RECENCY]);
        mr_json_member_int(writer, "orders", values[MR_RFM_FREQUENCY]);
        mr_json_member_money(writer, "spend", values[MR_RFM_MONETARY], MR_MINOR_DIGITS);
    }
    if (mr_census_scores(census, shard, row, scores)) {
        mr_json_member_int(writer, "r", scores[MR_RFM_RECENCY]);
        mr_json_member_int(writer, "f", scores[MR_RFM_FREQUENCY]);
        mr_json_member_int(writer, "m", scores[MR_RFM_MONETARY]);
    }
    mr_json_end_object(writer);
}

/* "3.1204": a partition's place in the census and a row. */
static bool read_cursor(mr_text since, size_t *ret_shard, uint32_t *ret_row)
{
    char copy[MR_AUDIENCE_CURSOR_BYTES] = "";
    char end = '\0';
    if (since.length == 0)
        return true;
    if (since.length >= sizeof(copy))
        return false;
    memcpy(copy, since.bytes, since.length);
    return sscanf(copy, "%4zu.%10" SCNu32 "%c", ret_shard, ret_row, &end) == 2;
}

mr_status mr_audience_write_members(mr_census *census, const mr_audience *audience,
                                    const mr_audience_page *page, mr_json_writer *writer,
                                    char ret_next[MR_AUDIENCE_CURSOR_BYTES])
{
    size_t first = 0;
    uint32_t row = 0;
    size_t shown = 0;
    const mr_expression *bots = mr_plan_bot_rule(census->plan);
    ret_next[0] = '\0';
    if (!read_cursor(page->since, &first, &row))
        return MR_ERR_INVALID;
    MR_TRY(mr_census_need_quintiles(census));
    for (size_t s = first; s < census->count; s++, row = 0) {
        const mr_shard *shard = census->shards[s];
        for (; row < mr_shard_user_count(shard); row++) {
            if (mr_shard_is_empty(shard, row) ||
                mr_segment_holds(shard, row, census->at_ms, bots, NULL) ||
                !mr_audience_holds(census, audience, shard, row))
                continue;
            if (shown == page->limit) {
                (void)snprintf(ret_next, MR_AUDIENCE_CURSOR_BYTES, "%zu.%" PRIu32, s,
                               row);
                return MR_OK;
            }
            put_member(writer, census, shard, row);
            shown++;
        }
    }
    return MR_OK;
}
