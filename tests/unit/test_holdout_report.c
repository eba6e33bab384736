/*
 * Hold-out report: with a catalogue shorter than a list every list is the whole of what may be
 * shown, so that recall is known exactly from the events; and nothing after the cut is learnt.
 */
#include "app/holdout_report.h"
#include "core/file.h"
#include "models/blas.h"
#include "models/random.h"
#include "models/recommender_train.h"
#include "tests/feature_batch.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { USERS = 12, ITEMS = 15, NAME_BYTES = 8 };

#define CUT_MS (START_MS + 10 * DAY_MS)

_Static_assert((int)ITEMS <= (int)MR_HOLDOUT_REPORT_K, "a list holds the catalogue");

typedef struct fixture {
    mr_plan *plan;
    mr_shard *shard;
    mr_holdout_report *report;
    const mr_training_rows *rows;
    mr_recommender *recommender;
    char path[64];
    char users[USERS][NAME_BYTES];
    char items[ITEMS][NAME_BYTES];
} fixture;

/* The first nine items are sold before the cut, the last nine after it. */
static bool bought_before(uint32_t user, uint32_t item)
{
    return item < 9 && user > 0 && mr_random_uniform(1, user * ITEMS + item) < 0.5;
}

static bool bought_after(uint32_t user, uint32_t item)
{
    return item >= 6 && user % 3 != 2 && mr_random_uniform(2, user * ITEMS + item) < 0.5;
}

static void apply_purchase(fixture *f, uint32_t user, uint32_t item, int64_t time_ms)
{
    mr_event_batch batch = {0};
    test_batch_add(&batch, mr_shard_next_offset(f->shard),
                   test_purchase(f->users[user], f->items[item], time_ms, NULL, 100));
    assert_ok(mr_shard_apply(f->shard, &batch));
    assert_ok(mr_holdout_report_applied(f->report, f->shard, &batch));
    mr_event_batch_deinit(&batch);
}

static void apply_all(fixture *f, bool (*bought)(uint32_t, uint32_t), int64_t time_ms)
{
    for (uint32_t u = 0; u < USERS; u++)
        for (uint32_t i = 0; i < ITEMS; i++)
            if (bought(u, i))
                apply_purchase(f, u, i, time_ms + (int64_t)(u * ITEMS + i) * MINUTE_MS);
}

static void train(fixture *f)
{
    char path[128];
    mr_training_result result;
    mr_error error = {{0}};
    const mr_training_set set = {.interactions = mr_training_rows_view(f->rows),
                                 .item_ids = mr_training_rows_item_ids(f->rows),
                                 .data_to_ms = CUT_MS,
                                 .seed = 1,
                                 .threads = 1};
    (void)snprintf(f->path, sizeof(f->path), "/tmp/millrace-holdout-XXXXXX");
    assert_non_null(mkdtemp(f->path));
    assert_ok(mr_recommender_train(&set, f->path, &result, &error));
    (void)snprintf(path, sizeof(path), "%s/%s", f->path, result.version);
    assert_ok(mr_recommender_open(path, &f->recommender, &error));
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    mr_hash_key key;
    mr_hash_key_init(&key, "secret", 6);
    assert_non_null(mr_blas_start());
    assert_ok(mr_plan_create_default(&f->plan));
    f->shard = test_shard(f->plan, 0);
    assert_ok(mr_holdout_report_create(&key, CUT_MS, &f->report));
    for (uint32_t u = 0; u < USERS; u++)
        (void)snprintf(f->users[u], NAME_BYTES, "u%02u", u);
    for (uint32_t i = 0; i < ITEMS; i++)
        (void)snprintf(f->items[i], NAME_BYTES, "i%02u", i);
    mr_holdout_report_next_partition(f->report);
    apply_all(f, bought_before, START_MS);
    assert_ok(mr_holdout_report_cut(f->report, f->shard));
    apply_purchase(f, 2, 7, CUT_MS - 1); /* late: neither learnt nor to be found */
    apply_all(f, bought_after, CUT_MS);
    apply_all(f, bought_after, CUT_MS + DAY_MS); /* the same again is one purchase */
    assert_ok(mr_holdout_report_finish(f->report, &f->rows));
    train(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    mr_recommender_destroy(f->recommender);
    assert_ok(mr_directory_remove(f->path, NULL));
    mr_holdout_report_destroy(f->report);
    mr_shard_destroy(f->shard);
    mr_plan_destroy(f->plan);
    free(f);
    return 0;
}

static bool had_any(uint32_t user)
{
    for (uint32_t i = 0; i < ITEMS; i++)
        if (bought_before(user, i))
            return true;
    return false;
}

static bool sold_before(uint32_t item)
{
    for (uint32_t u = 0; u < USERS; u++)
        if (bought_before(u, item))
            return true;
    return false;
}

static void test_learns_nothing_of_what_came_after_the_cut(void **state)
{
    const fixture *f = *state;
    const mr_training_counts counts = mr_training_rows_counts(f->rows);
    uint64_t entries = 0;
    uint32_t users = 0;
    uint32_t items = 0;
    for (uint32_t u = 0; u < USERS; u++) {
        users += had_any(u);
        for (uint32_t i = 0; i < ITEMS; i++)
            entries += bought_before(u, i);
    }
    for (uint32_t i = 0; i < ITEMS; i++)
        items += sold_before(i);
    assert_int_equal(counts.entries, entries);
    assert_int_equal(counts.users, users);
    assert_int_equal(counts.items, items);
    assert_true(counts.to_s < CUT_MS / 1000);
}

/* What may be shown is what was sold before and, without repeats, is new to the customer. */
typedef struct expected {
    uint64_t customers;
    uint64_t purchases;
    uint64_t repeats;
    double recall_own; /* a list of the customer's own items */
    double recall_new; /* over all purchases, repeats never shown */
    double recall_fresh;
    uint64_t fresh_customers;
} expected;

static expected by_definition(void)
{
    expected e = {0};
    for (uint32_t u = 0; u < USERS; u++) {
        uint32_t truth = 0;
        uint32_t repeats = 0;
        uint32_t shown = 0;
        for (uint32_t i = 0; i < ITEMS; i++) {
            truth += bought_after(u, i);
            repeats += bought_after(u, i) && bought_before(u, i);
            shown += bought_after(u, i) && !bought_before(u, i) && sold_before(i);
        }
        if (truth == 0 || !had_any(u))
            continue;
        e.customers++;
        e.purchases += truth;
        e.repeats += repeats;
        e.recall_own += (double)repeats / truth;
        e.recall_new += (double)shown / truth;
        e.fresh_customers += truth > repeats;
        e.recall_fresh += truth > repeats ? (double)shown / (truth - repeats) : 0.0;
    }
    return e;
}

static void test_figures_are_those_of_the_definition(void **state)
{
    const fixture *f = *state;
    const expected e = by_definition();
    mr_holdout_figures figures;
    assert_ok(mr_holdout_report_measure(f->report, f->recommender, &figures));
    assert_int_equal(mr_holdout_report_users(f->report), e.customers);
    assert_int_equal(figures.customers, e.customers);
    assert_int_equal(figures.purchases, e.purchases);
    assert_true(e.repeats > 0);
    assert_close(figures.repeat_share, (double)e.repeats / (double)e.purchases, 1e-12);
    assert_false(figures.repeats_allowed); /* too few to choose on: the default */
    const double recall = e.recall_new / (double)e.customers;
    assert_close(figures.all.personal.recall, recall, 1e-12);
    assert_close(figures.all.popular.recall, recall, 1e-12);
    assert_close(figures.all.own.recall, e.recall_own / (double)e.customers, 1e-12);
    const double fresh = e.recall_fresh / (double)e.fresh_customers;
    assert_int_equal(figures.fresh.personal.users, e.fresh_customers);
    assert_close(figures.fresh.personal.recall, fresh, 1e-12);
    assert_close(figures.fresh.popular.recall, fresh, 1e-12);
}

static void test_a_partition_without_a_cut_yet_gives_no_purchases(void **state)
{
    (void)state;
    mr_hash_key key;
    mr_plan *plan = NULL;
    mr_holdout_report *report = NULL;
    const mr_training_rows *rows = NULL;
    mr_hash_key_init(&key, "secret", 6);
    assert_ok(mr_plan_create_default(&plan));
    assert_ok(mr_holdout_report_create(&key, CUT_MS, &report));
    mr_shard *shard = test_shard(plan, 0);
    mr_event_batch batch = {0};
    mr_holdout_report_next_partition(report);
    test_batch_add(&batch, 0, test_purchase("ann", "tea", CUT_MS + DAY_MS, NULL, 100));
    assert_ok(mr_shard_apply(shard, &batch));
    assert_ok(mr_holdout_report_applied(report, shard, &batch));
    assert_ok(mr_holdout_report_finish(report, &rows));
    assert_int_equal(mr_holdout_report_users(report), 0);
    mr_event_batch_deinit(&batch);
    mr_shard_destroy(shard);
    mr_holdout_report_destroy(report);
    mr_plan_destroy(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_learns_nothing_of_what_came_after_the_cut,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_figures_are_those_of_the_definition, set_up,
                                        tear_down),
        cmocka_unit_test(test_a_partition_without_a_cut_yet_gives_no_purchases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
