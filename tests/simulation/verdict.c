/*
 * Verdict: whether the promises held.
 *
 * The reference is a shard that was never stopped, fed the whole log once.  What is restored
 * from the disk must equal it in both canonical dumps, and in its features one that was fed
 * the log without the second copies of links; every record that could not be read must
 * lie in the dead letters, every alert in its topic, and the rows of every day that is over, as the
 * reference closed it, in the day's file.
 */
#include "tests/simulation/world.h"

#include "app/batch_slice.h"
#include "app/day_box.h"
#include "features/canonical_dump.h"
#include "features/link.h"
#include "features/plan_layout.h"
#include "ingest/dead_letter.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REFERENCE_BATCH = 1000, SHOWN_BYTES = 150 };

bool verdict_is_alerted(mr_text user_id)
{
    return mr_hash_bytes(user_id.bytes, user_id.length) % 3 == 0;
}

/* -- the reference ------------------------------------------------------------------------- */

static mr_shard *new_reference(world *w, uint32_t partition)
{
    const mr_shard_options options = {.plan = w->plan,
                                      .hash_key = &w->key,
                                      .topic = WORLD_TOPIC,
                                      .partition = partition,
                                      .is_replay = true};
    mr_shard *shard = NULL;
    if (mr_shard_create(&options, &shard) != MR_OK)
        abort();
    return shard;
}

/* Whether `log` holds a letter about the record at this place, at least once. */
static bool has_letter(const fake_log *log, uint32_t partition, int64_t offset)
{
    for (size_t i = 0; i < fake_log_count(log, 0); i++) {
        mr_dead_letter_source source;
        if (mr_dead_letter_read(fake_log_record(log, 0, i), &source) == MR_OK &&
            source.partition == partition && source.offset == offset)
            return true;
    }
    return false;
}

/* Every poison record of an applied batch must be in the dead letters, every late one with the
 * late. */
static void expect_letters(world *w, uint32_t partition, const mr_event_batch *batch)
{
    for (size_t i = 0; i < batch->record_count; i++) {
        const mr_record_verdict *record = &batch->records[i];
        if (record->disposition == MR_RECORD_POISON &&
            !has_letter(w->dead_letters, partition, record->offset))
            world_fail(w,
                       "partition %" PRIu32 ": the poison at %" PRId64
                       " is in no dead letter",
                       partition, record->offset);
        if (record->outcome == MR_OUTCOME_LATE &&
            !has_letter(w->late, partition, record->offset))
            world_fail(
                w, "partition %" PRIu32 ": the late record at %" PRId64 " is not kept",
                partition, record->offset);
    }
}

/* Every link the partition decided on is in the log, in any number of copies. */
static void expect_links(world *w, const mr_shard *reference, uint32_t partition)
{
    for (uint64_t n = 1; n <= mr_shard_link_sequence(reference); n++) {
        char text[64];
        (void)snprintf(text, sizeof(text),
                       "\"source\":%" PRIu32 ",\"sequence\":%" PRIu64 ",", partition, n);
        bool is_there = false;
        for (uint32_t p = 0; p < w->partitions && !is_there; p++) {
            for (size_t i = 0; i < fake_log_count(w->events, p) && !is_there; i++) {
                const mr_text value = fake_log_record(w->events, p, i)->value;
                is_there = value.length > 0 &&
                           memmem(value.bytes, value.length, text, strlen(text)) != NULL;
            }
        }
        if (!is_there)
            world_fail(w, "partition %" PRIu32 ": link %" PRIu64 " was never sent",
                       partition, n);
    }
}

/* "source":2,"sequence":17 of a link; false for any other record. */
static bool link_place(const mr_log_record *record, uint32_t *ret_source,
                       uint64_t *ret_sequence)
{
    const char member[] = "\"source\":";
    const char *at = record->value.length == 0
                         ? NULL
                         : memmem(record->value.bytes, record->value.length, member,
                                  sizeof(member) - 1);
    return at != NULL && record->header_count > 0 &&
           sscanf(at, "\"source\":%" SCNu32 ",\"sequence\":%" SCNu64, ret_source,
                  ret_sequence) == 2;
}

/* The partition's records; `without_copies`: of a link that came twice the first alone. */
static mr_log_record *take_records(const world *w, uint32_t partition,
                                   bool without_copies, size_t *ret_count)
{
    const size_t count = fake_log_count(w->events, partition);
    mr_log_record *records = calloc(count + 1, sizeof(*records));
    if (records == NULL)
        abort();
    size_t taken = 0;
    for (size_t i = 0; i < count; i++) {
        records[taken] = *fake_log_record(w->events, partition, i);
        uint32_t source;
        uint64_t sequence;
        bool is_copy = false;
        if (without_copies && link_place(&records[taken], &source, &sequence)) {
            for (size_t k = 0; k < taken && !is_copy; k++) {
                uint32_t other_source;
                uint64_t other;
                is_copy = link_place(&records[k], &other_source, &other) &&
                          other_source == source && other == sequence;
            }
        }
        taken += !is_copy;
    }
    *ret_count = taken;
    return records;
}

/* A record at a time, closing each day. */
static void apply_by_days(mr_shard *shard, mr_event_batch *batch, mr_day_box *days)
{
    mr_batch_slice slice = {0};
    for (size_t i = 0; i < batch->record_count; i++) {
        const mr_record_verdict *record = &batch->records[i];
        const int64_t newest_ms = mr_record_newest_ms(batch, record);
        mr_event_batch part;
        if (record->event_count > 0 && newest_ms >= mr_day_end_ms(shard) &&
            mr_day_box_close(days, shard, newest_ms, true) != MR_OK)
            abort();
        if (mr_batch_slice_take(&slice, batch, i, i + 1, &part) != MR_OK ||
            mr_shard_apply(shard, &part) != MR_OK)
            abort();
        mr_batch_slice_return(&part, batch, i);
    }
    mr_batch_slice_deinit(&slice);
}

static bool same_bytes(const mr_buffer *a, const mr_buffer *b)
{
    return a->length == b->length &&
           (a->length == 0 || memcmp(a->bytes, b->bytes, a->length) == 0);
}

static void expect_days(world *w, uint32_t partition, mr_day_box *days)
{
    const mr_day_files files = {
        .state_path = WORLD_STATE, .topic = WORLD_TOPIC, .zone = &w->plan->settings.zone};
    for (size_t i = 0; i < days->count; i++) {
        mr_day_rows *expected = &days->days[i];
        mr_day_rows found = {0};
        uint32_t crc;
        mr_error error = {{0}};
        if (mr_day_rows_order(expected) != MR_OK)
            abort();
        if (mr_day_files_read(&files, partition, expected->day, MR_DAY_ALL, &found, &crc,
                              &error) != MR_OK)
            world_fail(w, "a day is not there: %s", error.message);
        else if (found.next_offset != expected->next_offset ||
                 found.since_offset != expected->since_offset ||
                 !same_bytes(&found.ids, &expected->ids) ||
                 !same_bytes(&found.numbers, &expected->numbers) ||
                 !same_bytes(&found.vectors, &expected->vectors))
            world_fail(w, "partition %" PRIu32 ": day %" PRId64 " is not that of the log",
                       partition, expected->day);
        mr_day_rows_deinit(&found);
    }
}

static mr_shard *make_reference(world *w, uint32_t partition, bool without_copies)
{
    mr_shard *shard = new_reference(w, partition);
    mr_decoder *decoder = NULL;
    mr_error error = {{0}};
    if (mr_topics_decoder(&w->config, &w->control_key, &decoder, &error) != MR_OK)
        abort();
    mr_event_batch batch = {0};
    mr_day_box days = {0};
    size_t count;
    mr_log_record *records = take_records(w, partition, without_copies, &count);
    for (size_t done = 0; done < count; done += REFERENCE_BATCH) {
        const size_t left = count - done;
        const mr_status decoded =
            mr_decoder_decode(decoder, partition, &records[done],
                              left < REFERENCE_BATCH ? left : REFERENCE_BATCH, &batch);
        if (decoded != MR_OK)
            abort();
        apply_by_days(shard, &batch, &days);
        if (!without_copies)
            expect_letters(w, partition, &batch);
    }
    if (mr_day_box_finish(&days, shard) != MR_OK)
        abort();
    free(records);
    mr_event_batch_deinit(&batch);
    mr_decoder_destroy(decoder);
    if (!without_copies) {
        expect_links(w, shard, partition);
        expect_days(w, partition, &days);
    }
    mr_day_box_deinit(&days);
    return shard;
}

/* -- comparing ----------------------------------------------------------------------------- */

static mr_status keep_lines(void *context, mr_text lines)
{
    mr_buffer *text = context;
    mr_buffer_put_text(text, lines);
    return mr_buffer_status(text);
}

static void compare(world *w, mr_shard *const *ours, mr_shard *const *reference,
                    mr_dump_kind kind)
{
    mr_buffer texts[2] = {{0}, {0}};
    mr_shard *const *both[2] = {ours, reference};
    for (int i = 0; i < 2; i++) {
        if (mr_canonical_dump((const mr_shard *const *)both[i], w->partitions,
                              MR_TIME_NONE, kind, keep_lines, &texts[i]) != MR_OK)
            abort();
        mr_buffer_put_u8(&texts[i], 0);
    }
    if (texts[0].length != texts[1].length ||
        memcmp(texts[0].bytes, texts[1].bytes, texts[0].length) != 0) {
        const char *a = (const char *)texts[0].bytes;
        const char *b = (const char *)texts[1].bytes;
        size_t line = 0;
        for (size_t i = 0; a[i] == b[i]; i++)
            line = a[i] == '\n' ? i + 1 : line;
        world_fail(w, "the restored state is not that of the log: '%.*s', not '%.*s'",
                   (int)strnlen(a + line, SHOWN_BYTES), a + line,
                   (int)strnlen(b + line, SHOWN_BYTES), b + line);
    }
    mr_buffer_deinit(&texts[0]);
    mr_buffer_deinit(&texts[1]);
}

/* An alert may come twice, but never for a user who has none, and not for none who has one. */
static void check_alerts(world *w, const mr_shard *shard)
{
    for (uint32_t row = 0; row < mr_shard_user_count(shard); row++) {
        const mr_text id = mr_shard_user_id(shard, row);
        if (mr_shard_is_anonymous(shard, row) || !verdict_is_alerted(id))
            continue;
        bool is_there = false;
        for (size_t k = 0; k < fake_log_count(w->alerts, 0) && !is_there; k++)
            is_there = mr_text_equal(fake_log_record(w->alerts, 0, k)->value, id);
        if (!is_there)
            world_fail(w, "the alert for %.*s was never sent", (int)id.length, id.bytes);
        if (mr_shard_churn(shard, row).tier != 1)
            world_fail(w, "user %.*s has no mark", (int)id.length, id.bytes);
    }
}

/* The topic as its readers take it: one id, one alert. */
static void check_alert_topic(world *w)
{
    for (size_t k = 0; k < fake_log_count(w->alerts, 0); k++) {
        const mr_log_record *record = fake_log_record(w->alerts, 0, k);
        if (!verdict_is_alerted(record->value) ||
            !mr_text_equal(record->key, record->value))
            world_fail(w, "an alert that nobody raised: %.*s", (int)record->value.length,
                       record->value.bytes);
    }
}

static mr_shard *restore(world *w, const mr_checkpoint_store *store, uint32_t partition)
{
    mr_checkpoint_info info = {0};
    mr_error error = {{0}};
    mr_shard *shard = NULL;
    const mr_status status = mr_checkpoint_restore(store, partition, w->plan, &w->key, 0,
                                                   &shard, &info, &error);
    if (status != MR_OK) {
        world_fail(w, "partition %" PRIu32 " cannot be restored: %s: %s", partition,
                   mr_status_name(status), error.message);
        return NULL;
    }
    if (w->flipped == 0 && info.epoch < w->durable_epoch[partition])
        world_fail(w,
                   "partition %" PRIu32 ": epoch %" PRIu64
                   " was selected, a checkpoint of %" PRIu64 " was acknowledged",
                   partition, info.epoch, w->durable_epoch[partition]);
    mr_shard_check(shard);
    return shard;
}

void verdict_check(world *w)
{
    mr_checkpoint_store *store = NULL;
    mr_shard *ours[WORLD_PARTITIONS_MAX] = {NULL};
    mr_shard *reference[WORLD_PARTITIONS_MAX] = {NULL};
    mr_shard *without_copies[WORLD_PARTITIONS_MAX] = {NULL};
    mr_error error = {{0}};
    if (mr_checkpoint_store_open(WORLD_STATE, WORLD_TOPIC, 2, &store, &error) != MR_OK)
        world_fail(w, "the store cannot be opened: %s", error.message);
    for (uint32_t p = 0; p < w->partitions && store != NULL; p++) {
        ours[p] = restore(w, store, p);
        reference[p] = make_reference(w, p, false);
        without_copies[p] = make_reference(w, p, true);
        if (ours[p] != NULL)
            check_alerts(w, ours[p]);
    }
    check_alert_topic(w);
    if (!w->has_failed) {
        compare(w, ours, reference, MR_DUMP_ALL);
        compare(w, ours, reference, MR_DUMP_ORDER_FREE);
        compare(w, ours, without_copies, MR_DUMP_ORDER_FREE);
    }
    for (uint32_t p = 0; p < w->partitions; p++) {
        mr_shard_destroy(ours[p]);
        mr_shard_destroy(reference[p]);
        mr_shard_destroy(without_copies[p]);
    }
    mr_checkpoint_store_close(store);
}
