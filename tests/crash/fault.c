/*
 * Fault: a library preloaded into a program, between it and the disk and the clock.
 *
 * A control file, mapped by every process under test and by the test itself (faults.py), says
 * below which path calls count, which of them, and what happens from the first to the last of
 * them: the process is killed before the call or in the middle of a write, or the call fails or waits.
 * The count goes on over processes, so that a scenario of several runs has one order.  A journal
 * takes a line for each call that counts or is watched: its number (0: it did not count), the
 * process, its result, its name, its path, and of a rename or link where it came from.
 *
 * The same file moves the wall clock while the program runs.  The monotonic clock is real.
 *
 * The whole of a process is seen, in one order, with no right needed; what it cannot see is a
 * call that the C library makes inside itself, such as the reads of a directory.
 *
 * Units      Numbers of calls from 1; the clock in ms.
 * Threads    Any: the count is atomic, the rest of the file is read.
 */
#undef _FILE_OFFSET_BITS /* open() and open64() are two names here */
#undef _FORTIFY_SOURCE

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The order is that of faults.py. */
typedef enum call {
    CALL_OPEN, /* for reading, a directory too */
    CALL_CREATE,
    CALL_READ,
    CALL_WRITE,
    CALL_SYNC,
    CALL_RENAME,
    CALL_LINK,
    CALL_UNLINK,
    CALL_MKDIR,
    CALL_TRUNCATE,
} call;

static const char *const call_names[] = {"open",  "create",  "read", "write",
                                         "sync",  "rename",  "link", "unlink",
                                         "mkdir", "truncate"};

typedef enum action {
    ACTION_KILL = 1,
    ACTION_TEAR,
    ACTION_FAIL,
    ACTION_SHORTEN,
    ACTION_STALL, /* for `error` ms, then it is made */
} action;

typedef struct control {
    _Atomic uint64_t seen; /* calls that counted              */
    _Atomic uint64_t hits; /* of them, those that were struck */
    uint64_t first;        /* 0: none is struck               */
    uint64_t last;
    uint32_t calls; /* a bit for each kind that counts */
    uint32_t action;
    int32_t error;
    uint32_t clock_is_frozen;
    int64_t clock_ms; /* frozen: the time; else added to it */
    uint32_t watched; /* kinds that are written to the journal, counted or not */
    uint32_t unused;
    char path[1024]; /* what lies below it counts          */
} control;

_Static_assert(sizeof(control) == 64 + 1024, "faults.py reads it so");

static control *shared;
static int journal = -1;

#define REAL(name) (__extension__(__typeof__(&name)) dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void attach(void)
{
    const char *path = getenv("MILLRACE_FAULT");
    const char *log = getenv("MILLRACE_FAULT_JOURNAL");
    if (path == NULL)
        return;
    const int file = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    void *map = mmap(NULL, sizeof(control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (file < 0 || map == MAP_FAILED)
        abort(); /* a test that strikes nothing would prove nothing */
    if (log != NULL)
        journal = (int)syscall(SYS_openat, AT_FDCWD, log,
                               O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    shared = map;
}

typedef struct strike {
    action action; /* 0: the call goes through */
    bool is_seen;
    uint64_t number;
    call call;
    char path[PATH_MAX];
    const char *from; /* of a rename or link; else NULL */
} strike;

static bool is_below(const char *path)
{
    const size_t length = strlen(shared->path);
    return length > 0 && strncmp(path, shared->path, length) == 0 &&
           (path[length] == '/' || path[length] == '\0');
}

static void note(const strike *s, const char *result)
{
    char line[2 * PATH_MAX + 128];
    const int length = snprintf(line, sizeof(line), "%llu %d %s %s %s%s%s\n",
                                (unsigned long long)s->number, (int)getpid(), result,
                                call_names[s->call], s->path, s->from ? "\t" : "",
                                s->from ? s->from : "");
    if (journal >= 0 && length > 0)
        (void)!syscall(SYS_write, journal, line, (size_t)length);
}

static void die(const strike *s)
{
    note(s, "killed");
    (void)kill(getpid(), SIGKILL);
    (void)pause();
}

/* Count a call on `path`, and say what is to become of it; a kill happens here. */
static strike meet_from(call kind, const char *path, const char *from)
{
    strike s = {.call = kind, .from = from};
    const uint32_t bit = UINT32_C(1) << kind;
    if (shared == NULL || path == NULL ||
        ((shared->calls | shared->watched) & bit) == 0 || !is_below(path))
        return s;
    s.is_seen = true;
    (void)snprintf(s.path, sizeof(s.path), "%s", path);
    if ((shared->calls & bit) == 0)
        return s;
    s.number = atomic_fetch_add(&shared->seen, 1) + 1;
    if (shared->first == 0 || s.number < shared->first || s.number > shared->last)
        return s;
    s.action = (action)shared->action;
    (void)atomic_fetch_add(&shared->hits, 1);
    if (s.action == ACTION_KILL || (s.action == ACTION_TEAR && kind != CALL_WRITE))
        die(&s);
    if (s.action == ACTION_STALL)
        (void)nanosleep(&(struct timespec){.tv_sec = shared->error / 1000,
                                           .tv_nsec = shared->error % 1000 * 1000000L},
                        NULL);
    return s;
}

static strike meet(call kind, const char *path)
{
    return meet_from(kind, path, NULL);
}

static strike meet_descriptor(call kind, int descriptor)
{
    char link[64];
    char path[PATH_MAX];
    if (shared == NULL)
        return (strike){.call = kind};
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", descriptor);
    const ssize_t length = readlink(link, path, sizeof(path) - 1);
    if (length <= 0)
        return (strike){.call = kind};
    path[length] = '\0';
    return meet(kind, path);
}

/* Whether the call is to fail instead of being made; errno is set then. */
static bool fails(const strike *s)
{
    if (s->action != ACTION_FAIL)
        return false;
    note(s, "failed");
    errno = shared->error;
    return true;
}

static void done(const strike *s, bool is_good)
{
    const int error = errno;
    if (s->is_seen)
        note(s, is_good ? "ok" : "error");
    errno = error;
}

/* -- names ------------------------------------------------------------------------------ */

typedef int open_function(const char *, int, ...);

static int open_named(open_function *real, const char *path, int flags, mode_t mode)
{
    const strike s = meet((flags & O_CREAT) != 0 ? CALL_CREATE : CALL_OPEN, path);
    if (fails(&s))
        return -1;
    const int file = real(path, flags, mode);
    done(&s, file >= 0);
    return file;
}

#define MODE_OF(flags)                                                                   \
    mode_t mode = 0;                                                                     \
    if (((flags) & (O_CREAT | O_TMPFILE)) != 0) {                                        \
        va_list rest;                                                                    \
        va_start(rest, flags);                                                           \
        mode = va_arg(rest, mode_t);                                                     \
        va_end(rest);                                                                    \
    }

int open(const char *path, int flags, ...)
{
    MODE_OF(flags)
    return open_named(REAL(open), path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    MODE_OF(flags)
    return open_named(REAL(open64), path, flags, mode);
}

DIR *opendir(const char *path)
{
    const strike s = meet(CALL_OPEN, path);
    if (fails(&s))
        return NULL;
    DIR *stream = REAL(opendir)(path);
    done(&s, stream != NULL);
    return stream;
}

/* A call whose fault shows as -1. */
#define PLAIN(met, call)                                                                 \
    const strike s = met;                                                                \
    if (fails(&s))                                                                       \
        return -1;                                                                       \
    const int result = call;                                                             \
    done(&s, result == 0);                                                               \
    return result;

int rename(const char *from, const char *to)
{
    PLAIN(meet_from(CALL_RENAME, to, from), REAL(rename)(from, to))
}

int link(const char *from, const char *to)
{
    PLAIN(meet_from(CALL_LINK, to, from), REAL(link)(from, to))
}

int unlink(const char *path)
{
    PLAIN(meet(CALL_UNLINK, path), REAL(unlink)(path))
}

int remove(const char *path)
{
    PLAIN(meet(CALL_UNLINK, path), REAL(remove)(path))
}

int mkdir(const char *path, mode_t mode)
{
    PLAIN(meet(CALL_MKDIR, path), REAL(mkdir)(path, mode))
}

int truncate(const char *path, off_t length)
{
    PLAIN(meet(CALL_TRUNCATE, path), REAL(truncate)(path, length))
}

int truncate64(const char *path, off64_t length)
{
    PLAIN(meet(CALL_TRUNCATE, path), REAL(truncate64)(path, length))
}

/* -- descriptors -------------------------------------------------------------------------- */

int ftruncate(int file, off_t length)
{
    PLAIN(meet_descriptor(CALL_TRUNCATE, file), REAL(ftruncate)(file, length))
}

int ftruncate64(int file, off64_t length)
{
    PLAIN(meet_descriptor(CALL_TRUNCATE, file), REAL(ftruncate64)(file, length))
}

int fsync(int file)
{
    PLAIN(meet_descriptor(CALL_SYNC, file), REAL(fsync)(file))
}

int fdatasync(int file)
{
    PLAIN(meet_descriptor(CALL_SYNC, file), REAL(fdatasync)(file))
}

/* Half of what was to be moved, where a part is asked for. */
static size_t part_of(const strike *s, size_t bytes)
{
    const bool is_part = s->action == ACTION_TEAR || s->action == ACTION_SHORTEN;
    return is_part && bytes > 1 ? bytes / 2 : bytes;
}

#define MOVE(kind, file, call)                                                           \
    const strike s = meet_descriptor(kind, file);                                        \
    if (fails(&s))                                                                       \
        return -1;                                                                       \
    bytes = part_of(&s, bytes);                                                          \
    const ssize_t result = call;                                                         \
    if (s.action == ACTION_TEAR)                                                         \
        die(&s);                                                                         \
    done(&s, result >= 0);                                                               \
    return result;

ssize_t write(int file, const void *data,
              size_t bytes){MOVE(CALL_WRITE, file, REAL(write)(file, data, bytes))}

ssize_t pwrite(int file, const void *data, size_t bytes,
               off_t at){MOVE(CALL_WRITE, file, REAL(pwrite)(file, data, bytes, at))}

ssize_t pwrite64(int file, const void *data, size_t bytes, off64_t at){
    MOVE(CALL_WRITE, file, REAL(pwrite64)(file, data, bytes, at))}

ssize_t read(int file, void *data,
             size_t bytes){MOVE(CALL_READ, file, REAL(read)(file, data, bytes))}

ssize_t pread(int file, void *data, size_t bytes,
              off_t at){MOVE(CALL_READ, file, REAL(pread)(file, data, bytes, at))}

ssize_t pread64(int file, void *data, size_t bytes, off64_t at)
{
    MOVE(CALL_READ, file, REAL(pread64)(file, data, bytes, at))
}

/* -- the wall clock ------------------------------------------------------------------------- */

int clock_gettime(clockid_t clock, struct timespec *ret_now)
{
    const int result = (int)syscall(SYS_clock_gettime, clock, ret_now);
    if (result != 0 || clock != CLOCK_REALTIME || shared == NULL)
        return result;
    int64_t now_ms = (int64_t)ret_now->tv_sec * 1000 + ret_now->tv_nsec / 1000000;
    now_ms = shared->clock_is_frozen != 0 ? shared->clock_ms : now_ms + shared->clock_ms;
    ret_now->tv_sec = (time_t)(now_ms / 1000);
    ret_now->tv_nsec = (long)(now_ms % 1000) * 1000000;
    return 0;
}
