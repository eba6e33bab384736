#include "features/canonical_partials.h"

#include "core/assert.h"

#include <inttypes.h>
#include <stdlib.h>

typedef struct shard_item {
    mr_text id;
    const mr_trending_item *item;
    const mr_block_pool *pool;
    const mr_item_word *words; /* [MR_ITEM_WORD_FIELDS] */
    const mr_id_table *texts;
    const mr_quality *quality;
} shard_item;

static int compare_items(const void *a, const void *b)
{
    return mr_text_compare(((const shard_item *)a)->id, ((const shard_item *)b)->id);
}

static size_t gather_items(const mr_dump *dump, shard_item *ret_items)
{
    size_t count = 0;
    for (size_t s = 0; s < dump->shard_count; s++) {
        const mr_shard *shard = dump->shards[s];
        for (uint32_t i = 0; i < mr_id_table_count(shard->names.items); i++) {
            const mr_trending_item *item = mr_trending_item_at(&shard->trending, i);
            ret_items[count++] = (shard_item){.id = mr_id_table_id(shard->names.items, i),
                                              .item = item,
                                              .pool = &shard->pool,
                                              .words = shard->item_words.items[i],
                                              .texts = shard->names.words,
                                              .quality = &shard->item_quality.items[i]};
        }
    }
    qsort(ret_items, count, sizeof(*ret_items), compare_items);
    return count;
}

/* counts[age]: of the hour `age` before that of the reading. */
static void add_hours(const shard_item *item, int64_t at_hour,
                      uint64_t counts[MR_TRENDING_HOURS])
{
    const mr_hour_count *hours = mr_list_elements(item->pool, &item->item->hours);
    for (size_t i = 0; i < item->item->hours.count; i++) {
        const int64_t age = at_hour - (int64_t)hours[i].hour;
        if (age >= 0 && age < MR_TRENDING_HOURS)
            counts[age] += hours[i].count;
    }
}

/* Of the shards that know the item, the latest word, of two at once the greater text. */
static mr_text latest_word(const shard_item *items, size_t count, int field)
{
    uint32_t time_s = 0;
    mr_text latest = {0};
    for (size_t i = 0; i < count; i++) {
        const mr_item_word *word = &items[i].words[field];
        if (word->word_plus_one == 0)
            continue;
        const mr_text text = mr_id_table_id(items[i].texts, word->word_plus_one - 1);
        if (latest.length > 0 &&
            (word->time_s < time_s ||
             (word->time_s == time_s && mr_text_compare(text, latest) <= 0)))
            continue;
        time_s = word->time_s;
        latest = text;
    }
    return latest.length > 0 ? latest : MR_TEXT("-");
}

static mr_status dump_words(mr_dump *dump, const shard_item *items, size_t count)
{
    mr_text words[MR_ITEM_WORD_FIELDS];
    bool has_any = false;
    for (int field = 0; field < MR_ITEM_WORD_FIELDS; field++) {
        words[field] = latest_word(items, count, field);
        has_any |= !mr_text_is(words[field], "-");
    }
    if (!has_any)
        return MR_OK;
    mr_buffer_put_text(&dump->lines, MR_TEXT("\\p\titem"));
    mr_dump_text(dump, items[0].id);
    for (int field = 0; field < MR_ITEM_WORD_FIELDS; field++)
        mr_dump_text(dump, words[field]);
    return mr_dump_end_line(dump);
}

static mr_status dump_quality(mr_dump *dump, const shard_item *items, size_t count)
{
    mr_quality sum = {0};
    for (size_t i = 0; i < count; i++)
        mr_quality_add(&sum, items[i].quality);
    if (mr_quality_is_none(&sum))
        return MR_OK;
    mr_buffer_put_text(&dump->lines, MR_TEXT("\\p\tquality"));
    mr_dump_text(dump, items[0].id);
    mr_dump_number(dump, sum.impressions);
    mr_dump_number(dump, sum.clicks);
    mr_dump_number(dump, sum.shares);
    mr_dump_number(dump, sum.reviews);
    mr_dump_number(dump, sum.ratings);
    mr_dump_number(dump, (int64_t)sum.rating_centi);
    return mr_dump_end_line(dump);
}

static mr_status dump_item(mr_dump *dump, const shard_item *items, size_t count,
                           int64_t at_hour)
{
    uint64_t counts[MR_TRENDING_HOURS] = {0};
    uint64_t ever = 0;
    for (size_t i = 0; i < count; i++) {
        ever += items[i].item->ever;
        add_hours(&items[i], at_hour, counts);
    }
    if (ever == 0)
        return MR_OK;
    mr_buffer_put_text(&dump->lines, MR_TEXT("\\p\ttrending"));
    mr_dump_text(dump, items[0].id);
    mr_dump_number(dump, (int64_t)ever);
    for (int64_t age = MR_TRENDING_HOURS - 1; age >= 0; age--) {
        if (counts[age] > 0) {
            mr_dump_number(dump, at_hour - age);
            mr_dump_number(dump, (int64_t)counts[age]);
        }
    }
    return mr_dump_end_line(dump);
}

mr_status mr_dump_trending(mr_dump *dump)
{
    size_t room = 1;
    for (size_t s = 0; s < dump->shard_count; s++)
        room += mr_id_table_count(dump->shards[s]->names.items);
    shard_item *items = malloc(room * sizeof(*items));
    if (items == NULL)
        return MR_ERR_NO_MEMORY;
    const size_t count = gather_items(dump, items);
    const int64_t at_hour = mr_time_hour(dump->at_ms);
    mr_status status = MR_OK;
    for (size_t i = 0; i < count && status == MR_OK;) {
        size_t end = i + 1;
        while (end < count && mr_text_equal(items[end].id, items[i].id))
            end++;
        status = dump_words(dump, &items[i], end - i);
        if (status == MR_OK)
            status = dump_quality(dump, &items[i], end - i);
        if (status == MR_OK)
            status = dump_item(dump, &items[i], end - i, at_hour);
        i = end;
    }
    free(items);
    return status;
}

static void put_sums(mr_dump *dump, const mr_commerce_sums *sums)
{
    mr_dump_number(dump, sums->purchases_minor);
    mr_dump_number(dump, sums->refunds_minor);
    mr_dump_number(dump, sums->adjustments_minor);
    mr_dump_number(dump, (int64_t)sums->purchase_lines);
    mr_dump_number(dump, (int64_t)sums->refund_lines);
    mr_dump_number(dump, (int64_t)sums->adjustment_lines);
}

static mr_status dump_day(mr_dump *dump, const mr_commerce_day *day)
{
    mr_buffer_put_text(&dump->lines, MR_TEXT("\\p\tcommerce"));
    mr_dump_number(dump, day->day);
    put_sums(dump, &day->sums);
    if (dump->kind == MR_DUMP_ALL)
        mr_dump_number(dump, (int64_t)day->sums.orders);
    return mr_dump_end_line(dump);
}

static mr_status dump_days(mr_dump *dump, const mr_commerce *sum)
{
    for (size_t i = 0; i < sum->day_count; i++)
        MR_TRY(dump_day(dump, &sum->days[i]));
    mr_buffer_put_text(&dump->lines, MR_TEXT("\\p\tcommerce\ttotal"));
    put_sums(dump, &sum->totals.sums);
    if (dump->kind == MR_DUMP_ALL)
        mr_dump_number(dump, (int64_t)sum->totals.sums.orders);
    MR_TRY(mr_dump_end_line(dump));
    mr_buffer_put_text(&dump->lines, MR_TEXT("\\p\tcustomers"));
    mr_dump_number(dump, (int64_t)sum->totals.customers);
    return mr_dump_end_line(dump);
}

mr_status mr_dump_commerce(mr_dump *dump)
{
    mr_commerce sum;
    mr_commerce_init(&sum);
    mr_status status = MR_OK;
    for (size_t s = 0; s < dump->shard_count && status == MR_OK; s++) {
        const mr_commerce *commerce = &dump->shards[s]->commerce;
        status = mr_commerce_reserve(&sum, commerce->day_count);
        for (size_t i = 0; i < commerce->day_count && status == MR_OK; i++)
            mr_commerce_merge_day(&sum, &commerce->days[i]);
        sum.totals.customers += commerce->totals.customers;
    }
    if (status == MR_OK)
        status = dump_days(dump, &sum);
    mr_commerce_deinit(&sum);
    return status;
}

static mr_status dump_exposure(mr_dump *dump, const mr_tally_row *row)
{
    mr_buffer_put_text(&dump->lines, MR_TEXT("\\p\texposure"));
    for (size_t k = 0; k < MR_TALLY_KEYS; k++)
        mr_dump_number(dump, row->key[k]);
    for (size_t v = 0; v < MR_TALLY_VALUES; v++)
        mr_dump_number(dump, row->values[v]);
    return mr_dump_end_line(dump);
}

mr_status mr_dump_exposures(mr_dump *dump)
{
    mr_tally sum = {0};
    mr_status status = MR_OK;
    for (size_t s = 0; s < dump->shard_count && status == MR_OK; s++) {
        const mr_tally *exposures = &dump->shards[s]->exposures;
        status = mr_tally_reserve(&sum, exposures->count);
        for (size_t i = 0; i < exposures->count && status == MR_OK; i++)
            mr_tally_add(&sum, &exposures->rows[i]);
    }
    for (size_t i = 0; i < sum.count && status == MR_OK; i++)
        status = dump_exposure(dump, &sum.rows[i]);
    mr_tally_deinit(&sum);
    return status;
}

/* Words by their texts: numbers are a partition's own. */
typedef struct sold {
    const mr_tally_row *row;
    mr_text word; /* empty: an hour, or none */
} sold;

static int compare_sold(const void *a, const void *b)
{
    const sold *x = a;
    const sold *y = b;
    for (size_t k = MR_SALES_DAY; k <= MR_SALES_BY; k++) {
        if (x->row->key[k] != y->row->key[k])
            return x->row->key[k] < y->row->key[k] ? -1 : 1;
    }
    if (x->row->key[MR_SALES_BY] != MR_SALES_BY_HOUR)
        return mr_text_compare(x->word, y->word);
    const uint32_t hour = x->row->key[MR_SALES_WHAT];
    const uint32_t other = y->row->key[MR_SALES_WHAT];
    return (hour > other) - (hour < other);
}

static mr_status dump_sold(mr_dump *dump, const sold *some, size_t count)
{
    const mr_tally_row *row = some->row;
    mr_buffer_put_text(&dump->lines, MR_TEXT("\\p\tsales"));
    mr_dump_number(dump, row->key[MR_SALES_DAY]);
    mr_dump_text(dump,
                 mr_text_from(mr_sales_by_name((mr_sales_by)row->key[MR_SALES_BY])));
    if (row->key[MR_SALES_BY] == MR_SALES_BY_HOUR)
        mr_dump_number(dump, row->key[MR_SALES_WHAT]);
    else
        mr_dump_text(dump, some->word.length > 0 ? some->word : MR_TEXT("-"));
    for (size_t v = MR_SALES_PURCHASES; v <= MR_SALES_ORDERS; v++) {
        uint64_t sum = 0;
        for (size_t i = 0; i < count; i++)
            sum += (uint64_t)some[i].row->values[v];
        mr_dump_number(dump, (int64_t)sum);
    }
    return mr_dump_end_line(dump);
}

static size_t gather_sold(const mr_dump *dump, sold *ret_sold)
{
    size_t count = 0;
    for (size_t s = 0; s < dump->shard_count; s++) {
        const mr_shard *shard = dump->shards[s];
        for (size_t i = 0; i < shard->sales.count; i++) {
            const mr_tally_row *row = &shard->sales.rows[i];
            const uint32_t what = row->key[MR_SALES_WHAT];
            const bool is_word = row->key[MR_SALES_BY] != MR_SALES_BY_HOUR && what > 0;
            ret_sold[count++] =
                (sold){row, is_word ? mr_shard_word(shard, what - 1) : (mr_text){0}};
        }
    }
    if (count > 0)
        qsort(ret_sold, count, sizeof(*ret_sold), compare_sold);
    return count;
}

mr_status mr_dump_sales(mr_dump *dump)
{
    size_t room = 1;
    if (dump->kind != MR_DUMP_ALL) /* categories follow the log */
        return MR_OK;
    for (size_t s = 0; s < dump->shard_count; s++)
        room += dump->shards[s]->sales.count;
    sold *all = malloc(room * sizeof(*all));
    if (all == NULL)
        return MR_ERR_NO_MEMORY;
    const size_t count = gather_sold(dump, all);
    mr_status status = MR_OK;
    for (size_t i = 0; i < count && status == MR_OK;) {
        size_t end = i + 1;
        while (end < count && compare_sold(&all[end], &all[i]) == 0)
            end++;
        status = dump_sold(dump, &all[i], end - i);
        i = end;
    }
    free(all);
    return status;
}

static void begin_shard_line(mr_dump *dump, const mr_shard *shard, const char *name)
{
    mr_buffer_put_text(&dump->lines, MR_TEXT("\\s"));
    mr_dump_number(dump, shard->partition);
    mr_dump_text(dump, mr_text_from(name));
}

/* Of a shard that was migrated: a state under a plan is not the one that plan would have made of
 * the whole log, and must not pass for it. */
static mr_status dump_past_of(mr_dump *dump, const mr_shard *shard)
{
    for (size_t i = 0; i < shard->past.plan_count; i++) {
        const mr_former_plan *plan = &shard->past.plans[i];
        begin_shard_line(dump, shard, "plan");
        mr_buffer_printf(&dump->lines, "\t%016" PRIx64, plan->hash);
        mr_dump_number(dump, plan->next_offset);
        MR_TRY(mr_dump_end_line(dump));
    }
    for (size_t i = 0; i < shard->past.since_count; i++) {
        const mr_feature_since *since = &shard->past.since[i];
        begin_shard_line(dump, shard, "since");
        mr_dump_text(dump,
                     mr_text_from(shard->plan->operations[since->feature].spec.name));
        mr_dump_number(dump, since->offset);
        mr_dump_time(dump, since->time_ms);
        MR_TRY(mr_dump_end_line(dump));
    }
    return MR_OK;
}

/* Counts stand for the fingerprints, which follow the secret and not the log. */
static mr_status dump_dedup_of(mr_dump *dump, const mr_shard *shard)
{
    for (int span = 0; span < MR_DEDUP_CLASSES; span++) {
        const mr_dedup_bucket *buckets;
        const size_t count = mr_dedup_buckets(shard->dedup, (mr_dedup_class)span,
                                              mr_shard_watermark_ms(shard), &buckets);
        for (size_t i = 0; i < count; i++) {
            begin_shard_line(dump, shard, "dedup");
            mr_dump_text(dump, mr_text_from(mr_dedup_class_name((mr_dedup_class)span)));
            mr_dump_number(dump, buckets[i].number);
            mr_dump_number(dump, buckets[i].count);
            MR_TRY(mr_dump_end_line(dump));
        }
    }
    for (int span = 0; span < MR_DEDUP_CLASSES; span++) {
        const int64_t end_ms =
            mr_dedup_evicted_end_ms(shard->dedup, (mr_dedup_class)span);
        if (end_ms == MR_TIME_NONE)
            continue;
        begin_shard_line(dump, shard, "dedup_evicted");
        mr_dump_text(dump, mr_text_from(mr_dedup_class_name((mr_dedup_class)span)));
        mr_dump_number(dump, end_ms);
        MR_TRY(mr_dump_end_line(dump));
    }
    return MR_OK;
}

static mr_status dump_links_of(mr_dump *dump, const mr_shard *shard)
{
    const mr_links *links = &shard->links;
    begin_shard_line(dump, shard, "links");
    mr_dump_number(dump, (int64_t)links->last_sequence);
    MR_TRY(mr_dump_end_line(dump));
    for (size_t i = 0; i < links->mark_count; i++) {
        begin_shard_line(dump, shard, "mark");
        mr_dump_number(dump, links->marks[i].source);
        mr_dump_number(dump, (int64_t)links->marks[i].sequence);
        MR_TRY(mr_dump_end_line(dump));
    }
    return MR_OK;
}

static mr_status dump_counters_of(mr_dump *dump, const mr_shard *shard)
{
    const mr_shard_counters *c = &shard->counters;
    const mr_link_counters *l = &shard->links.counters;
    const struct {
        const char *name;
        uint64_t value;
    } counters[] = {
        {"first_offset", (uint64_t)c->first_offset},
        {"next_offset", (uint64_t)shard->next_offset},
        {"applied", c->applied},
        {"duplicate", c->duplicate},
        {"late", c->late},
        {"poison", c->poison},
        {"opted_out", c->opted_out},
        {"erased", c->erased},
        {"control", c->control},
        {"gap", c->gap},
        {"late_applied", c->late_applied},
        {"lines", c->lines},
        {"lines_applied", c->lines_applied},
        {"lines_duplicate", c->lines_duplicate},
        {"lines_late", c->lines_late},
        {"lines_opted_out", c->lines_opted_out},
        {"lines_erased", c->lines_erased},
        {"lines_moved_out", l->lines_moved_out},
        {"lines_moved_in", l->lines_moved_in},
    };
    for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
        begin_shard_line(dump, shard, counters[i].name);
        mr_dump_number(dump, (int64_t)counters[i].value);
        MR_TRY(mr_dump_end_line(dump));
    }
    begin_shard_line(dump, shard, "times");
    mr_dump_time(dump, shard->newest_ms);
    mr_dump_time(dump, mr_shard_watermark_ms(shard));
    return mr_dump_end_line(dump);
}

/* In order of the partitions, whatever the order they were given in. */
mr_status mr_dump_counters(mr_dump *dump)
{
    int64_t before = -1;
    for (size_t i = 0; i < dump->shard_count; i++) {
        const mr_shard *next = NULL;
        for (size_t s = 0; s < dump->shard_count; s++) {
            const mr_shard *shard = dump->shards[s];
            if (shard->partition > before &&
                (next == NULL || shard->partition < next->partition))
                next = shard;
        }
        MR_ASSERT(next != NULL);
        MR_TRY(dump_counters_of(dump, next));
        MR_TRY(dump_dedup_of(dump, next));
        MR_TRY(dump_links_of(dump, next));
        MR_TRY(dump_past_of(dump, next));
        before = next->partition;
    }
    return MR_OK;
}
