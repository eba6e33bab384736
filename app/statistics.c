#include "app/statistics.h"

#include "features/commerce.h"
#include "features/link.h"

#include <inttypes.h>
#include <stdlib.h>

/* Every field stands for itself, so nothing has to be ordered against anything else. */
#define PUT(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)
#define GET(field) atomic_load_explicit(&(field), memory_order_relaxed)

static const mr_statistics *of_clock(const mr_clock *clock)
{
    return (const mr_statistics *)(const void *)((const char *)clock -
                                                 offsetof(mr_statistics, data_clock));
}

static int64_t data_wall_ms(const mr_clock *clock)
{
    const int64_t newest_ms = GET(of_clock(clock)->newest_ms);
    return newest_ms != MR_TIME_NONE ? newest_ms : mr_clock_wall_ms(mr_clock_system());
}

static int64_t data_monotonic_ns(const mr_clock *clock)
{
    (void)clock;
    return mr_clock_monotonic_ns(mr_clock_system());
}

mr_status mr_statistics_create(uint32_t partitions, mr_statistics **ret_statistics)
{
    mr_statistics *statistics = calloc(1, sizeof(*statistics));
    if (statistics == NULL)
        return MR_ERR_NO_MEMORY;
    statistics->partitions = calloc(partitions, sizeof(*statistics->partitions));
    if (statistics->partitions == NULL) {
        free(statistics);
        return MR_ERR_NO_MEMORY;
    }
    statistics->partition_count = partitions;
    statistics->start_ns = mr_clock_monotonic_ns(mr_clock_system());
    statistics->data_clock = (mr_clock){data_wall_ms, data_monotonic_ns};
    PUT(statistics->newest_ms, MR_TIME_NONE);
    PUT(statistics->expected_partitions, UINT32_MAX); /* until the reader is open */
    for (uint32_t i = 0; i < partitions; i++) {
        PUT(statistics->partitions[i].newest_ms, MR_TIME_NONE);
        PUT(statistics->partitions[i].watermark_ms, MR_TIME_NONE);
        PUT(statistics->partitions[i].end_offset, -1);
    }
    *ret_statistics = statistics;
    return MR_OK;
}

void mr_statistics_destroy(mr_statistics *statistics)
{
    if (statistics == NULL)
        return;
    free(statistics->partitions);
    free(statistics);
}

static void take_links(mr_partition_statistics *p, const mr_shard *shard)
{
    mr_link_counters links;
    mr_shard_link_counters_get(shard, &links);
    PUT(p->links_waiting, mr_shard_links_waiting(shard));
    PUT(p->links_requested, links.requested);
    PUT(p->links_answered, links.answered);
    PUT(p->links_merged, links.merged);
    PUT(p->links_dropped, links.dropped);
    PUT(p->links_refused, links.refused);
}

void mr_statistics_take(mr_statistics *statistics, const mr_shard *shard)
{
    mr_partition_statistics *p = &statistics->partitions[mr_shard_partition(shard)];
    mr_shard_counters counters;
    mr_shard_counters_get(shard, &counters);
    PUT(p->applied, counters.applied);
    PUT(p->duplicate, counters.duplicate);
    PUT(p->late, counters.late);
    PUT(p->poison, counters.poison);
    PUT(p->opted_out, counters.opted_out);
    PUT(p->erased, counters.erased);
    PUT(p->control, counters.control);
    PUT(p->gap, counters.gap);
    PUT(p->late_applied, counters.late_applied);
    PUT(p->unknown_currency, mr_shard_unknown_currency(shard));
    PUT(p->lines_applied, counters.lines_applied);
    PUT(p->redelivered, mr_shard_redelivered(shard));
    mr_shard_memory_of_ids ids;
    mr_shard_memory_of_ids_get(shard, &ids);
    PUT(p->ids, ids.ids);
    PUT(p->ids_forgotten, ids.forgotten);
    PUT(p->long_horizon_ms, ids.long_horizon_ms);
    PUT(p->short_horizon_ms, ids.short_horizon_ms);
    PUT(p->next_offset, mr_shard_next_offset(shard));
    PUT(p->watermark_ms, mr_shard_watermark_ms(shard));
    PUT(p->newest_ms, mr_shard_newest_ms(shard));
    PUT(p->users, mr_shard_live_count(shard));
    PUT(p->items, mr_shard_item_count(shard));
    PUT(p->bytes, mr_shard_bytes(shard));
    PUT(p->outbox, mr_shard_outbox_count(shard));
    take_links(p, shard);
    mr_commerce_totals totals;
    mr_commerce_totals_get(shard, &totals);
    PUT(p->customers, totals.customers);
    PUT(p->revenue_minor, mr_commerce_revenue_minor(&totals.sums));
    if (mr_shard_newest_ms(shard) > GET(statistics->newest_ms))
        PUT(statistics->newest_ms, mr_shard_newest_ms(shard));
}

mr_statistics_totals mr_statistics_sum(const mr_statistics *statistics)
{
    mr_statistics_totals totals = {0};
    for (uint32_t i = 0; i < statistics->partition_count; i++) {
        const mr_partition_statistics *p = &statistics->partitions[i];
        if (!GET(p->is_owned))
            continue;
        totals.owned++;
        totals.caught_up += GET(p->is_caught_up) ? 1 : 0;
        totals.paused += GET(p->paused) != 0 ? 1 : 0;
        totals.users += GET(p->users);
        totals.customers += GET(p->customers);
        totals.items = GET(p->items) > totals.items ? GET(p->items) : totals.items;
        totals.applied += GET(p->applied);
        totals.lines_applied += GET(p->lines_applied);
        totals.poison += GET(p->poison);
        totals.revenue_minor += GET(p->revenue_minor);
        if (GET(p->end_offset) > GET(p->next_offset))
            totals.lag_events += GET(p->end_offset) - GET(p->next_offset);
    }
    return totals;
}

bool mr_statistics_is_caught_up(const mr_statistics *statistics)
{
    const mr_statistics_totals totals = mr_statistics_sum(statistics);
    return totals.owned >= GET(statistics->expected_partitions) &&
           totals.caught_up == totals.owned;
}

typedef struct series {
    const char *name;
    const char *type;
    const char *help;
    size_t offset;
} series;

#define SERIES(name, type, help)                                                         \
    {                                                                                    \
#name, type, help, offsetof(mr_partition_statistics, name)                       \
    }

/* All of these fields are 64-bit integers. */
static const series partition_series[] = {
    SERIES(next_offset, "gauge", "next offset to be read"),
    SERIES(stopped, "gauge", "1: not read on, the log lacks the records that come next"),
    SERIES(end_offset, "gauge", "end of the log as last heard"),
    SERIES(users, "gauge", "profiles held"),
    SERIES(items, "gauge", "items ever seen"),
    SERIES(bytes, "gauge", "memory of the shard in bytes"),
    SERIES(paused, "gauge", "1 while the shard is at its memory limit"),
    SERIES(applied, "counter", "records applied"),
    SERIES(duplicate, "counter", "records applied before, by their event ids"),
    SERIES(late, "counter", "records behind the dedup horizon, in the late topic"),
    SERIES(poison, "counter", "records that went to the dead letters"),
    SERIES(opted_out, "counter", "records of users who opted out"),
    SERIES(erased, "counter", "records not newer than an erasure"),
    SERIES(control, "counter", "control records"),
    SERIES(gap, "counter", "offsets the log did not hold"),
    SERIES(late_applied, "counter", "records applied behind the watermark"),
    SERIES(unknown_currency, "counter", "event lines in a currency without a rate"),
    SERIES(lines_applied, "counter", "event lines applied"),
    SERIES(redelivered, "counter", "records dropped because they were applied before"),
    SERIES(ids, "gauge", "event ids remembered"),
    SERIES(ids_forgotten, "counter", "event ids the cap took before they were behind"),
    SERIES(long_horizon_ms, "gauge", "how long ids of purchases and the like are kept"),
    SERIES(short_horizon_ms, "gauge", "how long ids of other events are kept"),
    SERIES(outbox, "gauge", "alerts that wait for a checkpoint"),
    SERIES(links_waiting, "gauge", "links that wait for a checkpoint"),
    SERIES(links_requested, "counter", "new pairs of user and anonymous id"),
    SERIES(links_answered, "counter", "anonymous profiles sent to their user"),
    SERIES(links_merged, "counter", "anonymous profiles merged into their user"),
    SERIES(links_dropped, "counter", "second copies of links"),
    SERIES(links_refused, "counter", "links whose profile could not be taken in"),
    SERIES(generation, "gauge", "newest durable checkpoint generation"),
    SERIES(checkpoint_failures, "counter", "checkpoints that could not be written"),
    SERIES(checkpoint_took_us, "gauge", "time the newest checkpoint took to write, us"),
    SERIES(checkpoint_cut_us, "gauge", "time the event path gave to the newest one, us"),
    SERIES(checkpoint_pause_us, "gauge", "longest slice of it, us"),
    SERIES(checkpoint_base_bytes, "gauge", "bytes copied for the newest base"),
    SERIES(checkpoint_delta_bytes, "gauge", "bytes copied for the newest delta"),
    SERIES(checkpoint_bases, "counter", "bases written"),
    SERIES(checkpoint_deltas, "counter", "deltas written"),
};

static void put_pauses(const mr_histogram *pauses_us, mr_buffer *text)
{
    static const double quantiles[] = {0.5, 0.99, 0.999};
    mr_buffer_printf(text,
                     "# HELP millrace_checkpoint_pause_seconds slices of checkpoints\n"
                     "# TYPE millrace_checkpoint_pause_seconds summary\n");
    for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++)
        mr_buffer_printf(
            text, "millrace_checkpoint_pause_seconds{quantile=\"%g\"} %.6f\n",
            quantiles[i], (double)mr_histogram_quantile(pauses_us, quantiles[i]) / 1e6);
    mr_buffer_printf(text,
                     "millrace_checkpoint_pause_seconds_sum %.6f\n"
                     "millrace_checkpoint_pause_seconds_count %" PRIu64 "\n",
                     (double)GET(pauses_us->sum) / 1e6, GET(pauses_us->count));
}

void mr_statistics_metrics(const mr_statistics *statistics, mr_buffer *text)
{
    for (size_t i = 0; i < sizeof(partition_series) / sizeof(partition_series[0]); i++) {
        const series *s = &partition_series[i];
        mr_buffer_printf(
            text, "# HELP millrace_partition_%s %s\n# TYPE millrace_partition_%s %s\n",
            s->name, s->help, s->name, s->type);
        for (uint32_t p = 0; p < statistics->partition_count; p++) {
            if (!GET(statistics->partitions[p].is_owned))
                continue;
            const _Atomic int64_t *field =
                (const void *)((const char *)&statistics->partitions[p] + s->offset);
            mr_buffer_printf(
                text, "millrace_partition_%s{partition=\"%" PRIu32 "\"} %" PRId64 "\n",
                s->name, p, GET(*field));
        }
    }
    const mr_statistics_totals totals = mr_statistics_sum(statistics);
    mr_buffer_printf(
        text,
        "# HELP millrace_lag_events records not yet read\n"
        "# TYPE millrace_lag_events gauge\nmillrace_lag_events %" PRId64 "\n"
        "# HELP millrace_scored_total results written ahead of their readers\n"
        "# TYPE millrace_scored_total counter\nmillrace_scored_total %" PRIu64 "\n"
        "# HELP millrace_lists_waiting lists to be made ahead of their readers\n"
        "# TYPE millrace_lists_waiting gauge\n"
        "millrace_lists_waiting{turn=\"first\"} %" PRIu64 "\n"
        "millrace_lists_waiting{turn=\"spare\"} %" PRIu64 "\n"
        "# HELP millrace_cache_failures_total batches the cache did not take\n"
        "# TYPE millrace_cache_failures_total counter\n"
        "millrace_cache_failures_total %" PRIu64 "\n",
        totals.lag_events, GET(statistics->scored), GET(statistics->lists_first),
        GET(statistics->lists_spare), GET(statistics->cache_failures));
    put_pauses(&statistics->cut_pause_us, text);
}

static void member(mr_json_writer *writer, const char *key, int64_t value)
{
    mr_json_key(writer, key);
    mr_json_put_int(writer, value);
}

void mr_statistics_json(const mr_statistics *statistics, mr_json_writer *writer)
{
    const mr_statistics_totals totals = mr_statistics_sum(statistics);
    member(writer, "events_applied", (int64_t)totals.lines_applied);
    mr_json_key(writer, "events_per_second");
    mr_json_put_fixed(writer, (double)GET(statistics->rate_milli) / 1000.0, 1);
    member(writer, "lag_events", totals.lag_events);
    member(writer, "users", (int64_t)totals.users);
    member(writer, "customers", (int64_t)totals.customers);
    member(writer, "items", (int64_t)totals.items);
    member(writer, "poison", (int64_t)totals.poison);
    member(writer, "partitions", (int64_t)totals.owned);
    mr_json_key(writer, "revenue");
    mr_json_put_money(writer, totals.revenue_minor, 2);
    mr_json_key(writer, "newest_event");
    char time[MR_TIME_TEXT_BYTES];
    const int64_t newest_ms = GET(statistics->newest_ms);
    if (newest_ms == MR_TIME_NONE) {
        mr_json_put_null(writer);
    } else {
        mr_time_to_text(newest_ms, time);
        mr_json_put_string(writer, time);
    }
}
