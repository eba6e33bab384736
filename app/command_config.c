#include "app/command.h"
#include "app/config.h"
#include "app/plan_file.h"

#include <stdio.h>
#include <string.h>

static const char help[] =
    "usage: millrace config check [--config FILE] [--json]\n"
    "\n"
    "Reads the configuration as `millrace run` would: the file, then "
    "MILLRACE_SECTION_KEY\n"
    "variables.  Says what is wrong and where, or that all is well.\n"
    "\n"
    "  --config FILE  the YAML file; without it the defaults are checked\n"
    "  --json         print the values in force, secrets hidden\n"
    "\n"
    "example: millrace config check --config millrace.yaml --json\n";

static int run(const mr_command *command, int argc, char **argv)
{
    const char *path = NULL;
    bool json = false;
    const mr_option options[] = {{"--config", &path, NULL}, {"--json", NULL, &json}};
    mr_arguments arguments;
    int exit_code;
    if (!mr_arguments_parse(command, argc, argv, options, 2, &arguments, &exit_code))
        return exit_code;
    if (arguments.positional_count != 1 || strcmp(arguments.positionals[0], "check") != 0)
        return mr_command_usage(command, "the one thing to do is `check`");

    mr_config config;
    if (!mr_command_load_config(command, path, &config))
        return MR_EXIT_USAGE;
    mr_plan *plan = NULL;
    mr_error error = {{0}};
    const mr_status status = mr_plan_file_load(config.state.plan, &plan, &error);
    mr_plan_destroy(plan);
    if (status != MR_OK) {
        mr_config_deinit(&config);
        return mr_command_failed(command, MR_ERR_INVALID, &error);
    }
    if (json) {
        mr_buffer text = {0};
        mr_json_writer writer = mr_json_writer_of(&text);
        mr_config_print(&config, &writer);
        (void)printf("%.*s\n", (int)text.length, (const char *)text.bytes);
        mr_buffer_deinit(&text);
    } else {
        (void)printf("%s: ok\n", path != NULL ? path : "defaults");
    }
    mr_config_deinit(&config);
    return MR_EXIT_DONE;
}

const mr_command mr_command_config = {
    .name = "config",
    .summary = "check a configuration and print what is in force",
    .help = help,
    .run = run,
};
