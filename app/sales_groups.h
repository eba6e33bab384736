/*
 * Sales groups: what was sold in some days by the hour, by category or by channel.
 *
 * Units      Days of the plan's zone; money in major units.
 * Ownership  Borrows the census.
 * Threads    As app/census.h.
 * Cost       A walk over the rows of all days.
 */
#ifndef MR_APP_SALES_GROUPS_H
#define MR_APP_SALES_GROUPS_H

#include "app/census.h"
#include "features/commerce.h"
#include "features/sales.h"

/* The members of an object: revenue, purchases, refunds, orders, lines, order_value. */
void mr_sales_sums_write(const mr_commerce_sums *sums, mr_json_writer *writer);

/* The members "by" and "groups", those with the most revenue first, of hours in their order; days
 * from `first` to `last`. */
MR_MUST_USE mr_status mr_sales_groups_write(const mr_census *census, mr_sales_by by,
                                            int64_t first, int64_t last,
                                            mr_json_writer *writer);

#endif
