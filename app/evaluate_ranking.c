#include "app/evaluate.h"
#include "app/evaluate_report.h"
#include "models/basket_protocol.h"
#include "models/lightgcn_protocol.h"
#include "models/sequence_protocol.h"
#include "models/session_protocol.h"

/* ---- sets ---- */

static const char *const set_models[] = {"auto", "item_item", "ials",  "popular",
                                         "ease", "gfcf",      "blend", NULL};

static void print_lightgcn(const mr_lightgcn_result *result, bool json)
{
    mr_evaluate_report report = {.protocol = result->protocol,
                                 .model = result->model,
                                 .parameters = result->parameters,
                                 .train_seconds = result->train_seconds,
                                 .score_seconds = result->score_seconds,
                                 .seed = result->seed};
    const mr_report_value data[] = {{"users", result->users},
                                    {"items", result->items},
                                    {"train", (double)result->train_count},
                                    {"valid", (double)result->valid_count},
                                    {"test", (double)result->test_count},
                                    {"test_users", (double)result->metrics.users},
                                    {"tries", result->tries}};
    const mr_report_value metrics[] = {
        {"recall@20", result->metrics.recall},       {"ndcg@20", result->metrics.ndcg},
        {"precision@20", result->metrics.precision}, {"hit@20", result->metrics.hit},
        {"coverage", result->metrics.coverage},      {"gini", result->metrics.gini}};
    for (size_t i = 0; i < sizeof(data) / sizeof(data[0]); i++)
        mr_evaluate_report_add_data(&report, data[i].name, data[i].value);
    for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
        mr_evaluate_report_add_metric(&report, metrics[i].name, metrics[i].value);
    mr_evaluate_report_print(&report, json);
}

static int run_lightgcn(const mr_command *command, const mr_evaluate_arguments *arguments)
{
    mr_lightgcn_result result;
    mr_error error = {{0}};
    mr_lightgcn_options options = {.train_path = arguments->values[MR_EVALUATE_TRAIN],
                                   .valid_path = arguments->values[MR_EVALUATE_VALID],
                                   .test_path = arguments->values[MR_EVALUATE_TEST],
                                   .budget = arguments->budget,
                                   .seed = arguments->seed,
                                   .threads = arguments->threads,
                                   .report = mr_evaluate_tell,
                                   .clock = mr_clock_system()};
    mr_status status = mr_lightgcn_model_from(arguments->model, &options.model);
    if (status == MR_OK)
        status = mr_lightgcn_run(&options, &result, &error);
    if (status != MR_OK)
        return mr_command_failed(command, status, &error);
    print_lightgcn(&result, arguments->json);
    return MR_EXIT_DONE;
}

const mr_evaluate_protocol mr_evaluate_lightgcn = {
    .name = "lightgcn",
    .help = "  lightgcn --train F [--valid F] --test F\n"
            "    Files of `user item item ...` a line.  Every item the user does not "
            "have in\n"
            "    training is ranked; recall@20, ndcg@20, precision@20, hit@20, coverage, "
            "gini.\n",
    .example = "millrace evaluate lightgcn --train gowalla/train.txt \\\n"
               "                 --test gowalla/test.txt\n",
    .takes = MR_EVALUATE_BIT(TRAIN) | MR_EVALUATE_BIT(VALID) | MR_EVALUATE_BIT(TEST),
    .needs = MR_EVALUATE_BIT(TRAIN) | MR_EVALUATE_BIT(TEST),
    .models = set_models,
    .run = run_lightgcn,
};

/* ---- ordered data ---- */

static const char *const ordered_models[] = {
    "auto",     "item_item",   "ials",   "ease",    "gfcf",  "encoder",
    "sequence", "session_knn", "repeat", "popular", "blend", NULL};

static mr_ranking_options ranking_options(const mr_evaluate_arguments *arguments)
{
    return (mr_ranking_options){.model = arguments->model,
                                .budget = arguments->budget,
                                .seed = arguments->seed,
                                .threads = arguments->threads,
                                .report = mr_evaluate_tell,
                                .clock = mr_clock_system()};
}

static void print_ranking(const mr_ranking_result *result, bool json)
{
    mr_evaluate_report report = {.protocol = result->protocol,
                                 .model = result->model,
                                 .parameters = result->parameters,
                                 .train_seconds = result->train_seconds,
                                 .score_seconds = result->score_seconds,
                                 .seed = result->seed};
    for (size_t i = 0; i < result->data_count; i++)
        mr_evaluate_report_add_data(&report, result->data[i].name, result->data[i].value);
    for (size_t i = 0; i < result->metric_count; i++)
        mr_evaluate_report_add_metric(&report, result->metrics[i].name,
                                      result->metrics[i].value);
    mr_evaluate_report_print(&report, json);
}

/* Print, or say what went wrong: the end of each of the three. */
static int finish(const mr_command *command, const mr_evaluate_arguments *arguments,
                  mr_status status, const mr_ranking_result *result,
                  const mr_error *error)
{
    if (status != MR_OK)
        return mr_command_failed(command, status, error);
    print_ranking(result, arguments->json);
    return MR_EXIT_DONE;
}

static int run_sequence(const mr_command *command, const mr_evaluate_arguments *arguments)
{
    mr_ranking_result result;
    mr_error error = {{0}};
    const mr_sequence_options options = {.data_path = arguments->values[MR_EVALUATE_DATA],
                                         .ranking = ranking_options(arguments)};
    const mr_status status = mr_sequence_protocol_run(&options, &result, &error);
    return finish(command, arguments, status, &result, &error);
}

const mr_evaluate_protocol mr_evaluate_sequence = {
    .name = "sequence",
    .help = "  sequence --data F\n"
            "    A file of `user item item ...` in order.  The last item of each user is "
            "asked\n"
            "    for, the others are learnt from; hr and ndcg @5, @10, @20 among all "
            "items.\n",
    .example = "millrace evaluate sequence --data Beauty.txt --json\n",
    .takes = MR_EVALUATE_BIT(DATA),
    .needs = MR_EVALUATE_BIT(DATA),
    .models = ordered_models,
    .run = run_sequence,
};

static int run_session(const mr_command *command, const mr_evaluate_arguments *arguments)
{
    mr_ranking_result result;
    mr_error error = {{0}};
    mr_session_options options = {.train_path = arguments->values[MR_EVALUATE_TRAIN],
                                  .test_path = arguments->values[MR_EVALUATE_TEST],
                                  .ranking = ranking_options(arguments)};
    const char *format = arguments->values[MR_EVALUATE_FORMAT];
    if (mr_session_format_from(format, &options.format) != MR_OK)
        return mr_command_usage(command, "--format '%s': session has prefix and log",
                                format);
    const mr_status status = mr_session_protocol_run(&options, &result, &error);
    return finish(command, arguments, status, &result, &error);
}

const mr_evaluate_protocol mr_evaluate_session = {
    .name = "session",
    .help =
        "  session --train F --test F --format prefix|log\n"
        "    What is clicked next; hr@20, mrr@20 among all items.\n"
        "      prefix          a session a line; test lines of `item item ...<TAB>next`\n"
        "      log             columns SessionId, ItemId, Time; asked for at every "
        "place\n",
    .example = "millrace evaluate session --train train_full.txt --test test.txt "
               "\\\n"
               "                 --format log\n",
    .takes = MR_EVALUATE_BIT(TRAIN) | MR_EVALUATE_BIT(TEST) | MR_EVALUATE_BIT(FORMAT),
    .needs = MR_EVALUATE_BIT(TRAIN) | MR_EVALUATE_BIT(TEST) | MR_EVALUATE_BIT(FORMAT),
    .models = ordered_models,
    .run = run_session,
};

static int run_basket(const mr_command *command, const mr_evaluate_arguments *arguments)
{
    mr_ranking_result result;
    mr_error error = {{0}};
    const mr_basket_options options = {
        .history_path = arguments->values[MR_EVALUATE_HISTORY],
        .future_path = arguments->values[MR_EVALUATE_FUTURE],
        .ranking = ranking_options(arguments)};
    const mr_status status = mr_basket_protocol_run(&options, &result, &error);
    return finish(command, arguments, status, &result, &error);
}

const mr_evaluate_protocol mr_evaluate_basket = {
    .name = "basket",
    .help = "  basket --history F --future F\n"
            "    JSON objects of customers' baskets, `{\"1\": [[-1], [3, 5], [-1]], "
            "...}`, and of\n"
            "    the basket that followed; recall@10, ndcg@10, phr@10 among all items.\n",
    .example = "millrace evaluate basket --history tafeng_history.json \\\n"
               "                 --future tafeng_future.json\n",
    .takes = MR_EVALUATE_BIT(HISTORY) | MR_EVALUATE_BIT(FUTURE),
    .needs = MR_EVALUATE_BIT(HISTORY) | MR_EVALUATE_BIT(FUTURE),
    .models = ordered_models,
    .run = run_basket,
};
