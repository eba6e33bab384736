/*
 * What a cache may hand us under a user's keys: anything at all.
 *
 * Invariants: decoding reads only the value; what it takes, the codec writes again and reads as
 * the same list.  A checksum would keep a fuzzer out of the rows, so a value is also tried with its
 * check made right (its place is byte 20, docs/FORMATS.md).
 */
#include "serving/result_codec.h"
#include "serving/user_state_codec.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const mr_hash128 user = {1, 2};

static mr_text resolve(void *context, uint64_t hash)
{
    (void)hash;
    return *(const mr_text *)context;
}

static void mend_check(uint8_t *value, size_t size)
{
    static const uint8_t hash[16] = {0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2};
    memset(value + 20, 0, 4);
    const uint32_t check = mr_crc32c(mr_crc32c(0, hash, 16), value, size);
    for (int i = 0; i < 4; i++)
        value[20 + i] = (uint8_t)(check >> (8 * i));
}

static void try_value(const uint8_t *value, size_t size)
{
    const mr_text text = {(const char *)value, (uint32_t)size};
    mr_text name = MR_TEXT("item");
    mr_result result;
    mr_user_state state;
    mr_buffer again = {0};
    if (mr_result_decode(user, text, &result) == MR_OK) {
        if (mr_result_encode(user, &result, &again) != MR_OK)
            abort();
        mr_result second;
        if (mr_result_decode(user,
                             (mr_text){(const char *)again.bytes, (uint32_t)again.length},
                             &second) != MR_OK ||
            second.count != result.count)
            abort();
        for (uint32_t i = 0; i < result.count; i++) {
            if (second.items[i].item != result.items[i].item ||
                second.items[i].because != result.items[i].because)
                abort();
        }
    }
    if (mr_user_state_decode(user, text, resolve, &name, &state) == MR_OK &&
        state.item_count > MR_STATE_ITEMS_MAX)
        abort();
    mr_buffer_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = calloc(1, size + 1);
    if (copy == NULL)
        abort();
    if (size > 0)
        memcpy(copy, data, size);
    try_value(copy, size);
    if (size >= 24) {
        mend_check(copy, size);
        try_value(copy, size);
    }
    free(copy);
    return 0;
}
