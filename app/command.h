/*
 * Command: one subcommand of the binary, and how its arguments are read.
 *
 * Every command is a row: name, one-line summary, help with an example, and the function that
 * does it.  Options are declared as a table; wrong usage is one line on standard error and exit
 * code 2, the same for all of them.
 *
 * Units      Exit codes: 0 done, 1 it failed, 2 wrong usage or configuration.
 * Ownership  Option values point into argv.
 * Threads    The main thread.
 * Cost       Start-up only.
 */
#ifndef MR_APP_COMMAND_H
#define MR_APP_COMMAND_H

#include "app/config.h"
#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MR_EXIT_DONE = 0, MR_EXIT_FAILED = 1, MR_EXIT_USAGE = 2, MR_POSITIONALS_MAX = 8 };

typedef struct mr_command {
    const char *name;
    const char *summary; /* one line */
    const char *help;    /* the whole --help text, with an example */
    int (*run)(const struct mr_command *command, int argc, char **argv);
} mr_command;

extern const mr_command mr_command_run;
extern const mr_command mr_command_serve;
extern const mr_command mr_command_produce;
extern const mr_command mr_command_train;
extern const mr_command mr_command_evaluate;
extern const mr_command mr_command_replay;
extern const mr_command mr_command_inspect;
extern const mr_command mr_command_checkpoint;
extern const mr_command mr_command_config;
extern const mr_command mr_command_generate;
extern const mr_command mr_command_features;
extern const mr_command mr_command_export;

/* One option: `--name VALUE` into *value, or `--name` alone into *flag; exactly one is set. */
typedef struct mr_option {
    const char *name; /* with the dashes */
    const char **value;
    bool *flag;
} mr_option;

typedef struct mr_arguments {
    const char *positionals[MR_POSITIONALS_MAX];
    size_t positional_count;
} mr_arguments;

/*
 * Read argv (past the command's name) by the table.
 *
 * Returns true to go on.  False: help was printed (*ret_exit 0) or the usage was wrong and one
 * line said so (*ret_exit 2).
 */
bool mr_arguments_parse(const mr_command *command, int argc, char **argv,
                        const mr_option *options, size_t option_count,
                        mr_arguments *ret_arguments, int *ret_exit);

/* One line on standard error, `millrace NAME: …`; returns MR_EXIT_USAGE. */
int mr_command_usage(const mr_command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same for a failure, with the error's message; returns 1, or 2 for MR_ERR_INVALID. */
int mr_command_failed(const mr_command *command, mr_status status, const mr_error *error);

/* The configuration, to be deinitialised; false after saying what is wrong with it. */
bool mr_command_load_config(const mr_command *command, const char *path,
                            mr_config *ret_config);

/* A whole number from `least` to `most`; false after saying what is wrong with `option`. */
bool mr_command_number(const mr_command *command, const char *option, const char *text,
                       int64_t least, int64_t most, int64_t *ret_number);

#endif
