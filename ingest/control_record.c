#include "ingest/control_record.h"

#include "core/json.h"
#include "ingest/log_internal.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

/* The header: version, three zero bytes, the key's id, the MAC. */
enum {
    KEY_ID_AT = 4,
    KEY_ID_BYTES = 4,
    MAC_AT = 8,
    MAC_BYTES = 32,
    VALUE_BYTES_MAX = 4096, /* except of an answer, which is as long as the log allows */
};

_Static_assert(MAC_AT + MAC_BYTES == MR_CONTROL_HEADER_BYTES, "the layout of the header");

static const struct control_name {
    const char *name;
    mr_control_kind kind;
} control_names[] = {
    {"tick", MR_CONTROL_TICK},       {"erase", MR_CONTROL_ERASE},
    {"opt_out", MR_CONTROL_OPT_OUT}, {"opt_in", MR_CONTROL_OPT_IN},
    {"link", MR_CONTROL_LINK},
};

enum { CONTROL_NAMES = sizeof(control_names) / sizeof(control_names[0]) };

/* Which key it was, without telling it: so that a rotated key is not taken for a forgery. */
static bool key_id(const void *key, size_t key_bytes, uint8_t ret_id[KEY_ID_BYTES])
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    if (EVP_Digest(key, key_bytes, digest, NULL, EVP_sha256(), NULL) != 1)
        return false;
    memcpy(ret_id, digest, KEY_ID_BYTES);
    return true;
}

static void put_sized(mr_buffer *buffer, mr_text text)
{
    mr_buffer_put_u32(buffer, text.length);
    mr_buffer_put_text(buffer, text);
}

/* HMAC-SHA256 over version, topic, key and value, each with its length before it, so that no
 * byte can move from one to the other. */
static mr_status compute_mac(const char *topic, const void *key, size_t key_bytes,
                             mr_text record_key, mr_text value,
                             uint8_t ret_mac[MAC_BYTES])
{
    mr_buffer covered = {0};
    mr_buffer_put_u8(&covered, MR_CONTROL_VERSION);
    put_sized(&covered, mr_text_from(topic));
    put_sized(&covered, record_key);
    put_sized(&covered, value);
    mr_status status = mr_buffer_status(&covered);
    unsigned int bytes = 0;
    if (status == MR_OK && (HMAC(EVP_sha256(), key, (int)key_bytes, covered.bytes,
                                 covered.length, ret_mac, &bytes) == NULL ||
                            bytes != MAC_BYTES))
        status = MR_ERR_NO_MEMORY;
    mr_buffer_deinit(&covered);
    return status;
}

static const char *kind_name(mr_control_kind kind)
{
    for (size_t i = 0; i < CONTROL_NAMES; i++) {
        if (control_names[i].kind == kind)
            return control_names[i].name;
    }
    return NULL;
}

static bool is_id(mr_text id)
{
    return id.length > 0 && id.length <= MR_EVENT_ID_BYTES_MAX;
}

/* A request lies where the anonymous visitor's events do, its answer where the user's do. */
static bool is_sound_link(const mr_link *link, mr_text record_key)
{
    const mr_text owner = link->profile.length == 0 ? link->anonymous_id : link->user_id;
    return is_id(link->anonymous_id) && is_id(link->user_id) && link->time_ms >= 0 &&
           link->sequence > 0 && link->sequence <= INT64_MAX &&
           link->source < MR_LINK_SOURCES_MAX && mr_text_equal(owner, record_key);
}

/* A tick is the partition's; anything else is one user's and lies where the user's events do. */
static bool is_sound(const mr_control_record *record, mr_text record_key,
                     size_t value_bytes)
{
    if (record->kind == MR_CONTROL_LINK)
        return is_sound_link(&record->link, record_key) &&
               (record->link.profile.length > 0 || value_bytes <= VALUE_BYTES_MAX);
    if (record->time_ms < 0 || value_bytes > VALUE_BYTES_MAX)
        return false;
    if (record->kind == MR_CONTROL_TICK)
        return record->user_id.length == 0;
    return is_id(record->user_id) && mr_text_equal(record->user_id, record_key);
}

static void put_id(mr_json_writer *writer, const char *name, mr_text id)
{
    if (id.length == 0)
        return;
    mr_json_key(writer, name);
    mr_json_put_text(writer, id);
}

static void put_link(mr_json_writer *writer, const mr_link *link)
{
    put_id(writer, "anonymous_id", link->anonymous_id);
    put_id(writer, "user_id", link->user_id);
    mr_json_key(writer, "source");
    mr_json_put_int(writer, link->source);
    mr_json_key(writer, "sequence");
    mr_json_put_uint(writer, link->sequence);
    mr_json_key(writer, "time");
    mr_json_put_int(writer, link->time_ms);
    if (link->profile.length > 0) {
        mr_json_key(writer, "profile");
        mr_json_put_raw(writer, link->profile);
    }
}

static void put_value(const mr_control_record *record, mr_buffer *value)
{
    mr_json_writer writer = mr_json_writer_of(value);
    mr_json_begin_object(&writer);
    mr_json_key(&writer, "control");
    mr_json_put_string(&writer, kind_name(record->kind));
    if (record->kind == MR_CONTROL_LINK) {
        put_link(&writer, &record->link);
    } else {
        put_id(&writer, "user_id", record->user_id);
        mr_json_key(&writer, "time");
        mr_json_put_int(&writer, record->time_ms);
    }
    mr_json_end_object(&writer);
}

mr_status mr_control_encode(const mr_control_record *record, const char *topic,
                            const void *key, size_t key_bytes, mr_text record_key,
                            mr_buffer *ret_value,
                            uint8_t ret_header[MR_CONTROL_HEADER_BYTES])
{
    if (kind_name(record->kind) == NULL || key == NULL || key_bytes == 0)
        return MR_ERR_INVALID;
    const size_t start = ret_value->length;
    put_value(record, ret_value);
    MR_TRY(mr_buffer_status(ret_value));
    if (!is_sound(record, record_key, ret_value->length - start)) {
        ret_value->length = start;
        return MR_ERR_INVALID;
    }
    const mr_text value = {.bytes = (const char *)&ret_value->bytes[start],
                           .length = (uint32_t)(ret_value->length - start)};
    uint8_t header[MR_CONTROL_HEADER_BYTES] = {MR_CONTROL_VERSION};
    if (!key_id(key, key_bytes, &header[KEY_ID_AT]))
        return MR_ERR_NO_MEMORY;
    MR_TRY(compute_mac(topic, key, key_bytes, record_key, value, &header[MAC_AT]));
    memcpy(ret_header, header, sizeof(header));
    return MR_OK;
}

static mr_status verify(const mr_log_record *record, const char *topic, const void *key,
                        size_t key_bytes)
{
    mr_text header = {0};
    size_t headers = 0;
    for (uint32_t i = 0; i < record->header_count; i++) {
        if (mr_text_is(record->headers[i].name, MR_CONTROL_HEADER)) {
            header = record->headers[i].value;
            headers++;
        }
    }
    uint8_t expected[MR_CONTROL_HEADER_BYTES] = {MR_CONTROL_VERSION};
    if (headers != 1 || header.length != sizeof(expected) || key == NULL ||
        key_bytes == 0 || record->value.length > MR_LOG_RECORD_BYTES_MAX)
        return MR_ERR_CORRUPT;
    if (!key_id(key, key_bytes, &expected[KEY_ID_AT]))
        return MR_ERR_CORRUPT;
    MR_TRY(compute_mac(topic, key, key_bytes, record->key, record->value,
                       &expected[MAC_AT]));
    return CRYPTO_memcmp(expected, header.bytes, sizeof(expected)) == 0 ? MR_OK
                                                                        : MR_ERR_CORRUPT;
}

/* A whole number from 0 to `limit`, or false. */
static bool get_number(mr_json_value *root, const char *name, int64_t limit,
                       int64_t *ret_number)
{
    *ret_number = mr_json_int(mr_json_get(root, name), -1);
    return *ret_number >= 0 && *ret_number <= limit;
}

/* The text in the document goes with it: the arena keeps a copy. */
static mr_status keep_text(mr_arena *arena, mr_text text, mr_text *ret_text)
{
    *ret_text = mr_arena_copy(arena, text);
    return text.length == 0 || ret_text->bytes != NULL ? MR_OK : MR_ERR_NO_MEMORY;
}

static mr_status get_profile(mr_json_value *root, mr_arena *arena, mr_text *ret_profile)
{
    mr_json_value *profile = mr_json_get(root, "profile");
    if (profile == NULL)
        return MR_OK;
    if (!mr_json_is_object(profile))
        return MR_ERR_CORRUPT;
    mr_buffer text = {0};
    mr_json_writer writer = mr_json_writer_of(&text);
    mr_json_put_value(&writer, profile);
    mr_status status = mr_buffer_status(&text);
    if (status == MR_OK)
        status = keep_text(
            arena,
            (mr_text){.bytes = (const char *)text.bytes, .length = (uint32_t)text.length},
            ret_profile);
    mr_buffer_deinit(&text);
    return status;
}

static mr_status get_link(mr_json_value *root, mr_arena *arena, mr_link *ret_link)
{
    int64_t source;
    int64_t sequence;
    mr_link link = {0};
    if (!get_number(root, "source", MR_LINK_SOURCES_MAX - 1, &source) ||
        !get_number(root, "sequence", INT64_MAX, &sequence) ||
        !get_number(root, "time", INT64_MAX, &link.time_ms))
        return MR_ERR_CORRUPT;
    link.source = (uint32_t)source;
    link.sequence = (uint64_t)sequence;
    const mr_text anonymous =
        mr_json_text(mr_json_get(root, "anonymous_id"), (mr_text){0});
    const mr_text user = mr_json_text(mr_json_get(root, "user_id"), (mr_text){0});
    MR_TRY(keep_text(arena, anonymous, &link.anonymous_id));
    MR_TRY(keep_text(arena, user, &link.user_id));
    MR_TRY(get_profile(root, arena, &link.profile));
    *ret_link = link;
    return MR_OK;
}

static mr_status get_control(mr_json_value *root, const mr_log_record *record,
                             mr_arena *arena, mr_control_record *ret_control)
{
    mr_control_record control = {0};
    const mr_text name = mr_json_text(mr_json_get(root, "control"), (mr_text){0});
    for (size_t i = 0; i < CONTROL_NAMES; i++) {
        if (mr_text_is(name, control_names[i].name))
            control.kind = control_names[i].kind;
    }
    if (control.kind == MR_CONTROL_LINK) {
        MR_TRY(get_link(root, arena, &control.link));
    } else {
        control.time_ms = mr_json_int(mr_json_get(root, "time"), -1);
        control.user_id = mr_json_text(mr_json_get(root, "user_id"), (mr_text){0});
    }
    if (control.kind == 0 || !is_sound(&control, record->key, record->value.length))
        return MR_ERR_CORRUPT;
    /* The text in the document goes with it; the record's key is the same id and stays. */
    if (control.user_id.length > 0)
        control.user_id = record->key;
    *ret_control = control;
    return MR_OK;
}

mr_status mr_control_decode(const mr_log_record *record, const char *topic,
                            const void *key, size_t key_bytes, mr_arena *arena,
                            mr_control_record *ret_record)
{
    MR_TRY(verify(record, topic, key, key_bytes));
    mr_json *json = NULL;
    MR_TRY(mr_json_parse(record->value, &json, NULL));
    const mr_status status = get_control(mr_json_root(json), record, arena, ret_record);
    mr_json_destroy(json);
    return status;
}
