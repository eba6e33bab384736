/*
 * Process: what app/ingest_thread.c does with its partitions, without the parts that no state
 * depends on (caches, scorers, HTTP).
 *
 * The shards are the engine's own mr_owned_shard, the checkpoint thread its own
 * mr_checkpointer; both run as fibers.  A process that is killed runs on to its end with every
 * call failing and none doing anything, so that its memory is given back.
 */
#include "tests/simulation/world.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    DAY_SLICE_ROWS = 2,

    BASES = 2,
    INFOS_MAX = 64,
    ROUNDS_TO_END_MAX = 1000000,
    APPLY_PERMILLE = 700,
    CHECKPOINT_PERMILLE = 250,
    SWEEP_PERMILLE = 150,
};

static uint32_t below(process *p, uint32_t bound)
{
    return sim_random_below(&p->world->random, bound);
}

static bool chance(process *p, uint32_t permille)
{
    return sim_random_chance(&p->world->random, permille);
}

bool process_is_writing(const process *p)
{
    for (uint32_t i = 0; i < p->world->partitions; i++) {
        if (p->shards[i] != NULL && p->shards[i]->job_is_under_way)
            return true;
    }
    return false;
}

static mr_status start(process *p)
{
    mr_engine *engine = &p->engine;
    MR_TRY(mr_statistics_create(p->world->partitions, &engine->statistics));
    MR_TRY(mr_checkpoint_store_open(WORLD_STATE, WORLD_TOPIC, BASES, &engine->store,
                                    &p->error));
    return mr_checkpointer_create(engine->store, engine->topics.dead_letters,
                                  engine->topics.late, engine->topics.events,
                                  engine->topics.alerts, &engine->checkpointer);
}

/* -- opening ------------------------------------------------------------------------------ */

static void check_epoch(world *w, uint32_t partition, uint64_t epoch)
{
    mr_buffer *epochs = &w->epochs[partition];
    for (size_t at = 0; at < epochs->length; at += sizeof(epoch)) {
        if (memcmp(epochs->bytes + at, &epoch, sizeof(epoch)) == 0)
            world_fail(w, "partition %" PRIu32 ": epoch %" PRIu64 " was taken twice",
                       partition, epoch);
    }
    mr_buffer_put(epochs, &epoch, sizeof(epoch));
}

/* What was durable when its owner was told so is durable for every owner after it. */
static void check_opened(process *p, uint32_t partition)
{
    world *w = p->world;
    const mr_owned_shard *owned = p->shards[partition];
    const int64_t next = mr_shard_next_offset(owned->shard);
    w->totals->restores++;
    world_note(w,
               "process %" PRIu32 " opened partition %" PRIu32 " at %" PRId64
               " epoch %" PRIu64,
               p->number, partition, next, owned->epoch);
    check_epoch(w, partition, owned->epoch);
    /* One that was overtaken while it opened may stand behind: it is a zombie already. */
    if (next >= w->durable[partition] || owned->epoch < world_newest_epoch(w, partition))
        return;
    if (w->flipped == 0)
        world_fail(w,
                   "partition %" PRIu32 ": restored at %" PRId64
                   " although a checkpoint of %" PRId64 " was acknowledged",
                   partition, next, w->durable[partition]);
    /* Behind a damaged generation everything begins anew. */
    w->durable[partition] = next;
    w->durable_epoch[partition] = 0;
}

static mr_status open_shard(process *p, uint32_t partition)
{
    p->is_opening = true;
    const mr_status status =
        mr_owned_shard_open(&p->engine, partition, &p->shards[partition], &p->error);
    p->is_opening = false;
    if (status == MR_OK)
        check_opened(p, partition);
    return status;
}

/* -- checkpoints ---------------------------------------------------------------------------- */

/* What may be deleted is needed by no generation that a restore could come to. */
static void check_oldest(process *p, uint32_t partition, int64_t oldest_offset)
{
    world *w = p->world;
    mr_checkpoint_info infos[INFOS_MAX];
    size_t count = 0;
    world_look(w, true);
    const mr_status status =
        mr_checkpoint_list(p->engine.store, partition, infos, INFOS_MAX, &count, NULL);
    world_look(w, false);
    for (size_t i = 0; i < count && status == MR_OK; i++) {
        if (infos[i].skipped == 0 && infos[i].next_offset < oldest_offset)
            world_fail(w,
                       "partition %" PRIu32 ": the group is told %" PRId64
                       " while a generation stands at %" PRId64,
                       partition, oldest_offset, infos[i].next_offset);
    }
}

static void take_note(process *p, uint32_t partition, int64_t oldest_offset)
{
    world *w = p->world;
    const mr_owned_shard *owned = p->shards[partition];
    const bool is_newest = owned->epoch == world_newest_epoch(w, partition);
    if (owned->is_stale) {
        w->totals->world[WORLD_REFUSED]++;
        if (is_newest)
            world_fail(w, "partition %" PRIu32 ": the newest epoch was refused",
                       partition);
        return;
    }
    if (owned->job.status != MR_OK)
        return;
    w->totals->checkpoints++;
    if (is_newest) {
        w->durable[partition] = owned->job.next_offset;
        w->durable_epoch[partition] = owned->epoch;
    } else {
        w->totals->world[WORLD_ZOMBIE]++;
    }
    /* A broker takes no position from a member that has lost the partition. */
    if (oldest_offset < 0 || w->owner[partition] != p->number)
        return;
    if (is_newest)
        check_oldest(p, partition, oldest_offset);
    fake_log_commit(w->events, partition, oldest_offset);
}

/* True when no job is under way any more. */
static bool harvest(process *p, uint32_t partition)
{
    mr_owned_shard *owned = p->shards[partition];
    const bool was_under_way = owned->job_is_under_way;
    int64_t oldest_offset = -1;
    if (!mr_owned_shard_harvest(owned, &oldest_offset))
        return false;
    if (was_under_way && !p->is_dead)
        take_note(p, partition, oldest_offset);
    return true;
}

/* Another slice of the checkpoint that is being copied, if any, the budget always used up, and of
 * the day that is being cut. */
static void cut_a_slice(process *p, uint32_t partition)
{
    if (mr_owned_shard_cut(p->shards[partition], 0) != MR_OK)
        world_fail(p->world, "a checkpoint could not be copied");
    if (mr_owned_shard_cut_day(p->shards[partition], DAY_SLICE_ROWS) != MR_OK)
        world_fail(p->world, "a day could not be cut");
}

static void drop(process *p, uint32_t partition)
{
    while (!harvest(p, partition)) {
        if (p->is_dead)
            p->shards[partition]->is_cutting = false; /* nobody is left to go on */
        else
            cut_a_slice(p, partition);
        fiber_yield();
    }
    mr_owned_shard_close(p->shards[partition]);
    p->shards[partition] = NULL;
}

static void checkpoint(process *p, uint32_t partition)
{
    if (mr_owned_shard_checkpoint(p->shards[partition]) != MR_OK)
        world_fail(p->world, "a checkpoint could not begin");
}

/* -- between batches -------------------------------------------------------------------------- */

/* A model's verdict on a user depends on the id alone, so that every owner comes to the same
 * one; what it writes is what app/churn_sweep.c writes: a mark, and an alert in the outbox. */
static void sweep(process *p, mr_shard *shard)
{
    for (uint32_t row = 0; row < mr_shard_user_count(shard); row++) {
        const mr_text id = mr_shard_user_id(shard, row);
        if (mr_shard_churn(shard, row).tier != 0 || mr_shard_is_anonymous(shard, row) ||
            !verdict_is_alerted(id))
            continue;
        uint64_t sequence;
        if (mr_shard_outbox_put(shard, id, id, &sequence) != MR_OK)
            world_fail(p->world, "the outbox is full");
        mr_shard_set_churn(shard, row, (mr_churn_mark){500, 1, p->world->event_ms});
    }
}

static mr_status read_some(process *p, uint32_t partition)
{
    mr_owned_shard *owned = p->shards[partition];
    mr_log_record records[WORLD_BATCH_RECORDS];
    size_t count = 0;
    int64_t next = 0;
    const mr_status status =
        fake_log_poll(p->world->events, partition, mr_shard_next_offset(owned->shard),
                      1 + below(p, WORLD_BATCH_RECORDS), records, &count, &next);
    if (status == MR_ERR_GAP)
        return mr_error_set(&p->error, status, "the log begins at %" PRId64, next);
    if (status != MR_OK || count == 0)
        return MR_OK;
    return mr_owned_shard_apply(owned, &p->batch, records, count, &p->error);
}

static mr_status tend(process *p, uint32_t partition)
{
    mr_owned_shard *owned = p->shards[partition];
    const bool is_free = harvest(p, partition);
    if (owned->is_stale) {
        world_note(p->world, "process %" PRIu32 " gives way for partition %" PRIu32,
                   p->number, partition);
        drop(p, partition);
        return MR_OK;
    }
    if (is_free && chance(p, CHECKPOINT_PERMILLE))
        checkpoint(p, partition);
    cut_a_slice(p, partition);
    if (chance(p, SWEEP_PERMILLE))
        sweep(p, owned->shard);
    return chance(p, APPLY_PERMILLE) ? read_some(p, partition) : MR_OK;
}

static mr_status one_round(process *p)
{
    for (uint32_t i = 0; i < p->world->partitions && !p->is_dead; i++) {
        if (p->wanted[i] && p->shards[i] == NULL)
            MR_TRY(open_shard(p, i));
        else if (p->wanted[i])
            MR_TRY(tend(p, i));
        else if (p->shards[i] != NULL) {
            checkpoint(p, i);
            drop(p, i);
        }
    }
    return MR_OK;
}

static void run(void *context)
{
    process *p = context;
    mr_status status = start(p);
    while (status == MR_OK && !p->is_dead && !p->is_leaving) {
        fiber_yield();
        status = one_round(p);
    }
    if (status != MR_OK && !p->is_dead)
        world_note(p->world, "process %" PRIu32 " ends: %s: %s", p->number,
                   mr_status_name(status), p->error.message);
    for (uint32_t i = 0; i < p->world->partitions; i++) {
        if (p->shards[i] == NULL)
            continue;
        if (p->is_leaving)
            checkpoint(p, i);
        drop(p, i);
    }
    p->checkpoints = NULL; /* it ends within the next call */
    mr_checkpointer_destroy(p->engine.checkpointer);
    mr_checkpoint_store_close(p->engine.store);
    mr_statistics_destroy(p->engine.statistics);
    mr_event_batch_deinit(&p->batch);
}

/* -- seen from the world ------------------------------------------------------------------------ */

process *process_create(world *w, uint32_t number)
{
    process *p = calloc(1, sizeof(*p));
    if (p == NULL)
        abort();
    p->world = w;
    p->number = number;
    p->engine = (mr_engine){
        .config = &w->config,
        .key = w->key,
        .control_key = w->control_key,
        .plan = w->plan,
        .begin_anew = "",
        .topics = {.events = fake_log_handle(w->events),
                   .alerts = fake_log_handle(w->alerts),
                   .late = fake_log_handle(w->late),
                   .dead_letters = fake_log_handle(w->dead_letters)},
    };
    for (uint32_t i = 0; i < w->partitions; i++)
        p->wanted[i] = w->owner[i] == number;
    p->ingest = fiber_create(run, p);
    return p;
}

void process_step(process *p, bool of_checkpoints)
{
    fiber *next = of_checkpoints && p->checkpoints != NULL ? p->checkpoints : p->ingest;
    process *before = p->world->running;
    p->world->running = p;
    fiber_resume(next);
    p->world->running = before;
}

void process_end(process *p)
{
    int rounds = 0;
    while (!fiber_is_finished(p->ingest)) {
        process_step(p, rounds % 2 == 1);
        if (++rounds == ROUNDS_TO_END_MAX)
            abort();
    }
    fiber_destroy(p->ingest);
    free(p);
}
