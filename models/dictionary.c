#include "models/dictionary.h"

#include "core/assert.h"
#include "core/buffer.h"
#include "core/hash.h"
#include "models/npy.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/random.h>

struct mr_dictionary {
    mr_npy bytes;
    mr_npy offsets;
    uint32_t count;
    mr_hash_key key;
    uint32_t mask;   /* slots - 1, slots a power of two at least twice the count */
    uint32_t *slots; /* an index, or MR_ID_NONE */
};

static bool is_sound(mr_text id)
{
    return id.length > 0 && id.length <= MR_DICTIONARY_ID_BYTES_MAX &&
           mr_text_is_utf8(id);
}

/* The slot of `id`, or the free one where it belongs. */
static uint32_t *slot_of(const mr_dictionary *dictionary, mr_text id)
{
    uint32_t at = (uint32_t)mr_hash_item(&dictionary->key, id) & dictionary->mask;
    while (dictionary->slots[at] != MR_ID_NONE &&
           !mr_text_equal(mr_dictionary_id(dictionary, dictionary->slots[at]), id))
        at = (at + 1) & dictionary->mask;
    return &dictionary->slots[at];
}

/* ---- writing ---- */

static mr_status check_ids(const mr_text *ids, uint32_t count, mr_error *ret_error)
{
    mr_hash_key key;
    mr_id_table *table = NULL;
    mr_hash_key_init(&key, "", 0);
    MR_TRY(mr_id_table_create(&key, &table));
    mr_status status = MR_OK;
    for (uint32_t i = 0; i < count && status == MR_OK; i++) {
        uint32_t index = 0;
        if (!is_sound(ids[i]))
            status = mr_error_set(ret_error, MR_ERR_INVALID,
                                  "dictionary: item %" PRIu32
                                  " has an id that is empty, too long or not UTF-8",
                                  i);
        else
            status = mr_id_table_put(table, ids[i], &index);
        if (status == MR_OK && index != i)
            status =
                mr_error_set(ret_error, MR_ERR_INVALID,
                             "dictionary: id %.*s stands twice", MR_TEXT_ARG(ids[i]));
    }
    mr_id_table_destroy(table);
    return status;
}

mr_status mr_dictionary_write(const char *bytes_path, const char *offsets_path,
                              const mr_text *ids, uint32_t count, mr_error *ret_error)
{
    MR_TRY(check_ids(ids, count, ret_error));
    mr_buffer bytes = {0};
    uint64_t *offsets = calloc((size_t)count + 1, sizeof(*offsets));
    mr_status status = offsets == NULL ? MR_ERR_NO_MEMORY : MR_OK;
    for (uint32_t i = 0; i < count && status == MR_OK; i++) {
        mr_buffer_put_text(&bytes, ids[i]);
        offsets[i + 1] = offsets[i] + ids[i].length;
    }
    if (status == MR_OK)
        status = mr_buffer_status(&bytes);
    if (status == MR_OK)
        status = mr_npy_write(bytes_path, MR_NPY_U1, 1, (uint64_t[]){bytes.length},
                              bytes.bytes, 0, ret_error);
    if (status == MR_OK)
        status = mr_npy_write(offsets_path, MR_NPY_U8, 1,
                              (uint64_t[]){(uint64_t)count + 1}, offsets, 0, ret_error);
    mr_buffer_deinit(&bytes);
    free(offsets);
    return status;
}

/* ---- reading ---- */

static mr_status check_offsets(const mr_dictionary *dictionary)
{
    const uint64_t *offsets = dictionary->offsets.data;
    if (offsets[0] != 0 || offsets[dictionary->count] != dictionary->bytes.shape[0])
        return MR_ERR_CORRUPT;
    for (uint32_t i = 0; i < dictionary->count; i++)
        if (offsets[i + 1] <= offsets[i] || offsets[i + 1] > dictionary->bytes.shape[0] ||
            offsets[i + 1] - offsets[i] > MR_DICTIONARY_ID_BYTES_MAX)
            return MR_ERR_CORRUPT;
    return MR_OK;
}

static mr_status build_table(mr_dictionary *dictionary)
{
    uint8_t secret[32];
    size_t slots = 16;
    while (slots < (size_t)dictionary->count * 2)
        slots *= 2;
    dictionary->slots = malloc(slots * sizeof(*dictionary->slots));
    if (dictionary->slots == NULL)
        return MR_ERR_NO_MEMORY;
    if (getrandom(secret, sizeof(secret), 0) != (ssize_t)sizeof(secret))
        return MR_ERR_UNAVAILABLE;
    mr_hash_key_init(&dictionary->key, secret, sizeof(secret));
    dictionary->mask = (uint32_t)(slots - 1);
    for (size_t s = 0; s < slots; s++)
        dictionary->slots[s] = MR_ID_NONE;
    for (uint32_t i = 0; i < dictionary->count; i++) {
        const mr_text id = mr_dictionary_id(dictionary, i);
        uint32_t *slot = slot_of(dictionary, id);
        if (!is_sound(id) || *slot != MR_ID_NONE)
            return MR_ERR_CORRUPT;
        *slot = i;
    }
    return MR_OK;
}

mr_status mr_dictionary_open(const char *bytes_path, const char *offsets_path,
                             mr_dictionary **ret_dictionary, mr_error *ret_error)
{
    mr_dictionary *dictionary = calloc(1, sizeof(*dictionary));
    if (dictionary == NULL)
        return MR_ERR_NO_MEMORY;
    mr_status status =
        mr_npy_open(bytes_path, MR_NPY_U1, 1, &dictionary->bytes, ret_error);
    if (status == MR_OK)
        status = mr_npy_open(offsets_path, MR_NPY_U8, 1, &dictionary->offsets, ret_error);
    if (status != MR_OK)
        goto fail;
    const uint64_t entries = dictionary->offsets.shape[0];
    status = entries < 1 || entries > UINT32_MAX / 4 ? MR_ERR_CORRUPT : MR_OK;
    if (status == MR_OK) {
        dictionary->count = (uint32_t)(entries - 1);
        status = check_offsets(dictionary);
    }
    if (status == MR_OK)
        status = build_table(dictionary);
    if (status != MR_OK) {
        status =
            mr_error_set(ret_error, status,
                         "%s: not a dictionary: an id is empty, doubled or not UTF-8, or "
                         "the offsets do not fit",
                         offsets_path);
        goto fail;
    }
    *ret_dictionary = dictionary;
    return MR_OK;
fail:
    mr_dictionary_destroy(dictionary);
    return status;
}

void mr_dictionary_destroy(mr_dictionary *dictionary)
{
    if (dictionary == NULL)
        return;
    mr_npy_close(&dictionary->bytes);
    mr_npy_close(&dictionary->offsets);
    free(dictionary->slots);
    free(dictionary);
}

uint32_t mr_dictionary_count(const mr_dictionary *dictionary)
{
    return dictionary->count;
}

mr_text mr_dictionary_id(const mr_dictionary *dictionary, uint32_t index)
{
    MR_ASSERT(index < dictionary->count);
    const uint64_t *offsets = dictionary->offsets.data;
    return (mr_text){.bytes = (const char *)dictionary->bytes.data + offsets[index],
                     .length = (uint32_t)(offsets[index + 1] - offsets[index])};
}

uint32_t mr_dictionary_find(const mr_dictionary *dictionary, mr_text id)
{
    return *slot_of(dictionary, id);
}
