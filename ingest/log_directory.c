#include "ingest/log_directory.h"

#include "core/buffer.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TOPIC_FORMAT = 1, GROUP_FORMAT = 1, OFFSET_DIGITS = 20, TOPIC_ID_DIGITS = 16 };

#define SEGMENT_SUFFIX ".log"

static void path_of(const char *directory, const char *name,
                    char ret_path[MR_LOG_PATH_BYTES])
{
    (void)snprintf(ret_path, MR_LOG_PATH_BYTES, "%s/%s", directory, name);
}

void mr_log_partition_path(const char *directory, uint32_t partition,
                           char ret_path[MR_LOG_PATH_BYTES])
{
    (void)snprintf(ret_path, MR_LOG_PATH_BYTES, "%s/%" PRIu32, directory, partition);
}

void mr_log_segment_path(const char *directory, uint32_t partition, int64_t base_offset,
                         char ret_path[MR_LOG_PATH_BYTES])
{
    (void)snprintf(ret_path, MR_LOG_PATH_BYTES,
                   "%s/%" PRIu32 "/%020" PRId64 SEGMENT_SUFFIX, directory, partition,
                   base_offset);
}

mr_status mr_log_topic_make(const char *directory, uint32_t partitions,
                            mr_error *ret_error)
{
    if (partitions == 0 || partitions > MR_LOG_PARTITIONS_MAX)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "%s: a topic has 1 to %d partitions, not %" PRIu32, directory,
                            MR_LOG_PARTITIONS_MAX, partitions);
    uint64_t topic_id;
    if (getrandom(&topic_id, sizeof(topic_id), 0) != sizeof(topic_id))
        return mr_error_set(ret_error, MR_ERR_UNAVAILABLE, "getrandom: %s",
                            strerror(errno));

    char path[MR_LOG_PATH_BYTES];
    char text[128];
    const int length = snprintf(text, sizeof(text),
                                "{\"format\":%d,\"topic_id\":\"%016" PRIx64
                                "\",\"partitions\":%" PRIu32 "}\n",
                                TOPIC_FORMAT, topic_id, partitions);
    path_of(directory, "topic.json", path);
    return mr_file_replace(path, text, (size_t)length, ret_error);
}

static mr_status newer_format(const char *path, const char *what, int64_t format,
                              int known, mr_error *ret_error)
{
    return mr_error_set(ret_error, MR_ERR_INVALID,
                        "%s: %s of format %" PRId64
                        ", this program reads up to %d: run the newer one",
                        path, what, format, known);
}

static mr_status topic_parse(const char *path, const mr_buffer *buffer,
                             mr_log_topic_file *ret_topic, mr_error *ret_error)
{
    const mr_text text = {.bytes = (const char *)buffer->bytes,
                          .length = (uint32_t)buffer->length};
    mr_json *json = NULL;
    mr_error reason = {.message = ""};
    if (mr_json_parse(text, &json, &reason) != MR_OK)
        return mr_error_set(ret_error, MR_ERR_CORRUPT, "%s: %.180s", path,
                            reason.message);

    mr_json_value *root = mr_json_root(json);
    const int64_t format = mr_json_int(mr_json_get(root, "format"), -1);
    const int64_t partitions = mr_json_int(mr_json_get(root, "partitions"), -1);
    const mr_text id = mr_json_text(mr_json_get(root, "topic_id"), (mr_text){0});
    char digits[TOPIC_ID_DIGITS + 1] = "";
    if (id.length == TOPIC_ID_DIGITS)
        memcpy(digits, id.bytes, id.length);
    const uint64_t topic_id = strtoull(digits, NULL, 16);
    const bool is_id = strspn(digits, "0123456789abcdef") == TOPIC_ID_DIGITS;
    mr_json_destroy(json);
    if (format > TOPIC_FORMAT)
        return newer_format(path, "a topic file", format, TOPIC_FORMAT, ret_error);
    if (format != TOPIC_FORMAT || !is_id || partitions < 1 ||
        partitions > MR_LOG_PARTITIONS_MAX)
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "%s: not a topic file of format %d", path, TOPIC_FORMAT);
    *ret_topic =
        (mr_log_topic_file){.topic_id = topic_id, .partitions = (uint32_t)partitions};
    return MR_OK;
}

mr_status mr_log_topic_read(const char *directory, mr_log_topic_file *ret_topic,
                            mr_error *ret_error)
{
    char path[MR_LOG_PATH_BYTES];
    path_of(directory, "topic.json", path);
    mr_buffer buffer = {0};
    mr_status status = mr_file_read(path, &buffer, ret_error);
    if (status == MR_OK)
        status = topic_parse(path, &buffer, ret_topic, ret_error);
    mr_buffer_deinit(&buffer);
    if (status != MR_ERR_NOT_FOUND)
        return status;

    /* The topic file is written before any partition's directory. */
    char partition[MR_LOG_PATH_BYTES];
    mr_log_partition_path(directory, 0, partition);
    if (access(partition, F_OK) == 0)
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "%s is missing although %s exists: restore it from a backup",
                            path, partition);
    return MR_ERR_NOT_FOUND;
}

mr_status mr_log_topic_lock(const char *directory, int *ret_descriptor,
                            mr_error *ret_error)
{
    char path[MR_LOG_PATH_BYTES];
    path_of(directory, "lock", path);
    const int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (descriptor < 0)
        return mr_error_set(ret_error, MR_ERR_UNAVAILABLE, "%s: %s", path,
                            strerror(errno));
    if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
        const int reason = errno;
        (void)close(descriptor);
        if (reason == EWOULDBLOCK)
            return mr_error_set(
                ret_error, MR_ERR_UNAVAILABLE,
                "%s is held: another process writes this log; stop it, or "
                "give this one another log.path",
                path);
        return mr_error_set(ret_error, MR_ERR_UNAVAILABLE, "%s: %s", path,
                            strerror(reason));
    }
    *ret_descriptor = descriptor;
    return MR_OK;
}

/* A group's name may be any text, so that the file is called by its checksum. */
static void group_path(const char *directory, uint32_t partition, const char *group,
                       char ret_path[MR_LOG_PATH_BYTES])
{
    (void)snprintf(ret_path, MR_LOG_PATH_BYTES,
                   "%s/%" PRIu32 "/reader-%08" PRIx32 ".json", directory, partition,
                   mr_crc32c(0, group, strlen(group)));
}

mr_status mr_log_group_note(const char *directory, uint32_t partition, const char *group,
                            int64_t offset, mr_error *ret_error)
{
    char path[MR_LOG_PATH_BYTES];
    group_path(directory, partition, group, path);
    if (access(path, F_OK) == 0)
        return MR_OK;
    mr_buffer text = {0};
    mr_json_writer writer = mr_json_writer_of(&text);
    mr_json_begin_object(&writer);
    mr_json_key(&writer, "format");
    mr_json_put_int(&writer, GROUP_FORMAT);
    mr_json_key(&writer, "group");
    mr_json_put_string(&writer, group);
    mr_json_key(&writer, "offset");
    mr_json_put_int(&writer, offset);
    mr_json_end_object(&writer);
    mr_status status = mr_buffer_status(&text);
    if (status == MR_OK)
        status = mr_file_replace(path, text.bytes, text.length, ret_error);
    mr_buffer_deinit(&text);
    return status;
}

static mr_status group_parse(const char *path, const mr_buffer *buffer,
                             int64_t *ret_offset, mr_error *ret_error)
{
    const mr_text text = {(const char *)buffer->bytes, (uint32_t)buffer->length};
    mr_json *json = NULL;
    mr_error reason = {.message = ""};
    if (mr_json_parse(text, &json, &reason) != MR_OK)
        return mr_error_set(ret_error, MR_ERR_CORRUPT, "%s: %.180s", path,
                            reason.message);
    const int64_t format = mr_json_int(mr_json_get(mr_json_root(json), "format"), -1);
    const int64_t offset = mr_json_int(mr_json_get(mr_json_root(json), "offset"), -1);
    mr_json_destroy(json);
    if (format > GROUP_FORMAT)
        return newer_format(path, "a reader's note", format, GROUP_FORMAT, ret_error);
    if (format != GROUP_FORMAT || offset < 0)
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "%s: not a reader's note of format %d", path, GROUP_FORMAT);
    *ret_offset = offset;
    return MR_OK;
}

mr_status mr_log_group_noted(const char *directory, uint32_t partition, const char *group,
                             int64_t *ret_offset, mr_error *ret_error)
{
    char path[MR_LOG_PATH_BYTES];
    group_path(directory, partition, group, path);
    mr_buffer buffer = {0};
    mr_status status = mr_file_read(path, &buffer, ret_error);
    if (status == MR_OK)
        status = group_parse(path, &buffer, ret_offset, ret_error);
    mr_buffer_deinit(&buffer);
    return status;
}

/* -1 when the name is not that of a segment. */
static int64_t base_of_name(const char *name)
{
    if (strlen(name) != OFFSET_DIGITS + strlen(SEGMENT_SUFFIX) ||
        strcmp(&name[OFFSET_DIGITS], SEGMENT_SUFFIX) != 0)
        return -1;
    const mr_text digits = {.bytes = name, .length = OFFSET_DIGITS};
    int64_t base = -1;
    return mr_text_to_int64(digits, &base) == MR_OK ? base : -1;
}

static int compare_bases(const void *left, const void *right)
{
    const int64_t a = *(const int64_t *)left;
    const int64_t b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

mr_status mr_log_segment_list(const char *directory, uint32_t partition,
                              int64_t **ret_bases, size_t *ret_count, mr_error *ret_error)
{
    char path[MR_LOG_PATH_BYTES];
    mr_log_partition_path(directory, partition, path);
    DIR *listing = opendir(path);
    if (listing == NULL && errno == ENOENT) {
        *ret_bases = NULL;
        *ret_count = 0;
        return MR_OK;
    }
    if (listing == NULL)
        return mr_error_set(ret_error, MR_ERR_UNAVAILABLE, "%s: %s", path,
                            strerror(errno));

    mr_buffer bases = {0};
    errno = 0; /* a listing that breaks off would hide the newest segments */
    for (const struct dirent *entry; (entry = readdir(listing)) != NULL; errno = 0) {
        const int64_t base = base_of_name(entry->d_name);
        if (base >= 0)
            mr_buffer_put(&bases, &base, sizeof(base));
    }
    const int reason = errno;
    (void)closedir(listing);
    if (reason != 0) {
        mr_buffer_deinit(&bases);
        return mr_error_set(ret_error, MR_ERR_UNAVAILABLE, "%s: %s", path,
                            strerror(reason));
    }
    if (mr_buffer_status(&bases) != MR_OK) {
        mr_buffer_deinit(&bases);
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "%s: out of memory", path);
    }
    const size_t count = bases.length / sizeof(int64_t);
    if (count > 1)
        qsort(bases.bytes, count, sizeof(int64_t), compare_bases);
    *ret_bases = (int64_t *)(void *)bases.bytes;
    *ret_count = count;
    return MR_OK;
}
