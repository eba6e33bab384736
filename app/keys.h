/*
 * Keys: the deployment's two secrets, as the stages take them.
 *
 * The deployment secret makes the hash key of every table that strangers fill and is part of
 * what a checkpoint can be read with; the control key verifies control records.
 *
 * Units      None.
 * Ownership  mr_keys owns the control key; mr_keys_deinit() wipes and frees it.
 * Threads    Any, once loaded.
 * Cost       Start-up only.
 */
#ifndef MR_APP_KEYS_H
#define MR_APP_KEYS_H

#include "app/config.h"
#include "core/hash.h"

typedef struct mr_keys {
    mr_hash_key hash;
    mr_buffer control; /* empty: control records are poison */
} mr_keys;

typedef enum mr_keys_need {
    MR_KEYS_NEEDED,   /* the deployment secret must be there                       */
    MR_KEYS_OPTIONAL, /* without one the empty secret: nothing is read or kept by it */
} mr_keys_need;

/* Never makes a secret.  MR_ERR_NOT_FOUND when a needed one is absent. */
MR_MUST_USE mr_status mr_keys_load(const mr_config *config, mr_keys_need need,
                                   mr_keys *ret_keys, mr_error *ret_error);
void mr_keys_deinit(mr_keys *keys); /* an all-zero one is allowed */

#endif
