#include "core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    READ_BYTES_MIN = 4096,
    TEMPORARY_ATTEMPTS_MAX = 8, /* each name has 64 random bits */
    OPEN_DIRECTORIES_MAX = 16,  /* held by a removal; deeper trees reopen */
};

static mr_status report(mr_error *ret_error, const char *verb, const char *path)
{
    const int error = errno;
    const bool absent = error == ENOENT || error == ENOTDIR;
    return mr_error_set(ret_error, absent ? MR_ERR_NOT_FOUND : MR_ERR_UNAVAILABLE,
                        "%s: cannot %s: %s", path, verb, strerror(error));
}

/* As report(), where an absent parent is a fault of the disk and not an answer. */
static mr_status report_unavailable(mr_error *ret_error, const char *verb,
                                    const char *path)
{
    (void)report(ret_error, verb, path);
    return MR_ERR_UNAVAILABLE;
}

/* Read to the end of the file; false with errno set when it cannot be read. */
static bool read_rest(int descriptor, size_t expected_bytes, mr_buffer *buffer)
{
    size_t room =
        expected_bytes + 1; /* one more, so that the end shows in the same read */
    for (;;) {
        if (room < READ_BYTES_MIN)
            room = READ_BYTES_MIN;
        void *end = mr_buffer_extend(buffer, room);
        if (end == NULL)
            return true; /* the buffer itself says so */
        const ssize_t got = read(descriptor, end, room);
        buffer->length -= room - (got > 0 ? (size_t)got : 0);
        if (got == 0)
            return true;
        if (got < 0 && errno != EINTR)
            return false;
        room = 0;
    }
}

mr_status mr_file_read(const char *path, mr_buffer *buffer, mr_error *ret_error)
{
    if (mr_buffer_status(buffer) != MR_OK)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "%s: no memory to read it",
                            path);
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return report(ret_error, "open", path);

    const size_t length_before = buffer->length;
    struct stat about;
    mr_status status = MR_OK;
    if (fstat(descriptor, &about) != 0 ||
        !read_rest(descriptor, (size_t)about.st_size, buffer))
        status = report_unavailable(ret_error, "read", path);
    else if (mr_buffer_status(buffer) != MR_OK)
        status =
            mr_error_set(ret_error, MR_ERR_NO_MEMORY, "%s: no memory to read it", path);
    if (status != MR_OK)
        buffer->length = length_before;
    (void)close(descriptor);
    return status;
}

mr_status mr_file_write_all(int descriptor, const void *data, size_t bytes)
{
    const char *from = data;
    while (bytes > 0) {
        const ssize_t written = write(descriptor, from, bytes);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return MR_ERR_UNAVAILABLE;
        from += written;
        bytes -= (size_t)written;
    }
    return MR_OK;
}

/* "a/b" lies in "a", "/b" in "/", "b" in ".". */
static mr_status directory_of(const char *path, char ret_directory[PATH_MAX],
                              mr_error *ret_error)
{
    const char *slash = strrchr(path, '/');
    const size_t length = slash == NULL ? 0 : (size_t)(slash - path);
    if (length >= PATH_MAX)
        return mr_error_set(ret_error, MR_ERR_INVALID, "%.64s...: the path is too long",
                            path);
    if (length == 0) {
        memcpy(ret_directory, slash == NULL ? "." : "/", 2);
    } else {
        memcpy(ret_directory, path, length);
        ret_directory[length] = '\0';
    }
    return MR_OK;
}

/* Create a file beside `path` under a name nobody has; mkstemp() would force mode 0600.
 */
static mr_status open_temporary(const char *path, mode_t mode, char ret_name[PATH_MAX],
                                int *ret_descriptor, mr_error *ret_error)
{
    for (int attempt = 0; attempt < TEMPORARY_ATTEMPTS_MAX; attempt++) {
        uint64_t random;
        if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
            continue;
        const int length =
            snprintf(ret_name, PATH_MAX, "%s.%016" PRIx64 ".tmp", path, random);
        if (length < 0 || length >= PATH_MAX)
            return mr_error_set(ret_error, MR_ERR_INVALID,
                                "%.64s...: the path is too long", path);
        *ret_descriptor = open(ret_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (*ret_descriptor >= 0)
            return MR_OK;
        if (errno != EEXIST)
            break;
    }
    return report_unavailable(ret_error, "create a temporary file beside", path);
}

/* A durable file under a temporary name beside `path`. */
static mr_status write_temporary(const char *path, mode_t mode, const void *data,
                                 size_t bytes, char ret_name[PATH_MAX],
                                 mr_error *ret_error)
{
    int descriptor = -1;
    MR_TRY(open_temporary(path, mode, ret_name, &descriptor, ret_error));
    mr_status status = mr_file_write_all(descriptor, data, bytes);
    if (status != MR_OK)
        status = report_unavailable(ret_error, "write", ret_name);
    else if (fsync(descriptor) != 0)
        status = report_unavailable(ret_error, "fsync", ret_name);
    if (close(descriptor) != 0 && status == MR_OK)
        status = report_unavailable(ret_error, "close", ret_name);
    if (status != MR_OK)
        (void)unlink(ret_name);
    return status;
}

mr_status mr_file_replace(const char *path, const void *data, size_t bytes,
                          mr_error *ret_error)
{
    char directory[PATH_MAX];
    char temporary[PATH_MAX];
    MR_TRY(directory_of(path, directory, ret_error));
    MR_TRY(write_temporary(path, 0644, data, bytes, temporary, ret_error));
    if (rename(temporary, path) != 0) {
        const mr_status status =
            report_unavailable(ret_error, "rename a new file to", path);
        (void)unlink(temporary);
        return status;
    }
    return mr_directory_sync(directory, ret_error);
}

mr_status mr_file_create(const char *path, mode_t mode, const void *data, size_t bytes,
                         mr_error *ret_error)
{
    char directory[PATH_MAX];
    char temporary[PATH_MAX];
    MR_TRY(directory_of(path, directory, ret_error));
    MR_TRY(write_temporary(path, mode, data, bytes, temporary, ret_error));
    mr_status status = MR_OK;
    if (link(temporary, path) != 0 && errno != EEXIST)
        status = report_unavailable(ret_error, "link a new file to", path);
    (void)unlink(temporary);
    return status == MR_OK ? mr_directory_sync(directory, ret_error) : status;
}

mr_status mr_directory_sync(const char *path, mr_error *ret_error)
{
    const int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return report(ret_error, "open", path);
    mr_status status = MR_OK;
    if (fsync(descriptor) != 0)
        status = report_unavailable(ret_error, "fsync", path);
    (void)close(descriptor);
    return status;
}

mr_status mr_directory_make(const char *path, mr_error *ret_error)
{
    char prefix[PATH_MAX];
    const size_t length = strlen(path);
    if (length == 0 || length >= sizeof(prefix))
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "%.64s: a directory's path has 1 to %d bytes", path,
                            PATH_MAX - 1);
    memcpy(prefix, path, length + 1);

    for (size_t end = 1; end <= length; end++) {
        if (path[end] != '/' && path[end] != '\0')
            continue;
        prefix[end] = '\0';
        if (mkdir(prefix, 0755) != 0 && errno != EEXIST)
            return report_unavailable(ret_error, "make directory", prefix);
        prefix[end] = path[end];
    }

    struct stat about;
    if (stat(path, &about) != 0)
        return report_unavailable(ret_error, "look at", path);
    if (!S_ISDIR(about.st_mode))
        return mr_error_set(ret_error, MR_ERR_UNAVAILABLE,
                            "%s: is a file where a directory is needed", path);
    return MR_OK;
}

mr_status mr_directory_make_durable(const char *path, mr_error *ret_error)
{
    char parent[PATH_MAX];
    MR_TRY(mr_directory_make(path, ret_error));
    memcpy(parent, path, strlen(path) + 1);
    do {
        char name[PATH_MAX];
        memcpy(name, parent, strlen(parent) + 1);
        MR_TRY(directory_of(name, parent, ret_error));
        if (access(parent, R_OK) == 0)
            MR_TRY(mr_directory_sync(parent, ret_error));
    } while (strchr(parent, '/') != NULL && parent[1] != '\0');
    return MR_OK;
}

static int remove_entry(const char *path, const struct stat *about, int kind,
                        struct FTW *ftw)
{
    (void)about;
    (void)kind;
    (void)ftw;
    return remove(path) == 0 || errno == ENOENT ? 0 : -1;
}

mr_status mr_directory_remove(const char *path, mr_error *ret_error)
{
    /* Children first, and links are removed, not followed. */
    if (nftw(path, remove_entry, OPEN_DIRECTORIES_MAX, FTW_DEPTH | FTW_PHYS) != 0 &&
        errno != ENOENT)
        return report_unavailable(ret_error, "remove", path);
    return MR_OK;
}

mr_status mr_file_map_open(const char *path, mr_file_map *ret_map, mr_error *ret_error)
{
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return report(ret_error, "open", path);

    struct stat about;
    mr_file_map map = {0};
    mr_status status = MR_OK;
    if (fstat(descriptor, &about) != 0) {
        status = report_unavailable(ret_error, "look at", path);
    } else if (!S_ISREG(about.st_mode)) {
        status = mr_error_set(ret_error, MR_ERR_UNAVAILABLE, "%s: is not a regular file",
                              path);
    } else if (about.st_size > 0) {
        map.bytes = (size_t)about.st_size;
        void *data = mmap(NULL, map.bytes, PROT_READ, MAP_SHARED, descriptor, 0);
        map.data = data;
        if (data == MAP_FAILED)
            status = report_unavailable(ret_error, "map", path);
    }
    (void)close(descriptor);
    if (status == MR_OK)
        *ret_map = map;
    return status;
}

void mr_file_map_close(mr_file_map *map)
{
    if (map->data != NULL)
        (void)munmap((void *)(uintptr_t)map->data, map->bytes);
    *map = (mr_file_map){0};
}
