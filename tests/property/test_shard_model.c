/*
 * Shard against its definition.
 *
 * The model keeps every event and computes each feature of each user from all of them, by the
 * sentence in the plan and nothing else: no buckets, no eviction, no order of arrival.  Random
 * logs hold late events, ties, several lines an order, redelivered records, anonymous users and
 * ids with tabs; the shard must agree after any batching, and its free dump must not notice a
 * shuffle or a re-partitioning.  Ids are remembered for a century here, so that events of any age
 * count; what duplicates and late events come to is test_dedup_model's question.
 */
#include "features/canonical_dump.h"
#include "features/commerce.h"
#include "features/trending.h"
#include "tests/feature_batch.h"
#include "tests/rounds.h"

#include <stdio.h>
#include <string.h>

enum { EVENTS_MAX = 4000, USERS = 40, ITEMS = 25, ROUNDS = 12 };

typedef struct log {
    mr_event events[EVENTS_MAX];
    size_t count;
    uint64_t random;
} log_t;

static char user_names[USERS][24];
static char item_names[ITEMS][24];
static const char *const order_names[] = {"", "o1", "o2", "o3", "o4", "o5"};

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13; /* xorshift64, Marsaglia 2003 */
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static uint64_t below(uint64_t *state, uint64_t bound)
{
    return next_random(state) % bound;
}

static void name_things(void)
{
    for (int i = 0; i < USERS; i++)
        (void)snprintf(user_names[i], sizeof(user_names[i]),
                       i % 7 == 0 ? "u\t%d" : "user%d", i);
    for (int i = 0; i < ITEMS; i++)
        (void)snprintf(item_names[i], sizeof(item_names[i]),
                       i % 5 == 0 ? "i\\%d" : "item%d", i);
}

/* Users are uneven, so that some fill every quota; times wander forward with late ones. */
static void make_log(log_t *log, size_t count, uint64_t seed)
{
    static const uint8_t types[] = {
        MR_EVENT_VIEW,     MR_EVENT_VIEW,  MR_EVENT_VIEW,   MR_EVENT_CART_ADD,
        MR_EVENT_PURCHASE, MR_EVENT_RATE,  MR_EVENT_REFUND, MR_EVENT_WISHLIST,
        MR_EVENT_SEARCH,   MR_EVENT_LOGIN, MR_EVENT_CUSTOM, MR_EVENT_CLICK,
    };
    uint64_t random = seed * 0x9e3779b97f4a7c15ULL + 1;
    log->count = count;
    int64_t now_ms = START_MS;
    for (size_t i = 0; i < count; i++) {
        const uint64_t user = below(&random, below(&random, USERS) + 1);
        now_ms += (int64_t)below(&random, 5 * HOUR_MS);
        int64_t time_ms =
            now_ms -
            (below(&random, 4) == 0 ? (int64_t)below(&random, 40 * (uint64_t)DAY_MS) : 0);
        time_ms -= below(&random, 3) == 0 ? time_ms % 60000 : 0; /* ties */
        mr_event event =
            test_event((mr_event_type)types[below(&random, sizeof(types))],
                       user_names[user], item_names[below(&random, ITEMS)], time_ms);
        event.quantity = (int64_t)below(&random, 400);
        event.value_minor = (int64_t)below(&random, 100000);
        event.rating_centi = (int16_t)(100 + 50 * below(&random, 9));
        event.order_id = mr_text_from(order_names[below(&random, 6)]);
        event.name = below(&random, 2) == 0 ? MR_TEXT("adjustment") : MR_TEXT("other");
        if (user % 3 == 1) {
            event.anonymous_id = event.user_id;
            event.user_id = (mr_text){0};
        }
        log->events[i] = event;
    }
    log->random = random;
}

/* In batches of random sizes, an event a record, some records twice; one in `parts` shards. */
static void apply_log(mr_shard *const *shards, size_t parts, log_t *log)
{
    size_t done = 0;
    mr_event_batch batches[4] = {0};
    int64_t offsets[4] = {0};
    while (done < log->count) {
        const size_t size = 1 + below(&log->random, 300);
        for (size_t p = 0; p < parts; p++) {
            mr_event_batch_clear(&batches[p]);
            batches[p].partition = (uint32_t)p;
        }
        for (size_t i = 0; i < size && done < log->count; i++) {
            const mr_event *event = &log->events[done++];
            const mr_text id =
                event->user_id.length > 0 ? event->user_id : event->anonymous_id;
            const size_t p = mr_hash_bytes(id.bytes, id.length) % parts;
            test_batch_add(&batches[p], offsets[p]++, *event);
        }
        for (size_t p = 0; p < parts; p++) {
            assert_ok(mr_shard_apply(shards[p], &batches[p]));
            if (below(&log->random, 3) == 0)
                assert_ok(mr_shard_apply(shards[p], &batches[p])); /* redelivered */
        }
    }
    for (size_t p = 0; p < parts; p++)
        mr_event_batch_deinit(&batches[p]);
}

static void shuffle(log_t *log)
{
    for (size_t i = log->count; i > 1; i--) {
        const size_t j = below(&log->random, i);
        const mr_event swap = log->events[i - 1];
        log->events[i - 1] = log->events[j];
        log->events[j] = swap;
    }
}

static void free_hash(mr_shard *const *shards, size_t parts,
                      char ret_hex[MR_SHA256_HEX_BYTES])
{
    assert_ok(mr_canonical_hash((const mr_shard *const *)shards, parts, MR_TIME_NONE,
                                MR_DUMP_ORDER_FREE, ret_hex));
}

/* -- the model -------------------------------------------------------------------------- */

typedef struct model {
    const log_t *log;
    mr_text user;
    bool is_anonymous;
    int64_t at_ms;
    size_t checked;
} model;

static bool is_of(const model *m, const mr_event *event)
{
    return event->user_id.length == 0
               ? m->is_anonymous && mr_text_equal(event->anonymous_id, m->user)
               : !m->is_anonymous && mr_text_equal(event->user_id, m->user);
}

/* Count (amount 0) or sum of a type over the UTC days at - days + 1 .. at; days 0: ever. */
static int64_t fold(const model *m, int type, int64_t days, bool sums)
{
    int64_t total = 0;
    const int64_t at_day = mr_time_day(m->at_ms);
    for (size_t i = 0; i < m->log->count; i++) {
        const mr_event *event = &m->log->events[i];
        const int64_t age = at_day - mr_time_day(event->time_ms);
        if (is_of(m, event) && (type == 0 || event->type == type) &&
            (days == 0 || (age >= 0 && age < days)))
            total += sums ? event->value_minor : 1;
    }
    return total;
}

static int64_t extreme(const model *m, int type, int sign)
{
    int64_t best = INT64_MIN;
    for (size_t i = 0; i < m->log->count; i++) {
        const mr_event *event = &m->log->events[i];
        if (is_of(m, event) && (type == 0 || event->type == type) &&
            sign * event->time_ms > best)
            best = sign * event->time_ms;
    }
    return sign * best;
}

static int64_t fading(const model *m)
{
    int64_t total = 0;
    const int64_t at_day = mr_time_day(m->at_ms);
    for (int64_t age = 0; age < 300; age++) {
        int64_t day_sum = 0;
        for (size_t i = 0; i < m->log->count; i++) {
            const mr_event *event = &m->log->events[i];
            if (is_of(m, event) && event->type == MR_EVENT_PURCHASE &&
                at_day - mr_time_day(event->time_ms) == age)
                day_sum += event->value_minor;
        }
        int64_t share = llround(exp2(-(double)(age % 30) / 30.0) * 1073741824.0);
        share >>= age / 30;
        total += day_sum * share / 1073741824; /* sums here stay far below 2^33 */
    }
    return total;
}

static int compare_numbers(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Different times, or days, of a type, ascending; the newest `keep`. */
static size_t distinct_times(const model *m, int type, int64_t divisor, size_t keep,
                             int64_t *ret_times)
{
    size_t count = 0;
    static int64_t all[EVENTS_MAX];
    for (size_t i = 0; i < m->log->count; i++) {
        const mr_event *event = &m->log->events[i];
        if (is_of(m, event) && (type == 0 || event->type == type))
            all[count++] = event->time_ms / divisor;
    }
    qsort(all, count, sizeof(*all), compare_numbers);
    size_t different = 0;
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || all[i] != all[i - 1])
            all[different++] = all[i];
    }
    const size_t kept = different < keep ? different : keep;
    memcpy(ret_times, all + different - kept, kept * sizeof(*all));
    return kept;
}

static int compare_entries(const void *a, const void *b)
{
    const mr_event *x = a;
    const mr_event *y = b;
    int order =
        compare_numbers(&(int64_t){x->time_ms / 1000}, &(int64_t){y->time_ms / 1000});
    if (order == 0)
        order = mr_text_compare(x->item_id, y->item_id);
    if (order == 0)
        order = (x->type > y->type) - (x->type < y->type);
    return order != 0 ? order : compare_numbers(&x->quantity, &y->quantity);
}

static int64_t weight_of(const mr_event *event)
{
    if (event->type == MR_EVENT_RATE)
        return event->rating_centi / 10;
    if (event->quantity == 0)
        return 1;
    return event->quantity < 255 ? event->quantity : 255;
}

/* All entries sorted; each type's newest `quota` of them are kept. */
static size_t model_history(const model *m, mr_event *ret_entries)
{
    static mr_event all[EVENTS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < m->log->count; i++) {
        mr_event event = m->log->events[i];
        event.quantity = weight_of(&event); /* what is compared is what is kept */
        if (is_of(m, &event))
            all[count++] = event;
    }
    qsort(all, count, sizeof(*all), compare_entries);
    int left[MR_EVENT_TYPES] = {[MR_EVENT_VIEW] = 120,
                                [MR_EVENT_CART_ADD] = 20,
                                [MR_EVENT_WISHLIST] = 20,
                                [MR_EVENT_PURCHASE] = 60,
                                [MR_EVENT_RATE] = 60};
    size_t kept = 0;
    for (size_t i = count; i > 0; i--) {
        if (left[all[i - 1].type]-- > 0)
            ret_entries[kept++] = all[i - 1]; /* newest first */
    }
    return kept;
}

static void check_history(const model *m, const mr_value *values, size_t rows)
{
    static mr_event expected[EVENTS_MAX];
    assert_int_equal(rows, model_history(m, expected));
    for (size_t row = 0; row < rows; row++) {
        const mr_event *event = &expected[rows - 1 - row];
        const mr_value *value = &values[row * 5];
        assert_int_equal(value[0].number, event->time_ms / 1000 * 1000);
        assert_true(mr_text_equal(value[1].text, event->item_id));
        assert_true(
            mr_text_is(value[2].text, mr_event_type_name((mr_event_type)event->type)));
        assert_int_equal(value[3].number, event->quantity);
    }
}

static void check_hours(const model *m, const mr_value *values, size_t rows)
{
    int64_t hours[24] = {0};
    for (size_t i = 0; i < m->log->count; i++) {
        if (is_of(m, &m->log->events[i]))
            hours[m->log->events[i].time_ms / HOUR_MS % 24]++;
    }
    size_t row = 0;
    for (int64_t hour = 0; hour < 24; hour++) {
        if (hours[hour] == 0)
            continue;
        assert_true(row < rows);
        assert_int_equal(values[2 * row].number, hour);
        assert_int_equal(values[2 * row + 1].number, hours[hour]);
        row++;
    }
    assert_int_equal(row, rows);
}

static void check_numbers(const int64_t *expected, size_t count, const mr_value *values,
                          size_t rows)
{
    assert_int_equal(rows, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(values[i].number, expected[i]);
}

/* First days of the months, of the 48 up to the newest. */
static size_t months(const model *m, int type, int64_t *ret_days)
{
    size_t count = distinct_times(m, type, DAY_MS, EVENTS_MAX, ret_days);
    size_t different = 0;
    for (size_t i = 0; i < count; i++) {
        char text[MR_TIME_TEXT_BYTES];
        mr_time_to_text(ret_days[i] * DAY_MS, text);
        const int64_t first = ret_days[i] - (10 * (text[8] - '0') + text[9] - '0') + 1;
        if (different == 0 || ret_days[different - 1] != first)
            ret_days[different++] = first;
    }
    return different;
}

static bool has_returned(const model *m, int64_t at_day)
{
    static int64_t days[EVENTS_MAX];
    const size_t count = distinct_times(m, 0, DAY_MS, EVENTS_MAX, days);
    for (size_t i = 1; i < count; i++) {
        if (days[i] <= at_day && at_day - days[i] < 30 && days[i] - days[i - 1] >= 30)
            return true;
    }
    return false;
}

static const char *stage(const model *m)
{
    static int64_t times[EVENTS_MAX];
    const int64_t silent_ms = m->at_ms - extreme(m, 0, 1);
    const size_t count = distinct_times(m, MR_EVENT_PURCHASE, 1, 32, times);
    size_t recent = 0;
    for (size_t i = 0; i < count; i++)
        recent += times[i] <= m->at_ms && m->at_ms - times[i] < 60 * DAY_MS;
    return silent_ms >= 120 * DAY_MS                    ? "lost"
           : silent_ms >= 30 * DAY_MS                   ? "dormant"
           : m->at_ms - extreme(m, 0, -1) < 30 * DAY_MS ? "new"
           : has_returned(m, mr_time_day(m->at_ms))     ? "returned"
           : recent >= 2                                ? "growing"
                                                        : "active";
}

static bool expected_number(const model *m, const char *name, int64_t *ret_number)
{
    const struct {
        const char *name;
        int64_t number;
    } numbers[] = {
        {"events", fold(m, 0, 0, false)},
        {"first_seen", extreme(m, 0, -1)},
        {"last_seen", extreme(m, 0, 1)},
        {"views_7d", fold(m, MR_EVENT_VIEW, 7, false)},
        {"carts_7d", fold(m, MR_EVENT_CART_ADD, 7, false)},
        {"purchases", fold(m, MR_EVENT_PURCHASE, 0, false)},
        {"purchases_30d", fold(m, MR_EVENT_PURCHASE, 30, false)},
        {"purchases_90d", fold(m, MR_EVENT_PURCHASE, 90, false)},
        {"purchases_180d", fold(m, MR_EVENT_PURCHASE, 180, false)},
        {"refunds", fold(m, MR_EVENT_REFUND, 0, false)},
        {"spend",
         fold(m, MR_EVENT_PURCHASE, 0, true) - fold(m, MR_EVENT_REFUND, 0, true)},
        {"spend_30d", fold(m, MR_EVENT_PURCHASE, 30, true)},
        {"spend_90d", fold(m, MR_EVENT_PURCHASE, 90, true)},
        {"spend_fading", fading(m)},
    };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (strcmp(numbers[i].name, name) == 0) {
            *ret_number = numbers[i].number;
            return true;
        }
    }
    return false;
}

static void check_feature(void *context, const mr_feature *feature,
                          const mr_value *values, size_t rows)
{
    model *m = context;
    static int64_t expected[EVENTS_MAX];
    size_t count = 0;
    m->checked++;
    if (expected_number(m, feature->name, &expected[0])) {
        count = 1;
    } else if (strcmp(feature->name, "first_purchase") == 0 ||
               strcmp(feature->name, "last_purchase") == 0) {
        count = fold(m, MR_EVENT_PURCHASE, 0, false) > 0;
        expected[0] =
            count == 0 ? 0
                       : extreme(m, MR_EVENT_PURCHASE, feature->name[0] == 'f' ? -1 : 1);
    } else if (strcmp(feature->name, "purchase_times") == 0) {
        count = distinct_times(m, MR_EVENT_PURCHASE, 1, 32, expected);
    } else if (strcmp(feature->name, "active_days") == 0) {
        count = distinct_times(m, 0, DAY_MS, 128, expected);
        size_t old = 0;
        while (expected[old] + 128 <= expected[count - 1])
            old++;
        count -= old;
        memmove(expected, expected + old, count * sizeof(*expected));
    } else if (strcmp(feature->name, "active_months") == 0) {
        count = months(m, 0, expected);
    } else if (strcmp(feature->name, "purchase_months") == 0) {
        count = months(m, MR_EVENT_PURCHASE, expected);
    } else if (strcmp(feature->name, "lifecycle") == 0) {
        assert_true(mr_text_is(values[0].text, stage(m)));
        return;
    } else if (strcmp(feature->name, "hours") == 0) {
        check_hours(m, values, rows);
        return;
    } else if (strcmp(feature->name, "history") == 0) {
        check_history(m, values, rows);
        return;
    } else {
        m->checked--;
        assert_int_equal(feature->order,
                         MR_ORDER_LOG); /* no free feature goes unchecked */
        return;
    }
    check_numbers(expected, count, values, rows);
}

static void check_users(const mr_plan *plan, const mr_shard *shard, const log_t *log)
{
    (void)plan;
    for (uint32_t row = 0; row < mr_shard_user_count(shard); row++) {
        model m = {.log = log,
                   .user = mr_shard_user_id(shard, row),
                   .is_anonymous = mr_shard_is_anonymous(shard, row),
                   .at_ms = mr_shard_newest_ms(shard)};
        mr_shard_profile_visit(shard, row, m.at_ms, check_feature, &m);
        assert_int_equal(m.checked, 23);
    }
}

static void check_trending(const mr_shard *shard, const log_t *log)
{
    const int64_t at_ms = mr_shard_newest_ms(shard);
    const int64_t at_hour = at_ms / HOUR_MS;
    const int64_t windows[] = {[MR_TRENDING_HOT] = 6,
                               [MR_TRENDING_POPULAR] = 168,
                               [MR_TRENDING_EVER] = INT64_MAX};
    const mr_trending_kind kinds[] = {MR_TRENDING_HOT, MR_TRENDING_POPULAR,
                                      MR_TRENDING_EVER};
    for (size_t k = 0; k < 3; k++) {
        mr_trending_entry entries[ITEMS];
        size_t count;
        assert_ok(mr_trending_top(shard, kinds[k], at_ms, ITEMS, entries, &count));
        uint64_t total = 0;
        uint64_t expected_total = 0;
        for (size_t i = 0; i < log->count; i++) {
            const mr_event *event = &log->events[i];
            const bool counts =
                event->type == MR_EVENT_VIEW || event->type == MR_EVENT_CLICK ||
                event->type == MR_EVENT_CART_ADD || event->type == MR_EVENT_PURCHASE ||
                event->type == MR_EVENT_WISHLIST || event->type == MR_EVENT_RATE;
            const bool is_in = at_hour - event->time_ms / HOUR_MS < windows[kinds[k]];
            expected_total += counts && is_in;
            for (size_t e = 0; e < count; e++) {
                if (counts && is_in && mr_text_equal(entries[e].item_id, event->item_id))
                    entries[e].count--;
            }
        }
        for (size_t e = 0; e < count; e++) {
            assert_int_equal(entries[e].count, 0); /* each was counted exactly */
            total += (uint64_t)entries[e].score;
            assert_true(e == 0 || entries[e - 1].score >= entries[e].score);
        }
        assert_int_equal(total, expected_total);
    }
}

static void check_commerce(const mr_shard *shard, const log_t *log)
{
    int64_t revenue = 0;
    for (size_t i = 0; i < log->count; i++) {
        const mr_event *event = &log->events[i];
        if (event->type == MR_EVENT_PURCHASE)
            revenue += event->value_minor;
        if (event->type == MR_EVENT_REFUND)
            revenue -= event->value_minor;
        if (event->type == MR_EVENT_CUSTOM && mr_text_is(event->name, "adjustment"))
            revenue += event->value_minor;
    }
    mr_commerce_totals totals;
    mr_commerce_totals_get(shard, &totals);
    assert_int_equal(mr_commerce_revenue_minor(&totals.sums), revenue);
}

static void test_every_free_feature_equals_its_definition_over_all_events(void **state)
{
    (void)state;
    static log_t log;
    mr_plan *plan = test_plan_without_late();
    for (uint64_t seed = 1; seed <= ROUNDS; seed += (uint64_t)test_step()) {
        make_log(&log, 200 + seed * 60, seed);
        mr_shard *shard = test_shard(plan, 0);
        apply_log(&shard, 1, &log);
        mr_shard_check(shard);
        check_users(plan, shard, &log);
        check_trending(shard, &log);
        check_commerce(shard, &log);
        mr_shard_destroy(shard);
    }
    mr_plan_destroy(plan);
}

static void test_the_free_hash_ignores_order_and_partitions(void **state)
{
    (void)state;
    static log_t log;
    mr_plan *plan = test_plan_without_late();
    for (uint64_t seed = 100; seed < 100 + ROUNDS; seed += (uint64_t)test_step()) {
        char hashes[3][MR_SHA256_HEX_BYTES];
        make_log(&log, EVENTS_MAX, seed);
        for (size_t pass = 0; pass < 3; pass++) {
            const size_t parts = pass == 1 ? 4 : 1;
            mr_shard *shards[4] = {NULL};
            for (size_t p = 0; p < parts; p++)
                shards[p] = test_shard(plan, (uint32_t)p);
            apply_log(shards, parts, &log);
            free_hash(shards, parts, hashes[pass]);
            for (size_t p = 0; p < parts; p++) {
                mr_shard_check(shards[p]);
                mr_shard_destroy(shards[p]);
            }
            shuffle(&log); /* passes 2 and 3 see another order each */
        }
        assert_string_equal(hashes[0], hashes[1]);
        assert_string_equal(hashes[0], hashes[2]);

        log.count--; /* one event less: another state */
        mr_shard *less = test_shard(plan, 0);
        apply_log(&less, 1, &log);
        free_hash(&less, 1, hashes[1]);
        assert_string_not_equal(hashes[0], hashes[1]);
        mr_shard_destroy(less);
    }
    mr_plan_destroy(plan);
}

static void test_the_state_hash_ignores_how_the_log_was_batched(void **state)
{
    (void)state;
    static log_t log;
    mr_plan *plan = test_plan_without_late();
    make_log(&log, EVENTS_MAX, 7);
    char hashes[2][MR_SHA256_HEX_BYTES];
    for (size_t pass = 0; pass < 2; pass++) {
        mr_shard *shard = test_shard(plan, 0);
        apply_log(&shard, 1, &log); /* the log's random state moves on: other batches */
        assert_ok(mr_canonical_hash((const mr_shard *const *)&shard, 1, MR_TIME_NONE,
                                    MR_DUMP_ALL, hashes[pass]));
        mr_shard_destroy(shard);
    }
    assert_string_equal(hashes[0], hashes[1]);
    mr_plan_destroy(plan);
}

int main(void)
{
    name_things();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_free_feature_equals_its_definition_over_all_events),
        cmocka_unit_test(test_the_free_hash_ignores_order_and_partitions),
        cmocka_unit_test(test_the_state_hash_ignores_how_the_log_was_batched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
