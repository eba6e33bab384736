/*
 * Fake disk: a simulation is worth what its disk forgets.  Each promise of the header is tried
 * in both directions: what must survive a crash does, and what need not survive can be lost.
 */
#include "tests/simulation/fake_disk.h"

#include "tests/support.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum { SEED = 7, TRIES = 200 };

static uint32_t lose_all(void *context, fake_disk_question question, uint32_t bound)
{
    (void)context;
    (void)question;
    (void)bound;
    return 0;
}

static uint32_t keep_all(void *context, fake_disk_question question, uint32_t bound)
{
    (void)context;
    (void)question;
    (void)bound;
    return 1;
}

static uint32_t any(void *context, fake_disk_question question, uint32_t bound)
{
    (void)question;
    return sim_random_below(context, bound);
}

static void sync_path(fake_disk *disk, const char *path)
{
    const int file = fake_disk_open(disk, path, O_RDONLY);
    assert_true(file >= 0);
    assert_int_equal(fake_disk_sync(disk, file), 0);
    assert_int_equal(fake_disk_close(disk, file), 0);
}

static void put(fake_disk *disk, const char *path, const char *text, bool is_synced)
{
    const int file = fake_disk_open(disk, path, O_WRONLY | O_CREAT);
    assert_true(file >= 0);
    assert_int_equal(fake_disk_write(disk, file, text, strlen(text), -1), strlen(text));
    if (is_synced)
        assert_int_equal(fake_disk_sync(disk, file), 0);
    assert_int_equal(fake_disk_close(disk, file), 0);
}

/* NULL text: the path leads nowhere. */
static void expect(fake_disk *disk, const char *path, const char *text)
{
    fake_disk_about about;
    const int error = fake_disk_stat(disk, path, &about);
    assert_int_equal(error, text == NULL ? -ENOENT : 0);
    if (text == NULL)
        return;
    size_t bytes;
    const uint8_t *data = fake_disk_bytes(disk, about.inode, &bytes);
    assert_int_equal(bytes, strlen(text));
    if (bytes > 0)
        assert_memory_equal(data, text, bytes);
}

static void test_what_was_synced_survives_a_crash_that_loses_all(void **state)
{
    (void)state;
    fake_disk *disk = fake_disk_create(SEED);
    put(disk, "/a", "kept", true);
    sync_path(disk, "/");
    fake_disk_crash(disk, false, lose_all, NULL);
    expect(disk, "/a", "kept");
    fake_disk_destroy(disk);
}

static void test_bytes_without_fsync_of_the_file_can_be_lost(void **state)
{
    (void)state;
    fake_disk *disk = fake_disk_create(SEED);
    put(disk, "/a", "lost", false);
    sync_path(disk, "/");
    fake_disk *other = fake_disk_clone(disk);
    fake_disk_crash(disk, false, lose_all, NULL);
    expect(disk, "/a", "");
    fake_disk_crash(other, false, keep_all, NULL);
    expect(other, "/a", "lost");
    fake_disk_destroy(disk);
    fake_disk_destroy(other);
}

static void test_a_name_without_fsync_of_its_directory_can_be_lost(void **state)
{
    (void)state;
    fake_disk *disk = fake_disk_create(SEED);
    put(disk, "/a", "synced", true);
    fake_disk *other = fake_disk_clone(disk);
    fake_disk_crash(disk, false, lose_all, NULL);
    expect(disk, "/a", NULL);
    fake_disk_crash(other, false, keep_all, NULL);
    expect(other, "/a", "synced");
    fake_disk_destroy(disk);
    fake_disk_destroy(other);
}

static void test_a_synced_file_in_a_directory_nobody_synced_can_be_lost(void **state)
{
    (void)state;
    fake_disk *disk = fake_disk_create(SEED);
    assert_int_equal(fake_disk_mkdir(disk, "/d"), 0);
    put(disk, "/d/a", "synced", true);
    sync_path(disk, "/d");
    fake_disk_crash(disk, false, lose_all, NULL);
    expect(disk, "/d/a", NULL);
    fake_disk_destroy(disk);
}

static void test_a_rename_is_seen_whole_or_not_at_all(void **state)
{
    (void)state;
    sim_random random = {SEED};
    int renamed = 0;
    for (int i = 0; i < TRIES; i++) {
        fake_disk *disk = fake_disk_create(SEED);
        put(disk, "/old", "old", true);
        put(disk, "/new", "new", true);
        sync_path(disk, "/");
        assert_int_equal(fake_disk_rename(disk, "/new", "/old"), 0);
        expect(disk, "/old", "new");
        fake_disk_crash(disk, i % 2 == 0, any, &random);
        fake_disk_about about;
        const bool is_renamed = fake_disk_stat(disk, "/new", &about) == -ENOENT;
        expect(disk, "/old", is_renamed ? "new" : "old");
        renamed += is_renamed;
        fake_disk_destroy(disk);
    }
    assert_in_range(renamed, 1, TRIES - 1);
}

static void test_pages_are_lost_and_torn_one_by_one(void **state)
{
    (void)state;
    static uint8_t data[3 * FAKE_DISK_PAGE_BYTES];
    memset(data, 'x', sizeof(data));
    sim_random random = {SEED};
    bool has_lost_first_but_kept_last = false;
    bool has_torn = false;
    for (int i = 0; i < TRIES; i++) {
        fake_disk *disk = fake_disk_create(SEED);
        const int file = fake_disk_open(disk, "/a", O_WRONLY | O_CREAT);
        sync_path(disk, "/");
        assert_int_equal(fake_disk_write(disk, file, data, sizeof(data), -1),
                         sizeof(data));
        assert_int_equal(fake_disk_undecided(disk), 3);
        fake_disk_crash(disk, false, any, &random);
        fake_disk_about about;
        assert_int_equal(fake_disk_stat(disk, "/a", &about), 0);
        size_t bytes;
        const uint8_t *left = fake_disk_bytes(disk, about.inode, &bytes);
        assert_in_range(bytes, 0, sizeof(data));
        for (size_t at = 0; at < bytes;
             at++) /* sectors are whole: as written, or zeros */
            assert_int_equal(left[at], left[at - at % FAKE_DISK_SECTOR_BYTES]);
        has_lost_first_but_kept_last |=
            bytes == sizeof(data) && left[0] == 0 && left[sizeof(data) - 1] == 'x';
        has_torn |= bytes > 0 && left[0] == 'x' &&
                    (bytes < FAKE_DISK_PAGE_BYTES || left[FAKE_DISK_PAGE_BYTES - 1] == 0);
        fake_disk_destroy(disk);
    }
    assert_true(has_lost_first_but_kept_last);
    assert_true(has_torn);
}

static void test_after_a_failed_fsync_another_one_proves_nothing(void **state)
{
    (void)state;
    int lost = 0;
    for (uint64_t seed = 1; seed <= TRIES; seed++) {
        fake_disk *disk = fake_disk_create(seed);
        const int file = fake_disk_open(disk, "/a", O_WRONLY | O_CREAT);
        sync_path(disk, "/");
        assert_int_equal(fake_disk_write(disk, file, "bytes", 5, -1), 5);
        fake_disk_set_rate(disk, FAKE_DISK_SYNC, 1000);
        assert_int_equal(fake_disk_sync(disk, file), -EIO);
        fake_disk_set_rate(disk, FAKE_DISK_SYNC, 0);
        assert_int_equal(fake_disk_sync(disk, file), 0);
        expect(disk, "/a", "bytes"); /* it still reads as if all were well */
        fake_disk_crash(disk, false, keep_all, NULL);
        fake_disk_about about;
        assert_int_equal(fake_disk_stat(disk, "/a", &about), 0);
        size_t bytes;
        const uint8_t *data = fake_disk_bytes(disk, about.inode, &bytes);
        lost += bytes != 5 || memcmp(data, "bytes", 5) != 0;
        fake_disk_destroy(disk);
    }
    assert_in_range(lost, 1, TRIES - 1);
}

static void test_ordered_names_of_a_directory_are_a_prefix(void **state)
{
    (void)state;
    sim_random random = {SEED};
    bool out_of_order[2] = {false, false};
    for (int i = 0; i < TRIES; i++) {
        fake_disk *disk = fake_disk_create(SEED);
        put(disk, "/a", "a", true);
        put(disk, "/b", "b", true);
        const bool is_loose = i % 2 == 0;
        fake_disk_crash(disk, is_loose, any, &random);
        fake_disk_about about;
        const bool has_a = fake_disk_stat(disk, "/a", &about) == 0;
        const bool has_b = fake_disk_stat(disk, "/b", &about) == 0;
        out_of_order[is_loose] |= has_b && !has_a;
        fake_disk_destroy(disk);
    }
    assert_false(out_of_order[false]);
    assert_true(out_of_order[true]);
}

static void test_a_full_disk_takes_nothing_and_recovers(void **state)
{
    (void)state;
    fake_disk *disk = fake_disk_create(SEED);
    const int file = fake_disk_open(disk, "/a", O_WRONLY | O_CREAT);
    fake_disk_set_full(disk, true);
    assert_int_equal(fake_disk_write(disk, file, "x", 1, -1), -ENOSPC);
    assert_int_equal(fake_disk_open(disk, "/b", O_WRONLY | O_CREAT), -ENOSPC);
    assert_int_equal(fake_disk_unlink(disk, "/a"), 0);
    fake_disk_set_full(disk, false);
    assert_int_equal(fake_disk_write(disk, file, "x", 1, -1), 1);
    fake_disk_destroy(disk);
}

static void test_exclusive_create_rename_and_remove_answer_as_posix_does(void **state)
{
    (void)state;
    fake_disk *disk = fake_disk_create(SEED);
    put(disk, "/a", "a", false);
    assert_int_equal(fake_disk_open(disk, "/a", O_WRONLY | O_CREAT | O_EXCL), -EEXIST);
    assert_int_equal(fake_disk_open(disk, "/none", O_RDONLY), -ENOENT);
    assert_int_equal(fake_disk_open(disk, "/a/b", O_RDONLY), -ENOTDIR);
    assert_int_equal(fake_disk_mkdir(disk, "/d"), 0);
    assert_int_equal(fake_disk_mkdir(disk, "/d"), -EEXIST);
    assert_int_equal(fake_disk_link(disk, "/a", "/d/a"), 0);
    assert_int_equal(fake_disk_rmdir(disk, "/d"), -ENOTEMPTY);
    assert_int_equal(fake_disk_unlink(disk, "/a"), 0);
    assert_int_equal(fake_disk_unlink(disk, "/a"), -ENOENT);
    expect(disk, "/d/a", "a"); /* a link keeps the bytes */
    assert_int_equal(fake_disk_rename(disk, "/d", "/e"), 0);
    expect(disk, "/e/a", "a");
    fake_disk_destroy(disk);
}

static void test_a_lock_is_one_descriptors_and_ends_with_it(void **state)
{
    (void)state;
    fake_disk *disk = fake_disk_create(SEED);
    const int first = fake_disk_open(disk, "/lock", O_RDWR | O_CREAT);
    const int second = fake_disk_open(disk, "/lock", O_RDWR);
    assert_int_equal(fake_disk_lock(disk, first), 0);
    assert_int_equal(fake_disk_lock(disk, second), -EWOULDBLOCK);
    assert_int_equal(fake_disk_close(disk, first), 0);
    assert_int_equal(fake_disk_lock(disk, second), 0);
    fake_disk_destroy(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_synced_survives_a_crash_that_loses_all),
        cmocka_unit_test(test_bytes_without_fsync_of_the_file_can_be_lost),
        cmocka_unit_test(test_a_name_without_fsync_of_its_directory_can_be_lost),
        cmocka_unit_test(test_a_synced_file_in_a_directory_nobody_synced_can_be_lost),
        cmocka_unit_test(test_a_rename_is_seen_whole_or_not_at_all),
        cmocka_unit_test(test_pages_are_lost_and_torn_one_by_one),
        cmocka_unit_test(test_after_a_failed_fsync_another_one_proves_nothing),
        cmocka_unit_test(test_ordered_names_of_a_directory_are_a_prefix),
        cmocka_unit_test(test_a_full_disk_takes_nothing_and_recovers),
        cmocka_unit_test(test_exclusive_create_rename_and_remove_answer_as_posix_does),
        cmocka_unit_test(test_a_lock_is_one_descriptors_and_ends_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
