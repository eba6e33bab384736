#include "app/command.h"
#include "app/log_line.h"
#include "app/plan_file.h"
#include "app/progress.h"
#include "app/replay.h"
#include "app/topics.h"
#include "features/canonical_dump.h"

#include <inttypes.h>
#include <stdio.h>

static const char help[] =
    "usage: millrace replay [--config FILE] [--hash] [--backfill] [--json]\n"
    "\n"
    "Reads the whole events log into fresh state and says what came of it.  With the "
    "hashes\n"
    "this proves that a state is a pure function of its log: two replays, and the engine "
    "after\n"
    "any number of crashes, agree to the byte.  Needs no checkpoint and writes nothing.\n"
    "\n"
    "  --config FILE  the YAML file; without it the embedded log in data/log\n"
    "  --hash         also features_hash (order-free) and state_hash (everything)\n"
    "  --backfill     apply late records too, those older than ids are remembered\n"
    "  --json         one JSON object instead of lines\n"
    "\n"
    "example: millrace replay --config millrace.yaml --hash\n";

typedef struct switches {
    bool hash;
    bool backfill;
    bool json;
} switches;

typedef struct figures {
    const mr_replay *replay;
    double seconds;
    bool has_hashes;
    char features_hash[MR_SHA256_HEX_BYTES];
    char state_hash[MR_SHA256_HEX_BYTES];
} figures;

static void show(void *context, uint64_t records)
{
    mr_progress_update(context, records);
}

static mr_status take_hashes(figures *f)
{
    const mr_shard *const *shards = (const mr_shard *const *)f->replay->shards;
    MR_TRY(mr_canonical_hash(shards, f->replay->shard_count, MR_TIME_NONE,
                             MR_DUMP_ORDER_FREE, f->features_hash));
    return mr_canonical_hash(shards, f->replay->shard_count, MR_TIME_NONE, MR_DUMP_ALL,
                             f->state_hash);
}

static void put_commerce(mr_json_writer *writer, const mr_commerce_totals *commerce)
{
    mr_json_key(writer, "commerce");
    mr_json_begin_object(writer);
    mr_json_member_money(writer, "purchases", commerce->sums.purchases_minor,
                         MR_MINOR_DIGITS);
    mr_json_member_money(writer, "refunds", commerce->sums.refunds_minor,
                         MR_MINOR_DIGITS);
    mr_json_member_money(writer, "adjustments", commerce->sums.adjustments_minor,
                         MR_MINOR_DIGITS);
    mr_json_member_money(writer, "revenue", mr_commerce_revenue_minor(&commerce->sums),
                         MR_MINOR_DIGITS);
    mr_json_member_uint(writer, "orders", commerce->sums.orders);
    mr_json_member_uint(writer, "customers", commerce->customers);
    mr_json_end_object(writer);
}

static void print_json(const figures *f)
{
    const mr_replay *replay = f->replay;
    mr_buffer text = {0};
    mr_json_writer writer = mr_json_writer_of(&text);
    mr_json_begin_object(&writer);
    mr_json_member_uint(&writer, "partitions", replay->shard_count);
    mr_json_member_uint(&writer, "records", replay->records);
    mr_json_member_uint(&writer, "events", replay->events);
    mr_json_member_uint(&writer, "users", replay->users);
    mr_json_member_uint(&writer, "items", replay->items);
    mr_json_member_uint(&writer, "duplicate", replay->duplicate);
    mr_json_member_uint(&writer, "late", replay->late);
    put_commerce(&writer, &replay->commerce);
    mr_json_key(&writer, "poison");
    mr_json_begin_object(&writer);
    for (int i = 0; i < MR_POISON_KINDS; i++)
        if (replay->poison[i] > 0)
            mr_json_member_uint(&writer, mr_poison_name((mr_poison)i), replay->poison[i]);
    mr_json_end_object(&writer);
    if (f->has_hashes) {
        mr_json_key(&writer, "features_hash");
        mr_json_put_string(&writer, f->features_hash);
        mr_json_key(&writer, "state_hash");
        mr_json_put_string(&writer, f->state_hash);
    }
    mr_json_key(&writer, "seconds");
    mr_json_put_fixed(&writer, f->seconds, 3);
    mr_json_key(&writer, "events_per_second");
    mr_json_put_fixed(&writer,
                      f->seconds > 0.0 ? (double)replay->events / f->seconds : 0.0, 0);
    mr_json_end_object(&writer);
    (void)printf("%.*s\n", (int)text.length, (const char *)text.bytes);
    mr_buffer_deinit(&text);
}

static void print_money(const char *label, int64_t minor)
{
    mr_buffer text = {0};
    mr_json_writer writer = mr_json_writer_of(&text);
    mr_json_put_money(&writer, minor, MR_MINOR_DIGITS);
    (void)printf("%s=%.*s ", label, (int)text.length, (const char *)text.bytes);
    mr_buffer_deinit(&text);
}

static void print_lines(const figures *f)
{
    const mr_replay *replay = f->replay;
    const mr_commerce_totals *commerce = &replay->commerce;
    (void)printf("records=%" PRIu64 " events=%" PRIu64 " users=%" PRIu64 " items=%" PRIu64
                 " partitions=%" PRIu32 "\n",
                 replay->records, replay->events, replay->users, replay->items,
                 replay->shard_count);
    print_money("purchases", commerce->sums.purchases_minor);
    print_money("refunds", commerce->sums.refunds_minor);
    print_money("adjustments", commerce->sums.adjustments_minor);
    print_money("revenue", mr_commerce_revenue_minor(&commerce->sums));
    (void)printf("orders=%" PRIu64 " customers=%" PRIu64 "\n", commerce->sums.orders,
                 commerce->customers);
    (void)printf("duplicate=%" PRIu64 " late=%" PRIu64 "\n", replay->duplicate,
                 replay->late);
    for (int i = 0; i < MR_POISON_KINDS; i++)
        if (replay->poison[i] > 0)
            (void)printf("poison=%s records=%" PRIu64 "\n", mr_poison_name((mr_poison)i),
                         replay->poison[i]);
    (void)printf("seconds=%.2f events_per_second=%.0f\n", f->seconds,
                 f->seconds > 0.0 ? (double)replay->events / f->seconds : 0.0);
    if (f->has_hashes)
        (void)printf("features_hash=%s state_hash=%s\n", f->features_hash, f->state_hash);
}

/* Everything between an opened log and the printed figures. */
static mr_status replay_log(const mr_config *config, mr_log *events,
                            const switches *chosen, mr_error *ret_error)
{
    mr_keys keys = {0};
    mr_plan *plan = NULL;
    mr_replay replay = {0};
    mr_progress progress;
    figures f = {.replay = &replay, .has_hashes = chosen->hash};
    mr_status status = mr_keys_load(config, MR_KEYS_OPTIONAL, &keys, ret_error);
    if (status == MR_OK)
        status = mr_plan_file_load(config->state.plan, &plan, ret_error);
    if (status == MR_OK) {
        const mr_replay_options options = {.config = config,
                                           .keys = &keys,
                                           .plan = plan,
                                           .events = events,
                                           .applies_late = chosen->backfill,
                                           .progress = show,
                                           .context = &progress};
        mr_progress_begin(&progress, "replay", "records", mr_replay_records_held(events));
        status = mr_replay_run(&options, &replay, ret_error);
        f.seconds = mr_progress_end(&progress, replay.records);
    }
    if (status == MR_OK && chosen->hash)
        status = take_hashes(&f);
    if (status == MR_OK && chosen->json)
        print_json(&f);
    else if (status == MR_OK)
        print_lines(&f);
    mr_replay_deinit(&replay);
    mr_plan_destroy(plan);
    mr_keys_deinit(&keys);
    return status;
}

static int run(const mr_command *command, int argc, char **argv)
{
    const char *path = NULL;
    switches chosen = {0};
    const mr_option options[] = {{"--config", &path, NULL},
                                 {"--hash", NULL, &chosen.hash},
                                 {"--backfill", NULL, &chosen.backfill},
                                 {"--json", NULL, &chosen.json}};
    mr_arguments arguments;
    int exit_code;
    if (!mr_arguments_parse(command, argc, argv, options,
                            sizeof(options) / sizeof(options[0]), &arguments, &exit_code))
        return exit_code;
    if (arguments.positional_count != 0)
        return mr_command_usage(command, "takes options alone");
    mr_log_quiet();

    mr_config config;
    mr_error error = {{0}};
    if (!mr_command_load_config(command, path, &config))
        return MR_EXIT_USAGE;
    mr_log *events = NULL;
    mr_status status = mr_topic_open(&config, MR_TOPICS_READ, config.log.topic,
                                     (uint32_t)config.log.partitions, &events, &error);
    if (status == MR_OK)
        status = replay_log(&config, events, &chosen, &error);
    mr_log_close(events);
    mr_config_deinit(&config);
    return status == MR_OK ? MR_EXIT_DONE : mr_command_failed(command, status, &error);
}

const mr_command mr_command_replay = {
    .name = "replay",
    .summary = "read the whole log into fresh state and print its figures and hashes",
    .help = help,
    .run = run,
};
