#include "app/config_placements.h"

#include "app/config_yaml.h"
#include "serving/rules_json.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

enum { DEFAULT_N = 20 };

/* A placement that is being read. */
typedef struct reading {
    yaml_document_t *document;
    const yaml_node_t *node;
    const char *file;
    size_t line; /* of the name */
    mr_text name;
    mr_config *config;
    mr_error *error;
} reading;

/* `path` is within the placement; empty: the placement itself. */
static mr_status complain(const reading *r, size_t line, const char *path,
                          const char *what)
{
    return mr_error_set(r->error, MR_ERR_INVALID, "%s:%zu: placements.%.*s%s%s: %s",
                        r->file, line, MR_TEXT_ARG(r->name), path[0] != '\0' ? "." : "",
                        path, what);
}

/* What is in force, as the request's JSON has it: n and purchased, then what was given. */
static void put_settings(mr_json_writer *writer, mr_json_value *given, uint32_t n)
{
    size_t cursor = 0;
    mr_text name;
    mr_json_value *value;
    mr_json_begin_object(writer);
    mr_json_key(writer, "n");
    mr_json_put_uint(writer, n);
    mr_json_key(writer, "purchased");
    mr_json_put_text(writer,
                     mr_json_text(mr_json_get(given, "purchased"), MR_TEXT("always")));
    while (mr_json_next(given, &cursor, &name, &value)) {
        if (mr_text_is(name, "n") || mr_text_is(name, "purchased"))
            continue;
        mr_json_key_text(writer, name);
        mr_json_put_value(writer, value);
    }
    mr_json_end_object(writer);
}

static mr_status keep_settings(mr_config *config, mr_json_value *given,
                               mr_placement *placement)
{
    mr_buffer text = {0};
    mr_json_writer writer = mr_json_writer_of(&text);
    put_settings(&writer, given, placement->n);
    mr_status status = mr_buffer_status(&text);
    if (status == MR_OK) {
        placement->settings = mr_arena_copy(
            config->arena, (mr_text){(const char *)text.bytes, (uint32_t)text.length});
        status = placement->settings.bytes == NULL ? MR_ERR_NO_MEMORY : MR_OK;
    }
    mr_buffer_deinit(&text);
    return status;
}

static mr_status read_settings(const reading *r, mr_json_value *given,
                               mr_placement *placement)
{
    mr_field_error error = {{0}, {0}};
    const mr_status status =
        mr_placement_json_read(given, r->config->arena, placement, &error);
    if (status == MR_ERR_INVALID)
        return complain(r,
                        mr_yaml_line_of(r->document, r->node, mr_text_from(error.field)),
                        error.field, error.message);
    MR_TRY(status);
    return keep_settings(r->config, given, placement);
}

static mr_status read_json(const reading *r, mr_text text, mr_placement *placement)
{
    mr_json *json = NULL;
    mr_error why = {{0}};
    const mr_status parsed = mr_json_parse(text, &json, &why);
    if (parsed != MR_OK) /* a text that is not UTF-8, say */
        return parsed == MR_ERR_NO_MEMORY ? parsed
                                          : complain(r, r->line, "", why.message);
    const mr_status status = read_settings(r, mr_json_root(json), placement);
    mr_json_destroy(json);
    return status;
}

static mr_status read_node(const reading *r, mr_placement *placement)
{
    mr_buffer text = {0};
    mr_error why = {{0}};
    mr_status status = mr_yaml_to_json(r->document, r->node, &text, &why);
    if (status == MR_ERR_INVALID)
        status = complain(r, r->line, "", why.message);
    else if (status == MR_OK)
        status = read_json(r, (mr_text){(const char *)text.bytes, (uint32_t)text.length},
                           placement);
    mr_buffer_deinit(&text);
    return status;
}

static mr_placement fresh_placement(mr_text name)
{
    mr_placement placement = {.n = DEFAULT_N, .purchased = MR_PURCHASED_HIDE};
    (void)snprintf(placement.name, sizeof(placement.name), "%.*s", MR_TEXT_ARG(name));
    return placement;
}

static mr_status read_placement(const reading *r)
{
    mr_config *config = r->config;
    mr_placement placement = fresh_placement(r->name);
    mr_error why = {{0}};
    if (r->name.length > MR_PLACEMENT_NAME_BYTES_MAX ||
        mr_placement_check(&placement, &why) != MR_OK)
        return complain(r, r->line, "", "a name is 1 to 32 of a-z, 0-9, _ and -");
    if (mr_placement_find(config->placements, config->placement_count, r->name) != NULL)
        return complain(r, r->line, "", "is there twice");
    if (config->placement_count == MR_PLACEMENTS_MAX)
        return complain(r, r->line, "", "is one placement too many");
    if (r->node->type != YAML_MAPPING_NODE)
        return complain(r, r->line, "", "must be a mapping such as {n: 20}");
    const mr_status status = read_node(r, &placement);
    if (status == MR_ERR_NO_MEMORY)
        return mr_error_set(r->error, status, "out of memory");
    MR_TRY(status);
    config->placements[config->placement_count++] = placement;
    return MR_OK;
}

mr_status mr_config_placements_read(struct yaml_document_s *document,
                                    const struct yaml_node_s *node, const char *file,
                                    mr_config *config, mr_error *ret_error)
{
    reading r = {
        .document = document, .file = file, .config = config, .error = ret_error};
    if (node->type != YAML_MAPPING_NODE)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "%s:%zu: placements: must be a mapping of names", file,
                            node->start_mark.line + 1);
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(document, pair->key);
        r.name = mr_yaml_text(key);
        r.line = key->start_mark.line + 1;
        r.node = yaml_document_get_node(document, pair->value);
        MR_TRY(read_placement(&r));
    }
    return MR_OK;
}

void mr_config_placements_default(mr_config *config)
{
    mr_placement home = fresh_placement(MR_TEXT("home"));
    home.purchased = MR_PURCHASED_SHOW;
    home.settings = MR_TEXT("{\"n\":20,\"purchased\":\"never\"}");
    config->placements[config->placement_count++] = home;
}
