/*
 * Model directory: a model on disk, whole or not there.
 *
 *     models/20261121T0300Z-7f3a/manifest.json    what it is, and every file's size and checksum
 *     models/20261121T0300Z-7f3a/….npy            the arrays
 *     models/CURRENT                              the name of the version to serve
 *
 * A writer fills a directory under a temporary name, fsyncs all of it, and renames it; the name
 * is the time of the newest data and four hex digits of the content, so training twice on the
 * same data gives one version.  CURRENT is replaced atomically.  Opening checks the manifest
 * against its own checksum and every file's size and checksum against the manifest before
 * anything is used.
 *
 * Units      Times in ms since the epoch, of the data, never of the writer's clock.
 * Ownership  A directory owns its parsed manifest; values are lent.
 * Threads    A writer is owner-only; an open directory is immutable.
 * Cost       Opening: one pass over all files for the checksums.
 */
#ifndef MR_MODELS_MODEL_DIRECTORY_H
#define MR_MODELS_MODEL_DIRECTORY_H

#include "core/json.h"
#include "core/status.h"
#include "models/npy.h"

#include <stddef.h>
#include <stdint.h>

enum {
    MR_MODEL_FORMAT = 1, /* raised when an older program must not read it */
    MR_MODEL_VERSION_BYTES = 48,
    MR_MODEL_NAME_BYTES = 64,
    MR_MODEL_FILES_MAX = 64,
    MR_MODEL_PATH_BYTES = 4096,
};

/* ---- writing ---- */

typedef struct mr_model_writer mr_model_writer;

/* What the manifest says beside the files.  Texts are borrowed until finish; NULL reads as "". */
typedef struct mr_model_description {
    const char *kind;   /* "recommender" */
    const char *parent; /* the version this one grew from, or "" */
    const char *plan_hash;
    int64_t data_from_ms;
    int64_t data_to_ms; /* names the version */
    uint64_t seed;
    mr_text model;   /* a JSON object: the kind's own parameters */
    mr_text metrics; /* a JSON object: what it reached on its hold-out */
} mr_model_description;

/* Makes `models_path` if need be, and a temporary directory in it. */
MR_MUST_USE mr_status mr_model_writer_create(const char *models_path,
                                             mr_model_writer **ret_writer,
                                             mr_error *ret_error);

/* Removes the temporary directory unless it was finished; NULL allowed. */
void mr_model_writer_destroy(mr_model_writer *writer);

/* Write one array, as mr_npy_write() does.  MR_ERR_FULL after MR_MODEL_FILES_MAX files. */
MR_MUST_USE mr_status mr_model_writer_add(mr_model_writer *writer, const char *name,
                                          mr_npy_type type, uint32_t dimensions,
                                          const uint64_t *shape, const void *data,
                                          size_t row_bytes, mr_error *ret_error);

/* For a file another module writes: its path, then its record once it is there. */
void mr_model_writer_path(const mr_model_writer *writer, const char *name,
                          char ret_path[MR_MODEL_PATH_BYTES]);
MR_MUST_USE mr_status mr_model_writer_note(mr_model_writer *writer, const char *name,
                                           mr_error *ret_error);

/*
 * Write the manifest and give the directory its name.  The same content once more is MR_OK and
 * leaves the first one.  MR_ERR_UNAVAILABLE, MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_model_writer_finish(mr_model_writer *writer,
                                             const mr_model_description *description,
                                             char ret_version[MR_MODEL_VERSION_BYTES],
                                             mr_error *ret_error);

/* ---- which one is served ---- */

/* MR_ERR_NOT_FOUND when the version has no manifest. */
MR_MUST_USE mr_status mr_models_activate(const char *models_path, const char *version,
                                         mr_error *ret_error);

/* MR_ERR_NOT_FOUND while there is none, MR_ERR_CORRUPT for a name that is none. */
MR_MUST_USE mr_status mr_models_current(const char *models_path,
                                        char ret_version[MR_MODEL_VERSION_BYTES],
                                        mr_error *ret_error);

/* ---- reading ---- */

typedef struct mr_model_directory mr_model_directory;

/*
 * MR_ERR_NOT_FOUND without a manifest; MR_ERR_INVALID for a newer format or another kind;
 * MR_ERR_CORRUPT for a manifest or a file that is not what was written.
 */
MR_MUST_USE mr_status mr_model_directory_open(const char *path, const char *kind,
                                              mr_model_directory **ret_directory,
                                              mr_error *ret_error);
void mr_model_directory_destroy(mr_model_directory *directory); /* NULL allowed */

const char *mr_model_directory_version(const mr_model_directory *directory); /* lends */
mr_json_value *mr_model_directory_manifest(const mr_model_directory *directory);

/* Map an array named in the manifest.  Errors as mr_npy_open(), MR_ERR_CORRUPT if not named. */
MR_MUST_USE mr_status mr_model_directory_map(const mr_model_directory *directory,
                                             const char *name, mr_npy_type type,
                                             uint32_t dimensions, mr_npy *ret_npy,
                                             mr_error *ret_error);
void mr_model_directory_path(const mr_model_directory *directory, const char *name,
                             char ret_path[MR_MODEL_PATH_BYTES]);

#endif
