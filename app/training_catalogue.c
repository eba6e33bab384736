#include "app/training_catalogue.h"

#include "app/topic_walk.h"
#include "app/topics.h"
#include "serving/catalogue.h"

#include <stdlib.h>

enum { RECORD_ARENA_BYTES = 16384 };

static const double MINOR_UNITS = 100.0;

struct mr_training_catalogue {
    mr_catalogue_builder *builder;
    mr_arena *arena; /* of one record */
    mr_catalogue *catalogue;
    const mr_catalogue_item **items; /* [count], in order of ids */
    size_t count;
};

static mr_status take(void *context, const mr_log_batch *batch, mr_error *ret_error)
{
    mr_training_catalogue *c = context;
    (void)ret_error;
    for (size_t r = 0; r < batch->count; r++) {
        mr_catalogue_item item;
        mr_arena_reset(c->arena);
        mr_status status = mr_catalogue_item_parse(
            batch->records[r].key, batch->records[r].value, c->arena, &item, NULL);
        if (status == MR_OK)
            status = mr_catalogue_builder_put(c->builder, &item);
        if (status == MR_ERR_NO_MEMORY)
            return status;
    }
    return MR_OK;
}

static mr_status read_topic(const mr_config *config, mr_training_catalogue *c,
                            mr_error *ret_error)
{
    mr_log *log = NULL;
    const mr_status opened = mr_topic_open(
        config, MR_TOPICS_READ, config->log.catalogue_topic, 1, &log, ret_error);
    if (opened == MR_ERR_NOT_FOUND)
        return MR_OK;
    MR_TRY(opened);
    const mr_status status = mr_topic_walk(log, take, c, ret_error);
    mr_log_close(log);
    return status;
}

static mr_status read_all(const mr_config *config, const mr_hash_key *key,
                          mr_training_catalogue *c, mr_error *ret_error)
{
    c->arena = mr_arena_create(RECORD_ARENA_BYTES);
    if (c->arena == NULL)
        return MR_ERR_NO_MEMORY;
    MR_TRY(mr_catalogue_builder_create(key, &c->builder));
    MR_TRY(read_topic(config, c, ret_error));
    MR_TRY(mr_catalogue_build(c->builder, &c->catalogue));
    const size_t count = mr_catalogue_count(c->catalogue);
    c->items = malloc((count + 1) * sizeof(*c->items));
    if (c->items == NULL)
        return MR_ERR_NO_MEMORY;
    c->count = mr_catalogue_search(c->catalogue, MR_TEXT(""), c->items, count);
    return MR_OK;
}

mr_status mr_training_catalogue_read(const mr_config *config, const mr_hash_key *key,
                                     mr_training_catalogue **ret_catalogue,
                                     mr_error *ret_error)
{
    mr_training_catalogue *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return MR_ERR_NO_MEMORY;
    const mr_status status = read_all(config, key, c, ret_error);
    if (status != MR_OK) {
        mr_training_catalogue_destroy(c);
        return status;
    }
    *ret_catalogue = c;
    return MR_OK;
}

void mr_training_catalogue_destroy(mr_training_catalogue *catalogue)
{
    if (catalogue == NULL)
        return;
    free(catalogue->items);
    mr_catalogue_destroy(catalogue->catalogue);
    mr_catalogue_builder_destroy(catalogue->builder);
    mr_arena_destroy(catalogue->arena);
    free(catalogue);
}

size_t mr_training_catalogue_count(const mr_training_catalogue *catalogue)
{
    return catalogue->count;
}

mr_text mr_training_catalogue_id(const mr_training_catalogue *catalogue, size_t place)
{
    return catalogue->items[place]->id;
}

mr_status mr_training_catalogue_describe(const mr_training_catalogue *catalogue,
                                         mr_text id, uint32_t item,
                                         mr_content_builder *builder)
{
    const mr_catalogue_item *known = mr_catalogue_find(catalogue->catalogue, id);
    if (known == NULL)
        return MR_OK;
    MR_TRY(mr_content_builder_add(builder, item, MR_CONTENT_TITLE, known->title));
    MR_TRY(mr_content_builder_add(builder, item, MR_CONTENT_CATEGORY, known->category));
    MR_TRY(mr_content_builder_add(builder, item, MR_CONTENT_BRAND, known->brand));
    return known->price_minor > 0
               ? mr_content_builder_price(builder, item,
                                          (double)known->price_minor / MINOR_UNITS)
               : MR_OK;
}
