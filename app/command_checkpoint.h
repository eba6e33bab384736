/*
 * Command checkpoint, inside: what its five actions share.
 *
 * Units      None.
 * Ownership  Options point into argv.
 * Threads    The main thread.
 * Cost       None.
 */
#ifndef MR_APP_COMMAND_CHECKPOINT_H
#define MR_APP_COMMAND_CHECKPOINT_H

#include "app/command.h"
#include "app/config.h"

typedef struct mr_checkpoint_options {
    const char *words[MR_POSITIONALS_MAX]; /* behind the action */
    size_t word_count;
    int64_t partition;      /* -1: all                              */
    const char *generation; /* verify: "newest" or one; NULL: all   */
    int64_t lines;          /* diff */
    bool is_dry_run;
    bool removes;
    bool json;
} mr_checkpoint_options;

/* `ret_differs`: whether the two are different, the exit code 1 of a diff. */
MR_MUST_USE mr_status mr_checkpoint_diff_print(const mr_config *config,
                                               const mr_checkpoint_options *options,
                                               bool *ret_differs, mr_error *ret_error);

#endif
