#include "app/dead_letter_return.h"

#include "app/topic_walk.h"
#include "ingest/dead_letter.h"

typedef struct returning {
    mr_log *events;
    mr_dead_letter_counts counts;
} returning;

static mr_status send_back(void *context, const mr_log_batch *batch, mr_error *ret_error)
{
    returning *r = context;
    mr_dead_letter letters[MR_TOPIC_WALK_RECORDS];
    mr_log_entry entries[MR_TOPIC_WALK_RECORDS];
    size_t count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        if (mr_dead_letter_restore(&letters[count], &batch->records[i],
                                   &entries[count]) == MR_OK)
            count++;
        else
            r->counts.foreign++;
    }
    if (count > 0)
        MR_TRY(mr_log_append(r->events, entries, count, NULL, ret_error));
    r->counts.returned += count;
    return MR_OK;
}

mr_status mr_dead_letter_return(mr_log *dead_letters, mr_log *events,
                                mr_dead_letter_counts *ret_counts, mr_error *ret_error)
{
    returning r = {.events = events};
    MR_TRY(mr_topic_walk(dead_letters, send_back, &r, ret_error));
    *ret_counts = r.counts;
    return MR_OK;
}
