/*
 * Damage: every byte of a small checkpoint, every length, every foreign piece.
 *
 * A base, a base and two deltas on it are written, then their files are damaged one place at a time and the
 * partition is restored.  What is restored must be exactly a state that once was; if the damage
 * lies in a file that the newest generation needs, it must have been noticed.  Which files those
 * are is found by taking each away, so that nothing here knows the format.
 *
 * `test_flip --long` damages the files of older generations too, which must change nothing, and
 * flips 10,000 random bits of a larger checkpoint.
 */
#include "tests/crash/small_shop.h"
#include "tests/overwrite.h"
#include "tests/small_pages.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { GENERATIONS = 4, FILES_MAX = 64, LONG_FLIPS = 10000, PATH_BYTES = 512 };

typedef struct file {
    char path[PATH_BYTES];
    mr_buffer bytes;
    bool is_needed; /* by the newest generation */
} file;

typedef struct damaged_shop {
    small_shop *shop;
    int64_t offsets[GENERATIONS];
    char hashes[GENERATIONS][MR_SHA256_HEX_BYTES];
    file files[FILES_MAX];
    size_t file_count;
    uint64_t cases;
    uint64_t undetected;
    uint64_t refused; /* no generation could be used */
} damaged_shop;

static void put_back(const file *f)
{
    test_overwrite(f->path, f->bytes.bytes, f->bytes.length);
}

static bool is_long;

/* Whether this file is to be damaged, place by place. */
static bool is_chosen(const file *f)
{
    return f->is_needed || is_long;
}

/* Restore and judge; whether the newest generation came out, with nothing skipped. */
static bool restores_newest(damaged_shop *d)
{
    mr_shard *shard = NULL;
    mr_checkpoint_info info;
    mr_error error;
    const mr_status status =
        mr_checkpoint_restore(d->shop->store, SHOP_PARTITION, d->shop->plan,
                              &d->shop->key, 0, &shard, &info, &error);
    if (status != MR_OK) {
        assert_int_equal(status, MR_ERR_CORRUPT);
        assert_true(error.message[0] != '\0');
        d->refused++;
        return false;
    }
    char hash[MR_SHA256_HEX_BYTES];
    shop_hash(shard, hash);
    int known = GENERATIONS - 1;
    while (known > 0 && d->offsets[known] != mr_shard_next_offset(shard))
        known--;
    assert_int_equal(mr_shard_next_offset(shard), d->offsets[known]);
    assert_string_equal(hash, d->hashes[known]);
    mr_shard_destroy(shard);
    return info.skipped == 0 && known == GENERATIONS - 1;
}

static void judge(damaged_shop *d, const file *f)
{
    d->cases++;
    const bool is_newest = restores_newest(d);
    if (is_newest && f->is_needed) {
        d->undetected++;
        print_error("undetected damage in %s\n", f->path);
    }
}

/* The files of the partition but those that only say who took an epoch. */
static void read_files(damaged_shop *d)
{
    char folder[PATH_BYTES / 2];
    (void)snprintf(folder, sizeof(folder), "%s/events/p%05d", d->shop->root,
                   SHOP_PARTITION);
    DIR *stream = opendir(folder);
    assert_non_null(stream);
    for (const struct dirent *entry; (entry = readdir(stream)) != NULL;) {
        if (entry->d_name[0] == '.' || strstr(entry->d_name, ".epoch") != NULL)
            continue;
        assert_true(d->file_count < FILES_MAX);
        file *f = &d->files[d->file_count++];
        (void)snprintf(f->path, sizeof(f->path), "%s/%.200s", folder, entry->d_name);
        assert_ok(mr_file_read(f->path, &f->bytes, NULL));
    }
    (void)closedir(stream);
    size_t needed = 0;
    for (size_t i = 0; i < d->file_count; i++) {
        file *f = &d->files[i];
        assert_int_equal(unlink(f->path), 0);
        f->is_needed = !restores_newest(d);
        needed += f->is_needed;
        put_back(f);
    }
    assert_true(needed >= 2);
    assert_true(restores_newest(d));
    d->refused = 0;
}

/* Base, base, delta, delta. */
static void write_generation(small_shop *shop, int index)
{
    if (index == 1)
        shop_end_chain(shop);
    shop_checkpoint(shop);
}

static damaged_shop *set_up_shop(uint32_t users, int64_t records)
{
    damaged_shop *d = calloc(1, sizeof(*d));
    assert_non_null(d);
    d->shop = shop_open(users);
    for (int g = 0; g < GENERATIONS; g++) {
        shop_apply_until(d->shop, d->shop->shard, records + g * 3);
        write_generation(d->shop, g);
        d->offsets[g] = mr_shard_next_offset(d->shop->shard);
        shop_hash_at(d->shop, d->offsets[g], d->hashes[g]);
    }
    mr_checkpoint_info infos[GENERATIONS];
    size_t count = 0;
    assert_ok(mr_checkpoint_list(d->shop->store, SHOP_PARTITION, infos, GENERATIONS,
                                 &count, NULL));
    assert_int_equal(count, GENERATIONS);
    assert_int_equal(infos[0].segments, 2);
    assert_int_equal(infos[0].base_generation, 2);
    read_files(d);
    return d;
}

static int set_up(void **state)
{
    *state = set_up_shop(20, 120);
    return 0;
}

static int tear_down(void **state)
{
    damaged_shop *d = *state;
    for (size_t i = 0; i < d->file_count; i++)
        mr_buffer_deinit(&d->files[i].bytes);
    shop_close(d->shop);
    free(d);
    return 0;
}

static void report(const damaged_shop *d, const char *what)
{
    print_message("%s: cases=%llu undetected=%llu refused=%llu\n", what,
                  (unsigned long long)d->cases, (unsigned long long)d->undetected,
                  (unsigned long long)d->refused);
    assert_true(d->cases > 100);
    assert_int_equal(d->undetected, 0);
}

static void flip(damaged_shop *d, const file *f, size_t at, uint8_t mask)
{
    const uint8_t byte = f->bytes.bytes[at] ^ mask;
    const int out = open(f->path, O_WRONLY);
    assert_true(out >= 0);
    assert_int_equal(pwrite(out, &byte, 1, (off_t)at), 1);
    judge(d, f);
    assert_int_equal(pwrite(out, &f->bytes.bytes[at], 1, (off_t)at), 1);
    assert_int_equal(close(out), 0);
}

static void test_every_byte_flipped_is_noticed_and_an_older_generation_used(void **state)
{
    damaged_shop *d = *state;
    for (size_t i = 0; i < d->file_count; i++)
        for (size_t at = 0; is_chosen(&d->files[i]) && at < d->files[i].bytes.length;
             at++)
            flip(d, &d->files[i], at, (uint8_t)(1U << at % 8));
    report(d, "flips");
    assert_int_equal(d->refused, 0);
}

static void test_every_length_but_its_own_is_noticed(void **state)
{
    static const uint8_t more[4096];
    damaged_shop *d = *state;
    for (size_t i = 0; i < d->file_count; i++) {
        file *f = &d->files[i];
        if (!is_chosen(f))
            continue;
        for (size_t length = f->bytes.length; length-- > 0;) {
            assert_int_equal(truncate(f->path, (off_t)length), 0);
            judge(d, f);
        }
        for (size_t added = 1; added <= sizeof(more); added *= 16) {
            put_back(f);
            const int out = open(f->path, O_WRONLY | O_APPEND);
            assert_ok(mr_file_write_all(out, more, added));
            assert_int_equal(close(out), 0);
            judge(d, f);
        }
        put_back(f);
    }
    report(d, "lengths");
}

/* Bytes [at, at + length) of `from` in the place of those of `f`. */
static void put_piece(damaged_shop *d, const file *f, const file *from, size_t at,
                      size_t length)
{
    if (at + length > f->bytes.length || at + length > from->bytes.length ||
        memcmp(f->bytes.bytes + at, from->bytes.bytes + at, length) == 0)
        return;
    const int out = open(f->path, O_WRONLY);
    assert_true(out >= 0);
    assert_int_equal(pwrite(out, from->bytes.bytes + at, length, (off_t)at),
                     (ssize_t)length);
    judge(d, f);
    assert_int_equal(pwrite(out, f->bytes.bytes + at, length, (off_t)at),
                     (ssize_t)length);
    assert_int_equal(close(out), 0);
}

static void test_a_piece_of_another_file_is_noticed(void **state)
{
    damaged_shop *d = *state;
    for (size_t i = 0; i < d->file_count; i++)
        for (size_t j = 0; j < d->file_count; j++)
            for (size_t length = 8; length <= 512; length *= 4)
                for (size_t at = 0;
                     i != j && is_chosen(&d->files[i]) && at < d->files[i].bytes.length;
                     at += length)
                    put_piece(d, &d->files[i], &d->files[j], at, length);
    report(d, "splices");
}

static void test_a_whole_other_file_under_its_name_is_noticed(void **state)
{
    damaged_shop *d = *state;
    for (size_t i = 0; i < d->file_count; i++) {
        for (size_t j = 0; j < d->file_count; j++) {
            if (i == j)
                continue;
            const mr_buffer *other = &d->files[j].bytes;
            test_overwrite(d->files[i].path, other->bytes, other->length);
            judge(d, &d->files[i]);
        }
        put_back(&d->files[i]);
    }
    assert_true(d->cases > 10);
    assert_int_equal(d->undetected, 0);
}

static void test_the_files_of_another_partition_are_never_taken(void **state)
{
    damaged_shop *d = *state;
    small_shop *other = shop_open(20);
    mr_shard_destroy(other->shard);
    other->shard = shop_shard(other, SHOP_PARTITION + 1);
    for (int g = 0; g < GENERATIONS; g++) {
        shop_apply_until(other, other->shard, d->offsets[g]);
        write_generation(other, g);
    }
    for (size_t i = 0; i < d->file_count; i++) {
        char path[PATH_BYTES];
        mr_buffer bytes = {0};
        (void)snprintf(path, sizeof(path), "%s/events/p%05d/%s", other->root,
                       SHOP_PARTITION + 1, strrchr(d->files[i].path, '/') + 1);
        assert_ok(mr_file_read(path, &bytes, NULL));
        test_overwrite(d->files[i].path, bytes.bytes, bytes.length);
        judge(d, &d->files[i]);
        mr_buffer_deinit(&bytes);
    }
    assert_false(restores_newest(d)); /* all of them are there now */
    assert_true(d->refused > 0);
    assert_int_equal(d->undetected, 0);
    shop_close(other);
}

static void test_with_every_generation_damaged_nothing_is_served_as_if_it_were_empty(
    void **state)
{
    damaged_shop *d = *state;
    for (size_t i = 0; i < d->file_count; i++)
        assert_int_equal(truncate(d->files[i].path, (off_t)d->files[i].bytes.length / 2),
                         0);
    assert_false(restores_newest(d));
    assert_int_equal(d->refused, 1);
}

static void test_random_bits_of_a_larger_checkpoint(void **state)
{
    (void)state;
    damaged_shop *d = set_up_shop(1500, 24000);
    uint64_t random = 88172645463325252U;
    while (d->cases < LONG_FLIPS) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        const file *f = &d->files[random % d->file_count];
        if (!f->is_needed)
            continue;
        flip(d, f, (size_t)(random >> 20) % f->bytes.length,
             (uint8_t)(1U << (random >> 8) % 8));
    }
    report(d, "random bits");
    void *own = d;
    tear_down(&own);
}

#define DAMAGE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        DAMAGE_TEST(test_every_byte_flipped_is_noticed_and_an_older_generation_used),
        DAMAGE_TEST(test_every_length_but_its_own_is_noticed),
        DAMAGE_TEST(test_a_piece_of_another_file_is_noticed),
        DAMAGE_TEST(test_a_whole_other_file_under_its_name_is_noticed),
        DAMAGE_TEST(test_the_files_of_another_partition_are_never_taken),
        DAMAGE_TEST(
            test_with_every_generation_damaged_nothing_is_served_as_if_it_were_empty),
    };
    const struct CMUnitTest long_tests[] = {
        cmocka_unit_test(test_random_bits_of_a_larger_checkpoint),
    };
    test_take_small_pages();
    is_long = argc > 1 && strcmp(argv[1], "--long") == 0;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed + (is_long ? cmocka_run_group_tests(long_tests, NULL, NULL) : 0);
}
