/*
 * Hours of the day, in bytes and in the block that takes over.
 *
 * One hour is driven past every bound of its fields while a neighbour stays where it was; what a
 * reader sees must be the plain count, and a state carried through a checkpoint, or to another
 * profile, must say the same.  Blocks that are not used any more are free again.
 */
#include "features/aggregate.h"
#include "features/checkpoint.h"
#include "features/checkpoint_decode.h"
#include "features/shard_private.h"
#include "tests/link_support.h"

#include <string.h>

static const mr_operation *hours_of(const mr_plan *plan)
{
    return mr_plan_operation_named(plan, "hours");
}

typedef struct counts {
    int64_t of[24];
} counts;

static void take(void *context, const mr_feature *feature, const mr_value *values,
                 size_t row_count)
{
    counts *taken = context;
    if (strcmp(feature->name, "hours") != 0)
        return;
    for (size_t i = 0; i < row_count; i++)
        taken->of[values[2 * i].number] = values[2 * i + 1].number;
}

static counts read_hours(const mr_shard *shard, const char *user)
{
    counts taken = {{0}};
    const uint32_t row = mr_shard_find(shard, mr_text_from(user));
    assert_int_not_equal(row, MR_ROW_NONE);
    mr_shard_profile_visit(shard, row, START_MS, take, &taken);
    return taken;
}

static bool is_wide(const mr_shard *shard, const char *user)
{
    return mr_hours_has_spilled(
        mr_shard_row(shard, mr_shard_find(shard, mr_text_from(user))),
        hours_of(mr_shard_plan(shard)));
}

static int64_t at_hour(int hour)
{
    return START_MS / DAY_MS * DAY_MS + hour * HOUR_MS;
}

static void views(mr_shard *shard, const char *user, const char *visitor, int hour,
                  int count)
{
    for (int i = 0; i < count; i++)
        view(shard, user, visitor, at_hour(hour));
}

static mr_shard *restored_of(mr_shard *shard)
{
    mr_hash_key key;
    mr_buffer encoded = {0};
    mr_buffer sealed = {0};
    mr_shard *restored = NULL;
    mr_checkpoint_info info;
    mr_hash_key_init(&key, "another", 7);
    assert_ok(mr_checkpoint_encode(shard, 1, 1, &encoded));
    assert_ok(mr_checkpoint_seal(&encoded, &sealed));
    assert_ok(mr_checkpoint_decode(sealed.bytes, sealed.length, mr_shard_plan(shard),
                                   &key, 0, &restored, &info, NULL));
    mr_buffer_deinit(&encoded);
    mr_buffer_deinit(&sealed);
    return restored;
}

/* Through a checkpoint: the same bytes again. */
static void check_restored(mr_shard *shard)
{
    mr_shard *restored = restored_of(shard);
    mr_shard_check(restored);
    char *before = dump_of(shard, MR_DUMP_ALL);
    char *after = dump_of(restored, MR_DUMP_ALL);
    assert_string_equal(before, after);
    free(before);
    free(after);
    mr_shard_destroy(restored);
}

static void test_a_count_goes_on_past_a_byte_and_ends_at_16_bits(void **state)
{
    link_fixture *f = *state;
    static const int steps[] = {253, 254, 255, 256, 257, 65534, 65535, 65536, 65600};
    int done = 0;
    views(f->shard, "u", "", 0, 7);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        views(f->shard, "u", "", 23, steps[i] - done);
        done = steps[i];
        const counts read = read_hours(f->shard, "u");
        assert_int_equal(read.of[23], done < UINT16_MAX ? done : UINT16_MAX);
        assert_int_equal(read.of[0], 7);
        assert_int_equal(read.of[1], 0);
        assert_int_equal(is_wide(f->shard, "u"), done > MR_HOURS_NARROW_MAX);
        check_restored(f->shard);
    }
}

/* The first hour's byte is also the mark. */
static void test_the_first_hour_is_not_taken_for_the_mark(void **state)
{
    link_fixture *f = *state;
    for (int count = 1; count <= 258; count++) {
        views(f->shard, "u", "", 0, 1);
        assert_int_equal(read_hours(f->shard, "u").of[0], count);
    }
    assert_true(is_wide(f->shard, "u"));
    check_restored(f->shard);
}

static void merge_of(link_fixture *f, int user_count, int visitor_count)
{
    char user[16];
    (void)snprintf(user, sizeof(user), "u%d-%d", user_count, visitor_count);
    views(f->shard, user, "", 5, user_count);
    views(f->shard, "", "v", 5, visitor_count);
    views(f->shard, "", "v", 6, 3);
    const size_t before = f->shard->pool.used_bytes;
    const mr_link answer = answer_of(f->shard, "v", user);
    assert_true(f->shard->pool.used_bytes >= before); /* waiting, nothing is lost */
    test_apply_link(f->shard, &answer);
    mr_shard_links_acknowledge(f->shard, UINT64_MAX);
    const counts read = read_hours(f->shard, user);
    const int sum = user_count + visitor_count;
    assert_int_equal(read.of[5], sum);
    assert_int_equal(read.of[6], 3);
    assert_int_equal(is_wide(f->shard, user), sum > MR_HOURS_NARROW_MAX);
    check_restored(f->shard);
    drop_link(&answer);
}

static void test_narrow_and_wide_ones_are_joined(void **state)
{
    link_fixture *f = *state;
    merge_of(f, 100, 100);
    merge_of(f, 200, 54);
    merge_of(f, 200, 55);
    merge_of(f, 300, 1);
    merge_of(f, 1, 300);
    merge_of(f, 300, 400);
}

static void test_a_profile_let_go_leaves_no_block(void **state)
{
    link_fixture *f = *state;
    views(f->shard, "", "v", 5, 2);
    views(f->shard, "u", "", 5, 1);
    const mr_row row =
        mr_shard_row(f->shard, mr_shard_find_anonymous(f->shard, mr_text_from("v")));
    const mr_operation *hours = hours_of(f->plan);
    const size_t before = f->shard->pool.used_bytes;
    mr_hours *kept = mr_row_at(row, hours->number_offset);
    assert_ok(mr_block_pool_reserve(&f->shard->pool, f->plan->growth_bytes));
    mr_event event = test_event(MR_EVENT_CLICK, "", "", at_hour(5));
    mr_applying applying = {.plan = f->plan,
                            .pool = &f->shard->pool,
                            .row = &row,
                            .event = &event,
                            .effect.local_ms = event.time_ms};
    const mr_step step = {.number_offset = hours->number_offset};
    for (int i = 0; i < 300; i++)
        mr_hours_apply(&applying, &step);
    assert_true(mr_hours_has_spilled(row, hours));
    assert_int_equal(f->shard->pool.used_bytes,
                     before + mr_block_class_bytes(mr_block_class_of(48)));
    mr_hours_free_spill(&f->shard->pool, row, hours);
    assert_int_equal(f->shard->pool.used_bytes, before);
    for (size_t i = 0; i < sizeof(*kept); i++)
        assert_int_equal(kept->counts[i], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_a_count_goes_on_past_a_byte_and_ends_at_16_bits),
        TEST(test_the_first_hour_is_not_taken_for_the_mark),
        TEST(test_narrow_and_wide_ones_are_joined),
        TEST(test_a_profile_let_go_leaves_no_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
