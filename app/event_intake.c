#include "app/event_intake.h"

#include "ingest/event_writer.h"

#include <stdlib.h>

struct mr_event_intake {
    mr_engine *engine;
    mr_decoder *decoder;
    mr_event_batch batch;
    mr_letter_box letters;
    mr_buffer text;
};

mr_status mr_event_intake_create(mr_engine *engine, mr_event_intake **ret_intake,
                                 mr_error *ret_error)
{
    const mr_decoder_options options = {.dialect = MR_DIALECT_AUTO,
                                        .topic = engine->config->log.topic};
    mr_event_intake *intake = calloc(1, sizeof(*intake));
    if (intake == NULL)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "out of memory");
    intake->engine = engine;
    mr_status status = mr_decoder_create(&options, &intake->decoder, ret_error);
    if (status == MR_OK)
        status = mr_event_batch_init(&intake->batch, 1, MR_EVENT_LINES_MAX);
    if (status == MR_OK)
        status = mr_letter_box_init(&intake->letters);
    if (status != MR_OK) {
        mr_event_intake_destroy(intake);
        return status;
    }
    *ret_intake = intake;
    return MR_OK;
}

void mr_event_intake_destroy(mr_event_intake *intake)
{
    if (intake == NULL)
        return;
    mr_decoder_destroy(intake->decoder);
    mr_event_batch_deinit(&intake->batch);
    mr_letter_box_deinit(&intake->letters);
    mr_buffer_deinit(&intake->text);
    free(intake);
}

/* Decode one event and put its canonical form with the letters; a poison one is refused. */
static mr_status take(mr_event_intake *intake, mr_backend_event *event, int64_t now_ms)
{
    const mr_log_record record = {.value = event->record, .time_ms = now_ms};
    event->accepted = false;
    mr_decoder_lock(intake->decoder,
                    MR_DIALECT_AUTO); /* each may be of another dialect */
    MR_TRY(mr_decoder_decode(intake->decoder, 0, &record, 1, &intake->batch));
    const mr_record_verdict *verdict = &intake->batch.records[0];
    if (verdict->disposition != MR_RECORD_EVENTS || verdict->event_count == 0) {
        event->reason = mr_poison_name((mr_poison)verdict->poison);
        return MR_OK;
    }
    mr_buffer_clear(&intake->text);
    mr_event_write(&intake->text, intake->batch.events, verdict->event_count);
    MR_TRY(mr_buffer_status(&intake->text));
    const mr_log_header header = {MR_TEXT(MR_DIALECT_HEADER), MR_TEXT("native")};
    const mr_log_entry entry = {
        .partition = MR_LOG_ANY_PARTITION,
        .key = mr_event_profile_id(&intake->batch.events[0]),
        .value = {(const char *)intake->text.bytes, (uint32_t)intake->text.length},
        .headers = &header,
        .header_count = 1,
        .time_ms = now_ms,
    };
    MR_TRY(mr_letter_box_put(&intake->letters, &entry));
    event->accepted = true;
    event->reason = NULL;
    return MR_OK;
}

mr_status mr_event_intake_append(mr_event_intake *intake, mr_backend_event *events,
                                 size_t count)
{
    const int64_t now_ms = mr_clock_wall_ms(mr_clock_system());
    mr_error error = {{0}};
    mr_letter_box_clear(&intake->letters);
    for (size_t i = 0; i < count; i++)
        MR_TRY(take(intake, &events[i], now_ms));
    return mr_letter_box_append(&intake->letters, intake->engine->topics.events, &error);
}
