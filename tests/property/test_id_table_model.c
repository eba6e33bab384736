/*
 * Random puts and finds against a model that looks through a list.
 *
 * Ids are short, over two letters, so that the same ones come back; hashes are cut down to a
 * few bits in every other round, so that most ids collide and probes run into each other and
 * around the end.
 */
#include "core/id_table.h"
#include "tests/support.h"

#include <string.h>

enum { ROUNDS = 40, STEPS = 2000, ID_BYTES_MAX = 9 };

typedef struct model {
    char ids[STEPS][ID_BYTES_MAX];
    uint32_t lengths[STEPS];
    uint32_t count;
} model;

static uint64_t seed;

static uint64_t next_random(void)
{
    uint64_t mixed = seed += UINT64_C(0x9E3779B97F4A7C15);
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94D049BB133111EB);
    return mixed ^ (mixed >> 31);
}

static mr_text random_id(char *storage)
{
    const uint32_t length = (uint32_t)(next_random() % (ID_BYTES_MAX + 1));
    for (uint32_t i = 0; i < length; i++)
        storage[i] = (char)('a' + next_random() % 2);
    return (mr_text){.bytes = storage, .length = length};
}

static uint32_t model_find(const model *known, mr_text id)
{
    for (uint32_t i = 0; i < known->count; i++) {
        if (known->lengths[i] == id.length &&
            memcmp(known->ids[i], id.bytes, id.length) == 0)
            return i;
    }
    return MR_ID_NONE;
}

static uint32_t model_put(model *known, mr_text id)
{
    const uint32_t found = model_find(known, id);
    if (found != MR_ID_NONE)
        return found;
    memcpy(known->ids[known->count], id.bytes, id.length);
    known->lengths[known->count] = id.length;
    return known->count++;
}

/* The top bits place an id and the rest tells it apart: the mask decides which are weak. */
static uint64_t hash_of(const mr_hash_key *key, mr_text id, uint64_t mask)
{
    return mr_hash_item(key, id) & mask;
}

static void assert_same(const mr_id_table *table, const model *known)
{
    assert_int_equal(mr_id_table_count(table), known->count);
    for (uint32_t i = 0; i < known->count; i++) {
        const mr_text id = mr_id_table_id(table, i);
        assert_int_equal(id.length, known->lengths[i]);
        if (id.length > 0)
            assert_memory_equal(id.bytes, known->ids[i], id.length);
    }
}

static void run_round(uint64_t mask)
{
    static model known;
    mr_hash_key key;
    mr_id_table *table = NULL;
    char storage[ID_BYTES_MAX];
    known.count = 0;
    mr_hash_key_init(&key, &seed, sizeof(seed));
    assert_ok(mr_id_table_create(&key, &table));

    for (int step = 0; step < STEPS; step++) {
        const mr_text id = random_id(storage);
        const uint64_t hash = hash_of(&key, id, mask);
        if (next_random() % 3 == 0) {
            assert_int_equal(mr_id_table_find_hashed(table, hash, id),
                             model_find(&known, id));
            continue;
        }
        uint32_t index = MR_ID_NONE;
        assert_ok(mr_id_table_put_hashed(table, hash, id, &index));
        assert_int_equal(index, model_put(&known, id));
        assert_true(mr_id_table_hash(table, index) == hash);
    }
    assert_same(table, &known);
    mr_id_table_destroy(table);
}

static void test_equals_the_list_with_good_hashes(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++)
        run_round(UINT64_MAX);
}

static void test_equals_the_list_when_most_ids_start_at_a_few_slots(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++)
        run_round(UINT64_C(0x8000000000000007) << (round % 2));
}

static void test_equals_the_list_when_all_ids_start_at_the_last_slot(void **state)
{
    (void)state;
    static model known;
    mr_hash_key key;
    mr_id_table *table = NULL;
    char storage[ID_BYTES_MAX];
    known.count = 0;
    mr_hash_key_init(&key, NULL, 0);
    assert_ok(mr_id_table_create(&key, &table));

    for (int step = 0; step < STEPS; step++) {
        const mr_text id = random_id(storage);
        uint32_t index = MR_ID_NONE;
        assert_ok(mr_id_table_put_hashed(table, ~(hash_of(&key, id, 3)), id, &index));
        assert_int_equal(index, model_put(&known, id));
    }
    assert_same(table, &known);
    mr_id_table_destroy(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equals_the_list_with_good_hashes),
        cmocka_unit_test(test_equals_the_list_when_most_ids_start_at_a_few_slots),
        cmocka_unit_test(test_equals_the_list_when_all_ids_start_at_the_last_slot),
    };
    return cmocka_run_group_tests_name("id_table_model", tests, NULL, NULL);
}
