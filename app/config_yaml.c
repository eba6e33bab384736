#include "app/config_yaml.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

enum { DEPTH_MAX = 24, JSON_BYTES_MAX = 1 << 20 };

mr_status mr_yaml_load(const char *path, struct yaml_document_s *ret_document,
                       mr_error *ret_error)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return mr_error_set(ret_error, MR_ERR_NOT_FOUND, "%s: %s", path, strerror(errno));
    mr_status status = MR_OK;
    yaml_parser_t parser;
    if (yaml_parser_initialize(&parser) == 0) {
        (void)fclose(file);
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "out of memory");
    }
    yaml_parser_set_input_file(&parser, file);
    if (yaml_parser_load(&parser, ret_document) == 0)
        status = mr_error_set(ret_error, MR_ERR_INVALID, "%s:%zu: not YAML: %s", path,
                              parser.problem_mark.line + 1,
                              parser.problem != NULL ? parser.problem : "cannot read");
    yaml_parser_delete(&parser);
    (void)fclose(file);
    return status;
}

mr_text mr_yaml_text(const struct yaml_node_s *node)
{
    if (node == NULL || node->type != YAML_SCALAR_NODE)
        return (mr_text){0};
    return (mr_text){(const char *)node->data.scalar.value,
                     (uint32_t)node->data.scalar.length};
}

/* ---- To JSON ---- */

static bool is_json_number(mr_text text)
{
    mr_json *json = NULL;
    if (mr_json_parse(text, &json, NULL) != MR_OK)
        return false;
    const bool is_number = mr_json_is_number(mr_json_root(json));
    mr_json_destroy(json);
    return is_number;
}

static void put_scalar(mr_json_writer *writer, const yaml_node_t *node)
{
    const mr_text text = mr_yaml_text(node);
    const bool is_plain = node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (is_plain &&
        (text.length == 0 || mr_text_is(text, "null") || mr_text_is(text, "~")))
        mr_json_put_null(writer);
    else if (is_plain && (mr_text_is(text, "true") || mr_text_is(text, "false") ||
                          is_json_number(text)))
        mr_json_put_raw(writer, text);
    else
        mr_json_put_text(writer, text);
}

static mr_status put_node(yaml_document_t *document, const yaml_node_t *node, int depth,
                          mr_json_writer *writer, mr_error *ret_error);

static mr_status put_mapping(yaml_document_t *document, const yaml_node_t *node,
                             int depth, mr_json_writer *writer, mr_error *ret_error)
{
    mr_json_begin_object(writer);
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(document, pair->key);
        if (key == NULL || key->type != YAML_SCALAR_NODE)
            return mr_error_set(ret_error, MR_ERR_INVALID, "a key must be a text");
        mr_json_key_text(writer, mr_yaml_text(key));
        MR_TRY(put_node(document, yaml_document_get_node(document, pair->value),
                        depth + 1, writer, ret_error));
    }
    mr_json_end_object(writer);
    return MR_OK;
}

static mr_status put_sequence(yaml_document_t *document, const yaml_node_t *node,
                              int depth, mr_json_writer *writer, mr_error *ret_error)
{
    mr_json_begin_array(writer);
    for (const yaml_node_item_t *item = node->data.sequence.items.start;
         item < node->data.sequence.items.top; item++)
        MR_TRY(put_node(document, yaml_document_get_node(document, *item), depth + 1,
                        writer, ret_error));
    mr_json_end_array(writer);
    return MR_OK;
}

static mr_status put_node(yaml_document_t *document, const yaml_node_t *node, int depth,
                          mr_json_writer *writer, mr_error *ret_error)
{
    if (depth > DEPTH_MAX || writer->buffer->length > JSON_BYTES_MAX)
        return mr_error_set(ret_error, MR_ERR_INVALID, "is too deep or too large");
    if (node->type == YAML_MAPPING_NODE)
        return put_mapping(document, node, depth, writer, ret_error);
    if (node->type == YAML_SEQUENCE_NODE)
        return put_sequence(document, node, depth, writer, ret_error);
    put_scalar(writer, node);
    return MR_OK;
}

mr_status mr_yaml_to_json(struct yaml_document_s *document,
                          const struct yaml_node_s *node, mr_buffer *json,
                          mr_error *ret_error)
{
    mr_json_writer writer = mr_json_writer_of(json);
    MR_TRY(put_node(document, node, 0, &writer, ret_error));
    return mr_buffer_status(json);
}

/* ---- Lines ---- */

/* Whether the path begins with the key, as a whole step. */
static bool begins_with(mr_text path, mr_text key)
{
    return key.length > 0 && key.length <= path.length &&
           memcmp(path.bytes, key.bytes, key.length) == 0 &&
           (key.length == path.length || path.bytes[key.length] == '.' ||
            path.bytes[key.length] == '[');
}

static mr_text behind(mr_text path, uint32_t bytes)
{
    path.bytes += bytes;
    path.length -= bytes;
    if (path.length > 0 && path.bytes[0] == '.') {
        path.bytes++;
        path.length--;
    }
    return path;
}

/* A key may hold dots itself: the longest that fits is taken. */
static const yaml_node_t *step_into_mapping(yaml_document_t *document,
                                            const yaml_node_t *node, mr_text *path,
                                            size_t *line)
{
    const yaml_node_t *next = NULL;
    uint32_t longest = 0;
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(document, pair->key);
        const mr_text text = mr_yaml_text(key);
        if (!begins_with(*path, text) || text.length <= longest)
            continue;
        longest = text.length;
        next = yaml_document_get_node(document, pair->value);
        *line = key->start_mark.line + 1;
    }
    if (next != NULL)
        *path = behind(*path, longest);
    return next;
}

/* "[12]" */
static const yaml_node_t *step_into_sequence(yaml_document_t *document,
                                             const yaml_node_t *node, mr_text *path,
                                             size_t *line)
{
    const char *end = path->length > 0 ? memchr(path->bytes, ']', path->length) : NULL;
    int64_t index = 0;
    if (end == NULL || path->bytes[0] != '[' ||
        mr_text_to_int64((mr_text){path->bytes + 1, (uint32_t)(end - path->bytes) - 1},
                         &index) != MR_OK ||
        index < 0 ||
        index >= node->data.sequence.items.top - node->data.sequence.items.start)
        return NULL;
    const yaml_node_t *next =
        yaml_document_get_node(document, node->data.sequence.items.start[index]);
    *line = next->start_mark.line + 1;
    *path = behind(*path, (uint32_t)(end - path->bytes) + 1);
    return next;
}

size_t mr_yaml_line_of(struct yaml_document_s *document, const struct yaml_node_s *node,
                       mr_text path)
{
    size_t line = node->start_mark.line + 1;
    while (node != NULL && path.length > 0) {
        if (node->type == YAML_MAPPING_NODE)
            node = step_into_mapping(document, node, &path, &line);
        else if (node->type == YAML_SEQUENCE_NODE)
            node = step_into_sequence(document, node, &path, &line);
        else
            node = NULL;
    }
    return line;
}
