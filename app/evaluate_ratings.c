#include "app/evaluate.h"
#include "app/evaluate_report.h"
#include "models/ratings_protocol.h"

#include <stdio.h>
#include <string.h>

static const char *const models[] = {"auto", "content", "item_item", "popular", NULL};
enum { LINE_BYTES = 128 };

/* The other models' figures, which the contract has no place for, go where progress goes. */
static void tell_yardsticks(const mr_ratings_result *result)
{
    for (uint32_t r = 1; r < result->row_count; r++) {
        char line[LINE_BYTES];
        (void)snprintf(line, sizeof(line), "beside it: %s recall@20 %.4f ndcg@20 %.4f",
                       result->rows[r].model, result->rows[r].metrics[0],
                       result->rows[r].metrics[1]);
        mr_evaluate_tell(NULL, line);
    }
}

static void print_ratings(const mr_ratings_result *result, bool json)
{
    const mr_ratings_row *row = &result->rows[0];
    mr_evaluate_report report = {.protocol = result->protocol,
                                 .model = row->model,
                                 .parameters = row->parameters,
                                 .train_seconds = row->train_seconds,
                                 .score_seconds = row->score_seconds,
                                 .seed = result->seed};
    const mr_report_value data[] = {{"users", result->users},
                                    {"items", result->items},
                                    {"train", (double)result->train_count},
                                    {"test", (double)result->test_count},
                                    {"cold_users", result->cold_users},
                                    {"cold_items", result->cold_items},
                                    {"tries", row->tries}};
    for (size_t i = 0; i < sizeof(data) / sizeof(data[0]); i++)
        mr_evaluate_report_add_data(&report, data[i].name, data[i].value);
    for (uint32_t m = 0; m < MR_RATINGS_METRICS; m++)
        mr_evaluate_report_add_metric(&report, mr_ratings_metric_name(m),
                                      row->metrics[m]);
    tell_yardsticks(result);
    mr_evaluate_report_print(&report, json);
}

/* Both have one value yet; NULL is that one. */
static bool check_words(const mr_command *command, const mr_evaluate_arguments *arguments)
{
    const char *format = arguments->values[MR_EVALUATE_FORMAT];
    const char *split = arguments->values[MR_EVALUATE_SPLIT];
    if (format != NULL && strcmp(format, "ml-100k") != 0) {
        (void)mr_command_usage(command, "--format '%s': ratings has ml-100k", format);
        return false;
    }
    if (split != NULL && strcmp(split, "time") != 0) {
        (void)mr_command_usage(command, "--split '%s': ratings has time", split);
        return false;
    }
    return true;
}

static int run_ratings(const mr_command *command, const mr_evaluate_arguments *arguments)
{
    mr_ratings_result result;
    mr_error error = {{0}};
    mr_ratings_options options = {.data_path = arguments->values[MR_EVALUATE_DATA],
                                  .items_path = arguments->values[MR_EVALUATE_ITEMS],
                                  .users_path = arguments->values[MR_EVALUATE_USERS],
                                  .model = arguments->model,
                                  .budget = arguments->budget,
                                  .seed = arguments->seed,
                                  .threads = arguments->threads,
                                  .report = mr_evaluate_tell,
                                  .clock = mr_clock_system()};
    if (!check_words(command, arguments))
        return MR_EXIT_USAGE;
    const mr_status status = mr_ratings_run(&options, &result, &error);
    if (status != MR_OK)
        return mr_command_failed(command, status, &error);
    print_ratings(&result, arguments->json);
    return MR_EXIT_DONE;
}

const mr_evaluate_protocol mr_evaluate_ratings = {
    .name = "ratings",
    .help =
        "  ratings --data F --items F [--users F] [--format ml-100k] [--split time]\n"
        "    The newest fifth of the ratings is asked for, and with it what is worth\n"
        "    something for new users and new items; recall@20, ndcg@20, the same of "
        "users\n"
        "    with 1, 3, 5 ratings, of new items, and of new items among themselves.\n",
    .example = "millrace evaluate ratings --data ml-100k.inter --items ml-100k.item \\\n"
               "                 --users ml-100k.user --format ml-100k --split time\n",
    .takes = MR_EVALUATE_BIT(DATA) | MR_EVALUATE_BIT(ITEMS) | MR_EVALUATE_BIT(USERS) |
             MR_EVALUATE_BIT(FORMAT) | MR_EVALUATE_BIT(SPLIT),
    .needs = MR_EVALUATE_BIT(DATA) | MR_EVALUATE_BIT(ITEMS),
    .models = models,
    .run = run_ratings,
};
