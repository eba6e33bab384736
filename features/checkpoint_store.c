#include "features/checkpoint.h"

#include "core/file.h"
#include "features/checkpoint_files.h"
#include "features/checkpoint_format.h"

#include <dirent.h>
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

static mr_status partition_path(const mr_checkpoint_store *store, uint32_t partition,
                                char ret_path[PATH_MAX], mr_error *ret_error)
{
    char name[32];
    (void)snprintf(name, sizeof(name), "p%05" PRIu32, partition);
    return mr_path_join(ret_path, store->directory, name, ret_error);
}

static mr_status read_partition(const mr_checkpoint_store *store, uint32_t partition,
                                mr_checkpoint_directory *ret_directory,
                                mr_error *ret_error)
{
    char path[PATH_MAX];
    MR_TRY(partition_path(store, partition, path, ret_error));
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
    MR_TRY(partition_path(store, partition, path, ret_error));
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

/* -- writing ------------------------------------------------------------------------------ */

static mr_status refuse_if_stale(const mr_checkpoint_store *store, uint32_t partition,
                                 uint64_t epoch, mr_error *ret_error)
{
    mr_checkpoint_directory directory;
    MR_TRY(read_partition(store, partition, &directory, ret_error));
    const uint64_t newest = mr_checkpoint_directory_epoch(&directory);
    mr_checkpoint_directory_deinit(&directory);
    if (newest <= epoch)
        return MR_OK;
    return mr_error_set(ret_error, MR_ERR_STALE,
                        "partition %" PRIu32 ": epoch %" PRIu64
                        " was taken after ours (%" PRIu64 ")",
                        partition, newest, epoch);
}

static bool is_generation(const mr_checkpoint_name *name)
{
    return name->kind == MR_FILE_BASE || name->kind == MR_FILE_MANIFEST;
}

static void remove_named(const mr_checkpoint_directory *directory,
                         const mr_checkpoint_name *name)
{
    char path[PATH_MAX];
    if (mr_path_join(path, directory->path, name->text, NULL) == MR_OK)
        (void)unlink(path); /* what stays is pruned the next time */
}

/* Manifests first: a base without one is never read, a manifest without a base would be. */
static void remove_below(const mr_checkpoint_directory *directory, uint64_t epoch,
                         uint64_t oldest_kept)
{
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < directory->count; i++) {
            const mr_checkpoint_name *name = &directory->names[i];
            const bool is_manifest = name->kind == MR_FILE_MANIFEST;
            const bool is_old_own = name->epoch == epoch && is_generation(name) &&
                                    name->generation < oldest_kept;
            if (is_manifest == (pass == 0) && (name->epoch < epoch || is_old_own))
                remove_named(directory, name);
        }
    }
}

/* The generation just written stands; failing to prune loses nothing but room. */
static void prune(const mr_checkpoint_store *store, uint32_t partition, uint64_t epoch)
{
    mr_checkpoint_directory directory;
    if (read_partition(store, partition, &directory, NULL) != MR_OK)
        return;
    uint32_t valid = 0;
    uint64_t oldest_kept = 0;
    for (size_t i = 0; i < directory.count && valid < store->bases; i++) {
        const mr_checkpoint_name *name = &directory.names[i];
        mr_manifest manifest;
        if (name->kind != MR_FILE_MANIFEST || name->epoch != epoch ||
            mr_manifest_read_whole(&directory, store->topic, partition, epoch,
                                   name->generation, &manifest, NULL) != MR_OK)
            continue;
        oldest_kept = name->generation;
        valid++;
    }
    if (valid >= MR_CHECKPOINT_BASES_MIN)
        remove_below(&directory, epoch, valid == store->bases ? oldest_kept : 0);
    mr_checkpoint_directory_deinit(&directory);
}

static mr_status publish(const mr_checkpoint_store *store, const char *directory,
                         const mr_checkpoint_header *header, const mr_buffer *sealed,
                         mr_error *ret_error)
{
    char path[PATH_MAX];
    const mr_checkpoint_name base =
        mr_checkpoint_name_of(MR_FILE_BASE, header->epoch, header->generation);
    MR_TRY(mr_path_join(path, directory, base.text, ret_error));
    MR_TRY(mr_file_replace(path, sealed->bytes, sealed->length, ret_error));
    MR_TRY(refuse_if_stale(store, header->partition, header->epoch, ret_error));

    mr_checkpoint_info info;
    mr_checkpoint_info_from(header, sealed->length, &info);
    const mr_manifest manifest = {.topic = store->topic,
                                  .partition = header->partition,
                                  .epoch = header->epoch,
                                  .generation = header->generation,
                                  .plan_hash = header->plan_hash,
                                  .next_offset = header->next_offset,
                                  .watermark_ms = info.watermark_ms,
                                  .users = header->users,
                                  .base_bytes = sealed->length,
                                  .base_crc =
                                      mr_crc32c(0, sealed->bytes, sealed->length)};
    const mr_checkpoint_name name =
        mr_checkpoint_name_of(MR_FILE_MANIFEST, header->epoch, header->generation);
    MR_TRY(mr_path_join(path, directory, name.text, ret_error));
    mr_buffer text = {0};
    mr_manifest_put(&manifest, &text);
    mr_status status = mr_buffer_status(&text);
    if (status == MR_OK)
        status = mr_file_replace(path, text.bytes, text.length, ret_error);
    mr_buffer_deinit(&text);
    return status;
}

mr_status mr_checkpoint_write(const mr_checkpoint_store *store, uint32_t partition,
                              uint64_t epoch, uint64_t generation,
                              const mr_buffer *buffer, mr_error *ret_error)
{
    mr_checkpoint_header header;
    MR_TRY(mr_checkpoint_read_header(buffer->bytes, buffer->length, &header, ret_error));
    if (header.partition != partition || header.epoch != epoch ||
        header.generation != generation || !mr_text_is(header.topic, store->topic))
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "the encoded state is of another topic, partition, epoch or "
                            "generation");
    char directory[PATH_MAX];
    MR_TRY(partition_path(store, partition, directory, ret_error));
    MR_TRY(mr_directory_make(directory, ret_error));
    MR_TRY(refuse_if_stale(store, partition, epoch, ret_error));
    mr_buffer sealed = {0};
    mr_status status = mr_checkpoint_seal(buffer, &sealed);
    if (status == MR_OK)
        status = publish(store, directory, &header, &sealed, ret_error);
    mr_buffer_deinit(&sealed);
    if (status == MR_OK)
        prune(store, partition, epoch);
    return status;
}

/* -- reading ------------------------------------------------------------------------------- */

typedef struct restoring {
    const mr_checkpoint_store *store;
    const mr_checkpoint_directory *directory;
    const mr_plan *plan;
    const mr_hash_key *hash_key;
    size_t memory_limit_bytes;
    uint32_t partition;
} restoring;

static mr_status decode_base(const restoring *from, const mr_manifest *manifest,
                             const mr_file_map *map, mr_shard **ret_shard,
                             mr_checkpoint_info *ret_info, mr_error *ret_error)
{
    mr_checkpoint_header header;
    if (map->bytes != manifest->base_bytes ||
        mr_crc32c(0, map->data, map->bytes) != manifest->base_crc)
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "not the bytes that the manifest sums");
    MR_TRY(mr_checkpoint_read_header(map->data, map->bytes, &header, ret_error));
    if (header.partition != manifest->partition || header.epoch != manifest->epoch ||
        header.generation != manifest->generation ||
        !mr_text_is(header.topic, manifest->topic))
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "of another partition or generation");
    return mr_checkpoint_decode(map->data, map->bytes, from->plan, from->hash_key,
                                from->memory_limit_bytes, ret_shard, ret_info, ret_error);
}

static mr_status restore_generation(const restoring *from, uint64_t epoch,
                                    uint64_t generation, mr_shard **ret_shard,
                                    mr_checkpoint_info *ret_info, mr_error *ret_error)
{
    mr_manifest manifest;
    MR_TRY(mr_manifest_read_whole(from->directory, from->store->topic, from->partition,
                                  epoch, generation, &manifest, ret_error));
    const mr_checkpoint_name base =
        mr_checkpoint_name_of(MR_FILE_BASE, epoch, generation);
    char path[PATH_MAX];
    MR_TRY(mr_path_join(path, from->directory->path, base.text, ret_error));
    mr_file_map map;
    MR_TRY(mr_file_map_open(path, &map, ret_error));
    mr_error reason = {{0}};
    const mr_status status =
        decode_base(from, &manifest, &map, ret_shard, ret_info, &reason);
    mr_file_map_close(&map);
    if (status != MR_OK)
        return mr_error_set(ret_error, status, "%s: %s", base.text, reason.message);
    return MR_OK;
}

/* Newest first; damage and absence go on to the next one, anything else stops. */
static mr_status restore_newest(const restoring *from, mr_shard **ret_shard,
                                mr_checkpoint_info *ret_info, mr_error *ret_error)
{
    uint32_t skipped = 0;
    mr_error first = {{0}};
    for (size_t i = 0; i < from->directory->count; i++) {
        const mr_checkpoint_name *name = &from->directory->names[i];
        if (name->kind != MR_FILE_MANIFEST)
            continue;
        mr_error reason = {{0}};
        const mr_status status = restore_generation(from, name->epoch, name->generation,
                                                    ret_shard, ret_info, &reason);
        if (status == MR_OK) {
            ret_info->skipped = skipped;
            memcpy(ret_info->message, first.message, sizeof(first.message));
            return MR_OK;
        }
        if (status != MR_ERR_CORRUPT && status != MR_ERR_NOT_FOUND)
            return mr_error_set(ret_error, status, "%s", reason.message);
        if (skipped++ == 0)
            first = reason;
    }
    if (skipped > 0)
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "partition %" PRIu32 ": no valid checkpoint; newest: %s",
                            from->partition, first.message);
    return mr_error_set(ret_error, MR_ERR_NOT_FOUND,
                        "partition %" PRIu32 ": no checkpoint", from->partition);
}

mr_status mr_checkpoint_restore(const mr_checkpoint_store *store, uint32_t partition,
                                const mr_plan *plan, const mr_hash_key *hash_key,
                                size_t memory_limit_bytes, mr_shard **ret_shard,
                                mr_checkpoint_info *ret_info, mr_error *ret_error)
{
    mr_checkpoint_directory directory;
    MR_TRY(read_partition(store, partition, &directory, ret_error));
    const restoring from = {.store = store,
                            .directory = &directory,
                            .plan = plan,
                            .hash_key = hash_key,
                            .memory_limit_bytes = memory_limit_bytes,
                            .partition = partition};
    const mr_status status = restore_newest(&from, ret_shard, ret_info, ret_error);
    mr_checkpoint_directory_deinit(&directory);
    return status;
}

mr_status mr_checkpoint_restore_at(const mr_checkpoint_store *store, uint32_t partition,
                                   uint64_t epoch, uint64_t generation,
                                   const mr_plan *plan, const mr_hash_key *hash_key,
                                   size_t memory_limit_bytes, mr_shard **ret_shard,
                                   mr_checkpoint_info *ret_info, mr_error *ret_error)
{
    mr_checkpoint_directory directory;
    MR_TRY(read_partition(store, partition, &directory, ret_error));
    const restoring from = {.store = store,
                            .directory = &directory,
                            .plan = plan,
                            .hash_key = hash_key,
                            .memory_limit_bytes = memory_limit_bytes,
                            .partition = partition};
    const mr_status status =
        restore_generation(&from, epoch, generation, ret_shard, ret_info, ret_error);
    mr_checkpoint_directory_deinit(&directory);
    return status;
}

mr_status mr_checkpoint_verify(const mr_checkpoint_store *store, uint32_t partition,
                               uint64_t epoch, uint64_t generation, const mr_plan *plan,
                               mr_error *ret_error)
{
    mr_hash_key key;
    mr_hash_key_init(&key, "", 0); /* what is read does not depend on it */
    mr_shard *shard = NULL;
    mr_checkpoint_info info;
    MR_TRY(mr_checkpoint_restore_at(store, partition, epoch, generation, plan, &key, 0,
                                    &shard, &info, ret_error));
    mr_shard_destroy(shard);
    return MR_OK;
}

mr_status mr_checkpoint_list(const mr_checkpoint_store *store, uint32_t partition,
                             mr_checkpoint_info *ret_infos, size_t capacity,
                             size_t *ret_count, mr_error *ret_error)
{
    mr_checkpoint_directory directory;
    MR_TRY(read_partition(store, partition, &directory, ret_error));
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
            info.bytes = manifest.base_bytes;
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
    MR_TRY(read_partition(store, partition, &directory, ret_error));
    mr_status status = mr_error_set(ret_error, MR_ERR_NOT_FOUND,
                                    "partition %" PRIu32 ": no checkpoint", partition);
    for (size_t i = directory.count; i > 0; i--) {
        const mr_checkpoint_name *name = &directory.names[i - 1];
        mr_manifest manifest;
        if (name->kind != MR_FILE_MANIFEST)
            continue;
        const mr_status read =
            mr_manifest_read_whole(&directory, store->topic, partition, name->epoch,
                                   name->generation, &manifest, ret_error);
        if (read == MR_OK)
            *ret_offset = manifest.next_offset;
        /* One that cannot be read now may be read later, and is then the oldest. */
        if (read != MR_ERR_NOT_FOUND && read != MR_ERR_CORRUPT)
            status = read;
        if (status != MR_ERR_NOT_FOUND)
            break;
    }
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
