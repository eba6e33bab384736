#include "app/checkpoint_place.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "PATH/TOPIC", or of a saved one "PATH/TOPIC/saved/NAME/TOPIC"; `ret_root` is what the store is
 * opened with. */
static mr_status open_store(const mr_config *config, const char *root,
                            mr_checkpoint_store **ret_store, mr_error *ret_error)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof(path), "%s/%s", root, config->log.topic) >= PATH_MAX)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "state.path: the path is too long");
    if (access(path, R_OK | X_OK) != 0)
        return mr_error_set(ret_error, MR_ERR_NOT_FOUND, "%s: %s", path, strerror(errno));
    return mr_checkpoint_store_open(root, config->log.topic, MR_CHECKPOINT_BASES_MIN,
                                    ret_store, ret_error);
}

mr_status mr_checkpoint_place_store(const mr_config *config,
                                    mr_checkpoint_store **ret_store, mr_error *ret_error)
{
    const mr_status status = open_store(config, config->state.path, ret_store, ret_error);
    if (status == MR_ERR_NOT_FOUND)
        return mr_error_set(ret_error, status,
                            "%s: no checkpoints of topic %s there; state.path names "
                            "where they are",
                            config->state.path, config->log.topic);
    return status;
}

static mr_status saved_directory(const mr_config *config, const char *name,
                                 char path[PATH_MAX], mr_error *ret_error)
{
    const int length = snprintf(path, PATH_MAX, "%s/%s/saved%s%s", config->state.path,
                                config->log.topic, name[0] != '\0' ? "/" : "", name);
    return length < PATH_MAX ? MR_OK
                             : mr_error_set(ret_error, MR_ERR_INVALID,
                                            "state.path: the path is too long");
}

mr_status mr_saved_store_open(const mr_config *config, const char *name,
                              mr_checkpoint_store **ret_store, mr_error *ret_error)
{
    char root[PATH_MAX];
    MR_TRY(saved_directory(config, name, root, ret_error));
    const bool is_name = name[0] != '\0' && name[0] != '.' && strchr(name, '/') == NULL;
    const mr_status status =
        is_name ? open_store(config, root, ret_store, ret_error) : MR_ERR_NOT_FOUND;
    if (status == MR_ERR_NOT_FOUND)
        return mr_error_set(ret_error, status,
                            "no saved checkpoint '%s' in %s; `millrace checkpoint list` "
                            "names them",
                            name, config->state.path);
    return status;
}

mr_status mr_checkpoint_place_parse(const char *word, uint64_t *ret_epoch,
                                    uint64_t *ret_generation)
{
    const char *dash = strchr(word, '-');
    int64_t epoch = 0;
    int64_t generation = 0;
    if (dash == NULL ||
        mr_text_to_int64((mr_text){word, (uint32_t)(dash - word)}, &epoch) != MR_OK ||
        mr_text_to_int64(mr_text_from(dash + 1), &generation) != MR_OK || epoch < 0 ||
        generation < 0)
        return MR_ERR_INVALID;
    *ret_epoch = (uint64_t)epoch;
    *ret_generation = (uint64_t)generation;
    return MR_OK;
}

void mr_checkpoint_place_text(uint64_t epoch, uint64_t generation,
                              char ret_text[MR_PLACE_TEXT_BYTES])
{
    (void)snprintf(ret_text, MR_PLACE_TEXT_BYTES, "%" PRIu64 "-%" PRIu64, epoch,
                   generation);
}

mr_status mr_checkpoint_place_open(const mr_config *config, const char *word,
                                   mr_checkpoint_place *ret_place, mr_error *ret_error)
{
    mr_checkpoint_place place = {.is_generation = false};
    mr_status status = MR_ERR_NOT_FOUND;
    if (strcmp(word, "newest") != 0)
        status = mr_saved_store_open(config, word, &place.store, ret_error);
    /* A saved name may look like a generation: it is then the saved one. */
    if (status == MR_ERR_NOT_FOUND) {
        place.is_generation =
            mr_checkpoint_place_parse(word, &place.epoch, &place.generation) == MR_OK;
        if (place.is_generation || strcmp(word, "newest") == 0)
            status = mr_checkpoint_place_store(config, &place.store, ret_error);
    }
    if (status == MR_OK)
        *ret_place = place;
    return status;
}

void mr_checkpoint_place_close(mr_checkpoint_place *place)
{
    mr_checkpoint_store_close(place->store);
    *place = (mr_checkpoint_place){.store = NULL};
}

/* Whether the partition has the generation that is meant. */
static mr_status has_generation(const mr_checkpoint_place *place, uint32_t partition,
                                bool *ret_has, mr_error *ret_error)
{
    mr_checkpoint_info *infos = calloc(MR_CHECKPOINT_GENERATIONS_MAX, sizeof(*infos));
    if (infos == NULL)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "out of memory");
    size_t count = 0;
    const mr_status status = mr_checkpoint_list(
        place->store, partition, infos, MR_CHECKPOINT_GENERATIONS_MAX, &count, ret_error);
    *ret_has = count > 0 && !place->is_generation;
    for (size_t i = 0; i < count; i++)
        *ret_has |=
            infos[i].epoch == place->epoch && infos[i].generation == place->generation;
    free(infos);
    return status;
}

mr_status mr_checkpoint_place_partitions(const mr_checkpoint_place *place,
                                         uint32_t ret_partitions[MR_PLACE_PARTITIONS_MAX],
                                         size_t *ret_count, mr_error *ret_error)
{
    size_t found = 0;
    size_t kept = 0;
    MR_TRY(mr_checkpoint_partitions(place->store, ret_partitions, MR_PLACE_PARTITIONS_MAX,
                                    &found, ret_error));
    for (size_t i = 0; i < found; i++) {
        bool has = false;
        MR_TRY(has_generation(place, ret_partitions[i], &has, ret_error));
        if (has)
            ret_partitions[kept++] = ret_partitions[i];
    }
    *ret_count = kept;
    if (kept > 0)
        return MR_OK;
    return place->is_generation
               ? mr_error_set(ret_error, MR_ERR_NOT_FOUND,
                              "no partition has a generation %" PRIu64 "-%" PRIu64
                              "; `millrace checkpoint list` names them",
                              place->epoch, place->generation)
               : mr_error_set(ret_error, MR_ERR_NOT_FOUND, "no checkpoint there");
}

mr_status mr_checkpoint_place_restore(const mr_checkpoint_place *place,
                                      uint32_t partition, const mr_plan *plan,
                                      const mr_hash_key *hash_key, mr_shard **ret_shard,
                                      mr_checkpoint_info *ret_info, mr_error *ret_error)
{
    if (place->is_generation)
        return mr_checkpoint_restore_at(place->store, partition, place->epoch,
                                        place->generation, plan, hash_key, 0, ret_shard,
                                        ret_info, ret_error);
    return mr_checkpoint_restore(place->store, partition, plan, hash_key, 0, ret_shard,
                                 ret_info, ret_error);
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(left, right);
}

mr_status mr_saved_names_read(const mr_config *config, mr_saved_names *ret_names,
                              mr_error *ret_error)
{
    char path[PATH_MAX];
    MR_TRY(saved_directory(config, "", path, ret_error));
    ret_names->count = 0;
    DIR *stream = opendir(path);
    if (stream == NULL && errno == ENOENT)
        return MR_OK;
    if (stream == NULL)
        return mr_error_set(ret_error, MR_ERR_UNAVAILABLE, "%s: %s", path,
                            strerror(errno));
    for (const struct dirent *entry;
         ret_names->count < MR_PLACE_SAVED_MAX && (entry = readdir(stream)) != NULL;) {
        if (entry->d_name[0] != '.' &&
            strlen(entry->d_name) <= MR_CHECKPOINT_NAME_BYTES_MAX)
            (void)snprintf(ret_names->name[ret_names->count++],
                           MR_CHECKPOINT_NAME_BYTES_MAX + 1, "%s", entry->d_name);
    }
    (void)closedir(stream);
    qsort(ret_names->name, ret_names->count, sizeof(ret_names->name[0]), compare_names);
    return MR_OK;
}
