/*
 * The bytes of the fake disk: what is written, what is durable, and what a crash leaves.
 */
#include "tests/simulation/fake_disk_private.h"

#include <stdlib.h>
#include <string.h>

enum { SECTORS = FAKE_DISK_PAGE_BYTES / FAKE_DISK_SECTOR_BYTES };

static void resize(fake_bytes *bytes, size_t length)
{
    if (length > bytes->capacity) {
        bytes->capacity = length + length / 2 + FAKE_DISK_SECTOR_BYTES;
        uint8_t *data = realloc(bytes->data, bytes->capacity);
        if (data == NULL)
            abort();
        bytes->data = data;
    }
    if (length > bytes->length)
        memset(bytes->data + bytes->length, 0, length - bytes->length);
    bytes->length = length;
}

static void put(fake_bytes *bytes, size_t position, const uint8_t *data, size_t count)
{
    if (count == 0)
        return;
    if (position + count > bytes->length)
        resize(bytes, position + count);
    memcpy(bytes->data + position, data, count);
}

static void copy(fake_bytes *to, const fake_bytes *from)
{
    resize(to, 0);
    put(to, 0, from->data, from->length);
}

static void remember(fake_inode *inode, size_t position, const void *bytes, size_t count)
{
    inode->writes = fake_disk_grow(inode->writes, inode->write_count,
                                   &inode->write_capacity, sizeof(*inode->writes));
    uint8_t *data = NULL;
    if (bytes != NULL) {
        data = malloc(count);
        if (data == NULL)
            abort();
        memcpy(data, bytes, count);
    }
    inode->writes[inode->write_count++] = (fake_write){position, count, data};
}

void fake_disk_put(fake_inode *inode, size_t position, const void *bytes, size_t count)
{
    if (count == 0)
        return;
    put(&inode->now, position, bytes, count);
    remember(inode, position, bytes, count);
}

void fake_disk_cut(fake_inode *inode, size_t length)
{
    resize(&inode->now, length);
    remember(inode, length, NULL, 0);
}

void fake_disk_forget_writes(fake_inode *inode)
{
    for (size_t i = 0; i < inode->write_count; i++)
        free(inode->writes[i].data);
    inode->write_count = 0;
}

void fake_disk_make_durable(fake_inode *inode)
{
    /* Bytes that a failed fsync dropped are clean: only what was written since goes out. */
    for (size_t i = 0; i < inode->write_count; i++) {
        const fake_write *write = &inode->writes[i];
        if (write->data == NULL)
            resize(&inode->durable, write->position);
        else
            put(&inode->durable, write->position, write->data, write->length);
    }
    fake_disk_forget_writes(inode);
}

/* -- what a crash leaves of a file ---------------------------------------------------------- */

typedef struct crashing {
    fake_disk *disk;
    fake_disk_chooser *choose;
    void *context;
} crashing;

/* Pages whose later versions are gone too, because an earlier one did not get there. */
typedef struct page_set {
    size_t *pages;
    size_t count;
    size_t capacity;
} page_set;

static bool has_page(const page_set *set, size_t page)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->pages[i] == page)
            return true;
    }
    return false;
}

static void add_page(page_set *set, size_t page)
{
    set->pages =
        fake_disk_grow(set->pages, set->count, &set->capacity, sizeof(*set->pages));
    set->pages[set->count++] = page;
}

static void write_piece(crashing *crash, fake_bytes *bytes, page_set *stopped,
                        size_t position, const uint8_t *data, size_t count)
{
    const size_t page = position / FAKE_DISK_PAGE_BYTES;
    if (has_page(stopped, page))
        return;
    const uint32_t answer =
        crash->choose(crash->context, FAKE_DISK_ASK_BYTES, 2 + SECTORS - 1);
    if (answer == 1) {
        put(bytes, position, data, count);
        return;
    }
    size_t kept = 0;
    if (answer > 1) {
        const size_t until =
            page * FAKE_DISK_PAGE_BYTES + (answer - 1) * FAKE_DISK_SECTOR_BYTES;
        kept = until > position ? until - position : 0;
        kept = kept < count ? kept : count;
    }
    put(bytes, position, data, kept);
    crash->disk->fired[kept > 0 ? FAKE_DISK_TORN_BYTES : FAKE_DISK_LOST_BYTES]++;
    add_page(stopped, page);
}

static void crash_file(crashing *crash, fake_inode *inode)
{
    page_set stopped = {0};
    fake_bytes *bytes = &inode->durable;
    bool is_stopped = false;
    size_t length = bytes->length; /* that the file had, or would have had */
    for (size_t w = 0; w < inode->write_count && !is_stopped; w++) {
        const fake_write *write = &inode->writes[w];
        if (write->data == NULL) {
            is_stopped = crash->choose(crash->context, FAKE_DISK_ASK_NAME, 2) == 0;
            if (!is_stopped)
                resize(bytes, length = write->position);
            continue;
        }
        for (size_t done = 0; done < write->length;) {
            const size_t position = write->position + done;
            size_t count = FAKE_DISK_PAGE_BYTES - position % FAKE_DISK_PAGE_BYTES;
            count = count < write->length - done ? count : write->length - done;
            write_piece(crash, bytes, &stopped, position, write->data + done, count);
            done += count;
        }
        if (write->position + write->length > length)
            length = write->position + write->length;
    }
    if (length > bytes->length &&
        crash->choose(crash->context, FAKE_DISK_ASK_TAIL, 2) == 1)
        resize(bytes, length);
    free(stopped.pages);
    fake_disk_forget_writes(inode);
    copy(&inode->now, bytes);
    inode->is_locked = false;
}

/* As a crash, but the file goes on being read as it was. */
static uint32_t keep_half(void *context, fake_disk_question question, uint32_t bound)
{
    (void)question;
    (void)bound;
    return sim_random_below(context, 2);
}

void fake_disk_fail_sync(fake_disk *disk, fake_inode *inode)
{
    fake_bytes now = inode->now;
    const bool is_locked = inode->is_locked;
    inode->now = (fake_bytes){0};
    crashing crash = {disk, keep_half, &disk->random};
    crash_file(&crash, inode);
    free(inode->now.data);
    inode->now = now;
    inode->is_locked = is_locked;
}

/* -- what a crash leaves of the names -------------------------------------------------------- */

static bool touches(const fake_operation *operation, const fake_operation *lost,
                    bool is_loose)
{
    const struct {
        uint32_t directory;
        const char *name;
    } mine[] = {{operation->from_directory, operation->from},
                {operation->to_directory, operation->to}},
      theirs[] = {{lost->from_directory, lost->from}, {lost->to_directory, lost->to}};
    for (size_t i = 0; i < 2; i++) {
        for (size_t k = 0; k < 2; k++) {
            if (mine[i].name[0] != '\0' && theirs[k].name[0] != '\0' &&
                mine[i].directory == theirs[k].directory &&
                (!is_loose || strcmp(mine[i].name, theirs[k].name) == 0))
                return true;
        }
    }
    return false;
}

static void crash_names(crashing *crash, bool is_loose)
{
    fake_disk *disk = crash->disk;
    size_t lost = 0; /* operations that did not happen gather at the front */
    for (size_t i = 0; i < disk->operation_count; i++) {
        const fake_operation operation = disk->operations[i];
        bool is_lost = false;
        for (size_t k = 0; k < lost && !is_lost; k++)
            is_lost = touches(&operation, &disk->operations[k], is_loose);
        if (!is_lost)
            is_lost = crash->choose(crash->context, FAKE_DISK_ASK_NAME, 2) == 0;
        disk->fired[FAKE_DISK_LOST_NAME] += is_lost;
        if (is_lost)
            disk->operations[lost++] = operation;
        else
            fake_disk_apply(disk, &operation, true);
    }
    disk->operation_count = 0;
}

static void copy_names(fake_names *to, const fake_names *from)
{
    while (to->capacity < from->count)
        to->entries = fake_disk_grow(to->entries, to->capacity, &to->capacity,
                                     sizeof(*to->entries));
    to->count = from->count;
    if (from->count > 0)
        memcpy(to->entries, from->entries, from->count * sizeof(*from->entries));
}

/* Nobody can open them any more, and no descriptor is left. */
static void free_unlinked(fake_disk *disk)
{
    bool *is_linked = calloc(disk->inode_count, sizeof(*is_linked));
    if (is_linked == NULL)
        abort();
    for (size_t d = 0; d < disk->inode_count; d++) {
        const fake_names *names = &disk->inodes[d].names;
        for (size_t i = 0; i < names->count; i++)
            is_linked[names->entries[i].inode] = true;
    }
    for (size_t i = 0; i < disk->inode_count; i++) {
        fake_inode *inode = &disk->inodes[i];
        if (is_linked[i] || inode->is_directory)
            continue;
        free(inode->now.data);
        free(inode->durable.data);
        inode->now = (fake_bytes){0};
        inode->durable = (fake_bytes){0};
    }
    free(is_linked);
}

void fake_disk_crash(fake_disk *disk, bool is_loose, fake_disk_chooser *choose,
                     void *context)
{
    crashing crash = {disk, choose, context};
    crash_names(&crash, is_loose);
    for (size_t i = 0; i < disk->inode_count; i++) {
        fake_inode *inode = &disk->inodes[i];
        if (inode->is_directory)
            copy_names(&inode->names, &inode->durable_names);
        else
            crash_file(&crash, inode);
    }
    for (size_t i = 0; i < disk->descriptor_count; i++)
        disk->descriptors[i].is_open = false;
    free_unlinked(disk);
}

size_t fake_disk_undecided_pages(const fake_disk *disk)
{
    size_t count = 0;
    for (size_t i = 0; i < disk->inode_count; i++) {
        for (size_t w = 0; w < disk->inodes[i].write_count; w++) {
            const fake_write *write = &disk->inodes[i].writes[w];
            const size_t last =
                write->position + (write->length > 0 ? write->length - 1 : 0);
            count +=
                last / FAKE_DISK_PAGE_BYTES - write->position / FAKE_DISK_PAGE_BYTES + 1;
        }
    }
    return count;
}

size_t fake_disk_undecided(const fake_disk *disk)
{
    return disk->operation_count + fake_disk_undecided_pages(disk);
}

fake_disk *fake_disk_clone(const fake_disk *disk)
{
    fake_disk *clone = calloc(1, sizeof(*clone));
    if (clone == NULL)
        abort();
    clone->random = disk->random;
    for (size_t i = 0; i < disk->inode_count; i++) {
        const fake_inode *from = &disk->inodes[i];
        clone->inodes = fake_disk_grow(clone->inodes, i, &clone->inode_capacity,
                                       sizeof(*clone->inodes));
        fake_inode *to = &clone->inodes[clone->inode_count++];
        *to = (fake_inode){.is_directory = from->is_directory};
        copy(&to->now, &from->now);
        copy(&to->durable, &from->durable);
        for (size_t w = 0; w < from->write_count; w++)
            remember(to, from->writes[w].position, from->writes[w].data,
                     from->writes[w].length);
        copy_names(&to->names, &from->names);
        copy_names(&to->durable_names, &from->durable_names);
    }
    for (size_t i = 0; i < disk->operation_count; i++) {
        clone->operations = fake_disk_grow(
            clone->operations, i, &clone->operation_capacity, sizeof(*clone->operations));
        clone->operations[clone->operation_count++] = disk->operations[i];
    }
    return clone;
}

void fake_disk_flip(fake_disk *disk, uint32_t inode, size_t bit)
{
    fake_bytes *both[] = {&disk->inodes[inode].now, &disk->inodes[inode].durable};
    for (size_t i = 0; i < 2; i++) {
        if (bit / 8 < both[i]->length)
            both[i]->data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    disk->fired[FAKE_DISK_FLIP]++;
}
