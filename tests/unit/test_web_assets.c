/*
 * The embedded dashboard is checked against the files it was made from, byte for byte, and by
 * what a server needs of the table: its order, its types and its tags.
 */
#include "serving/web_assets.h"
#include "tests/support.h"

#include <stdio.h>
#include <string.h>

static const mr_web_asset *find(const char *path)
{
    for (size_t i = 0; i < mr_web_asset_count; i++) {
        if (strcmp(mr_web_assets[i].path, path) == 0)
            return &mr_web_assets[i];
    }
    return NULL;
}

static void test_the_table_is_in_order_of_path_without_repeats(void **state)
{
    (void)state;
    assert_true(mr_web_asset_count > 1);
    for (size_t i = 1; i < mr_web_asset_count; i++)
        assert_true(strcmp(mr_web_assets[i - 1].path, mr_web_assets[i].path) < 0);
}

static void test_the_page_is_at_the_root(void **state)
{
    (void)state;
    const mr_web_asset *page = find("/");
    assert_non_null(page);
    assert_string_equal(page->content_type, "text/html; charset=utf-8");
    assert_memory_equal(page->bytes, "<!doctype html>", 15);
}

static void test_every_file_is_embedded_as_it_is(void **state)
{
    (void)state;
    static const char *const files[] = {"app.js", "style.css", "favicon.svg", "text.js"};
    const char *source = getenv("MILLRACE_SOURCE");
    assert_non_null(source);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char path[4096];
        (void)snprintf(path, sizeof(path), "/assets/%s", files[i]);
        const mr_web_asset *asset = find(path);
        assert_non_null(asset);
        (void)snprintf(path, sizeof(path), "%s/web/%s", source, files[i]);
        FILE *file = fopen(path, "rb");
        assert_non_null(file);
        uint8_t *bytes = malloc(asset->length + 1);
        assert_non_null(bytes);
        assert_int_equal(fread(bytes, 1, asset->length + 1, file), asset->length);
        assert_memory_equal(bytes, asset->bytes, asset->length);
        free(bytes);
        assert_int_equal(fclose(file), 0);
    }
}

static void test_every_file_the_page_names_is_there(void **state)
{
    (void)state;
    const mr_web_asset *page = find("/");
    assert_non_null(page);
    size_t named = 0;
    const char *at = (const char *)page->bytes;
    const char *end = at + page->length;
    while ((at = memmem(at, (size_t)(end - at), "\"/assets/", 9)) != NULL) {
        const char *quote = memchr(at + 1, '"', (size_t)(end - at - 1));
        assert_non_null(quote);
        char path[256];
        (void)snprintf(path, sizeof(path), "%.*s", (int)(quote - at - 1), at + 1);
        assert_non_null(find(path));
        named++;
        at = quote;
    }
    assert_true(named > 0);
}

static void test_tags_are_quoted_and_differ_where_content_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < mr_web_asset_count; i++) {
        const char *tag = mr_web_assets[i].etag;
        const size_t length = strlen(tag);
        assert_true(length > 2 && tag[0] == '"' && tag[length - 1] == '"');
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(tag, mr_web_assets[j].etag);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_table_is_in_order_of_path_without_repeats),
        cmocka_unit_test(test_the_page_is_at_the_root),
        cmocka_unit_test(test_every_file_is_embedded_as_it_is),
        cmocka_unit_test(test_every_file_the_page_names_is_there),
        cmocka_unit_test(test_tags_are_quoted_and_differ_where_content_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
