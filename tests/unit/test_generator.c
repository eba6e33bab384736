/* Method: what the generator says of a record is held against the decoder and the shard that
 * take it, record by record; the rest against the definitions of shares, laws and sums. */
#include "tests/support.h"

#include "app/generator.h"
#include "app/generator_manifest.h"
#include "app/generator_poison.h"
#include "app/generator_sink.h"
#include "app/rank_law.h"
#include "core/hash.h"
#include "core/json.h"
#include "features/shard.h"
#include "models/random.h"

#include <string.h>

enum { PARTITIONS = 3, EVENTS = 20000 };

static mr_generator_options everything(mr_dialect dialect)
{
    return (mr_generator_options){
        .shop = {.seed = 7,
                 .users = 500,
                 .items = 200,
                 .zipf = 0.8,
                 .anonymous = 0.3,
                 .rate = 0.05, /* 20,000 events are 4.6 days */
                 .start_ms = INT64_C(1767225600000)},
        .events = EVENTS,
        .partitions = PARTITIONS,
        .dialect = dialect,
        .about_bytes = 300,
        .topic = "events",
        .disorder = 0.05,
        .future = 0.02,
        .duplicates = 0.1,
        .late = 0.1,
        .poison = 0.1,
    };
}

static mr_generator *begin(const mr_generator_options *options)
{
    mr_generator *generator = NULL;
    assert_ok(mr_generator_create(options, &generator));
    return generator;
}

/* The lines of a whole stream. */
static void write_all(const mr_generator_options *options, mr_buffer *text)
{
    mr_generator *generator = begin(options);
    mr_generated record;
    while (mr_generator_next(generator, &record) == MR_OK)
        mr_generator_line_write(text, &record);
    assert_ok(mr_buffer_status(text));
    mr_generator_destroy(generator);
}

static void test_the_same_options_give_the_same_bytes_and_another_seed_others(
    void **state)
{
    (void)state;
    mr_buffer first = {0};
    mr_buffer second = {0};
    mr_generator_options options = everything(MR_DIALECT_NATIVE);
    write_all(&options, &first);
    write_all(&options, &second);
    assert_int_equal(first.length, second.length);
    assert_memory_equal(first.bytes, second.bytes, first.length);
    mr_buffer_clear(&second);
    options.shop.seed++;
    write_all(&options, &second);
    assert_true(first.length != second.length ||
                memcmp(first.bytes, second.bytes, first.length) != 0);
    mr_buffer_deinit(&first);
    mr_buffer_deinit(&second);
}

/* The next record of the clean stream, whatever was added before it. */
static mr_status next_clean(mr_generator *generator, mr_generated *ret_record)
{
    mr_status status;
    do
        status = mr_generator_next(generator, ret_record);
    while (status == MR_OK && ret_record->fate != MR_FATE_APPLIED);
    return status;
}

static void test_additions_leave_the_clean_stream_as_it_is(void **state)
{
    (void)state;
    mr_generator_options options = everything(MR_DIALECT_NATIVE);
    mr_generator *full = begin(&options);
    options.duplicates = options.late = options.poison = 0.0;
    mr_generator *clean = begin(&options);
    mr_generated expected;
    mr_generated actual;
    uint64_t count = 0;
    while (mr_generator_next(clean, &expected) == MR_OK) {
        assert_ok(next_clean(full, &actual));
        assert_int_equal(expected.fate, MR_FATE_APPLIED);
        assert_true(mr_text_equal(actual.key, expected.key));
        assert_true(mr_text_equal(actual.value, expected.value));
        assert_int_equal(actual.time_ms, expected.time_ms);
        count++;
    }
    assert_int_equal(count, EVENTS);
    assert_int_equal(next_clean(full, &actual), MR_ERR_NOT_FOUND);
    mr_generator_destroy(full);
    mr_generator_destroy(clean);
}

static void test_shares_are_met(void **state)
{
    (void)state;
    const mr_generator_options options = everything(MR_DIALECT_NATIVE);
    mr_generator *generator = begin(&options);
    double fates[MR_FATES] = {0};
    double behind = 0;
    double clamped = 0;
    mr_generated record;
    while (mr_generator_next(generator, &record) == MR_OK) {
        fates[record.fate]++;
        behind += record.is_behind;
        clamped += record.fate == MR_FATE_APPLIED && record.is_clamped;
    }
    /* Six deviations of a binomial of 20,000 with p = 0.1 are 13 % of its mean. */
    assert_close(fates[MR_FATE_APPLIED], EVENTS, 0.0);
    assert_close(fates[MR_FATE_DUPLICATE], options.duplicates * EVENTS, 0.13);
    assert_close(fates[MR_FATE_LATE], options.late * EVENTS, 0.13);
    assert_close(fates[MR_FATE_POISON], options.poison * EVENTS, 0.13);
    /* Some have no time to be changed, and some future ones stay within five minutes. */
    assert_close(behind, options.disorder * EVENTS, 0.25);
    assert_close(clamped, options.future * EVENTS, 0.35);

    uint32_t known = 0;
    uint32_t visitors = mr_shop_visitors(mr_generator_shop(generator));
    for (uint32_t i = 0; i < visitors; i++)
        known += mr_shop_visitor_is_known(mr_generator_shop(generator), i);
    assert_true(visitors > options.shop.anonymous * options.shop.users * 0.7);
    assert_true(known > visitors / 2 && known < visitors);
    mr_generator_destroy(generator);
}

/* -- against the engine -------------------------------------------------------------------- */

typedef struct engine {
    mr_plan *plan;
    mr_decoder *decoders[PARTITIONS];
    mr_shard *shards[PARTITIONS];
    mr_event_batch batch;
} engine;

static void engine_begin(engine *e, const char *format)
{
    mr_decoder_options options = {.topic = "events", .control_key = "k"};
    options.control_key_bytes = 1;
    assert_ok(mr_dialect_parse(format, &options.dialect, &options.csv_profile, NULL));
    assert_ok(mr_plan_create_default(&e->plan));
    assert_ok(mr_event_batch_init(&e->batch, 4, 16));
    mr_hash_key key;
    mr_hash_key_init(&key, "", 0);
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        const mr_shard_options shard = {
            .plan = e->plan, .hash_key = &key, .topic = "events", .partition = p};
        assert_ok(mr_decoder_create(&options, &e->decoders[p], NULL));
        assert_ok(mr_shard_create(&shard, &e->shards[p]));
    }
}

static void engine_end(engine *e)
{
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        mr_shard_check(e->shards[p]);
        mr_decoder_destroy(e->decoders[p]);
        mr_shard_destroy(e->shards[p]);
    }
    mr_event_batch_deinit(&e->batch);
    mr_plan_destroy(e->plan);
}

static void engine_take(engine *e, const mr_generated *generated)
{
    const uint32_t p = generated->partition;
    const mr_log_record record = {
        .key = generated->key,
        .value = generated->value,
        .headers = &generated->header,
        .header_count = generated->header_count,
        .offset = mr_shard_next_offset(e->shards[p]),
        .time_ms = generated->time_ms,
    };
    assert_ok(mr_decoder_decode(e->decoders[p], p, &record, 1, &e->batch));
    assert_ok(mr_shard_apply(e->shards[p], &e->batch));
}

static uint64_t fate_count(const mr_shard_counters *counters, mr_fate fate)
{
    switch (fate) {
    case MR_FATE_APPLIED: return counters->applied;
    case MR_FATE_DUPLICATE: return counters->duplicate;
    case MR_FATE_LATE: return counters->late;
    case MR_FATE_POISON: return counters->poison;
    case MR_FATES: break;
    }
    return 0;
}

/* Feed a stream and hold each expectation against the counter that moved. */
static void compare_with_engine(const mr_generator_options *options, const char *format)
{
    engine e;
    engine_begin(&e, format);
    mr_generator *generator = begin(options);
    mr_generated record;
    mr_shard_counters before;
    mr_shard_counters after;
    while (mr_generator_next(generator, &record) == MR_OK) {
        mr_shard *shard = e.shards[record.partition];
        const uint64_t clamped = mr_decoder_clamped(e.decoders[record.partition]);
        mr_shard_counters_get(shard, &before);
        engine_take(&e, &record);
        mr_shard_counters_get(shard, &after);
        const mr_record_verdict *verdict = &e.batch.records[0];
        if (fate_count(&after, record.fate) != fate_count(&before, record.fate) + 1 ||
            verdict->poison != record.reason)
            fail_msg("%s %s of %.*s became %s: %.*s", mr_fate_name(record.fate),
                     mr_poison_name(record.reason), MR_TEXT_ARG(record.key),
                     mr_poison_name((mr_poison)verdict->poison),
                     MR_TEXT_ARG(record.value));
        assert_int_equal(after.late_applied - before.late_applied, record.is_behind);
        assert_int_equal(after.lines - before.lines, record.lines);
        assert_int_equal(mr_decoder_clamped(e.decoders[record.partition]) > clamped,
                         record.is_clamped);
        if (record.fate == MR_FATE_POISON)
            continue;
        assert_int_equal(e.batch.events[0].time_ms, record.event_ms);
        assert_true(mr_text_equal(e.batch.events[0].event_id, record.event_id));
    }
    mr_generator_destroy(generator);
    engine_end(&e);
}

static void test_every_native_record_becomes_what_was_said(void **state)
{
    (void)state;
    const mr_generator_options options = everything(MR_DIALECT_NATIVE);
    compare_with_engine(&options, "auto");
}

static void test_every_segment_record_becomes_what_was_said(void **state)
{
    (void)state;
    const mr_generator_options options = everything(MR_DIALECT_SEGMENT);
    compare_with_engine(&options, "auto");
}

static void test_a_busy_stream_becomes_what_was_said(void **state)
{
    (void)state;
    mr_generator_options options = everything(MR_DIALECT_NATIVE);
    options.shop.rate = 100.0; /* 20,000 events in 200 s: no horizon is passed */
    options.shop.zipf = 1.2;
    options.about_bytes = 0;
    compare_with_engine(&options, "native");
}

static void test_only_poison_is_poison_throughout(void **state)
{
    (void)state;
    mr_generator_options options = everything(MR_DIALECT_NATIVE);
    options.poison = 1.0;
    options.events = 2000;
    compare_with_engine(&options, "auto");
}

/* Every row alone, behind a record that says what the partition's dialect is. */
static void try_poison(mr_dialect dialect, const char *first, uint32_t *ret_reasons)
{
    const mr_text user_id = MR_TEXT("u\"1\n");
    mr_buffer value = {0};
    for (size_t i = 0; mr_poison_row_at(dialect, i) != NULL; i++) {
        engine e;
        engine_begin(&e, "auto");
        mr_generated record = {
            .key = user_id, .value = mr_text_from(first), .time_ms = 1767225600000};
        engine_take(&e, &record);
        assert_int_equal(e.batch.records[0].disposition, MR_RECORD_EVENTS);
        mr_made_poison made;
        mr_buffer_clear(&value);
        assert_ok(mr_poison_make(mr_poison_row_at(dialect, i), dialect, user_id, "events",
                                 i, &value, &made));
        record.value = (mr_text){(const char *)value.bytes, (uint32_t)value.length};
        record.header = (mr_log_header){MR_TEXT(MR_CONTROL_HEADER),
                                        {(const char *)made.header, sizeof(made.header)}};
        record.header_count = made.has_header;
        engine_take(&e, &record);
        if (e.batch.records[0].poison != made.reason)
            fail_msg("row %zu is %s, not %s: %.*s", i,
                     mr_poison_name((mr_poison)e.batch.records[0].poison),
                     mr_poison_name(made.reason), MR_TEXT_ARG(record.value));
        *ret_reasons |= UINT32_C(1) << made.reason;
        engine_end(&e);
    }
    mr_buffer_deinit(&value);
}

static void test_poison_is_of_every_kind_and_each_has_its_reason(void **state)
{
    (void)state;
    const uint32_t all = (UINT32_C(1) << MR_POISON_KINDS) - 2; /* none is no reason */
    uint32_t native = 0;
    uint32_t segment = 0;
    try_poison(MR_DIALECT_NATIVE, "{\"type\":\"view\",\"user_id\":\"u\"}", &native);
    try_poison(MR_DIALECT_SEGMENT, "{\"type\":\"page\",\"userId\":\"u\"}", &segment);
    assert_int_equal(native, all);
    /* Segment's types are Segment's own: to it `erase` is a word it does not know. */
    assert_int_equal(segment, all & ~(UINT32_C(1) << MR_POISON_PRIVILEGED));
}

/* -- its own sums -------------------------------------------------------------------------- */

static uint64_t count_of(mr_json_value *object, const char *key)
{
    return (uint64_t)mr_json_int(mr_json_get(object, key), -1);
}

static void test_the_manifest_adds_up(void **state)
{
    (void)state;
    const mr_generator_options options = everything(MR_DIALECT_NATIVE);
    mr_generator *generator = begin(&options);
    mr_manifest *manifest = NULL;
    assert_ok(mr_manifest_create(&options, &manifest));
    uint64_t records = 0;
    uint64_t lines = 0;
    uint64_t exclusive_or = 0;
    mr_generated record;
    while (mr_generator_next(generator, &record) == MR_OK) {
        assert_ok(mr_manifest_add(manifest, &record));
        assert_int_equal(record.partition,
                         mr_log_partition_among(PARTITIONS, record.key));
        records++;
        if (record.fate != MR_FATE_APPLIED)
            continue;
        lines += record.lines;
        exclusive_or ^= mr_manifest_hash(record.event_id);
    }
    mr_buffer text = {0};
    mr_json *json = NULL;
    mr_manifest_write(manifest, generator, &text);
    assert_ok(mr_json_parse((mr_text){(const char *)text.bytes, (uint32_t)text.length},
                            &json, NULL));
    mr_json_value *root = mr_json_root(json);
    mr_json_value *totals = mr_json_get(root, "totals");
    assert_int_equal(count_of(totals, "records"), records);
    assert_int_equal(count_of(totals, "applied"), EVENTS);
    assert_int_equal(count_of(totals, "lines_applied"), lines);
    assert_int_equal(count_of(totals, "duplicate"),
                     mr_manifest_records(manifest, MR_FATE_DUPLICATE));
    mr_json_value *profiles = mr_json_get(root, "profiles");
    for (size_t i = 0; i < mr_json_count(profiles); i++) {
        mr_json_value *profile = mr_json_at(profiles, i);
        lines -= count_of(profile, "lines");
        exclusive_or ^= strtoull(
            mr_json_text(mr_json_get(profile, "xor"), (mr_text){0}).bytes, NULL, 16);
    }
    assert_int_equal(lines, 0);
    assert_int_equal(exclusive_or, 0);
    mr_json_destroy(json);
    mr_buffer_deinit(&text);
    mr_manifest_destroy(manifest);
    mr_generator_destroy(generator);
}

static void test_the_public_hash_is_fnv(void **state)
{
    (void)state;
    /* Test vectors of the FNV reference (fnv1a_64). */
    assert_true(mr_manifest_hash(MR_TEXT("")) == UINT64_C(0xcbf29ce484222325));
    assert_true(mr_manifest_hash(MR_TEXT("a")) == UINT64_C(0xaf63dc4c8601ec8c));
    assert_true(mr_manifest_hash(MR_TEXT("foobar")) == UINT64_C(0x85944171f73967e8));
}

static void test_ranks_follow_the_law(void **state)
{
    (void)state;
    static const double exponents[] = {0.0, 0.8, 1.0, 1.2, 2.0};
    enum { RANKS = 100, DRAWS = 200000 };
    for (size_t e = 0; e < sizeof(exponents) / sizeof(exponents[0]); e++) {
        const mr_rank_law law = mr_rank_law_of(RANKS, exponents[e]);
        double weights = 0.0;
        for (int k = 1; k <= RANKS; k++)
            weights += pow(k, -exponents[e]);
        double counts[RANKS + 1] = {0};
        uint64_t drawn = 0;
        for (int i = 0; i < DRAWS; i++) {
            uint32_t rank;
            while (!mr_rank_law_draw(&law, mr_random_uniform(e, drawn++), &rank))
                ;
            assert_in_range(rank, 1, RANKS);
            counts[rank]++;
        }
        assert_true(drawn < DRAWS + DRAWS / 3);
        for (int k = 1; k <= RANKS; k++) {
            const double share = pow(k, -exponents[e]) / weights;
            const double deviation = sqrt(DRAWS * share * (1.0 - share));
            if (fabs(counts[k] - DRAWS * share) > 6.0 * deviation)
                fail_msg("s=%g: rank %d came %.0f times, not %.0f", exponents[e], k,
                         counts[k], DRAWS * share);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_the_same_options_give_the_same_bytes_and_another_seed_others),
        cmocka_unit_test(test_additions_leave_the_clean_stream_as_it_is),
        cmocka_unit_test(test_shares_are_met),
        cmocka_unit_test(test_every_native_record_becomes_what_was_said),
        cmocka_unit_test(test_every_segment_record_becomes_what_was_said),
        cmocka_unit_test(test_a_busy_stream_becomes_what_was_said),
        cmocka_unit_test(test_only_poison_is_poison_throughout),
        cmocka_unit_test(test_poison_is_of_every_kind_and_each_has_its_reason),
        cmocka_unit_test(test_the_manifest_adds_up),
        cmocka_unit_test(test_the_public_hash_is_fnv),
        cmocka_unit_test(test_ranks_follow_the_law),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
