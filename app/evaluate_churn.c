#include "app/evaluate.h"
#include "app/evaluate_report.h"
#include "core/clock.h"
#include "models/churn_protocol.h"

#include <inttypes.h>
#include <stdio.h>

enum { FOLDS_DEFAULT = 5, WINDOW_DAYS_MAX = 3650, DAY_MS = 86400000 };

static void print_churn(const mr_churn_evaluation *result, const char *family, bool json)
{
    mr_evaluate_report r = {.protocol = "churn",
                            .model = family,
                            .parameters = result->model,
                            .train_seconds = result->train_seconds,
                            .score_seconds = result->score_seconds,
                            .seed = result->seed};
    mr_evaluate_report_add_data(&r, "train_rows", (double)result->train_rows);
    mr_evaluate_report_add_data(&r, "test_rows", (double)result->test_rows);
    mr_evaluate_report_add_data(&r, "features", result->features);
    if (result->folds > 0) {
        mr_evaluate_report_add_data(&r, "folds", result->folds);
    } else {
        mr_evaluate_report_add_data(&r, "origins", result->origins);
        mr_evaluate_report_add_data(&r, "window_days", result->window_days);
    }
    mr_evaluate_report_add_data(&r, "train_churn_rate", result->train_churn_rate);
    mr_evaluate_report_add_data(&r, "test_churn_rate", result->test_churn_rate);
    mr_evaluate_report_add_metric(&r, "auc", result->metrics.auc);
    mr_evaluate_report_add_metric(&r, "log_loss", result->metrics.log_loss);
    mr_evaluate_report_add_metric(&r, "brier", result->metrics.brier);
    mr_evaluate_report_add_metric(&r, "ece", result->metrics.ece);
    mr_evaluate_report_add_metric(&r, "lift@10", result->metrics.lift_at_10);
    mr_evaluate_report_print(&r, json);
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

static int churn_table(const mr_command *command, const mr_evaluate_arguments *arguments,
                       mr_churn_family family)
{
    const char *const *values = arguments->values;
    int64_t folds = FOLDS_DEFAULT;
    if (values[MR_EVALUATE_TARGET] == NULL || values[MR_EVALUATE_POSITIVE] == NULL)
        return mr_command_usage(command, "--table needs --target and --positive");
    if (values[MR_EVALUATE_FOLDS] != NULL &&
        !mr_command_number(command, "--folds", values[MR_EVALUATE_FOLDS], 2,
                           MR_CHURN_TABLE_FOLDS_MAX, &folds))
        return MR_EXIT_USAGE;
    mr_table *table = NULL;
    mr_churn_evaluation result;
    mr_error error = {{0}};
    mr_status status =
        mr_table_read(values[MR_EVALUATE_TABLE], mr_text_from(values[MR_EVALUATE_TARGET]),
                      mr_text_from(values[MR_EVALUATE_POSITIVE]), &table, &error);
    if (status == MR_OK) {
        (void)fputs(mr_table_notes(table), stderr);
        const mr_churn_table_options run = {.family = family,
                                            .folds = (uint32_t)folds,
                                            .seed = arguments->seed,
                                            .clock = mr_clock_system()};
        status = mr_churn_evaluate_table(table, &run, &result, &error);
    }
    mr_table_destroy(table);
    if (status != MR_OK)
        return mr_command_failed(command, status, &error);
    print_churn(&result, "logistic", arguments->json);
    return MR_EXIT_DONE;
}

static int churn_transactions(const mr_command *command,
                              const mr_evaluate_arguments *arguments,
                              mr_churn_family family)
{
    const char *const *values = arguments->values;
    mr_transactions_format format;
    mr_churn_transactions_options run = {
        .family = family, .seed = arguments->seed, .clock = mr_clock_system()};
    int64_t window_days = 0;
    if (values[MR_EVALUATE_FORMAT] == NULL ||
        mr_transactions_format_parse(mr_text_from(values[MR_EVALUATE_FORMAT]), &format) !=
            MR_OK)
        return mr_command_usage(command, "--transactions needs --format cdnow or csv");
    if (!take_date(command, "--train-at", values[MR_EVALUATE_TRAIN_AT], &run.train_day) ||
        !take_date(command, "--test-at", values[MR_EVALUATE_TEST_AT], &run.test_day))
        return MR_EXIT_USAGE;
    if (values[MR_EVALUATE_WINDOW_DAYS] != NULL &&
        !mr_command_number(command, "--window-days", values[MR_EVALUATE_WINDOW_DAYS], 1,
                           WINDOW_DAYS_MAX, &window_days))
        return MR_EXIT_USAGE;
    run.window_days = (uint32_t)window_days;

    mr_transactions *transactions = NULL;
    mr_churn_evaluation result;
    mr_error error = {{0}};
    mr_status status = mr_transactions_read(values[MR_EVALUATE_TRANSACTIONS], format,
                                            &transactions, &error);
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
    print_churn(&result, "logistic", arguments->json);
    return MR_EXIT_DONE;
}

static int run_churn(const mr_command *command, const mr_evaluate_arguments *arguments)
{
    mr_churn_family family = MR_CHURN_AUTO;
    const bool has_table = arguments->values[MR_EVALUATE_TABLE] != NULL;
    if (has_table == (arguments->values[MR_EVALUATE_TRANSACTIONS] != NULL))
        return mr_command_usage(command, "churn needs --table or --transactions");
    if (mr_churn_family_parse(mr_text_from(arguments->model), &family) != MR_OK)
        return mr_command_usage(command, "churn has no model '%s'", arguments->model);
    return has_table ? churn_table(command, arguments, family)
                     : churn_transactions(command, arguments, family);
}

static const char *const models[] = {"auto", "logistic", NULL};

const mr_evaluate_protocol mr_evaluate_churn = {
    .name = "churn",
    .help = "  churn --table F --target COLUMN --positive VALUE [--folds K]\n"
            "  churn --transactions F --format cdnow|csv --train-at DATE --test-at DATE\n"
            "    Who leaves; auc, log_loss, brier, ece, lift@10.\n"
            "      --folds K       of a table (default 5)\n"
            "      --window-days N no purchase in so many days is churn (default: by the "
            "gaps)\n",
    .example =
        "millrace evaluate churn --transactions CDNOW_master.txt \\\n"
        "                 --format cdnow --train-at 1997-06-30 --test-at 1997-12-31 \\\n"
        "                 --window-days 181\n",
    .takes = MR_EVALUATE_BIT(TABLE) | MR_EVALUATE_BIT(TARGET) |
             MR_EVALUATE_BIT(POSITIVE) | MR_EVALUATE_BIT(TRANSACTIONS) |
             MR_EVALUATE_BIT(FORMAT) | MR_EVALUATE_BIT(TRAIN_AT) |
             MR_EVALUATE_BIT(TEST_AT) | MR_EVALUATE_BIT(WINDOW_DAYS) |
             MR_EVALUATE_BIT(FOLDS),
    .models = models,
    .run = run_churn,
};
