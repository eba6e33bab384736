#include "app/day_files.h"

#include "app/log_line.h"
#include "core/file.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DAY_MS INT64_C(86400000)

enum { NAME_BYTES = 32, PARTITIONS_MAX = 4096 };

/* ---- names ---- */

static mr_status directory_of(const mr_day_files *files, uint32_t partition,
                              char ret_path[PATH_MAX], mr_error *error)
{
    const int length = snprintf(ret_path, PATH_MAX, "%s/%s/days/p%05" PRIu32,
                                files->state_path, files->topic, partition);
    return length < PATH_MAX - NAME_BYTES
               ? MR_OK
               : mr_error_set(error, MR_ERR_INVALID, "state.path is too long");
}

static mr_status path_of(const mr_day_files *files, uint32_t partition, int64_t day,
                         const char *kind, char ret_path[PATH_MAX], mr_error *error)
{
    char date[MR_TIME_TEXT_BYTES];
    MR_TRY(directory_of(files, partition, ret_path, error));
    mr_time_to_text(day * DAY_MS, date);
    const size_t length = strlen(ret_path);
    (void)snprintf(ret_path + length, PATH_MAX - length, "/%.10s.%s", date, kind);
    return MR_OK;
}

/* The day of "2026-11-30.rows". */
static bool is_rows_name(const char *name, int64_t *ret_day)
{
    int64_t time_ms;
    if (strlen(name) != strlen("2026-11-30.rows") || strcmp(name + 10, ".rows") != 0 ||
        mr_text_to_time_ms((mr_text){name, 10}, &time_ms) != MR_OK)
        return false;
    *ret_day = mr_time_day(time_ms);
    return true;
}

/* ---- reading ---- */

static int compare_days(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static mr_status add_day(mr_day_list *list, size_t *capacity, int64_t day)
{
    if (list->count == *capacity) {
        const size_t grown = *capacity == 0 ? 64 : 2 * *capacity;
        int64_t *days = realloc(list->days, grown * sizeof(*days));
        if (days == NULL)
            return MR_ERR_NO_MEMORY;
        list->days = days;
        *capacity = grown;
    }
    list->days[list->count++] = day;
    return MR_OK;
}

mr_status mr_day_files_list(const mr_day_files *files, uint32_t partition,
                            mr_day_list *ret_list, mr_error *ret_error)
{
    char path[PATH_MAX];
    mr_day_list list = {0};
    size_t capacity = 0;
    mr_status status = MR_OK;
    MR_TRY(directory_of(files, partition, path, ret_error));
    DIR *directory = opendir(path);
    if (directory == NULL && errno != ENOENT)
        return mr_error_set(ret_error, MR_ERR_UNAVAILABLE, "%s cannot be read", path);
    for (struct dirent *entry;
         directory != NULL && status == MR_OK && (entry = readdir(directory)) != NULL;) {
        int64_t day;
        if (is_rows_name(entry->d_name, &day))
            status = add_day(&list, &capacity, day);
    }
    if (directory != NULL)
        (void)closedir(directory);
    if (status != MR_OK) {
        mr_day_list_deinit(&list);
        return status;
    }
    if (list.count > 0)
        qsort(list.days, list.count, sizeof(*list.days), compare_days);
    *ret_list = list;
    return MR_OK;
}

void mr_day_list_deinit(mr_day_list *list)
{
    free(list->days);
    *list = (mr_day_list){0};
}

mr_status mr_day_files_partitions(const mr_day_files *files, uint32_t *ret_count,
                                  mr_error *ret_error)
{
    char path[PATH_MAX];
    *ret_count = 0;
    if (snprintf(path, sizeof(path), "%s/%s/days", files->state_path, files->topic) >=
        PATH_MAX)
        return mr_error_set(ret_error, MR_ERR_INVALID, "state.path is too long");
    DIR *directory = opendir(path);
    if (directory == NULL && errno != ENOENT)
        return mr_error_set(ret_error, MR_ERR_UNAVAILABLE, "%s cannot be read", path);
    for (struct dirent *entry;
         directory != NULL && (entry = readdir(directory)) != NULL;) {
        int64_t partition;
        const char *digits = entry->d_name + 1;
        if (entry->d_name[0] == 'p' &&
            mr_text_to_int64(mr_text_from(digits), &partition) == MR_OK &&
            partition >= *ret_count && partition < PARTITIONS_MAX)
            *ret_count = (uint32_t)partition + 1;
    }
    if (directory != NULL)
        (void)closedir(directory);
    return MR_OK;
}

mr_status mr_day_files_read(const mr_day_files *files, uint32_t partition, int64_t day,
                            mr_day_part part, mr_day_rows *ret_rows, uint32_t *ret_crc,
                            mr_error *ret_error)
{
    char path[PATH_MAX];
    mr_file_map map = {0};
    mr_error why = {{0}};
    MR_TRY(path_of(files, partition, day, "rows", path, ret_error));
    MR_TRY(mr_file_map_open(path, &map, ret_error));
    mr_day_rows rows = {0};
    mr_status status =
        mr_day_file_decode(map.data, map.bytes, part, &rows, ret_crc, &why);
    mr_file_map_close(&map);
    if (status == MR_OK && (rows.day != day || rows.partition != partition))
        status = mr_error_set(&why, MR_ERR_CORRUPT, "of another day or partition");
    if (status != MR_OK) {
        mr_day_rows_deinit(&rows);
        return mr_error_set(ret_error, status, "%s: %s", path, why.message);
    }
    *ret_rows = rows;
    return MR_OK;
}

/* ---- labels ---- */

/* Who is to be labelled: the ids in order, and whose they are. */
typedef struct labelled {
    const mr_day_rows *rows;
    mr_text *ids;    /* by row         */
    uint32_t *order; /* rows by their id */
    uint8_t *labels;
} labelled;

static int compare_ids(mr_text a, mr_text b)
{
    const uint32_t shorter = a.length < b.length ? a.length : b.length;
    const int order = memcmp(a.bytes, b.bytes, shorter);
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

static int compare_rows(const void *a, const void *b, void *ids)
{
    const mr_text *texts = ids;
    return compare_ids(texts[*(const uint32_t *)a], texts[*(const uint32_t *)b]);
}

static mr_status order_ids(labelled *l)
{
    const uint32_t count = l->rows->count;
    l->ids = mr_day_rows_ids(l->rows);
    l->order = calloc((size_t)count + 1, sizeof(*l->order));
    if (l->ids == NULL || l->order == NULL)
        return MR_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++)
        l->order[i] = i;
    qsort_r(l->order, count, sizeof(*l->order), compare_rows, l->ids);
    return MR_OK;
}

static void note_return(labelled *l, mr_text id)
{
    uint32_t low = 0;
    uint32_t high = l->rows->count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const int order = compare_ids(l->ids[l->order[middle]], id);
        if (order == 0) {
            l->labels[l->order[middle]] = MR_LABEL_STAYED;
            return;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
}

static void join_day(labelled *l, const mr_day_rows *later)
{
    const mr_day_numbers *numbers = mr_day_rows_numbers(later);
    mr_reader reader = mr_reader_of(later->ids.bytes, later->ids.length);
    for (uint32_t i = 0; i < later->count; i++) {
        const mr_text id = mr_reader_text(&reader, mr_reader_u8(&reader));
        if (numbers[i].last_purchase_ms > l->rows->at_ms) /* MR_TIME_NONE is not */
            note_return(l, id);
    }
}

/* Lost are those of whom no day of the window says otherwise. */
static mr_status join(const mr_day_files *files, labelled *l, const mr_day_list *list,
                      mr_error *error)
{
    const int64_t day = l->rows->day;
    MR_TRY(order_ids(l));
    memset(l->labels, MR_LABEL_LOST, l->rows->count);
    for (size_t i = 0; i < list->count; i++) {
        if (list->days[i] <= day || list->days[i] > day + files->window_days)
            continue;
        mr_day_rows later = {0};
        uint32_t crc;
        MR_TRY(mr_day_files_read(files, l->rows->partition, list->days[i],
                                 MR_DAY_CUSTOMERS, &later, &crc, error));
        join_day(l, &later);
        mr_day_rows_deinit(&later);
    }
    return MR_OK;
}

static mr_status label(const mr_day_files *files, const mr_day_rows *rows,
                       const mr_day_list *list, uint8_t *labels, mr_error *error)
{
    labelled l = {.rows = rows, .labels = labels};
    const mr_status status = join(files, &l, list, error);
    free(l.ids);
    free(l.order);
    return status;
}

/* The latest time that any of the files says was reached; their cuts are in the days' order. */
static mr_status reached(const mr_day_files *files, uint32_t partition,
                         const mr_day_list *list, int64_t *ret_ms, mr_error *error)
{
    *ret_ms = MR_TIME_NONE;
    if (list->count == 0)
        return MR_OK;
    mr_day_rows newest = {0};
    uint32_t crc;
    MR_TRY(mr_day_files_read(files, partition, list->days[list->count - 1], MR_DAY_HEAD,
                             &newest, &crc, error));
    *ret_ms = newest.crossed_ms;
    mr_day_rows_deinit(&newest);
    return MR_OK;
}

static bool is_over(const mr_day_files *files, int64_t day, int64_t reached_ms)
{
    return mr_zone_midnight_ms(files->zone, day + 1 + files->window_days) <= reached_ms;
}

/* The labels beside the rows, if they are of them and of the window; false: none such. */
static bool read_labels(const mr_day_files *files, const mr_day_rows *rows, uint32_t crc,
                        uint8_t *ret_labels)
{
    char path[PATH_MAX];
    mr_file_map map = {0};
    mr_day_labels labels;
    if (path_of(files, rows->partition, rows->day, "labels", path, NULL) != MR_OK ||
        mr_file_map_open(path, &map, NULL) != MR_OK)
        return false;
    const bool fits = mr_day_labels_decode(map.data, map.bytes, &labels, NULL) == MR_OK &&
                      labels.window_days == files->window_days &&
                      labels.rows_crc == crc && labels.count == rows->count &&
                      labels.day == rows->day && labels.partition == rows->partition;
    if (fits && labels.count > 0)
        memcpy(ret_labels, labels.labels, labels.count);
    mr_file_map_close(&map);
    return fits;
}

mr_status mr_day_files_labels_of(const mr_day_files *files, const mr_day_rows *rows,
                                 uint32_t crc, uint8_t *ret_labels, mr_error *ret_error)
{
    mr_day_list list = {0};
    int64_t reached_ms = MR_TIME_NONE;
    if (read_labels(files, rows, crc, ret_labels))
        return MR_OK;
    memset(ret_labels, MR_LABEL_UNKNOWN, rows->count);
    MR_TRY(mr_day_files_list(files, rows->partition, &list, ret_error));
    mr_status status = reached(files, rows->partition, &list, &reached_ms, ret_error);
    if (status == MR_OK && is_over(files, rows->day, reached_ms))
        status = label(files, rows, &list, ret_labels, ret_error);
    mr_day_list_deinit(&list);
    return status;
}

static mr_status write_labels(const mr_day_files *files, uint32_t partition, int64_t day,
                              const mr_day_list *list, mr_error *error)
{
    char path[PATH_MAX];
    mr_day_rows rows = {0};
    mr_buffer bytes = {0};
    uint32_t crc;
    MR_TRY(path_of(files, partition, day, "labels", path, error));
    MR_TRY(
        mr_day_files_read(files, partition, day, MR_DAY_CUSTOMERS, &rows, &crc, error));
    uint8_t *labels = malloc((size_t)rows.count + 1);
    mr_status status =
        labels != NULL ? label(files, &rows, list, labels, error) : MR_ERR_NO_MEMORY;
    if (status == MR_OK) {
        mr_day_labels_encode(&(mr_day_labels){.partition = partition,
                                              .window_days = files->window_days,
                                              .day = day,
                                              .rows_crc = crc,
                                              .count = rows.count,
                                              .labels = labels},
                             &bytes);
        status = mr_buffer_status(&bytes);
    }
    if (status == MR_OK)
        status = mr_file_replace(path, bytes.bytes, bytes.length, error);
    mr_buffer_deinit(&bytes);
    free(labels);
    mr_day_rows_deinit(&rows);
    return status;
}

static bool is_damage(mr_status status)
{
    return status == MR_ERR_CORRUPT || status == MR_ERR_INVALID ||
           status == MR_ERR_NOT_FOUND;
}

static mr_status label_listed(const mr_day_files *files, uint32_t partition,
                              const mr_day_list *list, mr_error *error)
{
    char path[PATH_MAX];
    int64_t reached_ms = MR_TIME_NONE;
    const mr_status status = reached(files, partition, list, &reached_ms, error);
    if (status != MR_OK && !is_damage(status))
        return status;
    for (size_t i = 0; i < list->count; i++) {
        if (!is_over(files, list->days[i], reached_ms))
            continue;
        MR_TRY(path_of(files, partition, list->days[i], "labels", path, error));
        if (access(path, F_OK) == 0)
            continue;
        mr_error why = {{0}};
        const mr_status written =
            write_labels(files, partition, list->days[i], list, &why);
        if (is_damage(written)) /* no reason to make no checkpoints any more */
            mr_log_warn("event=day_not_labelled partition=%" PRIu32 " why=\"%s\"",
                        partition, why.message);
        else if (written != MR_OK)
            return mr_error_set(error, written, "%s", why.message);
    }
    return MR_OK;
}

/* ---- writing ---- */

static void remove_file(const mr_day_files *files, uint32_t partition, int64_t day,
                        const char *kind)
{
    char path[PATH_MAX];
    if (path_of(files, partition, day, kind, path, NULL) == MR_OK)
        (void)unlink(path); /* what stays is removed the next time */
}

static void remove_old(const mr_day_files *files, uint32_t partition,
                       const mr_day_list *list)
{
    const int64_t newest = list->count > 0 ? list->days[list->count - 1] : 0;
    for (size_t i = 0; i < list->count; i++) {
        if (list->days[i] >= newest - files->retention_days)
            continue;
        remove_file(files, partition, list->days[i], "labels");
        remove_file(files, partition, list->days[i], "rows");
    }
}

static mr_status write_rows(const mr_day_files *files, const mr_day_rows *rows,
                            mr_error *error)
{
    char path[PATH_MAX];
    mr_buffer bytes = {0};
    MR_TRY(path_of(files, rows->partition, rows->day, "rows", path, error));
    mr_status status = mr_day_file_encode(rows, &bytes);
    if (status == MR_OK)
        status = mr_file_replace(path, bytes.bytes, bytes.length, error);
    mr_buffer_deinit(&bytes);
    return status;
}

mr_status mr_day_files_prepare(const mr_day_files *files, uint32_t partition,
                               mr_error *ret_error)
{
    char path[PATH_MAX];
    mr_day_list list = {0};
    MR_TRY(directory_of(files, partition, path, ret_error));
    MR_TRY(mr_directory_make_durable(path, ret_error));
    MR_TRY(mr_day_files_list(files, partition, &list, ret_error));
    const mr_status status = label_listed(files, partition, &list, ret_error);
    mr_day_list_deinit(&list);
    return status;
}

mr_status mr_day_files_write(const mr_day_files *files, const mr_day_rows *rows,
                             mr_error *ret_error)
{
    mr_day_list list = {0};
    MR_TRY(write_rows(files, rows, ret_error));
    MR_TRY(mr_day_files_list(files, rows->partition, &list, ret_error));
    const mr_status status = label_listed(files, rows->partition, &list, ret_error);
    if (status == MR_OK)
        remove_old(files, rows->partition, &list);
    mr_day_list_deinit(&list);
    return status;
}
