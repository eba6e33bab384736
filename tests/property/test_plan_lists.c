/*
 * What a plan keeps as lists, against what it means.
 *
 * Weeks and months of a zone, words whose weights fade, visits and different ids: each is computed
 * again from all events by its sentence.  The same events moved from a visitor to a user, a shard
 * carried over to the same plan and one restored from its checkpoint must read the same.
 */
#include "features/canonical_dump.h"
#include "features/checkpoint.h"
#include "features/checkpoint_decode.h"
#include "tests/plan_support.h"

#include <math.h>
#include <string.h>

enum { EVENTS_MAX = 600, ROUNDS = 40, WORDS = 4, HALF_LIFE = 5, EXACT = 20 };

static const char plan_text[] =
    "{\"features\": ["
    "{\"name\":\"weeks\",\"on\":\"any\",\"aggregate\":\"week_bitmap\"},"
    "{\"name\":\"buying_months\",\"on\":\"purchase\",\"aggregate\":\"month_bitmap\"},"
    "{\"name\":\"interests\",\"on\":[\"view\",\"purchase\"],\"aggregate\":\"fading_top\","
    "\"of\":\"category\",\"k\":4,\"half_life\":\"5d\"},"
    "{\"name\":\"bands\",\"on\":\"purchase\",\"aggregate\":\"fading_top\","
    "\"of\":\"price_band\",\"k\":12,\"half_life\":\"5d\"},"
    "{\"name\":\"visits\",\"on\":\"any\",\"aggregate\":\"session\",\"gap\":\"45m\"},"
    "{\"name\":\"items\",\"on\":\"view\",\"aggregate\":\"distinct\",\"of\":\"item_id\","
    "\"exact_to\":20,\"sketch\":10}]}";

static const char *const categories[WORDS] = {"shoes", "hats", "tea\ttime", "wool"};
static char item_names[1000][12];

/* ---- what a shard says ---- */

typedef struct list {
    mr_value values[400];
    size_t count;
} list;

typedef struct reading {
    list weeks;
    list buying_months;
    list interests;
    list bands;
    list visits;
    list items;
} reading;

static void take(void *context, const mr_feature *feature, const mr_value *values,
                 size_t row_count)
{
    reading *read = context;
    const struct {
        const char *name;
        list *list;
    } all[] = {{"weeks", &read->weeks},         {"buying_months", &read->buying_months},
               {"interests", &read->interests}, {"bands", &read->bands},
               {"visits", &read->visits},       {"items", &read->items}};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (strcmp(feature->name, all[i].name) != 0)
            continue;
        all[i].list->count = row_count * feature->column_count;
        assert_true(all[i].list->count <= 400);
        memcpy(all[i].list->values, values, all[i].list->count * sizeof(*values));
    }
}

/* ---- what it means ---- */

static int64_t monday(int64_t day)
{
    while (day > 0 && (day + 3) % 7 != 0)
        day--;
    return day;
}

static int64_t first_of_month(int64_t day)
{
    char text[MR_TIME_TEXT_BYTES];
    for (;; day--) {
        mr_time_to_text(day * DAY_MS, text); /* 2026-03-01T… */
        if (text[8] == '0' && text[9] == '1')
            return day;
    }
}

static void expect_days(const list *found, const mr_event *events, size_t count,
                        uint32_t on, int64_t first_of(int64_t day), int64_t span_days)
{
    static int64_t
        first[EVENTS_MAX]; /* of each event's span, before any other when it is none */
    int64_t newest = -1;
    size_t place = 0;
    for (size_t i = 0; i < count; i++) {
        const bool counts = (on & MR_ON(events[i].type)) != 0;
        first[i] = counts ? first_of(mr_time_day(events[i].time_ms)) : -1;
        newest = first[i] > newest ? first[i] : newest;
    }
    for (int64_t day = newest - span_days; newest >= 0 && day <= newest; day++) {
        bool is_active = false;
        for (size_t i = 0; i < count && day >= 0; i++)
            is_active |= first[i] == day;
        if (!is_active)
            continue;
        assert_true(place < found->count);
        assert_int_equal(found->values[place++].number, day);
    }
    assert_int_equal(place, found->count);
}

static const char *band_of(int64_t price_minor)
{
    return price_minor < 500     ? "0-5"
           : price_minor < 1000  ? "5-10"
           : price_minor < 2000  ? "10-20"
           : price_minor < 5000  ? "20-50"
           : price_minor < 10000 ? "50-100"
                                 : "100-200";
}

static mr_text word_of(const mr_event *event, bool is_band)
{
    if (is_band)
        return event->price_minor > 0 ? mr_text_from(band_of(event->price_minor))
                                      : (mr_text){0};
    return event->category;
}

/* Each word there is, with the sum of what is left of its events. */
static void expect_words(const list *found, const mr_event *events, size_t count,
                         uint32_t on, bool is_band, int64_t at_ms)
{
    double before = INFINITY;
    for (size_t w = 0; w < found->count; w += 2) {
        double weight = 0.0;
        double slack = 0.002; /* an event's weight is kept in 1/256 */
        for (size_t i = 0; i < count; i++) {
            const int64_t age = mr_time_day(at_ms) - mr_time_day(events[i].time_ms);
            if ((on & MR_ON(events[i].type)) == 0 ||
                !mr_text_equal(word_of(&events[i], is_band), found->values[w].text))
                continue;
            weight += exp2(-(double)(age > 0 ? age : 0) / HALF_LIFE);
            slack += 1.0 / 256.0;
        }
        const double read = (double)found->values[w + 1].number / 1e6;
        if (fabs(read - weight) > slack)
            fail_msg("%.*s weighs %f, not %f", MR_TEXT_ARG(found->values[w].text), read,
                     weight);
        assert_true(read <= before);
        before = read;
    }
}

static void expect_visits(const list *found, const mr_event *events, size_t count)
{
    int64_t visits = 0;
    int64_t seconds = 0;
    int64_t bounces = 0;
    int64_t start_s = 0;
    int64_t newest_ms = 0;
    int64_t open = 0;
    for (size_t i = 0; i < count; i++) {
        const int64_t time_ms = events[i].time_ms;
        if (visits == 0 || time_ms - newest_ms > 45 * MINUTE_MS) {
            seconds += newest_ms / 1000 - start_s;
            bounces += open == 1;
            visits++;
            start_s = time_ms / 1000;
            newest_ms = visits == 1 ? time_ms : newest_ms;
            open = 0;
        }
        newest_ms = time_ms > newest_ms ? time_ms : newest_ms;
        open++;
    }
    seconds += newest_ms / 1000 - start_s;
    assert_int_equal(found->count, 5);
    assert_int_equal(found->values[0].number, visits);
    assert_int_equal(found->values[1].number, seconds / visits);
    assert_int_equal(found->values[2].number, (int64_t)count * 1000000 / visits);
    assert_int_equal(found->values[3].number, bounces);
    assert_int_equal(found->values[4].number, start_s * 1000);
}

static void expect_items(const list *found, const mr_event *events, size_t count)
{
    size_t different = 0;
    for (size_t i = 0; i < count; i++) {
        bool is_new = events[i].type == MR_EVENT_VIEW;
        for (size_t j = 0; j < i && is_new; j++)
            is_new = events[j].type != MR_EVENT_VIEW ||
                     !mr_text_equal(events[i].item_id, events[j].item_id);
        different += is_new;
    }
    assert_int_equal(found->count, 1);
    if (different <= EXACT)
        assert_int_equal(found->values[0].number, different);
    else /* five standard errors of 1.04 / 32 */
        assert_true(fabs((double)found->values[0].number - (double)different) <=
                    (double)different * 5.0 * 1.04 / 32.0);
}

static void compare(const mr_shard *shard, const mr_event *events, size_t count,
                    int64_t at_ms, bool in_order)
{
    static reading read;
    const uint32_t touches = MR_ON(MR_EVENT_VIEW) | MR_ON(MR_EVENT_PURCHASE);
    memset(&read, 0, sizeof(read));
    mr_shard_profile_visit(shard, mr_shard_find(shard, MR_TEXT("u")), at_ms, take, &read);
    expect_days(&read.weeks, events, count, MR_ON_ANY, monday, 47 * 7);
    expect_days(&read.buying_months, events, count, MR_ON(MR_EVENT_PURCHASE),
                first_of_month, 1400);
    expect_words(&read.interests, events, count, touches, false, at_ms);
    expect_words(&read.bands, events, count, MR_ON(MR_EVENT_PURCHASE), true, at_ms);
    expect_items(&read.items, events, count);
    if (in_order)
        expect_visits(&read.visits, events, count);
}

/* ---- events ---- */

static size_t make_events(uint64_t seed, mr_event *ret_events)
{
    static const uint8_t types[] = {MR_EVENT_VIEW, MR_EVENT_VIEW, MR_EVENT_PURCHASE,
                                    MR_EVENT_LOGIN};
    uint64_t state = seed * 31;
    const size_t count = 1 + test_draw(&state, EVENTS_MAX);
    const uint64_t items = 1 + test_draw(&state, 999);
    const uint64_t step_ms = test_draw(&state, 3) == 0 ? 2 * DAY_MS : HOUR_MS;
    int64_t now_ms = START_MS;
    for (size_t i = 0; i < count; i++) {
        now_ms += (int64_t)test_draw(&state, step_ms);
        const int64_t late_ms =
            test_draw(&state, 5) == 0 ? (int64_t)test_draw(&state, 3 * DAY_MS) : 0;
        mr_event event =
            test_event((mr_event_type)types[test_draw(&state, sizeof(types))], "u",
                       item_names[test_draw(&state, items)], now_ms - late_ms);
        event.category = test_draw(&state, 6) == 0
                             ? (mr_text){0}
                             : mr_text_from(categories[test_draw(&state, WORDS)]);
        event.price_minor = (int64_t)test_draw(&state, 12000);
        ret_events[i] = event;
    }
    return count;
}

static mr_shard *restored(const mr_shard *shard, const mr_plan *plan)
{
    mr_buffer encoded = {0};
    mr_buffer sealed = {0};
    mr_hash_key key;
    mr_shard *copy = NULL;
    mr_checkpoint_info info;
    mr_hash_key_init(&key, "secret", 6);
    assert_ok(mr_checkpoint_encode(shard, 1, 1, &encoded));
    assert_ok(mr_checkpoint_seal(&encoded, &sealed));
    assert_ok(mr_checkpoint_decode(sealed.bytes, sealed.length, plan, &key, 0, &copy,
                                   &info, NULL));
    mr_buffer_deinit(&encoded);
    mr_buffer_deinit(&sealed);
    return copy;
}

/* ---- tests ---- */

static void test_each_list_is_what_it_means(void **state)
{
    static mr_event events[EVENTS_MAX];
    (void)state;
    mr_plan *plan = test_plan_of(MR_TEXT(plan_text), NULL);
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        mr_shard *shard = test_shard_that_applies_late(plan);
        uint64_t random = round;
        const size_t count = make_events(round, events);
        for (size_t i = 0; i < count; i++)
            test_apply(shard, events[i]);
        mr_shard_check(shard);
        const int64_t at_ms = mr_shard_newest_ms(shard);
        compare(shard, events, count, at_ms, true);
        compare(shard, events, count, at_ms + (int64_t)test_draw(&random, 20 * DAY_MS),
                true);
        mr_shard *copies[2] = {restored(shard, plan), NULL};
        assert_ok(mr_shard_migrate(shard, plan, &copies[1], NULL));
        for (size_t c = 0; c < 2; c++) {
            mr_shard_check(copies[c]);
            compare(copies[c], events, count, at_ms, true);
            mr_shard_destroy(copies[c]);
        }
        mr_shard_destroy(shard);
    }
    mr_plan_destroy(plan);
}

static void test_what_moves_from_a_visitor_adds_up(void **state)
{
    static mr_event events[EVENTS_MAX];
    (void)state;
    mr_plan *plan = test_plan_of(MR_TEXT(plan_text), NULL);
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        mr_shard *shard = test_shard_that_applies_late(plan);
        const size_t count = make_events(round, events);
        test_apply_partly_as_visitor(shard, events, count, round * 99);
        compare(shard, events, count, mr_shard_newest_ms(shard), false);
        mr_shard_destroy(shard);
    }
    mr_plan_destroy(plan);
}

/* The order in which things happened changes nothing of what is free of it. */
static void test_weeks_and_ids_are_free_of_order(void **state)
{
    static mr_event events[EVENTS_MAX];
    char hashes[2][MR_SHA256_HEX_BYTES];
    (void)state;
    mr_plan *plan = test_plan_of(MR_TEXT(plan_text), NULL);
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        const size_t count = make_events(round, events);
        for (size_t turn = 0; turn < 2; turn++) {
            mr_shard *shard = test_shard_that_applies_late(plan);
            for (size_t i = 0; i < count; i++)
                test_apply(shard, events[turn == 0 ? i : count - 1 - i]);
            assert_ok(mr_canonical_hash((const mr_shard *const *)&shard, 1, MR_TIME_NONE,
                                        MR_DUMP_ORDER_FREE, hashes[turn]));
            mr_shard_destroy(shard);
        }
        assert_string_equal(hashes[0], hashes[1]);
    }
    mr_plan_destroy(plan);
}

/* More words than places: what is touched again and again keeps its place and its weight. */
static void test_a_word_that_comes_often_keeps_its_place(void **state)
{
    static reading read;
    static char names[500][12];
    (void)state;
    mr_plan *plan = test_plan_of(MR_TEXT(plan_text), NULL);
    mr_shard *shard = test_shard_that_applies_late(plan);
    for (int i = 0; i < 500; i++) {
        mr_event event = test_event(MR_EVENT_VIEW, "u", "i", START_MS + i * MINUTE_MS);
        (void)snprintf(names[i], sizeof(names[i]), "w%d", i);
        event.category = i % 3 == 0 ? MR_TEXT("tea") : mr_text_from(names[i]);
        test_apply(shard, event);
    }
    mr_shard_profile_visit(shard, mr_shard_find(shard, MR_TEXT("u")), START_MS, take,
                           &read);
    assert_int_equal(read.interests.count, 8);
    assert_true(mr_text_is(read.interests.values[0].text, "tea"));
    assert_int_equal(read.interests.values[1].number, 167 * 1000000);
    mr_shard_destroy(shard);
    mr_plan_destroy(plan);
}

int main(void)
{
    for (int i = 0; i < 1000; i++)
        (void)snprintf(item_names[i], sizeof(item_names[i]), "item-%d", i);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_list_is_what_it_means),
        cmocka_unit_test(test_what_moves_from_a_visitor_adds_up),
        cmocka_unit_test(test_weeks_and_ids_are_free_of_order),
        cmocka_unit_test(test_a_word_that_comes_often_keeps_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
