#include "app/config.h"

#include "app/config_placements.h"
#include "app/config_schema.h"
#include "app/config_yaml.h"
#include "core/file.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include <yaml.h>

extern char **environ;

#define ONE_TOPIC                                                                        \
    "is one topic, so that each user's events have one order; copy several together "    \
    "into one keyed by user_id, else anonymous_id (docs/EVENTS.md)"

enum { SECRET_BYTES = 32, NAME_BYTES_MAX = 256, PLACEMENTS_ARENA_BYTES = 4096 };

/* Where a problem stands, for messages of the form file:line: key: … */
typedef struct place {
    const char *file;
    size_t line; /* 0: not from the file */
    char key[NAME_BYTES_MAX];
} place;

static mr_status complain(const place *where, mr_error *ret_error, const char *what)
{
    if (where->line > 0)
        return mr_error_set(ret_error, MR_ERR_INVALID, "%s:%zu: %s: %s", where->file,
                            where->line, where->key, what);
    return mr_error_set(ret_error, MR_ERR_INVALID, "%s: %s", where->key, what);
}

static mr_status set_text(char **ret_text, mr_text value)
{
    char *copy = strndup(value.bytes != NULL ? value.bytes : "", value.length);
    if (copy == NULL)
        return MR_ERR_NO_MEMORY;
    free(*ret_text);
    *ret_text = copy;
    return MR_OK;
}

static mr_status add_kafka(mr_config *config, mr_text name, mr_text value)
{
    for (size_t i = 0; i < config->log.kafka_count; i++)
        if (mr_text_is(name, config->log.kafka[i].name))
            return set_text(&config->log.kafka[i].value, value);
    if (config->log.kafka_count == MR_CONFIG_KAFKA_SETTINGS_MAX)
        return MR_ERR_FULL;
    mr_config_setting *setting = &config->log.kafka[config->log.kafka_count];
    MR_TRY(set_text(&setting->name, name));
    MR_TRY(set_text(&setting->value, value));
    config->log.kafka_count++;
    return MR_OK;
}

static mr_status read_kafka(yaml_document_t *document, const yaml_node_t *node,
                            place *where, mr_config *config, mr_error *ret_error)
{
    if (node->type != YAML_MAPPING_NODE)
        return complain(where, ret_error, "must be a mapping of librdkafka keys");
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(document, pair->key);
        const yaml_node_t *value = yaml_document_get_node(document, pair->value);
        where->line = key->start_mark.line + 1;
        (void)snprintf(where->key, sizeof(where->key), "log.kafka.%.*s",
                       MR_TEXT_ARG(mr_yaml_text(key)));
        if (value->type != YAML_SCALAR_NODE)
            return complain(where, ret_error, "must be a single value");
        if (add_kafka(config, mr_yaml_text(key), mr_yaml_text(value)) != MR_OK)
            return complain(where, ret_error, "too many librdkafka keys");
    }
    return MR_OK;
}

static mr_status read_section(yaml_document_t *document, mr_text section,
                              const yaml_node_t *node, place *where, mr_config *config,
                              mr_error *ret_error)
{
    if (node->type != YAML_MAPPING_NODE)
        return complain(where, ret_error, "must be a mapping");
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(document, pair->key);
        const yaml_node_t *value = yaml_document_get_node(document, pair->value);
        where->line = key->start_mark.line + 1;
        (void)snprintf(where->key, sizeof(where->key), "%.*s.%.*s", MR_TEXT_ARG(section),
                       MR_TEXT_ARG(mr_yaml_text(key)));
        if (mr_text_is(section, "log") && mr_text_is(mr_yaml_text(key), "kafka")) {
            MR_TRY(read_kafka(document, value, where, config, ret_error));
            continue;
        }
        const mr_config_field *field = mr_config_field_find(section, mr_yaml_text(key));
        if (field == NULL)
            return complain(where, ret_error,
                            "unknown key; docs/CONFIGURATION.md lists them all");
        if (value->type != YAML_SCALAR_NODE)
            return complain(where, ret_error,
                            field->offset == offsetof(mr_config, log.topic)
                                ? ONE_TOPIC
                                : "must be a single value");
        mr_error why = {{0}};
        if (mr_config_field_set(field, config, mr_yaml_text(value), &why) != MR_OK)
            return complain(where, ret_error, why.message);
    }
    return MR_OK;
}

static mr_status read_document(yaml_document_t *document, const char *path,
                               mr_config *config, mr_error *ret_error)
{
    const yaml_node_t *root = yaml_document_get_root_node(document);
    if (root == NULL) /* an empty file is all defaults */
        return MR_OK;
    if (root->type != YAML_MAPPING_NODE)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "%s:1: must be a mapping of sections", path);
    for (yaml_node_pair_t *pair = root->data.mapping.pairs.start;
         pair < root->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(document, pair->key);
        const yaml_node_t *value = yaml_document_get_node(document, pair->value);
        place where = {.file = path, .line = key->start_mark.line + 1};
        (void)snprintf(where.key, sizeof(where.key), "%.*s",
                       MR_TEXT_ARG(mr_yaml_text(key)));
        if (!mr_config_section_known(mr_yaml_text(key)))
            return complain(&where, ret_error,
                            "unknown section; there are log, cache, state, models, http, "
                            "security and placements");
        if (mr_text_is(mr_yaml_text(key), "placements"))
            MR_TRY(mr_config_placements_read(document, value, path, config, ret_error));
        else
            MR_TRY(read_section(document, mr_yaml_text(key), value, &where, config,
                                ret_error));
    }
    return MR_OK;
}

static mr_status read_file(const char *path, mr_config *config, mr_error *ret_error)
{
    yaml_document_t document;
    MR_TRY(mr_yaml_load(path, &document, ret_error));
    const mr_status status = read_document(&document, path, config, ret_error);
    yaml_document_delete(&document);
    return status;
}

/* MILLRACE_LOG_KAFKA_BOOTSTRAP_SERVERS=… is bootstrap.servers. */
static mr_status read_kafka_variable(const char *name, const char *value,
                                     mr_config *config)
{
    char key[NAME_BYTES_MAX];
    size_t length = 0;
    for (; name[length] != '\0' && length < sizeof(key) - 1; length++)
        key[length] =
            name[length] == '_' ? '.' : (char)tolower((unsigned char)name[length]);
    key[length] = '\0';
    return add_kafka(config, mr_text_from(key), mr_text_from(value));
}

static mr_status read_environment(mr_config *config, mr_error *ret_error)
{
    static const char kafka[] = "MILLRACE_LOG_KAFKA_";
    for (char **entry = environ; *entry != NULL; entry++) {
        const char *equals = strchr(*entry, '=');
        if (equals == NULL || strncmp(*entry, kafka, sizeof(kafka) - 1) != 0)
            continue;
        char name[NAME_BYTES_MAX];
        (void)snprintf(name, sizeof(name), "%.*s",
                       (int)(equals - *entry - (ptrdiff_t)(sizeof(kafka) - 1)),
                       *entry + sizeof(kafka) - 1);
        if (read_kafka_variable(name, equals + 1, config) != MR_OK)
            return mr_error_set(ret_error, MR_ERR_INVALID, "too many librdkafka keys");
    }
    for (size_t i = 0; i < mr_config_field_count; i++) {
        const mr_config_field *field = &mr_config_fields[i];
        char name[NAME_BYTES_MAX];
        int length =
            snprintf(name, sizeof(name), "MILLRACE_%s_%s", field->section, field->key);
        for (int j = 0; j < length; j++)
            name[j] = (char)toupper((unsigned char)name[j]);
        const char *value = getenv(name);
        if (value == NULL)
            continue;
        mr_error why = {{0}};
        if (mr_config_field_set(field, config, mr_text_from(value), &why) != MR_OK)
            return mr_error_set(ret_error, MR_ERR_INVALID, "%s: %s", name, why.message);
    }
    return MR_OK;
}

/* What no single key can see. */
static mr_status check_together(const mr_config *config, mr_error *ret_error)
{
    if (strpbrk(config->log.topic, ", ;") != NULL)
        return mr_error_set(ret_error, MR_ERR_INVALID, "log.topic: '%s': " ONE_TOPIC,
                            config->log.topic);
    if (config->log.kind == MR_KIND_REMOTE) {
        bool has_servers = false;
        for (size_t i = 0; i < config->log.kafka_count; i++)
            has_servers |= strcmp(config->log.kafka[i].name, "bootstrap.servers") == 0;
        if (!has_servers)
            return mr_error_set(
                ret_error, MR_ERR_INVALID,
                "log.kafka: log.kind is kafka, so bootstrap.servers is needed");
    } else if (config->log.mode == 1) {
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "log.mode: group needs log.kind: kafka");
    }
    if ((config->http.tls_certificate[0] == '\0') != (config->http.tls_key[0] == '\0'))
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "http: tls_certificate and tls_key go together");
    return MR_OK;
}

mr_status mr_config_load(const char *path, mr_config *ret_config, mr_error *ret_error)
{
    mr_config config = {0};
    mr_status status = MR_OK;
    config.arena = mr_arena_create(PLACEMENTS_ARENA_BYTES);
    if (config.arena == NULL)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < mr_config_field_count && status == MR_OK; i++)
        status =
            mr_config_field_set(&mr_config_fields[i], &config,
                                mr_text_from(mr_config_fields[i].fallback), ret_error);
    if (status == MR_OK && path != NULL)
        status = read_file(path, &config, ret_error);
    if (status == MR_OK)
        status = read_environment(&config, ret_error);
    if (status == MR_OK)
        status = check_together(&config, ret_error);
    if (status == MR_OK && config.placement_count == 0)
        mr_config_placements_default(&config);
    if (status != MR_OK) {
        mr_config_deinit(&config);
        return status;
    }
    *ret_config = config;
    return MR_OK;
}

void mr_config_deinit(mr_config *config)
{
    for (size_t i = 0; i < mr_config_field_count; i++) {
        const mr_config_field *field = &mr_config_fields[i];
        if (field->kind == MR_FIELD_TEXT || field->kind == MR_FIELD_SECRET)
            free(*(char **)(void *)((char *)config + field->offset));
    }
    for (size_t i = 0; i < MR_CONFIG_KAFKA_SETTINGS_MAX; i++) {
        free(config->log.kafka[i].name);
        free(config->log.kafka[i].value);
    }
    mr_arena_destroy(config->arena);
    memset(config, 0, sizeof(*config));
}

/* The N-th of "a|b|c". */
static mr_text word_at(const char *words, int64_t index)
{
    while (index-- > 0)
        words = strchr(words, '|') + 1;
    return (mr_text){words, (uint32_t)strcspn(words, "|")};
}

static void print_field(const mr_config *config, const mr_config_field *field,
                        mr_json_writer *writer)
{
    const void *value = (const char *)config + field->offset;
    mr_json_key(writer, field->key);
    switch (field->kind) {
    case MR_FIELD_TEXT: mr_json_put_string(writer, *(char *const *)value); break;
    case MR_FIELD_SECRET: mr_json_put_string(writer, "***"); break;
    case MR_FIELD_WORD:
        mr_json_put_text(writer, word_at(field->words, *(const int64_t *)value));
        break;
    default: mr_json_put_int(writer, *(const int64_t *)value);
    }
}

static bool is_secret_setting(const char *name)
{
    return strstr(name, "password") != NULL || strstr(name, "secret") != NULL ||
           strstr(name, ".pem") != NULL || strstr(name, "jaas") != NULL;
}

static void print_kafka(const mr_config *config, mr_json_writer *writer)
{
    mr_json_key(writer, "kafka");
    mr_json_begin_object(writer);
    for (size_t i = 0; i < config->log.kafka_count; i++) {
        const mr_config_setting *setting = &config->log.kafka[i];
        mr_json_key(writer, setting->name);
        mr_json_put_string(writer,
                           is_secret_setting(setting->name) ? "***" : setting->value);
    }
    mr_json_end_object(writer);
}

void mr_config_print(const mr_config *config, mr_json_writer *writer)
{
    mr_json_begin_object(writer);
    for (size_t i = 0; i < mr_config_field_count; i++) {
        const mr_config_field *field = &mr_config_fields[i];
        if (i == 0 || strcmp(field->section, mr_config_fields[i - 1].section) != 0) {
            mr_json_key(writer, field->section);
            mr_json_begin_object(writer);
        }
        print_field(config, field, writer);
        if (i + 1 == mr_config_field_count ||
            strcmp(field->section, mr_config_fields[i + 1].section) != 0) {
            if (strcmp(field->section, "log") == 0)
                print_kafka(config, writer);
            mr_json_end_object(writer);
        }
    }
    mr_json_key(writer, "placements");
    mr_json_begin_object(writer);
    for (size_t i = 0; i < config->placement_count; i++) {
        mr_json_key(writer, config->placements[i].name);
        mr_json_put_raw(writer, config->placements[i].settings);
    }
    mr_json_end_object(writer);
    mr_json_end_object(writer);
}

static mr_status make_secret(const char *path, mr_error *ret_error)
{
    char directory[4096];
    (void)snprintf(directory, sizeof(directory), "%s", path);
    char *slash = strrchr(directory, '/');
    if (slash != NULL && slash != directory) {
        *slash = '\0';
        MR_TRY(mr_directory_make_durable(directory, ret_error));
    }
    uint8_t bytes[SECRET_BYTES];
    char hex[2 * SECRET_BYTES + 1];
    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        return mr_error_set(ret_error, MR_ERR_UNAVAILABLE, "no random bytes for %s",
                            path);
    for (size_t i = 0; i < sizeof(bytes); i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", bytes[i]);

    /* Two processes that start at once must end up with one secret. */
    return mr_file_create(path, 0600, hex, sizeof(hex) - 1, ret_error);
}

mr_status mr_config_secret(const char *reference, bool make, mr_buffer *ret_bytes,
                           mr_error *ret_error)
{
    if (strncmp(reference, "env:", 4) == 0) {
        const char *value = getenv(reference + 4);
        if (value == NULL || value[0] == '\0')
            return mr_error_set(ret_error, MR_ERR_NOT_FOUND,
                                "%s: the variable is not set", reference);
        mr_buffer_put(ret_bytes, value, strlen(value));
        return mr_buffer_status(ret_bytes);
    }
    if (strncmp(reference, "file:", 5) != 0)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "a secret is a reference: file:PATH or env:NAME");
    const char *path = reference + 5;
    if (make && access(path, F_OK) != 0)
        MR_TRY(make_secret(path, ret_error));
    MR_TRY(mr_file_read(path, ret_bytes, ret_error));
    while (ret_bytes->length > 0 && isspace(ret_bytes->bytes[ret_bytes->length - 1]))
        ret_bytes->length--;
    return ret_bytes->length > 0
               ? MR_OK
               : mr_error_set(ret_error, MR_ERR_INVALID, "%s is empty", reference);
}
