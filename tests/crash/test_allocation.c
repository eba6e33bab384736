/*
 * Memory that runs out: every allocation of our own code on the path of events and checkpoints
 * fails once, and in another round it and all that follow.
 *
 * The linker gives us malloc and its kin, and mmap (profiles lie in regions of their own), as
 * the code of the stages calls them; what libraries allocate inside is not touched.  Each round
 * says n, runs the operation with the n-th allocation failing, repeats it without fault, and
 * holds the outcome to that of an undisturbed shard.  It ends with the first n that is not
 * reached.  What was allocated and mapped must be given back to the last byte.
 */
#include "tests/crash/small_shop.h"

#include <stdarg.h>
#include <sys/mman.h>

enum { ROUNDS_MAX = 5000 };

/* The state of the allocator below: single-threaded, as the tests are. */
static struct {
    uint64_t count; /* allocations since the fault was armed      */
    uint64_t first; /* the number of the first that fails; 0: none */
    bool all_that_follow;
    bool has_failed;
    int64_t blocks; /* allocated and not freed */
    int64_t mapped_bytes;
} memory;

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *block, size_t bytes);
void *__real_reallocarray(void *block, size_t count, size_t bytes);
void __real_free(void *block);
void *__real_mmap64(void *at, size_t bytes, int access, int flags, int file,
                    off64_t offset);
int __real_munmap(void *at, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *block, size_t bytes);
void *__wrap_reallocarray(void *block, size_t count, size_t bytes);
void __wrap_free(void *block);
void *__wrap_mmap64(void *at, size_t bytes, int access, int flags, int file,
                    off64_t offset);
int __wrap_munmap(void *at, size_t bytes);

static bool fails(void)
{
    if (memory.first == 0)
        return false;
    memory.count++;
    const bool is_struck = memory.all_that_follow ? memory.count >= memory.first
                                                  : memory.count == memory.first;
    memory.has_failed |= is_struck;
    return is_struck;
}

static void *count_block(void *block)
{
    memory.blocks += block != NULL;
    return block;
}

void *__wrap_malloc(size_t bytes)
{
    return fails() ? NULL : count_block(__real_malloc(bytes));
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return fails() ? NULL : count_block(__real_calloc(count, bytes));
}

void *__wrap_realloc(void *block, size_t bytes)
{
    if (fails())
        return NULL;
    void *moved = __real_realloc(block, bytes);
    memory.blocks += block == NULL && moved != NULL;
    return moved;
}

void *__wrap_reallocarray(void *block, size_t count, size_t bytes)
{
    if (fails())
        return NULL;
    void *moved = __real_reallocarray(block, count, bytes);
    memory.blocks += block == NULL && moved != NULL;
    return moved;
}

void __wrap_free(void *block)
{
    memory.blocks -= block != NULL;
    __real_free(block);
}

void *__wrap_mmap64(void *at, size_t bytes, int access, int flags, int file,
                    off64_t offset)
{
    if (fails())
        return MAP_FAILED;
    void *mapped = __real_mmap64(at, bytes, access, flags, file, offset);
    memory.mapped_bytes += mapped != MAP_FAILED ? (int64_t)bytes : 0;
    return mapped;
}

int __wrap_munmap(void *at, size_t bytes)
{
    memory.mapped_bytes -= (int64_t)bytes;
    return __real_munmap(at, bytes);
}

static void arm(uint64_t first, bool all_that_follow)
{
    memory.count = 0;
    memory.first = first;
    memory.all_that_follow = all_that_follow;
    memory.has_failed = false;
}

/* Whether the fault was met. */
static bool disarm(void)
{
    memory.first = 0;
    return memory.has_failed;
}

static void assert_out_of_memory_or_ok(mr_status status, bool was_struck)
{
    if (status != MR_OK && (status != MR_ERR_NO_MEMORY || !was_struck))
        fail_msg("ended with %s", mr_status_name(status));
}

/* One operation with the n-th allocation failing; whether it was reached. */
typedef bool operation(small_shop *shop, uint64_t n, bool all_that_follow);

static void for_every_allocation(const char *name, operation *run)
{
    uint64_t rounds = 0;
    for (int all_that_follow = 0; all_that_follow < 2; all_that_follow++) {
        bool was_struck = true;
        for (uint64_t n = 1; was_struck && n < ROUNDS_MAX; n++, rounds++) {
            const int64_t blocks = memory.blocks;
            const int64_t mapped_bytes = memory.mapped_bytes;
            small_shop *shop = shop_open(40);
            was_struck = run(shop, n, all_that_follow != 0);
            shop_close(shop);
            assert_int_equal(memory.blocks, blocks);
            assert_int_equal(memory.mapped_bytes, mapped_bytes);
        }
        assert_false(was_struck);
    }
    print_message("%s: allocations failed=%llu\n", name, (unsigned long long)rounds - 2);
    assert_true(rounds > 4);
}

/* -- applying ------------------------------------------------------------------------------ */

enum { APPLIED = 400, APPLIED_AT_ONCE = 40 };

static bool apply(small_shop *shop, uint64_t n, bool all_that_follow)
{
    arm(n, all_that_follow);
    bool was_struck = false;
    mr_shard *shard = shop->shard;
    while (mr_shard_next_offset(shard) < APPLIED) {
        const int64_t before = mr_shard_next_offset(shard);
        memory.first = 0; /* the batch itself is the test's */
        mr_event_batch *batch = shop_next_batch(shop, shard, APPLIED_AT_ONCE);
        memory.first = was_struck ? 0 : n;
        const mr_status status = mr_shard_apply(shard, batch);
        was_struck |= memory.has_failed;
        assert_out_of_memory_or_ok(status, was_struck);
        assert_int_equal(mr_shard_next_offset(shard),
                         status == MR_OK ? before + APPLIED_AT_ONCE : before);
    }
    (void)disarm();
    mr_shard_check(shard);
    char hashes[2][MR_SHA256_HEX_BYTES];
    shop_hash(shard, hashes[0]);
    shop_hash_at(shop, APPLIED, hashes[1]);
    assert_string_equal(hashes[0], hashes[1]);
    return was_struck;
}

static void test_a_batch_is_applied_whole_or_not_at_all_and_again_without_loss(
    void **state)
{
    (void)state;
    for_every_allocation("apply", apply);
}

/* -- checkpoints ---------------------------------------------------------------------------- */

enum { KEPT = 192, NEWEST = 200 };

/* Two durable generations. */
static void write_two(small_shop *shop)
{
    shop_apply_until(shop, shop->shard, KEPT);
    shop_checkpoint(shop);
    shop_apply_until(shop, shop->shard, NEWEST);
    shop_checkpoint(shop);
}

static void assert_restores(small_shop *shop, int64_t offset)
{
    mr_shard *shard = NULL;
    mr_checkpoint_info info;
    char hashes[2][MR_SHA256_HEX_BYTES];
    assert_ok(mr_checkpoint_restore(shop->store, SHOP_PARTITION, shop->plan, &shop->key,
                                    0, &shard, &info, NULL));
    assert_int_equal(mr_shard_next_offset(shard), offset);
    assert_int_equal(info.skipped, 0);
    shop_hash(shard, hashes[0]);
    shop_hash_at(shop, offset, hashes[1]);
    assert_string_equal(hashes[0], hashes[1]);
    mr_shard_destroy(shard);
}

/* The second is a delta on the first; what comes after a failure is a base. */
static bool checkpoint(small_shop *shop, uint64_t n, bool all_that_follow)
{
    shop_apply_until(shop, shop->shard, KEPT);
    shop_checkpoint(shop);
    shop_apply_until(shop, shop->shard, NEWEST);
    arm(n, all_that_follow);
    const mr_status status = shop_try_checkpoint(shop);
    const bool was_struck = disarm();
    assert_out_of_memory_or_ok(status, was_struck);
    assert_restores(shop, status == MR_OK ? NEWEST : KEPT);
    shop_apply_until(shop, shop->shard, NEWEST + 8);
    shop_checkpoint(shop);
    assert_restores(shop, NEWEST + 8);
    return was_struck;
}

static void test_a_checkpoint_is_written_whole_or_does_not_exist(void **state)
{
    (void)state;
    for_every_allocation("checkpoint", checkpoint);
}

/* An older generation is no answer to a lack of memory. */
static bool restore(small_shop *shop, uint64_t n, bool all_that_follow)
{
    write_two(shop);
    mr_shard *shard = NULL;
    mr_checkpoint_info info;
    arm(n, all_that_follow);
    const mr_status status = mr_checkpoint_restore(
        shop->store, SHOP_PARTITION, shop->plan, &shop->key, 0, &shard, &info, NULL);
    const bool was_struck = disarm();
    if (status == MR_OK) {
        if (info.skipped != 0)
            fail_msg("at allocation %llu an older generation was taken: %s",
                     (unsigned long long)n, info.message);
        assert_int_equal(mr_shard_next_offset(shard), NEWEST);
        mr_shard_destroy(shard);
    } else if (status != MR_ERR_UNAVAILABLE) { /* a file that cannot be mapped */
        assert_out_of_memory_or_ok(status, was_struck);
    }
    assert_true(was_struck || status == MR_OK);
    assert_restores(shop, NEWEST);
    return was_struck;
}

static void test_a_restore_without_memory_is_refused_and_never_falls_back(void **state)
{
    (void)state;
    for_every_allocation("restore", restore);
}

static bool look(small_shop *shop, uint64_t n, bool all_that_follow)
{
    write_two(shop);
    mr_checkpoint_info infos[8];
    size_t count = 0;
    int64_t oldest = 0;
    uint64_t epoch = 0;
    arm(n, all_that_follow);
    mr_status status =
        mr_checkpoint_list(shop->store, SHOP_PARTITION, infos, 8, &count, NULL);
    if (status == MR_OK)
        status = mr_checkpoint_oldest_offset(shop->store, SHOP_PARTITION, &oldest, NULL);
    if (status == MR_OK)
        status = mr_checkpoint_take_epoch(shop->store, SHOP_PARTITION, 0, &epoch, NULL);
    const bool was_struck = disarm();
    if (status != MR_OK)
        assert_true(was_struck);
    assert_restores(shop, NEWEST);
    return was_struck;
}

static void test_looking_at_checkpoints_without_memory_harms_nothing(void **state)
{
    (void)state;
    for_every_allocation("look", look);
}

static bool dump(small_shop *shop, uint64_t n, bool all_that_follow)
{
    shop_apply_until(shop, shop->shard, KEPT);
    const mr_shard *shard = shop->shard;
    char hashes[2][MR_SHA256_HEX_BYTES] = {"", ""};
    arm(n, all_that_follow);
    const mr_status status =
        mr_canonical_hash(&shard, 1, MR_TIME_NONE, MR_DUMP_ALL, hashes[0]);
    const bool was_struck = disarm();
    assert_out_of_memory_or_ok(status, was_struck);
    shop_hash(shard, hashes[1]);
    if (status == MR_OK)
        assert_string_equal(hashes[0], hashes[1]);
    return was_struck;
}

static void test_a_dump_without_memory_is_refused_and_never_another_one(void **state)
{
    (void)state;
    for_every_allocation("dump", dump);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_a_batch_is_applied_whole_or_not_at_all_and_again_without_loss),
        cmocka_unit_test(test_a_checkpoint_is_written_whole_or_does_not_exist),
        cmocka_unit_test(test_a_restore_without_memory_is_refused_and_never_falls_back),
        cmocka_unit_test(test_looking_at_checkpoints_without_memory_harms_nothing),
        cmocka_unit_test(test_a_dump_without_memory_is_refused_and_never_another_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
