#include "app/command.h"
#include "app/keys.h"
#include "app/log_line.h"
#include "app/plan_file.h"
#include "app/profile_json.h"
#include "app/topic_walk.h"
#include "app/topics.h"
#include "features/canonical_dump.h"
#include "features/checkpoint.h"
#include "features/link.h"
#include "features/shard_memory.h"
#include "ingest/dead_letter.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PARTITIONS_MAX = 4096, BASES_READ = MR_CHECKPOINT_BASES_MIN };

static const char help[] =
    "usage: millrace inspect user ID [--anonymous] [--at TIME] [--config FILE]\n"
    "       millrace inspect state [--canonical] [--at TIME] [--config FILE]\n"
    "       millrace inspect dead-letters | late [--config FILE]\n"
    "\n"
    "Looks into the newest checkpoints: what is known of one user, or the state of "
    "every\n"
    "partition; or lists the records that were no events, or came too late to be told "
    "from\n"
    "duplicates, a JSON object a line.  Reads only, also while the engine runs.\n"
    "\n"
    "  --anonymous    ID is an anonymous id\n"
    "  --canonical    the canonical dump, line by line, instead of a summary\n"
    "  --at TIME      read windows as of this time (2026-11-21T08:00:00Z); else as of "
    "the\n"
    "                 newest event\n"
    "  --config FILE  the YAML file; without it the embedded state in data/checkpoints\n"
    "\n"
    "example: millrace inspect user 17850 --at 2011-12-10\n";

typedef struct inspect_options {
    const char *config;
    const char *at;
    bool canonical;
    bool is_anonymous;
} inspect_options;

/* Every partition's newest checkpoint, restored. */
typedef struct state {
    mr_keys keys;
    mr_plan *plan;
    mr_checkpoint_store *store;
    uint32_t *partitions;
    mr_shard **shards;
    mr_checkpoint_info *infos;
    size_t count;
} state;

static void close_state(state *s)
{
    for (size_t i = 0; s->shards != NULL && i < s->count; i++)
        mr_shard_destroy(s->shards[i]);
    free(s->shards);
    free(s->infos);
    free(s->partitions);
    mr_checkpoint_store_close(s->store);
    mr_plan_destroy(s->plan);
    mr_keys_deinit(&s->keys);
}

static mr_status find_partitions(const mr_config *config, state *s, mr_error *ret_error)
{
    if (access(config->state.path, R_OK) != 0)
        return mr_error_set(ret_error, MR_ERR_NOT_FOUND,
                            "%s: no checkpoints there; state.path names where they are",
                            config->state.path);
    MR_TRY(mr_checkpoint_store_open(config->state.path, config->log.topic, BASES_READ,
                                    &s->store, ret_error));
    s->partitions = calloc(PARTITIONS_MAX, sizeof(*s->partitions));
    s->shards = calloc(PARTITIONS_MAX, sizeof(mr_shard *));
    s->infos = calloc(PARTITIONS_MAX, sizeof(*s->infos));
    if (s->partitions == NULL || s->shards == NULL || s->infos == NULL)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "out of memory");
    MR_TRY(mr_checkpoint_partitions(s->store, s->partitions, PARTITIONS_MAX, &s->count,
                                    ret_error));
    return s->count > 0 ? MR_OK
                        : mr_error_set(ret_error, MR_ERR_NOT_FOUND,
                                       "%s: no checkpoint of topic %s yet",
                                       config->state.path, config->log.topic);
}

static mr_status open_store(const mr_config *config, state *s, mr_error *ret_error)
{
    MR_TRY(mr_keys_load(config, MR_KEYS_NEEDED, &s->keys, ret_error));
    MR_TRY(mr_plan_file_load(config->state.plan, &s->plan, ret_error));
    return find_partitions(config, s, ret_error);
}

static mr_status restore(state *s, size_t index, mr_error *ret_error)
{
    return mr_checkpoint_restore(s->store, s->partitions[index], s->plan, &s->keys.hash,
                                 0, &s->shards[index], &s->infos[index], ret_error);
}

static void print_buffer(mr_buffer *text)
{
    (void)printf("%.*s\n", (int)text->length, (const char *)text->bytes);
    mr_buffer_deinit(text);
}

/* Scores and segments are by the thresholds that the shard was last judged by. */
static mr_status print_user(const mr_shard *shard, uint32_t row, int64_t at_ms)
{
    mr_buffer text = {0};
    mr_json_writer writer = mr_json_writer_of(&text);
    mr_profile_json_write(shard, row,
                          at_ms != MR_TIME_NONE ? at_ms : mr_shard_newest_ms(shard),
                          mr_shard_told_by(shard), &writer);
    const mr_status status = mr_buffer_status(&text);
    print_buffer(&text);
    return status;
}

/* A user is in one partition: look into one after the other, holding one at a time. */
static mr_status inspect_user(state *s, const char *id, bool is_anonymous, int64_t at_ms,
                              mr_error *ret_error)
{
    for (size_t i = 0; i < s->count; i++) {
        const mr_status status = restore(s, i, ret_error);
        if (status == MR_ERR_NOT_FOUND)
            continue;
        MR_TRY(status);
        const mr_shard *shard = s->shards[i];
        const uint32_t row = is_anonymous
                                 ? mr_shard_find_anonymous(shard, mr_text_from(id))
                                 : mr_shard_find(shard, mr_text_from(id));
        if (row != MR_ROW_NONE)
            return print_user(shard, row, at_ms);
        mr_shard_destroy(s->shards[i]);
        s->shards[i] = NULL;
    }
    return mr_error_set(ret_error, MR_ERR_NOT_FOUND,
                        "no %s of that id in the newest checkpoints",
                        is_anonymous ? "anonymous visitor" : "user");
}

/* Partitions whose directory holds no checkpoint yet are left out. */
static mr_status restore_all(state *s, mr_error *ret_error)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->count; i++) {
        const mr_status status = restore(s, i, ret_error);
        if (status == MR_ERR_NOT_FOUND)
            continue;
        MR_TRY(status);
        mr_shard *shard = s->shards[i];
        s->shards[i] = NULL;
        s->shards[kept] = shard;
        s->infos[kept++] = s->infos[i];
    }
    s->count = kept;
    return kept > 0 ? MR_OK
                    : mr_error_set(ret_error, MR_ERR_NOT_FOUND, "no checkpoint yet");
}

static void put_time(mr_json_writer *writer, const char *key, int64_t time_ms)
{
    char text[MR_TIME_TEXT_BYTES];
    mr_json_key(writer, key);
    if (time_ms == MR_TIME_NONE) {
        mr_json_put_null(writer);
        return;
    }
    mr_time_to_text(time_ms, text);
    mr_json_put_string(writer, text);
}

static double bytes_per_user(uint64_t bytes, uint64_t users)
{
    return users > 0 ? (double)bytes / (double)users : 0.0;
}

static void put_partition(mr_json_writer *writer, const mr_shard *shard,
                          const mr_checkpoint_info *info)
{
    const uint64_t bytes = mr_shard_bytes(shard);
    mr_json_begin_object(writer);
    mr_json_member_uint(writer, "partition", info->partition);
    mr_json_member_uint(writer, "epoch", info->epoch);
    mr_json_member_uint(writer, "generation", info->generation);
    mr_json_key(writer, "next_offset");
    mr_json_put_int(writer, info->next_offset);
    put_time(writer, "watermark", info->watermark_ms);
    put_time(writer, "newest", mr_shard_newest_ms(shard));
    mr_json_member_uint(writer, "users", mr_shard_live_count(shard));
    mr_json_member_uint(writer, "items", mr_shard_item_count(shard));
    mr_json_member_uint(writer, "memory_bytes", bytes);
    mr_json_key(writer, "memory_bytes_per_user");
    mr_json_put_fixed(writer, bytes_per_user(bytes, mr_shard_live_count(shard)), 1);
    mr_json_member_uint(writer, "file_bytes", info->bytes);
    mr_json_member_uint(writer, "outbox", mr_shard_outbox_count(shard));
    mr_json_member_uint(writer, "links_waiting", mr_shard_links_waiting(shard));
    mr_json_member_uint(writer, "skipped_generations", info->skipped);
    if (info->skipped > 0) {
        mr_json_key(writer, "skipped_because");
        mr_json_put_string(writer, info->message);
    }
    mr_json_end_object(writer);
}

/* What a profile takes without its history, all partitions together, and which feature how much. */
static void put_profile_bytes(mr_json_writer *writer, const state *s)
{
    mr_shard_memory sum = {0};
    for (size_t i = 0; i < s->count; i++) {
        mr_shard_memory memory;
        mr_shard_memory_get(s->shards[i], &memory);
        mr_shard_memory_add(&sum, &memory);
    }
    mr_json_key(writer, "profile_bytes_per_user");
    mr_json_put_fixed(writer, mr_shard_memory_of_a_profile(&sum), 1);
    mr_json_key(writer, "of_that_by_feature");
    mr_json_begin_object(writer);
    for (size_t i = 0; i < mr_plan_feature_count(s->plan); i++) {
        if (sum.features[i] == 0)
            continue;
        mr_json_key(writer, mr_plan_feature(s->plan, i)->name);
        mr_json_put_fixed(writer, bytes_per_user(sum.features[i], sum.rows), 1);
    }
    mr_json_end_object(writer);
}

static mr_status print_summary(const state *s)
{
    uint64_t users = 0;
    uint64_t bytes = 0;
    char plan_hash[17];
    (void)snprintf(plan_hash, sizeof(plan_hash), "%016" PRIx64, mr_plan_hash(s->plan));
    mr_buffer text = {0};
    mr_json_writer writer = mr_json_writer_of(&text);
    mr_json_begin_object(&writer);
    mr_json_key(&writer, "plan_hash");
    mr_json_put_string(&writer, plan_hash);
    mr_json_key(&writer, "partitions");
    mr_json_begin_array(&writer);
    for (size_t i = 0; i < s->count; i++) {
        put_partition(&writer, s->shards[i], &s->infos[i]);
        users += mr_shard_live_count(s->shards[i]);
        bytes += mr_shard_bytes(s->shards[i]);
    }
    mr_json_end_array(&writer);
    mr_json_member_uint(&writer, "users", users);
    mr_json_member_uint(&writer, "memory_bytes", bytes);
    mr_json_key(&writer, "memory_bytes_per_user");
    mr_json_put_fixed(&writer, bytes_per_user(bytes, users), 1);
    put_profile_bytes(&writer, s);
    mr_json_end_object(&writer);
    const mr_status status = mr_buffer_status(&text);
    print_buffer(&text);
    return status;
}

static mr_status write_lines(void *context, mr_text lines)
{
    (void)context;
    return fwrite(lines.bytes, 1, lines.length, stdout) == lines.length
               ? MR_OK
               : MR_ERR_UNAVAILABLE;
}

static mr_status inspect_state(state *s, bool canonical, int64_t at_ms,
                               mr_error *ret_error)
{
    MR_TRY(restore_all(s, ret_error));
    if (!canonical)
        return print_summary(s);
    const mr_status status =
        mr_canonical_dump((const mr_shard *const *)s->shards, s->count, at_ms,
                          MR_DUMP_ALL, write_lines, NULL);
    return status == MR_OK ? MR_OK
                           : mr_error_set(ret_error, status, "the dump stopped: %s",
                                          mr_status_name(status));
}

static bool has_word(const mr_arguments *arguments, const char *word, size_t count)
{
    return arguments->positional_count == count &&
           strcmp(arguments->positionals[0], word) == 0;
}

/* ---- dead letters ---- */

enum { SHOWN_BYTES_MAX = 200 };

static void print_dead_letter(const mr_log_record *record,
                              const mr_dead_letter_source *source)
{
    mr_buffer text = {0};
    mr_json_writer writer = mr_json_writer_of(&text);
    const uint32_t shown =
        record->value.length < SHOWN_BYTES_MAX ? record->value.length : SHOWN_BYTES_MAX;
    mr_json_begin_object(&writer);
    mr_json_key(&writer, "reason");
    mr_json_put_text(&writer, source->reason);
    mr_json_key(&writer, "topic");
    mr_json_put_text(&writer, source->topic);
    mr_json_key(&writer, "partition");
    mr_json_put_uint(&writer, source->partition);
    mr_json_key(&writer, "offset");
    mr_json_put_int(&writer, source->offset);
    mr_json_key(&writer, "bytes");
    mr_json_put_uint(&writer, record->value.length);
    mr_json_key(&writer, "begins");
    mr_json_put_text(&writer, (mr_text){record->value.bytes, shown});
    mr_json_end_object(&writer);
    (void)printf("%.*s\n", (int)text.length, (const char *)text.bytes);
    mr_buffer_deinit(&text);
}

static mr_status print_dead_letters(void *context, const mr_log_batch *batch,
                                    mr_error *ret_error)
{
    (void)context;
    (void)ret_error;
    for (size_t i = 0; i < batch->count; i++) {
        mr_dead_letter_source source;
        if (mr_dead_letter_read(&batch->records[i], &source) == MR_OK)
            print_dead_letter(&batch->records[i], &source);
    }
    return MR_OK;
}

static mr_status inspect_letters(const mr_config *config, const char *topic,
                                 mr_error *ret_error)
{
    mr_log *log = NULL;
    const mr_status found =
        mr_topic_open(config, MR_TOPICS_READ, topic, 1, &log, ret_error);
    if (found == MR_ERR_NOT_FOUND) /* none was ever written */
        return MR_OK;
    MR_TRY(found);
    const mr_status status = mr_topic_walk(log, print_dead_letters, NULL, ret_error);
    mr_log_close(log);
    return status;
}

static mr_status inspect_checkpoints(const mr_config *config, const char *user,
                                     const inspect_options *options, int64_t at_ms,
                                     mr_error *ret_error)
{
    state s = {0};
    mr_status status = open_store(config, &s, ret_error);
    if (status == MR_OK)
        status = user != NULL
                     ? inspect_user(&s, user, options->is_anonymous, at_ms, ret_error)
                     : inspect_state(&s, options->canonical, at_ms, ret_error);
    close_state(&s);
    return status;
}

static int run(const mr_command *command, int argc, char **argv)
{
    inspect_options options = {0};
    const mr_option table[] = {{"--config", &options.config, NULL},
                               {"--at", &options.at, NULL},
                               {"--canonical", NULL, &options.canonical},
                               {"--anonymous", NULL, &options.is_anonymous}};
    mr_arguments arguments;
    int exit_code;
    if (!mr_arguments_parse(command, argc, argv, table, sizeof(table) / sizeof(table[0]),
                            &arguments, &exit_code))
        return exit_code;
    const bool is_user = has_word(&arguments, "user", 2);
    const bool is_dead = has_word(&arguments, "dead-letters", 1);
    const bool is_late = has_word(&arguments, "late", 1);
    if (!is_user && !is_dead && !is_late && !has_word(&arguments, "state", 1))
        return mr_command_usage(command,
                                "says `user ID`, `state`, `dead-letters` or `late`");
    if (is_user ? options.canonical : options.is_anonymous)
        return mr_command_usage(command, "%s",
                                is_user ? "--canonical belongs to `state`"
                                        : "--anonymous belongs to `user`");
    int64_t at_ms = MR_TIME_NONE;
    if (options.at != NULL &&
        mr_text_to_time_ms(mr_text_from(options.at), &at_ms) != MR_OK)
        return mr_command_usage(command,
                                "--at takes a time such as 2026-11-21T08:00:00Z, "
                                "not '%s'",
                                options.at);
    mr_log_quiet();

    mr_config config;
    mr_error error = {{0}};
    if (!mr_command_load_config(command, options.config, &config))
        return MR_EXIT_USAGE;
    mr_status status =
        is_dead || is_late
            ? inspect_letters(
                  &config, is_dead ? config.log.dead_letter_topic : config.log.late_topic,
                  &error)
            : inspect_checkpoints(&config, is_user ? arguments.positionals[1] : NULL,
                                  &options, at_ms, &error);
    mr_config_deinit(&config);
    return status == MR_OK ? MR_EXIT_DONE : mr_command_failed(command, status, &error);
}

const mr_command mr_command_inspect = {
    .name = "inspect",
    .summary = "look into checkpoints, dead letters and late records",
    .help = help,
    .run = run,
};
