#include "serving/recommendation_id.h"

#include "core/assert.h"
#include "core/hash.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    VERSION = 1,
    HEAD_BYTES = 18,
    MAC_BYTES = 8,
    SHA256_BYTES = 32,
    ID_BYTES_MAX = HEAD_BYTES + MR_RECOMMENDATION_ID_ITEMS_MAX / 2 + MAC_BYTES,
};
_Static_assert(2 + (ID_BYTES_MAX * 8 + 5) / 6 < MR_RECOMMENDATION_ID_TEXT_BYTES, "fits");

struct mr_recommendation_signer {
    EVP_MAC_CTX *mac; /* keyed; each use starts it again with the same key */
};

/* Separates this use of the deployment's secret from all others. */
static const char purpose[] = "millrace recommendation id v1";

static bool derive_key(const void *secret, size_t bytes, uint8_t ret_key[SHA256_BYTES])
{
    size_t length = 0;
    const uint8_t nothing = 0;
    return EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, bytes > 0 ? secret : &nothing,
                     bytes, (const uint8_t *)purpose, sizeof(purpose) - 1, ret_key,
                     SHA256_BYTES, &length) != NULL;
}

mr_status mr_recommendation_signer_create(const void *secret, size_t bytes,
                                          mr_recommendation_signer **ret_signer)
{
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end()};
    mr_recommendation_signer *signer = calloc(1, sizeof(*signer));
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    uint8_t key[SHA256_BYTES];
    if (signer == NULL || hmac == NULL)
        goto fail;
    signer->mac = EVP_MAC_CTX_new(hmac);
    if (signer->mac == NULL || !derive_key(secret, bytes, key) ||
        EVP_MAC_init(signer->mac, key, sizeof(key), parameters) != 1)
        goto fail;
    OPENSSL_cleanse(key, sizeof(key));
    EVP_MAC_free(hmac);
    *ret_signer = signer;
    return MR_OK;
fail:
    EVP_MAC_free(hmac);
    mr_recommendation_signer_destroy(signer);
    return MR_ERR_NO_MEMORY;
}

void mr_recommendation_signer_destroy(mr_recommendation_signer *signer)
{
    if (signer == NULL)
        return;
    EVP_MAC_CTX_free(signer->mac);
    free(signer);
}

uint32_t mr_recommendation_placement_hash(mr_text placement)
{
    return mr_crc32c(0, placement.bytes, placement.length);
}

static mr_status make_mac(mr_recommendation_signer *signer, const uint8_t *bytes,
                          size_t length, uint8_t ret_mac[MAC_BYTES])
{
    uint8_t whole[SHA256_BYTES];
    size_t whole_length = 0;
    if (EVP_MAC_init(signer->mac, NULL, 0, NULL) != 1 ||
        EVP_MAC_update(signer->mac, bytes, length) != 1 ||
        EVP_MAC_final(signer->mac, whole, &whole_length, sizeof(whole)) != 1)
        return MR_ERR_NO_MEMORY;
    memcpy(ret_mac, whole, MAC_BYTES);
    return MR_OK;
}

static uint8_t *put_number(uint8_t *end, uint64_t number, int bytes)
{
    for (int i = 0; i < bytes; i++)
        *end++ = (uint8_t)(number >> (8 * i));
    return end;
}

static uint64_t get_number(const uint8_t *bytes, int count)
{
    uint64_t number = 0;
    for (int i = 0; i < count; i++)
        number |= (uint64_t)bytes[i] << (8 * i);
    return number;
}

static size_t pack(const mr_recommendation_id *id, uint8_t bytes[ID_BYTES_MAX])
{
    uint8_t *end = bytes;
    *end++ = VERSION;
    *end++ = id->count;
    end = put_number(end, id->placement, 4);
    end = put_number(end, id->model, 4);
    end = put_number(end, (uint64_t)id->time_ms, 6);
    *end++ = id->page;
    *end++ = id->variant;
    for (int i = 0; i < id->count; i += 2) {
        const uint8_t second = i + 1 < id->count ? id->sources[i + 1] : 0;
        *end++ = (uint8_t)(id->sources[i] | second << 4);
    }
    return (size_t)(end - bytes);
}

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static char *encode_base64url(const uint8_t *bytes, size_t length, char *end)
{
    uint32_t bits = 0;
    int have = 0;
    for (size_t i = 0; i < length; i++) {
        bits = bits << 8 | bytes[i];
        for (have += 8; have >= 6; have -= 6)
            *end++ = alphabet[(bits >> (have - 6)) & 63];
    }
    if (have > 0)
        *end++ = alphabet[(bits << (6 - have)) & 63];
    return end;
}

/* Only the one text that encode would have written for the bytes. */
static bool decode_base64url(mr_text text, uint8_t *ret_bytes, size_t capacity,
                             size_t *ret_length)
{
    uint32_t bits = 0;
    int have = 0;
    size_t length = 0;
    for (uint32_t i = 0; i < text.length; i++) {
        const char *at = text.bytes[i] != '\0' ? strchr(alphabet, text.bytes[i]) : NULL;
        if (at == NULL)
            return false;
        bits = bits << 6 | (uint32_t)(at - alphabet);
        have += 6;
        if (have >= 8) {
            if (length == capacity)
                return false;
            have -= 8;
            ret_bytes[length++] = (uint8_t)(bits >> have);
        }
    }
    *ret_length = length;
    return have < 6 && (bits & ((1U << have) - 1)) == 0;
}

mr_status mr_recommendation_id_write(mr_recommendation_signer *signer,
                                     const mr_recommendation_id *id,
                                     char ret_text[MR_RECOMMENDATION_ID_TEXT_BYTES])
{
    MR_ASSERT(id->count <= MR_RECOMMENDATION_ID_ITEMS_MAX);
    uint8_t bytes[ID_BYTES_MAX];
    const size_t length = pack(id, bytes);
    MR_TRY(make_mac(signer, bytes, length, bytes + length));
    ret_text[0] = 'r';
    ret_text[1] = '_';
    *encode_base64url(bytes, length + MAC_BYTES, ret_text + 2) = '\0';
    return MR_OK;
}

static void unpack(const uint8_t *bytes, mr_recommendation_id *ret_id)
{
    *ret_id = (mr_recommendation_id){
        .count = bytes[1],
        .placement = (uint32_t)get_number(bytes + 2, 4),
        .model = (uint32_t)get_number(bytes + 6, 4),
        .time_ms = (int64_t)get_number(bytes + 10, 6),
        .page = bytes[16],
        .variant = bytes[17],
    };
    for (int i = 0; i < ret_id->count; i++)
        ret_id->sources[i] = (bytes[HEAD_BYTES + i / 2] >> (i % 2 * 4)) & 15;
}

mr_status mr_recommendation_id_read(mr_recommendation_signer *signer, mr_text text,
                                    mr_recommendation_id *ret_id)
{
    uint8_t bytes[ID_BYTES_MAX];
    size_t length;
    uint8_t mac[MAC_BYTES];
    if (text.length < 2 || memcmp(text.bytes, "r_", 2) != 0 ||
        !decode_base64url((mr_text){text.bytes + 2, text.length - 2}, bytes,
                          sizeof(bytes), &length))
        return MR_ERR_CORRUPT;
    if (length < HEAD_BYTES + MAC_BYTES || bytes[0] != VERSION ||
        bytes[1] > MR_RECOMMENDATION_ID_ITEMS_MAX ||
        length != HEAD_BYTES + ((size_t)bytes[1] + 1) / 2 + MAC_BYTES)
        return MR_ERR_CORRUPT;
    MR_TRY(make_mac(signer, bytes, length - MAC_BYTES, mac));
    if (CRYPTO_memcmp(mac, bytes + length - MAC_BYTES, MAC_BYTES) != 0)
        return MR_ERR_CORRUPT;
    unpack(bytes, ret_id);
    return MR_OK;
}
