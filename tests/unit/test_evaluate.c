/*
 * Method: command lines as a person types them, in a process whose standard output and error are
 * files: what was printed and the exit code are what is judged.
 */
#include "tests/app_support.h"

#include "app/command.h"
#include "app/evaluate.h"
#include "app/published_rows.h"
#include "core/json.h"

#include <fcntl.h>
#include <unistd.h>

enum { WORDS_MAX = 16, WORD_BYTES = 256, PRINTED_BYTES = 8192 };

static char printed_out[PRINTED_BYTES];
static char printed_err[PRINTED_BYTES];

/* Send what `stream` prints into the file `name`; returns where it went before. */
static int redirect(FILE *stream, const char *name)
{
    char path[APP_PATH_BYTES];
    (void)fflush(stream);
    const int before = dup(fileno(stream));
    const int file = open(app_path(name, path), O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_true(before >= 0 && file >= 0);
    assert_true(dup2(file, fileno(stream)) >= 0);
    assert_int_equal(close(file), 0);
    return before;
}

static void restore(FILE *stream, int before, const char *name,
                    char ret_printed[PRINTED_BYTES])
{
    char path[APP_PATH_BYTES];
    (void)fflush(stream);
    assert_true(dup2(before, fileno(stream)) >= 0);
    assert_int_equal(close(before), 0);
    FILE *file = fopen(app_path(name, path), "rb");
    assert_non_null(file);
    ret_printed[fread(ret_printed, 1, PRINTED_BYTES - 1, file)] = '\0';
    assert_int_equal(fclose(file), 0);
}

static int run(const char *const *words)
{
    char copies[WORDS_MAX][WORD_BYTES];
    char *argv[WORDS_MAX] = {NULL};
    int argc = 0;
    for (; words[argc] != NULL; argc++) {
        (void)snprintf(copies[argc], WORD_BYTES, "%s", words[argc]);
        argv[argc] = copies[argc];
    }
    const int out = redirect(stdout, "out");
    const int err = redirect(stderr, "err");
    const int exit_code = mr_command_evaluate.run(&mr_command_evaluate, argc, argv);
    restore(stderr, err, "err", printed_err);
    restore(stdout, out, "out", printed_out);
    return exit_code;
}

#define RUN(...) run((const char *const[]){__VA_ARGS__, NULL})

static size_t lines_of(const char *text)
{
    size_t lines = 0;
    for (; *text != '\0'; text++)
        lines += *text == '\n';
    return lines;
}

static void test_what_is_wrong_or_missing_is_named_in_one_line(void **state)
{
    (void)state;
    static const struct {
        const char *words[WORDS_MAX];
        const char *said;
    } wrong[] = {
        {{"--json"},
         "needs one protocol: lightgcn, sequence, session, basket, ratings, churn"},
        {{"lightgcn", "churn"}, "needs one protocol"},
        {{"astrology"}, "no protocol 'astrology'"},
        {{"sequence"}, "sequence needs --data"},
        {{"sequence", "--data"}, "--data needs a value"},
        {{"sequence", "--data", "f", "--folds", "3"}, "sequence takes no --folds"},
        {{"sequence", "--data", "f", "--date", "3"}, "unknown option --date"},
        {{"sequence", "--data", "f", "--model", "x"}, "--model 'x': sequence has auto, "},
        {{"sequence", "--data", "f", "--budget", "0"}, "--budget takes a whole number"},
        {{"sequence", "--data", "f", "--threads", "all"}, "--threads takes a whole"},
        {{"sequence", "--data", "f", "--seed", "-1"}, "--seed takes a whole number"},
        {{"session", "--train", "f", "--test", "f"}, "session needs --format"},
        {{"session", "--train", "f", "--format", "log"}, "session needs --test"},
        {{"session", "--train", "f", "--test", "f", "--format", "csv"},
         "--format 'csv': session has prefix and log"},
        {{"basket", "--history", "f"}, "basket needs --future"},
        {{"basket", "--future", "f"}, "basket needs --history"},
        {{"ratings", "--items", "f"}, "ratings needs --data"},
        {{"ratings", "--data", "f"}, "ratings needs --items"},
        {{"ratings", "--data", "f", "--items", "f", "--format", "csv"},
         "--format 'csv': ratings has ml-100k"},
        {{"ratings", "--data", "f", "--items", "f", "--split", "random"},
         "--split 'random': ratings has time"},
        {{"lightgcn", "--test", "f"}, "lightgcn needs --train"},
        {{"lightgcn", "--train", "f", "--test", "f", "--model", "encoder"},
         "--model 'encoder': lightgcn has auto, "},
        {{"churn"}, "churn needs --table or --transactions"},
        {{"churn", "--table", "f", "--transactions", "f"}, "--table or --transactions"},
        {{"churn", "--table", "f"}, "--table needs --target and --positive"},
        {{"churn", "--table", "f", "--model", "ials"},
         "--model 'ials': churn has auto, "},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        if (run(wrong[i].words) != MR_EXIT_USAGE || lines_of(printed_err) != 1 ||
            strstr(printed_err, wrong[i].said) == NULL || printed_out[0] != '\0')
            fail_msg("case %zu: %s", i, printed_err);
    }
}

static void test_a_file_that_fails_is_no_wrong_usage(void **state)
{
    (void)state;
    char path[APP_PATH_BYTES];
    assert_int_equal(RUN("sequence", "--data", app_path("none", path)), MR_EXIT_FAILED);
    assert_non_null(strstr(printed_err, "/none: "));
    (void)app_write_text("log", "SessionId,ItemId\n1,2\n", path);
    assert_int_equal(RUN("session", "--train", path, "--test", path, "--format", "log"),
                     MR_EXIT_FAILED);
    assert_non_null(strstr(printed_err, "/log:1: the header has no column Time"));
}

static void test_each_protocol_has_help_with_an_example(void **state)
{
    (void)state;
    const mr_evaluate_protocol *const protocols[] = {
        &mr_evaluate_lightgcn, &mr_evaluate_sequence, &mr_evaluate_session,
        &mr_evaluate_basket,   &mr_evaluate_ratings,  &mr_evaluate_churn};
    for (size_t p = 0; p < sizeof(protocols) / sizeof(protocols[0]); p++) {
        char example[64];
        (void)snprintf(example, sizeof(example), "example: millrace evaluate %s --",
                       protocols[p]->name);
        assert_int_equal(RUN("--help"), MR_EXIT_DONE);
        assert_non_null(strstr(printed_out, example));
        assert_int_equal(RUN(protocols[p]->name, "--help"), MR_EXIT_DONE);
        assert_non_null(strstr(printed_out, example));
        assert_non_null(strstr(printed_out, "--budget N"));
        assert_non_null(strstr(printed_out, "--model M       auto, "));
        for (const char *line = printed_out; *line != '\0'; line++) {
            const size_t length = strcspn(line, "\n");
            assert_true(length <= 90);
            line += length;
        }
    }
    assert_null(strstr(printed_out, "evaluate session"));
}

/* One object with the members that the contract names. */
static void test_json_is_one_object_and_nothing_else(void **state)
{
    (void)state;
    char path[APP_PATH_BYTES];
    mr_json *json = NULL;
    (void)app_write_text("data", "1 a b a\n2 b a\n3 a b\n", path);
    assert_int_equal(RUN("sequence", "--data", path, "--model", "popular", "--seed", "9",
                         "--json", "--threads", "1"),
                     MR_EXIT_DONE);
    assert_int_equal(lines_of(printed_out), 1);
    assert_ok(mr_json_parse(mr_text_from(printed_out), &json, NULL));
    mr_json_value *root = mr_json_root(json);
    assert_true(
        mr_text_is(mr_json_text(mr_json_get(root, "protocol"), MR_TEXT("")), "sequence"));
    assert_int_equal(mr_json_int(mr_json_get(mr_json_get(root, "data"), "users"), 0), 3);
    mr_json_value *model = mr_json_get(root, "model");
    assert_true(
        mr_text_is(mr_json_text(mr_json_get(model, "name"), MR_TEXT("")), "popular"));
    assert_true(mr_json_is_text(mr_json_get(model, "parameters")));
    static const char *const metrics[] = {"hr@5",   "hr@10",   "hr@20",
                                          "ndcg@5", "ndcg@10", "ndcg@20"};
    for (size_t m = 0; m < sizeof(metrics) / sizeof(metrics[0]); m++)
        assert_true(
            mr_json_is_number(mr_json_get(mr_json_get(root, "metrics"), metrics[m])));
    assert_true(mr_json_is_number(mr_json_get(root, "train_seconds")));
    assert_true(mr_json_is_number(mr_json_get(root, "score_seconds")));
    assert_int_equal(mr_json_int(mr_json_get(root, "seed"), 0), 9);
    mr_json_destroy(json);
}

static void test_published_rows_stand_beside_the_same_data_only(void **state)
{
    (void)state;
    mr_report_value data[] = {{"test", 60858}, {"items", 43097}, {"sessions", 186670}};
    const mr_published_set *set = mr_published_find("session", data, 3);
    assert_non_null(set);
    assert_string_equal(set->name, "Diginetica");
    assert_string_equal(set->metrics[1], "mrr@20");
    assert_null(mr_published_find("session", data, 2));
    assert_null(mr_published_find("sequence", data, 3));
    data[0].value = 60857;
    assert_null(mr_published_find("session", data, 3));
    assert_null(mr_published_find("session", NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_wrong_or_missing_is_named_in_one_line),
        cmocka_unit_test(test_a_file_that_fails_is_no_wrong_usage),
        cmocka_unit_test(test_each_protocol_has_help_with_an_example),
        cmocka_unit_test(test_json_is_one_object_and_nothing_else),
        cmocka_unit_test(test_published_rows_stand_beside_the_same_data_only),
    };
    return cmocka_run_group_tests(tests, app_set_up, app_tear_down);
}
