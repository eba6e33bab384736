#include "app/command_checkpoint.h"

#include "app/checkpoint_listing.h"
#include "app/checkpoint_rollback.h"
#include "app/log_line.h"
#include "app/plan_file.h"
#include "app/progress.h"
#include "core/clock.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES = 64, LINES_DEFAULT = 20, LINES_MAX = 1000000 };

static const char help[] =
    "usage: millrace checkpoint list [--json]\n"
    "       millrace checkpoint verify [--partition P] [--generation WHICH] [--json]\n"
    "       millrace checkpoint save NAME [--remove] [--json]\n"
    "       millrace checkpoint restore WHICH [--partition P] [--dry-run] [--json]\n"
    "       millrace checkpoint diff A B [--partition P] [--lines N] [--json]\n"
    "\n"
    "The states that are kept: each partition's generations, and those saved under a "
    "name.\n"
    "WHICH, A and B are `newest`, a generation such as 1764045000-12, or a saved name.\n"
    "\n"
    "  list     every generation, newest first: a base, or deltas on one (g12+3: three "
    "on "
    "that\n"
    "           of generation 12); where it stands, how old it is, and why it cannot be\n"
    "           used, if it cannot\n"
    "  verify   read them whole, every checksum and the state; exit code 1 when one is\n"
    "           damaged\n"
    "  save     keep the newest of every partition under a name (--remove: no longer);\n"
    "           also while the engine runs\n"
    "  restore  make that state the newest one of a stopped deployment; the next run "
    "reads\n"
    "           the log again from there.  Nothing newer is removed before\n"
    "  diff     what differs between two states; exit code 0 the same, 1 different,\n"
    "           2 trouble\n"
    "\n"
    "  --partition P       only this partition\n"
    "  --generation WHICH  verify only `newest`, or this generation\n"
    "  --lines N           diff: differing lines to show, 20 without\n"
    "  --dry-run           restore: check and say everything, write nothing\n"
    "  --json              one JSON object\n"
    "  --config FILE       the YAML file; without it the embedded state\n"
    "\n"
    "example: millrace checkpoint save before-sale && millrace checkpoint list\n";

static void put_json(mr_buffer *text)
{
    (void)printf("%.*s\n", (int)text->length, (const char *)text->bytes);
    mr_buffer_deinit(text);
}

static void time_text(int64_t time_ms, char text[TEXT_BYTES])
{
    if (time_ms == MR_TIME_NONE)
        (void)snprintf(text, TEXT_BYTES, "-");
    else
        mr_time_to_text(time_ms, text);
}

static void put_int(mr_json_writer *writer, const char *key, int64_t value)
{
    mr_json_key(writer, key);
    mr_json_put_int(writer, value);
}

static void put_time(mr_json_writer *writer, const char *key, int64_t time_ms)
{
    char text[TEXT_BYTES];
    time_text(time_ms, text);
    mr_json_key(writer, key);
    mr_json_put_string(writer, time_ms == MR_TIME_NONE ? NULL : text);
}

/* Which generation a row is, for all actions. */
static void put_which(mr_json_writer *writer, const mr_checkpoint_row *row)
{
    mr_json_key(writer, "saved");
    mr_json_put_string(writer, row->saved[0] != '\0' ? row->saved : NULL);
    mr_json_member_uint(writer, "partition", row->info.partition);
    mr_json_member_uint(writer, "epoch", row->info.epoch);
    mr_json_member_uint(writer, "generation", row->info.generation);
}

/* ---- list ---- */

/* "12s", "3m", "5h", "9d": the largest whole unit. */
static void age_text(int64_t age_ms, char text[TEXT_BYTES])
{
    static const struct {
        int64_t ms;
        char unit;
    } units[] = {{86400000, 'd'}, {3600000, 'h'}, {60000, 'm'}, {1000, 's'}};
    size_t i = 0;
    while (i < 3 && age_ms < 2 * units[i].ms)
        i++;
    (void)snprintf(text, TEXT_BYTES, "%" PRId64 "%c",
                   age_ms > 0 ? age_ms / units[i].ms : 0, units[i].unit);
}

/* "base", or "g12+3": three deltas, its own the last, on the base of generation 12. */
static void kind_text(const mr_checkpoint_info *info, char text[TEXT_BYTES])
{
    if (info->is_delta)
        (void)snprintf(text, TEXT_BYTES, "g%" PRIu64 "+%" PRIu32, info->base_generation,
                       info->segments);
    else
        (void)snprintf(text, TEXT_BYTES, "base");
}

static void print_row(const mr_checkpoint_row *row, int64_t now_ms)
{
    const mr_checkpoint_info *info = &row->info;
    char which[MR_PLACE_TEXT_BYTES];
    char kind[TEXT_BYTES];
    char watermark[TEXT_BYTES];
    char age[TEXT_BYTES];
    mr_checkpoint_place_text(info->epoch, info->generation, which);
    age_text(now_ms - row->written_ms, age);
    if (info->skipped > 0) {
        (void)printf("%9" PRIu32 "  %-21s %-8s %12s  %-24s %10s %12s %5s  unusable: %s\n",
                     info->partition, which, "-", "-", "-", "-", "-", age, info->message);
        return;
    }
    kind_text(info, kind);
    time_text(info->watermark_ms, watermark);
    (void)printf("%9" PRIu32 "  %-21s %-8s %12" PRId64 "  %-24s %10" PRIu32 " %12" PRIu64
                 " %5s  %s%s\n",
                 info->partition, which, kind, info->next_offset, watermark, info->users,
                 info->bytes, age, row->saved[0] != '\0' ? "saved as " : "",
                 row->saved[0] != '\0' ? row->saved
                 : row->is_newest      ? "newest"
                                       : "");
}

static void put_row(mr_json_writer *writer, const mr_checkpoint_row *row, int64_t now_ms)
{
    const mr_checkpoint_info *info = &row->info;
    mr_json_begin_object(writer);
    put_which(writer, row);
    mr_json_key(writer, "valid");
    mr_json_put_bool(writer, info->skipped == 0);
    if (info->skipped > 0) {
        mr_json_key(writer, "why");
        mr_json_put_string(writer, info->message);
    } else {
        mr_json_key(writer, "kind");
        mr_json_put_string(writer, info->is_delta ? "delta" : "base");
        mr_json_member_uint(writer, "base_generation", info->base_generation);
        mr_json_member_uint(writer, "segments", info->segments);
        put_int(writer, "next_offset", info->next_offset);
        put_time(writer, "watermark", info->watermark_ms);
        mr_json_member_uint(writer, "users", info->users);
        mr_json_member_uint(writer, "bytes", info->bytes);
    }
    put_time(writer, "written", row->written_ms);
    put_int(writer, "age_s", (now_ms - row->written_ms) / 1000);
    mr_json_end_object(writer);
}

static mr_status list(const mr_config *config, const mr_checkpoint_options *options,
                      mr_error *ret_error)
{
    mr_checkpoint_listing listing = {.rows = NULL};
    MR_TRY(mr_checkpoint_listing_read(config, &listing, ret_error));
    const int64_t now_ms = mr_clock_wall_ms(mr_clock_system());
    mr_buffer text = {0};
    mr_json_writer writer = mr_json_writer_of(&text);
    if (options->json) {
        mr_json_begin_object(&writer);
        mr_json_key(&writer, "generations");
        mr_json_begin_array(&writer);
    } else {
        (void)printf("%9s  %-21s %-8s %12s  %-24s %10s %12s %5s\n", "partition",
                     "generation", "kind", "next offset", "watermark", "users", "bytes",
                     "age");
    }
    for (size_t i = 0; i < listing.count; i++) {
        if (options->partition >= 0 &&
            options->partition != listing.rows[i].info.partition)
            continue;
        if (options->json)
            put_row(&writer, &listing.rows[i], now_ms);
        else
            print_row(&listing.rows[i], now_ms);
    }
    mr_checkpoint_listing_deinit(&listing);
    if (options->json) {
        mr_json_end_array(&writer);
        mr_json_end_object(&writer);
        put_json(&text);
    }
    return MR_OK;
}

/* ---- verify ---- */

static bool is_wanted(const mr_checkpoint_row *row, const mr_checkpoint_options *options)
{
    uint64_t epoch = 0;
    uint64_t generation = 0;
    if (options->partition >= 0 && options->partition != row->info.partition)
        return false;
    if (options->generation == NULL)
        return true;
    if (strcmp(options->generation, "newest") == 0)
        return row->is_newest;
    return mr_checkpoint_place_parse(options->generation, &epoch, &generation) == MR_OK &&
           row->info.epoch == epoch && row->info.generation == generation;
}

typedef struct verifying {
    uint64_t read;
    uint64_t damaged;
    mr_buffer text;
    mr_json_writer writer;
} verifying;

static void report(verifying *v, const mr_checkpoint_row *row, bool json,
                   mr_status status, const mr_error *why)
{
    char which[MR_PLACE_TEXT_BYTES];
    v->read++;
    v->damaged += status != MR_OK;
    if (json) {
        mr_json_begin_object(&v->writer);
        put_which(&v->writer, row);
        mr_json_key(&v->writer, "valid");
        mr_json_put_bool(&v->writer, status == MR_OK);
        if (status != MR_OK) {
            mr_json_key(&v->writer, "why");
            mr_json_put_string(&v->writer, why->message);
        }
        mr_json_end_object(&v->writer);
        return;
    }
    mr_checkpoint_place_text(row->info.epoch, row->info.generation, which);
    (void)printf("%s partition %" PRIu32 " %s%s%s%s%s\n",
                 status == MR_OK            ? "ok     "
                 : status == MR_ERR_CORRUPT ? "damaged"
                                            : "refused",
                 row->info.partition, which, row->saved[0] != '\0' ? " saved as " : "",
                 row->saved, status != MR_OK ? ": " : "",
                 status != MR_OK ? why->message : "");
}

static mr_status verify_rows(verifying *v, const mr_config *config,
                             const mr_checkpoint_listing *listing,
                             const mr_checkpoint_options *options, mr_error *ret_error)
{
    mr_plan *plan = NULL;
    mr_progress progress;
    MR_TRY(mr_plan_file_load(config->state.plan, &plan, ret_error));
    mr_progress_begin(&progress, "verify", "generations", listing->count);
    for (size_t i = 0; i < listing->count; i++) {
        const mr_checkpoint_row *row = &listing->rows[i];
        mr_error why = {{0}};
        mr_progress_update(&progress, i);
        if (!is_wanted(row, options))
            continue;
        const mr_status status = mr_checkpoint_row_verify(config, row, plan, &why);
        if (status == MR_ERR_NO_MEMORY) {
            mr_plan_destroy(plan);
            return mr_error_set(ret_error, status, "out of memory");
        }
        if (status != MR_ERR_NOT_FOUND) /* pruned by the engine meanwhile */
            report(v, row, options->json, status, &why);
    }
    (void)mr_progress_end(&progress, listing->count);
    mr_plan_destroy(plan);
    return v->read > 0 ? MR_OK
                       : mr_error_set(ret_error, MR_ERR_NOT_FOUND,
                                      "no generation there that was asked for");
}

static mr_status verify(const mr_config *config, const mr_checkpoint_options *options,
                        bool *ret_damaged, mr_error *ret_error)
{
    mr_checkpoint_listing listing = {.rows = NULL};
    verifying v = {.read = 0};
    v.writer = mr_json_writer_of(&v.text);
    MR_TRY(mr_checkpoint_listing_read(config, &listing, ret_error));
    mr_json_begin_object(&v.writer);
    mr_json_key(&v.writer, "generations");
    mr_json_begin_array(&v.writer);
    const mr_status status = verify_rows(&v, config, &listing, options, ret_error);
    mr_checkpoint_listing_deinit(&listing);
    mr_json_end_array(&v.writer);
    mr_json_member_uint(&v.writer, "read", v.read);
    mr_json_member_uint(&v.writer, "damaged", v.damaged);
    mr_json_end_object(&v.writer);
    if (status == MR_OK && options->json)
        put_json(&v.text);
    else if (status == MR_OK)
        (void)printf("%" PRIu64 " generations read, %" PRIu64 " damaged or refused\n",
                     v.read, v.damaged);
    mr_buffer_deinit(&v.text);
    *ret_damaged = v.damaged > 0;
    return status;
}

/* ---- save ---- */

static mr_status save(const mr_config *config, const mr_checkpoint_options *options,
                      mr_error *ret_error)
{
    const char *name = options->words[0];
    char path[PATH_MAX] = "";
    uint64_t epoch = 0;
    uint64_t generation = 0;
    mr_checkpoint_store *store = NULL;
    mr_checkpoint_store *saved = NULL;
    if (!options->removes &&
        (strcmp(name, "newest") == 0 ||
         mr_checkpoint_place_parse(name, &epoch, &generation) == MR_OK))
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "'%s' means a generation; choose another name", name);
    if (options->removes) { /* only what is there can be removed */
        MR_TRY(mr_saved_store_open(config, name, &saved, ret_error));
        mr_checkpoint_store_close(saved);
    }
    MR_TRY(mr_checkpoint_place_store(config, &store, ret_error));
    const mr_status status =
        options->removes ? mr_checkpoint_unpin(store, name, ret_error)
                         : mr_checkpoint_pin(store, name, path, sizeof(path), ret_error);
    mr_checkpoint_store_close(store);
    MR_TRY(status);
    if (options->json) {
        mr_buffer text = {0};
        mr_json_writer writer = mr_json_writer_of(&text);
        mr_json_begin_object(&writer);
        mr_json_key(&writer, options->removes ? "removed" : "saved");
        mr_json_put_string(&writer, name);
        mr_json_key(&writer, "path");
        mr_json_put_string(&writer, options->removes ? NULL : path);
        mr_json_end_object(&writer);
        put_json(&text);
    } else if (options->removes) {
        (void)printf("%s is no longer kept\n", name);
    } else {
        (void)printf("saved as %s in %s\n", name, path);
    }
    return MR_OK;
}

/* ---- restore ---- */

static bool has_gap(const mr_rollback_step *step)
{
    return step->log_first > step->from.next_offset;
}

static void put_step(mr_json_writer *writer, const mr_rollback_step *step)
{
    mr_json_begin_object(writer);
    mr_json_member_uint(writer, "partition", step->partition);
    mr_json_member_uint(writer, "from_epoch", step->from.epoch);
    mr_json_member_uint(writer, "from_generation", step->from.generation);
    mr_json_member_uint(writer, "epoch", step->epoch);
    mr_json_member_uint(writer, "generation", step->generation);
    put_int(writer, "next_offset", step->from.next_offset);
    mr_json_key(writer, "was_offset");
    if (step->has_newest && step->newest.skipped == 0)
        mr_json_put_int(writer, step->newest.next_offset);
    else
        mr_json_put_null(writer);
    put_int(writer, "log_first", step->log_first);
    put_int(writer, "log_end", step->log_end);
    put_int(writer, "gap",
            has_gap(step) ? step->log_first - step->from.next_offset : INT64_C(0));
    mr_json_end_object(writer);
}

static void print_replayed(const mr_rollback_step *step)
{
    const int64_t from = has_gap(step) ? step->log_first : step->from.next_offset;
    if (has_gap(step))
        (void)printf("; gap %" PRIu32 ":%" PRId64 "..%" PRId64
                     ", the log no longer holds these",
                     step->partition, step->from.next_offset, step->log_first - 1);
    if (step->log_end < 0)
        (void)printf("; the log cannot be asked what will be read again\n");
    else if (step->log_end <= from)
        (void)printf("; nothing will be read again\n");
    else
        (void)printf("; offsets %" PRId64 "..%" PRId64 " will be read again\n", from,
                     step->log_end - 1);
}

static void print_step(const mr_rollback_step *step)
{
    (void)printf("partition %" PRIu32 ": %" PRIu64 "-%" PRIu64 ", offset %" PRId64,
                 step->partition, step->from.epoch, step->from.generation,
                 step->from.next_offset);
    if (step->epoch == 0)
        (void)printf(", would become the newest");
    else
        (void)printf(", is now the newest as %" PRIu64 "-%" PRIu64, step->epoch,
                     step->generation);
    if (step->has_newest && step->newest.skipped == 0)
        (void)printf(" instead of %" PRIu64 "-%" PRIu64 ", offset %" PRId64,
                     step->newest.epoch, step->newest.generation,
                     step->newest.next_offset);
    print_replayed(step);
}

static void show(void *context, uint64_t done, uint64_t total)
{
    mr_progress *progress = context;
    progress->total = total;
    mr_progress_update(progress, done);
}

static void print_steps(const mr_rollback_step *steps, size_t count, bool json,
                        bool is_dry_run)
{
    mr_buffer text = {0};
    mr_json_writer writer = mr_json_writer_of(&text);
    mr_json_begin_object(&writer);
    mr_json_key(&writer, "dry_run");
    mr_json_put_bool(&writer, is_dry_run);
    mr_json_key(&writer, "partitions");
    mr_json_begin_array(&writer);
    for (size_t i = 0; i < count; i++) {
        if (json)
            put_step(&writer, &steps[i]);
        else
            print_step(&steps[i]);
    }
    mr_json_end_array(&writer);
    mr_json_end_object(&writer);
    if (json)
        put_json(&text);
    mr_buffer_deinit(&text);
}

static mr_status restore(const mr_config *config, const mr_checkpoint_options *options,
                         mr_error *ret_error)
{
    mr_progress progress;
    const mr_rollback_options rollback = {.config = config,
                                          .word = options->words[0],
                                          .partition = options->partition,
                                          .is_dry_run = options->is_dry_run,
                                          .progress = show,
                                          .context = &progress};
    size_t count = 0;
    mr_rollback_step *steps = calloc(MR_PLACE_PARTITIONS_MAX, sizeof(*steps));
    if (steps == NULL)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "out of memory");
    mr_progress_begin(&progress, "restore", "states", 0);
    const mr_status status = mr_checkpoint_rollback(&rollback, steps, &count, ret_error);
    (void)mr_progress_end(&progress, progress.total);
    if (status == MR_OK)
        print_steps(steps, count, options->json, options->is_dry_run);
    free(steps);
    return status;
}

/* ---- the command ---- */

typedef struct action {
    const char *name;
    size_t words;
    const char *usage;
} action;

enum { LIST, VERIFY, SAVE, RESTORE, DIFF, ACTIONS };

static const action actions[ACTIONS] = {
    [LIST] = {"list", 0, "`list` takes options alone"},
    [VERIFY] = {"verify", 0, "`verify` takes options alone"},
    [SAVE] = {"save", 1, "`save` takes a name"},
    [RESTORE] = {"restore", 1, "`restore` takes a generation or a saved name"},
    [DIFF] = {"diff", 2, "`diff` takes two of generations and saved names"},
};

/* The action that the words ask for, or ACTIONS after saying what is wrong. */
static int choose(const mr_command *command, const mr_arguments *arguments,
                  mr_checkpoint_options *options)
{
    int chosen = 0;
    while (chosen < ACTIONS && (arguments->positional_count == 0 ||
                                strcmp(arguments->positionals[0], actions[chosen].name)))
        chosen++;
    if (chosen == ACTIONS) {
        (void)mr_command_usage(command, "says list, verify, save, restore or diff");
        return ACTIONS;
    }
    options->word_count = arguments->positional_count - 1;
    for (size_t i = 0; i < options->word_count; i++)
        options->words[i] = arguments->positionals[i + 1];
    if (options->word_count != actions[chosen].words) {
        (void)mr_command_usage(command, "%s", actions[chosen].usage);
        return ACTIONS;
    }
    const char *stray = options->is_dry_run && chosen != RESTORE    ? "--dry-run"
                        : options->removes && chosen != SAVE        ? "--remove"
                        : options->generation && chosen != VERIFY   ? "--generation"
                        : options->partition >= 0 && chosen == SAVE ? "--partition"
                                                                    : NULL;
    if (stray == NULL)
        return chosen;
    (void)mr_command_usage(command, "%s does not belong to `%s`", stray,
                           actions[chosen].name);
    return ACTIONS;
}

static mr_status act(int chosen, const mr_config *config,
                     const mr_checkpoint_options *options, bool *ret_no,
                     mr_error *ret_error)
{
    *ret_no = false;
    switch (chosen) {
    case LIST: return list(config, options, ret_error);
    case VERIFY: return verify(config, options, ret_no, ret_error);
    case SAVE: return save(config, options, ret_error);
    case RESTORE: return restore(config, options, ret_error);
    default: return mr_checkpoint_diff_print(config, options, ret_no, ret_error);
    }
}

static int run(const mr_command *command, int argc, char **argv)
{
    const char *path = NULL;
    const char *partition = NULL;
    const char *lines = NULL;
    mr_checkpoint_options options = {.partition = -1, .lines = LINES_DEFAULT};
    const mr_option table[] = {{"--config", &path, NULL},
                               {"--partition", &partition, NULL},
                               {"--generation", &options.generation, NULL},
                               {"--lines", &lines, NULL},
                               {"--dry-run", NULL, &options.is_dry_run},
                               {"--remove", NULL, &options.removes},
                               {"--json", NULL, &options.json}};
    mr_arguments arguments;
    int exit_code;
    if (!mr_arguments_parse(command, argc, argv, table, sizeof(table) / sizeof(table[0]),
                            &arguments, &exit_code))
        return exit_code;
    if ((partition != NULL && !mr_command_number(command, "--partition", partition, 0,
                                                 UINT32_MAX, &options.partition)) ||
        (lines != NULL &&
         !mr_command_number(command, "--lines", lines, 0, LINES_MAX, &options.lines)))
        return MR_EXIT_USAGE;
    const int chosen = choose(command, &arguments, &options);
    if (chosen == ACTIONS)
        return MR_EXIT_USAGE;
    mr_log_quiet();

    mr_config config;
    mr_error error = {{0}};
    if (!mr_command_load_config(command, path, &config))
        return MR_EXIT_USAGE;
    bool no = false;
    mr_status status = act(chosen, &config, &options, &no, &error);
    mr_config_deinit(&config);
    if (status != MR_OK) {
        exit_code = mr_command_failed(command, status, &error);
        return chosen == DIFF ? MR_EXIT_USAGE : exit_code; /* 1 says that they differ */
    }
    return no ? MR_EXIT_FAILED : MR_EXIT_DONE;
}

const mr_command mr_command_checkpoint = {
    .name = "checkpoint",
    .summary = "list, verify, save, restore and compare the states that are kept",
    .help = help,
    .run = run,
};
