/*
 * Crash states: every disk that a power loss during a checkpoint can leave behind.
 *
 * At each call of the disk the world stops, the disk is copied, and the copy crashes in every
 * way there is: which of the undecided names and pages are there, and where a page is torn.  The
 * ways are counted like the digits of a number, one digit a question of the crash; where there
 * are too many, the rest is drawn.  Each copy must restore to the old state or to the new one,
 * and once mr_checkpoint_write() has said MR_OK, to the new one alone.
 */
#include "features/canonical_dump.h"
#include "features/checkpoint.h"
#include "features/checkpoint_cut.h"
#include "tests/feature_batch.h"
#include "tests/rounds.h"
#include "tests/simulation/fake_calls.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    QUESTIONS_MAX = 256,
    UNDECIDED_EXHAUSTIVE_MAX = 12,
    STATES_A_CALL_MAX = 6000, /* enumerated */
    STATES_DRAWN = 1500,      /* where there are more */
    USERS = 190,              /* three pages of checkpoint */
    EPOCH_S = 100,
    SLICE_ENTRIES = 1000,
};

typedef struct fixture {
    fake_disk *disk;
    fake_calls calls;
    uint64_t random_state;
    mr_plan *plan;
    mr_hash_key key;
    mr_checkpoint_store *store;
    char hash[2][MR_SHA256_HEX_BYTES]; /* of the old and of the new state */
    bool is_watching;
    bool is_done;
    bool is_loose;
    sim_random random;
    uint64_t calls_seen;
    uint64_t states;
    uint64_t states_of[2]; /* that restored the old, the new */
    uint64_t drawn_calls;
} fixture;

/* -- all answers to a crash's questions, one after the other ---------------------------------- */

typedef struct odometer {
    uint32_t digit[QUESTIONS_MAX];
    uint32_t bound[QUESTIONS_MAX];
    size_t count;       /* questions asked this time */
    bool is_torn;       /* pages are asked for their tears too */
    sim_random *random; /* draw instead */
} odometer;

static uint32_t answer(void *context, fake_disk_question question, uint32_t bound)
{
    odometer *o = context;
    if (question == FAKE_DISK_ASK_BYTES && !o->is_torn)
        bound = 2;
    if (o->random != NULL)
        return sim_random_below(o->random, bound);
    assert_true(o->count < QUESTIONS_MAX);
    o->bound[o->count] = bound;
    return o->digit[o->count++];
}

/* The next answers; false when there are none. */
static bool advance(odometer *o)
{
    size_t last = o->count;
    while (last > 0 && o->digit[last - 1] + 1 == o->bound[last - 1])
        last--;
    if (last == 0)
        return false;
    o->digit[last - 1]++;
    memset(&o->digit[last], 0, (QUESTIONS_MAX - last) * sizeof(o->digit[0]));
    o->count = 0;
    return true;
}

static void hash_shard(const mr_shard *shard, char ret_hash[MR_SHA256_HEX_BYTES])
{
    assert_ok(mr_canonical_hash(&shard, 1, MR_TIME_NONE, MR_DUMP_ALL, ret_hash));
}

static void check_state(fixture *f, odometer *o)
{
    fake_disk *copy = fake_disk_clone(f->disk);
    fake_disk_crash(copy, f->is_loose, answer, o);
    fake_disk *live = f->calls.disk;
    f->calls.disk = copy;
    mr_shard *shard = NULL;
    mr_checkpoint_info info;
    mr_error error = {{0}};
    const mr_status status =
        mr_checkpoint_restore(f->store, 0, f->plan, &f->key, 0, &shard, &info, &error);
    if (status != MR_OK)
        fail_msg("call %" PRIu64 ", state %" PRIu64 ": %s", f->calls_seen, f->states,
                 error.message);
    char hash[MR_SHA256_HEX_BYTES];
    hash_shard(shard, hash);
    const bool is_new = strcmp(hash, f->hash[1]) == 0;
    if (!is_new)
        assert_string_equal(hash, f->hash[0]);
    if (f->is_done)
        assert_true(is_new);
    assert_int_equal(info.skipped, 0); /* whatever is named is whole */
    f->states++;
    f->states_of[is_new]++;
    mr_shard_destroy(shard);
    f->calls.disk = live;
    fake_disk_destroy(copy);
}

/* All subsets, then all tears; too many are drawn. */
static void check_all(fixture *f)
{
    f->is_watching = false; /* what the check itself calls is not of interest */
    f->calls_seen++;
    bool is_drawn = fake_disk_undecided(f->disk) > UNDECIDED_EXHAUSTIVE_MAX;
    for (int torn = 0; torn < 2 && !is_drawn; torn++) {
        odometer o = {.is_torn = torn == 1};
        uint64_t states = 0;
        do {
            check_state(f, &o);
            is_drawn = ++states == STATES_A_CALL_MAX / (uint64_t)test_step();
        } while (!is_drawn && advance(&o));
    }
    odometer drawn = {.is_torn = true, .random = &f->random};
    for (int i = 0; is_drawn && i < STATES_DRAWN; i += test_step())
        check_state(f, &drawn);
    f->drawn_calls += is_drawn;
    f->is_watching = true;
}

static void before_call(void *context, const char *call, const char *path)
{
    fixture *f = context;
    (void)call;
    (void)path;
    if (f->is_watching)
        check_all(f);
}

/* -- a partition with two generations of three on the disk -------------------------------------- */

static void sync_root(fixture *f)
{
    const int root = fake_disk_open(f->disk, "/", 0);
    assert_int_equal(fake_disk_sync(f->disk, root), 0);
    assert_int_equal(fake_disk_close(f->disk, root), 0);
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->disk = fake_disk_create(1);
    f->random.state = 2;
    f->calls = (fake_calls){.disk = f->disk,
                            .random_state = &f->random_state,
                            .before = before_call,
                            .context = f};
    assert_int_equal(fake_disk_mkdir(f->disk, FAKE_ROOT), 0);
    sync_root(f);
    fake_calls_install(&f->calls);
    mr_hash_key_init(&f->key, "secret", 6);
    assert_ok(mr_plan_create_default(&f->plan));
    assert_ok(mr_checkpoint_store_open(FAKE_ROOT "/state", "events", 2, &f->store, NULL));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    mr_checkpoint_store_close(f->store);
    mr_plan_destroy(f->plan);
    fake_calls_install(NULL);
    fake_disk_destroy(f->disk);
    free(f);
    return 0;
}

/* As an owner does it: a cut, whole, and what became of it told.  `then_delta` false: as if it
 * had not become durable, so that the next one is a base. */
static void write_generation(fixture *f, mr_shard *shard, uint64_t epoch,
                             uint64_t generation, bool then_delta)
{
    mr_buffer buffer = {0};
    mr_checkpoint_cut_begin(shard, epoch, generation, &buffer);
    while (!mr_checkpoint_cut_step(shard, SLICE_ENTRIES)) {
    }
    assert_ok(mr_checkpoint_write(f->store, 0, epoch, generation, &buffer, NULL));
    mr_checkpoint_cut_settle(shard, then_delta);
    mr_buffer_deinit(&buffer);
}

static void buy(mr_shard *shard, uint32_t users, const char *item)
{
    for (uint32_t i = 0; i < users; i++) {
        char name[16];
        char order[16];
        /* Scattered, so that they do not compress to nothing. */
        const uint64_t number = mr_hash_bytes(&i, sizeof(i));
        (void)snprintf(name, sizeof(name), "%08" PRIx64, number >> 32);
        (void)snprintf(order, sizeof(order), "%08" PRIx64, number & UINT32_MAX);
        test_apply(shard, test_purchase(name, item, START_MS + (int64_t)(number % DAY_MS),
                                        order, (int64_t)(number % 10000)));
    }
}

/* Three generations, then `users` change, and the fourth is watched. */
static void watch_a_write(fixture *f, uint32_t users, bool is_base, bool is_loose)
{
    mr_shard *shard = NULL;
    const mr_shard_options options = {
        .plan = f->plan, .hash_key = &f->key, .topic = "events"};
    assert_ok(mr_shard_create(&options, &shard));
    uint64_t epoch;
    assert_ok(mr_checkpoint_take_epoch(f->store, 0, EPOCH_S, &epoch, NULL));
    for (uint64_t generation = 1; generation <= 3; generation++) {
        buy(shard, USERS, "tea");
        write_generation(f, shard, epoch, generation, !is_base);
    }
    hash_shard(shard, f->hash[0]);
    buy(shard, users, "cup");
    hash_shard(shard, f->hash[1]);
    f->is_loose = is_loose;
    f->is_watching = true;
    write_generation(f, shard, epoch, 4, true);
    f->is_done = true;
    check_all(f);
    f->is_watching = false;
    assert_int_equal(mr_checkpoint_cut_is_base(shard), is_base);
    mr_shard_destroy(shard);
    print_message("crash states: %" PRIu64 " at %" PRIu64 " calls (%" PRIu64
                  " of them drawn): %" PRIu64 " old, %" PRIu64 " new, 0 bad\n",
                  f->states, f->calls_seen, f->drawn_calls, f->states_of[0],
                  f->states_of[1]);
    assert_in_range(f->states_of[0], 200, UINT32_MAX);
    assert_in_range(f->states_of[1], 20, UINT32_MAX);
}

static void test_every_crash_of_a_base_leaves_the_old_state_or_the_new(void **state)
{
    watch_a_write(*state, USERS / 2, true, false);
}

static void test_every_crash_of_a_delta_leaves_the_old_state_or_the_new(void **state)
{
    watch_a_write(*state, USERS / 2, false, false);
}

static void test_a_base_where_names_reach_the_disk_in_any_order(void **state)
{
    watch_a_write(*state, USERS / 2, true, true);
}

static void test_a_delta_where_names_reach_the_disk_in_any_order(void **state)
{
    watch_a_write(*state, USERS / 2, false, true);
}

/* -- directories ---------------------------------------------------------------------------------- */

static uint32_t lose_all(void *context, fake_disk_question question, uint32_t bound)
{
    (void)context;
    (void)question;
    (void)bound;
    return 0;
}

static void test_directories_made_at_the_start_survive_a_power_loss(void **state)
{
    fixture *f = *state;
    mr_shard *shard = NULL;
    const mr_shard_options options = {
        .plan = f->plan, .hash_key = &f->key, .topic = "events"};
    assert_ok(mr_shard_create(&options, &shard));
    uint64_t epoch;
    assert_ok(mr_checkpoint_take_epoch(f->store, 0, EPOCH_S, &epoch, NULL));
    write_generation(f, shard, epoch, 1, true);
    mr_shard_destroy(shard);
    fake_disk_crash(f->disk, false, lose_all, NULL);
    mr_checkpoint_info info;
    assert_ok(
        mr_checkpoint_restore(f->store, 0, f->plan, &f->key, 0, &shard, &info, NULL));
    mr_shard_destroy(shard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_every_crash_of_a_base_leaves_the_old_state_or_the_new, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(
            test_every_crash_of_a_delta_leaves_the_old_state_or_the_new, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(
            test_a_base_where_names_reach_the_disk_in_any_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_a_delta_where_names_reach_the_disk_in_any_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_directories_made_at_the_start_survive_a_power_loss, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
