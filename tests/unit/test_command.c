/* Method: argument lists as a shell would give them; each must be read as the table says or be
 * refused with the code for wrong usage. */
#include "tests/app_support.h"

#include "app/command.h"

static int run_nothing(const mr_command *command, int argc, char **argv)
{
    (void)command;
    (void)argc;
    (void)argv;
    return MR_EXIT_DONE;
}

static const mr_command command = {
    .name = "test", .summary = "s", .help = "help of the test\n", .run = run_nothing};

typedef struct parsed {
    const char *file;
    bool json;
    mr_arguments arguments;
    int exit_code;
    bool go_on;
} parsed;

enum { WORDS_MAX = 12 };

static parsed parse(const char *const *words)
{
    parsed p = {.file = NULL};
    char copies[WORDS_MAX][32];
    char *argv[WORDS_MAX];
    int argc = 0;
    for (; words[argc] != NULL; argc++) {
        (void)snprintf(copies[argc], sizeof(copies[argc]), "%s", words[argc]);
        argv[argc] = copies[argc];
    }
    const char *file = NULL;
    const mr_option options[] = {{"--file", &file, NULL}, {"--json", NULL, &p.json}};
    p.go_on =
        mr_arguments_parse(&command, argc, argv, options, 2, &p.arguments, &p.exit_code);
    /* Values point into argv, which ends here. */
    p.file = file != NULL && strcmp(file, "a b") == 0 ? "a b" : NULL;
    return p;
}

#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

static void test_options_and_positionals_come_in_any_order(void **state)
{
    (void)state;
    const parsed orders[] = {PARSE("x", "--json", "--file", "a b", "-"),
                             PARSE("--file=a b", "x", "-", "--json"),
                             PARSE("x", "-", "--json", "--file", "a b")};
    for (size_t i = 0; i < 3; i++) {
        assert_true(orders[i].go_on);
        assert_true(orders[i].json);
        assert_string_equal(orders[i].file, "a b");
        assert_int_equal(orders[i].arguments.positional_count, 2);
    }
}

static void test_help_ends_with_success_wherever_it_stands(void **state)
{
    (void)state;
    const parsed p = PARSE("x", "--json", "--help");
    assert_false(p.go_on);
    assert_int_equal(p.exit_code, MR_EXIT_DONE);
}

static void test_wrong_usage_ends_with_its_own_code(void **state)
{
    (void)state;
    const parsed wrong[] = {
        PARSE("--fil", "x"), PARSE("--file"),
        PARSE("--json=yes"), PARSE("--jsonx"),
        PARSE("-j"),         PARSE("1", "2", "3", "4", "5", "6", "7", "8", "9")};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_false(wrong[i].go_on);
        assert_int_equal(wrong[i].exit_code, MR_EXIT_USAGE);
    }
}

static void test_numbers_are_whole_and_in_range(void **state)
{
    (void)state;
    int64_t number = 77;
    assert_true(mr_command_number(&command, "--n", "5", 1, 5, &number));
    assert_int_equal(number, 5);
    assert_false(mr_command_number(&command, "--n", "6", 1, 5, &number));
    assert_false(mr_command_number(&command, "--n", "0", 1, 5, &number));
    assert_false(mr_command_number(&command, "--n", "2.5", 1, 5, &number));
    assert_false(mr_command_number(&command, "--n", "", 1, 5, &number));
    assert_int_equal(number, 5);
}

static void test_a_wrong_argument_is_usage_and_anything_else_a_failure(void **state)
{
    (void)state;
    const mr_error error = {"why"};
    assert_int_equal(mr_command_failed(&command, MR_ERR_INVALID, &error), MR_EXIT_USAGE);
    assert_int_equal(mr_command_failed(&command, MR_ERR_NOT_FOUND, &error),
                     MR_EXIT_FAILED);
    assert_int_equal(mr_command_failed(&command, MR_ERR_CORRUPT, NULL), MR_EXIT_FAILED);
    assert_int_equal(mr_command_usage(&command, "%s", "why"), MR_EXIT_USAGE);
}

static void test_each_command_has_help_with_an_example_and_refuses_strange_options(
    void **state)
{
    (void)state;
    const mr_command *const commands[] = {&mr_command_produce, &mr_command_replay,
                                          &mr_command_inspect, &mr_command_evaluate,
                                          &mr_command_config};
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        char example[64];
        char strange[] = "--no-such-option";
        char *argv[] = {strange};
        (void)snprintf(example, sizeof(example), "example: millrace %s",
                       commands[i]->name);
        assert_non_null(strstr(commands[i]->help, example));
        assert_int_equal(commands[i]->run(commands[i], 1, argv), MR_EXIT_USAGE);
    }
}

/* Each list is a command line that lacks something, or has too much. */
static void test_commands_refuse_what_is_missing_before_they_do_anything(void **state)
{
    (void)state;
    const struct {
        const mr_command *command;
        const char *words[8];
    } wrong[] = {
        {&mr_command_produce, {NULL}},
        {&mr_command_produce, {"a", "b", NULL}},
        {&mr_command_produce, {"a", "--from-dead-letters", NULL}},
        {&mr_command_replay, {"a", NULL}},
        {&mr_command_inspect, {NULL}},
        {&mr_command_inspect, {"user", NULL}},
        {&mr_command_inspect, {"state", "x", NULL}},
        {&mr_command_inspect, {"user", "x", "--canonical", NULL}},
        {&mr_command_inspect, {"state", "--at", "noon", NULL}},
        {&mr_command_evaluate, {NULL}},
        {&mr_command_evaluate, {"astrology", NULL}},
        {&mr_command_evaluate, {"lightgcn", "--train", "f", NULL}},
        {&mr_command_evaluate,
         {"lightgcn", "--train", "f", "--test", "f", "--model", "x", NULL}},
        {&mr_command_evaluate, {"churn", NULL}},
        {&mr_command_evaluate, {"churn", "--table", "f", NULL}},
        {&mr_command_evaluate, {"churn", "--transactions", "f", "--format", "xml", NULL}},
        {&mr_command_evaluate,
         {"churn", "--transactions", "f", "--format", "cdnow", NULL}},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char copies[8][32];
        char *argv[8];
        int argc = 0;
        for (; wrong[i].words[argc] != NULL; argc++) {
            (void)snprintf(copies[argc], sizeof(copies[argc]), "%s",
                           wrong[i].words[argc]);
            argv[argc] = copies[argc];
        }
        if (wrong[i].command->run(wrong[i].command, argc, argv) != MR_EXIT_USAGE)
            fail_msg("case %zu is not refused as wrong usage", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_and_positionals_come_in_any_order),
        cmocka_unit_test(test_help_ends_with_success_wherever_it_stands),
        cmocka_unit_test(test_wrong_usage_ends_with_its_own_code),
        cmocka_unit_test(test_numbers_are_whole_and_in_range),
        cmocka_unit_test(test_a_wrong_argument_is_usage_and_anything_else_a_failure),
        cmocka_unit_test(
            test_each_command_has_help_with_an_example_and_refuses_strange_options),
        cmocka_unit_test(test_commands_refuse_what_is_missing_before_they_do_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
