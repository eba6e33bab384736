#include "app/command.h"
#include "app/config.h"
#include "app/feature_list.h"
#include "app/plan_file.h"
#include "features/plan_read.h"

#include <stdio.h>
#include <string.h>

static const char help[] =
    "usage: millrace features describe [--plan FILE | --config FILE]\n"
    "                                  [--json | --yaml | --markdown]\n"
    "\n"
    "Says what a profile remembers: each feature with its type, unit, order class, "
    "bytes\n"
    "and meaning, and the columns that models read.  Order `free`: a function of the set "
    "of\n"
    "events; `log`: of the log, order included.  Bytes are of one user: `8 + 16 x 300` "
    "has 8\n"
    "in the row and up to 300 entries of 16.\n"
    "\n"
    "  --plan FILE    a plan's file, which is checked; without it the one in force\n"
    "  --config FILE  the configuration that names the one in force\n"
    "  --json         the same as JSON\n"
    "  --yaml         the plan as a file, to begin one of your own with\n"
    "  --markdown     as tables\n"
    "\n"
    "example: millrace features describe --yaml > plan.yaml\n";

typedef struct switches {
    const char *plan;
    const char *config;
    bool json;
    bool yaml;
    bool markdown;
} switches;

static void print(const mr_plan *plan, const switches *chosen)
{
    mr_buffer text = {0};
    if (chosen->yaml)
        mr_plan_write(plan, &text);
    else
        mr_feature_list_write(plan,
                              chosen->json       ? MR_FEATURE_LIST_JSON
                              : chosen->markdown ? MR_FEATURE_LIST_MARKDOWN
                                                 : MR_FEATURE_LIST_TEXT,
                              &text);
    (void)fwrite(text.bytes, 1, text.length, stdout);
    mr_buffer_deinit(&text);
}

static int describe(const mr_command *command, const switches *chosen)
{
    mr_config config = {0};
    mr_error error = {{0}};
    mr_plan *plan = NULL;
    const char *path = chosen->plan;
    if (path == NULL) {
        if (!mr_command_load_config(command, chosen->config, &config))
            return MR_EXIT_USAGE;
        path = config.state.plan;
    }
    const mr_status status = mr_plan_file_load(path, &plan, &error);
    if (status == MR_OK)
        print(plan, chosen);
    mr_plan_destroy(plan);
    mr_config_deinit(&config);
    return status == MR_OK ? MR_EXIT_DONE : mr_command_failed(command, status, &error);
}

static int run(const mr_command *command, int argc, char **argv)
{
    switches chosen = {0};
    const mr_option options[] = {{"--plan", &chosen.plan, NULL},
                                 {"--config", &chosen.config, NULL},
                                 {"--json", NULL, &chosen.json},
                                 {"--yaml", NULL, &chosen.yaml},
                                 {"--markdown", NULL, &chosen.markdown}};
    mr_arguments arguments;
    int exit_code;
    if (!mr_arguments_parse(command, argc, argv, options, 5, &arguments, &exit_code))
        return exit_code;
    if (arguments.positional_count != 1 ||
        strcmp(arguments.positionals[0], "describe") != 0)
        return mr_command_usage(command, "the one thing to do is `describe`");
    if (chosen.plan != NULL && chosen.config != NULL)
        return mr_command_usage(command, "--plan or --config, not both");
    if (chosen.json + chosen.yaml + chosen.markdown > 1)
        return mr_command_usage(command, "one of --json, --yaml and --markdown");
    return describe(command, &chosen);
}

const mr_command mr_command_features = {
    .name = "features",
    .summary = "say what a profile remembers, and check a plan",
    .help = help,
    .run = run,
};
