/*
 * Target: what is read of a checkpoint directory before a state is: the manifest.
 *
 * The input is a manifest's text.  An odd first byte: its last line is made the right sum of all
 * before it, so that a change gets past that.  The file lies among a store's, with no base that
 * could fit, so that the manifest may be read, listed and refused, and no state comes out.
 */
#include "core/assert.h"
#include "core/file.h"
#include "core/hash.h"
#include "features/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 256, INFOS = 4, TEXT_BYTES_MAX = 1 << 16 };

static char root[] = "/tmp/millrace-manifest-XXXXXX";
static mr_checkpoint_store *store;
static mr_plan *plan;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void clean_up(void)
{
    mr_checkpoint_store_close(store);
    mr_plan_destroy(plan);
    MR_ASSERT(mr_directory_remove(root, NULL) == MR_OK);
}

static void path_of(const char *name, char path[PATH_BYTES])
{
    (void)snprintf(path, PATH_BYTES, "%s/events/p00003%s%s", root,
                   name[0] != '\0' ? "/" : "", name);
}

static void set_up_once(void)
{
    char path[PATH_BYTES];
    if (store != NULL)
        return;
    MR_ASSERT(mkdtemp(root) != NULL);
    MR_ASSERT(mr_checkpoint_store_open(root, "events", 2, &store, NULL) == MR_OK);
    MR_ASSERT(mr_plan_create_default(&plan) == MR_OK);
    path_of("", path);
    MR_ASSERT(mr_directory_make(path, NULL) == MR_OK);
    (void)atexit(clean_up);
}

static void write_plainly(const char *name, const void *bytes, size_t length)
{
    char path[PATH_BYTES];
    path_of(name, path);
    FILE *file = fopen(path, "wb");
    MR_ASSERT(file != NULL);
    MR_ASSERT(length == 0 || fwrite(bytes, 1, length, file) == length);
    MR_ASSERT(fclose(file) == 0);
}

static void put_sum(mr_buffer *text)
{
    size_t end = text->length > 0 ? text->length - 1 : 0;
    while (end > 0 && text->bytes[end - 1] != '\n')
        end--;
    text->length = end;
    mr_buffer_printf(text, "crc %08" PRIx32 "\n", mr_crc32c(0, text->bytes, end));
    MR_ASSERT(mr_buffer_status(text) == MR_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char base[] = "no state";
    set_up_once();
    if (size == 0 || size > TEXT_BYTES_MAX)
        return 0;
    mr_buffer text = {0};
    mr_buffer_put(&text, data + 1, size - 1);
    if (data[0] % 2 == 1)
        put_sum(&text);
    write_plainly("e00000000001764045000-g00000000000000000017.manifest", text.bytes,
                  text.length);
    write_plainly("e00000000001764045000-g00000000000000000017.base", base,
                  sizeof(base) - 1);
    mr_buffer_deinit(&text);

    mr_checkpoint_info infos[INFOS];
    mr_shard *shard = NULL;
    mr_hash_key key;
    size_t count = 0;
    int64_t offset = 0;
    mr_error error = {{0}};
    mr_hash_key_init(&key, "fuzz", 4);
    MR_ASSERT(mr_checkpoint_list(store, 3, infos, INFOS, &count, &error) == MR_OK);
    MR_ASSERT(count == 1);
    MR_ASSERT(infos[0].epoch == 1764045000 && infos[0].generation == 17);
    MR_ASSERT(infos[0].skipped == 0 || infos[0].message[0] != '\0');
    const mr_status oldest = mr_checkpoint_oldest_offset(store, 3, &offset, &error);
    MR_ASSERT((oldest == MR_OK) == (infos[0].skipped == 0));
    if (oldest == MR_OK)
        MR_ASSERT(offset == infos[0].next_offset);
    const mr_status status =
        mr_checkpoint_restore(store, 3, plan, &key, 0, &shard, &infos[1], &error);
    MR_ASSERT(status == MR_ERR_CORRUPT || status == MR_ERR_INVALID);
    MR_ASSERT(error.message[0] != '\0');
    return 0;
}
