/*
 * What becomes of each line, against the rules read literally, and what no disorder may change.
 *
 * The model keeps every id that counts as remembered in one list and works out each line by the
 * sentences of docs/EVENTS.md: no table, no fingerprints, no running counts.  Its horizons and
 * its cap are small, so that a few thousand records pass all of them again and again; now and
 * then the shard goes through its checkpoint.  The second test takes one log and disorders it in
 * every way that features_hash promises not to notice.
 */
#include "features/canonical_dump.h"
#include "features/checkpoint.h"
#include "tests/feature_batch.h"
#include "tests/rounds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROUNDS = 40,
    RECORDS = 1500,
    LINES = 4,
    IDS = 120,
    USERS = 30,
    LATENESS_MS = 600000
};

static const mr_dedup_spec small = {
    .on_long = MR_ON(MR_EVENT_PURCHASE) | MR_ON(MR_EVENT_RATE),
    .horizon_ms = {[MR_DEDUP_LONG] = 3 * HOUR_MS, [MR_DEDUP_SHORT] = 20 * MINUTE_MS},
    .bucket_ms = {[MR_DEDUP_LONG] = 10 * MINUTE_MS, [MR_DEDUP_SHORT] = MINUTE_MS},
};

static char id_names[IDS][16];
static char user_names[USERS][16];

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13; /* xorshift64, Marsaglia 2003 */
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static uint64_t below(uint64_t *state, uint64_t bound)
{
    return next_random(state) % bound;
}

/* -- the model -------------------------------------------------------------------------- */

typedef struct known {
    mr_text id;
    uint32_t line;
    int span;
    int64_t number;
} known;

typedef struct model {
    const mr_dedup_spec *spec;
    known ids[1024];
    size_t count;
    int64_t evicted_end_ms[MR_DEDUP_CLASSES];
    uint64_t forgotten;
    int64_t clock_ms;
    int64_t newest_ms;
    mr_shard_counters counters;
} model;

static int64_t end_ms(const model *m, const known *id)
{
    return (id->number + 1) * m->spec->bucket_ms[id->span];
}

static int64_t watermark_ms(const model *m)
{
    return m->clock_ms == MR_TIME_NONE ? MR_TIME_NONE : m->clock_ms - LATENESS_MS;
}

static bool has_ended(const model *m, const known *id)
{
    return watermark_ms(m) != MR_TIME_NONE &&
           end_ms(m, id) <= watermark_ms(m) - m->spec->horizon_ms[id->span];
}

static void forget_what_ended(model *m)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->count; i++) {
        if (!has_ended(m, &m->ids[i]))
            m->ids[kept++] = m->ids[i];
    }
    m->count = kept;
}

static bool goes_first(const model *m, const known *a, const known *b)
{
    return end_ms(m, a) != end_ms(m, b) ? end_ms(m, a) < end_ms(m, b)
                                        : a->span == MR_DEDUP_SHORT && b->span != a->span;
}

static void evict(model *m, int64_t watermark)
{
    known oldest = m->ids[0];
    for (size_t i = 1; i < m->count; i++) {
        if (goes_first(m, &m->ids[i], &oldest))
            oldest = m->ids[i];
    }
    size_t kept = 0;
    for (size_t i = 0; i < m->count; i++) {
        if (m->ids[i].span != oldest.span || m->ids[i].number != oldest.number)
            m->ids[kept++] = m->ids[i];
        else
            m->forgotten += end_ms(m, &oldest) > watermark;
    }
    m->count = kept;
    if (end_ms(m, &oldest) > m->evicted_end_ms[oldest.span])
        m->evicted_end_ms[oldest.span] = end_ms(m, &oldest);
}

static mr_outcome expect_line(model *m, const mr_event *event, int64_t watermark)
{
    const int span =
        (m->spec->on_long & MR_ON(event->type)) != 0 ? MR_DEDUP_LONG : MR_DEDUP_SHORT;
    if (watermark != MR_TIME_NONE && event->time_ms < watermark &&
        (event->time_ms < watermark - m->spec->horizon_ms[span] ||
         event->time_ms < m->evicted_end_ms[span]))
        return MR_OUTCOME_LATE;
    if (event->event_id.length == 0)
        return MR_OUTCOME_APPLIED;
    for (size_t i = 0; i < m->count; i++) {
        if (mr_text_equal(m->ids[i].id, event->event_id) && m->ids[i].line == event->line)
            return MR_OUTCOME_DUPLICATE;
    }
    while (m->count + 1 > m->spec->entries_max)
        evict(m, watermark);
    m->ids[m->count++] = (known){.id = event->event_id,
                                 .line = event->line,
                                 .span = span,
                                 .number = event->time_ms / m->spec->bucket_ms[span]};
    return MR_OUTCOME_APPLIED;
}

static mr_outcome expect_record(model *m, const mr_event *events, size_t count,
                                mr_outcome *ret_lines)
{
    const int64_t watermark = watermark_ms(m);
    size_t tally[MR_OUTCOME_LATE + 1] = {0};
    bool is_behind = false;
    forget_what_ended(m);
    for (size_t i = 0; i < count; i++) {
        ret_lines[i] = expect_line(m, &events[i], watermark);
        tally[ret_lines[i]]++;
        if (ret_lines[i] != MR_OUTCOME_APPLIED)
            continue;
        is_behind |= watermark != MR_TIME_NONE && events[i].time_ms < watermark;
        m->newest_ms =
            events[i].time_ms > m->newest_ms ? events[i].time_ms : m->newest_ms;
    }
    m->clock_ms = m->newest_ms > m->clock_ms ? m->newest_ms : m->clock_ms;
    m->counters.lines += count;
    m->counters.lines_applied += tally[MR_OUTCOME_APPLIED];
    m->counters.lines_late += tally[MR_OUTCOME_LATE];
    m->counters.lines_duplicate += tally[MR_OUTCOME_DUPLICATE];
    m->counters.late_applied += is_behind;
    if (tally[MR_OUTCOME_APPLIED] > 0) {
        m->counters.applied++;
        return MR_OUTCOME_APPLIED;
    }
    if (tally[MR_OUTCOME_LATE] > 0) {
        m->counters.late++;
        return MR_OUTCOME_LATE;
    }
    m->counters.duplicate++;
    return MR_OUTCOME_DUPLICATE;
}

static int compare_known(const void *a, const void *b)
{
    const known *x = a;
    const known *y = b;
    if (x->span != y->span)
        return x->span - y->span;
    return (x->number > y->number) - (x->number < y->number);
}

/* What the dump must say of the ids, as of the watermark of now. */
static void expect_dump(const model *m, mr_buffer *text)
{
    static const char *const names[] = {
        [MR_DEDUP_LONG] = "long", [MR_DEDUP_SHORT] = "short"};
    known ids[1024];
    size_t count = 0;
    for (size_t i = 0; i < m->count; i++) {
        if (!has_ended(m, &m->ids[i]))
            ids[count++] = m->ids[i];
    }
    qsort(ids, count, sizeof(*ids), compare_known);
    for (size_t i = 0; i < count;) {
        size_t same = i;
        while (same < count && compare_known(&ids[i], &ids[same]) == 0)
            same++;
        mr_buffer_printf(text, "\\s\t0\tdedup\t%s\t%lld\t%zu\n", names[ids[i].span],
                         (long long)ids[i].number, same - i);
        i = same;
    }
    for (int span = 0; span < MR_DEDUP_CLASSES; span++) {
        if (m->evicted_end_ms[span] != MR_TIME_NONE)
            mr_buffer_printf(text, "\\s\t0\tdedup_evicted\t%s\t%lld\n", names[span],
                             (long long)m->evicted_end_ms[span]);
    }
}

/* -- the shard beside it ---------------------------------------------------------------- */

static mr_status keep_dump(void *context, mr_text lines)
{
    mr_buffer_put_text(context, lines);
    return MR_OK;
}

static void compare_dump(const mr_shard *shard, const model *m)
{
    mr_buffer expected = {0};
    mr_buffer dump = {0};
    expect_dump(m, &expected);
    assert_ok(mr_canonical_dump(&shard, 1, MR_TIME_NONE, MR_DUMP_ALL, keep_dump, &dump));
    mr_buffer_put_u8(&dump, 0);
    mr_buffer_put_u8(&expected, 0);
    /* In a dump of one partition they lie between its times and its links. */
    const char *times = strstr((const char *)dump.bytes, "\\s\t0\ttimes\t");
    char *links = strstr((char *)dump.bytes, "\\s\t0\tlinks\t");
    assert_non_null(times);
    assert_non_null(links);
    *links = '\0';
    assert_string_equal(strchr(times, '\n') + 1, (const char *)expected.bytes);
    mr_buffer_deinit(&expected);
    mr_buffer_deinit(&dump);
}

static void compare_counters(const mr_shard *shard, const model *m)
{
    mr_shard_counters c;
    mr_shard_counters_get(shard, &c);
    assert_int_equal(c.applied, m->counters.applied);
    assert_int_equal(c.duplicate, m->counters.duplicate);
    assert_int_equal(c.late, m->counters.late);
    assert_int_equal(c.late_applied, m->counters.late_applied);
    assert_int_equal(c.lines, m->counters.lines);
    assert_int_equal(c.lines_applied, m->counters.lines_applied);
    assert_int_equal(c.lines_late, m->counters.lines_late);
    assert_int_equal(c.lines_duplicate, m->counters.lines_duplicate);
    assert_int_equal(mr_shard_newest_ms(shard), m->newest_ms);
    assert_int_equal(mr_shard_watermark_ms(shard), watermark_ms(m));
    mr_shard_memory_of_ids ids;
    mr_shard_memory_of_ids_get(shard, &ids);
    assert_int_equal(ids.forgotten, m->forgotten);
}

static mr_shard *through_its_checkpoint(mr_shard *shard, const mr_plan *plan)
{
    mr_hash_key key;
    mr_hash_key_init(&key, "secret", 6);
    mr_buffer encoded = {0};
    mr_buffer sealed = {0};
    mr_shard *copy = NULL;
    mr_checkpoint_info info;
    assert_ok(mr_checkpoint_encode(shard, 1, 1, &encoded));
    assert_ok(mr_checkpoint_seal(&encoded, &sealed));
    assert_ok(mr_checkpoint_decode(sealed.bytes, sealed.length, plan, &key, 0, &copy,
                                   &info, NULL));
    mr_buffer_deinit(&encoded);
    mr_buffer_deinit(&sealed);
    mr_shard_destroy(shard);
    return copy;
}

/* Times wander ahead, with some far behind; ids are few, so that they come again. */
static void add_record(mr_event_batch *batch, int64_t offset, int64_t *now_ms,
                       uint64_t *random)
{
    static const uint8_t types[] = {MR_EVENT_VIEW, MR_EVENT_VIEW, MR_EVENT_PURCHASE,
                                    MR_EVENT_RATE, MR_EVENT_LOGIN};
    *now_ms += (int64_t)below(random, below(random, 50) == 0 ? 2 * HOUR_MS : MINUTE_MS);
    const mr_text id =
        below(random, 8) == 0 ? (mr_text){0} : mr_text_from(id_names[below(random, IDS)]);
    const size_t lines = below(random, 3) == 0 ? 1 + below(random, LINES) : 1;
    for (size_t i = 0; i < lines; i++) {
        int64_t time_ms = *now_ms - (int64_t)below(random, 5 * MINUTE_MS);
        if (below(random, 3) == 0)
            time_ms = *now_ms - (int64_t)below(random, 5 * HOUR_MS);
        if (below(random, 4) == 0)
            time_ms -= time_ms % (10 * MINUTE_MS); /* on the edge of a bucket */
        mr_event event = test_event((mr_event_type)types[below(random, sizeof(types))],
                                    user_names[below(random, USERS)], "tea", time_ms);
        event.event_id = id;
        if (i == 0)
            test_batch_add(batch, offset, event);
        else
            test_batch_add_line(batch, event);
    }
}

static void fill_batch(mr_event_batch *batch, const mr_shard *shard, int64_t *now_ms,
                       uint64_t *random)
{
    const size_t size = 1 + below(random, 40);
    mr_event_batch_clear(batch);
    for (size_t i = 0; i < size; i++) {
        const int64_t offset = mr_shard_next_offset(shard) + (int64_t)i;
        if (below(random, 20) == 0)
            test_batch_add_other(batch, offset, MR_RECORD_TICK,
                                 *now_ms + (int64_t)below(random, 20 * MINUTE_MS));
        else if (below(random, 40) == 0)
            test_batch_add_other(batch, offset, MR_RECORD_POISON, 0);
        else
            add_record(batch, offset, now_ms, random);
    }
}

static void expect_batch(model *m, const mr_event_batch *batch)
{
    for (size_t i = 0; i < batch->record_count; i++) {
        const mr_record_verdict *record = &batch->records[i];
        if (record->disposition == MR_RECORD_TICK && record->tick_ms > m->clock_ms)
            m->clock_ms = record->tick_ms;
        if (record->disposition != MR_RECORD_EVENTS)
            continue;
        const mr_event *events = &batch->events[record->first_event];
        mr_outcome lines[LINES];
        assert_int_equal(expect_record(m, events, record->event_count, lines),
                         record->outcome);
        for (size_t line = 0; line < record->event_count; line++)
            assert_int_equal(events[line].outcome, lines[line]);
    }
}

static void test_every_line_becomes_what_the_rules_say(void **state)
{
    (void)state;
    mr_event_batch batch = {0};
    mr_shard_counters seen = {0};
    uint64_t forgotten = 0;
    for (uint64_t seed = 1; seed <= ROUNDS; seed += (uint64_t)test_step()) {
        mr_dedup_spec spec = small;
        spec.entries_max = 1 + (uint32_t)(seed % 4) * 30;
        mr_plan *plan;
        assert_ok(mr_plan_create_with(&spec, &plan));
        model m = {.spec = &spec,
                   .clock_ms = MR_TIME_NONE,
                   .newest_ms = MR_TIME_NONE,
                   .evicted_end_ms = {MR_TIME_NONE, MR_TIME_NONE}};
        uint64_t random = seed * 0x9e3779b97f4a7c15ULL;
        int64_t now_ms = START_MS;
        mr_shard *shard = test_shard(plan, 0);
        while (mr_shard_next_offset(shard) < RECORDS) {
            fill_batch(&batch, shard, &now_ms, &random);
            assert_ok(mr_shard_apply(shard, &batch));
            expect_batch(&m, &batch);
            compare_counters(shard, &m);
            compare_dump(shard, &m);
            if (below(&random, 10) == 0)
                shard = through_its_checkpoint(shard, plan);
        }
        mr_shard_check(shard);
        mr_shard_destroy(shard);
        mr_plan_destroy(plan);
        seen.duplicate += m.counters.duplicate;
        seen.late += m.counters.late;
        seen.late_applied += m.counters.late_applied;
        forgotten += m.forgotten;
    }
    /* Each of them was met often enough to be believed. */
    assert_true(seen.duplicate > 1000);
    assert_true(seen.late > 1000);
    assert_true(seen.late_applied > 1000);
    assert_true(forgotten > 1000);
    mr_event_batch_deinit(&batch);
}

/* -- features_hash ---------------------------------------------------------------------- */

enum { EVENTS = 6000, PARTITIONS_MAX = 8, COPIES_MAX = 2 };

typedef struct sent {
    size_t event;
    int64_t at_ms; /* the order of the log */
} sent;

static mr_event events[EVENTS];
static char event_names[EVENTS][16];

static void make_events(uint64_t seed)
{
    static const uint8_t types[] = {MR_EVENT_VIEW,   MR_EVENT_VIEW,   MR_EVENT_CART_ADD,
                                    MR_EVENT_SEARCH, MR_EVENT_RATE,   MR_EVENT_PURCHASE,
                                    MR_EVENT_REFUND, MR_EVENT_REVIEW, MR_EVENT_WISHLIST};
    uint64_t random = seed * 0x9e3779b97f4a7c15ULL;
    int64_t time_ms = START_MS;
    for (size_t i = 0; i < EVENTS; i++) {
        time_ms += (int64_t)below(&random, 4 * MINUTE_MS);
        (void)snprintf(event_names[i], sizeof(event_names[i]), "e%zu", i);
        events[i] = test_event((mr_event_type)types[below(&random, sizeof(types))],
                               user_names[below(&random, USERS)],
                               id_names[below(&random, 20)], time_ms);
        events[i].event_id = mr_text_from(event_names[i]);
        events[i].value_minor = (int64_t)below(&random, 10000);
        events[i].rating_centi = 400;
    }
}

static int compare_sent(const void *a, const void *b)
{
    const sent *x = a;
    const sent *y = b;
    if (x->at_ms != y->at_ms)
        return x->at_ms < y->at_ms ? -1 : 1;
    return (x->event > y->event) - (x->event < y->event);
}

/* An event arrives within the lateness; its copies while its id is remembered. */
static size_t disorder(sent *ret_sent, bool shuffled, bool duplicated, uint64_t seed)
{
    uint64_t random = seed * 0x2545f4914f6cdd1dULL;
    size_t count = 0;
    for (size_t i = 0; i < EVENTS; i++) {
        const bool is_long = (mr_default_dedup.on_long & MR_ON(events[i].type)) != 0;
        const uint64_t remembered = is_long ? 7 * DAY_MS : HOUR_MS;
        const int64_t jitter = shuffled ? (int64_t)below(&random, LATENESS_MS) : 0;
        ret_sent[count++] = (sent){i, events[i].time_ms + jitter};
        for (uint64_t copies = duplicated ? below(&random, COPIES_MAX + 1) : 0;
             copies > 0; copies--)
            ret_sent[count++] =
                (sent){i, events[i].time_ms + (int64_t)below(&random, remembered)};
    }
    qsort(ret_sent, count, sizeof(*ret_sent), compare_sent);
    return count;
}

static void hash_of(const mr_plan *plan, uint32_t partitions, const sent *order,
                    size_t count, char ret_hex[MR_SHA256_HEX_BYTES])
{
    mr_shard *shards[PARTITIONS_MAX] = {NULL};
    mr_event_batch batches[PARTITIONS_MAX] = {0};
    uint64_t applied = 0;
    for (uint32_t p = 0; p < partitions; p++) {
        shards[p] = test_shard(plan, p);
        batches[p].partition = p;
    }
    for (size_t i = 0; i < count; i++) {
        const mr_event *event = &events[order[i].event];
        const uint32_t p =
            (uint32_t)(mr_hash_bytes(event->user_id.bytes, event->user_id.length) %
                       partitions);
        test_batch_add(&batches[p], (int64_t)batches[p].record_count, *event);
    }
    for (uint32_t p = 0; p < partitions; p++) {
        mr_shard_counters counters;
        assert_ok(mr_shard_apply(shards[p], &batches[p]));
        mr_shard_check(shards[p]);
        mr_shard_counters_get(shards[p], &counters);
        assert_int_equal(counters.late, 0);
        applied += counters.applied;
    }
    assert_int_equal(applied, EVENTS); /* each once, whatever was sent */
    assert_ok(mr_canonical_hash((const mr_shard *const *)shards, partitions, MR_TIME_NONE,
                                MR_DUMP_ORDER_FREE, ret_hex));
    for (uint32_t p = 0; p < partitions; p++) {
        mr_event_batch_deinit(&batches[p]);
        mr_shard_destroy(shards[p]);
    }
}

static void test_features_hash_ignores_shuffles_duplicates_and_partitions(void **state)
{
    (void)state;
    static sent order[EVENTS * (COPIES_MAX + 1)];
    char expected[MR_SHA256_HEX_BYTES];
    char actual[MR_SHA256_HEX_BYTES];
    mr_plan *plan;
    assert_ok(mr_plan_create_default(&plan));
    for (uint64_t seed = 1; seed <= 3; seed++) {
        make_events(seed);
        hash_of(plan, 1, order, disorder(order, false, false, seed), expected);
        for (uint32_t partitions = 1; partitions <= PARTITIONS_MAX; partitions++) {
            const bool shuffled = partitions % 2 == 1;
            const bool duplicated = partitions % 3 != 2;
            hash_of(plan, partitions, order,
                    disorder(order, shuffled, duplicated, seed * 100 + partitions),
                    actual);
            assert_string_equal(actual, expected);
        }
    }
    mr_plan_destroy(plan);
}

int main(void)
{
    for (size_t i = 0; i < IDS; i++)
        (void)snprintf(id_names[i], sizeof(id_names[i]), "id%zu", i);
    for (size_t i = 0; i < USERS; i++)
        (void)snprintf(user_names[i], sizeof(user_names[i]), "user%zu", i);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_line_becomes_what_the_rules_say),
        cmocka_unit_test(test_features_hash_ignores_shuffles_duplicates_and_partitions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
