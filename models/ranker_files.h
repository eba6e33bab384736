/*
 * Ranker files: a ranker's trained members in a model directory.
 *
 * Every array is an .npy that serving maps as training wrote it; each member checks its own when
 * it is opened.
 *
 * Units      See docs/FORMATS.md, "Model directory".
 * Ownership  A store owns its mappings and the members that borrow them, until close.
 * Threads    Any, once open.
 * Cost       One pass over the arrays.
 */
#ifndef MR_MODELS_RANKER_FILES_H
#define MR_MODELS_RANKER_FILES_H

#include "core/status.h"
#include "models/model_directory.h"
#include "models/npy.h"
#include "models/ranker_members.h"
#include "models/ranker_recipe.h"

#include <stdint.h>

enum { MR_RANKER_FILES = 25 };

/* All-zero is a closed one. */
typedef struct mr_ranker_store {
    mr_npy files[MR_RANKER_FILES];
    mr_content *content; /* the members' */
    mr_ranker_members members;
} mr_ranker_store;

/* Write the arrays of the members in use.  Errors as mr_model_writer_add(). */
MR_MUST_USE mr_status mr_ranker_files_write(mr_model_writer *writer,
                                            const mr_ranker_recipe *recipe,
                                            const mr_ranker_members *members,
                                            mr_error *ret_error);

/*
 * Map the members of a recipe, for a dictionary of `items`.  MR_ERR_CORRUPT for arrays of other
 * lengths or such as training does not write; errors as mr_model_directory_map().  On an error
 * nothing stays open.
 */
MR_MUST_USE mr_status mr_ranker_store_open(const mr_model_directory *directory,
                                           const mr_ranker_recipe *recipe, uint32_t items,
                                           mr_ranker_store *ret_store,
                                           mr_error *ret_error);
void mr_ranker_store_close(mr_ranker_store *store);

#endif
