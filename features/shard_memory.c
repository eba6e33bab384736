#include "features/shard_memory.h"

#include "features/aggregate.h"
#include "features/shard_private.h"

static size_t list_bytes(const mr_list *list)
{
    return list->block != 0 ? mr_block_class_bytes(list->size_class) : 0;
}

/* Whether another feature before it has the bytes. */
static const mr_list *list_of(const mr_plan *plan, size_t index, mr_row row)
{
    const mr_operation *operation = &plan->operations[index];
    if (mr_operation_reads_series(operation))
        return mr_plan_feature_bytes(plan, index).shares == NULL
                   ? mr_row_list(row, plan->series[operation->series].list_offset)
                   : NULL;
    if (operation->spec.aggregate == MR_AGGREGATE_FADING_TOP)
        return operation->top == 0 ? mr_row_list(row, plan->words_offset) : NULL;
    return mr_operation_bytes(operation).entries > 0
               ? mr_row_list(row, operation->list_offset)
               : NULL;
}

static bool is_of_the_head(mr_aggregate aggregate)
{
    return aggregate <= MR_AGGREGATE_SESSIONS;
}

static bool lies_in_extra(const mr_plan *plan, const mr_operation *operation)
{
    const uint32_t offset = mr_operation_reads_series(operation)
                                ? plan->series[operation->series].list_offset
                                : operation->list_offset;
    return offset >= MR_PLAN_EXTRA;
}

static size_t spilled(const mr_operation *operation, mr_row row)
{
    const mr_aggregate_kind *kind = mr_operation_kind(operation);
    return kind->has_spilled != NULL && kind->has_spilled(row, operation)
               ? mr_block_class_bytes(mr_block_class_of(kind->spill_bytes))
               : 0;
}

static void add_row(const mr_shard *shard, mr_row row, mr_shard_memory *memory)
{
    const mr_plan *plan = shard->plan;
    const bool has_extra = row.head->extra_block != 0;
    const size_t extra =
        has_extra ? mr_block_class_bytes(mr_block_class_of(plan->extra_bytes)) : 0;
    size_t named = 0; /* of body and extra part */
    for (size_t i = 0; i < plan->operation_count; i++) {
        const mr_operation *operation = &plan->operations[i];
        const bool is_history = operation == plan->history;
        const mr_feature_bytes bytes = mr_plan_feature_bytes(plan, i);
        if (is_of_the_head(operation->spec.aggregate) || bytes.shares != NULL)
            continue;
        const bool in_extra = lies_in_extra(plan, operation);
        const mr_list *list = list_of(plan, i, row);
        const size_t fixed = in_extra && !has_extra ? 0 : bytes.fixed;
        size_t *sum = is_history ? &memory->history : &memory->features[i];
        *sum += fixed + (list != NULL ? list_bytes(list) : 0) + spilled(operation, row);
        named += fixed;
    }
    memory->rest += plan->body_bytes + extra - named;
    if (row.head->id_length > MR_ROW_ID_BYTES)
        memory->rest += mr_block_class_bytes(mr_block_class_of(row.head->id_length));
}

void mr_shard_memory_get(const mr_shard *shard, mr_shard_memory *ret_memory)
{
    *ret_memory = (mr_shard_memory){.rows = shard->store.row_count};
    for (uint32_t i = 0; i < shard->store.row_count; i++)
        add_row(shard, mr_profile_store_row(&shard->store, i), ret_memory);
    ret_memory->heads = mr_profile_store_bytes(&shard->store) -
                        (size_t)shard->store.row_count * shard->plan->body_bytes;
    ret_memory->unused = mr_block_pool_bytes(&shard->pool) - shard->pool.used_bytes;
}

void mr_shard_memory_add(mr_shard_memory *sum, const mr_shard_memory *other)
{
    sum->rows += other->rows;
    sum->heads += other->heads;
    sum->rest += other->rest;
    sum->history += other->history;
    sum->unused += other->unused;
    for (size_t i = 0; i < MR_PLAN_FEATURES_MAX; i++)
        sum->features[i] += other->features[i];
}

double mr_shard_memory_of_a_profile(const mr_shard_memory *memory)
{
    size_t own = memory->heads + memory->rest;
    for (size_t i = 0; i < MR_PLAN_FEATURES_MAX; i++)
        own += memory->features[i];
    const double all = (double)(own + memory->history);
    const double share = all > 0.0 ? (double)own / all : 0.0;
    return memory->rows > 0
               ? ((double)own + share * (double)memory->unused) / (double)memory->rows
               : 0.0;
}
