/*
 * Plan file: the feature plan in force, from the file that the configuration names.
 *
 * Units      None.
 * Ownership  The caller's: mr_plan_destroy().
 * Threads    Any.
 * Cost       Start-up only.
 */
#ifndef MR_APP_PLAN_FILE_H
#define MR_APP_PLAN_FILE_H

#include "core/status.h"
#include "features/plan.h"

/*
 * The plan of a YAML file; of no path, NULL or "", the default plan.
 *
 * MR_ERR_NOT_FOUND without the file; MR_ERR_INVALID with file, line, feature and what would be right;
 * MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_plan_file_load(const char *path, mr_plan **ret_plan,
                                        mr_error *ret_error);

#endif
