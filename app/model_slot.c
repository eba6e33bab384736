#include "app/model_slot.h"

#include "app/item_index.h"
#include "core/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mr_model_slot {
    mr_recommender *recommender;
    mr_item_index *index;
    mr_churn_model *churn;
    const char **phrases; /* a column of the churn model */
    mr_error refused;
};

static mr_status index_items(mr_model_slot *slot, const mr_hash_key *key)
{
    const uint32_t count = mr_recommender_item_count(slot->recommender);
    MR_TRY(mr_item_index_create(count, &slot->index));
    for (uint32_t i = 0; i < count; i++)
        mr_item_index_put(slot->index,
                          mr_hash_item(key, mr_recommender_item_id(slot->recommender, i)),
                          i);
    return MR_OK;
}

/* A column by another name would be read as what it is not. */
static mr_status check_columns(const mr_churn_model *churn, const mr_plan *plan,
                               mr_error *ret_error)
{
    const size_t width = mr_plan_vector_width(plan);
    if (mr_churn_model_columns(churn) != width)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            MR_MODEL_CHURN_FILE
                            ": %u features, the plan has %zu; train again",
                            mr_churn_model_columns(churn), width);
    for (uint32_t j = 0; j < width; j++) {
        const char *feature = mr_churn_model_feature(churn, j);
        const char *column = mr_plan_vector_column(plan, j)->name;
        if (strcmp(feature, column) != 0)
            return mr_error_set(ret_error, MR_ERR_INVALID,
                                MR_MODEL_CHURN_FILE
                                ": feature %u is '%s', the plan has '%s'; train again",
                                j, feature, column);
    }
    return MR_OK;
}

static mr_status prepare_phrases(mr_model_slot *slot, const mr_plan *plan)
{
    const size_t width = mr_plan_vector_width(plan);
    mr_churn_phrase *table = malloc((width + 1) * sizeof(*table));
    slot->phrases = malloc((width + 1) * sizeof(*slot->phrases));
    if (table == NULL || slot->phrases == NULL) {
        free(table);
        return MR_ERR_NO_MEMORY;
    }
    for (size_t j = 0; j < width; j++) {
        const mr_vector_column *column = mr_plan_vector_column(plan, j);
        table[j] = (mr_churn_phrase){column->name, column->phrase};
    }
    mr_churn_model_phrases(slot->churn, table, width, slot->phrases);
    free(table);
    return MR_OK;
}

/* The file's checksum has been checked with all others when the recommender was opened. */
static mr_status load_churn(mr_model_slot *slot, const char *path, const mr_plan *plan)
{
    mr_buffer json = {0};
    mr_status status = mr_file_read(path, &json, &slot->refused);
    if (status == MR_OK)
        status = mr_churn_model_from_json(
            (mr_text){(const char *)json.bytes, (uint32_t)json.length}, &slot->churn,
            &slot->refused);
    mr_buffer_deinit(&json);
    if (status == MR_OK)
        status = check_columns(slot->churn, plan, &slot->refused);
    if (status == MR_OK)
        return prepare_phrases(slot, plan);
    mr_churn_model_destroy(slot->churn);
    slot->churn = NULL;
    if (status == MR_ERR_NOT_FOUND)
        slot->refused.message[0] = '\0';
    return status == MR_ERR_NO_MEMORY ? status : MR_OK;
}

mr_status mr_model_slot_open(const char *models_path, const char *version,
                             const mr_hash_key *key, const mr_plan *plan,
                             mr_model_slot **ret_slot, mr_error *ret_error)
{
    char path[MR_MODEL_PATH_BYTES];
    char churn_path[MR_MODEL_PATH_BYTES];
    const int length = snprintf(path, sizeof(path), "%s/%s", models_path, version);
    const int churn_length = snprintf(churn_path, sizeof(churn_path),
                                      "%s/%s/" MR_MODEL_CHURN_FILE, models_path, version);
    if (length < 0 || churn_length < 0 || (size_t)churn_length >= sizeof(churn_path))
        return mr_error_set(ret_error, MR_ERR_INVALID, "models path too long");
    mr_model_slot *slot = calloc(1, sizeof(*slot));
    if (slot == NULL)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "%s: out of memory", path);
    mr_status status = mr_recommender_open(path, &slot->recommender, ret_error);
    if (status == MR_OK)
        status = index_items(slot, key);
    if (status == MR_OK)
        status = load_churn(slot, churn_path, plan);
    if (status != MR_OK) {
        mr_model_slot_destroy(slot);
        return status == MR_ERR_NO_MEMORY
                   ? mr_error_set(ret_error, status, "%s: out of memory", path)
                   : status;
    }
    *ret_slot = slot;
    return MR_OK;
}

void mr_model_slot_destroy(void *object)
{
    mr_model_slot *slot = object;
    if (slot == NULL)
        return;
    mr_recommender_destroy(slot->recommender);
    mr_item_index_destroy(slot->index);
    mr_churn_model_destroy(slot->churn);
    free(slot->phrases);
    free(slot);
}

const mr_recommender *mr_model_slot_recommender(const mr_model_slot *slot)
{
    return slot->recommender;
}

const mr_churn_model *mr_model_slot_churn(const mr_model_slot *slot)
{
    return slot->churn;
}

const char *mr_model_slot_churn_refused(const mr_model_slot *slot)
{
    return slot->refused.message;
}

const char *const *mr_model_slot_churn_phrases(const mr_model_slot *slot)
{
    return slot->churn != NULL ? slot->phrases : NULL;
}

uint32_t mr_model_slot_item_by_hash(const mr_model_slot *slot, uint64_t hash)
{
    return mr_item_index_find(slot->index, hash);
}
