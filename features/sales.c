#include "features/sales.h"

#include "core/assert.h"

enum { CATEGORY = 0 }; /* of MR_ITEM_WORD_FIELDS */

const char *mr_sales_by_name(mr_sales_by by)
{
    static const char *const names[MR_SALES_BYS] = {"hour", "category", "channel"};
    MR_ASSERT(by < MR_SALES_BYS);
    return names[by];
}

static uint32_t category_of(const mr_item_words *words, const mr_sale *sale)
{
    if (sale->category != MR_ID_NONE || sale->item == MR_ID_NONE)
        return sale->category + 1;
    return mr_item_words_get(words, sale->item, CATEGORY) + 1;
}

void mr_sales_apply(mr_tally *sales, const mr_item_words *words, const mr_event *event,
                    const mr_sale *sale)
{
    const bool is_refund = event->type == MR_EVENT_REFUND;
    if (event->type != MR_EVENT_PURCHASE && !is_refund)
        return;
    const uint32_t what[MR_SALES_BYS] = {
        [MR_SALES_BY_HOUR] = (uint32_t)(sale->local_ms / INT64_C(3600000) % INT64_C(24)),
        [MR_SALES_BY_CATEGORY] = category_of(words, sale),
        [MR_SALES_BY_CHANNEL] = sale->channel + 1,
    };
    mr_tally_row one = {.key = {[MR_SALES_DAY] = (uint32_t)mr_time_day(sale->local_ms)}};
    one.values[is_refund ? MR_SALES_REFUNDS : MR_SALES_PURCHASES] = event->value_minor;
    one.values[is_refund ? MR_SALES_REFUND_LINES : MR_SALES_PURCHASE_LINES] = 1;
    one.values[MR_SALES_ORDERS] = !is_refund && sale->is_new_order;
    for (uint32_t by = 0; by < MR_SALES_BYS; by++) {
        one.key[MR_SALES_BY] = by;
        one.key[MR_SALES_WHAT] = what[by];
        mr_tally_add(sales, &one);
    }
}
