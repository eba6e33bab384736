#include "models/transactions.h"

#include "core/buffer.h"
#include "core/file.h"
#include "core/id_table.h"
#include "models/csv_reader.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    DAY_MS = 86400000,
    CDNOW_FIELDS_MAX = 5, /* the published sample carries a second customer number */
    NAME_BYTES = 32,
};

/* A line of the file. */
typedef struct line {
    uint32_t customer;
    int32_t day;
    double units;
    double value;
} line;

struct mr_transactions {
    mr_id_table *ids;
    uint32_t *order; /* customer -> index in ids */
    uint32_t *rank;  /* index in ids -> customer */
    uint32_t customers;
    size_t *first; /* customers + 1: where each one's purchases begin */
    mr_purchase *purchases;
    line *lines; /* while reading */
    size_t line_count;
    size_t line_capacity;
    size_t left_out;
    int32_t first_day;
    int32_t last_day;
};

mr_status mr_transactions_format_parse(mr_text text, mr_transactions_format *ret_format)
{
    if (mr_text_is(text, "cdnow"))
        *ret_format = MR_TRANSACTIONS_CDNOW;
    else if (mr_text_is(text, "csv"))
        *ret_format = MR_TRANSACTIONS_CSV;
    else
        return MR_ERR_INVALID;
    return MR_OK;
}

/* A date, a date with a time, YYYYMMDD, or seconds or milliseconds since 1970. */
static mr_status parse_day(mr_text text, int32_t *ret_day)
{
    int64_t number = 0;
    int64_t ms = 0;
    if (mr_text_to_int64(text, &number) == MR_OK) {
        if (text.length == 8) {
            const char *d = text.bytes;
            const char dashed[10] = {d[0], d[1], d[2], d[3], '-',
                                     d[4], d[5], '-',  d[6], d[7]};
            MR_TRY(mr_text_to_time_ms((mr_text){.bytes = dashed, .length = 10}, &ms));
        } else if (text.length == 10) {
            ms = number * 1000;
        } else if (text.length == 13) {
            ms = number;
        } else {
            return MR_ERR_CORRUPT;
        }
    } else {
        MR_TRY(mr_text_to_time_ms(text, &ms));
    }
    const int64_t day = mr_time_day(ms);
    if (day < INT32_MIN / 4 || day > INT32_MAX / 4)
        return MR_ERR_CORRUPT;
    *ret_day = (int32_t)day;
    return MR_OK;
}

static mr_status add_line(mr_transactions *t, mr_text customer, int32_t day, double units,
                          double value)
{
    if (customer.length == 0 || units <= 0.0) {
        t->left_out++;
        return MR_OK;
    }
    if (t->line_count == t->line_capacity) {
        const size_t capacity = t->line_capacity > 0 ? 2 * t->line_capacity : 4096;
        line *lines = realloc(t->lines, capacity * sizeof(*lines));
        if (lines == NULL)
            return MR_ERR_NO_MEMORY;
        t->lines = lines;
        t->line_capacity = capacity;
    }
    uint32_t index = 0;
    MR_TRY(mr_id_table_put(t->ids, customer, &index));
    t->lines[t->line_count++] =
        (line){.customer = index, .day = day, .units = units, .value = value};
    return MR_OK;
}

/* Fields between blanks. */
static uint32_t split_blanks(mr_text text, mr_text *ret_fields, uint32_t fields_max)
{
    uint32_t count = 0;
    uint32_t i = 0;
    while (i < text.length) {
        while (i < text.length && isspace((unsigned char)text.bytes[i]))
            i++;
        const uint32_t first = i;
        while (i < text.length && !isspace((unsigned char)text.bytes[i]))
            i++;
        if (i == first)
            break;
        if (count == fields_max)
            return fields_max + 1;
        ret_fields[count++] = (mr_text){.bytes = text.bytes + first, .length = i - first};
    }
    return count;
}

static mr_status parse_cdnow_line(mr_transactions *t, mr_text text, uint32_t number,
                                  mr_error *ret_error)
{
    mr_text fields[CDNOW_FIELDS_MAX];
    const uint32_t count = split_blanks(text, fields, CDNOW_FIELDS_MAX);
    if (count == 0)
        return MR_OK;
    int32_t day = 0;
    double units = 0.0;
    double value = 0.0;
    const bool parses = (count == 4 || count == 5) &&
                        parse_day(fields[count - 3], &day) == MR_OK &&
                        mr_text_to_double(fields[count - 2], &units) == MR_OK &&
                        mr_text_to_double(fields[count - 1], &value) == MR_OK;
    if (parses)
        return add_line(t, fields[0], day, units, value);
    if (number == 1)
        return MR_OK; /* a heading */
    return mr_error_set(ret_error, MR_ERR_CORRUPT,
                        "line %u: not \"customer date units value\"", number);
}

static mr_status parse_cdnow(mr_transactions *t, mr_text text, mr_error *ret_error)
{
    uint32_t number = 1;
    for (uint32_t first = 0; first < text.length; number++) {
        const char *end = memchr(text.bytes + first, '\n', text.length - first);
        const uint32_t length =
            end != NULL ? (uint32_t)(end - text.bytes) - first : text.length - first;
        MR_TRY(parse_cdnow_line(t,
                                (mr_text){.bytes = text.bytes + first, .length = length},
                                number, ret_error));
        first += length + 1;
    }
    return MR_OK;
}

/* ---- csv ---- */

typedef struct csv_columns {
    uint32_t customer, date, quantity, value, price; /* MR_ID_NONE: not there */
    uint32_t count;
} csv_columns;

/* Lower-case letters and digits alone: "Customer ID", "customer_id" and "CustomerID" are one. */
static void plain_name(mr_text name, char *ret_plain)
{
    uint32_t length = 0;
    for (uint32_t i = 0; i < name.length && length < NAME_BYTES - 1; i++)
        if (isalnum((unsigned char)name.bytes[i]))
            ret_plain[length++] = (char)tolower((unsigned char)name.bytes[i]);
    ret_plain[length] = '\0';
}

/* The column under the first of `names` that the header has. */
static uint32_t find_column(const mr_csv_row *header, const char *const *names)
{
    for (; *names != NULL; names++)
        for (uint32_t c = 0; c < header->count; c++) {
            char plain[NAME_BYTES];
            plain_name(header->fields[c], plain);
            if (strcmp(plain, *names) == 0)
                return c;
        }
    return MR_ID_NONE;
}

static mr_status find_columns(const mr_csv_row *header, csv_columns *ret_columns,
                              mr_error *ret_error)
{
    static const char *const customers[] = {
        "customer", "customerid", "customerkey", "user",  "userid", "client",
        "clientid", "memberid",   "buyerid",     "buyer", "id",     NULL};
    static const char *const dates[] = {"date",      "day",          "invoicedate",
                                        "orderdate", "purchasedate", "transactiondate",
                                        "timestamp", "time",         "datetime",
                                        "createdat", "eventtime",    NULL};
    static const char *const quantities[] = {"quantity",    "qty",   "units",
                                             "numberofcds", "items", NULL};
    static const char *const values[] = {
        "value",   "amount", "total", "totalprice",  "totalvalue", "totalamount",
        "revenue", "sales",  "spend", "dollarvalue", "linetotal",  NULL};
    static const char *const prices[] = {"unitprice", "price", NULL};
    *ret_columns = (csv_columns){.customer = find_column(header, customers),
                                 .date = find_column(header, dates),
                                 .quantity = find_column(header, quantities),
                                 .value = find_column(header, values),
                                 .price = find_column(header, prices),
                                 .count = header->count};
    if (ret_columns->customer == MR_ID_NONE)
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "line 1: no customer column (such as customer_id)");
    if (ret_columns->date == MR_ID_NONE)
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "line 1: no date column (such as date or order_date)");
    if (ret_columns->value == MR_ID_NONE && ret_columns->price == MR_ID_NONE)
        return mr_error_set(
            ret_error, MR_ERR_CORRUPT,
            "line 1: no value column (such as value, amount or unit_price)");
    return MR_OK;
}

static mr_status parse_csv_row(mr_transactions *t, const csv_columns *columns,
                               const mr_csv_row *row, mr_error *ret_error)
{
    if (row->count != columns->count)
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "line %u: %u fields, the header has %u", row->line,
                            row->count, columns->count);
    int32_t day = 0;
    double units = 1.0;
    double value = 0.0;
    if (parse_day(mr_csv_trim(row->fields[columns->date]), &day) != MR_OK)
        return mr_error_set(ret_error, MR_ERR_CORRUPT, "line %u: \"%.*s\" is not a date",
                            row->line, MR_TEXT_ARG(row->fields[columns->date]));
    if (columns->quantity != MR_ID_NONE &&
        mr_text_to_double(mr_csv_trim(row->fields[columns->quantity]), &units) != MR_OK)
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "line %u: \"%.*s\" is not a quantity", row->line,
                            MR_TEXT_ARG(row->fields[columns->quantity]));
    const bool total = columns->value != MR_ID_NONE;
    const mr_text money = row->fields[total ? columns->value : columns->price];
    if (mr_text_to_double(mr_csv_trim(money), &value) != MR_OK)
        return mr_error_set(ret_error, MR_ERR_CORRUPT, "line %u: \"%.*s\" is not a value",
                            row->line, MR_TEXT_ARG(money));
    return add_line(t, mr_csv_trim(row->fields[columns->customer]), day, units,
                    total ? value : value * units);
}

static mr_status parse_csv_rows(mr_transactions *t, mr_csv_reader *reader,
                                mr_csv_row *row, mr_error *ret_error)
{
    mr_status status = mr_csv_reader_next(reader, row, ret_error);
    if (status == MR_ERR_NOT_FOUND)
        return mr_error_set(ret_error, MR_ERR_CORRUPT, "line 1: the file is empty");
    MR_TRY(status);
    csv_columns columns;
    MR_TRY(find_columns(row, &columns, ret_error));
    while ((status = mr_csv_reader_next(reader, row, ret_error)) == MR_OK)
        MR_TRY(parse_csv_row(t, &columns, row, ret_error));
    return status == MR_ERR_NOT_FOUND ? MR_OK : status;
}

static mr_status parse_csv(mr_transactions *t, mr_text text, mr_error *ret_error)
{
    mr_csv_reader reader;
    MR_TRY(mr_csv_reader_init(text, &reader));
    mr_csv_row *row = malloc(sizeof(*row));
    const mr_status status =
        row != NULL ? parse_csv_rows(t, &reader, row, ret_error) : MR_ERR_NO_MEMORY;
    free(row);
    mr_csv_reader_deinit(&reader);
    return status;
}

/* ---- the store ---- */

static int by_customer_and_day(const void *left, const void *right)
{
    const line *a = left;
    const line *b = right;
    if (a->customer != b->customer)
        return (a->customer > b->customer) - (a->customer < b->customer);
    if (a->day != b->day)
        return (a->day > b->day) - (a->day < b->day);
    /* Sums of floats must not depend on how the sort leaves equal lines. */
    if (a->value != b->value)
        return (a->value > b->value) - (a->value < b->value);
    return (a->units > b->units) - (a->units < b->units);
}

typedef struct named_index {
    mr_text id;
    uint32_t index;
} named_index;

static int by_id(const void *left, const void *right)
{
    return mr_text_compare(((const named_index *)left)->id,
                           ((const named_index *)right)->id);
}

static mr_status order_customers(mr_transactions *t)
{
    const uint32_t count = mr_id_table_count(t->ids);
    named_index *sorted = malloc(count * sizeof(*sorted));
    t->order = malloc(count * sizeof(*t->order));
    t->rank = malloc(count * sizeof(*t->rank));
    if (sorted == NULL || t->order == NULL || t->rank == NULL) {
        free(sorted);
        return MR_ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++)
        sorted[i] = (named_index){.id = mr_id_table_id(t->ids, i), .index = i};
    qsort(sorted, count, sizeof(*sorted), by_id);
    for (uint32_t customer = 0; customer < count; customer++) {
        t->order[customer] = sorted[customer].index;
        t->rank[sorted[customer].index] = customer;
    }
    free(sorted);
    t->customers = count;
    return MR_OK;
}

/* Lines to purchase days, customer by customer. */
static mr_status gather(mr_transactions *t, mr_error *ret_error)
{
    if (t->line_count == 0)
        return mr_error_set(ret_error, MR_ERR_CORRUPT, "no purchase in the file");
    MR_TRY(order_customers(t));
    for (size_t i = 0; i < t->line_count; i++)
        t->lines[i].customer = t->rank[t->lines[i].customer];
    qsort(t->lines, t->line_count, sizeof(*t->lines), by_customer_and_day);
    t->first = malloc(((size_t)t->customers + 1) * sizeof(*t->first));
    t->purchases = malloc(t->line_count * sizeof(*t->purchases));
    if (t->first == NULL || t->purchases == NULL)
        return MR_ERR_NO_MEMORY;
    t->first_day = INT32_MAX;
    t->last_day = INT32_MIN;
    size_t count = 0;
    for (size_t i = 0; i < t->line_count; i++) {
        const line *l = &t->lines[i];
        const bool first_of_customer = i == 0 || l->customer != t->lines[i - 1].customer;
        if (first_of_customer)
            t->first[l->customer] = count;
        if (first_of_customer || l->day != t->lines[i - 1].day)
            t->purchases[count++] = (mr_purchase){.day = l->day};
        mr_purchase *purchase = &t->purchases[count - 1];
        purchase->lines++;
        purchase->units += l->units;
        purchase->value += l->value;
        t->first_day = l->day < t->first_day ? l->day : t->first_day;
        t->last_day = l->day > t->last_day ? l->day : t->last_day;
    }
    t->first[t->customers] = count;
    free(t->lines);
    t->lines = NULL;
    return MR_OK;
}

mr_status mr_transactions_parse(mr_text text, mr_transactions_format format,
                                mr_transactions **ret_transactions, mr_error *ret_error)
{
    mr_transactions *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return MR_ERR_NO_MEMORY;
    mr_hash_key key;
    mr_hash_key_init(&key, NULL, 0);
    mr_status status = mr_id_table_create(&key, &t->ids);
    if (status == MR_OK)
        status = format == MR_TRANSACTIONS_CDNOW ? parse_cdnow(t, text, ret_error)
                                                 : parse_csv(t, text, ret_error);
    if (status == MR_OK)
        status = gather(t, ret_error);
    if (status != MR_OK) {
        mr_transactions_destroy(t);
        return status;
    }
    *ret_transactions = t;
    return MR_OK;
}

mr_status mr_transactions_read(const char *path, mr_transactions_format format,
                               mr_transactions **ret_transactions, mr_error *ret_error)
{
    mr_file_map map = {0};
    MR_TRY(mr_file_map_open(path, &map, ret_error));
    mr_status status = MR_OK;
    if (map.bytes >= UINT32_MAX)
        status = mr_error_set(ret_error, MR_ERR_INVALID, "%s: larger than 4 GiB", path);
    mr_error reason = {{0}};
    if (status == MR_OK) {
        const mr_text text = {.bytes = map.data, .length = (uint32_t)map.bytes};
        status = mr_transactions_parse(text, format, ret_transactions, &reason);
        if (status != MR_OK)
            (void)mr_error_set(ret_error, status, "%s: %.180s", path, reason.message);
    }
    mr_file_map_close(&map);
    return status;
}

void mr_transactions_destroy(mr_transactions *transactions)
{
    if (transactions == NULL)
        return;
    mr_id_table_destroy(transactions->ids);
    free(transactions->order);
    free(transactions->rank);
    free(transactions->first);
    free(transactions->purchases);
    free(transactions->lines);
    free(transactions);
}

uint32_t mr_transactions_customers(const mr_transactions *transactions)
{
    return transactions->customers;
}

mr_text mr_transactions_id(const mr_transactions *transactions, uint32_t customer)
{
    return mr_id_table_id(transactions->ids, transactions->order[customer]);
}

size_t mr_transactions_lines(const mr_transactions *transactions)
{
    return transactions->line_count;
}

size_t mr_transactions_left_out(const mr_transactions *transactions)
{
    return transactions->left_out;
}

int32_t mr_transactions_first_day(const mr_transactions *transactions)
{
    return transactions->first_day;
}

int32_t mr_transactions_last_day(const mr_transactions *transactions)
{
    return transactions->last_day;
}

const mr_purchase *mr_transactions_of(const mr_transactions *transactions,
                                      uint32_t customer, size_t *ret_count)
{
    const size_t first = transactions->first[customer];
    *ret_count = transactions->first[customer + 1] - first;
    return transactions->purchases + first;
}
