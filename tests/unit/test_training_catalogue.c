/* Method: records in a catalogue topic on a disk, described to a content model, and the model
 * asked which of them are alike. */
#include "tests/app_support.h"

#include "app/training_catalogue.h"

static const mr_hash_key KEY = {{7}};

static void put(mr_log *log, const char *id, const char *json)
{
    const mr_log_entry entry = {
        .partition = 0, .key = mr_text_from(id), .value = mr_text_from(json)};
    assert_ok(mr_log_append(log, &entry, 1, NULL, NULL));
}

static mr_training_catalogue *read_catalogue(const mr_config *config)
{
    mr_training_catalogue *catalogue = NULL;
    mr_error error = {{0}};
    if (mr_training_catalogue_read(config, &KEY, &catalogue, &error) != MR_OK)
        fail_msg("%s", error.message);
    return catalogue;
}

static void test_items_stand_in_order_and_the_last_record_counts(void **state)
{
    (void)state;
    mr_config config;
    app_configure(&config, 1);
    mr_log *log = app_open(&config, config.log.catalogue_topic);
    put(log, "tea", "{\"title\":\"Green tea\"}");
    put(log, "cup", "{\"title\":\"Cup\"}");
    put(log, "old", "{\"title\":\"Old\"}");
    put(log, "bad", "{\"title\":");
    put(log, "old", "");
    mr_log_close(log);
    mr_training_catalogue *catalogue = read_catalogue(&config);
    assert_int_equal(mr_training_catalogue_count(catalogue), 2);
    assert_true(mr_text_is(mr_training_catalogue_id(catalogue, 0), "cup"));
    assert_true(mr_text_is(mr_training_catalogue_id(catalogue, 1), "tea"));
    mr_training_catalogue_destroy(catalogue);
    mr_config_deinit(&config);
}

static void test_what_is_alike_by_title_is_alike_in_the_model(void **state)
{
    (void)state;
    static const char *const ids[] = {"green", "black", "cup", "unknown"};
    mr_config config;
    app_configure(&config, 1);
    mr_log *log = app_open(&config, config.log.catalogue_topic);
    put(log, "green", "{\"title\":\"Green tea leaves\",\"price\":3}");
    put(log, "black", "{\"title\":\"Black tea leaves\",\"price\":3.5}");
    put(log, "cup", "{\"title\":\"Blue cup\",\"category\":\"kitchen\"}");
    mr_log_close(log);
    mr_training_catalogue *catalogue = read_catalogue(&config);
    mr_content_builder *builder = NULL;
    mr_content *content = NULL;
    const mr_content_options options = mr_content_options_default();
    assert_ok(mr_content_builder_create(4, &builder));
    for (uint32_t i = 0; i < 4; i++)
        assert_ok(
            mr_training_catalogue_describe(catalogue, mr_text_from(ids[i]), i, builder));
    assert_ok(mr_content_build(builder, &options, &content, NULL));
    assert_true(mr_content_similarity(content, 0, 1) > 0.5F);
    assert_close(mr_content_similarity(content, 0, 2), 0.0, 1e-6);
    assert_close(mr_content_similarity(content, 0, 3), 0.0, 1e-6);
    mr_content_destroy(content);
    mr_content_builder_destroy(builder);
    mr_training_catalogue_destroy(catalogue);
    mr_config_deinit(&config);
}

static void test_a_topic_that_is_not_there_is_an_empty_catalogue(void **state)
{
    (void)state;
    mr_config config;
    app_configure(&config, 1);
    mr_training_catalogue *catalogue = read_catalogue(&config);
    assert_int_equal(mr_training_catalogue_count(catalogue), 0);
    mr_training_catalogue_destroy(catalogue);
    mr_config_deinit(&config);
}

int main(void)
{
#define IN_A_DIRECTORY(name)                                                             \
    cmocka_unit_test_setup_teardown(name, app_set_up, app_tear_down)
    const struct CMUnitTest tests[] = {
        IN_A_DIRECTORY(test_items_stand_in_order_and_the_last_record_counts),
        IN_A_DIRECTORY(test_what_is_alike_by_title_is_alike_in_the_model),
        IN_A_DIRECTORY(test_a_topic_that_is_not_there_is_an_empty_catalogue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
