#include "app/command.h"
#include "app/config_schema.h"
#include "app/engine.h"

static const char help[] =
    "usage: millrace serve [--config FILE] [--listen HOST:PORT]\n"
    "\n"
    "An API-only node beside one or more `millrace run`: the same answers on another "
    "port or\n"
    "machine, also while those restart.  It reads no events, keeps no profiles and "
    "locks\n"
    "nothing; it needs the Redis (cache.kind: redis), the log, the models and the\n"
    "deployment secret of the nodes that run.  A profile is the summary they write to "
    "Redis.\n"
    "With Kafka events and items may be sent to any node; a local log has one writer, "
    "and\n"
    "this node says so.  SIGTERM or Ctrl-C ends it.\n"
    "\n"
    "  --config FILE        the YAML file; MILLRACE_SECTION_KEY variables override it\n"
    "  --listen HOST:PORT   where to serve, over http.listen\n"
    "\n"
    "example: millrace serve --config millrace.yaml --listen 127.0.0.1:8081\n";

static mr_status set_listen(mr_config *config, const char *listen, mr_error *ret_error)
{
    const mr_config_field *field =
        mr_config_field_find(MR_TEXT("http"), MR_TEXT("listen"));
    return listen == NULL
               ? MR_OK
               : mr_config_field_set(field, config, mr_text_from(listen), ret_error);
}

static int run(const mr_command *command, int argc, char **argv)
{
    const char *path = NULL;
    const char *listen = NULL;
    const mr_engine_options engine = {.is_api_only = true};
    const mr_option options[] = {{"--config", &path, NULL}, {"--listen", &listen, NULL}};
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
    mr_status status = set_listen(&config, listen, &error);
    if (status == MR_OK)
        status = mr_engine_run(&config, &engine, &error);
    mr_config_deinit(&config);
    return status == MR_OK ? MR_EXIT_DONE : mr_command_failed(command, status, &error);
}

const mr_command mr_command_serve = {
    .name = "serve",
    .summary = "an API-only node: the answers of `run` on another port",
    .help = help,
    .run = run,
};
