#include "models/sequence_file.h"

#include "core/file.h"
#include "core/hash.h"
#include "models/csv_reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REASON_BYTES = 160, ROWS_AT_FIRST = 4096, COLUMN_NAME_BYTES = 16 };

static const double SECONDS_END = 4294967296.0;

mr_status mr_sequence_file_items(mr_id_table **ret_items)
{
    mr_hash_key key;
    mr_hash_key_init(&key, NULL, 0);
    return mr_id_table_create(&key, ret_items);
}

/* ---- lines and words ---- */

typedef struct line_reader {
    const char *path;
    mr_file_map map;
    mr_text rest;
    uint32_t number; /* of the line read last */
} line_reader;

static mr_status open_lines(const char *path, line_reader *ret_reader,
                            mr_error *ret_error)
{
    line_reader reader = {.path = path};
    MR_TRY(mr_file_map_open(path, &reader.map, ret_error));
    if (reader.map.bytes >= UINT32_MAX) {
        mr_file_map_close(&reader.map);
        return mr_error_set(ret_error, MR_ERR_FULL, "%s: larger than 4 GiB", path);
    }
    reader.rest =
        (mr_text){.bytes = reader.map.data, .length = (uint32_t)reader.map.bytes};
    if (reader.rest.length >= 3 && memcmp(reader.rest.bytes, "\xEF\xBB\xBF", 3) == 0) {
        reader.rest.bytes += 3;
        reader.rest.length -= 3;
    }
    *ret_reader = reader;
    return MR_OK;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

/* The next line that holds more than blanks, without those around it; false at the end. */
static bool next_line(line_reader *reader, mr_text *ret_line)
{
    while (reader->rest.length > 0) {
        const char *end = memchr(reader->rest.bytes, '\n', reader->rest.length);
        const uint32_t length =
            end != NULL ? (uint32_t)(end - reader->rest.bytes) : reader->rest.length;
        const uint32_t passed = end != NULL ? length + 1 : length;
        const mr_text line =
            mr_csv_trim((mr_text){.bytes = reader->rest.bytes, .length = length});
        reader->rest.bytes += passed;
        reader->rest.length -= passed;
        reader->number++;
        if (line.length > 0) {
            *ret_line = line;
            return true;
        }
    }
    return false;
}

static bool next_word(mr_text *line, mr_text *ret_word)
{
    uint32_t first = 0;
    while (first < line->length && is_blank(line->bytes[first]))
        first++;
    uint32_t end = first;
    while (end < line->length && !is_blank(line->bytes[end]))
        end++;
    *ret_word = (mr_text){.bytes = line->bytes + first, .length = end - first};
    line->bytes += end;
    line->length -= end;
    return ret_word->length > 0;
}

static mr_status bad_line(const line_reader *reader, const char *reason,
                          mr_error *ret_error)
{
    return mr_error_set(ret_error, MR_ERR_CORRUPT, "%s:%" PRIu32 ": %s", reader->path,
                        reader->number, reason);
}

/* ---- a sequence a line ---- */

static mr_status add_words(mr_text words, mr_id_table *items, mr_sequence_list *list)
{
    mr_text word;
    while (next_word(&words, &word)) {
        uint32_t item;
        MR_TRY(mr_id_table_put(items, word, &item));
        MR_TRY(mr_sequence_list_add(list, item, 0, 0));
    }
    return mr_sequence_list_end(list);
}

static mr_status read_sessions(line_reader *reader, mr_id_table *items,
                               mr_sequence_list *list)
{
    mr_text line;
    while (next_line(reader, &line))
        MR_TRY(add_words(line, items, list));
    return MR_OK;
}

mr_status mr_sequence_file_read_sessions(const char *path, mr_id_table *items,
                                         mr_sequence_list *ret_list, mr_error *ret_error)
{
    line_reader reader;
    mr_sequence_list list = {0};
    MR_TRY(open_lines(path, &reader, ret_error));
    const mr_status status = read_sessions(&reader, items, &list);
    mr_file_map_close(&reader.map);
    if (status != MR_OK) {
        mr_sequence_list_deinit(&list);
        return status;
    }
    list.items = mr_id_table_count(items);
    *ret_list = list;
    return MR_OK;
}

/* Where the last tab stands; the length when there is none. */
static uint32_t last_tab(mr_text line)
{
    for (uint32_t at = line.length; at > 0; at--)
        if (line.bytes[at - 1] == '\t')
            return at - 1;
    return line.length;
}

static mr_status read_examples(line_reader *reader, mr_id_table *items,
                               mr_sequence_list *given, mr_sequence_list *next,
                               mr_error *ret_error)
{
    mr_text line;
    while (next_line(reader, &line)) {
        const uint32_t border = last_tab(line);
        if (border == line.length)
            return bad_line(reader, "not `item item ...`, a tab and the next item",
                            ret_error);
        mr_text after = {.bytes = line.bytes + border + 1,
                         .length = line.length - border - 1};
        mr_text word;
        mr_text rest = after;
        (void)next_word(&rest, &word); /* the line is trimmed: one is there */
        if (next_word(&rest, &word))
            return bad_line(reader, "more than one item after the tab", ret_error);
        MR_TRY(add_words((mr_text){.bytes = line.bytes, .length = border}, items, given));
        MR_TRY(add_words(after, items, next));
    }
    return MR_OK;
}

mr_status mr_sequence_file_read_examples(const char *path, mr_id_table *items,
                                         mr_sequence_list *ret_given,
                                         mr_sequence_list *ret_next, mr_error *ret_error)
{
    line_reader reader;
    mr_sequence_list given = {0};
    mr_sequence_list next = {0};
    MR_TRY(open_lines(path, &reader, ret_error));
    const mr_status status = read_examples(&reader, items, &given, &next, ret_error);
    mr_file_map_close(&reader.map);
    if (status != MR_OK) {
        mr_sequence_list_deinit(&given);
        mr_sequence_list_deinit(&next);
        return status;
    }
    given.items = next.items = mr_id_table_count(items);
    *ret_given = given;
    *ret_next = next;
    return MR_OK;
}

/* ---- rows of (owner, item, time), grouped ---- */

typedef struct event_row {
    double time; /* seconds */
    uint32_t owner;
    uint32_t item;
    uint32_t position;
} event_row;

typedef struct event_rows {
    mr_id_table *owners;
    event_row *rows;
    uint32_t count;
    uint32_t room;
    uint32_t *place; /* of each owner among the sequences */
} event_rows;

static mr_status add_row(event_rows *events, mr_text owner, mr_text item, double time,
                         mr_id_table *items)
{
    if (events->count == events->room) {
        if (events->room > UINT32_MAX / 2)
            return MR_ERR_FULL;
        const uint32_t room =
            events->room > 0 ? 2 * events->room : (uint32_t)ROWS_AT_FIRST;
        event_row *larger = realloc(events->rows, room * sizeof(*larger));
        if (larger == NULL)
            return MR_ERR_NO_MEMORY;
        events->rows = larger;
        events->room = room;
    }
    event_row *row = &events->rows[events->count];
    *row = (event_row){.time = time, .position = events->count};
    MR_TRY(mr_id_table_put(events->owners, owner, &row->owner));
    MR_TRY(mr_id_table_put(items, item, &row->item));
    events->count++;
    return MR_OK;
}

static void deinit_rows(event_rows *events)
{
    mr_id_table_destroy(events->owners);
    free(events->rows);
    free(events->place);
}

/* By owner (`owner` holds his place by now), time and row. */
static int compare_rows(const void *left, const void *right)
{
    const event_row *a = left;
    const event_row *b = right;
    if (a->owner != b->owner)
        return a->owner < b->owner ? -1 : 1;
    if (a->time < b->time || b->time < a->time)
        return a->time < b->time ? -1 : 1;
    return a->position < b->position ? -1 : 1;
}

typedef struct last_event {
    double time;
    uint32_t owner;
} last_event;

static int compare_last_events(const void *left, const void *right)
{
    const last_event *a = left;
    const last_event *b = right;
    if (a->time < b->time || b->time < a->time)
        return a->time < b->time ? -1 : 1;
    return a->owner < b->owner ? -1 : 1;
}

/* Owners in order of their last event, then of their first row (which is how they are numbered). */
static mr_status place_owners(event_rows *events)
{
    const uint32_t count = mr_id_table_count(events->owners);
    last_event *last = malloc((count + (size_t)1) * sizeof(*last));
    events->place = malloc((count + (size_t)1) * sizeof(*events->place));
    if (last == NULL || events->place == NULL) {
        free(last);
        return MR_ERR_NO_MEMORY;
    }
    for (uint32_t o = 0; o < count; o++)
        last[o] = (last_event){.time = 0.0, .owner = o};
    for (uint32_t r = 0; r < events->count; r++)
        if (events->rows[r].time > last[events->rows[r].owner].time)
            last[events->rows[r].owner].time = events->rows[r].time;
    qsort(last, count, sizeof(*last), compare_last_events);
    for (uint32_t at = 0; at < count; at++)
        events->place[last[at].owner] = at;
    free(last);
    return MR_OK;
}

/* One sequence an owner, into a list that is empty. */
static mr_status group_rows(event_rows *events, mr_sequence_list *list)
{
    MR_TRY(place_owners(events));
    for (uint32_t r = 0; r < events->count; r++)
        events->rows[r].owner = events->place[events->rows[r].owner];
    if (events->count > 0)
        qsort(events->rows, events->count, sizeof(*events->rows), compare_rows);
    for (uint32_t r = 0; r < events->count; r++) {
        const event_row *row = &events->rows[r];
        MR_TRY(mr_sequence_list_add(list, row->item, 0, (uint32_t)row->time));
        if (r + 1 == events->count || events->rows[r + 1].owner != row->owner)
            MR_TRY(mr_sequence_list_end(list));
    }
    return MR_OK;
}

/* Group what was read, or free it; the last step of both readers. */
static mr_status finish_rows(event_rows *events, mr_status status, bool has_times,
                             const mr_id_table *items, mr_sequence_list *ret_list)
{
    mr_sequence_list list = {.has_times = has_times};
    if (status == MR_OK)
        status = group_rows(events, &list);
    deinit_rows(events);
    if (status != MR_OK) {
        mr_sequence_list_deinit(&list);
        return status;
    }
    list.items = mr_id_table_count(items);
    *ret_list = list;
    return MR_OK;
}

/* ---- users ---- */

static mr_status read_users(line_reader *reader, event_rows *events, mr_id_table *items)
{
    mr_text line;
    MR_TRY(mr_sequence_file_items(&events->owners));
    while (next_line(reader, &line)) {
        mr_text user;
        mr_text word;
        (void)next_word(&line, &user);
        while (next_word(&line, &word))
            MR_TRY(add_row(events, user, word, 0.0, items));
    }
    return MR_OK;
}

mr_status mr_sequence_file_read_users(const char *path, mr_id_table *items,
                                      mr_sequence_list *ret_list, mr_error *ret_error)
{
    line_reader reader;
    event_rows events = {0};
    MR_TRY(open_lines(path, &reader, ret_error));
    const mr_status status = read_users(&reader, &events, items);
    mr_file_map_close(&reader.map);
    return finish_rows(&events, status, false, items, ret_list);
}

/* ---- logs ---- */

enum { COLUMN_SESSION, COLUMN_ITEM, COLUMN_TIME, COLUMNS };

/* What a column is called, each also without its `id` or `stamp`. */
static const char *const COLUMN_NAMES[COLUMNS][2] = {
    {"sessionid", "session"}, {"itemid", "item"}, {"timestamp", "time"}};
static const char *const COLUMN_SHOWN[COLUMNS] = {"SessionId", "ItemId", "Time"};

/* Lower case, without `_`, up to a `:`; cut when longer than any name. */
static void plain_name(mr_text field, char ret_name[COLUMN_NAME_BYTES])
{
    uint32_t length = 0;
    field = mr_csv_trim(field);
    for (uint32_t i = 0; i < field.length && field.bytes[i] != ':'; i++) {
        const char byte = field.bytes[i];
        if (byte != '_' && length < COLUMN_NAME_BYTES - 1)
            ret_name[length++] =
                byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
    }
    ret_name[length] = '\0';
}

static mr_status find_columns(const line_reader *reader, const mr_csv_row *header,
                              uint32_t ret_columns[COLUMNS], mr_error *ret_error)
{
    char reason[REASON_BYTES];
    for (uint32_t c = 0; c < COLUMNS; c++) {
        ret_columns[c] = MR_CSV_FIELDS_MAX;
        for (uint32_t f = header->count; f-- > 0;) {
            char name[COLUMN_NAME_BYTES];
            plain_name(header->fields[f], name);
            if (strcmp(name, COLUMN_NAMES[c][0]) == 0 ||
                strcmp(name, COLUMN_NAMES[c][1]) == 0)
                ret_columns[c] = f;
        }
        if (ret_columns[c] == MR_CSV_FIELDS_MAX) {
            (void)snprintf(reason, sizeof(reason), "the header has no column %s",
                           COLUMN_SHOWN[c]);
            return bad_line(reader, reason, ret_error);
        }
    }
    return MR_OK;
}

static mr_status read_time(mr_text field, double *ret_seconds)
{
    double seconds = 0.0;
    int64_t time_ms = 0;
    if (mr_text_to_double(field, &seconds) != MR_OK) {
        MR_TRY(mr_text_to_time_ms(field, &time_ms));
        seconds = (double)time_ms / 1000.0;
    }
    if (seconds >= SECONDS_END)
        seconds /= 1000.0;
    if (!(seconds >= 0.0 && seconds < SECONDS_END))
        return MR_ERR_CORRUPT;
    *ret_seconds = seconds;
    return MR_OK;
}

static mr_status take_log_row(const line_reader *reader, const mr_csv_row *row,
                              const uint32_t columns[COLUMNS], event_rows *events,
                              mr_id_table *items, mr_error *ret_error)
{
    mr_text fields[COLUMNS];
    char reason[REASON_BYTES];
    double seconds = 0.0;
    if (row->count == 1 && mr_csv_trim(row->fields[0]).length == 0)
        return MR_OK;
    for (uint32_t c = 0; c < COLUMNS; c++) {
        fields[c] =
            columns[c] < row->count ? mr_csv_trim(row->fields[columns[c]]) : (mr_text){0};
        if (fields[c].length == 0) {
            (void)snprintf(reason, sizeof(reason), "no %s", COLUMN_SHOWN[c]);
            return bad_line(reader, reason, ret_error);
        }
    }
    if (read_time(fields[COLUMN_TIME], &seconds) != MR_OK) {
        (void)snprintf(
            reason, sizeof(reason), "'%.*s' is not a time",
            (int)(fields[COLUMN_TIME].length < 64 ? fields[COLUMN_TIME].length : 64),
            fields[COLUMN_TIME].bytes);
        return bad_line(reader, reason, ret_error);
    }
    return add_row(events, fields[COLUMN_SESSION], fields[COLUMN_ITEM], seconds, items);
}

static mr_status read_log_rows(line_reader *reader, mr_csv_reader *csv, mr_csv_row *row,
                               event_rows *events, mr_id_table *items,
                               mr_error *ret_error)
{
    uint32_t columns[COLUMNS] = {0};
    mr_error reason = {{0}};
    MR_TRY(mr_sequence_file_items(&events->owners));
    for (bool header = true;; header = false) {
        const mr_status status = mr_csv_reader_next(csv, row, &reason);
        if (status == MR_ERR_NOT_FOUND && !header)
            return MR_OK;
        if (status == MR_ERR_NOT_FOUND)
            return mr_error_set(ret_error, MR_ERR_CORRUPT, "%s: no header", reader->path);
        if (status != MR_OK)
            return mr_error_set(ret_error, status, "%s: %.180s", reader->path,
                                reason.message);
        reader->number = row->line;
        MR_TRY(header ? find_columns(reader, row, columns, ret_error)
                      : take_log_row(reader, row, columns, events, items, ret_error));
    }
}

mr_status mr_sequence_file_read_log(const char *path, mr_id_table *items,
                                    mr_sequence_list *ret_list, mr_error *ret_error)
{
    line_reader reader;
    mr_csv_reader csv;
    event_rows events = {0};
    MR_TRY(open_lines(path, &reader, ret_error));
    mr_csv_row *row = malloc(sizeof(*row));
    mr_status status = row != NULL ? MR_OK : MR_ERR_NO_MEMORY;
    if (status == MR_OK)
        status = mr_csv_reader_init(reader.rest, &csv);
    if (status == MR_OK) {
        status = read_log_rows(&reader, &csv, row, &events, items, ret_error);
        mr_csv_reader_deinit(&csv);
    }
    free(row);
    mr_file_map_close(&reader.map);
    return finish_rows(&events, status, true, items, ret_list);
}
