/*
 * Training export: `millrace export training`, the rows of days with their labels.
 *
 * From the log, once more, or from the day files that the engine left; or both, held against each
 * other.
 *
 * Units      Exit codes: app/command.h.
 * Ownership  None.
 * Threads    The main thread.
 * Cost       From the log, a replay; from day files, reading them.
 */
#ifndef MR_APP_TRAINING_EXPORT_H
#define MR_APP_TRAINING_EXPORT_H

#include "app/command.h"

/* `argv` begins with "training".  Returns the exit code. */
int mr_training_export(const mr_command *command, int argc, char **argv);

#endif
