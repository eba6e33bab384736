#include "app/command.h"
#include "app/generator_manifest.h"
#include "app/generator_sink.h"
#include "app/log_line.h"
#include "app/progress.h"
#include "app/topics.h"
#include "core/clock.h"
#include "core/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROGRESS_RECORDS = 4096, PARTITIONS_MAX = 4096, DEFAULT_BYTES = 350 };
#define RATE_MAX 1e6
#define START_LEAST_MS INT64_C(946684800000) /* 2000 */
#define START_MOST_MS INT64_C(7258118400000) /* 2200: ns in place of ms still fit */
#define EVENTS_MAX INT64_C(1000000000000)

static const char help[] =
    "usage: millrace generate --output FILE [OPTIONS]\n"
    "       millrace generate --append [--config FILE] [OPTIONS]\n"
    "       millrace generate --manifest FILE [OPTIONS]\n"
    "\n"
    "Invents the events of a shop, with what must become of each record.  The same "
    "options\n"
    "give the same bytes.  Additions (duplicates, late records, poison) stand between "
    "the\n"
    "events and change no feature: without them the same seed gives the same rest.\n"
    "\n"
    "where to, at least one:\n"
    "  --output FILE       one JSON object a line (docs/FORMATS.md); - is standard "
    "output\n"
    "  --append            to the events topic of --config, in the same order\n"
    "  --manifest FILE     totals by outcome, partition and profile, as JSON\n"
    "\n"
    "what:\n"
    "  --events N          events of the clean stream (100000)\n"
    "  --users N           people (10000)\n"
    "  --items N           (1000)\n"
    "  --seed N            (1)\n"
    "  --zipf S            how unequal users and items are: 0 not at all, 1 as words "
    "(1)\n"
    "  --rate N            events a second of event time (50)\n"
    "  --start TIME        of the first event (2026-01-01T00:00:00Z)\n"
    "  --bytes N           about the size of a record; 0: as short as it is (350)\n"
    "  --dialect D         native or segment (native)\n"
    "  --partitions N      of the topic, for --output and --manifest (1)\n"
    "\n"
    "shares, from 0 to 1, of the clean stream:\n"
    "  --anonymous SHARE   people who begin without a name; most say it later (0)\n"
    "  --disorder SHARE    behind the watermark, and still applied (0)\n"
    "  --future SHARE      from the future: applied at 5 minutes ahead (0)\n"
    "  --duplicates SHARE  added: records that were there before (0)\n"
    "  --late SHARE        added: too late to tell whether they were there before (0)\n"
    "  --poison SHARE      added: what is no event, in every way there is (0)\n"
    "\n"
    "  --from-line N       leave out the lines before N (1)\n"
    "  --pace N            append so many records a second, of real time\n"
    "  --config FILE       the YAML file; without it the embedded log in data/log\n"
    "\n"
    "What is said of each record holds with log.clock: data, log.format: auto or the "
    "dialect's,\n"
    "and nothing else in the topic.\n"
    "\n"
    "examples: millrace generate --output - --events 10 --users 3\n"
    "          millrace generate --append --events 1000000 --users 100000 --anonymous "
    "0.2 \\\n"
    "              --duplicates 0.05 --late 0.02 --poison 0.01 --manifest "
    "manifest.json\n";

typedef struct generate_options {
    const char *config;
    const char *output;
    const char *manifest;
    const char *events;
    const char *users;
    const char *items;
    const char *seed;
    const char *zipf;
    const char *rate;
    const char *start;
    const char *bytes;
    const char *dialect;
    const char *partitions;
    const char *anonymous;
    const char *disorder;
    const char *future;
    const char *duplicates;
    const char *late;
    const char *poison;
    const char *from_line;
    const char *pace;
    bool append;
} generate_options;

typedef struct job {
    mr_generator_options generator;
    mr_generator_sink_options sink;
    const char *manifest;
    bool is_quiet; /* standard output has the lines */
} job;

/* -- options ------------------------------------------------------------------------------- */

static bool take_number(const mr_command *command, const char *option, const char *text,
                        int64_t least, int64_t most, int64_t otherwise,
                        int64_t *ret_number)
{
    *ret_number = otherwise;
    return text == NULL ||
           mr_command_number(command, option, text, least, most, ret_number);
}

static bool take_real(const mr_command *command, const char *option, const char *text,
                      double least, double most, double otherwise, double *ret_real)
{
    *ret_real = otherwise;
    if (text == NULL)
        return true;
    char *end = NULL;
    *ret_real = strtod(text, &end);
    if (end != text && *end == '\0' && *ret_real >= least && *ret_real <= most)
        return true;
    (void)mr_command_usage(command, "%s takes a number from %g to %g, not '%s'", option,
                           least, most, text);
    return false;
}

static bool take_start(const mr_command *command, const char *text, int64_t *ret_ms)
{
    if (mr_text_to_time_ms(mr_text_from(text != NULL ? text : "2026-01-01"), ret_ms) ==
            MR_OK &&
        *ret_ms >= START_LEAST_MS && *ret_ms <= START_MOST_MS)
        return true;
    (void)mr_command_usage(
        command,
        "--start takes a time from 2000 to 2200, as 2026-01-01T00:00:00Z, not '%s'",
        text);
    return false;
}

static bool take_dialect(const mr_command *command, const char *text,
                         mr_dialect *ret_dialect)
{
    *ret_dialect = text != NULL && strcmp(text, "segment") == 0 ? MR_DIALECT_SEGMENT
                                                                : MR_DIALECT_NATIVE;
    if (text == NULL || strcmp(text, mr_dialect_name(*ret_dialect)) == 0)
        return true;
    (void)mr_command_usage(command, "--dialect takes native or segment, not '%s'", text);
    return false;
}

static bool take_shares(const mr_command *command, const generate_options *options,
                        mr_generator_options *ret)
{
    const struct {
        const char *name;
        const char *text;
        double *share;
    } table[] = {
        {"--anonymous", options->anonymous, &ret->shop.anonymous},
        {"--disorder", options->disorder, &ret->disorder},
        {"--future", options->future, &ret->future},
        {"--duplicates", options->duplicates, &ret->duplicates},
        {"--late", options->late, &ret->late},
        {"--poison", options->poison, &ret->poison},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (!take_real(command, table[i].name, table[i].text, 0.0, 1.0, 0.0,
                       table[i].share))
            return false;
    return true;
}

static bool take_sizes(const mr_command *command, const generate_options *options,
                       job *ret_job)
{
    enum { EVENTS, USERS, ITEMS, SEED, BYTES, PARTITIONS, FROM_LINE, NUMBERS };
    int64_t numbers[NUMBERS];
    const struct {
        const char *name;
        const char *text;
        int64_t least, most, otherwise;
    } table[NUMBERS] = {
        {"--events", options->events, 0, EVENTS_MAX, 100000},
        {"--users", options->users, 1, 1 << 30, 10000},
        {"--items", options->items, 1, 1 << 30, 1000},
        {"--seed", options->seed, 0, INT64_MAX, 1},
        {"--bytes", options->bytes, 0, MR_EVENT_RECORD_BYTES_MAX / 2, DEFAULT_BYTES},
        {"--partitions", options->partitions, 1, PARTITIONS_MAX, 1},
        {"--from-line", options->from_line, 1, 2 * EVENTS_MAX, 1},
    };
    for (size_t i = 0; i < NUMBERS; i++)
        if (!take_number(command, table[i].name, table[i].text, table[i].least,
                         table[i].most, table[i].otherwise, &numbers[i]))
            return false;
    mr_generator_options *generator = &ret_job->generator;
    generator->events = (uint64_t)numbers[EVENTS];
    generator->shop.users = (uint32_t)numbers[USERS];
    generator->shop.items = (uint32_t)numbers[ITEMS];
    generator->shop.seed = (uint64_t)numbers[SEED];
    generator->about_bytes = (uint32_t)numbers[BYTES];
    generator->partitions = (uint32_t)numbers[PARTITIONS];
    ret_job->sink.first_line = (uint64_t)numbers[FROM_LINE];
    return true;
}

static bool take_job(const mr_command *command, const generate_options *options,
                     job *ret_job)
{
    mr_generator_options *generator = &ret_job->generator;
    generator->topic = "events";
    ret_job->sink.path = options->output;
    ret_job->manifest = options->manifest;
    ret_job->is_quiet = options->output != NULL && strcmp(options->output, "-") == 0;
    if (options->output == NULL && options->manifest == NULL && !options->append) {
        (void)mr_command_usage(command,
                               "needs --output FILE, --append or --manifest FILE");
        return false;
    }
    if (options->pace != NULL && !options->append) {
        (void)mr_command_usage(command, "--pace is for --append");
        return false;
    }
    return take_sizes(command, options, ret_job) &&
           take_shares(command, options, generator) &&
           take_real(command, "--zipf", options->zipf, 0.0, 4.0, 1.0,
                     &generator->shop.zipf) &&
           take_real(command, "--rate", options->rate, 1e-4, RATE_MAX, 50.0,
                     &generator->shop.rate) &&
           take_real(command, "--pace", options->pace, 1e-3, 1e9, 0.0,
                     &ret_job->sink.pace) &&
           take_start(command, options->start, &generator->shop.start_ms) &&
           take_dialect(command, options->dialect, &generator->dialect);
}

/* -- the work ------------------------------------------------------------------------------ */

static mr_status write_manifest(const job *work, const mr_manifest *manifest,
                                const mr_generator *generator, mr_error *ret_error)
{
    mr_buffer text = {0};
    mr_manifest_write(manifest, generator, &text);
    mr_status status = mr_buffer_status(&text);
    if (status != MR_OK)
        (void)mr_error_set(ret_error, status, "out of memory for the manifest");
    else
        status = mr_file_replace(work->manifest, text.bytes, text.length, ret_error);
    mr_buffer_deinit(&text);
    return status;
}

static mr_status make_all(const job *work, mr_generator *generator, mr_manifest *manifest,
                          mr_generator_sink *sink, mr_error *ret_error)
{
    mr_progress progress;
    const mr_generator_options *options = &work->generator;
    const double added = 1.0 + options->duplicates + options->late + options->poison;
    mr_progress_begin(&progress, "generate", "records",
                      (uint64_t)((double)options->events * added));
    mr_status status = MR_OK;
    while (status == MR_OK) {
        mr_generated record;
        status = mr_generator_next(generator, &record);
        if (status == MR_ERR_NOT_FOUND)
            break;
        if (status == MR_OK)
            status = mr_manifest_add(manifest, &record);
        if (status != MR_OK)
            (void)mr_error_set(ret_error, status, "out of memory for a record");
        else
            status = mr_generator_sink_put(sink, &record, ret_error);
        if (mr_generator_sink_lines(sink) % PROGRESS_RECORDS == 0)
            mr_progress_update(&progress, mr_generator_sink_lines(sink));
    }
    if (status == MR_ERR_NOT_FOUND)
        status = mr_generator_sink_flush(sink, ret_error);
    (void)mr_progress_end(&progress, mr_generator_sink_lines(sink));
    return status;
}

static void print(const job *work, const mr_manifest *manifest, uint64_t lines,
                  double seconds)
{
    FILE *out = work->is_quiet ? stderr : stdout;
    (void)fprintf(out, "records=%" PRIu64, lines);
    for (int fate = 0; fate < MR_FATES; fate++)
        (void)fprintf(out, " %s=%" PRIu64, mr_fate_name((mr_fate)fate),
                      mr_manifest_records(manifest, (mr_fate)fate));
    (void)fprintf(out, " seconds=%.2f records_per_second=%.0f\n", seconds,
                  seconds > 0.0 ? (double)lines / seconds : 0.0);
}

static mr_status generate(const job *work, mr_error *ret_error)
{
    mr_generator *generator = NULL;
    mr_manifest *manifest = NULL;
    mr_generator_sink *sink = NULL;
    const int64_t start_ns = mr_clock_monotonic_ns(mr_clock_system());
    mr_status status = mr_generator_create(&work->generator, &generator);
    if (status == MR_OK)
        status = mr_manifest_create(&work->generator, &manifest);
    if (status != MR_OK)
        (void)mr_error_set(ret_error, status, "out of memory for %" PRIu32 " users",
                           work->generator.shop.users);
    if (status == MR_OK)
        status = mr_generator_sink_open(&work->sink, &sink, ret_error);
    if (status == MR_OK)
        status = make_all(work, generator, manifest, sink, ret_error);
    if (status == MR_OK && work->manifest != NULL)
        status = write_manifest(work, manifest, generator, ret_error);
    if (status == MR_OK)
        print(work, manifest, mr_generator_sink_lines(sink),
              (double)(mr_clock_monotonic_ns(mr_clock_system()) - start_ns) / 1e9);
    mr_generator_sink_close(sink);
    mr_manifest_destroy(manifest);
    mr_generator_destroy(generator);
    return status;
}

static mr_status generate_into_topic(const mr_config *config, job *work,
                                     bool has_partitions, mr_error *ret_error)
{
    mr_log *events = NULL;
    work->generator.topic = config->log.topic;
    MR_TRY(mr_topic_open(config, MR_TOPICS_OWN, config->log.topic,
                         (uint32_t)config->log.partitions, &events, ret_error));
    const uint32_t partitions = mr_log_partitions(events);
    mr_status status = MR_OK;
    if (has_partitions && partitions != work->generator.partitions)
        status = mr_error_set(ret_error, MR_ERR_INVALID,
                              "topic %s has %" PRIu32 " partitions, not %" PRIu32
                              "; leave out --partitions",
                              config->log.topic, partitions, work->generator.partitions);
    work->generator.partitions = partitions;
    work->sink.log = events;
    if (status == MR_OK)
        status = generate(work, ret_error);
    mr_log_close(events);
    return status;
}

static int run_append(const mr_command *command, const generate_options *options,
                      job *work)
{
    mr_config config;
    mr_error error = {{0}};
    if (!mr_command_load_config(command, options->config, &config))
        return MR_EXIT_USAGE;
    mr_status status =
        generate_into_topic(&config, work, options->partitions != NULL, &error);
    mr_config_deinit(&config);
    return status == MR_OK ? MR_EXIT_DONE : mr_command_failed(command, status, &error);
}

static int run(const mr_command *command, int argc, char **argv)
{
    generate_options options = {0};
    const mr_option table[] = {
        {"--config", &options.config, NULL},
        {"--output", &options.output, NULL},
        {"--manifest", &options.manifest, NULL},
        {"--events", &options.events, NULL},
        {"--users", &options.users, NULL},
        {"--items", &options.items, NULL},
        {"--seed", &options.seed, NULL},
        {"--zipf", &options.zipf, NULL},
        {"--rate", &options.rate, NULL},
        {"--start", &options.start, NULL},
        {"--bytes", &options.bytes, NULL},
        {"--dialect", &options.dialect, NULL},
        {"--partitions", &options.partitions, NULL},
        {"--anonymous", &options.anonymous, NULL},
        {"--disorder", &options.disorder, NULL},
        {"--future", &options.future, NULL},
        {"--duplicates", &options.duplicates, NULL},
        {"--late", &options.late, NULL},
        {"--poison", &options.poison, NULL},
        {"--from-line", &options.from_line, NULL},
        {"--pace", &options.pace, NULL},
        {"--append", NULL, &options.append},
    };
    mr_arguments arguments;
    int exit_code;
    if (!mr_arguments_parse(command, argc, argv, table, sizeof(table) / sizeof(table[0]),
                            &arguments, &exit_code))
        return exit_code;
    if (arguments.positional_count != 0)
        return mr_command_usage(command, "takes options alone");
    job work = {.is_quiet = false};
    if (!take_job(command, &options, &work))
        return MR_EXIT_USAGE;
    mr_log_quiet();
    if (options.append)
        return run_append(command, &options, &work);
    mr_error error = {{0}};
    const mr_status status = generate(&work, &error);
    return status == MR_OK ? MR_EXIT_DONE : mr_command_failed(command, status, &error);
}

const mr_command mr_command_generate = {
    .name = "generate",
    .summary = "invent a stream of events that says what must become of each record",
    .help = help,
    .run = run,
};
