#include "app/key_sample.h"

#include "ingest/event_writer.h"

#include <inttypes.h>

/* A record of several lines is one user's: the first line says whose. */
static void look(mr_key_sample *sample, const mr_event *event, mr_text key)
{
    sample->seen++;
    sample->strange += !mr_text_equal(key, mr_event_profile_id(event));
}

mr_status mr_key_sample_take(mr_key_sample *sample, const mr_event_batch *batch,
                             const mr_log_record *records, const char *topic,
                             mr_error *ret_error)
{
    for (size_t i = 0; i < batch->record_count && sample->seen < MR_KEY_SAMPLE_RECORDS;
         i++) {
        const mr_record_verdict *verdict = &batch->records[i];
        if (verdict->disposition == MR_RECORD_EVENTS && verdict->event_count > 0)
            look(sample, &batch->events[verdict->first_event], records[i].key);
    }
    if (sample->seen < MR_KEY_SAMPLE_LEAST || 2 * sample->strange <= sample->seen)
        return MR_OK;
    return mr_error_set(ret_error, MR_ERR_INVALID,
                        "topic %s is not keyed by profile id (%" PRIu32 " of %" PRIu32
                        " keys are something else): users would be split; copy it into a "
                        "topic keyed by user_id, else anonymous_id, for log.topic",
                        topic, sample->strange, sample->seen);
}
