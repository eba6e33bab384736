#include "app/sales_groups.h"

#include <stdlib.h>

typedef struct group {
    mr_text word; /* empty: an hour, or none */
    uint32_t hour;
    mr_commerce_sums sums;
} group;

static int64_t revenue_of(const group *g)
{
    return mr_commerce_revenue_minor(&g->sums);
}

static int by_name(const void *a, const void *b)
{
    const group *x = a;
    const group *y = b;
    const int order = mr_text_compare(x->word, y->word);
    return order != 0 ? order : (x->hour > y->hour) - (x->hour < y->hour);
}

static int by_revenue(const void *a, const void *b)
{
    const int64_t x = revenue_of(a);
    const int64_t y = revenue_of(b);
    return x != y ? (x < y) - (x > y) : by_name(a, b);
}

static mr_commerce_sums sums_of(const int64_t values[MR_TALLY_VALUES])
{
    return (mr_commerce_sums){
        .purchases_minor = values[MR_SALES_PURCHASES],
        .refunds_minor = values[MR_SALES_REFUNDS],
        .purchase_lines = (uint64_t)values[MR_SALES_PURCHASE_LINES],
        .refund_lines = (uint64_t)values[MR_SALES_REFUND_LINES],
        .orders = (uint64_t)values[MR_SALES_ORDERS],
    };
}

/* The rows of these days, one group for each word or hour, by name. */
static size_t gather(const mr_census *census, mr_sales_by by, int64_t first, int64_t last,
                     group *groups)
{
    size_t count = 0;
    size_t kept = 0;
    for (size_t s = 0; s < census->count; s++) {
        const mr_tally *sales = mr_shard_sales(census->shards[s]);
        for (size_t i = 0; i < sales->count; i++) {
            const mr_tally_row *row = &sales->rows[i];
            const uint32_t what = row->key[MR_SALES_WHAT];
            const bool is_word = by != MR_SALES_BY_HOUR && what > 0;
            if (row->key[MR_SALES_BY] != (uint32_t)by || row->key[MR_SALES_DAY] < first ||
                row->key[MR_SALES_DAY] > last)
                continue;
            group *g = &groups[count++];
            g->word = is_word ? mr_shard_word(census->shards[s], what - 1) : (mr_text){0};
            g->hour = by == MR_SALES_BY_HOUR ? what : 0;
            g->sums = sums_of(row->values);
        }
    }
    if (count > 0)
        qsort(groups, count, sizeof(*groups), by_name);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || by_name(&groups[kept - 1], &groups[i]) != 0) {
            groups[kept++] = groups[i];
            continue;
        }
        mr_commerce_sums_add(&groups[kept - 1].sums, &groups[i].sums);
    }
    return kept;
}

void mr_sales_sums_write(const mr_commerce_sums *sums, mr_json_writer *writer)
{
    const int64_t revenue = mr_commerce_revenue_minor(sums);
    mr_json_member_money(writer, "revenue", revenue, MR_MINOR_DIGITS);
    mr_json_member_money(writer, "purchases", sums->purchases_minor, MR_MINOR_DIGITS);
    mr_json_member_money(writer, "refunds", sums->refunds_minor, MR_MINOR_DIGITS);
    mr_json_member_uint(writer, "orders", sums->orders);
    mr_json_member_uint(writer, "lines", sums->purchase_lines);
    mr_json_key(writer, "order_value");
    if (sums->orders == 0)
        mr_json_put_null(writer);
    else
        mr_json_put_money(writer, revenue / (int64_t)sums->orders, MR_MINOR_DIGITS);
}

static void put_group(mr_json_writer *writer, mr_sales_by by, const group *g)
{
    mr_json_begin_object(writer);
    mr_json_key(writer, mr_sales_by_name(by));
    if (by == MR_SALES_BY_HOUR)
        mr_json_put_uint(writer, g->hour);
    else if (g->word.length > 0)
        mr_json_put_text(writer, g->word);
    else
        mr_json_put_null(writer);
    mr_sales_sums_write(&g->sums, writer);
    mr_json_end_object(writer);
}

mr_status mr_sales_groups_write(const mr_census *census, mr_sales_by by, int64_t first,
                                int64_t last, mr_json_writer *writer)
{
    size_t room = 1;
    for (size_t s = 0; s < census->count; s++)
        room += mr_shard_sales(census->shards[s])->count;
    group *groups = calloc(room, sizeof(*groups));
    if (groups == NULL)
        return MR_ERR_NO_MEMORY;
    const size_t count = gather(census, by, first, last, groups);
    if (count > 0 && by != MR_SALES_BY_HOUR)
        qsort(groups, count, sizeof(*groups), by_revenue);
    mr_json_member_string(writer, "by", mr_sales_by_name(by));
    mr_json_key(writer, "groups");
    mr_json_begin_array(writer);
    for (size_t i = 0; i < count; i++)
        put_group(writer, by, &groups[i]);
    mr_json_end_array(writer);
    free(groups);
    return MR_OK;
}
