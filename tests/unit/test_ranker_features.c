/*
 * The table of own items and the features are compared with slow definitions, in double, on random
 * queries and rows; rows hold what a member must not give as well: negative scores, NaN, and sums
 * so small that their inverse is beyond float.
 */
#include "models/random.h"
#include "models/ranker_features.h"
#include "tests/support.h"

#include <string.h>

enum { ITEMS = 37, CATALOGUE = 30, ELEMENTS_MAX = 5000, CANDIDATES = 20 };

static uint32_t items[ELEMENTS_MAX];
static uint32_t baskets[ELEMENTS_MAX];
static float row_values[MR_SIGNALS][ITEMS];
static float popular[ITEMS];
static float recent[ITEMS];
static float rate[ITEMS];
static float features[ITEMS][MR_RANK_FEATURES];

static uint64_t draw(uint64_t seed, uint64_t position, uint64_t below)
{
    return mr_random_bits(seed, position) % below;
}

/* Some of the items stand outside the catalogue. */
static mr_query random_query(uint64_t seed, size_t count, bool has_baskets)
{
    uint32_t basket = 0;
    for (size_t e = 0; e < count; e++) {
        items[e] = (uint32_t)draw(seed, 2 * e, ITEMS);
        basket += e > 0 && draw(seed, 2 * e + 1, 3) == 0;
        baskets[e] = basket;
    }
    return (mr_query){
        .item = items, .basket = has_baskets ? baskets : NULL, .count = count};
}

/* Baskets from element `from` to the end of the query. */
static uint32_t baskets_between(const mr_query *query, size_t from)
{
    uint32_t count = from < query->count ? 1 : 0;
    for (size_t e = from + 1; e < query->count; e++)
        count += query->basket == NULL || query->basket[e] != query->basket[e - 1];
    return count;
}

static mr_own_item slow_own(const mr_query *query, uint32_t item)
{
    const size_t first =
        query->count > MR_OWN_ITEMS_MAX ? query->count - MR_OWN_ITEMS_MAX : 0;
    mr_own_item own = {.item = item};
    for (size_t e = first; e < query->count; e++)
        if (query->item[e] == item) {
            own.count++;
            own.back = baskets_between(query, e);
        }
    return own;
}

static void compare_table(const mr_own_table *table, const mr_query *query)
{
    const size_t looked_at =
        query->count < MR_OWN_ITEMS_MAX ? query->count : (size_t)MR_OWN_ITEMS_MAX;
    size_t distinct = 0;
    assert_int_equal(table->baskets, baskets_between(query, query->count - looked_at));
    for (uint32_t item = 0; item < ITEMS + 3; item++) {
        const mr_own_item expected = slow_own(query, item);
        const mr_own_item *found = mr_own_table_find(table, item);
        if (expected.count == 0 || item >= CATALOGUE) {
            assert_null(found);
            continue;
        }
        assert_non_null(found);
        distinct++;
        assert_int_equal(found->item, item);
        assert_int_equal(found->count, expected.count);
        assert_int_equal(found->back, expected.back);
    }
    assert_int_equal(table->count, distinct);
}

static void test_the_table_of_own_items_is_that_of_the_definition(void **state)
{
    (void)state;
    mr_own_table table;
    assert_ok(mr_own_table_init(&table, CATALOGUE));
    for (uint64_t seed = 0; seed < 200; seed++) {
        const mr_query query =
            random_query(seed, (size_t)draw(seed, 99999, 60), seed % 2 == 0);
        mr_own_table_fill(&table, &query);
        compare_table(&table, &query);
    }
    mr_own_table_deinit(&table);
}

static void test_of_a_long_query_the_newest_elements_are_looked_at(void **state)
{
    (void)state;
    mr_own_table table;
    assert_ok(mr_own_table_init(&table, CATALOGUE));
    for (size_t count = MR_OWN_ITEMS_MAX - 1; count <= MR_OWN_ITEMS_MAX + 1; count++) {
        const mr_query query = random_query(count, count, count % 2 == 0);
        mr_own_table_fill(&table, &query);
        compare_table(&table, &query);
    }
    mr_query query = random_query(3, ELEMENTS_MAX, true);
    for (size_t e = ELEMENTS_MAX - MR_OWN_ITEMS_MAX; e < ELEMENTS_MAX; e++)
        items[e] = items[e] == 7 ? 8 : items[e];
    items[ELEMENTS_MAX - MR_OWN_ITEMS_MAX - 1] = 7;
    mr_own_table_fill(&table, &query);
    compare_table(&table, &query);
    assert_null(mr_own_table_find(&table, 7));
    query.count = 0;
    mr_own_table_fill(&table, &query);
    compare_table(&table, &query);
    mr_own_table_deinit(&table);
}

static void test_a_table_holds_as_many_items_as_it_looks_at_elements(void **state)
{
    (void)state;
    mr_own_table table;
    for (uint32_t e = 0; e < ELEMENTS_MAX; e++)
        items[e] = e;
    const mr_query query = {.item = items, .count = ELEMENTS_MAX};
    assert_ok(mr_own_table_init(&table, ELEMENTS_MAX));
    mr_own_table_fill(&table, &query);
    assert_int_equal(table.count, MR_OWN_ITEMS_MAX);
    assert_non_null(mr_own_table_find(&table, ELEMENTS_MAX - MR_OWN_ITEMS_MAX));
    assert_null(mr_own_table_find(&table, ELEMENTS_MAX - MR_OWN_ITEMS_MAX - 1));
    assert_int_equal(mr_own_table_find(&table, ELEMENTS_MAX - 3)->back, 3);
    mr_own_table_deinit(&table);
}

/* ---- features ---- */

static double slow_share(const float *row, const uint32_t *candidates, size_t count,
                         uint32_t item)
{
    double sum = 0.0;
    for (size_t c = 0; c < count; c++)
        sum += row[candidates[c]] > 0.0F ? (double)row[candidates[c]] : 0.0;
    return log((row[item] > 0.0F ? (double)row[item] / sum : 0.0) + 0.001);
}

static double slow_part(const float *row, const uint32_t *candidates, size_t count,
                        uint32_t item)
{
    double largest = 0.0;
    for (size_t c = 0; c < count; c++)
        largest = fmax(largest, (double)row[candidates[c]]);
    return row[item] > 0.0F ? sqrt((double)row[item] / largest) : 0.0;
}

static double slow_own_feature(const mr_query *query, mr_rank_feature feature,
                               uint32_t item)
{
    const mr_own_item own = slow_own(query, item);
    const double n = baskets_between(query, 0);
    if (own.count == 0)
        return 0.0;
    switch (feature) {
    case MR_RANK_FEATURE_OWN: return 1.0;
    case MR_RANK_FEATURE_OWN_LAST: return own.back == 1 ? 1.0 : 0.0;
    case MR_RANK_FEATURE_OWN_NEARNESS: return 1.0 / own.back;
    case MR_RANK_FEATURE_OWN_COUNT: return log(own.count);
    case MR_RANK_FEATURE_OWN_SHARE: return fmax(log(own.count / n), -6.0);
    case MR_RANK_FEATURE_OWN_RATE: return log(fmax((double)rate[item], 1e-4));
    case MR_RANK_FEATURE_OWN_LENGTH: return log(n);
    default: break;
    }
    fail_msg("feature %d is not of own items", (int)feature);
    return 0.0;
}

static double slow_feature(const mr_query *query, mr_rank_feature feature,
                           const uint32_t *candidates, uint32_t item)
{
    static const mr_signal pairs[] = {MR_SIGNAL_SEQUENCE, MR_SIGNAL_SESSION_KNN,
                                      MR_SIGNAL_REPEAT, MR_SIGNAL_CONTENT,
                                      MR_SIGNAL_ROWS};
    const double cosine = (double)row_values[MR_SIGNAL_ENCODER][item];
    if (feature == MR_RANK_FEATURE_ENCODER)
        return cosine > 0.0 ? 10.0 * cosine : 0.0;
    if (feature == MR_RANK_FEATURE_POPULAR)
        return log((double)popular[item] + 0.5);
    if (feature == MR_RANK_FEATURE_RECENT)
        return log(1.0 + (double)recent[item]);
    if (feature >= MR_RANK_FEATURE_OWN)
        return slow_own_feature(query, feature, item);
    const uint32_t place = feature - MR_RANK_FEATURE_SEQUENCE_SHARE;
    const float *row = row_values[pairs[place / 2]];
    return place % 2 == 0 ? slow_share(row, candidates, CANDIDATES, item)
                          : slow_part(row, candidates, CANDIDATES, item);
}

static void random_rows(uint64_t seed)
{
    uint64_t drawn = 0;
    for (uint32_t s = 0; s < MR_SIGNALS; s++)
        for (uint32_t i = 0; i < ITEMS; i++) {
            const double value = mr_random_uniform(seed, drawn++);
            row_values[s][i] = value < 0.2   ? 0.0F
                               : value < 0.3 ? -(float)value
                               : value < 0.4 ? NAN
                                             : (float)(value * value);
        }
    for (uint32_t i = 0; i < ITEMS; i++) {
        popular[i] = (float)draw(seed, drawn++, 1000) / 7.0F;
        recent[i] = (float)draw(seed, drawn++, 10);
        rate[i] = (float)mr_random_uniform(seed, drawn++) - 0.1F;
    }
}

static const mr_item_facts FACTS = {
    .popular = popular, .recent = recent, .repeat_rate = rate};

static void test_features_are_those_of_the_definition(void **state)
{
    (void)state;
    const float *rows[MR_SIGNALS];
    uint32_t candidates[CANDIDATES];
    mr_own_table table;
    assert_ok(mr_own_table_init(&table, ITEMS));
    for (uint32_t s = 0; s < MR_SIGNALS; s++)
        rows[s] = row_values[s];
    for (uint64_t seed = 0; seed < 50; seed++) {
        const mr_query query = random_query(seed, 1 + seed * 3, seed % 2 == 0);
        random_rows(seed);
        for (uint32_t c = 0; c < CANDIDATES; c++)
            candidates[c] = (uint32_t)((c * 5 + seed) % ITEMS);
        mr_own_table_fill(&table, &query);
        mr_ranker_describe(rows, &FACTS, &table, candidates, CANDIDATES, features[0]);
        for (uint32_t c = 0; c < CANDIDATES; c++)
            for (uint32_t f = 0; f < MR_RANK_FEATURES; f++) {
                const double expected =
                    slow_feature(&query, (mr_rank_feature)f, candidates, candidates[c]);
                if (fabs((double)features[c][f] - expected) > 1e-5)
                    assert_close(features[c][f], expected, 1e-5);
            }
    }
    mr_own_table_deinit(&table);
}

static void test_what_is_not_in_use_says_nothing(void **state)
{
    (void)state;
    const float *rows[MR_SIGNALS] = {NULL};
    const mr_item_facts nothing = {NULL, NULL, NULL};
    const uint32_t candidates[2] = {1, 2};
    const mr_query query = {.item = candidates, .count = 1};
    mr_own_table table;
    assert_ok(mr_own_table_init(&table, ITEMS));
    mr_own_table_fill(&table, &query);
    memset(features, 1, sizeof(features));
    mr_ranker_describe(rows, &nothing, &table, candidates, 2, features[0]);
    for (uint32_t f = 0; f < MR_RANK_FEATURES; f++) {
        const bool is_known = f == MR_RANK_FEATURE_OWN || f == MR_RANK_FEATURE_OWN_LAST ||
                              f == MR_RANK_FEATURE_OWN_NEARNESS;
        assert_true(features[0][f] == (is_known ? 1.0F : 0.0F));
        assert_true(features[1][f] == 0.0F);
    }
    mr_ranker_describe(rows, &nothing, &table, candidates, 0, features[0]);
    mr_own_table_deinit(&table);
}

/* exp(-80) times something: what a query of many strangers makes of a faded score. */
static void test_the_smallest_scores_have_shares(void **state)
{
    (void)state;
    const float *rows[MR_SIGNALS] = {NULL};
    const mr_item_facts nothing = {NULL, NULL, NULL};
    const uint32_t candidates[3] = {0, 1, 2};
    const mr_query query = {.item = candidates, .count = 0};
    mr_own_table table;
    assert_ok(mr_own_table_init(&table, ITEMS));
    mr_own_table_fill(&table, &query);
    rows[MR_SIGNAL_SEQUENCE] = row_values[0];
    row_values[0][0] = 3e-40F;
    row_values[0][1] = 1e-40F;
    row_values[0][2] = 0.0F;
    mr_ranker_describe(rows, &nothing, &table, candidates, 3, features[0]);
    assert_close(features[0][MR_RANK_FEATURE_SEQUENCE_SHARE], log(0.751), 1e-4);
    assert_close(features[1][MR_RANK_FEATURE_SEQUENCE_SHARE], log(0.251), 1e-4);
    assert_close(features[2][MR_RANK_FEATURE_SEQUENCE_SHARE], log(0.001), 1e-4);
    assert_close(features[0][MR_RANK_FEATURE_SEQUENCE_PART], 1.0, 1e-4);
    assert_close(features[1][MR_RANK_FEATURE_SEQUENCE_PART], sqrt(1.0 / 3.0), 1e-4);
    mr_own_table_deinit(&table);
}

/* ---- names ---- */

static void test_each_signal_and_feature_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (uint32_t a = 0; a < MR_SIGNALS; a++)
        for (uint32_t b = 0; b < a; b++)
            assert_string_not_equal(mr_signal_name((mr_signal)a),
                                    mr_signal_name((mr_signal)b));
    for (uint32_t a = 0; a < MR_RANK_FEATURES; a++)
        for (uint32_t b = 0; b < a; b++)
            assert_string_not_equal(mr_rank_feature_name((mr_rank_feature)a),
                                    mr_rank_feature_name((mr_rank_feature)b));
}

/* A feature is named after its signal: "sequence_share" is of "sequence". */
static void test_a_feature_belongs_to_the_signal_in_its_name(void **state)
{
    (void)state;
    for (uint32_t f = 0; f < MR_RANK_FEATURES; f++) {
        const char *name = mr_rank_feature_name((mr_rank_feature)f);
        mr_signal expected = MR_SIGNALS;
        for (uint32_t s = 0; s < MR_SIGNALS; s++) {
            const char *signal = mr_signal_name((mr_signal)s);
            if (strncmp(name, signal, strlen(signal)) == 0)
                expected = (mr_signal)s;
        }
        if (strcmp(name, "recent") == 0)
            expected = MR_SIGNAL_POPULAR;
        assert_int_equal(mr_rank_feature_signal((mr_rank_feature)f), expected);
        assert_true(expected != MR_SIGNALS || strncmp(name, "own", 3) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_table_of_own_items_is_that_of_the_definition),
        cmocka_unit_test(test_of_a_long_query_the_newest_elements_are_looked_at),
        cmocka_unit_test(test_a_table_holds_as_many_items_as_it_looks_at_elements),
        cmocka_unit_test(test_features_are_those_of_the_definition),
        cmocka_unit_test(test_what_is_not_in_use_says_nothing),
        cmocka_unit_test(test_the_smallest_scores_have_shares),
        cmocka_unit_test(test_each_signal_and_feature_has_a_name_of_its_own),
        cmocka_unit_test(test_a_feature_belongs_to_the_signal_in_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
