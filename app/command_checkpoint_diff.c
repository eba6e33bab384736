/*
 * `millrace checkpoint diff`: partition by partition, one pair of states at a time.
 */
#include "app/checkpoint_diff.h"
#include "app/checkpoint_place.h"
#include "app/command_checkpoint.h"
#include "app/plan_file.h"
#include "app/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct side {
    const char *word;
    mr_checkpoint_place place;
    uint32_t *partitions;
    size_t count;
    size_t next; /* of the partitions */
} side;

typedef struct diffing {
    const mr_config *config;
    const mr_checkpoint_options *options;
    mr_keys keys;
    mr_plan *plan;
    side sides[2];
    uint64_t lines_left;
    bool differs;
    mr_buffer text;
    mr_json_writer writer;
    mr_error *error;
} diffing;

/* The members of one side: null when the partition is not in it. */
static void put_side(diffing *d, const char *key, const mr_checkpoint_info *info)
{
    mr_json_key(&d->writer, key);
    if (info == NULL) {
        mr_json_put_null(&d->writer);
        return;
    }
    mr_json_begin_object(&d->writer);
    mr_json_key(&d->writer, "epoch");
    mr_json_put_uint(&d->writer, info->epoch);
    mr_json_key(&d->writer, "generation");
    mr_json_put_uint(&d->writer, info->generation);
    mr_json_key(&d->writer, "next_offset");
    mr_json_put_int(&d->writer, info->next_offset);
    mr_json_key(&d->writer, "users");
    mr_json_put_uint(&d->writer, info->users);
    mr_json_end_object(&d->writer);
}

static void put_lines(diffing *d, const char *key, const mr_buffer *lines)
{
    mr_json_key(&d->writer, key);
    mr_json_begin_array(&d->writer);
    const char *line = (const char *)lines->bytes;
    for (size_t left = lines->length; left > 0;) {
        const char *end = memchr(line, '\n', left);
        mr_json_put_text(&d->writer, (mr_text){line, (uint32_t)(end - line)});
        left -= (size_t)(end - line) + 1;
        line = end + 1;
    }
    mr_json_end_array(&d->writer);
}

static void put_difference(diffing *d, uint32_t partition,
                           const mr_checkpoint_info *infos[2],
                           const mr_checkpoint_difference *difference)
{
    const struct {
        const char *key;
        uint64_t count;
    } counts[] = {{"users_only_in_a", difference->users_only_a},
                  {"users_only_in_b", difference->users_only_b},
                  {"users_changed", difference->users_changed},
                  {"lines", difference->lines}};
    mr_json_begin_object(&d->writer);
    mr_json_key(&d->writer, "partition");
    mr_json_put_uint(&d->writer, partition);
    put_side(d, "a", infos[0]);
    put_side(d, "b", infos[1]);
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        mr_json_key(&d->writer, counts[i].key);
        mr_json_put_uint(&d->writer, counts[i].count);
    }
    put_lines(d, "counters", &difference->counter_lines);
    put_lines(d, "shown", &difference->shown);
    mr_json_end_object(&d->writer);
}

static void print_side(const char *word, const mr_checkpoint_info *info)
{
    if (info == NULL)
        (void)printf("%s: not there", word);
    else
        (void)printf("%s: %" PRIu64 "-%" PRIu64 " offset %" PRId64 " users %" PRIu32,
                     word, info->epoch, info->generation, info->next_offset, info->users);
}

static void print_difference(const diffing *d, uint32_t partition,
                             const mr_checkpoint_info *infos[2],
                             const mr_checkpoint_difference *difference)
{
    (void)printf("partition %" PRIu32 "  ", partition);
    print_side(d->sides[0].word, infos[0]);
    (void)printf("  ");
    print_side(d->sides[1].word, infos[1]);
    if (difference->lines == 0) {
        (void)printf("  the same\n");
        return;
    }
    (void)printf("\n  users: %" PRIu64 " only in %s, %" PRIu64 " only in %s, %" PRIu64
                 " changed; %" PRIu64 " lines differ\n",
                 difference->users_only_a, d->sides[0].word, difference->users_only_b,
                 d->sides[1].word, difference->users_changed, difference->lines);
    const mr_buffer *texts[] = {&difference->counter_lines, &difference->shown};
    for (size_t i = 0; i < 2; i++)
        if (texts[i]->length > 0)
            (void)fwrite(texts[i]->bytes, 1, texts[i]->length, stdout);
}

/* How many lines of profiles and partials were shown. */
static uint64_t count_lines(const mr_buffer *text)
{
    uint64_t lines = 0;
    for (size_t i = 0; i < text->length; i++)
        lines += text->bytes[i] == '\n';
    return lines;
}

static mr_status compare(diffing *d, uint32_t partition, const bool has[2])
{
    mr_shard *shards[2] = {NULL, NULL};
    mr_checkpoint_info info[2];
    const mr_checkpoint_info *infos[2] = {NULL, NULL};
    mr_checkpoint_difference difference = {.lines = 0};
    mr_status status = MR_OK;
    for (int i = 0; i < 2 && status == MR_OK; i++) {
        if (!has[i])
            continue;
        status =
            mr_checkpoint_place_restore(&d->sides[i].place, partition, d->plan,
                                        &d->keys.hash, &shards[i], &info[i], d->error);
        infos[i] = &info[i];
    }
    if (status == MR_OK)
        status = mr_checkpoint_diff(shards[0], shards[1], d->lines_left, &difference);
    mr_shard_destroy(shards[0]);
    mr_shard_destroy(shards[1]);
    MR_TRY(status);
    d->differs |= difference.lines > 0;
    d->lines_left -= count_lines(&difference.shown);
    if (d->options->json)
        put_difference(d, partition, infos, &difference);
    else
        print_difference(d, partition, infos, &difference);
    mr_checkpoint_difference_deinit(&difference);
    return MR_OK;
}

static uint32_t first_partition(const side *s)
{
    return s->next < s->count ? s->partitions[s->next] : UINT32_MAX;
}

/* Both lists ascend: walk them together. */
static mr_status compare_all(diffing *d)
{
    mr_progress progress;
    uint64_t done = 0;
    const size_t total =
        d->sides[0].count > d->sides[1].count ? d->sides[0].count : d->sides[1].count;
    mr_progress_begin(&progress, "diff", "partitions", total);
    for (;;) {
        const uint32_t a = first_partition(&d->sides[0]);
        const uint32_t b = first_partition(&d->sides[1]);
        const uint32_t partition = a < b ? a : b;
        if (partition == UINT32_MAX)
            return MR_OK;
        const bool has[2] = {a == partition, b == partition};
        d->sides[0].next += has[0];
        d->sides[1].next += has[1];
        if (d->options->partition >= 0 && d->options->partition != partition)
            continue;
        MR_TRY(compare(d, partition, has));
        mr_progress_update(&progress, ++done);
    }
}

static mr_status open_side(diffing *d, side *s, const char *word)
{
    s->word = word;
    s->partitions = calloc(MR_PLACE_PARTITIONS_MAX, sizeof(*s->partitions));
    if (s->partitions == NULL)
        return mr_error_set(d->error, MR_ERR_NO_MEMORY, "out of memory");
    MR_TRY(mr_checkpoint_place_open(d->config, word, &s->place, d->error));
    return mr_checkpoint_place_partitions(&s->place, s->partitions, &s->count, d->error);
}

static mr_status diff(diffing *d)
{
    MR_TRY(mr_keys_load(d->config, MR_KEYS_NEEDED, &d->keys, d->error));
    MR_TRY(mr_plan_file_load(d->config->state.plan, &d->plan, d->error));
    for (size_t i = 0; i < 2; i++)
        MR_TRY(open_side(d, &d->sides[i], d->options->words[i]));
    mr_json_begin_object(&d->writer);
    mr_json_key(&d->writer, "partitions");
    mr_json_begin_array(&d->writer);
    MR_TRY(compare_all(d));
    mr_json_end_array(&d->writer);
    mr_json_key(&d->writer, "same");
    mr_json_put_bool(&d->writer, !d->differs);
    mr_json_end_object(&d->writer);
    if (d->options->json)
        (void)printf("%.*s\n", (int)d->text.length, (const char *)d->text.bytes);
    return mr_buffer_status(&d->text);
}

mr_status mr_checkpoint_diff_print(const mr_config *config,
                                   const mr_checkpoint_options *options,
                                   bool *ret_differs, mr_error *ret_error)
{
    diffing d = {.config = config,
                 .options = options,
                 .lines_left = (uint64_t)options->lines,
                 .error = ret_error};
    d.writer = mr_json_writer_of(&d.text);
    const mr_status status = diff(&d);
    for (size_t i = 0; i < 2; i++) {
        mr_checkpoint_place_close(&d.sides[i].place);
        free(d.sides[i].partitions);
    }
    mr_buffer_deinit(&d.text);
    mr_plan_destroy(d.plan);
    mr_keys_deinit(&d.keys);
    *ret_differs = d.differs;
    return status;
}
