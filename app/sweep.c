#include "app/sweep.h"

void mr_sweep_begin(mr_sweep *sweep, int64_t at_ms, int64_t day)
{
    *sweep = (mr_sweep){.is_under_way = true, .at_ms = at_ms, .day = day};
}

mr_status mr_sweep_slice(mr_sweep *sweep, const mr_shard *shard, mr_sweep_visit *visit,
                         void *context)
{
    const uint32_t users = mr_shard_user_count(shard);
    for (uint32_t done = 0; done < MR_SWEEP_SLICE_ROWS && sweep->row < users; done++) {
        MR_TRY(visit(context, sweep->row));
        sweep->row++;
    }
    sweep->is_under_way = sweep->row < users;
    return MR_OK;
}

mr_status mr_sweep_raise(mr_shard *shard, const char *id, mr_buffer *text)
{
    uint64_t sequence;
    mr_status status = mr_buffer_status(text);
    if (status == MR_OK)
        status = mr_shard_outbox_put(
            shard, mr_text_from(id),
            (mr_text){(const char *)text->bytes, (uint32_t)text->length}, &sequence);
    mr_buffer_deinit(text);
    return status;
}
