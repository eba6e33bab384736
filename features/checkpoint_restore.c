/*
 * The newest generation that is whole, as a shard.
 */
#include "core/file.h"
#include "features/checkpoint_format.h"
#include "features/checkpoint_manifest.h"

#include <inttypes.h>
#include <string.h>

typedef struct restoring {
    const mr_checkpoint_store *store;
    const mr_checkpoint_directory *directory;
    const mr_plan *plan;
    const mr_hash_key *hash_key;
    size_t memory_limit_bytes;
    uint32_t partition;
} restoring;

/* The files of a generation, mapped. */
typedef struct mapped {
    mr_file_map maps[1 + MR_CHECKPOINT_SEGMENTS_MAX];
    mr_checkpoint_file files[1 + MR_CHECKPOINT_SEGMENTS_MAX];
} mapped;

/* That the file's bytes are those the manifest sums, and the ones that belong there. */
static mr_status check_file(const mr_manifest *manifest, size_t index,
                            const mr_checkpoint_file *file, mr_error *ret_error)
{
    const mr_manifest_file *stated = &manifest->files[index];
    mr_checkpoint_header header;
    if (file->bytes != stated->bytes ||
        mr_crc32c(0, file->data, file->bytes) != stated->crc)
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "not the bytes that the manifest sums");
    MR_TRY(mr_checkpoint_read_header(file->data, file->bytes, &header, ret_error));
    if (header.partition != manifest->partition ||
        header.place.epoch != manifest->epoch ||
        header.place.generation != stated->generation ||
        header.place.base_generation != manifest->files[0].generation ||
        header.place.segment != index || !mr_text_is(header.topic, manifest->topic))
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "of another partition or generation");
    return MR_OK;
}

static mr_status map_files(const restoring *from, const mr_manifest *manifest,
                           mapped *all, mr_error *ret_error)
{
    for (size_t i = 0; i < manifest->file_count; i++) {
        const mr_checkpoint_name name = mr_manifest_file_name(manifest, i);
        char path[PATH_MAX];
        mr_error reason = {{0}};
        MR_TRY(mr_path_join(path, from->directory->path, name.text, ret_error));
        MR_TRY(mr_file_map_open(path, &all->maps[i], ret_error));
        all->files[i] = (mr_checkpoint_file){all->maps[i].data, all->maps[i].bytes};
        const mr_status status = check_file(manifest, i, &all->files[i], &reason);
        if (status != MR_OK)
            return mr_error_set(ret_error, status, "%s: %s", name.text, reason.message);
    }
    return MR_OK;
}

static mr_status decode_mapped(const restoring *from, const mr_manifest *manifest,
                               const mapped *all, mr_shard **ret_shard,
                               mr_checkpoint_info *ret_info, mr_error *ret_error)
{
    mr_error reason = {{0}};
    const mr_status status = mr_checkpoint_decode_chain(
        all->files, manifest->file_count, from->plan, from->hash_key,
        from->memory_limit_bytes, ret_shard, ret_info, &reason);
    if (status != MR_OK)
        return mr_error_set(ret_error, status, "%s: %s",
                            mr_manifest_file_name(manifest, 0).text, reason.message);
    return MR_OK;
}

static mr_status restore_generation(const restoring *from, uint64_t epoch,
                                    uint64_t generation, mr_shard **ret_shard,
                                    mr_checkpoint_info *ret_info, mr_error *ret_error)
{
    mr_manifest manifest;
    mapped all = {.maps = {{0}}};
    MR_TRY(mr_manifest_read_whole(from->directory, mr_checkpoint_store_topic(from->store),
                                  from->partition, epoch, generation, &manifest,
                                  ret_error));
    mr_status status = map_files(from, &manifest, &all, ret_error);
    if (status == MR_OK)
        status = decode_mapped(from, &manifest, &all, ret_shard, ret_info, ret_error);
    for (size_t i = 0; i < manifest.file_count; i++)
        mr_file_map_close(&all.maps[i]);
    return status;
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
    MR_TRY(mr_checkpoint_partition_read(store, partition, &directory, ret_error));
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
    MR_TRY(mr_checkpoint_partition_read(store, partition, &directory, ret_error));
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
