#include "app/beginning.h"
#include "app/command.h"
#include "app/config_schema.h"
#include "app/engine.h"

static const char help[] =
    "usage: millrace run [--config FILE] [--until-end] [--on-gap fail|earliest|latest]\n"
    "                    [--begin-anew PARTITIONS]\n"
    "\n"
    "Everything in one process: reads the events log, keeps profiles, makes results "
    "ready,\n"
    "and serves them over HTTP.  Without a configuration: a local log in data/log, a "
    "cache in\n"
    "memory, http://127.0.0.1:8080.  SIGTERM or Ctrl-C: a last checkpoint, then the "
    "end.\n"
    "\n"
    "  --config FILE      the YAML file; MILLRACE_SECTION_KEY variables override it\n"
    "  --until-end        read the log to its end, checkpoint and exit; nothing is "
    "served\n"
    "  --on-gap WHAT      when the log no longer holds what the checkpoint needs next: "
    "fail\n"
    "                     (stop that partition and name the gap), or go on from its\n"
    "                     earliest or latest record, the loss counted; over log.on_gap\n"
    "  --begin-anew WHICH partitions (0,3 or all) that may begin from log.start "
    "although\n"
    "                     their checkpoints are lost, damaged or of a topic that was "
    "made\n"
    "                     anew; one whose checkpoints are good goes on from them\n"
    "\n"
    "example: millrace run --config millrace.yaml --on-gap earliest\n";

/* The option over the configuration's log.on_gap, checked as that is. */
static mr_status set_on_gap(mr_config *config, const char *on_gap, mr_error *ret_error)
{
    if (on_gap == NULL)
        return MR_OK;
    mr_error why = {{0}};
    const mr_config_field *field =
        mr_config_field_find(MR_TEXT("log"), MR_TEXT("on_gap"));
    if (mr_config_field_set(field, config, mr_text_from(on_gap), &why) == MR_OK)
        return MR_OK;
    return mr_error_set(ret_error, MR_ERR_INVALID, "--on-gap: %s", why.message);
}

static mr_status check_anew(const char *begin_anew, mr_error *ret_error)
{
    mr_error why = {{0}};
    if (begin_anew == NULL || mr_beginning_check_anew(begin_anew, &why) == MR_OK)
        return MR_OK;
    return mr_error_set(ret_error, MR_ERR_INVALID, "--begin-anew: %s", why.message);
}

static int run(const mr_command *command, int argc, char **argv)
{
    const char *path = NULL;
    const char *on_gap = NULL;
    mr_engine_options engine = {.until_end = false};
    const mr_option options[] = {{"--config", &path, NULL},
                                 {"--until-end", NULL, &engine.until_end},
                                 {"--on-gap", &on_gap, NULL},
                                 {"--begin-anew", &engine.begin_anew, NULL}};
    mr_arguments arguments;
    int exit_code;
    if (!mr_arguments_parse(command, argc, argv, options,
                            sizeof(options) / sizeof(options[0]), &arguments, &exit_code))
        return exit_code;
    if (arguments.positional_count > 0)
        return mr_command_usage(command, "takes no argument '%s'",
                                arguments.positionals[0]);

    mr_config config;
    mr_error error = {{0}};
    if (!mr_command_load_config(command, path, &config))
        return MR_EXIT_USAGE;
    mr_status status = set_on_gap(&config, on_gap, &error);
    if (status == MR_OK)
        status = check_anew(engine.begin_anew, &error);
    if (status == MR_OK)
        status = mr_engine_run(&config, &engine, &error);
    mr_config_deinit(&config);
    return status == MR_OK ? MR_EXIT_DONE : mr_command_failed(command, status, &error);
}

const mr_command mr_command_run = {
    .name = "run",
    .summary = "the engine: ingest, score, serve",
    .help = help,
    .run = run,
};
