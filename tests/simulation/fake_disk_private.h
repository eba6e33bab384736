/*
 * Fake disk, inside: what its calls (fake_disk.c) and its crashes (fake_disk_crash.c) share.
 *
 * Units      As tests/simulation/fake_disk.h.
 * Ownership  The disk owns everything.
 * Threads    Owner-only.
 * Cost       None.
 */
#ifndef MR_TESTS_SIMULATION_FAKE_DISK_PRIVATE_H
#define MR_TESTS_SIMULATION_FAKE_DISK_PRIVATE_H

#include "tests/simulation/fake_disk.h"

typedef struct fake_bytes {
    uint8_t *data;
    size_t length;
    size_t capacity;
} fake_bytes;

/* Bytes written since the last fsync, or (data NULL) a change of the length. */
typedef struct fake_write {
    size_t position;
    size_t length;
    uint8_t *data;
} fake_write;

typedef struct fake_entry {
    char name[FAKE_DISK_NAME_BYTES];
    uint32_t inode;
} fake_entry;

typedef struct fake_names {
    fake_entry *entries;
    size_t count;
    size_t capacity;
} fake_names;

typedef struct fake_inode {
    bool is_directory;
    bool is_locked;
    fake_bytes now;
    fake_bytes durable;
    fake_write *writes;
    size_t write_count;
    size_t write_capacity;
    fake_names names;
    fake_names durable_names;
} fake_inode;

/* A create or link has no `from`, an unlink no `to`. */
typedef struct fake_operation {
    uint32_t from_directory;
    uint32_t to_directory;
    uint32_t inode;
    char from[FAKE_DISK_NAME_BYTES];
    char to[FAKE_DISK_NAME_BYTES];
} fake_operation;

typedef struct fake_descriptor {
    uint32_t inode;
    bool is_open;
    bool holds_lock;
    size_t position;
} fake_descriptor;

struct fake_disk {
    fake_inode *inodes;
    size_t inode_count;
    size_t inode_capacity;
    fake_descriptor *descriptors;
    size_t descriptor_count;
    size_t descriptor_capacity;
    fake_operation *operations; /* on names, since the directories' last fsyncs */
    size_t operation_count;
    size_t operation_capacity;
    sim_random random;
    uint32_t rate[FAKE_DISK_RATED];
    uint64_t fired[FAKE_DISK_FAULTS];
    bool is_full;
    bool is_quiet;
};

/* Room for one more; aborts without memory. */
void *fake_disk_grow(void *array, size_t count, size_t *capacity, size_t size);

void fake_disk_apply(fake_disk *disk, const fake_operation *operation, bool is_durable);

void fake_disk_put(fake_inode *inode, size_t position, const void *bytes, size_t count);
void fake_disk_cut(fake_inode *inode, size_t length);
void fake_disk_make_durable(fake_inode *inode);
void fake_disk_fail_sync(fake_disk *disk, fake_inode *inode);
void fake_disk_forget_writes(fake_inode *inode);

#endif
