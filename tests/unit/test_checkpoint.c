/*
 * Checkpoint: written to a temporary directory, damaged there in every way, and read back.
 *
 * Two shards are equal when their state hashes are; what is not hashed (churn marks, outbox) is
 * compared by hand.
 */
#include "core/file.h"
#include "features/canonical_dump.h"
#include "features/checkpoint.h"
#include "features/plan_layout.h"
#include "tests/feature_batch.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PARTITION = 3 };

typedef struct fixture {
    mr_plan *plan;
    mr_hash_key key;
    mr_shard *shard;
    mr_checkpoint_store *store;
    char root[64];
    mr_buffer encoded;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    assert_ok(mr_plan_create_default(&f->plan));
    mr_hash_key_init(&f->key, "another secret", 14);
    f->shard = test_shard(f->plan, PARTITION);
    (void)snprintf(f->root, sizeof(f->root), "/tmp/millrace-checkpoint-XXXXXX");
    assert_non_null(mkdtemp(f->root));
    assert_ok(mr_checkpoint_store_open(f->root, "events", 2, &f->store, NULL));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    mr_buffer_deinit(&f->encoded);
    mr_checkpoint_store_close(f->store);
    mr_shard_destroy(f->shard);
    mr_plan_destroy(f->plan);
    assert_ok(mr_directory_remove(f->root, NULL));
    free(f);
    return 0;
}

/* Users who did a bit of everything. */
static void apply_some(mr_shard *shard, int users)
{
    char user[16];
    for (int i = 0; i < users; i++) {
        (void)snprintf(user, sizeof(user), "user%d", i);
        const int64_t at_ms = START_MS + i * HOUR_MS;
        test_apply(shard, test_event(MR_EVENT_VIEW, user, "item-a", at_ms));
        test_apply(shard, test_purchase(user, "item-b", at_ms + 1000, "o1", 1250));
        mr_event visit = test_event(MR_EVENT_CART_ADD, "", "item-c", at_ms - DAY_MS);
        visit.anonymous_id = mr_text_from(user);
        test_apply(shard, visit);
        mr_event refund = test_event(MR_EVENT_REFUND, user, "item-b", at_ms + 2000);
        refund.value_minor = 250;
        test_apply(shard, refund);
    }
}

static void hash_of(const mr_shard *shard, char ret_hex[MR_SHA256_HEX_BYTES])
{
    assert_ok(mr_canonical_hash(&shard, 1, MR_TIME_NONE, MR_DUMP_ALL, ret_hex));
}

static void assert_same_state(const mr_shard *a, const mr_shard *b)
{
    char hashes[2][MR_SHA256_HEX_BYTES];
    hash_of(a, hashes[0]);
    hash_of(b, hashes[1]);
    assert_string_equal(hashes[0], hashes[1]);
}

static mr_status write_generation(fixture *f, uint64_t epoch, uint64_t generation)
{
    assert_ok(mr_checkpoint_encode(f->shard, epoch, generation, &f->encoded));
    return mr_checkpoint_write(f->store, PARTITION, epoch, generation, &f->encoded, NULL);
}

static mr_shard *restore(const fixture *f, mr_checkpoint_info *ret_info)
{
    mr_shard *shard = NULL;
    mr_error error;
    const mr_status status = mr_checkpoint_restore(f->store, PARTITION, f->plan, &f->key,
                                                   0, &shard, ret_info, &error);
    if (status != MR_OK)
        fail_msg("restore: %s", error.message);
    return shard;
}

static void path_of(const fixture *f, const char *name, char ret_path[512])
{
    (void)snprintf(ret_path, 512, "%s/events/p00003/%s", f->root, name);
}

static void generation_path(const fixture *f, uint64_t epoch, uint64_t generation,
                            const char *kind, char ret_path[512])
{
    char name[128];
    (void)snprintf(name, sizeof(name), "e%020llu-g%020llu.%s", (unsigned long long)epoch,
                   (unsigned long long)generation, kind);
    path_of(f, name, ret_path);
}

static bool exists(const fixture *f, uint64_t epoch, uint64_t generation,
                   const char *kind)
{
    char path[512];
    generation_path(f, epoch, generation, kind, path);
    return access(path, F_OK) == 0;
}

static void change_byte(const char *path, long at)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    const int byte = fgetc(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_not_equal(fputc(byte ^ 0x10, file), EOF);
    assert_int_equal(fclose(file), 0);
}

static bool is_the_put_one(void *context, uint64_t sequence, mr_text id, mr_text record)
{
    *(bool *)context =
        sequence == 2 && mr_text_is(id, "id2") && mr_text_is(record, "rec2");
    return true;
}

static void test_a_restored_shard_goes_on_as_the_old_one(void **state)
{
    fixture *f = *state;
    apply_some(f->shard, 50);
    uint64_t sequence;
    assert_ok(mr_shard_outbox_put(f->shard, MR_TEXT("id1"), MR_TEXT("rec1"), &sequence));
    assert_ok(mr_shard_outbox_put(f->shard, MR_TEXT("id2"), MR_TEXT("rec2"), &sequence));
    mr_shard_outbox_acknowledge(f->shard, 1);
    mr_shard_set_churn(f->shard, 7,
                       (mr_churn_mark){.permille = 321, .tier = 1, .since_ms = START_MS});
    mr_shard_set_dialect(f->shard, 3, MR_TEXT("online-retail"));
    assert_ok(write_generation(f, 5, 1));

    mr_checkpoint_info info;
    mr_shard *again = restore(f, &info);
    mr_shard_check(again);
    assert_same_state(f->shard, again);
    assert_int_equal(info.epoch, 5);
    assert_int_equal(info.generation, 1);
    assert_int_equal(info.next_offset, 200);
    assert_int_equal(info.users, 100);
    assert_int_equal(info.skipped, 0);
    assert_int_equal(info.watermark_ms, mr_shard_watermark_ms(f->shard));
    assert_int_equal(mr_shard_churn(again, 7).permille, 321);
    assert_int_equal(mr_shard_churn(again, 7).since_ms, START_MS);
    assert_int_equal(mr_shard_churn(again, 8).permille, UINT16_MAX);
    assert_int_equal(mr_shard_dialect(again), 3);
    assert_true(mr_text_is(mr_shard_dialect_profile(again), "online-retail"));
    bool is_same = false;
    mr_shard_outbox_pending(again, 0, is_the_put_one, &is_same);
    assert_true(is_same);
    assert_ok(mr_shard_outbox_put(again, MR_TEXT("id3"), MR_TEXT(""), &sequence));
    assert_int_equal(sequence, 3);

    apply_some(f->shard, 60);
    apply_some(again, 60);
    mr_shard_check(again);
    assert_same_state(f->shard, again);
    mr_shard_destroy(again);
}

static void test_an_empty_shard_keeps_its_start_offset(void **state)
{
    fixture *f = *state;
    assert_ok(mr_shard_start_at(f->shard, 4711));
    assert_ok(write_generation(f, 5, 0));
    mr_checkpoint_info info;
    mr_shard *again = restore(f, &info);
    assert_int_equal(mr_shard_next_offset(again), 4711);
    assert_int_equal(mr_shard_newest_ms(again), MR_TIME_NONE);
    assert_same_state(f->shard, again);
    mr_shard_destroy(again);
}

static void test_no_checkpoint_is_an_answer(void **state)
{
    const fixture *f = *state;
    mr_shard *shard;
    mr_checkpoint_info info;
    mr_error error;
    assert_int_equal(mr_checkpoint_restore(f->store, PARTITION, f->plan, &f->key, 0,
                                           &shard, &info, &error),
                     MR_ERR_NOT_FOUND);
}

static mr_status decode(const fixture *f, const mr_buffer *sealed, size_t bytes)
{
    mr_shard *shard = NULL;
    mr_checkpoint_info info;
    mr_error error;
    const mr_checkpoint_file file = {sealed->bytes, bytes};
    const mr_status status =
        mr_checkpoint_decode_chain(&file, 1, f->plan, &f->key, 0, &shard, &info, &error);
    if (status == MR_OK)
        mr_shard_destroy(shard);
    return status;
}

static void test_every_changed_byte_of_a_base_is_noticed(void **state)
{
    fixture *f = *state;
    apply_some(f->shard, 3);
    uint64_t sequence;
    assert_ok(mr_shard_outbox_put(f->shard, MR_TEXT("id"), MR_TEXT("record"), &sequence));
    assert_ok(mr_checkpoint_encode(f->shard, 1, 1, &f->encoded));
    mr_buffer sealed = {0};
    assert_ok(mr_checkpoint_seal(&f->encoded, &sealed));
    assert_ok(decode(f, &sealed, sealed.length));
    for (size_t at = 0; at < sealed.length; at++) {
        sealed.bytes[at] ^= (uint8_t)(1U << (at % 8));
        if (decode(f, &sealed, sealed.length) == MR_OK)
            fail_msg("byte %zu changed unnoticed", at);
        sealed.bytes[at] ^= (uint8_t)(1U << (at % 8));
    }
    for (size_t length = 0; length < sealed.length; length++)
        assert_int_equal(decode(f, &sealed, length), MR_ERR_CORRUPT);
    mr_buffer_put_u8(&sealed, 0);
    assert_int_equal(decode(f, &sealed, sealed.length), MR_ERR_CORRUPT);
    mr_buffer_deinit(&sealed);
}

static void test_a_block_of_another_file_does_not_fit(void **state)
{
    fixture *f = *state;
    apply_some(f->shard, 3);
    mr_buffer files[2] = {{0}, {0}};
    for (size_t i = 0; i < 2; i++) {
        assert_ok(mr_checkpoint_encode(f->shard, 1, i + 1, &f->encoded));
        assert_ok(mr_checkpoint_seal(&f->encoded, &files[i]));
    }
    assert_int_equal(files[0].length, files[1].length);
    /* The header of one over the blocks of the other: each is whole by itself. */
    memcpy(files[0].bytes, files[1].bytes, 768);
    assert_int_equal(decode(f, &files[0], files[0].length), MR_ERR_CORRUPT);
    assert_ok(decode(f, &files[1], files[1].length));
    mr_buffer_deinit(&files[0]);
    mr_buffer_deinit(&files[1]);
}

static void test_a_damaged_newest_falls_back_a_generation_and_says_so(void **state)
{
    static const char *const kinds[] = {"base", "manifest"};
    fixture *f = *state;
    apply_some(f->shard, 3);
    assert_ok(write_generation(f, 5, 1));
    char older[MR_SHA256_HEX_BYTES];
    hash_of(f->shard, older);
    for (uint64_t i = 0; i < 2; i++) {
        apply_some(f->shard, 4);
        assert_ok(write_generation(f, 5, 2));
        char path[512];
        generation_path(f, 5, 2, kinds[i], path);
        change_byte(path, 100);
        mr_checkpoint_info info;
        mr_shard *again = restore(f, &info);
        assert_int_equal(info.generation, 1);
        assert_int_equal(info.skipped, 1);
        assert_non_null(strstr(info.message, kinds[i]));
        char restored[MR_SHA256_HEX_BYTES];
        hash_of(again, restored);
        assert_string_equal(older, restored);
        mr_shard_destroy(again);
    }
}

static void test_every_changed_byte_of_a_manifest_falls_back(void **state)
{
    fixture *f = *state;
    apply_some(f->shard, 1);
    assert_ok(write_generation(f, 5, 1));
    assert_ok(write_generation(f, 5, 2));
    char path[512];
    generation_path(f, 5, 2, "manifest", path);
    mr_buffer text = {0};
    assert_ok(mr_file_read(path, &text, NULL));
    for (size_t at = 0; at < text.length; at++) {
        change_byte(path, (long)at);
        mr_checkpoint_info info;
        mr_shard *again = restore(f, &info);
        assert_int_equal(info.generation, 1);
        mr_shard_destroy(again);
        change_byte(path, (long)at);
    }
    mr_buffer_deinit(&text);
}

/* The text of a newer program's manifest, whole by its own sum or not. */
static void write_newer_manifest(const char *path, bool is_whole)
{
    mr_buffer text = {0};
    mr_buffer_printf(&text, "millrace-manifest %d\nof what is not known here\n",
                     MR_CHECKPOINT_VERSION + 7);
    const uint32_t crc = mr_crc32c(is_whole ? 0 : 1, text.bytes, text.length);
    mr_buffer_printf(&text, "crc %08" PRIx32 "\n", crc);
    assert_ok(mr_buffer_status(&text));
    assert_ok(mr_file_replace(path, text.bytes, text.length, NULL));
    mr_buffer_deinit(&text);
}

static void test_a_newer_manifest_stops_the_restore_and_names_both_versions(void **state)
{
    fixture *f = *state;
    char path[512];
    char versions[2][64];
    mr_checkpoint_info info;
    mr_shard *shard = NULL;
    mr_error error = {{0}};
    apply_some(f->shard, 1);
    assert_ok(write_generation(f, 5, 1));
    assert_ok(write_generation(f, 5, 2));
    generation_path(f, 5, 2, "manifest", path);
    write_newer_manifest(path, true);
    assert_int_equal(mr_checkpoint_restore(f->store, PARTITION, f->plan, &f->key, 0,
                                           &shard, &info, &error),
                     MR_ERR_INVALID);
    (void)snprintf(versions[0], sizeof(versions[0]), "version %d",
                   MR_CHECKPOINT_VERSION + 7);
    (void)snprintf(versions[1], sizeof(versions[1]), "reads up to %d",
                   MR_CHECKPOINT_VERSION);
    assert_non_null(strstr(error.message, versions[0]));
    assert_non_null(strstr(error.message, versions[1]));
    write_newer_manifest(path, false); /* that is damage */
    shard = restore(f, &info);
    assert_int_equal(info.generation, 1);
    mr_shard_destroy(shard);
}

static void test_when_nothing_is_valid_restore_fails_and_names_the_file(void **state)
{
    fixture *f = *state;
    assert_ok(write_generation(f, 5, 1));
    char path[512];
    generation_path(f, 5, 1, "base", path);
    assert_int_equal(truncate(path, 500), 0);
    mr_shard *shard;
    mr_checkpoint_info info;
    mr_error error;
    assert_int_equal(mr_checkpoint_restore(f->store, PARTITION, f->plan, &f->key, 0,
                                           &shard, &info, &error),
                     MR_ERR_CORRUPT);
    assert_non_null(strstr(error.message, ".base"));
    assert_int_equal(mr_checkpoint_verify(f->store, PARTITION, 5, 1, f->plan, &error),
                     MR_ERR_CORRUPT);
}

static void test_bases_without_manifest_and_temporary_files_are_never_read(void **state)
{
    fixture *f = *state;
    assert_ok(write_generation(f, 5, 1));
    apply_some(f->shard, 2);
    assert_ok(write_generation(f, 5, 2));
    char from[512];
    char to[512];
    generation_path(f, 5, 2, "manifest", from);
    generation_path(f, 5, 2, "manifest.0123456789abcdef.tmp", to);
    assert_int_equal(rename(from, to), 0);
    mr_checkpoint_info info;
    mr_shard *again = restore(f, &info);
    assert_int_equal(info.generation, 1);
    assert_int_equal(info.skipped, 0);
    mr_shard_destroy(again);
}

static void test_own_old_generations_are_pruned_down_to_the_kept_bases(void **state)
{
    fixture *f = *state;
    for (uint64_t generation = 0; generation < 5; generation++)
        assert_ok(write_generation(f, 5, generation));
    for (uint64_t generation = 0; generation < 5; generation++) {
        assert_int_equal(exists(f, 5, generation, "base"), generation >= 3);
        assert_int_equal(exists(f, 5, generation, "manifest"), generation >= 3);
    }
    mr_checkpoint_info infos[8];
    size_t count;
    assert_ok(mr_checkpoint_list(f->store, PARTITION, infos, 8, &count, NULL));
    assert_int_equal(count, 2);
    assert_int_equal(infos[0].generation, 4);
}

static void test_lower_epochs_are_pruned_only_after_two_valid_own_bases(void **state)
{
    fixture *f = *state;
    apply_some(f->shard, 1);
    assert_ok(write_generation(f, 5, 1));
    assert_ok(write_generation(f, 5, 2));
    assert_ok(write_generation(f, 6, 1));
    assert_true(exists(f, 5, 2, "base"));
    char path[512];
    generation_path(f, 6, 1, "base", path);
    assert_int_equal(truncate(path, 100), 0); /* one of the own two is damaged */
    assert_ok(write_generation(f, 6, 2));
    assert_true(exists(f, 5, 2, "base"));
    assert_ok(write_generation(f, 6, 3));
    assert_false(exists(f, 5, 2, "base"));
    assert_false(exists(f, 5, 2, "manifest"));
    assert_true(exists(f, 6, 2, "base"));
}

static void test_a_writer_of_a_lower_epoch_is_refused_and_deletes_nothing(void **state)
{
    fixture *f = *state;
    uint64_t old_epoch;
    uint64_t new_epoch;
    assert_ok(mr_checkpoint_take_epoch(f->store, PARTITION, 100, &old_epoch, NULL));
    assert_ok(write_generation(f, old_epoch, 1));
    assert_ok(mr_checkpoint_take_epoch(f->store, PARTITION, 100, &new_epoch, NULL));
    apply_some(f->shard, 2);
    assert_int_equal(write_generation(f, old_epoch, 2), MR_ERR_STALE);
    assert_false(exists(f, old_epoch, 2, "manifest"));
    assert_true(exists(f, old_epoch, 1, "base"));
    assert_ok(write_generation(f, new_epoch, 1));
    mr_checkpoint_info info;
    mr_shard *again = restore(f, &info);
    assert_int_equal(info.epoch, new_epoch);
    mr_shard_destroy(again);
}

static void test_epochs_rise_past_the_clock_and_past_each_other(void **state)
{
    const fixture *f = *state;
    uint64_t epoch;
    assert_ok(mr_checkpoint_take_epoch(f->store, PARTITION, 1000, &epoch, NULL));
    assert_int_equal(epoch, 1000);
    assert_ok(mr_checkpoint_take_epoch(f->store, PARTITION, 900, &epoch, NULL));
    assert_int_equal(epoch, 1001); /* the clock went back */
    assert_ok(mr_checkpoint_take_epoch(f->store, PARTITION, 2000, &epoch, NULL));
    assert_int_equal(epoch, 2000);
    assert_ok(mr_checkpoint_take_epoch(f->store, 9, 5, &epoch, NULL));
    assert_int_equal(epoch, 5); /* each partition counts alone */
}

/* Another plan than the default one, the smallest that compiles. */
static mr_plan *other_plan(void)
{
    const uint32_t on = MR_ON(MR_EVENT_PURCHASE);
    const mr_feature_spec specs[] = {
        {.name = "purchases", .on = on, .aggregate = MR_AGGREGATE_COUNT},
        {.name = "orders", .on = on, .aggregate = MR_AGGREGATE_DISTINCT, .length = 16},
        {.name = "spend", .on = on, .aggregate = MR_AGGREGATE_SUM, .of = MR_OF_NET_VALUE},
        {.name = "last_purchase", .on = on, .aggregate = MR_AGGREGATE_LAST_TIME},
        {.name = "history",
         .on = on,
         .aggregate = MR_AGGREGATE_RECENT_ITEMS,
         .quotas = {{MR_EVENT_PURCHASE, 5}}},
    };
    mr_plan *plan;
    assert_ok(mr_plan_compile(NULL, specs, 5, NULL, 0, &plan, NULL));
    return plan;
}

static void test_a_feature_that_means_something_else_stops_the_restore(void **state)
{
    fixture *f = *state;
    mr_plan *other = other_plan(); /* its history keeps less */
    apply_some(f->shard, 2);
    assert_ok(write_generation(f, 5, 1));
    mr_shard *shard;
    mr_checkpoint_info info;
    mr_error error;
    assert_int_equal(mr_checkpoint_restore(f->store, PARTITION, other, &f->key, 0, &shard,
                                           &info, &error),
                     MR_ERR_INVALID);
    assert_non_null(strstr(error.message, "feature orders"));
    assert_int_equal(mr_checkpoint_verify(f->store, PARTITION, 5, 1, other, &error),
                     MR_ERR_INVALID);
    assert_ok(mr_checkpoint_verify(f->store, PARTITION, 5, 1, f->plan, &error));
    mr_plan_destroy(other);
}

static void test_a_state_of_another_partition_or_generation_is_refused(void **state)
{
    fixture *f = *state;
    assert_ok(mr_checkpoint_encode(f->shard, 5, 1, &f->encoded));
    assert_int_equal(mr_checkpoint_write(f->store, 4, 5, 1, &f->encoded, NULL),
                     MR_ERR_INVALID);
    assert_int_equal(mr_checkpoint_write(f->store, PARTITION, 5, 2, &f->encoded, NULL),
                     MR_ERR_INVALID);
    mr_checkpoint_store *store;
    assert_int_equal(mr_checkpoint_store_open(f->root, "../x", 2, &store, NULL),
                     MR_ERR_INVALID);
}

static void test_the_oldest_kept_offset_is_the_advisory_position(void **state)
{
    fixture *f = *state;
    int64_t offset;
    assert_int_equal(mr_checkpoint_oldest_offset(f->store, PARTITION, &offset, NULL),
                     MR_ERR_NOT_FOUND);
    for (uint64_t generation = 0; generation < 4; generation++) {
        assert_ok(write_generation(f, 5, generation));
        apply_some(f->shard, 1);
    }
    assert_ok(mr_checkpoint_oldest_offset(f->store, PARTITION, &offset, NULL));
    assert_int_equal(offset, 8); /* generation 2 of 2 and 3, four records each */
}

static void test_a_pinned_checkpoint_outlives_pruning(void **state)
{
    fixture *f = *state;
    char path[512];
    assert_int_equal(mr_checkpoint_pin(f->store, "before", NULL, 0, NULL),
                     MR_ERR_NOT_FOUND);
    apply_some(f->shard, 2);
    assert_ok(write_generation(f, 5, 1));
    char pinned[MR_SHA256_HEX_BYTES];
    hash_of(f->shard, pinned);
    assert_ok(mr_checkpoint_pin(f->store, "before", path, sizeof(path), NULL));
    assert_int_equal(mr_checkpoint_pin(f->store, "before", NULL, 0, NULL),
                     MR_ERR_INVALID);
    assert_int_equal(mr_checkpoint_pin(f->store, "../x", NULL, 0, NULL), MR_ERR_INVALID);
    for (uint64_t generation = 2; generation < 6; generation++) {
        apply_some(f->shard, 1);
        assert_ok(write_generation(f, 5, generation));
    }
    assert_false(exists(f, 5, 1, "base"));

    mr_checkpoint_store *saved;
    assert_ok(mr_checkpoint_store_open(path, "events", 2, &saved, NULL));
    uint32_t partitions[4];
    size_t count;
    assert_ok(mr_checkpoint_partitions(saved, partitions, 4, &count, NULL));
    assert_int_equal(count, 1);
    assert_int_equal(partitions[0], PARTITION);
    mr_shard *shard;
    mr_checkpoint_info info;
    assert_ok(mr_checkpoint_restore(saved, PARTITION, f->plan, &f->key, 0, &shard, &info,
                                    NULL));
    char again[MR_SHA256_HEX_BYTES];
    hash_of(shard, again);
    assert_string_equal(pinned, again);
    mr_shard_destroy(shard);
    mr_checkpoint_store_close(saved);
    assert_ok(mr_checkpoint_unpin(f->store, "before", NULL));
    assert_int_equal(access(path, F_OK), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CHECKPOINT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        CHECKPOINT_TEST(test_a_restored_shard_goes_on_as_the_old_one),
        CHECKPOINT_TEST(test_an_empty_shard_keeps_its_start_offset),
        CHECKPOINT_TEST(test_no_checkpoint_is_an_answer),
        CHECKPOINT_TEST(test_every_changed_byte_of_a_base_is_noticed),
        CHECKPOINT_TEST(test_a_block_of_another_file_does_not_fit),
        CHECKPOINT_TEST(test_a_damaged_newest_falls_back_a_generation_and_says_so),
        CHECKPOINT_TEST(test_a_newer_manifest_stops_the_restore_and_names_both_versions),
        CHECKPOINT_TEST(test_every_changed_byte_of_a_manifest_falls_back),
        CHECKPOINT_TEST(test_when_nothing_is_valid_restore_fails_and_names_the_file),
        CHECKPOINT_TEST(test_bases_without_manifest_and_temporary_files_are_never_read),
        CHECKPOINT_TEST(test_own_old_generations_are_pruned_down_to_the_kept_bases),
        CHECKPOINT_TEST(test_lower_epochs_are_pruned_only_after_two_valid_own_bases),
        CHECKPOINT_TEST(test_a_writer_of_a_lower_epoch_is_refused_and_deletes_nothing),
        CHECKPOINT_TEST(test_epochs_rise_past_the_clock_and_past_each_other),
        CHECKPOINT_TEST(test_a_feature_that_means_something_else_stops_the_restore),
        CHECKPOINT_TEST(test_a_state_of_another_partition_or_generation_is_refused),
        CHECKPOINT_TEST(test_the_oldest_kept_offset_is_the_advisory_position),
        CHECKPOINT_TEST(test_a_pinned_checkpoint_outlives_pruning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
