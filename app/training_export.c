#include "app/training_export.h"

#include "app/day_replay.h"
#include "app/keys.h"
#include "app/plan_file.h"
#include "app/topics.h"
#include "features/plan_layout.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)

enum { DAYS_MAX = 4000, DATE_LENGTH = 10 };

typedef struct training_export {
    const mr_command *command;
    const char *at;
    const char *window;
    const char *format;
    const char *output;
    const char *config_path;
    bool is_from_files;
    bool is_comparison;
    mr_config config;
    mr_keys keys;
    mr_plan *plan;
    mr_log *log;
    mr_day_files files;
    uint32_t partitions;
    int64_t *days;
    size_t day_count;
    mr_day_table from_files;
    mr_day_table from_log;
} training_export;

/* ---- which days ---- */

static int compare_days(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void order_days(training_export *e)
{
    size_t kept = 0;
    qsort(e->days, e->day_count, sizeof(*e->days), compare_days);
    for (size_t i = 0; i < e->day_count; i++)
        if (i == 0 || e->days[i] != e->days[kept - 1])
            e->days[kept++] = e->days[i];
    e->day_count = kept;
}

static mr_status read_days(training_export *e, mr_error *error)
{
    for (const char *next = e->at; *next != '\0';) {
        const size_t length = strcspn(next, ",");
        int64_t time_ms;
        if (length != DATE_LENGTH || e->day_count == DAYS_MAX ||
            mr_text_to_time_ms((mr_text){next, DATE_LENGTH}, &time_ms) != MR_OK)
            return mr_error_set(error, MR_ERR_INVALID,
                                "--at takes days such as 2026-11-30,2026-12-31, not '%s'",
                                e->at);
        e->days[e->day_count++] = mr_time_day(time_ms);
        next += length + (next[length] == ',');
    }
    order_days(e);
    return MR_OK;
}

/* From the first day there is a file of to the last: a file that is lacking between them, too. */
static mr_status find_days(training_export *e, mr_error *error)
{
    int64_t first = INT64_MAX;
    int64_t last = INT64_MIN;
    for (uint32_t p = 0; p < e->partitions; p++) {
        mr_day_list list = {0};
        MR_TRY(mr_day_files_list(&e->files, p, &list, error));
        if (list.count > 0 && list.days[0] < first)
            first = list.days[0];
        if (list.count > 0 && list.days[list.count - 1] > last)
            last = list.days[list.count - 1];
        mr_day_list_deinit(&list);
    }
    if (first > last)
        return mr_error_set(error, MR_ERR_NOT_FOUND,
                            "there are no day files yet: say which days by --at");
    if (last - first >= DAYS_MAX)
        return mr_error_set(error, MR_ERR_INVALID, "too many days: say which by --at");
    while (first <= last)
        e->days[e->day_count++] = first++;
    return MR_OK;
}

/* ---- the rows ---- */

static mr_status fill_from_files(training_export *e, mr_error *error)
{
    for (size_t i = 0; i < e->day_count; i++)
        for (uint32_t p = 0; p < e->partitions; p++)
            MR_TRY(mr_day_table_add_file(&e->from_files, &e->files, e->plan, p,
                                         e->days[i], error));
    mr_day_table_order(&e->from_files);
    return MR_OK;
}

static mr_status fill_from_log(training_export *e, mr_error *error)
{
    const mr_day_replay replay = {.config = &e->config,
                                  .control_key = &e->keys.control,
                                  .key = &e->keys.hash,
                                  .plan = e->plan,
                                  .log = e->log,
                                  .days = e->days,
                                  .day_count = e->day_count,
                                  .window_days = e->files.window_days};
    for (uint32_t p = 0; p < e->partitions; p++)
        MR_TRY(mr_day_replay_run(&replay, p, &e->from_log, error));
    mr_day_table_order(&e->from_log);
    return MR_OK;
}

static mr_status write_table(training_export *e, mr_error *error)
{
    FILE *out = e->output != NULL ? fopen(e->output, "we") : stdout;
    if (out == NULL)
        return mr_error_set(error, MR_ERR_UNAVAILABLE, "%s cannot be written", e->output);
    mr_table_rows lines = mr_table_rows_to(
        out, strcmp(e->format, "csv") == 0 ? MR_TABLE_CSV : MR_TABLE_NDJSON);
    const mr_status status = mr_day_table_write(
        e->is_from_files ? &e->from_files : &e->from_log, e->plan, &lines);
    mr_table_rows_deinit(&lines);
    const bool is_written = (out == stdout ? fflush(out) : fclose(out)) == 0;
    return status == MR_OK && !is_written
               ? mr_error_set(error, MR_ERR_UNAVAILABLE, "not all could be written")
               : status;
}

static mr_status compare(const training_export *e, bool *ret_is_same)
{
    mr_buffer report = {0};
    const mr_day_comparison result =
        mr_day_table_compare(&e->from_files, &e->from_log, e->plan, &report);
    (void)fwrite(report.bytes != NULL ? report.bytes : (const uint8_t *)"", 1,
                 report.length, stderr);
    (void)printf("rows=%zu mismatch=%zu\n", result.rows, result.mismatch);
    *ret_is_same = result.mismatch == 0;
    mr_buffer_deinit(&report);
    return MR_OK;
}

/* ---- the command ---- */

static mr_status open_all(training_export *e, mr_error *error)
{
    const bool needs_log = !e->is_from_files || e->is_comparison;
    int64_t window_ms = e->config.models.training_window_ms;
    if (e->window != NULL &&
        (mr_config_duration(mr_text_from(e->window), &window_ms) != MR_OK ||
         window_ms < DAY_MS || window_ms > DAYS_MAX * DAY_MS))
        return mr_error_set(error, MR_ERR_INVALID,
                            "--window takes a time from 1d to %dd, not '%s'", DAYS_MAX,
                            e->window);
    MR_TRY(mr_keys_load(&e->config, MR_KEYS_OPTIONAL, &e->keys, error));
    MR_TRY(mr_plan_file_load(e->config.state.plan, &e->plan, error));
    e->from_files.width = e->from_log.width = (uint32_t)mr_plan_vector_width(e->plan);
    e->files = (mr_day_files){.state_path = e->config.state.path,
                              .topic = e->config.log.topic,
                              .zone = &e->plan->settings.zone,
                              .window_days = (uint32_t)(window_ms / DAY_MS)};
    MR_TRY(mr_day_files_partitions(&e->files, &e->partitions, error));
    if (!needs_log)
        return MR_OK;
    MR_TRY(mr_topic_open(&e->config, MR_TOPICS_READ, e->config.log.topic, 0, &e->log,
                         error));
    e->partitions = mr_log_partitions(e->log);
    return MR_OK;
}

static mr_status export_it(training_export *e, bool *ret_is_same, mr_error *error)
{
    *ret_is_same = true;
    MR_TRY(open_all(e, error));
    e->days = calloc(DAYS_MAX, sizeof(*e->days));
    if (e->days == NULL)
        return mr_error_set(error, MR_ERR_NO_MEMORY, "out of memory");
    MR_TRY(e->at != NULL ? read_days(e, error) : find_days(e, error));
    if (e->is_from_files || e->is_comparison)
        MR_TRY(fill_from_files(e, error));
    if (!e->is_from_files || e->is_comparison)
        MR_TRY(fill_from_log(e, error));
    return e->is_comparison ? compare(e, ret_is_same) : write_table(e, error);
}

static void close_all(training_export *e)
{
    mr_day_table_deinit(&e->from_files);
    mr_day_table_deinit(&e->from_log);
    mr_log_close(e->log);
    mr_plan_destroy(e->plan);
    mr_keys_deinit(&e->keys);
    free(e->days);
    mr_config_deinit(&e->config);
}

int mr_training_export(const mr_command *command, int argc, char **argv)
{
    training_export e = {.command = command, .format = "csv"};
    const mr_option options[] = {{"--at", &e.at, NULL},
                                 {"--window", &e.window, NULL},
                                 {"--format", &e.format, NULL},
                                 {"--output", &e.output, NULL},
                                 {"--config", &e.config_path, NULL},
                                 {"--from-day-files", NULL, &e.is_from_files},
                                 {"--compare", NULL, &e.is_comparison}};
    mr_arguments arguments;
    mr_error error = {{0}};
    int exit_code;
    bool is_same;
    if (!mr_arguments_parse(command, argc, argv, options,
                            sizeof(options) / sizeof(options[0]), &arguments, &exit_code))
        return exit_code;
    if (arguments.positional_count != 1)
        return mr_command_usage(command, "training takes no name");
    if (strcmp(e.format, "csv") != 0 && strcmp(e.format, "ndjson") != 0)
        return mr_command_usage(command, "--format: training cannot be written as '%s'",
                                e.format);
    if (!mr_command_load_config(command, e.config_path, &e.config))
        return MR_EXIT_USAGE;
    const mr_status status = export_it(&e, &is_same, &error);
    close_all(&e);
    if (status != MR_OK)
        return mr_command_failed(command, status, &error);
    return is_same ? MR_EXIT_DONE : MR_EXIT_FAILED;
}
