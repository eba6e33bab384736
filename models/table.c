#include "models/table.h"

#include "core/buffer.h"
#include "core/file.h"
#include "core/id_table.h"
#include "models/csv_reader.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* Fewer rows say nothing about whether a column is an id. */
    ID_ROWS_MIN = 50,
    /* Distinct values kept a field; a text column with more is dropped as id-like. */
    DISTINCT_MAX = 1 << 20,
};

typedef enum field_kind { FIELD_DROPPED, FIELD_NUMERIC, FIELD_CATEGORICAL } field_kind;

/* What a field of the file became. */
typedef struct field {
    char *name;
    field_kind kind;
    mr_id_table *values; /* distinct known values        */
    uint32_t *counts;    /* of each                      */
    uint32_t counts_capacity;
    size_t missing;
    bool numeric; /* all known values parse          */
    bool whole;   /* all are whole numbers           */
    bool negative;
    uint32_t first;       /* column                        */
    bool log;             /* a log column follows          */
    bool pooled;          /* the last level is "any other" */
    uint32_t *levels;     /* value index -> level          */
    uint32_t level_count; /* columns of a categorical      */
} field;

struct mr_table {
    field *fields;
    uint32_t field_count;
    uint32_t target;
    size_t rows;
    uint32_t columns;
    char **names;
    float *values;
    uint8_t *labels;
    mr_buffer notes;
};

static bool is_missing(mr_text value)
{
    static const char *const words[] = {"NA",   "N/A",  "n/a",  "na",   "NaN", "nan",
                                        "null", "NULL", "None", "none", "?",   NULL};
    if (value.length == 0)
        return true;
    for (const char *const *word = words; *word != NULL; word++)
        if (mr_text_is(value, *word))
            return true;
    return false;
}

void mr_table_destroy(mr_table *table)
{
    if (table == NULL)
        return;
    for (uint32_t f = 0; table->fields != NULL && f < table->field_count; f++) {
        free(table->fields[f].name);
        mr_id_table_destroy(table->fields[f].values);
        free(table->fields[f].counts);
        free(table->fields[f].levels);
    }
    for (uint32_t c = 0; table->names != NULL && c < table->columns; c++)
        free(table->names[c]);
    free(table->fields);
    free(table->names);
    free(table->values);
    free(table->labels);
    mr_buffer_deinit(&table->notes);
    free(table);
}

/* ---- the first pass: what is in each field ---- */

static mr_status start_fields(mr_table *table, const mr_csv_row *header, mr_text target,
                              mr_error *ret_error)
{
    mr_hash_key key;
    mr_hash_key_init(&key, NULL, 0);
    table->fields = calloc(header->count, sizeof(*table->fields));
    if (table->fields == NULL)
        return MR_ERR_NO_MEMORY;
    table->field_count = header->count;
    table->target = MR_ID_NONE;
    for (uint32_t f = 0; f < header->count; f++) {
        const mr_text name = mr_csv_trim(header->fields[f]);
        field *to = &table->fields[f];
        *to = (field){.numeric = true, .whole = true};
        to->name = strndup(name.length > 0 ? name.bytes : "", name.length);
        if (to->name == NULL)
            return MR_ERR_NO_MEMORY;
        MR_TRY(mr_id_table_create(&key, &to->values));
        if (mr_text_equal(name, target))
            table->target = f;
    }
    if (table->target == MR_ID_NONE)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "no column \"%.*s\" in the header: name the target's column",
                            MR_TEXT_ARG(target));
    return MR_OK;
}

static mr_status count_value(field *f, mr_text value)
{
    uint32_t index = 0;
    if (mr_id_table_count(f->values) >= DISTINCT_MAX)
        return MR_OK;
    MR_TRY(mr_id_table_put(f->values, value, &index));
    if (index >= f->counts_capacity) {
        const uint32_t capacity = f->counts_capacity > 0 ? 2 * f->counts_capacity : 16;
        uint32_t *counts = realloc(f->counts, capacity * sizeof(*counts));
        if (counts == NULL)
            return MR_ERR_NO_MEMORY;
        memset(counts + f->counts_capacity, 0,
               (capacity - f->counts_capacity) * sizeof(*counts));
        f->counts = counts;
        f->counts_capacity = capacity;
    }
    f->counts[index]++;
    return MR_OK;
}

static mr_status look_at(field *f, mr_text value)
{
    if (is_missing(value)) {
        f->missing++;
        return MR_OK;
    }
    double number = 0.0;
    if (f->numeric && mr_text_to_double(value, &number) == MR_OK) {
        f->whole = f->whole && floor(number) == number;
        f->negative = f->negative || number < 0.0;
    } else {
        f->numeric = false;
    }
    return count_value(f, value);
}

/* ---- what becomes of a field ---- */

static void note(mr_table *table, const field *f, const char *what)
{
    mr_buffer_printf(&table->notes, "%s: %s\n", f->name, what);
}

static const char *reason_to_drop(const field *f, size_t rows)
{
    const size_t distinct = mr_id_table_count(f->values);
    const size_t known = rows - f->missing;
    if (distinct + (f->missing > 0) <= 1)
        return "left out, it is the same in all rows";
    if (rows < ID_ROWS_MIN)
        return NULL;
    if (!f->numeric && distinct > rows / 2)
        return "left out as an id, it differs in more than half of the rows";
    if (!f->numeric && distinct >= DISTINCT_MAX)
        return "left out as an id, it has more than a million values";
    if (f->numeric && f->whole && distinct == known)
        return "left out as an id, its whole numbers differ in all rows";
    return NULL;
}

typedef struct level {
    mr_text value;
    uint32_t index;
    uint32_t count;
} level;

static int by_falling_count(const void *left, const void *right)
{
    const level *a = left;
    const level *b = right;
    if (a->count != b->count)
        return (a->count < b->count) - (a->count > b->count);
    return mr_text_compare(a->value, b->value);
}

static mr_status add_name(mr_table *table, const char *format, const field *f,
                          mr_text value)
{
    char **names = realloc(table->names, ((size_t)table->columns + 1) * sizeof(*names));
    if (names == NULL)
        return MR_ERR_NO_MEMORY;
    table->names = names;
    mr_buffer name = {0};
    mr_buffer_put_text(&name, mr_text_from(f->name));
    mr_buffer_put_text(&name, mr_text_from(format));
    mr_buffer_put_text(&name, value);
    mr_buffer_put_u8(&name, '\0');
    if (name.failed) {
        mr_buffer_deinit(&name);
        return MR_ERR_NO_MEMORY;
    }
    names[table->columns++] = (char *)name.bytes;
    return MR_OK;
}

/* One column a level, most frequent first; a missing value is the level "(unknown)". */
static mr_status make_levels(mr_table *table, field *f)
{
    const uint32_t distinct = mr_id_table_count(f->values);
    level *sorted = malloc(distinct * sizeof(*sorted));
    f->levels = malloc(distinct * sizeof(*f->levels));
    if (sorted == NULL || f->levels == NULL) {
        free(sorted);
        return MR_ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < distinct; i++)
        sorted[i] = (level){mr_id_table_id(f->values, i), i, f->counts[i]};
    qsort(sorted, distinct, sizeof(*sorted), by_falling_count);
    f->pooled = distinct > MR_TABLE_LEVELS_MAX;
    const uint32_t own = f->pooled ? MR_TABLE_LEVELS_MAX - 1 : distinct;
    mr_status status = MR_OK;
    for (uint32_t i = 0; i < distinct; i++) {
        f->levels[sorted[i].index] = i < own ? i : own;
        if (i < own && status == MR_OK)
            status = add_name(table, "=", f, sorted[i].value);
    }
    free(sorted);
    if (status == MR_OK && f->pooled) {
        mr_buffer_printf(&table->notes,
                         "%s: %u values, all but the %u most frequent pooled\n", f->name,
                         distinct, own);
        status = add_name(table, "", f, MR_TEXT("=(other)"));
    }
    f->level_count = own + f->pooled;
    if (status == MR_OK && f->missing > 0)
        status = add_name(table, "", f, MR_TEXT("=(unknown)"));
    return status;
}

static mr_status make_columns(mr_table *table, field *f)
{
    const char *reason = reason_to_drop(f, table->rows);
    if (reason != NULL) {
        note(table, f, reason);
        return MR_OK;
    }
    f->first = table->columns;
    if (!f->numeric) {
        f->kind = FIELD_CATEGORICAL;
        return make_levels(table, f);
    }
    f->kind = FIELD_NUMERIC;
    f->log = !f->negative && mr_id_table_count(f->values) > MR_TABLE_LOG_VALUES;
    MR_TRY(add_name(table, "", f, (mr_text){0}));
    if (f->log)
        MR_TRY(add_name(table, "", f, MR_TEXT(" (log)")));
    if (f->missing > 0) {
        mr_buffer_printf(&table->notes, "%s: %zu values unknown, a column says which\n",
                         f->name, f->missing);
        MR_TRY(add_name(table, "", f, MR_TEXT("=(unknown)")));
    }
    return MR_OK;
}

/* ---- the second pass: the numbers ---- */

static void fill_numeric(const field *f, mr_text value, float *to)
{
    double number = (double)NAN;
    const bool missing = is_missing(value);
    if (!missing && mr_text_to_double(value, &number) != MR_OK)
        number = (double)NAN;
    *to++ = (float)number;
    if (f->log)
        *to++ = (float)log1p(number);
    if (f->missing > 0)
        *to = missing ? 1.0F : 0.0F;
}

static void fill_row(const mr_table *table, const mr_csv_row *row, float *to)
{
    for (uint32_t i = 0; i < table->field_count; i++) {
        const field *f = &table->fields[i];
        const mr_text value = mr_csv_trim(row->fields[i]);
        if (f->kind == FIELD_NUMERIC) {
            fill_numeric(f, value, to + f->first);
        } else if (f->kind == FIELD_CATEGORICAL) {
            const uint32_t index =
                is_missing(value) ? MR_ID_NONE : mr_id_table_find(f->values, value);
            to[f->first + (index == MR_ID_NONE ? f->level_count : f->levels[index])] =
                1.0F;
        }
    }
}

/* ---- reading ---- */

static mr_status next_row(mr_csv_reader *reader, const mr_table *table, mr_csv_row *row,
                          mr_error *ret_error)
{
    MR_TRY(mr_csv_reader_next(reader, row, ret_error));
    if (row->count != table->field_count)
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "line %u: %u fields, the header has %u", row->line,
                            row->count, table->field_count);
    return MR_OK;
}

static mr_status look_at_rows(mr_table *table, mr_text text, mr_text target,
                              mr_csv_row *row, mr_error *ret_error)
{
    mr_csv_reader reader;
    MR_TRY(mr_csv_reader_init(text, &reader));
    mr_status status = mr_csv_reader_next(&reader, row, ret_error);
    if (status == MR_ERR_NOT_FOUND)
        status = mr_error_set(ret_error, MR_ERR_CORRUPT, "line 1: the file is empty");
    if (status == MR_OK)
        status = start_fields(table, row, target, ret_error);
    while (status == MR_OK) {
        status = next_row(&reader, table, row, ret_error);
        for (uint32_t f = 0; status == MR_OK && f < table->field_count; f++)
            status = look_at(&table->fields[f], mr_csv_trim(row->fields[f]));
        table->rows += status == MR_OK;
    }
    mr_csv_reader_deinit(&reader);
    return status == MR_ERR_NOT_FOUND ? MR_OK : status;
}

static mr_status fill_rows(mr_table *table, mr_text text, mr_text positive,
                           mr_csv_row *row, mr_error *ret_error)
{
    table->values = calloc(table->rows * table->columns, sizeof(float));
    table->labels = calloc(table->rows, 1);
    if (table->values == NULL || table->labels == NULL)
        return MR_ERR_NO_MEMORY;
    mr_csv_reader reader;
    MR_TRY(mr_csv_reader_init(text, &reader));
    mr_status status = mr_csv_reader_next(&reader, row, ret_error); /* the header */
    for (size_t i = 0; i < table->rows && status == MR_OK; i++) {
        status = next_row(&reader, table, row, ret_error);
        if (status != MR_OK)
            break;
        fill_row(table, row, table->values + i * table->columns);
        table->labels[i] =
            mr_text_equal(mr_csv_trim(row->fields[table->target]), positive);
    }
    mr_csv_reader_deinit(&reader);
    return status;
}

static mr_status check_labels(const mr_table *table, mr_text positive,
                              mr_error *ret_error)
{
    size_t positives = 0;
    for (size_t i = 0; i < table->rows; i++)
        positives += table->labels[i];
    if (positives > 0 && positives < table->rows)
        return MR_OK;
    return mr_error_set(
        ret_error, MR_ERR_INVALID, "\"%s\" is \"%.*s\" in %zu of %zu rows",
        table->fields[table->target].name, MR_TEXT_ARG(positive), positives, table->rows);
}

static mr_status parse(mr_table *table, mr_text text, mr_text target, mr_text positive,
                       mr_csv_row *row, mr_error *ret_error)
{
    MR_TRY(look_at_rows(table, text, target, row, ret_error));
    for (uint32_t f = 0; f < table->field_count; f++)
        if (f != table->target)
            MR_TRY(make_columns(table, &table->fields[f]));
    mr_buffer_put_u8(&table->notes, '\0');
    MR_TRY(mr_buffer_status(&table->notes));
    if (table->rows == 0 || table->columns == 0)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "%zu rows and %u usable columns: nothing to learn from",
                            table->rows, table->columns);
    MR_TRY(fill_rows(table, text, positive, row, ret_error));
    return check_labels(table, positive, ret_error);
}

mr_status mr_table_parse(mr_text text, mr_text target, mr_text positive,
                         mr_table **ret_table, mr_error *ret_error)
{
    mr_table *table = calloc(1, sizeof(*table));
    mr_csv_row *row = malloc(sizeof(*row));
    const mr_status status = table != NULL && row != NULL
                                 ? parse(table, text, target, positive, row, ret_error)
                                 : MR_ERR_NO_MEMORY;
    free(row);
    if (status != MR_OK) {
        mr_table_destroy(table);
        return status;
    }
    *ret_table = table;
    return MR_OK;
}

mr_status mr_table_read(const char *path, mr_text target, mr_text positive,
                        mr_table **ret_table, mr_error *ret_error)
{
    mr_file_map map = {0};
    MR_TRY(mr_file_map_open(path, &map, ret_error));
    mr_status status = MR_OK;
    if (map.bytes >= UINT32_MAX)
        status = mr_error_set(ret_error, MR_ERR_INVALID, "%s: larger than 4 GiB", path);
    mr_error reason = {{0}};
    if (status == MR_OK) {
        const mr_text text = {.bytes = map.data, .length = (uint32_t)map.bytes};
        status = mr_table_parse(text, target, positive, ret_table, &reason);
        if (status != MR_OK)
            (void)mr_error_set(ret_error, status, "%s: %.180s", path, reason.message);
    }
    mr_file_map_close(&map);
    return status;
}

size_t mr_table_rows(const mr_table *table)
{
    return table->rows;
}

uint32_t mr_table_columns(const mr_table *table)
{
    return table->columns;
}

const float *mr_table_values(const mr_table *table)
{
    return table->values;
}

const uint8_t *mr_table_labels(const mr_table *table)
{
    return table->labels;
}

const char *mr_table_column_name(const mr_table *table, uint32_t column)
{
    return column < table->columns ? table->names[column] : NULL;
}

const char *mr_table_notes(const mr_table *table)
{
    return (const char *)table->notes.bytes;
}
