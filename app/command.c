#include "app/command.h"

#include "core/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int mr_command_usage(const mr_command *command, const char *format, ...)
{
    (void)fprintf(stderr, "millrace %s: ", command->name);
    va_list arguments;
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fprintf(stderr, " (millrace %s --help)\n", command->name);
    return MR_EXIT_USAGE;
}

int mr_command_failed(const mr_command *command, mr_status status, const mr_error *error)
{
    (void)fprintf(stderr, "millrace %s: %s\n", command->name,
                  error != NULL && error->message[0] != '\0' ? error->message
                                                             : mr_status_name(status));
    return status == MR_ERR_INVALID ? MR_EXIT_USAGE : MR_EXIT_FAILED;
}

bool mr_command_load_config(const mr_command *command, const char *path,
                            mr_config *ret_config)
{
    mr_error error = {{0}};
    const mr_status status = mr_config_load(path, ret_config, &error);
    if (status != MR_OK)
        (void)mr_command_failed(command, status, &error);
    return status == MR_OK;
}

bool mr_command_number(const mr_command *command, const char *option, const char *text,
                       int64_t least, int64_t most, int64_t *ret_number)
{
    int64_t number = 0;
    if (mr_text_to_int64(mr_text_from(text), &number) != MR_OK || number < least ||
        number > most) {
        (void)mr_command_usage(
            command, "%s takes a whole number from %" PRId64 " to %" PRId64 ", not '%s'",
            option, least, most, text);
        return false;
    }
    *ret_number = number;
    return true;
}

/* The option that `argument` names, up to its '=' if it has one. */
static const mr_option *find_option(const mr_option *options, size_t count,
                                    const char *argument)
{
    const size_t length = strcspn(argument, "=");
    for (size_t i = 0; i < count; i++)
        if (strlen(options[i].name) == length &&
            strncmp(options[i].name, argument, length) == 0)
            return &options[i];
    return NULL;
}

/* Take the option at argv[*index], and its value from behind '=' or the next argument. */
static bool take_option(const mr_command *command, const mr_option *option, int argc,
                        char **argv, int *index)
{
    const char *equals = strchr(argv[*index], '=');
    if (option->flag != NULL) {
        if (equals != NULL) {
            (void)mr_command_usage(command, "%s takes no value", option->name);
            return false;
        }
        *option->flag = true;
        return true;
    }
    if (equals != NULL) {
        *option->value = equals + 1;
        return true;
    }
    if (*index + 1 >= argc) {
        (void)mr_command_usage(command, "%s needs a value", option->name);
        return false;
    }
    *option->value = argv[++*index];
    return true;
}

bool mr_arguments_parse(const mr_command *command, int argc, char **argv,
                        const mr_option *options, size_t option_count,
                        mr_arguments *ret_arguments, int *ret_exit)
{
    *ret_arguments = (mr_arguments){0};
    *ret_exit = MR_EXIT_USAGE;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            (void)fputs(command->help, stdout);
            *ret_exit = MR_EXIT_DONE;
            return false;
        }
        if (argv[i][0] == '-' && argv[i][1] != '\0') {
            const mr_option *option = find_option(options, option_count, argv[i]);
            if (option == NULL) {
                (void)mr_command_usage(command, "unknown option %s", argv[i]);
                return false;
            }
            if (!take_option(command, option, argc, argv, &i))
                return false;
        } else if (ret_arguments->positional_count == MR_POSITIONALS_MAX) {
            (void)mr_command_usage(command, "too many arguments");
            return false;
        } else {
            ret_arguments->positionals[ret_arguments->positional_count++] = argv[i];
        }
    }
    return true;
}
