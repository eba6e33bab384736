#include "app/day_table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)

enum { PAGE_ROWS = 1000, NAMED_MAX = 5, DATE_BYTES = 10 };

void mr_day_table_deinit(mr_day_table *table)
{
    free(table->rows);
    mr_buffer_deinit(&table->ids);
    mr_buffer_deinit(&table->vectors);
    *table = (mr_day_table){0};
}

mr_text mr_day_table_id(const mr_day_table *table, size_t row)
{
    const mr_day_table_row *r = &table->rows[row];
    return (mr_text){(const char *)table->ids.bytes + r->id_at, r->id_length};
}

const float *mr_day_table_vector(const mr_day_table *table, size_t row)
{
    return (const float *)(const void *)table->vectors.bytes +
           table->rows[row].vector_at * table->width;
}

mr_status mr_day_table_add(mr_day_table *table, mr_day_table_row row, mr_text id,
                           const float *vector)
{
    if (table->count == table->capacity) {
        const size_t capacity = table->capacity == 0 ? 1024 : 2 * table->capacity;
        mr_day_table_row *rows = realloc(table->rows, capacity * sizeof(*rows));
        if (rows == NULL)
            return MR_ERR_NO_MEMORY;
        table->rows = rows;
        table->capacity = capacity;
    }
    row.id_at = table->ids.length;
    row.id_length = (uint8_t)id.length;
    row.vector_at = table->count;
    mr_buffer_put_text(&table->ids, id);
    mr_buffer_put(&table->vectors, vector, table->width * sizeof(*vector));
    table->rows[table->count++] = row;
    MR_TRY(mr_buffer_status(&table->ids));
    return mr_buffer_status(&table->vectors);
}

static mr_status add_rows(mr_day_table *table, const mr_day_rows *rows,
                          const uint8_t *labels)
{
    const mr_day_numbers *numbers = mr_day_rows_numbers(rows);
    mr_text *ids = mr_day_rows_ids(rows);
    mr_status status = ids != NULL ? MR_OK : MR_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < rows->count && status == MR_OK; i++)
        status = mr_day_table_add(
            table,
            (mr_day_table_row){.day = rows->day,
                               .last_purchase_ms = numbers[i].last_purchase_ms,
                               .offset = numbers[i].offset,
                               .partition = rows->partition,
                               .label = labels[i]},
            ids[i], mr_day_rows_vector(rows, i));
    free(ids);
    return status;
}

mr_status mr_day_table_add_file(mr_day_table *table, const mr_day_files *files,
                                const mr_plan *plan, uint32_t partition, int64_t day,
                                mr_error *ret_error)
{
    mr_day_rows rows = {0};
    uint32_t crc;
    const mr_status found =
        mr_day_files_read(files, partition, day, MR_DAY_ALL, &rows, &crc, ret_error);
    if (found == MR_ERR_NOT_FOUND)
        return MR_OK;
    MR_TRY(found);
    uint8_t *labels = malloc((size_t)rows.count + 1);
    mr_status status = labels != NULL ? MR_OK : MR_ERR_NO_MEMORY;
    if (status == MR_OK &&
        (rows.plan_hash != mr_plan_hash(plan) || rows.width != table->width))
        status = mr_error_set(ret_error, MR_ERR_INVALID,
                              "the day files were made with plan %016" PRIx64
                              ", this one is %016" PRIx64,
                              rows.plan_hash, mr_plan_hash(plan));
    if (status == MR_OK)
        status = mr_day_files_labels_of(files, &rows, crc, labels, ret_error);
    if (status == MR_OK)
        status = add_rows(table, &rows, labels);
    free(labels);
    mr_day_rows_deinit(&rows);
    return status;
}

/* ---- order ---- */

static int compare_texts(mr_text a, mr_text b)
{
    const uint32_t shorter = a.length < b.length ? a.length : b.length;
    const int order = memcmp(a.bytes, b.bytes, shorter);
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

static int compare_keys(const mr_day_table_row *a, const uint8_t *a_ids,
                        const mr_day_table_row *b, const uint8_t *b_ids)
{
    if (a->day != b->day)
        return a->day < b->day ? -1 : 1;
    if (a->partition != b->partition)
        return a->partition < b->partition ? -1 : 1;
    return compare_texts((mr_text){(const char *)a_ids + a->id_at, a->id_length},
                         (mr_text){(const char *)b_ids + b->id_at, b->id_length});
}

static int compare_rows(const void *a, const void *b, void *ids)
{
    return compare_keys(a, ids, b, ids);
}

void mr_day_table_order(mr_day_table *table)
{
    if (table->count > 0)
        qsort_r(table->rows, table->count, sizeof(*table->rows), compare_rows,
                table->ids.bytes);
}

/* ---- writing ---- */

static void put_row(const mr_day_table *table, size_t row, const mr_plan *plan,
                    mr_json_writer *writer)
{
    const mr_day_table_row *r = &table->rows[row];
    const float *vector = mr_day_table_vector(table, row);
    char time[MR_TIME_TEXT_BYTES];
    mr_time_to_text(r->day * DAY_MS, time);
    mr_json_begin_object(writer);
    mr_json_key(writer, "day");
    mr_json_put_text(writer, (mr_text){time, DATE_BYTES});
    mr_json_key(writer, "user_id");
    mr_json_put_text(writer, mr_day_table_id(table, row));
    mr_json_key(writer, "offset");
    mr_json_put_int(writer, r->offset);
    for (uint32_t c = 0; c < table->width; c++) {
        mr_json_key(writer, mr_plan_vector_column(plan, c)->name);
        mr_json_put_double(writer, (double)vector[c]);
    }
    mr_json_key(writer, "last_purchase");
    if (r->last_purchase_ms == MR_TIME_NONE)
        mr_json_put_null(writer);
    else
        mr_json_put_int(writer, r->last_purchase_ms);
    mr_json_key(writer, "label");
    if (r->label == MR_LABEL_UNKNOWN)
        mr_json_put_null(writer);
    else
        mr_json_put_int(writer, r->label);
    mr_json_end_object(writer);
}

static mr_status write_page(const mr_day_table *table, size_t first, size_t last,
                            const mr_plan *plan, mr_table_rows *lines)
{
    mr_buffer text = {0};
    mr_json *document = NULL;
    mr_json_writer writer = mr_json_writer_of(&text);
    mr_json_begin_array(&writer);
    for (size_t i = first; i < last; i++)
        put_row(table, i, plan, &writer);
    mr_json_end_array(&writer);
    mr_status status = mr_buffer_status(&text);
    if (status == MR_OK)
        status = mr_json_parse((mr_text){(const char *)text.bytes, (uint32_t)text.length},
                               &document, NULL);
    if (status == MR_OK)
        status = mr_table_rows_put(lines, mr_json_root(document));
    mr_json_destroy(document);
    mr_buffer_deinit(&text);
    return status;
}

mr_status mr_day_table_write(const mr_day_table *table, const mr_plan *plan,
                             mr_table_rows *lines)
{
    for (size_t i = 0; i < table->count; i += PAGE_ROWS) {
        const size_t left = table->count - i;
        MR_TRY(
            write_page(table, i, i + (left < PAGE_ROWS ? left : PAGE_ROWS), plan, lines));
    }
    return MR_OK;
}

/* ---- comparing ---- */

typedef struct comparing {
    const mr_day_table *files;
    const mr_day_table *log;
    const mr_plan *plan;
    mr_buffer *report;
    mr_day_comparison result;
} comparing;

/* Returns whether there is room for a line more; it then begins with the row. */
static bool name_row(comparing *c, const mr_day_table *table, size_t row)
{
    char time[MR_TIME_TEXT_BYTES];
    const mr_day_table_row *r = &table->rows[row];
    if (c->result.mismatch++ >= NAMED_MAX)
        return false;
    mr_time_to_text(r->day * DAY_MS, time);
    mr_buffer_printf(c->report, "%.10s partition %" PRIu32 " user %.*s: ", time,
                     r->partition, MR_TEXT_ARG(mr_day_table_id(table, row)));
    return true;
}

static void name_missing(comparing *c, const mr_day_table *table, size_t row)
{
    if (name_row(c, table, row))
        mr_buffer_printf(c->report, "only in the %s\n",
                         table == c->log ? "log" : "day file");
}

static void compare_row(comparing *c, size_t f, size_t l)
{
    const mr_day_table_row *file = &c->files->rows[f];
    const mr_day_table_row *log = &c->log->rows[l];
    const float *a = mr_day_table_vector(c->files, f);
    const float *b = mr_day_table_vector(c->log, l);
    uint32_t column = 0;
    while (column < c->files->width && memcmp(a + column, b + column, sizeof(*a)) == 0)
        column++;
    if (file->offset == log->offset && file->label == log->label &&
        file->last_purchase_ms == log->last_purchase_ms && column == c->files->width)
        return;
    if (!name_row(c, c->files, f))
        return;
    mr_buffer_printf(c->report,
                     "offset %" PRId64 ", last purchase %" PRId64
                     ", label %d; of the log %" PRId64 ", %" PRId64 ", %d",
                     file->offset, file->last_purchase_ms, file->label, log->offset,
                     log->last_purchase_ms, log->label);
    if (column < c->files->width)
        mr_buffer_printf(c->report, "; %s %g and %g",
                         mr_plan_vector_column(c->plan, column)->name, (double)a[column],
                         (double)b[column]);
    mr_buffer_put_u8(c->report, '\n');
}

mr_day_comparison mr_day_table_compare(const mr_day_table *files, const mr_day_table *log,
                                       const mr_plan *plan, mr_buffer *report)
{
    comparing c = {.files = files, .log = log, .plan = plan, .report = report};
    size_t f = 0;
    size_t l = 0;
    while (f < files->count || l < log->count) {
        const int order = f == files->count ? 1
                          : l == log->count
                              ? -1
                              : compare_keys(&files->rows[f], files->ids.bytes,
                                             &log->rows[l], log->ids.bytes);
        c.result.rows++;
        if (order < 0)
            name_missing(&c, files, f);
        else if (order > 0)
            name_missing(&c, log, l);
        else
            compare_row(&c, f, l);
        f += order <= 0;
        l += order >= 0;
    }
    return c.result;
}
