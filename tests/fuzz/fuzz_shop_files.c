/*
 * Fuzz: the files a person hands to `evaluate churn`, as a table and as transactions.
 *
 * Whatever the bytes, each reader refuses them or gives something whole: labels of 0 and 1 both
 * present, a name for every column, purchase days that rise, features that are
 * numbers.
 */
#include "core/assert.h"
#include "models/purchase_features.h"
#include "models/table.h"

#include <math.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_table(const mr_table *table)
{
    size_t positives = 0;
    for (size_t row = 0; row < mr_table_rows(table); row++) {
        MR_ASSERT(mr_table_labels(table)[row] <= 1);
        positives += mr_table_labels(table)[row];
    }
    MR_ASSERT(positives > 0);
    MR_ASSERT(positives < mr_table_rows(table));
    for (uint32_t c = 0; c < mr_table_columns(table); c++)
        MR_ASSERT(mr_table_column_name(table, c) != NULL);
    MR_ASSERT(mr_table_notes(table) != NULL);
}

static void check_transactions(const mr_transactions *transactions)
{
    for (uint32_t c = 0; c < mr_transactions_customers(transactions); c++) {
        size_t count = 0;
        const mr_purchase *purchases = mr_transactions_of(transactions, c, &count);
        MR_ASSERT(count > 0);
        for (size_t i = 1; i < count; i++)
            MR_ASSERT(purchases[i - 1].day < purchases[i].day);
        float row[MR_PURCHASE_FEATURES];
        const mr_status status = mr_purchase_features_at(
            transactions, c, mr_transactions_last_day(transactions), row);
        MR_ASSERT(status == MR_OK);
        for (int f = 0; f < MR_PURCHASE_FEATURES; f++)
            MR_ASSERT(!isnan(row[f]));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > UINT32_MAX)
        return 0;
    const mr_text text = {.bytes = (const char *)data, .length = (uint32_t)size};
    mr_table *table = NULL;
    if (mr_table_parse(text, MR_TEXT("left"), MR_TEXT("Yes"), &table, NULL) == MR_OK)
        check_table(table);
    mr_table_destroy(table);
    for (int format = MR_TRANSACTIONS_CDNOW; format <= MR_TRANSACTIONS_CSV; format++) {
        mr_transactions *transactions = NULL;
        if (mr_transactions_parse(text, (mr_transactions_format)format, &transactions,
                                  NULL) == MR_OK)
            check_transactions(transactions);
        mr_transactions_destroy(transactions);
    }
    return 0;
}
