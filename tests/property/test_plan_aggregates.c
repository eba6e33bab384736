/*
 * Aggregates of a plan that was read, against their defining sums.
 *
 * The plan is one of a file, its days those of a zone: extremes, means and sums of every field, over
 * all time, over windows and fading.  The model keeps every event and computes each feature by its sentence; a fading mean
 * in floating point, which the integers must meet to the unit.  The same events moved from a
 * visitor to a user, and a shard carried over to the same plan, must read the same.
 */
#include "features/canonical_dump.h"
#include "features/checkpoint_decode.h"
#include "tests/plan_support.h"

#include <math.h>
#include <string.h>

enum { EVENTS_MAX = 400, ROUNDS = 60, READINGS = 6 };

static const char plan_text[] =
    "{\"features\": ["
    "{\"name\":\"least_price\",\"on\":\"purchase\",\"aggregate\":\"min\",\"of\":"
    "\"price\"},"
    "{\"name\":\"largest_value\",\"on\":[\"purchase\",\"refund\"],\"aggregate\":\"max\","
    "\"of\":\"net_value\"},"
    "{\"name\":\"mean_quantity\",\"on\":\"purchase\",\"aggregate\":\"mean\","
    "\"of\":\"quantity\"},"
    "{\"name\":\"mean_value_9d\",\"on\":\"purchase\",\"aggregate\":\"mean\",\"of\":"
    "\"value\","
    "\"window\":\"9d\"},"
    "{\"name\":\"pieces_2w\",\"on\":\"purchase\",\"aggregate\":\"sum\",\"of\":"
    "\"quantity\","
    "\"window\":\"2w\"},"
    "{\"name\":\"rates_9d\",\"on\":\"rate\",\"aggregate\":\"count\",\"window\":\"9d\"},"
    "{\"name\":\"satisfaction\",\"on\":\"rate\",\"aggregate\":\"fading_mean\","
    "\"of\":\"rating\",\"half_life\":\"5d\"},"
    "{\"name\":\"mean_rating\",\"on\":\"rate\",\"aggregate\":\"mean\",\"of\":\"rating\"},"
    "{\"name\":\"worst_rating\",\"on\":\"rate\",\"aggregate\":\"min\",\"of\":\"rating\"},"
    "{\"name\":\"least_price_9d\",\"on\":\"purchase\",\"aggregate\":\"min\",\"of\":"
    "\"price\",\"window\":\"9d\"},"
    "{\"name\":\"best_rating_9d\",\"on\":\"rate\",\"aggregate\":\"max\",\"of\":"
    "\"rating\",\"window\":\"9d\"},"
    "{\"name\":\"largest_36h\",\"on\":\"purchase\",\"aggregate\":\"max\",\"of\":"
    "\"value\",\"window\":\"36h\"},"
    "{\"name\":\"pieces_36h\",\"on\":\"purchase\",\"aggregate\":\"sum\",\"of\":"
    "\"quantity\",\"window\":\"36h\"},"
    "{\"name\":\"purchases_36h\",\"on\":\"purchase\",\"aggregate\":\"count\","
    "\"window\":\"36h\"},"
    "{\"name\":\"touches\",\"on\":\"any\",\"aggregate\":\"count\"},"
    "{\"name\":\"pieces_a_touch\",\"expression\":\"pieces_2w / (touches - rates_9d)\"},"
    "{\"name\":\"silence\",\"expression\":\"now - last_seen + coalesce(least_price, 7)\","
    "\"unit\":\"days\"}]}";

/* Two hours and a half ahead until the middle of a round, then four behind: a zone's days are not
 * UTC's, and one of them is long. */
static const mr_time_zone zone = {.name = "Test/Zone",
                                  .first_offset_s = 9000,
                                  .count = 1,
                                  .changes = {{START_MS / 1000 + 40 * 86400, -14400}}};

static int64_t zone_day(int64_t time_ms)
{
    const bool is_ahead = time_ms < zone.changes[0].from_s * 1000;
    return mr_time_day(time_ms + (is_ahead ? 9000000 : -14400000));
}

/* ---- the model ---- */

typedef struct number {
    bool is_there;
    double value;
} number;

typedef double field(const mr_event *event);

static double price_of(const mr_event *event)
{
    return (double)event->price_minor;
}

static double value_of(const mr_event *event)
{
    return (double)event->value_minor;
}

static double net_value_of(const mr_event *event)
{
    return event->type == MR_EVENT_REFUND ? -value_of(event) : value_of(event);
}

static double quantity_of(const mr_event *event)
{
    return (double)event->quantity;
}

static double rating_of(const mr_event *event)
{
    return event->rating_centi;
}

static double one(const mr_event *event)
{
    (void)event;
    return 1.0;
}

typedef struct definition {
    const char *name;
    uint32_t on;
    enum { LEAST, LARGEST, MEAN, SUM } kind;
    field *of;
    int days; /* 0: all */
    double half_life;
    bool is_hourly; /* then days are hours */
} definition;

static const definition definitions[] = {
    {"least_price", MR_ON(MR_EVENT_PURCHASE), LEAST, price_of, 0, 0.0, false},
    {"largest_value", MR_ON(MR_EVENT_PURCHASE) | MR_ON(MR_EVENT_REFUND), LARGEST,
     net_value_of, 0, 0.0, false},
    {"mean_quantity", MR_ON(MR_EVENT_PURCHASE), MEAN, quantity_of, 0, 0.0, false},
    {"mean_value_9d", MR_ON(MR_EVENT_PURCHASE), MEAN, value_of, 9, 0.0, false},
    {"pieces_2w", MR_ON(MR_EVENT_PURCHASE), SUM, quantity_of, 14, 0.0, false},
    {"rates_9d", MR_ON(MR_EVENT_RATE), SUM, one, 9, 0.0, false},
    {"satisfaction", MR_ON(MR_EVENT_RATE), MEAN, rating_of, 0, 5.0, false},
    {"mean_rating", MR_ON(MR_EVENT_RATE), MEAN, rating_of, 0, 0.0, false},
    {"worst_rating", MR_ON(MR_EVENT_RATE), LEAST, rating_of, 0, 0.0, false},
    {"touches", MR_ON_ANY, SUM, one, 0, 0.0, false},
    {"least_price_9d", MR_ON(MR_EVENT_PURCHASE), LEAST, price_of, 9, 0.0, false},
    {"best_rating_9d", MR_ON(MR_EVENT_RATE), LARGEST, rating_of, 9, 0.0, false},
    {"largest_36h", MR_ON(MR_EVENT_PURCHASE), LARGEST, value_of, 36, 0.0, true},
    {"pieces_36h", MR_ON(MR_EVENT_PURCHASE), SUM, quantity_of, 36, 0.0, true},
    {"purchases_36h", MR_ON(MR_EVENT_PURCHASE), SUM, one, 36, 0.0, true},
};

enum { DEFINITIONS = sizeof(definitions) / sizeof(definitions[0]) };

/* What is left of an event, by whole days; a day ahead of the reading is not there yet, but for
 * what is of all time. */
static double weight_of(const definition *d, const mr_event *event, int64_t at_ms)
{
    const int64_t age = d->is_hourly ? at_ms / HOUR_MS - event->time_ms / HOUR_MS
                                     : zone_day(at_ms) - zone_day(event->time_ms);
    const bool lacks_field = d->of == rating_of && event->rating_centi == 0;
    if ((d->on & MR_ON(event->type)) == 0 || lacks_field)
        return 0.0;
    if (d->half_life > 0.0)
        return age < 0 || age >= MR_PLAN_FADE_HALF_LIVES * d->half_life
                   ? 0.0
                   : exp2(-(double)age / d->half_life);
    return d->days == 0 || (age >= 0 && age < d->days) ? 1.0 : 0.0;
}

static number model_of(const definition *d, const mr_event *events, size_t count,
                       int64_t at_ms)
{
    double sum = 0.0;
    double weight = 0.0;
    double least = INFINITY;
    double largest = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        const double share = weight_of(d, &events[i], at_ms);
        if (share <= 0.0)
            continue;
        const double amount = d->of(&events[i]);
        weight += share;
        sum += share * amount;
        least = fmin(least, amount);
        largest = fmax(largest, amount);
    }
    if (d->kind == SUM)
        return (number){true, sum};
    if (weight <= 0.0)
        return (number){false, 0.0};
    return (number){true, d->kind == LEAST     ? least
                          : d->kind == LARGEST ? largest
                                               : trunc(sum / weight)};
}

/* ---- the shard ---- */

/* What expressions are made of, and what they came to. */
typedef struct reading {
    number numbers[DEFINITIONS];
    number pieces_a_touch;
    number silence;
    double last_seen_days;
} reading;

static number millionths(const mr_value *values, size_t row_count)
{
    return (number){row_count > 0, row_count > 0 ? (double)values->number / 1e6 : 0.0};
}

static void take_number(void *context, const mr_feature *feature, const mr_value *values,
                        size_t row_count)
{
    reading *read = context;
    if (strcmp(feature->name, "pieces_a_touch") == 0)
        read->pieces_a_touch = millionths(values, row_count);
    if (strcmp(feature->name, "silence") == 0)
        read->silence = millionths(values, row_count);
    if (strcmp(feature->name, "last_seen") == 0)
        read->last_seen_days = (double)values->number / (double)DAY_MS;
    for (size_t d = 0; d < DEFINITIONS; d++) {
        if (strcmp(definitions[d].name, feature->name) == 0)
            read->numbers[d] =
                (number){row_count > 0, row_count > 0 ? (double)values->number : 0.0};
    }
}

static const number *named(const reading *read, const char *name)
{
    size_t d = 0;
    while (strcmp(definitions[d].name, name) != 0)
        d++;
    return &read->numbers[d];
}

/* Of the numbers that were compared themselves; prices are read in whole units. */
static void compare_expressions(const reading *read, int64_t at_ms)
{
    const number *price = named(read, "least_price");
    const double others = named(read, "touches")->value - named(read, "rates_9d")->value;
    const double silence = (double)at_ms / (double)DAY_MS - read->last_seen_days +
                           (price->is_there ? price->value / 100.0 : 7.0);
    assert_true(read->silence.is_there);
    assert_true(fabs(read->silence.value - silence) < 1e-5);
    assert_int_equal(read->pieces_a_touch.is_there, others > 0.0);
    if (others > 0.0)
        assert_true(fabs(read->pieces_a_touch.value -
                         named(read, "pieces_2w")->value / others) < 1e-6);
}

static void compare(const mr_shard *shard, const mr_event *events, size_t count,
                    int64_t at_ms)
{
    reading read = {.last_seen_days = 0.0};
    mr_shard_profile_visit(shard, mr_shard_find(shard, MR_TEXT("u")), at_ms, take_number,
                           &read);
    compare_expressions(&read, at_ms);
    for (size_t d = 0; d < DEFINITIONS; d++) {
        const number expected = model_of(&definitions[d], events, count, at_ms);
        const double slack = definitions[d].half_life > 0.0 ? 1.0 : 0.0;
        const number *found = &read.numbers[d];
        if (found->is_there != expected.is_there ||
            fabs(found->value - expected.value) > slack)
            fail_msg("%s is %f, not %f", definitions[d].name, found->value,
                     expected.value);
    }
}

static size_t make_events(uint64_t seed, mr_event *ret_events)
{
    static const uint8_t types[] = {MR_EVENT_PURCHASE, MR_EVENT_RATE, MR_EVENT_VIEW,
                                    MR_EVENT_REFUND};
    uint64_t state = seed;
    const size_t count = 1 + test_draw(&state, EVENTS_MAX);
    int64_t now_ms = START_MS;
    for (size_t i = 0; i < count; i++) {
        now_ms += (int64_t)test_draw(&state, 9 * HOUR_MS);
        const int64_t late_ms =
            test_draw(&state, 4) == 0 ? (int64_t)test_draw(&state, 20 * DAY_MS) : 0;
        mr_event event =
            test_event((mr_event_type)types[test_draw(&state, sizeof(types))], "u",
                       "item", now_ms - late_ms);
        event.quantity = (int64_t)test_draw(&state, 9);
        event.price_minor = (int64_t)test_draw(&state, 5000);
        event.value_minor = event.quantity * event.price_minor;
        event.rating_centi =
            (int16_t)(test_draw(&state, 5) == 0 ? 0 : 100 + 50 * test_draw(&state, 9));
        ret_events[i] = event;
    }
    return count;
}

/* ---- tests ---- */

static void test_each_feature_is_its_defining_sum(void **state)
{
    static mr_event events[EVENTS_MAX];
    (void)state;
    mr_plan *plan = test_plan_of(MR_TEXT(plan_text), &zone);
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        mr_shard *shard = test_shard_that_applies_late(plan);
        uint64_t random = round * 77;
        const size_t count = make_events(round, events);
        for (size_t i = 0; i < count; i++)
            test_apply(shard, events[i]);
        mr_shard_check(shard);
        for (int n = 0; n < READINGS; n++)
            compare(shard, events, count,
                    mr_shard_newest_ms(shard) +
                        (int64_t)test_draw(&random, (n % 2 == 0 ? 30 : 1) * DAY_MS));
        mr_shard *carried = NULL;
        assert_ok(mr_shard_migrate(shard, plan, &carried, NULL));
        mr_shard_check(carried);
        compare(carried, events, count, mr_shard_newest_ms(shard));
        mr_shard_destroy(carried);
        mr_shard_destroy(shard);
    }
    mr_plan_destroy(plan);
}

static void test_what_moves_from_a_visitor_adds_up(void **state)
{
    static mr_event events[EVENTS_MAX];
    (void)state;
    mr_plan *plan = test_plan_of(MR_TEXT(plan_text), &zone);
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        mr_shard *shard = test_shard_that_applies_late(plan);
        const size_t count = make_events(round, events);
        test_apply_partly_as_visitor(shard, events, count, round * 99);
        compare(shard, events, count, mr_shard_newest_ms(shard));
        mr_shard_destroy(shard);
    }
    mr_plan_destroy(plan);
}

static void test_models_get_a_column_for_each_number(void **state)
{
    static mr_event events[EVENTS_MAX];
    float vector[MR_PLAN_COLUMNS_MAX];
    (void)state;
    mr_plan *plan = test_plan_of(MR_TEXT(plan_text), &zone);
    mr_shard *shard = test_shard_that_applies_late(plan);
    const size_t count = make_events(7, events);
    for (size_t i = 0; i < count; i++)
        test_apply(shard, events[i]);
    const int64_t at_ms = mr_shard_newest_ms(shard);
    mr_shard_vector(shard, mr_shard_find(shard, MR_TEXT("u")), at_ms, vector);
    for (size_t d = 0; d < DEFINITIONS; d++) {
        const definition *def = &definitions[d];
        const number expected = model_of(def, events, count, at_ms);
        const bool is_scaled = def->of != quantity_of && def->of != one;
        const size_t column = mr_plan_vector_find(plan, def->name);
        assert_true(column != SIZE_MAX);
        assert_close(vector[column], expected.value / (is_scaled ? 100.0 : 1.0), 0.02);
    }
    assert_true(mr_plan_vector_find(plan, "pieces_a_touch") != SIZE_MAX);
    mr_shard_destroy(shard);
    mr_plan_destroy(plan);
}

static void test_expressions_and_zone_are_in_the_text(void **state)
{
    (void)state;
    mr_plan *plan = test_plan_of(MR_TEXT(plan_text), &zone);
    mr_plan *parsed = NULL;
    assert_ok(mr_plan_parse(mr_plan_canonical(plan), &parsed));
    assert_true(mr_plan_hash(parsed) == mr_plan_hash(plan));
    assert_true(mr_zone_equal(&parsed->settings.zone, &zone));
    assert_true(mr_text_is(
        mr_expression_text(mr_plan_operation_named(parsed, "pieces_a_touch")->expression),
        "(pieces_2w/(touches-rates_9d))"));
    mr_plan_destroy(parsed);
    mr_plan_destroy(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_feature_is_its_defining_sum),
        cmocka_unit_test(test_what_moves_from_a_visitor_adds_up),
        cmocka_unit_test(test_models_get_a_column_for_each_number),
        cmocka_unit_test(test_expressions_and_zone_are_in_the_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
