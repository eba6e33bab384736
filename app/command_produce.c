#include "app/command.h"
#include "app/dead_letter_return.h"
#include "app/file_import.h"
#include "app/log_line.h"
#include "app/progress.h"
#include "app/topics.h"
#include "core/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { LATE_SHARE_INVERSE = 100 }; /* more than one in this many is worth a warning */

static const char help[] =
    "usage: millrace produce FILE [--config FILE] [--format FORMAT] [OPTIONS]\n"
    "       millrace produce --from-dead-letters [--config FILE]\n"
    "\n"
    "Sends a file (plain or .zst; - is standard input) to the events topic, keyed by "
    "user.\n"
    "Lines are sorted by (time, line) first.  CSV becomes native JSON; a line without an "
    "event\n"
    "id is named by the file's content and its line number.  Lines that do not decode "
    "are\n"
    "skipped and reported.\n"
    "\n"
    "  --config FILE        the YAML file; without it the embedded log in data/log\n"
    "  --format FORMAT      auto, native, segment, csv:PROFILE (online-retail, cdnow,\n"
    "                       retailrocket, yoochoose-clicks, yoochoose-buys, taobao,\n"
    "                       movielens); auto knows JSON and the profiles' headers\n"
    "  --keep-order         send the lines in the order of the file\n"
    "  --raw                send lines as they are, those that do not decode, too\n"
    "  --no-catalogue       do not send what the file says of its items\n"
    "  --from-dead-letters  send the records of the dead letter topic again\n"
    "  --json               one JSON object instead of lines\n"
    "\n"
    "example: millrace produce examples/online-retail/online_retail.csv.zst\n";

typedef struct produce_options {
    const char *config;
    const char *format;
    bool keep_order;
    bool raw;
    bool no_catalogue;
    bool from_dead_letters;
    bool json;
} produce_options;

/* What was done, for the last lines. */
typedef struct outcome {
    uint64_t records;
    size_t catalogue_items;
    size_t catalogue_records;
    uint64_t late;
    uint64_t foreign; /* of the dead letter topic */
    double seconds;
    const mr_file_import *import; /* NULL: dead letters */
} outcome;

static double rate(const outcome *out)
{
    return out->seconds > 0.0 ? (double)out->records / out->seconds : 0.0;
}

static void put_refusals(mr_json_writer *writer, const mr_file_import *import)
{
    mr_json_key(writer, "undecodable");
    mr_json_begin_object(writer);
    for (int reason = 0; reason < MR_POISON_KINDS; reason++) {
        const mr_import_refusals *refusals =
            mr_file_import_refusals(import, (mr_poison)reason);
        if (refusals->count == 0)
            continue;
        mr_json_key(writer, mr_poison_name((mr_poison)reason));
        mr_json_begin_object(writer);
        mr_json_member_uint(writer, "lines", refusals->count);
        mr_json_key(writer, "first");
        mr_json_begin_array(writer);
        for (size_t i = 0; i < MR_IMPORT_LINES_NAMED && i < refusals->count; i++)
            mr_json_put_uint(writer, refusals->first_lines[i]);
        mr_json_end_array(writer);
        mr_json_end_object(writer);
    }
    mr_json_end_object(writer);
}

static void print_json(const outcome *out)
{
    mr_buffer text = {0};
    mr_json_writer writer = mr_json_writer_of(&text);
    mr_json_begin_object(&writer);
    mr_json_member_uint(&writer, "records", out->records);
    if (out->import != NULL) {
        put_refusals(&writer, out->import);
        mr_json_member_uint(&writer, "late", out->late);
        mr_json_member_uint(&writer, "catalogue_items", out->catalogue_items);
        mr_json_member_uint(&writer, "catalogue_records", out->catalogue_records);
    } else {
        mr_json_member_uint(&writer, "not_dead_letters", out->foreign);
    }
    mr_json_key(&writer, "seconds");
    mr_json_put_fixed(&writer, out->seconds, 3);
    mr_json_key(&writer, "records_per_second");
    mr_json_put_fixed(&writer, rate(out), 0);
    mr_json_end_object(&writer);
    (void)printf("%.*s\n", (int)text.length, (const char *)text.bytes);
    mr_buffer_deinit(&text);
}

static void print_refusals(const mr_file_import *import)
{
    for (int reason = 0; reason < MR_POISON_KINDS; reason++) {
        const mr_import_refusals *refusals =
            mr_file_import_refusals(import, (mr_poison)reason);
        if (refusals->count == 0)
            continue;
        (void)printf("undecodable=%s lines=%" PRIu64 " first=",
                     mr_poison_name((mr_poison)reason), refusals->count);
        for (size_t i = 0; i < MR_IMPORT_LINES_NAMED && i < refusals->count; i++)
            (void)printf("%s%" PRIu64, i > 0 ? "," : "", refusals->first_lines[i]);
        (void)printf("\n");
    }
}

static void print_lines(const outcome *out)
{
    if (out->import != NULL) {
        print_refusals(out->import);
        if (out->catalogue_items > 0)
            (void)printf("catalogue_items=%zu catalogue_records=%zu\n",
                         out->catalogue_items, out->catalogue_records);
    } else if (out->foreign > 0) {
        (void)printf("not_dead_letters=%" PRIu64 "\n", out->foreign);
    }
    (void)printf("records=%" PRIu64 " seconds=%.2f records_per_second=%.0f\n",
                 out->records, out->seconds, rate(out));
}

/* A local log belongs to one process; whoever is refused is told the other way in. */
static mr_status open_topic(const mr_config *config, const char *topic,
                            uint32_t partitions, mr_log **ret_log, mr_error *ret_error)
{
    mr_error why = {{0}};
    const mr_status status =
        mr_topic_open(config, MR_TOPICS_OWN, topic, partitions, ret_log, &why);
    if (status == MR_ERR_UNAVAILABLE && config->log.kind == MR_KIND_LOCAL)
        return mr_error_set(
            ret_error, status,
            "%.140s (an engine that runs takes events by POST /v1/events)", why.message);
    if (status != MR_OK && ret_error != NULL)
        *ret_error = why;
    return status;
}

/* What will be in the log must be what the engine is told to read. */
static mr_status check_dialect(const mr_config *config, const mr_file_import *import,
                               mr_error *ret_error)
{
    mr_dialect reads = MR_DIALECT_AUTO;
    const char *profile = NULL;
    MR_TRY(mr_dialect_parse(config->log.format, &reads, &profile, ret_error));
    const mr_dialect writes = mr_file_import_dialect(import);
    const bool is_csv = writes == MR_DIALECT_CSV;
    if (writes == MR_DIALECT_AUTO || writes == reads ||
        (reads == MR_DIALECT_AUTO && !is_csv))
        return MR_OK;
    return mr_error_set(ret_error, MR_ERR_INVALID,
                        "log.format is %s, but these records would be %s%s%s; %s",
                        config->log.format, mr_dialect_name(writes), is_csv ? ":" : "",
                        is_csv ? mr_csv_profile_name(mr_file_import_profile(import)) : "",
                        is_csv ? "set log.format, or leave out --raw"
                               : "set log.format to auto");
}

typedef struct bars {
    mr_progress read;
    uint64_t read_bytes;
    mr_progress send;
} bars;

static void show_reading(void *context, uint64_t bytes, uint64_t total)
{
    bars *b = context;
    b->read.total = total;
    b->read_bytes = bytes;
    mr_progress_update(&b->read, bytes);
}

static void show_sending(void *context, uint64_t records, uint64_t total)
{
    (void)total;
    bars *b = context;
    mr_progress_update(&b->send, records);
}

static void warn_of_late(const mr_file_import *import)
{
    const uint64_t late = mr_file_import_late(import);
    if (late * LATE_SHARE_INVERSE > mr_file_import_records(import))
        mr_log_warn("event=out_of_order late=%" PRIu64 " records=%" PRIu64
                    " hint=\"without --keep-order they are sorted\"",
                    late, mr_file_import_records(import));
}

static mr_status send_catalogue(const mr_config *config, mr_file_catalogue *catalogue,
                                outcome *out, mr_error *ret_error)
{
    out->catalogue_items = mr_file_catalogue_count(catalogue);
    if (out->catalogue_items == 0)
        return MR_OK;
    mr_log *topic = NULL;
    MR_TRY(open_topic(config, config->log.catalogue_topic, 1, &topic, ret_error));
    const mr_status status =
        mr_file_catalogue_append(catalogue, topic, &out->catalogue_records, ret_error);
    mr_log_close(topic);
    return status;
}

static mr_status send_file(const mr_config *config, const produce_options *options,
                           mr_file_import *import, bars *b, outcome *out,
                           mr_error *ret_error)
{
    MR_TRY(check_dialect(config, import, ret_error));
    warn_of_late(import);
    out->late = mr_file_import_late(import);
    mr_file_catalogue *catalogue = NULL;
    if (!options->no_catalogue && mr_file_catalogue_create(&catalogue) != MR_OK)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY,
                            "out of memory for the catalogue");
    mr_progress_begin(&b->send, "send", "records", mr_file_import_records(import));
    mr_status status = mr_file_import_send(import, catalogue, ret_error);
    out->records = mr_file_import_records(import);
    (void)mr_progress_end(&b->send, status == MR_OK ? out->records : 0);
    if (status == MR_OK && catalogue != NULL)
        status = send_catalogue(config, catalogue, out, ret_error);
    mr_file_catalogue_destroy(catalogue);
    return status;
}

static void print(const produce_options *options, const outcome *out)
{
    if (options->json)
        print_json(out);
    else
        print_lines(out);
}

static double seconds_since(int64_t start_ns)
{
    return (double)(mr_clock_monotonic_ns(mr_clock_system()) - start_ns) / 1e9;
}

static mr_status produce_file(const mr_config *config, const produce_options *options,
                              const char *path, mr_log *events, mr_error *ret_error)
{
    bars b = {.read_bytes = 0};
    const bool is_wall = config->log.clock_wall == 1;
    const mr_file_import_options import_options = {
        .path = path,
        .format = options->format != NULL ? options->format : "auto",
        .is_raw = options->raw,
        .keep_order = options->keep_order,
        /* A broker's retention goes by these stamps: events of last year would be deleted. */
        .stamp = !is_wall && config->log.kind == MR_KIND_LOCAL,
        .now_ms = is_wall ? mr_clock_wall_ms(mr_clock_system()) : 0,
        .log = events,
        .reading = show_reading,
        .sending = show_sending,
        .context = &b,
    };
    const int64_t start_ns = mr_clock_monotonic_ns(mr_clock_system());
    mr_file_import *import = NULL;
    mr_progress_begin(&b.read, "read", "bytes", 0);
    MR_TRY(mr_file_import_open(&import_options, &import, ret_error));
    (void)mr_progress_end(&b.read, b.read_bytes);
    outcome out = {.import = import};
    const mr_status status = send_file(config, options, import, &b, &out, ret_error);
    out.seconds = seconds_since(start_ns);
    if (status == MR_OK)
        print(options, &out);
    mr_file_import_destroy(import);
    return status;
}

static mr_status return_dead_letters(const mr_config *config,
                                     const produce_options *options, mr_log *events,
                                     mr_error *ret_error)
{
    const int64_t start_ns = mr_clock_monotonic_ns(mr_clock_system());
    mr_log *dead_letters = NULL;
    mr_dead_letter_counts counts = {0};
    MR_TRY(mr_topic_open(config, MR_TOPICS_READ, config->log.dead_letter_topic, 1,
                         &dead_letters, ret_error));
    const mr_status status =
        mr_dead_letter_return(dead_letters, events, &counts, ret_error);
    mr_log_close(dead_letters);
    const outcome out = {.records = counts.returned,
                         .foreign = counts.foreign,
                         .seconds = seconds_since(start_ns)};
    if (status == MR_OK)
        print(options, &out);
    return status;
}

static mr_status produce(const mr_config *config, const produce_options *options,
                         const char *path, mr_error *ret_error)
{
    mr_log *events = NULL;
    MR_TRY(open_topic(config, config->log.topic, (uint32_t)config->log.partitions,
                      &events, ret_error));
    const mr_status status = options->from_dead_letters
                                 ? return_dead_letters(config, options, events, ret_error)
                                 : produce_file(config, options, path, events, ret_error);
    mr_log_close(events);
    return status;
}

static int run(const mr_command *command, int argc, char **argv)
{
    produce_options options = {0};
    const mr_option table[] = {
        {"--config", &options.config, NULL},
        {"--format", &options.format, NULL},
        {"--keep-order", NULL, &options.keep_order},
        {"--raw", NULL, &options.raw},
        {"--no-catalogue", NULL, &options.no_catalogue},
        {"--from-dead-letters", NULL, &options.from_dead_letters},
        {"--json", NULL, &options.json},
    };
    mr_arguments arguments;
    int exit_code;
    if (!mr_arguments_parse(command, argc, argv, table, sizeof(table) / sizeof(table[0]),
                            &arguments, &exit_code))
        return exit_code;
    if (options.from_dead_letters && arguments.positional_count != 0)
        return mr_command_usage(command, "--from-dead-letters takes no file");
    if (!options.from_dead_letters && arguments.positional_count != 1)
        return mr_command_usage(command,
                                "needs one file to send, or - for standard input");
    mr_log_quiet();

    mr_config config;
    mr_error error = {{0}};
    if (!mr_command_load_config(command, options.config, &config))
        return MR_EXIT_USAGE;
    mr_status status = produce(&config, &options, arguments.positionals[0], &error);
    mr_config_deinit(&config);
    return status == MR_OK ? MR_EXIT_DONE : mr_command_failed(command, status, &error);
}

const mr_command mr_command_produce = {
    .name = "produce",
    .summary = "send a file of events in any dialect to the events topic",
    .help = help,
    .run = run,
};
