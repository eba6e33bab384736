#include "app/checkpoint_listing.h"

#include "app/checkpoint_place.h"
#include "features/checkpoint_files.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where rows are gathered, with room for one partition's generations. */
typedef struct gathering {
    mr_checkpoint_listing listing;
    size_t capacity;
    mr_checkpoint_info *infos;
    uint32_t *partitions;
} gathering;

static int64_t written_ms(const mr_checkpoint_store *store,
                          const mr_checkpoint_info *info)
{
    char path[PATH_MAX];
    struct stat found;
    const mr_checkpoint_name name =
        mr_checkpoint_name_of(MR_FILE_MANIFEST, info->epoch, info->generation);
    const int length =
        snprintf(path, sizeof(path), "%s/p%05" PRIu32 "/%s",
                 mr_checkpoint_store_directory(store), info->partition, name.text);
    if (length >= PATH_MAX || stat(path, &found) != 0)
        return MR_TIME_NONE;
    return (int64_t)found.st_mtim.tv_sec * 1000 + found.st_mtim.tv_nsec / 1000000;
}

static mr_status add_row(gathering *g, const mr_checkpoint_row *row, mr_error *ret_error)
{
    if (g->listing.count == g->capacity) {
        const size_t capacity = g->capacity == 0 ? 64 : 2 * g->capacity;
        mr_checkpoint_row *rows =
            realloc(g->listing.rows, capacity * sizeof(*g->listing.rows));
        if (rows == NULL)
            return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "out of memory");
        g->listing.rows = rows;
        g->capacity = capacity;
    }
    g->listing.rows[g->listing.count++] = *row;
    return MR_OK;
}

static mr_status add_partition(gathering *g, const mr_checkpoint_store *store,
                               const char *saved, uint32_t partition, mr_error *ret_error)
{
    size_t count = 0;
    MR_TRY(mr_checkpoint_list(store, partition, g->infos, MR_CHECKPOINT_GENERATIONS_MAX,
                              &count, ret_error));
    for (size_t i = 0; i < count; i++) {
        mr_checkpoint_row row = {.info = g->infos[i],
                                 .written_ms = written_ms(store, &g->infos[i]),
                                 .is_newest = i == 0 && saved[0] == '\0'};
        (void)snprintf(row.saved, sizeof(row.saved), "%s", saved);
        if (row.written_ms != MR_TIME_NONE) /* else pruned since it was listed */
            MR_TRY(add_row(g, &row, ret_error));
    }
    return MR_OK;
}

static mr_status add_store(gathering *g, const mr_checkpoint_store *store,
                           const char *saved, mr_error *ret_error)
{
    size_t count = 0;
    MR_TRY(mr_checkpoint_partitions(store, g->partitions, MR_PLACE_PARTITIONS_MAX, &count,
                                    ret_error));
    for (size_t i = 0; i < count; i++)
        MR_TRY(add_partition(g, store, saved, g->partitions[i], ret_error));
    return MR_OK;
}

static mr_status add_saved(gathering *g, const mr_config *config,
                           const mr_saved_names *names, mr_error *ret_error)
{
    for (size_t i = 0; i < names->count; i++) {
        mr_checkpoint_store *store = NULL;
        const mr_status found =
            mr_saved_store_open(config, names->name[i], &store, ret_error);
        if (found == MR_ERR_NOT_FOUND) /* of another topic, or removed meanwhile */
            continue;
        MR_TRY(found);
        const mr_status status = add_store(g, store, names->name[i], ret_error);
        mr_checkpoint_store_close(store);
        MR_TRY(status);
    }
    return MR_OK;
}

static mr_status gather(gathering *g, const mr_config *config, mr_saved_names *names,
                        mr_error *ret_error)
{
    mr_checkpoint_store *store = NULL;
    MR_TRY(mr_checkpoint_place_store(config, &store, ret_error));
    mr_status status = add_store(g, store, "", ret_error);
    mr_checkpoint_store_close(store);
    if (status == MR_OK)
        status = mr_saved_names_read(config, names, ret_error);
    if (status == MR_OK)
        status = add_saved(g, config, names, ret_error);
    if (status == MR_OK && g->listing.count == 0)
        status =
            mr_error_set(ret_error, MR_ERR_NOT_FOUND, "%s: no checkpoint of topic %s yet",
                         config->state.path, config->log.topic);
    return status;
}

mr_status mr_checkpoint_listing_read(const mr_config *config,
                                     mr_checkpoint_listing *ret_listing,
                                     mr_error *ret_error)
{
    gathering g = {.infos = calloc(MR_CHECKPOINT_GENERATIONS_MAX, sizeof(*g.infos)),
                   .partitions = calloc(MR_PLACE_PARTITIONS_MAX, sizeof(*g.partitions))};
    mr_saved_names *names = calloc(1, sizeof(*names));
    mr_status status = MR_ERR_NO_MEMORY;
    if (g.infos == NULL || g.partitions == NULL || names == NULL)
        (void)mr_error_set(ret_error, status, "out of memory");
    else
        status = gather(&g, config, names, ret_error);
    free(g.infos);
    free(g.partitions);
    free(names);
    if (status != MR_OK) {
        mr_checkpoint_listing_deinit(&g.listing);
        return status;
    }
    *ret_listing = g.listing;
    return MR_OK;
}

void mr_checkpoint_listing_deinit(mr_checkpoint_listing *listing)
{
    free(listing->rows);
    *listing = (mr_checkpoint_listing){.rows = NULL};
}

mr_status mr_checkpoint_row_verify(const mr_config *config, const mr_checkpoint_row *row,
                                   const mr_plan *plan, mr_error *ret_error)
{
    mr_checkpoint_store *store = NULL;
    MR_TRY(row->saved[0] != '\0'
               ? mr_saved_store_open(config, row->saved, &store, ret_error)
               : mr_checkpoint_place_store(config, &store, ret_error));
    const mr_status status =
        mr_checkpoint_verify(store, row->info.partition, row->info.epoch,
                             row->info.generation, plan, ret_error);
    mr_checkpoint_store_close(store);
    return status;
}
