/*
 * The state of a frozen log, three ways.
 *
 * The engine's canonical dump must equal state.txt byte for byte, and both must equal what
 * recompute.py works out from the written rules, sharing nothing with the engine.  Batches of any
 * size give the same dump.  Each partition has its own watermark, so that another number of
 * partitions takes other records for late: that, too, is as the rules say.
 */
#include "features/canonical_dump.h"
#include "tests/golden/golden.h"

static mr_status keep(void *context, mr_text lines)
{
    mr_buffer_put_text(context, lines);
    return MR_OK;
}

static int open_log(void **state)
{
    *state = golden_open();
    return 0;
}

static int close_log(void **state)
{
    golden_close(*state);
    return 0;
}

static void dump(golden_log *log, uint32_t partitions, size_t batch_records,
                 mr_dump_kind kind, mr_buffer *text)
{
    mr_shard *shards[GOLDEN_PARTITIONS_MAX];
    golden_replay(log, partitions, batch_records, shards);
    assert_ok(mr_canonical_dump((const mr_shard *const *)shards, partitions, MR_TIME_NONE,
                                kind, keep, text));
    for (uint32_t p = 0; p < partitions; p++) {
        mr_shard_check(shards[p]);
        mr_shard_destroy(shards[p]);
    }
}

static void test_the_dump_is_the_frozen_one_to_the_byte(void **state)
{
    mr_buffer actual = {0};
    mr_buffer expected = {0};
    golden_read("state.txt", &expected);
    dump(*state, 1, 1024, MR_DUMP_ALL, &actual);
    golden_compare("the engine", &actual, "state.txt", &expected);
    mr_buffer_deinit(&actual);
    mr_buffer_deinit(&expected);
}

static void test_an_independent_computation_of_the_rules_agrees(void **state)
{
    mr_buffer actual = {0};
    mr_buffer expected = {0};
    dump(*state, 1, 1024, MR_DUMP_ALL, &actual);
    golden_run("recompute.py", "", &expected);
    golden_compare("the engine", &actual, "recompute.py", &expected);
    mr_buffer_deinit(&actual);
    mr_buffer_deinit(&expected);
}

static void test_batches_of_any_size_give_the_same_dump(void **state)
{
    static const size_t sizes[] = {1, 2, 7, 100};
    mr_buffer expected = {0};
    golden_read("state.txt", &expected);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        mr_buffer actual = {0};
        dump(*state, 1, sizes[i], MR_DUMP_ALL, &actual);
        golden_compare("the engine", &actual, "state.txt", &expected);
        mr_buffer_deinit(&actual);
    }
    mr_buffer_deinit(&expected);
}

static void test_any_number_of_partitions_gives_what_the_rules_say(void **state)
{
    static const mr_dump_kind kinds[] = {MR_DUMP_ALL, MR_DUMP_ORDER_FREE};
    static const char *const words[] = {"", "free"};
    for (uint32_t partitions = 1; partitions <= GOLDEN_PARTITIONS_MAX; partitions++) {
        for (size_t i = 0; i < 2; i++) {
            char arguments[64];
            mr_buffer expected = {0};
            mr_buffer actual = {0};
            (void)snprintf(arguments, sizeof(arguments), "%s partitions=%u", words[i],
                           partitions);
            golden_run("recompute.py", arguments, &expected);
            dump(*state, partitions, 64 + i, kinds[i], &actual);
            golden_compare("the engine", &actual, "recompute.py", &expected);
            mr_buffer_deinit(&expected);
            mr_buffer_deinit(&actual);
        }
    }
}

static void test_the_hashes_are_those_of_the_dumps(void **state)
{
    static const mr_dump_kind kinds[] = {MR_DUMP_ALL, MR_DUMP_ORDER_FREE};
    static const char *const arguments[] = {"", "free"};
    mr_shard *shard = NULL;
    golden_replay(*state, 1, 512, &shard);
    for (size_t i = 0; i < 2; i++) {
        char actual[MR_SHA256_HEX_BYTES];
        char expected[MR_SHA256_HEX_BYTES];
        mr_buffer text = {0};
        mr_sha256 *sha = mr_sha256_create();
        assert_non_null(sha);
        golden_run("recompute.py", arguments[i], &text);
        mr_sha256_add(sha, text.bytes, text.length);
        mr_sha256_hex(sha, expected);
        assert_ok(mr_canonical_hash((const mr_shard *const *)&shard, 1, MR_TIME_NONE,
                                    kinds[i], actual));
        assert_string_equal(actual, expected);
        mr_sha256_destroy(sha);
        mr_buffer_deinit(&text);
    }
    mr_shard_destroy(shard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_dump_is_the_frozen_one_to_the_byte,
                                        open_log, close_log),
        cmocka_unit_test_setup_teardown(
            test_an_independent_computation_of_the_rules_agrees, open_log, close_log),
        cmocka_unit_test_setup_teardown(test_batches_of_any_size_give_the_same_dump,
                                        open_log, close_log),
        cmocka_unit_test_setup_teardown(
            test_any_number_of_partitions_gives_what_the_rules_say, open_log, close_log),
        cmocka_unit_test_setup_teardown(test_the_hashes_are_those_of_the_dumps, open_log,
                                        close_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
