#include "serving/signed_text.h"

#include "core/assert.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAC_BYTES = MR_SIGNED_MAC_BYTES,
    SHA256_BYTES = 32,
    WHOLE_BYTES_MAX = MR_SIGNED_BYTES_MAX + MAC_BYTES,
    PREFIX_BYTES = 2,
};

struct mr_signer {
    EVP_MAC_CTX *mac; /* keyed; each use starts it again with the same key */
};

/* Separates this use of the deployment's secret from all others; the name is that of the first
 * text that was signed. */
static const char purpose[] = "millrace recommendation id v1";

static bool derive_key(const void *secret, size_t bytes, uint8_t ret_key[SHA256_BYTES])
{
    size_t length = 0;
    const uint8_t nothing = 0;
    return EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, bytes > 0 ? secret : &nothing,
                     bytes, (const uint8_t *)purpose, sizeof(purpose) - 1, ret_key,
                     SHA256_BYTES, &length) != NULL;
}

mr_status mr_signer_create(const void *secret, size_t bytes, mr_signer **ret_signer)
{
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end()};
    mr_signer *signer = calloc(1, sizeof(*signer));
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
    mr_signer_destroy(signer);
    return MR_ERR_NO_MEMORY;
}

void mr_signer_destroy(mr_signer *signer)
{
    if (signer == NULL)
        return;
    EVP_MAC_CTX_free(signer->mac);
    free(signer);
}

static mr_status make_mac(mr_signer *signer, const uint8_t *bytes, size_t length,
                          uint8_t ret_mac[MAC_BYTES])
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

mr_status mr_signer_write(mr_signer *signer, const char *prefix, const void *bytes,
                          size_t length, char *ret_text)
{
    MR_ASSERT(length > 0);
    MR_ASSERT(length <= MR_SIGNED_BYTES_MAX);
    uint8_t whole[WHOLE_BYTES_MAX];
    memcpy(whole, bytes, length);
    MR_TRY(make_mac(signer, whole, length, whole + length));
    memcpy(ret_text, prefix, PREFIX_BYTES);
    *encode_base64url(whole, length + MAC_BYTES, ret_text + PREFIX_BYTES) = '\0';
    return MR_OK;
}

mr_status mr_signer_read(mr_signer *signer, const char *prefix, mr_text text,
                         uint8_t ret_bytes[MR_SIGNED_BYTES_MAX], size_t *ret_length)
{
    uint8_t whole[WHOLE_BYTES_MAX];
    size_t length;
    uint8_t mac[MAC_BYTES];
    if (text.length < PREFIX_BYTES || memcmp(text.bytes, prefix, PREFIX_BYTES) != 0 ||
        !decode_base64url(
            (mr_text){text.bytes + PREFIX_BYTES, text.length - PREFIX_BYTES}, whole,
            sizeof(whole), &length) ||
        length <= MAC_BYTES)
        return MR_ERR_CORRUPT;
    length -= MAC_BYTES;
    MR_TRY(make_mac(signer, whole, length, mac));
    if (CRYPTO_memcmp(mac, whole + length, MAC_BYTES) != 0)
        return MR_ERR_CORRUPT;
    memcpy(ret_bytes, whole, length);
    *ret_length = length;
    return MR_OK;
}
