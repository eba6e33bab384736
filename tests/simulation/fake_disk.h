/*
 * Fake disk: a file system in memory that forgets what was never made durable.
 *
 * Everything has two values: what a process reads now, and what would be there after a power
 * loss.  fsync() of a file moves its bytes, fsync() of a directory its names, and nothing else
 * moves either.  In between, a crash decides:
 *
 *   bytes   each 4 KiB page written since the last fsync is there, is not, or is torn between
 *           512-byte sectors; pages know no order among themselves; the length may cover
 *           pages that are not there, which then read as zeros
 *   names   each create, link, rename and unlink since the directory's last fsync has happened
 *           or not: a prefix a directory, or (loose) any subset in which one name's operations
 *           keep their order; a rename is never seen by half
 *
 * A failed fsync marks the pages clean, as ext4 does: what of them did not happen to be written
 * is gone after a crash, and no later fsync brings it back.
 *
 * Units      Sizes in bytes; rates per mille of the calls that a fault concerns.
 * Ownership  The disk owns all files; a descriptor is closed by fake_disk_close() or a crash.
 * Threads    Owner-only.
 * Cost       Linear scans: for a few hundred files.
 */
#ifndef MR_TESTS_SIMULATION_FAKE_DISK_H
#define MR_TESTS_SIMULATION_FAKE_DISK_H

#include "tests/simulation/random.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    FAKE_DISK_NAME_BYTES = 96,
    FAKE_DISK_PAGE_BYTES = 4096,
    FAKE_DISK_SECTOR_BYTES = 512
};

typedef enum fake_disk_fault {
    FAKE_DISK_NO_SPACE, /* ENOSPC from write, create, mkdir, rename, link            */
    FAKE_DISK_WRITE,    /* EIO from write                                            */
    FAKE_DISK_SHORT_WRITE,
    FAKE_DISK_READ, /* EIO from read and readdir                                 */
    FAKE_DISK_SHORT_READ,
    FAKE_DISK_INTERRUPT,      /* EINTR from read and write                              */
    FAKE_DISK_SYNC,           /* EIO from fsync of a file                               */
    FAKE_DISK_SYNC_DIRECTORY, /* EIO from fsync of a directory                          */
    FAKE_DISK_RENAME,      /* EIO from rename, unlink, link, mkdir                    */
    FAKE_DISK_DESCRIPTORS, /* EMFILE from open and opendir                            */
    FAKE_DISK_RATED,       /* how many of them have a rate                            */
    FAKE_DISK_LOST_BYTES = FAKE_DISK_RATED, /* by a crash: a page                       */
    FAKE_DISK_TORN_BYTES, /* a page by half                            */
    FAKE_DISK_LOST_NAME,  /* an operation on a directory               */
    FAKE_DISK_FLIP,       /* a bit at rest                              */
    FAKE_DISK_FAULTS
} fake_disk_fault;

const char *fake_disk_fault_name(fake_disk_fault fault);

typedef struct fake_disk fake_disk;

fake_disk *fake_disk_create(uint64_t seed);
fake_disk *fake_disk_clone(const fake_disk *disk); /* without its open descriptors */
void fake_disk_destroy(fake_disk *disk);

void fake_disk_set_rate(fake_disk *disk, fake_disk_fault fault, uint32_t permille);
void fake_disk_set_full(fake_disk *disk, bool is_full);   /* ENOSPC until taken back */
void fake_disk_set_quiet(fake_disk *disk, bool is_quiet); /* no fault until taken back */
uint64_t fake_disk_fired(const fake_disk *disk, fake_disk_fault fault);

/* What a crash asks: 0 .. bound - 1.  Bytes of a page: 0 lost, 1 whole, n torn after n - 1
 * sectors.  Names: 0 lost, 1 kept.  Tail: 0 the length ends with the pages that are there,
 * 1 as it was. */
typedef enum fake_disk_question {
    FAKE_DISK_ASK_BYTES,
    FAKE_DISK_ASK_NAME,
    FAKE_DISK_ASK_TAIL
} fake_disk_question;
typedef uint32_t fake_disk_chooser(void *context, fake_disk_question question,
                                   uint32_t bound);

/* Power loss and restart: only what is durable and what the chooser keeps is left.
 * `is_loose`: names as any subset, see above. */
void fake_disk_crash(fake_disk *disk, bool is_loose, fake_disk_chooser *choose,
                     void *context);

/* How many undecided pages and names a crash now would ask for. */
size_t fake_disk_undecided(const fake_disk *disk);
size_t fake_disk_undecided_pages(const fake_disk *disk);

/* The calls.  What POSIX returns, or -errno.  Paths are absolute. */
int fake_disk_open(fake_disk *disk, const char *path, int flags);
int fake_disk_close(fake_disk *disk, int descriptor);
ssize_t fake_disk_read(fake_disk *disk, int descriptor, void *bytes, size_t count,
                       int64_t position); /* -1: the descriptor's */
ssize_t fake_disk_write(fake_disk *disk, int descriptor, const void *bytes, size_t count,
                        int64_t position); /* -1: the descriptor's */
int fake_disk_sync(fake_disk *disk, int descriptor);
int fake_disk_truncate(fake_disk *disk, int descriptor, size_t length);
int fake_disk_lock(fake_disk *disk, int descriptor); /* -EWOULDBLOCK when held */
int fake_disk_rename(fake_disk *disk, const char *from, const char *to);
int fake_disk_link(fake_disk *disk, const char *from, const char *to);
int fake_disk_unlink(fake_disk *disk, const char *path);
int fake_disk_rmdir(fake_disk *disk, const char *path);
int fake_disk_mkdir(fake_disk *disk, const char *path);

typedef struct fake_disk_about {
    uint32_t inode;
    bool is_directory;
    size_t bytes;
    size_t entries;
} fake_disk_about;
int fake_disk_stat(fake_disk *disk, const char *path, fake_disk_about *ret_about);
int fake_disk_fstat(fake_disk *disk, int descriptor, fake_disk_about *ret_about);

/* Whether listing `path` may begin, or its next name be read: 0 or -errno. */
int fake_disk_list(fake_disk *disk, const char *path);
int fake_disk_list_next(fake_disk *disk);
/* The name in place `index`, NULL behind the last; no fault. */
const char *fake_disk_entry(fake_disk *disk, const char *path, size_t index);
/* Whether the name in place `index` outlives a power loss; no fault. */
bool fake_disk_entry_is_durable(fake_disk *disk, const char *path, size_t index);

/* The bytes of a file as they are now, lent until the next call; no fault. */
const uint8_t *fake_disk_bytes(const fake_disk *disk, uint32_t inode, size_t *ret_bytes);

/* Turn one bit of a file, now and for ever. */
void fake_disk_flip(fake_disk *disk, uint32_t inode, size_t bit);

/* Whether any name leads to the inode, now or after a crash. */
bool fake_disk_is_linked(const fake_disk *disk, uint32_t inode);

#endif
