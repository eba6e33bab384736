/*
 * Model slot: a version is trained into a directory and loaded as serving does, with a churn
 * model that fits the plan, one that does not, and none.
 */
#include "app/model_slot.h"
#include "core/file.h"
#include "models/blas.h"
#include "models/recommender_train.h"
#include "tests/support.h"

#include <stdio.h>
#include <string.h>

enum { USERS = 8, ITEMS = 6, ROWS = 200, COLUMNS_MAX = 256 };

typedef enum churn_kind {
    NO_CHURN,
    FITTING,
    OTHER_NAME,
    FEWER_COLUMNS,
    NO_JSON
} churn_kind;

typedef struct fixture {
    char path[64];
    mr_plan *plan;
    mr_hash_key key;
    churn_kind kind;
    mr_model_slot *slot;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    assert_non_null(mr_blas_start());
    mr_hash_key_init(&f->key, "secret", 6);
    assert_ok(mr_plan_create_default(&f->plan));
    (void)snprintf(f->path, sizeof(f->path), "/tmp/millrace-slot-XXXXXX");
    assert_non_null(mkdtemp(f->path));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    mr_model_slot_destroy(f->slot);
    mr_plan_destroy(f->plan);
    assert_ok(mr_directory_remove(f->path, NULL));
    free(f);
    return 0;
}

/* Rows whose label follows the first column. */
static void write_churn(const fixture *f, mr_buffer *ret_json)
{
    static float values[ROWS * COLUMNS_MAX];
    static uint8_t labels[ROWS];
    const char *names[COLUMNS_MAX];
    const uint32_t columns =
        (uint32_t)mr_plan_vector_width(f->plan) - (f->kind == FEWER_COLUMNS);
    assert_true(columns <= COLUMNS_MAX);
    for (uint32_t j = 0; j < columns; j++)
        names[j] = mr_plan_vector_column(f->plan, j)->name;
    if (f->kind == OTHER_NAME)
        names[1] = "phase_of_the_moon";
    for (uint32_t i = 0; i < ROWS; i++) {
        labels[i] = (uint8_t)(i % 3 == 0);
        for (uint32_t j = 0; j < columns; j++)
            values[i * columns + j] =
                j == 0 ? (float)(i % 3 == 0) + (float)(i % 7) : 0.0F;
    }
    const mr_churn_rows rows = {
        .values = values, .labels = labels, .count = ROWS, .columns = columns};
    const mr_churn_options options = {.names = names, .label_window_days = 30, .seed = 1};
    mr_churn_model *model = NULL;
    assert_ok(mr_churn_model_train(&rows, &options, &model, NULL));
    mr_churn_model_to_json(model, ret_json);
    mr_churn_model_destroy(model);
}

static mr_status add_files(void *context, mr_model_writer *writer, mr_error *ret_error)
{
    const fixture *f = context;
    char path[MR_MODEL_PATH_BYTES];
    mr_buffer json = {0};
    if (f->kind == NO_CHURN)
        return MR_OK;
    if (f->kind == NO_JSON)
        mr_buffer_put_text(&json, MR_TEXT("not a model"));
    else
        write_churn(f, &json);
    mr_model_writer_path(writer, MR_MODEL_CHURN_FILE, path);
    assert_ok(mr_file_replace(path, json.bytes, json.length, ret_error));
    mr_buffer_deinit(&json);
    return mr_model_writer_note(writer, MR_MODEL_CHURN_FILE, ret_error);
}

static void train(fixture *f, churn_kind kind, char ret_version[MR_MODEL_VERSION_BYTES])
{
    const mr_text ids[ITEMS] = {MR_TEXT("a"), MR_TEXT("b"), MR_TEXT("c"),
                                MR_TEXT("d"), MR_TEXT("e"), MR_TEXT("f")};
    uint64_t ptr[USERS + 1] = {0};
    uint32_t item[USERS * 3];
    for (uint32_t u = 0; u < USERS; u++) {
        ptr[u + 1] = ptr[u] + 3;
        for (uint32_t i = 0; i < 3; i++)
            item[ptr[u] + i] = (u + i) % ITEMS;
    }
    f->kind = kind;
    const mr_training_set set = {
        .interactions = {.users = USERS, .items = ITEMS, .ptr = ptr, .item = item},
        .item_ids = ids,
        .seed = 1,
        .threads = 1,
        .add_files = add_files,
        .context = f};
    mr_training_result result;
    mr_error error = {{0}};
    assert_ok(mr_recommender_train(&set, f->path, &result, &error));
    (void)snprintf(ret_version, MR_MODEL_VERSION_BYTES, "%s", result.version);
}

static void train_and_open(fixture *f, churn_kind kind)
{
    char version[MR_MODEL_VERSION_BYTES];
    mr_error error = {{0}};
    train(f, kind, version);
    assert_ok(mr_model_slot_open(f->path, version, &f->key, f->plan, &f->slot, &error));
}

static void test_finds_items_by_the_hash_that_cached_states_hold(void **state)
{
    fixture *f = *state;
    train_and_open(f, NO_CHURN);
    const mr_recommender *recommender = mr_model_slot_recommender(f->slot);
    assert_int_equal(mr_recommender_item_count(recommender), ITEMS);
    for (uint32_t i = 0; i < ITEMS; i++) {
        const mr_text id = mr_recommender_item_id(recommender, i);
        assert_int_equal(mr_model_slot_item_by_hash(f->slot, mr_hash_item(&f->key, id)),
                         i);
    }
    assert_int_equal(
        mr_model_slot_item_by_hash(f->slot, mr_hash_item(&f->key, MR_TEXT("z"))),
        MR_ITEM_NONE);
}

static void test_has_no_churn_model_when_the_version_has_none(void **state)
{
    fixture *f = *state;
    train_and_open(f, NO_CHURN);
    assert_null(mr_model_slot_churn(f->slot));
    assert_null(mr_model_slot_churn_phrases(f->slot));
    assert_string_equal(mr_model_slot_churn_refused(f->slot), "");
}

static void test_gives_each_column_the_plans_phrase(void **state)
{
    fixture *f = *state;
    train_and_open(f, FITTING);
    const mr_churn_model *churn = mr_model_slot_churn(f->slot);
    assert_non_null(churn);
    assert_int_equal(mr_churn_model_label_window_days(churn), 30);
    const char *const *phrases = mr_model_slot_churn_phrases(f->slot);
    for (uint32_t j = 0; j < mr_churn_model_columns(churn); j++)
        assert_string_equal(phrases[j], mr_plan_vector_column(f->plan, j)->phrase);
}

static void test_refuses_a_churn_model_of_other_features_and_still_recommends(
    void **state)
{
    fixture *f = *state;
    const churn_kind kinds[] = {OTHER_NAME, FEWER_COLUMNS, NO_JSON};
    for (size_t i = 0; i < 3; i++) {
        train_and_open(f, kinds[i]);
        assert_null(mr_model_slot_churn(f->slot));
        assert_null(mr_model_slot_churn_phrases(f->slot));
        assert_true(strlen(mr_model_slot_churn_refused(f->slot)) > 0);
        if (kinds[i] == OTHER_NAME)
            assert_non_null(
                strstr(mr_model_slot_churn_refused(f->slot), "phase_of_the_moon"));
        assert_int_equal(mr_recommender_item_count(mr_model_slot_recommender(f->slot)),
                         ITEMS);
        mr_model_slot_destroy(f->slot);
        f->slot = NULL;
    }
}

static void test_refuses_a_version_whose_churn_file_was_changed(void **state)
{
    fixture *f = *state;
    char version[MR_MODEL_VERSION_BYTES];
    char path[256];
    mr_error error = {{0}};
    train(f, FITTING, version);
    (void)snprintf(path, sizeof(path), "%s/%s/" MR_MODEL_CHURN_FILE, f->path, version);
    assert_ok(mr_file_replace(path, "{}", 2, &error));
    assert_int_equal(
        mr_model_slot_open(f->path, version, &f->key, f->plan, &f->slot, &error),
        MR_ERR_CORRUPT);
    assert_int_equal(mr_model_slot_open(f->path, "no-such-version", &f->key, f->plan,
                                        &f->slot, &error),
                     MR_ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_finds_items_by_the_hash_that_cached_states_hold, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_has_no_churn_model_when_the_version_has_none,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_gives_each_column_the_plans_phrase, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            test_refuses_a_churn_model_of_other_features_and_still_recommends, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(
            test_refuses_a_version_whose_churn_file_was_changed, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
