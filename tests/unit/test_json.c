/*
 * What the writer writes is read back by the reader, and both are held against JSON's grammar
 * [RFC 8259]: what is refused matters as much as what is read.
 */
#include "core/json.h"
#include "tests/support.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static mr_json *parse(const char *text)
{
    mr_json *json = NULL;
    mr_error error = {{0}};
    if (mr_json_parse(mr_text_from(text), &json, &error) != MR_OK)
        fail_msg("%s: %s", text, error.message);
    return json;
}

static void assert_refused(mr_text text)
{
    mr_json *json = NULL;
    mr_error error = {{0}};
    assert_int_equal(mr_json_parse(text, &json, &error), MR_ERR_CORRUPT);
    assert_null(json);
    assert_non_null(strstr(error.message, " at byte "));
}

static void test_values_are_read_by_kind(void **state)
{
    (void)state;
    mr_json *json = parse("{\"t\":\"text\",\"i\":-5,\"d\":2.5,\"b\":true,\"n\":null,"
                          "\"a\":[1],\"o\":{\"x\":1}}");
    mr_json_value *root = mr_json_root(json);

    assert_true(mr_json_is_object(root));
    assert_int_equal(mr_json_count(root), 7);
    assert_true(mr_text_is(mr_json_text(mr_json_get(root, "t"), (mr_text){0}), "text"));
    assert_int_equal(mr_json_int(mr_json_get(root, "i"), 0), -5);
    assert_close(mr_json_double(mr_json_get(root, "i"), 0.0), -5.0, 0.0);
    assert_close(mr_json_double(mr_json_get(root, "d"), 0.0), 2.5, 0.0);
    assert_true(mr_json_bool(mr_json_get(root, "b"), false));
    assert_true(mr_json_is_text(mr_json_get(root, "t")));
    assert_true(mr_json_is_number(mr_json_get(root, "d")));
    assert_true(mr_json_is_bool(mr_json_get(root, "b")));
    assert_true(mr_json_is_array(mr_json_get(root, "a")));
    assert_int_equal(mr_json_int(mr_json_get(mr_json_get(root, "o"), "x"), 0), 1);
    mr_json_destroy(json);
}

static void test_absent_values_and_other_kinds_read_as_the_default(void **state)
{
    (void)state;
    mr_json *json =
        parse("{\"t\":\"5\",\"n\":null,\"d\":1.5,\"big\":9223372036854775808}");
    mr_json_value *root = mr_json_root(json);

    assert_null(mr_json_get(root, "absent"));
    assert_null(mr_json_get(mr_json_get(root, "absent"), "below"));
    assert_null(mr_json_get(mr_json_get(root, "t"), "below"));
    assert_null(mr_json_at(NULL, 0));
    assert_null(mr_json_at(root, 0));
    assert_int_equal(mr_json_count(NULL), 0);
    assert_int_equal(mr_json_count(mr_json_get(root, "t")), 0);
    assert_int_equal(mr_json_int(mr_json_get(root, "t"), 7), 7);
    assert_int_equal(mr_json_int(mr_json_get(root, "d"), 7), 7);
    assert_int_equal(mr_json_int(mr_json_get(root, "big"), 7), 7);
    assert_int_equal(mr_json_int(mr_json_get(root, "n"), 7), 7);
    assert_true(mr_json_bool(NULL, true));
    assert_close(mr_json_double(mr_json_get(root, "t"), 0.5), 0.5, 0.0);
    assert_true(mr_text_is(mr_json_text(mr_json_get(root, "d"), MR_TEXT("or")), "or"));
    mr_json_destroy(json);
    mr_json_destroy(NULL);
}

/* Members of several sizes, where counting bytes would go wrong. */
static void test_members_are_found_by_place_whatever_they_hold(void **state)
{
    (void)state;
    mr_json *json = parse("[[0,[9,9]],{\"a\":{\"b\":[9]}},2,[],\"four\",[5]]");
    mr_json_value *root = mr_json_root(json);

    assert_int_equal(mr_json_count(root), 6);
    assert_int_equal(mr_json_count(mr_json_at(mr_json_at(root, 0), 1)), 2);
    assert_true(mr_json_is_object(mr_json_at(root, 1)));
    assert_int_equal(mr_json_int(mr_json_at(root, 2), 0), 2);
    assert_int_equal(mr_json_count(mr_json_at(root, 3)), 0);
    assert_true(mr_text_is(mr_json_text(mr_json_at(root, 4), (mr_text){0}), "four"));
    assert_int_equal(mr_json_int(mr_json_at(mr_json_at(root, 5), 0), 0), 5);
    assert_null(mr_json_at(root, 6));
    mr_json_destroy(json);
}

static void test_an_object_is_walked_in_text_order(void **state)
{
    (void)state;
    mr_json *json = parse("{\"z\":1,\"a\":{\"x\":[1,2]},\"m\":3}");
    const char *const keys[] = {"z", "a", "m"};
    size_t cursor = 0;
    size_t seen = 0;
    mr_text key;
    mr_json_value *value;

    while (mr_json_next(mr_json_root(json), &cursor, &key, &value)) {
        assert_true(seen < 3);
        assert_true(mr_text_is(key, keys[seen]));
        assert_ptr_equal(value, mr_json_get(mr_json_root(json), keys[seen]));
        seen++;
    }
    assert_int_equal(seen, 3);
    mr_json_destroy(json);
}

static void test_what_is_not_json_is_refused_with_its_place(void **state)
{
    (void)state;
    const char *const texts[] = {
        "",         " ",       "{",      "[1,]", "{\"a\":1,}", "{a:1}",
        "'a'",      "01",      "1.",     ".5",   "+1",         "NaN",
        "Infinity", "1e999",   "[1] 2",  "tru",  "\"\\x",      "\"\\ud800\"",
        "\"a\nb\"", "// x\n1", "\"open", "]",    "[\"\\\"]",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_refused(mr_text_from(texts[i]));
    assert_refused(MR_TEXT("\"\0\""));
    assert_refused((mr_text){0});
}

static void test_text_that_is_not_utf8_is_refused(void **state)
{
    (void)state;
    const char *const texts[] = {"\"\xFF\"", "\"\xC0\xAF\"", "\"\xED\xA0\x80\"",
                                 "\"\xF4\x90\x80\x80\"", "\"\xE2\x82\""};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_refused(mr_text_from(texts[i]));
}

/* `depth` opening brackets of either kind, and their ends. */
static void nest(char *text, size_t depth)
{
    char *at = text;
    for (size_t i = 0; i < depth; i++)
        at = stpcpy(at, i % 2 == 0 ? "[" : "{\"k\":");
    at = stpcpy(at, "0");
    for (size_t i = depth; i > 0; i--)
        at = stpcpy(at, i % 2 == 1 ? "]" : "}");
}

static void test_nesting_is_limited_and_brackets_in_text_do_not_count(void **state)
{
    (void)state;
    char text[1024];
    nest(text, MR_JSON_DEPTH_MAX);
    mr_json_destroy(parse(text));
    nest(text, MR_JSON_DEPTH_MAX + 1);
    assert_refused(mr_text_from(text));

    mr_json_destroy(parse("\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\""));
    mr_json_destroy(parse("\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\\\""));
    mr_json_destroy(
        parse("[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],"
              "[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]"));
}

static void assert_written(mr_buffer *buffer, const char *expected)
{
    assert_ok(mr_buffer_status(buffer));
    mr_buffer_put_u8(buffer, 0);
    assert_string_equal((const char *)buffer->bytes, expected);
    mr_buffer_deinit(buffer);
}

static void test_commas_stand_where_they_belong(void **state)
{
    (void)state;
    mr_buffer buffer = {0};
    mr_json_writer writer = mr_json_writer_of(&buffer);

    mr_json_begin_object(&writer);
    mr_json_key(&writer, "a");
    mr_json_begin_array(&writer);
    mr_json_put_int(&writer, INT64_MIN);
    mr_json_put_uint(&writer, UINT64_MAX);
    mr_json_begin_object(&writer);
    mr_json_end_object(&writer);
    mr_json_begin_array(&writer);
    mr_json_end_array(&writer);
    mr_json_put_bool(&writer, true);
    mr_json_end_array(&writer);
    mr_json_key_text(&writer, MR_TEXT("b"));
    mr_json_put_null(&writer);
    mr_json_key(&writer, "c");
    mr_json_put_raw(&writer, MR_TEXT("{\"raw\":1}"));
    mr_json_key(&writer, "d");
    mr_json_put_string(&writer, "s");
    mr_json_key(&writer, "e");
    mr_json_put_string(&writer, NULL);
    mr_json_end_object(&writer);

    assert_written(&buffer,
                   "{\"a\":[-9223372036854775808,18446744073709551615,{},[],true],"
                   "\"b\":null,\"c\":{\"raw\":1},\"d\":\"s\",\"e\":null}");
}

static void test_a_value_that_was_read_is_written_as_it_stood(void **state)
{
    (void)state;
    const mr_text text =
        MR_TEXT("{\"a\":{\"n\":[9223372036854775807,-1,1.5],\"t\":\"\\n\\u0001\"}}");
    mr_json *json = NULL;
    mr_buffer buffer = {0};
    mr_json_writer writer = mr_json_writer_of(&buffer);
    assert_ok(mr_json_parse(text, &json, NULL));
    mr_json_begin_array(&writer);
    mr_json_put_value(&writer, mr_json_get(mr_json_root(json), "a"));
    mr_json_put_value(&writer, mr_json_get(mr_json_root(json), "b"));
    mr_json_end_array(&writer);
    mr_json_destroy(json);
    assert_written(&buffer,
                   "[{\"n\":[9223372036854775807,-1,1.5],\"t\":\"\\n\\u0001\"},null]");
}

static void test_any_text_reads_back_as_it_was_put(void **state)
{
    (void)state;
    char every[128 + 16];
    for (int i = 0; i < 128; i++)
        every[i] = (char)i;
    memcpy(every + 128, "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 9);
    const mr_text text = {.bytes = every, .length = 128 + 9};
    mr_buffer buffer = {0};
    mr_json_writer writer = mr_json_writer_of(&buffer);
    mr_json *json = NULL;

    mr_json_put_text(&writer, text);

    assert_ok(mr_json_parse(
        (mr_text){(const char *)buffer.bytes, (uint32_t)buffer.length}, &json, NULL));
    assert_true(mr_text_equal(mr_json_text(mr_json_root(json), (mr_text){0}), text));
    mr_json_destroy(json);
    mr_buffer_deinit(&buffer);
}

static void test_each_byte_that_is_not_utf8_becomes_a_replacement_character(void **state)
{
    (void)state;
    mr_buffer buffer = {0};
    mr_json_writer writer = mr_json_writer_of(&buffer);
    mr_json_put_text(&writer, MR_TEXT("a\xFF"
                                      "b\xE2\x82"));
    assert_written(&buffer, "\"a\xEF\xBF\xBD"
                            "b\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

static void write_double(double value, char *ret_text, size_t bytes)
{
    mr_buffer buffer = {0};
    mr_json_writer writer = mr_json_writer_of(&buffer);
    mr_json_put_double(&writer, value);
    assert_ok(mr_buffer_status(&buffer));
    assert_true(buffer.length < bytes);
    memcpy(ret_text, buffer.bytes, buffer.length);
    ret_text[buffer.length] = '\0';
    mr_buffer_deinit(&buffer);
}

static size_t significant_digits(const char *text)
{
    size_t digits = 0;
    size_t zeros = 0;
    for (; *text != '\0' && *text != 'e' && *text != 'E'; text++) {
        if (*text < '0' || *text > '9' || (digits == 0 && *text == '0'))
            continue;
        digits += 1;
        zeros = *text == '0' ? zeros + 1 : 0;
    }
    return digits - zeros;
}

/* Fewer digits must not read back, or the text was not the shortest. */
static void assert_shortest(double value)
{
    char text[64];
    char shorter[64];
    write_double(value, text, sizeof(text));
    const double back = strtod(text, NULL);
    assert_memory_equal(&back, &value, sizeof(value));
    const size_t digits = significant_digits(text);
    if (digits < 2)
        return;
    (void)snprintf(shorter, sizeof(shorter), "%.*e", (int)digits - 2, value);
    if (strtod(shorter, NULL) == value)
        fail_msg("%s is longer than %s", text, shorter);
}

static void test_doubles_are_the_shortest_text_that_reads_back(void **state)
{
    (void)state;
    const double edges[] = {0.0,   -0.0,    1.0,     0.1,    1e21,
                            1e22,  DBL_MAX, DBL_MIN, 5e-324, 1.0 / 3,
                            123.0, -2.5e-7, 1e15,    1e16,   9007199254740993.0};
    uint64_t bits = 1;
    for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++)
        assert_shortest(edges[i]);
    for (int i = 0; i < 20000; i++) {
        double value;
        bits = bits * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        memcpy(&value, &bits, sizeof(value));
        if (isfinite(value))
            assert_shortest(value);
        assert_shortest((double)(bits >> 44) / 1000.0);
    }
}

static void test_numbers_look_as_people_write_them(void **state)
{
    (void)state;
    mr_buffer buffer = {0};
    mr_json_writer writer = mr_json_writer_of(&buffer);
    mr_json_begin_array(&writer);
    mr_json_put_double(&writer, 1.0);
    mr_json_put_double(&writer, 0.1);
    mr_json_put_double(&writer, (double)NAN);
    mr_json_put_double(&writer, -(double)INFINITY);
    mr_json_put_fixed(&writer, 2.345678, 3);
    mr_json_put_fixed(&writer, 2.5, 0);
    mr_json_put_fixed(&writer, -0.0001, 2);
    mr_json_put_fixed(&writer, -0.5, 1);
    mr_json_put_fixed(&writer, (double)NAN, 2);
    mr_json_put_money(&writer, 123456, 2);
    mr_json_put_money(&writer, -5, 2);
    mr_json_put_money(&writer, INT64_MIN, 2);
    mr_json_put_money(&writer, 7, 0);
    mr_json_end_array(&writer);
    assert_written(&buffer, "[1,0.1,null,null,2.346,2,0.00,-0.5,null,1234.56,-0.05,"
                            "-92233720368547758.08,7]");
}

/* Score after score as printf rounds it: floats of every size and sign, ties among them. */
static void test_fixed_decimals_of_a_float_are_those_of_printf(void **state)
{
    (void)state;
    mr_buffer buffer = {0};
    uint32_t bits = 1;
    for (int i = 0; i < 200000; i++) {
        float value;
        const int decimals = i % 12;
        bits = bits * 1664525U + 1013904223U;
        if (i % 2 == 0)
            value = (float)((int32_t)bits >> 12) / 1024.0F;
        else
            memcpy(&value, &bits, sizeof(value));
        if (!isfinite(value))
            continue;
        char expected[128];
        (void)snprintf(expected, sizeof(expected), "%.*f", decimals, (double)value);
        const bool is_nothing = expected[strspn(expected, "-0.")] == '\0';
        mr_buffer_clear(&buffer);
        mr_json_writer writer = mr_json_writer_of(&buffer);
        mr_json_put_fixed(&writer, (double)value, decimals);
        mr_buffer_put_u8(&buffer, 0);
        assert_string_equal((const char *)buffer.bytes,
                            is_nothing && expected[0] == '-' ? expected + 1 : expected);
    }
    mr_buffer_deinit(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixed_decimals_of_a_float_are_those_of_printf),
        cmocka_unit_test(test_values_are_read_by_kind),
        cmocka_unit_test(test_absent_values_and_other_kinds_read_as_the_default),
        cmocka_unit_test(test_members_are_found_by_place_whatever_they_hold),
        cmocka_unit_test(test_an_object_is_walked_in_text_order),
        cmocka_unit_test(test_what_is_not_json_is_refused_with_its_place),
        cmocka_unit_test(test_text_that_is_not_utf8_is_refused),
        cmocka_unit_test(test_nesting_is_limited_and_brackets_in_text_do_not_count),
        cmocka_unit_test(test_commas_stand_where_they_belong),
        cmocka_unit_test(test_a_value_that_was_read_is_written_as_it_stood),
        cmocka_unit_test(test_any_text_reads_back_as_it_was_put),
        cmocka_unit_test(test_each_byte_that_is_not_utf8_becomes_a_replacement_character),
        cmocka_unit_test(test_doubles_are_the_shortest_text_that_reads_back),
        cmocka_unit_test(test_numbers_look_as_people_write_them),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
