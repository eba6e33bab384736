#include "app/keys.h"

#include <string.h>

static void wipe(mr_buffer *secret)
{
    if (secret->bytes != NULL)
        explicit_bzero(secret->bytes, secret->capacity);
    mr_buffer_deinit(secret);
}

mr_status mr_keys_load(const mr_config *config, mr_keys_need need, mr_keys *ret_keys,
                       mr_error *ret_error)
{
    mr_keys keys = {0};
    mr_buffer secret = {0};
    mr_status status =
        mr_config_secret(config->security.deployment_secret, false, &secret, ret_error);
    if (status == MR_ERR_NOT_FOUND && need == MR_KEYS_OPTIONAL)
        status = MR_OK;
    else if (status == MR_ERR_NOT_FOUND)
        (void)mr_error_set(
            ret_error, status,
            "security.deployment_secret: %s is not there; the first `millrace "
            "run` makes it",
            config->security.deployment_secret);
    if (status == MR_OK) {
        mr_hash_key_init(&keys.hash, secret.bytes, secret.length);
        status = mr_config_secret(config->security.control_key, false, &keys.control,
                                  ret_error);
        if (status == MR_ERR_NOT_FOUND)
            status = MR_OK;
    }
    wipe(&secret);
    if (status != MR_OK) {
        mr_keys_deinit(&keys);
        return status;
    }
    *ret_keys = keys;
    return MR_OK;
}

void mr_keys_deinit(mr_keys *keys)
{
    wipe(&keys->control);
    explicit_bzero(keys, sizeof(*keys));
}
