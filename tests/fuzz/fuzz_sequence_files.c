/*
 * Fuzz: the files a person hands to `evaluate sequence`, `session` and `basket`.
 *
 * Whatever the bytes, each reader refuses them or gives whole sequences: items inside the
 * catalogue that the table knows, times that do not run backwards, one next item an example.
 */
#include "core/assert.h"
#include "models/basket_file.h"
#include "models/sequence_file.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const mr_sequence_list *list, uint32_t items)
{
    const mr_sequences view = mr_sequence_list_view(list);
    MR_ASSERT(view.items == items);
    MR_ASSERT(mr_sequences_check(&view, NULL) == MR_OK);
    for (uint32_t s = 0; s < view.count; s++)
        MR_ASSERT(view.ptr[s + 1] <= list->elements);
}

typedef mr_status reader(const char *path, mr_id_table *items, mr_sequence_list *ret_list,
                         mr_error *ret_error);

static void read_list(reader *read, const char *path, mr_id_table *items)
{
    mr_sequence_list list;
    mr_error error = {{0}};
    if (read(path, items, &list, &error) == MR_OK) {
        check(&list, mr_id_table_count(items));
        mr_sequence_list_deinit(&list);
    } else {
        MR_ASSERT(error.message[0] != '\0');
    }
}

static void read_examples(const char *path, mr_id_table *items)
{
    mr_sequence_list given;
    mr_sequence_list next;
    if (mr_sequence_file_read_examples(path, items, &given, &next, NULL) != MR_OK)
        return;
    check(&given, mr_id_table_count(items));
    check(&next, mr_id_table_count(items));
    MR_ASSERT(given.count == next.count);
    MR_ASSERT(next.elements == next.count);
    mr_sequence_list_deinit(&given);
    mr_sequence_list_deinit(&next);
}

static void read_baskets(const char *path)
{
    mr_sequence_list history;
    mr_basket_targets targets;
    if (mr_basket_file_read(path, path, &history, &targets, NULL) != MR_OK)
        return;
    check(&history, history.items);
    for (uint32_t s = 0; s < history.count; s++)
        for (uint64_t t = targets.ptr[s] + 1; t < targets.ptr[s + 1]; t++)
            MR_ASSERT(targets.item[t - 1] < targets.item[t]);
    mr_sequence_list_deinit(&history);
    mr_basket_targets_deinit(&targets);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[32];
    mr_id_table *items = NULL;
    const int file = memfd_create("fuzz", 0);
    MR_ASSERT(file >= 0);
    const ssize_t written = write(file, data, size);
    MR_ASSERT(written == (ssize_t)size);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    if (mr_sequence_file_items(&items) == MR_OK) {
        read_list(mr_sequence_file_read_users, path, items);
        read_list(mr_sequence_file_read_sessions, path, items);
        read_list(mr_sequence_file_read_log, path, items);
        read_examples(path, items);
        read_baskets(path);
    }
    mr_id_table_destroy(items);
    const int closed = close(file);
    MR_ASSERT(closed == 0);
    return 0;
}
