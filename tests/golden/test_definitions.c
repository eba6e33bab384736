/*
 * The definitions of product analytics, by the examples their authors give.
 *
 * Each test names the mode whose number it is: the same log gives another answer in another mode,
 * and both stand here side by side.
 */
#include "features/activity.h"
#include "features/funnel.h"
#include "features/quintiles.h"
#include "features/retention.h"
#include "tests/support.h"

#include <string.h>

enum { MINUTES = 1, HOURS = 60 };

/* ---- funnels ---- */

/* "A 13:00, A 13:30, B 13:45, C 14:15", a letter a step, in minutes of the day. */
typedef struct step_at {
    char step;
    int64_t minute;
} step_at;

static size_t level(const mr_funnel_options *options, const step_at *steps, size_t count)
{
    mr_funnel_event events[16] = {{0, 0}};
    for (size_t i = 0; i < count; i++)
        events[i] = (mr_funnel_event){
            .time = steps[i].minute,
            .steps = steps[i].step == '-' ? 0 : 1U << (steps[i].step - 'A')};
    return mr_funnel_level(options, events, count, NULL);
}

/* Mixpanel's example of two doctrines: the window of an hour from the first A of all is over when C
 * comes, from the latest A before B it is not. */
static void test_mixpanel_a_a_b_c_by_both_anchors(void **state)
{
    static const step_at log[] = {{'A', 13 * HOURS},
                                  {'A', 13 * HOURS + 30},
                                  {'B', 13 * HOURS + 45},
                                  {'C', 14 * HOURS + 15}};
    mr_funnel_options options = {.steps = 3, .window = 1 * HOURS};
    (void)state;
    options.anchors_first = true;
    assert_int_equal(level(&options, log, 4), 2); /* no conversion */
    options.anchors_first = false;
    assert_int_equal(level(&options, log, 4), 3); /* converted */
}

/* ClickHouse's documentation: a log in (7), a look at phones (3), an order (9), a second order (10),
 * here A B C D, over six days of minutes. */
static void test_windowfunnel_reaches_the_furthest_level(void **state)
{
    static const step_at log[] = {
        {'A', 0}, {'B', 3 * 24 * HOURS}, {'C', 4 * 24 * HOURS}, {'D', 9 * 24 * HOURS}};
    mr_funnel_options options = {.steps = 4, .window = 10 * 24 * HOURS};
    (void)state;
    assert_int_equal(level(&options, log, 4), 4);
    options.window = 9 * 24 * HOURS; /* the window's end belongs to it */
    assert_int_equal(level(&options, log, 4), 4);
    options.window = 9 * 24 * HOURS - 1;
    assert_int_equal(level(&options, log, 4), 3);
    options.window = 2 * 24 * HOURS;
    assert_int_equal(level(&options, log, 4), 1);
}

static void test_windowfunnel_without_its_first_step_is_none(void **state)
{
    static const step_at log[] = {{'B', 1}, {'C', 2}};
    const mr_funnel_options options = {.steps = 3, .window = 10};
    (void)state;
    assert_int_equal(level(&options, log, 2), 0);
    assert_int_equal(level(&options, log, 0), 0);
}

/* "strict_order: don't allow interventions of other events, e.g. in the case of A->B->D->C it stops
 * finding A->B->C at the D and the max event level is 2." */
static void test_windowfunnel_strict_order(void **state)
{
    static const step_at log[] = {{'A', 1}, {'B', 2}, {'-', 3}, {'C', 4}};
    mr_funnel_options options = {.steps = 3, .window = 10};
    (void)state;
    assert_int_equal(level(&options, log, 4), 3);
    options.strict_order = true;
    assert_int_equal(level(&options, log, 4), 2);
}

/* "strict_deduplication": the same condition again interrupts further processing. */
static void test_windowfunnel_strict_deduplication(void **state)
{
    static const step_at log[] = {{'A', 1}, {'B', 2}, {'B', 3}, {'C', 4}};
    static const step_at first_again[] = {{'A', 1}, {'A', 2}, {'B', 3}, {'C', 4}};
    mr_funnel_options options = {.steps = 3, .window = 10};
    (void)state;
    assert_int_equal(level(&options, log, 4), 3);
    options.strict_once = true;
    assert_int_equal(level(&options, log, 4), 2);
    assert_int_equal(level(&options, first_again, 4), 3);
}

/* "strict_increase": only events with strictly increasing timestamps. */
static void test_windowfunnel_strict_increase(void **state)
{
    static const step_at log[] = {{'A', 1}, {'B', 1}, {'C', 2}};
    mr_funnel_options options = {.steps = 3, .window = 10};
    (void)state;
    assert_int_equal(level(&options, log, 3), 3);
    options.strict_increase = true;
    assert_int_equal(level(&options, log, 3), 1);
}

/* A step that is two of them does not follow itself. */
static void test_a_funnel_of_a_repeated_step_needs_two_events(void **state)
{
    const mr_funnel_options options = {.steps = 2, .window = 10};
    const mr_funnel_event events[] = {{1, 3}, {2, 3}};
    (void)state;
    assert_int_equal(mr_funnel_level(&options, events, 1, NULL), 1);
    assert_int_equal(mr_funnel_level(&options, events, 2, NULL), 2);
}

/* ---- retention ---- */

static mr_retention_options options_of(mr_retention_measure measure,
                                       mr_retention_clock clock,
                                       mr_retention_cohort cohort)
{
    return (mr_retention_options){.measure = measure,
                                  .clock = clock,
                                  .cohort = cohort,
                                  .period = MR_PERIOD_DAY,
                                  .first_cohort = 0,
                                  .cohorts = 10,
                                  .columns = 5};
}

/* Amplitude: a user new at 17:59 who is back at 17:00 of the next day is retained on day 1, because
 * hours are rounded down; back at 16:59 it is day 0.  By the calendar both are day 1. */
static void test_amplitude_17_59_to_17_00_is_day_1(void **state)
{
    static const int64_t cohorts[] = {0};
    const int64_t start[] = {17}; /* 17:59, rounded down */
    const int64_t back_at_17_00[] = {24 + 17};
    const int64_t back_at_16_59[] = {24 + 16};
    const int64_t days[] = {0, 1};
    static mr_retention rolling[2];
    static mr_retention calendar;
    mr_retention_options options =
        options_of(MR_RETENTION_N_DAY, MR_RETENTION_ROLLING, MR_RETENTION_FIRST);
    (void)state;
    mr_retention_init(&rolling[0], &options);
    mr_retention_add_rolling(&rolling[0], start, cohorts, 1, back_at_17_00, 1);
    assert_int_equal(rolling[0].cells[0][1], 1);
    mr_retention_init(&rolling[1], &options);
    mr_retention_add_rolling(&rolling[1], start, cohorts, 1, back_at_16_59, 1);
    assert_int_equal(rolling[1].cells[0][1], 0);
    assert_int_equal(rolling[1].cells[0][0], 1);
    options.clock = MR_RETENTION_CALENDAR;
    mr_retention_init(&calendar, &options);
    mr_retention_add(&calendar, 0, days, 2, days, 2);
    assert_int_equal(calendar.cells[0][1], 1);
}

/* Active on days 0, 1 and 3 of one's life: n-day (PostHog's default) sees a hole on day 2, unbounded
 * (Mixpanel's) does not. */
static void test_n_day_and_unbounded_differ_where_a_day_is_missed(void **state)
{
    static const int64_t days[] = {2, 3, 5};
    static const uint64_t n_day[] = {1, 1, 0, 1, 0};
    static const uint64_t unbounded[] = {1, 1, 1, 1, 0};
    static mr_retention retention;
    (void)state;
    for (int measure = 0; measure < 2; measure++) {
        const mr_retention_options options = options_of(
            (mr_retention_measure)measure, MR_RETENTION_CALENDAR, MR_RETENTION_FIRST);
        mr_retention_init(&retention, &options);
        mr_retention_add(&retention, 2, days, 3, days, 3);
        assert_int_equal(retention.sizes[2], 1);
        assert_memory_equal(retention.cells[2], measure == 0 ? n_day : unbounded,
                            sizeof(n_day));
    }
}

static void test_brackets_hold_any_return_within_them(void **state)
{
    static const int64_t days[] = {0, 4, 9};
    static mr_retention retention;
    mr_retention_options options =
        options_of(MR_RETENTION_BRACKET, MR_RETENTION_CALENDAR, MR_RETENTION_FIRST);
    (void)state;
    options.columns = 3;
    options.brackets[0] = (mr_retention_bracket){1, 3};
    options.brackets[1] = (mr_retention_bracket){4, 8};
    options.brackets[2] = (mr_retention_bracket){9, 9};
    mr_retention_init(&retention, &options);
    mr_retention_add(&retention, 0, days, 3, days, 3);
    assert_int_equal(retention.cells[0][0], 0);
    assert_int_equal(retention.cells[0][1], 1);
    assert_int_equal(retention.cells[0][2], 1);
}

/* A user of days 0, 2 and 3 is in one first cohort and in three recurring ones. */
static void test_recurring_cohorts_hold_a_user_for_each_start(void **state)
{
    static const int64_t days[] = {0, 2, 3};
    static mr_retention retention;
    const mr_retention_options options =
        options_of(MR_RETENTION_N_DAY, MR_RETENTION_CALENDAR, MR_RETENTION_RECURRING);
    (void)state;
    mr_retention_init(&retention, &options);
    mr_retention_add(&retention, 0, days, 3, days, 3);
    assert_int_equal(retention.sizes[0] + retention.sizes[2] + retention.sizes[3], 3);
    assert_int_equal(retention.cells[2][1], 1);
    assert_int_equal(retention.cells[0][1], 0);
    assert_int_equal(retention.cells[3][0], 1);
}

static void test_what_has_not_been_lived_through_is_not_complete(void **state)
{
    static mr_retention retention;
    mr_retention_options options =
        options_of(MR_RETENTION_N_DAY, MR_RETENTION_CALENDAR, MR_RETENTION_FIRST);
    (void)state;
    mr_retention_init(&retention, &options);
    assert_int_equal(mr_retention_complete(&retention, 0, 5), 4);
    assert_int_equal(mr_retention_complete(&retention, 5, 5), -1);
    options.clock =
        MR_RETENTION_ROLLING; /* who began in the last hour has not had the day yet */
    mr_retention_init(&retention, &options);
    assert_int_equal(mr_retention_complete(&retention, 0, 5), 3);
}

/* ---- lifecycle ---- */

static mr_user_periods user_of(const int64_t *days, size_t count)
{
    mr_user_periods user = {.first = days[0], .count = count};
    memcpy(user.periods, days, count * sizeof(*days));
    return user;
}

/* PostHog's lifecycle: new, returning, resurrecting, and dormant in the period after the last. */
static void test_posthog_lifecycle_of_one_user(void **state)
{
    static const int64_t days[] = {10, 11, 13};
    static mr_activity activity;
    (void)state;
    const mr_user_periods user = user_of(days, 3);
    mr_activity_init(&activity, MR_PERIOD_DAY, 20, 15);
    mr_activity_add(&activity, &user);
    const mr_activity_period *p = &activity.periods[0] - activity.first;
    assert_int_equal(p[10].fresh, 1);
    assert_int_equal(p[11].returning, 1);
    assert_int_equal(p[12].dormant, 1);
    assert_int_equal(p[13].resurrected, 1);
    assert_int_equal(p[14].dormant, 1);
    assert_int_equal(p[15].dormant, 0);
}

/* DAU / MAU: of the trailing 30 days, that day included (Statsig's window). */
static void test_trailing_windows_hold_a_user_once(void **state)
{
    static const int64_t days[] = {10, 12};
    static mr_activity activity;
    (void)state;
    const mr_user_periods user = user_of(days, 2);
    mr_activity_init(&activity, MR_PERIOD_DAY, 50, 45);
    mr_activity_add(&activity, &user);
    const mr_activity_period *p = &activity.periods[0] - activity.first;
    for (int64_t day = 6; day <= 50; day++) {
        assert_int_equal(p[day].active, day == 10 || day == 12);
        assert_int_equal(p[day].active_7, day >= 10 && day <= 18);
        assert_int_equal(p[day].active_30, day >= 10 && day <= 41);
    }
}

/* PostHog's stickiness: users by their exact number of active days in the range. */
static void test_stickiness_is_by_exact_days(void **state)
{
    static const int64_t days[] = {10, 12, 13};
    uint64_t counts[8] = {0};
    (void)state;
    const mr_user_periods user = user_of(days, 3);
    mr_activity_add_stickiness(&user, 16, 7, counts); /* days 10 to 16 */
    mr_activity_add_stickiness(&user, 17, 7, counts); /* 11 to 17: two of them */
    mr_activity_add_stickiness(&user, 30, 7, counts);
    assert_int_equal(counts[3], 1);
    assert_int_equal(counts[2], 1);
    assert_int_equal(counts[0], 0);
}

/* The three identities, over many random users. */
static void test_the_balance_of_lifecycle_flows_holds_in_every_period(void **state)
{
    static mr_activity activity;
    uint64_t random = 7;
    (void)state;
    mr_activity_init(&activity, MR_PERIOD_DAY, 99, 100);
    for (int u = 0; u < 3000; u++) {
        mr_user_periods user = {.first = -1};
        for (int64_t day = 0; day < 100; day++) {
            random = random * 6364136223846793005ULL + 1442695040888963407ULL;
            if ((random >> 33) % 100 >= 1 + (uint64_t)u % 60)
                continue;
            user.first = user.first < 0 ? day : user.first;
            user.periods[user.count++] = day;
        }
        mr_activity_add(&activity, &user);
    }
    for (size_t t = 1; t < 100; t++) {
        const mr_activity_period *now = &activity.periods[t];
        const mr_activity_period *before = &activity.periods[t - 1];
        assert_true(now->active > 0);
        assert_int_equal(now->active, now->fresh + now->returning + now->resurrected);
        assert_int_equal(now->active,
                         before->active - now->dormant + now->fresh + now->resurrected);
        assert_int_equal(before->active, now->returning + now->dormant);
    }
}

/* ---- quintiles ---- */

/* Ten customers without ties: two for each score, and of recency the fewest days are best. */
static void test_quintiles_of_ten_are_pairs(void **state)
{
    mr_rfm_sample sample = {.count = 0};
    mr_quintiles quintiles;
    int scores[MR_RFM_VALUES];
    (void)state;
    for (int64_t i = 10; i >= 1; i--)
        assert_ok(mr_rfm_sample_add(&sample, (const int64_t[]){i, 7 * i, 100 * i}));
    mr_quintiles_of(&sample, 0, &quintiles);
    for (int64_t i = 1; i <= 10; i++) {
        assert_true(
            mr_quintiles_score(&quintiles, (const int64_t[]){i, 7 * i, 100 * i}, scores));
        assert_int_equal(scores[MR_RFM_FREQUENCY], (i + 1) / 2);
        assert_int_equal(scores[MR_RFM_MONETARY], (i + 1) / 2);
        assert_int_equal(scores[MR_RFM_RECENCY], 6 - (i + 1) / 2);
    }
    assert_string_equal(mr_rfm_segment(5, 5), "champions");
    assert_string_equal(mr_rfm_segment(1, 5), "cannot_lose");
    assert_string_equal(mr_rfm_segment(1, 1), "hibernating");
    assert_string_equal(mr_rfm_segment(5, 1), "new_customers");
    mr_rfm_sample_deinit(&sample);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mixpanel_a_a_b_c_by_both_anchors),
        cmocka_unit_test(test_windowfunnel_reaches_the_furthest_level),
        cmocka_unit_test(test_windowfunnel_without_its_first_step_is_none),
        cmocka_unit_test(test_windowfunnel_strict_order),
        cmocka_unit_test(test_windowfunnel_strict_deduplication),
        cmocka_unit_test(test_windowfunnel_strict_increase),
        cmocka_unit_test(test_a_funnel_of_a_repeated_step_needs_two_events),
        cmocka_unit_test(test_amplitude_17_59_to_17_00_is_day_1),
        cmocka_unit_test(test_n_day_and_unbounded_differ_where_a_day_is_missed),
        cmocka_unit_test(test_brackets_hold_any_return_within_them),
        cmocka_unit_test(test_recurring_cohorts_hold_a_user_for_each_start),
        cmocka_unit_test(test_what_has_not_been_lived_through_is_not_complete),
        cmocka_unit_test(test_posthog_lifecycle_of_one_user),
        cmocka_unit_test(test_trailing_windows_hold_a_user_once),
        cmocka_unit_test(test_stickiness_is_by_exact_days),
        cmocka_unit_test(test_the_balance_of_lifecycle_flows_holds_in_every_period),
        cmocka_unit_test(test_quintiles_of_ten_are_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
