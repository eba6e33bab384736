/*
 * Main: finds the command, and makes sure that BLAS runs the kernels this CPU has.
 */
#include "app/command.h"
#include "models/blas.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const mr_command *const commands[] = {
    &mr_command_run,        &mr_command_serve,  &mr_command_produce,  &mr_command_train,
    &mr_command_evaluate,   &mr_command_replay, &mr_command_generate, &mr_command_inspect,
    &mr_command_checkpoint, &mr_command_config, &mr_command_features, &mr_command_export,
};
enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

static void print_help(FILE *out)
{
    (void)fprintf(out,
                  "millrace %s: stream analytics and recommendations\n\n"
                  "usage: millrace COMMAND [OPTIONS]\n\n",
                  MR_VERSION);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        (void)fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    (void)fprintf(out, "\n`millrace COMMAND --help` tells more, with an example.\n");
}

/*
 * OpenBLAS chooses its kernels when it is loaded, and old releases take new CPUs for ones of
 * twenty years ago, at a tenth of the speed.  The choice can only be made from outside: set
 * the variable and start again, once.
 */
static void start_again_with_the_right_kernels(char **argv)
{
    static const char marker[] = "MILLRACE_BLAS_CHECKED";
    char core[32];
    if (getenv(marker) != NULL || !mr_blas_needs_reexec(core))
        return;
    if (setenv("OPENBLAS_CORETYPE", core, 1) == 0 && setenv(marker, "1", 1) == 0)
        (void)execv("/proc/self/exe", argv);
    (void)fprintf(stderr,
                  "millrace: cannot restart with OPENBLAS_CORETYPE=%s; models will "
                  "be slow\n",
                  core);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return MR_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return MR_EXIT_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)printf("millrace %s\n", MR_VERSION);
        return MR_EXIT_DONE;
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(argv[1], commands[i]->name) != 0)
            continue;
        start_again_with_the_right_kernels(argv);
        return commands[i]->run(commands[i], argc - 2, argv + 2);
    }
    (void)fprintf(stderr, "millrace: unknown command '%s' (millrace --help)\n", argv[1]);
    return MR_EXIT_USAGE;
}
