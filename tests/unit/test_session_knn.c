/*
 * Method: scores by their definition in double, all sequences looked through for each query, on
 * random sequences with repeats, with baskets and without, for several sets of options; reasons
 * from the same sums; stored arrays damaged one field at a time.
 */
#include "tests/support.h"

#include "models/random.h"
#include "models/session_knn.h"

#include <string.h>

enum { SEQUENCES = 150, ITEMS = 40, LENGTH_MAX = 14, QUERY = 9 };

static mr_sequence_list plain_list;
static mr_sequence_list basket_list;

static mr_sequence_list make_list(bool has_baskets)
{
    mr_sequence_list list = {.has_baskets = has_baskets};
    for (uint32_t s = 0; s < SEQUENCES; s++) {
        uint32_t basket = 0;
        for (uint32_t e = 0; e < mr_random_bits(1, s) % LENGTH_MAX; e++) {
            const double u = mr_random_uniform(2 + s, e);
            basket += mr_random_bits(500 + s, e) % 3 == 0;
            assert_ok(mr_sequence_list_add(&list, (uint32_t)(u * u * ITEMS), basket, 0));
        }
        assert_ok(mr_sequence_list_end(&list));
    }
    list.items = ITEMS + 1; /* the last one was never met */
    return list;
}

/* Wherever neighbours are fewer than there are candidates, age tells similar ones apart. */
static const mr_session_knn_options CASES[] = {
    {.neighbours = 1000,
     .recent = 1000,
     .idf = true,
     .age_scale = 60.0F,
     .length_exponent = 0.5F,
     .rank_scale = 3.0F,
     .backward = 1.0F,
     .query_scale = 1.0F},
    {.neighbours = 7,
     .recent = 1000,
     .idf = true,
     .age_scale = 33.0F,
     .length_exponent = 0.9F,
     .rank_scale = 2.0F,
     .backward = 0.5F,
     .shared = 0.3F,
     .query_scale = 2.2F},
    {.neighbours = 5, .recent = 4, .idf = true, .age_scale = 45.0F, .query_scale = 1.7F},
    {.neighbours = 1,
     .recent = 1,
     .age_scale = 70.0F,
     .backward = 8.0F,
     .shared = 1.0F,
     .query_scale = 1.3F},
};

enum { CASE_COUNT = sizeof(CASES) / sizeof(*CASES) };

static double fading(double distance, float scale)
{
    return scale > 0.0F ? exp(-distance / (double)scale) : 1.0;
}

static bool has(const mr_sequences *s, uint32_t n, uint32_t item)
{
    for (uint64_t e = s->ptr[n]; e < s->ptr[n + 1]; e++)
        if (s->item[e] == item)
            return true;
    return false;
}

/* Sequences with an item: in all of them, or among those that are newer than n. */
static uint32_t frequency(const mr_sequences *s, uint32_t item, uint32_t first)
{
    uint32_t count = 0;
    for (uint32_t n = first; n < s->count; n++)
        count += has(s, n, item);
    return count;
}

/* How much place t says; 0 for an item that is unknown or stands again at a newer place. */
static double place_weight(const mr_sequences *s, const mr_session_knn_options *o,
                           const mr_query *query, size_t t)
{
    const size_t last = query->count - 1;
    for (size_t u = t + 1; u < query->count; u++)
        if (query->item[u] == query->item[t])
            return 0.0;
    if (query->item[t] >= s->items)
        return 0.0;
    const double back = query->basket != NULL
                            ? (double)(query->basket[last] - query->basket[t])
                            : (double)(last - t);
    const double rarity =
        fmax(0.01, log(s->count / (frequency(s, query->item[t], 0) + 1.0)));
    return fading(back, o->query_scale) * (o->idf ? rarity : 1.0);
}

/* Similarity of sequence n, and the newest place of the query that it shares. */
static double similarity(const mr_sequences *s, const mr_session_knn_options *o,
                         const mr_query *query, uint32_t n, size_t *ret_place)
{
    double sum = 0.0;
    for (size_t t = 0; t < query->count; t++) {
        const double weight = place_weight(s, o, query, t);
        if (!(weight > 0.0) || !has(s, n, query->item[t]) ||
            frequency(s, query->item[t], n + 1) >= o->recent)
            continue;
        sum += weight;
        *ret_place = t;
    }
    return sum * fading(s->count - 1 - n, o->age_scale) *
           pow((double)(s->ptr[n + 1] - s->ptr[n]), -(double)o->length_exponent);
}

/* What an element says for its item. */
static double vote(const mr_sequences *s, const mr_session_knn_options *o,
                   uint64_t shared, uint64_t element)
{
    const double apart = s->basket != NULL
                             ? (double)s->basket[element] - (double)s->basket[shared]
                             : (double)element - (double)shared;
    if (element == shared)
        return (double)o->shared;
    return fading(fmax(fabs(apart) - 1.0, 0.0), o->rank_scale) *
           (apart < -0.5 ? (double)o->backward : 1.0);
}

/* Votes for each item, by the place of the query that each neighbour votes around. */
static void reference(const mr_sequences *s, const mr_session_knn_options *o,
                      const mr_query *query, double votes[QUERY][ITEMS + 1])
{
    double similarities[SEQUENCES];
    size_t places[SEQUENCES];
    memset(votes, 0, QUERY * sizeof(*votes));
    for (uint32_t n = 0; n < s->count; n++)
        similarities[n] = similarity(s, o, query, n, &places[n]);
    for (uint32_t n = 0; n < s->count; n++) {
        uint32_t better = 0;
        for (uint32_t other = 0; other < s->count; other++)
            better += similarities[other] > similarities[n];
        if (!(similarities[n] > 0.0) || better >= o->neighbours)
            continue;
        const uint32_t item = query->item[places[n]];
        uint64_t shared = s->ptr[n + 1] - 1;
        while (s->item[shared] != item)
            shared--;
        for (uint64_t e = s->ptr[n]; e < s->ptr[n + 1]; e++)
            votes[places[n]][s->item[e]] += similarities[n] * vote(s, o, shared, e);
    }
}

static void compare(const mr_sequences *sequences, const mr_session_knn *model,
                    mr_session_knn_scratch *scratch, const mr_query *query)
{
    static double votes[QUERY][ITEMS + 1];
    float scores[ITEMS + 1];
    mr_session_knn_score(model, scratch, query, scores);
    reference(sequences, mr_session_knn_options_of(model), query, votes);
    for (uint32_t j = 0; j <= ITEMS; j++) {
        double sum = 0.0;
        double largest = 0.0;
        float because = -1.0F;
        for (size_t t = 0; t < query->count; t++) {
            sum += votes[t][j];
            largest = fmax(largest, votes[t][j]);
        }
        assert_close(scores[j], sum, 1e-5);
        const size_t place = mr_session_knn_because(model, scratch, query, j, &because);
        assert_close(because, largest, 1e-5);
        if (largest > 0.0)
            assert_close(votes[place][j], largest, 1e-6);
        else
            assert_int_equal(place, query->count);
    }
}

static void compare_all(const mr_sequences *sequences)
{
    static const uint32_t baskets[QUERY] = {0, 0, 1, 2, 2, 2, 4, 4, 5};
    for (size_t c = 0; c < CASE_COUNT; c++) {
        mr_session_knn *model = NULL;
        mr_session_knn_scratch *scratch = NULL;
        assert_ok(mr_session_knn_build(sequences, &CASES[c], &model));
        assert_ok(mr_session_knn_scratch_create(model, &scratch));
        for (uint32_t q = 0; q < 24; q++) {
            uint32_t items[QUERY];
            for (uint32_t t = 0; t < QUERY; t++)
                items[t] = (uint32_t)(mr_random_bits(900 + q, t) % (ITEMS + 3));
            compare(sequences, model, scratch,
                    &(mr_query){.item = items,
                                .basket = q % 3 == 0 ? baskets : NULL,
                                .count = q % (QUERY + 1)});
        }
        mr_session_knn_scratch_destroy(scratch);
        mr_session_knn_destroy(model);
    }
}

static void test_scores_equal_the_definition(void **state)
{
    (void)state;
    const mr_sequences sequences = mr_sequence_list_view(&plain_list);
    compare_all(&sequences);
}

static void test_places_are_baskets_where_there_are_baskets(void **state)
{
    (void)state;
    const mr_sequences sequences = mr_sequence_list_view(&basket_list);
    compare_all(&sequences);
}

static void test_a_slice_is_a_set_of_its_own(void **state)
{
    (void)state;
    const mr_sequences all = mr_sequence_list_view(&plain_list);
    const mr_sequences slice = mr_sequences_slice(&all, 40, 60);
    compare_all(&slice);
}

/* Three sequences are equally similar to item 0; one neighbour is asked for. */
static void test_of_equals_the_newest_votes(void **state)
{
    (void)state;
    static const uint64_t ptr[] = {0, 2, 4, 6};
    static const uint32_t item[] = {0, 1, 0, 2, 0, 3};
    static const uint32_t asked[] = {0};
    const mr_sequences sequences = {.count = 3, .items = 4, .ptr = ptr, .item = item};
    const mr_session_knn_options options = {.neighbours = 1, .recent = 10};
    mr_session_knn *model = NULL;
    mr_session_knn_scratch *scratch = NULL;
    float scores[4];
    assert_ok(mr_session_knn_build(&sequences, &options, &model));
    assert_ok(mr_session_knn_scratch_create(model, &scratch));
    mr_session_knn_score(model, scratch, &(mr_query){.item = asked, .count = 1}, scores);
    assert_close(scores[3], 1.0, 1e-6);
    assert_close(scores[1] + scores[2] + scores[0], 0.0, 1e-6);
    mr_session_knn_scratch_destroy(scratch);
    mr_session_knn_destroy(model);
}

/* Item 0 is in all sequences, others in one each: only the two newest are needed for m = 2. */
/* Slots of earlier queries are left as they are: they must stay empty for all that come, also when stamps begin anew. */
static void test_a_query_finds_nothing_of_those_before_it(void **state)
{
    (void)state;
    enum { QUERIES = 600 };
    const mr_sequences sequences = mr_sequence_list_view(&plain_list);
    mr_session_knn *model = NULL;
    mr_session_knn_scratch *used = NULL;
    float expected[ITEMS + 1];
    float found[ITEMS + 1];
    assert_ok(mr_session_knn_build(&sequences, &CASES[0], &model));
    assert_ok(mr_session_knn_scratch_create(model, &used));
    for (uint32_t i = 0; i < QUERIES; i++) {
        mr_session_knn_scratch *fresh = NULL;
        const uint32_t items[] = {i % ITEMS, i * 7 % ITEMS, i * 13 % ITEMS};
        const mr_query query = {.item = items, .count = 1 + i % 3};
        assert_ok(mr_session_knn_scratch_create(model, &fresh));
        mr_session_knn_score(model, fresh, &query, expected);
        mr_session_knn_score(model, used, &query, found);
        assert_memory_equal(found, expected, sizeof(found));
        mr_session_knn_scratch_destroy(fresh);
    }
    mr_session_knn_scratch_destroy(used);
    mr_session_knn_destroy(model);
}

static void test_only_the_newest_sequences_of_an_item_are_kept(void **state)
{
    (void)state;
    static const uint64_t ptr[] = {0, 1, 2, 4, 5};
    static const uint32_t item[] = {0, 0, 0, 1, 0};
    const mr_sequences sequences = {.count = 4, .items = 2, .ptr = ptr, .item = item};
    const mr_session_knn_options options = {.neighbours = 9, .recent = 2};
    mr_session_knn *model = NULL;
    assert_ok(mr_session_knn_build(&sequences, &options, &model));
    const mr_session_knn_arrays *arrays = mr_session_knn_arrays_of(model);
    assert_int_equal(arrays->sequences, 2);
    assert_int_equal(arrays->sequence_ptr[2], 3);
    assert_int_equal(arrays->item_ptr[1], 2);
    assert_int_equal(arrays->posting[0], 1);
    assert_int_equal(arrays->posting[1], 0);
    mr_session_knn_destroy(model);
}

/* More elements than count: the oldest of them change nothing. */
static void test_a_long_query_is_cut_to_its_newest_elements(void **state)
{
    (void)state;
    enum { LONG = MR_SESSION_KNN_QUERY_MAX + 100 };
    const mr_sequences sequences = mr_sequence_list_view(&plain_list);
    mr_session_knn_options options = mr_session_knn_defaults();
    mr_session_knn *model = NULL;
    mr_session_knn_scratch *scratch = NULL;
    uint32_t items[LONG];
    float whole[ITEMS + 1];
    float cut[ITEMS + 1];
    options.query_scale = 0.0F;
    for (uint32_t t = 0; t < LONG; t++)
        items[t] = t < 100 ? t % ITEMS : (t % 7);
    assert_ok(mr_session_knn_build(&sequences, &options, &model));
    assert_ok(mr_session_knn_scratch_create(model, &scratch));
    mr_session_knn_score(model, scratch, &(mr_query){.item = items, .count = LONG},
                         whole);
    mr_session_knn_score(
        model, scratch,
        &(mr_query){.item = items + 100, .count = MR_SESSION_KNN_QUERY_MAX}, cut);
    assert_memory_equal(whole, cut, sizeof(whole));
    mr_session_knn_scratch_destroy(scratch);
    mr_session_knn_destroy(model);
}

/* Item 0 in one sequence of eight, by chance, and an item of its own in each: the hash table of
 * sequences meets numbers far apart, some of which want one slot. */
static void test_each_of_many_scattered_neighbours_votes_once(void **state)
{
    (void)state;
    enum { MANY = 4000 };
    static const uint32_t asked[] = {0, 0};
    static float scores[MANY + 1];
    mr_sequence_list list = {0};
    mr_session_knn *model = NULL;
    mr_session_knn_scratch *scratch = NULL;
    for (uint32_t s = 0; s < MANY; s++) {
        if (mr_random_bits(7, s) % 8 == 0)
            assert_ok(mr_sequence_list_add(&list, 0, 0, 0));
        assert_ok(mr_sequence_list_add(&list, s + 1, 0, 0));
        assert_ok(mr_sequence_list_end(&list));
    }
    const mr_sequences sequences = mr_sequence_list_view(&list);
    const mr_session_knn_options options = {.neighbours = 1000, .recent = 1000};
    assert_ok(mr_session_knn_build(&sequences, &options, &model));
    assert_ok(mr_session_knn_scratch_create(model, &scratch));
    for (uint32_t again = 0; again < 2; again++) {
        mr_session_knn_score(model, scratch, &(mr_query){.item = asked, .count = 2},
                             scores);
        for (uint32_t s = 0; s < MANY; s++)
            assert_close(scores[s + 1], mr_random_bits(7, s) % 8 == 0 ? 1.0 : 0.0, 1e-6);
    }
    mr_session_knn_scratch_destroy(scratch);
    mr_session_knn_destroy(model);
    mr_sequence_list_deinit(&list);
}

/* Item 0, then 1 … 30: with a scale of 2 places the fifteenth has e^-7 of the first one's vote. */
static void test_a_vote_of_less_than_a_thousandth_is_left_out(void **state)
{
    (void)state;
    enum { LONG = 31 };
    static const uint32_t asked[] = {0};
    const uint64_t ptr[] = {0, LONG};
    uint32_t item[LONG];
    float scores[LONG];
    mr_session_knn *model = NULL;
    mr_session_knn_scratch *scratch = NULL;
    for (uint32_t t = 0; t < LONG; t++)
        item[t] = t;
    const mr_sequences sequences = {.count = 1, .items = LONG, .ptr = ptr, .item = item};
    const mr_session_knn_options options = {
        .neighbours = 1, .recent = 1, .rank_scale = 2.0F};
    assert_ok(mr_session_knn_build(&sequences, &options, &model));
    assert_ok(mr_session_knn_scratch_create(model, &scratch));
    mr_session_knn_score(model, scratch, &(mr_query){.item = asked, .count = 1}, scores);
    for (uint32_t t = 1; t < LONG; t++)
        assert_close(scores[t], t < 15 ? exp(-(t - 1.0) / 2.0) : 0.0, 1e-5);
    mr_session_knn_scratch_destroy(scratch);
    mr_session_knn_destroy(model);
}

/* A basket of twice as many elements as may vote on either side of the shared one. */
static void test_a_large_basket_votes_with_its_nearest_elements(void **state)
{
    (void)state;
    enum { HALF = 2 * MR_SESSION_KNN_ELEMENTS_MAX, WHOLE = 2 * HALF + 1 };
    static const uint32_t asked[] = {HALF};
    static uint32_t basket[WHOLE];
    static uint32_t item[WHOLE];
    static float scores[WHOLE];
    const uint64_t ptr[] = {0, WHOLE};
    mr_session_knn *model = NULL;
    mr_session_knn_scratch *scratch = NULL;
    for (uint32_t t = 0; t < WHOLE; t++)
        item[t] = t;
    const mr_sequences sequences = {
        .count = 1, .items = WHOLE, .ptr = ptr, .item = item, .basket = basket};
    const mr_session_knn_options options = {.neighbours = 1, .recent = 1};
    assert_ok(mr_session_knn_build(&sequences, &options, &model));
    assert_ok(mr_session_knn_scratch_create(model, &scratch));
    mr_session_knn_score(model, scratch, &(mr_query){.item = asked, .count = 1}, scores);
    for (uint32_t t = 0; t < WHOLE; t++) {
        const uint32_t apart = t > HALF ? t - HALF : HALF - t;
        assert_close(scores[t],
                     apart > 0 && apart <= MR_SESSION_KNN_ELEMENTS_MAX ? 1.0 : 0.0, 1e-6);
    }
    mr_session_knn_scratch_destroy(scratch);
    mr_session_knn_destroy(model);
}

static void test_axes_start_at_the_defaults_and_stay_in_range(void **state)
{
    (void)state;
    const mr_sequences sequences = mr_sequence_list_view(&plain_list);
    const mr_session_knn_options defaults = mr_session_knn_defaults();
    mr_session_knn_options options = defaults;
    mr_session_knn *model = NULL;
    mr_pattern_axis axes[MR_SESSION_KNN_AXES];
    double points[3][MR_SESSION_KNN_AXES]; /* start, low, high */
    mr_session_knn_axes(axes);
    for (size_t a = 0; a < MR_SESSION_KNN_AXES; a++) {
        points[0][a] = axes[a].start;
        points[1][a] = axes[a].low;
        points[2][a] = axes[a].high;
    }
    for (size_t p = 0; p < 3; p++) {
        mr_session_knn_at(points[p], &options);
        assert_ok(mr_session_knn_build(&sequences, &options, &model));
        mr_session_knn_destroy(model);
        if (p == 0)
            assert_close(options.query_scale, defaults.query_scale, 1e-6);
    }
}

static void test_options_out_of_range_are_refused(void **state)
{
    (void)state;
    const mr_sequences sequences = mr_sequence_list_view(&plain_list);
    const mr_session_knn_options good = mr_session_knn_defaults();
    mr_session_knn_options bad[10];
    for (size_t b = 0; b < 10; b++)
        bad[b] = good;
    bad[0].neighbours = 0;
    bad[1].neighbours = MR_SESSION_KNN_NEIGHBOURS_MAX + 1;
    bad[2].recent = 0;
    bad[3].recent = MR_SESSION_KNN_RECENT_MAX + 1;
    bad[4].age_scale = -1.0F;
    bad[5].length_exponent = NAN;
    bad[6].rank_scale = INFINITY;
    bad[7].backward = -0.5F;
    bad[8].query_scale = NAN;
    bad[9].shared = -1.0F;
    mr_session_knn *model = NULL;
    for (size_t b = 0; b < 10; b++)
        assert_int_equal(mr_session_knn_build(&sequences, &bad[b], &model),
                         MR_ERR_INVALID);
    static const uint64_t empty[2] = {0, 0};
    const mr_sequences no_items = {.count = 1, .ptr = empty};
    const mr_sequences no_sequences = {.items = ITEMS};
    assert_int_equal(mr_session_knn_build(&no_items, &good, &model), MR_ERR_INVALID);
    assert_int_equal(mr_session_knn_build(&no_sequences, &good, &model), MR_ERR_INVALID);
    assert_null(model);
    mr_session_knn_destroy(NULL);
    mr_session_knn_scratch_destroy(NULL);
}

static void test_stored_arrays_answer_as_those_that_were_built(void **state)
{
    (void)state;
    const mr_sequences sequences = mr_sequence_list_view(&basket_list);
    mr_session_knn *built = NULL;
    mr_session_knn *opened = NULL;
    mr_session_knn_scratch *scratch = NULL;
    static const uint32_t items[] = {3, 0, 17};
    const mr_query query = {.item = items, .count = 3};
    float a[ITEMS + 1];
    float b[ITEMS + 1];
    assert_ok(mr_session_knn_build(&sequences, &CASES[1], &built));
    assert_ok(mr_session_knn_open(mr_session_knn_arrays_of(built), &CASES[1], &opened));
    assert_ok(mr_session_knn_scratch_create(opened, &scratch));
    mr_session_knn_score(built, scratch, &query, a);
    mr_session_knn_score(opened, scratch, &query, b);
    assert_memory_equal(a, b, sizeof(a));
    mr_session_knn_scratch_destroy(scratch);
    mr_session_knn_destroy(opened);
    mr_session_knn_destroy(built);
}

/* Sequences 0 1 and 1 0 1, as building makes them; each field once damaged. */
static void test_damaged_arrays_are_refused(void **state)
{
    (void)state;
    uint64_t item_ptr[] = {0, 2, 4};
    uint32_t posting[] = {1, 0, 1, 0};
    uint32_t last_place[] = {1, 0, 2, 1};
    float item_weight[] = {1.0F, 1.0F};
    uint64_t sequence_ptr[] = {0, 2, 5};
    uint32_t element[] = {0, 1, 1, 0, 1};
    uint32_t basket[] = {0, 1, 0, 0, 1};
    float sequence_weight[] = {0.5F, 1.0F};
    const mr_session_knn_arrays arrays = {.items = 2,
                                          .sequences = 2,
                                          .item_ptr = item_ptr,
                                          .posting = posting,
                                          .last_place = last_place,
                                          .item_weight = item_weight,
                                          .sequence_ptr = sequence_ptr,
                                          .element = element,
                                          .basket = basket,
                                          .sequence_weight = sequence_weight};
    mr_session_knn_options options = mr_session_knn_defaults();
    mr_session_knn *model = NULL;
    assert_ok(mr_session_knn_open(&arrays, &options, &model));
    mr_session_knn_destroy(model);
#define refuse(place, value)                                                             \
    do {                                                                                 \
        __typeof__(place) kept_ = (place);                                               \
        (place) = (value);                                                               \
        assert_int_equal(mr_session_knn_open(&arrays, &options, &model),                 \
                         MR_ERR_CORRUPT);                                                \
        (place) = kept_;                                                                 \
    } while (0)
    refuse(item_ptr[0], 1);
    refuse(item_ptr[1], 5);
    refuse(posting[0], 2);
    refuse(posting[1], 1); /* the same one twice */
    refuse(last_place[2], 3);
    refuse(last_place[2], 1); /* another item stands there */
    refuse(item_weight[1], NAN);
    refuse(item_weight[1], -1.0F);
    refuse(sequence_ptr[1], 6);
    refuse(element[3], 2);
    refuse(basket[3], 2);
    refuse(sequence_weight[0], INFINITY);
#undef refuse
    options.recent = 1; /* lists are longer than that */
    assert_int_equal(mr_session_knn_open(&arrays, &options, &model), MR_ERR_CORRUPT);
    options.recent = 0;
    assert_int_equal(mr_session_knn_open(&arrays, &options, &model), MR_ERR_INVALID);
}

int main(void)
{
    plain_list = make_list(false);
    basket_list = make_list(true);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores_equal_the_definition),
        cmocka_unit_test(test_places_are_baskets_where_there_are_baskets),
        cmocka_unit_test(test_a_slice_is_a_set_of_its_own),
        cmocka_unit_test(test_of_equals_the_newest_votes),
        cmocka_unit_test(test_a_query_finds_nothing_of_those_before_it),
        cmocka_unit_test(test_only_the_newest_sequences_of_an_item_are_kept),
        cmocka_unit_test(test_a_long_query_is_cut_to_its_newest_elements),
        cmocka_unit_test(test_each_of_many_scattered_neighbours_votes_once),
        cmocka_unit_test(test_a_vote_of_less_than_a_thousandth_is_left_out),
        cmocka_unit_test(test_a_large_basket_votes_with_its_nearest_elements),
        cmocka_unit_test(test_axes_start_at_the_defaults_and_stay_in_range),
        cmocka_unit_test(test_options_out_of_range_are_refused),
        cmocka_unit_test(test_stored_arrays_answer_as_those_that_were_built),
        cmocka_unit_test(test_damaged_arrays_are_refused),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    mr_sequence_list_deinit(&plain_list);
    mr_sequence_list_deinit(&basket_list);
    return failed;
}
