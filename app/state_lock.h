/*
 * State lock: who may write below state.path now.
 *
 * Each `millrace run` holds the lock of its topic's checkpoints while it lives: alone, when it
 * owns every partition, or together with the other nodes of its group.  What rewrites history
 * (`millrace checkpoint restore`) needs it alone.  The kernel lets go of it when a process dies,
 * so nothing is ever left to clean up.
 *
 * The epochs in the files' names protect the state; the lock protects the operator, who is told
 * at once.
 *
 * Units      None.
 * Ownership  The caller closes the descriptor, and with it the lock.
 * Threads    Any.
 * Cost       Start-up only.
 */
#ifndef MR_APP_STATE_LOCK_H
#define MR_APP_STATE_LOCK_H

#include "app/config.h"
#include "core/status.h"

typedef enum mr_lock_kind { MR_LOCK_SHARED, MR_LOCK_ALONE } mr_lock_kind;

/* Take it without waiting; the directory exists.  MR_ERR_UNAVAILABLE, saying what to do, when
 * another process is in the way. */
MR_MUST_USE mr_status mr_state_lock_take(const mr_config *config, mr_lock_kind kind,
                                         int *ret_descriptor, mr_error *ret_error);

/* How `millrace run` takes it with this configuration. */
mr_lock_kind mr_state_lock_kind(const mr_config *config);

#endif
