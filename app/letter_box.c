#include "app/letter_box.h"

#include <stdlib.h>
#include <string.h>

enum { ARENA_BLOCK_BYTES = 64 * 1024, APPEND_ENTRIES_MAX = 4096 };

mr_status mr_letter_box_init(mr_letter_box *ret_box)
{
    *ret_box = (mr_letter_box){.arena = mr_arena_create(ARENA_BLOCK_BYTES)};
    return ret_box->arena != NULL ? MR_OK : MR_ERR_NO_MEMORY;
}

void mr_letter_box_deinit(mr_letter_box *box)
{
    mr_arena_destroy(box->arena);
    free(box->entries);
    *box = (mr_letter_box){0};
}

void mr_letter_box_clear(mr_letter_box *box)
{
    mr_arena_reset(box->arena);
    box->count = 0;
    box->bytes = 0;
}

static bool copied(mr_text from, mr_text to)
{
    return to.length == from.length && (from.length == 0 || to.bytes != NULL);
}

static mr_status copy_headers(mr_letter_box *box, const mr_log_entry *entry,
                              mr_log_entry *copy)
{
    if (entry->header_count == 0)
        return MR_OK;
    mr_log_header *headers =
        mr_arena_allocate(box->arena, entry->header_count * sizeof(*headers));
    if (headers == NULL)
        return MR_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < entry->header_count; i++) {
        headers[i].name = mr_arena_copy(box->arena, entry->headers[i].name);
        headers[i].value = mr_arena_copy(box->arena, entry->headers[i].value);
        if (!copied(entry->headers[i].name, headers[i].name) ||
            !copied(entry->headers[i].value, headers[i].value))
            return MR_ERR_NO_MEMORY;
    }
    copy->headers = headers;
    return MR_OK;
}

mr_status mr_letter_box_put(mr_letter_box *box, const mr_log_entry *entry)
{
    if (box->count == box->capacity) {
        const size_t capacity = box->capacity > 0 ? 2 * box->capacity : 64;
        mr_log_entry *entries = realloc(box->entries, capacity * sizeof(*entries));
        if (entries == NULL)
            return MR_ERR_NO_MEMORY;
        box->entries = entries;
        box->capacity = capacity;
    }
    mr_log_entry copy = *entry;
    copy.key = mr_arena_copy(box->arena, entry->key);
    copy.value = mr_arena_copy(box->arena, entry->value);
    if (!copied(entry->key, copy.key) || !copied(entry->value, copy.value))
        return MR_ERR_NO_MEMORY;
    MR_TRY(copy_headers(box, entry, &copy));
    box->entries[box->count++] = copy;
    box->bytes += entry->key.length + entry->value.length;
    return MR_OK;
}

/* So many of the entries from `done` on go in one call. */
static size_t slice_of(const mr_letter_box *box, size_t done)
{
    const size_t left = box->count - done;
    return left < APPEND_ENTRIES_MAX ? left : APPEND_ENTRIES_MAX;
}

mr_status mr_letter_box_append(const mr_letter_box *box, mr_log *log, mr_error *ret_error)
{
    for (size_t done = 0; done < box->count; done += slice_of(box, done))
        MR_TRY(mr_log_append(log, box->entries + done, slice_of(box, done), NULL,
                             ret_error));
    return MR_OK;
}

mr_status mr_letter_box_append_in_order(const mr_letter_box *box, mr_log *log,
                                        mr_error *ret_error)
{
    for (size_t done = 0; done < box->count; done += slice_of(box, done))
        MR_TRY(mr_log_append_in_order(log, box->entries + done, slice_of(box, done),
                                      ret_error));
    return MR_OK;
}
