/*
 * Link letters: collected from a shard, appended to a real log, and decoded from it again.
 */
#include "app/link_letters.h"
#include "ingest/decoder.h"
#include "tests/app_support.h"
#include "tests/link_support.h"

enum { PARTITIONS = 4 };

static const char control_key[] = "a control key";

typedef struct letters {
    mr_config config;
    mr_log *events;
    mr_plan *plan;
    mr_shard *shard;
    mr_buffer key;
    mr_letter_box box;
} letters;

static void begin(letters *l)
{
    *l = (letters){0};
    app_configure(&l->config, PARTITIONS);
    l->events = app_open(&l->config, "events");
    l->plan = test_plan_without_late();
    l->shard = test_shard(l->plan, 3);
    mr_buffer_put_text(&l->key, MR_TEXT(control_key));
    assert_ok(mr_letter_box_init(&l->box));
}

static void end(letters *l)
{
    mr_letter_box_deinit(&l->box);
    mr_buffer_deinit(&l->key);
    mr_shard_destroy(l->shard);
    mr_plan_destroy(l->plan);
    mr_log_close(l->events);
    mr_config_deinit(&l->config);
}

/* Every record of the log that `partition` holds, decoded. */
static size_t decode_partition(const letters *l, uint32_t partition,
                               mr_event_batch *batch, mr_decoder **ret_decoder,
                               mr_log_reader **ret_reader)
{
    const mr_decoder_options decoding = {.dialect = MR_DIALECT_NATIVE,
                                         .topic = "events",
                                         .control_key = l->key.bytes,
                                         .control_key_bytes = l->key.length};
    const mr_log_reader_options reading = {
        .mode = MR_LOG_STATIC, .partitions = &partition, .partition_count = 1};
    mr_log_batch read = {0};
    assert_ok(mr_decoder_create(&decoding, ret_decoder, NULL));
    assert_ok(mr_log_reader_open(l->events, &reading, ret_reader, NULL));
    do {
        assert_ok(mr_log_reader_poll(*ret_reader, 1000, &read));
        if (read.signal == MR_LOG_ASSIGNED)
            assert_ok(mr_log_reader_start(*ret_reader, partition, 0));
    } while (read.signal == MR_LOG_ASSIGNED);
    if (read.signal != MR_LOG_RECORDS)
        return 0;
    assert_ok(
        mr_decoder_decode(*ret_decoder, partition, read.records, read.count, batch));
    return read.count;
}

static void test_each_link_lies_where_its_ids_events_do(void **state)
{
    (void)state;
    letters l;
    uint64_t sequence = 0;
    begin(&l);
    static char users[20][16];
    static char visitors[20][16];
    for (int i = 0; i < 20; i++) {
        (void)snprintf(users[i], sizeof(users[i]), "user%d", i);
        (void)snprintf(visitors[i], sizeof(visitors[i]), "visitor%d", i);
        view(l.shard, NULL, visitors[i], START_MS);
        view(l.shard, users[i], visitors[i], START_MS);
        ask(l.shard, visitors[i], users[i], 1 + (uint64_t)i);
    }
    assert_ok(mr_link_letters_collect(l.shard, l.events, &l.key, &l.box, &sequence));
    assert_int_equal(l.box.count, 40);
    assert_int_equal(sequence, 40);
    assert_ok(mr_letter_box_append_in_order(&l.box, l.events, NULL));

    size_t found = 0;
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        mr_event_batch batch = {0};
        mr_decoder *decoder = NULL;
        mr_log_reader *reader = NULL;
        uint64_t before = 0;
        const size_t count = decode_partition(&l, p, &batch, &decoder, &reader);
        for (size_t i = 0; i < count; i++) {
            const mr_record_verdict *record = &batch.records[i];
            assert_int_equal(record->disposition, MR_RECORD_LINK);
            assert_int_equal(record->link->source, 3);
            assert_true(record->link->sequence > before);
            before = record->link->sequence;
            const bool is_request = record->link->profile.length == 0;
            assert_int_equal(is_request, record->link->sequence % 2 == 1);
            assert_int_equal(
                mr_log_partition_of(l.events, is_request ? record->link->anonymous_id
                                                         : record->link->user_id),
                p);
        }
        found += count;
        mr_log_reader_close(reader);
        mr_decoder_destroy(decoder);
        mr_event_batch_deinit(&batch);
    }
    assert_int_equal(found, 40);
    end(&l);
}

static void test_a_checkpoint_sends_a_bounded_part_and_the_next_one_the_rest(void **state)
{
    (void)state;
    letters l;
    uint64_t sequence = 0;
    begin(&l);
    static const char *const ids[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8"};
    for (size_t i = 0; i < MR_LINK_LETTERS_MAX + 100; i++)
        view(l.shard, "u", ids[i % 9], START_MS);
    assert_ok(mr_link_letters_collect(l.shard, l.events, &l.key, &l.box, &sequence));
    assert_int_equal(l.box.count, MR_LINK_LETTERS_MAX);
    assert_int_equal(sequence, MR_LINK_LETTERS_MAX);
    mr_shard_links_acknowledge(l.shard, sequence);
    assert_ok(mr_link_letters_collect(l.shard, l.events, &l.key, &l.box, &sequence));
    assert_int_equal(l.box.count, 100);
    mr_shard_links_acknowledge(l.shard, sequence);
    assert_ok(mr_link_letters_collect(l.shard, l.events, &l.key, &l.box, &sequence));
    assert_int_equal(l.box.count, 0);
    end(&l);
}

static void test_without_a_control_key_nothing_can_be_sent(void **state)
{
    (void)state;
    letters l;
    uint64_t sequence = 0;
    begin(&l);
    view(l.shard, "u", "x", START_MS);
    mr_buffer_clear(&l.key);
    assert_int_equal(
        mr_link_letters_collect(l.shard, l.events, &l.key, &l.box, &sequence),
        MR_ERR_INVALID);
    end(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_link_lies_where_its_ids_events_do,
                                        app_set_up, app_tear_down),
        cmocka_unit_test_setup_teardown(
            test_a_checkpoint_sends_a_bounded_part_and_the_next_one_the_rest, app_set_up,
            app_tear_down),
        cmocka_unit_test_setup_teardown(test_without_a_control_key_nothing_can_be_sent,
                                        app_set_up, app_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
