/*
 * Dedup: what is remembered, what is late, what the cap takes, and that bytes bring it back.
 *
 * Every case is small enough to be checked by the sentences of features/dedup.h; random streams
 * against a slow model are in tests/property/test_dedup_model.c.
 */
#include "features/dedup_private.h"
#include "tests/feature_batch.h"

#include <string.h>

enum { LATENESS_MS = 600000 };

static const mr_dedup_spec *const spec = &mr_default_dedup;

static mr_dedup *make(const mr_dedup_spec *of)
{
    mr_dedup *dedup;
    assert_ok(mr_dedup_create(of, &dedup));
    return dedup;
}

static bool put(mr_dedup *dedup, uint64_t id, mr_dedup_class span, int64_t time_ms)
{
    assert_ok(mr_dedup_reserve(dedup, 1));
    return mr_dedup_put(dedup, id, span, time_ms);
}

/* Distinct and spread as keyed hashes are. */
static uint64_t id_of(uint64_t number)
{
    return mr_hash_bytes(&number, sizeof(number));
}

static void test_an_id_is_a_duplicate_until_its_bucket_ends_at_the_horizon(void **state)
{
    (void)state;
    for (int span = 0; span < MR_DEDUP_CLASSES; span++) {
        const mr_dedup_class class_ = (mr_dedup_class)span;
        const int64_t width_ms = spec->bucket_ms[span];
        const int64_t end_ms = START_MS / width_ms * width_ms + width_ms;
        mr_dedup *dedup = make(spec);
        assert_true(put(dedup, 7, class_, START_MS));
        mr_dedup_advance(dedup, end_ms + spec->horizon_ms[span] - 1);
        assert_true(mr_dedup_has(dedup, 7));
        assert_false(put(dedup, 7, class_, START_MS));
        mr_dedup_advance(dedup, end_ms + spec->horizon_ms[span]);
        assert_false(mr_dedup_has(dedup, 7));
        assert_int_equal(mr_dedup_count(dedup), 0);
        mr_dedup_check(dedup);
        mr_dedup_destroy(dedup);
    }
}

static void test_a_time_is_late_from_one_ms_behind_the_horizon(void **state)
{
    (void)state;
    mr_dedup *dedup = make(spec);
    assert_false(mr_dedup_is_late(dedup, MR_DEDUP_SHORT, 0)); /* no watermark yet */
    mr_dedup_advance(dedup, START_MS);
    for (int span = 0; span < MR_DEDUP_CLASSES; span++) {
        const int64_t floor_ms = START_MS - spec->horizon_ms[span];
        assert_true(mr_dedup_is_late(dedup, (mr_dedup_class)span, floor_ms - 1));
        assert_false(mr_dedup_is_late(dedup, (mr_dedup_class)span, floor_ms));
        assert_false(mr_dedup_is_late(dedup, (mr_dedup_class)span, floor_ms + 1));
    }
    mr_dedup_destroy(dedup);
}

static void test_an_event_that_is_not_late_is_never_without_its_bucket(void **state)
{
    (void)state;
    mr_dedup *dedup = make(spec);
    mr_dedup_advance(dedup, START_MS + 1);
    const int64_t floor_ms = START_MS + 1 - spec->horizon_ms[MR_DEDUP_SHORT];
    assert_true(put(dedup, 1, MR_DEDUP_SHORT, floor_ms));
    assert_false(put(dedup, 1, MR_DEDUP_SHORT, floor_ms));
    /* Behind the horizon, as in a backfill: true, and nothing is kept. */
    assert_true(put(dedup, 2, MR_DEDUP_SHORT, floor_ms - MINUTE_MS));
    assert_true(put(dedup, 2, MR_DEDUP_SHORT, floor_ms - MINUTE_MS));
    assert_int_equal(mr_dedup_count(dedup), 1);
    mr_dedup_destroy(dedup);
}

static void test_an_id_is_one_id_in_both_classes(void **state)
{
    (void)state;
    mr_dedup *dedup = make(spec);
    assert_true(put(dedup, 5, MR_DEDUP_SHORT, START_MS));
    assert_false(put(dedup, 5, MR_DEDUP_LONG, START_MS));
    /* Once the short class has forgotten it, the long one takes it, and keeps it. */
    mr_dedup_advance(dedup, START_MS + 2 * HOUR_MS);
    assert_true(put(dedup, 5, MR_DEDUP_LONG, START_MS + HOUR_MS));
    assert_false(put(dedup, 5, MR_DEDUP_SHORT, START_MS + 2 * HOUR_MS));
    mr_dedup_check(dedup);
    mr_dedup_destroy(dedup);
}

static void test_zero_is_a_fingerprint_like_any_other(void **state)
{
    (void)state;
    mr_dedup *dedup = make(spec);
    assert_false(mr_dedup_has(dedup, 0));
    assert_true(put(dedup, 0, MR_DEDUP_SHORT, START_MS));
    assert_false(put(dedup, 0, MR_DEDUP_SHORT, START_MS));
    mr_dedup_check(dedup);
    mr_dedup_destroy(dedup);
}

static void test_the_cap_takes_the_bucket_that_ends_first_short_before_long(void **state)
{
    (void)state;
    mr_dedup_spec small = *spec;
    small.entries_max = 3;
    mr_dedup *dedup = make(&small);
    const int64_t hour_ms = START_MS / HOUR_MS * HOUR_MS;
    /* All three end with the hour but the first, which ends a minute before. */
    assert_true(put(dedup, 1, MR_DEDUP_SHORT, hour_ms + 58 * MINUTE_MS));
    assert_true(put(dedup, 2, MR_DEDUP_LONG, hour_ms));
    assert_true(put(dedup, 3, MR_DEDUP_SHORT, hour_ms + 59 * MINUTE_MS));
    assert_int_equal(mr_dedup_evicted_end_ms(dedup, MR_DEDUP_SHORT), MR_TIME_NONE);

    assert_true(put(dedup, 4, MR_DEDUP_LONG, hour_ms + HOUR_MS));
    assert_false(mr_dedup_has(dedup, 1));
    assert_int_equal(mr_dedup_evicted_end_ms(dedup, MR_DEDUP_SHORT),
                     hour_ms + 59 * MINUTE_MS);

    assert_true(put(dedup, 5, MR_DEDUP_LONG, hour_ms + HOUR_MS));
    assert_false(mr_dedup_has(dedup, 3)); /* a tie: short first */
    assert_true(mr_dedup_has(dedup, 2));
    assert_int_equal(mr_dedup_evicted_end_ms(dedup, MR_DEDUP_SHORT), hour_ms + HOUR_MS);
    assert_int_equal(mr_dedup_evicted_end_ms(dedup, MR_DEDUP_LONG), MR_TIME_NONE);

    assert_true(put(dedup, 6, MR_DEDUP_LONG, hour_ms + HOUR_MS));
    assert_false(mr_dedup_has(dedup, 2));
    assert_int_equal(mr_dedup_evicted_end_ms(dedup, MR_DEDUP_LONG), hour_ms + HOUR_MS);

    /* The bucket of the new id itself may be the one taken, with all it held. */
    assert_true(put(dedup, 7, MR_DEDUP_LONG, hour_ms + HOUR_MS));
    assert_int_equal(mr_dedup_count(dedup), 1);
    assert_true(mr_dedup_has(dedup, 7));
    assert_int_equal(mr_dedup_evicted_end_ms(dedup, MR_DEDUP_LONG),
                     hour_ms + 2 * HOUR_MS);
    mr_dedup_check(dedup);
    mr_dedup_destroy(dedup);
}

static void test_what_the_cap_took_makes_late_only_behind_the_watermark(void **state)
{
    (void)state;
    mr_dedup_spec one = *spec;
    one.entries_max = 1;
    mr_dedup *dedup = make(&one);
    const int64_t minute_ms = START_MS / MINUTE_MS * MINUTE_MS;
    assert_true(put(dedup, 1, MR_DEDUP_SHORT, minute_ms));
    assert_true(put(dedup, 2, MR_DEDUP_SHORT, minute_ms + 5 * MINUTE_MS));
    assert_int_equal(mr_dedup_forgotten(dedup), 1); /* without a watermark, above it */

    mr_dedup_advance(dedup, minute_ms + MINUTE_MS - 1);
    assert_true(mr_dedup_is_late(dedup, MR_DEDUP_SHORT, minute_ms + MINUTE_MS - 2));
    assert_false(mr_dedup_is_late(dedup, MR_DEDUP_SHORT, minute_ms + MINUTE_MS - 1));
    mr_dedup_advance(dedup, minute_ms + 30 * MINUTE_MS);
    assert_true(mr_dedup_is_late(dedup, MR_DEDUP_SHORT, minute_ms + MINUTE_MS - 1));
    assert_false(mr_dedup_is_late(dedup, MR_DEDUP_SHORT, minute_ms + MINUTE_MS));
    assert_false(mr_dedup_is_late(dedup, MR_DEDUP_LONG, minute_ms)); /* not its class */

    assert_true(put(dedup, 3, MR_DEDUP_SHORT, minute_ms + 30 * MINUTE_MS));
    assert_int_equal(mr_dedup_forgotten(dedup),
                     1); /* behind it: late, so not forgotten */
    mr_dedup_destroy(dedup);
}

static void test_the_lines_of_an_event_have_fingerprints_of_their_own(void **state)
{
    (void)state;
    mr_hash_key key;
    mr_hash_key other;
    mr_hash_key_init(&key, "secret", 6);
    mr_hash_key_init(&other, "Secret", 6);
    mr_dedup *dedup = make(spec);
    for (uint32_t line = 0; line < MR_EVENT_LINES_MAX; line++) {
        assert_true(put(dedup, mr_hash_line(&key, MR_TEXT("order-1"), line),
                        MR_DEDUP_LONG, START_MS));
        assert_true(put(dedup, mr_hash_line(&key, MR_TEXT("order-2"), line),
                        MR_DEDUP_LONG, START_MS));
    }
    assert_false(
        put(dedup, mr_hash_line(&key, MR_TEXT("order-1"), 999), MR_DEDUP_LONG, START_MS));
    assert_true(mr_hash_line(&key, MR_TEXT("order-1"), 0) !=
                mr_hash_line(&other, MR_TEXT("order-1"), 0));
    mr_dedup_check(dedup);
    mr_dedup_destroy(dedup);
}

static void test_a_million_ids_stay_found_while_sub_tables_split(void **state)
{
    (void)state;
    enum { IDS = 1000000, AT_ONCE = 1000 };
    mr_dedup *dedup = make(spec);
    for (uint64_t i = 0; i < IDS; i++) {
        if (i % AT_ONCE == 0)
            assert_ok(mr_dedup_reserve(dedup, AT_ONCE));
        assert_true(mr_dedup_put(dedup, id_of(i), i % 2, START_MS + (int64_t)i));
    }
    assert_int_equal(mr_dedup_count(dedup), IDS);
    for (uint64_t i = 0; i < IDS; i++)
        assert_true(mr_dedup_has(dedup, id_of(i)));
    for (uint64_t i = IDS; i < 2 * IDS; i++)
        assert_false(mr_dedup_has(dedup, id_of(i)));
    mr_dedup_check(dedup);
    mr_dedup_destroy(dedup);
}

static void test_a_steady_stream_does_not_grow_the_table(void **state)
{
    (void)state;
    enum { A_MINUTE = 1000, MINUTES = 3000 };
    mr_dedup *dedup = make(spec);
    size_t bytes_after_a_day = 0;
    uint64_t id = 0;
    for (int64_t minute = 0; minute < MINUTES; minute++) {
        mr_dedup_advance(dedup, START_MS + minute * MINUTE_MS - LATENESS_MS);
        assert_ok(mr_dedup_reserve(dedup, A_MINUTE));
        for (int i = 0; i < A_MINUTE; i++)
            assert_true(mr_dedup_put(dedup, id_of(id++), MR_DEDUP_SHORT,
                                     START_MS + minute * MINUTE_MS));
        if (minute == MINUTES / 2)
            bytes_after_a_day = mr_dedup_bytes(dedup);
    }
    assert_int_equal(mr_dedup_bytes(dedup), bytes_after_a_day);
    assert_int_equal(mr_dedup_count(dedup),
                     71 * A_MINUTE); /* an hour, lateness, and one */
    mr_dedup_check(dedup);
    mr_dedup_destroy(dedup);
}

/* More buckets than there are numbers for them. */
static void test_numbers_of_buckets_are_used_again(void **state)
{
    (void)state;
    mr_dedup *dedup = make(spec);
    for (int64_t minute = 0; minute < 3 * MR_DEDUP_SLOTS; minute++) {
        const int64_t time_ms = START_MS + minute * MINUTE_MS;
        mr_dedup_advance(dedup, time_ms - LATENESS_MS);
        assert_true(put(dedup, id_of((uint64_t)minute), MR_DEDUP_SHORT, time_ms));
        /* The same id in every bucket: always a dead entry that comes to life. */
        (void)put(dedup, 77, MR_DEDUP_SHORT, time_ms);
    }
    assert_true(mr_dedup_has(dedup, 77));
    mr_dedup_check(dedup);
    mr_dedup_destroy(dedup);
}

static void test_what_finds_no_memory_changes_nothing(void **state)
{
    (void)state;
    mr_dedup *dedup = make(spec);
    assert_true(put(dedup, 1, MR_DEDUP_LONG, START_MS));
    assert_int_equal(mr_dedup_reserve(dedup, SIZE_MAX / 64), MR_ERR_NO_MEMORY);
    assert_int_equal(mr_dedup_count(dedup), 1);
    assert_true(mr_dedup_has(dedup, 1));
    assert_true(put(dedup, 2, MR_DEDUP_LONG, START_MS));
    mr_dedup_check(dedup);
    mr_dedup_destroy(dedup);
}

/* -- bytes ------------------------------------------------------------------------------ */

static void fill(mr_dedup *dedup, uint64_t from, uint64_t to, int64_t time_ms)
{
    for (uint64_t i = from; i < to; i++)
        assert_true(put(dedup, id_of(i), i % 3 == 0 ? MR_DEDUP_LONG : MR_DEDUP_SHORT,
                        time_ms + (int64_t)(i % 4) * MINUTE_MS));
}

static void assert_same(const mr_dedup *a, const mr_dedup *b, int64_t watermark_ms)
{
    for (int span = 0; span < MR_DEDUP_CLASSES; span++) {
        const mr_dedup_bucket *x;
        const mr_dedup_bucket *y;
        const size_t count = mr_dedup_buckets(a, (mr_dedup_class)span, watermark_ms, &x);
        assert_int_equal(mr_dedup_buckets(b, (mr_dedup_class)span, watermark_ms, &y),
                         count);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(x[i].number, y[i].number);
            assert_int_equal(x[i].born, y[i].born);
            assert_int_equal(x[i].count, y[i].count);
        }
        assert_int_equal(mr_dedup_evicted_end_ms(a, (mr_dedup_class)span),
                         mr_dedup_evicted_end_ms(b, (mr_dedup_class)span));
    }
    assert_int_equal(mr_dedup_forgotten(a), mr_dedup_forgotten(b));
    mr_dedup_check(b);
}

/* `payloads` into a set of its own or onto `ret_dedup`, which is then not NULL. */
static void decode(const mr_buffer *payload, int64_t watermark_ms, mr_dedup *dedup)
{
    mr_reader reader = mr_reader_of(payload->bytes, payload->length);
    assert_ok(mr_dedup_decode(dedup, watermark_ms, &reader));
}

static void test_encoded_in_pieces_it_comes_back(void **state)
{
    (void)state;
    mr_dedup_spec capped = *spec;
    capped.entries_max = 30000;
    mr_dedup *dedup = make(&capped);
    fill(dedup, 0, 40000, START_MS);
    const int64_t watermark_ms = START_MS + MINUTE_MS;
    mr_dedup *copy = make(&capped);
    size_t table = 0;
    size_t payloads = 0;
    mr_buffer buffer = {0};
    do {
        mr_buffer_clear(&buffer);
        table = mr_dedup_encode(dedup, watermark_ms, table, 60000, &buffer);
        decode(&buffer, watermark_ms, copy);
        payloads++;
    } while (table != 0);
    assert_true(payloads > 2);
    assert_ok(mr_dedup_decode_end(copy));
    assert_same(dedup, copy, watermark_ms);
    for (uint64_t i = 0; i < 40000; i++)
        assert_int_equal(mr_dedup_has(copy, id_of(i)), mr_dedup_has(dedup, id_of(i)));
    mr_buffer_deinit(&buffer);
    mr_dedup_destroy(copy);
    mr_dedup_destroy(dedup);
}

static void test_only_what_lives_as_of_the_watermark_is_encoded(void **state)
{
    (void)state;
    mr_dedup *dedup = make(spec);
    assert_true(put(dedup, 1, MR_DEDUP_SHORT, START_MS));
    assert_true(put(dedup, 2, MR_DEDUP_LONG, START_MS));
    const int64_t watermark_ms = START_MS + 2 * HOUR_MS; /* not told to `dedup` */
    mr_buffer buffer = {0};
    assert_int_equal(mr_dedup_encode(dedup, watermark_ms, 0, SIZE_MAX, &buffer), 0);
    mr_dedup *copy = make(spec);
    decode(&buffer, watermark_ms, copy);
    assert_ok(mr_dedup_decode_end(copy));
    assert_false(mr_dedup_has(copy, 1));
    assert_true(mr_dedup_has(copy, 2));
    mr_buffer_deinit(&buffer);
    mr_dedup_destroy(copy);
    mr_dedup_destroy(dedup);
}

static void test_bytes_that_do_not_add_up_are_refused(void **state)
{
    (void)state;
    mr_dedup *dedup = make(spec);
    fill(dedup, 0, 50, START_MS);
    mr_buffer buffer = {0};
    (void)mr_dedup_encode(dedup, MR_TIME_NONE, 0, SIZE_MAX, &buffer);
    for (size_t length = 0; length < buffer.length; length++) {
        mr_dedup *copy = make(spec);
        mr_reader reader = mr_reader_of(buffer.bytes, length);
        const mr_status status = mr_dedup_decode(copy, MR_TIME_NONE, &reader);
        assert_true(status == MR_ERR_CORRUPT ||
                    mr_dedup_decode_end(copy) == MR_ERR_CORRUPT);
        mr_dedup_destroy(copy);
    }
    /* A bucket that is behind its horizon by the file's own watermark. */
    mr_dedup *copy = make(spec);
    mr_reader reader = mr_reader_of(buffer.bytes, buffer.length);
    assert_int_equal(mr_dedup_decode(copy, START_MS + 8 * DAY_MS, &reader),
                     MR_ERR_CORRUPT);
    mr_dedup_destroy(copy);
    mr_buffer_deinit(&buffer);
    mr_dedup_destroy(dedup);
}

/* -- cut -------------------------------------------------------------------------------- */

static void test_a_cut_holds_the_set_of_its_begin_whatever_comes_between(void **state)
{
    (void)state;
    enum { BEFORE = 30000, AFTER = 60000 };
    mr_dedup_spec capped = *spec;
    capped.entries_max = 40000;
    mr_dedup *dedup = make(&capped);
    fill(dedup, 0, BEFORE, START_MS);
    const int64_t watermark_ms = START_MS - LATENESS_MS;
    mr_dedup_advance(dedup, watermark_ms);
    mr_buffer expected = {0};
    (void)mr_dedup_encode(dedup, watermark_ms, 0, SIZE_MAX, &expected);
    mr_dedup *then = make(&capped);
    decode(&expected, watermark_ms, then);

    mr_buffer payload = {0};
    mr_dedup_cut_begin(dedup, watermark_ms, true);
    mr_dedup_cut_head(dedup, &payload);
    /* Splits, evictions and deaths between the steps. */
    uint64_t id = BEFORE;
    bool is_done = false;
    while (!is_done) {
        for (int i = 0; i < 5000 && id < AFTER; i++, id++)
            assert_true(put(dedup, id_of(id), MR_DEDUP_SHORT, START_MS + (int64_t)id));
        if (id == BEFORE + 10000)
            mr_dedup_advance(dedup, START_MS + HOUR_MS + 2 * MINUTE_MS);
        is_done = mr_dedup_cut_step(dedup, 1, &payload);
    }
    mr_dedup_cut_end(dedup);
    mr_dedup_check(dedup);
    assert_ok(mr_buffer_status(&payload));
    assert_int_equal(payload.length, expected.length);

    mr_dedup *copy = make(&capped);
    decode(&payload, watermark_ms, copy);
    assert_ok(mr_dedup_decode_end(copy));
    assert_same(then, copy, watermark_ms);
    for (uint64_t i = 0; i < AFTER; i++)
        assert_int_equal(mr_dedup_has(copy, id_of(i)), i < BEFORE);
    mr_buffer_deinit(&expected);
    mr_buffer_deinit(&payload);
    mr_dedup_destroy(copy);
    mr_dedup_destroy(then);
    mr_dedup_destroy(dedup);
}

static void test_a_base_and_deltas_of_fresh_entries_give_the_whole(void **state)
{
    (void)state;
    enum { EACH = 9000, DELTAS = 12 };
    mr_dedup_spec capped = *spec;
    capped.entries_max = 25000; /* the cap takes buckets, and some begin again */
    mr_dedup *dedup = make(&capped);
    mr_dedup *copy = make(&capped);
    size_t count;
    assert_false(mr_dedup_fresh_count(dedup, &count)); /* no base yet */
    fill(dedup, 0, EACH, START_MS);
    int64_t watermark_ms = START_MS - LATENESS_MS;
    mr_buffer payload = {0};
    mr_dedup_cut_begin(dedup, watermark_ms, true);
    mr_dedup_fresh_restart(dedup);
    mr_dedup_cut_head(dedup, &payload);
    while (!mr_dedup_cut_step(dedup, 2000, &payload))
        continue;
    mr_dedup_cut_end(dedup);
    decode(&payload, watermark_ms, copy);
    assert_ok(mr_dedup_decode_end(copy));
    for (uint64_t delta = 1; delta <= DELTAS; delta++) {
        watermark_ms += 10 * MINUTE_MS;
        mr_dedup_advance(dedup, watermark_ms);
        fill(dedup, delta * EACH, (delta + 1) * EACH,
             START_MS + (int64_t)delta * MINUTE_MS);
        assert_true(mr_dedup_fresh_count(dedup, &count));
        mr_dedup_cut_begin(dedup, watermark_ms, true);
        fill(dedup, 1000000 + delta * 100, 1000000 + delta * 100 + 50,
             START_MS + 3 * HOUR_MS); /* after the cut: of the next delta */
        mr_buffer_clear(&payload);
        mr_dedup_cut_head(dedup, &payload);
        mr_dedup_fresh_encode(dedup, 0, count / 2, &payload);
        mr_dedup_fresh_encode(dedup, count / 2, count - count / 2, &payload);
        mr_dedup_cut_end(dedup);
        if (delta % 3 != 0)
            mr_dedup_fresh_forget(dedup,
                                  count); /* else: that one did not become durable */
        decode(&payload, watermark_ms, copy);
        assert_ok(mr_dedup_decode_end(copy));
    }
    /* One more without anything in between, to compare. */
    assert_true(mr_dedup_fresh_count(dedup, &count));
    mr_buffer_clear(&payload);
    mr_dedup_cut_begin(dedup, watermark_ms, true);
    mr_dedup_cut_head(dedup, &payload);
    mr_dedup_fresh_encode(dedup, 0, count, &payload);
    mr_dedup_cut_end(dedup);
    decode(&payload, watermark_ms, copy);
    assert_ok(mr_dedup_decode_end(copy));
    assert_same(dedup, copy, watermark_ms);
    for (uint64_t i = 0; i < (DELTAS + 1) * EACH; i++)
        assert_int_equal(mr_dedup_has(copy, id_of(i)), mr_dedup_has(dedup, id_of(i)));
    mr_buffer_deinit(&payload);
    mr_dedup_destroy(copy);
    mr_dedup_destroy(dedup);
}

static void test_too_many_fresh_entries_ask_for_a_base(void **state)
{
    (void)state;
    mr_dedup *dedup = make(spec);
    mr_dedup_fresh_restart(dedup);
    size_t count;
    for (uint64_t i = 0; i <= MR_DEDUP_FRESH_MAX; i++) {
        assert_true(mr_dedup_fresh_count(dedup, &count));
        assert_int_equal(count, i);
        if (i % 1024 == 0)
            assert_ok(mr_dedup_reserve(dedup, 1024));
        assert_true(mr_dedup_put(dedup, id_of(i), MR_DEDUP_LONG, START_MS));
    }
    assert_false(mr_dedup_fresh_count(dedup, &count));
    mr_dedup_fresh_restart(dedup);
    assert_true(mr_dedup_fresh_count(dedup, &count));
    assert_int_equal(count, 0);
    mr_dedup_destroy(dedup);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_id_is_a_duplicate_until_its_bucket_ends_at_the_horizon),
        cmocka_unit_test(test_a_time_is_late_from_one_ms_behind_the_horizon),
        cmocka_unit_test(test_an_event_that_is_not_late_is_never_without_its_bucket),
        cmocka_unit_test(test_an_id_is_one_id_in_both_classes),
        cmocka_unit_test(test_zero_is_a_fingerprint_like_any_other),
        cmocka_unit_test(test_the_cap_takes_the_bucket_that_ends_first_short_before_long),
        cmocka_unit_test(test_what_the_cap_took_makes_late_only_behind_the_watermark),
        cmocka_unit_test(test_the_lines_of_an_event_have_fingerprints_of_their_own),
        cmocka_unit_test(test_a_million_ids_stay_found_while_sub_tables_split),
        cmocka_unit_test(test_a_steady_stream_does_not_grow_the_table),
        cmocka_unit_test(test_numbers_of_buckets_are_used_again),
        cmocka_unit_test(test_what_finds_no_memory_changes_nothing),
        cmocka_unit_test(test_encoded_in_pieces_it_comes_back),
        cmocka_unit_test(test_only_what_lives_as_of_the_watermark_is_encoded),
        cmocka_unit_test(test_bytes_that_do_not_add_up_are_refused),
        cmocka_unit_test(test_a_cut_holds_the_set_of_its_begin_whatever_comes_between),
        cmocka_unit_test(test_a_base_and_deltas_of_fresh_entries_give_the_whole),
        cmocka_unit_test(test_too_many_fresh_entries_ask_for_a_base),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
