#include "app/command.h"
#include "app/training_run.h"
#include "core/clock.h"
#include "models/blas.h"

#include <inttypes.h>
#include <stdio.h>

#define DAY_MS INT64_C(86400000)

enum { DAYS_MAX = 3650 };

static const char help[] =
    "usage: millrace train [--config FILE] [--seed N] [--threads N] [--budget N]\n"
    "                      [--holdout 30d] [--churn-window 90d] [--verbose] [--json]\n"
    "\n"
    "Learns from the newest checkpoints and the log, writes a model version below "
    "models.path\n"
    "and makes it the one that is served.  A running `millrace run` takes it up by "
    "itself.\n"
    "\n"
    "Before training on everything it trains on what was known before the hold-out and "
    "says\n"
    "what that model would have been worth to the customers who came back.\n"
    "\n"
    "  --config FILE       the YAML file of `millrace run`\n"
    "  --seed N            of everything random (1); the same seed gives the same "
    "version\n"
    "  --threads N         0: one a processor; does not change the result\n"
    "  --budget N          candidates to try, half of them of the ranker (56)\n"
    "  --holdout TIME      the newest part of the data, for the report (30d)\n"
    "  --churn-window TIME a customer is lost who buys nothing for so long (90d)\n"
    "  --verbose           a line a candidate: what was tried and what it reached\n"
    "  --json              print the outcome as one JSON object\n"
    "\n"
    "example: millrace train --config millrace.yaml --holdout 14d\n";

static bool read_duration(const mr_command *command, const char *option, const char *text,
                          int64_t *ret_ms)
{
    if (mr_config_duration(mr_text_from(text), ret_ms) == MR_OK && *ret_ms >= DAY_MS &&
        *ret_ms <= DAYS_MAX * DAY_MS)
        return true;
    (void)mr_command_usage(command, "%s takes a time from 1d to %dd, not '%s'", option,
                           DAYS_MAX, text);
    return false;
}

/* ---- as JSON ---- */

static void put_time(mr_json_writer *writer, const char *key, int64_t time_ms)
{
    char text[MR_TIME_TEXT_BYTES];
    mr_time_to_text(time_ms, text);
    mr_json_key(writer, key);
    mr_json_put_string(writer, text);
}

static void put_data(mr_json_writer *writer, const mr_training_outcome *outcome)
{
    mr_json_key(writer, "data");
    mr_json_begin_object(writer);
    mr_json_member_uint(writer, "partitions", outcome->partitions);
    mr_json_member_uint(writer, "users", outcome->counts.users);
    mr_json_member_uint(writer, "anonymous", outcome->counts.anonymous);
    mr_json_member_uint(writer, "items", outcome->counts.items);
    mr_json_member_uint(writer, "interactions", outcome->counts.entries);
    put_time(writer, "from", outcome->from_ms);
    put_time(writer, "to", outcome->to_ms);
    mr_json_end_object(writer);
}

static void put_model(mr_json_writer *writer, const mr_training_outcome *outcome)
{
    const mr_tuner_result *tuned = &outcome->result.tuned;
    char recipe[MR_RECIPE_TEXT_BYTES];
    mr_recipe_text(&tuned->recipe, recipe);
    mr_json_key(writer, "model");
    mr_json_begin_object(writer);
    mr_json_key(writer, "name");
    mr_json_put_string(writer, mr_recipe_model_name(&tuned->recipe));
    mr_json_key(writer, "recipe");
    mr_json_put_string(writer, recipe);
    mr_json_member_uint(writer, "tries", tuned->tries);
    mr_json_key(writer, "tuned_recall@20");
    mr_json_put_fixed(writer, tuned->holdout.recall, 6);
    mr_json_key(writer, "tuned_ndcg@20");
    mr_json_put_fixed(writer, tuned->holdout.ndcg, 6);
    mr_json_end_object(writer);
}

static void put_ranker(mr_json_writer *writer, const mr_ranker_tuner_result *ranked)
{
    char recipe[MR_RANKER_TEXT_BYTES];
    mr_ranker_recipe_text(&ranked->recipe, recipe);
    mr_json_key(writer, "ranker");
    mr_json_begin_object(writer);
    mr_json_key(writer, "name");
    mr_json_put_string(writer, mr_ranker_choice_name(&ranked->recipe.choice));
    mr_json_key(writer, "recipe");
    mr_json_put_string(writer, recipe);
    mr_json_member_uint(writer, "tries", ranked->tries);
    mr_json_key(writer, "tuned_recall@20");
    mr_json_put_fixed(writer, ranked->holdout.recall, 6);
    mr_json_key(writer, "tuned_ndcg@20");
    mr_json_put_fixed(writer, ranked->holdout.ndcg, 6);
    mr_json_end_object(writer);
}

static mr_status print_json(const mr_training_outcome *outcome, uint64_t seed,
                            double seconds)
{
    mr_buffer text = {0};
    mr_json_writer writer = mr_json_writer_of(&text);
    mr_json_begin_object(&writer);
    mr_json_key(&writer, "version");
    mr_json_put_string(&writer, outcome->result.version);
    mr_json_key(&writer, "parent");
    mr_json_put_string(&writer, outcome->result.parent);
    put_data(&writer, outcome);
    put_model(&writer, outcome);
    if (outcome->result.has_ranker)
        put_ranker(&writer, &outcome->result.ranked);
    mr_training_outcome_write(outcome, &writer);
    mr_json_key(&writer, "notes");
    mr_json_begin_array(&writer);
    for (size_t i = 0; i < outcome->notes.count; i++)
        mr_json_put_string(&writer, outcome->notes.lines[i].message);
    mr_json_end_array(&writer);
    mr_json_member_uint(&writer, "seed", seed);
    mr_json_key(&writer, "seconds");
    mr_json_put_fixed(&writer, seconds, 2);
    mr_json_end_object(&writer);
    const mr_status status = mr_buffer_status(&text);
    if (status == MR_OK)
        (void)printf("%.*s\n", (int)text.length, (const char *)text.bytes);
    mr_buffer_deinit(&text);
    return status;
}

/* ---- for people ---- */

static void print_choice(const mr_tuner_result *tuned)
{
    char recipe[MR_RECIPE_TEXT_BYTES];
    mr_recipe_text(&tuned->recipe, recipe);
    (void)printf("members: %s\n", recipe);
    if (tuned->tries == 0) {
        (void)printf("  by default: too few users came back to choose on\n");
        return;
    }
    (void)printf(
        "  on the newest tenth of the events, %" PRIu32
        " candidates tried: recall@%d %.4f, ndcg@%d %.4f %s repeats\n  each alone, "
        "without repeats:",
        tuned->tries, MR_TUNER_K, tuned->holdout.recall, MR_TUNER_K, tuned->holdout.ndcg,
        tuned->recipe.repeats_allowed ? "with" : "without");
    for (int m = 0; m < MR_MEMBERS; m++)
        if (tuned->tried[m])
            (void)printf(" %s %.4f/%.4f", mr_member_name((mr_member)m),
                         tuned->members[m].recall, tuned->members[m].ndcg);
    (void)printf("\n");
}

/* What the order of events adds, and what the list is by. */
static void print_ranker(const mr_ranker_tuner_result *ranked)
{
    char recipe[MR_RANKER_TEXT_BYTES];
    mr_ranker_recipe_text(&ranked->recipe, recipe);
    (void)printf("ranker: %s\n", recipe);
    (void)printf("  on %" PRIu32 " customers who came back in that tenth, %" PRIu32
                 " candidates tried: recall@%" PRIu32 " %.4f, ndcg@%" PRIu32 " %.4f\n",
                 ranked->questions, ranked->tries, ranked->holdout.k,
                 ranked->holdout.recall, ranked->holdout.k, ranked->holdout.ndcg);
    const char *before = "  each alone:";
    for (uint32_t s = 0; s < MR_SIGNALS; s++) {
        if (!ranked->tried[s] || ranked->singles[s].k == 0)
            continue;
        (void)printf("%s %s %.4f/%.4f", before, mr_signal_name((mr_signal)s),
                     ranked->singles[s].recall, ranked->singles[s].ndcg);
        before = "";
    }
    if (before[0] == '\0')
        (void)printf("\n");
}

static void print_churn(const mr_training_outcome *outcome)
{
    const mr_churn_summary *churn = &outcome->churn;
    (void)printf("churn: no purchase for %" PRIu32 " days; %" PRIu64
                 " rows of %zu origins from",
                 outcome->churn_window_days, churn->rows, outcome->origin_count);
    for (size_t o = 0; o < outcome->origin_count; o++) {
        char time[MR_TIME_TEXT_BYTES];
        mr_time_to_text(outcome->origins_ms[o], time);
        if (o == 0 || o + 1 == outcome->origin_count)
            (void)printf("%s %.10s", o == 0 ? "" : " to", time);
    }
    (void)printf(
        "\n  newest origin, customers the model has not seen: %.1f %% lost, AUC %.4f, "
        "log-loss %.4f, ECE %.4f, lift of the first tenth %.2f\n",
        churn->churn_rate * 100.0, churn->expected.auc, churn->expected.log_loss,
        churn->expected.ece, churn->expected.lift_at_10);
}

static void print_outcome(const mr_training_outcome *outcome, double seconds)
{
    char from[MR_TIME_TEXT_BYTES];
    char to[MR_TIME_TEXT_BYTES];
    mr_time_to_text(outcome->from_ms, from);
    mr_time_to_text(outcome->to_ms, to);
    (void)printf("data: %" PRIu32 " customers and %" PRIu32 " anonymous baskets, %" PRIu32
                 " items, %" PRIu64 " interactions, %s to %s\n",
                 outcome->counts.users, outcome->counts.anonymous, outcome->counts.items,
                 outcome->counts.entries, from, to);
    print_choice(&outcome->result.tuned);
    if (outcome->result.has_ranker)
        print_ranker(&outcome->result.ranked);
    if (outcome->has_figures)
        mr_holdout_figures_print(&outcome->figures, stdout);
    if (outcome->has_churn)
        print_churn(outcome);
    for (size_t i = 0; i < outcome->notes.count; i++)
        (void)printf("%s\n", outcome->notes.lines[i].message);
    (void)printf("version: %s, now the one that is served; %.1f s\n",
                 outcome->result.version, seconds);
}

/* ---- the command ---- */

static mr_status train(const mr_training_options *options, bool json, mr_error *ret_error)
{
    const mr_clock *clock = mr_clock_system();
    const int64_t start_ns = mr_clock_monotonic_ns(clock);
    mr_training_outcome outcome;
    MR_TRY(mr_training_run(options, &outcome, ret_error));
    MR_TRY(mr_models_activate(options->config->models.path, outcome.result.version,
                              ret_error));
    const double seconds = (double)(mr_clock_monotonic_ns(clock) - start_ns) / 1e9;
    if (json)
        return print_json(&outcome, options->seed, seconds);
    print_outcome(&outcome, seconds);
    return MR_OK;
}

static int run(const mr_command *command, int argc, char **argv)
{
    const char *config_path = NULL;
    const char *seed_text = "1";
    const char *threads_text = "0";
    const char *budget_text = "0";
    const char *holdout_text = "30d";
    const char *window_text = "90d";
    bool json = false;
    bool verbose = false;
    const mr_option table[] = {
        {"--config", &config_path, NULL},   {"--seed", &seed_text, NULL},
        {"--threads", &threads_text, NULL}, {"--budget", &budget_text, NULL},
        {"--holdout", &holdout_text, NULL}, {"--churn-window", &window_text, NULL},
        {"--verbose", NULL, &verbose},      {"--json", NULL, &json},
    };
    mr_arguments arguments;
    int exit_code;
    int64_t seed, threads, budget, holdout_ms, window_ms;
    if (!mr_arguments_parse(command, argc, argv, table, sizeof(table) / sizeof(table[0]),
                            &arguments, &exit_code))
        return exit_code;
    if (arguments.positional_count > 0)
        return mr_command_usage(command, "takes no argument '%s'",
                                arguments.positionals[0]);
    if (!mr_command_number(command, "--seed", seed_text, 0, INT64_MAX, &seed) ||
        !mr_command_number(command, "--threads", threads_text, 0,
                           MR_WORKER_POOL_THREADS_MAX, &threads) ||
        !mr_command_number(command, "--budget", budget_text, 0, 10000, &budget) ||
        !read_duration(command, "--holdout", holdout_text, &holdout_ms) ||
        !read_duration(command, "--churn-window", window_text, &window_ms))
        return MR_EXIT_USAGE;

    mr_config config = {0};
    mr_error error = {{0}};
    mr_status status = mr_config_load(config_path, &config, &error);
    if (status == MR_OK && mr_blas_start() == NULL)
        status = mr_error_set(&error, MR_ERR_UNAVAILABLE,
                              "this OpenBLAS multiplies wrongly; install another");
    const mr_training_options options = {.config = &config,
                                         .seed = (uint64_t)seed,
                                         .threads = (uint32_t)threads,
                                         .budget = (uint32_t)budget,
                                         .holdout_ms = holdout_ms,
                                         .churn_window_days =
                                             (uint32_t)(window_ms / DAY_MS),
                                         .is_verbose = verbose};
    if (status == MR_OK)
        status = train(&options, json, &error);
    mr_config_deinit(&config);
    return status == MR_OK ? MR_EXIT_DONE : mr_command_failed(command, status, &error);
}

const mr_command mr_command_train = {
    .name = "train",
    .summary = "learn recommendations and churn, and say what they are worth",
    .help = help,
    .run = run,
};
