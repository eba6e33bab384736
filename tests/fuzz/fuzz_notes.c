/*
 * Target: the small JSON files beside the big ones: topic.json, the note of a reader, the note of a
 * beginning.
 *
 * The input is each of them.  What is read lies within its bounds; what is refused says why.
 */
#include "app/beginning.h"
#include "core/assert.h"
#include "core/file.h"
#include "core/hash.h"
#include "ingest/log_directory.h"

#include <stdio.h>
#include <stdlib.h>

enum { PATH_BYTES = 256 };

static char root[] = "/tmp/millrace-notes-XXXXXX";
static bool is_set_up;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void clean_up(void)
{
    MR_ASSERT(mr_directory_remove(root, NULL) == MR_OK);
}

static void write_plainly(const char *name, const void *bytes, size_t length)
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof(path), "%s/0/%s", root, name);
    FILE *file = fopen(path, "wb");
    MR_ASSERT(file != NULL);
    MR_ASSERT(fwrite(bytes, 1, length, file) == length);
    MR_ASSERT(fclose(file) == 0);
}

static void check(mr_status status, const mr_error *error)
{
    MR_ASSERT(status == MR_OK || status == MR_ERR_CORRUPT || status == MR_ERR_INVALID);
    MR_ASSERT(status == MR_OK || error->message[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[PATH_BYTES];
    char reader[64];
    mr_error error = {{0}};
    mr_log_topic_file topic;
    mr_beginning beginning;
    int64_t offset = -1;
    (void)snprintf(path, sizeof(path), "%s/0", root);
    if (!is_set_up) {
        MR_ASSERT(mkdtemp(root) != NULL);
        (void)snprintf(path, sizeof(path), "%s/0", root);
        MR_ASSERT(mr_directory_make(path, NULL) == MR_OK);
        is_set_up = true;
        (void)atexit(clean_up);
    }
    (void)snprintf(reader, sizeof(reader), "reader-%08x.json", mr_crc32c(0, "g", 1));
    write_plainly("topic.json", data, size);
    write_plainly(reader, data, size);
    write_plainly("p00003.json", data, size);

    mr_status status = mr_log_topic_read(path, &topic, &error);
    check(status, &error);
    if (status == MR_OK)
        MR_ASSERT(topic.partitions >= 1 && topic.partitions <= MR_LOG_PARTITIONS_MAX);
    status = mr_log_group_noted(root, 0, "g", &offset, &error);
    check(status, &error);
    if (status == MR_OK)
        MR_ASSERT(offset >= 0);
    const mr_config config = {.state = {.path = root}, .log = {.topic = (char[]){"0"}}};
    status = mr_beginning_read(&config, 3, &beginning, &error);
    check(status, &error);
    if (status == MR_OK)
        MR_ASSERT(beginning.partitions >= 1);
    return 0;
}
