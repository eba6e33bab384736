#include "tests/simulation/fake_disk_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum { DESCRIPTOR_BASE = 1 << 20, ROOT = 0 };

const char *fake_disk_fault_name(fake_disk_fault fault)
{
    static const char *const names[FAKE_DISK_FAULTS] = {
        "no_space",  "write_error", "short_write",    "read_error", "short_read",
        "interrupt", "sync_error",  "sync_dir_error", "name_error", "descriptors",
        "lost_page", "torn_page",   "lost_name",      "bit_flip",
    };
    return names[fault];
}

void *fake_disk_grow(void *array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return array;
    *capacity = *capacity == 0 ? 8 : 2 * *capacity;
    void *grown = realloc(array, *capacity * size);
    if (grown == NULL)
        abort(); /* a simulation out of memory has nothing to say */
    return grown;
}

static uint32_t new_inode(fake_disk *disk, bool is_directory)
{
    disk->inodes = fake_disk_grow(disk->inodes, disk->inode_count, &disk->inode_capacity,
                                  sizeof(*disk->inodes));
    disk->inodes[disk->inode_count] = (fake_inode){.is_directory = is_directory};
    return (uint32_t)disk->inode_count++;
}

fake_disk *fake_disk_create(uint64_t seed)
{
    fake_disk *disk = calloc(1, sizeof(*disk));
    if (disk == NULL)
        abort();
    disk->random.state = seed;
    (void)new_inode(disk, true);
    return disk;
}

void fake_disk_destroy(fake_disk *disk)
{
    if (disk == NULL)
        return;
    for (size_t i = 0; i < disk->inode_count; i++) {
        fake_inode *inode = &disk->inodes[i];
        fake_disk_forget_writes(inode);
        free(inode->writes);
        free(inode->now.data);
        free(inode->durable.data);
        free(inode->names.entries);
        free(inode->durable_names.entries);
    }
    free(disk->inodes);
    free(disk->descriptors);
    free(disk->operations);
    free(disk);
}

void fake_disk_set_rate(fake_disk *disk, fake_disk_fault fault, uint32_t permille)
{
    disk->rate[fault] = permille;
}

void fake_disk_set_full(fake_disk *disk, bool is_full)
{
    disk->is_full = is_full;
}

void fake_disk_set_quiet(fake_disk *disk, bool is_quiet)
{
    disk->is_quiet = is_quiet;
}

uint64_t fake_disk_fired(const fake_disk *disk, fake_disk_fault fault)
{
    return disk->fired[fault];
}

static bool fires(fake_disk *disk, fake_disk_fault fault)
{
    if (disk->is_quiet)
        return false;
    const bool yes = (fault == FAKE_DISK_NO_SPACE && disk->is_full) ||
                     sim_random_chance(&disk->random, disk->rate[fault]);
    disk->fired[fault] += yes;
    return yes;
}

/* -- names -------------------------------------------------------------------------------- */

static size_t find_name(const fake_names *names, const char *name)
{
    size_t i = 0;
    while (i < names->count && strcmp(names->entries[i].name, name) != 0)
        i++;
    return i;
}

static void set_name(fake_names *names, const char *name, uint32_t inode)
{
    const size_t at = find_name(names, name);
    if (at == names->count) {
        names->entries = fake_disk_grow(names->entries, names->count, &names->capacity,
                                        sizeof(*names->entries));
        names->count++;
        (void)strcpy(names->entries[at].name, name);
    }
    names->entries[at].inode = inode;
}

static void drop_name(fake_names *names, const char *name)
{
    const size_t at = find_name(names, name);
    if (at < names->count)
        names->entries[at] = names->entries[--names->count];
}

void fake_disk_apply(fake_disk *disk, const fake_operation *operation, bool is_durable)
{
    if (operation->from[0] != '\0') {
        fake_inode *directory = &disk->inodes[operation->from_directory];
        drop_name(is_durable ? &directory->durable_names : &directory->names,
                  operation->from);
    }
    if (operation->to[0] != '\0') {
        fake_inode *directory = &disk->inodes[operation->to_directory];
        set_name(is_durable ? &directory->durable_names : &directory->names,
                 operation->to, operation->inode);
    }
}

static void operate(fake_disk *disk, const fake_operation *operation)
{
    fake_disk_apply(disk, operation, false);
    disk->operations = fake_disk_grow(disk->operations, disk->operation_count,
                                      &disk->operation_capacity, sizeof(*operation));
    disk->operations[disk->operation_count++] = *operation;
}

/* What a path leads to. */
typedef struct place {
    uint32_t directory;
    char name[FAKE_DISK_NAME_BYTES]; /* empty: the root itself */
    uint32_t inode;
    bool exists;
} place;

/* -ENOENT, -ENOTDIR for what lies before the last part; an absent last part is 0. */
static int walk(const fake_disk *disk, const char *path, place *ret_place)
{
    *ret_place = (place){.inode = ROOT, .exists = true};
    while (*path == '/')
        path++;
    while (*path != '\0') {
        const size_t length = strcspn(path, "/");
        if (!ret_place->exists)
            return -ENOENT;
        if (!disk->inodes[ret_place->inode].is_directory)
            return -ENOTDIR;
        if (length >= FAKE_DISK_NAME_BYTES)
            return -ENAMETOOLONG;
        ret_place->directory = ret_place->inode;
        memcpy(ret_place->name, path, length);
        ret_place->name[length] = '\0';
        const fake_names *names = &disk->inodes[ret_place->directory].names;
        const size_t at = find_name(names, ret_place->name);
        ret_place->exists = at < names->count;
        if (ret_place->exists)
            ret_place->inode = names->entries[at].inode;
        path += length;
        while (*path == '/')
            path++;
    }
    return 0;
}

static uint32_t add(fake_disk *disk, const place *at, bool is_directory)
{
    fake_operation operation = {.to_directory = at->directory,
                                .inode = new_inode(disk, is_directory)};
    (void)strcpy(operation.to, at->name);
    operate(disk, &operation);
    return operation.inode;
}

/* -- descriptors -------------------------------------------------------------------------- */

static fake_descriptor *descriptor_of(fake_disk *disk, int descriptor)
{
    const size_t index = (size_t)(descriptor - DESCRIPTOR_BASE);
    return descriptor >= DESCRIPTOR_BASE && index < disk->descriptor_count &&
                   disk->descriptors[index].is_open
               ? &disk->descriptors[index]
               : NULL;
}

static int new_descriptor(fake_disk *disk, uint32_t inode)
{
    size_t i = 0;
    while (i < disk->descriptor_count && disk->descriptors[i].is_open)
        i++;
    if (i == disk->descriptor_count) {
        disk->descriptors =
            fake_disk_grow(disk->descriptors, disk->descriptor_count,
                           &disk->descriptor_capacity, sizeof(*disk->descriptors));
        disk->descriptor_count++;
    }
    disk->descriptors[i] = (fake_descriptor){.inode = inode, .is_open = true};
    return DESCRIPTOR_BASE + (int)i;
}

int fake_disk_open(fake_disk *disk, const char *path, int flags)
{
    place at;
    const int error = walk(disk, path, &at);
    if (error != 0)
        return error;
    if (fires(disk, FAKE_DISK_DESCRIPTORS))
        return -EMFILE;
    if (at.exists && (flags & O_CREAT) != 0 && (flags & O_EXCL) != 0)
        return -EEXIST;
    if (!at.exists && (flags & O_CREAT) == 0)
        return -ENOENT;
    if (at.exists && (flags & O_DIRECTORY) != 0 && !disk->inodes[at.inode].is_directory)
        return -ENOTDIR;
    if (at.exists && (flags & O_ACCMODE) != O_RDONLY &&
        disk->inodes[at.inode].is_directory)
        return -EISDIR;
    if (!at.exists && fires(disk, FAKE_DISK_NO_SPACE))
        return -ENOSPC;
    return new_descriptor(disk, at.exists ? at.inode : add(disk, &at, false));
}

int fake_disk_close(fake_disk *disk, int descriptor)
{
    fake_descriptor *open = descriptor_of(disk, descriptor);
    if (open == NULL)
        return -EBADF;
    if (open->holds_lock)
        disk->inodes[open->inode].is_locked = false;
    open->is_open = false;
    return 0;
}

int fake_disk_lock(fake_disk *disk, int descriptor)
{
    fake_descriptor *open = descriptor_of(disk, descriptor);
    if (open == NULL)
        return -EBADF;
    fake_inode *inode = &disk->inodes[open->inode];
    if (inode->is_locked && !open->holds_lock)
        return -EWOULDBLOCK;
    inode->is_locked = true;
    open->holds_lock = true;
    return 0;
}

ssize_t fake_disk_read(fake_disk *disk, int descriptor, void *bytes, size_t count,
                       int64_t position)
{
    fake_descriptor *open = descriptor_of(disk, descriptor);
    if (open == NULL)
        return -EBADF;
    if (fires(disk, FAKE_DISK_INTERRUPT))
        return -EINTR;
    if (fires(disk, FAKE_DISK_READ))
        return -EIO;
    const fake_inode *inode = &disk->inodes[open->inode];
    if (inode->is_directory)
        return -EISDIR;
    const size_t from = position >= 0 ? (size_t)position : open->position;
    const size_t left = from < inode->now.length ? inode->now.length - from : 0;
    if (count > left)
        count = left;
    if (count > 1 && fires(disk, FAKE_DISK_SHORT_READ))
        count = 1 + sim_random_below(&disk->random, (uint32_t)count - 1);
    if (count > 0)
        memcpy(bytes, inode->now.data + from, count);
    if (position < 0)
        open->position += count;
    return (ssize_t)count;
}

ssize_t fake_disk_write(fake_disk *disk, int descriptor, const void *bytes, size_t count,
                        int64_t position)
{
    fake_descriptor *open = descriptor_of(disk, descriptor);
    if (open == NULL)
        return -EBADF;
    if (fires(disk, FAKE_DISK_INTERRUPT))
        return -EINTR;
    /* A full disk often takes the beginning of what it has no room for. */
    if (count > 1 && fires(disk, FAKE_DISK_SHORT_WRITE))
        count = 1 + sim_random_below(&disk->random, (uint32_t)count - 1);
    else if (fires(disk, FAKE_DISK_NO_SPACE))
        return -ENOSPC;
    else if (fires(disk, FAKE_DISK_WRITE))
        return -EIO;
    const size_t to = position >= 0 ? (size_t)position : open->position;
    fake_disk_put(&disk->inodes[open->inode], to, bytes, count);
    if (position < 0)
        open->position += count;
    return (ssize_t)count;
}

int fake_disk_truncate(fake_disk *disk, int descriptor, size_t length)
{
    fake_descriptor *open = descriptor_of(disk, descriptor);
    if (open == NULL)
        return -EBADF;
    if (fires(disk, FAKE_DISK_WRITE))
        return -EIO;
    fake_disk_cut(&disk->inodes[open->inode], length);
    return 0;
}

static void sync_names(fake_disk *disk, uint32_t directory)
{
    size_t left = 0;
    for (size_t i = 0; i < disk->operation_count; i++) {
        const fake_operation *operation = &disk->operations[i];
        const bool is_here =
            (operation->from[0] != '\0' && operation->from_directory == directory) ||
            (operation->to[0] != '\0' && operation->to_directory == directory);
        if (is_here)
            fake_disk_apply(disk, operation, true);
        else
            disk->operations[left++] = *operation;
    }
    disk->operation_count = left;
}

int fake_disk_sync(fake_disk *disk, int descriptor)
{
    fake_descriptor *open = descriptor_of(disk, descriptor);
    if (open == NULL)
        return -EBADF;
    fake_inode *inode = &disk->inodes[open->inode];
    if (inode->is_directory) {
        if (fires(disk, FAKE_DISK_SYNC_DIRECTORY))
            return -EIO;
        sync_names(disk, open->inode);
        return 0;
    }
    if (fires(disk, FAKE_DISK_SYNC)) {
        fake_disk_fail_sync(disk, inode);
        return -EIO;
    }
    fake_disk_make_durable(inode);
    return 0;
}

/* -- operations on names ------------------------------------------------------------------- */

static int names_fault(fake_disk *disk)
{
    return fires(disk, FAKE_DISK_RENAME) ? -EIO : 0;
}

int fake_disk_rename(fake_disk *disk, const char *from, const char *to)
{
    place source;
    place target;
    int error = walk(disk, from, &source);
    if (error == 0)
        error = walk(disk, to, &target);
    if (error == 0 && !source.exists)
        error = -ENOENT;
    if (error == 0 && target.exists && disk->inodes[target.inode].is_directory)
        error = disk->inodes[target.inode].names.count > 0 ? -ENOTEMPTY : 0;
    if (error == 0)
        error = names_fault(disk);
    if (error == 0 && fires(disk, FAKE_DISK_NO_SPACE))
        error = -ENOSPC;
    if (error != 0 || (target.exists && target.inode == source.inode))
        return error;
    fake_operation operation = {.from_directory = source.directory,
                                .to_directory = target.directory,
                                .inode = source.inode};
    (void)strcpy(operation.from, source.name);
    (void)strcpy(operation.to, target.name);
    operate(disk, &operation);
    return 0;
}

int fake_disk_link(fake_disk *disk, const char *from, const char *to)
{
    place source;
    place target;
    int error = walk(disk, from, &source);
    if (error == 0)
        error = walk(disk, to, &target);
    if (error == 0 && !source.exists)
        error = -ENOENT;
    if (error == 0 && target.exists)
        error = -EEXIST;
    if (error == 0)
        error = names_fault(disk);
    if (error != 0)
        return error;
    fake_operation operation = {.to_directory = target.directory, .inode = source.inode};
    (void)strcpy(operation.to, target.name);
    operate(disk, &operation);
    return 0;
}

static int remove_place(fake_disk *disk, const char *path, bool is_directory)
{
    place at;
    int error = walk(disk, path, &at);
    if (error == 0 && !at.exists)
        error = -ENOENT;
    if (error == 0 && disk->inodes[at.inode].is_directory != is_directory)
        error = is_directory ? -ENOTDIR : -EISDIR;
    if (error == 0 && is_directory && disk->inodes[at.inode].names.count > 0)
        error = -ENOTEMPTY;
    if (error == 0)
        error = names_fault(disk);
    if (error != 0)
        return error;
    fake_operation operation = {.from_directory = at.directory};
    (void)strcpy(operation.from, at.name);
    operate(disk, &operation);
    return 0;
}

int fake_disk_unlink(fake_disk *disk, const char *path)
{
    return remove_place(disk, path, false);
}

int fake_disk_rmdir(fake_disk *disk, const char *path)
{
    return remove_place(disk, path, true);
}

int fake_disk_mkdir(fake_disk *disk, const char *path)
{
    place at;
    int error = walk(disk, path, &at);
    if (error == 0 && at.exists)
        error = -EEXIST;
    if (error == 0)
        error = names_fault(disk);
    if (error == 0 && fires(disk, FAKE_DISK_NO_SPACE))
        error = -ENOSPC;
    if (error == 0)
        (void)add(disk, &at, true);
    return error;
}

/* -- looking ------------------------------------------------------------------------------- */

static fake_disk_about about_inode(const fake_disk *disk, uint32_t number)
{
    const fake_inode *inode = &disk->inodes[number];
    return (fake_disk_about){.inode = number,
                             .is_directory = inode->is_directory,
                             .bytes = inode->now.length,
                             .entries = inode->names.count};
}

int fake_disk_stat(fake_disk *disk, const char *path, fake_disk_about *ret_about)
{
    place at;
    const int error = walk(disk, path, &at);
    if (error != 0 || !at.exists)
        return error != 0 ? error : -ENOENT;
    *ret_about = about_inode(disk, at.inode);
    return 0;
}

int fake_disk_fstat(fake_disk *disk, int descriptor, fake_disk_about *ret_about)
{
    const fake_descriptor *open = descriptor_of(disk, descriptor);
    if (open == NULL)
        return -EBADF;
    *ret_about = about_inode(disk, open->inode);
    return 0;
}

int fake_disk_list(fake_disk *disk, const char *path)
{
    fake_disk_about about;
    const int error = fake_disk_stat(disk, path, &about);
    if (error != 0)
        return error;
    if (!about.is_directory)
        return -ENOTDIR;
    return fires(disk, FAKE_DISK_DESCRIPTORS) ? -EMFILE : 0;
}

int fake_disk_list_next(fake_disk *disk)
{
    return fires(disk, FAKE_DISK_READ) ? -EIO : 0;
}

const char *fake_disk_entry(fake_disk *disk, const char *path, size_t index)
{
    place at;
    if (walk(disk, path, &at) != 0 || !at.exists ||
        index >= disk->inodes[at.inode].names.count)
        return NULL;
    return disk->inodes[at.inode].names.entries[index].name;
}

bool fake_disk_entry_is_durable(fake_disk *disk, const char *path, size_t index)
{
    place at;
    if (walk(disk, path, &at) != 0 || !at.exists ||
        index >= disk->inodes[at.inode].names.count)
        return false;
    const fake_entry *entry = &disk->inodes[at.inode].names.entries[index];
    const fake_names *durable = &disk->inodes[at.inode].durable_names;
    const size_t found = find_name(durable, entry->name);
    return found < durable->count && durable->entries[found].inode == entry->inode;
}

const uint8_t *fake_disk_bytes(const fake_disk *disk, uint32_t inode, size_t *ret_bytes)
{
    *ret_bytes = disk->inodes[inode].now.length;
    return disk->inodes[inode].now.data;
}

bool fake_disk_is_linked(const fake_disk *disk, uint32_t inode)
{
    for (size_t d = 0; d < disk->inode_count; d++) {
        const fake_names *both[] = {&disk->inodes[d].names,
                                    &disk->inodes[d].durable_names};
        for (size_t k = 0; k < 2; k++) {
            for (size_t i = 0; i < both[k]->count; i++) {
                if (both[k]->entries[i].inode == inode)
                    return true;
            }
        }
    }
    return false;
}
