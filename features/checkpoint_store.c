#include "features/checkpoint.h"

#include "core/file.h"
#include "features/checkpoint_format.h"
#include "features/checkpoint_manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EPOCH_ATTEMPTS_MAX = 1000 };

struct mr_checkpoint_store {
    char directory[PATH_MAX]; /* PATH/TOPIC */
    char topic[MR_SHARD_TOPIC_BYTES_MAX + 1];
    uint32_t bases;
};

mr_status mr_checkpoint_store_open(const char *path, const char *topic, uint32_t bases,
                                   mr_checkpoint_store **ret_store, mr_error *ret_error)
{
    if (topic == NULL || !mr_topic_is_valid(topic))
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "a topic is 1 to %d characters of A-Z a-z 0-9 . _ -",
                            MR_SHARD_TOPIC_BYTES_MAX);
    char directory[PATH_MAX];
    MR_TRY(mr_path_join(directory, path, topic, ret_error));
    MR_TRY(mr_directory_make_durable(directory, ret_error));
    mr_checkpoint_store *store = calloc(1, sizeof(*store));
    if (store == NULL)
        return MR_ERR_NO_MEMORY;
    memcpy(store->directory, directory, strlen(directory) + 1);
    memcpy(store->topic, topic, strlen(topic) + 1);
    store->bases = bases > MR_CHECKPOINT_BASES_MIN ? bases : MR_CHECKPOINT_BASES_MIN;
    *ret_store = store;
    return MR_OK;
}

void mr_checkpoint_store_close(mr_checkpoint_store *store)
{
    free(store);
}

mr_status mr_checkpoint_partition_path(const mr_checkpoint_store *store,
                                       uint32_t partition, char ret_path[PATH_MAX],
                                       mr_error *ret_error)
{
    char name[32];
    (void)snprintf(name, sizeof(name), "p%05" PRIu32, partition);
    return mr_path_join(ret_path, store->directory, name, ret_error);
}

mr_status mr_checkpoint_partition_read(const mr_checkpoint_store *store,
                                       uint32_t partition,
                                       mr_checkpoint_directory *ret_directory,
                                       mr_error *ret_error)
{
    char path[PATH_MAX];
    MR_TRY(mr_checkpoint_partition_path(store, partition, path, ret_error));
    return mr_checkpoint_directory_read(path, ret_directory, ret_error);
}

/* MR_ERR_STALE when another process took it first. */
static mr_status create_epoch(const char *directory, uint64_t epoch, mr_error *ret_error)
{
    const mr_checkpoint_name name = mr_checkpoint_name_of(MR_FILE_EPOCH, epoch, 0);
    char path[PATH_MAX];
    MR_TRY(mr_path_join(path, directory, name.text, ret_error));
    const int file = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
    if (file < 0)
        return mr_error_set(ret_error,
                            errno == EEXIST ? MR_ERR_STALE : MR_ERR_UNAVAILABLE,
                            "%s: cannot create: %s", path, strerror(errno));
    const bool is_durable = fsync(file) == 0;
    (void)close(file);
    if (!is_durable)
        return mr_error_set(ret_error, MR_ERR_UNAVAILABLE, "%s: cannot sync: %s", path,
                            strerror(errno));
    return mr_directory_sync(directory, ret_error);
}

mr_status mr_checkpoint_take_epoch(const mr_checkpoint_store *store, uint32_t partition,
                                   uint64_t now_s, uint64_t *ret_epoch,
                                   mr_error *ret_error)
{
    char path[PATH_MAX];
    MR_TRY(mr_checkpoint_partition_path(store, partition, path, ret_error));
    MR_TRY(mr_directory_make_durable(path, ret_error));
    for (int attempt = 0; attempt < EPOCH_ATTEMPTS_MAX; attempt++) {
        mr_checkpoint_directory directory;
        MR_TRY(mr_checkpoint_directory_read(path, &directory, ret_error));
        const uint64_t next = mr_checkpoint_directory_epoch(&directory) + 1;
        mr_checkpoint_directory_deinit(&directory);
        const uint64_t epoch = next > now_s ? next : now_s;
        const mr_status status = create_epoch(path, epoch, ret_error);
        if (status == MR_OK)
            *ret_epoch = epoch;
        if (status != MR_ERR_STALE)
            return status;
    }
    return mr_error_set(ret_error, MR_ERR_UNAVAILABLE,
                        "%s: %d epochs were taken by others, one after the other", path,
                        EPOCH_ATTEMPTS_MAX);
}

mr_status mr_checkpoint_list(const mr_checkpoint_store *store, uint32_t partition,
                             mr_checkpoint_info *ret_infos, size_t capacity,
                             size_t *ret_count, mr_error *ret_error)
{
    mr_checkpoint_directory directory;
    MR_TRY(mr_checkpoint_partition_read(store, partition, &directory, ret_error));
    size_t count = 0;
    for (size_t i = 0; i < directory.count && count < capacity; i++) {
        const mr_checkpoint_name *name = &directory.names[i];
        if (name->kind != MR_FILE_MANIFEST)
            continue;
        mr_error reason = {{0}};
        mr_manifest manifest;
        mr_checkpoint_info info = {.epoch = name->epoch,
                                   .generation = name->generation,
                                   .partition = partition,
                                   .skipped = 1};
        if (mr_manifest_read_whole(&directory, store->topic, partition, name->epoch,
                                   name->generation, &manifest, &reason) == MR_OK) {
            info.next_offset = manifest.next_offset;
            info.watermark_ms = manifest.watermark_ms;
            info.plan_hash = manifest.plan_hash;
            info.bytes = mr_manifest_bytes(&manifest);
            info.base_generation = manifest.files[0].generation;
            info.segments = manifest.file_count - 1;
            info.is_delta = manifest.file_count > 1;
            info.users = manifest.users;
            info.skipped = 0;
        }
        memcpy(info.message, reason.message, sizeof(info.message));
        ret_infos[count++] = info;
    }
    mr_checkpoint_directory_deinit(&directory);
    *ret_count = count;
    return MR_OK;
}

mr_status mr_checkpoint_oldest_offset(const mr_checkpoint_store *store,
                                      uint32_t partition, int64_t *ret_offset,
                                      mr_error *ret_error)
{
    mr_checkpoint_directory directory;
    MR_TRY(mr_checkpoint_partition_read(store, partition, &directory, ret_error));
    mr_status status = mr_error_set(ret_error, MR_ERR_NOT_FOUND,
                                    "partition %" PRIu32 ": no checkpoint", partition);
    int64_t oldest = 0;
    /* All are looked at: an owner that had to go back behind a damaged generation wrote newer
     * ones of smaller offsets. */
    for (size_t i = 0; i < directory.count; i++) {
        const mr_checkpoint_name *name = &directory.names[i];
        mr_manifest manifest;
        if (name->kind != MR_FILE_MANIFEST)
            continue;
        const mr_status read =
            mr_manifest_read_whole(&directory, store->topic, partition, name->epoch,
                                   name->generation, &manifest, ret_error);
        /* One that cannot be read now may be read later, and may then be the oldest. */
        if (read != MR_OK && read != MR_ERR_NOT_FOUND && read != MR_ERR_CORRUPT) {
            status = read;
            break;
        }
        if (read == MR_OK && (status != MR_OK || manifest.next_offset < oldest)) {
            oldest = manifest.next_offset;
            status = MR_OK;
        }
    }
    if (status == MR_OK)
        *ret_offset = oldest;
    mr_checkpoint_directory_deinit(&directory);
    return status;
}

const char *mr_checkpoint_store_directory(const mr_checkpoint_store *store)
{
    return store->directory;
}

const char *mr_checkpoint_store_topic(const mr_checkpoint_store *store)
{
    return store->topic;
}

uint32_t mr_checkpoint_store_bases(const mr_checkpoint_store *store)
{
    return store->bases;
}
