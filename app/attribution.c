#include "app/attribution.h"

#include "core/hash.h"
#include "core/scored_item.h"
#include "features/exposure.h"
#include "features/item_quality.h"
#include "features/plan_layout.h"
#include "features/sales.h"
#include "serving/recommendation_id.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SHARE_DIGITS = 5 };
#define NORMAL_95 1.959963984540054

/* The bounds of a share by Wilson's score; false where there is none. */
static bool wilson(uint64_t part, uint64_t whole, double *ret_low, double *ret_high)
{
    if (whole == 0 || part > whole)
        return false;
    const double n = (double)whole;
    const double p = (double)part / n;
    const double z2 = NORMAL_95 * NORMAL_95;
    const double middle = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    const double half =
        NORMAL_95 / (1.0 + z2 / n) * sqrt(p * (1.0 - p) / n + z2 / (4.0 * n * n));
    *ret_low = fmax(middle - half, 0.0);
    *ret_high = fmin(middle + half, 1.0);
    return true;
}

/* A share and its bounds, or null: "click_rate": [0.02, 0.015, 0.026]. */
static void put_rate(mr_json_writer *writer, const char *key, uint64_t part,
                     uint64_t whole)
{
    double low;
    double high;
    mr_json_key(writer, key);
    if (!wilson(part, whole, &low, &high)) {
        mr_json_put_null(writer);
        return;
    }
    mr_json_begin_array(writer);
    mr_json_put_fixed(writer, (double)part / (double)whole, SHARE_DIGITS);
    mr_json_put_fixed(writer, low, SHARE_DIGITS);
    mr_json_put_fixed(writer, high, SHARE_DIGITS);
    mr_json_end_array(writer);
}

/* ---- attribution ---- */

/* All days as one. */
static mr_status sum_days(const mr_census *census, int64_t days, mr_tally *sum)
{
    const int64_t newest = mr_zone_day(&census->plan->settings.zone, census->at_ms);
    for (size_t s = 0; s < census->count; s++) {
        const mr_tally *exposures = mr_shard_exposures(census->shards[s]);
        MR_TRY(mr_tally_reserve(sum, exposures->count));
        for (size_t i = 0; i < exposures->count; i++) {
            mr_tally_row row = exposures->rows[i];
            const int64_t day = row.key[MR_EXPOSURE_DAY];
            if (day <= newest - days || day > newest)
                continue;
            row.key[MR_EXPOSURE_DAY] = 0;
            mr_tally_add(sum, &row);
        }
    }
    return MR_OK;
}

/* Among those that events have named; empty: none did. */
static mr_text named_placement(const mr_census *census, uint32_t placement)
{
    for (size_t s = 0; s < census->count; s++) {
        const mr_shard *shard = census->shards[s];
        for (uint32_t i = 0; i < mr_shard_word_count(shard); i++) {
            const mr_text word = mr_shard_word(shard, i);
            if (mr_recommendation_placement_hash(word) == placement)
                return word;
        }
    }
    return (mr_text){0};
}

/* Of those in the configuration, else of others; empty: it is none of them. */
static mr_text placement_name(const mr_census *census, uint32_t placement)
{
    for (size_t i = 0; census->config != NULL && i < census->config->placement_count;
         i++) {
        const mr_text name = mr_text_from(census->config->placements[i].name);
        if (mr_recommendation_placement_hash(name) == placement)
            return name;
    }
    return named_placement(census, placement);
}

static void put_place(const mr_census *census, const uint32_t *key,
                      mr_json_writer *writer)
{
    const mr_text name = placement_name(census, key[MR_EXPOSURE_PLACEMENT]);
    const char *source = mr_source_name((mr_source)key[MR_EXPOSURE_SOURCE]);
    mr_json_key(writer, "placement");
    if (name.length > 0)
        mr_json_put_text(writer, name);
    else
        mr_json_put_null(writer);
    mr_json_member_uint(writer, "placement_crc", key[MR_EXPOSURE_PLACEMENT]);
    mr_json_key(writer, "source");
    if (source != NULL)
        mr_json_put_string(writer, source);
    else
        mr_json_put_null(writer);
    mr_json_member_uint(writer, "variant", key[MR_EXPOSURE_VARIANT]);
}

static void put_exposure(const mr_census *census, const mr_tally_row *row,
                         mr_json_writer *writer)
{
    static const char *const names[] = {"impressions", "clicks", "views", "carts",
                                        "purchases"};
    const int64_t *values = row->values;
    mr_json_begin_object(writer);
    put_place(census, row->key, writer);
    for (size_t v = MR_EXPOSURE_IMPRESSIONS; v <= MR_EXPOSURE_PURCHASES; v++)
        mr_json_member_uint(writer, names[v], (uint64_t)values[v]);
    mr_json_member_money(writer, "revenue", values[MR_EXPOSURE_REVENUE], MR_MINOR_DIGITS);
    put_rate(writer, "click_rate", (uint64_t)values[MR_EXPOSURE_CLICKS],
             (uint64_t)values[MR_EXPOSURE_IMPRESSIONS]);
    put_rate(writer, "purchase_rate", (uint64_t)values[MR_EXPOSURE_PURCHASES],
             (uint64_t)values[MR_EXPOSURE_CLICKS]);
    mr_json_end_object(writer);
}

/* Keys break ties: they are all different. */
static int by_impressions(const void *a, const void *b)
{
    const mr_tally_row *x = a;
    const mr_tally_row *y = b;
    const int64_t shown = x->values[MR_EXPOSURE_IMPRESSIONS];
    const int64_t other = y->values[MR_EXPOSURE_IMPRESSIONS];
    if (shown != other)
        return shown > other ? -1 : 1;
    for (size_t k = 0; k < MR_TALLY_KEYS; k++) {
        if (x->key[k] != y->key[k])
            return x->key[k] < y->key[k] ? -1 : 1;
    }
    return 0;
}

mr_status mr_attribution_write(const mr_census *census, int64_t days,
                               mr_json_writer *writer)
{
    mr_tally sum = {0};
    const mr_status status = sum_days(census, days, &sum);
    if (status == MR_OK) {
        if (sum.count > 0)
            qsort(sum.rows, sum.count, sizeof(*sum.rows), by_impressions);
        mr_json_begin_object(writer);
        mr_census_put_scope(census, writer);
        mr_json_member_uint(writer, "days", (uint64_t)days);
        mr_json_member_string(writer, "credit", "the list that the event itself names");
        mr_json_key(writer, "shown");
        mr_json_begin_array(writer);
        for (size_t i = 0; i < sum.count; i++)
            put_exposure(census, &sum.rows[i], writer);
        mr_json_end_array(writer);
        mr_json_end_object(writer);
    }
    mr_tally_deinit(&sum);
    return status;
}

/* ---- quality ---- */

typedef struct received {
    mr_text id;
    mr_quality quality;
    double click_low;
} received;

static int by_id(const void *a, const void *b)
{
    return mr_text_compare(((const received *)a)->id, ((const received *)b)->id);
}

static int by_click_rate(const void *a, const void *b)
{
    const received *x = a;
    const received *y = b;
    if (x->click_low != y->click_low)
        return x->click_low > y->click_low ? -1 : 1;
    return by_id(a, b);
}

/* The items of all shards, each once; in no order yet. */
static size_t gather(const mr_census *census, mr_text item, received *all)
{
    size_t count = 0;
    size_t kept = 0;
    for (size_t s = 0; s < census->count; s++) {
        const mr_shard *shard = census->shards[s];
        for (uint32_t i = 0; i < mr_shard_item_count(shard); i++) {
            const mr_text id = mr_shard_item_id(shard, i);
            const mr_quality *quality = mr_shard_item_quality(shard, i);
            if (!mr_quality_is_none(quality) &&
                (item.length == 0 || mr_text_equal(id, item)))
                all[count++] = (received){.id = id, .quality = *quality};
        }
    }
    if (count > 0)
        qsort(all, count, sizeof(*all), by_id);
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && mr_text_equal(all[kept - 1].id, all[i].id))
            mr_quality_add(&all[kept - 1].quality, &all[i].quality);
        else
            all[kept++] = all[i];
    }
    return kept;
}

static void put_item(const received *item, mr_json_writer *writer)
{
    const mr_quality *q = &item->quality;
    mr_json_begin_object(writer);
    mr_json_member_text(writer, "id", item->id);
    mr_json_member_uint(writer, "impressions", q->impressions);
    mr_json_member_uint(writer, "clicks", q->clicks);
    put_rate(writer, "click_rate", q->clicks, q->impressions);
    mr_json_member_uint(writer, "shares", q->shares);
    mr_json_member_uint(writer, "reviews", q->reviews);
    mr_json_member_uint(writer, "ratings", q->ratings);
    mr_json_key(writer, "rating");
    if (q->ratings == 0)
        mr_json_put_null(writer);
    else
        mr_json_put_fixed(writer, (double)q->rating_centi / (double)q->ratings / 100.0,
                          2);
    mr_json_end_object(writer);
}

mr_status mr_quality_write(const mr_census *census, mr_text item, size_t limit,
                           mr_json_writer *writer)
{
    size_t room = 1;
    for (size_t s = 0; s < census->count; s++)
        room += mr_shard_item_count(census->shards[s]);
    received *all = calloc(room, sizeof(*all));
    if (all == NULL)
        return MR_ERR_NO_MEMORY;
    const size_t count = gather(census, item, all);
    for (size_t i = 0; i < count; i++) {
        double high;
        (void)wilson(all[i].quality.clicks, all[i].quality.impressions, &all[i].click_low,
                     &high);
    }
    if (count > 0)
        qsort(all, count, sizeof(*all), by_click_rate);
    mr_json_begin_object(writer);
    mr_census_put_scope(census, writer);
    mr_json_member_uint(writer, "received", count);
    mr_json_key(writer, "items");
    mr_json_begin_array(writer);
    for (size_t i = 0; i < count && i < limit; i++)
        put_item(&all[i], writer);
    mr_json_end_array(writer);
    mr_json_end_object(writer);
    free(all);
    return MR_OK;
}
