/*
 * Checkpoint listing: every generation that is kept, saved ones included.
 *
 * Reading it looks at manifests and lengths; mr_checkpoint_listing_verify() reads the
 * generations themselves.  The engine may be running: what it prunes meanwhile is left out.
 *
 * Units      Times in ms since the epoch.
 * Ownership  A listing owns its rows.
 * Threads    Any; it only reads.
 * Cost       Reading: a directory and a small file a generation.  Verifying: a restore of each.
 */
#ifndef MR_APP_CHECKPOINT_LISTING_H
#define MR_APP_CHECKPOINT_LISTING_H

#include "app/config.h"
#include "features/checkpoint.h"

typedef struct mr_checkpoint_row {
    char saved[MR_CHECKPOINT_NAME_BYTES_MAX + 1]; /* "": of the deployment itself       */
    mr_checkpoint_info info; /* skipped > 0: message says why       */
    int64_t written_ms;      /* of the manifest; MR_TIME_NONE: gone */
    bool is_newest;          /* of its partition, and not saved     */
} mr_checkpoint_row;

typedef struct mr_checkpoint_listing {
    mr_checkpoint_row *rows; /* by saved name, partition; newest first */
    size_t count;
} mr_checkpoint_listing;

/* MR_ERR_NOT_FOUND when there are no checkpoints; MR_ERR_UNAVAILABLE; MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_checkpoint_listing_read(const mr_config *config,
                                                 mr_checkpoint_listing *ret_listing,
                                                 mr_error *ret_error);
void mr_checkpoint_listing_deinit(mr_checkpoint_listing *listing); /* all zero allowed */

/*
 * Read one generation whole: every checksum and the state.
 *
 * MR_ERR_CORRUPT with file and reason; MR_ERR_INVALID when another plan made it;
 * MR_ERR_NOT_FOUND when it was pruned meanwhile.
 */
MR_MUST_USE mr_status mr_checkpoint_row_verify(const mr_config *config,
                                               const mr_checkpoint_row *row,
                                               const mr_plan *plan, mr_error *ret_error);

#endif
