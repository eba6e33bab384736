/*
 * Associations over random baskets against their definition: exact while there is room, and with
 * little room short by no more than is said, never more.
 */
#include "app/associations.h"
#include "tests/feature_batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEEDS = 30, USERS = 40, VISITS = 6, ITEMS = 24 };

typedef struct world {
    mr_plan *plan;
    mr_hash_key key;
    mr_shard *shard;
    unsigned seed;
    uint32_t baskets;
    uint32_t with[ITEMS];
    uint32_t both[ITEMS][ITEMS]; /* [smaller][larger] */
} world;

static unsigned draw(world *w, unsigned below)
{
    w->seed = w->seed * 1103515245U + 12345U;
    return w->seed / 65536U % below;
}

static void buy(world *w, int user, int visit)
{
    bool has[ITEMS] = {false};
    const unsigned lines = 1 + draw(w, 5);
    for (unsigned line = 0; line < lines; line++) {
        /* Low numbers are popular. */
        const unsigned item = draw(w, 1 + draw(w, ITEMS));
        char name[16];
        char who[16];
        has[item] = true;
        (void)snprintf(name, sizeof(name), "item-%02u", item);
        (void)snprintf(who, sizeof(who), "user-%d", user);
        test_apply(
            w->shard,
            test_purchase(who, name, START_MS + visit * DAY_MS + line * 1000, "", 100));
    }
    w->baskets++;
    for (int a = 0; a < ITEMS; a++) {
        w->with[a] += has[a];
        for (int b = a + 1; b < ITEMS; b++)
            w->both[a][b] += has[a] && has[b];
    }
}

static void build(world *w, unsigned seed)
{
    *w = (world){.seed = seed};
    mr_hash_key_init(&w->key, "secret", 6);
    assert_ok(mr_plan_create_default(&w->plan));
    const mr_shard_options options = {
        .plan = w->plan, .hash_key = &w->key, .topic = "events", .partition = 0};
    assert_ok(mr_shard_create(&options, &w->shard));
    for (int visit = 0; visit < VISITS; visit++) {
        for (int user = 0; user < USERS; user++)
            buy(w, user, visit);
    }
}

static void destroy(world *w)
{
    mr_shard_destroy(w->shard);
    mr_plan_destroy(w->plan);
}

static mr_json *answer(const world *w, size_t pairs_max)
{
    mr_buffer text = {0};
    mr_json_writer writer = mr_json_writer_of(&text);
    mr_json *document = NULL;
    mr_shard *shards[] = {w->shard};
    mr_census census = {.plan = w->plan,
                        .shards = shards,
                        .count = 1,
                        .of = 1,
                        .at_ms = mr_shard_newest_ms(w->shard)};
    const mr_associations_query query = {
        .limit = (size_t)ITEMS * ITEMS, .least = 1, .pairs_max = pairs_max};
    assert_ok(mr_associations_write(&census, &query, &writer));
    assert_ok(mr_json_parse((mr_text){(const char *)text.bytes, (uint32_t)text.length},
                            &document, NULL));
    mr_buffer_deinit(&text);
    return document;
}

static int64_t number(mr_json_value *object, const char *key)
{
    return mr_json_int(mr_json_get(object, key), -1);
}

static unsigned item_of(mr_json_value *pair, const char *key)
{
    char name[16] = "";
    const mr_text text = mr_json_text(mr_json_get(pair, key), (mr_text){0});
    assert_true(text.length < sizeof(name));
    memcpy(name, text.bytes, text.length);
    return (unsigned)strtoul(name + strlen("item-"), NULL, 10);
}

static void check_pair(const world *w, mr_json_value *pair, int64_t short_by,
                       bool found[ITEMS][ITEMS])
{
    const unsigned a = item_of(pair, "a");
    const unsigned b = item_of(pair, "b");
    assert_true(a < b && b < ITEMS && !found[a][b]);
    found[a][b] = true;
    const int64_t baskets = number(pair, "baskets");
    assert_true(baskets <= w->both[a][b] && w->both[a][b] <= baskets + short_by);
    const double all = w->baskets;
    const double both = (double)baskets;
    assert_true(fabs(mr_json_double(mr_json_get(pair, "support"), -1.0) - both / all) <
                1e-6);
    assert_true(fabs(mr_json_double(mr_json_get(pair, "confidence_a_to_b"), -1.0) -
                     both / w->with[a]) < 1e-4);
    assert_true(fabs(mr_json_double(mr_json_get(pair, "confidence_b_to_a"), -1.0) -
                     both / w->with[b]) < 1e-4);
    assert_true(fabs(mr_json_double(mr_json_get(pair, "lift"), -1.0) -
                     both * all / ((double)w->with[a] * w->with[b])) < 1e-3);
}

/* A pair that is not listed was in no more baskets than is said. */
static void check(const world *w, size_t pairs_max)
{
    bool found[ITEMS][ITEMS] = {{false}};
    mr_json *document = answer(w, pairs_max);
    mr_json_value *root = mr_json_root(document);
    mr_json_value *pairs = mr_json_get(root, "associations");
    const int64_t short_by = number(root, "short_by_at_most");
    assert_int_equal(number(root, "baskets"), w->baskets);
    for (size_t i = 0; i < mr_json_count(pairs); i++)
        check_pair(w, mr_json_at(pairs, i), short_by, found);
    for (int a = 0; a < ITEMS; a++) {
        for (int b = a + 1; b < ITEMS; b++)
            assert_true(found[a][b] || w->both[a][b] <= short_by);
    }
    if (pairs_max == 0)
        assert_int_equal(short_by, 0);
    else
        assert_true(short_by > 0 && mr_json_count(pairs) <= pairs_max);
    mr_json_destroy(document);
}

static void test_counts_are_exact_or_short_by_what_is_said(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= SEEDS; seed++) {
        world w;
        build(&w, seed);
        check(&w, 0);
        check(&w, 100);
        check(&w, 30);
        destroy(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_are_exact_or_short_by_what_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
