/*
 * Sales: what was sold on each day by the hour, by category and by channel.
 *
 * Each of the three adds up to the day's purchases and refunds (features/commerce.h).  A line is
 * of the category it names, else of the one that events last said of its item; what names none
 * counts under none.
 *
 * Units      Days and hours of the plan's zone; money in minor units of the reporting currency.
 * Ownership  Plain values in the shard.
 * Threads    The shard's owner.
 * Cost       A purchase or refund: three searches.  Another event: a comparison.
 */
#ifndef MR_FEATURES_SALES_H
#define MR_FEATURES_SALES_H

#include "core/event.h"
#include "features/item_words.h"
#include "features/shard.h"
#include "features/tally.h"

/* The key of a row; the fourth number is 0. */
typedef enum mr_sales_key {
    MR_SALES_DAY = 0, /* since the epoch */
    MR_SALES_BY,      /* mr_sales_by */
    MR_SALES_WHAT,    /* the hour, or a word's number + 1; 0: none */
} mr_sales_key;

typedef enum mr_sales_by {
    MR_SALES_BY_HOUR = 0,
    MR_SALES_BY_CATEGORY,
    MR_SALES_BY_CHANNEL,
    MR_SALES_BYS,
} mr_sales_by;

typedef enum mr_sales_value {
    MR_SALES_PURCHASES = 0, /* minor units */
    MR_SALES_REFUNDS,       /* the same */
    MR_SALES_PURCHASE_LINES,
    MR_SALES_REFUND_LINES,
    MR_SALES_ORDERS,
} mr_sales_value;

/* What an event's sales are counted under. */
typedef struct mr_sale {
    int64_t local_ms;  /* of the plan's zone */
    uint32_t category; /* of the event, a word's number; MR_ID_NONE */
    uint32_t channel;  /* the same */
    uint32_t item;     /* MR_ID_NONE */
    bool is_new_order;
} mr_sale;

const char *mr_sales_by_name(mr_sales_by by); /* "hour" */

/* Count an event for which there is room for MR_SALES_BYS rows. */
void mr_sales_apply(mr_tally *sales, const mr_item_words *words, const mr_event *event,
                    const mr_sale *sale);

/* The shard's rows, and the text of a word; lent until the next batch. */
const mr_tally *mr_shard_sales(const mr_shard *shard);
mr_text mr_shard_word(const mr_shard *shard, uint32_t number);
uint32_t mr_shard_word_count(const mr_shard *shard);

#endif
