/*
 * App support: what the tests of app/ share: a directory of their own, files in it, and a
 * configuration whose log lies there.
 */
#ifndef MR_TESTS_APP_SUPPORT_H
#define MR_TESTS_APP_SUPPORT_H

#include "tests/support.h"

#include "app/config.h"
#include "app/topics.h"
#include "core/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { APP_PATH_BYTES = 256 };

static char app_directory[] = "/tmp/millrace-app-XXXXXX";

static inline int app_set_up(void **state)
{
    (void)state;
    (void)memcpy(app_directory + sizeof(app_directory) - 7, "XXXXXX", 6);
    return mkdtemp(app_directory) != NULL ? 0 : -1;
}

static inline int app_tear_down(void **state)
{
    (void)state;
    return mr_directory_remove(app_directory, NULL) == MR_OK ? 0 : -1;
}

/* The path of `name` in the test's directory. */
static inline const char *app_path(const char *name, char ret_path[APP_PATH_BYTES])
{
    (void)snprintf(ret_path, APP_PATH_BYTES, "%s/%s", app_directory, name);
    return ret_path;
}

static inline const char *app_write(const char *name, const void *data, size_t bytes,
                                    char ret_path[APP_PATH_BYTES])
{
    FILE *file = fopen(app_path(name, ret_path), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
    return ret_path;
}

static inline const char *app_write_text(const char *name, const char *text,
                                         char ret_path[APP_PATH_BYTES])
{
    return app_write(name, text, strlen(text), ret_path);
}

/* The defaults, with a log of `partitions` in the test's directory and the data's clock. */
static inline void app_configure(mr_config *ret_config, int64_t partitions)
{
    char yaml[512];
    char path[APP_PATH_BYTES];
    mr_error error = {{0}};
    (void)snprintf(yaml, sizeof(yaml),
                   "log: {path: %s/log, clock: data, partitions: %d}\n"
                   "security: {deployment_secret: \"file:%s/secret\", control_key: "
                   "\"file:%s/control\"}\n",
                   app_directory, (int)partitions, app_directory, app_directory);
    if (mr_config_load(app_write_text("millrace.yaml", yaml, path), ret_config, &error) !=
        MR_OK)
        fail_msg("%s", error.message);
}

static inline mr_log *app_open(const mr_config *config, const char *topic)
{
    mr_log *log = NULL;
    mr_error error = {{0}};
    if (mr_topic_open(config, MR_TOPICS_OWN, topic, (uint32_t)config->log.partitions,
                      &log, &error) != MR_OK)
        fail_msg("%s", error.message);
    return log;
}

typedef void app_record_visitor(void *context, uint32_t partition,
                                const mr_log_record *record);

/* Every record of the topic, partition by partition in the order of its offsets. */
static inline size_t app_read(mr_log *log, app_record_visitor *visitor, void *context)
{
    size_t count = 0;
    for (uint32_t p = 0; p < mr_log_partitions(log); p++) {
        const mr_log_reader_options options = {.partitions = &p, .partition_count = 1};
        mr_log_reader *reader = NULL;
        mr_log_batch batch = {0};
        assert_ok(mr_log_reader_open(log, &options, &reader, NULL));
        while (batch.signal != MR_LOG_END) {
            assert_ok(mr_log_reader_poll(reader, 1000, &batch));
            if (batch.signal == MR_LOG_ASSIGNED)
                assert_ok(mr_log_reader_start(reader, p, 0));
            for (size_t i = 0; batch.signal == MR_LOG_RECORDS && i < batch.count; i++) {
                if (visitor != NULL)
                    visitor(context, p, &batch.records[i]);
                count++;
            }
        }
        mr_log_reader_close(reader);
    }
    return count;
}

#endif
