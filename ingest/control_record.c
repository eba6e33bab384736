#include "ingest/control_record.h"

#include "core/json.h"

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
    VALUE_BYTES_MAX = 4096
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

/* A tick is the partition's; anything else is one user's and lies where the user's events do. */
static bool is_sound(const mr_control_record *record, mr_text record_key)
{
    if (record->time_ms < 0 || record->user_id.length > MR_EVENT_ID_BYTES_MAX)
        return false;
    if (record->kind == MR_CONTROL_TICK)
        return record->user_id.length == 0;
    return record->user_id.length > 0 && mr_text_equal(record->user_id, record_key);
}

mr_status mr_control_encode(const mr_control_record *record, const char *topic,
                            const void *key, size_t key_bytes, mr_text record_key,
                            mr_buffer *ret_value,
                            uint8_t ret_header[MR_CONTROL_HEADER_BYTES])
{
    const char *name = kind_name(record->kind);
    if (name == NULL || key == NULL || key_bytes == 0 || !is_sound(record, record_key))
        return MR_ERR_INVALID;
    const size_t start = ret_value->length;
    mr_json_writer writer = mr_json_writer_of(ret_value);
    mr_json_begin_object(&writer);
    mr_json_key(&writer, "control");
    mr_json_put_string(&writer, name);
    if (record->user_id.length > 0) {
        mr_json_key(&writer, "user_id");
        mr_json_put_text(&writer, record->user_id);
    }
    mr_json_key(&writer, "time");
    mr_json_put_int(&writer, record->time_ms);
    mr_json_end_object(&writer);
    MR_TRY(mr_buffer_status(ret_value));

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
        key_bytes == 0 || record->value.length > VALUE_BYTES_MAX)
        return MR_ERR_CORRUPT;
    if (!key_id(key, key_bytes, &expected[KEY_ID_AT]))
        return MR_ERR_CORRUPT;
    MR_TRY(compute_mac(topic, key, key_bytes, record->key, record->value,
                       &expected[MAC_AT]));
    return CRYPTO_memcmp(expected, header.bytes, sizeof(expected)) == 0 ? MR_OK
                                                                        : MR_ERR_CORRUPT;
}

mr_status mr_control_decode(const mr_log_record *record, const char *topic,
                            const void *key, size_t key_bytes,
                            mr_control_record *ret_record)
{
    if (verify(record, topic, key, key_bytes) != MR_OK)
        return MR_ERR_CORRUPT;
    mr_json *json = NULL;
    if (mr_json_parse(record->value, &json, NULL) != MR_OK)
        return MR_ERR_CORRUPT;
    mr_json_value *root = mr_json_root(json);
    const mr_text name = mr_json_text(mr_json_get(root, "control"), (mr_text){0});
    const mr_text user_id = mr_json_text(mr_json_get(root, "user_id"), (mr_text){0});
    mr_control_record control = {.time_ms = mr_json_int(mr_json_get(root, "time"), -1),
                                 .user_id = user_id};
    for (size_t i = 0; i < CONTROL_NAMES; i++) {
        if (mr_text_is(name, control_names[i].name))
            control.kind = control_names[i].kind;
    }
    const bool sound = control.kind != 0 && is_sound(&control, record->key);
    mr_json_destroy(json);
    if (!sound)
        return MR_ERR_CORRUPT;
    /* The text in the document is gone; the record's key is the same id and stays. */
    control.user_id = control.kind == MR_CONTROL_TICK ? (mr_text){0} : record->key;
    *ret_record = control;
    return MR_OK;
}
