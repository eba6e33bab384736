#include "app/evaluate_report.h"

#include "app/published_rows.h"
#include "core/assert.h"
#include "core/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { DECIMALS = 6, NAME_COLUMNS = 16 };

void mr_evaluate_report_add_data(mr_evaluate_report *report, const char *name,
                                 double value)
{
    MR_ASSERT(report->data_count < MR_EVALUATE_VALUES_MAX);
    report->data[report->data_count++] = (mr_report_value){name, value};
}

void mr_evaluate_report_add_metric(mr_evaluate_report *report, const char *name,
                                   double value)
{
    MR_ASSERT(report->metric_count < MR_EVALUATE_VALUES_MAX);
    report->metrics[report->metric_count++] = (mr_report_value){name, value};
}

/* ---- for a machine ---- */

static void print_json(const mr_evaluate_report *report)
{
    mr_buffer text = {0};
    mr_json_writer writer = mr_json_writer_of(&text);
    mr_json_begin_object(&writer);
    mr_json_member_string(&writer, "protocol", report->protocol);
    mr_json_key(&writer, "data");
    mr_json_begin_object(&writer);
    for (size_t i = 0; i < report->data_count; i++) {
        mr_json_key(&writer, report->data[i].name);
        mr_json_put_double(&writer, report->data[i].value);
    }
    mr_json_end_object(&writer);
    mr_json_key(&writer, "model");
    mr_json_begin_object(&writer);
    mr_json_member_string(&writer, "name", report->model);
    mr_json_member_string(&writer, "parameters", report->parameters);
    mr_json_end_object(&writer);
    mr_json_key(&writer, "metrics");
    mr_json_begin_object(&writer);
    for (size_t i = 0; i < report->metric_count; i++) {
        mr_json_key(&writer, report->metrics[i].name);
        mr_json_put_fixed(&writer, report->metrics[i].value, DECIMALS);
    }
    mr_json_end_object(&writer);
    mr_json_key(&writer, "train_seconds");
    mr_json_put_fixed(&writer, report->train_seconds, 3);
    mr_json_key(&writer, "score_seconds");
    mr_json_put_fixed(&writer, report->score_seconds, 3);
    mr_json_key(&writer, "seed");
    mr_json_put_uint(&writer, report->seed);
    mr_json_end_object(&writer);
    (void)printf("%.*s\n", (int)text.length, (const char *)text.bytes);
    mr_buffer_deinit(&text);
}

/* ---- for a person ---- */

static void print_published(const mr_evaluate_report *report)
{
    const mr_published_set *set =
        mr_published_find(report->protocol, report->data, report->data_count);
    if (set == NULL)
        return;
    (void)printf("\n%s, %s:\n%-*s", set->name, set->source, NAME_COLUMNS, "");
    for (size_t m = 0; m < MR_PUBLISHED_METRICS_MAX && set->metrics[m] != NULL; m++)
        (void)printf(" %9s", set->metrics[m]);
    (void)printf("\n");
    for (size_t r = 0; r < MR_PUBLISHED_ROWS_MAX && set->rows[r].model != NULL; r++) {
        (void)printf("%-*s", NAME_COLUMNS, set->rows[r].model);
        for (size_t m = 0; m < MR_PUBLISHED_METRICS_MAX && set->metrics[m] != NULL; m++)
            if (set->rows[r].values[m] > 0.0)
                (void)printf(" %9.4f", set->rows[r].values[m]);
            else
                (void)printf(" %9s", "-");
        (void)printf("\n");
    }
}

/* Of the column of names. */
static int width_of(const mr_evaluate_report *report)
{
    size_t width = NAME_COLUMNS;
    for (size_t i = 0; i < report->metric_count; i++)
        if (strlen(report->metrics[i].name) > width)
            width = strlen(report->metrics[i].name);
    return (int)width;
}

static void print_table(const mr_evaluate_report *report)
{
    const int width = width_of(report);
    (void)printf("%-*s %s\n", width, "protocol", report->protocol);
    for (size_t i = 0; i < report->data_count; i++)
        (void)printf("%-*s %.10g\n", width, report->data[i].name, report->data[i].value);
    (void)printf("%-*s %s\n%-*s %s\n\n", width, "model", report->model, width,
                 "parameters", report->parameters);
    for (size_t i = 0; i < report->metric_count; i++)
        (void)printf("%-*s %.4f\n", width, report->metrics[i].name,
                     report->metrics[i].value);
    (void)printf("\ntrained in %.2f s, scored in %.2f s, seed %" PRIu64 "\n",
                 report->train_seconds, report->score_seconds, report->seed);
    print_published(report);
}

void mr_evaluate_report_print(const mr_evaluate_report *report, bool json)
{
    if (json)
        print_json(report);
    else
        print_table(report);
}
