#include "app/command.h"
#include "app/evaluate.h"
#include "models/blas.h"

#include <stdio.h>
#include <string.h>

enum {
    BUDGET_MAX = 10000,
    THREADS_MAX = 256,
    SEED_DEFAULT = 1,
    LIST_BYTES = 256,
    HELP_COLUMNS = 84
};

static const char help[] =
    "usage: millrace evaluate PROTOCOL OPTIONS\n"
    "\n"
    "Judges the models as the published figures are.  Everything is chosen on a hold-out "
    "cut\n"
    "from the training part; the test part is only counted.\n"
    "\n"
    "  every protocol:\n"
    "    --model M         what may be used (default auto: chosen on the hold-out)\n"
    "    --budget N        candidates to try (default: the model's)\n"
    "    --threads N       default: one a processor; the result does not depend on it\n"
    "    --seed S          default 1\n"
    "    --json            one JSON object instead of a table\n"
    "\n"
    "Progress goes to standard error.  Exit code 0: done; 1: failed; 2: wrong usage.\n"
    "\n"
    "example: millrace evaluate lightgcn --train train.txt --test test.txt --json\n";

static const mr_evaluate_protocol *const protocols[] = {
    &mr_evaluate_lightgcn, &mr_evaluate_sequence, &mr_evaluate_session,
    &mr_evaluate_basket,   &mr_evaluate_ratings,  &mr_evaluate_churn,
};
enum { PROTOCOLS = sizeof(protocols) / sizeof(protocols[0]) };

static const char *const option_names[] = {
    [MR_EVALUATE_TRAIN] = "--train",
    [MR_EVALUATE_VALID] = "--valid",
    [MR_EVALUATE_TEST] = "--test",
    [MR_EVALUATE_DATA] = "--data",
    [MR_EVALUATE_ITEMS] = "--items",
    [MR_EVALUATE_USERS] = "--users",
    [MR_EVALUATE_SPLIT] = "--split",
    [MR_EVALUATE_HISTORY] = "--history",
    [MR_EVALUATE_FUTURE] = "--future",
    [MR_EVALUATE_TABLE] = "--table",
    [MR_EVALUATE_TARGET] = "--target",
    [MR_EVALUATE_POSITIVE] = "--positive",
    [MR_EVALUATE_TRANSACTIONS] = "--transactions",
    [MR_EVALUATE_FORMAT] = "--format",
    [MR_EVALUATE_TRAIN_AT] = "--train-at",
    [MR_EVALUATE_TEST_AT] = "--test-at",
    [MR_EVALUATE_WINDOW_DAYS] = "--window-days",
    [MR_EVALUATE_FOLDS] = "--folds",
    [MR_EVALUATE_MODEL] = "--model",
    [MR_EVALUATE_BUDGET] = "--budget",
    [MR_EVALUATE_THREADS] = "--threads",
    [MR_EVALUATE_SEED] = "--seed",
};
_Static_assert(sizeof(option_names) / sizeof(option_names[0]) == MR_EVALUATE_OPTIONS,
               "a name an option");

static const uint32_t COMMON = MR_EVALUATE_BIT(MODEL) | MR_EVALUATE_BIT(BUDGET) |
                               MR_EVALUATE_BIT(THREADS) | MR_EVALUATE_BIT(SEED);

void mr_evaluate_tell(void *context, const char *line)
{
    (void)context;
    (void)fprintf(stderr, "%s\n", line);
}

/* "a, b, c" of names, NULL at the end; cut to the buffer. */
static const char *list_of(const char *const *names, char ret_list[LIST_BYTES])
{
    size_t used = 0;
    ret_list[0] = '\0';
    for (size_t i = 0; names[i] != NULL && used < LIST_BYTES; i++)
        used += (size_t)snprintf(ret_list + used, LIST_BYTES - used, "%s%s",
                                 i > 0 ? ", " : "", names[i]);
    return ret_list;
}

static const mr_evaluate_protocol *find_protocol(const char *name)
{
    for (size_t p = 0; p < PROTOCOLS; p++)
        if (strcmp(protocols[p]->name, name) == 0)
            return protocols[p];
    return NULL;
}

/* ---- help ---- */

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

/* "--model M  a, b, c", on as many lines as it takes. */
static void print_models(const char *const *models)
{
    const size_t margin = (size_t)printf("      --model M      ");
    size_t column = margin;
    for (size_t m = 0; models[m] != NULL; m++) {
        if (column + strlen(models[m]) + 2 > HELP_COLUMNS) {
            (void)printf("\n%*s", (int)margin, "");
            column = margin;
        }
        column += (size_t)printf(" %s%s", models[m], models[m + 1] != NULL ? "," : "\n");
    }
}

/* Of one protocol when the first word names it, else of all. */
static void print_help(const char *first)
{
    const mr_evaluate_protocol *wanted = find_protocol(first);
    (void)fputs(help, stdout);
    for (size_t p = 0; p < PROTOCOLS; p++) {
        if (wanted != NULL && wanted != protocols[p])
            continue;
        (void)printf("\n%s", protocols[p]->help);
        print_models(protocols[p]->models);
        (void)printf("    example: %s", protocols[p]->example);
    }
}

/* ---- checks ---- */

static bool check_given(const mr_command *command, const mr_evaluate_protocol *protocol,
                        const mr_evaluate_arguments *arguments)
{
    for (uint32_t o = 0; o < MR_EVALUATE_OPTIONS; o++) {
        const uint32_t bit = UINT32_C(1) << o;
        if (arguments->values[o] != NULL && ((protocol->takes | COMMON) & bit) == 0) {
            (void)mr_command_usage(command, "%s takes no %s", protocol->name,
                                   option_names[o]);
            return false;
        }
        if (arguments->values[o] == NULL && (protocol->needs & bit) != 0) {
            (void)mr_command_usage(command, "%s needs %s", protocol->name,
                                   option_names[o]);
            return false;
        }
    }
    return true;
}

static bool check_model(const mr_command *command, const mr_evaluate_protocol *protocol,
                        mr_evaluate_arguments *arguments)
{
    char list[LIST_BYTES];
    const char *model = arguments->values[MR_EVALUATE_MODEL];
    arguments->model = model != NULL ? model : "auto";
    for (size_t m = 0; protocol->models[m] != NULL; m++)
        if (strcmp(protocol->models[m], arguments->model) == 0)
            return true;
    (void)mr_command_usage(command, "--model '%s': %s has %s", arguments->model,
                           protocol->name, list_of(protocol->models, list));
    return false;
}

static bool take_numbers(const mr_command *command, mr_evaluate_arguments *arguments)
{
    int64_t budget = 0;
    int64_t threads = 0;
    int64_t seed = SEED_DEFAULT;
    const char *const *values = arguments->values;
    if ((values[MR_EVALUATE_BUDGET] != NULL &&
         !mr_command_number(command, "--budget", values[MR_EVALUATE_BUDGET], 1,
                            BUDGET_MAX, &budget)) ||
        (values[MR_EVALUATE_THREADS] != NULL &&
         !mr_command_number(command, "--threads", values[MR_EVALUATE_THREADS], 1,
                            THREADS_MAX, &threads)) ||
        (values[MR_EVALUATE_SEED] != NULL &&
         !mr_command_number(command, "--seed", values[MR_EVALUATE_SEED], 0, INT64_MAX,
                            &seed)))
        return false;
    arguments->budget = (uint32_t)budget;
    arguments->threads = (uint32_t)threads;
    arguments->seed = (uint64_t)seed;
    return true;
}

/* The protocol that the words name; NULL after saying what is wrong. */
static const mr_evaluate_protocol *take_protocol(const mr_command *command,
                                                 const mr_arguments *words)
{
    const char *names[PROTOCOLS + 1] = {NULL};
    char list[LIST_BYTES];
    for (size_t p = 0; p < PROTOCOLS; p++)
        names[p] = protocols[p]->name;
    if (words->positional_count != 1) {
        (void)mr_command_usage(command, "needs one protocol: %s", list_of(names, list));
        return NULL;
    }
    const mr_evaluate_protocol *protocol = find_protocol(words->positionals[0]);
    if (protocol == NULL)
        (void)mr_command_usage(command, "no protocol '%s'; there are %s",
                               words->positionals[0], list_of(names, list));
    return protocol;
}

static int run(const mr_command *command, int argc, char **argv)
{
    mr_evaluate_arguments arguments = {.json = false};
    mr_option options[MR_EVALUATE_OPTIONS + 1];
    mr_arguments words;
    int exit_code;
    if (asks_for_help(argc, argv)) {
        print_help(argv[0]);
        return MR_EXIT_DONE;
    }
    for (size_t o = 0; o < MR_EVALUATE_OPTIONS; o++)
        options[o] = (mr_option){option_names[o], &arguments.values[o], NULL};
    options[MR_EVALUATE_OPTIONS] = (mr_option){"--json", NULL, &arguments.json};
    if (!mr_arguments_parse(command, argc, argv, options, MR_EVALUATE_OPTIONS + 1, &words,
                            &exit_code))
        return exit_code;
    const mr_evaluate_protocol *protocol = take_protocol(command, &words);
    if (protocol == NULL || !check_given(command, protocol, &arguments) ||
        !check_model(command, protocol, &arguments) || !take_numbers(command, &arguments))
        return MR_EXIT_USAGE;
    if (mr_blas_start() == NULL) {
        const mr_error error = {"BLAS returns wrong products; install OpenBLAS's pthread "
                                "build, not the serial one"};
        return mr_command_failed(command, MR_ERR_UNAVAILABLE, &error);
    }
    return protocol->run(command, &arguments);
}

const mr_command mr_command_evaluate = {
    .name = "evaluate",
    .summary = "judge the models on held-out data, as published figures are",
    .help = help,
    .run = run,
};
