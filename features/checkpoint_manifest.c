#include "features/checkpoint_manifest.h"

#include "core/file.h"
#include "core/hash.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

mr_checkpoint_name mr_manifest_file_name(const mr_manifest *manifest, size_t index)
{
    return mr_checkpoint_name_of(index == 0 ? MR_FILE_BASE : MR_FILE_DELTA,
                                 manifest->epoch, manifest->files[index].generation);
}

uint64_t mr_manifest_bytes(const mr_manifest *manifest)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < manifest->file_count; i++)
        bytes += manifest->files[i].bytes;
    return bytes;
}

static void put_start(const mr_manifest *manifest, mr_buffer *buffer)
{
    mr_buffer_printf(buffer,
                     "millrace-manifest %" PRIu32 "\ntopic %s\npartition %" PRIu32
                     "\nepoch %" PRIu64 "\ngeneration %" PRIu64 "\nplan ",
                     manifest->version, manifest->topic, manifest->partition,
                     manifest->epoch, manifest->generation);
}

void mr_manifest_put(const mr_manifest *manifest, mr_buffer *buffer)
{
    const size_t start = buffer->length;
    put_start(manifest, buffer);
    mr_buffer_printf(buffer,
                     "%016" PRIx64 "\nnext_offset %" PRId64 "\nwatermark_ms %" PRId64
                     "\nusers %" PRIu32 "\n",
                     manifest->plan_hash, manifest->next_offset, manifest->watermark_ms,
                     manifest->users);
    for (size_t i = 0; i < manifest->file_count; i++)
        mr_buffer_printf(buffer, "%s %s %" PRIu64 " %08" PRIx32 "\n",
                         i == 0 ? "base" : "delta",
                         mr_manifest_file_name(manifest, i).text,
                         manifest->files[i].bytes, manifest->files[i].crc);
    if (!buffer->failed)
        mr_buffer_printf(buffer, "crc %08" PRIx32 "\n",
                         mr_crc32c(0, buffer->bytes + start, buffer->length - start));
}

/* Numbers behind the start, into the manifest; what is wrong shows when it is written again. */
static bool parse_numbers(const char *text, mr_manifest *manifest)
{
    int used = 0;
    if (sscanf(text,
               "%16" SCNx64 " next_offset %20" SCNd64 " watermark_ms %20" SCNd64
               " users %10" SCNu32 "%n",
               &manifest->plan_hash, &manifest->next_offset, &manifest->watermark_ms,
               &manifest->users, &used) != 4)
        return false;
    for (text += used; manifest->file_count <= MR_CHECKPOINT_SEGMENTS_MAX; text += used) {
        mr_manifest_file *file = &manifest->files[manifest->file_count];
        if (sscanf(text,
                   " %*[a-z] e%*[0-9]-g%20" SCNu64 ".%*[a-z] %20" SCNu64 " %8" SCNx32
                   "%n",
                   &file->generation, &file->bytes, &file->crc, &used) != 3)
            break;
        manifest->file_count++;
    }
    return manifest->file_count > 0 &&
           (manifest->version > 1 || manifest->file_count == 1) &&
           manifest->files[manifest->file_count - 1].generation == manifest->generation;
}

/* Read the numbers, write the manifest again, and compare: nothing else may stand there. */
static mr_status parse_manifest(const mr_buffer *text, mr_manifest *manifest)
{
    mr_buffer start = {0};
    mr_buffer again = {0};
    mr_status status = MR_ERR_CORRUPT;
    put_start(manifest, &start);
    if (!start.failed && text->length > start.length &&
        memcmp(text->bytes, start.bytes, start.length) == 0 &&
        parse_numbers((const char *)text->bytes + start.length, manifest)) {
        mr_manifest_put(manifest, &again);
        /* The text carries a NUL behind its end for sscanf(). */
        if (again.length == text->length - 1 &&
            memcmp(again.bytes, text->bytes, again.length) == 0)
            status = MR_OK;
    }
    if (start.failed || again.failed)
        status = MR_ERR_NO_MEMORY; /* not damage: an older one is no answer to it */
    mr_buffer_deinit(&start);
    mr_buffer_deinit(&again);
    return status;
}

/* The version of a manifest that is whole and that a newer program wrote; 0: it is not.  Every
 * version begins with its number and ends with the sum of what stands before. */
static uint64_t newer_version(const mr_buffer *text)
{
    enum { SUM_BYTES = sizeof("crc 89abcdef\n") - 1 };
    const size_t length = text->length - 1; /* the NUL */
    uint64_t version = 0;                   /* ten digits fit */
    uint32_t crc = 0;
    if (length < SUM_BYTES ||
        sscanf((const char *)text->bytes, "millrace-manifest %10" SCNu64, &version) !=
            1 ||
        sscanf((const char *)text->bytes + length - SUM_BYTES, "crc %8" SCNx32, &crc) !=
            1 ||
        crc != mr_crc32c(0, text->bytes, length - SUM_BYTES))
        return 0;
    return version > MR_CHECKPOINT_VERSION ? version : 0;
}

/* Version by version.  A newer one is no damage: to fall back from it would be to go on from an
 * older state than there is. */
static mr_status parse_any(const mr_buffer *text, const mr_manifest *expected,
                           mr_manifest *ret_manifest, mr_error *ret_error)
{
    const uint64_t newer = newer_version(text);
    if (newer > 0)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "a manifest of version %" PRIu64
                            ", this program reads up to %d: run the newer one",
                            newer, (int)MR_CHECKPOINT_VERSION);
    mr_status status = MR_ERR_CORRUPT;
    for (uint32_t version = 1;
         version <= MR_CHECKPOINT_VERSION && status == MR_ERR_CORRUPT; version++) {
        *ret_manifest = *expected;
        ret_manifest->version = version;
        status = parse_manifest(text, ret_manifest);
    }
    if (status != MR_OK)
        (void)mr_error_set(ret_error, status, "%s",
                           status == MR_ERR_CORRUPT ? "damaged" : "no memory to read it");
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
    mr_manifest manifest;
    mr_status status = mr_file_read(path, &text, ret_error);
    if (status == MR_OK) {
        mr_buffer_put_u8(&text, 0);
        status = mr_buffer_status(&text);
    }
    if (status == MR_OK) {
        const mr_manifest expected = {.topic = topic,
                                      .partition = partition,
                                      .epoch = epoch,
                                      .generation = generation};
        mr_error why = {{0}};
        status = parse_any(&text, &expected, &manifest, &why);
        if (status != MR_OK)
            (void)mr_error_set(ret_error, status, "%s: %s", name.text, why.message);
    }
    mr_buffer_deinit(&text);
    if (status == MR_OK)
        *ret_manifest = manifest;
    return status;
}

static mr_status look_at_file(const mr_checkpoint_directory *directory,
                              const mr_manifest *manifest, size_t index,
                              mr_error *ret_error)
{
    const mr_checkpoint_name name = mr_manifest_file_name(manifest, index);
    char path[PATH_MAX];
    struct stat found;
    MR_TRY(mr_path_join(path, directory->path, name.text, ret_error));
    if (stat(path, &found) != 0)
        return mr_error_set(ret_error, MR_ERR_CORRUPT, "%s: %s", name.text,
                            strerror(errno));
    if ((uint64_t)found.st_size != manifest->files[index].bytes)
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "%s: has %lld bytes, the manifest says %llu", name.text,
                            (long long)found.st_size,
                            (unsigned long long)manifest->files[index].bytes);
    return MR_OK;
}

mr_status mr_manifest_read_whole(const mr_checkpoint_directory *directory,
                                 const char *topic, uint32_t partition, uint64_t epoch,
                                 uint64_t generation, mr_manifest *ret_manifest,
                                 mr_error *ret_error)
{
    mr_manifest manifest;
    MR_TRY(mr_manifest_read(directory, topic, partition, epoch, generation, &manifest,
                            ret_error));
    for (size_t i = 0; i < manifest.file_count; i++)
        MR_TRY(look_at_file(directory, &manifest, i, ret_error));
    *ret_manifest = manifest;
    return MR_OK;
}
