/*
 * Checkpoint files of format 2: chains of a base and deltas, damaged in every way.
 *
 * Whatever is done to a file, a restore either gives exactly the state of some generation that was
 * written, or says why it cannot.  The states are remembered by their hashes.
 */
#include "core/file.h"
#include "features/canonical_dump.h"
#include "features/checkpoint.h"
#include "features/checkpoint_cut.h"
#include "features/checkpoint_manifest.h"
#include "features/shard_private.h"
#include "tests/feature_batch.h"
#include "tests/overwrite.h"
#include "tests/rounds.h"
#include "tests/small_pages.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PARTITION = 3, EPOCH = 5, GENERATIONS_MAX = 64 };

typedef struct fixture {
    mr_plan *plan;
    mr_hash_key key;
    mr_shard *shard;
    mr_checkpoint_store *store;
    char root[64];
    mr_buffer cut;
    uint64_t epoch;
    uint64_t generation;
    char hashes[GENERATIONS_MAX][MR_SHA256_HEX_BYTES]; /* of this epoch */
} fixture;

static void hash_of(const mr_shard *shard, char ret_hex[MR_SHA256_HEX_BYTES])
{
    assert_ok(mr_canonical_hash(&shard, 1, MR_TIME_NONE, MR_DUMP_ALL, ret_hex));
}

static void apply_users(mr_shard *shard, int first, int count)
{
    char user[16];
    for (int i = first; i < first + count; i++) {
        (void)snprintf(user, sizeof(user), "user%d", i);
        const int64_t at_ms = START_MS + mr_shard_next_offset(shard) * MINUTE_MS;
        test_apply(shard, test_event(MR_EVENT_VIEW, user, "item-a", at_ms));
        test_apply(shard, test_purchase(user, "item-b", at_ms + 1, "o1", 1250));
    }
}

static mr_status write_next(fixture *f)
{
    f->generation++;
    hash_of(f->shard, f->hashes[f->generation]);
    mr_checkpoint_cut_begin(f->shard, f->epoch, f->generation, &f->cut);
    while (!mr_checkpoint_cut_step(f->shard, 100))
        continue;
    const mr_status status =
        mr_checkpoint_write(f->store, PARTITION, f->epoch, f->generation, &f->cut, NULL);
    mr_checkpoint_cut_settle(f->shard, status == MR_OK);
    return status;
}

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    assert_ok(mr_plan_create_default(&f->plan));
    mr_hash_key_init(&f->key, "secret", 6);
    f->shard = test_shard(f->plan, PARTITION);
    f->epoch = EPOCH;
    (void)snprintf(f->root, sizeof(f->root), "/tmp/millrace-delta-XXXXXX");
    assert_non_null(mkdtemp(f->root));
    assert_ok(mr_checkpoint_store_open(f->root, "events", 2, &f->store, NULL));
    apply_users(f->shard, 0, 300);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    mr_buffer_deinit(&f->cut);
    mr_checkpoint_store_close(f->store);
    mr_shard_destroy(f->shard);
    mr_plan_destroy(f->plan);
    assert_ok(mr_directory_remove(f->root, NULL));
    free(f);
    return 0;
}

/* A base, then `deltas` deltas of a user or two each. */
static void write_chain(fixture *f, int deltas)
{
    f->shard->cut.rows.is_cut_off = true; /* as after a failed write */
    assert_ok(write_next(f));
    for (int i = 0; i < deltas; i++) {
        apply_users(f->shard, 300 + i, 2);
        assert_ok(write_next(f));
        assert_false(mr_checkpoint_cut_is_base(f->shard));
    }
}

static void partition_path(const fixture *f, uint32_t partition, char ret_path[512])
{
    (void)snprintf(ret_path, 512, "%s/events/p%05" PRIu32, f->root, partition);
}

static void path_of(const fixture *f, uint64_t generation, mr_file_kind kind,
                    char ret_path[512])
{
    char directory[400];
    (void)snprintf(directory, sizeof(directory), "%s/events/p%05d", f->root, PARTITION);
    (void)snprintf(ret_path, 512, "%s/%.100s", directory,
                   mr_checkpoint_name_of(kind, f->epoch, generation).text);
}

static bool exists(const fixture *f, uint64_t generation, mr_file_kind kind)
{
    char path[512];
    path_of(f, generation, kind, path);
    return access(path, F_OK) == 0;
}

static mr_status restore(const fixture *f, mr_checkpoint_info *ret_info,
                         char ret_hash[MR_SHA256_HEX_BYTES])
{
    mr_shard *shard = NULL;
    mr_error error = {{0}};
    const mr_status status = mr_checkpoint_restore(f->store, PARTITION, f->plan, &f->key,
                                                   0, &shard, ret_info, &error);
    if (status == MR_OK) {
        mr_shard_check(shard);
        hash_of(shard, ret_hash);
        mr_shard_destroy(shard);
    }
    return status;
}

/* What is read is what was written under that name, and it is `generation`. */
static void assert_restores(const fixture *f, uint64_t generation)
{
    mr_checkpoint_info info;
    char hash[MR_SHA256_HEX_BYTES];
    assert_ok(restore(f, &info, hash));
    assert_int_equal(info.generation, generation);
    assert_string_equal(hash, f->hashes[generation]);
    assert_int_equal(info.skipped > 0, generation < f->generation);
    assert_int_equal(info.message[0] != '\0', generation < f->generation);
}

static void copy_file(const char *from, const char *to)
{
    mr_buffer bytes = {0};
    assert_ok(mr_file_read(from, &bytes, NULL));
    assert_ok(mr_file_replace(to, bytes.bytes, bytes.length, NULL));
    mr_buffer_deinit(&bytes);
}

static void test_a_chain_of_deltas_is_what_was_written(void **state)
{
    fixture *f = *state;
    write_chain(f, 6);
    assert_restores(f, 7);
    mr_checkpoint_info infos[16];
    size_t count;
    assert_ok(mr_checkpoint_list(f->store, PARTITION, infos, 16, &count, NULL));
    assert_int_equal(count, 7);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(infos[i].generation, 7 - i);
        assert_int_equal(infos[i].segments, 6 - i);
        assert_int_equal(infos[i].is_delta, i < 6);
        assert_int_equal(infos[i].base_generation, 1);
        assert_ok(mr_checkpoint_verify(f->store, PARTITION, EPOCH, infos[i].generation,
                                       f->plan, NULL));
    }
    assert_true(infos[0].bytes > infos[6].bytes);
}

/* Each byte of a file of the chain changed, and its length: never another state. */
static void damage_everywhere(fixture *f, uint64_t generation, mr_file_kind kind,
                              uint64_t expected)
{
    char path[512];
    mr_buffer whole = {0};
    path_of(f, generation, kind, path);
    assert_ok(mr_file_read(path, &whole, NULL));
    for (size_t at = 0; at < whole.length; at += (size_t)test_step()) {
        whole.bytes[at] ^= (uint8_t)(1U << (at % 8));
        test_overwrite(path, whole.bytes, whole.length);
        assert_restores(f, expected);
        whole.bytes[at] ^= (uint8_t)(1U << (at % 8));
    }
    for (size_t length = 0; length < whole.length; length += 1 + length / 16) {
        test_overwrite(path, whole.bytes, length);
        assert_restores(f, expected);
    }
    test_overwrite(path, whole.bytes, whole.length);
    assert_restores(f, f->generation);
    mr_buffer_deinit(&whole);
}

static void small_chains(fixture *f)
{
    mr_shard_destroy(f->shard);
    f->shard = test_shard(f->plan, PARTITION);
    apply_users(f->shard, 0, 8);
    write_chain(f, 0);
    apply_users(f->shard, 3, 1);
    write_chain(f, 0);
    apply_users(f->shard, 4, 1);
    assert_ok(write_next(f)); /* generation 3 stands on 2 */
    assert_false(mr_checkpoint_cut_is_base(f->shard));
}

static void test_every_changed_byte_of_a_base_falls_back_behind_it(void **state)
{
    fixture *f = *state;
    small_chains(f);
    damage_everywhere(f, 2, MR_FILE_BASE, 1);
}

static void test_every_changed_byte_of_a_delta_falls_back_to_the_one_before(void **state)
{
    fixture *f = *state;
    small_chains(f);
    damage_everywhere(f, 3, MR_FILE_DELTA, 2);
}

static void test_every_changed_byte_of_a_manifest_falls_back(void **state)
{
    fixture *f = *state;
    small_chains(f);
    damage_everywhere(f, 3, MR_FILE_MANIFEST, 2);
}

static mr_status decode_pair(const fixture *f, const mr_buffer files[2], size_t length)
{
    const mr_checkpoint_file pair[2] = {{files[0].bytes, files[0].length},
                                        {files[1].bytes, length}};
    mr_shard *shard = NULL;
    mr_checkpoint_info info;
    const mr_status status =
        mr_checkpoint_decode_chain(pair, 2, f->plan, &f->key, 0, &shard, &info, NULL);
    if (status == MR_OK)
        mr_shard_destroy(shard);
    return status;
}

static void test_a_delta_notices_every_changed_byte_by_its_own_sums(void **state)
{
    fixture *f = *state;
    static const mr_file_kind kinds[2] = {MR_FILE_BASE, MR_FILE_DELTA};
    mr_buffer files[2] = {{0}, {0}};
    small_chains(f);
    for (uint64_t i = 0; i < 2; i++) {
        char path[512];
        path_of(f, 2 + i, kinds[i], path);
        assert_ok(mr_file_read(path, &files[i], NULL));
    }
    assert_ok(decode_pair(f, files, files[1].length));
    for (size_t at = 0; at < files[1].length; at += (size_t)test_step()) {
        files[1].bytes[at] ^= (uint8_t)(1U << (at % 8));
        assert_int_equal(decode_pair(f, files, files[1].length), MR_ERR_CORRUPT);
        files[1].bytes[at] ^= (uint8_t)(1U << (at % 8));
    }
    for (size_t length = 0; length < files[1].length; length += (size_t)test_step())
        assert_int_equal(decode_pair(f, files, length), MR_ERR_CORRUPT);
    const mr_buffer twice[2] = {files[1], files[1]};
    assert_int_equal(decode_pair(f, twice, files[1].length), MR_ERR_CORRUPT);
    mr_buffer_deinit(&files[0]);
    mr_buffer_deinit(&files[1]);
}

static void test_a_damaged_delta_in_the_middle_costs_those_after_it(void **state)
{
    fixture *f = *state;
    char path[512];
    write_chain(f, 5);
    path_of(f, 4, MR_FILE_DELTA, path);
    assert_int_equal(unlink(path), 0);
    mr_checkpoint_info info;
    char hash[MR_SHA256_HEX_BYTES];
    assert_ok(restore(f, &info, hash));
    assert_int_equal(info.generation, 3);
    assert_int_equal(info.skipped, 3);
    assert_string_equal(hash, f->hashes[3]);
    assert_non_null(strstr(info.message, ".delta"));
}

/* A manifest as if the file belonged there: only what is in the file itself speaks against it. */
static void forge(const fixture *f, uint64_t generation, const char *file_path)
{
    mr_checkpoint_directory directory = {.count = 0};
    partition_path(f, PARTITION, directory.path);
    mr_manifest manifest;
    assert_ok(mr_manifest_read(&directory, "events", PARTITION, f->epoch, generation,
                               &manifest, NULL));
    mr_buffer file = {0};
    mr_buffer text = {0};
    char path[512];
    assert_ok(mr_file_read(file_path, &file, NULL));
    mr_manifest_file *last = &manifest.files[manifest.file_count - 1];
    last->bytes = file.length;
    last->crc = mr_crc32c(0, file.bytes, file.length);
    path_of(f, generation, manifest.file_count > 1 ? MR_FILE_DELTA : MR_FILE_BASE, path);
    assert_ok(mr_file_replace(path, file.bytes, file.length, NULL));
    mr_manifest_put(&manifest, &text);
    path_of(f, generation, MR_FILE_MANIFEST, path);
    assert_ok(mr_file_replace(path, text.bytes, text.length, NULL));
    mr_buffer_deinit(&file);
    mr_buffer_deinit(&text);
}

static void test_an_older_file_under_a_newer_name_is_refused(void **state)
{
    fixture *f = *state;
    char path[512];
    write_chain(f, 3);
    path_of(f, 3, MR_FILE_DELTA, path);
    forge(f, 4, path);
    assert_restores(f, 3);
    path_of(f, 1, MR_FILE_BASE, path);
    forge(f, 4, path);
    assert_restores(f, 3);
}

static void test_a_file_of_another_partition_is_refused(void **state)
{
    fixture *f = *state;
    char path[512];
    char directory[512];
    write_chain(f, 1);
    mr_shard *other = test_shard(f->plan, 4);
    mr_buffer encoded = {0};
    apply_users(other, 0, 5);
    assert_ok(mr_checkpoint_encode(other, EPOCH, 3, &encoded));
    assert_ok(mr_checkpoint_write(f->store, 4, EPOCH, 3, &encoded, NULL));
    write_chain(f, 0); /* generation 3, a base */
    partition_path(f, 4, directory);
    (void)snprintf(path, sizeof(path), "%.300s/%.100s", directory,
                   mr_checkpoint_name_of(MR_FILE_BASE, EPOCH, 3).text);
    forge(f, 3, path);
    assert_restores(f, 2);
    mr_buffer_deinit(&encoded);
    mr_shard_destroy(other);
}

/* The first block behind the header of `from` in the place of that of `to`. */
static void test_blocks_of_another_file_of_the_chain_do_not_fit(void **state)
{
    fixture *f = *state;
    char path[512];
    mr_buffer files[2] = {{0}, {0}};
    write_chain(f, 2);
    for (uint64_t i = 0; i < 2; i++) {
        path_of(f, 2 + i, MR_FILE_DELTA, path);
        assert_ok(mr_file_read(path, &files[i], NULL));
    }
    /* Headers changed over: each is whole, and so is each block. */
    uint8_t header[768];
    memcpy(header, files[1].bytes, sizeof(header));
    memcpy(files[0].bytes, header, sizeof(header));
    assert_ok(mr_file_replace(path, files[0].bytes, files[0].length, NULL));
    char moved[512];
    (void)snprintf(moved, sizeof(moved), "%.400s.moved", path);
    copy_file(path, moved);
    forge(f, 3, moved);
    assert_restores(f, 2);
    mr_buffer_deinit(&files[0]);
    mr_buffer_deinit(&files[1]);
}

static void test_a_delta_without_what_it_stands_on_is_not_written(void **state)
{
    fixture *f = *state;
    char path[512];
    write_chain(f, 1);
    path_of(f, 2, MR_FILE_DELTA, path);
    assert_int_equal(unlink(path), 0);
    apply_users(f->shard, 7, 1);
    assert_int_not_equal(write_next(f), MR_OK);
    assert_false(exists(f, 3, MR_FILE_DELTA));
    assert_false(exists(f, 3, MR_FILE_MANIFEST));
    assert_ok(write_next(f)); /* the next one needs nothing */
    assert_true(mr_checkpoint_cut_is_base(f->shard));
    assert_restores(f, 4);
}

static void test_pruning_keeps_two_bases_and_all_that_stands_on_them(void **state)
{
    fixture *f = *state;
    write_chain(f, 2); /* 1, 2, 3  */
    write_chain(f, 1); /* 4, 5     */
    assert_true(exists(f, 1, MR_FILE_BASE));
    assert_true(exists(f, 3, MR_FILE_DELTA));
    write_chain(f, 2); /* 6, 7, 8: with the third base the first chain goes */
    for (uint64_t generation = 1; generation <= 8; generation++) {
        const bool is_base = generation == 1 || generation == 4 || generation == 6;
        assert_int_equal(exists(f, generation, MR_FILE_MANIFEST), generation >= 4);
        assert_int_equal(exists(f, generation, is_base ? MR_FILE_BASE : MR_FILE_DELTA),
                         generation >= 4);
    }
    assert_restores(f, 8);
    int64_t offset;
    assert_ok(mr_checkpoint_oldest_offset(f->store, PARTITION, &offset, NULL));
    assert_true(offset < mr_shard_next_offset(f->shard));
}

static void test_a_damaged_base_does_not_count_among_the_kept(void **state)
{
    fixture *f = *state;
    char path[512];
    write_chain(f, 0);
    write_chain(f, 0);
    path_of(f, 2, MR_FILE_BASE, path);
    assert_int_equal(truncate(path, 900), 0);
    write_chain(f, 1);
    assert_true(exists(f, 1, MR_FILE_BASE));
}

static void test_lower_epochs_stay_until_two_bases_of_ours_stand(void **state)
{
    fixture *f = *state;
    write_chain(f, 1);
    f->epoch = EPOCH + 1;
    f->generation = 10;
    write_chain(f, 3);
    f->epoch = EPOCH;
    assert_true(exists(f, 1, MR_FILE_BASE)); /* one base and many generations */
    assert_true(exists(f, 2, MR_FILE_DELTA));
    f->epoch = EPOCH + 1;
    write_chain(f, 0);
    f->epoch = EPOCH;
    assert_false(exists(f, 1, MR_FILE_BASE));
    assert_false(exists(f, 2, MR_FILE_DELTA));
    assert_false(exists(f, 2, MR_FILE_MANIFEST));
}

static void test_a_writer_that_was_thought_dead_is_neither_read_nor_deletes(void **state)
{
    fixture *f = *state;
    write_chain(f, 1);
    uint64_t newer;
    assert_ok(mr_checkpoint_take_epoch(f->store, PARTITION, 0, &newer, NULL));
    assert_int_equal(newer, EPOCH + 1);
    apply_users(f->shard, 0, 1);
    assert_int_equal(write_next(f), MR_ERR_STALE);
    assert_false(exists(f, 3, MR_FILE_MANIFEST));
    assert_true(exists(f, 1, MR_FILE_BASE));
    assert_true(exists(f, 2, MR_FILE_DELTA));
    f->generation = 2;
    assert_restores(f, 2);
}

static void test_a_pinned_generation_keeps_its_whole_chain(void **state)
{
    fixture *f = *state;
    char path[512];
    write_chain(f, 3);
    assert_ok(mr_checkpoint_pin(f->store, "kept", path, sizeof(path), NULL));
    for (int i = 0; i < 3; i++)
        write_chain(f, 0);
    assert_false(exists(f, 4, MR_FILE_MANIFEST));
    mr_checkpoint_store *kept;
    mr_shard *shard = NULL;
    mr_checkpoint_info info;
    char hash[MR_SHA256_HEX_BYTES];
    assert_ok(mr_checkpoint_store_open(path, "events", 2, &kept, NULL));
    assert_ok(
        mr_checkpoint_restore(kept, PARTITION, f->plan, &f->key, 0, &shard, &info, NULL));
    assert_int_equal(info.generation, 4);
    hash_of(shard, hash);
    assert_string_equal(hash, f->hashes[4]);
    mr_shard_destroy(shard);
    mr_checkpoint_store_close(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define DELTA_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        DELTA_TEST(test_a_chain_of_deltas_is_what_was_written),
        DELTA_TEST(test_every_changed_byte_of_a_base_falls_back_behind_it),
        DELTA_TEST(test_every_changed_byte_of_a_delta_falls_back_to_the_one_before),
        DELTA_TEST(test_every_changed_byte_of_a_manifest_falls_back),
        DELTA_TEST(test_a_delta_notices_every_changed_byte_by_its_own_sums),
        DELTA_TEST(test_a_damaged_delta_in_the_middle_costs_those_after_it),
        DELTA_TEST(test_an_older_file_under_a_newer_name_is_refused),
        DELTA_TEST(test_a_file_of_another_partition_is_refused),
        DELTA_TEST(test_blocks_of_another_file_of_the_chain_do_not_fit),
        DELTA_TEST(test_a_delta_without_what_it_stands_on_is_not_written),
        DELTA_TEST(test_pruning_keeps_two_bases_and_all_that_stands_on_them),
        DELTA_TEST(test_a_damaged_base_does_not_count_among_the_kept),
        DELTA_TEST(test_lower_epochs_stay_until_two_bases_of_ours_stand),
        DELTA_TEST(test_a_writer_that_was_thought_dead_is_neither_read_nor_deletes),
        DELTA_TEST(test_a_pinned_generation_keeps_its_whole_chain),
    };
    test_take_small_pages();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
