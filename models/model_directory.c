#include "models/model_directory.h"

#include "core/assert.h"
#include "core/buffer.h"
#include "core/file.h"
#include "core/hash.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char MANIFEST[] = "manifest.json";
static const char CURRENT[] = "CURRENT";

/* How a manifest begins; then eight hex digits: the CRC32C of the whole file with these as 0. */
#define MANIFEST_START "{\"format\":1,\"check\":\""
_Static_assert(MR_MODEL_FORMAT == 1, "the format stands in MANIFEST_START");
enum { CHECK_PLACE = sizeof(MANIFEST_START) - 1, CHECK_DIGITS = 8 };
static const char NO_CHECK[] = "00000000";

typedef struct file_record {
    char name[MR_MODEL_NAME_BYTES];
    uint64_t bytes;
    uint32_t crc32c;
} file_record;

/* A path that does not fit becomes the empty one, which nothing can open. */
static void join(char ret_path[MR_MODEL_PATH_BYTES], const char *directory,
                 const char *name)
{
    const int length = snprintf(ret_path, MR_MODEL_PATH_BYTES, "%s/%s", directory, name);
    if (length < 0 || length >= MR_MODEL_PATH_BYTES)
        ret_path[0] = '\0';
}

/* Names come from manifests and from CURRENT: letters, digits, '-', '_', '.', no leading dot. */
static bool is_plain_name(const char *name)
{
    if (name[0] == '\0' || name[0] == '.')
        return false;
    for (const char *at = name; *at != '\0'; at++)
        if (!((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
              (*at >= '0' && *at <= '9') || *at == '-' || *at == '_' || *at == '.'))
            return false;
    return true;
}

static mr_status sum_file(const char *path, file_record *record, mr_error *ret_error)
{
    mr_file_map map = {0};
    MR_TRY(mr_file_map_open(path, &map, ret_error));
    record->bytes = map.bytes;
    record->crc32c = mr_crc32c(0, map.data, map.bytes);
    mr_file_map_close(&map);
    return MR_OK;
}

/* ---- writing ---- */

struct mr_model_writer {
    char models_path[MR_MODEL_PATH_BYTES];
    char path
        [MR_MODEL_PATH_BYTES]; /* of the temporary directory; empty when there is none */
    file_record files[MR_MODEL_FILES_MAX];
    uint32_t file_count;
};

mr_status mr_model_writer_create(const char *models_path, mr_model_writer **ret_writer,
                                 mr_error *ret_error)
{
    if (strlen(models_path) > MR_MODEL_PATH_BYTES / 2)
        return mr_error_set(ret_error, MR_ERR_INVALID, "models path is too long");
    MR_TRY(mr_directory_make(models_path, ret_error));
    mr_model_writer *writer = calloc(1, sizeof(*writer));
    if (writer == NULL)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "%s: out of memory",
                            models_path);
    (void)strcpy(writer->models_path, models_path);
    join(writer->path, models_path, ".new-XXXXXX");
    if (mkdtemp(writer->path) == NULL) {
        const mr_status status = mr_error_set(ret_error, MR_ERR_UNAVAILABLE,
                                              "%s: cannot make a directory in it: %s",
                                              models_path, strerror(errno));
        free(writer);
        return status;
    }
    *ret_writer = writer;
    return MR_OK;
}

void mr_model_writer_destroy(mr_model_writer *writer)
{
    if (writer == NULL)
        return;
    if (writer->path[0] != '\0' && mr_directory_remove(writer->path, NULL) != MR_OK) {
        /* A stale temporary directory is harmless: nothing reads it. */
        writer->path[0] = '\0';
    }
    free(writer);
}

void mr_model_writer_path(const mr_model_writer *writer, const char *name,
                          char ret_path[MR_MODEL_PATH_BYTES])
{
    join(ret_path, writer->path, name);
}

mr_status mr_model_writer_note(mr_model_writer *writer, const char *name,
                               mr_error *ret_error)
{
    char path[MR_MODEL_PATH_BYTES];
    file_record record = {0};
    if (writer->file_count == MR_MODEL_FILES_MAX)
        return mr_error_set(ret_error, MR_ERR_FULL, "%s: too many files", writer->path);
    if (strlen(name) >= sizeof(record.name) || !is_plain_name(name))
        return mr_error_set(ret_error, MR_ERR_INVALID, "%s: no name for a file", name);
    join(path, writer->path, name);
    MR_TRY(sum_file(path, &record, ret_error));
    (void)strcpy(record.name, name);
    writer->files[writer->file_count++] = record;
    return MR_OK;
}

mr_status mr_model_writer_add(mr_model_writer *writer, const char *name, mr_npy_type type,
                              uint32_t dimensions, const uint64_t *shape,
                              const void *data, size_t row_bytes, mr_error *ret_error)
{
    char path[MR_MODEL_PATH_BYTES];
    join(path, writer->path, name);
    MR_TRY(mr_npy_write(path, type, dimensions, shape, data, row_bytes, ret_error));
    return mr_model_writer_note(writer, name, ret_error);
}

static mr_text object_or_empty(mr_text json)
{
    return json.length > 0 ? json : MR_TEXT("{}");
}

/* All of the manifest after the version, which is a hash of just this. */
static void put_body(mr_json_writer *json, const mr_model_writer *writer,
                     const mr_model_description *description)
{
    char time[MR_TIME_TEXT_BYTES];
    mr_json_key(json, "kind");
    mr_json_put_string(json, description->kind);
    mr_json_key(json, "parent");
    mr_json_put_string(json, description->parent != NULL ? description->parent : "");
    mr_json_key(json, "plan_hash");
    mr_json_put_string(json,
                       description->plan_hash != NULL ? description->plan_hash : "");
    mr_json_key(json, "data");
    mr_json_begin_object(json);
    mr_json_key(json, "from_ms");
    mr_json_put_int(json, description->data_from_ms);
    mr_json_key(json, "to_ms");
    mr_json_put_int(json, description->data_to_ms);
    mr_time_to_text(description->data_to_ms, time);
    mr_json_key(json, "to");
    mr_json_put_string(json, time);
    mr_json_end_object(json);
    mr_json_key(json, "seed");
    mr_json_put_uint(json, description->seed);
    mr_json_key(json, "model");
    mr_json_put_raw(json, object_or_empty(description->model));
    mr_json_key(json, "metrics");
    mr_json_put_raw(json, object_or_empty(description->metrics));
    mr_json_key(json, "files");
    mr_json_begin_array(json);
    for (uint32_t f = 0; f < writer->file_count; f++) {
        mr_json_begin_object(json);
        mr_json_key(json, "name");
        mr_json_put_string(json, writer->files[f].name);
        mr_json_key(json, "bytes");
        mr_json_put_uint(json, writer->files[f].bytes);
        mr_json_key(json, "crc32c");
        mr_json_put_uint(json, writer->files[f].crc32c);
        mr_json_end_object(json);
    }
    mr_json_end_array(json);
    mr_json_key(json, "reserved");
    mr_json_begin_object(json);
    mr_json_end_object(json);
}

/* "20261121T0300Z-7f3a" from the time of the data and a hash of the manifest's body. */
static void name_version(int64_t data_to_ms, const mr_buffer *body,
                         char ret_version[MR_MODEL_VERSION_BYTES])
{
    char text[MR_TIME_TEXT_BYTES];
    const uint64_t hash = mr_hash_bytes(body->bytes, body->length);
    mr_time_to_text(data_to_ms, text); /* 2026-11-21T03:00:00.000Z */
    (void)snprintf(ret_version, MR_MODEL_VERSION_BYTES, "%.4s%.2s%.2sT%.2s%.2sZ-%04x",
                   text, text + 5, text + 8, text + 11, text + 14,
                   (unsigned)(hash & 0xFFFF));
}

static void check_text(const mr_buffer *manifest, char ret_digits[CHECK_DIGITS + 1])
{
    const uint8_t *rest = manifest->bytes + CHECK_PLACE + CHECK_DIGITS;
    uint32_t crc = mr_crc32c(0, manifest->bytes, CHECK_PLACE);
    crc = mr_crc32c(crc, NO_CHECK, CHECK_DIGITS);
    crc = mr_crc32c(crc, rest, manifest->length - CHECK_PLACE - CHECK_DIGITS);
    (void)snprintf(ret_digits, CHECK_DIGITS + 1, "%08" PRIx32, crc);
}

static void put_check(mr_buffer *manifest)
{
    char digits[CHECK_DIGITS + 1];
    MR_ASSERT(memcmp(manifest->bytes, MANIFEST_START, CHECK_PLACE) == 0);
    check_text(manifest, digits);
    memcpy(manifest->bytes + CHECK_PLACE, digits, CHECK_DIGITS);
}

static bool is_sound(const mr_buffer *manifest)
{
    char digits[CHECK_DIGITS + 1];
    if (manifest->length < CHECK_PLACE + CHECK_DIGITS ||
        memcmp(manifest->bytes, MANIFEST_START, CHECK_PLACE) != 0)
        return false;
    check_text(manifest, digits);
    return memcmp(manifest->bytes + CHECK_PLACE, digits, CHECK_DIGITS) == 0;
}

static mr_status put_manifest(const mr_model_writer *writer,
                              const mr_model_description *description,
                              char ret_version[MR_MODEL_VERSION_BYTES],
                              mr_buffer *manifest)
{
    mr_buffer body = {0};
    mr_json_writer json = mr_json_writer_of(&body);
    mr_json_begin_object(&json);
    put_body(&json, writer, description);
    mr_json_end_object(&json);
    mr_status status = mr_buffer_status(&body);
    if (status == MR_OK) {
        name_version(description->data_to_ms, &body, ret_version);
        json = mr_json_writer_of(manifest);
        mr_json_begin_object(&json);
        mr_json_key(&json, "format");
        mr_json_put_int(&json, MR_MODEL_FORMAT);
        mr_json_key(&json, "check");
        mr_json_put_string(&json, NO_CHECK);
        mr_json_key(&json, "version");
        mr_json_put_string(&json, ret_version);
        put_body(&json, writer, description);
        mr_json_end_object(&json);
        mr_buffer_put_u8(manifest, '\n');
        status = mr_buffer_status(manifest);
        if (status == MR_OK)
            put_check(manifest);
    }
    mr_buffer_deinit(&body);
    return status;
}

/* True when a finished version has exactly this manifest. */
static bool is_there(const char *version_path, const mr_buffer *manifest)
{
    char path[MR_MODEL_PATH_BYTES];
    mr_buffer old = {0};
    join(path, version_path, MANIFEST);
    const bool same = mr_file_read(path, &old, NULL) == MR_OK &&
                      old.length == manifest->length &&
                      memcmp(old.bytes, manifest->bytes, old.length) == 0;
    mr_buffer_deinit(&old);
    return same;
}

static mr_status publish(mr_model_writer *writer, const char *version,
                         const mr_buffer *manifest, mr_error *ret_error)
{
    char path[MR_MODEL_PATH_BYTES];
    char version_path[MR_MODEL_PATH_BYTES];
    join(path, writer->path, MANIFEST);
    join(version_path, writer->models_path, version);
    MR_TRY(mr_file_replace(path, manifest->bytes, manifest->length, ret_error));
    MR_TRY(mr_directory_sync(writer->path, ret_error));
    if (is_there(version_path, manifest))
        return MR_OK; /* destroy removes the copy */
    if (rename(writer->path, version_path) != 0)
        return mr_error_set(ret_error, MR_ERR_UNAVAILABLE,
                            "%s: cannot be given its name: %s", version_path,
                            strerror(errno));
    writer->path[0] = '\0';
    return mr_directory_sync(writer->models_path, ret_error);
}

mr_status mr_model_writer_finish(mr_model_writer *writer,
                                 const mr_model_description *description,
                                 char ret_version[MR_MODEL_VERSION_BYTES],
                                 mr_error *ret_error)
{
    char version[MR_MODEL_VERSION_BYTES];
    mr_buffer manifest = {0};
    mr_status status = put_manifest(writer, description, version, &manifest);
    if (status == MR_OK)
        status = publish(writer, version, &manifest, ret_error);
    else
        status =
            mr_error_set(ret_error, status, "%s: out of memory", writer->models_path);
    mr_buffer_deinit(&manifest);
    if (status == MR_OK)
        (void)strcpy(ret_version, version);
    return status;
}

/* ---- which one is served ---- */

mr_status mr_models_activate(const char *models_path, const char *version,
                             mr_error *ret_error)
{
    char version_path[MR_MODEL_PATH_BYTES];
    char path[MR_MODEL_PATH_BYTES];
    char line[MR_MODEL_VERSION_BYTES + 1];
    if (strlen(version) >= MR_MODEL_VERSION_BYTES || !is_plain_name(version))
        return mr_error_set(ret_error, MR_ERR_INVALID, "%s: no name of a model version",
                            version);
    join(version_path, models_path, version);
    join(path, version_path, MANIFEST);
    if (access(path, R_OK) != 0)
        return mr_error_set(ret_error, MR_ERR_NOT_FOUND, "%s: no such model version",
                            path);
    join(path, models_path, CURRENT);
    const int length = snprintf(line, sizeof(line), "%s\n", version);
    return mr_file_replace(path, line, (size_t)length, ret_error);
}

mr_status mr_models_current(const char *models_path,
                            char ret_version[MR_MODEL_VERSION_BYTES], mr_error *ret_error)
{
    char path[MR_MODEL_PATH_BYTES];
    char version[MR_MODEL_VERSION_BYTES] = "";
    mr_buffer line = {0};
    join(path, models_path, CURRENT);
    mr_status status = mr_file_read(path, &line, ret_error);
    if (status == MR_OK) {
        while (line.length > 0 && line.bytes[line.length - 1] == '\n')
            line.length--;
        if (line.length > 0 && line.length < sizeof(version))
            memcpy(version, line.bytes, line.length);
        if (!is_plain_name(version))
            status = mr_error_set(ret_error, MR_ERR_CORRUPT,
                                  "%s: does not name a version", path);
    }
    mr_buffer_deinit(&line);
    if (status == MR_OK)
        memcpy(ret_version, version, sizeof(version));
    return status;
}

/* ---- reading ---- */

struct mr_model_directory {
    char path[MR_MODEL_PATH_BYTES];
    char version[MR_MODEL_VERSION_BYTES];
    mr_json *manifest;
};

static mr_status check_file(const mr_model_directory *directory, mr_json_value *entry,
                            mr_error *ret_error)
{
    char path[MR_MODEL_PATH_BYTES];
    char name[MR_MODEL_NAME_BYTES] = "";
    file_record record = {0};
    const mr_text text = mr_json_text(mr_json_get(entry, "name"), MR_TEXT(""));
    if (text.length > 0 && text.length < sizeof(name))
        memcpy(name, text.bytes, text.length);
    if (!is_plain_name(name))
        return mr_error_set(ret_error, MR_ERR_CORRUPT, "%s: manifest names no file",
                            directory->path);
    join(path, directory->path, name);
    const mr_status status = sum_file(path, &record, ret_error);
    if (status != MR_OK)
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "%s: named in the manifest but not there", path);
    if ((int64_t)record.bytes != mr_json_int(mr_json_get(entry, "bytes"), -1))
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "%s: %" PRIu64
                            " bytes, not what the manifest says: truncated?",
                            path, record.bytes);
    if ((int64_t)record.crc32c != mr_json_int(mr_json_get(entry, "crc32c"), -1))
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "%s: its checksum is not the manifest's: copy it again",
                            path);
    return MR_OK;
}

static mr_status check_manifest(mr_model_directory *directory, const mr_buffer *text,
                                const char *kind, mr_error *ret_error)
{
    mr_json_value *root = mr_json_root(directory->manifest);
    const int64_t format = mr_json_int(mr_json_get(root, "format"), -1);
    const mr_text version = mr_json_text(mr_json_get(root, "version"), MR_TEXT(""));
    mr_json_value *files = mr_json_get(root, "files");
    if (format != MR_MODEL_FORMAT)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "%s: model format %" PRId64 ", this program reads %d",
                            directory->path, format, (int)MR_MODEL_FORMAT);
    if (!is_sound(text))
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "%s: the manifest's checksum is not its own: copy it again",
                            directory->path);
    if (!mr_text_is(mr_json_text(mr_json_get(root, "kind"), MR_TEXT("")), kind))
        return mr_error_set(ret_error, MR_ERR_INVALID, "%s: not a model of kind %s",
                            directory->path, kind);
    if (version.length == 0 || version.length >= sizeof(directory->version) ||
        !mr_json_is_array(files) || mr_json_count(files) > MR_MODEL_FILES_MAX)
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "%s: manifest without version or files", directory->path);
    memcpy(directory->version, version.bytes, version.length);
    for (size_t f = 0; f < mr_json_count(files); f++)
        MR_TRY(check_file(directory, mr_json_at(files, f), ret_error));
    return MR_OK;
}

mr_status mr_model_directory_open(const char *path, const char *kind,
                                  mr_model_directory **ret_directory, mr_error *ret_error)
{
    char manifest_path[MR_MODEL_PATH_BYTES];
    mr_buffer text = {0};
    if (strlen(path) > MR_MODEL_PATH_BYTES / 2)
        return mr_error_set(ret_error, MR_ERR_INVALID, "model path is too long");
    mr_model_directory *directory = calloc(1, sizeof(*directory));
    if (directory == NULL)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "%s: out of memory", path);
    (void)strcpy(directory->path, path);
    join(manifest_path, path, MANIFEST);
    mr_status status = mr_file_read(manifest_path, &text, ret_error);
    if (status == MR_OK)
        status = mr_json_parse(
            (mr_text){.bytes = (const char *)text.bytes, .length = (uint32_t)text.length},
            &directory->manifest, ret_error);
    if (status == MR_OK)
        status = check_manifest(directory, &text, kind, ret_error);
    mr_buffer_deinit(&text);
    if (status != MR_OK) {
        mr_model_directory_destroy(directory);
        return status;
    }
    *ret_directory = directory;
    return MR_OK;
}

void mr_model_directory_destroy(mr_model_directory *directory)
{
    if (directory == NULL)
        return;
    mr_json_destroy(directory->manifest);
    free(directory);
}

const char *mr_model_directory_version(const mr_model_directory *directory)
{
    return directory->version;
}

mr_json_value *mr_model_directory_manifest(const mr_model_directory *directory)
{
    return mr_json_root(directory->manifest);
}

void mr_model_directory_path(const mr_model_directory *directory, const char *name,
                             char ret_path[MR_MODEL_PATH_BYTES])
{
    join(ret_path, directory->path, name);
}

mr_status mr_model_directory_map(const mr_model_directory *directory, const char *name,
                                 mr_npy_type type, uint32_t dimensions, mr_npy *ret_npy,
                                 mr_error *ret_error)
{
    char path[MR_MODEL_PATH_BYTES];
    mr_json_value *files = mr_json_get(mr_model_directory_manifest(directory), "files");
    bool named = false;
    for (size_t f = 0; f < mr_json_count(files) && !named; f++)
        named = mr_text_is(
            mr_json_text(mr_json_get(mr_json_at(files, f), "name"), MR_TEXT("")), name);
    join(path, directory->path, name);
    if (!named)
        return mr_error_set(ret_error, MR_ERR_CORRUPT, "%s: not in the manifest", path);
    return mr_npy_open(path, type, dimensions, ret_npy, ret_error);
}
