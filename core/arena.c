#include "core/arena.h"

#include "core/assert.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 16 };

typedef struct block {
    struct block *next;
    size_t capacity; /* of the bytes behind this header */
} block;

_Static_assert(sizeof(block) % ALIGNMENT == 0, "the bytes behind a header are aligned");

/* Blocks up to `current` hold this batch; those behind it wait, all of them empty. */
struct mr_arena {
    block *first;
    block *current; /* NULL before the first allocation of a batch */
    size_t used;    /* of `current` */
    size_t block_bytes;
};

static unsigned char *block_bytes(block *of)
{
    return (unsigned char *)(of + 1);
}

mr_arena *mr_arena_create(size_t bytes)
{
    MR_ASSERT(bytes > 0);
    mr_arena *arena = calloc(1, sizeof(*arena));
    if (arena != NULL)
        arena->block_bytes = bytes;
    return arena;
}

void mr_arena_destroy(mr_arena *arena)
{
    if (arena == NULL)
        return;
    for (block *each = arena->first; each != NULL;) {
        block *next = each->next;
        free(each);
        each = next;
    }
    free(arena);
}

void mr_arena_reset(mr_arena *arena)
{
    arena->current = NULL;
    arena->used = 0;
}

static block *block_create(size_t capacity)
{
    if (capacity > SIZE_MAX - sizeof(block))
        return NULL;
    block *made = malloc(sizeof(*made) + capacity);
    if (made != NULL)
        made->capacity = capacity;
    return made;
}

/* Block sizes double from `block_bytes` on, so that requests that grow a little from batch to
 * batch do not leave a block behind for each size. */
static size_t capacity_for(const mr_arena *arena, size_t bytes)
{
    size_t capacity = arena->block_bytes;
    while (capacity < bytes)
        capacity = capacity > SIZE_MAX / 2 ? bytes : capacity * 2;
    return capacity;
}

/*
 * Make a block with room for `bytes` the current one.
 *
 * The smallest waiting block that is large enough is moved to the front of the waiting ones:
 * none is skipped, and none is taken from a request that needs a larger one.
 */
static bool advance(mr_arena *arena, size_t bytes)
{
    block **head = arena->current != NULL ? &arena->current->next : &arena->first;
    block **best = NULL;
    for (block **link = head; *link != NULL; link = &(*link)->next) {
        if ((*link)->capacity >= bytes &&
            (best == NULL || (*link)->capacity < (*best)->capacity))
            best = link;
        if (best != NULL && (*best)->capacity == arena->block_bytes)
            break; /* no block is smaller */
    }

    block *chosen;
    if (best != NULL) {
        chosen = *best;
        *best = chosen->next;
    } else {
        chosen = block_create(capacity_for(arena, bytes));
    }
    if (chosen == NULL)
        return false;

    chosen->next = *head;
    *head = chosen;
    arena->current = chosen;
    arena->used = 0;
    return true;
}

void *mr_arena_allocate(mr_arena *arena, size_t bytes)
{
    if (bytes > SIZE_MAX - ALIGNMENT)
        return NULL;
    const size_t rounded =
        bytes == 0 ? ALIGNMENT : (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);

    const bool fits =
        arena->current != NULL && arena->current->capacity - arena->used >= rounded;
    if (!fits && !advance(arena, rounded))
        return NULL;
    void *given = block_bytes(arena->current) + arena->used;
    arena->used += rounded;
    return given;
}

mr_text mr_arena_copy(mr_arena *arena, mr_text text)
{
    if (text.length == 0)
        return (mr_text){0};
    char *bytes = mr_arena_allocate(arena, text.length);
    if (bytes == NULL)
        return (mr_text){0};
    memcpy(bytes, text.bytes, text.length);
    return (mr_text){.bytes = bytes, .length = text.length};
}
