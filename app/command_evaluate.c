#include "app/command.h"
#include "core/clock.h"
#include "core/json.h"
#include "models/blas.h"
#include "models/churn_protocol.h"
#include "models/lightgcn_protocol.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    BUDGET_MAX = 10000,
    THREADS_MAX = 256,
    FOLDS_DEFAULT = 5,
    WINDOW_DAYS_MAX = 3650,
    METRICS_MAX = 8,
    DAY_MS = 86400000,
    DECIMALS = 6,
    SEED_DEFAULT = 1,
};

static const char help[] =
    "usage: millrace evaluate lightgcn --train F [--valid F] --test F [OPTIONS]\n"
    "       millrace evaluate churn --table F --target COLUMN --positive VALUE "
    "[OPTIONS]\n"
    "       millrace evaluate churn --transactions F --format cdnow|csv\n"
    "                               --train-at DATE --test-at DATE [OPTIONS]\n"
    "\n"
    "Judges the models as the published figures are.  Everything is chosen on a hold-out "
    "cut\n"
    "from the training part; the test part is only counted.\n"
    "\n"
    "  lightgcn: files of `user item item ...` a line; every item the user does not have "
    "is\n"
    "  ranked.  Prints recall@20, ndcg@20, precision@20, hit@20, coverage, gini.\n"
    "    --model M        auto (default), item_item, ials, popular, ease, gfcf, blend\n"
    "    --budget N       candidates to try (default: the tuner's)\n"
    "    --threads N      default: one a processor; the result does not depend on it\n"
    "  churn: prints auc, log_loss, brier, ece, lift@10.\n"
    "    --model M        auto (default), logistic\n"
    "    --folds K        of a table (default 5)\n"
    "    --window-days N  no purchase in so many days is churn (default: from the gaps)\n"
    "  both:\n"
    "    --seed S         default 1\n"
    "    --json           one JSON object\n"
    "\n"
    "example: millrace evaluate churn --transactions CDNOW_master.txt --format cdnow \\\n"
    "             --train-at 1997-06-30 --test-at 1997-12-31 --window-days 181 --json\n";

typedef struct evaluate_options {
    const char *train, *valid, *test;
    const char *table, *target, *positive;
    const char *transactions, *format, *train_at, *test_at, *window_days;
    const char *model, *budget, *threads, *folds, *seed;
    bool json;
    int64_t seed_number;
} evaluate_options;

/* What both protocols print, in the contract's words. */
typedef struct named_value {
    const char *name;
    double value;
} named_value;

typedef struct report {
    const char *protocol;
    named_value data[METRICS_MAX];
    size_t data_count;
    const char *model;
    const char *parameters;
    named_value metrics[METRICS_MAX];
    size_t metric_count;
    double train_seconds;
    double score_seconds;
    uint64_t seed;
} report;

static void add_data(report *r, const char *name, double value)
{
    r->data[r->data_count++] = (named_value){name, value};
}

static void add_metric(report *r, const char *name, double value)
{
    r->metrics[r->metric_count++] = (named_value){name, value};
}

static void put_text(mr_json_writer *writer, const char *key, const char *value)
{
    mr_json_key(writer, key);
    mr_json_put_string(writer, value);
}

static void print_json(const report *r)
{
    mr_buffer text = {0};
    mr_json_writer writer = mr_json_writer_of(&text);
    mr_json_begin_object(&writer);
    put_text(&writer, "protocol", r->protocol);
    mr_json_key(&writer, "data");
    mr_json_begin_object(&writer);
    for (size_t i = 0; i < r->data_count; i++) {
        mr_json_key(&writer, r->data[i].name);
        mr_json_put_double(&writer, r->data[i].value);
    }
    mr_json_end_object(&writer);
    mr_json_key(&writer, "model");
    mr_json_begin_object(&writer);
    put_text(&writer, "name", r->model);
    put_text(&writer, "parameters", r->parameters);
    mr_json_end_object(&writer);
    mr_json_key(&writer, "metrics");
    mr_json_begin_object(&writer);
    for (size_t i = 0; i < r->metric_count; i++) {
        mr_json_key(&writer, r->metrics[i].name);
        mr_json_put_fixed(&writer, r->metrics[i].value, DECIMALS);
    }
    mr_json_end_object(&writer);
    mr_json_key(&writer, "train_seconds");
    mr_json_put_fixed(&writer, r->train_seconds, 3);
    mr_json_key(&writer, "score_seconds");
    mr_json_put_fixed(&writer, r->score_seconds, 3);
    mr_json_key(&writer, "seed");
    mr_json_put_uint(&writer, r->seed);
    mr_json_end_object(&writer);
    (void)printf("%.*s\n", (int)text.length, (const char *)text.bytes);
    mr_buffer_deinit(&text);
}

static void print_table(const report *r)
{
    (void)printf("%-16s %s\n", "protocol", r->protocol);
    for (size_t i = 0; i < r->data_count; i++)
        (void)printf("%-16s %.10g\n", r->data[i].name, r->data[i].value);
    (void)printf("%-16s %s\n%-16s %s\n\n", "model", r->model, "parameters",
                 r->parameters);
    for (size_t i = 0; i < r->metric_count; i++)
        (void)printf("%-16s %.4f\n", r->metrics[i].name, r->metrics[i].value);
    (void)printf("\ntrained in %.2f s, scored in %.2f s, seed %" PRIu64 "\n",
                 r->train_seconds, r->score_seconds, r->seed);
}

static void print(const report *r, bool json)
{
    if (json)
        print_json(r);
    else
        print_table(r);
}

static void tell(void *context, const char *line)
{
    (void)context;
    (void)fprintf(stderr, "%s\n", line);
}

/* -- lightgcn ---------------------------------------------------------------------------- */

static void print_lightgcn(const mr_lightgcn_result *result, bool json)
{
    report r = {.protocol = result->protocol,
                .model = result->model,
                .parameters = result->parameters,
                .train_seconds = result->train_seconds,
                .score_seconds = result->score_seconds,
                .seed = result->seed};
    add_data(&r, "users", result->users);
    add_data(&r, "items", result->items);
    add_data(&r, "train", (double)result->train_count);
    add_data(&r, "valid", (double)result->valid_count);
    add_data(&r, "test", (double)result->test_count);
    add_data(&r, "test_users", (double)result->metrics.users);
    add_data(&r, "tries", result->tries);
    add_metric(&r, "recall@20", result->metrics.recall);
    add_metric(&r, "ndcg@20", result->metrics.ndcg);
    add_metric(&r, "precision@20", result->metrics.precision);
    add_metric(&r, "hit@20", result->metrics.hit);
    add_metric(&r, "coverage", result->metrics.coverage);
    add_metric(&r, "gini", result->metrics.gini);
    print(&r, json);
}

static int lightgcn(const mr_command *command, const evaluate_options *options)
{
    int64_t budget = 0;
    int64_t threads = 0;
    mr_lightgcn_options run = {.train_path = options->train,
                               .valid_path = options->valid,
                               .test_path = options->test,
                               .seed = (uint64_t)options->seed_number,
                               .report = tell,
                               .clock = mr_clock_system()};
    if (options->train == NULL || options->test == NULL)
        return mr_command_usage(command, "lightgcn needs --train and --test");
    if (options->model != NULL &&
        mr_lightgcn_model_from(options->model, &run.model) != MR_OK)
        return mr_command_usage(
            command,
            "--model '%s': lightgcn has auto, item_item, ials, popular, "
            "ease, gfcf and blend",
            options->model);
    if ((options->budget != NULL &&
         !mr_command_number(command, "--budget", options->budget, 1, BUDGET_MAX,
                            &budget)) ||
        (options->threads != NULL &&
         !mr_command_number(command, "--threads", options->threads, 1, THREADS_MAX,
                            &threads)))
        return MR_EXIT_USAGE;
    run.budget = (uint32_t)budget;
    run.threads = (uint32_t)threads;

    mr_lightgcn_result result;
    mr_error error = {{0}};
    const mr_status status = mr_lightgcn_run(&run, &result, &error);
    if (status != MR_OK)
        return mr_command_failed(command, status, &error);
    print_lightgcn(&result, options->json);
    return MR_EXIT_DONE;
}

/* -- churn ------------------------------------------------------------------------------- */

static void print_churn(const mr_churn_evaluation *result, const char *family, bool json)
{
    report r = {.protocol = "churn",
                .model = family,
                .parameters = result->model,
                .train_seconds = result->train_seconds,
                .score_seconds = result->score_seconds,
                .seed = result->seed};
    add_data(&r, "train_rows", (double)result->train_rows);
    add_data(&r, "test_rows", (double)result->test_rows);
    add_data(&r, "features", result->features);
    if (result->folds > 0) {
        add_data(&r, "folds", result->folds);
    } else {
        add_data(&r, "origins", result->origins);
        add_data(&r, "window_days", result->window_days);
    }
    add_data(&r, "train_churn_rate", result->train_churn_rate);
    add_data(&r, "test_churn_rate", result->test_churn_rate);
    add_metric(&r, "auc", result->metrics.auc);
    add_metric(&r, "log_loss", result->metrics.log_loss);
    add_metric(&r, "brier", result->metrics.brier);
    add_metric(&r, "ece", result->metrics.ece);
    add_metric(&r, "lift@10", result->metrics.lift_at_10);
    print(&r, json);
}

static bool take_date(const mr_command *command, const char *option, const char *text,
                      int32_t *ret_day)
{
    int64_t time_ms;
    if (text == NULL || mr_text_to_time_ms(mr_text_from(text), &time_ms) != MR_OK ||
        time_ms % DAY_MS != 0 || time_ms < 0) {
        (void)mr_command_usage(command, "%s needs a date such as 1997-06-30", option);
        return false;
    }
    *ret_day = (int32_t)mr_time_day(time_ms);
    return true;
}

static int churn_table(const mr_command *command, const evaluate_options *options,
                       mr_churn_family family)
{
    int64_t folds = FOLDS_DEFAULT;
    if (options->target == NULL || options->positive == NULL)
        return mr_command_usage(command, "--table needs --target and --positive");
    if (options->folds != NULL && !mr_command_number(command, "--folds", options->folds,
                                                     2, MR_CHURN_TABLE_FOLDS_MAX, &folds))
        return MR_EXIT_USAGE;
    mr_table *table = NULL;
    mr_churn_evaluation result;
    mr_error error = {{0}};
    mr_status status = mr_table_read(options->table, mr_text_from(options->target),
                                     mr_text_from(options->positive), &table, &error);
    if (status == MR_OK) {
        (void)fputs(mr_table_notes(table), stderr);
        const mr_churn_table_options run = {.family = family,
                                            .folds = (uint32_t)folds,
                                            .seed = (uint64_t)options->seed_number,
                                            .clock = mr_clock_system()};
        status = mr_churn_evaluate_table(table, &run, &result, &error);
    }
    mr_table_destroy(table);
    if (status != MR_OK)
        return mr_command_failed(command, status, &error);
    print_churn(&result, "logistic", options->json);
    return MR_EXIT_DONE;
}

static int churn_transactions(const mr_command *command, const evaluate_options *options,
                              mr_churn_family family)
{
    mr_transactions_format format;
    mr_churn_transactions_options run = {.family = family,
                                         .seed = (uint64_t)options->seed_number,
                                         .clock = mr_clock_system()};
    int64_t window_days = 0;
    if (options->format == NULL ||
        mr_transactions_format_parse(mr_text_from(options->format), &format) != MR_OK)
        return mr_command_usage(command, "--transactions needs --format cdnow or csv");
    if (!take_date(command, "--train-at", options->train_at, &run.train_day) ||
        !take_date(command, "--test-at", options->test_at, &run.test_day))
        return MR_EXIT_USAGE;
    if (options->window_days != NULL &&
        !mr_command_number(command, "--window-days", options->window_days, 1,
                           WINDOW_DAYS_MAX, &window_days))
        return MR_EXIT_USAGE;
    run.window_days = (uint32_t)window_days;

    mr_transactions *transactions = NULL;
    mr_churn_evaluation result;
    mr_error error = {{0}};
    mr_status status =
        mr_transactions_read(options->transactions, format, &transactions, &error);
    if (status == MR_OK) {
        (void)fprintf(stderr, "%zu lines of %" PRIu32 " customers, %zu left out\n",
                      mr_transactions_lines(transactions),
                      mr_transactions_customers(transactions),
                      mr_transactions_left_out(transactions));
        status = mr_churn_evaluate_transactions(transactions, &run, &result, &error);
    }
    mr_transactions_destroy(transactions);
    if (status != MR_OK)
        return mr_command_failed(command, status, &error);
    print_churn(&result, "logistic", options->json);
    return MR_EXIT_DONE;
}

static int churn(const mr_command *command, const evaluate_options *options)
{
    mr_churn_family family = MR_CHURN_AUTO;
    if ((options->table == NULL) == (options->transactions == NULL))
        return mr_command_usage(command, "churn needs --table or --transactions");
    if (options->model != NULL &&
        mr_churn_family_parse(mr_text_from(options->model), &family) != MR_OK)
        return mr_command_usage(command, "--model '%s': churn has auto and logistic",
                                options->model);
    return options->table != NULL ? churn_table(command, options, family)
                                  : churn_transactions(command, options, family);
}

static int run(const mr_command *command, int argc, char **argv)
{
    evaluate_options options = {.seed_number = SEED_DEFAULT};
    const mr_option table[] = {
        {"--train", &options.train, NULL},
        {"--valid", &options.valid, NULL},
        {"--test", &options.test, NULL},
        {"--table", &options.table, NULL},
        {"--target", &options.target, NULL},
        {"--positive", &options.positive, NULL},
        {"--transactions", &options.transactions, NULL},
        {"--format", &options.format, NULL},
        {"--train-at", &options.train_at, NULL},
        {"--test-at", &options.test_at, NULL},
        {"--window-days", &options.window_days, NULL},
        {"--model", &options.model, NULL},
        {"--budget", &options.budget, NULL},
        {"--threads", &options.threads, NULL},
        {"--folds", &options.folds, NULL},
        {"--seed", &options.seed, NULL},
        {"--json", NULL, &options.json},
    };
    mr_arguments arguments;
    int exit_code;
    if (!mr_arguments_parse(command, argc, argv, table, sizeof(table) / sizeof(table[0]),
                            &arguments, &exit_code))
        return exit_code;
    if (arguments.positional_count != 1)
        return mr_command_usage(command, "needs one protocol: lightgcn or churn");
    if (options.seed != NULL && !mr_command_number(command, "--seed", options.seed, 0,
                                                   INT64_MAX, &options.seed_number))
        return MR_EXIT_USAGE;
    const char *protocol = arguments.positionals[0];
    const bool is_lightgcn = strcmp(protocol, "lightgcn") == 0;
    if (!is_lightgcn && strcmp(protocol, "churn") != 0)
        return mr_command_usage(command, "no protocol '%s'; there are lightgcn and churn",
                                protocol);
    if (mr_blas_start() == NULL) {
        const mr_error error = {"BLAS returns wrong products; install OpenBLAS's pthread "
                                "build, not the serial one"};
        return mr_command_failed(command, MR_ERR_UNAVAILABLE, &error);
    }
    return is_lightgcn ? lightgcn(command, &options) : churn(command, &options);
}

const mr_command mr_command_evaluate = {
    .name = "evaluate",
    .summary = "judge the models on held-out data, as published figures are",
    .help = help,
    .run = run,
};
