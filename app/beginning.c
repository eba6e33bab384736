#include "app/beginning.h"

#include "core/file.h"
#include "core/json.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ID_DIGITS = 16 };

static mr_status path_of(const mr_config *config, uint32_t partition, char path[PATH_MAX],
                         mr_error *ret_error)
{
    const int length = snprintf(path, PATH_MAX, "%s/%s/p%05" PRIu32 ".json",
                                config->state.path, config->log.topic, partition);
    return length < PATH_MAX ? MR_OK
                             : mr_error_set(ret_error, MR_ERR_INVALID,
                                            "state.path: the path is too long");
}

static mr_status parse(const char *path, const mr_buffer *buffer,
                       mr_beginning *ret_beginning, mr_error *ret_error)
{
    const mr_text text = {(const char *)buffer->bytes, (uint32_t)buffer->length};
    mr_json *json = NULL;
    mr_error reason = {{0}};
    if (mr_json_parse(text, &json, &reason) != MR_OK)
        return mr_error_set(ret_error, MR_ERR_CORRUPT, "%s: %.120s", path,
                            reason.message);
    mr_json_value *root = mr_json_root(json);
    const int64_t format = mr_json_int(mr_json_get(root, "format"), -1);
    const int64_t partitions = mr_json_int(mr_json_get(root, "partitions"), -1);
    const mr_text id = mr_json_text(mr_json_get(root, "topic_id"), (mr_text){0});
    char digits[ID_DIGITS + 1] = "";
    if (id.length == ID_DIGITS)
        memcpy(digits, id.bytes, ID_DIGITS);
    const uint64_t topic_id = strtoull(digits, NULL, 16);
    const bool is_id = strspn(digits, "0123456789abcdef") == ID_DIGITS;
    mr_json_destroy(json);
    if (format > MR_BEGINNING_FORMAT)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "%s: of format %" PRId64
                            ", this program reads up to %d: run the newer one",
                            path, format, MR_BEGINNING_FORMAT);
    if (format != MR_BEGINNING_FORMAT || !is_id || partitions < 1 ||
        partitions > UINT32_MAX)
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "%s: damaged; restore it from a backup", path);
    *ret_beginning = (mr_beginning){topic_id, (uint32_t)partitions};
    return MR_OK;
}

mr_status mr_beginning_read(const mr_config *config, uint32_t partition,
                            mr_beginning *ret_beginning, mr_error *ret_error)
{
    char path[PATH_MAX];
    MR_TRY(path_of(config, partition, path, ret_error));
    mr_buffer buffer = {0};
    mr_status status = mr_file_read(path, &buffer, ret_error);
    if (status == MR_OK)
        status = parse(path, &buffer, ret_beginning, ret_error);
    mr_buffer_deinit(&buffer);
    return status;
}

mr_status mr_beginning_write(const mr_config *config, uint32_t partition,
                             const mr_beginning *beginning, mr_error *ret_error)
{
    char path[PATH_MAX];
    char text[128];
    MR_TRY(path_of(config, partition, path, ret_error));
    const int length = snprintf(
        text, sizeof(text),
        "{\"format\":%d,\"topic_id\":\"%016" PRIx64 "\",\"partitions\":%" PRIu32 "}\n",
        MR_BEGINNING_FORMAT, beginning->topic_id, beginning->partitions);
    return mr_file_replace(path, text, (size_t)length, ret_error);
}

/* The next number of "0,3", or -1 when there is none; `*cursor` goes past it. */
static int64_t next_number(const char **cursor)
{
    const size_t length = strcspn(*cursor, ",");
    int64_t number = -1;
    if (mr_text_to_int64((mr_text){*cursor, (uint32_t)length}, &number) != MR_OK ||
        number < 0 || number > UINT32_MAX)
        return -1;
    *cursor += length + ((*cursor)[length] == ',' ? 1 : 0);
    return number;
}

bool mr_beginning_is_anew(const char *begin_anew, uint32_t partition)
{
    if (strcmp(begin_anew, "all") == 0)
        return true;
    while (*begin_anew != '\0')
        if (next_number(&begin_anew) == (int64_t)partition)
            return true;
    return false;
}

mr_status mr_beginning_check_anew(const char *begin_anew, mr_error *ret_error)
{
    if (strcmp(begin_anew, "all") == 0)
        return MR_OK;
    const char *cursor = begin_anew;
    do {
        if (next_number(&cursor) < 0 || (*cursor == '\0' && cursor[-1] == ','))
            return mr_error_set(ret_error, MR_ERR_INVALID,
                                "'%s' is neither `all` nor partitions such as 0,3",
                                begin_anew);
    } while (*cursor != '\0');
    return MR_OK;
}

mr_status mr_beginning_check_partitions(const mr_config *config, const mr_log *log,
                                        mr_error *ret_error)
{
    for (uint32_t p = 0; p < mr_log_partitions(log); p++) {
        mr_beginning begun;
        const mr_status status = mr_beginning_read(config, p, &begun, ret_error);
        if (status == MR_ERR_NOT_FOUND)
            continue;
        MR_TRY(status);
        if (begun.partitions != mr_log_partitions(log))
            return mr_error_set(
                ret_error, MR_ERR_INVALID,
                "topic %s has %" PRIu32 " partitions, and had %" PRIu32
                " when partition %" PRIu32 " of %s began: users would change partitions "
                "under their state; begin with another topic and state.path",
                config->log.topic, mr_log_partitions(log), begun.partitions, p,
                config->state.path);
    }
    return MR_OK;
}

mr_status mr_beginning_check_topic(const mr_config *config, const mr_log *log,
                                   uint32_t partition, const char *begin_anew,
                                   bool *ret_anew, mr_error *ret_error)
{
    mr_beginning begun;
    *ret_anew = false;
    const mr_status status = mr_beginning_read(config, partition, &begun, ret_error);
    if (status == MR_ERR_NOT_FOUND)
        return MR_OK;
    MR_TRY(status);
    const uint64_t id = mr_log_topic_id(log);
    if (begun.topic_id == 0 || id == 0 || begun.topic_id == id)
        return MR_OK;
    *ret_anew = mr_beginning_is_anew(begin_anew, partition);
    if (*ret_anew)
        return MR_OK;
    return mr_error_set(ret_error, MR_ERR_INVALID,
                        "topic %s is %016" PRIx64 ", the checkpoints are of %016" PRIx64
                        ": it was made anew; bring the old log back, or "
                        "`millrace run --begin-anew all` to give its state up",
                        config->log.topic, id, begun.topic_id);
}

mr_status mr_beginning_check_first(const mr_config *config, mr_log *log,
                                   uint32_t partition, const char *begin_anew,
                                   mr_status restored, mr_error *ret_error)
{
    if (mr_beginning_is_anew(begin_anew, partition))
        return MR_OK;
    mr_beginning begun;
    int64_t offset = 0;
    const mr_status noted = mr_beginning_read(config, partition, &begun, ret_error);
    if (noted != MR_OK && noted != MR_ERR_NOT_FOUND)
        return noted;
    mr_status committed = MR_ERR_NOT_FOUND;
    if (noted == MR_ERR_NOT_FOUND && restored == MR_ERR_NOT_FOUND) {
        committed =
            mr_log_committed(log, config->log.group, partition, &offset, ret_error);
        if (committed != MR_OK)
            return committed == MR_ERR_NOT_FOUND ? MR_OK : committed;
    }
    return mr_error_set(
        ret_error, restored,
        "%s: %s checkpoint, although %s; restore one (`millrace checkpoint list`) or a "
        "backup, or accept the loss with `millrace run --begin-anew %" PRIu32 "`",
        config->state.path, restored == MR_ERR_CORRUPT ? "no undamaged" : "no",
        committed == MR_OK ? "its log says that it has run" : "it has run", partition);
}
