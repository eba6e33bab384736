#include "features/checkpoint_files.h"

#include "core/file.h"
#include "core/hash.h"
#include "features/shard_private.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    DIGITS = 20,
    NAMES_MAX = 3 * MR_CHECKPOINT_GENERATIONS_MAX,
};

mr_status mr_path_join(char ret_path[PATH_MAX], const char *directory, const char *name,
                       mr_error *ret_error)
{
    const int length = snprintf(ret_path, PATH_MAX, "%s/%s", directory, name);
    if (length < 0 || length >= PATH_MAX)
        return mr_error_set(ret_error, MR_ERR_INVALID, "%.100s…: the path is too long",
                            directory);
    return MR_OK;
}

mr_checkpoint_name mr_checkpoint_name_of(mr_file_kind kind, uint64_t epoch,
                                         uint64_t generation)
{
    mr_checkpoint_name name = {.kind = kind, .epoch = epoch, .generation = generation};
    if (kind == MR_FILE_EPOCH)
        (void)snprintf(name.text, sizeof(name.text), "e%020" PRIu64 ".epoch", epoch);
    else
        (void)snprintf(name.text, sizeof(name.text), "e%020" PRIu64 "-g%020" PRIu64 ".%s",
                       epoch, generation, kind == MR_FILE_BASE ? "base" : "manifest");
    return name;
}

/* Twenty digits after `letter`; the place behind them, or NULL. */
static const char *read_number(const char *text, char letter, uint64_t *ret_number)
{
    if (*text != letter || strspn(text + 1, "0123456789") != DIGITS)
        return NULL;
    errno = 0;
    *ret_number = strtoull(text + 1, NULL, 10);
    return errno == 0 ? text + 1 + DIGITS : NULL;
}

/* A name is one of ours only if writing it again gives the same. */
static mr_checkpoint_name parse_name(const char *text)
{
    mr_checkpoint_name name = {.kind = MR_FILE_OTHER};
    uint64_t epoch;
    uint64_t generation = 0;
    const char *rest = read_number(text, 'e', &epoch);
    if (rest != NULL && *rest == '-')
        rest = read_number(rest + 1, 'g', &generation);
    if (rest == NULL)
        return name;
    for (int kind = MR_FILE_EPOCH; kind <= MR_FILE_MANIFEST; kind++) {
        const mr_checkpoint_name again =
            mr_checkpoint_name_of((mr_file_kind)kind, epoch, generation);
        if (strcmp(again.text, text) == 0)
            return again;
    }
    const size_t length = strlen(text);
    if (length > 4 && length < sizeof(name.text) &&
        strcmp(text + length - 4, ".tmp") == 0) {
        name = (mr_checkpoint_name){
            .kind = MR_FILE_TEMPORARY, .epoch = epoch, .generation = generation};
        memcpy(name.text, text, length + 1);
    }
    return name;
}

static int compare_names(const void *a, const void *b)
{
    const mr_checkpoint_name *x = a;
    const mr_checkpoint_name *y = b;
    if (x->epoch != y->epoch)
        return x->epoch < y->epoch ? 1 : -1;
    if (x->generation != y->generation)
        return x->generation < y->generation ? 1 : -1;
    return strcmp(x->text, y->text);
}

static mr_status add_name(mr_checkpoint_directory *directory,
                          const mr_checkpoint_name *name)
{
    if (directory->count == directory->capacity) {
        const size_t capacity = directory->capacity == 0 ? 16 : 2 * directory->capacity;
        mr_checkpoint_name *names =
            realloc(directory->names, capacity * sizeof(*directory->names));
        if (names == NULL)
            return MR_ERR_NO_MEMORY;
        directory->names = names;
        directory->capacity = capacity;
    }
    directory->names[directory->count++] = *name;
    return MR_OK;
}

static mr_status read_names(DIR *stream, mr_checkpoint_directory *directory,
                            mr_error *ret_error)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (entry == NULL)
            break;
        const mr_checkpoint_name name = parse_name(entry->d_name);
        if (name.kind == MR_FILE_OTHER)
            continue;
        if (directory->count == NAMES_MAX)
            return mr_error_set(ret_error, MR_ERR_UNAVAILABLE,
                                "%s: more than %d checkpoint files", directory->path,
                                NAMES_MAX);
        MR_TRY(add_name(directory, &name));
    }
    return errno == 0 ? MR_OK
                      : mr_error_set(ret_error, MR_ERR_UNAVAILABLE, "%s: cannot list: %s",
                                     directory->path, strerror(errno));
}

mr_status mr_checkpoint_directory_read(const char *path,
                                       mr_checkpoint_directory *ret_directory,
                                       mr_error *ret_error)
{
    mr_checkpoint_directory directory = {.count = 0};
    (void)snprintf(directory.path, sizeof(directory.path), "%s", path);
    DIR *stream = opendir(path);
    if (stream == NULL && errno != ENOENT)
        return mr_error_set(ret_error, MR_ERR_UNAVAILABLE, "%s: cannot open: %s", path,
                            strerror(errno));
    if (stream != NULL) {
        const mr_status status = read_names(stream, &directory, ret_error);
        (void)closedir(stream);
        if (status != MR_OK) {
            mr_checkpoint_directory_deinit(&directory);
            return status;
        }
    }
    if (directory.count > 1)
        qsort(directory.names, directory.count, sizeof(*directory.names), compare_names);
    *ret_directory = directory;
    return MR_OK;
}

void mr_checkpoint_directory_deinit(mr_checkpoint_directory *directory)
{
    free(directory->names);
    directory->names = NULL;
    directory->count = 0;
    directory->capacity = 0;
}

uint64_t mr_checkpoint_directory_epoch(const mr_checkpoint_directory *directory)
{
    return directory->count > 0 ? directory->names[0].epoch : 0;
}

void mr_manifest_put(const mr_manifest *manifest, mr_buffer *buffer)
{
    const mr_checkpoint_name base =
        mr_checkpoint_name_of(MR_FILE_BASE, manifest->epoch, manifest->generation);
    const size_t start = buffer->length;
    mr_buffer_printf(buffer,
                     "millrace-manifest 1\ntopic %s\npartition %" PRIu32
                     "\nepoch %" PRIu64 "\ngeneration %" PRIu64 "\nplan %016" PRIx64
                     "\nnext_offset %" PRId64 "\nwatermark_ms %" PRId64 "\nusers %" PRIu32
                     "\nbase %s %" PRIu64 " %08" PRIx32 "\n",
                     manifest->topic, manifest->partition, manifest->epoch,
                     manifest->generation, manifest->plan_hash, manifest->next_offset,
                     manifest->watermark_ms, manifest->users, base.text,
                     manifest->base_bytes, manifest->base_crc);
    if (!buffer->failed)
        mr_buffer_printf(buffer, "crc %08" PRIx32 "\n",
                         mr_crc32c(0, buffer->bytes + start, buffer->length - start));
}

/* Read the numbers, write the manifest again, and compare: nothing else may stand there. */
static mr_status parse_manifest(const mr_buffer *text, const char *topic,
                                uint32_t partition, uint64_t epoch, uint64_t generation,
                                mr_manifest *ret_manifest)
{
    mr_manifest manifest = {
        .topic = topic, .partition = partition, .epoch = epoch, .generation = generation};
    mr_buffer start = {0};
    mr_buffer_printf(&start,
                     "millrace-manifest 1\ntopic %s\npartition %" PRIu32
                     "\nepoch %" PRIu64 "\ngeneration %" PRIu64 "\nplan ",
                     topic, partition, epoch, generation);
    mr_buffer again = {0};
    mr_status status = MR_ERR_CORRUPT;
    if (!start.failed && text->length > start.length &&
        memcmp(text->bytes, start.bytes, start.length) == 0 &&
        sscanf((const char *)text->bytes + start.length,
               "%16" SCNx64 " next_offset %20" SCNd64 " watermark_ms %20" SCNd64
               " users %10" SCNu32 " base %*s %20" SCNu64 " %8" SCNx32,
               &manifest.plan_hash, &manifest.next_offset, &manifest.watermark_ms,
               &manifest.users, &manifest.base_bytes, &manifest.base_crc) == 6) {
        mr_manifest_put(&manifest, &again);
        /* The text carries a NUL behind its end for sscanf(). */
        if (again.length == text->length - 1 &&
            memcmp(again.bytes, text->bytes, again.length) == 0)
            status = MR_OK;
    }
    if (start.failed || again.failed)
        status =
            MR_ERR_NO_MEMORY; /* not damage: an older generation is no answer to it */
    mr_buffer_deinit(&start);
    mr_buffer_deinit(&again);
    if (status == MR_OK)
        *ret_manifest = manifest;
    return status;
}

mr_status mr_manifest_read(const mr_checkpoint_directory *directory, const char *topic,
                           uint32_t partition, uint64_t epoch, uint64_t generation,
                           mr_manifest *ret_manifest, mr_error *ret_error)
{
    const mr_checkpoint_name name =
        mr_checkpoint_name_of(MR_FILE_MANIFEST, epoch, generation);
    char path[PATH_MAX];
    MR_TRY(mr_path_join(path, directory->path, name.text, ret_error));
    mr_buffer text = {0};
    mr_status status = mr_file_read(path, &text, ret_error);
    if (status == MR_OK) {
        mr_buffer_put_u8(&text, 0);
        status = mr_buffer_status(&text);
    }
    if (status == MR_OK) {
        status = parse_manifest(&text, topic, partition, epoch, generation, ret_manifest);
        if (status != MR_OK)
            (void)mr_error_set(ret_error, status, "%s: %s", name.text,
                               status == MR_ERR_CORRUPT ? "damaged"
                                                        : "no memory to read it");
    }
    mr_buffer_deinit(&text);
    return status;
}

mr_status mr_manifest_read_whole(const mr_checkpoint_directory *directory,
                                 const char *topic, uint32_t partition, uint64_t epoch,
                                 uint64_t generation, mr_manifest *ret_manifest,
                                 mr_error *ret_error)
{
    mr_manifest manifest;
    MR_TRY(mr_manifest_read(directory, topic, partition, epoch, generation, &manifest,
                            ret_error));
    const mr_checkpoint_name base =
        mr_checkpoint_name_of(MR_FILE_BASE, epoch, generation);
    char path[PATH_MAX];
    MR_TRY(mr_path_join(path, directory->path, base.text, ret_error));
    struct stat found;
    if (stat(path, &found) != 0)
        return mr_error_set(ret_error, MR_ERR_CORRUPT, "%s: %s", base.text,
                            strerror(errno));
    if ((uint64_t)found.st_size != manifest.base_bytes)
        return mr_error_set(
            ret_error, MR_ERR_CORRUPT, "%s: has %lld bytes, the manifest says %llu",
            base.text, (long long)found.st_size, (unsigned long long)manifest.base_bytes);
    *ret_manifest = manifest;
    return MR_OK;
}
