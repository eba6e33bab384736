/*
 * Checkpoints kept under a name: hard links in a store of their own.
 *
 * The links are made in a directory that starts with a dot and is renamed when whole, so a name
 * either holds every partition or does not exist.  A link keeps the bytes when the original is
 * pruned; nothing has to remember what is pinned.
 */
#include "core/file.h"
#include "features/checkpoint.h"
#include "features/checkpoint_format.h"
#include "features/checkpoint_manifest.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PARTITIONS_MAX = 65536, LINK_ATTEMPTS_MAX = 3 };

/* "p00003" to 3: only if writing it again gives the same. */
static bool parse_partition(const char *text, uint32_t *ret_partition)
{
    char again[32];
    if (text[0] != 'p')
        return false;
    const unsigned long number = strtoul(text + 1, NULL, 10);
    if (number > UINT32_MAX)
        return false;
    (void)snprintf(again, sizeof(again), "p%05lu", number);
    if (strcmp(again, text) != 0)
        return false;
    *ret_partition = (uint32_t)number;
    return true;
}

static int compare_partitions(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

mr_status mr_checkpoint_partitions(const mr_checkpoint_store *store,
                                   uint32_t *ret_partitions, size_t capacity,
                                   size_t *ret_count, mr_error *ret_error)
{
    const char *path = mr_checkpoint_store_directory(store);
    DIR *stream = opendir(path);
    if (stream == NULL)
        return mr_error_set(ret_error, MR_ERR_UNAVAILABLE, "%s: cannot open: %s", path,
                            strerror(errno));
    size_t count = 0;
    for (const struct dirent *entry;
         count < capacity && (entry = readdir(stream)) != NULL;) {
        if (parse_partition(entry->d_name, &ret_partitions[count]))
            count++;
    }
    (void)closedir(stream);
    qsort(ret_partitions, count, sizeof(*ret_partitions), compare_partitions);
    *ret_count = count;
    return MR_OK;
}

static mr_status link_file(const char *from_directory, const char *to_directory,
                           const mr_checkpoint_name *name, mr_error *ret_error)
{
    char from[PATH_MAX];
    char to[PATH_MAX];
    MR_TRY(mr_path_join(from, from_directory, name->text, ret_error));
    MR_TRY(mr_path_join(to, to_directory, name->text, ret_error));
    if (link(from, to) == 0)
        return MR_OK;
    const int error = errno;
    return mr_error_set(ret_error,
                        error == ENOENT ? MR_ERR_NOT_FOUND : MR_ERR_UNAVAILABLE,
                        "%s: cannot link: %s", to, strerror(error));
}

/* The manifest last: a directory that is read meanwhile has no generation yet. */
static mr_status link_generation(const mr_checkpoint_store *store, uint32_t partition,
                                 const char *from, const char *to,
                                 const mr_checkpoint_info *info, mr_error *ret_error)
{
    mr_checkpoint_directory directory = {.count = 0};
    mr_manifest manifest;
    (void)snprintf(directory.path, sizeof(directory.path), "%s", from);
    MR_TRY(mr_manifest_read(&directory, mr_checkpoint_store_topic(store), partition,
                            info->epoch, info->generation, &manifest, ret_error));
    for (size_t i = 0; i < manifest.file_count; i++) {
        const mr_checkpoint_name name = mr_manifest_file_name(&manifest, i);
        MR_TRY(link_file(from, to, &name, ret_error));
    }
    const mr_checkpoint_name name =
        mr_checkpoint_name_of(MR_FILE_MANIFEST, info->epoch, info->generation);
    return link_file(from, to, &name, ret_error);
}

/* The newest generation whose files are whole. */
static mr_status newest_whole(const mr_checkpoint_store *store, uint32_t partition,
                              mr_checkpoint_info *ret_info, mr_error *ret_error)
{
    mr_checkpoint_info *infos = calloc(MR_CHECKPOINT_GENERATIONS_MAX, sizeof(*infos));
    if (infos == NULL)
        return MR_ERR_NO_MEMORY;
    size_t count = 0;
    mr_status status = mr_checkpoint_list(
        store, partition, infos, MR_CHECKPOINT_GENERATIONS_MAX, &count, ret_error);
    size_t i = 0;
    while (i < count && infos[i].skipped > 0)
        i++;
    if (status == MR_OK && i == count)
        status = MR_ERR_NOT_FOUND;
    if (status == MR_OK)
        *ret_info = infos[i];
    free(infos);
    return status;
}

/* MR_ERR_NOT_FOUND when the partition has no generation, or when each one chosen was pruned
 * before it could be linked. */
static mr_status pin_partition(const mr_checkpoint_store *store, uint32_t partition,
                               const char *target, mr_error *ret_error)
{
    char name[32];
    char from[PATH_MAX];
    char to[PATH_MAX];
    (void)snprintf(name, sizeof(name), "p%05" PRIu32, partition);
    MR_TRY(mr_path_join(from, mr_checkpoint_store_directory(store), name, ret_error));
    MR_TRY(mr_path_join(to, target, name, ret_error));
    mr_status status = MR_ERR_NOT_FOUND;
    for (int i = 0; i < LINK_ATTEMPTS_MAX && status == MR_ERR_NOT_FOUND; i++) {
        mr_checkpoint_info info;
        MR_TRY(newest_whole(store, partition, &info, ret_error));
        MR_TRY(mr_directory_remove(to, ret_error));
        MR_TRY(mr_directory_make(to, ret_error));
        status = link_generation(store, partition, from, to, &info, ret_error);
    }
    if (status == MR_OK)
        status = mr_directory_sync(to, ret_error);
    return status;
}

static mr_status pin_all(const mr_checkpoint_store *store, const char *target,
                         mr_error *ret_error)
{
    uint32_t *partitions = malloc(PARTITIONS_MAX * sizeof(*partitions));
    if (partitions == NULL)
        return MR_ERR_NO_MEMORY;
    size_t count = 0;
    size_t pinned = 0;
    mr_status status =
        mr_checkpoint_partitions(store, partitions, PARTITIONS_MAX, &count, ret_error);
    for (size_t i = 0; i < count && status == MR_OK; i++) {
        status = pin_partition(store, partitions[i], target, ret_error);
        pinned += status == MR_OK;
        if (status == MR_ERR_NOT_FOUND)
            status = MR_OK; /* a partition that has not been written yet */
    }
    free(partitions);
    if (status == MR_OK && pinned == 0)
        status = mr_error_set(ret_error, MR_ERR_NOT_FOUND, "%s: no checkpoint to keep",
                              mr_checkpoint_store_directory(store));
    return status;
}

static bool name_is_valid(const char *name)
{
    return name[0] != '.' && strlen(name) <= MR_CHECKPOINT_NAME_BYTES_MAX &&
           mr_topic_is_valid(name);
}

static mr_status saved_path(const mr_checkpoint_store *store, const char *prefix,
                            const char *name, char ret_path[PATH_MAX],
                            mr_error *ret_error)
{
    char last[2 * MR_CHECKPOINT_NAME_BYTES_MAX];
    (void)snprintf(last, sizeof(last), "saved/%s%s", prefix, name);
    return mr_path_join(ret_path, mr_checkpoint_store_directory(store), last, ret_error);
}

static mr_status build_and_rename(const mr_checkpoint_store *store, const char *building,
                                  const char *final, mr_error *ret_error)
{
    char target[PATH_MAX];
    char parent[PATH_MAX];
    MR_TRY(mr_path_join(target, building, mr_checkpoint_store_topic(store), ret_error));
    MR_TRY(
        mr_path_join(parent, mr_checkpoint_store_directory(store), "saved", ret_error));
    MR_TRY(mr_directory_remove(building, ret_error));
    MR_TRY(mr_directory_make(target, ret_error));
    MR_TRY(pin_all(store, target, ret_error));
    if (rename(building, final) != 0)
        return mr_error_set(ret_error, MR_ERR_UNAVAILABLE, "%s: cannot rename: %s", final,
                            strerror(errno));
    return mr_directory_sync(parent, ret_error);
}

mr_status mr_checkpoint_pin(const mr_checkpoint_store *store, const char *name,
                            char *ret_path, size_t path_bytes, mr_error *ret_error)
{
    if (!name_is_valid(name))
        return mr_error_set(
            ret_error, MR_ERR_INVALID,
            "a name is 1 to %d characters of A-Z a-z 0-9 . _ -, the first "
            "not a dot",
            MR_CHECKPOINT_NAME_BYTES_MAX);
    char building[PATH_MAX];
    char final[PATH_MAX];
    MR_TRY(saved_path(store, ".", name, building, ret_error));
    MR_TRY(saved_path(store, "", name, final, ret_error));
    struct stat found;
    if (stat(final, &found) == 0)
        return mr_error_set(ret_error, MR_ERR_INVALID, "%s: exists, choose another name",
                            final);
    const mr_status status = build_and_rename(store, building, final, ret_error);
    if (status != MR_OK) {
        const mr_status removed = mr_directory_remove(building, NULL);
        return removed == MR_OK ? status : removed;
    }
    if (ret_path != NULL)
        (void)snprintf(ret_path, path_bytes, "%s", final);
    return MR_OK;
}

mr_status mr_checkpoint_unpin(const mr_checkpoint_store *store, const char *name,
                              mr_error *ret_error)
{
    if (!name_is_valid(name))
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "not the name of a saved checkpoint");
    char path[PATH_MAX];
    MR_TRY(saved_path(store, "", name, path, ret_error));
    return mr_directory_remove(path, ret_error);
}
