/*
 * Method: a shop whose users keep to one of eight departments.  Trained, written and opened, the
 * recommender must stay in the department of a history it never saw, name a reason out of that
 * history, obey exclusions, keep old indices in a second version, be the same bytes for any
 * number of threads, and refuse every kind of damage.
 */
#include "tests/support.h"

#include "core/file.h"
#include "core/hash.h"
#include "models/blas.h"
#include "models/random.h"
#include "models/recommender.h"
#include "models/recommender_train.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { USERS = 600, ITEMS = 240, EACH = 14, DEPARTMENTS = 8 };

typedef struct shop {
    uint64_t ptr[USERS + 1];
    uint32_t item[USERS * EACH];
    uint32_t time_s[USERS * EACH];
    uint8_t bought[USERS * EACH]; /* all of them */
    char names[ITEMS][16];
    mr_text ids[ITEMS];
} shop;

static shop the_shop;
static char models_path[64];

/* In a department the first items are the most bought: squares of uniforms. */
static mr_training_set open_shop(shop *s, uint32_t first_name, bool with_times)
{
    for (uint32_t i = 0; i < ITEMS; i++) {
        (void)snprintf(s->names[i], sizeof(s->names[i]), "item-%u", i + first_name);
        s->ids[i] = mr_text_from(s->names[i]);
    }
    for (uint32_t u = 0; u < USERS; u++) {
        s->ptr[u] = (uint64_t)u * EACH;
        for (uint32_t n = 0; n < EACH; n++) {
            const uint32_t e = u * EACH + n;
            const double place = mr_random_uniform(3, e);
            const uint32_t within = (uint32_t)(place * place * (ITEMS / DEPARTMENTS));
            const uint32_t department =
                n == 0 ? (uint32_t)(mr_random_bits(4, e) % DEPARTMENTS) : u % DEPARTMENTS;
            s->item[e] = within * DEPARTMENTS + department;
            s->bought[e] = 1;
            s->time_s[e] = 1000000 + (uint32_t)(mr_random_bits(5, e) % 1000000);
        }
    }
    s->ptr[USERS] = USERS * EACH;
    return (mr_training_set){.interactions = {.users = USERS,
                                              .items = ITEMS,
                                              .ptr = s->ptr,
                                              .item = s->item,
                                              .time_s = with_times ? s->time_s : NULL,
                                              .bought = s->bought},
                             .item_ids = s->ids,
                             .plan_hash = "abc",
                             .data_from_ms = 1000000000,
                             .data_to_ms = INT64_C(1795230000000),
                             .seed = 7,
                             .threads = 2,
                             .budget = 3};
}

static mr_recommender *open_version(const char *version, mr_status expected)
{
    char path[256];
    mr_error error = {.message = ""};
    mr_recommender *recommender = NULL;
    (void)snprintf(path, sizeof(path), "%s/%s", models_path, version);
    const mr_status status = mr_recommender_open(path, &recommender, &error);
    if (status != expected)
        fail_msg("open: %s: %s", mr_status_name(status), error.message);
    if (expected != MR_OK)
        assert_true(error.message[0] != '\0');
    return recommender;
}

static mr_training_result train(const mr_training_set *set)
{
    mr_training_result result;
    mr_error error = {.message = ""};
    if (mr_recommender_train(set, models_path, &result, &error) != MR_OK)
        fail_msg("%s", error.message);
    return result;
}

static int make_models(void **state)
{
    (void)state;
    assert_non_null(mr_blas_start());
    (void)snprintf(models_path, sizeof(models_path), "/tmp/test_recommender_%d",
                   (int)getpid());
    return 0;
}

static int clear_models(void **state)
{
    (void)state;
    return mr_directory_remove(models_path, NULL) == MR_OK ? 0 : -1;
}

/* Items 8, 16 and 24 are of department 0. */
static const mr_model_history_item HISTORY[] = {
    {.item = 24, .weight = 1.0F, .time_s = 1990000},
    {.item = MR_ITEM_NONE, .weight = 1.0F, .time_s = 1990000},
    {.item = 16, .weight = 1.0F, .time_s = 1980000},
    {.item = 8, .weight = 1.0F, .time_s = 1970000},
};

static void test_a_history_is_answered_from_its_department_with_a_reason(void **state)
{
    (void)state;
    const mr_training_set set = open_shop(&the_shop, 0, true);
    const mr_training_result result = train(&set);
    mr_recommender *r = open_version(result.version, MR_OK);
    mr_recommender_scratch *scratch = NULL;
    mr_scored_item items[10];
    size_t count = 0;
    const uint32_t exclude[] = {0};
    const mr_recommend_options options = {
        .k = 10, .exclude = exclude, .exclude_count = 1};
    assert_memory_equal(result.version, "20261121T0300Z-", 15);
    assert_string_equal(mr_recommender_version(r), result.version);
    assert_int_equal(mr_recommender_item_count(r), ITEMS);
    assert_ok(mr_recommender_scratch_create(r, &scratch));
    assert_ok(mr_recommender_score(r, scratch, HISTORY, 4, &options, items, &count));
    assert_int_equal(count, 10);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(items[i].item % DEPARTMENTS, 0);
        assert_int_not_equal(items[i].item, 0);
        assert_true(i == 0 || items[i].score <= items[i - 1].score);
        const bool is_own =
            items[i].item == 8 || items[i].item == 16 || items[i].item == 24;
        assert_int_equal(items[i].source == MR_SOURCE_REPEAT, is_own);
        assert_true(
            items[i].source == MR_SOURCE_ITEM_ITEM || items[i].source == MR_SOURCE_IALS ||
            items[i].source == MR_SOURCE_SESSION || items[i].source == MR_SOURCE_REPEAT ||
            items[i].source == MR_SOURCE_BLEND);
        assert_true(items[i].because == MR_ITEM_NONE || items[i].because == 8 ||
                    items[i].because == 16 || items[i].because == 24);
        if (!mr_recommender_recipe(r)->repeats_allowed)
            assert_true(items[i].item != 8 && items[i].item != 16 && items[i].item != 24);
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(items[i].item, items[j].item);
    }
    mr_recommender_scratch_destroy(scratch);
    mr_recommender_destroy(r);
}

static void test_a_stranger_gets_what_is_popular(void **state)
{
    (void)state;
    const mr_training_set set = open_shop(&the_shop, 0, true);
    const mr_training_result result = train(&set);
    mr_recommender *r = open_version(result.version, MR_OK);
    mr_recommender_scratch *scratch = NULL;
    mr_scored_item items[5];
    mr_scored_item popular[5];
    size_t count = 0;
    const mr_recommend_options options = {.k = 5};
    assert_ok(mr_recommender_scratch_create(r, &scratch));
    assert_ok(mr_recommender_score(r, scratch, NULL, 0, &options, items, &count));
    assert_int_equal(count, 5);
    assert_ok(mr_recommender_popular(r, 5, NULL, 0, popular, &count));
    assert_int_equal(count, 5);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(items[i].item, popular[i].item);
        assert_int_equal(items[i].source, MR_SOURCE_POPULAR);
        assert_int_equal(items[i].because, MR_ITEM_NONE);
        assert_true(popular[i].item < 5 * DEPARTMENTS); /* the front of the shelves */
    }
    mr_recommender_scratch_destroy(scratch);
    mr_recommender_destroy(r);
}

static void test_similar_items_are_of_the_same_department(void **state)
{
    (void)state;
    const mr_training_set set = open_shop(&the_shop, 0, false);
    const mr_training_result result = train(&set);
    mr_recommender *r = open_version(result.version, MR_OK);
    mr_recommender_scratch *scratch = NULL;
    mr_scored_item items[8];
    size_t count = 0;
    assert_ok(mr_recommender_scratch_create(r, &scratch));
    assert_ok(mr_recommender_similar(r, scratch, 13, 8, items, &count));
    assert_int_equal(count, 8);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(items[i].item % DEPARTMENTS, 13 % DEPARTMENTS);
        assert_int_not_equal(items[i].item, 13);
    }
    assert_int_equal(mr_recommender_similar(r, scratch, ITEMS, 8, items, &count),
                     MR_ERR_NOT_FOUND);
    assert_int_equal(mr_recommender_similar(r, scratch, 1, 0, items, &count),
                     MR_ERR_INVALID);
    mr_recommender_scratch_destroy(scratch);
    mr_recommender_destroy(r);
}

/* The name of a version holds a hash of all its checksums. */
static void test_any_number_of_threads_writes_the_same_version(void **state)
{
    (void)state;
    mr_training_set set = open_shop(&the_shop, 0, true);
    const mr_training_result two = train(&set);
    set.threads = 1;
    const mr_training_result one = train(&set);
    assert_string_equal(one.version, two.version);
    set.seed = 8;
    const mr_training_result other = train(&set);
    assert_string_not_equal(other.version, two.version);
}

static void test_a_second_version_keeps_the_indices_of_the_first(void **state)
{
    (void)state;
    char current[MR_MODEL_VERSION_BYTES];
    mr_training_set set = open_shop(&the_shop, 0, true);
    const mr_training_result first = train(&set);
    assert_int_equal(mr_models_current(models_path, current, NULL), MR_ERR_NOT_FOUND);
    assert_ok(mr_models_activate(models_path, first.version, NULL));
    assert_ok(mr_models_current(models_path, current, NULL));
    assert_string_equal(current, first.version);
    set = open_shop(&the_shop, 100, true); /* item-100 … item-339 */
    const mr_training_result second = train(&set);
    assert_string_equal(second.parent, first.version);
    assert_int_equal(second.items, ITEMS + 100);
    mr_recommender *a = open_version(first.version, MR_OK);
    mr_recommender *b = open_version(second.version, MR_OK);
    for (uint32_t i = 0; i < ITEMS; i++) {
        assert_true(
            mr_text_equal(mr_recommender_item_id(a, i), mr_recommender_item_id(b, i)));
        assert_int_equal(mr_recommender_find_item(b, mr_recommender_item_id(a, i)), i);
    }
    assert_true(mr_text_is(mr_recommender_item_id(b, ITEMS), "item-240"));
    assert_int_equal(mr_recommender_find_item(b, MR_TEXT("item-999")), MR_ITEM_NONE);
    mr_recommender_destroy(a);
    mr_recommender_destroy(b);
}

static void flip(const char *version, const char *name, long place)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s/%s", models_path, version, name);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, place, SEEK_SET), 0);
    const int byte = fgetc(file);
    assert_int_equal(fseek(file, place, SEEK_SET), 0);
    assert_int_equal(fputc(byte ^ 0x40, file), byte ^ 0x40);
    assert_int_equal(fclose(file), 0);
}

static void test_damage_is_refused_and_repair_accepted(void **state)
{
    (void)state;
    static const char *const names[] = {"item_ids.npy", "item_offsets.npy",
                                        "item_popularity.npy", "bought_together_ptr.npy"};
    char path[256];
    const mr_training_set set = open_shop(&the_shop, 0, true);
    const mr_training_result result = train(&set);
    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        flip(result.version, names[n], 200);
        assert_null(open_version(result.version, MR_ERR_CORRUPT));
        flip(result.version, names[n], 200);
        mr_recommender_destroy(open_version(result.version, MR_OK));
    }
    (void)snprintf(path, sizeof(path), "%s/%s/item_popularity.npy", models_path,
                   result.version);
    assert_int_equal(truncate(path, 300), 0);
    assert_null(open_version(result.version, MR_ERR_CORRUPT));
    assert_int_equal(unlink(path), 0);
    assert_null(open_version(result.version, MR_ERR_CORRUPT));
    assert_null(open_version("20000101T0000Z-0000", MR_ERR_NOT_FOUND));
}

/* The checksum that whoever wrote these words would have put: the file's, its own digits as 0. */
static void seal_manifest(mr_buffer *text)
{
    static const char check[] = "\"check\":\"";
    char digits[9];
    mr_buffer_put_u8(text, 0);
    char *place = strstr((char *)text->bytes, check);
    assert_non_null(place);
    place += strlen(check);
    memset(place, '0', 8);
    text->length--;
    (void)snprintf(digits, sizeof(digits), "%08x",
                   mr_crc32c(0, text->bytes, text->length));
    memcpy(place, digits, 8);
}

static void replace_in_manifest(const char *version, const char *from, const char *to)
{
    char path[256];
    mr_buffer text = {0};
    mr_buffer changed = {0};
    (void)snprintf(path, sizeof(path), "%s/%s/manifest.json", models_path, version);
    assert_ok(mr_file_read(path, &text, NULL));
    mr_buffer_put_u8(&text, 0);
    const char *at = strstr((const char *)text.bytes, from);
    assert_non_null(at);
    mr_buffer_put(&changed, text.bytes, (size_t)(at - (const char *)text.bytes));
    mr_buffer_put(&changed, to, strlen(to));
    mr_buffer_put(&changed, at + strlen(from), strlen(at + strlen(from)));
    seal_manifest(&changed);
    assert_ok(mr_file_replace(path, changed.bytes, changed.length, NULL));
    mr_buffer_deinit(&text);
    mr_buffer_deinit(&changed);
}

static void test_a_newer_format_and_another_kind_are_refused(void **state)
{
    (void)state;
    const mr_training_set set = open_shop(&the_shop, 0, true);
    const mr_training_result result = train(&set);
    replace_in_manifest(result.version, "\"format\":1", "\"format\":2");
    assert_null(open_version(result.version, MR_ERR_INVALID));
    replace_in_manifest(result.version, "\"format\":2", "\"format\":1");
    replace_in_manifest(result.version, "\"recommender\"", "\"churn\"");
    assert_null(open_version(result.version, MR_ERR_INVALID));
    replace_in_manifest(result.version, "\"churn\"", "\"recommender\"");
    replace_in_manifest(result.version, "\"bought_together\":{\"version\":1",
                        "\"bought_together\":{\"version\":2");
    assert_null(open_version(result.version, MR_ERR_INVALID));
    replace_in_manifest(result.version, "\"bought_together\":{\"version\":2",
                        "\"bought_together\":{\"version\":1");
    replace_in_manifest(result.version, "item_ids.npy", "../ids.npy");
    assert_null(open_version(result.version, MR_ERR_CORRUPT));
}

static void test_rows_and_ids_that_are_wrong_are_refused(void **state)
{
    (void)state;
    mr_training_result result;
    mr_training_set set = open_shop(&the_shop, 0, true);
    the_shop.ids[5] = the_shop.ids[4];
    assert_int_equal(mr_recommender_train(&set, models_path, &result, NULL),
                     MR_ERR_INVALID);
    set = open_shop(&the_shop, 0, true);
    the_shop.item[3] = ITEMS;
    assert_int_equal(mr_recommender_train(&set, models_path, &result, NULL),
                     MR_ERR_INVALID);
}

/* Too few users to choose on: a recipe that does not weigh histories. */
static void test_an_item_touched_again_counts_once_where_nothing_is_weighed(void **state)
{
    (void)state;
    mr_training_set set = open_shop(&the_shop, 0, true);
    set.interactions.users = 9;
    const mr_training_result result = train(&set);
    mr_recommender *r = open_version(result.version, MR_OK);
    assert_false(mr_recommender_recipe(r)->history_weighed);
    const mr_model_history_item once[] = {{24, 1.0F, 1990000}, {16, 1.0F, 1980000}};
    const mr_model_history_item often[] = {{24, 1.0F, 1990000},
                                           {16, 0.2F, 1989000},
                                           {16, 1.0F, 1988000},
                                           {24, 1.0F, 1970000},
                                           {16, 1.0F, 1960000}};
    const mr_recommend_options options = {.k = 10};
    mr_recommender_scratch *scratch = NULL;
    mr_scored_item expected[10];
    mr_scored_item actual[10];
    size_t expected_count = 0;
    size_t count = 0;
    assert_ok(mr_recommender_scratch_create(r, &scratch));
    assert_ok(
        mr_recommender_score(r, scratch, once, 2, &options, expected, &expected_count));
    assert_ok(mr_recommender_score(r, scratch, often, 5, &options, actual, &count));
    assert_int_equal(count, expected_count);
    assert_true(expected[0].score > 0.0F);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(actual[i].item, expected[i].item);
        assert_close(actual[i].score, expected[i].score, 0.0);
    }
    mr_recommender_scratch_destroy(scratch);
    mr_recommender_destroy(r);
}

static void test_a_handful_of_users_still_gives_a_model(void **state)
{
    (void)state;
    mr_training_set set = open_shop(&the_shop, 0, true);
    set.interactions.users = 9;
    const mr_training_result result = train(&set);
    mr_recommender_destroy(open_version(result.version, MR_OK));
    assert_int_equal(result.tuned.tries, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH_MODELS(name) cmocka_unit_test_setup_teardown(name, make_models, clear_models)
        WITH_MODELS(test_a_history_is_answered_from_its_department_with_a_reason),
        WITH_MODELS(test_a_stranger_gets_what_is_popular),
        WITH_MODELS(test_similar_items_are_of_the_same_department),
        WITH_MODELS(test_any_number_of_threads_writes_the_same_version),
        WITH_MODELS(test_a_second_version_keeps_the_indices_of_the_first),
        WITH_MODELS(test_damage_is_refused_and_repair_accepted),
        WITH_MODELS(test_a_newer_format_and_another_kind_are_refused),
        WITH_MODELS(test_rows_and_ids_that_are_wrong_are_refused),
        WITH_MODELS(test_an_item_touched_again_counts_once_where_nothing_is_weighed),
        WITH_MODELS(test_a_handful_of_users_still_gives_a_model),
    };
    if (mr_blas_start() == NULL)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
