/*
 * Plan migration: a state made with one plan goes on under another.
 *
 * The default plan is the one before; the others are made of it by leaving out, adding and changing
 * features.  A migrated shard is compared with the one it came from feature by feature, and with
 * one that had the new plan from the start where both must agree.
 */
#include "core/file.h"
#include "features/canonical_dump.h"
#include "features/checkpoint.h"
#include "features/checkpoint_cut.h"
#include "features/shard_private.h"
#include "tests/feature_batch.h"

#include <stdio.h>
#include <string.h>

enum { PARTITION = 3 };

typedef struct fixture {
    mr_plan *plan;
    mr_hash_key key;
    mr_shard *shard;
    mr_checkpoint_store *store;
    char root[64];
    mr_buffer encoded;
    uint64_t generation;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    assert_ok(mr_plan_create_default(&f->plan));
    mr_hash_key_init(&f->key, "secret", 6);
    f->shard = test_shard(f->plan, PARTITION);
    (void)snprintf(f->root, sizeof(f->root), "/tmp/millrace-migration-XXXXXX");
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

static void apply_some(mr_shard *shard, int users, int day)
{
    char user[16];
    for (int i = 0; i < users; i++) {
        (void)snprintf(user, sizeof(user), "user%d", i);
        const int64_t at_ms = START_MS + day * DAY_MS + i * MINUTE_MS;
        test_apply(shard, test_event(MR_EVENT_VIEW, user, "item-a", at_ms));
        test_apply(shard, test_event(MR_EVENT_LOGIN, user, "", at_ms + 1));
        test_apply(shard, test_purchase(user, "item-b", at_ms + 1000, "o1", 1250 + i));
        test_apply(shard, test_event(MR_EVENT_CART_ADD, user, "item-c", at_ms - DAY_MS));
    }
}

/* The default plan's specifications, but for `without`, and `more` behind them. */
static mr_plan *plan_like(const mr_plan *plan, const char *without,
                          const mr_feature_spec *more)
{
    mr_feature_spec specs[MR_PLAN_FEATURES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < plan->operation_count; i++) {
        if (strcmp(plan->operations[i].spec.name, without) != 0)
            specs[count++] = plan->operations[i].spec;
    }
    if (more != NULL)
        specs[count++] = *more;
    mr_plan *made = NULL;
    assert_ok(mr_plan_compile(&plan->settings, specs, count, NULL, 0, &made, NULL));
    return made;
}

static const mr_feature_spec logins = {.name = "logins",
                                       .meaning = "Logins ever.",
                                       .unit = "events",
                                       .on = MR_ON(MR_EVENT_LOGIN),
                                       .aggregate = MR_AGGREGATE_COUNT};

static void save(fixture *f, const mr_shard *shard)
{
    f->generation++;
    assert_ok(mr_checkpoint_encode(shard, 5, f->generation, &f->encoded));
    assert_ok(
        mr_checkpoint_write(f->store, PARTITION, 5, f->generation, &f->encoded, NULL));
}

static mr_shard *load(const fixture *f, const mr_plan *plan)
{
    mr_shard *shard = NULL;
    mr_checkpoint_info info;
    mr_error error = {{0}};
    if (mr_checkpoint_restore(f->store, PARTITION, plan, &f->key, 0, &shard, &info,
                              &error) != MR_OK)
        fail_msg("restore: %s", error.message);
    mr_shard_check(shard);
    return shard;
}

static mr_status keep(void *context, mr_text lines)
{
    mr_buffer_put_text(context, lines);
    return MR_OK;
}

static void dump_of(const mr_shard *shard, mr_dump_kind kind, mr_buffer *text)
{
    mr_buffer_clear(text);
    assert_ok(mr_canonical_dump(&shard, 1, MR_TIME_NONE, kind, keep, text));
    mr_buffer_put_u8(text, 0);
}

/* Whether a line of the dump is about the feature, or says how the shard came about. */
static bool is_about(const char *line, const char *feature)
{
    const char *tab = strchr(line, '\t');
    const size_t length = strlen(feature);
    return tab != NULL && strncmp(tab + 1, feature, length) == 0 &&
           (tab[1 + length] == '\t' || tab[1 + length] == '\n');
}

static bool is_past(const char *line)
{
    return strncmp(line, "\\s\t3\tplan\t", 10) == 0 ||
           strncmp(line, "\\s\t3\tsince\t", 11) == 0;
}

/* Both dumps, each without the lines of one feature and of the past, are the same. */
static void assert_same_but(const mr_shard *a, const char *of_a, const mr_shard *b,
                            const char *of_b)
{
    mr_buffer texts[2] = {{0}, {0}};
    const char *const features[2] = {of_a, of_b};
    const mr_shard *const shards[2] = {a, b};
    mr_buffer kept[2] = {{0}, {0}};
    for (size_t i = 0; i < 2; i++) {
        dump_of(shards[i], MR_DUMP_ALL, &texts[i]);
        for (char *line = (char *)texts[i].bytes; *line != '\0';) {
            char *end = strchr(line, '\n') + 1;
            if (!is_about(line, features[i]) && !is_past(line))
                mr_buffer_put(&kept[i], line, (size_t)(end - line));
            line = end;
        }
        mr_buffer_put_u8(&kept[i], 0);
    }
    assert_string_equal((const char *)kept[0].bytes, (const char *)kept[1].bytes);
    for (size_t i = 0; i < 2; i++) {
        mr_buffer_deinit(&texts[i]);
        mr_buffer_deinit(&kept[i]);
    }
}

static bool dump_has(const mr_shard *shard, mr_dump_kind kind, const char *text)
{
    mr_buffer dump = {0};
    dump_of(shard, kind, &dump);
    const bool found = strstr((const char *)dump.bytes, text) != NULL;
    mr_buffer_deinit(&dump);
    return found;
}

static void test_a_plan_is_read_back_from_its_text(void **state)
{
    const fixture *f = *state;
    mr_plan *again = NULL;
    assert_ok(mr_plan_parse(mr_plan_canonical(f->plan), &again));
    assert_int_equal(mr_plan_hash(again), mr_plan_hash(f->plan));
    assert_int_equal(again->operation_count, f->plan->operation_count);
    assert_int_equal(again->body_bytes, f->plan->body_bytes);
    assert_int_equal(again->extra_bytes, f->plan->extra_bytes);
    assert_int_equal(again->growth_bytes, f->plan->growth_bytes);
    assert_int_equal(again->series_count, f->plan->series_count);
    for (size_t i = 0; i < again->operation_count; i++) {
        const mr_operation *a = &again->operations[i];
        const mr_operation *b = &f->plan->operations[i];
        assert_string_equal(a->spec.name, b->spec.name);
        assert_int_equal(a->number_offset, b->number_offset);
        assert_int_equal(a->list_offset, b->list_offset);
        assert_int_equal(a->spec.half_life_days, b->spec.half_life_days);
    }
    mr_plan_destroy(again);
}

static void test_a_text_that_is_no_plan_is_refused(void **state)
{
    const fixture *f = *state;
    const mr_text whole = mr_plan_canonical(f->plan);
    char *text = malloc(whole.length);
    assert_non_null(text);
    for (uint32_t at = 0; at < whole.length; at++) {
        memcpy(text, whole.bytes, whole.length);
        text[at] = '\x01';
        mr_plan *plan = NULL;
        if (mr_plan_parse((mr_text){text, whole.length}, &plan) == MR_OK)
            mr_plan_destroy(plan); /* another plan, with another hash */
        if (mr_plan_parse((mr_text){whole.bytes, at}, &plan) == MR_OK)
            mr_plan_destroy(plan);
    }
    mr_plan *plan = NULL;
    assert_int_equal(mr_plan_parse((mr_text){0}, &plan), MR_ERR_CORRUPT);
    assert_int_equal(mr_plan_parse(MR_TEXT("plan 1 \na on=1x"), &plan), MR_ERR_CORRUPT);
    assert_int_equal(mr_plan_parse(MR_TEXT("plan 1 \n"), &plan), MR_ERR_CORRUPT);
    free(text);
}

static void test_what_both_plans_have_keeps_its_values_and_a_new_feature_is_empty(
    void **state)
{
    fixture *f = *state;
    mr_plan *plan = plan_like(f->plan, "", &logins);
    uint64_t sequence;
    apply_some(f->shard, 30, 0);
    assert_ok(mr_shard_outbox_put(f->shard, MR_TEXT("id"), MR_TEXT("alert"), &sequence));
    mr_shard_set_churn(f->shard, 7, (mr_churn_mark){.permille = 321, .tier = 2});
    save(f, f->shard);
    mr_shard *migrated = load(f, plan);
    assert_same_but(f->shard, "logins", migrated, "logins");
    assert_true(dump_has(migrated, MR_DUMP_ALL, "user3\tlogins\t0\n"));
    assert_int_equal(mr_shard_outbox_count(migrated), 1);
    assert_int_equal(mr_shard_churn(migrated, 7).permille, 321);
    for (uint32_t row = 0; row < mr_shard_user_count(migrated); row++)
        assert_true(mr_text_equal(mr_shard_user_id(f->shard, row),
                                  mr_shard_user_id(migrated, row)));
    mr_shard_destroy(migrated);
    mr_plan_destroy(plan);
}

static void test_a_migrated_shard_goes_on_under_the_new_plan(void **state)
{
    fixture *f = *state;
    mr_plan *plan = plan_like(f->plan, "", &logins);
    apply_some(f->shard, 30, 0);
    save(f, f->shard);
    mr_shard *migrated = load(f, plan);
    apply_some(f->shard, 40, 20);
    apply_some(migrated, 40, 20);
    mr_shard_check(migrated);
    assert_same_but(f->shard, "logins", migrated, "logins");
    assert_true(dump_has(migrated, MR_DUMP_ALL, "user3\tlogins\t1\n"));
    mr_shard_destroy(migrated);
    mr_plan_destroy(plan);
}

static void test_since_and_the_former_plan_are_kept_and_in_the_state_hash(void **state)
{
    fixture *f = *state;
    mr_plan *plan = plan_like(f->plan, "", &logins);
    char text[128];
    int64_t offset = 0;
    int64_t time_ms = 0;
    apply_some(f->shard, 3, 0);
    save(f, f->shard);
    assert_false(dump_has(f->shard, MR_DUMP_ALL, "\\s\t3\tplan\t"));
    assert_int_equal(mr_shard_former_plans(f->shard), 0);

    mr_shard *migrated = load(f, plan);
    save(f, migrated);
    mr_shard_destroy(migrated);
    migrated = load(f, plan); /* no migration any more: it is in the file */
    const size_t feature = plan->operation_count - 1;
    assert_int_equal(mr_shard_former_plans(migrated), 1);
    assert_true(mr_shard_feature_since(migrated, feature, &offset, &time_ms));
    assert_int_equal(offset, 12);
    assert_int_equal(time_ms, mr_shard_newest_ms(f->shard));
    assert_false(mr_shard_feature_since(migrated, 0, &offset, &time_ms));
    (void)snprintf(text, sizeof(text), "\\s\t3\tplan\t%016llx\t12\n",
                   (unsigned long long)mr_plan_hash(f->plan));
    assert_true(dump_has(migrated, MR_DUMP_ALL, text));
    assert_false(dump_has(migrated, MR_DUMP_ORDER_FREE, text));
    (void)snprintf(text, sizeof(text), "\\s\t3\tsince\tlogins\t12\t%lld\n",
                   (long long)time_ms);
    assert_true(dump_has(migrated, MR_DUMP_ALL, text));
    mr_shard_destroy(migrated);
    mr_plan_destroy(plan);
}

static void test_a_removed_feature_is_dropped_and_comes_back_empty(void **state)
{
    fixture *f = *state;
    mr_plan *without = plan_like(f->plan, "purchase_times", NULL);
    apply_some(f->shard, 5, 0);
    save(f, f->shard);
    mr_shard *migrated = load(f, without);
    assert_same_but(f->shard, "purchase_times", migrated, "purchase_times");
    assert_false(dump_has(migrated, MR_DUMP_ALL, "purchase_times"));
    save(f, migrated);
    mr_shard_destroy(migrated);
    migrated = load(f, f->plan);
    assert_true(dump_has(migrated, MR_DUMP_ALL, "user3\tpurchase_times\n"));
    assert_int_equal(mr_shard_former_plans(migrated), 2);
    mr_shard_destroy(migrated);
    mr_plan_destroy(without);
}

static void test_a_longer_window_reads_the_days_that_are_there(void **state)
{
    fixture *f = *state;
    const mr_feature_spec longer = {.name = "views_30d",
                                    .meaning = "",
                                    .unit = "",
                                    .on = MR_ON(MR_EVENT_VIEW),
                                    .aggregate = MR_AGGREGATE_COUNT,
                                    .window_days = 30};
    mr_plan *plan = plan_like(f->plan, "", &longer);
    mr_plan *shorter = plan_like(plan, "views_30d", NULL);
    apply_some(f->shard, 4, 0);
    apply_some(f->shard, 4, 1);
    save(f, f->shard);
    mr_shard *migrated = load(f, plan);
    assert_true(dump_has(migrated, MR_DUMP_ALL, "user1\tviews_30d\t2\n"));
    apply_some(migrated, 4, 20);
    assert_true(dump_has(migrated, MR_DUMP_ALL, "user1\tviews_30d\t3\n"));
    save(f, migrated);
    mr_shard_destroy(migrated);
    migrated = load(f, shorter); /* days that no window reads are forgotten */
    assert_true(dump_has(migrated, MR_DUMP_ALL, "user1\tviews_7d\t1\n"));
    mr_shard_destroy(migrated);
    mr_plan_destroy(plan);
    mr_plan_destroy(shorter);
}

/* The visitor's profile waits to be sent, with a history that names items by number. */
static void ask_for_visitor(mr_shard *shard)
{
    static const mr_link request = {.anonymous_id = {.bytes = "visitor", .length = 7},
                                    .user_id = {.bytes = "elsewhere", .length = 9},
                                    .time_ms = START_MS,
                                    .sequence = 5,
                                    .source = 2};
    mr_event_batch batch = {.partition = PARTITION};
    test_batch_add_other(&batch, mr_shard_next_offset(shard), MR_RECORD_LINK, 0);
    batch.records[0].link = &request;
    assert_ok(mr_shard_apply(shard, &batch));
    mr_event_batch_deinit(&batch);
}

static void put_noted(const mr_shard *shard, mr_buffer *text)
{
    for (uint32_t row = 0; row < mr_shard_user_count(shard); row++)
        mr_links_encode_noted(shard, row, text);
    mr_links_encode(shard, text);
}

static void test_links_and_ids_move_to_the_new_plan(void **state)
{
    fixture *f = *state;
    mr_plan *plan = plan_like(f->plan, "", &logins);
    apply_some(f->shard, 10, 0);
    mr_event view = test_event(MR_EVENT_VIEW, "user1", "item-a", START_MS + HOUR_MS);
    view.anonymous_id = MR_TEXT("visitor");
    view.event_id = MR_TEXT("once");
    test_apply(f->shard, view);
    view.user_id = (mr_text){0};
    view.event_id = MR_TEXT("twice");
    test_apply(f->shard, view);
    ask_for_visitor(f->shard);
    assert_int_equal(mr_shard_links_waiting(f->shard), 2);
    save(f, f->shard);

    mr_shard *migrated = load(f, plan);
    mr_buffer noted[2] = {{0}, {0}};
    put_noted(f->shard, &noted[0]);
    put_noted(migrated, &noted[1]);
    assert_int_equal(noted[0].length, noted[1].length);
    assert_memory_equal(noted[0].bytes, noted[1].bytes, noted[0].length);
    assert_int_equal(mr_shard_links_waiting(migrated), 2);
    assert_int_equal(mr_shard_live_count(migrated), mr_shard_live_count(f->shard));
    test_apply(migrated, view); /* its id was seen before */
    mr_shard_counters counters;
    mr_shard_counters_get(migrated, &counters);
    assert_int_equal(counters.duplicate, 1);
    save(f, migrated);
    mr_shard_destroy(load(f, plan));
    mr_buffer_deinit(&noted[0]);
    mr_buffer_deinit(&noted[1]);
    mr_shard_destroy(migrated);
    mr_plan_destroy(plan);
}

static void test_a_name_with_another_definition_is_an_error_that_names_it(void **state)
{
    fixture *f = *state;
    const mr_feature_spec changed = {.name = "views_7d",
                                     .meaning = "",
                                     .unit = "",
                                     .on = MR_ON(MR_EVENT_VIEW),
                                     .aggregate = MR_AGGREGATE_COUNT,
                                     .window_days = 8};
    mr_plan *plan = plan_like(f->plan, "views_7d", &changed);
    apply_some(f->shard, 4, 0);
    save(f, f->shard);
    mr_shard *shard = NULL;
    mr_checkpoint_info info;
    mr_error error = {{0}};
    assert_int_equal(mr_checkpoint_restore(f->store, PARTITION, plan, &f->key, 0, &shard,
                                           &info, &error),
                     MR_ERR_INVALID);
    assert_non_null(strstr(error.message, "feature views_7d"));
    mr_plan_destroy(plan);
}

static void test_a_chain_of_deltas_is_migrated_whole(void **state)
{
    fixture *f = *state;
    mr_plan *plan = plan_like(f->plan, "", &logins);
    apply_some(f->shard, 200, 0);
    for (uint64_t generation = 1; generation <= 3; generation++) {
        mr_checkpoint_cut_begin(f->shard, 5, generation, &f->encoded);
        while (!mr_checkpoint_cut_step(f->shard, 50))
            continue;
        assert_ok(
            mr_checkpoint_write(f->store, PARTITION, 5, generation, &f->encoded, NULL));
        mr_checkpoint_cut_settle(f->shard, true);
        if (generation < 3)
            apply_some(f->shard, 3, (int)generation);
    }
    assert_false(mr_checkpoint_cut_is_base(f->shard));
    mr_shard *migrated = load(f, plan);
    assert_same_but(f->shard, "logins", migrated, "logins");
    mr_shard_destroy(migrated);
    mr_plan_destroy(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define MIGRATION_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        MIGRATION_TEST(test_a_plan_is_read_back_from_its_text),
        MIGRATION_TEST(test_a_text_that_is_no_plan_is_refused),
        MIGRATION_TEST(
            test_what_both_plans_have_keeps_its_values_and_a_new_feature_is_empty),
        MIGRATION_TEST(test_a_migrated_shard_goes_on_under_the_new_plan),
        MIGRATION_TEST(test_since_and_the_former_plan_are_kept_and_in_the_state_hash),
        MIGRATION_TEST(test_a_removed_feature_is_dropped_and_comes_back_empty),
        MIGRATION_TEST(test_a_longer_window_reads_the_days_that_are_there),
        MIGRATION_TEST(test_links_and_ids_move_to_the_new_plan),
        MIGRATION_TEST(test_a_name_with_another_definition_is_an_error_that_names_it),
        MIGRATION_TEST(test_a_chain_of_deltas_is_migrated_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
