#include "app/event_file.h"

#include "core/buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

enum { STORED_BYTES = 256 * 1024, PLAIN_BYTES = 1024 * 1024, MAGIC_BYTES = 4 };

struct mr_event_file {
    char *path;
    int descriptor;
    uint64_t size;
    uint64_t position;
    uint64_t line;
    ZSTD_DStream *stream; /* NULL: the file is plain */
    ZSTD_inBuffer stored;
    bool stored_end; /* the file has been read to its end  */
    bool frame_open; /* more must come before a frame ends */
    uint8_t *stored_bytes;
    uint8_t *plain_bytes;
    size_t plain_length;
    size_t plain_at;
    mr_buffer split; /* the beginning of a line that crosses a buffer's end */
    mr_sha256 *sha;
};

/* Fill the stored buffer from the file; at the end `stored_end` is set. */
static mr_status read_stored(mr_event_file *file, mr_error *ret_error)
{
    ssize_t got;
    do
        got = read(file->descriptor, file->stored_bytes, STORED_BYTES);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return mr_error_set(ret_error, MR_ERR_UNAVAILABLE, "%s: %s", file->path,
                            strerror(errno));
    file->stored = (ZSTD_inBuffer){.src = file->stored_bytes, .size = (size_t)got};
    file->stored_end = got == 0;
    file->position += (uint64_t)got;
    return MR_OK;
}

static mr_status inflate_more(mr_event_file *file, mr_error *ret_error)
{
    ZSTD_outBuffer plain = {.dst = file->plain_bytes, .size = PLAIN_BYTES};
    while (plain.pos == 0) {
        if (file->stored.pos == file->stored.size) {
            MR_TRY(read_stored(file, ret_error));
            if (file->stored_end)
                return file->frame_open
                           ? mr_error_set(ret_error, MR_ERR_CORRUPT,
                                          "%s: ends within a zstd frame; copy "
                                          "it again",
                                          file->path)
                           : MR_OK;
        }
        const size_t left = ZSTD_decompressStream(file->stream, &plain, &file->stored);
        if (ZSTD_isError(left))
            return mr_error_set(ret_error, MR_ERR_CORRUPT,
                                "%s: not zstd near byte %" PRIu64 ": %s", file->path,
                                file->position, ZSTD_getErrorName(left));
        file->frame_open = left != 0;
    }
    file->plain_length = plain.pos;
    return MR_OK;
}

static mr_status copy_more(mr_event_file *file, mr_error *ret_error)
{
    if (file->stored.pos == file->stored.size && !file->stored_end)
        MR_TRY(read_stored(file, ret_error));
    const size_t bytes = file->stored.size - file->stored.pos;
    if (bytes > 0)
        memcpy(file->plain_bytes, file->stored_bytes + file->stored.pos, bytes);
    file->stored.pos = file->stored.size;
    file->plain_length = bytes;
    return MR_OK;
}

/* The next bytes of content; none (plain_length 0) at the end. */
static mr_status read_plain(mr_event_file *file, mr_error *ret_error)
{
    file->plain_at = 0;
    file->plain_length = 0;
    MR_TRY(file->stream != NULL ? inflate_more(file, ret_error)
                                : copy_more(file, ret_error));
    mr_sha256_add(file->sha, file->plain_bytes, file->plain_length);
    return MR_OK;
}

static mr_status open_descriptor(mr_event_file *file, const char *path,
                                 mr_error *ret_error)
{
    if (strcmp(path, "-") == 0) {
        file->descriptor = dup(STDIN_FILENO);
        path = "standard input";
    } else {
        file->descriptor = open(path, O_RDONLY | O_CLOEXEC);
    }
    struct stat about;
    if (file->descriptor < 0 || fstat(file->descriptor, &about) != 0)
        return mr_error_set(ret_error,
                            errno == ENOENT ? MR_ERR_NOT_FOUND : MR_ERR_UNAVAILABLE,
                            "%s: %s", path, strerror(errno));
    file->size = S_ISREG(about.st_mode) ? (uint64_t)about.st_size : 0;
    file->path = strdup(path);
    return file->path != NULL ? MR_OK : MR_ERR_NO_MEMORY;
}

mr_status mr_event_file_open(const char *path, mr_event_file **ret_file,
                             mr_error *ret_error)
{
    static const uint8_t magic[MAGIC_BYTES] = {0x28, 0xb5, 0x2f, 0xfd};
    mr_event_file *file = calloc(1, sizeof(*file));
    if (file == NULL)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "out of memory for a file");
    file->descriptor = -1;
    mr_status status = open_descriptor(file, path, ret_error);
    if (status != MR_OK)
        goto fail;
    status = MR_ERR_NO_MEMORY;
    file->stored_bytes = malloc(STORED_BYTES);
    file->plain_bytes = malloc(PLAIN_BYTES);
    file->sha = mr_sha256_create();
    if (file->stored_bytes == NULL || file->plain_bytes == NULL || file->sha == NULL)
        goto fail;
    status = read_stored(file, ret_error);
    if (status != MR_OK)
        goto fail;
    if (file->stored.size >= MAGIC_BYTES &&
        memcmp(file->stored_bytes, magic, MAGIC_BYTES) == 0) {
        status = MR_ERR_NO_MEMORY;
        file->stream = ZSTD_createDStream();
        if (file->stream == NULL)
            goto fail;
        status = MR_OK;
    }
    *ret_file = file;
    return MR_OK;

fail:
    mr_event_file_close(file);
    return status == MR_ERR_NO_MEMORY
               ? mr_error_set(ret_error, status, "out of memory for a file")
               : status;
}

void mr_event_file_close(mr_event_file *file)
{
    if (file == NULL)
        return;
    if (file->descriptor >= 0)
        (void)close(file->descriptor);
    (void)ZSTD_freeDStream(file->stream);
    mr_sha256_destroy(file->sha);
    mr_buffer_deinit(&file->split);
    free(file->stored_bytes);
    free(file->plain_bytes);
    free(file->path);
    free(file);
}

static mr_text without_return(const void *bytes, size_t length)
{
    mr_text line = {.bytes = bytes, .length = (uint32_t)length};
    if (line.length > 0 && line.bytes[line.length - 1] == '\r')
        line.length--;
    return line;
}

static mr_status keep_split(mr_event_file *file, size_t bytes, mr_error *ret_error)
{
    if (file->split.length + bytes > MR_EVENT_FILE_LINE_BYTES_MAX)
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "%s:%" PRIu64 ": a line of more than %d bytes", file->path,
                            file->line + 1, MR_EVENT_FILE_LINE_BYTES_MAX);
    mr_buffer_put(&file->split, file->plain_bytes + file->plain_at, bytes);
    return mr_buffer_status(&file->split) == MR_OK
               ? MR_OK
               : mr_error_set(ret_error, MR_ERR_NO_MEMORY, "out of memory for a line");
}

mr_status mr_event_file_next(mr_event_file *file, mr_text *ret_line, mr_error *ret_error)
{
    mr_buffer_clear(&file->split);
    for (;;) {
        if (file->plain_at == file->plain_length) {
            MR_TRY(read_plain(file, ret_error));
            if (file->plain_length == 0)
                break;
        }
        const uint8_t *start = file->plain_bytes + file->plain_at;
        const size_t left = file->plain_length - file->plain_at;
        const uint8_t *end = memchr(start, '\n', left);
        const size_t length = end != NULL ? (size_t)(end - start) : left;
        const bool is_whole = end != NULL && file->split.length == 0;
        if (!is_whole)
            MR_TRY(keep_split(file, length, ret_error));
        file->plain_at += length + (end != NULL ? 1 : 0);
        if (end == NULL)
            continue;
        file->line++;
        *ret_line = is_whole ? without_return(start, length)
                             : without_return(file->split.bytes, file->split.length);
        return MR_OK;
    }
    if (file->split.length == 0)
        return MR_ERR_NOT_FOUND;
    file->line++;
    *ret_line = without_return(file->split.bytes, file->split.length);
    return MR_OK;
}

uint64_t mr_event_file_line(const mr_event_file *file)
{
    return file->line;
}

uint64_t mr_event_file_position(const mr_event_file *file)
{
    return file->position;
}

uint64_t mr_event_file_bytes(const mr_event_file *file)
{
    return file->size;
}

void mr_event_file_hash(mr_event_file *file, char ret_hex[MR_SHA256_HEX_BYTES])
{
    mr_sha256_hex(file->sha, ret_hex);
}
