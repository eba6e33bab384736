/*
 * Method: three small tables in a temporary directory; each reading against what is written
 * there, and every kind of mistake against the message that names its line.
 */
#include "tests/support.h"

#include "core/file.h"
#include "models/blas.h"
#include "models/rating_file.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char directory[64];
static char paths[3][96];

static const char RATINGS[] =
    "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
    "u2\tc\t4\t20\n"
    "u1\ta\t5\t10\n"
    "u2\tz\t1\t20\n"
    "u3\tb\t3.5\t10\n";
static const char ITEMS[] = "item_id:token\tmovie_title:token_seq\trelease_year:"
                            "token\tclass:token_seq\tprice:float\n"
                            "a\tToy Story\t1995\tAnimation Comedy\t4\n"
                            "b\tJumanji\t1991\tAnimation Comedy\t8\n"
                            "c\tThe Comedy\tunknown\tDrama\t\n";
static const char USERS[] = "user_id:token\tage:token\nu1\t24\nu2\t53\n";

static int make_directory(void **state)
{
    (void)state;
    (void)snprintf(directory, sizeof(directory), "/tmp/test_rating_file_%d",
                   (int)getpid());
    for (int f = 0; f < 3; f++)
        (void)snprintf(paths[f], sizeof(paths[f]), "%s/table.%d", directory, f);
    return mr_directory_make(directory, NULL) == MR_OK ? 0 : 1;
}

static int remove_directory(void **state)
{
    (void)state;
    return mr_directory_remove(directory, NULL) == MR_OK ? 0 : 1;
}

static mr_status read_texts(const char *ratings, const char *items, const char *users,
                            mr_rating_file **ret_file, mr_error *error)
{
    const char *const texts[] = {ratings, items, users};
    for (int f = 0; f < 3; f++)
        if (texts[f] != NULL)
            assert_ok(mr_file_replace(paths[f], texts[f], strlen(texts[f]), NULL));
    const mr_rating_paths files = {
        .ratings = paths[0], .items = paths[1], .users = users != NULL ? paths[2] : NULL};
    return mr_rating_file_read(&files, ret_file, error);
}

static void test_ratings_come_in_order_of_time_and_then_of_lines(void **state)
{
    (void)state;
    static const mr_rating expected[] = {
        {0, 0, 10, 5.0F}, {2, 1, 10, 3.5F}, {1, 2, 20, 4.0F}, {1, 3, 20, 1.0F}};
    mr_rating_file *file = NULL;
    size_t count = 0;
    assert_ok(read_texts(RATINGS, ITEMS, USERS, &file, NULL));
    const mr_rating *ratings = mr_rating_file_ratings(file, &count);
    assert_int_equal(count, 4);
    assert_memory_equal(ratings, expected, sizeof(expected));
    assert_int_equal(mr_rating_file_users(file), 3);
    assert_int_equal(mr_rating_file_items(file), 4);
    assert_true(mr_text_is(mr_rating_file_item_id(file, 3), "z"));
    assert_true(mr_text_is(mr_rating_file_user_id(file, 2), "u3"));
    assert_int_equal(mr_typed_table_rows(mr_rating_file_item_table(file)), 3);
    assert_int_equal(mr_typed_table_rows(mr_rating_file_user_table(file)), 2);
    mr_rating_file_destroy(file);
}

static void test_many_ratings_of_one_second_keep_their_order(void **state)
{
    (void)state;
    enum { LINES = 1000 };
    char *text = malloc(LINES * 32 + 128);
    size_t length = (size_t)sprintf(
        text, "user_id:token\titem_id:token\trating:float\ttimestamp:float\n");
    for (int l = 0; l < LINES; l++)
        length += (size_t)sprintf(text + length, "u%d\ta\t%d\t%d\n", l, l, 9 - l % 7);
    mr_rating_file *file = NULL;
    size_t count = 0;
    assert_ok(read_texts(text, ITEMS, NULL, &file, NULL));
    const mr_rating *ratings = mr_rating_file_ratings(file, &count);
    assert_int_equal(count, LINES);
    assert_null(mr_rating_file_user_table(file));
    for (size_t r = 1; r < count; r++)
        assert_true(ratings[r - 1].time_s < ratings[r].time_s ||
                    (ratings[r - 1].time_s == ratings[r].time_s &&
                     ratings[r - 1].value < ratings[r].value));
    mr_rating_file_destroy(file);
    free(text);
}

static void assert_refused(const char *ratings, const char *items, const char *users,
                           const char *message)
{
    mr_rating_file *file = NULL;
    mr_error error = {{0}};
    assert_int_equal(read_texts(ratings, items, users, &file, &error), MR_ERR_CORRUPT);
    assert_null(file);
    if (strstr(error.message, message) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.message, message);
}

static void test_a_mistake_is_named_with_its_file_and_line(void **state)
{
    (void)state;
    static const char HEADING[] =
        "user_id:token\titem_id:token\trating:float\ttimestamp:float\n";
    static const struct {
        const char *line;
        const char *message;
    } cases[] = {{"u\ta\tgood\t1\n", "table.0 line 2: rating is not a number"},
                 {"u\ta\t1\t\n", "table.0 line 2: timestamp is not a number"},
                 {"u\ta\t1\t-1\n", "table.0 line 2: the timestamp"},
                 {"u\ta\t1\t4294967295\n", "table.0 line 2: the timestamp"},
                 {"u\ta\t1e300\t1\n", "table.0 line 2: the rating is out of range"},
                 {"u\t\t1\t1\n", "table.0 line 2: an id is empty"},
                 {"\ta\t1\t1\n", "table.0 line 2: an id is empty"},
                 {"u\ta\t1\n", "table.0 line 2: fields: 3"},
                 {"", "nothing is rated"}};
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        char text[160];
        (void)snprintf(text, sizeof(text), "%s%s", HEADING, cases[c].line);
        assert_refused(text, ITEMS, USERS, cases[c].message);
    }
    assert_refused("user_id:token\titem_id:token\trating:float\n", ITEMS, USERS,
                   "table.0 line 1: no column `timestamp`");
    assert_refused(RATINGS, "item_id:token\na\nb\na\n", USERS,
                   "table.1 line 4: this id stands on a line before");
    assert_refused(RATINGS, "id:token\na\n", USERS, "table.1 line 1: no column");
    assert_refused(RATINGS, ITEMS, "user_id:token\n\nu\n", "table.2 line 2: an id");
}

static void test_a_missing_file_is_not_found(void **state)
{
    (void)state;
    mr_rating_file *file = NULL;
    const mr_rating_paths files = {.ratings = "/nowhere/a", .items = "/nowhere/b"};
    assert_int_equal(mr_rating_file_read(&files, &file, NULL), MR_ERR_NOT_FOUND);
}

static void test_columns_say_what_their_names_promise(void **state)
{
    (void)state;
    mr_rating_file *file = NULL;
    mr_content_builder *builder = NULL;
    mr_content *content = NULL;
    mr_content_options options = mr_content_options_default();
    options.document_min = 1;
    assert_ok(read_texts(RATINGS, ITEMS, USERS, &file, NULL));
    assert_ok(mr_content_builder_create(mr_rating_file_items(file), &builder));
    assert_ok(mr_rating_file_tell(file, builder));
    assert_ok(mr_content_build(builder, &options, &content, NULL));
    const mr_content_arrays arrays = mr_content_arrays_of(content);
    /* a: 2 words, 2 genres, decade and year; b: 1, 2, 2; c: 2 words, 1 genre; z: nothing */
    static const uint32_t terms[] = {6, 5, 3, 0};
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(mr_sparse_matrix_row_count(&arrays.terms, i), terms[i]);
    assert_true(mr_content_similarity(content, 0, 1) > 0.3F);
    /* a genre and a word of a title are two things, even when both are "Comedy" */
    assert_true(mr_content_similarity(content, 0, 2) <= 0.0F);
    assert_close(arrays.price_log2[0], 2.0, 0.0);
    assert_close(arrays.price_log2[1], 3.0, 0.0);
    assert_close(arrays.price_log2[2], (double)MR_CONTENT_PRICE_UNKNOWN, 0.0);
    mr_content_destroy(content);
    mr_content_builder_destroy(builder);
    mr_rating_file_destroy(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ratings_come_in_order_of_time_and_then_of_lines),
        cmocka_unit_test(test_many_ratings_of_one_second_keep_their_order),
        cmocka_unit_test(test_a_mistake_is_named_with_its_file_and_line),
        cmocka_unit_test(test_a_missing_file_is_not_found),
        cmocka_unit_test(test_columns_say_what_their_names_promise),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
