#include "app/config_schema.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define AT(member) offsetof(mr_config, member)
#define DAY_MS INT64_C(86400000)
#define GIB (INT64_C(1) << 30)

/* clang-format off */
const mr_config_field mr_config_fields[] = {
    {"log", "kind", MR_FIELD_WORD, AT(log.kind), "file", "file|kafka", 0, 0},
    {"log", "mode", MR_FIELD_WORD, AT(log.mode), "static", "static|group", 0, 0},
    {"log", "path", MR_FIELD_TEXT, AT(log.path), "data/log", NULL, 0, 0},
    {"log", "topic", MR_FIELD_TEXT, AT(log.topic), "events", NULL, 0, 0},
    {"log", "catalogue_topic", MR_FIELD_TEXT, AT(log.catalogue_topic), "catalogue", NULL, 0, 0},
    {"log", "alerts_topic", MR_FIELD_TEXT, AT(log.alerts_topic), "alerts", NULL, 0, 0},
    {"log", "dead_letter_topic", MR_FIELD_TEXT, AT(log.dead_letter_topic), "dead-letters", NULL, 0, 0},
    {"log", "late_topic", MR_FIELD_TEXT, AT(log.late_topic), "late", NULL, 0, 0},
    {"log", "partitions", MR_FIELD_INTEGER, AT(log.partitions), "1", NULL, 1, 4096},
    {"log", "segment", MR_FIELD_SIZE, AT(log.segment_bytes), "128MiB", NULL, 64 << 10, 4 * GIB},
    {"log", "format", MR_FIELD_TEXT, AT(log.format), "auto", NULL, 0, 0},
    {"log", "clock", MR_FIELD_WORD, AT(log.clock_wall), "wall", "data|wall", 0, 0},
    {"log", "start", MR_FIELD_TEXT, AT(log.start), "earliest", NULL, 0, 0},
    {"log", "on_gap", MR_FIELD_WORD, AT(log.on_gap), "fail", "fail|earliest|latest", 0, 0},
    {"log", "group", MR_FIELD_TEXT, AT(log.group), "millrace", NULL, 0, 0},
    {"log", "instance_id", MR_FIELD_TEXT, AT(log.instance_id), "millrace-1", NULL, 0, 0},
    {"log", "assigned", MR_FIELD_TEXT, AT(log.assigned), "", NULL, 0, 0},
    {"cache", "kind", MR_FIELD_WORD, AT(cache.kind), "memory", "memory|redis", 0, 0},
    {"cache", "url", MR_FIELD_SECRET, AT(cache.url), "redis://127.0.0.1:6379", NULL, 0, 0},
    {"cache", "ttl", MR_FIELD_DURATION, AT(cache.ttl_ms), "7d", NULL, 1000, 365 * DAY_MS},
    {"cache", "memory_limit", MR_FIELD_SIZE, AT(cache.memory_bytes), "256MiB", NULL, 1 << 20, 1024 * GIB},
    {"cache", "timeout", MR_FIELD_DURATION, AT(cache.timeout_ms), "20ms", NULL, 1, 10000},
    {"cache", "tls_ca", MR_FIELD_TEXT, AT(cache.tls_ca), "", NULL, 0, 0},
    {"cache", "tls_certificate", MR_FIELD_TEXT, AT(cache.tls_certificate), "", NULL, 0, 0},
    {"cache", "tls_key", MR_FIELD_TEXT, AT(cache.tls_key), "", NULL, 0, 0},
    {"state", "path", MR_FIELD_TEXT, AT(state.path), "data/checkpoints", NULL, 0, 0},
    {"state", "plan", MR_FIELD_TEXT, AT(state.plan), "", NULL, 0, 0},
    {"state", "interval", MR_FIELD_DURATION, AT(state.interval_ms), "10s", NULL, 100, DAY_MS},
    {"state", "bases", MR_FIELD_INTEGER, AT(state.bases), "2", NULL, 2, 100},
    {"state", "memory_limit", MR_FIELD_SIZE, AT(state.memory_bytes), "8GiB", NULL, 16 << 20, 4096 * GIB},
    {"models", "path", MR_FIELD_TEXT, AT(models.path), "data/models", NULL, 0, 0},
    {"models", "scorers", MR_FIELD_INTEGER, AT(models.scorers), "1", NULL, 1, 64},
    {"models", "unread", MR_FIELD_INTEGER, AT(models.unread), "20", NULL, 0, 100},
    {"models", "training_retention", MR_FIELD_DURATION, AT(models.training_retention_ms), "540d", NULL, 0, 3650 * DAY_MS},
    {"models", "training_window", MR_FIELD_DURATION, AT(models.training_window_ms), "90d", NULL, DAY_MS, 3650 * DAY_MS},
    {"http", "listen", MR_FIELD_TEXT, AT(http.listen), "127.0.0.1:8080", NULL, 0, 0},
    {"http", "threads", MR_FIELD_INTEGER, AT(http.threads), "1", NULL, 1, 64},
    {"http", "tls_certificate", MR_FIELD_TEXT, AT(http.tls_certificate), "", NULL, 0, 0},
    {"http", "tls_key", MR_FIELD_TEXT, AT(http.tls_key), "", NULL, 0, 0},
    {"http", "insecure", MR_FIELD_WORD, AT(http.insecure), "off", "off|on", 0, 0},
    {"security", "deployment_secret", MR_FIELD_SECRET, AT(security.deployment_secret), "file:data/secret", NULL, 0, 0},
    {"security", "control_key", MR_FIELD_SECRET, AT(security.control_key), "file:data/control.key", NULL, 0, 0},
};
/* clang-format on */

const size_t mr_config_field_count =
    sizeof(mr_config_fields) / sizeof(mr_config_fields[0]);

const mr_config_field *mr_config_field_find(mr_text section, mr_text key)
{
    for (size_t i = 0; i < mr_config_field_count; i++) {
        const mr_config_field *field = &mr_config_fields[i];
        if (mr_text_is(section, field->section) && mr_text_is(key, field->key))
            return field;
    }
    return NULL;
}

bool mr_config_section_known(mr_text section)
{
    for (size_t i = 0; i < mr_config_field_count; i++)
        if (mr_text_is(section, mr_config_fields[i].section))
            return true;
    return mr_text_is(section, "placements");
}

/* A number with one of the unit suffixes; the suffix "" may be in the list. */
typedef struct unit {
    const char *suffix;
    int64_t factor;
} unit;

static mr_status scaled(mr_text value, const unit *units, size_t count,
                        int64_t *ret_value)
{
    uint32_t digits = 0;
    while (digits < value.length && value.bytes[digits] >= '0' &&
           value.bytes[digits] <= '9')
        digits++;
    const mr_text number = {value.bytes, digits};
    const mr_text suffix = {value.bytes + digits, value.length - digits};
    int64_t amount = 0;
    if (digits == 0 || mr_text_to_int64(number, &amount) != MR_OK)
        return MR_ERR_INVALID;
    for (size_t i = 0; i < count; i++) {
        if (!mr_text_is(suffix, units[i].suffix))
            continue;
        return __builtin_mul_overflow(amount, units[i].factor, ret_value) ? MR_ERR_INVALID
                                                                          : MR_OK;
    }
    return MR_ERR_INVALID;
}

mr_status mr_config_duration(mr_text text, int64_t *ret_ms)
{
    static const unit units[] = {{"ms", 1},      {"s", 1000},   {"m", 60000},
                                 {"h", 3600000}, {"d", DAY_MS}, {"w", 7 * DAY_MS}};
    return scaled(text, units, sizeof(units) / sizeof(units[0]), ret_ms);
}

static mr_status size(mr_text text, int64_t *ret_bytes)
{
    static const unit units[] = {{"B", 1},
                                 {"KiB", INT64_C(1) << 10},
                                 {"MiB", INT64_C(1) << 20},
                                 {"GiB", INT64_C(1) << 30},
                                 {"TiB", INT64_C(1) << 40}};
    return scaled(text, units, sizeof(units) / sizeof(units[0]), ret_bytes);
}

static mr_status word(mr_text value, const char *words, int64_t *ret_index)
{
    int64_t index = 0;
    for (const char *start = words; *start != '\0'; index++) {
        const size_t length = strcspn(start, "|");
        if (mr_text_equal(value, (mr_text){start, (uint32_t)length})) {
            *ret_index = index;
            return MR_OK;
        }
        start += length + (start[length] == '|' ? 1 : 0);
    }
    return MR_ERR_INVALID;
}

/* Numbers of every kind; the message says what would have been right. */
static mr_status set_number(const mr_config_field *field, int64_t *place, mr_text value,
                            mr_error *ret_error)
{
    int64_t number = 0;
    switch (field->kind) {
    case MR_FIELD_WORD:
        if (word(value, field->words, &number) != MR_OK)
            return mr_error_set(ret_error, MR_ERR_INVALID, "'%.*s' is none of %s",
                                MR_TEXT_ARG(value), field->words);
        break;
    case MR_FIELD_DURATION:
        if (mr_config_duration(value, &number) != MR_OK)
            return mr_error_set(
                ret_error, MR_ERR_INVALID,
                "'%.*s' is not a duration such as 250ms, 10s, 5m, 12h or 7d",
                MR_TEXT_ARG(value));
        break;
    case MR_FIELD_SIZE:
        if (size(value, &number) != MR_OK)
            return mr_error_set(ret_error, MR_ERR_INVALID,
                                "'%.*s' is not a size such as 256MiB or 8GiB",
                                MR_TEXT_ARG(value));
        break;
    default:
        if (mr_text_to_int64(value, &number) != MR_OK)
            return mr_error_set(ret_error, MR_ERR_INVALID, "'%.*s' is not a whole number",
                                MR_TEXT_ARG(value));
    }
    if (field->most > 0 && (number < field->least || number > field->most))
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "'%.*s' is outside %" PRId64 " … %" PRId64,
                            MR_TEXT_ARG(value), field->least, field->most);
    *place = number;
    return MR_OK;
}

mr_status mr_config_field_set(const mr_config_field *field, mr_config *config,
                              mr_text value, mr_error *ret_error)
{
    void *place = (char *)config + field->offset;
    if (field->kind != MR_FIELD_TEXT && field->kind != MR_FIELD_SECRET)
        return set_number(field, place, value, ret_error);

    char *copy = strndup(value.bytes != NULL ? value.bytes : "", value.length);
    if (copy == NULL)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "out of memory");
    char **text = place;
    free(*text);
    *text = copy;
    return MR_OK;
}
