/* Method: YAML is written to a file and loaded; what is wrong with it must be named by file, line
 * and key.  The tables of docs/CONFIGURATION.md are held against the schema. */
#include "tests/app_support.h"

#include "app/config_schema.h"
#include "app/keys.h"

#include <ctype.h>
#include <sys/stat.h>

static mr_status load(const char *yaml, mr_config *ret_config, mr_error *ret_error)
{
    char path[APP_PATH_BYTES];
    return mr_config_load(app_write_text("c.yaml", yaml, path), ret_config, ret_error);
}

static void expect_complaint(const char *yaml, const char *place, const char *part)
{
    mr_config config;
    mr_error error = {{0}};
    char start[APP_PATH_BYTES + 64];
    (void)snprintf(start, sizeof(start), "%s/c.yaml:%s", app_directory, place);
    assert_int_equal(load(yaml, &config, &error), MR_ERR_INVALID);
    if (strncmp(error.message, start, strlen(start)) != 0 ||
        strstr(error.message, part) == NULL)
        fail_msg("\"%s\" does not begin with %s and say %s", error.message, start, part);
}

static void test_no_file_at_all_is_the_embedded_engine(void **state)
{
    (void)state;
    mr_config config;
    assert_ok(mr_config_load(NULL, &config, NULL));
    assert_int_equal(config.log.kind, MR_KIND_LOCAL);
    assert_int_equal(config.cache.kind, MR_KIND_LOCAL);
    assert_string_equal(config.log.path, "data/log");
    assert_int_equal(config.state.interval_ms, 10000);
    assert_int_equal(config.state.memory_bytes, INT64_C(8) << 30);
    assert_int_equal(config.placement_count, 1);
    assert_string_equal(config.placements[0].name, "home");
    assert_int_equal(config.placements[0].purchased, MR_PURCHASED_SHOW);
    mr_config_deinit(&config);
}

static void test_values_of_every_kind_are_read(void **state)
{
    (void)state;
    mr_config config;
    mr_error error = {{0}};
    const mr_status status =
        load("log:\n"
             "  kind: kafka\n"
             "  mode: group\n"
             "  kafka: {bootstrap.servers: 'a:1,b:2', linger.ms: 5}\n"
             "cache: {ttl: 12h, memory_limit: 64MiB}\n"
             "http: {listen: '0.0.0.0:80', threads: 3}\n"
             "placements:\n"
             "  home: {n: 12, purchased: 'hide_for 30d'}\n"
             "  cart: {}\n",
             &config, &error);
    if (status != MR_OK)
        fail_msg("%s", error.message);
    assert_int_equal(config.log.kind, MR_KIND_REMOTE);
    assert_int_equal(config.log.mode, 1);
    assert_int_equal(config.log.kafka_count, 2);
    assert_string_equal(config.log.kafka[0].value, "a:1,b:2");
    assert_int_equal(config.cache.ttl_ms, 12 * 3600 * 1000);
    assert_int_equal(config.cache.memory_bytes, 64 << 20);
    assert_int_equal(config.http.threads, 3);
    assert_int_equal(config.placement_count, 2);
    assert_int_equal(config.placements[0].n, 12);
    assert_int_equal(config.placements[0].purchased, MR_PURCHASED_HIDE_FOR);
    assert_int_equal(config.placements[0].hide_for_ms, INT64_C(2592000000));
    assert_string_equal(config.placements[1].name, "cart");
    assert_int_equal(config.placements[1].purchased, MR_PURCHASED_HIDE);
    assert_int_equal(config.placements[1].n, 20);
    mr_config_deinit(&config);
}

static void test_what_is_wrong_is_named_by_file_line_and_key(void **state)
{
    (void)state;
    expect_complaint("log:\n  kind: file\n  pth: x\n", "3: log.pth:", "unknown key");
    expect_complaint("lgo: {}\n", "1: lgo:", "unknown section");
    expect_complaint("log: {kind: rabbit}\n", "1: log.kind:", "file|kafka");
    expect_complaint("cache:\n\n  ttl: soon\n", "3: cache.ttl:", "duration");
    expect_complaint("cache: {memory_limit: 1GB}\n", "1: cache.memory_limit:", "size");
    expect_complaint("log: {partitions: 0}\n", "1: log.partitions:", "outside 1");
    expect_complaint("log: {partitions: 2x}\n", "1: log.partitions:", "whole number");
    expect_complaint("log: {path: [a, b]}\n", "1: log.path:", "single value");
    expect_complaint("log: {topic: [web, app]}\n", "1: log.topic:", "one topic");
    expect_complaint("log: yes\n", "1: log:", "mapping");
    expect_complaint("placements:\n  home: {m: 1}\n",
                     "2: placements.home.m:", "is not known");
    expect_complaint("placements:\n  home: {n: 0}\n",
                     "2: placements.home.n:", "1 to 100");
    expect_complaint("log: {\n", "2: ", "not YAML");
}

static const char whole_placement[] =
    "placements:\n"
    "  home:\n"
    "    n: 12\n"
    "    purchased: hide_for 30d\n"
    "    filter: {category: [lamps, chairs], price: {max: 99.5}, in_stock: true}\n"
    "    rules:\n"
    "      pin:\n"
    "        - {item: \"22423\", position: 1}\n"
    "      boost: [{where: {brand: Acme}, by: 1.5}]\n"
    "      bury: [{where: {attributes: {size: 42, old: true}}, by: 0}]\n"
    "      cap: [{by: category, most: 3}, {by: 'attribute:color', most: 2}]\n"
    "    diversity: 0.3\n"
    "    fields: [title, price]\n";

static void test_a_placement_says_what_a_request_can(void **state)
{
    (void)state;
    mr_config config;
    mr_error error = {{0}};
    if (load(whole_placement, &config, &error) != MR_OK)
        fail_msg("%s", error.message);
    const mr_placement *home = &config.placements[0];
    assert_int_equal(home->n, 12);
    assert_int_equal(home->rules.filter.categories.count, 2);
    assert_int_equal(home->rules.filter.price_max_minor, 9950);
    assert_int_equal(home->rules.filter.min_stock, 1);
    assert_true(mr_text_is(home->rules.pins[0].item, "22423"));
    assert_int_equal(home->rules.boost_count, 2);
    assert_true(
        mr_text_is(home->rules.boosts[1].where.attributes[0].values.texts[0], "42"));
    assert_int_equal(home->rules.cap_count, 2);
    assert_close(home->rules.diversity, 0.3F, 0);
    assert_true(home->fields != 0);
    mr_config_deinit(&config);
}

static void test_what_is_wrong_in_a_rule_is_named_by_its_line(void **state)
{
    (void)state;
    expect_complaint("placements:\n  home:\n    rules:\n      boost:\n"
                     "        - {where: {brand: x}, by: 2}\n"
                     "        - where: {brand: x}\n          by: 0.5\n",
                     "7: placements.home.rules.boost[1].by:", "above 1");
    expect_complaint("placements:\n  home:\n    rules:\n      boost:\n"
                     "        - where: {brand: x}\n",
                     "5: placements.home.rules.boost[0]:", "where and by");
    expect_complaint(
        "placements:\n  home:\n    filter:\n      price:\n        max: dear\n",
        "5: placements.home.filter.price.max:", "price");
    expect_complaint("placements:\n  home:\n    filter: {category: 7}\n",
                     "3: placements.home.filter.category:", "string");
    expect_complaint(
        "placements:\n  home:\n    rules:\n      pin: [{item: 22423, position: 1}]\n",
        "4: placements.home.rules.pin[0].item:", "string");
    expect_complaint("placements:\n  home:\n    filter:\n      attributes:\n"
                     "        a: x\n        a.b: {}\n",
                     "6: placements.home.filter.attributes.a.b:", "string");
    expect_complaint("placements:\n  home: {purchased: maybe}\n",
                     "2: placements.home.purchased:", "hide_for");
    expect_complaint("placements:\n  home: {filter: {colour: red}}\n",
                     "2: placements.home.filter.colour:", "not known");
    expect_complaint("placements:\n  home: {diversity: 2}\n",
                     "2: placements.home.diversity:", "0 to 1");
    expect_complaint("placements:\n  home: {fields: [price, size]}\n",
                     "2: placements.home.fields[1]:", "title, category");
    expect_complaint("placements:\n  Home: {}\n", "2: placements.Home:", "a-z");
    expect_complaint("placements:\n  home: {}\n  home: {}\n",
                     "3: placements.home:", "twice");
    expect_complaint("placements:\n  home: []\n", "2: placements.home:", "mapping");
    expect_complaint("placements: [home]\n", "1: placements:", "mapping");
}

/* An alias can name what it stands in, or double with each line. */
static void test_aliases_cannot_make_a_placement_without_end(void **state)
{
    (void)state;
    char yaml[2048];
    size_t length = (size_t)snprintf(yaml, sizeof(yaml), "placements:\n  home:\n");
    expect_complaint("placements:\n  home: &a\n    filter: *a\n",
                     "2: placements.home:", "too deep");
    for (int i = 0; i < 22; i++)
        length += (size_t)snprintf(yaml + length, sizeof(yaml) - length,
                                   i == 0 ? "    x0: &x0 [a]\n"
                                          : "    x%d: &x%d [*x%d, *x%d, *x%d, *x%d]\n",
                                   i, i, i - 1, i - 1, i - 1, i - 1);
    expect_complaint(yaml, "2: placements.home:", "too large");
}

static void test_a_placement_is_printed_as_it_is_in_force(void **state)
{
    (void)state;
    mr_config config;
    mr_buffer text = {0};
    mr_json *json;
    assert_ok(load(whole_placement, &config, NULL));
    mr_json_writer writer = mr_json_writer_of(&text);
    mr_config_print(&config, &writer);
    assert_ok(
        mr_json_parse((mr_text){(char *)text.bytes, (uint32_t)text.length}, &json, NULL));
    mr_json_value *home =
        mr_json_get(mr_json_get(mr_json_root(json), "placements"), "home");
    assert_int_equal(mr_json_int(mr_json_get(home, "n"), 0), 12);
    assert_true(mr_text_is(mr_json_text(mr_json_get(home, "purchased"), (mr_text){0}),
                           "hide_for 30d"));
    mr_json_value *pin = mr_json_at(mr_json_get(mr_json_get(home, "rules"), "pin"), 0);
    assert_true(
        mr_text_is(mr_json_text(mr_json_get(pin, "item"), (mr_text){0}), "22423"));
    mr_json_destroy(json);
    mr_buffer_deinit(&text);
    mr_config_deinit(&config);
}

static void test_keys_that_do_not_go_together_are_refused(void **state)
{
    (void)state;
    mr_config config;
    mr_error error = {{0}};
    assert_int_equal(load("log: {kind: kafka}\n", &config, &error), MR_ERR_INVALID);
    assert_non_null(strstr(error.message, "bootstrap.servers"));
    assert_int_equal(load("log: {mode: group}\n", &config, &error), MR_ERR_INVALID);
    assert_non_null(strstr(error.message, "log.mode"));
    assert_int_equal(load("log: {topic: \"web,app\"}\n", &config, &error),
                     MR_ERR_INVALID);
    assert_non_null(strstr(error.message, "log.topic: 'web,app': is one topic"));
    assert_int_equal(load("http: {tls_key: k}\n", &config, &error), MR_ERR_INVALID);
    assert_non_null(strstr(error.message, "tls_certificate"));
}

static void test_the_environment_wins_and_is_checked_as_the_file_is(void **state)
{
    (void)state;
    mr_config config;
    mr_error error = {{0}};
    assert_int_equal(setenv("MILLRACE_STATE_INTERVAL", "3s", 1), 0);
    assert_int_equal(setenv("MILLRACE_LOG_KAFKA_BOOTSTRAP_SERVERS", "k:9", 1), 0);
    assert_ok(load("state: {interval: 1s}\nlog: {kafka: {bootstrap.servers: f:1}}\n",
                   &config, &error));
    assert_int_equal(config.state.interval_ms, 3000);
    assert_int_equal(config.log.kafka_count, 1);
    assert_string_equal(config.log.kafka[0].name, "bootstrap.servers");
    assert_string_equal(config.log.kafka[0].value, "k:9");
    mr_config_deinit(&config);

    assert_int_equal(setenv("MILLRACE_STATE_INTERVAL", "often", 1), 0);
    assert_int_equal(load("", &config, &error), MR_ERR_INVALID);
    assert_non_null(strstr(error.message, "MILLRACE_STATE_INTERVAL"));
    assert_int_equal(unsetenv("MILLRACE_STATE_INTERVAL"), 0);
    assert_int_equal(unsetenv("MILLRACE_LOG_KAFKA_BOOTSTRAP_SERVERS"), 0);
}

static void test_a_file_that_is_not_there_is_not_the_defaults(void **state)
{
    (void)state;
    mr_config config;
    mr_error error = {{0}};
    char path[APP_PATH_BYTES];
    assert_int_equal(mr_config_load(app_path("absent.yaml", path), &config, &error),
                     MR_ERR_NOT_FOUND);
    assert_non_null(strstr(error.message, "absent.yaml"));
}

static void test_secrets_are_never_printed(void **state)
{
    (void)state;
    mr_config config;
    mr_buffer text = {0};
    assert_ok(
        load("cache: {kind: redis, url: 'redis://:hunter2@h'}\n"
             "security: {deployment_secret: 'env:HUNTER2', control_key: 'file:hunter2'}\n"
             "log: {kafka: {sasl.password: hunter2, ssl.key.pem: hunter2, "
             "sasl.username: shop}}\n",
             &config, NULL));
    mr_json_writer writer = mr_json_writer_of(&text);
    mr_config_print(&config, &writer);
    mr_buffer_put_u8(&text, 0);
    assert_ok(mr_buffer_status(&text));
    for (uint8_t *c = text.bytes; *c != '\0'; c++)
        *c = (uint8_t)tolower(*c);
    assert_null(strstr((char *)text.bytes, "hunter2"));
    assert_non_null(strstr((char *)text.bytes, "\"sasl.username\":\"shop\""));
    mr_buffer_deinit(&text);
    mr_config_deinit(&config);
}

static void test_what_is_printed_is_json_with_every_key(void **state)
{
    (void)state;
    mr_config config;
    mr_buffer text = {0};
    mr_json *json;
    assert_ok(mr_config_load(NULL, &config, NULL));
    mr_json_writer writer = mr_json_writer_of(&text);
    mr_config_print(&config, &writer);
    assert_ok(
        mr_json_parse((mr_text){(char *)text.bytes, (uint32_t)text.length}, &json, NULL));
    for (size_t i = 0; i < mr_config_field_count; i++) {
        const mr_config_field *field = &mr_config_fields[i];
        assert_non_null(
            mr_json_get(mr_json_get(mr_json_root(json), field->section), field->key));
    }
    mr_json_destroy(json);
    mr_buffer_deinit(&text);
    mr_config_deinit(&config);
}

static void test_a_secret_is_made_once_private_and_read_without_its_line_end(void **state)
{
    (void)state;
    char reference[APP_PATH_BYTES + 16];
    char path[APP_PATH_BYTES];
    mr_buffer first = {0};
    mr_buffer second = {0};
    mr_error error = {{0}};
    struct stat about;
    (void)snprintf(reference, sizeof(reference), "file:%s",
                   app_path("deep/secret", path));
    assert_int_equal(mr_config_secret(reference, false, &first, &error),
                     MR_ERR_NOT_FOUND);
    assert_ok(mr_config_secret(reference, true, &first, &error));
    assert_int_equal(first.length, 64);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    assert_ok(mr_config_secret(reference, true, &second, &error));
    assert_int_equal(second.length, first.length);
    assert_memory_equal(second.bytes, first.bytes, first.length);
    mr_buffer_deinit(&first);
    mr_buffer_deinit(&second);

    assert_int_equal(setenv("APP_TEST_SECRET", "abc", 1), 0);
    assert_ok(mr_config_secret("env:APP_TEST_SECRET", false, &first, &error));
    assert_memory_equal(first.bytes, "abc", 3);
    mr_buffer_deinit(&first);
    assert_int_equal(mr_config_secret("abc", false, &first, &error), MR_ERR_INVALID);
    assert_null(strstr(error.message, "abc"));
}

static void test_keys_are_optional_only_where_nothing_is_kept_by_them(void **state)
{
    (void)state;
    mr_config config;
    mr_keys keys;
    mr_error error = {{0}};
    char path[APP_PATH_BYTES];
    app_configure(&config, 1);
    assert_int_equal(mr_keys_load(&config, MR_KEYS_NEEDED, &keys, &error),
                     MR_ERR_NOT_FOUND);
    assert_ok(mr_keys_load(&config, MR_KEYS_OPTIONAL, &keys, &error));
    assert_int_equal(keys.control.length, 0);
    mr_keys_deinit(&keys);

    (void)app_write_text("secret", "s3cret\n", path);
    (void)app_write_text("control", "c0ntrol\n", path);
    mr_hash_key expected;
    mr_hash_key_init(&expected, "s3cret", 6);
    assert_ok(mr_keys_load(&config, MR_KEYS_NEEDED, &keys, &error));
    assert_memory_equal(keys.hash.bytes, expected.bytes, MR_HASH_KEY_BYTES);
    assert_int_equal(keys.control.length, 7);
    mr_keys_deinit(&keys);
    mr_config_deinit(&config);
}

/* `| key | default | …` under `## section`. */
static void test_the_documentation_lists_each_key_with_its_default(void **state)
{
    (void)state;
    const char *source = getenv("MILLRACE_SOURCE");
    char path[APP_PATH_BYTES];
    mr_buffer text = {0};
    (void)snprintf(path, sizeof(path), "%s/docs/CONFIGURATION.md",
                   source != NULL ? source : ".");
    assert_ok(mr_file_read(path, &text, NULL));
    mr_buffer_put_u8(&text, 0);
    size_t rows = 0;
    for (const char *row = (char *)text.bytes; (row = strstr(row, "\n| `")) != NULL;
         row++)
        rows++;
    for (size_t i = 0; i < mr_config_field_count; i++) {
        const mr_config_field *field = &mr_config_fields[i];
        char wanted[256];
        (void)snprintf(wanted, sizeof(wanted), "\n| `%s.%s` | `%s` |", field->section,
                       field->key, field->fallback);
        if (strstr((char *)text.bytes, wanted) == NULL)
            fail_msg("docs/CONFIGURATION.md has no row%s", wanted);
    }
    /* And none that does not exist: the seven beside the schema are documented as well. */
    assert_int_equal(rows, mr_config_field_count + 7);
    mr_buffer_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_file_at_all_is_the_embedded_engine),
        cmocka_unit_test(test_values_of_every_kind_are_read),
        cmocka_unit_test(test_what_is_wrong_is_named_by_file_line_and_key),
        cmocka_unit_test(test_a_placement_says_what_a_request_can),
        cmocka_unit_test(test_what_is_wrong_in_a_rule_is_named_by_its_line),
        cmocka_unit_test(test_aliases_cannot_make_a_placement_without_end),
        cmocka_unit_test(test_a_placement_is_printed_as_it_is_in_force),
        cmocka_unit_test(test_keys_that_do_not_go_together_are_refused),
        cmocka_unit_test(test_the_environment_wins_and_is_checked_as_the_file_is),
        cmocka_unit_test(test_a_file_that_is_not_there_is_not_the_defaults),
        cmocka_unit_test(test_secrets_are_never_printed),
        cmocka_unit_test(test_what_is_printed_is_json_with_every_key),
        cmocka_unit_test(
            test_a_secret_is_made_once_private_and_read_without_its_line_end),
        cmocka_unit_test(test_keys_are_optional_only_where_nothing_is_kept_by_them),
        cmocka_unit_test(test_the_documentation_lists_each_key_with_its_default),
    };
    return cmocka_run_group_tests(tests, app_set_up, app_tear_down);
}
