/*
 * Counts by day or hour, against a model that keeps each as a plain number.
 *
 * Days are counted until a count needs another digit, from just below every place where it does;
 * days come in any order, and some are too old.  Packing what was unpacked gives the same slots.
 */
#include "features/aggregate.h"
#include "tests/support.h"

#include <string.h>

enum { KEEP_DAYS = 9, ROUNDS = 300, STEPS = 200, FIRST_DAY = 20000 };

typedef struct model {
    uint64_t counts[KEEP_DAYS * 4]; /* of FIRST_DAY + i */
    size_t newest;
} model;

static uint64_t draw(uint64_t *random, uint64_t bound)
{
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*random >> 33) % bound;
}

static mr_series series_of(bool is_hourly, bool has_sums)
{
    return (mr_series){.of = has_sums ? MR_OF_VALUE : MR_OF_NOTHING,
                       .is_hourly = is_hourly,
                       .keep_days = KEEP_DAYS,
                       .slot_bytes = (uint16_t)mr_day_series_slot_bytes(has_sums)};
}

/* One below a place where a count takes another digit, or anything. */
static uint32_t draw_count(uint64_t *random)
{
    static const uint32_t edges[] = {
        1, 2046, 65534, (1U << 22) - 2, 131071 - 1, (1U << 17) - 2, UINT32_MAX - 300};
    return draw(random, 3) == 0 ? 1 + (uint32_t)draw(random, 100000)
                                : edges[draw(random, sizeof(edges) / sizeof(*edges))];
}

static void begin(mr_block_pool *pool, const mr_series *series, mr_list *list, model *m,
                  uint64_t *random)
{
    mr_day_sum days[KEEP_DAYS];
    size_t count = 0;
    for (size_t i = 0; i < KEEP_DAYS; i++) {
        if (draw(random, 2) == 0)
            continue;
        const uint32_t made = draw_count(random);
        days[count++] = (mr_day_sum){(uint32_t)(FIRST_DAY + i), made,
                                     series->of == MR_OF_NOTHING ? 0 : 3 * (int64_t)made};
        m->counts[i] = made;
        m->newest = i;
    }
    mr_day_series_pack(pool, series, list, days, count);
}

static void add(mr_block_pool *pool, const mr_series *series, mr_list *list, model *m,
                size_t day)
{
    mr_day_series_add(pool, series, list, (int64_t)(FIRST_DAY + day), 3);
    if (list->count > 0 && day + KEEP_DAYS <= m->newest)
        return;
    m->newest = day > m->newest ? day : m->newest;
    m->counts[day]++;
    for (size_t i = 0; i + KEEP_DAYS <= m->newest; i++)
        m->counts[i] = 0;
}

static void check(const mr_block_pool *pool, const mr_series *series, const mr_list *list,
                  const model *m)
{
    mr_day_sum days[KEEP_DAYS];
    uint64_t all = 0;
    size_t seen = 0;
    const size_t count = mr_day_series_unpack(pool, series, list, days);
    for (size_t i = 0; i <= m->newest; i++) {
        if (m->counts[i] == 0)
            continue;
        assert_true(seen < count);
        assert_int_equal(days[seen].day, FIRST_DAY + i);
        assert_int_equal(days[seen].count, m->counts[i]);
        assert_int_equal(days[seen].sum,
                         series->of == MR_OF_NOTHING ? 0 : 3 * (int64_t)m->counts[i]);
        all += m->counts[i];
        seen++;
    }
    assert_int_equal(seen, count);
    const int64_t at = (int64_t)(FIRST_DAY + m->newest);
    assert_int_equal(mr_day_series_count(pool, series, list, at, KEEP_DAYS), all);
    assert_int_equal(mr_day_series_count(pool, series, list, at, 1),
                     m->counts[m->newest]);
    assert_true((size_t)list->count * series->slot_bytes <=
                mr_day_series_bytes_max(series));
}

static void check_packed_again(mr_block_pool *pool, const mr_series *series,
                               const mr_list *list)
{
    mr_day_sum days[KEEP_DAYS];
    mr_list again = {0};
    const size_t count = mr_day_series_unpack(pool, series, list, days);
    mr_day_series_pack(pool, series, &again, days, count);
    assert_int_equal(again.count, list->count);
    if (list->count > 0)
        assert_memory_equal(mr_list_elements(pool, &again), mr_list_elements(pool, list),
                            list->count * (size_t)series->slot_bytes);
    mr_list_replace(pool, &again, NULL, 0, series->slot_bytes);
}

static void run(bool is_hourly, bool has_sums)
{
    const mr_series series = series_of(is_hourly, has_sums);
    mr_block_pool pool = {0};
    uint64_t random = 7;
    for (int round = 0; round < ROUNDS; round++) {
        mr_list list = {0};
        model m = {0};
        assert_ok(mr_block_pool_reserve(&pool, 65536));
        begin(&pool, &series, &list, &m, &random);
        check(&pool, &series, &list, &m);
        for (int step = 0; step < STEPS; step++) {
            assert_ok(mr_block_pool_reserve(&pool, mr_day_series_bytes_max(&series) * 2));
            const size_t ahead = draw(&random, 40) == 0 ? draw(&random, 3) : 0;
            const size_t back = draw(&random, 4) == 0 ? draw(&random, KEEP_DAYS + 2) : 0;
            const size_t day = m.newest + ahead > back ? m.newest + ahead - back : 0;
            if (day >= sizeof(m.counts) / sizeof(*m.counts))
                break;
            add(&pool, &series, &list, &m, day);
        }
        check(&pool, &series, &list, &m);
        check_packed_again(&pool, &series, &list);
        mr_list_replace(&pool, &list, NULL, 0, series.slot_bytes);
    }
    mr_block_pool_deinit(&pool);
}

static void test_days_are_counted_past_every_digit(void **state)
{
    (void)state;
    run(false, false);
}

static void test_hours_are_counted_past_every_digit(void **state)
{
    (void)state;
    run(true, false);
}

static void test_days_with_sums_are_counted_past_every_digit(void **state)
{
    (void)state;
    run(false, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_days_are_counted_past_every_digit),
        cmocka_unit_test(test_hours_are_counted_past_every_digit),
        cmocka_unit_test(test_days_with_sums_are_counted_past_every_digit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
