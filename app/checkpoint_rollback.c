#include "app/checkpoint_rollback.h"

#include "app/plan_file.h"
#include "app/state_lock.h"
#include "app/topics.h"
#include "core/clock.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

/* What all steps share. */
typedef struct rolling {
    const mr_rollback_options *options;
    mr_checkpoint_place place;
    mr_checkpoint_store *store; /* where it is written */
    mr_keys keys;
    mr_plan *plan;
    mr_log *log; /* NULL: it cannot be asked */
    int lock;
    mr_rollback_step *steps;
    size_t count;
    uint64_t done;
    mr_error *error;
} rolling;

static void show(rolling *r)
{
    const mr_rollback_options *options = r->options;
    const uint64_t passes = options->is_dry_run ? 1 : 2;
    r->done++;
    if (options->progress != NULL)
        options->progress(options->context, r->done, passes * r->count);
}

static mr_status choose_partitions(rolling *r, uint32_t *partitions)
{
    size_t count = 0;
    MR_TRY(mr_checkpoint_place_partitions(&r->place, partitions, &count, r->error));
    for (size_t i = 0; i < count; i++)
        if (r->options->partition < 0 || r->options->partition == partitions[i])
            r->steps[r->count++] = (mr_rollback_step){
                .partition = partitions[i], .log_first = -1, .log_end = -1};
    return r->count > 0 ? MR_OK
                        : mr_error_set(r->error, MR_ERR_NOT_FOUND,
                                       "%s: partition %" PRId64 " is not in it",
                                       r->options->word, r->options->partition);
}

static void ask_log(const rolling *r, mr_rollback_step *step)
{
    if (r->log == NULL || step->partition >= mr_log_partitions(r->log) ||
        mr_log_resolve(r->log, step->partition, MR_LOG_EARLIEST, 0, &step->log_first,
                       NULL) != MR_OK ||
        mr_log_resolve(r->log, step->partition, MR_LOG_LATEST, 0, &step->log_end, NULL) !=
            MR_OK) {
        step->log_first = -1;
        step->log_end = -1;
    }
}

/* Read the state whole, and see what it would take the place of. */
static mr_status look(rolling *r, mr_rollback_step *step)
{
    mr_shard *shard = NULL;
    size_t count = 0;
    MR_TRY(mr_checkpoint_place_restore(&r->place, step->partition, r->plan, &r->keys.hash,
                                       &shard, &step->from, r->error));
    mr_shard_destroy(shard);
    MR_TRY(mr_checkpoint_list(r->store, step->partition, &step->newest, 1, &count,
                              r->error));
    step->has_newest = count == 1;
    ask_log(r, step);
    show(r);
    return MR_OK;
}

static mr_status write_shard(const rolling *r, mr_rollback_step *step,
                             const mr_shard *shard)
{
    const uint64_t now_s = (uint64_t)(mr_clock_wall_ms(mr_clock_system()) / 1000);
    mr_buffer encoded = {0};
    MR_TRY(mr_checkpoint_take_epoch(r->store, step->partition, now_s, &step->epoch,
                                    r->error));
    step->generation = step->from.generation + 1;
    mr_status status =
        mr_checkpoint_encode(shard, step->epoch, step->generation, &encoded);
    if (status == MR_OK)
        status = mr_checkpoint_write(r->store, step->partition, step->epoch,
                                     step->generation, &encoded, r->error);
    else
        (void)mr_error_set(r->error, status, "out of memory for a checkpoint");
    mr_buffer_deinit(&encoded);
    return status;
}

static mr_status take(rolling *r, mr_rollback_step *step)
{
    mr_shard *shard = NULL;
    MR_TRY(mr_checkpoint_place_restore(&r->place, step->partition, r->plan, &r->keys.hash,
                                       &shard, &step->from, r->error));
    const mr_status status = write_shard(r, step, shard);
    mr_shard_destroy(shard);
    show(r);
    return status;
}

static mr_status open_all(rolling *r)
{
    const mr_config *config = r->options->config;
    MR_TRY(mr_keys_load(config, MR_KEYS_NEEDED, &r->keys, r->error));
    MR_TRY(mr_plan_file_load(config->state.plan, &r->plan, r->error));
    MR_TRY(mr_checkpoint_place_store(config, &r->store, r->error));
    if (!r->options->is_dry_run)
        MR_TRY(mr_state_lock_take(config, MR_LOCK_ALONE, &r->lock, r->error));
    MR_TRY(mr_checkpoint_place_open(config, r->options->word, &r->place, r->error));
    /* The log only tells what will be read again: without it there is less to say. */
    if (mr_topic_open(config, MR_TOPICS_READ, config->log.topic, 1, &r->log, NULL) !=
        MR_OK)
        r->log = NULL;
    return MR_OK;
}

static mr_status roll(rolling *r)
{
    uint32_t *partitions = calloc(MR_PLACE_PARTITIONS_MAX, sizeof(*partitions));
    if (partitions == NULL)
        return mr_error_set(r->error, MR_ERR_NO_MEMORY, "out of memory");
    const mr_status status = choose_partitions(r, partitions);
    free(partitions);
    MR_TRY(status);
    for (size_t i = 0; i < r->count; i++)
        MR_TRY(look(r, &r->steps[i]));
    for (size_t i = 0; i < r->count && !r->options->is_dry_run; i++)
        MR_TRY(take(r, &r->steps[i]));
    return MR_OK;
}

mr_status mr_checkpoint_rollback(const mr_rollback_options *options,
                                 mr_rollback_step *ret_steps, size_t *ret_count,
                                 mr_error *ret_error)
{
    rolling r = {.options = options, .lock = -1, .steps = ret_steps, .error = ret_error};
    mr_status status = open_all(&r);
    if (status == MR_OK)
        status = roll(&r);
    mr_log_close(r.log);
    mr_checkpoint_place_close(&r.place);
    if (r.lock >= 0)
        (void)close(r.lock);
    mr_checkpoint_store_close(r.store);
    mr_plan_destroy(r.plan);
    mr_keys_deinit(&r.keys);
    if (status == MR_OK)
        *ret_count = r.count;
    return status;
}
