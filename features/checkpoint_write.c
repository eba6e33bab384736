/*
 * A generation made durable, and older ones removed.
 */
#include "core/file.h"
#include "features/checkpoint_format.h"
#include "features/checkpoint_manifest.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

static mr_status refuse_if_stale(const mr_checkpoint_store *store, uint32_t partition,
                                 uint64_t epoch, mr_error *ret_error)
{
    mr_checkpoint_directory directory;
    MR_TRY(mr_checkpoint_partition_read(store, partition, &directory, ret_error));
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
    return name->kind == MR_FILE_BASE || name->kind == MR_FILE_DELTA ||
           name->kind == MR_FILE_MANIFEST;
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

/*
 * Bases of this epoch are counted through the manifests that are whole.  What the `bases` newest of
 * them and the deltas on them are written in stays; below lie only what older ones need.
 *
 * The generation just written stands; failing to prune loses nothing but room.
 */
static void prune(const mr_checkpoint_store *store, uint32_t partition, uint64_t epoch)
{
    mr_checkpoint_directory directory;
    if (mr_checkpoint_partition_read(store, partition, &directory, NULL) != MR_OK)
        return;
    const uint32_t bases = mr_checkpoint_store_bases(store);
    uint32_t valid = 0;
    uint64_t oldest_kept = UINT64_MAX;
    for (size_t i = 0; i < directory.count && valid < bases; i++) {
        const mr_checkpoint_name *name = &directory.names[i];
        mr_manifest manifest;
        if (name->kind != MR_FILE_MANIFEST || name->epoch != epoch ||
            name->generation >= oldest_kept ||
            mr_manifest_read_whole(&directory, mr_checkpoint_store_topic(store),
                                   partition, epoch, name->generation, &manifest,
                                   NULL) != MR_OK)
            continue;
        oldest_kept = manifest.files[0].generation;
        valid++;
    }
    if (valid >= MR_CHECKPOINT_BASES_MIN)
        remove_below(&directory, epoch, valid == bases ? oldest_kept : 0);
    mr_checkpoint_directory_deinit(&directory);
}

/* The manifest of the generation the delta stands on; the delta's files are those and its own. */
static mr_status read_previous(const mr_checkpoint_store *store, const char *path,
                               const mr_checkpoint_header *header,
                               mr_manifest *ret_manifest, mr_error *ret_error)
{
    mr_checkpoint_directory directory = {.count = 0};
    (void)snprintf(directory.path, sizeof(directory.path), "%s", path);
    const mr_checkpoint_place *place = &header->place;
    mr_manifest manifest;
    MR_TRY(mr_manifest_read_whole(&directory, mr_checkpoint_store_topic(store),
                                  header->partition, place->epoch,
                                  place->previous_generation, &manifest, ret_error));
    if (manifest.files[0].generation != place->base_generation ||
        manifest.file_count != place->segment || manifest.plan_hash != header->plan_hash)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "generation %" PRIu64 " is not what the delta stands on",
                            place->previous_generation);
    *ret_manifest = manifest;
    return MR_OK;
}

static mr_status start_manifest(const mr_checkpoint_store *store, const char *path,
                                const mr_checkpoint_header *header,
                                const mr_buffer *sealed, mr_manifest *ret_manifest,
                                mr_error *ret_error)
{
    mr_manifest manifest = {.file_count = 0};
    if (header->place.segment > 0)
        MR_TRY(read_previous(store, path, header, &manifest, ret_error));
    mr_checkpoint_info info;
    mr_checkpoint_info_from(header, sealed->length, &info);
    manifest.topic = mr_checkpoint_store_topic(store);
    manifest.version = MR_CHECKPOINT_VERSION;
    manifest.partition = header->partition;
    manifest.epoch = header->place.epoch;
    manifest.generation = header->place.generation;
    manifest.plan_hash = header->plan_hash;
    manifest.next_offset = header->next_offset;
    manifest.watermark_ms = info.watermark_ms;
    manifest.users = header->users;
    manifest.files[manifest.file_count++] =
        (mr_manifest_file){.generation = header->place.generation,
                           .bytes = sealed->length,
                           .crc = mr_crc32c(0, sealed->bytes, sealed->length)};
    *ret_manifest = manifest;
    return MR_OK;
}

static mr_status publish(const mr_checkpoint_store *store, const char *directory,
                         const mr_checkpoint_header *header, const mr_buffer *sealed,
                         mr_error *ret_error)
{
    char path[PATH_MAX];
    mr_manifest manifest;
    MR_TRY(start_manifest(store, directory, header, sealed, &manifest, ret_error));
    const mr_checkpoint_name state =
        mr_manifest_file_name(&manifest, manifest.file_count - 1);
    MR_TRY(mr_path_join(path, directory, state.text, ret_error));
    MR_TRY(mr_file_replace(path, sealed->bytes, sealed->length, ret_error));
    MR_TRY(refuse_if_stale(store, header->partition, header->place.epoch, ret_error));

    const mr_checkpoint_name name = mr_checkpoint_name_of(
        MR_FILE_MANIFEST, header->place.epoch, header->place.generation);
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
    if (header.partition != partition || header.place.epoch != epoch ||
        header.place.generation != generation ||
        !mr_text_is(header.topic, mr_checkpoint_store_topic(store)))
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "the encoded state is of another topic, partition, epoch or "
                            "generation");
    char directory[PATH_MAX];
    MR_TRY(mr_checkpoint_partition_path(store, partition, directory, ret_error));
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
