/*
 * Wrapped calls.  `__wrap_NAME` is what the linker puts in NAME's place, `__real_NAME` the
 * function it replaced; both names are the linker's, hence the pragma.  The names with 64 are
 * what a build with large files calls.
 */
#include "tests/simulation/fake_calls.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wmissing-prototypes"

enum { MAPS_MAX = 256, LISTS_MAX = 64, FIRST_DESCRIPTOR = 1 << 20 };

static fake_calls *calls;

void fake_calls_install(fake_calls *installed)
{
    calls = installed;
}

static bool is_fake_path(const char *path)
{
    return calls != NULL && calls->disk != NULL &&
           strncmp(path, FAKE_ROOT, sizeof(FAKE_ROOT) - 1) == 0;
}

static bool is_fake_descriptor(int descriptor)
{
    return descriptor >= FIRST_DESCRIPTOR && calls != NULL && calls->disk != NULL;
}

/* False with errno set when the caller is dead. */
static bool enter(const char *call, const char *path)
{
    if (calls->before != NULL)
        calls->before(calls->context, call, path);
    if (calls->is_dead != NULL && calls->is_dead(calls->context)) {
        errno = EIO;
        return false;
    }
    return true;
}

static int result(long value)
{
    if (value >= 0)
        return (int)value;
    errno = (int)-value;
    return -1;
}

/* -- files -------------------------------------------------------------------------------- */

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...)
{
    mode_t mode = 0;
    if ((flags & O_CREAT) != 0) {
        va_list arguments;
        va_start(arguments, flags);
        mode = va_arg(arguments, mode_t);
        va_end(arguments);
    }
    if (!is_fake_path(path))
        return __real_open64(path, flags, mode);
    return enter("open", path) ? result(fake_disk_open(calls->disk, path, flags)) : -1;
}

int __real_close(int descriptor);
int __wrap_close(int descriptor)
{
    /* The dead close what they held: a kernel does it for them. */
    return is_fake_descriptor(descriptor)
               ? result(fake_disk_close(calls->disk, descriptor))
               : __real_close(descriptor);
}

ssize_t __real_read(int descriptor, void *bytes, size_t count);
ssize_t __wrap_read(int descriptor, void *bytes, size_t count)
{
    if (!is_fake_descriptor(descriptor))
        return __real_read(descriptor, bytes, count);
    return enter("read", NULL)
               ? result(fake_disk_read(calls->disk, descriptor, bytes, count, -1))
               : -1;
}

ssize_t __real_pread64(int descriptor, void *bytes, size_t count, off_t position);
ssize_t __wrap_pread64(int descriptor, void *bytes, size_t count, off_t position)
{
    if (!is_fake_descriptor(descriptor))
        return __real_pread64(descriptor, bytes, count, position);
    return enter("pread", NULL)
               ? result(fake_disk_read(calls->disk, descriptor, bytes, count, position))
               : -1;
}

ssize_t __real_write(int descriptor, const void *bytes, size_t count);
ssize_t __wrap_write(int descriptor, const void *bytes, size_t count)
{
    if (!is_fake_descriptor(descriptor))
        return __real_write(descriptor, bytes, count);
    return enter("write", NULL)
               ? result(fake_disk_write(calls->disk, descriptor, bytes, count, -1))
               : -1;
}

ssize_t __real_pwrite64(int descriptor, const void *bytes, size_t count, off_t position);
ssize_t __wrap_pwrite64(int descriptor, const void *bytes, size_t count, off_t position)
{
    if (!is_fake_descriptor(descriptor))
        return __real_pwrite64(descriptor, bytes, count, position);
    return enter("pwrite", NULL)
               ? result(fake_disk_write(calls->disk, descriptor, bytes, count, position))
               : -1;
}

/* Of the real disk only the root comes here, as the parent of FAKE_ROOT, some hundred times a second: what
 * is there does not have to survive anything, and would wait for whatever else the machine writes. */
int __real_fsync(int descriptor);
int __wrap_fsync(int descriptor)
{
    if (!is_fake_descriptor(descriptor))
        return calls != NULL && calls->disk != NULL ? 0 : __real_fsync(descriptor);
    return enter("fsync", NULL) ? result(fake_disk_sync(calls->disk, descriptor)) : -1;
}

int __real_fdatasync(int descriptor);
int __wrap_fdatasync(int descriptor)
{
    if (!is_fake_descriptor(descriptor))
        return __real_fdatasync(descriptor);
    return enter("fdatasync", NULL) ? result(fake_disk_sync(calls->disk, descriptor))
                                    : -1;
}

int __real_ftruncate64(int descriptor, off_t length);
int __wrap_ftruncate64(int descriptor, off_t length)
{
    if (!is_fake_descriptor(descriptor))
        return __real_ftruncate64(descriptor, length);
    return enter("ftruncate", NULL)
               ? result(fake_disk_truncate(calls->disk, descriptor, (size_t)length))
               : -1;
}

static int truncate_path(const char *path, off_t length)
{
    const int descriptor = fake_disk_open(calls->disk, path, O_WRONLY);
    if (descriptor < 0)
        return descriptor;
    const int error = fake_disk_truncate(calls->disk, descriptor, (size_t)length);
    (void)fake_disk_close(calls->disk, descriptor);
    return error;
}

int __real_truncate64(const char *path, off_t length);
int __wrap_truncate64(const char *path, off_t length)
{
    if (!is_fake_path(path))
        return __real_truncate64(path, length);
    return enter("truncate", path) ? result(truncate_path(path, length)) : -1;
}

int __real_flock(int descriptor, int operation);
int __wrap_flock(int descriptor, int operation)
{
    if (!is_fake_descriptor(descriptor))
        return __real_flock(descriptor, operation);
    return enter("flock", NULL) ? result(fake_disk_lock(calls->disk, descriptor)) : -1;
}

/* -- names -------------------------------------------------------------------------------- */

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to)
{
    if (!is_fake_path(to))
        return __real_rename(from, to);
    return enter("rename", to) ? result(fake_disk_rename(calls->disk, from, to)) : -1;
}

int __real_link(const char *from, const char *to);
int __wrap_link(const char *from, const char *to)
{
    if (!is_fake_path(to))
        return __real_link(from, to);
    return enter("link", to) ? result(fake_disk_link(calls->disk, from, to)) : -1;
}

int __real_unlink(const char *path);
int __wrap_unlink(const char *path)
{
    if (!is_fake_path(path))
        return __real_unlink(path);
    return enter("unlink", path) ? result(fake_disk_unlink(calls->disk, path)) : -1;
}

static int remove_any(const char *path)
{
    const int error = fake_disk_unlink(calls->disk, path);
    return error == -EISDIR ? fake_disk_rmdir(calls->disk, path) : error;
}

int __real_remove(const char *path);
int __wrap_remove(const char *path)
{
    if (!is_fake_path(path))
        return __real_remove(path);
    return enter("remove", path) ? result(remove_any(path)) : -1;
}

int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode)
{
    if (!is_fake_path(path))
        return __real_mkdir(path, mode);
    return enter("mkdir", path) ? result(fake_disk_mkdir(calls->disk, path)) : -1;
}

static int put_stat(int error, const fake_disk_about *about, struct stat *ret_stat)
{
    if (error != 0)
        return result(error);
    *ret_stat = (struct stat){.st_mode = about->is_directory ? S_IFDIR : S_IFREG,
                              .st_ino = about->inode,
                              .st_size = (off_t)about->bytes};
    return 0;
}

int __real_stat64(const char *path, struct stat *ret_stat);
int __wrap_stat64(const char *path, struct stat *ret_stat)
{
    if (!is_fake_path(path))
        return __real_stat64(path, ret_stat);
    fake_disk_about about = {0};
    return enter("stat", path)
               ? put_stat(fake_disk_stat(calls->disk, path, &about), &about, ret_stat)
               : -1;
}

int __real_fstat64(int descriptor, struct stat *ret_stat);
int __wrap_fstat64(int descriptor, struct stat *ret_stat)
{
    if (!is_fake_descriptor(descriptor))
        return __real_fstat64(descriptor, ret_stat);
    fake_disk_about about = {0};
    return put_stat(fake_disk_fstat(calls->disk, descriptor, &about), &about, ret_stat);
}

int __real_access(const char *path, int mode);
int __wrap_access(const char *path, int mode)
{
    if (!is_fake_path(path))
        return __real_access(path, mode);
    fake_disk_about about;
    return enter("access", path) ? result(fake_disk_stat(calls->disk, path, &about)) : -1;
}

/* -- directories: a listing is the names as they were at opendir(), in any order ------------ */

typedef struct fake_list {
    bool is_open;
    char (*names)[FAKE_DISK_NAME_BYTES];
    size_t count;
    size_t next;
    struct dirent entry;
} fake_list;

static fake_list lists[LISTS_MAX];

static bool is_fake_list(const DIR *stream)
{
    const fake_list *list = (const fake_list *)(const void *)stream;
    return list >= lists && list < lists + LISTS_MAX;
}

static fake_list *read_names(const char *path)
{
    size_t free_one = 0;
    while (lists[free_one].is_open)
        if (++free_one == LISTS_MAX)
            abort();
    fake_list *list = &lists[free_one];
    *list = (fake_list){.is_open = true};
    size_t capacity = 0;
    const char *name;
    while ((name = fake_disk_entry(calls->disk, path, list->count)) != NULL) {
        if (list->count == capacity) {
            capacity = capacity == 0 ? 16 : 2 * capacity;
            list->names = realloc(list->names, capacity * sizeof(*list->names));
            if (list->names == NULL)
                abort();
        }
        (void)strcpy(list->names[list->count++], name);
    }
    return list;
}

static int by_turned_name(const void *a, const void *b)
{
    return strcmp(b, a);
}

DIR *__real_opendir(const char *path);
DIR *__wrap_opendir(const char *path)
{
    if (!is_fake_path(path))
        return __real_opendir(path);
    if (!enter("opendir", path) || result(fake_disk_list(calls->disk, path)) < 0)
        return NULL;
    fake_list *list = read_names(path);
    /* The disk keeps names as they came; every other listing turns them round. */
    if (calls->random_state != NULL && (*calls->random_state & 1) != 0 && list->count > 1)
        qsort(list->names, list->count, sizeof(*list->names), by_turned_name);
    return (DIR *)(void *)list;
}

struct dirent *__real_readdir64(DIR *stream);
struct dirent *__wrap_readdir64(DIR *stream)
{
    if (!is_fake_list(stream))
        return __real_readdir64(stream);
    fake_list *list = (fake_list *)(void *)stream;
    const int error = fake_disk_list_next(calls->disk);
    if (error != 0)
        errno = -error;
    if (error != 0 || list->next == list->count)
        return NULL;
    (void)strcpy(list->entry.d_name, list->names[list->next++]);
    return &list->entry;
}

int __real_closedir(DIR *stream);
int __wrap_closedir(DIR *stream)
{
    if (!is_fake_list(stream))
        return __real_closedir(stream);
    fake_list *list = (fake_list *)(void *)stream;
    free(list->names);
    *list = (fake_list){.is_open = false};
    return 0;
}

typedef int visitor(const char *path, const struct stat *about, int kind,
                    struct FTW *ftw);

/* Depth first, as the one caller asks for. */
static int walk_tree(const char *path, visitor *visit)
{
    fake_disk_about about;
    const int error = fake_disk_stat(calls->disk, path, &about);
    if (error != 0)
        return result(error);
    const char *name;
    while (about.is_directory && (name = fake_disk_entry(calls->disk, path, 0)) != NULL) {
        char below[PATH_MAX];
        (void)snprintf(below, sizeof(below), "%s/%s", path, name);
        if (walk_tree(below, visit) != 0)
            return -1;
    }
    return visit(path, NULL, 0, NULL);
}

int __real_nftw64(const char *path, visitor *visit, int descriptors, int flags);
int __wrap_nftw64(const char *path, visitor *visit, int descriptors, int flags)
{
    if (!is_fake_path(path))
        return __real_nftw64(path, visit, descriptors, flags);
    return enter("nftw", path) ? walk_tree(path, visit) : -1;
}

/* -- maps: a copy of exactly the bytes asked for, so that a sanitizer sees what is beyond ---- */

static void *maps[MAPS_MAX];

static void *keep_map(void *copy)
{
    for (size_t i = 0; i < MAPS_MAX; i++) {
        if (maps[i] == NULL)
            return maps[i] = copy;
    }
    abort();
}

void *__real_mmap64(void *at, size_t bytes, int protection, int flags, int descriptor,
                    off_t position);
void *__wrap_mmap64(void *at, size_t bytes, int protection, int flags, int descriptor,
                    off_t position)
{
    if (!is_fake_descriptor(descriptor))
        return __real_mmap64(at, bytes, protection, flags, descriptor, position);
    fake_disk_about about;
    if (!enter("mmap", NULL) ||
        result(fake_disk_fstat(calls->disk, descriptor, &about)) != 0)
        return (void *)-1;
    size_t length = 0;
    const uint8_t *data = fake_disk_bytes(calls->disk, about.inode, &length);
    uint8_t *copy = malloc(bytes);
    if (copy == NULL || position != 0 || bytes > length)
        abort(); /* beyond the end is SIGBUS */
    memcpy(copy, data, bytes);
    return keep_map(copy);
}

int __real_munmap(void *map, size_t bytes);
int __wrap_munmap(void *map, size_t bytes)
{
    for (size_t i = 0; i < MAPS_MAX; i++) {
        if (maps[i] == map && map != NULL) {
            free(map);
            maps[i] = NULL;
            return 0;
        }
    }
    return __real_munmap(map, bytes);
}

/* Huge pages are for states of gigabytes; here each would be 2 MiB to clear. */
int __wrap_madvise(void *map, size_t bytes, int advice)
{
    (void)map;
    (void)bytes;
    (void)advice;
    return 0;
}

/* -- chance, time and threads ----------------------------------------------------------------- */

ssize_t __real_getrandom(void *bytes, size_t count, unsigned flags);
ssize_t __wrap_getrandom(void *bytes, size_t count, unsigned flags)
{
    if (calls == NULL || calls->random_state == NULL)
        return __real_getrandom(bytes, count, flags);
    sim_random random = {*calls->random_state};
    for (size_t i = 0; i < count; i++)
        ((uint8_t *)bytes)[i] = (uint8_t)sim_random_next(&random);
    *calls->random_state = random.state;
    return (ssize_t)count;
}

int __real_clock_gettime(clockid_t clock, struct timespec *ret_time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time)
{
    if (calls == NULL || calls->wall_ms == 0)
        return __real_clock_gettime(clock, ret_time);
    const int64_t ns =
        clock == CLOCK_REALTIME ? calls->wall_ms * INT64_C(1000000) : calls->monotonic_ns;
    *ret_time = (struct timespec){.tv_sec = ns / INT64_C(1000000000),
                                  .tv_nsec = ns % INT64_C(1000000000)};
    return 0;
}

typedef struct thread_start {
    void *(*run)(void *context);
    void *context;
} thread_start;

static void run_thread(void *context)
{
    const thread_start start = *(thread_start *)context;
    free(context);
    (void)start.run(start.context);
}

int __real_pthread_create(pthread_t *ret_thread, const pthread_attr_t *attributes,
                          void *(*run)(void *context), void *context);
int __wrap_pthread_create(pthread_t *ret_thread, const pthread_attr_t *attributes,
                          void *(*run)(void *context), void *context)
{
    if (calls == NULL || calls->on_thread == NULL)
        return __real_pthread_create(ret_thread, attributes, run, context);
    thread_start *start = malloc(sizeof(*start));
    if (start == NULL)
        abort();
    *start = (thread_start){run, context};
    fiber *thread = fiber_create(run_thread, start);
    *ret_thread = (pthread_t)thread;
    calls->on_thread(calls->context, thread);
    return 0;
}

int __real_pthread_join(pthread_t thread, void **ret_value);
int __wrap_pthread_join(pthread_t thread, void **ret_value)
{
    if (calls == NULL || calls->on_thread == NULL)
        return __real_pthread_join(thread, ret_value);
    fiber *joined = (fiber *)thread; // NOLINT: made from one above
    while (!fiber_is_finished(joined))
        fiber_resume(joined);
    fiber_destroy(joined);
    return 0;
}

int __real_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *lock);
int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *lock)
{
    if (calls == NULL || calls->on_thread == NULL)
        return __real_pthread_cond_wait(condition, lock);
    /* A waiter may wake for no reason: it wakes whenever it is its turn. */
    (void)pthread_mutex_unlock(lock);
    fiber_yield();
    (void)pthread_mutex_lock(lock);
    return 0;
}
