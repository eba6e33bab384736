#include "app/file_catalogue.h"

#include "app/letter_box.h"
#include "app/topic_walk.h"
#include "core/arena.h"
#include "core/id_table.h"
#include "core/json.h"

#include <stdlib.h>

enum { ARENA_BLOCK_BYTES = 256 * 1024 };

typedef struct catalogue_row {
    mr_text title;
    mr_text category;
    int64_t price_minor;
    uint64_t held_hash; /* of the newest record in the topic */
    bool is_held;
} catalogue_row;

struct mr_file_catalogue {
    mr_id_table *ids;
    mr_arena *arena;
    catalogue_row *rows;
    size_t capacity;
};

mr_status mr_file_catalogue_create(mr_file_catalogue **ret_catalogue)
{
    /* Ids of one file, gone with the process: no secret is needed against flooding. */
    mr_hash_key key;
    mr_hash_key_init(&key, NULL, 0);
    mr_file_catalogue *catalogue = calloc(1, sizeof(*catalogue));
    if (catalogue == NULL)
        return MR_ERR_NO_MEMORY;
    catalogue->arena = mr_arena_create(ARENA_BLOCK_BYTES);
    if (catalogue->arena == NULL || mr_id_table_create(&key, &catalogue->ids) != MR_OK) {
        mr_file_catalogue_destroy(catalogue);
        return MR_ERR_NO_MEMORY;
    }
    *ret_catalogue = catalogue;
    return MR_OK;
}

void mr_file_catalogue_destroy(mr_file_catalogue *catalogue)
{
    if (catalogue == NULL)
        return;
    mr_id_table_destroy(catalogue->ids);
    mr_arena_destroy(catalogue->arena);
    free(catalogue->rows);
    free(catalogue);
}

static mr_status row_of(mr_file_catalogue *catalogue, mr_text id, catalogue_row **ret_row)
{
    const uint32_t before = mr_id_table_count(catalogue->ids);
    if (before == catalogue->capacity) {
        const size_t capacity = catalogue->capacity > 0 ? 2 * catalogue->capacity : 1024;
        catalogue_row *rows = realloc(catalogue->rows, capacity * sizeof(*rows));
        if (rows == NULL)
            return MR_ERR_NO_MEMORY;
        catalogue->rows = rows;
        catalogue->capacity = capacity;
    }
    uint32_t index;
    MR_TRY(mr_id_table_put(catalogue->ids, id, &index));
    if (index == before)
        catalogue->rows[index] = (catalogue_row){0};
    *ret_row = &catalogue->rows[index];
    return MR_OK;
}

/* A new text in place of an old one; the arena keeps both. */
static mr_status say(mr_file_catalogue *catalogue, mr_text *place, mr_text text)
{
    if (text.length == 0 || mr_text_equal(*place, text))
        return MR_OK;
    const mr_text copy = mr_arena_copy(catalogue->arena, text);
    if (copy.bytes == NULL)
        return MR_ERR_NO_MEMORY;
    *place = copy;
    return MR_OK;
}

mr_status mr_file_catalogue_put(mr_file_catalogue *catalogue, const mr_csv_item *item)
{
    catalogue_row *row = NULL;
    MR_TRY(row_of(catalogue, item->item_id, &row));
    MR_TRY(say(catalogue, &row->title, item->title));
    MR_TRY(say(catalogue, &row->category, item->category));
    if (item->price_minor != 0)
        row->price_minor = item->price_minor;
    return MR_OK;
}

size_t mr_file_catalogue_count(const mr_file_catalogue *catalogue)
{
    return mr_id_table_count(catalogue->ids);
}

static void write_record(const catalogue_row *row, mr_buffer *json)
{
    mr_json_writer writer = mr_json_writer_of(json);
    mr_json_begin_object(&writer);
    if (row->title.length > 0) {
        mr_json_key(&writer, "title");
        mr_json_put_text(&writer, row->title);
    }
    if (row->category.length > 0) {
        mr_json_key(&writer, "category");
        mr_json_put_text(&writer, row->category);
    }
    if (row->price_minor != 0) {
        mr_buffer amount = {0};
        mr_json_writer number = mr_json_writer_of(&amount);
        mr_json_put_money(&number, row->price_minor, MR_MINOR_DIGITS);
        mr_json_key(&writer, "price");
        mr_json_put_text(&writer,
                         (mr_text){(const char *)amount.bytes, (uint32_t)amount.length});
        if (amount.failed)
            json->failed = true;
        mr_buffer_deinit(&amount);
    }
    mr_json_end_object(&writer);
}

static mr_status take_held(void *context, const mr_log_batch *batch, mr_error *ret_error)
{
    mr_file_catalogue *catalogue = context;
    (void)ret_error;
    for (size_t i = 0; i < batch->count; i++) {
        const mr_log_record *record = &batch->records[i];
        const uint32_t index = mr_id_table_find(catalogue->ids, record->key);
        if (index == MR_ID_NONE)
            continue;
        catalogue->rows[index].is_held = true;
        catalogue->rows[index].held_hash =
            mr_hash_bytes(record->value.bytes, record->value.length);
    }
    return MR_OK;
}

static mr_status gather_changed(mr_file_catalogue *catalogue, mr_letter_box *box)
{
    mr_buffer json = {0};
    mr_status status = MR_OK;
    for (uint32_t i = 0; i < mr_id_table_count(catalogue->ids) && status == MR_OK; i++) {
        const catalogue_row *row = &catalogue->rows[i];
        mr_buffer_clear(&json);
        write_record(row, &json);
        status = mr_buffer_status(&json);
        if (status != MR_OK ||
            (row->is_held && row->held_hash == mr_hash_bytes(json.bytes, json.length)))
            continue;
        const mr_log_entry entry = {
            .partition = MR_LOG_ANY_PARTITION,
            .key = mr_id_table_id(catalogue->ids, i),
            .value = {(const char *)json.bytes, (uint32_t)json.length},
        };
        status = mr_letter_box_put(box, &entry);
    }
    mr_buffer_deinit(&json);
    return status;
}

mr_status mr_file_catalogue_append(mr_file_catalogue *catalogue, mr_log *topic,
                                   size_t *ret_appended, mr_error *ret_error)
{
    mr_letter_box box = {0};
    mr_status status = mr_topic_walk(topic, take_held, catalogue, ret_error);
    if (status == MR_OK) {
        status = mr_letter_box_init(&box);
        if (status == MR_OK)
            status = gather_changed(catalogue, &box);
        if (status != MR_OK)
            (void)mr_error_set(ret_error, status, "out of memory for the catalogue");
    }
    if (status == MR_OK)
        status = mr_letter_box_append(&box, topic, ret_error);
    if (status == MR_OK)
        *ret_appended = box.count;
    mr_letter_box_deinit(&box);
    return status;
}
