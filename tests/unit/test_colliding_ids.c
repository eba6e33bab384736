/*
 * Method: a stranger who knows which hash we use, and not the deployment's secret, chooses ids that
 * fall together under it: 100,000 whose unkeyed hashes share their lowest twelve bits.  As user
 * ids, item ids, order ids and event ids they must cost no more than twice what ids chosen by
 * nobody do, the best of several rounds of each.
 */
#include "tests/feature_batch.h"

#include "core/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IDS = 100000, ID_BYTES = 16, BATCH = 1000, ROUNDS = 5, USERS_A_ROUND = 500 };
#define LOW_BITS UINT64_C(0xfff)

typedef struct id {
    char text[ID_BYTES + 1];
} id;
typedef void set_id(mr_event *event, mr_text text);

static id *chosen;   /* fall together */
static id *ordinary; /* do not        */
static mr_plan *plan;

static void make_ids(void)
{
    chosen = malloc(IDS * sizeof(*chosen));
    ordinary = malloc(IDS * sizeof(*ordinary));
    assert_non_null(chosen);
    assert_non_null(ordinary);
    uint64_t number = 0;
    for (size_t count = 0; count < IDS; number++) {
        static const char digits[] = "0123456789abcdef";
        char text[ID_BYTES + 1];
        for (int i = 0; i < ID_BYTES; i++)
            text[i] = digits[(number >> (4 * i)) & 15];
        text[ID_BYTES] = '\0';
        if ((mr_hash_bytes(text, ID_BYTES) & LOW_BITS) == 0)
            memcpy(chosen[count++].text, text, sizeof(text));
    }
    for (uint64_t i = 0; i < IDS; i++)
        (void)snprintf(ordinary[i].text, sizeof(ordinary[i].text), "%016" PRIx64,
                       i * UINT64_C(0x9e3779b97f4a7c15));
}

static mr_text text_of(const id *ids, size_t i)
{
    return (mr_text){ids[i].text, ID_BYTES};
}

static void set_user(mr_event *event, mr_text text)
{
    event->user_id = text;
}

static void set_item(mr_event *event, mr_text text)
{
    event->item_id = text;
}

static void set_order(mr_event *event, mr_text text)
{
    event->type = MR_EVENT_PURCHASE;
    event->order_id = text;
}

static void set_event_id(mr_event *event, mr_text text)
{
    event->event_id = text;
}

/* Events with these ids in the field that `set` sets, applied to a fresh shard: ns. */
static int64_t time_of(const id *ids, set_id *set)
{
    static char users[USERS_A_ROUND][8];
    mr_shard *shard = test_shard(plan, 0);
    mr_event_batch batch = {0};
    int64_t ns = 0;
    for (size_t first = 0; first < IDS; first += BATCH) {
        batch.record_count = batch.event_count = 0;
        for (size_t i = first; i < first + BATCH; i++) {
            char *user = users[i % USERS_A_ROUND];
            (void)snprintf(user, sizeof(users[0]), "u%zu", i % USERS_A_ROUND);
            mr_event event =
                test_event(MR_EVENT_VIEW, user, "tea", START_MS + (int64_t)i);
            set(&event, text_of(ids, i));
            test_batch_add(&batch, (int64_t)i, event);
        }
        const int64_t start = mr_clock_monotonic_ns(mr_clock_system());
        assert_ok(mr_shard_apply(shard, &batch));
        ns += mr_clock_monotonic_ns(mr_clock_system()) - start;
    }
    mr_shard_counters counters;
    mr_shard_counters_get(shard, &counters);
    assert_int_equal(counters.applied, IDS); /* none was taken for another */
    mr_event_batch_deinit(&batch);
    mr_shard_destroy(shard);
    return ns;
}

static void compare(const char *what, set_id *set)
{
    int64_t best[2] = {INT64_MAX, INT64_MAX};
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < 2; i++) {
            const int64_t ns = time_of(i == 0 ? ordinary : chosen, set);
            best[i] = ns < best[i] ? ns : best[i];
        }
    }
    const double ratio = (double)best[1] / (double)best[0];
    print_message("%s: %.0f ns each, chosen to collide %.0f, ratio %.2f\n", what,
                  (double)best[0] / IDS, (double)best[1] / IDS, ratio);
    assert_true(ratio <= 2.0);
}

static void test_the_chosen_ids_do_fall_together(void **state)
{
    (void)state;
    size_t together = 0;
    for (size_t i = 0; i < IDS; i++) {
        assert_int_equal(mr_hash_bytes(chosen[i].text, ID_BYTES) & LOW_BITS, 0);
        together += (mr_hash_bytes(ordinary[i].text, ID_BYTES) & LOW_BITS) == 0;
    }
    assert_true(together < 10 * IDS / (LOW_BITS + 1));
}

static void test_users_chosen_to_collide_cost_no_more(void **state)
{
    (void)state;
    compare("user ids", set_user);
}

static void test_items_chosen_to_collide_cost_no_more(void **state)
{
    (void)state;
    compare("item ids", set_item);
}

static void test_orders_chosen_to_collide_cost_no_more(void **state)
{
    (void)state;
    compare("order ids", set_order);
}

static void test_event_ids_chosen_to_collide_cost_no_more(void **state)
{
    (void)state;
    compare("event ids", set_event_id);
}

int main(void)
{
    assert_ok(mr_plan_create_default(&plan));
    make_ids();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_chosen_ids_do_fall_together),
        cmocka_unit_test(test_users_chosen_to_collide_cost_no_more),
        cmocka_unit_test(test_items_chosen_to_collide_cost_no_more),
        cmocka_unit_test(test_orders_chosen_to_collide_cost_no_more),
        cmocka_unit_test(test_event_ids_chosen_to_collide_cost_no_more),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(chosen);
    free(ordinary);
    mr_plan_destroy(plan);
    return failed;
}
