/*
 * Checkpoint files: names and directories.
 *
 *     PATH/TOPIC/p00003/e<epoch>.epoch                     an owner took this epoch
 *                       e<epoch>-g<generation>.base        a state
 *                       e<epoch>-g<generation>.delta       what changed after the one before
 *                       e<epoch>-g<generation>.manifest    what makes it count
 *     PATH/TOPIC/saved/NAME/TOPIC/p00003/…                 kept under a name
 *
 * Numbers have 20 digits, so that names sort as they count.
 *
 * Units      Epochs and generations.
 * Ownership  Callers' storage.
 * Threads    Any.
 * Cost       A directory scan.
 */
#ifndef MR_FEATURES_CHECKPOINT_FILES_H
#define MR_FEATURES_CHECKPOINT_FILES_H

#include "features/checkpoint.h"

#include <limits.h>

typedef enum mr_file_kind {
    MR_FILE_OTHER = 0,
    MR_FILE_EPOCH,
    MR_FILE_BASE,
    MR_FILE_DELTA,
    MR_FILE_MANIFEST,
    MR_FILE_TEMPORARY, /* left by a write that was cut off: never read */
} mr_file_kind;

typedef struct mr_checkpoint_name {
    mr_file_kind kind;
    uint64_t epoch;
    uint64_t generation;
    char text[NAME_MAX + 1];
} mr_checkpoint_name;

typedef struct mr_checkpoint_directory {
    char path[PATH_MAX];
    mr_checkpoint_name *names; /* newest epoch and generation first */
    size_t count;
    size_t capacity;
} mr_checkpoint_directory;

/* An absent directory reads as empty.  MR_ERR_UNAVAILABLE, MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_checkpoint_directory_read(const char *path,
                                                   mr_checkpoint_directory *ret_directory,
                                                   mr_error *ret_error);
void mr_checkpoint_directory_deinit(mr_checkpoint_directory *directory);

/* The largest epoch in any name; 0 when there is none. */
uint64_t mr_checkpoint_directory_epoch(const mr_checkpoint_directory *directory);

mr_checkpoint_name mr_checkpoint_name_of(mr_file_kind kind, uint64_t epoch,
                                         uint64_t generation);

const char *mr_checkpoint_store_directory(
    const mr_checkpoint_store *store); /* PATH/TOPIC */
const char *mr_checkpoint_store_topic(const mr_checkpoint_store *store);
uint32_t mr_checkpoint_store_bases(const mr_checkpoint_store *store);

/* PATH/TOPIC/p00003, and what is in it. */
MR_MUST_USE mr_status mr_checkpoint_partition_path(const mr_checkpoint_store *store,
                                                   uint32_t partition,
                                                   char ret_path[PATH_MAX],
                                                   mr_error *ret_error);
MR_MUST_USE mr_status mr_checkpoint_partition_read(const mr_checkpoint_store *store,
                                                   uint32_t partition,
                                                   mr_checkpoint_directory *ret_directory,
                                                   mr_error *ret_error);

/* "DIRECTORY/NAME"; MR_ERR_INVALID when it is too long. */
MR_MUST_USE mr_status mr_path_join(char ret_path[PATH_MAX], const char *directory,
                                   const char *name, mr_error *ret_error);

#endif
