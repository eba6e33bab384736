#include "app/command.h"
#include "app/config.h"
#include "app/engine.h"

static const char help[] =
    "usage: millrace run [--config FILE] [--until-end]\n"
    "\n"
    "Everything in one process: reads the events log, keeps profiles, makes results "
    "ready,\n"
    "and serves them over HTTP.  Without a configuration: a local log in data/log, a "
    "cache in\n"
    "memory, http://127.0.0.1:8080.  SIGTERM or Ctrl-C: a last checkpoint, then the "
    "end.\n"
    "\n"
    "  --config FILE  the YAML file; MILLRACE_SECTION_KEY variables override it\n"
    "  --until-end    read the log to its end, checkpoint and exit; nothing is served\n"
    "\n"
    "example: millrace run --config millrace.yaml\n";

static int run(const mr_command *command, int argc, char **argv)
{
    const char *path = NULL;
    bool until_end = false;
    const mr_option options[] = {{"--config", &path, NULL},
                                 {"--until-end", NULL, &until_end}};
    mr_arguments arguments;
    int exit_code;
    if (!mr_arguments_parse(command, argc, argv, options, 2, &arguments, &exit_code))
        return exit_code;
    if (arguments.positional_count > 0)
        return mr_command_usage(command, "takes no argument '%s'",
                                arguments.positionals[0]);

    mr_config config;
    mr_error error = {{0}};
    mr_status status = mr_config_load(path, &config, &error);
    if (status != MR_OK) {
        (void)mr_command_failed(command, status, &error);
        return MR_EXIT_USAGE;
    }
    status = mr_engine_run(&config, until_end, &error);
    mr_config_deinit(&config);
    return status == MR_OK ? MR_EXIT_DONE : mr_command_failed(command, status, &error);
}

const mr_command mr_command_run = {
    .name = "run",
    .summary = "the engine: ingest, score, serve",
    .help = help,
    .run = run,
};
