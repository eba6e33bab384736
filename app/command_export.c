#include "app/analytics_request.h"
#include "app/command.h"
#include "app/keys.h"
#include "app/plan_file.h"
#include "app/table_rows.h"
#include "app/training_export.h"
#include "models/npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PAGE_MEMBERS = 5000,
    PAGE_USERS = 2000,
    PATH_BYTES = 4096,
    PAIRS = 1000,
    NUMBER_MAX = 10000
};

static const char help[] =
    "usage: millrace export features [--format csv|ndjson|npy] [--output FILE]\n"
    "       millrace export audience NAME [--format csv|ndjson] [--output FILE]\n"
    "       millrace export analytics NAME [OPTIONS] [--format json|csv|ndjson]\n"
    "       millrace export training [--at DAYS] [--window TIME]\n"
    "                       [--from-day-files | --compare] [--format csv|ndjson]\n"
    "\n"
    "Writes what the newest checkpoints hold, also while the engine runs: the vector\n"
    "that models read of each known user; the members of an audience (GET /v1/audiences\n"
    "has their names, lifecycle.dormant among them); or one of activity, lifecycle,\n"
    "retention, funnels, revenue, associations, attribution and quality, with the\n"
    "options of the API.\n"
    "training: a row for each user who was there on a day, as a model would have seen\n"
    "the user at its end, and whether no purchase followed.\n"
    "\n"
    "  --format F     csv (the usual for features and audience), ndjson, or json (for\n"
    "                 analytics); npy: FILE.npy, float32, a row a user, and\n"
    "                 FILE.users.csv\n"
    "  --output FILE  instead of standard output\n"
    "  --config FILE  the YAML file; without it the embedded state in data/checkpoints\n"
    "\n"
    "analytics:\n"
    "  --period P     day, week or month        --periods N    how many of them\n"
    "  --of KIND      any or purchase           --audience A   only its members\n"
    "  --retention M  n_day, unbounded, bracket --brackets B   1-7,8-30\n"
    "  --clock C      calendar or rolling       --cohort C     first or recurring\n"
    "  --start TYPE   what begins               --return TYPE  what counts as a return\n"
    "  --steps LIST   view,cart_add,purchase    --window W     7d, 24h, 30m\n"
    "  --anchor A     latest or first           --columns N    of retention, n from 0\n"
    "  --item ID      pairs with this item      --limit N      of pairs, at most\n"
    "  --by PART      revenue by hour, category or channel\n"
    "\n"
    "training:\n"
    "  --at DAYS         2026-11-30,2026-12-31; without it every day with a day file\n"
    "  --window TIME     whoever buys nothing for so long after the day is lost,\n"
    "                    label 1 (models.training_window)\n"
    "  --from-day-files  what the engine wrote; without it the log is replayed\n"
    "  --compare         both, and how many rows differ: rows=N mismatch=M\n"
    "\n"
    "example: millrace export audience segment.win_back --output win_back.csv\n";

typedef struct choices {
    const char *format;
    const char *output;
    const char *config;
    const char *period;
    const char *periods;
    const char *of;
    const char *by;
    const char *audience;
    const char *retention;
    const char *brackets;
    const char *clock;
    const char *cohort;
    const char *start;
    const char *back;
    const char *steps;
    const char *window;
    const char *anchor;
    const char *columns;
    const char *item;
    const char *limit;
} choices;

typedef struct export
{
    const mr_command *command;
    const choices *chosen;
    mr_config config;
    mr_keys keys;
    mr_plan *plan;
    mr_census *census;
    FILE *out;
}
export;

static mr_text text_of(const char *value)
{
    return value != NULL ? mr_text_from(value) : (mr_text){0};
}

static bool is_format(const export *e, const char *format)
{
    return strcmp(e->chosen->format, format) == 0;
}

static mr_table_form form_of(const export *e)
{
    return is_format(e, "csv") ? MR_TABLE_CSV : MR_TABLE_NDJSON;
}

/* A written array as lines of a table. */
static mr_status put_rows(mr_table_rows *rows, const mr_buffer *json, const char *member)
{
    mr_json *document = NULL;
    const mr_text text = {(const char *)json->bytes, (uint32_t)json->length};
    MR_TRY(mr_buffer_status(json));
    MR_TRY(mr_json_parse(text, &document, NULL));
    mr_json_value *root = mr_json_root(document);
    const mr_status status =
        mr_table_rows_put(rows, member != NULL ? mr_json_get(root, member) : root);
    mr_json_destroy(document);
    return status;
}

/* ---- features ---- */

typedef struct vectors {
    export *e;
    mr_table_rows rows;
    mr_buffer json; /* of a page */
    mr_json_writer writer;
    size_t in_page;
    float *matrix; /* of npy */
    size_t count;
    size_t capacity;
} vectors;

static mr_status flush(vectors *v)
{
    mr_json_end_array(&v->writer);
    const mr_status status = put_rows(&v->rows, &v->json, NULL);
    mr_buffer_clear(&v->json);
    v->writer = mr_json_writer_of(&v->json);
    mr_json_begin_array(&v->writer);
    v->in_page = 0;
    return status;
}

static mr_status keep_vector(vectors *v, const float *vector, size_t width)
{
    if (v->count == v->capacity) {
        const size_t capacity = v->capacity == 0 ? 1024 : 2 * v->capacity;
        float *matrix = realloc(v->matrix, capacity * width * sizeof(*matrix));
        if (matrix == NULL)
            return MR_ERR_NO_MEMORY;
        v->matrix = matrix;
        v->capacity = capacity;
    }
    memcpy(v->matrix + v->count++ * width, vector, width * sizeof(*vector));
    return MR_OK;
}

static mr_status export_user(void *context, const mr_shard *shard, uint32_t row)
{
    vectors *v = context;
    float vector[MR_PLAN_COLUMNS_MAX];
    const mr_plan *plan = v->e->plan;
    const size_t width = mr_plan_vector_width(plan);
    if (mr_shard_is_anonymous(shard, row))
        return MR_OK;
    mr_shard_vector(shard, row, v->e->census->at_ms, vector);
    mr_json_begin_object(&v->writer);
    mr_json_key(&v->writer, "user_id");
    mr_json_put_text(&v->writer, mr_shard_user_id(shard, row));
    for (size_t c = 0; c < width && !is_format(v->e, "npy"); c++) {
        mr_json_key(&v->writer, mr_plan_vector_column(plan, c)->name);
        mr_json_put_double(&v->writer, (double)vector[c]);
    }
    mr_json_end_object(&v->writer);
    if (is_format(v->e, "npy"))
        MR_TRY(keep_vector(v, vector, width));
    return ++v->in_page == PAGE_USERS ? flush(v) : MR_OK;
}

static mr_status write_matrix(const vectors *v, mr_error *error)
{
    char path[PATH_BYTES];
    const uint64_t shape[2] = {v->count, mr_plan_vector_width(v->e->plan)};
    (void)snprintf(path, sizeof(path), "%s.npy", v->e->chosen->output);
    return mr_npy_write(path, MR_NPY_F4, 2, shape, v->matrix, 0, error);
}

static mr_status export_features(export *e, mr_error *error)
{
    vectors v = {.e = e};
    v.rows = mr_table_rows_to(e->out, is_format(e, "npy") ? MR_TABLE_CSV : form_of(e));
    v.writer = mr_json_writer_of(&v.json);
    mr_json_begin_array(&v.writer);
    mr_status status = mr_census_walk(e->census, export_user, &v);
    if (status == MR_OK)
        status = flush(&v);
    if (status == MR_OK && is_format(e, "npy"))
        status = write_matrix(&v, error);
    mr_table_rows_deinit(&v.rows);
    mr_buffer_deinit(&v.json);
    free(v.matrix);
    return status;
}

/* ---- an audience ---- */

static mr_status export_page(export *e, const mr_audience *audience, mr_table_rows *rows,
                             char cursor[MR_AUDIENCE_CURSOR_BYTES])
{
    char next[MR_AUDIENCE_CURSOR_BYTES];
    mr_buffer json = {0};
    mr_json_writer writer = mr_json_writer_of(&json);
    const mr_audience_page page = {mr_text_from(cursor), PAGE_MEMBERS};
    mr_json_begin_array(&writer);
    mr_status status =
        mr_audience_write_members(e->census, audience, &page, &writer, next);
    mr_json_end_array(&writer);
    if (status == MR_OK)
        status = put_rows(rows, &json, NULL);
    memcpy(cursor, next, sizeof(next));
    mr_buffer_deinit(&json);
    return status;
}

static mr_status export_audience(export *e, const char *name, mr_error *error)
{
    mr_audience audience;
    char cursor[MR_AUDIENCE_CURSOR_BYTES] = "";
    if (!mr_audience_find(e->plan, mr_text_from(name), &audience))
        return mr_error_set(error, MR_ERR_INVALID,
                            "there is no audience '%s'; there are such as "
                            "lifecycle.dormant, member_level.gold, rfm.champions and "
                            "segment.win_back",
                            name);
    mr_table_rows rows = mr_table_rows_to(e->out, form_of(e));
    mr_status status;
    do {
        status = export_page(e, &audience, &rows, cursor);
    } while (status == MR_OK && cursor[0] != '\0');
    mr_table_rows_deinit(&rows);
    return status;
}

/* ---- analytics ---- */

/* What can be asked for, and the member of the answer that becomes rows. */
static const struct {
    const char *name;
    const char *rows;
    const char *parted_rows; /* with --by */
} analytics[] = {
    {"activity", "periods", NULL},    {"lifecycle", "periods", NULL},
    {"retention", "cohorts", NULL},   {"funnels", "steps", NULL},
    {"revenue", "periods", "groups"}, {"associations", "associations", NULL},
    {"attribution", "shown", NULL},   {"quality", "items", NULL},
};

/* NULL: there is no such analytics. */
static const char *rows_member(const char *name, bool is_parted)
{
    for (size_t i = 0; i < sizeof(analytics) / sizeof(analytics[0]); i++) {
        if (strcmp(analytics[i].name, name) == 0)
            return is_parted && analytics[i].parted_rows != NULL
                       ? analytics[i].parted_rows
                       : analytics[i].rows;
    }
    return NULL;
}

/* Absent: left as it is. */
static mr_status read_number(const char *option, const char *value, int64_t *ret_number,
                             mr_error *error)
{
    if (value == NULL)
        return MR_OK;
    return mr_text_to_int64(mr_text_from(value), ret_number) == MR_OK &&
                   *ret_number >= 1 && *ret_number <= NUMBER_MAX
               ? MR_OK
               : mr_error_set(error, MR_ERR_INVALID, "%s: must be a number from 1 to %d",
                              option, NUMBER_MAX);
}

static mr_status export_analytics(export *e, const char *name, mr_error *error)
{
    const choices *c = e->chosen;
    int64_t periods = 0;
    int64_t columns = 0;
    int64_t limit = PAIRS;
    const char *member = rows_member(name, c->by != NULL);
    if (member == NULL)
        return mr_error_set(error, MR_ERR_INVALID,
                            "'%s' is none of activity, lifecycle, retention, funnels, "
                            "revenue, associations, attribution and quality",
                            name);
    MR_TRY(read_number("--periods", c->periods, &periods, error));
    MR_TRY(read_number("--columns", c->columns, &columns, error));
    MR_TRY(read_number("--limit", c->limit, &limit, error));
    const mr_analytics_request request = {.name = name,
                                          .period = text_of(c->period),
                                          .of = text_of(c->of),
                                          .by = text_of(c->by),
                                          .measure = text_of(c->retention),
                                          .clock = text_of(c->clock),
                                          .cohort = text_of(c->cohort),
                                          .anchor = text_of(c->anchor),
                                          .audience = text_of(c->audience),
                                          .brackets = text_of(c->brackets),
                                          .start = text_of(c->start),
                                          .back = text_of(c->back),
                                          .steps = text_of(c->steps),
                                          .window = text_of(c->window),
                                          .item = text_of(c->item),
                                          .periods = periods,
                                          .columns = columns,
                                          .limit = limit,
                                          .least = 3};
    mr_buffer json = {0};
    mr_json_writer writer = mr_json_writer_of(&json);
    mr_status status = mr_analytics_answer(e->census, &request, &writer, error);
    if (status == MR_OK && is_format(e, "json")) {
        mr_buffer_put_u8(&json, '\n');
        status = fwrite(json.bytes, 1, json.length, e->out) == json.length
                     ? mr_buffer_status(&json)
                     : MR_ERR_UNAVAILABLE;
    } else if (status == MR_OK) {
        mr_table_rows rows = mr_table_rows_to(e->out, form_of(e));
        status = put_rows(&rows, &json, member);
        mr_table_rows_deinit(&rows);
    }
    mr_buffer_deinit(&json);
    return status;
}

/* ---- the command ---- */

static mr_status open_all(export *e, mr_error *error)
{
    MR_TRY(mr_keys_load(&e->config, MR_KEYS_OPTIONAL, &e->keys, error));
    MR_TRY(mr_plan_file_load(e->config.state.plan, &e->plan, error));
    const mr_census_source source = {
        .config = &e->config, .plan = e->plan, .key = &e->keys.hash};
    return mr_census_open(&source, &e->census, error);
}

static mr_status open_output(export *e, mr_error *error)
{
    char path[PATH_BYTES];
    e->out = stdout;
    if (e->chosen->output == NULL)
        return MR_OK;
    (void)snprintf(path, sizeof(path), "%s%s", e->chosen->output,
                   is_format(e, "npy") ? ".users.csv" : "");
    e->out = fopen(path, "we");
    return e->out != NULL
               ? MR_OK
               : mr_error_set(error, MR_ERR_UNAVAILABLE, "%s cannot be written", path);
}

static mr_status close_output(export *e, mr_status status, mr_error *error)
{
    const bool is_written =
        e->out == NULL || (e->out == stdout ? fflush(stdout) : fclose(e->out)) == 0;
    if (status == MR_OK && !is_written)
        return mr_error_set(error, MR_ERR_UNAVAILABLE, "not all could be written");
    return status;
}

static int export_it(export *e, const mr_arguments *arguments)
{
    const char *what = arguments->positionals[0];
    const char *name = arguments->positionals[1];
    mr_error error = {{0}};
    mr_status status = open_all(e, &error);
    if (status == MR_OK)
        status = open_output(e, &error);
    if (status == MR_OK)
        status = strcmp(what, "features") == 0   ? export_features(e, &error)
                 : strcmp(what, "audience") == 0 ? export_audience(e, name, &error)
                                                 : export_analytics(e, name, &error);
    status = close_output(e, status, &error);
    mr_census_close(e->census);
    mr_plan_destroy(e->plan);
    mr_keys_deinit(&e->keys);
    return status == MR_OK ? MR_EXIT_DONE : mr_command_failed(e->command, status, &error);
}

static int run(const mr_command *command, int argc, char **argv)
{
    choices c = {0};
    const mr_option options[] = {
        {"--format", &c.format, NULL},     {"--output", &c.output, NULL},
        {"--config", &c.config, NULL},     {"--period", &c.period, NULL},
        {"--periods", &c.periods, NULL},   {"--of", &c.of, NULL},
        {"--audience", &c.audience, NULL}, {"--retention", &c.retention, NULL},
        {"--brackets", &c.brackets, NULL}, {"--clock", &c.clock, NULL},
        {"--cohort", &c.cohort, NULL},     {"--start", &c.start, NULL},
        {"--return", &c.back, NULL},       {"--steps", &c.steps, NULL},
        {"--window", &c.window, NULL},     {"--anchor", &c.anchor, NULL},
        {"--columns", &c.columns, NULL},   {"--item", &c.item, NULL},
        {"--limit", &c.limit, NULL},       {"--by", &c.by, NULL}};
    mr_arguments arguments;
    int exit_code;
    if (argc > 0 && strcmp(argv[0], "training") == 0)
        return mr_training_export(command, argc, argv);
    if (!mr_arguments_parse(command, argc, argv, options,
                            sizeof(options) / sizeof(options[0]), &arguments, &exit_code))
        return exit_code;
    const char *what = arguments.positional_count > 0 ? arguments.positionals[0] : "";
    const bool is_features = strcmp(what, "features") == 0;
    const bool is_counted = strcmp(what, "analytics") == 0;
    if (!is_features && !is_counted && strcmp(what, "audience") != 0)
        return mr_command_usage(
            command, "what to export: features, audience, analytics or training");
    if (arguments.positional_count != (is_features ? 1U : 2U))
        return mr_command_usage(
            command, is_features ? "features takes no name" : "%s takes one name", what);
    if (c.format == NULL)
        c.format = is_counted ? "json" : "csv";
    const bool is_known = strcmp(c.format, "csv") == 0 ||
                          strcmp(c.format, "ndjson") == 0 ||
                          (is_counted && strcmp(c.format, "json") == 0) ||
                          (is_features && strcmp(c.format, "npy") == 0);
    if (!is_known)
        return mr_command_usage(command, "--format: %s cannot be written as '%s'", what,
                                c.format);
    if (strcmp(c.format, "npy") == 0 && c.output == NULL)
        return mr_command_usage(command, "--format npy needs --output");
    export e = {.command = command, .chosen = &c};
    if (!mr_command_load_config(command, c.config, &e.config))
        return MR_EXIT_USAGE;
    exit_code = export_it(&e, &arguments);
    mr_config_deinit(&e.config);
    return exit_code;
}

const mr_command mr_command_export = {
    .name = "export",
    .summary = "write features, an audience, analytics or training rows to a file",
    .help = help,
    .run = run,
};
