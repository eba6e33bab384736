#include "features/checkpoint_files.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DIGITS = 20,
    NAMES_MAX = 4 * MR_CHECKPOINT_GENERATIONS_MAX,
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
    static const char *const suffixes[] = {[MR_FILE_BASE] = "base",
                                           [MR_FILE_DELTA] = "delta",
                                           [MR_FILE_MANIFEST] = "manifest"};
    mr_checkpoint_name name = {.kind = kind, .epoch = epoch, .generation = generation};
    if (kind == MR_FILE_EPOCH)
        (void)snprintf(name.text, sizeof(name.text), "e%020" PRIu64 ".epoch", epoch);
    else
        (void)snprintf(name.text, sizeof(name.text), "e%020" PRIu64 "-g%020" PRIu64 ".%s",
                       epoch, generation, suffixes[kind]);
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
