/*
 * Plan file: YAML with lines in its messages, what is printed of a plan, and the document made of it.
 */
#include "app/feature_list.h"
#include "app/plan_file.h"
#include "core/json.h"
#include "features/plan_read.h"
#include "tests/support.h"
#include "tests/text_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void write_plan(const char *text, char ret_path[TEXT_PATH_BYTES])
{
    (void)text_write("plan.yaml", text, ret_path);
}

static void refuse(const char *text, const char *reason)
{
    mr_plan *plan = NULL;
    mr_error error = {{0}};
    char path[TEXT_PATH_BYTES];
    write_plan(text, path);
    assert_int_equal(mr_plan_file_load(path, &plan, &error), MR_ERR_INVALID);
    assert_true(strncmp(error.message, path, strlen(path)) == 0);
    if (strstr(error.message, reason) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.message, reason);
}

static void test_what_is_wrong_is_named_with_its_line(void **state)
{
    (void)state;
    refuse("features:\n  - {name: a, on: view, aggregate: count}\n"
           "  - name: b\n    on: purchase\n    aggregate: sum\n    of: colour\n",
           ":6: features[1].of (b): 'colour' is none");
    refuse("features: {a: 1}\n", ":1: features: must be a list");
    refuse("features:\n  - [1]\n", ":2: features[0]: must be such as");
    refuse("fetures: []\n", ":1: fetures: unknown member");
    refuse("features: [\n", "not YAML");
    refuse("", "is empty");
}

static void test_a_file_that_is_not_there_is_named(void **state)
{
    (void)state;
    mr_plan *plan = NULL;
    mr_error error = {{0}};
    assert_int_equal(mr_plan_file_load("/no/such/plan.yaml", &plan, &error),
                     MR_ERR_NOT_FOUND);
    assert_non_null(strstr(error.message, "/no/such/plan.yaml: No such file"));
}

static void test_what_is_written_of_the_default_plan_is_the_default_plan(void **state)
{
    (void)state;
    mr_buffer yaml = {0};
    char path[TEXT_PATH_BYTES];
    mr_plan *standard = NULL;
    mr_plan *plan = NULL;
    assert_ok(mr_plan_file_load("", &standard, NULL));
    mr_plan_write(standard, &yaml);
    mr_buffer_put_u8(&yaml, 0);
    write_plan((const char *)yaml.bytes, path);
    assert_ok(mr_plan_file_load(path, &plan, NULL));
    assert_true(mr_plan_hash(plan) == mr_plan_hash(standard));
    assert_int_equal(mr_plan_vector_width(plan), mr_plan_vector_width(standard));
    for (size_t i = 0; i < mr_plan_feature_count(plan); i++)
        assert_string_equal(mr_plan_feature(plan, i)->meaning,
                            mr_plan_feature(standard, i)->meaning);
    for (size_t i = 0; i < mr_plan_vector_width(plan); i++)
        assert_string_equal(mr_plan_vector_column(plan, i)->name,
                            mr_plan_vector_column(standard, i)->name);
    mr_plan_destroy(plan);
    mr_plan_destroy(standard);
    mr_buffer_deinit(&yaml);
}

/* Each kind of bytes: in the row, with entries, another feature's. */
static void test_the_list_says_what_a_feature_takes(void **state)
{
    (void)state;
    mr_plan *plan = NULL;
    mr_buffer text = {0};
    mr_json *json = NULL;
    assert_ok(mr_plan_file_load(NULL, &plan, NULL));
    mr_feature_list_write(plan, MR_FEATURE_LIST_JSON, &text);
    assert_ok(mr_json_parse((mr_text){(const char *)text.bytes, (uint32_t)text.length},
                            &json, NULL));
    mr_json_value *features = mr_json_get(mr_json_root(json), "features");
    assert_int_equal(mr_json_count(features), mr_plan_feature_count(plan));
    size_t seen = 0;
    for (size_t i = 0; i < mr_json_count(features); i++) {
        mr_json_value *feature = mr_json_at(features, i);
        const mr_text name = mr_json_text(mr_json_get(feature, "name"), (mr_text){0});
        const int64_t bytes = mr_json_int(mr_json_get(feature, "bytes"), -1);
        const mr_text shares = mr_json_text(mr_json_get(feature, "shares"), (mr_text){0});
        if (mr_text_is(name, "spend")) {
            assert_int_equal(bytes, 8);
            seen++;
        } else if (mr_text_is(name, "history")) {
            assert_int_equal(mr_json_int(mr_json_get(feature, "entry_bytes"), 0), 12);
            assert_int_equal(mr_json_int(mr_json_get(feature, "entries_max"), 0), 280);
            seen++;
        } else if (mr_text_is(name, "spend_90d")) {
            assert_true(mr_text_is(shares, "purchases_30d"));
            seen++;
        }
    }
    assert_int_equal(seen, 3);
    mr_json_destroy(json);
    mr_buffer_deinit(&text);
    mr_plan_destroy(plan);
}

static void read_document(mr_buffer *document)
{
    const char *root = getenv("MILLRACE_SOURCE");
    char path[512];
    char piece[4096];
    size_t bytes;
    (void)snprintf(path, sizeof(path), "%s/docs/FEATURES.md", root != NULL ? root : "..");
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    while ((bytes = fread(piece, 1, sizeof(piece), file)) > 0)
        mr_buffer_put(document, piece, bytes);
    assert_int_equal(fclose(file), 0);
    mr_buffer_put_u8(document, 0);
}

/* docs/FEATURES.md holds what `millrace features describe` prints of the default plan. */
static void test_the_document_is_made_of_the_default_plan(void **state)
{
    (void)state;
    mr_plan *plan = NULL;
    mr_buffer tables = {0};
    mr_buffer yaml = {0};
    mr_buffer document = {0};
    read_document(&document);
    assert_ok(mr_plan_file_load(NULL, &plan, NULL));
    mr_feature_list_write(plan, MR_FEATURE_LIST_MARKDOWN, &tables);
    mr_plan_write(plan, &yaml);
    mr_buffer_put_u8(&tables, 0);
    mr_buffer_put_u8(&yaml, 0);
    assert_non_null(strstr((const char *)document.bytes, (const char *)tables.bytes));
    assert_non_null(strstr((const char *)document.bytes, (const char *)yaml.bytes));
    mr_buffer_deinit(&tables);
    mr_buffer_deinit(&yaml);
    mr_plan_destroy(plan);
    mr_buffer_deinit(&document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_wrong_is_named_with_its_line),
        cmocka_unit_test(test_a_file_that_is_not_there_is_named),
        cmocka_unit_test(test_what_is_written_of_the_default_plan_is_the_default_plan),
        cmocka_unit_test(test_the_list_says_what_a_feature_takes),
        cmocka_unit_test(test_the_document_is_made_of_the_default_plan),
    };
    return cmocka_run_group_tests(tests, text_set_up, text_tear_down);
}
