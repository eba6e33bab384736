/*
 * The best of a blend by bounds against the blend of whole rows, sorted: for random tables, any
 * mixture of members, both scales, lists of any length, items that are alike in everything,
 * catalogues shorter than the list, and users whose factors are all 0.  Lists are equal in every
 * place but where two scores are closer than the rounding of a mean.
 */
#include "models/fold_in.h"
#include "models/random.h"
#include "models/set_index.h"
#include "models/set_ranking.h"
#include "tests/score_order.h"
#include "tests/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ITEMS_MAX = 3000, WIDTH = 32, NEIGHBOURS = 12, SHOPS = 40, QUERIES = 6 };

static const float NEAR = 1e-4F; /* of scores that have deviation 1 */

typedef struct shop {
    uint32_t items;
    mr_recipe recipe;
    mr_dense factors;
    mr_fold_in *fold_in;
    mr_sparse_matrix item_item;
    float popular[ITEMS_MAX];
    mr_set_model whole;   /* without an index */
    mr_set_model indexed; /* with it          */
    mr_set_index *index;
    mr_set_scratch *whole_scratch;
    mr_set_scratch *scratch;
} shop;

/* Every tenth item is its predecessor's twin, or has no factors at all. */
static void draw_factors(shop *s, uint64_t seed)
{
    assert_ok(mr_dense_init(&s->factors, s->items, WIDTH));
    for (uint32_t i = 0; i < s->items; i++) {
        float *row = mr_dense_row(&s->factors, i);
        for (uint32_t f = 0; f < WIDTH; f++)
            row[f] = (float)(0.1 * mr_random_normal(seed, i * WIDTH + f)) + 0.02F;
        if (i % 10 == 9 && i % 20 == 9)
            memcpy(row, mr_dense_row(&s->factors, i - 1), WIDTH * sizeof(float));
        else if (i % 10 == 9)
            memset(row, 0, WIDTH * sizeof(float));
    }
}

static void draw_item_item(shop *s, uint64_t seed)
{
    const uint32_t each = s->items < NEIGHBOURS ? s->items : (uint32_t)NEIGHBOURS;
    mr_sparse_matrix *m = &s->item_item;
    *m = (mr_sparse_matrix){
        .rows = s->items,
        .columns = s->items,
        .ptr = calloc((size_t)s->items + 1, sizeof(*m->ptr)),
        .index = calloc((size_t)s->items * each + 1, sizeof(*m->index)),
        .values = calloc((size_t)s->items * each + 1, sizeof(*m->values))};
    for (uint32_t i = 0; i < s->items; i++) {
        const uint32_t first =
            (uint32_t)(mr_random_bits(seed, i) % (s->items - each + 1));
        for (uint32_t n = 0; n < each; n++) {
            const uint64_t at = m->ptr[i] + n;
            m->index[at] = first + n;
            m->values[at] = (float)(1 + mr_random_bits(seed + 1, at) % 4);
        }
        m->ptr[i + 1] = m->ptr[i] + each;
    }
}

static void open_shop(shop *s, uint64_t seed)
{
    static const uint32_t sizes[] = {1, 7, 60, 900, ITEMS_MAX};
    const uint32_t members = 1 + (uint32_t)(seed % 7); /* any but none of three */
    mr_worker_pool *pool = NULL;
    memset(s, 0, sizeof(*s));
    s->items = sizes[seed % 5];
    s->recipe.ials = (mr_ials_options){
        .dimension = WIDTH, .epochs = 1, .alpha0 = 0.1F, .lambda = 0.05F, .nu = 1.0F};
    s->recipe.blend.scale = seed % 2 == 0 ? MR_BLEND_DEVIATION : MR_BLEND_MAXIMUM;
    s->recipe.blend.weights[MR_MEMBER_ITEM_ITEM] = (members & 1) != 0 ? 1.0F : 0.0F;
    s->recipe.blend.weights[MR_MEMBER_IALS] = (members & 2) != 0 ? 0.7F : 0.0F;
    s->recipe.blend.weights[MR_MEMBER_POPULAR] = (members & 4) != 0 ? 0.3F : 0.0F;
    s->recipe.history_weighed = seed % 3 == 0;
    for (uint32_t i = 0; i < s->items; i++)
        s->popular[i] = (float)(mr_random_bits(seed + 3, i) % 50);
    draw_factors(s, seed + 1);
    draw_item_item(s, seed + 2);
    assert_ok(mr_worker_pool_create(1, &pool));
    assert_ok(mr_fold_in_create(&s->factors, &s->recipe.ials, pool, &s->fold_in));
    mr_worker_pool_destroy(pool);
    s->whole = (mr_set_model){.recipe = &s->recipe,
                              .items = s->items,
                              .item_item = &s->item_item,
                              .fold_in = s->fold_in,
                              .popular = s->popular};
    s->indexed = s->whole;
    assert_ok(mr_set_index_create(&s->whole, &s->index));
    assert_non_null(s->index);
    s->indexed.index = s->index;
    assert_ok(mr_set_scratch_create(&s->whole, &s->whole_scratch));
    assert_ok(mr_set_scratch_create(&s->indexed, &s->scratch));
}

static void close_shop(shop *s)
{
    mr_set_scratch_destroy(s->scratch);
    mr_set_scratch_destroy(s->whole_scratch);
    mr_set_index_destroy(s->index);
    mr_fold_in_destroy(s->fold_in);
    mr_dense_deinit(&s->factors);
    mr_sparse_matrix_deinit(&s->item_item);
}

/* A place holds the item of the sorted row, or one whose score is as good as the same. */
static void check(const shop *s, const float *row, const mr_ranked *best, uint32_t found,
                  uint32_t k)
{
    static uint32_t order[ITEMS_MAX];
    bool listed[ITEMS_MAX] = {false};
    score_order(row, s->items, order);
    assert_int_equal(found, k < s->items ? k : s->items);
    for (uint32_t i = 0; i < found; i++) {
        const float score = row[best[i].index];
        const float near = NEAR * fmaxf(1.0F, fabsf(score));
        assert_false(listed[best[i].index]);
        listed[best[i].index] = true;
        assert_true(fabsf(best[i].score - score) <= near);
        assert_true(best[i].index == order[i] || fabsf(score - row[order[i]]) <= near);
        /* Of what is exactly alike the first by item stands first. */
        if (i > 0 && !(best[i - 1].score > best[i].score))
            assert_true(best[i - 1].index < best[i].index);
    }
}

static void ask(shop *s, const mr_query *query, uint32_t k)
{
    static float row[ITEMS_MAX];
    static float at[ITEMS_MAX];
    static mr_ranked best[MR_TOP_K_MAX];
    static uint32_t all[ITEMS_MAX];
    static mr_scored_item known[MR_TOP_K_MAX];
    static mr_scored_item items[MR_TOP_K_MAX];
    mr_set_score(&s->whole, s->whole_scratch, query, row);
    mr_set_ask(&s->indexed, s->scratch, query);
    const uint32_t found = mr_set_best(&s->indexed, s->scratch, k, best);
    if (query->count == 0)
        assert_int_equal(found, 0);
    else
        check(s, row, best, found, k);
    for (uint32_t i = 0; i < s->items; i++)
        all[i] = s->items - 1 - i;
    mr_set_at(&s->indexed, s->scratch, all, s->items, at);
    for (uint32_t i = 0; i < s->items; i++)
        assert_true(fabsf(at[i] - row[i]) <= NEAR * fmaxf(1.0F, fabsf(row[i])));
    mr_set_explain(&s->whole, s->whole_scratch, best, found, known);
    mr_set_explain(&s->indexed, s->scratch, best, found, items);
    for (uint32_t i = 0; i < found; i++) {
        assert_memory_equal(&at[best[i].index], &best[i].score, sizeof(float));
        assert_int_equal(items[i].item, best[i].index);
        assert_int_equal(items[i].because, known[i].because);
    }
}

static void test_lists_are_those_of_the_whole_row(void **state)
{
    static const uint32_t lengths[] = {1, 20, 100, 500, MR_TOP_K_MAX};
    static shop s;
    (void)state;
    for (uint64_t seed = 0; seed < SHOPS; seed++) {
        open_shop(&s, seed);
        for (uint64_t q = 0; q < QUERIES; q++) {
            uint32_t item[12];
            float weight[12];
            const size_t count = mr_random_bits(seed + 50, q) % 13;
            for (size_t h = 0; h < count; h++) {
                item[h] = (uint32_t)(mr_random_bits(seed + 51, q * 12 + h) % s.items);
                if (q == QUERIES - 1 && s.items > 19)
                    item[h] = 19; /* no factors: the user's are 0 */
                weight[h] = (float)(1 + h % 3);
            }
            const mr_query query = {.item = item, .weight = weight, .count = count};
            ask(&s, &query, lengths[(seed + q) % 5]);
        }
        close_shop(&s);
    }
}

static void test_what_only_rows_tell_has_no_index(void **state)
{
    static shop s;
    mr_set_index *index = NULL;
    (void)state;
    open_shop(&s, 62); /* all three members */
    s.item_item.values[5] = -1.0F;
    assert_ok(mr_set_index_create(&s.whole, &index));
    assert_null(index);
    s.item_item.values[5] = 1.0F;
    s.recipe.blend.weights[MR_MEMBER_EASE] = 0.1F;
    assert_ok(mr_set_index_create(&s.whole, &index));
    assert_null(index);
    s.recipe.blend.weights[MR_MEMBER_EASE] = 0.0F;
    close_shop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists_are_those_of_the_whole_row),
        cmocka_unit_test(test_what_only_rows_tell_has_no_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
